#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""How far off are the expected times? Every prunable shape of the shipped models, with many
widths, patterns and sparsities, in a seeded random order until the budget is spent.

    prediction.py --sproof PATH [--threads T] [--seed N] [--budget 300] [--isa I]
                  [-o RECORD]

The model is kept beside the record, as RECORD with the suffix .csv: the record names it.
"""
import argparse
import csv
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
WIDTHS = (1, 16, 49, 100, 128, 196)
PATTERNS = "csr,4x1,32x1,1x16,4x4,8x8,16x16,2:4"
SPARSITIES = "0.5,0.7,0.8,0.9,0.95,0.98"


def shapes():
    """(m, k, n) of the prunable matrix products; n: the model's own and WIDTHS."""
    found = {}
    for path in sorted((ROOT / "data" / "models").glob("*.csv")):
        lines = [line for line in path.read_text().splitlines() if not line.startswith("#")]
        for row in csv.DictReader(lines):
            plain = row.get("op") in (None, "", "linear", "conv")
            if plain and row.get("m") and row.get("groups", "1") in ("", "1", None):
                key = int(row["m"]), int(row["k"])
                if row.get("prunable", "1") not in ("0", "no"):
                    found.setdefault(key, set()).add(int(row["n"]))
    return [(m, k, n) for (m, k), own in sorted(found.items())
            for n in sorted(own.union(WIDTHS))]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sproof", default="sproof")
    parser.add_argument("--threads", default="1")
    parser.add_argument("--seed", default="1")
    parser.add_argument("--budget", default="300")
    parser.add_argument("--isa", default=None)
    parser.add_argument("-o", "--output", default="prediction.json")
    arguments = parser.parse_args()
    if arguments.output.endswith(".csv"):
        parser.error("-o: a record ends in .json; the model gets the name in .csv")
    model = pathlib.Path(arguments.output).with_suffix(".csv")
    rows = [f"{m}x{k}-n{n},{m},{k},{n}\n" for m, k, n in shapes()]
    model.write_text("layer,m,k,n\n" + "".join(rows))
    command = [arguments.sproof, "validate", str(model), "--pattern", PATTERNS,
               "--sparsity", SPARSITIES, "--threads", arguments.threads, "--seed",
               arguments.seed, "--budget", arguments.budget, "-o", arguments.output]
    if arguments.isa:
        command += ["--isa", arguments.isa]
    return subprocess.run(command).returncode


if __name__ == "__main__":
    sys.exit(main())
