"""Effects: what a traced function does beside tensors, which a replay would leave out.

Note [Watching].  While a trace is written, Python reports every call (`sys.setprofile`), and in
frames whose code stores into attributes, items or globals every instruction.  What changes an
object that was there before the call, prints, reads a clock or a random number of Python's, or
lets the program see numbers of a tensor in a way that the recorder does not know of, ends the
trace: the function then runs eagerly, and one warning names the line.  A list made in the call may
be appended to as one likes.
"""

from __future__ import annotations

import contextlib
import functools
import gc
import io
import os
import sys
import types
from collections.abc import Iterator
from typing import Any

import numpy as np

from .._core.any_module import AnyModule
from .._core.site import describe_site
from .._core.value import Value
from .bytecode import (
    NEUTRAL,
    attribute,
    before,
    instructions_of,
    is_in_place,
    loops_of,
    read_value,
    skip_value,
    unknown,
)
from .contents import Contents, iterators_in
from .followed import (
    CHANGEABLE,
    CONTAINERS,
    PLAIN_TYPES,
    is_followed,
    is_in_mode,
    modes_now,
    module_of,
)
from .outside import state_of
from .readings import asks_types, holds_reading, plain_arguments, settle
from .settings import is_read_again

_PYTHON = (os.path.dirname(np.__file__), os.path.dirname(os.__file__))
_NUMPY = os.path.dirname(np.__file__)
_PACKAGE = __file__.replace("\\", "/").rsplit("/compiler/", 1)[0] + "/"

# Built-in functions, by module, that change nothing and depend on nothing but their arguments.
_PURE_MODULES = {
    "math", "cmath", "operator", "_operator", "itertools", "_functools", "_collections",
    "_abc", "_typing", "numpy", "numpy._core._multiarray_umath", "numpy._core.multiarray",
    "_struct", "_weakref", "_bisect", "_heapq", "_statistics",
}  # fmt: skip
_IMPURE_BUILTINS = {
    "print", "input", "open", "exec", "eval", "setattr", "delattr", "__import__",
    "breakpoint", "compile", "globals", "vars", "locals",
}  # fmt: skip
_HANDLED = ("exc_info", "exception")  # of sys: what an except clause handles
_MUTATORS = {
    "append", "extend", "insert", "pop", "remove", "clear", "sort", "reverse", "update",
    "setdefault", "popitem", "add", "discard", "appendleft", "extendleft", "popleft", "rotate",
    "__setitem__", "__delitem__", "__iadd__", "__ior__", "difference_update",
    "intersection_update", "symmetric_difference_update",
}  # fmt: skip
_COPIES = (*NEUTRAL, "COPY", "DUP_TOP", "DUP_TOP_TWO")

