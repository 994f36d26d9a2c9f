"""Readings: the numbers that ``tensor.item()`` gives while a trace is written.

A reading computes like a number, and what is computed is noted; only where the program decides by
it (a comparison, `int()`, printing) does the trace branch on its value.  So ``return loss.item()``
needs no branch, and ``while loss.item() > 0.1`` branches on the answer alone.
"""

from __future__ import annotations

import inspect
import math
import operator
import types
from typing import Any

import numpy as np

from .._core.value import Value
from .trace import Ref


class Reading:
    """A number that was read from a tensor during a trace."""

    __slots__ = ("number", "recorder")

    def __init__(self, recorder: Any, number: int) -> None:
        self.recorder = recorder
        self.number = number

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **settings: Any) -> Any:
        """Give NumPy the number: the trace branches on its value."""
        plain = [one._decides() if type(one) is Reading else one for one in inputs]
        return getattr(ufunc, method)(*plain, **settings)

    @property  # type: ignore[misc]
    def __class__(self) -> Any:  # what `isinstance` asks
        return type(self.plain)

    @property
    def plain(self) -> Any:
        """The number itself."""
        return self.recorder.values[self.number]

    def _with(self, function: Any, *others: Any) -> Any:
        """Compute with other numbers and note it."""
        recorder = self.recorder
        args: list[Any] = []
        given: list[Any] = []
        for one in others:
            if type(one) is Reading:
                args.append(Ref(one.number))
                given.append(one.plain)
            elif isinstance(one, (int, float, complex)) and not hasattr(one, "dtype"):
                args.append(one)
                given.append(one)
            elif isinstance(one, (np.ndarray, np.generic)):
                return function(*(o._decides() if type(o) is Reading else o for o in others))
            else:
                return NotImplemented
        if recorder._idle():
            return function(*given)
        made: Reading = recorder.reading(recorder.compute(function, tuple(args), tuple(given)))
        return made

    def _decides(self) -> Any:
        """Return the number to something that decides by it: the trace branches."""
        return self.recorder.look(self.number, "number")

    def __float__(self) -> float:
        return float(self._decides())

    def __int__(self) -> int:
        return int(self._decides())

    def __index__(self) -> int:
        return operator.index(self._decides())

    def __complex__(self) -> complex:
        return complex(self._decides())

    def __bool__(self) -> bool:
        truth = self._with(bool, self)
        return truth.recorder.look(truth.number, "bool") if type(truth) is Reading else truth

    def __str__(self) -> str:
        return str(self._decides())

    def __repr__(self) -> str:
        return repr(self._decides())

    def __format__(self, spec: str) -> str:
        return format(self._decides(), spec)

    def __hash__(self) -> int:
        return hash(self._decides())

    def __divmod__(self, other: Any) -> Any:
        return divmod(self._decides(), other)

    def __rdivmod__(self, other: Any) -> Any:
        return divmod(other, self._decides())

    def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
        return np.asarray(self._decides(), dtype)

    def __getattr__(self, name: str) -> Any:
        getattr(self.plain, name)  # no number has it, whichever it is: nothing is decided by that
        return getattr(self._decides(), name)


def _forward(name: str, function: Any) -> None:
    reflected = f"__r{name.strip('_')}__"

    def method(self: Reading, *others: Any) -> Any:
        if others and isinstance(others[0], Value):
            return _with_tensor(self, function, others[0], reflected)
        return self._with(function, self, *others)

    method.__name__ = name
    setattr(Reading, name, method)


def _backward(name: str, function: Any) -> None:
    def method(self: Reading, other: Any) -> Any:
        if isinstance(other, Value):
            return function(other, _operand(self))
        return self._with(function, other, self)

    method.__name__ = name
    setattr(Reading, name, method)


def _operand(reading: Reading) -> Any:
    """Return the very float object of a reading: the recorder knows its slot by it."""
    plain = reading.plain
    if type(plain) is float and not reading.recorder._idle():
        return plain
    return reading._decides()


def _with_tensor(reading: Reading, function: Any, other: Any, reflected: str) -> Any:
    """Compute with a tensor on the right.

    A float is told by its object; an integer is not, so the tensor's own method is given the
    reading.
    """
    if type(reading.plain) is int and hasattr(other, reflected):
        return getattr(other, reflected)(reading)
    return function(_operand(reading), other)


_TURNED = {"lt": "gt", "le": "ge", "gt": "lt", "ge": "le", "eq": "eq", "ne": "ne"}


