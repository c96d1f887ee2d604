#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Speedups at 95 % sparsity, from the times that peers --only matmul95 wrote.

A cell is a shape, a number of tokens, a residency and a pattern. Of each: sproof's time, the best
dense peer's, MKL's dense and the best sparse peer's on the same matrix, and whether the goals are
reached. See README.md.

  matmul95.py [--csv CELLS.csv] TIMES.csv...
"""
import argparse
import csv
import sys

OWN = "sproof"
DENSE_GOAL, SPARSE_GOAL, CELLS_GOAL = 18, 3, 12
SPARSE_FROM = 16  # tokens: the goal over sparse libraries
SLOW = 1.5  # a peer so much slower than the best was visited once and decides nothing; as peers.c
FIELDS = ("m k n residency pattern activation_percent density own_us own_doubt dense dense_us mkl "
          "mkl_us sparse sparse_us over_dense over_dense_x_density over_mkl over_sparse goal_mkl "
          "goal_dense goal_sparse").split()


def read_times(paths):
    """Rows with times, by (m, k, n, residency)."""
    groups = {}
    for path in paths:
        with open(path, newline="") as file:
            for row in csv.DictReader(file):
                for key in ("m", "k", "n", "nnz", "activation_percent"):
                    row[key] = int(row[key])
                if not row["pattern"]:
                    continue
                if row["why"]:
                    print(f"not timed: {row['contender']}, {row['m']}x{row['k']}, n = {row['n']}, "
                          f"{row['pattern']}: {row['why']}", file=sys.stderr)
                if row["time_us"]:
                    row["time_us"] = float(row["time_us"])
                    key = (row["m"], row["k"], row["n"], row["residency"])
                    groups.setdefault(key, []).append(row)
    return groups


def best_of(rows):
    """The fastest, and whether it is certain; (None, True) of none."""
    if not rows:
        return None, True
    best = min(rows, key=lambda row: row["time_us"])
    near = [row for row in rows if row["time_us"] <= SLOW * best["time_us"]]
    return best, all(row["doubt"] == "none" for row in near)


def verdict(own, rival, certain, goal):
    """"yes", "no", "?" or, of no rival, "". A rival that is inconclusive may be faster than it was
    seen to be: that takes from a goal that seems reached, and mends none that is missed."""
    if rival is None:
        return ""
    if own["doubt"] != "none":
        return "?"
    if rival["time_us"] < goal * own["time_us"]:
        return "no"
    return "yes" if certain else "?"


def cells_of(groups):
    for (m, k, n, residency), rows in sorted(groups.items()):
        peers = [row for row in rows if row["contender"] != OWN]
        dense = [row for row in peers if row["pattern"] == "dense"]
        mkl = [row for row in dense if row["contender"].startswith("MKL")]
        for own in rows:
            if own["contender"] != OWN or own["pattern"] == "dense":
                continue
            sparse = [row for row in peers if row["pattern"] == own["pattern"]]
            density = own["nnz"] / (m * k) * (1 - own["activation_percent"] / 100)
            cell = {"m": m, "k": k, "n": n, "residency": residency, "pattern": own["pattern"],
                    "activation_percent": own["activation_percent"], "density": f"{density:.4g}",
                    "own_us": own["time_us"], "own_doubt": own["doubt"]}
            for what, rivals, goal in (("dense", dense, DENSE_GOAL), ("mkl", mkl, DENSE_GOAL),
                                       ("sparse", sparse, SPARSE_GOAL)):
                best, certain = best_of(rivals)
                cell[f"goal_{what}"] = verdict(own, best, certain, goal)
                if best is not None:
                    speedup = best["time_us"] / own["time_us"]
                    cell.update({what: best["contender"], f"{what}_us": best["time_us"],
                                 f"over_{what}": f"{speedup:.4g}"})
                    if what == "dense":
                        cell["over_dense_x_density"] = f"{speedup * density:.3g}"
            yield cell


def time_text(cell, what):
    return f"{cell[what]} {cell[what + '_us']:.4g} us" if cell.get(what) else "none"


def mark(cell, what, letter):
    return {"yes": letter, "no": ".", "?": "?", "": "-"}[cell[f"goal_{what}"]]


def print_table(cells):
    print("Reached: M 18x MKL's dense, D 18x the best dense peer, S 3x the best sparse peer;\n"
          ". missed, ? inconclusive, - not measured. x dens: times the share of products\n"
          "that are left, 1 is ideal. +88: X has 88 % zeros, too, whose places are known.")
    head = None
    for cell in cells:
        group = (cell["m"], cell["k"], cell["n"], cell["residency"])
        if group != head:
            head = group
            print(f"\n{cell['m']}x{cell['k']}, n = {cell['n']}, {cell['residency']}: best dense "
                  f"{time_text(cell, 'dense')},\n  of MKL's {time_text(cell, 'mkl')}")
            print(f"{'pattern':<9}{'us':>10}{'/dense':>8}{'x dens':>7}{'/MKL':>7}{'/sparse':>8}"
                  f"  {'best sparse':<22}{'goals':>6}")
        name = cell["pattern"] + (f"+{cell['activation_percent']}" if cell["activation_percent"]
                                  else "")
        marks = mark(cell, "mkl", "M") + mark(cell, "dense", "D") + mark(cell, "sparse", "S")
        own = f"{cell['own_us']:.4g}" + ("?" if cell["own_doubt"] != "none" else "")
        ratios = [f"{float(cell[of]):.2f}" if of in cell else "-" for of in
                  ("over_dense", "over_dense_x_density", "over_mkl", "over_sparse")]
        print(f"{name:<9}{own:>10}{ratios[0]:>8}{ratios[1]:>7}{ratios[2]:>7}{ratios[3]:>8}"
              f"  {cell.get('sparse', ''):<22}{marks:>6}")


def print_count(what, cells, goal):
    verdicts = [cell[goal] for cell in cells]
    yes, no, doubtful = (verdicts.count(word) for word in ("yes", "no", "?"))
    print(f"{what:<52}{yes:>6}{no:>7}{doubtful:>13}")
    return yes, no, doubtful


def print_counts(cells):
    print(f"\n{'cells':<52}{'reach':>6}{'miss':>7}{'inconclusive':>13}")
    some = [cell for cell in cells if cell["n"] >= SPARSE_FROM and cell["pattern"] != "csr"
            and not cell["activation_percent"]]
    for residency in ("warm", "cold"):
        of = [cell for cell in cells if cell["residency"] == residency]
        print_count(f"{residency}: 18x MKL's dense", of, "goal_mkl")
        print_count(f"{residency}: 18x the best dense peer", of, "goal_dense")
        print_count(f"{residency}: 3x the best sparse peer", of, "goal_sparse")
    reached, _, doubtful = print_count("all: 18x the best dense peer", cells, "goal_dense")
    _, missed, open_cells = print_count("blocks, comp, n >= 16: 3x the best sparse peer", some,
                                        "goal_sparse")
    print(f"\n18x the best dense peer in {CELLS_GOAL} cells: "
          + ("pass" if reached >= CELLS_GOAL else
             "inconclusive" if reached + doubtful >= CELLS_GOAL else "MISS"))
    print("3x the best sparse peer in every block and comp cell with n >= 16: "
          + ("MISS" if missed else "pass" if some and not open_cells else "inconclusive"))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--csv", help="the cells, as CSV")
    parser.add_argument("times", nargs="+")
    options = parser.parse_args()
    cells = list(cells_of(read_times(options.times)))
    print_table(cells)
    print_counts(cells)
    if options.csv:
        with open(options.csv, "w", newline="") as file:
            writer = csv.DictWriter(file, FIELDS, lineterminator="\n")
            writer.writeheader()
            writer.writerows(cells)


main()
