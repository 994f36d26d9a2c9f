"""Diagonals and triangles of matrices."""

from __future__ import annotations

import numpy as np

from .._core.op import op
from .._core.public import expect_tensor, public
from ._arguments import numpy_dtype, scalar_name
from ._axes import axis_of
from ._sizes import listed, ndarray
from .shape import reshape_to

# -- triangles ----------------------------------------------------------------------------------


_triangles = {}


def triangle(shape, k):
    """Return the mask of the lower triangle of matrices; small ones are made once."""
    n, m = shape[-2:]
    made = _triangles.get((n, m, k))
    if made is None:
        made = np.tri(n, m, k, dtype=bool)
        if made.size <= 1 << 16:
            if len(_triangles) > 64:
                _triangles.clear()
            made.flags.writeable = False
            _triangles[n, m, k] = made
    return made


@op(numpy=np.tril, node="TrilBackward0", linear=True)
def tril(m, *, k=0):
    """The lower triangle, zeros above diagonal `k`.  (*B, n, m) -> (*B, n, m)"""
    if type(m) is not ndarray or m.ndim < 2:
        return np.tril(m, k)
    out = np.zeros(m.shape, m.dtype)
    np.copyto(out, m, where=triangle(m.shape, k))
    return out


@tril.grad("m")
def tril_dm(g, k):
    return tril(g, k=k)


@op(numpy=np.triu, node="TriuBackward0", linear=True)
def triu(m, *, k=0):
    """The upper triangle, zeros below diagonal `k`.  (*B, n, m) -> (*B, n, m)"""
    if type(m) is not ndarray or m.ndim < 2:
        return np.triu(m, k)
    out = np.array(m, order="C")
    np.copyto(out, False, where=triangle(m.shape, k - 1))  # a zero of every dtype
    return out


@triu.grad("m")
def triu_dm(g, k):
    return triu(g, k=k)


def expect_matrix(name, input):
    expect_tensor(name, input)
    if len(input.get_shape()) < 2:
        raise RuntimeError(f"{name}: input tensor must have at least 2 dimensions")


@public("tril", inplace=True, out=True)
def tril_front(input, diagonal=0):
    """Keep the lower triangle of matrices, up to diagonal `diagonal`; zeros elsewhere."""
    expect_matrix("tril", input)
    return tril(input, k=diagonal.__index__())


@public("triu", inplace=True, out=True)
def triu_front(input, diagonal=0):
    """Keep the upper triangle of matrices, from diagonal `diagonal` on; zeros elsewhere."""
    expect_matrix("triu", input)
    return triu(input, k=diagonal.__index__())


def triangle_indices(name, find, row, col, offset, dtype):
    for what, size in (("row", row), ("col", col)):
        if size < 0:
            raise RuntimeError(f"{what} must be non-negative, got{size}")
    wanted = numpy_dtype(dtype) or np.dtype(np.int64)
    if wanted.kind not in "iu":
        raise NotImplementedError(f"\"{name}\" not implemented for '{scalar_name(wanted)}'")
    return np.stack(find(row, offset, col)).astype(wanted)


def tril_indices(row, col, offset=0, dtype=None):
    """Return the places of the lower triangle of a (row, col) matrix, as an array (2, n)."""
    return triangle_indices("tril_indices", np.tril_indices, row, col, offset, dtype)


def triu_indices(row, col, offset=0, dtype=None):
    """Return the places of the upper triangle of a (row, col) matrix, as an array (2, n)."""
    return triangle_indices("triu_indices", np.triu_indices, row, col, offset, dtype)


# -- diagonals ----------------------------------------------------------------------------------


def diagonal_view(x, offset, axis1, axis2):
    """Return a diagonal as a view that may be written into; NumPy's own is read-only."""
    if type(x) is not ndarray:
        return np.diagonal(x, offset, axis1, axis2)
    out = x.diagonal(offset, axis1, axis2)
    if x.flags.writeable:
        out.flags.writeable = True
    return out


@op(numpy=np.diagonal, node="DiagonalBackward0", view=True, linear=True)
def diagonal(x, *, offset=0, axis1=0, axis2=1):
    """The diagonal over two axes, last, sharing memory.  (*S, n, m) -> (*S, min(n, m))"""
    return diagonal_view(x, offset, axis1, axis2)


@diagonal.grad("x")
def diagonal_dx(g, x_shape, offset, axis1, axis2):
    return from_diagonal(g, shape=x_shape, offset=offset, axis1=axis1, axis2=axis2)


@op(node="DiagonalBackward0_copy", linear=True)
def diagonal_copy(x, *, offset, axis1, axis2):
    """A copy of the diagonal over two axes.  (*S, n, m) -> (*S, min(n, m))"""
    return np.copy(np.diagonal(x, offset, axis1, axis2))


@diagonal_copy.grad("x")
def diagonal_copy_dx(g, x_shape, offset, axis1, axis2):
    return from_diagonal(g, shape=x_shape, offset=offset, axis1=axis1, axis2=axis2)


