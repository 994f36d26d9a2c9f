"""Activations of torch.nn.functional: PyTorch's signatures over the operations."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from ... import dropouts
from ..._core.gates import call1
from ..._core.public import expect_tensor
from ..._core.value import Value
from ...creation import empty_like, zeros_like
from ...inplace import in_place
from ...ops import activation as ops
from ...ops import rectifiers
from ...ops._arguments import scalar_name
from ...ops._axes import axis_of
from ...ops._fronts import refuse
from ...tensor import Tensor

# PyTorch's kernels take floating-point numbers only; silu takes complex ones too.
_NOT_FLOATING = "biuc"


def _checked(name: str, kernel: str, input: Any, refused: str = _NOT_FLOATING) -> Any:
    """Return `input` if it is a tensor of a dtype that PyTorch's kernel takes."""
    expect_tensor(name, input)
    refuse(input.array, refused, kernel)
    return input


# -- rectifiers -----------------------------------------------------------------------------------


def relu(input: Tensor, inplace: bool = False) -> Tensor:
    """The larger of x and 0; the derivative at 0 is 0.  (*S) -> (*S)"""
    if inplace:
        return relu_(input)
    if not isinstance(input, Value):
        expect_tensor("relu", input)
    if input.get_dtype().kind in "bc":
        _refuse_relu(input.get_dtype().kind)
    result: Any = call1(ops.relu, input)
    return result


def _refuse_relu(kind: str) -> None:
    if kind == "b":
        raise RuntimeError("Boolean inputs not supported for relu")
    raise NotImplementedError("clamp is not supported for complex types")


relu_ = in_place(relu, "relu_")


def leaky_relu(input: Tensor, negative_slope: float = 0.01, inplace: bool = False) -> Tensor:
    """x where positive, else `negative_slope` times x.  (*S) -> (*S)"""
    if inplace:
        return leaky_relu_(input, negative_slope)
    return ops.leaky_relu(_checked("leaky_relu", "leaky_relu_cpu", input), slope=negative_slope)


leaky_relu_ = in_place(leaky_relu, "leaky_relu_")


def elu(input: Tensor, alpha: float = 1.0, inplace: bool = False) -> Tensor:
    """x where positive, else `alpha` times (exp(x) - 1).  (*S) -> (*S)"""
    if inplace:
        return elu_(input, alpha)
    return ops.elu(_checked("elu", "elu_cpu", input), alpha=alpha)


elu_ = in_place(elu, "elu_")


def celu(input: Tensor, alpha: float = 1.0, inplace: bool = False) -> Tensor:
    """x where positive, else `alpha` times (exp(x / alpha) - 1).  (*S) -> (*S)"""
    if inplace:
        return celu_(input, alpha)
    return rectifiers.celu(input, alpha)


celu_ = in_place(celu, "celu_")


def selu(input: Tensor, inplace: bool = False) -> Tensor:
    """ELU with the two constants that keep mean 0 and variance 1.  (*S) -> (*S)"""
    if inplace:
        return selu_(input)
    return rectifiers.selu(input)


selu_ = in_place(selu, "selu_")


def threshold(input: Tensor, threshold: float, value: float, inplace: bool = False) -> Tensor:
    """x where it exceeds `threshold`, else `value`.  (*S) -> (*S)"""
    if inplace:
        return threshold_(input, threshold, value)
    return rectifiers.threshold(input, threshold, value)


threshold_ = in_place(threshold, "threshold_")


# -- smooth ---------------------------------------------------------------------------------------


def sigmoid(input: Tensor) -> Tensor:
    """Logistic function, 1 / (1 + exp(-x)).  (*S) -> (*S)"""
    return input.sigmoid()


def tanh(input: Tensor) -> Tensor:
    """Hyperbolic tangent.  (*S) -> (*S)"""
    return input.tanh()


def logsigmoid(input: Tensor) -> Tensor:
    """Logarithm of the logistic function.  (*S) -> (*S)"""
    return ops.log_sigmoid(_checked("log_sigmoid", "log_sigmoid_cpu", input))


