/* SPDX-License-Identifier: Apache-2.0 */
/* The only file that knows OpenBLAS. */
#include "kernel/blas.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Values of CBLAS_ORDER and CBLAS_TRANSPOSE, the same in every CBLAS (netlib cblas.h). */
enum { ROW_MAJOR = 101, NO_TRANSPOSE = 111, TRANSPOSE = 112 };

/* ISO C has no conversion between the pointers dlsym returns and functions; POSIX asks for
 * this detour. */
static bool find(void *library, const char *name, void *function, size_t size)
{
    void *symbol = dlsym(library, name);
    memcpy(function, &symbol, size);
    return symbol != NULL;
}

/* Which kernels it picks is decided as it is loaded. */
static void set_environment(struct spr_blas *blas, enum spr_isa isa, int threads)
{
    char text[16];
    snprintf(text, sizeof text, "%d", threads);
    setenv("OPENBLAS_NUM_THREADS", text, 1);
    /* Its idle threads spin for 2^26 cycles by default, on cores that our own kernels use
     * next. 2^20 cycles are over within SPR_BLAS_IDLE_S, and still long enough that they stay
     * awake from one call to the next. */
    setenv("OPENBLAS_THREAD_TIMEOUT", "20", 1);
    if (isa == SPR_ISA_AVX2 && spr_isa_usable(SPR_ISA_AVX512)) {
        setenv("OPENBLAS_CORETYPE", "Haswell", 1);
    } else if (isa == SPR_ISA_SCALAR && spr_isa_best() != SPR_ISA_SCALAR) {
        snprintf(blas->note, sizeof blas->note,
                 "OpenBLAS has no scalar core: it uses all this CPU has");
    }
}

static bool find_all(struct spr_blas *blas, int threads)
{
    char *(*core)(void) = NULL;
    void (*set_threads)(int) = NULL;
    if (!find(blas->library, "cblas_sgemm", &blas->sgemm, sizeof blas->sgemm) ||
        !find(blas->library, "cblas_sgemv", &blas->sgemv, sizeof blas->sgemv) ||
        !find(blas->library, "openblas_set_num_threads", &set_threads, sizeof set_threads)) {
        return false;
    }
    set_threads(threads);
    if (find(blas->library, "openblas_get_corename", &core, sizeof core)) {
        snprintf(blas->core, sizeof blas->core, "%s", core());
    }
    return true;
}

bool spr_blas_load(struct spr_blas *blas, enum spr_isa isa, int threads)
{
    static const char *const names[] = {"libopenblas.so.0", "libopenblas.so"};
    *blas = (struct spr_blas){0};
    set_environment(blas, isa, threads);
    for (size_t i = 0; i < sizeof names / sizeof *names && !blas->library; i++) {
        blas->library = dlopen(names[i], RTLD_NOW | RTLD_LOCAL);
    }
    bool complete = blas->library && find_all(blas, threads);
    if (!complete) {
        snprintf(blas->note, sizeof blas->note,
                 "%s: sproof's own dense kernel is the only baseline",
                 blas->library ? "this OpenBLAS lacks a function" : "no OpenBLAS");
        spr_blas_free(blas);
    }
    return complete;
}

void spr_blas_free(struct spr_blas *blas)
{
    /* Never unloaded: its threads would go on in code that is no longer there. */
    blas->library = NULL;
    blas->sgemm = NULL;
    blas->sgemv = NULL;
}

bool spr_blas_takes(const struct spr_blas *blas, int64_t m, int64_t k, int64_t n)
{
    return blas->library && m <= INT32_MAX && k <= INT32_MAX && n <= INT32_MAX;
}

void spr_blas_product(const struct spr_blas *blas, int64_t m, int64_t k, int64_t n,
                      const float *w, const float *x, float *y)
{
    if (n == 1) {
        blas->sgemv(ROW_MAJOR, NO_TRANSPOSE, (int)m, (int)k, 1, w, (int)k, x, 1, 0, y, 1);
    } else {
        blas->sgemm(ROW_MAJOR, NO_TRANSPOSE, NO_TRANSPOSE, (int)m, (int)n, (int)k, 1, w,
                    (int)k, x, (int)n, 0, y, (int)n);
    }
}

void spr_blas_product_nk(const struct spr_blas *blas, int64_t m, int64_t k, int64_t n,
                         const float *w, const float *x, float *y)
{
    if (n == 1) {
        spr_blas_product(blas, m, k, n, w, x, y);
    } else {
        blas->sgemm(ROW_MAJOR, NO_TRANSPOSE, TRANSPOSE, (int)n, (int)m, (int)k, 1, x, (int)k,
                    w, (int)k, 0, y, (int)m);
    }
}
