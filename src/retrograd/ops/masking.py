"""Reading and writing under boolean masks."""

from __future__ import annotations

import numpy as np

from .._core.broadcast import sum_to
from .._core.op import op
from .._core.promotion import category
from .._core.public import expect_tensor, public
from .._core.tracing import run
from .._core.value import Value
from ._arguments import c_name, scalar_name
from .indexing import place_add
from .shape import common_shape

# -- filling ------------------------------------------------------------------------------------


@op(node="MaskedFillBackward0", elementwise=True)
def masked_fill(x, mask, *, value):
    """`x` with a number where the mask is true.  (*S), (*S) -> (*S)"""
    return np.where(mask, np.asarray(value).astype(x.dtype), x)


@masked_fill.grad("x")
def masked_fill_dx(g, mask):
    return np.where(mask, 0, g)


@op(node="MaskedFillBackward1", elementwise=True, linear=True)
def masked_fill_with(x, mask, value):
    """`x` with a 0-d array where the mask is true.  (*S), (*S), () -> (*S)"""
    return np.where(mask, np.asarray(value).astype(x.dtype), x)


@masked_fill_with.grad("x")
def masked_fill_with_dx(g, mask):
    return np.where(mask, 0, g)


@masked_fill_with.grad("value")
def masked_fill_with_dvalue(g, mask):
    return np.where(mask, g, 0)


@public("masked_fill", inplace=True)
def masked_fill_front(input, mask, value):
    """Return `input` with `value`, a number or a 0-d tensor, where `mask` is true.

    The dtype stays that of `input`; shapes broadcast.
    """
    if not isinstance(input, Value):
        expect_tensor("masked_fill", input)
    expect_tensor("masked_fill", mask, "mask", 2)
    if mask.array.dtype != bool:
        raise RuntimeError(
            f"masked_fill_ only supports boolean masks, but got mask with dtype "
            f"{c_name(mask.array.dtype)}"
        )
    if isinstance(value, Value):
        if value.array.ndim:
            raise RuntimeError(
                f"masked_fill_ only supports a 0-dimensional value tensor, but got tensor with "
                f"{value.array.ndim} dimension(s)."
            )
        return filled(masked_fill_with, input, mask, value)
    dtype = input.get_dtype()
    if isinstance(value, complex) and category(dtype) < 3:
        raise RuntimeError(f"value cannot be converted to type {c_name(dtype)} without overflow")
    return filled(masked_fill, input, mask, value=value)


def filled(run, input, mask, *value, **settings):
    """Run a masked op; shapes that do not broadcast are named mask first, as PyTorch does."""
    try:
        return run(input, mask, *value, **settings)
    except ValueError:
        common_shape([mask.get_shape(), input.get_shape()])
        raise


# -- selecting and scattering -------------------------------------------------------------------


@op(node="MaskedSelectBackward0", linear=True)
def select_masked(x, mask):
    """The elements where the mask is true, in order; both broadcast.  (*S), (*S) -> (k)"""
    if x.shape != mask.shape:
        x, mask = np.broadcast_arrays(x, mask)
    return x[mask]


@select_masked.grad("x")
def select_masked_dx(g, x_shape, mask):
    shape = common_shape([tuple(mask.shape), tuple(x_shape)])
    mask = np.broadcast_to(mask, shape)
    return sum_to(place_add(g, mask, shape=shape, layout=(None,)), tuple(x_shape))


@public("masked_select", out=True)
def masked_select(input, mask):
    """Return the elements of `input` where `mask` is true, in one axis; shapes broadcast."""
    expect_tensor("masked_select", input)
    expect_tensor("masked_select", mask, "mask", 2)
    if mask.array.dtype != bool:
        raise RuntimeError("masked_select: expected BoolTensor for mask")
    if mask.get_shape() != input.get_shape():
        common_shape([mask.get_shape(), input.get_shape()])
    return select_masked(input, mask)


@op(node="MaskedScatterBackward0", linear=True)
def scatter_masked(x, mask, source):
    """`x` with the elements of `source`, in order, where the mask is true.  (*S), (*S), (k)"""
    if x.shape != mask.shape:
        x, mask = np.broadcast_arrays(x, mask)
    out = np.array(x, order="C")
    count = np.count_nonzero(mask)
    out[mask] = np.reshape(source, (-1,))[:count]
    return out


@scatter_masked.grad("x")
def scatter_masked_dx(g, mask, x_shape):
    return sum_to(np.where(mask, 0, g), tuple(x_shape))


@scatter_masked.grad("source")
def scatter_masked_dsource(g, mask, source_shape):
    taken = select_masked(g, mask)
    size = 1
    for length in source_shape:
        size *= length
    rest = np.zeros_like(g, shape=(size - taken.shape[0],))
    return np.reshape(np.concatenate((taken, rest)), tuple(source_shape))


@public("masked_scatter", inplace=True)
def masked_scatter(input, mask, source):
    """Return `input` with the first elements of `source`, in order, where `mask` is true."""
    expect_tensor("masked_scatter", input)
    expect_tensor("masked_scatter", mask, "mask", 2)
    expect_tensor("masked_scatter", source, "source", 3)
    if source.get_dtype() != input.get_dtype():
        raise RuntimeError(
            f"masked_scatter: expected self and source to have same dtypes but got"
            f"{scalar_name(input.get_dtype())} and {scalar_name(source.get_dtype())}"
        )
    if mask.array.dtype != bool:
        raise RuntimeError(
            f"masked_scatter_ only supports boolean masks, but got mask with dtype "
            f"{scalar_name(mask.array.dtype)}"
        )
    shape = common_shape([mask.get_shape(), input.get_shape()])
    run(_expect_enough, mask.array, shape, source.array.size)
    return scatter_masked(input, mask, source)


def _expect_enough(mask, shape, count):
    if np.count_nonzero(np.broadcast_to(mask, shape)) > count:
        raise RuntimeError("Number of elements of source < number of ones in mask")
