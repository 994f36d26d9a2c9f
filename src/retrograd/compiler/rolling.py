"""Rolling: a path that comes back to where it was goes on from there, so that loops stay short.

Note [Back to where it was].  When Python looks at a value, and its state is what it was when it
looked at an earlier one on the path, except for which slots it holds (`states.py`), then what
follows is what followed there.  So the segment gets no children of its own but a `Loop`: the
earlier segment, and which slots take the place of which.  From there on the function is followed:
its calls are made, and compared with those that are known, until it goes a new way.  A loop that
turns out not to be one is cut again.
"""

from __future__ import annotations

import sys
from typing import Any

from .answers import ANOTHER_WAY
from .bytecode import is_in_loop
from .readings import Reading, read_number
from .states import State, Unclear, common, differences, frames_now, note_owners, put_variable
from .trace import (
    CALL,
    Argument,
    Captured,
    Loop,
    Segment,
    Slot,
    Step,
    copied,
    is_pure,
    is_single,
)

HELD_HERE = 3  # references to a tensor that only a list and the loop over it hold
MOST_TRIES = 40  # states taken at one place of the program, in one trace
MOST_STATES = 400  # states taken in one trace without coming back to one


class Rolling:
    """The part of a recorder that recognises loops and follows what is known."""

    segment: Segment
    follows: bool
    at: int
    values: list[Any]
    numbers: dict[int, int]
    known: dict[int, Any]
    made: list[Any]
    newborn: set[int]
    failed: str
    claimed: int
    has_readings: bool
    fail: Any
    compute: Any
    reading: Any
    _roll_history: Any
    _forget_tape: Any
    readings: list[Reading]
    entered: dict[int, tuple[int, int]]
    moved: dict[Any, tuple[int, int]]
    strays: bool

    def _begin(self) -> None:
        self.owners: dict[int, Any] = {}  # of the memory of tensors from outside
        self.outsiders: dict[int, Any] = {}  # objects that were there before the call
        self.trail: list[tuple[Segment, State]] = []  # where the path has looked
        self.noted: dict[int, State | None] = {}  # by id of a segment
        self.tries: dict[Any, int] = {}
        self.states = 0
        self.last_loop: Segment | None = None  # the one that was gone back from last

    # -- recognising ------------------------------------------------------------------------------

    def _remember(self, segment: Segment) -> State | None:
        """Note the state in which the program looks at the end of a segment."""
        if self.failed or self.claimed:
            return None
        if id(segment) not in self.noted:
            self.noted[id(segment)] = self._state()
        state = self.noted[id(segment)]
        if state is not None:
            self.trail.append((segment, state))
        return state

    def _state(self) -> State | None:
        """Return the state of the program, None where it is unclear or was asked for often.

        Outside of loops nothing comes back, and a state takes as long as a hundred calls.
        """
        try:
            frames = frames_now(self)
            if not any(map(is_in_loop, frames)):
                return None
            site = (frames[-1].f_code, frames[-1].f_lasti)
            tried = self.tries[site] = self.tries.get(site, 0) + 1
            self.states += tried <= MOST_TRIES
            taken = tried <= MOST_TRIES and self.states <= MOST_STATES
            return State(self, frames) if taken else None
        except (Unclear, IndexError):
            return None

    def _roll(self, segment: Segment) -> None:
        """Give a new segment a `Loop` where the state at its end is a known one."""
        count = len(self.trail)
        state = self._remember(segment)
        if state is None:
            return
        for target, before in reversed(self.trail[:count]):
            if before.hash != state.hash or before.form != state.form or target.barred:
                continue
            found = differences(before, state, common(before, state))
            if found is None:
                continue
            moves, changed = found
            if changed:
                self.trail.pop()
                segment.lifts = changed
                self._lift(segment)
            else:
                segment.loop = Loop(target, moves)
            self.tries.clear()
            self.states = 0
            return
        self._roll_history(segment, state)

    def _lift(self, segment: Segment) -> None:
        """Let variables that count hold slots from here on, so that states can be the same.

        What Python decides by them is then seen, as with every number that was read.
        """
        if not segment.lifts or self.failed:
            return
        frames = frames_now(self)
        self.has_readings = True
        for place, name in segment.lifts:
            value = frames[place].f_locals[name]
            number = self.compute(type(value), (value,), (value,))
            put_variable(frames[place], name, self.reading(number))

    def _go_back(self, loop: Loop) -> None:
        """Number what the program holds as at the end of the loop's target."""
        end = loop.target.end
        renamed = {source: number for number, source in loop.moves}
        taken = set(renamed.values())

        def now(number: int) -> int | None:
            if number in renamed:
                return renamed[number]
            return number if number < end and number not in taken else None

        self.values = loop.back(self.values)
        numbers = ((thing, now(number)) for thing, number in self.numbers.items())
        self.numbers = {thing: number for thing, number in numbers if number is not None}
        # Those that only the loop has met are met again.
        note_owners(self)
        self.known = {
            thing: value for thing, value in self.known.items() if id(value.array) in self.numbers
        }
        made, self.made = self.made, []
        for child in made:
            if sys.getrefcount(child) > HELD_HERE:
                self.made.append(child)
            else:
                self.newborn.discard(id(child))
        readings, self.readings = self.readings, []
        for one in readings:
            number = now(one.number)
            if number is not None:
                one.number = number
                self.readings.append(one)
        self.given = {number for number in self.given if number < end}
        for table in (self.entered, self.moved):
            for key, (event, count) in table.items():
                if count > end:
                    table[key] = (event, end)
        self._forget_tape(end)
        path = {id(segment) for segment in loop.target.path()}
        while self.trail and id(self.trail[-1][0]) not in path:
            self.trail.pop()

    # -- following --------------------------------------------------------------------------------

    def _follow_step(self, step: Step) -> None:
        """Compare a step with the known one."""
        steps = self.segment.steps
        if self.at < len(steps) and steps[self.at].same(step) and steps[self.at].outs == step.outs:
            self.at += 1
        else:
            self._stray()

    def _follow_slot(self, number: int, slot: Slot) -> None:
        """Compare a slot with the known one."""
        place = number - self.segment.first
        known = self.segment.slots[place] if 0 <= place < len(self.segment.slots) else None
        if known is None or known[1:] != slot[1:] or not same_source(known.source, slot.source):
            self._stray()

    def _arrives(self, number: int | None, kind: str) -> bool:
        """Say whether what is followed ends where the program looks at a slot, or returns."""
        segment = self.segment
        if self.failed:
            return False
        found = (
            self.at == len(segment.steps) and segment.watched == number and segment.kind == kind
        )
        if not found:
            self._stray()
        return found

    def _stray(self) -> None:
        """Give the trace up: the program goes another way than where the same state went before."""
        self.fail(ANOTHER_WAY)
        self.strays = True
        if self.last_loop is not None and self.last_loop.loop is not None:
            self.last_loop.loop.target.barred = True
            self.last_loop.loop = None


def same_source(one: Any, other: Any) -> bool:
    """Say whether two slots come from the same place; tensors are compared as objects."""
    if type(one) is not type(other):
        return False
    if isinstance(one, Captured):
        return one.value is other.value
    if isinstance(one, Argument):
        return one == other
    return one is None or one.cell is other.cell or (type(one.cell) is int and one == other)


def can_run_again(segment: Segment) -> bool:
    """Say whether a segment only computes, so that running it twice does no harm."""
    return all(
        step.kind == CALL
        and (is_pure(step.function) or is_single(step.function) or is_of_numbers(step.function))
        and not (getattr(step.function, "__module__", None) or "").startswith("numpy.random")
        for step in segment.steps
    )


def is_of_numbers(function: Any) -> bool:
    """Say whether a function computes with Python's numbers or tapes, or gives a constant."""
    module = getattr(function, "__module__", None) or ""
    return module in _HARMLESS or function in (copied, read_number)


_HARMLESS = ("builtins", "math", "_operator", __name__.rpartition(".")[0] + ".tapes")
