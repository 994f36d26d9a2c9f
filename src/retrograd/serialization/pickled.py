"""The pickle inside a checkpoint, as PyTorch writes it: protocol 2, classes by PyTorch's names.

Only what the reader reads is written: an object that could not be loaded again is an error now,
which names the place where it is, and not a loss later.
"""

from __future__ import annotations

import pickle
from collections import Counter, OrderedDict, defaultdict
from struct import pack

import numpy as np

from .._objects import own_attributes
from ..device import device
from ..dtypes import dtype as Dtype
from ..layouts import layout
from ..size import Size
from ..tensor import Tensor, wrap
from .allowed import STORAGE_DTYPES

_BATCH = 1000  # items that one instruction adds to a container, as in Python's own pickles
_STORAGE_NAMES = {dtype: name for name, dtype in STORAGE_DTYPES.items()}


class Global:
    """A name to be written: ``Global("torch", "Size")``."""

    __slots__ = ("module", "name")

    def __init__(self, module, name):
        self.module = module
        self.name = name


_DTYPES: dict[str, Global] = {}


def _named(module, *names):
    return [Global(module, name) for name in names]


_tensor_v2, _tensor_v3, _parameter, _parameter_with_state = _named(
    "torch._utils", "_rebuild_tensor_v2", "_rebuild_tensor_v3", "_rebuild_parameter",
    "_rebuild_parameter_with_state",
)  # fmt: skip
_from_type = Global("torch._tensor", "_rebuild_from_type_v2")
_tensor_type, _size, _device = _named("torch", "Tensor", "Size", "device")
_get_layout = Global("torch.serialization", "_get_layout")
_untyped = Global("torch.storage", "UntypedStorage")
_ordered, _counter, _default = _named("collections", "OrderedDict", "Counter", "defaultdict")
_encode = Global("_codecs", "encode")
_builtins = {
    name: Global("__builtin__", name)
    for name in (
        "set", "frozenset", "complex", "bytearray", "slice", "bool", "dict", "float", "int",
        "list", "str", "tuple",
    )
}  # fmt: skip
_range = Global("__builtin__", "xrange")
_ndarray, _dtype = _named("numpy", "ndarray", "dtype")
_scalar, _reconstruct = _named("numpy._core.multiarray", "scalar", "_reconstruct")


