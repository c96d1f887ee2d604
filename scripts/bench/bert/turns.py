# SPDX-License-Identifier: Apache-2.0
"""Turns of the runtimes and of sproof, each in a process of its own."""
from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import pathlib
import statistics
import subprocess
from typing import Any, TextIO

HERE = pathlib.Path(__file__).resolve().parent
PATTERNS = "csr,4x1,8x1,16x1,32x1,4x4,16x16"
# Variables that make a runtime slower than it is, should somebody have set them.
UNSET = ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE", "OMP_PROC_BIND", "GOMP_CPU_AFFINITY")
UNTUNED = "untuned"
# As in src/host/README.md, of turns instead of visits.
AGREEMENT = 1.02
SUPPORT = 1.10


@dataclasses.dataclass(frozen=True)
class Turn:
    """What calls took in one turn, in seconds."""
    least: float
    third: float    # the third-quickest
    median: float

    @staticmethod
    def of(times: list[float]) -> Turn:
        ordered = sorted(times)
        return Turn(ordered[0], ordered[2], statistics.median(ordered))


@dataclasses.dataclass(frozen=True)
class Time:
    """The undisturbed time of some turns: the least. It is conclusive when the least times of two
    turns agree; of each the third-quickest call must be near, for one lucky call is no evidence."""
    seconds: float
    high: float     # without the luckiest turn
    median: float   # of the turns' medians
    conclusive: bool

    @staticmethod
    def of(turns: list[Turn]) -> Time:
        least = min(turn.least for turn in turns)
        found = sorted(turn.least for turn in turns if turn.third <= SUPPORT * least)
        high = found[1] if len(found) > 1 else min(turn.third for turn in turns)
        return Time(least, high, statistics.median(turn.median for turn in turns),
                    len(found) > 1 and high <= AGREEMENT * least)


@dataclasses.dataclass(frozen=True)
class Setting:
    """One way to run a runtime: its name for worker.py, and variables that choose it."""
    runtime: str
    name: str
    environment: tuple[tuple[str, str], ...] = ()
    dense: bool = True

    def __str__(self) -> str:
        return f"{self.runtime}/{self.name}" + "".join(f" {k}={v}" for k, v in self.environment)


def schedules(model: pathlib.Path, tokens: int, threads: int) -> pathlib.Path:
    """The folder of TVM's tuning database."""
    return model / f"tvm-{tokens}-{threads}"


def tvm_setting(folder: pathlib.Path) -> Setting:
    """Named tuned only when the database holds a record."""
    records = folder / "database_tuning_record.json"
    tuned = records.exists() and records.stat().st_size > 0
    return Setting("tvm", "tuned" if tuned else UNTUNED)


def settings(cpu: set[str], tvm: Setting) -> list[Setting]:
    found = [Setting("torch", "eager"), Setting("torch", "transformer-encoder"),
             Setting("torch", "compile"), Setting("onnxruntime", "plain"),
             Setting("onnxruntime", "transformers-optimizer"), tvm,
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
        self.turns: list[Turn] = []
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

    def go(self, seconds: float) -> None:
        """One turn."""
        assert self.process.stdin is not None
        print("go", seconds, file=self.process.stdin, flush=True)
        self.turns.append(Turn.of(self.answer()))

    def close(self) -> None:
        assert self.process.stdin is not None
        with contextlib.suppress(OSError):
            self.process.stdin.close()
        self.process.wait()


class Sproof:
    """Turns of `sproof validate --end-to-end`: dense and pruned encoders in one process."""

    def __init__(self, program: str, model: list[str], sparsity: float, threads: int,
                 label: str, log: TextIO) -> None:
        self.command = [program, "validate", "--end-to-end", *model, "--pattern", PATTERNS,
                        "--sparsity", str(sparsity), "--threads", str(threads), "--format",
                        "json", "--no-save", "--quiet"]
        self.label, self.log, self.threads = label, log, threads
        self.turns: dict[str, list[Turn]] = {}
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
            turn = Turn.of(case["measured"]["samples"])
            self.turns.setdefault(case["variant"], []).append(turn)
            self.ceiling = case["amdahl_ceiling"] or self.ceiling

    def times(self) -> dict[str, Time]:
        return {variant: Time.of(turns) for variant, turns in self.turns.items()}
