/* SPDX-License-Identifier: Apache-2.0 */
/* LIBXSMM: one JIT kernel over the whole shape (one thread), and spmdm for single non-zeros. */
#include "peer.h"

#include <stdio.h>

#include <libxsmm.h>
#include <omp.h>

struct gemm {
    libxsmm_smmfunction kernel;
    const float *w, *x;
    float *y;
};

/* The library is column-major: it sees Y' = X' W'. */
static void run_gemm(void *state)
{
    const struct gemm *g = state;
    g->kernel(g->x, g->w, g->y);
}

static bool make_gemm(const struct peer_case *c, struct peer_product *product, char *why)
{
    libxsmm_blasint m = (int)c->n, n = (int)c->m, k = (int)c->k;
    const float one = 1, zero = 0;
    if (c->threads > 1) {
        snprintf(why, PEER_TEXT, "one kernel runs on one thread");
        return false;
    }
    struct gemm *g = peer_alloc(sizeof *g);
    g->kernel = libxsmm_smmdispatch(m, n, k, &m, &k, &m, &one, &zero, NULL, NULL);
    if (g->kernel == NULL) {
        snprintf(why, PEER_TEXT, "no kernel of this shape");
        return false;
    }
    g->w = peer_weights(c);
    g->x = c->x;
    g->y = peer_y(c, product);
    product->state = g;
    product->run = run_gemm;
    return true;
}

struct spmdm {
    libxsmm_spmdm_handle handle;
    libxsmm_CSR_sparseslice *slices;
    int threads;
    const float *x;
    float *y;
};

static void run_block(const struct spmdm *s, int block, int thread)
{
    const float one = 1, zero = 0;
    libxsmm_spmdm_compute_fp32_thread(&s->handle, 'N', 'N', &one, s->slices, s->x, 'N', &zero,
                                      s->y, block, thread, s->threads);
}

static void run_spmdm(void *state)
{
    const struct spmdm *s = state;
    int blocks = libxsmm_spmdm_get_num_compute_blocks(&s->handle);
    if (s->threads == 1) {
        for (int b = 0; b < blocks; b++) {
            run_block(s, b, 0);
        }
        return;
    }
#pragma omp parallel for num_threads(s->threads) schedule(dynamic, 1)
    for (int b = 0; b < blocks; b++) {
        run_block(s, b, omp_get_thread_num());
    }
}

static bool make_spmdm(const struct peer_case *c, struct peer_product *product, char *why)
{
    struct spmdm *s = peer_alloc(sizeof *s);
    (void)why;
    libxsmm_spmdm_init((int)c->m, (int)c->n, (int)c->k, c->threads, &s->handle, &s->slices);
    const float *w = peer_weights(c);
    int blocks = libxsmm_spmdm_get_num_createSparseSlice_blocks(&s->handle);
    for (int b = 0; b < blocks; b++) {
        libxsmm_spmdm_createSparseSlice_fp32_thread(&s->handle, 'N', w, s->slices, b, 0, 1);
    }
    s->threads = c->threads;
    s->x = c->x;
    s->y = peer_y(c, product);
    product->state = s;
    product->run = run_spmdm;
    return true;
}

static bool start(int threads, char *version)
{
    (void)threads;
    libxsmm_init();
    snprintf(version, PEER_TEXT, "LIBXSMM %s, target %s", LIBXSMM_VERSION,
             libxsmm_get_target_arch());
    return true;
}

static const struct peer_way ways[] = {{"LIBXSMM", PEER_DENSE, make_gemm},
                                       {"LIBXSMM spmdm", PEER_CSR, make_spmdm}};
static const struct peer libxsmm = {start, ways, 2};

const struct peer *peer_get(void)
{
    return &libxsmm;
}
