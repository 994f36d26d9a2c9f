"""Divergences against PyTorch's, and against the mean over samples."""

from __future__ import annotations

import math

import pytest

import retrograd
from retrograd.distributions import (
    Distribution,
    Independent,
    LogNormal,
    Normal,
    kl_divergence,
    register_kl,
)

from ..nn.parity import check_parity, compare, plain
from .cases import CASES

# One batch shape, so that any two meet: all pairs are tried.
NUMBERS = {
    "Normal": lambda p, D: D.Normal(p([0.5, -1.0]), p([1.0, 0.3])),
    "LogNormal": lambda p, D: D.LogNormal(p([0.5, -1.0]), p([1.0, 0.3])),
    "HalfNormal": lambda p, D: D.HalfNormal(p([0.5, 2.0])),
    "Bernoulli": lambda p, D: D.Bernoulli(p([0.2, 0.9])),
    "ContinuousBernoulli": lambda p, D: D.ContinuousBernoulli(p([0.2, 0.9])),
    "Uniform": lambda p, D: D.Uniform(p([0.5, -1.0]), p([1.0, 3.0])),
    "Beta": lambda p, D: D.Beta(p([0.5, 5.0]), p([0.7, 3.0])),
    "Gamma": lambda p, D: D.Gamma(p([0.3, 5.0]), p([1.0, 2.0])),
    "Chi2": lambda p, D: D.Chi2(p([0.3, 5.0])),
    "Exponential": lambda p, D: D.Exponential(p([0.5, 2.0])),
    "Laplace": lambda p, D: D.Laplace(p([0.5, -1.0]), p([1.0, 0.3])),
    "Cauchy": lambda p, D: D.Cauchy(p([0.5, -1.0]), p([1.0, 0.3])),
    "Gumbel": lambda p, D: D.Gumbel(p([0.5, -1.0]), p([1.0, 0.3])),
    "Poisson": lambda p, D: D.Poisson(p([0.5, 2.0])),
    "Geometric": lambda p, D: D.Geometric(p([0.2, 0.7])),
    "Binomial": lambda p, D: D.Binomial(10, p([0.2, 0.7])),
    "Pareto": lambda p, D: D.Pareto(p([1.0, 2.0]), p([2.5, 3.0])),
    "Categorical": lambda p, D: D.Categorical(p([[0.2, 0.5], [0.3, 0.1]])),
}
VECTORS = {
    name: CASES[name]
    for name in (
        "MultivariateNormal",
        "MultivariateNormal_precision",
        "MultivariateNormal_batch",
        "Dirichlet_batch",
        "OneHotCategorical_logits",
        "RelaxedOneHotCategorical",
    )
}


def low_rank(p, D, size=1.0):
    return D.LowRankMultivariateNormal(p([0.5, -1.0]), p([[size], [0.3]]), p([size, 0.3]))


def matrix(p):
    return p([[2.0, 0.5], [0.5, 1.0]])


