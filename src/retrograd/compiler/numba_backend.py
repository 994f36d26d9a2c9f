"""Numba: turns the source of kernels into machine code, in the background.

The one file, with `numba_parts`, that imports numba, and only to compile, which is done in a
process of its own where one can be started.  Object files are kept in the cache directory, named by
a digest of all that they depend on: the source, the versions of numba and llvmlite, the processor.
So a later process loads them without numba.  Any file there may be deleted at any time.
"""

from __future__ import annotations

import atexit
import contextlib
import functools
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

from . import making, native
from .backends import cache_folder

ENDING = ".kernel"  # of a file of the cache: the digest of an object file, and that

# What kernels call beside their own functions: see `multiply`.
EXTERNAL = ("retrograd_product_float32", "retrograd_product_float64")

_kernels: dict[str, native.Code] = {}  # what was compiled or loaded in this process, by name

# -- the cache ------------------------------------------------------------------------------------

FORMAT = "3"  # of entries and of the convention between kernels and callers


def cache_directory() -> Path:
    """Return the folder of kernels: ``RETROGRAD_CACHE_DIR``, or one in the user's cache."""
    return Path(cache_folder())


def cache_size() -> tuple[int, int]:
    """Return how many kernels the cache holds, and its size in bytes."""
    folder = cache_directory() / "kernels"
    files = [path for path in folder.rglob("*") if path.is_file()] if folder.is_dir() else []
    size = 0
    for path in files:
        with contextlib.suppress(OSError):
            size += path.stat().st_size
    return sum(path.suffix == ENDING for path in files), size


def clear_cache() -> None:
    """Delete every kernel in the cache; what is loaded goes on working."""
    shutil.rmtree(cache_directory() / "kernels", ignore_errors=True)


def name_of(source: str, signature: tuple[str, ...], numbers: int) -> str:
    """Return the name of a kernel: a digest of all that its machine code depends on."""
    parts = (FORMAT, source, *signature, str(numbers), *surroundings())
    return "kernel_" + hashlib.sha256("\n".join(parts).encode()).hexdigest()[:32]


@functools.cache
def surroundings() -> tuple[str, ...]:
    """Return what the machine code of every kernel depends on."""
    import llvmlite

    layout = repr(native.LAYOUT)
    versions = (numba_version(), llvmlite.__version__)
    return (*versions, *native.processor(), sys.platform, layout)


def numba_version() -> str:
    """Return the version of numba without importing it, which takes longer than all the rest."""
    found = importlib.util.find_spec("numba")
    if found is not None and found.origin:
        with contextlib.suppress(OSError):
            text = Path(found.origin).with_name("_version.py").read_text(encoding="utf-8")
            return hashlib.sha256(text.encode()).hexdigest()
    from importlib import metadata

    return metadata.version("numba")


def load(name: str) -> bytes | None:
    """Return a kernel's object file from the cache, None where it is not there or damaged."""
    try:
        content = (cache_directory() / "kernels" / (name + ENDING)).read_bytes()
    except OSError:
        return None
    digest, image = content[:32], content[32:]
    return image if hashlib.sha256(image).digest() == digest else None


def store(name: str, image: bytes) -> None:
    """Put a kernel's object file into the cache, if it can be written.

    Other processes may do the same at the same time: the file appears whole or not at all.
    """
    folder = cache_directory() / "kernels"
    with contextlib.suppress(OSError):
        folder.mkdir(parents=True, exist_ok=True)
        handle, draft = tempfile.mkstemp(dir=folder, suffix=".draft")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(hashlib.sha256(image).digest() + image)
            os.replace(draft, folder / (name + ENDING))
        finally:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(draft)


# -- compiling ------------------------------------------------------------------------------------


def build(
    source: str,
    signature: tuple[str, ...],
    numbers: int = 2,
    symbols: dict[str, int] | None = None,
) -> native.Code:
    """Return a kernel as machine code, from this process, the cache, or compiled now.

    Parameters
    ----------
    source : str
        A module that defines ``kernel(numbers..., parameters...)``, which returns 0 as np.int64 or
        a reason why it has not run.  Arrays come flat, of one dimension.
    signature : tuple of str
        A parameter each: "float32" for a number; "float32/in" for an array that is read,
        "float32/out" for one that is written and shares no memory with the others, "float32/inout"
        for one that is both, "float32/scratch" for one that lives as long as a call.  The dtypes
        are those of floats, integers, and boolean.
    numbers : int
        How many int64 numbers come first; they are bound once.
    symbols : dict, optional
        The addresses of what else it calls, by name.

    Returns
    -------
    native.Code
        Its `bind` makes the builtins that run the kernel.
    """
    found = find(source, signature, numbers, symbols)
    if found is None:
        image = compile_source(source, signature, numbers)
        found = native.Code(native.link(image, symbols=symbols), signature)
        name = name_of(source, signature, numbers)
        store(name, image)
        _kernels[name] = found
    return found


