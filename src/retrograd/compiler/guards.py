"""Guards: what has to be as it was when a trace was written, for the trace to be replayed."""

from __future__ import annotations

import contextlib
from typing import Any

from .._core.modes import grad_enabled
from .._core.promotion import defaults
from .._core.value import Value
from .trace import Captured, CapturedGrad

PLAIN = (bool, int, float, complex, str, bytes, type(None))


def flatten(args: Any, settings: Any) -> tuple[Any, list[Any]]:
    """Return a key of what the arguments are, and the tensors among them."""
    tensors: list[Any] = []
    key: list[Any] = [grad_enabled(), defaults.floating]
    for one in args:
        key.append(part(one, tensors))
    for name, one in settings.items():
        key.append((name, part(one, tensors)))
    if len(tensors) > 1:
        key.append(aliases(tensors))
    return tuple(key), tensors


def part(given: Any, tensors: list[Any]) -> Any:
    """Return the part of the key that one argument is."""
    if isinstance(given, Value):
        tensors.append(given)
        array = given.array
        return (
            type(given), array.shape, array.strides, array.dtype, given.requires,
            given.node is None, given.base is None,
        )  # fmt: skip
    if isinstance(given, PLAIN):
        return (type(given), given)
    if type(given) in (list, tuple):
        return (type(given), *[part(one, tensors) for one in given])
    if type(given) is dict:
        return (dict, *[(name, part(one, tensors)) for name, one in given.items()])
    return Same(given)


class Same:
    """An object that is equal to itself alone."""

    def __init__(self, thing: Any) -> None:
        self.thing = thing

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Same) and other.thing is self.thing

    def __hash__(self) -> int:
        return id(self.thing)


def aliases(tensors: list[Any]) -> Any:
    """Return which tensors are the same, None where all are different."""
    ids = [id(one.array) for one in tensors]
    return None if len(set(ids)) == len(ids) else tuple(ids.index(one) for one in ids)


class Guards:
    """The guards of one tree beside its key: tensors from outside, and gradients."""

    def __init__(self, tensors: list[Any]) -> None:
        self.captured: dict[int, tuple[Any, Any]] = {}
        self.cells: dict[int, tuple[Any, Any]] = {}

    def hold(self, tensors: list[Any]) -> bool:
        """Say whether everything is as it was."""
        for value, about in self.captured.values():
            if description(value) != about:
                return False
        for cell, about in self.cells.values():
            grad = cell.grad
            if (None if grad is None else description(grad)) != about:
                return False
        return True

    @contextlib.contextmanager
    def watching(self, function: Any, writer: Any) -> Any:
        """Watch what the function reads and changes beside tensors."""
        yield

    def add(self, writer: Any) -> None:
        """Guard what the new segments took from outside."""
        for segment in writer.new_segments:
            for slot in segment.slots:
                source = slot.source
                if isinstance(source, Captured):
                    self.captured[id(source.value)] = (source.value, description(source.value))
                elif isinstance(source, CapturedGrad):
                    about = None if slot.dtype is type(None) else (slot.shape, slot.dtype)
                    self.cells[id(source.cell)] = (source.cell, about)


def description(value: Any) -> Any:
    array = value.array
    return array.shape, array.dtype
