"""Launching: what calls a stretch's function, with as little as possible done at each call.

Results are written into arrays that nobody holds any more (by their reference counts), which have
been results before: fresh memory would cost more than the loop over it.
"""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Callable
from typing import Any

import numpy as np

from .lowering import Layout
from .stretches import Stretch
from .trace import CALL, Step, made_by, outs_of, reads_of

MOST_SETS = 2  # of results that are kept to be written again


def held_once() -> int:
    """Return what `sys.getrefcount` says of what a tuple and a local variable hold."""
    held = ([],)
    (one,) = held
    return sys.getrefcount(one)


ONCE = held_once()


def launcher(stretch: Stretch, layouts: dict[int, Layout], entry: Any) -> Callable[..., Any]:
    """Return the function that is given a stretch's inputs and returns its outputs.

    Parameters
    ----------
    stretch : Stretch
    layouts : dict
    entry : callable
        ``entry(inputs..., outputs...)`` returns 0, or a reason to compute by NumPy.
    """
    given = ", ".join(f"a{place}" for place in range(len(stretch.inputs)))
    outs = [f"o{place}" for place in range(len(stretch.outputs))]
    if not outs:
        return _without_results(stretch, entry, given)
    forms = [(layouts[n].shape, layouts[n].dtype) for n in stretch.outputs]
    sets: deque[tuple[Any, ...]] = deque()

    def new() -> tuple[Any, ...]:
        return tuple([np.empty(shape, dtype) for shape, dtype in forms])

    def another(used: tuple[Any, ...]) -> tuple[Any, ...]:
        """Return results that nobody holds, where somebody holds those that were to be written."""
        for _ in range(len(sets)):
            try:
                mine = sets.popleft()
            except IndexError:  # another thread took it
                break
            if all(sys.getrefcount(mine[place]) < ONCE for place in range(len(mine))):
                sets.append(used)
                return mine
            sets.append(mine)
        if len(sets) < MOST_SETS - 1:
            sets.append(used)
        return new()

    # The tuple and a name here hold them, and nobody else may; the last are returned most often.
    held = " or ".join(f"count({one}) > {ONCE}" for one in reversed(outs))
    results = [f"{one}[()]" if layouts[number].scalar else one
               for one, number in zip(outs, stretch.outputs)]  # fmt: skip
    text = f"""
def launch({given}):
    try: mine = take()
    except IndexError: mine = new()
    {", ".join(outs)}, = mine
    if {held}:
        {" = ".join(outs)} = None
        mine = another(mine)
        {", ".join(outs)}, = mine
    if kernel({", ".join([*filter(None, [given]), *outs])}): return again({given})
    put(mine)
    return {", ".join(results)}
"""
    names: dict[str, Any] = {
        "kernel": entry, "again": by_numpy(stretch), "take": sets.popleft, "put": sets.append,
        "new": new, "another": another, "count": sys.getrefcount,
    }  # fmt: skip
    exec(compile(text, "<retrograd launcher>", "exec"), names)
    launch: Callable[..., Any] = names["launch"]
    return launch


def _without_results(stretch: Stretch, entry: Any, given: str) -> Callable[..., Any]:
    names: dict[str, Any] = {"kernel": entry, "again": by_numpy(stretch)}
    text = f"def launch({given}):\n    if kernel({given}): again({given})\n"
    exec(compile(text, "<retrograd launcher>", "exec"), names)
    launch: Callable[..., Any] = names["launch"]
    return launch


def by_numpy(stretch: Stretch) -> Callable[..., Any]:
    """Return the function that makes the calls of a stretch one by one."""
    known = set(stretch.inputs)
    steps = []
    for call in stretch.calls():
        step = without_model(call, stretch.layouts)
        # What is given was made before: another `empty` would take the place of what was written.
        # What nobody gives is only there for another call, which the kernel has.
        if known.isdisjoint(outs_of(step)) and known.issuperset(reads_of(step)):
            steps.append(step)
            known.update(outs_of(step))
    assert known.issuperset(stretch.outputs)

    def again(*arrays: Any) -> Any:
        held = dict(zip(stretch.inputs, arrays))
        for step in steps:
            held.update(made_by(step, held.__getitem__))
        found = tuple(held[number] for number in stretch.outputs)
        return found if len(found) != 1 else found[0]

    return again


def without_model(step: Step, layouts: dict[int, Layout]) -> Step:
    """Return ``ones_like(x)`` as a call without x, which the kernel does not read either."""
    if step.function not in (np.ones_like, np.zeros_like):
        return step
    function = np.ones if step.function is np.ones_like else np.zeros
    layout = layouts[step.outs]
    return Step(CALL, function, (layout.shape, layout.dtype), outs=step.outs, name=step.name)
