#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Holds scripts/python/trace_times.py with small profiles written by hand. Runs in a scratch
directory.

    test_trace_times.py
"""
import gzip
import json
import os
import pathlib
import subprocess
import sys

PROGRAM = pathlib.Path(__file__).resolve().parents[2] / "scripts" / "python" / "trace_times.py"
TABLE = """# two layers of one size
layer,op,m,k,n,count,calls
fc1,linear,8,4,3,1,1
fc2,linear,8,4,3,1,1
conv,conv,8,9,16,1,1
up,conv,12,2,6,1,1
step,linear,8,8,1,5,5
qk,attention,3,2,3,4,1
norm,other,,,,1,1
"""
problems = []


def expect(what, found, wanted):
    if found != wanted:
        problems.append(f"{what}: {found!r}: expected {wanted!r}")


def run(*arguments):
    done = subprocess.run([sys.executable, "-B", str(PROGRAM), *arguments], text=True,
                          capture_output=True, timeout=60, check=False)
    return done.stdout, done.stderr, done.returncode


class Trace:
    """What PyTorch's profiler writes."""

    def __init__(self):
        self.events, self.now = [], 0

    def add(self, name, dims, dur, concrete=(), inside=0, kernel=0):
        number = len(self.events)
        self.events.append({"ph": "X", "cat": "cpu_op", "name": f"aten::{name}", "pid": 1,
                            "tid": 1, "ts": self.now - inside, "dur": dur,
                            "args": {"External id": number, "Input Dims": dims,
                                     "Concrete Inputs": list(concrete)}})
        if kernel:
            self.events.append({"ph": "X", "cat": "kernel", "name": "k", "pid": 0, "tid": 7,
                                "ts": self.now + 9000, "dur": kernel,
                                "args": {"External id": number}})
        self.now += 0 if inside else dur + 1

    def write(self, path, text=open):
        with text(path, "wt", encoding="utf-8") as file:
            json.dump({"schemaVersion": 1, "traceEvents": self.events[::-1]}, file)


def one_pass(trace, factor):
    def geometry(transposed, padding):
        return ["", "", "", "[1, 1]", padding, "[1, 1]", transposed, "[0, 0]", "1"]
    trace.add("linear", [[3, 4], [8, 4], [8]], 12 * factor)    # holds the next, is no product
    trace.add("addmm", [[8], [3, 4], [4, 8], [], []], 10 * factor, inside=11 * factor)
    trace.add("mm", [[8, 4], [4, 3]], 20 * factor)
    trace.add("convolution", [[1, 1, 4, 4], [8, 1, 3, 3], [8]], 30 * factor,
              geometry("False", "[1, 1]"))
    trace.add("mm", [[8, 9], [9, 16]], 29 * factor, inside=30 * factor)    # how it is done
    trace.add("convolution", [[1, 2, 2, 3], [2, 3, 2, 2], [3]], 40 * factor,
              geometry("True", "[0, 0]"))
    for _ in range(5):
        trace.add("addmm", [[8], [1, 8], [8, 8]], 2 * factor)
    trace.add("bmm", [[4, 3, 2], [4, 2, 3]], 8 * factor)
    trace.add("softmax", [[4, 3, 3]], 500)
    trace.add("mm", [[1, 7], [7, 7]], 10 * factor)


def lines(kernel, rows):
    return "layer,dense_s,sparse_s,kernel\n" + "".join(
        f"{name},{d * 1e-6:.6e},{s * 1e-6:.6e},{kernel}\n" for name, d, s in rows)


ONE = (("fc1", 10), ("fc2", 20), ("conv", 30), ("up", 40), ("step", 2), ("qk", 2))


def pytorch():
    dense, sparse = Trace(), Trace()
    for factor in (1, 3):
        one_pass(dense, factor)
    one_pass(sparse, 5)
    dense.write("dense.json")
    sparse.write("sparse.json.gz", gzip.open)
    left = "7.8 % of the products' time: aten::mm\n"
    expect("two passes", run("table.csv", "dense.json"), (lines("pytorch", [
        (name, us * f, us * f) for name, us in ONE for f in (1, 3)]),
        f"trace_times: dense.json: left out, of no layer: {left}", 0))
    expect("two sides", run("table.csv", "dense.json", "--sparse", "sparse.json.gz", "-o", "t.csv"),
           ("", f"trace_times: dense.json: left out, of no layer: {left}"
            f"trace_times: sparse.json.gz: left out, of no layer: {left}", 0))
    expect("a file", pathlib.Path("t.csv").read_text("utf-8"), lines("pytorch", [
        (name, us, us * 5) for name, us in ONE]))
    gpu = Trace()
    gpu.add("linear", [[3, 4], [8, 4], [8]], 50)
    gpu.add("addmm", [[8], [3, 4], [4, 8], [], []], 40, inside=45)
    gpu.add("cublas", [], 5, inside=40, kernel=7)
    gpu.add("mm", [[3, 4], [4, 8]], 9, kernel=11)
    gpu.write("gpu.json")
    expect("kernels", run("table.csv", "gpu.json"), (
        lines("pytorch", [("fc1", 7, 7), ("fc2", 11, 11)]),
        "trace_times: no time for conv, up, step and 1 more\n", 0))
    uneven = Trace()
    for _ in range(3):
        uneven.add("mm", [[3, 4], [4, 8]], 9)
    uneven.add("bmm", [[4, 3, 2], [4, 2, 3]], 9)
    uneven.write("uneven.json")
    expect("uneven", run("table.csv", "uneven.json"), (
        lines("pytorch", [("qk", 2.25, 2.25)]),
        "trace_times: uneven.json: left out, of no layer: 75.0 % of the products' time: aten::mm\n"
        "trace_times: no time for fc1, fc2, conv and 2 more\n", 0))


