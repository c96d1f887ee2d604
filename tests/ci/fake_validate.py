#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Stands in for `sproof validate`: a validation record whose times are made up.

  fake_validate.py validate ANALYSIS ... -o FILE

The environment says what the machine is like: FAKE_SPARSE and FAKE_DENSE multiply the times
(a list such as 1.5,1 is worked off from run to run, the last stays), FAKE_NOISE is the
relative deviation of one sample, FAKE_RUNS a file that counts the runs.
"""
import json
import os
import random
import statistics
import sys

SAMPLES = 40


def this_run():
    path = os.environ["FAKE_RUNS"]
    run = int(open(path).read()) if os.path.exists(path) else 0
    with open(path, "w") as file:
        file.write(str(run + 1))
    return run


def setting(name, run, default):
    values = os.environ.get(name, default).split(",")
    return float(values[min(run, len(values) - 1)])


def measured(rng, time_s, noise):
    samples = [time_s * max(0.05, rng.gauss(1, noise)) for _ in range(SAMPLES)]
    median = statistics.median(samples)
    draws = sorted(
        statistics.median(rng.choices(samples, k=SAMPLES)) for _ in range(200))
    return {
        "median_s": median,
        "low_s": draws[5],
        "high_s": draws[194],
        "mad_s": statistics.median(abs(s - median) for s in samples),
        "outliers": 0,
        "samples": samples,
    }


def case_of(rng, layer, variant, run):
    noise = setting("FAKE_NOISE", run, "0.01")
    sparse_s = 1e-3 * setting("FAKE_SPARSE", run, "1")
    # A real kernel is not slow everywhere: layers called "slow" alone take the factor.
    sparse_s = sparse_s if layer["layer"].startswith("slow") else 1e-3
    sparse = measured(rng, sparse_s * setting("FAKE_DENSE", run, "1"), noise)
    dense = measured(rng, 4e-3 * setting("FAKE_DENSE", run, "1"), noise)
    return {
        "layer": layer["layer"], "variant": variant["variant"],
        "m": layer["m"], "k": layer["k"], "n": layer["n"], "count": layer["count"],
        "pattern": variant["pattern"], "sparsity": variant["sparsity"],
        "nnz": 1, "kept": 1, "mask": "random", "isa": "scalar", "threads": 1,
        "residency": "network", "kernel": "fake",
        "bound_s": None, "expected_s": None, "expected_bound": None,
        "measured": sparse, "fraction_of_bound": None,
        "dense": {"kernel": "fake", "bound_s": None, "expected_s": None,
                  "measured": dense, "fraction_of_bound": None},
        "bound_speedup": None, "expected_speedup": None,
        "measured_speedup": dense["median_s"] / sparse["median_s"],
        "error": None, "speedup_error": None, "max_error_ratio": 0,
        "above_roof": False,
        "inconclusive": sparse["high_s"] - sparse["low_s"] > 0.1 * sparse["median_s"],
    }


def main(arguments):
    run = this_run()
    rng = random.Random(1000 + run)
    with open(arguments[1]) as file:
        analysis = json.load(file)
    cases = [case_of(rng, layer, variant, run)
             for variant in analysis["variants"] for layer in analysis["layers"]]
    record = {key: analysis[key] for key in
              ("tool", "created", "command", "input", "machine", "options", "flops_per_mac")}
    record.update(schema="sproof/validation", schema_version=1, seed=1, drift=0,
                  peak_flops_per_s=1e10, openblas_core=None, interrupted=False, cases=cases,
                  not_measured=[], summary=None, summaries=[])
    with open(arguments[arguments.index("-o") + 1], "w") as file:
        json.dump(record, file)
    return 3 if any(case["inconclusive"] for case in cases) else 0


sys.exit(main(sys.argv[1:]) if len(sys.argv) > 2 else 2)
