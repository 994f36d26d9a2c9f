"""Kullback-Leibler divergences, found by the two distributions' classes."""

from __future__ import annotations

import functools
import math
import warnings

from .._core.public import functions
from ..nn.functional import softplus
from .bernoulli import Bernoulli
from .beta import Beta
from .binomial import Binomial
from .categorical import Categorical
from .cauchy import Cauchy
from .dirichlet import Dirichlet
from .distribution import Distribution
from .exp_family import ExponentialFamily
from .exponential import Exponential
from .gamma import Gamma
from .geometric import Geometric
from .gumbel import Gumbel
from .half_normal import HalfNormal
from .independent import Independent
from .laplace import Laplace
from .multivariate_normal import MultivariateNormal, log_diagonal, squared_distance
from .normal import Normal
from .one_hot_categorical import OneHotCategorical
from .poisson import Poisson
from .transformed_distribution import TransformedDistribution
from .uniform import Uniform
from .utils import euler_constant, sum_rightmost

__all__ = ["kl_divergence", "register_kl"]

_registry = {}
_found = {}


def register_kl(type_p, type_q):
    """Return a decorator that registers a function of two distributions as their divergence.

    Parameters
    ----------
    type_p, type_q : type
        Classes of distributions; the function is taken for subclasses too, unless there is a
        nearer one.
    """
    for name, given in (("type_p", type_p), ("type_q", type_q)):
        if not isinstance(given, type) and issubclass(given, Distribution):
            raise TypeError(f"Expected {name} to be a Distribution subclass but got {given}")

    def register(function):
        _registry[type_p, type_q] = function
        _found.clear()
        return function

    return register


@functools.total_ordering
class _Nearness:
    """How near a pair of registered classes is: nearer is smaller, subclass by subclass."""

    def __init__(self, *types):
        self.types = types

    def __eq__(self, other):
        return self.types == other.types

    def __le__(self, other):
        for one, another in zip(self.types, other.types, strict=True):
            if not issubclass(one, another):
                return False
            if one is not another:
                break
        return True


def _nearest(type_p, type_q):
    matches = [
        (super_p, super_q)
        for super_p, super_q in _registry
        if issubclass(type_p, super_p) and issubclass(type_q, super_q)
    ]
    if not matches:
        return NotImplemented
    left_p, left_q = min(_Nearness(*one) for one in matches).types
    right_q, right_p = min(_Nearness(*reversed(one)) for one in matches).types
    left, right = _registry[left_p, left_q], _registry[right_p, right_q]
    if left is not right:
        warnings.warn(
            f"Ambiguous kl_divergence({type_p.__name__}, {type_q.__name__}). Please "
            f"register_kl({left_p.__name__}, {right_q.__name__})",
            RuntimeWarning,
            stacklevel=3,
        )
    return left


def kl_divergence(p, q):
    """Return the mean over p of log p - log q, of each distribution in the batch.

    Raises
    ------
    NotImplementedError
        When no formula is registered for the two classes.

    Examples
    --------
    >>> from retrograd.distributions import Normal
    >>> kl_divergence(Normal(1.0, 1.0), Normal(0.0, 1.0))
    tensor(0.5000)
    """
    kinds = type(p), type(q)
    function = _found.get(kinds)
    if function is None:
        function = _found[kinds] = _nearest(*kinds)
    if function is NotImplemented:
        raise NotImplementedError(
            f"No KL(p || q) is implemented for p type {type(p).__name__} and q type "
            f"{type(q).__name__}"
        )
    return function(p, q)


# -- two of a kind -------------------------------------------------------------------------------


@register_kl(Bernoulli, Bernoulli)
def _bernoulli(p, q):
    first = p.probs * (softplus(-q.logits) - softplus(-p.logits))
    first = _replaced(first, q.probs == 0, math.inf)
    first = _replaced(first, p.probs == 0, 0.0)
    second = (1 - p.probs) * (softplus(q.logits) - softplus(p.logits))
    second = _replaced(second, q.probs == 1, math.inf)
    second = _replaced(second, p.probs == 1, 0.0)
    return first + second


def _replaced(value, where, by):
    return functions["where"](where, by, value)


@register_kl(Beta, Beta)
def _beta(p, q):
    p_sum, q_sum = p.concentration1 + p.concentration0, q.concentration1 + q.concentration0
    return (
        q.concentration1.lgamma()
        + q.concentration0.lgamma()
        + p_sum.lgamma()
        - (p.concentration1.lgamma() + p.concentration0.lgamma() + q_sum.lgamma())
        + (p.concentration1 - q.concentration1) * p.concentration1.digamma()
        + (p.concentration0 - q.concentration0) * p.concentration0.digamma()
        + (q_sum - p_sum) * p_sum.digamma()
    )


@register_kl(Binomial, Binomial)
def _binomial(p, q):
    if (p.total_count < q.total_count).any():
        raise NotImplementedError(
            "KL between Binomials where q.total_count > p.total_count is not implemented"
        )
    divergence = p.total_count * (
        p.probs * (p.logits - q.logits) + (-p.probs).log1p() - (-q.probs).log1p()
    )
    return _replaced(divergence, p.total_count > q.total_count, math.inf)


