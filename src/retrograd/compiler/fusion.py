"""Fusion: which array calls become one kernel.

A group is a run of calls on one domain of rows and columns: elementwise calls with broadcasting,
casts, `where`, sums and extrema over rows, over columns or over everything, and what is computed
with these.  Every value of a group has one of five kinds:

======  =============================================================
full    a number for each row and column
row     a number for each row: an operand (R, 1), or a row's sum
column  a number for each column: an operand (C,)
scalar  one number, known before the loop
total   one number, known after the loop: the sum of everything
bottom  a number for each column, known after the loop: a sum over rows
======  =============================================================

Rows are leading dimensions, columns the last ones; where the group splits them follows from its
operands and reductions.  A group without any is flat: one row.  Views of outside arrays, matrix
products, gathers and whatever is not known here stay calls between the groups.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from .fusible import (
    BOTTOM,
    COLUMN,
    FULL,
    HEAVY,
    ROW,
    SCALAR,
    TOTAL,
    VIEWS,
    Node,
    contiguous,
    read,
)
from .lowering import Layout, outs_of, reads_of
from .trace import CALL, GRAD, TOUCH, Ref, Step

FEWEST = 3  # calls on small arrays that a kernel pays for
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
        self.domain: tuple[int, ...] = ()
        self.splits: set[int] | None = None
        self.flat = False  # pinned: a total is used inside the loop

    # -- joining ----------------------------------------------------------------------------------

    def takes(self, node: Node) -> bool:
        """Take a node in, or say that it does not fit."""
        if len(self.nodes) >= MOST_NODES:
            return False
        kept = self.domain, self.splits, self.flat
        kinds = self._placed(node)
        if kinds is None or not self._consistent(node, kinds):
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
        if BOTTOM in kinds:
            return None
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
        if not self._grown(node.space):
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
            kind = self._aligned(self.slot(arg.number).shape)
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


def refs(given: Any) -> Iterable[int]:
    """Yield the slots that an argument names."""
    if isinstance(given, Ref):
        yield given.number
    elif isinstance(given, (tuple, list)):
        for one in given:
            yield from refs(one)
    elif isinstance(given, dict):
        for one in given.values():
            yield from refs(one)


def partition(
    steps: list[Step],
    layouts: dict[int, Layout],
    needed: set[int],
    can_raise: Callable[[Step], bool],
) -> list[Step | Group]:
    """Return the steps with groups in the place of what is fused, in an order that works.

    Parameters
    ----------
    steps : list of Step
    layouts : dict
        What is known of each slot.
    needed : set of int
        The slots that are read after the last step.
    can_raise : callable
        Says whether a step may raise because of the values it is given.
    """
    slot = layouts.__getitem__
    plan: list[Step | Group] = []
    makers: dict[int, Step] = {}
    group: Group | None = None
    waiting: list[Step] = []  # steps that need the open group, and that it does not need
    late: set[int] = set()

    def close() -> None:
        nonlocal group
        if group is not None:
            plan.append(group)
            group = None
        plan.extend(waiting)
        waiting.clear()
        late.clear()

    for step in steps:
        node = read(step, slot, makers)
        if node is not None and set(refs(node.args)) & late:
            close()
        if node is not None and (group is None or not group.takes(node)):
            close()
            group = Group(layouts)
            if not group.takes(node):
                group, node = None, None
        if isinstance(step.outs, int):
            makers[step.outs] = step
        if node is not None and group is not None:
            parts = [makers[n] for n in set(reads_of(step)) if n in makers and _is_aid(makers[n])]
            group.members += [*parts, step]
            if node.view:  # whoever reads it outside is given a view
                waiting.append(step)
            continue
        inside = set() if group is None else group.steps_of()
        stays = can_raise(step) and any(one.kind != CALL for one in waiting)
        if stays or step.kind not in (CALL, GRAD, TOUCH):
            close()
            plan.append(step)
        elif set(reads_of(step)) & (inside | late) or (step.kind != CALL and waiting):
            waiting.append(step)
            late.update(outs_of(step))
        else:
            plan.append(step)
    close()
    return _worth(_find_outputs(plan, needed))


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
            alive: list[Node] = []
            inside: set[int] = set()
            for node in reversed(part.nodes):
                if (node.number in wanted and not node.view) or node.number in inside:
                    alive.append(node)
                    inside |= set(refs(node.args))
            part.nodes = alive[::-1]
            part.outputs = [n.number for n in part.nodes if n.number in wanted and not n.view]
            used: dict[tuple[int, str], int] = {}
            for key in part.inputs:
                if key[0] in inside:
                    used[key] = len(used)
            part.inputs = used
            wanted -= part.steps_of()
            wanted |= {number for number, _ in used}
            if part.nodes:
                kept.append(part)
        elif not _is_aid(part) or set(outs_of(part)) & wanted:
            wanted |= set(reads_of(part))
            kept.append(part)
    return kept[::-1]


def _worth(plan: list[Step | Group]) -> list[Step | Group]:
    """Put the steps back where a kernel would not pay: views alone, or one small call."""
    found: list[Step | Group] = []
    seen: set[int] = set()
    for part in plan:
        if isinstance(part, Group):
            work = [node for node in part.nodes if node.name not in ("same", "fill")]
            large = part.size >= 16384 and any(node.name in HEAVY for node in work)
            if len(work) >= (2 if part.size >= 4096 else FEWEST) or (large and work):
                found.append(part)
                continue
        for step in part.members if isinstance(part, Group) else [part]:
            if id(step) not in seen:
                seen.add(id(step))
                found.append(step)
    return found
