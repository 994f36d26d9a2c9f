"""Splitting tensors along an axis; every part is a view."""

from __future__ import annotations

import numpy as np

from .._core.op import op
from .._core.public import expect_tensor, public
from .._core.value import Value
from ._arguments import scalar_name
from ._axes import axis_of
from ._sizes import listed
from .indexing import slice_view
from .joining import concatenate, stack
from .shape import expand_dims

# -- parts of given sizes -----------------------------------------------------------------------


def split_kernel(x, *, sections, axis):
    """Consecutive parts along an axis.  (*S, n, *R) -> (*S, n1, *R), (*S, n2, *R), ..."""
    every = (slice(None),) * axis
    parts = []
    start = 0
    for size in sections:
        stop = start + size
        parts.append(x[(*every, slice(start, stop))])
        start = stop
    return tuple(parts)


def split_rule(g, axis):
    return concatenate(*g, axis=axis) if isinstance(g, tuple) else g


def split_op(name, node, view=True):
    made = op(name=name, node=node, view=view, linear=True)(split_kernel)
    made.grad("x")(split_rule)
    return made


split_even = split_op("split", "SplitBackward0")
split_sized = split_op("split_with_sizes", "SplitWithSizesBackward0")
split_unsafe = split_op("unsafe_split", "UnsafeSplitBackward0", view=False)
split_sized_unsafe = split_op(
    "unsafe_split_with_sizes", "UnsafeSplitWithSizesBackward0", view=False
)