def _comparison(name: str, function: Any) -> None:
    def method(self: Reading, other: Any) -> Any:
        if isinstance(other, Value):
            return _with_tensor(self, function, other, f"__{_TURNED[name.strip('_')]}__")
        answer = self._with(function, self, other)
        if type(answer) is Reading:
            return answer.recorder.look(answer.number, "bool")
        return answer

    method.__name__ = name
    setattr(Reading, name, method)


_BINARY = {
    **{name: getattr(operator, name) for name in ("add", "sub", "mul", "truediv", "floordiv")},
    **{name: getattr(operator, name) for name in ("mod", "pow", "lshift", "rshift", "xor")},
    "and": operator.and_,
    "or": operator.or_,
}
for _name, _function in _BINARY.items():
    _forward(f"__{_name}__", _function)
    _backward(f"__r{_name}__", _function)
for _name in ("neg", "pos", "abs", "invert"):
    _forward(f"__{_name}__", getattr(operator, _name))
for _name, _function in (
    ("round", round), ("trunc", math.trunc), ("floor", math.floor), ("ceil", math.ceil)
):  # fmt: skip
    _forward(f"__{_name}__", _function)
for _name in ("lt", "le", "gt", "ge", "eq", "ne"):
    _comparison(f"__{_name}__", getattr(operator, _name))


def read_number(array: Any) -> Any:
    """Return the one element of an array as a Python number."""
    return array.item()


TYPE_ASKERS = frozenset(("type", "Decimal", "__class__"))


def asks_types(frame: Any) -> bool:
    """Say whether code may look at the type of a number, or give it to what looks at that."""
    return not TYPE_ASKERS.isdisjoint(frame.f_code.co_names)


def plain_arguments(frame: Any) -> None:
    """Give a function of Python's library plain numbers: it may ask what type they have.

    What a profile function puts into `f_locals` becomes the frame's variables.
    """
    code = frame.f_code
    held = frame.f_locals
    count = code.co_argcount + code.co_kwonlyargcount
    count += bool(code.co_flags & inspect.CO_VARARGS) + bool(code.co_flags & inspect.CO_VARKEYWORDS)
    for name in code.co_varnames[:count]:
        if name in held:
            held[name] = plain_nest(held[name], 3)


def plain_nest(given: Any, depth: int) -> Any:
    """Return an argument with numbers in place of readings, on which the trace branches."""
    if type(given) is Reading:
        return given._decides()
    if depth and type(given) is tuple:
        return tuple([plain_nest(one, depth - 1) for one in given])
    if depth and type(given) is list:
        given[:] = [plain_nest(one, depth - 1) for one in given]
    elif depth and type(given) is dict:
        for key, one in given.items():
            given[key] = plain_nest(one, depth - 1)
    return given


def computed_in(data: Any) -> bool:
    """Say whether nested lists hold tensors, or numbers that were read from tensors."""
    if type(data) not in (list, tuple):
        return False
    return any(
        type(one) is Reading or isinstance(one, Value) or computed_in(one) for one in data
    )


def plain_nested(data: Any) -> Any:
    """Return nested lists with the plain numbers of readings."""
    if type(data) is Reading:
        return data.plain
    return [plain_nested(one) for one in data] if type(data) in (list, tuple) else data


def settle(thing: Any, depth: int) -> None:
    """Put plain numbers where a program from outside would find readings."""
    if depth == 0 or isinstance(thing, (Value, str, type, types.ModuleType)):
        return
    if isinstance(thing, dict) or hasattr(thing, "__dict__"):
        items = thing if isinstance(thing, dict) else vars(thing)
        for key, one in list(items.items()):
            if type(one) is Reading:
                items[key] = one.plain
            else:
                settle(one, depth - 1)
    elif hasattr(type(thing), "__slots__"):
        for kind in type(thing).__mro__:
            for name in getattr(kind, "__slots__", ()):
                one = getattr(thing, name, None)
                if type(one) is Reading:
                    setattr(thing, name, one.plain)
    elif isinstance(thing, list) or type(thing).__name__ == "deque":
        for place, one in enumerate(thing):
            if type(one) is Reading:
                thing[place] = one.plain
            elif isinstance(one, (list, dict)):
                settle(one, depth - 1)


def holds_reading(thing: Any, depth: int = 3) -> bool:
    """Say whether an object holds a number that was read, as deep as `settle` looks."""
    if type(thing) is Reading or depth == 0 or isinstance(thing, (Value, str, type)):
        return type(thing) is Reading
    held = thing if isinstance(thing, (dict, list)) else getattr(thing, "__dict__", ())
    items = held.values() if isinstance(held, dict) else held
    return any(holds_reading(one, depth - 1) for one in list(items))
