"""Sequences of different lengths as rows: padded, packed, turned round.

`places` says where each row stands in a padded array whose first two axes are read as one.
"""

from __future__ import annotations

from math import prod

import numpy as np

from .._core.op import op


def packed_kernel(x, *, places):
    """The rows of a padded array at some places, each at most once.  (p, q, *S) -> (k, *S)"""
    shape = x.shape
    return np.reshape(x, (shape[0] * shape[1], *shape[2:]))[places]


def packed_rule(g, x_shape, places):
    return padded_rows(g, places=places, lead=tuple(x_shape[:2]), value=0)


@op(node="torch::autograd::CopySlices", linear=True)
def padded_rows(x, *, places, lead, value):
    """Rows at their places in an array of one number.  (k, *S) -> (*lead, *S)"""
    shape = x.shape[1:]
    out = np.full_like(x, value, shape=(prod(lead), *shape))
    out[places] = x
    return np.reshape(out, (*lead, *shape))


@padded_rows.grad("x")
def padded_rows_dx(g, places):
    return packed_rows(g, places=places)


packed_rows = op(name="packed_rows", node="PackPaddedSequenceBackward0", linear=True)(packed_kernel)
packed_rows.grad("x")(packed_rule)


@op(node="IndexSelectBackward0", linear=True)
def exchanged_rows(x, *, places):
    """Rows exchanged in pairs: row k is row places[k], and the other way round.  (k, *S)"""
    return x[places]


@exchanged_rows.grad("x")
def exchanged_rows_dx(g, places):
    return exchanged_rows(g, places=places)


def steps_mask(sizes, batch):
    """Return which sequences are still going at each step.  (T,) -> (T, batch) of bool"""
    return np.arange(batch) < np.asarray(sizes)[:, None]


def turned_round(sizes):
    """Return, for each row of a packed batch, the row of its sequence counted from the end."""
    going = steps_mask(sizes, sizes[0])
    lengths = np.add.reduce(going, axis=0)
    step, sequence = np.nonzero(going)
    starts = np.cumsum(sizes) - sizes
    return starts[lengths[sequence] - 1 - step] + sequence
