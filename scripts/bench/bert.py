#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""One encoder, end to end, in sproof and in other runtimes: PyTorch, ONNX Runtime, TVM,
DeepSparse. The same weights and input, the same threads, every output compared, each runtime in
a process of its own, timed in turns of random order.

    scripts/bench/bert.py                          BERT-base, 128 tokens, 1 thread, then all
    scripts/bench/bert.py --weights DIR            a checkpoint: DIR/model.safetensors, config.json
    scripts/bench/bert.py --python torch=/usr/bin/python3    use what is installed there

Of a runtime's settings the fastest is kept. What it lacks comes from the Python package index
into the build folder; what cannot be had is left out and named. Wants a machine with nothing
else to do. Needs Python 3.10 and, in sproof's place, a built sproof; standard library only.
"""
from __future__ import annotations

import argparse
import contextlib
import csv
import dataclasses
import io
import json
import os
import pathlib
import random
import shutil
import statistics
import subprocess
import sys
from typing import Any, TextIO

ROOT = pathlib.Path(__file__).resolve().parents[2]
HERE = pathlib.Path(__file__).resolve().parent / "bert"
MODEL = ROOT / "data" / "models" / "bert_base_seq128.csv"
PATTERNS = "csr,4x1,8x1,16x1,32x1,4x4,16x16"
TOLERANCE = 1e-3
# Variables that make a runtime slower than it is, should somebody have set them.
UNSET = ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE", "OMP_PROC_BIND", "GOMP_CPU_AFFINITY")


@dataclasses.dataclass(frozen=True)
class Setting:
    """One way to run a runtime: its name for worker.py, and variables that choose it."""
    runtime: str
    name: str
    environment: tuple[tuple[str, str], ...] = ()
    dense: bool = True

    def __str__(self) -> str:
        return f"{self.runtime}/{self.name}" + "".join(f" {k}={v}" for k, v in self.environment)


def settings(cpu: set[str]) -> list[Setting]:
    found = [Setting("torch", "eager"), Setting("torch", "transformer-encoder"),
             Setting("torch", "compile"), Setting("onnxruntime", "plain"),
             Setting("onnxruntime", "transformers-optimizer"), Setting("tvm", "tuned"),
             Setting("deepsparse", "dense"), Setting("deepsparse", "pruned", dense=False)]
    if "avx512f" in cpu:
        wide = (("ATEN_CPU_CAPABILITY", "avx512"), ("ONEDNN_MAX_CPU_ISA", "AVX512_CORE"))
        found += [Setting("torch", s, wide) for s in ("transformer-encoder", "compile")]
    return found


def cpu_flags() -> set[str]:
    for line in pathlib.Path("/proc/cpuinfo").read_text("utf-8").splitlines():
        if line.startswith("flags"):
            return set(line.split())
    return set()


def cpu_name() -> str:
    for line in pathlib.Path("/proc/cpuinfo").read_text("utf-8").splitlines():
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return "unknown CPU"


def note(text: str) -> None:
    print(f"bert.py: {text}", file=sys.stderr, flush=True)


# --- Interpreters with the runtimes.

# DeepSparse has wheels up to Python 3.11 and wants an older NumPy than the others.
PYTHONS = {"torch": ("python3",), "tvm": ("python3",),
           "deepsparse": ("python3.10", "python3.11", "python3.9")}
GROUP = {"torch": "torch", "onnxruntime": "torch", "tvm": "tvm", "deepsparse": "deepsparse"}


def candidates(group: str) -> list[str]:
    """The named interpreters, pyenv's too."""
    found = [sys.executable] if group != "deepsparse" else []
    for name in PYTHONS[group]:
        found += [path for path in [shutil.which(name)] if path]
        version = name.removeprefix("python")
        found += sorted(map(str, pathlib.Path.home().glob(
            f".pyenv/versions/{version}.*/bin/{name}")))
    return found


