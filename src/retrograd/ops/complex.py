"""Complex numbers: parts, conjugates, angles, and how they are made of real ones."""

from __future__ import annotations

from math import pi

import numpy as np

from .._core.holomorphic import expect_complex
from .._core.op import FLOAT, op
from .._core.public import expect_tensor, public
from ._arguments import scalar_name
from .copying import cast

# -- parts ---------------------------------------------------------------------------------------


@op(numpy=np.real, node="SelectBackward0", view=True)
def real_part(x):
    """Real part.  (*S) -> (*S)"""
    return np.real(x)


@real_part.grad("x")
def real_part_dx(g, x_dtype):
    return cast(g, dtype=x_dtype)


@op(numpy=np.imag, node="SelectBackward0", view=True)
def imaginary_part(x):
    """Imaginary part.  (*S) -> (*S)"""
    return np.imag(x)


@imaginary_part.grad("x")
def imaginary_part_dx(g, x_dtype):
    return cast(g, dtype=x_dtype) * 1j


@public("real", method=False)
def real(input):
    """Return the real parts, a view; a real tensor is returned as it is."""
    expect_tensor("real", input)
    return real_part(input) if input.get_dtype().kind == "c" else input


@public("imag", method=False)
def imag(input):
    """Return the imaginary parts, a view; real tensors are refused."""
    expect_tensor("imag", input)
    if input.get_dtype().kind != "c":
        raise RuntimeError("imag is not implemented for tensors with non-complex dtypes.")
    return imaginary_part(input)


# -- conjugates ----------------------------------------------------------------------------------


@op(numpy=(np.conjugate, np.conj), node="ConjBackward0", elementwise=True, linear=True)
def conjugate(x):
    """Complex conjugate.  (*S) -> (*S)"""
    return np.conjugate(x)


@conjugate.grad("x")
def conjugate_dx(g):
    return np.conjugate(g)


@op(node="ConjPhysicalBackward0", elementwise=True, linear=True)
def conjugate_now(x):
    """Complex conjugate.  (*S) -> (*S)"""
    return np.conjugate(x)


@conjugate_now.grad("x")
def conjugate_now_dx(g):
    return np.conjugate(g)


@public("conj")
def conj(input):
    """Return the complex conjugates; a real tensor is returned as it is."""
    expect_tensor("conj", input)
    return conjugate(input) if input.get_dtype().kind == "c" else input


@public("conj_physical", inplace=True, out=True)
def conj_physical(input):
    """Return the complex conjugates, written out."""
    expect_tensor("conj_physical", input)
    return conjugate_now(input) if input.get_dtype().kind == "c" else input


@public("resolve_conj")
def resolve_conj(input):
    """Return the tensor: conjugation is never put off."""
    return expect_tensor("resolve_conj", input)


@public("resolve_neg")
def resolve_neg(input):
    """Return the tensor: negation is never put off."""
    return expect_tensor("resolve_neg", input)


@public("is_conj")
def is_conj(input):
    """Return False: conjugation is never put off."""
    expect_tensor("is_conj", input)
    return False


@public("is_neg")
def is_neg(input):
    """Return False: negation is never put off."""
    expect_tensor("is_neg", input)
    return False


# -- angles --------------------------------------------------------------------------------------


@op(numpy=np.angle, node="AngleBackward0", promote=FLOAT, elementwise=True, torch="angle")
def angle(x):
    """Angle in radians; pi for negative real numbers, gradient 0 at 0.  (*S) -> (*S)"""
    if x.dtype.kind == "c":
        return np.arctan2(np.imag(x), np.real(x))
    return np.where(np.isnan(x), x, np.where(np.less(x, 0), pi, 0)).astype(x.dtype)


@angle.grad("x")
def angle_dx(g, x, x_dtype):
    if x_dtype.kind != "c":
        return np.zeros_like(g)
    square = np.real(x) * np.real(x) + np.imag(x) * np.imag(x)
    return np.where(square == 0, 0, (g / np.where(square == 0, 1, square)) * (1j * x))


