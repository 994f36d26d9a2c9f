"""Answers: a function is run again from its start, and told what a replay has computed already.

Python cannot be entered in the middle.  Where a replay comes to something unseen, the function is
run again; the calls that the replay made are answered with what it computed, call by call, segment
by segment in the order in which it ran them.

Slots that a replay no longer has when a call in it raises, computed again.

A lowered segment leaves out what nobody reads and writes over what nobody reads any more.  When a
step raises, the function is run again up to it, its calls answered with slots; those that are gone
follow from what is there by the recorded steps.  Passes keep the ones that would not
(`needed_to_answer`).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .._core.storage import clock
from .._core.value import Value
from .trace import (
    CALL,
    TURNS,
    Argument,
    Captured,
    CapturedGrad,
    Failing,
    Segment,
    Step,
    made_by,
    outs_of,
)

ANOTHER_WAY = "compile: the function took another way than before with the same inputs"


class Answering:
    """The part of a recorder that answers."""

    segment: Segment
    tensors: list[Any]
    glance: int
    values: list[Any]
    numbers: dict[int, int]
    alive: list[Any]
    known: dict[int, Any]
    grads: dict[int, int]
    cells: dict[int, Any]
    places: dict[int, Any]
    given: set[int]
    answering: bool
    follows: bool
    fail: Any
    _go_back: Any
    _leave: Any
    _know: Any
    _lift: Any
    _remember: Any
    _tape: Any
    raises: int | None
    answers: list[Step]
    at: int

    def _begin(self) -> None:
        self.executed: list[tuple[Segment, Any]] = []  # what is answered from
        self.turn = 0  # its place among these
        self.last_key: Any = None
        self.on_the_way: dict[int, int] = {}  # the last place of each segment of the path
        self.answered: Any = None  # the last step that was answered

    def _answer_from(self, executed: list[Any], key: Any, steps: int | None) -> None:
        for segment, own in executed:
            for number, (slot, held) in enumerate(zip(segment.slots, own), segment.first):
                source = slot.source
                if isinstance(source, Captured):
                    self._know(source.value)
                elif isinstance(source, CapturedGrad):
                    self._start_with(source.cell, held, number)
        for value in self.tensors:
            self._know(value)
        self._answer_next(executed, key, steps)

    def _answer_next(self, executed: list[Any], key: Any, steps: int | None) -> None:
        """Answer the next calls from what a replay ran."""
        self.executed, self.last_key, self.raises = executed, key, steps
        self.answering = True
        path = {id(segment) for segment in executed[-1][0].path()}
        places = enumerate(segment for segment, _ in executed)
        self.on_the_way = {id(one): turn for turn, one in places if id(one) in path}
        self.follows = False
        self._turn_to(0)

    def _start_with(self, cell: Any, held: Any, number: int) -> None:
        """Let the program start again with the `.grad` that it started with."""
        place = cell
        if isinstance(cell, int):
            cell = self.tensors[cell].get_cell()
        if id(cell) in self.cells:
            return
        cell.grad = self.cells[id(cell)] = held
        self.places[id(cell)] = place
        self.alive.append(cell)
        if held is not None:
            self.known[id(held)] = held
            self.grads[id(held)] = number

    def _turn_to(self, turn: int) -> None:
        """Answer from the next segment that was run."""
        segment, own = self.executed[turn]
        self.turn, self.segment, self.at = turn, segment, 0
        for number, (slot, held) in enumerate(zip(segment.slots, own), segment.first):
            # A loop that was gone back from may have forgotten these.
            if isinstance(slot.source, Captured):
                self._know(slot.source.value)
            elif isinstance(slot.source, CapturedGrad) and held is not None:
                self.known[id(held)] = held
                held = held.array
            self.values.append(held)
            if slot.source is not None:
                self.given.add(number)
            if isinstance(held, (np.ndarray, float)):
                self.numbers.setdefault(id(held), number)
        self.answers = segment.steps
        if self.raises is not None and turn == len(self.executed) - 1:
            self.answers = segment.steps[: self.raises]

    def expected(self) -> Any:
        """Return the function of the call that will be answered next, None where none will."""
        return self.answers[self.at].function if self.at < len(self.answers) else None

    def _answer(self, step: Step) -> Any:
        """Return what a step of the path returned in the replay."""
        last = self.turn == len(self.executed) - 1
        if last and self.raises is not None and self.at == len(self.answers):
            self.fail("a call raised")
            return Failing
        if self.at >= len(self.answers) or not self.answers[self.at].same(step):
            want = self.answers[self.at].name if self.at < len(self.answers) else "a read value"
            raise RuntimeError(
                f"{ANOTHER_WAY}: it called {step.name}, where {want} was recorded. It depends on "
                "something that changes and that is neither an argument, nor a global, nor a "
                "module's attribute; call it without compile"
            )
        found = self.answered = self.answers[self.at]
        self.at += 1
        outs = found.outs
        if outs is None:
            return None
        if isinstance(outs, tuple):
            return tuple(None if n is None else self.values[n] for n in outs)
        return self.values[outs]

    def _reply(self, key: Any) -> Any:
        """Return what Python saw in the replay, and go on to the next segment.

        The array itself may have been written to since.
        """
        segment = self.segment
        last = self.turn == len(self.executed) - 1
        seen = self.last_key if last else self.executed[self.turn + 1][0].key
        raised = last and self.raises is not None
        self._lift(segment)
        self._tape(segment)
        if self.at != len(self.answers) or raised or type(seen) is not type(key):
            raise RuntimeError(ANOTHER_WAY)
        if segment.kind != TURNS and self.on_the_way.get(id(segment)) == self.turn:
            self._remember(segment)
        if last:
            self.executed = []
            self.answering = False
            self._leave(segment, seen)
        else:
            self.glance = clock.now
            if segment.loop is not None:
                self._go_back(segment.loop)
            self._turn_to(self.turn + 1)
        return seen


def fill(segment: Segment, slots: list[Any], steps: int, tensors: list[Any]) -> None:
    """Put what is missing into the slots that the first steps of a segment filled.

    Parameters
    ----------
    segment : Segment
        Lowered.
    slots : list
        Of the whole path; None where something is missing.
    steps : int
        How many steps were run.
    tensors : list of Value
        The tensor arguments.
    """
    for number in segment.plan.program.parts:
        if slots[number] is not None:  # the engine takes over only arrays that own their memory
            slots[number] = slots[number].copy()
    for place, slot in enumerate(segment.slots):
        number = segment.first + place
        if slots[number] is None and isinstance(slot.source, Captured):
            slots[number] = slot.source.value.array
        elif slots[number] is None and isinstance(slot.source, Argument):
            slots[number] = tensors[slot.source.place].array

    def kept(number: int) -> Any:
        held = slots[number]
        return held.array if isinstance(held, Value) else held  # a `.grad` is kept whole

    for step in segment.steps[:steps]:
        outs = outs_of(step)
        if step.kind != CALL or not outs or all(slots[number] is not None for number in outs):
            continue
        for number, one in made_by(step, kept):
            if slots[number] is None:
                slots[number] = one
