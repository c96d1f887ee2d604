#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What two sparsities cost in accuracy: the network of data/models/gsc_cnn_*.csv, scaled to
scikit-learn's digits (8x8 pictures, so 3x3 kernels with a rim, 300 hidden units), trained dense,
with static sparse weights, and with k-winner-take-all besides.

    two_sparsities.py [--seeds 3] [--epochs 12]

Static masks are drawn once: as many weights in every row (scattered), or blocks of 16 outputs that
keep the same inputs (16x1). 5 of 9 weights of the first convolution are kept, 20 % of the second,
5 % of the hidden layer; 9.5 %, 12.5 % and 10 % of the values win, behind pooling. Losers become 0;
who loses often is boosted while it is trained (arXiv 1903.11257)."""
from __future__ import annotations

import argparse
import statistics

import torch
from torch import Tensor, nn
from torch.nn import functional

import digits

KEPT = {"conv1": 5 / 9, "conv2": .2, "hidden": .05}
SHARES = {"conv1": .095, "conv2": .125, "hidden": .1}
FILTERS, HIDDEN, BLOCK = 64, 300, 16
PERIOD, BOOST, BOOST_FACTOR = 1000, 1.5, .9
BATCH, RATE, MOMENTUM, DECAY = 32, .02, .9, 5e-4


class Winners(nn.Module):
    """Keeps the k largest of each sample's values; those of a channel share how often they won."""

    duty: Tensor

    def __init__(self, channels: int, share: float) -> None:
        super().__init__()
        self.share, self.boost = share, BOOST
        self.register_buffer("duty", torch.zeros(channels))
        self.seen = 0

    def forward(self, x: Tensor) -> Tensor:
        flat = x.flatten(1)
        k = max(1, round(flat.shape[1] * self.share))
        duty = self.duty.view(1, -1, *[1] * (x.dim() - 2))
        rank = flat
        if self.training:
            rank = (x * torch.exp(self.boost * (self.share - duty))).flatten(1)
        least = rank.topk(k, dim=1).values[:, -1:]
        wins = (rank >= least).view_as(x)
        if self.training:
            self.count(wins)
        return functional.relu(x * wins)

    @torch.no_grad()
    def count(self, wins: Tensor) -> None:
        self.seen = min(PERIOD, self.seen + len(wins))
        often = wins.flatten(2).float().mean(2) if wins.dim() > 2 else wins.float()
        self.duty += (often.mean(0) - self.duty) * len(wins) / max(self.seen, len(wins))


class Network(nn.Module):
    """conv, batch norm, pool, activation; twice; linear, batch norm, activation; linear."""

    def __init__(self, winners: bool) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(1, FILTERS, 3, padding=1)
        self.conv2 = nn.Conv2d(FILTERS, FILTERS, 3, padding=1)
        self.hidden = nn.Linear(FILTERS * 4, HIDDEN)
        self.output = nn.Linear(HIDDEN, digits.CLASSES)
        self.norms = nn.ModuleList([nn.BatchNorm2d(FILTERS, affine=False),
                                    nn.BatchNorm2d(FILTERS, affine=False),
                                    nn.BatchNorm1d(HIDDEN, affine=False)])
        sizes = {"conv1": FILTERS, "conv2": FILTERS, "hidden": HIDDEN}
        self.active = nn.ModuleList([Winners(sizes[name], SHARES[name]) if winners
                                     else nn.ReLU() for name in SHARES])

    def forward(self, x: Tensor) -> Tensor:
        x = self.active[0](functional.max_pool2d(self.norms[0](self.conv1(x)), 2))
        x = self.active[1](functional.max_pool2d(self.norms[1](self.conv2(x)), 2))
        x = self.active[2](self.norms[2](self.hidden(x.flatten(1))))
        return self.output(x)


def mask(rows: int, columns: int, kept: float, block: int) -> Tensor:
    """Every block row keeps as many columns, drawn at random."""
    groups = -(-rows // block)
    order = torch.rand(groups, columns).argsort(1)
    chosen = order < round(columns * kept)
    return chosen.repeat_interleave(block, 0)[:rows]


def train(data: digits.Data, seed: int, epochs: int, block: int, winners: bool) -> float:
    torch.manual_seed(seed)
    model = Network(winners)
    masks = {}
    for name, kept in KEPT.items() if block else ():
        weight = getattr(model, name).weight
        masks[weight] = mask(len(weight), weight[0].numel(), kept, block).view_as(weight)
        with torch.no_grad():
            weight.mul_(masks[weight] / kept ** .5)  # as much comes out as before
    optimizer = torch.optim.SGD(model.parameters(), RATE, MOMENTUM, weight_decay=DECAY)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, epochs)
    for _ in range(epochs):
        model.train()
        for batch in torch.randperm(len(data.x)).split(BATCH):
            if len(batch) < 2:
                continue
            loss = functional.cross_entropy(model(data.x[batch]), data.y[batch])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            with torch.no_grad():
                for weight, kept_ones in masks.items():
                    weight.mul_(kept_ones)
        schedule.step()
        for part in model.active:
            if isinstance(part, Winners):
                part.boost *= BOOST_FACTOR
    return digits.accuracy(model, data)


NETWORKS = (("dense", 0, False), ("sparse-dense, scattered", 1, False),
            ("sparse-dense, 16x1", BLOCK, False), ("sparse-sparse, scattered", 1, True),
            ("sparse-sparse, 16x1", BLOCK, True), ("dense weights, winners", 0, True))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=12)
    options = parser.parse_args()
    torch.set_num_threads(1)
    print(f"{'digits, test accuracy in %':28}{'mean':>8}{'least':>8}{'most':>8}")
    for name, block, winners in NETWORKS:
        found = [train(digits.load(seed), seed, options.epochs, block, winners)
                 for seed in range(options.seeds)]
        print(f"{name:28}{statistics.mean(found):8.2f}{min(found):8.2f}{max(found):8.2f}",
              flush=True)


if __name__ == "__main__":
    main()
