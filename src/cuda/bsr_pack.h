// SPDX-License-Identifier: Apache-2.0
// W as sproof's own GPU kernel reads it (bsr_kernel.h).
#ifndef SPROOF_CUDA_BSR_PACK_H
#define SPROOF_CUDA_BSR_PACK_H

#include <vector>

#include "cuda/bsr_kernel.h"

struct BsrPacked {
    std::vector<BsrBits> w;
    std::vector<BsrStep> steps;
    std::vector<int32_t> first;
};

// The place of element (row, column) of an R x 32 step in fragment order: tiles of 16 x 16,
// those of the same rows next to each other; within one 8 values for each lane of a warp, as
// the first operand of mma.m16n8k16 wants them (PTX ISA, "Matrix fragments for mma.m16n8k16
// with .f16 and .bf16 floating point types"): pairs of columns (lane % 4) * 2 of rows lane / 4
// and lane / 4 + 8, then the same 8 columns farther.
inline size_t bsr_place(int row, int column)
{
    int tile = row / 16 * (BSR_STEP / 16) + column / 16;
    int r = row % 16, c = column % 16;
    int lane = r % 8 * 4 + c % 8 / 2, piece = r / 8 + c / 8 * 2;
    return (size_t)(tile * 256 + lane * 8 + piece * 2 + c % 2);
}

// w(row, column) gives bits, rows and columns in whole blocks; a block is stored when any of
// its values is not zero (bits 0).
template <class Weights>
BsrPacked bsr_pack(int block, int64_t block_rows, int64_t block_columns, const Weights &w)
{
    BsrPacked out;
    out.first.push_back(0);
    for (int64_t i = 0; i < block_rows; i++) {
        std::vector<int64_t> halves; // first column of each 16 columns that are stored
        for (int64_t j = 0; j < block_columns; j++) {
            bool stored = false;
            for (int r = 0; r < block && !stored; r++) {
                for (int c = 0; c < block && !stored; c++) {
                    stored = w(i * block + r, j * block + c) != 0;
                }
            }
            for (int h = 0; stored && h < block; h += 16) {
                halves.push_back(j * block + h);
            }
        }
        if (halves.size() % 2) {
            halves.push_back(-1);
        }
        for (size_t s = 0; s < halves.size(); s += 2) {
            size_t base = out.w.size();
            out.steps.push_back({{(int32_t)halves[s], (int32_t)halves[s + 1]}});
            out.w.resize(base + (size_t)(block * BSR_STEP), 0);
            for (int r = 0; r < block; r++) {
                for (int c = 0; c < BSR_STEP; c++) {
                    int64_t half = halves[s + (size_t)(c / 16)];
                    if (half >= 0) {
                        out.w[base + bsr_place(r, c)] = w(i * block + r, half + c % 16);
                    }
                }
            }
        }
        out.first.push_back((int32_t)out.steps.size());
    }
    if (out.steps.empty()) {
        out.steps.push_back({{-1, -1}}); // read by none, but there
    }
    return out;
}

#endif
