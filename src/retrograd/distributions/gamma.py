"""The gamma distribution."""

from __future__ import annotations

from .. import streams
from .._core.public import functions
from ..creation import as_tensor
from ..ops.pathwise import gamma_path
from ..random import default_generator
from ..size import Size
from . import constraints
from .distribution import least_positive
from .exp_family import ExponentialFamily
from .utils import all_numbers, broadcast_all

__all__ = ["Gamma"]


def standard_gamma(concentration):
    """Draw gamma numbers of scale 1, differentiable with respect to their concentrations."""
    return gamma_path(concentration, streams.standard_gamma(default_generator, concentration.array))


class Gamma(ExponentialFamily):
    """Gamma numbers.

    Parameters
    ----------
    concentration : float or Tensor
        The shape, alpha.
    rate : float or Tensor
        One over the scale, beta.
    """

    arg_constraints = {"concentration": constraints.positive, "rate": constraints.positive}
    support = constraints.nonnegative
    has_rsample = True
    _mean_carrier_measure = 0

    def __init__(self, concentration, rate, validate_args=None):
        self.concentration, self.rate = broadcast_all(concentration, rate)
        shape = Size() if all_numbers(concentration, rate) else self.concentration.size()
        super().__init__(shape, validate_args=validate_args)

    @property
    def mean(self):
        return self.concentration / self.rate

    @property
    def mode(self):
        return ((self.concentration - 1) / self.rate).clamp(min=0)

    @property
    def variance(self):
        return self.concentration / self.rate.pow(2)

    def expand(self, batch_shape, _instance=None):
        return self._expanded(Gamma, batch_shape, _instance, concentration=0, rate=0)

    def rsample(self, sample_shape=Size()):  # noqa: B008
        shape = self._extended_shape(sample_shape)
        value = standard_gamma(self.concentration.expand(shape)) / self.rate.expand(shape)
        # Zero has no finite density; the gradient passes as if it were not lifted.
        value.detach().clamp_(min=least_positive(value))
        return value

    def log_prob(self, value):
        value = as_tensor(value, dtype=self.rate.dtype)
        if self._validate_args:
            self._validate_sample(value)
        return (
            functions["xlogy"](self.concentration, self.rate)
            + functions["xlogy"](self.concentration - 1, value)
            - self.rate * value
            - self.concentration.lgamma()
        )

    def cdf(self, value):
        if self._validate_args:
            self._validate_sample(value)
        return functions["special.gammainc"](self.concentration, self.rate * value)

    def entropy(self):
        return (
            self.concentration
            - self.rate.log()
            + self.concentration.lgamma()
            + (1.0 - self.concentration) * self.concentration.digamma()
        )

    @property
    def _natural_params(self):
        return self.concentration - 1, -self.rate

    def _log_normalizer(self, x, y):
        return (x + 1).lgamma() + (x + 1) * (-y.reciprocal()).log()
