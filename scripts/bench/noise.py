#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Are times right beside a neighbour? The same cases are validated alone and beside a program that
copies memory for a share of the time, on the same CPU or on the next one.

    noise.py --sproof PATH [--duties 0,25,50,75,100] [--seed N]

Prints, for each place and duty: cases that were conclusive, how far their times and speedups are
from those of the run alone (of the cases that were conclusive there), and the same of the ordinary
medians. Pinned to one CPU; it needs two.
"""
import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

SHAPES = ((768, 768, 64), (256, 1024, 32), (640, 960, 33), (288, 1152, 64), (512, 512, 128))
PATTERNS = "csr,4x1,16x16"
SPARSITIES = "0.8,0.93"
PERIOD_S = 0.01


def disturb(cpu, duty):
    """Never returns: copies 4 MiB to and fro for `duty` of each period."""
    os.sched_setaffinity(0, {cpu})
    source, target = bytearray(4 << 20), bytearray(4 << 20)
    while True:
        begin = time.perf_counter()
        while time.perf_counter() - begin < duty * PERIOD_S:
            target[:] = source
        time.sleep(max(0.0, PERIOD_S - (time.perf_counter() - begin)))


def validate(program, folder, name, cpu, seed):
    record = folder / f"{name}.json"
    command = [program, "validate", str(folder / "net.csv"), "--pattern", PATTERNS, "--sparsity",
               SPARSITIES, "--threads", "1", "--seed", seed, "--quiet", "-o", str(record)]
    done = subprocess.run(command, stdout=subprocess.DEVNULL, check=False,
                          preexec_fn=lambda: os.sched_setaffinity(0, {cpu}))
    if done.returncode not in (0, 3):
        raise SystemExit(f"{' '.join(command)}: status {done.returncode}")
    return json.loads(record.read_text())["cases"]


def quantile(values, share):
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else float("nan")


def report(name, alone, cases):
    times, medians, speedups, conclusive = [], [], [], 0
    for base, case in zip(alone, cases):
        usable = not base["inconclusive"]
        conclusive += not case["inconclusive"]
        if usable:
            median = case["measured"]["median_s"] / base["measured"]["time_s"] - 1
            medians.append(abs(median))
        if usable and not case["inconclusive"]:
            times.append(abs(case["measured"]["time_s"] / base["measured"]["time_s"] - 1))
            speedups.append(abs(case["measured_speedup"] / base["measured_speedup"] - 1))
    within = sum(t <= 0.03 for t in times)
    middle = statistics.median(speedups) if speedups else float("nan")
    print(f"{name:22} {conclusive:3}/{len(cases)} {within:7}/{len(times)} "
          f"{100 * quantile(times, 0.95):9.1f} % {100 * middle:9.1f} % "
          f"{100 * quantile(medians, 0.5):9.1f} %", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sproof", required=True)
    parser.add_argument("--duties", default="25,50,75,100")
    parser.add_argument("--seed", default="1")
    arguments = parser.parse_args()
    cpus = sorted(os.sched_getaffinity(0))
    if len(cpus) < 2:
        print("SKIP: one CPU only", file=sys.stderr)
        return 77
    with tempfile.TemporaryDirectory() as scratch:
        folder = pathlib.Path(scratch)
        os.environ["XDG_CACHE_HOME"] = scratch
        rows = [f"l{i},{m},{k},{n}\n" for i, (m, k, n) in enumerate(SHAPES)]
        (folder / "net.csv").write_text("layer,m,k,n\n" + "".join(rows))
        subprocess.run([arguments.sproof, "probe", "--quick", "--quiet"], check=True,
                       stdout=subprocess.DEVNULL,
                       preexec_fn=lambda: os.sched_setaffinity(0, {cpus[0]}))
        print(f"{'neighbour':22} conclusive within 3 %   95 % within  speedups   medians off")
        alone = validate(arguments.sproof, folder, "alone", cpus[0], arguments.seed)
        again = validate(arguments.sproof, folder, "again", cpus[0], arguments.seed)
        report("none, once more", alone, again)
        for place, cpu in (("same CPU", cpus[0]), ("next CPU", cpus[1])):
            for duty in arguments.duties.split(","):
                child = os.fork()
                if child == 0:
                    disturb(cpu, float(duty) / 100)
                try:
                    cases = validate(arguments.sproof, folder, "beside", cpus[0], arguments.seed)
                finally:
                    os.kill(child, 9)
                    os.waitpid(child, 0)
                report(f"{place}, {duty} %", alone, cases)
    return 0


if __name__ == "__main__":
    sys.exit(main())
