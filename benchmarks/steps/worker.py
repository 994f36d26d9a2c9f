"""One process: ``python -m benchmarks.steps.worker WAY MODEL STARTED SECONDS MOST CLOCK``.

It builds a model, runs its step again and again, and prints one line of JSON: at which number of
steps how many seconds had passed since before the first.  STARTED is the parent's clock when the
process was made.  CLOCK is "wall", or "cpu": the processor's time for the thread that makes the
steps, which other programs on the machine disturb less.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable
from itertools import repeat
from typing import Any

SURE = 5  # so many steps are made, however long they take
CLOCKS = {"wall": time.perf_counter, "cpu": time.thread_time}


def marks(most: int) -> list[int]:
    """1, 2, 3, 5, 7, 10, 15, 20, 30, 50, 70, 100, ..., up to `most`."""
    found = [1, 2, 3, 5, 7]
    ten = 10
    while ten <= most:
        found += [ten, ten * 3 // 2, ten * 2, ten * 3, ten * 5, ten * 7]
        ten *= 10
    return [number for number in found if number <= most]


def measure(
    way: Any, library: Any, step: Any, seconds: float, most: int, clock: Callable[[], float]
) -> dict[str, Any]:
    """Run a step until `most` are done, or the next mark would come after `seconds`."""
    began = clock()
    step = way.applied(library, step)
    applied = clock() - began
    first = step()
    times = [clock() - began]
    done = [1]
    late = None
    for mark in marks(most)[1:]:
        if mark > SURE:
            late = times[-1] + seconds if late is None else late
            rate = (times[-1] - times[-2]) / (done[-1] - done[-2])
            if times[-1] + rate * (mark - done[-1]) > late:
                break
        for _ in repeat(None, mark - done[-1]):
            step()
        times.append(clock() - began)
        done.append(mark)
    return {"steps": done, "seconds": times, "line": applied, "first": first}


def main(
    way_name: str, model_name: str, started: str, seconds: str, most: str, clock: str
) -> None:
    # Whatever a library prints must not reach the parent: keep its pipe, send the rest to stderr.
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    try:
        from .. import libraries
        from ..worker import checksum
        from .models import MODELS
        from .ways import BY_NAME

        way, model = BY_NAME[way_name], MODELS[model_name]
        library = libraries.load(way.library)
        style = model.torch if way.library in libraries.TORCH_STYLE else model.functional
        if style is None:
            raise ValueError(f"{model_name} is not written for {way_name}")
        step = style(library)
        before = time.perf_counter() - float(started)
        found = measure(way, library, step, float(seconds), int(most), CLOCKS[clock])
        found["check"] = checksum(found.pop("first"))
        found["before"] = before
        found["facts"] = libraries.describe(way.library)
    except Exception as error:  # whatever it is: the parent reports it
        found = {"error": f"{type(error).__name__}: {error}"}
    print(json.dumps(found), file=answers)


if __name__ == "__main__":
    main(*sys.argv[1:])
