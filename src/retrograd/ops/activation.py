"""Activations: one kernel and one rule each, for the functions of ``torch.nn.functional``."""

from __future__ import annotations

import numpy as np

from .._core.library import library
from .._core.op import op
from .._core.promotion import FLOAT32, FLOAT64
from .._core.public import expect_tensor, public
from ._axes import axis_of
from .gating import passed
from .normal_gate import normal_density, normal_gate
from .softmax_rows import log_softmax, softmax

_MANY = 1 << 13


@op(node="ReluBackward0", elementwise=True, torch="relu", inplace=True)
def relu(x):
    """max(x, 0); the derivative at 0 is 0.  (*S) -> (*S)"""
    # NumPy's fast loop of maximum is the one for two arrays: 2.0 us for 8192 numbers, with a
    # number 3.9.  For 262144 it takes 46 (1840 in float64, most of it for the zeros), clip 30.
    dtype = x.dtype
    if x.size > _MANY and (dtype is FLOAT32 or dtype is FLOAT64):
        return np.clip(x, 0, np.inf)
    return np.maximum(x, np.zeros(x.shape, dtype))


@relu.grad("x")
def relu_dx(g, out):
    return passed(g, out != 0)  # it is never below 0; nan passes


@op(node="LeakyReluBackward0", elementwise=True)
def leaky_relu(x, *, slope=0.01):
    """x where positive, else slope * x; the derivative at 0 is the slope.  (*S) -> (*S)"""
    return np.where(x > 0, x, x * slope)


@leaky_relu.grad("x")
def leaky_relu_dx(g, x, slope):
    return np.where(x > 0, g, g * slope)


@op(node="EluBackward0", elementwise=True)
def elu(x, *, alpha=1.0, scale=1.0, input_scale=1.0):
    """scale * (x where positive, else alpha * (exp(input_scale * x) - 1)).  (*S) -> (*S)

    It is ELU and SELU (with a scale).  At 0 the derivative is that of the negative side.
    """
    return np.where(x > 0, x * scale, np.expm1(np.minimum(x, 0) * input_scale) * (alpha * scale))


@elu.grad("x")
def elu_dx(g, x, alpha, scale, input_scale):
    slope = np.exp(np.minimum(x, 0) * input_scale) * (alpha * scale * input_scale)
    return g * np.where(x > 0, scale, slope)


@op(node="CeluBackward0", elementwise=True)
def celu(x, *, alpha):
    """x where positive, else alpha * (exp(x / alpha) - 1).  (*S) -> (*S)"""
    return np.where(x > 0, x, np.expm1(np.minimum(x, 0) / alpha) * alpha)


@celu.grad("x")
def celu_dx(g, x, alpha):
    return g * np.where(x > 0, 1, np.exp(np.minimum(x, 0) / alpha))


@op(node="GluBackward0")
def glu(x, *, axis):
    """First half along an axis times the logistic function of the second.  (*S, 2n) -> (*S, n)"""
    first, second = halves(x, axis)
    return first / (1 + np.exp(-second))


def halves(x, axis):
    """Return the two halves of an array along an axis, views."""
    middle = x.shape[axis] // 2
    before = (slice(None),) * axis
    return x[(*before, slice(None, middle))], x[(*before, slice(middle, None))]


@glu.grad("x")
def glu_dx(g, x, axis):
    first, second = halves(x, axis)
    gate = 1 / (1 + np.exp(-second))
    return np.concatenate([g * gate, g * first * (gate * (1 - gate))], axis=axis)


@op(node="GeluBackward0", elementwise=True)
def gelu(x):
    """x times the normal distribution function of x.  (*S) -> (*S)"""
    if x.size >= library.least and (found := library.run("gelu", x)) is not None:
        return found
    return x * normal_gate(x)


@gelu.grad("x")
def gelu_dx(g, x):
    if type(x) is np.ndarray and x.size >= library.least:
        found = library.run("gelu_dx", g, x)
        if found is not None:
            return found
    return g * (normal_gate(x) + x * normal_density(x))


@op(name="gelu_tanh", node="GeluBackward0", elementwise=True)
def gelu_tanh(x):
    """GELU with the tanh approximation.  (*S) -> (*S)"""
    if x.size >= library.least and (found := library.run("gelu_tanh", x)) is not None:
        return found
    return 0.5 * x * (1 + np.tanh(0.7978845608028654 * (x + 0.044715 * x * x * x)))


@gelu_tanh.grad("x")
def gelu_tanh_dx(g, x):
    if type(x) is np.ndarray and x.size >= library.least:
        found = library.run("gelu_tanh_dx", g, x)
        if found is not None:
            return found
    inside = np.tanh(0.7978845608028654 * (x + 0.044715 * x * x * x))
    slope = 0.7978845608028654 * (1 + 0.134145 * x * x)
    return g * (0.5 * (1 + inside) + 0.5 * x * (1 - inside * inside) * slope)


@op(node="SiluBackward0", elementwise=True)
def silu(x):
    """x * sigmoid(x).  (*S) -> (*S)"""
    if x.size >= library.least and (found := library.run("silu", x)) is not None:
        return found
    return x / (1 + np.exp(-x))


@silu.grad("x")
def silu_dx(g, x):
    if type(x) is np.ndarray and x.size >= library.least:
        found = library.run("silu_dx", g, x)
        if found is not None:
            return found
    gate = 1 / (1 + np.exp(-x))
    return g * (gate * (1 + x * (1 - gate)))


