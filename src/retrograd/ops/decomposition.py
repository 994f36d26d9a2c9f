"""Inverses, determinants, linear systems and factorisations: the names of ``torch.linalg``."""

from __future__ import annotations

import numpy as np

from .._core.broadcast import sum_to
from .._core.op import op
from .._core.public import expect_tensor, public
from .._core.tracing import all_true, constant, run
from . import _returns
from ._arguments import scalar_name
from .diagonals import tril, triu
from .linear_algebra import adjoint, conjugate_of, matmul, turned
from .reduction import product_of_others


class LinAlgError(RuntimeError, np.linalg.LinAlgError):
    """A factorisation that does not exist for this matrix."""


LinAlgError.__name__ = "_LinAlgError"
LinAlgError.__qualname__ = "_LinAlgError"


# -- checks -------------------------------------------------------------------------------------


def expect_matrices(function, A, argument="A"):
    """Check that a tensor is a floating matrix, or a batch of them; return its shape."""
    shape = expect_tensor(function.replace(".", "_"), A, argument).get_shape()
    if len(shape) < 2:
        raise RuntimeError(
            f"{function}: The input tensor {argument} must have at least 2 dimensions."
        )
    return shape


def expect_floating(function, A):
    """Check that a tensor is of a dtype that LAPACK knows."""
    dtype = A.get_dtype()
    if dtype.kind in "bui":
        raise RuntimeError(
            f"{function}: Expected a floating point or complex tensor as input. "
            f"Got {scalar_name(dtype)}"
        )
    if dtype.itemsize == 2:
        raise RuntimeError(
            f"{function}: Low precision dtypes not supported. Got {scalar_name(dtype)}"
        )


def expect_square(function, A, argument="A"):
    """Check that a tensor is a square floating matrix, or a batch of them; return its shape."""
    shape = expect_matrices(function, A, argument)
    if shape[-1] != shape[-2]:
        raise RuntimeError(
            f"{function}: {argument} must be batches of square matrices, but they are "
            f"{shape[-2]} by {shape[-1]} matrices"
        )
    expect_floating(function, A)
    return shape


def batch_note(x, bad):
    """Return PyTorch's note of the first bad matrix of a batch, and that matrix."""
    if x.ndim == 2:
        return "", x
    places = np.flatnonzero(np.reshape(bad, (-1,)))
    first = int(places[0]) if len(places) else 0
    return f"(Batch element {first}): ", np.reshape(x, (-1, *x.shape[-2:]))[first]


def zero_pivot(x):
    """Return the number, counted from 1, of the first zero pivot of a matrix."""
    from warnings import catch_warnings, simplefilter

    from scipy.linalg import lu_factor  # here: SciPy is loaded when first needed

    with catch_warnings():
        simplefilter("ignore")
        factors, _ = lu_factor(x)
    zeros = np.flatnonzero(np.diagonal(factors) == 0)
    return int(zeros[0]) + 1 if len(zeros) else x.shape[-1]


# -- inverse ------------------------------------------------------------------------------------


@op(numpy=np.linalg.inv, node="LinalgInvExBackward0")
def inverse(x):
    """Inverse matrices.  (*B, n, n) -> (*B, n, n)"""
    try:
        return np.linalg.inv(x)
    except np.linalg.LinAlgError:
        note, one = batch_note(x, np.linalg.det(x) == 0)
        raise LinAlgError(
            f"linalg.inv: {note}The diagonal element {zero_pivot(one)} is zero, the inversion "
            "could not be completed because the input matrix is singular."
        ) from None


@inverse.grad("x")
def inverse_dx(g, out):
    back = adjoint(out)
    return -np.matmul(np.matmul(back, g), back)


@public("inv", namespace="linalg", method=False, out=True)
def inv(A):
    """Inverse of a square matrix, or of each of a batch.

    Raises
    ------
    LinAlgError
        When a matrix is singular; a RuntimeError, as in PyTorch.
    """
    expect_square("linalg.inv", A)
    return inverse(A)


@public("inverse", out=True)
def inverse_front(input):
    """Inverse of a square matrix, or of each of a batch; the same as `linalg.inv`."""
    return inv(input)


