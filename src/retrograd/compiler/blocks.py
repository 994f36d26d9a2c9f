"""Blocks: a kernel on large arrays, cut into blocks that several threads compute.

Where the blocks begin depends on sizes alone, and sums over blocks are added in the blocks' order.
So results are the same for any number of threads, one included.  `get_num_threads` says how many
may work; they are Python's threads, which run side by side while they are inside of machine code.
A call hands out its own blocks, so calls from several threads do not disturb each other; a forked
process starts threads of its own.
"""

from __future__ import annotations

import itertools
import math
import os
import queue
import threading
from collections.abc import Callable
from typing import Any

import numpy as np

from ..config import get_num_threads
from .fusible import BOTTOM, FULL, ROW, SCALAR, TABLE, TOTAL
from .fusion import Group
from .stretches import Stretch

BLOCK = 1 << 17  # numbers of a block
SMALLEST = 1 << 19  # numbers of a group that is cut
MOST_PARTIAL = 1 / 8  # of the group's size: what the sums of all blocks may take


class Cut:
    """How a group is cut.

    Attributes
    ----------
    length : int
        How many rows, or numbers of the only one, a block has.
    count : int
        How many blocks there are.
    """

    def __init__(self, stretch: Stretch, group: Group, length: int) -> None:
        self.group = group
        self.flat = group.splits is None
        self.whole = group.columns if self.flat else group.rows
        self.length = length
        self.count = -(-self.whole // length)
        kinds = {stretch.base(number)[0]: kind for number, kind in group.inputs}
        kinds.update({stretch.base(target)[0]: FULL for target in group.targets()})
        self.kinds = [kinds[number] for number in stretch.inputs]
        self.kinds += [group.made[number].kind for number in stretch.outputs]
        given = (*stretch.inputs, *stretch.outputs)
        self.totals = [math.prod(stretch.layouts[number].shape) for number in given]

    def domain(self, place: int) -> tuple[int, int]:
        """Return rows and columns of a block."""
        length = min(self.length, self.whole - place * self.length)
        return (1, length) if self.flat else (length, self.group.columns)

    def sizes(self, place: int, scratch: tuple[int, ...]) -> tuple[int, ...]:
        """Return how many elements each parameter has in a block."""
        rows, columns = self.domain(place)
        length = {FULL: rows * columns, ROW: rows, SCALAR: 1, TOTAL: 1}
        sizes = [
            total if kind == TABLE else length.get(kind, columns)
            for kind, total in zip(self.kinds, self.totals)
        ]
        return (*sizes, *scratch)

    def part(self, array: Any, kind: str, place: int) -> Any:
        """Return the part of a flat array that a block reads or writes."""
        if kind not in (FULL, ROW):
            return array
        width = self.group.columns if kind == FULL and not self.flat else 1
        begin = place * self.length * width
        return array[begin : begin + self.length * width]


def cut_of(stretch: Stretch) -> Cut | None:
    """Return how a stretch is cut, None where it is not."""
    if len(stretch.parts) != 1 or not isinstance(stretch.parts[0], Group):
        return None
    group = stretch.parts[0]
    if group.size < SMALLEST:
        return None
    length = BLOCK if group.splits is None else max(BLOCK // group.columns, 1)
    whole = math.lcm(*(node.length for node in group.nodes if node.name == "below"))
    length = -(-length // whole) * whole  # no block begins within a matrix
    if length >= (group.columns if group.splits is None else group.rows):
        return None
    totals = {node.number for node in group.nodes if node.kind == TOTAL}
    for node in group.nodes:
        if node.kind == TOTAL and (node.name != "sum" or not node.axes):
            return None
        if any(getattr(arg, "number", None) in totals for arg in node.args):
            return None  # it needs the sums of all blocks
    if any(group.made[number].kind not in (FULL, ROW, TOTAL, BOTTOM) for number in group.outputs):
        return None
    read = [*(number for number, _ in group.inputs), *group.targets()]
    if any(stretch.base(number)[1] for number in read):
        return None
    cut = Cut(stretch, group, length)
    bottoms = cut.kinds.count(BOTTOM)
    if bottoms * cut.count * group.columns > MOST_PARTIAL * group.size:
        return None
    return cut


def in_blocks(
    cut: Cut, code: Any, signature: tuple[str, ...], sizes: tuple[int, ...]
) -> Callable[..., int]:
    """Return what calls a kernel block by block; it is called as the kernel's entry is.

    Parameters
    ----------
    cut : Cut
    code : native.Code
    signature, sizes : tuple
        Of the whole.
    """
    kinds, count = cut.kinds, cut.count
    scratch = sizes[len(kinds) :]
    kernels = [
        code.bind(cut.domain(place), cut.sizes(place, scratch), release=True)
        for place in (0, count - 1)
    ]
    ways = [one.partition("/")[2] for one in signature]

    def entry(*arrays: Any) -> int:
        flats: list[Any] = []
        for array, way, size in zip(arrays, ways, sizes):
            if way and (
                type(array) is not np.ndarray or array.size != size or not array.flags.c_contiguous
            ):
                return 16
            flats.append(array.reshape(-1) if way else array)
        for place, way in enumerate(ways[: len(flats)]):
            others = (one for n, one in enumerate(flats) if n != place and ways[n])
            if way == "inout" and any(np.may_share_memory(flats[place], one) for one in others):
                return 17
        sums = {
            place: np.empty((count, flats[place].size), flats[place].dtype)
            for place, kind in enumerate(kinds)
            if kind in (TOTAL, BOTTOM)
        }

        def block(number: int) -> int:
            given = [
                sums[place][number] if place in sums else cut.part(flat, kinds[place], number)
                for place, flat in enumerate(flats)
            ]
            wrong: int = kernels[number == count - 1](*given)
            return wrong

        wrong = share(block, count, get_num_threads())
        if not wrong:
            for place, parts in sums.items():
                flats[place][...] = np.add.reduce(parts, axis=0, dtype=wide(parts.dtype))
        return wrong

    return entry


def wide(dtype: np.dtype) -> np.dtype:
    """Return the dtype in which the sums of blocks are added."""
    return np.dtype(np.float64) if dtype.kind == "f" else dtype


# -- threads --------------------------------------------------------------------------------------


class Helpers:
    """Threads that wait for work; there are as many as were ever needed at once."""

    def __init__(self) -> None:
        self.jobs: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self.lock = threading.Lock()
        self.count = 0

    def submit(self, job: Callable[[], None], wanted: int) -> None:
        with self.lock:
            for _ in range(self.count, wanted):
                threading.Thread(target=self.work, name="retrograd blocks", daemon=True).start()
                self.count += 1
        self.jobs.put(job)

    def work(self) -> None:
        while True:
            self.jobs.get()()


helpers = Helpers()


def _renew() -> None:
    """Begin anew in a forked process, which has no threads but its own."""
    global helpers
    helpers = Helpers()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew)


def share(block: Callable[[int], int], count: int, threads: int) -> int:
    """Call a function for each block, from several threads; return what is not 0, if any is."""
    numbers = itertools.count()
    found: list[int] = []
    errors: list[BaseException] = []

    def work() -> None:
        try:
            while not (found or errors):
                number = next(numbers)
                if number >= count:
                    return
                wrong = block(number)
                if wrong:
                    found.append(wrong)
        except BaseException as error:
            errors.append(error)

    others = min(threads, count) - 1
    done: queue.SimpleQueue[None] = queue.SimpleQueue()

    def helped() -> None:
        work()
        done.put(None)

    for _ in range(others):
        helpers.submit(helped, others)
    work()
    for _ in range(others):
        done.get()
    if errors:
        raise errors[0]
    return found[0] if found else 0
