"""An interpreter of pickle's opcodes that imports nothing and calls nothing of the file's choice.

A pickle is a program for a small stack machine.  Two of its instructions are what makes pickles
dangerous: GLOBAL, which imports any name, and REDUCE, which calls it.  Here GLOBAL looks the name
up in a table of the caller's (`allowed.py`), whose entries are this library's own constructors of
plain data, and REDUCE runs only such an entry.  Any other name is an error that says it.

Every length is checked against the bytes that are left before anything is made of it, and what
one byte of the file can cost is bounded: see `Reader.charge` and `Reader.expect_key`.
"""

from __future__ import annotations

import pickle
from collections import Counter, OrderedDict, defaultdict

import numpy as np

from .instructions import ACTIONS, DEEPEST, NAMES, STOP

LARGEST = 512 * 2**20  # bytes of one pickle
UNUSUAL_KEYS = 10_000  # dictionary keys whose hashes a file can make collide

ALLOWED = (
    "Only data is read: tensors, parameters, list, tuple, dict, OrderedDict, defaultdict, Counter, "
    "set, numbers, strings, bytes, None, torch.Size, dtypes, devices, slices, ranges, NumPy arrays "
    "of numbers"
)


def refused(name):
    """Return the error for a name that the file asks for and that stands for no data."""
    module, _, _ = name.rpartition(".")
    advice = "Save such an object's data in place of the object."
    if module.startswith("torch.nn.modules") or module == "__main__":
        advice = (
            "If it is a module, save `model.state_dict()` in place of the model, and load it by "
            "`model.load_state_dict(torch.load(f))`."
        )
    elif module.split(".")[0] in ("os", "posix", "nt", "sys", "subprocess", "builtins"):
        advice = "No checkpoint needs it: the file may be an attack."
    return pickle.UnpicklingError(
        f"Weights only load failed. Unsupported global: GLOBAL {name} was not an allowed global "
        f"by default. {ALLOWED}. {advice} Nothing of the file was run; weights_only=False and "
        "add_safe_globals read no more than this."
    )


class Named:
    """What a name in the file stands for: a constructor of plain data, or a type.

    Parameters
    ----------
    name : str
        The full name, for messages.
    build : callable, optional
        ``build(reader, *arguments)`` returns the value that REDUCE makes.
    meaning : object, optional
        What the name means as an argument: a dtype of storages, a factory of a defaultdict.
    """

    __slots__ = ("build", "meaning", "name")
    __hash__ = None  # type: ignore[assignment]

    def __init__(self, name, build=None, meaning=None):
        self.name = name
        self.build = build
        self.meaning = meaning


class Arguments(tuple):
    """A tuple that holds a `Named`, a storage or such a tuple: an argument, never a value."""

    __slots__ = ()
    name = "a tuple of a class or storage"


class StorageReference:
    """The memory of tensors, as the file refers to it.

    Attributes
    ----------
    dtype : str
        The dtype's name, or "untyped".
    flat : numpy.ndarray
    location : str
        Where the file says that it was, such as ``"cpu"`` or ``"cuda:0"``.
    versions : Storage
        The version counter that its tensors share.
    """

    __slots__ = ("copied", "dtype", "flat", "location", "versions")
    name = "a storage without a tensor"

    def __init__(self, dtype, flat, location, versions):
        self.dtype = dtype
        self.flat = flat
        self.location = location
        self.versions = versions
        self.copied = 0

    def copy(self, size):
        """Note that `size` bytes of it are copied; few such copies are in any checkpoint."""
        self.copied += size
        if self.copied > 8 * self.flat.nbytes:
            raise pickle.UnpicklingError(
                f"the pickle makes {self.copied} bytes of tensors from a storage of "
                f"{self.flat.nbytes}; no checkpoint does"
            )


_NOT_VALUES = (Named, Arguments, StorageReference)
_PLAIN_KEYS = frozenset((str, int, bool, float, type(None), bytes))


