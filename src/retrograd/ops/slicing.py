"""Parts along one axis by name: select, narrow, and copies with such a part replaced."""

from __future__ import annotations

import numpy as np

from .._core.op import op
from .._core.public import expect_tensor, public
from .._core.value import Value
from ._axes import axis_of
from ._sizes import listed, required
from .indexing import (
    ALL,
    place,
    select_view,
    setitem,
    setitem_dvalue,
    setitem_dx,
    slice_view,
)

# -- named forms of basic indices ---------------------------------------------------------------


def axis_and_shape(name, input, dim):
    expect_tensor(name, input)
    shape = input.get_shape()
    return axis_of(dim, len(shape)), shape


@public("select")
def select(input, dim=None, index=None, *, axis=None):
    """Return slice number `index` along an axis, without the axis; a view."""
    expect_tensor("select", input)
    if not input.get_shape():
        raise IndexError("select() cannot be applied to a 0-dim tensor.")
    axis, shape = axis_and_shape("select", input, required("select", axis if dim is None else dim))
    number = select_index(required("select", index, "index").__index__(), shape, axis)
    return select_view(input, index=((ALL,) * axis + (number, ...)))


def select_index(number, shape, axis):
    if not -shape[axis] <= number < shape[axis]:
        raise IndexError(
            f"select(): index {number} out of range for tensor of size {listed(shape)} at "
            f"dimension {axis}"
        )
    return number


def narrow_index(input, dim, start, length):
    if not input.get_shape():
        raise RuntimeError("narrow() cannot be applied to a 0-dim tensor.")
    length = length.__index__() if isinstance(length, Value) else length
    if length < 0:
        raise RuntimeError("narrow(): length must be non-negative.")
    axis, shape = axis_and_shape("narrow", input, dim)
    if isinstance(start, Value):
        if start.array.ndim or start.array.dtype.kind not in "iu":
            raise RuntimeError("start must be an 0-dim integral Tensor.")
        start = int(start)
    size = shape[axis]
    first = start.__index__()
    if not -size <= first <= size:
        raise IndexError(
            f"start out of range (expected to be in range of [{-size}, {size}], but got {first})"
        )
    if first < 0:
        first += size
    if first + length > size:
        raise RuntimeError(f"start ({first}) + length ({length}) exceeds dimension size ({size}).")
    return (*(ALL,) * axis, slice(first, first + length))


@public("narrow")
def narrow(input, dim, start, length):
    """Return `length` slices along an axis from `start` on; a view."""
    expect_tensor("narrow", input)
    return slice_view(input, index=narrow_index(input, dim, start, length))


@op(node="NarrowCopyBackward0", linear=True)
def slice_copy(x, *, index):
    """A copy of the part that a basic index names.  (*S) -> (*S')"""
    return np.copy(x[index])


@slice_copy.grad("x")
def slice_copy_dx(g, x_shape, index):
    return place(g, shape=x_shape, index=index)


@public("narrow_copy", out=True)
def narrow_copy(input, dim, start, length):
    """Return a copy of `length` slices along an axis from `start` on."""
    expect_tensor("narrow_copy", input)
    return slice_copy(input, index=narrow_index(input, dim, start, length))


# -- copies with a part replaced ----------------------------------------------------------------


def put_op(name, node):
    made = op(name=name, node=node, linear=True)(setitem.function)
    made.grad("x")(setitem_dx)
    made.grad("value")(setitem_dvalue)
    return made


select_put = put_op("select_put", "SelectScatterBackward0")
slice_put = put_op("slice_put", "SliceScatterBackward0")


def expect_part(src, place):
    if src.get_shape() != place:
        raise RuntimeError(
            f"expected src to have a size equal to the slice of self. src size = "
            f"{listed(src.get_shape())}, slice size = {listed(place)}"
        )


@public("select_scatter")
def select_scatter(input, src, dim, index):
    """Return a copy of `input` with `src` as slice number `index` along an axis."""
    expect_tensor("select_scatter", src, "src", 2)
    axis, shape = axis_and_shape("select_scatter", input, dim)
    number = select_index(index.__index__(), shape, axis)
    expect_part(src, shape[:axis] + shape[axis + 1 :])
    return select_put(input, src, index=(*(ALL,) * axis, number))


@public("slice_scatter", out=True)
def slice_scatter(input, src, dim=0, start=None, end=None, step=1):
    """Return a copy of `input` with `src` at ``start:end:step`` along an axis."""
    expect_tensor("slice_scatter", src, "src", 2)
    axis, shape = axis_and_shape("slice_scatter", input, dim)
    if step <= 0:
        raise RuntimeError("slice step must be positive")
    part = slice(start, end, step)
    count = len(range(*part.indices(shape[axis])))
    expect_part(src, (*shape[:axis], count, *shape[axis + 1 :]))
    return slice_put(input, src, index=(*(ALL,) * axis, part))
