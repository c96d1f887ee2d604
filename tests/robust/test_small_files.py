#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Small files of weights that claim much: each is read or refused in seconds, in little memory.

    test_small_files.py --sproof PATH

Standard library only.
"""
import argparse
import gzip
import io
import resource
import struct
import subprocess
import sys
import tempfile
import time
import zipfile
from pathlib import Path

SECONDS = 10
MEMORY = 1 << 29
LITTLE = {"one_by_one.npz": 3 << 26, "stored.npz": 7 << 25}

BANNER = b"%%MatrixMarket matrix coordinate pattern general\n"


def field(number, body):
    """A protobuf field: an integer, or bytes."""
    def varint(value):
        out = b""
        while value > 127:
            out, value = out + bytes([value & 127 | 128]), value >> 7
        return out + bytes([value])
    if isinstance(body, int):
        return varint(number << 3) + varint(body)
    return varint(number << 3 | 2) + varint(len(body)) + body


def sparse_onnx(side):
    values = field(1, 1) + field(2, 1) + field(8, b"w") + field(9, struct.pack("<f", 1))
    indices = field(1, 1) + field(2, 7) + field(9, struct.pack("<q", 5))
    tensor = field(1, values) + field(2, indices) + field(3, side) + field(3, side)
    node = field(1, b"x") + field(1, b"w") + field(2, b"y") + field(4, b"MatMul")
    graph = field(11, field(1, b"x")) + field(1, node) + field(15, tensor)
    return field(1, 8) + field(7, graph)


def called_twice(depth):
    """Functions that each call the one before them twice."""
    def node(op, x, y, domain):
        return field(1, x) + field(2, y) + field(4, op) + field(7, domain)
    out = b""
    for i in range(depth):
        op, domain = (b"f%d" % (i - 1), b"own") if i else (b"Relu", b"")
        body = field(7, node(op, b"x", b"a", domain)) + field(7, node(op, b"a", b"y", domain))
        out += field(25, field(1, b"f%d" % i) + field(4, b"x") + field(5, b"y") + body + field(10, b"own"))
    graph = field(11, field(1, b"x")) + field(1, node(b"f%d" % (depth - 1), b"x", b"y", b"own"))
    return field(1, 8) + field(7, graph) + out


def doubled(times):
    """A constant that is put behind itself again and again."""
    weight = field(1, 64) + field(1, 64) + field(2, 1) + field(8, b"a0") + field(9, bytes(64 * 64 * 4))
    nodes = b"".join(field(1, field(1, b"a%d" % i) * 2 + field(2, b"a%d" % (i + 1)) + field(4, b"Concat") +
                              field(5, field(1, b"axis") + field(3, 0))) for i in range(times))
    return field(1, 8) + field(7, nodes + field(5, weight))


def nested(depth):
    """Branches within branches."""
    parts, size = [], 0
    for _ in range(depth):
        body = field(1, b"then_branch") + field(6, b"")[:1] + field(1, size)[1:]
        node = field(1, b"c") + field(2, b"y") + field(4, b"If") + field(5, b"")[:1] + field(1, len(body) + size)[1:]
        parts.append(field(1, b"")[:1] + field(1, len(node) + len(body) + size)[1:] + node + body)
        size += len(parts[-1])
    graph = b"".join(reversed(parts)) + field(11, field(1, b"c"))
    return field(1, 8) + field(7, graph)


def bomb_npz(count, mebibytes, method=zipfile.ZIP_DEFLATED):
    """Arrays of zeros, one after the other."""
    text = f"{{'descr': '<f4', 'fortran_order': False, 'shape': (1024, {256 * mebibytes}), }}".encode()
    head = b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method, compresslevel=1) as z:
        for i in range(count):
            with z.open(f"a{i}.npy", "w") as entry:
                entry.write(head)
                for _ in range(mebibytes):
                    entry.write(bytes(1 << 20))
    return out.getvalue()


def repeated(head, line, count, times):
    return gzip.compress(head) + gzip.compress(line * count) * times


# name, bytes, options, exit status, what stderr has
def cases():
    size = 1 << 20
    tall = BANNER + f"{size} {size} 1\n1 1\n".encode()
    empty = b"1000000, 1000000, 0\n" + b"0 " * 1000001 + b"\n\n"
    yield "tiny.mtx", tall, (), 0, ""
    yield "pruned.mtx", tall, ("--prune", "4x4@0.5", "--masks", "masks"), 0, ""
    yield "groups.mtx", tall, ("--prune", "2:4", "--pattern", "3x5,64x64,1x1000,comp:4"), 0, ""
    yield "owners.mtx", tall, ("--prune", "comp:4"), 0, ""
    yield "sparse.onnx", sparse_onnx(size), (), 0, ""
    yield "calls.onnx", called_twice(40), (), 2, "nodes in functions and bodies"
    yield "doubled.onnx", doubled(40), ("--max-inflated", "64MiB"), 2, ": --max-inflated raises"
    yield "nested.onnx", nested(1000000), (), 2, "graphs and functions within each other"
    yield "empty.smtx", empty, (), 0, ""
    yield ("entries.mtx.gz", repeated(BANNER + b"2 2 60000000\n", b"1 1\n", 1000000, 60), (), 2,
           "60000000 entries: expected at most 4,")
    yield ("comments.mtx.gz", repeated(BANNER, b"%\n" * 512, 10000, 100) + gzip.compress(b"1 1 1\n1 1\n"), (), 2,
           "bytes of comments")
    yield ("many.mtx.gz", repeated(BANNER + b"1000000 1000000 60000000\n", b"1 1\n", 1000000, 60), (), 2,
           ": --max-inflated raises")
    arrays = bomb_npz(5, 256)
    yield "arrays.npz", arrays, (), 2, ": --max-inflated raises"
    yield "wide.smtx", b"1, 2147483647, 1\n0 1\n5\n", (), 2, "more than a file of"
    yield "lower.npz", bomb_npz(2, 8), ("--max-inflated", "15MiB"), 2, "expected at most 15728640:"
    yield "raised.npz", bomb_npz(2, 8), ("--max-inflated", "17MiB"), 0, ""
    # More than LITTLE together: inflated one at a time, or read where they are stored.
    yield "one_by_one.npz", bomb_npz(6, 32), (), 0, ""
    yield "stored.npz", bomb_npz(4, 32, zipfile.ZIP_STORED), (), 0, ""


def limit(most):
    resource.setrlimit(resource.RLIMIT_AS, (most, most))


def check(sproof, case):
    name, data, options, status, message = case
    with tempfile.TemporaryDirectory() as scratch:
        Path(scratch, name).write_bytes(data)
        begin = time.monotonic()
        try:
            done = subprocess.run([sproof, "inspect", name, "--quiet", *options], cwd=scratch, capture_output=True,
                                  text=True, check=False, timeout=SECONDS, preexec_fn=lambda: limit(LITTLE.get(name, MEMORY)))
        except subprocess.TimeoutExpired:
            print(f"{name}: {len(data)} bytes take more than {SECONDS} s")
            return False
        taken = time.monotonic() - begin
    print(f"{name}: {len(data)} bytes, {taken:.2f} s")
    if done.returncode == status and message in done.stderr:
        return True
    print(f"  expected {status}: {message}\n  got {done.returncode}: {done.stderr}")
    return False


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sproof", required=True)
    sproof = str(Path(parser.parse_args().sproof).resolve())
    bad = sum(not check(sproof, case) for case in cases())
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
