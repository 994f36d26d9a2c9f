"""Running sums, products and extremes along an axis; differences of neighbours."""

from __future__ import annotations

import numpy as np

from .._core.op import op
from .._core.promotion import FLOAT32
from .._core.public import expect_tensor, public
from . import _returns
from ._arguments import numpy_dtype, numpy_names, scalar_name
from ._axes import axis_of
from .along import add_along
from .copying import cast, copy


def along(axis, start, stop):
    """Return the index that slices an axis."""
    return (*(slice(None),) * axis, slice(start, stop))


def accumulate(ufunc, x, axis):
    """Accumulate in PyTorch's types: integers and bools in int64, small floats in float32."""
    if x.ndim == 0:
        return ufunc.reduce(x, axis=(), dtype=np.int64 if x.dtype.kind in "bui" else None)
    if x.dtype.kind in "bui":
        return ufunc.accumulate(x, axis=axis, dtype=np.int64)
    if x.dtype.itemsize == 2:
        return ufunc.accumulate(x.astype(FLOAT32), axis=axis).astype(x.dtype)
    return ufunc.accumulate(x, axis=axis)


# -- sums and products --------------------------------------------------------------------------


@op(node="CumsumBackward0", linear=True)
def cumsum(x, *, axis):
    """Running sum along an axis.  (*S) -> (*S)"""
    return accumulate(np.add, x, axis)


@cumsum.grad("x")
def cumsum_dx(g, axis):
    return reverse_cumsum(g, axis=axis)


@op(node="CumsumBackward0", linear=True)
def reverse_cumsum(x, *, axis):
    """Sum of an element and all after it: the adjoint of `cumsum`.  (*S) -> (*S)"""
    if x.ndim == 0:
        return np.array(x)
    return np.flip(accumulate(np.add, np.flip(x, axis), axis), axis)


@reverse_cumsum.grad("x")
def reverse_cumsum_dx(g, axis):
    return cumsum(g, axis=axis)


@op(node="CumprodBackward0")
def cumprod(x, *, axis):
    """Running product along an axis; its gradient is exact at zeros.  (*S) -> (*S)"""
    return accumulate(np.multiply, x, axis)


@cumprod.grad("x")
def cumprod_dx(g, x, out, x_shape, axis):
    if len(x_shape) == 0:
        return g
    if bool(np.all(x != 0)):
        return reverse_cumsum(g * out, axis=axis) / x
    return cumprod_dx_at_zeros(g, x, axis)


def cumprod_dx_at_zeros(g, x, axis):
    """Return the gradient of a running product without dividing by its factors.

    With s[j] = g[j] + x[j+1] s[j+1], the gradient is out[j-1] s[j].  The loop runs over the axis;
    it is made of recorded operations, so every order of derivative is exact.
    """
    size = x.shape[axis]
    tail = g[along(axis, size - 1, size)]
    sums = [tail]
    for j in range(size - 2, -1, -1):
        tail = g[along(axis, j, j + 1)] + x[along(axis, j + 1, j + 2)] * tail
        sums.append(tail)
    sums = np.concatenate(sums[::-1], axis)
    ones = np.ones_like(x[along(axis, 0, 1)])
    before = np.concatenate([ones, cumprod(x[along(axis, 0, -1)], axis=axis)], axis)
    return before * sums


def _scan_front(op, function, input, dim, dtype):
    expect_tensor(function, input)
    axis = axis_of(dim, len(input.get_shape()))
    wanted = numpy_dtype(dtype)
    if wanted is not None and input.get_dtype() != wanted:
        input = cast(input, dtype=wanted)
    result = op(input, axis=axis)
    if wanted is not None and result.get_dtype() != wanted:
        result = cast(result, dtype=wanted)
    return result


@public("cumsum", out=True, inplace=True)
@numpy_names
def cumsum_front(input, dim, *, dtype=None):
    """Running sum along `dim`; integers and bools sum to int64 unless `dtype` says otherwise."""
    return _scan_front(cumsum, "cumsum", input, dim, dtype)


@public("cumprod", out=True, inplace=True)
@numpy_names
def cumprod_front(input, dim, *, dtype=None):
    """Running product along `dim`; its gradient is exact at zeros."""
    return _scan_front(cumprod, "cumprod", input, dim, dtype)


# -- extremes -----------------------------------------------------------------------------------


def running(ufunc, x, axis):
    """Return running extremes and the index of the last element equal to each (or nan)."""
    if x.ndim == 0:
        return np.array(x), np.zeros_like(x, dtype=np.int64)
    values = ufunc.accumulate(x, axis=axis)
    place = np.reshape(np.arange(x.shape[axis]), (-1, *(1,) * (x.ndim - axis - 1)))
    reached = np.where((x == values) | np.isnan(x), place, 0)
    return values, np.maximum.accumulate(reached, axis=axis)


@op(node="CummaxBackward0", differentiable=(0,))
def cummax(x, *, axis):
    """Running maxima along an axis and their indices, the last of those that tie; nan stays."""
    return running(np.maximum, x, axis)


