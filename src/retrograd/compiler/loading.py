"""Exported functions: one file of calls by name and arrays, and what runs it.

The file is an 8-byte little-endian length, a JSON header of that length, and the bytes of
the arrays, as in safetensors.  The header lists calls of functions that `FUNCTIONS` names, and of
operations as ``op.softmax``; nothing in it is code, and nothing of it is executed or imported.
"""

from __future__ import annotations

import json
import math
import operator
from importlib import import_module
from types import FunctionType
from typing import Any

import numpy as np

from .._core.op import registry
from .._core.traced import fronts
from .._core.value import Value
from ..inplace import write_ufunc
from ..tensor import Tensor, raw
from . import mirror
from .numpy_names import METHODS, NAMES
from .whole import template

FORMAT = "retrograd.export"
VERSION = 1
DTYPES = {
    name: np.dtype(name)
    for name in (
        "bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64",
        "float16", "float32", "float64", "complex64", "complex128",
    )
}  # fmt: skip

# Every function that a file may name, beside operations.
FUNCTIONS: dict[str, Any] = {f"numpy.{name}": getattr(np, name) for name in NAMES}
FUNCTIONS |= {f"numpy.linalg.{n}": getattr(np.linalg, n) for n in ("inv", "det", "norm", "solve")}
FUNCTIONS |= {f"ndarray.{name}": getattr(np.ndarray, name) for name in METHODS}
FUNCTIONS |= {
    f"{name}.{method}": getattr(function, method)
    for name, function in list(FUNCTIONS.items())
    if isinstance(function, np.ufunc) and function.nin == 2 and function.nout == 1
    for method in ("reduce", "accumulate", "outer", "at", "reduceat")
}
FUNCTIONS |= {
    name: getattr(mirror, name)
    for name in (
        "getitem", "setitem", "transposed", "turned_matrices", "real_part", "imaginary_part",
        "into_out",
    )
}  # fmt: skip
FUNCTIONS |= {"operator.pow": operator.pow, "write_ufunc": write_ufunc}


# Modules whose own functions of arrays, and whose named tuples, a file may name beside: they
# belong to operations, compute on arrays, and have no effects.
MODULES = (
    "ops.adaptive_pooling", "ops.bags", "ops.copying", "ops.ctc", "ops.decomposition",
    "ops.distances", "ops.grids", "ops.linear_algebra", "ops.linear_systems", "ops.lookup",
    "ops.loss", "ops.lu_factors", "ops.margin_loss", "ops.norm_rows", "ops.norm_channels",
    "ops.normalisation", "ops.normalised", "ops.packing", "ops.plane_lookup", "ops.pool_windows",
    "ops.recurrence", "ops.region", "ops.repeating", "ops.resampling", "ops.scattering",
    "ops.selection", "ops.similarity", "ops.sorting", "ops.unpooling", "ops.winners",
    "ops._sizes", "ops.attention", "nn.functional._loss", "nn.functional._margin_loss",
)  # fmt: skip


def part_of(name: str) -> Any:
    """Return a function or a named tuple of one of `MODULES` by its name, None for others."""
    module, _, own = name.rpartition(".")
    if module not in MODULES:
        return None
    space = vars(import_module(f"..{module}", __package__))
    found = space.get(own)
    if getattr(found, "__module__", None) != space["__name__"]:
        return None
    named = isinstance(found, type) and issubclass(found, tuple) and hasattr(found, "_fields")
    return found if named or isinstance(found, FunctionType) else None


class Front:
    """A public function of tensors as one of arrays: see `Whole`."""

    def __init__(self, front: Any) -> None:
        self.front = front

    def __call__(self, args: Any, settings: Any) -> Any:
        made = self.front(*_tensors(args), **_tensors(settings))
        found: list[Any] = []
        template(made, found)
        return tuple([one.array for one in found])


class ExportError(RuntimeError):
    """A function that cannot be exported, or a file that cannot be loaded."""


