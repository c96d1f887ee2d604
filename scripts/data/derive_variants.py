#!/usr/bin/env python3
"""Write the pruned-variant tables of data/models from data/sources and the base tables.

  resnet50_str.csv              soft threshold reparameterization, real sparsity per layer
  resnet50_dlmc_magnitude.csv   magnitude pruning, real non-zeros per layer
  bert_base_squad_blocks.csv    movement pruning in square blocks, sparsity per layer and part

A table holds the base network (empty `variant`) and then, per variant, only the pruned
layers. Standard library only; run scripts/data/derive_models.py first.

  derive_variants.py           write the tables
  derive_variants.py --check   write nothing; fail if a table on disk differs
"""
import argparse
import csv
import io
import sys
from pathlib import Path

DATA = Path(__file__).resolve().parents[2] / "data"
BASE = ["layer", "op", "m", "k", "n", "count", "groups", "prunable", "x_elements", "flops",
        "calls", "epilogue"]
COLUMNS = BASE + ["variant", "pattern", "sparsity", "nnz", "accuracy"]
WEIGHTED = ("linear", "conv", "depthwise")


def read(path):
    with open(path, newline="") as f:
        return list(csv.DictReader(line for line in f if not line.startswith("#")))


def groups_of(rows, *keys):
    """Rows grouped by some columns, in order of first appearance."""
    found = {}
    for r in rows:
        found.setdefault(tuple(r[k] for k in keys), []).append(r)
    return found


def cells(row):
    return int(row["m"]) * int(row["k"])


class Table:
    def __init__(self, base, about, dense=""):
        """dense: accuracy of the unpruned network in the same source, "" when not stated."""
        self.about = about
        self.base = {r["layer"]: r for r in read(DATA / "models" / f"{base}.csv")}
        self.rows = [dict(r) for r in self.base.values()]
        self.rows[0]["accuracy"] = dense
        self.names = set()

    def variant(self, name, pattern, accuracy, layers):
        """layers: (name, sparsity, nnz or empty) of the pruned layers."""
        assert name not in self.names, name
        self.names.add(name)
        for layer, sparsity, nnz in layers:
            row = dict(self.base[layer])
            row.update(variant=name, pattern=pattern, nnz=nnz, accuracy=accuracy,
                       sparsity=f"{sparsity:.6f}".rstrip("0").rstrip("."))
            self.rows.append(row)

    def text(self):
        out = io.StringIO()
        for line in self.about + ["provenance and assumptions: data/README.md",
                                  "made by scripts/data/derive_variants.py"]:
            out.write(f"# {line}\n")
        writer = csv.DictWriter(out, COLUMNS, lineterminator="\n", restval="")
        writer.writeheader()
        writer.writerows(self.rows)
        return out.getvalue()

    def check_sparsity(self, name, stated, tolerance):
        """The zero fraction over all prunable weights against the one the source states."""
        pruned = {r["layer"]: float(r["sparsity"]) for r in self.rows if r.get("variant") == name}
        total = sum(cells(r) for r in self.base.values() if r["op"] in WEIGHTED)
        zeros = sum(s * cells(self.base[layer]) for layer, s in pruned.items())
        assert abs(zeros / total - stated) <= tolerance, (name, zeros / total, stated)


def resnet50_str():
    table = Table("resnet50", [
        "ResNet-50 pruned by soft threshold reparameterization (STR): ImageNet, top-1 in percent, dense 77.00",
        "sparsity of every layer as published by RAIVNLab/STR (arXiv 2002.03231, Apache-2.0)"],
        dense="77.0")
    for (run,), rows in groups_of(read(DATA / "sources" / "resnet50_str.csv"), "run").items():
        for r in rows:
            assert cells(table.base[r["layer"]]) == int(r["weights"]), r
        table.variant(run, "csr", rows[0]["top1"],
                      [(r["layer"], float(r["sparsity"]), "") for r in rows])
        table.check_sparsity(run, float(rows[0]["overall_pct"]) / 100, 2e-4)
    return "resnet50_str", table


