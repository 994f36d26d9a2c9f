"""Outside: the objects that a program reaches from what it names, and what of them it may read.

A trace holds as long as these are as they were.  Of an object's attributes those count whose
names the program's code has; a list counts with all its items.
"""

from __future__ import annotations

import functools
import sys
import types
import weakref
from collections import OrderedDict, deque
from collections.abc import Container, Iterable
from gc import get_referents
from typing import Any

import numpy as np

from .._core.any_module import AnyModule
from .._core.checking import contents, missing
from .._core.value import Value
from .followed import module_of
from .settings import has_settings

PLAIN = (bool, int, float, complex, str, bytes, type(None))
DEEPEST = 100  # objects inside of objects
NEAR = 6  # of these before a call, when it is not known yet what it will read
MOST = 50_000  # objects
LONGEST = 1000  # items of a container that is followed though no code has its name

_LEAVES = (*PLAIN, np.generic, Value, types.ModuleType)
_COLLECTIONS = (list, tuple, dict, set, frozenset, deque)
_VIEWS = (types.MappingProxyType, type({}.keys()), type({}.values()), type({}.items()))
_ITEMIZED = (*_COLLECTIONS, *_VIEWS, weakref.ref)
_CACHED = type(functools.lru_cache(len))
_FUNCTIONS = (types.FunctionType, types.MethodType, types.BuiltinMethodType, functools.partial)
# Of the library's own classes, whose objects change as replays do or are guarded otherwise.
_FOLLOWED = ("distributions", "utils", "nn")


def buffers() -> tuple[type, ...]:
    """Return the classes of the standard library that hold numbers as bytes.

    Neither module is imported for it: that takes as long as a hundred replays.
    """
    found: list[type] = [bytearray]
    if "array" in sys.modules:
        found.append(sys.modules["array"].array)
    if "_ctypes" in sys.modules:
        found.append(sys.modules["_ctypes"].Structure.__base__)
    return tuple(found)


def gather(
    things: Iterable[Any],
    names: Container[str] | None = None,
    kinds: set[Any] | None = None,
    deepest: int = DEEPEST,
) -> dict[int, Any]:
    """Return the objects behind `things` whose state a program may read, by their ids.

    Where there are more than `MOST`, some are missing.

    Parameters
    ----------
    names : container of str, optional
        The attributes that count; all of them without it, but for long containers.
    kinds : set, optional
        Gets the program's classes that are met.
    deepest : int
        How many objects inside of objects are followed.
    """
    found: dict[int, Any] = {}
    waiting = list(things)
    for _ in range(deepest):
        inside: list[Any] = []
        for one in waiting:
            if type(one) in PLAIN or isinstance(one, _LEAVES) or id(one) in found:
                continue
            if isinstance(one, type):
                if kinds is not None and not settled(one):
                    kinds.add(one)
                continue
            if not is_followed(one):
                continue
            found[id(one)] = one
            inside += behind(one, names)
        if not inside or len(found) > MOST:
            break
        waiting = inside
    return found


def is_followed(thing: Any) -> bool:
    """Say whether an object is compared with what it was: numbers of NumPy's and files are not."""
    if isinstance(thing, AnyModule):
        return True
    kind = type(thing)
    if isinstance(thing, np.ndarray):
        return kind is np.ndarray
    if isinstance(thing, _FUNCTIONS):
        return not (isinstance(thing, types.FunctionType) and settled(thing))
    library, _, part = module_of(kind).partition(".")
    if library == "retrograd":
        followed = part.partition(".")[0] in _FOLLOWED or has_settings(thing)
        return followed or isinstance(thing, _COLLECTIONS)
    if isinstance(thing, (_ITEMIZED, buffers())):
        return True
    return hasattr(thing, "__dict__") or bool(slots_of(kind))