# Functions of the library that return numbers which no value of a tensor decides.
_ABOUT = {
    "size", "dim", "ndimension", "numel", "nelement", "stride", "storage_offset", "element_size",
    "is_contiguous", "is_floating_point", "is_complex", "is_tensor", "is_grad_enabled",
    "is_inference_mode_enabled", "__len__", "ndim", "is_leaf", "requires_grad", "is_signed",
    "__hash__", "get_device", "is_inference", "is_storage",
    "is_pinned", "is_shared", "is_conj", "is_neg", "output_nr", "retains_grad",
    "same_size", "is_same_size", "can_cast", "__exit__", "nbytes", "itemsize", "get_num_threads",
    "training", "__eq__", "__ne__", "__bool__", "__float__",
    "__int__", "__index__", "__complex__", "__getitem__", "__contains__", "item", "type", "equal",
    "allclose", "is_nonzero", "tolist",
}  # fmt: skip
_ARRAY_WRITERS = {"fill", "sort", "put", "partition", "resize", "setfield", "itemset", "byteswap"}
# Functions of the library that change its state.
_CHANGING = {
    "seed", "set_default_dtype", "train", "eval",
    "register_buffer", "register_parameter", "register_module", "add_module",
    "register_forward_hook", "register_forward_pre_hook", "register_full_backward_hook",
    "load_state_dict", "add_param_group", "set_printoptions", "save", "load",
    "set_default_device", "set_num_threads", "use_deterministic_algorithms", "share_memory_",
}  # fmt: skip
# Functions of the library that leave something on a tensor for later.
_HOOKING = {
    "register_hook", "register_post_accumulate_grad_hook", "register_prehook", "retain_grad",
    "register_multi_grad_hook", "register_forward_hook", "register_forward_pre_hook",
    "register_full_backward_hook", "register_full_backward_pre_hook", "register_buffer",
    "register_state_dict_pre_hook", "register_load_state_dict_pre_hook",
}  # fmt: skip
# Those that tensors made in the call may have: its own backwards call them.
_OWN_HOOKS = {"register_hook", "retain_grad", "register_post_accumulate_grad_hook"}
# Packages that the library itself calls.
_SERVANTS = ("/scipy/", "/numba/", "/threadpoolctl")
_STORES = {
    "STORE_ATTR", "STORE_SUBSCR", "STORE_GLOBAL", "STORE_DEREF", "STORE_SLICE", "DELETE_ATTR",
    "DELETE_SUBSCR", "DELETE_GLOBAL", "DELETE_DEREF",
}  # fmt: skip
# What loads the old value of what an in-place operator stores, and how many keys it takes.
_LOADS = {
    "STORE_ATTR": ("LOAD_ATTR", 0), "STORE_SUBSCR": ("BINARY_SUBSCR", 1),
    "STORE_SLICE": ("BINARY_SLICE", 2),
}  # fmt: skip
_TURNS = ("SWAP", "ROT_TWO", "ROT_THREE")  # instructions before what ``x[k] += y`` stores
_BEFORE_STORES = (*NEUTRAL, *_TURNS)


