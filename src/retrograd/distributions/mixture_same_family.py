"""Mixtures of distributions of one kind."""

from __future__ import annotations

from .._core.public import functions
from ..autograd import no_grad
from ..size import Size
from . import constraints
from .categorical import Categorical
from .distribution import Distribution

__all__ = ["MixtureSameFamily"]


class MixtureSameFamily(Distribution):
    """One of several components, chosen at random for each sample.

    Parameters
    ----------
    mixture_distribution : Categorical
        Which component.
    component_distribution : Distribution
        The components along the last batch axis.
    """

    arg_constraints = {}

    def __init__(self, mixture_distribution, component_distribution, validate_args=None):
        self._mixture_distribution = mixture_distribution
        self._component_distribution = component_distribution
        if not isinstance(mixture_distribution, Categorical):
            raise ValueError(
                " The Mixture distribution needs to be an "
                " instance of torch.distributions.Categorical"
            )
        if not isinstance(component_distribution, Distribution):
            raise ValueError(
                "The Component distribution needs to be an "
                "instance of torch.distributions.Distribution"
            )
        weights, batch = mixture_distribution.batch_shape, component_distribution.batch_shape[:-1]
        for one, other in zip(reversed(weights), reversed(batch)):
            if one != 1 and other != 1 and one != other:
                raise ValueError(
                    f"`mixture_distribution.batch_shape` ({weights}) is not compatible with "
                    f"`component_distribution.batch_shape`({batch})"
                )
        count = mixture_distribution.logits.shape[-1]
        other = component_distribution.batch_shape[-1]
        if count != other:
            raise ValueError(
                f"`mixture_distribution component` ({count}) does not equal "
                f"`component_distribution.batch_shape[-1]` ({other})"
            )
        self._num_component = count
        event = component_distribution.event_shape
        self._event_ndims = len(event)
        super().__init__(batch, event, validate_args=validate_args)

    def expand(self, batch_shape, _instance=None):
        new = self._expanded(MixtureSameFamily, batch_shape, _instance)
        batch_shape = Size(batch_shape)
        new._component_distribution = self.component_distribution.expand(
            batch_shape + Size((self._num_component,))
        )
        new._mixture_distribution = self.mixture_distribution.expand(batch_shape)
        new._num_component = self._num_component
        new._event_ndims = self._event_ndims
        return new

    @constraints.dependent_property
    def support(self):
        return constraints.MixtureSameFamilyConstraint(self.component_distribution.support)

    @property
    def mixture_distribution(self):
        """Which component."""
        return self._mixture_distribution

    @property
    def component_distribution(self):
        """The components."""
        return self._component_distribution

    def _weights(self):
        """Return the probabilities with an axis of size 1 for each event axis."""
        probs = self.mixture_distribution.probs
        return probs.reshape(probs.shape + Size((1,) * self._event_ndims))

    @property
    def mean(self):
        axis = -1 - self._event_ndims
        return (self._weights() * self.component_distribution.mean).sum(axis)

    @property
    def variance(self):
        # The law of total variance.
        axis = -1 - self._event_ndims
        weights = self._weights()
        inside = (weights * self.component_distribution.variance).sum(axis)
        away = self.component_distribution.mean - self._pad(self.mean)
        return inside + (weights * away.pow(2.0)).sum(axis)

    def _pad(self, x):
        return x.unsqueeze(-1 - self._event_ndims)

    def cdf(self, x):
        x = self._pad(x)
        return (self.component_distribution.cdf(x) * self.mixture_distribution.probs).sum(-1)

    def log_prob(self, x):
        if self._validate_args:
            self._validate_sample(x)
        of_components = self.component_distribution.log_prob(self._pad(x))
        weights = self.mixture_distribution.logits.log_softmax(-1)
        return functions["logsumexp"](of_components + weights, dim=-1)

    def sample(self, sample_shape=()):
        with no_grad():
            events = self.event_shape
            axis = len(sample_shape) + len(self.batch_shape)
            chosen = self.mixture_distribution.sample(sample_shape)
            drawn = self.component_distribution.sample(sample_shape)
            chosen = chosen.reshape(chosen.shape + Size((1,) * (len(events) + 1)))
            repeated = chosen.repeat(Size((1,) * len(chosen.shape[: axis + 1])) + events)
            return drawn.gather(axis, repeated).squeeze(axis)

    def __repr__(self):
        return (
            f"{type(self).__name__}(\n  {self.mixture_distribution},\n  "
            f"{self.component_distribution})"
        )
