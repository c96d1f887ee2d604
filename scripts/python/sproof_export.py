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

With samples each of them runs once more, and the table has the zeros of layers' inputs.
"""
from __future__ import annotations

import argparse
import contextlib
import csv
import importlib
import os
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from input_zeros import Shares, count_zeros, read, single
from known_weights import plain
from layer_row import Row, rename_attention
from operator_times import Watch, lines, timed_call
from operators import LOOKED_UP, Recorder, just_call

BASE = ("layer", "op", "m", "k", "n", "count", "groups", "prunable", "x_elements", "flops",
        "calls", "epilogue")
ACTIVATIONS = "activation_sparsity"
SPREAD = "activation_sparsity_spread"
COUNTED = ("variant", "pattern", "sparsity", "nnz", "touched_columns", "longest_row")


class ExportError(Exception):
    """Said in one line."""


# --- One forward pass.

def runnable(model: Any) -> nn.Module:
    """torch.export's program as a module."""
    if isinstance(model, torch.export.ExportedProgram):
        return model.module()
    if not isinstance(model, nn.Module):
        raise ExportError(f"model: a {type(model).__name__}: expected a torch.nn.Module, a "
                          "ScriptModule or an ExportedProgram")
    return model


def check_batch(model: nn.Module, example_inputs: Sequence[Any]) -> None:
    """A table is of one sample. Recurrent layers may have steps before it, or no batch."""
    first = next((x for x in example_inputs if isinstance(x, Tensor)), None)
    if first is None or first.dim() < 2:
        return
    layers = [m for m in model.modules() if isinstance(m, (nn.RNNBase, nn.MultiheadAttention))]
    steps_first = any(not m.batch_first for m in layers) and first.dim() == 3
    if first.dim() == 2 and any(isinstance(m, nn.RNNBase) for m in layers):
        return
    batch = first.shape[1 if steps_first else 0]
    if batch != 1:
        raise ExportError(f"example_inputs: a batch of {batch}: expected 1: a table is "
                          "of one sample, and analyze --batch takes more")


def some(names: Sequence[str]) -> str:
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return ", ".join(names[:3]) + more


def say_left_out(recorder: Recorder) -> None:
    """What has no row, with its share of the weights."""
    sizes = recorder.weights.sizes
    total = sum(sizes.values())
    reasons = {what: sorted(names) for what, names in recorder.left_out.items()}
    named = {name for names in reasons.values() for name in names}
    for name, size in sizes.items():
        why = recorder.consumed.get(name)
        if (name in named or recorder.covered[name] >= size or why == LOOKED_UP
                or name in recorder.weights.absorbed):
            continue
        if recorder.covered[name]:
            why = "matrices of a stack that got no input"
        reasons.setdefault(why or "weights that did not run", []).append(name)
    for what, names in sorted(reasons.items()):
        missing = sum(max(0, sizes.get(name, 0) - recorder.covered[name]) for name in names)
        share = f"{100 * missing / total:.3g} % of the weights: " if missing else ""
        if missing or not set(names) & set(sizes):
            print(f"sproof_export: left out: {what}{': ' if names else ''}{share}{some(names)}",
                  file=sys.stderr)
    if recorder.preparing:
        print(f"sproof_export: left out: {recorder.preparing:,} multiply-adds of "
              "parametrizations, which make weights and are gone once these are removed",
              file=sys.stderr)


@contextmanager
def evaluating(model: nn.Module) -> Iterator[None]:
    """A program of torch.export is what it is."""
    was_training, fast = model.training, torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    with contextlib.suppress(NotImplementedError):
        model.eval()
    try:
        with torch.no_grad():
            yield
    finally:
        with contextlib.suppress(NotImplementedError):
            model.train(was_training)
        torch.backends.mha.set_fastpath_enabled(fast)


def record(model: Any, example_inputs: Sequence[Any], keep_dense: str | None = None,
           watch: Watch | None = None) -> list[Row]:
    """The rows of one forward pass. keep_dense: a pattern of layer names not to be pruned; watch:
    its operators are timed, too."""
    model = runnable(model)
    check_batch(model, example_inputs)
    recorder = Recorder(model, timed_call if watch else just_call, watch)
    with evaluating(model), recorder.names_of_modules(), recorder:
        model(*example_inputs)
    say_left_out(recorder)
    if not any(row.weights for row in recorder.rows):
        raise ExportError("no layer with weights ran: expected linear or convolution layers")
    rename_attention(recorder.rows)
    for row in recorder.rows:
        if keep_dense and row.prunable and re.search(keep_dense, row.layer):
            row.prunable = False
    if watch:
        watch.report()
        print(f"sproof_export: operators without a row took {recorder.elsewhere_s:.3g} s of "
              f"{recorder.elsewhere_s + sum(r.seconds for r in recorder.rows):.3g} s",
              file=sys.stderr)
    return recorder.rows


