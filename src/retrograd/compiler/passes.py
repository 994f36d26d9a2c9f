"""Passes: the steps of a program made fewer and cheaper, without changing a bit of what they give.

Each pass takes a `Program` and changes it.  `prepare` runs them all in their order.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..generator import Generator
from .lowering import Layout, Program, owner_of
from .mirror import expect, getitem, transposed
from .trace import (
    CALL,
    GRAD,
    HOST,
    WRITE,
    OutBase,
    OutDetached,
    OutGrad,
    OutGradView,
    OutLeaf,
    OutNumber,
    OutTensor,
    OutView,
    Ref,
    Step,
    copied,
    is_pure,
    is_single,
    outs_of,
    put_in,
    reads_of,
    refs_in,
)

_LIKE = {np.ones_like, np.zeros_like, np.full_like, np.empty_like}
_EMPTY = {np.empty, np.empty_like}
_RANDOM = "numpy.random"
_WITH_SLOT = (
    OutBase, OutTensor, OutNumber, OutGrad, OutLeaf, OutView, OutGradView, OutDetached, Ref,
)  # fmt: skip


def prepare(program: Program, kept: set[int] | None = None) -> Program:
    """Run every pass.

    Parameters
    ----------
    program : Program
        Fresh from `lower`.
    kept : set of int, optional
        Slots that others read after the call: what a backward saves.
    """
    program.leaving = leaving(program) | (kept or set())
    program.held = program.leaving | needed_to_answer(program)
    program.read_anew = {
        number
        for step in program.segment.steps
        if holds_array((step.args, step.settings))
        for number in outs_of(step)
    }
    shorten(program)
    fold_constants(program)
    share_subexpressions(program)
    fold_constants(program)
    drop_dead(program)
    make_scalars_arrays(program)
    return program


# -- what has to be left alone -------------------------------------------------------------------


def leaving(program: Program) -> set[int]:
    """Return the slots whose arrays others see after the segment has run."""
    segment = program.segment
    found: set[int] = set()
    if segment.watched is not None:
        found |= set(range(segment.first, segment.first + len(segment.slots)))
        found.add(segment.watched)
    collect(segment.outputs, found)
    for step in program.steps:
        if step.kind == GRAD:
            found |= set(reads_of(step))
    return found


def collect(outputs: Any, found: set[int]) -> None:
    """Add the slots that a result is made of."""
    if isinstance(outputs, _WITH_SLOT):
        found.add(outputs.number)
        if isinstance(outputs, (OutDetached, OutView, OutGradView)):
            collect(outputs.base, found)
    elif isinstance(outputs, dict):
        for one in outputs.values():
            collect(one, found)
    elif isinstance(outputs, (list, tuple)):
        for one in outputs:
            collect(one, found)


def holds_array(given: Any) -> bool:
    """Say whether an argument holds an array of the program's own, which may change."""
    if isinstance(given, (list, tuple)):
        return any(holds_array(one) for one in given)
    if isinstance(given, dict):
        return any(holds_array(one) for one in given.values())
    return isinstance(given, np.ndarray)


def can_raise(step: Step) -> bool:
    """Say whether a step may raise because of the values it is given."""
    if step.kind == HOST or step.function is expect or looks_at_values(step):
        return True
    if draws(step) and not reads_of(step):
        return False
    return step.kind == CALL and not is_single(step.function) and step.function not in _PLAIN


def draws(step: Step) -> bool:
    """Say whether a step draws random numbers, which nobody may do a second time."""
    module = getattr(step.function, "__module__", None) or ""
    return module.endswith(_DRAWING) or any(isinstance(one, Generator) for one in step.args)


_DRAWING = (".dropouts", "functional._attention")


def looks_at_values(step: Step) -> bool:
    """Say whether one of NumPy's functions refuses some values: of an index, of a matrix."""
    function = step.function
    if function in _REFUSING or (getattr(function, "__module__", "") or "").startswith(_LINALG):
        return True
    return function is getitem and bool(refs_in(step.args[1]))


_LINALG = "numpy.linalg"
_REFUSING = {
    np.take, np.ndarray.take, np.take_along_axis, np.put_along_axis, np.bincount, np.repeat,
    np.ndarray.repeat,
}  # fmt: skip


def needed_to_answer(program: Program) -> set[int]:
    """Return the slots of the segment that could not be computed again when a later step raises.

    Then the function is run again up to the step that raised, and its calls are answered with
    slots.  Those that were computed from memory which a step has written by then are kept.
    """
    segment = program.segment
    owners = {number: layout.owner for number, layout in program.layouts.items()}
    roots: dict[int, set[int]] = {}
    whole = set(program.whole)
    last = max((k for s, k in zip(program.steps, program.origins) if can_raise(s)), default=-1)
    found: set[int] = set()
    made: list[int] = []
    for place, step in enumerate(segment.steps[: last + 1]):
        if step.kind == CALL:
            read: set[int] = set()
            for number in reads_of(step):
                read |= roots.get(number, {owners.get(number, number)})
            for number in outs_of(step):
                own = {owners.get(number, number)}
                roots[number] = own if place in whole else read | own
                made.append(number)
        elif step.kind in (WRITE, HOST) and place < last:
            written = None
            if step.kind == WRITE:
                written = owners.get(step.args[0].number, step.args[0].number)
            for number in made:
                if written is None or written in roots[number]:
                    found.add(number)
    return found


