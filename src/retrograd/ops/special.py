"""Special functions: the error function, gamma and its relatives, Bessel functions, zeta."""

from __future__ import annotations

from math import log, pi, sqrt

import numpy as np

from .._core.holomorphic import holomorphic
from .._core.op import FLOAT, PROMOTE, op
from .._core.public import expect_tensor, public
from .._core.value import Value
from ._fronts import both_tensors, one_tensor, refuse
from ._special import in_dtype_of, scipy_special, special_kernel

_SQRT_PI = sqrt(pi)
_SQRT_2PI = sqrt(2 * pi)


# -- the error function --------------------------------------------------------------------------

_erf = special_kernel("erf", "erf_vml_cpu")
_erfc = special_kernel("erfc", "erfc_vml_cpu")
_erfcx = special_kernel("erfcx", "erfcx_cpu", halves=False)
_erfinv = special_kernel("erfinv", "erfinv_vml_cpu")


@op(node="ErfBackward0", promote=FLOAT, elementwise=True, torch="erf", inplace=True)
def erf(x):
    """Error function.  (*S) -> (*S)"""
    return _erf(x)


@erf.grad("x")
def erf_dx(g, x):
    return g * (2 / _SQRT_PI * np.exp(-(x * x)))


@op(node="ErfcBackward0", promote=FLOAT, elementwise=True, torch="erfc", inplace=True)
def erfc(x):
    """1 minus the error function.  (*S) -> (*S)"""
    return _erfc(x)


@erfc.grad("x")
def erfc_dx(g, x):
    return g * (-2 / _SQRT_PI * np.exp(-(x * x)))


@op(
    node="SpecialErfcxBackward0", promote=FLOAT, elementwise=True,
    torch="special.erfcx", method=False,
)  # fmt: skip
def erfcx(x):
    """`erfc` times e to the power of `x` squared.  (*S) -> (*S)"""
    return _erfcx(x)


@erfcx.grad("x")
def erfcx_dx(g, x, out):
    return g * (2 * x * out - 2 / _SQRT_PI)


@op(node="ErfinvBackward0", promote=FLOAT, elementwise=True, torch="erfinv", inplace=True)
def erfinv(x):
    """Inverse of the error function.  (*S) -> (*S)"""
    return _erfinv(x)


@erfinv.grad("x")
def erfinv_dx(g, out):
    return g * (_SQRT_PI / 2 * np.exp(out * out))


# -- the normal distribution ---------------------------------------------------------------------

_ndtr = special_kernel("ndtr", "erf_vml_cpu")
_log_ndtr = special_kernel("log_ndtr", "log_ndtr_cpu", halves=False)
_ndtri = special_kernel("ndtri", "ndtri_cpu", halves=False)
_entr = special_kernel("entr", "entr_cpu")


@op(
    node="MulBackward1", promote=FLOAT, elementwise=True, torch="special.ndtr", method=False
)
def ndtr(x):
    """Distribution function of the standard normal distribution.  (*S) -> (*S)"""
    return _ndtr(x)


@ndtr.grad("x")
def ndtr_dx(g, x):
    return g * (np.exp(-0.5 * (x * x)) / _SQRT_2PI)


@op(
    node="SpecialLogNdtrBackward0", promote=FLOAT, elementwise=True,
    torch="special.log_ndtr", method=False,
)  # fmt: skip
def log_ndtr(x):
    """Logarithm of `ndtr`.  (*S) -> (*S)"""
    return _log_ndtr(x)


@log_ndtr.grad("x")
def log_ndtr_dx(g, x, out):
    return g / np.exp(out + x * x / 2) / _SQRT_2PI


@op(
    node="SpecialNdtriBackward0", promote=FLOAT, elementwise=True,
    torch="special.ndtri", method=False,
)  # fmt: skip
def ndtri(x):
    """Inverse of `ndtr`.  (*S) -> (*S)"""
    return _ndtri(x)


@ndtri.grad("x")
def ndtri_dx(g, out):
    return g * (_SQRT_2PI * np.exp(out * out / 2))


@op(
    node="SpecialEntrBackward0", promote=FLOAT, elementwise=True,
    torch="special.entr", method=False,
)  # fmt: skip
def entr(x):
    """Minus `x` times its logarithm; 0 at 0.  (*S) -> (*S)"""
    return _entr(x)


@entr.grad("x")
def entr_dx(g, x):
    return g * (-(1 + np.log(x)))


# -- gamma ---------------------------------------------------------------------------------------

