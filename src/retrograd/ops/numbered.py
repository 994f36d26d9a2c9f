"""Slices along an axis by number: added, copied, filled, reduced."""

from __future__ import annotations

import numpy as np

from .._core.op import op
from .._core.public import expect_tensor, public
from .._core.tracing import run
from .._core.value import Value
from ._arguments import number_in, scalar_name
from ._axes import axis_of
from ._sizes import first_out_of_range, is_index, listed, out_of_range
from .indexing import add_at
from .lookup import expect_rows, expect_vector, layout_of, select_slices
from .scattering import INDEX_REDUCTIONS, expect_in_range, plain, run_reduction
from .shape import broadcast_to, reshape_to


@op(node="IndexAddBackward0", linear=True)
def add_slices(x, index, source, *, axis, alpha):
    """A copy of `x` with slices added at numbers along an axis.  (*S), (k), (*T) -> (*S)"""
    out = np.array(x, order="C")
    if alpha != 1:
        source = (source * np.asarray(alpha).astype(source.dtype)).astype(source.dtype)
    if out.ndim:
        add_at(out, layout_of(axis), (index,), source)
    else:
        out += np.sum(source)
    return out


@add_slices.grad("x")
def add_slices_dx(g):
    return g


@add_slices.grad("source")
def add_slices_dsource(g, index, source_shape, axis, alpha):
    found = np.reshape(select_slices(g, index, axis=axis), tuple(source_shape))
    return found if alpha == 1 else found * alpha


def slices_of(name, input, dim, index, source):
    """Return the axis, after the checks that all of these functions make."""
    expect_tensor(name, input)
    expect_tensor(name, index, "index", 3)
    expect_tensor(name, source, "source", 4)
    shape = input.get_shape()
    axis = axis_of(dim, len(shape))
    if index.array.ndim > 1:
        raise IndexError(
            f"{name}_(): Index is supposed to be a vector, but got dim: {index.array.ndim} with "
            f"type: {scalar_name(index.array.dtype)} and size: {listed(index.get_shape())}"
        )
    return axis


@public("index_add", inplace=True, out=True)
def index_add(input, dim, index, source, *, alpha=1):
    """Return a copy of `input` with ``alpha * source`` added to the slices numbered in `index`."""
    axis = slices_of("index_add", input, dim, index, source)
    kind = index.array.dtype
    if not is_index(kind):
        raise RuntimeError(
            f"index_add_(): Expected dtype int32/int64 for index but got: {scalar_name(kind)}"
        )
    if source.get_dtype() != input.get_dtype():
        raise RuntimeError(
            f"index_add_(): self ({scalar_name(input.get_dtype())}) and source "
            f"({scalar_name(source.get_dtype())}) must have the same scalar type"
        )
    expect_slices("index_add_", input, axis, index, source)
    shape = input.get_shape()
    if len(shape) < 2 and out_of_range(index.array, shape[0] if shape else 1):
        raise IndexError("index out of range in self")
    run(expect_in_range, index.array, axis, (shape or (1,))[axis])
    return add_slices(input, expect_vector("index_add", index), source, axis=axis, alpha=alpha)


def expect_slices(name, input, axis, index, source):
    shape = input.get_shape()
    given = source.get_shape()
    if given or not shape:
        length = given[axis] if given and axis < len(given) else 1
    elif index.array.size > 1 or index.array.ndim:
        raise IndexError(f"Dimension specified as {axis} but tensor has no dimensions")
    else:
        length = 1
    if index.array.size != length:
        raise RuntimeError(
            f"{name}(): Number of indices ({index.array.size}) should be equal to "
            f"source.size(dim): ({length}), for dim: {axis}"
        )
    others = shape[:axis] + shape[axis + 1 :]
    if len(given) != len(shape) or given[:axis] + given[axis + 1 :] != others:
        raise RuntimeError(
            f"source tensor shape must match self tensor shape, excluding the specified "
            f"dimension. Got self.shape = {listed(shape)} source.shape = {listed(given)}"
        )


def written(out):
    """Return the array to write numbered slices into: a 0-d one as a vector, in its memory."""
    return out if out.ndim else np.reshape(out, (1,))


@op(node="IndexCopyBackward0", linear=True)
def copy_slices(x, index, source, *, axis):
    """A copy of `x` with slices put at numbers along an axis.  (*S), (k), (*T) -> (*S)"""
    out = np.array(x, order="C")
    written(out)[(*(slice(None),) * axis, index)] = source
    return out


@copy_slices.grad("x")
def copy_slices_dx(g, index, axis):
    return fill_slices(g, index, value=0, axis=axis)


@copy_slices.grad("source")
def copy_slices_dsource(g, index, source_shape, axis):
    return np.reshape(select_slices(g, index, axis=axis), tuple(source_shape))


