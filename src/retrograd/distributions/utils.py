"""Parameters of distributions: broadcasting, logits and probabilities, lazy attributes."""

from __future__ import annotations

import functools
from numbers import Number
from typing import Any

from .._core.public import functions
from ..autograd import enable_grad
from ..creation import tensor
from ..dtypes import finfo, get_default_dtype
from ..nn.functional import binary_cross_entropy_with_logits
from ..tensor import Tensor

__all__ = [
    "broadcast_all",
    "clamp_probs",
    "lazy_property",
    "logits_to_probs",
    "probs_to_logits",
]

euler_constant = 0.57721566490153286060


def broadcast_all(*values):
    """Return tensors or numbers as tensors of one shape.

    Numbers get the dtype of the first tensor, the default one where there is none.

    Raises
    ------
    ValueError
        For a value that is neither.
    """
    if not all(isinstance(value, (Tensor, Number)) for value in values):
        raise ValueError(
            "Input arguments must all be instances of Number, torch.Tensor or objects "
            "implementing __torch_function__."
        )
    if not all(isinstance(value, Tensor) for value in values):
        dtype = next((one.dtype for one in values if isinstance(one, Tensor)), get_default_dtype())
        values = [
            value if isinstance(value, Tensor) else tensor(value, dtype=dtype) for value in values
        ]
    return functions["broadcast_tensors"](*values)


def all_numbers(*values):
    """Say whether every value is a number: the distribution then has no batch shape."""
    return all(isinstance(value, Number) for value in values)


def clamp_probs(probs):
    """Return probabilities a rounding error away from 0 and 1."""
    eps = finfo(probs.dtype).eps
    return probs.clamp(min=eps, max=1 - eps)


def logits_to_probs(logits, is_binary=False):
    """Return probabilities: a sigmoid where binary, else a softmax of the last axis."""
    return logits.sigmoid() if is_binary else logits.softmax(-1)


def probs_to_logits(probs, is_binary=False):
    """Return log-odds where binary, else logarithms."""
    clamped = clamp_probs(probs)
    return clamped.log() - (-clamped).log1p() if is_binary else clamped.log()


def bernoulli_entropy(logits, probs):
    """Return the entropy of a coin."""
    return binary_cross_entropy_with_logits(logits, probs, reduction="none")


def sum_rightmost(value, dims):
    """Return the sum over the last `dims` axes."""
    return value if dims == 0 else value.sum(tuple(range(-dims, 0)))


class lazy_property:
    """An attribute computed when it is first asked for, and kept.

    It is computed with gradients on, since it may be asked for inside `no_grad`.
    """

    def __init__(self, wrapped: Any) -> None:
        self.wrapped = wrapped
        functools.update_wrapper(self, wrapped)

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        if instance is None:
            return self
        with enable_grad():
            value = self.wrapped(instance)
        setattr(instance, self.wrapped.__name__, value)
        return value
