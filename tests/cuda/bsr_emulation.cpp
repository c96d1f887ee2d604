// SPDX-License-Identifier: Apache-2.0
// sproof's own block kernel, src/cuda/bsr_kernel.h, run on the host: the threads of a block are
// fibers that take turns at barriers, and the instructions of a warp are carried out from the
// PTX ISA's words. What is proved is the kernel's arithmetic of places: packing, tiles, edges,
// the order of copies and barriers. Copies run both at once and as late as is legal, so that
// neither a missing wait nor a buffer that is overwritten too early goes unseen.
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <functional>
#include <memory>
#include <vector>

#include <ucontext.h>

#include "base/worse.h"
#include "cuda/bsr_pack.h"
#include "cuda/round.h"

static constexpr size_t STACK = 256 << 10;

struct Copy {
    int to;
    const BsrBits *from;
    bool there;
};

struct Barrier {
    int size = 0, arrived = 0;
    unsigned turn = 0;
};

struct Lane { // what a lane shows to its warp
    const uint32_t *a, *b;
    float *sums;
    int address;
};

struct Emulation {
    std::vector<unsigned char> shared;
    std::vector<ucontext_t> fibers;
    std::vector<std::unique_ptr<unsigned char[]>> stacks;
    std::vector<bool> done;
    std::vector<Barrier> warps;
    std::vector<Lane> lanes;
    Barrier block;
    ucontext_t main;
    int current = 0, x = 0, y = 0;
    bool late = false;
    enum spr_dtype dtype = SPR_F16;
    std::function<void(int)> body;
    long failures = 0;

    void yield()
    {
        int me = current;
        swapcontext(&fibers[(size_t)me], &main);
    }
    void wait_at(Barrier *barrier)
    {
        unsigned turn = barrier->turn;
        if (++barrier->arrived == barrier->size) {
            barrier->arrived = 0;
            barrier->turn++;
            return;
        }
        while (barrier->turn == turn) {
            yield();
        }
    }
    float value(uint16_t bits) const
    {
        if (dtype == SPR_BF16) {
            uint32_t wide = (uint32_t)bits << 16;
            float v;
            memcpy(&v, &wide, sizeof v);
            return v;
        }
        __half_raw raw;
        raw.x = bits;
        return __half2float(__half(raw));
    }
};

static Emulation *emulation; // of the block at hand

static void enter(int index)
{
    emulation->body(index);
    emulation->done[(size_t)index] = true;
    emulation->yield();
}

struct HostThread {
    Emulation *e;
    int index;
    std::vector<Copy> open;               // not committed yet
    std::deque<std::vector<Copy>> groups; // committed, not waited for

