"""Fusion: which array calls become one kernel.

A group is a run of calls on one domain of rows and columns: elementwise calls with broadcasting,
casts, `where`, sums and extrema over rows, over columns or over everything, and what is computed
with these.  Every value of a group has a kind:

=========  =============================================================
full       a number for each row and column
row        a number for each row: an operand (R, 1), or a row's sum
column     a number for each column: an operand (C,)
scalar     one number, known before the loop
total      one number, known after the loop: the sum of everything
bottom     a number for each column, known after the loop: a sum over rows
table      an operand that is read where an index says
scattered  rows added where an index says, known after the loop
=========  =============================================================

Rows are leading dimensions, columns the last ones; where the group splits them follows from its
operands and reductions.  A group without any is flat: one row.  Views of outside arrays, matrix
products and whatever is not known here stay calls between the groups.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from .fusible import (
    BOTTOM,
    COLUMN,
    FAR,
    FULL,
    HEAVY,
    ROW,
    SCALAR,
    SCATTERED,
    TABLE,
    TOTAL,
    VIEWS,
    Node,
    contiguous,
)
from .indexed import fits, read
from .lowering import Layout
from .passes import draws
from .trace import CALL, GRAD, TOUCH, WRITE, Ref, Step, outs_of, reads_of, refs_in

FEWEST = 3  # calls on small arrays that a kernel pays for
LARGEST_SCATTERED = 1 << 19  # numbers of a group that may have a scatter beside other nodes
FEWEST_SCATTERED = 256  # numbers from which a scatter pays for a kernel of its own
MOST_NODES = 200  # statements of a kernel: a thousand take tens of seconds to compile


class Group:
    """Nodes that become one kernel.

    Attributes
    ----------
    nodes : list of Node
    inputs : dict
        ``(slot, kind) -> place`` of the arrays that come from outside.
    outputs : list of int
        The slots that somebody outside reads.
    domain : tuple of int
    splits : set of int or None
        Where rows may end and columns begin; None while the group is flat or either.
    """

    def __init__(self, layouts: dict[int, Layout]) -> None:
        self.layouts = layouts
        self.slot = layouts.__getitem__
        self.nodes: list[Node] = []
        self.made: dict[int, Node] = {}
        self.inputs: dict[tuple[int, str], int] = {}
        self.outputs: list[int] = []
        self.members: list[Step] = []  # the calls, as they were
        self.newest: dict[int, int] = {}  # by target: the node whose numbers are in it at the end
        self.domain: tuple[int, ...] = ()
        self.splits: set[int] | None = None
        self.flat = False  # pinned: a total is used inside the loop
        self.overtaken = False  # random numbers are drawn before it, and in its midst eagerly

    # -- joining ----------------------------------------------------------------------------------

    def takes(self, node: Node) -> bool:
        """Take a node in, or say that it does not fit."""
        if len(self.nodes) >= MOST_NODES:
            return False
        kept = self.domain, self.splits, self.flat
        kinds = self._placed(node)
        spread = node.target is not None and node.kind not in (FULL, SCALAR)
        if kinds is None or spread or not self._consistent(node, kinds):
            self.domain, self.splits, self.flat = kept
            return False
        outside = [
            (arg.number, kind)
            for arg, kind in zip(node.args, kinds)
            if isinstance(arg, Ref) and arg.number not in self.made
        ]
        for number, _ in outside:
            if not contiguous(self.slot(number)):
                self.domain, self.splits, self.flat = kept
                return False
        seen = dict(self.inputs.keys())
        if any(seen.get(number, kind) != kind for number, kind in outside):
            self.domain, self.splits, self.flat = kept
            return False
        for arg, kind in zip(node.args, kinds):
            if isinstance(arg, Ref) and arg.number not in self.made:
                self.inputs.setdefault((arg.number, kind), len(self.inputs))
        self.nodes.append(node)
        self.made[node.number] = node
        return True

    def seen(self, args: tuple[Any, ...]) -> tuple[Any, ...]:
        """Return operands with what the group has written in the place of what it is written to."""
        return tuple(
            Ref(self.newest[one.number]) if isinstance(one, Ref) and one.number in self.newest
            else one for one in args
        )  # fmt: skip

    def write(self, node: Node) -> None:
        """Let a node that was taken in be the last one that writes into its target."""
        for before in self.nodes:
            if before.target == node.target and before is not node:
                before.target = None
        assert node.target is not None
        self.newest[node.target] = node.number

    def _grown(self, space: tuple[int, ...]) -> bool:
        """Let the domain hold another shape: the wider of both, when one is the other's part."""
        if math.prod(space) > math.prod(self.domain) or (
            math.prod(space) == math.prod(self.domain) and len(space) > len(self.domain)
        ):
            old, self.domain = self.domain, space
            if not self.nodes:
                return True
            # What was full before must be so still, and the split must mean the same.
            if math.prod(old) != math.prod(space) or self.splits is not None:
                return all(one.kind in (SCALAR,) for one in self.nodes) and not self.inputs_wide()
            return self._same_dims(old, space)
        return True

    def inputs_wide(self) -> bool:
        return any(kind != SCALAR for _, kind in self.inputs)

    @staticmethod
    def _same_dims(one: tuple[int, ...], other: tuple[int, ...]) -> bool:
        return tuple(d for d in one if d != 1) == tuple(d for d in other if d != 1)

    def _placed(self, node: Node) -> list[str] | None:
        """Return the kind of each operand, None where the node does not fit the domain."""
        made = [self.made.get(x.number) if isinstance(x, Ref) else None for x in node.args]
        kinds = [one.kind for one in made if one is not None]
        if BOTTOM in kinds or SCATTERED in kinds:
            return None
        if node.index is not None:
            return self._placed_by_index(node, made)
        late = TOTAL in kinds
        outer = all(
            math.prod(self.slot(x.number).shape) == 1
            for x, one in zip(node.args, made)
            if isinstance(x, Ref) and one is None
        )
        # Numbers of one element, among themselves.
        if math.prod(node.space) == 1 and all(k in (SCALAR, TOTAL) for k in kinds) and outer:
            node.kind = TOTAL if late else SCALAR
            return [SCALAR if one is None else one.kind for one in made]
        # Row values among themselves, of the rows' own shape.
        if ROW in kinds and not node.axes and self._of_rows(node, made):
            if late:
                return None
            node.kind = ROW
            return [self._beside_rows(x, one) for x, one in zip(node.args, made)]
        if not self._grown(node.space) or (node.name == "below" and not self._in_matrices(node)):
            return None
        if late:
            if self.splits is not None:
                return None
            self.flat = True
        found = []
        for arg, one in zip(node.args, made):
            if not isinstance(arg, Ref):
                found.append(SCALAR)
                continue
            kind = self._aligned(self._shape_of(arg, node))
            if one is not None:
                if one.kind in (SCALAR, TOTAL):
                    kind = one.kind
                elif one.kind != kind:
                    return None
            if kind is None:
                return None
            found.append(kind)
        if node.axes:
            return found if self._reduces(node, found) else None
        wide = self._aligned(node.shape)
        if wide is None:
            return None
        node.kind = wide
        if wide == SCALAR and late:
            return None
        return found

    def _shape_of(self, arg: Ref, node: Node) -> tuple[int, ...]:
        """Return the shape by which an operand is laid over the domain.

        What is only reshaped is read in the order of its numbers: (4,) as (4, 1) has one for each
        row, though by its own shape it had one for each column.
        """
        shape = self.slot(arg.number).shape
        reshaped = node.name == "same" and math.prod(shape) == math.prod(node.shape)
        return node.shape if reshaped else shape

    def _placed_by_index(self, node: Node, made: list[Node | None]) -> list[str] | None:
        """Place a node of `indexed`: its index and what it looks up have to come from outside."""
        found = []
        if not self._grown(node.space):
            return None
        for place, (arg, one) in enumerate(zip(node.args, made)):
            if not isinstance(arg, Ref):
                found.append(SCALAR)
                continue
            shape = node.seen.get(place, self.slot(arg.number).shape)
            if one is not None and (place == node.index or shape is None or one.kind == TOTAL):
                return None
            kind = TABLE if shape is None else self._aligned(shape)
            if one is not None and one.kind not in (SCALAR, kind):
                return None
            if kind is None:
                return None
            found.append(kind if one is None else one.kind)
        if not fits(node, found):
            return None
        if node.name in ("look", "placed"):
            node.kind = FULL
            return found if self._aligned(node.shape) == FULL else None
        if node.name == "scatter" and self.nodes and self.size >= LARGEST_SCATTERED:
            return None  # it would keep the others from being computed by several threads
        node.kind = ROW if node.name == "pick" else SCATTERED
        return found if found[0] == FULL else None

    def _of_rows(self, node: Node, made: list[Node | None]) -> bool:
        shape = node.shape
        rows = [one for one in made if one is not None and one.kind == ROW]
        size = math.prod(rows[0].shape)
        if math.prod(shape) != size:
            return False
        if node.name == "same":
            return True
        for arg, one in zip(node.args, made):
            if not isinstance(arg, Ref):
                continue
            other = self.slot(arg.number).shape
            if one is not None and one.kind in (SCALAR, ROW):
                if one.kind == ROW and other != shape:
                    return False
            elif one is not None or (math.prod(other) != 1 and other != shape):
                return False
        return True

    def _beside_rows(self, arg: Any, one: Node | None) -> str:
        if one is not None:
            return one.kind
        if not isinstance(arg, Ref) or math.prod(self.slot(arg.number).shape) == 1:
            return SCALAR
        return ROW

    def _aligned(self, shape: tuple[int, ...]) -> str | None:
        """Return the kind of an operand of a shape, and narrow the splits to those it allows."""
        domain = self.domain
        if len(shape) > len(domain):
            return None
        padded = (1,) * (len(domain) - len(shape)) + shape
        varies = []
        for wide, own in zip(domain, padded):
            if own != wide and own != 1:
                return None
            varies.append(None if wide == 1 else own != 1)
        seen = {one for one in varies if one is not None}
        if seen == {True} or (not seen and math.prod(domain) == 1):
            return FULL
        if False in seen and True not in seen:
            return SCALAR
        for split in range(1, len(domain)):
            before = {one for one in varies[:split] if one is not None}
            after = {one for one in varies[split:] if one is not None}
            if before == {True} and after == {False} and self._narrow(varies, split):
                return ROW
            if before == {False} and after == {True} and self._narrow(varies, split):
                return COLUMN
        return None

    def _narrow(self, varies: list[Any], split: int) -> bool:
        """Fix the split, up to dimensions of size 1 around it."""
        if self.flat:
            return False
        fits = {split}
        one = split
        while one < len(varies) - 1 and varies[one] is None:
            one += 1
            fits.add(one)
        one = split
        while one > 1 and varies[one - 1] is None:
            one -= 1
            fits.add(one)
        splits = fits if self.splits is None else self.splits & fits
        if not splits:
            return False
        self.splits = splits
        return True

    def _in_matrices(self, node: Node) -> bool:
        """Fix the split before the last axis, for what knows its place in a matrix."""
        varies = [None if size == 1 else True for size in self.domain]
        return node.space == self.domain and self._narrow(varies, len(varies) - 1)

    def _reduces(self, node: Node, found: list[str]) -> bool:
        """Place a reduction: its operand has the domain's shape."""
        if node.space != self.domain or any(kind != FULL for kind in found):
            return False
        over = [None if size == 1 else axis in node.axes for axis, size in enumerate(self.domain)]
        seen = {one for one in over if one is not None}
        if seen <= {True}:
            node.kind = TOTAL
            return node.name == "sum" or self.splits is None
        if seen == {False}:
            return False
        for split in range(1, len(over)):
            before = {one for one in over[:split] if one is not None}
            after = {one for one in over[split:] if one is not None}
            if before == {False} and after == {True} and self._narrow(over, split):
                node.kind = ROW
                return True
            summed = before == {True} and after == {False} and node.name == "sum"
            if summed and self._narrow(over, split):
                node.kind = BOTTOM
                return True
        return False

    def _consistent(self, node: Node, kinds: list[str]) -> bool:
        """Check what was said of earlier nodes against the domain as it is now."""
        if self.flat and self.splits is not None:
            return False
        # An extremum over everything is found in one row: the group has to stay flat.
        if self.splits is not None:
            for one in self.nodes:
                if one.kind == TOTAL and one.name in ("max", "min"):
                    return False
        return True

    # -- what the kernel is made from -------------------------------------------------------------

    @property
    def rows(self) -> int:
        return math.prod(self.domain[: min(self.splits)]) if self.splits else 1

    @property
    def columns(self) -> int:
        return math.prod(self.domain) // self.rows

    @property
    def size(self) -> int:
        return math.prod(self.domain)

    def steps_of(self) -> set[int]:
        return {node.number for node in self.nodes}

    def targets(self) -> list[int]:
        """Return the slots whose arrays it writes into."""
        return [node.target for node in self.nodes if node.target is not None]

    def has(self, names: Iterable[str]) -> bool:
        """Say whether it computes one of some functions."""
        return any(node.name in names for node in self.nodes)

    def work(self) -> list[Node]:
        """Return the nodes that compute something."""
        return [node for node in self.nodes if node.name not in ("same", "fill")]

    def prune(self, wanted: set[int]) -> None:
        """Note which values somebody outside reads, and drop those that nobody does."""
        alive: list[Node] = []
        inside: set[int] = set()
        for node in reversed(self.nodes):
            asked = (node.number in wanted and not node.view) or node.target is not None
            if asked or node.number in inside:
                alive.append(node)
                inside |= set(refs_in(node.args))
        self.nodes = alive[::-1]
        self.outputs = [
            n.number for n in self.nodes
            if (n.number in wanted and not n.view) or n.target is not None
        ]  # fmt: skip
        used: dict[tuple[int, str], int] = {}
        for key in self.inputs:
            if key[0] in inside:
                used[key] = len(used)
        self.inputs = used


