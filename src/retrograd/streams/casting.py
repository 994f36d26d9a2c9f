"""What the draws know about dtypes: shapes to sizes, casts, limits and PyTorch's names."""

from __future__ import annotations

import math

import numpy as np

from .. import dtypes

FLOAT64 = np.dtype(np.float64)

# PyTorch's C++ names, which its messages about bounds show.
C_NAMES = {
    "bool": "bool",
    "uint8": "unsigned char",
    "int8": "signed char",
    "int16": "short int",
    "int32": "int",
    "int64": "long int",
    "uint16": "short unsigned int",
    "uint32": "unsigned int",
    "uint64": "long unsigned int",
    "float16": "c10::Half",
    "bfloat16": "c10::BFloat16",
    "float32": "float",
    "float64": "double",
    "complex64": "c10::complex<float>",
    "complex128": "c10::complex<double>",
}


def size_of(shape):
    """Return the number of elements of a shape, which may be a plain number."""
    return shape if isinstance(shape, int) else math.prod(shape)


def is_floating(dtype):
    """Say whether a dtype is real and floating; kind V is the bfloat16 of ml_dtypes."""
    return dtype.kind in "fV"


def require_floating(dtype, kernel):
    """Raise the error which PyTorch's kernel of this name raises for other dtypes."""
    if not is_floating(dtype):
        raise NotImplementedError(
            f"\"{kernel}\" not implemented for '{dtypes.of(dtype).type_name}'"
        )


def narrow(numbers, dtype):
    """Cast numbers to a floating dtype; to 16 bits by way of float32, as PyTorch does."""
    if numbers.dtype == dtype:
        return numbers
    with np.errstate(over="ignore"):
        if dtype.itemsize == 2:
            numbers = numbers.astype(np.float32, copy=False)
        return numbers.astype(dtype)


def digits_of(dtype):
    """Return the binary digits which a floating dtype holds."""
    return {2: 11, 4: 24, 8: 53}[dtype.itemsize] if dtype.kind == "f" else 8


def largest(dtype):
    """Return the largest finite number of a floating dtype."""
    if dtype.kind == "f":
        return float(np.finfo(dtype).max)
    return float.fromhex("0x1.fep127")  # bfloat16