@op(node="MishBackward0", elementwise=True)
def mish(x):
    """x * tanh(softplus(x)).  (*S) -> (*S)"""
    return x * np.tanh(np.logaddexp(x, 0))


@mish.grad("x")
def mish_dx(g, x):
    inside = np.tanh(np.logaddexp(x, 0))
    gate = 1 / (1 + np.exp(-x))
    return g * (inside + x * gate * (1 - inside * inside))


@op(node="SoftplusBackward0", elementwise=True)
def softplus(x, *, beta=1.0, threshold=20.0):
    """log(1 + exp(beta x)) / beta; x itself where beta x is above the threshold.  (*S) -> (*S)"""
    scaled = x * beta
    return np.where(scaled > threshold, x, np.log1p(np.exp(np.minimum(scaled, threshold))) / beta)


@softplus.grad("x")
def softplus_dx(g, x, beta, threshold):
    scaled = x * beta
    return np.where(scaled > threshold, g, g / (1 + np.exp(-scaled)))


@op(node="LogSigmoidBackward0", elementwise=True)
def log_sigmoid(x):
    """log(sigmoid(x)), without overflow.  (*S) -> (*S)"""
    return np.minimum(x, 0) - np.log1p(np.exp(-np.abs(x)))


@log_sigmoid.grad("x")
def log_sigmoid_dx(g, x):
    return g / (1 + np.exp(x))


@op(node="HardtanhBackward0", elementwise=True)
def hardtanh(x, *, low=-1.0, high=1.0):
    """x between low and high; no gradient at the bounds.  (*S) -> (*S)"""
    return np.minimum(np.maximum(x, low), high)


@hardtanh.grad("x")
def hardtanh_dx(g, x, low, high):
    return np.where((x > low) & (x < high), g, 0)


@op(node="HardsigmoidBackward0", elementwise=True)
def hardsigmoid(x):
    """relu6(x + 3) / 6.  (*S) -> (*S)"""
    return np.minimum(np.maximum(x + 3, 0), 6) / 6


@hardsigmoid.grad("x")
def hardsigmoid_dx(g, x):
    return np.where((x > -3) & (x < 3), g / 6, 0)


@op(node="HardswishBackward0", elementwise=True)
def hardswish(x):
    """x * relu6(x + 3) / 6.  (*S) -> (*S)"""
    return x * np.minimum(np.maximum(x + 3, 0), 6) / 6


@hardswish.grad("x")
def hardswish_dx(g, x):
    return np.where(x <= -3, 0, np.where(x < 3, g * (x / 3 + 0.5), g))


@op(node="HardshrinkBackward0", elementwise=True)
def hardshrink(x, *, size=0.5):
    """x where its magnitude is above `size`, else 0.  (*S) -> (*S)"""
    return np.where((x >= -size) & (x <= size), 0, x)


@hardshrink.grad("x")
def hardshrink_dx(g, x, size):
    return np.where((x >= -size) & (x <= size), 0, g)


@op(node="SoftshrinkBackward0", elementwise=True)
def softshrink(x, *, size=0.5):
    """x moved towards 0 by `size`, and 0 within it.  (*S) -> (*S)"""
    return np.where(x > size, x - size, np.where(x < -size, x + size, x * 0))


@softshrink.grad("x")
def softshrink_dx(g, x, size):
    return np.where((x >= -size) & (x <= size), 0, g)


@op(node="ThresholdBackward0", elementwise=True)
def threshold(x, *, limit, value):
    """x where above `limit`, else `value`.  (*S) -> (*S)"""
    return np.where(x <= limit, np.asarray(value, x.dtype), x)


@threshold.grad("x")
def threshold_dx(g, x, limit):
    return np.where(x <= limit, 0, g)


@op(node="PreluKernelBackward0", elementwise=True)
def prelu(x, w):
    """x where positive, else w * x, with w already in x's layout.  (*S), (*S) -> (*S)"""
    return np.where(x > 0, x, x * w)


@prelu.grad("x")
def prelu_dx(g, x, w):
    return np.where(x > 0, g, g * w)


@prelu.grad("w")
def prelu_dw(g, x):
    return np.where(x > 0, 0, g * x)


def _along(op_along, name, input, dim, dtype):
    expect_tensor(name, input)
    if dtype is not None:
        input = input.to(dtype)
    if dim is None:
        raise TypeError(f"{name}() received an invalid combination of arguments: dim is missing")
    if input.get_dtype().kind in "biu":
        raise NotImplementedError(
            f"\"{name}_lastdim_kernel_impl\" not implemented for '{input.dtype.type_name}'"
        )
    return op_along(input, axis=axis_of(dim, input.array.ndim))


@public("softmax", out=True)
def softmax_front(input, dim=None, dtype=None):
    """Return exp(input) scaled to sum to one along `dim`."""
    return _along(softmax, "softmax", input, dim, dtype)


@public("log_softmax", out=True)
def log_softmax_front(input, dim=None, dtype=None):
    """Return log(softmax(input)) along `dim`."""
    return _along(log_softmax, "log_softmax", input, dim, dtype)


@op(node="DropoutBackward0", elementwise=True)
def masked_scale(x, mask, *, scale):
    """x * mask * scale, for a mask that was drawn outside: dropout.  (*S), (*S) -> (*S)"""
    return x * (mask * np.asarray(scale, x.dtype))


@masked_scale.grad("x")
def masked_scale_dx(g, mask, scale):
    return masked_scale(g, mask, scale=scale)
