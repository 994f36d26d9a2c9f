"""The Kumaraswamy distribution."""

from __future__ import annotations

from . import constraints
from .elementwise_transforms import AffineTransform, PowerTransform
from .transformed_distribution import TransformedDistribution
from .uniform import Uniform
from .utils import broadcast_all, euler_constant

__all__ = ["Kumaraswamy"]


class Kumaraswamy(TransformedDistribution):
    """Numbers between 0 and 1, much like beta numbers, with a plain distribution function.

    Parameters
    ----------
    concentration1, concentration0 : float or Tensor
        a and b of the distribution function 1 - (1 - x^a)^b.
    """

    arg_constraints = {
        "concentration1": constraints.positive,
        "concentration0": constraints.positive,
    }
    support = constraints.unit_interval
    has_rsample = True

    def __init__(self, concentration1, concentration0, validate_args=None):
        self.concentration1, self.concentration0 = broadcast_all(concentration1, concentration0)
        like = self.concentration0.detach()
        base = Uniform(
            like.new_full(like.shape, 0), like.new_full(like.shape, 1),
            validate_args=validate_args,
        )  # fmt: skip
        maps = [
            PowerTransform(exponent=self.concentration0.reciprocal()),
            AffineTransform(loc=1.0, scale=-1.0),
            PowerTransform(exponent=self.concentration1.reciprocal()),
        ]
        super().__init__(base, maps, validate_args=validate_args)

    def expand(self, batch_shape, _instance=None):
        new = self._get_checked_instance(Kumaraswamy, _instance)
        new.concentration1 = self.concentration1.expand(batch_shape)
        new.concentration0 = self.concentration0.expand(batch_shape)
        return super().expand(batch_shape, _instance=new)

    def _moment(self, n):
        arg = 1 + n / self.concentration1
        log_beta = arg.lgamma() + self.concentration0.lgamma()
        return self.concentration0 * (log_beta - (arg + self.concentration0).lgamma()).exp()

    @property
    def mean(self):
        return self._moment(1)

    @property
    def mode(self):
        a, b = self.concentration1, self.concentration0
        log_mode = a.reciprocal() * (-b).log1p() - (-a * b).log1p()
        log_mode[(a < 1) | (b < 1)] = float("nan")
        return log_mode.exp()

    @property
    def variance(self):
        return self._moment(2) - self.mean.pow(2)

    def entropy(self):
        first = 1 - self.concentration1.reciprocal()
        second = 1 - self.concentration0.reciprocal()
        harmonic = (self.concentration0 + 1).digamma() + euler_constant
        return second + first * harmonic - self.concentration1.log() - self.concentration0.log()
