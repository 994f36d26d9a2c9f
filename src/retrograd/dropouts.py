"""Random activations of the main namespace: dropouts and `rrelu`, from PyTorch's random numbers."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ._core.op import op
from ._core.public import expect_tensor, public
from ._core.traced import traced
from ._core.tracing import constant, run
from ._core.value import Value
from .inplace import in_place
from .ops._arguments import scalar_name
from .ops._fronts import refuse
from .random import default_generator
from .streams import bernoulli_mask
from .streams.memory_order import in_memory_order
from .tensor import Tensor, wrap

# SELU's value at minus infinity: what alpha dropout puts in the place of an element.
_ALPHA = 1.7580993408473766


def _check(function: str, input: Any, p: Any, train: Any) -> bool:
    """Check the arguments; say whether there is anything to drop."""
    if not isinstance(input, Value):
        expect_tensor(function, input)
    if not isinstance(p, (int, float)):
        raise TypeError(
            f"{function}(): argument 'p' (position 2) must be float, not {type(p).__name__}"
        )
    if train is not True and train is not False:
        raise TypeError(
            f"{function}(): argument 'train' (position 3) must be bool, not {type(train).__name__}"
        )
    if not 0 <= p <= 1:
        raise RuntimeError(f"dropout probability has to be between 0 and 1, but got {p:g}")
    return bool(train and p and input.numel())


def _kept(input: Value, p: float, by_feature: bool) -> Any:
    """Return 1 where an element (or all of a channel) is kept, in the dtype of `input`."""
    dtype, shape = input.get_dtype(), input.get_shape()
    if by_feature:
        if len(shape) < 2:
            raise RuntimeError("Feature dropout requires at least 2 dimensions in the input")
        shape = (*shape[:2], *[1] * (len(shape) - 2))
    if dtype.kind in "biu":
        raise RuntimeError(
            f"result type Float can't be cast to the desired output type {scalar_name(dtype)}"
        )
    refuse(input.array, "c", "bernoulli_scalar_cpu_")
    return _drawn(input.array, shape if by_feature else None, p, dtype)


@traced
def _drawn(like: Any, shape: Any, p: float, dtype: Any) -> Any:
    """Return ones and zeros, in the shape of `like` or in one given."""
    if shape is not None:
        return bernoulli_mask(default_generator, shape, 1 - p).astype(dtype)
    return kept_like(like, p).astype(dtype)


def _scaled(kept: Any, p: float) -> Any:
    """Return the factors of dropout."""
    return kept / np.asarray(1 - p, kept.dtype)


def _shifted(kept: Any, p: float, scale: float) -> Any:
    """Return what alpha dropout multiplies by, and what it adds."""
    shift = kept - 1
    shift *= _ALPHA * scale
    shift += _ALPHA * scale * p
    return kept * np.asarray(scale, kept.dtype), shift


def kept_like(like: Any, p: float) -> Any:
    """Return bools in the shape of `like`, false with probability `p`.

    They are drawn in the order in which `like` lies in memory, as PyTorch does: a transposed
    input has a transposed mask.
    """
    def draw(shape: Any) -> Any:
        return bernoulli_mask(default_generator, shape, 1 - p)

    # An expanded tensor's copy, and so its mask, is contiguous.
    return draw(like.shape) if 0 in like.strides else in_memory_order(like, draw)


def _dropped(function: str, input: Any, p: float, train: bool, by_feature: bool = False) -> Any:
    if not _check(function, input, p, train):
        return input
    if p == 1:
        return input * wrap(constant(np.zeros((), input.get_dtype())))
    return input * wrap(run(_scaled, _kept(input, p, by_feature), p))


def _alpha_dropped(
    function: str, input: Any, p: float, train: bool, by_feature: bool = False
) -> Any:
    """Put SELU's lower limit in the place of elements, and keep mean 0 and variance 1."""
    if not _check(function, input, p, train):
        return input
    if p == 1:
        return input * wrap(constant(np.zeros((), input.get_dtype())))
    scale = 1 / math.sqrt((_ALPHA * _ALPHA * p + 1) * (1 - p))
    factor, shift = run(_shifted, _kept(input, p, by_feature), p, scale)
    return input * wrap(factor) + wrap(shift)


