/* SPDX-License-Identifier: Apache-2.0 */
/* What the fuzzers share: the input as a file, and an analysis of what was read. */
#ifndef SPROOF_FUZZ_H
#define SPROOF_FUZZ_H

#include <stddef.h>
#include <stdint.h>

#include "sproof/analysis.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A path under which the readers find these bytes; valid until the next call. */
const char *fuzz_file(const uint8_t *data, size_t size);

/* An own folder of this process, there as long as it runs, however it ends. */
const char *fuzz_folder(void);

/* Empties it. */
void fuzz_empty_folder(void);

/* Writes a file of this name into it: no '/' in the name. false: the system takes no such name. */
bool fuzz_write(const char *name, const void *bytes, size_t size);

/* Inputs of several pieces are parted by FUZZ_SPLIT. */
#define FUZZ_SPLIT "\n====\n"
struct fuzz_piece {
    const uint8_t *bytes;
    size_t size;
};

/* Takes the next piece off *rest, false at the end. Before the first: *rest is the input. */
bool fuzz_next(struct fuzz_piece *rest, struct fuzz_piece *piece);

/* Takes the first line off a piece, as text of at most size - 1 bytes, without its end. */
void fuzz_line(struct fuzz_piece *piece, char *text, size_t size);

/* What was read must be rows whose bits and values tell the same zeros. */
struct spr_weights;
void fuzz_check_weights(struct spr_weights *weights);

/* A failure must have a cause. */
void fuzz_check_error(const struct spr_error *err);

/* Networks above this size are read but not analyzed: the arithmetic of 50 layers is that
 * of 5000. */
#define FUZZ_LAYERS_MAX 50
#define FUZZ_RESULTS_MAX 400

/* Ends the process with a message: a law of the model is broken. */
void fuzz_require(bool holds, const char *law);

/* A small machine with several engines, caches and intervals. Strings are constants. */
struct spr_machine fuzz_machine(void);

/* Two layers, one of them a convolution with groups. Owned by the caller. */
struct spr_network fuzz_network(void);

/* A grid over every kind of pattern. */
void fuzz_add_grid(struct spr_network *network);

/* Analyzes, checks the laws every analysis obeys, writes the record and reads it back. A
 * refusal (no engine) is fine. */
void fuzz_analyze(struct spr_network *network, const struct spr_machine *machine,
                  const struct spr_options *options);

#endif
