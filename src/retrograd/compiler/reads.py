"""Reads: what the code of a traced function reads from outside itself."""

from __future__ import annotations

import gc
import sys
import types
from operator import attrgetter
from typing import Any

from .._core.any_module import AnyModule
from .._core.checking import contents, missing
from .._core.value import Value
from .bytecode import NEUTRAL, instructions_of, once
from .outside import NEAR, PLAIN, attributes, gather, items_of, settled

# Whoever uses these may read attributes whose names the code does not have.
_ASKING = {
    "vars", "dir", "attrgetter", "__dict__", "asdict", "astuple", "eval", "exec", "format",
    "format_map", "__getattribute__", "__getstate__", "getmembers", "getattr_static",
}  # fmt: skip
_LOOKUPS = ("getattr", "hasattr")
_PLAINLY = {
    "LOAD_FAST", "LOAD_FAST_BORROW", "LOAD_FAST_CHECK", "LOAD_DEREF", "LOAD_ATTR", "LOAD_CONST",
    "LOAD_GLOBAL", "LOAD_NAME", *NEUTRAL,
}  # fmt: skip
# What `apply` of an `autograd.Function` calls.
_OF_FUNCTIONS = ("forward", "setup_context", "backward")
_NO_CLOSURES = ((), ("__class__",))
ABOUT_FUNCTIONS = ("__code__", "__defaults__", "__kwdefaults__")


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
    selves : list
        Objects that were met as ``self`` in the call that is recorded.
    kinds : set
        Classes of objects that were made in calls.
    """

    def __init__(self) -> None:
        self.globals: dict[Any, Any] = {}
        self.cells: dict[int, Any] = {}
        self.things: dict[int, Any] = {}
        self.selves: list[Any] = []
        self.kinds: set[Any] = set()
        # (id, name, how it is read) -> (class or module, name, value)
        self.attributes: dict[Any, Any] = {}
        self.defaults: list[Any] = []  # of functions
        self.codes: set[Any] = set()
        self.inner: set[Any] = set()  # codes of the functions that `codes` make
        self.methods: dict[Any, bool] = {}  # (class, code) -> whether that is a method of it
        self.functions: dict[Any, list[Any]] = {}  # those with a closure, by their code
        self.names: set[str] = set()  # of attributes that the code reads
        self.every = False  # whether it may read others, too

    def function(self, function: Any) -> None:
        """Note the closure of a function, and of the functions in it."""
        inner = wrapped(function)
        if inner is not function:  # a decorator's, which has a closure of its own
            self.function(inner)
        if isinstance(function, types.MethodType):
            self.thing(function.__self__)
            function = function.__func__
        if not isinstance(function, types.FunctionType):
            return
        if (id(function), "__code__") in self.attributes:
            return
        for name in ABOUT_FUNCTIONS:
            self.attributes[(id(function), name)] = (function, name, getattr(function, name))
        for default in (*(function.__defaults__ or ()), *(function.__kwdefaults__ or {}).values()):
            self.thing(default)
            self.defaults.append(default)
        if function.__closure__:
            self.functions.setdefault(function.__code__, []).append(function)
        for cell in function.__closure__ or ():
            if id(cell) in self.cells:
                continue
            held = contents(cell)
            self.cells[id(cell)] = (cell, held)
            if held is not missing:
                self.thing(held)

    def thing(self, thing: Any) -> None:
        """Note an object that user code can reach."""
        if isinstance(thing, types.FunctionType) or wrapped(thing) is not thing:
            if id(thing) not in self.things:
                self.things[id(thing)] = thing
                self.function(thing)
        elif not isinstance(thing, (*PLAIN, Value, type, types.ModuleType)):
            self.every = self.every or isinstance(thing, attrgetter)
            self.things.setdefault(id(thing), thing)

    def frame(self, frame: Any) -> None:
        """Note the globals that the code of a frame names, and its first argument."""
        code = frame.f_code
        if code.co_argcount and code.co_varnames:
            first = frame.f_locals.get(code.co_varnames[0])
            is_method = first is not None and self.method(type(first), code)
            if is_method or (first is not None and code.co_varnames[0] == "self"):
                if id(first) not in self.things and not isinstance(first, AnyModule):
                    self.selves.append(first)
                self.thing(first)
        names, every = once(asked, code, asked_by)
        for name in code.co_varnames[: code.co_argcount]:
            self.owner(frame.f_locals.get(name), names, 4, every)
        if "super" in code.co_names and code.co_argcount:
            self.inherited(frame.f_locals, code)
        if code.co_freevars not in _NO_CLOSURES and code not in self.inner:
            self.closure(frame.f_locals, code)
        if code in self.codes:
            return
        self.codes.add(code)
        self.inner.update([one for one in code.co_consts if isinstance(one, types.CodeType)])
        self.names.update(names[len(code.co_names) :])
        self.every = self.every or every
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
                    if len(names) > len(code.co_names) or every:
                        self.owner(value, names, 4, every)
            elif instruction.opname in ("LOAD_ATTR", "LOAD_METHOD", "LOAD_SUPER_ATTR"):
                self.names.add(name)
                if owner is not None and not settled(owner):
                    value = self.attribute(owner, name)
                    last = value if isinstance(value, (type, types.ModuleType)) else None
            elif instruction.opname == "IMPORT_NAME":
                self.owner(sys.modules.get(name), names, 4, every)
        # A closure's class or module.
        for name in code.co_freevars:
            value = frame.f_locals.get(name)
            self.owner(value, names, 4, every)

    def method(self, kind: Any, code: Any) -> bool:
        """Say whether code is a method of a class of the program's, and note by which name.

        No code may have that name: the library calls `forward`, an operator ``__add__``.
        """
        if (kind, code) not in self.methods:
            names = [
                name
                for one in kind.__mro__ if not settled(one)
                for name, value in vars(one).items()
                if code_of(value) is code
            ]  # fmt: skip
            for name in names:
                self.attribute(kind, name)
            self.methods[kind, code] = bool(names)
        return self.methods[kind, code]

    def closure(self, variables: Any, code: Any) -> None:
        """Note the function that runs code, where nothing that is named led to it.

        A method of a class that was made in a function is called by the library, or by a special
        method's name.
        """

        def runs(function: Any) -> bool:
            pairs = zip(code.co_freevars, function.__closure__)
            return all(contents(cell) is variables.get(name, missing) for name, cell in pairs)

        if any(map(runs, self.functions.get(code, ()))):
            return
        for one in gc.get_referrers(code):
            if isinstance(one, types.FunctionType) and one.__code__ is code and runs(one):
                self.function(one)

    def owner(self, owner: Any, names: Any, depth: int, every: bool = False) -> None:
        """Note attributes of a module or class, and of modules and classes in it."""
        if depth and isinstance(owner, (type, types.ModuleType)) and not settled(owner):
            for name in (*names, *(plain_names(owner) if every else ())):
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

    def counting(self) -> Any:
        """Return the names of the attributes that count, None for all."""
        return None if self.every else self.names

    def classes(self) -> dict[int, Any]:
        """Note what classes of the program give to the objects that it reads; return these."""
        kinds = set(self.kinds)
        found = gather(list(self.things.values()), self.counting(), kinds)
        for thing in found.values():
            if isinstance(thing, types.FunctionType):
                self.function(thing)
        for kind in {type(thing) for thing in found.values()} | kinds:
            for one in kind.__mro__:
                if settled(one):
                    continue
                for name in plain_names(one) if self.every else self.names:
                    if name not in vars(one):
                        continue
                    value = getattr(kind, name, missing)
                    if getattr(kind, name, missing) is value:
                        self.attributes[(id(kind), name)] = (kind, name, value)
                    else:
                        self.static(one, name)
        return found

    def forget_made(self, newborn: Any) -> None:
        """Let objects that the call made count no more, but for what is behind them.

        Each call makes its own, and a caller may change those that are results.

        Parameters
        ----------
        newborn : callable
            Returns the ids of the objects made during the call.
        """
        selves, self.selves = self.selves, []
        new = newborn() if selves else ()
        made = [one for one in selves if id(one) in new]
        if not made:
            return
        for one in made:
            self.things.pop(id(one), None)
        known = gather(list(self.things.values()), self.counting())
        for number, one in gather(made, self.counting(), self.kinds).items():
            if number in new:
                self.kinds.add(type(one))
            elif number not in known:
                self.things[number] = one

    def tensors(self, found: dict[int, Any] | None = None) -> list[Any]:
        """Return the tensors that user code can reach through the objects it reads."""
        if found is None:
            found = gather(list(self.things.values()), deepest=NEAR)
        values: list[Any] = []
        for thing in found.values():
            if isinstance(thing, AnyModule):
                values += [*thing._parameters.values(), *thing._buffers.values()]
                continue
            values += [one for _, one in (*items_of(thing), *attributes(thing))]
            if hasattr(thing, "__dict__"):
                for kind in type(thing).__mro__:
                    if not settled(kind):
                        values += vars(kind).values()
        values += [value for _, _, value in self.globals.values()]
        values += [held for _, held in self.cells.values()]
        values += self.defaults
        values += [value for _, _, value in self.attributes.values()]
        return [value for value in values if isinstance(value, Value)]


def code_of(value: Any) -> Any:
    """Return the code of a function that a class holds, None for what is none."""
    if isinstance(value, (staticmethod, classmethod)):
        value = value.__func__
    return value.__code__ if isinstance(value, types.FunctionType) else None


def plain_names(owner: Any) -> list[str]:
    """Return the names of what a class or module holds, but for Python's own."""
    return [name for name in vars(owner) if name[:2] != "__"]


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