def gelu(input: Tensor, approximate: str = "none") -> Tensor:
    """x times the normal distribution function of x; "tanh" approximates it.  (*S) -> (*S)"""
    expect_tensor("gelu", input)
    if approximate not in ("none", "tanh"):
        raise RuntimeError("approximate argument must be either none or tanh.")
    refuse(input.array, _NOT_FLOATING, "GeluKernelImpl")
    result: Any = call1(ops.gelu if approximate == "none" else ops.gelu_tanh, input)
    return result


def silu(input: Tensor, inplace: bool = False) -> Tensor:
    """x times its logistic function.  (*S) -> (*S)"""
    if inplace:
        return silu_(input)
    return ops.silu(_checked("silu", "silu_cpu", input, "biu"))


silu_ = in_place(silu, "silu_")


def mish(input: Tensor, inplace: bool = False) -> Tensor:
    """x times the hyperbolic tangent of its softplus.  (*S) -> (*S)"""
    if inplace:
        return mish_(input)
    return ops.mish(_checked("mish", "mish_cpu", input))


mish_ = in_place(mish, "mish_")


def softplus(input: Tensor, beta: float = 1.0, threshold: float = 20.0) -> Tensor:
    """log(1 + exp(beta x)) / beta; x itself where beta x exceeds `threshold`.  (*S) -> (*S)"""
    return ops.softplus(_checked("softplus", "softplus_cpu", input), beta=beta, threshold=threshold)


def softsign(input: Tensor) -> Tensor:
    """x / (1 + |x|).  (*S) -> (*S)"""
    return input / (input.abs() + 1)


def tanhshrink(input: Tensor) -> Tensor:
    """x minus its hyperbolic tangent.  (*S) -> (*S)"""
    return input - input.tanh()


def glu(input: Tensor, dim: int = -1) -> Tensor:
    """First half along `dim` times the logistic function of the second.  (*S, 2n) -> (*S, n)"""
    expect_tensor("glu", input)
    if input.dim() == 0:
        raise RuntimeError("glu does not support scalars because halving size must be even")
    size = input.size(dim)
    if size % 2:
        raise RuntimeError(
            f"Halving dimension must be even, but dimension {dim % input.dim()} is size {size}"
        )
    refuse(input.array, _NOT_FLOATING, "glu_cpu")
    return ops.glu(input, axis=axis_of(dim, input.dim()))


# -- piecewise linear ------------------------------------------------------------------------------


def hardtanh(
    input: Tensor, min_val: float = -1.0, max_val: float = 1.0, inplace: bool = False
) -> Tensor:
    """x limited to [min_val, max_val]; no gradient at the bounds.  (*S) -> (*S)"""
    if min_val > max_val:
        raise ValueError("min_val cannot be greater than max_val")
    if inplace:
        return hardtanh_(input, min_val, max_val)
    return _limited("hardtanh", input, min_val, max_val)


hardtanh_ = in_place(hardtanh, "hardtanh_")


def relu6(input: Tensor, inplace: bool = False) -> Tensor:
    """x limited to [0, 6].  (*S) -> (*S)"""
    if inplace:
        return hardtanh_(input, 0.0, 6.0)
    return _limited("relu6", input, 0.0, 6.0)


def _limited(name: str, input: Tensor, low: float, high: float) -> Tensor:
    expect_tensor(name, input)
    kind = input.get_dtype().kind
    if kind == "b":
        raise RuntimeError("Bool inputs not supported for hardtanh")
    if kind in "iu":
        low, high = int(low), int(high)
    if kind == "c":
        raise NotImplementedError("clamp is not supported for complex types")
    return ops.hardtanh(input, low=low, high=high)


def hardsigmoid(input: Tensor, inplace: bool = False) -> Tensor:
    """x / 6 + 1/2, limited to [0, 1].  (*S) -> (*S)"""
    if inplace:
        return hardsigmoid_(input)
    return ops.hardsigmoid(_checked("hardsigmoid", "hardsigmoid_cpu", input))


