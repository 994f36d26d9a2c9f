"""`torch.multiprocessing`: Python's own `multiprocessing`, with PyTorch's extra names.

Tensors travel between processes as pickles: they are copied, not shared.
"""

from __future__ import annotations

import multiprocessing as _standard
from multiprocessing import *  # noqa: F403
from typing import Any

__all__ = [*_standard.__all__, "get_all_sharing_strategies", "get_sharing_strategy"]
__all__ += ["set_sharing_strategy"]

_strategy = ["file_descriptor"]


def get_all_sharing_strategies() -> set[str]:
    """Return the names that `set_sharing_strategy` knows."""
    return {"file_descriptor", "file_system"}


def get_sharing_strategy() -> str:
    """Return what `set_sharing_strategy` was given."""
    return _strategy[0]


def set_sharing_strategy(new_strategy: str) -> None:
    """Remember a setting that nothing reads: tensors are copied.

    Raises
    ------
    AssertionError
        For an unknown name.
    """
    assert new_strategy in get_all_sharing_strategies()
    _strategy[0] = new_strategy


def __getattr__(name: str) -> Any:
    return getattr(_standard, name)