@public("inv_ex", namespace="linalg", method=False, out=True)
def inv_ex(A, *, check_errors=False):
    """Inverse and, for each matrix, 0 or the number of the zero pivot, without raising."""
    shape = expect_square("linalg.inv_ex", A)
    if check_errors:
        out = inv(A)
        return _returns.linalg_inv_ex(out, A.make(constant(np.zeros(shape[:-2], np.int32))))
    info = run(_infos, A.array, _info_of_inverse)
    if not all_true(run(np.equal, info, 0)):
        infinite = constant(np.full_like(A.array, np.inf))
        return _returns.linalg_inv_ex(A.make(infinite), A.make(info))
    return _returns.linalg_inv_ex(inverse(A), A.make(info))


def _infos(array, info_of):
    """Return a number for each matrix of a batch."""
    shape = array.shape
    flat = array.reshape(-1, *shape[-2:])
    return np.array([info_of(one) for one in flat], np.int32).reshape(shape[:-2])


_infos.whole = True  # it goes on by what NumPy raises, which no list of calls would


def _info_of_inverse(one):
    try:
        np.linalg.inv(one)
    except np.linalg.LinAlgError:
        return zero_pivot(one)
    return 0


# -- determinants -------------------------------------------------------------------------------


def cofactors(x):
    """Return the matrices of cofactors, det(x) times the inverse transposed, also when singular."""
    u, s, vh = np.linalg.svd(x)
    sign = np.linalg.det(u) * np.linalg.det(vh)
    others = product_of_others(s, axis=s.ndim - 1)
    scale = np.reshape(sign, (*sign.shape, 1, 1))
    return np.conjugate(scale) * np.matmul(u * others[..., None, :], vh)


@op(numpy=np.linalg.det, node="LinalgDetBackward0")
def det(x):
    """Determinants.  (*B, n, n) -> (*B,)"""
    return np.linalg.det(x)


@det.grad("x")
def det_dx(g, x, out):
    g = g[..., None, None]
    if isinstance(g, np.ndarray) and not np.all(out):
        return g * cofactors(x)
    return g * conjugate_of(out)[..., None, None] * adjoint(inverse(x))


@public("det", namespace="linalg", method=False, out=True)
def linalg_det(A):
    """Determinant of a square matrix, or of each of a batch; singular ones have gradients too."""
    expect_square("linalg.det", A)
    return det(A)


@public("det")
def det_front(input):
    """Determinant of a square matrix, or of each of a batch; the same as `linalg.det`."""
    return linalg_det(input)


@op(node="LinalgSlogdetBackward0")
def slogdet(x):
    """Sign and log of the absolute value of determinants.  (*B, n, n) -> (*B,), (*B,)"""
    sign, size = np.linalg.slogdet(x)
    return sign, size


@slogdet.grad("x")
def slogdet_dx(g, x, out):
    back = adjoint(inverse(x))
    scale = g[1]
    if getattr(g[0], "array", g[0]).dtype.kind == "c":
        # Turning the sign is turning the angle of the determinant.
        scale = scale - 1j * np.imag(conjugate_of(g[0]) * out[0])
    return scale[..., None, None] * back


@public("slogdet", namespace="linalg", method=False, out=True)
def linalg_slogdet(A):
    """Sign and log of the absolute value of the determinant, as ``(sign, logabsdet)``."""
    expect_square("linalg.slogdet", A)
    return _returns.linalg_slogdet(*slogdet(A))


@public("slogdet", out=True)
def slogdet_front(input):
    """Sign and log of the absolute value of the determinant, as ``(sign, logabsdet)``."""
    expect_square("linalg.slogdet", input)
    return _returns.slogdet(*slogdet(input))


@public("logdet")
def logdet(input):
    """log of the determinant; nan where that is negative."""
    expect_square("linalg.slogdet", input)
    sign, size = slogdet(input)
    if sign.get_dtype().kind == "c":
        return np.log(sign) + size
    return np.where(sign == -1, np.nan, size)


# -- linear systems -----------------------------------------------------------------------------


@op(numpy=np.linalg.solve, node="LinalgSolveExBackward0")
def solve(x, y, *, left=True, vector=False):
    """Solve x z = y (z x = y unless `left`).  (*B, n, n), (*B, n, k) -> (*B, n, k)

    With `vector`, y and z are batches of vectors.
    """
    try:
        if vector:
            return np.linalg.solve(x, y[..., None])[..., 0]
        return np.linalg.solve(x, y) if left else turned(np.linalg.solve(turned(x), turned(y)))
    except np.linalg.LinAlgError:
        note, _ = batch_note(x, np.linalg.det(x) == 0)
        raise LinAlgError(
            f"torch.linalg.solve: {note}The solver failed because the input matrix is singular."
        ) from None


