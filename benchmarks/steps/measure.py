"""Processes in turn, one for each way and round, and what their curves come to.

A curve is drawn from medians over processes.  A process that was not let run to the last N goes on
in a straight line, at the rate of the last half of its steps; such values are marked.
"""

from __future__ import annotations

import datetime
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..turns import ROOT, Timing, agree
from ..workload import Workload
from .ways import Way
from .worker import marks

MOST = 100_000
PATIENCE = 300.0  # seconds, for one process
ALLOWED = 1.05  # compiled by eager, at any number of steps


@dataclass(frozen=True)
class Plan:
    """How long and how often.

    Attributes
    ----------
    seconds : of steps, in a long process; some ways are given longer
    rounds : long processes for each of retrograd's ways; the others have `peer_rounds`
    pairs, short : short processes of retrograd's ways, for the comparison among them
    """

    seconds: float = 2.5
    rounds: int = 3
    peer_rounds: int = 2
    pairs: int = 8
    short: float = 0.3
    most: int = MOST
    threads: int = 1
    clock: str = "wall"

    def turns(self, ways: list[Way]) -> Iterator[tuple[int, bool, Way]]:
        """Number of the round, whether it is long, and way: in turn, every other round reversed.

        Eager comes at both ends of a round: compiled ways are compared with the two, and the two
        with one another, which shows the noise.
        """
        for turn in range(self.rounds + self.pairs):
            is_long = turn < self.rounds
            here = [way for way in ways if way.own or turn < min(self.rounds, self.repeats(way))]
            here += [way for way in here if way.name == "eager"]
            for way in here if turn % 2 == 0 else reversed(here):
                yield turn, is_long, way

    def repeats(self, way: Way) -> int:
        return 1 if way.costly else self.peer_rounds


@dataclass(frozen=True)
class Run:
    """What one process did: after how many steps how many seconds had passed."""

    turn: int
    is_long: bool
    steps: list[int]
    seconds: list[float]
    before: float
    line: float

    def at(self, number: int) -> tuple[float, bool] | None:
        """Seconds for so many steps, and whether they were measured; None where nobody knows."""
        if number in self.steps:
            return self.seconds[self.steps.index(number)], True
        if not self.is_long or len(self.steps) < 2:
            return None
        return self.seconds[-1] + self.rate() * (number - self.steps[-1]), False

    def rate(self) -> float:
        """Seconds for a step, over the last half of the steps."""
        half = max(n for n in self.steps if n <= self.steps[-1] / 2)
        place = self.steps.index(half)
        return (self.seconds[-1] - self.seconds[place]) / (self.steps[-1] - half)


@dataclass
class Measured:
    """Every process of one model, by way."""

    model: Workload
    runs: dict[str, list[Run]] = field(default_factory=dict)
    facts: dict[str, dict[str, Any]] = field(default_factory=dict)
    problems: dict[str, str] = field(default_factory=dict)
    checks: dict[str, float] = field(default_factory=dict)


def environment(plan: Plan, caches: str) -> dict[str, str]:
    """The workers' environment: as in ``turns``, and every compiler's cache on disk is empty."""
    variables = Timing(threads=plan.threads).environment()
    for name in ("RETROGRAD_CACHE_DIR", "TORCHINDUCTOR_CACHE_DIR"):
        variables[name] = os.path.join(caches, name.lower())
    variables["TORCHINDUCTOR_COMPILE_THREADS"] = "1"
    variables.pop("JAX_COMPILATION_CACHE_DIR", None)
    return variables


def process(way: Way, model: Workload, plan: Plan, is_long: bool) -> dict[str, Any]:
    """What a fresh process answers."""
    words = [sys.executable, "-m", "benchmarks.steps.worker", way.name, model.name]
    seconds = plan.seconds * way.longer if is_long else plan.short
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as caches:
        variables = environment(plan, caches)
        words += [repr(time.perf_counter()), str(seconds), str(plan.most), plan.clock]
        try:
            done = subprocess.run(
                words, cwd=ROOT, env=variables, stdout=subprocess.PIPE, text=True,
                stderr=subprocess.DEVNULL, timeout=PATIENCE, check=False,
            )  # fmt: skip
        except subprocess.TimeoutExpired:
            return {"error": f"took longer than {PATIENCE:g} s"}
    if not done.stdout:
        return {"error": f"the process ended with exit status {done.returncode}"}
    return dict(json.loads(done.stdout.splitlines()[-1]))


