"""Checkpoints, safetensors files and .npz files, turned into each other."""

from __future__ import annotations

import os
import pickle
from collections import OrderedDict

import numpy as np

from .._core.value import Value
from ..dtypes import of
from ..tensor import wrap
from .atomic import replaced
from .reading import load
from .storages import typed
from .writing import save

FORMATS = {
    ".pt": "checkpoint",
    ".pth": "checkpoint",
    ".bin": "checkpoint",
    ".ckpt": "checkpoint",
    ".safetensors": "safetensors",
    ".npz": "npz",
}
_SHOWN = 8  # names that a message lists


class ConversionError(Exception):
    """A file cannot be turned into another format; the text says why."""


def format_of(path):
    """Return the format that a path's ending names.

    Raises
    ------
    ConversionError
        When it names none.
    """
    found = FORMATS.get(os.path.splitext(path)[1].lower())
    if found is None:
        raise ConversionError(
            f"{path!r} names no format; the endings known are {', '.join(FORMATS)}"
        )
    return found


def convert(source, target, key=None):
    """Read one file and write its tensors into another, whose ending names the format.

    The target is replaced when all is written.  What other formats cannot say is lost: strides,
    which tensors share memory, which are parameters.

    Parameters
    ----------
    source, target : str
    key : str, optional
        Where in the file's dictionary the tensors are: ``"model"``, or ``"a.b"`` for one in
        another.

    Returns
    -------
    str
        What was done.

    Raises
    ------
    ConversionError
        When the file holds more than tensors, or a package is missing.
    """
    reader, writer = _READERS[format_of(source)], _WRITERS[format_of(target)]
    parent = os.path.dirname(target)
    if parent and not os.path.isdir(parent):
        raise ConversionError(f"the folder {parent} does not exist")
    try:
        content = reader(source)
        tensors, notes = named_arrays(content, source, key)
        writer(target, tensors)
    except OSError as error:
        raise ConversionError(f"{error.filename or source}: {error.strerror or error}") from None
    except (RuntimeError, EOFError, pickle.UnpicklingError) as error:
        raise ConversionError(f"{source}: {error}") from None
    size = sum(array.nbytes for array in tensors.values())
    notes = "".join(f"; {note}" for note in notes)
    return f"wrote {target}: {len(tensors)} tensors, {size / 1e6:.1f} MB{notes}"


def named_arrays(content, source, key=None):
    """Return the arrays of a dictionary of tensors by name, and what is to be said of them."""
    where = ""
    for step in key.split(".") if key else ():
        where += f"[{step!r}]"
        if not isinstance(content, dict) or step not in content:
            held = listed(content) if isinstance(content, dict) else type(content).__name__
            raise ConversionError(f"{source} has no {where}; it holds {held}")
        content = content[step]
    if not isinstance(content, dict):
        raise ConversionError(
            f"{source}{where} is {a(content)}, not a dictionary of named tensors"
        )
    others = {
        name: value
        for name, value in content.items()
        if not isinstance(value, (Value, np.ndarray)) or not isinstance(name, str)
    }
    if others:
        raise ConversionError(mixed(content, others, source, where, key))
    found, memories = OrderedDict(), {}
    for name, value in content.items():
        array = value.array if isinstance(value, Value) else value
        found[name] = np.asarray(array, order="C")
        if isinstance(value, Value) and value.storage is not None and array.size:
            memories.setdefault(id(value.storage), []).append(name)
    shared = [name for names in memories.values() if len(names) > 1 for name in names]
    notes = [f"{len(shared)} of them share memory and are written one by one"] if shared else []
    return found, notes


def mixed(content, others, source, where, key):
    """Return the message for a dictionary that holds more than tensors."""
    inner = [
        name
        for name, value in others.items()
        if isinstance(name, str)
        and isinstance(value, dict)
        and value
        and all(isinstance(one, (Value, np.ndarray)) for one in value.values())
    ]
    text = f"{source}{where} holds more than named tensors: {listed(others)}"
    if inner:
        prefix = f"{key}." if key else ""
        options = " or ".join(f"--key {prefix}{name}" for name in inner[:_SHOWN])
        return f"{text}; choose the tensors in it by {options}"
    return f"{text}; save the tensors alone, as model.state_dict() gives them"


