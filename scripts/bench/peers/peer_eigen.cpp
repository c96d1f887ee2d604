// SPDX-License-Identifier: Apache-2.0
// Eigen is a header: it is as fast as its compiler flags, so this file is compiled with
// -march=native, which sproof itself never is.
#include "peer.h"

#include <cstdio>

#include <Eigen/Core>
#include <Eigen/SparseCore>

namespace
{
using Dense = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
using Vector = Eigen::Matrix<float, Eigen::Dynamic, 1>;
using Sparse = Eigen::SparseMatrix<float, Eigen::RowMajor, int>;

struct dense {
    Eigen::Index m, k, n;
    const float *w, *x;
    float *y;
};

void run_dense(void *state)
{
    const auto *p = static_cast<dense *>(state);
    Eigen::Map<Dense>(p->y, p->m, p->n).noalias() =
        Eigen::Map<const Dense>(p->w, p->m, p->k) * Eigen::Map<const Dense>(p->x, p->k, p->n);
}

void run_dense_vector(void *state)
{
    const auto *p = static_cast<dense *>(state);
    Eigen::Map<Vector>(p->y, p->m).noalias() =
        Eigen::Map<const Dense>(p->w, p->m, p->k) * Eigen::Map<const Vector>(p->x, p->k);
}

bool make_dense(const peer_case *c, peer_product *product, char *)
{
    auto *p = new dense{c->m, c->k, c->n, peer_weights(c), c->x, nullptr};
    p->y = peer_y(c, product);
    product->state = p;
    product->run = c->n == 1 ? run_dense_vector : run_dense;
    return true;
}

struct sparse {
    Sparse w;
    Eigen::Index k, n;
    const float *x;
    float *y;
};

void run_sparse(void *state)
{
    const auto *p = static_cast<sparse *>(state);
    Eigen::Map<Dense>(p->y, p->w.rows(), p->n).noalias() =
        p->w * Eigen::Map<const Dense>(p->x, p->k, p->n);
}

void run_sparse_vector(void *state)
{
    const auto *p = static_cast<sparse *>(state);
    Eigen::Map<Vector>(p->y, p->w.rows()).noalias() =
        p->w * Eigen::Map<const Vector>(p->x, p->k);
}

bool make_sparse(const peer_case *c, peer_product *product, char *)
{
    const spr_matrix *matrix = c->matrix;
    auto *p = new sparse{};
    p->w = Eigen::Map<const Sparse>(c->m, c->k, (Eigen::Index)matrix->nnz,
                                    peer_row_offsets(matrix), matrix->column, matrix->value);
    p->k = c->k;
    p->n = c->n;
    p->x = c->x;
    p->y = peer_y(c, product);
    product->state = p;
    product->run = c->n == 1 ? run_sparse_vector : run_sparse;
    return true;
}

bool start(int threads, char *version)
{
    Eigen::setNbThreads(threads);
    std::snprintf(version, PEER_TEXT, "Eigen %d.%d.%d, %s", EIGEN_WORLD_VERSION,
                  EIGEN_MAJOR_VERSION, EIGEN_MINOR_VERSION, Eigen::SimdInstructionSetsInUse());
    return true;
}

const peer_way ways[] = {{"Eigen", PEER_DENSE, make_dense}, {"Eigen", PEER_CSR, make_sparse}};
const peer eigen = {start, ways, 2};
} // namespace

extern "C" const peer *peer_get(void)
{
    return &eigen;
}
