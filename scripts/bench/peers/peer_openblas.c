/* SPDX-License-Identifier: Apache-2.0 */
#include "peer.h"

#include <stdio.h>

/* The headers of several BLAS share one name, so the few prototypes are stated here. */
enum { ROW_MAJOR = 101, NO_TRANSPOSE = 111 };
void cblas_sgemm(int order, int transa, int transb, int m, int n, int k, float alpha,
                 const float *a, int lda, const float *b, int ldb, float beta, float *c,
                 int ldc);
void cblas_sgemv(int order, int trans, int m, int n, float alpha, const float *a, int lda,
                 const float *x, int incx, float beta, float *y, int incy);
void openblas_set_num_threads(int threads);
char *openblas_get_config(void);
char *openblas_get_corename(void);

struct gemm {
    int m, n, k;
    const float *w, *x;
    float *y;
};

static void run_gemm(void *state)
{
    const struct gemm *g = state;
    cblas_sgemm(ROW_MAJOR, NO_TRANSPOSE, NO_TRANSPOSE, g->m, g->n, g->k, 1, g->w, g->k, g->x,
                g->n, 0, g->y, g->n);
}

static void run_gemv(void *state)
{
    const struct gemm *g = state;
    cblas_sgemv(ROW_MAJOR, NO_TRANSPOSE, g->m, g->k, 1, g->w, g->k, g->x, 1, 0, g->y, 1);
}

static bool make(const struct peer_case *c, struct peer_product *product, char *why)
{
    struct gemm *g = peer_alloc(sizeof *g);
    (void)why;
    *g = (struct gemm){(int)c->m, (int)c->n, (int)c->k, peer_weights(c), c->x, NULL};
    g->y = peer_y(c, product);
    product->state = g;
    product->run = c->n == 1 ? run_gemv : run_gemm;
    return true;
}

static bool start(int threads, char *version)
{
    openblas_set_num_threads(threads);
    snprintf(version, PEER_TEXT, "%.80s, core %.30s", openblas_get_config(),
             openblas_get_corename());
    return true;
}

static const struct peer_way ways[] = {{"OpenBLAS", PEER_DENSE, make}};
static const struct peer openblas = {start, ways, 1};

const struct peer *peer_get(void)
{
    return &openblas;
}
