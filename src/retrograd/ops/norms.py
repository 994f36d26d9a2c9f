"""Norms of vectors and matrices.

At 0 the gradient of a norm is 0.  The norm of order inf shares its gradient evenly among the
elements that tie.
"""

from __future__ import annotations

import math

import numpy as np

from .._core.op import op
from .._core.promotion import promote_types
from .._core.public import expect_tensor, public
from ._arguments import numpy_dtype, numpy_names, scalar_name
from ._axes import axes_of, axis_of, spread
from .copying import cast
from .decomposition import expect_floating, expect_matrices
from .extrema import amax_front, amin_front
from .permuting import moveaxis
from .reduction import add_up
from .reduction import sum as sum_over
from .shape import reshaped
from .spectral import svd

# -- vectors ------------------------------------------------------------------------------------


def norm_of(x, p, axis, keepdims):
    """Return the p-norm of an array over axes; small floats in float32."""
    dtype = x.dtype
    if dtype.itemsize == 2:
        return norm_of(x.astype(np.float32), p, axis, keepdims).astype(dtype)
    if p == 2:
        squares = np.real(x) ** 2 + np.imag(x) ** 2 if dtype.kind == "c" else x * x
        return np.sqrt(np.add.reduce(squares, axis=axis, keepdims=keepdims))
    size = np.abs(x)
    if p == 0:
        return add_up((size != 0).astype(size.dtype), axis, keepdims)
    if p == 1:
        return add_up(size, axis, keepdims)
    if p == math.inf:
        return np.max(size, axis=axis, keepdims=keepdims)
    if p == -math.inf:
        return np.min(size, axis=axis, keepdims=keepdims)
    return np.add.reduce(size**p, axis=axis, keepdims=keepdims) ** (1.0 / p)


def norm_rule(g, x, out, dtype, p, axis, keepdims, shape):
    """Return the gradient of the p-norm of `x`, which is `out`; `g` and `out` are reduced."""
    g = spread(g, axis, keepdims, shape)
    out = spread(out, axis, keepdims, shape)
    if p == 0:
        return np.zeros_like(x) * g
    if p == 1:
        return g * np.sign(x)
    if p == 2:
        return g * (x / np.where(out == 0, 1.0, out))
    size = np.abs(x)
    if math.isinf(p):
        hit = cast((size == out) | (np.isnan(size) & np.isnan(out)), dtype=dtype)
        return np.sign(x) * hit * (g / sum_over(hit, axis=axis, keepdims=True))
    scale = np.where(out == 0, 0.0, g / np.where(out == 0, 1.0, out) ** (p - 1))
    if p < 2:
        # |x| to a power below 1: its slope at 0 is infinite, PyTorch's is 0.
        safe = np.where(size == 0, 1.0, size)
        return np.where(size == 0, 0.0, np.sign(x) * safe ** (p - 1)) * scale
    return x * size ** (p - 2) * scale


@op(node="LinalgVectorNormBackward0")
def vector_norm(x, *, p=2, axis=None, keepdims=False):
    """(sum |x|^p)^(1/p) over axes.  (*S) -> S without axis"""
    return norm_of(x, p, axis, keepdims)


@vector_norm.grad("x")
def vector_norm_dx(g, x, out, x_shape, x_dtype, p, axis, keepdims):
    if x_dtype.kind == "c":
        x_dtype = np.float64 if x_dtype.itemsize == 16 else np.float32
    return norm_rule(g, x, out, x_dtype, p, axis, keepdims, x_shape)


def _expect_floating(function, x):
    if x.get_dtype().kind in "bui":
        raise RuntimeError(
            f"{function}: Expected a floating point or complex tensor as input. "
            f"Got {scalar_name(x.get_dtype())}"
        )


def _expect_identity(x, p, axes):
    """Raise for an empty maximum or minimum."""
    shape = x.get_shape()
    if 0 not in shape or not (p < 0 or p == math.inf):
        return
    if axes is None:
        raise RuntimeError(
            f"linalg.vector_norm cannot compute the {p:g} norm on an empty tensor because the "
            "operation does not have an identity"
        )
    for axis in axes:
        if shape[axis] == 0:
            raise RuntimeError(
                f"linalg.vector_norm cannot compute the {p:g} norm on the dimension {axis}"
                "because this dimension is empty and the operation does not have an identity"
            )