class Reader:
    """One pickle being read.

    Parameters
    ----------
    data : bytes
    find : callable
        ``find(name)`` returns what a full name stands for, or raises.
    storage : callable
        ``storage(reader, pid)`` returns the `StorageReference` for a persistent id.
    start : int
        Where in `data` the pickle starts.
    """

    def __init__(self, data, find, storage, start=0):
        if len(data) - start > LARGEST:
            raise pickle.UnpicklingError(
                f"the pickle in the file has {len(data) - start} bytes, {LARGEST} at most are read"
            )
        self.data = data
        self.find = find
        self.storage = storage
        self.at = start
        self.stack = []
        self.marks = []
        self.memo = {}
        self.allowance = 4 * len(data) + 100_000
        self.unusual = 0
        self.depths = {}

    def load(self):
        """Return the pickled value; `at` is the place after the pickle then.

        Raises
        ------
        pickle.UnpicklingError
            When the file asks for anything but data, or is damaged.
        """
        data, size = self.data, len(self.data)
        code = start = self.at
        try:
            while True:
                start = self.at
                if start >= size:
                    raise pickle.UnpicklingError("the pickle has no end: pickle data was truncated")
                code = data[start]
                self.at = start + 1
                if code == STOP:
                    value = self.pop()
                    self.expect_value(value)
                    return value
                act = ACTIONS[code]
                if act is None:
                    raise pickle.UnpicklingError(f"Unsupported operand {code}")
                act(self)
        except pickle.UnpicklingError as error:
            if "(at byte " in str(error):
                raise
            raise type(error)(f"{error} (at byte {start} of the pickle)") from None
        except (
            TypeError, ValueError, KeyError, IndexError, AttributeError, OverflowError,
            RecursionError,
        ) as error:  # fmt: skip
            raise pickle.UnpicklingError(
                f"the pickle is damaged: instruction {NAMES.get(code, code)} "
                f"failed with {type(error).__name__}: {str(error)[:200]} (at byte {start} of the "
                "pickle)"
            ) from None

    # -- bytes and the stack --------------------------------------------------------------------

    def take(self, count):
        """Return the next `count` bytes."""
        at = self.at
        left = len(self.data) - at
        if not 0 <= count <= left:
            raise pickle.UnpicklingError(
                f"pickle data was truncated: {count} bytes are asked for and {left} are left"
            )
        self.at = at + count
        return self.data[at : at + count]

    def number(self, form):
        """Return the next number of a struct form."""
        return form.unpack(self.take(form.size))[0]

    def line(self):
        """Return the text up to the next line end."""
        end = self.data.find(b"\n", self.at)
        if end < 0:
            raise pickle.UnpicklingError("pickle data was truncated: a name has no end")
        line = self.data[self.at : end].decode("utf-8")
        self.at = end + 1
        return line

    def pop(self):
        """Return the top of the stack, which must lie above the last mark."""
        if len(self.stack) <= (self.marks[-1] if self.marks else 0):
            raise pickle.UnpicklingError("the pickle is damaged: it takes more than it has put")
        return self.stack.pop()

    def top(self):
        """Return the top of the stack and leave it there."""
        value = self.pop()
        self.stack.append(value)
        return value

    def above_mark(self):
        """Return what was put since the last mark, and take it off."""
        if not self.marks:
            raise pickle.UnpicklingError("the pickle is damaged: could not find MARK")
        place = self.marks.pop()
        found = self.stack[place:]
        del self.stack[place:]
        return found

    def charge(self, cost):
        """Pay for work or memory that is not in proportion to the instruction's own bytes.

        A value may be put many times by references of two bytes; copying it each time would let
        a small file fill the memory.  What PyTorch and pickle write stays far below the limit.
        """
        self.allowance -= cost
        if self.allowance < 0:
            raise pickle.UnpicklingError(
                "the pickle makes far more data than it has bytes; no checkpoint does"
            )

    # -- what may be where ----------------------------------------------------------------------

    def expect_value(self, value):
        """Refuse names, storages and argument tuples where a value has to be."""
        if type(value) in _NOT_VALUES:
            raise refused(value.name)

    def expect_key(self, key):
        """Refuse dictionary keys that are no data or take forever to hash.

        A tuple's hash visits all that it holds, however often shared: 60 tuples in each other can
        take 2**60 steps.  The visits are paid for.  Hashes of strings differ from process to
        process, those of wide integers and complex numbers can be made to collide: only some
        of them are allowed.
        """
        if type(key) in _PLAIN_KEYS:
            if type(key) is int and not -(2**63) <= key < 2**64:
                self._unusual_key()
            return
        waiting = [key]
        while waiting:
            one = waiting.pop()
            kind = type(one)
            if kind in (tuple, frozenset):
                self.charge(len(one))
                waiting += one
            elif kind in _NOT_VALUES:
                raise refused(one.name)
        if type(key) is not tuple:
            self._unusual_key()

    def _unusual_key(self):
        self.unusual += 1
        if self.unusual > UNUSUAL_KEYS:
            raise pickle.UnpicklingError(
                f"the pickle has more than {UNUSUAL_KEYS} dictionary keys that are neither text "
                "nor usual numbers"
            )

    def push_tuple(self, items):
        """Put a tuple; tuples of names and storages are arguments and are marked as such."""
        kind, depth = tuple, 0
        for item in items:
            given = type(item)
            if given is tuple or given is frozenset:
                depth = max(depth, self.depth_of(item))
            elif given in _NOT_VALUES:
                kind = Arguments
        made = kind(items)
        self.note_depth(made, depth)
        self.stack.append(made)

    def depth_of(self, item):
        """Return how many tuples are in each other there, at least 1."""
        return self.depths.get(id(item), (1,))[0]

    def note_depth(self, made, inner):
        """Note how deep a new tuple or frozenset is; hashing recurses in C and must end."""
        if inner >= DEEPEST:
            raise pickle.UnpicklingError(f"more than {DEEPEST} tuples are in each other")
        if inner:
            self.depths[id(made)] = (inner + 1, made)  # kept, so that its id stays its own

    def remember(self, index):
        """Store the top of the stack in the memo."""
        self.memo[index] = self.top()

    def recall(self, index):
        """Put what the memo has at an index."""
        if index not in self.memo:
            raise pickle.UnpicklingError(f"Memo value not found at index {index}")
        self.stack.append(self.memo[index])

    # -- containers -----------------------------------------------------------------------------

    def extend_list(self, items):
        """Append to the list on top of the stack."""
        target = self.top()
        if type(target) is not list:
            raise pickle.UnpicklingError(
                f"Can only extend lists, but got {type(target).__name__}"
            )
        for item in items:
            self.expect_value(item)
        target.extend(items)

    def fill_dict(self, items):
        """Set keys and values, in turn, in the dictionary on top of the stack."""
        target = self.top()
        if type(target) not in (dict, OrderedDict, Counter, defaultdict):
            raise pickle.UnpicklingError(
                "Can only SETITEMS for dict, OrderedDict, defaultdict, Counter, but got "
                f"{type(target).__name__}"
            )
        if len(items) % 2:
            raise pickle.UnpicklingError("the pickle is damaged: a key has no value")
        for place in range(0, len(items), 2):
            key, value = items[place], items[place + 1]
            self.expect_key(key)
            self.expect_value(value)
            target[key] = value

    def make_set(self, items, kind=set):
        """Return a set of `items`, each fit to be a key."""
        depth = 0
        for item in items:
            self.expect_key(item)
            if type(item) in (tuple, frozenset):
                depth = max(depth, self.depth_of(item))
        made = kind(items)
        if kind is frozenset:
            self.note_depth(made, depth)
        return made

    # -- names ----------------------------------------------------------------------------------

    def push_global(self, module, name):
        """Put what a name stands for."""
        self.stack.append(self.find(_PYTHON2.get((module, name), f"{module}.{name}")))

    def call(self, function, arguments):
        """Return what a table entry makes of its arguments."""
        if type(function) is not Named or function.build is None:
            shown = getattr(function, "name", None) or repr(type(function).__name__)
            raise pickle.UnpicklingError(
                f"Trying to call reduce for unrecognized function {shown}: nothing that the file "
                "holds is called"
            )
        if not isinstance(arguments, tuple):
            raise pickle.UnpicklingError("the pickle is damaged: arguments are no tuple")
        return function.build(self, *arguments)

    def build(self, target, state):
        """Give attributes to a dictionary, or data to a NumPy array or dtype."""
        self.expect_value(state)
        kind = type(target)
        if kind is OrderedDict:
            attributes = plain_attributes(state)
            self.charge(len(attributes))
            target.__dict__.update(attributes)
        elif kind is np.ndarray:
            fill_array(self, target, state)
        elif isinstance(target, np.dtype):
            set_byte_order(target, state)
        else:
            shown = getattr(target, "name", None) if kind in _NOT_VALUES else kind.__name__
            raise pickle.UnpicklingError(
                f"Can only build OrderedDict and NumPy arrays, but got {shown}"
            )


