"""Described: arguments that are objects of the program: keys of what is in them.

A tree of nodes, a batch as a dataclass or a named tuple: two such arguments are alike where they
are built alike, of the same classes, with equal plain values and tensors of the same description.
The tensors in them are arguments like others.
"""

from __future__ import annotations

import sys
from collections import OrderedDict
from typing import Any

import numpy as np

from .._core.any_module import AnyModule
from .followed import module_of

DEEPEST = 60  # objects inside of objects
MOST = 2000  # objects
LONGEST = 1000  # attributes


class Described(tuple):  # type: ignore[type-arg]
    """The part of a key that describes an object; compared as a whole."""


def is_data(given: Any) -> bool:
    """Say whether an argument is described by what is in it, and not by which object it is."""
    kind = type(given)
    if kind is OrderedDict or (isinstance(given, tuple) and hasattr(given, "_fields")):
        return True
    if isinstance(given, (type, AnyModule, np.ndarray, dict, list, tuple, set, frozenset)):
        return False
    own = getattr(given, "__dict__", None)
    if type(own) is not dict or len(own) > LONGEST or callable(given):
        return False
    if kind.__getattribute__ is not object.__getattribute__ or "__getattr__" in dir(kind):
        return False
    for one in kind.__mro__[:-1]:
        first = module_of(one).partition(".")[0]
        if first == "retrograd" or first in sys.stdlib_module_names or "__slots__" in vars(one):
            return False
    return True


class Met:
    """The objects met in one argument: their numbers by their ids, and how deep inside one is.

    Of an object only the attributes with these `names` are looked at; all of them for None.
    """

    def __init__(self, names: Any = None) -> None:
        self.numbers: dict[int, int] = {}
        self.depth = 0
        self.names = names


def described(given: Any, tensors: list[Any], part: Any, met: Met) -> Any:
    """Return the part of a key that an object is, None for an object that stands for itself.

    Parameters
    ----------
    tensors : list
        The tensors in it are added.
    part : callable
        Makes the part of a key of what is in it.
    met : Met
        An object that is met again is described by its number.
    """
    numbers = met.numbers
    if id(given) in numbers:
        return Described(("met", numbers[id(given)]))
    if met.depth >= DEEPEST or len(numbers) >= MOST or not is_data(given):
        return None
    numbers[id(given)] = len(numbers)
    if isinstance(given, OrderedDict):
        items = list(given.items())
    elif isinstance(given, tuple):
        items = list(enumerate(given))
    else:
        names = met.names
        items = [one for one in vars(given).items() if names is None or one[0] in names]
    met.depth += 1
    inside = [(name, part(one, tensors, met)) for name, one in items]
    met.depth -= 1
    return Described((type(given), *inside))


def shortened(key: Any, names: Any) -> Any:
    """Return a key without the attributes of objects that have other than these names."""
    if not isinstance(key, tuple):
        return key
    if not isinstance(key, Described) or key[0] == "met":
        return tuple(shortened(one, names) for one in key)
    whole = issubclass(key[0], (tuple, OrderedDict))
    return key[0], *[
        (name, shortened(one, names)) for name, one in key[1:] if whole or name in names
    ]


def is_narrower(key: Any, others: Any, names: Any) -> bool:
    """Say whether a key would be one of `others` if only these names counted."""
    if names is None or not any(isinstance(one, Described) for one in key):
        return False
    short = shortened(key, names)
    return any(shortened(one, names) == short for one in others)


def objects_in(given: Any, found: dict[int, Any], depth: int = DEEPEST) -> None:
    """Collect the objects that the key of an argument describes, with what they are made of."""
    if id(given) in found or depth == 0:
        return
    if type(given) in (list, tuple, dict):
        for one in given.values() if type(given) is dict else given:
            if hasattr(one, "__dict__") or isinstance(one, (list, tuple, dict)):
                objects_in(one, found, depth - 1)
    elif is_data(given):
        found[id(given)] = given
        values = given if isinstance(given, tuple) else (
            given if isinstance(given, OrderedDict) else vars(given)
        ).values()  # fmt: skip
        for one in values:
            if type(one) not in (list, tuple, dict):
                objects_in(one, found, depth - 1)
            elif id(one) not in found:
                found[id(one)] = one
                for inner in one.values() if type(one) is dict else one:
                    objects_in(inner, found, depth - 1)
