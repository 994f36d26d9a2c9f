"""Average pooling: avg_pool1d to avg_pool3d, and windows that share out an axis evenly."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from .._core.op import op
from .._core.public import expect_tensor, public
from .pool_windows import (
    at_axis,
    axis_taps,
    expect_axes,
    numbers,
    product,
    refuse_kind,
    taps_of,
    whole,
    windows_for,
)
from .row_sums import sum_matrix

# -- kernels ------------------------------------------------------------------------------------


def window_sums(x, windows):
    """Sum each window.  (*S, *sizes) -> (*S, *out)"""
    dims = len(windows.sizes)
    for axis in range(dims):
        x = sums_along(x, windows, axis, dims)
    return x


def sums_along(x, windows, axis, dims):
    """Sum windows along one of the last `dims` axes."""
    if whole(windows, axis):
        if axis == dims - 1 and x.flags.c_contiguous and x.itemsize > 2 and x.dtype.kind == "f":
            rows = np.reshape(x, (product(x.shape[:-1]), x.shape[-1]))
            return np.reshape(sum_matrix(rows, 1, True), (*x.shape[:-1], 1))
        return np.add.reduce(x, axis=axis - dims, keepdims=True)
    taps = axis_taps(windows, axis)
    complete = [x[at_axis(source, axis, dims)] for source, target in taps if target is None]
    if len(complete) > 1:
        out = complete[0] + complete[1]
    elif complete:
        out = np.array(complete[0], order="C")
    else:
        shape = list(x.shape)
        shape[axis - dims] = windows.out[axis]
        out = np.zeros(shape, x.dtype)
    for one in complete[2:]:
        out += one
    for source, target in taps:
        if target is not None:
            out[at_axis(target, axis, dims)] += x[at_axis(source, axis, dims)]
    return out


def spread_windows(g, windows):
    """Add each window's number to all of its elements.  (*S, *out) -> (*S, *sizes)"""
    dims = len(windows.sizes)
    for axis in range(dims - 1, -1, -1):
        g = spread_along(g, windows, axis, dims)
    return g


def spread_along(g, windows, axis, dims):
    """Add windows' numbers to their elements along one of the last `dims` axes."""
    shape = list(g.shape)
    shape[axis - dims] = windows.sizes[axis]
    taps = axis_taps(windows, axis)
    if whole(windows, axis):
        out = np.empty(shape, g.dtype)
        out[...] = g
        return out
    covering = taps_of(windows).covering
    out = np.empty(shape, g.dtype) if covering else np.zeros(shape, g.dtype)
    for source, target in taps:
        given = g if target is None else g[at_axis(target, axis, dims)]
        if covering:
            out[at_axis(source, axis, dims)] = given
        else:
            out[at_axis(source, axis, dims)] += given
    return out


@lru_cache(maxsize=256)
def divisors(windows, include_pad, divisor):
    """Return what the sums are divided by: a number, or an array over the windows."""
    if divisor is not None:
        return divisor
    counts = []
    for size, kernel, stride, padding, _, out in zip(*windows):
        starts = np.arange(out) * stride - padding
        ends = np.minimum(starts + kernel, size + padding)
        if not include_pad:
            starts, ends = np.maximum(starts, 0), np.minimum(ends, size)
        counts.append(ends - starts)
    if all((one == one[0]).all() for one in counts):
        return product([int(one[0]) for one in counts])
    total = counts[0]
    for one in counts[1:]:
        total = total[..., None] * one
    return total


def over(sums, windows, include_pad, divisor):
    """Divide sums, or gradients, of the windows by their divisors."""
    by = divisors(windows, include_pad, divisor)
    if sums.dtype.kind == "f":
        return sums / (by if isinstance(by, int) else by.astype(sums.dtype))
    # Towards zero, as C does.
    found = np.abs(sums) // np.abs(by)
    return found * np.sign(sums) * np.sign(by)


def means(x, windows, include_pad, divisor):
    """Return the mean of each window.  (*S, *sizes) -> (*S, *out)"""
    if x.itemsize > 2:
        return over(window_sums(x, windows), windows, include_pad, divisor)
    wide = over(window_sums(x.astype(np.float32), windows), windows, include_pad, divisor)
    return wide.astype(x.dtype)


# -- the operations -----------------------------------------------------------------------------


