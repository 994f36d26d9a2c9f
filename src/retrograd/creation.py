"""Making tensors from data, and from nothing but a shape."""

from __future__ import annotations

import warnings

import numpy as np

from . import _sequences, _spacing
from ._core.promotion import defaults
from ._core.tracing import constant, from_python, is_read, run
from ._core.value import Value
from .device import check_device
from .dtypes import of, scalar_for, to_numpy
from .layouts import AXES, preserve_format
from .ops import diagonals
from .tensor import Tensor, wrap


def tensor(data, *, dtype=None, device=None, requires_grad=False, pin_memory=False):
    """Return a new leaf tensor with a copy of `data`.

    Parameters
    ----------
    data : number, nested sequence, NumPy array or Tensor
    dtype : torch.dtype, optional
        By default what `data` is: floats become the default dtype, integers int64; arrays keep
        theirs.
    requires_grad : bool

    Raises
    ------
    ValueError
        For nested sequences of unequal lengths.
    RuntimeError
        For elements that are no numbers, and for integers with `requires_grad`.

    Examples
    --------
    >>> tensor([[1, 2], [3, 4.5]])
    tensor([[1.0000, 2.0000],
            [3.0000, 4.5000]])
    """
    check_device(device)
    target = None if dtype is None else to_numpy(dtype, "tensor")
    array = from_python(_sequences.to_array, _plain_data(data), target)
    if isinstance(data, Value):
        warnings.warn(
            "To copy construct from a tensor, it is recommended to use sourceTensor.detach()."
            "clone() or sourceTensor.detach().clone().requires_grad_(True), rather than "
            "torch.tensor(sourceTensor).",
            UserWarning,
            stacklevel=2,
        )
    return _leaf(array, requires_grad)


def _plain_data(data):
    """Return an array for what speaks NumPy's array protocol, other data as they are."""
    if isinstance(data, (Value, np.ndarray, np.generic, list, tuple, int, float, complex)):
        return data
    return np.asarray(data) if hasattr(data, "__array__") else data


def _leaf(array, requires_grad):
    made = wrap(constant(array))
    if requires_grad:
        if array.dtype.kind not in "fcV":
            raise RuntimeError(
                "Only Tensors of floating point and complex dtype can require gradients"
            )
        made.requires_grad_()
    return made


def as_tensor(data, dtype=None, device=None):
    """Return `data` as a tensor, sharing memory with arrays and tensors where it can."""
    check_device(device)
    if isinstance(data, Value):
        return data if dtype is None else data.to(dtype)
    target = None if dtype is None else to_numpy(dtype, "as_tensor")
    data = _plain_data(data)
    if isinstance(data, np.ndarray) and (target is None or target == data.dtype):
        return wrap(from_python(_sequences.checked, data))
    return wrap(from_python(_sequences.to_array, data, target))


def asarray(obj, *, dtype=None, device=None, copy=None, requires_grad=None):
    """Return `obj` as a tensor; `copy` True forces a copy, False refuses one.

    A tensor keeps its history unless `requires_grad` is False.
    """
    if isinstance(obj, (bytes, bytearray, memoryview)):
        check_device(device)
        made = frombuffer(obj, dtype=of(_dtype(dtype, "asarray")))
    else:
        if copy is False:
            _check_alias(obj, dtype)
        made = as_tensor(obj, dtype, device)
    if copy and (made is obj or not isinstance(obj, Value)):
        made = made.clone()
    if requires_grad is None:
        return made
    if requires_grad and made.is_leaf:
        return made.requires_grad_()
    return made.detach() if made.requires and not requires_grad else made


def _check_alias(obj, dtype):
    if isinstance(obj, (list, tuple, int, float, complex)):
        kind = "scalar" if isinstance(obj, (int, float, complex)) else "sequence"
        raise ValueError(f"can't alias arbitrary {kind} into a tensor.")
    have = obj.get_dtype() if isinstance(obj, Value) else obj.dtype
    if dtype is not None and to_numpy(dtype, "asarray") != have:
        raise ValueError(
            f"can't alias tensor with dtype '{of(have).type_name}' into dtype "
            f"'{of(to_numpy(dtype)).type_name}'."
        )


