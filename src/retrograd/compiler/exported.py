"""Exported functions, run by NumPy alone: this file needs nothing else, and may be copied.

An exported file is an 8-byte little-endian length, a JSON header of that length, and the bytes of
the arrays, as in safetensors.  The header lists calls of functions that `FUNCTIONS` names; nothing
in it is code, and nothing of it is executed or imported.

    >>> import exported  # doctest: +SKIP
    >>> model = exported.load("model.export")  # doctest: +SKIP
    >>> result = model.run(numpy.ones((1, 3), numpy.float32))  # doctest: +SKIP

Files may also name operations of the library (``op.softmax``).  Those in `DEFINED` are run here
by their definitions, with results that differ from the library's by roundings; others need the
library's `load`.
"""

from __future__ import annotations

import json
import math
import operator
from typing import Any

import numpy as np

FORMAT = "retrograd.export"
VERSION = 1
MOST_NUMBERS = 1 << 28  # of an array that a file asks for by its shape
DTYPES = {
    name: np.dtype(name)
    for name in (
        "bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64",
        "float16", "float32", "float64", "complex64", "complex128",
    )
}  # fmt: skip

# -- what a file may name -------------------------------------------------------------------------

_UFUNCS = sorted(
    name for name in dir(np) if isinstance(getattr(np, name), np.ufunc) and name != "frompyfunc"
)
_OTHERS = [
    "all", "any", "append", "arange", "argmax", "argmin", "argpartition", "argsort", "asarray",
    "ascontiguousarray", "atleast_1d", "atleast_2d", "atleast_3d", "average", "bincount",
    "broadcast_arrays", "broadcast_to", "clip", "column_stack", "concatenate", "conj", "convolve",
    "copy", "copyto", "count_nonzero", "cross", "cumprod", "cumsum", "cumulative_sum", "diag",
    "diagonal", "diff", "digitize", "dot", "dstack", "einsum", "empty", "empty_like",
    "expand_dims", "eye", "fill_diagonal", "fix", "flip", "fliplr", "flipud", "full", "full_like",
    "hstack", "imag", "indices", "inner", "interp", "isclose", "kron", "linspace", "max", "mean",
    "median", "meshgrid", "min", "moveaxis", "nan_to_num", "nanmax", "nanmean", "nanmin",
    "nanprod", "nansum", "ndarray", "ones", "ones_like", "outer", "pad", "partition",
    "permute_dims", "place", "prod", "put", "put_along_axis", "putmask", "quantile", "ravel",
    "ravel_multi_index", "real", "repeat", "reshape", "resize", "roll", "rollaxis", "rot90",
    "round", "searchsorted", "select", "sinc", "sort", "split", "squeeze", "stack", "std", "sum",
    "swapaxes", "take", "take_along_axis", "tensordot", "tile", "trace", "transpose", "tri",
    "tril", "triu", "unravel_index", "unstack", "var", "vdot", "vstack", "where", "zeros",
    "zeros_like",
]  # fmt: skip
_NAMES = sorted(name for name in {*_UFUNCS, *_OTHERS} if hasattr(np, name))

_METHODS = [
    "all", "any", "argmax", "argmin", "argpartition", "argsort", "astype", "choose", "clip",
    "conj", "conjugate", "copy", "cumprod", "cumsum", "diagonal", "dot", "fill", "flatten", "max",
    "mean", "min", "partition", "prod", "ravel", "repeat", "reshape", "round", "searchsorted",
    "sort", "squeeze", "std", "sum", "swapaxes", "take", "trace", "transpose", "var", "view",
]  # fmt: skip


def getitem(array: Any, key: Any) -> Any:
    """Return ``array[key]``."""
    return array[key]


def setitem(array: Any, key: Any, value: Any) -> None:
    """Do ``array[key] = value``."""
    array[key] = value


def transposed(array: Any) -> Any:
    """Return ``array.T``."""
    return array.T


def turned_matrices(array: Any) -> Any:
    """Return ``array.mT``."""
    return array.mT


def real_part(array: Any) -> Any:
    """Return ``array.real``."""
    return array.real


def imaginary_part(array: Any) -> Any:
    """Return ``array.imag``."""
    return array.imag


def into_out(target: Any, function: Any, *args: Any, **settings: Any) -> None:
    """Call a function that puts its result into an array."""
    function(*args, out=target, **settings)


