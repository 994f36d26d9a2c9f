"""What distributions refuse, and what belongs to none of them in particular."""

from __future__ import annotations

import importlib

import numpy as np
import pytest

import retrograd as own
from retrograd.distributions import (
    Categorical,
    Dirichlet,
    Distribution,
    Gamma,
    MultivariateNormal,
    Normal,
)

from ..nn.parity import check_parity

COMPLAINTS = {
    "scale": lambda t, D: D.Normal(0.0, -1.0),
    "scales": lambda t, D: D.Normal(t.tensor([0.0, 1.0]), t.tensor([1.0, -1.0])),
    "nan": lambda t, D: D.Normal(0.0, 1.0).log_prob(t.tensor(float("nan"))),
    "number": lambda t, D: D.Normal(0.0, 1.0).log_prob(1.0),
    "text": lambda t, D: D.Normal("a", 1.0),
    "shapes": lambda t, D: D.Normal(t.zeros(2), t.ones(3)),
    "value_shape": lambda t, D: D.Normal(t.zeros(2), 1.0).log_prob(t.zeros(3)),
    "event_shape": lambda t, D: D.Dirichlet(t.ones(2)).log_prob(t.ones(3)),
    "sample_shape": lambda t, D: D.Normal(0.0, 1.0).sample(3),
    "expand": lambda t, D: D.Normal(t.zeros(2), 1.0).expand((3,)),
    "probs": lambda t, D: D.Bernoulli(t.tensor([0.3, 1.2])),
    "nothing": lambda t, D: D.Bernoulli(),
    "both": lambda t, D: D.Bernoulli(0.3, 0.2),
    "row": lambda t, D: D.Categorical(t.tensor(0.3)),
    "row_logits": lambda t, D: D.Categorical(logits=t.tensor(0.3)),
    "negative": lambda t, D: D.Categorical(t.tensor([0.3, -0.7])),
    "class": lambda t, D: D.Categorical(t.ones(2)).log_prob(t.tensor(2)),
    "low": lambda t, D: D.Uniform(1.0, 0.0),
    "outside": lambda t, D: D.Uniform(0.0, 1.0).log_prob(t.tensor(2.0)),
    "concentration": lambda t, D: D.Dirichlet(t.tensor(1.0)),
    "beta": lambda t, D: D.Beta(-1.0, 2.0),
    "simplex": lambda t, D: D.Dirichlet(t.ones(2)).log_prob(t.tensor([0.5, 0.6])),
    "loc": lambda t, D: D.MultivariateNormal(t.tensor(0.0), t.eye(2)),
    "no_matrix": lambda t, D: D.MultivariateNormal(t.zeros(2)),
    "two_matrices": lambda t, D: D.MultivariateNormal(t.zeros(2), t.eye(2), t.eye(2)),
    "covariance": lambda t, D: D.MultivariateNormal(t.zeros(2), t.tensor([[1.0, 2], [2, 1]])),
    "covariance_row": lambda t, D: D.MultivariateNormal(t.zeros(2), t.ones(2)),
    "precision_row": lambda t, D: D.MultivariateNormal(t.zeros(2), precision_matrix=t.ones(2)),
    "tril_row": lambda t, D: D.MultivariateNormal(t.zeros(2), scale_tril=t.ones(2)),
    "factor": lambda t, D: D.LowRankMultivariateNormal(t.zeros(2), t.zeros(2), t.ones(2)),
    "factor_rows": lambda t, D: D.LowRankMultivariateNormal(t.zeros(2), t.zeros(3, 1), t.ones(2)),
    "diagonal": lambda t, D: D.LowRankMultivariateNormal(t.zeros(2), t.zeros(2, 1), t.ones(3)),
    "factor_batch": lambda t, D: D.LowRankMultivariateNormal(
        t.zeros(3, 2), t.zeros(4, 2, 1), t.ones(2)
    ),
    "vector": lambda t, D: D.MultivariateNormal(t.zeros(2), t.eye(2)).log_prob(t.zeros(3)),
    "independent": lambda t, D: D.Independent(D.Normal(0.0, 1.0), 1),
    "mixture": lambda t, D: D.MixtureSameFamily(D.Normal(0.0, 1.0), D.Normal(0.0, 1.0)),
    "mixture_number": lambda t, D: D.MixtureSameFamily(
        D.Categorical(t.ones(2)), D.Normal(t.zeros(3), 1.0)
    ),
    "mixture_component": lambda t, D: D.MixtureSameFamily(D.Categorical(t.ones(2)), 3),
    "mixture_batch": lambda t, D: D.MixtureSameFamily(
        D.Categorical(t.ones(3, 2)), D.Normal(t.zeros(4, 2), 1.0)
    ),
    "geometric": lambda t, D: D.Geometric(0.0),
    "poisson": lambda t, D: D.Poisson(-1.0),
    "binomial": lambda t, D: D.Binomial(t.tensor(-1.0), t.tensor(0.3)),
    "binomial_counts": lambda t, D: D.Binomial(t.tensor([1.0, 2.0]), t.tensor(0.3)).entropy(),
    "multinomial_count": lambda t, D: D.Multinomial(t.tensor(3), t.ones(2)),
    "default": lambda t, D: D.Distribution.set_default_validate_args(3),
    "sample_n": lambda t, D: D.Normal(0.0, 1.0).sample_n(2),
}


