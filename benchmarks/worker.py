"""One worker process: ``python -m benchmarks.worker LIBRARY WORKLOAD``.

It builds the workload and answers with a line of JSON.  Then for each line ``run SECONDS`` on its
standard input it answers with the median time of a step.  The end of the input ends it.
"""

from __future__ import annotations

import gc
import itertools
import json
import os
import statistics
import sys
import time
from typing import Any

import numpy as np

from . import libraries
from .workload import Step
from .workloads import WORKLOADS

BATCH_SECONDS = 0.003  # long beside the clock's 0.1 us, short beside a scheduler's time slice


def build(library: str, name: str) -> tuple[Any, Step]:
    """The library as its builders are given it, and the step that was built."""
    workload = WORKLOADS[name]
    style = workload.torch if library in libraries.TORCH_STYLE else workload.functional
    if style is None:
        raise ValueError(f"{name} is not written for {library}")
    loaded = libraries.load(library)
    return loaded, style(loaded)


def checksum(result: Any) -> float:
    """The sum of absolute values: what the libraries have to agree on."""
    if hasattr(result, "detach"):
        result = result.detach().numpy()
    return float(np.abs(np.asarray(result, dtype=np.float64)).sum())


def batch(step: Step, number: int) -> float:
    """Seconds for one step, over ``number`` of them."""
    start = time.perf_counter()
    for _ in itertools.repeat(None, number):
        step()
    return (time.perf_counter() - start) / number


def measure(step: Step, number: int, seconds: float) -> float:
    """The median batch of a slice of ``seconds``; the collector stays on, as in users' programs."""
    gc.collect()
    end = time.perf_counter() + seconds
    times = [batch(step, number)]
    while time.perf_counter() < end:
        times.append(batch(step, number))
    return statistics.median(times)


def main(library: str, name: str) -> None:
    # Whatever a library prints must not reach the parent: keep its pipe, send the rest to stderr.
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    try:
        loaded, step = build(library, name)
        facts = libraries.describe(library)
        facts["check"] = checksum(step())
        settle = WORKLOADS[name].settle
        if settle is not None and library == "retrograd":
            settle(loaded, step)
    except Exception as error:  # whatever it is: the parent reports it
        print(json.dumps({"error": f"{type(error).__name__}: {error}"}), file=answers)
        return
    step_seconds = batch(step, 1)
    print(json.dumps(facts), file=answers)
    for line in sys.stdin:
        number = max(1, round(BATCH_SECONDS / step_seconds))
        step_seconds = measure(step, number, float(line.removeprefix("run ")))
        print(json.dumps({"seconds": step_seconds}), file=answers)


if __name__ == "__main__":
    main(*sys.argv[1:])
