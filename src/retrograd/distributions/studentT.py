"""Student's t distribution."""

from __future__ import annotations

import math

from .._core.public import functions
from ..creation import full_like
from ..size import Size
from . import constraints
from .chi2 import Chi2
from .distribution import Distribution, standard_normal
from .utils import all_numbers, broadcast_all

__all__ = ["StudentT"]


class StudentT(Distribution):
    """Normal numbers over the root of a mean of squared ones.

    Parameters
    ----------
    df : float or Tensor
        Degrees of freedom.
    loc, scale : float or Tensor
    """

    arg_constraints = {
        "df": constraints.positive,
        "loc": constraints.real,
        "scale": constraints.positive,
    }
    support = constraints.real
    has_rsample = True

    def __init__(self, df, loc=0.0, scale=1.0, validate_args=None):
        self.df, self.loc, self.scale = broadcast_all(df, loc, scale)
        self._chi2 = Chi2(self.df)
        shape = Size() if all_numbers(df, loc, scale) else self.df.size()
        super().__init__(shape, validate_args=validate_args)

    def expand(self, batch_shape, _instance=None):
        new = self._expanded(StudentT, batch_shape, _instance, df=0, loc=0, scale=0)
        new._chi2 = self._chi2.expand(Size(batch_shape))
        return new

    @property
    def mean(self):
        mean = self.loc.clone()
        mean[self.df <= 1] = math.nan
        return mean

    @property
    def mode(self):
        return self.loc

    @property
    def variance(self):
        where = functions["where"]
        finite = self.scale.pow(2) * self.df / (self.df - 2)
        result = where(self.df > 2, finite, full_like(self.df, math.inf))
        return where(self.df <= 1, full_like(self.df, math.nan), result)

    def rsample(self, sample_shape=()):
        drawn = standard_normal(self.df, self._extended_shape(sample_shape))
        squares = self._chi2.rsample(sample_shape)
        return self.loc + self.scale * (drawn * (squares / self.df).rsqrt())

    def log_prob(self, value):
        if self._validate_args:
            self._validate_sample(value)
        y = (value - self.loc) / self.scale
        normaliser = (
            self.scale.log()
            + 0.5 * self.df.log()
            + 0.5 * math.log(math.pi)
            + (0.5 * self.df).lgamma()
            - (0.5 * (self.df + 1.0)).lgamma()
        )
        return -0.5 * (self.df + 1.0) * (y**2.0 / self.df).log1p() - normaliser

    def entropy(self):
        half = 0.5 * self.df
        log_beta = half.lgamma() + math.lgamma(0.5) - (half + 0.5).lgamma()
        return (
            self.scale.log()
            + 0.5 * (self.df + 1) * ((0.5 * (self.df + 1)).digamma() - half.digamma())
            + 0.5 * self.df.log()
            + log_beta
        )
