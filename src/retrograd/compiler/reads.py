"""Reads: what the code of a traced function reads from outside itself."""

from __future__ import annotations

import sys
import types
from typing import Any

import numpy as np

from .._core.any_module import AnyModule
from .._core.checking import contents, missing
from .._core.value import Value
from .bytecode import instructions_of
from .settings import has_settings

PLAIN = (bool, int, float, complex, str, bytes, type(None))


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
        # (id, name, how it is read) -> (class or module, name, value)
        self.attributes: dict[Any, Any] = {}
        self.defaults: list[Any] = []  # of functions
        self.codes: set[Any] = set()
        self.names: set[str] = set()  # of attributes that the code reads

    def function(self, function: Any) -> None:
        """Note the closure of a function, and of the functions in it."""
        function = getattr(function, "__wrapped__", function)
        owner = getattr(function, "__self__", None)
        if owner is not None:
            self.thing(owner)
        plain = getattr(function, "__func__", function)
        if isinstance(plain, types.FunctionType):
            for name in ("__code__", "__defaults__", "__kwdefaults__"):
                self.attributes[(id(plain), name)] = (plain, name, getattr(plain, name))
        for default in (
            *(getattr(function, "__defaults__", None) or ()),
            *(getattr(function, "__kwdefaults__", None) or {}).values(),
        ):
            self.thing(default)
            self.defaults.append(default)
        for cell in getattr(function, "__closure__", None) or ():
            if id(cell) in self.cells:
                continue
            held = contents(cell)
            self.cells[id(cell)] = (cell, held)
            if held is not missing:
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
        for name in code.co_varnames[: code.co_argcount]:
            self.owner(frame.f_locals.get(name), code.co_names, 4)
        if "super" in code.co_names and code.co_argcount:
            self.inherited(frame.f_locals, code)
        if code in self.codes:
            return
        self.codes.add(code)
        space = frame.f_globals
        last: Any = None  # the module or class that the instruction before loaded
        for instruction in instructions_of(code):
            name = instruction.argval
            owner, last = last, None
            if instruction.opname in ("LOAD_GLOBAL", "LOAD_NAME"):
                value = space.get(name, missing)
                self.globals[(id(space), name)] = (space, name, value)
                if value is not missing:
                    self.thing(value)
                    last = value if isinstance(value, (type, types.ModuleType)) else None
            elif instruction.opname in ("LOAD_ATTR", "LOAD_METHOD", "LOAD_SUPER_ATTR"):
                self.names.add(name)
                if owner is not None and not settled(owner):
                    value = self.attribute(owner, name)
                    last = value if isinstance(value, (type, types.ModuleType)) else None
            elif instruction.opname == "IMPORT_NAME":
                self.owner(sys.modules.get(name), code.co_names, 4)
        # A closure's class or module.
        for name in code.co_freevars:
            value = frame.f_locals.get(name)
            self.owner(value, code.co_names, 4)

    def owner(self, owner: Any, names: Any, depth: int) -> None:
        """Note attributes of a module or class, and of modules and classes in it."""
        if depth and isinstance(owner, (type, types.ModuleType)) and not settled(owner):
            for name in names:
                value = self.attribute(owner, name)
                if value is not missing:
                    self.owner(value, names, depth - 1)

    def attribute(self, owner: Any, name: str) -> Any:
        """Note an attribute of a class or module, and return it."""
        value = held(owner, name)
        if value is missing:
            return value
        self.thing(value)
        if held(owner, name) is value:
            self.attributes[(id(owner), name)] = (owner, name, value)
        elif isinstance(owner, type):  # a method of the class is bound anew each time
            self.static(owner, name)
        return value

    def static(self, kind: Any, name: str) -> None:
        """Note what a class holds by a name, itself or by a class that it stems from."""
        for one in kind.__mro__:
            if name in vars(one):
                if not settled(one):
                    self.attributes[(id(one), name)] = (Statics(one), name, vars(one)[name])
                return

    def inherited(self, variables: Any, code: Any) -> None:
        """Note what ``super()`` finds in a method: in the classes behind the method's own."""
        first = variables.get(code.co_varnames[0])
        line = (first if isinstance(first, type) else type(first)).__mro__
        own = variables.get("__class__")  # unknown in ``super(Own, self)``
        behind = line[line.index(own) + 1 :] if own in line else line
        for name in code.co_names:
            for one in behind:
                if settled(one):
                    break
                value = vars(one).get(name, missing)
                self.attributes[(id(one), name, "super")] = (Statics(one), name, value)
                if value is not missing:
                    break

    def classes(self) -> None:
        """Note what classes of the program give to the objects that it reads."""
        found: dict[int, Any] = {}
        for thing in list(self.things.values()):
            gather(thing, found, DEPTH)
        for kind in {type(thing) for thing in found.values()}:
            for one in kind.__mro__:
                if settled(one):
                    continue
                for name in self.names:
                    if name not in vars(one):
                        continue
                    value = getattr(kind, name, missing)
                    if getattr(kind, name, missing) is value:
                        self.attributes[(id(kind), name)] = (kind, name, value)
                    else:
                        self.static(one, name)

    def tensors(self) -> list[Any]:
        """Return the tensors that user code can reach through the objects it reads."""
        found: dict[int, Any] = {}
        for thing in list(self.things.values()):
            gather(thing, found, DEPTH)
        values: list[Any] = []
        for thing in found.values():
            if isinstance(thing, AnyModule):
                values += [*thing._parameters.values(), *thing._buffers.values()]
            elif isinstance(thing, (list, tuple)):
                values += thing
            elif not isinstance(thing, np.ndarray):
                values += (thing if isinstance(thing, dict) else vars(thing)).values()
                for kind in type(thing).__mro__:
                    if not settled(kind):
                        values += vars(kind).values()
        values += [value for _, _, value in self.globals.values()]
        values += [held for _, held in self.cells.values()]
        values += self.defaults
        values += [value for _, _, value in self.attributes.values()]
        return [value for value in values if isinstance(value, Value)]


