"""Pathwise derivatives against finite differences of the quantiles, without PyTorch."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.special

import retrograd as torch
from retrograd.ops.pathwise import dirichlet_path, dirichlet_slope, gamma_path, gamma_slope

PROBABILITIES = np.array([1e-6, 1e-3, 0.1, 0.4, 0.6, 0.9, 0.999, 1 - 1e-6])


def difference(quantile, a):
    """Return x and dx/da of a quantile x(a), by central differences of ln x of fourth order."""
    step = 1e-3 * a

    def log(shift):
        return np.log(quantile(a + shift * step))

    x = quantile(a)
    return x, x * (8 * (log(1) - log(-1)) - (log(2) - log(-2))) / (12 * step)


@pytest.mark.parametrize("a", [0.05, 0.3, 0.99, 1.0, 1.7, 5.0, 30.0, 300.0, 1e4])
def test_gamma_slope(a):
    x, wanted = difference(lambda a: scipy.special.gammaincinv(a, PROBABILITIES), a)
    np.testing.assert_allclose(gamma_slope(x, np.full(x.shape, a)), wanted, rtol=1e-7)


@pytest.mark.parametrize("a", [0.05, 0.3, 1.0, 5.0, 200.0])
@pytest.mark.parametrize("b", [0.05, 0.3, 1.0, 5.0, 200.0])
def test_beta_slope(a, b):
    x, wanted = difference(lambda a: scipy.special.betaincinv(a, b, PROBABILITIES), a)
    # Where 1 - x has lost its digits, so have the quantiles.
    clear = x < 1 - 1e-6
    slopes = dirichlet_slope(x, np.full(x.shape, a), np.full(x.shape, a + b)) * (1 - x)
    np.testing.assert_allclose(slopes[clear], wanted[clear], rtol=1e-6)


def test_known_slopes():
    # Exponential numbers: F = 1 - e^-x at a = 1. For a = 1, b = 1 beta numbers are uniform, and
    # dx/da = -x ln x at b = 1, where F = x^a.
    x = np.array([0.1, 0.5, 0.9])
    np.testing.assert_allclose(dirichlet_slope(x, 1.0, 2.0) * (1 - x), -x * np.log(x), rtol=1e-10)
    np.testing.assert_allclose(
        dirichlet_slope(x, 3.0, 4.0) * (1 - x), -x * np.log(x) / 3, rtol=1e-10
    )


def test_dtypes_and_shapes():
    for dtype in (np.float32, np.float64):
        found = gamma_slope(np.ones((2, 3), dtype), np.ones(3, dtype))
        assert found.dtype == dtype
        assert found.shape == (2, 3)
    assert gamma_slope(np.ones((0, 3)), np.ones(3)).shape == (0, 3)
    many = gamma_slope(np.linspace(0.1, 9, 2000), np.ones(2000))
    np.testing.assert_allclose(
        many[:3], gamma_slope(np.linspace(0.1, 9, 2000)[:3], np.ones(3)), rtol=1e-14
    )


def test_gradients_are_the_slopes():
    a = torch.tensor([0.5, 2.0, 3.0], dtype=torch.float64, requires_grad=True)
    drawn = np.array([0.3, 1.0, 9.0])
    made = gamma_path(a, drawn)
    assert made.tolist() == drawn.tolist()
    assert made.grad_fn.name() == "StandardGammaBackward0"
    (found,) = torch.autograd.grad((made * torch.tensor([1.0, 2.0, 3.0])).sum(), a)
    np.testing.assert_allclose(found.numpy(), [1, 2, 3] * gamma_slope(drawn, a.detach().numpy()))


def test_dirichlet_shares_stay_shares():
    a = torch.tensor([0.5, 2.0, 3.0], dtype=torch.float64, requires_grad=True)
    shares = dirichlet_path(a, np.array([0.1, 0.3, 0.6]))
    (found,) = torch.autograd.grad(shares.sum(), a)
    np.testing.assert_allclose(found.numpy(), 0, atol=1e-12)


def test_second_derivatives_are_refused():
    a = torch.tensor([0.5, 2.0], dtype=torch.float64, requires_grad=True)
    for made, words in (
        (gamma_path(a, np.array([0.3, 1.0])), "_standard_gamma_grad"),
        (dirichlet_path(a, np.array([0.3, 0.7])), "differentiate twice"),
    ):
        (first,) = torch.autograd.grad((made * made).sum(), a, create_graph=True)
        with pytest.raises((NotImplementedError, RuntimeError), match=words):
            first.sum().backward()
