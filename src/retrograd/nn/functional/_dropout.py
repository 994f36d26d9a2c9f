"""Dropouts of torch.nn.functional: PyTorch's masks from the same seed."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...random import default_generator
from ...streams import bernoulli_mask
from ...tensor import Tensor, wrap


def dropout(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """In training, zero elements with probability `p` and scale the rest by 1 / (1 - p)."""
    if p < 0.0 or p > 1.0:
        raise ValueError(f"dropout probability has to be between 0 and 1, but got {p}")
    if not training or p == 0 or input.numel() == 0:
        return input
    if input.get_dtype().kind in "biu":
        raise RuntimeError(
            "result type Float can't be cast to the desired output type "
            f"{input.dtype.type_name}\ndropout: convert the input to a floating dtype first"
        )
    mask = wrap(scaled_mask(input.array, p))
    return input.mul_(mask) if inplace else input * mask


def scaled_mask(like: Any, p: float) -> Any:
    """Return an array that drops with probability `p` and scales what it keeps.

    The numbers are drawn in the order in which `like` lies in memory, as PyTorch does: a
    transposed input has a transposed mask.  At p = 1 nothing is drawn.
    """
    if p == 1:
        return np.zeros((), like.dtype)
    kept = np.ones((), like.dtype) / (1 - p)
    return _drawn(like, 1 - p) * kept


def _drawn(like: Any, p: float) -> Any:
    if like.flags.c_contiguous or 0 in like.strides:
        return bernoulli_mask(default_generator, like.shape, p)
    order = sorted(range(like.ndim), key=lambda axis: -like.strides[axis])
    shape = tuple([like.shape[axis] for axis in order])
    return bernoulli_mask(default_generator, shape, p).transpose(np.argsort(order))