def environment_of(group: str, build: pathlib.Path) -> str | None:
    """The interpreter of a virtual environment with the group's packages, made when needed."""
    home = build / f"venv-{group}"
    python = home / "bin" / "python"
    if (home / "done").exists():
        return str(python)
    requirements = HERE / f"requirements-{group}.txt"
    for base in candidates(group):
        shutil.rmtree(home, ignore_errors=True)
        note(f"installing {group} into {home}")
        commands = [[base, "-m", "venv", str(home)],
                    [str(python), "-m", "pip", "install", "--quiet",
                     "--disable-pip-version-check", "-r", str(requirements)]]
        done = None
        for command in commands:
            with contextlib.suppress(OSError):
                done = subprocess.run(command, stdout=sys.stderr, check=False)
            if done is None or done.returncode != 0:
                break
        else:
            (home / "done").touch()
            return str(python)
    return None


def interpreters(given: list[str], build: pathlib.Path, only: set[str]) -> dict[str, str]:
    found = dict(item.split("=", 1) for item in given)
    for group in sorted({GROUP[runtime] for runtime in only}):
        if group not in found:
            python = environment_of(group, build)
            if python is None:
                note(f"going on without {group}: its packages cannot be installed")
            else:
                found[group] = python
    return found


# --- Processes.

def environment(threads: int, extra: tuple[tuple[str, str], ...] = ()) -> dict[str, str]:
    variables = {k: v for k, v in os.environ.items() if k not in UNSET}
    variables |= {name: str(threads) for name in
                  ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "TVM_NUM_THREADS")}
    # Each runtime alone has the machine while it is timed; it places its threads itself.
    variables |= {"NM_BIND_THREADS_TO_CORES": "0", "HF_HUB_OFFLINE": "1",
                  "PYTHONDONTWRITEBYTECODE": "1"}
    return variables | dict(extra)


class Worker:
    """A runtime that waits for its turns."""

    def __init__(self, setting: Setting, python: str, model: pathlib.Path, tokens: int,
                 threads: int, log: TextIO) -> None:
        self.setting = setting
        self.times: list[float] = []
        self.medians: list[float] = []
        self.process = subprocess.Popen(
            [python, str(HERE / "worker.py"), f"{setting.runtime}/{setting.name}", str(model),
             str(tokens), str(threads)], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=log, text=True, env=environment(threads, setting.environment))
        self.about: dict[str, str] = self.answer()

    def answer(self) -> Any:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"{self.setting} ended with status {self.process.wait()}")
        return json.loads(line)

    def go(self, seconds: float) -> float:
        """One turn; its median."""
        assert self.process.stdin is not None
        print("go", seconds, file=self.process.stdin, flush=True)
        times: list[float] = self.answer()
        self.times += times
        self.medians.append(statistics.median(times))
        return self.medians[-1]

    def close(self) -> None:
        assert self.process.stdin is not None
        with contextlib.suppress(OSError):
            self.process.stdin.close()
        self.process.wait()


class Sproof:
    """Turns of `sproof validate --end-to-end`: dense and pruned encoders in one process."""

    def __init__(self, program: str, model: pathlib.Path, sparsity: str, threads: int,
                 label: str, log: TextIO) -> None:
        self.command = [program, "validate", "--end-to-end", str(model), "--pattern", PATTERNS,
                        "--sparsity", sparsity, "--threads", str(threads), "--format", "json",
                        "--no-save", "--quiet"]
        self.label, self.log, self.threads = label, log, threads
        self.medians: dict[str, list[float]] = {}
        self.ceiling = 0.0
        self.record: dict[str, Any] = {}

    def go(self, seconds: float) -> None:
        done = subprocess.run(self.command + ["--budget", f"{seconds:g}s"],
                              env=environment(self.threads), stdout=subprocess.PIPE,
                              stderr=self.log, text=True, check=False)
        if done.returncode not in (0, 3):
            raise RuntimeError(f"{' '.join(self.command)}: status {done.returncode}")
        self.record = json.loads(done.stdout)
        for case in self.record["end_to_end"]:
            self.medians.setdefault(case["variant"], []).append(case["measured"]["median_s"])
            self.ceiling = case["amdahl_ceiling"] or self.ceiling

    def best(self) -> str:
        """The pruned variant of the smallest median."""
        return min((v for v in self.medians if v != "dense"),
                   key=lambda v: statistics.median(self.medians[v]))