def from_numpy(ndarray, /):
    """Return a tensor that shares the memory of a NumPy array."""
    if not isinstance(ndarray, np.ndarray):
        raise TypeError(f"expected np.ndarray (got {type(ndarray).__name__})")
    return wrap(from_python(_sequences.checked, ndarray))


def frombuffer(buffer, *, dtype, count=-1, offset=0, requires_grad=False):
    """Return a 1-d tensor over the memory of a Python buffer."""
    target = to_numpy(dtype, "frombuffer")
    try:
        length = memoryview(buffer).nbytes
    except TypeError:
        raise ValueError("object does not implement Python buffer protocol.") from None
    if length == 0 or count == 0:
        raise ValueError(f"both buffer length ({length}) and count ({count}) must not be 0")
    if not 0 <= offset < length:
        raise ValueError(
            f"offset ({offset} bytes) must be non-negative and no greater than buffer length "
            f"({length} bytes) minus 1"
        )
    size = target.itemsize
    if count < 0 and (length - offset) % size:
        raise ValueError(
            f"buffer length ({length - offset} bytes) after offset ({offset} bytes) must be a "
            f"multiple of element size ({size})"
        )
    if count > 0 and count * size > length - offset:
        raise ValueError(
            f"requested buffer length ({count} * {size} bytes) after offset ({offset} bytes) must "
            f"not be greater than actual buffer length ({length} bytes)"
        )
    return _leaf(from_python(np.frombuffer, buffer, target, count, offset), requires_grad)


def from_dlpack(ext_tensor, /):
    """Return a tensor that shares the memory of another library's array."""
    return wrap(np.from_dlpack(ext_tensor))


def scalar_tensor(s, *, dtype=None, device=None, requires_grad=False):
    """Return a 0-d tensor of the default dtype."""
    if not isinstance(s, (int, float, complex, np.generic)):
        raise TypeError(
            "scalar_tensor(): argument 's' (position 1) must be Number, not "
            f"{type(s).__name__}"
        )
    return _leaf(np.array(s, _dtype(dtype, "scalar_tensor")), requires_grad)


def _dtype(dtype, function):
    return defaults.floating if dtype is None else to_numpy(dtype, function)


def _sizes(size, function):
    """Return the shape given as ``f(2, 3)``, ``f((2, 3))`` or ``f(size=(2, 3))``."""
    if len(size) == 1 and type(size[0]) is not int:
        given = size[0]
        if isinstance(given, (list, tuple)):
            size = given
        elif isinstance(given, bool) or not hasattr(given, "__index__"):
            raise TypeError(
                f"{function}(): argument 'size' (position 1) must be tuple of ints, not "
                f"{type(given).__name__}"
            )
    try:
        shape = tuple([n.__index__() for n in size])
    except (AttributeError, TypeError):
        _refuse_sizes(size, function)
    for n in shape:
        if n < 0:
            if function in ("zeros", "ones"):
                raise RuntimeError(f"{function}: Dimension size must be non-negative.")
            raise RuntimeError(
                f"Trying to create tensor with negative dimension {n}: {list(shape)}"
            )
    return shape


def _refuse_sizes(size, function):
    odd = next(n for n in size if not hasattr(n, "__index__"))
    raise TypeError(
        f"{function}(): argument 'size' (position 1) must be tuple of ints, but found element of "
        f"type {type(odd).__name__} at pos {list(size).index(odd)}"
    )


def _given_sizes(size, given, function):
    """Return the shape of a call that may name it ``size=``; other names are refused."""
    if given:
        named = given.pop("size", None)
        for unknown in given:
            raise TypeError(f"{function}() got an unexpected keyword argument '{unknown}'")
        return _sizes((named,), function)
    if not size:
        raise TypeError(f'{function}() missing 1 required positional arguments: "size"')
    return _sizes(size, function)


def zeros(*size, out=None, dtype=None, layout=None, device=None, requires_grad=False,
          pin_memory=False, **given):  # fmt: skip
    """Return a tensor of zeros.

    Examples
    --------
    >>> zeros(2, 3)
    tensor([[0., 0., 0.],
            [0., 0., 0.]])
    """
    check_device(device)
    shape = _given_sizes(size, given, "zeros")
    return _made(np.zeros(shape, _out_dtype(dtype, out, "zeros")), requires_grad, out)


