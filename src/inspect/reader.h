/* SPDX-License-Identifier: Apache-2.0 */
/* What a reader of weights sees. A format is one file here and one row of the table in
 * weights.c. */
#ifndef SPROOF_INSPECT_READER_H
#define SPROOF_INSPECT_READER_H

#include "mem.h"
#include "sproof/weights.h"

/* One mapped file and where its layers go. */
struct spr_source {
    const char *path;
    const unsigned char *bytes;
    size_t size;
    const struct spr_weights_options *options;
    struct spr_weights *weights;
    struct spr_notes *notes;
};

typedef enum spr_status (*spr_reader)(const struct spr_source *source, struct spr_error *err);

enum spr_status spr_read_safetensors(const struct spr_source *source, struct spr_error *err);
enum spr_status spr_read_npy(const struct spr_source *source, struct spr_error *err);
enum spr_status spr_read_npz(const struct spr_source *source, struct spr_error *err);
enum spr_status spr_read_mtx(const struct spr_source *source, struct spr_error *err);
enum spr_status spr_read_mtx_gz(const struct spr_source *source, struct spr_error *err);
enum spr_status spr_read_smtx(const struct spr_source *source, struct spr_error *err);
enum spr_status spr_read_pickle(const struct spr_source *source, struct spr_error *err);

/* Maps a regular file, read-only; it stays mapped until the weights are freed. An empty file
 * is size 0 and bytes that may not be read. Errors: SPR_EINPUT, SPR_ENOMEM. */
enum spr_status spr_map_file(struct spr_weights *weights, const char *path,
                             const unsigned char **bytes, size_t *size, struct spr_error *err);
void spr_unmap_all(struct spr_weights *weights);

/* The path of `name` in the directory of `path`, in the arena. Errors: SPR_EINPUT when the
 * name is absolute, has a ".." or leads out of the directory through a link; SPR_ENOMEM. */
enum spr_status spr_sibling(struct spr_weights *weights, const char *path, const char *name,
                            const char **out, struct spr_error *err);

/* Appends a copy; NULL when out of memory, with err set. */
struct spr_tensor *spr_add_tensor(struct spr_weights *weights, const struct spr_tensor *tensor,
                                  struct spr_error *err);
struct spr_weight *spr_add_weight(struct spr_weights *weights, const struct spr_weight *weight,
                                  struct spr_error *err);

/* A linear (2-d, m x k) or convolution layer (3-d to 5-d, m = first dimension) that holds all
 * of a dense tensor; other ranks are no layers. */
bool spr_weight_of_tensor(const struct spr_weights *weights, size_t tensor,
                          struct spr_weight *weight);

/* Product of the dimensions; false beyond 2^53 or for a negative one. */
bool spr_elements(const int64_t *shape, int rank, int64_t *elements);

/* Bytes of an element; 0 for SPR_ELEMENT_OTHER. */
size_t spr_element_bytes(enum spr_element element);

/* Whether an element of a pruned weight stays. */
bool spr_weight_keeps(const struct spr_weight *weight, int64_t row, int64_t column);

/* File name without directory and without the given suffix, in the arena; NULL when out of
 * memory. */
const char *spr_layer_name(struct spr_weights *weights, const char *path);

#endif
