"""LU factorisation with partial pivoting."""

from __future__ import annotations

import numpy as np

from .._core.op import op
from .._core.public import public
from .._core.tracing import all_true, run
from . import _returns
from .decomposition import expect_floating, expect_matrices, solve_triangular
from .diagonals import tril, triu
from .linear_algebra import adjoint, turned

# -- factors and pivots -------------------------------------------------------------------------


@op(name="lu_factor", node="LinalgLuFactorExBackward0", differentiable=(0,))
def lu_factor_op(x, *, together=True):
    """L below the diagonal and U on and above it, and the row swaps, from 1, as LAPACK counts.

    (*B, n, m) -> (*B, n, m), (*B, min(n, m)).  `together` is always true.
    """
    from scipy.linalg.lapack import get_lapack_funcs  # here: SciPy is loaded when first needed

    (factor,) = get_lapack_funcs(("getrf",), (x,))
    rows, columns = x.shape[-2:]
    out = np.empty(x.shape, x.dtype)
    pivots = np.empty((*x.shape[:-2], min(rows, columns)), np.int32)
    for place in np.ndindex(*x.shape[:-2]):
        if x[place].size:
            out[place], found, _ = factor(x[place])
            pivots[place] = found + 1
    return out, pivots


@lu_factor_op.grad("x")
def lu_factor_dx(g, out, x_shape):
    both, pivots = out
    size = min(x_shape[-2:])
    lower = unit_lower(both, size)
    upper = triu(both[..., :size, :], k=0)
    g_lower = tril(g[0][..., :, :size], k=-1)
    g_upper = triu(g[0][..., :size, :], k=0)
    return lu_rule(g_lower, g_upper, lower, upper, permutation(pivots, x_shape[-2]))


def unit_lower(both, size):
    """Return L of factors that are stored together."""
    lower = tril(both[..., :, :size], k=-1)
    array = getattr(lower, "array", lower)
    return lower + np.eye(*array.shape[-2:], dtype=array.dtype)


def permutation(pivots, rows):
    """Return the matrices P with A = P L U, as an array of the numbers 0 and 1."""
    pivots = getattr(pivots, "array", pivots)
    out = np.zeros((*pivots.shape[:-1], rows, rows))
    for place in np.ndindex(*pivots.shape[:-1]):
        order = np.arange(rows)
        for row, other in enumerate(pivots[place] - 1):
            order[[row, other]] = order[[other, row]]
        out[(*place, order, np.arange(rows))] = 1
    return out


def lu_rule(g_lower, g_upper, lower, upper, swaps):
    """Return the gradient of a matrix from those of its factors.

    A wide matrix is a square problem and columns L^-1 A2; a tall one a square problem and rows
    A2 U^-1.
    """
    rows, columns = lower.shape[-2], upper.shape[-1]
    size = min(rows, columns)
    rest = None
    if columns > size:
        rest = solve_triangular(
            adjoint(lower), g_upper[..., :, size:], upper=True, unitriangular=True
        )
        g_lower = g_lower - tril(np.matmul(rest, adjoint(upper[..., :, size:])), k=-1)
        upper, g_upper = upper[..., :, :size], g_upper[..., :, :size]
    elif rows > size:
        rest = solve_triangular(adjoint(upper), g_lower[..., size:, :], upper=False, left=False)
        g_upper = g_upper - triu(np.matmul(adjoint(lower[..., size:, :]), rest), k=0)
        lower, g_lower = lower[..., :size, :], g_lower[..., :size, :]
    inside = tril(np.matmul(adjoint(lower), g_lower), k=-1) + triu(
        np.matmul(g_upper, adjoint(upper)), k=0
    )
    half = solve_triangular(adjoint(lower), inside, upper=True, unitriangular=True)
    whole = solve_triangular(adjoint(upper), half, upper=False, left=False)
    if rest is not None:
        whole = np.concatenate([whole, rest], -1 if columns > size else -2)
    dtype = getattr(whole, "array", whole).dtype
    return np.matmul(swaps.astype(dtype), whole)


# -- the public functions -----------------------------------------------------------------------


def _expect_pivoting(function, pivot):
    if not pivot:
        raise RuntimeError(f"{function}: LU without pivoting is not implemented on the CPU")


def _zero_pivots(both):
    """Return for each matrix 0, or the number of the first zero on the diagonal of U."""
    diagonal = np.diagonal(both, 0, -2, -1) == 0
    first = np.argmax(diagonal, axis=-1) if diagonal.shape[-1] else np.zeros(diagonal.shape[:-1])
    return np.where(np.any(diagonal, axis=-1), first + 1, 0).astype(np.int32)


