"""Buffers: memory for a program's results, planned once and used again at every replay.

Note [Who may have a buffer].  A result gets one when nobody can see it after the replay: it is no
output, no `.grad`, not saved for a backward, not read by later segments, and no view of it is.
Operands of steps that stayed whole get none either, since such a step may hand back a view for
some values.  What a buffer holds is not trusted after an error, but computed
again (`answers.py`).

Note [Bound once].  Buffers, their views, constants, and views of parameters are made when a program
is bound, not at each replay.  A parameter that gets another array makes the guards bind anew.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .beside import lay_side_by_side
from .lowering import Layout, Program
from .passes import array_like, changed, is_plain
from .trace import (
    CALL,
    NAMED_OUT,
    WRITE,
    Captured,
    Ref,
    Step,
    made_by,
    outs_of,
    reads_of,
    slot_name,
)

ALIGNED = 64


class Plan:
    """Which results have buffers, and what is bound once.

    Parameters
    ----------
    program : Program
        Its steps are changed.
    alone : bool
        Whether no two runs of it may overlap, and parameters are those of the last guard: not so
        for a backward.

    Attributes
    ----------
    listing : list of Step
        The steps before buffers were planned, for people.
    buffers : dict
        Slot -> array that its step writes into.
    bound : list of Step
        Views, in the order in which they are made when the program is bound.
    captured : dict
        Slot -> tensor from outside whose array it is.
    blocks : list of ndarray
        The memory of all buffers.
    leaves : list of Value
        The tensors that gradients of the results go to, where their edges are bound too.
    """

    def __init__(self, program: Program, alone: bool = True) -> None:
        self.program = program
        if alone:
            lay_side_by_side(program, with_out)
        self.listing = list(program.steps)  # as they read best
        self.buffers: dict[int, Any] = {}
        self.bound: list[Step] = []
        self.captured: dict[int, Any] = {}
        self.blocks: list[Any] = []
        self.leaves: list[Any] = []
        self.fixed: set[int] = set()
        for segment in program.segment.path() if alone else ():
            for place, slot in enumerate(segment.slots):
                if isinstance(slot.source, Captured):
                    self.captured[segment.first + place] = slot.source.value
        self.fixed |= set(self.captured)
        self.fixed |= set(program.constants)
        if alone:
            self.allocate()
        self.bind_views()

    # -- which ------------------------------------------------------------------------------------

    def barred(self) -> set[int]:
        """Return the slots whose memory is not ours to plan."""
        layouts = self.program.layouts
        found = {layouts[n].owner for n in self.program.held if n in layouts}
        for step in self.program.steps:
            if step.kind not in (CALL, WRITE) or not (is_plain(step) or step.kind == WRITE):
                found |= {layouts[n].owner for n in reads_of(step) if n in layouts}
        return found

    def allocate(self) -> None:
        """Give each result that may have one a buffer, and its memory to a later one."""
        program = self.program
        layouts = program.layouts
        barred = self.barred()
        last: dict[int, int] = {}
        for place, step in enumerate(program.steps):
            for number in reads_of(step) + outs_of(step):
                if number in layouts:
                    last[layouts[number].owner] = place
        free: list[Any] = []
        blocks: dict[int, Any] = {}
        dying: dict[int, list[int]] = {}
        for owner, place in last.items():
            dying.setdefault(place, []).append(owner)
        for place, step in enumerate(program.steps):
            number = step.outs
            ends = [owner for owner in dying.get(place, ()) if owner in blocks]
            if isinstance(number, int) and self.plannable(step, barred):
                form = with_out(step, layouts)
                if form is not None:
                    for owner in list(ends):
                        if self.in_place(step, owner):
                            free.append(blocks.pop(owner))
                            ends.remove(owner)
                    block = self.take(free, layouts[number])
                    blocks[number] = block
                    self.buffers[number] = view_of_block(block, layouts[number])
                    program.steps[place] = form
                    if last[number] == place:
                        ends.append(number)
            for owner in ends:
                free.append(blocks.pop(owner))
        self.fixed |= set(self.buffers)

    def plannable(self, step: Step, barred: set[int]) -> bool:
        layouts = self.program.layouts
        number = step.outs
        layout = layouts[number]
        return (
            step.kind == CALL
            and layout.owner == number
            and number not in barred
            and not layout.scalar
            and isinstance(layout.dtype, np.dtype)
            and array_like(layout) is not None
        )

    def in_place(self, step: Step, owner: int) -> bool:
        """Say whether a step may write its result over an operand that nobody reads later."""
        function = step.function
        if not isinstance(function, np.ufunc) or function.signature is not None:
            return False
        layouts = self.program.layouts
        own = layouts[step.outs]
        for number in reads_of(step):
            layout = layouts[number]
            if layout.owner == owner and (number != owner or layout[:3] != own[:3]):
                return False
        return True

    def take(self, free: list[Any], layout: Layout) -> Any:
        """Return memory for a result: a block that is free, or a new one."""
        size = bytes_of(layout)
        fitting = [block for block in free if size <= block.nbytes <= 2 * size]
        if fitting:
            best = min(fitting, key=lambda block: block.nbytes)
            for place, block in enumerate(free):
                if block is best:
                    del free[place]
                    return best
        raw = np.empty(size + ALIGNED, np.uint8)
        start = -raw.ctypes.data % ALIGNED
        block = raw[start : start + size]
        self.blocks.append(block)
        return block

    # -- binding ----------------------------------------------------------------------------------

    def bind_views(self) -> None:
        """Take the steps that make views of what is bound out of the program."""
        program = self.program
        layouts = program.layouts
        steps, origins = [], []
        for step, origin in zip(program.steps, program.origins):
            number = step.outs
            read = reads_of(step)
            if (
                isinstance(number, int)
                and is_plain(step)
                and number not in self.buffers
                and not layouts[number].scalar
                and number not in program.held
                and read
                and all(one in self.fixed for one in read)
                and layouts[number].owner in {layouts[one].owner for one in read}
            ):
                self.bound.append(step)
                self.fixed.add(number)
                continue
            steps.append(step)
            origins.append(origin)
        program.steps, program.origins = steps, origins

    def bind(self, names: dict[str, Any]) -> None:
        """Put what is bound once into the names that the source uses."""
        held: dict[int, Any] = dict(self.program.constants)
        held.update(self.buffers)
        for number, value in self.captured.items():
            held[number] = value.array

        for step in self.bound:
            held.update(made_by(step, held.__getitem__))
        for number, array in held.items():
            names[slot_name(number)] = array
        if self.leaves:
            names["edges"] = tuple(value.edge() for value in self.leaves)

    # -- for people -------------------------------------------------------------------------------

    def memory(self) -> tuple[int, int]:
        """Return the bytes of all results of a replay without buffers, and with them."""
        layouts = self.program.layouts
        own = {
            n for step in self.program.steps for n in outs_of(step)
            if layouts[n].owner == n and isinstance(layouts[n].dtype, np.dtype)
        }  # fmt: skip
        before = sum(bytes_of(layouts[n]) for n in own)
        others = sum(bytes_of(layouts[n]) for n in own if n not in self.buffers)
        return before, others + sum(block.nbytes for block in self.blocks)


def bytes_of(layout: Layout) -> int:
    """Return the size of an array of a layout."""
    size = layout.dtype.itemsize if isinstance(layout.dtype, np.dtype) else 0
    for length in layout.shape:
        size *= length
    return int(size)


def view_of_block(block: Any, layout: Layout) -> Any:
    """Return the array of a layout on a block of memory."""
    return np.ndarray(layout.shape, layout.dtype, block, 0, layout.strides)


def with_out(step: Step, layouts: dict[int, Layout]) -> Step | None:
    """Return a call in the form that puts its result into an array, None where there is none."""
    function = step.function
    out = Ref(step.outs)
    layout = layouts[step.outs]
    if isinstance(function, np.ufunc):
        if step.settings or function.nout != 1 or len(step.args) != function.nin:
            return None
        if function in NAMED_OUT:
            return changed(step, step.args, {"out": out})
        return changed(step, (*step.args, out))
    owner = getattr(function, "__self__", None)
    if isinstance(owner, np.ufunc) and function.__name__ == "reduce":
        settings = dict(step.settings)
        axis = settings.pop("axis", 0)
        keepdims = settings.pop("keepdims", False)
        if settings or len(step.args) != 1:
            return None
        return changed(step, (step.args[0], axis, None, out, keepdims), {})
    if function is np.ndarray.dot or function is np.dot:
        if len(step.args) != 2 or step.settings or not layout.shape:
            return None
        first = step.args[0]
        if not all(isinstance(one, (Ref, np.ndarray)) for one in step.args):
            return None
        if isinstance(first, Ref) and layouts[first.number].scalar:
            return None
        contiguous = np.empty(layout.shape, layout.dtype).strides == layout.strides
        return changed(step, (*step.args, out)) if contiguous else None
    if function is np.ndarray.astype and len(step.args) == 2 and not step.settings:
        made = changed(step, (out, step.args[0], "unsafe"))
        made.function, made.name = np.copyto, "copyto"
        return made
    return None
