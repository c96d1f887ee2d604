# SPDX-License-Identifier: Apache-2.0
"""Zeros among the inputs of layers, over several inputs of a model."""
from __future__ import annotations

import statistics
from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import Tensor

from layer_row import Row


def count_zeros(row: Row, weight: Tensor, x: Tensor) -> None:
    """Of what a layer reads: after pooling, before padding."""
    if not x.is_meta and x.layout == torch.strided:
        row.x_seen += x.numel()
        row.x_zeros += x.numel() - int(torch.count_nonzero(x))


def single(inputs: Sequence[Any]) -> Iterator[tuple[Any, ...]]:
    """The samples of a batch, which is the first dimension of every tensor."""
    sizes = {len(x) for x in inputs if isinstance(x, Tensor) and x.dim() > 0}
    if len(sizes) != 1:
        raise ValueError("expected tensors of one batch")
    for i in range(sizes.pop()):
        yield tuple(x[i:i + 1] if isinstance(x, Tensor) and x.dim() > 0 else x for x in inputs)


def read(path: str) -> Tensor:
    """A tensor in .npy or, as torch.save writes it, in .pt."""
    try:
        if path.endswith(".npy"):
            import numpy
            return torch.from_numpy(numpy.load(path, allow_pickle=False))
        tensor = torch.load(path, weights_only=True)
    except OSError:
        raise
    except Exception as error:
        why = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise ValueError(f"{path}: {why}") from None
    if not isinstance(tensor, Tensor):
        raise ValueError(f"{path}: a {type(tensor).__name__}: expected a tensor")
    return tensor


class Shares:
    """The zeros of each layer's input, one share for each sample."""

    def __init__(self) -> None:
        self.of: dict[str, list[float]] = {}

    def add(self, rows: Sequence[Row]) -> None:
        for row in rows:
            if row.x_seen:
                self.of.setdefault(row.layer, []).append(row.x_zeros / row.x_seen)

    def cells(self, row: Row) -> list[str]:
        """Mean, and standard deviation over the samples."""
        shares = self.of.get(row.layer, [])
        return [f"{statistics.fmean(shares):.6g}" if shares else "",
                f"{statistics.stdev(shares):.3g}" if len(shares) > 1 else ""]
