"""Maxima and minima of two, choices by a condition, bounds."""

from __future__ import annotations

import numpy as np

from .._core.gates import call2
from .._core.op import PROMOTE, op
from .._core.promotion import category, result_type
from .._core.public import expect_tensor, public
from .._core.traced import one_step
from .._core.tracing import from_python
from .._core.value import Value
from ._arguments import array_in, scalar_name
from ._fronts import plain, refuse
from .copying import cast

# -- the larger and the smaller of two -----------------------------------------------------------


@op(numpy=np.maximum, node="MaximumBackward0", promote=PROMOTE, elementwise=True)
def maximum(x, y):
    """The larger; nan when one is nan.  (*S), (*S) -> (*S)

    Equal elements share the gradient; where one is nan, both get it whole.
    """


@maximum.grad("x")
def maximum_dx(g, x, y):
    return np.where(x < y, 0, np.where(x == y, g / 2, g))


@maximum.grad("y")
def maximum_dy(g, x, y):
    return np.where(x > y, 0, np.where(x == y, g / 2, g))


@op(numpy=np.minimum, node="MinimumBackward0", promote=PROMOTE, elementwise=True)
def minimum(x, y):
    """The smaller; nan when one is nan.  (*S), (*S) -> (*S)

    Equal elements share the gradient; where one is nan, both get it whole.
    """


@minimum.grad("x")
def minimum_dx(g, x, y):
    return np.where(x > y, 0, np.where(x == y, g / 2, g))


@minimum.grad("y")
def minimum_dy(g, x, y):
    return np.where(x < y, 0, np.where(x == y, g / 2, g))


@op(numpy=np.fmax, node="FmaxBackward0", promote=PROMOTE, elementwise=True)
def fmax(x, y):
    """The larger, nan counting as none; of equals, `x` gets the gradient.  (*S), (*S) -> (*S)"""


@fmax.grad("x")
def fmax_dx(g, x, y):
    return np.where((x >= y) | np.isnan(y), g, 0)


@fmax.grad("y")
def fmax_dy(g, x, y):
    return np.where((x >= y) | np.isnan(y), 0, g)


@op(numpy=np.fmin, node="FminBackward0", promote=PROMOTE, elementwise=True)
def fmin(x, y):
    """The smaller, nan counting as none; of equals, `x` gets the gradient.  (*S), (*S) -> (*S)"""


@fmin.grad("x")
def fmin_dx(g, x, y):
    return np.where((x <= y) | np.isnan(y), g, 0)


@fmin.grad("y")
def fmin_dy(g, x, y):
    return np.where((x <= y) | np.isnan(y), 0, g)


def _two_tensors(op):
    """Register a choice of two tensors."""
    name = op.name

    def front(input, other):
        expect_tensor(name, input)
        expect_tensor(name, other, "other", 2)
        if input.get_dtype().kind == "c" or other.get_dtype().kind == "c":
            raise RuntimeError(f"{name} not implemented for complex tensors.")
        return call2(op, input, other)

    front.__name__ = front.__qualname__ = name
    front.__doc__ = op.function.__doc__
    public(name, out=True)(front)


for _op in (maximum, minimum, fmax, fmin):
    _two_tensors(_op)


# -- by a condition ------------------------------------------------------------------------------


@op(name="where", numpy=np.where, node="WhereBackward0", elementwise=True)
def where_op(condition, x, y):
    """`x` where the condition holds, else `y`.  (*S), (*S), (*S) -> (*S)"""
    return np.where(condition, x, y)


@where_op.grad("x")
def where_dx(g, condition):
    return np.where(condition, g, 0)


@where_op.grad("y")
def where_dy(g, condition):
    return np.where(condition, 0, g)


@one_step
def places_of(condition):
    """Return where a condition holds, a tensor for each dimension."""
    return tuple([condition.make(places) for places in np.nonzero(np.atleast_1d(condition.array))])


_NOTHING = object()


