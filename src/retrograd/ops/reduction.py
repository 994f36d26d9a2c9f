"""Sums, means, products; logical reductions; log-sum-exp."""

from __future__ import annotations

from math import prod as product_of

import numpy as np

from .._core.op import FLOAT, op
from .._core.promotion import FLOAT32, FLOAT64
from .._core.public import expect_tensor, public
from .._core.tracing import run
from .._core.value import Value
from ._arguments import numpy_dtype, numpy_names, renamed, scalar_name
from ._axes import axes_of, axis_of, spread
from .copying import cast
from .row_sums import sum_matrix

# A gradient spread over more elements than this stays a view that repeats it.
_MATERIALIZE = 1 << 16


def spread_over(g, axis, keepdims, shape):
    """Spread the gradient of a reduction over the axes that the reduction took away.

    Small results are real arrays: what reads them next reads contiguous memory.
    """
    if type(g) is not np.ndarray and not isinstance(g, np.generic):
        return np.broadcast_to(spread(g, axis, keepdims, shape), shape)
    if axis is not None and not keepdims:
        axis = (axis,) if isinstance(axis, int) else axis
        g = g.reshape([1 if n in axis else size for n, size in enumerate(shape)])
    if product_of(shape) > _MATERIALIZE:
        return np.broadcast_to(g, shape)
    out = np.empty(shape, g.dtype)
    out[...] = g
    return out


def reduced_count(shape, axis):
    """Return how many elements one element of a reduction stands for."""
    if axis is None:
        return product_of(shape)
    if isinstance(axis, int):
        return shape[axis]
    return product_of([shape[n] for n in axis])


# -- sums ---------------------------------------------------------------------------------------


def add_up(x, axis, keepdims):
    """Sum an array in PyTorch's types: small floats accumulate in float32, integers in int64."""
    dtype = x.dtype
    if dtype is FLOAT32 or dtype is FLOAT64:
        if axis is not None and type(x) is np.ndarray and x.ndim == 2:
            at = axis if type(axis) is int else axis[0] if len(axis) == 1 else None
            if at in (0, 1):
                return sum_matrix(x, at, keepdims)
        return np.add.reduce(x, axis=axis, keepdims=keepdims)
    if dtype.kind in "bui":
        return np.add.reduce(x, axis=axis, keepdims=keepdims, dtype=np.int64)
    if dtype.itemsize == 2:  # float16, bfloat16
        return np.add.reduce(x.astype(FLOAT32), axis=axis, keepdims=keepdims).astype(dtype)
    return np.add.reduce(x, axis=axis, keepdims=keepdims)


@op(node="SumBackward0", linear=True)
def sum_all(x):
    """Sum of all elements.  (*S) -> ()"""
    return add_up(x, None, False)


@sum_all.grad("x")
def sum_all_dx(g, x_shape):
    return spread_over(g, None, False, x_shape)


@op(numpy=np.sum, node="SumBackward1", linear=True)
def sum(x, *, axis=None, keepdims=False):
    """Sum over axes.  (*S) -> S without axis"""
    return add_up(x, axis, keepdims)


@sum.grad("x")
def sum_dx(g, x_shape, axis, keepdims):
    return spread_over(g, axis, keepdims, x_shape)


@public("sum", out=True)
def sum_front(input, dim=None, keepdim=False, *, dtype=None, **numpy_spelling):
    """Sum over all elements, or over `dim`.

    Parameters
    ----------
    input : Tensor
    dim : int or tuple of int, optional
        The dimensions to reduce; all by default (an empty tuple too).
    keepdim : bool
        Keep them with size 1.
    dtype : dtype, optional
        What to sum in.  Integers and bools sum to int64 otherwise.

    Examples
    --------
    >>> import retrograd as torch
    >>> torch.tensor([[1.0, 2.0], [3.0, 4.0]]).sum(dim=1)
    tensor([3., 7.])
    """
    if dim is None and dtype is None and not keepdim and not numpy_spelling:
        if isinstance(input, Value):
            return sum_all(input)
        expect_tensor("sum", input)
    if numpy_spelling:
        settings = renamed("sum", numpy_spelling, dim=dim, keepdim=keepdim)
        return sum_front(input, **settings, dtype=dtype)
    input = _as_dtype("sum", input, dtype)
    if dim is None and not keepdim:
        return sum_all(input)
    axes = axes_of(dim, len(input.get_shape()))
    return sum(input, axis=axes, keepdims=keepdim)


