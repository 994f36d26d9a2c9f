"""The process that compiles: what it answers, and what happens where it is not there."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time

import numpy as np
import pytest

from retrograd.compiler import making, numba_backend

pytest.importorskip("numba")

SOURCE = "import numpy as np\ndef kernel(n, a):\n    a[0] = n + {}\n    return np.int64(0)\n"
KIND = ("float64/out",)


@pytest.fixture(scope="module", autouse=True)
def one():
    """Have one process for the tests of this file, and end it."""
    with pytest.MonkeyPatch.context() as patch:
        made = making.Maker()
        patch.setattr(making, "maker", made)
        yield made
        made.end()


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("RETROGRAD_CACHE_DIR", str(tmp_path))


def works(number):
    run = numba_backend.build(SOURCE.format(number), KIND, 1).bind((5,), (1,))
    out = np.zeros(1)
    assert run(out) == 0
    assert out[0] == 5 + number


def test_it_makes_kernels_one_after_the_other(one):
    works(1)
    first = one.process.pid
    works(2)
    assert one.process.pid == first


def test_the_compilers_words(one):
    with pytest.raises(RuntimeError, match=r"TypingError(.|\n)*nowhere"):
        one.make("def kernel(n, a):\n    return nowhere(n)\n", KIND, 1)
    works(3)


def test_it_is_started_again_where_it_has_ended(one):
    works(4)
    one.process.kill()
    one.process.wait()
    works(5)
    assert not one.hopeless


@pytest.mark.parametrize("how", ["nothing", "other words", "no program"])
def test_where_there_is_none_the_thread_compiles(monkeypatch, how):
    """As with an executable that is no Python, or none that may be started."""
    fake = making.Maker()
    if how == "nothing":
        monkeypatch.setattr(making, "START", "")
    elif how == "other words":
        monkeypatch.setattr(making, "START", "print('Welcome to something else!' * 9)")
    else:
        monkeypatch.setattr(sys, "executable", os.path.join(os.sep, "nowhere", "python"))
    monkeypatch.setattr(making, "maker", fake)
    works({"nothing": 6, "other words": 7, "no program": 8}[how])
    assert fake.hopeless
    assert fake.process is None


def test_one_that_says_nothing_is_given_up(monkeypatch):
    fake = making.Maker()
    monkeypatch.setattr(making, "START", "import time; time.sleep(60)")
    monkeypatch.setattr(making, "PATIENCE", 0.2)
    monkeypatch.setattr(making, "maker", fake)
    works(9)
    assert fake.hopeless


def test_an_interrupted_question_is_not_answered_later(one, monkeypatch):
    works(10)

    def interrupted(_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(making, "get", interrupted)
        with pytest.raises(KeyboardInterrupt):
            one.make(SOURCE.format(11), KIND, 1)
    assert one.process is None
    works(12)


def test_it_may_be_started_before_the_first_question(monkeypatch):
    early = making.Maker()
    monkeypatch.setattr(making, "maker", early)
    making.begin()
    while early.process is None:
        time.sleep(0.01)
    first = early.process.pid
    making.begin()
    works(14)
    assert early.process.pid == first
    early.end()


def test_none_is_started_when_the_program_ends(monkeypatch):
    ending = making.Maker()
    monkeypatch.setattr(making, "maker", ending)
    ending.stop()
    making.begin()
    with pytest.raises(making.Gone):
        ending.make(SOURCE.format(15), KIND, 1)
    assert ending.process is None


LEAVING = """
import pathlib, sys, time
from retrograd.compiler import making, numba_backend
def ask():
    try:
        numba_backend.build(pathlib.Path(sys.argv[1]).read_text(), ("float64/out",), 1)
    except making.Gone:
        pass
numba_backend.submit(ask)
while not making.maker.asking:
    time.sleep(0.01)
print(making.maker.process.pid)
"""


def test_a_program_that_ends_leaves_a_kernel_to_be_made(tmp_path):
    """The next program finds it in the cache."""
    lines = "".join(f"    a[{n % 7}] = np.sin(a[{n % 5}]) + {n}\n" for n in range(300))
    source = f"import numpy as np\ndef kernel(n, a):\n{lines}    return np.int64(0)\n"
    path = tmp_path / "source.txt"
    path.write_text(source)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)}
    words = [sys.executable, "-W", "error", "-c", LEAVING, str(path)]
    found = subprocess.run(words, env=environment, capture_output=True, text=True, timeout=60)
    assert (found.stderr, found.returncode) == ("", 0)
    name = numba_backend.name_of(source, KIND, 1)
    end = time.monotonic() + 60
    while numba_backend.load(name) is None and time.monotonic() < end:
        time.sleep(0.05)
    assert numba_backend.load(name) is not None
    if sys.platform != "win32":
        while is_alive(int(found.stdout)) and time.monotonic() < end:
            time.sleep(0.05)
        assert not is_alive(int(found.stdout))


def is_alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


PROGRAM = """
import sys
from retrograd.compiler import making, numba_backend
numba_backend.build(sys.argv[1], ("float64/out",), 1)
print(making.maker.process.pid, "numba" in sys.modules)
"""


def test_it_ends_with_the_program():
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)}
    words = [sys.executable, "-W", "error", "-c", PROGRAM, SOURCE.format(13)]
    found = subprocess.run(words, env=environment, capture_output=True, text=True, timeout=120)
    assert found.stderr == ""
    pid, numba = found.stdout.split()
    assert numba == "False"
    if sys.platform != "win32":
        with pytest.raises(ProcessLookupError):
            os.kill(int(pid), 0)


def test_a_message_that_is_cut_off():
    reading, writing = os.pipe()
    making.put(writing, b"whole")
    os.write(writing, b"\x05\0\0\0\0\0\0\0abc")
    os.close(writing)
    assert making.get(reading) == b"whole"
    for _ in range(2):
        with pytest.raises(making.Gone):
            making.get(reading)
    os.close(reading)


def test_one_that_makes_for_nobody_gives_up(monkeypatch):
    """Where the program has ended, and the kernel takes long."""
    ended = []
    monkeypatch.setattr(making, "ALONE", 1.0)
    monkeypatch.setattr(making.os, "_exit", ended.append)
    reading, writing = os.pipe()
    os.close(writing)
    making.give_up(reading, threading.Event())
    assert ended == [1]
    made = threading.Event()
    made.set()
    making.give_up(reading, made)
    assert ended == [1]
    os.close(reading)
