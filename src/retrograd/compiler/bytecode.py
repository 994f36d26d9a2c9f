"""Bytecode: what an instruction loaded, read again from the variables where that is harmless."""

from __future__ import annotations

import dis
import inspect
import opcode
import sys
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


class Instruction:
    """As `dis.Instruction`, as far as it is used here: listing those takes ten times as long."""

    __slots__ = ("arg", "argrepr", "argval", "offset", "opcode", "opname")

    def __init__(
        self, opname: str, opcode: int, arg: Any, argval: Any, argrepr: str, offset: int
    ) -> None:
        self.opname = opname
        self.opcode = opcode
        self.arg = arg
        self.argval = argval
        self.argrepr = argrepr  # of operators, and of what pushes a NULL
        self.offset = offset


PAIRS = ("LOAD_FAST", "STORE_FAST")  # what Python 3.13 joins in one instruction
_READ = sys.version_info < (3, 14)  # versions whose bytes are read here
_CACHES = sys.version_info >= (3, 11)  # between instructions
_NAMED, _CONSTANT, _JUMPS = set(dis.hasname), set(dis.hasconst), {*dis.hasjrel, *dis.hasjabs}
_ABSOLUTE = set(dis.hasjabs)
_LOCAL, _FREE = set(dis.haslocal), set(dis.hasfree)
# By how many bits the number of a name is shifted, to make room for what else there is to say.
_SHIFTS = {"LOAD_GLOBAL": 1} if _CACHES else {}
if sys.version_info >= (3, 12):
    _SHIFTS.update(LOAD_ATTR=1, LOAD_SUPER_ATTR=2)
_WITH_ARGUMENT = set(getattr(dis, "hasarg", range(dis.HAVE_ARGUMENT, 256)))
_OPERATORS = [symbol for _, symbol in getattr(opcode, "_nb_ops", ())]


def listed(code: Any) -> list[Any]:
    """Return the instructions of a code object."""
    if not _READ:
        return [one for joined in dis.get_instructions(code) for one in parts_of(joined)]
    raw = code.co_code
    local, free = variables_of(code)
    found: list[Any] = []
    extended = 0
    for offset in range(0, len(raw), 2):
        kind = raw[offset]
        if _CACHES and not kind:
            continue
        name = dis.opname[kind]
        arg = value = raw[offset + 1] | extended
        extended = arg << 8 if kind == dis.EXTENDED_ARG else 0
        text = ""
        if kind not in _WITH_ARGUMENT:
            arg = value = None
        elif kind in _NAMED:
            value = code.co_names[arg >> _SHIFTS.get(name, 0)]
            if name == "LOAD_GLOBAL" and _CACHES and arg & 1:
                text = "NULL"
        elif kind in _LOCAL:
            if name.count("_FAST") == 2:
                found += pair(name, local[arg >> 4], local[arg & 15], offset)
                continue
            value = local[arg]
        elif kind in _CONSTANT:
            value = code.co_consts[arg]
        elif kind in _FREE:
            value = free[arg]
        elif kind in _JUMPS:
            value = target_of(raw, kind, name, arg, offset)
        elif name == "BINARY_OP":
            text = _OPERATORS[arg]
        found.append(Instruction(name, kind, arg, value, text, offset))
    return found


def variables_of(code: Any) -> tuple[Any, Any]:
    """Return the names of local variables, and those of cells, as instructions count them."""
    if not _CACHES:
        return code.co_varnames, (*code.co_cellvars, *code.co_freevars)
    own = [name for name in code.co_cellvars if name not in code.co_varnames]
    names = (*code.co_varnames, *own, *code.co_freevars)
    return names, names


def target_of(raw: bytes, kind: int, name: str, arg: int, offset: int) -> int:
    """Return where an instruction jumps to."""
    if kind in _ABSOLUTE:
        return 2 * arg
    after = offset + 2
    while _CACHES and after < len(raw) and not raw[after]:
        after += 2
    return after - 2 * arg if "BACKWARD" in name else after + 2 * arg


def pair(name: str, first: str, second: str, offset: int) -> list[Any]:
    """Return the two instructions that one stands for."""
    found = []
    for variable in (first, second):
        kind = next(kind for kind in PAIRS if name.startswith(kind))
        name = name[len(kind) :].removeprefix("_BORROW").removeprefix("_")
        found.append(Instruction(kind, dis.opmap[kind], 0, variable, "", offset))
    return found


def parts_of(one: Any) -> list[Any]:
    """Return an instruction of `dis` as a list: `LOAD_FAST_LOAD_FAST` as two."""
    name = one.opname
    if not name.startswith(PAIRS) or type(one.argval) is not tuple:
        return [one]
    return pair(name, *one.argval, one.offset)


spans: dict[int, tuple[Any, list[tuple[int, int]]]] = {}  # by id of the code, kept as well
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
