# SPDX-License-Identifier: Apache-2.0
"""Two classifiers of scikit-learn's handwritten digits (1797 pictures of 8x8, ten classes),
trained, pruned and fine-tuned. 30 % of the pictures, drawn by class with the seed, are the
test; nothing is chosen by it."""
from __future__ import annotations

import copy
import dataclasses
import re

import torch
from sklearn.datasets import load_digits  # type: ignore[import-untyped]
from sklearn.model_selection import train_test_split  # type: ignore[import-untyped]
from torch import Tensor, nn

import pruning

EPOCHS, FINE_TUNING, BATCH = 30, 10, 64
CLASSES = 10


def mlp() -> nn.Module:
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 512), nn.ReLU(), nn.Linear(512, 512),
                         nn.ReLU(), nn.Linear(512, CLASSES))


def cnn() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(1, 32, 3, padding=1), nn.ReLU(), nn.Conv2d(32, 64, 3, padding=1), nn.ReLU(),
        nn.Conv2d(64, 64, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(),
        nn.Linear(1024, 256), nn.ReLU(), nn.Linear(256, CLASSES))


NETWORKS = {"mlp": mlp, "cnn": cnn}
# Layers that stay dense: the last, and the first convolution of nine inputs.
KEEP_DENSE = {"mlp": r"^5$", "cnn": r"^(0|10)$"}
INPUT = (1, 1, 8, 8)


@dataclasses.dataclass(frozen=True)
class Data:
    x: Tensor
    y: Tensor
    test_x: Tensor
    test_y: Tensor


def load(seed: int) -> Data:
    bunch = load_digits()
    pictures = (bunch.data / 16).astype("float32").reshape(-1, 1, 8, 8)
    x, test_x, y, test_y = train_test_split(pictures, bunch.target, test_size=.3,
                                            random_state=seed, stratify=bunch.target)
    return Data(*map(torch.from_numpy, (x, y, test_x, test_y)))


def prunable(model: nn.Module, network: str) -> dict[str, nn.Parameter]:
    """Weights by the name of their layer."""
    return {name.removesuffix(".weight"): p for name, p in model.named_parameters()
            if p.dim() > 1 and not re.search(KEEP_DENSE[network], name.removesuffix(".weight"))}


def as_matrix(parameter: Tensor) -> Tensor:
    return parameter.detach().flatten(1)


def accuracy(model: nn.Module, data: Data) -> float:
    """Percent of the test."""
    model.eval()
    with torch.no_grad():
        right = model(data.test_x).argmax(1) == data.test_y
    return 100 * float(right.double().mean())


Masks = dict[str, Tensor]


def apply(weights: dict[str, nn.Parameter], masks: Masks) -> None:
    with torch.no_grad():
        for name, kept in masks.items():
            weights[name].mul_(kept.view_as(weights[name]))


def train(model: nn.Module, network: str, data: Data, epochs: int, rate: float, seed: int,
          masks: Masks | None = None, lasso: tuple[str, float] | None = None) -> None:
    """Adam, the rate falling to zero by a cosine. masks: weights that stay zero. lasso: pattern
    and lambda; plain gradient steps with momentum then, each followed by the proximal step of
    lambda times the sum of the block norms."""
    generator = torch.Generator().manual_seed(seed)
    weights = prunable(model, network)
    optimiser: torch.optim.Optimizer = torch.optim.Adam(model.parameters(), rate)
    if lasso:
        optimiser = torch.optim.SGD(model.parameters(), rate, momentum=.9)
    steps = epochs * -(-len(data.x) // BATCH)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps)
    model.train()
    for _ in range(epochs):
        order = torch.randperm(len(data.x), generator=generator)
        for begin in range(0, len(order), BATCH):
            chosen = order[begin:begin + BATCH]
            optimiser.zero_grad()
            loss = nn.functional.cross_entropy(model(data.x[chosen]), data.y[chosen])
            torch.autograd.backward(loss)
            optimiser.step()
            now = optimiser.param_groups[0]["lr"]
            schedule.step()
            if masks:
                apply(weights, masks)
            if lasso:
                shrink(weights, lasso[0], now * lasso[1])


def shrink(weights: dict[str, nn.Parameter], pattern: str, by: float) -> None:
    with torch.no_grad():
        for parameter in weights.values():
            parameter.copy_(pruning.shrink(as_matrix(parameter), pattern, by)
                            .view_as(parameter))


def dense(network: str, data: Data, seed: int) -> nn.Module:
    torch.manual_seed(seed)
    model = NETWORKS[network]()
    train(model, network, data, EPOCHS, 1e-3, seed)
    return model


def pruned(model: nn.Module, network: str, data: Data, pattern: str,
           sparsity: float | dict[str, float], seed: int) -> nn.Module:
    """One-shot magnitude pruning of every prunable layer, by name or alike, then fine-tuning."""
    result = copy.deepcopy(model)
    weights = prunable(result, network)
    masks = {name: pruning.mask(as_matrix(p), pattern, sparsity if isinstance(sparsity, float)
                                else sparsity[name]) for name, p in weights.items()}
    apply(weights, masks)
    train(result, network, data, FINE_TUNING, 5e-4, seed + 1, masks)
    return result


def with_lasso(network: str, data: Data, pattern: str, strength: float,
               seed: int) -> nn.Module:
    """Trained from scratch under group lasso, then fine-tuned without it; zeros stay."""
    torch.manual_seed(seed)
    model = NETWORKS[network]()
    train(model, network, data, EPOCHS, 5e-2, seed, lasso=(pattern, strength))
    masks = {name: as_matrix(p) != 0 for name, p in prunable(model, network).items()}
    train(model, network, data, FINE_TUNING, 5e-4, seed + 1, masks)
    return model
