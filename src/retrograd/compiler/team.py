"""Team: threads that take a share of work too short for waking somebody.

Note [Team].  Waking a thread takes longer than the product of two small matrices.  So the threads
that help wait for the next work in machine code, without Python's lock, as long as steps follow
each other, and sleep after some tenths of a millisecond without work.  Work is cut into chunks;
who is there claims the next one by counting up ``claim``, whose upper half is the number of the
work: a claim for work that is over fails.  Who comes too late finds nothing left, and nobody waits
for him.  A second thread of the program that has work meanwhile finds the team busy, and does it
alone.  What a chunk computes may not depend on who computes it.

Note [Disturbed].  Where other programs run, a helper may stop in the middle of a chunk, and whoever
waits for it loses more than was ever to gain.  So after a long wait the next work is not shared.

Note [Sleep].  A helper says that it sleeps, looks at ``claim`` once more, and waits for its lock;
who has work publishes that first, and then wakes who sleeps.  So no work is missed.
"""

from __future__ import annotations

import atexit
import ctypes
import os
import platform
import threading
import time
from typing import Any

from ..config import get_num_threads, on_threads, processors
from .llvm_text import Function

MOST_HELPERS = 3
SPINS = 8000  # looks at `claim` before a helper sleeps: 0.1 to 0.3 ms
LOOKS = 1024  # at `done`, beside those that a chunk of its size may take, before a wait is long
ALONE = 2000  # times that nothing is shared after a long wait
# Where things stand in the team's memory, in bytes; what different threads write is 64 apart.
CLAIM, DONE, WORK, BUSY, SIZE, HELPER = 0, 64, 128, 192, 256, 320
PAUSED = BUSY + 8  # how often nothing is shared; belongs to who has the team
RELEASE, ACQUIRE, YIELD = SIZE + 8, SIZE + 16, SIZE + 24
LOCK = 8  # behind a helper's word
BYTES = HELPER + 64 * MOST_HELPERS
LOWER, CLOSED = 0xFFFFFFFF, 0x7FFFFFFF


def text() -> str:
    """Return LLVM's text of `share` and of what helpers run.  See Note [Team].

    ``share(chunk, words, count, terms)`` calls ``chunk(words, index)`` for every index below
    ``count``; each makes so many terms.
    """
    rest = pause()
    declared = rest.replace("call", "declare").replace("i32 1", "i32")
    team = f"@team = internal global [{BYTES} x i8] zeroinitializer, align 64\n"
    where = "define ptr @retrograd_team() {\n  ret ptr @team\n}\n"
    return "\n".join([declared, team, where, share(rest), help_(rest)])


def pause() -> str:
    """Return the instruction of a thread that looks again and again."""
    machine = platform.machine().lower()
    if machine in ("x86_64", "amd64"):
        return "call void @llvm.x86.sse2.pause()"
    if machine in ("arm64", "aarch64"):
        return "call void @llvm.aarch64.hint(i32 1)"
    return ""


def word(f: Function, offset: int | str) -> str:
    """Return the place of a word of the team's memory."""
    return f.at("@team", "i8", offset)


def helper_word(f: Function, helper: str) -> str:
    """Return the place of the word that says whether a helper sleeps."""
    return word(f, f.sum(f.times(helper, 64), HELPER))


