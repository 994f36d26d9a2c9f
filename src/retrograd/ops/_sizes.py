"""Sizes and strides: reading PyTorch's size arguments, and when a shape needs no copy."""

from __future__ import annotations

import numpy as np

ndarray = np.ndarray
UNSIGNED = {8: np.uint64, 4: np.uint32, 2: np.uint16, 1: np.uint8}


def sizes_of(function, sizes, argument="size"):
    """Return sizes given as ``f(2, 3)``, ``f((2, 3))`` or ``f([2, 3])`` as a tuple of ints.

    Raises
    ------
    TypeError
        When one of them is not an integer.
    """
    if len(sizes) == 1 and isinstance(sizes[0], (tuple, list)):
        sizes = sizes[0]
    for size in sizes:
        if type(size) is not int:
            return tuple([whole(function, argument, n, k) for k, n in enumerate(sizes)])
    return sizes if type(sizes) is tuple else tuple(sizes)


def whole(function, argument, value, place):
    """Return `value` as an int."""
    try:
        return value.__index__()
    except (AttributeError, TypeError):
        pass
    raise TypeError(
        f"{function}(): argument '{argument}' failed to unpack the object at pos {place + 1} "
        f'with error "type must be tuple of ints,but got {type(value).__name__}"'
    )


def is_index(dtype):
    """Say whether a dtype is int64 or int32, PyTorch's dtypes for indices."""
    return dtype.kind == "i" and dtype.itemsize >= 4


def out_of_range(array, length):
    """Say whether an index array has an entry outside 0 ... length - 1.

    An array that is being traced is not looked at: its values are not for Python to see.
    """
    if type(array) is not ndarray:
        return False
    if array.size <= 32:
        # A few numbers as a list: 0.3 us; a reduction: 1.0 us.
        numbers = array.ravel().tolist()
        return bool(numbers) and (min(numbers) < 0 or max(numbers) >= length)
    # Read as unsigned numbers, negative ones are very large ones.
    return bool(array.view(UNSIGNED[array.dtype.itemsize]).max() >= length)


def first_out_of_range(array, length):
    """Return the first entry of an index array outside 0 ... length - 1."""
    return array[(array < 0) | (array >= length)].flat[0]


def required(function, value, argument="dim"):
    """Return an argument that must be given, under PyTorch's name or NumPy's."""
    if value is None:
        raise TypeError(f'{function}() missing 1 required positional arguments: "{argument}"')
    return value


def listed(sizes):
    """Return sizes as PyTorch prints them: ``[2, 3]``."""
    return str([int(n) for n in sizes])


def infer_size(shape, count):
    """Return `shape` with its -1, if any, replaced by what `count` elements leave for it.

    Raises
    ------
    RuntimeError
        With PyTorch's words, when the shape does not fit the count.
    """
    unknown = -1
    product = 1
    for axis, size in enumerate(shape):
        if size == -1:
            if unknown >= 0:
                raise RuntimeError("only one dimension can be inferred")
            unknown = axis
        elif size < 0:
            raise RuntimeError(
                f"invalid shape dimension {size} at index {axis} of shape {listed(shape)}"
            )
        else:
            product *= size
    if unknown < 0:
        if product == count:
            return shape
    elif product == 0:
        if count == 0:
            raise RuntimeError(
                f"cannot reshape tensor of 0 elements into shape {listed(shape)} because the "
                f"unspecified dimension size -1 can be any value and is ambiguous"
            )
    elif count % product == 0:
        return (*shape[:unknown], count // product, *shape[unknown + 1 :])
    raise RuntimeError(f"shape '{listed(shape)}' is invalid for input of size {count}")


def can_view(shape, strides, target):
    """Say whether an array of `shape` and `strides` can be seen in shape `target` uncopied.

    Adjacent axes that are contiguous with one another are merged into runs; each run must be
    a product of sizes of the target.
    """
    runs = []
    run_stride = 0
    for size, stride in zip(reversed(shape), reversed(strides)):
        if size == 0:
            return True
        if size == 1:
            continue
        if runs and stride == run_stride * runs[-1]:
            runs[-1] *= size
        else:
            runs.append(size)
            run_stride = stride
    wanted = [size for size in reversed(target) if size != 1]
    place = 0
    for run in runs:
        product = 1
        while product < run and place < len(wanted):
            product *= wanted[place]
            place += 1
        if product != run:
            return False
    return True


def strided(x, shape, strides):
    """Return a view of `x` with the given shape and byte strides, from its first element on."""
    if type(x) is ndarray and x.flags.c_contiguous and x.dtype.kind != "V":
        # ndarray() itself: 0.16 us; numpy.lib.stride_tricks.as_strided: 2.4 us.
        out = ndarray(shape, x.dtype, x, 0, strides)
        return out
    return np.lib.stride_tricks.as_strided(x, shape, strides)
