# SPDX-License-Identifier: Apache-2.0
"""The encoder in TVM: imported from ONNX, its schedules tuned with meta schedule. Building and
timing candidates happens in this process: no timeouts, no other process on the machine."""
from __future__ import annotations

import os
import pathlib
import tempfile
from typing import Any

import numpy as np
import onnx
import tvm
from tvm import relax
from tvm.ir.utils import derived_object
from tvm.relax import transform
from tvm.relax.frontend.onnx import from_onnx
from tvm.s_tir import meta_schedule
from tvm.s_tir.meta_schedule.builder import BuilderResult, PyBuilder
from tvm.s_tir.meta_schedule.builder.local_builder import default_build
from tvm.s_tir.meta_schedule.runner import (EvaluatorConfig, PyRunner, PyRunnerFuture,
                                            RunnerResult)
from tvm.s_tir.meta_schedule.runner.local_runner import (default_alloc_argument,
                                                         default_run_evaluator)
from tvm.s_tir.meta_schedule.search_strategy import EvolutionarySearch
from tvm.target import codegen

BUILT: dict[str, Any] = {}


@derived_object
class Builder(PyBuilder):  # type: ignore[misc]
    def build(self, build_inputs: list[Any]) -> list[Any]:
        return [self.one(x) for x in build_inputs]

    def one(self, x: Any) -> Any:
        try:
            # The scheduler removes the folder of what it has measured.
            path = os.path.join(tempfile.mkdtemp(), "candidate")
            BUILT[path] = default_build(x.mod, x.target, None)
            return BuilderResult(path, None)
        except Exception as error:  # whatever a candidate dies of, it is not the winner
            return BuilderResult(None, str(error)[-300:])


@derived_object
class Measured(PyRunnerFuture):  # type: ignore[misc]
    def __init__(self, seconds: list[float] | None, error: str | None) -> None:
        super().__init__()
        self.seconds, self.error = seconds, error

    def done(self) -> bool:
        return True

    def result(self) -> Any:
        return RunnerResult(self.seconds, self.error)


@derived_object
class Runner(PyRunner):  # type: ignore[misc]
    def run(self, runner_inputs: list[Any]) -> list[Any]:
        return [self.one(x) for x in runner_inputs]

    def one(self, x: Any) -> Any:
        try:
            arguments = default_alloc_argument(
                tvm.cpu(), [a.as_json() for a in x.args_info], 1)
            config = EvaluatorConfig(number=1, repeat=3, min_repeat_ms=10,
                                     enable_cpu_cache_flush=False)
            seconds = default_run_evaluator(BUILT.pop(x.artifact_path), tvm.cpu(), config,
                                            arguments)
            return Measured([float(s) for s in seconds], None)
        except Exception as error:
            return Measured(None, str(error)[-300:])


def target(threads: int) -> Any:
    return tvm.target.Target({"kind": "llvm", "mcpu": codegen.llvm_get_system_cpu(),
                              "num-cores": threads})


def module(path: pathlib.Path, shape: tuple[int, ...]) -> tuple[Any, Any]:
    """The functions to schedule, weights as arguments whose layout a schedule may choose."""
    imported = from_onnx(onnx.load(path), {"states": list(shape)}, keep_params_in_input=True)
    detached, parameters = relax.frontend.detach_params(imported)
    steps = [transform.DecomposeOpsForInference(), transform.CanonicalizeBindings(),
             relax.get_pipeline("zero"), transform.AttachAttrLayoutFreeBuffers()]
    return tvm.transform.Sequential(steps)(detached), parameters["main"]


def tune(path: pathlib.Path, shape: tuple[int, ...], threads: int, trials: int,
         work: pathlib.Path) -> None:
    work.mkdir(exist_ok=True)
    with target(threads):
        functions, _ = module(path, shape)
        meta_schedule.relax_integration.tune_relax(
            functions, {}, target(threads), str(work), 64 * trials,
            max_trials_per_task=trials, num_trials_per_iter=min(trials, 32), builder=Builder(),
            runner=Runner(), seed=1, strategy=EvolutionarySearch(
                population_size=256, init_min_unmeasured=32, genetic_num_iters=3))


def load(path: pathlib.Path, states: Any, threads: int, work: pathlib.Path | None) -> Any:
    """A function that runs the encoder under the schedules found in WORK; None: TVM's own."""
    with target(threads):
        functions, parameters = module(path, states.shape)
        steps = [transform.MetaScheduleApplyDatabase(str(work))] if work else []
        steps += [transform.SplitLayoutRewritePreproc(), transform.LiftTransformParams(),
                  transform.FoldConstant()]
        functions = tvm.transform.Sequential(steps)(functions)
        machine = relax.VirtualMachine(tvm.compile(functions, target=target(threads)),
                                       tvm.cpu())
    packed = machine["main_transform_params"](parameters)
    x = tvm.runtime.tensor(np.ascontiguousarray(states))
    return lambda: machine["main"](x, *packed)
