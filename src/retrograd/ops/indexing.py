"""Square brackets: reading and writing by integers, slices, masks and integer arrays.

Note [Two steps].  An index is split into its basic part (integers, slices, None, Ellipsis), which
gives a view, and its advanced part (masks and integer arrays), which copies.  The basic part is
applied first, as PyTorch does; NumPy alone would take an integer beside an array for an array.

The advanced part of an index is written down as a `layout`: one entry for each axis, ``None``
where the next index array stands (a mask stands for as many axes as it has), ``slice(None)``
where the axis is kept.
"""

from __future__ import annotations

import warnings

import numpy as np

from .._core.broadcast import sum_to
from .._core.op import op
from .._core.public import expect_tensor, public
from .._core.tracing import from_python
from .._core.value import Value
from ._arguments import scalar_name
from ._sizes import listed, ndarray

ALL = slice(None)
# The layout of one index array on the first axis.
FIRST = (None,)

# -- errors -------------------------------------------------------------------------------------


def index_error(error, shape, index):
    """Return an IndexError with PyTorch's words for an index that NumPy refused."""
    text = str(error)
    parts = index if isinstance(index, tuple) else (index,)
    if text.startswith("too many indices"):
        return IndexError(f"too many indices for tensor of dimension {len(shape)}")
    if text.startswith("cannot do a non-empty take"):
        return IndexError("index is out of bounds for dimension with size 0")
    if text.startswith("boolean index"):
        return IndexError(mask_words(shape, parts))
    if text.startswith("shape mismatch: indexing"):
        arrays = [p for p in parts if isinstance(p, ndarray)]
        spread = []
        for array in arrays:
            spread += [array.nonzero()[0]] * array.ndim if array.dtype == bool else [array]
        shapes = ", ".join([listed(a.shape) for a in spread])
        return IndexError(
            f"shape mismatch: indexing tensors could not be broadcast together with shapes {shapes}"
        )
    return IndexError(text.replace("for axis", "for dimension"))


def mask_words(shape, parts):
    axis = 0
    for part in parts:
        if isinstance(part, ndarray) and part.dtype == bool:
            for place, size in enumerate(part.shape):
                if axis + place >= len(shape) or size != shape[axis + place]:
                    return (
                        f"The shape of the mask {listed(part.shape)} at index {place} does not "
                        f"match the shape of the indexed tensor {listed(shape)} at index "
                        f"{axis + place}"
                    )
            axis += part.ndim
        elif part is not None:
            axis += 1
    return "the shape of a mask does not match the shape of the indexed tensor"


# -- basic indices: views -----------------------------------------------------------------------


def view_kernel(x, *, index):
    """The part of an array that a basic index names, sharing memory.  (*S) -> (*S')"""
    try:
        return x[index]
    except IndexError as error:
        raise index_error(error, x.shape, index) from None


def view_rule(g, x_shape, index):
    return place(g, shape=x_shape, index=index)


def view_op(name, node):
    made = op(name=name, node=node, view=True, linear=True)(view_kernel)
    made.grad("x")(view_rule)
    return made


# One for each name that PyTorch gives the node of the last step.
select_view = view_op("select", "SelectBackward0")
slice_view = view_op("slice", "SliceBackward0")
new_axis_view = view_op("new_axis", "UnsqueezeBackward0")
whole_view = view_op("whole", "AliasBackward0")


@op(linear=True)
def place(x, *, shape, index):
    """Zeros of `shape`, with `x` at a basic index: the adjoint of reading there."""
    out = np.zeros(shape, x.dtype) if type(x) is ndarray else np.zeros_like(x, shape=shape)
    out[index] = x
    return out


@place.grad("x")
def place_dx(g, index):
    return slice_view(g, index=index)


@op(node="torch::autograd::CopySlices", linear=True)
def setitem(x, value, *, index):
    """A copy of `x` with `value` at a basic index.  (*S), (*V) -> (*S)"""
    out = np.copy(x)
    out[index] = value
    return out


