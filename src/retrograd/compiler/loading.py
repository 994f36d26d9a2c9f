"""Exported functions of the library: files that name operations beside NumPy's functions."""

from __future__ import annotations

from importlib import import_module
from types import FunctionType
from typing import Any

import numpy as np

from .._core.op import registry
from .._core.traced import fronts
from .._core.value import Value
from ..tensor import Tensor, raw
from .exported import Exported, ExportError, Reader, bytes_of
from .whole import template

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


class LibraryReader(Reader):
    """Reads files that may name operations."""

    def function(self, name: Any) -> Any:
        kind, _, rest = name.partition(".") if isinstance(name, str) else ("", "", "")
        if kind == "op" and rest in registry:
            return registry[rest].kernel
        if kind == "front" and rest in fronts:
            return Front(fronts[rest])
        found = part_of(rest) if kind == "part" else None
        return found if isinstance(found, FunctionType) else super().function(name)

    def other(self, kind: Any, held: Any) -> Any:
        if kind != "named":
            return super().other(kind, held)
        made = part_of(held[0]) if isinstance(held[0], str) else None
        self.expect(isinstance(made, type), f"the named tuple {held[0]!r} is unknown")
        return made(*[self.value(one) for one in held[1]])


class ExportedFunction(Exported):
    """An exported function, loaded: called with tensors (or arrays), it returns tensors."""

    def __call__(self, *inputs: Any) -> Any:
        """Return the results as tensors."""
        result = self.run(*[one.array if isinstance(one, Value) else one for one in inputs])
        return _tensors(result)


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
    reader = LibraryReader(bytes_of(path), path)
    found = ExportedFunction(reader.header(), reader.arrays)
    if numpy_only and found.operations:
        raise ExportError(
            f"load(numpy_only=True): {path} calls operations of retrograd: "
            + ", ".join(found.operations)
        )
    return found
