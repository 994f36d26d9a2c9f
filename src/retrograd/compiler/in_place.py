"""In place: what is computed only to be written into memory from outside is computed there.

A trace notes an optimizer's update as values, and what is written where at the end:
``v = add(m, w); copyto(m, v)``.  Where nobody can tell the difference, the call writes itself:
``add(m, w, m)``, and so do the calls before it whose results only lead there.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .lowering import Program, outs_of, reads_of
from .mirror import into_out
from .passes import can_raise
from .trace import CALL, HOST, WRITE, Ref, Step


def write_in_place(program: Program) -> None:
    """Let calls write into the memory that their results are copied into."""
    sinks = [place for place, step in enumerate(program.steps) if is_copy(step)]
    if not sinks:
        return
    work = Rewriting(program)
    for place in sinks:
        target, source = program.steps[place].args
        if work.move(source.number, target.number, place):
            work.remove(place)
    work.finish()


def is_copy(step: Step) -> bool:
    return (
        step.kind == WRITE
        and step.function is np.copyto
        and len(step.args) == 2
        and not step.settings
        and all(isinstance(one, Ref) for one in step.args)
    )


class Rewriting:
    """The steps of a program, with who reads and writes what."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.steps: list[Any] = list(program.steps)
        self.makers: dict[int, int] = {}
        self.readers: dict[int, set[int]] = {}  # by the slot that owns the memory
        self.writers: dict[int, list[int]] = {}
        self.barriers: list[int] = []  # places that may raise, or write anywhere
        layouts = program.layouts
        for place, step in enumerate(self.steps):
            for number in outs_of(step):
                self.makers[number] = place
            for number in reads_of(step):
                if number in layouts:
                    self.readers.setdefault(layouts[number].owner, set()).add(place)
            if step.kind == WRITE:
                owner = layouts[step.args[0].number].owner
                self.writers.setdefault(owner, []).append(place)
            if step.kind == HOST or can_raise(step):
                self.barriers.append(place)

    def move(self, number: int, target: int, end: int) -> bool:
        """Have a result computed where it is copied to, or read for the last time, at `end`."""
        program = self.program
        layouts = program.layouts
        layout, place = layouts[number], self.makers.get(number)
        owner = layouts[target].owner
        if (
            place is None
            or number in program.held
            or layout.owner != number
            or layout[:3] != layouts[target][:3]
            or layout.scalar
            or not is_elementwise(self.steps[place])
        ):
            return False
        touched = self.readers.get(owner, set()) | set(self.writers.get(owner, ()))
        between = range(place + 1, end)
        if any(one in touched for one in between) or any(one in between for one in self.barriers):
            return False
        step = self.steps[place]
        if any(layouts[n].owner == owner and n != target for n in reads_of(step)):
            return False
        last = max(self.readers.get(number, {place}))
        later = [n for n in (*self.writers.get(owner, ()), *self.barriers) if n > end]
        if last > min(later, default=len(self.steps)):
            return False
        operands = reads_of(step)
        made = Step(WRITE, into_out, (Ref(target), step.function, *step.args), name=step.name)
        self.steps[place] = made
        self.rename(number, target, owner)
        self.readers.setdefault(owner, set()).add(place)
        self.writers.setdefault(owner, []).append(place)
        if target not in operands:
            for one in operands:
                dies = max(self.readers.get(one, {-1})) == place
                if dies and one != target and self.move(one, target, place):
                    break
        return True

    def rename(self, number: int, target: int, owner: int) -> None:
        """Read what was moved where it is now."""
        places = self.readers.pop(number, set())
        for place in places:
            step = self.steps[place]
            args, settings = (renamed(one, number, target) for one in (step.args, step.settings))
            made = Step(step.kind, step.function, args, settings, step.outs, step.wrap, step.name)
            self.steps[place] = made
        self.readers.setdefault(owner, set()).update(places)
        layouts = self.program.layouts
        for one, layout in layouts.items():
            if layout.owner == number:
                layouts[one] = layout._replace(owner=owner)

    def remove(self, place: int) -> None:
        step = self.steps[place]
        layouts = self.program.layouts
        owner = layouts[step.args[0].number].owner
        self.writers[owner].remove(place)
        self.steps[place] = None

    def finish(self) -> None:
        program = self.program
        kept = [
            (step, origin) for step, origin in zip(self.steps, program.origins) if step is not None
        ]
        program.steps = [step for step, _ in kept]
        program.origins = [origin for _, origin in kept]


def is_elementwise(step: Any) -> bool:
    """Say whether a call computes each element of its result from those beside it."""
    function = None if step is None else step.function
    return (
        isinstance(function, np.ufunc)
        and step.kind == CALL
        and function.signature is None
        and function.nout == 1
        and not step.settings
        and len(step.args) == function.nin
        and isinstance(step.outs, int)
    )


def renamed(given: Any, old: int, new: int) -> Any:
    """Return an argument with another slot in the place of one."""
    if isinstance(given, Ref):
        return Ref(new) if given.number == old else given
    if type(given) in (list, tuple):
        return type(given)([renamed(one, old, new) for one in given])
    if type(given) is dict:
        return {key: renamed(one, old, new) for key, one in given.items()}
    return given
