#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Holds scripts/python/sproof_export.py: sizes against hand counts and multiply-adds against
PyTorch's own counter, on small networks of each kind. Runs in a scratch directory; exits 77 where
Python has no PyTorch.

    test_export.py --sproof PATH
"""
import argparse
import csv
import io
import pathlib
import subprocess
import sys
import warnings
from contextlib import redirect_stderr

try:
    import torch
except ImportError:
    print("SKIP: no PyTorch")
    sys.exit(77)
import torch.nn.functional as F
from torch import nn
from torch.nn.utils import parametrizations, parametrize, prune
from torch.utils.flop_counter import FlopCounterMode

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "scripts" / "python"))
import sproof_export  # noqa: E402

warnings.filterwarnings("ignore")
problems = []
said = io.StringIO()


def expect(what, found, wanted):
    if found != wanted:
        problems.append(f"{what}: {found!r}: expected {wanted!r}")


def rows_of(model, *inputs, **options):
    said.seek(0)
    said.truncate()
    with redirect_stderr(said):
        sproof_export.export(model, inputs, "model.csv", **options)
    with open("model.csv", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def sizes(rows):
    return {r["layer"]: " ".join([r["op"], r["m"], r["k"], r["n"], r["count"], r["calls"],
                                  r["groups"]])
            for r in rows if r["op"] != "other" and not r.get("variant")}


def macs(rows):
    return sum(int(r["m"]) * int(r["k"]) * int(r["n"]) * int(r["count"]) for r in rows
               if r["op"] != "other" and not r.get("variant"))


def check(name, model, inputs, wanted, counted=True, left_out="", **options):
    """wanted: rows of products; counted: PyTorch's counter knows all of its operators."""
    rows = rows_of(model, *inputs, **options)
    expect(name, sizes(rows), wanted)
    expect(f"{name}: standard error", said.getvalue().strip().replace(
        "sproof_export: left out: ", ""), left_out)
    if counted:
        counter = FlopCounterMode(display=False)
        runs = model.module() if hasattr(model, "graph_signature") else model.eval()
        with torch.no_grad(), counter:
            runs(*inputs)
        expect(f"{name}: multiply-adds", macs(rows), counter.get_total_flops() // 2)
    return [r for r in rows if r.get("variant")]


def two():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(32, 16), nn.ReLU(), nn.Linear(16, 4))


TWO = {"0": "linear 16 32 1 1 1 1", "2": "linear 4 16 1 1 1 1"}
X = (torch.randn(1, 32),)


class Mask(nn.Module):
    def __init__(self, mask):
        super().__init__()
        self.register_buffer("mask", mask)

    def forward(self, w):
        return w * self.mask


class LowRank(nn.Linear):
    """A weight with an update that is added to it in each pass."""

    def __init__(self):
        super().__init__(32, 16)
        self.a, self.b = nn.Parameter(torch.randn(4, 32)), nn.Parameter(torch.randn(16, 4))

    def forward(self, x):
        return F.linear(x, self.weight + .5 * (self.b @ self.a), self.bias)


class Queries(nn.Module):
    """Learned inputs: they are no weights of a product."""

    def __init__(self):
        super().__init__()
        self.q = nn.Parameter(torch.randn(1, 5, 32))
        self.attention = nn.MultiheadAttention(32, 4, batch_first=True)

    def forward(self, x):
        return self.attention(self.q, x, x)[0]


def made_weights():
    model = two()
    prune.l1_unstructured(model[0], "weight", amount=.75)
    found = check("prune", model, X, TWO, variant="p")
    expect("its zeros", [(r["layer"], r["sparsity"], r["nnz"]) for r in found], [("0", "0.75", "128")])
    mask = (torch.arange(512).view(16, 32) % 4 == 0).float()
    model = two()
    parametrize.register_parametrization(model[0], "weight", Mask(mask))
    found = check("a mask", model, X, TWO, variant="p")
    expect("its zeros", [(r["nnz"], r["touched_columns"], r["longest_row"]) for r in found],
           [("128", "8", "8")])
    for make in (parametrizations.weight_norm, nn.utils.weight_norm, nn.utils.spectral_norm):
        model = two()
        make(model[0])
        check(make.__name__, model, X, TWO)
    for make, products, counted in ((parametrizations.spectral_norm, "512", True),
                                    (parametrizations.orthogonal, "16,384", False)):
        model = two()
        make(model[0])
        check(make.__name__, model, X, TWO, counted, f"{products} multiply-adds of "
              "parametrizations, which make weights and are gone once these are removed")
    check("a low-rank update", nn.Sequential(LowRank()), X, {
        "0.a": "linear 32 4 16 1 1 1", "0": "linear 16 32 1 1 1 1"},
        left_out="inputs of products: 9.09 % of the weights: 0.b")
    check("learned queries", Queries(), (torch.randn(1, 7, 32),), {
        "attention.in_proj": "linear 32 32 5 1 1 1", "attention.in_proj.2": "linear 64 32 7 1 1 1",
        "attention.qk": "attention 5 8 7 4 1 1", "attention.av": "attention 8 7 5 4 1 1",
        "attention.out_proj": "linear 32 32 5 1 1 1"},
        left_out="inputs of products: 3.76 % of the weights: q")


