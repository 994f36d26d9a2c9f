"""torch.serialization's lists of allowed classes, which change nothing here."""

from __future__ import annotations

import os

from .allowed import TABLE, no_storage
from .archive import Archive, FileBytes
from .opcodes import Named, Reader, StorageReference

_listed: list[object] = []


def add_safe_globals(safe_globals):
    """Note classes and functions as PyTorch's function does; `load` makes none of them anyway.

    Programs call it before loading.  Where the file holds only what :func:`load` reads by itself,
    they run; for anything else `load`'s error names what is in the file.
    """
    _listed.extend(one for one in safe_globals if one not in _listed)


def get_safe_globals():
    """Return what was given to :func:`add_safe_globals`."""
    return list(_listed)


def clear_safe_globals():
    """Forget what was given to :func:`add_safe_globals`."""
    _listed.clear()


class safe_globals:
    """:func:`add_safe_globals` for the length of a ``with`` block."""

    def __init__(self, safe_globals):
        self.given = list(safe_globals)

    def __enter__(self):
        self.before = get_safe_globals()
        add_safe_globals(self.given)

    def __exit__(self, *error):
        _listed[:] = self.before


def get_unsafe_globals_in_checkpoint(f):
    """Return the full names of what a file asks for and :func:`load` refuses; runs nothing.

    Parameters
    ----------
    f : str, os.PathLike or file
        A checkpoint in the zip format.
    """
    if isinstance(f, (str, os.PathLike)):
        with open(f, "rb") as file:
            return get_unsafe_globals_in_checkpoint(file)
    data = Archive(FileBytes(f)).read("data.pkl").tobytes()
    reader = _NameReader(data, _anything, no_storage)
    reader.load()
    return sorted(reader.unsafe)


def _anything(name):
    return Named(name)


class _NameReader(Reader):
    """Reads a pickle for its names alone: what a name would make is an empty list."""

    def __init__(self, *given):
        super().__init__(*given)
        self.unsafe = set()
        self.storage = lambda reader, pid: StorageReference("untyped", None, "cpu", None)

    def push_global(self, module, name):
        """Note a name that the table does not have."""
        super().push_global(module, name)
        full_name = self.stack[-1].name
        if full_name not in TABLE:
            self.unsafe.add(full_name)

    def call(self, function, arguments):
        """Return a list in place of any object."""
        return []

    def build(self, target, state):
        """Do nothing."""

    def expect_value(self, value):
        """Allow everything."""

    def extend_list(self, items):
        """Do nothing."""

    def fill_dict(self, items):
        """Do nothing."""

    def make_set(self, items, kind=set):
        """Return an empty set."""
        return kind()
