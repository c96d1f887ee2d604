/* SPDX-License-Identifier: Apache-2.0 */
/* XNNPACK: the fully-connected operator (X is n rows of k), and the 1x1 convolution in NCHW,
 * which drops the zeros of its weights (n is the number of pixels). */
#include "peer.h"

#include <math.h>
#include <stdio.h>

#include <xnnpack.h>

static pthreadpool_t pool; /* NULL: the calling thread */

static void run(void *state)
{
    (void)xnn_run_operator(state, pool);
}

static bool failed(enum xnn_status status, const char *what, char *why)
{
    if (status != xnn_status_success) {
        snprintf(why, PEER_TEXT, "%s: status %d", what, (int)status);
    }
    return status != xnn_status_success;
}

static bool make_dense(const struct peer_case *c, struct peer_product *product, char *why)
{
    size_t k = (size_t)c->k, m = (size_t)c->m;
    xnn_operator_t op = NULL;
    float *y = peer_y_transposed(c, product);
    if (failed(xnn_create_fully_connected_nc_f32(k, m, k, m, peer_weights(c), NULL, -INFINITY,
                                                 INFINITY, 0, &op),
               "create", why) ||
        failed(xnn_setup_fully_connected_nc_f32(op, (size_t)c->n,
                                                peer_x_transposed(c, product), y, pool),
               "set up", why)) {
        return false;
    }
    product->state = op;
    product->run = run;
    return true;
}

static bool make_sparse(const struct peer_case *c, struct peer_product *product, char *why)
{
    size_t k = (size_t)c->k, m = (size_t)c->m;
    xnn_operator_t op = NULL;
    float *y = peer_y(c, product);
    if (failed(xnn_create_convolution2d_nchw_f32(0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, k, m, k, m,
                                                 peer_weights(c), NULL, -INFINITY, INFINITY, 0,
                                                 &op),
               "create", why) ||
        failed(xnn_setup_convolution2d_nchw_f32(op, 1, 1, (size_t)c->n, c->x, y, pool),
               "set up", why)) {
        return false;
    }
    product->state = op;
    product->run = run;
    return true;
}

static bool start(int threads, char *version)
{
    if (failed(xnn_initialize(NULL), "initialize", version)) {
        return false;
    }
    if (threads > 1) {
        pool = pthreadpool_create((size_t)threads);
    }
    snprintf(version, PEER_TEXT, "XNNPACK (states no version)");
    return true;
}

static const struct peer_way ways[] = {{"XNNPACK", PEER_DENSE, make_dense},
                                       {"XNNPACK", PEER_CSR, make_sparse}};
static const struct peer xnnpack = {start, ways, 2};

const struct peer *peer_get(void)
{
    return &xnnpack;
}