def only_attention(build: pathlib.Path) -> pathlib.Path:
    """BERT-base whose feed-forward layers are not pruned."""
    lines = MODEL.read_text("utf-8").splitlines()
    reader = csv.DictReader(line for line in lines if not line.startswith("#"))
    assert reader.fieldnames is not None
    text = io.StringIO()
    writer = csv.DictWriter(text, reader.fieldnames, lineterminator="\n")
    writer.writeheader()
    for row in reader:
        if row["op"] == "linear" and ".attention." not in row["layer"]:
            row["prunable"] = "0"
        writer.writerow(row)
    path = build / "bert_base_qkvo.csv"
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
                note(f"going on without TVM: tuning ended with status {error.returncode}")

    def start(self, threads: int) -> list[Worker]:
        """The fastest setting of each runtime; the others are named and closed."""
        chosen: dict[tuple[str, bool], Worker] = {}
        for setting in settings(cpu_flags()):
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
                  f"{1e3 * worker.medians[-1]:8.1f} ms  ({worker.about['path']})", flush=True)
            key = setting.runtime, setting.dense
            other = chosen.get(key)
            if other is None or worker.medians[-1] < other.medians[-1]:
                chosen[key], worker = worker, other  # type: ignore[assignment]
            if worker is not None:
                worker.close()
        for worker in chosen.values():
            worker.times.clear()
            worker.medians.clear()
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
            random.Random(number).shuffle(turns)
            for turn in turns:
                turn.go(self.options.seconds * (4 if isinstance(turn, Sproof) else 1))

    def run(self, threads: int) -> None:
        print(f"\n{cpu_name()}, {threads} thread(s), {self.options.tokens} tokens, batch 1, f32; "
              f"milliseconds\nsettings, tried once:", flush=True)
        self.tune(threads)
        workers = self.start(threads)
        self.compare(workers, threads)
        program, sparsity = self.options.sproof, str(self.options.sparsity)
        if self.options.weights:
            raise SystemExit("bert.py: --weights: not yet")
        own = [Sproof(program, MODEL, sparsity, threads, "all six", self.log),
               Sproof(program, only_attention(self.build), sparsity, threads, "Q, K, V, O",
                      self.log)]
        try:
            self.rounds(workers, own)
        finally:
            for worker in workers:
                worker.close()
        report(workers, own)


# --- Tables.

def spread(medians: list[float]) -> str:
    return f"{1e3 * min(medians):.1f}-{1e3 * max(medians):.1f}"


def report(workers: list[Worker], own: list[Sproof]) -> None:
    dense = {str(w.setting): w.medians for w in workers if w.setting.dense}
    dense["sproof dense"] = own[0].medians["dense"]
    fastest = min(dense, key=lambda name: statistics.median(dense[name]))
    print(f"\n{'dense':54s} median  of rounds")
    for name, medians in sorted(dense.items(), key=lambda item: statistics.median(item[1])):
        print(f"{name:52s} {1e3 * statistics.median(medians):8.1f}  {spread(medians)}")
    for worker in workers:
        if not worker.setting.dense:
            print(f"{str(worker.setting):52s} {1e3 * statistics.median(worker.medians):8.1f}  "
                  f"{spread(worker.medians)}")
    for side in own:
        best = side.best()
        median = statistics.median(side.medians[best])
        base = statistics.median(side.medians["dense"])
        print(f"\n{side.label} pruned, sproof; Amdahl's ceiling {side.ceiling:.2f}x of its dense")
        for name, medians in side.medians.items():
            own_median = statistics.median(medians)
            print(f"  {name:20s} {1e3 * own_median:8.1f}  {spread(medians):13s} "
                  f"{base / own_median:5.2f}x of sproof's dense"
                  + ("  best" if name == best else ""))
        print(f"{best} is faster than")
        for name, medians in dense.items():
            print(f"  {name:50s} {statistics.median(medians) / median:5.2f}x"
                  + ("  fastest dense" if name == fastest else ""))


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
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=3, help="of a turn")
    parser.add_argument("--tvm-trials", type=int, default=64, metavar="N",
                        help="trials a schedule; 0: as tuned before")
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
