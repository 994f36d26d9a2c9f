"""Factorisations by orthogonal matrices: QR, eigenvalues, singular values, least squares."""

from __future__ import annotations

import numpy as np

from .._core.op import op
from .._core.public import expect_tensor, public
from .._core.tracing import all_true, constant, run
from .._core.value import Value
from . import _returns
from ._arguments import scalar_name
from .decomposition import (
    LinAlgError,
    expect_floating,
    expect_matrices,
    expect_square,
    inverse,
    solve_triangular,
)
from .diagonals import tril, triu
from .linear_algebra import adjoint, conjugate_of

# -- QR -----------------------------------------------------------------------------------------


@op(node="LinalgQrBackward0")
def qr(x, *, mode="reduced"):
    """Q and R with x = Q R.  (*B, n, m) -> (*B, n, k), (*B, k, m)"""
    q, r = np.linalg.qr(x, mode)
    return q, r


@qr.grad("x")
def qr_dx(g, out, x_shape, mode):
    q, r = out
    rows, columns = x_shape[-2:]
    if mode == "complete" and rows > columns:
        raise RuntimeError(
            "The QR decomposition is not differentiable when mode='complete' and nrows > ncols"
        )
    if rows >= columns:
        return _tall_qr_dx(g[0], g[1], q, r)
    # Wide: the first columns are a square problem, the others are Q^H times R.
    left, right = r[..., :rows], r[..., rows:]
    g_left, g_right = g[1][..., :rows], g[1][..., rows:]
    g_q = g[0] + np.matmul(np.matmul(q, right), adjoint(g_right))
    first = _tall_qr_dx(g_q, g_left, q, left)
    return np.concatenate([first, np.matmul(q, g_right)], -1)


def _tall_qr_dx(g_q, g_r, q, r):
    inside = np.matmul(r, adjoint(g_r)) - np.matmul(adjoint(g_q), q)
    lower = tril(inside, k=-1)
    mirrored = tril(inside, k=0) + adjoint(lower)
    if getattr(q, "array", q).dtype.kind == "c":
        mirrored = lower + adjoint(lower) + np.real(triu(tril(inside, k=0), k=0))
    back = np.matmul(q, mirrored) + g_q
    return adjoint(solve_triangular(r, adjoint(back), upper=True))


@public("qr", namespace="linalg", method=False, out=True)
def linalg_qr(A, mode="reduced"):
    """Q with orthonormal columns and upper triangular R with A = Q R.

    Parameters
    ----------
    A : Tensor
        (*B, n, m)
    mode : str
        ``"reduced"``, ``"complete"``, or ``"r"`` for R alone (Q is empty then).
    """
    expect_matrices("linalg.qr", A)
    expect_floating("linalg.qr", A)
    if mode == "r":
        r = A.make(run(np.linalg.qr, A.array, "r"))
        return _returns.linalg_qr(A.make(constant(np.empty(0, A.get_dtype()))), r)
    if mode not in ("reduced", "complete"):
        raise RuntimeError(
            f"qr received unrecognized mode '{mode}' but expected one of 'reduced' (default), "
            "'r', or 'complete'"
        )
    return _returns.linalg_qr(*qr(A, mode=mode))


@public("qr", out=True)
def qr_front(input, some=True):
    """Q and R with input = Q R; `linalg.qr` is newer."""
    return _returns.qr(*linalg_qr(input, "reduced" if some else "complete"))


# -- eigenvalues --------------------------------------------------------------------------------


@op(node="LinalgEighBackward0")
def eigh(x, *, UPLO="L"):
    """Eigenvalues, ascending, and eigenvectors of Hermitian matrices; one triangle is read."""
    values, vectors = np.linalg.eigh(x, UPLO)
    return values, vectors


@eigh.grad("x")
def eigh_dx(g, out):
    values, vectors = out
    back = adjoint(vectors)
    inside = np.matmul(back, g[1])
    inside = (inside - adjoint(inside)) / 2
    gaps = values[..., None, :] - values[..., :, None]
    size = gaps.shape[-1]
    on_diagonal = np.eye(size, dtype=bool)
    apart = np.where(on_diagonal, 0.0, inside / np.where(on_diagonal, 1.0, gaps))
    whole = apart + np.where(on_diagonal, g[0][..., None, :], 0.0)
    return np.matmul(np.matmul(vectors, whole), back)


def _expect_triangle(UPLO):
    if UPLO not in ("L", "U"):
        raise RuntimeError(f"Expected UPLO argument to be 'L' or 'U', but got {UPLO}")