def zeros_of_inputs(model: Any, samples: Iterable[Sequence[Any]]) -> Shares:
    """Of each layer, over all samples of these batches."""
    model, shares = runnable(model), Shares()
    try:
        for sample in (one for batch in samples for one in single(batch)):
            recorder = Recorder(model, just_call, count_zeros)
            with evaluating(model), recorder.names_of_modules(), recorder:
                model(*sample)
            rename_attention(recorder.rows)
            shares.add(recorder.rows)
    except ValueError as error:
        raise ExportError(f"samples: {error}") from None
    if not shares.of:
        raise ExportError("samples: no layer read any: expected inputs with values")
    return shares


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
    """The cells of a variant's row, the mean of a stack's matrices; None: the layer is dense."""
    if not row.prunable or not row.weights or row.weights[0].is_meta:
        return None
    matrices = [m for w in row.weights for m in plain(w).reshape(-1, row.m, row.k)]
    here = [matrix != 0 for matrix in matrices]
    nnz = sum(int(h.sum()) for h in here)
    if nnz == row.m * row.k * len(here):
        return None
    try:
        sparsity = sum(zero_fraction(m, pattern) for m in matrices) / len(matrices)
    except ExportError as error:
        raise ExportError(f"layer {row.layer}: {error}") from None
    touched = [int(h.view(row.groups, -1, row.k).any(1).sum()) / row.groups for h in here]
    return [variant, pattern, f"{sparsity:.12g}", str(round(nnz / len(here))),
            str(round(sum(touched) / len(here))), str(max(int(h.sum(1).max()) for h in here))]


def write(path: str | os.PathLike[str], table: list[list[str]]) -> None:
    partial = f"{os.fspath(path)}.partial"
    with open(partial, "w", encoding="utf-8", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows(table)
    os.replace(partial, path)


def export(model: Any, example_inputs: Sequence[Any], path: str | os.PathLike[str],
           variant: str | None = None, pattern: str = "csr", keep_dense: str | None = None,
           profile: str | os.PathLike[str] | None = None,
           samples: Iterable[Sequence[Any]] | None = None) -> list[Row]:
    """Writes the table of a model. variant: also, under this name, the zeros of each layer,
    counted; pattern: the one they were made with. profile: the table also has the zeros of
    inputs, and this file the times for `explain --times`. samples: batches of inputs, such as
    [(x,), (y,)]; the table has the zeros of each layer's input, the mean over all samples, and
    how far they spread. Raises ExportError."""
    if variant:
        block_of(pattern)
    watch = Watch(pattern if variant else None) if profile else None
    rows = record(model, example_inputs, keep_dense, watch)
    shares = zeros_of_inputs(model, samples) if samples is not None else None
    header = list(BASE) + ([ACTIVATIONS, SPREAD] if shares else [ACTIVATIONS] * bool(profile))

    def base(row: Row) -> list[str]:
        return row.cells() + (shares.cells(row) if shares
                              else [row.zero_inputs()] * bool(profile))

    table = [header + list(COUNTED) * bool(variant)]
    table += [base(row) + [""] * (len(table[0]) - len(header)) for row in rows]
    found: dict[str, list[str]] = {}
    if variant:
        for row in rows:
            cells = counts(row, variant, pattern)
            if cells:
                found[row.layer] = cells[1:3]
                table.append(base(row) + cells)
        if not found:
            raise ExportError(f"variant {variant}: no weight of the model is zero")
    if profile:
        times = lines(rows, found)
        if len(times) == 1:
            raise ExportError("profile: nothing ran: expected weights and inputs that are not on "
                              "the meta device")
        write(profile, times)
    write(path, table)
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
    try:
        return runnable(model)
    except ExportError as error:
        raise ExportError(f"--model: '{spec}': {error}") from None


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
    parser.add_argument("--profile", metavar="TIMES.csv",
                        help="also time the operators, for sproof explain --times, and count the "
                        "zeros of inputs")
    parser.add_argument("--samples", action="append", metavar="X.npy",
                        help="a batch of inputs, .npy or .pt, for each --input: the table also has "
                        "the zeros of layers' inputs")
    parser.add_argument("--threads", type=int, metavar="N", help="of PyTorch, for --profile")
    parser.add_argument("-o", "--output", default="model.csv")
    arguments = parser.parse_args()
    sys.path.insert(0, os.getcwd())
    if arguments.threads is not None:
        if arguments.threads < 1:
            parser.error(f"--threads {arguments.threads}: expected 1 or more")
        torch.set_num_threads(arguments.threads)
    try:
        samples = [tuple(read(path) for path in arguments.samples)] if arguments.samples else None
        rows = export(load(arguments.model), [example(x) for x in arguments.input],
                      arguments.output, arguments.variant, arguments.pattern,
                      arguments.keep_dense, arguments.profile, samples)
    except (ExportError, OSError, ValueError) as error:
        print(f"sproof_export: {error}", file=sys.stderr)
        return 2
    macs = sum(r.macs() for r in rows)
    weights = sum(r.m * r.k * r.matrices for r in rows)
    print(f"{arguments.output}: {len(rows)} operators, {macs:,} multiply-adds, "
          f"{weights:,} weights. Next:\n  sproof analyze {arguments.output}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
