"""Sums over one axis of a matrix, as a product with ones; and largest elements of rows.

Note [Sums as products].  BLAS adds up a matrix 2 to 25 times as fast as `numpy.add.reduce`, which
pays for every row apart: 0.3 against 1.4 us for 32x16 numbers of float32, 1.3 against 14 for
1000x10, 54 against 1370 for 100000x8, 57 against 84 for 1000x1000 (NumPy 2.4, over the first axis;
over the last one it is much the same).  Over the first axis it rounds less, since `add.reduce`
adds one row after the other there; over long last axes, which `add.reduce` sums in pairs, it
rounds more, so those are left to it.

Note [Largest elements by their places].  NumPy finds where the largest element of a row is twice
as fast as how large it is: 21 against 42 us for 512x256 numbers of float32, 50 against 121 for
2048x64.  Many short rows are faster still when they are columns: 25 against 218 for 5000x10.
"""

from __future__ import annotations

import numpy as np

from .._core.promotion import FLOAT32, FLOAT64

# Vectors of ones, by length and dtype; short ones are asked for in every training step.
_ones = {}
_numbers = {}
_LONGEST_KEPT = 1 << 12
_MOST_KEPT = 64
_BLOCK = 1 << 10


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


def numbers_of(count):
    """Return the numbers of `count` rows, which nobody may write into."""
    found = _numbers.get(count)
    if found is None:
        found = np.arange(count)
        found.flags.writeable = False
        if count <= _LONGEST_KEPT:
            if len(_numbers) >= _MOST_KEPT:
                _numbers.clear()
            _numbers[count] = found
    return found


def sum_rows(x):
    """Sum a matrix over its first axis.  (n, m) -> (m,)"""
    if type(x) is np.ndarray:
        dtype = x.dtype
        if dtype is FLOAT32 or dtype is FLOAT64:
            rows = x.shape[0]
            if rows > _LONGEST_KEPT and x.flags.c_contiguous:
                return sum_blocks(x, rows // _BLOCK)
            return ones_of(rows, dtype).dot(x)
    return np.add.reduce(x, axis=0)


def sum_blocks(x, count):
    """Sum a tall matrix block by block, which rounds less.  (n, m) -> (m,)"""
    ones = ones_of(_BLOCK, x.dtype)
    edge = count * _BLOCK
    blocks = np.matmul(ones, x[:edge].reshape(count, _BLOCK, x.shape[1]))
    rest = ones[: x.shape[0] - edge].dot(x[edge:])
    return ones_of(count, x.dtype).dot(blocks) + rest


def sum_matrix(x, axis, keepdims):
    """Sum a float32 or float64 matrix over axis 0 or 1.  (n, m) -> (m,) or (n,)"""
    rows, columns = x.shape
    if axis == 0:
        out = sum_rows(x)
        return out.reshape(1, columns) if keepdims else out
    if columns > _LONGEST_KEPT:
        return np.add.reduce(x, axis=1, keepdims=keepdims)
    out = x.dot(ones_of(columns, x.dtype))
    return out.reshape(rows, 1) if keepdims else out


def row_totals(x):
    """Sum over the last axis, which stays with length 1.  (*S, n) -> (*S, 1)"""
    if type(x) is np.ndarray and x.size and x.flags.c_contiguous:
        dtype = x.dtype
        if dtype is FLOAT32 or dtype is FLOAT64:
            if len(x.shape) == 2:
                return sum_matrix(x, 1, True)
            rows = sum_matrix(x.reshape(-1, x.shape[-1]), 1, True)
            return rows.reshape(*x.shape[:-1], 1)
    return np.add.reduce(x, axis=-1, keepdims=True)


def row_maxima(x):
    """Return the largest element along the last axis, which stays with length 1; nan counts most.

    See Note [Largest elements by their places].  (*S, n) -> (*S, 1)
    """
    columns = x.shape[-1]
    if columns > _LONGEST_KEPT or not x.size or not x.flags.c_contiguous:
        return np.maximum.reduce(x, axis=-1, keepdims=True)
    plain = len(x.shape) == 2
    rows = x if plain else x.reshape(-1, columns)
    count = rows.shape[0]
    if columns < 32 and count >= 512:
        found = np.maximum.reduce(rows.T.copy(), axis=0)
    else:
        found = rows[numbers_of(count), rows.argmax(axis=1)]
    return found[:, None] if plain else found.reshape(*x.shape[:-1], 1)
