"""Beside: gradients that an optimizer reads as one flat array are made side by side.

A trace notes ``flat = concatenate([g1, g2, ...])``.  Instead of copying, the calls that make the
gradients write into parts of one block.  Gradients are seen: they become the `.grad` of
parameters.  So a block is written again only if nobody holds anything of it any more, which is
what its reference counts say; else the next replay makes another one.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable
from typing import Any

import numpy as np

from .lowering import Layout, Program, contiguous
from .mirror import setitem
from .trace import CALL, HOST, WRITE, Ref, Step, outs_of, reads_of

ALIGNED = 64


def lay_side_by_side(program: Program, with_out: Callable[..., Step | None]) -> None:
    """Let the parts of flat arrays be made where they belong.

    Parameters
    ----------
    program : Program
        It is changed.
    with_out : callable
        ``with_out(step, layouts)`` returns a call in the form that puts its result into an
        array, None where there is none.
    """
    for step in list(program.steps):
        if step.kind == CALL and step.function is np.concatenate and not step.settings:
            lay(program, step, with_out)


def lay(program: Program, flat: Step, with_out: Callable[..., Step | None]) -> None:
    """Make the parts of one flat array in it."""
    layouts, steps = program.layouts, program.steps
    end = steps.index(flat)
    makers = {number: place for place, one in enumerate(steps) for number in outs_of(one)}
    whole = flat.outs
    if whole in program.held or len(flat.args) != 1 or len(layouts[whole].shape) != 1:
        return
    if not stays(program, flat, end):
        return
    parts = []
    start = 0
    taken: dict[int, tuple[slice, Step]] = {}
    for ref in flat.args[0]:
        if not isinstance(ref, Ref):
            return
        made = ref.number
        maker = steps[makers[made]] if made in makers else None
        if maker is not None and maker.function is np.ndarray.reshape:
            made = maker.args[0].number if isinstance(maker.args[0], Ref) else made
            maker = steps[makers[made]] if made in makers else None
        where = slice(start, start + math.prod(layouts[ref.number].shape))
        start = where.stop
        fits = made not in taken and can_be_part(layouts, made, whole)
        form = None
        if maker is not None and maker.outs == made and fits:
            form = with_out(maker, layouts)
        if form is None:
            parts.append((where, ref))
        else:
            taken[made] = (where, form)
    if not taken:
        return
    first = min(makers[number] for number in taken)
    shapes = [(where, layouts[number].shape) for number, (where, _) in taken.items()]
    block = Block(start, layouts[whole].dtype, shapes)
    begin = Step(CALL, block, outs=(whole, *taken), name="block")
    replaced: dict[int, list[Step]] = {makers[n]: [form] for n, (_, form) in taken.items()}
    replaced[end] = [
        Step(WRITE, setitem, (Ref(whole), where, ref), name="setitem") for where, ref in parts
    ]
    replaced[first] = [begin, *replaced[first]]
    made_steps, origins = [], []
    for place, (step, origin) in enumerate(zip(steps, program.origins)):
        for one in replaced.get(place, [step]):
            made_steps.append(one)
            origins.append(origin)
    program.steps, program.origins = made_steps, origins
    program.parts |= set(taken)
    for number, layout in layouts.items():
        if layout.owner in taken:
            layouts[number] = layout._replace(owner=whole)
    drop_unread_views(program)


def stays(program: Program, flat: Step, end: int) -> bool:
    """Say whether the parts of a flat array are as they were as long as it is read."""
    layouts = program.layouts
    owners = {layouts[number].owner for number in reads_of(flat)}
    last = max(
        (place for place, one in enumerate(program.steps) if flat.outs in reads_of(one)),
        default=end,
    )
    for one in program.steps[end:last]:
        if one.kind == HOST:
            return False
        if one.kind == WRITE and layouts[one.args[0].number].owner in owners:
            return False
    return True


def can_be_part(layouts: dict[int, Layout], number: int, whole: int) -> bool:
    """Say whether a result may lie in a part of a flat array."""
    layout = layouts[number]
    if layout.owner != number or layout.scalar or layout.dtype != layouts[whole].dtype:
        return False
    return contiguous(layout)


def drop_unread_views(program: Program) -> None:
    """Leave out the flat views that nobody reads any more."""
    read = {number for step in program.steps for number in reads_of(step)} | program.held
    kept = [
        (step, origin)
        for step, origin in zip(program.steps, program.origins)
        if step.function is not np.ndarray.reshape or step.outs in read
    ]
    program.steps = [step for step, _ in kept]
    program.origins = [origin for _, origin in kept]


class Block:
    """Memory for results side by side: the same at each call, unless somebody holds a part.

    Parameters
    ----------
    size : int
    dtype : dtype
    shapes : list of (slice, tuple)
        Where each part is, and its shape.
    """

    def __init__(self, size: int, dtype: Any, shapes: list[Any]) -> None:
        self.size = size
        self.dtype = dtype
        self.shapes = shapes
        self.arrays = self.fresh()
        # What is counted when only this block holds them.
        self.free = list(map(sys.getrefcount, self.arrays))

    def fresh(self) -> tuple[Any, ...]:
        """Return a new block and its parts."""
        # By `frombuffer`, so that views of parts keep `flat`, which is counted, and not `raw`.
        raw = np.empty(self.size * self.dtype.itemsize + ALIGNED, np.uint8)
        start = -raw.ctypes.data % ALIGNED
        flat = np.frombuffer(raw, self.dtype, self.size, start)
        return (flat, *[flat[where].reshape(shape) for where, shape in self.shapes])

    def __call__(self) -> tuple[Any, ...]:
        if list(map(sys.getrefcount, self.arrays)) != self.free:
            self.arrays = self.fresh()
        return self.arrays