def onnx():
    def node(name, op, inputs, output, us):
        return {"cat": "Node", "name": f"{name}_kernel_time", "ph": "X", "ts": 0, "dur": us,
                "args": {"op_name": op, "input_type_shape": [{"float": i} for i in inputs],
                         "output_type_shape": [{"float": output}]}}
    profile = [{"cat": "Session", "name": "model_run", "dur": 999}]
    for f in (1, 2):
        profile += [node("/fc1/MatMul/MatMulAddFusion", "Gemm", [[3, 4], [8]], [3, 8], 9 * f),
                    node("/fc1/Add", "Add", [[3, 8], [8]], [3, 8], 1 * f),
                    node("Gemm_7", "Gemm", [[3, 4], [8]], [3, 8], 20 * f),
                    node("Conv_1", "Conv", [[1, 1, 4, 4], [8, 1, 3, 3]], [1, 8, 4, 4], 30 * f),
                    node("/norm/LayerNormalization", "LayerNormalization", [[3, 8]], [3, 8], 4 * f),
                    node("MatMul_9", "MatMul", [[1, 4, 3, 2], [1, 4, 2, 3]], [1, 4, 3, 3], 8 * f),
                    node("/Relu", "Relu", [[3, 8]], [3, 8], 8 * f)]
    pathlib.Path("ort.json").write_text(json.dumps(profile))
    expect("ONNX Runtime", run("table.csv", "ort.json"), (lines("onnxruntime", [
        (name, us * f, us * f) for name, us in (
            ("fc1", 10), ("fc2", 20), ("conv", 30), ("qk", 2), ("norm", 4)) for f in (1, 2)]),
        "trace_times: ort.json: left out, of no layer: 10.0 % of the time: Relu\n"
        "trace_times: no time for up, step\n", 0))


def refused():
    nothing = ("no products: expected a Chrome trace of PyTorch's profiler or a profile of ONNX "
               "Runtime")
    for name, text, wanted in (
            ("torn.json", '{"traceEvents": [', nothing), ("empty.json", "[]", nothing),
            ("number.json", "7", nothing), ("odd.json", '{"traceEvents": [7]}', nothing),
            ("keys.json", '{"traceEvents": [{"ph": "X", "cat": "cpu_op"}]}', nothing),
            ("bare.json", '{"traceEvents": [{"ph": "X", "cat": "cpu_op", "name": "aten::mm", '
             '"pid": 1, "tid": 1, "ts": 1, "dur": 1, "args": {}}]}',
             "a trace without sizes: expected torch.profiler.profile(record_shapes=True)"),
            ("other.json", '{"traceEvents": [{"ph": "X", "cat": "cpu_op", "name": "aten::mm", '
             '"pid": 1, "tid": 1, "ts": 1, "dur": 1, "args": {"Input Dims": [[9, 9], [9, 9]]}}]}',
             "none of its 1 operators is of a layer of the table: expected a profile of the same "
             "network at the same n")):
        pathlib.Path(name).write_text(text)
        expect(name, run("table.csv", name, "-o", "no.csv"),
               ("", f"trace_times: {name}: {wanted}\n", 2))
    expect("no file", run("table.csv", "none.json"),
           ("", "trace_times: none.json: No such file or directory\n", 2))
    pathlib.Path("bad.csv").write_text("layer,m,k,n\nfc,1,2,x\n")
    expect("bad table", run("bad.csv", "dense.json"),
           ("", "trace_times: bad.csv:2: column 'n': 'x': expected an integer 1..2^40\n", 2))
    expect("nothing written", os.path.exists("no.csv"), False)


def main():
    pathlib.Path("table.csv").write_text(TABLE)
    pytorch()
    onnx()
    refused()
    for problem in problems:
        print(problem, file=sys.stderr)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