# -- made of real numbers ------------------------------------------------------------------------


@op(node="ComplexBackward0", elementwise=True, linear=True)
def complex_of(x, y):
    """`x` plus the imaginary unit times `y`.  (*S), (*S) -> (*S)"""
    expect_complex()
    return x + 1j * y


@complex_of.grad("x")
def complex_of_dx(g):
    return np.real(g)


@complex_of.grad("y")
def complex_of_dy(g):
    return np.imag(g)


@op(node="PolarBackward0", elementwise=True)
def polar_of(x, y):
    """The complex number of absolute value `x` and angle `y`.  (*S), (*S) -> (*S)"""
    expect_complex()
    return x * np.cos(y) + 1j * (x * np.sin(y))


@polar_of.grad("x")
def polar_of_dx(g, y):
    return np.real(g) * np.cos(y) + np.imag(g) * np.sin(y)


@polar_of.grad("y")
def polar_of_dy(g, x, y):
    return x * (np.imag(g) * np.cos(y) - np.real(g) * np.sin(y))


def _check_parts(function, first, second, names):
    a, b = first.get_dtype(), second.get_dtype()
    if a.kind != "f" or b.kind != "f":
        raise RuntimeError(
            "Expected both inputs to be Half, Float or Double tensors but got "
            f"{scalar_name(a)} and {scalar_name(b)}"
        )
    if a != b:
        raise RuntimeError(
            f"Expected object of scalar type {scalar_name(a)} but got scalar type "
            f"{scalar_name(b)} for second argument"
        )


@public("complex", method=False, out=True)
def complex(real, imag):
    """Make complex numbers of real and imaginary parts of one floating dtype."""
    expect_tensor("complex", real, "real")
    expect_tensor("complex", imag, "imag", 2)
    _check_parts("complex", real, imag, ("real", "imag"))
    return complex_of(real, imag)


@public("polar", method=False, out=True)
def polar(abs, angle):
    """Make complex numbers of absolute values and angles of one floating dtype."""
    expect_tensor("polar", abs, "abs")
    expect_tensor("polar", angle, "angle", 2)
    _check_parts("polar", abs, angle, ("abs", "angle"))
    return polar_of(abs, angle)


# -- pairs ---------------------------------------------------------------------------------------


@op(node="ViewAsRealBackward0", linear=True)
def pairs_of(x):
    """Real and imaginary part as a last axis of two.  (*S) -> (*S, 2)"""
    return np.stack([np.real(x), np.imag(x)], axis=-1)


@pairs_of.grad("x")
def pairs_of_dx(g):
    return number_of(g)


@op(node="ViewAsComplexBackward0", linear=True)
def number_of(x):
    """Complex numbers of a last axis of two.  (*S, 2) -> (*S)"""
    expect_complex()
    return x[..., 0] + 1j * x[..., 1]


@number_of.grad("x")
def number_of_dx(g):
    return pairs_of(g)


@public("view_as_real", method=False)
def view_as_real(input):
    """Return real and imaginary parts as a last axis of two (a copy)."""
    expect_tensor("view_as_real", input)
    if input.get_dtype().kind != "c":
        raise RuntimeError("view_as_real is only supported for complex tensors")
    return pairs_of(input)


@public("view_as_complex", method=False)
def view_as_complex(input):
    """Return complex numbers of a last axis of two (a copy)."""
    expect_tensor("view_as_complex", input)
    dtype, shape = input.get_dtype(), input.get_shape()
    if dtype.kind != "f":
        raise RuntimeError(
            "view_as_complex is only supported for half, float and double tensors, but got a "
            f"tensor of scalar type: {scalar_name(dtype)}"
        )
    if not shape:
        raise RuntimeError("Input tensor must have one or more dimensions")
    if shape[-1] != 2:
        raise RuntimeError("Tensor must have a last dimension of size 2")
    return number_of(input)
