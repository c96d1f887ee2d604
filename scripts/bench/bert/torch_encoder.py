# SPDX-License-Identifier: Apache-2.0
"""The encoder in PyTorch, without its embeddings, twice: written out as users do, and as
torch.nn.TransformerEncoder, which has a fused path of its own for inference."""
from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from network import Array, Shape


class SelfAttention(nn.Module):
    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.heads = shape.heads
        self.query = nn.Linear(shape.hidden, shape.hidden)
        self.key = nn.Linear(shape.hidden, shape.hidden)
        self.value = nn.Linear(shape.hidden, shape.hidden)

    def split(self, x: Tensor) -> Tensor:
        return x.view(x.shape[0], x.shape[1], self.heads, -1).transpose(1, 2)

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = self.split(self.query(x)), self.split(self.key(x)), self.split(self.value(x))
        context = nn.functional.scaled_dot_product_attention(q, k, v)
        return context.transpose(1, 2).reshape(x.shape)


class WrittenOut(SelfAttention):
    """The products and the softmax one by one: what exporters and their optimisers know."""

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = self.split(self.query(x)), self.split(self.key(x)), self.split(self.value(x))
        scores = torch.matmul(q, k.transpose(-1, -2)) / (q.shape[-1] ** .5)
        context = torch.matmul(torch.softmax(scores, -1), v)
        return context.transpose(1, 2).reshape(x.shape)


class Output(nn.Module):
    def __init__(self, inputs: int, shape: Shape) -> None:
        super().__init__()
        self.dense = nn.Linear(inputs, shape.hidden)
        self.LayerNorm = nn.LayerNorm(shape.hidden, eps=shape.eps)

    def forward(self, x: Tensor, residual: Tensor) -> Tensor:
        y: Tensor = self.LayerNorm(self.dense(x) + residual)
        return y


class Layer(nn.Module):
    def __init__(self, shape: Shape, attention: type[SelfAttention]) -> None:
        super().__init__()
        self.attention: Any = nn.Module()
        self.attention.self = attention(shape)
        self.attention.output = Output(shape.hidden, shape)
        self.intermediate: Any = nn.Module()
        self.intermediate.dense = nn.Linear(shape.hidden, shape.intermediate)
        self.output = Output(shape.intermediate, shape)

    def forward(self, x: Tensor) -> Tensor:
        x = self.attention.output(self.attention.self(x), x)
        wide = nn.functional.gelu(self.intermediate.dense(x))
        y: Tensor = self.output(wide, x)
        return y


class Encoder(nn.Module):
    def __init__(self, shape: Shape, attention: type[SelfAttention] = SelfAttention) -> None:
        super().__init__()
        self.encoder = nn.Module()
        self.layers = [Layer(shape, attention) for _ in range(shape.layers)]
        self.encoder.layer = nn.ModuleList(self.layers)

    def forward(self, x: Tensor) -> Tensor:
        for layer in self.layers:
            x = layer(x)
        return x


def encoder(shape: Shape, tensors: dict[str, Array],
            attention: type[SelfAttention] = SelfAttention) -> nn.Module:
    model = Encoder(shape, attention)
    own = {name: torch.from_numpy(tensors[name]) for name in model.state_dict()}
    model.load_state_dict(own)
    return model.eval()


def fused(shape: Shape, tensors: dict[str, Array]) -> nn.Module:
    """torch.nn.TransformerEncoder with the same weights."""
    layer = nn.TransformerEncoderLayer(shape.hidden, shape.heads, shape.intermediate, 0.0,
                                       "gelu", shape.eps, batch_first=True)
    model = nn.TransformerEncoder(layer, shape.layers, enable_nested_tensor=False)
    state: dict[str, Tensor] = {}
    for i in range(shape.layers):
        old, new = f"encoder.layer.{i}.", f"layers.{i}."
        for kind in ("weight", "bias"):
            parts = [torch.from_numpy(tensors[f"{old}attention.self.{p}.{kind}"])
                     for p in ("query", "key", "value")]
            state[f"{new}self_attn.in_proj_{kind}"] = torch.cat(parts)
            for a, b in (("attention.output.dense", "self_attn.out_proj"),
                         ("intermediate.dense", "linear1"), ("output.dense", "linear2"),
                         ("attention.output.LayerNorm", "norm1"), ("output.LayerNorm", "norm2")):
                state[f"{new}{b}.{kind}"] = torch.from_numpy(tensors[f"{old}{a}.{kind}"])
    model.load_state_dict(state)
    return model.eval()
