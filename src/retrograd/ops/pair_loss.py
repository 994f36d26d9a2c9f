"""Losses made of other operations: `torch.hinge_embedding_loss` and its kind.

`reduction` is PyTorch's number: 0 for each element's loss, 1 for the mean, 2 for the sum.  The
functions of `torch` itself (not `torch.nn.functional`) take 0 where none is given, as there.
"""

from __future__ import annotations

import math

from .._core.broadcast import broadcast_error
from .._core.public import expect_tensor, public
from ._arguments import scalar_name
from ._fronts import refuse
from .copying import cast
from .loss import binary_cross_entropy_logits
from .selection import where
from .similarity import pairwise_distance

REDUCTIONS = ("none", "mean", "sum")


def reduced_by(losses, reduction):
    """Return a tensor of losses, or its mean or sum."""
    if reduction == 1:
        return losses.mean()
    return losses.sum() if reduction == 2 else losses


def _expect(function, **tensors):
    for place, (name, value) in enumerate(tensors.items(), start=1):
        expect_tensor(function, value, name, place)


@public("hinge_embedding_loss", method=False)
def hinge_embedding_loss(input, target, margin=1.0, reduction=0):
    """`input` where the target is 1, max(0, margin - input) where it is -1, both elsewhere."""
    _expect("hinge_embedding_loss", input=input, target=target)
    far = (margin - input).clamp_min(0)
    zeros = 0 * input.detach()
    losses = where(target != 1, far, zeros) + where(target != -1, input, zeros)
    return reduced_by(losses, reduction)


@public("margin_ranking_loss", method=False)
def margin_ranking_loss(input1, input2, target, margin=0.0, reduction=0):
    """max(0, -target (input1 - input2) + margin)."""
    _expect("margin_ranking_loss", input1=input1, input2=input2, target=target)
    losses = (-target * (input1 - input2) + margin).clamp_min(0)
    return reduced_by(losses, reduction)


@public("cosine_embedding_loss", method=False)
def cosine_embedding_loss(input1, input2, target, margin=0.0, reduction=0):
    """1 - cos where the target is 1, max(0, cos - margin) where it is -1.

    Parameters
    ----------
    input1, input2 : Tensor
        (N, D) or (D,)
    target : Tensor
        (N,) or ()
    margin : float
    reduction : int
    """
    _expect("cosine_embedding_loss", input1=input1, input2=input2, target=target)
    dims = target.dim()
    if dims > 1:
        raise RuntimeError("0D or 1D target tensor expected, multi-target not supported")
    if not (input1.dim() == input2.dim() == dims + 1):
        raise RuntimeError(
            f"{dims}D target tensor expects {dims + 1}D input tensors, but found inputs with "
            f"sizes {list(input1.get_shape())} and {list(input2.get_shape())}."
        )
    eps = 1e-12
    product = (input1 * input2).sum(dims)
    first = (input1 * input1).sum(dims) + eps
    second = (input2 * input2).sum(dims) + eps
    cosine = product / (first * second).sqrt()
    zeros = 0 * cosine.detach()
    near = where(target == 1, 1 - cosine, zeros)
    far = where(target == -1, (cosine - margin).clamp_min(0), zeros)
    return reduced_by(near + far, reduction)


@public("triplet_margin_loss", method=False)
def triplet_margin_loss(
    anchor, positive, negative, margin=1.0, p=2.0, eps=1e-6, swap=False, reduction=0
):
    """max(0, margin + |anchor - positive| - |anchor - negative|).  (N, D) or (D,) each

    With `swap` the negative's distance is the smaller of those to anchor and positive.
    """
    _expect("triplet_margin_loss", anchor=anchor, positive=positive, negative=negative)
    check_dimensions(anchor, positive, negative)
    near = pairwise_distance(anchor, positive, p, eps)
    far = pairwise_distance(anchor, negative, p, eps)
    if swap:
        far = far.minimum(pairwise_distance(positive, negative, p, eps))
    return reduced_by((margin + near - far).clamp_min(0), reduction)


def check_dimensions(anchor, positive, negative):
    """Raise unless three tensors have equally many dimensions."""
    a, p, n = anchor.dim(), positive.dim(), negative.dim()
    if not a == p == n:
        raise RuntimeError(
            "The anchor, positive, and negative tensors are expected to have the same number of "
            f"dimensions, but got: anchor {a}D, positive {p}D, and negative {n}D inputs"
        )


@public("poisson_nll_loss", method=False)
def poisson_nll_loss(input, target, log_input, full, eps, reduction):
    """Negative log-likelihood of counts, up to a constant unless `full`.

    `input` is the rate or, with `log_input`, its logarithm; `full` adds Stirling's approximation
    of log(target!) where the target is above 1.
    """
    _expect("poisson_nll_loss", input=input, target=target)
    if log_input:
        losses = input.exp() - target * input
    else:
        losses = input - target * (input + eps).log()
    if full:
        stirling = target * target.log() - target + 0.5 * (2 * math.pi * target).log()
        losses = losses + stirling.masked_fill(target <= 1, 0)
    return reduced_by(losses, reduction)


@public("kl_div", method=False)
def kl_div(input, target, reduction=0, log_target=False):
    """target (log target - input), for log-probabilities `input`; 0 where the target is 0.

    With `log_target` the target holds logarithms too.
    """
    _expect("kl_div", input=input, target=target)
    if input.get_dtype().kind in "biu" or target.get_dtype().kind in "biu":
        raise RuntimeError("kl_div: Integral inputs not supported.")
    if log_target:
        losses = target.exp() * (target - input)
    else:
        losses = target.xlogy(target) - target * input
    return reduced_by(losses, reduction)


@public("binary_cross_entropy_with_logits", method=False)
def binary_cross_entropy_with_logits(input, target, weight=None, pos_weight=None, reduction=0):
    """Binary cross entropy of scores, which a logistic function makes probabilities.

    `weight` weighs elements and `pos_weight` the positive ones; the result has the dtype of
    `target`.
    """
    _expect("binary_cross_entropy_with_logits", input=input, target=target)
    dtype = target.get_dtype()
    if dtype.kind == "b":
        raise RuntimeError(
            "Subtraction, the `-` operator, with two bool tensors is not supported. "
            "Use the `^` or `logical_xor()` operator instead."
        )
    own = input.get_dtype()
    refuse(input.array, "biuc", "log_sigmoid_cpu")
    if dtype.kind in "iu":
        raise RuntimeError(
            f"result type {scalar_name(own)} can't be cast to the desired output type "
            + scalar_name(dtype)
        )
    if dtype is not own:
        input = cast(input, dtype=dtype)
    for one, first in ((pos_weight, True), (weight, False)):
        if one is not None:
            shapes = one.get_shape(), input.get_shape()
            error = broadcast_error(*(shapes if first else shapes[::-1]))
            if error is not None:
                raise RuntimeError(error)
    if weight is not None and weight.get_dtype() is not dtype:
        weight = cast(weight, dtype=dtype)
    return binary_cross_entropy_logits(
        input, target, weight, pos_weight, reduction=REDUCTIONS[reduction]
    )
