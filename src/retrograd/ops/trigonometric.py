"""Trigonometric and hyperbolic functions and their inverses."""

from __future__ import annotations

from math import pi

import numpy as np

from .._core.holomorphic import holomorphic
from .._core.op import FLOAT, op
from ._fronts import both_tensors


@holomorphic
@op(numpy=np.sin, node="SinBackward0", promote=FLOAT, elementwise=True, torch="sin", inplace=True)
def sin(x):
    """Sine.  (*S) -> (*S)"""


@sin.grad("x")
def sin_dx(g, x):
    return g * np.cos(x)


@holomorphic
@op(numpy=np.cos, node="CosBackward0", promote=FLOAT, elementwise=True, torch="cos", inplace=True)
def cos(x):
    """Cosine.  (*S) -> (*S)"""


@cos.grad("x")
def cos_dx(g, x):
    return -g * np.sin(x)


@holomorphic
@op(numpy=np.tan, node="TanBackward0", promote=FLOAT, elementwise=True, torch="tan", inplace=True)
def tan(x):
    """Tangent.  (*S) -> (*S)"""


@tan.grad("x")
def tan_dx(g, out):
    return g * (1 + out * out)


@holomorphic
@op(
    numpy=np.arcsin, node="AsinBackward0", promote=FLOAT, elementwise=True,
    torch="asin", inplace=True, aliases=("arcsin",),
)  # fmt: skip
def asin(x):
    """Inverse sine.  (*S) -> (*S)"""


@asin.grad("x")
def asin_dx(g, x):
    return g / np.sqrt(1 - x * x)


@holomorphic
@op(
    numpy=np.arccos, node="AcosBackward0", promote=FLOAT, elementwise=True,
    torch="acos", inplace=True, aliases=("arccos",),
)  # fmt: skip
def acos(x):
    """Inverse cosine.  (*S) -> (*S)"""


@acos.grad("x")
def acos_dx(g, x):
    return -g / np.sqrt(1 - x * x)


@holomorphic
@op(
    numpy=np.arctan, node="AtanBackward0", promote=FLOAT, elementwise=True,
    torch="atan", inplace=True, aliases=("arctan",),
)  # fmt: skip
def atan(x):
    """Inverse tangent.  (*S) -> (*S)"""


@atan.grad("x")
def atan_dx(g, x):
    return g / (1 + x * x)


@op(numpy=np.arctan2, node="Atan2Backward0", promote=FLOAT, elementwise=True)
def atan2(x, y):
    """Angle of the vector (y, x); its gradient at (0, 0) is 0.  (*S), (*S) -> (*S)"""


@atan2.grad("x")
def atan2_dx(g, x, y):
    return g * (y * _inverse_square(x, y))


@atan2.grad("y")
def atan2_dy(g, x, y):
    return g * (-x * _inverse_square(x, y))


def _inverse_square(x, y):
    square = x * x + y * y
    return np.where(square == 0, 0, 1 / square)


both_tensors(atan2, "atan2", inplace=True, aliases=("arctan2",))


@holomorphic
@op(
    numpy=np.sinh, node="SinhBackward0", promote=FLOAT, elementwise=True,
    torch="sinh", inplace=True,
)  # fmt: skip
def sinh(x):
    """Hyperbolic sine.  (*S) -> (*S)"""


@sinh.grad("x")
def sinh_dx(g, x):
    return g * np.cosh(x)


@holomorphic
@op(
    numpy=np.cosh, node="CoshBackward0", promote=FLOAT, elementwise=True,
    torch="cosh", inplace=True,
)  # fmt: skip
def cosh(x):
    """Hyperbolic cosine.  (*S) -> (*S)"""


@cosh.grad("x")
def cosh_dx(g, x):
    return g * np.sinh(x)


@holomorphic
@op(
    numpy=np.tanh, node="TanhBackward0", promote=FLOAT, elementwise=True,
    torch="tanh", inplace=True,
)  # fmt: skip
def tanh(x):
    """Hyperbolic tangent.  (*S) -> (*S)"""


@tanh.grad("x")
def tanh_dx(g, out):
    return g * (1 - out * out)


@holomorphic
@op(
    numpy=np.arcsinh, node="AsinhBackward0", promote=FLOAT, elementwise=True,
    torch="asinh", inplace=True, aliases=("arcsinh",),
)  # fmt: skip
def asinh(x):
    """Inverse hyperbolic sine.  (*S) -> (*S)"""


@asinh.grad("x")
def asinh_dx(g, x):
    return g / np.sqrt(x * x + 1)


@holomorphic
@op(
    numpy=np.arccosh, node="AcoshBackward0", promote=FLOAT, elementwise=True,
    torch="acosh", inplace=True, aliases=("arccosh",),
)  # fmt: skip
def acosh(x):
    """Inverse hyperbolic cosine.  (*S) -> (*S)"""


@acosh.grad("x")
def acosh_dx(g, x):
    return g / np.sqrt(x * x - 1)


@holomorphic
@op(
    numpy=np.arctanh, node="AtanhBackward0", promote=FLOAT, elementwise=True,
    torch="atanh", inplace=True, aliases=("arctanh",),
)  # fmt: skip
def atanh(x):
    """Inverse hyperbolic tangent.  (*S) -> (*S)"""


@atanh.grad("x")
def atanh_dx(g, x):
    return g / (1 - x * x)


# -- degrees -------------------------------------------------------------------------------------

_RADIANS = pi / 180
_DEGREES = 180 / pi


def _refuse_complex(x, name):
    if x.dtype.kind == "c":
        raise RuntimeError(f"{name} is not supported for complex tensors.")


@op(
    numpy=(np.deg2rad, np.radians), node="Deg2RadBackward0", promote=FLOAT, elementwise=True,
    linear=True, torch="deg2rad", inplace=True,
)  # fmt: skip
def deg2rad(x):
    """Degrees as radians.  (*S) -> (*S)"""
    _refuse_complex(x, "deg2rad")
    return x * _RADIANS


@deg2rad.grad("x")
def deg2rad_dx(g):
    return g * _RADIANS


@op(
    numpy=(np.rad2deg, np.degrees), node="Rad2DegBackward0", promote=FLOAT, elementwise=True,
    linear=True, torch="rad2deg", inplace=True,
)  # fmt: skip
def rad2deg(x):
    """Radians as degrees.  (*S) -> (*S)"""
    _refuse_complex(x, "rad2deg")
    return x * _DEGREES


@rad2deg.grad("x")
def rad2deg_dx(g):
    return g * _DEGREES
