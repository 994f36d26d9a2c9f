"""Bytecode: what an instruction loaded, read again from the variables where that is harmless."""

from __future__ import annotations

import dis
import inspect
import types
from collections.abc import Callable
from typing import Any

from .._core.any_module import AnyModule
from .._core.value import Value


def attribute(owner: Any, name: str) -> Any:
    """Return an attribute where looking it up runs no code of the program's."""
    own = getattr(owner, "__dict__", None)
    if name == "__dict__" or not isinstance(own, dict):
        return unknown
    if name in own:
        return own[name]
    found = inspect.getattr_static(type(owner), name, unknown)
    return unknown if hasattr(type(found), "__get__") else found


PAIRS = ("LOAD_FAST", "STORE_FAST")  # what Python 3.13 joins in one instruction
MOST_CODES = 1000

kept: dict[int, tuple[Any, list[Any]]] = {}  # by id of the code: a code's hash is not kept


def instructions_of(code: Any) -> list[Any]:
    """Return the instructions of a code object, those that do two things as two; kept."""
    return once(kept, code, listed)


def once(table: dict[int, tuple[Any, Any]], code: Any, make: Callable[[Any], Any]) -> Any:
    """Return what is made of a code object, kept in a table."""
    found = table.get(id(code))
    if found is None:
        if len(table) > MOST_CODES:
            table.clear()
        found = table[id(code)] = (code, make(code))
    return found[1]


def listed(code: Any) -> list[Any]:
    return [one for joined in dis.get_instructions(code) for one in parts_of(joined)]


def parts_of(one: Any) -> list[Any]:
    """Return an instruction as a list: `LOAD_FAST_LOAD_FAST` as two at the same offset."""
    name = one.opname
    if not name.startswith(PAIRS) or type(one.argval) is not tuple:
        return [one]
    found = []
    for variable in one.argval:
        kind = next(kind for kind in PAIRS if name.startswith(kind))
        name = name[len(kind) :].removeprefix("_BORROW").removeprefix("_")
        number = dis.opmap[kind]
        found.append(
            one._replace(opname=kind, opcode=number, argval=variable, argrepr=variable, arg=0)
        )
    return found


spans: dict[int, tuple[Any, list[tuple[int, int]]]] = {}  # by id of the code, kept as well
_ABSOLUTE = set(dis.hasjabs)
_BACKWARD = {number for name, number in dis.opmap.items() if "BACKWARD" in name}
_ABOUT = 16  # bytes: where a relative jump ends depends on caches, which differ by version


def is_in_loop(frame: Any) -> bool:
    """Say whether a frame runs an instruction that some jump backwards may come back to.

    The bytes are read, which takes a hundredth of listing the instructions.  It may say so for a
    few instructions beside a loop.
    """
    place = frame.f_lasti
    return any(first <= place <= last for first, last in loops_of(frame.f_code))


def loops_of(code: Any) -> list[tuple[int, int]]:
    """Return from where to where the loops of a code object go; kept."""
    found: list[tuple[int, int]] = once(spans, code, spans_of)
    return found


def spans_of(owner: Any) -> list[tuple[int, int]]:
    """Return from where to where the jumps backwards in a code object go, at least."""
    code = owner.co_code
    found = []
    extended = 0
    for place in range(0, len(code), 2):
        kind, argument = code[place], code[place + 1] | extended
        extended = argument << 8 if kind == dis.EXTENDED_ARG else 0
        if kind in _BACKWARD:
            found.append((place - 2 * argument - _ABOUT, place))
        elif kind in _ABSOLUTE and 2 * argument <= place:
            found.append((2 * argument, place))
    return found


class Unknown:
    """Type of the mark that says "this object cannot be told"."""


unknown = Unknown()
LOADS = ("LOAD_FAST", "LOAD_FAST_BORROW", "LOAD_FAST_CHECK", "LOAD_DEREF", "LOAD_CLASSDEREF")
NEUTRAL = ("CACHE", "EXTENDED_ARG", "NOP", "PRECALL", "RESUME")


def before(code: list[Any], place: int) -> int:
    while place >= 0 and code[place].opname in NEUTRAL:
        place -= 1
    return place


def skip_value(code: list[Any], place: int | None) -> int | None:
    """Return the place before the instructions that made one value, None where that is unclear."""
    if place is None:
        return None
    place = before(code, place)
    if place < 0:
        return None
    name = code[place].opname
    if name.startswith("LOAD_ATTR"):
        return skip_value(code, place - 1)
    if name.startswith("UNARY_"):
        return skip_value(code, place - 1)
    if name in ("BUILD_SLICE", "BUILD_TUPLE"):
        left: int | None = place - 1
        for _ in range(code[place].arg):
            left = skip_value(code, left)
        return left
    if name in ("BINARY_OP", "BINARY_SUBSCR", "COMPARE_OP", "BINARY_SLICE"):
        return skip_value(code, skip_value(code, place - 1))
    if name.startswith("LOAD_") and "METHOD" not in name:
        return place - 1
    return None


def read_value(frame: Any, code: list[Any], place: int) -> Any:
    """Return the value that an instruction loaded, where loading it again is harmless."""
    place = before(code, place)
    if place < 0:
        return unknown
    instruction = code[place]
    name = instruction.opname
    if name in LOADS:
        return frame.f_locals.get(instruction.argval, unknown)
    if name in ("LOAD_GLOBAL", "LOAD_NAME"):
        found = frame.f_globals.get(instruction.argval, unknown)
        return found
    if name == "LOAD_ATTR":
        owner = read_value(frame, code, place - 1)
        if owner is unknown or isinstance(owner, Value):
            return owner if owner is unknown else unknown
        if isinstance(owner, types.ModuleType):
            return getattr(owner, instruction.argval, unknown)
        if isinstance(owner, AnyModule) or type(owner).__getattribute__ is object.__getattribute__:
            return attribute(owner, instruction.argval)
    return unknown


def is_in_place(instruction: Any) -> bool:
    """Say whether an instruction is ``x += y`` or the like."""
    name = instruction.opname
    if name == "BINARY_OP":
        return str(instruction.argrepr).endswith("=")
    return bool(name.startswith("INPLACE_"))
