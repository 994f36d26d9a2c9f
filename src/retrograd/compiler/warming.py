"""Warming: when a segment is lowered, and from which example.

Lowering costs about as much as some tens of replays.  So a segment is replayed as it was recorded
until that has taken a multiple of what lowering is expected to take; then the arrays of one
more replay are the example.  The total is never much above what it would be without.  What lowers
is imported when it is due: importing it takes as long as a hundred small steps.
"""

from __future__ import annotations

import math
from time import perf_counter
from typing import TYPE_CHECKING, Any

import numpy as np

from .._core.value import Value
from ..config import processors
from .backends import has_cached
from .budget import budget
from .trace import CALL, Incoming, Ref, Segment, is_pure, is_single, made_by, outs_of, reads_of

if TYPE_CHECKING:
    from .buffers import Plan
    from .lowering import Program

PER_STEP = 3e-4  # seconds to lower one step
PER_LINE = 2e-5  # seconds to write one step, and to have Python compile it
AT_ONCE = 20  # steps that are written without asking
LOADING = 1.5e-3  # seconds to import what writes
LOADING_KERNELS = 2e-2  # seconds to import what makes kernels
STARTING = 8e-3  # seconds to start the process that makes them
LONG = 100  # steps of a first call, after which it is asked whether the others are affordable
PATIENCE = 2.0  # how many times that the replays have to have taken before; 0: at once
MOST_SURPRISES = 3


class Warming:
    """The replays of a segment until it is lowered.

    Parameters
    ----------
    segment : Segment
    fuses : str
        How kernels compute that are made of it then, in the background; "" for none.
    """

    def __init__(self, segment: Segment, fuses: str = "") -> None:
        self.segment = segment
        self.fuses = fuses
        self.spent = 0.0
        self.hasty: bool | None = None
        self.expecting = False  # whether what makes kernels was started
        steps = len(segment.steps)
        if segment.backward is not None:
            steps += len(segment.backward.steps)
        self.expected = self.lowering = PER_STEP * steps
        self.quickest = math.inf

    def due(self) -> bool:
        """Say whether this replay is the example."""
        if self.spent < PATIENCE * self.expected:
            return False
        if PATIENCE == 0 or self.spent == math.inf or self.is_hasty():
            return True
        if not self.fuses:
            return budget.allows(self.expected)
        self.expect_kernels()
        return budget.allows(self.expected + LOADING_KERNELS)

    def expect_kernels(self) -> None:
        """Start the process that makes kernels: it takes a second until it can.

        Not where it would take that from the program.
        """
        if not self.expecting and budget.allows(STARTING) and processors() > 1:
            self.expecting = True
            began = perf_counter()
            from . import making

            making.begin()
            budget.spent += perf_counter() - began

    def is_hasty(self) -> bool:
        """Say whether there may be kernels soon: who asks for them wants them as soon as that.

        Where they have to be made first, which takes seconds, lowering waits as it always does.
        """
        if self.hasty is None:
            self.hasty = bool(self.fuses) and has_cached()
        return self.hasty

    def run(self, slots: list[Any], tensors: list[Any], guards: Any) -> Any:
        """Replay; where it is time, note the arrays and lower the segment."""
        segment = self.segment
        write(segment)
        began = perf_counter()
        if not self.due():
            seen = segment.run(slots, tensors)
            took = perf_counter() - began
            self.spent += took
            if took < self.quickest:  # its calls are made twice while it is lowered
                self.quickest = took
                self.expected = self.lowering + 2 * took
            return seen
        before = list(slots)
        kept: list[dict[str, Any]] = []
        names = segment.run.__globals__
        names["keep"] = kept.append
        try:
            seen = segment.run(slots, tensors)
        finally:
            names["keep"] = None
        values = [one.array if isinstance(one, Value) else one for one in before[: segment.first]]
        for number in range(segment.first, segment.first + len(segment.slots)):
            values.append(kept[0].get(f"s{number}"))
        segment.warming = None
        make_fast(segment, values, guards, self.fuses)
        budget.spent += perf_counter() - began
        return seen


def patience() -> int:
    """Return after how many steps a first recording may be put off; 0 for never."""
    return 0 if PATIENCE == 0 else LONG


def unwritten(slots: list[Any], tensors: list[Any]) -> Any:
    """Stand for the replay of a segment that was recorded and has no code yet."""
    raise RuntimeError("a segment is written before it is replayed")


