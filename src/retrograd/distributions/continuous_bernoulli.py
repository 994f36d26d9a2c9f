"""The continuous Bernoulli distribution."""

from __future__ import annotations

import math

from .._core.public import functions
from ..autograd import no_grad
from ..nn.functional import binary_cross_entropy_with_logits
from ..size import Size
from . import constraints
from .bernoulli import one_of
from .distribution import standard_uniform
from .exp_family import ExponentialFamily
from .utils import (
    all_numbers,
    broadcast_all,
    clamp_probs,
    lazy_property,
    logits_to_probs,
    probs_to_logits,
)

__all__ = ["ContinuousBernoulli"]


class ContinuousBernoulli(ExponentialFamily):
    """Numbers between 0 and 1 with a density proportional to p^x (1 - p)^(1 - x).

    Parameters
    ----------
    probs, logits : float or Tensor, optional
        p or its log-odds: one of them.
    lims : tuple of float
        Between them, around 1/2 where the formulas divide by 0, power series are used.

    References
    ----------
    Loaiza-Ganem and Cunningham (2019), The continuous Bernoulli.
    """

    arg_constraints = {"probs": constraints.unit_interval, "logits": constraints.real}
    support = constraints.unit_interval
    has_rsample = True
    _mean_carrier_measure = 0

    def __init__(self, probs=None, logits=None, lims=(0.499, 0.501), validate_args=None):
        if one_of(probs, logits):
            given = probs
            (self.probs,) = broadcast_all(probs)
            if validate_args is not None and not (
                self.arg_constraints["probs"].check(self.probs).all()
            ):
                raise ValueError("The parameter probs has invalid values")
            self.probs = clamp_probs(self.probs)
            self._param = self.probs
        else:
            given = logits
            (self.logits,) = broadcast_all(logits)
            self._param = self.logits
        shape = Size() if all_numbers(given) else self._param.size()
        self._lims = lims
        super().__init__(shape, validate_args=validate_args)

    def expand(self, batch_shape, _instance=None):
        new = self._expanded(ContinuousBernoulli, batch_shape, _instance, probs=0, logits=0)
        new._lims = self._lims
        new._param = self._param.expand(Size(batch_shape))
        return new

    def _away(self):
        """Where the formulas hold, and probabilities for which they do everywhere."""
        away = (self.probs <= self._lims[0]) | (self.probs > self._lims[1])
        return away, functions["where"](away, self.probs, self._lims[0])

    def _log_normaliser(self):
        where = functions["where"]
        away, p = self._away()
        low = where(p <= 0.5, p, 0.0)
        high = where(p >= 0.5, p, 1.0)
        gap = where(p <= 0.5, (-2.0 * low).log1p(), (2.0 * high - 1.0).log())
        exact = ((-p).log1p() - p.log()).abs().log() - gap
        x = (self.probs - 0.5).pow(2)
        return where(away, exact, math.log(2.0) + (4.0 / 3.0 + 104.0 / 45.0 * x) * x)

    @property
    def mean(self):
        away, p = self._away()
        exact = p / (2.0 * p - 1.0) + 1.0 / ((-p).log1p() - p.log())
        x = self.probs - 0.5
        near = 0.5 + (1.0 / 3.0 + 16.0 / 45.0 * x.pow(2)) * x
        return functions["where"](away, exact, near)

    @property
    def variance(self):
        away, p = self._away()
        exact = p * (p - 1.0) / (1.0 - 2.0 * p).pow(2) + 1.0 / ((-p).log1p() - p.log()).pow(2)
        x = (self.probs - 0.5).pow(2)
        near = 1.0 / 12.0 - (1.0 / 15.0 - 128.0 / 945.0 * x) * x
        return functions["where"](away, exact, near)

    @property
    def stddev(self):
        return self.variance.sqrt()

    @lazy_property
    def logits(self):
        """The log-odds."""
        return probs_to_logits(self.probs, is_binary=True)

    @lazy_property
    def probs(self):
        """The parameter p."""
        return clamp_probs(logits_to_probs(self.logits, is_binary=True))

    @property
    def param_shape(self):
        """The shape of the parameter."""
        return self._param.size()

    def sample(self, sample_shape=()):
        with no_grad():
            return self.rsample(sample_shape)

    def rsample(self, sample_shape=()):
        return self.icdf(standard_uniform(self.probs, self._extended_shape(sample_shape)))

    def log_prob(self, value):
        if self._validate_args:
            self._validate_sample(value)
        logits, value = broadcast_all(self.logits, value)
        entropy = binary_cross_entropy_with_logits(logits, value, reduction="none")
        return -entropy + self._log_normaliser()

    def cdf(self, value):
        if self._validate_args:
            self._validate_sample(value)
        where = functions["where"]
        away, p = self._away()
        exact = (p.pow(value) * (1.0 - p).pow(1.0 - value) + p - 1.0) / (2.0 * p - 1.0)
        inside = where(away, exact, value)
        return where(value <= 0.0, 0.0, where(value >= 1.0, 1.0, inside))

    def icdf(self, value):
        away, p = self._away()
        start = (-p).log1p()
        exact = ((-p + value * (2.0 * p - 1.0)).log1p() - start) / (p.log() - start)
        return functions["where"](away, exact, value)

    def entropy(self):
        log_0, log_1 = (-self.probs).log1p(), self.probs.log()
        return self.mean * (log_0 - log_1) - self._log_normaliser() - log_0

    @property
    def _natural_params(self):
        return (self.logits,)

    def _log_normalizer(self, x):
        away = (x <= self._lims[0] - 0.5) | (x > self._lims[1] - 0.5)
        safe = functions["where"](away, x, self._lims[0] - 0.5)
        exact = ((safe.exp() - 1).abs() / safe.abs()).log()
        return functions["where"](away, exact, 0.5 * x + x.pow(2) / 24.0 - x.pow(4) / 2880.0)
