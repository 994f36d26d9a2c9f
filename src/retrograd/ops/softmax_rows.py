"""Softmax, its logarithm, and the gradient of both.

Note [Softmax without the largest].  The largest element of each row is taken off so that exp stays
in range; it changes nothing else.  Where exp does so anyway, as one look at the largest of all and
one at the sums of the rows show, that is left out: 128 in place of 159 us for 512x256 float32.
"""

from __future__ import annotations

import numpy as np

from .._core.library import library
from .._core.op import op
from .row_sums import row_maxima, row_totals

# exp is far from both ends of float32's range between these: an element, and the sum of a row.
_HIGHEST = 60
_LOWEST = 1e-20


def is_last(x, axis):
    """Return whether an axis is the last one of an array that has several elements along it."""
    return x.ndim > 0 and axis in (x.ndim - 1, -1)


@op(node="SoftmaxBackward0")
def softmax(x, *, axis):
    """exp(x) scaled to sum to one along an axis.  (*S) -> (*S)"""
    if x.size == 0:
        return np.copy(x)
    if is_last(x, axis):
        if x.size >= library.least and (found := library.run("softmax", x)) is not None:
            return found
        # See Note [Softmax without the largest]; comparisons with nan are false.
        if x.dtype.itemsize > 2 and np.maximum.reduce(x, axis=None) < _HIGHEST:
            out = np.exp(x)
            totals = row_totals(out)
            if np.minimum.reduce(totals, axis=None) > _LOWEST:
                return np.divide(out, totals, out)
        out = x - row_maxima(x)
        np.exp(out, out)
        return np.divide(out, row_totals(out), out)
    axis = axis if x.ndim else None
    out = np.exp(x - np.max(x, axis=axis, keepdims=True))
    return out / np.add.reduce(out, axis=axis, keepdims=True)


@softmax.grad("x")
def softmax_dx(g, out, axis):
    if is_last(out, axis):
        return softmax_adjoint(g, out)
    axis = axis if out.ndim else None
    return out * (g - np.add.reduce(g * out, axis=axis, keepdims=True))


@op(node="LogSoftmaxBackward0")
def log_softmax(x, *, axis):
    """log(softmax(x)) along an axis, without overflow.  (*S) -> (*S)"""
    if x.size == 0:
        return np.copy(x)
    if is_last(x, axis):
        if x.size >= library.least and (found := library.run("log_softmax", x)) is not None:
            return found
        out = x - row_maxima(x)
        totals = row_totals(np.exp(out))
        return np.subtract(out, np.log(totals, totals), out)
    axis = axis if x.ndim else None
    shifted = x - np.max(x, axis=axis, keepdims=True)
    return shifted - np.log(np.add.reduce(np.exp(shifted), axis=axis, keepdims=True))


@log_softmax.grad("x")
def log_softmax_dx(g, out, axis):
    if is_last(out, axis):
        if type(out) is np.ndarray and out.size >= library.least:
            found = library.run("log_softmax_dx", g, out)
            if found is not None:
                return found
        return g - np.exp(out) * row_totals(g)
    axis = axis if out.ndim else None
    return g - np.exp(out) * np.add.reduce(g, axis=axis, keepdims=True)


@op(node="SoftmaxBackwardDataBackward0")
def softmax_adjoint(x, p):
    """p (x - sum(p x)): the gradient x of p = softmax(s) as that of s.  (*S, n) -> (*S, n)"""
    if x.size >= library.least and (found := library.run("softmax_adjoint", x, p)) is not None:
        return found
    out = x * p
    totals = row_totals(out)
    return np.subtract(out, np.multiply(p, totals), out)


@softmax_adjoint.grad("x")
def softmax_adjoint_dx(g, p):
    return softmax_adjoint(g, p)


@softmax_adjoint.grad("p")
def softmax_adjoint_dp(g, x, p):
    total = np.add.reduce(x * p, axis=-1, keepdims=True)
    return g * (x - total) - x * np.add.reduce(g * p, axis=-1, keepdims=True)
