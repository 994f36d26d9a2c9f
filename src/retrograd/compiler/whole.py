"""Whole: a public function of the library as one step on arrays."""

from __future__ import annotations

from typing import Any

from .._core.value import Value
from ..ops._returns import StructSequence
from ..tensor import Tensor, raw
from .step import same
from .trace import Named, Row


class Place(Row):
    """Where a tensor goes in the arguments of a `Whole`."""

    number: int


class Whole:
    """A public function as a function of arrays, with its other arguments."""

    def __init__(self, front: Any, args: Any, settings: Any) -> None:
        self.front = front
        self.args = args
        self.settings = settings
        self.shape: Any = None  # how its result is built of tensors

    def __call__(self, *arrays: Any) -> Any:
        values = [Tensor(one, raw) for one in arrays]
        args = filled(self.args, values)
        result = self.front(*args, **filled(self.settings, values))
        found: list[Any] = []
        self.shape = template(result, found)
        return tuple(one.array for one in found)

    def rebuilt(self, arrays: Any) -> Any:
        """Return the result of the function, of its arrays."""
        return filled(self.shape, [Tensor(one, raw) for one in arrays])

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, Whole)
            and self.front is other.front
            and same(self.args, other.args)
            and same(self.settings, other.settings)
        )

    def __hash__(self) -> int:
        return id(self.front)


def template(given: Any, values: list[Any]) -> Any:
    """Return arguments with a `Place` for each tensor, which is put into `values`."""
    if isinstance(given, Value):
        values.append(given)
        return Place(len(values) - 1)
    if isinstance(given, StructSequence) or hasattr(given, "_fields"):
        return Named(type(given), tuple(template(one, values) for one in given))
    if type(given) in (list, tuple):
        return type(given)(template(one, values) for one in given)
    if type(given) is dict:
        return {key: template(one, values) for key, one in given.items()}
    return given


def filled(given: Any, values: list[Any]) -> Any:
    """Return what `template` was given, with other tensors."""
    if isinstance(given, Place):
        return values[given.number]
    if isinstance(given, Named):
        return given.kind(*(filled(one, values) for one in given.parts))
    if type(given) in (list, tuple):
        return type(given)(filled(one, values) for one in given)
    if type(given) is dict:
        return {key: filled(one, values) for key, one in given.items()}
    return given
