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
import dis
import gc
import os
import sys
import sysconfig
import types
from collections.abc import Iterator
from typing import Any

import numpy as np

from .._core.site import describe_site
from .._core.value import Value
from ..nn.module import Module

_PYTHON = tuple({sysconfig.get_path("stdlib"), *map(os.path.dirname, (np.__file__, os.__file__))})
_PACKAGE = __file__.replace("\\", "/").rsplit("/compiler/", 1)[0] + "/"

# Built-in functions, by module, that change nothing and depend on nothing but their arguments.
_PURE_MODULES = {
    "math", "cmath", "operator", "_operator", "itertools", "_functools", "_collections",
    "_abc", "_typing", "numpy", "numpy._core._multiarray_umath", "numpy._core.multiarray",
    "_struct", "_weakref", "_bisect", "_heapq", "_statistics",
}  # fmt: skip
_IMPURE_BUILTINS = {
    "print", "input", "open", "exec", "eval", "setattr", "delattr", "next", "__import__",
    "breakpoint", "compile", "globals", "vars", "locals",
}  # fmt: skip
_MUTATORS = {
    "append", "extend", "insert", "pop", "remove", "clear", "sort", "reverse", "update",
    "setdefault", "popitem", "add", "discard", "appendleft", "extendleft", "popleft", "rotate",
    "__setitem__", "__delitem__", "__iadd__", "__ior__", "difference_update",
    "intersection_update", "symmetric_difference_update",
}  # fmt: skip
_PLAIN_TYPES = (str, bytes, int, float, complex, tuple, frozenset, range, slice, type(None))
_CONTAINERS = (list, dict, set, bytearray)

# Functions of the library that return numbers which no value of a tensor decides.
_ABOUT = {
    "size", "dim", "ndimension", "numel", "nelement", "stride", "storage_offset", "element_size",
    "is_contiguous", "is_floating_point", "is_complex", "is_tensor", "is_grad_enabled",
    "is_inference_mode_enabled", "__len__", "ndim", "is_leaf", "requires_grad", "is_signed",
    "__hash__", "get_device", "is_inference", "is_storage",
    "is_pinned", "is_shared", "is_conj", "is_neg", "output_nr", "retains_grad",
    "same_size", "is_same_size", "can_cast", "__exit__", "nbytes", "itemsize", "get_num_threads",
    "training", "__eq__", "__ne__", "__bool__", "__float__",
    "__int__", "__index__", "__complex__", "item", "type", "equal",
    "allclose",
}  # fmt: skip
# Functions of the library that change its state.
_CHANGING = {
    "manual_seed", "seed", "set_rng_state", "set_state", "set_default_dtype", "train", "eval",
    "requires_grad_", "register_buffer", "register_parameter", "register_module", "add_module",
    "register_forward_hook", "register_forward_pre_hook", "register_full_backward_hook",
    "load_state_dict", "add_param_group", "set_printoptions", "save", "load",
    "set_default_device", "set_num_threads", "use_deterministic_algorithms", "share_memory_",
}  # fmt: skip
_STORES = {
    "STORE_ATTR", "STORE_SUBSCR", "STORE_GLOBAL", "STORE_DEREF", "STORE_SLICE", "DELETE_ATTR",
    "DELETE_SUBSCR", "DELETE_GLOBAL", "DELETE_DEREF",
}  # fmt: skip


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
        self.changed: list[tuple[Any, Any, str]] = []  # object, site, what was done
        self.depth = 0  # frames of the library above the user's
        self.stores: dict[Any, dict[int, tuple[str, int]]] = {}

    # -- calls ------------------------------------------------------------------------------------

    def profile(self, frame: Any, event: str, arg: Any) -> None:
        if self.recorder.failed:
            return
        if event == "c_call":
            if not inside(frame):
                self.built_in(frame, arg)
        elif event == "call":
            if not inside(frame):
                self.reads.frame(frame)
                if self.stores_of(frame.f_code):
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
                if name in _IMPURE_BUILTINS:
                    self.effect(frame, f"{name}() is called")
            elif not (module in _PURE_MODULES or module.startswith("retrograd")):
                self.effect(frame, f"{module}.{name}() is called")
            return
        if isinstance(owner, (Value, type, *_PLAIN_TYPES)):
            return
        if isinstance(owner, _CONTAINERS) or type(owner).__module__ in ("collections",):
            if name in _MUTATORS:
                self.changed.append((owner, site_of(frame), f"{name}() is called"))
            return
        if type(owner).__module__.startswith(("retrograd", "builtins")):
            return
        if type(owner).__module__ == "numpy" and type(owner).__name__ in ("ndarray", "ufunc"):
            return
        self.effect(frame, f"{type(owner).__qualname__}.{name}() is called")

    def library(self, frame: Any) -> None:
        """Judge a call of one of the library's own functions by user code."""
        name = frame.f_code.co_name
        if name in _CHANGING:
            self.effect(frame.f_back, f"{name}() is called")

    def returned(self, frame: Any, result: Any) -> None:
        """Judge what a function of the library hands to user code."""
        own = frame.f_code.co_filename.startswith(_PACKAGE + "compiler/")
        if isinstance(result, (bool, int, float, complex)) and not own:
            name = frame.f_code.co_name
            if name not in _ABOUT:
                self.effect(frame.f_back, f"{name}() returns a number that the trace cannot follow")

    # -- stores -----------------------------------------------------------------------------------

    def stores_of(self, code: Any) -> dict[int, tuple[str, int]]:
        """Return the instructions of a code object that store outside its own variables."""
        found = self.stores.get(code)
        if found is None:
            found = {}
            for number, instruction in enumerate(dis.get_instructions(code)):
                if instruction.opname in _STORES:
                    found[instruction.offset] = (instruction.opname, number)
            self.stores[code] = found
        return found

    def trace_stores(self, frame: Any) -> None:
        frame.f_trace = self.instruction
        frame.f_trace_opcodes = True
        frame.f_trace_lines = False

    def instruction(self, frame: Any, event: str, arg: Any) -> Any:
        if event == "opcode" and not self.recorder.failed:
            store = self.stores[frame.f_code].get(frame.f_lasti)
            if store is not None:
                self.store(frame, *store)
        return self.instruction

    def store(self, frame: Any, name: str, number: int) -> None:
        """Judge one instruction that is about to store."""
        code = list(dis.get_instructions(frame.f_code))
        if name in ("STORE_GLOBAL", "DELETE_GLOBAL"):
            self.effect(frame, f"the global {code[number].argval} is assigned")
            return
        if name in ("STORE_DEREF", "DELETE_DEREF"):
            variable = code[number].argval
            if variable in frame.f_code.co_freevars:
                self.effect(frame, f"the variable {variable} of an outer function is assigned")
            return
        target = self.target(frame, code, number, name)
        if target is unknown:
            self.effect(frame, f"something is stored ({name}) that cannot be followed")
        elif isinstance(target, Value):
            what = code[number].argval
            if name == "STORE_ATTR" and what != "grad" and id(target) not in self.recorder.newborn:
                self.effect(frame, f"the attribute {what} of a tensor is assigned")
        else:
            self.changed.append((target, site_of(frame), "it is assigned to"))

    def target(self, frame: Any, code: list[Any], number: int, name: str) -> Any:
        """Return the object that an instruction stores into, `unknown` where that is unclear."""
        back = number - 1
        if name in ("STORE_SUBSCR", "DELETE_SUBSCR"):
            back = skip_value(code, back)  # the key
        elif name == "STORE_SLICE":
            back = skip_value(code, skip_value(code, back))
        if back is None:
            return unknown
        return read_value(frame, code, back)

    def effect(self, frame: Any, what: str) -> None:
        site = site_of(frame)
        self.recorder.effect = True
        self.recorder.fail(f"{what} at {describe_site(site)}")

    def judge_changes(self) -> None:
        """Judge what was changed: objects made during the call may be."""
        if self.recorder.failed or not self.changed:
            return
        new = {id(one) for one in gc.get_objects(generation=0)}
        for thing, site, what in self.changed:
            if id(thing) not in new:
                kind = type(thing).__name__
                self.recorder.effect = True
                self.recorder.fail(
                    f"{what} on a {kind} from outside the function at {describe_site(site)}"
                )
                return


