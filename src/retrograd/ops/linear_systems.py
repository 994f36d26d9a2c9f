"""Linear systems by factors of the matrix, and systems of tensors."""

from __future__ import annotations

import math
import warnings
from math import prod as product_of

import numpy as np

from .._core.broadcast import sum_to
from .._core.op import op
from .._core.public import expect_tensor, public
from .._core.tracing import constant
from . import _returns
from .decomposition import (
    LinAlgError,
    cholesky,
    expect_matrices,
    expect_square,
    inverse,
    linalg_solve,
    solve_triangular,
)
from .diagonals import diagonal_front
from .linear_algebra import adjoint, matmul, turned
from .norms import matrix_norm
from .shape import reshaped
from .spectral import svd

# -- by Cholesky's factor -----------------------------------------------------------------------


@public("cholesky", out=True)
def cholesky_front(input, upper=False):
    """Cholesky factor of a positive-definite matrix; `linalg.cholesky` is newer."""
    warnings.warn(
        "torch.cholesky is deprecated in favor of torch.linalg.cholesky and will be removed in a "
        "future PyTorch release.",
        UserWarning,
        stacklevel=2,
    )
    expect_square("cholesky", input, "A")
    return adjoint(cholesky(adjoint(input))) if upper else cholesky(input)


@op(name="cholesky_solve", node="CholeskySolveBackward0")
def cholesky_solve_op(x, y, *, upper=False):
    """Solve (y y^H) z = x for triangular y, (y^H y) z = x when `upper`.

    As in PyTorch the gradient of y is that of a full matrix, also where y is not looked at.
    """
    lower = adjoint(y) if upper else y
    half = np.linalg.solve(np.tril(lower), x)
    return np.linalg.solve(adjoint(np.tril(lower)), half)


@cholesky_solve_op.grad("x")
def cholesky_solve_dx(g, y, x_shape, upper):
    return sum_to(cholesky_solve_op(g, y, upper=upper), x_shape)


@cholesky_solve_op.grad("y")
def cholesky_solve_dy(g, y, out, y_shape, upper):
    whole = np.matmul(cholesky_solve_op(g, y, upper=upper), adjoint(out))
    return sum_to(factor_rule(-whole, y, upper), y_shape)


def factor_rule(g, factor, upper):
    """Return the gradient of a triangular factor from that of the matrix it is a factor of."""
    both = g + adjoint(g)
    return np.matmul(factor, both) if upper else np.matmul(both, factor)


@op(name="cholesky_inverse", node="CholeskyInverseBackward0")
def cholesky_inverse_op(x, *, upper=False):
    """Inverse of x x^H for triangular x, of x^H x when `upper`; gradient as `cholesky_solve`."""
    lower = np.tril(adjoint(x) if upper else x)
    back = np.linalg.inv(lower)
    return np.matmul(adjoint(back), back)


@cholesky_inverse_op.grad("x")
def cholesky_inverse_dx(g, x, out, upper):
    return factor_rule(-np.matmul(np.matmul(out, g), out), x, upper)


@public("cholesky_solve", out=True)
def cholesky_solve(input, L, upper=False):
    """Solve A X = input with the Cholesky factor of A, lower unless `upper`."""
    b = expect_tensor("cholesky_solve", input).get_shape()
    a = expect_tensor("cholesky_solve", L, "input2", 2).get_shape()
    for name, shape in (("b", b), ("u", a)):
        if len(shape) < 2:
            raise RuntimeError(
                f"{name} should have at least 2 dimensions, but has {len(shape)} dimensions instead"
            )
    expect_square("cholesky_solve", L)
    return cholesky_solve_op(input, L, upper=bool(upper))


@public("cholesky_inverse", out=True)
def cholesky_inverse(L, upper=False):
    """Inverse of A from its Cholesky factor, lower unless `upper`."""
    expect_square("cholesky_inverse", L)
    return cholesky_inverse_op(L, upper=bool(upper))


# -- without raising ----------------------------------------------------------------------------


