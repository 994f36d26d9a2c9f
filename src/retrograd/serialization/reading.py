"""load: read a checkpoint."""

from __future__ import annotations

import os
import sys

from .._core.storage import Storage
from .allowed import UNTYPED, damaged, find
from .archive import Archive, FileBytes, MappedBytes
from .legacy import load_legacy
from .locations import placer
from .opcodes import Reader, StorageReference
from .storages import ITEM_SIZES, storage_id, typed, warn_widened


def load(f, map_location=None, pickle_module=None, *, weights_only=None, mmap=None,
         **pickle_load_args):  # fmt: skip
    """Read what :func:`save`, or PyTorch's, wrote.

    The file is read by an interpreter of pickle's instructions that imports nothing and calls
    nothing: whatever the file holds, only tensors, containers, numbers and text come out.

    Parameters
    ----------
    f : str, os.PathLike or file
        A file must be seekable and give bytes.
    map_location : str, device, dict or callable, optional
        Where tensors are to be.  Only the CPU is possible; for tensors saved on a GPU it has to
        be given: ``map_location="cpu"``.
    pickle_module : None
        Not used.  As in PyTorch, refused together with ``weights_only=True``.
    weights_only : bool, optional
        Makes no difference: objects other than data are never made.
    mmap : bool, optional
        Map the file into memory in place of reading it: opening is immediate, pages are read when
        they are looked at, and writing into a tensor does not change the file.  The CRC of tensors
        is not checked then.  A mapped file must not be shortened; `save` never does that, it puts
        a new file in the place of the old.
    **pickle_load_args
        ``encoding`` and its like are accepted; text is UTF-8.

    Returns
    -------
    object
        bfloat16 tensors become float32 ones of exactly the same values, with a warning.

    Raises
    ------
    RuntimeError
        When the file is truncated, damaged or no checkpoint.
    pickle.UnpicklingError
        When it asks for anything but data; the message names it and says what is allowed.

    Examples
    --------
    >>> import io, retrograd as torch
    >>> file = io.BytesIO()
    >>> torch.save({"weight": torch.ones(2), "epoch": 3}, file)
    >>> _ = file.seek(0)
    >>> torch.load(file)
    {'weight': tensor([1., 1.]), 'epoch': 3}
    """
    if pickle_module is not None and weights_only:
        raise RuntimeError(
            "Can not safely load weights when explicit pickle_module is specified"
        )
    place = placer(map_location)
    if isinstance(f, (str, os.PathLike)):
        with open(f, "rb") as file:
            return _load_file(file, place, mmap, f)
    if mmap:
        raise ValueError("f must be a file path in order to use the mmap argument")
    for needed in ("seek", "tell", "read"):
        if not hasattr(f, needed):
            raise AttributeError(
                f"{type(f).__name__!r} object has no attribute {needed!r}. You can only torch.load "
                "from a file that is seekable. Please pre-load the data into a buffer like "
                "io.BytesIO and try to load from it instead."
            )
    return _load_file(f, place, False, "f")


def _load_file(file, place, mmap, name):
    start = file.tell()
    magic = file.read(4)
    file.seek(start)
    if not magic:
        raise EOFError("Ran out of input: the file is empty")
    if magic != b"PK\x03\x04":
        if mmap:
            raise RuntimeError(
                "mmap can only be used with files saved with "
                f"`torch.save({name}, _use_new_zipfile_serialization=True), please torch.save "
                "your checkpoint with this option in order to use mmap."
            )
        return load_legacy(file, place)
    return load_zip(Archive(MappedBytes(file) if mmap else FileBytes(file)), place)


def load_zip(archive, place):
    """Return the object that a checkpoint's zip file holds."""
    if archive.has("constants.pkl"):
        raise RuntimeError(
            "Cannot use ``weights_only=True`` with TorchScript archives passed to ``torch.load``: "
            "this file is a program saved by torch.jit.save, and retrograd runs none. Load it in "
            "PyTorch and save its state_dict()."
        )
    storages = ZipStorages(archive, place)
    value = Reader(archive.read("data.pkl").tobytes(), find, storages.get).load()
    storages.warn()
    return value


class ZipStorages:
    """The storages of a checkpoint, each read once, when a tensor first asks for it.

    Parameters
    ----------
    archive : Archive
    place : callable
        Checks where a location is mapped to.
    """

    def __init__(self, archive, place):
        self.archive = archive
        self.place = place
        self.found = {}
        self.widened = 0
        order = archive.read("byteorder").tobytes() if archive.has("byteorder") else b"little"
        if order not in (b"little", b"big"):
            raise RuntimeError(f"Invalid load endianness type: {order[:20]!r}")
        self.swapped = order.decode() != sys.byteorder

    def get(self, reader, pid):
        """Return the storage that a persistent id names."""
        dtype, key, location, count = storage_id(pid)
        storage = self.found.get(key)
        if storage is None:
            self.place(location)
            flat = self._read(f"data/{key}", dtype, count)
            self.found[key] = storage = StorageReference(dtype, flat, location, Storage())
        elif storage.dtype != dtype:
            raise damaged(f"storage {key!r} is both {storage.dtype} and {dtype}")
        return storage

    def _read(self, record, dtype, count):
        have, width = self.archive.size_of(record), ITEM_SIZES[dtype]
        if have != count * width:
            raise RuntimeError(
                f"record size ({have} bytes) does not match expected size ({count * width} bytes "
                f"= {count} elements * {width} bytes/element) for dtype {dtype} of {record}"
            )
        raw = self.archive.read(record, check=not self.archive.source.mapped)
        if self.swapped and dtype == UNTYPED:
            raise RuntimeError("untyped storages of another byte order are not read")
        if dtype == "bfloat16":
            self.widened += 1
        return typed(raw, dtype, self.swapped, self.archive.source.mapped)

    def warn(self):
        """Say that tensors have another dtype than in the file."""
        warn_widened(self.widened)
