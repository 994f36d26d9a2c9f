"""Comparisons, tests of numbers, logical and bitwise operations.  None has a gradient."""

from __future__ import annotations

import numpy as np

from .._core.op import KEEP, PROMOTE, op
from .._core.public import expect_tensor, public
from .._core.tracing import all_true
from .._core.value import Value
from ._arguments import scalar_name
from ._fronts import both_tensors, refuse
from .copying import cast

# -- comparisons ---------------------------------------------------------------------------------


@op(
    numpy=np.equal, promote=PROMOTE, elementwise=True, torch="eq",
)  # fmt: skip
def eq(x, y):
    """Whether `x` equals `y`.  (*S), (*S) -> (*S)"""


@op(
    numpy=np.not_equal, promote=PROMOTE, elementwise=True, torch="ne",
    aliases=("not_equal",),
)  # fmt: skip
def ne(x, y):
    """Whether `x` differs from `y`.  (*S), (*S) -> (*S)"""


@op(
    numpy=np.less, promote=PROMOTE, elementwise=True, torch="lt",
    aliases=("less",),
)  # fmt: skip
def lt(x, y):
    """Whether `x` is less than `y`.  (*S), (*S) -> (*S)"""


@op(
    numpy=np.less_equal, promote=PROMOTE, elementwise=True, torch="le",
    aliases=("less_equal",),
)  # fmt: skip
def le(x, y):
    """Whether `x` is at most `y`.  (*S), (*S) -> (*S)"""


@op(
    numpy=np.greater, promote=PROMOTE, elementwise=True, torch="gt",
    aliases=("greater",),
)  # fmt: skip
def gt(x, y):
    """Whether `x` is greater than `y`.  (*S), (*S) -> (*S)"""


@op(
    numpy=np.greater_equal, promote=PROMOTE, elementwise=True, torch="ge",
    aliases=("greater_equal",),
)  # fmt: skip
def ge(x, y):
    """Whether `x` is at least `y`.  (*S), (*S) -> (*S)"""


def _comparison_in_place(compare):
    """Register the in-place form: 0 and 1 in the tensor's own dtype, with zero gradients."""
    name = compare.torch
    nodes = []
    for number in (0, 1):

        def kernel(x, y, z):
            return np.copy(z)

        kernel.__name__ = f"{name}_in_place_{number}"
        node = op(kernel, node=f"{name.capitalize()}Backward{number}", elementwise=True)
        node.grad("x", "y")(_zero_gradient)
        nodes.append(node)

    def front(input, other):
        with_tensor = isinstance(other, Value)
        result = cast(compare(input, other), dtype=input.get_dtype())
        wanted = input.requires or (with_tensor and other.requires)
        if wanted and input.get_dtype().kind in "fc":
            return nodes[with_tensor](input, other, result)
        return result

    front.__name__ = front.__qualname__ = name
    front.__doc__ = compare.function.__doc__
    public(name, method=False, function=False, inplace=True, aliases=compare.aliases)(front)


def _zero_gradient(g):
    return np.zeros_like(g)


for _op in (eq, ne, lt, le, gt, ge):
    _comparison_in_place(_op)


# -- tests of numbers ----------------------------------------------------------------------------


@op(numpy=np.isnan, elementwise=True)
def isnan(x):
    """Whether it is not a number.  (*S) -> (*S)"""
    return np.isnan(x)


@op(numpy=np.isinf, elementwise=True)
def isinf(x):
    """Whether it is an infinity.  (*S) -> (*S)"""
    return np.isinf(x)


@op(numpy=np.isfinite, elementwise=True)
def isfinite(x):
    """Whether it is neither nan nor an infinity.  (*S) -> (*S)"""
    return np.isfinite(x)


@op(numpy=np.isreal, elementwise=True)
def isreal(x):
    """Whether the imaginary part is 0.  (*S) -> (*S)"""
    return np.isreal(x)


def _test(op):
    """Register a test that PyTorch has without `out=`."""

    def front(input):
        expect_tensor(op.name, input)
        return op(input)

    front.__doc__ = op.function.__doc__
    public(op.name)(front)


