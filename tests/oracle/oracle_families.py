#!/usr/bin/env python3
"""Expected times of machines whose files have `kernels`, by a second implementation.

Written from src/family/README.md, like sproof_oracle.py from its own pages: no code is
shared with the C program.  `expect(record, ...)` puts expected figures into a record of
the oracle.
"""
import copy
import math

import sproof_oracle as oracle

WIDE = [(64, 64), (64, 128), (128, 64), (128, 128), (128, 256), (256, 128), (64, 256), (256, 64)]
NARROW = [(64, 8), (64, 16), (64, 32), (128, 16), (128, 32)]
PARTS = (1, 2, 3, 4, 6, 8, 16)
DENSE = oracle.Pattern("dense")


class Family:
    def __init__(self, raw):
        self.name, self.pattern = raw["name"], oracle.parse_pattern(raw["pattern"])
        self.dtypes, self.form = raw["dtypes"], raw["form"]
        self.residency = raw.get("residency") or "warm"
        self.as_dense = raw.get("as_dense", False)
        self.c = dict(raw["constants"])


def fastest(machine, p, dtype):
    """FLOP/s of the fastest engine that accepts the pattern; 0: none."""
    return max([0.0] + [e.rate.value for e in machine.engines if dtype in e.dtypes
                        and e.rate.value is not None and e.entry_for(p)])


def moved(family, units, clock, engines):
    """To a machine with so many times the units, clock and rate of the engine: what a unit
    does in a clock stays."""
    factors = {"peak": units * clock / engines, "cache_bytes_per_s": units * clock,
               "step_s": 1 / clock, "row_s": 1 / clock, "output_s": 1 / (units * clock),
               "weight_s": 1 / (units * clock), "long_row_s": 1 / (units * clock)}
    family.c = {name: value * factors.get(name, 1.0) for name, value in family.c.items()}
    return family


def engine_ratio(machine, other, family):
    for dtype in ("f64", "f32", "tf32", "f16", "bf16", "fp8", "i8"):
        a, b = (fastest(m, family.pattern, dtype) for m in (machine, other))
        if dtype in family.dtypes and a and b:
            return a / b
    return 1.0


def families_of(machine, shipped):
    """shipped(name): the file of a shipped machine, from which others take theirs."""
    kernels = machine.get("kernels") or []
    if isinstance(kernels, list):
        return [Family(f) for f in kernels]
    other = shipped(kernels)
    clock = oracle.Rate(machine["clock_hz"]).value / oracle.Rate(other["clock_hz"]).value
    mine, theirs = oracle.Machine(machine), oracle.Machine(other)
    return [moved(f, machine["cores"] / other["cores"], clock, engine_ratio(mine, theirs, f))
            for f in (Family(x) for x in other["kernels"])]


def any_dense(families, text):
    """Somebody measured dense products with W and X of one type, the one in front."""
    types = oracle.parse_types(text, "f16")
    return types.names["w"] == types.names["x"] and any(
        f.pattern.kind == "dense" and types.names["x"] in f.dtypes for f in families)


class View:
    """What of a machine the equations need."""

    def __init__(self, machine, raw, peak):
        self.units = raw["cores"] if raw["kind"] == "gpu" else 1
        self.peak = peak
        self.rate = machine.memory[-1].rate.value
        caches = [l.capacity.value for l in machine.memory[:-1] if l.capacity.value]
        self.cache = caches[-1] if caches else 0


class Call:
    """Y (m x n) = W (m x k) X (k x n), `products` of them at once."""

    def __init__(self, m, k, n, products, types, dtype, residency, pass_bytes):
        self.m, self.k, self.n, self.products = m, k, n, products
        self.types, self.residency, self.pass_bytes = types, residency, pass_bytes
        self.w_bytes, self.issued, self.nnz = m * k * types.w, m * k, m * k
        self.touched, self.blocks = k, None
        # Sums of 8-bit floats leave as f16.
        self.y = max(2, types.y) if dtype == "fp8" else types.y

    def bytes(self, touched=None):
        """touched: rows of X that are read; None: all."""
        rows = self.k if touched is None else touched
        return self.products * (self.w_bytes + rows * self.n * self.types.x
                                + self.m * self.n * self.y)


def far_share(family, view, call, q):
    """f: the share of the bytes that comes from memory."""
    if call.residency in ("dram", "cold"):
        return 1.0
    kept = family.c["resident"] * view.cache
    if not kept:
        return 1.0
    there = call.pass_bytes if call.residency == "network" else q
    return min(1.0, max(0.0, (there - kept) / kept))


