"""Python data as arrays: the shape, dtype and refusals that PyTorch finds in nested sequences.

A list is measured along its first elements, its dtype is the promoted one of all elements, and
each element is then stored by the rules of that dtype.  Lists of plain numbers take a short cut
through NumPy, which comes to the same.
"""

from __future__ import annotations

import numpy as np

from ._core.promotion import defaults, promote_types
from ._core.value import Value
from .dtypes import dtype as dtype_class
from .dtypes import of

_numbers = frozenset((bool, int, float, complex))
_lists = frozenset((list, tuple))
_text = (str, bytes)


def to_array(data, target=None):
    """Return a new array of the numbers in `data`, of dtype `target` or an inferred one.

    Parameters
    ----------
    data : number, sequence, NumPy array or scalar, or value
        Sequences may be nested; tensors of one element may stand for numbers in them.
    target : numpy.dtype, optional

    Raises
    ------
    ValueError
        For sequences of unequal lengths, and integers that int64 cannot hold.
    TypeError, RuntimeError
        For elements that are no numbers, or that `target` cannot hold.
    """
    if isinstance(data, Value):
        return _cast(data.array, target)
    if isinstance(data, np.ndarray):
        return _cast(checked(data), target)
    kinds = _leaf_types(data)
    if kinds is not None and kinds <= _numbers:
        made = _plain(data, kinds, target)
        if made is not None:
            return made
    if type(data) is range:
        return to_array(list(data), target)
    return _general(data, target)


def filled(data, target):
    """Return a new array of nested lists in which arrays of one element stand for numbers."""
    return to_array(_items(data), target)


def _items(data):
    if isinstance(data, np.ndarray):
        return data.item()
    if type(data) in _lists:
        return [_items(part) for part in data]
    return data


def checked(array):
    """Return a NumPy array unchanged, refusing those that PyTorch refuses."""
    if not array.dtype.isnative:
        raise ValueError(
            "given numpy array has byte order different from the native byte order. Conversion "
            "between byte orders is currently not supported."
        )
    of(array.dtype)
    for step in array.strides:
        if step < 0:
            raise ValueError(
                "At least one stride in the given numpy array is negative, and tensors with "
                "negative strides are not currently supported. (You can probably work around this "
                "by making a copy of your array  with array.copy().) "
            )
    return array


def _cast(array, target):
    copied = array.copy(order="K")  # which what stands for an array in a static graph refuses
    return copied if target is None else copied.astype(target, copy=False)


# -- plain numbers ------------------------------------------------------------------------------


def _leaf_types(data):
    """Return the set of the elements' types; None for what is neither number nor list."""
    kind = type(data)
    if kind not in _lists:
        return {kind}
    kinds = set(map(type, data))
    if not kinds & _lists:
        return kinds
    if not kinds <= _lists:
        return None
    found = set()
    for part in data:
        inside = _leaf_types(part)
        if inside is None:
            return None
        found |= inside
    return found


def _plain(data, kinds, target):
    """Return lists of Python numbers by way of NumPy, or None where PyTorch has its own view."""
    if not kinds:
        return None
    if target is None:
        target = defaults.complex if complex in kinds else None
        if target is None and float in kinds:
            target = defaults.floating
    try:
        if target is None:
            array = np.array(data)
            return array if array.dtype == np.int64 or array.dtype == np.bool_ else None
        if target.kind == "f" and complex not in kinds:
            return _rounded(np.array(data, np.float64), target)
        if target.kind == "c":
            return np.array(data, np.complex128).astype(target)
        if target == np.int64 and not kinds & {float, complex}:
            return np.array(data, np.int64)
    except (ValueError, OverflowError):
        pass
    return None


def _rounded(array, target):
    # PyTorch rounds to half precision by way of single.
    if target == np.float16:
        array = array.astype(np.float32)
    return array.astype(target, copy=False)


# -- everything else ----------------------------------------------------------------------------


def _general(data, target):
    inferred = _dtype_of(data) if target is None else target
    shape = _shape_of(data)
    if target is not None and isinstance(data, _text):
        _refuse_text(data)
    if 0 in shape:
        return np.zeros(shape, inferred)
    flat = []
    _store(data, shape, 0, _storer(inferred), flat)
    if inferred.kind in "iu":
        return np.array(flat, inferred).reshape(shape)
    if inferred.kind == "f":
        return _rounded(np.array(flat, np.float64), inferred).reshape(shape)
    return np.array(flat).astype(inferred).reshape(shape)


def _is_sequence(data):
    if isinstance(data, (Value, np.generic, dict)) and not isinstance(data, str):
        return False
    return hasattr(type(data), "__getitem__") and hasattr(type(data), "__len__")