class PickleWriter:
    """Writes one object.

    Parameters
    ----------
    storage_key : callable
        ``storage_key(tensor)`` returns (array, key, elements of the storage, offset of the array
        in it) and keeps the memory that the array is part of, to be written under that key.  The
        array is a copy where the tensor's memory cannot be written as it is.
    legacy : bool
        Whether storages are named as before PyTorch 1.6.
    """

    def __init__(self, storage_key, legacy=False):
        self.storage_key = storage_key
        self.legacy = legacy
        self.out = bytearray(pickle.PROTO + b"\x02")
        self.memo = {}
        self.storage_classes = {}
        self.path = []

    def write(self, value):
        """Return the pickle of `value`.

        Raises
        ------
        pickle.PicklingError
            When it holds what is no data; the message says what and where.
        """
        self.save(value)
        self.out += pickle.STOP
        return bytes(self.out)

    def save(self, value):
        """Write one value, or a reference to it."""
        found = self.memo.get(id(value))
        if found is not None:
            self.get(found[0])
            return
        action = _SAVERS.get(type(value))
        if action is None:
            action = self._other(value)
        action(self, value)

    def _other(self, value):
        if isinstance(value, Tensor):
            return PickleWriter.save_tensor
        if isinstance(value, np.dtype):
            return PickleWriter.save_numpy_dtype
        if isinstance(value, np.generic) and value.dtype.kind in "biufc":
            return PickleWriter.save_numpy_number
        raise self.refusal(value)

    def refusal(self, value):
        """Return the error for a value that is no data."""
        kind = type(value)
        name = f"{kind.__module__}.{kind.__qualname__}"
        hint = "save what it is made of, as numbers, text, tensors and containers of them"
        if hasattr(value, "state_dict"):
            hint = "save its state_dict(), which can be loaded again"
        elif isinstance(value, (tuple, list, dict, str, int, float)):
            hint = f"save it as a plain {kind.__mro__[-2].__name__}"
        elif isinstance(value, type) or callable(value):
            hint = "classes and functions are never loaded; save a name for it"
        elif hasattr(value, "__fspath__"):
            hint = "save it as text: str(path)"
        elif hasattr(value, "__dict__"):
            hint = "save its attributes: vars(it)"
        where = "obj" + "".join(f"[{step}]" for step in self.path)
        return pickle.PicklingError(
            f"save: {where} is a {name}, and no {name} is made by load; {hint}"
        )

    def memoize(self, value):
        """Note that `value` is written, and say so in the pickle."""
        index = len(self.memo)
        self.memo[id(value)] = (index, value)  # kept, so that its id stays its own
        self.out += b"q" + pack("<B", index) if index < 256 else b"r" + pack("<I", index)

    def get(self, index):
        """Refer to what is written already."""
        self.out += b"h" + pack("<B", index) if index < 256 else b"j" + pack("<I", index)

    def reduce(self, function, arguments, value=None):
        """Write a call: a name and its arguments."""
        self.save(function)
        self.save(arguments)
        self.out += pickle.REDUCE
        if value is not None:
            self.memoize(value)

    # -- plain values ---------------------------------------------------------------------------

    def save_none(self, value):
        self.out += pickle.NONE

    def save_bool(self, value):
        self.out += pickle.NEWTRUE if value else pickle.NEWFALSE

    def save_int(self, value):
        if 0 <= value < 2**8:
            self.out += b"K" + pack("<B", value)
        elif 0 <= value < 2**16:
            self.out += b"M" + pack("<H", value)
        elif -(2**31) <= value < 2**31:
            self.out += b"J" + pack("<i", value)
        else:
            raw = value.to_bytes(value.bit_length() // 8 + 1, "little", signed=True)
            if value < 0 and len(raw) > 1 and raw[-1] == 0xFF and raw[-2] & 0x80:
                raw = raw[:-1]  # the shortest form, as Python writes it
            size = len(raw)
            self.out += b"\x8a" + pack("<B", size) if size < 256 else b"\x8b" + pack("<i", size)
            self.out += raw

    def save_float(self, value):
        self.out += b"G" + pack(">d", value)

    def save_text(self, value):
        raw = value.encode("utf-8", "surrogatepass")
        if len(raw) >= 2**32:
            raise OverflowError("a text of 4 GiB and more is too long for a checkpoint")
        self.out += b"X" + pack("<I", len(raw)) + raw
        self.memoize(value)

    def save_global(self, value):
        self.out += b"c" + f"{value.module}\n{value.name}\n".encode()
        self.memoize(value)

    def save_bytes(self, value):
        self.reduce(_encode, (value.decode("latin-1"), "latin1"), value)

    def save_bytearray(self, value):
        self.reduce(_builtins["bytearray"], (bytes(value),) if value else (), value)

    def save_complex(self, value):
        self.reduce(_builtins["complex"], (value.real, value.imag), value)

    def save_slice(self, value):
        self.reduce(_builtins["slice"], (value.start, value.stop, value.step), value)

    def save_range(self, value):
        self.reduce(_range, (value.start, value.stop, value.step), value)

    # -- containers -----------------------------------------------------------------------------

    def save_tuple(self, value):
        if not value:
            self.out += pickle.EMPTY_TUPLE
            return
        short = len(value) <= 3
        if not short:
            self.out += pickle.MARK
        for place, item in enumerate(value):
            self.save_at(place, item)
        found = self.memo.get(id(value))
        if found is not None:  # it holds a list that holds it
            self.out += pickle.POP * len(value) if short else pickle.POP_MARK
            self.get(found[0])
            return
        self.out += (b"", b"\x85", b"\x86", b"\x87")[len(value)] if short else pickle.TUPLE
        self.memoize(value)

    def save_at(self, step, item):
        """Write an item, knowing the way to it."""
        self.path.append(step)
        self.save(item)
        self.path.pop()

    def save_list(self, value):
        self.out += pickle.EMPTY_LIST
        self.memoize(value)
        self.append_items(value)

    def append_items(self, items):
        """Write the items of a list."""
        items = list(items)
        for start in range(0, len(items), _BATCH):
            several = len(items) > 1
            if several:
                self.out += pickle.MARK
            for place, item in enumerate(items[start : start + _BATCH], start):
                self.save_at(place, item)
            self.out += pickle.APPENDS if several else pickle.APPEND

    def save_dict(self, value):
        self.out += pickle.EMPTY_DICT
        self.memoize(value)
        self.set_items(value)

    def set_items(self, value):
        """Write the keys and values of a dictionary."""
        items = list(value.items())
        for start in range(0, len(items), _BATCH):
            # Python's pickle marks the last item of many only in a plain dictionary.
            batch = items[start : start + _BATCH]
            several = len(batch) > 1 or (start > 0 and type(value) is dict)
            if several:
                self.out += pickle.MARK
            for key, item in batch:
                self.save(key)
                self.save_at(repr(key), item)
            self.out += pickle.SETITEMS if several else pickle.SETITEM

    def save_ordered(self, value):
        self.reduce(_ordered, (), value)
        self.set_items(value)
        if value.__dict__:
            self.save_at("'__dict__'", dict(value.__dict__))
            self.out += pickle.BUILD

    def save_counter(self, value):
        self.reduce(_counter, (dict(value),), value)

    def save_default(self, value):
        factory = value.default_factory
        if factory is None:
            self.reduce(_default, (), value)
        elif isinstance(factory, type) and factory.__name__ in _builtins:
            self.reduce(_default, (_builtins[factory.__name__],), value)
        else:
            self.path.append("'default_factory'")
            raise self.refusal(factory)
        self.set_items(value)

    def save_set(self, value):
        self.reduce(_builtins[type(value).__name__], (list(value),), value)

    # -- PyTorch's objects ----------------------------------------------------------------------

    def save_size(self, value):
        self.reduce(_size, (tuple(value),), value)

    def save_dtype(self, value):
        self.save(_DTYPES.setdefault(value.name, Global("torch", value.name)))

    def save_device(self, value):
        arguments = (value.type,) if value.index is None else (value.type, value.index)
        self.reduce(_device, arguments, value)

    def save_layout(self, value):
        self.reduce(_get_layout, (str(value),), value)

    def save_tensor(self, value):
        kind = type(value)
        attributes = own_attributes(value)
        if kind.__name__ == "Parameter" and kind.__module__.endswith(".nn.parameter"):
            plain = wrap(value.array)
            arguments = (plain, value.requires, OrderedDict())
            if attributes:
                self.reduce(_parameter_with_state, (*arguments, attributes), value)
            else:
                self.reduce(_parameter, arguments, value)
            return
        if kind is not Tensor:
            raise self.refusal(value)
        function, arguments = self.tensor_parts(value)
        if attributes:
            arguments = (function, _tensor_type, arguments, attributes)
            function = _from_type
        self.reduce(function, arguments, value)

    def tensor_parts(self, value):
        """Return the name and the arguments that stand for a tensor."""
        array, key, count, offset = self.storage_key(value)
        name = value.dtype.name
        class_name = _STORAGE_NAMES.get(name)
        function, last = _tensor_v2, ()
        if class_name is None:
            kind, count = _untyped, count * array.itemsize
            function, last = _tensor_v3, (value.dtype,)
        else:
            kind = self.storage_classes.setdefault(class_name, Global("torch", class_name))
        storage = ("storage", kind, key, "cpu", count, *((None,) if self.legacy else ()))
        stride = wrap(array).stride()
        rest = (tuple(array.shape), stride, value.requires, OrderedDict(), *last)
        return function, (PersistentId(storage), offset, *rest)

    def save_persistent(self, value):
        self.save(value.parts)
        self.out += pickle.BINPERSID

    # -- NumPy's objects ------------------------------------------------------------------------

    def save_numpy_dtype(self, value):
        if value.kind not in "biufc" or value.itemsize > 16 or value.str[1:] in ("f16", "c32"):
            raise self.refusal(value)
        _, arguments, state = value.__reduce__()
        self.reduce(_dtype, arguments, value)
        self.save(state)
        self.out += pickle.BUILD

    def save_numpy_number(self, value):
        _, arguments = value.__reduce__()
        self.reduce(_scalar, arguments, value)

    def save_numpy_array(self, value):
        if value.dtype.kind not in "biufc":
            raise self.refusal(value)
        _, arguments, state = value.__reduce__()
        arguments = (_ndarray, *arguments[1:])
        self.reduce(_reconstruct, arguments, value)
        self.save(state)
        self.out += pickle.BUILD


class PersistentId:
    """What stands for a storage in the arguments of a tensor."""

    __slots__ = ("parts",)

    def __init__(self, parts):
        self.parts = parts


_SAVERS = {
    type(None): PickleWriter.save_none,
    bool: PickleWriter.save_bool,
    int: PickleWriter.save_int,
    float: PickleWriter.save_float,
    complex: PickleWriter.save_complex,
    str: PickleWriter.save_text,
    bytes: PickleWriter.save_bytes,
    bytearray: PickleWriter.save_bytearray,
    tuple: PickleWriter.save_tuple,
    list: PickleWriter.save_list,
    dict: PickleWriter.save_dict,
    OrderedDict: PickleWriter.save_ordered,
    Counter: PickleWriter.save_counter,
    defaultdict: PickleWriter.save_default,
    set: PickleWriter.save_set,
    frozenset: PickleWriter.save_set,
    slice: PickleWriter.save_slice,
    range: PickleWriter.save_range,
    Size: PickleWriter.save_size,
    Dtype: PickleWriter.save_dtype,
    device: PickleWriter.save_device,
    layout: PickleWriter.save_layout,
    Tensor: PickleWriter.save_tensor,
    np.ndarray: PickleWriter.save_numpy_array,
    Global: PickleWriter.save_global,
    PersistentId: PickleWriter.save_persistent,
}