def _as_dtype(function, input, dtype):
    expect_tensor(function, input)
    wanted = numpy_dtype(dtype)
    if wanted is not None and input.get_dtype() != wanted:
        return cast(input, dtype=wanted)
    return input


@op(numpy=np.nansum, node="NansumBackward0")
def nansum(x, *, axis=None, keepdims=False):
    """Sum over axes with nan counted as 0.  (*S) -> S without axis"""
    return add_up(np.where(np.isnan(x), np.zeros_like(x), x), axis, keepdims)


@nansum.grad("x")
def nansum_dx(g, x, x_shape, axis, keepdims):
    return spread_over(g, axis, keepdims, x_shape) * ~np.isnan(x)


@public("nansum", out=True)
@numpy_names
def nansum_front(input, dim=None, keepdim=False, *, dtype=None):
    """Sum over all elements or over `dim`, with nan counted as 0."""
    input = _as_dtype("nansum", input, dtype)
    if input.get_dtype().kind in "bui":
        return sum_front(input, dim, keepdim)
    return nansum(input, axis=axes_of(dim, len(input.get_shape())), keepdims=keepdim)


# -- means --------------------------------------------------------------------------------------


@op(node="MeanBackward0", linear=True)
def mean_all(x):
    """Mean of all elements.  (*S) -> ()"""
    return add_up(x, None, False) / product_of(x.shape)


@mean_all.grad("x")
def mean_all_dx(g, x_shape):
    return spread_over(g / (product_of(x_shape) or 1), None, False, x_shape)


@op(numpy=np.mean, node="MeanBackward1", linear=True)
def mean(x, *, axis=None, keepdims=False):
    """Mean over axes; of nothing it is nan.  (*S) -> S without axis"""
    return add_up(x, axis, keepdims) / reduced_count(x.shape, axis)


@mean.grad("x")
def mean_dx(g, x_shape, axis, keepdims):
    return spread_over(g / (reduced_count(x_shape, axis) or 1), axis, keepdims, x_shape)


@public("mean", out=True)
def mean_front(input, dim=None, keepdim=False, *, dtype=None, **numpy_spelling):
    """Mean over all elements, or over `dim`; floating and complex only.

    Parameters
    ----------
    input : Tensor
    dim : int or tuple of int, optional
        The dimensions to reduce; all by default (an empty tuple too).
    keepdim : bool
        Keep them with size 1.
    dtype : dtype, optional
        What to compute in.

    Raises
    ------
    RuntimeError
        For integers and bools without `dtype`, as in PyTorch.
    """
    plain = dim is None and dtype is None and not keepdim and not numpy_spelling
    if plain and isinstance(input, Value) and input.get_dtype().kind in "fc":
        return mean_all(input)
    if numpy_spelling:
        settings = renamed("mean", numpy_spelling, dim=dim, keepdim=keepdim)
        return mean_front(input, **settings, dtype=dtype)
    input = _as_dtype("mean", input, dtype)
    if input.get_dtype().kind in "bui":
        raise RuntimeError(
            "mean(): could not infer output dtype. Input dtype must be either a floating point or "
            f"complex dtype. Got: {scalar_name(input.get_dtype())}"
        )
    if dim is None and not keepdim:
        return mean_all(input)
    axes = axes_of(dim, len(input.get_shape()))
    return mean(input, axis=axes, keepdims=keepdim)


