#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Write a PyTorch model as a layer table for `sproof analyze`.

    import sproof_export
    sproof_export.export(model, (inputs,), "model.csv")
    sproof_export.export(pruned, (inputs,), "model.csv", variant="mine", pattern="32x1")

The model runs once. Every operator that reaches PyTorch's kernels is a row, however it was
called: layers by the name of their weight, products of two activations (attention), softmax,
layer norm, GELU, additions and pooling by the module they ran in. Weights and inputs on the
`meta` device do, for models that do not fit. From a shell:

    sproof_export.py --model torchvision.models:resnet50 --input 1x3x224x224 -o resnet50.csv
"""
from __future__ import annotations

import argparse
import csv
import dataclasses
import importlib
import math
import os
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

BASE = ("layer", "op", "m", "k", "n", "count", "groups", "prunable", "x_elements", "flops",
        "calls", "epilogue")
COUNTED = ("variant", "pattern", "sparsity", "nnz", "touched_columns", "longest_row")

# FLOP per element of the result and tensors of its size read plus written (data/README.md);
# the name of a row ends in the second word.
EACH: dict[str, tuple[str, int]] = {
    "_softmax": ("softmax", 5), "_safe_softmax": ("softmax", 5), "native_layer_norm": ("norm", 7),
    "_fused_rms_norm": ("norm", 4), "native_group_norm": ("norm", 7), "gelu": ("gelu", 5),
    "silu": ("silu", 4), "silu_": ("silu", 4), "add": ("add", 1), "add_": ("add", 1),
    "mul": ("mul", 1), "mul_": ("mul", 1), "embedding": ("lookup", 0)}
# What may run inside the product above: one element after the other.
EPILOGUES = {"gelu", "silu", "silu_", "add", "add_", "mul", "mul_"}
POOLS = {"max_pool2d_with_indices", "avg_pool2d", "_adaptive_avg_pool2d", "max_pool1d",
         "avg_pool1d", "mean"}
FUSED_ATTENTION = {"_scaled_dot_product_flash_attention_for_cpu",
                   "_scaled_dot_product_flash_attention",
                   "_scaled_dot_product_efficient_attention",
                   "_scaled_dot_product_attention_math", "_scaled_dot_product_cudnn_attention"}
PRODUCTS = {"mm", "addmm", "bmm", "baddbmm"}


class ExportError(Exception):
    """Said in one line."""


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
    weight: Tensor | None = None    # as m x k

    def cells(self) -> list[str]:
        def text(value: int | None) -> str:
            return "" if value is None else str(value)
        size = ["", "", ""] if self.op == "other" else [str(self.m), str(self.k), str(self.n)]
        return [self.layer, self.op, *size, str(self.count), str(self.groups),
                str(int(self.prunable)), text(self.x_elements), text(self.flops),
                str(self.calls), str(int(self.epilogue))]


def identity(tensor: Tensor) -> int:
    """The same for every view of a tensor, on any device."""
    return int(tensor.untyped_storage()._cdata)


def place(tensor: Tensor) -> tuple[int, int]:
    return identity(tensor), int(tensor.storage_offset())


class Recorder(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Turns operators into rows."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.rows: list[Row] = []
        self.scope: list[str] = []
        self.skipped: set[str] = set()
        self.y: Tensor | None = None    # of the last product, or what epilogues made of it
        self.names: dict[int, tuple[str, Tensor]] = {}
        for name, parameter in model.named_parameters(remove_duplicate=True):
            self.names.setdefault(identity(parameter), (name, parameter))
        self.by_module = {module: name for name, module in model.named_modules()}

    # --- names

    def parameter(self, value: Any) -> tuple[str, Tensor] | None:
        return self.names.get(identity(value)) if isinstance(value, Tensor) else None

    @staticmethod
    def layer_name(parameter: str) -> str:
        return re.sub(r"[._]?weight$", "", parameter) or parameter

    def here(self, what: str) -> str:
        scope = self.scope[-1] if self.scope else ""
        tail = scope.rsplit(".", 1)[-1].lower()
        if what in tail or (what == "norm" and re.search(r"ln|norm", tail)):
            return scope
        return f"{scope}.{what}" if scope else what

    def add(self, row: Row) -> None:
        """A layer that runs again counts once more; names are unique."""
        names = {r.layer for r in self.rows}
        for old in self.rows:
            if row.weight is not None and old.weight is not None and old.op == row.op and (
                    place(old.weight) == place(row.weight)
                    and (old.m, old.k, old.n) == (row.m, row.k, row.n)):
                old.count += row.count
                old.calls += row.calls
                self.y = None    # its row stands further up
                return
        base, i = row.layer, 1
        while row.layer in names:
            i += 1
            row.layer = f"{base}.{i}"
        self.rows.append(row)

    # --- operators

    def product(self, name: str, args: Sequence[Any]) -> None:
        a, b = args[-2:] if name in ("mm", "bmm") else args[1:3]
        for weight, other in ((b, a), (a, b)):
            found = self.parameter(weight)
            if found is not None:
                self.linear(found, weight, other, weight is b)
                return
        if a.dim() == 3:
            count, m, k = a.shape
            self.attention(count, m, k, b.shape[2])
        else:
            self.attention(1, a.shape[0], a.shape[1], b.shape[1])

    def linear(self, found: tuple[str, Tensor], weight: Tensor, other: Tensor,
               right: bool) -> None:
        """W is the right operand as k x m, or the left one as m x k."""
        w = weight.transpose(-1, -2) if right else weight
        rows = other.transpose(-1, -2) if not right else other
        m, k = w.shape[-2:]
        self.add(Row(self.layer_name(found[0]), "linear", m, k, rows.numel() // k,
                     prunable=True, weight=w if w.dim() == 2 else w[0]))

    def attention(self, count: int, m: int, k: int, n: int) -> None:
        scope = self.scope[-1] if self.scope else ""
        name = f"{scope}.product" if scope else "product"
        self.add(Row(name, "attention", m, k, n, count))

    def fused_attention(self, q: Tensor, k: Tensor, v: Tensor) -> None:
        batch, heads, queries, width = q.shape
        keys, count = k.shape[2], batch * heads
        scope = self.scope[-1] + "." if self.scope else ""
        self.add(Row(scope + "qk", "attention", queries, width, keys, count))
        elements = count * queries * keys
        self.add(Row(scope + "softmax", "other", x_elements=2 * elements, flops=5 * elements))
        self.add(Row(scope + "av", "attention", v.shape[3], keys, queries, count))

    def convolution(self, args: Sequence[Any], out: Tensor) -> None:
        x, weight, _, stride, padding, dilation, transposed = args[:7]
        groups = args[8]
        found = self.parameter(weight)
        if found is None or transposed:
            self.skipped.add("transposed convolution" if transposed
                             else "convolution of two activations")
            return
        kernel = weight.shape[2:]
        touched = x.shape[1] * math.prod(
            len({o * s - p + i * d for o in range(e) for i in range(f)} & set(range(h)))
            for h, e, f, s, p, d in zip(x.shape[2:], out.shape[2:], kernel, stride, padding,
                                        dilation))
        m, k = weight.shape[0], math.prod(weight.shape[1:])
        depthwise = groups > 1 and weight.shape[1] == 1
        self.add(Row(self.layer_name(found[0]), "depthwise" if depthwise else "conv", m, k,
                     math.prod(out.shape[2:]), groups=groups, prunable=not depthwise,
                     x_elements=touched, weight=weight.reshape(m, k)))

    def other(self, name: str, args: Sequence[Any], out: Any) -> None:
        out = out[0] if isinstance(out, (tuple, list)) else out
        read = [a for a in args[:2] if isinstance(a, Tensor) and a.dim() > 0]
        if name in POOLS:
            if not read or read[0].numel() == out.numel():
                return
            window = max(1, read[0].numel() // out.numel())
            if name == "max_pool2d_with_indices":
                window = math.prod(args[1])
            self.y = None
            self.add(Row(self.here("pool"), "other", flops=window * out.numel(),
                         x_elements=read[0].numel() + out.numel()))
            return
        word, each = EACH[name]
        if not out.is_floating_point() or not read:
            return
        both = name.startswith(("add", "mul")) and len(read) == 2
        if name.startswith(("add", "mul")) and (not both or any(map(self.parameter, read))):
            self.follow_y(args, out)
            return    # a bias, or a scale: part of the product beside it
        inside = name in EPILOGUES and self.reads_y(args, out)
        self.add(Row(self.here(word), "other", flops=each * out.numel(),
                     x_elements=out.numel() + (sum(a.numel() for a in read) if both
                                               else out.numel()), epilogue=inside))
        self.y = out if inside else None

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (),
                           kwargs: Any = None) -> Any:
        out = func(*args, **(kwargs or {}))
        name = func._overloadpacket.__name__
        if name in PRODUCTS or name == "convolution" or name in FUSED_ATTENTION:
            self.y = out[0] if isinstance(out, (tuple, list)) else out
        if name in PRODUCTS:
            self.product(name, args)
        elif name == "convolution":
            self.convolution(args, out)
        elif name in FUSED_ATTENTION:
            self.fused_attention(*args[:3])
        elif name in EACH or name in POOLS:
            self.other(name, args, out)
        else:
            self.follow_y(args, out)
            if any(self.is_matrix(a) for a in args) and not self.parameter(out):
                self.skipped.add(f"operator {name}, which takes weights")
        return out

    def reads_y(self, args: Sequence[Any], out: Any) -> bool:
        """An operator on all of the Y at hand, in whatever shape."""
        y = self.y
        return y is not None and isinstance(out, Tensor) and out.numel() == y.numel() and any(
            isinstance(a, Tensor) and identity(a) == identity(y) for a in args)

    def follow_y(self, args: Sequence[Any], out: Any) -> None:
        """Views, biases, a ReLU, a folded batch norm: no rows of their own."""
        out = out[0] if isinstance(out, (tuple, list)) and out else out
        if self.reads_y(args, out):
            self.y = out

    def is_matrix(self, value: Any) -> bool:
        if isinstance(value, (tuple, list)):
            return any(self.is_matrix(v) for v in value)
        return isinstance(value, Tensor) and value.dim() > 1 and bool(self.parameter(value))

    @contextmanager
    def names_of_modules(self) -> Iterator[None]:
        """While this lasts, scope ends in the module that runs."""
        def enter(module: nn.Module, _: Any) -> None:
            self.scope.append(self.by_module.get(module, self.scope[-1] if self.scope else ""))

        def leave(*_: Any) -> None:
            self.scope.pop()

        handles: list[Any] = []
        for module in self.by_module:
            handles += [module.register_forward_pre_hook(enter),
                        module.register_forward_hook(leave, always_call=True)]
        try:
            yield
        finally:
            for handle in handles:
                handle.remove()


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


def record(model: nn.Module, example_inputs: Sequence[Any],
           keep_dense: str | None = None) -> list[Row]:
    """The rows of one forward pass. keep_dense: a pattern of layer names not to be pruned."""
    first = next((x for x in example_inputs if isinstance(x, Tensor)), None)
    if first is not None and first.dim() > 1 and first.shape[0] != 1:
        raise ExportError(f"example_inputs: a batch of {first.shape[0]}: expected 1: a table is "
                          "of one sample, and analyze --batch takes more")
    recorder = Recorder(model)
    was_training, fast = model.training, torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    model.eval()
    try:
        with torch.no_grad(), recorder.names_of_modules(), recorder:
            model(*example_inputs)
    finally:
        model.train(was_training)
        torch.backends.mha.set_fastpath_enabled(fast)
    for what in sorted(recorder.skipped):
        print(f"sproof_export: left out: {what}", file=sys.stderr)
    if not any(row.weight is not None for row in recorder.rows):
        raise ExportError("no layer with weights ran: expected linear or convolution layers")
    rename_attention(recorder.rows)
    for row in recorder.rows:
        if keep_dense and row.prunable and re.search(keep_dense, row.layer):
            row.prunable = False
    return recorder.rows


# --- What a pruned model holds.

def block_of(pattern: str) -> tuple[int, int]:
    """Rows and columns of the cells that a pattern keeps or drops."""
    if pattern in ("csr", "unstructured"):
        return 1, 1
    match = re.fullmatch(r"(?:bsr:)?(\d+)x(\d+)", pattern)
    if match:
        return int(match[1]), int(match[2])
    if re.fullmatch(r"\d+:\d+", pattern):
        return 0, 0
    raise ExportError(f"pattern '{pattern}': expected csr, RxC or N:M")


def zero_fraction(weight: Tensor, pattern: str) -> float:
    """Of the cells of the pattern."""
    rows, columns = block_of(pattern)
    if rows == 0:
        kept, of = map(int, pattern.split(":"))
        groups = nn.functional.pad(weight != 0, (0, -weight.shape[1] % of))
        if int(groups.view(weight.shape[0], -1, of).sum(-1).max()) > kept:
            raise ExportError(f"weights that are not {pattern}")
        return 1 - kept / of
    m, k = weight.shape
    padded = nn.functional.pad((weight != 0).float(), (0, -k % columns, 0, -m % rows))
    cells = padded.view(padded.shape[0] // rows, rows, -1, columns).amax((1, 3))
    return 1 - float(cells.sum(dtype=torch.float64)) / cells.numel()


def counts(row: Row, variant: str, pattern: str) -> list[str] | None:
    """The cells of a variant's row; None: the layer is dense."""
    weight = row.weight
    if weight is None or weight.is_meta or not row.prunable:
        return None
    here = weight != 0
    nnz = int(here.sum())
    if nnz == here.numel():
        return None
    try:
        sparsity = zero_fraction(weight, pattern)
    except ExportError as error:
        raise ExportError(f"layer {row.layer}: {error}") from None
    return [variant, pattern, f"{sparsity:.12g}", str(nnz), str(int(here.any(0).sum())),
            str(int(here.sum(1).max()))]


