"""What the names in a checkpoint stand for: constructors of plain data, and nothing else.

This table is all that a file can reach.  Each entry takes its arguments apart itself and checks
them; none passes a value of the file's to anything that imports, evaluates or opens.
"""

from __future__ import annotations

import pickle
from collections import Counter, OrderedDict, defaultdict

import numpy as np

from .. import layouts
from .._objects import TENSOR_FIELDS, rebuild
from ..device import device
from ..dtypes import all_dtypes
from ..dtypes import dtype as Dtype
from ..size import Size
from ..tensor import Tensor
from .opcodes import Named, Reader, StorageReference, plain_attributes, refused

# The dtype behind each of PyTorch's storage classes.
STORAGE_DTYPES = {
    "DoubleStorage": "float64",
    "FloatStorage": "float32",
    "HalfStorage": "float16",
    "LongStorage": "int64",
    "IntStorage": "int32",
    "ShortStorage": "int16",
    "CharStorage": "int8",
    "ByteStorage": "uint8",
    "BoolStorage": "bool",
    "ComplexFloatStorage": "complex64",
    "ComplexDoubleStorage": "complex128",
    "BFloat16Storage": "bfloat16",
}
UNTYPED = "untyped"
MOST_AXES = 64  # NumPy's


def damaged(what):
    """Return the error for a pickle whose arguments cannot be right."""
    return pickle.UnpicklingError(f"the pickle is damaged: {what}")


# -- tensors ------------------------------------------------------------------------------------


def strided_view(storage, offset, size, stride):
    """Return the array at a geometry of a storage; the geometry must lie inside."""
    if type(storage) is not StorageReference:
        raise damaged("a tensor has no storage")
    numbers = (offset, *size, *stride)
    if not all(type(n) is int and 0 <= n < 2**63 for n in numbers) or len(size) != len(stride):
        raise damaged(f"a tensor has size {size}, stride {stride}, offset {offset}")
    if len(size) > MOST_AXES:
        raise damaged(f"a tensor has {len(size)} axes, {MOST_AXES} at most are possible")
    flat = storage.flat
    if 0 in size:
        return np.ndarray(size, flat.dtype, buffer=flat[:0])
    last = offset + sum((n - 1) * step for n, step in zip(size, stride))
    if last >= flat.size:
        raise damaged(
            f"a tensor of size {tuple(size)}, stride {tuple(stride)}, offset {offset} needs "
            f"{last + 1} elements of a storage of {flat.size}"
        )
    width = flat.itemsize
    return np.ndarray(size, flat.dtype, flat, offset * width, [step * width for step in stride])


# PyTorch's views that conjugate or negate when they are read; here they are computed at once.
_PENDING = (("conj", np.conj), ("neg", np.negative))


def make_tensor(storage, offset, size, stride, requires_grad, metadata=None):
    """Return the tensor at a geometry of a storage."""
    array = strided_view(storage, offset, size, stride)
    versions = storage.versions
    if metadata:
        if type(metadata) is not dict:
            raise damaged("a tensor's metadata are no dictionary")
        for name, function in _PENDING:
            if metadata.get(name):
                storage.copy(array.size * array.itemsize)
                array, versions = function(array), None
    if requires_grad and array.dtype.kind not in "fc":
        raise RuntimeError("only Tensors of floating point dtype can require gradients")
    made = rebuild(Tensor, array, bool(requires_grad), {})
    made.storage = versions
    return made


def _tensor_v2(reader, storage, offset, size, stride, requires_grad, hooks, metadata=None):
    return make_tensor(storage, offset, size, stride, requires_grad, metadata)


def _tensor_v1(reader, storage, offset, size, stride):
    return make_tensor(storage, offset, size, stride, False)


def _tensor_v3(
    reader, storage, offset, size, stride, requires_grad, hooks, dtype, metadata=None
):
    """A tensor of an untyped storage, whose dtype is named beside it."""
    if type(dtype) is not Dtype or type(storage) is not StorageReference:
        raise damaged("a tensor of an untyped storage names no dtype")
    if storage.dtype != UNTYPED or storage.flat.size % dtype.itemsize:
        raise damaged(f"a storage of {storage.flat.nbytes} bytes cannot hold {dtype}")
    flat = storage.flat.view(dtype.numpy)
    typed = StorageReference(dtype.name, flat, storage.location, storage.versions)
    return make_tensor(typed, offset, size, stride, requires_grad, metadata)


