#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The README shows real output: every ```console block is a command and what it prints.

    test_readme.py --sproof PATH [--update]

Runs each `$ command` of README.md in one scratch directory that sees the repository's data,
and compares standard output and error with the lines below it. --update writes them.
Exit status: 0 equal, 1 different.
"""
import argparse
import difflib
import os
import pathlib
import re
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]


def run(command, sproof, directory):
    environment = dict(os.environ, PATH=f"{sproof.parent}:{os.environ['PATH']}",
                       SPROOF_DATA=str(ROOT / "data"))
    done = subprocess.run(["bash", "-c", command + " 2>&1"], cwd=directory, text=True,
                          env=environment, capture_output=True, timeout=60)
    # The line that dates the record differs from run to run.
    return re.sub(r"of \d{4}-\d\d-\d\dT[\d:]+Z", "of 2026-11-21T12:00:00Z", done.stdout)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--sproof", default=str(ROOT / "build" / "sproof"))
    parser.add_argument("--update", action="store_true")
    arguments = parser.parse_args()
    sproof = pathlib.Path(arguments.sproof).resolve()
    text = (ROOT / "README.md").read_text()
    blocks = 0
    with tempfile.TemporaryDirectory() as directory:
        os.symlink(ROOT / "data", pathlib.Path(directory) / "data")

        def fresh(match):
            nonlocal blocks
            blocks += 1
            command = match.group(1)
            return f"```console\n$ {command}\n{run(command, sproof, directory)}```"

        made = re.sub(r"```console\n\$ ([^\n]*)\n(.*?)```", fresh, text, flags=re.S)
    if arguments.update:
        (ROOT / "README.md").write_text(made)
    elif made != text:
        sys.stdout.writelines(difflib.unified_diff(
            text.splitlines(True), made.splitlines(True), "README.md", "what sproof prints"))
        return 1
    print(f"README: {blocks} commands show what they print")
    return 0 if blocks else 1


if __name__ == "__main__":
    sys.exit(main())
