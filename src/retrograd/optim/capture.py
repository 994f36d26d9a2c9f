"""Capture: an optimizer's step in a trace, open, so that a replay makes it call by call.

Note [A step in a trace].  A recorded step is one call of `Capture.begin`, and then the NumPy
calls of the updates, as `ElementwiseOptimizer.update` makes them.  `begin` is all of Python that
is left of a step: it asks whether everything is as it was when the step was recorded, counts the
step, asks `prepare` for the settings of the groups as they are now, and writes the numbers among
them into an array, whose elements the calls read.  So a learning rate is no constant of the trace.
Settings that decide what calls are made (`switches`), parameters and state that are others,
hooks, a step count of one parameter alone: any change raises `OutdatedTraceError` before anything
has been counted or written.  Then the function goes on from there by itself, and the next call is
recorded.

State arrays are known by identity.  What makes state (SGD's first momentum) is not recorded, but
run; that trace is not kept.
"""

from __future__ import annotations

import struct
from typing import Any

import numpy as np

from .._core.errors import OutdatedTraceError
from .._core.tracing import set_recorder
from ..autograd import set_grad_enabled
from .noted import Noted, Number, Parts, Written, gathered
from .optimizer import has_step_hooks, members
from .pieces import BLOCK, Flat, as_flat

FORMATS = {"f2": "e", "f4": "f", "f8": "d"}
SOON = 10  # a capture that served fewer replays than this is outdated soon
PATIENCE = 5  # captures outdated soon, one after the other, until steps are not opened any more


class Job:
    """What one update of a recorded step runs over.

    Parameters
    ----------
    optimizer : ElementwiseOptimizer
    place : int
        The number of the group.
    piece : Flat or Single
    leader : Job, optional
        An earlier one that has the same settings at each step.
    """

    def __init__(self, optimizer: Any, place: int, piece: Any, leader: Job | None) -> None:
        self.optimizer = optimizer
        self.place = place
        self.piece = piece
        self.is_flat = isinstance(piece, Flat)
        self.params = piece.params if self.is_flat else [piece.param]
        param = self.params[0]
        self.dtype = param.array.dtype
        self.leader = self if leader is None else leader
        self.scalars: list[Any] = piece.scalars
        # The step counts before and after the last step, all scalars but them before it.
        self.before = self.counted = b""
        self.saved: list[Any] = []
        self.one = np.ones((), self.scalars[0].dtype) if self.scalars else None
        self.settings: Any = None
        if self.is_flat:
            self.states = [param.make(array) for array in piece.states]
        else:
            self.states = [piece.entry[name] for name, _ in piece.checks[len(piece.scalars) :]]
        self.numbers: Any = None  # a tensor, of a leader
        self.pack: Any = None

    # -- before each step -----------------------------------------------------------------------

    def advance(self) -> float:
        """Count the step; return its number."""
        scalars = self.scalars
        if not scalars:
            return 0.0
        count = scalars[0]
        before = count.tobytes()
        if self.is_flat and before != self.counted and not self.piece.is_level():
            raise OutdatedTraceError
        self.before = before
        if len(scalars) > 1:
            if self.is_flat and not self.piece.is_level():
                raise OutdatedTraceError
            self.saved = [one.copy() for one in scalars[1:]]
        np.add(count, self.one, count)
        self.counted = count.tobytes()
        step: float = count.item(0)
        return step

    def take_back(self) -> None:
        """Undo `advance`, and what `prepare` did to the scalars."""
        if self.scalars:
            count = self.scalars[0]
            count[...] = np.frombuffer(self.before, count.dtype).reshape(count.shape)
        for scalar, before in zip(self.scalars[1:], self.saved):
            scalar[...] = before

    def put_numbers(self, numbers: Any) -> None:
        """Put the numbers of this step where the recorded calls read them."""
        array = self.numbers.array
        if self.pack is not None:
            try:
                self.pack(array, 0, *numbers)
                return
            except (OverflowError, struct.error, TypeError):
                pass
        array[...] = [float(one) for one in numbers]

    # -- what is recorded -----------------------------------------------------------------------

    def make_room(self, numbers: Any) -> None:
        """Make the array of the numbers."""
        self.numbers = self.params[0].make(np.empty(len(numbers), self.dtype))
        form = FORMATS.get(self.dtype.str[1:]) if self.dtype.isnative else None
        self.pack = None if form is None else struct.Struct(f"{len(numbers)}{form}").pack_into

    def record(self, recorder: Any, numbers: list[Any]) -> None:
        """Make the update through a recorder."""
        optimizer = self.optimizer
        writer = optimizer._writer()
        grads = [param.grad.array for param in self.params]
        for value in (*self.params, *self.states):
            recorder.adopt(value)
        states = [one.array for one in self.states]
        if self.params[0].array.size > BLOCK:
            recorder.write(self.update_blocks, self.params[0].array, (grads[0], *states))
            self.params[0]._bump_version(writer)
            return
        arrays = [param.array for param in self.params]
        if self.is_flat:
            param: Noted = Parts(recorder, arrays)
            grad = Noted(recorder, gathered(recorder, grads))
        else:
            param, grad = Written(recorder, arrays[0]), Noted(recorder, grads[0])
        held = [Written(recorder, one) for one in states]
        scratch = [Noted(recorder, None) for _ in range(3)]
        switches = self.leader.settings[0]
        optimizer.update(switches, numbers, param, grad, held, scratch)
        for one in self.params:
            recorder.claim()
            one._bump_version(writer)

    def update_blocks(self, param: Any, grad: Any, *states: Any) -> None:
        """Update a large parameter block by block, as it is without a trace."""
        optimizer = self.optimizer
        settings = self.leader.settings
        flat = [as_flat(one) for one in (param, grad, *states)]
        workspace = optimizer.__dict__["_workspace"]
        for start in range(0, flat[0].size, BLOCK):
            block = [piece[start : start + BLOCK] for piece in flat]
            scratch = workspace.scratch(block[0])
            optimizer.update(*settings, block[0], block[1], block[2:], scratch)


