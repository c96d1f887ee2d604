# SPDX-License-Identifier: Apache-2.0
"""What a run prints."""
from __future__ import annotations

from turns import UNTUNED, Sproof, Time, Worker


def cells(time: Time) -> str:
    """Milliseconds: the time, its interval, the median."""
    return (f"{1e3 * time.seconds:8.1f}{' ' if time.conclusive else '?'} "
            f"{1e3 * time.seconds:6.1f}-{1e3 * time.high:.1f}  {1e3 * time.median:8.1f}")


def times_faster(time: Time, than: Time) -> str:
    known = time.conclusive and than.conclusive
    return f"{than.seconds / time.seconds:5.2f}x{' ' if known else '?'}"


def best_of(times: dict[str, Time]) -> str:
    return min(times, key=lambda name: times[name].seconds)


def report(workers: list[Worker], own: list[Sproof]) -> None:
    # What was not tuned is shown, and nothing is compared with it.
    shown = {str(w.setting): Time.of(w.turns) for w in workers}
    dense = {str(w.setting): shown.pop(str(w.setting)) for w in workers
             if w.setting.dense and w.setting.name != UNTUNED}
    dense["sproof dense"] = own[0].times()["dense"]
    fastest = best_of(dense)
    print(f"\n{'dense':54s} time   interval     median   (?: inconclusive)")
    for name, time in sorted(dense.items(), key=lambda item: item[1].seconds):
        print(f"{name:50s} {cells(time)}")
    for name, time in shown.items():
        print(f"{name:50s} {cells(time)}")
    for side in own:
        times = side.times()
        best = best_of({v: time for v, time in times.items() if v != "dense"})
        print(f"\n{side.label} pruned, sproof; Amdahl's ceiling {side.ceiling:.2f}x of its dense")
        for name, time in times.items():
            print(f"  {name:20s} {cells(time)}  {times_faster(time, times['dense'])} of sproof's "
                  f"dense" + ("  best" if name == best else ""))
        print(f"{best} is faster than")
        for name, time in dense.items():
            print(f"  {name:50s} {times_faster(times[best], time)}"
                  + ("  fastest dense" if name == fastest else ""))
