# SPDX-License-Identifier: Apache-2.0
"""The encoder that every runtime runs: its weights in a safetensors file under the names of
Hugging Face's BERT, its config.json, its input. Needs NumPy only."""
from __future__ import annotations

import dataclasses
import json
import pathlib
import shutil
import struct
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]


@dataclasses.dataclass(frozen=True)
class Shape:
    """What config.json says, and the tokens of one sequence."""
    layers: int
    hidden: int
    heads: int
    intermediate: int
    tokens: int
    eps: float

    def products(self) -> list[tuple[str, int, int]]:
        """Name, outputs and inputs of the linear layers of one encoder layer."""
        h, i = self.hidden, self.intermediate
        return [("attention.self.query", h, h), ("attention.self.key", h, h),
                ("attention.self.value", h, h), ("attention.output.dense", h, h),
                ("intermediate.dense", i, h), ("output.dense", h, i)]


BERT_BASE = Shape(12, 768, 12, 3072, 128, 1e-12)
NORMS = ("attention.output.LayerNorm", "output.LayerNorm")


def read_config(directory: pathlib.Path, tokens: int) -> Shape:
    config: dict[str, Any] = json.loads((directory / "config.json").read_text("utf-8"))
    return Shape(config["num_hidden_layers"], config["hidden_size"],
                 config["num_attention_heads"], config["intermediate_size"], tokens,
                 config["layer_norm_eps"])


def write_config(shape: Shape, directory: pathlib.Path) -> None:
    config = {"model_type": "bert", "hidden_act": "gelu", "hidden_size": shape.hidden,
              "num_attention_heads": shape.heads, "num_hidden_layers": shape.layers,
              "intermediate_size": shape.intermediate, "layer_norm_eps": shape.eps}
    (directory / "config.json").write_text(json.dumps(config, indent=1) + "\n", "utf-8")


def read_weights(path: pathlib.Path) -> dict[str, Array]:
    """The f32 tensors of a safetensors file; other types are left out."""
    data = np.memmap(path, np.uint8, "r")
    length = int(data[:8].view("<u8")[0])
    header = json.loads(bytes(data[8:8 + length]))
    found: dict[str, Array] = {}
    for name, entry in header.items():
        if name != "__metadata__" and entry["dtype"] == "F32":
            begin, end = (8 + length + offset for offset in entry["data_offsets"])
            found[name] = np.array(data[begin:end]).view("<f4").reshape(entry["shape"])
    return found


def write_weights(tensors: dict[str, Array], path: pathlib.Path) -> None:
    header, offset = {}, 0
    for name, tensor in tensors.items():
        header[name] = {"dtype": "F32", "shape": list(tensor.shape),
                        "data_offsets": [offset, offset + tensor.nbytes]}
        offset += tensor.nbytes
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    partial = path.with_suffix(".partial")
    with open(partial, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        for tensor in tensors.values():
            file.write(np.ascontiguousarray(tensor, "<f4").tobytes())
    partial.rename(path)


def random_weights(shape: Shape, seed: int) -> dict[str, Array]:
    """Normal weights of the size that leaves activations as large as they were."""
    random = np.random.default_rng(seed)
    tensors: dict[str, Array] = {}
    for layer in range(shape.layers):
        base = f"encoder.layer.{layer}."
        for name, m, k in shape.products():
            tensors[base + name + ".weight"] = (
                random.standard_normal((m, k), np.float32) / np.float32(np.sqrt(k)))
            tensors[base + name + ".bias"] = random.uniform(-.1, .1, m).astype(np.float32)
        for name in NORMS:
            tensors[base + name + ".weight"] = random.uniform(
                .9, 1.1, shape.hidden).astype(np.float32)
            tensors[base + name + ".bias"] = random.uniform(
                -.1, .1, shape.hidden).astype(np.float32)
    return tensors


def make(directory: pathlib.Path, source: pathlib.Path | None, tokens: int, seed: int) -> Shape:
    """Fills DIRECTORY with model.safetensors, config.json and states.npy: BERT-base with random
    weights, or the checkpoint of the folder SOURCE."""
    directory.mkdir(parents=True, exist_ok=True)
    weights = directory / "model.safetensors"
    if source is None:
        shape = dataclasses.replace(BERT_BASE, tokens=tokens)
        write_config(shape, directory)
        if not weights.exists():
            write_weights(random_weights(shape, seed), weights)
    else:
        for name in ("config.json", "model.safetensors"):
            if not (directory / name).exists():
                shutil.copyfile(source / name, directory / name)
        shape = read_config(directory, tokens)
    states = np.random.default_rng(seed + 1).standard_normal((tokens, shape.hidden), np.float32)
    np.save(directory / "states.npy", states)
    return shape


def magnitude_mask(weight: Array, rows: int, columns: int, sparsity: float) -> NDArray[np.bool_]:
    """Keeps the blocks of the largest L2 norm, as `sproof inspect --prune` does."""
    m, k = weight.shape
    down, across = -(-m // rows), -(-k // columns)
    padded = np.zeros((down * rows, across * columns))
    padded[:m, :k] = weight.astype(np.float64) ** 2
    score = padded.reshape(down, rows, across, columns).sum((1, 3)).ravel()
    kept = int(np.floor((1 - sparsity) * score.size + .5))
    mask = np.zeros(score.size, np.bool_)
    mask[np.argsort(-score, kind="stable")[:kept]] = True
    grown = np.kron(mask.reshape(down, across), np.ones((rows, columns), np.bool_))
    return np.asarray(grown[:m, :k])


def pruned(tensors: dict[str, Array], block: tuple[int, int], sparsity: float,
           only: tuple[str, ...] = ()) -> dict[str, Array]:
    """The encoder's linear layers pruned; only: those whose name ends so."""
    result = dict(tensors)
    for name, tensor in tensors.items():
        layer = name.removesuffix(".weight")
        if (tensor.ndim == 2 and ".layer." in name and name != layer
                and (not only or layer.endswith(only))):
            result[name] = tensor * magnitude_mask(tensor, *block, sparsity)
    return result
