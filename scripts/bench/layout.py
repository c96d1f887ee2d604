#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Layout x block shape: sproof's kernels with X as k x n and as n x k, on BERT-base's layers.

  scripts/bench/layout.py [--sproof build/sproof] [--threads T] [--tokens 1,16,128]
                          [--sparsity 0.8,0.9,0.95] [--budget S] [-o table.csv] [--from table.csv]

Prints, for each layout, number of tokens and layer, the expected and measured speedup over the
dense product of every block shape at 90 %, and in how many cells the shape that the model calls
fastest is the fastest measured one, or within 5 % of it. --from reads an earlier table instead
of measuring. Lines of the table that start with # say where and when it was made.
"""
from __future__ import annotations

import argparse
import csv
import datetime
import io
import json
import pathlib
import platform
import subprocess
import sys
import tempfile

SHAPES = "32x1,16x1,8x1,4x1,1x32,1x16,4x4,16x16,32x32".split(",")
LAYERS = {"q, k, v, o": (768, 768), "intermediate": (3072, 768), "output": (768, 3072)}
COLUMNS = ["layout", "layer", "m", "k", "n", "pattern", "sparsity", "threads", "expected_s",
           "measured_s", "low_s", "high_s", "dense_s", "dense_kernel", "inconclusive"]


def measure(options: argparse.Namespace, layout: str, tokens: int) -> list[dict[str, str]]:
    """One run of validate: all layers, shapes and sparsities of one layout and n."""
    with tempfile.TemporaryDirectory() as directory:
        model = pathlib.Path(directory) / "model.csv"
        rows = "".join(f'"{name}",{m},{k},{tokens}\n' for name, (m, k) in LAYERS.items())
        model.write_text("layer,m,k,n\n" + rows, encoding="utf-8")
        command = [options.sproof, "validate", str(model), "--layout", layout, "--pattern",
                   ",".join(SHAPES), "--sparsity", options.sparsity, "--threads",
                   str(options.threads), "--no-save", "--format", "json", "-q",
                   "--budget", str(options.budget)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode not in (0, 3):
        sys.exit(done.stderr.strip())
    return [{"layout": layout, "layer": c["layer"], "m": c["m"], "k": c["k"], "n": c["n"],
             "pattern": c["pattern"], "sparsity": c["sparsity"], "threads": c["threads"],
             "expected_s": c["expected_s"], "measured_s": c["measured"]["time_s"],
             "low_s": c["measured"]["low_s"], "high_s": c["measured"]["high_s"],
             "dense_s": c["dense"]["measured"]["time_s"],
             "dense_kernel": c["dense"]["kernel"], "inconclusive": int(c["inconclusive"])}
            for c in json.loads(done.stdout)["cases"] if c["pattern"] != "dense"]


def read_table(path: str) -> list[dict[str, str]]:
    text = pathlib.Path(path).read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    return list(csv.DictReader(io.StringIO("\n".join(lines))))


def write_table(path: str, rows: list[dict[str, str]]) -> None:
    cpu = next((line.split(":")[1].strip() for line in
                pathlib.Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
                if line.startswith("model name")), platform.machine())
    with open(path, "w", encoding="utf-8", newline="") as f:
        f.write(f"# Times of sproof's own kernels, {cpu}, "
                f"{datetime.date.today().isoformat()}, all operands warm\n"
                f"# made by: scripts/bench/layout.py {' '.join(sys.argv[1:])}\n")
        writer = csv.DictWriter(f, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def speedup(row: dict[str, str], key: str) -> float:
    return float(row["dense_s"]) / float(row[key])


def show(rows: list[dict[str, str]]) -> None:
    good = [r for r in rows if not int(r["inconclusive"])]
    for layout in ("kn", "nk"):
        for n in sorted({int(r["n"]) for r in good}):
            print(f"\nlayout {layout}, n {n}, 90 %: measured speedup (expected)")
            for part in (SHAPES[:5], SHAPES[5:]):
                print(f"{'':14}" + "".join(f"{s:>12}" for s in part))
                for layer in LAYERS:
                    cells = []
                    for shape in part:
                        found = [r for r in good if r["layout"] == layout and
                                 int(r["n"]) == n and r["layer"] == layer and
                                 r["pattern"] == shape and float(r["sparsity"]) == 0.9]
                        cells.append(f"{speedup(found[0], 'measured_s'):.1f} "
                                     f"({speedup(found[0], 'expected_s'):.1f})"
                                     if found else "-")
                    print(f"{layer:14}" + "".join(f"{c:>12}" for c in cells))


def judge(rows: list[dict[str, str]]) -> None:
    cells: dict[tuple[str, ...], list[dict[str, str]]] = {}
    for row in rows:
        if not int(row["inconclusive"]):
            key = tuple(str(row[name]) for name in
                        ("layout", "layer", "n", "sparsity", "threads"))
            cells.setdefault(key, []).append(row)
    right = total = 0
    misses = []
    for key, group in sorted(cells.items()):
        if len(group) < 2:
            continue
        total += 1
        model = min(group, key=lambda r: float(r["expected_s"]))
        best = min(group, key=lambda r: float(r["measured_s"]))
        loss = float(model["measured_s"]) / float(best["measured_s"])
        right += loss <= 1.05
        if loss > 1.05:
            misses.append(f"  {' '.join(key)}: {model['pattern']} is {loss:.2f}x "
                          f"{best['pattern']}")
    print(f"\nbest shape of the model is the best measured, or within 5 % of it, in {right} of "
          f"{total} (layout, layer, n, sparsity) cells")
    print("\n".join(misses))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sproof", default="build/sproof")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--tokens", default="1,16,128")
    parser.add_argument("--sparsity", default="0.8,0.9,0.95")
    parser.add_argument("--budget", type=float, default=60)
    parser.add_argument("-o", "--output")
    parser.add_argument("--from", dest="table")
    options = parser.parse_args()
    if options.table:
        rows = read_table(options.table)
    else:
        rows = [row for layout in ("kn", "nk") for n in options.tokens.split(",")
                for row in measure(options, layout, int(n))]
        if options.output:
            write_table(options.output, rows)
    show(rows)
    judge(rows)
    return 0


if __name__ == "__main__":
    sys.exit(main())
