"""Fused: a segment's replay with kernels in it, made in the background and swapped in when ready.

Note [Swapping].  The background thread only makes kernels and a new list of steps.  The next
replay, which holds the function's lock, puts them in the place of the old ones, memory and guards
included.
Steps of a fused program may run in another order than they were recorded in, but nothing that
writes moves, and where a step raises every earlier effect has been made (`origins`).
"""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Callable
from typing import Any

import numpy as np

from . import numba_backend
from .fusible import FULL
from .fusion import Group, partition
from .kernels import Kernel
from .lowering import Program, outs_of, reads_of
from .passes import can_raise
from .trace import CALL, WRITE, Ref, Segment, Step

SMALLEST_RELEASED = 1 << 14  # numbers that a kernel computes while other threads run
SMALLEST_REUSED = 1 << 18  # bytes of a result that is kept to be written again


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

    def run(self, slots: list[Any], tensors: list[Any], guards: Any) -> Any:
        segment = self.segment
        segment.warming = None
        if segment.plan is not None:  # else it was made slow in between, for a reason
            self.install(segment, self.program, self.behind, guards)
            segment.kernels = self.kernels
        return segment.run(slots, tensors)


def begin(
    segment: Segment, program: Program, behind: Program | None, install: Callable[..., None]
) -> None:
    """Have the kernels of a segment and of its backward made in the background.

    Parameters
    ----------
    segment : Segment
    program, behind : Program
        The segment and its backward in single NumPy calls; they are changed.
    install : callable
        Puts two programs in the place of a segment's replay.
    """

    def job() -> None:
        try:
            ready = Ready(segment, program, behind, install)
            fuse(program, ready.kernels)
            if behind is not None:
                fuse(behind, ready.kernels)
            if ready.kernels:
                segment.warming = ready
        except Exception:  # the replay by NumPy goes on; who reads the logs is told
            if os.environ.get("RETROGRAD_LOGS"):
                traceback.print_exc(file=sys.stderr)

    numba_backend.submit(job)


def fuse(program: Program, sources: list[str]) -> None:
    """Put kernels in the place of a program's groups; add their sources to a list."""
    places = {id(step): origin for step, origin in zip(program.steps, program.origins)}
    plan = partition(program.steps, program.layouts, program.leaving | program.held, can_raise)
    steps: list[Step] = []
    origins: list[int] = []
    for part in plan:
        if not isinstance(part, Group):
            steps.append(part)
            origins.append(places[id(part)])
            continue
        steps.append(kernel_step(part, sources))
        origins.append(min(places[id(step)] for step in part.members))
    # A step that raises is made again by the function itself, and so is what was recorded after
    # the earliest step that has not been run by then.
    for place in range(len(origins) - 2, -1, -1):
        origins[place] = min(origins[place], origins[place + 1])
    program.steps, program.origins = steps, origins


def kernel_step(group: Group, sources: list[str]) -> Step:
    """Return the step that calls a group's kernel."""
    scalars = {number for number, one in group.layouts.items() if one.scalar}
    kernel = Kernel(group, scalars)
    code = numba_backend.build(kernel.body, tuple(kernel.signature))
    numbers = (group.rows, group.columns)
    entry = code.bind(numbers, tuple(kernel.sizes), release=group.size >= SMALLEST_RELEASED)
    sources.append(kernel.body)
    given = [number for number, _ in group.inputs]
    function = launcher(group, entry, given, scalars)
    outs: Any = tuple(group.outputs) if len(group.outputs) > 1 else group.outputs[0]
    name = f"fused_{len(sources)}"
    return Step(CALL, function, tuple(Ref(n) for n in given), outs=outs, name=name)


def launcher(group: Group, entry: Any, numbers: list[int], scalars: set[int]) -> Any:
    """Return the function that makes the outputs and calls a kernel, or computes by NumPy.

    It computes by NumPy where the kernel says that it cannot: an array may not be laid out as it
    was, or an argument is out of a function's range.  A large result that nobody holds any more
    is written again: fresh memory costs more than the loop over it.
    """
    given = ", ".join(f"a{place}" for place in range(len(numbers)))
    outs = ", ".join(f"o{place}" for place in range(len(group.outputs)))
    names: dict[str, Any] = {"kernel": entry, "empty": np.empty, "again": by_numpy(group, numbers)}
    names["count"] = sys.getrefcount
    lines = [f"def launch({given}):"]
    ends: list[str] = []
    for place, number in enumerate(group.outputs):
        node = group.made[number]
        names[f"t{place}"] = node.dtype
        if group.size * node.dtype.itemsize < SMALLEST_REUSED or node.kind != FULL:
            lines.append(f"    o{place} = empty({node.shape!r}, t{place})")
            continue
        names[f"pool{place}"] = [np.empty(node.shape, node.dtype)]
        lines += [
            f"    try: o{place} = pool{place}.pop()",
            f"    except IndexError: o{place} = None",
            f"    if count(o{place}) != 2: o{place} = empty({node.shape!r}, t{place})",
        ]
        ends.append(f"    pool{place}.append(o{place})")
    args = ", ".join(one for one in (given, outs) if one)
    lines += [f"    if kernel({args}):", f"        return again({given})"]
    results = [f"o{p}[()]" if n in scalars else f"o{p}" for p, n in enumerate(group.outputs)]
    lines += [*ends, f"    return {', '.join(results)}"]
    exec(compile("\n".join(lines), "<retrograd launcher>", "exec"), names)
    return names["launch"]


def by_numpy(group: Group, numbers: list[int]) -> Any:
    """Return the function that makes the calls of a group one by one."""
    steps: list[Step] = []
    wanted = set(group.outputs)
    seen: set[int] = set()
    for step in reversed(group.members):
        fills = {step.args[0].number} if step.kind == WRITE else set(outs_of(step))
        if fills & wanted and id(step) not in seen:
            seen.add(id(step))
            steps.append(step)
            wanted |= set(reads_of(step))
    steps.reverse()

    def value(given: Any, held: dict[int, Any]) -> Any:
        if isinstance(given, Ref):
            return held[given.number]
        if type(given) in (list, tuple):
            return type(given)([value(one, held) for one in given])
        if type(given) is dict:
            return {key: value(one, held) for key, one in given.items()}
        return given

    def again(*arrays: Any) -> Any:
        held = dict(zip(numbers, arrays))
        for step in steps:
            made = step.function(*value(step.args, held), **value(step.settings, held))
            if isinstance(step.outs, int):
                held[step.outs] = np.asarray(made) if step.wrap else made
        found = tuple(held[number] for number in group.outputs)
        return found if len(found) > 1 else found[0]

    return again
