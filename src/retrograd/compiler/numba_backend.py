"""Numba: turns the source of kernels into machine code, in a background thread.

The one file that imports numba, and only in the thread that compiles.  Sources are written to the
cache directory as modules named by what they hold; numba keeps the machine code beside them, and
tells by itself whether it was made for this processor.  Any file there may be deleted at any time.
"""

from __future__ import annotations

import atexit
import contextlib
import hashlib
import importlib.util
import os
import queue
import shutil
import sys
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

_kernels: dict[str, Any] = {}  # what was compiled or loaded in this process, by name
_told: set[str] = set()


def available() -> bool:
    """Say whether numba is installed; it is not imported."""
    return "numba" in sys.modules or importlib.util.find_spec("numba") is not None


def tell_missing(asked: bool) -> None:
    """Say once what numba would bring, where somebody asked for it or reads the logs."""
    if "missing" in _told or not (asked or os.environ.get("RETROGRAD_LOGS")):
        return
    _told.add("missing")
    print(
        "retrograd.compile: numba is not installed, so recorded calls are replayed by NumPy; "
        "`pip install retrograd[compile]` brings fused kernels",
        file=sys.stderr,
    )


# -- the cache ------------------------------------------------------------------------------------


def cache_directory() -> Path:
    """Return the folder of kernels: ``RETROGRAD_CACHE_DIR``, or one in the user's cache."""
    given = os.environ.get("RETROGRAD_CACHE_DIR")
    if given:
        return Path(given)
    home = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    return Path(home) / "retrograd"


def cache_size() -> tuple[int, int]:
    """Return how many kernels the cache holds, and its size in bytes."""
    folder = cache_directory() / "kernels"
    files = [path for path in folder.rglob("*") if path.is_file()] if folder.is_dir() else []
    size = 0
    for path in files:
        with contextlib.suppress(OSError):
            size += path.stat().st_size
    return sum(path.suffix == ".py" for path in files), size


def clear_cache() -> None:
    """Delete every kernel in the cache; what is loaded goes on working."""
    shutil.rmtree(cache_directory() / "kernels", ignore_errors=True)


def write_source(name: str, source: str) -> Path:
    """Put a source into the cache, unless it is there; return its file.

    Other processes may do the same at the same time: the file appears whole or not at all.
    """
    folder = cache_directory() / "kernels"
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.py"
    with contextlib.suppress(OSError, UnicodeDecodeError):
        if path.read_text(encoding="utf-8") == source:
            return path
    drop_code(path)
    handle, draft = tempfile.mkstemp(dir=folder, suffix=".draft")
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(source)
    os.replace(draft, path)
    return path


def drop_code(path: Path) -> None:
    """Delete the machine code of a source."""
    for folder in (path.parent / "__pycache__", path.parent):
        for found in folder.glob(f"{path.stem}.*"):
            if found != path:
                with contextlib.suppress(OSError):
                    found.unlink()


# -- compiling ------------------------------------------------------------------------------------


def name_of(source: str, signature: tuple[str, ...]) -> str:
    """Return the name of a kernel: a digest of all that its machine code depends on here."""
    import numba

    parts = (source, *signature, numba.__version__, sys.version, sys.platform)
    return "kernel_" + hashlib.sha256("\n".join(parts).encode()).hexdigest()[:24]


def build(source: str, signature: tuple[str, ...]) -> Any:
    """Return a kernel as machine code, from this process, the cache, or compiled now.

    Parameters
    ----------
    source : str
        A module that defines ``kernel``.
    signature : tuple of str
        For each array ``dtype/dimensions``, for each number its dtype.
    """
    name = name_of(source, signature)
    found = _kernels.get(name)
    if found is None:
        try:
            path = write_source(name, source)
        except OSError:  # no place to write: compile all the same
            found = compile_source(source, signature, None)
        else:
            try:
                found = compile_source(source, signature, path)
            except Exception:  # a damaged file in the cache raises anything
                drop_code(path)
                found = compile_source(source, signature, None)
        _kernels[name] = found
    return found


def compile_source(source: str, signature: tuple[str, ...], path: Path | None) -> Any:
    import numba
    from numba import types

    names: dict[str, Any] = {}
    if path is None:
        exec(compile(source, "<retrograd kernel>", "exec"), names)
    else:
        # The module's name must be the same in every process: numba's index has it.
        names["__name__"] = path.stem
        names["__file__"] = str(path)
        exec(compile(source, str(path), "exec"), names)
    arrays = []
    for one in signature:
        dtype, _, rank = one.partition("/")
        scalar = getattr(types, dtype)
        arrays.append(types.Array(scalar, int(rank), "C") if rank else scalar)
    declared = types.int64(types.int64, types.int64, *arrays)
    options = {"nogil": True, "error_model": "numpy", "cache": path is not None}
    return numba.njit([declared], **options)(names["kernel"])


# -- the background -------------------------------------------------------------------------------


class Worker:
    """A thread that takes jobs one after the other; it starts with the first."""

    def __init__(self) -> None:
        self.jobs: queue.Queue[Callable[[], None] | None] = queue.Queue()
        self.lock = threading.Lock()
        self.thread: threading.Thread | None = None
        self.stopped = False

    def submit(self, job: Callable[[], None]) -> None:
        with self.lock:
            if self.stopped:
                return
            self.jobs.put(job)
            if self.thread is None:
                self.thread = threading.Thread(
                    target=self.work, name="retrograd compile", daemon=True
                )
                self.thread.start()

    def work(self) -> None:
        while True:
            job = self.jobs.get()
            try:
                if job is None:
                    return
                if not self.stopped:
                    job()
            finally:
                self.jobs.task_done()

    def finish(self) -> None:
        """Wait until every job that was submitted is done."""
        self.jobs.join()

    def stop(self) -> None:
        """Let the job at hand end and drop the others: machine code is not left half made."""
        with self.lock:
            self.stopped = True
            thread = self.thread
        if thread is not None and thread.is_alive():
            self.jobs.put(None)
            thread.join()


worker = Worker()


def _renew() -> None:
    """Begin anew in a forked process, which has no threads but its own."""
    global worker
    worker = Worker()


atexit.register(lambda: worker.stop())
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew)


def submit(job: Callable[[], None]) -> None:
    """Run a job in the background."""
    worker.submit(job)


def finish() -> None:
    """Wait until everything in the background is done."""
    worker.finish()
