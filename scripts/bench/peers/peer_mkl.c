/* SPDX-License-Identifier: Apache-2.0 */
/* Intel MKL, a yardstick and never a dependency: opened when the program runs, from the path
 * in PEERS_MKL, with the few prototypes it needs stated here. With PEERS_MKL_PRELOAD set,
 * that object is loaded first. */
#include "peer.h"

#include <dlfcn.h>
#include <stdio.h>

enum { ROW_MAJOR = 101, NO_TRANSPOSE = 111, PACKED = 151, A_MATRIX = 161 };
enum { SPARSE_NO_TRANSPOSE = 10, SPARSE_GENERAL = 20, SPARSE_AGGRESSIVE = 81 };
enum { HINT_CALLS = 100000 };

typedef void *sparse_handle;
struct sparse_kind {
    int type, mode, diagonal;
};

static void (*mkl_version)(char *text, int size);
static void (*mkl_threads)(int threads);
static void (*gemm)(int order, int transa, int transb, int m, int n, int k, float alpha,
                    const float *a, int lda, const float *b, int ldb, float beta, float *c,
                    int ldc);
static void (*gemv)(int order, int trans, int m, int n, float alpha, const float *a, int lda,
                    const float *x, int incx, float beta, float *y, int incy);
static size_t (*pack_size)(int identifier, int m, int n, int k);
static void (*pack)(int order, int identifier, int trans, int m, int n, int k, float alpha,
                    const float *source, int ld, float *packed);
static void (*compute)(int order, int transa, int transb, int m, int n, int k, const float *a,
                       int lda, const float *b, int ldb, float beta, float *c, int ldc);
static int (*create_csr)(sparse_handle *handle, int base, int rows, int columns,
                         const int *row_start, const int *row_end, const int *column,
                         const float *value);
static int (*create_bsr)(sparse_handle *handle, int base, int layout, int rows, int columns,
                         int block, const int *row_start, const int *row_end,
                         const int *column, const float *value);
static int (*hint_mm)(sparse_handle handle, int operation, struct sparse_kind kind, int layout,
                      int columns, int calls);
static int (*hint_mv)(sparse_handle handle, int operation, struct sparse_kind kind, int calls);
static int (*hint_memory)(sparse_handle handle, int policy);
static int (*optimize)(sparse_handle handle);
static int (*sparse_mm)(int operation, float alpha, sparse_handle handle,
                        struct sparse_kind kind, int layout, const float *b, int columns,
                        int ldb, float beta, float *c, int ldc);
static int (*sparse_mv)(int operation, float alpha, sparse_handle handle,
                        struct sparse_kind kind, const float *x, float beta, float *y);

static const struct sparse_kind general = {SPARSE_GENERAL, 0, 0};

struct product {
    int m, n, k;
    const float *w, *x;
    float *y;
    sparse_handle handle;
};

static struct product *begin(const struct peer_case *c, struct peer_product *product)
{
    struct product *p = peer_alloc(sizeof *p);
    *p = (struct product){.m = (int)c->m, .n = (int)c->n, .k = (int)c->k, .x = c->x};
    p->y = peer_y(c, product);
    product->state = p;
    return p;
}

static void run_gemm(void *state)
{
    const struct product *p = state;
    gemm(ROW_MAJOR, NO_TRANSPOSE, NO_TRANSPOSE, p->m, p->n, p->k, 1, p->w, p->k, p->x, p->n, 0,
         p->y, p->n);
}

static void run_gemv(void *state)
{
    const struct product *p = state;
    gemv(ROW_MAJOR, NO_TRANSPOSE, p->m, p->k, 1, p->w, p->k, p->x, 1, 0, p->y, 1);
}

static bool make_gemm(const struct peer_case *c, struct peer_product *product, char *why)
{
    (void)why;
    begin(c, product)->w = peer_weights(c);
    product->run = c->n == 1 ? run_gemv : run_gemm;
    return true;
}

static void run_packed(void *state)
{
    const struct product *p = state;
    compute(ROW_MAJOR, PACKED, NO_TRANSPOSE, p->m, p->n, p->k, p->w, p->k, p->x, p->n, 0, p->y,
            p->n);
}

static bool make_packed(const struct peer_case *c, struct peer_product *product, char *why)
{
    (void)why;
    struct product *p = begin(c, product);
    float *packed = peer_alloc(pack_size(A_MATRIX, p->m, p->n, p->k));
    pack(ROW_MAJOR, A_MATRIX, NO_TRANSPOSE, p->m, p->n, p->k, 1, peer_weights(c), p->k,
         packed);
    p->w = packed;
    product->run = run_packed;
    return true;
}

static void run_sparse_mm(void *state)
{
    const struct product *p = state;
    (void)sparse_mm(SPARSE_NO_TRANSPOSE, 1, p->handle, general, ROW_MAJOR, p->x, p->n, p->n, 0,
                    p->y, p->n);
}

static void run_sparse_mv(void *state)
{
    const struct product *p = state;
    (void)sparse_mv(SPARSE_NO_TRANSPOSE, 1, p->handle, general, p->x, 0, p->y);
}

