"""Addition, multiplication, quotients, absolute values, signs, and what is made of them."""

from __future__ import annotations

from math import log

import numpy as np

from .._core.gates import call2
from .._core.holomorphic import holomorphic
from .._core.op import FLOAT, PROMOTE, op
from .._core.promotion import category, result_type
from .._core.public import expect_tensor, public
from .._core.value import Value
from ._fronts import both_tensors, plain, refuse, tensor_and_scalar
from ._returns import struct
from .copying import cast

_LN2 = log(2)


# -- sums, differences, products, quotients ------------------------------------------------------


@op(numpy=np.add, node="AddBackward0", promote=PROMOTE, elementwise=True, linear=True)
def add(x, y):
    """Sum.  (*S), (*S) -> (*S)"""


@add.grad("x", "y")
def add_d(g):
    return g


@op(numpy=np.subtract, node="SubBackward0", promote=PROMOTE, elementwise=True, linear=True)
def subtract(x, y):
    """Difference.  (*S), (*S) -> (*S)"""


@subtract.grad("x")
def subtract_dx(g):
    return g


@subtract.grad("y")
def subtract_dy(g):
    return -g


@holomorphic
@op(
    numpy=np.multiply, node="MulBackward0", promote=PROMOTE, elementwise=True,
    torch="mul", inplace=True, aliases=("multiply",),
)  # fmt: skip
def multiply(x, y):
    """Product.  (*S), (*S) -> (*S)"""


@multiply.grad("x")
def multiply_dx(g, y):
    return g * y


@multiply.grad("y")
def multiply_dy(g, x):
    return g * x


@holomorphic
@op(
    numpy=(np.divide, np.true_divide), node="DivBackward0", promote=FLOAT, elementwise=True,
    torch="true_divide", inplace=True,
)  # fmt: skip
def divide(x, y):
    """Quotient; integers divide to the default floating dtype.  (*S), (*S) -> (*S)"""


@divide.grad("x")
def divide_dx(g, y):
    return g / y


@divide.grad("y")
def divide_dy(g, x, y):
    return -g * ((x / y) / y)


@op(
    numpy=np.negative, node="NegBackward0", elementwise=True, linear=True,
    torch="neg", inplace=True, aliases=("negative",),
)  # fmt: skip
def negative(x):
    """Minus.  (*S) -> (*S)"""


@negative.grad("x")
def negative_dx(g):
    return -g


# -- sums with a factor --------------------------------------------------------------------------


@holomorphic
@op(node="AddBackward0", promote=PROMOTE, elementwise=True, linear=True)
def add_scaled(x, y, *, alpha):
    """Sum of `x` and `alpha` times `y`.  (*S), (*S) -> (*S)"""
    return x + _factor(alpha, x) * y


@add_scaled.grad("x")
def add_scaled_dx(g):
    return g


@add_scaled.grad("y")
def add_scaled_dy(g, alpha):
    return g * alpha


@holomorphic
@op(node="SubBackward0", promote=PROMOTE, elementwise=True, linear=True)
def subtract_scaled(x, y, *, alpha):
    """Difference of `x` and `alpha` times `y`.  (*S), (*S) -> (*S)"""
    return x - _factor(alpha, x) * y


@subtract_scaled.grad("x")
def subtract_scaled_dx(g):
    return g


@subtract_scaled.grad("y")
def subtract_scaled_dy(g, alpha):
    return -g * alpha


@op(node="RsubBackward1", promote=PROMOTE, elementwise=True, linear=True)
def reverse_subtract(x, y):
    """`y` minus `x`, `y` a number.  (*S), () -> (*S)"""
    return np.subtract(y, x)


@reverse_subtract.grad("x")
def reverse_subtract_dx(g):
    return -g


@holomorphic
@op(node="RsubBackward0", promote=PROMOTE, elementwise=True, linear=True)
def reverse_subtract_scaled(x, y, *, alpha=1):
    """`y` minus `alpha` times `x`.  (*S), (*S) -> (*S)"""
    return y - _factor(alpha, x) * x


@reverse_subtract_scaled.grad("x")
def reverse_subtract_scaled_dx(g, alpha):
    return -g * alpha


@reverse_subtract_scaled.grad("y")
def reverse_subtract_scaled_dy(g):
    return g


def _factor(alpha, x):
    """Return a factor as a number that leaves the dtype of `x` alone."""
    return bool(alpha) if x.dtype.kind == "b" else alpha


def _check_alpha(input, other, alpha):
    dtype = result_type((input, other))
    if isinstance(alpha, bool) and category(dtype) > 0:
        raise RuntimeError("Boolean alpha only supported for Boolean results.")
    if category(dtype) < 2 and isinstance(alpha, (float, complex)):
        raise RuntimeError(
            "For integral input tensors, argument alpha must not be a floating point number."
        )
    if category(dtype) < 3 and isinstance(alpha, complex):
        raise RuntimeError(
            "For non-complex input tensors, argument alpha must not be a complex number."
        )


