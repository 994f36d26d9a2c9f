"""Results: objects of the program's that a compiled function makes and returns.

A replay makes another object of the same class, with the same attributes, without calling the
class: what `__init__` did is part of the trace.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from typing import Any

from .._core.value import Value
from .described import is_data


class Maker:
    """Makes an object of the parts that `parts_of` found in one.

    Parameters
    ----------
    given : object
        The object that was returned when the trace was written.
    names : tuple
        Of its attributes, or the keys of an ordered dictionary.
    """

    def __init__(self, given: Any, names: tuple[Any, ...]) -> None:
        self.kind = type(given)
        self.names = names
        self.length = given.maxlen if self.kind is deque else None
        self.__name__ = self.kind.__name__

    def __call__(self, *parts: Any) -> Any:
        if self.kind is deque:
            return deque(parts, self.length)
        if self.kind is OrderedDict:
            return OrderedDict(zip(self.names, parts))
        made = object.__new__(self.kind)
        vars(made).update(zip(self.names, parts))
        return made


def is_built(given: Any) -> bool:
    """Say whether an object can be made anew of its parts."""
    kind = type(given)
    if kind is OrderedDict or kind is deque:
        return True
    return not isinstance(given, (Value, tuple)) and is_data(given)


def parts_of(given: Any) -> tuple[tuple[Any, ...], list[Any]]:
    """Return the names of the parts of such an object, and these."""
    if type(given) is deque:
        return tuple(range(len(given))), list(given)
    held = given if type(given) is OrderedDict else vars(given)
    return tuple(held), list(held.values())


def put(given: Any, name: Any, part: Any) -> None:
    """Put another part into such an object."""
    if isinstance(given, (OrderedDict, deque)):
        given[name] = part
    else:
        vars(given)[name] = part


def objects_in(given: Any, found: dict[int, Any]) -> None:
    """Collect such objects in a result."""
    if type(given) in (list, tuple):
        for one in given:
            objects_in(one, found)
    elif type(given) is dict:
        for one in given.values():
            objects_in(one, found)
    elif id(given) not in found and is_built(given):
        found[id(given)] = given
        for one in parts_of(given)[1]:
            objects_in(one, found)