def written_owners(program: Program) -> set[int]:
    """Return the slots whose memory a step writes into."""
    return {
        program.layouts[step.args[0].number].owner
        for step in program.steps
        if step.kind == WRITE
    }


def is_plain(step: Step) -> bool:
    """Say whether a step only computes: its result follows from its operands, and that is all."""
    if step.kind != CALL or step.function is expect:
        return False
    function = step.function
    if function in _PLAIN:
        return True
    module = getattr(function, "__module__", None) or ""
    return is_single(function) and not module.startswith(_RANDOM)


_PLAIN = {getitem, transposed}


# -- passes --------------------------------------------------------------------------------------


def shorten(program: Program) -> None:
    """Call methods where NumPy's function only finds the method: 0.1 us for 0.7."""
    for place, step in enumerate(program.steps):
        if step.kind != CALL or step.settings or not step.args:
            continue
        method = _METHODS.get(step.function) if callable(step.function) else None
        first = step.args[0]
        if method is None or not isinstance(first, Ref) or program.layouts[first.number].scalar:
            continue
        if step.function is np.dot and not isinstance(step.args[1], (Ref, np.ndarray)):
            continue
        program.steps[place] = changed(step, step.args)  # the recorded step stays what it is
        program.steps[place].function = method


_METHODS: Any = {
    np.reshape: np.ndarray.reshape,
    np.transpose: np.ndarray.transpose,
    np.dot: np.ndarray.dot,
    np.ravel: np.ndarray.ravel,
    np.squeeze: np.ndarray.squeeze,
    np.swapaxes: np.ndarray.swapaxes,
}


def fold_constants(program: Program) -> None:
    """Compute what depends on no operand once, where nothing writes into it and nobody sees it."""
    written = written_owners(program)
    layouts = program.layouts
    fixed = {layouts[number].owner for number in program.leaving if number in layouts}
    constants = program.constants
    steps, origins = [], []
    for step, origin in zip(program.steps, program.origins):
        value = folded(program, step) if foldable(program, step, written | fixed) else None
        if value is None:
            steps.append(with_constants(step, constants))
            origins.append(origin)
        else:
            constants[step.outs] = value
            if isinstance(value, np.ndarray) and owner_of(value) is value:
                value.flags.writeable = False
    program.steps, program.origins = steps, origins


def foldable(program: Program, step: Step, fixed: set[int]) -> bool:
    if step.kind != CALL or not isinstance(step.outs, int):
        return False
    layout = program.layouts[step.outs]
    if layout.owner in fixed or step.outs in program.leaving | program.read_anew:
        return False
    if not isinstance(layout.dtype, np.dtype):
        return False
    function = step.function
    if function in _EMPTY or layout.dtype.hasobject:
        return False
    if function is copied:
        return True
    if not (is_plain(step) or is_pure(function)):
        return False
    given = step.args[1:] if function in _LIKE else step.args
    return all(number in program.constants for number in refs_in((given, step.settings)))


def folded(program: Program, step: Step) -> Any:
    """Return what a step gives, which depends on constants alone."""
    if step.function in _LIKE and isinstance(step.args[0], Ref):
        layout = program.layouts[step.args[0].number]
        if not isinstance(layout.dtype, np.dtype) or layout.scalar:
            return None
        like = array_like(layout)
        if like is None:
            return None
        step = Step(CALL, step.function, (like, *step.args[1:]), step.settings, step.outs)
    step = with_constants(step, program.constants)
    try:
        value = step.function(*step.args, **step.settings)
    except Exception:  # it raises where it stands
        return None
    return value.copy() if step.function is copied else value


def array_like(layout: Layout) -> Any:
    """Return a new array of a layout, None where its strides leave gaps or repeat memory."""
    shape, strides = layout.shape, layout.strides
    order = sorted(range(len(shape)), key=lambda axis: (-abs(strides[axis]), axis))
    made = np.empty([shape[axis] for axis in order], layout.dtype)
    if made.size == 0:
        made = np.empty(shape, layout.dtype)
        return made if made.strides == strides else None
    back = np.argsort(order) if order else []
    made = made.transpose([int(axis) for axis in back])
    for have, want, length in zip(made.strides, strides, shape):
        if have != want and length != 1:
            return None
    return made


def with_constants(step: Step, constants: dict[int, Any]) -> Step:
    """Return a step with known values in place of their slots."""
    if not any(number in constants for number in reads_of(step)):
        return step

    def known(number: int) -> Any:
        return constants[number] if number in constants else Ref(number)

    return changed(step, put_in(step.args, known), put_in(step.settings, known))