def _check_operands(function, input, other):
    """Refuse operands that are neither tensors nor numbers, and two numbers."""
    if not isinstance(input, (Value, int, float, complex)):
        expect_tensor(function, input)
    if not isinstance(other, Value) and not hasattr(other, "__array__"):
        if not isinstance(other, (int, float, complex)):
            expect_tensor(function, other, "other", 2)
        expect_tensor(function, input)


def _is_floating(given):
    return isinstance(given, Value) and given.get_dtype().kind == "f"


def _check_not_bools(input, other):
    """Refuse bools: PyTorch does not subtract them."""
    first, second = result_type((input,)), result_type((other,))
    if first.kind == "b" and second.kind == "b":
        raise RuntimeError(
            "Subtraction, the `-` operator, with two bool tensors is not supported. Use the `^` "
            "or `logical_xor()` operator instead."
        )
    if first.kind == "b" or second.kind == "b":
        raise RuntimeError(
            "Subtraction, the `-` operator, with a bool tensor is not supported. If you are "
            "trying to invert a mask, use the `~` or `logical_not()` operator instead."
        )


@public("add", inplace=True, out=True)
def add_front(input, other, *, alpha=1):
    """Add `other`, times `alpha`, to `input`.

    Parameters
    ----------
    input, other : Tensor or number
    alpha : number
        A factor for `other`; no fraction where the result is of integers.
    """
    unscaled = type(alpha) is int and alpha == 1
    if unscaled and isinstance(input, Value) and isinstance(other, (Value, float)):
        return call2(add, input, other)
    _check_operands("add", input, other)
    if unscaled:
        return add(input, other)
    _check_alpha(input, other, alpha)
    return add_scaled(input, other, alpha=plain(alpha))


@public("sub", inplace=True, out=True, aliases=("subtract",))
def subtract_front(input, other, *, alpha=1):
    """Subtract `other`, times `alpha`, from `input`; bools are refused."""
    unscaled = type(alpha) is int and alpha == 1
    if unscaled and _is_floating(input) and (isinstance(other, float) or _is_floating(other)):
        return call2(subtract, input, other)
    _check_operands("sub", input, other)
    _check_not_bools(input, other)
    if unscaled:
        return subtract(input, other)
    _check_alpha(input, other, alpha)
    return subtract_scaled(input, other, alpha=plain(alpha))


def _check_no_bool(input):
    """Refuse bools: PyTorch does not negate them."""
    if input.dtype.kind == "b":
        raise RuntimeError(
            "Negation, the `-` operator, on a bool tensor is not supported. If you are trying to "
            "invert a mask, use the `~` or `logical_not()` operator instead."
        )


subtract.refuse = _check_not_bools
reverse_subtract.refuse = _check_not_bools
negative.refuse = _check_no_bool
add_front.kernel_op = add
subtract_front.kernel_op = subtract


@public("rsub", method=False)
def rsub(input, other, *, alpha=1):
    """Subtract `input`, times `alpha`, from `other`."""
    expect_tensor("rsub", input)
    _check_not_bools(input, other)
    if isinstance(other, Value):
        _check_alpha(input, other, alpha)
        return reverse_subtract_scaled(input, other, alpha=plain(alpha))
    if type(alpha) is int and alpha == 1:
        return reverse_subtract(input, other)
    _check_alpha(input, other, alpha)
    return reverse_subtract(multiply(input, alpha), other)


# -- quotients that are rounded ------------------------------------------------------------------


def _check_divisor(y):
    """Refuse integers to be divided by 0."""
    if not np.all(y):
        raise RuntimeError("ZeroDivisionError")


@op(node="DivBackward2", promote=PROMOTE, elementwise=True)
def divide_floor(x, y):
    """Quotient rounded down; its gradient is zero.  (*S), (*S) -> (*S)"""
    if x.dtype.kind != "f":
        refuse(x, "bc", "div_floor_cpu")
        _check_divisor(y)
    return np.floor_divide(x, y)


@divide_floor.grad("x", "y")
def divide_floor_d(g):
    return np.zeros_like(g)


@op(node="DivBackward2", promote=PROMOTE, elementwise=True)
def divide_trunc(x, y):
    """Quotient rounded towards zero; its gradient is zero.  (*S), (*S) -> (*S)"""
    if x.dtype.kind == "f":
        return np.trunc(x / y)
    refuse(x, "bc", "div_trunc_cpu")
    _check_divisor(y)
    down = np.floor_divide(x, y)
    return down + (np.less(down, 0) & np.not_equal(down * y, x))


@divide_trunc.grad("x", "y")
def divide_trunc_d(g):
    return np.zeros_like(g)


