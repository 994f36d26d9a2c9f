"""Lowering: opens the steps of a segment into single NumPy calls.

Note [Whole or open].  A step calls a whole kernel or rule.  It is opened by running the kernel once
more on arrays that write down what is done to them (see `mirror.py`).  The finer steps replace it
only if they give what the kernel gives on the example: every bit and the layout.  Where the kernel
looks at values, draws, or does what cannot be followed, the step stays whole.  So lowering is never
needed for a right result.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from .._core.library import library
from .mirror import Tape, Traced, Unfollowed, expect, getitem, in_classes, owner_of
from .trace import (
    CALL,
    Ref,
    Segment,
    Step,
    is_pure,
    is_single,
    made_by,
    outs_of,
    put_in,
    reads_of,
    refs_in,
)


class Layout(NamedTuple):
    """What is known of a slot's array.

    Attributes
    ----------
    shape, dtype, strides : tuple, dtype, tuple
        For a number that is no array, ``()``, its type and ``()``.
    owner : int
        The slot whose memory it has: its own number when it is no view.
    scalar : bool
        Whether it is a NumPy scalar and no array.
    """

    shape: tuple[int, ...]
    dtype: Any
    strides: tuple[int, ...]
    owner: int
    scalar: bool = False


def contiguous(layout: Layout) -> bool:
    """Say whether an array's numbers follow each other in memory, the last axis fastest."""
    if not layout.shape:
        return True
    step = layout.dtype.itemsize
    for size, stride in zip(layout.shape[::-1], layout.strides[::-1]):
        if size != 1 and stride != step:
            return False
        step *= size
    return True


class Program:
    """A segment in single NumPy calls.

    Slots have the numbers that the segment gave them; what lies inside a step has a negative
    number.  The source calls them ``s3`` and ``v3``.

    Attributes
    ----------
    segment : Segment
    steps : list of Step
        In the order in which they run.
    origins : list of int
        For each step the place of the segment's step that it is a part of.
    layouts : dict
        Slot -> Layout, of the segment's slots and those inside.
    whole : dict
        Place of a step that stayed whole -> why.
    leaving : set
        The segment's slots whose arrays are seen by others after it has run.
    held : set
        Those, and the slots that answer when a later step raises: they are computed and kept.
    constants : dict
        Slot -> what it always holds.
    read_anew : set
        Slots that are made of arrays of the program's own, which may change.
    parts : set
        Slots whose arrays are parts of a larger one.
    """

    def __init__(self, segment: Segment) -> None:
        self.segment = segment
        self.steps: list[Step] = []
        self.origins: list[int] = []
        self.layouts: dict[int, Layout] = {}
        self.whole: dict[int, str] = {}
        self.leaving: set[int] = set()
        self.held: set[int] = set()
        self.constants: dict[int, Any] = {}
        self.read_anew: set[int] = set()
        self.parts: set[int] = set()

    def add(self, steps: list[Step], place: int) -> None:
        """Add the finer steps of a step of the segment."""
        self.steps += steps
        self.origins += [place] * len(steps)

    def copy(self) -> Program:
        """Return another program with the same steps."""
        new = Program(self.segment)
        new.steps, new.origins = list(self.steps), list(self.origins)
        new.layouts, new.constants = dict(self.layouts), dict(self.constants)
        new.whole = dict(self.whole)
        new.leaving, new.held = set(self.leaving), set(self.held)
        return new


def lower(segment: Segment, values: Any) -> Program:
    """Open the steps of a segment.

    Parameters
    ----------
    segment : Segment
    values : mapping or sequence
        What each slot, by its number, held in some call: an example, which is not written into.

    Returns
    -------
    Program
    """
    return lower_twice(segment, values, {})[0]


