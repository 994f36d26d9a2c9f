"""Dropouts of torch.nn.functional: PyTorch's masks from the same seed."""

from __future__ import annotations

import warnings
from typing import Any

from ... import dropouts as ops
from ...tensor import Tensor


def _check(p: float) -> None:
    if p < 0.0 or p > 1.0:
        raise ValueError(f"dropout probability has to be between 0 and 1, but got {p}")


def dropout(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """In training, zero elements with probability `p` and scale the rest by 1 / (1 - p)."""
    _check(p)
    if inplace:
        return ops.dropout_(input, p, training)
    return ops.dropout(input, p, training)


def alpha_dropout(
    input: Tensor, p: float = 0.5, training: bool = False, inplace: bool = False
) -> Tensor:
    """Dropout for SELU: elements become its lower limit; mean 0 and variance 1 are kept."""
    _check(p)
    return (ops.alpha_dropout_ if inplace else ops.alpha_dropout)(input, p, training)


def feature_alpha_dropout(
    input: Tensor, p: float = 0.5, training: bool = False, inplace: bool = False
) -> Tensor:
    """`alpha_dropout` of whole channels.  (N, C, *S) -> (N, C, *S)"""
    _check(p)
    return (ops.feature_alpha_dropout_ if inplace else ops.feature_alpha_dropout)(
        input, p, training
    )


def _of_features(input: Tensor, p: float, training: bool, inplace: bool, batched: bool) -> Tensor:
    """Drop channels; without a batch dimension the first one has the channels."""
    drop: Any = ops.feature_dropout_ if inplace else ops.feature_dropout
    if batched:
        return drop(input, p, training)
    if inplace:
        return drop(input.unsqueeze_(0), p, training).squeeze_(0)
    return drop(input.unsqueeze(0), p, training).squeeze(0)


def dropout1d(
    input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False
) -> Tensor:
    """Dropout of whole channels.  (N, C, L) or (C, L)

    Raises
    ------
    RuntimeError
        For another number of dimensions.
    """
    _check(p)
    dims = input.dim()
    if dims not in (2, 3):
        raise RuntimeError(
            f"dropout1d: Expected 2D or 3D input, but received a {dims}D input. Note that "
            "dropout1d exists to provide channel-wise dropout on inputs with 1 spatial dimension, "
            "a channel dimension, and an optional batch dimension (i.e. 2D or 3D inputs)."
        )
    return _of_features(input, p, training, inplace, dims == 3)


def _warn_dimensions(name: str, dims: int, spatial: int) -> None:
    warnings.warn(
        f"{name}: Received a {dims}-D input to {name}, which is deprecated and will result in an "
        "error in a future release. To retain the behavior and silence this warning, please use "
        f"dropout instead. Note that {name} exists to provide channel-wise dropout on inputs with "
        f"{spatial} spatial dimensions, a channel dimension, and an optional batch dimension "
        f"(i.e. {spatial + 1}D or {spatial + 2}D inputs).",
        stacklevel=3,
    )


def dropout2d(
    input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False
) -> Tensor:
    """Dropout of whole channels.  (N, C, H, W); three dimensions count as (N, C, L)."""
    _check(p)
    dims = input.dim()
    if dims not in (3, 4):
        _warn_dimensions("dropout2d", dims, 2)
    elif dims == 3:
        warnings.warn(
            "dropout2d: Received a 3D input to dropout2d and assuming that channel-wise 1D "
            "dropout behavior is desired - input is interpreted as shape (N, C, L), where C is "
            "the channel dim. This behavior will change in a future release to interpret the "
            "input as one without a batch dimension, i.e. shape (C, H, W). To maintain the 1D "
            "channel-wise dropout behavior, please switch to using dropout1d instead.",
            stacklevel=2,
        )
    return _of_features(input, p, training, inplace, True)


def dropout3d(
    input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False
) -> Tensor:
    """Dropout of whole channels.  (N, C, D, H, W) or (C, D, H, W)"""
    _check(p)
    dims = input.dim()
    if dims not in (4, 5):
        _warn_dimensions("dropout3d", dims, 3)
    return _of_features(input, p, training, inplace, dims == 5)
