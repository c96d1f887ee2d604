#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""sproof inspect --prune against NumPy: the same weights stay, bit by bit.

  test_prune.py --sproof PROGRAM [--files 40] [--seed 1]
"""
import argparse
import csv
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from safetensors.numpy import load_file, save_file


def cells_kept(cells, sparsity):
    return int(np.floor((1 - sparsity) * cells + 0.5))


def norms(matrix, r, c, score):
    m, k = matrix.shape
    padded = np.zeros((-(-m // r) * r, -(-k // c) * c))
    padded[:m, :k] = np.abs(matrix.astype("f8"))
    blocks = padded.reshape(-(-m // r), r, -(-k // c), c)
    if r == c == 1 or score == "l1":
        return blocks.sum((1, 3)).astype("f4")
    return np.sqrt((blocks ** 2).sum((1, 3))).astype("f4")


def mask_of(keep, shape, r, c):
    return np.kron(keep, np.ones((r, c), bool))[:shape[0], :shape[1]].astype(bool)


def largest(values, count):
    """Mask of the `count` largest, of equal ones the first."""
    order = np.argsort(-values.reshape(-1), kind="stable")
    keep = np.zeros(values.size, bool)
    keep[order[:count]] = True
    return keep.reshape(values.shape)


def blocks_of(pattern):
    return (1, 1) if pattern == "csr" else tuple(int(x) for x in pattern.split("x"))


def expected_masks(tensors, pattern, sparsity, scope, score):
    if ":" in pattern and not pattern.startswith("comp"):
        n, of = (int(x) for x in pattern.split(":"))
        masks = {}
        for name, w in tensors.items():
            keep = np.zeros(w.shape, bool)
            for j in range(0, w.shape[1], of):
                for i in range(w.shape[0]):
                    group = np.abs(w[i, j:j + of])
                    keep[i, j:j + of] = largest(group, min(n, group.size))
            masks[name] = keep
        return masks
    r, c = blocks_of(pattern)
    scores = {name: norms(w, r, c, score) for name, w in tensors.items()}
    if scope == "layer":
        keeps = {name: largest(s, cells_kept(s.size, sparsity)) for name, s in scores.items()}
    else:
        every = np.concatenate([s.reshape(-1) for s in scores.values()])
        keep = largest(every, cells_kept(every.size, sparsity))
        keeps, at = {}, 0
        for name, s in scores.items():
            keeps[name] = keep[at:at + s.size].reshape(s.shape)
            at += s.size
    return {name: mask_of(keeps[name], w.shape, r, c) for name, w in tensors.items()}


def one(options, rng, directory, index):
    tensors = {}
    for layer in range(int(rng.integers(1, 4))):
        m, k = (int(x) for x in rng.integers(32, 90, 2))
        dtype = str(rng.choice(["f4", "f2", "f8"]))
        values = rng.standard_normal((m, k))
        if rng.random() < 0.3:
            values = np.round(values)    # many ties
        tensors[f"layer{layer}.weight"] = values.astype(dtype)
    extra = rng.standard_normal(7).astype("f4")
    path, pruned = Path(directory) / f"{index}.safetensors", Path(directory) / "out.safetensors"
    save_file({**tensors, "layer0.bias": extra}, path)
    pattern = str(rng.choice(["csr", "4x1", "1x16", "3x5", "32x1", "16x16", "2:4", "1:4"]))
    sparsity = float(rng.choice([0.3, 0.5, 0.8, 0.95]))
    scope = "layer" if ":" in pattern else str(rng.choice(["layer", "global"]))
    score = str(rng.choice(["l1", "l2"]))
    setting = pattern if ":" in pattern else f"{pattern}@{sparsity}"
    command = [options.sproof, "inspect", str(path), "--prune", setting, "--scope", scope,
               "--score", score, "--write", str(pruned), "--tokens", "8", "-q",
               "-o", str(Path(directory) / "model.csv")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        return f"{setting}: {done.stderr.strip()}"
    back = load_file(pruned)
    masks = expected_masks(tensors, pattern, sparsity, scope, score)
    if back["layer0.bias"].tobytes() != extra.tobytes():
        return "another tensor changed"
    for name, w in tensors.items():
        expected = np.where(masks[name], w, np.zeros_like(w))
        if back[name].dtype != w.dtype or back[name].tobytes() != expected.tobytes():
            off = int((back[name] != expected).sum())
            return f"{setting} {scope} {score}: {name}: {off} weights differ"
    with open(Path(directory) / "model.csv", encoding="utf-8") as f:
        rows = {r["layer"]: r for r in csv.DictReader(f) if r["variant"]}
    for name, w in tensors.items():
        expected = np.where(masks[name], w, np.zeros_like(w))
        row = rows.get(name.removesuffix(".weight"))
        if row is None and (expected != 0).all():
            continue    # one threshold for all left it whole
        if int(float(row["nnz"])) != int((expected != 0).sum()):
            return f"{setting}: {name}: nnz {row['nnz']} in the table"
    return None


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--sproof", required=True)
    parser.add_argument("--files", type=int, default=40)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    rng = np.random.default_rng(options.seed)
    failed = 0
    with tempfile.TemporaryDirectory() as directory:
        for i in range(options.files):
            wrong = one(options, rng, directory, i)
            if wrong:
                failed += 1
                print(f"{i}: {wrong}")
    print(f"{options.files} files, {failed} wrong")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