def recurrent():
    both = {"weight_ih_l0": "linear 256 32 20 1 1 1", "weight_hh_l0": "linear 256 64 1 20 20 1"}
    for first, x in ((True, (1, 20, 32)), (False, (20, 1, 32)), (False, (20, 32))):
        check(f"LSTM {x}", nn.LSTM(32, 64, batch_first=first), (torch.randn(x),), both, False)
    check("LSTM, 2 layers, both ways", nn.LSTM(32, 64, 2, bidirectional=True),
          (torch.randn(20, 1, 32),), {
              f"weight_{what}_l{i}{way}": f"linear 256 {k} {n} {c} {c} 1"
              for i in (0, 1) for way in ("", "_reverse")
              for what, k, n, c in (("ih", (32, 128)[i], 20, 1), ("hh", 64, 1, 20))}, False)
    check("LSTM with a projection", nn.LSTM(32, 64, proj_size=8, batch_first=True),
          (torch.randn(1, 5, 32),), {
              "weight_ih_l0": "linear 256 32 5 1 1 1", "weight_hh_l0": "linear 256 8 1 5 5 1",
              "weight_hr_l0": "linear 8 64 1 5 5 1"})
    check("GRU", nn.GRU(32, 64, batch_first=True), (torch.randn(1, 5, 32),), {
        "weight_ih_l0": "linear 192 32 5 1 1 1", "weight_hh_l0": "linear 192 64 1 5 5 1"})
    model = nn.LSTM(32, 64, batch_first=True)
    prune.l1_unstructured(model, "weight_hh_l0", amount=.5)
    found = check("a pruned LSTM", model, (torch.randn(1, 20, 32),), both, False, variant="p")
    expect("its zeros", [(r["layer"], r["nnz"]) for r in found], [("weight_hh_l0", "8192")])
    try:
        rows_of(nn.LSTM(32, 64), torch.randn(20, 3, 32))
        problems.append("a batch of 3: taken")
    except sproof_export.ExportError as error:
        expect("a batch", "a batch of 3: expected 1" in str(error), True)


class Frames(nn.Module):
    def __init__(self):
        super().__init__()
        self.c = nn.Conv2d(3, 4, 3)

    def forward(self, x):
        return self.c(x[0])


class Dynamic(nn.Module):
    """A convolution whose kernel is an activation."""

    def __init__(self):
        super().__init__()
        self.g = nn.Linear(32, 108)

    def forward(self, x):
        return F.conv2d(x.sum() * torch.ones(1, 3, 8, 8), self.g(x).view(4, 3, 3, 3))


def convolutions():
    for layer, x, wanted in (
            (nn.ConvTranspose1d(8, 4, 3, 2), (1, 8, 9), "conv 12 8 9 1 1 1"),
            (nn.ConvTranspose2d(8, 4, 2, 2), (1, 8, 16, 16), "conv 16 8 256 1 1 1"),
            (nn.ConvTranspose2d(8, 4, (3, 2), 2, groups=2), (1, 8, 5, 6), "conv 24 4 30 1 1 2"),
            (nn.ConvTranspose3d(4, 2, 2), (1, 4, 3, 4, 5), "conv 16 4 60 1 1 1"),
            (nn.ConvTranspose2d(8, 8, 2, 2, groups=8), (1, 8, 5, 6), "depthwise 8 4 30 1 1 8"),
            (nn.Conv2d(8, 8, 3, groups=2), (1, 8, 6, 6), "conv 8 36 16 1 1 2")):
        check(str(layer), nn.Sequential(layer), (torch.randn(x),), {"0": wanted})
    layer = nn.ConvTranspose2d(2, 3, 2, groups=1)
    with torch.no_grad():
        layer.weight.zero_()[1, 2] = 1    # input 1 to the four taps of output 2
    found = check("zeros of a transposed one", nn.Sequential(layer), (torch.randn(1, 2, 4, 4),),
                  {"0": "conv 12 2 16 1 1 1"}, variant="p")
    expect("counts", [(r["nnz"], r["touched_columns"], r["longest_row"]) for r in found],
           [("4", "1", "1")])
    check("frames in the batch", Frames(), (torch.randn(1, 5, 3, 8, 8),),
          {"c": "conv 4 27 180 1 1 1"})
    check("a kernel that is made", Dynamic(), X, {"g": "linear 108 32 1 1 1 1",
                                                  "conv": "attention 4 27 36 1 1 1"})