def share(rest: str) -> str:
    f = Function("define internal void @share(ptr %chunk, ptr %words, i64 %count, i64 %terms)")
    size = f.load("i64", word(f, SIZE), "monotonic")
    f.either(f.new(f"icmp eq i64 {size}, 0"), "alone", "ask")
    f.mark("ask")
    busy = word(f, BUSY)
    taken = f.new(f"cmpxchg ptr {busy}, i64 0, i64 1 acquire monotonic")
    f.either(f.new(f"extractvalue {{ i64, i1 }} {taken}, 1"), "mine", "alone")
    f.mark("mine")
    paused = word(f, PAUSED)
    left = f.load("i64", paused)
    f.either(f.new(f"icmp eq i64 {left}, 0"), "together", "later")
    f.mark("later")
    f.store(f"i64 {f.sum(left, -1)}", paused)
    f.store("i64 0", busy, "release")
    f.put("br label %alone")
    f.mark("alone")
    with f.loop("0", "%count", 1) as index:
        f.put(f"call void %chunk(ptr %words, i64 {index})")
    f.put("ret void")

    f.mark("together")
    claim, done = word(f, CLAIM), word(f, DONE)
    before = f.load("i64", claim, "monotonic")
    upper = f.times(f.sum(f.new(f"lshr i64 {before}, 32"), 1), 1 << 32)
    # Nobody may claim a chunk while the words change.
    f.store(f"i64 {f.new(f'or i64 {upper}, {CLOSED}')}", claim, "seq_cst")
    f.store("i64 0", done, "monotonic")
    for place, value in enumerate(("ptr %chunk", "ptr %words", "i64 %count")):
        f.store(value, word(f, WORK + 8 * place), "monotonic")
    f.store(f"i64 {upper}", claim, "seq_cst")
    with f.loop("0", size, 1) as helper:
        sleeps = helper_word(f, helper)
        with f.when(f.new(f"icmp ne i64 {f.load('i64', sleeps, 'seq_cst')}, 0")):
            slept = f.new(f"atomicrmw xchg ptr {sleeps}, i64 0 seq_cst")
            with f.when(f.new(f"icmp ne i64 {slept}, 0")):
                release = f.load("ptr", word(f, RELEASE))
                f.put(f"call void {release}(ptr {f.load('ptr', f.at(sleeps, 'i8', LOCK))})")
    own = f.variable(0)
    f.label("next")
    index = f.new(f"and i64 {f.new(f'atomicrmw add ptr {claim}, i64 1 acq_rel')}, {LOWER}")
    f.either(f.new(f"icmp slt i64 {index}, %count"), "work", "wait")
    f.mark("work")
    f.put(f"call void %chunk(ptr %words, i64 {index})")
    f.counted(own)
    f.put("br label %next")
    f.mark("wait")
    others = f.new(f"sub i64 %count, {f.load('i64', own)}")
    looks = f.variable(0)
    patience = f.sum(f.new("lshr i64 %terms, 9"), LOOKS)
    f.label("look")
    made = f.load("i64", done, "acquire")
    f.either(f.new(f"icmp sge i64 {made}, {others}"), "end", "again")
    f.mark("again")
    f.put(rest)
    seen = f.counted(looks)
    with f.when(f.new(f"icmp sgt i64 {seen}, {patience}")):  # see Note [Disturbed]
        f.store(f"i64 {ALONE}", paused)
        yields = f.load("ptr", word(f, YIELD))
        with f.when(f.new(f"icmp ne ptr {yields}, null")):
            f.put(f"call i32 {yields}()")  # the helper may need this processor
    f.put("br label %look")
    f.mark("end")
    f.store("i64 0", busy, "release")
    f.put("ret void")
    return f.text()


def help_(rest: str) -> str:
    f = Function("define void @retrograd_help(i64 %helper)")
    sleeps = helper_word(f, "%helper")
    claim, done = word(f, CLAIM), word(f, DONE)
    places = [word(f, WORK + offset) for offset in (0, 8, 16)]
    looks = f.variable(0)
    f.label("look")
    now = f.load("i64", claim, "seq_cst")
    index = f.new(f"and i64 {now}, {LOWER}")
    chunk, words = (f.load("ptr", one, "monotonic") for one in places[:2])
    count = f.load("i64", places[2], "monotonic")
    f.either(f.new(f"icmp slt i64 {index}, {count}"), "try", "idle")
    f.mark("try")
    taken = f.new(f"cmpxchg ptr {claim}, i64 {now}, i64 {f.sum(now, 1)} acq_rel monotonic")
    f.either(f.new(f"extractvalue {{ i64, i1 }} {taken}, 1"), "work", "look")
    f.mark("work")
    f.put(f"call void {chunk}(ptr {words}, i64 {index})")
    f.put(f"atomicrmw add ptr {done}, i64 1 release")
    f.store("i64 0", looks)
    f.put("br label %look")
    f.mark("idle")
    f.put(rest)
    seen = f.counted(looks)
    f.either(f.new(f"icmp slt i64 {seen}, {SPINS}"), "look", "tired")
    f.mark("tired")  # see Note [Sleep]
    f.store("i64 0", looks)
    f.store("i64 1", sleeps, "seq_cst")
    late = f.new(f"and i64 {f.load('i64', claim, 'seq_cst')}, {LOWER}")
    last = f.load("i64", places[2], "monotonic")
    f.either(f.new(f"icmp slt i64 {late}, {last}"), "rise", "sleep")
    f.mark("rise")
    was = f.new(f"atomicrmw xchg ptr {sleeps}, i64 0 seq_cst")
    f.either(f.new(f"icmp ne i64 {was}, 0"), "look", "sleep")
    f.mark("sleep")
    acquire = f.load("ptr", word(f, ACQUIRE))
    f.put(f"call i32 {acquire}(ptr {f.load('ptr', f.at(sleeps, 'i8', LOCK))}, i32 1)")
    f.put("br label %look")
    return f.text()


