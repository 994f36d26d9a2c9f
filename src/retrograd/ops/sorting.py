"""Sorting, top-k, searching in sorted sequences, unique elements, counting."""

from __future__ import annotations

import numpy as np

from .._core.op import op
from .._core.public import expect_tensor, public
from .._core.traced import one_step
from .._core.value import Value
from . import _returns
from ._arguments import numpy_names, scalar_name
from ._axes import axis_of
from .along import put_along, take_at

# -- sorting ------------------------------------------------------------------------------------


def order_of(x, axis, descending):
    """Return the stable order along an axis; nan is largest, elements that tie keep their order."""
    if not descending:
        return np.argsort(x, axis=axis, kind="stable")
    back = np.argsort(np.flip(x, axis), axis=axis, kind="stable")
    return x.shape[axis] - 1 - np.flip(back, axis)


@op(node="SortBackward0", differentiable=(0,))
def sort(x, *, axis, descending=False):
    """Sorted elements along an axis and where they were.  (*S) -> two of (*S).  Always stable."""
    if x.ndim == 0:
        return np.array(x), np.zeros_like(x, dtype=np.int64)
    order = order_of(x, axis, descending)
    return take_at(x, order, axis), order


@sort.grad("x")
def sort_dx(g, out, x_shape, axis):
    return put_along(g[0], out[1], axis=axis, shape=x_shape)


@op(node="TopkBackward0", differentiable=(0,))
def topk(x, *, k, axis, largest=True):
    """The k largest (smallest) elements along an axis, in order, and where they were."""
    if x.ndim == 0:
        return np.array(x), np.zeros_like(x, dtype=np.int64)
    first = (*(slice(None),) * axis, slice(0, k))
    order = order_of(x, axis, largest)[first]
    return take_at(x, order, axis), order


@topk.grad("x")
def topk_dx(g, out, x_shape, axis):
    return put_along(g[0], out[1], axis=axis, shape=x_shape)


@op(name="argsort", numpy=np.argsort)
def order_along(x, *, axis=-1, descending=False):
    """Indices that sort along an axis, stable.  (*S) -> (*S)"""
    return order_of(x, axis, descending)


@public("sort", out=True)
@numpy_names
def sort_front(input, dim=-1, descending=False, *, stable=False):
    """Elements sorted along `dim` and their indices, as a named tuple ``(values, indices)``.

    nan is larger than everything.  Elements that tie keep their order, whatever `stable` says.
    """
    if isinstance(stable, int) and not isinstance(dim, int):
        expect_tensor("sort", dim)
    axis = axis_of(dim, len(expect_tensor("sort", input).get_shape()))
    return _returns.sort(*sort(input, axis=axis, descending=bool(descending)))


@public("argsort", out=True)
@numpy_names
@one_step
def argsort(input, dim=-1, descending=False, *, stable=False):
    """Indices that sort along `dim`; elements that tie keep their order."""
    shape = expect_tensor("argsort", input).get_shape()
    axis = axis_of(dim, len(shape))
    if not shape:
        return input.make(np.zeros((), np.int64))
    return order_along(input, axis=axis, descending=bool(descending))


@public("msort", out=True)
def msort(input):
    """Elements sorted along the first dimension."""
    expect_tensor("msort", input)
    return sort(input, axis=0)[0]


@public("topk", out=True)
@numpy_names
def topk_front(input, k, dim=-1, largest=True, sorted=True):
    """The `k` largest (or smallest) elements along `dim`, in order, and their indices.

    Of elements that tie the first come first; PyTorch leaves that order open.
    """
    shape = expect_tensor("topk", input).get_shape()
    axis = axis_of(dim, len(shape))
    k = k.__index__() if isinstance(k, Value) else k
    if not 0 <= k <= (shape[axis] if shape else 1):
        raise RuntimeError("selected index k out of range")
    return _returns.topk(*topk(input, k=k, axis=axis, largest=bool(largest)))


# -- searching ----------------------------------------------------------------------------------


def _side_of(side, right):
    if side is None:
        return "right" if right else "left"
    if side not in ("left", "right"):
        raise RuntimeError(
            f"torch.searchsorted(): side can only be 'left' or 'right' but got {side}"
        )
    if side == "left" and right:
        raise RuntimeError(
            "torch.searchsorted(): side and right can't be set to opposites, got side of left "
            "while right was True"
        )
    return side


def _search_rows(rows, wanted, side):
    """Search every row of `wanted` in the same row of `rows`; both have the same leading shape."""
    flat = rows.reshape(-1, rows.shape[-1])
    asked = wanted.reshape(len(flat), -1) if wanted.size else wanted.reshape(len(flat), 0)
    found = [np.searchsorted(row, one, side) for row, one in zip(flat, asked)]
    return np.asarray(found, np.int64).reshape(wanted.shape)