class Watch:
    """Watches one traced call for effects.

    Parameters
    ----------
    recorder : Recorder
        Whose trace ends where there is one.
    reads : Reads
        Notes what user code reads: its frames are handed on.
    """

    def __init__(self, recorder: Any, reads: Any) -> None:
        self.recorder = recorder
        self.reads = reads
        # Object, whether it is known to be from outside, site, what was done.
        self.changed: list[tuple[Any, bool, Any, str, Any]] = []
        # Objects: state before, where it may change, in what words; what they held stays alive.
        self.owners: dict[int, tuple[Any, Any, Any, str, Any, Any]] = {}
        # Tensors: whether they required grad before somebody switched it, where, in what words.
        self.switches: dict[int, tuple[Any, bool, Any, str]] = {}
        self.moves: list[tuple[Any, Any]] = []  # where `next` was called, and in which segment
        self.contents = Contents()
        self.modes = modes_now()
        self.pending: Any = None  # an item assignment, and how many writes there were before
        self.codes: dict[int, Any] = {}  # by id: a code, its stores, its moves of iterators
        self.importing: Any = None  # the import system's frame, while a module is loaded

    # -- calls ------------------------------------------------------------------------------------

    def profile(self, frame: Any, event: str, arg: Any) -> None:
        if event == "c_return" or event == "c_exception" or self.recorder.resting:
            return
        if self.recorder.put_off:
            return stop_watching()
        if kinds.get(frame.f_code.co_filename) is LIBRARY and self.importing is None:
            # Nearly all events are between functions of the library.
            back = frame.f_back
            if event == "c_call" or back is None:
                return
            if kinds.get(back.f_code.co_filename) is LIBRARY:
                return
        if self.recorder.failed and not self.recorder.has_readings:
            return
        if event == "call":
            self.recorder.enter(frame)
        elif event == "return":
            self.recorder.entered.pop(id(frame), None)
        if self.importing is not None:
            if event == "return" and frame is self.importing:
                self.importing = None
            return
        if event == "call" and frame.f_code.co_filename.startswith("<frozen importlib"):
            self.importing = frame
            return
        if event == "c_call":
            if not inside(frame):
                self.built_in(frame, arg)
        elif event == "call":
            if not inside(frame) and not importing(frame):
                name = frame.f_code.co_filename
                if self.recorder.has_readings and (is_pythons(name) or asks_types(frame)):
                    plain_arguments(frame)
                self.reads.frame(frame)
                self.contents.note(self.reads.things, site_of(frame), newborn_objects)
                self.iterators(frame)
                if not name.startswith((_NUMPY, "<frozen")):
                    _, stores, moves = self.told_of(frame.f_code)
                    if stores or moves:
                        self.trace_stores(frame)
            elif frame.f_back is not None and not inside(frame.f_back):
                self.library(frame)
        elif event == "return" and inside(frame):
            back = frame.f_back
            if back is not None and not inside(back):
                self.returned(frame, arg)

    def built_in(self, frame: Any, function: Any) -> None:
        """Judge a call of a function that is not Python's."""
        owner = getattr(function, "__self__", None)
        name = getattr(function, "__name__", "")
        if owner is None or isinstance(owner, types.ModuleType):
            module = getattr(function, "__module__", None) or ""
            if module == "builtins":
                if name == "next":
                    self.moves.append((site_of(programs(frame)), self.recorder.segment))
                elif name in _IMPURE_BUILTINS:
                    self.effect(frame, f"{name}() is called")
            elif name in _HOOKING or name in _CHANGING:
                self.effect(frame, f"{name}() is called")
            elif owner is sys and name in _HANDLED:
                return
            elif not (module in _PURE_MODULES or module.startswith(("retrograd", "numpy"))) or (
                module.startswith("numpy.random")
            ):
                self.effect(frame, f"{module}.{name}() is called")
            return
        if isinstance(owner, Value):
            self.method_of_tensor(frame, owner, name)
            return
        if isinstance(owner, type):
            if not module_of(owner).startswith(("builtins", "collections", "numpy", "retrograd")):
                self.effect(frame, f"{owner.__qualname__}.{name}() is called")
            return
        if isinstance(owner, PLAIN_TYPES):
            return
        if isinstance(owner, CONTAINERS) or type(owner).__module__ in ("collections",):
            if name in _MUTATORS:
                self.change(owner, site_of(frame), f"{name}() is called")
            return
        if module_of(type(owner)).startswith(("retrograd", "builtins")):
            if name in ("__next__", "send", "throw", "close"):
                self.change(owner, site_of(frame), f"{name}() is called")
            return
        kind = type(owner)
        if kind.__name__ == "_array_converter":
            return  # NumPy's own, of its functions
        if kind.__module__ == "numpy" and kind.__name__ in ("ndarray", "ufunc"):
            if name in _ARRAY_WRITERS:
                self.effect(frame, f"{name}() is called on an array")
            return
        self.effect(frame, f"{type(owner).__qualname__}.{name}() is called")

    def library(self, frame: Any) -> None:
        """Judge a call of one of the library's own functions by user code."""
        code = frame.f_code
        name = code.co_name
        owner = None
        if code.co_argcount and code.co_varnames[0] in ("self", "input", "tensor", "x"):
            owner = frame.f_locals.get(code.co_varnames[0])
        if isinstance(owner, Value):
            self.method_of_tensor(frame.f_back, owner, name)
        elif name in _CHANGING or name in _HOOKING:
            if name not in ("train", "eval") or not is_in_mode(frame):
                self.effect(frame.f_back, f"{name}() is called")
        elif owner is not None and not is_followed(owner):
            self.watch_state(owner, site_of(frame.f_back), "a {} changes")

    def watch_state(self, owner: Any, site: Any, what: str) -> None:
        """Note what an object is like now; if it is not like that in the end, it was changed."""
        if id(owner) not in self.owners:
            held = list(vars(owner).values()) if hasattr(owner, "__dict__") else None
            now = self.recorder.segment
            self.owners[id(owner)] = (owner, state_of(owner), site, what, now, held)

    def method_of_tensor(self, frame: Any, owner: Any, name: str) -> None:
        """Judge a call of a method of a tensor."""
        own = name in _OWN_HOOKS and id(owner) in self.recorder.newborn
        if name in _HOOKING and not own:
            self.effect(frame, f"{name}() is called")
        elif name in ("share_memory_", "set_", "resize_", "__setstate__"):
            self.effect(frame, f"{name}() is called on a tensor from outside the function")
        elif name == "requires_grad_":
            self.switch(frame, owner, f"{name}() is called on a tensor from outside the function")

    def switch(self, frame: Any, owner: Any, what: str) -> None:
        """Note that a tensor is told whether it requires grad, which may be as it was."""
        if id(owner) in self.recorder.newborn:
            return
        if id(owner) in self.switches:
            self.effect(frame, what)
        self.switches[id(owner)] = (owner, owner.requires, site_of(frame), what)

    def iterators(self, frame: Any) -> None:
        """End the trace where code can reach an iterator from outside: it may take from it."""
        code = frame.f_code
        named: dict[str, Any] = dict(frame.f_locals)
        for name in code.co_names:
            if name in frame.f_globals:
                named[name] = frame.f_globals[name]
        for value in list(named.values()):
            if isinstance(value, types.ModuleType):
                if value is np and "random" in code.co_names:
                    self.effect(frame, "np.random is used")
            elif hasattr(value, "__dict__") and not isinstance(value, (Value, type)):
                own = vars(value)
                named.update((k, own[k]) for k in code.co_names if k in own)
        for name, value in named.items():
            bound = isinstance(value, (types.MethodType, types.BuiltinMethodType))
            maker = value.__self__ if bound else value
            if module_of(type(maker)).startswith("numpy.random"):
                self.effect(frame, f"{name} draws random numbers of NumPy's")
                return
            if not hasattr(type(value), "__next__") or isinstance(value, io.IOBase):
                continue
            if not gc.is_tracked(value) and name.startswith("."):
                continue  # of a comprehension over a range
            if id(value) not in newborn_objects():
                self.effect(frame, f"{name} is an iterator from outside the function")
                return

    def returned(self, frame: Any, result: Any) -> None:
        """Judge what a function of the library hands to user code."""
        own = frame.f_code.co_filename.startswith(_PACKAGE + "compiler/")
        if isinstance(result, (bool, int, float, complex)) and not own:
            name = frame.f_code.co_name
            if name not in _ABOUT:
                self.effect(frame.f_back, f"{name}() returns a number that the trace cannot follow")

    # -- stores -----------------------------------------------------------------------------------

    def told_of(self, code: Any) -> Any:
        """Return a code object, its stores outside its own variables, its moves of iterators."""
        found = self.codes.get(id(code))
        if found is None:
            stores = {}
            for number, instruction in enumerate(instructions_of(code)):
                if instruction.opname in _STORES or is_in_place(instruction):
                    stores[instruction.offset] = (instruction.opname, number)
            moves: dict[int, int] = {}
            if loops_of(code):
                from .positions import code_of

                moves = code_of(code).ticking
            found = self.codes[id(code)] = (code, stores, moves)
        return found

    def trace_stores(self, frame: Any) -> None:
        frame.f_trace = self.instruction
        frame.f_trace_opcodes = True
        frame.f_trace_lines = False

    def instruction(self, frame: Any, event: str, arg: Any) -> Any:
        if event == "opcode" and (not self.recorder.failed or self.recorder.has_readings):
            if self.pending is not None:
                self.settle_pending()
            _, stores, moves = self.codes[id(frame.f_code)]
            store = stores.get(frame.f_lasti)
            if store is not None:
                self.store(frame, *store)
            moved = moves.get(frame.f_lasti)
            if moved is not None:
                self.recorder.move(frame, moved)
        return self.instruction

    def store(self, frame: Any, name: str, number: int) -> None:
        """Judge one instruction that is about to store."""
        code = instructions_of(frame.f_code)
        if name in ("STORE_GLOBAL", "DELETE_GLOBAL"):
            self.effect(frame, f"the global {code[number].argval} is assigned")
            return
        if name in ("STORE_DEREF", "DELETE_DEREF"):
            variable = code[number].argval
            if variable in frame.f_code.co_freevars:
                self.effect(frame, f"the variable {variable} of an outer function is assigned")
            return
        if name not in _STORES:
            self.in_place(frame, code, number)
            return
        target = self.target(frame, code, number, name)
        if target is unknown:
            if name == "STORE_SUBSCR":
                self.pending = (site_of(frame), self.recorder.writes, self.recorder.segment)
                return
            self.effect(frame, f"something is stored ({name}) that cannot be followed")
        elif isinstance(target, Value):
            what = code[number].argval
            told = f"the attribute {what} of a tensor is assigned"
            own = name != "STORE_ATTR" or what == "grad" or id(target) in self.recorder.newborn
            if not own and what == "requires_grad":
                self.switch(frame, target, told)
            elif not own:
                self.effect(frame, told)
        elif isinstance(target, np.ndarray):
            self.effect(frame, "an array of NumPy's is assigned to")
        elif isinstance(target, AnyModule) and name == "STORE_ATTR":
            # ``self.count += 1`` on a buffer puts back what was there.
            self.watch_state(target, site_of(frame), "it is assigned to on a {} from outside the "
                             "function")  # fmt: skip
        else:
            self.change(target, site_of(frame), "it is assigned to")

    def change(self, thing: Any, site: Any, what: str) -> None:
        """Note that an object is changed, which it may be if it was made during the call."""
        segment = self.recorder.segment
        if type(thing) is dict and not gc.is_tracked(thing):
            # Python begins to track a dictionary when something goes in; it looks new from then
            # on.  What was there before the call is held by something that is tracked.
            here = [sys._getframe(), self.changed]
            for holder in gc.get_referrers(thing):
                if isinstance(holder, types.FrameType) or any(holder is one for one in here):
                    continue
                if id(holder) not in newborn_objects():
                    self.changed.append((thing, True, site, what, segment))
                    return
        self.changed.append((thing, False, site, what, segment))

    def in_place(self, frame: Any, code: list[Any], number: int) -> None:
        """Judge ``x += y``, which changes a list, a set or an array that it does not make."""
        left = skip_value(code, number - 1)
        target = unknown if left is None else read_value(frame, code, left)
        if target is unknown:
            # An attribute or an item: what it may be is not known, but what follows stores it.
            target = self.stored_again(frame, code, number)
        if isinstance(target, np.ndarray):
            self.effect(frame, "an array of NumPy's is written into")
        elif isinstance(target, CONTAINERS):
            self.change(target, site_of(frame), "an in-place operator is used")
        elif target is unknown:
            self.effect(frame, "an in-place operator writes into something that cannot be followed")

    def stored_again(self, frame: Any, code: list[Any], number: int) -> Any:
        """Return the old value of what an in-place operator is about to store."""
        place = number + 1
        while place < len(code) and code[place].opname in _BEFORE_STORES:
            place += 1
        if place == len(code):
            return unknown
        name, what = code[place].opname, code[place].argval
        if name == "STORE_FAST":
            return frame.f_locals.get(what, unknown)
        if name == "STORE_DEREF":
            return frame.f_locals.get(what, unknown)
        if name in ("STORE_GLOBAL", "STORE_NAME"):
            return frame.f_globals.get(what, unknown)
        owner = self.owner(frame, code, place, name)
        if owner is unknown:
            return unknown
        if name == "STORE_ATTR":
            return attribute(owner, what)
        if isinstance(owner, Value):
            return owner
        if isinstance(owner, (list, tuple, dict)):
            held = owner.values() if isinstance(owner, dict) else owner
            inner = [one for one in held if isinstance(one, CHANGEABLE)]
            return unknown if inner else None
        return unknown

    def owner(self, frame: Any, code: list[Any], number: int, name: str) -> Any:
        """Return what ``owner.name += y`` or ``owner[key] += y`` stores into.

        The owner is copied before the attribute or the item is loaded.
        """
        what = code[number].argval
        load, keys = _LOADS.get(name, ("", 0))
        for back in range(number - 1, max(number - 40, -1), -1):
            if code[back].opname != load or (load == "LOAD_ATTR" and code[back].argval != what):
                continue
            copied = code[before(code, back - 1)].opname in ("COPY", "DUP_TOP", "DUP_TOP_TWO")
            if not copied:
                continue
            place = back - 1
            while code[place].opname in _COPIES:
                place -= 1
            owner: int | None = place
            for _ in range(keys):
                owner = skip_value(code, owner)
            return unknown if owner is None else read_value(frame, code, owner)
        return unknown

    def settle_pending(self) -> None:
        """Judge an item assignment to something unknown: a tensor's is a recorded write."""
        site, writes, segment = self.pending
        self.pending = None
        if self.recorder.writes == writes:
            self.late("something is stored that cannot be followed", site, segment)

    def target(self, frame: Any, code: list[Any], number: int, name: str) -> Any:
        """Return the object that an instruction stores into, `unknown` where that is unclear."""
        back = before(code, number - 1)
        if back >= 0 and code[back].opname in _TURNS:
            return self.owner(frame, code, number, name)
        place: int | None = back
        if name in ("STORE_SUBSCR", "DELETE_SUBSCR"):
            place = skip_value(code, back)  # the key
        elif name == "STORE_SLICE":
            place = skip_value(code, skip_value(code, back))
        if place is None:
            return unknown
        return read_value(frame, code, place)

    def effect(self, frame: Any, what: str) -> None:
        if importing(frame):
            return  # which happens once
        self.recorder.effect = True
        self.recorder.fail(f"{what} at {describe_site(site_of(programs(frame)))}")

    def judge_changes(self) -> None:
        """Judge what was changed: objects made during the call may be."""
        if self.pending is not None:
            self.settle_pending()
        if self.recorder.has_readings:
            for one in self.owners.values():
                settle(one[0], 3)
        for thing, what, site, segment in self.changes():
            if self.recorder.has_readings:
                settle(thing, 3)
            self.late(what, site, segment)
        for scheduler in self.recorder.schedules:
            if is_read_again(scheduler, self.reads.names):
                first = next(iter(self.recorder.new_segments), None)
                name = type(scheduler).__name__
                self.recorder.fail_in(first, f"it reads what a step of its {name} changes")
        if self.modes != modes_now():
            self.recorder.effect = True
            self.recorder.fail("a mode of the library is changed")
        self.reads.forget_made(newborn_objects)

    def changes(self) -> Iterator[tuple[Any, str, Any, Any]]:
        """Yield each object from outside that was changed, in what words, where, and in which
        segment.
        """
        moved = [one for one in self.owners.values() if state_of(one[0]) != one[1]]
        # Listing what was made takes long, and most calls change nothing.
        new = newborn_objects() if self.changed or moved else set()
        for thing, outside, site, what, segment in self.changed:
            if outside or id(thing) not in new:
                kind = type(thing).__name__
                yield thing, f"{what} on a {kind} from outside the function", site, segment
        for owner, _, site, what, segment, _ in moved:
            if id(owner) not in new:
                yield owner, what.format(type(owner).__name__), site, segment
        for owner, required, site, what in self.switches.values():
            if owner.requires != required:
                yield owner, what, site, None
        if self.moves:
            for thing in iterators_in(list(self.reads.things.values()), newborn_objects()):
                site, segment = self.moves[0]
                kind = type(thing).__name__
                yield thing, f"next() is called where a {kind} is in reach", site, segment
        for thing, site in self.contents.changed():
            kind = type(thing).__name__
            yield thing, f"a {kind} from outside the function changes", site, None

    def is_clean(self) -> bool:
        """Say whether nothing was seen so far for which the trace will end."""
        owners = [one[0] for one in self.owners.values()] if self.recorder.has_readings else []
        read = any(map(holds_reading, owners))
        return not read and self.pending is None and next(self.changes(), None) is None

    def late(self, what: str, site: Any, segment: Any = None) -> None:
        """Note what turns out to have been an effect, in a segment that may have ended since."""
        if self.recorder.fail_in(segment, f"{what} at {describe_site(site)}"):
            self.recorder.effect = True


