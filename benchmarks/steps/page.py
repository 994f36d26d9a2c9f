"""docs/steps.md: the part of it that is made from figures."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from .measure import ALLOWED
from .verdicts import cell, from_the_start, held, lowest, shown, spans, verdicts, wins
from .ways import BY_NAME, WAYS

BEGIN, END = "<!-- figures: begin -->\n", "<!-- figures: end -->"


def write(results: dict[str, Any], page: Path) -> None:
    """Replace what is between the marks."""
    text = page.read_text(encoding="utf-8")
    if BEGIN not in text or END not in text:
        raise SystemExit(f"{page.name} has no place for the figures: nothing written")
    before, rest = text.split(BEGIN)
    page.write_text(before + BEGIN + figures(results) + END + rest.split(END)[1], encoding="utf-8")


def figures(results: dict[str, Any]) -> str:
    parts = [made_on(results), beside_eager(results), in_all(results), first_of_all(results)]
    parts.append("## Every figure\n")
    parts += [table(model, results["steps"]) for model in results["models"].values()]
    return "\n".join(parts)


def made_on(results: dict[str, Any]) -> str:
    about, plan = results["context"], results["plan"]
    versions = ", ".join(f"{name} {version}" for name, version in about["versions"].items())
    return (
        f"Made on {about['date']}, {about['processor']}, {about['cores']} cores, "
        f"threads: {about['threads']}, {about['build']} build, in {about['minutes']:g} minutes; "
        f"{versions}. Medians of {plan['rounds']} processes of {plan['seconds']:g} s (with Numba "
        f"of three times that) for each of retrograd's ways, and {plan['pairs']} short ones; of "
        f"{plan['peer_rounds']} for the others, of one where the first steps are long "
        "(torch.compile, JAX run eagerly)."
        f"{' **' + about['note'] + '**' if about['note'] else ''}\n"
    )


def beside_eager(results: dict[str, Any]) -> str:
    steps = results["steps"]
    rows = []
    for model in results["models"].values():
        for verdict in verdicts(model, steps):
            medians = model["ratios"][verdict.way]["median"]
            rows.append((model["title"], verdict.way, medians, str(verdict)))
    lines = [
        "## Compiled by eager",
        "",
        "retrograd's compiled time divided by its eager time, medians of rounds. The row `eager`",
        "is a round's second eager process by its first, and shows the noise.",
        "",
        *ratio_table(rows, steps),
        "",
        sentence(held(results)),
    ]
    return "\n".join(lines) + "\n"


def in_all(results: dict[str, Any]) -> str:
    steps = results["steps"]
    rows = []
    for model in results["models"].values():
        for way in model["ratios"]:
            if way == "eager" or way not in model["ways"]:
                continue
            ratios = from_the_start(model, way)
            above = tuple(steps[n] for n, ratio in enumerate(ratios) if ratio > ALLOWED)
            worst = max(ratios)
            said = f"at worst {worst:.2f}, at N = {steps[ratios.index(worst)]:,}"
            said += f"; above {ALLOWED:g} at N = {spans(above)}" if above else ""
            rows.append((model["title"], way, ratios, said))
    lines = [
        "## The same, from the start of the process",
        "",
        "Importing the libraries and building the model, as measured for eager, counts in both.",
        "",
        *ratio_table(rows, steps),
    ]
    return "\n".join(lines) + "\n"


def ratio_table(rows: list[tuple[str, str, list[float], str]], steps: list[int]) -> list[str]:
    """A line for each way of a model: its ratios to eager, and what is said of them."""
    places = shown(steps)
    lines = [
        f"| model | way | {' | '.join(f'N = {steps[place]:,}' for place in places)} | |",
        f"|---|---|{'---:|' * len(places)}---|",
    ]
    for title, way, ratios, said in rows:
        cells = [f"{ratios[place]:.2f}" if place < len(ratios) else "" for place in places]
        lines.append(f"| {title} | {way} | {' | '.join(cells)} | {said} |")
    return lines


def first_of_all(results: dict[str, Any]) -> str:
    steps = results["steps"]
    places = shown(steps)
    lines = [
        "## The lowest of all",
        "",
        f"| model | {' | '.join(f'N = {steps[place]:,}' for place in places)} |",
        f"|---|{'---|' * len(places)}",
    ]
    for model in results["models"].values():
        names = [lowest(model, place) for place in places] if model["ways"] else []
        cells = [BY_NAME[name].label for name in names]
        lines.append(f"| {model['title']} | {' | '.join(cells)} |")
    lines += ["", sentence(wins(results)), ""]
    return "\n".join(lines)


def sentence(words: str) -> str:
    return words[0].upper() + words[1:] + "."


def table(model: dict[str, Any], steps: list[int]) -> str:
    places = shown(steps)
    lines = [
        f"**{model['title']}**",
        "",
        f"| way | import | {' | '.join(f'N = {steps[place]:,}' for place in places)} |",
        f"|---|---:|{'---:|' * len(places)}",
    ]
    for way in WAYS:
        found = model["ways"].get(way.name)
        if found is not None:
            cells = [cell(found, steps, place) for place in places]
            lines.append(f"| {way.label} | {found['before']:.2f} s | {' | '.join(cells)} |")
        elif way.name in model["problems"]:
            lines.append(f"| {way.label} | {model['problems'][way.name]} | {'| ' * len(places)}")
    return "\n".join(lines) + "\n"