def ones(*size, out=None, dtype=None, layout=None, device=None, requires_grad=False,
         pin_memory=False, **given):  # fmt: skip
    """Return a tensor of ones."""
    check_device(device)
    shape = _given_sizes(size, given, "ones")
    return _made(np.ones(shape, _out_dtype(dtype, out, "ones")), requires_grad, out)


def empty(*size, out=None, dtype=None, layout=None, device=None, requires_grad=False,
          pin_memory=False, memory_format=None, **given):  # fmt: skip
    """Return a tensor with whatever is in memory."""
    check_device(device)
    shape = _given_sizes(size, given, "empty")
    if memory_format is preserve_format:
        raise RuntimeError("unsupported memory format Preserve")
    array = _formatted(shape, _out_dtype(dtype, out, "empty"), memory_format)
    return _made(array, requires_grad, out)


def _formatted(shape, dtype, memory_format):
    """Return an uninitialised array whose axes lie in memory as a memory format says."""
    axes = AXES.get(memory_format)
    if axes is None:
        return np.empty(shape, dtype)
    if len(shape) != len(axes):
        raise RuntimeError(
            f"required rank {len(axes)} tensor to use {str(memory_format).removeprefix('torch.')} "
            "format"
        )
    memory = np.empty([shape[axis] for axis in axes], dtype)
    return np.transpose(memory, np.argsort(axes))


def _out_dtype(dtype, out, function):
    """Return the dtype to make: that of `out` where only that is given."""
    if dtype is None and isinstance(out, Value):
        return out.get_dtype()
    return _dtype(dtype, function)


def _made(array, requires_grad, out):
    if out is None:
        return _leaf(array, requires_grad)
    out.receive(wrap(array))
    return out


def _fill_value(value, target, function):
    """Return a number that NumPy stores in `target` as PyTorch does, or refuse it."""
    if isinstance(value, Value) and value.array.ndim == 0:
        value = value.item()
    if isinstance(value, np.generic):
        value = value.item()
    if not isinstance(value, (int, float, complex)):
        raise TypeError(
            f"{function}(): argument 'fill_value' (position 2) must be Number, not "
            f"{type(value).__name__}"
        )
    return value if target is None else scalar_for(value, target)


def filled_with(array, value):
    """Return a new array with every element a number."""
    if isinstance(value, np.ndarray):  # one that a trace reads
        return run(np.full_like, constant(np.zeros_like(array)), value)
    array[...] = value
    return array


def full(size, fill_value, *, out=None, dtype=None, layout=None, device=None, requires_grad=False,
         pin_memory=False):  # fmt: skip
    """Return a tensor of one value; the dtype is that of the value.

    Examples
    --------
    >>> full((2,), 3)
    tensor([3, 3])
    """
    check_device(device)
    if isinstance(size, int):
        raise TypeError("full(): argument 'size' (position 1) must be tuple of ints, not int")
    shape = _sizes((size,), "full")
    target = None if dtype is None and out is None else _out_dtype(dtype, out, "full")
    value = _fill_value(fill_value, target, "full")
    if target is None and is_read(value):
        target = _sequences.to_array(0.0 if isinstance(value, float) else 0).dtype
        value = scalar_for(value, target)
    elif target is None:
        target = _sequences.to_array(value).dtype
    return _made(filled_with(np.empty(shape, target), value), requires_grad, out)


def empty_strided(size, stride, *, dtype=None, layout=None, device=None, requires_grad=False,
                  pin_memory=False):  # fmt: skip
    """Return an uninitialised tensor with the given strides, in elements."""
    return _leaf(strided_array(size, stride, _dtype(dtype, "empty_strided")), requires_grad)


def strided_array(size, stride, dtype):
    """Return an uninitialised array with the given strides, in elements."""
    if len(size) != len(stride):
        raise RuntimeError(
            f"dimensionality of sizes ({len(size)}) must match dimensionality of strides "
            f"({len(stride)})"
        )
    extent = 1 + sum((n - 1) * s for n, s in zip(size, stride)) if 0 not in size else 0
    memory = np.empty(extent, dtype)
    steps = tuple(s * memory.itemsize for s in stride)
    return np.lib.stride_tricks.as_strided(memory, tuple(size), steps)