@public("lu_factor", namespace="linalg", method=False, out=True)
def lu_factor(A, *, pivot=True):
    """L and U in one matrix, and the row swaps counted from 1, as ``(LU, pivots)``."""
    expect_matrices("linalg.lu_factor", A)
    expect_floating("linalg.lu_factor", A)
    _expect_pivoting("linalg.lu_factor", pivot)
    both, pivots = lu_factor_op(A, together=True)
    info = run(_zero_pivots, both.array)
    if not all_true(run(np.equal, info, 0)):
        place = int(np.flatnonzero(info.reshape(-1))[0])
        note = f"(Batch element {place}): " if info.ndim else ""
        number = int(info.reshape(-1)[place])
        raise RuntimeError(
            f"torch.linalg.lu_factor: {note}U[{number},{number}] is zero and using it on lu_solve "
            "would result in a division by zero. If you still want to perform the factorization, "
            "consider calling linalg.lu(A, pivot) or linalg.lu_factor_ex(A, pivot)"
        )
    return _returns.linalg_lu_factor(both, pivots)


@public("lu_factor_ex", namespace="linalg", method=False, out=True)
def lu_factor_ex(A, *, pivot=True, check_errors=False):
    """As `lu_factor`, and for each matrix 0 or the number of the first zero pivot."""
    if check_errors:
        both, pivots = lu_factor(A, pivot=pivot)
    else:
        expect_matrices("linalg.lu_factor_ex", A)
        expect_floating("linalg.lu_factor_ex", A)
        _expect_pivoting("linalg.lu_factor_ex", pivot)
        both, pivots = lu_factor_op(A, together=True)
    return _returns.linalg_lu_factor_ex(both, pivots, A.make(run(_zero_pivots, both.array)))


@public("lu", namespace="linalg", method=False, out=True)
def lu(A, *, pivot=True):
    """P, L and U with A = P L U, as a named tuple."""
    shape = expect_matrices("linalg.lu", A)
    expect_floating("linalg.lu", A)
    _expect_pivoting("linalg.lu", pivot)
    both, pivots = lu_factor_op(A, together=True)
    size = min(shape[-2:])
    swaps = run(_swaps, pivots.array, shape[-2], A.get_dtype())
    upper = triu(both[..., :size, :], k=0)
    return _returns.linalg_lu(A.make(swaps), unit_lower(both, size), upper)


def _swaps(pivots, rows, dtype):
    return permutation(pivots, rows).astype(dtype)


def lu_system(LU, pivots, B, left, adjointly):
    """Solve with the factors of A: A X = B, X A = B, or with the adjoint of A."""
    size = LU.get_shape()[-1]
    swaps = LU.make(run(_swaps, pivots.array, size, LU.get_dtype()))
    if not left:
        return turned(lu_transposed(LU, swaps, turned(B), adjointly))
    if adjointly:
        half = solve_triangular(adjoint(LU), B, upper=False)
        return np.matmul(swaps, solve_triangular(adjoint(LU), half, upper=True, unitriangular=True))
    half = solve_triangular(LU, np.matmul(turned(swaps), B), upper=False, unitriangular=True)
    return solve_triangular(LU, half, upper=True)


def lu_transposed(LU, swaps, B, adjointly):
    """Solve A^T X = B, or conj(A) X = B when `adjointly`, with the factors of A."""
    if adjointly:
        conjugated = turned(adjoint(LU))
        half = np.matmul(turned(swaps), B)
        half = solve_triangular(conjugated, half, upper=False, unitriangular=True)
        return solve_triangular(conjugated, half, upper=True)
    half = solve_triangular(turned(LU), B, upper=False)
    return np.matmul(swaps, solve_triangular(turned(LU), half, upper=True, unitriangular=True))


@public("lu_solve", namespace="linalg", method=False, out=True)
def linalg_lu_solve(LU, pivots, B, *, left=True, adjoint=False):
    """Solve A X = B (X A = B when not `left`) with the factors of A, or of its adjoint."""
    expect_matrices("linalg.lu_solve", LU, "LU")
    expect_matrices("linalg.lu_solve", B, "B")
    return lu_system(LU, pivots, B, left, adjoint)


@public("lu_solve", out=True)
def lu_solve(input, LU_data, LU_pivots):
    """Solve A X = input with the factors of A; `linalg.lu_solve` is newer."""
    return linalg_lu_solve(LU_data, LU_pivots, input)