def write_ufunc(target: Any, ufunc: Any, *operands: Any) -> None:
    """Write what a ufunc makes of its operands into an array."""
    ufunc(*operands, out=target)


FUNCTIONS: dict[str, Any] = {f"numpy.{name}": getattr(np, name) for name in _NAMES}
FUNCTIONS |= {f"numpy.linalg.{n}": getattr(np.linalg, n) for n in ("inv", "det", "norm", "solve")}
FUNCTIONS |= {f"ndarray.{name}": getattr(np.ndarray, name) for name in _METHODS}
FUNCTIONS |= {
    f"{name}.{method}": getattr(function, method)
    for name, function in list(FUNCTIONS.items())
    if isinstance(function, np.ufunc) and function.nin == 2 and function.nout == 1
    for method in ("reduce", "accumulate", "outer", "at", "reduceat")
}
FUNCTIONS |= {
    one.__name__: one
    for one in (
        getitem, setitem, transposed, turned_matrices, real_part, imaginary_part, into_out,
        write_ufunc,
    )
}  # fmt: skip
FUNCTIONS["operator.pow"] = operator.pow


# -- operations of the library, by their definitions ----------------------------------------------


def softmax(x: Any, *, axis: int) -> Any:
    """Return exp(x) scaled to sum to one along an axis."""
    if not x.size:
        return x.copy()
    out = np.exp(x - np.max(x, axis=axis if x.ndim else None, keepdims=True))
    return out / np.sum(out, axis=axis if x.ndim else None, keepdims=True, dtype=x.dtype)


def erf(x: Any) -> Any:
    """Return the error function of an array."""
    found = [math.erf(one) for one in x.ravel().tolist()]
    return np.array(found, x.dtype).reshape(x.shape)


def gelu(x: Any) -> Any:
    """Return x times the normal distribution function of x."""
    inside = erf(x.astype(np.float64) * math.sqrt(0.5))
    return (x * (0.5 + 0.5 * inside)).astype(x.dtype)


def attend(
    q: Any, k: Any, v: Any, bias: Any, keep: Any, *, scale: float, causal: bool = False
) -> Any:
    """Return attention and its weights; a query that may see no key has weights of 0."""
    scores = np.matmul(q, np.swapaxes(k, -1, -2)) * np.asarray(scale, q.dtype)
    if causal:
        seen = np.tri(*scores.shape[-2:], dtype=np.bool_)
        scores = np.where(seen, scores, np.asarray(-np.inf, scores.dtype))
    if bias is not None and bias.dtype == np.bool_:
        scores = np.where(bias, scores, np.asarray(-np.inf, scores.dtype))
    elif bias is not None:
        scores = scores + bias
    highest = np.max(scores, axis=-1, keepdims=True, initial=-np.inf)
    weights = np.exp(scores - np.where(highest == -np.inf, 0, highest).astype(scores.dtype))
    total = np.sum(weights, axis=-1, keepdims=True)
    weights = np.where(total == 0, 0, weights / np.where(total == 0, 1, total))
    weights = weights.astype(scores.dtype)
    return np.matmul(weights if keep is None else weights * keep, v), weights


def gru(x: Any, h: Any, w_ih: Any, w_hh: Any, b_ih: Any, b_hh: Any, *, sizes: Any = None) -> Any:
    """Return the states of a gated recurrent layer over time, the last one, and nothing."""
    if sizes is not None:
        raise ExportError("sequences of several lengths need the library")
    size = w_hh.shape[1]
    out = np.empty((*x.shape[:-1], size), x.dtype)
    for time, given in enumerate(x):
        of_x = np.matmul(given, w_ih.T) + (0 if b_ih is None else b_ih)
        of_h = np.matmul(h, w_hh.T) + (0 if b_hh is None else b_hh)
        r, z = np.split(1 / (1 + np.exp(-(of_x + of_h)[..., : 2 * size])), 2, axis=-1)
        n = np.tanh(of_x[..., 2 * size :] + r * of_h[..., 2 * size :])
        out[time] = h = n + z * (h - n)
    return out, h, None


def contiguous_copy(x: Any) -> Any:
    """Return a copy whose elements are in order in memory."""
    return np.array(x, order="C")


def broadcast_to(x: Any, *, shape: Any) -> Any:
    """Return an array repeated along new axes and axes of size one."""
    return np.broadcast_to(x, shape)