@setitem.grad("x")
def setitem_dx(g, index):
    return setitem(g, np.zeros_like(g, shape=()), index=index)


@setitem.grad("value")
def setitem_dvalue(g, value_shape, index):
    return fitted(slice_view(g, index=index), value_shape)


def fitted(g, shape):
    """Sum a gradient to the shape of a value whose leading axes of size one were dropped."""
    extra = len(shape) - len(g.shape)
    if extra > 0:
        return np.reshape(sum_to(g, tuple(shape[extra:])), tuple(shape))
    return sum_to(g, tuple(shape))


# -- advanced indices: copies -------------------------------------------------------------------


def filled(layout, indices):
    """Return the NumPy index of a layout and its arrays."""
    if len(layout) == 1:
        return indices[0]
    arrays = iter(indices)
    return tuple([next(arrays) if part is None else part for part in layout])


@op(name="index", node="IndexBackward0", linear=True)
def index_op(x, *indices, layout):
    """The elements at integer arrays or under masks; a copy.  (*S), ... -> (*S')"""
    try:
        if len(indices) == 1 and type(x) is ndarray and indices[0].dtype.kind == "i":
            # take: 0.15 us; square brackets: 0.75 us (2 rows of 4).
            return x.take(indices[0], len(layout) - 1)
        return x[filled(layout, indices)]
    except IndexError as error:
        raise index_error(error, x.shape, filled(layout, indices)) from None


@index_op.grad("x")
def index_dx(g, x_shape, indices, layout):
    return place_add(g, *indices, shape=x_shape, layout=layout)


@op(linear=True)
def place_add(x, *indices, shape, layout):
    """Zeros of `shape`, with `x` added at integer arrays or masks: the adjoint of `index`."""
    out = np.zeros(shape, x.dtype) if type(x) is ndarray else np.zeros_like(x, shape=shape)
    add_at(out, layout, indices, x)
    return out


@place_add.grad("x")
def place_add_dx(g, indices, layout):
    return index_op(g, *indices, layout=layout)


@op(node="IndexPutBackward0", linear=True)
def index_put(x, value, *indices, layout, accumulate=False):
    """A copy of `x`, with `value` put or added at integer arrays or masks.  (*S), (*V) -> (*S)"""
    out = np.copy(x)
    if accumulate:
        add_at(out, layout, indices, value)
        return out
    where = filled(layout, indices)
    try:
        out[where] = value
    except IndexError as error:
        raise index_error(error, x.shape, where) from None
    except ValueError:
        raise ValueError(put_words(np.shape(value), out[where].shape)) from None
    return out


@index_put.grad("x")
def index_put_dx(g, indices, layout, accumulate):
    if accumulate:
        return g
    return index_put(g, np.zeros_like(g, shape=()), *indices, layout=layout)


@index_put.grad("value")
def index_put_dvalue(g, value_shape, indices, layout):
    return fitted(index_op(g, *indices, layout=layout), value_shape)


def put_words(value, place):
    return (
        f"shape mismatch: value tensor of shape {listed(value)} cannot be broadcast to indexing "
        f"result of shape {listed(place)}"
    )


def add_at(out, layout, indices, value):
    """Add `value` into `out` at an advanced index; places that repeat add up."""
    where = filled(layout, indices)
    try:
        if len(indices) == 1 and indices[0].dtype == bool:
            out[where] += value  # a mask names each place once
        elif out.size < 64 or not add_at_flat(out, layout, indices, value):
            np.add.at(out, where, value)
    except IndexError as error:
        raise index_error(error, out.shape, where) from None
    except ValueError:
        raise ValueError(put_words(np.shape(value), out[where].shape)) from None


