#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs the commands that `sproof inspect` prints for PyTorch's files, and reads what they write.
Runs in a scratch directory; exits 77 where Python has no PyTorch or no safetensors.

    test_pickle_advice.py --sproof PATH
"""
import argparse
import os
import re
import subprocess
import sys

try:
    import torch
    from safetensors.torch import load_file
except ImportError:
    print("SKIP: no PyTorch or no safetensors")
    sys.exit(77)
from torch import nn


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--sproof", required=True)
    sproof = parser.parse_args().sproof
    layer = nn.Linear(32, 16)
    state = layer.state_dict()
    sparse = {**state, "weight": state["weight"].to_sparse_csr()}
    cases = {"plain": state, "checkpoint": {"state_dict": state, "epoch": 3},
             "training": {"model": state, "optimizer": {"state": {0: state}}, "args": [1]},
             "sparse": sparse, "mixed": {**state, "step": 7}, "whole": layer,
             "in_a_dict": {"epoch": 1, "model": layer, "ema": None}}
    for name, value in cases.items():
        torch.save(value, f"{name}.pt")
    torch.save(state, "legacy.pt", _use_new_zipfile_serialization=False)
    torch.jit.save(torch.jit.script(layer), "script.pt")
    failed = False
    for name in (*cases, "legacy", "script"):
        if os.path.exists("model.safetensors"):
            os.unlink("model.safetensors")
        said = subprocess.run([sproof, "inspect", f"{name}.pt"], capture_output=True, text=True,
                              check=False)
        command = re.search(r'python3 (-c ".*")$', said.stderr.strip())
        done = command and subprocess.run(f"'{sys.executable}' {command[1]}", shell=True,
                                          capture_output=True, text=True, check=False)
        if not done or done.returncode or said.returncode != 2:
            print(f"{name}: {said.stderr}{done.stderr if done else ''}", file=sys.stderr)
            failed = True
            continue
        found = load_file("model.safetensors")
        if sorted(found) != ["bias", "weight"] or not all(
                torch.equal(found[key], state[key]) for key in state):
            print(f"{name}: {sorted(found)}: other tensors", file=sys.stderr)
            failed = True
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
