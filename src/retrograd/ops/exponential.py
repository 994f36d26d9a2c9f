"""Exponentials, logarithms, the logistic function."""

from __future__ import annotations

from math import log as _log
from math import nan

import numpy as np

from .._core.holomorphic import holomorphic
from .._core.op import FLOAT, PROMOTE, op
from .._core.public import expect_tensor, public
from .._core.value import Value
from ._fronts import both_tensors, one_tensor, plain, refuse

_LN2 = _log(2)
_LN10 = _log(10)

# -- exponentials --------------------------------------------------------------------------------


@holomorphic
@op(numpy=np.exp, node="ExpBackward0", promote=FLOAT, elementwise=True, torch="exp", inplace=True)
def exp(x):
    """e to the power of `x`.  (*S) -> (*S)"""


@exp.grad("x")
def exp_dx(g, out):
    return g * out


@holomorphic
@op(
    numpy=np.exp2, node="Exp2Backward0", promote=FLOAT, elementwise=True,
    torch="exp2", inplace=True,
)  # fmt: skip
def exp2(x):
    """2 to the power of `x`.  (*S) -> (*S)"""
    return np.exp2(x) if x.dtype.kind == "f" else np.exp(x * _LN2)


@exp2.grad("x")
def exp2_dx(g, out):
    return g * (out * _LN2)


@holomorphic
@op(
    numpy=np.expm1, node="Expm1Backward0", promote=FLOAT, elementwise=True,
    torch="expm1", inplace=True,
)  # fmt: skip
def expm1(x):
    """e to the power of `x`, minus 1, exact near 0.  (*S) -> (*S)"""


@expm1.grad("x")
def expm1_dx(g, out):
    return g * (out + 1)


# -- logarithms ----------------------------------------------------------------------------------


@holomorphic
@op(numpy=np.log, node="LogBackward0", promote=FLOAT, elementwise=True, torch="log", inplace=True)
def log(x):
    """Natural logarithm.  (*S) -> (*S)"""


@log.grad("x")
def log_dx(g, x):
    return g / x


@holomorphic
@op(
    numpy=np.log2, node="Log2Backward0", promote=FLOAT, elementwise=True,
    torch="log2", inplace=True,
)  # fmt: skip
def log2(x):
    """Logarithm to base 2.  (*S) -> (*S)"""


@log2.grad("x")
def log2_dx(g, x):
    return g / (x * _LN2)


@holomorphic
@op(
    numpy=np.log10, node="Log10Backward0", promote=FLOAT, elementwise=True,
    torch="log10", inplace=True,
)  # fmt: skip
def log10(x):
    """Logarithm to base 10.  (*S) -> (*S)"""


@log10.grad("x")
def log10_dx(g, x):
    return g / (x * _LN10)


@holomorphic
@op(
    numpy=np.log1p, node="Log1PBackward0", promote=FLOAT, elementwise=True,
    torch="log1p", inplace=True,
)  # fmt: skip
def log1p(x):
    """Natural logarithm of 1 plus `x`, exact near 0.  (*S) -> (*S)"""


@log1p.grad("x")
def log1p_dx(g, x):
    return g / (x + 1)


@holomorphic
@op(numpy=np.logaddexp, node="LogaddexpBackward0", promote=PROMOTE, elementwise=True)
def logaddexp(x, y):
    """Logarithm of the sum of the exponentials.  (*S), (*S) -> (*S)"""
    refuse(x, "biu", "logaddexp_cpu")
    if x.dtype.kind == "c":
        swap = np.real(x) < np.real(y)
        high, low = np.where(swap, y, x), np.where(swap, x, y)
        return high + np.log1p(np.exp(low - high))
    return np.logaddexp(x, y)


@logaddexp.grad("x")
def logaddexp_dx(g, x, y):
    return g / (1 + np.exp(y - x))


@logaddexp.grad("y")
def logaddexp_dy(g, x, y):
    return g / (1 + np.exp(x - y))


@op(numpy=np.logaddexp2, node="Logaddexp2Backward0", promote=PROMOTE, elementwise=True)
def logaddexp2(x, y):
    """Logarithm to base 2 of the sum of the powers of 2.  (*S), (*S) -> (*S)"""
    refuse(x, "biuc", "logaddexp2_cpu")
    return np.logaddexp2(x, y)