def average_pooling(name, node):
    """Define an average pooling and its adjoint."""

    def kernel(x, *, windows, include_pad, divisor):
        return means(x, windows, include_pad, divisor)

    def adjoint_kernel(x, *, windows, include_pad, divisor):
        return spread_windows(over(x, windows, include_pad, divisor), windows)

    forward = op(name=name, node=node, linear=True)(kernel)
    adjoint = op(name=name + "_backward", node=node[:-1] + "Backward0", linear=True)(
        adjoint_kernel
    )

    @forward.grad("x")
    def kernel_dx(g, windows, include_pad, divisor):
        return adjoint(g, windows=windows, include_pad=include_pad, divisor=divisor)

    @adjoint.grad("x")
    def adjoint_dx(g, windows, include_pad, divisor):
        return forward(g, windows=windows, include_pad=include_pad, divisor=divisor)

    return forward


# One operation each: for sequences PyTorch adds an axis, pools images and takes it away.
_OPS = {
    1: average_pooling("avg_pool1d", "SqueezeBackward1"),
    2: average_pooling("avg_pool2d", "AvgPool2DBackward0"),
    3: average_pooling("avg_pool3d", "AvgPool3DBackward0"),
}


# -- the public forms ---------------------------------------------------------------------------


def avg_pool(
    function, dims, input, kernel_size, stride, padding, ceil_mode, include_pad, divisor
):
    """Check the arguments of an average pooling and run it."""
    expect_tensor(function, input)
    given = (
        numbers(function, "kernel_size", 2, kernel_size),
        () if stride is None else numbers(function, "stride", 3, stride),
        numbers(function, "padding", 4, padding),
    )
    shape = input.get_shape()
    ndim = len(shape)
    if dims == 1:
        expect_axes(function, ndim)
    elif dims == 2 and ndim < 3:
        raise IndexError(
            f"Dimension out of range (expected to be in range of [-{ndim}, {ndim - 1}], but got -3)"
            if ndim
            else "Dimension specified as -3 but tensor has no dimensions"
        )
    elif dims == 3 and ndim not in (4, 5):
        raise RuntimeError("non-empty 4D or 5D (batch mode) tensor expected for input")
    if divisor == 0:
        raise RuntimeError("divisor must be not zero")
    windows = windows_for(function, tuple(shape), dims, False, *given, (1,), bool(ceil_mode))
    dtype = input.get_dtype()
    if dtype.kind != "f" and dtype != np.int64:
        refuse_kind("avg_pool3d_out_frame" if dims == 3 else "avg_pool2d", dtype)
    return _OPS[dims](input, windows=windows, include_pad=bool(include_pad), divisor=divisor)


@public("avg_pool1d", method=False)
@public("avg_pool1d", method=False, namespace="nn.functional")
def avg_pool1d(
    input, kernel_size, stride=None, padding=0, ceil_mode=False, count_include_pad=True
):
    """Mean of each window of a sequence.  (*N, c, m) -> (*N, c, m')

    Parameters
    ----------
    input : Tensor
    kernel_size : int
    stride : int, optional
        `kernel_size` by default.
    padding : int
        How many zeros are put at both ends, up to half a window.
    ceil_mode : bool
        Whether a window may begin inside and end outside.
    count_include_pad : bool
        Whether these zeros count as elements.
    """
    return avg_pool(
        "avg_pool1d", 1, input, kernel_size, stride, padding, ceil_mode, count_include_pad, None
    )


@public("avg_pool2d", method=False, out=True, namespace="nn.functional")
def avg_pool2d(
    input,
    kernel_size,
    stride=None,
    padding=0,
    ceil_mode=False,
    count_include_pad=True,
    divisor_override=None,
):
    """Mean of each window of an image.  (*N, c, h, w) -> (*N, c, h', w')

    The arguments are `avg_pool1d`'s, each one number or two; sums are divided by
    `divisor_override` where it is given.
    """
    return avg_pool(
        "avg_pool2d", 2, input, kernel_size, stride, padding, ceil_mode, count_include_pad,
        divisor_override,
    )  # fmt: skip


@public("avg_pool3d", method=False, out=True, namespace="nn.functional")
def avg_pool3d(
    input,
    kernel_size,
    stride=None,
    padding=0,
    ceil_mode=False,
    count_include_pad=True,
    divisor_override=None,
):
    """Mean of each window of a volume.  (*N, c, d, h, w) -> (*N, c, d', h', w')

    The arguments are `avg_pool2d`'s, each one number or three.
    """
    return avg_pool(
        "avg_pool3d", 3, input, kernel_size, stride, padding, ceil_mode, count_include_pad,
        divisor_override,
    )  # fmt: skip