_lgamma = special_kernel("gammaln", "lgamma_vml_cpu")
_psi = special_kernel("psi", "digamma")


@op(node="LgammaBackward0", promote=FLOAT, elementwise=True, torch="lgamma", inplace=True)
def lgamma(x):
    """Logarithm of the absolute value of the gamma function.  (*S) -> (*S)"""
    return _lgamma(x)


@lgamma.grad("x")
def lgamma_dx(g, x):
    return g * digamma(x)


@op(node="DigammaBackward0", promote=FLOAT, elementwise=True, torch="digamma", inplace=True)
def digamma(x):
    """Derivative of `lgamma`.  (*S) -> (*S)"""
    out = _psi(x)
    # At 0 the sign is that of the zero.
    return np.where(np.equal(x, 0), np.copysign(np.inf, -x).astype(x.dtype), out)


@digamma.grad("x")
def digamma_dx(g, x):
    return g * polygamma_op(x, n=1)


@op(name="polygamma", node="PolygammaBackward0", promote=FLOAT, elementwise=True)
def polygamma_op(x, *, n):
    """The `n`-th derivative of `digamma`.  (*S) -> (*S)"""
    refuse(x, "c", "polygamma")
    if n == 0:
        return digamma.kernel(x)
    return in_dtype_of(x, np.asarray(scipy_special().polygamma(n, x)))


@polygamma_op.grad("x")
def polygamma_dx(g, x, n):
    return g * polygamma_op(x, n=n + 1)


def _polygamma(n, input):
    """Return the `n`-th derivative of `digamma`."""
    if isinstance(n, Value):  # the method: x.polygamma(n)
        n, input = input, n
    expect_tensor("polygamma", input, "input", 2)
    if n < 0:
        raise RuntimeError("polygamma(n, x) does not support negative n.")
    return polygamma_op(input, n=n)


public("polygamma", inplace=True, out=True)(_polygamma)
public("polygamma", method=False, out=True, namespace="special")(_polygamma)


@op(name="mvlgamma", node="MvlgammaBackward0", promote=FLOAT, elementwise=True)
def mvlgamma_op(x, *, p):
    """Logarithm of the multivariate gamma function of dimension `p`.  (*S) -> (*S)"""
    total = p * (p - 1) / 4 * log(pi)
    for step in range(p):
        total = total + _lgamma(x - step / 2)
    return total


@mvlgamma_op.grad("x")
def mvlgamma_dx(g, x, p):
    slope = digamma(x)
    for step in range(1, p):
        slope = slope + digamma(x - step / 2)
    return g * slope


def _mvlgamma(input, p):
    """Return the logarithm of the multivariate gamma function of dimension `p`."""
    expect_tensor("mvlgamma", input)
    if p < 1:
        raise RuntimeError("p has to be greater than or equal to 1")
    return mvlgamma_op(input, p=p)


public("mvlgamma", inplace=True, out=True)(_mvlgamma)
public("multigammaln", method=False, out=True, namespace="special")(_mvlgamma)


@op(node="IgammaBackward0", promote=PROMOTE, elementwise=True)
def igamma(x, y):
    """Regularised lower incomplete gamma function.  (*S), (*S) -> (*S)

    It has a gradient with respect to `y` alone, as in PyTorch.
    """
    refuse(x, "biuc", "igamma_cpu")
    return in_dtype_of(x, scipy_special().gammainc(x, y))


@igamma.grad("x")
def igamma_dx(g):
    raise NotImplementedError("the derivative for 'igamma: input' is not implemented.")


@igamma.grad("y")
def igamma_dy(g, x, y):
    return g * np.exp((x - 1) * np.log(y) - y - lgamma(x))


@op(node="IgammacBackward0", promote=PROMOTE, elementwise=True)
def igammac(x, y):
    """1 minus `igamma`.  (*S), (*S) -> (*S)"""
    refuse(x, "biuc", "igammac_cpu")
    return in_dtype_of(x, scipy_special().gammaincc(x, y))


@igammac.grad("x")
def igammac_dx(g):
    raise NotImplementedError("the derivative for 'igammac: input' is not implemented.")


@igammac.grad("y")
def igammac_dy(g, x, y):
    return -g * np.exp((x - 1) * np.log(y) - y - lgamma(x))


both_tensors(igamma, "igamma", inplace=True)
both_tensors(igammac, "igammac", inplace=True)
both_tensors(igamma, "gammainc", method=False, namespace="special")
both_tensors(igammac, "gammaincc", method=False, namespace="special")


