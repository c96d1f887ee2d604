// SPDX-License-Identifier: Apache-2.0
// oneDNN: dnnl_sgemm as it is, and the matmul primitive with W reordered beforehand to the
// layout the primitive asks for; for that one X is n rows of k and Y n rows of m.
#include "peer.h"

#include <cstdio>
#include <unordered_map>

#include <oneapi/dnnl/dnnl.hpp>

namespace
{
struct gemm {
    dnnl_dim_t m, n, k;
    const float *w, *x;
    float *y;
};

void run_sgemm(void *state)
{
    const auto *g = static_cast<gemm *>(state);
    dnnl_sgemm('N', 'N', g->m, g->n, g->k, 1, g->w, g->k, g->x, g->n, 0, g->y, g->n);
}

bool make_sgemm(const peer_case *c, peer_product *product, char *)
{
    auto *g = new gemm{c->m, c->n, c->k, peer_weights(c), c->x, nullptr};
    g->y = peer_y(c, product);
    product->state = g;
    product->run = run_sgemm;
    return true;
}

struct matmul {
    dnnl::stream stream;
    dnnl::matmul primitive;
    std::unordered_map<int, dnnl::memory> arguments;
};

void run_matmul(void *state)
{
    auto *p = static_cast<matmul *>(state);
    p->primitive.execute(p->stream, p->arguments);
    p->stream.wait();
}

dnnl::matmul::primitive_desc describe(const dnnl::engine &engine,
                                      const dnnl::memory::desc &source,
                                      const dnnl::memory::desc &weights,
                                      const dnnl::memory::desc &destination)
{
#if DNNL_VERSION_MAJOR >= 3
    return dnnl::matmul::primitive_desc(engine, source, weights, destination);
#else
    return dnnl::matmul::primitive_desc(dnnl::matmul::desc(source, weights, destination),
                                        engine);
#endif
}

void build_matmul(const peer_case *c, peer_product *product)
{
    using dnnl::memory;
    const auto f32 = memory::data_type::f32;
    const auto rows = memory::format_tag::ab;
    dnnl::engine engine(dnnl::engine::kind::cpu, 0);
    dnnl::stream stream(engine);
    memory::desc source({c->n, c->k}, f32, rows), destination({c->n, c->m}, f32, rows);
    memory::desc given({c->k, c->m}, f32, memory::format_tag::ba);
    memory::desc wanted({c->k, c->m}, f32, memory::format_tag::any);
    auto descriptor = describe(engine, source, wanted, destination);
    memory plain(given, engine, const_cast<float *>(peer_weights(c)));
    memory::desc packed_desc = descriptor.weights_desc();
    memory packed(packed_desc, engine, peer_alloc(packed_desc.get_size()));
    dnnl::reorder(plain, packed).execute(stream, plain, packed);
    stream.wait();
    memory x(source, engine, const_cast<float *>(peer_x_transposed(c, product)));
    memory y(destination, engine, peer_y_transposed(c, product));
    product->state =
        new matmul{stream,
                   dnnl::matmul(descriptor),
                   {{DNNL_ARG_SRC, x}, {DNNL_ARG_WEIGHTS, packed}, {DNNL_ARG_DST, y}}};
    product->run = run_matmul;
}

bool make_matmul(const peer_case *c, peer_product *product, char *why)
{
    try {
        build_matmul(c, product);
        return true;
    } catch (const dnnl::error &error) {
        std::snprintf(why, PEER_TEXT, "%s", error.what());
        return false;
    }
}

// Threads come from OMP_NUM_THREADS.
bool start(int, char *version)
{
    const dnnl_version_t *v = dnnl_version();
    static const std::unordered_map<int, const char *> names = {
        {dnnl_cpu_isa_avx2, "avx2"},
        {dnnl_cpu_isa_avx512_core, "avx512_core"},
        {dnnl_cpu_isa_avx512_core_vnni, "avx512_core_vnni"},
        {dnnl_cpu_isa_avx512_core_bf16, "avx512_core_bf16"}};
    auto isa = names.find(dnnl_get_effective_cpu_isa());
    std::snprintf(version, PEER_TEXT, "oneDNN %d.%d.%d, ISA %s", v->major, v->minor, v->patch,
                  isa == names.end() ? "another" : isa->second);
    return true;
}

const peer_way ways[] = {{"oneDNN sgemm", PEER_DENSE, make_sgemm},
                         {"oneDNN matmul", PEER_DENSE, make_matmul}};
const peer onednn = {start, ways, 2};
} // namespace

extern "C" const peer *peer_get(void)
{
    return &onednn;
}