def behind(thing: Any, names: Container[str] | None) -> list[Any]:
    """Return the objects that one holds."""
    if isinstance(thing, (np.ndarray, buffers())) or has_settings(thing):
        return []
    if isinstance(thing, AnyModule):
        own = vars(thing)
        inside = list(own["_modules"].values())
        if thing._has_hooks():
            for table in thing._hook_tables():
                inside += table.values()
        pairs = [
            (name, one) for name, one in own.items()
            if type(one) not in PLAIN and name not in _OF_MODULES
        ]  # fmt: skip
        return inside + followed(pairs, read_by(thing, names)) if pairs else inside
    if isinstance(thing, types.FunctionType):
        cells = [contents(cell) for cell in thing.__closure__ or ()]
        defaults = (thing.__defaults__ or (), thing.__kwdefaults__ or {})
        return [*cells, *defaults, *vars(thing).values()]
    if isinstance(thing, _FUNCTIONS):
        return get_referents(thing)
    if isinstance(thing, _VIEWS):
        return get_referents(thing)
    if isinstance(thing, weakref.ref):
        return [thing()]
    if isinstance(thing, _CACHED):
        # The results that it hands out again.  That others come in changes nothing.
        held = [one.values() if type(one) is dict else [one] for one in get_referents(thing)]
        return [one for results in held for one in results]
    inside = [one for pair in items_of(thing) for one in pair[1:]]
    return inside + followed(attributes(thing), read_by(thing, names))


def items_of(thing: Any) -> list[tuple[Any, Any]]:
    """Return what is in a collection, with keys or places; no code of the program's is run."""
    if isinstance(thing, OrderedDict):
        return list(thing.items())
    for kind in _COLLECTIONS:
        if isinstance(thing, kind):
            if kind is dict:
                return list(dict.items(thing))
            return list(enumerate(kind.__iter__(thing)))
    return []


def followed(pairs: Iterable[Any], names: Container[str] | None) -> list[Any]:
    """Return those of an object's attributes that are followed."""
    if names is None:
        return [
            value for _, value in pairs
            if not (isinstance(value, _COLLECTIONS) and len(value) > LONGEST)
        ]  # fmt: skip
    return [value for name, value in pairs if name in names]


def attributes(thing: Any) -> list[tuple[str, Any]]:
    """Return what an object itself has by name; no code of the program's is run."""
    own = getattr(thing, "__dict__", None)
    found = list(own.items()) if type(own) is dict else []
    for name in slots_of(type(thing)):
        try:
            found.append((name, object.__getattribute__(thing, name)))
        except AttributeError:
            found.append((name, missing))
    return found


def slots_of(kind: Any) -> tuple[str, ...]:
    """Return the names of the slots that the program's own classes give to their objects."""
    found = _slots.get(kind)
    if found is None:
        found = _slots[kind] = tuple(
            name
            for one in kind.__mro__
            if "__slots__" in vars(one) and not settled(one)
            for name, member in vars(one).items()
            if isinstance(member, types.MemberDescriptorType)
        )
    return found


_slots: weakref.WeakKeyDictionary[Any, tuple[str, ...]] = weakref.WeakKeyDictionary()


def settled(owner: Any) -> bool:
    """Say whether a module, class or function is the library's, Python's or NumPy's, and stays."""
    name = owner.__name__ if isinstance(owner, types.ModuleType) else owner.__module__
    first = str(name).partition(".")[0]
    return first in ("retrograd", "numpy", "scipy", "builtins") or first in sys.stdlib_module_names


def read_by(thing: Any, names: Container[str] | None) -> Container[str] | None:
    """Return which attributes of an object count, None for all.

    Those of a class of the library's are read by the library's code, whose names are not known.
    """
    kind = type(thing)
    if names is None or kind is types.FunctionType:
        return None
    known = _by_names.get(kind)
    if known is None:
        ours = [one for one in kind.__mro__ if module_of(one).partition(".")[0] == "retrograd"]
        known = _by_names[kind] = not ours or module_of(ours[0]) == "retrograd.nn.module"
    if not known:
        return None
    return Read(names) if isinstance(thing, AnyModule) else names


