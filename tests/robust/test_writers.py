#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Whatever writes at the same time, and whenever it is killed: a file is a whole one, the old or a
new one, no other file is touched, and what can be caught leaves nothing behind.

    test_writers.py --sproof PATH [--moments N]    N kills for each verb that writes (default 12)

Two runs share a directory from two PID namespaces, where the system lets them be made.
"""
import argparse
import contextlib
import json
import os
import pathlib
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
DATA = ROOT / "data"
# Temporary files of a run that was killed by SIGKILL: nobody can remove them then.
LEFT = ".sproof-"


def whole_json(path):
    with open(path, encoding="utf-8") as file:
        json.load(file)


def whole_table(path):
    text = path.read_text()
    assert text.endswith("\n") and text.startswith("layer,"), f"{path}: torn"


def whole_smtx(path):
    lines = path.read_text().splitlines()
    rows, _, entries = (int(cell) for cell in lines[0].split(","))
    assert len(lines[1].split()) == rows + 1 and len(lines[2].split()) == entries, f"{path}: torn"


def whole_safetensors(path):
    data = path.read_bytes()
    size = int.from_bytes(data[:8], "little")
    header = json.loads(data[8:8 + size])
    end = max(tensor["data_offsets"][1] for key, tensor in header.items() if key[:2] != "__")
    assert len(data) == 8 + size + end, f"{path}: torn"


def whole_svg(path):
    assert path.read_text().rstrip().endswith("</svg>"), f"{path}: torn"


def whole_script(path):
    assert path.read_text().endswith("\n"), f"{path}: torn"


WHOLE = {".json": whole_json, ".smtx": whole_smtx, ".safetensors": whole_safetensors,
         ".svg": whole_svg, ".gp": whole_script}


def make_safetensors(path):
    shape, tensors, offset = (256, 1024), {}, 0
    for i in range(8):
        size = shape[0] * shape[1] * 4
        tensors[f"layer{i}.weight"] = {"dtype": "F32", "shape": shape,
                                       "data_offsets": [offset, offset + size]}
        offset += size
    header = json.dumps(tensors).encode()
    path.write_bytes(len(header).to_bytes(8, "little") + header + random.Random(1).randbytes(offset))


def check_files(directory, known):
    """Every file is known or whole; returns how many temporary ones there are."""
    temporary = 0
    for path in sorted(directory.rglob("*")):
        if path.name.startswith(LEFT):
            temporary += 1
        elif path.is_file() and path.name not in known:
            if path.suffix == ".csv" and path.name.startswith("model"):
                whole_table(path)
            elif path.suffix != ".csv":
                WHOLE[path.suffix](path)
    return temporary


def remove_temporary(directory):
    for path in directory.rglob(LEFT + "*"):
        path.unlink()


def verbs(sproof):
    model = str(DATA / "models" / "bert_base_squad_blocks.csv")
    analyze = [sproof, "analyze", model, "--machine", "a100-sxm-40gb", "-q"]
    inspect = [sproof, "inspect", "weights.safetensors", "--tokens", "8", "-q"]
    yield "analyze", analyze, 0.1
    yield "plot", [sproof, "plot", "--kind", "all", "-o", "picture", "-q"], 1.0
    yield "inspect -o", inspect + ["-o", "model.csv"], 0.1
    yield "inspect --write", inspect + ["--prune", "csr@0.9", "--write", "pruned.safetensors"], 0.5
    yield "inspect --masks", inspect + ["--prune", "4x4@0.9", "--masks", "masks"], 0.5
    yield "validate", [sproof, "validate", "small.csv", "--threads", "1", "--pattern", "csr",
                       "--sparsity", "0.5", "-q"], 0.6


def kill_each(sproof, environment, moments):
    tried = 0
    for what, command, longest in verbs(sproof):
        with tempfile.TemporaryDirectory() as name:
            directory = pathlib.Path(name)
            make_safetensors(directory / "weights.safetensors")
            (directory / "small.csv").write_text("layer,m,k,n\nfc1,64,48,8\n")
            known = {"weights.safetensors", "small.csv"}
            if what == "plot":
                subprocess.run(next(verbs(sproof))[1], cwd=directory, env=environment, check=True,
                               stdout=subprocess.DEVNULL)
            for _ in range(moments):
                number = random.choice([signal.SIGKILL, signal.SIGTERM, signal.SIGINT,
                                        signal.SIGHUP, signal.SIGQUIT, signal.SIGPIPE,
                                        signal.SIGUSR1, signal.SIGALRM])
                run = subprocess.Popen(command, cwd=directory, env=environment,
                                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                                       start_new_session=True)
                time.sleep(random.random() * longest)
                run.send_signal(number)
                run.wait()
                # What it left running would write a temporary file that is removed below again.
                if number == signal.SIGKILL:
                    with contextlib.suppress(ProcessLookupError):
                        os.killpg(run.pid, signal.SIGKILL)
                tried += 1
                left = check_files(directory, known)
                if left and number != signal.SIGKILL:
                    raise AssertionError(f"{what}: {number.name} left {left} temporary files")
                remove_temporary(directory)
    return tried


def namespaces():
    """The command that puts a run into a PID namespace of its own, [] where it may not."""
    command = ["unshare", "--pid", "--fork"]
    if shutil.which("unshare") and subprocess.run(
            command + ["true"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            check=False).returncode == 0:
        return command
    return []


def race(sproof, environment, pairs):
    """Two runs of equal process numbers write one record."""
    apart = namespaces()
    models = ["bert_base_squad_blocks.csv", "resnet50_str.csv"]
    with tempfile.TemporaryDirectory() as name:
        directory = pathlib.Path(name)
        for _ in range(pairs):
            runs = []
            for model in models:
                runs.append(subprocess.Popen(
                    apart + [sproof, "analyze", str(DATA / "models" / model), "--machine",
                             "a100-sxm-40gb", "-q"], cwd=directory, env=environment,
                    stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL))
                time.sleep(random.random() * 0.03)
            codes = [run.wait() for run in runs]
            if codes != [0, 0]:
                raise AssertionError(f"two runs at once: exit {codes}")
            whole_json(directory / "sproof.json")
            if check_files(directory, set()):
                raise AssertionError("two runs at once left temporary files")
    return bool(apart)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--sproof", required=True)
    parser.add_argument("--moments", type=int, default=12)
    arguments = parser.parse_args()
    sproof = str(pathlib.Path(arguments.sproof).resolve())
    environment = dict(os.environ, SPROOF_DATA=str(DATA), SPROOF_PROBE="off")
    random.seed(arguments.moments)
    apart = race(sproof, environment, 4 + arguments.moments)
    tried = kill_each(sproof, environment, arguments.moments)
    print(f"{4 + arguments.moments} pairs{' in two PID namespaces' if apart else ''}, "
          f"{tried} kills: every file whole")
    return 0


if __name__ == "__main__":
    sys.exit(main())
