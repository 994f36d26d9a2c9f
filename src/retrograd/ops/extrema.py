"""Largest and smallest elements and where they are.

Ties: `amax`, `amin`, `aminmax`, and `max` and `min` of everything share the gradient evenly among
the elements that tie; `max` and `min` along a dimension give it to the one that they name.
"""

from __future__ import annotations

import numpy as np

from .._core.op import op, registry
from .._core.public import expect_tensor, public
from .._core.value import Value
from . import _returns
from ._arguments import numpy_names
from ._axes import axes_of, axis_of, spread
from .along import put_reduced, take_at
from .copying import cast
from .reduction import sum as sum_over


def share(g, x, out, dtype, axis, keepdims, shape):
    """Share the gradient of an extremum evenly among the elements equal to it; nan for nan."""
    hit = cast(x == spread(out, axis, keepdims, shape), dtype=dtype)
    return spread(g, axis, keepdims, shape) / sum_over(hit, axis=axis, keepdims=True) * hit


def share_all(g, x, out, dtype):
    """Share the gradient of an element chosen of all among those equal to it, nan among nan."""
    hit = cast((x == out) | (np.isnan(x) & np.isnan(out)), dtype=dtype)
    return g / sum_over(hit) * hit


# -- amax and amin ------------------------------------------------------------------------------


@op(numpy=(np.max, np.amax), node="AmaxBackward0")
def amax(x, *, axis=None, keepdims=False):
    """Largest element.  (*S) -> S without axis.  Ties share the gradient evenly."""
    return np.max(x, axis=axis, keepdims=keepdims)


@amax.grad("x")
def amax_dx(g, x, out, x_dtype, x_shape, axis, keepdims):
    return share(g, x, out, x_dtype, axis, keepdims, x_shape)


@op(numpy=(np.min, np.amin), node="AminBackward0")
def amin(x, *, axis=None, keepdims=False):
    """Smallest element.  (*S) -> S without axis.  Ties share the gradient evenly."""
    return np.min(x, axis=axis, keepdims=keepdims)


@amin.grad("x")
def amin_dx(g, x, out, x_dtype, x_shape, axis, keepdims):
    return share(g, x, out, x_dtype, axis, keepdims, x_shape)


def _expect_elements(function, input, axes):
    shape = input.get_shape()
    if 0 not in shape:
        return
    if axes is None:
        raise RuntimeError(
            f"{function}(): Expected reduction dim to be specified for input.numel() == 0. "
            "Specify the reduction dim with the 'dim' argument."
        )
    for axis in axes:
        if shape[axis] == 0:
            raise IndexError(f"{function}(): Expected reduction dim {axis} to have non-zero size.")


@public("amax", out=True)
@numpy_names
def amax_front(input, dim=(), keepdim=False):
    """Largest element over all, or over `dim`; ties share the gradient evenly."""
    axes = axes_of(dim, len(expect_tensor("amax", input).get_shape()))
    _expect_elements("amax", input, axes)
    return amax(input, axis=axes, keepdims=keepdim)


@public("amin", out=True)
@numpy_names
def amin_front(input, dim=(), keepdim=False):
    """Smallest element over all, or over `dim`; ties share the gradient evenly."""
    axes = axes_of(dim, len(expect_tensor("amin", input).get_shape()))
    _expect_elements("amin", input, axes)
    return amin(input, axis=axes, keepdims=keepdim)


# -- aminmax ------------------------------------------------------------------------------------


@op(name="aminmax", node="AminmaxBackward0")
def aminmax(x, *, axis=None, keepdims=False):
    """Smallest and largest element.  (*S) -> two of S without axis.  Ties share evenly."""
    low = np.min(x, axis=axis, keepdims=keepdims)
    return low, np.max(x, axis=axis, keepdims=keepdims)


@aminmax.grad("x")
def aminmax_dx(g, x, out, x_dtype, x_shape, axis, keepdims):
    low = share(g[0], x, out[0], x_dtype, axis, keepdims, x_shape)
    return low + share(g[1], x, out[1], x_dtype, axis, keepdims, x_shape)


@public("aminmax", out=True)
@numpy_names
def aminmax_front(input, *, dim=None, keepdim=False):
    """Smallest and largest element over all, or along `dim`, as a named tuple ``(min, max)``."""
    shape = expect_tensor("aminmax", input).get_shape()
    axes = None
    if dim is not None:
        axes = (axis_of(dim, len(shape)),) if shape else ()
    if 0 in shape:
        if axes is None:
            raise RuntimeError(
                "aminmax(): cannot compute aminmax over an empty dimension as the operation has "
                "no identity."
            )
        if shape[axes[0]] == 0:
            raise IndexError(f"aminmax: Expected reduction dim {axes[0]} to have non-zero size.")
    return _returns.aminmax(*aminmax(input, axis=axes, keepdims=keepdim))


# -- max and min --------------------------------------------------------------------------------


@op(node="MaxBackward1")
def max_all(x):
    """Largest element of all.  (*S) -> ().  Ties share the gradient evenly."""
    return np.max(x)