def add_at_flat(out, layout, indices, value):
    """Add by places in the flat memory, for one integer array; say whether that was possible.

    np.add.at by rows takes 5 times as long (4096 rows of 64: 1.9 ms against 0.35 ms).
    """
    if len(indices) != 1 or not out.flags.c_contiguous or indices[0].dtype == bool:
        return False
    rows = indices[0]
    axis = layout.index(None)
    length = out.shape[axis]
    block = 1
    for size in out.shape[axis + 1 :]:
        block *= size
    lead = out.size // (block * length) if out.size else 0
    if lead == 0 or (block == 1 and lead == 1) or rows.size == 0:
        return False
    low, high = rows.min(), rows.max()
    if low < -length or high >= length:
        return False
    if low < 0:
        rows = np.where(rows < 0, rows + length, rows)
    rows = rows.reshape(-1)
    shape = (*out.shape[:axis], *indices[0].shape, *out.shape[axis + 1 :])
    value = np.broadcast_to(value, shape)
    places = rows[:, None] * block + np.arange(block)
    if lead > 1:
        places = np.arange(lead)[:, None, None] * (length * block) + places
    flat = np.reshape(out, (-1,))
    np.add.at(flat, places.reshape(-1), value.reshape(-1))
    return True


# -- reading an index ---------------------------------------------------------------------------


def index_array(part):
    """Return an array or a sequence inside an index as an int64, int32 or bool value or array."""
    array = part.array if isinstance(part, Value) else part
    if not hasattr(array, "dtype"):
        if any(isinstance(p, Value) for p in array):
            array = np.asarray([p.array if isinstance(p, Value) else p for p in array])
        else:
            array = from_python(np.asarray, list(array))
        part = array
        if array.dtype.kind == "f":
            part = array = array.astype(np.int64)
    kind = array.dtype.kind
    if kind == "b" or (kind == "i" and array.dtype.itemsize >= 4):
        return part
    if array.dtype == np.uint8:
        warnings.warn(
            "indexing with dtype torch.uint8 is now deprecated, please use a dtype torch.bool "
            "instead.",
            UserWarning,
            stacklevel=4,
        )
        return array.astype(bool)
    raise IndexError("tensors used as indices must be long, int, byte or bool tensors")


def is_nested(part):
    return (
        part is None or part is Ellipsis or isinstance(part, (slice, Value, ndarray, list, tuple))
    )


def as_parts(index):
    """Return an index as a tuple of its parts."""
    if type(index) is tuple:
        return index
    if isinstance(index, list) and len(index) < 32 and any(is_nested(p) for p in index):
        warnings.warn(
            "Using a non-tuple sequence for multidimensional indexing is deprecated and will be "
            "changed in pytorch 2.9; use x[tuple(seq)] instead of x[seq]. In pytorch 2.9 this "
            "will be interpreted as tensor index, x[torch.tensor(seq)], which will result either "
            "in an error or a different result",
            UserWarning,
            stacklevel=4,
        )
        return tuple(index)
    return (index,)


def plain_slice(part):
    """Return a slice with ints for bounds, refusing steps below one."""
    start, stop, step = part.start, part.stop, part.step
    if step is None and is_plain(start) and is_plain(stop):
        return part
    if step is not None:
        step = step.__index__()
        if step == 0:
            raise ValueError("slice step cannot be zero")
        if step < 0:
            raise ValueError("step must be greater than zero")
    try:
        start = start if start is None else start.__index__()
        stop = stop if stop is None else stop.__index__()
    except AttributeError:
        raise TypeError(
            "slice indices must be integers or None or have an __index__ method"
        ) from None
    return slice(start, stop, step)


