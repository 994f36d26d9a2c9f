"""Dropouts of torch.nn.functional: PyTorch's masks from the same seed."""

from __future__ import annotations

from typing import Any

from ..._core.tracing import traced
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
    mask = wrap(_scaled_mask(input.get_shape(), input.get_dtype(), p))
    return input.mul_(mask) if inplace else input * mask


@traced
def _scaled_mask(shape: Any, dtype: Any, p: float) -> Any:
    if p == 1:
        return bernoulli_mask(default_generator, (), 1.0).astype(dtype) * 0
    mask = bernoulli_mask(default_generator, shape, 1 - p).astype(dtype)
    mask /= 1 - p
    return mask
