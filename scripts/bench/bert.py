#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""One encoder, end to end, in sproof and in other runtimes: PyTorch, ONNX Runtime, TVM,
DeepSparse. The same weights and input, the same threads, every output compared, each runtime in
a process of its own, timed in turns of random order. A time is the least call of all turns, and
conclusive when two turns agree within 2 %. No canaries decide here, unlike in sproof's own times
(src/host/README.md): calls of 10 ms and more are too long for them. A ratio with an inconclusive
time is marked with a question mark. The median of the turns' medians stands beside each time.

    scripts/bench/bert.py                          BERT-base, 128 tokens, 1 thread, then all
    scripts/bench/bert.py --weights DIR            a checkpoint: DIR/model.safetensors, config.json
    scripts/bench/bert.py --python torch=/usr/bin/python3    use what is installed there

Of a runtime's settings the fastest is kept. What it lacks comes from the Python package index
into the build folder; what cannot be had is left out and named. Wants a machine with nothing
else to do. Needs Python 3.10, its standard library, and a built sproof.
"""
from __future__ import annotations

import argparse
import csv
import dataclasses
import io
import json
import os
import pathlib
import random
import subprocess
import sys
from typing import TextIO

ROOT = pathlib.Path(__file__).resolve().parents[2]
HERE = pathlib.Path(__file__).resolve().parent / "bert"
sys.path.insert(0, str(HERE))

from pythons import GROUP, interpreters, note  # noqa: E402
from tables import report  # noqa: E402
from turns import (Sproof, Worker, cpu_flags, cpu_name, environment,  # noqa: E402
                   schedules, settings, tvm_setting)

MODEL = ROOT / "data" / "models" / "bert_base_seq128.csv"
TOLERANCE = 1e-3


def table(build: pathlib.Path, tokens: int, whole: bool) -> pathlib.Path:
    """BERT-base, of 128 tokens; whole: its feed-forward layers are pruned too."""
    if tokens != 128:
        raise RuntimeError(f"--tokens {tokens}: expected 128 without --weights")
    lines = MODEL.read_text("utf-8").splitlines()
    reader = csv.DictReader(line for line in lines if not line.startswith("#"))
    assert reader.fieldnames is not None
    text = io.StringIO()
    writer = csv.DictWriter(text, reader.fieldnames, lineterminator="\n")
    writer.writeheader()
    for row in reader:
        if row["op"] == "linear" and ".attention." not in row["layer"] and not whole:
            row["prunable"] = "0"
        writer.writerow(row)
    path = build / ("bert_base.csv" if whole else "bert_base_qkvo.csv")
    path.write_text(text.getvalue(), "utf-8")
    return path


# --- One run with a number of threads.

@dataclasses.dataclass
class Bench:
    options: argparse.Namespace
    pythons: dict[str, str]
    build: pathlib.Path
    model: pathlib.Path
    log: TextIO

    def helper(self, group: str, *arguments: str, threads: int = 1) -> None:
        subprocess.run([self.pythons[group], str(HERE / "worker.py"), *arguments], check=True,
                       stdout=self.log, stderr=self.log, env=environment(threads))

    def prepare(self) -> None:
        """The encoder's files."""
        group = "torch" if "torch" in self.pythons else next(iter(self.pythons))
        self.helper(group, "make", str(self.model), str(self.options.tokens),
                    str(self.options.weights or ""))
        if "torch" in self.pythons:
            note("writing the ONNX files")
            self.helper("torch", "export", str(self.model), str(self.options.tokens))

    def tune(self, threads: int) -> None:
        if "tvm" in self.pythons and self.options.tvm_trials:
            note(f"tuning TVM, {self.options.tvm_trials} trials a schedule, {threads} thread(s)")
            try:
                self.helper("tvm", "tune", str(self.model), str(self.options.tokens),
                            str(threads), str(self.options.tvm_trials), threads=threads)
            except subprocess.CalledProcessError as error:
                note(f"going on with what TVM has tuned so far: tuning ended with status {error.returncode}")

    def start(self, threads: int) -> list[Worker]:
        """The fastest setting of each runtime; the others are named and closed."""
        chosen: dict[tuple[str, bool], Worker] = {}
        tvm = tvm_setting(schedules(self.model, self.options.tokens, threads))
        for setting in settings(cpu_flags(), tvm):
            python = self.pythons.get(GROUP[setting.runtime])
            if python is None or setting.runtime not in self.options.only:
                continue
            try:
                worker = Worker(setting, python, self.model, self.options.tokens, threads,
                                self.log)
                worker.go(self.options.seconds)
            except (RuntimeError, OSError) as error:
                note(f"going on without it: {error}; see {self.log.name}")
                continue
            print(f"  {worker.about['version']:22s} {str(setting):44s} "
                  f"{1e3 * worker.turns[-1].least:8.1f} ms  ({worker.about['path']})", flush=True)
            key = setting.runtime, setting.dense
            other = chosen.get(key)
            if other is None or worker.turns[-1].least < other.turns[-1].least:
                chosen[key], worker = worker, other  # type: ignore[assignment]
            if worker is not None:
                worker.close()
        for worker in chosen.values():
            worker.turns.clear()
        return list(chosen.values())

    def compare(self, workers: list[Worker], threads: int) -> None:
        """All dense outputs beside each other, sproof's too."""
        outputs = {str(w.setting): w.about["output"] for w in workers if w.setting.dense}
        own = self.model / "output-sproof.npy"
        subprocess.run([self.options.sproof, "validate", "--end-to-end",
                        str(self.model / "model.safetensors"), "--tokens",
                        str(self.options.tokens), "--states", str(self.model / "states.npy"),
                        "--output-states", str(own), "--pattern", "32x1", "--sparsity", "0.9",
                        "--threads", str(threads), "--budget", "1s", "--no-save", "--quiet"],
                       check=False, stdout=self.log, stderr=self.log, env=environment(threads))
        outputs["sproof"] = str(own)
        done = subprocess.run(
            [next(iter(self.pythons.values())), str(HERE / "worker.py"), "differences",
             *outputs.values()], stdout=subprocess.PIPE, text=True, check=True)
        worst = json.loads(done.stdout)
        print("largest difference of outputs from the first's: " + ", ".join(
            f"{name} {value:.1e}" for name, value in zip(outputs, worst)))
        for name, value in zip(outputs, worst):
            if not value < TOLERANCE:
                raise RuntimeError(f"{name}: its output differs by {value:g}: "
                                   f"expected less than {TOLERANCE:g}")

    def rounds(self, workers: list[Worker], own: list[Sproof]) -> None:
        turns: list[Worker | Sproof] = [*workers, *own]
        for number in range(self.options.rounds):
            note(f"round {number + 1} of {self.options.rounds}")
            before = turns[-1]
            random.Random(number).shuffle(turns)
            if turns[0] is before:
                turns.reverse()    # two turns of one, seconds apart
            for turn in turns:
                turn.go(self.options.seconds * (4 if isinstance(turn, Sproof) else 1))

    def models(self) -> dict[str, list[str]]:
        """What sproof is given, by what is pruned of it."""
        if self.options.weights:
            return {"all six layers": [str(self.model / "model.safetensors"), "--tokens",
                                       str(self.options.tokens)]}
        return {"all six layers": [str(table(self.build, self.options.tokens, True))],
                "only Q, K, V and O": [str(table(self.build, self.options.tokens, False))]}

    def run(self, threads: int) -> None:
        print(f"\n{cpu_name()}, {threads} thread(s), {self.options.tokens} tokens, batch 1, f32; "
              f"milliseconds\nsettings, tried once:", flush=True)
        self.tune(threads)
        workers = self.start(threads)
        self.compare(workers, threads)
        own = [Sproof(self.options.sproof, model, self.options.sparsity, threads, label, self.log)
               for label, model in self.models().items()]
        try:
            self.rounds(workers, own)
        finally:
            for worker in workers:
                worker.close()
        report(workers, own)


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    count = os.cpu_count() or 1
    parser.add_argument("--sproof", default=str(ROOT / "build" / "sproof"), metavar="PATH")
    parser.add_argument("--build", type=pathlib.Path, default=ROOT / "build-bert",
                        metavar="DIR", help="for packages, weights and logs")
    parser.add_argument("--weights", type=pathlib.Path, metavar="DIR",
                        help="a checkpoint instead of BERT-base with random weights")
    parser.add_argument("--tokens", type=int, default=128)
    parser.add_argument("--threads", default=",".join(map(str, sorted({1, count}))),
                        metavar="LIST")
    parser.add_argument("--sparsity", type=float, default=.9)
    parser.add_argument("--rounds", type=int, default=5, help="one decides nothing")
    parser.add_argument("--seconds", type=float, default=3, help="of a turn")
    parser.add_argument("--tvm-trials", type=int, default=64, metavar="N",
                        help="trials a schedule; 0: as tuned before, or untuned")
    parser.add_argument("--only", default=",".join(GROUP), metavar="LIST",
                        type=lambda text: text.split(","), help=f"of {', '.join(GROUP)}")
    parser.add_argument("--python", action="append", default=[], metavar="GROUP=PATH",
                        help="an interpreter that has torch (with onnxruntime), tvm, deepsparse")
    options = parser.parse_args()
    for name in options.only:
        if name not in GROUP:
            parser.error(f"--only: '{name}': expected {', '.join(GROUP)}")
    for item in options.python:
        if item.partition("=")[0] not in set(GROUP.values()):
            parser.error(f"--python: '{item}': expected torch=PATH, tvm=PATH or deepsparse=PATH")
    if not os.access(options.sproof, os.X_OK):
        parser.error(f"--sproof: '{options.sproof}': no such program; build sproof first")
    options.build.mkdir(parents=True, exist_ok=True)
    pythons = interpreters(options.python, options.build, set(options.only))
    name = options.weights.resolve().name if options.weights else "bert_base"
    with open(options.build / "bert.log", "w", encoding="utf-8") as log:
        bench = Bench(options, pythons, options.build, options.build / name, log)
        try:
            bench.prepare()
            for threads in map(int, options.threads.split(",")):
                bench.run(threads)
        except (RuntimeError, OSError, subprocess.CalledProcessError) as error:
            note(f"{error}; see {log.name}")
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
