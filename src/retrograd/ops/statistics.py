"""Variance and standard deviation; median, mode, order statistics and quantiles."""

from __future__ import annotations

import math
import warnings

import numpy as np

from .._core.op import op
from .._core.public import expect_tensor, public
from .._core.tracing import constant, run
from .._core.value import Value
from . import _returns
from ._arguments import numpy_names
from ._axes import axes_of, axis_of, spread
from .along import put_along, put_reduced, select_along
from .extrema import pick, share_all
from .reduction import add_up, mean, reduced_count, spread_over

# -- variance -----------------------------------------------------------------------------------


def deviations(x, axis):
    """Return an array less its mean over axes."""
    return x - add_up(x, axis, True) / reduced_count(x.shape, axis)


def divisor(shape, axis, ddof):
    """Return what a sum of squared deviations is divided by; never negative."""
    count = reduced_count(shape, axis) - ddof
    return count if count > 0 else 0


def variance(x, axis, ddof, keepdims):
    """Return the variance of an array over axes; small floats in float32."""
    dtype = x.dtype
    if dtype.itemsize == 2:
        return variance(x.astype(np.float32), axis, ddof, keepdims).astype(dtype)
    apart = deviations(x, axis)
    if dtype.kind == "c":
        squares = np.real(apart) ** 2 + np.imag(apart) ** 2
    else:
        squares = apart * apart
    total = add_up(squares, axis, keepdims)
    # A Python number would meet a NumPy scalar's 0 with an error, an array of 0 does not.
    return total / np.asarray(divisor(x.shape, axis, ddof), dtype=total.dtype)


def variance_dx(g, x, axis, ddof, shape):
    """Return the gradient of a variance; `g` has every axis."""
    count = divisor(shape, axis, ddof)
    scale = 2.0 / count if count else math.nan if reduced_count(shape, axis) < 2 else math.inf
    return (scale * g) * (x - mean(x, axis=axis, keepdims=True))


@op(numpy=np.var, node="VarBackward0")
def var(x, *, axis=None, ddof=0, keepdims=False):
    """Variance, dividing by n - ddof.  (*S) -> S without axis"""
    return variance(x, axis, ddof, keepdims)


@var.grad("x")
def var_dx(g, x, x_shape, axis, ddof, keepdims):
    return variance_dx(spread(g, axis, keepdims, x_shape), x, axis, ddof, x_shape)


@op(numpy=np.std, node="StdBackward0")
def std(x, *, axis=None, ddof=0, keepdims=False):
    """Standard deviation.  (*S) -> S without axis.  Where it is 0, so is its gradient."""
    return np.sqrt(variance(x, axis, ddof, keepdims))


@std.grad("x")
def std_dx(g, x, out, x_shape, axis, ddof, keepdims):
    g = half_over(g, out)
    return variance_dx(spread(g, axis, keepdims, x_shape), x, axis, ddof, x_shape)


def half_over(g, out):
    """Return g / (2 out), 0 where out is 0."""
    return np.where(out == 0, 0.0, g / (2 * out))


@op(node="VarMeanBackward0")
def var_mean(x, *, axis=None, ddof=0, keepdims=False):
    """Variance and mean.  (*S) -> two of S without axis"""
    middle = add_up(x, axis, keepdims) / reduced_count(x.shape, axis)
    return variance(x, axis, ddof, keepdims), middle


@var_mean.grad("x")
def var_mean_dx(g, x, x_shape, axis, ddof, keepdims):
    g_var = spread(g[0], axis, keepdims, x_shape)
    g_mean = spread_over(g[1] / reduced_count(x_shape, axis), axis, keepdims, x_shape)
    return variance_dx(g_var, x, axis, ddof, x_shape) + g_mean


@op(node="StdMeanBackward0")
def std_mean(x, *, axis=None, ddof=0, keepdims=False):
    """Standard deviation and mean.  (*S) -> two of S without axis"""
    middle = add_up(x, axis, keepdims) / reduced_count(x.shape, axis)
    return np.sqrt(variance(x, axis, ddof, keepdims)), middle


