"""Random numbers as differentiable functions of their distribution's parameters.

A sample x of a distribution with distribution function F(x; a) moves with the parameter as

    dx/da = -(dF/da) / (dF/dx),

at a fixed quantile: the pathwise, or implicit, derivative (Figurnov, Mohamed and Mnih 2018).  The
draws themselves are made outside and handed to these operations.
"""

# Note [Integrals instead of series]
# For the gamma distribution dF/da is the integral of p(t) (ln t - digamma(a)) up to x, and, the
# whole integral being 0, minus the one from x on. The bracket changes its sign once: on the side
# of x where it does not, the integrand has one sign and nothing cancels. With t = x e^r,
#
#     dx/da = x . integral of exp(a r - x (e^r - 1)) |ln t - digamma(a)| ds,  r = s or r = -s,
#
# over s from 0 to infinity. For the beta distribution it is the same with p(t) = t^(a-1)
# (1-t)^(b-1), and the upper side in terms of 1 - t. Integrands that fall off exponentially are
# summed at s = exp(u - exp(-u)) for equidistant u (double exponential formula, Takahasi and Mori
# 1974): the error is about 1e-12 with these nodes.

from __future__ import annotations

import numpy as np

from .._core.op import op
from ._special import scipy_special

_u = np.arange(-3.6, 9.0, 0.1)
_NODES = np.exp(_u - np.exp(-_u))
_WEIGHTS = 0.1 * _NODES * (1 + np.exp(-_u))
# Of the nodes, those that gamma numbers need, whose scale is known better.
_ENOUGH = int(np.searchsorted(_u, 5.0))
del _u
# Elements treated at a time: a table of them by the nodes fits the cache.
_PIECE = 512


def _by_pieces(function, *arrays):
    """Return an elementwise function of broadcast arrays, in float64 and piece by piece."""
    arrays = np.broadcast_arrays(*arrays)
    flat = [np.ravel(one).astype(np.float64) for one in arrays]
    out = np.empty(flat[0].size)
    for start in range(0, out.size, _PIECE):
        piece = slice(start, start + _PIECE)
        out[piece] = function(*[one[piece] for one in flat])
    return out.reshape(arrays[0].shape).astype(arrays[0].dtype)


def _gamma_slopes(x, a):
    """dx/da of gamma numbers of scale 1.  float64 (n,), (n,) -> (n,)"""
    gap = np.log(x) - scipy_special().digamma(a)
    side = np.where(gap < 0, -1.0, 1.0)
    slope = np.maximum(side * (x - a), 0)
    width = 2 / (slope + np.sqrt(slope * slope + 2 * x))
    width = np.where(gap < 0, width, np.log1p(width))
    s = width[:, np.newaxis] * _NODES[:_ENOUGH]
    r = side[:, np.newaxis] * s
    # Not expm1, which takes four times as long: it would gain x roundings of the exponent.
    exponent = a[:, np.newaxis] * r - x[:, np.newaxis] * (np.exp(r) - 1)
    integrand = np.exp(exponent) * (np.abs(gap)[:, np.newaxis] + s)
    out = x * width * (integrand @ _WEIGHTS[:_ENOUGH])
    early = (x < 0.5) & (a < 1)
    if early.any():
        out[early] = _early_gamma_slopes(x[early], a[early])
    return out


def _early_gamma_slopes(x, a):
    """dx/da from the power series of F, for a < 1 and x < 1/2.  (n,), (n,) -> (n,)

    F is x^a e^-x / gamma(a + 1) times the sum of x^n / ((a + 1) ... (a + n)).  Here the upper
    integrand is flat over s up to ln(1/x) and ends abruptly; the terms have one sign.
    """
    total, moved, term, harmonic = np.ones_like(x), np.zeros_like(x), np.ones_like(x), 0.0
    for n in range(1, 15):
        term = term * x / (a + n)
        harmonic = harmonic + 1 / (a + n)
        total += term
        moved += term * harmonic
    return (x / a) * (total * (scipy_special().digamma(a + 1) - np.log(x)) + moved)