@solve.grad("x")
def solve_dx(g, x, out, x_shape, left, vector):
    back = solve(adjoint(x), g, left=left, vector=vector)
    return sum_to(-product_of_sides(back, out, left, vector), x_shape)


@solve.grad("y")
def solve_dy(g, x, y_shape, left, vector):
    return sum_to(solve(adjoint(x), g, left=left, vector=vector), y_shape)


def product_of_sides(back, out, left, vector):
    """Return what the gradient of a matrix is made of, on the side where the matrix stands."""
    if vector:
        return back[..., :, None] * conjugate_of(out)[..., None, :]
    return np.matmul(back, adjoint(out)) if left else np.matmul(adjoint(out), back)


@public("solve", namespace="linalg", method=False, out=True)
def linalg_solve(A, B, *, left=True):
    """Solve A X = B (or X A = B when not `left`); B may be a vector, or a batch of vectors."""
    a = expect_square("linalg.solve", A)
    b = expect_tensor("linalg_solve", B, "B", 2).get_shape()
    if A.get_dtype() != B.get_dtype():
        raise RuntimeError(
            "linalg.solve: Expected A and B to have the same dtype, but found A of type "
            f"{scalar_name(A.get_dtype())} and B of type {scalar_name(B.get_dtype())} instead"
        )
    vector = len(b) == 1 or (len(a) - 1 == len(b) and b == a[:-1])
    sizes = (*b, 1) if vector else b
    if (sizes[-2] if left or vector else sizes[-1]) != a[-1]:
        equation = "AX = B" if left else "XA = B"
        raise RuntimeError(
            f"linalg.solve: Incompatible shapes of A and B for the equation {equation} "
            f"({a[-2]}x{a[-1]} and {sizes[-2]}x{sizes[-1]})"
        )
    return solve(A, B, left=bool(left), vector=vector)


@op(node="LinalgSolveTriangularBackward0")
def solve_triangular(x, y, *, upper, left=True, unitriangular=False):
    """Solve x z = y (z x = y unless `left`) for triangular x; the rest of x is not looked at."""
    x = _triangle(x, upper, unitriangular)
    return np.linalg.solve(x, y) if left else turned(np.linalg.solve(turned(x), turned(y)))


def _triangle(x, upper, unitriangular):
    if unitriangular:
        inner = np.triu(x, 1) if upper else np.tril(x, -1)
        return inner + np.eye(x.shape[-1], dtype=x.dtype)
    return np.triu(x) if upper else np.tril(x)


def solved_back(g, x, upper, left, unitriangular):
    """Return the gradient of the right-hand side of a triangular system."""
    return solve_triangular(adjoint(x), g, upper=not upper, left=left, unitriangular=unitriangular)


@solve_triangular.grad("x")
def solve_triangular_dx(g, x, out, x_shape, upper, left, unitriangular):
    back = solved_back(g, x, upper, left, unitriangular)
    whole = sum_to(-product_of_sides(back, out, left, False), x_shape)
    first = 1 if unitriangular else 0
    return triu(whole, k=first) if upper else tril(whole, k=-first)


@solve_triangular.grad("y")
def solve_triangular_dy(g, x, y_shape, upper, left, unitriangular):
    return sum_to(solved_back(g, x, upper, left, unitriangular), y_shape)


@public("solve_triangular", namespace="linalg", method=False, out=True)
def linalg_solve_triangular(A, B, *, upper, left=True, unitriangular=False):
    """Solve A X = B (X A = B when not `left`) for a triangular A; the rest of A is ignored."""
    expect_square("linalg.solve_triangular", A)
    expect_matrices("linalg.solve_triangular", B, "B")
    return solve_triangular(
        A, B, upper=bool(upper), left=bool(left), unitriangular=bool(unitriangular)
    )


# -- Cholesky -----------------------------------------------------------------------------------