def is_due(segment: Segment) -> bool:
    """Say whether a segment that has no code is given some when it is called again.

    That takes half as long as recording it.  A long one waits until it is a small share of what the
    process has taken, as lowering does; until then the function runs eagerly.
    """
    if len(segment.steps) <= AT_ONCE or PATIENCE == 0:
        return True
    warming = segment.warming
    if warming is not None and (warming.spent == math.inf or warming.is_hasty()):
        return True
    return budget.allows(LOADING + PER_LINE * len(segment.steps))


def write(segment: Segment) -> None:
    """Make the code of a segment that has none: many are never replayed."""
    if segment.run is unwritten or segment.run is None:
        began = perf_counter()
        segment.run = writer_of(segment).write()
        budget.spent += perf_counter() - began


def writer_of(segment: Segment, plan: Plan | None = None, backward: Plan | None = None) -> Any:
    """Return what writes the source of a segment."""
    from .codegen import Writer

    return Writer(segment, plan, backward)


def make_fast(segment: Segment, values: list[Any], guards: Any, fuses: str = "") -> None:
    """Lower a segment and its backward, plan their memory, and replay that from now on."""
    from .lowering import lower_twice
    from .passes import prepare

    instead = {}
    if fuses:
        from . import fused
        from .spelled import INSTEAD as instead
    segment.fuses = fuses
    behind: Program | None = None
    other_behind: Program | None = None
    backward = segment.backward
    if backward is not None and backward.steps:
        example = interpreted(backward, values)
        if example is not None:
            behind, other_behind = lower_twice(backward, example, instead)
            prepare(behind)
    program, other = lower_twice(segment, values, instead)
    if fuses:
        if other_behind is None:
            other_behind = None if behind is None else behind.copy()
        else:
            prepare(other_behind)
        saved = saved_for(backward, other_behind)
        other = prepare(program.copy() if other is None else other, saved)
        fused.begin(segment, other, other_behind, install, fuses)
    prepare(program, saved_for(backward, behind))
    install(segment, program, behind, guards)


def saved_for(backward: Segment | None, behind: Program | None) -> set[int]:
    """Return the slots that a backward reads and does not fill.

    Those that opening a backward adds have numbers that the function has for slots of its own.
    """
    if backward is None:
        return set()
    saved: set[int] = set()
    filled: set[int] = set()
    for step in backward.steps if behind is None else behind.steps:
        saved.update(number for number in reads_of(step) if number not in filled)
        filled.update(outs_of(step))
    results = {one.number for one in backward.outputs if isinstance(one, Ref)}
    return saved | (results - filled)


def install(segment: Segment, program: Program, behind: Program | None, guards: Any) -> None:
    """Plan the memory of a program and of its backward's, and replay them from now on."""
    from .buffers import Plan

    plan_back = None if behind is None else Plan(behind, alone=False)
    plan = Plan(program)
    writer = writer_of(segment, plan, plan_back)
    segment.run = writer.write()
    segment.plan = plan
    if segment.backward is not None:
        segment.backward.plan = plan_back
    names = writer.names
    guards.bound.append(lambda: plan.bind(names))


def make_wary(segment: Segment, place: int) -> None:
    """Note that what lowering took for granted of a step did not hold.

    After some times the segment is replayed as it was recorded, until it is lowered again, with
    that step left whole.
    """
    segment.surprises[place] = segment.surprises.get(place, 0) + 1
    if segment.surprises[place] == MOST_SURPRISES:
        segment.wary.add(place)
        segment.run = writer_of(segment).write()
        segment.plan = None
        segment.kernels = []
        segment.warming = Warming(segment, segment.fuses)


def interpreted(backward: Segment, values: list[Any]) -> Any:
    """Return an example of a backward's slots, None where running it would have effects."""
    slots = list(values)
    slots += [None] * (backward.first + len(backward.slots) - len(slots))
    for place, slot in enumerate(backward.slots):
        if isinstance(slot.source, Incoming):
            slots[backward.first + place] = np.ones(slot.shape, slot.dtype)
        elif slot.source is not None:
            return None

    for step in backward.steps:
        if step.kind != CALL or not (is_single(step.function) or is_pure(step.function)):
            return None
        for number, one in made_by(step, slots.__getitem__):
            slots[number] = one
    return slots