for _op in (isnan, isinf, isfinite, isreal):
    _test(_op)


@op(numpy=np.isposinf, elementwise=True, torch="isposinf")
def isposinf(x):
    """Whether it is infinity.  (*S) -> (*S)"""
    _refuse_complex(x, "isposinf does not support complex inputs.")
    return np.equal(x, np.inf)


@op(numpy=np.isneginf, elementwise=True, torch="isneginf")
def isneginf(x):
    """Whether it is minus infinity.  (*S) -> (*S)"""
    _refuse_complex(x, "isneginf does not support complex inputs.")
    return np.equal(x, -np.inf)


def _refuse_complex(x, message):
    if x.dtype.kind == "c":
        raise RuntimeError(message)


# -- nearly equal --------------------------------------------------------------------------------


@op(name="isclose", numpy=np.isclose, promote=KEEP, elementwise=True)
def isclose_op(x, y, *, rtol=1e-05, atol=1e-08, equal_nan=False):
    """Whether `x` is as near to `y` as the tolerances say.  (*S), (*S) -> (*S)"""
    close = np.equal(x, y)
    if equal_nan and x.dtype.kind in "fc":
        close = close | (np.isnan(x) & np.isnan(y))
    if rtol == 0 and atol == 0:
        return close
    if x.dtype.kind in "biu":
        x, y = x.astype(np.float64), y.astype(np.float64)
    distance = np.absolute(x - y)
    return close | (np.isfinite(distance) & (distance <= atol + np.absolute(rtol * y)))


@public("isclose")
def isclose(input, other, rtol=1e-05, atol=1e-08, equal_nan=False):
    """Say where ``|input - other| <= atol + rtol * |other|``.

    Parameters
    ----------
    input, other : Tensor
        Of one dtype.
    rtol, atol : float
        Not negative.
    equal_nan : bool
        Whether two nan are close.
    """
    expect_tensor("isclose", input)
    expect_tensor("isclose", other, "other", 2)
    first, second = input.get_dtype(), other.get_dtype()
    if first != second:
        raise RuntimeError(f"{scalar_name(first)} did not match {scalar_name(second)}")
    for name, value in (("rtol", rtol), ("atol", atol)):
        if value < 0:
            raise RuntimeError(f"{name} must be greater than or equal to zero, but got {value:g}")
    return isclose_op(input, other, rtol=rtol, atol=atol, equal_nan=equal_nan)


@public("allclose")
def allclose(input, other, rtol=1e-05, atol=1e-08, equal_nan=False):
    """Say whether all elements are close, as a bool; see :func:`isclose`."""
    close = isclose(input, other, rtol=rtol, atol=atol, equal_nan=equal_nan)
    return all_true(close.array)


@public("equal")
def equal(input, other):
    """Say whether two tensors have the same shape and elements, as a bool."""
    expect_tensor("equal", input)
    expect_tensor("equal", other, "other", 2)
    return input.get_shape() == other.get_shape() and all_true(eq(input, other).array)


# -- logical -------------------------------------------------------------------------------------


@op(numpy=np.logical_and, elementwise=True)
def logical_and(x, y):
    """Whether both are not 0.  (*S), (*S) -> (*S)"""


@op(numpy=np.logical_or, elementwise=True)
def logical_or(x, y):
    """Whether one is not 0.  (*S), (*S) -> (*S)"""


@op(numpy=np.logical_xor, elementwise=True)
def logical_xor(x, y):
    """Whether just one is not 0.  (*S), (*S) -> (*S)"""


@op(numpy=np.logical_not, elementwise=True, torch="logical_not", inplace=True)
def logical_not(x):
    """Whether it is 0.  (*S) -> (*S)"""


for _op in (logical_and, logical_or, logical_xor):
    both_tensors(_op, _op.name, inplace=True)


# -- bitwise -------------------------------------------------------------------------------------


@op(numpy=np.bitwise_and, promote=PROMOTE, elementwise=True)
def bitwise_and(x, y):
    """And, bit by bit.  (*S), (*S) -> (*S)"""
    refuse(x, "fc", "bitwise_and_cpu")
    return np.bitwise_and(x, y)


