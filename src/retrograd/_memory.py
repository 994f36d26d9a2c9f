"""Where a tensor's elements are: strides, resizing, and new tensors of the same dtype."""

from __future__ import annotations

import numpy as np

from . import _sequences, inplace
from ._core.public import methods
from ._core.tracing import from_python, host_recorder, observed, tracing
from ._legacy import legacy_array
from ._methods import method
from .creation import _fill_value, _leaf, _sizes, filled_with, strided_array
from .device import check_device
from .dtypes import to_numpy
from .layouts import AXES, contiguous_format, preserve_format
from .tensor import Tensor, wrap


@method
def stride(self, dim=None):
    """Return the steps, in elements, from one element to the next along each axis."""
    array = self.array
    size = array.itemsize
    steps = [step // size for step in array.strides]
    if array.size == 0 or any(n == 1 for n in array.shape):
        steps = _canonical_strides(array.shape, steps)
    if dim is None:
        return tuple(steps)
    ndim = len(steps)
    if not -ndim <= dim < ndim:
        low = -ndim if ndim else -1
        raise IndexError(
            f"Dimension out of range (expected to be in range of [{low}, {max(ndim - 1, 0)}], "
            f"but got {dim})"
        )
    return steps[dim]


def _canonical_strides(shape, steps):
    """Give axes of one element the stride that a contiguous layout has there, as PyTorch does."""
    fixed = list(steps)
    expected = 1
    for axis in range(len(shape) - 1, -1, -1):
        if shape[axis] == 1 and steps[axis] in (0, expected):
            fixed[axis] = expected
        if 0 in shape:
            fixed[axis] = expected
        expected = max(shape[axis], 1) * fixed[axis]
    return fixed


@method
def storage_offset(self):
    """Return how many elements lie before this view in its base's memory."""
    if self.base is None:
        return 0
    place = self.array.__array_interface__["data"][0]
    return (place - self.base.array.__array_interface__["data"][0]) // self.array.itemsize


@method
def data_ptr(self):
    """Return the address of the first element."""
    return self.array.__array_interface__["data"][0]


@method
def element_size(self):
    """Return the bytes of one element."""
    return self.array.itemsize


@method
def is_contiguous(self, memory_format=None):
    """Say whether the elements lie without gaps in C order, or in a format's order."""
    axes = AXES.get(memory_format)
    if axes is None:
        return bool(self.array.flags.c_contiguous)
    return self.array.ndim == len(axes) and bool(self.array.transpose(axes).flags.c_contiguous)


_contiguous = Tensor.contiguous


@method
def contiguous(self, memory_format=None):
    """Return this tensor with its elements in C order, or in a format's order."""
    axes = AXES.get(memory_format)
    if axes is None:
        return _contiguous(self)
    if self.dim() != len(axes):
        raise RuntimeError(
            f"required rank {len(axes)} tensor to use {str(memory_format).removeprefix('torch.')} "
            "format"
        )
    back = sorted(range(len(axes)), key=axes.__getitem__)
    return _contiguous(self.permute(axes)).permute(back)


_clone = Tensor.clone


@method
def clone(self, *, memory_format=None):
    """Return a copy in memory of its own, recorded."""
    if memory_format is None or memory_format is preserve_format:
        return _clone(self)
    if memory_format is contiguous_format:
        return _clone(_contiguous(self))
    return _clone(self.contiguous(memory_format))


@method
def is_set_to(self, tensor):
    """Say whether another tensor is the same view of the same memory."""
    mine, other = self.array, tensor.array
    return (
        mine.__array_interface__["data"][0] == other.__array_interface__["data"][0]
        and mine.shape == other.shape
        and mine.strides == other.strides
    )


def _metadata_in_place(name, front):
    """Return an in-place method that changes the shape, not the elements."""

    def change(self, *args, **settings):
        inplace.check_writable(self, name)
        result = front(self, *args, **settings)
        self.set_array(result.array)
        if result.requires:
            inplace.adopt(self, result.node, result.index)
        storage = self.get_storage()
        found = host_recorder() if tracing.count != 0 else None
        if found is not None:
            found.claim()  # no element is written
        storage.write(inplace.tick(), name, inplace.here())
        self.view_seen = storage.written
        return self

    change.__name__ = name
    change.__doc__ = f"In-place form of :meth:`{name[:-1]}`."
    return change


_REFORMED = ("squeeze", "unsqueeze", "transpose", "t", "swapaxes", "swapdims", "as_strided")


def attach_metadata_methods():
    """Attach `squeeze_` and its like."""
    for name in _REFORMED:
        front = methods.get(name)
        if front is not None:
            method(_metadata_in_place(name + "_", front))


# -- resizing -----------------------------------------------------------------------------------


@method
def resize_(self, *sizes, memory_format=None):
    """Change the shape to any other; elements that did not exist are uninitialised."""
    if self.requires:
        raise RuntimeError("cannot resize variables that require grad")
    shape = _sizes(sizes, "resize_")
    count = 1
    for size in shape:
        count *= size
    have = self.array.ravel()
    if count > have.size:
        grown = np.empty(count, have.dtype)
        grown[: have.size] = have
        have = grown
    self.set_array(have[:count].reshape(shape))
    self._bump_version("resize_")
    return self


@method
def resize_as_(self, the_template, *, memory_format=None):
    """Change the shape to that of another tensor."""
    return self.resize_(the_template.get_shape())


@method
def sum_to_size(self, *size):
    """Sum this tensor to a shape that broadcasts to its own."""
    shape = _sizes(size, "sum_to_size")
    have = self.get_shape()
    extra = len(have) - len(shape)
    fits = extra >= 0 and all(
        wanted in (1, found) for wanted, found in zip(shape, have[max(extra, 0) :])
    )
    if not fits:
        raise RuntimeError(f"size {{{list(shape)}}} is not expandable to size {{{list(have)}}}.")
    axes = tuple(
        axis
        for axis in range(len(have))
        if axis < extra or (shape[axis - extra] == 1 and have[axis] != 1)
    )
    if not axes:
        return self
    return self.sum(axes, keepdim=True).view(shape)


# -- new tensors like this one ------------------------------------------------------------------


def _like_dtype(self, dtype, function):
    return self.get_dtype() if dtype is None else to_numpy(dtype, function)


@method
def new_tensor(self, data, *, dtype=None, device=None, requires_grad=False, pin_memory=False):
    """Return a tensor of a copy of `data` with this tensor's dtype."""
    check_device(device)
    target = _like_dtype(self, dtype, "new_tensor")
    return _leaf(from_python(_sequences.to_array, data, target), requires_grad)


def _new_shape(size, given, function):
    if "size" in given:
        size = (given.pop("size"),)
    for unknown in given:
        raise TypeError(f"{function}() got an unexpected keyword argument '{unknown}'")
    if not size:
        raise TypeError(f'{function}() missing 1 required positional arguments: "size"')
    return _sizes(size, function)


def _new(name, make):
    def new(self, *size, dtype=None, device=None, requires_grad=False, layout=None,
            pin_memory=False, **given):  # fmt: skip
        check_device(device)
        shape = _new_shape(size, given, name)
        return _leaf(make(shape, _like_dtype(self, dtype, name)), requires_grad)

    new.__name__ = name
    new.__doc__ = f"Return a tensor of another shape with this tensor's dtype (``{name}``)."
    return new


method(_new("new_zeros", np.zeros))
method(_new("new_ones", np.ones))
method(_new("new_empty", np.empty))


@method
def new_full(self, size, fill_value, *, dtype=None, device=None, requires_grad=False, layout=None,
             pin_memory=False):  # fmt: skip
    """Return a tensor of one value with this tensor's dtype."""
    check_device(device)
    if isinstance(size, int):
        raise TypeError("new_full(): argument 'size' (position 1) must be tuple of ints, not int")
    target = _like_dtype(self, dtype, "new_full")
    value = _fill_value(fill_value, target, "new_full")
    array = np.empty(_sizes((size,), "new_full"), target)
    return _leaf(filled_with(array, value), requires_grad)


@method
def new_empty_strided(self, size, stride, *, dtype=None, layout=None, device=None,
                      requires_grad=False, pin_memory=False):  # fmt: skip
    """Return an uninitialised tensor with the given strides and this tensor's dtype."""
    check_device(device)
    target = _like_dtype(self, dtype, "new_empty_strided")
    return _leaf(strided_array(size, stride, target), requires_grad)


@method
def new(self, *arguments, device=None):
    """Return a tensor of this one's dtype by the old constructor."""
    return wrap(legacy_array(arguments, self.get_dtype()))


@method
def map_(self, tensor, callable):
    """Replace every element by ``callable(element, element of tensor)``."""
    if self.requires or tensor.requires:
        raise RuntimeError(
            "Can't call map_() on Variable that requires grad. Use var.detach().map_() instead."
        )
    observed(self, "numpy", None)
    other = np.broadcast_to(tensor.array, self.array.shape)
    for place in np.ndindex(self.array.shape):
        self.array[place] = callable(self.array[place].item(), other[place].item())
    self._bump_version("map_")
    return self


attach_metadata_methods()
