"""Stretches: runs of small work that become one function, products and updates included.

For small arrays a replay's time is that of calling, not of computing.  So as many groups and
products as follow each other are put into one function, which is called once.  A group on large
arrays is a stretch by itself.

Note [Moved behind].  `.grad` of leaves, marks of writes and views that others read are made behind
the stretch that they stand in, in their order.  Nothing in a stretch raises.

Note [Views].  A view of contiguous memory is no work: what reads it reads that memory, from another
place or by other strides.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np

from . import fusion
from .fusible import FAR
from .fusion import Group, calls_of
from .lowering import Layout, contiguous, owner_of
from .passes import array_like, is_plain
from .products import MOST_CALLS, Joining, Product, read_joining, read_product
from .trace import CALL, GRAD, HOST, TOUCH, WRITE, Captured, Ref, Step, outs_of, reads_of

LARGEST = 1 << 15  # numbers of the arrays of a group that shares a function with others
MOST_PARTS = 64
MOST_NODES = 600


class View(NamedTuple):
    """An array that is seen in another way: its step, whose memory it has, where it begins."""

    step: Step
    base: int
    offset: int


class Stretch:
    """Parts that become one function.

    Attributes
    ----------
    parts : list of Group, Product or Joining
    behind : list of Step
        What is called after it.
    views : dict
        Slot -> View, of the whole program.
    layouts : dict
    inputs, outputs : list of int
        The slots that it is given, and those that others read.
    written : list of int
        The inputs that it writes into.
    """

    def __init__(
        self, parts: list[Any], behind: list[Step], views: dict[int, View], layouts: Any
    ) -> None:
        self.parts = parts
        self.behind = behind
        self.views = views
        self.layouts = layouts
        self.inputs: list[int] = []
        self.outputs: list[int] = []
        self.written: list[int] = []

    def base(self, number: int) -> tuple[int, int]:
        """Return whose memory a slot has, and where it begins there."""
        return base_of(number, self.views, self.layouts)

    def finish(self, wanted: set[int]) -> None:
        """Find what it is given and what others read of it."""
        made: dict[int, None] = {}
        given: dict[int, None] = {}
        for part in self.parts:
            if isinstance(part, Group):
                part.prune(wanted | self.read_behind(part))
            for number in reads_of_part(part):
                base, _ = self.base(number)
                if base not in made:
                    given[base] = None
            made.update(dict.fromkeys(makes(part)))
            for target in part.targets() if isinstance(part, Group) else ():
                base, _ = self.base(target)
                if base in given and base not in self.written:
                    self.written.append(base)
        self.inputs = list(given)
        self.outputs = [one for one in made if one in wanted]

    def read_behind(self, part: Any) -> set[int]:
        """Return what later parts read."""
        later = self.parts[self.parts.index(part) + 1 :]
        return {self.base(n)[0] for one in later for n in reads_of_part(one)}

    def calls(self) -> list[Step]:
        """Return the calls that it stands for, in order."""
        found: list[Step] = []
        for part in self.parts:
            for number in reads_of_part(part):
                chain = []
                while number in self.views:
                    chain.append(self.views[number].step)
                    number = self.views[number].base
                found += chain[::-1]
            found += calls_of([part if isinstance(part, Group) else part.step])
        return list({id(step): step for step in found}.values())

    def work(self) -> list[Step]:
        """Return those of its calls that are its own: not views, nor what others may make too."""
        own: set[int] = set()
        for part in self.parts:
            made = part.nodes if isinstance(part, Group) else []
            own.update(makes(part), (node.number for node in made if not node.view))
        return [step for step in self.calls() if step.kind == WRITE or own & set(outs_of(step))]


def base_of(number: int, views: dict[int, View], layouts: dict[int, Layout]) -> tuple[int, int]:
    """Return the slot of contiguous memory that a slot is a view of, and where it begins there."""
    found, offset = number, 0
    place = 0
    while number in views:
        place += views[number].offset
        number = views[number].base
        if contiguous(layouts[number]):
            found, offset = number, place
    return found, offset


def reads_of_part(part: Any) -> list[int]:
    """Return the slots that a part reads or writes into."""
    if isinstance(part, Group):
        return [*(number for number, _ in part.inputs), *part.targets()]
    return list(part.parts) if isinstance(part, Joining) else [part.left, part.right]


def makes(part: Any) -> list[int]:
    """Return the slots that a part fills."""
    if isinstance(part, Group):
        return [n for n in part.outputs if part.made[n].target is None]
    return [part.out]


class Gathering:
    """The stretches of a plan while they are found.

    Parameters
    ----------
    layouts : dict
    sources : dict
        Where slots come from, of those that no step fills.
    """

    def __init__(self, layouts: dict[int, Layout], sources: dict[int, Any]) -> None:
        self.layouts = layouts
        self.found: list[Step | Stretch] = []
        self.parts: list[Any] = []
        self.taken: list[Step | Group] = []  # what the open stretch is made of, as it was
        self.behind: list[Step] = []
        self.views: dict[int, View] = {}
        self.made: set[int] = set()  # by the open stretch, and views of that
        self.sources = sources
        self.hosts = 0  # those that were placed

    def close(self) -> None:
        if pays(self.parts):
            made = Stretch(list(self.parts), list(self.behind), self.views, self.layouts)
            self.found.append(made)
        else:
            large = {id(one.step): one for one in self.parts if self.is_call(one)}
            for part in self.taken:
                if id(part) in large:
                    self.found.append(Stretch([large[id(part)]], [], self.views, self.layouts))
                elif isinstance(part, Group) and fusion.worth(part):
                    self.found.append(Stretch([part], [], self.views, self.layouts))
                else:
                    self.found.extend(calls_of([part]))
        self.parts, self.taken, self.behind = [], [], []
        self.made = set()

    def run(self, plan: list[Step | Group]) -> list[Step | Stretch]:
        for part in plan:
            if isinstance(part, Step) and (self.stands(part) or self.goes_before(part)):
                continue
            one = self.part_of(part)
            if one is None:
                self.hosts += isinstance(part, Step) and part.kind == HOST
                self.close()
                self.found.append(part)
                continue
            large = isinstance(part, Group) and part.size > LARGEST
            large = large or (self.is_call(one) and len(one.batch) > MOST_CALLS)
            full = len(self.parts) >= MOST_PARTS or nodes_of([*self.parts, one]) > MOST_NODES
            if large or full or (far(one) and any(map(writes, self.parts))):
                self.close()
            self.parts.append(one)
            self.taken.append(part)
            self.made.update(makes(one))
            if large:
                self.close()
        self.close()
        return self.found

    def stands(self, step: Step) -> bool:
        """Put a step that computes nothing before the open stretch or behind it."""
        view = read_view(step, self.layouts)
        if view is not None:
            self.views[step.outs] = view
        elif step.kind not in (GRAD, TOUCH):
            return False
        if self.parts and (view is None or view.base in self.made):
            self.behind.append(step)
            self.taken.append(step)
            if view is not None:
                self.made.add(step.outs)
        else:
            self.found.append(step)
        return True

    def is_made_before(self, step: Step) -> bool:
        """Put a check of an index before the open stretch, if that may be.

        Where it raises, the function goes on from before the stretch: no effect may come between.
        """
        if not getattr(step.function, "only_looks", False) or not self.parts or self.hosts:
            return False
        effects = any(one.kind != CALL for one in self.behind) or any(map(writes, self.parts))
        if effects or self.made & set(reads_of(step)):
            return False
        self.found.append(step)
        return True

    def goes_before(self, step: Step) -> bool:
        """Put what begins an optimizer's step before the open stretch, if that may be.

        Where it raises it has done nothing, and what comes behind is made again by the function.
        """
        if any(isinstance(part, Group) and part.overtaken for part in self.parts):
            return False  # Note [Drawn once] in `fusion`
        if self.is_made_before(step):
            return True
        noted = getattr(getattr(step.function, "__self__", None), "writes", None)
        if step.kind != HOST or noted is None or not self.parts or self.hosts:
            return False
        arrays = noted()
        for part in self.parts:
            for number in reads_of_part(part):
                source = self.sources.get(number)
                if isinstance(source, Captured) and any(
                    np.may_share_memory(source.value.array, one) for one in arrays
                ):
                    return False
        self.hosts += 1
        self.found.append(step)
        return True

    def is_call(self, part: Any) -> bool:
        """Say whether a part is a product that has a call of its own where it stands alone."""
        if not isinstance(part, Product) or not part.is_large:
            return False
        left, right = (base_of(n, self.views, self.layouts)[0] for n in (part.left, part.right))
        return left != right

    def part_of(self, part: Step | Group) -> Any:
        """Return what a part of a plan is to a stretch, None where it cannot be in one."""
        one: Any = part
        if isinstance(part, Step):
            slot = self.layouts.__getitem__
            one = read_product(part, slot) or read_joining(part, slot, LARGEST)
        for number in () if one is None else reads_of_part(one):
            base, _ = base_of(number, self.views, self.layouts)
            if not contiguous(self.layouts[base]):
                return None
        return one


def gather(
    plan: list[Step | Group],
    layouts: dict[int, Layout],
    needed: set[int],
    sources: dict[int, Any],
) -> list[Step | Stretch]:
    """Return a plan with stretches in the place of what becomes one function.

    Parameters
    ----------
    plan : list of Step or Group
        From `fusion.partition`.
    layouts : dict
    needed : set of int
        The slots that are read after the last step.
    sources : dict
        Where slots come from, of those that no step fills.
    """
    wanted = set(needed)
    kept: list[Step | Stretch] = []
    for part in reversed(Gathering(layouts, sources).run(plan)):
        if isinstance(part, Step):
            view = part.kind == CALL and is_plain(part) and part.outs not in wanted
            if view and read_view(part, layouts) is not None:
                continue  # a view that nobody reads
            wanted |= set(reads_of(part))
            kept.append(part)
            continue
        behind = []
        for step in reversed(part.behind):
            if step.kind != CALL or step.outs in wanted:
                behind.append(step)
                wanted |= set(reads_of(step))
        part.behind = behind[::-1]
        part.finish(wanted)
        wanted |= set(part.inputs)
        kept.append(part)
    return kept[::-1]


def read_view(step: Step, layouts: dict[int, Layout]) -> View | None:
    """Return a call that makes a view, None where it is none or nobody knows where it begins."""
    if not is_plain(step) or not isinstance(step.outs, int) or len(reads_of(step)) != 1:
        return None
    first = step.args[0] if step.args else None
    if not isinstance(first, Ref):
        return None
    given, made = layouts[first.number], layouts[step.outs]
    if made.owner != given.owner or made.scalar or given.scalar or step.outs == made.owner:
        return None
    like = array_like(given)
    if like is None or like.dtype.hasobject:
        return None
    seen = step.function(like, *step.args[1:], **step.settings)
    if not isinstance(seen, np.ndarray) or owner_of(seen) is not owner_of(like):
        return None
    if seen.strides != made.strides or seen.shape != made.shape or seen.dtype != made.dtype:
        return None
    offset, left = divmod(seen.ctypes.data - like.ctypes.data, seen.itemsize)
    return None if left or offset < 0 else View(step, first.number, offset)


def pays(parts: list[Any]) -> bool:
    """Say whether one function for these parts costs less than calling them."""
    if len(parts) == 1 and isinstance(parts[0], Group):
        return fusion.worth(parts[0])
    calls = sum(len(part.work()) if isinstance(part, Group) else 1 for part in parts)
    return calls >= fusion.FEWEST and any(isinstance(part, Group) for part in parts)


def nodes_of(parts: Iterable[Any]) -> int:
    return sum(len(part.nodes) if isinstance(part, Group) else 5 for part in parts)


def far(part: Any) -> bool:
    """Say whether a part may turn out to have to be computed by NumPy."""
    return isinstance(part, Group) and part.has(FAR)


def writes(part: Any) -> bool:
    return isinstance(part, Group) and bool(part.targets())