@max_all.grad("x")
def max_all_dx(g, x, out, x_dtype):
    return share_all(g, x, out, x_dtype)


@op(node="MinBackward1")
def min_all(x):
    """Smallest element of all.  (*S) -> ().  Ties share the gradient evenly."""
    return np.min(x)


@min_all.grad("x")
def min_all_dx(g, x, out, x_dtype):
    return share_all(g, x, out, x_dtype)


def pick(x, index, axis, keepdims):
    """Return the elements at an index that has the axis with size 1, and that index."""
    values = take_at(x, index, axis)
    if keepdims:
        return values, index
    return np.squeeze(values, axis=axis), np.squeeze(index, axis=axis)


@op(node="MaxBackward0", differentiable=(0,))
def max_along(x, *, axis, keepdims=False):
    """Largest elements along an axis and the index of the first of each.  nan is largest."""
    if x.ndim == 0:
        return np.array(x), np.zeros_like(x, dtype=np.int64)
    return pick(x, np.argmax(x, axis=axis, keepdims=True), axis, keepdims)


@max_along.grad("x")
def max_along_dx(g, out, x_shape, axis, keepdims):
    return put_reduced(g[0], out[1], axis, keepdims, x_shape)


@op(node="MinBackward0", differentiable=(0,))
def min_along(x, *, axis, keepdims=False):
    """Smallest elements along an axis and the index of the first of each.  nan is smallest."""
    if x.ndim == 0:
        return np.array(x), np.zeros_like(x, dtype=np.int64)
    return pick(x, np.argmin(x, axis=axis, keepdims=True), axis, keepdims)


@min_along.grad("x")
def min_along_dx(g, out, x_shape, axis, keepdims):
    return put_reduced(g[0], out[1], axis, keepdims, x_shape)


def _along(op, function, result, input, dim, keepdim):
    axis = axis_of(dim, len(input.get_shape()))
    _expect_elements(function, input, (axis,) if input.get_shape() else ())
    if type(keepdim) is not bool:
        raise TypeError(
            f"{function}(): argument 'keepdim' (position 2) must be bool, "
            f"not {type(keepdim).__name__}"
        )
    return result(*op(input, axis=axis, keepdims=keepdim))


@public("max", out=True)
@numpy_names
def max_front(input, dim=None, keepdim=False, *, other=None):
    """Largest element of all; along `dim`, with its index; or elementwise of two tensors.

    Parameters
    ----------
    input : Tensor
    dim : int or Tensor, optional
        A dimension: the result is a named tuple ``(values, indices)`` and each gradient goes to
        the element named.  A tensor: the elementwise maximum with it.  Without it the one
        largest element is returned and elements that tie share its gradient evenly.
    keepdim : bool
        Keep the dimension with size 1.
    """
    expect_tensor("max", input)
    if isinstance(dim, Value):
        other = dim
    if other is not None:
        return registry["maximum"](input, other)
    if dim is None:
        _expect_elements("max", input, None)
        return max_all(input)
    return _along(max_along, "max", _returns.max, input, dim, keepdim)


@public("min", out=True)
@numpy_names
def min_front(input, dim=None, keepdim=False, *, other=None):
    """Smallest element of all; along `dim`, with its index; or elementwise of two tensors.

    As `max`, for the smallest.
    """
    expect_tensor("min", input)
    if isinstance(dim, Value):
        other = dim
    if other is not None:
        return registry["minimum"](input, other)
    if dim is None:
        _expect_elements("min", input, None)
        return min_all(input)
    return _along(min_along, "min", _returns.min, input, dim, keepdim)


# -- where they are -----------------------------------------------------------------------------


@op(numpy=np.argmax)
def argmax(x, *, axis=None, keepdims=False):
    """Index of the first largest element, in the flattened array without an axis."""
    return np.argmax(x, axis=axis, keepdims=keepdims)


@op(numpy=np.argmin)
def argmin(x, *, axis=None, keepdims=False):
    """Index of the first smallest element, in the flattened array without an axis."""
    return np.argmin(x, axis=axis, keepdims=keepdims)


def _index_of(op, function, input, dim, keepdim):
    shape = expect_tensor(function, input).get_shape()
    if input.get_dtype().kind == "b":
        raise RuntimeError(f"{function}(): does not support bool input")
    if dim is None:
        if 0 in shape:
            raise IndexError(
                f"{function}(): Expected reduction dim to be specified for input.numel() == 0."
            )
        return op(input, axis=None, keepdims=keepdim)
    axis = axis_of(dim, len(shape))
    _expect_elements(function, input, (axis,) if shape else ())
    return op(input, axis=axis if shape else None, keepdims=keepdim)


@public("argmax", out=True)
@numpy_names
def argmax_front(input, dim=None, keepdim=False):
    """Index of the first largest element: of all, flattened, or along `dim`."""
    return _index_of(argmax, "argmax", input, dim, keepdim)


@public("argmin", out=True)
@numpy_names
def argmin_front(input, dim=None, keepdim=False):
    """Index of the first smallest element: of all, flattened, or along `dim`."""
    return _index_of(argmin, "argmin", input, dim, keepdim)