@op(
    numpy=np.floor_divide, node="torch::autograd::NotImplemented", promote=PROMOTE,
    elementwise=True,
)  # fmt: skip
def floor_divide(x, y):
    """Quotient rounded down, without a derivative.  (*S), (*S) -> (*S)"""
    if x.dtype.kind != "f":
        refuse(x, "bc", "div_floor_cpu")
        _check_divisor(y)
    return np.floor_divide(x, y)


@floor_divide.grad("x", "y")
def floor_divide_d(g):
    raise RuntimeError("derivative for aten::floor_divide is not implemented")


@public("div", inplace=True, out=True, aliases=("divide",))
def divide_front(input, other, *, rounding_mode=None):
    """Divide `input` by `other`.

    Parameters
    ----------
    input, other : Tensor or number
    rounding_mode : None, 'trunc' or 'floor'
        None gives a floating result; the others round, keep integers, and have zero gradients.
    """
    if rounding_mode is None:
        if isinstance(input, Value) and isinstance(other, (Value, float)):
            return call2(divide, input, other)
        _check_operands("div", input, other)
        return divide(input, other)
    _check_operands("div", input, other)
    if rounding_mode == "floor":
        return divide_floor(input, other)
    if rounding_mode == "trunc":
        return divide_trunc(input, other)
    raise RuntimeError(
        "div expected rounding_mode to be one of None, 'trunc', or 'floor' but found "
        f"'{rounding_mode}'"
    )


divide_front.kernel_op = divide


@public("floor_divide", inplace=True, out=True)
def floor_divide_front(input, other):
    """Divide and round down; it has no gradient (`div` with ``rounding_mode="floor"`` has)."""
    _check_operands("floor_divide", input, other)
    return floor_divide(input, other)


# -- remainders ----------------------------------------------------------------------------------


def _remainder(x, y):
    if x.dtype.kind != "f":
        refuse(x, "bc", "remainder_cpu")
        _check_divisor(y)
    return np.remainder(x, y)


@op(numpy=np.remainder, node="RemainderBackward1", promote=PROMOTE, elementwise=True)
def remainder(x, y):
    """What `x` leaves when divided by `y`, with the sign of `y`.  (*S), (*S) -> (*S)"""
    return _remainder(x, y)


@remainder.grad("x")
def remainder_dx(g):
    return g


@remainder.grad("y")
def remainder_dy(g, x, y):
    return -g * divide_floor(x, y)


@op(node="RemainderBackward0", promote=PROMOTE, elementwise=True)
def remainder_scalar(x, y):
    """The remainder of a division by a number, with the number's sign.  (*S), () -> (*S)"""
    return _remainder(x, y)


@remainder_scalar.grad("x")
def remainder_scalar_dx(g):
    return g


def _fmod(x, y):
    if x.dtype.kind != "f":
        refuse(x, "bc", "fmod_cpu")
        _check_divisor(y)
    return np.fmod(x, y)


@op(numpy=np.fmod, node="FmodBackward1", promote=PROMOTE, elementwise=True)
def fmod(x, y):
    """What `x` leaves when divided by `y`, with the sign of `x`.  (*S), (*S) -> (*S)"""
    return _fmod(x, y)


@fmod.grad("x")
def fmod_dx(g):
    return g


@fmod.grad("y")
def fmod_dy(g, x, y):
    return -g * divide_trunc(x, y)


@op(node="FmodBackward0", promote=PROMOTE, elementwise=True)
def fmod_scalar(x, y):
    """The remainder of a division by a number, with the sign of `x`.  (*S), () -> (*S)"""
    return _fmod(x, y)


@fmod_scalar.grad("x")
def fmod_scalar_dx(g):
    return g


@public("remainder", inplace=True, out=True)
def remainder_front(input, other):
    """The remainder of a division, with the sign of the divisor, as Python's ``%``."""
    _check_operands("remainder", input, other)
    if not isinstance(input, Value):
        return remainder(input, other)
    return call2(remainder if isinstance(other, Value) else remainder_scalar, input, other)


tensor_and_scalar(fmod, fmod_scalar, "fmod", inplace=True)


# -- absolute value and sign ---------------------------------------------------------------------


@op(
    numpy=(np.absolute, np.fabs), node="AbsBackward0", elementwise=True,
    torch="abs", aliases=("absolute",),
)  # fmt: skip
def absolute(x):
    """Absolute value; its gradient at 0 is 0.  (*S) -> (*S)"""
    refuse(x, "b", "abs_cpu")
    return np.absolute(x)


@absolute.grad("x")
def absolute_dx(g, x):
    return g * signum(x)


def _abs_in_place(input):
    if input.get_dtype().kind == "c":
        raise RuntimeError("In-place abs is not supported for complex tensors.")
    return absolute(input)


