"""Making tensors from data, and from nothing but a shape."""

from __future__ import annotations

import warnings

import numpy as np

from . import _spacing, nested
from ._core.promotion import defaults
from ._core.value import Value
from .device import check_device
from .dtypes import to_numpy
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
    array = nested.to_array(_plain_data(data), target)
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
    if isinstance(data, (Value, np.ndarray, np.generic, list, tuple)):
        return data
    return np.asarray(data) if hasattr(data, "__array__") else data


def _leaf(array, requires_grad):
    made = wrap(array)
    if requires_grad:
        if array.dtype.kind not in "fcV":
            raise RuntimeError(
                "Only Tensors of floating point and complex dtype can require gradients"
            )
        made.requires = True
    return made


def as_tensor(data, dtype=None, device=None):
    """Return `data` as a tensor, sharing memory with arrays and tensors where it can."""
    check_device(device)
    if isinstance(data, Value):
        return data if dtype is None else data.to(dtype)
    target = None if dtype is None else to_numpy(dtype, "as_tensor")
    data = _plain_data(data)
    if isinstance(data, np.ndarray) and target in (None, data.dtype):
        return wrap(nested.checked(data))
    return wrap(nested.to_array(data, target))


def asarray(obj, *, dtype=None, device=None, copy=None, requires_grad=False):
    """Return `obj` as a tensor; `copy` True forces a copy, False refuses one."""
    made = as_tensor(obj, dtype, device)
    if copy:
        made = wrap(np.array(made.array))
    return made.requires_grad_() if requires_grad else made


def from_numpy(ndarray, /):
    """Return a tensor that shares the memory of a NumPy array."""
    if not isinstance(ndarray, np.ndarray):
        raise TypeError(f"expected np.ndarray (got {type(ndarray).__name__})")
    return wrap(nested.checked(ndarray))


def frombuffer(buffer, *, dtype, count=-1, offset=0, requires_grad=False):
    """Return a 1-d tensor over the memory of a Python buffer."""
    array = np.frombuffer(buffer, to_numpy(dtype, "frombuffer"), count, offset)
    return _leaf(array, requires_grad)


def from_dlpack(ext_tensor, /):
    """Return a tensor that shares the memory of another library's array."""
    return wrap(np.from_dlpack(ext_tensor))


def scalar_tensor(s, *, dtype=None, device=None, requires_grad=False):
    """Return a 0-d tensor of the default dtype."""
    return _leaf(np.array(s, _dtype(dtype, "scalar_tensor")), requires_grad)


def _dtype(dtype, function):
    return defaults.floating if dtype is None else to_numpy(dtype, function)


def _sizes(size, function):
    """Return the shape given as ``f(2, 3)``, ``f((2, 3))`` or ``f(size=(2, 3))``."""
    if len(size) == 1 and not isinstance(size[0], int):
        given = size[0]
        if isinstance(given, (list, tuple)):
            size = given
        elif hasattr(given, "__index__"):
            size = (given,)
        else:
            raise TypeError(
                f"{function}(): argument 'size' (position 1) must be tuple of ints, not "
                f"{type(given).__name__}"
            )
    try:
        shape = tuple(n.__index__() for n in size)
    except (AttributeError, TypeError):
        odd = next(n for n in size if not hasattr(n, "__index__"))
        raise TypeError(
            f"{function}(): argument 'size' must be tuple of ints, but found element of type "
            f"{type(odd).__name__} at pos {list(size).index(odd)}"
        ) from None
    for n in shape:
        if n < 0:
            raise RuntimeError(
                f"Trying to create tensor with negative dimension {n}: {list(shape)}"
            )
    return shape


def zeros(*size, out=None, dtype=None, layout=None, device=None, requires_grad=False,
          pin_memory=False, names=None, memory_format=None, **given):  # fmt: skip
    """Return a tensor of zeros.

    Examples
    --------
    >>> zeros(2, 3)
    tensor([[0., 0., 0.],
            [0., 0., 0.]])
    """
    check_device(device)
    array = np.zeros(_sizes(given.get("size", size), "zeros"), _dtype(dtype, "zeros"))
    return _leaf(array, requires_grad) if out is None else _into(out, array)


def ones(*size, out=None, dtype=None, layout=None, device=None, requires_grad=False,
         pin_memory=False, names=None, memory_format=None, **given):  # fmt: skip
    """Return a tensor of ones."""
    check_device(device)
    array = np.ones(_sizes(given.get("size", size), "ones"), _dtype(dtype, "ones"))
    return _leaf(array, requires_grad) if out is None else _into(out, array)


def empty(*size, out=None, dtype=None, layout=None, device=None, requires_grad=False,
          pin_memory=False, names=None, memory_format=None, **given):  # fmt: skip
    """Return a tensor with whatever is in memory."""
    check_device(device)
    array = np.empty(_sizes(given.get("size", size), "empty"), _dtype(dtype, "empty"))
    return _leaf(array, requires_grad) if out is None else _into(out, array)


def _into(out, array):
    out.receive(wrap(array))
    return out


def full(size, fill_value, *, out=None, dtype=None, layout=None, device=None, requires_grad=False,
         names=None):  # fmt: skip
    """Return a tensor of one value; the dtype is that of the value."""
    check_device(device)
    if isinstance(fill_value, Value):
        fill_value = fill_value.item()
    shape = _sizes((size,), "full")
    inferred = _inferred(fill_value, "full").dtype if dtype is None else to_numpy(dtype, "full")
    array = np.full(shape, fill_value, inferred)
    return _leaf(array, requires_grad) if out is None else _into(out, array)