@op(numpy=np.linalg.cholesky, node="LinalgCholeskyExBackward0")
def cholesky(x):
    """Lower triangular L with L L^H = x; only the lower triangle of x is read."""
    try:
        return np.linalg.cholesky(x)
    except np.linalg.LinAlgError:
        flat = np.reshape(x, (-1, *x.shape[-2:]))
        bad = [_order_of_failure(one) for one in flat]
        note, _ = batch_note(x, np.array(bad) > 0)
        raise LinAlgError(
            f"linalg.cholesky: {note}The factorization could not be completed because the input "
            f"is not positive-definite (the leading minor of order {next(b for b in bad if b)} is "
            "not positive-definite)."
        ) from None


def _order_of_failure(one):
    for order in range(1, one.shape[-1] + 1):
        try:
            np.linalg.cholesky(one[:order, :order])
        except np.linalg.LinAlgError:
            return order
    return 0


@cholesky.grad("x")
def cholesky_dx(g, out):
    # With P the lower triangle of L^H g, mirrored and halved: L^-H P L^-1.
    back = inverse(out)
    lower = tril(np.matmul(adjoint(out), g), k=0)
    half = (lower + adjoint(tril(lower, k=-1))) / 2
    return np.matmul(np.matmul(adjoint(back), half), back)


@public("cholesky", namespace="linalg", method=False, out=True)
def linalg_cholesky(A, *, upper=False):
    """Cholesky factor L of a Hermitian positive-definite A = L L^H; its adjoint when `upper`."""
    expect_square("linalg.cholesky", A)
    return adjoint(cholesky(adjoint(A))) if upper else cholesky(A)


@public("cholesky_ex", namespace="linalg", method=False, out=True)
def cholesky_ex(A, *, upper=False, check_errors=False):
    """Cholesky factor and, for each matrix, 0 or the order of the first bad minor."""
    expect_square("linalg.cholesky_ex", A)
    info = run(_infos, A.array, _order_of_failure)
    if check_errors or all_true(run(np.equal, info, 0)):
        factor = linalg_cholesky(A, upper=upper)
    else:
        factor = A.make(run(np.tril, A.array))
    return _returns.linalg_cholesky_ex(factor, A.make(info))


# -- powers and exponentials --------------------------------------------------------------------


def _power(A, n):
    if n < 0:
        return _power(inverse(A), -n)
    result = None
    while n:
        if n & 1:
            result = A if result is None else matmul(result, A)
        n >>= 1
        if n:
            A = matmul(A, A)
    return result


@public("matrix_power", namespace="linalg", method=False, out=True)
def linalg_matrix_power(A, n):
    """The n-th power of a square matrix; of its inverse for negative n."""
    shape = expect_square("linalg.matrix_power", A)
    if not isinstance(n, int):
        raise TypeError(
            f"linalg_matrix_power(): argument 'n' (position 2) must be int, not {type(n).__name__}"
        )
    if n == 0:
        return A * 0 + A.make(constant(np.eye(shape[-1], dtype=A.get_dtype())))
    return _power(A, n) if n != 1 else A.clone()


@public("matrix_power", out=True)
def matrix_power(input, n):
    """The n-th power of a square matrix; the same as `linalg.matrix_power`."""
    return linalg_matrix_power(input, n)


@op(node="LinalgMatrixExpBackward0")
def matrix_exp(x):
    """Matrix exponentials.  (*B, n, n) -> (*B, n, n)"""
    from scipy.linalg import expm  # here: SciPy is loaded when first needed

    return expm(x) if x.size else np.copy(x)


@matrix_exp.grad("x")
def matrix_exp_dx(g, x, x_shape):
    # The upper right block of exp([[A, G], [0, A]]) is the derivative of exp at A towards G.
    size = x_shape[-1]
    back = adjoint(x)
    above = np.concatenate([back, g], -1)
    below = np.concatenate([np.zeros_like(back), back], -1)
    whole = matrix_exp(np.concatenate([above, below], -2))
    return whole[..., :size, size:]


@public("matrix_exp", namespace="linalg", method=False)
def linalg_matrix_exp(A):
    """Exponential of a square matrix, or of each of a batch."""
    expect_square("linalg.matrix_exp", A)
    return matrix_exp(A)


@public("matrix_exp")
def matrix_exp_front(input):
    """Exponential of a square matrix, or of each of a batch."""
    return linalg_matrix_exp(input)