def _parameter(reader, data, requires_grad, hooks, attributes=None):
    from ..nn.parameter import Parameter  # here: loads all of nn

    if type(data) is not Tensor:
        raise damaged("a parameter is made of no tensor")
    made = Parameter(data, bool(requires_grad))
    if attributes:
        _set_attributes(reader, made, attributes)
    return made


def _set_attributes(reader, made, attributes):
    plain = plain_attributes(attributes)
    reader.charge(len(plain))
    for name in plain:
        if hasattr(type(made), name) or name in TENSOR_FIELDS:
            raise pickle.UnpicklingError(
                f"the pickle gives a tensor an attribute {name!r}, which would hide the tensor's "
                "own; refused"
            )
    made.__dict__.update(plain)


def _typed(reader, function, kind, arguments, state):
    """A tensor with attributes of its own, as `Buffer` is."""
    made = reader.call(function, tuple(arguments))
    if type(kind) is not Named or kind.name not in _TENSOR_TYPES:
        raise refused(getattr(kind, "name", repr(type(kind).__name__)))
    if type(state) is tuple and len(state) == 2 and state[1] is None:
        state = state[0]
    if state:
        _set_attributes(reader, made, state)
    return made


_TENSOR_TYPES = ("torch.Tensor", "torch.nn.parameter.Parameter", "torch.nn.parameter.Buffer")


def _new_parameter(reader, data=None, requires_grad=True):
    return _parameter(reader, data, requires_grad, None)


# -- containers, text, numbers ------------------------------------------------------------------


def _ordered_dict(reader, pairs=()):
    reader.charge(2 * len(pairs))
    made = OrderedDict()
    for key, value in pairs:
        reader.expect_key(key)
        reader.expect_value(value)
        made[key] = value
    return made


def _counter(reader, counts=None):
    made = Counter()
    if counts:
        if type(counts) is not dict:
            raise damaged("a Counter is made of no dictionary")
        reader.charge(len(counts))
        for key, count in counts.items():
            if type(count) not in (int, float, bool):
                raise damaged("a Counter counts no numbers")
            made[key] = count
    return made


def _default_dict(reader, factory=None):
    if factory is None:
        return defaultdict()
    if type(factory) is not Named or factory.meaning not in _FACTORIES:
        raise refused(getattr(factory, "name", repr(type(factory).__name__)))
    return defaultdict(factory.meaning)


_FACTORIES = (bool, complex, dict, float, int, list, set, str, tuple)


def _members(reader, items):
    """Return the items of a list or tuple, paid for."""
    if type(items) not in (list, tuple, set, frozenset):
        raise damaged(f"a set is made of {type(items).__name__}")
    reader.charge(len(items))
    return items


def _set(reader, items=()):
    return reader.make_set(_members(reader, items))


def _frozenset(reader, items=()):
    return reader.make_set(_members(reader, items), frozenset)


def _encoded(reader, text, encoding="latin1"):
    """Bytes, which pickle's protocol 2 writes as text of that many characters."""
    if type(text) is not str or encoding not in ("latin1", "latin-1"):
        raise damaged("bytes are written as no latin-1 text")
    reader.charge(len(text))
    return text.encode("latin-1")


def _bytes(reader, data=b""):
    if type(data) not in (bytes, list, tuple):
        raise damaged(f"bytes are made of {type(data).__name__}")
    reader.charge(len(data))
    return bytes(data)


def _bytearray(reader, data=b"", encoding=None):
    if type(data) is str:
        data = _encoded(reader, data, encoding)
    return bytearray(_bytes(reader, data))


def _complex(reader, real, imaginary=0.0):
    if not {type(real), type(imaginary)} <= {int, float}:
        raise damaged("a complex number is made of no numbers")
    return complex(real, imaginary)


def _numbers(given, what):
    if not all(n is None or type(n) is int for n in given):
        raise damaged(f"a {what} is made of no integers")
    return given


def _slice(reader, *bounds):
    return slice(*_numbers(bounds, "slice"))


def _range(reader, *bounds):
    return range(*_numbers(bounds, "range"))


# -- PyTorch's and NumPy's small objects --------------------------------------------------------


def _size(reader, sizes=()):
    if type(sizes) not in (tuple, list) or not all(type(n) is int for n in sizes):
        raise damaged("a torch.Size is made of no integers")
    reader.charge(len(sizes))
    return Size(sizes)


def _device(reader, kind, index=None):
    if type(kind) is not str or not (index is None or type(index) is int):
        raise damaged("a torch.device is made of no text and number")
    return device(kind, index)


