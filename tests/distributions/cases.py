"""Distributions with parameters, made in either library.

A case is ``make(p, D)``: `p` makes a parameter of the case's dtype that requires grad, `D` is
the library's ``distributions``.
"""

from __future__ import annotations

CASES = {
    "Normal": lambda p, D: D.Normal(p([0.5, -1.0, 2.0]), p([1.0, 0.3, 2.0])),
    "Normal_broadcast": lambda p, D: D.Normal(p([[0.5], [-1.0]]), p([1.0, 0.3])),
    "Normal_numbers": lambda p, D: D.Normal(1, 2.5),
    "Normal_mixed": lambda p, D: D.Normal(0.0, p([1.0, 2.0])),
    "Normal_0d": lambda p, D: D.Normal(p(0.5), p(2.0)),
    "LogNormal": lambda p, D: D.LogNormal(p([0.5, -1.0]), p([1.0, 0.3])),
    "HalfNormal": lambda p, D: D.HalfNormal(p([0.5, 2.0])),
    "HalfCauchy": lambda p, D: D.HalfCauchy(p([0.5, 2.0])),
    "Bernoulli": lambda p, D: D.Bernoulli(p([0.2, 0.5, 0.9])),
    "Bernoulli_logits": lambda p, D: D.Bernoulli(logits=p([[0.2], [-3.0]])),
    "Bernoulli_number": lambda p, D: D.Bernoulli(0.25),
    "ContinuousBernoulli": lambda p, D: D.ContinuousBernoulli(p([0.2, 0.5, 0.4995, 0.9])),
    "ContinuousBernoulli_logits": lambda p, D: D.ContinuousBernoulli(logits=p([1.2, -3.0])),
    "Categorical": lambda p, D: D.Categorical(p([0.2, 0.5, 0.9])),
    "Categorical_batch": lambda p, D: D.Categorical(p([[0.2, 0.5, 0.3], [1.0, 2.0, 0.0]])),
    "Categorical_logits": lambda p, D: D.Categorical(logits=p([[0.2, 0.5], [1.0, -2.0]])),
    "OneHotCategorical": lambda p, D: D.OneHotCategorical(p([[0.2, 0.5, 0.3], [1.0, 2.0, 3.0]])),
    "OneHotCategorical_logits": lambda p, D: D.OneHotCategorical(logits=p([0.2, 0.5, 0.3])),
    "OneHotCategoricalStraightThrough": lambda p, D: D.OneHotCategoricalStraightThrough(
        logits=p([0.2, 0.5, 0.3])
    ),
    "Uniform": lambda p, D: D.Uniform(p([0.5, -1.0]), p([1.0, 3.0])),
    "Uniform_numbers": lambda p, D: D.Uniform(-1, 1),
    "Beta": lambda p, D: D.Beta(p([0.5, 2.0, 5.0]), p([0.7, 1.0, 3.0])),
    "Beta_numbers": lambda p, D: D.Beta(2.0, 3),
    "Gamma": lambda p, D: D.Gamma(p([0.3, 1.0, 5.0, 40.0]), p([1.0, 0.5, 2.0, 3.0])),
    "Gamma_numbers": lambda p, D: D.Gamma(2, 3.0),
    "Chi2": lambda p, D: D.Chi2(p([0.3, 1.0, 5.0])),
    "InverseGamma": lambda p, D: D.InverseGamma(p([0.3, 1.5, 5.0]), p([1.0, 0.5, 2.0])),
    "Dirichlet": lambda p, D: D.Dirichlet(p([0.5, 2.0, 5.0])),
    "Dirichlet_batch": lambda p, D: D.Dirichlet(p([[0.5, 2.0], [5.0, 0.1]])),
    "Exponential": lambda p, D: D.Exponential(p([0.5, 2.0])),
    "Exponential_number": lambda p, D: D.Exponential(2),
    "Laplace": lambda p, D: D.Laplace(p([0.5, -1.0]), p([1.0, 0.3])),
    "Cauchy": lambda p, D: D.Cauchy(p([0.5, -1.0]), p([1.0, 0.3])),
    "Gumbel": lambda p, D: D.Gumbel(p([0.5, -1.0]), p([1.0, 0.3])),
    "Gumbel_numbers": lambda p, D: D.Gumbel(0.0, 1.0),
    "StudentT": lambda p, D: D.StudentT(p([0.5, 1.5, 4.0]), p([0.0, 1.0, 2.0]), p([1.0, 2.0, 3.0])),
    "StudentT_number": lambda p, D: D.StudentT(4.0),
    "FisherSnedecor": lambda p, D: D.FisherSnedecor(p([3.0, 5.0]), p([2.0, 9.0])),
    "Weibull": lambda p, D: D.Weibull(p([1.0, 2.0]), p([0.7, 3.0])),
    "Pareto": lambda p, D: D.Pareto(p([1.0, 2.0]), p([0.7, 3.0])),
    "Kumaraswamy": lambda p, D: D.Kumaraswamy(p([1.5, 2.0]), p([0.7, 3.0])),
    "LogisticNormal": lambda p, D: D.LogisticNormal(p([0.5, -1.0]), p([1.0, 0.3])),
    "Poisson": lambda p, D: D.Poisson(p([0.5, 2.0, 30.0])),
    "Geometric": lambda p, D: D.Geometric(p([0.2, 0.7])),
    "Geometric_logits": lambda p, D: D.Geometric(logits=p([0.2, -1.7])),
    "Binomial": lambda p, D: D.Binomial(10, p([0.2, 0.7])),
    "Binomial_logits": lambda p, D: D.Binomial(20, logits=p([0.2, -1.7])),
    "NegativeBinomial": lambda p, D: D.NegativeBinomial(p([3.0, 1.5]), p([0.2, 0.7])),
    "Multinomial": lambda p, D: D.Multinomial(6, p([0.2, 0.5, 0.3])),
    "Multinomial_batch": lambda p, D: D.Multinomial(6, logits=p([[0.2, 0.5], [0.3, 0.0]])),
    "MultivariateNormal": lambda p, D: D.MultivariateNormal(
        p([0.5, -1.0]), p([[2.0, 0.5], [0.5, 1.0]])
    ),
    "MultivariateNormal_precision": lambda p, D: D.MultivariateNormal(
        p([0.5, -1.0]), precision_matrix=p([[2.0, 0.5], [0.5, 1.0]])
    ),
    "MultivariateNormal_tril": lambda p, D: D.MultivariateNormal(
        p([[0.5, -1.0], [1.0, 2.0], [3.0, 4.0]]), scale_tril=p([[2.0, 0.0], [0.5, 1.0]])
    ),
    "MultivariateNormal_batch": lambda p, D: D.MultivariateNormal(
        p([0.5, -1.0]), p([[[2.0, 0.5], [0.5, 1.0]], [[1.0, 0.0], [0.0, 3.0]]])
    ),
    "LowRankMultivariateNormal": lambda p, D: D.LowRankMultivariateNormal(
        p([0.5, -1.0, 2.0]), p([[1.0], [0.3], [-0.5]]), p([1.0, 0.3, 2.0])
    ),
    "LowRankMultivariateNormal_batch": lambda p, D: D.LowRankMultivariateNormal(
        p([[0.5, -1.0], [1.0, 2.0]]), p([[1.0, 0.3], [0.2, -0.5]]), p([[1.0, 0.3], [2.0, 1.0]])
    ),
    "Independent": lambda p, D: D.Independent(D.Normal(p([[0.5, 1.0]]), p([[1.0], [0.3]])), 1),
    "Independent_two": lambda p, D: D.Independent(D.Bernoulli(p([[0.5, 0.1], [0.2, 0.3]])), 2),
    "Independent_none": lambda p, D: D.Independent(D.Bernoulli(p([0.5, 0.1])), 0),
    "MixtureSameFamily": lambda p, D: D.MixtureSameFamily(
        D.Categorical(p([0.2, 0.8])), D.Normal(p([0.5, -1.0]), p([1.0, 0.3]))
    ),
    "MixtureSameFamily_vectors": lambda p, D: D.MixtureSameFamily(
        D.Categorical(p([[0.2, 0.8], [0.5, 0.5]])),
        D.Independent(
            D.Normal(p([[0.5, -1.0, 2.0], [1.0, 2.0, 3.0]]), p([1.0, 0.3, 2.0])), 1
        ).expand((2, 2)),
    ),
    "RelaxedBernoulli": lambda p, D: D.RelaxedBernoulli(p(0.7), p([0.2, 0.6])),
    "RelaxedBernoulli_logits": lambda p, D: D.RelaxedBernoulli(p([0.7]), logits=p([0.2, 0.6])),
    "RelaxedOneHotCategorical": lambda p, D: D.RelaxedOneHotCategorical(
        p(0.7), p([[0.2, 0.6], [1.0, 2.0]])
    ),
    "TransformedDistribution": lambda p, D: D.TransformedDistribution(
        D.Normal(p([0.5, -1.0]), p([1.0, 0.3])),
        [D.AffineTransform(p([1.0, 2.0]), p([-2.0, 0.5])), D.TanhTransform(cache_size=1)],
    ),
    "TransformedDistribution_logistic": lambda p, D: D.TransformedDistribution(
        D.Uniform(p(0.0).detach(), p(1.0).detach()),
        [D.SigmoidTransform().inv, D.AffineTransform(p([1.0, 2.0]), p([2.0, 0.5]))],
    ),
    "TransformedDistribution_sticks": lambda p, D: D.TransformedDistribution(
        D.Normal(p([[0.5, -1.0], [0.0, 2.0]]), p([1.0, 0.3])), D.StickBreakingTransform()
    ),
    "TransformedDistribution_vector": lambda p, D: D.TransformedDistribution(
        D.Independent(D.Exponential(p([1.0, 0.3])), 1), [D.PowerTransform(p(2.0))]
    ),
    "TransformedDistribution_nothing": lambda p, D: D.TransformedDistribution(
        D.Normal(p([0.5, -1.0]), p([1.0, 0.3])), []
    ),
}