def empty_permuted(size, physical_layout, *, dtype=None, layout=None, device=None,
                   requires_grad=False, pin_memory=False):  # fmt: skip
    """Return an uninitialised tensor whose axes lie in memory in the given order."""
    memory = np.empty([size[axis] for axis in physical_layout], _dtype(dtype, "empty_permuted"))
    return _leaf(np.transpose(memory, np.argsort(physical_layout)), requires_grad)


def _like_array(input, dtype, memory_format, function):
    """Return an uninitialised array with the shape, dtype and axis order of `input`."""
    if not isinstance(input, Value):
        raise TypeError(
            f"{function}(): argument 'input' (position 1) must be Tensor, not "
            f"{type(input).__name__}"
        )
    array = input.array
    target = array.dtype if dtype is None else to_numpy(dtype, function)
    if memory_format is not None and memory_format is not preserve_format:
        return _formatted(array.shape, target, memory_format)
    order = "C" if 0 in array.strides else "K"  # an expanded tensor's copy is contiguous
    return np.empty_like(array, target, order)


def zeros_like(input, *, dtype=None, layout=None, device=None, requires_grad=False,
               memory_format=None):  # fmt: skip
    """Return zeros with the shape, dtype and axis order of `input`."""
    check_device(device)
    array = _like_array(input, dtype, memory_format, "zeros_like")
    array.fill(0)
    return _leaf(array, requires_grad)


def ones_like(input, *, dtype=None, layout=None, device=None, requires_grad=False,
              memory_format=None):  # fmt: skip
    """Return ones with the shape, dtype and axis order of `input`."""
    check_device(device)
    array = _like_array(input, dtype, memory_format, "ones_like")
    array.fill(1)
    return _leaf(array, requires_grad)


def empty_like(input, *, dtype=None, layout=None, device=None, requires_grad=False,
               memory_format=None):  # fmt: skip
    """Return an uninitialised tensor with the shape, dtype and axis order of `input`."""
    check_device(device)
    return _leaf(_like_array(input, dtype, memory_format, "empty_like"), requires_grad)


def full_like(input, fill_value, *, dtype=None, layout=None, device=None, requires_grad=False,
              memory_format=None):  # fmt: skip
    """Return one value with the shape, dtype and axis order of `input`."""
    check_device(device)
    array = _like_array(input, dtype, memory_format, "full_like")
    value = _fill_value(fill_value, array.dtype, "full_like")
    return _leaf(filled_with(array, value), requires_grad)


def _bound(value, function, name, position):
    if isinstance(value, Value):
        if value.array.ndim:
            raise RuntimeError(
                f"{function} only supports 0-dimensional start and end tensors, but got {name} "
                f"with {value.array.ndim} dimension(s)."
            )
        return value.item()
    if not isinstance(value, (int, float, complex, np.number)):
        raise TypeError(
            f"{function}(): argument '{name}' (position {position}) must be Number, not "
            f"{type(value).__name__}"
        )
    return value


def arange(start=None, end=None, step=1, *, out=None, dtype=None, layout=None, device=None,
           requires_grad=False, pin_memory=False):  # fmt: skip
    """Return the numbers from `start` up to, not including, `end` by `step`.

    Integers give int64; any float gives the default dtype.

    Examples
    --------
    >>> arange(1, 2.5, 0.5)
    tensor([1.0000, 1.5000, 2.0000])
    """
    check_device(device)
    if end is None:
        start, end = 0, start
    elif start is None:
        start = 0
    bounds = [_bound(start, "arange", "start", 1), _bound(end, "arange", "end", 1),
              _bound(step, "arange", "step", 3)]  # fmt: skip
    if any(isinstance(n, (complex, np.complexfloating)) and n.imag for n in bounds):
        raise RuntimeError("value cannot be converted to type double without overflow")
    if dtype is not None or out is not None:
        target = _out_dtype(dtype, out, "arange")
    elif all(isinstance(n, (int, np.integer)) for n in bounds):
        target = np.dtype(np.int64)
    else:
        target = defaults.floating
    _expect_numeric(target, "arange", "bc")
    return _made(_spacing.arange(*bounds, target), requires_grad, out)


def _expect_numeric(target, function, refused):
    if target.kind in refused:
        name = of(target).type_name
        raise NotImplementedError(f'"{function}_cpu" not implemented for \'{name}\'')