class Reader:
    """Reads one file, trusting nothing in it.

    Parameters
    ----------
    data : bytes
    path : object
        For errors.
    """

    def __init__(self, data: bytes, path: Any) -> None:
        self.data = data
        self.path = path
        self.arrays: dict[str, Any] = {}
        self.known: set[int] = set()

    def bad(self, why: str) -> ExportError:
        return ExportError(f"load: {self.path} is no exported function: {why}")

    def expect(self, holds: Any, why: str) -> None:
        if not holds:
            raise self.bad(why)

    def header(self) -> Any:
        """Return the header, its arrays read and its calls checked."""
        data = self.data
        self.expect(len(data) >= 8, "it is shorter than its first 8 bytes")
        length = int.from_bytes(data[:8], "little")
        self.expect(length <= len(data) - 8, f"its header of {length} bytes is cut off")
        try:
            header = json.loads(data[8 : 8 + length].decode())
        except (ValueError, RecursionError) as error:
            raise self.bad(f"its header is no JSON: {error}") from None
        self.expect(isinstance(header, dict), "its header is no JSON object")
        self.expect(header.get("format") == FORMAT, f"it does not say {FORMAT!r}")
        version = header.get("version")
        self.expect(
            version == VERSION, f"it has version {version!r}, and this is version {VERSION}"
        )
        try:
            self.read_arrays(header["arrays"], data[8 + length :])
            return {
                "inputs": [self.input(one) for one in header["inputs"]],
                "arrays": [self.slot_array(one) for one in header["slots"]],
                "steps": [self.step(one, n) for n, one in enumerate(header["steps"])],
                "result": self.value(header["result"]),
            }
        except ExportError:
            raise
        except (KeyError, TypeError, ValueError, AttributeError, RecursionError) as error:
            raise self.bad(f"its header is wrong: {type(error).__name__}: {error}") from None

    def read_arrays(self, listed: Any, data: bytes) -> None:
        self.expect(isinstance(listed, dict), "its arrays are no JSON object")
        for name, about in listed.items():
            dtype, shape = self.dtype(about["dtype"]), self.shape(about["shape"])
            begin, end = about["offsets"]
            size = math.prod(shape) * dtype.itemsize
            fits = _natural(begin) and _natural(end) and begin + size == end <= len(data)
            self.expect(fits, f"the array {name!r} lies outside of the file, or does not fit it")
            array = np.frombuffer(data[begin:end], dtype).reshape(shape).copy()
            array.flags.writeable = False  # each run finds them as they are in the file
            self.arrays[name] = array

    def dtype(self, name: Any) -> Any:
        self.expect(isinstance(name, str) and name in DTYPES, f"the dtype {name!r} is unknown")
        return DTYPES[name]

    def shape(self, given: Any) -> tuple[int, ...]:
        holds = isinstance(given, list) and len(given) <= 64 and all(map(_natural, given))
        self.expect(holds, f"the shape {given!r} is wrong")
        return tuple(given)

    def input(self, about: Any) -> Any:
        return self.fill(about["slot"]), self.shape(about["shape"]), self.dtype(about["dtype"])

    def slot_array(self, about: Any) -> Any:
        number, name = about
        self.expect(isinstance(name, str) and name in self.arrays, f"no array {name!r}")
        return self.fill(number), self.arrays[name]

    def fill(self, number: Any) -> int:
        """Note that a slot is filled."""
        self.expect(type(number) is int, f"the slot {number!r} is no number")
        self.known.add(number)
        return int(number)

    def step(self, about: Any, place: int) -> Any:
        name = about["call"]
        function = self.function(name)
        args = [self.value(one) for one in about["args"]]
        settings = {key: self.value(one) for key, one in about["settings"].items()}
        outs = about["outs"]
        if isinstance(outs, list):
            outs = tuple([None if one is None else self.fill(one) for one in outs])
        elif outs is not None:
            outs = self.fill(outs)
        return f"{place} ({name})", function, args, settings, outs, bool(about.get("wrap"))

    def function(self, name: Any) -> Any:
        self.expect(isinstance(name, str), "a call without a name")
        kind, _, rest = name.partition(".")
        if kind == "op" and rest in registry:
            return registry[rest].kernel
        if kind == "front" and rest in fronts:
            return Front(fronts[rest])
        if kind == "part":
            found = part_of(rest)
            if isinstance(found, FunctionType):
                return found
        self.expect(name in FUNCTIONS, f"it calls {name!r}, which is not among those allowed")
        return FUNCTIONS[name]

    def value(self, given: Any) -> Any:
        """Return an argument: `Place` for slots."""
        if given is None or isinstance(given, (bool, int, float, str)):
            return given
        if isinstance(given, list):
            return [self.value(one) for one in given]
        self.expect(isinstance(given, dict) and len(given) == 1, f"the argument {given!r} is wrong")
        ((kind, held),) = given.items()
        if kind == "slot":
            self.expect(type(held) is int and held in self.known, f"slot {held!r} is read too soon")
            return Place(held)
        if kind == "tuple":
            return tuple([self.value(one) for one in held])
        if kind == "dict":
            return {str(key): self.value(one) for key, one in held.items()}
        if kind == "slice":
            return slice(*[self.value(one) for one in held])
        if kind == "dtype":
            return self.dtype(held)
        if kind == "float":
            return float(held)
        if kind == "complex":
            return complex(float(held[0]), float(held[1]))
        if kind == "array":
            return self.arrays[held]
        if kind == "scalar":
            return self.arrays[held][()]
        if kind == "call":
            return self.function(held)
        if kind == "ellipsis":
            return Ellipsis
        if kind == "named":
            made = part_of(held[0]) if isinstance(held[0], str) else None
            self.expect(isinstance(made, type), f"the named tuple {held[0]!r} is unknown")
            return made(*[self.value(one) for one in held[1]])
        raise self.bad(f"the argument {given!r} is wrong")


