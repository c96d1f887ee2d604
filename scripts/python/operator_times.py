# SPDX-License-Identifier: Apache-2.0
"""What the operators of a model take in PyTorch here, one by one as they run, and the rows of
`sproof explain --times`."""
from __future__ import annotations

import sys
import time
import warnings
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from input_zeros import count_zeros
from known_weights import plain
from layer_row import Row

HEADER = ("layer", "dense_s", "sparse_s", "pattern", "sparsity", "dtype", "threads", "kernel")
DTYPES = {torch.float32: "f32", torch.float16: "f16", torch.bfloat16: "bf16",
          torch.float64: "f64"}
# Calls of an operator: until these seconds are over, three at least.
ENOUGH_S, FEWEST, MOST = .02, 3, 200
WORST_ERROR = .5    # that --times takes


def seconds_of(call: Callable[[], Any], device: torch.device) -> float:
    if device.type == "cuda":
        first, last = (torch.cuda.Event(enable_timing=True)  # type: ignore[no-untyped-call]
                       for _ in range(2))
        first.record()
        call()
        last.record()
        last.synchronize()
        return float(first.elapsed_time(last)) * 1e-3
    begin = time.perf_counter()
    call()
    return time.perf_counter() - begin


def quickest(call: Callable[[], Any], device: torch.device) -> tuple[float, float]:
    """The least call, and how much longer the third-quickest took, as a share."""
    call()
    times: list[float] = []
    end = time.perf_counter() + ENOUGH_S
    while len(times) < FEWEST or (len(times) < MOST and time.perf_counter() < end):
        times.append(seconds_of(call, device))
    times.sort()
    return times[0], times[2] / times[0] - 1


def timed_call(func: Any, args: Sequence[Any], kwargs: dict[str, Any]) -> tuple[Any, float, float]:
    """Calls again and again what changes none of its operands; anything else once."""
    holder: list[Any] = []
    device = next((a.device for a in args if isinstance(a, Tensor)), torch.device("cpu"))
    if device.type == "meta":
        return func(*args, **kwargs), 0.0, 0.0
    first_s = seconds_of(lambda: holder.append(func(*args, **kwargs)), device)
    if func._schema.is_mutable:
        return holder[0], first_s, WORST_ERROR
    least, spread = quickest(lambda: func(*args, **kwargs), device)
    return holder[0], least, spread


class Watch:
    """Zeros among the inputs of layers and, for the pattern of a variant, what PyTorch's sparse
    kernel takes for the same product."""

    def __init__(self, pattern: str | None) -> None:
        self.pattern = pattern
        self.refused: dict[str, list[str]] = {}

    def __call__(self, row: Row, weight: Tensor, x: Tensor) -> None:
        if x.is_meta or x.layout != torch.strided:
            return
        count_zeros(row, weight, x)
        if row.op != "linear" or weight.dim() != 2 or row.count > 1:
            return
        inputs = x.reshape(-1, row.k)
        if weight.layout != torch.strided:    # its own time is the sparse one
            dense = plain(weight)
            row.dense_s = quickest(lambda: torch.mm(dense, inputs.t()), x.device)[0]
            return
        if self.pattern is None or bool((plain(weight) != 0).all()):
            return
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")    # of the sparse layouts' states
                stored = self.stored(plain(weight).contiguous())
            # W first: behind X a sparse W may take several times as long.
            row.sparse_s = quickest(lambda: torch.mm(stored, inputs.t()), x.device)[0]
        except Exception as error:
            why = (str(error).strip() or type(error).__name__).splitlines()[0]
            self.refused.setdefault(why, []).append(row.layer)

    def stored(self, w: Tensor) -> Tensor:
        if self.pattern in ("csr", "unstructured"):
            return w.to_sparse_csr()
        if self.pattern == "2:4":
            return torch.sparse.to_sparse_semi_structured(w)
        rows, _, columns = str(self.pattern).removeprefix("bsr:").partition("x")
        if not columns:
            raise RuntimeError("PyTorch has no kernel of that pattern")
        return w.to_sparse_bsr((int(rows), int(columns)))

    def report(self) -> None:
        for why, layers in self.refused.items():
            print(f"sproof_export: {self.pattern}: timed dense: {', '.join(layers[:3])}"
                  f"{f' and {len(layers) - 3} more' if len(layers) > 3 else ''}: {why}",
                  file=sys.stderr)


def lines(rows: list[Row], variant: dict[str, list[str]]) -> list[list[str]]:
    """variant: pattern and sparsity of the layers that hold zeros. Seconds of one occurrence."""
    result = [list(HEADER)]
    threads = str(torch.get_num_threads())
    for row in rows:
        if row.seconds <= 0:
            continue
        first = row.weights[0] if row.weights else None
        on_cpu = first is None or first.device.type == "cpu"
        error = f"s+-{100 * min(max(row.spread, .01), WORST_ERROR):.0f}%"
        dense = (row.seconds if row.dense_s is None else row.dense_s) / row.count
        sparse = (row.seconds if row.sparse_s is None else row.sparse_s) / row.count
        kernel = "torch" if row.sparse_s is row.dense_s is None else "torch-sparse"
        result.append([row.layer, f"{dense:.4e}{error}", f"{sparse:.4e}{error}",
                       *variant.get(row.layer, ["", ""]),
                       DTYPES.get(first.dtype, "") if first is not None else "",
                       threads if on_cpu else "",
                       kernel])
    return result