def _shape_of(data):
    shape = []
    while _is_sequence(data):
        length = len(data)
        if isinstance(data, _text):
            if not shape:
                return ()
            raise ValueError(f"too many dimensions '{type(data).__name__}'")
        shape.append(length)
        if length == 0:
            break
        data = data[0]
    return tuple(shape)


def _type_name(data):
    kind = type(data)
    if isinstance(data, dtype_class):
        return "torch.dtype"
    # What CPython's C structures call themselves: full names for types of C modules alone.
    module = kind.__module__
    return f"{module}.{kind.__qualname__}" if module in ("numpy", "decimal") else kind.__name__


def _refuse_text(data):
    raise TypeError(f"new(): invalid data type '{_type_name(data)}'")


def _dtype_of(data):
    if isinstance(data, Value):
        return data.get_dtype()
    if isinstance(data, _text):
        _refuse_text(data)
    if isinstance(data, (np.ndarray, np.generic)):
        if data.dtype.kind == "U" and data.ndim == 1:
            raise ValueError("too many dimensions 'str'")
        of(data.dtype)
        return data.dtype
    if isinstance(data, bool):
        return np.dtype(np.bool_)
    if isinstance(data, int):
        return np.dtype(np.int64)
    if isinstance(data, float):
        return defaults.floating
    if isinstance(data, complex):
        return defaults.complex
    if not _is_sequence(data):
        raise RuntimeError(f"Could not infer dtype of {_type_name(data)}")
    found = None
    if len(data):
        _check_depth(data)
    for part in data:
        one = _dtype_of(part)
        found = one if found is None else promote_types(found, one)
    return defaults.floating if found is None else found


def _check_depth(data):
    """Refuse text that would be taken for one more axis: ``["ab"]``."""
    if isinstance(data[0], str) and data[0]:
        raise ValueError("too many dimensions 'str'")


def _store(data, shape, dim, store, flat):
    """Append the elements of `data` to `flat` in order."""
    if dim == len(shape):
        flat.append(store(data))
        return
    if not _is_sequence(data):
        raise TypeError("not a sequence")
    if len(data) != shape[dim]:
        raise ValueError(
            f"expected sequence of length {shape[dim]} at dim {dim} (got {len(data)})"
        )
    for part in data:
        _store(part, shape, dim + 1, store, flat)


def _number(data):
    """Return the number that a tensor of one element stands for."""
    if not isinstance(data, Value):
        return data
    if data.array.size != 1:
        raise ValueError("only one element tensors can be converted to Python scalars")
    return data.array.item()


def _index(data):
    if isinstance(data, Value) and (data.get_dtype().kind not in "biu" or data.array.size != 1):
        raise TypeError("only integer tensors of a single element can be converted to an index")
    if isinstance(data, float):
        return data
    try:
        return data.__index__()
    except AttributeError:
        raise TypeError(
            f"'{_type_name(data)}' object cannot be interpreted as an integer"
        ) from None


def _storer(target):
    """Return the function that makes an element ready for dtype `target`."""
    if target.kind == "b":
        return _truth
    if target.kind in "iu":
        return lambda data: _whole(_index(data), target)
    if target.kind == "f":
        return lambda data: _real(_number(data))
    return lambda data: _complex(_number(data))


def _truth(data):
    if isinstance(data, (float, complex, np.bool_)):
        return bool(data)
    return bool(_index(data))


def _real(data):
    if isinstance(data, complex) or not hasattr(data, "__float__"):
        raise TypeError(f"must be real number, not {_type_name(data)}")
    try:
        return float(data)
    except OverflowError:
        raise OverflowError("int too large to convert to float") from None


def _complex(data):
    if isinstance(data, (complex, np.complexfloating)):
        return complex(data)
    return complex(_real(data))


def _whole(value, target):
    """Return an integer as `target` holds it: negative ones wrap in unsigned types."""
    limits = np.iinfo(target)
    if isinstance(value, float):
        if target == np.uint64:
            raise TypeError("an integer is required")
        # NaN fails both comparisons.
        if not limits.min <= value <= limits.max:
            raise RuntimeError(f"value cannot be converted to type {target} without overflow")
        return int(value)
    if target == np.uint64:
        if value < 0:
            raise OverflowError("can't convert negative int to unsigned")
        if value > limits.max:
            raise OverflowError("int too big to convert")
        return value
    if not -(2**63) <= value < 2**63:
        raise ValueError("Overflow when unpacking long long")
    if limits.min <= value <= limits.max:
        return value
    size = limits.max + 1
    if target.kind == "u" and (-size < value < 0 or target != np.uint8):
        return value % size
    raise RuntimeError(f"value cannot be converted to type {target} without overflow")
