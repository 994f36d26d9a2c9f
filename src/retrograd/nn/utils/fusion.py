"""A batch normalisation in evaluation folded into the layer before it."""

from __future__ import annotations

import copy
from typing import Any

from ...creation import ones_like, zeros_like
from ...tensor import Tensor
from ..parameter import Parameter

__all__ = [
    "fuse_conv_bn_eval",
    "fuse_conv_bn_weights",
    "fuse_linear_bn_eval",
    "fuse_linear_bn_weights",
]


def _moments(layer: Any, bn: Any) -> tuple[Tensor, Tensor]:
    """Return the running moments, or refuse to fuse."""
    if layer.training or bn.training:
        raise AssertionError("Fusion only for eval!")
    if bn.running_mean is None or bn.running_var is None:
        raise AssertionError("bn.running_mean and bn.running_var must not be None")
    return bn.running_mean, bn.running_var


def fuse_conv_bn_eval(conv: Any, bn: Any, transpose: bool = False) -> Any:
    """Return a copy of a convolution that does what it and a batch normalisation do.

    Parameters
    ----------
    conv : Module
        A convolution, in evaluation mode.
    bn : Module
        The batch normalisation after it, in evaluation mode.
    transpose : bool
        Whether the convolution is a transposed one.

    Raises
    ------
    AssertionError
        In training mode, or without running moments.

    Examples
    --------
    >>> import retrograd as torch
    >>> conv, bn = torch.nn.Conv1d(1, 2, 1).eval(), torch.nn.BatchNorm1d(2).eval()
    >>> x = torch.ones(1, 1, 3)
    >>> torch.allclose(torch.nn.utils.fuse_conv_bn_eval(conv, bn)(x), bn(conv(x)))
    True
    """
    mean, variance = _moments(conv, bn)
    fused = copy.deepcopy(conv)
    fused.weight, fused.bias = fuse_conv_bn_weights(
        fused.weight, fused.bias, mean, variance, bn.eps, bn.weight, bn.bias, transpose
    )
    return fused


def fuse_conv_bn_weights(
    conv_w: Tensor,
    conv_b: Tensor | None,
    bn_rm: Tensor,
    bn_rv: Tensor,
    bn_eps: float,
    bn_w: Tensor | None,
    bn_b: Tensor | None,
    transpose: bool = False,
) -> tuple[Parameter, Parameter]:
    """Return the weight and the bias of a convolution with a batch normalisation folded in."""
    shift = zeros_like(bn_rm) if conv_b is None else conv_b
    scale: Any = (ones_like(bn_rm) if bn_w is None else bn_w) * (bn_rv + bn_eps).rsqrt()
    offset = zeros_like(bn_rm) if bn_b is None else bn_b
    shape = [1] * conv_w.dim()
    shape[1 if transpose else 0] = -1
    weight = (conv_w * scale.reshape(shape)).to(dtype=conv_w.dtype)
    bias = ((shift - bn_rm) * scale + offset).to(dtype=shift.dtype)
    return Parameter(weight, conv_w.requires_grad), Parameter(bias, shift.requires_grad)


def fuse_linear_bn_eval(linear: Any, bn: Any) -> Any:
    """Return a copy of a Linear that does what it and a batch normalisation do.

    Parameters
    ----------
    linear : Module
        In evaluation mode.
    bn : Module
        The batch normalisation after it, in evaluation mode, of as many features or of one.

    Raises
    ------
    AssertionError
        In training mode, without running moments, or when the features do not fit.
    """
    mean, variance = _moments(linear, bn)
    if linear.out_features != bn.num_features and bn.num_features != 1:
        raise AssertionError(
            "To fuse, linear.out_features == bn.num_features or bn.num_features == 1, got "
            f"linear.out_features={linear.out_features} and bn.num_features={bn.num_features}"
        )
    fused = copy.deepcopy(linear)
    fused.weight, fused.bias = fuse_linear_bn_weights(
        fused.weight, fused.bias, mean, variance, bn.eps, bn.weight, bn.bias
    )
    return fused


def fuse_linear_bn_weights(
    linear_w: Tensor,
    linear_b: Tensor | None,
    bn_rm: Tensor,
    bn_rv: Tensor,
    bn_eps: float,
    bn_w: Tensor,
    bn_b: Tensor,
) -> tuple[Parameter, Parameter]:
    """Return the weight and the bias of a Linear with a batch normalisation folded in."""
    shift = zeros_like(bn_rm) if linear_b is None else linear_b
    scale: Any = bn_w * (bn_rv + bn_eps).rsqrt()
    weight = (linear_w * scale.unsqueeze(-1)).to(dtype=linear_w.dtype)
    bias = ((shift - bn_rm) * scale + bn_b).to(dtype=shift.dtype)
    return Parameter(weight, linear_w.requires_grad), Parameter(bias, shift.requires_grad)
