"""Library: gives operations on large arrays kernels of machine code, where there are some.

`provide` is what `_core/library.py` asks, once for each kernel in a process.  In mode "auto" it
gives what the cache holds and has the rest made in the background, for later processes: so nothing
waits for a compiler, and no result changes within a process.
"""

from __future__ import annotations

import contextlib
import os
import sys
import traceback
from collections.abc import Callable
from typing import Any

import numpy as np

from .._core.library import library
from ..ops.row_sums import ones_of
from . import backends, library_sources, numba_backend
from .native import Code

MOST_BOUND = 64  # sets of sizes that a kernel is kept bound to
CHUNKS = 8  # parts of a sum over rows, whose order is always the same
SHORTEST_RUN = 16  # of a channel: below, a loop for each costs more than NumPy's passes


def provide(key: str) -> Any:
    """Return the function that computes by a kernel, None where there is none in this process.

    Parameters
    ----------
    key : str
        A name of `library_sources.SOURCES` with "f" for float32 or "d" for float64.
    """
    if not backends.available():
        library.missing = True
        library.settle()
        return None
    name, kind = key[:-1], key[-1]
    try:
        source = library_sources.source_of(name, kind)
        if library.mode == "always":
            return FUNCTIONS[name](Bound(numba_backend.build(*source)))
        code = numba_backend.find(*source)
        if code is not None:
            return FUNCTIONS[name](Bound(code))
        numba_backend.submit(lambda: make(source))
    except Exception:  # whatever is wrong with a compiler or a cache, NumPy computes
        if os.environ.get("RETROGRAD_LOGS"):
            traceback.print_exc(file=sys.stderr)
    return None


def make(source: tuple[str, tuple[str, ...], int]) -> None:
    """Put a kernel into the cache."""
    with contextlib.suppress(Exception):
        numba_backend.build(*source)


def prepare() -> int:
    """Make every kernel of the library now, and return how many there are."""
    count = 0
    for name in library_sources.SOURCES:
        for kind in "fd":
            numba_backend.build(*library_sources.source_of(name, kind))
            count += 1
    return count


class Bound:
    """A kernel, and its builtins for the sizes seen last."""

    def __init__(self, code: Code) -> None:
        self.code = code
        self.made: dict[tuple[int, ...], Any] = {}

    def run(self, numbers: tuple[int, ...], sizes: tuple[int, ...], *arguments: Any) -> bool:
        """Run the kernel; say whether it has run."""
        found = self.made.get(numbers)
        if found is None:
            if len(self.made) >= MOST_BOUND:
                self.made.clear()
            found = self.made[numbers] = self.code.bind(numbers, sizes, release=True)
        return not found(*arguments)


# -- elementwise ----------------------------------------------------------------------------------


def of_one(kernel: Bound) -> Callable[..., Any]:
    def compute(x: Any) -> Any:
        size = x.size
        out = np.empty(x.shape, x.dtype)
        return out if kernel.run((0, size), (size, size), x, out) else None

    return compute


def of_two(kernel: Bound) -> Callable[..., Any]:
    def compute(g: Any, x: Any) -> Any:
        if g.shape != x.shape:
            return None
        size = x.size
        out = np.empty(x.shape, x.dtype)
        return out if kernel.run((0, size), (size, size, size), g, x, out) else None

    return compute


# -- rows -----------------------------------------------------------------------------------------


def split(x: Any) -> tuple[int, int]:
    """Return how many rows an array has, and how long they are."""
    columns = x.shape[-1]
    return x.size // columns, columns


def of_rows(kernel: Bound) -> Callable[..., Any]:
    def compute(x: Any) -> Any:
        count, columns = split(x)
        out = np.empty(x.shape, x.dtype)
        return out if kernel.run((0, count, columns), (x.size, x.size), x, out) else None

    return compute


def of_two_rows(kernel: Bound) -> Callable[..., Any]:
    def compute(g: Any, y: Any) -> Any:
        if g.shape != y.shape:
            return None
        count, columns = split(y)
        out = np.empty(y.shape, y.dtype)
        sizes = (y.size, y.size, y.size)
        return out if kernel.run((0, count, columns), sizes, g, y, out) else None

    return compute


def attention(kernel: Bound) -> Callable[..., Any]:
    def compute(scores: Any, causal: bool, blind: float) -> Any:
        """Work in the memory of `scores`."""
        count, columns = split(scores)
        numbers = (0, count, columns, scores.shape[-2] if causal else 0)
        return scores if kernel.run(numbers, (0, scores.size), float(blind), scores) else None

    return compute


def row_moments(kernel: Bound) -> Callable[..., Any]:
    def compute(x: Any) -> Any:
        count, columns = split(x)
        mean, variance = np.empty(count, x.dtype), np.empty(count, x.dtype)
        sizes = (x.size, count, count)
        done = kernel.run((0, count, columns), sizes, x, mean, variance)
        return (mean, variance) if done else None

    return compute


def row_squares(kernel: Bound) -> Callable[..., Any]:
    def compute(x: Any) -> Any:
        count, columns = split(x)
        squares = np.empty(count, x.dtype)
        return squares if kernel.run((0, count, columns), (x.size, count), x, squares) else None

    return compute


def vector(w: Any, size: int, dtype: Any, number: int) -> Any:
    """Return a parameter as it is, or the same number everywhere where there is none."""
    if w is not None:
        return w
    return ones_of(size, dtype) if number else np.zeros(size, dtype)


def normalise_rows(kernel: Bound) -> Callable[..., Any]:
    def compute(x: Any, w: Any, b: Any, mean: Any, rstd: Any) -> Any:
        count, columns = split(x)
        w, b = vector(w, columns, x.dtype, 1), vector(b, columns, x.dtype, 0)
        mean = vector(mean, count, x.dtype, 0)
        out = np.empty(x.shape, x.dtype)
        sizes = (x.size, columns, columns, count, count, x.size)
        done = kernel.run((0, count, columns), sizes, x, w, b, mean, rstd, out)
        return out if done else None

    return compute


