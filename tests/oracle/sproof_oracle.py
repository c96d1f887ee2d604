#!/usr/bin/env python3
"""A second, independent implementation of sproof's analytical model.

It is the test oracle: it was written from the specification alone and shares
no code with the C program.  Plain Python (>= 3.9), standard library only,
slow and literal on purpose.

As a module:   record = sproof_oracle.run(["analyze", "model.csv", "--machine", "./m.json", ...])
As a program:  sproof_oracle.py analyze MODEL --machine M.json [options of `sproof analyze`]
               sproof_oracle.py --self-test

Conventions: 2 FLOP per multiply-add; SI units; v bytes per value.  A layer is
the GEMM Y[m x n] = W[m x k] * X[k x n]; at batch b, n becomes n*b and the
distinct input elements x become x*b.

    F_dense = 2 m k n                       Q_dense = m k v + x v + m n v
    F_issued(pattern), Q_w(pattern)         Q       = Q_w + tau x v + m n v
    T = max(F_issued / P_engine, Q / B_last) + overhead_s * calls / count

A pruned layer is executed in the fastest of three ways.  Native: its format on an
engine whose `accepts` takes it.  Expanded: the bytes of its format, the FLOPs of
another pattern that it satisfies.  Dense: stored and multiplied dense.

Each operand may have a type of its own: then v is that of W, X or Y.  The dense side may
have other types (--against): of it are all dense times, and only those.

A variant may skip zeros of X, a fraction a of it, in the layers that can be pruned: 1 - a of the
FLOPs are left; of W a column moves when one of the n b columns of X has something for it,
1 - a^(n b); of X what is left moves with ceil(log2 k) bits each that say where, or all of it
where that is less.  The dense side skips nothing.

Keys of the result that start with "_" are for the comparison only (what else
would be right within rounding) and are not part of a record.
"""
import argparse
import copy
import csv
import io
import json
import math
import sys

VALUE_BYTES = {"f64": 8, "f32": 4, "tf32": 4, "f16": 2, "bf16": 2, "fp8": 1, "i8": 1}
# weights only: bits, bytes of the scale, weights that share it
SCALED = {"i4": (4, 2, 128), "i3": (3, 2, 128), "i2": (2, 2, 128), "fp4": (4, 1, 32),
          "fp6": (6, 1, 32), "nvfp4": (4, 1, 16), "nf4": (4, 4, 64)}
# weights only: bytes of a block, its weights
BLOCKS = {"q4_0": (18, 32), "q4_1": (20, 32), "q5_0": (22, 32), "q5_1": (24, 32),
          "q8_0": (34, 32), "q2_K": (84, 256), "q3_K": (110, 256), "q4_K": (144, 256),
          "q5_K": (176, 256), "q6_K": (210, 256)}
POINTER = 4                       # bytes of a row pointer
CSR_KINDS = ("csr", "csr16", "bitmask", "ell")
CLASSES = ("dense", "csr", "block", "nm", "comp")
DEFAULT_PATTERNS = "csr,4x1,4x4,16x16,32x1,32x32,2:4"
DEFAULT_SPARSITIES = "0.5:0.95:0.05"
SAME_POINT = 5e-4                 # sparsities this close are the same point
SLACK = 1e-12


class OracleError(Exception):
    """The input is one that the program has to refuse."""


