"""Convolution and transposed convolution in one, two and three dimensions.

Three operations, each the adjoint of the others, so that derivatives of every order close:
with <a, b> the sum of the products of all elements,

    <conv(x, w), y> = <x, conv_transposed(y, w)> = <w, conv_weight(x, y)>.

Shapes: x is (N, C, *S), w is (O, C / groups, *K), y is (N, O, *P).  Settings are tuples with one
number for each spatial axis.  `convolution_kernels.py` does the work.
"""

from __future__ import annotations

from math import prod

import numpy as np

from .._core.op import op
from .._core.promotion import FLOAT32, FLOAT64
from . import convolution_kernels as kernels
from .linear_algebra import conjugate_of
from .row_sums import ones_of, sum_rows

ndarray = np.ndarray
_LONGEST_SUMMED = 1 << 12


def work_dtype(dtype):
    """Return the dtype to compute in: half precision is summed in single precision."""
    if dtype is FLOAT32 or dtype is FLOAT64 or dtype.itemsize != 2 or dtype.kind in "iu":
        return dtype
    return FLOAT32


@op(node="ConvolutionBackward0")
def conv(x, w, b=None, *, stride, padding, dilation, groups):
    """Convolution.  (N, C, *S), (O, C / groups, *K), (O,) -> (N, O, *P)"""
    dtype = x.dtype
    work = work_dtype(dtype)
    if work is not dtype:
        x, w = x.astype(work), w.astype(work)
        b = None if b is None else b.astype(work)
    out = kernels.correlate(kernels.padded(x, padding), w, b, stride, dilation, groups)
    return out if work is dtype else out.astype(dtype)


@conv.grad("x")
def conv_dx(g, w, x_shape, stride, padding, dilation, groups):
    return conv_transposed(
        g,
        conjugate_of(w),
        size=tuple(x_shape[2:]),
        stride=stride,
        padding=padding,
        dilation=dilation,
        groups=groups,
    )


@conv.grad("w")
def conv_dw(g, x, w_shape, stride, padding, dilation, groups):
    return conv_weight(
        conjugate_of(x),
        g,
        kernel=tuple(w_shape[2:]),
        stride=stride,
        padding=padding,
        dilation=dilation,
        groups=groups,
    )


@conv.grad("b")
def conv_db(g):
    return sum_channels(g)


def sum_channels(g):
    """Sum over all axes but the second.  (N, O, *P) -> (O,)"""
    if type(g) is ndarray and (g.dtype is FLOAT32 or g.dtype is FLOAT64):
        count, outputs = g.shape[:2]
        places = prod(g.shape[2:])
        # See Note [Sums as products] in row_sums.py.
        if places <= _LONGEST_SUMMED:
            lines = g.reshape(count * outputs, places)
            return sum_rows(lines.dot(ones_of(places, g.dtype)).reshape(count, outputs))
    elif type(g) is ndarray and work_dtype(g.dtype) is not g.dtype:
        return sum_channels(g.astype(FLOAT32)).astype(g.dtype)
    return np.add.reduce(g, axis=(0, *range(2, len(g.shape))))


@op(node="ConvolutionBackward0")
def conv_transposed(x, w, b=None, *, size, stride, padding, dilation, groups):
    """Adjoint of convolution in its input; `size` is the spatial size of the result.

    (N, O, *P), (O, C / groups, *K), (C,) -> (N, C, *size)
    """
    dtype = x.dtype
    work = work_dtype(dtype)
    if work is not dtype:
        x, w = x.astype(work), w.astype(work)
        b = None if b is None else b.astype(work)
    sizes = tuple([n + 2 * p for n, p in zip(size, padding)])
    out = kernels.spread(x, w, sizes, stride, dilation, groups)
    if sizes != size:
        inside = [slice(p, p + n) for n, p in zip(size, padding)]
        out = np.ascontiguousarray(out[(slice(None), slice(None), *inside)])
    if b is not None:
        out += b.reshape(-1, *[1] * len(size))
    return out if work is dtype else out.astype(dtype)


def cut(x, shape):
    """Return the first `shape` of `x`.

    Where the padding of a transposed convolution's output is as large as the stride, convolving
    that output gives more places than it was made from.
    """
    return x if x.shape == shape else x[tuple([slice(0, n) for n in shape])]


@conv_transposed.grad("x")
def conv_transposed_dx(g, w, x_shape, stride, padding, dilation, groups):
    out = conv(
        g, conjugate_of(w), stride=stride, padding=padding, dilation=dilation, groups=groups
    )
    return cut(out, x_shape)


@conv_transposed.grad("w")
def conv_transposed_dw(g, x, w_shape, stride, padding, dilation, groups):
    return conv_weight(
        g,
        conjugate_of(x),
        kernel=tuple(w_shape[2:]),
        stride=stride,
        padding=padding,
        dilation=dilation,
        groups=groups,
    )


@conv_transposed.grad("b")
def conv_transposed_db(g):
    return sum_channels(g)


@op(node="ConvolutionBackwardBackward0")
def conv_weight(x, y, *, kernel, stride, padding, dilation, groups):
    """Adjoint of convolution in its weight.  (N, C, *S), (N, O, *P) -> (O, C / groups, *kernel)"""
    dtype = x.dtype
    work = work_dtype(dtype)
    if work is not dtype:
        x, y = x.astype(work), y.astype(work)
    out = kernels.weigh(kernels.padded(x, padding), y, kernel, stride, dilation, groups)
    return out if work is dtype else out.astype(dtype)


@conv_weight.grad("x")
def conv_weight_dx(g, y, x_shape, stride, padding, dilation, groups):
    return conv_transposed(
        conjugate_of(y),
        g,
        size=tuple(x_shape[2:]),
        stride=stride,
        padding=padding,
        dilation=dilation,
        groups=groups,
    )


@conv_weight.grad("y")
def conv_weight_dy(g, x, y_shape, stride, padding, dilation, groups):
    out = conv(
        conjugate_of(x), g, stride=stride, padding=padding, dilation=dilation, groups=groups
    )
    return cut(out, y_shape)
