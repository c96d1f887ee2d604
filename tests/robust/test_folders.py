#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The folder of a model is not trusted, and the system may fail: what is no regular file is refused
at once, nothing outside the folder is read; a file that is cut short while it is mapped, and a map
or a write that the system refuses, end with a message and exit 4.

    test_folders.py --sproof PATH
"""
import argparse
import json
import os
import pathlib
import resource
import shutil
import signal
import struct
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
DATA = ROOT / "data"
# No answer here takes longer, but for a file that is waited for.
TIMEOUT_S = 30
BIG = 65 << 20


def safetensors(path, tensors, data=True):
    """Tensors of zeros; data: written, else a hole."""
    header, at = {}, 0
    for name, (rows, columns) in tensors.items():
        header[name] = {"dtype": "F32", "shape": [rows, columns],
                        "data_offsets": [at, at + 4 * rows * columns]}
        at += 4 * rows * columns
    text = json.dumps(header).encode()
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        if data:
            file.write(b"\0" * at)
        file.truncate(8 + len(text) + at)
    return path


def sparse(path, size=BIG):
    path.write_bytes(b"{")
    os.truncate(path, size)


class Program:
    def __init__(self, path):
        self.path = str(pathlib.Path(path).resolve())
        self.env = {"PATH": os.environ["PATH"], "SPROOF_DATA": str(DATA), "LC_ALL": "C",
                    "HOME": "/nonexistent", "SPROOF_PROBE": "off"}

    def run(self, where, *words, limit=None, **more):
        def confine():
            for what, value in (limit or {}).items():
                resource.setrlimit(what, (value, value))
        try:
            return subprocess.run([self.path, *words], cwd=where, env=self.env, text=True,
                                  stdout=more.pop("stdout", subprocess.PIPE),
                                  stderr=subprocess.PIPE, timeout=TIMEOUT_S,
                                  preexec_fn=confine, check=False, **more)
        except subprocess.TimeoutExpired:
            sys.exit(f"{' '.join(words)}: waits")


def ends(result, code, text):
    assert result.returncode == code and text in result.stderr, \
        f"expected exit {code} and '{text}', got {result.returncode}: {result.stderr[-600:]}"


def model(where):
    folder = where / "m"
    folder.mkdir()
    safetensors(folder / "model.safetensors", {"fc.weight": (64, 64)})
    return folder


def two_parts(where):
    folder = where / "m"
    folder.mkdir()
    safetensors(folder / "a.safetensors", {"a.weight": (64, 64)})
    safetensors(folder / "b.safetensors", {"b.weight": (64, 64)})
    return folder


def index_of(folder):
    path = folder / "model.safetensors.index.json"
    path.write_text(json.dumps({"weight_map": {"a.weight": "a.safetensors",
                                               "b.weight": "b.safetensors"}}))
    return path


def inspect(program, where):
    return program.run(where, "inspect", "m")


def config_pipe(program, where):
    os.mkfifo(model(where) / "config.json")
    ends(inspect(program, where), 2, "m/config.json: not a regular file: expected a JSON file")


def config_device(program, where):
    (model(where) / "config.json").symlink_to("/dev/zero")
    ends(inspect(program, where), 2, "'config.json': leaves the directory of the model: refused")


def config_elsewhere(program, where):
    (where / "other.json").write_text('{"model_type": "bert"}')
    (model(where) / "config.json").symlink_to("../other.json")
    ends(inspect(program, where), 2, "'config.json': leaves the directory of the model: refused")


def config_large(program, where):
    sparse(model(where) / "config.json")
    ends(inspect(program, where), 2, "m/config.json: larger than 64 MiB")


def config_good(program, where):
    (model(where) / "config.json").write_text('{"model_type": "bert"}')
    ends(inspect(program, where), 0, "")


def cache_of_links(program, where):
    """As caches of downloads keep a model: each file a link to one store."""
    folder, store = two_parts(where), where / "store"
    index_of(folder)
    (folder / "config.json").write_text('{"model_type": "bert"}')
    store.mkdir()
    for number, path in enumerate(sorted(folder.iterdir())):
        path.rename(store / str(number))
        path.symlink_to(f"../store/{number}")
    ends(inspect(program, where), 0, "")
    (folder / "model.safetensors.index.json").unlink()
    ends(inspect(program, where), 0, "")


def index_pipe(program, where):
    os.mkfifo(two_parts(where) / "model.safetensors.index.json")
    ends(inspect(program, where), 2, "index.json: not a regular file: expected a file of weights")


def index_large(program, where):
    sparse(index_of(two_parts(where)))
    ends(inspect(program, where), 2, "larger than 64 MiB: expected an index of safetensors files")


def shard_pipe(program, where):
    folder = two_parts(where)
    index_of(folder)
    (folder / "b.safetensors").unlink()
    os.mkfifo(folder / "b.safetensors")
    ends(inspect(program, where), 2, "m/b.safetensors: not a regular file")


def part_pipe(program, where):
    folder = two_parts(where)
    (folder / "b.safetensors").unlink()
    os.mkfifo(folder / "b.safetensors")
    ends(inspect(program, where), 2, "m/b.safetensors: not a regular file")


def part_elsewhere(program, where):
    folder = two_parts(where)
    (folder / "b.safetensors").rename(where / "b")
    (folder / "b.safetensors").symlink_to("../b")
    ends(inspect(program, where), 2, "'b.safetensors': leaves the directory of the model: refused")


def record_out_of_pipe(program, where):
    ends(program.run(where, "analyze", str(DATA / "models" / "bert_base_seq128.csv"), "--machine", "epyc-9654", "-q"), 0, "")
    whole = program.run(where, "explain", "-i", "sproof.json")
    ends(whole, 0, "")
    record = (where / "sproof.json").read_text()
    piped = program.run(where, "explain", "-i", "/dev/stdin", input=record)
    ends(piped, 0, "")
    assert piped.stdout == whole.stdout


def cut_while_mapped(program, where):
    """Stopped as soon as the file is mapped; where it is done by then, again with a larger one."""
    for rows in (1 << 16, 1 << 18, 1 << 20):
        path = safetensors(where / "w\x1b.safetensors", {"fc.weight": (rows, 1024)}, data=False)
        with subprocess.Popen([program.path, "inspect", path.name], cwd=where, env=program.env,
                              stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as run:
            while run.poll() is None:
                with open(f"/proc/{run.pid}/maps", errors="replace") as maps:
                    if ".safetensors" in maps.read():
                        break
            run.send_signal(signal.SIGSTOP)
            os.truncate(path, 4096)
            run.send_signal(signal.SIGCONT)
            error = run.communicate(timeout=TIMEOUT_S)[1].decode()
        if run.returncode == 0:
            continue
        assert (run.returncode, error) == (
            4, "sproof: w?.safetensors: was cut short while it was read\n"), (run.returncode, error)
        return
    raise AssertionError("never cut while it was read")


def bus_from_elsewhere(program, where):
    """Sent by another program it ends the run as ever."""
    os.mkfifo(where / "never.csv")
    with subprocess.Popen([program.path, "analyze", "never.csv", "--machine", "epyc-9654"],
                          cwd=where, env=program.env, stderr=subprocess.PIPE) as run:
        writer = os.open(where / "never.csv", os.O_WRONLY)
        run.send_signal(signal.SIGBUS)
        run.communicate(timeout=TIMEOUT_S)
        os.close(writer)
    assert run.returncode == -signal.SIGBUS, run.returncode


def map_refused(program, where):
    limit = {resource.RLIMIT_AS: 2 << 30}
    if program.run(where, "--version", limit=limit).returncode != 0:
        return # sanitizers take more
    safetensors(where / "w.safetensors", {"fc.weight": (1 << 20, 1024)}, data=False)
    ends(program.run(where, "inspect", "w.safetensors", limit=limit), 4,
         "w.safetensors: cannot be mapped: Cannot allocate memory")


def write_refused(program, where):
    """By the limit on the size of files, whose signal would kill."""
    limit = {resource.RLIMIT_FSIZE: 4096}
    model(where)
    safetensors(where / "w.safetensors", {f"fc{i}.weight": (64, 64) for i in range(200)})
    table = str(DATA / "models" / "bert_base_seq128.csv")
    analyze = ("analyze", table, "--machine", "epyc-9654", "-q")
    ends(program.run(where, *analyze, limit=limit), 4, "sproof: sproof.json: File too large")
    ends(program.run(where, "inspect", "w.safetensors", "-n", "8", "-o", "model.csv", limit=limit), 4,
         "sproof: model.csv: File too large")
    ends(program.run(where, "inspect", "m", "--prune", "4x4@0.5", "--write",
                     "pruned.safetensors", limit=limit), 4,
         "sproof: pruned.safetensors: File too large")
    with open(where / "out.csv", "w") as out:
        ends(program.run(where, *analyze, "--no-save", "--layers", "--format", "csv", limit=limit,
                         stdout=out), 4, "sproof: standard output: File too large")
    ends(program.run(where, *analyze), 0, "")
    if shutil.which("gnuplot"):
        ends(program.run(where, "plot", "sproof.json", "-q", limit=limit), 4, "sproof: ")
    left = {path.name for path in where.iterdir()} - {"m", "w.safetensors", "out.csv",
                                                     "sproof.json"}
    assert not left, left


CASES = [config_pipe, config_device, config_elsewhere, config_large, config_good, cache_of_links,
         index_pipe, index_large, shard_pipe, part_pipe, part_elsewhere, record_out_of_pipe,
         cut_while_mapped, bus_from_elsewhere, map_refused, write_refused]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sproof", required=True)
    program = Program(parser.parse_args().sproof)
    failed = 0
    for case in CASES:
        with tempfile.TemporaryDirectory() as where:
            try:
                case(program, pathlib.Path(where))
            except (AssertionError, SystemExit) as error:
                print(f"{case.__name__}: {error}")
                failed += 1
    print(f"{len(CASES)} cases, {failed} failed")
    return failed > 0


if __name__ == "__main__":
    sys.exit(main())