def range_(start, end=None, step=1, *, out=None, dtype=None, layout=None, device=None,
           requires_grad=False):  # fmt: skip
    """Return the numbers from `start` to `end`, both included (PyTorch's deprecated ``range``)."""
    if end is None:
        start, end = 0, start
    if step == 0:
        raise RuntimeError("step must be nonzero")
    if (end < start) if step > 0 else (end > start):
        raise RuntimeError("upper bound and lower bound inconsistent with step sign")
    count = int((end - start) / step) + 1
    array = (start + np.arange(count) * step).astype(_dtype(dtype, "range"))
    return _made(array, requires_grad, out)


def _spaced_arguments(start, end, steps, dtype, out, function):
    start = _bound(start, function, "start", 1)
    end = _bound(end, function, "end", 2)
    if not hasattr(steps, "__index__"):
        raise TypeError(
            f"{function}(): argument 'steps' (position 3) must be int, not {type(steps).__name__}"
        )
    steps = steps.__index__()
    if steps < 0:
        raise RuntimeError("number of steps must be non-negative")
    is_complex = isinstance(start, complex) or isinstance(end, complex)
    if dtype is None and out is None:
        return start, end, steps, defaults.complex if is_complex else defaults.floating
    target = _out_dtype(dtype, out, function)
    if is_complex and target.kind != "c":
        raise RuntimeError(
            f"torch.{function}(): inferred dtype {of(defaults.complex).type_name} can't be safely "
            f"cast to passed dtype {of(target).type_name}"
        )
    _expect_numeric(target, function, "b")
    return start, end, steps, target


def linspace(start, end, steps, *, out=None, dtype=None, layout=None, device=None,
             requires_grad=False, pin_memory=False):  # fmt: skip
    """Return `steps` numbers evenly spaced from `start` to `end`, both included.

    Examples
    --------
    >>> linspace(0, 1, 5)
    tensor([0.0000, 0.2500, 0.5000, 0.7500, 1.0000])
    """
    check_device(device)
    arguments = _spaced_arguments(start, end, steps, dtype, out, "linspace")
    return _made(_spacing.linspace(*arguments), requires_grad, out)


def logspace(start, end, steps, base=10.0, *, out=None, dtype=None, layout=None, device=None,
             requires_grad=False, pin_memory=False):  # fmt: skip
    """Return `steps` numbers evenly spaced on a log scale from ``base**start`` to ``base**end``."""
    check_device(device)
    start, end, steps, target = _spaced_arguments(start, end, steps, dtype, out, "logspace")
    return _made(_spacing.logspace(start, end, steps, base, target), requires_grad, out)


def eye(n, m=None, *, out=None, dtype=None, layout=None, device=None, requires_grad=False,
        pin_memory=False):  # fmt: skip
    """Return a matrix with ones on its diagonal."""
    check_device(device)
    m = n if m is None else m
    for name, position, count in (("n", 1, n), ("m", 2, m)):
        if not hasattr(count, "__index__"):
            raise TypeError(
                f"eye(): argument '{name}' (position {position}) must be int, not "
                f"{type(count).__name__}"
            )
        if count < 0:
            raise RuntimeError(f"{name} must be greater or equal to 0, got {count}")
    return _made(np.eye(n, m, dtype=_out_dtype(dtype, out, "eye")), requires_grad, out)


def tril_indices(row, col, offset=0, *, dtype=None, device=None, layout=None):
    """Return the (2, n) indices of the lower triangle of a matrix."""
    return wrap(diagonals.tril_indices(row, col, offset, dtype))


def triu_indices(row, col, offset=0, *, dtype=None, device=None, layout=None):
    """Return the (2, n) indices of the upper triangle of a matrix."""
    return wrap(diagonals.triu_indices(row, col, offset, dtype))


def is_tensor(obj, /):
    """Say whether `obj` is a tensor."""
    return isinstance(obj, Tensor)


def is_storage(obj, /):
    """Say whether `obj` is a storage; there are none."""
    return False


def typename(obj, /):
    """Return the name of a tensor's type, ``torch.FloatTensor``."""
    if isinstance(obj, Tensor):
        return obj.type()
    kind = type(obj)
    if kind.__module__ in ("builtins", ""):
        return kind.__qualname__
    return f"{kind.__module__}.{kind.__qualname__}"