def importing(frame: Any) -> bool:
    """Say whether a frame belongs to an import."""
    while frame is not None:
        name = frame.f_code.co_filename
        if name.startswith("<frozen importlib"):
            return True
        if name.startswith(_PACKAGE + "compiler/"):
            return False
        frame = frame.f_back
    return False


def newborn_objects() -> set[int]:
    """Return the ids of the objects made since the watch began, of those that Python tracks."""
    return {id(one) for one in gc.get_objects(generation=0)}


def inside(frame: Any) -> bool:
    """Say whether a frame is the library's own, or Python's in the library's service."""
    while frame is not None:
        kind = kind_of(frame.f_code.co_filename)
        if kind is not PYTHONS:
            return kind is LIBRARY
        frame = frame.f_back
    return False


LIBRARY, PYTHONS, PROGRAM = "library", "python", "program"
kinds: dict[str, str] = {}  # of files, by name


def kind_of(name: str) -> str:
    """Return whose a file is: the library's, Python's, or the program's."""
    kind = kinds.get(name)
    if kind is None:
        if name.startswith((_PACKAGE, "<retrograd")):
            kind = LIBRARY
        else:
            kind = PYTHONS if is_pythons(name) else PROGRAM
        if name[:1] != "<":  # of code made while the program runs there is no end
            kinds[name] = kind
    return kind