class Capture:
    """How the steps of an optimizer are recorded, for the parameters that have gradients.

    Attributes
    ----------
    plans : list of GroupPlan
    jobs : list of Job
    uses : int
        How many steps it began.
    """

    def __init__(self, optimizer: Any, plans: list[Any], pieces: list[tuple[int, Any]]) -> None:
        self.optimizer = optimizer
        self.plans = list(plans)
        self.pieces = pieces
        self.jobs: list[Job] = []
        self.uses = 0
        self.outdated = False
        leaders: dict[Any, Job] = {}
        for place, piece in pieces:
            # What has one dtype, one group, and is at one step has the same numbers.
            scalars = piece.scalars
            key: Any = None
            if len(scalars) < 2:
                dtype = (piece.params[0] if isinstance(piece, Flat) else piece.param).array.dtype
                key = (place, dtype, *[one.item(0) for one in scalars])
            job = Job(optimizer, place, piece, leaders.get(key))
            self.jobs.append(job)
            if key is not None:
                leaders.setdefault(key, job)

    def begin(self) -> None:
        """Count a step and put its numbers in place.

        Raises
        ------
        OutdatedTraceError
            Where the recorded calls are not those of this step.
        """
        optimizer = self.optimizer
        begun: list[Job] = []
        try:
            if has_step_hooks(optimizer) or optimizer._plans() != self.plans:
                raise OutdatedTraceError
            state = optimizer.state
            for job in self.jobs:
                if not job.piece.holds(state):
                    raise OutdatedTraceError
            for job in self.jobs:
                step = job.advance()
                begun.append(job)
                self.begin_job(job, step)
        except BaseException as error:
            for job in begun:
                job.take_back()
            self.outdated = isinstance(error, OutdatedTraceError)
            raise
        self.uses += 1

    def writes(self) -> list[Any]:
        """Return the arrays that `begin` writes; it reads no gradients and no parameters."""
        found = []
        for job in self.jobs:
            found += job.scalars if job.numbers is None else [*job.scalars, job.numbers.array]
        return found

    def begin_job(self, job: Job, step: float) -> None:
        leader = job.leader
        if leader is not job:
            if step != leader.now:
                raise OutdatedTraceError
            return
        job.now = step
        group = self.optimizer.param_groups[job.place]
        settings = self.optimizer.prepare(group, step, job.scalars[1:])
        if job.numbers is None:
            job.make_room(settings[1])
        elif settings[0] != job.settings[0]:
            raise OutdatedTraceError
        job.settings = settings
        job.put_numbers(settings[1])

    def record(self, recorder: Any) -> bool:
        """Make a step through a recorder; return whether it was made."""
        try:
            recorder.host(self.begin, ())
        except Exception:
            if not recorder.failed:  # another step was recorded here
                raise
            return False  # with nothing done; the step itself says why
        numbers: dict[int, list[Any]] = {}
        for job in self.jobs:
            leader = job.leader
            if job is leader:
                recorder.adopt(job.numbers)
                array = job.numbers.array
                numbers[id(job)] = [Number(recorder, array, n) for n in range(len(array))]
            job.record(recorder, numbers[id(leader)])
        return True


