"""Evenly spaced numbers with PyTorch's rounding, bit for bit.

Note [Fused spacing].  PyTorch's kernels are compiled to fused multiply-adds: ``start + step * i``
is rounded once.  NumPy rounds the product and the sum, so the fused result is made here from
error-free sums and products.  `arange` moreover fills whole blocks of 16 float32 (8 float64)
vector by vector, where the first lane is rounded and the others count on from it.
"""

from __future__ import annotations

import math

import numpy as np

_LANES = {2: 16, 4: 8, 8: 4}
_SPLIT = 134217729.0  # 2**27 + 1: splits a double into two halves of 26 bits


def fused(x, y, z):
    """Return ``x * y + z`` rounded once, for float32 or float64 arrays."""
    if z.dtype == np.float32:
        # The product is exact in double, and the sum is rounded to odd before the last rounding.
        return _sum_to_odd(x.astype(np.float64) * y.astype(np.float64), z).astype(np.float32)
    if z.dtype != np.float64:
        return x * y + z
    high, low = _exact_product(x, y)
    top, rest = _exact_sum(z, low)
    head, tail = _exact_sum(high, top)
    result = head + _sum_to_odd(rest, tail)
    plain = x * y + z  # has the sign of a zero, and infinities
    return np.where(np.isfinite(result) & (result != 0), result, plain)


def _exact_sum(x, y):
    total = x + y
    part = total - x
    return total, (x - (total - part)) + (y - part)


def _exact_product(x, y):
    product = x * y
    x_high = _SPLIT * x - (_SPLIT * x - x)
    y_high = _SPLIT * y - (_SPLIT * y - y)
    x_low = x - x_high
    y_low = y - y_high
    error = ((x_high * y_high - product) + x_high * y_low + x_low * y_high) + x_low * y_low
    return product, error


def _sum_to_odd(x, y):
    """Return the sum, the last bit set where it is inexact: a second rounding is then right."""
    total, error = _exact_sum(x, np.asarray(y, np.float64))
    even = total.view(np.int64) & 1 == 0
    inexact = (error != 0) & even & np.isfinite(total)
    return np.where(inexact, np.nextafter(total, np.where(error > 0, np.inf, -np.inf)), total)


def linspace(start, end, steps, dtype):
    """Return `steps` numbers from `start` to `end`, counted from both ends.

    Parameters
    ----------
    start, end : number
    steps : int
    dtype : numpy.dtype
    """
    if dtype.kind == "c":
        kind = np.dtype(f"f{dtype.itemsize // 2}")
        made = np.empty(steps, dtype)
        made.real = linspace(complex(start).real, complex(end).real, steps, kind)
        made.imag = linspace(complex(start).imag, complex(end).imag, steps, kind)
        return made
    if dtype.kind in "iub":
        start, end = int(start), int(end)
    if steps == 1:
        return np.array([start]).astype(dtype)
    return _from_both_ends(start, end, steps, _step_dtype(dtype)).astype(dtype)


def _step_dtype(dtype):
    return dtype if dtype.kind == "f" else np.dtype(np.float64)


def _from_both_ends(start, end, steps, dtype):
    kind = dtype.type
    start, end = kind(start), kind(end)
    step = np.full(1, kind(end - start) / kind(max(steps - 1, 1)), dtype)
    half = steps // 2
    count = np.arange(steps)
    forth = count[:half].astype(dtype)
    back = (steps - 1 - count[half:]).astype(dtype)
    low = fused(step, forth, np.full(half, start, dtype))
    high = fused(-step, back, np.full(steps - half, end, dtype))
    return np.concatenate([low, high])


def logspace(start, end, steps, base, dtype):
    """Return `steps` numbers from ``base**start`` to ``base**end``, even on a log scale."""
    if dtype.kind == "c":
        powers = linspace(start, end, steps, dtype)
        return np.power(dtype.type(base), powers).astype(dtype)
    if dtype.kind in "iub":
        start, end = int(start), int(end)
    if steps == 1:
        powers = np.array([start], float)
    else:
        kind = _step_dtype(dtype).type
        first, last = kind(start), kind(end)
        step = float(last - first) / max(steps - 1, 1)
        count = np.arange(steps)
        forth = float(first) + step * count
        back = float(last) - step * (steps - 1 - count)
        powers = np.where(count < steps // 2, forth, back)
    # The C library's pow: NumPy's own may differ from it in the last bit.
    return np.array([_power(float(base), n) for n in powers.tolist()], float).astype(dtype)


def _power(base, power):
    try:
        return math.pow(base, power)
    except (OverflowError, ValueError):
        return float(np.power(base, power))


def count_of(start, end, step, dtype):
    """Return how many numbers `arange` makes.

    Raises
    ------
    RuntimeError, ValueError
        For a step of zero or of the wrong sign, and for bounds that are not finite.
    """
    whole = dtype == np.int64
    if step == 0:
        raise RuntimeError("step must be nonzero")
    if whole:
        start, end, step = int(start), int(end), int(step)
        if step == 0:
            raise ValueError("step must be nonzero")
    if not whole and not (math.isfinite(start) and math.isfinite(end)):
        raise RuntimeError(f"unsupported range: {start:g} -> {end:g}")
    if (end < start) if step > 0 else (end > start):
        raise RuntimeError("upper bound and lower bound inconsistent with step sign")
    if whole:
        return max(-((start - end) // step), 0)
    return max(math.ceil((float(end) - float(start)) / float(step)), 0)


def arange(start, end, step, dtype):
    """Return the numbers from `start` up to, not including, `end` by `step`."""
    count = count_of(start, end, step, dtype)
    if dtype.kind in "iub":
        start, step = int(start), int(step)
        if step == 1:
            return np.arange(start, start + count).astype(dtype)
        return (start + step * np.arange(count)).astype(dtype)
    start, step = float(start), float(step)
    index = np.arange(count, dtype=np.float64)
    values = fused(np.full(1, step), index, np.full(count, start))
    lanes = _LANES[dtype.itemsize]
    blocked = count - count % (2 * lanes)
    if not blocked or (start.is_integer() and step.is_integer()):
        return values.astype(dtype)
    first = values[:blocked:lanes].astype(dtype).astype(np.float64)
    lane = np.arange(lanes, dtype=np.float64)
    spread = np.repeat(first, lanes)
    counted = fused(np.full(1, step), np.tile(lane, blocked // lanes), spread)
    return np.concatenate([counted, values[blocked:]]).astype(dtype)