def memory_time(family, view, call):
    q = call.bytes(call.touched)
    f = far_share(family, view, call, q)
    return f * q / (family.c["memory"] * view.rate) + (1 - f) * q / family.c["cache_bytes_per_s"]


def waves(w, whole):
    return 1.0 if w <= 1 else whole * math.ceil(w) + (1 - whole) * w


def long_run(family, t):
    """From 0.1 ms on slower, at 1 ms by long_run."""
    share = min(1.0, max(0.0, math.log10(t / 1e-4)))
    return t * (1 + share * (1 / family.c["long_run"] - 1))


def tiles_time(family, view, call):
    c, best = family.c, math.inf
    memory = memory_time(family, view, call)
    share, b_w = call.issued / (call.m * call.k), call.w_bytes / (call.m * call.k)
    for tm, tn in WIDE + (NARROW if call.n < 64 else []):
        step = view.units * max(2 * tm * tn * share / (c["peak"] * view.peak),
                                (tm * b_w + tn * call.types.x) / c["cache_bytes_per_s"])
        tiles = math.ceil(call.m / tm) * math.ceil(call.n / tn) * call.products
        for s in PARTS:
            w = tiles * s / view.units
            if s > 1 and (call.k / s < 64 or w > 4):
                continue
            compute = waves(w, 0.5) * (call.k / s + c["tile_k"]) * step
            t = max(compute, c["step_s"] * call.k / s, memory)
            if s > 1:
                t += 5e-6 + 8 * s * call.products * call.m * call.n / c["cache_bytes_per_s"]
            best = min(best, t)
    return long_run(family, c["call_s"] + best)


def heights(rows):
    """Of tiles of blocks so high: all of it, and halves down to 32 rows."""
    out = [min(rows, 32)]
    while out[-1] * 2 <= rows:
        out.append(out[-1] * 2)
    return out


def widths(n):
    """8, 16, ..., 256: up to the first that holds n columns."""
    out = [8]
    while out[-1] < min(n, 256):
        out.append(out[-1] * 2)
    return out


def blocks_time(family, view, call):
    c, best = family.c, math.inf
    p, (rows, columns, kept) = family.pattern, call.blocks
    d = min(1.0, kept / (rows * columns))
    k = d * columns * p.b
    uneven = 0.0
    if d:
        uneven = c["imbalance"] * math.sqrt(2 * math.log(max(2, rows)) * (1 - d) / (d * columns))
    memory = memory_time(family, view, call)
    for tm in heights(p.a):
        for tn in widths(call.n):
            step = view.units * max(2 * tm * tn / (0.8 * view.peak),
                                    (tm * call.types.w + tn * call.types.x)
                                    / c["cache_bytes_per_s"])
            w = (rows * math.ceil(p.a / tm) * math.ceil(call.n / tn) * call.products
                 / view.units)
            longest = k * (1 + uneven / math.sqrt(max(1.0, w)))
            compute = waves(w, c["whole_waves"]) * (longest + c["tile_k"]) * step
            best = min(best, max(compute, c["step_s"] * k * (1 + uneven), memory))
    return c["call_s"] + best


def rows_time(family, view, call):
    c = family.c
    far = c["far_x"] if call.k * call.n * call.types.x > view.cache else 0
    r = call.nnz / call.m
    output = c["output_s"] * min(1.0, r / 32) + (c["long_row_s"] if r > 320 else 0.0)
    weights = call.nnz * call.n * c["weight_s"] * (1 + far)
    return c["call_s"] + call.products * (call.m * call.n * output + weights + c["row_s"] * r)


def roofline_time(family, view, call):
    c = family.c
    return c["call_s"] + max(2 * call.issued * call.n * call.products / (c["peak"] * view.peak),
                             call.bytes() / (c["memory"] * view.rate))


FORMS = {"tiles": tiles_time, "blocks": blocks_time, "rows": rows_time, "roofline": roofline_time}


