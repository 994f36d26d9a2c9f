"""Guards: what has to be as it was when a trace was written, for the trace to be replayed."""

from __future__ import annotations

import dis
import types
from typing import Any

from .._core.modes import switches, thread_modes
from .._core.promotion import defaults
from .._core.value import Value
from ..nn.module import Module
from .trace import Captured, CapturedGrad

PLAIN = (bool, int, float, complex, str, bytes, type(None))


def flatten(args: Any, settings: Any) -> tuple[Any, list[Any]]:
    """Return a key of what the arguments are, and the tensors among them."""
    tensors: list[Any] = []
    key: list[Any] = [modes_now(), defaults.floating]
    for one in args:
        key.append(part(one, tensors))
    for name, one in settings.items():
        key.append((name, part(one, tensors)))
    if len(tensors) > 1:
        key.append(aliases(tensors))
    return tuple(key), tensors


def modes_now() -> Any:
    """Return the thread's modes, None where each has its default."""
    if switches.special == 0:
        return None
    modes = thread_modes()
    if modes.is_default():
        return None
    return (modes.grad, modes.inference, modes.anomaly, modes.pack is None)


def part(given: Any, tensors: list[Any]) -> Any:
    """Return the part of the key that one argument is."""
    if isinstance(given, Value):
        tensors.append(given)
        array = given.array
        return (
            type(given), array.shape, array.strides, array.dtype, given.requires,
            given.node is None, given.base is None, given.inference,
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


def description(value: Any) -> Any:
    array = value.array
    return array.shape, array.strides, array.dtype, value.requires, value.node is None


class Reads:
    """What user code reads from outside itself, gathered while it is traced.

    Attributes
    ----------
    globals : dict
        (id of the namespace, name) -> (namespace, name, value).
    cells : dict
        id of a closure's cell -> (cell, contents).
    things : dict
        id -> object whose attributes may be read.
    """

    def __init__(self) -> None:
        self.globals: dict[Any, Any] = {}
        self.cells: dict[int, Any] = {}
        self.things: dict[int, Any] = {}
        self.codes: set[Any] = set()
        self.function(None)

    def function(self, function: Any) -> None:
        """Note the closure of a function, and of the functions in it."""
        function = getattr(function, "__wrapped__", function)
        owner = getattr(function, "__self__", None)
        if owner is not None:
            self.thing(owner)
        for cell in getattr(function, "__closure__", None) or ():
            if id(cell) in self.cells:
                continue
            try:
                held = cell.cell_contents
            except ValueError:
                continue
            self.cells[id(cell)] = (cell, held)
            self.thing(held)

    def thing(self, thing: Any) -> None:
        """Note an object that user code can reach."""
        if isinstance(thing, types.FunctionType) or hasattr(thing, "__wrapped__"):
            if id(thing) not in self.things:
                self.things[id(thing)] = thing
                self.function(thing)
        elif not isinstance(thing, (*PLAIN, Value, type, types.ModuleType)):
            self.things.setdefault(id(thing), thing)

    def frame(self, frame: Any) -> None:
        """Note the globals that the code of a frame names, and its first argument."""
        code = frame.f_code
        if code.co_argcount and code.co_varnames:
            first = frame.f_locals.get(code.co_varnames[0])
            if first is not None and code.co_varnames[0] == "self":
                self.thing(first)
        if code in self.codes:
            return
        self.codes.add(code)
        space = frame.f_globals
        for instruction in dis.get_instructions(code):
            if instruction.opname in ("LOAD_GLOBAL", "LOAD_NAME"):
                name = instruction.argval
                if name in space:
                    value = space[name]
                    self.globals[(id(space), name)] = (space, name, value)
                    self.thing(value)


    def tensors(self) -> list[Any]:
        """Return the tensors that user code can reach through the objects it reads."""
        found: dict[int, Any] = {}
        for thing in list(self.things.values()):
            gather(thing, found, 3)
        values: list[Any] = []
        for thing in found.values():
            if isinstance(thing, Module):
                values += [*thing._parameters.values(), *thing._buffers.values()]
            elif isinstance(thing, (list, tuple)):
                values += thing
            else:
                values += (thing if isinstance(thing, dict) else vars(thing)).values()
        values += [value for _, _, value in self.globals.values()]
        values += [held for _, held in self.cells.values()]
        return [value for value in values if isinstance(value, Value)]


MISSING = object()


class Guards:
    """The guards of one tree beside its key.

    Parameters
    ----------
    reads : Reads
    """

    def __init__(self) -> None:
        self.reads = Reads()
        self.captured: dict[int, tuple[Any, Any]] = {}
        self.cells: dict[int, tuple[Any, Any]] = {}
        self.states: list[tuple[Any, Any]] = []
        self.checks: Any = None

    def hold(self, tensors: list[Any]) -> bool:
        """Say whether everything is as it was."""
        for value, about in self.captured.values():
            if description(value) != about:
                return False
        for cell, about in self.cells.values():
            grad = cell.grad
            if (None if grad is None else description(grad)) != about:
                return False
        for space, name, value in self.reads.globals.values():
            now = space.get(name, MISSING)
            if now is not value and not (type(now) is type(value) in PLAIN and now == value):
                return False
        for cell, held in self.reads.cells.values():
            now = cell.cell_contents
            if now is not held and not (type(now) is type(held) in PLAIN and now == held):
                return False
        for thing, state in self.states:
            if state_of(thing) != state:
                return False
        return True

    def start(self, function: Any, args: Any, settings: Any) -> None:
        """Note what is known before the function runs."""
        self.reads.function(function)
        self.reads.thing(function)
        for one in (*args, *settings.values()):
            self.reads.thing(one)
        self.freeze()

    def freeze(self) -> None:
        """Note the state of every object that user code can reach."""
        found: dict[int, Any] = {}
        for thing in self.reads.things.values():
            gather(thing, found, 3)
        have = {id(thing) for thing, _ in self.states}
        self.states += [(thing, state_of(thing)) for thing in found.values() if id(thing) not in have]

    def add(self, writer: Any) -> None:
        """Guard what the new segments took from outside."""
        self.freeze()
        for segment in writer.new_segments:
            for slot in segment.slots:
                source = slot.source
                if isinstance(source, Captured):
                    self.captured[id(source.value)] = (source.value, description(source.value))
                elif isinstance(source, CapturedGrad):
                    grad = source.cell.grad
                    about = None if slot.dtype is type(None) else description(grad)
                    self.cells[id(source.cell)] = (source.cell, about)


def gather(thing: Any, found: dict[int, Any], depth: int) -> None:
    """Collect the objects behind `thing` whose state a program may read."""
    if depth == 0 or isinstance(thing, (*PLAIN, Value, type, types.ModuleType)) or callable(
        getattr(type(thing), "__array__", None)
    ):
        return
    if id(thing) in found:
        return
    if isinstance(thing, Module):
        for module in thing.modules():
            found[id(module)] = module
        return
    if isinstance(thing, (list, tuple)):
        if len(thing) > 1000:
            return
        found[id(thing)] = thing
        for one in thing:
            gather(one, found, depth - 1)
    elif isinstance(thing, dict):
        found[id(thing)] = thing
        for one in thing.values():
            gather(one, found, depth - 1)
    elif isinstance(thing, types.FunctionType):
        return
    elif type(thing).__module__.startswith("retrograd."):
        return  # an optimizer's settings are read at each step
    elif hasattr(thing, "__dict__"):
        found[id(thing)] = thing
        for one in vars(thing).values():
            gather(one, found, depth - 1)


def state_of(thing: Any) -> Any:
    """Return what of an object's state a program may depend on, for comparison."""
    if isinstance(thing, Module):
        own = vars(thing)
        return [
            (name, value if isinstance(value, PLAIN) else tuple(map(id, value.values()))
             if type(value) is dict else id(value))
            for name, value in own.items()
        ]  # fmt: skip
    if isinstance(thing, (list, tuple)):
        return [one if isinstance(one, PLAIN) else id(one) for one in thing]
    items = thing if isinstance(thing, dict) else vars(thing)
    return [(name, one if isinstance(one, PLAIN) else id(one)) for name, one in items.items()]
