"""A linear layer and the cross entropy of its scores in one function."""

from __future__ import annotations

import warnings
from typing import Any

from ..._core.public import functions
from ...ops._arguments import scalar_name
from ...tensor import Tensor
from ._loss import _REDUCTIONS, cross_entropy


def linear_cross_entropy(
    input: Tensor,
    linear_weight: Tensor,
    target: Tensor,
    *,
    linear_bias: Tensor | None = None,
    weight: Tensor | None = None,
    reduction: str = "mean",
    ignore_index: int | None = None,
    label_smoothing: float = 0.0,
    options: Any = None,
) -> Tensor:
    """Cross entropy of the scores that a linear layer makes of `input`.

    Parameters
    ----------
    input : Tensor
        (N, k) or (k,)
    linear_weight : Tensor
        (C, k), or (C, *D, k) for scores of several places.
    target : Tensor
        Class numbers (N, *D), or probabilities (N, C, *D).
    linear_bias : Tensor, optional
        (C, *D)
    weight, reduction, label_smoothing
        As in `cross_entropy`.
    ignore_index : int, optional
        -100 by default for class numbers; none may be given with probabilities.
    options : LinearCrossEntropyOptions, optional
        How PyTorch saves memory; here the result alone counts, which is the same.
    """
    shape, w = input.get_shape(), linear_weight.get_shape()
    if len(w) < 2:
        raise RuntimeError(f"expected linear_weight with dimensionality at least 2, got {len(w)}")
    if len(shape) not in (1, 2):
        raise RuntimeError(f"expected input with dimensionality 1 or 2, got {len(shape)}")
    if shape[-1] != w[-1]:
        raise RuntimeError(
            "expected equal input and linear_weight last dimensions (in_features), got "
            f"{shape[-1]} and {w[-1]}, respectively"
        )
    if len(w) > 2 and len(shape) == 1:
        raise RuntimeError(
            f"K-dimensional loss defined by linear_weight shape {w} requires batched input, "
            f"(N, {w[-1]}), got unbatched input with shape {shape}"
        )
    if linear_bias is not None and linear_bias.get_shape() != w[:-1]:
        raise RuntimeError(
            f"expected linear_bias shape {w[:-1]}, got {linear_bias.get_shape()}"
        )
    floating = target.get_dtype().kind == "f"
    if ignore_index is not None and floating:
        raise RuntimeError("ignore_index cannot be specified when target contains probabilities")
    if options is not None:
        _warn_ignored(target, w, linear_bias, reduction, label_smoothing)
    scores: Any = functions["nn.functional.linear"](
        input,
        linear_weight.reshape(-1, w[-1]),
        None if linear_bias is None else linear_bias.reshape(-1),
    )
    if len(w) > 2:
        scores = scores.reshape(shape[0], *w[:-1])
    return cross_entropy(
        scores,
        target,
        weight=weight,
        ignore_index=-100 if ignore_index is None else ignore_index,
        reduction=reduction,
        label_smoothing=label_smoothing,
    )


def _warn_ignored(
    target: Tensor,
    w: tuple[int, ...],
    bias: Tensor | None,
    reduction: str,
    label_smoothing: float,
) -> None:
    """Give PyTorch's warning where its memory-saving path would not be taken."""
    plain = reduction in _REDUCTIONS and label_smoothing == 0 and len(w) == 2
    if plain and scalar_name(target.get_dtype()) == "Long":
        return
    warnings.warn(
        "linear_cross_entropy: ``options`` ignored; chunked path needs reduction in "
        "{'mean','sum','none'}, label_smoothing == 0, target.dtype == int64, out_features == (). "
        f"Got reduction={reduction!r}, label_smoothing={label_smoothing}, "
        f"target.dtype=torch.{target.get_dtype().name}, out_features={w[1:-1]}, tracing=False, "
        f"linear_bias.shape={None if bias is None else bias.get_shape()}.",
        stacklevel=3,
    )
