/* SPDX-License-Identifier: Apache-2.0 */
/* Loops that each load one limit of the CPU and nothing else; one table per instruction set. */
#ifndef SPROOF_KERNEL_ISA_PROBE_LOOPS_H
#define SPROOF_KERNEL_ISA_PROBE_LOOPS_H

#include <stddef.h>
#include <stdint.h>

/* Multiples of this many bytes are what the memory loops walk over. */
#define SPR_PROBE_GRAIN 4096
/* Random rows read in one round. */
#define SPR_PROBE_ROWS 1024

/* What one thread works on. */
struct spr_probe_work {
    float *memory;        /* aligned to 64 bytes */
    size_t bytes;         /* working set, a multiple of SPR_PROBE_GRAIN */
    const uint32_t *rows; /* random row numbers */
    size_t row_count;     /* a multiple of SPR_PROBE_ROWS */
    size_t row_bytes;     /* 64, 128, 256 or 512 */
    size_t cursor;        /* the row at hand */
};

/* Runs so many rounds; returns the work done: FLOPs, instructions or bytes. */
typedef double spr_probe_loop(struct spr_probe_work *work, size_t rounds);

enum spr_probe_kind {
    SPR_PROBE_FMA_F32,
    SPR_PROBE_FMA_F64,
    SPR_PROBE_FMA_F16,
    SPR_PROBE_DOT_BF16,
    SPR_PROBE_DOT_I8,
    SPR_PROBE_MATRIX_BF16, /* products of tiles (AMX) or small matrices (NEON) */
    SPR_PROBE_MATRIX_I8,
    SPR_PROBE_LOAD,
    SPR_PROBE_BROADCAST,
    SPR_PROBE_STORE,
    SPR_PROBE_READ,
    SPR_PROBE_COPY,
    SPR_PROBE_ROW_READ,
    SPR_PROBE_KERNEL_READ, /* vectors of X for multiply-adds with weights, as in a kernel */
};
#define SPR_PROBE_KINDS 14

struct spr_probe_loops {
    spr_probe_loop *run[SPR_PROBE_KINDS]; /* NULL: not in this instruction set */
    /* The same on zeros, where a rate depends on the data; else NULL. */
    spr_probe_loop *zeros[SPR_PROBE_KINDS];
};

#endif
