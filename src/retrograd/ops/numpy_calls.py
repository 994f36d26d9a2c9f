"""NumPy functions on tensors whose arguments are not the operation's own.

Operations that have a NumPy function's exact signature name it themselves (``@op(numpy=...)``).
The table `answers` holds the others: what ``np.sum(tensor, axis=-1)`` or ``np.einsum(...)`` run,
with NumPy's argument names, defaults and meaning (``np.var`` divides by n, ``np.median`` averages).
"""

from __future__ import annotations

import numpy as np

from .._core.public import deliver
from . import reduction
from .along import select_along
from .arithmetic import multiply
from .copying import cast
from .decomposition import linalg_matrix_power, linalg_slogdet
from .diagonals import diagonal
from .einsum import einsum
from .extrema import amax, amin, argmax, argmin
from .linear_algebra import dot_front, inner, matmul, outer, vdot_front
from .norms import linalg_norm, linalg_vector_norm
from .scan import cumprod, cumsum
from .scan import diff as diff_front
from .shape import reshaped
from .sorting import order_along, searchsorted
from .spectral import (
    eigh,
    eigvals,
    eigvalsh,
    linalg_eig,
    linalg_pinv,
    linalg_qr,
    linalg_svd,
    matrix_rank,
    svdvals,
)
from .statistics import nanquantile, quantile, sorted_along, std, var
from .tensor_products import kron, linalg_cross, multi_dot, tensordot

# NumPy function -> Python function of tensors.
answers = {}


def answering(*functions):
    """Register a Python function as the answer to NumPy functions."""

    def register(function):
        for one in functions:
            answers[one] = function
        return function

    return register


def whole_axis(axis, ndim):
    """Return NumPy's `axis`, an int or several, counted from the front."""
    if axis is None:
        return None
    if isinstance(axis, (tuple, list)):
        return tuple([whole_axis(one, ndim) for one in axis])
    axis = axis.__index__()
    if not -ndim <= axis < ndim:
        raise np.exceptions.AxisError(axis, ndim)
    return axis % ndim


def flat(a):
    """Return a tensor with one dimension."""
    return a if a.ndim == 1 else reshaped(a, (-1,))


# -- reductions and scans -----------------------------------------------------------------------


def _reduction(op):
    def call(a, axis=None, dtype=None, out=None, keepdims=False, **settings):
        if "correction" in settings:
            settings["ddof"] = settings.pop("correction")
        if dtype is not None:
            a = cast(a, dtype=np.dtype(dtype))
        found = op(a, axis=whole_axis(axis, a.ndim), keepdims=bool(keepdims), **settings)
        return found if out is None else deliver(found, out)

    return call


for _functions, _op in (
    ((np.sum,), reduction.sum),
    ((np.nansum,), reduction.nansum),
    ((np.mean,), reduction.mean),
    ((np.prod,), reduction.prod),
    ((np.max, np.amax), amax),
    ((np.min, np.amin), amin),
    ((np.all,), reduction.all),
    ((np.any,), reduction.any),
    ((np.count_nonzero,), reduction.count_nonzero),
    ((np.var,), var),
    ((np.std,), std),
):
    answering(*_functions)(_reduction(_op))


def _index(op):
    def call(a, axis=None, out=None, *, keepdims=False):
        found = op(a, axis=whole_axis(axis, a.ndim), keepdims=bool(keepdims))
        return found if out is None else deliver(found, out)

    return call


answering(np.argmax)(_index(argmax))
answering(np.argmin)(_index(argmin))


def _scan(op):
    def call(a, axis=None, dtype=None, out=None):
        if dtype is not None:
            a = cast(a, dtype=np.dtype(dtype))
        if axis is None:
            a, axis = flat(a), 0
        found = op(a, axis=whole_axis(axis, a.ndim))
        return found if out is None else deliver(found, out)

    return call


answering(np.cumsum)(_scan(cumsum))
answering(np.cumprod)(_scan(cumprod))


@answering(np.ptp)
def ptp(a, axis=None, out=None, keepdims=False):
    """Largest less smallest."""
    axis = whole_axis(axis, a.ndim)
    found = amax(a, axis=axis, keepdims=keepdims) - amin(a, axis=axis, keepdims=keepdims)
    return found if out is None else deliver(found, out)


@answering(np.diff)
def diff(a, n=1, axis=-1, prepend=None, append=None):
    """The n-th differences of neighbours."""
    return diff_front(a, n, axis, prepend, append)


@answering(np.average)
def average(a, axis=None, weights=None):
    """Mean, or weighted mean."""
    axis = whole_axis(axis, a.ndim)
    if weights is None:
        return reduction.mean(a, axis=axis)
    if weights.ndim < a.ndim and axis is not None:
        places = [1] * a.ndim
        places[axis] = -1
        weights = reshaped(weights, tuple(places))
    total = reduction.sum(weights * (a * 0 + 1), axis=axis)
    return reduction.sum(a * weights, axis=axis) / total


# -- sorting and quantiles ----------------------------------------------------------------------


@answering(np.sort)
def sort(a, axis=-1, kind=None, order=None, *, stable=None):
    """Elements in ascending order, always stable."""
    if axis is None:
        a, axis = flat(a), 0
    return sorted_along(a, axis=whole_axis(axis, a.ndim))


@answering(np.argsort)
def argsort(a, axis=-1, kind=None, order=None, *, stable=None):
    """Indices that sort, always stable."""
    if axis is None:
        a, axis = flat(a), 0
    return order_along(a, axis=whole_axis(axis, a.ndim))


