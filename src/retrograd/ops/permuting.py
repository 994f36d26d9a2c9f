"""Axes and elements in another order: transposes, flips, rolls, rotations."""

from __future__ import annotations

import warnings

import numpy as np

from .._core.op import op
from .._core.public import expect_tensor, public
from .._core.value import Value
from ._axes import axis_of
from ._sizes import ndarray

# -- the order of axes --------------------------------------------------------------------------


def swapaxes_kernel(x, *, axis1, axis2):
    """Swap two axes, sharing memory.  (*S) -> (*S')"""
    try:
        return x.swapaxes(axis1, axis2) if type(x) is ndarray else np.swapaxes(x, axis1, axis2)
    except ValueError:
        axis_of(axis1, x.ndim)
        axis_of(axis2, x.ndim)
        return x[...]  # 0-d, where PyTorch takes axes 0 and -1


swapaxes = op(
    name="swapaxes", numpy=np.swapaxes, node="TransposeBackward0", view=True, linear=True
)(swapaxes_kernel)


@swapaxes.grad("x")
def swapaxes_dx(g, axis1, axis2):
    return swapaxes(g, axis1=axis1, axis2=axis2)


@op(node="TBackward0", view=True, linear=True)
def matrix_t(x):
    """Transpose of a matrix; vectors and scalars stay.  (n, m) -> (m, n)"""
    return np.transpose(x)


@matrix_t.grad("x")
def matrix_t_dx(g):
    return matrix_t(g)


@op(
    name="transpose",
    numpy=np.transpose,
    node="PermuteBackward0",
    view=True,
    linear=True,
)
def transpose_axes(x, *, axes=None):
    """The axes in another order, reversed without `axes`, sharing memory.  (*S) -> (*S')"""
    if type(x) is ndarray:
        return x.transpose(axes)
    return np.transpose(x, axes)


@transpose_axes.grad("x")
def transpose_axes_dx(g, axes):
    if axes is None:
        return transpose_axes(g, axes=None)
    inverse = [0] * len(axes)
    for place, axis in enumerate(axes):
        inverse[axis] = place
    return transpose_axes(g, axes=tuple(inverse))


@op(numpy=np.moveaxis, node="PermuteBackward0", view=True, linear=True)
def moveaxis(x, *, source, destination):
    """Some axes moved to other places, sharing memory.  (*S) -> (*S')"""
    return np.moveaxis(x, source, destination)


@moveaxis.grad("x")
def moveaxis_dx(g, source, destination):
    return moveaxis(g, source=destination, destination=source)


@op(node="AliasBackward0", view=True, linear=True)
def alias(x):
    """The same elements again, sharing memory.  (*S) -> (*S)"""
    return x[...]


@alias.grad("x")
def alias_dx(g):
    return g


@public("transpose")
def transpose(input, dim0, dim1):
    """Swap axes `dim0` and `dim1`, sharing memory."""
    if not isinstance(input, Value):
        expect_tensor("transpose", input)
    return swapaxes(input, axis1=dim0, axis2=dim1)


@public("swapaxes")
def swapaxes_front(input, axis0, axis1):
    """Swap axes `axis0` and `axis1`, sharing memory."""
    return transpose(input, axis0, axis1)


@public("swapdims")
def swapdims(input, dim0, dim1):
    """Swap axes `dim0` and `dim1`, sharing memory."""
    return transpose(input, dim0, dim1)


@public()
def t(input):
    """Transpose a matrix; vectors and scalars are returned as they are, as views."""
    if not isinstance(input, Value):
        expect_tensor("t", input)
    ndim = len(input.get_shape())
    if ndim > 2:
        raise RuntimeError(f"t() expects a tensor with <= 2 dimensions, but self is {ndim}D")
    return matrix_t(input)


def permute_to(input, dims):
    ndim = len(input.get_shape())
    if len(dims) != ndim:
        raise RuntimeError(
            f"permute(sparse_coo): number of dimensions in the tensor input does not match the "
            f"length of the desired ordering of dimensions i.e. input.dim() = {ndim} is not "
            f"equal to len(dims) = {len(dims)}"
        )
    axes = tuple([axis_of(d, ndim) for d in dims])
    if len(set(axes)) != ndim:
        raise RuntimeError("permute(): duplicate dims are not allowed.")
    return transpose_axes(input, axes=axes)


@public("permute", method=False)
def permute(input, dims):
    """Put the axes in the order `dims`, sharing memory."""
    expect_tensor("permute", input)
    return permute_to(input, dims)


@public("permute", function=False)
def permute_method(input, *dims, **named):
    if named:
        dims = named["dims"]
    elif len(dims) == 1 and isinstance(dims[0], (tuple, list)):
        dims = dims[0]
    elif not dims:
        raise TypeError('permute() missing 1 required positional arguments: "dims"')
    return permute_to(input, dims)


