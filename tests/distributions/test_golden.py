"""Samples of PyTorch 2.13 from seed 0 and their log-densities, held where it is not installed.

Made with ``torch.manual_seed(0); s = made.sample((3,)); made.log_prob(s)``, in float64.
"""

from __future__ import annotations

import numpy as np
import pytest

import retrograd as torch
from retrograd import distributions as D


def t(values):
    return torch.tensor(values, dtype=torch.float64)


GOLDEN = {
    "Normal": (
        lambda: D.Normal(t(1.0), 2.0),
        [4.081992, 0.413142, -3.357579],
        [-2.79942, -1.655136, -3.985647],
    ),
    "Bernoulli": (lambda: D.Bernoulli(t(0.4)), [0, 0, 0], [-0.510826, -0.510826, -0.510826]),
    "Categorical": (
        lambda: D.Categorical(t([0.2, 0.3, 0.5])),
        [2, 2, 1],
        [-0.693147, -0.693147, -1.203973],
    ),
    "Uniform": (
        lambda: D.Uniform(t(-1.0), 1.0),
        [0.940106, 0.41564, -0.081234],
        [-0.693147, -0.693147, -0.693147],
    ),
    "Beta": (
        lambda: D.Beta(t(2.0), 0.5),
        [0.998791, 0.944875, 0.836995],
        [3.069988, 1.104688, 0.441369],
    ),
    "Gamma": (
        lambda: D.Gamma(t(0.5), 2.0),
        [0.000395, 0.022075, 0.171638],
        [3.692138, 1.636702, 0.312116],
    ),
    "Dirichlet": (
        lambda: D.Dirichlet(t([0.5, 2.0])),
        [0.001248, 0.998752, 0.023554, 0.976446, 0.143176, 0.856824],
        [3.054042, 1.562707, 0.529637],
    ),
    "Exponential": (
        lambda: D.Exponential(t(2.0)),
        [1.754163, 0.615192, 0.307522],
        [-2.815179, -0.537238, 0.078103],
    ),
    "Laplace": (
        lambda: D.Laplace(t(0.0), 1.0),
        [2.815179, 0.537238, -0.084724],
        [-3.508326, -1.230385, -0.777871],
    ),
    "MultivariateNormal": (
        lambda: D.MultivariateNormal(t([0.0, 1.0]), t([[2.0, 0.5], [0.5, 1.0]])),
        [2.179298, 1.270347, -3.081273, 0.7614, -1.533746, -0.691703],
        [-3.34807, -4.652804, -3.683814],
    ),
    "Poisson": (lambda: D.Poisson(t(3.0)), [6, 3, 2], [-2.987577, -1.495923, -1.495923]),
    "StudentT": (
        lambda: D.StudentT(t(4.0)),
        [1.374607, -0.302455, -3.08137],
        [-1.94804, -1.03736, -4.020863],
    ),
}


@pytest.mark.parametrize("name", GOLDEN)
def test_golden(name):
    make, samples, log_probs = GOLDEN[name]
    torch.manual_seed(0)
    made = make()
    drawn = made.sample((3,))
    np.testing.assert_allclose(drawn.numpy().ravel(), samples, atol=1e-6)
    np.testing.assert_allclose(made.log_prob(drawn).numpy(), log_probs, atol=1e-6)
