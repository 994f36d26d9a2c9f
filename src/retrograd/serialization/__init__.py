"""Checkpoints: PyTorch's files, written and read without running anything that is in them."""

from .._missing import missing_name as _missing_name
from .reading import load as load
from .safe_globals import add_safe_globals as add_safe_globals
from .safe_globals import clear_safe_globals as clear_safe_globals
from .safe_globals import get_safe_globals as get_safe_globals
from .safe_globals import get_unsafe_globals_in_checkpoint as get_unsafe_globals_in_checkpoint
from .safe_globals import safe_globals as safe_globals
from .writing import save as save

__all__ = [
    "add_safe_globals",
    "clear_safe_globals",
    "get_safe_globals",
    "get_unsafe_globals_in_checkpoint",
    "load",
    "safe_globals",
    "save",
]


def __getattr__(name):
    raise _missing_name(__name__, name)