@public("vector_norm", namespace="linalg", method=False, out=True)
@numpy_names
def linalg_vector_norm(x, ord=2, dim=None, keepdim=False, *, dtype=None):
    """(sum |x|^ord)^(1/ord) over all elements, or over `dim`; inf, -inf and 0 have their meaning.

    The gradient is 0 where the norm is 0; of order inf it is shared evenly among ties.
    """
    expect_tensor("linalg_vector_norm", x)
    x = _as_dtype(x, dtype)
    _expect_floating("linalg.vector_norm", x)
    axes = axes_of(dim, len(x.get_shape()))
    _expect_identity(x, ord, axes)
    return vector_norm(x, p=ord, axis=axes, keepdims=keepdim)


def _as_dtype(x, dtype):
    wanted = numpy_dtype(dtype)
    have = x.get_dtype()
    if wanted is None or wanted == have:
        return x
    if have.kind in "fc" and promote_types(wanted, have) != wanted:
        raise RuntimeError(
            f"linalg.vector_norm: the dtype of the input ({scalar_name(have)}) should be "
            f"convertible without narrowing to the specified dtype ({scalar_name(wanted)})"
        )
    return cast(x, dtype=wanted)


# -- matrices -----------------------------------------------------------------------------------


def _matrix_dims(dim, ndim):
    if isinstance(dim, int):
        dim = (dim,)
    if len(dim) != 2:
        shown = " ".join([str(d) for d in dim])
        raise RuntimeError(f"linalg.matrix_norm: dim must be a 2-tuple. Got {shown}")
    first, second = axis_of(dim[0], ndim), axis_of(dim[1], ndim)
    if first == second:
        raise RuntimeError(f"linalg.matrix_norm: dims must be different. Got ({first}, {second})")
    return first, second


def _order_not_supported(ord):
    shown = ord if isinstance(ord, str) else f"{ord:g}"
    return RuntimeError(f"linalg.matrix_norm: Order {shown} not supported.")


@public("matrix_norm", namespace="linalg", method=False, out=True)
@numpy_names
def matrix_norm(A, ord="fro", dim=(-2, -1), keepdim=False, *, dtype=None):
    """Norm of a matrix, or of each of a batch.

    Parameters
    ----------
    A : Tensor
    ord : str or number
        ``"fro"``; ``"nuc"``, the sum of the singular values; 2 or -2, the largest or smallest
        one; 1, -1, inf, -inf, the largest or smallest sum of a column (1) or row (inf).
    dim : pair of int
        The dimensions of the matrix.
    """
    shape = expect_matrices("linalg.matrix_norm", A)
    expect_floating("linalg.matrix_norm", A)
    rows, columns = _matrix_dims(dim, len(shape))
    A = _as_dtype(A, dtype)
    if ord == "fro":
        return linalg_vector_norm(A, 2, (rows, columns), keepdim)
    if ord == "nuc" or (not isinstance(ord, str) and abs(ord) == 2):
        return _spectral_norm(A, ord, rows, columns, keepdim)
    if isinstance(ord, str) or abs(ord) not in (1, math.inf):
        raise _order_not_supported(ord)
    inner, outer = (rows, columns) if abs(ord) == 1 else (columns, rows)
    sums = linalg_vector_norm(A, 1, inner, keepdim)
    if not keepdim and inner < outer:
        outer -= 1
    return (amax_front if ord > 0 else amin_front)(sums, outer, keepdim)


def _spectral_norm(A, ord, rows, columns, keepdim):
    moved = moveaxis(A, source=(rows, columns), destination=(-2, -1))
    sizes = svd(moved, full_matrices=False)[1]
    if ord == "nuc":
        out = sum_over(sizes, axis=(sizes.array.ndim - 1,))
    else:
        out = (amax_front if ord > 0 else amin_front)(sizes, -1)
    if keepdim:
        shape = A.get_shape()
        kept = [1 if n in (rows, columns) else size for n, size in enumerate(shape)]
        out = reshaped(out, tuple(kept))
    return out


