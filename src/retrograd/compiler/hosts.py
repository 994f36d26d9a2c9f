"""Hosts: what a recorder does for an optimizer's step, and for calls that it does not open."""

from __future__ import annotations

from typing import Any

from .._core.storage import tick
from .._core.tracing import set_recorder
from .effects import newborn_objects
from .noting import plainly
from .readings import Reading
from .trace import HOST, Failing, Ref, Segment, Step, getitem


class Hosts:
    """The part of a recorder that is asked by optimizers."""

    failed: str
    answering: Any
    segment: Segment
    known: dict[int, Any]
    tensors: list[Any]
    answers: list[Step]
    at: int
    numbers: dict[int, int]
    new_segments: list[Segment]
    postponed: bool
    claimed: int
    conditions: dict[int, Any]
    schedules: list[Any]
    fail: Any
    function: Any
    _answer: Any
    _idle: Any
    _note: Any
    _number: Any

    @property
    def takes_host(self) -> bool:
        """Whether a call to `host` would be noted."""
        return not self._idle()

    def host(self, function: Any, args: Any) -> Any:
        """Run and note a Python function with effects of its own, which takes no part in it."""
        name = getattr(function, "__name__", "host")
        given = tuple([Ref(one.number) if type(one) is Reading else one for one in args])
        args = plainly(args)
        step = Step(HOST, function, given, name=name)
        if self.answering and self._answer(step) is not Failing:
            self._mark_again(self.answers[self.at - 1].touched)
            return None
        marks = {id(value): mark_of(value) for value in self.known.values()}
        before = set_recorder(None)
        try:
            out = function(*args)
        except Exception:
            self.fail(f"{name} raised, and the program went on")
            raise
        finally:
            set_recorder(before)
        if not self.failed:
            for value in self.known.values():
                if id(value.array) not in self.numbers:
                    self.fail(f"{name} gave a tensor another array")
        if not self.failed:
            places = {id(value): place for place, value in enumerate(self.tensors)}
            touched = [value for key, value in self.known.items() if mark_of(value) != marks[key]]
            step.touched = [places.get(id(value), value) for value in touched]
            self._note(step)
        return out

    def schedule(self, function: Any, scheduler: Any, args: Any) -> bool:
        """Run and note the step of a learning rate's schedule; say whether it was made."""
        if not self.answering and id(scheduler) in newborn_objects():
            self.fail(f"the function makes a schedule ({type(scheduler).__name__})")
            return False
        self.schedules.append(scheduler)
        try:
            self.host(function, (scheduler, *args))
        except Exception:
            return False
        return True

    def _mark_again(self, touched: Any) -> None:
        """Mark what a replayed call has written into: views that the program has made are older."""
        for one in touched:
            value = self.tensors[one] if isinstance(one, int) else one
            value.get_storage().written = tick()

    def adopt(self, value: Any) -> None:
        """Let the array of a tensor from outside be known: functions that take arrays get it."""
        if not self._idle():
            self._number(value.array, value)

    def part(self, array: Any, key: Any) -> Any:
        """Make and note a view of an array."""
        return self.function(getitem, (array, key), {})

    def forget(self) -> None:
        """Take the new segments out of the tree."""
        for segment in self.new_segments:
            if segment.parent is not None:
                segment.parent.children.pop(segment.key, None)

    def depends(self, look: Any, thing: Any) -> None:
        """Note that the trace is one for what a function says of an object before the call."""
        if not self._idle() and id(thing) not in self.conditions:
            if not self.answering and id(thing) in newborn_objects():
                self.fail(f"the function makes an optimizer ({type(thing).__name__})")
                return
            self.conditions[id(thing)] = (look, thing, look(thing))

    def claim(self) -> None:
        """Note that a write which is about to be marked was made by a recorded call."""
        self.claimed += 1

    def postpone(self) -> None:
        """Note that the next call will do something else: this trace is not worth keeping."""
        self.postponed = True


def mark_of(value: Any) -> int:
    """Return when a tensor was last written into."""
    return 0 if value.storage is None else value.storage.written
