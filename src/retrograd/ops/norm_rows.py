"""Kernels that normalise the rows of a matrix: what layer_norm and rms_norm compute.

Note [Outer products by BLAS].  To multiply a matrix by one number a row, NumPy starts a loop for
every row: 14.5 us for 512x128 float32, where two whole arrays take 8.  The product of a (n, 2)
and a (2, m) matrix takes 7.4, so what is an outer product or a sum of two (the scales, the
shifts) is made in one such product and applied to whole arrays.  Below `_SMALL` elements the
number of calls counts for more.

Note [Variance in one pass].  mean(x^2) - mean^2 needs no centred copy, and loses as many digits as
the first term is larger than the result: where it is more than `_SAFE` times as large for some
row, the centred squares are summed instead.
"""

from __future__ import annotations

import numpy as np

from .._core.library import library
from .row_sums import ones_of, sum_rows

_SMALL = 1 << 14
_SAFE = 8


def widened(x):
    """Return `x` in the dtype that sums are made in: float32 for float16."""
    return x.astype(np.float32) if x.dtype.itemsize == 2 else x


def variance_of(squares, mean, centred_squares):
    """Return the variance from the mean of the squares and the mean.

    Parameters
    ----------
    squares, mean : array
    centred_squares : callable
        Returns the mean of the centred squares, called where the difference would lose digits.
    """
    variance = squares - mean * mean
    # See Note [Variance in one pass]; nan counts as unsafe.
    if np.logical_and.reduce(squares <= variance * _SAFE):
        return variance
    return centred_squares()


def row_moments(x, centred):
    """Return the mean and the variance of each row.  (n, m) -> (n,), (n,)

    Without `centred` the mean counts as 0, and None is returned for it.
    """
    if x.size >= library.least:
        found = library.run("row_moments", x) if centred else library.run("row_squares", x)
        if found is not None:
            return found if centred else (None, found)
    x = widened(x)
    size = max(x.shape[1], 1)
    if not centred:
        return None, np.vecdot(x, x) / size
    mean = x.dot(ones_of(x.shape[1], x.dtype)) / size

    def centred_squares():
        d = x - mean[:, None]
        return np.vecdot(d, d) / size

    if x.size < _SMALL:
        return mean, centred_squares()
    return mean, variance_of(np.vecdot(x, x) / size, mean, centred_squares)


def outer_sum(rows, columns, more_rows, more_columns):
    """Return the sum of two outer products.  (n,), (m,), (n,), (m,) -> (n, m)"""
    left = np.empty((len(rows), 2), rows.dtype)
    left[:, 0] = rows
    left[:, 1] = more_rows
    right = np.empty((2, len(columns)), rows.dtype)
    right[0] = columns
    right[1] = more_columns
    return left.dot(right)


def scaled(x, rows, columns):
    """Multiply each row by a number and each column by one.  (n, m), (n,), (m,) -> (n, m)"""
    if columns is None:
        return x * rows[:, None]
    if x.size < _SMALL:
        out = x * rows[:, None]
        out *= columns
        return out
    # Halves, since BLAS is quicker for two outer products than for one.
    half = rows * 0.5
    out = outer_sum(half, columns, half, columns)
    out *= x
    return out


def normalise_rows(x, w, b, mean, rstd):
    """Return (x - mean) * rstd * w + b.  (n, m), (m,), (m,), (n,), (n,) -> (n, m)"""
    if x.size >= library.least:
        found = library.run("normalise_rows", x, w, b, mean, rstd)
        if found is not None:
            return found
    dtype = x.dtype
    x = widened(x)
    if mean is None:
        out = scaled(x, rstd, w)
        if b is not None:
            out += b
    elif w is None or b is None or x.size < _SMALL:
        out = x - mean[:, None]
        out *= rstd[:, None]
        if w is not None:
            out *= w
        if b is not None:
            out += b
    else:
        out = scaled(x, rstd, w)
        out += outer_sum(mean * -rstd, w, 1, b)
    return out if out.dtype is dtype else out.astype(dtype)


def rows_backward(g, x, w, mean, rstd, wanted):
    """Return the gradients of x, w and b; an empty array for one that is not wanted.

    (n, m), (n, m), (m,), (n,), (n,) -> (n, m), (m,), (m,)
    """
    if x.size >= library.least and wanted[0]:
        found = library.run("rows_backward", g, x, w, mean, rstd)
        if found is not None:
            return found
    dtype = x.dtype
    g, x = widened(g), widened(x)
    nothing = np.empty(0, g.dtype)
    size = x.shape[1]
    products = g * x
    dw = db = dx = nothing
    if wanted[1]:
        dw = rstd.dot(products)
        if mean is not None:
            dw -= (mean * rstd).dot(g)
    if wanted[2]:
        db = sum_rows(g)
    if wanted[0]:
        weights = (ones_of(size, g.dtype) if w is None else w) / size
        slope = products.dot(weights)
        if mean is not None:
            level = g.dot(weights)
            slope -= mean * level
        # dx = rstd (g w - level - (x - mean) slope rstd^2)
        slope *= rstd * rstd * rstd
        dx = scaled(g, rstd, w)
        np.multiply(x, slope[:, None], out=products)
        dx -= products
        if mean is not None:
            dx += (mean * slope - level * rstd)[:, None]
        if dx.dtype is not dtype:
            dx = dx.astype(dtype)
    return dx, dw, db