@public("searchsorted", method=False, out=True)
@one_step
def searchsorted(sorted_sequence, input, *, out_int32=False, right=False, side=None, sorter=None):
    """Where elements would go in a sorted sequence, row by row along the last dimension.

    Parameters
    ----------
    sorted_sequence : Tensor
        (n,), or (*B, n) with the leading dimensions of `input`.
    input : Tensor or number
    out_int32 : bool
        Answer in int32 rather than int64.
    right, side : bool, str
        Whether equal elements are passed over: ``right=True`` or ``side="right"``.
    sorter : Tensor, optional
        Indices that sort `sorted_sequence`.
    """
    expect_tensor("searchsorted", sorted_sequence, "sorted_sequence")
    side = _side_of(side, right)
    rows = sorted_sequence.array
    wanted = input.array if isinstance(input, Value) else np.asarray(input)
    if sorter is not None:
        if sorter.array.shape != rows.shape:
            raise RuntimeError(
                "torch.searchsorted(): boundary and sorter must have the same size, but got "
                f"boundary tensor {list(rows.shape)} and got sorter tensor "
                f"{list(sorter.array.shape)}"
            )
        rows = np.take_along_axis(rows, sorter.array, -1)
    if rows.ndim == 1:
        found = np.searchsorted(rows, wanted, side)
    elif rows.ndim == wanted.ndim and rows.shape[:-1] == wanted.shape[:-1]:
        found = _search_rows(rows, wanted, side)
    else:
        raise RuntimeError(
            "torch.searchsorted(): boundaries tensor should be 1 dimension or the first N-1 "
            "dimensions of boundaries tensor and input value tensor must match, but we got "
            f"boundaries tensor {list(rows.shape)} and input value tensor {list(wanted.shape)}"
        )
    return sorted_sequence.make(np.asarray(found, np.int32 if out_int32 else np.int64))


@public("bucketize", method=False, out=True)
@one_step
def bucketize(input, boundaries, *, out_int32=False, right=False):
    """Index of the bucket of each element, between one-dimensional `boundaries`."""
    expect_tensor("bucketize", boundaries, "boundaries", 2)
    if boundaries.array.ndim != 1:
        raise RuntimeError(
            f"boundaries tensor must be 1 dimension, but got dim({boundaries.array.ndim})"
        )
    return searchsorted(boundaries, input, out_int32=out_int32, right=right)


# -- unique elements ----------------------------------------------------------------------------


def _answer(like, arrays, wanted):
    """Return the first array and, of the others, those that are wanted, as tensors."""
    kept = [arrays[0]] + [a for a, want in zip(arrays[1:], wanted) if want]
    made = tuple(like.make(np.ascontiguousarray(a)) for a in kept)
    return made if len(made) > 1 else made[0]


@public("unique")
@one_step
def unique(input, sorted=True, return_inverse=False, return_counts=False, dim=None):
    """The distinct elements, or slices along `dim`, in ascending order.

    Every nan is distinct.  With `return_inverse` and `return_counts` a tuple: also where in the
    result each element went, and how often each was there.  Not differentiable.
    """
    x = expect_tensor("unique", input).array
    wanted = (return_inverse, return_counts)
    if dim is None:
        values, inverse, counts = np.unique(
            x, return_inverse=True, return_counts=True, equal_nan=False
        )
        return _answer(input, (values, inverse.reshape(x.shape), counts), wanted)
    axis = axis_of(dim, x.ndim)
    _expect_slices(x, axis)
    values, inverse, counts = np.unique(
        x, return_inverse=True, return_counts=True, axis=axis, equal_nan=False
    )
    return _answer(input, (values, inverse.reshape(-1), counts), wanted)


def _expect_slices(x, axis):
    if 0 in x.shape[:axis] + x.shape[axis + 1 :]:
        raise RuntimeError(
            "There are 0 sized dimensions, and they aren't selected, so unique cannot be applied"
        )


@public("unique_consecutive")
@one_step
def unique_consecutive(input, return_inverse=False, return_counts=False, dim=None):
    """The elements, or slices along `dim`, without those equal to the one before them."""
    x = expect_tensor("unique_consecutive", input).array
    if dim is None:
        rows = x.reshape(-1, 1)
        axis = 0
        there = x.reshape(-1)
    else:
        axis = axis_of(dim, x.ndim)
        _expect_slices(x, axis)
        there = x
        rows = np.moveaxis(x, axis, 0).reshape(x.shape[axis], -1)
    starts = np.ones(len(rows), bool)
    starts[1:] = np.any(rows[1:] != rows[:-1], axis=1)
    inverse = np.cumsum(starts) - 1
    counts = np.bincount(inverse, minlength=0) if len(rows) else np.zeros(0, np.int64)
    values = np.compress(starts, there, axis=axis)
    if dim is None:
        inverse = inverse.reshape(x.shape)
    return _answer(input, (values, inverse, counts), (return_inverse, return_counts))