@public(aliases=("moveaxis",))
def movedim(input, source, destination):
    """Move the axes `source` to the places `destination`; the others keep their order."""
    expect_tensor("movedim", input)
    if isinstance(source, (tuple, list)) != isinstance(destination, (tuple, list)):
        raise TypeError(
            f"movedim() received an invalid combination of arguments - got "
            f"({type(source).__name__}, {type(destination).__name__}), but expected one of:\n"
            f" * (int source, int destination)\n"
            f" * (tuple of ints source, tuple of ints destination)\n"
        )
    if not isinstance(source, (tuple, list)):
        source, destination = (source,), (destination,)
    if len(source) != len(destination):
        raise RuntimeError(
            f"movedim: Invalid source or destination dims: source ({list(source)} dims) should "
            f"contain the same number of dims as destination ({list(destination)} dims)"
        )
    ndim = len(input.get_shape())
    origin = [axis_of(d, ndim) for d in source]
    target = [axis_of(d, ndim) for d in destination]
    for name, axes, given in (("source", origin, source), ("destination", target, destination)):
        if len(set(axes)) != len(axes):
            raise RuntimeError(f"movedim: repeated dim in `{name}` ({list(given)})")
    if ndim == 0:
        return alias(input)
    order = [n for n in range(ndim) if n not in origin]
    for place, axis in sorted(zip(target, origin)):
        order.insert(place, axis)
    return transpose_axes(input, axes=tuple(order))


def T(input):
    """Return `input` with its axes reversed: the property ``.T``."""
    ndim = len(input.get_shape())
    if ndim == 0:
        warnings.warn(
            "Tensor.T is deprecated on 0-D tensors. This function is the identity in these cases.",
            UserWarning,
            stacklevel=2,
        )
    elif ndim != 2:
        warnings.warn(
            "The use of `x.T` on tensors of dimension other than 2 to reverse their shape is "
            "deprecated and it will throw an error in a future release. Consider `x.mT` to "
            "transpose batches of matrices or `x.permute(*torch.arange(x.ndim - 1, -1, -1))` "
            "to reverse the dimensions of a tensor.",
            UserWarning,
            stacklevel=2,
        )
    return transpose_axes(input, axes=tuple(range(ndim - 1, -1, -1)))


def expect_matrices(name, input):
    ndim = len(input.get_shape())
    if ndim == 1:
        raise RuntimeError(
            f"tensor.{name} is only supported on matrices or batches of matrices. "
            f"Got {ndim}-D tensor."
        )
    return ndim


def mT(input):
    """Return `input` with its last two axes swapped: the property ``.mT``."""
    if expect_matrices("mT", input) == 0:
        warnings.warn(
            "Tensor.mT is deprecated on 0-D tensors. This function is the identity in these cases.",
            UserWarning,
            stacklevel=2,
        )
        return input
    return swapaxes(input, axis1=-2, axis2=-1)


def conjugate_transpose(input):
    flipped = swapaxes(input, axis1=-2, axis2=-1)
    return np.conjugate(flipped) if input.get_dtype().kind == "c" else flipped


def mH(input):
    """Return the conjugate transpose of matrices: the property ``.mH``."""
    if expect_matrices("mH", input) == 0:
        return zero_dim_conjugate("Tensor.mH is", input)
    return conjugate_transpose(input)


def H(input):
    """Return the conjugate transpose of a matrix: the property ``.H``."""
    ndim = len(input.get_shape())
    if ndim == 0:
        return zero_dim_conjugate("Tensor.H is", input)
    if ndim != 2:
        more = "" if ndim == 1 else " For batches of matrices, consider using tensor.mH"
        raise RuntimeError(
            f"tensor.H is only supported on matrices (2-D tensors). Got {ndim}-D tensor.{more}"
        )
    return conjugate_transpose(input)


@public()
def adjoint(input):
    """Return the conjugate transpose of matrices."""
    expect_tensor("adjoint", input)
    if expect_matrices("adjoint()", input) == 0:
        return zero_dim_conjugate("adjoint() is", input)
    return conjugate_transpose(input)


def zero_dim_conjugate(subject, input):
    warnings.warn(
        f"{subject} deprecated on 0-D tensors. Consider using x.conj().",
        UserWarning,
        stacklevel=3,
    )
    return np.conjugate(input) if input.get_dtype().kind == "c" else input


# -- the order of elements along axes -----------------------------------------------------------


@op(numpy=np.flip, node="FlipBackward0", linear=True)
def flip(x, *, axis=None):
    """Elements in reverse order along axes; a copy.  (*S) -> (*S)"""
    return np.copy(np.flip(x, axis))


