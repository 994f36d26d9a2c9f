"""Divergences between distributions of different kinds.

The divergence of p from q is minus p's entropy minus the mean of log q over p. For most q that
mean needs a moment or two of p: the mean and variance, the mean of log x, or that of exp(-x/s).
"""

from __future__ import annotations

import functools
import math

from .._core.public import functions
from ..creation import full_like
from . import lowrank_multivariate_normal as low_rank
from .bernoulli import Bernoulli
from .beta import Beta
from .binomial import Binomial
from .continuous_bernoulli import ContinuousBernoulli
from .exponential import Exponential
from .gamma import Gamma
from .gumbel import Gumbel
from .kl import register_kl
from .laplace import Laplace
from .lowrank_multivariate_normal import LowRankMultivariateNormal
from .multivariate_normal import MultivariateNormal, log_diagonal, squared_distance
from .normal import Normal
from .pareto import Pareto
from .poisson import Poisson
from .uniform import Uniform
from .utils import euler_constant


def _infinite_where(where, value):
    return functions["where"](where, math.inf, value)


# -- infinite: p has values where q has none -----------------------------------------------------

# Of each kind of p, the parameter that gives the result its shape, and the kinds of q.
_HALF_LINE = (Uniform, Pareto, ContinuousBernoulli, Beta)
_LINE = (*_HALF_LINE, Gamma, Exponential)
_INFINITE = {
    Beta: ("concentration1", (Pareto,)),
    ContinuousBernoulli: ("probs", (Pareto,)),
    Exponential: ("rate", _HALF_LINE),
    Gamma: ("concentration", _HALF_LINE),
    Gumbel: ("loc", _LINE),
    Laplace: ("loc", _LINE),
    Normal: ("loc", _LINE),
    Pareto: ("scale", (Uniform, ContinuousBernoulli, Beta)),
    Poisson: ("rate", (Bernoulli, Binomial)),
}


def _infinite(name, p, q):
    return full_like(getattr(p, name), math.inf)


for _kind, (_name, _others) in _INFINITE.items():
    for _other in _others:
        register_kl(_kind, _other)(functools.partial(_infinite, _name))


# -- two of a kind whose files stand above `kl` --------------------------------------------------


@register_kl(ContinuousBernoulli, ContinuousBernoulli)
def _continuous_bernoulli(p, q):
    own = p._log_normaliser() + (-p.probs).log1p()
    other = q._log_normaliser() + (-q.probs).log1p()
    return p.mean * (p.logits - q.logits) + own - other


@register_kl(Pareto, Pareto)
def _pareto(p, q):
    ratio = q.alpha / p.alpha
    result = q.alpha * (p.scale / q.scale).log() - ratio.log() + ratio - 1
    return _infinite_where(p.scale < q.scale, result)


# -- from anything with a mean and a variance to a normal distribution ---------------------------


@register_kl(Beta, Normal)
@register_kl(ContinuousBernoulli, Normal)
@register_kl(Exponential, Normal)
@register_kl(Gamma, Normal)
@register_kl(Gumbel, Normal)
@register_kl(Laplace, Normal)
@register_kl(Pareto, Normal)
@register_kl(Uniform, Normal)
def _to_normal(p, q):
    square = q.scale.pow(2)
    spread = (p.variance + (p.mean - q.loc).pow(2)) / square
    return -p.entropy() + 0.5 * (2 * math.pi * square).log() + 0.5 * spread


# -- to distributions of positive numbers --------------------------------------------------------


@register_kl(Beta, Exponential)
@register_kl(ContinuousBernoulli, Exponential)
@register_kl(Gamma, Exponential)
@register_kl(Pareto, Exponential)
def _to_exponential(p, q):
    return -p.entropy() - q.rate.log() + q.rate * p.mean


@register_kl(Uniform, Exponential)
def _uniform_to_exponential(p, q):
    return _infinite_where(p.low < 0, _to_exponential(p, q))


def _mean_of_log(p):
    """Return the mean of log x."""
    if isinstance(p, Beta):
        return p.concentration1.digamma() - (p.concentration1 + p.concentration0).digamma()
    if isinstance(p, Exponential):
        return -euler_constant - p.rate.log()
    if isinstance(p, Pareto):
        return p.scale.log() + p.alpha.reciprocal()
    return _mean_of_uniform_log(p.low, p.high)


def _mean_of_uniform_log(low, high):
    return (high.xlogy(high) - low.xlogy(low)) / (high - low) - 1


@register_kl(Beta, Gamma)
@register_kl(Exponential, Gamma)
@register_kl(Pareto, Gamma)
def _to_gamma(p, q):
    return (
        -p.entropy()
        + q.concentration.lgamma()
        - q.concentration * q.rate.log()
        - (q.concentration - 1) * _mean_of_log(p)
        + q.rate * p.mean
    )


@register_kl(Uniform, Gamma)
def _uniform_to_gamma(p, q):
    return _infinite_where(p.low < 0, _to_gamma(p, q))