def rows_backward(kernel: Bound) -> Callable[..., Any]:
    def compute(g: Any, x: Any, w: Any, mean: Any, rstd: Any) -> Any:
        count, columns = split(x)
        centred = 0 if mean is None else 1
        w, mean = vector(w, columns, x.dtype, 1), vector(mean, count, x.dtype, 0)
        dx = np.empty(x.shape, x.dtype)
        sums = np.zeros((CHUNKS, 2, columns))
        sizes = (x.size, x.size, columns, count, count, x.size, *(columns,) * 4)
        step = -(-count // CHUNKS)
        for place, first in enumerate(range(0, count, step)):
            numbers = (first, min(first + step, count), columns, centred)
            if not kernel.run(numbers, sizes, g, x, w, mean, rstd, dx, *sums[place]):
                return None
        dw, db = np.add.reduce(sums, axis=0).astype(x.dtype)
        return dx, dw, db

    return compute


# -- channels -------------------------------------------------------------------------------------


def channel_moments(kernel: Bound) -> Callable[..., Any]:
    def compute(x: Any, together: int) -> Any:
        count, channels, run = x.shape
        if run * together < SHORTEST_RUN:
            return None
        groups = channels // together
        mean, variance = np.empty(groups, x.dtype), np.empty(groups, x.dtype)
        numbers = (0, groups, count, channels, run, together)
        done = kernel.run(numbers, (x.size, groups, groups), x, mean, variance)
        return (mean, variance) if done else None

    return compute


def normalise_channels(kernel: Bound) -> Callable[..., Any]:
    def compute(x: Any, scale: Any, shift: Any) -> Any:
        count, channels, run = x.shape
        if run < SHORTEST_RUN:
            return None
        out = np.empty(x.shape, x.dtype)
        numbers, sizes = (0, count * channels, channels, run), (x.size, channels, channels, x.size)
        return out if kernel.run(numbers, sizes, x, scale, shift, out) else None

    return compute


def channel_sums(kernel: Bound) -> Callable[..., Any]:
    def compute(g: Any, x: Any, mean: Any) -> Any:
        count, channels, run = x.shape
        if run < SHORTEST_RUN:
            return None
        sums, slopes = np.empty(channels, x.dtype), np.empty(channels, x.dtype)
        numbers = (0, channels, count, channels, run)
        sizes = (x.size, x.size, channels, channels, channels)
        return (sums, slopes) if kernel.run(numbers, sizes, g, x, mean, sums, slopes) else None

    return compute


def channels_backward(kernel: Bound) -> Callable[..., Any]:
    def compute(g: Any, x: Any, factor: Any, slope: Any, shift: Any) -> Any:
        count, channels, run = x.shape
        if run < SHORTEST_RUN:
            return None
        dx = np.empty(x.shape, x.dtype)
        numbers = (0, count * channels, channels, run)
        sizes = (x.size, x.size, channels, channels, channels, x.size)
        return dx if kernel.run(numbers, sizes, g, x, factor, slope, shift, dx) else None

    return compute


# -- optimizers -----------------------------------------------------------------------------------


def plain(numbers: tuple[Any, ...]) -> tuple[float, ...] | None:
    """Return settings as Python's floats; None where one is none: NumPy would promote by it."""
    if all(type(one) is float or type(one) is int for one in numbers):
        return tuple([float(one) for one in numbers])
    return None


def updates(kernel: Bound) -> Callable[..., Any]:
    """Return what updates a parameter and its state in place, as an optimizer's `update` does."""

    def compute(param: Any, grad: Any, states: list[Any], switches: Any, numbers: Any) -> Any:
        settings = plain(numbers)
        if settings is None:
            return None
        size = param.size
        chosen = tuple([int(one) for one in switches])
        sizes = (*(0,) * len(settings), *(size,) * (2 + len(states)))
        arrays = (param, grad, *states)
        return True if kernel.run((0, size, *chosen), sizes, *settings, *arrays) else None

    return compute


def adam(kernel: Bound) -> Callable[..., Any]:
    update = updates(kernel)

    def compute(param: Any, grad: Any, states: list[Any], switches: Any, numbers: Any) -> Any:
        if len(states) != 2:  # amsgrad
            return None
        return update(param, grad, states, switches, numbers)

    return compute


def sgd(kernel: Bound) -> Callable[..., Any]:
    update = updates(kernel)

    def compute(param: Any, grad: Any, states: list[Any], switches: Any, numbers: Any) -> Any:
        lr, _, _, weight_decay = numbers
        return update(param, grad, states, switches[:2], (lr, weight_decay))

    return compute


FUNCTIONS: dict[str, Callable[[Bound], Callable[..., Any]]] = {
    "gelu": of_one,
    "gelu_dx": of_two,
    "gelu_tanh": of_one,
    "gelu_tanh_dx": of_two,
    "silu": of_one,
    "silu_dx": of_two,
    "softmax": of_rows,
    "attention": attention,
    "log_softmax": of_rows,
    "softmax_adjoint": of_two_rows,
    "log_softmax_dx": of_two_rows,
    "row_moments": row_moments,
    "row_squares": row_squares,
    "normalise_rows": normalise_rows,
    "rows_backward": rows_backward,
    "channel_moments": channel_moments,
    "normalise_channels": normalise_channels,
    "channel_sums": channel_sums,
    "channels_backward": channels_backward,
    "adam": adam,
    "sgd": sgd,
    "sgd_momentum": updates,
}