@std_mean.grad("x")
def std_mean_dx(g, x, out, x_shape, axis, ddof, keepdims):
    g_var = spread(half_over(g[0], out[0]), axis, keepdims, x_shape)
    g_mean = spread_over(g[1] / reduced_count(x_shape, axis), axis, keepdims, x_shape)
    return variance_dx(g_var, x, axis, ddof, x_shape) + g_mean


def _spread_of(op, function, input, dim, unbiased, keepdim, correction):
    """Call one of the four: read PyTorch's two spellings of the correction, check, warn."""
    expect_tensor(function, input)
    if isinstance(dim, bool):  # var(input, unbiased)
        dim, unbiased = None, dim
    if unbiased is not None and correction is not None:
        raise TypeError(
            f"{function}() received an invalid combination of arguments: "
            "unbiased and correction say the same thing, give one of them"
        )
    if correction is None:
        correction = 1 if unbiased is None else int(unbiased)
    if input.get_dtype().kind in "bui":
        name = function if "mean" in function else "std and var"
        raise RuntimeError(f"{name} only support floating point and complex dtypes")
    shape = input.get_shape()
    axes = axes_of(dim, len(shape))
    if reduced_count(shape, axes) <= correction:
        warnings.warn(
            f"{function}(): degrees of freedom is <= 0. Correction should be strictly less than "
            "the reduction factor (input numel divided by output numel).",
            UserWarning,
            stacklevel=4,
        )
    return op(input, axis=axes, ddof=correction, keepdims=keepdim)


@public("var", out=True)
@numpy_names
def var_front(input, dim=None, unbiased=None, keepdim=False, *, correction=None):
    """Variance over all elements, or over `dim`.

    Parameters
    ----------
    input : Tensor
        Floating or complex.
    dim : int or tuple of int, optional
        The dimensions to reduce; all by default.
    unbiased : bool, optional
        Divide by n - 1 (the default) rather than n.
    keepdim : bool
        Keep the dimensions with size 1.
    correction : int or float, optional
        Divide by n - correction.  A warning says when nothing is left to divide by.
    """
    return _spread_of(var, "var", input, dim, unbiased, keepdim, correction)


@public("std", out=True)
@numpy_names
def std_front(input, dim=None, unbiased=None, keepdim=False, *, correction=None):
    """Standard deviation over all elements, or over `dim`; arguments as for `var`."""
    return _spread_of(std, "std", input, dim, unbiased, keepdim, correction)


@public("var_mean", method=False)
@numpy_names
def var_mean_front(input, dim=None, unbiased=None, keepdim=False, *, correction=None):
    """Variance and mean over all elements, or over `dim`; arguments as for `var`."""
    return _spread_of(var_mean, "var_mean", input, dim, unbiased, keepdim, correction)


@public("std_mean", method=False)
@numpy_names
def std_mean_front(input, dim=None, unbiased=None, keepdim=False, *, correction=None):
    """Standard deviation and mean over all elements, or over `dim`; arguments as for `var`."""
    return _spread_of(std_mean, "std_mean", input, dim, unbiased, keepdim, correction)


# -- median, mode, k-th smallest ----------------------------------------------------------------


