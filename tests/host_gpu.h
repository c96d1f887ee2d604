/* SPDX-License-Identifier: Apache-2.0 */
/* src/cuda/cuda_validate.c, the whole of it, on a GPU that the host plays: products in single
 * precision, checked against double precision, and a call that takes test_gpu_call_s on the
 * test's clock. */
#ifndef SPROOF_TEST_HOST_GPU_H
#define SPROOF_TEST_HOST_GPU_H

#include "validate.h"

#include "cuda/cuda_validate.c"

struct spr_gpu {
    int unused;
};

struct spr_gpu_case {
    struct spr_gpu_operands operands;
    float *w, *x, *y;
};

struct spr_gpu_task {
    struct spr_gpu_case *of;
    enum spr_gpu_kernel kernel;
};

/* Seconds of one call; dense or not. */
static double (*test_gpu_call_s)(bool dense);

/* A library that is not there. */
static int test_gpu_missing = -1;

enum spr_status spr_gpu_open(const char *device, struct spr_gpu **gpu, struct spr_error *err)
{
    *gpu = spr_calloc(1, sizeof **gpu);
    return *gpu && strcmp(device, "cuda:0") == 0 ? SPR_OK : spr_no_memory(err);
}

void spr_gpu_close(struct spr_gpu *gpu)
{
    spr_free(gpu);
}

static void test_gpu_product(const struct spr_gpu_case *of)
{
    const struct spr_gpu_operands *o = &of->operands;
    for (int64_t i = 0; i < o->m; i++) {
        for (int64_t j = 0; j < o->n; j++) {
            float sum = 0;
            for (int64_t l = 0; l < o->k; l++) {
                sum += of->w[i * o->k + l] * of->x[l * o->n + j];
            }
            of->y[i * o->n + j] = sum;
        }
    }
}

enum spr_status spr_gpu_sample(struct spr_gpu *gpu, struct spr_gpu_task *task, bool evict,
                               int calls, double *seconds, struct spr_error *err)
{
    (void)gpu, (void)evict, (void)err;
    test_gpu_product(task->of);
    *seconds = test_gpu_call_s(task->kernel == SPR_GPU_CUBLASLT);
    test_now_s += *seconds * calls;
    return SPR_OK;
}

const char *spr_gpu_task_name(const struct spr_gpu_task *task)
{
    static const char *const names[] = {"cublaslt", "cusparse-csr", "cusparse-blocks",
                                        "own-blocks", "cusparselt"};
    return names[task->kernel];
}

void spr_gpu_task_free(struct spr_gpu_task *task)
{
    spr_free(task);
}

void spr_gpu_case_free(struct spr_gpu_case *of)
{
    if (of) {
        spr_free(of->w);
        spr_free(of->x);
        spr_free(of->y);
        spr_free(of);
    }
}

enum spr_status spr_gpu_case_make(struct spr_gpu *gpu, const struct spr_gpu_operands *operands,
                                  struct spr_gpu_case **out, struct spr_error *err)
{
    size_t m = (size_t)operands->m, k = (size_t)operands->k, n = (size_t)operands->n;
    struct spr_gpu_case *of = spr_calloc(1, sizeof *of);
    uint64_t random = operands->seed;
    (void)gpu;
    *out = of;
    if (!of) {
        return spr_no_memory(err);
    }
    of->operands = *operands;
    of->w = spr_calloc(m * k, sizeof *of->w);
    of->x = spr_calloc(k * n, sizeof *of->x);
    of->y = spr_calloc(m * n, sizeof *of->y);
    if (!of->w || !of->x || !of->y) {
        return spr_no_memory(err);
    }
    for (size_t i = 0; i < k * n; i++) {
        of->x[i] = (float)(2 * spr_random_unit(&random) - 1);
    }
    for (size_t i = 0; i < m * k; i++) {
        of->w[i] = operands->w ? operands->w[i] : (float)(2 * spr_random_unit(&random) - 1);
    }
    return SPR_OK;
}

enum spr_status spr_gpu_product(struct spr_gpu_case *of, const struct spr_gpu_choice *choice,
                                struct spr_gpu_task **task, struct spr_error *err)
{
    if ((int)choice->kernel == test_gpu_missing) {
        return spr_fail(err, SPR_EENVIRONMENT, "no library for kernel %d", choice->kernel);
    }
    *task = spr_calloc(1, sizeof **task);
    if (!*task) {
        return spr_no_memory(err);
    }
    **task = (struct spr_gpu_task){of, choice->kernel};
    return SPR_OK;
}

enum spr_status spr_gpu_check(struct spr_gpu_case *of, struct spr_gpu_task *task,
                              double *worst, struct spr_error *err)
{
    const struct spr_gpu_operands *o = &of->operands;
    (void)task, (void)err;
    test_gpu_product(of);
    *worst = 0;
    for (int64_t i = 0; i < o->m; i++) {
        for (int64_t j = 0; j < o->n; j++) {
            double sum = 0, magnitude = 0;
            for (int64_t l = 0; l < o->k; l++) {
                double term = (double)of->w[i * o->k + l] * (double)of->x[l * o->n + j];
                sum += term;
                magnitude += fabs(term);
            }
            double bound = ((double)o->k + 2) * 0x1p-23 * magnitude;
            double off = fabs((double)of->y[i * o->n + j] - sum);
            *worst = spr_worse(*worst, off <= 0 ? 0 : off / bound);
        }
    }
    return SPR_OK;
}

#endif