@op(numpy=np.bitwise_or, promote=PROMOTE, elementwise=True)
def bitwise_or(x, y):
    """Or, bit by bit.  (*S), (*S) -> (*S)"""
    refuse(x, "fc", "bitwise_or_cpu")
    return np.bitwise_or(x, y)


@op(numpy=np.bitwise_xor, promote=PROMOTE, elementwise=True)
def bitwise_xor(x, y):
    """Exclusive or, bit by bit.  (*S), (*S) -> (*S)"""
    refuse(x, "fc", "bitwise_xor_cpu")
    return np.bitwise_xor(x, y)


@op(numpy=np.bitwise_not, elementwise=True, torch="bitwise_not", inplace=True)
def bitwise_not(x):
    """Not, bit by bit; of bools, logically.  (*S) -> (*S)"""
    refuse(x, "fc", "bitwise_not_cpu")
    return np.bitwise_not(x)


def _bits(x):
    return 8 * x.dtype.itemsize


@op(numpy=np.left_shift, promote=PROMOTE, elementwise=True)
def bitwise_left_shift(x, y):
    """Bits moved `y` places up; 0 when `y` is out of range.  (*S), (*S) -> (*S)"""
    refuse(x, "bfc", "lshift_cpu")
    inside = np.greater_equal(y, 0) & np.less(y, _bits(x))
    return np.where(inside, np.left_shift(x, np.where(inside, y, 0)), 0).astype(x.dtype)


@op(numpy=np.right_shift, promote=PROMOTE, elementwise=True)
def bitwise_right_shift(x, y):
    """Bits moved `y` places down; the sign alone when `y` is out of range.  (*S), (*S) -> (*S)"""
    refuse(x, "bfc", "rshift_cpu")
    last = _bits(x) - 1
    inside = np.greater_equal(y, 0) & np.less(y, last)
    return np.right_shift(x, np.where(inside, y, last)).astype(x.dtype)


_NUMBERS = (int, float, complex, np.generic)


def _bitwise_front(op):
    """Register a bitwise operation; one operand may be a number."""
    name = op.name

    def front(input, other):
        if not isinstance(input, Value):
            if not isinstance(input, _NUMBERS):
                expect_tensor(name, input)
            expect_tensor(name, other, "other", 2)
        elif not isinstance(other, Value) and not isinstance(other, _NUMBERS):
            expect_tensor(name, other, "other", 2)
        return op(input, other)

    front.__name__ = front.__qualname__ = name
    front.__doc__ = op.function.__doc__
    public(name, inplace=True, out=True)(front)


for _op in (bitwise_and, bitwise_or, bitwise_xor, bitwise_left_shift, bitwise_right_shift):
    _bitwise_front(_op)


# -- of tensors as a whole -----------------------------------------------------------------------


@public("is_nonzero")
def is_nonzero(input):
    """Say whether the one element of a tensor is not 0, as a bool."""
    expect_tensor("is_nonzero", input)
    size = input.array.size
    if size == 0:
        raise RuntimeError("Boolean value of Tensor with no values is ambiguous")
    if size > 1:
        raise RuntimeError("Boolean value of Tensor with more than one value is ambiguous")
    return bool(input)


@public("is_floating_point")
def is_floating_point(input):
    """Say whether the dtype is a floating one."""
    return expect_tensor("is_floating_point", input).get_dtype().kind in "fV"


@public("is_complex")
def is_complex(input):
    """Say whether the dtype is a complex one."""
    return expect_tensor("is_complex", input).get_dtype().kind == "c"


@public("is_signed")
def is_signed(input):
    """Say whether the dtype has negative numbers."""
    return expect_tensor("is_signed", input).get_dtype().kind in "ifVc"


@public("is_same_size", method=True)
def is_same_size(input, other):
    """Say whether two tensors have the same shape."""
    expect_tensor("is_same_size", input)
    expect_tensor("is_same_size", other, "other", 2)
    return input.get_shape() == other.get_shape()