@public("eigh", namespace="linalg", method=False, out=True)
def linalg_eigh(A, UPLO="L"):
    """Eigenvalues, ascending, and eigenvectors of a Hermitian matrix."""
    expect_square("linalg.eigh", A)
    _expect_triangle(UPLO)
    return _returns.linalg_eigh(*eigh(A, UPLO=UPLO))


@public("eigvalsh", namespace="linalg", method=False, out=True)
def eigvalsh(A, UPLO="L"):
    """Eigenvalues, ascending, of a Hermitian matrix."""
    expect_square("linalg.eigvalsh", A)
    _expect_triangle(UPLO)
    return eigh(A, UPLO=UPLO)[0]


@op(node="LinalgEigBackward0")
def eig(x):
    """Eigenvalues and eigenvectors, complex.  (*B, n, n) -> (*B, n), (*B, n, n)"""
    values, vectors = np.linalg.eig(x)
    kind = np.result_type(x.dtype, np.complex64)
    return values.astype(kind), vectors.astype(kind)


@eig.grad("x")
def eig_dx(g, out, x_dtype):
    values, vectors = out
    back = adjoint(vectors)
    inside = np.matmul(back, g[1])
    size = inside.shape[-1]
    on_diagonal = np.eye(size, dtype=bool)
    # Eigenvectors have norm 1: what would make one longer is taken out.
    real_diagonal = np.real(np.diagonal(inside, 0, -2, -1))
    inside = inside - np.matmul(back, vectors) * real_diagonal[..., None, :]
    gaps = np.conjugate(values[..., None, :] - values[..., :, None])
    apart = np.where(on_diagonal, 0.0, inside / np.where(on_diagonal, 1.0, gaps))
    whole = apart + np.where(on_diagonal, g[0][..., None, :], 0.0)
    out = np.matmul(np.matmul(inverse(back), whole), back)
    return out if x_dtype.kind == "c" else np.real(out)


@public("eig", namespace="linalg", method=False, out=True)
def linalg_eig(A):
    """Eigenvalues and eigenvectors of a square matrix, always complex."""
    expect_square("linalg.eig", A)
    return _returns.linalg_eig(*eig(A))


@public("eigvals", namespace="linalg", method=False, out=True)
def eigvals(A):
    """Eigenvalues of a square matrix, always complex."""
    expect_square("linalg.eigvals", A)
    return eig(A)[0]


# -- singular values ----------------------------------------------------------------------------


def not_converging():
    """Return the error for matrices that have no singular values."""
    return LinAlgError(
        "linalg.svd: The algorithm failed to converge because the input matrix contained "
        "non-finite values."
    )


def expect_converging(fine):
    """Refuse numbers that are not fine: LAPACK's iterations may go on for ever on them."""
    if not np.all(fine):
        raise not_converging()


@op(node="LinalgSvdBackward0")
def svd(x, *, full_matrices=False):
    """U, S, V^H with x = U S V^H.  (*B, n, m) -> (*B, n, k), (*B, k), (*B, k, m)"""
    expect_converging(np.isfinite(x))
    try:
        u, s, vh = np.linalg.svd(x, full_matrices)
    except np.linalg.LinAlgError:
        raise not_converging() from None
    return u, s, vh


@svd.grad("x")
def svd_dx(g, out, x_shape, x_dtype):
    g_u, g_s, g_vh = g
    u, s, vh = out
    rows, columns = x_shape[-2:]
    size = min(rows, columns)
    # Of complete bases only the part that belongs to singular values is determined.
    u, g_u = u[..., :size], g_u[..., :size]
    vh, g_vh = vh[..., :size, :], g_vh[..., :size, :]
    v, g_v = adjoint(vh), adjoint(g_vh)
    in_u = _skew(np.matmul(adjoint(u), g_u))
    in_v = _skew(np.matmul(adjoint(v), g_v))
    row, column = s[..., None, :], s[..., :, None]
    on_diagonal = np.eye(size, dtype=bool)
    gaps = np.where(on_diagonal, 1.0, (row - column) * (row + column))
    inside = (in_u * row + column * in_v) / gaps
    inside = np.where(on_diagonal, g_s[..., None, :], inside)
    if x_dtype.kind == "c":
        inside = inside + np.where(on_diagonal, in_u / (2 * row), 0.0)
    whole = np.matmul(np.matmul(u, inside), vh)
    if rows > size:
        part = g_u / row
        whole = whole + np.matmul(part - np.matmul(u, np.matmul(adjoint(u), part)), vh)
    if columns > size:
        part = g_vh / column
        whole = whole + np.matmul(u, part - np.matmul(np.matmul(part, v), vh))
    return whole


def _skew(x):
    return x - adjoint(x)


