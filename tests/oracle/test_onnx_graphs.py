#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""ONNX graphs as exporters write them: which nodes are layers, and m, k, n, count of each.

  test_onnx_graphs.py --count-weights PROGRAM

Standard library only: each graph is written here, as onnx.proto says.
"""
import argparse
import json
import struct
import subprocess
import tempfile
from pathlib import Path

FLOAT, UINT8, INT8, INT32, INT64, STRING, BOOL, COMPLEX64 = 1, 2, 3, 6, 7, 8, 9, 14
FP8, UINT4, INT4, UINT32 = 17, 21, 22, 12
MS = "com.microsoft"
CASES = []    # (name, model, options, layers {name: figures}, words that are said, left out)


def varint(value):
    value &= (1 << 64) - 1
    out = b""
    while value > 127:
        out, value = out + bytes([value & 127 | 128]), value >> 7
    return out + bytes([value])


def field(number, body):
    """A protobuf field: an integer, a float, text or bytes."""
    if isinstance(body, float):
        return varint(number << 3 | 5) + struct.pack("<f", body)
    if isinstance(body, int):
        return varint(number << 3) + varint(body)
    body = body.encode() if isinstance(body, str) else body
    return varint(number << 3 | 2) + varint(len(body)) + body


def attribute(name, value):
    if isinstance(value, float):
        return field(1, name) + field(2, value) + field(20, 1)
    if isinstance(value, int):
        return field(1, name) + field(3, value) + field(20, 2)
    if isinstance(value, str):
        return field(1, name) + field(4, value) + field(20, 3)
    if isinstance(value, bytes):
        return field(1, name) + field(6, value) + field(20, 5)
    if isinstance(value, Refers):
        return field(1, name) + field(20, 2) + field(21, value.name)
    return field(1, name) + b"".join(field(8, v) for v in value) + field(20, 7)


class Refers:
    """An attribute of the function that the node stands in."""
    def __init__(self, name):
        self.name = name


def node(op, inputs, outputs, domain="", name="", tensor=None, **attributes):
    out = b"".join(field(1, i) for i in inputs.split(",") if inputs)
    out += b"".join(field(2, o) for o in outputs.split(","))
    out += field(3, name) + field(4, op) + field(7, domain)
    if tensor is not None:
        out += field(5, field(1, "value") + field(5, tensor) + field(20, 4))
    return out + b"".join(field(5, attribute(a, v)) for a, v in attributes.items())


def info(name, *shape, kind=FLOAT):
    dims = b"".join(field(1, field(1 if isinstance(d, int) else 2, d)) for d in shape)
    return field(1, name) + field(2, field(1, field(1, kind) + field(2, dims)))


def values_of(count):
    return [(7 * i + 3) % 5 - 2 for i in range(count)]


def product(shape):
    count = 1
    for size in shape:
        count *= size
    return count


PACK = {FLOAT: "f", UINT8: "B", INT8: "b", INT32: "i", INT64: "q", BOOL: "?", UINT32: "I"}


def constant(name, kind, shape, values=None):
    """A TensorProto; values: numbers, or raw bytes."""
    if values is None:
        values = values_of(product(shape))
    raw = values if isinstance(values, bytes) else struct.pack(f"<{len(values)}{PACK[kind]}", *values)
    dims = b"".join(field(1, d) for d in shape)
    return dims + field(2, kind) + field(8, name) + field(9, raw)


def weights(name, *shape):
    return constant(name, FLOAT, shape)


def ints(name, *values):
    return constant(name, INT64, [len(values)], list(values))


def graph(nodes, inputs=(), outputs=(), constants=(), sparse=()):
    return (b"".join(field(1, n) for n in nodes) + b"".join(field(5, c) for c in constants) +
            b"".join(field(11, i) for i in inputs) + b"".join(field(12, o) for o in outputs) +
            b"".join(field(15, s) for s in sparse))


def function(name, inputs, outputs, nodes, attributes=()):
    return (field(1, name) + b"".join(field(4, i) for i in inputs.split(",")) + field(5, outputs) +
            b"".join(field(6, a) for a in attributes) + b"".join(field(7, n) for n in nodes) + field(10, "own"))


def model(body, functions=()):
    return field(1, 8) + field(7, body) + b"".join(field(25, f) for f in functions)


def case(name, nodes, inputs, constants, layers, options="", says="", functions=(), left_out=0, sparse=()):
    CASES.append((name, model(graph(nodes, inputs, (), constants, sparse), functions), options.split(), layers,
                  says, left_out))


def row(op, m, k, n, count=1, **more):
    return {"op": op, "m": m, "k": k, "n": n, "count": count, **more}


def lin(m, k, n, count=1, **more):
    return row("linear", m, k, n, count, **more)


def conv(m, k, n, **more):
    return row("conv", m, k, n, **more)


def att(m, k, n, count=1):
    return row("attention", m, k, n, count)


def nnz(values):
    return sum(v != 0 for v in values)


def sum_of(values, columns, turned=False):
    """The weighted sum of count_weights; turned: of a matrix stored columns first."""
    rows = len(values) // columns
    return float(sum(values[j * rows + i if turned else i * columns + j] * ((3 * i + 7 * j) % 11 + 1)
                     for i in range(rows) for j in range(columns)))


def other(elements):
    return {"op": "other", "x_elements": float(elements)}


X = info("x", 4, 6)
W = weights("w", 6, 5)
W_SUM = {"nnz": 24, "sum": sum_of(values_of(30), 6, True)}


def dynamic_cases():
    batch = info("x", "batch", 3, "height", "width")
    pool = [node("Conv", "x,w", "c", name="conv", pads=[1, 1, 1, 1]), node("GlobalAveragePool", "c", "p"),
            node("Flatten", "p", "f"), node("Gemm", "f,v", "y", name="fc", transB=1)]
    held = [weights("w", 4, 3, 3, 3), weights("v", 2, 4)]
    layers = {"conv": conv(4, 27, 48, x_elements=144.0), "fc": lin(2, 4, 1)}
    case("pictures of any size", pool, [batch], held, layers, "--dim height=6 --dim width=8")
    case("advice on symbolic dimensions", pool, [batch], held,
         {"conv": conv(4, 27, 0), "fc": lin(2, 4, 1)}, says="give --dim height=N --dim width=N, or --tokens N")
    case("a batch that is asked for", pool, [batch], held,
         {"conv": conv(4, 27, 96), "fc": lin(2, 4, 2)}, "--dim height=6 --dim width=8 --dim batch=2")
    case("a static batch", pool, [info("x", 8, 3, 6, 8)], held, layers, says="a batch of 8 divided out")
    scores = [node("MatMul", "x,w", "q", name="q"), node("Transpose", "q", "t", perm=[0, 2, 1]),
              node("MatMul", "q,t", "s", name="s"), node("Softmax", "s", "p", name="p")]
    ids = info("x", "batch", "seq", 6)
    square = [weights("w", 6, 6)]
    case("tokens", scores, [ids], square, {"q": lin(6, 6, 9), "s": att(9, 6, 9), "p": other(162)}, "--tokens 9")
    shapes = [node("Shape", "x", "a"), node("Gather", "a,one", "b"), node("Unsqueeze", "b,zero", "c"),
              node("Concat", "c,six", "d", axis=0), node("Reshape", "x,d", "r"), node("MatMul", "r,w", "y", name="m")]
    case("shapes that are computed", shapes, [ids], square + [constant("one", INT64, [], [1]), ints("zero", 0),
                                                              ints("six", 6)], {"m": lin(6, 6, 9)}, "--tokens 9")
    cache = [node("Concat", "past,x", "k", axis=1), node("Transpose", "k", "t", perm=[0, 2, 1]),
             node("MatMul", "x,t", "s", name="s")]
    keys = [info("x", "batch", "seq", 6), info("past", "batch", "past_len", 6)]
    case("a decoder's cache", cache, keys, [], {"s": att(1, 6, 20)}, "--tokens 1 --context 20")
    lost = [node("Unique", "x", "u"), node("MatMul", "u,w", "y", name="m")]
    case("where shapes stop", lost, [X], [W], {"m": lin(5, 6, 0)}, says="give --dim u=AxBxC")
    case("the advice on shapes works", lost, [X], [W], {"m": lin(5, 6, 7)}, "--dim u=7x6")
    total = info("x", "a", "seq + 1", 6)
    case("sums of dimensions", [node("MatMul", "x,w", "y", name="m")], [total, info("z", "a", "seq")], square,
         {"m": lin(6, 6, 9)}, "--dim seq=8")


def constant_cases():
    product_of = [node("MatMul", "x,v", "y", name="m")]
    case("a matrix in three dimensions", [node("MatMul", "x,w", "y", name="m")], [info("x", 2, 4, 6)],
         [weights("w", 1, 6, 5)], {"m": lin(5, 6, 8, **W_SUM)})
    case("two matrices in one", [node("MatMul", "x,w", "y", name="m")], [info("x", 2, 4, 6)],
         [weights("w", 2, 6, 5)], {"m.0": lin(5, 6, 4), "m.1": lin(5, 6, 4)})
    case("behind Reshape", [node("Reshape", "w,s", "v")] + product_of, [X],
         [weights("w", 3, 10), ints("s", 6, 5)], {"m": lin(5, 6, 4, **W_SUM)})
    mask = [i % 2 for i in range(30)]
    kept = [a * b for a, b in zip(values_of(30), mask)]
    case("under a mask", [node("Mul", "w,k", "v")] + product_of, [X], [W, constant("k", FLOAT, [6, 5], mask)],
         {"m": lin(5, 6, 4, nnz=nnz(kept), sum=sum_of(kept, 6, True))})
    scales = [constant("s", FLOAT, [], [.5]), constant("z", UINT8, [], [128])]
    points = [128 + v for v in values_of(30)]
    case("uint8 with a zero point", [node("DequantizeLinear", "w,s,z", "v")] + product_of, [X],
         scales + [constant("w", UINT8, [6, 5], points)], {"m": lin(5, 6, 4, **W_SUM)})
    each = [1, 2, 3, 4, 5]
    channel = [v + each[i % 5] for i, v in enumerate(values_of(30))]
    case("zero points of channels", [node("DequantizeLinear", "w,s,z", "v", axis=1)] + product_of, [X],
         [constant("s", FLOAT, [5], each), constant("z", INT8, [5], each), constant("w", INT8, [6, 5], channel)],
         {"m": lin(5, 6, 4, **W_SUM)})
    case("QuantizeLinear and back", [node("QuantizeLinear", "w,s,i", "q"), node("DequantizeLinear", "q,s,i", "v")] +
         product_of, [X], [W, scales[0], constant("i", INT8, [], [0])], {"m": lin(5, 6, 4, nnz=24)})
    four = bytes((values_of(30)[2 * i] & 15) | (values_of(30)[2 * i + 1] & 15) << 4 for i in range(15))
    case("INT4", [node("Cast", "w", "v", to=1)] + product_of, [X], [constant("w", INT4, [6, 5], four)],
         {"m": lin(5, 6, 4, **W_SUM)})
    case("FP8", [node("Cast", "w", "v", to=1)] + product_of, [X], [constant("w", FP8, [6, 5], bytes(20) + b"\x38" * 10)],
         {"m": lin(5, 6, 4, nnz=10)})
    case("constants of other types", [node("MatMul", "x,w", "y", name="m"), node("Identity", "labels", "l")], [X],
         [W, field(1, 2) + field(2, STRING) + field(8, "labels") + field(6, "a") + field(6, "b"),
          constant("c", COMPLEX64, [2], bytes(16)), constant("u", UINT32, [2], [1, 2]),
          constant("n", UINT4, [3], bytes(2))], {"m": lin(5, 6, 4)})
    indices = field(1, 2) + field(1, 4) + field(2, INT64) + field(9, struct.pack("<8q", 0, 0, 0, 0, 3, 1, 2, 2))
    sparse = (field(1, constant("w", FLOAT, [2], [2., 3.])) + field(2, indices) +
              b"".join(field(3, d) for d in (4, 2, 3, 3)))
    case("a sparse convolution", [node("Conv", "x,w", "y", name="c")], [info("x", 1, 2, 5, 5)], [],
         {"c": conv(4, 18, 9, nnz=2, sum=2. + 3 * ((9 + 7 * 17) % 11 + 1))}, sparse=[sparse])
    case("one matrix of two nodes", [node("MatMul", "x,w", "a", name="a"), node("MatMul", "a,w", "b", name="b")],
         [X], [weights("w", 6, 6)], {"a": lin(6, 6, 4), "b": lin(6, 6, 4)})
    case("weights put together", [node("Concat", "a,b", "v", axis=1)] + product_of, [X],
         [weights("a", 6, 2), weights("b", 6, 3)], {"m": lin(5, 6, 4)})


def product_cases():
    case("Gemm of a turned constant", [node("Gemm", "w,x", "y", name="m", transA=1)], [X], [weights("w", 4, 5)],
         {"m": lin(5, 4, 6, nnz=16, sum=sum_of(values_of(20), 4, True))})
    case("Gemm of activations", [node("Gemm", "x,z", "y", name="m", transA=1, transB=1)],
         [info("x", 6, 4), info("z", 5, 6)], [], {"m": att(4, 6, 5)})
    case("by a vector", [node("MatMul", "x,w", "y", name="m")], [X], [weights("w", 6)], {"m": lin(1, 6, 4)})
    case("FusedMatMul", [node("FusedMatMul", "x,w", "y", domain=MS, name="m", transB=1)], [X], [weights("w", 5, 6)],
         {"m": lin(5, 6, 4, nnz=24)})
    four = constant("b", UINT8, [5, 2, 8], bytes([0x88] * 76) + bytes([0x98] * 4))
    case("MatMulNBits", [node("MatMulNBits", "x,b,s", "y", domain=MS, name="m", K=32, N=5, bits=4, block_size=16)],
         [info("x", 2, 4, 32)], [four, constant("s", FLOAT, [10], [1.] * 10)], {"m": lin(5, 32, 8, nnz=4)})
    case("MatMulInteger", [node("DynamicQuantizeLinear", "x", "q,s,z"), node("MatMulInteger", "q,w,z", "y", name="m")],
         [X], [constant("w", INT8, [6, 5])], {"m": lin(5, 6, 4, **W_SUM)})
    tail = [constant(n, FLOAT, [], [1.]) for n in ("a", "c", "e")] + [constant(n, UINT8, [], [3]) for n in ("b", "f")]
    shifted = constant("w", UINT8, [6, 5], [v + 3 for v in values_of(30)])
    case("QLinearMatMul", [node("QLinearMatMul", "x,a,b,w,c,b,e,f", "y", name="m")], [info("x", 4, 6, kind=UINT8)],
         tail + [shifted], {"m": lin(5, 6, 4, **W_SUM)})
    case("QLinearConv", [node("QLinearConv", "x,a,b,w,c,z,e,f", "y", name="c")], [info("x", 1, 3, 6, 6, kind=UINT8)],
         tail + [constant("w", INT8, [4, 3, 3, 3]), constant("z", INT8, [], [0])], {"c": conv(4, 27, 16)})
    case("ConvInteger", [node("ConvInteger", "x,w", "y", name="c", strides=[2, 2])],
         [info("x", 1, 3, 7, 7, kind=UINT8)], [constant("w", UINT8, [4, 3, 3, 3], [1] * 108)], {"c": conv(4, 27, 9)})
    case("FusedConv", [node("FusedConv", "x,w", "t", domain=MS, name="c", pads=[1, 1, 1, 1]),
                       node("Conv", "t,v", "y", name="d")], [info("x", 1, 3, 6, 6)],
         [weights("w", 4, 3, 3, 3), weights("v", 2, 4, 1, 1)], {"c": conv(4, 27, 36), "d": conv(2, 4, 36)})
    case("ConvTranspose", [node("ConvTranspose", "x,w", "t", name="u", strides=[2, 2]),
                           node("Conv", "t,v", "y", name="c")], [info("x", 1, 8, 4, 4)],
         [weights("w", 8, 3, 2, 2), weights("v", 2, 3, 1, 1)],
         {"u": conv(12, 8, 16, sum=sum_of(values_of(96), 8, True)), "c": conv(2, 3, 64)})
    case("ConvTranspose in groups", [node("ConvTranspose", "x,w", "y", name="u", group=2)], [info("x", 1, 4, 5)],
         [weights("w", 4, 3, 2)], {"u": conv(12, 2, 5, groups=2)})
    case("Einsum", [node("Einsum", "x,w", "h", name="e", equation="bsd,dhk->bshk"),
                    node("Einsum", "h,h", "s", name="f", equation="bihk,bjhk->bhij")], [info("x", 2, 4, 6)],
         [weights("w", 6, 3, 5)], {"e": lin(15, 6, 8), "f": att(4, 5, 4, 6)})


def recurrent_cases():
    x = [info("x", 10, 2, 6)]
    for op, gates in (("LSTM", 4), ("GRU", 3), ("RNN", 1)):
        held = [weights("w", 1, gates * 5, 6), weights("r", 1, gates * 5, 5)]
        after = [node(op, "x,w,r", "y,h", name="l", hidden_size=5), node("MatMul", "h,o", "z", name="o")]
        case(op, after, [info("x", 10, 1, 6)], held + [weights("o", 5, 3)],
             {"l.W": lin(gates * 5, 6, 10), "l.R": lin(gates * 5, 5, 1, 10), "o": lin(3, 5, 1)})
    both = [weights("w", 2, 20, 6), weights("r", 2, 20, 5), weights("b", 2, 40)]
    case("LSTM both ways", [node("LSTM", "x,w,r,b", "y", name="l", hidden_size=5, direction="bidirectional")], x, both,
         {"l.W": lin(20, 6, 10), "l.R": lin(20, 5, 1, 10), "l.reverse.W": lin(20, 6, 10),
          "l.reverse.R": lin(20, 5, 1, 10)}, says="a batch of 2 divided out")


def attention_cases():
    case("Attention of ONNX Runtime", [node("Attention", "x,w", "y", domain=MS, name="a", num_heads=2)],
         [info("x", 1, 4, 6)], [weights("w", 6, 18)],
         {"a.qkv": lin(18, 6, 4), "a.qk": att(4, 3, 4, 2), "a.softmax": other(64), "a.av": att(4, 4, 3, 2)})
    case("MultiHeadAttention", [node("MultiHeadAttention", "x,k,v", "y", domain=MS, name="a", num_heads=2)],
         [info("x", 1, 4, 6), info("k", 1, 7, 6), info("v", 1, 7, 10)], [],
         {"a.qk": att(4, 3, 7, 2), "a.softmax": other(112), "a.av": att(4, 7, 5, 2)})
    case("GroupQueryAttention", [node("GroupQueryAttention", "x,k,k,p,p", "y", domain=MS, name="a", num_heads=4,
                                      kv_num_heads=2)],
         [info("x", 1, 1, 12), info("k", 1, 1, 6), info("p", 1, 2, 9, 3)], [],
         {"a.qk": att(1, 3, 10, 4), "a.softmax": other(80), "a.av": att(1, 10, 3, 4)})
    case("Attention of ONNX", [node("Attention", "q,k,k", "y", name="a")],
         [info("q", 1, 4, 5, 8), info("k", 1, 2, 7, 8)], [],
         {"a.qk": att(5, 8, 7, 4), "a.softmax": other(280), "a.av": att(5, 7, 8, 4)})


def body_cases():
    def branch(name):
        return graph([node("MatMul", f"x,w{name}", f"y{name}", name=f"m{name}")], (), [info(f"y{name}", 4, 5)],
                     [weights(f"w{name}", 6, 5)])
    taken = [node("If", "c", "y", then_branch=branch("t"), else_branch=branch("e"))]
    after = taken + [node("MatMul", "y,v", "z", name="z")]
    case("If", after, [X, info("c", kind=BOOL)], [weights("v", 5, 2)],
         {"mt": lin(5, 6, 4), "me": lin(5, 6, 4), "z": lin(2, 5, 4)})
    case("If that is known", taken, [X], [constant("c", BOOL, [], [False])], {"me": lin(5, 6, 4)})
    body = graph([node("MatMul", "h,w", "g", name="m"), node("Identity", "d", "e"), node("Identity", "g", "s")],
                 [info("i", kind=INT64), info("d", kind=BOOL), info("h", 4, 6)],
                 [info("e", kind=BOOL), info("g", 4, 6), info("s", 4, 6)])
    case("Loop", [node("Loop", "n,,x", "y,z", body=body), node("MatMul", "z,v", "o", name="o")], [X],
         [constant("n", INT64, [], [3]), weights("w", 6, 6), weights("v", 6, 2)],
         {"m": lin(6, 6, 4, 3), "o": lin(2, 6, 12)})
    case("Loop without a number", [node("Loop", ",,x", "y,z", body=body)], [X], [weights("w", 6, 6)],
         {"m": lin(6, 6, 4)}, says="1 loops whose number of runs is not told: counted once")
    grows = graph([node("Concat", "h,x", "g", axis=0), node("MatMul", "h,w", "s", name="m"),
                   node("Identity", "d", "e")], [info("i", kind=INT64), info("d", kind=BOOL), info("h")],
                  [info("e", kind=BOOL), info("g")])
    case("Loop whose state grows", [node("Loop", "n,,x", "y", body=grows)], [X],
         [constant("n", INT64, [], [3]), W], {"m": lin(5, 6, 0, 3)}, says="1 products without shapes")
    scan = graph([node("MatMul", "s,w", "t", name="m"), node("Add", "h,t", "g", name="a")],
                 [info("h", 4, 6), info("s", 4, 6)], [info("g", 4, 6), info("t", 4, 6)])
    case("Scan", [node("Scan", "x,q", "y,z", body=scan, num_scan_inputs=1), node("MatMul", "z,v", "o", name="o")],
         [X, info("q", 8, 4, 6)], [weights("w", 6, 6), weights("v", 6, 2)],
         {"m": lin(6, 6, 4, 8), "a": {"op": "other", "count": 8}, "o": lin(2, 6, 32)})
    two = function("Two", "x,w", "y", [node("Constant", "", "k", tensor=weights("k", 5, 3)),
                                       node("Gemm", "x,w", "t", name="m", transB=Refers("turn")),
                                       node("MatMul", "t,k", "y", name="n")], ["turn"])
    calls = [node("Two", "x,w", "a", domain="own", name="f", turn=0), node("Two", "x,v", "b", domain="own", name="g",
                                                                           turn=1)]
    case("a function", calls, [X], [W, weights("v", 5, 6)],
         {"f/m": lin(5, 6, 4), "f/n": lin(3, 5, 4), "g/m": lin(5, 6, 4), "g/n": lin(3, 5, 4)}, functions=[two])


def left_out_cases():
    case("an operator that is not known", [node("Strange", "x,w", "t", domain="own", name="s"),
                                           node("MatMul", "x,v", "y", name="m")], [X], [weights("w", 9, 9), weights("v", 6, 2)],
         {"m": lin(2, 6, 4)}, left_out=81)
    case("an embedding", [node("Gather", "t,ids", "e"), node("MatMul", "e,w", "y", name="m")],
         [info("ids", 1, 4, kind=INT64)], [weights("t", 20, 6), W], {"m": lin(5, 6, 4)})


def same(wanted, seen):
    if isinstance(wanted, float) and seen is not None:
        return abs(wanted - seen) <= 1e-6 * max(abs(wanted), abs(seen))
    return wanted == seen


def run(program, data, options):
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch, "model.onnx")
        path.write_bytes(data)
        return subprocess.run([program, *options, path], capture_output=True, text=True, check=False)


def check(program, one):
    name, data, options, layers, says, left_out = one
    done = run(program, data, options)
    if done.returncode != 0:
        print(f"{name}: {done.stderr}")
        return False
    head, *rows = [json.loads(line) for line in done.stdout.splitlines()]
    seen = {layer["layer"]: layer for layer in rows}
    for layer in [name for name, layer in seen.items() if layer["op"] == "other" and name not in layers]:
        del seen[layer]
    wrong = {} if set(seen) == set(layers) else {"layers": (sorted(layers), sorted(seen))}
    for layer in set(layers) & set(seen):
        for key, value in layers[layer].items():
            if not same(value, seen[layer].get(key)):
                wrong[f"{layer} {key}"] = (value, seen[layer].get(key))
    if head["left_out"] != left_out:
        wrong["left out"] = (left_out, head["left_out"])
    if says not in done.stderr or bool(says) != bool(done.stderr):
        wrong["says"] = (says, done.stderr)
    if wrong:
        print(f"{name}: (expected, seen) {wrong}")
    return not wrong


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count-weights", required=True, metavar="PROGRAM")
    args = parser.parse_args()
    for cases in (dynamic_cases, constant_cases, product_cases, recurrent_cases, attention_cases, body_cases,
                  left_out_cases):
        cases()
    bad = sum(not check(args.count_weights, one) for one in CASES)
    print(f"{len(CASES)} graphs, {bad} read otherwise")
    return bad != 0


if __name__ == "__main__":
    raise SystemExit(main())
