# SPDX-License-Identifier: Apache-2.0
"""Interpreters with the packages of a runtime."""
from __future__ import annotations

import contextlib
import pathlib
import shutil
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent


def note(text: str) -> None:
    print(f"bert.py: {text}", file=sys.stderr, flush=True)


# DeepSparse has wheels up to Python 3.11 and wants an older NumPy than the others.
PYTHONS = {"torch": ("python3",), "tvm": ("python3",),
           "deepsparse": ("python3.10", "python3.11", "python3.9")}
GROUP = {"torch": "torch", "onnxruntime": "torch", "tvm": "tvm", "deepsparse": "deepsparse"}


def candidates(group: str) -> list[str]:
    """The named interpreters, pyenv's too."""
    found = [sys.executable] if group != "deepsparse" else []
    for name in PYTHONS[group]:
        found += [path for path in [shutil.which(name)] if path]
        version = name.removeprefix("python")
        found += sorted(map(str, pathlib.Path.home().glob(
            f".pyenv/versions/{version}.*/bin/{name}")))
    return found


def environment_of(group: str, build: pathlib.Path) -> str | None:
    """The interpreter of a virtual environment with the group's packages, made when needed."""
    home = build / f"venv-{group}"
    python = home / "bin" / "python"
    if (home / "done").exists():
        return str(python)
    requirements = HERE / f"requirements-{group}.txt"
    for base in candidates(group):
        shutil.rmtree(home, ignore_errors=True)
        note(f"installing {group} into {home}")
        commands = [[base, "-m", "venv", str(home)],
                    [str(python), "-m", "pip", "install", "--quiet",
                     "--disable-pip-version-check", "-r", str(requirements)]]
        done = None
        for command in commands:
            with contextlib.suppress(OSError):
                done = subprocess.run(command, stdout=sys.stderr, check=False)
            if done is None or done.returncode != 0:
                break
        else:
            (home / "done").touch()
            return str(python)
    return None


def interpreters(given: list[str], build: pathlib.Path, only: set[str]) -> dict[str, str]:
    found = dict(item.split("=", 1) for item in given)
    for group in sorted({GROUP[runtime] for runtime in only}):
        if group not in found:
            python = environment_of(group, build)
            if python is None:
                note(f"going on without {group}: its packages cannot be installed")
            else:
                found[group] = python
    return found
