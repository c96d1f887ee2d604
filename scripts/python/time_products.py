#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Time dense and pruned matrix products of PyTorch, for `sproof calibrate`.

W is m x k and pruned, X is k x n and dense, both random. A product is checked against float64
before it is timed. A time is the least call of visits in random order, ten seconds apart; it is
written when two visits agree within 2 %. What PyTorch cannot run here, what is wrong and what is
too noisy is named on standard error and left out.

    time_products.py --output times.csv             six products on the device that is found
    time_products.py --more --more --dtype bf16     twenty
    time_products.py --shapes 4096x4096x16,4096x4096x256 --patterns dense,2:4,32x32@0.9
    time_products.py --model model.csv --device cpu --threads 8

Exit status: 0 done, 2 usage, 3 nothing could be timed, 4 no PyTorch, no such device or no output.
"""
from __future__ import annotations

import argparse
import os
import random
import re
import resource
import sys
import time
import warnings
from collections.abc import Callable
from typing import Any, NamedTuple, NoReturn

from layer_table import UsageError, base_rows, sizes_of, write
from visits import LeftOut, Visit, doubt, judge, measure, visit_of

HEADER = ("m", "k", "n", "pattern", "sparsity", "dtype", "time", "kernel", "residency")
DTYPES = {"f16": "float16", "bf16": "bfloat16", "f32": "float32"}

# Six, twelve and twenty products from which the times of others are learned best: a call's cost,
# the peak, a W that streams, few tiles, waves of tiles, power.
GPU_SHAPES = (
    "64x64x64,4096x4096x4096,2048x8192x64,3072x2048x128,5120x5120x512,16384x3072x16384",
    "2048x8192x2048,3072x2048x1024,16384x2048x64,7168x5120x256,512x512x512,8192x8192x8192",
    "37888x3584x64,2048x2048x256,5120x3072x2048,3072x8192x8192,16384x2048x256,3584x3584x1024,"
    "5120x5120x128,7168x5120x4096")
CPU_SHAPES = (
    "64x64x64,1024x1024x1024,2048x512x64,768x768x128,3072x768x256,768x3072x16",
    "512x2048x512,768x512x256,4096x512x16,1792x1280x64,128x128x128,2048x2048x2048",
    "9472x896x16,512x512x64,1280x768x512,768x2048x2048,4096x512x64,896x896x256,"
    "1280x1280x32,1792x1280x1024")

# A sample: calls until the clock's own steps, or those of a GPU's events, are nothing.
SAMPLE_CPU_S, SAMPLE_GPU_S = 50e-6, 5e-3


class Case(NamedTuple):
    m: int
    k: int
    n: int
    pattern: str      # dense, 2:4, csr, RxC
    sparsity: float   # wanted
    dtype: str

    def kernel(self) -> str:
        return "torch-" + {"dense": "dense", "2:4": "semi-structured", "csr": "csr"}.get(
            self.pattern, "bsr")

    def kind(self) -> str:
        at = "" if self.pattern in ("dense", "2:4") else f"@{self.sparsity:g}"
        return f"{self.pattern}{at} {self.dtype}"

    def shape(self) -> str:
        return f"{self.m}x{self.k}x{self.n}"

    def __str__(self) -> str:
        return f"{self.shape()} {self.kind()}"


# --- What is asked for.

def parts(text: str) -> list[str]:
    return [part.strip() for part in text.split(",")]


def shape_of(text: str) -> tuple[int, int, int]:
    match = re.fullmatch(r"([1-9]\d{0,8})x([1-9]\d{0,8})x([1-9]\d{0,8})", text)
    if not match:
        raise UsageError(f"--shapes: '{text}': expected MxKxN, such as 4096x4096x64")
    return int(match[1]), int(match[2]), int(match[3])


def pattern_of(text: str) -> tuple[str, float]:
    """A pattern and its share of zeros."""
    if text in ("dense", "2:4"):
        return text, .5 if text == "2:4" else 0.0
    match = re.fullmatch(r"(csr|[1-9]\d{0,5}x[1-9]\d{0,5})@(\d*\.?\d+)(%?)", text)
    zeros = float(match[2]) / (100 if match[3] else 1) if match else 0.0
    if not match or not 0 < zeros < 1:
        raise UsageError(f"--patterns: '{text}': expected dense, 2:4, csr@ZEROS or RxC@ZEROS, "
                         "such as 16x16@0.9")
    return match[1], zeros


def dtype_of(text: str) -> str:
    if text not in DTYPES:
        raise UsageError(f"--dtype: '{text}': expected {', '.join(DTYPES)}")
    return text


def shapes_of_table(path: str) -> list[tuple[int, int, int]]:
    """Of the dense network's linear rows, each once."""
    shapes = dict.fromkeys(sizes_of(where, row) for where, row in base_rows(path)
                           if (row.get("op") or "linear") == "linear")
    if not shapes:
        raise UsageError(f"{path}: no linear layer")
    return list(shapes)


