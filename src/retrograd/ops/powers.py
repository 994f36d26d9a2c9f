"""Powers, roots and reciprocals."""

from __future__ import annotations

from math import log

import numpy as np

from .._core.gates import call1, call2
from .._core.holomorphic import holomorphic
from .._core.op import FLOAT, PROMOTE, op
from .._core.promotion import FLOAT64, category, result_type
from .._core.public import expect_tensor, public
from .._core.value import Value
from ._arguments import scalar_name
from ._fronts import both_tensors, plain, refuse
from .copying import cast

# -- powers with a number as exponent ------------------------------------------------------------

# NumPy's power of a large array costs 25 times a multiplication, so the usual exponents have
# kernels of their own.  The two most usual are operations of their own: their calls carry no
# setting, which the gates run fastest.


@holomorphic
@op(numpy=np.square, node="PowBackward0", elementwise=True)
def square(x):
    """`x` times `x`.  (*S) -> (*S)"""


@square.grad("x")
def square_dx(g, x):
    return g * (2 * x)


@holomorphic
@op(node="PowBackward0", elementwise=True)
def cube(x):
    """`x` times `x` times `x`.  (*S) -> (*S)"""
    return x * x * x


@cube.grad("x")
def cube_dx(g, x):
    return g * (3 * (x * x))


@holomorphic
@op(node="PowBackward0", elementwise=True)
def power_scalar(x, exponent):
    """`x` to the power of a number.  (*S), () -> (*S)

    The gradient for exponent 0 is zero, at `x` = 0 too.
    """
    if exponent == 2:
        return np.square(x)
    if exponent == 3:
        return x * x * x
    if exponent == 1:
        return np.copy(x)
    if x.dtype.kind in "fc":
        if exponent == 0.5:
            return np.sqrt(x)
        if exponent == -1:
            return 1 / x
        if exponent == -2:
            return 1 / (x * x)
        if exponent == -0.5:
            return 1 / np.sqrt(x)
        if exponent == 4:
            return np.square(np.square(x))
    return np.power(x, exponent)


@power_scalar.grad("x")
def power_scalar_dx(g, x, exponent):
    if exponent == 0:
        return np.zeros_like(g)
    return g * (exponent * power_scalar(x, exponent - 1))


# -- powers with a tensor as exponent ------------------------------------------------------------


@holomorphic
@op(numpy=(np.power, np.float_power), node="PowBackward1", promote=PROMOTE, elementwise=True)
def power(x, y):
    """`x` to the power of `y`.  (*S), (*S) -> (*S)

    Negative powers of integers are rounded towards zero.  The gradient of `x` is 0 where `y` is
    0; that of `y` is 0 where `x` is 0 and `y` is not negative.
    """
    kind = x.dtype.kind
    if kind == "f":
        return np.power(x, y)
    refuse(x, "b", "pow")
    if kind == "i" and np.any(np.less(y, 0)):
        odd = np.where(np.equal(y % 2, 0), 1, x)
        small = np.where(np.equal(x, 1), 1, np.where(np.equal(x, -1), odd, 0))
        return np.where(np.less(y, 0), small, np.power(x, np.maximum(y, 0))).astype(x.dtype)
    return np.power(x, y)


@power.grad("x")
def power_dx(g, x, y):
    return np.where(y == 0, 0, g * (y * x ** (y - 1)))


@power.grad("y")
def power_dy(g, x, y, out):
    return np.where((x == 0) & (np.real(y) >= 0), 0, g * (out * np.log(x)))


@holomorphic
@op(node="PowBackward2", promote=PROMOTE, elementwise=True)
def power_of_scalar(x, y):
    """A number to the power of `y`.  (), (*S) -> (*S)"""
    return power.kernel(x, y)


@power_of_scalar.grad("y")
def power_of_scalar_dy(g, x, y, out):
    if x == 0:
        return np.where(np.real(y) >= 0, 0, g * (out * np.log(x)))
    return g * (out * _number_log(x))


def _number_log(x):
    x = x.item() if hasattr(x, "item") else x
    if isinstance(x, complex):
        return np.log(x).item()
    return log(x) if x > 0 else float("nan")


