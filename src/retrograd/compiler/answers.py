"""Answers: slots that a replay no longer has when a call in it raises, computed again.

A lowered segment leaves out what nobody reads and writes over what nobody reads any more.  When a
step raises, the function is run again up to it, its calls answered with slots; those that are gone
follow from what is there by the recorded steps.  Passes keep the ones that would not
(`needed_to_answer`).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .._core.value import Value
from .lowering import outs_of
from .trace import CALL, Argument, Captured, Ref, Segment


def fill(segment: Segment, slots: list[Any], steps: int, tensors: list[Any]) -> None:
    """Put what is missing into the slots that the first steps of a segment filled.

    Parameters
    ----------
    segment : Segment
        Lowered.
    slots : list
        Of the whole path; None where something is missing.
    steps : int
        How many steps were run.
    tensors : list of Value
        The tensor arguments.
    """
    for number in segment.plan.program.parts:
        if slots[number] is not None:  # the engine takes over only arrays that own their memory
            slots[number] = slots[number].copy()
    for place, slot in enumerate(segment.slots):
        number = segment.first + place
        if slots[number] is None and isinstance(slot.source, Captured):
            slots[number] = slot.source.value.array
        elif slots[number] is None and isinstance(slot.source, Argument):
            slots[number] = tensors[slot.source.place].array

    def given(thing: Any) -> Any:
        if isinstance(thing, Ref):
            held = slots[thing.number]
            return held.array if isinstance(held, Value) else held  # a `.grad` is kept whole
        if type(thing) in (list, tuple):
            return type(thing)([given(one) for one in thing])
        if type(thing) is dict:
            return {key: given(one) for key, one in thing.items()}
        return thing

    for step in segment.steps[:steps]:
        outs = outs_of(step)
        if step.kind != CALL or not outs or all(slots[number] is not None for number in outs):
            continue
        made = step.function(*given(step.args), **given(step.settings))
        found = made if isinstance(step.outs, tuple) else (made,)
        numbers = step.outs if isinstance(step.outs, tuple) else (step.outs,)
        for number, one in zip(numbers, found):
            if number is not None and slots[number] is None:
                slots[number] = step_result(step, one)


def step_result(step: Any, made: Any) -> Any:
    """Return a result as the replay keeps it."""
    return np.asarray(made) if step.wrap else made
