"""Trials and choices drawn by the array: Bernoulli, geometric, multinomial."""

from __future__ import annotations

import math

import numpy as np

from .. import dtypes
from .casting import FLOAT64, is_floating, narrow, require_floating, size_of
from .continuous import exponential
from .memory_order import in_memory_order


def bernoulli(generator, probability):
    """True with a probability each: ``bernoulli``, ``bernoulli_`` of a tensor.  (*S) -> bool (*S)

    A float64 array draws doubles, any other floating array float32 numbers.
    """
    require_floating(probability.dtype, "bernoulli_tensor_cpu_p_")
    if not ((probability >= 0) & (probability <= 1)).all():
        raise RuntimeError(
            "bernoulli expects every probability to be in [0, 1], but found "
            f"{_first_outside(probability)}"
        )
    wide = probability.dtype == FLOAT64
    numbers = generator.doubles(probability.size) if wide else generator.floats(probability.size)
    return numbers.reshape(probability.shape) < probability


def _first_outside(probability):
    return probability[~((probability >= 0) & (probability <= 1))].flat[0]


def bernoulli_mask(generator, shape, p):
    """True with probability `p`: ``bernoulli_`` of a number, dropout.  -> bool (*S)

    Two words are compared for each place.
    """
    if not 0.0 <= p <= 1.0:
        raise RuntimeError(f"bernoulli_ expects p to be in [0, 1], but got p={p:g}")
    size = size_of(shape)
    # u < p for u = k / 2**53 is k < p * 2**53: no conversion needed.
    limit = np.uint64(math.ceil(p * 2.0**53))
    longs = generator.longs(size)
    longs &= np.uint64(2**53 - 1)
    return (longs < limit).reshape(shape)


def geometric(generator, shape, dtype=np.float32, p=0.5):
    """Trials up to the first success: ``geometric_``."""
    dtype = np.dtype(dtype)
    if not 0.0 < p < 1.0:
        raise RuntimeError(f"geometric_ expects p to be in (0, 1), but got p={p:g}")
    if size_of(shape) == 0:
        return np.empty(shape, dtype)
    if dtype.kind in "bc" or dtype.name in ("uint16", "uint32", "uint64"):
        raise NotImplementedError(
            f"\"geometric_cpu\" not implemented for '{dtypes.of(dtype).type_name}'"
        )
    with np.errstate(divide="ignore"):
        numbers = np.log(generator.doubles(size_of(shape)))
    numbers /= math.log1p(-p)
    np.ceil(numbers, out=numbers)
    if is_floating(dtype):
        return narrow(numbers, dtype).reshape(shape)
    return numbers.astype(np.int64).astype(dtype).reshape(shape)


def multinomial(generator, weights, count, replacement=False):
    """Indices drawn by their weights: ``multinomial``.  (*B, n) -> int64 (*B, count)

    Equal quotients (of weights that are 0) come in the order of their indices, where PyTorch's
    partial sort leaves them in another.
    """
    _check_multinomial(weights, count, replacement)
    shape = (*weights.shape[:-1], count)
    if 0 in shape:
        return np.empty(shape, dtype=np.int64)
    if not (weights.max() < np.inf and weights.min() >= 0):
        raise RuntimeError("probability tensor contains either `inf`, `nan` or element < 0")
    if (weights.sum(axis=-1) == 0).any():
        raise RuntimeError("invalid multinomial distribution (sum of probabilities <= 0)")
    if replacement and count > 1:
        return _by_cumulative_sums(generator, weights, shape)
    # The largest weight / e with exponential e falls on each index by its weight.
    with np.errstate(all="ignore"):
        quotients = weights / in_memory_order(
            weights, lambda shape: exponential(generator, shape, weights.dtype)
        )
    if count == 1:
        return quotients.argmax(axis=-1, keepdims=True)
    return np.ascontiguousarray(np.argsort(-quotients, axis=-1, kind="stable")[..., :count])


def _check_multinomial(weights, count, replacement):
    if weights.ndim not in (1, 2):
        raise RuntimeError("prob_dist must be 1 or 2 dim")
    if not is_floating(weights.dtype):
        raise RuntimeError(
            "multinomial only supports floating-point dtypes for input, got: "
            f"{dtypes.of(weights.dtype).type_name}"
        )
    if count <= 0:
        raise RuntimeError("cannot sample n_sample <= 0 samples")
    categories = weights.shape[-1]
    if not replacement and count > categories:
        raise RuntimeError(
            "cannot sample n_sample > prob_dist.size(-1) samples without replacement"
        )
    if categories > 2**24:
        raise RuntimeError("number of categories cannot exceed 2^24")


def _by_cumulative_sums(generator, weights, shape):
    """Look up one uniform double for each index in the row's cumulative weights."""
    rows = weights.reshape(-1, weights.shape[-1])
    if rows.dtype.itemsize == 2:
        rows = rows.astype(np.float32)
    sums = np.cumsum(rows, axis=-1)
    sums /= sums[:, -1:]
    sums[:, -1] = 1
    numbers = generator.doubles(math.prod(shape)).reshape(len(rows), -1)
    pairs = zip(sums.astype(np.float64), numbers, strict=True)
    found = [row.searchsorted(chosen) for row, chosen in pairs]
    return np.array(found, dtype=np.int64).reshape(shape)
