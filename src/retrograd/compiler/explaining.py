"""Explain: what a compiled function was made into, and why what runs eagerly does."""

from __future__ import annotations

from typing import Any

from .graph import Graph
from .trace import Segment


class Explanation:
    """What `explain` found; printing it gives a report.

    Attributes
    ----------
    segments : int
        Straight runs that were recorded.
    branches : int
        Places where the program looks at a value.
    loops : int
        Places from which paths go back to where they were.
    lowered : int
        Segments in single NumPy calls.
    eager : list of str
        Why something runs eagerly, empty when nothing does.
    guards : list of str
        What is looked at before a replay, for each set of guards.
    calls, recorded : int
        NumPy calls of a replay of everything, and steps that were recorded.
    whole : dict
        Operation that stayed in one piece -> why.
    fusions : list of str
        Groups of calls that became one kernel.
    memory : tuple of int
        Bytes of all results without buffers, and with planned ones.
    """

    def __init__(self, function: Any) -> None:
        self.name = function.__name__
        segments = list(function.segments())
        self.segments = len(segments)
        self.branches = sum(bool(segment.children) for segment in segments)
        self.loops = sum(segment.loop is not None for segment in segments)
        self.lowered = sum(segment.plan is not None for segment in segments)
        self.eager = [why for why in (function.eager, function.account.describe()) if why]
        self.eager += [segment.title() for segment in segments if segment.eager]
        self.guards = [
            tree.guards.describe() for trees in function.trees.values() for tree in trees
        ]
        self.recorded = sum(map(recorded_steps, segments))
        self.calls = len(Graph(segments))
        self.whole: dict[str, str] = {}
        self.fusions: list[str] = []
        before = after = 0
        for segment in segments:
            for one in (segment, segment.backward):
                plan = None if one is None else one.plan
                if plan is None:
                    continue
                first, second = plan.memory()
                before += first
                after += second
                program = plan.program
                for place, why in program.whole.items():
                    self.whole[one.steps[place].name] = why
                self.fusions += getattr(one, "fusions", ())
        self.memory = (before, after)
        function.account.hurry()
        self.titles = [segment.title() for segment in segments]

    def __str__(self) -> str:
        loops = f", {self.loops} loops" if self.loops else ""
        lines = [f"{self.name}: {self.segments} segments, {self.branches} branches{loops}"]
        lines += [f"  {title}" for title in self.titles]
        lines += [f"guards {number}: {one}" for number, one in enumerate(self.guards, 1)]
        lines.append(
            f"{self.recorded} steps recorded; {self.calls} calls in a replay; "
            f"{self.lowered} of {self.segments} segments lowered"
        )
        lines += [f"  {name} stays whole: {why}" for name, why in self.whole.items()]
        lines += [f"fused: {one}" for one in self.fusions]
        if self.lowered:
            before, after = self.memory
            lines.append(f"memory of results: {before} bytes, with buffers {after}")
        lines += [f"eager: {why}" for why in self.eager]
        return "\n".join(lines)

    __repr__ = __str__


def recorded_steps(segment: Segment) -> int:
    backward = segment.backward
    return len(segment.steps) + (0 if backward is None else len(backward.steps))
