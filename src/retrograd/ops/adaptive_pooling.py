"""Adaptive pooling: as many windows as are asked for, sharing out each axis as evenly as can be.

Where they share it out exactly they are the windows of ordinary pooling.  Else a mean is a matrix
along each axis, and the largest elements are looked up by number.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from .._core.op import op
from .._core.public import expect_tensor, public
from .._core.tracing import run
from ._sizes import listed
from .average_pooling import average_pooling
from .max_pooling import max_pooling
from .plane_lookup import take_op
from .pool_windows import Windows, expect_axes, numbers, refuse_kind
from .reduction import mean_front
from .winners import adaptive_tables, winners


def equal_windows(sizes, out):
    """Return windows that cut axes into equal parts, None where they do not."""
    if any(count == 0 or size % count for size, count in zip(sizes, out)):
        return None
    kernel = tuple([size // count for size, count in zip(sizes, out)])
    dims = len(kernel)
    return Windows(sizes, kernel, kernel, (0,) * dims, (1,) * dims, out)


# -- means --------------------------------------------------------------------------------------


@lru_cache(maxsize=128)
def matrix_of_means(size, count, dtype):
    """Return the matrix that takes the means of windows along an axis.  -> (count, size)"""
    (table,) = adaptive_tables((size,), (count,))
    places = np.arange(size)
    inside = (places >= table[:, :1]) & (places <= table[:, -1:])
    return inside.astype(dtype) / np.add.reduce(inside, axis=1, keepdims=True).astype(dtype)


def through_matrices(x, sizes, out, turned):
    """Apply the matrix of every axis, or its transpose."""
    dtype = x.dtype
    wide = np.dtype(np.float32) if dtype.itemsize == 2 else dtype
    dims = len(sizes)
    x = x.astype(wide, copy=False)
    for axis in range(dims):
        if sizes[axis] != out[axis]:
            matrix = matrix_of_means(sizes[axis], out[axis], wide)
            along = np.moveaxis(x, axis - dims, -1)
            x = np.moveaxis(np.matmul(along, matrix if turned else matrix.T), -1, axis - dims)
    return np.array(x, dtype, order="C")


def uneven_average(name, node):
    """Define the means of windows of different sizes, and their adjoint."""

    def kernel(x, *, sizes, counts):
        return through_matrices(x, sizes, counts, False)

    def adjoint_kernel(x, *, sizes, counts):
        return through_matrices(x, sizes, counts, True)

    forward = op(name=name, node=node, linear=True)(kernel)
    adjoint = op(name=name + "_backward", node=node[:-1] + "Backward0", linear=True)(
        adjoint_kernel
    )

    @forward.grad("x")
    def kernel_dx(g, sizes, counts):
        return adjoint(g, sizes=sizes, counts=counts)

    @adjoint.grad("x")
    def adjoint_dx(g, sizes, counts):
        return forward(g, sizes=sizes, counts=counts)

    return forward


_MEAN_NODES = {
    1: "SqueezeBackward1",
    2: "AdaptiveAvgPool2DBackward0",
    3: "AdaptiveAvgPool3DBackward0",
}
_EVEN_MEANS = {
    n: average_pooling(f"adaptive_avg_pool{n}d", node) for n, node in _MEAN_NODES.items()
}
_UNEVEN_MEANS = {
    n: uneven_average(f"uneven_avg_pool{n}d", node) for n, node in _MEAN_NODES.items()
}


def adaptive_avg_pool(function, dims, input, output_size):
    """Check the arguments of an adaptive average pooling and run it."""
    expect_tensor(function, input)
    out = numbers(function, "output_size", 2, output_size)
    shape = tuple(input.get_shape())
    # One axis counts as two, the first of size 1.
    shown = (*shape[:-1], 1, shape[-1]) if dims == 1 and shape else shape
    name = f"adaptive_avg_pool{max(dims, 2)}d"
    if dims == 1:
        expect_axes(function, len(shape))
        if len(out) != 1:
            raise RuntimeError(
                f"{function}() argument 'output_size' should contain one int (got {len(out)})"
            )
    elif len(out) not in (1, dims):
        raise RuntimeError(f"{name}: output_size must be {dims}")
    if len(out) == 1:
        out = out * dims
    if min(out) < 0:
        asked = "{" + {1: "1, {}", 2: "{}, {}", 3: "{}, {},{}"}[dims].format(*out) + "}"
        raise RuntimeError(
            f"{name}: elements of output_size must be greater than or equal to 0 but received "
            f"{asked}"
        )
    if dims > 1 and len(shape) not in (dims + 1, dims + 2):
        raise RuntimeError(
            f"{name}(): Expected {dims + 1}D or {dims + 2}D tensor, but got {listed(shape)}"
        )
    expect_no_empty(name, shown, len(shown) - max(dims, 2) if dims < 3 else 1)
    dtype = input.get_dtype()
    if max(out) == min(out) == 1 and (dims > 1 or dtype.kind != "f"):
        return mean_front(input, dim=tuple(range(-dims, 0)), keepdim=True)
    if dtype.kind != "f":
        refuse_kind("adaptive_avg_pool3d_cpu" if dims == 3 else "adaptive_avg_pool2d", dtype)
    sizes = shape[len(shape) - dims :]
    windows = equal_windows(sizes, out)
    if windows is None:
        return _UNEVEN_MEANS[dims](input, sizes=sizes, counts=out)
    return _EVEN_MEANS[dims](input, windows=windows, include_pad=True, divisor=None)


def expect_no_empty(name, shape, first):
    """Refuse an empty axis from `first` on."""
    for axis in range(first, len(shape)):
        if shape[axis] == 0:
            raise RuntimeError(
                f"{name}(): Expected input to have non-zero size for non-batch dimensions, but "
                f"input has sizes {listed(shape)} with dimension {axis} being empty"
            )


@public("adaptive_avg_pool1d", method=False)
@public("adaptive_avg_pool1d", method=False, namespace="nn.functional")
def adaptive_avg_pool1d(input, output_size):
    """Means of windows that share out a sequence evenly.  (*N, c, m) -> (*N, c, output_size)"""
    return adaptive_avg_pool("adaptive_avg_pool1d", 1, input, output_size)


# -- largest elements ---------------------------------------------------------------------------

_MAX_NODES = {
    1: "SqueezeBackward1",
    2: "AdaptiveMaxPool2DBackward0",
    3: "AdaptiveMaxPool3DBackward0",
}
_EVEN_MAXIMA = {
    n: max_pooling(f"adaptive_max_pool{n}d", node) for n, node in _MAX_NODES.items()
}
_UNEVEN_MAXIMA = {n: take_op(f"uneven_max_pool{n}d", node) for n, node in _MAX_NODES.items()}


def adaptive_max_pool(function, dims, input, output_size, indices):
    """Check the arguments of an adaptive max pooling and run it."""
    expect_tensor(function, input)
    out = numbers(function, "output_size", 2, output_size)
    shape = tuple(input.get_shape())
    if dims == 1:
        expect_axes(function, len(shape))
    elif len(shape) not in (dims + 1, dims + 2):
        raise RuntimeError(
            f"{function}(): Expected {dims + 1}D or {dims + 2}D tensor, but got: {listed(shape)}"
        )
    if dims == 1 and len(out) != 1:
        raise RuntimeError(
            f"{function}() argument 'output_size' should contain one int (got {len(out)})"
        )
    expect_no_empty(function, shape, 1)
    if len(out) not in (1, dims):
        raise RuntimeError(f"{function}(): internal error: output_size.size() must be {dims}")
    if len(out) == 1:
        out = out * dims
    if min(out) < 0:
        wanted = [*shape[: len(shape) - dims], *([1] if dims == 1 else []), *out]
        raise RuntimeError(
            f"Trying to create tensor with negative dimension {min(out)}: {listed(wanted)}"
        )
    dtype = input.get_dtype()
    if dtype.kind != "f":
        refuse_kind("adaptive_max_pool3d_cpu" if dims == 3 else "adaptive_max_pool2d", dtype)
    sizes = shape[len(shape) - dims :]
    windows = equal_windows(sizes, out)
    if windows is not None:
        return _EVEN_MAXIMA[dims][1 if indices else 0](input, windows=windows)
    places = run(_places, input.array, sizes, out)
    values = _UNEVEN_MAXIMA[dims](input, places, dims=dims)
    return (values, input.make(places)) if indices else values


def _places(x, sizes, out):
    return winners(x, adaptive_tables(sizes, out))[1]


@public("adaptive_max_pool1d", method=False)
def adaptive_max_pool1d(input, output_size):
    """Largest elements of windows that share out a sequence evenly, and their places.

    (*N, c, m) -> (*N, c, output_size) twice
    """
    return adaptive_max_pool("adaptive_max_pool1d", 1, input, output_size, True)
