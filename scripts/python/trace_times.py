#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Make the times of `sproof explain --times` from a profile.

TABLE is the layer table that is analysed. A profile is a Chrome trace of PyTorch's profiler, made
with record_shapes=True, or the JSON file of ONNX Runtime's profiling; of the dense network, and
of the pruned one with --sparse. Passes that the profile holds are repeats.

    trace_times.py model.csv dense.json --sparse pruned.json -o times.csv
    trace_times.py model.csv profile.json.gz     the same times on both sides

ONNX Runtime's nodes belong to the layer whose name they begin with; else, and in PyTorch, products
belong to the layers of their sizes, in the order of the table. On a GPU the time is that of the
kernels that an operator started. What belongs to no layer is named on standard error, with its
share of the time. Needs no PyTorch.
"""
from __future__ import annotations

import argparse
import bisect
import gzip
import json
import math
import sys
from typing import Any, NamedTuple

from layer_table import UsageError, base_rows, sizes_of, whole, write

HEADER = ("layer", "dense_s", "sparse_s", "kernel")

# Where the two operands of PyTorch's operators stand among their inputs.
OPERANDS = {"aten::mm": 0, "aten::bmm": 0, "aten::mv": 0, "aten::_int_mm": 0,
            "aten::_scaled_mm": 0, "aten::_sparse_mm": 0, "aten::addmm": 1, "aten::baddbmm": 1,
            "aten::addmv": 1, "aten::_sparse_addmm": 1}
# Sparse W packed: its place and that of the dense operand.
SEMI_STRUCTURED = {"aten::_sparse_semi_structured_mm": (0, 2),
                   "aten::_sparse_semi_structured_addmm": (1, 3), "aten::_cslt_sparse_mm": (0, 1)}
ONNX_PRODUCTS = {"MatMul", "Gemm", "FusedMatMul", "FusedGemm", "MatMulInteger", "MatMulNBits",
                 "DynamicQuantizeMatMul", "QLinearMatMul", "QGemm"}
ONNX_CONVOLUTIONS = {"Conv", "FusedConv", "NhwcFusedConv", "QLinearConv", "ConvTranspose"}


class Layer(NamedTuple):
    name: str
    op: str
    m: int
    k: int
    n: int
    occurrences: int
    calls: int

    def size(self) -> tuple[Any, ...]:
        return size_of(self.op, self.occurrences // self.calls, self.m, self.k, self.n)


class Event(NamedTuple):
    name: str
    seconds: float
    size: tuple[Any, ...] | None    # None: no product
    node: str = ""


def size_of(op: str, products: int, m: int, k: int, n: int) -> tuple[Any, ...]:
    """Which side is W is not seen in a product."""
    if op in ("conv", "depthwise"):
        return "conv", products, m, k, n
    return "product", products, min(m, n), k, max(m, n)


def layers_of(path: str) -> list[Layer]:
    layers = []
    for where, row in base_rows(path):
        op = row.get("op") or "linear"
        m, k, n = (0, 0, 0) if op == "other" else sizes_of(where, row)
        count = whole(where, "count", row.get("count") or "1")
        given = row.get("calls") or ("1" if op == "attention" else str(count))
        calls = 0 if float(given) == 0 else whole(where, "calls", given)
        if not row.get("layer"):
            raise UsageError(f"{where}: column 'layer': '': expected a name")
        layers.append(Layer(row["layer"], op, m, k, n, count, max(1, min(calls, count))))
    return layers


# --- PyTorch

def pytorch_size(event: dict[str, Any]) -> tuple[Any, ...] | None:
    """Sizes of a product, or None."""
    name, args = event["name"], event.get("args", {})
    dims = args.get("Input Dims")
    if dims is None and (name in OPERANDS or name == "aten::convolution"):
        raise UsageError("a trace without sizes: expected torch.profiler.profile("
                         "record_shapes=True)")
    if name in OPERANDS:
        a, b = dims[OPERANDS[name]:OPERANDS[name] + 2]
        columns = b[-1] if len(b) > 1 else 1
        return size_of("product", a[0] if len(a) == 3 else 1, a[-2], a[-1], columns)
    if name in SEMI_STRUCTURED:
        packed, dense = (dims[at] for at in SEMI_STRUCTURED[name])
        return size_of("product", 1, packed[0], dense[0], dense[1]) if len(packed) == 2 else None
    if name == "aten::convolution":
        return convolution_size(dims[0], dims[1], args.get("Concrete Inputs", []))
    return None


def convolution_size(x: list[int], w: list[int], given: list[str]) -> tuple[Any, ...] | None:
    try:
        stride, padding, dilation = (json.loads(text) for text in given[3:6])
        transposed, groups = given[6] == "True", int(given[8])
    except (IndexError, ValueError):
        return None
    if transposed:
        return size_of("conv", 1, w[1] * groups * math.prod(w[2:]), w[0] // groups,
                       x[0] * math.prod(x[2:]))
    pixels = [(e + 2 * p - d * (f - 1) - 1) // s + 1
              for e, f, s, p, d in zip(x[2:], w[2:], stride, padding, dilation)]
    return size_of("conv", 1, w[0], math.prod(w[1:]), x[0] * math.prod(pixels))


def pytorch_events(trace: dict[str, Any]) -> list[Event]:
    spans = [e for e in trace["traceEvents"] if e.get("ph") == "X"]
    operators = sorted((e for e in spans if e.get("cat") == "cpu_op"),
                       key=lambda e: (e["ts"], -e["dur"]))
    kernels: dict[Any, float] = {}
    for e in spans:
        if e.get("cat") == "kernel":
            key = e.get("args", {}).get("External id")
            kernels[key] = kernels.get(key, 0.0) + e["dur"]
    begins = [e["ts"] for e in operators]
    events = []
    until: dict[Any, float] = {}    # when the last product of a thread ends
    for i, e in enumerate(operators):
        thread = e["pid"], e["tid"]
        size = pytorch_size(e) if e["ts"] >= until.get(thread, 0) else None
        if size is None:
            continue
        until[thread] = end = e["ts"] + e["dur"]
        seconds = e["dur"]
        if kernels:
            inside = operators[i:bisect.bisect_right(begins, end)]
            seconds = sum(kernels.get(o["args"].get("External id"), 0.0) for o in inside
                          if (o["pid"], o["tid"]) == thread)
        events.append(Event(e["name"], seconds * 1e-6, size))
    return events


# --- ONNX Runtime

def onnx_size(args: dict[str, Any]) -> tuple[Any, ...] | None:
    """Weights that were packed are not among the inputs."""
    inputs = [next(iter(t.values())) for t in args.get("input_type_shape", []) if t]
    outputs = [next(iter(t.values())) for t in args.get("output_type_shape", []) if t]
    op = args.get("op_name")
    if not inputs or not outputs or not inputs[0] or not outputs[0]:
        return None
    a, y = inputs[0], outputs[0]
    if op in ONNX_CONVOLUTIONS and op != "ConvTranspose" and len(inputs) > 1:
        w = inputs[1]
        return size_of("conv", 1, w[0], math.prod(w[1:]), y[0] * math.prod(y[2:]))
    if op not in ONNX_PRODUCTS:
        return None
    batched = len(inputs) > 1 and len(inputs[1]) > 2
    products = math.prod(y[:-2]) if batched else 1
    rows = math.prod(y[:-1]) // products
    return size_of("product", products, rows, a[-1], y[-1])


def onnx_events(trace: list[Any]) -> list[Event]:
    events = []
    for e in trace:
        name = str(e.get("name", ""))
        if e.get("cat") == "Node" and name.endswith("_kernel_time"):
            args = e.get("args", {})
            events.append(Event(str(args.get("op_name", "")), e["dur"] * 1e-6, onnx_size(args),
                                name.removesuffix("_kernel_time")))
    return events


def events_of(path: str) -> tuple[str, list[Event]]:
    """The runtime and its operators, in the order of time."""
    try:
        opened = gzip.open if path.endswith(".gz") else open
        with opened(path, "rt", encoding="utf-8") as file:
            trace = json.load(file)
        if isinstance(trace, dict) and "traceEvents" in trace:
            found = "pytorch", pytorch_events(trace)
        elif isinstance(trace, list):
            found = "onnxruntime", onnx_events(trace)
        else:
            found = "", []
    except UsageError as error:
        raise UsageError(f"{path}: {error}") from None
    except (OSError, EOFError) as error:
        raise UsageError(f"{path}: {getattr(error, 'strerror', None) or error}") from None
    except (ValueError, KeyError, TypeError, AttributeError, IndexError):
        found = "", []
    if not found[1]:
        raise UsageError(f"{path}: no products: expected a Chrome trace of PyTorch's profiler or "
                         "a profile of ONNX Runtime")
    return found


# --- Which is which.

def by_name(layers: list[Layer], events: list[Event]) -> tuple[dict[str, list[float]], list[Event]]:
    """Times of layers whose nodes bear their names, pass for pass, and the other events."""
    def path(name: str) -> str:
        return name.strip("/").replace("/", ".") + "."
    names = sorted((path(layer.name) for layer in layers), key=len, reverse=True)
    layer_of = {path(layer.name): layer for layer in layers}
    seen: dict[str, int] = {}
    times: dict[str, list[float]] = {}
    left = []
    for event in events:
        node = path(event.node)
        owner = next((name for name in names if event.node and node.startswith(name)), None)
        if owner is None:
            left.append(event)
            continue
        number = seen[node] = seen.get(node, -1) + 1
        passes = times.setdefault(layer_of[owner].name, [])
        passes += [0.0] * (number + 1 - len(passes))
        passes[number] += event.seconds
    return times, left


def by_size(layers: list[Layer], events: list[Event]) -> tuple[dict[str, list[float]], list[Event]]:
    times: dict[str, list[float]] = {}
    left = [event for event in events if event.size is None]
    groups: dict[tuple[Any, ...], list[Layer]] = {}
    for layer in layers:
        if layer.op != "other":
            groups.setdefault(layer.size(), []).append(layer)
    of_size: dict[tuple[Any, ...], list[Event]] = {}
    for event in events:
        if event.size is not None:
            of_size.setdefault(event.size, []).append(event)
    for size, alike in of_size.items():
        rows = groups.get(size, [])
        slots = sum(row.calls for row in rows)
        if slots == 0 or len(alike) % slots:
            left += alike
            continue
        for first in range(0, len(alike), slots):
            share_out(rows, [e.seconds for e in alike[first:first + slots]], times)
    return times, left


def share_out(rows: list[Layer], seconds: list[float], times: dict[str, list[float]]) -> None:
    """One pass. Which call was whose is known where each layer has one, or one has all."""
    mean = sum(seconds) / len(seconds)
    plain = all(row.calls == 1 for row in rows)
    for i, row in enumerate(rows):
        times.setdefault(row.name, []).append(seconds[i] if plain else mean * row.calls)


def times_of(path: str, layers: list[Layer]) -> tuple[str, dict[str, list[float]]]:
    """Seconds of one occurrence, pass for pass."""
    runtime, events = events_of(path)
    times, left = by_name(layers, events) if runtime == "onnxruntime" else ({}, events)
    more, left = by_size([layer for layer in layers if layer.name not in times], left)
    times.update(more)
    if not times:
        raise UsageError(f"{path}: none of its {len(events)} operators is of a layer of the table: "
                         "expected a profile of the same network at the same n")
    total = sum(event.seconds for event in events)
    kinds: dict[str, float] = {}
    for event in left:
        kinds[event.name] = kinds.get(event.name, 0.0) + event.seconds
    if left:
        worst = sorted(kinds, key=lambda kind: -kinds[kind])
        of = "the products' time" if runtime == "pytorch" else "the time"
        print(f"trace_times: {path}: left out, of no layer: {100 * sum(kinds.values()) / total:.1f}"
              f" % of {of}: {', '.join(worst[:4])}{', ...' if len(worst) > 4 else ''}",
              file=sys.stderr)
    counts = {layer.name: layer.occurrences for layer in layers}
    return runtime, {name: [s / counts[name] for s in passes] for name, passes in times.items()}


def table_of(layers: list[Layer], dense: dict[str, list[float]], sparse: dict[str, list[float]],
             kernel: str) -> list[list[str]]:
    table = [list(HEADER)]
    for layer in layers:
        pairs = zip(dense.get(layer.name, []), sparse.get(layer.name, []))
        table += [[layer.name, f"{d:.6e}", f"{s:.6e}", kernel] for d, s in pairs if d > 0 and s > 0]
    timed = {row[0] for row in table[1:]}
    missing = [layer.name for layer in layers if layer.op != "other" and layer.name not in timed]
    if missing:
        more = f" and {len(missing) - 3} more" if len(missing) > 3 else ""
        print(f"trace_times: no time for {', '.join(missing[:3])}{more}", file=sys.stderr)
    return table


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("table", metavar="TABLE.csv")
    parser.add_argument("dense", metavar="PROFILE.json")
    parser.add_argument("--sparse", metavar="PROFILE.json", help="of the pruned network")
    parser.add_argument("-o", "--output", metavar="FILE", help="instead of standard output")
    options = parser.parse_args()
    try:
        layers = layers_of(options.table)
        kernel, dense = times_of(options.dense, layers)
        sparse = dense
        if options.sparse:
            kernel, sparse = times_of(options.sparse, layers)
        table = table_of(layers, dense, sparse, kernel)
        if len(table) == 1:
            raise UsageError("no layer is timed in both profiles")
        write(options.output, table)
    except UsageError as error:
        print(f"trace_times: {error}", file=sys.stderr)
        return 2
    except OSError as error:
        print(f"trace_times: {options.output}: {error.strerror}", file=sys.stderr)
        return 4
    return 0


if __name__ == "__main__":
    sys.exit(main())
