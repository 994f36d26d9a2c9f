"""PyTorch's dtype objects over NumPy's, promotion between them, and the default dtype."""

from __future__ import annotations

import math

import numpy as np

from ._core import promotion
from ._core.tracing import is_read, run
from ._core.value import Value


class dtype:
    """A tensor's element type: ``torch.float32``.

    Attributes
    ----------
    numpy : numpy.dtype
        The NumPy dtype that holds the elements.
    itemsize : int
        Bytes for each element.
    is_floating_point, is_complex, is_signed : bool
    """

    __slots__ = (
        "__weakref__",
        "is_complex",
        "is_floating_point",
        "is_signed",
        "itemsize",
        "name",
        "numpy",
        "type_name",
    )

    def __init__(self, name, type_name, numpy_dtype):
        self.name = name
        self.type_name = type_name
        self.numpy = np.dtype(numpy_dtype)
        self.itemsize = self.numpy.itemsize
        self.is_floating_point = self.numpy.kind in "fV"
        self.is_complex = self.numpy.kind == "c"
        self.is_signed = self.numpy.kind in "ifVc"

    def __repr__(self):
        return f"torch.{self.name}"

    def __reduce__(self):
        return (from_name, (self.name,))

    def __copy__(self):
        return self

    def __deepcopy__(self, memo):
        return self

    def to_real(self):
        """Return the real dtype of the same precision."""
        return of(np.zeros((), self.numpy).real.dtype)

    def to_complex(self):
        """Return the complex dtype of the same precision; of float16 the smallest there is."""
        if self.numpy.kind not in "fc":
            raise RuntimeError(f"Unknown Complex ScalarType for {self.type_name}")
        return of(np.result_type(self.numpy, np.complex64))


def from_name(name):
    """Return the dtype called `name`."""
    return _by_name[name]


bool_ = dtype("bool", "Bool", np.bool_)
uint8 = dtype("uint8", "Byte", np.uint8)
int8 = dtype("int8", "Char", np.int8)
int16 = dtype("int16", "Short", np.int16)
int32 = dtype("int32", "Int", np.int32)
int64 = dtype("int64", "Long", np.int64)
uint16 = dtype("uint16", "UInt16", np.uint16)
uint32 = dtype("uint32", "UInt32", np.uint32)
uint64 = dtype("uint64", "UInt64", np.uint64)
float16 = dtype("float16", "Half", np.float16)
float32 = dtype("float32", "Float", np.float32)
float64 = dtype("float64", "Double", np.float64)
complex64 = dtype("complex64", "ComplexFloat", np.complex64)
complex128 = dtype("complex128", "ComplexDouble", np.complex128)

all_dtypes = (
    bool_, uint8, int8, int16, int32, int64, uint16, uint32, uint64,
    float16, float32, float64, complex64, complex128,
)  # fmt: skip
_by_name = {d.name: d for d in all_dtypes}
_by_numpy = {d.numpy: d for d in all_dtypes}

# PyTorch's other names.
half, double, short, long = float16, float64, int16, int64
cfloat, cdouble = complex64, complex128


def of(numpy_dtype):
    """Return the dtype object of a NumPy dtype.

    Raises
    ------
    TypeError
        When PyTorch has no such dtype (strings, objects, dates, long doubles).
    """
    found = _by_numpy.get(numpy_dtype)
    if found is None:
        swapped = numpy_dtype.newbyteorder("=")
        found = _by_numpy.get(swapped)
    if found is None:
        raise TypeError(
            f"can't convert np.ndarray of type {numpy_dtype.type.__module__}."
            f"{numpy_dtype.type.__name__}. The only supported types are: float64, float32, "
            "float16, complex64, complex128, int64, int32, int16, int8, uint64, uint32, uint16, "
            "uint8, and bool."
        )
    return found


def to_numpy(given, function="function", argument="dtype"):
    """Return the NumPy dtype of a dtype object; a NumPy dtype or type is taken as it is."""
    if isinstance(given, dtype):
        return given.numpy
    if given is float:
        return np.dtype(np.float64)
    if given is int:
        return np.dtype(np.int64)
    if given is bool:
        return np.dtype(np.bool_)
    if given is complex:
        return np.dtype(np.complex128)
    if isinstance(given, np.dtype):
        return given
    raise TypeError(
        f"{function}(): argument '{argument}' must be torch.dtype, not {type(given).__name__}"
    )


def scalar_for(value, numpy_dtype):
    """Return a Python number as an element of a dtype; negative integers wrap if unsigned.

    A number that a trace reads is returned as an array of no dimensions.

    Raises
    ------
    RuntimeError
        When the dtype cannot hold it.
    """
    if is_read(value):
        return run(_scalar_array, value, numpy_dtype)
    kind = numpy_dtype.kind
    if kind == "b":
        return bool(value)
    if kind == "c":
        return numpy_dtype.type(value)
    if isinstance(value, complex):
        if value.imag:
            _overflow(numpy_dtype)
        value = value.real
    if kind in "iu":
        limits = np.iinfo(numpy_dtype)
        if not (value == value and limits.min <= value <= limits.max):
            if kind == "u" and -limits.max <= value < 0:
                return numpy_dtype.type(int(value) % (limits.max + 1))
            _overflow(numpy_dtype)
        return numpy_dtype.type(int(value))
    if kind == "f" and math.isfinite(value) and abs(value) > np.finfo(numpy_dtype).max:
        _overflow(numpy_dtype)
    return numpy_dtype.type(value)