@public("nanmean", out=True)
@numpy_names
def nanmean(input, dim=None, keepdim=False, *, dtype=None):
    """Mean over all elements or over `dim`, nan left out; of nothing it is nan."""
    input = _as_dtype("nanmean", input, dtype)
    if input.get_dtype().kind in "bui":
        raise RuntimeError(
            "nanmean(): expected input to have floating point or complex dtype but got "
            f"{scalar_name(input.get_dtype())}"
        )
    axes = axes_of(dim, len(input.get_shape()))
    total = nansum(input, axis=axes, keepdims=keepdim)
    return total / input.make(run(_count_numbers, input.array, axes, keepdim))


def _count_numbers(array, axes, keepdims):
    found = np.add.reduce(~np.isnan(array), axis=axes, keepdims=keepdims, dtype=np.int64)
    return np.asarray(found)


# -- products -----------------------------------------------------------------------------------


def multiply_up(x, axis, keepdims):
    """Multiply in PyTorch's types: integers and bools in int64, small floats in float32."""
    dtype = x.dtype
    if dtype.kind in "bui":
        return np.multiply.reduce(x, axis=axis, keepdims=keepdims, dtype=np.int64)
    if dtype.itemsize == 2:
        return np.multiply.reduce(x.astype(FLOAT32), axis=axis, keepdims=keepdims).astype(dtype)
    return np.multiply.reduce(x, axis=axis, keepdims=keepdims)


@op(node="ProdBackward0")
def prod_all(x):
    """Product of all elements.  (*S) -> ()"""
    return multiply_up(x, None, False)


@prod_all.grad("x")
def prod_all_dx(g, x, x_shape):
    flat = product_of_others(np.reshape(x, (-1,)), axis=0)
    return g * np.reshape(flat, x_shape)


@op(numpy=np.prod, node="ProdBackward1")
def prod(x, *, axis=None, keepdims=False):
    """Product over axes.  (*S) -> S without axis"""
    return multiply_up(x, axis, keepdims)


@prod.grad("x")
def prod_dx(g, x, x_shape, axis, keepdims):
    g = spread(g, axis, keepdims, x_shape)
    if isinstance(axis, int):
        return g * product_of_others(x, axis=axis)
    ndim = len(x_shape)
    reduced = tuple(range(ndim)) if axis is None else axis
    order = [n for n in range(ndim) if n not in reduced] + list(reduced)
    there = np.transpose(x, order)
    flat = np.reshape(there, (*[x_shape[n] for n in order[: ndim - len(reduced)]], -1))
    others = np.reshape(product_of_others(flat, axis=flat.ndim - 1), there.shape)
    return g * np.transpose(others, [order.index(n) for n in range(ndim)])


@op
def product_of_others(x, *, axis):
    """For every element, the product of the others along an axis; exact at zeros.  (*S) -> (*S)"""
    size = x.shape[axis]
    if size < 2:
        return np.ones_like(x)
    first = (slice(None),) * axis
    ones = np.ones_like(x[(*first, slice(0, 1))])
    before = np.cumprod(x[(*first, slice(0, -1))], axis=axis)
    after = np.flip(np.cumprod(np.flip(x[(*first, slice(1, None))], axis), axis=axis), axis)
    return np.concatenate([ones, before], axis) * np.concatenate([after, ones], axis)


@product_of_others.grad("x")
def product_of_others_dx(g, x, out, axis):
    # d out[i] / d x[j] is the product of all but i and j.
    if bool(np.all(x != 0)):
        whole = g * out
        return (np.sum(whole, axis=axis, keepdims=True) - whole) / x
    # A square of copies of x, 1 on the diagonal: row i lacks x[i].
    size = x.shape[axis]
    shape = (*[1] * (axis + 1), size, *[1] * (x.ndim - axis - 1))
    eye = np.reshape(np.eye(size, dtype=bool), (*[1] * axis, size, *shape[axis + 1 :]))
    square = np.where(eye, 1.0, np.expand_dims(x, axis))
    without_both = product_of_others(square, axis=axis + 1)
    apart = np.where(eye, 0.0, without_both)
    return np.sum(np.expand_dims(g, axis + 1) * apart, axis=axis)