@public("norm", namespace="linalg", method=False, out=True)
@numpy_names
def linalg_norm(A, ord=None, dim=None, keepdim=False, *, dtype=None):
    """Vector or matrix norm: of all elements without `ord`; of a matrix with two dimensions.

    Parameters
    ----------
    A : Tensor
    ord : number or str, optional
        The order; as for `vector_norm` or `matrix_norm`.
    dim : int or pair of int, optional
        One dimension for vector norms, two for matrix norms.
    """
    ndim = len(expect_tensor("linalg_norm", A).get_shape())
    if dim is not None:
        count = 1 if isinstance(dim, int) else len(dim)
        if ord is not None and count not in (1, 2):
            raise RuntimeError(
                f"linalg.norm: If dim is specified, it must be of length 1 or 2. Got {list(dim)}"
            )
    elif ord is not None and ndim not in (1, 2):
        raise RuntimeError(
            "linalg.norm: If dim is not specified but ord is, the input must be 1D or 2D. "
            f"Got {ndim}D."
        )
    if ord is not None:
        if dim is None and ndim == 2:
            return matrix_norm(A, ord, (0, 1), keepdim, dtype=dtype)
        if dim is not None and not isinstance(dim, int) and len(dim) == 2:
            return matrix_norm(A, ord, dim, keepdim, dtype=dtype)
        if isinstance(ord, str):
            return matrix_norm(A, ord, () if dim is None else dim, keepdim, dtype=dtype)
    return linalg_vector_norm(A, 2 if ord is None else ord, dim, keepdim, dtype=dtype)


@public("norm", out=True)
@numpy_names
def norm(input, p="fro", dim=None, keepdim=False, dtype=None):
    """Norm of all elements as one vector, or over `dim`.

    Parameters
    ----------
    input : Tensor
    p : number or str
        The order; ``"fro"`` is 2, ``"nuc"`` the sum of the singular values of a matrix.
    dim : int or tuple of int, optional
    keepdim : bool
    dtype : dtype, optional
        What to compute in.
    """
    ndim = len(expect_tensor("norm", input).get_shape())
    if isinstance(p, str):
        if p == "fro" and (dim is None or isinstance(dim, int) or len(dim) <= 2):
            return linalg_vector_norm(input, 2, dim, keepdim, dtype=dtype)
        if dim is None:
            dim = tuple(range(ndim))
        return matrix_norm(input, p, dim, keepdim, dtype=dtype)
    return linalg_vector_norm(input, 2 if p is None else p, dim, keepdim, dtype=dtype)


# -- limiting norms -----------------------------------------------------------------------------


@public("renorm", inplace=True, out=True)
def renorm(input, p, dim, maxnorm):
    """Scale every slice along `dim` whose p-norm is larger than `maxnorm` down to it."""
    ndim = len(expect_tensor("renorm", input).get_shape())
    if p <= 0:
        raise RuntimeError("renorm: non-positive-norm not supported")
    if ndim < 2:
        raise RuntimeError("renorm: input needs at least 2 dimensions, got " + f"{ndim} dimensions")
    axis = axis_of(dim, ndim)
    others = tuple([n for n in range(ndim) if n != axis])
    size = vector_norm(input, p=p, axis=others, keepdims=True)
    return input * np.where(size > maxnorm, maxnorm / (size + 1e-7), 1.0)


# -- a weight as length and direction ------------------------------------------------------------


@op(node="WeightNormInterfaceBackward0")
def weight_norm(v, size, *, axes):
    """`size` times v scaled to norm 1 over `axes`.  (*S), (*S with axes of size 1) -> (*S)"""
    return v * (size / norm_of(v, 2, axes, True))


@weight_norm.grad("v")
def weight_norm_dv(g, v, size, axes):
    squared = np.add.reduce(v * v, axis=axes, keepdims=True)
    along = np.add.reduce(g * v, axis=axes, keepdims=True)
    return (g - v * (along / squared)) * (size / np.sqrt(squared))


@weight_norm.grad("size")
def weight_norm_dsize(g, v, axes):
    squared = np.add.reduce(v * v, axis=axes, keepdims=True)
    return np.add.reduce(g * v, axis=axes, keepdims=True) / np.sqrt(squared)


def _axes_except(x, dim):
    """Return the axes but `dim`; all of them for -1."""
    return tuple([n for n in range(x.dim()) if dim == -1 or n != dim])


@public("norm_except_dim", method=False)
def norm_except_dim(v, pow=2, dim=0):
    """Norms of order `pow` of the slices along `dim`, -1 for one of the whole tensor."""
    expect_tensor("norm_except_dim", v, "v")
    return vector_norm(v, p=float(pow), axis=_axes_except(v, dim), keepdims=dim != -1)


def weight_of(v, g, dim=0):
    """Return the weight of direction `v` whose slices along `dim` have norms `g`."""
    if dim in (0, v.dim() - 1):
        return weight_norm(v, g, axes=_axes_except(v, dim))
    return v * (g / norm_except_dim(v, 2, dim))
