"""Fused: a segment's replay with kernels in it, made in the background and swapped in when ready.

Note [When tier 1 may be used].  Only the last segment of a path is fused: earlier ones have to keep
every slot, from which a new branch is answered.  When a call in a fused segment raises, the
replay by NumPy is run instead from the segment's start, and raises with the program's own traceback.
So nothing that cannot be repeated may come before a call that may raise; a segment in which it
does stays with NumPy.
"""

from __future__ import annotations

import copy
import os
import sys
import traceback
from typing import Any

import numpy as np

from . import numba_backend
from .codegen import Writer
from .fusion import FULL, Group, outs_of, partition, reads, refs
from .kernels import Kernel
from .lowering import Program, is_pure, is_single, lower
from .trace import (
    CALL,
    GRAD,
    HOST,
    TOUCH,
    WRITE,
    CapturedGrad,
    OutGrad,
    OutNumber,
    OutTensor,
    OutView,
    Ref,
    Segment,
    Slot,
    Step,
)


SMALLEST_REUSED = 1 << 18  # bytes of a result that is kept to be written again


def begin(segment: Segment, values: Any) -> None:
    """Lower a segment now, and have its kernels made in the background.

    Parameters
    ----------
    segment : Segment
        The last of a path.
    values : sequence
        What each slot held while it was recorded.
    """
    if segment.watched is not None or segment.eager:
        return
    program = lower(segment, values)
    if not repeatable(program):
        return
    back = None if segment.backward is None else lower(segment.backward, values)
    if back is not None and not repeatable(back):
        return

    def job() -> None:
        try:
            fuse(segment, program, back)
        except Exception:  # tier 0 goes on; who reads the logs is told
            if os.environ.get("RETROGRAD_LOGS"):
                traceback.print_exc(file=sys.stderr)

    numba_backend.submit(job)


def repeatable(program: Program) -> bool:
    """Say whether nothing that cannot be repeated comes before a call that may raise."""
    made = {number for step in program.steps if step.kind == CALL for number in outs_of(step)}
    owns_grads = any(isinstance(slot.source, CapturedGrad) and slot.dtype is not type(None)
                     for slot in program.segment.slots)  # fmt: skip
    effect = False
    for step in program.steps:
        if effect and may_raise(step):
            return False
        if step.kind == WRITE:
            owner = program.layouts[step.args[0].number].owner
            effect |= owner not in made
        elif step.kind == GRAD:
            effect |= owns_grads
        elif step.kind in (HOST, TOUCH):
            effect = True
        elif not is_single(step.function) and not is_pure(step.function):
            effect = True  # a draw, or something like it
    return True


_QUIET = {
    "transposed", "turned_matrices", "asarray", "reshape", "broadcast_to", "empty", "dot", "matmul",
    "ones_like", "zeros_like", "zeros", "ones", "full", "where", "expand_dims", "squeeze",
    "setitem", "accumulate", "add_into", "copied", "swapaxes", "moveaxis", "ascontiguousarray",
    "transpose",
}  # fmt: skip


def may_raise(step: Step) -> bool:
    """Say whether a call that went well once may raise for other values of the same shapes."""
    if step.kind in (GRAD, TOUCH, HOST):
        return False
    function = step.function
    if isinstance(function, np.ufunc) or isinstance(
        getattr(function, "__self__", None), np.ufunc
    ):
        return False
    return getattr(function, "__name__", "") not in _QUIET


def fuse(segment: Segment, program: Program, back: Program | None) -> None:
    """Make the kernels of a segment and of its backward, and swap the fused replay in."""
    shadow = copy.copy(segment)
    sources: list[str] = []
    needed = needs(segment)
    count = fused_steps(shadow, program, needed, sources)
    if back is not None:
        assert segment.backward is not None
        shadow.backward = copy.copy(segment.backward)
        after = {number for one in segment.backward.outputs for number in refs(one)}
        count += fused_steps(shadow.backward, back, after, sources)
        # What the backward reads of the forward's slots is what the shadow's needs to keep.
        shadow = copy.copy(shadow)
        lasting = {n for step in shadow.backward.steps for n in reads(step)} | after
        first = segment.backward.first
        sources.clear()
        count = fused_steps(shadow, program, outputs_of(segment) | {
            n for n in lasting if n < first
        }, sources)  # fmt: skip
        count += fused_steps(shadow.backward, back, after, sources)
    if count == 0:
        return
    run = Writer(shadow).write()
    segment.kernels = sources
    segment.fused_source = shadow.source
    segment.fused = run


