"""The geometric distribution."""

from __future__ import annotations

from ..autograd import no_grad
from ..creation import zeros_like
from ..size import Size
from . import constraints
from .bernoulli import one_of
from .distribution import Distribution, least_positive, standard_uniform
from .utils import (
    all_numbers,
    bernoulli_entropy,
    broadcast_all,
    lazy_property,
    logits_to_probs,
    probs_to_logits,
)

__all__ = ["Geometric"]


class Geometric(Distribution):
    """Numbers of failures before the first success.

    Parameters
    ----------
    probs, logits : float or Tensor, optional
        The probability of success, or its log-odds: one of them.
    """

    arg_constraints = {"probs": constraints.unit_interval, "logits": constraints.real}
    support = constraints.nonnegative_integer

    def __init__(self, probs=None, logits=None, validate_args=None):
        by_probs = one_of(probs, logits)
        if by_probs:
            (self.probs,) = broadcast_all(probs)
            given = self.probs
        else:
            (self.logits,) = broadcast_all(logits)
            given = self.logits
        shape = Size() if all_numbers(probs if by_probs else logits) else given.size()
        super().__init__(shape, validate_args=validate_args)
        if self._validate_args and by_probs:
            positive = self.probs > 0
            if not positive.all():
                raise ValueError(
                    f"Expected parameter probs ({type(given).__name__} of shape "
                    f"{tuple(given.shape)}) of distribution {self!r} to be positive but found "
                    f"invalid values:\n{given[~positive]}"
                )

    def expand(self, batch_shape, _instance=None):
        return self._expanded(Geometric, batch_shape, _instance, probs=0, logits=0)

    @property
    def mean(self):
        return 1.0 / self.probs - 1.0

    @property
    def mode(self):
        return zeros_like(self.probs)

    @property
    def variance(self):
        return (1.0 / self.probs - 1.0) / self.probs

    @lazy_property
    def logits(self):
        """The log-odds of success."""
        return probs_to_logits(self.probs, is_binary=True)

    @lazy_property
    def probs(self):
        """The probability of success."""
        return logits_to_probs(self.logits, is_binary=True)

    def sample(self, sample_shape=()):
        with no_grad():
            u = standard_uniform(self.probs, self._extended_shape(sample_shape))
            u = u.clamp(min=least_positive(u))
            return (u.log() / (-self.probs).log1p()).floor()

    def log_prob(self, value):
        if self._validate_args:
            self._validate_sample(value)
        value, probs = broadcast_all(value, self.probs)
        probs = probs.clone()
        probs[(probs == 1) & (value == 0)] = 0
        return value * (-probs).log1p() + self.probs.log()

    def entropy(self):
        return bernoulli_entropy(self.logits, self.probs) / self.probs
