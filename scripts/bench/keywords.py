#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The network of data/models/gsc_cnn_*.csv beside dense runtimes: ONNX Runtime and PyTorch, dense,
and sproof's dense, sparse-dense and sparse-sparse runs, all on one thread. The runtimes take turns;
sproof runs after them, its networks in turns of their own.

    keywords.py MODEL.csv [--batch 1] [--turns 5] [--sproof build/sproof] [--budget 30]

MODEL may carry variants (pattern and sparsity of each layer); a plain table takes --pattern and
--sparsity. Needs torch, onnx and onnxruntime; what is missing is left out."""
from __future__ import annotations

import argparse
import csv
import io
import json
import statistics
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Callable

SHARES = (.095, .125, .1)  # winners behind the convolutions and the hidden layer
SECONDS, WARM_UP = .5, 50


def rows(model: str) -> list[dict[str, str]]:
    lines = [line for line in Path(model).read_text(encoding="utf-8").splitlines()
             if not line.startswith("#")]
    return list(csv.DictReader(io.StringIO("\n".join(lines))))


def base(model: str) -> dict[str, tuple[int, int, int]]:
    """m, k, n of the products."""
    return {row["layer"]: (int(row["m"]), int(row["k"]), int(row["n"])) for row in rows(model)
            if row["m"] and not row.get("variant")}


def torch_network(sizes: dict[str, tuple[int, int, int]]):
    from torch import nn
    inputs = sizes["cnn1"][1] // 25
    return nn.Sequential(
        nn.Conv2d(inputs, sizes["cnn1"][0], 5), nn.MaxPool2d(2), nn.ReLU(),
        nn.Conv2d(sizes["cnn1"][0], sizes["cnn2"][0], 5), nn.MaxPool2d(2), nn.ReLU(),
        nn.Flatten(), nn.Linear(sizes["linear"][1], sizes["linear"][0]), nn.ReLU(),
        nn.Linear(sizes["output"][1], sizes["output"][0])).eval()


def runtimes(sizes: dict[str, tuple[int, int, int]], batch: int,
             directory: str) -> dict[str, Callable[[], object]]:
    found: dict[str, Callable[[], object]] = {}
    try:
        import torch
    except ImportError:
        return found
    torch.set_num_threads(1)
    torch.set_grad_enabled(False)
    side = round(sizes["cnn1"][2] ** .5) + 4
    x = torch.rand(batch, sizes["cnn1"][1] // 25, side, side)
    network = torch_network(sizes)
    traced = torch.jit.freeze(torch.jit.trace(network, x))
    found["PyTorch"] = lambda: network(x)
    found["PyTorch, traced"] = lambda: traced(x)
    try:
        import onnxruntime
        path = f"{directory}/network.onnx"
        torch.onnx.export(network, (x,), path, dynamo=False)
    except Exception as error:  # pylint: disable=broad-exception-caught
        print(f"ONNX Runtime is left out: {error}")
        return found
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    name, array = session.get_inputs()[0].name, x.numpy()
    found["ONNX Runtime"] = lambda: session.run(None, {name: array})
    return found


def seconds(run: Callable[[], object]) -> float:
    """The least of many calls within a turn."""
    for _ in range(WARM_UP):
        run()
    best, end = float("inf"), time.perf_counter() + SECONDS
    while time.perf_counter() < end:
        begin = time.perf_counter()
        run()
        best = min(best, time.perf_counter() - begin)
    return best


def own(options: argparse.Namespace, directory: str) -> list[dict]:
    record = f"{directory}/end.json"
    command = [options.sproof, "validate", "--end-to-end", options.model, "--batch",
               str(options.batch), "--budget", str(options.budget), "-o", record, "-q"]
    for name in ("pattern", "sparsity", "pool"):
        if getattr(options, name):
            command += [f"--{name}", getattr(options, name)]
    done = subprocess.run(command, stdout=subprocess.DEVNULL, check=False)
    if done.returncode not in (0, 3):
        raise SystemExit(done.returncode)
    if done.returncode == 3:
        print("sproof's times are too noisy to tell")
    return json.loads(Path(record).read_text(encoding="utf-8"))["end_to_end"]


def ideal(model: str, variant: str) -> float:
    """Dense multiply-adds over those of kept weights times inputs that win; NaN: a grid's."""
    sizes = base(model)
    kept = {row["layer"]: 1 - float(row["sparsity"]) for row in rows(model)
            if row.get("variant") == variant}
    if not kept:
        return float("nan")
    inputs = dict(zip(("cnn1", "cnn2", "linear", "output"), (1, *SHARES)))
    dense = {name: m * k * n for name, (m, k, n) in sizes.items()}
    return sum(dense.values()) / sum(macs * kept.get(name, 1) * inputs[name]
                                     for name, macs in dense.items())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model")
    parser.add_argument("--batch", type=int, default=1)
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument("--budget", default="30")
    parser.add_argument("--sproof", default="build/sproof")
    for name in ("pattern", "sparsity", "pool"):
        parser.add_argument(f"--{name}")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        others = runtimes(base(options.model), options.batch, directory)
        taken: dict[str, list[float]] = {name: [] for name in others}
        for _ in range(options.turns):
            for name, run in others.items():
                taken[name].append(seconds(run))
        cases = own(options, directory)
    times = {name: statistics.median(turn) for name, turn in taken.items()}
    best = min([*times.values(), cases[0]["measured"]["median_s"]])
    print(f"{'batch ' + str(options.batch):34}{'us':>9}{'x best dense':>14}{'expected':>10}")
    for name, taken_s in times.items():
        print(f"{name:34}{1e6 * taken_s:9.1f}{best / taken_s:14.2f}{'':>10}")
    for case in cases:
        expected = case["expected_s"]
        measured = case["measured"]["median_s"]
        error = f"{expected / measured - 1:+.0%}" if expected else "-"
        print(f"{'sproof, ' + case['variant']:34}{1e6 * measured:9.1f}"
              f"{best / measured:14.2f}{error:>10}")
    for variant in {case["variant"].removesuffix(" winners") for case in cases[1:]}:
        print(f"ideal of {variant}, winners: {ideal(options.model, variant):.1f}x")


if __name__ == "__main__":
    main()
