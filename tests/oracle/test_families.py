#!/usr/bin/env python3
"""Random networks on machines with kernel families: expected times against the oracle.

    test_families.py [--seed S] [--cases N] [--case I] [--sproof PATH/TO/sproof]

Case I of seed S is always the same.  Shipped machines, and in some cases their families
with other constants, other forms and zeros that are multiplied.

Exit status: 0 all equal, 1 differences, 2 no program or wrong usage.
"""
import argparse
import copy
import json
import os
import random
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.dont_write_bytecode = True
sys.path.insert(0, HERE)
import oracle_families  # noqa: E402
import test_random as base  # noqa: E402

MACHINES = ("a100-pcie-80gb", "rtx-4090", "h100-sxm.measured", "h100-sxm.measured",
            "a100-sxm-80gb", "h100-pcie", "h200-sxm")
DATA = os.path.join(HERE, "..", "..", "data", "machines")
PATTERNS = ("2:4", "2:4", "csr", "16x16", "32x32", "64x64", "4x4", "1:4", "bitmask", "csr16")
COLUMNS = ("expected_time_s", "expected_dense_time_s", "expected_speedup")


def shipped(name):
    with open(os.path.join(DATA, name + ".json"), encoding="utf-8") as f:
        return json.load(f)


def roofline(family):
    constants = family["constants"]
    family["form"] = "roofline"
    family["constants"] = {"call_s": constants["call_s"], "peak": constants.get("peak", 0.7),
                           "memory": constants.get("memory", 0.8)}


def altered(rng, machine):
    """Other constants; now and then another form or zeros that are multiplied."""
    families = machine["kernels"] = copy.deepcopy(machine["kernels"])
    for family in families:
        for name in family["constants"]:
            family["constants"][name] *= rng.uniform(0.5, 2)
        if rng.random() < 0.3 and "cache_bytes_per_s" in family["constants"]:
            family["constants"]["cache_bytes_per_s"] *= 20      # so that the engine binds
        if rng.random() < 0.15:
            roofline(family)
    dense = rng.choice([f for f in families if f["pattern"] == "dense"])
    as_dense = dict(copy.deepcopy(dense), pattern=rng.choice(("csr", "4x4", "2:4")), as_dense=True)
    families.append(as_dense)
    rng.shuffle(families)
    if rng.random() < 0.3:
        machine["memory"][0]["bytes"] = None
    return machine


def make_case(rng):
    machine = shipped(rng.choice(MACHINES))
    families = oracle_families.families_of(machine, shipped)
    if isinstance(machine["kernels"], list) and rng.random() < 0.4:
        machine = altered(rng, machine)
        families = oracle_families.families_of(machine, shipped)
    types = sorted({t for f in families for t in f.dtypes})
    dtype = rng.choice(types + ["f16", "i8,y:i32" if "i8" in types else "f16,y:f32", "w:i4,x:f16"])
    rows = base.random_layers(rng)
    for row in rows:
        if row["op"] == "conv" and rng.random() < 0.6:
            row["groups"] = ""
    argv = ["analyze", "model.csv", "--machine", "./machine.json", "--dtype", dtype, "--pattern",
            ",".join(base.distinct_patterns(rng.sample(PATTERNS, rng.randint(1, 3)))),
            "--sparsity", rng.choice(("0.5,0.9", "0,0.8", "0.95", "0.6,0.999,1")),
            "--batch", rng.choice(("1", "1", "3", "32", "2,8"))]
    if rng.random() < 0.8:
        argv += ["--residency", rng.choice(("dram", "warm", "cold", "network", "network"))]
        if rng.random() < 0.15:
            argv += ["--execution", "native"]
    if rng.random() < 0.3:
        argv += ["--fusion", "epilogue"]
    if rng.random() < 0.1:
        argv += ["--set", "memory.DRAM.bytes_per_s=2x"]
    argv += ["--format", "json", "--no-save", "--layers", "--quiet"]
    files = {"model.csv": base.write_table(rng, base.used_columns(rng, rows), rows),
             "machine.json": json.dumps(machine).encode("utf-8")}
    return base.Case(files, argv), machine, families


def residency_of(argv, machine, families):
    """Where none is asked for: network if every rate of the memory is known."""
    if "--residency" in argv:
        return argv[argv.index("--residency") + 1]
    known = all(oracle_families.oracle.Rate(l["bytes_per_s"]).value is not None
                for l in machine["memory"])
    dtype = argv[argv.index("--dtype") + 1]
    known = known and "--set" not in argv
    return "network" if known and oracle_families.any_dense(families, dtype) else "dram"


def wanted(case, machine, families, directory):
    residency = residency_of(case.argv, machine, families)
    argv = [a for a in base.without(case.argv, "--residency") if a not in ("--quiet", "--layers")]
    record = base.run_oracle(argv + ["--residency", residency], directory)
    oracle_families.expect(record, machine, families, residency)
    return record


def differences(want, got):
    out = []
    for a, b in zip(want["variants"], got["variants"]):
        name = "%s batch %d" % (a["variant"], a["batch"])
        pairs = [("network", a, b)] + [(x["layer"], x, y)
                                       for x, y in zip(a["layers"], b["layers"])]
        for where, x, y in pairs:
            for key in COLUMNS + ("time_s",):
                if key in y and key in x and not base.same(key, x[key], y[key]):
                    out.append((name, where, key, x[key], y[key]))
    return out


def main():
    a = argparse.ArgumentParser(description="Expected times of kernel families, by the oracle.")
    a.add_argument("--sproof", default=os.path.join(HERE, "..", "..", "build", "sproof"))
    a.add_argument("--seed", type=int, default=1)
    a.add_argument("--cases", type=int, default=150)
    a.add_argument("--case", type=int, help="only this case")
    opt = a.parse_args()
    program = os.path.abspath(opt.sproof)
    if not os.access(program, os.X_OK):
        print("no program at %s; build it or give --sproof" % program, file=sys.stderr)
        return 2
    failures = figures = nothing = 0
    for i in [opt.case] if opt.case is not None else range(opt.cases):
        rng = random.Random("families %d %d" % (opt.seed, i))
        case, machine, families = make_case(rng)
        with tempfile.TemporaryDirectory(prefix="sproof-families-") as directory:
            case.write(directory)
            try:
                want = wanted(case, machine, families, directory)
            except oracle_families.oracle.OracleError:
                case.argv = base.without(case.argv, "--execution")
                want = wanted(case, machine, families, directory)
            got, message = base.run_program(program, case.argv, directory)
        found = differences(want, got) if got else [("", "", "the command", "a record", message)]
        times = [x["expected_time_s"] for v in want["variants"] for x in v["layers"]]
        figures += len(times)
        nothing += times.count(None)
        failures += bool(found)
        for variant, layer, key, x, y in found[:8]:
            print("case %d, %s on %s, %s / %s: %s expected %r, got %r"
                  % (i, " ".join(case.argv[4:]), machine["name"], variant, layer, key, x, y))
        if failures >= 5:
            break
    print("families: seed %d, %d times of layers, %d of them unknown; %s"
          % (opt.seed, figures, nothing, "%d cases differ" % failures if failures else "all equal"))
    return 1 if failures or nothing == figures else 0


if __name__ == "__main__":
    sys.exit(main())
