#!/usr/bin/env python3
"""The fixed reference table: known figures of one layer on an A100-like machine.

    test_reference.py [--sproof PATH/TO/sproof] [--oracle-only]

One linear layer, m = 3072, k = 768, f16, DRAM 1555e9 B/s.  Every figure below
must come out of the program and of the oracle, to every digit written here: with the
engines that take each pattern, and with the best execution.
"""
import argparse
import json
import os
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.dont_write_bytecode = True
sys.path.insert(0, HERE)
import sproof_oracle  # noqa: E402

MACHINE = {
    "schema": "sproof/machine", "schema_version": 1, "name": "reference", "kind": "gpu",
    "default_dtype": "f16",
    "engines": [
        {"name": "tensor", "dtypes": ["f16"], "flops_per_s": 312e12,
         "accepts": ["dense", "block"]},
        {"name": "sparse-tensor", "dtypes": ["f16"], "flops_per_s": 312e12,
         "accepts": ["2:4", {"pattern": "1:4", "as": "2:4"}]},
        {"name": "simt", "dtypes": ["f16"], "flops_per_s": 19.5e12, "accepts": ["csr"]}],
    "memory": [{"level": "DRAM", "bytes_per_s": 1555e9}],
    "overhead_s": None,
}

VARIANTS = ("csr@0.8", "4x4@0.8", "32x32@0.8", "csr@0.9", "4x4@0.9", "32x32@0.9",
            "2:4@0.5", "1:4@0.75")

# n: dense microseconds, what bounds dense, speedups in the order of VARIANTS
TABLE = {
    197: ("4.007", "DRAM",
          "0.420 2.417 2.534 0.841 3.044 3.139 1.495 1.495"),
    12608: ("190.680", "compute",
            "0.313 3.029 3.033 0.625 3.045 3.047 2.000 2.000"),
    50432: ("762.718", "compute",
            "0.313 3.054 3.055 0.625 3.058 3.058 2.000 2.000"),
}
DENSE_OI_197 = "149.17"
CSR_BREAK_EVEN_12608 = "0.9375"      # 1/16 of the dense peak, to the cell

# n: speedup and execution of the best, as what it is multiplied
BEST = {
    # csr and 1:4 with their own bytes, bound by dense FLOPs (2.979 us) and by DRAM (1.826 us)
    197: {"csr@0.8": ("1.345", "expanded", "dense"), "csr@0.9": ("1.345", "expanded", "dense"),
          "4x4@0.8": ("2.417", "native", None), "2:4@0.5": ("1.495", "native", None),
          "1:4@0.75": ("2.194", "expanded", "2:4"), "1:2@0.5": ("1.550", "expanded", "2:4"),
          "4:8@0.5": ("1.444", "expanded", "2:4"), "64:2:8@0.75": ("2.189", "expanded", "2:4")},
    50432: {"csr@0.8": ("1.000", "dense", "dense"), "4x4@0.8": ("3.054", "native", None),
            "2:4@0.5": ("2.000", "native", None), "1:4@0.75": ("2.000", "native", "2:4"),
            "1:2@0.5": ("2.000", "expanded", "2:4"), "4:8@0.5": ("1.333", "expanded", "2:4"),
            "64:2:8@0.75": ("3.052", "expanded", "2:4")},
}


def check(run, where):
    """run(argv) -> record.  Returns a list of differences."""
    wrong = []

    def same(what, got, want):
        if got != want:
            wrong.append("%s: %s: expected %s, got %s" % (where, what, want, got))

    with tempfile.TemporaryDirectory(prefix="sproof-reference-") as directory:
        machine = os.path.join(directory, "machine.json")
        with open(machine, "w", encoding="utf-8") as f:
            json.dump(MACHINE, f)

        # the same three points as three models, and as one model at three batches
        jobs = [(n, "1") for n in TABLE] + [(197, "1,64,256")]
        for n, batches in jobs:
            model = os.path.join(directory, "layer-%d.csv" % n)
            with open(model, "w", encoding="utf-8") as f:
                f.write("layer,m,k,n\nfc1,3072,768,%d\n" % n)
            record = run(["analyze", model, "--machine", machine, "--format", "json", "--no-save",
                          "--execution", "native", "--pattern", "csr,4x4,32x32,2:4,1:4,dense",
                          "--sparsity", "0.8,0.9", "--batch", batches])
            entries = {(v["variant"], v["batch"]): v for v in record["variants"]}
            for b in (int(x) for x in batches.split(",")):
                what = "n=%d batch %d" % (n, b)
                micro, bound, speedups = TABLE[n * b]
                dense = entries[("dense@0", b)]
                same(what + " dense us", "%.3f" % (dense["time_s"] * 1e6), micro)
                same(what + " dense bound", dense["layers"][0]["bound"], bound)
                same(what + " dense engine", dense["layers"][0]["engine"], "tensor")
                for name, want in zip(VARIANTS, speedups.split()):
                    v = entries[(name, b)]
                    layer = v["layers"][0]
                    same("%s %s speedup" % (what, name), "%.3f" % v["speedup"], want)
                    same("%s %s layer speedup" % (what, name), "%.3f" % layer["speedup"], want)
                    same("%s %s dense us" % (what, name),
                         "%.3f" % (v["dense_time_s"] * 1e6), micro)
                    if n * b == 197:
                        same("%s %s dense OI" % (what, name),
                             "%.2f" % layer["dense_oi_flop_per_byte"], DENSE_OI_197)
                    if n * b == 12608 and name.startswith("csr"):
                        same("%s %s break-even" % (what, name),
                             repr(float(layer["break_even_sparsity"])), CSR_BREAK_EVEN_12608)
        for n, variants in BEST.items():
            record = run(["analyze", os.path.join(directory, "layer-%d.csv" % n), "--machine",
                          machine, "--format", "json", "--no-save", "--pattern",
                          "csr,4x4,2:4,1:4,1:2,4:8,64:2:8", "--sparsity", "0.8,0.9"])
            entries = {v["variant"]: v for v in record["variants"]}
            for name, want in variants.items():
                layer = entries[name]["layers"][0]
                same("n=%d %s best" % (n, name), ("%.3f" % entries[name]["speedup"],
                                                  layer["execution"], layer["executed_as"]), want)
    return wrong


def run_tool(path):
    def run(argv):
        p = subprocess.run([path] + argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                           encoding="utf-8")
        if p.returncode != 0:
            raise RuntimeError("%s\nexit %d\n%s" % (" ".join([path] + argv), p.returncode,
                                                    p.stderr))
        return json.loads(p.stdout)
    return run


def main():
    a = argparse.ArgumentParser(description="Checks the reference table.")
    a.add_argument("--sproof", default=os.path.join(HERE, "..", "..", "build", "sproof"),
                   help="the program (default: build/sproof of this source tree)")
    a.add_argument("--oracle-only", action="store_true", help="do not run the program")
    opt = a.parse_args()

    sproof_oracle.self_test()
    wrong = check(sproof_oracle.run, "oracle")
    if not opt.oracle_only:
        if not os.access(opt.sproof, os.X_OK):
            print("no program at %s; build it or give --sproof" % opt.sproof, file=sys.stderr)
            return 2
        try:
            wrong += check(run_tool(os.path.abspath(opt.sproof)), "sproof")
        except (RuntimeError, ValueError, KeyError) as e:
            wrong.append("sproof: %s: %s" % (type(e).__name__, e))
    for line in wrong:
        print(line)
    print("reference table: %s" % ("%d differences" % len(wrong) if wrong else "all right"))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