def wrapped(function: Any) -> Any:
    """Return what a function stands for, itself for others; no ``__getattr__`` is asked."""
    try:
        own = object.__getattribute__(function, "__dict__")
    except AttributeError:
        return function
    return own.get("__wrapped__", function) if type(own) is dict else function


asked: dict[int, tuple[Any, Any]] = {}  # by id of the code


def asked_by(code: Any) -> tuple[tuple[str, ...], bool]:
    """Return the names that code has, with those it asks `getattr` for, and whether it may ask
    for others.
    """
    names = code.co_names
    if "apply" in names:
        names = (*names, *_OF_FUNCTIONS)
    every = not _ASKING.isdisjoint(names)
    if not every and "getattr" not in names and "hasattr" not in names:
        return names, any(one.opname == "MATCH_CLASS" for one in instructions_of(code))
    found = list(names)
    listed = instructions_of(code)
    for place, one in enumerate(listed):
        if one.opname in ("LOAD_GLOBAL", "LOAD_NAME") and one.argval in _LOOKUPS:
            name = literal(listed, place + 1)
            if name is None:
                every = True
            else:
                found.append(name)
    return tuple(found), every or any(one.opname == "MATCH_CLASS" for one in listed)


def literal(code: list[Any], place: int) -> str | None:
    """Return the name that a call of `getattr` has in its code, None where it is computed."""
    given: list[Any] = []
    while place < len(code) and code[place].opname in _PLAINLY:
        one = code[place]
        if one.opname == "LOAD_ATTR":
            given[-1:] = [None]
        elif one.opname not in NEUTRAL:
            given.append(one.argval if one.opname == "LOAD_CONST" else None)
        place += 1
    if place == len(code) or not code[place].opname.startswith("CALL"):
        return None
    if code[place].arg != len(given) or not 2 <= len(given) <= 3:
        return None
    return given[1] if isinstance(given[1], str) else None
