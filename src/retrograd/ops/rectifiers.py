"""Activations that are functions of the main namespace too: PyTorch's checks and signatures."""

from __future__ import annotations

from .._core.public import expect_tensor, public
from . import activation as ops
from ._arguments import scalar_name
from ._fronts import refuse


@public("celu", method=False)
def celu(input, alpha=1.0):
    """x where positive, else `alpha` times (exp(x / alpha) - 1).  (*S) -> (*S)"""
    expect_tensor("celu", input)
    if alpha == 0:
        raise RuntimeError("ZeroDivisionError: alpha cannot be 0 for CELU")
    refuse(input.array, "biuc", "elu_cpu")
    return ops.celu(input, alpha=alpha)


@public("selu", method=False)
def selu(input):
    """ELU with the two constants that keep mean 0 and variance 1.  (*S) -> (*S)"""
    expect_tensor("selu", input)
    refuse(input.array, "biuc", "elu_cpu")
    return ops.elu(
        input, alpha=1.6732632423543772848170429916717, scale=1.0507009873554804934193349852946
    )


@public("threshold", method=False, out=True)
def threshold(input, threshold, value):
    """x where it exceeds `threshold`, else `value`.  (*S) -> (*S)"""
    expect_tensor("threshold", input)
    refuse(input.array, "bc", "threshold_cpu")
    return ops.threshold(input, limit=threshold, value=value)


@public("hardshrink", out=True)
def hardshrink(input, lambd=0.5):
    """x where |x| exceeds `lambd`, else 0.  (*S) -> (*S)"""
    expect_tensor("hardshrink", input)
    refuse(input.array, "biuc", "hardshrink_cpu")
    return ops.hardshrink(input, size=lambd)


@public("prelu")
def prelu(input, weight):
    """x where positive, else x times its channel's weight.

    Parameters
    ----------
    input : Tensor
        (N, C, *S)
    weight : Tensor
        (C,), (1,) or ()
    """
    expect_tensor("prelu", input)
    expect_tensor("prelu", weight, "weight", 2)
    dtype = input.get_dtype()
    if dtype != weight.get_dtype():
        raise RuntimeError(
            f"prelu: Type promoting not supported. Got {scalar_name(dtype)} and "
            f"{scalar_name(weight.get_dtype())}"
        )
    dims, count = input.dim(), weight.numel()
    if count != 1:
        if not dims:
            raise RuntimeError("Not allow zero-dim input tensor.")
        channels = input.size(1) if dims >= 2 else 1
        if channels != count:
            raise RuntimeError(
                "Mismatch of parameter numbers and input channel size. Found parameter numbers = "
                f"{count} and channel size = {channels}."
            )
    if weight.dim() > 1:
        raise RuntimeError(
            "prelu: Expected `weight` to be a scalar or 1D tensor, but got: ndim = "
            f"{weight.dim()}"
        )
    refuse(input.array, "biuc", "prelu_cpu")
    shape = [1] * dims
    if dims >= 2:
        shape[1] = count
    return ops.prelu(input, weight.reshape(shape))