def ceil_div(a, b):
    return -(-a // b)


def ceil_log2(n):
    """ceil(log2 n) for an integer n >= 1."""
    return (n - 1).bit_length()


def round12(x):
    """12 significant digits, as names are printed."""
    return float("%.12g" % x)


def ratio(a, b):
    """a / b; None when b is zero (a record has no Infinity)."""
    return a / b if b else None


# --------------------------------------------------------------------------
# Number types
# --------------------------------------------------------------------------

def bytes_of(name, operand):
    """Bytes of one value of W, X or Y."""
    if name in VALUE_BYTES:
        return VALUE_BYTES[name]
    if operand == "y" and name == "i32":
        return 4
    if operand == "w" and name in BLOCKS:
        return BLOCKS[name][0] / BLOCKS[name][1]
    kind, _, group = name.partition("/")
    if operand == "w" and kind in SCALED:
        bits, scale, usual = SCALED[kind]
        return bits / 8 + scale / (int(group) if group else usual)
    raise OracleError("no type of %s: %s" % (operand, name))


class Types:
    """Names of the types of W, X and Y, and the bytes of their values."""

    def __init__(self, w, x, y):
        self.names = {"w": w, "x": x, "y": y}
        self.w, self.x, self.y = (bytes_of(n, o) for o, n in self.names.items())
        # the wider of the two multiplies; what only stores is expanded to X's
        self.engine = w if w in VALUE_BYTES and self.w > self.x else x


def parse_types(text, usual):
    """f16; w:i4,x:f16,y:f16; i8,y:i32. What is not given: usual, of Y as X."""
    given = {}
    for item in text.split(","):
        if ":" in item:
            operand, name = item.split(":")
            given[operand] = name
        else:
            given = {"w": item, "x": item, "y": item}
    x = given.get("x", usual)
    return Types(given.get("w", usual), x, given.get("y", x))


# --------------------------------------------------------------------------
# Patterns
# --------------------------------------------------------------------------

class Pattern:
    """kind: dense csr csr16 bitmask ell block nm venom comp; a, b: R,C or N,M or P,-;
    v: the rows of a block of V:N:M"""

    def __init__(self, kind, a=0, b=0, v=0):
        self.kind, self.a, self.b, self.v = kind, a, b, v

    @property
    def name(self):
        if self.kind == "block":
            return "%dx%d" % (self.a, self.b)
        if self.kind == "nm":
            return "%d:%d" % (self.a, self.b)
        if self.kind == "venom":
            return "%d:%d:%d" % (self.v, self.a, self.b)
        if self.kind == "comp":
            return "comp:%d" % self.a
        return self.kind

    @property
    def cls(self):
        if self.kind in CSR_KINDS:
            return "csr"
        return "nm" if self.kind == "venom" else self.kind

    @property
    def fixed_sparsity(self):
        """dense 0, N:M and V:N:M 1-N/M, comp:P 1-1/P (rounded to 12 digits); else None."""
        if self.kind == "dense":
            return 0.0
        if self.kind in ("nm", "venom"):
            return round12(1.0 - self.a / self.b)
        if self.kind == "comp":
            return round12(1.0 - 1.0 / self.a)
        return None

    def too_small(self, layer):
        """In a grid such a layer stays dense."""
        if self.kind == "block":
            return layer.m < self.a or layer.k < self.b
        if self.kind == "nm":
            return layer.k < self.b
        if self.kind == "venom":
            return layer.m < self.v or layer.k < self.b
        if self.kind == "comp":
            return layer.m < self.a
        if self.kind == "csr16":
            return layer.k > 65536
        return False


def parse_pattern(text):
    t = text.strip()
    if t in ("csr", "unstructured", "1x1"):
        return Pattern("csr")
    if t in ("dense", "csr16", "bitmask", "ell"):
        return Pattern(t)
    try:
        if t.startswith("comp:"):
            return Pattern("comp", int(t[5:]))
        if t.startswith("bsr:"):
            t = t[4:]
        if t.count(":") == 2:
            v, n, m = (int(x) for x in t.split(":"))
            if not 1 <= n <= 4 < m or v < 1:
                raise OracleError("V:N:M needs N <= 4 < M: '%s'" % text)
            return Pattern("venom", n, m, v)
        if ":" in t:
            n, m = t.split(":")
            return Pattern("nm", int(n), int(m))
        r, c = t.split("x")
        if int(r) == 1 and int(c) == 1:
            return Pattern("csr")
        return Pattern("block", int(r), int(c))
    except ValueError:
        raise OracleError("unknown pattern '%s'" % text)


# Counts.  "units" is what a pattern keeps: non-zeros for csr, csr16, bitmask;
# blocks for RxC; the longest row w for ell; nothing to choose for the others.

def cells(p, layer):
    """Number of cells that break-even counts: weights, or blocks."""
    if p.kind == "block":
        return ceil_div(layer.m, p.a) * ceil_div(layer.k, p.b)
    return layer.m * layer.k


def units_from_sparsity(p, layer, s):
    if p.kind in ("csr", "csr16", "bitmask", "block"):
        return math.floor((1.0 - s) * float(cells(p, layer)) + 0.5)
    if p.kind == "ell":
        return math.ceil((1.0 - s) * layer.k * (1 - 1e-12))
    return None


def units_from_cells(p, layer, c):
    """For break-even: c kept cells."""
    if p.kind == "ell":
        return math.ceil(c / layer.m * (1 - 1e-12))
    return c


def kept_of(n, m, layer):
    """Weights that the pattern n:m keeps."""
    return layer.m * (layer.k // m * n + min(n, layer.k % m))


def nm_kept(p, layer):
    return kept_of(p.a, p.b, layer)


def useful_nnz(p, layer, s):
    """Useful non-zeros, estimated from the sparsity; may be fractional."""
    m, k = layer.m, layer.k
    if p.kind == "dense":
        return m * k
    if p.kind in ("csr", "csr16", "bitmask"):
        return units_from_sparsity(p, layer, s)
    if p.kind == "block":
        return units_from_sparsity(p, layer, s) * (m * k) / cells(p, layer)
    if p.kind in ("nm", "venom"):
        return nm_kept(p, layer)
    if p.kind == "ell":
        return (1.0 - s) * m * k
    return m * k / p.a                                    # comp


def touched_estimate(density, rows):
    """-expm1(rows * log1p(-density)): 1 - (1-d)^rows."""
    if rows <= 0 or density <= 0.0:
        return 0.0
    if density >= 1.0:
        return 1.0
    return -math.expm1(rows * math.log1p(-density))


class Storage:
    """What a pattern stores and makes the machine do, for one layer."""

    def __init__(self, elements, values, index, tau):
        self.elements, self.values, self.index, self.tau = elements, values, index, tau


def storage(p, layer, units, v, tile_rows=1):
    """Issued elements, bytes of values and of index, estimated tau."""
    m, k = layer.m, layer.k
    rows = ceil_div(m, layer.groups)          # rows that see the same inputs
    if p.kind == "dense":
        st = Storage(m * k, m * k * v, 0, 1.0)
    elif p.kind in ("csr", "csr16"):
        i = 2 if p.kind == "csr16" else 4
        st = Storage(units, units * v, units * i + (m + 1) * POINTER,
                     touched_estimate(units / (m * k), rows))
    elif p.kind == "bitmask":
        st = Storage(units, units * v, ceil_div(m * k, 8) + (m + 1) * POINTER,
                     touched_estimate(units / (m * k), rows))
    elif p.kind == "ell":
        st = Storage(m * units, m * units * v, m * units * 4,
                     touched_estimate(units / k, rows))
    elif p.kind == "block":
        block_rows, block_columns = ceil_div(m, p.a), ceil_div(k, p.b)
        # whole groups of tile_rows rows are multiplied: FLOPs only
        issued_rows = ceil_div(p.a, tile_rows) * tile_rows
        st = Storage(units * issued_rows * p.b, units * p.a * p.b * v,
                     units * 4 + (block_rows + 1) * POINTER,
                     touched_estimate(units / (block_rows * block_columns),
                                      ceil_div(m, layer.groups * p.a)))
    elif p.kind == "nm":
        kept = nm_kept(p, layer)
        st = Storage(kept, kept * v, kept * ceil_log2(p.b) / 8,
                     touched_estimate(kept / (m * k), rows))
    elif p.kind == "venom":
        # a place among 4 for each weight, 4 column numbers for each block
        kept = nm_kept(p, layer)
        blocks = ceil_div(m, p.v) * ceil_div(k, p.b)
        st = Storage(kept, kept * v, kept * 2 / 8 + blocks * 4 * ceil_log2(p.b) / 8,
                     touched_estimate(min(1.0, 4 / p.b), ceil_div(m, layer.groups * p.v)))
    else:                                                  # comp
        packed = ceil_div(m, p.a) * k
        st = Storage(packed, packed * v, packed * ceil_log2(p.a) / 8, 1.0)
    if layer.op == "depthwise":
        st.tau = 1.0
    return st


# What a pattern satisfies: as what its weights may be multiplied, and what that issues.

def most_in_a_group(n, m, m2):
    """The most weights an aligned group of m2 columns can hold when every aligned
    group of m columns holds at most n."""
    most = 0
    for j in range(m):                    # after m groups of m2 the alignment repeats
        held = {}
        for column in range(j * m2, j * m2 + m2):
            held[column // m] = held.get(column // m, 0) + 1
        most = max(most, sum(min(n, columns) for columns in held.values()))
    return most


MOST = {}


def satisfies_nm(n, m, n2, m2):
    """n:m is a special case of n2:m2."""
    if (n, m, m2) not in MOST:
        MOST[n, m, m2] = most_in_a_group(n, m, m2)
    return MOST[n, m, m2] <= n2


SPREAD = {}


def spread_over(p):
    """The smallest even M2 from 4 to 256 for which N:M satisfies (M2-2):M2, else None."""
    if p.name not in SPREAD:
        good = (m2 for m2 in range(4, 257, 2) if satisfies_nm(p.a, p.b, m2 - 2, m2))
        SPREAD[p.name] = next(good, None)
    return SPREAD[p.name]


def multiplied_on(p, layer, own, engine):
    """[(name, issued elements)]: as what the engine can multiply the pattern's weights.
    own: what the format itself issues, tiles ignored."""
    out = []
    for entry in engine.accepts:
        q = entry.pattern
        if entry.as_pattern is not None:
            continue
        if entry.word in ("dense", "any"):
            out.append(("dense", layer.m * layer.k))
        elif entry.word in CSR_KINDS:
            out.append((entry.word, own))
        elif q and q.kind == p.kind == "nm" and satisfies_nm(p.a, p.b, q.a, q.b):
            out.append((q.name, nm_kept(q, layer)))
        elif q and q.name == "2:4" and p.kind == "nm" and spread_over(p):
            m2 = spread_over(p)
            out.append(("2:4", kept_of(m2 - 2, m2, layer)))
        elif q and q.name == "2:4" and p.kind == "venom" and p.a <= 2:
            out.append(("2:4", kept_of(2, p.b, layer)))
    return out


# --------------------------------------------------------------------------
# Machines
# --------------------------------------------------------------------------

class Rate:
    """A number with low and high; value None is unknown."""

    def __init__(self, raw):
        if isinstance(raw, dict):
            self.value = raw.get("value")
            self.low = raw.get("low") if raw.get("low") is not None else self.value
            self.high = raw.get("high") if raw.get("high") is not None else self.value
        else:
            self.value = self.low = self.high = raw

    def at(self, corner):
        return getattr(self, corner)

    def set(self, text):
        """`2x` multiplies value, low and high; a number sets all three."""
        if text.endswith("x"):
            f = float(text[:-1])
            if self.value is None:
                raise OracleError("cannot scale an unknown number")
            self.value, self.low, self.high = self.value * f, self.low * f, self.high * f
        else:
            self.value = self.low = self.high = float(text)


class Entry:
    """One entry of an engine's `accepts`."""

    def __init__(self, raw):
        self.as_pattern = None
        word = raw
        if isinstance(raw, dict):
            word = raw["pattern"]
            if raw.get("as"):
                self.as_pattern = parse_pattern(raw["as"])
        self.pattern = None if word in CLASSES + ("any",) else parse_pattern(word)
        self.word = self.pattern.name if self.pattern else word
        self.is_class = word in CLASSES

    def matches(self, p):
        if self.word == "any":
            return True
        return p.cls == self.word if self.is_class else p.name == self.word


class Engine:
    def __init__(self, raw):
        self.name = raw["name"]
        self.dtypes = raw["dtypes"]
        self.rate = Rate(raw.get("flops_per_s"))
        self.accepts = [Entry(e) for e in raw["accepts"]]
        self.tile_rows = int(raw.get("tile_rows") or 1)

    def entry_for(self, p):
        """The first matching entry counts."""
        for e in self.accepts:
            if e.matches(p):
                return e
        return None


class Level:
    def __init__(self, raw):
        self.name = raw["level"]
        self.capacity = Rate(raw.get("bytes"))
        self.rate = Rate(raw.get("bytes_per_s"))


class Machine:
    def __init__(self, raw, sets=()):
        self.default_dtype = raw.get("default_dtype") or "f32"
        self.engines = [Engine(e) for e in raw["engines"]]
        self.memory = [Level(l) for l in raw["memory"]]
        self.overhead = Rate(raw.get("overhead_s"))
        for item in sets:
            path, value = item.split("=", 1)
            self.find(path).set(value)
        self.overhead_s = self.overhead.value or 0.0

    def find(self, path):
        if path == "overhead_s":
            return self.overhead
        kind, rest = path.split(".", 1)
        name, key = rest.rsplit(".", 1)
        if kind == "engine" and key == "flops_per_s":
            for e in self.engines:
                if e.name == name:
                    return e.rate
        if kind == "memory" and key in ("bytes_per_s", "bytes"):
            for l in self.memory:
                if l.name == name:
                    return l.rate if key == "bytes_per_s" else l.capacity
        raise OracleError("no such number: " + path)


# --------------------------------------------------------------------------
# Input tables
# --------------------------------------------------------------------------

def read_csv(path):
    with open(path, encoding="utf-8-sig", newline="") as f:
        return read_csv_text(f.read())


def read_csv_text(text):
    text = "".join(line for line in io.StringIO(text, newline="")
                   if not line.lstrip().startswith("#"))
    return [{k.strip(): (c or "").strip() for k, c in row.items() if k is not None}
            for row in csv.DictReader(io.StringIO(text))]


def parse_fraction(text):
    """0.9 or 90%"""
    t = text.strip()
    return float(t[:-1]) / 100.0 if t.endswith("%") else float(t)


def parse_number_list(text, number):
    out = []
    for item in text.split(","):
        if ":" in item:
            lo, hi, step = (float(x) for x in item.split(":"))
            i = 0
            while round12(lo + i * step) <= hi + 1e-12:
                out.append(round12(lo + i * step))
                i += 1
        else:
            out.append(number(item))
    return out


class Layer:
    def __init__(self, row):
        self.name = row["layer"]
        self.op = row.get("op") or "linear"
        self.count = int(row.get("count") or 1)
        self.groups = int(row.get("groups") or 1)
        text = row.get("prunable") or ""
        self.prunable = text in ("1", "yes") if text else self.op in ("linear", "conv")
        given = row.get("x_elements") or ""
        self.m = self.k = self.n = 0
        self.x = int(given) if given else 0
        self.flops, self.bytes, self.bytes_from_x = 0.0, 0.0, False
        if self.op == "other":
            self.flops = float(row.get("flops") or 0)
            if row.get("bytes"):
                self.bytes = float(row["bytes"])
            else:
                self.bytes_from_x = True
        else:
            self.m, self.k, self.n = int(row["m"]), int(row["k"]), int(row["n"])
            if not given:
                self.x = {"linear": self.k * self.n,
                          "conv": self.groups * self.k * self.n,
                          "depthwise": self.m * self.n,
                          "attention": self.k * self.n}[self.op]
        self.calls = int(row["calls"]) if row.get("calls") else self.count
        self.epilogue = (row.get("epilogue") or "0") in ("1", "yes")
        self.zeros = parse_fraction(row.get("activation_sparsity") or "0")   # of X
        self.skipped = 0.0                # of X, by the product: see skipping
        self.y_elements = 0.0             # of an epilogue: see fuse_into
        if self.prunable and not self.has_weights:
            raise OracleError("layer %s: no weights to prune" % self.name)

    @property
    def has_weights(self):
        return self.op in ("linear", "conv", "depthwise")

    @property
    def weights(self):
        return self.m * self.k

    def default_x(self):
        return {"linear": self.k * self.n, "conv": self.groups * self.k * self.n,
                "depthwise": self.m * self.n, "attention": self.k * self.n}[self.op]

    def fuse_into(self, product):
        """An epilogue call reads and writes the Y of one call of the product above it."""
        y_of_call = product.count * product.m * product.n / product.calls if product.calls else 0
        self.y_elements = 2 * y_of_call * self.calls / self.count

    def skipping(self, a):
        """The layer whose product skips this fraction of X."""
        new = copy.copy(self)
        new.skipped = a
        return new

    def share_of_w(self, batch):
        """Of W's columns those that not all of X's columns have a zero for."""
        if self.skipped == 0:
            return 1.0
        return -math.expm1(self.n * batch * math.log(self.skipped))

    def bytes_of_x(self, batch, v):
        """Every element, or where it is less those that are left with an index."""
        every = self.x * batch * v
        if self.skipped == 0:
            return every
        return min(every, (1 - self.skipped) * self.x * batch * (v + ceil_log2(self.k) / 8))

    def shrunk(self, row):
        """The layer as a variant's row leaves it; self when the row lowers nothing."""
        new = copy.copy(self)
        for key in ("m", "k", "n", "count", "groups"):
            if row.get(key):
                setattr(new, key, int(row[key]))
        new.calls = int(row["calls"]) if row.get("calls") else min(self.calls, new.count)
        if self.op == "other":
            if row.get("flops"):
                new.flops = float(row["flops"])
            if row.get("bytes"):
                new.bytes = float(row["bytes"])
            if row.get("x_elements"):
                new.x = int(row["x_elements"])
            before, after = (self.x, new.x) if self.bytes_from_x else (self.bytes, new.bytes)
            if before != after:
                new.y_elements = self.y_elements * after / before
        else:
            if self.op == "depthwise" and self.groups == self.m:
                new.groups = new.m
            if row.get("x_elements"):
                new.x = int(row["x_elements"])
            elif self.x == self.default_x():
                new.x = new.default_x()
            else:
                new.x = self.x * new.default_x() / self.default_x()
        return self if vars(new) == vars(self) else new

    def dense_bytes(self, batch, types, fuse=False):
        """(Q_w, bytes_x, bytes_y, Q) of the dense operator."""
        if self.op == "other":
            q = self.x * types.x if self.bytes_from_x else self.bytes
            if fuse and self.epilogue:
                q = max(0.0, q - self.y_elements * types.x)
            return 0, None, None, batch * q
        if self.op == "attention":
            qx = batch * (self.m * self.k + self.k * self.n) * types.x
            qy = batch * self.m * self.n * types.y
            return 0, qx, qy, qx + qy
        qw, qx = self.m * self.k * types.w, self.bytes_of_x(batch, types.x)
        if self.skipped:
            qw *= self.share_of_w(batch)
        qy = self.m * self.n * batch * types.y
        return qw, qx, qy, qw + qx + qy

    def dense_flops(self, batch):
        if self.op == "other":
            return batch * self.flops
        flops = 2 * self.m * self.k * self.n * batch
        return flops * (1 - self.skipped) if self.skipped else flops


def change_name(pattern, smaller):
    """A pattern, "smaller", or "smaller+csr"."""
    if not smaller:
        return pattern
    return "smaller" if pattern == "dense" else "smaller+" + pattern


class Choice:
    """How one layer is pruned: pattern, sparsity, and what a mask counted."""

    def __init__(self, pattern, sparsity, nnz=None, touched=None, longest=None, layer=None):
        self.layer = layer                # smaller than the network's; None: as it is
        self.pattern, self.sparsity = pattern, sparsity
        self.nnz, self.touched, self.longest = nnz, touched, longest
        self.skipped = 0.0                # of X

    def left_of(self, base):
        """The layer as this choice has it."""
        layer = self.layer or base
        return layer.skipping(self.skipped) if self.skipped else layer


class Variant:
    def __init__(self, name, pattern, sparsity, choices):
        self.name, self.pattern, self.sparsity, self.choices = name, pattern, sparsity, choices
        self.accuracy = self.source = self.dense_accuracy = None
        self.better = "higher"
        self.counts_for_pareto = True
        self.smaller = False
        self.zeros = {}                   # of X, where the variant's rows say it
        self.skipped = 0.0                # as in the record

    @property
    def change(self):
        return change_name(self.pattern, self.smaller)


def skipping_variant(v, a, layers):
    """The variant whose products skip a of X, "table": what the table says of each layer."""
    new = copy.copy(v)
    new.skipped, new.choices = a, dict(v.choices)
    if a == 0:
        return new
    if a != "table":
        new.accuracy = new.source = None     # nobody measured it
    new.name += "+act" if a == "table" else "+act%.12g" % a
    for layer in layers:
        of = v.zeros.get(layer.name, layer.zeros) if a == "table" else a
        if layer.prunable and of:
            c = copy.copy(v.choices.get(layer.name) or Choice(Pattern("dense"), 0.0))
            c.skipped = of
            new.choices[layer.name] = c
    return new


def skipping_variants(variants, text, layers):
    """Each variant with every a of the list."""
    values = []
    for item in text.split(","):
        for a in ["table"] if item == "table" else parse_number_list(item, parse_fraction):
            if a not in values:
                values.append(a)
    return [skipping_variant(v, a, layers) for v in variants for a in values]


def variant_from_rows(name, rows, layers):
    choices = {}
    zeros = {}
    accuracy = None
    for row in rows:
        if row.get("accuracy"):
            accuracy = float(row["accuracy"])
        p = parse_pattern(row.get("pattern") or "dense")
        base = next(l for l in layers if l.name == row["layer"])
        if row.get("activation_sparsity"):
            zeros[base.name] = parse_fraction(row["activation_sparsity"])
        layer = base.shrunk(row)
        smaller = None if layer is base else layer
        if p.kind == "dense":
            if smaller:
                choices[layer.name] = Choice(p, 0.0, layer=smaller)
            continue
        if not layer.prunable:
            raise OracleError("layer %s is not prunable" % layer.name)
        if p.kind in ("comp", "csr16") and p.too_small(layer):
            raise OracleError("layer %s: %s does not fit" % (layer.name, p.name))
        s = p.fixed_sparsity
        if s is None:
            s = parse_fraction(row["sparsity"])
        elif row.get("sparsity") and abs(parse_fraction(row["sparsity"]) - s) > 0.01:
            raise OracleError("sparsity of %s" % p.name)
        number = lambda key: int(row[key]) if row.get(key) else None
        choices[layer.name] = Choice(p, s, number("nnz"), number("touched_columns"),
                                     number("longest_row"), smaller)
    names = []
    for c in choices.values():
        if c.pattern.kind != "dense" and c.pattern.name not in names:
            names.append(c.pattern.name)
    pattern = "dense" if not names else names[0] if len(names) == 1 else "mixed"
    top = bottom = 0.0
    for layer in layers:
        if layer.prunable:
            c = choices.get(layer.name)
            left = c.layer or layer if c else layer
            kept = left.count * left.weights * (1.0 - c.sparsity if c else 1.0)
            top += layer.count * layer.weights - kept
            bottom += layer.count * layer.weights
    v = Variant(name, pattern, round12(top / bottom) if bottom else 0.0, choices)
    v.smaller = any(c.layer for c in choices.values())
    v.zeros = zeros
    if accuracy is not None:
        v.accuracy, v.source = accuracy, "model"
    return v


def read_model(path):
    """(layers of the base network, variants of the table or None for a plain table)"""
    rows = read_csv(path)
    layers = {}
    for row in rows:
        if row["layer"] not in layers:
            layers[row["layer"]] = Layer(row)
    layers = list(layers.values())
    product = None
    for layer in layers:
        if layer.op != "other":
            product = layer
        elif not layer.epilogue:
            product = None
        elif product is None:
            raise OracleError("layer %s: an epilogue without a product" % layer.name)
        else:
            layer.fuse_into(product)
    columns = rows[0].keys()
    if "variant" in columns:
        groups = {}
        for row in rows:
            if row["variant"]:
                groups.setdefault(row["variant"], []).append(row)
    elif "pattern" in columns or "sparsity" in columns:
        stem = path.replace("\\", "/").split("/")[-1]
        stem = stem.rsplit(".", 1)[0] if "." in stem else stem
        groups = {stem: rows}
    else:
        return layers, None
    if not groups:
        return layers, None
    variants = [variant_from_rows(n, r, layers) for n, r in groups.items()]
    for row in rows:                      # accuracy of the base network
        if row.get("accuracy") and "variant" in columns and not row["variant"]:
            for v in variants:
                v.dense_accuracy = float(row["accuracy"])
    return layers, variants


class AccuracyPoint:
    def __init__(self, row):
        self.variant = row.get("variant") or ""
        # a row that is joined by variant may stand for a mixed one
        text = row.get("pattern") or ""
        self.pattern = parse_pattern(text).name if text and text != "mixed" else text
        self.sparsity = parse_fraction(row["sparsity"]) if row.get("sparsity") else None
        if text and text != "mixed" and parse_pattern(text).fixed_sparsity is not None:
            self.sparsity = parse_pattern(text).fixed_sparsity
        self.accuracy = float(row["accuracy"])
        self.method = row.get("method") or ""
        self.better = row.get("better") or "higher"
        self.layerwise = row.get("allocation") == "layerwise"
        self.dense = float(row["dense_accuracy"]) if row.get("dense_accuracy") else None


def value_at(points, s):
    """(accuracy, source, layerwise, better, dense accuracy) of one method's points at s, or None.

    Exact within 5e-4 (the nearest wins); else linear between the two
    neighbours; never beyond the ends.
    """
    near = min(points, key=lambda p: abs(p.sparsity - s))
    if abs(near.sparsity - s) <= SAME_POINT:
        return near.accuracy, "table", near.layerwise, near.better, near.dense
    below = [p for p in points if p.sparsity < s]
    above = [p for p in points if p.sparsity > s]
    if not below or not above:
        return None
    lo = max(below, key=lambda p: p.sparsity)
    hi = min(above, key=lambda p: p.sparsity)
    a = lo.accuracy + (hi.accuracy - lo.accuracy) * (s - lo.sparsity) / (hi.sparsity - lo.sparsity)
    return a, "interpolated", lo.layerwise or hi.layerwise, lo.better, lo.dense


def values_by_method(points, pattern, s):
    """[(method, value)] for the methods that have a value, in file order."""
    methods = {}
    for p in points:
        if p.pattern == pattern:
            methods.setdefault(p.method, []).append(p)
    found = [(m, value_at(ps, s)) for m, ps in methods.items()]
    return [(m, x) for m, x in found if x is not None]


def grid_variant(p, s, layers):
    choices = {}
    if p.kind != "dense":
        for layer in layers:
            if layer.prunable and not p.too_small(layer):
                choices[layer.name] = Choice(p, s)
    return Variant("%s@%.12g" % (p.name, s), p.name, s, choices)


def set_accuracy(v, value, assume_uniform, uniform_grid):
    v.accuracy, v.source, layerwise, v.better, dense = value
    v.dense_accuracy = v.dense_accuracy if dense is None else dense
    v.counts_for_pareto = not (layerwise and uniform_grid) or assume_uniform


def grid_variants(layers, opt, points):
    """Patterns outer, sparsities inner; a fixed pattern once."""
    out = []
    if points is not None and opt.pattern is None and opt.sparsity is None:
        for point in points:                       # the table's own points
            p = parse_pattern(point.pattern)
            v = grid_variant(p, point.sparsity, layers)
            if len(values_by_method(points, p.name, point.sparsity)) > 1:
                v.name += "/" + point.method
            set_accuracy(v, (point.accuracy, "table", point.layerwise, point.better, point.dense),
                         opt.assume_uniform, True)
            out.append(v)
        return out
    sparsities = parse_number_list(opt.sparsity or DEFAULT_SPARSITIES, parse_fraction)
    for text in (opt.pattern or DEFAULT_PATTERNS).split(","):
        p = parse_pattern(text)
        fixed = p.fixed_sparsity
        for s in (sparsities if fixed is None else [fixed]):
            found = values_by_method(points, p.name, s) if points is not None else []
            if not found:
                out.append(grid_variant(p, s, layers))
            for method, value in found:
                v = grid_variant(p, s, layers)
                if len(found) > 1:
                    v.name += "/" + method
                set_accuracy(v, value, opt.assume_uniform, True)
                out.append(v)
    return out


def table_variants(variants, opt, points):
    if opt.pattern is not None:
        keep = [t if t == "mixed" else parse_pattern(t).name for t in opt.pattern.split(",")]
        variants = [v for v in variants if v.pattern in keep]
    for v in variants:
        if points is None:
            continue
        named = [p for p in points if p.variant == v.name]
        if named:
            p = named[0]
            set_accuracy(v, (p.accuracy, "table", p.layerwise, p.better, p.dense),
                         opt.assume_uniform, False)
        elif not v.smaller:
            found = values_by_method([p for p in points if not p.variant], v.pattern, v.sparsity)
            if found:
                set_accuracy(v, found[0][1], opt.assume_uniform, False)
    return variants


# --------------------------------------------------------------------------
# The model
# --------------------------------------------------------------------------

class Result:
    """One layer executed one way: figures, terms and time."""

    execution = "dense"
    executed_as = None
    native_s = expanded_s = None
    bytes_to_choose = None    # of all executions; None where there is only this one
    also = ()                 # other ways to expand that are as fast within rounding

    @property
    def fewest_bytes(self):
        return min(self.bytes_to_choose) if self.bytes_to_choose else self.q


def faster(a, b):
    """By more than rounding."""
    return a < b * (1 - SLACK)


def least(results):
    """The first with the smallest time; None for none."""
    best = None
    for r in results:
        if best is None or r.time < best.time:
            best = r
    return best


class Model:
    def __init__(self, machine, layers, types, residency="dram", ideal_tiles=False,
                 execution="best", fuse=False, against=None):
        self.fuse = fuse
        self.machine, self.layers = machine, layers
        self.types = Types(types, types, types) if isinstance(types, str) else types
        self.dtype = dtype = self.types.engine
        self.residency, self.ideal_tiles = residency, ideal_tiles
        self.execution = execution
        self.engines = [e for e in machine.engines
                        if dtype in e.dtypes and e.rate.value is not None]
        self.pass_bytes = {}              # batch -> U of the dense network
        self.variant_bytes = None         # U of the variant at hand
        self.break_even_cache = {}
        self.dense_cache = {}
        self.against = against            # types of the dense side; None: the same
        self.rival = self if against is None else Model(machine, layers, against, residency,
                                                        ideal_tiles, execution, fuse)

    # ---- time ------------------------------------------------------------

    def network_bytes(self, batch):
        """U: all bytes of one pass of the dense network."""
        if batch not in self.pass_bytes:
            self.pass_bytes[batch] = sum(l.count * l.dense_bytes(batch, self.types, self.fuse)[3]
                                         for l in self.layers)
        return self.pass_bytes[batch]

    def memory_terms(self, qw, q, batch, corner):
        """[(level name, seconds)]: what must cross each level over its rate.

        dram: everything crosses the last level.  Otherwise level 1 carries Q
        and level r+1 what the levels up to r (C_r bytes together) cannot keep.
        """
        levels = self.machine.memory
        if self.residency == "dram":
            last = levels[-1]
            return [(last.name, q / last.rate.at(corner))]
        terms = []
        capacity = 0.0
        for r, level in enumerate(levels):
            if r == 0:
                crossing = q
            elif self.residency == "warm":
                crossing = max(0.0, q - capacity)
            elif self.residency == "cold":
                crossing = qw + max(0.0, q - qw - capacity)
            else:
                u = self.variant_bytes or self.network_bytes(batch)
                crossing = (qw * max(0.0, 1.0 - capacity / u)
                            + max(0.0, q - qw - capacity))
            if level.rate.value is not None:
                terms.append((level.name, crossing / level.rate.at(corner)))
            capacity += level.capacity.value or 0.0
        return terms

    def call_s(self, layer):
        """Calls of one occurrence; an epilogue inside its product needs none."""
        if layer.count == 0 or (self.fuse and layer.epilogue and layer.y_elements > 0):
            return 0.0
        if self.execution == "native":            # as before there was a column for calls
            return self.machine.overhead_s
        return self.machine.overhead_s * layer.calls / layer.count

    def finish(self, r, engine, batch, corner, layer):
        """T = max(compute, memory terms) + calls, and what bounds it."""
        r.engine = engine.name
        compute = r.flops_issued / engine.rate.at(corner)
        terms = self.memory_terms(r.qw, r.q, batch, corner)
        name, memory = None, 0.0
        for level, t in terms:
            if name is None or t > memory:
                name, memory = level, t
        overhead = self.call_s(layer)
        r.time = max(compute, memory) + overhead
        r.bound = "compute" if compute >= memory else name
        if overhead > max(compute, memory):
            r.bound = "overhead"
        # other answers that rounding could give
        top = max(compute, memory)
        close = lambda a, b: abs(a - b) <= SLACK * max(abs(a), abs(b))
        r.bound_ok = {r.bound}
        r.bound_ok |= {n for n, t in terms if close(t, top) and r.bound != "overhead"}
        if close(compute, top) and r.bound != "overhead":
            r.bound_ok.add("compute")
        if close(overhead, top) and top > 0:
            r.bound_ok |= {"overhead", "compute" if compute >= memory else name}
        return r

    def dense_engine(self, corner):
        """The fastest engine that accepts dense (without `as`), first on a tie."""
        best = None
        dense = Pattern("dense")
        for e in self.engines:
            entry = e.entry_for(dense)
            if entry is None or entry.as_pattern is not None:
                continue
            if best is None or e.rate.at(corner) > best.rate.at(corner):
                best = e
        if best is None:
            raise OracleError("no engine accepts dense %s" % self.dtype)
        return best

    def dense(self, layer, batch, corner="value"):
        key = (layer, batch, corner)
        if key not in self.dense_cache:
            r = Result()
            r.qw, r.qx, r.qy, r.q = layer.dense_bytes(batch, self.types, self.fuse)
            r.values, r.index = r.qw, 0
            r.stored = layer.weights * self.types.w if layer.has_weights else 0
            r.flops_useful = r.flops_issued = layer.dense_flops(batch)
            r.tau = 1.0 if layer.has_weights else None
            r.nnz = layer.weights if layer.has_weights else None
            u, self.variant_bytes = self.variant_bytes, None    # in the dense network's pass
            self.dense_cache[key] = self.finish(r, self.dense_engine(corner), batch, corner,
                                                layer)
            self.variant_bytes = u
        return self.dense_cache[key]

    def dense_now(self, layer, batch, corner="value"):
        """The same in the pass at hand, which need not be that of the dense network."""
        r = Result()
        r.qw, r.qx, r.qy, r.q = layer.dense_bytes(batch, self.types, self.fuse)
        r.values, r.index = r.qw, 0
        r.stored = layer.weights * self.types.w if layer.has_weights else 0
        r.flops_useful = r.flops_issued = layer.dense_flops(batch)
        r.tau = 1.0 if layer.has_weights else None
        r.nnz = layer.weights if layer.has_weights else None
        return self.finish(r, self.dense_engine(corner), batch, corner, layer)

    def pruned(self, layer, st, elements, nnz, engine, batch, corner):
        """Stored as st, multiplied with so many elements on the engine."""
        r = Result()
        nb = layer.n * batch
        r.nnz, r.tau = nnz, st.tau
        r.stored = st.values + st.index
        share = layer.share_of_w(batch)
        r.values, r.index = st.values, st.index
        if layer.skipped:
            r.values, r.index = st.values * share, st.index * share
        r.qw = r.values + r.index
        r.qx = st.tau * layer.bytes_of_x(batch, self.types.x)
        r.qy = layer.m * nb * self.types.y
        r.q = r.qw + r.qx + r.qy
        r.flops_issued = 2 * elements * nb
        r.flops_useful = None if nnz is None else 2 * nnz * nb
        if layer.skipped:
            r.flops_issued *= 1 - layer.skipped
            r.flops_useful = None if nnz is None else r.flops_useful * (1 - layer.skipped)
        return self.finish(r, engine, batch, corner, layer)

    def stored(self, layer, p, units, touched, tile_rows=1):
        """The format itself, with tau as counted where it was."""
        st = storage(p, layer, units, self.types.w, tile_rows)
        if touched is not None and layer.op != "depthwise":
            st.tau = touched / layer.k
        return st

    def native(self, layer, p, units, nnz, touched, batch, corner):
        """The pattern on every engine that accepts it: the smallest time, first on a tie;
        None when no engine does."""
        found = []
        for engine in self.engines:
            entry = engine.entry_for(p)
            if entry is None:
                continue
            if entry.as_pattern is not None:
                # stored and executed as another pattern; its estimated tau
                st = storage(entry.as_pattern, layer, None, self.types.w)
            else:
                tile = 1 if self.ideal_tiles else engine.tile_rows
                st = self.stored(layer, p, units, touched, tile)
            r = self.pruned(layer, st, st.elements, nnz, engine, batch, corner)
            r.execution = "native"
            r.executed_as = entry.as_pattern.name if entry.as_pattern else None
            found.append(r)
        return least(found)

    def expanded(self, layer, p, units, nnz, touched, batch, corner):
        """The bytes of the format, the FLOPs of what it satisfies: the smallest time over
        engines and patterns."""
        found = []
        st = self.stored(layer, p, units, touched)
        for engine in self.engines:
            for name, elements in multiplied_on(p, layer, st.elements, engine):
                r = self.pruned(layer, st, elements, nnz, engine, batch, corner)
                r.execution, r.executed_as = "expanded", name
                found.append(r)
        best = least(found)
        if best is not None:
            best.also = [r for r in found if r is not best and not faster(best.time, r.time)]
        return best

    def pruned_dense(self, layer, nnz, batch, corner):
        """The dense figure; non-zeros and useful FLOPs are those of the pruned weights."""
        r = Result()
        r.__dict__.update(self.dense(layer, batch, corner).__dict__)
        if self.variant_bytes is not None:        # in the variant's own pass
            self.finish(r, self.dense_engine(corner), batch, corner, layer)
        r.executed_as, r.nnz = "dense", nnz
        r.flops_useful = 2 * nnz * layer.n * batch * (1 - layer.skipped)
        return r

    def execute(self, layer, p, units, nnz, touched, batch, corner):
        """The fastest execution: dense before native before expanded on a tie."""
        native = self.native(layer, p, units, nnz, touched, batch, corner)
        if self.execution == "native":
            if native is None:
                raise OracleError("no engine accepts %s %s" % (p.name, self.dtype))
            native.native_s = native.time
            return native
        expanded = self.expanded(layer, p, units, nnz, touched, batch, corner)
        best = native
        if expanded is not None and (best is None or faster(expanded.time, best.time)):
            best = expanded
        dense = self.pruned_dense(layer, nnz, batch, corner)
        if best is None or not faster(best.time, dense.time):
            best = dense
        best.native_s = native.time if native else None
        best.expanded_s = expanded.time if expanded else None
        best.bytes_to_choose = [r.q for r in (native, expanded, dense) if r is not None]
        return best

    def pass_of(self, variant, batch):
        """U of a variant: all bytes of one pass, of each layer those of the execution that
        moves fewest (native alone: of the one chosen) when the dense network's pass decides
        what stays in the caches; None unless it matters."""
        if self.residency != "network":
            return None
        total = 0.0
        for layer in self.layers:
            c = variant.choices.get(layer.name)
            r = self.sparse(c.left_of(layer), c, batch) if c else self.dense(layer, batch)
            total += (c.left_of(layer) if c else layer).count * r.fewest_bytes
        return total

    def sparse_in_pass(self, layer, c, batch, u):
        """The pruned layer in its variant's own pass of u bytes."""
        self.variant_bytes = u
        try:
            return self.sparse(layer, c, batch)
        finally:
            self.variant_bytes = None

    def sparse(self, layer, c, batch, corner="value"):
        """The layer pruned as chosen, with counted values where there are any."""
        p = c.pattern
        if p.kind == "dense":                  # a smaller layer
            return self.dense_now(layer, batch, corner)
        units = units_from_sparsity(p, layer, c.sparsity)
        if c.nnz is not None and p.kind in ("csr", "csr16", "bitmask"):
            units = c.nnz
        if c.longest is not None and p.kind == "ell":
            units = c.longest
        nnz = c.nnz if c.nnz is not None else useful_nnz(p, layer, c.sparsity)
        return self.execute(layer, p, units, nnz, c.touched, batch, corner)

    def without_weights(self, layer, r, batch):
        """Activation ceiling of a pruned layer: Q = tau x v + m n v, overhead kept."""
        q = r.q if r.qx is None else r.qx + r.qy
        terms = self.memory_terms(0, q, batch, "value")
        return max([0.0] + [t for _, t in terms]) + self.call_s(layer)

    # ---- break-even ------------------------------------------------------

    def time_at_cells(self, layer, p, c, batch):
        """Of the pattern with c kept cells: native, or the faster of native and expanded."""
        units = units_from_cells(p, layer, c)
        ways = [self.native] if self.execution == "native" else [self.native, self.expanded]
        found = [way(layer, p, units, None, None, batch, "value") for way in ways]
        return min(r.time for r in found if r is not None)

    def pays(self, time, dense_time):
        """Native alone: no slower than dense; best: faster than dense."""
        if self.execution == "native":
            return time <= dense_time * (1 + SLACK)
        return faster(time, dense_time)

    def break_even(self, layer, p, batch):
        """(s*, detail): s* = 1 - c*/cells, c* the most kept cells that still pay;
        T does not decrease with c."""
        if p.fixed_sparsity is not None:
            return None, None
        key = (layer, p.name, batch)
        if key not in self.break_even_cache:
            total = cells(p, layer)
            limit = self.rival.dense(layer, batch).time
            time = lambda c: self.time_at_cells(layer, p, c, batch)
            lo, hi = -1, total + 1                 # lo pays or is none; hi is too many
            while hi - lo > 1:
                mid = (lo + hi) // 2
                if self.pays(time(mid), limit):
                    lo = mid
                else:
                    hi = mid
            self.break_even_cache[key] = (None if lo < 0 else 1.0 - lo / total,
                                          {"cells": total, "c": lo, "limit": limit, "time": time})
        return self.break_even_cache[key]

    # ---- network ---------------------------------------------------------

    def speedup(self, variant, batch, corner, u):
        before = after = 0.0
        for layer in self.layers:
            c = variant.choices.get(layer.name)
            d = self.dense(layer, batch, corner).time
            before += layer.count * self.rival.dense(layer, batch, corner).time
            left = c.left_of(layer) if c else layer
            after += left.count * (self.sparse_in_pass(left, c, batch, u).time if c else d)
        return ratio(before, after)

    def evaluate(self, variant, batch):
        """The record's entry for one variant at one batch."""
        entries = []
        u = self.pass_of(variant, batch)
        total = dict.fromkeys(("before", "after", "mixed", "rest", "ceiling", "prunable_before",
                               "prunable_after", "nnz", "weights", "wb", "dense_wb"), 0.0)
        slower = 0
        for layer in self.layers:
            c = variant.choices.get(layer.name)
            d, rival = self.dense(layer, batch), self.rival.dense(layer, batch)
            left = c.left_of(layer) if c else layer
            r = self.sparse_in_pass(left, c, batch, u) if c else d
            be, detail = self.break_even(left, c.pattern, batch) if c else (None, None)
            n, k = layer.count, left.count
            total["before"] += n * rival.time
            total["after"] += k * r.time
            total["mixed"] += (min(k * r.time, n * d.time) if self.execution == "native"
                               else k * r.time)
            if c and c.pattern.kind != "dense" and (
                    r.time > d.time if self.execution == "native" else r.execution == "dense"):
                slower += n
            total["ceiling"] += k * self.without_weights(left, r, batch) if c else n * d.time
            total["wb"] += k * r.stored
            total["dense_wb"] += n * rival.stored
            if layer.prunable:
                total["prunable_before"] += n * rival.time
                total["prunable_after"] += k * r.time
                total["nnz"] += k * r.nnz
                total["weights"] += n * layer.weights
            else:
                total["rest"] += k * r.time
            entries.append({
                "layer": layer.name,
                "pattern": change_name(c.pattern.name, c.layer is not None) if c else "dense",
                "sparsity": c.sparsity if c else 0.0,
                "nnz": r.nnz, "tau": r.tau,
                "flops_useful": r.flops_useful, "flops_issued": r.flops_issued,
                "bytes_weight_values": r.values, "bytes_weight_index": r.index,
                "bytes_x": r.qx, "bytes_y": r.qy, "bytes": r.q,
                "oi_flop_per_byte": r.flops_useful / r.q if r.q else None,
                "dense_oi_flop_per_byte": rival.flops_useful / rival.q if rival.q else None,
                "engine": r.engine, "dense_engine": rival.engine, "bound": r.bound,
                "time_s": r.time, "dense_time_s": rival.time,
                "speedup": ratio(n * rival.time, k * r.time),
                "break_even_sparsity": be,
                "expected_time_s": None, "expected_dense_time_s": None,
                "expected_speedup": None, "expected_bound": None,
                "reason": "oracle",
                "executed_as": r.executed_as, "execution": r.execution,
                "native_s": r.native_s, "expanded_s": r.expanded_s,
                "activations_skipped": left.skipped,
                "_break_even": detail, "_bound_ok": r.bound_ok,
                "_also": [{"engine": o.engine, "executed_as": o.executed_as,
                           "flops_issued": o.flops_issued, "bound_ok": o.bound_ok}
                          for o in r.also],
            })
        nominal = ratio(total["before"], total["after"])
        corners = [nominal]
        for engine_corner in ("low", "high"):
            for memory_corner in ("low", "high"):
                corners.append(self.corner_speedup(variant, batch, engine_corner, memory_corner, u))
        corners = [x for x in corners if x is not None]
        density = total["nnz"] / total["weights"] if total["weights"] else None
        prunable = (ratio(total["prunable_before"], total["prunable_after"])
                    if total["weights"] else None)
        return {
            "variant": variant.name, "pattern": variant.change, "sparsity": variant.sparsity,
            "batch": batch, "accuracy": variant.accuracy, "accuracy_source": variant.source,
            "speedup": nominal,
            "speedup_low": min(corners) if corners else None,
            "speedup_high": max(corners) if corners else None,
            "speedup_prunable": prunable,
            "speedup_mixed": ratio(total["before"], total["mixed"]),
            "amdahl_ceiling": ratio(total["before"], total["rest"]),
            "activation_ceiling": ratio(total["before"], total["ceiling"]),
            "time_s": total["after"], "dense_time_s": total["before"],
            "density": density,
            "efficiency_kept": (prunable * density
                                if density is not None and prunable is not None else None),
            "weight_bytes": total["wb"], "dense_weight_bytes": total["dense_wb"],
            "pareto": None, "expected_speedup": None, "expected_time_s": None,
            "activations_skipped": variant.skipped,
            "layers": entries, "_pareto_ok": {None}, "_variant": variant,
            "_layers_slower": slower,
        }

    def corner_speedup(self, variant, batch, engine_corner, memory_corner, u):
        """The whole model again with all engine rates and all memory rates at an end."""
        machine = Machine.__new__(Machine)
        machine.overhead_s = self.machine.overhead_s
        machine.engines, machine.memory = [], []
        for e in self.machine.engines:
            twin = Engine.__new__(Engine)
            twin.__dict__.update(e.__dict__)
            twin.rate = Rate(e.rate.at(engine_corner))
            machine.engines.append(twin)
        for l in self.machine.memory:
            twin = Level.__new__(Level)
            twin.__dict__.update(l.__dict__)
            twin.rate = Rate(l.rate.at(memory_corner))
            machine.memory.append(twin)
        key = (engine_corner, memory_corner)
        models = self.__dict__.setdefault("corner_models", {})
        if key not in models:
            models[key] = Model(machine, self.layers, self.types, self.residency,
                                self.ideal_tiles, self.execution, self.fuse,
                                self.against)
        return models[key].speedup(variant, batch, "value", u)


def mark_pareto(entries):
    """On the front: no other counted variant of the same batch is at least as
    accurate and faster."""
    for e in entries:
        v = e["_variant"]
        if v.accuracy is None or not v.counts_for_pareto or e["speedup"] is None:
            continue

        def front(slack):
            dense = v.dense_accuracy
            if dense is not None and e["speedup"] < 1 * (1 - slack):
                if (dense <= v.accuracy if v.better == "lower" else dense >= v.accuracy):
                    return False      # dense competes too
            if dense is not None and e["speedup"] <= 1 * (1 + slack):
                if (dense < v.accuracy if v.better == "lower" else dense > v.accuracy):
                    return False      # as fast as dense, but less accurate
            for o in entries:
                w = o["_variant"]
                if o is e or o["batch"] != e["batch"] or w.accuracy is None \
                        or not w.counts_for_pareto or o["speedup"] is None:
                    continue
                as_good = w.accuracy <= v.accuracy if v.better == "lower" \
                    else w.accuracy >= v.accuracy
                if as_good and o["speedup"] > e["speedup"] * (1 + slack):
                    return False
            return True

        e["pareto"] = front(0.0)
        e["_pareto_ok"] = {front(0.0), front(1e-12), front(-1e-12)}


# --------------------------------------------------------------------------
# analyze
# --------------------------------------------------------------------------

def parser():
    a = argparse.ArgumentParser(allow_abbrev=False)
    a.add_argument("verb", choices=["analyze"])
    a.add_argument("model")
    a.add_argument("--machine", required=True)
    a.add_argument("--accuracy")
    a.add_argument("--set", action="append", default=[])
    a.add_argument("--pattern")
    a.add_argument("--sparsity")
    a.add_argument("--activation-sparsity")
    a.add_argument("--batch", default="1")
    a.add_argument("--dtype")
    a.add_argument("--against")
    a.add_argument("--residency", default="dram", choices=["dram", "warm", "cold", "network"])
    a.add_argument("--execution", default="best", choices=["best", "native"])
    a.add_argument("--ideal-tiles", action="store_true")
    a.add_argument("--fusion", default="none", choices=["none", "epilogue"])
    a.add_argument("--assume-uniform", action="store_true")
    a.add_argument("--format", default="json")
    a.add_argument("--no-save", action="store_true")
    return a


def run(argv):
    """The record of `sproof ARGV` (the figures; the head is reduced)."""
    opt = parser().parse_args(argv)
    with open(opt.machine, encoding="utf-8") as f:
        machine = Machine(json.load(f), opt.set)
    layers, table = read_model(opt.model)
    points = None
    if opt.accuracy:
        points = [AccuracyPoint(row) for row in read_csv(opt.accuracy)]
    if table is None:
        variants = grid_variants(layers, opt, points)
    else:
        variants = table_variants(table, opt, points)
    if opt.activation_sparsity:
        variants = skipping_variants(variants, opt.activation_sparsity, layers)
    usual = machine.default_dtype
    types = parse_types(opt.dtype or usual, usual)
    against = parse_types(opt.against, usual) if opt.against else None
    model = Model(machine, layers, types, opt.residency, opt.ideal_tiles, opt.execution,
                  opt.fusion == "epilogue", against)
    batches = [int(x) for x in parse_number_list(opt.batch, int)]
    entries = [model.evaluate(v, b) for v in variants for b in batches]
    mark_pareto(entries)
    return {"schema": "sproof/analysis", "schema_version": 2, "flops_per_mac": 2,
            "layers": [{"layer": l.name, "x_elements": l.x} for l in layers],
            "variants": entries, "_machine": machine, "_options": opt, "_model": model}


def public(value):
    """Without the keys that start with "_"."""
    if isinstance(value, dict):
        return {k: public(x) for k, x in value.items() if not k.startswith("_")}
    if isinstance(value, list):
        return [public(x) for x in value]
    return value


# --------------------------------------------------------------------------
# Self-test: small things that can be checked by hand or by brute force
# --------------------------------------------------------------------------

def check_satisfied(check):
    """What satisfies what: known cases, and every mask of some small patterns."""
    for n, m, n2, m2, truth in ((1, 2, 2, 4, True), (2, 3, 2, 4, False), (2, 3, 4, 6, True),
                                (1, 3, 2, 4, True), (3, 5, 4, 6, False), (3, 5, 6, 8, True),
                                (4, 8, 4, 6, False), (4, 8, 6, 8, True), (1, 4, 1, 2, True),
                                (2, 8, 1, 2, False), (2, 4, 2, 4, True), (2, 4, 1, 4, False)):
        check("%d:%d as %d:%d" % (n, m, n2, m2), satisfies_nm(n, m, n2, m2), truth)
    for n, m, m2 in ((1, 2, 3), (2, 3, 4), (1, 3, 4), (2, 4, 3), (3, 4, 6), (2, 5, 2), (1, 2, 7)):
        length = m * m2 // math.gcd(m, m2)
        most = 0
        for mask in range(2 ** length):
            bits = [mask >> i & 1 for i in range(length)]
            if all(sum(bits[i:i + m]) <= n for i in range(0, length, m)):
                most = max([most] + [sum(bits[i:i + m2]) for i in range(0, length, m2)])
        check("most of %d:%d in %d" % (n, m, m2), most_in_a_group(n, m, m2), most)
    check("spread", [spread_over(Pattern("nm", n, m)) for n, m in
                     ((2, 4), (1, 2), (4, 8), (4, 6), (6, 8), (8, 10), (2, 3), (3, 5), (62, 64),
                      (254, 256), (256, 258), (1, 1))],
          [4, 4, 8, 6, 8, 10, 6, 8, 64, 256, None, None])


def check_a100(layer):
    """Figures of an A100 of 80 GB that are known by hand."""
    engine = lambda name, rate, accepts: {"name": name, "dtypes": ["f16"], "flops_per_s": rate,
                                          "accepts": accepts}
    tensor = dict(engine("tensor", 312e12, ["dense", "block"]), tile_rows=8)
    machine = Machine({"engines": [
        tensor, engine("sparse-tensor", 312e12, ["2:4", {"pattern": "1:4", "as": "2:4"}]),
        engine("simt", 19.5e12, ["any"])],
        "memory": [{"level": "DRAM", "bytes_per_s": 2.039e12}], "overhead_s": None})

    def expect(lay, text, sparsity, speedup, execution, executed_as):
        model = Model(machine, [lay], "f16")
        p = parse_pattern(text)
        fixed = p.fixed_sparsity
        r = model.sparse(lay, Choice(p, sparsity if fixed is None else fixed), 1)
        got = ("%.2f" % (model.dense(lay, 1).time / r.time), r.execution, r.executed_as)
        assert got == (speedup, execution, executed_as), (text, got)
        return r

    wide = layer(36864, 9216, 64)
    for text, speedup in (("bitmask", "2.41"), ("csr16", "2.41"), ("csr", "1.66")):
        r = expect(wide, text, 0.8, speedup, "expanded", "dense")
        assert text != "bitmask" or "%.0f" % (r.time * 1e6) == "139"
    assert "%.0f" % (Model(machine, [wide], "f16").dense(wide, 1).time * 1e6) == "336"
    busy = layer(3072, 10240, 3072)
    for text in ("2:8", "1:2", "1:8", "2:16", "1:3", "1:5"):
        expect(busy, text, None, "2.00", "expanded", "2:4")
    for text, speedup in (("64:2:8", "4.00"), ("64:1:8", "4.00"), ("16:2:5", "2.50")):
        expect(busy, text, None, speedup, "expanded", "2:4")
    expect(busy, "2:4", None, "2.00", "native", None)
    for text, speedup in (("4:8", "1.33"), ("4:6", "1.50"), ("6:8", "1.33"), ("8:10", "1.25")):
        expect(busy, text, None, speedup, "expanded", "2:4")
    expect(busy, "64:3:8", None, "1.00", "dense", "dense")
    expect(busy, "csr", 0.8, "1.00", "dense", "dense")
    expect(busy, "16x16", 0.5, "2.00", "native", None)


def check_types(check, layer):
    """Bytes of a value, engines, and figures that are known by hand."""
    sizes = [(t, bytes_of(t, "w") * 256) for t in ("i4", "i4/64", "i8", "q4_K", "q8_0", "fp4",
                                                   "nvfp4", "nf4")]
    check("sizes", sizes, [("i4", 132), ("i4/64", 136), ("i8", 256), ("q4_K", 144),
                           ("q8_0", 272), ("fp4", 136), ("nvfp4", 144), ("nf4", 144)])
    for text, names, engine in (("w:i4", "i4 f16 f16", "f16"), ("i8,y:i32", "i8 i8 i32", "i8"),
                                ("w:i8,x:f32", "i8 f32 f32", "f32"),
                                ("x:i8,y:bf16", "f16 i8 bf16", "f16"),
                                ("w:bf16,x:f16", "bf16 f16 f16", "f16")):
        t = parse_types(text, "f16")
        check(text, (" ".join(t.names.values()), t.engine), (names, engine))
    # 3072x768, 98304 tokens, 2:4 in i8 on an A100 PCIe of 80 GB
    machine = Machine({"engines": [
        {"name": "i8", "dtypes": ["i8"], "flops_per_s": 624e12, "accepts": ["dense", "2:4"]}],
        "memory": [{"level": "DRAM", "bytes_per_s": 1.935e12}], "overhead_s": None})
    wide = layer(3072, 768, 98304)
    for text, speedup, microseconds in (("i8", "2.00", "372"), ("i8,y:i32", "1.12", "664")):
        model = Model(machine, [wide], parse_types(text, "i8"))
        r = model.sparse(wide, Choice(P24, 0.5), 1)
        check(text, ("%.2f" % (model.dense(wide, 1).time / r.time), "%.0f" % (r.time * 1e6)),
              (speedup, microseconds))


P24 = Pattern("nm", 2, 4)


def self_test():
    def layer(m, k, n, **more):
        row = {"layer": "l", "m": str(m), "k": str(k), "n": str(n)}
        row.update({key: str(x) for key, x in more.items()})
        return Layer(row)

    def check(what, got, want):
        assert got == want, "%s: %r, expected %r" % (what, got, want)

    P = parse_pattern
    for text, name, cls in (("1x1", "csr", "csr"), ("unstructured", "csr", "csr"),
                            ("bsr:4x2", "4x2", "block"), ("2:4", "2:4", "nm"),
                            ("comp:3", "comp:3", "comp"), ("ell", "ell", "csr")):
        check(text, (P(text).name, P(text).cls), (name, cls))
    check("fixed", [P(t).fixed_sparsity for t in ("dense", "2:4", "1:3", "comp:3", "csr")],
          [0.0, 0.5, 0.666666666667, 0.666666666667, None])
    check("range", parse_number_list("0.5:0.95:0.05", parse_fraction),
          [0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95])
    check("percent", parse_fraction("90%"), 0.9)
    check("ceil_log2", [ceil_log2(i) for i in (1, 2, 3, 4, 5, 8, 9)], [0, 1, 2, 2, 3, 3, 4])

    a = layer(10, 7, 5)                                   # 70 weights
    check("half up", units_from_sparsity(P("csr"), layer(1, 5, 1), 0.5), 3)
    st = storage(P("csr"), a, 21, 2)
    check("csr", (st.elements, st.values, st.index), (21, 42, 21 * 4 + 11 * 4))
    st = storage(P("csr16"), a, 21, 2)
    check("csr16", (st.values, st.index), (42, 42 + 44))
    st = storage(P("bitmask"), a, 21, 2)
    check("bitmask", (st.values, st.index), (42, 9 + 44))
    b = P("4x3")                                          # 3 x 3 blocks, edges whole
    check("blocks", units_from_sparsity(b, a, 0.5), 5)    # 4.5 + 0.5
    st = storage(b, a, 5, 2)
    check("block", (st.elements, st.values, st.index), (60, 120, 20 + 16))
    check("tiles", storage(b, a, 5, 2, 8).elements, 5 * 8 * 3)
    check("tiles", storage(P("16x3"), a, 3, 2, 8).elements, 3 * 16 * 3)
    check("block nnz", useful_nnz(b, a, 0.5), 5 * 70 / 9)
    check("nm kept", nm_kept(P("2:4"), a), 10 * (2 + 2))  # 7 = 4 + 3
    st = storage(P("2:4"), a, None, 2)
    check("nm", (st.elements, st.values, st.index), (40, 80, 10.0))
    st = storage(P("comp:4"), a, None, 2)
    check("comp", (st.elements, st.values, st.index, st.tau), (21, 42, 21 * 2 / 8, 1.0))
    check("ell", units_from_sparsity(P("ell"), layer(4, 10, 1), 0.9), 1)
    check("ell", units_from_sparsity(P("ell"), layer(4, 10, 1), 0.85), 2)
    check("useful", useful_nnz(P("comp:4"), a, 0.75), 17.5)

    st = storage(P("4:2:6"), a, None, 2)                  # 7 = 6 + 1: 3 a row; 3 x 2 blocks
    check("venom", (st.elements, st.values, st.index), (30, 60, 30 / 4 + 6 * 4 * 3 / 8))
    assert abs(st.tau - (1 - (1 - 4 / 6) ** 3)) < 1e-15
    check("venom", (P("64:2:8").name, P("64:2:8").cls, P("64:2:8").fixed_sparsity),
          ("64:2:8", "nm", 0.75))
    check_satisfied(check)

    # tau: an exhaustive expectation for one column of 3 rows, d = 1/4
    want = sum((0.25 ** sum(x)) * (0.75 ** (3 - sum(x))) for x in
               [(i & 1, i >> 1 & 1, i >> 2 & 1) for i in range(1, 8)])
    assert abs(touched_estimate(0.25, 3) - want) < 1e-15
    check("tau ends", (touched_estimate(0, 9), touched_estimate(1, 9)), (0.0, 1.0))
    g = layer(12, 6, 5, op="conv", groups=3)
    check("conv x", g.x, 3 * 6 * 5)
    assert abs(storage(P("2x2"), g, 5, 2).tau - (1 - (1 - 5 / 18) ** 2)) < 1e-15
    check("depthwise", storage(P("csr"), layer(8, 9, 5, op="depthwise"), 7, 2).tau, 1.0)
    check("depthwise x", layer(8, 9, 5, op="depthwise").x, 40)

    # break-even: bisection against trying every cell, on several engines
    machine = Machine({"engines": [
        {"name": "t", "dtypes": ["f32"], "flops_per_s": 7e9, "accepts": ["dense", "block"],
         "tile_rows": 4},
        {"name": "s", "dtypes": ["f32"], "flops_per_s": 2e9,
         "accepts": [{"pattern": "ell", "as": "dense"}, "any"]}],
        "memory": [{"level": "L1", "bytes": 300, "bytes_per_s": 9e9},
                   {"level": "L2", "bytes": 900, "bytes_per_s": None},
                   {"level": "DRAM", "bytes_per_s": 3e9}], "overhead_s": 1e-9})
    tried = 0
    for residency, execution in ((r, e) for r in ("dram", "warm", "cold", "network")
                                 for e in ("native", "best")):
        for m, k, n in ((3, 5, 1), (8, 6, 2), (13, 11, 30), (1, 9, 4)):
            lay = layer(m, k, n)
            model = Model(machine, [lay], "f32", residency, execution=execution)
            for text in ("csr", "csr16", "bitmask", "ell", "2x3", "4x1"):
                p = P(text)
                got, detail = model.break_even(lay, p, 2)
                dense = model.dense(lay, 2).time
                good = [c for c in range(cells(p, lay) + 1)
                        if (model.time_at_cells(lay, p, c, 2) <= dense * (1 + 1e-12)
                            if execution == "native"
                            else model.time_at_cells(lay, p, c, 2) < dense * (1 - 1e-12))]
                check("break-even", got, 1 - max(good) / cells(p, lay) if good else None)
                check("monotone", good, list(range(len(good))))
                tried += 1
    check_a100(layer)
    check_types(check, layer)

    # residency, by hand: Q_w = 400, Q = 1000, U = 2000, C_1 = 300
    model = Model(machine, [], "f32", "warm")
    model.pass_bytes[1] = 2000.0
    for residency, beyond1, beyond2 in (("warm", 700, 0), ("cold", 700, 400),
                                        ("network", 400 * 0.85 + 300, 400 * 0.4)):
        model.residency = residency
        terms = model.memory_terms(400, 1000, 1, "value")
        check("levels", [t[0] for t in terms], ["L1", "DRAM"])
        assert abs(terms[0][1] - 1000 / 9e9) < 1e-18
        assert abs(terms[1][1] - beyond2 / 3e9) < 1e-18, (residency, terms)
        model.machine.memory[1].rate.value = model.machine.memory[1].rate.high = 5e9
        assert abs(model.memory_terms(400, 1000, 1, "value")[1][1] - beyond1 / 5e9) < 1e-18
        model.machine.memory[1].rate.value = None

    # accuracy: exact within 5e-4, between, never beyond
    points = [AccuracyPoint({"pattern": "csr", "sparsity": s, "accuracy": a})
              for s, a in (("0.5", "80"), ("70%", "76"), ("0.9", "60"))]
    check("exact", value_at(points, 0.7004)[:2], (76.0, "table"))
    got = value_at(points, 0.75)
    assert abs(got[0] - 72.0) < 1e-12 and got[1] == "interpolated"
    check("beyond", value_at(points, 0.95), None)

    # pareto
    def entry(accuracy, speedup, batch=1, better="higher", counts=True):
        v = Variant("v", "csr", 0.5, {})
        v.accuracy, v.better, v.counts_for_pareto = accuracy, better, counts
        return {"_variant": v, "speedup": speedup, "batch": batch, "pareto": None}
    entries = [entry(80, 1.0), entry(79, 2.0), entry(78, 1.5), entry(79, 2.0), entry(None, 9.0),
               entry(99, 9.0, counts=False), entry(99, 9.0, batch=2)]
    mark_pareto(entries)
    check("pareto", [e["pareto"] for e in entries], [True, True, False, True, None, None, True])

    # --set
    m2 = Machine({"engines": [{"name": "e", "dtypes": ["f32"], "accepts": ["any"],
                               "flops_per_s": {"value": 4, "low": 3, "high": 5}}],
                  "memory": [{"level": "D", "bytes_per_s": {"value": 2, "low": 1}}],
                  "overhead_s": None}, ["engine.e.flops_per_s=2x", "memory.D.bytes_per_s=7"])
    r = m2.engines[0].rate
    check("set", (r.value, r.low, r.high), (8.0, 6.0, 10.0))
    r = m2.memory[0].rate
    check("set", (r.value, r.low, r.high), (7.0, 7.0, 7.0))
    print("oracle self-test: all right (%d break-even points by brute force)" % tried)


def main(argv):
    if argv == ["--self-test"]:
        self_test()
        return 0
    try:
        record = run(argv)
    except OracleError as e:
        print("oracle: %s" % e, file=sys.stderr)
        return 2
    json.dump(public(record), sys.stdout, indent=1)
    print()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