def update_recorded(optimizer: Any, recorder: Any) -> bool:
    """Update the parameters of an optimizer while a trace is written.

    Returns
    -------
    bool
        False where nothing was done: the update then runs as it always does.
    """
    recorder.depends(members, optimizer)
    grads = {
        id(param): param.grad for group in optimizer.param_groups for param in group["params"]
    }
    found = answering_capture(optimizer, recorder)
    if found is None:
        before = set_recorder(None)
        try:
            found = capture_of(optimizer, grads)
        finally:
            set_recorder(before)
    if isinstance(found, Capture):
        return found.record(recorder)
    if found is LATER:
        recorder.postpone()
    recorder.host(update_alone, (optimizer,))
    return True


def answering_capture(optimizer: Any, recorder: Any) -> Capture | None:
    """Return the capture whose step a replay has made already, though it may be outdated since."""
    found = getattr(recorder.expected(), "__self__", None) if recorder.answering else None
    return found if isinstance(found, Capture) and found.optimizer is optimizer else None


def update_alone(optimizer: Any) -> None:
    """Update the parameters as one call of a replay."""
    if has_step_hooks(optimizer):
        raise OutdatedTraceError
    with set_grad_enabled(optimizer.defaults["differentiable"]):
        optimizer._update_all()


LATER, NEVER = "later", "never"


def capture_of(optimizer: Any, grads: dict[int, Any]) -> Any:
    """Return the capture of a step with these gradients, LATER or NEVER where there is none."""
    memory = optimizer.__dict__
    if memory.get("_soon_outdated", 0) >= PATIENCE:
        return NEVER
    try:
        pieces = pieces_of(optimizer, grads)
    except Exception:  # what the step itself will raise
        return NEVER
    if not isinstance(pieces, list):
        return pieces
    plans = optimizer._plans()
    captures: list[Capture] = memory.setdefault("_captures", [])
    kept = []
    for one in captures:
        if one.plans == plans and not one.outdated:
            kept.append(one)
        else:
            memory["_soon_outdated"] = memory.get("_soon_outdated", 0) + 1 if one.uses < SOON else 0
    captures[:] = kept
    for one in captures:
        if len(one.pieces) == len(pieces) and all(
            a[1] is b[1] for a, b in zip(one.pieces, pieces)
        ):
            if all(job.piece.holds(optimizer.state) for job in one.jobs):
                return one
            captures.remove(one)
            break
    made = Capture(optimizer, plans, pieces)
    captures.append(made)
    return made


def pieces_of(optimizer: Any, grads: dict[int, Any]) -> Any:
    """Return what a step runs over, with the number of its group; or LATER or NEVER."""
    for plan in optimizer._plans():
        for flat in plan.flats:
            without = [grads[id(param)] is None for param in flat.params]
            split = any(without) and not all(without)
            if split or not flat.holds(optimizer.state) or not flat.is_level():
                plan.stale = True
    pieces: list[tuple[int, Any]] = []
    for place, (plan, group) in enumerate(zip(optimizer._plans(), optimizer.param_groups)):
        if plan.differentiable or len({id(p) for p in plan.params}) != len(plan.params):
            return NEVER
        for param in plan.params:
            grad = grads[id(param)]
            if grad is not None and (
                grad.requires
                or grad.array.dtype != param.array.dtype
                or grad.array.shape != param.array.shape
                or param.array.dtype.kind != "f"
            ):
                return NEVER
        if any(grads[id(param)] is not None for param in plan.idle):
            optimizer._gather_idle(group, plan)
        for flat in plan.flats:
            if grads[id(flat.params[0])] is not None:
                pieces.append((place, flat))
        for single in plan.singles:
            grad = grads[id(single.param)]
            if grad is None:
                continue
            if not single.is_known(optimizer.state, grad.array):
                found = remember(optimizer, group, plan, single, grad.array)
                if found is not None:
                    return found
            pieces.append((place, single))
    return pieces


def remember(optimizer: Any, group: Any, plan: Any, single: Any, grad: Any) -> Any:
    """Prepare a parameter for a recorded update; return LATER or NEVER where that cannot be."""
    names, scalars = plan.names, optimizer.scalars
    param = single.param
    entry: Any = {}
    if names or scalars:
        entry = optimizer._entry(group, param, names)
        if any(entry.get(name) is None for name in (*names, *scalars)):
            return LATER
    single.remember(entry, names, scalars, optimizer.__dict__["_workspace"])
    return None if single.is_known(optimizer.state, grad) else NEVER