hardsigmoid_ = in_place(hardsigmoid, "hardsigmoid_")


def hardswish(input: Tensor, inplace: bool = False) -> Tensor:
    """x times `hardsigmoid` of x.  (*S) -> (*S)"""
    if inplace:
        return hardswish_(input)
    return ops.hardswish(_checked("hardswish", "hardswish_cpu", input))


hardswish_ = in_place(hardswish, "hardswish_")


def softshrink(input: Tensor, lambd: float = 0.5) -> Tensor:
    """x brought nearer to 0 by `lambd`, at most to 0.  (*S) -> (*S)"""
    _checked("softshrink", "softshrink_check", input)
    if lambd < 0:
        largest = np.finfo(input.get_dtype()).max
        raise RuntimeError(
            f"lambda must be in range [0, {largest:g}] for input dtype "
            f"{scalar_name(input.get_dtype())}, but found {lambd:g}"
        )
    return ops.softshrink(input, size=lambd)


# -- softmax and kin -------------------------------------------------------------------------------


def _softmax_dim(name: str, dims: int, stacklevel: int) -> int:
    """Return the dimension that PyTorch takes when none is given, with its warning."""
    warnings.warn(
        f"Implicit dimension choice for {name} has been deprecated. "
        "Change the call to include dim=X as an argument.",
        stacklevel=stacklevel,
    )
    return 0 if dims in (0, 1, 3) else 1


def softmax(
    input: Tensor, dim: int | None = None, _stacklevel: int = 3, dtype: Any = None
) -> Tensor:
    """Exponentials divided by their sum along `dim`, in `dtype` if given.  (*S) -> (*S)"""
    if dim is None:
        dim = _softmax_dim("softmax", input.dim(), _stacklevel)
    return ops.softmax_front(input, dim, dtype)


def log_softmax(
    input: Tensor, dim: int | None = None, _stacklevel: int = 3, dtype: Any = None
) -> Tensor:
    """Logarithm of the softmax along `dim`, in `dtype` if given.  (*S) -> (*S)"""
    if dim is None:
        dim = _softmax_dim("log_softmax", input.dim(), _stacklevel)
    return ops.log_softmax_front(input, dim, dtype)


def softmin(
    input: Tensor, dim: int | None = None, _stacklevel: int = 3, dtype: Any = None
) -> Tensor:
    """Softmax of -x along `dim`.  (*S) -> (*S)"""
    if dim is None:
        dim = _softmax_dim("softmin", input.dim(), _stacklevel)
    return ops.softmax_front(-input, dim, dtype)


# -- random ----------------------------------------------------------------------------------------


def rrelu(
    input: Tensor,
    lower: float = 1.0 / 8,
    upper: float = 1.0 / 3,
    training: bool = False,
    inplace: bool = False,
) -> Tensor:
    """x where positive, else x times a random slope in training, their mean otherwise."""
    if inplace:
        return dropouts.rrelu_(input, lower, upper, training)
    return dropouts.rrelu(input, lower, upper, training)


def gumbel_softmax(
    logits: Tensor, tau: float = 1, hard: bool = False, eps: float = 1e-10, dim: int = -1
) -> Tensor:
    """Draw from the relaxed categorical distribution of unnormalised log-probabilities.

    Parameters
    ----------
    logits : Tensor
        (*S)
    tau : float
        Temperature: the smaller, the nearer to one-hot.
    hard : bool
        Whether the result is one-hot; its gradient is that of the relaxed draw.
    eps : float
        Has no effect.
    dim : int
        The dimension of the categories.
    """
    if eps != 1e-10:
        warnings.warn("`eps` parameter is deprecated and has no effect.", stacklevel=2)
    noise = -empty_like(logits).exponential_().log()
    soft: Tensor = ops.softmax_front((logits + noise) / tau, dim)
    if not hard:
        return soft
    chosen = soft.argmax(dim, keepdim=True)
    one_hot = zeros_like(soft.detach()).scatter_(dim, chosen, 1.0)
    return one_hot - soft.detach() + soft