def cases_of(options: argparse.Namespace, gpu: bool) -> list[Case]:
    if options.model:
        shapes = shapes_of_table(options.model)
    else:
        lists = (GPU_SHAPES if gpu else CPU_SHAPES)[:1 + min(options.more, 2)]
        shapes = [shape_of(s) for s in parts(options.shapes or ",".join(lists))]
    dtypes = [dtype_of(d) for d in parts(options.dtype or ("f16" if gpu else "f32"))]
    patterns = [pattern_of(p) for p in parts(options.patterns)]
    return list(dict.fromkeys(Case(*shape, *pattern, dtype) for dtype in dtypes
                              for shape in shapes for pattern in patterns))


# --- PyTorch.

class Products:
    """Makes, checks and times products on one device."""

    def __init__(self, torch: Any, device: str) -> None:
        self.torch, self.device = torch, device
        self.zeros: dict[Case, float] = {}    # of what was checked: the mask's share
        self.held: Any = None

    def operands(self, case: Case) -> tuple[Any, Any]:
        """The same in each visit, X behind a piece of memory of another length."""
        import pruning
        torch = self.torch
        generator = torch.Generator(self.device).manual_seed(1)
        dtype = getattr(torch, DTYPES[case.dtype])
        w = torch.randn(case.m, case.k, generator=generator, device=self.device)
        if case.pattern != "dense":
            w = w * pruning.mask(w, case.pattern, case.sparsity)
        w = w.to(dtype)
        self.held = torch.empty(random.randrange(1, 1 << 16) * 64, dtype=torch.uint8,
                                device=self.device)
        x = torch.randn(case.k, case.n, generator=generator, device=self.device).to(dtype)
        return w, x

    def stored(self, case: Case, w: Any) -> Any:
        if case.pattern == "dense":
            return w
        if case.pattern == "2:4":
            return self.torch.sparse.to_sparse_semi_structured(w)
        if case.pattern == "csr":
            return w.to_sparse_csr()
        rows, columns = map(int, case.pattern.split("x"))
        return w.to_sparse_bsr((rows, columns))

    def check(self, w: Any, x: Any, y: Any) -> None:
        """Against float64: sums of float32, whose parts may be rounded to the dtype."""
        torch = self.torch
        if tuple(y.shape) != (w.shape[0], x.shape[1]):
            raise LeftOut(f"wrong: a result of {tuple(y.shape)}")
        exact_w, y = w.double(), y.to_dense() if y.layout != torch.strided else y
        longest = int((w != 0).sum(1).max())
        share = longest * 2**-24 + 3 * torch.finfo(w.dtype).eps / 2
        for at in range(0, x.shape[1], 1024):
            exact_x = x[:, at:at + 1024].double()
            off = (y[:, at:at + 1024].double() - exact_w @ exact_x).abs()
            if not bool((off <= share * (exact_w.abs() @ exact_x.abs())).all()):
                raise LeftOut(f"wrong: {float(off.max()):.3g} from the float64 product, more than "
                              "rounding explains")

    def sampler(self, run: Callable[[], Any]) -> Callable[[int], tuple[float, bool]]:
        torch = self.torch

        def on_gpu(calls: int) -> tuple[float, bool]:
            first, last = (torch.cuda.Event(enable_timing=True) for _ in range(2))
            first.record()
            for _ in range(calls):
                run()
            last.record()
            last.synchronize()
            return first.elapsed_time(last) * 1e-3 / calls, False

        def on_cpu(calls: int) -> tuple[float, bool]:
            before = resource.getrusage(resource.RUSAGE_SELF).ru_nivcsw
            begin = time.perf_counter()
            for _ in range(calls):
                run()
            seconds = time.perf_counter() - begin
            return (seconds / calls,
                    resource.getrusage(resource.RUSAGE_SELF).ru_nivcsw != before)

        return on_cpu if self.device == "cpu" else on_gpu

    def take(self, case: Case) -> Visit | None:
        """One visit. Whatever PyTorch raises is the reason that there is none."""
        try:
            with self.torch.no_grad():
                w, x = self.operands(case)
                stored = self.stored(case, w)
                if case not in self.zeros:
                    self.check(w, x, self.torch.mm(stored, x))
                    self.zeros[case] = 0.0 if case.pattern == "dense" else float((w == 0).mean(
                        dtype=self.torch.float64))
                return visit_of(self.sampler(lambda: self.torch.mm(stored, x)),
                                SAMPLE_CPU_S if self.device == "cpu" else SAMPLE_GPU_S)
        except LeftOut:
            raise
        except Exception as error:
            raise LeftOut((str(error).strip() or type(error).__name__).splitlines()[0]) from None