_by_names: weakref.WeakKeyDictionary[Any, bool] = weakref.WeakKeyDictionary()


class Read:
    """The attributes of a module that count: those named in the program, and those of `Module`."""

    def __init__(self, names: Container[str]) -> None:
        self.names = names

    def __contains__(self, name: object) -> bool:
        return name in self.names or name in _OF_MODULES


_OF_MODULES = {
    "training", "_parameters", "_buffers", "_modules", "_non_persistent_buffers_set",
    "_backward_hooks", "_backward_pre_hooks", "_is_full_backward_hook", "_forward_hooks",
    "_forward_pre_hooks", "_forward_hooks_with_kwargs", "_forward_pre_hooks_with_kwargs",
    "_forward_hooks_always_called", "_state_dict_hooks", "_state_dict_pre_hooks",
    "_load_state_dict_pre_hooks", "_load_state_dict_post_hooks", "_compiled_call_impl", "forward",
}  # fmt: skip


# -- what is compared --------------------------------------------------------------------------


def state_of(thing: Any, names: Container[str] | None = None) -> Any:
    """Return what of an object's state a program may depend on, for comparison.

    A function's closure, code and defaults are no part of it: `Reads` has them.

    Parameters
    ----------
    names : container of str, optional
        The attributes that count, all of them without it.
    """
    if isinstance(thing, np.ndarray):
        return (thing.shape, thing.dtype, thing.tobytes())
    if isinstance(thing, AnyModule):
        chosen = read_by(thing, names)
        return {
            name: tuple(map(id, value.values())) if name in _OF_MODULES and isinstance(value, dict)
            else mark(value)
            for name, value in vars(thing).items()
            if name != "_hooked" and (chosen is None or name in chosen)
        }  # fmt: skip
    if isinstance(thing, buffers()):
        return bytes(thing)
    if isinstance(thing, weakref.ref):
        return id(thing())
    if isinstance(thing, _VIEWS):
        return None
    if isinstance(thing, _FUNCTIONS) and not isinstance(thing, types.FunctionType):
        return [*map(id, get_referents(thing))]
    if isinstance(thing, _COLLECTIONS):
        items = [(mark(name), mark(one)) for name, one in items_of(thing)]
        own = attributes(thing)
        return (items, {name: mark(one) for name, one in own}) if own else items
    chosen = read_by(thing, names)
    return {name: mark(one) for name, one in attributes(thing) if chosen is None or name in chosen}


def narrowed(thing: Any, state: Any, names: Container[str] | None) -> Any:
    """Return what of a whole state counts."""
    chosen = read_by(thing, names) if isinstance(state, dict) else None
    if chosen is None:
        return state
    return {name: one for name, one in state.items() if name in chosen}


def joined(before: Any, now: Any) -> Any:
    """Return an earlier state, with what counts since then as it is now."""
    if not isinstance(before, dict):
        return before
    return {**now, **{name: one for name, one in before.items() if name in now}}


def mark(value: Any) -> Any:
    """Return what tells a value from others: what a plain one is, which object another is."""
    return (type(value), plain_key(value)) if isinstance(value, PLAIN) else id(value)


def plain_key(value: Any) -> Any:
    """Return what tells a plain value from others: -0.0 from 0.0, and nan is nan."""
    if isinstance(value, float) and (value == 0 or value != value):
        return repr(value)
    if isinstance(value, complex):
        return repr(value)
    return value


def kept_of(thing: Any) -> Any:
    """Return the objects that `state_of` names by their ids."""
    if isinstance(thing, np.ndarray):
        return None
    if isinstance(thing, AnyModule):
        own = vars(thing).values()
        return [list(one.values()) if isinstance(one, dict) else one for one in own]
    if isinstance(thing, weakref.ref):
        return thing()
    return items_of(thing), attributes(thing)
