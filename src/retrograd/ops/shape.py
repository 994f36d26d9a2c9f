"""Shapes: views in another shape, added and removed axes, broadcasting, contiguity."""

from __future__ import annotations

import warnings

import numpy as np

from .._core.broadcast import broadcast_error, sum_to
from .._core.errors import describe_call
from .._core.op import op
from .._core.public import expect_tensor, public
from .._core.value import Value
from ._arguments import scalar_name
from ._axes import axes_of, axis_of
from ._sizes import can_view, infer_size, listed, ndarray, required, sizes_of

# -- one shape as another -----------------------------------------------------------------------


@op(node="ViewBackward0", view=True, linear=True)
def view(x, *, shape):
    """The same elements in another shape, sharing memory.  (*S) -> shape"""
    try:
        return x.reshape(shape) if type(x) is ndarray else np.reshape(x, shape)
    except ValueError:
        infer_size(shape, x.size)
        raise


@view.grad("x")
def view_dx(g, x_shape):
    return reshaped(g, x_shape)


@op(node="ReshapeAliasBackward0", view=True, linear=True)
def reshape_alias(x, *, shape):
    """A view of elements that are not in order in memory.  (*S) -> shape"""
    return np.reshape(x, shape)


@reshape_alias.grad("x")
def reshape_alias_dx(g, x_shape):
    return reshaped(g, x_shape)


@op(node="UnsafeViewBackward0", linear=True)
def unsafe_view(x, *, shape):
    """A view of a copy that nobody else holds.  (*S) -> shape"""
    return np.reshape(x, shape)


@unsafe_view.grad("x")
def unsafe_view_dx(g, x_shape):
    return reshaped(g, x_shape)


@op(numpy=np.reshape, node="UnsafeViewBackward0", linear=True)
def reshape(x, *, shape, order="C"):
    """A copy in another shape.  (*S) -> shape"""
    out = np.reshape(x, shape, order=order)
    if type(out) is ndarray and np.may_share_memory(out, x):
        return out.copy()
    return out


@reshape.grad("x")
def reshape_dx(g, x_shape, order):
    if order == "C":
        return reshaped(g, x_shape)
    return reshape(g, shape=x_shape, order=order)


@op(node="CloneBackward0", linear=True)
def contiguous_copy(x):
    """A copy whose elements are in order in memory.  (*S) -> (*S)"""
    return np.array(x, order="C") if type(x) is ndarray else np.copy(x)


@contiguous_copy.grad("x")
def contiguous_copy_dx(g):
    return g


@op(view=True)
def view_dtype(x, *, dtype):
    """The same bytes read as another dtype.  (*S, n) -> (*S, n * itemsize / new itemsize)"""
    return x.view(dtype)


def reshaped(g, shape):
    """Return `g`, an array or a value, in another shape; a view where that is possible."""
    if type(g) is ndarray:
        return g.reshape(shape)
    if isinstance(g, Value):
        return reshape_value(g, shape)
    return np.reshape(g, shape)


def reshape_value(input, shape):
    array = input.array
    if array.flags.c_contiguous:
        return view(input, shape=shape)
    if can_view(array.shape, array.strides, shape):
        return reshape_alias(input, shape=shape)
    return unsafe_view(contiguous_copy(input), shape=shape)


@public("view", function=False)
def view_front(input, *size, dtype=None):
    """Return the same data in another shape, or read as another dtype.

    Parameters
    ----------
    size : ints, a tuple of ints, or a dtype
        One of the sizes may be -1: what the others leave.

    Raises
    ------
    RuntimeError
        When the shape does not fit, or no view of that shape exists (see `reshape`).
    """
    if len(size) == 1 and type(size[0]) is not int:
        if isinstance(getattr(size[0], "numpy", None), np.dtype):
            return as_dtype(input, size[0].numpy)
        size = sizes_of("view", size)
    elif dtype is not None:
        return as_dtype(input, dtype.numpy)
    elif not size:
        raise TypeError(
            "view() received an invalid combination of arguments - got (), but expected one of:\n"
            " * (torch.dtype dtype)\n * (tuple of ints size)\n"
        )
    array = input.array
    if array.flags.c_contiguous and is_whole(size):
        return view(input, shape=size)
    shape = whole_size("view", input, sizes_of("view", size))
    if not array.flags.c_contiguous and not can_view(array.shape, array.strides, shape):
        raise RuntimeError(
            "view size is not compatible with input tensor's size and stride (at least one "
            "dimension spans across two contiguous subspaces). Use .reshape(...) instead."
        )
    return view(input, shape=shape)