def partition(
    steps: list[Step],
    layouts: dict[int, Layout],
    needed: set[int],
    can_raise: Callable[[Step], bool],
) -> list[Step | Group]:
    """Return the steps with groups in the place of what could be fused, in an order that works.

    Parameters
    ----------
    steps : list of Step
    layouts : dict
        What is known of each slot; the numbers that are written into arrays get slots of their
        own in it.
    needed : set of int
        The slots that are read after the last step.
    can_raise : callable
        Says whether a step may raise because of the values it is given.
    """
    return _find_outputs(Partition(layouts, can_raise).run(steps), needed)


class Partition:
    """The groups of a program while they are found.

    Note [Order].  While a group is open, steps that do not need it are put before it, and those
    that do, or that come after a write of its own to memory that they read, wait behind it.  Nodes
    that need what waits close it.  A node that writes joins only if nothing in the group or behind
    it reads the old numbers by another slot, and if nothing behind it may raise: what has been
    written by then would be written again.  Nodes that read what was written by the same slot are
    given the value, and a second write to it takes the place of the first.

    Note [Drawn once].  Where a step raises, the function goes on from the earliest call that has
    not been made.  Random numbers that it draws behind that call are drawn once more.  So nothing
    that may raise is put before a group that random numbers were put before.
    """

    def __init__(self, layouts: dict[int, Layout], can_raise: Callable[[Step], bool]) -> None:
        self.layouts = layouts
        self.can_raise = can_raise
        self.plan: list[Step | Group] = []
        self.makers: dict[int, Step] = {}
        self.group: Group | None = None
        self.waiting: list[Step] = []
        self.late: set[int] = set()  # what waits, and what it makes
        self.written: set[int] = set()  # the owners of memory that the open group writes into
        self.free = min(layouts, default=0) - 1

    def close(self) -> None:
        if self.group is not None:
            self.plan.append(self.group)
            self.group = None
        self.plan.extend(self.waiting)
        self.waiting.clear()
        self.late.clear()
        self.written.clear()

    def owners(self, numbers: Iterable[int]) -> set[int]:
        return {self.layouts[number].owner for number in numbers if number in self.layouts}

    def run(self, steps: list[Step]) -> list[Step | Group]:
        for step in steps:
            node = read(step, self.layouts.__getitem__, self.makers)
            if node is None or not self.join(node):
                self.stand(step)
                continue
            parts = [one for one in (self.makers.get(n) for n in set(reads_of(step)))
                     if one is not None and _is_aid(one)
                     and (one.function is not np.empty or step.kind == WRITE)]  # fmt: skip
            assert self.group is not None
            self.group.members += [*parts, step]
            if isinstance(step.outs, int):
                self.makers[step.outs] = step
            if node.view:  # whoever reads it outside is given a view
                self.waiting.append(step)
        self.close()
        return self.plan

    def join(self, node: Node) -> bool:
        """Take a node into the open group or a new one, or say that it fits in none."""
        if node.target is not None:
            node.number = self.free
            self.layouts[node.number] = self.layouts[node.target]._replace(owner=node.number)
            self.free -= 1
        given = node.args
        if self.group is not None:
            node.args = self.group.seen(given)
        if self.late & {*refs_in(node.args), node.target} or not self.may_join(node):
            self.close()
        if self.group is None or not self.group.takes(node):
            self.close()
            node.args = given
            self.group = Group(self.layouts)
            if not self.group.takes(node):
                self.group = None
                return False
        if node.target is not None:
            self.written.add(self.layouts[node.target].owner)
            self.group.write(node)
        return True

    def may_join(self, node: Node) -> bool:
        """Say whether the open group may write what a node writes, and read what it reads."""
        made = self.group.made if self.group is not None else {}  # views among it were made since
        if self.owners(n for n in refs_in(node.args) if n not in made) & self.written:
            return False
        # What may have to be computed by NumPy after all must not have written anything.
        far = node.name in FAR or (self.group is not None and self.group.has(FAR))
        if far and (self.written or node.target is not None):
            return False
        if node.target is None or self.group is None:
            return True
        owner = self.layouts[node.target].owner
        if owner in self.owners(self.group.made) or any(map(self.can_raise, self.waiting)):
            return False
        inside = [*(number for number, _ in self.group.inputs), *refs_in(node.args)]
        if any(self.layouts[n].owner == owner and n != node.target for n in inside):
            return False
        kinds = {kind for number, kind in self.group.inputs if number == node.target}
        behind = self.owners(number for step in self.waiting for number in reads_of(step))
        written = set() if node.target in self.group.newest else self.written
        return kinds <= {FULL, SCALAR} and owner not in behind | written

    def stand(self, step: Step) -> None:
        """Put a step that stays a call before the open group, or behind it."""
        if isinstance(step.outs, int):
            self.makers[step.outs] = step
        inside = set() if self.group is None else self.group.steps_of()
        read = set(reads_of(step))
        overtaken = self.group is not None and self.group.overtaken
        stays = self.can_raise(step) and (
            overtaken or self.written or any(one.kind != CALL for one in self.waiting)
        )
        if stays or (draws(step) and self.late) or step.kind not in (CALL, GRAD, TOUCH):
            self.close()
            self.plan.append(step)
        elif (
            read & (inside | self.late)
            or self.owners(read) & self.written
            or (step.kind != CALL and (self.waiting or self.written))
        ):
            self.waiting.append(step)
            self.late.update(outs_of(step))
        else:
            self.plan.append(step)
            if self.group is not None and draws(step):
                self.group.overtaken = True