def plain_attributes(state):
    """Return a dictionary of attributes, refusing what is none."""
    if type(state) is not dict or not all(type(name) is str for name in state):
        raise pickle.UnpicklingError("the pickle is damaged: attributes are no dictionary of names")
    for name in state:
        if name.startswith("__") or not name.isidentifier():
            raise pickle.UnpicklingError(f"the pickle sets the attribute {name[:80]!r}; refused")
    return state


def fill_array(reader, target, state):
    """Give a NumPy array, made empty, its shape and elements."""
    version, shape, dtype, fortran, data = state
    ours = isinstance(dtype, np.dtype) and dtype.kind in "biufc"
    sizes = type(shape) is tuple and all(type(n) is int and n >= 0 for n in shape)
    if not (ours and sizes and type(data) is bytes and type(version) is int):
        raise pickle.UnpicklingError("the pickle has a NumPy array whose elements are no numbers")
    count = 1
    for n in shape:
        count *= n
    if count * dtype.itemsize != len(data):
        raise pickle.UnpicklingError(
            f"the pickle is damaged: a NumPy array of shape {shape} has {len(data)} bytes"
        )
    reader.charge(len(data))
    target.__setstate__((1, shape, dtype, bool(fortran), data))


def set_byte_order(target, state):
    """Give a NumPy dtype the byte order that its state names; it can hold no more than that."""
    order = state[1] if type(state) is tuple and len(state) > 1 else None
    if order not in ("<", ">", "|", "=") or any(part is not None for part in state[2:5]):
        raise pickle.UnpicklingError("the pickle has a NumPy dtype that is no number's")
    target.__setstate__((3, order, None, None, None, -1, -1, 0))


# Names that Python 2 had, as pickle's protocol 2 writes them.
_PYTHON2 = {
    ("__builtin__", name): f"builtins.{name}"
    for name in (
        "bool", "bytearray", "bytes", "complex", "dict", "float", "frozenset", "int", "list",
        "set", "slice", "str", "tuple", "getattr", "eval", "exec", "open", "compile",
    )
}  # fmt: skip
_PYTHON2["__builtin__", "xrange"] = "builtins.range"
_PYTHON2["__builtin__", "unicode"] = "builtins.str"
_PYTHON2["__builtin__", "long"] = "builtins.int"