@public("dropout", method=False)
def dropout(input: Tensor, p: float, train: bool) -> Tensor:
    """In training, zero elements with probability `p` and scale the rest by 1 / (1 - p)."""
    return _dropped("dropout", input, p, train)


@public("feature_dropout", method=False)
def feature_dropout(input: Tensor, p: float, train: bool) -> Tensor:
    """`dropout` of whole channels.  (N, C, *S) -> (N, C, *S)"""
    return _dropped("feature_dropout", input, p, train, True)


@public("alpha_dropout", method=False)
def alpha_dropout(input: Tensor, p: float, train: bool) -> Tensor:
    """Dropout for SELU: elements become its lower limit; mean 0 and variance 1 are kept."""
    return _alpha_dropped("alpha_dropout", input, p, train)


@public("feature_alpha_dropout", method=False)
def feature_alpha_dropout(input: Tensor, p: float, train: bool) -> Tensor:
    """`alpha_dropout` of whole channels.  (N, C, *S) -> (N, C, *S)"""
    return _alpha_dropped("feature_alpha_dropout", input, p, train, True)


def _written(front: Any) -> Any:
    """Register and return the in-place function of a front; with nothing to drop, no write."""
    name = front.__name__ + "_"
    write = in_place(front, name)

    def function(input: Tensor, p: float, train: bool) -> Tensor:
        if not _check(name, input, p, train):
            return input
        return write(input, p, train)

    function.__name__ = function.__qualname__ = name
    function.__doc__ = f"In-place form of :func:`{front.__name__}`."
    return public(name, method=False)(function)


dropout_ = _written(dropout)
feature_dropout_ = _written(feature_dropout)
alpha_dropout_ = _written(alpha_dropout)
feature_alpha_dropout_ = _written(feature_alpha_dropout)


# -- randomised leaky rectifier --------------------------------------------------------------------


@op(node="RreluWithNoiseBackward0", elementwise=True)
def scaled_by_noise(x, noise):
    """x times a slope of its own, which is 1 where x is positive.  (*S), (*S) -> (*S)"""
    return x * noise


@scaled_by_noise.grad("x")
def scaled_by_noise_dx(g, noise):
    return g * noise


@public("rrelu", method=False)
def rrelu(
    input: Tensor,
    lower: float = 0.125,
    upper: float = 1.0 / 3,
    training: bool = False,
    generator: Any = None,
) -> Tensor:
    """x where positive, else x times a slope drawn from [lower, upper); their mean if not training.

    Only elements that are not positive draw a number.
    """
    expect_tensor("rrelu", input)
    for side, bound in (("lower", lower), ("upper", upper)):
        if not math.isfinite(bound):
            raise RuntimeError(f"rrelu: {side} bound must be finite, got {bound:g}")
    if lower > upper:
        raise RuntimeError("Lower bound should be less than or equal to the upper bound")
    x: Any = input.array
    if not training:
        refuse(x, "biuc", "leaky_relu_cpu")
        return scaled_by_noise(input, run(_mean_slopes, x, (lower + upper) / 2))
    if x.dtype.name not in ("float32", "float64"):
        raise NotImplementedError(
            f"\"rrelu_with_noise_out_cpu\" not implemented for '{scalar_name(x.dtype)}'"
        )
    noise = run(_drawn_slopes, generator or default_generator, x, lower, upper)
    return scaled_by_noise(input, noise)


def _mean_slopes(x: Any, slope: float) -> Any:
    slopes = np.where(x > 0, 1, np.asarray(slope, x.dtype))
    return slopes.astype(x.dtype, copy=False)


def _drawn_slopes(generator: Any, x: Any, lower: float, upper: float) -> Any:
    noise = np.ones(x.shape, x.dtype)
    sloped = x <= 0
    drawn = generator.doubles(int(np.count_nonzero(sloped)))
    noise[sloped] = drawn * (upper - lower) + lower
    return noise


_write_rrelu = in_place(rrelu, "rrelu_")


@public("rrelu_", method=False)
def rrelu_(
    input: Tensor,
    lower: float = 0.125,
    upper: float = 1.0 / 3,
    training: bool = False,
    generator: Any = None,
) -> Tensor:
    """In-place form of :func:`rrelu`."""
    expect_tensor("rrelu_", input)
    return _write_rrelu(input, lower, upper, training, generator)