@logaddexp2.grad("x")
def logaddexp2_dx(g, x, y):
    return g / (1 + np.exp2(y - x))


@logaddexp2.grad("y")
def logaddexp2_dy(g, x, y):
    return g / (1 + np.exp2(x - y))


both_tensors(logaddexp, "logaddexp")
both_tensors(logaddexp2, "logaddexp2")


# -- x log y -------------------------------------------------------------------------------------


def _xlogy(x, y):
    refuse(x, "c", "xlogy_cpu")
    return np.where(np.equal(x, 0) & ~np.isnan(y), 0, x * np.log(y))


def _xlogy_dx(g, x, y):
    return g * np.where((x == 0) & (y <= 0), 0, np.log(y))


@op(node="XlogyBackward0", promote=FLOAT, elementwise=True)
def xlogy(x, y):
    """`x` times the logarithm of `y`; 0 where `x` is 0.  (*S), (*S) -> (*S)"""
    return _xlogy(x, y)


@xlogy.grad("x")
def xlogy_dx(g, x, y):
    return _xlogy_dx(g, x, y)


@xlogy.grad("y")
def xlogy_dy(g, x, y):
    return g * (x / y)


@op(node="XlogyBackward1", promote=FLOAT, elementwise=True)
def scalar_xlogy(x, y):
    """A number times the logarithm of `y`.  (), (*S) -> (*S)"""
    return _xlogy(x, y)


@scalar_xlogy.grad("y")
def scalar_xlogy_dy(g, x, y):
    return g * (x / y)


@op(node="XlogyBackward2", promote=FLOAT, elementwise=True)
def xlogy_scalar(x, y):
    """`x` times the logarithm of a number.  (*S), () -> (*S)"""
    return _xlogy(x, y)


@xlogy_scalar.grad("x")
def xlogy_scalar_dx(g, x, y):
    return _xlogy_dx(g, x, y)


def _xlogy_front(input, other):
    """Multiply `input` by the logarithm of `other`; one of them may be a number."""
    if not isinstance(input, Value):
        expect_tensor("xlogy", other, "other", 2)
        return scalar_xlogy(input, other)
    if not isinstance(other, Value):
        return xlogy_scalar(input, other)
    return xlogy(input, other)


public("xlogy", inplace=True, out=True)(_xlogy_front)
public("xlogy", method=False, out=True, namespace="special")(_xlogy_front)


# -- the logistic function -----------------------------------------------------------------------


@holomorphic
@op(node="SigmoidBackward0", promote=FLOAT, elementwise=True, torch="sigmoid", inplace=True)
def sigmoid(x):
    """Logistic function.  (*S) -> (*S)"""
    return np.reciprocal(1 + np.exp(-x))


@sigmoid.grad("x")
def sigmoid_dx(g, out):
    return g * (out * (1 - out))


@op(name="logit", node="LogitBackward0", promote=FLOAT, elementwise=True)
def logit_op(x, *, eps=None):
    """Inverse of the logistic function, of `x` brought into [eps, 1 - eps].  (*S) -> (*S)"""
    refuse(x, "c", "logit_cpu")
    if eps is not None:
        x = np.minimum(np.maximum(x, eps), 1 - eps)
    return np.log(x / (1 - x))


@logit_op.grad("x")
def logit_dx(g, x, eps):
    low, high, outside = (0, 1, nan) if eps is None else (eps, 1 - eps, 0)
    return np.where((x < low) | (x > high), outside, g / (x * (1 - x)))


def logit(input, eps=None):
    """Inverse of the logistic function.

    Parameters
    ----------
    input : Tensor
    eps : float, optional
        Bring the input into [eps, 1 - eps] first; the gradient outside is 0 (nan without `eps`).
    """
    expect_tensor("logit", input)
    return logit_op(input) if eps is None else logit_op(input, eps=plain(eps))


public("logit", inplace=True, out=True)(logit)
public("logit", method=False, out=True, namespace="special")(logit)

for _op, _name in ((exp2, "exp2"), (expm1, "expm1"), (log1p, "log1p"), (sigmoid, "expit")):
    one_tensor(_op, _name, method=False, namespace="special")
