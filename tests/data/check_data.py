#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Checks what ships in data/ through the program itself.

    check_data.py models   --sproof PATH --source DIR   every layer table is read; the totals of
                                                        those in model_totals.csv are equal
    check_data.py machines --sproof PATH --source DIR   every machine loads; every number says
                                                        its kind and source
    check_data.py accuracy --sproof PATH --source DIR   every accuracy table joins a network
    check_data.py runtimes --sproof PATH --source DIR   every runtime is known to explain, with
                                                        its source
Exit status: 0 all right, 1 a difference.
"""
import argparse
import csv
import json
import pathlib
import subprocess
import sys
import tempfile

KINDS = {"measured", "datasheet", "declared", "derived"}
HERE = pathlib.Path(__file__).resolve().parent
problems = []


def problem(text):
    problems.append(text)
    print(text)


def analyze(sproof, *arguments):
    """The record of one analysis, or None after saying what went wrong."""
    command = [str(sproof), "analyze", *map(str, arguments), "--format", "json", "--no-save", "-q"]
    with tempfile.TemporaryDirectory() as directory:
        done = subprocess.run(command, cwd=directory, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        problem("%s: exit %d: %s" % (" ".join(command[1:]), done.returncode, done.stderr.strip()))
        return None
    return json.loads(done.stdout)


def check_models(sproof, source):
    with open(HERE / "model_totals.csv", encoding="utf-8") as file:
        wanted = {row["model"]: row for row in csv.DictReader(file)}
    seen = set()
    for path in sorted((source / "data" / "models").glob("*.csv")):
        record = analyze(sproof, path, "--machine", "a100-sxm-40gb")
        if record is None:
            continue
        seen.add(path.stem)
        products = [x for x in record["layers"] if x["op"] != "other"]
        macs = sum(x["m"] * x["k"] * x["n"] * x["count"] for x in products)
        weights = sum(x["m"] * x["k"] * x["count"] for x in products if x["op"] != "attention")
        if path.stem in wanted:
            for key, value in (("macs", macs), ("weights", weights)):
                if int(wanted[path.stem][key]) != value:
                    problem("%s: %s: expected %s, the table gives %d"
                            % (path.name, key, wanted[path.stem][key], value))
        if not record["variants"]:
            problem("%s: no variants" % path.name)
    for name in sorted(set(wanted) - seen):
        problem("data/models/%s.csv is missing" % name)
    return len(seen)


def numbers(machine):
    for engine in machine["engines"]:
        yield "engine %s flops_per_s" % engine["name"], engine["flops_per_s"]
    for level in machine["memory"]:
        for key in ("bytes", "bytes_per_s"):
            yield "memory %s %s" % (level["level"], key), level.get(key)
    yield "overhead_s", machine.get("overhead_s")


def check_machines(sproof, source):
    model = source / "data" / "models" / "gsc_cnn_1500.csv"
    count = 0
    for path in sorted((source / "data" / "machines").glob("*.json")):
        count += 1
        machine = json.loads(path.read_text(encoding="utf-8"))
        if machine["name"] != path.stem:
            problem("%s: its name is %s" % (path.name, machine["name"]))
        for where, number in numbers(machine):
            if number is None:
                continue
            if not isinstance(number, dict) or number.get("kind") not in KINDS \
                    or not number.get("source"):
                problem("%s: %s: expected an object with kind and source" % (path.name, where))
        analyze(sproof, model, "--machine", machine["name"])
    return count


# What each accuracy table is about: its file name says the network.
NETWORKS = {"bert_base": "bert_base_seq128", "resnet50": "resnet50", "mobilenet_v2": "mobilenet_v1",
            "llama2_7b": "llama7b_decode", "digits_mlp": "digits_mlp", "digits_cnn": "digits_cnn",
            "minilm": "minilm_l6_seq128"}


def check_accuracy(sproof, source):
    count = 0
    for path in sorted((source / "data" / "accuracy").glob("*.csv")):
        count += 1
        network = next((v for k, v in NETWORKS.items() if path.name.startswith(k)), None)
        if network is None:
            problem("%s: of which network?" % path.name)
            continue
        with open(path, encoding="utf-8") as file:
            rows = [x for x in csv.reader(file) if x and not x[0].startswith("#")]
        record = analyze(sproof, source / "data" / "models" / (network + ".csv"),
                         "--accuracy", path, "--machine", "a100-sxm-40gb")
        if record is None:
            continue
        with_accuracy = [v for v in record["variants"] if v["accuracy"] is not None]
        if len(with_accuracy) != len(rows) - 1:
            problem("%s: %d points, %d variants with an accuracy"
                    % (path.name, len(rows) - 1, len(with_accuracy)))
        if any(v["accuracy_source"] != "table" for v in with_accuracy):
            problem("%s: an accuracy that is not of the table" % path.name)
    return count


def explain(sproof, directory, row):
    """What explain says of a runtime and a pattern, or None after saying what went wrong."""
    pattern = {"any": "bitmask", "block": "16x16"}.get(row["pattern"], row["pattern"])
    sparsity = {"2:4": "0.5", "1:4": "0.75"}.get(pattern, "0.9")
    command = [str(sproof), "explain", pattern + "@" + sparsity, "--runtime", row["runtime"],
               "-q", "--format", "json"]
    done = subprocess.run(command, cwd=directory, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        problem("%s: exit %d: %s" % (" ".join(command[1:]), done.returncode, done.stderr.strip()))
        return None
    return json.loads(done.stdout)["runtime"]


def check_runtimes(sproof, source):
    with open(source / "data" / "runtimes.csv", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    with tempfile.TemporaryDirectory() as directory:
        (pathlib.Path(directory) / "model.csv").write_text("layer,m,k,n\nfc,768,768,64\n",
                                                            encoding="utf-8")
        subprocess.run([str(sproof), "analyze", "model.csv", "-m", "a100-sxm-40gb", "-q"],
                       cwd=directory, capture_output=True, check=True)
        for row in rows:
            name = row["runtime"] + " " + row["pattern"]
            known = explain(sproof, directory, row)
            told = {key: row[key] for key in ("zeros", "condition", "source", "looked_up")}
            if known is not None and known != dict(told, name=row["runtime"]):
                problem("%s: explain says %s" % (name, known))
            if not row["source"].startswith("https://"):
                problem("%s: no source" % name)
    if len({row["runtime"] for row in rows}) < 10:
        problem("fewer than 10 runtimes")
    return len(rows)


def main():
    parser = argparse.ArgumentParser(description="Checks data/ through the program.")
    parser.add_argument("what", choices=["models", "machines", "accuracy", "runtimes"])
    parser.add_argument("--sproof", type=pathlib.Path, required=True)
    parser.add_argument("--source", type=pathlib.Path, required=True)
    opt = parser.parse_args()
    check = {"models": check_models, "machines": check_machines, "accuracy": check_accuracy,
             "runtimes": check_runtimes}
    count = check[opt.what](opt.sproof.resolve(), opt.source.resolve())
    print("%d files, %d problems" % (count, len(problems)))
    return 1 if problems or count == 0 else 0


if __name__ == "__main__":
    sys.exit(main())