# -- counting -----------------------------------------------------------------------------------


@public("bincount")
@one_step
def bincount(input, weights=None, minlength=0):
    """How often each number 0, 1, 2, ... occurs; with `weights`, the sum of their weights."""
    x = expect_tensor("bincount", input).array
    if x.dtype.kind not in "ui":
        name = scalar_name(x.dtype)
        raise NotImplementedError(f"\"bincount_cpu\" not implemented for '{name}'")
    if minlength < 0:
        raise RuntimeError("minlength should be >= 0")
    if x.ndim != 1 or (x.size and x.min() < 0):
        raise RuntimeError("bincount only supports 1-d non-negative integral inputs.")
    if weights is None:
        return input.make(np.bincount(x, minlength=minlength))
    w = expect_tensor("bincount", weights, "weights", 2).array
    if w.shape != x.shape:
        raise RuntimeError("weights should be 1-d and have the same length as input")
    dtype = w.dtype if w.dtype == np.float32 else np.dtype(np.float64)
    return input.make(np.bincount(x, w, minlength).astype(dtype))


@public("histc", out=True)
@one_step
def histc(input, bins=100, min=0, max=0):
    """How many elements fall into each of `bins` equal intervals from `min` to `max`.

    Both 0 stand for the smallest and largest element; elements outside are not counted.
    """
    x = expect_tensor("histc", input).array
    if x.dtype.kind not in "f":
        name = scalar_name(x.dtype)
        raise NotImplementedError(f"\"histogram_cpu\" not implemented for '{name}'")
    if bins <= 0:
        raise RuntimeError(f"torch.histogram(): bins must be > 0, but got {bins} for dimension 0")
    low, high = float(min), float(max)
    if low == high and x.size:
        low, high = float(np.min(x)), float(np.max(x))
    if not (np.isfinite(low) and np.isfinite(high)):
        raise RuntimeError(f"torch.histc: range of [{low:g}, {high:g}] is not finite")
    if low > high:
        raise RuntimeError("torch.histc: max must be larger than min")
    if low == high:
        low -= 1
        high += 1
    return input.make(np.histogram(x, bins, (low, high))[0].astype(x.dtype))


def _range_of(x, given):
    """Return the range of a histogram: as given, else that of the elements, never empty."""
    if given is not None:
        return float(given[0]), float(given[1])
    if not x.size:
        return 0.0, 1.0
    low, high = float(np.min(x)), float(np.max(x))
    return (low - 0.5, high + 0.5) if low == high else (low, high)


@public("histogram", out=True)
@one_step
def histogram(input, bins=100, *, range=None, weight=None, density=False):
    """How many elements fall into each interval, and the edges, as ``(hist, bin_edges)``.

    Parameters
    ----------
    input : Tensor
    bins : int or Tensor
        How many equal intervals, or the edges.
    range : pair of float, optional
        Where equal intervals begin and end; the smallest and largest element by default.
    weight : Tensor, optional
        What each element counts.
    density : bool
        Scale so that the integral is 1.
    """
    x = expect_tensor("histogram", input).array
    if x.dtype.kind != "f":
        name = scalar_name(x.dtype)
        raise NotImplementedError(f"\"histogram_cpu\" not implemented for '{name}'")
    if isinstance(bins, Value):
        edges = bins.array
    else:
        low, high = _range_of(x, range)
        if low > high:
            raise RuntimeError(
                "torch.histogram: min should not exceed max, "
                f"but got min {low:g} max {high:g} for dimension 0"
            )
        edges = np.linspace(low, high, bins + 1, dtype=x.dtype)
    weights = None if weight is None else weight.array.reshape(-1)
    counts, _ = np.histogram(x.reshape(-1), edges, weights=weights, density=density)
    return _returns.histogram(input.make(counts.astype(x.dtype)), input.make(edges.copy()))


@public("isin", method=False, out=True)
@one_step
def isin(elements, test_elements, *, assume_unique=False, invert=False):
    """Whether each element is among the test elements; one of the two may be a number."""
    like = elements if isinstance(elements, Value) else test_elements
    expect_tensor("isin", like, "elements")
    x = elements.array if isinstance(elements, Value) else np.asarray(elements)
    y = test_elements.array if isinstance(test_elements, Value) else np.asarray(test_elements)
    return like.make(np.asarray(np.isin(x, y, assume_unique=assume_unique, invert=invert)))