def lower_twice(
    segment: Segment, values: Any, instead: dict[Any, Any]
) -> tuple[Program, Program | None]:
    """Open the steps of a segment, and once more with other functions in the place of some.

    Parameters
    ----------
    segment, values
        As for `lower`.
    instead : dict
        Functions of `ops` -> those that are followed in their place, whose results may have other
        roundings.

    Steps that a kernel of the library computes stay whole in the first program, as they are faster
    so, and are opened in the second one.

    Returns
    -------
    Program, Program or None
        The second one where such functions were met, and some are given to be followed.
    """
    program, other = Program(segment), Program(segment)
    tape = Tape(instead=instead)
    opened: list[list[Step]] = []
    met: list[int] = []
    behind = segment.parent is not None and segment.parent.backward is segment
    for place, step in enumerate(segment.steps):
        tape.met = False
        tape.place = place
        try:
            if place in segment.wary:
                raise Unfollowed("what it takes for granted does not hold")
            found = open_step(step, values, tape, behind)
        except Unfollowed as reason:
            program.whole[place] = str(reason)
            found = [step]
        opened.append(found)
        if tape.met:
            met.append(place)
        program.add(found, place)
    note_layouts(program, values, tape.held)
    again = Tape(tape.free, instead)
    again.uses = again.fuses = True
    replaced = False
    for place in met if instead else ():
        again.place = place
        try:
            opened[place] = open_step(segment.steps[place], values, again, behind)
        except Unfollowed:  # it stays as it was opened
            continue
        program.whole.pop(place, None)
        replaced = True
    if not replaced:
        return program, None
    other.whole = dict(program.whole)
    for place, found in enumerate(opened):
        other.add(found, place)
    note_layouts(other, values, {**tape.held, **again.held})
    return program, other


def note_layouts(program: Program, values: Any, inner: dict[int, Any]) -> None:
    """Note shape, dtype, strides and memory of every slot that the program names.

    In the order in which they are made, so that what owns memory comes before its views.
    """
    owners: dict[int, int] = {}
    segment = program.segment
    made = {number for step in program.steps for number in outs_of(step)}
    named = {number for step in program.steps for number in reads_of(step)}
    named |= set(range(segment.first, segment.first + len(segment.slots)))
    for number in sorted(named - made):
        note_layout(program, number, values[number], owners)
    for step in program.steps:
        for number in outs_of(step):
            if number in program.layouts:
                continue
            if number not in inner:
                note_layout(program, number, values[number], owners)
                continue
            note_layout(program, number, inner[number], owners)
            if number >= 0:  # in the example it has two arrays: views may be of either
                owner = program.layouts[number].owner
                owners.setdefault(id(owner_of(values[number])), owner)


def note_layout(program: Program, number: int, held: Any, owners: dict[int, int]) -> None:
    if isinstance(held, np.ndarray):
        owner = owners.setdefault(id(owner_of(held)), number)
        program.layouts[number] = Layout(held.shape, held.dtype, held.strides, owner)
    elif isinstance(held, np.generic):
        program.layouts[number] = Layout((), held.dtype, (), number, True)
    else:
        program.layouts[number] = Layout((), type(held), (), number, True)


def open_step(step: Step, values: Any, tape: Tape, behind: bool = False) -> list[Step]:
    """Return the finer steps of one step, or the step itself where there is nothing in it.

    What raises by values in a backward stays whole (`behind`): there is nothing to run again from
    its start, so what it raises and what it assumes must be the rule's own affair.

    Raises
    ------
    Unfollowed
        Where it has to stay whole.
    """
    function = step.function
    if step.kind != CALL or is_single(function) or function is getitem:
        return [step]
    if not is_pure(function):
        raise Unfollowed("it is no kernel or rule")
    numbers = refs_in((step.args, step.settings))
    if not numbers:
        raise Unfollowed("it has no operands")
    if not all(isinstance(values[number], np.ndarray) for number in numbers):
        raise Unfollowed("it computes with numbers")
    begin = tape.free
    known = dict(tape.by_id)
    tape.steps = []
    try:
        made, plain = run_both(step, values, tape)
        found = tape.steps
        if behind and any(map(decides_by_values, found)):
            raise Unfollowed("it looks at values in a backward")
        if not gives_again(found, made, values):
            raise Unfollowed("its single calls give something else")
        fill(step, made, plain, tape)
    except Unfollowed:
        forget(tape, begin, known)
        raise
    except Exception as error:
        forget(tape, begin, known)
        raise Unfollowed(f"{type(error).__name__}: {error}") from None
    tape.by_id = known
    return found


def gives_again(steps: list[Step], made: Any, values: Any) -> bool:
    """Say whether single calls, made one after the other, give what following the kernel gave.

    So a write that was not written down cannot go unnoticed.
    """
    slots: dict[int, Any] = {}

    def held(number: int) -> Any:
        return slots[number] if number in slots else values[number]

    for step in steps:
        slots.update(made_by(step, held))
    results = made if isinstance(made, (list, tuple)) else (made,)
    return all(
        same(slots[one.number], one.held)
        for one in results
        if isinstance(one, Traced) and one.number in slots
    )


def decides_by_values(step: Step) -> bool:
    """Say whether a fine step raises, or goes on, by the values that it is given."""
    if step.function in (expect, in_classes):
        return True
    return (getattr(step.function, "__module__", None) or "").startswith("numpy.linalg")


