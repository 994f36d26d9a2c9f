"""Storages: what their ids say, and their bytes as arrays."""

from __future__ import annotations

import warnings

import numpy as np

from .allowed import STORAGE_DTYPES, UNTYPED, damaged
from .opcodes import Named

# Bytes of one element in the file.
ITEM_SIZES = {
    name: 2 if name == "bfloat16" else np.dtype(name).itemsize for name in STORAGE_DTYPES.values()
}
ITEM_SIZES[UNTYPED] = 1


def storage_id(pid):
    """Return (dtype, key, location, number of elements) of a persistent id."""
    if not isinstance(pid, tuple) or len(pid) < 5 or pid[0] != "storage":
        raise damaged(f"a persistent id is no storage's: {type(pid).__name__}")
    kind, key, location, count = pid[1:5]
    if type(kind) is not Named or type(kind.meaning) is not str:
        raise damaged("a storage has no dtype")
    if type(key) is not str or type(location) is not str or type(count) is not int or count < 0:
        raise damaged("a storage's key, location or size is none")
    return kind.meaning, key, location, count


def typed(raw, dtype, swapped=False, mapped=False):
    """Return the flat array of a storage from its bytes; bfloat16 as float32."""
    if dtype == UNTYPED:
        return raw
    if dtype == "bfloat16":
        halves = raw.view(np.uint16)
        if swapped:
            halves = halves.byteswap()
        return (halves.astype(np.uint32) << 16).view(np.float32)
    if dtype == "bool" and not mapped and raw.size and raw.max() > 1:
        return raw != 0
    flat = raw.view(np.dtype(dtype))
    return flat.byteswap() if swapped else flat


def warn_widened(count):
    """Warn of storages that were read as float32."""
    if count:
        warnings.warn(
            f"{count} storages of torch.bfloat16 were loaded as torch.float32: the values are "
            "exactly those saved, in twice the memory (retrograd has no bfloat16 yet)",
            UserWarning,
            stacklevel=4,
        )
