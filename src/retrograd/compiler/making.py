"""Making: the process that compiles kernels, so that a program is not held up meanwhile.

Numba takes seconds, and holds Python's lock for most of them: a thread that compiled would halve
the speed of the steps that go on in front of it.  The process is started when kernels are expected
that the cache does not hold, is given sources and returns object files, and ends when nothing was
asked for half a minute, or with the program.  Where none can be started, the asking thread
compiles.

A message is its length in 8 bytes, and its bytes; an answer begins with a byte that says whether it
is an object file or the text of an error.
"""

from __future__ import annotations

import atexit
import contextlib
import gc
import json
import os
import select
import struct
import sys
import threading
from typing import Any

# The process needs four files and NumPy: the packages around these files are not run, and neither
# is SciPy, which numba looks for on account of matrix products.
START = """
import importlib, json, sys, types
sys.path[:], packages, module = json.loads(sys.argv[1])
for name, folders in packages:
    sys.modules[name] = types.ModuleType(name)
    sys.modules[name].__path__ = folders
sys.modules["scipy"] = None
importlib.import_module(module).serve()
"""
PATIENCE = 30.0  # seconds without a question
READY, MADE, FAILED = b"r", b"o", b"e"


class Gone(Exception):
    """The process has ended, or was never there."""


class Maker:
    """The process, from the side of the program."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.process: Any = None
        self.hopeless = not sys.executable
        self.stopped = False

    def begin(self) -> None:
        """Start the process if there is none, so that it is ready for the first question."""
        with self.lock:
            if self.process is None and not self.hopeless:
                try:
                    self.start()
                except (Gone, OSError):
                    self.end()

    def make(self, source: str, signature: tuple[str, ...], numbers: int) -> bytes | None:
        """Return the object file of a kernel, None where there is no process to make it.

        Raises
        ------
        RuntimeError
            Where it cannot be compiled, with the compiler's words.
        Gone
            Where the program ends meanwhile.
        """
        question = json.dumps([source, signature, numbers]).encode()
        with self.lock:
            for _ in range(2):  # it may have ended by itself since the last question
                if self.stopped:
                    raise Gone
                if self.hopeless:
                    return None
                try:
                    if self.process is None:
                        self.start()
                    put(self.process.stdin, question)
                    answer = get(self.process.stdout)
                except (Gone, OSError):
                    self.end()
                    continue
                except BaseException:  # interrupted: the answer would be taken for another one
                    self.end()
                    raise
                if answer[:1] == MADE:
                    return answer[1:]
                raise RuntimeError(answer[1:].decode("utf-8", "replace"))
            if self.stopped:
                raise Gone
            self.hopeless = True
            return None

    def start(self) -> None:
        """Start the process, and wait until it has said so."""
        import subprocess

        names = __name__.split(".")[:-1]
        around = [".".join(names[: place + 1]) for place in range(len(names))]
        packages = [(name, list(sys.modules[name].__path__)) for name in around]
        settings = json.dumps([sys.path, packages, __name__])
        self.process = subprocess.Popen(
            [sys.executable, "-c", START, settings],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        watch = threading.Timer(PATIENCE, self.process.kill)
        watch.daemon = True
        watch.start()
        try:
            if self.stopped or get(self.process.stdout) != READY:
                raise Gone
        finally:
            watch.cancel()

    def stop(self) -> None:
        """Start none from now on, and let who waits for an answer go: the program ends."""
        self.stopped = True
        process = self.process
        if process is not None:
            process.kill()

    def end(self) -> None:
        """End the process."""
        process, self.process = self.process, None
        if process is None:
            return
        with contextlib.suppress(OSError):
            process.stdin.close()
        with contextlib.suppress(OSError):
            process.stdout.close()
        process.kill()
        process.wait()


def put(pipe: Any, message: bytes) -> None:
    """Write a message."""
    pipe.write(struct.pack("<q", len(message)) + message)
    pipe.flush()


def get(pipe: Any) -> bytes:
    """Read a message."""
    head = pipe.read(8)
    if len(head) < 8:
        raise Gone
    (size,) = struct.unpack("<q", head)
    if not 0 <= size < 1 << 30:  # somebody else's words
        raise Gone
    message: bytes = pipe.read(size)
    if len(message) < size:
        raise Gone
    return message


def serve() -> None:
    """Answer questions until there are no more: what the process does."""
    from . import numba_backend

    gc.disable()  # numba makes a great many objects, and the process is short-lived
    # What a library prints must not come between the answers.
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    questions = os.fdopen(os.dup(0), "rb")
    put(answers, READY)
    with contextlib.suppress(Exception):  # the first question tells why
        numba_backend.load_numba()
    while waited(questions):
        try:
            source, signature, numbers = json.loads(get(questions))
        except Gone:
            return
        try:
            answer = MADE + numba_backend.compile_here(source, tuple(signature), numbers)
        except Exception as error:
            answer = FAILED + f"{type(error).__name__}: {error}".encode()
        try:
            put(answers, answer)
        except OSError:
            return


def waited(questions: Any) -> bool:
    """Wait for a question; say whether to read on."""
    try:
        return bool(select.select([questions], [], [], PATIENCE)[0])
    except (OSError, ValueError):  # no way to wait for pipes here
        return True


def begin() -> None:
    """Start the process in the background, if there is none."""
    if maker.process is None and not maker.hopeless:
        threading.Thread(target=maker.begin, name="retrograd maker", daemon=True).start()


def end() -> None:
    """End the process with the program."""
    maker.stop()
    maker.end()


maker = Maker()
atexit.register(end)
_others: list[Maker] = []  # of processes that this one was forked from; not to be ended here


def renew() -> None:
    """Begin anew in a forked process: the other's pipes are not its own."""
    global maker
    _others.append(maker)
    maker = Maker()
