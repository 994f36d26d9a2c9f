"""Recorder: writes a trace while the traced function runs for real.

Note [Nothing unseen].  Each array that a recorded call is given has to be known: an argument, a
tensor that was there before, a constant, or the result of a recorded call.  A tensor that was made
during the trace from an array that no recorded call returned, or a write that no recorded call
made, means that something was computed behind the recorder's back.  Then the trace is given up and
the function runs as it always did; it is never replayed with a step missing.
"""

from __future__ import annotations

import sys
import threading
from typing import Any

import numpy as np

from .._core.storage import clock
from .._core.value import Value
from .._sequences import filled, to_array
from ..inplace import write_ufunc
from .answers import Answering, Failing
from .effects import reader, unwatched
from .ending import Ending
from .hosts import Hosts
from .readings import (
    Reading,
    asks_types,
    computed_in,
    plain_nested,
    plainly,
    read_number,
)
from .rolling import Rolling
from .trace import (
    CALL,
    GRAD,
    TOUCH,
    WRITE,
    Argument,
    Captured,
    CapturedGrad,
    Held,
    Ref,
    Segment,
    Slot,
    Step,
    copied,
    key_of,
    plain_of,
    refs_in,
)
from .whole import Whole, template

MOST_CHILDREN = 32  # branches at one place, before the rest of that place runs eagerly
OTHERS = "other values"  # the key of what runs eagerly then
ADVICE = "; where a number is only returned or computed with, t.item() needs no branch"
LONGEST_PATH = 5000  # segments

# Operations and functions whose results have shapes that depend on values.
VARYING = {
    "nonzero", "argwhere", "places_of", "select_masked", "unique", "unique_consecutive",
    "numbers_repeated", "each_repeated", "bincount", "one_hot", "to_array", "checked",
    "kept_entries", "bags_of", "rows_of_labels",
}  # fmt: skip
DATA = ("to_array", "checked")  # those that are given the program's own data


