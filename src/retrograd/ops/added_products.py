"""Products added to something: beta x + alpha y z, for matrices, vectors and batches."""

from __future__ import annotations

import numpy as np

from .._core.broadcast import sum_to
from .._core.op import PROMOTE, op
from .._core.public import expect_tensor, public
from ._arguments import scalar_name
from .linear_algebra import (
    adjoint,
    cannot_multiply,
    conjugate_of,
    expandable,
    expect_addmv_dtypes,
    expect_batches,
    expect_dims,
    expect_one_scalar_type,
    outer_of,
    text_of,
    times,
    times_batched,
)


def added(x, product, beta, alpha):
    """Return beta x + alpha product; x is not looked at when beta is 0."""
    if product.dtype.kind in "iu":
        beta = int(beta)
        alpha = int(alpha)
    if alpha != 1:
        product = alpha * product
    if beta == 0:
        return product
    return product + x if beta == 1 else product + beta * x


def scaled(g, factor):
    """Return factor g."""
    return g if factor == 1 else factor * g


@op(node="AddmmBackward0")
def addmm(x, y, z, *, beta=1, alpha=1):
    """beta x + alpha y z.  (n, m), (n, k), (k, m) -> (n, m); x broadcasts"""
    return added(x, times(y, z), beta, alpha)


@addmm.grad("x")
def addmm_dx(g, x_shape, beta):
    return scaled(sum_to(g, x_shape), beta)


@addmm.grad("y")
def addmm_dy(g, z, alpha):
    return scaled(times(g, adjoint(z)), alpha)


@addmm.grad("z")
def addmm_dz(g, y, alpha):
    return scaled(times(adjoint(y), g), alpha)


@op(node="AddmvBackward0")
def addmv(x, y, z, *, beta=1, alpha=1):
    """beta x + alpha y z.  (n,), (n, k), (k,) -> (n,); x broadcasts"""
    return added(x, times(y, z), beta, alpha)


@addmv.grad("x")
def addmv_dx(g, x_shape, beta):
    return scaled(sum_to(g, x_shape), beta)


@addmv.grad("y")
def addmv_dy(g, z, alpha):
    return scaled(outer_of(g, conjugate_of(z)), alpha)


@addmv.grad("z")
def addmv_dz(g, y, alpha):
    return scaled(times(adjoint(y), g), alpha)


@op(node="BaddbmmBackward0")
def baddbmm(x, y, z, *, beta=1, alpha=1):
    """beta x + alpha y z, batch by batch.  (b, n, m), (b, n, k), (b, k, m) -> (b, n, m)"""
    return added(x, times_batched(y, z), beta, alpha)


@baddbmm.grad("x")
def baddbmm_dx(g, x_shape, beta):
    return scaled(sum_to(g, x_shape), beta)


@baddbmm.grad("y")
def baddbmm_dy(g, z, alpha):
    return scaled(times_batched(g, adjoint(z)), alpha)


@baddbmm.grad("z")
def baddbmm_dz(g, y, alpha):
    return scaled(times_batched(adjoint(y), g), alpha)


@op(node="AddbmmBackward0")
def addbmm(x, y, z, *, beta=1, alpha=1):
    """beta x + alpha (the sum over the batch of y z).  (n, m), (b, n, k), (b, k, m) -> (n, m)"""
    return added(x, np.add.reduce(times_batched(y, z), axis=0), beta, alpha)


@addbmm.grad("x")
def addbmm_dx(g, x_shape, beta):
    return scaled(sum_to(g, x_shape), beta)


@addbmm.grad("y")
def addbmm_dy(g, z, alpha):
    return scaled(times_batched(g, adjoint(z)), alpha)


@addbmm.grad("z")
def addbmm_dz(g, y, alpha):
    return scaled(times_batched(adjoint(y), g), alpha)


@op(node="AddrBackward0", promote=PROMOTE)
def addr(x, y, z, *, beta=1, alpha=1):
    """beta x + alpha (the outer product of y and z).  (n, m), (n,), (m,) -> (n, m)"""
    return added(x, outer_of(y, z), beta, alpha)


@addr.grad("x")
def addr_dx(g, x_shape, beta):
    return scaled(sum_to(g, x_shape), beta)


@addr.grad("y")
def addr_dy(g, z, alpha):
    return scaled(times(g, conjugate_of(z)), alpha)


