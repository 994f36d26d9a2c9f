"""Bags of embeddings: rows of a table looked up, then added, averaged or maximised by bag.

A bag is a run of consecutive rows; `sizes` says how many rows each bag has, none included.
"""

from __future__ import annotations

import warnings

import numpy as np

from .._core.op import op
from .._core.public import expect_tensor, public
from .._core.tracing import constant, run
from .._core.value import Value
from ._arguments import scalar_name
from .along import put_along
from .lookup import embed, renormalize

MODES = {"sum": 0, "mean": 1, "max": 2}
_FLOATING = ["float16", "bfloat16", "float32", "float64"]

# -- operations ---------------------------------------------------------------------------------


def starts_of(sizes):
    """Return which bags have rows, and where each of those starts."""
    filled = np.flatnonzero(sizes)
    ends = np.cumsum(sizes)
    return filled, (ends - sizes)[filled]


@op(node="EmbeddingBagBackward0", linear=True)
def sum_bags(x, sizes, divisors):
    """Sums of the rows of each bag, 0 for none; divided, unless None.  (n, d), (b,) -> (b, d)"""
    filled, starts = starts_of(sizes)
    if filled.size == sizes.size and filled.size:
        out = np.add.reduceat(x, starts, axis=0)
    else:
        out = np.zeros_like(x, shape=(sizes.size, x.shape[1]))
        if filled.size:
            out[filled] = np.add.reduceat(x, starts, axis=0)
    return out if divisors is None else out / divisors


@sum_bags.grad("x")
def sum_bags_dx(g, sizes, divisors):
    return spread_bags(g, sizes, divisors)


@op(linear=True)
def spread_bags(x, sizes, divisors):
    """The adjoint of `sum_bags`: each bag's row for each of its rows.  (b, d), (b,) -> (n, d)"""
    return np.repeat(x if divisors is None else x / divisors, sizes, axis=0)


@spread_bags.grad("x")
def spread_bags_dx(g, sizes, divisors):
    return sum_bags(g, sizes, divisors)


@op(node="EmbeddingBagBackward0", differentiable=(0,))
def max_bags(x, sizes):
    """The largest of each bag's rows by column, and which row that is; the first where they tie.

    (n, d), (b,) -> (b, d) and (b, d); 0 and 0 for a bag without rows.
    """
    filled, starts = starts_of(sizes)
    out = np.zeros_like(x, shape=(sizes.size, x.shape[1]))
    rows = np.zeros((sizes.size, x.shape[1]), np.int64)
    if filled.size:
        out[filled] = np.maximum.reduceat(x, starts, axis=0)
        numbers = np.arange(x.shape[0])[:, None]
        reached = np.where(x == np.repeat(out, sizes, axis=0), numbers, x.shape[0])
        rows[filled] = np.minimum.reduceat(reached, starts, axis=0)
    return out, rows


@max_bags.grad("x")
def max_bags_dx(g, out, x_shape, sizes):
    filled = np.flatnonzero(sizes)
    rows = out[1].array if isinstance(out[1], Value) else out[1]
    return put_along(np.take(g[0], filled, axis=0), rows[filled], axis=0, shape=x_shape)


# -- bags from arguments ------------------------------------------------------------------------


def sizes_of(offsets, count, include_last):
    """Return how many rows each bag has, and where the last one ends."""
    if include_last:
        if not offsets.size:
            raise RuntimeError("include_last_offset: number of offset should be at least 1")
        ends = offsets
    else:
        ends = np.append(offsets, count)
    if not offsets.size:
        return np.zeros(0, np.int64), 0
    if offsets[0] != 0:
        raise RuntimeError(
            "offsets[0] has to be 0, i.e., the first sequence in the mini-batch has to start from "
            f"position 0. However, got {offsets[0]}"
        )
    if offsets[-1] > count:
        raise RuntimeError(
            f"offsets[-1] can not be greater than input's length {count} but got offsets[-1] of "
            f"{offsets[-1]}"
        )
    sizes = np.diff(ends)
    if sizes.size and sizes.min() < 0:
        raise RuntimeError(f"offsets must not decrease, but got {offsets.tolist()}")
    return sizes, int(ends[-1])


def _check_bags(weight, indices, offsets):
    for name, one in (("indices", indices), ("offsets", offsets)):
        dtype = one.get_dtype()
        if dtype.kind != "i" or dtype.itemsize < 4:
            raise RuntimeError(
                f"Expected tensor for argument #1 '{name}' to have one of the following scalar "
                f"types: Long, Int; but got torch.{scalar_name(dtype)}Tensor instead (while "
                "checking arguments for embedding_bag)"
            )
    if weight.get_dtype().name not in _FLOATING:
        raise RuntimeError(
            "Expected tensor for argument #1 'weight' to have one of the following scalar types: "
            f"Half, BFloat16, Float, Double; but got torch.{scalar_name(weight.get_dtype())}Tensor "
            "instead (while checking arguments for embedding_bag)"
        )