def no_nan_rank(x, axis):
    """Return, keeping the axis, the rank of the lower median among what is not nan."""
    known = np.add.reduce(~np.isnan(x), axis=axis, keepdims=True, dtype=np.int64)
    return np.maximum((known - 1) // 2, 0)


def median_index(x, axis, skip_nan):
    """Return the index of the lower median along an axis, which is kept with size 1."""
    order = np.argsort(x, axis=axis, kind="stable")
    if skip_nan:
        return np.take_along_axis(order, no_nan_rank(x, axis), axis)
    at = (slice(None),) * axis
    middle = (x.shape[axis] - 1) // 2
    index = order[(*at, slice(middle, middle + 1))]
    # nan sorts last; where there is one, it is the median: the first of them.
    missing = np.isnan(x)
    return np.where(
        np.any(missing, axis=axis, keepdims=True),
        np.argmax(missing, axis=axis, keepdims=True),
        index,
    )


def median_value(x, skip_nan):
    """Return the lower median of all elements as a 0-d array."""
    flat = np.reshape(x, (-1,))
    if flat.shape[0] == 0:
        return np.full_like(x, np.nan, shape=())
    return np.reshape(np.take(flat, median_index(flat, 0, skip_nan)), ())


@op(node="MedianBackward0")
def median_all(x):
    """Lower median of all elements; nan if there is one.  (*S) -> ().  Ties share evenly."""
    return median_value(x, False)


@median_all.grad("x")
def median_all_dx(g, x, out, x_dtype):
    return share_all(g, x, out, x_dtype)


@op(node="MedianBackward1", differentiable=(0,))
def median_along(x, *, axis, keepdims=False):
    """Lower medians along an axis and their indices; nan where there is one."""
    if x.ndim == 0:
        return np.array(x), np.zeros_like(x, dtype=np.int64)
    return pick(x, median_index(x, axis, False), axis, keepdims)


@median_along.grad("x")
def median_along_dx(g, out, x_shape, axis, keepdims):
    return put_reduced(g[0], out[1], axis, keepdims, x_shape)


@op(node="NanmedianBackward0")
def nanmedian_all(x):
    """Lower median of what is not nan.  (*S) -> ().  Ties share evenly."""
    return median_value(x, True)


@nanmedian_all.grad("x")
def nanmedian_all_dx(g, x, out, x_dtype):
    return share_all(g, x, out, x_dtype)


@op(node="NanmedianBackward1", differentiable=(0,))
def nanmedian_along(x, *, axis, keepdims=False):
    """Lower medians along an axis of what is not nan, and their indices."""
    if x.ndim == 0:
        return np.array(x), np.zeros_like(x, dtype=np.int64)
    return pick(x, median_index(x, axis, True), axis, keepdims)


@nanmedian_along.grad("x")
def nanmedian_along_dx(g, out, x_shape, axis, keepdims):
    return put_reduced(g[0], out[1], axis, keepdims, x_shape)


@op(node="ModeBackward0", differentiable=(0,))
def mode(x, *, axis, keepdims=False):
    """Most frequent elements along an axis, the smallest of those that tie, and an index each.

    The index is that of the last occurrence.
    """
    if x.ndim == 0:
        return np.array(x), np.zeros_like(x, dtype=np.int64)
    size = x.shape[axis]
    rows = np.reshape(np.moveaxis(x, axis, -1), (-1, size))
    order = np.argsort(rows, axis=1, kind="stable")
    ranked = np.take_along_axis(rows, order, 1)
    # Runs of equal elements: where one ends, its length is the way back to where it began.
    place = np.arange(size)
    begins = np.concatenate(
        [np.ones((len(rows), 1), dtype=bool), ranked[:, 1:] != ranked[:, :-1]], axis=1
    )
    begin = np.maximum.accumulate(np.where(begins, place, 0), axis=1)
    length = place - begin + 1
    best = np.argmax(length, axis=1, keepdims=True)
    there = (*x.shape[:axis], *x.shape[axis + 1 :], 1)
    index = np.moveaxis(np.reshape(np.take_along_axis(order, best, 1), there), -1, axis)
    return pick(x, index, axis, keepdims)


@mode.grad("x")
def mode_dx(g, out, x_shape, axis, keepdims):
    return put_reduced(g[0], out[1], axis, keepdims, x_shape)


@op(node="KthvalueBackward0", differentiable=(0,))
def kthvalue(x, *, k, axis, keepdims=False):
    """The k-th smallest element along an axis, k counted from 1, and its index.  nan is largest."""
    if x.ndim == 0:
        return np.array(x), np.zeros_like(x, dtype=np.int64)
    order = np.argsort(x, axis=axis, kind="stable")
    return pick(x, order[(*(slice(None),) * axis, slice(k - 1, k))], axis, keepdims)


@kthvalue.grad("x")
def kthvalue_dx(g, out, x_shape, axis, keepdims):
    return put_reduced(g[0], out[1], axis, keepdims, x_shape)


def _axis_with_elements(function, input, dim):
    shape = input.get_shape()
    axis = axis_of(dim, len(shape))
    if shape and shape[axis] == 0:
        raise IndexError(f"{function}(): Expected reduction dim {axis} to have non-zero size.")
    return axis


@public("median", out=True)
@numpy_names
def median_front(input, dim=None, keepdim=False):
    """Median (the lower of two) of all elements; along `dim`, with its index."""
    if expect_tensor("median", input).get_dtype().kind == "b":
        raise NotImplementedError("\"median_cpu\" not implemented for 'Bool'")
    if dim is None:
        return median_all(input)
    axis = _axis_with_elements("median", input, dim)
    return _returns.median(*median_along(input, axis=axis, keepdims=keepdim))


@public("nanmedian", out=True)
@numpy_names
def nanmedian_front(input, dim=None, keepdim=False):
    """Median of what is not nan, of all elements; along `dim`, with its index."""
    if expect_tensor("nanmedian", input).get_dtype().kind == "b":
        raise NotImplementedError("\"nanmedian_cpu\" not implemented for 'Bool'")
    if dim is None:
        return nanmedian_all(input)
    axis = _axis_with_elements("nanmedian", input, dim)
    return _returns.nanmedian(*nanmedian_along(input, axis=axis, keepdims=keepdim))


@public("mode", out=True)
@numpy_names
def mode_front(input, dim=-1, keepdim=False):
    """Most frequent element along `dim`, with its index."""
    axis = _axis_with_elements("mode", expect_tensor("mode", input), dim)
    return _returns.mode(*mode(input, axis=axis, keepdims=keepdim))


@public("kthvalue", out=True)
@numpy_names
def kthvalue_front(input, k, dim=-1, keepdim=False):
    """The k-th smallest element along `dim`, with its index; k counts from 1."""
    axis = _axis_with_elements("kthvalue", expect_tensor("kthvalue", input), dim)
    shape = input.get_shape()
    if not 1 <= k <= (shape[axis] if shape else 1):
        raise RuntimeError(f"kthvalue(): selected number k out of range for dimension {axis}")
    return _returns.kthvalue(*kthvalue(input, k=k, axis=axis, keepdims=keepdim))


# -- quantiles ----------------------------------------------------------------------------------

_INTERPOLATIONS = ("linear", "lower", "higher", "midpoint", "nearest")


@op(numpy=np.sort, node="SortBackward0")
def sorted_along(x, *, axis=-1):
    """The elements in ascending order along an axis, nan last.  (*S) -> (*S)"""
    return np.sort(x, axis=axis, kind="stable")


@sorted_along.grad("x")
def sorted_along_dx(g, x, x_shape, axis):
    order = np.argsort(getattr(x, "array", x), axis=axis, kind="stable")
    return put_along(g, order, axis=axis, shape=x_shape)


def _check_quantile(function, input, q):
    if input.get_dtype() not in (np.float32, np.float64):
        raise RuntimeError(f"{function}() input tensor must be either float or double dtype")
    if 0 in input.get_shape():
        raise RuntimeError(f"{function}() input tensor must be non-empty")
    if isinstance(q, Value):
        if len(q.get_shape()) > 1:
            raise RuntimeError(f"{function}() q must be a scalar or 1D tensor")
        if q.get_dtype() != input.get_dtype():
            raise RuntimeError(f"{function}() q tensor must be same dtype as the input tensor")
        run(_expect_fractions, function, q.array)
    elif not 0 <= q <= 1:
        raise RuntimeError(f"{function}() q must be in the range [0, 1] but got {q:g}")


def _expect_fractions(function, array):
    if not np.all((array >= 0) & (array <= 1)):
        raise RuntimeError(f"{function}() q values must be in the range [0, 1]")


def _neighbours(ranked, wanted, interpolation, skip_nan, dtype):
    """Return the ranks below and above each quantile, and the weight of the one above."""
    rank, low = _ranks(ranked, np.reshape(wanted, (-1,)), interpolation, skip_nan)
    weight = rank - low
    if interpolation == "midpoint":
        weight = np.where(weight == 0, weight, np.asarray(0.5, dtype))
    high = np.where(weight > 0, np.minimum(low + 1, ranked.shape[-1] - 1), low)
    return low, high, weight.astype(dtype)


def _quantile(function, input, q, dim, keepdim, interpolation, skip_nan):
    expect_tensor(function, input)
    _check_quantile(function, input, q)
    if interpolation not in _INTERPOLATIONS:
        raise RuntimeError(
            f"{function}() interpolation must be one of linear, lower, higher, midpoint or "
            f"nearest, but got {interpolation}"
        )
    shape = input.get_shape()
    if dim is None:
        axis = 0
        kept = (1,) * len(shape)
        rows = np.reshape(input, (-1,))
    else:
        axis = axis_of(dim, len(shape))
        kept = tuple(1 if n == axis else size for n, size in enumerate(shape))
        rows = np.reshape(input, (1,)) if not shape else np.moveaxis(input, axis, -1)
    ranked = sorted_along(rows, axis=rows.array.ndim - 1)
    dtype = input.get_dtype()
    wanted = q.array if isinstance(q, Value) else constant(np.asarray(q, dtype))
    axis_last = ranked.array.ndim - 1
    low, high, weight = run(_neighbours, ranked.array, wanted, interpolation, skip_nan, dtype)
    values = select_along(ranked, low, axis=axis_last)
    if interpolation in ("linear", "midpoint"):
        above = select_along(ranked, high, axis=axis_last)
        values = values + (above - values) * input.make(weight)
    # The quantiles come first, then what is left of the input's shape.
    many = np.moveaxis(values, -1, 0)
    left = kept
    if not keepdim:
        left = () if dim is None else shape[:axis] + shape[axis + 1 :]
    return np.reshape(many, (*wanted.shape, *left))


def _ranks(ranked, q, interpolation, skip_nan):
    """Return the exact ranks of quantiles and the index at or below them, one row of q each."""
    missing = np.isnan(ranked)
    size = ranked.shape[-1]
    if skip_nan:
        last = np.add.reduce(~missing, axis=-1, keepdims=True, dtype=np.int64) - 1
        last = np.maximum(last, 0)
    else:
        last = np.full(ranked.shape[:-1] + (1,), size - 1)
    rank = (q * last.astype(q.dtype)).astype(q.dtype)
    if not skip_nan:
        # nan sorts last, and a row that has one answers nan.
        rank = np.where(missing[..., -1:], np.asarray(size - 1, q.dtype), rank)
    if interpolation == "higher":
        rank = np.ceil(rank)
    elif interpolation == "nearest":
        rank = np.round(rank)
    elif interpolation == "lower":
        rank = np.floor(rank)
    return rank, np.floor(rank).astype(np.int64)


@public("quantile", out=True)
@numpy_names
def quantile(input, q, dim=None, keepdim=False, *, interpolation="linear"):
    """Quantiles of all elements or along `dim`; nan where there is a nan.

    Parameters
    ----------
    input : Tensor
        float32 or float64.
    q : float or Tensor
        In [0, 1]; a one-dimensional tensor adds a leading dimension to the result.
    dim : int, optional
    keepdim : bool
    interpolation : str
        ``"linear"``, ``"lower"``, ``"higher"``, ``"midpoint"`` or ``"nearest"``.
    """
    return _quantile("quantile", input, q, dim, keepdim, interpolation, False)


@public("nanquantile", out=True)
@numpy_names
def nanquantile(input, q, dim=None, keepdim=False, *, interpolation="linear"):
    """Quantiles of what is not nan; arguments as for `quantile`."""
    return _quantile("nanquantile", input, q, dim, keepdim, interpolation, True)
