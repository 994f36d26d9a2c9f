"""Recorder: writes a trace while the traced function runs for real.

Note [Nothing unseen].  Each array that a recorded call is given has to be known: an argument, a
tensor that was there before, a constant, or the result of a recorded call.  A tensor that was made
during the trace from an array that no recorded call returned, or a write that no recorded call
made, means that something was computed behind the recorder's back.  Then the trace is given up and
the function runs as it always did; it is never replayed with a step missing.
"""

from __future__ import annotations

import sys
from typing import Any

import numpy as np

from .._core.storage import clock
from .._core.value import Value
from .._sequences import filled, to_array
from ..ops._arguments import array_in
from .budget import budget
from .bytecode import is_in_loop
from .effects import reader, unwatched
from .ending import Ending
from .hosts import Hosts
from .noting import Noting
from .readings import Reading, asks_types, computed_in, plain_nested, read_number
from .trace import (
    CALL,
    GRAD,
    Argument,
    CapturedGrad,
    Failing,
    Held,
    Ref,
    Segment,
    Step,
    copied,
    key_of,
    plain_of,
    refs_in,
)

MOST_CHILDREN = 32  # branches at one place, before the rest of that place runs eagerly
OTHERS = "other values"  # the key of what runs eagerly then
ADVICE = "; where a number is only returned or computed with, t.item() needs no branch"
LONGEST_PATH = 5000  # segments
NUMBERS = (np.asarray, array_in)  # what they make of a number has the same layout for each
_OWN = __file__.replace("\\", "/").rpartition("/")[0] + "/"