def bagged(weight, indices, offsets, by_frequency, mode, samples, include_last, padding_idx):
    """Return the bags, their sizes, and for "max" which entry of `indices` each column is of."""
    _check_bags(weight, indices, offsets)
    # Which entries are left may be a matter of values: then a trace asks for their number.
    choose = kept_entries if include_last or padding_idx >= 0 else every_entry
    array, sizes, kept = run(
        choose, indices.array, offsets.array, weight.get_shape()[0], include_last, padding_idx
    )
    found = embed(weight, array, by_frequency=by_frequency)
    if samples is not None:
        flat = samples.reshape(-1)
        found = found * (flat if kept.size == flat.numel() else flat[kept]).unsqueeze(-1)
    if mode == 2:
        out, places = max_bags(found, sizes)
        return out, sizes, run(_entries, array, places.array, sizes)
    divisors = run(_divisors, sizes, weight.get_dtype()) if mode == 1 else None
    return sum_bags(found, sizes, divisors), sizes, None


def every_entry(indices, offsets, rows, include_last, padding_idx):
    """Return the entries that bags are made of, the sizes of the bags, and where entries were."""
    array = np.reshape(indices, (-1,))
    if array.size and (array.min() < 0 or array.max() >= rows):
        place = int(np.flatnonzero((array < 0) | (array >= rows))[0])
        raise RuntimeError(
            f"Index {place} of input takes value {array[place]} which is not in the valid range "
            f"[0, {rows})"
        )
    sizes, end = sizes_of(offsets, array.size, include_last)
    kept = np.arange(end)
    if padding_idx >= 0:
        kept = np.flatnonzero(array[:end] != padding_idx)
        of_bag = np.repeat(np.arange(sizes.size), sizes)
        sizes = np.bincount(of_bag[kept], minlength=sizes.size)
    return array[kept], sizes, kept


def kept_entries(indices, offsets, rows, include_last, padding_idx):
    """The same as `every_entry`, where some entries may be left out."""
    return every_entry(indices, offsets, rows, include_last, padding_idx)


def _entries(array, chosen, sizes):
    return array[chosen] * (sizes > 0)[:, None] if array.size else np.array(chosen)


def _divisors(sizes, dtype):
    return np.maximum(sizes, 1).astype(dtype)[:, None]


# -- public functions ---------------------------------------------------------------------------


def padding_within(padding_idx, rows):
    """Return a padding index as one that is not negative; -1 for none."""
    if padding_idx is None:
        return -1
    if not -rows <= padding_idx < rows:
        raise RuntimeError(
            f"padding_idx must be within the number of embeddings, {-rows} through {rows - 1}, "
            f"but got {padding_idx}"
        )
    return padding_idx + rows if padding_idx < 0 else padding_idx