def where(condition, input=_NOTHING, other=_NOTHING):
    """Choose elements of `input` where the condition holds, of `other` where it does not.

    Parameters
    ----------
    condition : Tensor of bool
    input, other : Tensor or number
        Brought to one dtype.  Without both, the places where the condition holds are returned, a
        tensor for each dimension.
    """
    expect_tensor("where", condition, "condition")
    if isinstance(input, Value) and condition.get_dtype().kind == "b":
        dtype = input.get_dtype()
        if type(other) is float and dtype.kind == "f":
            return where_op(condition, input, other)
        if isinstance(other, Value) and other.get_dtype() == dtype:
            return where_op(condition, input, other)
    if input is _NOTHING:
        return places_of(condition)
    kind = condition.get_dtype()
    if kind.kind != "b" and kind != np.uint8:
        raise RuntimeError(
            "where expected condition to be a boolean tensor, but got a tensor with dtype "
            f"{scalar_name(kind)}"
        )
    if other is _NOTHING:
        raise TypeError("where() missing 1 required positional arguments: \"other\"")
    dtype = result_type((input, other))
    return where_op(condition, _in_dtype(input, dtype), _in_dtype(other, dtype))


def _in_dtype(given, dtype):
    if isinstance(given, Value):
        return given if given.get_dtype() == dtype else cast(given, dtype=dtype)
    return from_python(array_in, given, dtype)


def _where_method(self, condition, other):
    """Choose elements of this tensor where the condition holds, else of `other`."""
    return where(condition, self, other)


public("where", out=True, method=False)(where)
public("where", function=False)(_where_method)


# -- bounds --------------------------------------------------------------------------------------


def _bounded(x, low, high):
    if low is not None:
        x = np.maximum(x, low)
    if high is not None:
        x = np.minimum(x, high)
    return x


def _inside(x, low, high):
    """Return where `x` is within its bounds; they are within."""
    if high is None:
        return x >= low
    if low is None:
        return x <= high
    return (x >= low) & (x <= high)


@op(node="ClampBackward1", elementwise=True)
def clamp_numbers(x, *, low=None, high=None):
    """`x` brought within two numbers; at a bound the gradient passes.  (*S) -> (*S)"""
    return _bounded(x, low, high)


@clamp_numbers.grad("x")
def clamp_numbers_dx(g, x, low, high):
    return np.where(_inside(x, low, high), g, 0)


@op(node="ClampMinBackward0", elementwise=True)
def clamp_min_number(x, low):
    """`x` or the bound, the larger; at the bound the gradient passes.  (*S), () -> (*S)"""
    return np.maximum(x, low)


@clamp_min_number.grad("x")
def clamp_min_number_dx(g, x, low):
    return np.where(x >= low, g, 0)


@op(node="ClampMaxBackward0", elementwise=True)
def clamp_max_number(x, high):
    """`x` or the bound, the smaller; at the bound the gradient passes.  (*S), () -> (*S)"""
    return np.minimum(x, high)


@clamp_max_number.grad("x")
def clamp_max_number_dx(g, x, high):
    return np.where(x <= high, g, 0)


@op(node="ClampBackward0", promote=PROMOTE, elementwise=True)
def clamp_tensors(x, low, high):
    """`x` brought within two tensors, one of which may be None.  (*S), (*S), (*S) -> (*S)

    At a bound the gradient goes to `x`; where the bounds cross, to the upper one.
    """
    return _bounded(x, low, high)


@clamp_tensors.grad("x")
def clamp_tensors_dx(g, x, low, high):
    return np.where(_inside(x, low, high), g, 0)


@clamp_tensors.grad("low")
def clamp_tensors_dlow(g, x, low, high):
    below = x < low
    return np.where(below if high is None else below & (low < high), g, 0)


@clamp_tensors.grad("high")
def clamp_tensors_dhigh(g, x, low, high):
    above = x > high
    return np.where(above if low is None else above | (high < low), g, 0)


@op(node="ClampMinBackward1", promote=PROMOTE, elementwise=True)
def clamp_min_tensor(x, low):
    """`x` or the bound, whichever is larger; equals belong to `x`.  (*S), (*S) -> (*S)"""
    return np.maximum(x, low)


@clamp_min_tensor.grad("x")
def clamp_min_tensor_dx(g, x, low):
    return np.where(x >= low, g, 0)


@clamp_min_tensor.grad("low")
def clamp_min_tensor_dlow(g, x, low):
    return np.where(x < low, g, 0)


@op(node="ClampMaxBackward1", promote=PROMOTE, elementwise=True)
def clamp_max_tensor(x, high):
    """`x` or the bound, whichever is smaller; equals belong to `x`.  (*S), (*S) -> (*S)"""
    return np.minimum(x, high)


@clamp_max_tensor.grad("x")
def clamp_max_tensor_dx(g, x, high):
    return np.where(x <= high, g, 0)


@clamp_max_tensor.grad("high")
def clamp_max_tensor_dhigh(g, x, high):
    return np.where(x > high, g, 0)


_NUMBERS = (float, int, type(None))


def _with_numbers(input, *bounds):
    """Return a tensor in the dtype that it shares with its bounds."""
    dtype = result_type([input, *[bound for bound in bounds if bound is not None]])
    if category(dtype) == 3:
        raise NotImplementedError("clamp is not supported for complex types")
    return input if dtype == input.get_dtype() else cast(input, dtype=dtype)


@public("clamp", inplace=True, out=True, aliases=("clip",))
def clamp(input, min=None, max=None):
    """Bring all elements within bounds.

    Parameters
    ----------
    input : Tensor
    min, max : number or Tensor, optional
        The bounds, both numbers or both tensors; where `min` is greater than `max`, `max` is the
        result.
    """
    expect_tensor("clamp", input)
    if min is None and max is None:
        raise RuntimeError("torch.clamp: At least one of 'min' or 'max' must not be None")
    if type(min) in _NUMBERS and type(max) in _NUMBERS and input.get_dtype().kind == "f":
        return clamp_numbers(input, low=min, high=max)
    min, max = plain(min), plain(max)
    tensors = [bound for bound in (min, max) if isinstance(bound, Value)]
    given = [bound for bound in (min, max) if bound is not None]
    if not tensors:
        return clamp_numbers(_with_numbers(input, min, max), low=min, high=max)
    if len(tensors) != len(given):
        raise TypeError(
            "clamp() received an invalid combination of arguments - got "
            f"(Tensor, {type(min).__name__}, {type(max).__name__}); the bounds must be both "
            "numbers or both tensors"
        )
    if category(result_type((input, *tensors))) == 3:
        raise NotImplementedError("clamp is not supported for complex types")
    return clamp_tensors(input, min, max)


@public("clamp_min", inplace=True, out=True)
def clamp_min(input, min):
    """Bring all elements up to a bound, a number or a tensor."""
    expect_tensor("clamp_min", input)
    if isinstance(min, Value):
        if category(result_type((input, min))) == 3:
            refuse_complex_bound("maximum_cpu", input, min)
        return call2(clamp_min_tensor, input, min)
    return call2(clamp_min_number, _with_numbers(input, min), plain(min))


@public("clamp_max", inplace=True, out=True)
def clamp_max(input, max):
    """Bring all elements down to a bound, a number or a tensor."""
    expect_tensor("clamp_max", input)
    if isinstance(max, Value):
        if category(result_type((input, max))) == 3:
            refuse_complex_bound("minimum_cpu", input, max)
        return call2(clamp_max_tensor, input, max)
    return call2(clamp_max_number, _with_numbers(input, max), plain(max))


def refuse_complex_bound(kernel, *tensors):
    """Raise PyTorch's error for complex tensors."""
    dtype = result_type(tensors)
    refuse(np.zeros((), dtype), "c", kernel)