@public("solve_ex", namespace="linalg", method=False, out=True)
def solve_ex(A, B, *, left=True, check_errors=False):
    """Solution of A X = B and, for each matrix, 0 or the number of a zero pivot."""
    shape = expect_square("linalg.solve", A)
    try:
        out = linalg_solve(A, B, left=left)
    except LinAlgError:
        if check_errors:
            raise
        rows = reshaped(A, (-1, *shape[-2:])).array
        info = np.array([np.linalg.matrix_rank(one) < shape[-1] for one in rows], np.int32)
        empty = np.full(np.broadcast_shapes(B.get_shape()), math.nan, B.get_dtype())
        return _returns.linalg_solve_ex(B.make(empty), A.make(info.reshape(shape[:-2])))
    return _returns.linalg_solve_ex(out, A.make(constant(np.zeros(shape[:-2], np.int32))))


# -- systems of tensors -------------------------------------------------------------------------


@public("tensorsolve", namespace="linalg", method=False, out=True)
def tensorsolve(A, B, dims=None):
    """Solve A X = B where the last dimensions of A, as many as X has, are summed over."""
    a = expect_tensor("linalg_tensorsolve", A, "A").get_shape()
    b = expect_tensor("linalg_tensorsolve", B, "B", 2).get_shape()
    if dims is not None:
        A = np.moveaxis(A, tuple(dims), tuple(range(len(a) - len(dims), len(a))))
        a = A.get_shape()
    rows, columns = product_of(a[: len(b)]), product_of(a[len(b) :])
    if rows != columns:
        raise RuntimeError(
            "Expected self to satisfy the requirement prod(self.shape[other.ndim:]) == "
            f"prod(self.shape[:other.ndim]), but got {columns} != {rows}"
        )
    out = linalg_solve(reshaped(A, (rows, columns)), reshaped(B, (rows,)))
    return reshaped(out, a[len(b) :])


@public("tensorinv", namespace="linalg", method=False, out=True)
def tensorinv(A, ind=2):
    """Inverse for `tensordot` over `ind` dimensions."""
    a = expect_tensor("linalg_tensorinv", A, "A").get_shape()
    if ind <= 0:
        raise RuntimeError(f"Expected a strictly positive integer for 'ind', but got {ind}")
    rows, columns = product_of(a[:ind]), product_of(a[ind:])
    if rows != columns:
        raise RuntimeError(
            "Expected self to satisfy the requirement prod(self.shape[ind:]) == "
            f"prod(self.shape[:ind]), but got {columns} != {rows}"
        )
    return reshaped(inverse(reshaped(A, (rows, columns))), (*a[ind:], *a[:ind]))


# -- condition numbers and aliases --------------------------------------------------------------


@public("cond", namespace="linalg", method=False, out=True)
def cond(A, p=None):
    """Condition number: norm of a matrix times that of its inverse; inf when there is none.

    Orders None, 2 and -2 are quotients of singular values and take any shape.
    """
    shape = expect_matrices("linalg.cond", A)
    if p is None or p in (2, -2):
        sizes = svd(A, full_matrices=False)[1]
        first, last = sizes[..., 0], sizes[..., -1]
        return last / first if p == -2 else first / last
    if shape[-1] != shape[-2]:
        raise RuntimeError(
            f"linalg.cond(ord={p}): A must be batches of square matrices, but they are "
            f"{shape[-2]} by {shape[-1]} matrices"
        )
    expect_square("linalg.cond", A)
    try:
        return matrix_norm(A, p) * matrix_norm(inverse(A), p)
    except LinAlgError:
        if len(shape) > 2:
            raise
        return A.make(np.asarray(math.inf, A.get_dtype()))


@public("diagonal", namespace="linalg", method=False)
def linalg_diagonal(A, *, offset=0, dim1=-2, dim2=-1):
    """Diagonals of matrices, sharing memory."""
    return diagonal_front(A, offset, dim1, dim2)


@public("matmul", namespace="linalg", method=False, out=True)
def linalg_matmul(input, other):
    """Matrix product; the same as `torch.matmul`."""
    return matmul(input, other)


@public("triangular_solve", out=True)
def triangular_solve(input, A, upper=True, transpose=False, unitriangular=False):
    """Solve A X = input for a triangular A, and A; `linalg.solve_triangular` is newer."""
    expect_square("triangular_solve", A)
    matrix = turned(A) if transpose else A
    is_upper = upper != transpose
    out = solve_triangular(matrix, input, upper=is_upper, unitriangular=bool(unitriangular))
    return _returns.triangular_solve(out, A)