def _beta_slopes(x, a, b):
    """dx/da of beta numbers.  float64 (n,), (n,), (n,) -> (n,)"""
    digamma = scipy_special().digamma
    gap = np.log(x) - (digamma(a) - digamma(a + b))
    lower = gap < 0
    # On either side `near` is what shrinks as e^-s, with the exponent `own`, and `far` the rest.
    near, far = np.where(lower, x, 1 - x), np.where(lower, 1 - x, x)
    own, other = np.where(lower, a, b), np.where(lower, b, a) - 1
    ratio = near / far
    slope = np.maximum(own - other * ratio, 0)
    bend = np.abs(other) * ratio / far
    width = np.minimum(2 / (slope + np.sqrt(slope * slope + 2 * bend)), 2 / own)
    width = np.maximum(width, 0.01 / own)  # the nodes reach as far as the integrand
    s = width[:, np.newaxis] * _NODES
    shrunk = -np.expm1(-s)  # 1 - e^-s
    grown = np.log1p(ratio[:, np.newaxis] * shrunk)  # ln(far + near (1 - e^-s)) - ln(far)
    integrand = np.exp(other[:, np.newaxis] * grown - own[:, np.newaxis] * s)
    shift = np.where(lower[:, np.newaxis], s, grown)  # how much further ln t is than ln x
    out = near * width * ((integrand * (np.abs(gap)[:, np.newaxis] + shift)) @ _WEIGHTS)
    early = (a < 1) & (x < 0.25) & (x * (a + b) < 0.5)
    if early.any():
        out[early] = _early_beta_slopes(x[early], a[early], b[early])
    late = (b < 1) & (x > 0.75) & ((1 - x) * (a + b) < 0.5) & ~early
    if late.any():
        out[late] = _late_beta_slopes(x[late], a[late], b[late])
    return out


def _beta_series(x, a, b):
    """Sums for F = x^a (1-x)^b / (a B(a, b)) times the sum of x^n (a+b)_n / (a+1)_n.

    Returns that sum, and its derivative's two parts: of the numerators and of the denominators.
    """
    total, term = np.ones_like(x), np.ones_like(x)
    up, down, rising, falling = (np.zeros_like(x) for _ in range(4))
    for n in range(40):
        term = term * x * (a + b + n) / (a + 1 + n)
        rising = rising + 1 / (a + b + n)
        falling = falling + 1 / (a + 1 + n)
        total += term
        up += term * rising
        down += term * falling
    return total, up, down


def _early_beta_slopes(x, a, b):
    """dx/da from the series of F, for a < 1 and small x: see `_early_gamma_slopes`."""
    digamma = scipy_special().digamma
    total, up, down = _beta_series(x, a, b)
    gap = np.log(x) - digamma(a + 1) + digamma(a + b)
    return (x * (1 - x) / a) * (down - up - total * gap)


def _late_beta_slopes(x, a, b):
    """dx/da from the series of 1 - F, for b < 1 and small 1 - x."""
    digamma = scipy_special().digamma
    total, up, _ = _beta_series(1 - x, b, a)
    gap = np.log(x) - digamma(a) + digamma(a + b)
    return (x * (1 - x) / b) * (total * gap + up)


@op(node="StandardGammaBackward0", elementwise=True)
def gamma_path(x, drawn):
    """Gamma numbers of scale 1 that were drawn with the concentrations x.  (*S), (*S) -> (*S)"""
    return np.copy(drawn)


@gamma_path.grad("x")
def gamma_path_dx(g, x, out):
    return g * gamma_slope(out, x)


@op(node="StandardGammaGradBackward0", elementwise=True)
def gamma_slope(x, a):
    """dx/da of gamma numbers x of scale 1 and concentration a.  (*S), (*S) -> (*S)"""
    return _by_pieces(_gamma_slopes, x, a)


@gamma_slope.grad("x", "a")
def gamma_slope_d(g):
    raise NotImplementedError("the derivative for '_standard_gamma_grad' is not implemented.")


@op(node="_DirichletBackward")
def dirichlet_path(x, drawn):
    """Dirichlet numbers that were drawn with the concentrations x.  (*S, n), (*S, n) -> (*S, n)"""
    return np.copy(drawn)


@dirichlet_path.grad("x")
def dirichlet_path_dx(g, x, out):
    total = np.add.reduce(x, axis=-1, keepdims=True)
    own = g - np.add.reduce(out * g, axis=-1, keepdims=True)
    return dirichlet_slope(out, x, total) * own


@op(node="DirichletGradBackward0", elementwise=True)
def dirichlet_slope(x, a, total):
    """dx/da / (1 - x) of Dirichlet numbers x.  (*S), (*S), (*S) -> (*S)

    Each number is a beta number of its concentration `a` and those of the others,
    ``total - a``; the others share what it leaves, so that they move by -x / (1 - x) of its move.
    """
    return _by_pieces(lambda x, a, t: _beta_slopes(x, a, t - a) / (1 - x), x, a, total)


@dirichlet_slope.grad("x", "a", "total")
def dirichlet_slope_d(g):
    raise NotImplementedError(
        "trying to differentiate twice a function that was marked with @once_differentiable"
    )
