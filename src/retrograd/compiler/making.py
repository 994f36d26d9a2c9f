"""Making: the process that compiles kernels, so that a program is not held up meanwhile.

Numba takes seconds, and holds Python's lock for most of them: a thread that compiled would halve
the speed of the steps that go on in front of it.  The process is started when kernels are expected
that the cache does not hold, is given sources and returns object files, and ends when nothing was
asked for half a minute, or with the program.  Where none can be started, the asking thread
compiles.

A program that ends does not wait for a kernel that is being made: the process puts it into the
cache for the next program, if it can do so soon, and ends.

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
ALONE = 10.0  # seconds for a kernel that nobody waits for any more
READY, MADE, FAILED = b"r", b"o", b"e"


class Gone(Exception):
    """The process has ended, or was never there."""


class Maker:
    """The process, from the side of the program."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.process: Any = None
        self.pipes: tuple[int, ...] = ()  # to write questions into, to read answers from
        self.hopeless = not sys.executable
        self.stopped = False
        self.asking = False  # whether it is making a kernel

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
                if self.hopeless or self.stopped:
                    break
                try:
                    if self.process is None:
                        self.start()
                    self.asking = True
                    put(self.pipes[0], question)
                    answer = get(self.pipes[1])
                except (Gone, OSError):
                    self.end()
                    continue
                except BaseException:  # interrupted: the answer would be taken for another one
                    self.end()
                    raise
                finally:
                    self.asking = False
                if self.stopped:
                    break
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
        (given, own), (answers, others) = os.pipe(), os.pipe()
        self.pipes = (own, answers)
        try:
            self.process = subprocess.Popen(
                [sys.executable, "-c", START, settings],
                stdin=given, stdout=others, stderr=subprocess.DEVNULL,
            )  # fmt: skip
        finally:
            os.close(given)
            os.close(others)
        watch = threading.Timer(PATIENCE, self.process.kill)
        watch.daemon = True
        watch.start()
        try:
            if self.stopped or get(answers) != READY:
                raise Gone
        finally:
            watch.cancel()

    def stop(self) -> None:
        """Start none from now on, and end the process, or leave it what it is making."""
        self.stopped = True
        process = self.process
        if not self.asking:
            self.end()
        elif process is not None:
            process.returncode = 0  # nobody waits for it

    def end(self) -> None:
        """End the process."""
        pipes, self.pipes = self.pipes, ()
        for pipe in pipes:
            os.close(pipe)
        process, self.process = self.process, None
        if process is not None:
            process.kill()
            process.wait()


def put(pipe: int, message: bytes) -> None:
    """Write a message."""
    left = memoryview(struct.pack("<q", len(message)) + message)
    while left:
        left = left[os.write(pipe, left) :]


def get(pipe: int) -> bytes:
    """Read a message."""
    (size,) = struct.unpack("<q", some(pipe, 8))
    if not 0 <= size < 1 << 30:  # somebody else's words
        raise Gone
    return some(pipe, size)


def some(pipe: int, size: int) -> bytes:
    """Read so many bytes."""
    found = b""
    while len(found) < size:
        more = os.read(pipe, size - len(found))
        if not more:
            raise Gone
        found += more
    return found


def serve() -> None:
    """Answer questions until there are no more: what the process does."""
    from . import numba_backend

    gc.disable()  # numba makes a great many objects, and the process is short-lived
    # What a library prints must not come between the answers.
    questions, answers = os.dup(0), os.dup(1)
    os.dup2(2, 1)
    put(answers, READY)
    with contextlib.suppress(Exception):  # the first question tells why
        numba_backend.load_numba()
    while waited(questions):
        try:
            source, signature, numbers = json.loads(get(questions))
        except Gone:
            return
        asked = (source, tuple(signature), numbers)
        made = threading.Event()
        threading.Thread(target=give_up, args=(questions, made), daemon=True).start()
        image = b""
        try:
            image = numba_backend.compile_here(*asked)
            answer = MADE + image
        except Exception as error:
            answer = FAILED + f"{type(error).__name__}: {error}".encode()
        made.set()
        try:
            put(answers, answer)
        except OSError:
            if image:
                numba_backend.store(numba_backend.name_of(*asked), image)
            return


def give_up(questions: int, made: threading.Event) -> None:
    """End the process where a kernel takes long, and who asked for it has ended."""
    alone = 0.0
    while alone < ALONE:
        if made.wait(0.5):
            return
        try:
            if select.select([questions], [], [], 0)[0]:  # nobody asks before there is an answer
                alone += 0.5
        except (OSError, ValueError):  # no way to look into pipes here
            return
    os._exit(1)


def waited(questions: int) -> bool:
    """Wait for a question; say whether to read on."""
    try:
        return bool(select.select([questions], [], [], PATIENCE)[0])
    except (OSError, ValueError):  # no way to wait for pipes here
        return True


def begin() -> None:
    """Start the process in the background, if there is none."""
    if maker.process is None and not maker.hopeless:
        threading.Thread(target=maker.begin, name="retrograd maker", daemon=True).start()


def stop() -> None:
    """End the process with the program."""
    maker.stop()


maker = Maker()
atexit.register(stop)
_others: list[Maker] = []  # of processes that this one was forked from; not to be ended here


def renew() -> None:
    """Begin anew in a forked process: the other's pipes are not its own."""
    global maker
    _others.append(maker)
    maker = Maker()
