"""What the curves say: where compiled is above eager, and which way is the lowest."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from .measure import ALLOWED
from .ways import BY_NAME, WAYS

SHOWN = (1, 10, 100, 1_000, 10_000, 100_000)


@dataclass(frozen=True)
class Verdict:
    """A compiled way of one model beside its eager way; eager's own is the noise.

    Attributes
    ----------
    worst, at : the largest ratio, and the number of steps where it is
    above : the numbers of steps where the median of the rounds is more than is allowed
    clear : whether, at one of them, three quarters of the rounds are above 1
    """

    way: str
    worst: float
    at: int
    above: tuple[int, ...]
    clear: bool

    @property
    def passed(self) -> bool:
        return not self.above

    def __str__(self) -> str:
        worst = f"at worst {self.worst:.2f}, at N = {self.at:,}"
        if self.way == "eager":
            return f"noise: {worst}"
        if self.passed:
            return f"pass: {worst}"
        word = "fail" if self.clear else "unclear, the rounds disagree"
        return f"{word}: {worst}; above {ALLOWED:g} at N = {spans(self.above)}"


def spans(numbers: tuple[int, ...]) -> str:
    if len(numbers) == 1:
        return f"{numbers[0]:,}"
    return f"{numbers[0]:,} to {numbers[-1]:,}"


def verdicts(model: dict[str, Any], steps: list[int]) -> list[Verdict]:
    """One verdict for each of retrograd's ways of a model."""
    found = []
    for way, ratios in model["ratios"].items():
        medians = ratios["median"]
        if not medians:
            continue
        worst = max(medians)
        above = [place for place, ratio in enumerate(medians) if ratio > ALLOWED]
        clear = any(ratios["low"][place] > 1 for place in above)
        numbers = tuple(steps[place] for place in above)
        found.append(Verdict(way, worst, steps[medians.index(worst)], numbers, clear))
    return found


def from_the_start(model: dict[str, Any], way: str) -> list[float]:
    """A way's time by eager's at each number of steps, the start of the process included.

    Both import the same libraries and build the same model; eager's time for that counts in both.
    """
    eager, compiled = model["ways"]["eager"], model["ways"][way]
    before = eager["before"]
    pairs = zip(eager["seconds"], compiled["seconds"])
    return [(before + one) / (before + other) for other, one in pairs]


def lowest(model: dict[str, Any], place: int) -> str:
    """The name of the way that has finished first at a place of the list of steps."""
    ways = model["ways"]
    return str(min(ways, key=lambda name: ways[name]["seconds"][place]))


def wins(results: dict[str, Any]) -> str:
    """Where retrograd finishes first, among the numbers of steps that tables have."""
    own = compiled = total = 0
    for model in results["models"].values():
        for place in shown(results["steps"]) if model["ways"] else ():
            way = BY_NAME[lowest(model, place)]
            own += way.own
            compiled += way.own and way.backend is not None
            total += 1
    return f"lowest of all: retrograd in {own} of {total}, compiled in {compiled}"


def held(results: dict[str, Any]) -> str:
    """How many compiled ways are never above eager by more than is allowed."""
    judged = [
        one
        for model in results["models"].values()
        for one in verdicts(model, results["steps"])
        if one.way != "eager"
    ]
    passed = sum(one.passed for one in judged)
    return f"never more than 5 % above eager, at any N: {passed} of {len(judged)}"


def shown(steps: list[int]) -> list[int]:
    """The places of the numbers of steps that tables have."""
    return [place for place, number in enumerate(steps) if number in SHOWN]


def readable(seconds: float) -> str:
    """Two figures, in the unit that suits."""
    for unit, size in (("h", 3600.0), ("min", 60.0)):
        if seconds >= 2 * size:
            return f"{figures(seconds / size)} {unit}"
    for unit, size in (("s", 1.0), ("ms", 1e-3)):
        if seconds >= 0.9995 * size:
            return f"{figures(seconds / size)} {unit}"
    return f"{figures(seconds / 1e-6)} us"


def figures(number: float) -> str:
    return f"{number:.2g}" if number < 99.5 else f"{number:.0f}"


def printed(model: dict[str, Any], steps: list[int]) -> list[str]:
    """One model as lines for a terminal."""
    places = shown(steps)
    heads = "".join(f"{'N=' + format(steps[place], ','):>11}" for place in places)
    lines = [model["title"], f"  {'':26}{'import':>9}{heads}"]
    for way in WAYS:
        found = model["ways"].get(way.name)
        if found is None:
            continue
        cells = "".join(f"{cell(found, steps, place):>11}" for place in places)
        lines.append(f"  {way.label:26}{readable(found['before']):>9}{cells}")
    if model["ways"]:
        best = "".join(f"{lowest(model, place):>11}" for place in places)
        lines.append(f"  {'lowest':35}{best}")
    for one in verdicts(model, steps):
        medians = model["ratios"][one.way]["median"]
        cells = "".join(f"{medians[p]:>11.2f}" if p < len(medians) else "" for p in places)
        again = "retrograd again" if one.way == "eager" else BY_NAME[one.way].label
        lines.append(f"  {again + ' / eager':35}{cells}")
        lines.append(f"    {one}")
    lines += [f"  {way}: {problem}" for way, problem in model["problems"].items()]
    return lines


def cell(found: dict[str, Any], steps: list[int], place: int) -> str:
    mark = "~" if steps[place] > found["measured_to"] else ""
    return mark + readable(found["seconds"][place])