def expect_rows(array: Any, count: int) -> None:
    """Refuse numbers of rows of which there are `count`."""
    if array.size and not (array.min() >= 0 and array.max() < count):
        raise IndexError("index out of range in self")


def expect_in_range(array: Any, axis: int, length: int) -> None:
    """Refuse places along an axis that it does not have."""
    wrong = array[(array < 0) | (array >= length)]
    if wrong.size:
        raise IndexError(
            f"index {wrong[0]} is out of bounds for dimension {axis} with size {length}"
        )


DEFINED = {f"op.{one.__name__}": one for one in (attend, broadcast_to, contiguous_copy, erf, gelu)}
DEFINED |= {
    "op.softmax": softmax, "op.gru_dense": gru,
    "part.ops.lookup.expect_rows": expect_rows,
    "part.ops.scattering.expect_in_range": expect_in_range,
}  # fmt: skip


# Functions whose arguments say how large an array they make.
_ALLOCATING = {
    f"numpy.{name}"
    for name in (
        "arange", "broadcast_to", "empty", "empty_like", "eye", "full", "full_like", "indices",
        "linspace", "ndarray", "ones", "ones_like", "repeat", "resize", "tile", "tri",
        "zeros", "zeros_like", "bincount",
    )
} | {"ndarray.repeat", "op.broadcast_to"}  # fmt: skip


class ExportError(RuntimeError):
    """A function that cannot be exported, or a file that cannot be loaded."""


# -- reading --------------------------------------------------------------------------------------


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
        if name in _ALLOCATING:
            sizes = args[:1] if name == "numpy.ndarray" else (args, settings)
            fits = numbers_in(sizes) <= MOST_NUMBERS
            self.expect(fits, f"{name} asks for too large an array")
        outs = about["outs"]
        if isinstance(outs, list):
            outs = tuple([None if one is None else self.fill(one) for one in outs])
        elif outs is not None:
            outs = self.fill(outs)
        return f"{place} ({name})", function, args, settings, outs, bool(about.get("wrap"))

    def function(self, name: Any) -> Any:
        self.expect(isinstance(name, str), "a call without a name")
        found = FUNCTIONS.get(name, DEFINED.get(name))
        self.expect(found is not None, f"it calls {name!r}, which is not among those allowed")
        return found

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
        return self.other(kind, held)

    def other(self, kind: Any, held: Any) -> Any:
        """Return an argument of a kind that only the library knows."""
        raise self.bad(f"the argument {kind!r}: {held!r} is wrong")


class Place:
    """A slot among the arguments of a call."""

    __slots__ = ("number",)

    def __init__(self, number: int) -> None:
        self.number = number


def numbers_in(given: Any) -> int:
    """Return the product of the whole numbers in some arguments, which bounds an array's size."""
    if isinstance(given, int):
        return max(1, abs(given))
    if isinstance(given, (list, tuple)):
        return math.prod([numbers_in(one) for one in given])
    return math.prod([numbers_in(o) for o in given.values()]) if isinstance(given, dict) else 1


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


# -- running --------------------------------------------------------------------------------------

OWN = ("op", "front", "part")  # what is called by its name in the library


class Exported:
    """An exported function, loaded: it takes arrays and returns arrays.

    Attributes
    ----------
    operations : list of str
        What it calls of the library that is not in `DEFINED`; empty for a file that NumPy alone
        runs.
    arrays : dict
        Parameters and constants by their name.
    """

    def __init__(self, header: Any, arrays: dict[str, Any]) -> None:
        self.header = header
        self.arrays = arrays
        names = [name.partition("(")[2][:-1] for name, *_ in header["steps"]]
        own = [name.partition(".") for name in names if name not in DEFINED]
        self.operations = sorted({rest for kind, _, rest in own if kind in OWN})

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


def load(path: Any) -> Exported:
    """Load a function that NumPy alone runs.

    Raises
    ------
    ExportError
        For a file that is damaged, cut off, of another version, or calls what it must not; also
        for one that calls operations of the library.
    """
    reader = Reader(bytes_of(path), path)
    return Exported(reader.header(), reader.arrays)


def bytes_of(path: Any) -> bytes:
    """Return what is in a file, or in a file object."""
    if hasattr(path, "read"):
        return bytes(path.read())
    with open(path, "rb") as file:
        return file.read()
