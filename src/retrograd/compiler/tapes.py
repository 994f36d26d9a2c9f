"""Tapes: loops whose tensors carry gradient history from turn to turn, and the backward after them.

Note [Backward through a loop].  Where Python looks at a value and its state is what it was one turn
before, except that the graph has grown by the nodes of the turn, what follows is the same until
something goes back through the graph.  So the loop is rolled.  Each turn pushes onto a tape, which
is a slot like any other, what its nodes saved, and what the slots that the loop moves held before.

The engine runs nodes in the reverse of the order in which they were recorded, so a backward runs
what came after the loop, then the turns from the last to the first, then what came before.  Where
it comes to a turn the segment ends, as if the program looked: at how many turns are left on the
tape.  The next segment takes them off one by one; that it begins as at the turn before is seen by
the gradients that wait in the engine.  Three cases are ways of their own: no turn, one, and more.
The last turn that is left is part of what follows it, since leaves are ready there.

That the turns are alike below follows from this: all were made by one segment from equal states.
The nodes that the backward reaches in one turn decide which it reaches in the turn before; that
these are the same nodes is compared, and then they are so in every turn.

Anything else (hooks, `create_graph`, nodes that a program reads, results that carry the history
out) gives the trace up, and the function is recorded anew with every turn written out.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .._core.node import OPEN, AccumulateGrad, Node
from .._core.storage import clock
from .readings import Reading
from .states import State, Unclear, Walk, common, differences
from .trace import (
    CALL,
    TURNS,
    Captured,
    CapturedGrad,
    Failing,
    Loop,
    Ref,
    Row,
    Segment,
    Step,
    key_of,
)

MOST_WRITTEN_OUT = 6  # turns of one backward that are recorded before two are found alike


class Tape:
    """What the turns of a loop left for the backward: the last one, and those before."""

    __slots__ = ("before", "count", "held")

    def __init__(self, before: Tape | None, held: tuple[Any, ...], count: int) -> None:
        self.before = before
        self.held = held
        self.count = count


def new_tape() -> Tape:
    """Return a tape without turns."""
    return Tape(None, (), 0)


def push(tape: Tape, *held: Any) -> Tape:
    """Return a tape with one more turn."""
    return Tape(tape, held, tape.count + 1)


def pop(tape: Tape) -> tuple[Any, ...]:
    """Return the tape without its last turn, and what that turn left."""
    return (tape.before, *tape.held)


def left(tape: Tape) -> int:
    """Return how many turns are left: none, one, or 2 for more."""
    return min(tape.count, 2)


class Waiting(Row):
    """What waits in the engine where a backward comes to a turn.

    Attributes
    ----------
    form : tuple
        Equal where the waiting gradients differ in their slots alone.
    slots : list of int
    tape : int
        The slot of the tape.
    kept : list
        What the form names by ids.
    """

    __slots__ = ()
    form: Any
    slots: Any
    tape: int
    kept: Any


class Tapes:
    """The part of a recorder that rolls loops with history, and the backward through them."""

    segment: Segment
    follows: bool
    failed: str
    answering: Any
    answered: Any
    values: list[Any]
    numbers: dict[int, int]
    given: set[int]
    new_ways: bool
    noted: dict[int, State | None]
    trail: list[tuple[Segment, State]]
    tries: dict[Any, int]
    states: int
    fail: Any
    compute: Any
    owner_of: Any
    _add: Any
    _answer: Any
    _branch: Any
    _idle: Any
    _lift: Any
    _note: Any
    _same_memory: Any
    tapes: bool
    taped: bool
    glance: int
    captures: bool

    def _begin(self) -> None:
        self.tape_of: Segment | None = None  # at whose end the tape began
        self.times: list[int] = []  # the time there, and after each turn
        self.had = 0  # how many there were when the backward began
        self.left = 0  # how many it has not come to
        self.spent = True  # whether the backward through the tape is done
        self.lost = 0  # nodes up to here may be of a loop whose tape is gone
        self.tape_now = 0  # the slot of what is left of the tape
        self.first_back = 0  # the first slot that is filled inside of the turns' backward
        self.waiting: dict[int, Waiting] = {}  # by id of a segment that ends at a turn

    # -- forward ----------------------------------------------------------------------------------

    def _tape(self, segment: Segment) -> None:
        """Repeat what is done with tapes at the end of a segment."""
        if self.failed:
            return
        if segment.begins is not None:
            self._lose()
            self.compute(new_tape, (), ())
            self.tape_of = segment
            self.spent = False
            self.times = [clock.now]
            self.taped = self.taped or segment.turned
        elif segment.pushes:
            self._push(segment)

    def _push(self, segment: Segment) -> int:
        """Put what the turn leaves for the backward onto the tape."""
        tape: int = self.tape_of.begins  # type: ignore[union-attr, assignment]
        numbers = (tape, *segment.pushes)
        held = tuple(self.values[number] for number in numbers)
        made: int = self.compute(push, tuple(map(Ref, numbers)), held)
        self.times.append(clock.now)
        self.taped = True
        return made

    def _roll_history(self, segment: Segment, state: State) -> None:
        """Roll a new segment that is a turn of a loop with history, or begin a tape at its end."""
        if not self.tapes or self.failed or not state.nodes:
            return
        target = segment.parent
        if target is not None and target is self.tape_of and len(self.times) == 1:
            before = self.noted.get(id(target))
            if before is not None and self._is_turn(segment, target, before, state):
                return
        if not self._has_tape():  # one tape at a time
            segment.begins = len(self.values)
            self._tape(segment)

    def _is_turn(self, segment: Segment, target: Segment, before: State, state: State) -> bool:
        """Say whether a segment is a turn from the end of `target` back to there; then roll it."""
        if target.barred or before.brief is None or state.brief is None:
            return False
        old, new = before.brief, state.brief
        found = differences(old, new, common(before, state)) if old.form == new.form else None
        if found is None:
            return False
        moves, changed = found
        if changed:
            self.trail.pop()
            segment.lifts = changed
            self._lift(segment)
            return True
        saved = self._saved_in_turn(segment, before, state)
        if saved is None:
            return False
        moved = {number for number, _ in moves}
        own = {number for number in saved if number >= segment.first}
        segment.pushes = tuple(sorted(moved | own))
        made = self._push(segment)
        segment.loop = Loop(target, (*moves, (target.begins, made)))
        target.turned = True
        # The others were recorded for the case that there is no turn.
        target.children = {segment.key: segment}
        self.tries.clear()
        self.states = 0
        return True

    def _saved_in_turn(self, segment: Segment, before: State, state: State) -> set[int] | None:
        """Return the slots that the nodes of a turn saved, None where one is not plain."""
        since = self.times[-1]
        known = {id(node) for node in before.nodes}
        waiting = list(state.nodes)
        seen: set[int] = set()
        found: set[int] = set()
        while waiting:
            node = waiting.pop()
            if node is None or id(node) in seen:
                continue
            seen.add(id(node))
            if isinstance(node, AccumulateGrad):
                if node.hooks is not None or node.keep is not None or node.state != OPEN:
                    return None
                continue
            if node.seq <= since:
                if node.seq > before.since and id(node) not in known:
                    return None
                continue
            if not is_plain_node(node) or node.freed is not None:
                return None
            waiting += node.edges
            for held in node.saved or ():
                if not self._note_saved(held, found):
                    return None
        return found

    def _note_saved(self, held: Any, found: set[int]) -> bool:
        """Add the slots in what a node saved; say whether all of it is known."""
        if isinstance(held, (list, tuple)):
            return all(self._note_saved(one, found) for one in held)
        if type(held) is Reading or (isinstance(held, float) and id(held) in self.numbers):
            return False
        if not isinstance(held, np.ndarray):
            return True
        number = self.numbers.get(id(held))
        if number is None:
            number = self._same_memory(held)
        if number is None:
            return self.owner_of(held) is not None
        if number in self.given:
            return not isinstance(self._slot(number).source, CapturedGrad)
        found.add(number)
        return True

    def _slot(self, number: int) -> Any:
        for segment in self.segment.path():
            if segment.first <= number < segment.end:
                return segment.slots[number - segment.first]
        raise IndexError(number)

    def _lose(self) -> None:
        """Note that nobody knows any more how many turns a loop had."""
        if self.tape_of is not None and self.tape_of.turned:
            self.lost = self.times[-1]
        self.tape_of = None

    def _has_tape(self) -> bool:
        """Say whether a backward may come through the turns of a loop: each needs its nodes."""
        return self.tape_of is not None and self.tape_of.turned and not self.spent

    def _lose_times(self) -> None:
        """Note that nodes have got other times."""
        if self.lost or (self.tape_of is not None and self.tape_of.turned):
            self.lost = clock.now
        self.tape_of = None
        self.glance = clock.now

    def _forget_tape(self, end: int) -> None:
        """Lose the tape where a path goes back to before it began."""
        if self.tape_of is not None and self.tape_of.begins >= end:  # type: ignore[operator]
            self._lose()

    # -- backward ---------------------------------------------------------------------------------

    def _begin_back(self, captures: Any) -> None:
        """Note that a backward begins, perhaps through the turns of a loop."""
        self.had = self.left = 0
        self.captures = captures is not None
        if self.tape_of is None or not self.tape_of.turned or self.captures:
            return
        self.tape_now = self.tape_of.begins  # type: ignore[assignment]
        count = len(self.times) - 1
        self._look_at_turns()
        if not self.failed:
            self.had = self.left = count
            self.spent = count == 0

    def _look_at_turns(self) -> None:
        """End the segment where it matters how many turns are left."""
        tape = self.values[self.tape_now]
        number = self.compute(left, (Ref(self.tape_now),), (tape,))
        if not self.failed:
            self._branch(number, TURNS, key_of(self.values[number]))

    def runs(self, run: Any, node: Any) -> None:
        """Note that a backward comes to a node."""
        if self._idle():
            return
        if node.seq <= self.lost and (node.freed is None or not self.captures):
            self.fail("a backward goes into a loop after another one")
            return
        target = self.tape_of
        if target is None or not target.turned:
            return
        if self.captures:
            if not self._is_told(node):
                self.fail("a loop's history is differentiated towards given tensors, or outside")
            return
        if not self.left or node.seq > self.times[self.left]:
            return
        if node.seq <= self.times[self.left - 1]:
            self.fail("a backward leaves out turns of a loop")
            return
        first = self.left == self.had
        if not self.answering and first and not self._is_regular(run):
            self.fail("a backward through a loop is not the same in every turn")
            return
        if self.had > 1:
            self._come_to_turn(run, first)
        if not self.failed:
            self._pop()
            self.left -= 1
            self.spent = self.spent or self.left == 0

    def _is_told(self, node: Any) -> bool:
        """Say whether that a backward comes to a node does not depend on how many turns there were.

        Where the results' graph is freed, what is met of it is at most in the last turn.
        """
        if node.seq > self.times[-1] or node.freed is not None:
            return True
        if len(self.times) == 1:
            return self.spent
        return self.spent and node.seq > self.times[-2]

    def _come_to_turn(self, run: Any, first: bool) -> None:
        """End the segment before a turn's backward; go back where it is as before another's."""
        segment = self.segment
        tape = self.values[self.tape_now]
        number = self.compute(left, (Ref(self.tape_now),), (tape,))
        if self.failed:
            return
        if first:
            self.first_back = segment.end
            self.waiting = {}
        if id(segment) not in self.waiting:
            try:
                self.waiting[id(segment)] = self._waiting(run)
            except Unclear:
                self.fail("it is not clear what a backward through a loop waits for")
                return
        if not self.follows and not self.answering:
            self._roll_back(segment, first)
        if not self.failed:
            self._branch(number, TURNS, key_of(self.values[number]))
            if segment.loop is not None:
                self.tape_now = self.waiting[id(segment.loop.target)].tape

    def _roll_back(self, segment: Segment, first: bool) -> None:
        """Give a new segment a loop where the engine is as it was before another turn."""
        if first:
            return
        for step in segment.steps:
            if step.kind != CALL:
                self.fail("the backward of a loop's turn has effects")
        for slot in segment.slots:
            if slot.source is not None and not isinstance(slot.source, Captured):
                self.fail("the backward of a loop's turn reads a .grad")
        now = self.waiting[id(segment)]
        count = 0
        target = segment.parent
        while target is not None and id(target) in self.waiting:
            before = self.waiting[id(target)]
            count += 1
            if before.form == now.form:
                pairs = [*zip(before.slots, now.slots), (before.tape, now.tape)]
                moves = tuple((a, b) for a, b in pairs if a != b)
                if all(number >= self.first_back for number, _ in moves):
                    segment.loop = Loop(target, moves)
                    return
            target = target.parent
        if count > MOST_WRITTEN_OUT:
            self.fail("the backward of a loop's turn is never as that of the turn before")

    def _pop(self) -> None:
        """Take what a turn left off the tape."""
        held = pop(self.values[self.tape_now])
        step = Step(CALL, pop, (Ref(self.tape_now),), name="pop")
        if self.answering and self._answer(step) is not Failing:
            outs = self.answered.outs
        else:
            outs = step.outs = tuple(self._add(one) for one in held)
            self._note(step)
        for number, one in zip(outs, held):
            self.numbers[id(one)] = number
        self.tape_now = outs[0]

    def _waiting(self, run: Any) -> Waiting:
        """Return what waits in the engine before the backward of the next turn.

        Raises
        ------
        Unclear
        """
        begin, end = self.times[self.left - 1], self.times[self.left]
        walk = Walk(self, [])
        nodes = [node for node in run.visited if node.grad is not None]
        for node in sorted(nodes, key=lambda node: (-node.seq, id(node))):
            if begin < node.seq <= end:
                walk.form += ["turn", node.seq - begin]
            elif node.seq <= self.times[0]:
                walk.form.append("outside")
                walk.single(node)
            else:
                raise Unclear
            grads = node.grad if node.outputs != 1 else [node.grad]
            walk.form += [bool(node.owned), len(grads)]
            for one in grads:
                if one is not None and not isinstance(one, np.ndarray):
                    raise Unclear
                walk.ref(one)
        return Waiting(tuple(walk.form), list(walk.slots), self.tape_now, walk.kept)

    def _is_regular(self, run: Any) -> bool:
        """Say whether a backward is a plain one that reaches the same nodes in every turn."""
        if run.slots is not None or run.create_graph or run.anomaly or run.captures is not None:
            return False
        turns: list[list[Any]] = [[] for _ in range(self.had)]
        for node in run.visited:
            if node.hooks is not None:
                return False
            if self.times[0] < node.seq <= self.times[-1]:
                if not is_plain_node(node):
                    return False
                turns[self._turn_of(node)].append(node)
        alike = [
            sorted((n.seq - mark, id(n.plan), n.outputs, n.indices or ()) for n in turn)
            for mark, turn in zip(self.times, turns)
        ]
        if any(one != alike[0] for one in alike):
            return False
        targets = [
            [
                self._target(node, edge, number)
                for node in sorted(turn, key=lambda node: node.seq) for edge in node.edges
            ]
            for number, turn in enumerate(turns)
        ]
        return all(one == targets[-1] for one in targets[1:])

    def _target(self, node: Any, edge: Any, number: int) -> tuple[int, int, int]:
        """Return what names the place that a node of a turn sends a gradient to."""
        own = node.seq - self.times[number]
        if edge is None:
            return own, 0, 0
        if edge.seq > self.times[number]:
            return own, 1, edge.seq - self.times[number]
        if number and edge.seq > self.times[number - 1]:
            return own, 2, edge.seq - self.times[number - 1]
        return own, 3, id(edge)

    def _turn_of(self, node: Any) -> int:
        from bisect import bisect_left

        return bisect_left(self.times, node.seq) - 1


def is_plain_node(node: Any) -> bool:
    """Say whether a node is one that the engine runs without any code of the program's."""
    return (
        type(node) is Node
        and node.plan is not None
        and node.hooks is None
        and node.unpack is None
        and not getattr(node, "__dict__", {}).get("_metadata")
    )
