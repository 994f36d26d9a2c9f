"""Arguments of the public functions: NumPy's spellings, dtype objects, PyTorch's type names."""

from __future__ import annotations

import numpy as np

from .._core.tracing import from_python, is_read
from .._core.value import Value

# PyTorch's names for the element types, as its error messages write them.
_SCALAR_NAMES = {
    "bool": "Bool",
    "uint8": "Byte",
    "int8": "Char",
    "int16": "Short",
    "int32": "Int",
    "int64": "Long",
    "uint16": "UInt16",
    "uint32": "UInt32",
    "uint64": "UInt64",
    "float16": "Half",
    "bfloat16": "BFloat16",
    "float32": "Float",
    "float64": "Double",
    "complex64": "ComplexFloat",
    "complex128": "ComplexDouble",
}
_C_NAMES = {
    "bool": "bool",
    "uint8": "unsigned char",
    "int8": "signed char",
    "int16": "short",
    "int32": "int",
    "int64": "long int",
    "float16": "c10::Half",
    "bfloat16": "c10::BFloat16",
    "float32": "float",
    "float64": "double",
    "complex64": "c10::complex<float>",
    "complex128": "c10::complex<double>",
}
_NUMPY_NAMES = {"axis": "dim", "keepdims": "keepdim"}


def scalar_name(dtype):
    """Return ``Long`` for int64, ``Float`` for float32."""
    name = np.dtype(dtype).name
    return _SCALAR_NAMES.get(name, name)


def c_name(dtype):
    """Return ``long int`` for int64, ``double`` for float64."""
    name = np.dtype(dtype).name
    return _C_NAMES.get(name, name)


def numpy_dtype(dtype):
    """Return the NumPy dtype of a ``dtype=`` argument; None for None."""
    if dtype is None:
        return None
    return np.dtype(getattr(dtype, "numpy", dtype))


def renamed(function, given, **arguments):
    """Return `arguments` with NumPy's spellings (axis, keepdims) of `given` put in.

    Raises
    ------
    TypeError
        When `given` has a name that is no argument.
    """
    for name, value in given.items():
        ours = _NUMPY_NAMES.get(name)
        if ours not in arguments:
            raise TypeError(f"{function}() got an unexpected keyword argument '{name}'")
        arguments[ours] = value
    return arguments


def numpy_names(front):
    """Return `front` accepting NumPy's `axis` and `keepdims` for `dim` and `keepdim`."""

    def function(*args, **settings):
        if "axis" in settings:
            settings["dim"] = settings.pop("axis")
        if "keepdims" in settings:
            settings["keepdim"] = settings.pop("keepdims")
        return front(*args, **settings)

    function.__name__ = front.__name__
    function.__qualname__ = front.__qualname__
    function.__module__ = front.__module__
    function.__doc__ = front.__doc__
    function.__wrapped__ = front
    return function


def tensors_of(function, tensors, argument="tensors"):
    """Return the tensors given one by one or as one sequence, as a list."""
    if len(tensors) == 1 and isinstance(tensors[0], (tuple, list)):
        tensors = tensors[0]
    for number, one in enumerate(tensors):
        if not isinstance(one, Value):
            raise TypeError(
                f"{function}(): argument '{argument}' (position 1) must be tuple of Tensors, "
                f"but found element of type {type(one).__name__} at pos {number}"
            )
    return list(tensors)


def number_in(value, dtype):
    """Return a number as an element of a NumPy dtype: an array, where a trace reads it."""
    if is_read(value):
        return from_python(array_in, value, dtype)
    return array_in(value, dtype)[()]


def array_in(value, dtype):
    """Return a number as an array of a dtype."""
    return np.asarray(value).astype(dtype)