/* Tells the inspector what is to come. A hint it does not take is no failure. */
static bool inspect(struct product *p, struct peer_product *product, int status, char *why)
{
    if (status != 0) {
        snprintf(why, PEER_TEXT, "create: status %d", status);
        return false;
    }
    if (p->n == 1) {
        (void)hint_mv(p->handle, SPARSE_NO_TRANSPOSE, general, HINT_CALLS);
    } else {
        (void)hint_mm(p->handle, SPARSE_NO_TRANSPOSE, general, ROW_MAJOR, p->n, HINT_CALLS);
    }
    (void)hint_memory(p->handle, SPARSE_AGGRESSIVE);
    (void)optimize(p->handle);
    product->run = p->n == 1 ? run_sparse_mv : run_sparse_mm;
    return true;
}

static bool make_csr(const struct peer_case *c, struct peer_product *product, char *why)
{
    struct product *p = begin(c, product);
    const int *offsets = peer_row_offsets(c->matrix);
    int status = create_csr(&p->handle, 0, p->m, p->k, offsets, offsets + 1, c->matrix->column,
                            c->matrix->value);
    return inspect(p, product, status, why);
}

/* Row-major b x b blocks, in the order of their columns. */
struct bsr {
    int *offsets, *columns;
    float *values;
};

static struct bsr gather_blocks(const struct spr_matrix *matrix, int64_t b)
{
    size_t blocks = matrix->nnz / (size_t)(b * b), count = 0;
    struct bsr bsr = {peer_alloc(((size_t)(matrix->m / b) + 1) * sizeof(int)),
                      peer_alloc(blocks * sizeof(int)), peer_floats((int64_t)matrix->nnz)};
    for (int64_t r = 0; r < matrix->m; r += b) {
        size_t in_row = (matrix->row[r + 1] - matrix->row[r]) / (size_t)b;
        for (size_t j = 0; j < in_row; j++, count++) {
            bsr.columns[count] = (int)(matrix->column[matrix->row[r] + j * (size_t)b] / b);
            for (int64_t i = 0; i < b; i++) {
                memcpy(bsr.values + count * (size_t)(b * b) + (size_t)(i * b),
                       matrix->value + matrix->row[r + i] + j * (size_t)b,
                       (size_t)b * sizeof(float));
            }
        }
        bsr.offsets[r / b + 1] = (int)count;
    }
    return bsr;
}

static bool make_bsr(const struct peer_case *c, struct peer_product *product, char *why)
{
    int64_t b = c->pattern.a;
    struct product *p = begin(c, product);
    struct bsr bsr = gather_blocks(c->matrix, b);
    int status = create_bsr(&p->handle, 0, ROW_MAJOR, (int)(c->m / b), (int)(c->k / b), (int)b,
                            bsr.offsets, bsr.offsets + 1, bsr.columns, bsr.values);
    return inspect(p, product, status, why);
}

/* ISO C has no conversion between object and function pointers; POSIX has. */
static bool load(void *library, const char *name, void *function)
{
    void *symbol = dlsym(library, name);
    memcpy(function, &symbol, sizeof symbol);
    return symbol != NULL;
}

static bool load_all(void *library)
{
    return load(library, "mkl_get_version_string", &mkl_version) &&
           load(library, "MKL_Set_Num_Threads", &mkl_threads) &&
           load(library, "cblas_sgemm", &gemm) && load(library, "cblas_sgemv", &gemv) &&
           load(library, "cblas_sgemm_pack_get_size", &pack_size) &&
           load(library, "cblas_sgemm_pack", &pack) &&
           load(library, "cblas_sgemm_compute", &compute) &&
           load(library, "mkl_sparse_s_create_csr", &create_csr) &&
           load(library, "mkl_sparse_s_create_bsr", &create_bsr) &&
           load(library, "mkl_sparse_set_mm_hint", &hint_mm) &&
           load(library, "mkl_sparse_set_mv_hint", &hint_mv) &&
           load(library, "mkl_sparse_set_memory_hint", &hint_memory) &&
           load(library, "mkl_sparse_optimize", &optimize) &&
           load(library, "mkl_sparse_s_mm", &sparse_mm) &&
           load(library, "mkl_sparse_s_mv", &sparse_mv);
}

static bool start(int threads, char *version)
{
    const char *path = getenv("PEERS_MKL"), *preload = getenv("PEERS_MKL_PRELOAD");
    void *library = NULL;
    if (path == NULL || path[0] == '\0') {
        snprintf(version, PEER_TEXT, "not given: set PEERS_MKL to libmkl_rt.so.*");
        return false;
    }
    if (preload == NULL || dlopen(preload, RTLD_NOW | RTLD_GLOBAL) != NULL) {
        library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    }
    if (library == NULL || !load_all(library)) {
        const char *text = dlerror();
        snprintf(version, PEER_TEXT, "%.119s", text != NULL ? text : "a function is missing");
        return false;
    }
    char text[200] = "";
    mkl_threads(threads);
    mkl_version(text, (int)sizeof text - 1);
    const char *from = strstr(text, "Version");
    snprintf(version, PEER_TEXT, "MKL %.60s", from != NULL ? from : text);
    version[strcspn(version, "-")] = '\0';
    return true;
}

static const struct peer_way ways[] = {{"MKL", PEER_DENSE, make_gemm},
                                       {"MKL packed", PEER_DENSE, make_packed},
                                       {"MKL CSR", PEER_CSR, make_csr},
                                       {"MKL BSR", PEER_BLOCK, make_bsr}};
static const struct peer mkl = {start, ways, 4};

const struct peer *peer_get(void)
{
    return &mkl;
}
