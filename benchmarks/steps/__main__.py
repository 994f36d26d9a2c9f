"""``python -m benchmarks.steps``: wall time to finish N steps, and the plot of it in docs/."""

from __future__ import annotations

import argparse
import json
import time
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from .. import libraries
from ..turns import ROOT
from ..workload import Workload
from . import draw, page
from .measure import Measured, Plan, context, measure, summary
from .models import MODELS
from .verdicts import held, printed, wins
from .ways import BY_NAME, Way
from .worker import CLOCKS, marks

DOCS = ROOT / "docs"


def arguments(words: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser("python -m benchmarks.steps", description=__doc__)
    add = parser.add_argument
    plan = Plan()
    add("models", nargs="*", metavar="MODEL", help=f"all unless named: {', '.join(MODELS)}")
    add("--ways", default=",".join(BY_NAME), help="comma-separated (default: all)")
    add("--seconds", type=float, default=plan.seconds, help="of steps in a long process")
    add("--rounds", type=int, default=plan.rounds, help="long processes of each way")
    add("--pairs", type=int, default=plan.pairs, help="short processes of retrograd's ways")
    add("--threads", type=int, default=plan.threads, help="per process (default 1)")
    add("--clock", choices=CLOCKS, default="wall", help="cpu: for a look on a busy machine")
    add("--quick", action="store_true", help="one short round: does it run? no numbers to quote")
    add("--json", type=Path, metavar="FILE", help="write the figures")
    add("--note", default="", help="said beside the figures, as of a machine that was busy")
    add("--redraw", action="store_true", help="do not measure: docs/steps.json as it is")
    add("--write", action="store_true", help="docs/steps.json, the two plots and docs/steps.md")
    options = parser.parse_args(words)
    options.ways = [name for name in options.ways.split(",") if name]
    unknown = [name for name in options.models if name not in MODELS]
    unknown += [name for name in options.ways if name not in BY_NAME]
    if unknown:
        known = ", ".join((*MODELS, *BY_NAME))
        parser.error(f"unknown: {', '.join(unknown)}; there are {known}")
    if options.write and (options.quick or options.models or options.clock != "wall"):
        parser.error("--write records full runs of all models by the wall's clock only")
    return options


def plan_from(options: argparse.Namespace) -> Plan:
    plan = Plan()
    if options.quick:
        return Plan(0.05, 1, 1, 1, 0.05, 100, options.threads, options.clock)
    return replace(
        plan, seconds=options.seconds, rounds=options.rounds, pairs=options.pairs,
        threads=options.threads, clock=options.clock,
    )  # fmt: skip


def available(names: list[str]) -> list[Way]:
    """The ways whose libraries are installed."""
    found = []
    for way in (BY_NAME[name] for name in names):
        missing = [
            module
            for module in (libraries.MODULES[way.library], way.needs)
            if module and not libraries.found(module)
        ]
        if missing:
            print(f"{way.label}: {missing[0]} is not installed: skipped")
        else:
            found.append(way)
    return found


def written_for(model: Workload, way: Way) -> bool:
    return way.library == "retrograd" or model.peers is None or way.library in model.peers


def measured(options: argparse.Namespace) -> dict[str, Any]:
    """Measure; the figures as they are kept in the JSON file."""
    plan, ways = plan_from(options), available(options.ways)
    results: dict[str, Any] = {
        "context": {}, "plan": asdict(plan), "steps": marks(plan.most), "models": {},
    }  # fmt: skip
    every: list[Measured] = []
    began = time.monotonic()
    for name in options.models or MODELS:
        own = [way for way in ways if written_for(MODELS[name], way)]
        every.append(measure(MODELS[name], own, plan))
        results["models"][name] = summary(every[-1], own, plan)
        results["context"] = context(every, plan) | {"note": options.note}
        results["context"]["minutes"] = round((time.monotonic() - began) / 60, 1)
        print(*printed(results["models"][name], results["steps"]), sep="\n", flush=True)
        if options.json:  # as soon as it is known
            save(results, options.json)
    return results


def save(results: dict[str, Any], path: Path) -> None:
    """One line for each list of numbers."""
    text = json.dumps(results, indent=1)
    path.write_text(joined(text) + "\n", encoding="utf-8")


def joined(text: str) -> str:
    """Put lists of numbers on one line each."""
    lines: list[str] = []
    inside = False
    for line in text.splitlines():
        bare = line.strip()
        lines.append(line) if not inside else lines.append(lines.pop() + bare + " ")
        if bare.endswith("["):
            inside = True
        elif inside and bare.startswith("]"):
            inside = False
            lines.append(lines.pop().rstrip().replace(" ]", "]"))
    return "\n".join(lines)


def main(words: list[str] | None = None) -> int:
    options = arguments(words)
    kept = DOCS / "steps.json"
    if options.redraw:
        results = json.loads(kept.read_text(encoding="utf-8"))
    else:
        results = measured(options)
    if options.write or options.redraw:
        save(results, kept)
        draw.draw(results, DOCS / "steps.svg")
        draw.draw(results, DOCS / "steps_with_import.svg", with_import=True)
        page.write(results, DOCS / "steps.md")
        print("docs: steps.json, steps.svg, steps_with_import.svg and steps.md written")
    print(held(results), wins(results), sep="\n")
    return 1 if any(model["problems"] for model in results["models"].values()) else 0


if __name__ == "__main__":
    raise SystemExit(main())
