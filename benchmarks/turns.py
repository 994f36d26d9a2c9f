"""Two worker processes taking turns, and whole processes timed in turn."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
THREAD_VARIABLES = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "BLIS_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
    "NUMEXPR_NUM_THREADS",
)

IMPORT_ROUNDS = 15  # at most: one of torch's takes over a second


@dataclass(frozen=True)
class Timing:
    """How long and how often: ``slice`` and ``pause`` in seconds, ``rounds`` of A B per pair."""

    slice: float = 0.1
    pause: float = 0.02
    rounds: int = 15
    pairs: int = 2
    threads: int = 1
    pure: bool = False

    def environment(self) -> dict[str, str]:
        """The workers' environment: libraries read these variables once, when imported."""
        variables = dict(os.environ)
        variables.update(dict.fromkeys(THREAD_VARIABLES, str(self.threads)))
        variables["JAX_PLATFORMS"] = "cpu"
        variables["NPROC"] = str(self.threads)  # the size of XLA's pool
        if self.threads == 1:
            variables["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false"
        variables["PYTHONHASHSEED"] = "0"
        # an installed package has its bytecode beside it: a source tree gets it in the warm-up
        variables.pop("PYTHONDONTWRITEBYTECODE", None)
        if self.pure:
            variables["RETROGRAD_PURE"] = "1"
        return variables


@dataclass
class Comparison:
    """What was measured: seconds of each round for both sides, and facts about the workers."""

    subject: list[float] = field(default_factory=list)
    peer: list[float] = field(default_factory=list)
    ratios: list[float] = field(default_factory=list)
    facts: dict[str, Any] = field(default_factory=dict)
    problem: str | None = None

    @property
    def ratio(self) -> float:
        return statistics.median(self.ratios)

    @property
    def spread(self) -> tuple[float, float]:
        """The quarter and three-quarter points of the rounds' ratios."""
        if len(self.ratios) < 2:
            return self.ratio, self.ratio
        low, _, high = statistics.quantiles(self.ratios, n=4, method="inclusive")
        return low, high

    def add(self, subject: float, peer: float) -> None:
        self.subject.append(subject)
        self.peer.append(peer)
        self.ratios.append(subject / peer)


class Worker:
    """A process with one library and one workload in it; idle unless asked to run."""

    def __init__(self, library: str, workload: str, environment: dict[str, str]) -> None:
        self.name = f"{library} {workload}"
        self.process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.worker", library, workload],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            bufsize=1,
            cwd=ROOT,
            env=environment,
        )
        self.facts: dict[str, Any] = {}

    def answer(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            return {"error": f"the process ended with exit status {self.process.wait()}"}
        return dict(json.loads(line))

    def ready(self) -> None:
        """Wait until the workload is built; its library's facts are then in ``facts``."""
        self.facts = self.answer()

    def run(self, seconds: float) -> float:
        """The median time of a step over a slice of ``seconds``."""
        assert self.process.stdin is not None
        self.process.stdin.write(f"run {seconds}\n")
        answer = self.answer()
        if "error" in answer:
            raise RuntimeError(f"{self.name}: {answer['error']}")
        return float(answer["seconds"])

    def close(self) -> None:
        """End of input ends the worker."""
        self.process.communicate()


def agree(first: float, second: float) -> bool:
    return abs(first - second) <= 1e-3 * max(abs(first), abs(second))


def compare(workload: str, subject: str, peer: str | None, timing: Timing) -> Comparison:
    """Time ``subject`` and ``peer`` on a workload in turn, in fresh processes for each pair.

    Fresh processes, because where a process happens to lie in memory is worth a few per cent for
    as long as it lives.  Without a peer the subject is timed alone, and every ratio is 1.
    """
    result = Comparison()
    for _ in range(timing.pairs):
        workers = [Worker(name, workload, timing.environment()) for name in (subject, peer) if name]
        try:
            take_turns(workers, timing, result)
        except (RuntimeError, OSError) as error:
            result.problem = str(error)
        finally:
            for worker in workers:
                worker.close()
        if result.problem:
            break
    return result


def take_turns(workers: list[Worker], timing: Timing, result: Comparison) -> None:
    """A B A B ...; the first round is warm-up.  Adds to ``result``."""
    for worker in workers:
        worker.ready()
        if "error" in worker.facts:
            result.problem = f"{worker.name}: {worker.facts['error']}"
    if result.problem:
        return
    first, last = workers[0], workers[-1]
    result.facts = {"subject": first.facts, "peer": last.facts}
    if not agree(first.facts["check"], last.facts["check"]):
        result.problem = f"results differ: {first.facts['check']} and {last.facts['check']}"
        return
    for turn in range(timing.rounds + 1):
        seconds = []
        for worker in workers:
            time.sleep(timing.pause)
            seconds.append(worker.run(timing.slice))
        if turn > 0:
            result.add(seconds[0], seconds[-1])


def import_seconds(module: str, environment: dict[str, str]) -> float:
    """Wall time of a whole process that imports ``module`` and ends."""
    command = [sys.executable, "-c", f"import {module}"]
    start = time.perf_counter()
    subprocess.run(command, check=True, cwd=ROOT, env=environment, stderr=subprocess.DEVNULL)
    return time.perf_counter() - start


def compare_imports(subject: str, peer: str | None, timing: Timing) -> Comparison:
    """Import times of whole processes in turn, less the time of importing NumPy alone."""
    result = Comparison()
    environment = timing.environment()
    modules = ["numpy", subject, peer or subject]
    try:
        for turn in range(min(timing.rounds * timing.pairs, IMPORT_ROUNDS) + 1):
            base, first, last = (import_seconds(module, environment) for module in modules)
            if turn > 0:  # the first reads the files into memory
                result.add(first - base, last - base)
    except subprocess.CalledProcessError as error:
        result.problem = f"{error.cmd[-1]} failed"
    return result
