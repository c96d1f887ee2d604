# SPDX-License-Identifier: Apache-2.0
"""A row of a layer table, and what is known of it beside the table's cells."""
from __future__ import annotations

import dataclasses
import re

from torch import Tensor

from known_weights import Known


@dataclasses.dataclass
class Row:
    layer: str
    op: str
    m: int = 0
    k: int = 0
    n: int = 0
    count: int = 1
    groups: int = 1
    prunable: bool = False
    x_elements: int | None = None
    flops: int | None = None
    calls: int = 1                  # of all `count` together
    epilogue: bool = False
    weights: list[Tensor] = dataclasses.field(default_factory=list)    # m x k, or stacks of these
    matrices: int = 0               # different ones among `count`
    known: Known | None = None
    places: set[tuple[str, int]] = dataclasses.field(default_factory=set)
    x_zeros: int = 0                # of x_seen inputs that were looked at
    x_seen: int = 0
    seconds: float = 0.0            # of all calls
    spread: float = 0.0             # of the least calls, as a share
    sparse_s: float | None = None   # of all calls, by PyTorch's sparse kernel, of a dense weight
    dense_s: float | None = None    # and by the dense one, of a sparse weight

    @property
    def weight(self) -> Tensor | None:
        return self.weights[0] if self.weights else None

    def macs(self) -> int:
        return self.m * self.k * self.n * self.count

    def work(self) -> int:
        return 2 * self.macs() or self.flops or 0

    def cells(self) -> list[str]:
        def text(value: int | None) -> str:
            return "" if value is None else str(value)
        size = ["", "", ""] if self.op == "other" else [str(self.m), str(self.k), str(self.n)]
        return [self.layer, self.op, *size, str(self.count), str(self.groups),
                str(int(self.prunable)), text(self.x_elements), text(self.flops),
                str(self.calls), str(int(self.epilogue))]

    def zero_inputs(self) -> str:
        return f"{self.x_zeros / self.x_seen:.6g}" if self.x_seen else ""


def rename_attention(rows: list[Row]) -> None:
    """Of the products of one module the first are the scores, the others the context; names as
    in the tables that ship."""
    for row in rows:
        match = re.fullmatch(r"(.*?)(?:^|\.)product((?:\.\d+)?)", row.layer)
        if row.op == "attention" and match:
            scope = match[1] + "." if match[1] else ""
            row.layer = {"": f"{scope}qk", ".2": f"{scope}av"}.get(match[2], row.layer)
            if match[2] == ".2":    # transposed, as the fused operator's
                row.m, row.n = row.n, row.m
        row.layer = re.sub(r"\.self\.(qk|softmax|av)$", r".\1", row.layer)