class Team:
    """The helpers of this process.

    Parameters
    ----------
    library : object
        What has the addresses of `text`'s functions; the team holds it, as helpers are in it.
    """

    def __init__(self, library: Any) -> None:
        self.library = library
        self.memory: int = ctypes.CFUNCTYPE(ctypes.c_void_p)(library["retrograd_team"])()
        runs = library["retrograd_help"]
        self.run = ctypes.CFUNCTYPE(None, ctypes.c_int64)(runs)  # lets go of Python's lock
        self.lock = threading.Lock()
        self.started = 0
        self.asked = False  # whether something was made that threads share
        python = ctypes.pythonapi
        self._put(RELEASE, python.PyThread_release_lock)
        self._put(ACQUIRE, python.PyThread_acquire_lock)
        if hasattr(os, "sched_yield"):
            self._put(YIELD, ctypes.CDLL(None).sched_yield)
        atexit.register(self.rest)
        on_threads.append(self.resize)
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=self.renew)

    def _word(self, offset: int) -> Any:
        return ctypes.c_int64.from_address(self.memory + offset)

    def _put(self, offset: int, function: Any) -> None:
        self._word(offset).value = ctypes.cast(function, ctypes.c_void_p).value or 0

    def ask(self) -> None:
        """Have helpers from now on, as there is something to share."""
        self.asked = True
        self.resize()

    def resize(self) -> None:
        """Let as many helpers work as `get_num_threads` and this process's processors allow."""
        if not self.asked:
            return
        wanted = max(min(get_num_threads(), processors()) - 1, 0)
        wanted = min(wanted, MOST_HELPERS)
        with self.lock:
            while self.started < wanted:
                self._start(self.started)
                self.started += 1
            self._word(SIZE).value = wanted

    def _start(self, helper: int) -> None:
        python = ctypes.pythonapi
        allocate, acquire = python.PyThread_allocate_lock, python.PyThread_acquire_lock
        allocate.restype = ctypes.c_void_p
        lock = ctypes.c_void_p(allocate())
        acquire(lock, 0)
        self._word(HELPER + 64 * helper + LOCK).value = lock.value or 0
        threading.Thread(
            target=self.run, args=(helper,), name="retrograd team", daemon=True
        ).start()

    def rest(self) -> None:
        """Wait until every helper sleeps: machine code may be unmapped when Python ends."""
        self._word(SIZE).value = 0
        end = time.monotonic() + 1.0
        sleeps = [self._word(HELPER + 64 * helper) for helper in range(self.started)]
        while not all(one.value for one in sleeps) and time.monotonic() < end:
            time.sleep(1e-4)

    def renew(self) -> None:
        """Begin anew in a forked process, which has none of the helpers."""
        self.lock = threading.Lock()
        self.started = 0
        self.asked = False
        # No chunk is left of work that another thread was at: its memory is not the child's.
        chunks = WORK + 16
        sleeps = [HELPER + 64 * n for n in range(MOST_HELPERS)]
        for offset in (SIZE, BUSY, PAUSED, chunks, *sleeps):
            self._word(offset).value = 0