def _scalar_array(value, numpy_dtype):
    return np.asarray(scalar_for(value, numpy_dtype), numpy_dtype)


def _overflow(numpy_dtype):
    name = {"float32": "float", "float64": "double", "float16": "at::Half"}.get(numpy_dtype.name)
    raise RuntimeError(
        f"value cannot be converted to type {name or numpy_dtype.name + '_t'} without overflow"
    )


def get_default_dtype():
    """Return the dtype of floating values that name none; ``torch.float32`` at the start."""
    return of(promotion.defaults.floating)


def set_default_dtype(d, /):
    """Set the dtype of floating values that name none.

    Raises
    ------
    TypeError
        When it is not a floating dtype.
    """
    if not isinstance(d, dtype):
        raise TypeError(
            "invalid dtype object: only floating-point types are supported as the default type"
        )
    if not d.is_floating_point:
        raise TypeError("only floating-point types are supported as the default type")
    promotion.defaults.floating = d.numpy
    complex_of = np.complex128 if d is float64 else np.complex64
    promotion.defaults.complex = np.dtype(complex_of)


def _expect_dtype(function, argument, position, given):
    if not isinstance(given, dtype):
        raise TypeError(
            f"{function}(): argument '{argument}' (position {position}) must be torch.dtype, not "
            f"{type(given).__name__}"
        )


def promote_types(type1, type2):
    """Return the dtype that two tensors of these dtypes share."""
    _expect_dtype("promote_types", "type1", 1, type1)
    _expect_dtype("promote_types", "type2", 2, type2)
    return of(promotion.promote_types(type1.numpy, type2.numpy))


def result_type(tensor1, tensor2):
    """Return the dtype of an arithmetic result of two tensors or Python numbers."""
    for position, given in ((1, tensor1), (2, tensor2)):
        if not isinstance(given, (Value, int, float, complex, np.generic)):
            raise TypeError(
                f"result_type(): argument 'tensor{position}' (position {position}) must be Tensor "
                f"or Number, not {type(given).__name__}"
            )
    return of(promotion.result_type((tensor1, tensor2)))


def can_cast(from_, to):
    """Say whether a result of dtype `from_` may be written in place into dtype `to`.

    Only the kinds count, in the order bool, integer, floating, complex: not the sizes or signs.
    """
    _expect_dtype("can_cast", "from_", 1, from_)
    _expect_dtype("can_cast", "to", 2, to)
    return promotion.category(from_.numpy) <= promotion.category(to.numpy)


class finfo:
    """Numerical limits of a floating dtype."""

    def __init__(self, type=None):
        given = get_default_dtype() if type is None else type
        _expect_dtype("finfo", "type", 1, given)
        if given.numpy.kind not in "fc":
            raise TypeError(
                "torch.finfo() requires a floating point input type. Use torch.iinfo to handle "
                f"'{given}'"
            )
        found = np.finfo(given.numpy)
        self.bits = found.bits
        self.eps = float(found.eps)
        self.max = float(found.max)
        self.min = float(found.min)
        self.tiny = float(found.tiny)
        self.smallest_normal = self.tiny
        # The decimal digits that survive, as a power of ten.
        self.resolution = 10.0**-found.precision
        self.dtype = given.to_real().name

    def __eq__(self, other):
        return isinstance(other, finfo) and self.dtype == other.dtype

    def __hash__(self):
        return hash(self.dtype)

    def __repr__(self):
        return (
            f"finfo(resolution={self.resolution:g}, min={self.min:g}, max={self.max:g}, "
            f"eps={self.eps:g}, smallest_normal={self.smallest_normal:g}, tiny={self.tiny:g}, "
            f"dtype={self.dtype})"
        )


class iinfo:
    """Numerical limits of an integer dtype."""

    def __init__(self, type):
        _expect_dtype("iinfo", "type", 1, type)
        if type is bool_:
            raise TypeError("torch.bool is not supported by torch.iinfo")
        if type.numpy.kind not in "iu":
            raise TypeError(
                f"torch.iinfo() requires an integer input type. Use torch.finfo to handle '{type}'"
            )
        found = np.iinfo(type.numpy)
        self.bits = found.bits
        self.max = int(found.max)
        self.min = int(found.min)
        self.dtype = type.name

    def __eq__(self, other):
        return isinstance(other, iinfo) and self.dtype == other.dtype

    def __hash__(self):
        return hash(self.dtype)

    def __repr__(self):
        return f"iinfo(min={self.min:g}, max={self.max:g}, dtype={self.dtype})"