DEPTH = 6  # how far objects are followed: an attribute of an attribute of ...


class Statics:
    """What a class holds, as attributes that are not bound."""

    def __init__(self, kind: Any) -> None:
        self.kind = kind

    def __getattr__(self, name: str) -> Any:
        return vars(self.kind).get(name, missing)


def held(owner: Any, name: str) -> Any:
    """Return an attribute of a class or module; a module's own ``__getattr__`` is not asked."""
    if isinstance(owner, types.ModuleType):
        return vars(owner).get(name, missing)
    return getattr(owner, name, missing)


def settled(owner: Any) -> bool:
    """Say whether a module or class is the library's, Python's or NumPy's, and stays as it is."""
    name = owner.__name__ if isinstance(owner, types.ModuleType) else owner.__module__
    first = str(name).partition(".")[0]
    return first in ("retrograd", "numpy", "scipy", "builtins") or first in sys.stdlib_module_names


def gather(thing: Any, found: dict[int, Any], depth: int) -> None:
    """Collect the objects behind `thing` whose state a program may read."""
    if isinstance(thing, np.ndarray):
        if type(thing) is np.ndarray:
            found[id(thing)] = thing
        return
    if depth == 0 or isinstance(thing, (*PLAIN, np.generic, Value, type, types.ModuleType)):
        return
    if id(thing) in found:
        return
    if isinstance(thing, AnyModule):
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
        if has_settings(thing):
            found[id(thing)] = thing
    elif hasattr(thing, "__dict__"):
        found[id(thing)] = thing
        for one in vars(thing).values():
            gather(one, found, depth - 1)


def plain_key(value: Any) -> Any:
    """Return what tells a plain value from others: -0.0 from 0.0, and nan is nan."""
    if isinstance(value, float) and (value == 0 or value != value):
        return repr(value)
    if isinstance(value, complex):
        return repr(value)
    return value
