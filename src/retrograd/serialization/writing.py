"""save: write a checkpoint."""

from __future__ import annotations

import os
import sys
import zlib
from struct import pack

import numpy as np

from ..ops.strides import memory_of
from .archive import ArchiveWriter
from .atomic import replaced
from .legacy import MAGIC, VERSION
from .pickled import PickleWriter


def save(obj, f, pickle_module=None, pickle_protocol=2, _use_new_zipfile_serialization=True,
         _disable_byteorder_record=False):  # fmt: skip
    """Write an object of tensors, containers, numbers and text, in PyTorch's file format.

    PyTorch's `load` reads the file too.  Tensors that share memory share it again after loading.

    Parameters
    ----------
    obj : object
        What :func:`load` reads: tensors, parameters, list, tuple, dict, OrderedDict, defaultdict,
        Counter, set, frozenset, numbers, str, bytes, None, Size, dtypes, devices, slices, ranges,
        NumPy arrays and numbers.  Anything else, a whole module too, is refused: save its
        ``state_dict()``.
    f : str, os.PathLike or file
        A path's file is replaced at once when all is written: a crash in between leaves the old
        file as it was.  A file needs only a ``write`` that takes bytes.
    pickle_module, pickle_protocol
        Accepted.  The pickle in the file is of protocol 2 always, as PyTorch's is by default.
    _use_new_zipfile_serialization : bool
        False writes the format from before PyTorch 1.6.

    Raises
    ------
    pickle.PicklingError
        When `obj` holds what could not be loaded; nothing is written then.
    RuntimeError
        When the folder of `f` does not exist.

    Examples
    --------
    >>> import os, tempfile, retrograd as torch
    >>> path = os.path.join(tempfile.mkdtemp(), "model.pt")
    >>> torch.save(torch.nn.Linear(2, 1).state_dict(), path)
    >>> list(torch.load(path))
    ['weight', 'bias']
    """
    if type(pickle_protocol) is not int or not pickle_protocol <= 5:
        raise ValueError("pickle protocol must be <= 5")
    write = write_zip if _use_new_zipfile_serialization else write_legacy
    if isinstance(f, (str, os.PathLike)):
        parent = os.path.dirname(os.fspath(f))
        if parent and not os.path.isdir(parent):
            raise RuntimeError(f"Parent directory {os.fsdecode(parent)} does not exist.")
        prepared = write(obj, folder_name(f), not _disable_byteorder_record)
        with replaced(f) as file:
            prepared(file.write)
        return
    if not hasattr(f, "write"):
        raise AttributeError(
            "expected 'f' to be string, path, or a file-like object with a 'write' attribute"
        )
    write(obj, "archive", not _disable_byteorder_record)(f.write)


def folder_name(path):
    """Return the folder that PyTorch gives the records in a file of this path."""
    stem = os.path.splitext(os.path.basename(os.fsdecode(path)))[0]
    return stem if stem.isascii() and "\\" not in stem and ":" not in stem else "archive"


class Memories:
    """The memory of the tensors that were met, each with its key.

    Parameters
    ----------
    name : callable
        ``name(number, address)`` returns the key of a memory.
    """

    def __init__(self, name):
        self.name = name
        self.known = {}
        self.flats = []  # (key, flat array), in the order in which they were met

    def key_of(self, tensor):
        """Return (array, key, elements of its memory, its offset there); see `PickleWriter`."""
        array = tensor.array
        if type(array) is not np.ndarray or not array.dtype.isnative:
            array = array.astype(array.dtype.newbyteorder("="))
        # Whoever shares memory shares the version counter.  Without one the rest of the memory is
        # none of the tensor's: an optimizer keeps all its states in one array.
        shared = tensor.base is not None or tensor.storage is not None
        flat, offset = memory_around(array, shared)
        if flat is None:
            array = np.array(array, order="C")
            flat, offset = array.reshape(-1), 0
        place = (flat.__array_interface__["data"][0], flat.size, flat.dtype.char)
        found = self.known.get(place) if flat.size else None
        if found is None:
            found = self.name(len(self.flats), place[0])
            self.known[place] = found
            self.flats.append((found, flat))
        return array, found, flat.size, offset


def memory_around(array, whole):
    """Return the flat memory that an array is a view of, and its offset there.

    Parameters
    ----------
    array : numpy.ndarray
    whole : bool
        Whether to return all of the memory, or what the array spans of it.

    Returns
    -------
    (numpy.ndarray or None, int)
        None where the memory cannot be written as it is.
    """
    if not array.size:
        return np.empty(0, array.dtype), 0
    flat, offset = memory_of(array)
    size = array.itemsize
    reach = sum((n - 1) * step for n, step in zip(array.shape, array.strides))
    last = offset + reach // size
    ahead = all(step >= 0 and step % size == 0 for step in array.strides)
    if not (ahead and flat.flags.c_contiguous and 0 <= offset <= last < flat.size):
        return None, 0
    return (flat, offset) if whole else (flat[offset : last + 1], 0)


def write_zip(obj, folder, byteorder=True):
    """Return a function that writes an object as a zip file; the object is pickled by now."""
    memories = Memories(lambda number, address: str(number))
    data = PickleWriter(memories.key_of).write(obj)

    def write(put):
        archive = ArchiveWriter(put, folder)
        archive.write("data.pkl", data)
        archive.write(".format_version", b"1")
        archive.write(".storage_alignment", b"64")
        if byteorder:
            archive.write("byteorder", sys.byteorder.encode())
        for key, flat in memories.flats:
            archive.write(f"data/{key}", flat.view(np.uint8))
        archive.write("version", b"3\n")
        archive.write(".data/serialization_id", identity(archive))
        archive.finish()

    return write


def identity(archive):
    """Return forty digits that depend on the names and the contents of an archive's records."""
    names = b"\0".join(name for name, *_ in archive.directory)
    contents = pack(f"<{len(archive.checks)}I", *archive.checks)
    return b"%020d%020d" % (zlib.crc32(names), zlib.crc32(contents))


def write_legacy(obj, folder, byteorder=True):
    """Return a function that writes an object in the format from before PyTorch 1.6."""
    memories = Memories(lambda number, address: f"{address}{number}")
    data = PickleWriter(memories.key_of, legacy=True).write(obj)
    sizes = {"short": 2, "int": 4, "long": 4}
    system = {
        "protocol_version": VERSION,
        "little_endian": sys.byteorder == "little",
        "type_sizes": sizes,
    }

    def write(put):
        for part in (MAGIC, VERSION, system):
            put(PickleWriter(memories.key_of).write(part))
        put(data)
        put(PickleWriter(memories.key_of).write([key for key, _ in memories.flats]))
        for _, flat in memories.flats:
            size = flat.nbytes if flat.dtype.name in _UNTYPED else flat.size
            put(pack("<q", size))
            put(flat.view(np.uint8))

    return write


# dtypes whose storages have no class of their own in PyTorch: their sizes count bytes.
_UNTYPED = ("uint16", "uint32", "uint64")
