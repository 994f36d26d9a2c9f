"""Losses by margins, of pairs, triplets and sequences: PyTorch's checks and signatures."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from ..._core.public import expect_tensor
from ..._core.tracing import run
from ...autograd import no_grad
from ...creation import full_like
from ...ops import ctc, pair_loss
from ...ops import margin_loss as ops
from ...ops._arguments import scalar_name
from ...ops._fronts import refuse
from ...ops.similarity import pairwise_distance
from ...tensor import Tensor
from ._activation import logsigmoid
from ._loss import _reduced, _reduction

# The numbers by which the functions of the main namespace know reductions.
_NUMBERS = {"none": 0, "mean": 1, "sum": 2}


def _number(size_average: bool | None, reduce: bool | None, reduction: str) -> int:
    return _NUMBERS[_reduction(size_average, reduce, reduction, stacklevel=6)]


# -- one input -------------------------------------------------------------------------------------


def poisson_nll_loss(
    input: Tensor,
    target: Tensor,
    log_input: bool = True,
    full: bool = False,
    size_average: bool | None = None,
    eps: float = 1e-8,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """Negative log-likelihood of counts under a Poisson distribution.

    Parameters
    ----------
    input : Tensor
        The rate or, with `log_input`, its logarithm.
    target : Tensor
        Counts.
    full : bool
        Whether to add Stirling's approximation of log(target!).
    eps : float
        Added to the rate before its logarithm is taken.
    """
    number = _number(size_average, reduce, reduction)
    result: Tensor = pair_loss.poisson_nll_loss(input, target, log_input, full, eps, number)
    return result


def gaussian_nll_loss(
    input: Tensor,
    target: Tensor,
    var: Tensor | float,
    full: bool = False,
    eps: float = 1e-6,
    reduction: str = "mean",
) -> Tensor:
    """Negative log-likelihood of `target` under normal distributions.

    Parameters
    ----------
    input : Tensor
        Expected values.
    var : Tensor or float
        Variances, at least `eps`: one number, of the shape of `input`, without its last
        dimension, or with one dimension of size 1 instead.
    full : bool
        Whether to add the constant log(2 pi) / 2.
    """
    if not isinstance(var, Tensor):
        if var < 0:
            raise ValueError("var has negative entry/entries")
        var = full_like(input, var)
    else:
        run(_expect_variances, var.array)
    shape, given = input.get_shape(), var.get_shape()
    if given != shape:
        if given == shape[:-1]:
            var = var.unsqueeze(-1)
        elif [n for m, n in zip(shape, given) if m != n] != [1] or len(shape) != len(given):
            raise ValueError("var is of incorrect size")
    if reduction not in _NUMBERS:
        raise ValueError(f"{reduction} is not valid")
    var = var.clone()
    with no_grad():
        var.clamp_(min=eps)
    losses = (var.log() + (input - target) ** 2 / var) * 0.5
    if full:
        losses = losses + 0.5 * math.log(2 * math.pi)
    return _reduced(losses, reduction)


def hinge_embedding_loss(
    input: Tensor,
    target: Tensor,
    margin: float = 1.0,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """`input` where the target is 1, max(0, margin - input) where it is -1."""
    number = _number(size_average, reduce, reduction)
    result: Tensor = pair_loss.hinge_embedding_loss(input, target, margin, number)
    return result


def soft_margin_loss(
    input: Tensor,
    target: Tensor,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """log(1 + exp(-target input)), for targets of 1 and -1.  (*S), (*S) -> () or (*S)"""
    expect_tensor("soft_margin_loss", input)
    expect_tensor("soft_margin_loss", target, "target", 2)
    reduction = _reduction(size_average, reduce, reduction)
    shape = (input * target).get_shape()
    if shape != input.get_shape():
        raise RuntimeError(
            f"output with shape {list(input.get_shape())} doesn't match the broadcast shape "
            f"{list(shape)}"
        )
    if input.get_dtype().kind in "biu":
        raise RuntimeError(
            "result type Float can't be cast to the desired output type "
            + scalar_name(input.get_dtype())
        )
    target = target.to(input.dtype).expand(shape)
    return ops.soft_margin(input, target, reduction=reduction)


# -- several classes -------------------------------------------------------------------------------


def _rows(input: Tensor) -> tuple[int, int]:
    """Return how many rows of how many classes an input of up to two dimensions has."""
    shape = input.get_shape()
    if len(shape) > 2 or (shape and shape[-1] == 0):
        raise RuntimeError(
            "Expected non-empty vector or matrix with optional 0-dim batch size, but got: "
            f"{list(shape)}"
        )
    return (shape[0], shape[1]) if len(shape) == 2 else (1, shape[0] if shape else 1)


def _expect_long(target: Tensor) -> None:
    if target.get_dtype().name != "int64":
        raise RuntimeError(
            f"expected scalar type Long but found {scalar_name(target.get_dtype())}"
        )


def _expect_variances(array: Any) -> None:
    if (array < 0).any():
        raise ValueError("var has negative entry/entries")


def _expect_classes(array: Any, low: int, count: int, message: str) -> None:
    if ((array < low) | (array >= count)).any():
        raise RuntimeError(message)


def multi_margin_loss(
    input: Tensor,
    target: Tensor,
    p: int = 1,
    margin: float = 1.0,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """Mean over classes i of max(0, margin - x[target] + x[i])^p.

    Parameters
    ----------
    input : Tensor
        Scores, (N, C) or (C,).
    target : Tensor
        Class numbers, (N,) or ().
    p : {1, 2}
    weight : Tensor, optional
        One factor for each class.
    """
    reduction = _reduction(size_average, reduce, reduction)
    if p not in (1, 2):
        raise ValueError("only p == 1 and p == 2 supported")
    if weight is not None and weight.dim() != 1:
        raise ValueError("weight must be one-dimensional")
    rows, classes = _rows(input)
    if target.dim() > 1 or target.numel() != rows:
        raise RuntimeError(
            "multi_margin_loss: target tensor should be 1-D with size equal to the number of "
            f"input samples (batch size). Expected target size [{rows}], but got "
            f"{list(target.get_shape())}. Input has shape {list(input.get_shape())}."
        )
    if weight is not None and weight.numel() != classes:
        raise RuntimeError(
            f"inconsistent weight size, expected {classes} but got {list(weight.get_shape())}"
        )
    refuse(input.array, "biuc", "multi_margin_loss_cpu_kernel")
    _expect_long(target)
    run(_expect_classes, target.array, 0, classes, "target out of range")
    losses = ops.multi_margin(
        input.reshape(rows, classes), target.reshape(rows), weight,
        p=p, margin=float(margin), reduction=reduction,
    )  # fmt: skip
    return losses.reshape(()) if reduction == "none" and not target.dim() else losses


def multilabel_margin_loss(
    input: Tensor,
    target: Tensor,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """Sum over target classes j and others i of max(0, 1 - x[j] + x[i]), divided by C.

    Parameters
    ----------
    input : Tensor
        Scores, (N, C) or (C,).
    target : Tensor
        Class numbers, of the shape of `input`; a row's targets end at its first -1.
    """
    reduction = _reduction(size_average, reduce, reduction)
    shape = input.get_shape()
    rows, classes = _rows(input)
    if target.get_shape() != shape:
        raise RuntimeError(
            f"inconsistent target size: {list(target.get_shape())} for input of size: {list(shape)}"
        )
    refuse(input.array, "biuc", "multilabel_margin_loss_forward_out_frame")
    _expect_long(target)
    run(_expect_classes, target.array, -1, classes, "argument #2 'target' is out of range")
    losses = ops.multilabel_margin(
        input.reshape(rows, classes), target.reshape(rows, classes), reduction=reduction
    )
    return losses.reshape(()) if reduction == "none" and len(shape) < 2 else losses


def multilabel_soft_margin_loss(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """Binary cross entropy of scores, averaged over the last dimension's classes."""
    if size_average is not None or reduce is not None:
        reduction = _reduction(size_average, reduce, reduction)
    losses = -(target * logsigmoid(input) + (1 - target) * logsigmoid(-input))
    if weight is not None:
        losses = losses * weight
    if not input.dim():
        raise IndexError("Dimension specified as -1 but tensor has no dimensions")
    losses = losses.sum(input.dim() - 1) / input.size(-1)
    if reduction not in _NUMBERS:
        raise ValueError(f"{reduction} is not valid")
    return _reduced(losses, reduction)