public("abs", method=False, function=False, inplace=True, aliases=("absolute",))(_abs_in_place)


@op(numpy=np.sign, node="SignBackward0", elementwise=True, torch="sign", inplace=True)
def sign(x):
    """-1, 0 or 1, and 0 for nan; its gradient is zero.  (*S) -> (*S)"""
    kind = x.dtype.kind
    if kind == "f":
        # np.sign(nan) is nan, which would spoil the gradient of abs where nothing flows back.
        return np.subtract(np.greater(x, 0), np.less(x, 0), dtype=x.dtype)
    if kind == "b":
        return np.copy(x)
    if kind == "c":
        raise NotImplementedError(
            "Unlike NumPy, torch.sign is not intended to support complex numbers. Please use "
            "torch.sgn instead."
        )
    return np.sign(x)


@sign.grad("x")
def sign_dx(g):
    return np.zeros_like(g)


@op(node="SgnBackward0", elementwise=True, torch="sgn", inplace=True)
def signum(x):
    """`x` divided by its absolute value, 0 where that is 0.  (*S) -> (*S)"""
    if x.dtype.kind == "c":
        size = np.absolute(x)
        return np.where(size == 0, 0, x / np.where(size == 0, 1, size))
    return sign.kernel(x)


@signum.grad("x")
def signum_dx(g, x, out, x_dtype):
    if x_dtype.kind != "c":
        return np.zeros_like(g)
    size = np.absolute(x)
    along = np.real(np.conj(out) * g) * out
    return np.where(size == 0, 0, (g - along) / np.where(size == 0, 1, size))


@public("positive")
def positive(input):
    """The tensor itself; bools are refused."""
    expect_tensor("positive", input)
    if input.get_dtype().kind == "b":
        raise RuntimeError("The `+` operator, on a bool tensor is not supported.")
    return input


@op(numpy=np.copysign, node="CopysignBackward0", promote=FLOAT, elementwise=True)
def copysign(x, y):
    """The size of `x` with the sign of `y`; its gradient at 0 is 0.  (*S), (*S) -> (*S)"""


@copysign.grad("x")
def copysign_dx(g, x, out):
    return np.where(x == 0, 0, g * (out / np.where(x == 0, 1, x)))


@copysign.grad("y")
def copysign_dy(g):
    return np.zeros_like(g)


@op(node="CopysignBackward1", promote=FLOAT, elementwise=True)
def copysign_scalar(x, y):
    """The size of `x` with the sign of a number.  (*S), () -> (*S)"""
    return np.copysign(x, y)


@copysign_scalar.grad("x")
def copysign_scalar_dx(g, x, out):
    return np.where(x == 0, 0, g * (out / np.where(x == 0, 1, x)))


tensor_and_scalar(copysign, copysign_scalar, "copysign", inplace=True)


# -- powers of two, greatest common divisors -----------------------------------------------------


@op(numpy=np.ldexp, node="LdexpBackward0", promote=FLOAT, elementwise=True)
def ldexp(x, y):
    """`x` times 2 to the power of `y`.  (*S), (*S) -> (*S)"""
    return x * np.exp2(y)


@ldexp.grad("x")
def ldexp_dx(g, y):
    return g * np.exp2(y)


@ldexp.grad("y")
def ldexp_dy(g, out):
    return g * out * _LN2


both_tensors(ldexp, "ldexp", inplace=True)

frexp_result = struct("frexp", "mantissa", "exponent")


@op(numpy=np.frexp, node="FrexpBackward0", differentiable=(0,))
def frexp(x):
    """Mantissa in [0.5, 1) and exponent of 2.  (*S) -> (*S), (*S)"""
    return np.frexp(x)


@frexp.grad("x")
def frexp_dx(g, x_dtype, out):
    return g[0] / np.exp2(cast(out[1], dtype=x_dtype))


@public("frexp", out=True)
def frexp_front(input):
    """Split into mantissa and exponent: ``input == mantissa * 2 ** exponent``."""
    expect_tensor("frexp", input)
    if input.get_dtype().kind != "f":
        raise RuntimeError("torch.frexp() only supports floating-point dtypes")
    return frexp_result(*frexp(input))


@op(numpy=np.gcd, promote=PROMOTE, elementwise=True)
def gcd(x, y):
    """Greatest common divisor of integers.  (*S), (*S) -> (*S)"""
    refuse(x, "bfc", "gcd_cpu")
    return np.gcd(x, y)


@op(numpy=np.lcm, promote=PROMOTE, elementwise=True)
def lcm(x, y):
    """Least common multiple of integers.  (*S), (*S) -> (*S)"""
    refuse(x, "bfc", "lcm_cpu")
    return np.lcm(x, y)


both_tensors(gcd, "gcd", inplace=True)
both_tensors(lcm, "lcm", inplace=True)
