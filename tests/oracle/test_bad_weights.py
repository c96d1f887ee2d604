#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Damaged and hostile files of weights: each is refused with the one line that says why.

  test_bad_weights.py --count-weights PROGRAM

Standard library only. The program may not take more than MEMORY bytes: what a file merely
claims is not allocated.
"""
import argparse
import gzip
import io
import json
import resource
import struct
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

MEMORY = 1 << 30

CASES = []    # (files {name: bytes}, path to read, expected text or list of output parts)


def refuse(name, data, text, more=None):
    CASES.append(({name: data, **(more or {})}, name, text))


def safetensors(header, data=b"", length=None):
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text) if length is None else length) + text + data


def tensor(dtype, shape, begin, end):
    return {"dtype": dtype, "shape": shape, "data_offsets": [begin, end]}


def npy(descr, shape, data=b"", order="False", version=1):
    text = f"{{'descr': {descr!r}, 'fortran_order': {order}, 'shape': {shape}, }}".encode()
    length = struct.pack("<H" if version == 1 else "<I", len(text))
    return b"\x93NUMPY" + bytes([version, 0]) + length + text + data


def archive(entries, method=zipfile.ZIP_STORED):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as z:
        for name, data in entries.items():
            z.writestr(name, data)
    return out.getvalue()


def sparse(kind, shape=(2, 3), data=None, **arrays):
    entries = {"format.npy": npy(f"|S{len(kind)}", "()", kind.encode()),
               "shape.npy": npy("<i8", "(2,)", struct.pack("<2q", *shape)),
               "data.npy": npy("<f4", "(2,)", struct.pack("<2f", 1, 2)) if data is None else data}
    for name, values in arrays.items():
        entries[name + ".npy"] = npy("<i4", f"({len(values)},)", struct.pack(f"<{len(values)}i", *values))
    return archive({k: v for k, v in entries.items() if v})


# any format ---------------------------------------------------------------------------
refuse("none.npy", b"", "none.npy: empty file: expected a file of weights")
refuse("text", b"layer,m,k\n", "text: unknown kind of file: expected safetensors, GGUF, ONNX, .npy, .npz, Matrix Market or .smtx")
CASES.append(({}, "missing.npy", "missing.npy: No such file or directory"))
CASES.append(({"d/readme.md": b"x"}, "d", "d: no weights: expected files .safetensors, .gguf, .onnx, .npy, .npz, .mtx, .mtx.gz or .smtx"))
PICKLE = ": a pickle can run any program when it is read: refused. "
IMPORT = "python3 -c \"import torch; from safetensors.torch import save_file; d = "
SAVE = ("save_file({k: v.to_dense().clone().contiguous() for k, v in %s.items() if isinstance(v, torch.Tensor)}, "
        "'model.safetensors')\"")
CONVERT = ("Convert it: " + IMPORT + "torch.load('%s', map_location='cpu', weights_only=True); d = next((d[k] for k in "
           "('state_dict', 'model_state_dict', 'model', 'module') if isinstance(d.get(k), dict)), d); " + SAVE % "d")
MODULES = ("It holds whole modules: only where their code is, and if you trust the file: " + IMPORT + "torch.load('%s', "
           "map_location='cpu', weights_only=False); d = next(v for v in (d, *(d.values() if isinstance(d, dict) else "
           "())) if hasattr(v, 'named_parameters')); " + SAVE % "d.state_dict()")
SCRIPT = ("Convert this TorchScript: " + IMPORT + "torch.jit.load('%s', map_location='cpu'); " + SAVE % "d.state_dict()")
refuse("a.pt", b"\x80\x02\x8a\nl\xfc", "a.pt" + PICKLE + CONVERT % "a.pt")
refuse("pytorch_model.bin", archive({"archive/data.pkl": b"x", "archive/data/0": b"1234"}),
       "pytorch_model.bin" + PICKLE + CONVERT % "pytorch_model.bin")
refuse("whole.pt", archive({"archive/data.pkl": b"x_parametersx_modulesx"}), "whole.pt" + PICKLE + MODULES % "whole.pt")
refuse("some.pt", archive({"archive/data.pkl": b"x_parametersx_module"}), "some.pt" + PICKLE + CONVERT % "some.pt")
refuse("script.pt", archive({"s/data.pkl": b"_parameters _modules", "s/constants.pkl": b"x"}),
       "script.pt" + PICKLE + SCRIPT % "script.pt")
refuse("$x.pt", b"\x80\x04.", "$x.pt" + PICKLE + CONVERT % "FILE")

# safetensors --------------------------------------------------------------------------
F = tensor("F32", [2, 2], 0, 16)
DATA = bytes(16)
refuse("s.safetensors", b"\0" * 4, "s.safetensors: offset 0: a header of 0 bytes: expected 2 to 100000000, within the 4 bytes of the file")
refuse("s.safetensors", safetensors({"a": F}, DATA, 1000),
       "s.safetensors: offset 0: a header of 1000 bytes: expected 2 to 100000000, within the 89 bytes of the file")
refuse("s.safetensors", safetensors({"a": F}, DATA, 2**63 + 5),
       "s.safetensors: offset 0: a header of 9223372036854775813 bytes: expected 2 to 100000000, within the 89 bytes of the file")
refuse("s.safetensors", safetensors(b"[1, 2]   "), "s.safetensors: offset 8: bad header: expected a JSON object")
refuse("s.safetensors", safetensors(b'{"a": '), "s.safetensors:1:6: not JSON: expected a JSON object")
refuse("s.safetensors", safetensors({"a": {**F, "dtype": "F31"}}, DATA),
       "s.safetensors: tensor 'a': dtype 'F31': expected one of safetensors: F32, F16, BF16, ...")
refuse("s.safetensors", safetensors({"a": 1}, DATA),
       "s.safetensors: tensor 'a': dtype '': expected one of safetensors: F32, F16, BF16, ...")
refuse("s.safetensors", safetensors({"a": {**F, "shape": [2, -2]}}, DATA),
       "s.safetensors: tensor 'a': expected a shape of at most 8 sizes up to 2^53")
refuse("s.safetensors", safetensors({"a": {**F, "shape": [1] * 9}}, DATA),
       "s.safetensors: tensor 'a': expected a shape of at most 8 sizes up to 2^53")
refuse("s.safetensors", safetensors({"a": {**F, "shape": [1.5]}}, DATA),
       "s.safetensors: tensor 'a': expected a shape of at most 8 sizes up to 2^53")
refuse("s.safetensors", safetensors({"a": {**F, "data_offsets": [16, 0]}}, DATA),
       "s.safetensors: tensor 'a': expected data_offsets of a begin and an end not before it")
refuse("s.safetensors", safetensors({"a": {**F, "data_offsets": [0]}}, DATA),
       "s.safetensors: tensor 'a': expected data_offsets of a begin and an end not before it")
refuse("s.safetensors", safetensors({"a": {**F, "shape": [2**32, 2**32]}}, DATA),
       "s.safetensors: tensor 'a': shape 4294967296x4294967296 of F32: expected at most 2^53 elements, whole bytes")
refuse("s.safetensors", safetensors({"a": tensor("F4", [3], 0, 1)}, b"1"),
       "s.safetensors: tensor 'a': shape 3 of F4: expected at most 2^53 elements, whole bytes")
refuse("s.safetensors", safetensors({"a": {**F, "shape": [2, 3]}}, DATA),
       "s.safetensors: tensor 'a': offsets 0 to 16: shape 2x3 of F32 takes 24 bytes, of the 16 that follow the header")
refuse("s.safetensors", safetensors({"a": F}, DATA[:9]),
       "s.safetensors: tensor 'a': offsets 0 to 16: shape 2x2 of F32 takes 16 bytes, of the 9 that follow the header (truncated?)")
refuse("s.safetensors", safetensors({"a": tensor("F32", [10**9], 0, 4 * 10**9)}, DATA),
       "s.safetensors: tensor 'a': offsets 0 to 4000000000: shape 1000000000 of F32 takes 4000000000 bytes, of the 16 that follow the header (truncated?)")
refuse("s.safetensors", safetensors({"a": F, "b": tensor("F32", [2, 2], 12, 28)}, bytes(28)),
       "s.safetensors: offset 151: tensor 'b' overlaps 'a', which ends at 155")
refuse("s.safetensors", safetensors({"a": F, "b": tensor("F32", [2, 2], 20, 36)}, bytes(36)),
       "s.safetensors: offset 159: tensor 'b' leaves a hole behind 'a', which ends at 155")
refuse("s.safetensors", safetensors({"a": F}, bytes(20)), "s.safetensors: offset 89: 4 bytes that belong to no tensor")
refuse("s.safetensors", safetensors(b'{"a": %s, "a": %s}' % ((json.dumps(F).encode(),) * 2), DATA),
       "s.safetensors: the key 'a' stands twice in one object: expected it once")
refuse("s.safetensors", safetensors({"a\x1b[2J": F}, DATA),
       "s.safetensors: name of tensor 0: expected UTF-8 without control characters")
refuse("s.safetensors", safetensors({"a": F, "a.weight": tensor("F32", [2, 2], 16, 32)}, bytes(32)),
       "s.safetensors: layer 'a': there is one of this name already")
refuse("s.safetensors", safetensors({"a": F}, DATA), "config.json:1:1: not JSON: expected a JSON object",
       {"config.json": b"{"})

# bitmasks of compressed-tensors
def bitmask(shape=(2, 3), bits=b"\x05\x02", values=3, offsets=(0, 2), rank=None):
    parts = {"w.compressed": ("F32", [values], bytes(4 * values)),
             "w.bitmask": ("U8", rank or [len(bits), 1], bits),
             "w.shape": ("I64", [len(shape)], struct.pack(f"<{len(shape)}q", *shape)),
             "w.row_offsets": ("I64", [len(offsets)], struct.pack(f"<{len(offsets)}q", *offsets))}
    header, data = {}, b""
    for name, (dtype, sizes, raw) in parts.items():
        header[name] = tensor(dtype, sizes, len(data), len(data) + len(raw))
        data += raw
    return safetensors(header, data)


def refuse_bitmask(part, expected, **changes):
    data = bitmask(**changes)
    start = 8 + struct.unpack("<Q", data[:8])[0]
    offset = start + json.loads(data[8:start])["w." + part]["data_offsets"][0]
    refuse("c.safetensors", data, f"c.safetensors: tensor 'w.{part}' at offset {offset}: expected {expected}")


refuse_bitmask("shape", "the two sizes of a matrix as I64", shape=(2, 3, 4))
refuse_bitmask("shape", "two sizes 1..2^40, product at most 2^53", shape=(2**60, 3))
refuse_bitmask("bitmask", "5x1 bytes as U8", shape=(5, 3))
refuse_bitmask("bitmask", "2x2 bytes as U8", shape=(2, 9))
refuse_bitmask("compressed", "3 values, one for each bit of the mask", values=4)
refuse_bitmask("row_offsets", "the bits of the rows before, added up", offsets=(0, 1))
refuse_bitmask("row_offsets", "an I64 for each row", offsets=(0, 2, 3))

# several files
INDEX = "m.safetensors.index.json"
refuse(INDEX, b'{"metadata": {}}', f"{INDEX}: no weight_map: expected an index of safetensors files")
refuse(INDEX, b'{"weight_map": {"a": 5}}', f"{INDEX}: weight_map: tensor 'a': expected the name of a file")
refuse(INDEX, b'{"weight_map": {"a": "m-1.safetensors"}}', f"{INDEX}: 'm-1.safetensors' is missing: expected it beside the index")
for escape in ("../m.safetensors", "/etc/passwd", "a/../../b", "", "a/.."):
    refuse(INDEX, json.dumps({"weight_map": {"a": escape}}).encode(),
           f"{INDEX}: weight_map: '{escape}': leaves the directory of the model: refused")
SHARD = safetensors({"a": F}, DATA)
refuse(INDEX, b'{"weight_map": {"a": "1.safetensors", "b": "1.safetensors"}}',
       f"{INDEX}: tensor 'b': not in '1.safetensors'", {"1.safetensors": SHARD})
refuse(INDEX, b'{"weight_map": {"a": "1.safetensors", "b": "2.safetensors"}}',
       "2.safetensors: tensor 'a': there is one of this name already",
       {"1.safetensors": SHARD, "2.safetensors": safetensors({"a": F, "b": tensor("F32", [1], 16, 20)}, bytes(20))})
refuse(INDEX, b'{"weight_map": {"a": "1.bin"}}', "1.bin" + PICKLE + CONVERT % "1.bin", {"1.bin": b"\x80\x02."})

# NumPy --------------------------------------------------------------------------------
refuse("a.npy", b"\x93NUMPX\1\0", "a.npy: not a NumPy array: expected \\x93NUMPY at 0")
refuse("a.npy", npy("<f4", "(2, 2)", DATA, version=4), "a.npy: offset 6: format version 4.0: expected 1.0 to 3.0")
refuse("a.npy", b"\x93NUMPY\1\0\xff\xff{}", "a.npy: offset 8: a header of 65535 bytes: expected at most 65536, within the 12 bytes there are")
refuse("a.npy", b"\x93NUMPY\2\0\xff\xff\xff\xff{}", "a.npy: offset 8: a header of 4294967295 bytes: expected at most 65536, within the 14 bytes there are")
refuse("a.npy", b"\x93NUMPY\1\0\4\0spam", "a.npy: offset 10: bad header: expected a dictionary")
refuse("a.npy", npy("<f4", "(2, 2", DATA), "a.npy: offset 67: bad header: expected a tuple of at most 8 sizes as 'shape'")
refuse("a.npy", npy([("x", "<f4")], "(2, 2)", DATA), "a.npy: offset 20: bad header: expected a plain dtype as 'descr'")
refuse("a.npy", npy("<f4", "(2, 2)", DATA, "Maybe"), "a.npy: offset 44: bad header: expected True or False as 'fortran_order'")
refuse("a.npy", npy("<f4", "(2, -2)", DATA), "a.npy: offset 64: bad header: expected a tuple of at most 8 sizes as 'shape'")
refuse("a.npy", b"\x93NUMPY\1\0\x13\0{'descr': '<f4', } ", "a.npy: offset 28: bad header: expected 'descr', 'fortran_order' and 'shape'")
refuse("a.npy", npy("|O", "(2, 2)", DATA), "a.npy: dtype '|O': expected numbers, such as <f4, <f2 or |i1")
refuse("a.npy", npy("<f16", "(1, 1)", DATA), "a.npy: dtype '<f16': expected f2, f4, f8, i1 to i8, u1 to u8 or b1")
refuse("a.npy", npy("<c8", "(1, 2)", DATA), "a.npy: dtype '<c8': expected f2, f4, f8, i1 to i8, u1 to u8 or b1")
refuse("a.npy", npy("<f4", "(2, 3)", DATA), "a.npy: offset 69: shape 2x3 of <f4: more than the 16 bytes that follow")
refuse("a.npy", npy("<f4", "(1000000000, 1000000000)", DATA), "a.npy: offset 87: shape 1000000000x1000000000 of <f4: more than the 16 bytes that follow")
refuse("a.npy", npy("<f4", "(4294967296, 4294967296)", DATA), "a.npy: offset 87: shape 4294967296x4294967296 of <f4: more than the 16 bytes that follow")
refuse("a.npy", npy("<f4", "(4,)", DATA), "a.npy: shape 4: expected a matrix, or four dimensions of a convolution")

# archives
refuse("a.npz", b"PK\3\4" + bytes(40), "a.npz: archive: *: expected a zip archive of arrays")
refuse("a.npz", archive({"a.npy": npy("<f4", "(2, 3)", DATA)}),
       "a.npz: entry 'a.npy': offset 69: shape 2x3 of <f4: more than the 16 bytes that follow")
refuse("a.npz", archive({"a.npy": b"x"}), "a.npz: entry 'a.npy': not a NumPy array: expected \\x93NUMPY at 0")
refuse("a.npz", archive({"a.npy": DATA}, zipfile.ZIP_BZIP2), "a.npz: entry 'a.npy': compression method 12: expected stored or deflated")
BOMB = bytearray(archive({"a.npy": bytes(1000)}, zipfile.ZIP_DEFLATED))
AT = BOMB.rindex(b"PK\1\2")
COMPRESSED = struct.unpack("<I", BOMB[AT + 20:AT + 24])[0]
BOMB[AT + 24:AT + 28] = struct.pack("<I", 4 * 10**9)
refuse("a.npz", bytes(BOMB), f"a.npz: entry 'a.npy': 4000000000 bytes from {COMPRESSED} compressed ones: more than deflate can make")
BROKEN = bytearray(archive({"a.npy": npy("<f4", "(2, 2)", DATA)}))
BROKEN[BROKEN.index(b"NUMPY") + 70] ^= 1
refuse("a.npz", bytes(BROKEN), "a.npz: a.npy: *: expected a zip archive of arrays")
# Found when it is inflated: a layer, one that is turned around, and what is no layer.
for where in (npy("<f4", "(2, 2)", DATA), npy(">f4", "(2, 2)", DATA), npy("<f4", "(4,)", DATA)):
    BROKEN = bytearray(archive({"a.npy": where, "b.npy": npy("<f4", "(2, 2)", DATA)}, zipfile.ZIP_DEFLATED))
    BROKEN[BROKEN.index(b"PK\1\2") + 16] ^= 1  # its checksum
    refuse("a.npz", bytes(BROKEN), "a.npz: a.npy: *: expected a zip archive of arrays")
refuse("a.npz", sparse("lil"), "a.npz: sparse format 'lil': expected csr, csc, bsr, coo or dia: tocsr() makes the first of any")
refuse("a.npz", sparse("dia"), "a.npz: a sparse matrix as dia: no entry 'offsets.npy'")
refuse("a.npz", sparse("dia", offsets=[0]), "a.npz: entry 'data.npy': shape 2 of <f4: expected a row for each of offsets")
refuse("a.npz", sparse("csr", indices=[0, 1]), "a.npz: a sparse matrix as csr: no entry 'indptr.npy'")
refuse("a.npz", sparse("coo", row=[0, 1]), "a.npz: a sparse matrix as coo: no entry 'col.npy'")
refuse("a.npz", sparse("csr", indptr=[0, 1], indices=[0, 1]),
       "a.npz: entry 'indptr.npy': shape 2 of <i4: expected one element more than there are rows")
refuse("a.npz", sparse("csr", indptr=[0, 1, 3], indices=[0, 1]), "a.npz: entry 'indptr.npy': element 2: 3: expected 1..2")
refuse("a.npz", sparse("csr", indptr=[0, 2, 1], indices=[0, 1]), "a.npz: entry 'indptr.npy': element 2: 1: expected 2..2")
refuse("a.npz", sparse("csr", indptr=[1, 2, 2], indices=[0, 1]), "a.npz: entry 'indptr.npy': element 0: 1: expected 0..0")
refuse("a.npz", sparse("csr", indptr=[0, 1, 2], indices=[0, 3]), "a.npz: entry 'indices.npy': element 1: 3: expected 0..2")
refuse("a.npz", sparse("csr", indptr=[0, 1, 2], indices=[0, -1]), "a.npz: entry 'indices.npy': element 1: -1: expected 0..2")
refuse("a.npz", sparse("csr", indptr=[0, 1, 2], indices=[0]), "a.npz: entry 'indices.npy': shape 1 of <i4: expected as many elements as data")
refuse("a.npz", sparse("coo", row=[0, 2], col=[0, 0]), "a.npz: entry 'row.npy': element 1: 2: expected 0..1")
refuse("a.npz", sparse("coo", row=[0, 1], col=[0, 9]), "a.npz: entry 'col.npy': element 1: 9: expected 0..2")
refuse("a.npz", sparse("coo", row=[0], col=[0, 0]), "a.npz: entry 'data.npy': shape 2 of <f4: expected row, col and data of one length")
refuse("a.npz", sparse("bsr", indptr=[0, 1, 2], indices=[0, 1], data=npy("<f4", "(1, 2, 2)", DATA)),
       "a.npz: entry 'data.npy': shape 1x2x2 of <f4: expected blocks whose sizes divide the matrix's")
refuse("a.npz", sparse("csr", data=npy("<c8", "(2,)", DATA), indptr=[0, 1, 2], indices=[0, 1]),
       "a.npz: entry 'data.npy': shape 2 of <c8: expected real numbers")
refuse("a.npz", sparse("coo", (10**9, 10**9), row=[0, 1], col=[0, 1]),
       "a.npz: a matrix of 1000000000x1000000000: more than a file of 860 bytes accounts for")
refuse("a.npz", sparse("coo", (-1, 2**40), row=[0, 1], col=[0, 1]),
       "a.npz: a matrix of -1x1099511627776: expected 1 to 2^31-1 rows and columns")

# Matrix Market ------------------------------------------------------------------------
BANNER = "%%MatrixMarket matrix coordinate real general\n"
EXPECTED = "expected %%MatrixMarket matrix coordinate|array real|integer|pattern general|symmetric|skew-symmetric"


def mtx(text, where, banner=BANNER):
    refuse("a.mtx", (banner + text).encode(), "a.mtx:" + where)
    if "bytes holds" not in where:
        refuse("a.mtx.gz", gzip.compress((banner + text).encode()), "a.mtx.gz:" + where)


for words in ("matrix coordinate complex general", "matrix coordinate real hermitian", "matrix array pattern general",
              "vector coordinate real general", "matrix coordinate real", "matrix coordinate real general x"):
    mtx("1 1 0\n", f"1: '{('%%MatrixMarket ' + words)[:60]}': {EXPECTED}", f"%%MatrixMarket {words}\n")
mtx("% only a comment\n", "3: '': expected rows, columns and entries")
mtx("3 4\n", "2: '3 4': expected rows, columns and entries")
mtx("3 4 x\n", "2: '3 4 x': expected rows, columns and entries")
mtx("0 4 0\n", "2: '0 4 0': expected 1 to 2^31-1 rows and columns")
mtx("99999999999999999999 4 0\n", "2: '99999999999999999999 4 0': expected rows, columns and entries")
mtx("1000000000 1000000000 1\n1 1 1\n",
    " a matrix of 1000000000x1000000000: more than a file of 76 bytes accounts for")
CASES.pop()    # the gzip file has another size
mtx("9 9 1000000000\n1 1 1\n", "2: 1000000000 entries: more than a file of at most 67 bytes holds")
mtx("2 2 1\n3 1 1\n", "3: '3 1 1': expected a row and a column of the matrix, and a number")
mtx("2 2 1\n0 1 1\n", "3: '0 1 1': expected a row and a column of the matrix, and a number")
mtx("2 2 1\n1 1\n", "3: '1 1': expected a row and a column of the matrix, and a number")
mtx("2 2 1\n1 1 nan\n", "3: '1 1 nan': expected a row and a column of the matrix, and a number")
mtx("2 2 1\n1 1 1 1\n", "3: '1 1 1 1': expected a row and a column of the matrix, and a number")
mtx("2 2 2\n1 1 1\n", "4: end of file after 1 entries: expected 2")
mtx("2 2 1\n1 1 1\n\n2 2 1\n", "5: more than 1 entries: expected 1")
mtx("2 2 1\n1 1 " + "1" * 2000 + "\n", "3: '1 1 " + "1" * 56 + "': expected lines of at most 1024 characters")
mtx("2 2 1\n1 1 1\n", "3: '1 1 1': expected a row and a column of the matrix", "%%MatrixMarket matrix coordinate pattern general\n")
mtx("2 3 1\n1 1 1\n", "2: '2 3 1': expected as many rows as columns: it is symmetric", "%%MatrixMarket matrix coordinate real symmetric\n")
mtx("2 2 1\n1 1 1\n", "3: '1 1 1': expected nothing on the diagonal: it is skew-symmetric",
    "%%MatrixMarket matrix coordinate real skew-symmetric\n")
mtx("2 2\n1\n2\n3\n", "6: end of file after 3 entries: expected 4", "%%MatrixMarket matrix array real general\n")
mtx("2 2\n1\n2\n3 4\n", "5: '3 4': expected a number", "%%MatrixMarket matrix array real general\n")
mtx("100000 100000\n1\n", "2: 10000000000 entries: more than a file of at most 57 bytes holds", "%%MatrixMarket matrix array real general\n")
refuse("a.mtx.gz", gzip.compress((BANNER + "2 2 1\n1 1 1\n").encode())[:40], "a.mtx.gz:1: damaged or truncated gzip data")
refuse("a.mtx.gz", gzip.compress(b"layer,m,k\n"), f"a.mtx.gz:1: 'layer,m,k': {EXPECTED}")

# masks
refuse("a.smtx", b"2, 3, 4\n0 2 4\n0 1 0\n", "a.smtx:4: column index: 'end of file': expected an integer 0..2")
refuse("a.smtx", b"2, 3, 4\n0 2 4\n0 1 0 2\n1\n", "a.smtx:4: more after the last of 4 column indices: expected the end of the file")
refuse("a.smtx", b"2, 3, 1000000000\n0 2\n", "a.smtx:1: 2 rows, 3 columns, 1000000000 entries: more than a file of 21 bytes holds, or none")


def limit_memory():
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))


def limit_for(program):
    """The limit where the program bears it: a sanitizer reserves terabytes of addresses."""
    done = subprocess.run([program], capture_output=True, check=False, preexec_fn=limit_memory)
    return limit_memory if done.returncode == 0 else None


def check(program, limit, case):
    files, path, expected = case
    with tempfile.TemporaryDirectory() as scratch:
        for name, data in files.items():
            target = Path(scratch, name)
            target.parent.mkdir(exist_ok=True)
            target.write_bytes(data)
        done = subprocess.run([program, path], cwd=scratch, capture_output=True, text=True, check=False,
                              preexec_fn=limit)
    # A star stands for the words of libzip, which change from version to version.
    start, _, end = expected.partition("*")
    fits = done.stderr.startswith(start) and done.stderr.endswith(end + "\n") and done.stderr.count("\n") == 1 \
        if "*" in expected else done.stderr == expected + "\n"
    if fits and (done.returncode, done.stdout) == (2, ""):
        return True
    print(f"{path} {str(files.get(path))[:70]}\n  expected 2: {expected}\n  got      {done.returncode}: {done.stderr}"
          f"{done.stdout}")
    return False


def check_links(program):
    """A shard that is a link out of the directory; one as a cache of downloads makes it."""
    with tempfile.TemporaryDirectory() as scratch:
        root = Path(scratch)
        (root / "secret").write_bytes(SHARD)
        (root / "model").mkdir()
        (root / "model" / "1.safetensors").symlink_to("../secret")
        index = json.dumps({"weight_map": {"a": "1.safetensors"}})
        (root / "model" / INDEX).write_text(index)
        (root / "cached").mkdir()
        (root / "cached" / INDEX).symlink_to("../blob")
        (root / "blob").write_text(index)
        (root / "cached" / "1.safetensors").symlink_to("../secret")
        def status(path):
            return subprocess.run([program, path], cwd=root, capture_output=True, text=True, check=False)
        refused, taken = status(f"model/{INDEX}"), status(f"cached/{INDEX}")
    good = refused.returncode == 2 and "leaves the directory" in refused.stderr and taken.returncode == 0
    if not good:
        print("links:", refused, taken)
    return good


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count-weights", required=True, metavar="PROGRAM")
    args = parser.parse_args()
    program = str(Path(args.count_weights).resolve())
    limit = limit_for(program)
    bad = sum(not check(program, limit, case) for case in CASES)
    bad += not check_links(program)
    print(f"{len(CASES) + 1} bad files, {bad} not refused as they should be")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