@register_kl(Uniform, Pareto)
def _uniform_to_pareto(p, q):
    mean = q.alpha.log() + q.alpha * q.scale.log() - (q.alpha + 1) * _mean_of_log(p)
    return _infinite_where(p.low < q.scale, -p.entropy() - mean)


# -- to distributions of numbers between 0 and 1 -------------------------------------------------


@register_kl(Beta, Uniform)
@register_kl(ContinuousBernoulli, Uniform)
def _unit_to_uniform(p, q):
    result = -p.entropy() + (q.high - q.low).log()
    return _infinite_where((q.low > 0) | (q.high < 1), result)


@register_kl(Uniform, Beta)
def _uniform_to_beta(p, q):
    a, b = q.concentration1, q.concentration0
    mean = (a - 1) * _mean_of_log(p) + (b - 1) * _mean_of_uniform_log(1 - p.high, 1 - p.low)
    normaliser = (a + b).lgamma() - a.lgamma() - b.lgamma()
    outside = (p.low < 0) | (p.high > 1)
    return _infinite_where(outside, -p.entropy() - mean - normaliser)


@register_kl(Beta, ContinuousBernoulli)
def _to_continuous_bernoulli(p, q):
    return -p.entropy() - p.mean * q.logits - (-q.probs).log1p() - q._log_normaliser()


@register_kl(Uniform, ContinuousBernoulli)
def _uniform_to_continuous_bernoulli(p, q):
    # At the very bounds too, as in PyTorch.
    return _infinite_where((p.high >= 1) | (p.low <= 0), _to_continuous_bernoulli(p, q))


# -- to a Gumbel distribution --------------------------------------------------------------------


def _to_gumbel(p, q, mean_of_exp):
    """`mean_of_exp` is that of exp(-x / s) for the scale s of q."""
    away = (p.mean - q.loc) / q.scale
    return -p.entropy() + q.scale.log() + away + (q.loc / q.scale).exp() * mean_of_exp


@register_kl(Exponential, Gumbel)
def _exponential_to_gumbel(p, q):
    product = p.rate * q.scale
    return _to_gumbel(p, q, product / (product + 1))


@register_kl(Gamma, Gumbel)
def _gamma_to_gumbel(p, q):
    return _to_gumbel(p, q, (1 + 1 / (p.rate * q.scale)).pow(-p.concentration))


@register_kl(Normal, Gumbel)
def _normal_to_gumbel(p, q):
    return _to_gumbel(p, q, (-p.loc / q.scale + 0.5 * (p.scale / q.scale).pow(2)).exp())


@register_kl(Uniform, Gumbel)
def _uniform_to_gumbel(p, q):
    width = (p.high - p.low) / q.scale
    return _to_gumbel(p, q, ((-p.low / q.scale).exp() - (-p.high / q.scale).exp()) / width)


# -- normal vectors ------------------------------------------------------------------------------


def _check_events(p, q):
    if p.event_shape != q.event_shape:
        raise ValueError(
            f"KL-divergence between two (Low Rank) Multivariate Normals with{' ' * 26}different "
            "event shapes cannot be computed"
        )


def _log_determinant(made):
    if isinstance(made, MultivariateNormal):
        return 2 * log_diagonal(made._unbroadcasted_scale_tril)
    return low_rank.log_determinant(
        made._unbroadcasted_cov_factor, made._unbroadcasted_cov_diag, made._capacitance_tril
    )


def _normal_vectors(p, q):
    """(log det Q - log det P + distance of the means in Q + trace of Q^-1 P - n) / 2."""
    _check_events(p, q)
    away = q.loc - p.loc
    if isinstance(q, MultivariateNormal):
        distance = squared_distance(q._unbroadcasted_scale_tril, away)
    else:
        distance = low_rank.squared_distance(
            q._unbroadcasted_cov_factor, q._unbroadcasted_cov_diag, away, q._capacitance_tril
        )
    trace = (q.precision_matrix * p.covariance_matrix).sum((-2, -1))
    log_ratio = _log_determinant(q) - _log_determinant(p)
    return 0.5 * (log_ratio + distance + trace - p.event_shape[0])


register_kl(LowRankMultivariateNormal, LowRankMultivariateNormal)(_normal_vectors)
register_kl(MultivariateNormal, LowRankMultivariateNormal)(_normal_vectors)
register_kl(LowRankMultivariateNormal, MultivariateNormal)(_normal_vectors)


# -- single pairs --------------------------------------------------------------------------------


@register_kl(Normal, Laplace)
def _normal_to_laplace(p, q):
    away = p.loc - q.loc
    ratio = away / p.scale
    mean = (
        math.sqrt(2 / math.pi) * p.scale * (-0.5 * ratio.pow(2)).exp()
        + away * (math.sqrt(0.5) * ratio).erf()
    )
    return -p.entropy() + (2 * q.scale).log() + mean / q.scale


@register_kl(Bernoulli, Poisson)
def _bernoulli_to_poisson(p, q):
    return -p.entropy() - (p.probs * q.rate.log() - q.rate)
