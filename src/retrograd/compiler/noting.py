"""Noting: the part of a recorder that runs at every call, compiled where the core is.

See recorder.py, Note [Nothing unseen].
"""

from __future__ import annotations

import sys
from _thread import get_ident
from typing import Any

import numpy as np

from .._core.native import mypyc_attr
from .._core.storage import clock
from .._core.value import Value
from ..inplace import write_ufunc
from .readings import Reading
from .trace import CALL, TOUCH, WRITE, Captured, Failing, Ref, Slot, Step

_HOLDERS = (Reading, list, tuple)
# Files through which a tensor is made for others.
_MAKERS = ("/tensor.py", "/noting.py", "/effects.py", "/tracing.py", "/_wrap.py")
# Operations and functions whose results have shapes that depend on values.
VARYING = {
    "nonzero", "argwhere", "places_of", "select_masked", "unique", "unique_consecutive",
    "numbers_repeated", "each_repeated", "bincount", "one_hot", "to_array", "checked",
    "kept_entries", "bags_of", "rows_of_labels",
}  # fmt: skip

DATA = ("to_array", "checked")  # those that are given the program's own data


@mypyc_attr(allow_interpreted_subclasses=True)
class Noting:
    """Notes the calls of kernels and rules, writes, and the birth of tensors.

    Attributes
    ----------
    values : list
        What each slot holds.
    numbers : dict
        The slot of an array, by its id.
    alive : list
        Everything whose id is used.
    known : dict
        Tensors from outside, by id.
    histories : list
        Their nodes, and whether they require grad.
    grads : dict
        The slots of `.grad` from before the call, by id of the tensor.
    newborn : set
        Ids of the tensors made in the call.
    made : list
        These tensors, kept so that their ids stay taken.
    given : set
        The slots that no step fills.
    busy : bool
        Inside a recorded call: what it calls is part of it.
    resting : bool
        Whether the watch of effects looks away: no code of the program runs.
    claimed : int
        Writes made by recorded calls, not yet reported; `writes` has all of them.
    fresh : int
        Steps that were noted as new ones.
    patience : int
        After how many it is asked whether the recording goes on; 0 for never.
    put_off : bool
        Whether it does not, and the function is recorded in a later call.
    passed : int
        Calls that came after that, about as many as there would have been steps.
    began : int
        The clock at the start: nodes made since are the trace's own.
    """

    def __init__(self) -> None:
        self.thread: int = get_ident()
        self.tensors: list[Any] = []
        self.segment: Any = None
        self.follows: bool = False
        self.answering: bool = False
        self.failed: str = ""
        self.busy: bool = False
        self.resting: bool = False
        self.values: list[Any] = []
        self.numbers: dict[int, int] = {}
        self.alive: list[Any] = []
        self.known: dict[int, Any] = {}
        self.histories: list[Any] = []
        self.grads: dict[int, int] = {}
        self.newborn: set[int] = set()
        self.made: list[Any] = []
        self.given: set[int] = set()
        self.reachable: Any = list  # finds the tensors that the program can reach
        self.claimed: int = 0
        self.writes: int = 0
        self.fresh: int = 0
        self.patience: int = 0
        self.put_off: bool = False
        self.passed: int = 0
        self.began: int = clock.now

    # -- slots ----------------------------------------------------------------------------------

    def _know(self, value: Any) -> None:
        """Note a tensor from before the call, and its place in the graph."""
        if id(value) not in self.known:
            self.known[id(value)] = value
            self.histories.append((value, value.node, value.requires))

    def _add(self, held: Any, source: Any = None) -> int:
        """Give a value the next slot."""
        number = len(self.values)
        self.values.append(held)
        if isinstance(held, np.ndarray):
            self.numbers[id(held)] = number
            slot = tuple.__new__(Slot, (source, held.shape, held.dtype))
        else:
            slot = tuple.__new__(Slot, (source, (), type(held)))
        if source is not None:
            self.given.add(number)
        if self.follows:
            whole: Any = self
            whole._follow_slot(number, slot)
        else:
            self.segment.slots.append(slot)
        return number

    def _meet_again(self, array: Any, value: Any, found: int) -> None:
        """Note a leaf from before the call whose array is known as that of its detached self."""
        if value.node is None and id(value) not in self.newborn:
            self._know(value)
            self.alive.append(value)
            self._add(array, Captured(value))
            self.numbers[id(array)] = found

    def _number(self, array: Any, value: Any = None, what: str = "") -> Any:
        """Return the `Ref` of an array, or None when nobody knows where it comes from."""
        found = self.numbers.get(id(array))
        if found is not None:
            if value is not None and value.requires and id(value) not in self.known:
                self._meet_again(array, value, found)
            return tuple.__new__(Ref, (found,))
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
        kind = type(given)
        if kind is Reading:
            return Ref(given.number)
        if issubclass(kind, float):  # isinstance would have mypyc make it another object
            found = self.numbers.get(id(given))
            return given if found is None else Ref(found)
        if isinstance(given, (list, tuple)):
            if not hasattr(given, "_fields"):
                return kind([self._given(one, None, what) for one in given])
        elif isinstance(given, dict):
            return {key: self._given(one, None, what) for key, one in given.items()}
        elif isinstance(given, Value):
            self.fail(f"{what} is given a tensor as a setting")
        return given

    # -- what the hooks call ----------------------------------------------------------------------

    def _idle(self) -> bool:
        if self.put_off:
            self.passed += 1
        return bool(self.failed) or self.busy or get_ident() != self.thread

    def kernel(self, op: Any, operands: Any, arrays: Any, settings: Any) -> Any:
        """Run and note the kernel of an operation."""
        settings = settings or {}
        if self._idle():
            return op.kernel(*plainly(arrays), **plainly(settings))
        before = self.resting
        self.resting = True
        try:
            name: str = op.name
            args: list[Any] = []
            for operand, array in zip(operands, arrays):
                value = operand if isinstance(operand, Value) else None
                args.append(self._given(array, value, name))
            return self._call(op.kernel, tuple(args), arrays, settings, name)
        finally:
            self.resting = before

    def function(self, function: Any, args: Any, settings: dict[str, Any]) -> Any:
        """Run and note a function of arrays: a rule, a sum of gradients, a draw."""
        if self._idle() or has_tensors(args):
            return function(*plainly(args), **plainly(settings))
        before = self.resting
        self.resting = True
        try:
            name: str = getattr(function, "__name__", None) or repr(function)
            given = tuple([self._given(one, None, name) for one in args])
            return self._call(function, given, args, settings, name)
        finally:
            self.resting = before

    def _call(self, function: Any, args: Any, arrays: Any, settings: Any, name: str) -> Any:
        """Note a call whose arguments have their slots, and make it or answer it."""
        whole: Any = self
        if settings:
            noted = {key: self._given(value, None, name) for key, value in settings.items()}
            settings = plainly(settings)
        else:
            noted = {}
        arrays = plainly(arrays)
        if self.failed:
            return function(*arrays, **settings)
        step = Step(CALL, function, args, noted, name=name)
        if self.answering:
            answer = whole._answer(step)
            if answer is not Failing:
                return self._sized(step, answer)
        self.busy = True
        try:
            out = function(*arrays, **settings) if settings else function(*arrays)
        except Exception:
            self.fail(f"{name} raised, and the program went on")
            raise
        finally:
            self.busy = False
        return out if self.failed else self._sized(step, self._result(step, out))

    def _sized(self, step: Any, out: Any) -> Any:
        """Let the trace branch on the shapes of results whose shapes depend on values."""
        name: str = step.name
        # Of data, only an array of the program's own may have another shape in the next call.
        steady = name in DATA and not isinstance(step.args[0], np.ndarray)
        if (name in VARYING and not steady) or (name == "index" and self._is_masked(step)):
            whole: Any = self
            outs = step.outs
            if outs is None:
                outs = whole.answered.outs
            for number in outs if isinstance(outs, tuple) else (outs,):
                if number is not None and not self.failed:
                    array = self.values[number]
                    whole._branch(number, "layout", (array.shape, array.dtype))
        return out

    def _is_masked(self, step: Any) -> bool:
        """Say whether an indexing is by a mask."""
        for one in step.args:
            if isinstance(one, Ref):
                held = self.values[one.number]
                if getattr(held, "dtype", None) == np.bool_:
                    return True
        return False

    def _result(self, step: Any, out: Any) -> Any:
        """Give the results of a call their slots; return them as arrays."""
        if isinstance(out, np.ndarray):
            step.outs = self._out(out)
            self._note(step)
            return out
        if isinstance(out, (tuple, list)):
            held = [np.asarray(one) if isinstance(one, np.generic) else one for one in out]
            step.wrap = any(isinstance(one, np.generic) for one in out)
            step.outs = tuple([self._out(one) for one in held])
            self._note(step)
            return tuple(held) if isinstance(out, tuple) else held
        if isinstance(out, np.generic):
            step.wrap = True
            out = np.asarray(out)
        step.outs = self._out(out)
        self._note(step)
        return out

    def _out(self, out: Any) -> int | None:
        """Return the slot of a result, None where it is no array."""
        if not isinstance(out, np.ndarray):
            return None
        number = self.numbers.get(id(out))
        return self._add(out) if number is None else number

    def write(self, function: Any, target: Any, args: Any) -> None:
        """Run and note a function that writes into an array."""
        if self._idle():
            function(target, *plainly(args))
            return
        before = self.resting
        self.resting = True
        try:
            self._write(function, target, args)
        finally:
            self.resting = before

    def _write(self, function: Any, target: Any, args: Any) -> None:
        whole: Any = self
        name: str = getattr(args[0] if function is write_ufunc else function, "__name__", "write")
        where = self._number(target, None, name)
        given = [self._given(one, None, name) for one in args]
        if self.failed:
            function(target, *plainly(args))
            return
        step = Step(WRITE, function, (where, *given), name=name)
        self.claimed += 1
        self.writes += 1
        if self.answering and whole._answer(step) is not Failing:
            return
        self.busy = True
        try:
            function(target, *plainly(args))
        except Exception:
            self.fail(f"{name} raised, and the program went on")
            raise
        finally:
            self.busy = False
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
        before = self.resting
        self.resting = True
        try:
            self._touch(storage)
        finally:
            self.resting = before

    def _touch(self, storage: Any) -> None:
        """Note that the memory of a tensor from outside was written into."""
        for value in self.known.values():
            if value.storage is storage:
                break
        else:
            return
        whole: Any = self
        owner: Any = Ref(self.grads[id(value)]) if id(value) in self.grads else value
        for place, one in enumerate(self.tensors):
            if one is value:
                owner = place
        step = Step(TOUCH, owner, (storage.writer,), name=storage.writer)
        if not self.answering:
            self._note(step)
        elif whole._answer(step) is not Failing:
            storage.version -= 1  # the replay has counted this write

    def born(self, value: Any) -> None:
        """Note a tensor that is made during the trace."""
        if get_ident() == self.thread and not self.put_off:
            self.newborn.add(id(value))
            self.made.append(value)
            if not (self.failed or self.busy or id(value.array) in self.numbers):
                before = self.resting
                self.resting = True
                try:
                    self._known(value.array)
                finally:
                    self.resting = before

    def rebound(self, value: Any) -> None:
        """End the trace where a tensor from outside is given another array."""
        if not self._idle() and id(value) not in self.newborn:
            self.fail("a tensor from outside is given another array")

    def _known(self, array: Any) -> None:
        """End the trace where a tensor is made of an array that nobody knows.

        Even if no operation is given it: its shape may decide something.
        """
        if isinstance(array, np.ndarray) and id(array) not in self.numbers:
            alias = self._same_memory(array)
            if alias is not None:
                self.numbers[id(array)] = alias
                self.alive.append(array)
                return
            for value in self.known.values():
                if value.array is array:
                    return
            if self.owner_of(array) is None:
                self.fail(f"{maker()} makes a tensor outside of recorded operations")

    def _note(self, step: Any) -> None:
        """Write a step down, or compare it with the known one."""
        whole: Any = self
        if not self.follows:
            self.segment.steps.append(step)
            self.fresh += 1
            if self.fresh == self.patience:
                whole.tire()
            return
        whole._follow_step(step)

    # -- the end ----------------------------------------------------------------------------------

    def fail(self, why: str) -> None:
        """Give the trace up, for good and with a reason; the function runs on as it is."""
        if not self.failed:
            self.failed = why


def has_tensors(args: Any) -> bool:
    """Say whether there are tensors among some arguments."""
    for one in args:
        if isinstance(one, Value):
            return True
    return False


def plainly(given: Any) -> Any:
    """Return arguments with the plain numbers of readings."""
    if isinstance(given, dict):
        for one in given.values():
            if type(one) in _HOLDERS:
                return {key: plain_of(one) for key, one in given.items()}
        return given
    for one in given:
        if type(one) in _HOLDERS:
            return tuple([plain_of(one) for one in given])
    return given


def plain_of(given: Any) -> Any:
    """Return an argument with the plain numbers of readings."""
    kind = type(given)
    if kind is Reading:
        return given.plain
    if kind is list or kind is tuple:
        for one in given:
            if type(one) is Reading:
                return kind([plain_of(one) for one in given])
    return given


def maker() -> str:
    """Return the name of the library's function that makes a tensor just now."""
    frame: Any = sys._getframe()
    name = "something"
    while frame is not None:
        if not frame.f_code.co_filename.replace("\\", "/").endswith(_MAKERS):
            name = frame.f_code.co_name
            if name not in ("wrap", "_leaf", "like", "make"):
                break
        frame = frame.f_back
    return name
