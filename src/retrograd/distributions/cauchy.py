"""The Cauchy distribution."""

from __future__ import annotations

import math

from .. import streams
from ..creation import full
from ..random import default_generator
from ..size import Size
from ..tensor import wrap
from . import constraints
from .distribution import Distribution
from .utils import all_numbers, broadcast_all

__all__ = ["Cauchy"]


class Cauchy(Distribution):
    """Ratios of two normal numbers, moved and scaled; they have no mean.

    Parameters
    ----------
    loc : float or Tensor
        Median.
    scale : float or Tensor
        Half of the width at half of the maximum.
    """

    arg_constraints = {"loc": constraints.real, "scale": constraints.positive}
    support = constraints.real
    has_rsample = True

    def __init__(self, loc, scale, validate_args=None):
        self.loc, self.scale = broadcast_all(loc, scale)
        shape = Size() if all_numbers(loc, scale) else self.loc.size()
        super().__init__(shape, validate_args=validate_args)

    @property
    def mean(self):
        return full(self._extended_shape(), math.nan, dtype=self.loc.dtype)

    @property
    def mode(self):
        return self.loc

    @property
    def variance(self):
        return full(self._extended_shape(), math.inf, dtype=self.loc.dtype)

    def expand(self, batch_shape, _instance=None):
        return self._expanded(Cauchy, batch_shape, _instance, loc=0, scale=0)

    def rsample(self, sample_shape=Size()):  # noqa: B008
        shape = tuple(self._extended_shape(sample_shape))
        drawn = wrap(streams.cauchy(default_generator, shape, self.loc.get_dtype()))
        return self.loc + drawn * self.scale

    def log_prob(self, value):
        if self._validate_args:
            self._validate_sample(value)
        away = (value - self.loc) / self.scale
        return -math.log(math.pi) - self.scale.log() - (away**2).log1p()

    def cdf(self, value):
        if self._validate_args:
            self._validate_sample(value)
        return ((value - self.loc) / self.scale).atan() / math.pi + 0.5

    def icdf(self, value):
        return (math.pi * (value - 0.5)).tan() * self.scale + self.loc

    def entropy(self):
        return math.log(4 * math.pi) + self.scale.log()
