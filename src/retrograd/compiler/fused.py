"""Fused: a segment's replay with kernels in it, made in the background and swapped in when ready.

Note [Swapping].  The background thread only makes kernels and a new list of steps.  The next
replay, which holds the function's lock, puts them in the place of the old ones, memory and guards
included.
Steps of a fused program may run in another order than they were recorded in, but nothing that
writes moves, and where a step raises every earlier effect has been made (`origins`).
"""

from __future__ import annotations

import math
import os
import sys
import traceback
from collections.abc import Callable
from time import thread_time
from typing import Any

import numpy as np

from . import multiply, numba_backend
from .backends import EXACT, FAST
from .blocks import cut_of, in_blocks
from .budget import budget
from .checks import Checking
from .fusion import partition
from .launching import launcher
from .lowering import Layout, Program
from .making import Gone
from .passes import can_raise
from .products import Product
from .stretch_source import Source
from .stretches import Stretch, gather
from .trace import CALL, Ref, Segment, Step

SMALLEST_RELEASED = 1 << 14  # numbers that a kernel computes while other threads run


class Ready:
    """Takes the place of a segment's warming when its kernels are ready: one replay swaps them in.

    Parameters
    ----------
    install : callable
        ``install(segment, program, behind, guards)``.
    """

    def __init__(
        self, segment: Segment, program: Program, behind: Program | None, install: Any
    ) -> None:
        self.segment = segment
        self.program = program
        self.behind = behind
        self.install = install
        self.kernels: list[str] = []
        self.wary = set(segment.wary)

    def run(self, slots: list[Any], tensors: list[Any], guards: Any) -> Any:
        segment = self.segment
        segment.warming = None
        if segment.wary == self.wary:
            self.install(segment, self.program, self.behind, guards)
            segment.kernels = self.kernels
        elif segment.plan is None:  # it has to be lowered again, with a step more left whole
            from .warming import Warming

            segment.warming = Warming(segment, segment.fuses)
        return segment.run(slots, tensors)


def begin(
    segment: Segment,
    program: Program,
    behind: Program | None,
    install: Callable[..., None],
    arithmetic: str = EXACT,
) -> None:
    """Have the kernels of a segment and of its backward made in the background.

    Parameters
    ----------
    segment : Segment
    program, behind : Program
        The segment and its backward in single NumPy calls; they are changed.
    install : callable
        Puts two programs in the place of a segment's replay.
    arithmetic : str
        How the kernels compute: `EXACT` or `FAST`.
    """

    ready = Ready(segment, program, behind, install)

    def job() -> None:
        began = thread_time()
        try:
            fuse(program, ready.kernels, arithmetic)
            if behind is not None:
                fuse(behind, ready.kernels, arithmetic)
            if ready.kernels:
                segment.warming = ready
        except Gone:  # the program ends
            pass
        except Exception:  # the replay by NumPy goes on; who reads the logs is told
            if os.environ.get("RETROGRAD_LOGS"):
                traceback.print_exc(file=sys.stderr)
        finally:  # the program was held up meanwhile, since there is one lock
            budget.spent += thread_time() - began

    numba_backend.submit(job)


def fuse(program: Program, kernels: list[str], arithmetic: str = EXACT) -> None:
    """Put kernels in the place of a program's stretches; add their texts to a list."""
    needed = program.leaving | program.held
    checking = Checking(program)
    checking.run()
    layouts = program.layouts
    sources = {
        segment.first + place: slot.source
        for segment in program.segment.path()
        for place, slot in enumerate(segment.slots)
    }
    places = {id(step): origin for step, origin in zip(program.steps, program.origins)}
    plan = gather(partition(program.steps, layouts, needed, can_raise), layouts, needed, sources)
    alone = {id(part) for part in plan}
    steps: list[Step] = []
    origins: list[int] = []
    for part in plan:
        if id(part) in checking.own and alone.issuperset(map(id, checking.own[id(part)])):
            continue
        if not isinstance(part, Stretch):
            steps.append(part)
            origins.append(places[id(part)])
            continue
        first = min(places[id(step)] for step in part.work())
        steps += [kernel_step(part, layouts, kernels, arithmetic), *part.behind]
        origins += [first, *[places[id(step)] for step in part.behind]]
    # A step that raises is made again by the function itself, and so is what was recorded after
    # the earliest step that has not been run by then.
    for place in range(len(origins) - 2, -1, -1):
        origins[place] = min(origins[place], origins[place + 1])
    program.steps, program.origins = steps, origins


def kernel_step(
    stretch: Stretch, layouts: dict[int, Layout], sources: list[str], arithmetic: str = EXACT
) -> Step:
    """Return the step that calls a stretch's function."""
    if len(stretch.parts) == 1 and isinstance(stretch.parts[0], Product):
        return product_step(stretch, stretch.parts[0], layouts, sources)
    cut = cut_of(stretch)
    source = Source(stretch, layouts, cut is not None, arithmetic == FAST)
    symbols = multiply.symbols(source.shares) if source.multiplies else None
    code = numba_backend.build(source.body, source.signature, 0 if cut is None else 2, symbols)
    if cut is None:
        largest = max(source.sizes, default=0)
        entry = code.bind((), source.sizes, release=largest >= SMALLEST_RELEASED)
    else:
        entry = in_blocks(cut, code, source.signature, source.sizes)
    sources.append(source.body)
    outs: Any = tuple(stretch.outputs)
    if len(outs) < 2:
        outs = outs[0] if outs else None
    given = tuple(Ref(number) for number in stretch.inputs)
    function = launcher(stretch, layouts, entry)
    return Step(CALL, function, given, outs=outs, name=f"fused_{len(sources)}")


def product_step(
    stretch: Stretch, part: Product, layouts: dict[int, Layout], sources: list[str]
) -> Step:
    """Return the step that computes a product which stands alone."""
    (a, a0), (b, b0) = stretch.base(part.left), stretch.base(part.right)
    table = np.array(part.batch, np.int64) + np.array([a0, b0, 0])
    sizes = [math.prod(layouts[number].shape) for number in (a, b, part.out)]
    dtype = layouts[part.out].dtype.name
    common = (*part.steps_left, *part.steps_right, *part.sizes)
    entry = multiply.bind(dtype, common, table, tuple(sizes))
    function = launcher(stretch, layouts, entry)
    function.table = table  # which the entry reads
    rows, columns, terms = part.sizes
    text = f"{len(part.batch)} x " if len(part.batch) > 1 else ""
    sources.append(f"# {text}({rows}, {terms}) by ({terms}, {columns}), {dtype}: `multiply`\n")
    return Step(CALL, function, (Ref(a), Ref(b)), outs=part.out, name=f"product_{len(sources)}")