@pytest.mark.parametrize("name", COMPLAINTS)
def test_complaints(name):
    check_parity(lambda t, nn: COMPLAINTS[name](t, t.distributions))


def test_validation_can_be_switched_off():
    def program(t, nn):
        D = t.distributions
        seen = [D.Uniform(0.0, 1.0, validate_args=False).log_prob(t.tensor(2.0))]
        D.Distribution.set_default_validate_args(False)
        try:
            seen.append(D.Normal(0.0, -1.0))
        finally:
            D.Distribution.set_default_validate_args(True)
        return seen

    check_parity(program)


def test_a_distribution_without_constraints_warns():
    with pytest.warns(UserWarning, match="Distribution'> does not define `arg_constraints`"):
        made = Distribution()
    with pytest.raises(NotImplementedError):
        made.sample()


def test_subclasses():
    def program(t, nn):
        class Mine(t.distributions.Normal):
            def __init__(self, loc):
                super().__init__(loc, 1.0)

        class Plain(t.distributions.Normal):
            pass

        seen = [repr(Plain(t.zeros(2), 1.0).expand((3, 2)))]
        return [*seen, Mine(t.zeros(2)), Mine(t.zeros(2)).expand((3, 2))]

    check_parity(program)


def test_lazy_attributes_keep_their_gradient():
    def program(t, nn):
        logits = t.tensor([0.5, -1.0, 2.0], requires_grad=True)
        made = t.distributions.Categorical(logits=logits)
        with t.no_grad():
            made.probs  # noqa: B018 - computed here, used below
        return t.autograd.grad(made.probs[1], logits)

    check_parity(program)


def test_a_policy_gradient():
    def program(t, nn):
        net = nn.Linear(4, 3)
        made = t.distributions.Categorical(logits=net(t.randn(5, 4)))
        action = made.sample()
        loss = -(made.log_prob(action) * t.arange(5.0)).mean() - 0.1 * made.entropy().mean()
        loss.backward()
        return [action, loss, net.weight.grad, net.bias.grad]

    check_parity(program)


def test_samples_have_the_moments():
    own.manual_seed(0)
    cases = [
        Normal(1.0, 2.0),
        Gamma(3.0, 2.0),
        Dirichlet(own.tensor([1.0, 2.0, 3.0])),
        MultivariateNormal(own.tensor([1.0, -1.0]), own.tensor([[2.0, 0.5], [0.5, 1.0]])),
    ]
    for made in cases:
        drawn = made.sample((4000,)).numpy()
        spread = made.stddev.numpy() / 4000**0.5
        assert (np.abs(drawn.mean(0) - made.mean.numpy()) < 5 * spread).all()
        np.testing.assert_allclose(drawn.var(0), made.variance.numpy(), rtol=0.15)


def test_densities_sum_to_one():
    made = Categorical(own.tensor([1.0, 2.0, 5.0]))
    assert made.log_prob(made.enumerate_support()).exp().sum().item() == pytest.approx(1)
    x = own.linspace(-20, 20, 4001, dtype=own.float64)
    density = Normal(own.tensor(0.5, dtype=own.float64), 2.0).log_prob(x).exp()
    assert density.sum().item() * 0.01 == pytest.approx(1)


@pytest.mark.parametrize(
    ("module", "name"),
    [
        ("transforms", "StickBreakingTransform"),
        ("transforms", "TanhTransform"),
        ("constraint_registry", "biject_to"),
        ("kl", "register_kl"),
        ("utils", "broadcast_all"),
        ("studentT", "StudentT"),
        ("exp_family", "ExponentialFamily"),
        ("lowrank_multivariate_normal", "LowRankMultivariateNormal"),
        ("relaxed_bernoulli", "LogitRelaxedBernoulli"),
    ],
)
def test_names_are_where_programs_import_them_from(module, name):
    found = getattr(importlib.import_module(f"retrograd.distributions.{module}"), name)
    assert found.__name__ == name if hasattr(found, "__name__") else found is not None
