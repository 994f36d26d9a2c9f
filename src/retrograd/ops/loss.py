"""Loss kernels: the functions of ``torch.nn.functional`` in one plain form.

`reduction` is "none", "mean" or "sum".  Operands have one shape: fronts broadcast before.
"""

from __future__ import annotations

import numpy as np

from .._core.op import op
from .row_sums import numbers_of


def reduced(loss, reduction):
    """Return a loss of each element, or their mean or sum."""
    if reduction == "none":
        return loss
    total = np.add.reduce(loss, axis=None)
    return total / loss.size if reduction == "mean" else total


def each(g, shape, reduction):
    """Return the gradient of each element's loss, as something that broadcasts to `shape`."""
    if reduction != "mean":
        return g
    count = 1
    for size in shape:
        count *= size
    return g / count


@op(node="MseLossBackward0")
def squared_error(x, y, *, reduction):
    """(x - y)^2.  (*S), (*S) -> () or (*S)"""
    d = x - y
    if reduction == "mean" and d.size:
        flat = np.reshape(d, -1)
        return np.dot(flat, flat) / d.size
    return reduced(d * d, reduction)


@squared_error.grads("x", "y")
def squared_error_d(g, x, y, x_shape, reduction, needs):
    dx = (x - y) * (each(g, x_shape, reduction) * 2)
    return dx, (-dx if needs[1] else None)


@op(node="SmoothL1LossBackward0")
def smooth_absolute_error(x, y, *, beta, reduction):
    """d^2 / 2 beta where |d| < beta, else |d| - beta / 2, for d = x - y.  -> () or (*S)"""
    d = np.abs(x - y)
    return reduced(np.where(d < beta, d * d * (0.5 / beta), d - 0.5 * beta), reduction)


@smooth_absolute_error.grads("x", "y")
def smooth_absolute_error_d(g, x, y, x_shape, beta, reduction, needs):
    d = x - y
    slope = np.where(np.abs(d) < beta, d / beta, np.sign(d))
    dx = slope * each(g, x_shape, reduction)
    return dx, (-dx if needs[1] else None)


@op(node="HuberLossBackward0")
def huber(x, y, *, delta, reduction):
    """d^2 / 2 where |d| < delta, else delta (|d| - delta / 2), for d = x - y.  -> () or (*S)"""
    d = np.abs(x - y)
    return reduced(np.where(d < delta, d * d * 0.5, (d - 0.5 * delta) * delta), reduction)


@huber.grads("x", "y")
def huber_d(g, x, y, x_shape, delta, reduction, needs):
    d = x - y
    slope = np.where(np.abs(d) < delta, d, np.sign(d) * delta)
    dx = slope * each(g, x_shape, reduction)
    return dx, (-dx if needs[1] else None)


@op(node="BinaryCrossEntropyBackward0")
def binary_cross_entropy(x, y, w, *, reduction):
    """-w (y log x + (1 - y) log(1 - x)); logarithms stop at -100; w may be None.  -> () or (*S)"""
    loss = (y - 1) * np.maximum(np.log1p(-x), -100) - y * np.maximum(np.log(x), -100)
    return reduced(loss if w is None else loss * w, reduction)


@binary_cross_entropy.grad("x")
def binary_cross_entropy_dx(g, x, y, w, x_shape, reduction):
    dx = each(g, x_shape, reduction) * (x - y) / np.maximum((1 - x) * x, 1e-12)
    return dx if w is None else dx * w


@binary_cross_entropy.grad("y")
def binary_cross_entropy_dy(g, x, w, x_shape, reduction):
    dy = each(g, x_shape, reduction) * (np.log1p(-x) - np.log(x))
    return dy if w is None else dy * w


@op(node="BinaryCrossEntropyWithLogitsBackward0")
def binary_cross_entropy_logits(x, y, w, p, *, reduction):
    """Binary cross entropy of sigmoid(x), without overflow.  -> () or (*S)

    `w` weighs elements and `p` the positive ones; either may be None.
    """
    tail = np.log1p(np.exp(-np.abs(x))) + np.maximum(-x, 0)
    loss = (1 - y) * x + (tail if p is None else ((p - 1) * y + 1) * tail)
    return reduced(loss if w is None else loss * w, reduction)