@public("svd", namespace="linalg", method=False, out=True)
def linalg_svd(A, full_matrices=True, *, driver=None):
    """Singular value decomposition A = U diag(S) Vh, as a named tuple.

    Gradients of U and Vh exist for distinct singular values, and in the complete form only for
    the columns that belong to one.  `driver` is accepted and ignored: there is one.
    """
    expect_matrices("linalg.svd", A)
    expect_floating("linalg.svd", A)
    return _returns.linalg_svd(*svd(A, full_matrices=full_matrices))


@public("svdvals", namespace="linalg", method=False, out=True)
def svdvals(A, *, driver=None):
    """Singular values, descending."""
    expect_matrices("linalg.svdvals", A)
    expect_floating("linalg.svdvals", A)
    return svd(A, full_matrices=False)[1]


@public("svd", out=True)
def svd_front(input, some=True, compute_uv=True):
    """U, S, V with input = U diag(S) V^H; `linalg.svd` is newer."""
    expect_matrices("linalg.svd", input)
    expect_floating("linalg.svd", input)
    u, s, vh = svd(input, full_matrices=not some)
    if not compute_uv:
        rows, columns = input.get_shape()[-2:]
        batch = input.get_shape()[:-2]
        dtype = input.get_dtype()
        u = input.make(constant(np.zeros((*batch, rows, rows), dtype)))
        v = input.make(constant(np.zeros((*batch, columns, columns), dtype)))
        return _returns.svd(u, s, v)
    return _returns.svd(u, s, adjoint(vh))


# -- pseudo-inverse and least squares -----------------------------------------------------------


@op(numpy=np.linalg.pinv, node="LinalgPinvBackward0")
def pinv(x, *, rcond):
    """Pseudo-inverses.  (*B, n, m) -> (*B, m, n)"""
    expect_converging(x == x)
    if not np.all(np.isfinite(x)):
        return np.full((*x.shape[:-2], x.shape[-1], x.shape[-2]), np.nan, x.dtype)
    return np.linalg.pinv(x, rcond)


@pinv.grad("x")
def pinv_dx(g, x, out):
    return pinv_rule(g, x, out)


def pinv_rule(g, x, p):
    """Return the gradient of a pseudo-inverse `p` of `x`, where the rank stays what it is."""
    back = adjoint(p)
    first = -np.matmul(np.matmul(back, g), back)
    turned_g = adjoint(g)
    left = np.matmul(np.matmul(turned_g, p), back)
    second = left - np.matmul(x, np.matmul(p, left))
    right = np.matmul(np.matmul(back, p), turned_g)
    third = right - np.matmul(np.matmul(right, p), x)
    return first + second + third


def _cutoff(A, rcond, rtol):
    if rtol is not None:
        return float(rtol)
    if rcond is not None:
        return float(rcond)
    rows, columns = A.get_shape()[-2:]
    return max(rows, columns) * float(np.finfo(A.get_dtype()).eps)


@public("pinv", namespace="linalg", method=False, out=True)
def linalg_pinv(A, rcond=None, hermitian=False, *, atol=None, rtol=None):
    """Pseudo-inverse; singular values up to ``max(atol, rtol * largest)`` count as 0."""
    if len(expect_tensor("linalg_pinv", A).get_shape()) < 2 or A.get_dtype().kind in "bui":
        raise RuntimeError(
            f"linalg.pinv({scalar_name(A.get_dtype())}{{{list(A.get_shape())}}}): expected a "
            "tensor with 2 or more dimensions of float, double, cfloat or cdouble types"
        )
    if atol is not None and rtol is None and rcond is None:
        return pinv(A, rcond=run(_relative, A.array, float(atol)))
    return pinv(A, rcond=_cutoff(A, rcond, rtol))


def _relative(array, atol):
    """Return a bound on singular values as a fraction of the largest of them all."""
    largest = np.max(np.linalg.svd(array, compute_uv=False), initial=0.0)
    return np.asarray(float(atol) / float(largest) if largest else 0.0)


@public("pinverse")
def pinverse(input, rcond=1e-15):
    """Pseudo-inverse; the same as `linalg.pinv`."""
    return linalg_pinv(input, rcond=rcond)


@op(node="LinalgLstsqBackward0")
def lstsq(x, y, *, rcond, residuals, vector):
    """Least-squares solutions of x z = y, and where asked for the squares of what is left.

    (*B, n, m), (*B, n, k) -> (*B, m, k), (*B, k) or (0,).  With `vector` y lacks k = 1.
    """
    if vector:
        out, left = lstsq_arrays(x, y[..., None], rcond, residuals)
        return out[..., 0], left
    return lstsq_arrays(x, y, rcond, residuals)