def even_sections(name, input, size, axis):
    """Return the sizes of parts of `size`, the last of which may be smaller."""
    length = input.get_shape()[axis]
    if size < 0:
        raise RuntimeError(f"{name} expects split_size be non-negative, but got split_size={size}")
    if size == 0:
        if length:
            raise RuntimeError(
                f"split_size can only be 0 if dimension size is 0, but got dimension size of "
                f"{length}"
            )
        return (0,)
    count = max((length + size - 1) // size, 1)
    return (*(size,) * (count - 1), length - size * (count - 1))


def expect_axes(name, input):
    if not input.get_shape():
        raise RuntimeError(f"{name} expects at least a 1-dimensional tensor")


@public("split")
def split(input, split_size_or_sections=None, dim=0, *, split_size=None, axis=None):
    """Split along an axis: into parts of one size, or of each of several sizes; views.

    The last part is smaller when the axis does not divide evenly.
    """
    expect_tensor("split", input)
    size = split_size_or_sections if split_size is None else split_size
    if axis is not None:
        dim = axis
    if isinstance(size, (list, tuple)):
        return split_with_sizes(input, size, dim)
    if size is None or isinstance(size, float):
        raise TypeError(
            f"split_with_sizes(): argument 'split_sizes' (position 2) must be tuple of ints, "
            f"not {type(size).__name__}"
        )
    expect_axes("split", input)
    axis = axis_of(dim, len(input.get_shape()))
    sections = even_sections("split", input, size.__index__(), axis)
    return split_even(input, sections=sections, axis=axis)


def checked_sections(input, split_sizes, axis):
    length = input.get_shape()[axis]
    sections = tuple([n.__index__() for n in split_sizes])
    if any(n < 0 for n in sections):
        raise RuntimeError(
            f"split_with_sizes expects split_sizes have only non-negative entries, but got "
            f"split_sizes={listed(sections)}"
        )
    if sum(sections) != length:
        raise RuntimeError(
            f"split_with_sizes expects split_sizes to sum exactly to {length} (input tensor's "
            f"size at dimension {axis}), but got split_sizes={listed(sections)}"
        )
    return sections


@public("split_with_sizes")
def split_with_sizes(input, split_sizes, dim=0):
    """Split along an axis into parts of the given sizes; views."""
    expect_tensor("split_with_sizes", input)
    expect_axes("split", input)
    axis = axis_of(dim, len(input.get_shape()))
    sections = checked_sections(input, split_sizes, axis)
    return split_sized(input, sections=sections, axis=axis)


def chunk_sections(input, chunks, axis):
    if chunks <= 0:
        raise RuntimeError(f"chunk expects `chunks` to be greater than 0, got: {chunks}")
    length = input.get_shape()[axis]
    if length == 0:
        return (0,) * chunks
    return even_sections("split", input, (length + chunks - 1) // chunks, axis)


@public("chunk")
def chunk(input, chunks, dim=0, *, axis=None):
    """Split along an axis into at most `chunks` parts of equal size, but for the last; views."""
    expect_tensor("chunk", input)
    expect_axes("chunk", input)
    axis = axis_of(dim if axis is None else axis, len(input.get_shape()))
    sections = chunk_sections(input, chunks, axis)
    split_by = split_even if input.get_shape()[axis] else split_sized
    return split_by(input, sections=sections, axis=axis)


@public("unsafe_split")
def unsafe_split(input, split_size, dim=0):
    """Split as `split` does; writing into the parts is the caller's own risk."""
    expect_tensor("unsafe_split", input)
    expect_axes("split", input)
    axis = axis_of(dim, len(input.get_shape()))
    return split_unsafe(input, sections=even_sections("split", input, split_size, axis), axis=axis)


@public("unsafe_split_with_sizes")
def unsafe_split_with_sizes(input, split_sizes, dim=0):
    """Split as `split_with_sizes` does; writing into the parts is the caller's own risk."""
    expect_tensor("unsafe_split_with_sizes", input)
    expect_axes("split", input)
    axis = axis_of(dim, len(input.get_shape()))
    sections = checked_sections(input, split_sizes, axis)
    return split_sized_unsafe(input, sections=sections, axis=axis)


@public("unsafe_chunk")
def unsafe_chunk(input, chunks, dim=0):
    """Split as `chunk` does; writing into the parts is the caller's own risk."""
    expect_tensor("unsafe_chunk", input)
    expect_axes("chunk", input)
    axis = axis_of(dim, len(input.get_shape()))
    return split_unsafe(input, sections=chunk_sections(input, chunks, axis), axis=axis)


# -- parts between indices ----------------------------------------------------------------------


def cut(input, bounds, axis):
    every = (slice(None),) * axis
    return tuple([slice_view(input, index=(*every, slice(a, b))) for a, b in bounds])


def split_at(input, indices, axis):
    length = input.get_shape()[axis]
    edges = [0]
    for edge in indices:
        edges.append(edge.__index__())
    bounds = []
    for a, b in zip(edges, [*edges[1:], length]):
        a = min(max(a + length if a < 0 else a, 0), length)
        b = min(max(b + length if b < 0 else b, 0), length)
        bounds.append((a, max(a, b)))
    return cut(input, bounds, axis)


def split_into(input, sections, axis):
    if sections <= 0:
        raise RuntimeError(f"number of sections must be larger than 0, got {sections}")
    length = input.get_shape()[axis]
    least, more = divmod(length, sections)
    bounds = []
    start = 0
    for number in range(sections):
        stop = start + least + (1 if number < more else 0)
        bounds.append((start, stop))
        start = stop
    return cut(input, bounds, axis)


def sections_of(indices_or_sections):
    """Return an int or a tuple of ints, from tensors too."""
    given = indices_or_sections
    if not isinstance(given, Value):
        return tuple(given) if isinstance(given, (list, tuple)) else given.__index__()
    array = given.array
    if array.dtype != np.int64:
        raise RuntimeError(
            f"tensor_split expected tensor_indices_or_sections to have dtype of long, but got "
            f"{scalar_name(array.dtype)}"
        )
    if array.ndim > 1:
        raise RuntimeError(
            f"tensor_split expected tensor_indices_or_sections to be a zero-dimensional or "
            f"one-dimensional tensor, but got a tensor with {array.ndim} dims"
        )
    return int(given) if array.ndim == 0 else tuple(given.tolist())


def one_of(name, given, sections, indices):
    """Return whichever of three spellings of one argument was given."""
    for value in (given, sections, indices):
        if value is not None:
            return value
    raise TypeError(f'{name}() missing 1 required positional arguments: "indices_or_sections"')


@public("tensor_split")
def tensor_split(
    input, indices_or_sections=None, dim=0, *, sections=None, indices=None,
    tensor_indices_or_sections=None,
):  # fmt: skip
    """Split along an axis into so many parts, or between the given indices; views."""
    expect_tensor("tensor_split", input)
    given = tensor_indices_or_sections if indices_or_sections is None else indices_or_sections
    where = sections_of(one_of("tensor_split", given, sections, indices))
    shape = input.get_shape()
    if not shape:
        raise RuntimeError(
            "tensor_split expected at least a 1-dimensional tensor, but got a tensor with 0 dims"
        )
    axis = axis_of(dim, len(shape))
    if isinstance(where, tuple):
        return split_at(input, where, axis)
    return split_into(input, where, axis)


def split_along(name, input, where, axis, least):
    shape = input.get_shape()
    if len(shape) < least:
        raise RuntimeError(
            f"torch.{name} requires a tensor with at least {least} dimension, but got a tensor "
            f"with {len(shape)} dimensions!"
        )
    if isinstance(where, (list, tuple)):
        return split_at(input, where, axis)
    sections = where.__index__()
    if sections <= 0 or shape[axis] % sections:
        raise RuntimeError(
            f"torch.{name} attempted to split along dimension {axis}, but the size of the "
            f"dimension {shape[axis]} is not divisible by the split_size {sections}!"
        )
    return split_into(input, sections, axis)


@public("hsplit")
def hsplit(input, indices_or_sections=None, *, sections=None, indices=None):
    """Split along axis 1 (axis 0 of a vector) evenly, or between the given indices; views."""
    expect_tensor("hsplit", input)
    where = one_of("hsplit", indices_or_sections, sections, indices)
    axis = 0 if len(input.get_shape()) == 1 else 1
    return split_along("hsplit", input, where, axis, 1)


@public("vsplit")
def vsplit(input, indices_or_sections=None, *, sections=None, indices=None):
    """Split along axis 0 evenly, or between the given indices; views."""
    expect_tensor("vsplit", input)
    where = one_of("vsplit", indices_or_sections, sections, indices)
    return split_along("vsplit", input, where, 0, 2)


@public("dsplit")
def dsplit(input, indices_or_sections=None, *, sections=None, indices=None):
    """Split along axis 2 evenly, or between the given indices; views."""
    expect_tensor("dsplit", input)
    where = one_of("dsplit", indices_or_sections, sections, indices)
    return split_along("dsplit", input, where, 2, 3)


# -- single slices ------------------------------------------------------------------------------


@op(node="UnbindBackward0", view=True, linear=True)
def unbind(x, *, axis):
    """The slices along an axis, without it.  (*S, n, *R) -> n times (*S, *R)"""
    every = (slice(None),) * axis
    return tuple([x[(*every, number, ...)] for number in range(x.shape[axis])])


@unbind.grad("x")
def unbind_dx(g, axis):
    return stack(*g, axis=axis) if isinstance(g, tuple) else expand_dims(g, axis=axis)


@public("unbind")
def unbind_front(input, dim=0, *, axis=None):
    """Return the slices along an axis, without that axis; views."""
    if not isinstance(input, Value):
        expect_tensor("unbind", input)
    if axis is not None:
        dim = axis
    ndim = len(input.get_shape())
    if ndim == 0:
        raise IndexError(f"Dimension specified as {dim} but tensor has no dimensions")
    return unbind(input, axis=axis_of(dim, ndim))
