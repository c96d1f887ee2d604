// SPDX-License-Identifier: Apache-2.0
// 2:4 products by cuSPARSELt, loaded as the program runs: it is no part of the CUDA toolkit.
// Its descriptors are plain memory of 512 bytes (0.10) and were larger before; calls take their
// addresses, so room enough is all that must be known of them.
#include <dlfcn.h>

#include "cuda/internal.h"
#include "cuda/round.h"

struct alignas(16) Opaque {
    uint8_t data[16384];
};

// Values of cusparseComputeType and of the other enumerations used, cusparseLt.h 0.5 to 0.10.
static constexpr int COMPUTE_32I = 0, COMPUTE_32F = 2;
static constexpr int SPARSITY_50_PERCENT = 0, ALGORITHM_DEFAULT = 0;
static constexpr uint32_t ALIGNMENT = 16;

struct Library {
    void *handle = nullptr;
    cusparseStatus_t (*init)(Opaque *);
    cusparseStatus_t (*dense)(const Opaque *, Opaque *, int64_t, int64_t, int64_t, uint32_t,
                              cudaDataType, cusparseOrder_t);
    cusparseStatus_t (*structured)(const Opaque *, Opaque *, int64_t, int64_t, int64_t,
                                   uint32_t, cudaDataType, cusparseOrder_t, int);
    cusparseStatus_t (*matmul)(const Opaque *, Opaque *, cusparseOperation_t,
                               cusparseOperation_t, const Opaque *, const Opaque *,
                               const Opaque *, const Opaque *, int);
    cusparseStatus_t (*selection)(const Opaque *, Opaque *, const Opaque *, int);
    cusparseStatus_t (*plan)(const Opaque *, Opaque *, const Opaque *, const Opaque *);
    cusparseStatus_t (*workspace)(const Opaque *, const Opaque *, size_t *);
    cusparseStatus_t (*sizes)(const Opaque *, const Opaque *, size_t *, size_t *);
    cusparseStatus_t (*compress)(const Opaque *, const Opaque *, const void *, void *, void *,
                                 cudaStream_t);
    cusparseStatus_t (*search)(const Opaque *, Opaque *, const void *, const void *,
                               const void *, const void *, const void *, void *, void *,
                               cudaStream_t *, int32_t);
    cusparseStatus_t (*run)(const Opaque *, const Opaque *, const void *, const void *,
                            const void *, const void *, const void *, void *, void *,
                            cudaStream_t *, int32_t);
    Opaque lt;
};

template <class Function> static void find(void *handle, const char *name, Function *function)
{
    void *symbol = dlsym(handle, name);
    if (!symbol) {
        throw Failure(SPR_EENVIRONMENT, "libcusparseLt.so.0 has no %s", name);
    }
    memcpy(function, &symbol, sizeof symbol);
}

static Library *library()
{
    static Library loaded;
    if (loaded.handle) {
        return &loaded;
    }
    void *handle = dlopen("libcusparseLt.so.0", RTLD_NOW);
    if (!handle) {
        throw Failure(SPR_EENVIRONMENT,
                      "libcusparseLt.so.0 is not found (LD_LIBRARY_PATH names its folder)");
    }
    find(handle, "cusparseLtInit", &loaded.init);
    find(handle, "cusparseLtDenseDescriptorInit", &loaded.dense);
    find(handle, "cusparseLtStructuredDescriptorInit", &loaded.structured);
    find(handle, "cusparseLtMatmulDescriptorInit", &loaded.matmul);
    find(handle, "cusparseLtMatmulAlgSelectionInit", &loaded.selection);
    find(handle, "cusparseLtMatmulPlanInit", &loaded.plan);
    find(handle, "cusparseLtMatmulGetWorkspace", &loaded.workspace);
    find(handle, "cusparseLtSpMMACompressedSize", &loaded.sizes);
    find(handle, "cusparseLtSpMMACompress", &loaded.compress);
    find(handle, "cusparseLtMatmulSearch", &loaded.search);
    find(handle, "cusparseLtMatmul", &loaded.run);
    check(loaded.init(&loaded.lt), "cuSPARSELt");
    loaded.handle = handle;
    return &loaded;
}

