"""PyTorch's type promotion on NumPy dtypes.

Python scalars are weakest, 0-d values next, dimensioned values strongest; a weaker operand only
decides when it is of a higher category (bool < integer < floating < complex).
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np


class Defaults:
    """The default floating dtype; process-wide, as PyTorch's."""

    def __init__(self) -> None:
        self.floating: Any = np.dtype(np.float32)
        self.complex: Any = np.dtype(np.complex64)


defaults: Final = Defaults()

BOOL: Final = np.dtype(np.bool_)
INT64: Final = np.dtype(np.int64)
FLOAT32: Final = np.dtype(np.float32)
FLOAT64: Final = np.dtype(np.float64)

_CATEGORY: Final = {"b": 0, "u": 1, "i": 1, "f": 2, "V": 2, "c": 3}


def category(dtype: Any) -> int:
    """Return 0 for bool, 1 for integers, 2 for floating, 3 for complex."""
    return _CATEGORY[dtype.kind]


def promote_types(a: Any, b: Any) -> Any:
    """Return the dtype that two equally strong operands share.

    Examples
    --------
    >>> promote_types(np.dtype("int64"), np.dtype("float16"))
    dtype('float16')
    """
    if a is b or a == b:
        return a
    high, low = category(a), category(b)
    if high < low:
        a, b = b, a
        high, low = low, high
    if high >= 2 and low < 2:
        return a
    if high == 3 and low == 2:
        return np.promote_types(a, np.complex128 if b == FLOAT64 else np.complex64)
    if a.kind == "V" or b.kind == "V":  # bfloat16 with another floating type
        return FLOAT32 if FLOAT64 not in (a, b) else FLOAT64
    return np.promote_types(a, b)


def scalar_dtype(value: Any) -> Any:
    """Return the dtype that a Python scalar stands for."""
    if isinstance(value, (bool, np.bool_)):
        return BOOL
    if isinstance(value, (int, np.integer)):
        return INT64
    if isinstance(value, (complex, np.complexfloating)) and not isinstance(value, float):
        return defaults.complex
    return defaults.floating


def result_type(operands: Any) -> Any:
    """Return the common dtype of values, arrays and Python scalars.

    Parameters
    ----------
    operands : iterable
        Values (with `array`), arrays, or Python scalars; None stands for none.

    Returns
    -------
    numpy.dtype
    """
    by_strength: list[Any] = [None, None, None]
    for operand in operands:
        if operand is None:
            continue
        array = getattr(operand, "array", operand)
        if hasattr(array, "dtype") and hasattr(array, "ndim") and not isinstance(array, np.generic):
            dtype = array.dtype
            strength = 0 if array.ndim else 1
        else:
            dtype = scalar_dtype(array)
            strength = 2
        have = by_strength[strength]
        by_strength[strength] = dtype if have is None else promote_types(have, dtype)
    result = by_strength[0]
    for weaker in by_strength[1:]:
        result = _combine(result, weaker)
    return result


def _combine(higher: Any, lower: Any) -> Any:
    if higher is None:
        return lower
    if lower is None:
        return higher
    high, low = category(higher), category(lower)
    if high >= low:
        return higher
    if low == 3 and high == 2:
        return np.dtype(np.complex128) if higher == FLOAT64 else np.dtype(np.complex64)
    return lower
