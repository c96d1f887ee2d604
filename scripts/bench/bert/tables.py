# SPDX-License-Identifier: Apache-2.0
"""What a run prints."""
from __future__ import annotations

import statistics

from turns import UNTUNED, Sproof, Worker


def spread(medians: list[float]) -> str:
    return f"{1e3 * min(medians):.1f}-{1e3 * max(medians):.1f}"


def report(workers: list[Worker], own: list[Sproof]) -> None:
    # What was not tuned is shown, and nothing is compared with it.
    compared = [w for w in workers if w.setting.dense and w.setting.name != UNTUNED]
    dense = {str(w.setting): w.medians for w in compared}
    dense["sproof dense"] = own[0].medians["dense"]
    fastest = min(dense, key=lambda name: statistics.median(dense[name]))
    print(f"\n{'dense':54s} median  of rounds")
    for name, medians in sorted(dense.items(), key=lambda item: statistics.median(item[1])):
        print(f"{name:52s} {1e3 * statistics.median(medians):8.1f}  {spread(medians)}")
    for worker in workers:
        if worker not in compared:
            print(f"{str(worker.setting):52s} {1e3 * statistics.median(worker.medians):8.1f}  "
                  f"{spread(worker.medians)}")
    for side in own:
        best = side.best()
        median = statistics.median(side.medians[best])
        base = statistics.median(side.medians["dense"])
        print(f"\n{side.label} pruned, sproof; Amdahl's ceiling {side.ceiling:.2f}x of its dense")
        for name, medians in side.medians.items():
            own_median = statistics.median(medians)
            print(f"  {name:20s} {1e3 * own_median:8.1f}  {spread(medians):13s} "
                  f"{base / own_median:5.2f}x of sproof's dense"
                  + ("  best" if name == best else ""))
        print(f"{best} is faster than")
        for name, medians in dense.items():
            print(f"  {name:50s} {statistics.median(medians) / median:5.2f}x"
                  + ("  fastest dense" if name == fastest else ""))