def forget(tape: Tape, begin: int, known: dict[int, Traced]) -> None:
    """Forget what was written down since slot `begin`."""
    for number in range(tape.free + 1, begin + 1):
        tape.held.pop(number, None)
    tape.free = begin
    tape.by_id = known


def run_both(step: Step, values: Any, tape: Tape) -> tuple[Any, Any]:
    """Run a kernel traced and as it is; return what both gave."""
    operands: dict[int, Traced] = {}

    def operand(number: int) -> Traced:
        if number not in operands:
            operands[number] = tape.operand(values[number], number)
        return operands[number]

    served, before = library.served(), library.suspend(tape.fuses)
    try:
        held = values.__getitem__
        plain = step.function(*put_in(step.args, held), **put_in(step.settings, held))
    finally:
        library.suspend(before)
    if library.served() != served:
        tape.met = True
        raise Unfollowed("a kernel of the library computes it")
    mirrored = tape.mirror.convert(step.function)
    made = mirrored(*put_in(step.args, operand), **put_in(step.settings, operand))
    return made, plain


def fill(step: Step, made: Any, plain: Any, tape: Tape) -> None:
    """Let the finer steps fill the slots that the step fills, if they give the same."""
    if isinstance(step.outs, tuple):
        if not isinstance(made, (list, tuple)) or len(made) != len(step.outs):
            raise Unfollowed("it returns something else when followed")
        for number, one, other in zip(step.outs, made, plain):
            if number is not None:
                fill_one(number, one, other, tape)
            elif isinstance(one, Traced) or one is not other:
                raise Unfollowed("one of its results is no array")
    elif step.outs is None:
        raise Unfollowed("it returns no array")
    else:
        fill_one(step.outs, made, plain, tape)


def fill_one(number: int, made: Any, plain: Any, tape: Tape) -> None:
    if not isinstance(made, Traced):
        raise Unfollowed("its result does not depend on its operands")
    alike = close if tape.uses else same
    if not alike(made.held, plain):
        raise Unfollowed("followed, it gives something else")
    if made.number is None or made.number >= 0:
        if made.number == number:
            return
        raise Unfollowed("it returns an operand")
    if isinstance(made.held, np.generic):
        step = Step(CALL, np.asarray, (Ref(made.number),), outs=number, name="asarray")
        tape.steps.append(step)
        return
    if any(number in outs_of(one) for one in tape.steps):
        raise Unfollowed("it returns one array twice")
    rename(tape, made.number, number)
    made.number = number


def rename(tape: Tape, old: int, new: int) -> None:
    """Give an inner slot the number of the outer one that it is."""

    def renamed(number: int) -> Ref:
        return Ref(new if number == old else number)

    for step in tape.steps:
        step.args = put_in(step.args, renamed)
        step.settings = put_in(step.settings, renamed)
        if isinstance(step.outs, tuple):
            step.outs = tuple(new if one == old else one for one in step.outs)
        elif step.outs == old:
            step.outs = new
    tape.held[new] = tape.held.pop(old)


def same(one: Any, other: Any) -> bool:
    """Say whether two results have the same bits (any nan is one nan), dtype and layout."""
    if type(one) is not type(other) or one.dtype != other.dtype or one.shape != other.shape:
        return False
    if isinstance(one, np.ndarray) and one.strides != other.strides and one.size > 1:
        return False
    if one.tobytes() == other.tobytes():
        return True
    if one.dtype.kind not in "fc":
        return False
    equal = (one == other) | ((one != one) & (other != other))
    if not np.all(equal):
        return False
    if one.dtype.kind == "c":
        return False  # equal in value, but not in bits
    return bool(np.all((np.signbit(one) == np.signbit(other)) | (one != one)))


def close(one: Any, other: Any) -> bool:
    """Say whether two results are the same but for roundings, in layout and nan too."""
    if type(one) is not type(other) or one.dtype != other.dtype or one.shape != other.shape:
        return False
    if one.dtype.kind != "f" or (one.size > 1 and one.strides != other.strides):
        return same(one, other)
    sizes = np.abs(other[np.isfinite(other)])
    largest = float(sizes.max()) if sizes.size else 0.0
    apart = ROUNDINGS * float(np.finfo(one.dtype).eps) * largest
    return bool(np.allclose(one, other, rtol=0.0, atol=apart, equal_nan=True))


ROUNDINGS = 1000  # of the largest element: far from what another formula would give