class Place:
    """A slot among the arguments of a call."""

    __slots__ = ("number",)

    def __init__(self, number: int) -> None:
        self.number = number


def _natural(number: Any) -> bool:
    return type(number) is int and number >= 0


def filled(given: Any, slots: dict[int, Any]) -> Any:
    """Return an argument with the arrays of its slots."""
    kind = type(given)
    if kind is Place:
        return slots[given.number]
    if kind in (list, tuple):
        return kind([filled(one, slots) for one in given])
    if kind is dict:
        return {key: filled(one, slots) for key, one in given.items()}
    if isinstance(given, tuple):
        return kind(*[filled(one, slots) for one in given])
    if kind is slice:
        return slice(*[filled(one, slots) for one in (given.start, given.stop, given.step)])
    return given


_OWN = ("op", "front", "part")  # what is called by its name in this library


class ExportedFunction:
    """An exported function, loaded: called with tensors (or arrays), it returns tensors.

    Attributes
    ----------
    operations : list of str
        The operations that it calls whole; empty for a file that NumPy alone runs.
    arrays : dict
        Parameters and constants by their name.
    """

    def __init__(self, header: Any, arrays: dict[str, Any]) -> None:
        self.header = header
        self.arrays = arrays
        names = [name.partition("(")[2][:-1] for name, *_ in header["steps"]]
        own = [name.partition(".") for name in names]
        self.operations = sorted({rest for kind, _, rest in own if kind in _OWN})

    def __call__(self, *inputs: Any) -> Any:
        result = self.run(*[one.array if isinstance(one, Value) else one for one in inputs])
        return _tensors(result)

    def run(self, *inputs: Any) -> Any:
        """Return the results as arrays, given arrays."""
        slots = self.slots(inputs)
        for name, function, args, settings, outs, wrap in self.header["steps"]:
            try:
                out = function(*filled(args, slots), **filled(settings, slots))
                if isinstance(outs, tuple):
                    for number, one in zip(outs, out, strict=True):
                        if number is not None:
                            slots[number] = np.asarray(one) if wrap else one
                elif outs is not None:
                    slots[outs] = np.asarray(out) if wrap else out
            except Exception as error:
                raise ExportError(f"step {name} failed: {type(error).__name__}: {error}") from error
        return filled(self.header["result"], slots)

    def slots(self, inputs: Any) -> dict[int, Any]:
        """Return the slots that are filled at the beginning."""
        wanted = self.header["inputs"]
        if len(inputs) != len(wanted):
            raise TypeError(f"an exported function of {len(wanted)} inputs got {len(inputs)}")
        slots = dict(self.header["arrays"])
        for place, (given, (number, shape, dtype)) in enumerate(zip(inputs, wanted)):
            array = np.asarray(given)
            if array.shape != shape or array.dtype != dtype:
                raise ValueError(
                    f"input {place} is {array.dtype}{list(array.shape)}, and the function was "
                    f"exported for {dtype}{list(shape)}"
                )
            slots[number] = array
        return slots


def _tensors(result: Any) -> Any:
    if isinstance(result, (np.ndarray, np.generic)):
        return Tensor(np.array(result), raw)
    if isinstance(result, (list, tuple)):
        return type(result)([_tensors(one) for one in result])
    if isinstance(result, dict):
        return {key: _tensors(one) for key, one in result.items()}
    return result


def load(path: Any, numpy_only: bool = False) -> ExportedFunction:
    """Load a function that `export` saved.

    Parameters
    ----------
    path : path or file object
    numpy_only : bool
        Refuse a file that calls operations of this library as a whole.

    Returns
    -------
    ExportedFunction
        Call it with tensors or arrays of the shapes and dtypes that it was exported for.

    Raises
    ------
    ExportError
        For a file that is damaged, cut off, of another version, or calls what it must not.
    """
    if hasattr(path, "read"):
        data = path.read()
    else:
        with open(path, "rb") as file:
            data = file.read()
    reader = Reader(data, path)
    found = ExportedFunction(reader.header(), reader.arrays)
    if numpy_only and found.operations:
        raise ExportError(
            f"load(numpy_only=True): {path} calls operations of retrograd: "
            + ", ".join(found.operations)
        )
    return found