def export(model: nn.Module, example_inputs: Sequence[Any], path: str | os.PathLike[str],
           variant: str | None = None, pattern: str = "csr",
           keep_dense: str | None = None) -> list[Row]:
    """Writes the table of a model. variant: also, under this name, the zeros of each layer,
    counted; pattern: the one they were made with. Raises ExportError."""
    rows = record(model, example_inputs, keep_dense)
    lines: list[list[str]] = [list(BASE) + (list(COUNTED) if variant else [])]
    lines += [row.cells() + [""] * (len(lines[0]) - len(BASE)) for row in rows]
    if variant:
        block_of(pattern)
        counted = [(row, counts(row, variant, pattern)) for row in rows]
        found = [row.cells() + cells for row, cells in counted if cells]
        if not found:
            raise ExportError(f"variant {variant}: no weight of the model is zero")
        lines += found
    partial = f"{os.fspath(path)}.partial"
    with open(partial, "w", encoding="utf-8", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows(lines)
    os.replace(partial, path)
    return rows


# --- From a shell.

def load(spec: str) -> nn.Module:
    name, _, attribute = spec.partition(":")
    if not attribute:
        raise ExportError(f"--model: '{spec}': expected MODULE:CALLABLE")
    try:
        maker: Callable[[], Any] = getattr(importlib.import_module(name), attribute)
        model = maker()
    except (ImportError, AttributeError) as error:
        raise ExportError(f"--model: '{spec}': {error}") from None
    if not isinstance(model, nn.Module):
        raise ExportError(f"--model: '{spec}': expected a torch.nn.Module, got "
                          f"{type(model).__name__}")
    return model


def example(spec: str) -> Tensor:
    match = re.fullmatch(r"(\d+(?:x\d+)*)(?::(int))?", spec)
    if not match:
        raise ExportError(f"--input: '{spec}': expected sizes such as 1x3x224x224 or 1x128:int")
    sizes = [int(size) for size in match[1].split("x")]
    return torch.zeros(sizes, dtype=torch.long) if match[2] else torch.randn(sizes)


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", required=True, metavar="MODULE:CALLABLE",
                        help="called without arguments, it returns the model")
    parser.add_argument("--input", action="append", required=True, metavar="1x3x224x224",
                        help="the sizes of an input; 1x128:int: of token numbers")
    parser.add_argument("--variant", metavar="NAME", help="also write the model's zeros")
    parser.add_argument("--pattern", default="csr", help="of the zeros: csr, 32x1, 2:4, ...")
    parser.add_argument("--keep-dense", metavar="REGEX", help="layers that are not prunable")
    parser.add_argument("-o", "--output", default="model.csv")
    arguments = parser.parse_args()
    sys.path.insert(0, os.getcwd())
    try:
        rows = export(load(arguments.model), [example(x) for x in arguments.input],
                      arguments.output, arguments.variant, arguments.pattern,
                      arguments.keep_dense)
    except (ExportError, OSError) as error:
        print(f"sproof_export: {error}", file=sys.stderr)
        return 2
    macs = sum(r.m * r.k * r.n * r.count for r in rows)
    weights = sum(r.m * r.k for r in rows if r.weight is not None)
    print(f"{arguments.output}: {len(rows)} operators, {macs:,} multiply-adds, "
          f"{weights:,} weights. Next:\n  sproof analyze {arguments.output}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
