"""Distances between points: of two tensors, of all pairs of rows."""

from __future__ import annotations

import numpy as np

from .._core.broadcast import sum_to
from .._core.op import PROMOTE, op
from .._core.public import expect_tensor, public
from .._core.tracing import constant
from ._arguments import scalar_name
from .linear_algebra import turned
from .norms import norm_of, norm_rule, vector_norm
from .reduction import sum as sum_over

# From this many rows on, distances of order 2 are computed by a matrix product, as in PyTorch.
_MANY = 25


@op(node="DistBackward0", promote=PROMOTE)
def dist(x, y, *, p=2):
    """The p-norm of x - y.  (*S), (*S) -> ()"""
    return norm_of(x - y, p, None, False)


@dist.grad("x")
def dist_dx(g, x, y, out, x_dtype, x_shape, p):
    return _dist_rule(g, x, y, out, x_dtype, x_shape, p)


@dist.grad("y")
def dist_dy(g, x, y, out, x_dtype, y_shape, p):
    return -_dist_rule(g, x, y, out, x_dtype, y_shape, p)


def _dist_rule(g, x, y, out, dtype, shape, p):
    apart = x - y
    whole = norm_rule(g, apart, out, dtype, p, None, False, tuple(apart.shape))
    return sum_to(whole, shape)


@public("dist")
def dist_front(input, other, p=2):
    """The p-norm of ``input - other``, which broadcast."""
    expect_tensor("dist", input)
    expect_tensor("dist", other, "other", 2)
    for one in (input, other):
        if one.get_dtype().kind in "bui":
            raise RuntimeError(
                "norm(): input dtype should be either floating point or complex. "
                f"Got {scalar_name(one.get_dtype())} instead."
            )
    return dist(input, other, p=p)


# -- all pairs of rows --------------------------------------------------------------------------


def squared_by_product(x, y):
    """Return squared distances of rows as |x|^2 + |y|^2 - 2 x y; half the digits may be lost."""
    xx = np.add.reduce(x * x, axis=-1)[..., :, None]
    yy = np.add.reduce(y * y, axis=-1)[..., None, :]
    return np.maximum(xx + yy - 2 * np.matmul(x, turned(y)), 0)


@op(node="CdistBackward0")
def cdist(x, y, *, p=2.0, product=False):
    """Distances of all pairs of rows.  (*B, n, k), (*B, m, k) -> (*B, n, m)

    Where a distance is 0, so is its gradient.
    """
    if product:
        return np.sqrt(squared_by_product(x, y))
    return norm_of(x[..., :, None, :] - y[..., None, :, :], p, -1, False)


@cdist.grads("x", "y")
def cdist_d(g, x, y, out, x_shape, y_shape, x_dtype, p):
    if p == 2:
        # Sums over j of w[i, j] (x[i] - y[j]): two products, without the differences.
        scale = np.where(out == 0, 0.0, g / np.where(out == 0, 1.0, out))
        dx = np.sum(scale, axis=-1, keepdims=True) * x - np.matmul(scale, y)
        back = np.swapaxes(scale, -1, -2)
        dy = np.sum(back, axis=-1, keepdims=True) * y - np.matmul(back, x)
        return sum_to(dx, x_shape), sum_to(dy, y_shape)
    apart = x[..., :, None, :] - y[..., None, :, :]
    shape = tuple(apart.shape)
    whole = norm_rule(g, apart, out, x_dtype, p, (len(shape) - 1,), False, shape)
    dx = sum_over(whole, axis=(len(shape) - 2,))
    dy = -sum_over(whole, axis=(len(shape) - 3,))
    return sum_to(dx, x_shape), sum_to(dy, y_shape)


_MODES = (
    "use_mm_for_euclid_dist_if_necessary",
    "use_mm_for_euclid_dist",
    "donot_use_mm_for_euclid_dist",
)


@public("cdist", method=False)
def cdist_front(x1, x2, p=2.0, compute_mode="use_mm_for_euclid_dist_if_necessary"):
    """Distances of order `p` of all pairs of rows.

    Parameters
    ----------
    x1, x2 : Tensor
        (*B, n, k) and (*C, m, k); the leading dimensions broadcast.
    p : float
        Not negative.
    compute_mode : str
        Whether distances of order 2 come from a matrix product, which is fast and may cost half
        the digits: ``"use_mm_for_euclid_dist_if_necessary"`` (beyond 25 rows),
        ``"use_mm_for_euclid_dist"``, ``"donot_use_mm_for_euclid_dist"``.
    """
    a = expect_tensor("cdist", x1, "x1").get_shape()
    b = expect_tensor("cdist", x2, "x2", 2).get_shape()
    for number, one in enumerate((a, b), start=1):
        if len(one) < 2:
            raise RuntimeError(
                f"cdist only supports at least 2D tensors, X{number} got: {len(one)}D"
            )
    if a[-1] != b[-1]:
        raise RuntimeError(
            f"X1 and X2 must have the same number of columns. X1: {a[-1]} X2: {b[-1]}"
        )
    if p < 0:
        raise RuntimeError("cdist only supports non-negative p values")
    if compute_mode not in _MODES:
        raise ValueError(f"{compute_mode} is not a valid value for compute_mode")
    many = a[-2] > _MANY or b[-2] > _MANY
    product = p == 2 and (compute_mode == _MODES[1] or (many and compute_mode == _MODES[0]))
    return cdist(x1, x2, p=float(p), product=product)


@public("pdist", method=False)
def pdist(input, p=2.0):
    """Distances of order `p` of every two rows, in the order (0, 1), (0, 2), ..., (1, 2), ..."""
    shape = expect_tensor("pdist", input).get_shape()
    if len(shape) != 2:
        raise RuntimeError(f"pdist only supports 2D tensors, got: {len(shape)}D")
    if p < 0:
        raise RuntimeError("pdist only supports non-negative p values")
    first, second = map(constant, np.triu_indices(shape[0], 1))
    return vector_norm(input[first] - input[second], p=float(p), axis=(1,))
