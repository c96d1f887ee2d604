#!/usr/bin/env python3
"""Random cases: every figure of `sproof analyze` against the oracle.

    test_random.py [--seed S] [--cases N] [--sproof PATH/TO/sproof]
                   [--case I] [--keep DIRECTORY] [--max-failures F] [--oracle-only]

Case I of seed S is always the same case: `--seed S --case I --keep DIR` runs
that one alone and leaves its files in DIR.  Besides the comparison, bounds
that hold for any record are checked on what the program printed, and on some
cases the program runs a second time with all rates doubled, or with a number type for
each operand and for the dense side.

Exit status: 0 all equal, 1 differences, 2 no program or wrong usage.
"""
import argparse
import csv
import io
import json
import math
import os
import random
import shutil
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.dont_write_bytecode = True
sys.path.insert(0, HERE)
import sproof_oracle as oracle  # noqa: E402
from sproof_oracle import parse_pattern  # noqa: E402

TOLERANCE = 1e-9
DTYPES = ("f64", "f32", "tf32", "f16", "bf16", "fp8", "i8")
SPELLINGS = ("dense", "csr", "unstructured", "1x1", "csr16", "bitmask", "ell",
             "4x1", "1x4", "4x4", "bsr:8x1", "3x5", "bsr:2x7", "16x16", "32x1", "32x32", "5x3",
             "64x2", "2:4", "1:4", "1:2", "4:8", "1:3", "2:5", "3:7", "2:16",
             "1:5", "1:8", "2:8", "4:6", "6:8", "8:10", "2:3", "3:5", "5:7", "62:64", "3:4",
             "254:256", "64:2:8", "16:1:32", "4:2:5", "3:3:7", "128:4:16", "8:4:6", "2:2:10",
             "comp:2", "comp:4", "comp:5", "comp:16", "comp:3")


# --------------------------------------------------------------------------
# Making a case
# --------------------------------------------------------------------------

class Case:
    """Files of one case and the command that reads them."""

    def __init__(self, files, argv):
        self.files, self.argv = files, argv

    def write(self, directory):
        for name, data in self.files.items():
            with open(os.path.join(directory, name), "wb") as f:
                f.write(data)


def log_uniform(rng, lo, hi):
    return math.exp(rng.uniform(math.log(lo), math.log(hi)))


def some(rng, lo, hi):
    """An integer, small ones as likely as large ones."""
    return max(lo, min(hi, int(round(log_uniform(rng, lo, hi)))))


def write_table(rng, columns, rows):
    """CSV with shuffled columns, sometimes a BOM, comment lines, CRLF."""
    columns = list(columns)
    if rng.random() < 0.7:
        rng.shuffle(columns)
    end = "\r\n" if rng.random() < 0.2 else "\n"
    out = io.StringIO()
    w = csv.DictWriter(out, columns, extrasaction="ignore", lineterminator=end)
    w.writeheader()
    for row in rows:
        if rng.random() < 0.05:
            out.write("# a comment, with a comma" + end)
        w.writerow(row)
    text = out.getvalue()
    if rng.random() < 0.15:
        text = "# written by test_random.py" + end + text
    if rng.random() < 0.1:
        text = "\ufeff" + text
    return text.encode("utf-8")


def spell_sparsity(rng, s):
    """The same number as 0.9 or 90%."""
    percent = "%.12g" % (s * 100)
    if rng.random() < 0.25 and oracle.parse_fraction(percent + "%") == s:
        return percent + "%"
    return "%.12g" % s


def random_sparsity(rng):
    r = rng.random()
    if r < 0.06:
        return 0.0
    if r < 0.12:
        return 1.0
    if r < 0.45:
        return rng.choice((0.5, 0.6, 0.75, 0.8, 0.9, 0.95, 0.99, 0.375, 0.01))
    if r < 0.7:
        return round(rng.random(), 2)
    if r < 0.85:
        return round(rng.random(), 9)
    return round(1 - log_uniform(rng, 1e-5, 1), 6)


def add_to_y(rng, row, rows):
    """An epilogue that reads and writes about as much as its product has in Y."""
    above = next(r for r in reversed(rows) if r["op"] != "other")
    y = int(above["m"]) * int(above["n"])
    if row["bytes"] == "0":
        row["flops"] = row["flops"] or "5"
    if row["x_elements"] and rng.random() < 0.8:
        row["x_elements"] = str(max(1, int(y * rng.choice((1, 2, 3, 3.5, 100)))))


