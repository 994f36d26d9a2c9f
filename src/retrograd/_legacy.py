"""PyTorch's old constructors: ``torch.Tensor(2, 3)``, ``torch.LongTensor([1, 2])``."""

from __future__ import annotations

import numpy as np

from . import _sequences
from ._core.promotion import defaults
from ._core.tracing import constant, from_python
from ._core.value import Value
from .creation import _sizes
from .dtypes import (
    bool_,
    float16,
    float32,
    float64,
    int8,
    int16,
    int32,
    int64,
    of,
    set_default_dtype,
    uint8,
)
from .size import Size
from .tensor import Tensor, attached, wrap


def legacy_array(arguments, dtype):
    """Return the array of ``Tensor(*arguments)``: uninitialised for sizes, else of the data.

    Raises
    ------
    TypeError
        For a single number that is no size, and for tensors of another dtype.
    """
    if not arguments:
        return constant(np.empty(0, dtype))
    data = arguments[0]
    if isinstance(data, Value):
        if data.get_dtype() != dtype:
            raise TypeError(
                f"expected a tensor of dtype {of(dtype)} (got {of(data.get_dtype())}); use "
                f"tensor.to({of(dtype)})"
            )
        return data.array
    if isinstance(data, Size):
        return constant(np.empty(data, dtype))
    if isinstance(data, np.ndarray) and data.dtype == dtype:
        return _sequences.checked(data)
    if isinstance(data, (list, tuple, range, np.ndarray)):
        return from_python(_sequences.to_array, data, dtype)
    if isinstance(data, (bool, str)) or not hasattr(data, "__index__"):
        if isinstance(data, str):
            raise TypeError("new(): invalid data type 'str'")
        raise TypeError(f"new(): data must be a sequence (got {type(data).__name__})")
    return constant(np.empty(_sizes(arguments, "new"), dtype))


def _default_legacy(data, *sizes):
    if data is None:
        return legacy_array((), defaults.floating)
    if isinstance(data, Value):
        return data.array  # of any dtype
    given = [size for size in sizes if size is not None]
    return legacy_array((data, *given), defaults.floating)


attached.legacy = _default_legacy


class tensortype(type):
    """The type of ``torch.FloatTensor`` and its like, which stand for tensors of one dtype."""

    def __new__(cls, dtype):
        made = super().__new__(cls, f"{dtype.type_name}Tensor", (), {"__module__": __name__})
        made.dtype = dtype
        made.__doc__ = f"Old constructor of ``{dtype}`` tensors."
        return made

    def __init__(cls, dtype):
        super().__init__(cls.__name__, (), {})

    def __call__(cls, *arguments, device=None):
        return wrap(legacy_array(arguments, cls.dtype.numpy))

    def __instancecheck__(cls, instance):
        return isinstance(instance, Tensor) and instance.get_dtype() == cls.dtype.numpy

    def __repr__(cls):
        return f"<class 'torch.{cls.__name__}'>"


BoolTensor = tensortype(bool_)
ByteTensor = tensortype(uint8)
CharTensor = tensortype(int8)
DoubleTensor = tensortype(float64)
FloatTensor = tensortype(float32)
HalfTensor = tensortype(float16)
IntTensor = tensortype(int32)
LongTensor = tensortype(int64)
ShortTensor = tensortype(int16)

all_types = (
    BoolTensor, ByteTensor, CharTensor, DoubleTensor, FloatTensor, HalfTensor, IntTensor,
    LongTensor, ShortTensor,
)  # fmt: skip


def named_dtype(name):
    """Return the dtype of ``"torch.LongTensor"``.

    Raises
    ------
    ValueError
        When there is no such type.
    """
    for found in all_types:
        if name == f"torch.{found.__name__}":
            return found.dtype
    raise ValueError(f"invalid type: '{name}'")


def set_default_tensor_type(t, /):
    """Set the default dtype by an old type: ``set_default_tensor_type(torch.DoubleTensor)``."""
    set_default_dtype(named_dtype(t) if isinstance(t, str) else t.dtype)
