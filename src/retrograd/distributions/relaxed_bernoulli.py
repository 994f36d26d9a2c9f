"""A continuous relaxation of the Bernoulli distribution."""

from __future__ import annotations

from ..size import Size
from . import constraints
from .bernoulli import one_of
from .distribution import Distribution, standard_uniform
from .elementwise_transforms import SigmoidTransform
from .transformed_distribution import TransformedDistribution
from .utils import (
    all_numbers,
    broadcast_all,
    clamp_probs,
    lazy_property,
    logits_to_probs,
    probs_to_logits,
)

__all__ = ["LogitRelaxedBernoulli", "RelaxedBernoulli"]


class LogitRelaxedBernoulli(Distribution):
    """The log-odds of `RelaxedBernoulli`.

    Parameters
    ----------
    temperature : Tensor
    probs, logits : float or Tensor, optional
        One of them.
    """

    arg_constraints = {"probs": constraints.unit_interval, "logits": constraints.real}
    support = constraints.real

    def __init__(self, temperature, probs=None, logits=None, validate_args=None):
        self.temperature = temperature
        if one_of(probs, logits):
            given = probs
            (self.probs,) = broadcast_all(probs)
            self._param = self.probs
        else:
            given = logits
            (self.logits,) = broadcast_all(logits)
            self._param = self.logits
        shape = Size() if all_numbers(given) else self._param.size()
        super().__init__(shape, validate_args=validate_args)

    def expand(self, batch_shape, _instance=None):
        new = self._expanded(LogitRelaxedBernoulli, batch_shape, _instance, probs=0, logits=0)
        new.temperature = self.temperature
        new._param = self._param.expand(Size(batch_shape))
        return new

    @lazy_property
    def logits(self):
        """The log-odds."""
        return probs_to_logits(self.probs, is_binary=True)

    @lazy_property
    def probs(self):
        """The probability."""
        return logits_to_probs(self.logits, is_binary=True)

    @property
    def param_shape(self):
        """The shape of the parameter."""
        return self._param.size()

    def rsample(self, sample_shape=()):
        shape = self._extended_shape(sample_shape)
        probs = clamp_probs(self.probs.expand(shape))
        u = clamp_probs(standard_uniform(probs, shape))
        logistic = u.log() - (-u).log1p()
        return (logistic + probs.log() - (-probs).log1p()) / self.temperature

    def log_prob(self, value):
        if self._validate_args:
            self._validate_sample(value)
        logits, value = broadcast_all(self.logits, value)
        away = logits - value.mul(self.temperature)
        return self.temperature.log() + away - 2 * away.exp().log1p()


class RelaxedBernoulli(TransformedDistribution):
    """Numbers between 0 and 1 that tend to either as the temperature falls.

    Parameters
    ----------
    temperature : Tensor
    probs, logits : float or Tensor, optional
        One of them.

    References
    ----------
    Maddison, Mnih and Teh (2017), The Concrete Distribution.
    """

    arg_constraints = {"probs": constraints.unit_interval, "logits": constraints.real}
    support = constraints.unit_interval
    has_rsample = True

    def __init__(self, temperature, probs=None, logits=None, validate_args=None):
        base = LogitRelaxedBernoulli(temperature, probs, logits)
        super().__init__(base, SigmoidTransform(), validate_args=validate_args)

    def expand(self, batch_shape, _instance=None):
        return super().expand(batch_shape, self._get_checked_instance(RelaxedBernoulli, _instance))

    @property
    def temperature(self):
        """The temperature."""
        return self.base_dist.temperature

    @property
    def logits(self):
        """The log-odds."""
        return self.base_dist.logits

    @property
    def probs(self):
        """The probability."""
        return self.base_dist.probs