@public("prod", out=True)
@numpy_names
def prod_front(input, dim=None, keepdim=False, *, dtype=None):
    """Product of all elements, or along `dim`; its gradient is exact at zeros."""
    input = _as_dtype("prod", input, dtype)
    if dim is None:
        return prod_all(input)
    ndim = len(input.get_shape())
    axis = axis_of(dim, ndim)
    return prod(input, axis=axis if ndim else (), keepdims=keepdim)


# -- logical reductions -------------------------------------------------------------------------


@op(numpy=np.all)
def all(x, *, axis=None, keepdims=False):
    """Whether every element is true (uint8 answers in uint8).  (*S) -> S without axis"""
    out = np.all(x, axis=axis, keepdims=keepdims)
    return out.astype(np.uint8) if x.dtype == np.uint8 else out


@op(numpy=np.any)
def any(x, *, axis=None, keepdims=False):
    """Whether some element is true (uint8 answers in uint8).  (*S) -> S without axis"""
    out = np.any(x, axis=axis, keepdims=keepdims)
    return out.astype(np.uint8) if x.dtype == np.uint8 else out


def _logical(op, function, input, dim, keepdim):
    expect_tensor(function, input)
    if dim is None:
        return op(input, axis=None, keepdims=keepdim)
    if isinstance(dim, (tuple, list)):
        # An empty tuple reduces nothing here, unlike in sum.
        axes = axes_of(dim, len(input.get_shape())) or ()
        return op(input, axis=axes, keepdims=keepdim)
    return op(input, axis=axes_of(dim, len(input.get_shape())), keepdims=keepdim)


@public("all", out=True)
@numpy_names
def all_front(input, dim=None, keepdim=False):
    """Whether all elements, or all along `dim`, are true."""
    return _logical(all, "all", input, dim, keepdim)


@public("any", out=True)
@numpy_names
def any_front(input, dim=None, keepdim=False):
    """Whether any element, or any along `dim`, is true."""
    return _logical(any, "any", input, dim, keepdim)


@op(numpy=np.count_nonzero)
def count_nonzero(x, *, axis=None, keepdims=False):
    """How many elements are not zero, int64.  (*S) -> S without axis"""
    return np.add.reduce(x != 0, axis=axis, keepdims=keepdims, dtype=np.int64)


@public("count_nonzero")
@numpy_names
def count_nonzero_front(input, dim=None):
    """How many elements are not zero, over all or over `dim`."""
    expect_tensor("count_nonzero", input)
    return count_nonzero(input, axis=axes_of(dim, len(input.get_shape())))


# -- log-sum-exp --------------------------------------------------------------------------------


@op(node="LogsumexpBackward0", promote=FLOAT)
def logsumexp(x, *, axis=None, keepdims=False):
    """log(sum(exp(x))) over axes, without overflow.  (*S) -> S without axis"""
    if reduced_count(x.shape, axis) == 0:
        return np.log(np.add.reduce(x, axis=axis, keepdims=keepdims))
    peak = np.max(np.real(x) if x.dtype.kind == "c" else x, axis=axis, keepdims=True)
    # An infinite peak must not become inf - inf.
    peak = np.where(np.isfinite(peak), peak, np.zeros_like(peak))
    total = np.log(add_up(np.exp(x - peak), axis, keepdims))
    return total + (peak if keepdims else np.squeeze(peak, axis=axis))


@logsumexp.grad("x")
def logsumexp_dx(g, x, out, x_shape, axis, keepdims):
    # Where every element is -inf, out is -inf too, and PyTorch takes the difference as it comes.
    out = spread(out, axis, keepdims, x_shape)
    return spread(g, axis, keepdims, x_shape) * np.exp(x - out)


@public("logsumexp", out=True)
@numpy_names
def logsumexp_front(input, dim, keepdim=False):
    """log(sum(exp(input))) over `dim`, computed without overflow."""
    expect_tensor("logsumexp", input)
    return logsumexp(input, axis=axes_of(dim, len(input.get_shape())), keepdims=keepdim)