def reader() -> Any:
    """Return the frame of the program that reads a number just now."""
    frame: Any = sys._getframe()
    while frame.f_back is not None and inside(frame):
        frame = frame.f_back
    return frame


def is_pythons(name: str) -> bool:
    """Say whether a file is Python's own, or of a package that the library calls."""
    if name.startswith(_PYTHON):
        return "site-packages" not in name or name.startswith(_NUMPY)
    return name.startswith("<frozen ") or any(part in name for part in _SERVANTS)


def programs(frame: Any) -> Any:
    """Return the frame of the program that a frame of a module of Python's runs for."""
    while frame.f_back is not None and is_pythons(frame.f_code.co_filename):
        frame = frame.f_back
    return frame


def site_of(frame: Any) -> Any:
    return (frame.f_code, frame.f_lasti)


def stop_watching() -> None:
    sys.setprofile(None)
    sys.settrace(None)


def untraced(frame: Any, event: str, arg: Any) -> None:
    """Leave a frame alone; some trace function has to be set for frames to have their own."""


def unwatched(*names: str) -> Any:
    """Let the watch rest while these methods of a recorder run: they call none of user's code.

    They are much of what is called during a trace, and each event costs more than most of them do.
    """

    def resting(method: Any) -> Any:
        @functools.wraps(method)
        def call(self: Any, *args: Any) -> Any:
            watch = sys.getprofile()
            if not isinstance(getattr(watch, "__self__", None), Watch):
                return method(self, *args)  # another profiler's, which is not put back like this
            if watch is None or self.busy:
                return method(self, *args)
            trace = sys.gettrace()
            stop_watching()
            try:
                return method(self, *args)
            finally:
                sys.settrace(trace)
                sys.setprofile(watch)

        return call

    def mark(kind: Any) -> Any:
        for name in names:
            method = getattr(kind, name)
            if isinstance(method, types.FunctionType):  # what is compiled reports no calls
                setattr(kind, name, resting(method))
        return kind

    return mark


def is_watched() -> bool:
    """Say whether a debugger, profiler or coverage tool watches this thread."""
    return sys.gettrace() is not None or sys.getprofile() is not None


@contextlib.contextmanager
def watching(recorder: Any, reads: Any) -> Iterator[None]:
    """Watch the calls of this thread for effects, and judge them at the end."""
    watch = Watch(recorder, reads)
    if is_watched():  # effects cannot be seen, so that nothing new is written
        recorder.new_ways = False
        yield
        return
    recorder.watch = watch
    collecting = gc.isenabled()
    gc.collect(0)
    gc.disable()
    # Python 3.12 reports instructions from the next `settrace` on after some frame asked for them.
    sys._getframe().f_trace_opcodes = True
    sys.settrace(untraced)
    sys.setprofile(watch.profile)
    try:
        yield
    finally:
        stop_watching()
        if not recorder.put_off:
            watch.judge_changes()
        if collecting:
            gc.collect(0)  # what was made is young: a collection of everything need not follow
            gc.enable()
