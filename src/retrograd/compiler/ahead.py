"""Ahead: the later turns of a loop are replayed while its first call is still being recorded.

Note [Running ahead].  What a loop does in its next turns is known as soon as it is a loop, and
Python need not be watched doing it: the recorder replays them from where the program looks, and
stops where something unseen comes.  The program is then put into the state that it would have at
the last turn that was replayed whole.  That state differs from the present one in its slots alone
(Note [The same state]), so this is: other arrays in the same tensors.  What was replayed of the
turn after it is answered, as after every replay that came to something unseen.  Where an array is
held by something else than a tensor or the saved values of a node, or something from outside was
changed that makes the trace end, nothing is replayed ahead.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .._core.errors import OutdatedTraceError
from .._core.storage import tick
from .._core.tracing import set_recorder
from .._core.value import Value
from .states import State, Unclear, Walk, frames_now
from .trace import CapturedGrad, Segment

MOST_ANSWERED = 2000  # segments of one turn: their slots are kept to answer from


class Ahead:
    """The part of a recorder that runs ahead."""

    tensors: list[Any]
    values: list[Any]
    numbers: dict[int, int]
    known: dict[int, Any]
    grads: dict[int, int]
    cells: dict[int, Any]
    places: dict[int, Any]
    own_cells: set[int]
    noted: dict[int, State | None]
    failed: str
    postponed: bool
    claimed: int
    watch: Any
    follows: bool
    began: int
    last_loop: Segment | None
    raises: int | None
    _go_back: Any
    _answer_next: Any
    _has_tape: Any
    _lose_times: Any

    def _begin(self) -> None:
        self.turns: dict[int, int] = {}  # by id of a segment: how often a loop came back to it
        self.due: dict[int, int] = {}  # after how many turns it is tried again, where it failed
        self.ran_ahead = 0  # turns

    def _come_back(self, segment: Segment, key: Any) -> Any:
        """Go back to where a loop begins, where Python sees `key`; return what it sees there.

        That is something else where the next turns were replayed.
        """
        assert segment.loop is not None
        self.last_loop = segment
        self._go_back(segment.loop)
        target = segment.loop.target
        if self._has_tape():
            return key
        turns = self.turns[id(target)] = self.turns.get(id(target), 0) + 1
        known = target.children.get(key)
        if known is None or not can_be_replayed(known) or turns < self.due.get(id(target), 0):
            return key
        before = self.ran_ahead
        key = self._run_ahead(target, key)
        if self.ran_ahead == before:
            self.due[id(target)] = 2 * turns  # it costs as much as a turn that is watched
        else:
            self._lose_times()
        return key

    def _run_ahead(self, target: Segment, key: Any) -> Any:
        walk = self._here(target)
        slots = None if walk is None else self._as_replayed(target)
        if walk is None or slots is None:
            return key
        here, seen_here = slots, key  # when the program was at the target last
        done: list[tuple[Segment, Any]] = []  # what was replayed since
        raises = None
        turns = self.ran_ahead
        segment = target
        before = set_recorder(None)
        try:
            while len(done) < MOST_ANSWERED:
                child = segment.children.get(key)
                if child is None or not can_be_replayed(child):
                    break
                try:
                    key = child.run(slots, self.tensors)
                except Exception as error:
                    from .function import own_slots

                    self.postponed = self.postponed or isinstance(error, OutdatedTraceError)
                    own, raises = own_slots(child, slots, self.tensors, error)
                    done.append((child, own))
                    break
                done.append((child, slots[child.first :]))
                segment, loop = child, child.loop
                if loop is not None:
                    slots = loop.back(slots)
                    segment = loop.target
                    if segment is target and walk.loose.isdisjoint(n for n, _ in loop.moves):
                        here, seen_here = slots, key
                        done = []
                        self.ran_ahead += 1
        finally:
            set_recorder(before)
        if done or self.ran_ahead > turns:
            self._put(walk, here[: target.end])
        if done:
            self._answer_next(done, key, raises)
        return seen_here

    def _here(self, target: Segment) -> Walk | None:
        """Return a walk over the state at a loop's beginning, None where it cannot be put back."""
        known = self.noted.get(id(target))
        if known is None or target.lifts or self.failed or self.claimed:
            return None
        if self.watch is None or not self.watch.is_clean():
            return None
        try:
            walk = Walk(self, frames_now(self))
            walk.all()
        except (Unclear, IndexError):
            return None
        same = tuple(walk.form) == known.form and list(walk.slots) == known.slots
        if not same or walk.numbers != known.numbers or not self._in_order(walk):
            return None
        return walk

    def _in_order(self, walk: Walk) -> bool:
        """Say whether nothing was made or written in the call between two writes outside it.

        What is older than these stays so, and what is newer can be made newer again.
        """
        writes = [time for time, _ in self._writes(walk)]
        return not writes or not any(
            min(writes) < time < max(writes) and time not in writes for time, _, _ in walk.timed
        )

    def _writes(self, walk: Walk) -> list[tuple[int, Any]]:
        """Return when memory from outside was written in the call last, and its storage."""
        return [
            (time, thing)
            for time, thing, _ in walk.timed
            if time > self.began and self._is_shared(thing)
        ]

    def _is_shared(self, thing: Any) -> bool:
        return any(value.storage is thing for value in self.known.values())

    def _as_replayed(self, target: Segment) -> list[Any] | None:
        """Return the slots as replays hold them: of a `.grad` from before the call, the tensor."""
        slots = self.values[: target.end]
        held = {number: self.known.get(grad) for grad, number in self.grads.items()}
        for segment in target.path():
            for number, slot in enumerate(segment.slots, segment.first):
                if isinstance(slot.source, CapturedGrad) and slots[number] is not None:
                    if held.get(number) is None:
                        return None
                    slots[number] = held[number]
        return slots

    def _put(self, walk: Walk, slots: list[Any]) -> None:
        """Let the program hold these slots in place of the present ones."""
        values = [one.array if isinstance(one, Value) else one for one in slots]
        old, self.values = self.values, values
        self.numbers = {
            thing: number for thing, number in self.numbers.items() if values[number] is old[number]
        }
        for number, one in enumerate(values):
            if one is not old[number] and isinstance(one, (np.ndarray, float)):
                self.numbers[id(one)] = number
        for value, number in walk.held:
            if value.array is not values[number] and values[number] is not old[number]:
                value.array = values[number]
        for node, place, number in walk.saved:
            saved = list(node.saved)
            saved[place] = values[number]
            node.saved = tuple(saved)
        for number, cell in self.places.items():
            if number not in self.own_cells:
                if isinstance(cell, int):
                    cell = self.tensors[cell].get_cell()
                cell.grad = self.cells[number]
        writes = dict(sorted(self._writes(walk), key=lambda one: one[1].written))
        for time, thing, name in sorted(walk.timed, key=lambda one: one[0]):
            if time in writes:
                setattr(thing, name, writes[time].written)
            elif writes and time > max(writes):
                setattr(thing, name, tick())


def can_be_replayed(segment: Segment) -> bool:
    """Say whether a segment of a loop can be replayed, and its results kept."""
    from .warming import is_due, unwritten, write

    if segment.eager or segment.watched is None or segment.plan is not None:
        return False
    if segment.run in (None, unwritten) and not is_due(segment):
        return False
    write(segment)
    return True
