"""Rounding, fractions, replacing nan and inf, steps."""

from __future__ import annotations

import numpy as np

from .._core.op import PROMOTE, op
from .._core.public import expect_tensor, public
from ._fronts import both_tensors, refuse, refuse_complex

# -- to integers ---------------------------------------------------------------------------------


def _rounded(x, function, name):
    """Round floats; integers are what they are."""
    kind = x.dtype.kind
    if kind == "f":
        return function(x)
    refuse(x, "b", f"{name}_vml_cpu")
    refuse_complex(x, f"{name} is not supported for complex inputs")
    return np.copy(x)


@op(numpy=np.floor, node="FloorBackward0", elementwise=True, torch="floor", inplace=True)
def floor(x):
    """The next integer below; its gradient is zero.  (*S) -> (*S)"""
    return _rounded(x, np.floor, "floor")


@floor.grad("x")
def floor_dx(g):
    return np.zeros_like(g)


@op(numpy=np.ceil, node="CeilBackward0", elementwise=True, torch="ceil", inplace=True)
def ceil(x):
    """The next integer above; its gradient is zero.  (*S) -> (*S)"""
    return _rounded(x, np.ceil, "ceil")


@ceil.grad("x")
def ceil_dx(g):
    return np.zeros_like(g)


@op(
    numpy=(np.trunc, np.fix), node="TruncBackward0", elementwise=True,
    torch="trunc", inplace=True, aliases=("fix",),
)  # fmt: skip
def trunc(x):
    """The next integer towards zero; its gradient is zero.  (*S) -> (*S)"""
    return _rounded(x, np.trunc, "trunc")


@trunc.grad("x")
def trunc_dx(g):
    return np.zeros_like(g)


@op(numpy=np.rint, node="RoundBackward0", elementwise=True)
def round_to_even(x):
    """The nearest integer, the even one of two; its gradient is zero.  (*S) -> (*S)"""
    refuse(x, "c", "round_vml_cpu")
    return _rounded(x, np.rint, "round")


@round_to_even.grad("x")
def round_to_even_dx(g):
    return np.zeros_like(g)


@op(numpy=np.round, node="RoundBackward1", elementwise=True)
def round_to_decimals(x, *, decimals=0):
    """The nearest multiple of a power of ten; its gradient is zero.  (*S) -> (*S)"""
    refuse(x, "biuc", "round_cpu")
    ten = 10.0 ** abs(decimals)
    if decimals < 0:
        return np.rint(x / ten) * ten
    return np.rint(x * ten) / ten


@round_to_decimals.grad("x")
def round_to_decimals_dx(g):
    return np.zeros_like(g)


def _round(input, *, decimals=None):
    """Round to the nearest integer, or multiple of ``10 ** -decimals``; halves go to even."""
    expect_tensor("round", input)
    if decimals is None:
        return round_to_even(input)
    return round_to_decimals(input, decimals=decimals)


def _round_special(input, *, decimals=0):
    """Round to the nearest multiple of ``10 ** -decimals``; halves go to even."""
    expect_tensor("special_round", input)
    return round_to_decimals(input, decimals=decimals)


public("round", inplace=True, out=True)(_round)
public("round", method=False, out=True, namespace="special")(_round_special)


@op(node="FracBackward0", elementwise=True, torch="frac", inplace=True)
def frac(x):
    """What `trunc` takes away.  (*S) -> (*S)"""
    refuse(x, "biuc", "frac_cpu")
    return x - np.trunc(x)


@frac.grad("x")
def frac_dx(g):
    return g


# -- nan, inf and neighbours ---------------------------------------------------------------------


@op(name="nan_to_num", numpy=np.nan_to_num, node="NanToNumBackward0", elementwise=True)
def nan_to_num_op(x, *, nan=0.0, posinf=None, neginf=None):
    """Numbers in place of nan and the infinities, whose gradient is 0.  (*S) -> (*S)"""
    if x.dtype.kind not in "fc":
        return np.copy(x)
    return np.nan_to_num(x, nan=nan, posinf=posinf, neginf=neginf)


@nan_to_num_op.grad("x")
def nan_to_num_dx(g, x):
    return np.where(np.isfinite(x), g, 0)


@public("nan_to_num", inplace=True, out=True)
def nan_to_num(input, nan=None, posinf=None, neginf=None):
    """Replace nan (by 0), inf and -inf (by the dtype's largest and lowest numbers).

    Parameters
    ----------
    input : Tensor
    nan, posinf, neginf : float, optional
        What to put in their places instead.
    """
    expect_tensor("nan_to_num", input)
    return nan_to_num_op(
        input, nan=0.0 if nan is None else nan, posinf=posinf, neginf=neginf
    )


@op(numpy=np.nextafter, node="NextafterBackward0", promote=PROMOTE, elementwise=True)
def nextafter(x, y):
    """The next number after `x` towards `y`.  (*S), (*S) -> (*S)

    Its gradient goes to `x`; where the two are equal it is 0.
    """
    refuse(x, "biuc", "nextafter_cpu")
    return np.nextafter(x, y)


@nextafter.grad("x")
def nextafter_dx(g, x, y):
    return np.where(x == y, 0, g)


@nextafter.grad("y")
def nextafter_dy(g, x, y):
    return np.zeros_like(g)


both_tensors(nextafter, "nextafter", inplace=True)


# -- signs and steps -----------------------------------------------------------------------------


@op(numpy=np.signbit, elementwise=True, torch="signbit")
def signbit(x):
    """Whether the sign is minus, also of -0.  (*S) -> (*S)"""
    if x.dtype.kind == "f":
        return np.signbit(x)
    refuse_complex(x, "signbit is not implemented for complex tensors.")
    return np.less(x, 0)


@op(numpy=np.heaviside, node="torch::autograd::NotImplemented", elementwise=True)
def heaviside(x, y):
    """0 where `x` is negative, 1 where it is positive, `y` where it is 0.  (*S), (*S) -> (*S)"""
    return np.where(np.equal(x, 0), y, np.greater(x, 0)).astype(x.dtype)


@heaviside.grad("x", "y")
def heaviside_d(g):
    raise RuntimeError("derivative for aten::heaviside is not implemented")


@public("heaviside", inplace=True, out=True)
def heaviside_front(input, values):
    """Return 0 for negative numbers, 1 for positive ones, and `values` at 0."""
    expect_tensor("heaviside", input)
    expect_tensor("heaviside", values, "values", 2)
    if input.get_dtype().kind == "c" or values.get_dtype().kind == "c":
        raise RuntimeError("heaviside is not yet implemented for complex tensors.")
    if input.get_dtype() != values.get_dtype():
        raise RuntimeError(
            "heaviside is not yet implemented for tensors with different dtypes."
        )
    return heaviside(input, values)
