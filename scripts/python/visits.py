# SPDX-License-Identifier: Apache-2.0
"""When the time of a call counts: visits in random order until two agree, as src/host/README.md
judges times, without canaries. Needs no PyTorch."""
from __future__ import annotations

import random
import time
from collections.abc import Callable, Hashable
from typing import NamedTuple, TypeVar

AGREEMENT, SUPPORT = 1.02, 1.10
MOST_VISITS, APART_S, VISIT_S = 5, 10.0, 1.0
SETTLED, SETTLED_SAMPLES, SETTLED_S = 1.01, 12, .05
QUICKEST, MOST_SAMPLES = 3, 4096
WARM_S, MOST_CALLS = .05, 1 << 20

Key = TypeVar("Key", bound=Hashable)


class LeftOut(Exception):
    """Why a product has no time."""


class Visit(NamedTuple):
    """Of the calls of one visit, in seconds: the least, and the third-quickest."""
    least: float
    third: float


def judge(visits: list[Visit]) -> float | None:
    """The least time, when a second visit found it too. One lucky call is no evidence: a visit's
    third-quickest must be near."""
    if not visits:
        return None
    least = min(visit.least for visit in visits)
    found = [v for v in visits if v.third <= SUPPORT * least and v.least <= AGREEMENT * least]
    return least if len(found) > 1 else None


def doubt(visits: list[Visit]) -> str:
    if not visits:
        return "no visit that counts: --budget was spent, or cores were taken away meanwhile"
    if len(visits) == 1:
        return f"one visit found {visits[0].least:.4g} s: two must agree within 2 %"
    times = ", ".join(f"{visit.least:.4g}" for visit in visits)
    return f"visits found {times} s: no two agree within 2 %"


def measure(cases: list[Key], take: Callable[[Key], Visit | None], budget: float,
            say: Callable[[str], None] = lambda text: None,
            clock: Callable[[], float] = time.monotonic,
            sleep: Callable[[float], None] = time.sleep
            ) -> tuple[dict[Key, list[Visit]], dict[Key, str]]:
    """Visits until each case is conclusive, or failed, or the budget (seconds) is spent: what was
    found, and why a case was left out. take: one visit; None: nothing of it counts."""
    visits: dict[Key, list[Visit]] = {case: [] for case in cases}
    failed: dict[Key, str] = {}
    order, end, next_round = random.Random(1), clock() + budget, clock()
    for number in range(MOST_VISITS):
        left = [case for case in cases if case not in failed and judge(visits[case]) is None]
        order.shuffle(left)
        if left:
            sleep(max(0.0, min(next_round, end) - clock()))
        next_round = clock() + APART_S
        for i, case in enumerate(left):
            if clock() >= end:
                return visits, failed
            say(f"visit {number + 1} of up to {MOST_VISITS}, {i + 1}/{len(left)}: {case}")
            try:
                visit = take(case)
            except LeftOut as why:
                failed[case] = str(why)
            else:
                visits[case] += [visit] if visit else []
    return visits, failed


def visit_of(sample: Callable[[int], tuple[float, bool]], shortest: float,
             clock: Callable[[], float] = time.perf_counter) -> Visit | None:
    """Samples until the quickest agree. sample(calls): seconds of a call, and whether a core was
    taken away meanwhile. None: fewer than three samples were left alone."""
    calls, begin = 1, clock()
    while True:
        seconds = sample(calls)[0]
        if seconds * calls < shortest and calls < MOST_CALLS:
            calls *= 2
        elif clock() - begin >= WARM_S:
            break
    times: list[float] = []
    begin = clock()
    for number in range(MOST_SAMPLES):
        spent = clock() - begin
        settled = len(times) >= SETTLED_SAMPLES and times[QUICKEST - 1] <= SETTLED * times[0]
        if (settled and spent >= SETTLED_S) or (number >= QUICKEST and spent >= VISIT_S):
            break
        seconds, disturbed = sample(calls)
        if not disturbed:
            times = sorted([*times, seconds])
    return Visit(times[0], times[QUICKEST - 1]) if len(times) >= QUICKEST else None
