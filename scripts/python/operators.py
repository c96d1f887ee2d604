# SPDX-License-Identifier: Apache-2.0
"""The operators of one forward pass, as rows of a layer table."""
from __future__ import annotations

import dataclasses
import math
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

from known_weights import Known, Weights, identity, layer_of, offset, tensors_in
from layer_row import Row

# FLOP per element of the result and tensors of its size read plus written (data/README.md);
# the name of a row ends in the second word.
EACH: dict[str, tuple[str, int]] = {
    "_softmax": ("softmax", 5), "_safe_softmax": ("softmax", 5), "native_layer_norm": ("norm", 7),
    "_fused_rms_norm": ("norm", 4), "native_group_norm": ("norm", 7), "gelu": ("gelu", 5),
    "silu": ("silu", 4), "silu_": ("silu", 4), "add": ("add", 1), "add_": ("add", 1),
    "mul": ("mul", 1), "mul_": ("mul", 1), "embedding": ("lookup", 0),
    "_embedding_bag": ("lookup", 1), "_embedding_bag_forward_only": ("lookup", 1)}
# What may run inside the product above: one element after the other.
EPILOGUES = {"gelu", "silu", "silu_", "add", "add_", "mul", "mul_"}
POOLS = {"max_pool2d_with_indices", "avg_pool2d", "_adaptive_avg_pool2d", "max_pool1d",
         "avg_pool1d", "mean"}
FUSED_ATTENTION = {"_scaled_dot_product_flash_attention_for_cpu",
                   "_scaled_dot_product_flash_attention",
                   "_scaled_dot_product_efficient_attention",
                   "_scaled_dot_product_fused_attention_overrideable",
                   "_scaled_dot_product_attention_math", "_scaled_dot_product_cudnn_attention"}
# Where the two operands stand.
PRODUCTS = {"mm": 0, "bmm": 0, "mv": 0, "_int_mm": 0, "_scaled_mm": 0, "_sparse_mm": 0,
            "_sparse_semi_structured_mm": 0, "addmm": 1, "baddbmm": 1, "addmv": 1,
            "_sparse_addmm": 1, "_sparse_semi_structured_addmm": 1}
GROUPED = {"_grouped_mm", "_scaled_grouped_mm"}
RECURRENT = {"mkldnn_rnn_layer", "_cudnn_rnn", "miopen_rnn"}
LOOKED_UP = "looked up"
# Weights packed as their kernels want them.
PACKED = {"_weight_int4pack_mm", "_weight_int4pack_mm_for_cpu", "_weight_int8pack_mm"}


# Times an operator that was called, and gives what it returned.
Caller = Callable[[Any, Sequence[Any], dict[str, Any]], tuple[Any, float, float]]


def just_call(func: Any, args: Sequence[Any], kwargs: dict[str, Any]) -> tuple[Any, float, float]:
    return func(*args, **kwargs), 0.0, 0.0


