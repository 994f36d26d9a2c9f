"""Transforms onto the simplex."""

from __future__ import annotations

from .._core.public import functions
from ..nn.functional import logsigmoid
from . import constraints
from .distribution import least_positive
from .elementwise_transforms import _clipped
from .transform import Transform

__all__ = ["SoftmaxTransform", "StickBreakingTransform"]


class SoftmaxTransform(Transform):
    """y = softmax(x) of the last axis; many x have one y."""

    domain = constraints.real_vector
    codomain = constraints.simplex

    def __eq__(self, other):
        return isinstance(other, SoftmaxTransform)

    __hash__ = object.__hash__

    def _call(self, x):
        powers = (x - x.max(-1, True)[0]).exp()
        return powers / powers.sum(-1, True)

    def _inverse(self, y):
        return y.log()

    def forward_shape(self, shape):
        if len(shape) < 1:
            raise ValueError("Too few dimensions on input")
        return shape

    inverse_shape = forward_shape


class StickBreakingTransform(Transform):
    """Vectors of n - 1 numbers onto n shares, by breaking pieces off a stick.

    Each piece is the sigmoid of its number, moved such that zeros give equal shares, of what is
    left.
    """

    domain = constraints.real_vector
    codomain = constraints.simplex
    bijective = True

    def __eq__(self, other):
        return isinstance(other, StickBreakingTransform)

    __hash__ = object.__hash__

    @staticmethod
    def _moved(x, pieces):
        left = pieces + 1 - x.new_ones(pieces).cumsum(-1)
        return left.log()

    def _call(self, x):
        share = _clipped((x - self._moved(x, x.shape[-1])).sigmoid())
        left = (1 - share).cumprod(-1)
        pad = functions["nn.functional.pad"]
        return pad(share, [0, 1], value=1) * pad(left, [1, 0], value=1)

    def _inverse(self, y):
        first = y[..., :-1]
        left = 1 - first.cumsum(-1)
        # What is left of a stick may be rounded to nothing.
        left = left.clamp(min=least_positive(y))
        return first.log() - left.log() + self._moved(y, first.shape[-1])

    def log_abs_det_jacobian(self, x, y):
        moved = x - self._moved(x, x.shape[-1])
        return (-moved + logsigmoid(moved) + y[..., :-1].log()).sum(-1)

    def forward_shape(self, shape):
        if len(shape) < 1:
            raise ValueError("Too few dimensions on input")
        return (*shape[:-1], shape[-1] + 1)

    def inverse_shape(self, shape):
        if len(shape) < 1:
            raise ValueError("Too few dimensions on input")
        return (*shape[:-1], shape[-1] - 1)