# -- zeta ----------------------------------------------------------------------------------------


def _zeta(x, y):
    refuse(x, "c", "zeta_cpu")
    if x.dtype == np.float16:
        raise NotImplementedError("\"zeta_cpu\" not implemented for 'Half'")
    return in_dtype_of(x, scipy_special().zeta(x, y))


@op(node="SpecialZetaBackward0", promote=FLOAT, elementwise=True)
def zeta(x, y):
    """Hurwitz zeta function; it has a gradient with respect to `y` alone.  (*S), (*S) -> (*S)"""
    return _zeta(x, y)


@zeta.grad("x")
def zeta_dx(g):
    raise NotImplementedError("the derivative for 'zeta' is not implemented.")


@zeta.grad("y")
def zeta_dy(g, x, y):
    return g * (-x * zeta(x + 1, y))


@op(node="SpecialZetaBackward1", promote=FLOAT, elementwise=True)
def scalar_zeta(x, y):
    """Hurwitz zeta function of order `x`, a number.  (), (*S) -> (*S)"""
    return _zeta(x, y)


@scalar_zeta.grad("y")
def scalar_zeta_dy(g, x, y):
    return g * (-x * zeta(x + 1, y))


@op(node="SpecialZetaBackward2", promote=FLOAT, elementwise=True)
def zeta_scalar(x, y):
    """Hurwitz zeta function at a number.  (*S), () -> (*S)"""
    return _zeta(x, y)


@zeta_scalar.grad("x")
def zeta_scalar_dx(g):
    raise NotImplementedError("the derivative for 'zeta' is not implemented.")


@public("zeta", method=False, out=True, namespace="special")
def zeta_front(input, other):
    """Hurwitz zeta function: the sum of ``(k + other) ** -input`` over k = 0, 1, 2, ..."""
    if not isinstance(input, Value):
        expect_tensor("zeta", other, "other", 2)
        return scalar_zeta(input, other)
    if not isinstance(other, Value):
        return zeta_scalar(input, other)
    return zeta(input, other)


# -- Bessel functions ----------------------------------------------------------------------------

_i0 = special_kernel("i0", "i0_vml_cpu")
_i0e = special_kernel("i0e", "i0e_cpu")
_i1 = special_kernel("i1", "i1_cpu")
_i1e = special_kernel("i1e", "i1e_cpu")


@op(numpy=np.i0, node="I0Backward0", promote=FLOAT, elementwise=True, torch="i0", inplace=True)
def i0(x):
    """Modified Bessel function of the first kind, order 0.  (*S) -> (*S)"""
    return _i0(x)


@i0.grad("x")
def i0_dx(g, x):
    return g * i1(x)


@op(
    node="SpecialI0EBackward0", promote=FLOAT, elementwise=True,
    torch="special.i0e", method=False,
)  # fmt: skip
def i0e(x):
    """`i0` times e to the power of minus the absolute value of `x`.  (*S) -> (*S)"""
    return _i0e(x)


@i0e.grad("x")
def i0e_dx(g, x, out):
    return g * (i1e(x) - np.sign(x) * out)


@op(
    node="SpecialI1Backward0", promote=FLOAT, elementwise=True,
    torch="special.i1", method=False,
)  # fmt: skip
def i1(x):
    """Modified Bessel function of the first kind, order 1.  (*S) -> (*S)"""
    return _i1(x)


def _quotient_at_zero(out, x):
    """Return ``out / x`` where that can be computed, else its limit at 0."""
    small = np.absolute(x) <= 1e-7
    return np.where(small, 0.5, out / np.where(small, 1, x))


@i1.grad("x")
def i1_dx(g, x, out):
    return g * (i0(x) - _quotient_at_zero(out, x))


@op(
    node="SpecialI1EBackward0", promote=FLOAT, elementwise=True,
    torch="special.i1e", method=False,
)  # fmt: skip
def i1e(x):
    """`i1` times e to the power of minus the absolute value of `x`.  (*S) -> (*S)"""
    return _i1e(x)


@i1e.grad("x")
def i1e_dx(g, x, out):
    return g * (i0e(x) - _quotient_at_zero(out, x) - np.sign(x) * out)


def _without_gradient(name, words, scipy_name):
    """Define a special function that has no gradient, in PyTorch neither."""
    run = special_kernel(scipy_name, f"{name}_cpu", halves=False)

    def kernel(x):
        return run(x)

    kernel.__name__ = name
    kernel.__doc__ = f"{words}, without a gradient.  (*S) -> (*S)"
    return op(
        kernel, name=name, promote=FLOAT, elementwise=True, torch=f"special.{name}", method=False
    )