class Parts:
    """An index read: its basic part, its advanced part, and how PyTorch names the last step."""

    __slots__ = ("arrays", "basic", "layout", "viewer")

    def __init__(self, shape, index):
        self.basic = []
        self.layout = []
        self.arrays = []
        self.viewer = None
        parts = as_parts(index)
        used = 0
        expanded = False
        read = []
        for part in parts:
            part, axes = self.read_part(part, shape)
            used += axes
            read.append((part, axes))
        ndim = len(shape)
        if used > ndim:
            raise IndexError(
                f"too many indices for tensor of dimension {ndim}"
                if not (ndim == 0 and len(parts) == 1 and type(parts[0]) is int)
                else ZERO_DIM
            )
        for part, axes in read:
            if part is Ellipsis:
                if not expanded:
                    expanded = True
                    self.keep(ndim - used)
            else:
                self.add(part, axes)
        # With an Ellipsis NumPy returns a view even where integers take every axis.
        self.basic.append(Ellipsis)

    def read_part(self, part, shape):
        """Return one part in its plain form and how many axes it takes."""
        kind = type(part)
        if kind is int:
            return part, 1
        if kind is slice:
            if not shape:
                raise IndexError("slice() cannot be applied to a 0-dim tensor.")
            return (part if part == ALL else plain_slice(part)), 1
        if part is None or part is Ellipsis:
            return part, 0
        if kind is bool:
            return np.array(part), 0
        if isinstance(part, (Value, ndarray)) or hasattr(part, "__array_function__"):
            array = part.array if isinstance(part, Value) else part
            if isinstance(part, np.generic):
                return whole_number(part), 1
            if array.ndim == 0 and array.dtype.kind in "iu" and type(array) is ndarray:
                # The program goes on by a number that it did not ask for: int() of the tensor.
                return (int(part) if isinstance(part, Value) else array.item()), 1
            part = index_array(part)
            array = part.array if isinstance(part, Value) else part
            return part, array.ndim if array.dtype == bool else 1
        if isinstance(part, (list, tuple, range)):
            part = index_array(part)
            return part, part.ndim if part.dtype == bool else 1
        return whole_number(part), 1

    def keep(self, count):
        """Pass `count` axes on as they are."""
        self.basic += [ALL] * count
        self.layout += [ALL] * count

    def add(self, part, axes):
        """Add one part in its plain form."""
        kind = type(part)
        if kind is int:
            self.basic.append(part)
            self.viewer = select_view
        elif kind is slice:
            self.basic.append(part)
            self.layout.append(ALL)
            if part != ALL:
                self.viewer = slice_view
        elif part is None:
            self.basic.append(None)
            self.layout.append(ALL)
            self.viewer = new_axis_view
        else:
            if axes == 0:
                # True or False alone: a new axis, kept or emptied by a mask of one element.
                self.basic.append(None)
                self.viewer = new_axis_view
                array = part.array if isinstance(part, Value) else part
                part = np.reshape(array, (1,))
            else:
                self.basic += [ALL] * axes
            self.layout.append(None)
            self.arrays.append(part)


ZERO_DIM = (
    "invalid index of a 0-dim tensor. Use `tensor.item()` in Python or `tensor.item<T>()` in C++ "
    "to convert a 0-dim tensor to a number"
)


def whole_number(part):
    """Return an index that is like an int as one."""
    if not isinstance(part, np.bool_) and hasattr(part, "__index__"):
        return part.__index__()
    kind = type(part)
    if isinstance(part, str):
        raise TypeError("new(): invalid data type 'str'")
    name = kind.__name__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__name__}"
    raise IndexError(
        f"only integers, slices (`:`), ellipsis (`...`), None and long or byte Variables are valid "
        f"indices (got {name})"
    )


# -- the brackets -------------------------------------------------------------------------------