def random_layers(rng):
    """Rows of the base network, as text cells."""
    scale = rng.choice((24, 300, 5000, 5000, 40000))
    awkward = rng.random() < 0.15
    below_product = False
    rows = []
    for i in range(rng.choice((1, 1, 2, 3, 4, 5, 6, 8))):
        op = rng.choices(("linear", "conv", "depthwise", "attention", "other"),
                         (5, 3, 1, 1.5, 1.5))[0]
        if i == 0 and rng.random() < 0.85:
            op = rng.choice(("linear", "linear", "conv"))
        name = "%s.%d" % (rng.choice(("fc", "block", "h", "conv")), i)
        if awkward:
            name += rng.choice((", second", ' "quoted"', " \u00e9t\u00e9", " a b"))
        row = {"layer": name, "op": op, "m": "", "k": "", "n": "", "count": "", "groups": "",
               "prunable": "", "x_elements": "", "flops": "", "bytes": "", "calls": "",
               "epilogue": ""}
        if op == "linear" and rng.random() < 0.5:
            row["op"] = ""
        if rng.random() < 0.4:
            row["count"] = str(some(rng, 1, 60))
        if rng.random() < 0.3:
            row["calls"] = str(rng.choice((0, 1, rng.randint(0, int(row["count"] or 1)),
                                           int(row["count"] or 1))))
        m, k, n = some(rng, 1, scale), some(rng, 1, scale), some(rng, 1, 4000)
        if rng.random() < 0.3:
            m, k = 2 ** rng.randint(0, 12), 2 ** rng.randint(0, 12)
        if rng.random() < 0.15:
            n = 1
        if op in ("linear", "conv", "depthwise"):
            if rng.random() < 0.04:
                k = rng.choice((65536, 65537, rng.randint(65530, 200000)))
            if op == "linear" and rng.random() < 0.02:
                m, k = 2 ** 20 + rng.randint(0, 9), 2 ** 20 - rng.randint(0, 9)
            if op == "conv":
                k = max(1, k // 9) * 9
                if rng.random() < 0.45:
                    g = rng.choice((1, 2, 3, 4, 8, 32))
                    m = max(1, m // g) * g
                    row["groups"] = str(g)
            if op == "depthwise":
                k = rng.choice((3, 9, 25, 49))
            g = int(row["groups"] or 1)
            if rng.random() < {"linear": 0.1, "conv": 0.6, "depthwise": 0.3}[op]:
                full = g * k * n if op != "depthwise" else m * n
                row["x_elements"] = str(max(1, int(full / rng.choice((1, 2, 9, 8.7)))))
            r = rng.random()
            if op == "depthwise":
                row["prunable"] = "" if r < 0.4 else rng.choice(("1", "yes", "0", "no"))
            else:
                row["prunable"] = "" if r < 0.7 else rng.choice(("1", "yes", "0", "no"))
        if op == "attention":
            m, k, n = some(rng, 1, 600), some(rng, 1, 128), some(rng, 1, 600)
            row["prunable"] = rng.choice(("", "", "0"))
        if op == "other":
            flops, nbytes = some(rng, 1, 10 ** 8), some(rng, 1, 10 ** 8)
            r = rng.random()
            if r < 0.3:
                row["flops"], row["x_elements"] = str(flops), str(nbytes)
            elif r < 0.4:
                row["flops"], row["bytes"] = "0", str(nbytes)
            elif r < 0.5:
                row["flops"], row["bytes"] = str(flops), "0"
            else:
                row["flops"], row["bytes"] = str(flops), str(nbytes)
            if below_product and rng.random() < 0.6:
                row["epilogue"] = rng.choice(("1", "yes"))
                add_to_y(rng, row, rows)
            elif rng.random() < 0.3:
                row["epilogue"] = rng.choice(("0", "no"))
            below_product = row["epilogue"] in ("1", "yes")
        else:
            below_product = True
            row["m"], row["k"], row["n"] = str(m), str(k), str(n)
        rows.append(row)
    return rows


def used_columns(rng, rows):
    """The needed columns, the ones in use, and some that are only empty."""
    needed = ["layer", "m", "k", "n"]
    more = [c for c in rows[0] if c not in needed
            and (any(r.get(c) for r in rows) or rng.random() < 0.15)]
    return needed + [c for c in more if c in ("op", "count", "groups", "prunable", "x_elements",
                                              "flops", "bytes", "calls", "epilogue")]


def number(rng, value):
    """A plain number, or an object with or without low and high."""
    r = rng.random()
    if r < 0.5:
        return value
    out = {"value": value, "kind": rng.choice(("measured", "datasheet", "declared", "derived")),
           "source": "random"}
    if r < 0.85:
        out["low"] = value * rng.uniform(0.6, 1.0)
        out["high"] = value * rng.uniform(1.0, 1.5)
        if rng.random() < 0.1:
            del out[rng.choice(("low", "high"))]
    if rng.random() < 0.3:
        out["date"] = "2024-05-01"
    return out


def random_rate(rng, lo, hi):
    x = log_uniform(rng, lo, hi)
    return float("%.3g" % x) if rng.random() < 0.4 else x


def random_accepts(rng):
    out = []
    for _ in range(rng.choice((1, 2, 2, 3, 4))):
        r = rng.random()
        if r < 0.5:
            out.append(rng.choice(("dense", "csr", "block", "nm", "comp")))
        elif r < 0.6:
            out.append("any")
        elif r < 0.8:
            out.append(rng.choice(("2:4", "2:4", "2:4", "4x4", "bsr:8x1", "comp:4", "csr16",
                                   "bitmask", "ell", "1:4", "4x1", "1:2", "4:8", "6:8", "2:3",
                                   "4:6", "64:2:8", "2:2:10")))
        elif r < 0.9:
            n, m, wider = rng.choice(((1, 4, "2:4"), (1, 2, "2:4"), (2, 5, "4:8"), (1, 3, "2:4"),
                                      (2, 16, "1:4"), (2, 4, "4:8")))
            out.append({"pattern": "%d:%d" % (n, m), "as": wider})
        else:
            out.append({"pattern": rng.choice(("csr", "block", "nm", "comp", "4x4", "bitmask",
                                               "2:4", "ell", "comp:2", "64:2:8")),
                        "as": rng.choice(("dense", "dense", "2:4"))})
    return out


def random_machine(rng, dtype):
    engines = []
    peak = log_uniform(rng, 1e9, 1e14)
    for i in range(rng.randint(1, 4)):
        dtypes = [d for d in DTYPES if d != dtype and rng.random() < 0.3]
        if rng.random() < 0.85:
            dtypes.insert(rng.randint(0, len(dtypes)), dtype)
        if not dtypes:
            dtypes = [dtype]
        if engines and rng.random() < 0.15:
            rate = engines[-1]["flops_per_s"]
            rate = json.loads(json.dumps(rate))
        else:
            rate = number(rng, random_rate(rng, peak / 30, peak))
        e = {"name": rng.choice(("simt", "tensor", "fma", "unit")) + str(i), "dtypes": dtypes,
             "flops_per_s": rate, "accepts": random_accepts(rng)}
        if rng.random() < 0.3:
            e["tile_rows"] = rng.choice((1, 2, 4, 8, 16, 3))
        if rng.random() < 0.05:
            e["flops_per_s"] = None
        engines.append(e)

    # at least one engine must take the dense network
    e = rng.choice(engines)
    if not takes({"engines": engines}, "dense", dtype):
        if dtype not in e["dtypes"]:
            e["dtypes"].append(dtype)
        e["accepts"].append(rng.choice(("dense", "dense", "any")))
        if e["flops_per_s"] is None:
            e["flops_per_s"] = peak

    bandwidth = peak / log_uniform(rng, 2, 300)
    names = rng.choice((["DRAM"], ["DRAM"], ["L2", "DRAM"], ["L1", "L2", "DRAM"],
                        ["L1", "L2", "L3", "DRAM"]))
    memory = []
    capacity = log_uniform(rng, 1e3, 1e7)
    for i, name in enumerate(names):
        last = i == len(names) - 1
        level = {"level": name}
        near = bandwidth * log_uniform(rng, 1, 6) ** (len(names) - 1 - i)
        level["bytes_per_s"] = number(rng, near)
        if not last:
            if rng.random() < 0.25:
                level["bytes_per_s"] = None
            level["bytes"] = int(capacity) if rng.random() < 0.9 else None
            capacity *= log_uniform(rng, 2, 30)
            if rng.random() < 0.5:
                level["shared"] = rng.random() < 0.5
        elif rng.random() < 0.3:
            level["bytes"] = 2 ** 36
            level["shared"] = True
        memory.append(level)
    overhead = rng.choice((None, None, 0, 0.0, 2e-6, number(rng, log_uniform(rng, 1e-9, 1e-4))))
    machine = {"schema": "sproof/machine", "schema_version": 1, "name": "random",
               "kind": rng.choice(("gpu", "cpu")), "engines": engines, "memory": memory,
               "overhead_s": overhead}
    return machine


def takes(machine, spelling, dtype):
    """Some usable engine takes the pattern (dense: as itself)."""
    p = parse_pattern(spelling)
    for raw in machine["engines"]:
        e = oracle.Engine(raw)
        entry = e.entry_for(p)
        if dtype in e.dtypes and e.rate.value is not None and entry is not None:
            if p.kind != "dense" or entry.as_pattern is None:
                return True
    return False


def random_sets(rng, machine):
    out = []
    for _ in range(rng.choice((1, 1, 2))):
        if rng.random() < 0.5:
            raw = rng.choice(machine["engines"])
            path, r = "engine.%s.flops_per_s" % raw["name"], oracle.Rate(raw["flops_per_s"])
        else:
            raw = rng.choice(machine["memory"])
            path, r = "memory.%s.bytes_per_s" % raw["level"], oracle.Rate(raw["bytes_per_s"])
        if r.value is None:
            continue
        if rng.random() < 0.5:
            out.append("%s=%sx" % (path, rng.choice(("2", "0.5", "1.25", "10"))))
        else:
            out.append("%s=%.6g" % (path, r.value * rng.uniform(0.5, 2)))
    return out


def distinct_patterns(spellings):
    seen, out = set(), []
    for t in spellings:
        if parse_pattern(t).name not in seen:
            seen.add(parse_pattern(t).name)
            out.append(t)
    return out


def random_sparsity_list(rng):
    """Text of --sparsity; no value twice."""
    r = rng.random()
    if r < 0.2:
        return rng.choice(("0.5:0.95:0.05", "0:1:0.25", "0.1:0.9:0.2", "0.8:0.99:0.03",
                           "0:1:0.3", "0.7:0.7:0.1"))
    values = []
    for _ in range(rng.randint(1, 4)):
        s = random_sparsity(rng)
        if all(abs(s - x) > 1e-9 for x in values):
            values.append(s)
    items = [spell_sparsity(rng, s) for s in values]
    if r < 0.3 and all(abs(s - x) > 1e-9 for s in values for x in (0.2, 0.35, 0.5)):
        items.append("0.2:0.5:0.15")
    return ",".join(items)


def counted_cells(rng, p, layer, s):
    """nnz, touched_columns, longest_row that one mask could have."""
    estimate = int(oracle.useful_nnz(p, layer, s))
    nnz = max(0, min(estimate, int(estimate * rng.uniform(0.9, 1.0))))
    mean = oracle.ceil_div(nnz, layer.m)
    longest = min(layer.k, mean + rng.randint(0, 1 + mean // 3)) if nnz else 0
    touched = rng.randint(longest, min(layer.k, max(longest, nnz)))
    return nnz, touched, longest


def shrink(rng, row, layer, gone):
    """Lowers some sizes of a variant's row, in place; the others are left empty or as they are."""
    def lower(key, least, value):
        if rng.random() < 0.4:
            row[key] = str(rng.choice((value, max(least, value // 2),
                                       rng.randint(least, max(least, value)))))
        elif rng.random() < 0.5:
            row[key] = ""
    lower("count", 0 if gone else 1, layer.count)
    if not (row["count"] or str(layer.count)).isdigit():
        row["count"] = ""
    count = int(row["count"] or layer.count)
    if row["calls"] and int(row["calls"]) > min(count, layer.calls) or rng.random() < 0.5:
        row["calls"] = ""
    if layer.op == "other":
        if not layer.bytes_from_x and layer.bytes >= 1:
            lower("bytes", 1, int(layer.bytes))
        if layer.bytes_from_x:
            lower("x_elements", 1, layer.x)
        if layer.flops >= 1:
            lower("flops", 1, int(layer.flops))
        return
    for key in ("m", "k", "n"):
        lower(key, 1, getattr(layer, key))
    if layer.op == "conv" and row["m"] and int(row["m"]) < layer.groups:
        row["m"] = ""
    if layer.op != "attention" and rng.random() < 0.3:
        row["x_elements"] = str(rng.randint(1, max(1, int(layer.x))))
    else:
        row["x_elements"] = ""


def random_variant_rows(rng, base, usable):
    """(rows, variants as {name: [(layer, pattern, sparsity)]}, single)"""
    layers = {r["layer"]: oracle.Layer(r) for r in base}
    single = rng.random() < 0.15                 # no variant column: one variant
    with_base = not single and rng.random() < 0.6
    names = ["only"] if single else rng.sample(
        ["pruned", "run 7", "a@b", "half", "V2"], rng.randint(1, 4))
    counted = rng.random() < 0.6
    shrinks = with_base and rng.random() < 0.5
    if not with_base:                            # rows of variants come in any order
        base = [dict(r, epilogue="") for r in base]
    rows = [dict(r, variant="") for r in base] if with_base else []
    variants = {}
    for name in names:
        alike = rng.random() < 0.5
        patterns = distinct_patterns(rng.sample(usable, min(len(usable), rng.randint(1, 3))))
        if alike:
            patterns = patterns[:1]
        s_all = random_sparsity(rng)
        subset = [r for r in base if rng.random() < 0.75] or [base[0]]
        if not with_base and name == names[0]:
            subset = base if rng.random() < 0.7 or single else subset
        if rng.random() < 0.3:
            rng.shuffle(subset := list(subset))
        mine = []
        for r in subset:
            layer = layers[r["layer"]]
            row = dict(r, variant=name, pattern="", sparsity="")
            if shrinks and rng.random() < 0.6:
                shrink(rng, row, layer, r is not base[0] and rng.random() < 0.5)
                layer = layer.shrunk(row)
            if layer.prunable and rng.random() < 0.85:
                t = rng.choice(patterns)
                p = parse_pattern(t)
                s = p.fixed_sparsity
                if (p.kind in ("comp", "csr16", "nm", "venom") and p.too_small(layer)) \
                        or p.kind == "dense":
                    row["pattern"] = rng.choice(("dense", ""))
                else:
                    row["pattern"] = t
                    if s is None:
                        s = s_all if alike or rng.random() < 0.5 else random_sparsity(rng)
                        row["sparsity"] = spell_sparsity(rng, s)
                    elif rng.random() < 0.7:
                        row["sparsity"] = "%.12g" % rng.choice((s, round(s, 3)))
                    if counted and rng.random() < 0.6:
                        nnz, touched, longest = counted_cells(rng, p, layer, s)
                        if rng.random() < 0.7:
                            row["nnz"] = str(nnz)
                        if rng.random() < 0.6:
                            row["touched_columns"] = str(touched)
                        if rng.random() < 0.6:
                            row["longest_row"] = str(longest)
                    mine.append((r["layer"], t, s))
            elif rng.random() < 0.5:
                row["pattern"] = "dense"
                row["sparsity"] = rng.choice(("", "0"))
            rows.append(row)
        variants[name] = mine
    return rows, variants, single


def joined_sparsity(v):
    """A pattern that fixes its sparsity keeps it in a table, whatever the
    share of the layers it prunes."""
    fixed = parse_pattern(v.pattern).fixed_sparsity
    return "%.12g" % (v.sparsity if fixed is None else fixed)


def random_accuracy(rng, patterns, sparsities, own_points):
    """Rows of an accuracy table for a grid: one method or several."""
    better = rng.choice(("higher", "higher", "lower"))
    methods = rng.choice(([""], ["magnitude"], ["movement", "gradual"],
                          ["zeta", "alpha", "mid"]))
    base = rng.uniform(60, 90) if better == "higher" else rng.uniform(5, 30)
    rows = []
    shared = {}
    for t in patterns:
        p = parse_pattern(t)
        if p.fixed_sparsity is not None:
            shared[t] = [p.fixed_sparsity]
        elif own_points:
            shared[t] = sorted({random_sparsity(rng) for _ in range(rng.randint(1, 5))})
        else:
            shared[t] = None
    for method in methods:
        for t in patterns:
            points = shared[t]
            if points is None:
                points = [round(rng.random(), 2) for _ in range(rng.randint(0, 3))]
                points += [s for s in sparsities if rng.random() < 0.5]
                if sparsities and rng.random() < 0.3:          # within 5e-4, and just beyond
                    s = rng.choice(sparsities)
                    points += [s + rng.choice((3e-4, -4e-4, 6e-4))]
                    if rng.random() < 0.3:
                        points += [s + 4.5e-4, s - 2e-4]
                points = sorted({round(s, 6) for s in points if 0 <= s <= 1})
                if rng.random() < 0.3:
                    rng.shuffle(points)
            elif not own_points and rng.random() < 0.3:
                continue
            elif own_points and len(methods) > 1 and rng.random() < 0.2 and method != methods[0]:
                continue
            layerwise = rng.random() < 0.25
            for s in points:
                drop = rng.uniform(0, 20) * s + rng.uniform(0, 1)
                a = base - drop if better == "higher" else base + drop
                rows.append({"pattern": t, "sparsity": spell_sparsity(rng, s),
                             "accuracy": "%.*f" % (rng.choice((1, 2, 4)), a),
                             "method": method, "metric": "top1" if better == "higher" else "ppl",
                             "better": better, "dense_accuracy": "%.2f" % base,
                             "allocation": "layerwise" if layerwise else "uniform",
                             "source": "random"})
    columns = ["pattern", "sparsity", "accuracy"]
    if methods != [""]:
        columns.append("method")
    if better == "lower" or rng.random() < 0.5:
        columns += ["metric", "better"]
    if any(r["allocation"] == "layerwise" for r in rows) or rng.random() < 0.5:
        columns.append("allocation")
    columns += [c for c in ("dense_accuracy", "source") if rng.random() < 0.5]
    return rows, columns


def make_case(rng):
    dtype = rng.choices(DTYPES, (1, 3, 1, 4, 2, 1, 1))[0]
    machine = random_machine(rng, dtype)
    argv = []
    if rng.random() < 0.5:
        machine["default_dtype"] = dtype if rng.random() < 0.6 else rng.choice(DTYPES)
    if machine.get("default_dtype", "f32") != dtype or rng.random() < 0.3:
        argv += ["--dtype", dtype]
    base = random_layers(rng)
    execution = rng.choice(("best", "best", "native"))
    if execution == "native" or rng.random() < 0.3:
        argv += ["--execution", execution]
    kind = rng.choices(("grid", "table", "default grid"), (6, 3, 0.6))[0]
    if kind == "default grid":      # what no engine takes is left out of it
        engine = rng.choice([e for e in machine["engines"]
                             if dtype in e["dtypes"] and e["flops_per_s"] is not None])
        engine["accepts"].append("any")
        base = base[:3]
    # what no engine takes runs expanded or dense
    usable = [t for t in SPELLINGS if execution == "best" or takes(machine, t, dtype)]
    files = {}

    if kind == "table":
        prunable = [t for t in usable if t != "dense"] or ["dense"]
        rows, variants, single = random_variant_rows(rng, base, prunable)
        columns = used_columns(rng, base) + ["variant", "pattern", "sparsity"]
        if single:
            columns.remove("variant")
        columns += [c for c in ("nnz", "touched_columns", "longest_row")
                    if any(r.get(c) for r in rows)]
        source = rng.choice((None, "model", "model", "table"))
        if source == "model":
            columns.append("accuracy")
            for name in variants:
                mine = [r for r in rows if r.get("variant") == name]
                a = "%.2f" % rng.uniform(50, 80)
                for r in (mine if rng.random() < 0.5 else [rng.choice(mine)]):
                    r["accuracy"] = a
                if rng.random() < 0.1:
                    for r in mine:
                        r["accuracy"] = ""
        if rng.random() < 0.15:
            columns.append("activation_sparsity")
            for r in rows:
                r["activation_sparsity"] = rng.choice(("", "0.5", "0.9"))
        files["model.csv"] = write_table(rng, columns, rows)
        # what the oracle makes of it: names and patterns for joins and filters
        with tempfile.TemporaryDirectory() as d:
            path = os.path.join(d, "model.csv")
            with open(path, "wb") as f:
                f.write(files["model.csv"])
            found = oracle.read_model(path)[1]
        if source == "table" and not single:
            lower = rng.random() < 0.4
            points = [{"variant": v.name, "pattern": v.pattern, "sparsity": joined_sparsity(v),
                       "accuracy": "%.2f" % rng.uniform(50, 80),
                       "better": "lower" if lower else "higher",
                       "allocation": rng.choice(("layerwise", "uniform"))}
                      for v in found if v.pattern not in ("mixed", "dense")]
            if points:
                files["accuracy.csv"] = write_table(
                    rng, ["variant", "pattern", "sparsity", "accuracy", "better", "allocation"],
                    points)
                argv += ["--accuracy", "accuracy.csv"]
        named = sorted({v.pattern for v in found} - {"mixed", "dense"})
        if named and rng.random() < 0.1:
            argv += ["--pattern", rng.choice(named)]
    else:
        files["model.csv"] = write_table(rng, used_columns(rng, base), base)
        patterns = distinct_patterns(rng.sample(usable, min(len(usable), rng.randint(1, 5))))
        own_points = False
        values = [round(0.5 + 0.05 * i, 12) for i in range(10)]
        if kind == "grid":
            own_points = rng.random() < 0.12
            if not own_points:
                argv += ["--pattern", ",".join(patterns)]
                if rng.random() < 0.9:
                    text = random_sparsity_list(rng)
                    argv += ["--sparsity", text]
                    values = oracle.parse_number_list(text, oracle.parse_fraction)
        else:
            patterns = oracle.DEFAULT_PATTERNS.split(",")
            if rng.random() < 0.4:
                values = [0.9]
                argv += ["--sparsity", "90%"]
        default = kind == "default grid" and "--sparsity" not in argv
        if own_points or (rng.random() < 0.4 and not default):
            rows, columns = random_accuracy(rng, patterns, values, own_points)
            if rows:
                files["accuracy.csv"] = write_table(rng, columns, rows)
                argv += ["--accuracy", "accuracy.csv"]
                if rng.random() < 0.3:
                    argv += ["--assume-uniform"]
            elif own_points:
                argv += ["--pattern", ",".join(patterns)]

    if rng.random() < 0.5:
        argv += ["--batch", rng.choice(("1", "8", "1,8", "1,7,64", "2,256", "1,5,9"))]
        if rng.random() < 0.04:
            argv[-1] = "1:9:4"             # a range, as for any list of numbers
    if rng.random() < 0.35:
        argv += ["--residency", rng.choice(("dram", "warm", "cold", "network"))]
    if rng.random() < 0.15:
        argv += ["--ideal-tiles"]
    if rng.random() < 0.3:
        argv += ["--fusion", rng.choice(("epilogue", "epilogue", "none"))]
    if rng.random() < 0.25:
        for item in random_sets(rng, machine):
            argv += ["--set", item]
    files["machine.json"] = json.dumps(machine, indent=1).encode("utf-8")
    head = ["analyze", "model.csv", "--machine", "./machine.json", "--format", "json", "--no-save"]
    return Case(files, head + argv)


def without(argv, option):
    """argv without an option that has a value."""
    if option not in argv:
        return argv
    at = argv.index(option)
    return argv[:at] + argv[at + 2:]


def random_types(rng, engine):
    """Text of types that this engine type multiplies."""
    weights = list(oracle.SCALED) + list(oracle.BLOCKS)
    weights += ["%s/%d" % (t, some(rng, 1, 1000)) for t in oracle.SCALED]
    narrower = [d for d in DTYPES if oracle.VALUE_BYTES[d] < oracle.VALUE_BYTES[engine]]
    w, x = rng.choice(weights), engine
    if narrower and rng.random() < 0.4:
        w, x = rng.choice(((rng.choice(narrower), engine), (engine, rng.choice(narrower))))
    elif rng.random() < 0.2:
        w = engine
    parts = [engine] if rng.random() < 0.2 else []
    parts += ["w:" + w, "x:" + x]
    if rng.random() < 0.6:
        parts.append("y:" + rng.choice(DTYPES + ("i32",)))
    return ",".join(parts)


def typed(rng, case):
    """The case's command with types of its own for each operand, for the dense side, or both."""
    machine = json.loads(case.files["machine.json"].decode("utf-8"))
    usual = machine.get("default_dtype", "f32")
    engine = case.argv[case.argv.index("--dtype") + 1] if "--dtype" in case.argv else usual
    argv, which = case.argv, rng.random()
    if which < 0.75:
        argv = without(argv, "--dtype") + ["--dtype", random_types(rng, engine)]
    if which > 0.4:
        other = rng.choice([d for d in DTYPES if takes(machine, "dense", d)])
        argv = argv + ["--against",
                       other if rng.random() < 0.6 else random_types(rng, other)]
    return argv


def skipping(rng, case):
    """The case whose variants skip zeros of X: numbers, those of the table, or both. Its table
    says them of some layers, of a variant's own too."""
    rows = oracle.read_csv_text(case.files["model.csv"].decode("utf-8-sig"))
    own = rng.random() < 0.5
    for row in rows:
        row["activation_sparsity"] = (spell_sparsity(rng, rng.choice((0, 0.3, 0.9, 1)))
                                      if own and rng.random() < 0.6 else "")
    values = [spell_sparsity(rng, random_sparsity(rng)) for _ in range(rng.randint(1, 3))]
    if rng.random() < 0.1:
        values.append("0:0.9:0.45")
    first = {}
    for row in rows:
        first.setdefault(row["layer"], row)
    prunable = {name for name, row in first.items() if oracle.Layer(row).prunable}
    if any(r["layer"] in prunable and oracle.parse_fraction(r["activation_sparsity"] or "0") > 0
           for r in rows):
        values.append("table")
    rng.shuffle(values)
    files = dict(case.files)
    files["model.csv"] = write_table(rng, list(rows[0]), rows)
    return Case(files, case.argv + ["--activation-sparsity", ",".join(values)])


# --------------------------------------------------------------------------
# Comparing
# --------------------------------------------------------------------------

# Keys that are whole numbers whenever the oracle says so: no tolerance.
EXACT = ("batch", "flops_issued", "bytes_weight_values", "bytes_weight_index", "bytes_y")
NOT_COMPARED = ("reason", "layers")


def is_number(x):
    return isinstance(x, (int, float)) and not isinstance(x, bool)


def near(a, b, tolerance=TOLERANCE):
    return abs(a - b) <= tolerance * max(abs(a), abs(b))


def same(key, want, got):
    if not is_number(want):
        return type(want) is type(got) and want == got
    if not is_number(got) or not math.isfinite(got):
        return False
    if want == 0 or (key in EXACT and float(want).is_integer() and abs(want) < 2 ** 53):
        return got == want
    if key == "nnz" and isinstance(want, int):
        return got == want
    return near(want, got)


def same_break_even(detail, want, got):
    """1e-9, or one cell beside it when the time there is equal within rounding."""
    if same("break_even_sparsity", want, got):
        return True
    if detail is None or (got is not None and not is_number(got)):
        return False
    total, c, limit = detail["cells"], detail["c"], detail["limit"]
    other = -1 if got is None else int(round((1.0 - got) * total))
    if abs(other - c) != 1 or (got is not None and not near(1.0 - other / total, got)):
        return False
    return near(detail["time"](max(other, c)), limit, 2e-12)


def as_expanded(want, got):
    """Ways to expand that are as fast within rounding: the one that the program took."""
    if want["execution"] != "expanded":
        return want
    for way in want["_also"]:
        if (way["engine"], way["executed_as"]) == (got.get("engine"), got.get("executed_as")):
            return dict(want, engine=way["engine"], executed_as=way["executed_as"],
                        flops_issued=way["flops_issued"], _bound_ok=way["bound_ok"])
    return want


def compare_entries(want, got, extra):
    """[(key, expected, got)] for the keys of one object."""
    out = []
    for key, value in want.items():
        if key.startswith("_") or key in NOT_COMPARED:
            continue
        if key not in got:
            out.append((key, value, "(missing)"))
        elif key in extra:
            if not extra[key](value, got[key]):
                out.append((key, value, got[key]))
        elif not same(key, value, got[key]):
            out.append((key, value, got[key]))
    return out


def compare(want, got):
    """[(variant, layer, key, expected, got)] between the oracle and the program."""
    out = []
    for key in ("schema", "schema_version", "flops_per_mac"):
        if got.get(key) != want[key]:
            out.append(("", "", key, want[key], got.get(key)))
    for a, b in zip(want["layers"], got.get("layers", [])):
        if a["layer"] != b.get("layer"):
            out.append(("", a["layer"], "layers[].layer", a["layer"], b.get("layer")))
        elif a["x_elements"] and a["x_elements"] != b.get("x_elements"):
            out.append(("", a["layer"], "layers[].x_elements", a["x_elements"],
                        b.get("x_elements")))
    if len(want["layers"]) != len(got.get("layers", [])):
        out.append(("", "", "layers", len(want["layers"]), len(got.get("layers", []))))
    names = [(v["variant"], v["batch"]) for v in want["variants"]]
    found = [(v.get("variant"), v.get("batch")) for v in got.get("variants", [])]
    if names != found:
        first = next((i for i, (a, b) in enumerate(zip(names, found)) if a != b),
                     min(len(names), len(found)))
        out.append(("", "", "variants (%d expected, %d got; entry %d)"
                    % (len(names), len(found), first),
                    names[first:first + 3], found[first:first + 3]))
        return out
    for a, b in zip(want["variants"], got["variants"]):
        name = "%s batch %d" % (a["variant"], a["batch"])
        extra = {"pareto": lambda x, y, ok=a["_pareto_ok"]: y in ok and type(y) is type(x)}
        for item in compare_entries(a, b, extra):
            out.append((name, "") + item)
        theirs = b.get("layers") or []
        if [x["layer"] for x in a["layers"]] != [x.get("layer") for x in theirs]:
            out.append((name, "", "layers", [x["layer"] for x in a["layers"]],
                        [x.get("layer") for x in theirs]))
            continue
        for x, y in zip(a["layers"], theirs):
            x = as_expanded(x, y)
            extra = {
                "bound": lambda p, q, ok=x["_bound_ok"]: q in ok,
                "break_even_sparsity":
                    lambda p, q, detail=x["_break_even"]: same_break_even(detail, p, q)}
            for item in compare_entries(x, y, extra):
                out.append((name, x["layer"]) + item)
            if not isinstance(y.get("reason"), str) or not y["reason"]:
                out.append((name, x["layer"], "reason", "a line of words", y.get("reason")))
    return out


def properties(record, machine, options):
    """What holds for any record, on the program's own figures."""
    residency, execution = options.residency, options.execution
    same_types = options.against is None
    out = []

    def need(truth, variant, layer, what, bound, value):
        if not truth:
            out.append((variant, layer, what, bound, value))

    rates = {e.name: e.rate.value for e in machine.engines}
    for v in record["variants"]:
        name = "%s batch %s" % (v["variant"], v["batch"])
        for key in ("activation_ceiling", "amdahl_ceiling"):
            if v[key] is not None:
                need(v["speedup"] <= v[key] * (1 + 1e-9), name, "", "speedup <= " + key,
                     v[key], v["speedup"])
        need(not same_types or v["speedup_mixed"] >= 1 - 1e-12, name, "", "speedup_mixed >= 1",
             1, v["speedup_mixed"])
        need(v["speedup_mixed"] >= v["speedup"] * (1 - 1e-12), name, "",
             "speedup_mixed >= speedup", v["speedup"], v["speedup_mixed"])
        need(v["speedup_low"] <= v["speedup"] <= v["speedup_high"], name, "",
             "low <= speedup <= high", [v["speedup_low"], v["speedup_high"]], v["speedup"])
        need(near(v["speedup"], v["dense_time_s"] / v["time_s"]), name, "",
             "speedup = dense_time_s / time_s", v["dense_time_s"] / v["time_s"], v["speedup"])
        if v["density"] is not None and v["speedup_prunable"] is not None:
            need(near(v["efficiency_kept"], v["speedup_prunable"] * v["density"]), name, "",
                 "efficiency_kept = speedup_prunable x density",
                 v["speedup_prunable"] * v["density"], v["efficiency_kept"])
        if execution == "best":
            need(not same_types or v["speedup"] >= 1 - 1e-12, name, "", "speedup >= 1", 1,
                 v["speedup"])
            need(v["speedup_mixed"] == v["speedup"], name, "", "speedup_mixed = speedup",
                 v["speedup"], v["speedup_mixed"])
        for x in v["layers"]:
            # Fewer occurrences of a smaller layer may share as many calls.
            like_dense = same_types and not x["pattern"].startswith("smaller")
            for key in ("native_s", "expanded_s") + ("dense_time_s",) * like_dense:
                if x[key] is not None and (execution == "best" or key == "native_s"):
                    need(x["time_s"] <= x[key] * (1 + 1e-11), name, x["layer"],
                         "time_s <= " + key, x[key], x["time_s"])
            bound = x["flops_issued"] / rates[x["engine"]]
            need(x["time_s"] >= bound * (1 - 1e-12), name, x["layer"],
                 "time_s >= flops_issued / P", bound, x["time_s"])
            if residency == "dram":
                bound = x["bytes"] / machine.memory[-1].rate.value
                need(x["time_s"] >= bound * (1 - 1e-12), name, x["layer"],
                     "time_s >= bytes / B", bound, x["time_s"])
            if x["bytes"]:
                need(near(x["oi_flop_per_byte"], x["flops_useful"] / x["bytes"]), name,
                     x["layer"], "oi = flops_useful / bytes", x["flops_useful"] / x["bytes"],
                     x["oi_flop_per_byte"])
            if x["tau"] is not None:
                need(0 <= x["tau"] <= 1, name, x["layer"], "0 <= tau <= 1", "0..1", x["tau"])
            parts = [x["bytes_weight_values"], x["bytes_weight_index"], x["bytes_x"],
                     x["bytes_y"]]
            if None not in parts:
                need(near(sum(parts), x["bytes"]), name, x["layer"], "bytes = sum of its parts",
                     sum(parts), x["bytes"])
    return out


def doubling_sets(machine_json):
    """--set options that double every rate and halve the overhead."""
    m = json.loads(machine_json.decode("utf-8"))
    out = []
    for e in m["engines"]:
        if oracle.Rate(e["flops_per_s"]).value is not None:
            out += ["--set", "engine.%s.flops_per_s=2x" % e["name"]]
    for l in m["memory"]:
        if oracle.Rate(l["bytes_per_s"]).value is not None:
            out += ["--set", "memory.%s.bytes_per_s=2x" % l["level"]]
    if oracle.Rate(m["overhead_s"]).value:
        out += ["--set", "overhead_s=0.5x"]
    return out


def compare_doubled(once, twice):
    out = []
    for a, b in zip(once["variants"], twice["variants"]):
        name = "%s batch %s" % (a["variant"], a["batch"])
        for key in ("time_s", "dense_time_s"):
            if not near(a[key] / 2, b[key]):
                out.append((name, "", key + " with doubled rates", a[key] / 2, b[key]))
        if not near(a["speedup"], b["speedup"]):
            out.append((name, "", "speedup with doubled rates", a["speedup"], b["speedup"]))
        for x, y in zip(a["layers"], b["layers"]):
            if not near(x["time_s"] / 2, y["time_s"]):
                out.append((name, x["layer"], "time_s with doubled rates", x["time_s"] / 2,
                            y["time_s"]))
    return out


# --------------------------------------------------------------------------
# Running
# --------------------------------------------------------------------------

def run_program(program, argv, directory):
    """(record or None, message)"""
    env = dict(os.environ, NO_COLOR="1")
    try:
        p = subprocess.run([program] + argv, cwd=directory, env=env, stdout=subprocess.PIPE,
                           stderr=subprocess.PIPE, timeout=120)
    except subprocess.TimeoutExpired:
        return None, "no answer within 120 s"
    except OSError as e:
        return None, "cannot run the program: %s" % e
    message = p.stderr.decode("utf-8", "replace")
    if p.returncode != 0:
        return None, "exit %d: %s" % (p.returncode, message.strip())

    def refuse(word):
        raise ValueError("%s is not JSON" % word)
    try:
        return json.loads(p.stdout.decode("utf-8"), parse_constant=refuse), message
    except ValueError as e:
        return None, "stdout is not a record: %s" % e


def run_oracle(argv, directory):
    before = os.getcwd()
    os.chdir(directory)
    try:
        return oracle.run(argv)
    finally:
        os.chdir(before)


def settled(argv, directory):
    """Drop --residency or --fusion where it leaves a layer no time at all (a near level
    without a rate, nothing beyond it; nothing but Y): no ratio is defined there."""
    for option in ("--residency", "--fusion"):
        if option in argv and any(
                0 in (x["time_s"], x["dense_time_s"])
                for v in run_oracle(argv, directory)["variants"] for x in v["layers"]):
            argv = without(argv, option)
    return argv


def check_run(program, argv, files, directory):
    """(record, differences) of one command."""
    want = run_oracle(argv, directory)
    options = want["_options"]
    if program is None:
        got = json.loads(json.dumps(oracle.public(want)))
    else:
        got, message = run_program(program, argv, directory)
        if got is None:
            return None, [("", "", "the command", "a record", message)]
        extra = sorted(set(os.listdir(directory)) - set(files))
        if extra:
            return got, [("", "", "files written with --no-save", "none", extra)]
    differences = compare(want, got)
    try:
        differences += properties(got, want["_machine"], options)
    except (KeyError, TypeError, ZeroDivisionError) as e:
        differences.append(("", "", "properties", "a complete record",
                            "%s: %s" % (type(e).__name__, e)))
    return got, differences


def show(value):
    return repr(value) if isinstance(value, float) else json.dumps(value, ensure_ascii=False)


def main():
    a = argparse.ArgumentParser(description="Random cases of `sproof analyze` against the oracle.")
    a.add_argument("--sproof", default=os.path.join(HERE, "..", "..", "build", "sproof"),
                   help="the program (default: build/sproof of this source tree)")
    a.add_argument("--seed", type=int, default=1)
    a.add_argument("--cases", type=int, default=500)
    a.add_argument("--case", type=int, help="only this case")
    a.add_argument("--keep", help="leave the files of failing cases (or of --case) here")
    a.add_argument("--max-failures", type=int, default=5, help="stop after so many failing cases")
    a.add_argument("--show", type=int, default=8, help="differences printed per case")
    a.add_argument("--oracle-only", action="store_true",
                   help="make the cases and check the oracle's own record; no program")
    opt = a.parse_args()

    program = None
    if not opt.oracle_only:
        program = os.path.abspath(opt.sproof)
        if not os.access(program, os.X_OK):
            print("no program at %s; build it or give --sproof" % program, file=sys.stderr)
            return 2

    failures = figures = variants = doubled = with_types = with_zeros = 0
    cases = [opt.case] if opt.case is not None else range(opt.cases)
    done = 0
    for i in cases:
        rng = random.Random("sproof %d %d" % (opt.seed, i))
        case = make_case(rng)
        again = rng.random() < 0.2 and "--set" not in case.argv
        directory = tempfile.mkdtemp(prefix="sproof-random-")
        try:
            case.write(directory)
            case.argv = settled(case.argv, directory)
            argv = case.argv
            record, differences = check_run(program, argv, case.files, directory)
            if record is not None:
                variants += len(record.get("variants", []))
                figures += sum(len(v) + sum(len(x) for x in v.get("layers") or [])
                               for v in record.get("variants", []))
            if again and not differences:
                argv = case.argv + doubling_sets(case.files["machine.json"])
                twice, differences = check_run(program, argv, case.files, directory)
                if not differences:
                    differences = compare_doubled(record, twice)
                doubled += 1
            types = random.Random("types %d %d" % (opt.seed, i))
            if types.random() < 0.5 and not differences:
                argv = settled(typed(types, case), directory)
                differences = check_run(program, argv, case.files, directory)[1]
                with_types += 1
            zeros = random.Random("zeros of X %d %d" % (opt.seed, i))
            if zeros.random() < 0.4 and not differences:
                case = skipping(zeros, case)
                case.write(directory)
                argv = settled(case.argv, directory)
                differences = check_run(program, argv, case.files, directory)[1]
                with_zeros += 1
            done += 1
            if differences:
                failures += 1
                print("case %d of seed %d: %d differences" % (i, opt.seed, len(differences)))
                print("  sproof " + " ".join(argv))
                for variant, layer, key, want, got in differences[:opt.show]:
                    where = " / ".join(x for x in (variant, layer) if x)
                    print("  %s%s\n      expected %s\n      got      %s"
                          % (where + ": " if where else "", key, show(want),
                             got if isinstance(got, str) else show(got)))
                if len(differences) > opt.show:
                    print("  ... and %d more" % (len(differences) - opt.show))
                print("  again: test_random.py --seed %d --case %d --keep DIRECTORY"
                      % (opt.seed, i))
            if opt.keep and (differences or opt.case is not None):
                target = os.path.join(opt.keep, "seed%d-case%d" % (opt.seed, i))
                os.makedirs(target, exist_ok=True)
                case.write(target)
                with open(os.path.join(target, "command"), "w", encoding="utf-8") as f:
                    f.write("sproof " + " ".join(argv) + "\n")
                print("  files in " + target)
        finally:
            shutil.rmtree(directory, ignore_errors=True)
        if failures >= opt.max_failures:
            break
    print("random cases: %d run (seed %d), %d variants, %d figures, %d run again with doubled "
          "rates, %d with other types, %d that skip zeros of X; %s"
          % (done, opt.seed, variants, figures, doubled, with_types, with_zeros,
             "%d cases differ" % failures if failures else "all equal"))
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
