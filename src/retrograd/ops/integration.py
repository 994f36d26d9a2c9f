"""Trapezoidal rules: integrals of samples, whole and running."""

from __future__ import annotations

import numpy as np

from .._core.public import expect_tensor, public
from .._core.tracing import constant
from .._core.value import Value
from ._axes import axis_of
from .reduction import sum as sum_over
from .scan import along, cumsum, difference
from .shape import reshaped


def _samples(function, y, x, dim):
    """Check the arguments; return the axis and the widths of the intervals, None without x."""
    shape = expect_tensor(function, y, "y").get_shape()
    if not shape:
        raise IndexError(f"Dimension specified as {dim} but tensor has no dimensions")
    axis = axis_of(dim, len(shape))
    if x is None:
        return axis, None
    if not isinstance(x, Value):
        raise TypeError(
            f"{function}(): argument 'x' (position 2) must be Tensor, not {type(x).__name__}; "
            "a spacing is given as dx="
        )
    there = x.get_shape()
    if len(there) == 1:
        if there[0] != shape[axis]:
            raise RuntimeError(f"{function}: There must be one `x` value for each sample point")
        widths = difference(x, axis=0)
        after = (1,) * (len(shape) - axis - 1)
        return axis, reshaped(widths, (there[0] - 1, *after))
    own = axis - len(shape) + len(there)
    if there[own] != shape[axis]:
        raise RuntimeError(f"{function}: There must be one `x` value for each sample point")
    return axis, difference(x, axis=own)


@public("trapezoid", method=False, aliases=("trapz",))
def trapezoid(y, x=None, *, dx=None, dim=-1):
    """Integral of samples along `dim` by the trapezoidal rule.

    Parameters
    ----------
    y : Tensor
        The samples.
    x : Tensor, optional
        Where they were taken: one-dimensional, or one for each sample.
    dx : float, optional
        Their distance, 1 by default.
    """
    axis, widths = _samples("trapezoid", y, x, dim)
    size = y.get_shape()[axis]
    if size == 0:
        return sum_over(y, axis=(axis,))
    if widths is None:
        ends = y[along(axis, 0, 1)] + y[along(axis, -1, None)]
        inside = sum_over(y, axis=(axis,)) - sum_over(ends, axis=(axis,)) * 0.5
        return inside * (1 if dx is None else dx)
    pairs = y[along(axis, 1, None)] + y[along(axis, None, -1)]
    areas = widths * pairs
    return sum_over(areas, axis=(areas.array.ndim - y.array.ndim + axis,)) / 2.0


@public("cumulative_trapezoid", method=False)
def cumulative_trapezoid(y, x=None, *, dx=None, dim=-1):
    """Running integral of samples along `dim`; arguments as for `trapezoid`."""
    axis, widths = _samples("cumulative_trapezoid", y, x, dim)
    pairs = y[along(axis, 1, None)] + y[along(axis, None, -1)]
    if widths is None:
        return cumsum(pairs * ((1 if dx is None else dx) / 2.0), axis=axis)
    areas = widths * pairs
    return cumsum(areas, axis=areas.array.ndim - y.array.ndim + axis) / 2.0


@public("vander", method=False)
def vander(x, N=None, increasing=False):
    """Matrix whose columns are powers of a vector, falling unless `increasing`."""
    if len(expect_tensor("vander", x, "x").get_shape()) != 1:
        raise RuntimeError("x must be a one-dimensional tensor.")
    count = x.get_shape()[0] if N is None else N
    if count < 0:
        raise RuntimeError("N must be non-negative.")
    powers = list(range(count)) if increasing else list(range(count - 1, -1, -1))
    return _powers(x, powers)


@public("vander", namespace="linalg", method=False)
def linalg_vander(x, *, N=None):
    """Matrices whose columns are rising powers of vectors.  (*B, n) -> (*B, n, N)"""
    shape = expect_tensor("linalg_vander", x, "x").get_shape()
    count = shape[-1] if N is None else N
    if count <= 1:
        raise RuntimeError("N must be greater than 1.")
    return _powers(x, list(range(count)))


def _powers(x, powers):
    column = reshaped(x, (*x.get_shape(), 1))
    array = np.asarray(powers, dtype=x.get_dtype() if powers else np.float32)
    exponents = x.make(constant(array))
    return column**exponents