class Recorder(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Turns operators into rows."""

    def __init__(self, model: nn.Module, caller: Caller = just_call,
                 watch: Callable[[Row, Tensor, Tensor], None] | None = None) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.rows: list[Row] = []
        self.names: set[str] = set()
        self.scope: list[str] = []
        self.weights = Weights(model)
        self.left_out: dict[str, set[str]] = {}    # what, and weights it takes
        self.covered: Counter[str] = Counter()     # weights that rows hold
        self.consumed: dict[str, str] = {}         # weights that no product takes, and what does
        self.preparing = 0                         # multiply-adds that only make weights
        self.y: Tensor | None = None    # of the last product, or what epilogues made of it
        self.landed: list[tuple[Row, int]] = []    # of this operator, with its work
        self.elsewhere_s = 0.0                     # of operators without a row
        self.caller, self.watch = caller, watch
        self.by_module = {module: name for name, module in model.named_modules()}

    # --- names

    def here(self, what: str) -> str:
        scope = self.scope[-1] if self.scope else ""
        tail = scope.rsplit(".", 1)[-1].lower()
        if what in tail or (what == "norm" and re.search(r"ln|norm", tail)):
            return scope
        return f"{scope}.{what}" if scope else what

    def add(self, row: Row) -> Row:
        """A layer that runs again counts once more, as does another of a stack; names are
        unique."""
        work = row.work()
        for old in self.rows:
            if self.alike(old, row):
                old.count += row.count
                old.calls += row.calls
                if not row.places <= old.places:
                    old.places |= row.places
                    self.cover(old, row)
                self.y = None    # its row stands further up
                self.landed.append((old, work))
                return old
        base, i = row.layer, 1
        while row.layer in self.names:
            i += 1
            row.layer = f"{base}.{i}"
        self.names.add(row.layer)
        self.rows.append(row)
        matrices, row.matrices = row.matrices, 0
        self.cover(row, dataclasses.replace(row, matrices=matrices, weights=[]))
        self.landed.append((row, work))
        return row

    def cover(self, row: Row, more: Row) -> None:
        row.matrices += more.matrices
        row.weights += more.weights
        if more.known:
            self.covered[more.known.name] += more.m * more.k * more.matrices

    @staticmethod
    def alike(old: Row, row: Row) -> bool:
        if not (row.known and old.known and old.op == row.op
                and (old.m, old.k, old.n) == (row.m, row.k, row.n)):
            return False
        stack = row.known.tensor.dim() == 3 and row.op == "linear" and (
            old.known.name == row.known.name)
        return stack or bool(row.places & old.places)

    def consume(self, tensors: Sequence[Tensor], why: str) -> bool:
        """Whether weights are among what no product takes as its W; for that reason."""
        names = [known.name for t in tensors if (known := self.weights.weight(t))]
        for name in names:
            self.consumed.setdefault(name, why)
        return bool(names)

    def leave_out(self, what: str, arguments: Any) -> None:
        names = {known.name for tensor in tensors_in(arguments)
                 if (known := self.weights.weight(tensor)) and tensor.dim() > 1}
        self.left_out.setdefault(what, set()).update(names)

    # --- operators

    def product(self, name: str, args: Sequence[Any]) -> None:
        a, b = args[PRODUCTS[name]:PRODUCTS[name] + 2]
        if b.dim() == 1:
            b = b.unsqueeze(-1)
        for weight, other in ((b, a), (a, b)):
            known = self.weights.weight(weight)
            if known is not None:
                self.linear(known, weight, other, weight is b)
                self.consume((other,), "inputs of products")
                return
        count = a.shape[0] if a.dim() == 3 else 1
        scope = self.scope[-1] if self.scope else ""
        self.add(Row(f"{scope}.product" if scope else "product", "attention", a.shape[-2],
                     a.shape[-1], b.shape[-1], count))

    def linear(self, known: Known, weight: Tensor, other: Tensor, right: bool) -> None:
        """W is the right operand as k x m, or the left one as m x k; a stack of them beside as
        many inputs is as many products."""
        w = weight.transpose(-1, -2) if right else weight
        x = other if right else other.transpose(-1, -2)
        m, k = w.shape[-2:]
        stack = w.dim() == 3 and w.shape[0] > 1 and w.stride(0) != 0
        count = w.shape[0] if stack else 1
        if w.dim() == 3 and not stack:
            w = w[0]
        self.weighed(Row(layer_of(known.name), "linear", m, k, x.numel() // (k * count), count,
                         prunable=True, weights=[w], matrices=known.distinct or count), known,
                     offset(weight), x)

    def weighed(self, row: Row, known: Known, at: int, x: Tensor) -> None:
        row.known, row.places = known, {(known.name, at)}
        row.calls = min(row.calls, row.count)
        landed = self.add(row)
        if self.watch and row.weights:
            self.watch(landed, row.weights[0], x)

    def grouped(self, args: Sequence[Any], kwargs: dict[str, Any], out: Tensor) -> None:
        """Rows of X are dealt to the matrices of a stack; those that get as many are one row."""
        a, b = args[:2]
        right = b.dim() == 3
        weight, x = (b, a) if right else (a, b.transpose(-1, -2))
        known = self.weights.weight(weight)
        if known is None or weight.dim() != 3 or x.dim() != 2:
            self.leave_out("grouped product of other operands", args)
            return
        ends = next((t for t in [kwargs.get("offs"), *args[2:]] if isinstance(t, Tensor)
                     and t.dtype == torch.int32), None)
        stack = weight.transpose(-1, -2) if right else weight
        experts, m, k = stack.shape
        if ends is None or ends.is_meta:
            each, more = divmod(x.shape[0], experts)
            tokens = [each + (i < more) for i in range(experts)]
        else:
            tokens = ends.diff(prepend=ends.new_zeros(1)).tolist()
        calls = 1    # of the operator, however many rows it has
        for n in sorted(set(tokens) - {0}, reverse=True):
            held = [i for i, t in enumerate(tokens) if t == n]
            self.weighed(Row(layer_of(known.name), "linear", m, k, n, len(held), prunable=True,
                             weights=[stack[held]], matrices=len(held), calls=calls), known,
                         offset(weight) + held[0], x)
            calls = 0
        if len(set(tokens) - {0}) > 1:
            self.y = None    # of several rows

    def packed(self, args: Sequence[Any]) -> None:
        known = self.weights.weight(args[1])
        if known is None or known.tensor.dim() != 2 or args[0].shape[-1] != known.tensor.shape[1]:
            self.leave_out("product of packed weights", args)
            return
        m, k = known.tensor.shape
        self.weighed(Row(layer_of(known.name), "linear", m, k, args[0].numel() // k, prunable=True,
                         weights=[known.tensor], matrices=1), known, 0, args[0])

    def bilinear(self, args: Sequence[Any]) -> None:
        """Each output is the sum of a matrix's products with all pairs of inputs."""
        left, weight, right = args[:3]
        known = self.weights.weight(weight)
        if known is None or weight.dim() != 3:
            self.leave_out("operator _trilinear", args)
            return
        m, k = weight.shape[0], weight.shape[1] * weight.shape[2]
        n = left.numel() // left.shape[-1]
        self.weighed(Row(layer_of(known.name), "linear", m, k, n, prunable=True,
                         x_elements=left.numel() + right.numel(), matrices=1,
                         weights=[weight.reshape(m, k)]), known, offset(weight), left)

    def recurrent(self, name: str, named: dict[str, Any]) -> None:
        """Inputs of all steps in one product, states step by step."""
        x = next(tensors_in(named))
        steps = x.shape[1 if name != "mkldnn_rnn_layer" and named.get("batch_first") else 0]
        for weight in list(tensors_in(named))[1:]:
            known = self.weights.weight(weight)
            if known is None or weight.dim() != 2:
                continue
            m, k = weight.shape
            once = "weight_ih" in known.name
            n = x.numel() // x.shape[-1]
            self.weighed(Row(layer_of(known.name), "linear", m, k, n if once else
                             max(1, n // steps), 1 if once else steps, prunable=True,
                             weights=[weight], matrices=1, calls=1 if once else steps), known,
                         offset(weight), x)

    def fused_attention(self, q: Tensor, k: Tensor, v: Tensor) -> None:
        batch, heads, queries, width = q.shape
        keys, count = k.shape[2], batch * heads
        scope = self.scope[-1] + "." if self.scope and self.scope[-1] else ""
        self.add(Row(scope + "qk", "attention", queries, width, keys, count))
        elements = count * queries * keys
        self.add(Row(scope + "softmax", "other", x_elements=2 * elements, flops=5 * elements))
        self.add(Row(scope + "av", "attention", v.shape[3], keys, queries, count))

    def convolution(self, args: Sequence[Any], out: Tensor) -> None:
        x, weight, _, stride, padding, dilation, transposed = args[:7]
        groups = args[8]
        known = self.weights.weight(weight)
        pixels = (x if transposed else out).shape
        n = pixels[0] * math.prod(pixels[2:])
        if transposed:    # each input pixel times the kernel, into overlapping outputs
            k = weight.shape[0] // groups
            w = weight.reshape(groups, k, -1).transpose(1, 2)
            touched = x.numel()
        else:
            w = weight.reshape(groups, weight.shape[0] // groups, -1)
            k = w.shape[2]
            touched = x.shape[0] * x.shape[1] * math.prod(
                len({o * s - p + i * d for o in range(e) for i in range(f)} & set(range(h)))
                for h, e, f, s, p, d in zip(x.shape[2:], out.shape[2:], weight.shape[2:], stride,
                                            padding, dilation))
        m = groups * w.shape[1]
        if known is None:    # of two activations
            self.add(Row(self.here("conv"), "attention", m // groups, k, n, groups))
            return
        w = w.reshape(m, k)
        depthwise = groups > 1 and (weight.shape[0] == groups if transposed else
                                    weight.shape[1] == 1)
        if depthwise and transposed and weight.shape[1] == 1:    # a row of k weights for a channel
            m, k = groups, m // groups
            w = w.reshape(m, k)
        self.weighed(Row(layer_of(known.name), "depthwise" if depthwise else "conv", m, k, n,
                         groups=groups, prunable=not depthwise, x_elements=touched,
                         weights=[w], matrices=1), known, offset(weight), x)

    def pool(self, name: str, args: Sequence[Any], out: Tensor) -> None:
        x = args[0]
        if not isinstance(x, Tensor) or x.dim() == 0 or x.numel() == out.numel():
            return
        window = max(1, x.numel() // out.numel())
        if name == "max_pool2d_with_indices":
            window = math.prod(args[1])
        self.y = None
        self.add(Row(self.here("pool"), "other", flops=window * out.numel(),
                     x_elements=x.numel() + out.numel()))

    def other(self, name: str, args: Sequence[Any], out: Any) -> None:
        out = out[0] if isinstance(out, (tuple, list)) else out
        if name in POOLS:
            self.pool(name, args, out)
            return
        read = [a for a in args[:2] if isinstance(a, Tensor) and a.dim() > 0]
        word, each = EACH[name]
        if not out.is_floating_point() or not read:
            return
        both = name.startswith(("add", "mul")) and len(read) == 2
        taken = self.consume(read, LOOKED_UP if word == "lookup" else
                             "added to, or a scale of, activations")
        if name.startswith(("add", "mul")) and (not both or taken):
            self.follow_y(args, out)
            return    # a bias, or a scale: part of the product beside it
        inside = name in EPILOGUES and self.reads_y(args, out)
        self.add(Row(self.here(word), "other", flops=each * out.numel(),
                     x_elements=out.numel() + (sum(a.numel() for a in read) if both
                                               else out.numel()), epilogue=inside))
        self.y = out if inside else None

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (),
                           kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if not isinstance(func, torch._ops.OpOverload):
            self.leave_out(f"operator {func}", (args, kwargs))
            return func(*args, **kwargs)
        name = func._overloadpacket.__name__
        if not self.has_rows(name):    # in inference mode linear and matmul come whole
            with self:
                whole = func.decompose(*args, **kwargs)
            if whole is not NotImplemented:
                return whole
        out, seconds, spread = self.caller(func, args, kwargs)
        self.landed = []
        self.dispatch(func, name, args, kwargs, out)
        total = sum(work for _, work in self.landed)
        for row, work in self.landed:
            row.seconds += seconds * (work / total if total else 1 / len(self.landed))
            row.spread = max(row.spread, spread)
        self.elsewhere_s += 0.0 if self.landed else seconds
        return out

    @staticmethod
    def has_rows(name: str) -> bool:
        return (name in PRODUCTS or name in FUSED_ATTENTION or name in EACH or name in POOLS
                or name in GROUPED or name in RECURRENT or name in PACKED
                or name in ("convolution", "_trilinear"))

    def dispatch(self, func: Any, name: str, args: Any, kwargs: Any, out: Any) -> None:
        scope = self.scope[-1] if self.scope else ""
        prepares = "parametrizations" in scope.split(".")
        if name in PRODUCTS or name == "convolution" or name in FUSED_ATTENTION | GROUPED:
            self.y = out[0] if isinstance(out, (tuple, list)) else out
        made = self.weights.follow(name, (args, kwargs), out, prepares)
        if made:
            if name in PRODUCTS and prepares:
                a, b = args[PRODUCTS[name]:PRODUCTS[name] + 2]
                self.preparing += a.numel() * (b.shape[-1] if b.dim() > 1 else 1)
        elif name in PRODUCTS:
            self.product(name, args)
        elif name in GROUPED:
            self.grouped(args, kwargs, out)
        elif name in PACKED:
            self.packed(args)
        elif name in RECURRENT:
            self.recurrent(name, dict(zip((a.name for a in func._schema.arguments), args),
                                      **kwargs))
        elif name == "_trilinear":
            self.bilinear(args)
        elif name == "convolution":
            self.convolution(args, out)
        elif name in FUSED_ATTENTION:
            self.fused_attention(*args[:3])
        elif name in EACH or name in POOLS:
            self.other(name, args, out)
        else:
            self.follow_y(args, out)
            self.unknown(func, name, args, kwargs)

    def unknown(self, func: Any, name: str, args: Any, kwargs: Any) -> None:
        packed = any(isinstance(a, torch.ScriptObject) for a in args)
        matrices = any(t.dim() > 1 and self.weights.weight(t) for t in tensors_in((args, kwargs)))
        if packed:
            self.left_out.setdefault(f"operator {func.namespace}::{name}, whose weights are "
                                     "packed", set()).add(self.scope[-1] if self.scope else "")
        elif matrices:
            self.leave_out(f"operator {name}, which takes weights", (args, kwargs))

    def reads_y(self, args: Sequence[Any], out: Any) -> bool:
        """An operator on all of the Y at hand, in whatever shape."""
        y = self.y
        return y is not None and isinstance(out, Tensor) and out.numel() == y.numel() and any(
            isinstance(a, Tensor) and identity(a) == identity(y) for a in args)

    def follow_y(self, args: Sequence[Any], out: Any) -> None:
        """Views, biases, a ReLU, a folded batch norm: no rows of their own."""
        out = out[0] if isinstance(out, (tuple, list)) and out else out
        if self.reads_y(args, out):
            self.y = out

    @contextmanager
    def names_of_modules(self) -> Iterator[None]:
        """While this lasts, scope ends in the module that runs."""
        def enter(module: nn.Module, _: Any) -> None:
            self.scope.append(self.by_module.get(module, self.scope[-1] if self.scope else ""))

        def leave(*_: Any) -> None:
            self.scope.pop()

        handles: list[Any] = []
        for module in self.by_module:
            if isinstance(module, torch.jit.ScriptModule):    # takes no hooks
                continue
            handles += [module.register_forward_pre_hook(enter, prepend=True),
                        module.register_forward_hook(leave, always_call=True)]
        try:
            yield
        finally:
            for handle in handles:
                handle.remove()