@cummax.grad("x")
def cummax_dx(g, out, x_shape, axis):
    return add_along(g[0], out[1], axis=axis, shape=x_shape)


@op(node="CumminBackward0", differentiable=(0,))
def cummin(x, *, axis):
    """Running minima along an axis and their indices, the last of those that tie; nan stays."""
    return running(np.minimum, x, axis)


@cummin.grad("x")
def cummin_dx(g, out, x_shape, axis):
    return add_along(g[0], out[1], axis=axis, shape=x_shape)


@public("cummax", out=True)
@numpy_names
def cummax_front(input, dim):
    """Running maxima along `dim` and their indices, as a named tuple ``(values, indices)``."""
    axis = axis_of(dim, len(expect_tensor("cummax", input).get_shape()))
    return _returns.cummax(*cummax(input, axis=axis))


@public("cummin", out=True)
@numpy_names
def cummin_front(input, dim):
    """Running minima along `dim` and their indices, as a named tuple ``(values, indices)``."""
    axis = axis_of(dim, len(expect_tensor("cummin", input).get_shape()))
    return _returns.cummin(*cummin(input, axis=axis))


# -- log-sum-exp --------------------------------------------------------------------------------


@op(node="LogcumsumexpBackward0")
def logcumsumexp(x, *, axis):
    """log of the running sum of exp(x) along an axis, without overflow.  (*S) -> (*S)"""
    return accumulate(np.logaddexp, x, axis)


@logcumsumexp.grad("x")
def logcumsumexp_dx(g, x, out, x_shape, axis):
    return g if len(x_shape) == 0 else tail_sums(g, x, out, axis=axis)


@op
def tail_sums(w, x, total, *, axis):
    """Sums over i >= j of w[i] exp(x[j] - total[i]), where total is logcumsumexp(x) or above.

    They are computed in logarithms, for each sign of w, so that nothing overflows.
    """
    up, down = log_parts(w)
    up = np.flip(np.logaddexp.accumulate(np.flip(up - total, axis), axis=axis), axis)
    down = np.flip(np.logaddexp.accumulate(np.flip(down - total, axis), axis=axis), axis)
    return np.exp(up + x) - np.exp(down + x)


@tail_sums.grads("w", "x", "total")
def tail_sums_d(g, w, x, total, out, axis):
    heads = head_sums(g, x, total, axis=axis)
    return heads, g * out, -w * heads


@op
def head_sums(w, x, total, *, axis):
    """Sums over j <= i of w[j] exp(x[j] - total[i]): the adjoint of `tail_sums` in w."""
    up, down = log_parts(w)
    up = np.logaddexp.accumulate(up + x, axis=axis)
    down = np.logaddexp.accumulate(down + x, axis=axis)
    return np.exp(up - total) - np.exp(down - total)


@head_sums.grads("w", "x", "total")
def head_sums_d(g, w, x, total, out, axis):
    tails = tail_sums(g, x, total, axis=axis)
    return tails, w * tails, -g * out


def log_parts(w):
    """Return the logarithms of the positive and of the negated negative part; -inf for none."""
    return np.log(np.maximum(w, 0)), np.log(np.maximum(-w, 0))


@public("logcumsumexp", out=True)
@numpy_names
def logcumsumexp_front(input, dim):
    """log(cumsum(exp(input))) along `dim`, computed without overflow; floating only."""
    axis = axis_of(dim, len(expect_tensor("logcumsumexp", input).get_shape()))
    if input.get_dtype().kind in "bui":
        name = scalar_name(input.get_dtype())
        raise NotImplementedError(f"\"logcumsumexp_out_cpu\" not implemented for '{name}'")
    return logcumsumexp(input, axis=axis)


# -- differences --------------------------------------------------------------------------------


@op(node="SubBackward0", linear=True)
def difference(x, *, axis):
    """Each element less the one before it; of bools, whether they differ."""
    after = x[along(axis, 1, None)]
    before = x[along(axis, None, -1)]
    return after ^ before if x.dtype.kind == "b" else after - before


@difference.grad("x")
def difference_dx(g, axis):
    end = np.zeros_like(g, shape=(*g.shape[:axis], 1, *g.shape[axis + 1 :]))
    return np.concatenate([end, g], axis) - np.concatenate([g, end], axis)


@public("diff", out=True)
@numpy_names
def diff(input, n=1, dim=-1, prepend=None, append=None):
    """The n-th differences of neighbours along `dim`, after joining `prepend` and `append` on."""
    shape = expect_tensor("diff", input).get_shape()
    if not shape:
        raise RuntimeError("diff expects input to be at least one-dimensional")
    axis = axis_of(dim, len(shape))
    parts = [part for part in (prepend, input, append) if part is not None]
    for part in parts:
        if len(part.get_shape()) != len(shape):
            raise RuntimeError("diff expects prepend or append to be the same dimension as input")
    if n < 0:
        raise RuntimeError(f"order must be non-negative but got {n}")
    if len(parts) > 1 and n > 0:
        input = np.concatenate(parts, axis)
    elif n == 0:
        return copy(input)
    for _ in range(min(n, input.array.shape[axis])):
        input = difference(input, axis=axis)
    return input