class Expected:
    """Expected times of one run of the oracle."""

    def __init__(self, raw, model, families, residency, options):
        self.raw, self.model, self.residency, self.options = raw, model, residency, options
        self.families, self.types = families, model.types

    def peak(self, p):
        return max([0.0] + [e.rate.value for e in self.model.engines if e.entry_for(p)])

    def calls(self, layer):
        return layer.calls / layer.count if layer.count else 0.0

    def best(self, p, call, whole):
        """(seconds, family) of the pattern's families: those of the residency, else others.
        whole: the same call with all weights."""
        far = self.residency in ("cold", "dram")
        mine = [f for f in self.families if f.pattern.name == p.name
                and self.model.dtype in f.dtypes]
        peak = {f: self.peak(DENSE if f.as_dense else p) for f in mine}
        mine = [f for f in mine if f.form == "rows" or peak[f]]
        near = [f for f in mine if (f.residency == "cold") == far] or mine
        return min(((FORMS[f.form](f, View(self.model.machine, self.raw, peak[f]),
                                   whole if f.as_dense else call), f) for f in near),
                   key=lambda x: x[0], default=None)

    def other(self, layer, bound):
        """What is no product: its bound, and a call unless that has one."""
        if self.model.call_s(layer) > 0 or (self.options.fusion == "epilogue" and layer.epilogue):
            return bound
        dense = [f for f in self.families if f.pattern.kind == "dense"
                 and self.model.dtype in f.dtypes]
        far = self.residency in ("cold", "dram")
        near = [f for f in dense if (f.residency == "cold") == far] or dense
        call = min((f.c["call_s"] for f in near), default=0.0)
        return bound + self.calls(layer) * call

    def product(self, layer, p, kept, storage, batch, bound, pass_bytes):
        attention = layer.op == "attention"
        each = self.calls(layer)
        shared = 1 / each if 0 < each < 1 else 1.0
        call = Call(layer.m, layer.k, layer.n * (1 if attention else batch),
                    shared * (batch if attention else 1), self.types, self.model.dtype,
                    self.residency, pass_bytes)
        whole = copy.copy(call)
        if p.kind != "dense":
            call.w_bytes, call.issued = storage.values + storage.index, storage.elements
            call.nnz = kept
        if p.kind == "block":
            rows, columns = oracle.ceil_div(layer.m, p.a), oracle.ceil_div(layer.k, p.b)
            call.blocks = (rows, columns, kept)
            call.touched = layer.k * oracle.touched_estimate(kept / (rows * columns), rows)
        found = self.best(p, call, whole)
        if found is None:
            return None
        if layer.groups > 1:
            return bound
        time, family = found
        return max(bound, time / shared + max(0.0, each - 1) * family.c["call_s"])

    def dense_bytes(self, batch):
        return sum(l.count * l.dense_bytes(batch, self.types, self.model.fuse)[3]
                   for l in self.model.layers)

    def dense(self, layer, batch, bound):
        if layer.op in ("other", "depthwise"):
            return self.other(layer, bound)
        return self.product(layer, DENSE, None, None, batch, bound, self.dense_bytes(batch))

    def stored(self, layer, c):
        """(units, storage) of a pruned layer in its format."""
        units = oracle.units_from_sparsity(c.pattern, layer, c.sparsity)
        if c.nnz is not None and c.pattern.kind in ("csr", "csr16", "bitmask"):
            units = c.nnz
        if c.longest is not None and c.pattern.kind == "ell":
            units = c.longest
        return units, self.model.stored(layer, c.pattern, units, c.touched)

    def format_bytes(self, variant, batch):
        """One pass with every layer in its format."""
        total = 0.0
        for layer in self.model.layers:
            c = variant.choices.get(layer.name)
            if c is None:
                total += layer.count * layer.dense_bytes(batch, self.types, self.model.fuse)[3]
            else:
                st = self.stored(layer, c)[1]
                total += layer.count * (st.values + st.index
                                        + st.tau * layer.x * batch * self.types.x
                                        + layer.m * layer.n * batch * self.types.y)
        return total

    def pruned(self, layer, c, entry, batch, pass_bytes):
        if layer.op == "depthwise" or entry["nnz"] < 1:
            return self.other(layer, entry["time_s"])
        units, st = self.stored(layer, c)
        return self.product(layer, c.pattern, units, st, batch, entry["time_s"], pass_bytes)


def ratio(before, after):
    """1 of two times that are nothing."""
    return before / after if after else 1.0


def expect(record, raw, families, residency):
    """Fills the expected figures of a record."""
    model = record["_model"]
    e = Expected(raw, model, families, residency, record["_options"])
    names = model.types.names
    known = any_dense(families, "w:%s,x:%s" % (names["w"], names["x"])) \
        and not record["_options"].set
    for v in record["variants"] if known else []:
        batch, variant = v["batch"], v["_variant"]
        pass_bytes, before, after = e.format_bytes(variant, batch), 0.0, 0.0
        for layer, entry in zip(model.layers, v["layers"]):
            c = variant.choices.get(layer.name)
            dense = e.dense(layer, batch, entry["dense_time_s"])
            time = e.pruned(layer, c, entry, batch, pass_bytes) if c else dense
            entry["expected_dense_time_s"], entry["expected_time_s"] = dense, time
            entry["expected_speedup"] = None if time is None else ratio(dense, time)
            before += layer.count * dense
            after = None if time is None or after is None else after + layer.count * time
        v["expected_time_s"] = after
        v["expected_speedup"] = None if after is None else ratio(before, after)