class Stack(nn.Module):
    def __init__(self, product):
        super().__init__()
        self.w = nn.Parameter(torch.randn(4, 32, 24))
        self.product = product

    def forward(self, x):
        return self.product(x, self.w)


def dealt(x, w):
    """Rows 0 to 4 to matrix 0, 5 to 9 to 1, 10 to 11 to 3, none to 2."""
    ends = torch.tensor([5, 10, 10, 12], dtype=torch.int32)
    return torch._grouped_mm(x[0].bfloat16(), w.bfloat16(), offs=ends)


def stacks():
    for name, product, wanted in (
            ("bmm", lambda x, w: torch.bmm(x.expand(4, -1, -1), w), "linear 24 32 6 4 1 1"),
            ("matmul", lambda x, w: x.unsqueeze(1) @ w, "linear 24 32 6 4 1 1"),
            ("picked", lambda x, w: torch.bmm(x[0].unsqueeze(1),
                                              w[torch.arange(6) % 2]),
             "linear 24 32 1 6 1 1"),
            ("one by one", lambda x, w: sum(x @ w[i] for i in range(4)), "linear 24 32 6 4 4 1")):
        rows = rows_of(Stack(product), torch.randn(1, 6, 32))
        expect(name, sizes(rows), {"w": wanted})
        expect(f"{name}: standard error", said.getvalue(), "sproof_export: left out: matrices of "
               "a stack that got no input: 50 % of the weights: w\n" if name == "picked" else "")
    rows = rows_of(Stack(dealt), torch.randn(1, 12, 32))
    expect("grouped", sizes(rows), {"w": "linear 24 32 5 2 1 1", "w.2": "linear 24 32 2 1 0 1"})
    expect("grouped: multiply-adds", macs(rows), 12 * 24 * 32)
    expect("grouped: standard error", said.getvalue(), "sproof_export: left out: matrices of a "
           "stack that got no input: 25 % of the weights: w\n")


def stored_otherwise():
    for layout, pattern in (("csr", "csr"), ("bsr", "4x4")):
        model = two()
        w = model[0].weight.detach() * (torch.arange(512).view(16, 32) % 32 < 8)
        model[0].weight = nn.Parameter(w.to_sparse_csr() if layout == "csr" else
                                       w.to_sparse_bsr((4, 4)), requires_grad=False)
        for x in ((1, 32), (1, 5, 32)):
            found = check(f"{layout} {x}", model, (torch.randn(x),), {
                name: row.replace(" 1 1 1 1", f" {x[-2]} 1 1 1") for name, row in TWO.items()},
                variant="p", pattern=pattern)
            expect("counts", [(r["layer"], r["sparsity"], r["nnz"]) for r in found],
                   [("0", "0.75", "128")])
    check("TorchScript", torch.jit.script(two()), X, TWO)
    check("a trace", torch.jit.trace(two(), X), X, TWO)
    check("torch.export", torch.export.export(two().eval(), X), X, TWO)
    with torch.inference_mode():
        check("inference mode", two(), X, TWO)
    check("meta", two().to("meta"), (torch.randn(1, 32, device="meta"),), TWO)
    try:
        rows_of(lambda x: x, *X)
        problems.append("a function: taken")
    except sproof_export.ExportError as error:
        expect("a function", str(error), "model: a function: expected a torch.nn.Module, a "
               "ScriptModule or an ExportedProgram")
    try:
        from torchao.quantization import Int8WeightOnlyConfig, quantize_
    except ImportError:
        print("no torchao: not tried")
        return
    model = nn.Sequential(nn.Linear(64, 32)).to(torch.bfloat16)
    with torch.no_grad():
        model[0].weight[:, ::2] = 0
    quantize_(model, Int8WeightOnlyConfig())
    found = check("torchao", model, (torch.randn(1, 64, dtype=torch.bfloat16),),
                  {"0": "linear 32 64 1 1 1 1"}, variant="p")
    expect("its columns", [r["touched_columns"] for r in found], ["32"])


class Written(nn.Module):
    """An input that is written into a constant is no constant."""

    def __init__(self):
        super().__init__()
        self.norm = nn.LayerNorm(32)
        self.fc = nn.Linear(32, 16)

    def forward(self, x):
        return self.fc(self.norm(torch.zeros(1, 32).add_(x)))


class Parts(nn.Module):
    def __init__(self):
        super().__init__()
        self.used, self.other = nn.Linear(32, 16), nn.Linear(32, 48)
        self.place = nn.Parameter(torch.randn(1, 16))

    def forward(self, x):
        return self.used(x) + self.place


