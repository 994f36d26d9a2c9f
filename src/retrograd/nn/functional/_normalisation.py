"""Normalisations of torch.nn.functional: PyTorch's signatures over the operations."""

from __future__ import annotations

from typing import Any

from ..._core.public import expect_tensor
from ...ops import normalised
from ...ops.normalisation import product
from ...ops.response_norm import neighbour_sums
from ...tensor import Tensor


def batch_norm(
    input: Tensor,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-05,
) -> Tensor:
    """Normalise every channel over the batch.  (n, c, *S) -> (n, c, *S)

    Parameters
    ----------
    input : Tensor
    running_mean, running_var : Tensor or None
        (c,): moved towards this batch's in training, used instead of them otherwise.
    weight, bias : Tensor, optional
        (c,)
    training : bool
    momentum : float
        The weight of this batch in the running moments.
    eps : float
        Added to the variance.

    Raises
    ------
    ValueError
        In training with one number in a channel.
    """
    if training:
        expect_tensor("batch_norm", input)
        shape = input.get_shape()
        if shape[0] * product(shape[2:]) == 1:
            raise ValueError(
                "Expected more than 1 value per channel when training, got input size "
                f"{input.shape}"
            )
    return normalised.batch_norm(
        input, weight, bias, running_mean, running_var, training, momentum, eps, True
    )


def instance_norm(
    input: Tensor,
    running_mean: Tensor | None = None,
    running_var: Tensor | None = None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    use_input_stats: bool = True,
    momentum: float = 0.1,
    eps: float = 1e-05,
) -> Tensor:
    """Normalise every channel of every sample.  (n, c, *S) -> (n, c, *S)

    The arguments are `batch_norm`'s; `use_input_stats` is its `training`.

    Raises
    ------
    ValueError
        By its own moments, with one number in a channel.
    """
    expect_tensor("instance_norm", input)
    if use_input_stats and product(input.get_shape()[2:]) == 1:
        raise ValueError(
            f"Expected more than 1 spatial element when training, got input size {input.shape}"
        )
    return normalised.instance_norm(
        input, weight, bias, running_mean, running_var, use_input_stats, momentum, eps, True
    )


def layer_norm(
    input: Tensor,
    normalized_shape: Any,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-05,
) -> Tensor:
    """Normalise over the last axes.  (*S, *normalized_shape) -> the same

    `weight` and `bias` are in the shape `normalized_shape`.
    """
    return normalised.layer_norm(input, normalized_shape, weight, bias, eps)


def rms_norm(
    input: Tensor, normalized_shape: Any, weight: Tensor | None = None, eps: float | None = None
) -> Tensor:
    """Divide by the root of the mean square over the last axes.  (*S, *normalized_shape) -> same"""
    return normalised.rms_norm(input, normalized_shape, weight, eps)


def group_norm(
    input: Tensor,
    num_groups: int,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-05,
) -> Tensor:
    """Normalise groups of neighbouring channels of every sample.  (n, c, *S) -> (n, c, *S)

    Raises
    ------
    RuntimeError
        Without a channel axis.
    ValueError
        With one number in a group.
    """
    expect_tensor("group_norm", input)
    shape = input.get_shape()
    if len(shape) < 2:
        raise RuntimeError(
            f"Expected at least 2 dimensions for input tensor but received {len(shape)}"
        )
    if shape[0] * shape[1] // num_groups * product(shape[2:]) == 1:
        sizes = [shape[0] * shape[1] // num_groups, num_groups, *shape[2:]]
        raise ValueError(
            f"Expected more than 1 value per channel when training, got input size {sizes}"
        )
    return normalised.group_norm(input, num_groups, weight, bias, eps)


def local_response_norm(
    input: Tensor, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0
) -> Tensor:
    """Divide by (k + alpha mean)^beta, a mean of squares of `size` channels.  (n, c, *S) -> same

    The mean of a channel goes over ``size // 2`` channels before it and ``(size - 1) // 2`` after
    it; those outside count as 0.
    """
    expect_tensor("local_response_norm", input)
    shape = input.get_shape()
    if len(shape) < 3:
        raise ValueError(
            f"Expected 3D or higher dimensionality                          input (got "
            f"{len(shape)} dimensions)"
        )
    if not input.array.size:
        return input
    if size < 1:
        raise RuntimeError(f"kernel size should be greater than zero, but got kH: {size} kW: 1")
    squares = neighbour_sums(input * input, before=size // 2, after=(size - 1) // 2)
    # A mean of integers is an integer.
    mean = squares // size if input.get_dtype().kind in "iu" else squares / size
    return input / (mean * alpha + k) ** beta
