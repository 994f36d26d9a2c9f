"""Files that are there whole or not at all."""

from __future__ import annotations

import os
import secrets
import stat
from contextlib import contextmanager


@contextmanager
def replaced(path):
    """Give a file to write; it takes the place of `path` when the block ends without an error.

    The bytes go into a new file beside `path`, reach the disk, and the new file is renamed.  A
    crash at any time leaves the old file or the new one.  After an error nothing is left behind.
    The new file has the old one's permissions, or those of any new file.  A link stays a link:
    what it leads to is replaced.  What is no regular file (a pipe, a device) is written into.
    """
    path = os.path.realpath(os.fspath(path))
    try:
        mode = os.stat(path).st_mode
    except FileNotFoundError:
        mode = None
    if mode is not None and stat.S_ISDIR(mode):
        raise IsADirectoryError(f"{path!r} is a folder, not a file to write")
    if mode is not None and not stat.S_ISREG(mode):
        with open(path, "wb") as file:
            yield file
        return
    folder, name = os.path.split(path)
    if isinstance(name, bytes):
        folder, name = os.fsdecode(folder), os.fsdecode(name)
    # A long name cut short still fits the file system's 255 bytes with the rest of it.
    temporary = os.path.join(folder, f".{name[:50]}.{os.getpid()}-{secrets.token_hex(4)}.tmp")
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
    handle = os.open(temporary, flags, 0o666)
    try:
        with open(handle, "wb") as file:
            if mode is not None:
                os.chmod(temporary, stat.S_IMODE(mode))
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise
