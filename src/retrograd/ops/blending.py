"""Linear interpolation, and products and quotients added to a tensor."""

from __future__ import annotations

from .._core.holomorphic import holomorphic
from .._core.op import PROMOTE, op
from .._core.promotion import category, result_type
from .._core.public import expect_tensor, public
from .._core.value import Value
from ._arguments import c_name
from ._fronts import plain, refuse


@holomorphic
@op(node="LerpBackward0", elementwise=True, linear=True)
def lerp_scalar(x, y, *, weight):
    """`x` where the weight is 0, `y` where it is 1, a mixture between.  (*S), (*S) -> (*S)"""
    refuse(x, "biu", "lerp_kernel_scalar")
    # As in PyTorch, the nearer end is what is exact.
    if abs(weight) < 0.5:
        return x + weight * (y - x)
    return y - (y - x) * (1 - weight)


@lerp_scalar.grad("x")
def lerp_scalar_dx(g, weight):
    return g * (1 - weight)


@lerp_scalar.grad("y")
def lerp_scalar_dy(g, weight):
    return g * weight


@holomorphic
@op(node="LerpBackward1", elementwise=True)
def lerp_tensor(x, y, z):
    """`x` where the weight `z` is 0, `y` where it is 1.  (*S), (*S), (*S) -> (*S)"""
    refuse(x, "biu", "lerp_kernel_tensor")
    near = abs(z) < 0.5
    return near * (x + z * (y - x)) + ~near * (y - (y - x) * (1 - z))


@lerp_tensor.grad("x")
def lerp_tensor_dx(g, z):
    return g * (1 - z)


@lerp_tensor.grad("y")
def lerp_tensor_dy(g, z):
    return g * z


@lerp_tensor.grad("z")
def lerp_tensor_dz(g, x, y):
    return g * (y - x)


@public("lerp", inplace=True, out=True)
def lerp(input, end, weight):
    """Interpolate between `input` and `end`.

    Parameters
    ----------
    input, end : Tensor
        Of one dtype.
    weight : Tensor or number
        0 gives `input`, 1 gives `end`.
    """
    expect_tensor("lerp", input)
    expect_tensor("lerp", end, "end", 2)
    _check_dtype(input, end, "end")
    if isinstance(weight, Value):
        _check_dtype(input, weight, "weight")
        return lerp_tensor(input, end, weight)
    return lerp_scalar(input, end, weight=plain(weight))


def _check_dtype(input, other, argument):
    if input.get_dtype() != other.get_dtype():
        raise RuntimeError(
            f"expected dtype {c_name(input.get_dtype())} for `{argument}` but got dtype "
            f"{c_name(other.get_dtype())}"
        )


@holomorphic
@op(name="addcmul", node="AddcmulBackward0", promote=PROMOTE, elementwise=True)
def addcmul_op(x, y, z, *, value):
    """`x` plus `value` times `y` times `z`.  (*S), (*S), (*S) -> (*S)"""
    return x + value * y * z


@addcmul_op.grad("x")
def addcmul_dx(g):
    return g


@addcmul_op.grad("y")
def addcmul_dy(g, z, value):
    return g * (z * value)


@addcmul_op.grad("z")
def addcmul_dz(g, y, value):
    return g * (y * value)


@holomorphic
@op(name="addcdiv", node="AddcdivBackward0", promote=PROMOTE, elementwise=True)
def addcdiv_op(x, y, z, *, value):
    """`x` plus `value` times `y` divided by `z`.  (*S), (*S), (*S) -> (*S)"""
    return x + value * (y / z)


@addcdiv_op.grad("x")
def addcdiv_dx(g):
    return g


@addcdiv_op.grad("y")
def addcdiv_dy(g, z, value):
    return g * (value / z)


@addcdiv_op.grad("z")
def addcdiv_dz(g, y, z, value):
    return -g * ((value * y) / (z * z))


@public("addcmul", inplace=True, out=True)
def addcmul(input, tensor1, tensor2, *, value=1):
    """Add `value` times the product of two tensors to `input`."""
    dtype = _check_three("addcmul", input, tensor1, tensor2)
    if category(dtype) < 2:
        value = int(value)
    return addcmul_op(input, tensor1, tensor2, value=plain(value))


@public("addcdiv", inplace=True, out=True)
def addcdiv(input, tensor1, tensor2, *, value=1):
    """Add `value` times the quotient of two tensors to `input`; two integer tensors are refused."""
    _check_three("addcdiv", input, tensor1, tensor2)
    if category(result_type((tensor1, tensor2))) < 2:
        raise RuntimeError(
            "Integer division with addcdiv is no longer supported, and in a future  release "
            "addcdiv will perform a true division of tensor1 and tensor2. The historic addcdiv "
            "behavior can be implemented as (input + value * torch.trunc(tensor1 / tensor2))"
            ".to(input.dtype) for integer inputs and as (input + value * tensor1 / tensor2) for "
            "float inputs. The future addcdiv behavior is just the latter implementation: "
            "(input + value * tensor1 / tensor2), for all dtypes."
        )
    return addcdiv_op(input, tensor1, tensor2, value=plain(value))


def _check_three(function, input, tensor1, tensor2):
    expect_tensor(function, input)
    expect_tensor(function, tensor1, "tensor1", 2)
    expect_tensor(function, tensor2, "tensor2", 3)
    return result_type((input, tensor1, tensor2))