def others():
    """Pairs of distributions that `CASES` has not: other values, bounds met and crossed."""
    return {
        "normal": lambda p, D: (D.Normal(p([0.0, 1.0]), 1.0), D.Normal(0.5, p([[2.0], [3.0]]))),
        "bernoulli_sure": lambda p, D: (
            D.Bernoulli(p([0.0, 1.0, 0.5, 0.0, 1.0])), D.Bernoulli(p([0.5, 1.0, 1.0, 1.0, 0.0])),
        ),
        "categorical_sure": lambda p, D: (
            D.Categorical(p([[0.0, 1.0], [0.5, 0.5]])), D.Categorical(p([[0.5, 0.5], [0.0, 1.0]])),
        ),
        "uniform_in": lambda p, D: (D.Uniform(p(0.2), p(0.7)), D.Uniform(p(0.0), p(1.0))),
        "uniform_in_beta": lambda p, D: (D.Uniform(p(0.2), p(0.7)), D.Beta(p(2.0), p(3.0))),
        "uniform_in_continuous_bernoulli": lambda p, D: (
            D.Uniform(p(0.2), p(0.7)), D.ContinuousBernoulli(p(0.3)),
        ),
        "uniform_in_gamma": lambda p, D: (D.Uniform(p(0.2), p(0.7)), D.Gamma(p(2.0), p(3.0))),
        "uniform_in_exponential": lambda p, D: (D.Uniform(p(0.2), p(0.7)), D.Exponential(p(2.0))),
        "uniform_in_pareto": lambda p, D: (D.Uniform(p(0.2), p(0.7)), D.Pareto(p(0.1), p(3.0))),
        "beta_in_uniform": lambda p, D: (D.Beta(p(2.0), p(3.0)), D.Uniform(p(-1.0), p(2.0))),
        "pareto_finite": lambda p, D: (D.Pareto(p(2.0), p(3.0)), D.Pareto(p(1.0), p(2.0))),
        "pareto_to_normal": lambda p, D: (D.Pareto(p(2.0), p(3.0)), D.Normal(p(1.0), p(2.0))),
        "independent": lambda p, D: (
            D.Independent(D.Normal(p([0.5, 1.0]), 1.0), 1),
            D.Independent(D.Normal(0.0, p([2.0, 3.0])), 1),
        ),
        "independent_differ": lambda p, D: (
            D.Independent(D.Normal(p([0.5]), 1.0), 1), D.Independent(D.Normal(p([0.5]), 1.0), 0),
        ),
        "transformed": lambda p, D: (
            D.TransformedDistribution(D.Normal(p([0.5]), 1.0), D.AffineTransform(1.0, 2.0)),
            D.TransformedDistribution(D.Normal(p([0.2]), 1.0), D.AffineTransform(1.0, 2.0)),
        ),
        "transformed_differ": lambda p, D: (
            D.TransformedDistribution(D.Normal(p([0.5]), 1.0), D.AffineTransform(1.0, 2.0)),
            D.TransformedDistribution(D.Normal(p([0.2]), 1.0), D.AffineTransform(1.0, 3.0)),
        ),
        "low_rank": lambda p, D: (low_rank(p, D), low_rank(p, D, 2.0)),
        "low_rank_p": lambda p, D: (low_rank(p, D), D.MultivariateNormal(p([0.5, 1.0]), matrix(p))),
        "low_rank_q": lambda p, D: (D.MultivariateNormal(p([0.5, 1.0]), matrix(p)), low_rank(p, D)),
        "low_rank_differ": lambda p, D: (
            low_rank(p, D),
            D.MultivariateNormal(p([0.5]), p([[1.0]])),
        ),
        "vectors_differ": lambda p, D: (
            D.MultivariateNormal(p([0.5]), p([[1.0]])),
            D.MultivariateNormal(p([0.5, 1.0]), p([[1.0, 0.0], [0.0, 1.0]])),
        ),
        "binomial_fewer": lambda p, D: (D.Binomial(2, p([0.5])), D.Binomial(3, p([0.5]))),
        "binomial_more": lambda p, D: (D.Binomial(3, p([0.5])), D.Binomial(2, p([0.5]))),
    }  # fmt: skip


OTHERS = others()


def divergence(library, make):
    """Return a divergence and its gradients, or what it raises."""
    leaves = []

    def parameter(values):
        leaves.append(library.tensor(values, dtype=library.float64, requires_grad=True))
        return leaves[-1]

    p, q = make(parameter, library.distributions)
    try:
        result = library.distributions.kl_divergence(p, q)
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    seen = [result.detach()]
    if result.requires_grad and result.isfinite().all():
        found = library.autograd.grad(result.sum(), leaves, allow_unused=True)
        seen += [None if one is None else one.detach() for one in found]
    return plain(seen, library)


def check(make):
    torch = pytest.importorskip("torch")
    compare(divergence(retrograd, make), divergence(torch, make), 1e-8)


@pytest.mark.parametrize("first", [*NUMBERS, *VECTORS])
def test_pairs(first):
    table = NUMBERS if first in NUMBERS else VECTORS
    for other in table.values():
        check(lambda p, D, other=other: (table[first](p, D), other(p, D)))


@pytest.mark.parametrize("name", OTHERS)
def test_single_pairs(name):
    check(OTHERS[name])


def test_missing_and_registered():
    class Mine(Normal):
        pass

    assert kl_divergence(Mine(0.0, 1.0), Normal(0.0, 1.0)).item() == 0.0

    @register_kl(Mine, Distribution)
    def _mine(p, q):
        return "mine"

    assert kl_divergence(Mine(0.0, 1.0), LogNormal(1.0, 1.0)) == "mine"
    with pytest.warns(RuntimeWarning, match=r"Ambiguous kl_divergence\(Mine, Normal\)"):
        kl_divergence(Mine(0.0, 1.0), Normal(0.0, 1.0))
    with pytest.raises(NotImplementedError, match="for p type Normal and q type LogNormal"):
        kl_divergence(Normal(0.0, 1.0), LogNormal(0.0, 1.0))
    check_parity(lambda t, nn: t.distributions.register_kl(3, 4))


def test_against_the_mean_over_samples():
    retrograd.manual_seed(0)
    p = Independent(Normal(retrograd.tensor([0.0, 1.0]), 1.0), 1)
    q = Independent(Normal(retrograd.tensor([0.5, 0.0]), 2.0), 1)
    drawn = p.sample((20000,))
    estimate = (p.log_prob(drawn) - q.log_prob(drawn)).mean().item()
    assert math.isclose(estimate, kl_divergence(p, q).item(), rel_tol=0.05)