def measure(model: Workload, ways: list[Way], plan: Plan) -> Measured:
    """Run a model every way, in turn."""
    measured = Measured(model)
    for turn, is_long, way in plan.turns(ways):
        if way.name in measured.problems:
            continue
        answer = process(way, model, plan, is_long)
        if "error" not in answer:
            first = next(iter(measured.checks.values()), answer["check"])
            if not agree(first, answer["check"]):
                answer["error"] = f"results differ: {first} and {answer['check']}"
        if "error" in answer:
            measured.problems[way.name] = answer["error"]
            continue
        measured.checks[way.name] = answer["check"]
        measured.facts[way.name] = answer["facts"]
        names = ("steps", "seconds", "before", "line")
        run = Run(turn, is_long, *(answer[name] for name in names))
        measured.runs.setdefault(way.name, []).append(run)
    return measured


# -- what it comes to -----------------------------------------------------------------------------


def rounded(number: float) -> float:
    """Four figures: the rest is noise, and changes a file for nothing."""
    return float(f"{number:.4g}")


def curve(runs: list[Run], numbers: list[int]) -> dict[str, Any]:
    """The medians at each number of steps, and up to which number at least half were measured."""
    seconds: list[float] = []
    measured_to = 0
    for number in numbers:
        found = [value for run in runs if (value := run.at(number)) is not None]
        seconds.append(rounded(statistics.median(value for value, _ in found)))
        if sum(was for _, was in found) * 2 >= len(found):
            measured_to = number
    return {
        "seconds": seconds,
        "measured_to": measured_to,
        "before": rounded(statistics.median(run.before for run in runs)),
        "line": rounded(statistics.median(run.line for run in runs)),
        "processes": len(runs),
    }


def ratios(runs: list[Run], eager: list[Run], numbers: list[int]) -> dict[str, Any]:
    """Compiled by eager of the same round: median and quartiles at each number of steps."""
    pairs = [(run, [other for other in eager if other.turn == run.turn]) for run in runs]
    return quotients(pairs, numbers)


def noise(eager: list[Run], numbers: list[int]) -> dict[str, Any]:
    """A round's second eager process by its first, as `ratios` has compiled by eager."""
    pairs = []
    for turn in sorted({run.turn for run in eager}):
        first, *others = (run for run in eager if run.turn == turn)
        pairs += [(other, [first]) for other in others]
    return quotients(pairs, numbers)


def quotients(pairs: list[tuple[Run, list[Run]]], numbers: list[int]) -> dict[str, Any]:
    """Each run by the mean of the runs beside it."""
    found: dict[str, Any] = {"median": [], "low": [], "high": [], "measured_to": 0}
    for number in numbers:
        here: list[float] = []
        measured = 0
        for run, beside in pairs:
            mine = run.at(number)
            others = [value for other in beside if (value := other.at(number)) is not None]
            if mine is not None and others:
                here.append(mine[0] / statistics.mean(value for value, _ in others))
                measured += mine[1] and all(was for _, was in others)
        if not here:
            break
        here = here * 2 if len(here) == 1 else here
        quartiles = statistics.quantiles(here, n=4, method="inclusive")
        for name, quartile in zip(("low", "median", "high"), quartiles):
            found[name].append(rounded(quartile))
        if measured * 2 >= len(here):
            found["measured_to"] = number
    return found


def summary(measured: Measured, ways: list[Way], plan: Plan) -> dict[str, Any]:
    """One model's part of the JSON file."""
    numbers = marks(plan.most)
    model = measured.model
    found: dict[str, Any] = {"title": model.title, "ways": {}, "ratios": {}, "problems": {}}
    for way in ways:
        runs = measured.runs.get(way.name)
        if way.name in measured.problems:
            found["problems"][way.name] = measured.problems[way.name]
        elif runs:
            found["ways"][way.name] = curve(runs, numbers)
            eager = measured.runs.get("eager", [])
            if way.name == "eager":
                found["ratios"]["eager"] = noise(runs, numbers)
            elif way.own and eager:
                found["ratios"][way.name] = ratios(runs, eager, numbers)
    return found


def context(measured: list[Measured], plan: Plan) -> dict[str, Any]:
    """What has to be known beside the curves."""
    versions = {"python": platform.python_version()}
    compiled = None
    for one in measured:
        for facts in one.facts.values():
            for library in ("numpy", "numba"):
                if library in facts:
                    versions[library] = facts[library]
            versions[facts["library"].removesuffix("-jit")] = facts["version"]
            compiled = facts.get("compiled", compiled)
    return {
        "date": datetime.date.today().isoformat(),
        "processor": processor(),
        "cores": os.cpu_count(),
        "build": {True: "compiled", False: "pure", None: "unknown"}[compiled],
        "threads": plan.threads,
        "versions": versions,
    }


def processor() -> str:
    """The processor's name, as Linux tells it; elsewhere as Python does."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()
