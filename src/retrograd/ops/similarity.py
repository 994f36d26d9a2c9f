"""Distance and likeness of vectors along a dimension: `pairwise_distance`, `cosine_similarity`."""

from __future__ import annotations

import numpy as np

from .._core.op import op
from .._core.promotion import result_type
from .._core.public import expect_tensor, public
from ._arguments import scalar_name
from ._axes import axis_of
from .copying import cast, copy
from .norms import norm_of, norm_rule, vector_norm
from .shape import broadcast_tensors


@op(node="NormBackward1")
def length_of_difference(x, *, p, axis, keepdims):
    """The p-norm along axes; PyTorch's node differs from that of `vector_norm`."""
    return norm_of(x, p, axis, keepdims)


@length_of_difference.grad("x")
def length_of_difference_dx(g, x, out, x_shape, x_dtype, p, axis, keepdims):
    return norm_rule(g, x, out, x_dtype, p, axis, keepdims, x_shape)


@public("pairwise_distance", method=False)
def pairwise_distance(x1, x2, p=2.0, eps=1e-6, keepdim=False):
    """Norm of order `p` of ``x1 - x2 + eps`` along the last dimension.  (*B, k) -> (*B,)

    Where the distance is 0 so is its gradient.
    """
    expect_tensor("pairwise_distance", x1, "x1")
    expect_tensor("pairwise_distance", x2, "x2", 2)
    apart = x1 - x2 + eps
    axis = (apart.dim() - 1,) if apart.dim() else ()
    return length_of_difference(apart, p=float(p), axis=axis, keepdims=keepdim)


@public("cosine_similarity", method=False)
def cosine_similarity(x1, x2, dim=1, eps=1e-8):
    """Product of the two vectors along `dim`, each divided by its length, at least `eps`.

    The gradient is that of the lengths themselves, also where `eps` takes their place.
    """
    expect_tensor("cosine_similarity", x1, "x1")
    expect_tensor("cosine_similarity", x2, "x2", 2)
    dtype = result_type([x1, x2])
    if dtype.kind not in "fc":
        raise RuntimeError(
            "expected common dtype to be floating point, yet common dtype is " + scalar_name(dtype)
        )
    x1, x2 = broadcast_tensors(cast(x1, dtype=dtype), cast(x2, dtype=dtype))
    axis = axis_of(dim, x1.dim())
    axes = (axis,) if x1.dim() else ()
    first = x1 / _length(x1, axes, eps)
    return (first * (x2 / _length(x2, axes, eps))).sum(axis)


def _length(x, axes, eps):
    """Return the 2-norm along axes, raised to `eps` behind the back of its gradient."""
    length = copy(vector_norm(x, p=2, axis=axes, keepdims=True))
    # A fresh copy, which nothing has seen: no history to mind.
    np.maximum(length.array, eps, out=length.array)
    return length
