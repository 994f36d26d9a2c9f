"""Contents: what objects of the program hold before a traced call and after it.

The watch of effects sees calls and instructions that store.  What changes an object inside of
C code or of a special method (``heapq.heappush(heap, x)``, reading a defaultdict) is found here, by
comparison.
"""

from __future__ import annotations

import io
import types
from collections import deque
from typing import Any

import numpy as np

from .._core.any_module import AnyModule
from .._core.value import Value
from .followed import module_of

DEPTH = 3  # how far objects are followed
LONGEST = 1000  # items of a container that is followed
_PLAIN = (bool, int, float, complex, str, bytes, Value, AnyModule, np.ndarray, np.generic,
          type, types.ModuleType, types.FunctionType, type(None))  # fmt: skip


class Contents:
    """What the objects that code names hold, noted when that code begins to run."""

    def __init__(self) -> None:
        self.noted: dict[int, tuple[Any, Any, Any]] = {}  # object, what it holds, where it was met
        self.seen = 0

    def note(self, things: dict[int, Any], site: Any, newborn: Any) -> None:
        """Note objects that were not noted before.

        Parameters
        ----------
        things : dict
            By id, in the order in which they were met.
        site : object
            Where that was.
        newborn : callable
            Returns the ids of the objects made during the call, which may change.
        """
        if len(things) != self.seen:
            found = [one for one in list(things.values())[self.seen :] if not is_plain(one)]
            self.seen = len(things)
            new = newborn() if any(hasattr(one, "__dict__") for one in found) else ()
            for thing in found:
                if id(thing) not in new:
                    self.follow(thing, site, DEPTH)

    def follow(self, thing: Any, site: Any, depth: int) -> None:
        if is_plain(thing) or id(thing) in self.noted:
            return
        held = items_of(thing)
        if held is None or len(held) > LONGEST:
            return
        self.noted[id(thing)] = (thing, held, site)
        if depth:
            for one in held:
                self.follow(one, site, depth - 1)

    def changed(self) -> list[tuple[Any, Any]]:
        """Return each object that holds something else by now, and where it was met."""
        found = []
        for thing, held, site in self.noted.values():
            now = items_of(thing)
            if now is None or len(now) != len(held) or any(a is not b for a, b in zip(now, held)):
                found.append((thing, site))
        return found


def is_plain(thing: Any) -> bool:
    """Say whether nothing is noted of an object: it cannot change, or is followed otherwise."""
    if isinstance(thing, _PLAIN):
        return True
    return any(module_of(kind).startswith("retrograd.") for kind in type(thing).__mro__)


def items_of(thing: Any) -> list[Any] | None:
    """Return what a container or an object of the program holds, None for other things."""
    if isinstance(thing, dict):
        return [one for pair in thing.items() for one in pair]
    if isinstance(thing, (list, set, deque)):
        return list(thing)
    if isinstance(thing, tuple):
        return list(thing)
    own = getattr(thing, "__dict__", None)
    return [one for pair in own.items() for one in pair] if type(own) is dict else None


def iterators_in(things: list[Any], new: set[int]) -> list[Any]:
    """Return the iterators from outside that objects lead to: what takes from one changes it.

    Parameters
    ----------
    new : set of int
        The ids of the objects made during the call.
    """
    found = []
    seen: set[int] = set()
    waiting = [(thing, 2 * DEPTH) for thing in things]
    while waiting:
        thing, depth = waiting.pop()
        if id(thing) in seen or id(thing) in new or isinstance(thing, _NO_HOLDERS):
            continue
        seen.add(id(thing))
        over = isinstance(thing, types.GeneratorType) and thing.gi_frame is None
        if hasattr(type(thing), "__next__") and not (over or isinstance(thing, io.IOBase)):
            found.append(thing)
        held = items_of(thing) if depth else None
        if held is not None and len(held) <= LONGEST:
            waiting += [(one, depth - 1) for one in held]
    return found


_NO_HOLDERS = (bool, int, float, complex, str, bytes, Value, np.ndarray, np.generic, type,
               types.ModuleType, types.FunctionType, type(None))  # fmt: skip