struct StructuredTask : spr_gpu_task {
    struct spr_gpu *gpu;
    Library *lt;
    Structured of;
    Opaque w, x, y, product, choice, plan;
    Buffer compressed, scratch, room;
    void run() override
    {
        float one = 1, zero = 0;
        check(lt->run(&lt->lt, &plan, &one, compressed.as<void>(), of.x, &zero, of.y, of.y,
                      room.as<void>(), &gpu->stream, 1),
              name);
    }
};

static void describe(StructuredTask *task)
{
    const Structured &of = task->of;
    Library *lt = task->lt;
    cudaDataType type = cuda_type(of.dtype);
    cudaDataType output = of.dtype == SPR_FP8 ? CUDA_R_16BF : type;
    check(lt->structured(&lt->lt, &task->w, of.m, of.k, of.k, ALIGNMENT, type,
                         CUSPARSE_ORDER_ROW, SPARSITY_50_PERCENT),
          "cuSPARSELt's W");
    check(lt->dense(&lt->lt, &task->x, of.k, of.n, of.x_turned ? of.k : of.n, ALIGNMENT, type,
                    of.x_turned ? CUSPARSE_ORDER_COL : CUSPARSE_ORDER_ROW),
          "cuSPARSELt's X");
    check(
        lt->dense(&lt->lt, &task->y, of.m, of.n, of.n, ALIGNMENT, output, CUSPARSE_ORDER_ROW),
        "cuSPARSELt's Y");
    check(lt->matmul(&lt->lt, &task->product, CUSPARSE_OPERATION_NON_TRANSPOSE,
                     CUSPARSE_OPERATION_NON_TRANSPOSE, &task->w, &task->x, &task->y, &task->y,
                     of.dtype == SPR_I8 ? COMPUTE_32I : COMPUTE_32F),
          "cuSPARSELt's product");
    check(lt->selection(&lt->lt, &task->choice, &task->product, ALGORITHM_DEFAULT),
          "cuSPARSELt's algorithm");
    check(lt->plan(&lt->lt, &task->plan, &task->product, &task->choice), "cuSPARSELt's plan");
}

std::unique_ptr<spr_gpu_task> cusparselt_task(struct spr_gpu *gpu, const Structured &of)
{
    std::unique_ptr<StructuredTask> task(new StructuredTask);
    size_t bytes = 0, scratch = 0, room = 0;
    float one = 1, zero = 0;
    task->gpu = gpu;
    task->lt = library();
    task->of = of;
    snprintf(task->name, sizeof task->name, "cusparselt-%s", of.x_turned ? "nk" : "kn");
    describe(task.get());
    Library *lt = task->lt;
    check(lt->sizes(&lt->lt, &task->plan, &bytes, &scratch), "cuSPARSELt's sizes");
    task->compressed = Buffer(bytes);
    task->scratch = Buffer(scratch);
    check(lt->compress(&lt->lt, &task->plan, of.w, task->compressed.as<void>(),
                       task->scratch.as<void>(), gpu->stream),
          "cuSPARSELt's compression");
    // Times its algorithms and keeps the fastest in the plan.
    check(lt->search(&lt->lt, &task->plan, &one, task->compressed.as<void>(), of.x, &zero,
                     of.y, of.y, nullptr, &gpu->stream, 1),
          "cuSPARSELt's search");
    check(lt->workspace(&lt->lt, &task->plan, &room), "cuSPARSELt's workspace");
    task->room = Buffer(room);
    check(cudaStreamSynchronize(gpu->stream), "cuSPARSELt");
    return task;
}

struct StructuredProduct : Product {
    std::unique_ptr<spr_gpu_task> task;
    void run() override
    {
        task->run();
    }
};

void list_cusparselt(Listing *listing)
{
    struct spr_gpu_case *of = listing->of;
    for (int turned = 0; turned < 2; turned++) {
        attempt(listing, [&] {
            std::unique_ptr<StructuredProduct> made(new StructuredProduct);
            made->y = make_y(of);
            Structured product = {of->m_all,
                                  of->k_all,
                                  of->n,
                                  of->dtype,
                                  turned != 0,
                                  of->w.as<void>(),
                                  (turned ? of->x_turned : of->x).as<void>(),
                                  made->y.as<void>()};
            made->task = cusparselt_task(of->gpu, product);
            snprintf(made->name, sizeof made->name, "%s", made->task->name);
            return std::unique_ptr<Product>(std::move(made));
        });
    }
}