@unwatched(
    "kernel", "function", "write", "written", "born", "grad", "observe", "compute", "look", "truth",
    "goes_back",
)  # fmt: skip
class Recorder(Ending, Hosts, Noting):
    """Writes the trace of one call.

    Note [Paths].  Most functions look at no value inside of a loop.  What knows of loops, and of
    answering what a replay has computed, is a subclass (`paths.py`), imported when it is due.

    Parameters
    ----------
    tensors : list of Value
        The tensor arguments.
    segment : Segment
        The root.
    follows : bool
        Whether the root is known already: its calls are made, and compared with it.
    """

    def __init__(self, tensors: list[Any], segment: Segment, follows: bool = False) -> None:
        super().__init__()
        self.tensors = tensors
        self.segment = segment
        self.follows = follows
        self.postponed = False
        self.conditions: dict[int, Any] = {}  # by an object's id: what has to be as it was
        self.own_objects: set[int] = set()  # in the result, made in the call
        self.schedules: list[Any] = []  # of learning rates, which made a step
        self.effect = False  # the program's own doing, which a warning tells
        self.cells: dict[int, Any] = {}  # what the `.grad` of each leaf is by now
        self.places: dict[int, Any] = {}  # by cell: itself, or the place of the argument
        self.own_cells: set[int] = set()  # of leaves made in the call: no other call has them
        self.new_segments: list[Segment] = []
        self.by_reference: Any = lambda array: False  # says whether an array is from outside
        self.new_ways = True  # whether they are written
        self.differentiable: list[Any] = []  # the results that require grad
        self.given_out: list[Any] = []  # new tensors in the result, and what stands for each
        self.marks: list[Any] = []
        self.given_views: list[Any] = []  # views in the result, with what stands for each
        self.has_readings = False  # whether the program holds any
        self.leaves = False  # whether a result is a new leaf
        self.watch: Any = None  # of effects
        self.readings: list[Reading] = []
        self.entered: dict[int, tuple[int, int]] = {}  # by id of a frame: its call's number, slots
        self.entries: dict[Any, int] = {}  # calls of each code that lends its variables
        self.moved: dict[Any, tuple[int, int]] = {}  # when an iterator moved: a number, slots
        self.events = 0
        self.strays = False  # whether what is followed turned out to be another way
        self.tapes = True  # whether loops with history may be rolled
        self.taped = False  # whether one was, or its exit was gone through
        self.glance = clock.now  # when the program looked last
        self.captures = False  # whether the backward that runs is one towards given tensors
        self.raises: int | None = None  # after how many steps of the last the replay raised
        self.answers: list[Step] = []  # the steps of the segment that is answered or followed
        self.at = 0  # how many of them were met

    def start(self) -> Recorder:
        """Begin with the arguments; return itself."""
        if not self.follows:
            self.new_segments.append(self.segment)
        for place, value in enumerate(self.tensors):
            first = self.numbers.get(id(value.array))  # of an earlier argument that shares it
            number = self._add(value.array, Argument(place))
            self.numbers[id(value.array)] = number if first is None else first
            self._know(value)
        return self

    # -- what the watch of effects tells ----------------------------------------------------------

    def enter(self, frame: Any) -> None:
        """Note that a function of the program is called."""
        self.events += 1
        self.entered[id(frame)] = (self.events, len(self.values))
        if frame.f_code.co_cellvars:
            self.entries[frame.f_code] = self.entries.get(frame.f_code, 0) + 1

    def move(self, frame: Any, place: int) -> None:
        """Note that an iterator moves or a `with` block is entered."""
        self.events += 1
        self.moved[(id(frame), place)] = (self.events, len(self.values))

    def whole(self, front: Any, args: Any, settings: dict[str, Any]) -> Any:
        """Run and note a public function as one step on the arrays of its tensors."""
        if self._idle():
            return front(*args, **settings)
        from .whole import Whole, template

        values: list[Any] = []
        call = Whole(front, template(args, values), template(settings, values))
        name = front.__name__
        given = tuple(self._given(one.array, one, name) for one in values)
        if any(type(one) is Reading for one in (*args, *settings.values())):
            self.fail(f"{name} is given a number that was read from a tensor")
        arrays = tuple(one.array for one in values)
        # What it is answered from, before its branch on the layout answers or runs ahead further.
        known = self.answers[self.at] if self.at < len(self.answers) else None
        out = self._call(call, given, arrays, {}, name)
        if call.shape is None and known is not None:  # it was answered
            call = known.function
        return call.rebuilt(out)

    def constant(self, array: Any) -> Any:
        """Note an array that was filled without looking at any value."""
        if self._idle() or id(array) in self.numbers:
            return array
        base = array.base
        while base is not None:
            if id(base) in self.numbers:
                self.fail("a computed array is rearranged outside of recorded operations")
                return array
            base = getattr(base, "base", None)
        return self.external(copied, (Held(array),))

    def external(self, function: Any, args: Any) -> Any:
        """Run and note a function of the program's own data, by reference: they may change."""
        if self._idle():
            return function(*args)
        if function is to_array and (type(args[0]) is Reading or computed_in(args[0])):
            return self._filled(*args)
        if type(args[0]) is Reading and function in NUMBERS:
            return self.function(function, args, {})
        name = getattr(function, "__name__", "data")
        given = tuple(self._data(one, name) for one in args)
        if any(type(one) in (list, tuple) for one in given):
            args = given  # readings in them are plain by now
            if any(refs_in(one) for one in given if type(one) in (list, tuple)):
                self.fail(f"{name} is given data that hold computed arrays")
        return self._call(function, given, args, {}, name)

    def _filled(self, data: Any, target: Any = None) -> Any:
        """Run and note how an array is made of numbers, some of which were computed."""
        self.busy = True
        try:
            target = to_array(plain_nested(data), target).dtype
        except Exception:
            self.fail("tensor raised, and the program went on")
            raise
        finally:
            self.busy = False
        given, arrays = self._numbers_in(data)
        if self.failed:
            return filled(arrays, target)
        return self._call(filled, (given, target), (arrays, target), {}, "tensor")

    def _numbers_in(self, data: Any) -> Any:
        """Return nested numbers with `Ref` for those that were computed, and with arrays."""
        if type(data) is Reading:
            return Ref(data.number), data.plain
        if isinstance(data, Value):
            return self._number(data.array, data, "tensor"), data.array
        if type(data) in (list, tuple):
            both = [self._numbers_in(one) for one in data]
            return [one for one, _ in both], [one for _, one in both]
        return data, data

    def _data(self, given: Any, name: str) -> Any:
        """Return data as a step keeps them: lists as they are now, arrays by reference."""
        if isinstance(given, Value):
            self.fail(f"{name} is given data that hold tensors")
        elif type(given) is Reading:
            return given._decides()
        elif isinstance(given, np.ndarray):
            found = self.numbered(given)
            if found is given and not self.by_reference(given):
                self.fail(f"{name} is given an array that NumPy computed during the call")
            return found
        elif type(given) in (list, tuple):
            return type(given)(self._data(one, name) for one in given)
        return given

    def numbered(self, array: Any) -> Any:
        """Return the `Ref` of an array where it has one, else the array itself."""
        found = self.numbers.get(id(array))
        if found is None:
            found = self._same_memory(array)
        return array if found is None else Ref(found)

    def grad(self, owner: Any, cell: Any, wrote: bool) -> None:
        """Note that the `.grad` of a leaf is read or was written."""
        if self._idle():
            return
        grad = cell.grad
        first = id(cell) not in self.cells
        place: Any = cell
        for number, one in enumerate(self.tensors):
            if one is owner:
                place = number
                break
        if first:
            self.places[id(cell)] = place
            self.alive.append(cell)
            if owner is not None and id(owner) in self.newborn:
                self.own_cells.add(id(cell))
        if id(cell) in self.own_cells:
            self.cells[id(cell)] = grad
            return
        if not wrote:
            if first:
                self.cells[id(cell)] = grad
                if grad is not None:
                    if grad.requires:
                        self.fail("a .grad from before the call requires grad")
                    self.known[id(grad)] = grad
                    self.grads[id(grad)] = self._add(grad.array, CapturedGrad(place))
                else:
                    self._add(None, CapturedGrad(place))
            return
        if not first and self.cells[id(cell)] is grad and grad is not None:
            return  # added to in place, which is a step of its own
        self.cells[id(cell)] = grad
        what = None if grad is None else self._number(grad.array, grad, ".grad")
        if self.failed:
            return
        step = Step(GRAD, place, (what,), name=".grad")
        if self.answering:
            self._answer(step)
        else:
            self._note(step)

    def reads_history(self) -> None:
        """Note that the program reads nodes: how long a history is may decide something."""
        if self._idle():
            return
        self.tapes = False
        if self.taped:
            self.fail("the program reads the graph of a loop")

    def runs(self, run: Any, node: Any) -> None:
        """Note that a backward comes to a node: of loops, that matters."""

    def _begin_back(self, captures: Any) -> None:
        """Note that a backward begins."""
        self.captures = captures is not None

    def tire(self) -> None:
        """Put the recording off where it takes longer than is affordable by now.

        Not where the program holds numbers that were read: the watch makes them plain for others.
        """
        if self.has_readings or budget.allows_more(self.fresh):
            self.patience *= 2
        else:
            self.fail("its recording is put off")
            self.put_off = self.postponed = True

    def takes_calls(self, args: Any, settings: Any) -> bool:
        """Say whether a compiled function runs eagerly here: it is part of this trace."""
        return True

    def rebinds(self, x: Any, given: Any) -> bool:
        """Say whether a write into a tensor gives it another array, in place of new contents."""
        return False

    def takes_functions(self, args: Any) -> bool:
        """Say whether a call of a user's Function is noted as a whole: its operations are."""
        return False

    # -- where Python looks -----------------------------------------------------------------------

    def observe(self, value: Any, kind: str, plain: Any) -> Any:
        """Note that Python reads a value; the trace branches on what it sees."""
        if self._idle():
            return plain
        where = self._number(value.array, value, kind)
        if where is None:
            return plain
        if kind in ("numpy", "text"):
            made = "an array" if kind == "numpy" else "text"
            self.fail(f"a tensor is made {made}, which the trace cannot follow")
            return plain
        if kind == "tolist" and not value.array.ndim:
            kind = "item"
        number = isinstance(plain, (float, int)) and not isinstance(plain, bool)
        if kind == "item" and number and not asks_types(reader()):
            self.has_readings = True
            return self.reading(self._read(where, value.array))
        if kind == "tolist":
            array = value.array
            seen = self._branch(where.number, "bytes", array.tobytes())
            return np.frombuffer(seen, array.dtype).reshape(array.shape).tolist()
        found = self._branch(where.number, kind, key_of(plain))
        return plain_of(found)

    def truth(self, array: Any) -> bool:
        """Note that Python asks whether all elements of an array are true."""
        out = self.function(np.all, (array,), {})
        if self._idle():
            return bool(out)
        seen = self._branch(self.numbers[id(out)], "bool", key_of(bool(out)))
        return bool(plain_of(seen))

    def _read(self, where: Ref, array: Any) -> int:
        """Note the reading of one number, whose value decides nothing yet."""
        return self.compute(read_number, (where,), (array,))

    def compute(self, function: Any, args: Any, given: Any) -> int:
        """Note a calculation on numbers; return its slot."""
        step = Step(CALL, function, args, name=getattr(function, "__name__", "compute"))
        if self.answering and not self.failed and self._answer(step) is not Failing:
            answered: int = self.answered.outs
            return answered
        out = function(*given)
        number = self._add(out)
        self.numbers[id(out)] = number
        step.outs = number
        self._note(step)
        return number

    def reading(self, number: int) -> Reading:
        """Return the number in a slot, for the program."""
        made = Reading(self, number)
        self.readings.append(made)
        return made

    def look(self, number: int, kind: str) -> Any:
        """Note that the program depends on a number: a branch."""
        plain = self.values[number]
        if self._idle():
            return plain
        return plain_of(self._branch(number, kind, key_of(plain)))

    def _branch(self, number: int, kind: str, key: Any) -> Any:
        """Note that Python sees `key`; return what it saw in the replay, where there was one."""
        if stands_in_loop(self):
            self._follow_paths()
            return self._branch(number, kind, key)
        segment = self.segment
        segment.watched = number
        segment.kind = kind
        self._leave(segment, key)
        return key

    def _follow_paths(self) -> None:
        """Become the recorder that knows of paths which come back to where they were."""
        from .paths import PathRecorder

        changed: Any = self
        changed.__class__ = PathRecorder
        changed._begin()

    def _leave(self, segment: Segment, key: Any) -> None:
        """Start a new segment where `segment` was left with `key`."""
        self.glance = clock.now
        if not self.new_ways:
            return self.fail("new ways are not recorded")
        key = child_key(segment, key)
        child = Segment(len(self.values), segment, key)
        segment.children[key] = child
        self.segment = child
        self.new_segments.append(child)
        if key == OTHERS:
            self.fail(f"more than {MOST_CHILDREN} different values were seen at one place{ADVICE}")
        elif child.depth > LONGEST_PATH:
            self.fail(f"one call looks at more than {LONGEST_PATH} values")

    # -- the end ----------------------------------------------------------------------------------

    def rest(self) -> None:
        """Note nothing more: nodes and the program may still hold readings, which are numbers."""
        self.thread = 0

    def fail_in(self, segment: Any, why: str) -> bool:
        """Give the trace up from a segment on, which may have ended since.

        A replay of it would run what came behind the effect before the effect: an optimizer's step
        with the settings from before.
        """
        if not any(segment is one for one in self.new_segments):
            segment = self.segment
        if self.failed and segment.depth >= self.segment.depth:
            return False
        if segment is not self.segment:
            self.segment, self.follows = segment, False
        self.failed = why
        return True


def child_key(segment: Segment, key: Any) -> Any:
    """Return the key of the child that follows a segment where Python sees `key`."""
    full = len(segment.children) >= MOST_CHILDREN
    return OTHERS if full and key not in segment.children else key


def stands_in_loop(recorder: Any) -> bool:
    """Say whether some function of the traced ones runs from inside of a loop just now."""
    frame: Any = sys._getframe(1)
    while frame is not None:
        if not frame.f_code.co_filename.startswith(_OWN):
            if is_in_loop(frame):
                return True
        elif frame.f_locals.get("writer") is recorder:
            return False
        frame = frame.f_back
    return False