@register_kl(Categorical, Categorical)
def _categorical(p, q):
    terms = p.probs * (p.logits - q.logits)
    terms = _replaced(terms, (q.probs == 0).expand_as(terms), math.inf)
    return _replaced(terms, (p.probs == 0).expand_as(terms), 0.0).sum(-1)


@register_kl(Cauchy, Cauchy)
def _cauchy(p, q):
    # Chyzak and Nielsen (2019).
    top = (p.scale + q.scale).pow(2) + (p.loc - q.loc).pow(2)
    return top.log() - (4 * p.scale * q.scale).log()


@register_kl(Dirichlet, Dirichlet)
def _dirichlet(p, q):
    p_sum, q_sum = p.concentration.sum(-1), q.concentration.sum(-1)
    own = (p.concentration.lgamma() - q.concentration.lgamma()).sum(-1)
    away = p.concentration - q.concentration
    means = p.concentration.digamma() - p_sum.digamma().unsqueeze(-1)
    return p_sum.lgamma() - q_sum.lgamma() - own + (away * means).sum(-1)


@register_kl(Exponential, Exponential)
def _exponential(p, q):
    ratio = q.rate / p.rate
    return -ratio.log() + ratio - 1


@register_kl(ExponentialFamily, ExponentialFamily)
def _exponential_family(p, q):
    # Bregman divergence of the normalisers (Nielsen and Nock 2010).
    if type(p) is not type(q):
        raise NotImplementedError(
            f"The cross KL-divergence between different exponential families cannot{' ' * 29}be "
            "computed using Bregman divergences"
        )
    from ..autograd import grad

    own = [one.detach().requires_grad_() for one in p._natural_params]
    normaliser = p._log_normalizer(*own)
    slopes = grad(normaliser.sum(), own, create_graph=True)
    result = q._log_normalizer(*q._natural_params) - normaliser
    for mine, theirs, slope in zip(own, q._natural_params, slopes, strict=True):
        result = result - sum_rightmost((theirs - mine) * slope, len(q.event_shape))
    return result


@register_kl(Gamma, Gamma)
def _gamma(p, q):
    return (
        q.concentration * (p.rate / q.rate).log()
        + q.concentration.lgamma()
        - p.concentration.lgamma()
        + (p.concentration - q.concentration) * p.concentration.digamma()
        + (q.rate - p.rate) * (p.concentration / p.rate)
    )


@register_kl(Gumbel, Gumbel)
def _gumbel(p, q):
    ratio = p.scale / q.scale
    away = (p.loc - q.loc) / q.scale
    shifted = ((1 + ratio).lgamma() - away).exp()
    return euler_constant * (ratio - 1) - ratio.log() + shifted - 1 + away


@register_kl(Geometric, Geometric)
def _geometric(p, q):
    return -p.entropy() - (-q.probs).log1p() / p.probs - q.logits


@register_kl(HalfNormal, HalfNormal)
def _half_normal(p, q):
    return _normal(p.base_dist, q.base_dist)


@register_kl(Laplace, Laplace)
def _laplace(p, q):
    ratio = p.scale / q.scale
    away = (p.loc - q.loc).abs()
    return -ratio.log() + away / q.scale + ratio * (-away / p.scale).exp() - 1


@register_kl(MultivariateNormal, MultivariateNormal)
def _multivariate_normal(p, q):
    if p.event_shape != q.event_shape:
        raise ValueError(
            f"KL-divergence between two Multivariate Normals with{' ' * 26}different event shapes "
            "cannot be computed"
        )
    p_factor, q_factor = p._unbroadcasted_scale_tril, q._unbroadcasted_scale_tril
    batch = functions["broadcast_shapes"](q_factor.shape[:-2], p_factor.shape[:-2])
    size = p.event_shape[0]
    solved = functions["linalg.solve_triangular"](
        q_factor.expand((*batch, size, size)), p_factor.expand((*batch, size, size)), upper=False
    )
    trace = solved.pow(2).sum((-2, -1))
    distance = squared_distance(q_factor, q.loc - p.loc)
    return log_diagonal(q_factor) - log_diagonal(p_factor) + 0.5 * (trace + distance - size)


@register_kl(Normal, Normal)
def _normal(p, q):
    ratio = (p.scale / q.scale).pow(2)
    distance = ((p.loc - q.loc) / q.scale).pow(2)
    return 0.5 * (ratio + distance - 1 - ratio.log())


@register_kl(OneHotCategorical, OneHotCategorical)
def _one_hot(p, q):
    return _categorical(p._categorical, q._categorical)


@register_kl(Poisson, Poisson)
def _poisson(p, q):
    return p.rate * (p.rate.log() - q.rate.log()) - (p.rate - q.rate)


@register_kl(TransformedDistribution, TransformedDistribution)
def _transformed(p, q):
    if p.transforms != q.transforms or p.event_shape != q.event_shape:
        raise NotImplementedError
    return kl_divergence(p.base_dist, q.base_dist)


@register_kl(Uniform, Uniform)
def _uniform(p, q):
    result = ((q.high - q.low) / (p.high - p.low)).log()
    return _replaced(result, (q.low > p.low) | (q.high < p.high), math.inf)


@register_kl(Independent, Independent)
def _independent(p, q):
    if p.reinterpreted_batch_ndims != q.reinterpreted_batch_ndims:
        raise NotImplementedError
    return sum_rightmost(kl_divergence(p.base_dist, q.base_dist), p.reinterpreted_batch_ndims)
