"""The half-normal distribution."""

from __future__ import annotations

import math

from .._core.public import functions
from ..creation import as_tensor, zeros_like
from . import constraints
from .elementwise_transforms import AbsTransform
from .normal import Normal
from .transformed_distribution import TransformedDistribution

__all__ = ["HalfNormal"]


class HalfNormal(TransformedDistribution):
    """Magnitudes of normal numbers.

    Parameters
    ----------
    scale : float or Tensor
        The normal numbers' standard deviation.
    """

    arg_constraints = {"scale": constraints.positive}
    support = constraints.nonnegative
    has_rsample = True

    def __init__(self, scale, validate_args=None):
        base = Normal(0, scale, validate_args=False)
        super().__init__(base, AbsTransform(), validate_args=validate_args)

    def expand(self, batch_shape, _instance=None):
        return super().expand(batch_shape, self._get_checked_instance(HalfNormal, _instance))

    @property
    def scale(self):
        """The normal numbers' standard deviation."""
        return self.base_dist.scale

    @property
    def mean(self):
        return self.scale * math.sqrt(2 / math.pi)

    @property
    def mode(self):
        return zeros_like(self.scale)

    @property
    def variance(self):
        return self.scale.pow(2) * (1 - 2 / math.pi)

    def log_prob(self, value):
        if self._validate_args:
            self._validate_sample(value)
        return _doubled(self.base_dist, value)

    def cdf(self, value):
        if self._validate_args:
            self._validate_sample(value)
        return 2 * self.base_dist.cdf(value) - 1

    def icdf(self, prob):
        return self.base_dist.icdf((prob + 1) / 2)

    def entropy(self):
        return self.base_dist.entropy() - math.log(2)


def _doubled(base, value):
    """Return the log-density of magnitudes: twice the base's, and 0 for negative numbers."""
    value = as_tensor(value, dtype=base.scale.dtype)
    density = base.log_prob(value) + math.log(2)
    return functions["where"](value >= 0, density, -math.inf)
