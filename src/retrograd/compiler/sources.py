"""Sources: variables from outside in which a function finds another tensor at each call.

``for x, y in batches: step()`` with a `step` that reads the globals x and y: once a variable is
seen to hold another tensor than when the function was recorded, what it holds is an argument
like those that are given.
"""

from __future__ import annotations

from collections.abc import Container
from typing import Any

from .._core.any_module import AnyModule
from .._core.checking import contents, missing
from .._core.value import Value
from .outside import read_by

MOST = 32

# What a variable is: of a namespace, of a closure, an attribute of an object.
GLOBAL, CELL, ATTRIBUTE = "global", "cell", "attribute"


class Source:
    """A variable whose tensor is an argument.

    Attributes
    ----------
    kind : {"global", "cell", "attribute"}
    owner : object
        The namespace, cell or object.
    name : str
    """

    def __init__(self, kind: str, owner: Any, name: str = "") -> None:
        self.kind = kind
        self.owner = owner
        self.name = name

    def key(self) -> Any:
        return id(self.owner), self.name

    def value(self) -> Any:
        """Return what the variable holds now."""
        if self.kind == CELL:
            return contents(self.owner)
        return (self.owner if self.kind == GLOBAL else vars(self.owner)).get(self.name, missing)


class Without:
    """The attributes of an object that count, but for those that are arguments."""

    def __init__(self, names: Container[str] | None, hidden: set[str]) -> None:
        self.names = names
        self.hidden = hidden

    def __contains__(self, name: object) -> bool:
        return name not in self.hidden and (self.names is None or name in self.names)


def moved(guards: Any) -> list[Source]:
    """Return the variables that held other tensors when a trace with these guards was written."""
    found = []
    for space, name, value in guards.reads.globals.values():
        if is_moved(space.get(name, missing), value):
            found.append(Source(GLOBAL, space, name))
    for cell, value in guards.reads.cells.values():
        if is_moved(contents(cell), value):
            found.append(Source(CELL, cell))
    for number, (thing, state) in guards.states.items():
        own = getattr(thing, "__dict__", None)
        if type(own) is not dict or not isinstance(state, dict) or isinstance(thing, AnyModule):
            continue
        if read_by(thing, ()) is None or number in guards.described:
            continue  # all of its attributes count
        for name, mark in state.items():
            now = own.get(name, missing)
            if isinstance(now, Value) and type(mark) is int and mark != id(now):
                found.append(Source(ATTRIBUTE, thing, name))
    hidden = guards.hidden
    return [one for one in found if one.key() not in hidden]


def is_moved(now: Any, then: Any) -> bool:
    return now is not then and isinstance(now, Value) and isinstance(then, Value)