class Unknown:
    """Type of the mark that says "this object cannot be told"."""


unknown = Unknown()
_LOADS = ("LOAD_FAST", "LOAD_FAST_BORROW", "LOAD_FAST_CHECK", "LOAD_DEREF", "LOAD_CLASSDEREF")
_NEUTRAL = ("CACHE", "EXTENDED_ARG", "NOP", "PRECALL", "RESUME")


def before(code: list[Any], place: int) -> int:
    while place >= 0 and code[place].opname in _NEUTRAL:
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
    if name.startswith("LOAD_") and "METHOD" not in name and "FAST_LOAD_FAST" not in name:
        return place - 1
    return None


def read_value(frame: Any, code: list[Any], place: int) -> Any:
    """Return the value that an instruction loaded, where loading it again is harmless."""
    place = before(code, place)
    if place < 0:
        return unknown
    instruction = code[place]
    name = instruction.opname
    if name in _LOADS:
        return frame.f_locals.get(instruction.argval, unknown)
    if name in ("LOAD_GLOBAL", "LOAD_NAME"):
        found = frame.f_globals.get(instruction.argval, unknown)
        return found
    if name == "LOAD_ATTR":
        owner = read_value(frame, code, place - 1)
        if owner is unknown or isinstance(owner, Value):
            return owner if owner is unknown else unknown
        if isinstance(owner, Module) or type(owner).__getattribute__ is object.__getattribute__:
            return getattr(owner, instruction.argval, unknown)
    return unknown


def inside(frame: Any) -> bool:
    """Say whether a frame is the library's own, or Python's in the library's service."""
    while frame is not None:
        name = frame.f_code.co_filename
        if name.startswith((_PACKAGE, "<retrograd")):
            return not name.startswith(_PACKAGE + "examples/")
        if not name.startswith(_PYTHON):
            return False
        frame = frame.f_back
    return False


def site_of(frame: Any) -> Any:
    return (frame.f_code, frame.f_lasti)


@contextlib.contextmanager
def watching(recorder: Any, reads: Any) -> Iterator[None]:
    """Watch the calls of this thread for effects, and judge them at the end."""
    watch = Watch(recorder, reads)
    if sys.gettrace() is not None or sys.getprofile() is not None:
        recorder.fail("a debugger, profiler or coverage tool watches the program")
        yield
        return
    collecting = gc.isenabled()
    gc.collect(0)
    gc.disable()
    sys.settrace(lambda frame, event, arg: None)
    sys.setprofile(watch.profile)
    try:
        yield
    finally:
        sys.setprofile(None)
        sys.settrace(None)
        watch.judge_changes()
        if collecting:
            gc.enable()
