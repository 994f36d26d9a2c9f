"""A linear layer and the cross entropy of its scores in one module."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from ..tensor import Tensor
from . import functional as F
from .linear import Linear
from .loss import _WeightedLoss

_POLICIES = ("accurate", "balanced", "compact", "auto")
_ACCUMULATORS = ("torch.float16", "torch.bfloat16", "torch.float32", "torch.float64")


@dataclass(frozen=True)
class LinearCrossEntropyOptions:
    """How PyTorch computes `functional.linear_cross_entropy` in pieces, to save memory.

    They are checked and kept; here the function computes the whole, with the same result.

    Raises
    ------
    ValueError
        For settings that PyTorch refuses.
    """

    allow_retain_graph: bool = False
    batch_chunk_size: int | None = None
    chunking_method: str | None = "auto"
    acc_policy: str = "auto"
    acc_dtype: Any = None

    def __post_init__(self) -> None:
        size = self.batch_chunk_size
        if size is not None and (not isinstance(size, int) or size <= 0):
            raise ValueError(f"batch_chunk_size must be positive int or None, got {size!r}")
        if self.acc_policy not in _POLICIES:
            raise ValueError(f"invalid acc_policy: {self.acc_policy!r}")
        method = self.chunking_method
        if method not in (None, "auto"):
            name, _, ratio = method.partition(":")
            if name != "aspect_ratio" or not ratio.isdigit() or int(ratio) == 0:
                raise ValueError(f"invalid chunking_method: {method!r}")
        if self.acc_dtype is not None and str(self.acc_dtype) not in _ACCUMULATORS:
            raise ValueError(
                f"acc_dtype must be one of {{None, {', '.join(_ACCUMULATORS)}}}, got "
                f"{self.acc_dtype}. Pass acc_dtype=None to let the op pick automatically."
            )


class LinearCrossEntropyLoss(_WeightedLoss):
    """Cross entropy of the scores that a linear layer of its own makes of the input.

    Parameters
    ----------
    in_features, num_classes : int
    out_features : tuple of int
        The places for which there are scores each, none by default.
    bias : bool
    reduction, weight, ignore_index, label_smoothing, options
        As in `functional.linear_cross_entropy`.
    """

    def __init__(
        self,
        in_features: int,
        num_classes: int,
        *,
        out_features: tuple[int, ...] = (),
        bias: bool = False,
        device: Any = None,
        dtype: Any = None,
        reduction: str = "mean",
        weight: Tensor | None = None,
        ignore_index: int | None = None,
        label_smoothing: float = 0.0,
        options: LinearCrossEntropyOptions | None = None,
    ) -> None:
        super().__init__(weight, None, None, reduction)
        self.num_classes = num_classes
        self.out_features = tuple(out_features)
        if weight is not None and weight.get_shape() != (num_classes,):
            raise RuntimeError(
                f"expected weight shape to be ({num_classes},), got {weight.get_shape()}"
            )
        self.ignore_index = ignore_index
        self.label_smoothing = label_smoothing
        self.options = options
        scores = num_classes * math.prod(self.out_features)
        self.linear = Linear(in_features, scores, bias=bias, device=device, dtype=dtype)

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        linear, shape = self.linear, (self.num_classes, *self.out_features)
        bias = linear.bias
        return F.linear_cross_entropy(
            input,
            linear.weight.reshape(*shape, linear.in_features),
            target,
            linear_bias=None if bias is None else bias.reshape(shape),
            weight=self.weight,
            reduction=self.reduction,
            ignore_index=self.ignore_index,
            label_smoothing=self.label_smoothing,
            options=self.options,
        )

    def extra_repr(self) -> str:
        return (
            f"in_features={self.linear.in_features}, num_classes={self.num_classes}, "
            f"out_features={self.out_features}, bias={self.linear.bias is not None}, "
            f"reduction={self.reduction}, ignore_index={self.ignore_index}, "
            f"label_smoothing={self.label_smoothing}, options={self.options}"
        )
