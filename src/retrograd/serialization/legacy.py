"""Checkpoints as PyTorch wrote them before version 1.6: five pickles, then the storages."""

from __future__ import annotations

import struct

import numpy as np

from .._core.storage import Storage
from .allowed import damaged, find, no_storage
from .archive import FileBytes
from .opcodes import LARGEST, Reader, StorageReference
from .storages import ITEM_SIZES, storage_id, typed, warn_widened

MAGIC = 0x1950A86A20F9469CFC6C
VERSION = 1001


def load_legacy(file, place):
    """Return the object of a file that is no zip file.

    Raises
    ------
    RuntimeError
        When it is no checkpoint at all, or is damaged.
    """
    start = file.tell()
    source = FileBytes(file)
    head = source.read(start, min(source.size - start, 512)).tobytes()
    if head[257:262] == b"ustar":
        raise RuntimeError(
            "this is a tar file, as PyTorch wrote before version 0.1.10; load it in PyTorch and "
            "save it again"
        )
    not_ours = RuntimeError(
        "Invalid magic number; corrupt file? This is no PyTorch checkpoint (neither a zip file nor "
        f"PyTorch's older format): it starts with {head[:16]!r}."
    )
    if head[:1] != b"\x80":
        raise not_ours
    # The pickles' lengths are written nowhere: they are read in what may be the pickles' part.
    data = source.read(start, min(source.size - start, LARGEST)).tobytes()
    at = 0

    def next_pickle(storage):
        nonlocal at
        reader = Reader(data, find, storage, at)
        value = reader.load()
        at = reader.at
        return value

    if next_pickle(no_storage) != MAGIC:
        raise not_ours
    version = next_pickle(no_storage)
    if version != VERSION:
        raise RuntimeError(f"Invalid protocol version: {version!r}")
    system = next_pickle(no_storage)
    swapped = not (isinstance(system, dict) and system.get("little_endian", True))
    if swapped:
        raise RuntimeError("the file is of a machine with another byte order, which is not read")

    waiting = {}

    def storage(reader, pid):
        dtype, key, location, count = storage_id(pid)
        if len(pid) > 5 and pid[5] is not None:
            raise damaged("views of storages, as PyTorch 0.3 wrote them, are not read")
        found = waiting.get(key)
        if found is None:
            place(location)
            claimed = sum(len(raw) for _, raw in waiting.values()) + count * ITEM_SIZES[dtype]
            if claimed > source.size - start:
                raise damaged(
                    f"its storages have {claimed} bytes together, the file {source.size - start}"
                )
            raw = np.zeros(count * ITEM_SIZES[dtype], np.uint8)
            flat = typed(raw, dtype, mapped=True)
            waiting[key] = found = StorageReference(dtype, flat, location, Storage()), raw
        elif found[0].dtype != dtype:
            raise damaged(f"storage {key!r} is both {found[0].dtype} and {dtype}")
        return found[0]

    value = next_pickle(storage)
    keys = next_pickle(no_storage)
    if type(keys) is not list or sorted(map(str, keys)) != sorted(waiting):
        raise damaged("its list of storages is not that of its tensors")
    place_in_file = start + at
    widened = 0
    for key in keys:
        reference, raw = waiting[key]
        (count,) = struct.unpack("<q", source.read(place_in_file, 8))
        if count * ITEM_SIZES[reference.dtype] != raw.size:
            raise damaged(f"storage {key!r} has {count} elements in place of {raw.size} bytes")
        raw[:] = source.read(place_in_file + 8, raw.size)
        place_in_file += 8 + raw.size
        if reference.dtype == "bfloat16":
            widened += 1
            reference.flat[:] = typed(raw, "bfloat16")
    warn_widened(widened)
    return value
