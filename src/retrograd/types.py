"""`torch.types`: names for annotations."""

from __future__ import annotations

import os
from typing import IO

from .device import device
from .size import Size as Size
from .tensor import Tensor as Tensor

Number = int | float | bool
Device = device | str | int | None
FileLike = str | os.PathLike[str] | IO[bytes]

__all__ = ["Device", "FileLike", "Number"]
