"""The normal distribution function where it gates values, as in gelu.

Note [A normal distribution function of ordinary calls].  SciPy's erf takes 20 ns for each number.
In float32 the odds of the distribution function are exp(x p(x^2)) with a polynomial p: the log of
its odds, divided by x, is even and smooth.  Degree 8, fitted by least squares that were weighted
anew 200 times until the error was level, is off by 3e-6 of the value for |x| <= 5; beyond that p
stays positive and the result goes on to 0 and 1.  For x times the result, which is gelu, the error
is at most 5e-7, half of that of PyTorch's float32 kernel, and it takes 2 ns for each number.
"""

from __future__ import annotations

import numpy as np

from .._core.op import op
from .._core.promotion import FLOAT32
from .special import erf

# Minus p, from the highest power down, so that exp gives the odds against.
_AGAINST = tuple(
    [
        np.asarray(-one, FLOAT32)
        for one in (
            1.28920705e-12,
            -1.91310819e-10,
            1.23090945e-08,
            -4.47461582e-07,
            9.87008024e-06,
            -1.21362402e-04,
            -3.55764954e-05,
            7.26313456e-02,
            1.59578135e00,
        )
    ]
)
_MANY = 256


@op(elementwise=True)
def normal_gate(x):
    """The share of the normal distribution below x.  (*S) -> (*S)"""
    if type(x) is not np.ndarray or x.dtype != FLOAT32 or x.size < _MANY:
        return 0.5 * (1 + erf(x * 0.7071067811865476))
    square = x * x
    out = square * _AGAINST[0]
    out += _AGAINST[1]
    for coefficient in _AGAINST[2:]:
        out *= square
        out += coefficient
    out *= x
    np.exp(out, out)
    out += 1
    return np.divide(1, out, out)


@normal_gate.grad("x")
def normal_gate_dx(g, x):
    return g * normal_density(x)


def normal_density(x):
    """Return exp(-x^2 / 2) / sqrt(2 pi)."""
    return np.exp(x * x * -0.5) * 0.3989422804014327