def listed(content):
    """Return the names in a dictionary and what each holds, as text."""
    parts = [f"{name!r} ({a(value)})" for name, value in list(content.items())[:_SHOWN]]
    more = len(content) - len(parts)
    return ", ".join(parts) + (f" and {more} more" if more > 0 else "") or "nothing"


def a(value):
    """Return the kind of a value with its article."""
    kind = type(value).__name__
    return ("an " if kind[0] in "aeiouAEIOU" else "a ") + kind


# -- the formats --------------------------------------------------------------------------------


def safetensors_library():
    """Return the safetensors package.

    Raises
    ------
    ConversionError
        When it is not installed.
    """
    try:
        import safetensors.numpy  # here: optional
    except ImportError:
        raise ConversionError(
            "safetensors files need the package safetensors: pip install 'retrograd[safetensors]'"
        ) from None
    return safetensors


def read_safetensors(path):
    """Return the tensors of a safetensors file by name."""
    library = safetensors_library()
    with open(path, "rb") as file:
        data = file.read()
    try:
        entries = library.deserialize(data)
    except library.SafetensorError as error:
        raise ConversionError(f"{path} is no safetensors file, or is damaged: {error}") from None
    found = OrderedDict()
    for name, entry in entries:
        dtype = _SAFETENSORS.get(entry["dtype"])
        if dtype is None:
            raise ConversionError(f"{path}: tensor {name!r} is of dtype {entry['dtype']}, not read")
        raw = np.frombuffer(bytearray(entry["data"]), np.uint8)
        found[name] = wrap(typed(raw, dtype).reshape(entry["shape"]))
    return found


_SAFETENSORS = {
    "F64": "float64", "F32": "float32", "F16": "float16", "BF16": "bfloat16", "C64": "complex64",
    "I64": "int64", "I32": "int32", "I16": "int16", "I8": "int8", "BOOL": "bool",
    "U64": "uint64", "U32": "uint32", "U16": "uint16", "U8": "uint8",
}  # fmt: skip


def write_safetensors(path, arrays):
    """Write arrays into a safetensors file."""
    library = safetensors_library()
    for name, array in arrays.items():
        if array.dtype.name not in _SAFETENSORS.values():
            raise ConversionError(f"safetensors has no dtype for {name!r}, which is {array.dtype}")
    data = library.numpy.save(dict(arrays), metadata={"format": "pt"})
    with replaced(path) as file:
        file.write(data)


def read_npz(path):
    """Return the arrays of a .npz file by name, as tensors; pickled objects are refused."""
    from zipfile import BadZipFile  # here: only this needs it

    found = OrderedDict()
    try:
        with open(path, "rb") as file:
            if file.read(4) != b"PK\x03\x04":
                raise ConversionError(f"{path} is no .npz file: it is not a zip file of arrays")
            file.seek(0)
            with np.load(file, allow_pickle=False) as archive:
                for name in archive.files:
                    found[name] = wrap(numbers(archive[name], f"{path}: {name!r}"))
    except (ValueError, BadZipFile) as error:
        raise ConversionError(f"{path}: {error}") from None
    return found


def numbers(array, what):
    """Return an array when a tensor may have its dtype."""
    try:
        of(array.dtype)
    except TypeError:
        raise ConversionError(f"{what} is of dtype {array.dtype}, which no tensor has") from None
    return array


def write_npz(path, arrays):
    """Write arrays into a .npz file."""
    with replaced(path) as file:
        np.savez(file, **arrays)


def write_checkpoint(path, arrays):
    """Write arrays as a checkpoint of named tensors."""
    save(OrderedDict((name, wrap(array)) for name, array in arrays.items()), path)


def read_checkpoint(path):
    """Return what a checkpoint holds; tensors saved on a GPU are read as well."""
    return load(path, map_location="cpu")


_READERS = {"checkpoint": read_checkpoint, "safetensors": read_safetensors, "npz": read_npz}
_WRITERS = {"checkpoint": write_checkpoint, "safetensors": write_safetensors, "npz": write_npz}