@answering(np.take_along_axis)
def take_along_axis(arr, indices, axis=-1):
    """Pick elements along an axis by index."""
    if axis is None:
        arr, axis = flat(arr), 0
    return select_along(arr, indices, axis=whole_axis(axis, arr.ndim))


@answering(np.searchsorted)
def searchsorted_call(a, v, side="left", sorter=None):
    """Where elements would go in a sorted vector."""
    return searchsorted(a, v, side=side, sorter=sorter)


def _quantile(function, scale):
    def call(a, q, axis=None, out=None, *, method="linear", keepdims=False):
        q = q / scale if hasattr(q, "ndim") or isinstance(q, (int, float)) else np.divide(q, scale)
        if not isinstance(q, float) and not hasattr(q, "array"):
            q = a.make(np.asarray(q, a.array.dtype))
        found = function(a, q, axis, keepdims, interpolation=method)
        return found if out is None else deliver(found, out)

    return call


answering(np.quantile)(_quantile(quantile, 1.0))
answering(np.percentile)(_quantile(quantile, 100.0))
answering(np.nanquantile)(_quantile(nanquantile, 1.0))
answering(np.nanpercentile)(_quantile(nanquantile, 100.0))


@answering(np.median)
def median(a, axis=None, out=None, *, keepdims=False):
    """Median; the mean of the two in the middle of an even number, unlike PyTorch's."""
    found = quantile(a, 0.5, axis, keepdims)
    return found if out is None else deliver(found, out)


# -- products -----------------------------------------------------------------------------------

answering(np.matmul)(matmul)
answering(np.inner)(inner)
answering(np.kron)(kron)
answering(np.linalg.multi_dot)(multi_dot)


@answering(np.einsum)
def einsum_call(*operands, out=None, optimize=True):
    """Einstein summation."""
    found = einsum(*operands)
    return found if out is None else deliver(found, out)


@answering(np.dot)
def dot(a, b, out=None):
    """Products summed over the last axis of `a` and the last but one of `b`."""
    if getattr(a, "ndim", 0) == 0 or getattr(b, "ndim", 0) == 0:
        found = multiply(a, b)
    elif a.ndim == 1 and b.ndim == 1:
        found = dot_front(a, b)
    elif b.ndim <= 2:
        found = matmul(a, b)
    else:
        found = tensordot(a, b, ([a.ndim - 1], [b.ndim - 2]))
    return found if out is None else deliver(found, out)


@answering(np.vdot)
def vdot(a, b):
    """Inner product of all elements, the first conjugated."""
    return vdot_front(flat(a), flat(b))


@answering(np.outer)
def outer_call(a, b, out=None):
    """Outer product of all elements."""
    found = outer(flat(a), flat(b))
    return found if out is None else deliver(found, out)


@answering(np.tensordot)
def tensordot_call(a, b, axes=2):
    """Sum products over axes of two tensors."""
    return tensordot(a, b, axes)


@answering(np.cross)
def cross(a, b, axisa=-1, axisb=-1, axisc=-1, axis=None):
    """Cross product of vectors of length 3."""
    if axis is None and not axisa == axisb == axisc:
        raise TypeError("np.cross on tensors takes one axis for all: axisa, axisb, axisc differ")
    return linalg_cross(a, b, dim=axisa if axis is None else axis)


@answering(np.trace)
def trace(a, offset=0, axis1=0, axis2=1):
    """Sum of a diagonal."""
    along = diagonal(a, offset=offset, axis1=axis1, axis2=axis2)
    return reduction.sum(along, axis=along.ndim - 1)


# -- numpy.linalg -------------------------------------------------------------------------------

answering(np.linalg.eigvals)(eigvals)
answering(np.linalg.eigvalsh)(eigvalsh)
answering(np.linalg.matrix_power)(linalg_matrix_power)


@answering(np.linalg.norm)
def norm(x, ord=None, axis=None, keepdims=False):
    """Vector or matrix norm."""
    if ord is None and axis is None:
        return linalg_vector_norm(x, 2, None, keepdims)
    return linalg_norm(x, ord, axis, keepdims)


@answering(np.linalg.svd)
def svd(a, full_matrices=True, compute_uv=True, hermitian=False):
    """U, S, V^H; or S alone."""
    return tuple(linalg_svd(a, full_matrices)) if compute_uv else svdvals(a)


@answering(np.linalg.eigh)
def eigh_call(a, UPLO="L"):
    """Eigenvalues and eigenvectors of Hermitian matrices."""
    return eigh(a, UPLO=UPLO)


@answering(np.linalg.eig)
def eig(a):
    """Eigenvalues and eigenvectors, always complex."""
    return tuple(linalg_eig(a))


@answering(np.linalg.qr)
def qr(a, mode="reduced"):
    """Q and R; or R alone."""
    found = linalg_qr(a, mode)
    return found[1] if mode == "r" else tuple(found)


@answering(np.linalg.slogdet)
def slogdet(a):
    """Sign and log of the absolute value of the determinant."""
    return tuple(linalg_slogdet(a))


@answering(np.linalg.pinv)
def pinv(a, rcond=None, hermitian=False):
    """Pseudo-inverse."""
    return linalg_pinv(a, rcond=1e-15 if rcond is None else rcond)


@answering(np.linalg.matrix_rank)
def rank(A, tol=None, hermitian=False):
    """How many singular values are not 0."""
    return matrix_rank(A, tol)
