"""Checks: what programs look up is looked at first, by machine code and once: `indexed`."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from ..ops import lookup, scattering
from . import numba_backend
from .indexed import hashable, is_index, read_indexed
from .lowering import Layout, Program
from .mirror import in_classes
from .passes import changed
from .stretch_source import HEAD
from .trace import CALL, HOST, WRITE, Ref, Step

CHECK = HEAD + '''

@numba.njit(**alone)
def check(low, size, a):
    worst = np.int64(0)
    for i in range(a.size):
        number = np.int64(a[np.uint64(i)]) - low
        worst = worst | number | (size - np.int64(1) - number)
    return worst


def kernel(low, size, a):
    return np.int64(1) if check(low, size, a) < 0 else np.int64(0)
'''


# Checks that programs make: where they begin to count, given their arguments behind the array.
_CHECKS: dict[Any, Callable[..., tuple[int, int]]] = {
    in_classes: lambda size: (0, size),
    lookup.expect_rows: lambda size: (0, size),
    lookup.expect_within: lambda size: (-size, size),
    scattering.expect_in_range: lambda axis, size: (0, size),
}


class Checking:
    """The checks of a program, made by machine code and each once: Note [Checked before].

    Attributes
    ----------
    own : dict
        Checks that were put in, by `id`, with the calls that rely on each: where all of these are
        made by NumPy, which checks for itself, it is not needed.
    """

    def __init__(self, program: Program) -> None:
        self.program = program
        self.layouts = program.layouts
        self.known: dict[int, list[tuple[int, int, list[Step]]]] = {}
        self.own: dict[int, list[Step]] = {}
        self.constants: dict[int, int] = {}  # slots of constant indices, by `id`

    def run(self) -> None:
        program = self.program
        steps: list[Step] = []
        origins: list[int] = []
        for step, origin in zip(program.steps, program.origins):
            step, held = self.held(step)
            steps += held
            origins += [origin] * len(held)
            node = read_indexed(step, self.layouts.__getitem__)
            made = step if node is None else None
            if node is not None:
                number = node.args[node.index].number
                if not self.checked(number, node.low, node.length, step):
                    check = self.step(number, node.low, node.length, refuse)
                    self.own[id(check)] = self.note(number, node.low, node.length)
                    self.own[id(check)].append(step)
                    steps.append(check)
                    origins.append(origin)
                made = step
            elif step.kind == CALL and step.outs is None and hashable(step.function):
                made = self.taken_over(step)
            elif step.kind == HOST:
                self.known.clear()
            elif step.kind == WRITE:
                owner = self.layouts[step.args[0].number].owner
                self.known = {n: one for n, one in self.known.items()
                              if self.layouts[n].owner != owner}  # fmt: skip
            if made is not None:
                steps.append(made)
                origins.append(origin)
        program.steps, program.origins = steps, origins

    def held(self, step: Step) -> tuple[Step, list[Step]]:
        """Return a call with a slot in the place of a constant index, and what fills the slot."""
        index = step.args[1] if step.kind == CALL and len(step.args) > 1 else None
        if type(index) is not np.ndarray or index.dtype.kind != "i" or index.flags.writeable:
            return step, []
        number = self.constants.get(id(index))
        made = [] if number is not None else [Step(CALL, np.asarray, (index,), name="asarray")]
        if number is None:
            number = made[0].outs = min(self.layouts, default=0) - 1
            self.layouts[number] = Layout(index.shape, index.dtype, index.strides, number)
        other = changed(step, (step.args[0], Ref(number), *step.args[2:]))
        node = read_indexed(other, self.layouts.__getitem__)
        if node is None or index.min() < node.low or index.max() >= node.length:
            return step, []
        self.constants[id(index)] = number
        self.note(number, node.low, node.length)
        return other, made

    def taken_over(self, step: Step) -> Step | None:
        """Return a check of the program's as machine code; None where it has been made before."""
        bounds = _CHECKS.get(step.function)
        if bounds is None or step.settings or not is_index(step.args[0], self.layouts.__getitem__):
            return step
        number = step.args[0].number
        low, end = bounds(*step.args[1:])
        if self.checked(number, low, end, step):
            return None
        self.note(number, low, end)
        function, rest = step.function, step.args[1:]
        return self.step(number, low, end, lambda array: function(array, *rest))

    def step(self, number: int, low: int, end: int, refused: Callable[[Any], None]) -> Step:
        layout = self.layouts[number]
        code = numba_backend.build(CHECK, (f"{layout.dtype.name}/in",), 2)
        entry = code.bind((low, end - low), (math.prod(layout.shape),))
        if refused is refuse:
            function = checker(entry, lambda array: refuse(array, low, end))
        else:
            function = checker(entry, refused)
        return Step(CALL, function, (Ref(number),), name="in_range")

    def root(self, number: int) -> int:
        """Return the slot that holds the same numbers, in another shape, from the beginning."""
        owner = self.layouts[number].owner
        if owner in self.layouts and math.prod(self.layouts[owner].shape) == math.prod(
            self.layouts[number].shape
        ):
            return owner
        return number

    def checked(self, number: int, low: int, end: int, step: Step) -> bool:
        """Say whether an index has been checked for a step, which relies on it from then on."""
        for first, last, relying in self.known.get(self.root(number), ()):
            if low <= first and last <= end:
                relying.append(step)
                return True
        return False

    def note(self, number: int, low: int, end: int) -> list[Step]:
        relying: list[Step] = []
        self.known.setdefault(self.root(number), []).append((low, end, relying))
        return relying


def checker(entry: Any, refused: Callable[[Any], None]) -> Callable[[Any], None]:
    """Return what calls one function where machine code finds that an index is out of range."""

    def in_range(array: Any) -> None:
        if entry(array):  # or that it is another array than was seen
            refused(array)

    in_range.only_looks = True  # type: ignore[attr-defined]
    return in_range


def refuse(array: Any, low: int, end: int) -> None:
    """Raise where an index is out of range, in NumPy's words."""
    wrong = array[(array < low) | (array >= end)]
    if wrong.size:
        raise IndexError(f"index {wrong.flat[0]} is out of bounds for axis 0 with size {end}")