def lstsq_arrays(x, y, rcond, residuals):
    """Return least-squares solutions, and the squares of what is left or nothing."""
    out = np.matmul(np.linalg.pinv(x, rcond), y)
    if not residuals:
        return out, np.zeros_like(out, shape=(0,))
    apart = np.matmul(x, out) - y
    return out, np.add.reduce(np.real(conjugate_of(apart) * apart), axis=-2)


@lstsq.grads("x", "y")
def lstsq_d(g, x, y, out, rcond, residuals, vector):
    g_out, g_left = g
    out = out[0]
    if vector:
        g_out, y, out = g_out[..., None], y[..., None], out[..., None]
    inverted = pinv(x, rcond=rcond)
    dx = pinv_rule(np.matmul(g_out, adjoint(y)), x, inverted)
    dy = np.matmul(adjoint(inverted), g_out)
    if residuals:
        # The solution makes them least: to first order they change through x and y alone.
        apart = 2 * (np.matmul(x, out) - y) * g_left[..., None, :]
        dx = dx + np.matmul(apart, adjoint(out))
        dy = dy - apart
    return dx, dy[..., 0] if vector else dy


@public("lstsq", namespace="linalg", method=False, out=True)
def linalg_lstsq(A, B, rcond=None, *, driver=None):
    """Least-squares solution of A X = B, as ``(solution, residuals, rank, singular_values)``.

    Parameters
    ----------
    A : Tensor
        (*B, n, m)
    B : Tensor
        (*B, n, k), or (*B, n)
    rcond : float, optional
        Singular values up to this fraction of the largest count as 0.
    driver : str, optional
        PyTorch's name of a LAPACK routine.  Here they all compute the same, and it says which
        results are filled: residuals but for ``"gelsy"``, the default, where n > m and the rank
        is full; singular values for ``"gelsd"`` and ``"gelss"``; the rank but for ``"gels"``.
    """
    a = expect_matrices("torch.linalg.lstsq", A, "input")
    expect_floating("torch.linalg.lstsq", A)
    b = expect_tensor("linalg_lstsq", B, "B", 2).get_shape()
    driver = "gelsy" if driver is None else driver
    if driver not in ("gels", "gelsy", "gelsd", "gelss"):
        raise RuntimeError(
            "torch.linalg.lstsq: parameter `driver` should be one of (gels, gelsy, gelsd, gelss)"
        )
    vector = len(b) == len(a) - 1
    if b[-1 if vector else -2] != a[-2]:
        axis = -1 if vector else -2
        raise RuntimeError(f"torch.linalg.lstsq: input.size(-2) should match other.size({axis})")
    cutoff = _cutoff(A, rcond, None)
    sizes, rank = run(_ranked, A.array, cutoff)
    asked = driver != "gelsy" and a[-2] > a[-1] and all_true(run(np.equal, rank, a[-1]))
    out, left = lstsq(A, B, rcond=cutoff, residuals=asked, vector=vector)
    if driver == "gels":
        rank = constant(np.empty(0, np.int64))
    if driver not in ("gelsd", "gelss"):
        sizes = constant(np.empty(0, sizes.dtype))
    return _returns.linalg_lstsq(out, left, A.make(rank), A.make(sizes))


def _ranked(array, cutoff):
    """Return singular values, and how many are larger than a fraction of the largest."""
    sizes = np.linalg.svd(array, compute_uv=False)
    largest = np.max(sizes, axis=-1, keepdims=True, initial=0.0)
    rank = np.add.reduce(sizes > cutoff * largest, axis=-1, dtype=np.int64)
    return sizes, np.asarray(rank)


@public("matrix_rank", namespace="linalg", method=False, out=True)
def matrix_rank(A, tol=None, hermitian=False, *, atol=None, rtol=None):
    """How many singular values are larger than ``max(atol, rtol * largest)``."""
    expect_matrices("linalg.matrix_rank", A)
    expect_floating("linalg.matrix_rank", A)
    absolute = tol if tol is not None else atol
    if isinstance(absolute, Value):
        absolute = absolute.array
    relative = None
    if rtol is not None or absolute is None:
        relative = _cutoff(A, None, rtol)
    return A.make(run(_count_above, A.array, absolute, relative))


def _count_above(array, absolute, relative):
    sizes = np.linalg.svd(array, compute_uv=False)
    bound = np.asarray(0.0 if absolute is None else absolute)
    if relative is not None:
        bound = np.maximum(bound, relative * np.max(sizes, axis=-1, initial=0.0))
    count = np.add.reduce(sizes > bound[..., None], axis=-1, dtype=np.int64)
    return np.asarray(count)