for _name, _words, _scipy_name in (
    ("bessel_j0", "Bessel function of the first kind, order 0", "j0"),
    ("bessel_j1", "Bessel function of the first kind, order 1", "j1"),
    ("bessel_y0", "Bessel function of the second kind, order 0", "y0"),
    ("bessel_y1", "Bessel function of the second kind, order 1", "y1"),
    ("modified_bessel_i0", "Modified Bessel function of the first kind, order 0", "i0"),
    ("modified_bessel_i1", "Modified Bessel function of the first kind, order 1", "i1"),
    ("modified_bessel_k0", "Modified Bessel function of the second kind, order 0", "k0"),
    ("modified_bessel_k1", "Modified Bessel function of the second kind, order 1", "k1"),
    ("scaled_modified_bessel_k0", "`modified_bessel_k0` times e to the power of `x`", "k0e"),
    ("scaled_modified_bessel_k1", "`modified_bessel_k1` times e to the power of `x`", "k1e"),
):
    _without_gradient(_name, _words, _scipy_name)


# -- sinc ----------------------------------------------------------------------------------------


@holomorphic
@op(
    numpy=np.sinc, node="SincBackward0", promote=FLOAT, elementwise=True,
    torch="sinc", inplace=True,
)  # fmt: skip
def sinc(x):
    """Sine of pi `x` divided by pi `x`; 1 at 0.  (*S) -> (*S)"""
    y = x * pi
    zero = np.equal(x, 0)
    return np.where(zero, 1, np.sin(y) / np.where(zero, 1, y)).astype(x.dtype)


@sinc.grad("x")
def sinc_dx(g, x):
    y = x * pi
    square = x * y
    slope = (y * np.cos(y) - np.sin(y)) / np.where(square == 0, 1, square)
    return g * np.where(square == 0, 0, slope)


# -- x log1p(y) ----------------------------------------------------------------------------------


def _xlog1py(x, y):
    refuse(x, "c", "xlog1py_cpu")
    return np.where(np.equal(x, 0) & ~np.isnan(y), 0, x * np.log1p(y))


def _xlog1py_dx(g, x, y):
    return g * np.where((x == 0) & (y <= -1), 0, np.log1p(y))


@op(node="SpecialXlog1PyBackward0", promote=FLOAT, elementwise=True)
def xlog1py(x, y):
    """`x` times the logarithm of 1 plus `y`; 0 where `x` is 0.  (*S), (*S) -> (*S)"""
    return _xlog1py(x, y)


@xlog1py.grad("x")
def xlog1py_dx(g, x, y):
    return _xlog1py_dx(g, x, y)


@xlog1py.grad("y")
def xlog1py_dy(g, x, y):
    return g * (x / (1 + y))


@op(node="SpecialXlog1PyBackward1", promote=FLOAT, elementwise=True)
def scalar_xlog1py(x, y):
    """A number times the logarithm of 1 plus `y`.  (), (*S) -> (*S)"""
    return _xlog1py(x, y)


@scalar_xlog1py.grad("y")
def scalar_xlog1py_dy(g, x, y):
    return g * (x / (1 + y))


@op(node="SpecialXlog1PyBackward2", promote=FLOAT, elementwise=True)
def xlog1py_scalar(x, y):
    """`x` times the logarithm of 1 plus a number.  (*S), () -> (*S)"""
    return _xlog1py(x, y)


@xlog1py_scalar.grad("x")
def xlog1py_scalar_dx(g, x, y):
    return _xlog1py_dx(g, x, y)


@public("xlog1py", method=False, out=True, namespace="special")
def xlog1py_front(input, other):
    """Multiply `input` by the logarithm of 1 plus `other`; one of them may be a number."""
    if not isinstance(input, Value):
        expect_tensor("xlog1py", other, "other", 2)
        return scalar_xlog1py(input, other)
    if not isinstance(other, Value):
        return xlog1py_scalar(input, other)
    return xlog1py(input, other)


for _op, _name in (
    (erf, "erf"), (erfc, "erfc"), (erfinv, "erfinv"), (lgamma, "gammaln"), (digamma, "digamma"),
    (digamma, "psi"), (i0, "i0"), (sinc, "sinc"),
):  # fmt: skip
    one_tensor(_op, _name, method=False, namespace="special")
