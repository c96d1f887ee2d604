# SPDX-License-Identifier: Apache-2.0
"""Masks of a pattern by magnitude, and the block norms of group lasso. W is m x k: outputs by
inputs, a convolution's kernel unfolded. The rule is that of `sproof inspect --prune`."""
from __future__ import annotations

import math
import re

import torch
from torch import Tensor, nn


def block(pattern: str) -> tuple[int, int]:
    """Rows and columns of a block of csr (1x1) or RxC."""
    if pattern in ("csr", "1x1"):
        return 1, 1
    match = re.fullmatch(r"(\d+)x(\d+)", pattern)
    if not match:
        raise ValueError(f"pattern '{pattern}': expected csr, RxC or N:M")
    return int(match[1]), int(match[2])


def in_blocks(w: Tensor, rows: int, columns: int) -> Tensor:
    """[down, across, rows * columns], edge blocks filled with zeros."""
    m, k = w.shape
    padded = nn.functional.pad(w, (0, -k % columns, 0, -m % rows))
    down, across = padded.shape[0] // rows, padded.shape[1] // columns
    return (padded.view(down, rows, across, columns).transpose(1, 2)
            .reshape(down, across, rows * columns))


def norms(w: Tensor, pattern: str) -> Tensor:
    """[down, across] L2 norms of the blocks."""
    result: Tensor = torch.linalg.vector_norm(in_blocks(w, *block(pattern)), dim=-1)
    return result


def grown(per_block: Tensor, w: Tensor, pattern: str) -> Tensor:
    """A value per block as a value per weight."""
    rows, columns = block(pattern)
    whole = per_block.repeat_interleave(rows, 0).repeat_interleave(columns, 1)
    return whole[:w.shape[0], :w.shape[1]]


def mask(w: Tensor, pattern: str, sparsity: float) -> Tensor:
    """True where a weight stays: the blocks of the largest norm; of equal ones the first."""
    match = re.fullmatch(r"(\d+):(\d+)", pattern)
    if match:
        kept, of = int(match[1]), int(match[2])
        groups = in_blocks(w.abs(), 1, of)
        order = torch.argsort(groups, dim=-1, descending=True, stable=True)
        keep = torch.zeros_like(groups, dtype=torch.bool).scatter_(-1, order[..., :kept], True)
        return keep.view(w.shape[0], -1)[:, :w.shape[1]]
    score = norms(w.double(), pattern)
    kept = math.floor((1 - sparsity) * score.numel() + .5)
    order = torch.argsort(score.flatten(), dim=0, descending=True, stable=True)
    keep = torch.zeros(score.numel(), dtype=torch.bool, device=w.device)
    keep[order[:kept]] = True
    return grown(keep.view(score.shape), w, pattern)


def shrink(w: Tensor, pattern: str, by: float) -> Tensor:
    """The proximal step of by * sum of block norms: every block shorter by that much."""
    length = norms(w, pattern)
    return w * grown((1 - by / length.clamp_min(1e-30)).clamp_min(0), w, pattern)


def occupancy(w: Tensor, pattern: str) -> tuple[int, int]:
    """Blocks that hold a non-zero, and all."""
    held = norms(w, pattern) > 0
    return int(held.sum()), held.numel()