    int thread() const
    {
        return index;
    }
    int block_x() const
    {
        return e->x;
    }
    int block_y() const
    {
        return e->y;
    }
    int warp() const
    {
        return index / 32;
    }
    Barrier *warp_barrier()
    {
        return &e->warps[(size_t)warp()];
    }
    Lane *lane(int l)
    {
        return &e->lanes[(size_t)(warp() * 32 + l)];
    }
    void sync()
    {
        e->wait_at(&e->block);
    }
    void sync_warp()
    {
        e->wait_at(warp_barrier());
    }
    void check_place(int place, int bytes)
    {
        if (place < 0 || place + bytes > (int)e->shared.size() || place % bytes) {
            e->failures++;
        }
    }
    void carry_out(const Copy &copy)
    {
        if (copy.there) {
            memcpy(&e->shared[(size_t)copy.to], copy.from, 16);
        } else {
            memset(&e->shared[(size_t)copy.to], 0, 16);
        }
    }
    void copy_chunk(int to, const BsrBits *from, bool there)
    {
        check_place(to, 16);
        Copy copy = {to, from, there};
        if (e->late) {
            open.push_back(copy);
        } else {
            carry_out(copy);
        }
    }
    void commit()
    {
        groups.push_back(open);
        open.clear();
    }
    template <int LEFT> void wait()
    {
        while (groups.size() > LEFT) {
            for (const Copy &copy : groups.front()) {
                carry_out(copy);
            }
            groups.pop_front();
        }
    }
    void load_chunk(int from, uint32_t *out)
    {
        check_place(from, 16);
        memcpy(out, &e->shared[(size_t)from], 16);
    }
    void write_chunk(BsrBits *to, const uint32_t *v)
    {
        memcpy(to, v, 16);
    }
    void store_pair(int to, float first, float second)
    {
        check_place(to, 4);
        uint16_t pair[2] = {spr_round_bits(e->dtype, first), spr_round_bits(e->dtype, second)};
        memcpy(&e->shared[(size_t)to], pair, 4);
    }
    // ldmatrix .x4.trans: thread l holds, of each matrix, element (row 2 (l % 4) + {0, 1},
    // column l / 4); lanes 8 i to 8 i + 7 give the rows of matrix i.
    void load_turned(int from, uint32_t *out)
    {
        int l = index % 32;
        check_place(from, 16);
        lane(l)->address = from;
        sync_warp();
        for (int i = 0; i < 4; i++) {
            uint16_t pair[2];
            for (int h = 0; h < 2; h++) {
                int address = lane(8 * i + 2 * (l % 4) + h)->address;
                memcpy(&pair[h], &e->shared[(size_t)(address + l / 4 * 2)], 2);
            }
            memcpy(&out[i], pair, 4);
        }
        sync_warp();
    }
    uint16_t half_of(uint32_t word, int h)
    {
        return (uint16_t)(word >> 16 * h);
    }
    // A (16 x 16): register i of lane l holds (row l / 4 + 8 (i % 2), columns 2 (l % 4) +
    // 8 (i / 2) + {0, 1}).
    float a_at(int row, int column)
    {
        int l = row % 8 * 4 + column % 8 / 2, i = row / 8 + column / 8 * 2;
        return e->value(half_of(lane(l)->a[i], column % 2));
    }
    // B (16 x 8): register i of lane l holds (rows 2 (l % 4) + 8 i + {0, 1}, column l / 4).
    float b_at(int row, int column)
    {
        int l = column * 4 + row % 8 / 2, i = row / 8;
        return e->value(half_of(lane(l)->b[i], row % 2));
    }
    // C (16 x 8): value i of lane l is (row l / 4 + 8 (i / 2), column 2 (l % 4) + i % 2).
    void multiply(float *sums, const uint32_t *a, const uint32_t *b)
    {
        int l = index % 32;
        lane(l)->a = a;
        lane(l)->b = b;
        sync_warp();
        for (int i = 0; i < 4; i++) {
            int row = l / 4 + 8 * (i / 2), column = 2 * (l % 4) + i % 2;
            for (int k = 0; k < 16; k++) {
                sums[i] += a_at(row, k) * b_at(k, column);
            }
        }
        sync_warp();
    }
};

template <int R, int N, int M> static void run_block(const BsrOperands &of, int x, int y)
{
    using S = BsrShape<R, N, M>;
    Emulation &e = *emulation;
    e.x = x;
    e.y = y;
    e.shared.assign((size_t)S::SHARED_BYTES, 0xFF); // no number, in both types
    e.fibers.assign((size_t)S::THREADS, ucontext_t());
    e.done.assign((size_t)S::THREADS, false);
    e.block = Barrier();
    e.block.size = S::THREADS;
    e.warps.assign((size_t)(S::THREADS / 32), Barrier());
    for (Barrier &warp : e.warps) {
        warp.size = 32;
    }
    e.lanes.assign((size_t)S::THREADS, Lane());
    e.body = [&](int index) {
        HostThread thread{&e, index, {}, {}};
        bsr_body<R, N, M>(thread, of);
    };
    while (e.stacks.size() < (size_t)S::THREADS) {
        e.stacks.emplace_back(new unsigned char[STACK]);
    }
    for (int i = 0; i < S::THREADS; i++) {
        ucontext_t *fiber = &e.fibers[(size_t)i];
        getcontext(fiber);
        fiber->uc_stack.ss_sp = e.stacks[(size_t)i].get();
        fiber->uc_stack.ss_size = STACK;
        fiber->uc_link = &e.main;
        makecontext(fiber, (void (*)())enter, 1, i);
    }
    for (int left = S::THREADS; left > 0;) {
        left = 0;
        for (int i = 0; i < S::THREADS; i++) {
            if (!e.done[(size_t)i]) {
                e.current = i;
                swapcontext(&e.main, &e.fibers[(size_t)i]);
                left += !e.done[(size_t)i];
            }
        }
    }
}

struct Trial {
    int block_rows, block_columns, n;
    double density;
    enum spr_dtype dtype;
};

