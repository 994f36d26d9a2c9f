"""Graph: what a compiled function does, for people to read and for programs to walk over."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from .buffers import bytes_of, slot_name
from .lowering import Layout
from .trace import CALL, GRAD, HOST, TOUCH, WRITE, Segment, Step, outs_of, reads_of

# What one element of a result costs, in operations of the processor, roughly.
_COSTLY = {
    "exp": 10, "log": 10, "tanh": 15, "sin": 10, "cos": 10, "expm1": 12, "log1p": 12, "sqrt": 4,
    "divide": 4, "power": 20, "arctan": 15, "logaddexp": 25,
}  # fmt: skip


class Place(NamedTuple):
    """A slot of a graph: an array that a call takes or gives.

    Attributes
    ----------
    name : str
        As the source calls it.
    shape : tuple of int
    dtype : dtype or type
    """

    name: str
    shape: tuple[int, ...]
    dtype: Any

    def __str__(self) -> str:
        kind = self.dtype.name if isinstance(self.dtype, np.dtype) else self.dtype.__name__
        return f"{self.name}: {kind}[{', '.join(map(str, self.shape))}]"


class Entry(NamedTuple):
    """One call of a graph.

    Attributes
    ----------
    kind : str
        "call", "write", "grad", "touch" or "host".
    name : str
        Of the NumPy function, the operation or the rule.
    function : object
        What is called.
    inputs, outputs : tuple of Place
    bytes : int
        Size of the outputs.
    flops : int
        An estimate; 0 where there is none.
    part : str
        "forward" or "backward".
    """

    kind: str
    name: str
    function: Any
    inputs: tuple[Place, ...]
    outputs: tuple[Place, ...]
    bytes: int
    flops: int
    part: str

    def __str__(self) -> str:
        given = ", ".join(one.name for one in self.inputs)
        made = ", ".join(map(str, self.outputs))
        call = f"{self.name}({given})"
        if not made:
            return call if self.kind == CALL else f"{self.kind} {call}"
        return f"{made} = {call}"


class Graph:
    """The calls that replays make, in their order; iterable, and printed as a listing.

    Parameters
    ----------
    segments : list of Segment
    """

    def __init__(self, segments: list[Segment]) -> None:
        self.segments = segments

    def __iter__(self) -> Iterator[Entry]:
        for segment in self.segments:
            yield from entries(segment, "forward")
            if segment.backward is not None:
                yield from entries(segment.backward, "backward")

    def __len__(self) -> int:
        return sum(1 for _ in self)

    @property
    def bytes(self) -> int:
        """Size of all results together."""
        return sum(entry.bytes for entry in self)

    @property
    def flops(self) -> int:
        """Estimated floating-point operations of all calls."""
        return sum(entry.flops for entry in self)

    def __str__(self) -> str:
        lines = []
        for segment in self.segments:
            lines.append(segment.title())
            lines += [f"  {entry}" for entry in entries(segment, "forward")]
            if segment.backward is not None:
                lines.append("its backward")
                lines += [f"  {entry}" for entry in entries(segment.backward, "backward")]
        return "\n".join(lines)

    __repr__ = __str__


def entries(segment: Segment, part: str) -> Iterator[Entry]:
    """Yield the calls of one segment: as lowered, or as recorded while it is not."""
    plan = segment.plan
    steps = segment.steps if plan is None else plan.listing
    layouts = recorded_layouts(segment) if plan is None else plan.program.layouts
    for step in steps:
        yield entry_of(step, layouts, part)


def recorded_layouts(segment: Segment) -> dict[int, Layout]:
    """Return what is known of the slots of a path that was not lowered."""
    found = {}
    for one in segment.path():
        for number, slot in enumerate(one.slots, one.first):
            found[number] = Layout(slot.shape, slot.dtype, (), number)
    return found


def entry_of(step: Step, layouts: dict[int, Layout], part: str) -> Entry:
    def places(numbers: Any) -> tuple[Place, ...]:
        found = []
        for number in dict.fromkeys(numbers):
            layout = layouts[number]
            found.append(Place(slot_name(number), layout.shape, layout.dtype))
        return tuple(found)

    made = places(outs_of(step))
    given = places(n for n in reads_of(step) if n not in outs_of(step))
    size = sum(bytes_of(layouts[n]) for n in outs_of(step) if layouts[n].owner == n)
    name = step.name
    if step.kind in (GRAD, TOUCH, HOST):
        return Entry(step.kind, name, step.function, given, made, 0, 0, part)
    return Entry(step.kind, name, step.function, given, made, size, flops(step, layouts), part)


def flops(step: Step, layouts: dict[int, Layout]) -> int:
    """Return about how many floating-point operations a call makes."""
    function = step.function
    read = [layouts[number] for number in reads_of(step)]
    made = [layouts[number] for number in outs_of(step)]
    owner = getattr(function, "__self__", None)
    if isinstance(owner, np.ufunc):
        return max((count(layout) for layout in read), default=0)
    if function in (np.ndarray.dot, np.dot, np.matmul):
        inner = read[0].shape[-1] if read and read[0].shape else 1
        return sum(2 * count(layout) * inner for layout in made)
    if isinstance(function, np.ufunc):
        return sum(count(layout) for layout in made) * _COSTLY.get(function.__name__, 1)
    if step.kind == WRITE:
        return max((count(layout) for layout in read[1:]), default=0)
    return 0


def count(layout: Layout) -> int:
    """Return how many elements an array has."""
    size = 1
    for length in layout.shape:
        size *= length
    return size