def _layout(reader, name):
    if name != "torch.strided":
        raise pickle.UnpicklingError(f"the layout {name!r} is not there in retrograd (yet)")
    return layouts.strided


_NUMBERS = frozenset("b1 i1 i2 i4 i8 u1 u2 u4 u8 f2 f4 f8 c8 c16".split())  # noqa: SIM905


def _numpy_dtype(reader, code, align=False, copy=True):
    if code not in _NUMBERS:
        raise pickle.UnpicklingError(f"the pickle has a NumPy dtype {code!r}, which is no number's")
    return np.dtype(code, False, True)


def _numpy_scalar(reader, dtype, data):
    if not isinstance(dtype, np.dtype) or type(data) is not bytes or len(data) != dtype.itemsize:
        raise damaged("a NumPy number has the wrong bytes")
    return np.frombuffer(data, dtype)[0]


def _numpy_array(reader, kind, shape, code):
    """An empty array, which BUILD gives its elements."""
    if type(kind) is not Named or kind.name != "numpy.ndarray":
        raise refused(getattr(kind, "name", repr(type(kind).__name__)))
    return np.empty(0, np.int8)


def _numpy_buffer(reader, data, dtype, shape, order):
    """An array as pickle's protocol 5 has it."""
    number = isinstance(dtype, np.dtype) and type(data) in (bytes, bytearray)
    if not number or order not in ("C", "F") or type(shape) is not tuple:
        raise damaged("a NumPy array has no numbers")
    reader.charge(len(data))
    return np.frombuffer(bytearray(data), dtype).reshape(shape, order=order)


def _table():
    builders = {
        "torch._utils._rebuild_tensor": _tensor_v1,
        "torch._utils._rebuild_tensor_v2": _tensor_v2,
        "torch._utils._rebuild_tensor_v3": _tensor_v3,
        "torch._utils._rebuild_parameter": _parameter,
        "torch._utils._rebuild_parameter_with_state": _parameter,
        "torch._tensor._rebuild_from_type_v2": _typed,
        "torch.nn.parameter.Parameter": _new_parameter,
        "torch.Size": _size,
        "torch.device": _device,
        "torch.serialization._get_layout": _layout,
        "collections.OrderedDict": _ordered_dict,
        "collections.Counter": _counter,
        "collections.defaultdict": _default_dict,
        "_codecs.encode": _encoded,
        "builtins.set": _set,
        "builtins.frozenset": _frozenset,
        "builtins.bytes": _bytes,
        "builtins.bytearray": _bytearray,
        "builtins.complex": _complex,
        "builtins.slice": _slice,
        "builtins.range": _range,
        "numpy.dtype": _numpy_dtype,
    }
    for package in ("numpy.core", "numpy._core"):
        builders[f"{package}.multiarray.scalar"] = _numpy_scalar
        builders[f"{package}.multiarray._reconstruct"] = _numpy_array
        builders[f"{package}.numeric._frombuffer"] = _numpy_buffer
    found = {name: Named(name, build) for name, build in builders.items()}
    for kind in _FACTORIES:
        name = f"builtins.{kind.__name__}"
        found[name] = Named(name, builders.get(name), kind)
    for name in ("torch.Tensor", "torch.nn.parameter.Buffer", "numpy.ndarray"):
        found[name] = Named(name)
    for name, dtype in STORAGE_DTYPES.items():
        found[f"torch.{name}"] = Named(f"torch.{name}", None, dtype)
    for name in ("torch.storage.UntypedStorage", "torch.UntypedStorage"):
        found[name] = Named(name, None, UNTYPED)
    for dtype in all_dtypes:
        found[f"torch.{dtype.name}"] = dtype
    return found


TABLE = _table()


def find(name):
    """Return what a full name in a file stands for.

    Raises
    ------
    pickle.UnpicklingError
        When it stands for no data; the message names it.
    """
    found = TABLE.get(name)
    if found is None:
        if name.startswith("torch.") and (name.endswith("Storage") or name == "torch.bfloat16"):
            raise pickle.UnpicklingError(
                f"the file holds tensors of {name}, a dtype that retrograd does not have (yet); "
                "convert them to another dtype before saving"
            )
        raise refused(name)
    return found


def no_storage(reader: Reader, pid: object) -> StorageReference:
    """Refuse persistent ids where no storages can be."""
    raise damaged("a persistent id stands where no storage can be")
