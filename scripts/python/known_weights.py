# SPDX-License-Identifier: Apache-2.0
"""Which tensors of a running model are weights: parameters, and what is made of them alone, such
as a mask's product, a weight norm, a cast or a dequantized tensor."""
from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import is_traceable_wrapper_subclass

# Their results depend on what is looked up, so they are activations.
LOOKUPS = {"embedding", "_embedding_bag", "_embedding_bag_forward_only", "index", "index_select",
           "gather"}
# Buffers that are weights: of quantized layers.
WEIGHT_BUFFER = re.compile(r"(^|\.)(q|qzeros_)?weight(_q|_int8)?$")


@dataclasses.dataclass(frozen=True)
class Known:
    name: str               # of the parameter, the largest it was made of; "": constants alone
    tensor: Tensor          # as the module has it; holds the storage
    product: bool = False   # of weights with each other: learned queries, or a low-rank update
    distinct: int = 0       # of a stack that was picked from a larger one: how many differ


def tensors_in(value: Any) -> Iterator[Tensor]:
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, (tuple, list)):
        for v in value:
            yield from tensors_in(v)
    elif isinstance(value, dict):
        yield from tensors_in(list(value.values()))


def stored_parts(tensor: Tensor) -> list[Tensor]:
    """The tensors with storage of their own that a tensor consists of, its values first."""
    if is_traceable_wrapper_subclass(tensor):    # torchao's, semi-structured ones
        names = tensor.__tensor_flatten__()[0]
        inner = [getattr(tensor, name) for name in names]
        return [part for value in inner if isinstance(value, Tensor)
                for part in stored_parts(value)]
    if tensor.layout == torch.sparse_coo:
        return [tensor._values()]
    if tensor.layout in (torch.sparse_csr, torch.sparse_csc, torch.sparse_bsr, torch.sparse_bsc):
        return [tensor.values()]
    return [tensor] if tensor.layout == torch.strided else []


def identity(tensor: Tensor) -> int:
    """The same for every view of a tensor, on any device."""
    parts = stored_parts(tensor)
    return int(parts[0].untyped_storage()._cdata) if parts else id(tensor)


def offset(tensor: Tensor) -> int:
    parts = stored_parts(tensor)
    return int(parts[0].storage_offset()) if parts else 0


def plain(weight: Tensor) -> Tensor:
    """Dense, in numbers whose zeros are zeros."""
    weight = weight.detach()
    if weight.layout != torch.strided:
        return weight.to_dense()
    if is_traceable_wrapper_subclass(weight) and hasattr(weight, "dequantize"):
        return weight.dequantize()
    return weight


def layer_of(parameter: str) -> str:
    """0.weight_orig, 0.weight_v and 0.parametrizations.weight.original0 are layer 0."""
    name = re.sub(r"(?:^|\.)parametrizations\.(\w+)\.original\d*$", r".\1", parameter)
    name = re.sub(r"_orig$|(?<=weight)_[vg]$|(?<=_l\d)_[vg]$", "", name).lstrip(".")
    return re.sub(r"[._]?weight$", "", name) or name


class Weights:
    def __init__(self, model: nn.Module) -> None:
        self.found: dict[int, list[tuple[int, Known]]] = {}
        self.sizes: dict[str, int] = {}    # of parameters with rows and columns
        self.parameters: set[int] = set()
        self.absorbed: set[str] = set()    # parameters that became part of another's weight
        for name, parameter in model.named_parameters():
            self.add_weight(name, parameter)
        for name, buffer in model.named_buffers():
            if WEIGHT_BUFFER.search(name) and buffer.dim() > 1:
                self.add_weight(name, buffer)
            else:
                self.note(buffer, Known("", buffer))

    def add_weight(self, name: str, tensor: Tensor) -> None:
        self.parameters.update(int(p.untyped_storage()._cdata) for p in stored_parts(tensor))
        if tensor.dim() > 1:
            self.sizes[name] = tensor.numel()
        self.note(tensor, Known(name, tensor))

    def note(self, tensor: Tensor, known: Known) -> None:
        parts = stored_parts(tensor)
        for part in parts:
            self.found.setdefault(int(part.untyped_storage()._cdata), []).append(
                (int(part.storage_offset()), known))
        if not parts:
            self.found.setdefault(id(tensor), []).append((0, known))

    def find(self, value: Any) -> Known | None:
        """Of parameters that share a storage, as cuDNN's do, the one that begins there."""
        if not isinstance(value, Tensor):
            return None
        entries = self.found.get(identity(value))
        if not entries:
            return None
        at = offset(value)
        return max(enumerate(entries), key=lambda e: (e[1][0] <= at, e[1][0], e[0]))[1][1]

    def weight(self, value: Any) -> Known | None:
        known = self.find(value)
        return known if known and known.name and not known.product else None

    def follow(self, name: str, arguments: Any, out: Any, prepares: bool) -> bool:
        """Notes what an operator made. True: a weight, of weights and constants alone. prepares: it runs in a parametrization, where a product makes a weight too."""
        given = list(tensors_in(arguments))
        known = [self.find(tensor) for tensor in given]
        results = [r for r in tensors_in(out)]
        if name in ("index", "index_select") and known and known[0] and known[0].name and (
                given[0].dim() > 2):
            picked = given[1]
            distinct = 0 if picked.is_meta else int(torch.unique(picked).numel())
            self.note(results[0], dataclasses.replace(known[0], distinct=distinct))
            return True
        if name in LOOKUPS or any(k is None for k in known):
            self.forget(results)
            return False
        named = [(k, t) for k, t in zip(known, given) if k and k.name]
        if not named:
            for result in results:
                self.note(result, Known("", result))
            return False
        firm = [(k, t) for k, t in named if not k.product]
        product = self.is_product(name, named, firm, results) and not prepares
        best = max(firm or named, key=lambda pair: pair[1].numel())[0]
        if not product:
            self.absorbed.update(k.name for k, _ in named if k.name != best.name)
        for result in results:
            if self.find(result) is None or product or not self.is_parameter(result):
                self.note(result, Known(best.name, result, product))
        return not product

    @staticmethod
    def is_product(name: str, named: list[tuple[Known, Tensor]],
                   firm: list[tuple[Known, Tensor]], results: list[Tensor]) -> bool:
        if name in ("mm", "addmm", "bmm", "baddbmm", "convolution"):
            return True
        if len(firm) == len(named):
            return False
        # A low-rank update that is added to the weight it belongs to.
        return not (name in ("add", "add_", "sub") and results and results[0].dim() == 2
                    and any(t.shape == results[0].shape for _, t in firm))

    def is_parameter(self, tensor: Tensor) -> bool:
        return identity(tensor) in self.parameters

    def forget(self, results: list[Tensor]) -> None:
        """What activations were written into is one."""
        for result in results:
            if not self.is_parameter(result):
                self.found.pop(identity(result), None)
