"""Margin losses of `torch.nn.functional`, in one plain form: how far scores are on the wrong side.

`reduction` is "none", "mean" or "sum".
"""

from __future__ import annotations

import numpy as np

from .._core.op import op
from .loss import each, reduced


@op(node="SoftMarginLossBackward0")
def soft_margin(x, y, *, reduction):
    """log(1 + exp(-y x)), for y of 1 or -1.  (*S), (*S) -> () or (*S)"""
    return reduced(np.log1p(np.exp(-y * x)), reduction)


@soft_margin.grad("x")
def soft_margin_dx(g, x, y, x_shape, reduction):
    z = np.exp(-y * x)
    return each(g, x_shape, reduction) * (-y * z / (1 + z))


def _is_target(x_shape, target):
    """Return where each row's target class is.  (n,) -> bool (n, c)"""
    return np.arange(x_shape[1]) == target[:, None]


def _beyond(x, target, margin):
    """Return how far each wrong class comes within the margin of the right one; 0 there.

    It is negative where the margin is kept.
    """
    own = _is_target(x.shape, target)
    right = np.add.reduce(np.where(own, x, 0), axis=1, keepdims=True)
    return np.where(own, 0, x - right + margin)


def _by_row(g, rows, reduction):
    """Return the gradient of each row's loss as a column, or as one number."""
    if reduction == "none":
        return np.reshape(g, (rows, 1))
    return g / rows if reduction == "mean" else g


@op(node="MultiMarginLossBackward0")
def multi_margin(x, target, w, *, p, margin, reduction):
    """Sum over wrong classes i of max(0, margin - x[target] + x[i])^p / c.  -> () or (n,)

    x is (n, c), target (n,); `w`, (c,) or None, weighs rows by their target; `p` is 1 or 2.
    Where the margin is just kept the derivative is 0.
    """
    short = np.maximum(_beyond(x, target, margin), 0)
    if p == 2:
        short = short * short
    losses = np.add.reduce(short, axis=1) / x.shape[1]
    return reduced(losses if w is None else losses * w[target], reduction)


@multi_margin.grad("x")
def multi_margin_dx(g, x, target, w, x_shape, p, margin, reduction):
    short = _beyond(x, target, margin)
    slope = np.where(short > 0, short * 2 if p == 2 else 1, 0) / x_shape[1]
    if w is not None:
        slope = slope * w[target][:, None]
    own = _is_target(x_shape, target)
    slope = np.where(own, -np.add.reduce(slope, axis=1, keepdims=True), slope)
    return _by_row(g, x_shape[0], reduction) * np.asarray(slope, x.dtype)


def _label_pairs(x, target):
    """Return what the rows of a multilabel margin loss compare.

    Returns
    -------
    short : array, (n, k, c)
        1 - x[k-th target] + x[i], 0 where that is no pair of a target and another class.
    places : array, bool (n, k, c)
        Which class the k-th target is.
    """
    counted = np.logical_and.accumulate(target >= 0, axis=1)
    most = int(np.max(np.add.reduce(counted, axis=1), initial=0))
    counted, target = counted[:, :most], target[:, :most]
    places = (np.arange(x.shape[1]) == target[:, :, None]) & counted[:, :, None]
    own = np.logical_or.reduce(places, axis=1)
    right = np.add.reduce(np.where(places, x[:, None, :], 0), axis=2)
    pairs = counted[:, :, None] & ~own[:, None, :]
    return np.where(pairs, 1 - right[:, :, None] + x[:, None, :], 0), places


@op(node="MultilabelMarginLossBackward0")
def multilabel_margin(x, target, *, reduction):
    """Sum over targets j and other classes i of max(0, 1 - x[j] + x[i]) / c.  -> () or (n,)

    x and target are (n, c); a row's targets end at its first negative number.  Where the margin
    is just kept the derivative is 0.
    """
    short, _ = _label_pairs(x, target)
    losses = np.add.reduce(np.maximum(short, 0), axis=(1, 2)) / x.shape[1]
    if reduction == "mean" and not x.shape[0]:
        return np.zeros_like(x, shape=())
    return reduced(losses, reduction)


@multilabel_margin.grad("x")
def multilabel_margin_dx(g, x, target, x_shape, reduction):
    return multilabel_slope(x, target) * _by_row(g, x_shape[0], reduction)


@op(name="multilabel_slope")
def multilabel_slope(x, target):
    """The derivative of each row's multilabel margin loss: constant but for jumps.  -> (n, c)"""
    short, places = _label_pairs(x, target)
    active = short > 0
    count = np.add.reduce(active, axis=2)
    back = np.add.reduce(np.where(places, count[:, :, None], 0), axis=1)
    return np.asarray(np.add.reduce(active, axis=1) - back, x.dtype) / x.shape[1]