def getitem(input, index):
    """Return ``input[index]``: a view for integers, slices, None and Ellipsis, else a copy."""
    kind = type(index)
    shape = input.get_shape()
    if shape:
        if kind is int:
            return select_view(input, index=(index, ...))
        if kind is slice:
            return slice_view(input, index=plain_slice(index))
        if kind is tuple:
            viewer = basic_viewer(index)
            if viewer is not None:
                return viewer(input, index=(*index, ...) if Ellipsis not in index else index)
        elif isinstance(index, Value):
            array = index.array
            dtype = array.dtype
            if array.ndim and (dtype.kind == "b" or dtype == np.int64):
                return index_op(input, index, layout=FIRST)
    parts = Parts(shape, index)
    viewer = parts.viewer
    if not parts.arrays:
        if viewer is None:
            viewer = whole_view
        return viewer(input, index=tuple(parts.basic))
    if viewer is not None:
        input = viewer(input, index=tuple(parts.basic))
    return take_advanced(input, parts)


def basic_viewer(parts):
    """Return the op for an index of ints, slices, None and one Ellipsis, None for any other."""
    viewer = whole_view
    dots = 0
    for part in parts:
        kind = type(part)
        if kind is int:
            viewer = select_view
        elif kind is slice:
            if part != ALL:
                if part.step is not None or not is_plain(part.start) or not is_plain(part.stop):
                    return None
                viewer = slice_view
        elif part is None:
            viewer = new_axis_view
        elif part is Ellipsis:
            dots += 1
        else:
            return None
    return viewer if dots < 2 else None


def is_plain(bound):
    return bound is None or type(bound) is int


def take_advanced(input, parts):
    layout = trimmed(parts.layout)
    return index_op(input, *parts.arrays, layout=layout)


def trimmed(layout):
    """Return a layout without the kept axes at its end."""
    last = len(layout)
    while layout[last - 1] is not None:
        last -= 1
    return tuple(layout[:last])


def put_item(input, index, value):
    """Return a copy of `input` with ``input[index] = value`` done: the out-of-place form."""
    parts = Parts(input.get_shape(), index)
    if not isinstance(value, Value):
        value = from_python(np.asarray, value, input.get_dtype())
    elif value.get_dtype() != input.get_dtype() and parts.arrays:
        refuse_dtypes(input, value)
    if not parts.arrays:
        return setitem(input, value, index=tuple(parts.basic))
    if parts.viewer is None:
        return index_put(input, value, *parts.arrays, layout=trimmed(parts.layout))
    # The basic part is read as a view, written, and put back.
    basic = tuple(parts.basic)
    part = parts.viewer(input, index=basic)
    part = index_put(part, value, *parts.arrays, layout=trimmed(parts.layout))
    return setitem(input, part, index=basic)


def refuse_dtypes(input, value):
    raise RuntimeError(
        f"Index put requires the source and destination dtypes match, got "
        f"{scalar_name(input.get_dtype())} for the destination and "
        f"{scalar_name(value.get_dtype())} for the source."
    )


@public("index_put", inplace=True)
def index_put_front(input, indices, values, accumulate=False):
    """Return a copy of `input` with `values` put at, or added at, ``input[indices]``.

    Parameters
    ----------
    indices : tuple of tensors
        Integer tensors or masks, one for each of the first axes.
    values : tensor
        Broadcast to the shape of ``input[indices]``; of the dtype of `input`.
    accumulate : bool
        Add, so that places that repeat add up; otherwise the last write stays.
    """
    expect_tensor("index_put", input)
    if not isinstance(values, Value):
        raise TypeError(
            f"index_put(): argument 'values' (position 3) must be Tensor, "
            f"not {type(values).__name__}"
        )
    layout = []
    arrays = []
    for number, part in enumerate(indices):
        if part is None:
            layout.append(ALL)
            continue
        if not isinstance(part, Value):
            raise TypeError(
                f"expected Tensor as element {number} in argument 0, but got {type(part).__name__}"
            )
        layout.append(None)
        arrays.append(index_array(part))
    ndim = len(input.get_shape())
    if len(layout) > ndim:
        raise IndexError(f"too many indices for tensor of dimension {ndim} (got {len(layout)})")
    if values.get_dtype() != input.get_dtype():
        refuse_dtypes(input, values)
    return index_put(input, values, *arrays, layout=trimmed(layout), accumulate=accumulate)