def find(
    source: str,
    signature: tuple[str, ...],
    numbers: int = 2,
    symbols: dict[str, int] | None = None,
) -> native.Code | None:
    """Return what `build` does if this process or the cache has it, else None."""
    name = name_of(source, signature, numbers)
    found = _kernels.get(name)
    if found is None:
        library = recall(name, symbols=symbols)
        if library is not None:
            found = _kernels[name] = native.Code(library, signature)
    return found


def recall(
    name: str,
    exported: tuple[str, ...] = ("entry",),
    symbols: dict[str, int] | None = None,
) -> Any:
    """Return what `native.link` makes of an object file of the cache, None where it has none."""
    image = load(name)
    if image is not None:
        with contextlib.suppress(RuntimeError):  # no object file: it is made anew
            return native.link(image, exported, symbols)
    return None


def compile_source(source: str, signature: tuple[str, ...], numbers: int) -> bytes:
    """Return the object file of a kernel with its entry, made in a process of its own."""
    image = making.maker.make(source, signature, numbers)
    return compile_here(source, signature, numbers) if image is None else image


def load_numba() -> None:
    """Compile the smallest kernel: the first one has numba import and prepare itself."""
    compile_here("def kernel(a):\n    return a\n", ("int64",), 0)


def compile_here(source: str, signature: tuple[str, ...], numbers: int) -> bytes:
    """Do as `compile_source` in this thread."""
    import llvmlite.binding as llvm
    import numba
    from numba import types
    from numba.core import compiler, compiler_lock, registry

    from . import numba_parts

    parameters = native.parsed(signature)
    names: dict[str, Any] = {"flat": numba_parts.flat, **numba_parts.NAMES}
    exec(compile(source, "<retrograd kernel>", "exec"), names)
    names["kernel"] = numba.njit(forceinline=True, **numba_parts.alone)(names["kernel"])
    first = [f"n{number}" for number in range(numbers)]
    sizes = [f"s{place}" for place in range(len(parameters))]
    given = [f"p{place}" for place in range(len(parameters))]
    passed, declared = list(first), [types.int64] * (numbers + len(parameters))
    for place, (dtype, way) in enumerate(parameters):
        scalar = getattr(types, dtype)
        if way:
            passed.append(f"flat(p{place}, s{place})")
            declared.append(types.CPointer(scalar))
        else:
            passed.append(f"p{place} != 0" if dtype == "boolean" else f"p{place}")
            declared.append(types.uint8 if dtype == "boolean" else scalar)
    text = f"def outer({', '.join([*first, *sizes, *given])}):\n"
    exec(text + f"    return kernel({', '.join(passed)})", names)
    flags = compiler.Flags()
    flags.error_model = "numpy"
    target = registry.cpu_target
    with compiler_lock.global_compiler_lock:
        target.typing_context.refresh()
        target.target_context.refresh()
        made = compiler.compile_extra(
            target.typing_context, target.target_context, names["outer"], tuple(declared),
            types.int64, flags, {}, pipeline_class=numba_parts.Whole,
        )  # fmt: skip
        inner = made.fndesc.llvm_func_name
        entry = native.Entry(inner, signature, numbers)
        made.library.add_llvm_module(llvm.parse_assembly(entry.text + native.PLAIN_LOOPS))
        made.library.finalize()
        module = llvm.parse_assembly(made.library.get_llvm_str())
    return native.target_machine().emit_object(module)


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
        """Let the job at hand end and drop the others: machine code is not left half made.

        A kernel that is being made is not waited for, as that takes seconds.
        """
        with self.lock:
            self.stopped = making.maker.stopped = True
            thread = self.thread
        if thread is not None:
            self.jobs.put(None)
            while thread.is_alive() and not making.maker.asking:
                thread.join(0.01)


worker = Worker()


def _renew() -> None:
    """Begin anew in a forked process, which has no threads but its own."""
    global worker
    worker = Worker()
    making.renew()


atexit.register(lambda: worker.stop())
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew)


def submit(job: Callable[[], None]) -> None:
    """Run a job in the background."""
    worker.submit(job)


def finish() -> None:
    """Wait until everything in the background is done."""
    worker.finish()