def needs(segment: Segment) -> set[int]:
    """Return the slots that are read after a segment's last step."""
    found = outputs_of(segment)
    if segment.backward is not None:
        for step in segment.backward.steps:
            found |= reads(step)
        for one in segment.backward.outputs:
            found |= set(refs(one))
    return found


def outputs_of(segment: Segment) -> set[int]:
    """Return the slots in a segment's result."""
    found: set[int] = set()

    def walk(given: Any) -> None:
        if isinstance(given, (OutTensor, OutGrad, OutNumber, OutView)):
            found.add(given.number)
        elif isinstance(given, Ref):
            found.add(given.number)
        elif isinstance(given, (list, tuple)):
            for one in given:
                walk(one)
        elif isinstance(given, dict):
            for one in given.values():
                walk(one)

    walk(segment.outputs)
    return found


def fused_steps(
    segment: Segment, program: Program, needed: set[int], sources: list[str]
) -> int:
    """Give a segment steps with kernels in them; return how many kernels there are."""
    base = program.segment.first + len(program.segment.slots)
    steps = [renumbered(step, base) for step in program.steps]
    slots = {
        (base - number if number < 0 else number): Slot(None, one.shape, one.dtype)
        for number, one in program.layouts.items()
    }
    scalars = {
        (base - number if number < 0 else number)
        for number, one in program.layouts.items()
        if one.scalar
    }
    written = {
        program.layouts[step.args[0].number].owner
        for step in program.steps
        if step.kind == WRITE and getattr(step.function, "__name__", "") != "setitem"
    }
    # A view of what is written later has to stay a view.
    views = {
        (base - number if number < 0 else number)
        for number, one in program.layouts.items()
        if one.owner != number and one.owner in written
    }
    if views & {number for step in steps for number in outs_of(step)}:
        return 0
    plan = partition(steps, slots.__getitem__, needed)
    segment.steps = []
    count = 0
    for part in plan:
        if isinstance(part, Group):
            made = kernel_step(part, scalars, sources)
            count += made is not None
            segment.steps += part.members if made is None else [made]
        else:
            segment.steps.append(part)
    return count


def renumbered(step: Step, base: int) -> Step:
    """Return a step in which slots inside of kernels have numbers after all others."""

    def new(given: Any) -> Any:
        if isinstance(given, Ref):
            return Ref(base - given.number) if given.number < 0 else given
        if type(given) in (list, tuple):
            return type(given)([new(one) for one in given])
        if type(given) is dict:
            return {key: new(one) for key, one in given.items()}
        return given

    outs: Any = step.outs
    if isinstance(outs, tuple):
        outs = tuple(base - n if n is not None and n < 0 else n for n in outs)
    elif outs is not None and outs < 0:
        outs = base - outs
    function = step.function
    return Step(step.kind, function, new(step.args), new(step.settings), outs, step.wrap, step.name)


def kernel_step(group: Group, scalars: set[int], sources: list[str]) -> Step | None:
    """Return the step that calls a group's kernel."""
    kernel = Kernel(group, scalars)
    entry = numba_backend.build(kernel.body, tuple(kernel.signature))
    sources.append(kernel.body)
    numbers = [number for number, _ in group.inputs]
    function = launcher(group, entry, numbers, scalars)
    outs: Any = tuple(group.outputs) if len(group.outputs) > 1 else group.outputs[0]
    name = f"fused_{len(sources)}"
    return Step(CALL, function, tuple(Ref(n) for n in numbers), outs=outs, name=name)


def launcher(group: Group, entry: Any, numbers: list[int], scalars: set[int]) -> Any:
    """Return the function that makes the outputs and calls a kernel, or computes by NumPy.

    It computes by NumPy where an array is not laid out as the kernel wants it (a TypeError), and
    where the kernel says that it cannot.  A large result that nobody holds any more is written
    again: fresh memory costs more than the loop over it.
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
    args = ", ".join(one for one in (str(group.rows), str(group.columns), given, outs) if one)
    lines += [
        "    try:",
        f"        if kernel({args}):",
        f"            return again({given})",
        "    except TypeError:",
        f"        return again({given})",
    ]
    results = [f"o{p}[()]" if n in scalars else f"o{p}" for p, n in enumerate(group.outputs)]
    lines += [*ends, f"    return {', '.join(results)}"]
    exec(compile("\n".join(lines), "<retrograd launcher>", "exec"), names)
    return names["launch"]


def by_numpy(group: Group, numbers: list[int]) -> Any:
    """Return the function that makes the calls of a group one by one."""
    steps: list[Step] = []
    wanted = set(group.outputs)
    for step in reversed(group.members):
        fills = {step.args[0].number} if step.kind == WRITE else set(outs_of(step))
        if fills & wanted:
            steps.append(step)
            wanted |= reads(step)
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
