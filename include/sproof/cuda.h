/* SPDX-License-Identifier: Apache-2.0 */
/* probe and validate on an NVIDIA GPU. */
#ifndef SPROOF_CUDA_H
#define SPROOF_CUDA_H

#include <stdio.h>

#include "sproof/validate.h"

#ifdef __cplusplus
extern "C" {
#endif

/* One point of the sweep over working sets. */
struct spr_cuda_point {
    double bytes;                              /* working set */
    double read_bytes_per_s, copy_bytes_per_s; /* medians; a copy counts both ways */
};
#define SPR_CUDA_POINTS_MAX 32

struct spr_cuda_probe {
    struct spr_machine machine; /* kind gpu; every number measured, or told by the driver */
    char versions[192];         /* of driver and libraries */
    struct spr_cuda_point points[SPR_CUDA_POINTS_MAX];
    size_t point_count;
    const char *missing[16]; /* what could not be measured, with the reason; of the arena */
    size_t missing_count;
};

struct spr_cuda_probe_options {
    const char *device; /* "cuda:0" */
    const char *name;   /* of the machine; NULL: made from the device's */
    const char *date;   /* "2026-01-31" */
    bool quick;         /* fewer repetitions and sizes */
    bool (*stop)(void); /* NULL: never */
    void (*progress)(void *context, const char *what); /* NULL: none */
    void *context;
};

/* Errors: SPR_EINPUT (no such device), SPR_EENVIRONMENT, SPR_EINTERRUPTED, SPR_ENOMEM. */
enum spr_status spr_cuda_probe(const struct spr_cuda_probe_options *options,
                               struct spr_cuda_probe *probe, struct spr_error *err);

/* A machine file. Errors: SPR_ENOMEM; the others stay in ferror(file). */
enum spr_status spr_cuda_probe_write(FILE *file, const struct spr_cuda_probe *probe,
                                     struct spr_error *err);

void spr_cuda_probe_free(struct spr_cuda_probe *probe);

/* Like spr_validate, on a GPU: options.device, in options.dtype. Dense by cuBLASLt, csr and
 * blocks by cuSPARSE, blocks of 16, 32 and 64 by a kernel of sproof's own as well (a case each),
 * 2:4 by cuSPARSELt. What is expected is the bound on the machine's nominal rates: theory, to be
 * held against practice. options: isa and threads are of the host and only list the cases;
 * residency warm or cold. Errors: SPR_EENVIRONMENT too. */
enum spr_status spr_cuda_validate(const struct spr_network *network,
                                  struct spr_machine *machine,
                                  const struct spr_validate_options *options,
                                  struct spr_validation *validation, struct spr_error *err);

#ifdef __cplusplus
}
#endif
#endif
