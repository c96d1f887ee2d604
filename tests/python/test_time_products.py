#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Holds scripts/python/time_products.py: what it judges and what it is asked for without PyTorch;
with it also a run and a wrong kernel. Runs in a scratch directory.

    test_time_products.py
"""
import csv
import io
import os
import pathlib
import subprocess
import sys
from contextlib import redirect_stderr, redirect_stdout

SCRIPTS = pathlib.Path(__file__).resolve().parents[2] / "scripts" / "python"
PROGRAM = SCRIPTS / "time_products.py"
sys.path.insert(0, str(SCRIPTS))

import layer_table  # noqa: E402
import time_products  # noqa: E402
import visits  # noqa: E402
from visits import LeftOut, Visit  # noqa: E402

problems = []


def expect(what, found, wanted):
    if found != wanted:
        problems.append(f"{what}: {found!r}: expected {wanted!r}")


class Time:
    """A clock that others move."""

    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now

    def sleep(self, seconds):
        self.now += seconds


def judging():
    for name, found, wanted in (
            ("no visit", [], None),
            ("one visit", [Visit(1, 1)], None),
            ("two that agree", [Visit(1.02, 1.03), Visit(1, 1.01)], 1),
            ("two that do not", [Visit(1.021, 1.03), Visit(1, 1.01)], None),
            ("a third that agrees", [Visit(1.5, 1.6), Visit(1, 1.01), Visit(1.01, 1.02)], 1),
            ("one lucky call", [Visit(1, 1.2), Visit(1.01, 1.02)], None),
            ("slower visits that agree", [Visit(2, 2), Visit(2, 2), Visit(1, 1)], None)):
        expect(name, visits.judge(found), wanted)


def one_visit():
    clock, wanted = Time(), []

    def sample(calls):
        seconds = 1e-6 * (1 + len(wanted) % 3 * .003)
        clock.now += calls * seconds
        wanted.append(calls)
        return seconds, False
    found = visits.visit_of(sample, 50e-6, clock)
    expect("quickest calls", found, Visit(1e-6, 1e-6))
    expect("calls of a sample", wanted[-1], 64)
    expect("seconds of a visit", round(clock.now, 2), .1)

    def disturbed(calls):
        clock.now += calls * 1e-3
        return 1e-3, True
    expect("a disturbed visit", visits.visit_of(disturbed, 50e-6, clock), None)

    def drifting(calls):
        clock.now += .1
        return clock.now, False
    begin = clock.now
    visits.visit_of(drifting, 50e-6, clock)
    expect("a visit that does not settle", clock.now - begin < 1.3, True)


def rounds():
    clock, taken = Time(), []

    def take(case):
        clock.now += 1
        taken.append((case, clock.now))
        if case == "broken":
            raise LeftOut("why")
        if case == "busy":
            return None
        if case == "noisy":
            return Visit(1 / clock.now, 1 / clock.now)
        return Visit(1, 1)
    cases = ["calm", "broken", "busy", "noisy", "calm 2", "calm 3"]
    found, failed = visits.measure(cases, take, 1000, clock=clock, sleep=clock.sleep)
    times = {case: [at for c, at in taken if c == case] for case in cases}
    expect("visits", {c: len(v) for c, v in times.items()},
           {"calm": 2, "broken": 1, "busy": 5, "noisy": 5, "calm 2": 2, "calm 3": 2})
    expect("failed", failed, {"broken": "why"})
    expect("conclusive", [c for c in cases if visits.judge(found[c])], ["calm", "calm 2", "calm 3"])
    expect("another order", [c for c, _ in taken[:6]] == cases, False)
    expect("rounds apart", taken[6][1], 11.0)
    clock, taken = Time(), []
    found, failed = visits.measure(cases, take, 4, clock=clock, sleep=clock.sleep)
    expect("within the budget", (len(taken), clock.now), (4, 4.0))


def asked():
    for text, wanted in (("dense", ("dense", 0)), ("2:4", ("2:4", .5)), ("csr@0.9", ("csr", .9)),
                         ("16x16@90%", ("16x16", .9)), ("32x1@.5", ("32x1", .5))):
        expect(text, time_products.pattern_of(text), wanted)
    pathlib.Path("table.csv").write_text(
        "\ufeff# a table\nlayer,op,n,k,m,variant\nqkv,,128,768,2304,\nfc,linear,128,768,2.304e3,\n"
        "conv,conv,9,9,9,\nout,linear,1,2,3,\nout,linear,1,2,2,half\n", "utf-8")
    expect("a table", time_products.shapes_of_table("table.csv"), [(2304, 768, 128), (3, 2, 1)])
    for lists in (time_products.GPU_SHAPES, time_products.CPU_SHAPES):
        shapes = [time_products.shape_of(s) for part in lists for s in part.split(",")]
        expect("shapes", ([len(part.split(",")) for part in lists], len(set(shapes))),
               ([6, 6, 8], 20))


def written():
    case = time_products.Case(64, 128, 16, "16x16", .9, "f16")
    other = case._replace(pattern="dense", sparsity=0)
    seen = {case: [Visit(1e-6, 1e-6), Visit(1.01e-6, 1.01e-6)], other: [Visit(1, 1), Visit(2, 2)],
            other._replace(n=32): [], case._replace(n=32): []}
    failed = {case._replace(n=32): "no such kernel"}
    said = io.StringIO()
    with redirect_stderr(said):
        time_products.report(seen, failed)
    expect("report", said.getvalue().splitlines(), [
        "time_products: left out: 16x16@0.9 f16, torch-bsr: no such kernel (64x128x32)",
        "time_products: inconclusive, left out: dense f16: visits found 1, 2 s: no two agree "
        "within 2 % (64x128x16)",
        "time_products: inconclusive, left out: dense f16: no visit that counts: --budget was "
        "spent, or cores were taken away meanwhile (64x128x32)",
        "time_products: 1 timed, 2 inconclusive, 1 not run"])
    rows = time_products.rows_of(seen, {case: .875})
    with redirect_stdout(io.StringIO()) as printed:
        layer_table.write(None, [time_products.HEADER, *rows])
    wanted = ("m,k,n,pattern,sparsity,dtype,time,kernel,residency\n"
              "64,128,16,16x16,0.875,f16,1.000000e-06,torch-bsr,warm\n")
    expect("printed", printed.getvalue(), wanted)
    layer_table.write("times.csv", [time_products.HEADER, *rows])
    expect("written", pathlib.Path("times.csv").read_text("utf-8"), wanted)

    def torn():
        yield ["1"]
        raise OSError(28, "No space left on device")
    try:
        layer_table.write("times.csv", torn())
    except OSError:
        pass
    expect("kept", pathlib.Path("times.csv").read_text("utf-8"), wanted)
    expect("what lies here", sorted(os.listdir(".")), ["fake", "table.csv", "times.csv"])


def run(*arguments, path=""):
    environment = dict(os.environ, PYTHONPATH=path, PYTHONDONTWRITEBYTECODE="1")
    return subprocess.run([sys.executable, "-B", str(PROGRAM), *arguments], text=True,
                          env=environment, capture_output=True, timeout=250, check=False)


def refused():
    os.makedirs("fake", exist_ok=True)
    pathlib.Path("fake/torch.py").write_text("raise ModuleNotFoundError(\"No module named 'torch'\")\n")
    pathlib.Path("bad.csv").write_text("layer,m,k,n\na,1,2,x\n")
    pathlib.Path("none.csv").write_text("layer,op,m,k,n\na,conv,1,2,3\n")
    for arguments, wanted, status in (
            (["--shapes", "64x64"], "--shapes: '64x64': expected MxKxN, such as 4096x4096x64", 2),
            (["--patterns", "csr"], "--patterns: 'csr': expected dense, 2:4, csr@ZEROS or "
             "RxC@ZEROS, such as 16x16@0.9", 2),
            (["--patterns", "4x4@1"], "--patterns: '4x4@1': expected dense, 2:4, csr@ZEROS or "
             "RxC@ZEROS, such as 16x16@0.9", 2),
            (["--dtype", "f8"], "--dtype: 'f8': expected f16, bf16, f32", 2),
            (["--threads", "0"], "argument --threads: '0': expected a number above 0", 2),
            (["--budget", "nan"], "argument --budget: 'nan': expected a number above 0", 2),
            (["--model", "bad.csv"], "bad.csv:2: column 'n': 'x': expected an integer 1..2^40", 2),
            (["--model", "none.csv"], "none.csv: no linear layer", 2),
            (["--model", "."], ".: Is a directory", 2),
            (["-o", "no/times.csv"], "--output: no: no folder that can be written", 4),
            ([], "No module named 'torch': expected PyTorch (scripts/python/README.md)", 4)):
        done = run(*arguments, path="fake")
        expect(arguments, (done.stdout, done.stderr, done.returncode),
               ("", f"time_products: {wanted}\n", status))
    os.unlink("bad.csv")
    os.unlink("none.csv")
    expect("help", run("--help", path="fake").returncode, 0)


def with_torch():
    done = run("--shapes", "64x64x16", "--device", "cpu", "--patterns",
               "dense,csr@0.9,16x16@0.75,2:4,48x48@0.5", "--dtype", "f32", "--budget", "60",
               "-o", "made.csv")
    expect("status", (done.stdout, done.returncode in (0, 3)), ("", True))
    for kind in ("2:4 f32, torch-semi-structured", "48x48@0.5 f32, torch-bsr"):
        expect(f"{kind} left out", f"time_products: left out: {kind}: " in done.stderr, True)
    expect("counts", done.stderr.splitlines()[-1].endswith("inconclusive, 2 not run"), True)
    if done.returncode == 0:    # beside neighbours nothing may be conclusive
        with open("made.csv", encoding="utf-8") as file:
            for row in csv.DictReader(file):
                wanted = {"dense": "0", "csr": "0.899902", "16x16": "0.75"}[row["pattern"]]
                expect(row["pattern"], (row["sparsity"], 0 < float(row["time"]) < 1),
                       (wanted, True))
    import torch
    products = time_products.Products(torch, "cpu")
    case = time_products.Case(64, 96, 16, "csr", .9, "f32")
    w, x = products.operands(case)
    for dtype in (torch.float32, torch.float16, torch.bfloat16):
        products.check(w.to(dtype), x.to(dtype), w.to(dtype) @ x.to(dtype))
    for name, y in (("one row", torch.cat([(w @ x)[:63], torch.zeros(1, 16)])),
                    ("not a number", w @ x * float("nan")), ("another size", (w @ x)[:32])):
        try:
            products.check(w, x, y)
        except LeftOut as why:
            expect(name, str(why).startswith("wrong: "), True)
        else:
            problems.append(f"{name}: taken for right")


def main():
    for name in ("made.csv", "times.csv"):
        if os.path.exists(name):
            os.unlink(name)
    judging()
    one_visit()
    rounds()
    asked()
    refused()
    written()
    try:
        import torch  # noqa: F401
        with_torch()
        print("with PyTorch")
    except ImportError:
        print("SKIP a real run: no PyTorch")
    for problem in problems:
        print(problem, file=sys.stderr)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
