"""The normal distribution function where it gates values, as in gelu.

Note [A normal distribution function of ordinary calls].  SciPy's erf takes 20 ns for each number.
The log of the odds of the distribution function, divided by x, is even and smooth; so in float32
the function is (1 + tanh(x p(x^2) / 2)) / 2 with a polynomial p.  Degree 6, fitted by least squares
that were weighted anew 400 times until the error was level, is off by 2e-7 with its rounding; p
stays positive beyond the fitted |x| <= 6.5, and the result goes on to 0 and 1.  For x times the
result, which is gelu, the error is at most 6e-7, half of that of PyTorch's float32 kernel, and it
takes 1.5 ns for each number.
"""

from __future__ import annotations

import numpy as np

from .._core.op import op
from .._core.promotion import FLOAT32
from .special import erf

# p / 2, from the highest power down.
_HALF_ODDS = tuple(
    [
        np.asarray(one / 2, FLOAT32)
        for one in (
            3.61123430e-09,
            -2.66892885e-07,
            7.93821999e-06,
            -1.10480325e-04,
            -6.62599614e-05,
            7.26685670e-02,
            1.59576843e00,
        )
    ]
)
_HALF = np.asarray(0.5, FLOAT32)
_MANY = 256


@op(elementwise=True)
def normal_gate(x):
    """The share of the normal distribution below x.  (*S) -> (*S)"""
    if type(x) is not np.ndarray or x.dtype != FLOAT32 or x.size < _MANY:
        return 0.5 * (1 + erf(x * 0.7071067811865476))
    square = x * x
    out = square * _HALF_ODDS[0]
    out += _HALF_ODDS[1]
    for coefficient in _HALF_ODDS[2:]:
        out *= square
        out += coefficient
    out *= x
    np.tanh(out, out)
    out *= _HALF
    out += _HALF
    return out


@normal_gate.grad("x")
def normal_gate_dx(g, x):
    return g * normal_density(x)


def normal_density(x):
    """Return exp(-x^2 / 2) / sqrt(2 pi)."""
    return np.exp(x * x * -0.5) * 0.3989422804014327