def resnet50_dlmc():
    table = Table("resnet50", [
        "ResNet-50 pruned by magnitude: ImageNet, top-1 in percent; non-zeros counted in the masks of the",
        "Deep Learning Matrix Collection (arXiv 2006.10901 and 1902.09574, CC BY 4.0)",
        "magnitude: every layer alike; extended_magnitude: longer training, conv1 dense, fc at most 80 %;",
        "the number in the name is the zero fraction over all weights"])
    rows = read(DATA / "sources" / "resnet50_dlmc.csv")
    total = sum(cells(r) for r in table.base.values() if r["op"] in WEIGHTED)
    for (method, _), run in groups_of(rows, "method", "target").items():
        zeros, layers = 0, []
        for r in run:
            base = table.base[r["layer"]]
            assert (r["rows"], r["cols"]) == (base["m"], base["k"]), r
            zeros += cells(base) - int(r["nnz"])
            layers.append((r["layer"], 1 - int(r["nnz"]) / cells(base), r["nnz"]))
        name = f"{method.replace('_pruning', '')}@{round(zeros / total, 4):g}"
        table.variant(name, "csr", run[0]["top1"], layers)
        table.check_sparsity(name, zeros / total, 1e-6)
    return "resnet50_dlmc_magnitude", table


PARTS = {
    "attention": ["attention.self.query", "attention.self.key", "attention.self.value",
                  "attention.output.dense"],
    "ffn": ["intermediate.dense", "output.dense"],
}


def bert_blocks():
    table = Table("bert_base_seq128", [
        "BERT-base pruned on SQuAD v1.1 in square blocks by movement pruning: F1 in percent, dense 88.5",
        "huggingface/nn_pruning at 0cef2b2 (arXiv 2109.04838, Apache-2.0); the number in the name is the",
        "zero fraction of all weights; of runs with the same name the best F1 has the plain name",
        "ASSUMED: the source counts non-zeros per layer for attention (4 matrices) and feed-forward (2)",
        "together; each matrix of a part is given the part's sparsity. Whole blocks are removed, so the",
        "zero fraction is the fraction of zero blocks"], dense="88.5")
    layers = groups_of(read(DATA / "sources" / "bert_base_nn_pruning_layers.csv"), "run")
    order = ["1x1", "4x4", "8x8", "16x16", "32x32"]
    # Runs distilled from a BERT-large teacher are another setup and stay out.
    runs = [r for r in read(DATA / "sources" / "bert_base_nn_pruning_runs.csv")
            if r["attention_block"] == r["ffn_block"] and "1d_alt" not in r["ffn_method"]
            and r["teacher"] == "base"]
    runs.sort(key=lambda r: (order.index(r["attention_block"]), float(r["linear_sparsity"]),
                             -float(r["value"]), r["run"]))
    for run in runs:
        block = int(run["attention_block"].split("x")[0])
        pattern = "csr" if block == 1 else f"{block}x{block}"
        pruned = []
        for r in layers[(run["run"],)]:
            names = [f"encoder.layer.{r['layer']}.{p}" for p in PARTS[r["part"]]]
            nnz, total = int(r["nnz"]), int(r["total"])
            assert total == sum(cells(table.base[n]) for n in names) and nnz % (block * block) == 0, r
            pruned += [(n, 1 - nnz / total, "") for n in names]
        pruned.sort(key=lambda p: list(table.base).index(p[0]))
        name = f"{pattern}@{float(run['linear_sparsity']):g}"
        if name in table.names:
            name += "/" + run["run"].split("_")[-1]
        table.variant(name, pattern, run["value"], pruned)
        table.check_sparsity(name, float(run["linear_sparsity"]), 1e-4)
    return "bert_base_squad_blocks", table


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="compare with the files, write nothing")
    args = parser.parse_args()
    bad = 0
    for name, table in (resnet50_str(), resnet50_dlmc(), bert_blocks()):
        path, text = DATA / "models" / f"{name}.csv", table.text()
        print(f"{name}: {len(table.names)} variants, {len(table.rows)} rows, {len(text)} bytes")
        if not args.check:
            path.write_text(text)
        elif not path.exists() or path.read_text() != text:
            print(f"data/models/{name}.csv: differs from what this script writes", file=sys.stderr)
            bad += 1
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