def load(options: argparse.Namespace) -> Products | None:
    """None: said why not."""
    try:
        import torch
    except ImportError as error:
        print(f"time_products: {error}: expected PyTorch (scripts/python/README.md)",
              file=sys.stderr)
        return None
    device = options.device
    if device in ("cuda", "rocm") and not torch.cuda.is_available():
        print(f"time_products: --device {device}: PyTorch finds none", file=sys.stderr)
        return None
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    torch.set_num_threads(options.threads)
    torch.set_float32_matmul_precision("highest")
    warnings.filterwarnings("ignore")    # of the sparse layouts' states
    return Products(torch, "cpu" if device == "cpu" else "cuda")


# --- What comes out.

def rows_of(visits: dict[Case, list[Visit]], zeros: dict[Case, float]) -> list[list[str]]:
    rows = []
    for case, found in visits.items():
        seconds = judge(found)
        if seconds is not None:
            rows.append([str(case.m), str(case.k), str(case.n), case.pattern,
                         f"{zeros[case]:.6g}", case.dtype,
                         f"{seconds:.6e}", case.kernel(), "warm"])
    return rows


def report(visits: dict[Case, list[Visit]], failed: dict[Case, str]) -> None:
    """What was left out, alike reasons together."""
    reasons: dict[str, list[str]] = {}
    open_ = [case for case in visits if case not in failed and judge(visits[case]) is None]
    for case in [*(case for case in visits if case in failed), *open_]:
        text = (f"left out: {case.kind()}, {case.kernel()}: {failed[case]}" if case in failed else
                f"inconclusive, left out: {case.kind()}: {doubt(visits[case])}")
        reasons.setdefault(text, []).append(case.shape())
    for text, shapes in reasons.items():
        print(f"time_products: {text} ({', '.join(shapes)})", file=sys.stderr)
    print(f"time_products: {len(visits) - len(failed) - len(open_)} timed, {len(open_)} "
          f"inconclusive, {len(failed)} not run", file=sys.stderr)


class Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        self.exit(2, f"time_products: {message}\n")


def positive(kind: Callable[[str], Any]) -> Callable[[str], Any]:
    def read(text: str) -> Any:
        try:
            value = kind(text)
        except ValueError:
            value = 0
        if not 0 < value < 1e9:
            raise argparse.ArgumentTypeError(f"'{text}': expected a number above 0")
        return value
    return read


def arguments() -> argparse.Namespace:
    parser = Parser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--shapes", metavar="MxKxN,...", help="these products")
    which.add_argument("--more", action="count", default=0,
                       help="twelve products instead of six; twice: twenty")
    which.add_argument("--model", metavar="TABLE.csv",
                       help="the products of a layer table's linear rows")
    parser.add_argument("--patterns", default="dense,2:4,16x16@0.9,csr@0.9", metavar="LIST",
                        help="dense, 2:4, csr@ZEROS, RxC@ZEROS (%(default)s)")
    parser.add_argument("--dtype", metavar="LIST", help="f16, bf16, f32 (f16 on a GPU, else f32)")
    parser.add_argument("--device", choices=("auto", "cuda", "rocm", "cpu"), default="auto")
    parser.add_argument("--threads", type=positive(int), default=1, help="on a CPU (1)")
    parser.add_argument("--budget", type=positive(float), default=600, metavar="SECONDS",
                        help="no visit begins after that (600)")
    parser.add_argument("-o", "--output", metavar="FILE", help="instead of standard output")
    options = parser.parse_args()
    folder = os.path.dirname(options.output or "") or "."
    if not os.access(folder, os.W_OK):
        parser.exit(4, f"time_products: --output: {folder}: no folder that can be written\n")
    return options


def main() -> int:
    options = arguments()

    def say(text: str) -> None:
        if sys.stderr.isatty():
            print(f"\r{text:<79}", end="\n" if not text else "", file=sys.stderr, flush=True)
    try:
        cases_of(options, gpu=False)    # what is wrong in either case, before PyTorch is loaded
        products = load(options)
        if products is None:
            return 4
        cases = cases_of(options, products.device != "cpu")
        visits, failed = measure(cases, products.take, options.budget, say)
        say("")
        report(visits, failed)
        rows = rows_of(visits, products.zeros)
        if not rows:
            return 3
        write(options.output, [HEADER, *rows])
    except UsageError as error:
        print(f"time_products: {error}", file=sys.stderr)
        return 2
    except OSError as error:
        print(f"time_products: {options.output}: {error.strerror}", file=sys.stderr)
        return 4
    except KeyboardInterrupt:
        print("time_products: interrupted, nothing written", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