@flip.grad("x")
def flip_dx(g, axis):
    return flip(g, axis=axis)


@op(numpy=np.roll, node="RollBackward0", linear=True)
def roll(x, *, shift, axis=None):
    """Elements moved along axes, those pushed out coming in again.  (*S) -> (*S)"""
    if type(axis) is int and type(shift) is int and type(x) is ndarray and axis >= 0:
        # Two slices joined: 1.3 us; np.roll: 4.2 us.
        size = x.shape[axis]
        cut = size - shift % size if size else 0
        every = (slice(None),) * axis
        return np.concatenate((x[(*every, slice(cut, None))], x[(*every, slice(None, cut))]), axis)
    return np.roll(x, shift, axis)


@roll.grad("x")
def roll_dx(g, shift, axis):
    back = -shift if isinstance(shift, int) else tuple([-n for n in shift])
    return roll(g, shift=back, axis=axis)


@op(numpy=np.rot90, node="Rot90Backward0", linear=True)
def rot90(x, *, k=1, axes=(0, 1)):
    """A quarter turn, `k` times, in the plane of two axes; a copy.  (*S) -> (*S')"""
    return np.copy(np.rot90(x, k, axes))


@rot90.grad("x")
def rot90_dx(g, k, axes):
    return rot90(g, k=-k, axes=axes)


def flip_axes(input, dims):
    ndim = len(input.get_shape())
    axes = tuple([axis_of(d, ndim) for d in dims])
    if len(set(axes)) != len(axes):
        twice = next(a for a in axes if axes.count(a) > 1)
        raise RuntimeError(f"dim {twice} appears multiple times in the list of dims")
    return flip(input, axis=axes if ndim else ())


@public("flip", method=False)
def flip_front(input, dims):
    """Reverse the order of elements along the axes `dims`; a copy."""
    expect_tensor("flip", input)
    if not isinstance(dims, (tuple, list)):
        raise TypeError(
            f"flip(): argument 'dims' (position 2) must be tuple of ints, not {type(dims).__name__}"
        )
    return flip_axes(input, dims)


@public("flip", function=False)
def flip_method(input, *dims, **named):
    if named:
        dims = named["dims"]
    elif len(dims) == 1 and isinstance(dims[0], (tuple, list)):
        dims = dims[0]
    elif not dims:
        raise TypeError('flip() missing 1 required positional arguments: "dims"')
    return flip_axes(input, dims)


@public()
def fliplr(input):
    """Reverse the order of columns, axis 1."""
    expect_tensor("fliplr", input)
    if len(input.get_shape()) < 2:
        raise RuntimeError("Input must be >= 2-d.")
    return flip(input, axis=(1,))


@public()
def flipud(input):
    """Reverse the order of rows, axis 0."""
    expect_tensor("flipud", input)
    if not input.get_shape():
        raise RuntimeError("Input must be >= 1-d.")
    return flip(input, axis=(0,))


@public("roll")
def roll_front(input, shifts, dims=()):
    """Move elements along axes, those pushed out coming in again; flattened without `dims`."""
    expect_tensor("roll", input)
    shifts = tuple(shifts) if isinstance(shifts, (tuple, list)) else (shifts.__index__(),)
    dims = tuple(dims) if isinstance(dims, (tuple, list)) else (dims,)
    if not shifts:
        raise RuntimeError("`shifts` required")
    if len(shifts) != len(dims) and not (len(shifts) == 1 and not dims):
        raise RuntimeError(
            f"shifts and dimensions must align. shifts: {len(shifts)}, dims:{len(dims)}"
        )
    ndim = len(input.get_shape())
    if not dims:
        return roll(input, shift=shifts[0])
    if ndim == 0:
        raise IndexError(f"Dimension specified as {dims[0]} but tensor has no dimensions")
    axes = tuple([axis_of(d, ndim) for d in dims])
    if len(axes) == 1:
        return roll(input, shift=shifts[0], axis=axes[0])
    return roll(input, shift=shifts, axis=axes)


@public("rot90")
def rot90_front(input, k=1, dims=(0, 1)):
    """Turn by `k` quarter turns in the plane of two axes, from the first to the second."""
    expect_tensor("rot90", input)
    ndim = len(input.get_shape())
    if len(dims) != 2:
        raise RuntimeError(f"expected total rotation dims == 2, but got dims = {len(dims)}")
    if ndim < 2:
        raise RuntimeError(f"expected total dims >= 2, but got total dims = {ndim}")
    axes = tuple([axis_of(d, ndim) for d in dims])
    if axes[0] == axes[1]:
        raise RuntimeError(
            f"expected rotation dims to be different, but got dim0 = {dims[0]} and dim1 = {dims[1]}"
        )
    return rot90(input, k=k, axes=axes)