@op(node="DiagEmbedBackward0", linear=True)
def from_diagonal(x, *, shape, offset, axis1, axis2):
    """Zeros of `shape` with `x` on a diagonal over two axes.  (*S, k) -> shape"""
    out = np.zeros_like(x, shape=shape)
    diagonal_view(out, offset, axis1, axis2)[...] = x
    return out


@from_diagonal.grad("x")
def from_diagonal_dx(g, offset, axis1, axis2):
    return diagonal_copy(g, offset=offset, axis1=axis1, axis2=axis2)


@op(node="DiagonalScatterBackward0", linear=True)
def diagonal_put(x, value, *, offset, axis1, axis2):
    """A copy of `x` with `value` on a diagonal.  (*S, n, m), (*S, k) -> (*S, n, m)"""
    out = np.copy(x)
    diagonal_view(out, offset, axis1, axis2)[...] = value
    return out


@diagonal_put.grad("x")
def diagonal_put_dx(g, value_shape, offset, axis1, axis2):
    nothing = np.zeros_like(g, shape=value_shape)
    return diagonal_put(g, nothing, offset=offset, axis1=axis1, axis2=axis2)


@diagonal_put.grad("value")
def diagonal_put_dvalue(g, offset, axis1, axis2):
    return diagonal_copy(g, offset=offset, axis1=axis1, axis2=axis2)


def diagonal_axes(dim1, dim2, ndim):
    axis1 = axis_of(dim1, ndim)
    axis2 = axis_of(dim2, ndim)
    if axis1 == axis2:
        raise RuntimeError(f"diagonal dimensions cannot be identical {dim1}, {dim2}")
    return axis1, axis2


@public("diagonal")
def diagonal_front(input, offset=0, dim1=0, dim2=1):
    """Return the diagonal over two axes as the last axis, sharing memory."""
    expect_tensor("diagonal", input)
    axis1, axis2 = diagonal_axes(dim1, dim2, len(input.get_shape()))
    return diagonal(input, offset=offset, axis1=axis1, axis2=axis2)


@public(out=True)
def diag(input, diagonal=0):
    """Return the matrix with a vector on a diagonal, or a diagonal of a matrix; a copy."""
    expect_tensor("diag", input)
    ndim = len(input.get_shape())
    if ndim == 1:
        return diag_embed(input, diagonal)
    if ndim != 2:
        raise RuntimeError(f"diag(): Supports 1D or 2D tensors. Got {ndim}D")
    return diagonal_copy(input, offset=diagonal, axis1=0, axis2=1)


@public()
def diag_embed(input, offset=0, dim1=-2, dim2=-1):
    """Return matrices, over new axes `dim1` and `dim2`, with the last axis on a diagonal."""
    expect_tensor("diag_embed", input)
    have = input.get_shape()
    axis1, axis2 = diagonal_axes(dim1, dim2, len(have) + 1 if have else 1)
    size = have[-1] + abs(offset)
    shape = list(have[:-1])
    for axis in sorted((axis1, axis2)):
        shape.insert(axis, size)
    return from_diagonal(input, shape=tuple(shape), offset=offset, axis1=axis1, axis2=axis2)


@public()
def diagflat(input, offset=0):
    """Return the matrix with the elements of `input` on a diagonal."""
    expect_tensor("diagflat", input)
    return diag_embed(reshape_to(input, (-1,)), offset)


@public()
def diagonal_scatter(input, src, offset=0, dim1=0, dim2=1):
    """Return a copy of `input` with `src` on the diagonal over two axes."""
    expect_tensor("diagonal_scatter", input)
    expect_tensor("diagonal_scatter", src, "src", 2)
    axis1, axis2 = diagonal_axes(dim1, dim2, len(input.get_shape()))
    place = np.diagonal(input.array, offset, axis1, axis2).shape
    if place != src.get_shape():
        raise RuntimeError(
            f"expected src to have a size equal to the slice of self. src size = "
            f"{listed(src.get_shape())}, slice size = {listed(place)}"
        )
    return diagonal_put(input, src, offset=offset, axis1=axis1, axis2=axis2)


@op(node="FillDiagonalBackward0")
def fill_diagonal(x, *, value, wrap):
    """A copy of `x` with a constant on its main diagonal.  (*S) -> (*S)"""
    out = np.copy(x)
    np.fill_diagonal(out, value, wrap)
    return out


@fill_diagonal.grad("x")
def fill_diagonal_dx(g, wrap):
    return fill_diagonal(g, value=0, wrap=wrap)


@fill_diagonal.jvp
def fill_diagonal_jvp(tangents, x, out, value, wrap):
    return fill_diagonal(tangents[0], value=0, wrap=wrap)


@public("fill_diagonal", function=False, method=False, inplace=True)
def fill_diagonal_front(input, fill_value, wrap=False):
    """Fill the main diagonal; `wrap` goes on after the last column of a tall matrix."""
    shape = input.get_shape()
    if len(shape) < 2:
        raise RuntimeError("dimensions must larger than 1")
    if len(shape) > 2 and len(set(shape)) != 1:
        raise RuntimeError("all dimensions of input must be of equal length")
    if hasattr(fill_value, "item"):
        fill_value = fill_value.item()
    return fill_diagonal(input, value=fill_value, wrap=wrap)
