#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Figures over validation records of a GPU.

    gpu_figures.py [--csv cases.csv] RECORD.json...

Prints, over all records: how near to its bound each kind of kernel comes, how many points lie
below it, the speedups of whole networks' prunable layers, predicted and measured, and sproof's
block kernel against cuSPARSE's. --csv writes one row per case (times in microseconds).
Where a pattern has several kernels the fastest counts, unless a line says otherwise.
"""
import argparse
import csv
import json
import os
import statistics

WELL = ("dense", "2:4", "32x32", "64x64")


def cases_of(path):
    with open(path, encoding="utf-8") as file:
        record = json.load(file)
    model = os.path.splitext(os.path.basename(record["input"]["model"]["path"]))[0]
    batch = record["options"]["batches"][0]
    for case in record["cases"]:
        case["model"], case["batch"] = model, batch
        yield case


def conclusive(case):
    return not case["inconclusive"]


def fastest(cases):
    """One case per network, shape, pattern and sparsity."""
    best = {}
    for c in cases:
        key = (c["model"], c["batch"], c["residency"], c["m"], c["k"], c["n"], c["variant"])
        if key not in best or c["measured"]["median_s"] < best[key]["measured"]["median_s"]:
            best[key] = c
    return list(best.values())


def dense_cases(cases, least_s):
    """(time / bound) of the dense product of each shape, its median over the cases."""
    shapes = {}
    for c in cases:
        if c["dense"]["bound_s"] < least_s:
            continue
        key = (c["model"], c["batch"], c["residency"], c["m"], c["k"], c["n"])
        ratio = c["dense"]["measured"]["median_s"] / c["dense"]["bound_s"]
        shapes.setdefault(key, []).append(ratio)
    return [statistics.median(values) for values in shapes.values()]


def put_near(cases, least_s):
    print("\nmeasured / bound (1 is the bound itself), bounds of at least %g us" % (1e6 * least_s))
    print("%-8s %6s %10s %10s %8s" % ("", "cases", "<= 1.15", "<= 2", "median"))
    groups = [("dense", dense_cases(cases, least_s))]
    for pattern in ("2:4", "64x64", "32x32", "16x16", "csr"):
        groups.append((pattern, [c["measured"]["median_s"] / c["bound_s"]
                                 for c in fastest(cases)
                                 if c["pattern"] == pattern and c["bound_s"] >= least_s]))
    well = [ratio for name, ratios in groups if name in WELL for ratio in ratios]
    for name, ratios in groups + [("well", well)]:
        if ratios:
            print("%-8s %6d %9.1f%% %9.1f%% %8.2f" % (
                name, len(ratios), 100 * sum(r <= 1.15 for r in ratios) / len(ratios),
                100 * sum(r <= 2 for r in ratios) / len(ratios), statistics.median(ratios)))
    print("well: dense, 2:4, 32x32 and 64x64 together")


def put_below(cases):
    below = [c for c in cases if c["above_roof"]]
    print("\npoints below the bound at its highest rates, dense side included: %d of %d" % (
        len(below), len(cases)))
    own = sum(c["measured"]["median_s"] < c["bound_s"] for c in below)
    shapes = {(c["m"], c["k"], c["n"]) for c in below}
    print("of them by the pruned product itself: %d; shapes: %s" % (
        own, ", ".join("%dx%d n %d" % shape for shape in sorted(shapes)) or "none"))


def put_networks(cases):
    print("\nprunable layers of a network: speedup over cuBLASLt, bound and measured")
    print("%-18s %6s %5s %-12s %8s %8s" % ("", "batch", "", "variant", "bound", "measured"))
    networks = {}
    for c in fastest(cases):
        if c["pattern"] != "dense":
            key = (c["model"], c["batch"], c["residency"], c["variant"])
            networks.setdefault(key, []).append(c)
    layers = {}
    for key, members in networks.items():
        layers[key[:3]] = max(layers.get(key[:3], 0), len(members))
    for key in sorted(networks):
        members = networks[key]
        if len(members) < layers[key[:3]]:
            continue  # a layer is missing
        total = lambda get: sum(c["count"] * get(c) for c in members)
        print("%-18s %6g %5s %-12s %7.2fx %7.2fx" % (key + (
            total(lambda c: c["dense"]["bound_s"]) / total(lambda c: c["bound_s"]),
            total(lambda c: c["dense"]["measured"]["median_s"]) /
            total(lambda c: c["measured"]["median_s"]))))


def put_own(cases):
    print("\nsproof's block kernel over cuSPARSE's: times faster")
    pairs = {}
    for c in cases:
        if "x" in c["pattern"]:
            key = (c["model"], c["batch"], c["residency"], c["m"], c["k"], c["n"], c["variant"])
            own = c["kernel"].startswith("spr_")
            pairs.setdefault(c["pattern"], {}).setdefault(key, {})[own] = c["measured"]["median_s"]
    for pattern, found in sorted(pairs.items()):
        ratios = [p[False] / p[True] for p in found.values() if len(p) == 2]
        if ratios:
            print("%-6s %4d cases, faster in %3.0f %%, median %.2f, least %.2f, most %.2f" % (
                pattern, len(ratios), 100 * sum(r > 1 for r in ratios) / len(ratios),
                statistics.median(ratios), min(ratios), max(ratios)))
    print("\n32x32@0.9, n >= 4096: speedup over cuBLASLt, share of the bound")
    for c in cases:
        if c["variant"] == "32x32@0.9" and c["n"] >= 4096 and c["kernel"].startswith("spr_"):
            print("%-16s %5dx%-5d n %-6d %-5s %6.2fx (bound %5.2fx), %4.1f %% of the bound" % (
                c["model"], c["m"], c["k"], c["n"], c["residency"], c["measured_speedup"],
                c["bound_speedup"], 100 * c["fraction_of_bound"]))


def write_csv(path, cases):
    head = ("model,batch,residency,m,k,n,count,pattern,sparsity,kernel,bound_us,median_us,low_us,"
            "high_us,dense_bound_us,dense_us,error_ratio,inconclusive,above_roof")
    with open(path, "w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(head.split(","))
        short = lambda seconds: "%.4g" % (1e6 * seconds)
        for c in cases:
            m, dense = c["measured"], c["dense"]
            writer.writerow([c["model"], "%g" % c["batch"], c["residency"], c["m"], c["k"], c["n"],
                             "%g" % c["count"], c["pattern"], "%.3g" % c["sparsity"],
                             c["kernel"].replace("spr_spmm_", ""), short(c["bound_s"]),
                             short(m["median_s"]), short(m["low_s"]), short(m["high_s"]),
                             short(dense["bound_s"]),
                             short(dense["measured"]["median_s"]), "%.2g" % c["max_error_ratio"],
                             int(c["inconclusive"]), int(c["above_roof"])])


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--csv")
    parser.add_argument("records", nargs="+")
    options = parser.parse_args()
    cases = [case for path in options.records for case in cases_of(path)]
    if options.csv:
        write_csv(options.csv, cases)
    print("%d cases, %d too noisy to count" % (len(cases), sum(not conclusive(c) for c in cases)))
    cases = [c for c in cases if conclusive(c)]
    put_near(cases, 0)
    put_near(cases, 20e-6)
    put_below(cases)
    put_networks(cases)
    put_own(cases)


if __name__ == "__main__":
    main()
