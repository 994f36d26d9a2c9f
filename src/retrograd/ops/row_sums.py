"""Sums over the rows of a matrix, as a product with ones."""

from __future__ import annotations

import numpy as np

from .._core.promotion import FLOAT32, FLOAT64

# Vectors of ones, by length and dtype; short ones are asked for in every training step.
_ones = {}
_LONGEST_KEPT = 1 << 12
_MOST_KEPT = 64


def ones_of(count, dtype):
    """Return a vector of ones that nobody may write into."""
    found = _ones.get((count, dtype))
    if found is None:
        found = np.ones(count, dtype)
        found.flags.writeable = False
        if count <= _LONGEST_KEPT:
            if len(_ones) >= _MOST_KEPT:
                _ones.clear()
            _ones[count, dtype] = found
    return found


def sum_rows(x):
    """Sum a matrix over its first axis.  (n, m) -> (m,)

    BLAS takes 0.3 us for 32x16 numbers and 50 us for 100000x8; `numpy.add.reduce` takes 1.2 and
    1200 us (NumPy 2.4), and adds one row after the other, with more rounding.
    """
    if type(x) is np.ndarray:
        dtype = x.dtype
        if dtype is FLOAT32 or dtype is FLOAT64:
            return ones_of(x.shape[0], dtype).dot(x)
    return np.add.reduce(x, axis=0)