def changed(step: Step, args: Any, settings: Any = None) -> Step:
    """Return the same call with other arguments."""
    made = Step(step.kind, step.function, args, step.settings if settings is None else settings)
    made.outs, made.wrap, made.name = step.outs, step.wrap, step.name
    return made


def share_subexpressions(program: Program) -> None:
    """Compute once what two steps would compute from the same memory, not written in between."""
    layouts = program.layouts
    written = written_owners(program)
    fixed = written | {layouts[n].owner for n in program.held if n in layouts}
    versions: dict[int, int] = {}
    outside = 0
    known: dict[Any, int] = {}
    alias: dict[int, Any] = {}
    steps, origins = [], []
    for step, origin in zip(program.steps, program.origins):
        if alias:
            step = with_constants(step, alias)
        if step.kind == WRITE:
            owner = layouts[step.args[0].number].owner
            versions[owner] = versions.get(owner, 0) + 1
        elif step.kind == HOST:
            outside += 1
        if step.function is expect:
            key = key_of_call(step, lambda number: number)
            if key in known:
                continue
            known[key] = 0
        if is_plain(step) and isinstance(step.outs, int) and step.function not in _EMPTY:

            def seen(number: int, outside: int = outside) -> Any:
                owner = layouts[number].owner
                return number, versions.get(owner, 0), outside

            key = key_of_call(step, seen)
            same = known.get(key)
            owner = layouts[step.outs].owner
            if same is None:
                known[key] = step.outs
            elif owner not in fixed and layouts[same].owner not in written:
                alias[step.outs] = Ref(same)
                adopt(program, step.outs, same)
                continue
        steps.append(step)
        origins.append(origin)
    program.steps, program.origins = steps, origins


def adopt(program: Program, old: int, new: int) -> None:
    """Let what had the memory of one slot have that of another, its equal."""
    layouts = program.layouts
    owner = layouts[new].owner
    if layouts[old].owner == old:
        for number, layout in layouts.items():
            if layout.owner == old:
                layouts[number] = layout._replace(owner=owner)


def key_of_call(step: Step, seen: Any) -> Any:
    """Return what two calls have in common that give the same."""

    def key(given: Any) -> Any:
        if isinstance(given, Ref):
            return ("slot", seen(given.number))
        if isinstance(given, (list, tuple)):
            return (type(given), *[key(one) for one in given])
        if isinstance(given, dict):
            return (dict, *[(name, key(one)) for name, one in given.items()])
        if isinstance(given, slice):
            return (slice, key(given.start), key(given.stop), key(given.step))
        if given is None or isinstance(given, (int, float, str, bool, complex)):
            return (type(given), repr(given))
        if isinstance(given, np.dtype):
            return given
        return ("object", id(given))

    return step.function, key(step.args), key(step.settings)


def drop_dead(program: Program) -> None:
    """Leave out what nobody reads."""
    layouts = program.layouts
    read = set(program.held)
    owners = {layouts[n].owner for n in program.held if n in layouts}
    inner = {n for step in program.steps for n in outs_of(step)}
    steps, origins = [], []
    for step, origin in zip(reversed(program.steps), reversed(program.origins)):
        if is_plain(step):
            needed = looks_at_values(step) or any(number in read for number in outs_of(step))
        elif step.kind == WRITE:
            owner = layouts[step.args[0].number].owner
            needed = owner in owners or owner not in inner
        else:
            needed = True
        if needed:
            steps.append(step)
            origins.append(origin)
            for number in reads_of(step):
                read.add(number)
                owners.add(layouts[number].owner)
    program.steps, program.origins = steps[::-1], origins[::-1]


def make_scalars_arrays(program: Program) -> None:
    """Give ufuncs Python's numbers as arrays of the dtype that they compute in: half the time."""
    for place, step in enumerate(program.steps):
        function = step.function
        if step.kind != CALL or not isinstance(function, np.ufunc) or step.settings:
            continue
        if function.nin != 2 or len(step.args) != 2 or function.nout != 1:
            continue
        numbers = [type(one) in (int, float) for one in step.args]
        if sum(numbers) != 1:
            continue
        other = step.args[0 if numbers[1] else 1]
        if isinstance(other, Ref):
            dtype = program.layouts[other.number].dtype
        elif isinstance(other, np.ndarray):
            dtype = other.dtype
        else:
            continue
        number = step.args[0 if numbers[0] else 1]
        weak = [type(one) if is_number else dtype for one, is_number in zip(step.args, numbers)]
        try:
            loop = function.resolve_dtypes((*weak, None))
            into = loop[0 if numbers[0] else 1]
            strong = tuple(into if is_number else dtype for is_number in numbers)
            if function.resolve_dtypes((*strong, None)) != loop:
                continue
            made = np.asarray(number, into)
        except (TypeError, ValueError, OverflowError):
            continue
        made.flags.writeable = False
        args = tuple(made if is_number else one for one, is_number in zip(step.args, numbers))
        program.steps[place] = changed(step, args)

