#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""One runtime with one encoder, in a process of its own; started by bert.py.

    worker.py make DIR TOKENS SOURCE          fill DIR, from the folder SOURCE unless empty
    worker.py export DIR TOKENS               write the ONNX files of the encoder in DIR
    worker.py tune DIR TOKENS THREADS N       tune TVM's schedules, N trials each
    worker.py differences FILE...             of outputs from the first's
    worker.py RUNTIME/SETTING DIR TOKENS THREADS

The last form answers on standard output, one JSON object a line: first what it is and the file
with its output, then, for each line `go SECONDS` of standard input, the times it measured.
"""
from __future__ import annotations

import dataclasses
import importlib.metadata
import json
import os
import pathlib
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np

import network
import turns
from network import Array

SPARSITY = .9    # of DeepSparse's pruned encoder
Run = Callable[[], Any]
Runtime = tuple[Run, Callable[[Any], Array], dict[str, str]]


class Job:
    """What a runtime needs to know."""

    def __init__(self, directory: str, tokens: str, threads: str = "1") -> None:
        self.directory = pathlib.Path(directory)
        self.shape = network.read_config(self.directory, int(tokens))
        self.threads = int(threads)
        self.states: Array = np.load(self.directory / "states.npy")[None]

    def weights(self) -> dict[str, Array]:
        return network.read_weights(self.directory / "model.safetensors")

    def tuned(self) -> pathlib.Path:
        return turns.schedules(self.directory, self.shape.tokens, self.threads)


def version(*names: str) -> str:
    return ", ".join(f"{name} {importlib.metadata.version(name)}" for name in names)


# --- PyTorch

def torch_runtime(job: Job, setting: str) -> Runtime:
    import torch
    import torch_encoder
    torch.set_num_threads(job.threads)
    states = torch.from_numpy(job.states)
    if setting == "transformer-encoder":
        model: Any = torch_encoder.fused(job.shape, job.weights())
    else:
        model = torch_encoder.encoder(job.shape, job.weights())
    if setting == "compile":
        from torch._inductor import config
        config.freezing = True
        model = torch.compile(model)

    def run() -> Any:
        with torch.inference_mode():
            return model(states)

    about = {"version": version("torch"),
             "path": torch.backends.cpu.get_cpu_capability()}
    return run, lambda y: np.asarray(y.numpy()), about


def export(job: Job) -> None:
    """model.onnx; layer.onnx, its first layer; for runtimes that want primitive operators
    model-13.onnx, and pruned, model-13-pruned.onnx."""
    import torch
    import torch_encoder
    weights = job.weights()
    wanted: list[tuple[str, int, Any, dict[str, Array]]] = [
        ("model.onnx", 17, job.shape, weights),
        ("layer.onnx", 17, dataclasses.replace(job.shape, layers=1), weights),
        ("model-13.onnx", 13, job.shape, weights),
        ("model-13-pruned.onnx", 13, job.shape, weights)]
    for name, opset, shape, tensors in wanted:
        path = job.directory / name
        if not path.exists():
            if name == "model-13-pruned.onnx":
                tensors = network.pruned(tensors, (1, 1), SPARSITY)
            model = torch_encoder.encoder(shape, tensors, torch_encoder.WrittenOut)
            partial = path.with_suffix(".partial")
            torch.onnx.export(model, (torch.from_numpy(job.states),), str(partial),
                              dynamo=False, opset_version=opset, input_names=["states"],
                              output_names=["output"])
            partial.rename(path)


# --- ONNX Runtime

def ort_runtime(job: Job, setting: str) -> Runtime:
    import onnxruntime
    path = job.directory / "model.onnx"
    if setting == "transformers-optimizer":
        from onnxruntime.transformers import optimizer
        path = job.directory / "model-fused.onnx"
        if not path.exists():
            fused = optimizer.optimize_model(
                str(job.directory / "model.onnx"), "bert", job.shape.heads, job.shape.hidden,
                opt_level=1)
            fused.save_model_to_file(str(path))
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = job.threads
    options.inter_op_num_threads = 1
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
    session = onnxruntime.InferenceSession(str(path), options, ["CPUExecutionProvider"])

    def run() -> Any:
        return session.run(None, {"states": job.states})

    return run, lambda y: np.asarray(y[0]), {"version": version("onnxruntime"), "path": "MLAS"}


# --- TVM

def tvm(job: Job, setting: str) -> Runtime:
    import tvm_runtime
    run = tvm_runtime.load(job.directory / "model.onnx", job.states, job.threads,
                           None if setting == turns.UNTUNED else job.tuned())
    about = {"version": version("apache-tvm"),
             "path": str(tvm_runtime.target(job.threads).attrs["mcpu"])}
    return run, lambda y: np.asarray(y.numpy()), about


def tune(job: Job, trials: int) -> None:
    """On one layer: all have the same operators."""
    import tvm_runtime
    tvm_runtime.tune(job.directory / "layer.onnx", job.states.shape, job.threads, trials,
                     job.tuned())


# --- DeepSparse

def deepsparse_runtime(job: Job, setting: str) -> Runtime:
    import deepsparse
    from deepsparse.cpu import cpu_details
    name = "model-13.onnx" if setting == "dense" else f"model-13-{setting}.onnx"
    engine = deepsparse.compile_model(str(job.directory / name), 1, num_cores=job.threads)
    about = {"version": version("deepsparse"), "path": str(cpu_details()[1])}
    return lambda: engine.run([job.states]), lambda y: np.asarray(y[0]), about


RUNTIMES: dict[str, Callable[[Job, str], Runtime]] = {
    "torch": torch_runtime, "onnxruntime": ort_runtime, "tvm": tvm,
    "deepsparse": deepsparse_runtime}


def times(run: Run, seconds: float) -> list[float]:
    """At least three runs after one that warms up."""
    run()
    found: list[float] = []
    end = time.perf_counter() + seconds
    while len(found) < 3 or time.perf_counter() < end:
        begin = time.perf_counter()
        run()
        found.append(time.perf_counter() - begin)
    return found


def serve(name: str, job: Job) -> None:
    # What libraries print is not an answer.
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    runtime, setting = name.split("/")
    run, output, about = RUNTIMES[runtime](job, setting)
    path = job.directory / f"output-{runtime}-{setting}-{job.threads}.npy"
    np.save(path, output(run())[0])
    print(json.dumps({**about, "output": str(path)}), file=answers)
    for line in sys.stdin:
        print(json.dumps(times(run, float(line.split()[1]))), file=answers)


def main(arguments: list[str]) -> int:
    what, rest = arguments[0], arguments[1:]
    if what == "make":
        network.make(pathlib.Path(rest[0]), pathlib.Path(rest[2]) if rest[2] else None,
                     int(rest[1]), seed=1)
    elif what == "differences":
        outputs = [np.load(path) for path in rest]
        print(json.dumps([float(np.abs(y - outputs[0]).max()) for y in outputs]))
    elif what == "export":
        export(Job(*rest))
    elif what == "tune":
        tune(Job(*rest[:3]), int(rest[3]))
    else:
        serve(what, Job(*rest))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
