"""The binomial distribution."""

from __future__ import annotations

from .. import random
from ..autograd import no_grad
from ..creation import arange
from ..size import Size
from . import constraints
from .bernoulli import one_of
from .distribution import Distribution
from .utils import broadcast_all, lazy_property, logits_to_probs, probs_to_logits

__all__ = ["Binomial"]


class Binomial(Distribution):
    """Numbers of successes.

    Parameters
    ----------
    total_count : int or Tensor
        Of trials.
    probs, logits : Tensor, optional
        The probability of success, or its log-odds: one of them.
    """

    arg_constraints = {
        "total_count": constraints.nonnegative_integer,
        "probs": constraints.unit_interval,
        "logits": constraints.real,
    }
    has_enumerate_support = True

    def __init__(self, total_count=1, probs=None, logits=None, validate_args=None):
        if one_of(probs, logits):
            self.total_count, self.probs = broadcast_all(total_count, probs)
            self.total_count = self.total_count.type_as(self.probs)
            self._param = self.probs
        else:
            self.total_count, self.logits = broadcast_all(total_count, logits)
            self.total_count = self.total_count.type_as(self.logits)
            self._param = self.logits
        super().__init__(self._param.size(), validate_args=validate_args)

    def expand(self, batch_shape, _instance=None):
        new = self._expanded(Binomial, batch_shape, _instance, total_count=0, probs=0, logits=0)
        new._param = self._param.expand(Size(batch_shape))
        return new

    @constraints.dependent_property(is_discrete=True, event_dim=0)
    def support(self):
        return constraints.integer_interval(0, self.total_count)

    @property
    def mean(self):
        return self.total_count * self.probs

    @property
    def mode(self):
        return ((self.total_count + 1) * self.probs).floor().clamp(max=self.total_count)

    @property
    def variance(self):
        return self.total_count * self.probs * (1 - self.probs)

    @lazy_property
    def logits(self):
        """The log-odds of success."""
        return probs_to_logits(self.probs, is_binary=True)

    @lazy_property
    def probs(self):
        """The probability of success."""
        return logits_to_probs(self.logits, is_binary=True)

    @property
    def param_shape(self):
        """The shape of the parameter."""
        return self._param.size()

    def sample(self, sample_shape=()):
        shape = self._extended_shape(sample_shape)
        with no_grad():
            return random.binomial(self.total_count.expand(shape), self.probs.expand(shape))

    def log_prob(self, value):
        if self._validate_args:
            self._validate_sample(value)
        # k log p + (n - k) log(1 - p) with the logit l: k l - n log(1 + e^l), without overflow.
        # max(l, 0) is written so that its derivative at 0 is 1/2, as the whole needs it.
        size = self.logits.abs()
        normaliser = (
            self.total_count * ((self.logits + size) / 2)
            + self.total_count * (-size).exp().log1p()
            - (self.total_count + 1).lgamma()
        )
        return (
            value * self.logits
            - (value + 1).lgamma()
            - (self.total_count - value + 1).lgamma()
            - normaliser
        )

    def _same_count(self, asked):
        count = int(self.total_count.max())
        if not self.total_count.min() == count:
            raise NotImplementedError(f"Inhomogeneous total count not supported by `{asked}`.")
        return count

    def entropy(self):
        self._same_count("entropy")
        log_probs = self.log_prob(self.enumerate_support(False))
        return -(log_probs.exp() * log_probs).sum(0)

    def enumerate_support(self, expand=True):
        values = arange(1 + self._same_count("enumerate_support"), dtype=self._param.dtype)
        values = values.view((-1, *(1,) * len(self._batch_shape)))
        return values.expand((-1, *self._batch_shape)) if expand else values
