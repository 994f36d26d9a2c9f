"""The Bernoulli distribution."""

from __future__ import annotations

from .. import random
from .._core.public import functions
from ..autograd import no_grad
from ..creation import arange
from ..nn.functional import binary_cross_entropy_with_logits, softplus
from ..size import Size
from . import constraints
from .exp_family import ExponentialFamily
from .utils import (
    all_numbers,
    bernoulli_entropy,
    broadcast_all,
    lazy_property,
    logits_to_probs,
    probs_to_logits,
)

__all__ = ["Bernoulli"]


def one_of(probs, logits):
    """Check that one of two parameters is given, and say whether it is `probs`."""
    if (probs is None) == (logits is None):
        raise ValueError("Either `probs` or `logits` must be specified, but not both.")
    return probs is not None


class Bernoulli(ExponentialFamily):
    """1 with a probability, else 0.

    Parameters
    ----------
    probs, logits : float or Tensor, optional
        The probability, or its log-odds: one of them.
    """

    arg_constraints = {"probs": constraints.unit_interval, "logits": constraints.real}
    support = constraints.boolean
    has_enumerate_support = True
    _mean_carrier_measure = 0

    def __init__(self, probs=None, logits=None, validate_args=None):
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
        new = self._expanded(Bernoulli, batch_shape, _instance, probs=0, logits=0)
        new._param = self._param.expand(Size(batch_shape))
        return new

    @property
    def mean(self):
        return self.probs

    @property
    def mode(self):
        mode = (self.probs >= 0.5).to(self.probs)
        return functions["where"](self.probs == 0.5, float("nan"), mode)

    @property
    def variance(self):
        return self.probs * (1 - self.probs)

    @lazy_property
    def logits(self):
        """The log-odds."""
        return probs_to_logits(self.probs, is_binary=True)

    @lazy_property
    def probs(self):
        """The probability of 1."""
        return logits_to_probs(self.logits, is_binary=True)

    @property
    def param_shape(self):
        """The shape of the parameter."""
        return self._param.size()

    def sample(self, sample_shape=()):
        with no_grad():
            return random.bernoulli(self.probs.expand(self._extended_shape(sample_shape)))

    def log_prob(self, value):
        if self._validate_args:
            self._validate_sample(value)
        logits, value = broadcast_all(self.logits, value)
        return -binary_cross_entropy_with_logits(logits, value, reduction="none")

    def entropy(self):
        return bernoulli_entropy(self.logits, self.probs)

    def enumerate_support(self, expand=True):
        values = arange(2, dtype=self._param.dtype)
        values = values.view((-1, *(1,) * len(self._batch_shape)))
        return values.expand((-1, *self._batch_shape)) if expand else values

    @property
    def _natural_params(self):
        return (functions["logit"](self.probs),)

    def _log_normalizer(self, x):
        return softplus(x)