@public("index_copy", inplace=True, out=True)
def index_copy(input, dim, index, source):
    """Return a copy of `input` with the slices numbered in `index` replaced by `source`."""
    axis = slices_of("index_copy", input, dim, index, source)
    shape = input.get_shape()
    given = source.get_shape()
    if index.array.dtype != np.int64:
        raise RuntimeError(
            f"index_copy_(): Expected a long tensor for index, but got "
            f"{scalar_name(index.array.dtype)}"
        )
    if source.get_dtype() != input.get_dtype():
        raise RuntimeError(
            f"index_copy_(): self and source expected to have the same dtype, but got (self) "
            f"{scalar_name(input.get_dtype())} and (source) {scalar_name(source.get_dtype())}"
        )
    if shape and given and len(shape) != len(given):
        raise IndexError(
            f"index_copy_(): When source and destination are not scalars, their dimensionality "
            f"must match. Source dimensionality ({len(given)}), destination dimensionality "
            f"({len(shape)})"
        )
    if given:
        others = shape[:axis] + shape[axis + 1 :]
        have = given[:axis] + given[axis + 1 :]
        if others != have:
            words = " ".join([str(n) for n in others])
            found = " ".join([str(n) for n in have])
            raise RuntimeError(
                f"index_copy_(): Source/destination tensor must have same slice shapes. "
                f"Destination slice shape: {words} at dimension {axis} and source slice shape: "
                f"{found} at dimension {axis}."
            )
    length = given[axis] if given else 1
    if index.array.size != length:
        raise IndexError(
            f"index_copy_(): Number of indices ({index.array.size}) should be equal to "
            f"source.size(dim) ({length})"
        )
    run(_expect_copied, index.array, axis, (shape or (1,))[axis])
    return copy_slices(input, expect_vector("index_copy", index), source, axis=axis)


def _expect_copied(array, axis, size):
    if out_of_range(array, size):
        wrong = first_out_of_range(array, size)
        raise IndexError(
            f"index_copy_(): index {wrong} is out of bounds for dimension {axis} with size {size}"
        )


@op(node="IndexFillBackward0")
def fill_slices(x, index, *, value, axis):
    """A copy of `x` with a number in the slices numbered in `index`.  (*S), (k) -> (*S)"""
    out = np.array(x, order="C")
    written(out)[(*(slice(None),) * axis, index)] = value
    return out


@fill_slices.grad("x")
def fill_slices_dx(g, index, axis):
    return fill_slices(g, index, value=0, axis=axis)


@fill_slices.jvp
def fill_slices_jvp(tangents, x, index, out, value, axis):
    return fill_slices(tangents[0], index, value=0, axis=axis)


@op(node="IndexFillBackward1", linear=True)
def fill_slices_with(x, index, value, *, axis):
    """A copy of `x` with a 0-d array in the slices numbered in `index`.  (*S), (k), () -> (*S)"""
    out = np.array(x, order="C")
    written(out)[(*(slice(None),) * axis, index)] = value
    return out


@fill_slices_with.grad("x")
def fill_slices_with_dx(g, index, axis):
    return fill_slices(g, index, value=0, axis=axis)


@fill_slices_with.grad("value")
def fill_slices_with_dvalue(g, index, axis):
    nothing = np.zeros(g.shape)
    filled = fill_slices(nothing, plain(index), value=1, axis=axis)
    return np.sum(np.where(filled != 0, g, 0))


def _expect_places(array, axis, size):
    if out_of_range(array, size) and (array.min() < -size or array.max() >= size):
        wrong = array[(array < -size) | (array >= size)].flat[0]
        raise IndexError(f"index {wrong} is out of bounds for dimension {axis} with size {size}")


@public("index_fill", inplace=True)
def index_fill(input, dim, index, value):
    """Return a copy of `input` with `value`, a number or a 0-d tensor, in numbered slices."""
    expect_tensor("index_fill", input)
    expect_tensor("index_fill", index, "index", 3)
    shape = input.get_shape()
    axis = axis_of(dim, len(shape))
    if index.array.dtype != np.int64:
        raise IndexError("index_fill_(): Expected dtype int64 for index.")
    if index.array.ndim > 1:
        raise RuntimeError("Index has to be a vector/scalar")
    if isinstance(value, Value) and value.array.ndim:
        raise RuntimeError(
            f"index_fill_ only supports a 0-dimensional value tensor, but got tensor with "
            f"{value.array.ndim} dimension(s)."
        )
    size = (shape or (1,))[axis]
    run(_expect_places, index.array, axis, size)
    index = expect_vector("index_fill", index)
    if isinstance(value, Value):
        return fill_slices_with(input, index, value, axis=axis)
    number = number_in(value, input.get_dtype())
    return fill_slices(input, index, value=number, axis=axis)


@public("index_reduce", inplace=True, out=True)
def index_reduce(input, dim, index, source, reduce, *, include_self=True):
    """Return `input` with the slices numbered in `index` combined with those of `source`.

    Parameters
    ----------
    reduce : {"prod", "mean", "amax", "amin"}
    include_self : bool
        Whether the slices of `input` that are written to take part.
    """
    axis = slices_of("index_reduce", input, dim, index, source)
    if reduce not in ("prod", "mean", "amax", "amin"):
        raise RuntimeError(
            f"index_reduce(): Expected reduce to be one of prod, mean, amax or amin but got "
            f"{reduce}."
        )
    expect_slices("index_reduce_", input, axis, index, source)
    shape = input.get_shape()
    run(expect_rows, index.array, (shape or (1,))[axis])
    spread = [1] * max(len(shape), 1)
    spread[axis] = -1
    places = broadcast_to(reshape_to(index, tuple(spread)), shape=source.get_shape() or (1,))
    places = index.make(run(np.ascontiguousarray, places.array))
    return run_reduction(INDEX_REDUCTIONS, input, places, source, axis, reduce, include_self)
