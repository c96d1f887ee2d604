# SPDX-License-Identifier: Apache-2.0
"""Reads a layer table (src/network/README.md) and writes files whole or not at all. Needs no
PyTorch."""
from __future__ import annotations

import contextlib
import csv
import os
import sys
from collections.abc import Iterable, Sequence


class UsageError(Exception):
    """Said in one line."""


def whole(where: str, column: str, text: str) -> int:
    try:
        value = float(text)
        if value < 1 or value > 2**40 or value != int(value):
            raise ValueError
    except (ValueError, OverflowError):
        raise UsageError(f"{where}: column '{column}': '{text}': expected an integer "
                         "1..2^40") from None
    return int(value)


def base_rows(path: str) -> list[tuple[str, dict[str, str]]]:
    """The rows of the dense network, each with FILE:LINE."""
    rows = []
    try:
        with open(path, encoding="utf-8-sig", newline="") as file:
            # An empty line in the place of a comment keeps the numbers of lines.
            reader = csv.reader("\n" if line.startswith("#") else line for line in file)
            header = next(filter(None, reader), [])
            missing = [c for c in ("m", "k", "n") if c not in header]
            if missing:
                raise UsageError(f"{path}: no column '{missing[0]}': expected a layer table")
            for cells in filter(None, reader):
                row = dict(zip(header, cells))
                if not row.get("variant"):
                    rows.append((f"{path}:{reader.line_num}", row))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise UsageError(f"{path}: {getattr(error, 'strerror', None) or error}") from None
    return rows


def sizes_of(where: str, row: dict[str, str]) -> tuple[int, int, int]:
    m, k, n = (whole(where, c, row.get(c, "")) for c in ("m", "k", "n"))
    return m, k, n


def write(path: str | None, table: Iterable[Sequence[str]]) -> None:
    """None: standard output."""
    if path is None:
        csv.writer(sys.stdout, lineterminator="\n").writerows(table)
        return
    partial = f"{path}.partial"
    try:
        with open(partial, "w", encoding="utf-8", newline="") as file:
            csv.writer(file, lineterminator="\n").writerows(table)
        os.replace(partial, path)
    finally:
        with contextlib.suppress(OSError):
            os.unlink(partial)