# -- pairs and triplets ----------------------------------------------------------------------------


def margin_ranking_loss(
    input1: Tensor,
    input2: Tensor,
    target: Tensor,
    margin: float = 0,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """max(0, -target (input1 - input2) + margin): a target of 1 wants the first larger."""
    number = _number(size_average, reduce, reduction)
    if not input1.dim() == input2.dim() == target.dim():
        raise RuntimeError(
            "margin_ranking_loss : All input tensors should have same dimension but got sizes: "
            f"input1: {input1.size()}, input2: {input2.size()}, target: {target.size()} "
        )
    result: Tensor = pair_loss.margin_ranking_loss(input1, input2, target, margin, number)
    return result


def cosine_embedding_loss(
    input1: Tensor,
    input2: Tensor,
    target: Tensor,
    margin: float = 0,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """1 - cos where the target is 1, max(0, cos - margin) where it is -1.  (N, D) each, (N,)"""
    number = _number(size_average, reduce, reduction)
    result: Tensor = pair_loss.cosine_embedding_loss(input1, input2, target, margin, number)
    return result


def triplet_margin_loss(
    anchor: Tensor,
    positive: Tensor,
    negative: Tensor,
    margin: float = 1.0,
    p: float = 2,
    eps: float = 1e-6,
    swap: bool = False,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """max(0, margin + |anchor - positive| - |anchor - negative|).

    With `swap` the negative's distance is the smaller of those to anchor and positive.
    """
    number = _number(size_average, reduce, reduction)
    _check_margin(margin)
    result: Tensor = pair_loss.triplet_margin_loss(
        anchor, positive, negative, margin, p, eps, swap, number
    )
    return result


def _check_margin(margin: float) -> None:
    if margin <= 0:
        raise ValueError(f"margin must be greater than 0, got {margin}")


def triplet_margin_with_distance_loss(
    anchor: Tensor,
    positive: Tensor,
    negative: Tensor,
    *,
    distance_function: Callable[[Tensor, Tensor], Tensor] | None = None,
    margin: float = 1.0,
    swap: bool = False,
    reduction: str = "mean",
) -> Tensor:
    """`triplet_margin_loss` with a distance of one's own, by default `pairwise_distance`."""
    reduction = _reduction(None, None, reduction)
    _check_margin(margin)
    distance: Any = distance_function or pairwise_distance
    pair_loss.check_dimensions(anchor, positive, negative)
    near, far = distance(anchor, positive), distance(anchor, negative)
    if swap:
        far = far.minimum(distance(positive, negative))
    return _reduced((margin + near - far).clamp_min(0), reduction)


# -- sequences -------------------------------------------------------------------------------------


def ctc_loss(
    log_probs: Tensor,
    targets: Tensor,
    input_lengths: Any,
    target_lengths: Any,
    blank: int = 0,
    reduction: str = "mean",
    zero_infinity: bool = False,
) -> Tensor:
    """Connectionist temporal classification loss.

    Parameters
    ----------
    log_probs : Tensor
        (T, N, C), or (T, C) for one sample: log-probabilities, from `log_softmax`.
    targets : Tensor
        (N, K), or all samples' labels one after the other.
    input_lengths, target_lengths : Tensor or sequence of int
        (N,)
    blank : int
        The class that stands for no label.
    reduction : {"mean", "sum", "none"}
        The mean is that of the losses divided by their target lengths.
    zero_infinity : bool
        Whether an impossible alignment counts 0, with no gradient, and not infinity.

    Examples
    --------
    >>> import retrograd as torch
    >>> scores = torch.zeros(5, 1, 3).log_softmax(2)
    >>> torch.nn.functional.ctc_loss(scores, torch.tensor([[1, 2]]), (5,), (2,))
    tensor(0.9689)
    """
    number = _NUMBERS[_reduction(None, None, reduction)]
    result: Tensor = ctc.ctc_loss(
        log_probs, targets, input_lengths, target_lengths, blank, number, zero_infinity
    )
    return result
