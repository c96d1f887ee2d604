#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The ONNX reader against the onnx package and NumPy: random graphs, every count.

  test_onnx.py --count-weights PROGRAM [--files 200] [--seed 1]

Each graph has a few products whose weights are inline, typed, in another file, sparse, constants
of a node, transposed, renamed or quantised, with and without the shapes of their outputs.
"""
import argparse
import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import ml_dtypes
import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

sys.path.insert(0, str(Path(__file__).parent))
from test_weights import BLOCKS, expected_layer, random_dense  # noqa: E402

DTYPES = {"f4": TensorProto.FLOAT, "f2": TensorProto.FLOAT16, "f8": TensorProto.DOUBLE,
          "bf16": TensorProto.BFLOAT16}


class Graph:
    def __init__(self, rng, directory, name):
        self.rng, self.directory, self.name = rng, directory, name
        self.nodes, self.inputs, self.outputs = [], [], []
        self.constants, self.sparse, self.expected = [], [], {}
        self.shaped = rng.random() < 0.7
        self.count = 0

    def fresh(self, what):
        self.count += 1
        return f"{what}{self.count}"

    def input(self, shape):
        name = self.fresh("x")
        self.inputs.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, shape))
        return name

    def output(self, shape):
        name = self.fresh("y")
        dims = shape if self.shaped else ["?"] * len(shape)
        self.outputs.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, dims))
        return name

    def tensor(self, values, name, kind):
        """A TensorProto of the kind asked for."""
        if values.dtype == ml_dtypes.bfloat16:
            return helper.make_tensor(name, TensorProto.BFLOAT16, values.shape,
                                      values.tobytes(), raw=True)
        if kind == "typed":
            code = helper.np_dtype_to_tensor_dtype(values.dtype)
            data = values.flatten()
            data = data.tolist() if values.dtype != np.float16 else data
            return helper.make_tensor(name, code, values.shape, data)
        tensor = numpy_helper.from_array(values, name)
        if kind == "external":
            path = self.directory / f"{self.name}.{name}.bin"
            pad = bytes(int(self.rng.integers(0, 9)))
            path.write_bytes(pad + tensor.raw_data + b"tail")
            onnx.external_data_helper.set_external_data(
                tensor, path.name, offset=len(pad), length=len(tensor.raw_data))
            tensor.ClearField("raw_data")
            tensor.data_location = TensorProto.EXTERNAL
        return tensor

    def constant(self, values):
        """The name of a constant that holds the values, however it is stored."""
        name = self.fresh("w")
        kind = str(self.rng.choice(["raw", "typed", "external", "node", "renamed", "sparse"]))
        if kind == "sparse" and (values.ndim != 2 or values.dtype != np.float32):
            kind = "raw"
        if kind == "sparse":
            places = np.argwhere(values != 0)
            kept = values[values != 0]
            if self.rng.random() < 0.5:
                places = places[:, 0] * values.shape[1] + places[:, 1]
            proto = helper.make_sparse_tensor(
                numpy_helper.from_array(kept, name),
                numpy_helper.from_array(places.astype(np.int64), name + "_places"),
                values.shape)
            self.sparse.append(proto)
            return name
        if kind == "node":
            self.nodes.append(helper.make_node("Constant", [], [name],
                                               value=self.tensor(values, "inner", "raw")))
            return name
        self.constants.append(self.tensor(values, name, kind))
        if kind == "renamed":
            other = self.fresh("w")
            self.nodes.append(helper.make_node("Identity", [name], [other]))
            return other
        return name

    def values(self, shape):
        dtype = str(self.rng.choice(["f4", "f4", "f2", "f8", "bf16"]))
        if dtype == "bf16":
            return random_dense(self.rng, "f4", shape).astype(ml_dtypes.bfloat16)
        return random_dense(self.rng, dtype, shape)

    def expect(self, node, matrix, **more):
        layer = expected_layer(matrix)
        layer.update(more)
        layer.setdefault("groups", 1)
        layer.setdefault("count", 1)
        self.expected[node] = layer

    def size(self, most=40):
        return int(self.rng.integers(1, most))

    def add_matmul(self):
        node, m, k = self.fresh("matmul"), self.size(), self.size()
        weight = self.values((m, k))
        batch, tokens = self.size(4), self.size(9)
        if self.rng.random() < 0.3:    # the weight on the left
            x, y = self.input((k, tokens)), self.output((m, tokens))
            inputs = [self.constant(weight), x]
            n = tokens
        else:
            x, y = self.input((batch, tokens, k)), self.output((batch, tokens, m))
            if self.rng.random() < 0.5:
                turned = self.fresh("t")
                source = self.constant(weight)
                self.nodes.append(helper.make_node("Transpose", [source], [turned],
                                                   perm=[1, 0]))
                inputs = [x, turned]
            else:
                inputs = [x, self.constant(np.ascontiguousarray(weight.T))]
            n = batch * tokens
        self.nodes.append(helper.make_node("MatMul", inputs, [y], name=node))
        self.expect(node, weight, n=n)

    def add_gemm(self):
        node, m, k, n = self.fresh("gemm"), self.size(), self.size(), self.size(9)
        weight = self.values((m, k))
        turned = bool(self.rng.random() < 0.5)
        stored = weight if turned else np.ascontiguousarray(weight.T)
        self.nodes.append(helper.make_node(
            "Gemm", [self.input((n, k)), self.constant(stored)], [self.output((n, m))],
            name=node, transB=int(turned)))
        self.expect(node, weight, n=n)

    def add_conv(self):
        node = self.fresh("conv")
        groups = int(self.rng.choice([1, 1, 2, 4]))
        inputs, outputs = groups * self.size(4), groups * self.size(5)
        depthwise = self.rng.random() < 0.3
        if depthwise:
            groups = inputs = outputs = int(self.rng.integers(2, 9))
        dimensions = int(self.rng.integers(1, 3))
        kernel = tuple(int(x) for x in self.rng.integers(1, 4, dimensions))
        spatial = tuple(k + int(self.rng.integers(0, 5)) for k in kernel)
        out = tuple(s - k + 1 for s, k in zip(spatial, kernel))
        images = 1    # a batch of more is divided out
        weight = self.values((outputs, inputs // groups) + kernel)
        self.nodes.append(helper.make_node(
            "Conv", [self.input((images, inputs) + spatial), self.constant(weight)],
            [self.output((images, outputs) + out)], name=node, group=groups))
        self.expect(node, weight, op="depthwise" if depthwise and groups > 1 and
                    weight.shape[1] == 1 else "depthwise" if groups > 1 and
                    weight.shape[1] == 1 else "conv", groups=groups,
                    n=images * int(np.prod(out)),
                    x_elements=images * inputs * int(np.prod(spatial)))

    def add_attention(self):
        node, heads = self.fresh("attention"), self.size(5)
        m, k, n = self.size(), self.size(), self.size()
        self.nodes.append(helper.make_node(
            "MatMul", [self.input((heads, m, k)), self.input((heads, k, n))],
            [self.output((heads, m, n))], name=node))
        self.expected[node] = {"op": "attention", "m": m, "k": k, "n": n, "count": heads,
                               "groups": 1}

    def add_quantised(self):
        node, m, k, n = self.fresh("quantised"), self.size(), self.size(), self.size(9)
        weight = random_dense(self.rng, "i1", (m, k))
        name, scaled, scale = self.fresh("q"), self.fresh("d"), self.fresh("s")
        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(weight.T), name))
        self.constants.append(numpy_helper.from_array(np.float32(0.5), scale))
        self.nodes.append(helper.make_node("DequantizeLinear", [name, scale], [scaled]))
        self.nodes.append(helper.make_node("MatMul", [self.input((n, k)), scaled],
                                           [self.output((n, m))], name=node))
        self.expect(node, weight, n=n)

    def save(self):
        graph = helper.make_graph(self.nodes, "g", self.inputs, self.outputs,
                                  initializer=self.constants, sparse_initializer=self.sparse)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)],
                                  ir_version=10)
        path = self.directory / f"{self.name}.onnx"
        path.write_bytes(model.SerializeToString())
        return path


def compare(layer, expected):
    for key, value in expected.items():
        if key == "matrix":
            continue
        if layer.get(key) != value:
            return f"{key}: {layer.get(key)} instead of {value}"
    return None


def run(program, path):
    command = [program]
    for rows, columns in BLOCKS:
        command += ["--block", f"{rows}x{columns}"]
    done = subprocess.run(command + [str(path)], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        return None, done.stderr.strip()
    lines = [json.loads(re.sub(r'"sum":[^,]*,', "", line)) for line in
             done.stdout.splitlines()]
    return {line["layer"]: line for line in lines[1:]}, ""


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--count-weights", required=True)
    parser.add_argument("--files", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    rng = np.random.default_rng(options.seed)
    layers = failed = 0
    with tempfile.TemporaryDirectory() as directory:
        for i in range(options.files):
            graph = Graph(rng, Path(directory), f"g{i}")
            kinds = [graph.add_matmul, graph.add_gemm, graph.add_conv, graph.add_attention,
                     graph.add_quantised]
            for _ in range(int(rng.integers(1, 5))):
                kinds[int(rng.integers(len(kinds)))]()
            got, error = run(options.count_weights, graph.save())
            for name, expected in graph.expected.items():
                layers += 1
                wrong = error or ("not seen" if name not in got else
                                  compare(got[name], expected))
                if wrong:
                    failed += 1
                    print(f"g{i}: {name}: {wrong}")
            if got and set(got) - set(graph.expected):
                failed += 1
                print(f"g{i}: more layers: {set(got) - set(graph.expected)}")
    print(f"{options.files} graphs, {layers} layers, {failed} wrong")
    return 1 if failed or layers == 0 else 0


if __name__ == "__main__":
    sys.exit(main())