@unwatched(
    "kernel", "function", "write", "written", "born", "grad", "observe", "compute", "look"
)
class Recorder(Answering, Rolling, Ending, Hosts):
    """Writes the trace of one call, or answers from it what was already computed.

    Parameters
    ----------
    tensors : list of Value
        The tensor arguments.
    segment : Segment
        The root.
    executed : list of (Segment, list), optional
        What a replay ran, with the slots that each filled; the function is then run again from its
        start, the calls are answered from these, and writing starts where they end.
    key : object
        What Python saw when the replay left the last of them, where no known segment follows.
    steps : int, optional
        How many steps of the last were run, when the next one raised.
    follows : bool
        Whether the root is known already: its calls are made, and compared with it.
    """

    def __init__(
        self,
        tensors: list[Any],
        segment: Segment,
        executed: list[Any] | None = None,
        key: Any = None,
        steps: int | None = None,
        follows: bool = False,
    ) -> None:
        super().__init__()
        self.thread = threading.get_ident()
        self.tensors = tensors
        self.segment = segment
        self.failed = ""
        self.postponed = False
        self.conditions: dict[int, Any] = {}  # by an object's id: what has to be as it was
        self.effect = False  # the program's own doing, which a warning tells
        self.busy = False  # inside a recorded call: what it calls is part of it
        self.values: list[Any] = []  # what each slot holds
        self.numbers: dict[int, int] = {}  # the slot of an array, by its id
        self.alive: list[Any] = []  # everything whose id is used
        self.known: dict[int, Any] = {}  # tensors from outside
        self.histories: list[Any] = []  # their nodes, and whether they require grad
        self.grads: dict[int, int] = {}  # the slots of `.grad` from before the call
        self.newborn: set[int] = set()
        self.made: list[Any] = []  # the tensors made in the call, kept so that ids stay taken
        self.cells: dict[int, Any] = {}  # what the `.grad` of each leaf is by now
        self.places: dict[int, Any] = {}  # by cell: itself, or the place of the argument
        self.own_cells: set[int] = set()  # of leaves made in the call: no other call has them
        self.new_segments: list[Segment] = []
        self.by_reference: Any = lambda array: False  # says whether an array is from outside
        self.reachable: Any = list  # finds the tensors that the program can reach
        self.claimed = 0  # writes made by recorded calls, not yet reported
        self.writes = 0  # all of them
        self.looks: list[Any] = []  # for the watcher of side effects: calls seen
        self.new_ways = True  # whether they are written
        self.differentiable: list[Any] = []  # the results that require grad
        self.given_out: list[Any] = []  # new tensors in the result, and what stands for each
        self.marks: list[Any] = []
        self.has_readings = False  # whether the program holds any
        self.leaves = False  # whether a result is a new leaf
        self.began = clock.now  # nodes made since are the trace's own
        self.follows = follows
        if executed is not None:
            self._answer_from(executed, key, steps)
        else:
            if not follows:
                self.new_segments.append(segment)
            for place, value in enumerate(tensors):
                self._add(value.array, Argument(place))
                self._know(value)

    def _know(self, value: Any) -> None:
        """Note a tensor from before the call, and its place in the graph."""
        if id(value) not in self.known:
            self.known[id(value)] = value
            self.histories.append((value, value.node, value.requires))

    # -- slots ----------------------------------------------------------------------------------

    def _add(self, held: Any, source: Any = None) -> int:
        number = len(self.values)
        self.values.append(held)
        if isinstance(held, np.ndarray):
            self.numbers[id(held)] = number
            slot = Slot(source, held.shape, held.dtype)
        else:
            slot = Slot(source, (), type(held))
        if source is not None:
            self.given.add(number)
        if self.follows:
            self._follow_slot(number, slot)
        else:
            self.segment.slots.append(slot)
        return number

    def _number(self, array: Any, value: Any = None, what: str = "") -> Any:
        """Return the `Ref` of an array, or None when nobody knows where it comes from."""
        found = self.numbers.get(id(array))
        if found is not None:
            return Ref(found)
        alias = self._same_memory(array)
        if alias is not None:
            self.numbers[id(array)] = alias
            self.alive.append(array)
            return Ref(alias)
        if value is not None and id(value) not in self.newborn:
            self._know(value)
            self.alive.append(value)
            return Ref(self._add(array, Captured(value)))
        owner = self.owner_of(array)
        if owner is not None:
            self._know(owner)
            self.alive.append(owner)
            return Ref(self._add(array, Captured(owner)))
        self.fail(f"{what} is given an array that was computed outside of recorded operations")
        return None

    def owner_of(self, array: Any) -> Any:
        """Return the tensor from before the call whose array this is, or None.

        Some functions hand operations the bare arrays of parameters and buffers.
        """
        for value in self.reachable():
            if value.array is array and id(value) not in self.newborn:
                return value
        return None

    def _same_memory(self, array: Any) -> int | None:
        """Return the slot of an array that is this one seen again (``x[...]``)."""
        base = array.base
        while isinstance(base, np.ndarray):
            number = self.numbers.get(id(base))
            if number is not None:
                same = (
                    base.shape == array.shape
                    and base.strides == array.strides
                    and base.dtype == array.dtype
                    and base.ctypes.data == array.ctypes.data
                )
                return number if same else None
            base = base.base
        return None

    def _given(self, given: Any, value: Any, what: str) -> Any:
        """Return an argument of a call with `Ref` for arrays and readings."""
        if isinstance(given, np.ndarray):
            return self._number(given, value, what)
        if type(given) is Reading:
            return Ref(given.number)
        if isinstance(given, float) and id(given) in self.numbers:
            return Ref(self.numbers[id(given)])
        if isinstance(given, (list, tuple)) and not hasattr(given, "_fields"):
            return type(given)([self._given(one, None, what) for one in given])
        if isinstance(given, dict):
            return {key: self._given(one, None, what) for key, one in given.items()}
        if isinstance(given, Value):
            self.fail(f"{what} is given a tensor as a setting")
        return given

    # -- what the hooks call ----------------------------------------------------------------------

    def _idle(self) -> bool:
        return bool(self.failed) or self.busy or threading.get_ident() != self.thread

    def kernel(self, op: Any, operands: Any, arrays: Any, settings: Any) -> Any:
        """Run and note the kernel of an operation."""
        settings = settings or {}
        if self._idle():
            return op.kernel(*plainly(arrays), **plainly(settings))
        args = []
        for operand, array in zip(operands, arrays):
            value = operand if isinstance(operand, Value) else None
            args.append(self._given(array, value, op.name))
        return self._call(op.kernel, tuple(args), arrays, settings, op.name)

    def function(self, function: Any, args: Any, settings: dict[str, Any]) -> Any:
        """Run and note a function of arrays: a rule, a sum of gradients, a draw."""
        if self._idle() or any(isinstance(one, Value) for one in args):
            return function(*plainly(args), **plainly(settings))
        name = getattr(function, "__name__", repr(function))
        given = tuple(self._given(one, None, name) for one in args)
        return self._call(function, given, args, settings, name)

    def _call(self, function: Any, args: Any, arrays: Any, settings: Any, name: str) -> Any:
        noted = {key: self._given(value, None, name) for key, value in settings.items()}
        arrays = plainly(arrays)
        settings = plainly(settings)
        if self.failed:
            return function(*arrays, **settings)
        step = Step(CALL, function, args, noted, name=name)
        if self.answering:
            answer = self._answer(step)
            if answer is not Failing:
                return self._sized(step, answer)
        self.busy = True
        try:
            out = function(*arrays, **settings)
        except Exception:
            self.fail(f"{name} raised, and the program went on")
            raise
        finally:
            self.busy = False
        return out if self.failed else self._sized(step, self._result(step, out))

    def _sized(self, step: Step, out: Any) -> Any:
        """Let the trace branch on the shapes of results whose shapes depend on values."""
        masked = step.name == "index" and any(
            isinstance(one, Ref) and getattr(self.values[one.number], "dtype", None) == np.bool_
            for one in step.args
        )
        # Of data, only an array of the program's own may have another shape in the next call.
        steady = step.name in DATA and not isinstance(step.args[0], np.ndarray)
        if (masked or step.name in VARYING) and not steady:
            outs = step.outs
            if outs is None:
                outs = self.answered.outs
            for number in outs if isinstance(outs, tuple) else (outs,):
                if number is not None and not self.failed:
                    array = self.values[number]
                    self._branch(number, "layout", (array.shape, array.dtype))
        return out

    def _result(self, step: Step, out: Any) -> Any:
        if isinstance(out, (tuple, list)):
            held = [np.asarray(one) if isinstance(one, np.generic) else one for one in out]
            step.wrap = any(isinstance(one, np.generic) for one in out)
            step.outs = tuple(self._out(one) for one in held)
            self._note(step)
            return tuple(held) if isinstance(out, tuple) else held
        if isinstance(out, np.generic):
            step.wrap = True
            out = np.asarray(out)
        step.outs = self._out(out)
        self._note(step)
        return out

    def _out(self, out: Any) -> int | None:
        if not isinstance(out, np.ndarray):
            return None
        number = self.numbers.get(id(out))
        return self._add(out) if number is None else number

    def whole(self, front: Any, args: Any, settings: dict[str, Any]) -> Any:
        """Run and note a public function as one step on the arrays of its tensors."""
        if self._idle():
            return front(*args, **settings)
        values: list[Any] = []
        call = Whole(front, template(args, values), template(settings, values))
        name = front.__name__
        given = tuple(self._given(one.array, one, name) for one in values)
        if any(type(one) is Reading for one in (*args, *settings.values())):
            self.fail(f"{name} is given a number that was read from a tensor")
        arrays = tuple(one.array for one in values)
        out = self._call(call, given, arrays, {}, name)
        if call.shape is None:  # it was answered
            call = self.answered.function
        return call.rebuilt(out)

    def write(self, function: Any, target: Any, args: Any) -> None:
        """Run and note a function that writes into an array."""
        if self._idle():
            function(target, *plainly(args))
            return
        name = getattr(args[0] if function is write_ufunc else function, "__name__", "write")
        where = self._number(target, None, name)
        given = tuple(self._given(one, None, name) for one in args)
        if self.failed:
            function(target, *plainly(args))
            return
        step = Step(WRITE, function, (where, *given), name=name)
        self.claimed += 1
        self.writes += 1
        if self.answering and self._answer(step) is not Failing:
            return
        try:
            function(target, *plainly(args))
        except Exception:
            self.fail(f"{name} raised, and the program went on")
            raise
        if not self.failed:
            self._note(step)

    def written(self, storage: Any) -> None:
        """Note that a storage was marked as written: by a recorded call, or the trace ends."""
        if self._idle():
            return
        if self.claimed == 0:
            self.fail(f"{storage.writer or 'a write'} writes outside of recorded operations")
            return
        self.claimed = 0
        for value in self.known.values():
            if value.storage is storage:
                break
        else:
            return
        owner: Any = Ref(self.grads[id(value)]) if id(value) in self.grads else value
        for place, one in enumerate(self.tensors):
            if one is value:
                owner = place
        step = Step(TOUCH, owner, (storage.writer,), name=storage.writer)
        if not self.answering:
            self._note(step)
        elif self._answer(step) is not Failing:
            storage.version -= 1  # the replay has counted this write

    def born(self, value: Any) -> None:
        """Note a tensor that is made during the trace."""
        if threading.get_ident() == self.thread:
            self.newborn.add(id(value))
            self.made.append(value)
            if not self._idle():
                self._known(value.array)

    def _known(self, array: Any) -> None:
        """End the trace where a tensor is made of an array that nobody knows.

        Even if no operation is given it: its shape may decide something.
        """
        if isinstance(array, np.ndarray) and id(array) not in self.numbers:
            alias = self._same_memory(array)
            if alias is not None:
                self.numbers[id(array)] = alias
                self.alive.append(array)
            elif not any(value.array is array for value in self.known.values()):
                owner = self.owner_of(array)
                if owner is None:
                    self.fail(f"{maker()} makes a tensor outside of recorded operations")

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
        if not self._idle():
            self._branch(number, kind, key_of(plain))
        return plain

    def _branch(self, number: int, kind: str, key: Any) -> Any:
        """Note that Python sees `key`; return what it saw in the replay, where there was one.

        The array itself may have been written to since.
        """
        if self.answering:
            return self._reply(key)
        segment = self.segment
        if self.follows:
            self._lift(segment)
            if not self._arrives(number, kind):
                return key
            self._remember(segment)
        else:
            segment.watched = number
            segment.kind = kind
            self._roll(segment)
        self._leave(segment, key)
        return key

    def _leave(self, segment: Segment, key: Any) -> None:
        """Start a new segment where `segment` was left with `key`, or follow the known one."""
        if segment.loop is not None:
            self.last_loop = segment
            self._go_back(segment.loop)
            segment = segment.loop.target
        full = len(segment.children) >= MOST_CHILDREN
        known = segment.children.get(OTHERS if full and key not in segment.children else key)
        self.follows = known is not None
        self.at = 0
        if known is not None:
            self.segment = known
            if known.eager:
                self.fail(known.eager)
            return
        if not self.new_ways:
            return self.fail("new ways are not recorded")
        child = Segment(len(self.values), segment, OTHERS if full else key)
        segment.children[child.key] = child
        self.segment = child
        self.new_segments.append(child)
        if full:
            self.fail(f"more than {MOST_CHILDREN} different values were seen at one place{ADVICE}")
        elif child.depth > LONGEST_PATH:
            self.fail(f"one call looks at more than {LONGEST_PATH} values")

    # -- the end ----------------------------------------------------------------------------------

    def fail(self, why: str) -> None:
        """Give the trace up, for good and with a reason; the function runs on as it is."""
        if not self.failed:
            self.failed = why


def maker() -> str:
    """Return the name of the library's function that makes a tensor just now."""
    frame: Any = sys._getframe(1)
    name = "something"
    while frame is not None:
        file = frame.f_code.co_filename.replace("\\", "/")
        if not file.endswith(("/tensor.py", "/recorder.py", "/tracing.py", "/_wrap.py")):
            name = frame.f_code.co_name
            if name not in ("wrap", "_leaf", "like", "make"):
                break
        frame = frame.f_back
    return name