def left_out():
    expect("written into", [r["layer"] for r in rows_of(Written(), *X)], ["add", "norm", "fc"])
    check("unused", Parts(), X, {"used": "linear 16 32 1 1 1 1"}, left_out="added to, or a scale "
          "of, activations: 0.775 % of the weights: place\nweights that did not run: 74.4 % of the "
          "weights: other.weight")


class Pooled(nn.Module):
    """The pooling between has fewer zeros than the ReLU before it."""

    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Conv2d(1, 4, 3, bias=False), nn.Conv2d(4, 2, 3, bias=False)

    def forward(self, x):
        return self.b(F.max_pool2d(F.relu(self.a(x)), 2))


def sampled(sproof):
    """Zeros of inputs are those that the layers read, sample by sample."""
    torch.manual_seed(0)
    model, x = Pooled(), torch.randn(6, 1, 20, 20)
    x[:2] = 0
    rows = rows_of(model, x[:1], samples=[(x[:4],), (x[4:],)])
    cells = {r["layer"]: (float(r["activation_sparsity"]), float(r["activation_sparsity_spread"]))
             for r in rows if r["op"] == "conv"}
    with torch.no_grad():
        read = F.max_pool2d(F.relu(model.a(x)), 2)
    shares = (read == 0).flatten(1).double().mean(1)
    expect("zeros of pooled inputs", [round(v, 4) for v in cells["b"]],
           [round(float(shares.mean()), 4), round(float(f"{float(shares.std()):.3g}"), 4)])
    expect("zeros of the model's input", [round(v, 4) for v in cells["a"]], [.3333, .516])
    run = subprocess.run([sproof, "analyze", "model.csv", "-m", "epyc-9654", "-p", "csr", "-s",
                          ".9", "--activation-sparsity", "table", "--no-save", "-f", "csv"],
                         capture_output=True, text=True)
    expect("read by sproof", (run.returncode, run.stdout.splitlines()[-1].split(",")[0]),
           (0, "csr@0.9+act"))
    expect("no note of a column", "spread" in run.stderr, False)
    for samples, wanted in (([(torch.zeros(2, 1, 20, 20), torch.zeros(3))], "one batch"),
                            ([], "no layer read any")):
        try:
            rows_of(model, x[:1], samples=samples)
            expect("bad samples", "accepted", "refused")
        except sproof_export.ExportError as error:
            expect("bad samples", wanted in str(error), True)


def profiled(sproof):
    model = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 64), nn.LayerNorm(64))
    with torch.no_grad():
        model[0].weight[:, 16:] = 0
    rows = rows_of(model, torch.randn(1, 128, 64).relu(), variant="p", pattern="16x16",
                   profile="times.csv")
    zeros = {r["layer"]: float(r["activation_sparsity"]) for r in rows if r["op"] == "linear"}
    expect("zeros of inputs", [.4 < zeros[name] < .6 for name in ("0", "2")], [True, True])
    with open("times.csv", encoding="utf-8") as file:
        times = {r["layer"]: r for r in csv.DictReader(file)}
    expect("timed", list(times), ["0", "2", "3.norm"])
    expect("of the variant", [times["0"][c] for c in ("pattern", "sparsity", "dtype")],
           ["16x16", "0.75", "f32"])
    expect("of no variant", [times["2"][c] for c in ("pattern", "sparsity", "kernel")],
           ["", "", "torch"])
    expect("errors", all("s+-" in r["dense_s"] and "s+-" in r["sparse_s"] for r in times.values()),
           True)
    text = pathlib.Path("times.csv").read_text("utf-8").replace(
        f",{torch.get_num_threads()},torch", ",,torch")
    pathlib.Path("times.csv").write_text(text)
    analyze = [sproof, "analyze", "model.csv", "-m", "epyc-9654", "-d", "f32", "-q"]
    explain = [sproof, "explain", "p", "--times", "times.csv", "-q"]
    for command in (analyze, explain):
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        expect(f"{command[1]}: {done.stderr.strip()}", done.returncode, 0)
    expect("explained", "Your layers (3 measured" in done.stdout, True)
    sparse = nn.Sequential(nn.Linear(64, 64))
    sparse[0].weight = nn.Parameter(model[0].weight.detach().to_sparse_csr(), requires_grad=False)
    rows_of(sparse, torch.randn(1, 128, 64), profile="stored.csv")
    with open("stored.csv", encoding="utf-8") as file:
        row = next(csv.DictReader(file))
    expect("stored sparse", (row["kernel"], row["dense_s"] != row["sparse_s"]),
           ("torch-sparse", True))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--sproof", required=True)
    sproof = parser.parse_args().sproof
    made_weights()
    recurrent()
    convolutions()
    stacks()
    stored_otherwise()
    left_out()
    sampled(sproof)
    profiled(sproof)
    for problem in problems:
        print(problem, file=sys.stderr)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
