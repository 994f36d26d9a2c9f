"""`Distribution`: what all distributions have in common."""

from __future__ import annotations

import warnings

import numpy as np

from .. import streams
from .._core.tracing import all_true, run
from ..autograd import no_grad
from ..random import default_generator
from ..size import Size
from ..tensor import Tensor, wrap
from . import constraints
from .utils import lazy_property

__all__ = ["Distribution"]


class Distribution:
    """A probability distribution, or a batch of them.

    Parameters
    ----------
    batch_shape : Size
        Of independent distributions side by side.
    event_shape : Size
        Of one sample of one of them.
    validate_args : bool, optional
        Whether parameters and samples are checked, which is the default unless Python runs with
        ``-O``.

    Raises
    ------
    ValueError
        For a parameter outside of its constraint.
    """

    has_rsample = False
    has_enumerate_support = False
    _validate_args = __debug__

    @staticmethod
    def set_default_validate_args(value):
        """Choose whether distributions check their parameters and samples."""
        if value not in [True, False]:
            raise ValueError
        Distribution._validate_args = value

    def __init__(self, batch_shape=Size(), event_shape=Size(), validate_args=None):  # noqa: B008
        self._batch_shape = batch_shape
        self._event_shape = event_shape
        if validate_args is not None:
            self._validate_args = validate_args
        if self._validate_args:
            self._check_parameters()

    def _check_parameters(self):
        try:
            wanted = self.arg_constraints
        except NotImplementedError:
            warnings.warn(
                f"{type(self)} does not define `arg_constraints`. Please set "
                "`arg_constraints = {}` or initialize the distribution with "
                "`validate_args=False` to turn off validation.",
                stacklevel=3,
            )
            return
        for name, constraint in wanted.items():
            if constraints.is_dependent(constraint):
                continue
            if name not in self.__dict__ and isinstance(
                getattr(type(self), name, None), lazy_property
            ):
                continue  # computed from the parameter that was given
            value = getattr(self, name)
            if not _holds(constraint, value):
                raise ValueError(
                    f"Expected parameter {name} ({type(value).__name__} of shape "
                    f"{tuple(value.shape)}) of distribution {self!r} to satisfy the constraint "
                    f"{constraint!r}, but found invalid values:\n{value}"
                )

    def expand(self, batch_shape, _instance=None):
        """Return the distribution with a larger batch shape; parameters are views."""
        raise NotImplementedError

    def _get_checked_instance(self, cls, _instance=None):
        if _instance is None and type(self).__init__ != cls.__init__:
            raise NotImplementedError(
                f"Subclass {type(self).__name__} of {cls.__name__} that defines a custom "
                "__init__ method must also define a custom .expand() method."
            )
        return self.__new__(type(self)) if _instance is None else _instance

    def _expanded(self, kind, batch_shape, instance, **parameters):
        """Return a new instance with expanded parameters: the body of most `expand`.

        Parameters
        ----------
        kind : type
            The class whose `expand` asks.
        batch_shape : tuple of int
        instance : Distribution or None
            To fill, for a subclass.
        **parameters : int
            The parameters' names, and how many of their last axes are not the batch's. Lazy ones
            that have not been computed are left out.
        """
        new = self._get_checked_instance(kind, instance)
        batch_shape = Size(batch_shape)
        for name, own in parameters.items():
            if name in self.__dict__:
                value = self.__dict__[name]
                shape = batch_shape + value.shape[value.dim() - own :]
                setattr(new, name, value.expand(shape))
        Distribution.__init__(new, batch_shape, self._event_shape, validate_args=False)
        new._validate_args = self._validate_args
        return new

    @property
    def batch_shape(self):
        """The shape of independent distributions side by side."""
        return self._batch_shape

    @property
    def event_shape(self):
        """The shape of one sample of one distribution."""
        return self._event_shape

    @property
    def arg_constraints(self):
        """The constraint of each parameter, by its name."""
        raise NotImplementedError

    @property
    def support(self):
        """The constraint that samples satisfy."""
        raise NotImplementedError

    @property
    def mean(self):
        """The mean."""
        raise NotImplementedError

    @property
    def mode(self):
        """The most probable value."""
        raise NotImplementedError(f"{type(self)} does not implement mode")

    @property
    def variance(self):
        """The variance."""
        raise NotImplementedError

    @property
    def stddev(self):
        """The standard deviation."""
        return self.variance.sqrt()

    def sample(self, sample_shape=Size()):  # noqa: B008
        """Draw samples of shape ``sample_shape + batch_shape + event_shape``, without gradient."""
        with no_grad():
            return self.rsample(sample_shape)

    def rsample(self, sample_shape=Size()):  # noqa: B008
        """Draw samples that are differentiable functions of the parameters."""
        raise NotImplementedError

    def sample_n(self, n):
        """Draw `n` samples: ``sample((n,))``."""
        warnings.warn(
            "`sample_n(n)` will be deprecated. Use `sample((n,))` instead.",
            FutureWarning,
            stacklevel=2,
        )
        return self.sample(Size((n,)))

    def log_prob(self, value):
        """Return the logarithm of the density, or of the probability, at `value`."""
        raise NotImplementedError

    def cdf(self, value):
        """Return the probability of a sample up to `value`."""
        raise NotImplementedError

    def icdf(self, value):
        """Return the value up to which samples have the probability `value`."""
        raise NotImplementedError

    def enumerate_support(self, expand=True):
        """Return all values along a new first axis, for discrete distributions.

        With `expand` the batch's axes have its sizes, else 1.
        """
        raise NotImplementedError

    def entropy(self):
        """Return the entropy in nats."""
        raise NotImplementedError

    def perplexity(self):
        """Return the exponential of the entropy."""
        return self.entropy().exp()

    def _extended_shape(self, sample_shape=Size()):  # noqa: B008
        return Size(sample_shape) + self._batch_shape + self._event_shape

    def _validate_sample(self, value):
        if not isinstance(value, Tensor):
            raise ValueError("The value argument to log_prob must be a Tensor")
        events = len(self._event_shape)
        if value.shape[value.dim() - events :] != self._event_shape:
            raise ValueError(
                f"The right-most size of value must match event_shape: {value.shape} vs "
                f"{self._event_shape}."
            )
        expected = self._batch_shape + self._event_shape
        for one, other in zip(reversed(value.shape), reversed(expected)):
            if one != 1 and other != 1 and one != other:
                raise ValueError(
                    "Value is not broadcastable with batch_shape+event_shape: "
                    f"{value.shape} vs {expected}."
                )
        try:
            support = self.support
        except NotImplementedError:
            warnings.warn(
                f"{type(self)} does not define `support` to enable sample validation. Please "
                "initialize the distribution with `validate_args=False` to turn off validation.",
                stacklevel=3,
            )
            return
        if not _holds(support, value):
            raise ValueError(
                f"Expected value argument ({type(value).__name__} of shape "
                f"{tuple(value.shape)}) to be within the support ({support!r}) of the "
                f"distribution {self!r}, but found invalid values:\n{value}"
            )

    def __repr__(self):
        told = []
        for name in self.arg_constraints:
            if name in self.__dict__:
                value = self.__dict__[name]
                told.append(f"{name}: {value if value.numel() == 1 else value.size()}")
        return f"{type(self).__name__}({', '.join(told)})"


def _holds(constraint, value):
    """Say whether every value of a tensor satisfies a constraint, without recording anything."""
    while isinstance(constraint, constraints.independent) and value.dim() >= constraint.event_dim:
        constraint = constraint.base_constraint  # all events are inside where all numbers are
    if isinstance(value, Tensor) and constraint.takes_arrays():
        return all_true(run(constraint.check, value.array))
    with no_grad():
        return bool(constraint.check(value).all())


# -- draws that distributions are made of --------------------------------------------------------


def standard_normal(like, shape):
    """Draw normal numbers with the dtype of a tensor."""
    return wrap(streams.normal(default_generator, tuple(shape), like.get_dtype()))


def standard_uniform(like, shape, low=0.0, high=1.0):
    """Draw numbers uniform on [low, high) with the dtype of a tensor."""
    return wrap(streams.uniform(default_generator, tuple(shape), like.get_dtype(), low, high))


def least_positive(like):
    """Return the least normal number of a tensor's dtype."""
    return float(np.finfo(like.get_dtype()).tiny)