def as_dtype(input, dtype):
    have = input.get_dtype()
    shape = input.get_shape()
    if have.itemsize != dtype.itemsize:
        change = f"{scalar_name(have)} as {scalar_name(dtype)} (different element sizes)"
        if not shape:
            raise RuntimeError(f"self.dim() cannot be 0 to view {change}")
        ratio = dtype.itemsize // have.itemsize
        if ratio > 1 and shape[-1] % ratio:
            raise RuntimeError(
                f"self.size(-1) must be divisible by {ratio} to view {change}, but got {shape[-1]}"
            )
    result = view_dtype(input, dtype=dtype)
    result.base = None  # the memory and its version are shared, but nothing flows back
    return result


@public(function=False)
def view_as(input, other):
    """Return `input` in the shape of `other`, as `view` does."""
    expect_tensor("view_as", other, "other")
    return view_front(input, other.get_shape())


def reshape_to(input, shape):
    """Reshape with a shape that is already a tuple of ints."""
    array = input.array
    if array.flags.c_contiguous and is_whole(shape):
        return view(input, shape=shape)
    return reshape_value(input, whole_size("reshape", input, shape))


def whole_size(name, input, shape):
    """Return `shape` with its -1 worked out; errors name the call."""
    try:
        return infer_size(shape, input.array.size)
    except RuntimeError as error:
        call = describe_call(name, ("input",), (input,), {"shape": shape})
        raise RuntimeError(f"{error}\nwhile computing {call}") from None


def is_whole(shape):
    """Say whether all sizes are ints of at least -1; NumPy takes any other negative for -1 too."""
    for size in shape:
        if type(size) is not int or size < -1:
            return False
    return True


@public("reshape", method=False)
def reshape_front(input, shape):
    """Return the elements of `input` in another shape: a view where one exists, else a copy.

    Parameters
    ----------
    shape : tuple of int
        One of the sizes may be -1: what the others leave.

    Raises
    ------
    RuntimeError
        ``shape '[2, 5]' is invalid for input of size 6``.
    """
    if not isinstance(input, Value):
        expect_tensor("reshape", input)
    if not isinstance(shape, (tuple, list)):
        raise TypeError(
            f"reshape(): argument 'shape' (position 2) must be tuple of ints, "
            f"not {type(shape).__name__}"
        )
    return reshape_to(input, sizes_of("reshape", (shape,), "shape"))


@public("reshape", function=False)
def reshape_method(input, *shape, **named):
    if shape and input.array.flags.c_contiguous and is_whole(shape):
        return view(input, shape=shape)
    if named:
        shape = (named["shape"],)
    if len(shape) == 1 and not isinstance(shape[0], (tuple, list, int)):
        shape = (checked_sizes("reshape", shape[0]),)
    elif not shape:
        raise TypeError('reshape() missing 1 required positional arguments: "shape"')
    return reshape_to(input, sizes_of("reshape", shape, "shape"))


def checked_sizes(function, sizes):
    """Refuse what is neither an integer nor a sequence of them."""
    if not hasattr(sizes, "__index__"):
        raise TypeError(
            f"{function}(): argument 'shape' (position 1) must be tuple of ints, "
            f"not {type(sizes).__name__}"
        )
    return (sizes.__index__(),)


@public(function=False)
def reshape_as(input, other):
    """Return `input` in the shape of `other`, as `reshape` does."""
    expect_tensor("reshape_as", other, "other")
    return reshape_to(input, other.get_shape())


@public()
def flatten(input, start_dim=0, end_dim=-1):
    """Join the axes from `start_dim` to `end_dim` into one; `input` itself if it is one."""
    if not isinstance(input, Value):
        expect_tensor("flatten", input)
    shape = input.get_shape()
    ndim = len(shape)
    array = input.array
    if end_dim == -1 and array.flags.c_contiguous and array.size:
        if start_dim == 0 and ndim != 1:
            return view(input, shape=(-1,))
        if start_dim == 1 and ndim > 2:
            return view(input, shape=(shape[0], -1))
    start = axis_of(start_dim, ndim)
    end = axis_of(end_dim, ndim)
    if start > end:
        raise RuntimeError("flatten() has invalid args: start_dim cannot come after end_dim")
    if ndim == 0:
        return view(input, shape=(1,))
    if start == end:
        return input
    joined = 1
    for size in shape[start : end + 1]:
        joined *= size
    return reshape_value(input, (*shape[:start], joined, *shape[end + 1 :]))


