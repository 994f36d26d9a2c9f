"""Windows of pooling: PyTorch's arguments and checks, and where the windows lie.

Pooling works on the last axes of an array, so an input without a batch is nothing special.
A window is seen by its taps: tap (0, 1) of all windows is a slice of the input with the windows'
strides, the second element of the first row of each.
"""

from __future__ import annotations

import itertools
from functools import lru_cache
from typing import NamedTuple

from ._arguments import scalar_name
from ._sizes import listed


class Windows(NamedTuple):
    """Where the windows lie: for each axis that is pooled one number each.

    Attributes
    ----------
    sizes : tuple of int
        The input's.
    kernel, stride, padding, dilation : tuple of int
    out : tuple of int
        How many windows there are.
    """

    sizes: tuple
    kernel: tuple
    stride: tuple
    padding: tuple
    dilation: tuple
    out: tuple


class Taps(NamedTuple):
    """The taps of windows.

    Attributes
    ----------
    slices : list of (tuple, tuple or None)
        Of the input, and of the windows that have this tap; None for all windows.
    disjoint, covering : bool
        Whether no element of the input is in two windows, and whether each is in one.
    """

    slices: list
    disjoint: bool
    covering: bool


@lru_cache(maxsize=256)
def axis_taps(windows, axis):
    """Return, for one axis, the slices of the input and of the windows: one pair for each tap."""
    size, stride, out = windows.sizes[axis], windows.stride[axis], windows.out[axis]
    found = []
    for place in range(windows.kernel[axis]):
        start = place * windows.dilation[axis] - windows.padding[axis]
        first = max(0, -(start // stride))
        last = min(out - 1, (size - 1 - start) // stride)
        if first <= last:
            source = slice(start + first * stride, start + last * stride + 1, stride)
            every = first == 0 and last == out - 1
            found.append((source, None if every else slice(first, last + 1)))
    return found


@lru_cache(maxsize=256)
def taps_of(windows):
    """Return the taps of windows over several axes, in the order of the input's elements."""
    slices = []
    dims = len(windows.sizes)
    for pairs in itertools.product(*[axis_taps(windows, axis) for axis in range(dims)]):
        source = (..., *[pair[0] for pair in pairs])
        target = None
        if any(pair[1] is not None for pair in pairs):
            target = (..., *[pair[1] or slice(None) for pair in pairs])
        slices.append((source, target))
    disjoint = all(
        (k - 1) * d < s for k, d, s in zip(windows.kernel, windows.dilation, windows.stride)
    )
    covering = len(slices) * product(windows.out) >= product(windows.sizes)
    covering = disjoint and covering and all(target is None for _, target in slices)
    return Taps(slices, disjoint, covering)


def product(sizes):
    """Return the product of some sizes."""
    found = 1
    for size in sizes:
        found *= size
    return found


def whole(windows, axis):
    """Say whether one window is the whole of an axis."""
    return windows.out[axis] == 1 and len(axis_taps(windows, axis)) == windows.sizes[axis]


def at_axis(part, axis, dims):
    """Return an index that takes `part` along one of the last `dims` axes."""
    return (..., part) + (slice(None),) * (dims - 1 - axis)


# -- arguments ----------------------------------------------------------------------------------

_WORDS = {1: "one", 2: "two", 3: "three"}


def numbers(function, argument, position, value):
    """Return an int or several as a tuple of ints."""
    if type(value) is int:
        return (value,)
    if not isinstance(value, (tuple, list)):
        if type(value) is not bool:
            try:
                return (value.__index__(),)
            except (AttributeError, TypeError):
                pass
        raise TypeError(
            f"{function}(): argument '{argument}' (position {position}) must be tuple of ints, "
            f"not {type(value).__name__}"
        )
    for place, one in enumerate(value):
        if not hasattr(one, "__index__"):
            raise TypeError(
                f"{function}(): argument '{argument}' (position {position}) must be tuple of "
                f"ints, but found element of type {type(one).__name__} at pos {place}"
            )
    return tuple([one.__index__() for one in value])


def of_every_axis(function, argument, value, dims, plain):
    """Return numbers as one for each axis, or refuse their count.

    `plain` says that the function is max_pool1d without indices, which has words of its own.
    """
    if len(value) == dims:
        return value
    if len(value) == 1:
        return value * dims
    if plain:
        none, comma = ("None, ", ",") if argument == "stride" else ("", ",")
        if argument in ("kernel_size", "dilation"):
            comma = ""
        raise RuntimeError(
            f"{function}() {argument} must be {none}an int, list of ints{comma} or tuple of ints "
            f"of size 1 but got size {len(value)}"
        )
    if dims == 1:
        raise RuntimeError(
            f"{function}() argument '{argument}' should contain one int (got {len(value)})"
        )
    either = "must be either" if argument == "dilation" else "must either be"
    if function == "avg_pool3d":
        either = "must be"
    omitted = "omitted, " if argument == "stride" else ""
    raise RuntimeError(
        f"{function}: {argument} {either} {omitted}a single int, or a tuple of {_WORDS[dims]} ints"
    )


@lru_cache(maxsize=256)
def windows_for(function, shape, dims, plain, kernel, stride, padding, dilation, ceil_mode):
    """Return the windows of a pooling, after PyTorch's checks of its numbers."""
    kernel = of_every_axis(function, "kernel_size", kernel, dims, plain)
    stride = of_every_axis(function, "stride", stride, dims, plain) if stride else kernel
    padding = of_every_axis(function, "padding", padding, dims, plain)
    dilation = of_every_axis(function, "dilation", dilation, dims, plain)
    given = (kernel, stride, padding, dilation)
    if plain:
        expect_positive(function, *[one[0] for one in given])
    else:
        for numbers_of_axis in zip(*given):
            expect_fitting(*numbers_of_axis)
        expect_like_images(function, shape, dims, *given)
    sizes = shape[len(shape) - dims :]
    out = tuple(
        [window_count(*one, ceil_mode) for one in zip(sizes, kernel, stride, padding, dilation)]
    )
    if min(out) < 1:
        refuse_small(function, shape, dims, plain, kernel, out)
    return Windows(sizes, kernel, stride, padding, dilation, out)


def window_count(size, kernel, stride, padding, dilation, ceil_mode):
    """Return how many windows fit along an axis; a last part of one too with `ceil_mode`."""
    room = size + 2 * padding - dilation * (kernel - 1) - 1
    count = (room + (stride - 1 if ceil_mode else 0)) // stride + 1
    if ceil_mode and (count - 1) * stride >= size + padding:
        count -= 1
    return count


def expect_positive(function, kernel, stride, padding, dilation):
    """Refuse numbers as max_pool1d does."""
    if kernel <= 0:
        raise RuntimeError(f"{function}() kernel_size must be greater than zero, but got {kernel}")
    if stride <= 0:
        raise RuntimeError(f"{function}() stride must be greater than zero, but got {stride}")
    if padding < 0:
        raise RuntimeError(f"{function}() padding must be non-negative, but got {padding}")
    if padding > kernel // 2:
        raise RuntimeError(
            f"{function}() padding should be at most half of kernel size, but got "
            f"padding={padding} and kernel_size={kernel}"
        )
    if dilation <= 0:
        raise RuntimeError(f"{function}() dilation must be greater than zero, but got {dilation}")


def expect_fitting(kernel, stride, padding, dilation):
    """Refuse numbers of one axis from which no count of windows can be worked out."""
    if stride == 0:
        raise RuntimeError("stride should not be zero")
    if padding < 0:
        raise RuntimeError(f"pad must be non-negative, but got pad: {padding}")
    if padding > int(((kernel - 1) * dilation + 1) / 2):
        raise RuntimeError(
            f"pad should be at most half of effective kernel size, but got pad={padding}, "
            f"kernel_size={kernel} and dilation={dilation}"
        )


def expect_like_images(function, shape, dims, kernel, stride, padding, dilation):
    """Refuse numbers and shapes as PyTorch's kernels for images and volumes do.

    One axis counts as two there, the first of size 1.
    """
    if dims == 1:
        kernel, stride, dilation = (1, *kernel), (1, *stride), (1, *dilation)
        padding = (0, *padding)
        shape = (*shape[:-1], 1, shape[-1])
        dims = 2
    names = "THW"[-dims:]
    for words, letter, given in (("kernel size", "k", kernel), ("stride", "d", stride)):
        if min(given) <= 0:
            raise RuntimeError(
                f"{words} should be greater than zero, but got {each(letter, names, given)}"
            )
    if min(dilation) <= 0:
        raise RuntimeError(
            f"dilation should be greater than zero, but got {each('dilation', names, dilation)}"
        )
    if dims == 3:
        if 0 in shape[-4:]:
            where = "max_pool3d_with_indices_out_cpu_template" if "max" in function else function
            raise RuntimeError(
                f"{where}(): Expected input's non-batch dimensions to have positive length, but "
                f"input has a shape of {listed(shape)} and non-batch dimension 0 has length zero!"
            )
        if "avg" in function and any(s < k for s, k in zip(shape[-3:], kernel)):
            raise RuntimeError(
                f"input image ({each('', names, shape[-3:])}) smaller than kernel size "
                f"({each('k', names, kernel)})"
            )
    elif len(shape) not in (3, 4) or 0 in shape[-3:]:
        raise RuntimeError(
            f"Expected 3D or 4D (batch mode) tensor with optional 0 dim batch size for input, but "
            f"got:{listed(shape)}"
        )
    if any(p > k // 2 for p, k in zip(padding, kernel)):
        if dims == 3:
            found = (
                f"kT: {kernel[0]} kW: {kernel[2]} kH: {kernel[1]} padT: {padding[0]} "
                f"padW: {padding[2]} padH: {padding[1]}"
            )
        else:
            found = (
                f"padW = {padding[1]}, padH = {padding[0]}, kW = {kernel[1]}, kH = {kernel[0]}"
            )
        raise RuntimeError(
            f"pad should be smaller than or equal to half of kernel size, but got {found}"
        )


def each(letter, names, given):
    """Return numbers with the names of their axes: ``kH: 2 kW: 3``."""
    return " ".join([f"{letter}{name}: {number}" for name, number in zip(names, given)])


def refuse_small(function, shape, dims, plain, kernel, out):
    """Raise for an input smaller than a window."""
    if plain:
        raise RuntimeError(f"{function}() Invalid computed output size: {out[0]}")
    edge = len(shape) - dims
    have = [shape[edge - 1], *([1] if dims == 1 else []), *shape[edge:]]
    found = [shape[edge - 1], *([1] if dims == 1 else []), *out]
    raise RuntimeError(
        f"Given input size: ({'x'.join(map(str, have))}). Calculated output size: "
        f"({'x'.join(map(str, found))}). Output size is too small"
    )


def expect_axes(function, ndim):
    """Refuse what is neither one sample nor a batch of sequences."""
    if ndim not in (2, 3):
        raise RuntimeError(
            f"Expected 2 to 3 dimensions, but got {ndim}-dimensional tensor for argument #1 "
            f"'self' (while checking arguments for {function})"
        )


def refuse_kind(kernel, dtype):
    """Raise PyTorch's error for a dtype that its kernel does not take."""
    raise NotImplementedError(f'"{kernel}" not implemented for \'{scalar_name(dtype)}\'')