def _is_aid(step: Step) -> bool:
    """Say whether a call is only there for another one, and may go when nobody reads it."""
    name = getattr(step.function, "__name__", "")
    return step.kind == CALL and (
        step.function in (np.empty, *VIEWS) or name in ("arange", "argmax", "getitem")
    )


def _find_outputs(plan: list[Step | Group], needed: set[int]) -> list[Step | Group]:
    """Note which values of a group somebody outside reads, and drop those that nobody does."""
    wanted = set(needed)
    kept: list[Step | Group] = []
    for part in reversed(plan):
        if isinstance(part, Group):
            part.prune(wanted)
            wanted -= part.steps_of()
            wanted |= {number for number, _ in part.inputs} | set(part.targets())
            if part.nodes:
                kept.append(part)
        elif not _is_aid(part) or set(outs_of(part)) & wanted:
            wanted |= set(reads_of(part))
            kept.append(part)
    return kept[::-1]


def worth(group: Group) -> bool:
    """Say whether a kernel for this group alone would pay: not for views, or one small call."""
    work = group.work()
    large = group.size >= 16384 and any(node.name in HEAVY for node in work)
    large |= group.size >= FEWEST_SCATTERED and any(node.kind == SCATTERED for node in work)
    return len(work) >= (2 if group.size >= 4096 else FEWEST) or bool(large and work)


def calls_of(parts: Iterable[Step | Group]) -> list[Step]:
    """Return parts of a plan as the calls that they were, each once."""
    found: dict[int, Step] = {}
    for part in parts:
        for step in part.members if isinstance(part, Group) else [part]:
            found.setdefault(id(step), step)
    return list(found.values())