@binary_cross_entropy_logits.grad("x")
def binary_cross_entropy_logits_dx(g, x, y, w, p, x_shape, reduction):
    gate = 1 / (1 + np.exp(-x))
    slope = gate - y if p is None else (p * y + 1 - y) * gate - p * y
    dx = each(g, x_shape, reduction) * slope
    return dx if w is None else dx * w


@binary_cross_entropy_logits.grad("y")
def binary_cross_entropy_logits_dy(g, x, w, p, x_shape, reduction):
    slope = -x
    if p is not None:
        slope = slope + (p - 1) * (np.log1p(np.exp(-np.abs(x))) + np.maximum(-x, 0))
    dy = each(g, x_shape, reduction) * slope
    return dy if w is None else dy * w


def _weights(target, w, ignored, like):
    """Return each row's weight: its class's, 0 where the target is ignored; None for all ones."""
    if w is None:
        if ignored is None:
            return None
        return np.asarray(~ignored, like.dtype)
    safe = target if ignored is None else np.where(ignored, 0, target)
    found = w[safe]
    return found if ignored is None else np.where(ignored, 0, found)


def _targets(target, classes, ignore_index):
    """Return targets that can index, and which rows are ignored (None when none are).

    Raises
    ------
    IndexError
        For a target that is no class.
    """
    if target.size == 0:
        return target, None
    # Without a sign, numbers below 0 are the largest: one look finds all that are wrong.
    if (
        target.dtype == np.int64
        and not 0 <= ignore_index < classes
        and np.maximum.reduce(target.view(np.uint64), axis=None) < classes
    ):
        return target, None
    ignored = target == ignore_index
    wrong = ~ignored & ((target < 0) | (target >= classes))
    if wrong.any():
        raise IndexError(f"Target {target[wrong][0]} is out of bounds.")
    return np.where(ignored, 0, target), ignored


@op(node="NllLossBackward0")
def negative_log_likelihood(x, target, w, *, ignore_index, reduction):
    """-w[target] x[row, target].  (n, c), (n,), (c,) -> () or (n,)

    `w` may be None; rows whose target is `ignore_index` count nothing; the mean is weighted.
    """
    safe, ignored = _targets(target, x.shape[1], ignore_index)
    picked = -x[numbers_of(x.shape[0]), safe]
    weights = _weights(safe, w, ignored, x)
    if weights is None:
        return reduced(picked, reduction)
    picked = picked * weights
    if ignored is not None:
        picked = np.where(ignored, 0, picked)
    if reduction == "mean":
        return np.add.reduce(picked) / np.add.reduce(weights)
    return reduced(picked, reduction)


@op(name="negative_log_likelihood_2d", node="NllLoss2DBackward0")
def negative_log_likelihood_2d(x, target, w, *, ignore_index, reduction):
    """The same of the places of a batch, which have a node of their own in PyTorch."""
    return negative_log_likelihood(
        x, target, w, ignore_index=ignore_index, reduction=reduction
    )


@negative_log_likelihood.grad("x")
@negative_log_likelihood_2d.grad("x")
def negative_log_likelihood_dx(g, target, w, x_shape, ignore_index, reduction):
    return spread_likelihood(
        g, target, w, shape=x_shape, ignore_index=ignore_index, reduction=reduction
    )


@op(node="NllLossBackwardBackward0", linear=True)
def spread_likelihood(x, target, w, *, shape, ignore_index, reduction):
    """The adjoint: minus the weighted gradient at each row's target.  () or (n,) -> (n, c)"""
    safe, ignored = _targets(target, shape[1], ignore_index)
    weights = _weights(safe, w, ignored, x)
    value = -x
    if weights is not None:
        value = value * weights
        if reduction == "mean":
            value = value / np.add.reduce(weights)
    elif reduction == "mean":
        value = value / shape[0]
    return put_in_rows(value, safe, shape)


def put_in_rows(value, index, shape):
    """Zeros of `shape`, with a number at one place of each row.  () or (n,), (n,) -> (n, c)"""
    out = np.zeros(shape, value.dtype)
    out[numbers_of(shape[0]), index] = value
    return out


@spread_likelihood.grad("x")
def spread_likelihood_dx(g, target, w, ignore_index, reduction):
    return negative_log_likelihood(g, target, w, ignore_index=ignore_index, reduction=reduction)