@public("pow", inplace=True, out=True)
def pow(input, exponent):
    """Raise `input` to the power of `exponent`; one of them may be a number.

    Parameters
    ----------
    input, exponent : Tensor or number

    Raises
    ------
    RuntimeError
        For integers and a negative number as exponent.
    """
    kind = type(exponent)
    if (kind is int or kind is float) and isinstance(input, Value):
        floating = input.get_dtype().kind
        if floating in "fc" or (kind is int and floating in "iu"):
            if exponent == 2:
                return call1(square, input)
            if exponent == 3:
                return call1(cube, input)
            if kind is int and exponent < 0 and floating == "i":
                raise RuntimeError("Integers to negative integer powers are not allowed.")
            return call2(power_scalar, input, exponent)
    input, exponent = plain(input), plain(exponent)
    if isinstance(exponent, Value):
        if isinstance(input, Value):
            return call2(power, input, exponent)
        _expect_number("pow", input, "input", 1)
        return power_of_scalar(input, exponent)
    _expect_number("pow", exponent, "exponent", 2)
    expect_tensor("pow", input)
    dtype = result_type((input, exponent))
    if dtype != input.get_dtype():
        input = cast(input, dtype=dtype)
    return power_scalar(input, exponent)


def _expect_number(function, given, argument, position):
    if not isinstance(given, (int, float, complex)):
        expect_tensor(function, given, argument, position)


@public("float_power", out=True)
def float_power(input, exponent):
    """Raise to a power in float64 (or complex128), whatever the arguments' dtypes."""
    input, exponent = plain(input), plain(exponent)
    if not isinstance(input, Value):
        _expect_number("float_power", input, "input", 1)
        expect_tensor("float_power", exponent, "exponent", 2)
    elif not isinstance(exponent, Value):
        _expect_number("float_power", exponent, "exponent", 2)
    wide = FLOAT64
    if category(result_type((input, exponent))) == 3:
        wide = np.dtype(np.complex128)
    return pow(_widened(input, wide), _widened(exponent, wide))


def _float_power_in_place(input, exponent):
    wide = "ComplexDouble" if category(result_type((input, exponent))) == 3 else "Double"
    found = scalar_name(input.get_dtype())
    if found != wide:
        raise RuntimeError(
            f"the base given to float_power_ has dtype {found} but the operation's result "
            f"requires dtype {wide}"
        )
    return float_power(input, exponent)


public("float_power", method=False, function=False, inplace=True)(_float_power_in_place)


def _widened(given, dtype):
    if isinstance(given, Value):
        return given if given.get_dtype() == dtype else cast(given, dtype=dtype)
    return dtype.type(given).item()


@public("square", inplace=True, out=True)
def square_front(input):
    """Multiply a tensor with itself."""
    expect_tensor("square", input)
    return pow(input, 2)


# -- roots and reciprocals -----------------------------------------------------------------------


@holomorphic
@op(
    numpy=np.sqrt, node="SqrtBackward0", promote=FLOAT, elementwise=True,
    torch="sqrt", inplace=True,
)  # fmt: skip
def sqrt(x):
    """Square root; its gradient at 0 is infinite.  (*S) -> (*S)"""


@sqrt.grad("x")
def sqrt_dx(g, out):
    return g / (2 * out)


@holomorphic
@op(node="RsqrtBackward0", promote=FLOAT, elementwise=True, torch="rsqrt", inplace=True)
def rsqrt(x):
    """1 divided by the square root.  (*S) -> (*S)"""
    return 1 / np.sqrt(x)


@rsqrt.grad("x")
def rsqrt_dx(g, out):
    return g * (-0.5 * (out * out * out))


@holomorphic
@op(
    numpy=np.reciprocal, node="ReciprocalBackward0", promote=FLOAT, elementwise=True,
    torch="reciprocal", inplace=True,
)  # fmt: skip
def reciprocal(x):
    """1 divided by `x`.  (*S) -> (*S)"""
    return np.reciprocal(x)


@reciprocal.grad("x")
def reciprocal_dx(g, out):
    return -g * (out * out)


@op(numpy=np.hypot, node="HypotBackward0", promote=PROMOTE, elementwise=True)
def hypot(x, y):
    """Length of the vector (x, y); its gradient at (0, 0) is nan.  (*S), (*S) -> (*S)"""
    refuse(x, "biuc", "hypot_cpu")
    return np.hypot(x, y)


@hypot.grad("x")
def hypot_dx(g, x, out):
    return g * (x / out)


@hypot.grad("y")
def hypot_dy(g, y, out):
    return g * (y / out)


both_tensors(hypot, "hypot", inplace=True)