@addr.grad("z")
def addr_dz(g, y, alpha):
    return scaled(times(conjugate_of(y), g), alpha)


def _three(function, input, x, y, names):
    expect_tensor(function, input)
    expect_tensor(function, x, names[0], 2)
    expect_tensor(function, y, names[1], 3)
    return input.get_shape(), x.get_shape(), y.get_shape()


@public("addmm", inplace=True, out=True)
def addmm_front(input, mat1, mat2, *, beta=1, alpha=1):
    """beta input + alpha mat1 mat2; with ``beta=0`` nan and inf in `input` are ignored."""
    have, a, b = _three("addmm", input, mat1, mat2, ("mat1", "mat2"))
    if len(a) != 2:
        raise RuntimeError(f"mat1 must be a matrix, got {len(a)}-D tensor")
    if len(b) != 2:
        raise RuntimeError(f"mat2 must be a matrix, got {len(b)}-D tensor")
    if a[1] != b[0]:
        raise cannot_multiply(a, b)
    expandable(have, (a[0], b[1]))
    _expect_addmm_dtypes(input, mat1, mat2)
    return addmm(input, mat1, mat2, beta=beta, alpha=alpha)


def _expect_addmm_dtypes(input, mat1, mat2):
    own, first, second = input.get_dtype(), mat1.get_dtype(), mat2.get_dtype()
    if own == first == second:
        return
    if own != second:
        names = ("self", scalar_name(own), scalar_name(second))
    else:
        names = ("mat1", scalar_name(first), scalar_name(second))
    raise RuntimeError(
        f"{names[0]} and mat2 must have the same dtype, but got {names[1]} and {names[2]}"
    )


@public("addmv", inplace=True, out=True)
def addmv_front(input, mat, vec, *, beta=1, alpha=1):
    """beta input + alpha mat vec"""
    have, a, b = _three("addmv", input, mat, vec, ("mat", "vec"))
    if len(a) != 2 or len(b) != 1:
        raise RuntimeError(
            f"vector + matrix @ vector expected, got {len(have)}, {len(a)}, {len(b)}"
        )
    if a[1] != b[0] or (have and have[0] not in (1, a[0])):
        size = have[0] if have else 1
        raise RuntimeError(f"size mismatch, got input ({size}), mat ({text_of(a)}), vec ({b[0]})")
    expect_addmv_dtypes(input, mat, vec)
    return addmv(input, mat, vec, beta=beta, alpha=alpha)


@public("baddbmm", inplace=True, out=True)
def baddbmm_front(input, batch1, batch2, *, beta=1, alpha=1):
    """beta input + alpha batch1 batch2, matrix by matrix"""
    have, a, b = _three("baddbmm", input, batch1, batch2, ("batch1", "batch2"))
    expect_batches(a, b)
    expandable(have, (a[0], a[1], b[2]))
    expect_one_scalar_type(batch1, batch2)
    expect_one_scalar_type(input, batch1)
    return baddbmm(input, batch1, batch2, beta=beta, alpha=alpha)


@public("addbmm", inplace=True, out=True)
def addbmm_front(input, batch1, batch2, *, beta=1, alpha=1):
    """beta input + alpha (the sum of the products of the matrices of two batches)"""
    have, a, b = _three("addbmm", input, batch1, batch2, ("batch1", "batch2"))
    if len(a) == 3 and len(b) == 3 and a[2] != b[1]:
        raise RuntimeError(
            f"Incompatible matrix sizes for bmm ({text_of(a[1:])} and {text_of(b[1:])})"
        )
    expect_batches(a, b)
    expandable(have, (a[1], b[2]))
    expect_one_scalar_type(batch1, batch2)
    expect_one_scalar_type(input, batch1)
    return addbmm(input, batch1, batch2, beta=beta, alpha=alpha)


@public("addr", inplace=True, out=True)
def addr_front(input, vec1, vec2, *, beta=1, alpha=1):
    """beta input + alpha (the outer product of vec1 and vec2)"""
    have, a, b = _three("addr", input, vec1, vec2, ("vec1", "vec2"))
    expect_dims("addr", vec1, 1, "vec1")
    expect_dims("addr", vec2, 1, "vec2")
    expandable(have, (a[0], b[0]))
    return addr(input, vec1, vec2, beta=beta, alpha=alpha)