@public()
def unflatten(input, dim, sizes):
    """Split axis `dim` into several of the given sizes, one of which may be -1."""
    expect_tensor("unflatten", input)
    shape = input.get_shape()
    axis = axis_of(dim, len(shape))
    sizes = sizes_of("unflatten", (sizes,), "sizes")
    if not sizes:
        raise RuntimeError("unflatten: sizes must be non-empty")
    found = sizes
    if -1 in sizes:
        known = 1
        for size in sizes:
            known *= size if size != -1 else 1
        if sizes.count(-1) > 1:
            raise RuntimeError("only one dimension can be inferred")
        fits = known != 0 and shape[axis] % known == 0
        if fits:
            found = tuple([shape[axis] // known if n == -1 else n for n in sizes])
    else:
        known = 1
        for size in sizes:
            known *= size
        fits = known == shape[axis]
    if not fits:
        raise RuntimeError(
            f"unflatten: Provided sizes {listed(sizes)} don't multiply up to the size of dim "
            f"{axis} ({shape[axis]}) in the input tensor"
        )
    return view_front(input, (*shape[:axis], *found, *shape[axis + 1 :]))


@public()
def ravel(input):
    """Return the elements in one axis: a view where `input` is contiguous, else a copy."""
    expect_tensor("ravel", input)
    return view(contiguous(input), shape=(input.array.size,))


@public(function=False)
def contiguous(input, memory_format=None):
    """Return `input` itself if its elements are in order in memory, else a copy in order."""
    if input.array.flags.c_contiguous:
        return input
    return contiguous_copy(input)


# -- axes of size one ---------------------------------------------------------------------------


def squeeze_kernel(x, *, axis=None):
    """Drop axes of size one: all, or those given.  (*S) -> (*S')"""
    return np.squeeze(x, axis)


def squeeze_rule(g, x_shape):
    return reshaped(g, x_shape)


squeeze_all = op(name="squeeze", numpy=np.squeeze, node="SqueezeBackward0", view=True, linear=True)(
    squeeze_kernel
)
squeeze_one = op(name="squeeze_dim", node="SqueezeBackward1", view=True, linear=True)(
    squeeze_kernel
)
squeeze_some = op(name="squeeze_dims", node="SqueezeBackward2", view=True, linear=True)(
    squeeze_kernel
)
for _op in (squeeze_all, squeeze_one, squeeze_some):
    _op.grad("x")(squeeze_rule)


@public("squeeze")
def squeeze(input, dim=..., *, axis=...):
    """Drop axes of size one: all of them, or those of `dim` that are."""
    if not isinstance(input, Value):
        expect_tensor("squeeze", input)
    if axis is not ...:
        dim = axis
    shape = input.get_shape()
    if type(dim) is int:
        axis = axis_of(dim, len(shape))
        kept = (axis,) if shape and shape[axis] == 1 else ()
        return squeeze_one(input, axis=kept)
    if dim is ...:
        return squeeze_all(input)
    if dim is None:
        raise TypeError(
            "squeeze() received an invalid combination of arguments - got (NoneType); "
            "leave dim out to drop every axis of size one"
        )
    if not isinstance(dim, (tuple, list)):
        return squeeze(input, dim.__index__())
    axes = axes_of(dim, len(shape)) or ()
    return squeeze_some(input, axis=tuple([a for a in axes if shape[a] == 1]))


@op(numpy=np.expand_dims, node="UnsqueezeBackward0", view=True, linear=True)
def expand_dims(x, *, axis):
    """Put in an axis of size one.  (*S) -> (*S')"""
    if type(x) is ndarray and type(axis) is int and axis >= 0:
        return x[(slice(None),) * axis + (None,)]
    return np.expand_dims(x, axis)


@expand_dims.grad("x")
def expand_dims_dx(g, x_shape):
    return reshaped(g, x_shape)


@public()
def unsqueeze(input, dim=None, *, axis=None):
    """Put in an axis of size one before axis `dim`."""
    if not isinstance(input, Value):
        expect_tensor("unsqueeze", input)
    if dim is None:
        dim = required("unsqueeze", axis)
    ndim = len(input.get_shape()) + 1
    return expand_dims(input, axis=axis_of(dim, ndim))


# -- broadcasting -------------------------------------------------------------------------------


@op(numpy=np.broadcast_to, node="ExpandBackward0", view=True, linear=True)
def broadcast_to(x, *, shape):
    """Repeat along new axes and axes of size one, without copying.  (*S) -> shape"""
    if type(x) is not ndarray or not x.flags.c_contiguous or x.dtype.kind == "V":
        return np.broadcast_to(x, shape)
    have = x.shape
    if have == shape:
        return x[...]
    lead = len(shape) - len(have)
    if lead < 0:
        return np.broadcast_to(x, shape)
    strides = list(x.strides)
    for axis, size in enumerate(have):
        wanted = shape[lead + axis]
        if size != wanted:
            if size != 1 or wanted < 0:
                return np.broadcast_to(x, shape)
            strides[axis] = 0
    # ndarray() itself: 0.16 us; np.broadcast_to: 1.9 us.
    out = ndarray(shape, x.dtype, x, 0, (0,) * lead + tuple(strides))
    if out.size != x.size:
        out.flags.writeable = False
    return out


@broadcast_to.grad("x")
def broadcast_to_dx(g, x_shape):
    return sum_to(g, x_shape)


def expand_to(input, sizes):
    have = input.get_shape()
    lead = len(sizes) - len(have)
    if lead >= 0 and -1 not in sizes:
        try:
            return broadcast_to(input, shape=sizes)
        except ValueError:
            pass
    if lead < 0:
        name = scalar_name(input.get_dtype())
        raise RuntimeError(
            f"expand(torch.{name}Tensor{{{listed(have)}}}, size={listed(sizes)}): the number of "
            f"sizes provided ({len(sizes)}) must be greater or equal to the number of dimensions "
            f"in the tensor ({len(have)})"
        )
    shape = list(sizes)
    for axis, size in enumerate(sizes):
        old = have[axis - lead] if axis >= lead else 1
        if size == -1:
            if axis < lead:
                raise RuntimeError(
                    f"The expanded size of the tensor (-1) isn't allowed in a leading, "
                    f"non-existing dimension {axis}"
                )
            shape[axis] = old
        elif size < 0:
            raise RuntimeError(
                f"expand(): size {size} at position {axis} of {listed(sizes)} is negative; "
                f"only -1, which keeps the axis, may be"
            )
        elif old != size and old != 1:
            raise RuntimeError(
                f"The expanded size of the tensor ({size}) must match the existing size ({old}) "
                f"at non-singleton dimension {axis}.  Target sizes: {listed(sizes)}.  "
                f"Tensor sizes: {listed(have)}"
            )
    return broadcast_to(input, shape=tuple(shape))


@public(function=False)
def expand(input, *size, implicit=False, **named):
    """Repeat axes of size one, and new leading axes, without copying; -1 keeps an axis."""
    if named:
        size = (named["size"],)
    elif not size:
        raise TypeError('expand() missing 1 required positional arguments: "size"')
    return expand_to(input, sizes_of("expand", size))


@public(function=False)
def expand_as(input, other):
    """Expand `input` to the shape of `other`."""
    expect_tensor("expand_as", other, "other")
    return expand_to(input, other.get_shape())


@public("broadcast_to", method=False)
def broadcast_to_front(input, size):
    """Expand `input` to `size`."""
    expect_tensor("broadcast_to", input)
    return expand_to(input, sizes_of("broadcast_to", (size,)))


@public("broadcast_to", function=False)
def broadcast_to_method(input, *size, **named):
    if named:
        size = (named["size"],)
    return expand_to(input, sizes_of("broadcast_to", size))


def common_shape(shapes):
    """Return the shape that all of `shapes` broadcast to.

    Raises
    ------
    RuntimeError
        ``The size of tensor a (3) must match the size of tensor b (4) at ...``.
    """
    found = ()
    for shape in shapes:
        if shape == found:
            continue
        words = broadcast_error(found, shape)
        if words is not None:
            raise RuntimeError(words)
        n = max(len(found), len(shape))
        a = (1,) * (n - len(found)) + tuple(found)
        b = (1,) * (n - len(shape)) + tuple(shape)
        found = tuple([y if x == 1 else x for x, y in zip(a, b)])
    return found


@public(method=False)
def broadcast_tensors(*tensors):
    """Expand tensors to the shape they broadcast to; those that have it are returned as is."""
    for tensor in tensors:
        if not isinstance(tensor, Value):
            raise TypeError(
                f"expected Tensor as element 0 in argument 0, but got {type(tensor).__name__}"
            )
    shape = common_shape([t.get_shape() for t in tensors])
    return tuple([t if t.get_shape() == shape else broadcast_to(t, shape=shape) for t in tensors])


@public(method=False)
def broadcast_shapes(*shapes):
    """Return the shape that shapes broadcast to."""
    given = [(s,) if isinstance(s, int) else tuple(s) for s in shapes]
    ndim = max([len(s) for s in given], default=0)
    found = [1] * ndim
    for number, shape in enumerate(given):
        for back in range(-1, -1 - len(shape), -1):
            size = shape[back]
            if size < 0:
                raise ValueError("Attempting to broadcast a dimension with negative length!")
            if size in (1, found[back]):
                continue
            if found[back] != 1:
                raise RuntimeError(
                    f"Attempting to broadcast a dimension of length {size} at {back}! "
                    f"Mismatching argument at index {number} had {shape}; but expected shape "
                    f"should be broadcastable to {listed(found)}"
                )
            found[back] = size
    return tuple(found)


@public(method=False)
def meshgrid(*tensors, indexing=None):
    """Expand 0-d and 1-d tensors to a grid, one axis each.

    Parameters
    ----------
    indexing : {"ij", "xy"}
        Whether the first tensor runs along the first axis, or along the second.
    """
    if len(tensors) == 1 and isinstance(tensors[0], (list, tuple)):
        tensors = tuple(tensors[0])
    if not tensors:
        raise RuntimeError("meshgrid expects a non-empty TensorList")
    for tensor in tensors:
        expect_tensor("meshgrid", tensor, "tensors")
        if len(tensor.get_shape()) > 1:
            raise RuntimeError(
                f"torch.meshgrid: Expected 0D or 1D tensor in the tensor list but got: {tensor}"
            )
        if tensor.get_dtype() != tensors[0].get_dtype():
            raise RuntimeError("meshgrid expects all tensors to have the same dtype")
    if indexing is None:
        warnings.warn(
            "torch.meshgrid: in an upcoming release, it will be required to pass the "
            "indexing argument.",
            UserWarning,
            stacklevel=2,
        )
    elif indexing not in ("ij", "xy"):
        raise RuntimeError(
            f'torch.meshgrid: indexing must be one of "xy" or "ij", but received: {indexing}'
        )
    order = list(range(len(tensors)))
    if indexing == "xy" and len(tensors) > 1:
        order[0], order[1] = 1, 0
    shape = [0] * len(tensors)
    for place, tensor in zip(order, tensors):
        shape[place] = tensor.array.size
    grids = []
    for place, tensor in zip(order, tensors):
        spread = [1] * len(tensors)
        spread[place] = -1
        line = reshape_to(tensor, tuple(spread))
        grids.append(broadcast_to(line, shape=tuple(shape)))
    return tuple(grids)


# -- at least so many axes ----------------------------------------------------------------------


def at_least(name, tensors, lift):
    if len(tensors) == 1:
        if isinstance(tensors[0], Value):
            return lift(tensors[0])
        if not isinstance(tensors[0], (list, tuple)):
            raise TypeError(
                f"{name}() received an invalid combination of arguments - got "
                f"({type(tensors[0]).__name__}), but expected one of:\n * (Tensor input)\n"
                f" * (tuple of Tensors tensors)\n"
            )
        tensors = tensors[0]
    for tensor in tensors:
        expect_tensor(name, tensor, "tensors")
    return tuple([lift(t) for t in tensors])


def lift_1d(input):
    """Return `input` with at least one axis."""
    return input if input.get_shape() else view(input, shape=(1,))


def lift_2d(input):
    """Return `input` with at least two axes; a vector becomes a row."""
    ndim = len(input.get_shape())
    if ndim == 0:
        return view(input, shape=(1, 1))
    return expand_dims(input, axis=0) if ndim == 1 else input


def lift_3d(input):
    """Return `input` with at least three axes; a matrix becomes (n, m, 1)."""
    ndim = len(input.get_shape())
    if ndim == 0:
        return view(input, shape=(1, 1, 1))
    if ndim == 1:
        return expand_dims(expand_dims(input, axis=0), axis=2)
    return expand_dims(input, axis=2) if ndim == 2 else input


@public(method=False)
def atleast_1d(*tensors):
    """Give 0-d tensors one axis."""
    return at_least("atleast_1d", tensors, lift_1d)


@public(method=False)
def atleast_2d(*tensors):
    """Give tensors two axes; a vector becomes a row."""
    return at_least("atleast_2d", tensors, lift_2d)


@public(method=False)
def atleast_3d(*tensors):
    """Give tensors three axes; a matrix becomes (n, m, 1)."""
    return at_least("atleast_3d", tensors, lift_3d)
