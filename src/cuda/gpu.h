/* SPDX-License-Identifier: Apache-2.0 */
/* One NVIDIA GPU as the C side sees it: tasks that run on it, and their times by its own
 * events. Everything that knows CUDA lies behind these functions. */
#ifndef SPROOF_CUDA_GPU_H
#define SPROOF_CUDA_GPU_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sproof/machine.h"

#ifdef __cplusplus
extern "C" {
#endif

struct spr_gpu;
struct spr_gpu_case;
struct spr_gpu_task;

struct spr_gpu_facts {
    char name[128];     /* "NVIDIA H100 80GB HBM3" */
    char versions[160]; /* of driver, runtime and libraries */
    int multiprocessors;
    int capability;      /* 90: compute capability 9.0 */
    double memory_bytes; /* device memory */
    double l2_bytes;
};

/* device: "cuda:0". Errors: SPR_EINPUT (not of that form; no such device, naming those that
 * there are), SPR_EENVIRONMENT (no driver). */
enum spr_status spr_gpu_open(const char *device, struct spr_gpu **gpu, struct spr_error *err);
void spr_gpu_close(struct spr_gpu *gpu);
const struct spr_gpu_facts *spr_gpu_facts(const struct spr_gpu *gpu);

/* Seconds of one call by events. cold: one call after a buffer of four times the L2 was read,
 * so that nothing of the operands is left in it and nothing waits to be written back. Else the
 * mean of `calls` calls that wait in the queue behind a kernel that only spends time: the
 * host's launching is hidden. Errors: SPR_EENVIRONMENT with CUDA's own words. */
enum spr_status spr_gpu_sample(struct spr_gpu *gpu, struct spr_gpu_task *task, bool cold,
                               int calls, double *seconds, struct spr_error *err);

const char *spr_gpu_task_name(const struct spr_gpu_task *task);
void spr_gpu_task_free(struct spr_gpu_task *task);

/* What probe times. */
enum spr_gpu_rate {
    SPR_GPU_EMPTY, /* a kernel that does nothing */
    SPR_GPU_READ,  /* every byte of `size` once */
    SPR_GPU_COPY,  /* half of `size` onto the other half: `size` bytes move */
    SPR_GPU_FMA,   /* f32 multiply-adds in registers */
};
/* `amount` receives what one call does: bytes, FLOPs, or 1 launch. Reading and copying pass
 * `passes` times over their bytes. */
enum spr_status spr_gpu_rate_task(struct spr_gpu *gpu, enum spr_gpu_rate rate, double size,
                                  int passes, struct spr_gpu_task **task, double *amount,
                                  struct spr_error *err);

/* A dense product of random size x size matrices by the fastest algorithm of cuBLASLt; with
 * structured the left one is 2:4, by cuSPARSELt. Errors: SPR_EENVIRONMENT (the library is
 * missing or has no such product). */
enum spr_status spr_gpu_peak_task(struct spr_gpu *gpu, enum spr_dtype dtype, bool structured,
                                  int64_t size, struct spr_gpu_task **task,
                                  struct spr_error *err);

/* W (m x k), random X (k x n) in f16 or bf16, and room to check Y (m x n). */
struct spr_gpu_operands {
    int64_t m, k, n;
    enum spr_dtype dtype; /* SPR_F16 or SPR_BF16 */
    uint64_t seed;        /* of X, and of W where w is NULL: uniform in [-1, 1) */
    const float *w;       /* m x k, rounded to dtype; NULL: all random */
};
enum spr_status spr_gpu_case_make(struct spr_gpu *gpu, const struct spr_gpu_operands *operands,
                                  struct spr_gpu_case **out, struct spr_error *err);
void spr_gpu_case_free(struct spr_gpu_case *of);

/* Whose kernel multiplies. */
enum spr_gpu_kernel {
    SPR_GPU_CUBLASLT,        /* dense */
    SPR_GPU_CUSPARSE_CSR,    /* single weights */
    SPR_GPU_CUSPARSE_BLOCKS, /* blocked-ELL and BSR, square blocks */
    SPR_GPU_OWN_BLOCKS,      /* src/cuda/bsr_kernel.h, blocks of 16, 32 or 64 */
    SPR_GPU_CUSPARSELT,      /* 2:4 */
};

/* The fastest of that library's algorithms whose product is right: every element written, and
 * within its rounding-error bound of the double-precision product (src/cuda/check.cu).
 * block: rows of a square block. rejected[size] receives a word on algorithms that failed or
 * were wrong, "" when none. Errors: SPR_EENVIRONMENT (none is left, with the last reason). */
struct spr_gpu_choice {
    enum spr_gpu_kernel kernel;
    int block;
    char *rejected;
    size_t size;
};
enum spr_status spr_gpu_product(struct spr_gpu_case *of, const struct spr_gpu_choice *choice,
                                struct spr_gpu_task **task, struct spr_error *err);

/* Poisons Y, runs the product once and checks it. *worst: the largest |y - y_ref| over its
 * bound, infinite where an element was not written. Errors: SPR_EENVIRONMENT. */
enum spr_status spr_gpu_check(struct spr_gpu_case *of, struct spr_gpu_task *task,
                              double *worst, struct spr_error *err);

#ifdef __cplusplus
}
#endif
#endif
