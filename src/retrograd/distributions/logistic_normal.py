"""The logistic-normal distribution."""

from __future__ import annotations

from . import constraints
from .independent import Independent
from .normal import Normal
from .simplex_transforms import StickBreakingTransform
from .transformed_distribution import TransformedDistribution

__all__ = ["LogisticNormal"]


class LogisticNormal(TransformedDistribution):
    """Shares made of normal numbers by stick breaking.

    Parameters
    ----------
    loc, scale : float or Tensor
        Of the normal numbers, one fewer than there are shares.
    """

    arg_constraints = {"loc": constraints.real, "scale": constraints.positive}
    support = constraints.simplex
    has_rsample = True

    def __init__(self, loc, scale, validate_args=None):
        base = Normal(loc, scale, validate_args=validate_args)
        if not base.batch_shape:
            base = base.expand([1])
        super().__init__(base, StickBreakingTransform(), validate_args=validate_args)

    def expand(self, batch_shape, _instance=None):
        return super().expand(batch_shape, self._get_checked_instance(LogisticNormal, _instance))

    def _normal(self):
        base = self.base_dist
        return base.base_dist if isinstance(base, Independent) else base

    @property
    def loc(self):
        """The normal numbers' means."""
        return self._normal().loc

    @property
    def scale(self):
        """The normal numbers' standard deviations."""
        return self._normal().scale