static double random_unit()
{
    return rand() / (RAND_MAX + 1.0);
}

static std::vector<BsrBits> random_bits(size_t count, enum spr_dtype dtype)
{
    std::vector<BsrBits> out(count);
    for (BsrBits &bits : out) {
        bits = spr_round_bits(dtype, (float)(random_unit() * 2 - 1));
    }
    return out;
}

// One product against doubles; true when every element is within its bound.
template <int R, int N, int M> static bool multiply_right(const Trial &trial, bool late)
{
    Emulation e;
    emulation = &e;
    e.late = late;
    e.dtype = trial.dtype;
    int m = trial.block_rows * R, k = trial.block_columns * R, n = trial.n;
    int x_rows = (k + 63) / 64 * 64;
    std::vector<BsrBits> w = random_bits((size_t)(m * k), trial.dtype);
    std::vector<BsrBits> x = random_bits((size_t)(x_rows * n), trial.dtype);
    std::vector<BsrBits> y((size_t)(m * n), 0xFFFF);
    for (int i = 0; i < trial.block_rows; i++) {
        for (int j = 0; j < trial.block_columns; j++) {
            if (random_unit() >= trial.density) {
                for (int r = 0; r < R; r++) {
                    memset(&w[(size_t)((i * R + r) * k + j * R)], 0, R * 2);
                }
            }
        }
    }
    BsrPacked packed =
        bsr_pack(R, trial.block_rows, trial.block_columns,
                 [&](int64_t row, int64_t column) { return w[(size_t)(row * k + column)]; });
    BsrOperands operands = {
        packed.w.data(), packed.steps.data(), packed.first.data(), x.data(), y.data(), n};
    for (int j = 0; j < (n + N - 1) / N; j++) {
        for (int i = 0; i < trial.block_rows; i++) {
            run_block<R, N, M>(operands, i, j);
        }
    }
    double worst = 0, v = trial.dtype == SPR_F16 ? 0x1p-11 : 0x1p-8;
    for (int i = 0; i < m; i++) {
        for (int j = 0; j < n; j++) {
            double sum = 0, magnitude = 0;
            for (int c = 0; c < k; c++) {
                double product = (double)e.value(w[(size_t)(i * k + c)]) *
                                 (double)e.value(x[(size_t)(c * n + j)]);
                sum += product;
                magnitude += fabs(product);
            }
            double error = (k + 2) * 0x1p-24 * magnitude;
            double bound = error + v * (fabs(sum) + error) + 0x1p-25;
            double ratio = fabs((double)e.value(y[(size_t)(i * n + j)]) - sum) / bound;
            worst = spr_worse(worst, ratio);
        }
    }
    bool right = worst <= 1 && e.failures == 0;
    if (!right) {
        printf("%dx%d, %d tokens, tiles of %d, density %g, %s, %s copies: %.3g times the "
               "bound, %ld bad places\n",
               R, R, n, N, trial.density, spr_dtype_name(trial.dtype), late ? "late" : "early",
               worst, e.failures);
    }
    return right;
}

template <int R, int N, int M> static int all_trials()
{
    static const Trial trials[] = {
        {2, 9, N + 8, 0.5, SPR_F16}, // several tiles, the last one nearly empty
        {2, 12, 40, 1.0, SPR_BF16},  // a part of one tile, more steps than stages
        {3, 5, 8, 0.3, SPR_F16},     // few steps
        {1, 4, 8, 0.0, SPR_F16},     // nothing stored
        {2, 1, 72, 1.0, SPR_F16},    // one block
    };
    int wrong = 0;
    for (const Trial &trial : trials) {
        for (int late = 0; late < 2; late++) {
            wrong += !multiply_right<R, N, M>(trial, late != 0);
        }
    }
    return wrong;
}

int main()
{
    srand(1);
    int wrong =
        all_trials<16, 64, 16>() + all_trials<16, 128, 16>() + all_trials<16, 256, 16>() +
        all_trials<32, 64, 32>() + all_trials<32, 128, 32>() + all_trials<32, 256, 32>() +
        all_trials<32, 512, 32>() + all_trials<64, 64, 32>() + all_trials<64, 128, 32>() +
        all_trials<64, 128, 64>() + all_trials<64, 256, 64>();
    printf("%d products, %d wrong\n", 11 * 5 * 2, wrong);
    return wrong != 0;
}