def empty_strided(size, stride, *, dtype=None, layout=None, device=None, requires_grad=False,
                  pin_memory=False):  # fmt: skip
    """Return an uninitialised tensor with the given strides, in elements."""
    extent = 1 + sum((n - 1) * s for n, s in zip(size, stride)) if 0 not in size else 0
    memory = np.empty(extent, _dtype(dtype, "empty_strided"))
    steps = tuple(s * memory.itemsize for s in stride)
    return _leaf(np.lib.stride_tricks.as_strided(memory, tuple(size), steps), requires_grad)


def empty_permuted(size, physical_layout, *, dtype=None, layout=None, device=None,
                   requires_grad=False, pin_memory=False):  # fmt: skip
    """Return an uninitialised tensor whose axes lie in memory in the given order."""
    memory = np.empty([size[axis] for axis in physical_layout], _dtype(dtype, "empty_permuted"))
    return _leaf(np.transpose(memory, np.argsort(physical_layout)), requires_grad)


def _like(name, make):
    def like(input, *args, dtype=None, layout=None, device=None, requires_grad=False,
             memory_format=None, **given):  # fmt: skip
        if not isinstance(input, Value):
            raise TypeError(
                f"{name}(): argument 'input' (position 1) must be Tensor, not "
                f"{type(input).__name__}"
            )
        check_device(device)
        target = None if dtype is None else to_numpy(dtype, name)
        return _leaf(make(input.array, *args, dtype=target, **given), requires_grad)

    like.__name__ = like.__qualname__ = name
    like.__doc__ = f"Return what ``{name[:-5]}`` makes, with the shape and dtype of `input`."
    return like


zeros_like = _like("zeros_like", np.zeros_like)
ones_like = _like("ones_like", np.ones_like)
empty_like = _like("empty_like", np.empty_like)
full_like = _like("full_like", np.full_like)


def _number(value):
    return value.item() if isinstance(value, Value) else value


def arange(start, end=None, step=1, *, out=None, dtype=None, layout=None, device=None,
           requires_grad=False, pin_memory=False):  # fmt: skip
    """Return the numbers from `start` up to, not including, `end` by `step`.

    Integers give int64; any float gives the default dtype.
    """
    check_device(device)
    start, end, step = _number(start), _number(end), _number(step)
    if end is None:
        start, end = 0, start
    if dtype is not None:
        target = to_numpy(dtype, "arange")
    elif all(isinstance(n, (int, np.integer)) for n in (start, end, step)):
        target = np.dtype(np.int64)
    else:
        target = defaults.floating
    array = _spacing.arange(start, end, step, target)
    return _leaf(array, requires_grad) if out is None else _into(out, array)


def range_(start, end=None, step=1, *, dtype=None, layout=None, device=None, requires_grad=False):
    """Return the numbers from `start` to `end`, both included (PyTorch's deprecated ``range``)."""
    if end is None:
        start, end = 0, start
    count = int((end - start) / step) + 1
    array = (start + np.arange(count) * step).astype(_dtype(dtype, "range"))
    return _leaf(array, requires_grad)


def linspace(start, end, steps, *, out=None, dtype=None, layout=None, device=None,
             requires_grad=False):  # fmt: skip
    """Return `steps` numbers evenly spaced from `start` to `end`, both included."""
    check_device(device)
    if steps < 0:
        raise RuntimeError("number of steps must be non-negative")
    array = _spacing.linspace(_number(start), _number(end), steps, _dtype(dtype, "linspace"))
    return _leaf(array, requires_grad) if out is None else _into(out, array)


def logspace(start, end, steps, base=10.0, *, out=None, dtype=None, layout=None, device=None,
             requires_grad=False):  # fmt: skip
    """Return `steps` numbers evenly spaced on a log scale from ``base**start`` to ``base**end``."""
    target = _dtype(dtype, "logspace")
    array = _spacing.logspace(_number(start), _number(end), steps, base, target)
    return _leaf(array, requires_grad) if out is None else _into(out, array)


def eye(n, m=None, *, out=None, dtype=None, layout=None, device=None, requires_grad=False):
    """Return a matrix with ones on its diagonal."""
    check_device(device)
    if n < 0:
        raise RuntimeError(f"n must be greater or equal to 0, got {n}")
    array = np.eye(n, m, dtype=_dtype(dtype, "eye"))
    return _leaf(array, requires_grad) if out is None else _into(out, array)


def tril_indices(row, col, offset=0, *, dtype=None, device=None, layout=None):
    """Return the (2, n) indices of the lower triangle of a matrix."""
    return wrap(diagonals.tril_indices(row, col, offset, dtype))


def triu_indices(row, col, offset=0, *, dtype=None, device=None, layout=None):
    """Return the (2, n) indices of the upper triangle of a matrix."""
    return wrap(diagonals.triu_indices(row, col, offset, dtype))


def is_tensor(obj, /):
    """Say whether `obj` is a tensor."""
    return isinstance(obj, Tensor)


def typename(obj, /):
    """Return the name of a tensor's type, ``torch.FloatTensor``."""
    return obj.type() if isinstance(obj, Tensor) else f"{type(obj).__module__}.{type(obj).__qualname__}"