@public("embedding_bag", method=False, namespace="nn.functional")
def embedding_bag(
    input, weight, offsets=None, max_norm=None, norm_type=2, scale_grad_by_freq=False,
    mode="mean", sparse=False, per_sample_weights=None, include_last_offset=False,
    padding_idx=None,
):  # fmt: skip
    """Look rows of a table up and add, average or maximise them by bag.

    Parameters
    ----------
    input : tensor of int
        (b, n): every row is a bag.  (n,): `offsets` says where each bag starts.
    weight : tensor, (rows, d)
    offsets : tensor of int, (b,), optional
    max_norm : float, optional
        Rows that are looked up and longer than this are first scaled down, in `weight` itself.
    scale_grad_by_freq : bool
        Divide a row's gradient by how often it was looked up.
    mode : {"sum", "mean", "max"}
        A bag without entries gives 0.
    sparse : bool
        Accepted; the gradient is dense all the same.
    per_sample_weights : tensor, optional
        What each looked-up row is multiplied with, in the shape of `input`; for "sum" only.
    include_last_offset : bool
        Whether `offsets` ends with the end of the last bag.
    padding_idx : int, optional
        Entries of this number are left out.

    Returns
    -------
    tensor, (b, d)
    """
    if weight.get_dtype().kind == "i" and input.get_dtype().kind == "f":
        warnings.warn(
            "Argument order of nn.functional.embedding_bag was changed. Usage "
            "`embedding_bag(weight, input, ...)` is deprecated, and should now be "
            "`embedding_bag(input, weight, ...)`.",
            stacklevel=2,
        )
        input, weight = weight, input
    if per_sample_weights is not None and input.size() != per_sample_weights.size():
        raise ValueError(
            f"embedding_bag: If per_sample_weights ({per_sample_weights.shape}) is not None, then "
            f"it must have the same shape as the input ({input.shape})"
        )
    if weight.dim() != 2:
        raise ValueError(
            f"weight has to be a 2D Tensor, but got Tensor of dimension {weight.dim()}"
        )
    if input.dim() == 2:
        if offsets is not None:
            raise ValueError(
                "if input is 2D, then offsets has to be None, as input is treated is a mini-batch "
                "of fixed length sequences. However, found offsets of type "
                f"{type(offsets)}"
            )
        offsets = input.make(constant(_even_offsets(*input.get_shape())))
    elif input.dim() == 1:
        if offsets is None:
            raise ValueError("offsets has to be a 1D Tensor but got None")
        if offsets.dim() != 1:
            raise ValueError("offsets has to be a 1D Tensor")
    else:
        raise ValueError(
            f"input has to be 1D or 2D Tensor, but got Tensor of dimension {input.dim()}"
        )
    if mode not in MODES:
        raise ValueError("mode has to be one of sum, mean or max")
    if mode == "max" and scale_grad_by_freq:
        raise ValueError("max mode does not support scaling the gradient by the frequency")
    if mode == "max" and sparse:
        raise ValueError("max mode does not support sparse weights")
    if max_norm is not None:
        renormalize(weight, input, max_norm, norm_type)
    if per_sample_weights is not None and mode != "sum":
        raise NotImplementedError(
            "embedding_bag: per_sample_weights was not None. per_sample_weights is only supported "
            f"for mode='sum' (got mode='{mode}'). Please open a feature request on GitHub."
        )
    padding_idx = padding_within(padding_idx, weight.get_shape()[0])
    _expect_alike(weight, per_sample_weights)
    return bagged(
        weight, input, offsets, scale_grad_by_freq, MODES[mode], per_sample_weights,
        include_last_offset and input.dim() == 1, padding_idx,
    )[0]  # fmt: skip


def _even_offsets(bags, size):
    if size == 0 and bags:
        raise RuntimeError("step must be nonzero")
    return np.arange(bags) * size


def _expect_alike(weight, samples):
    if samples is not None and samples.get_dtype() != weight.get_dtype():
        raise RuntimeError(
            "Expected tensor for argument #1 'weight' to have the same type as tensor for "
            f"argument #1 'per_sample_weights'; but type "
            f"torch.{scalar_name(weight.get_dtype())}Tensor does not equal "
            f"torch.{scalar_name(samples.get_dtype())}Tensor (while checking arguments for "
            "embedding_bag)"
        )


@public("embedding_bag", method=False)
def embedding_bag_of(
    weight, indices, offsets, scale_grad_by_freq=False, mode=0, sparse=False,
    per_sample_weights=None, include_last_offset=False, padding_idx=None,
):  # fmt: skip
    """Return bags of rows, the bag of each entry, the sizes of the bags, and maximal entries.

    `mode` is 0 for sums, 1 for means, 2 for maxima; see `nn.functional.embedding_bag`.  For sums
    PyTorch leaves sizes and maxima at 0, and in its fast kernel (not for float64, not with
    padding) the bag of each entry empty.
    """
    expect_tensor("embedding_bag", weight, "weight")
    expect_tensor("embedding_bag", indices, "indices", 2)
    expect_tensor("embedding_bag", offsets, "offsets", 3)
    if mode not in (0, 1, 2):
        raise RuntimeError("`mode` must be sum, mean, or max.")
    if per_sample_weights is not None and mode != 0:
        raise RuntimeError("embedding_bag: per_sample_weights only supported with mode='sum'")
    padding_idx = padding_within(padding_idx, weight.get_shape()[0])
    _expect_alike(weight, per_sample_weights)
    out, sizes, chosen = bagged(
        weight, indices, offsets, scale_grad_by_freq, mode, per_sample_weights,
        include_last_offset, padding_idx,
    )  # fmt: skip
    short = mode == 0 and padding_idx < 0 and weight.get_dtype() != np.float64
    bag_of = run(bags_of, offsets.array, indices.array.size, include_last_offset, short)
    if mode == 0:
        sizes = constant(np.zeros(offsets.array.size, np.int64))
    chosen = sizes if chosen is None else chosen
    return (out, *[weight.make(run(_own, one)) for one in (bag_of, sizes, chosen)])


def bags_of(offsets, count, include_last, short):
    """Return the bag of each entry, or none at all."""
    sizes, _ = sizes_of(offsets, count, include_last)
    return np.repeat(np.arange(sizes.size), sizes)[: 0 if short else None]


def _own(array):
    return np.array(array, np.int64)
