"""Guards: what has to be as it was when a trace was written, for the trace to be replayed."""

from __future__ import annotations

from typing import Any

import numpy as np

from .._core.any_module import AnyModule
from .._core.checking import (
    ITEM,
    SAME,
    SEQUENCE,
    TABLE,
    TENSOR,
    Captured,
    CapturedGrad,
    Check,
    Holder,
    Mold,
    Part,
    contents,
    missing,
    modes_now,
    module_writes,
)
from .._core.promotion import defaults
from .._core.value import Value
from ..config import settings
from . import trace
from .described import Described, Met, described, objects_in
from .reads import DEPTH, PLAIN, Reads, gather, plain_key
from .saved import hooks_on
from .settings import SettingsRead, has_settings, settings_in


def flatten(args: Any, settings: Any) -> tuple[Any, list[Any]]:
    """Return a key of what the arguments are, and the tensors among them."""
    tensors: list[Any] = []
    key: list[Any] = [modes_now(), defaults.floating]
    for one in args:
        key.append(part(one, tensors))
    for name, one in settings.items():
        key.append((name, part(one, tensors)))
    if len(tensors) > 1:
        key.append(aliases(tensors))
    return tuple(key), tensors


def part(given: Any, tensors: list[Any], met: Met | None = None) -> Any:
    """Return the part of the key that one argument is.

    `met` has the objects that it is inside of: see `described`.
    """
    if isinstance(given, Value):
        tensors.append(given)
        array = given.array
        about: Any = (
            type(given), array.shape, array.strides, array.dtype, given.requires,
            given.node is None, given.base is None, given.inference,
        )  # fmt: skip
        if given.cell is not None or given.leaf is not None:
            grad = None if given.cell is None else given.cell.grad
            about = (*about, None if grad is None else description(grad), hooks_of(given))
        return about
    if isinstance(given, PLAIN):
        return (type(given), plain_key(given))
    if type(given) in (list, tuple):
        return (type(given), *[part(one, tensors, met) for one in given])
    if type(given) is dict:
        return (dict, *[(name, part(one, tensors, met)) for name, one in given.items()])
    found = described(given, tensors, part, Met() if met is None else met)
    return Same(given) if found is None else found


class Same:
    """An object that is equal to itself alone."""

    def __init__(self, thing: Any) -> None:
        self.thing = thing

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Same) and other.thing is self.thing

    def __hash__(self) -> int:
        return id(self.thing)


def hooks_of(value: Any) -> Any:
    """Return the hooks of a tensor, None where it has none."""
    node = value.node if value.node is not None else value.leaf
    return None if node is None else hooks_on(node)


def aliases(tensors: list[Any]) -> Any:
    """Return which tensors are the same, None where all are different."""
    ids = [id(one) for one in tensors]
    same = None if len(set(ids)) == len(ids) else tuple(ids.index(one) for one in ids)
    views = [n for n, one in enumerate(tensors) if one.base is not None]
    if not views:
        return same
    # Which of them share memory, for those that are views.
    bases = [id(one if one.base is None else one.base) for one in tensors]
    return same, tuple(bases.index(one) for one in bases)


def description(value: Any) -> Any:
    array = value.array
    return (
        array.shape, array.strides, array.dtype, value.requires, value.node is None,
        hooks_of(value),
    )  # fmt: skip


class Guards:
    """The guards of one tree beside its key."""

    def __init__(self, key: Any, positions: int) -> None:
        self.check = check_of(key, positions)
        self.ready = False  # whether `check` knows what is outside
        self.reads = Reads()
        self.captured: dict[int, tuple[Any, Any]] = {}
        self.cells: dict[int, tuple[Any, Any]] = {}
        self.states: dict[int, tuple[Any, Any]] = {}
        self.kept: list[Any] = []  # what states name by its id, kept so that ids stay taken
        self.described: dict[int, Any] = {}  # objects that the key describes
        self.referred: set[int] = set()  # arrays that the replay reads anew
        self.hooks = hooks_of_every_module()
        self.settings = settings()
        # Functions of an object: as they were.
        self.conditions: dict[Any, tuple[Any, Any, Any]] = {}
        self.settings_then: dict[int, tuple[Any, Any]] = {}  # of optimizers and schedules
        self.bound: list[Any] = []  # called when a tensor may have got another array

    def start(self, function: Any, args: Any, settings: Any) -> None:
        """Note what is known before the function runs."""
        self.reads.function(function)
        self.reads.thing(function)
        for one in (*args, *settings.values()):
            self.reads.thing(one)
        self.describes(args, settings)
        self.freeze()

    def describes(self, args: Any, settings: Any) -> None:
        """Note the objects among the arguments of a call whose contents the key describes."""
        for one in (*args, *settings.values()):
            objects_in(one, self.described)

    def by_reference(self, array: Any) -> bool:
        """Say whether an array, or what it is a view of, is from outside; it is read anew then."""
        self.freeze()
        while isinstance(array, np.ndarray):
            held = self.states.get(id(array))
            if held is not None and held[0] is array:
                self.states[id(array)] = (array, None)
                self.referred.add(id(array))
                return True
            array = array.base
        return False

    def freeze(self) -> None:
        """Note the state of every object that user code can reach."""
        found: dict[int, Any] = {}
        for thing in self.reads.things.values():
            gather(thing, found, DEPTH)
        for number, thing in found.items():
            if has_settings(thing):
                if number not in self.settings_then:
                    self.settings_then[number] = (thing, settings_in(thing))
            elif number not in self.states and number not in self.described:
                self.states[number] = (thing, state_of(thing))
                self.kept.append(parts_of(thing))

    def add(self, writer: Any) -> None:
        """Guard what the new segments took from outside."""
        self.reads.classes()
        self.freeze()
        # A `.grad` that was there before the call, though another may have come in its place.
        grads = {number: writer.known[held] for held, number in writer.grads.items()}
        # What the function changed of a tensor counts as it was before.
        began = {id(value): (requires, node is None) for value, node, requires in writer.histories}
        for segment in writer.new_segments:
            for number, slot in enumerate(segment.slots, segment.first):
                source = slot.source
                if isinstance(source, trace.Captured):
                    about = description(source.value)
                    about = (*about[:3], *began.get(id(source.value), about[3:5]), *about[5:])
                    self.captured[id(source.value)] = (source.value, about)
                elif isinstance(source, trace.CapturedGrad) and not isinstance(source.cell, int):
                    about = description(grads[number]) if number in grads else None
                    self.cells[id(source.cell)] = (source.cell, about)
        self.conditions.update(writer.conditions)
        for number, (thing, then) in self.settings_then.items():
            look = SettingsRead(thing, self.reads.names)
            if look.read:
                self.conditions[number, "settings"] = (look, thing, look.part_of(then))
        self.check.writes = -1
        self.ready = False

    def hold(self) -> bool:
        """Say whether everything is as it was."""
        if self.ready and self.check.holds():
            return True
        if not self.hold_in_full():
            return False
        self.refresh()
        for bind in self.bound:
            bind()
        return True

    def describe(self) -> str:
        """Return what is looked at, in one line."""
        parts = (
            (len(self.captured), "tensors from outside"),
            (len(self.cells), ".grad"),
            (len(self.reads.globals), "globals"),
            (len(self.reads.cells), "closure variables"),
            (len(self.states), "objects and their attributes"),
        )
        found = [f"{count} {what}" for count, what in parts if count]
        return ", ".join(["the arguments", *found])

    def hold_in_full(self) -> bool:
        if hooks_of_every_module() != self.hooks or settings() != self.settings:
            return False
        for value, about in self.captured.values():
            if description(value) != about:
                return False
        for cell, about in self.cells.values():
            grad = cell.grad
            if (None if grad is None else description(grad)) != about:
                return False
        for owner, name, value in self.reads.attributes.values():
            if not alike(getattr(owner, name, missing), value):
                return False
        for space, name, value in self.reads.globals.values():
            if not alike(space.get(name, missing), value):
                return False
        for cell, held in self.reads.cells.values():
            if not alike(contents(cell), held):
                return False
        if any(look(thing) != then for look, thing, then in self.conditions.values()):
            return False
        return all(
            number in self.referred or state_of(thing) == state
            for number, (thing, state) in self.states.items()
        )

    def refresh(self) -> None:
        """Let `check` be true as long as nothing changes from now on.

        It asks whether objects are the same ones, where `hold_in_full` asks what they are like.
        """
        check = self.check
        check.writes = module_writes.count
        watched = [value for value, _ in self.captured.values()]
        hooked = [value for value in watched if hooks_of(value) is not None]
        check.captured = [Captured(value) for value in watched if hooks_of(value) is None]
        grads = [(cell, about) for cell, about in self.cells.values()]
        check.grads = [
            CapturedGrad(cell, None if about is None else mold_of(about))
            for cell, about in grads
            if about is None or about[-1] is None
        ]
        reads = self.reads
        spaces = list(reads.globals.values())
        check.spaces, check.space_names, check.space_values = columns(spaces)
        check.closures, check.contents = columns(list(reads.cells.values()), 2)
        owners = list(reads.attributes.values())
        check.owners, check.owner_names, check.owner_values = columns(owners)
        check.holders = []
        check.flags = module_writes.flags
        check.modules = [
            thing
            for number, (thing, _) in self.states.items()
            if isinstance(thing, AnyModule) and number not in self.referred
        ]
        check.training = [module.training for module in check.modules]
        closer: list[Any] = []
        for look, thing, then in self.conditions.values():
            groups = getattr(thing, "param_groups", None)
            if look.__name__ != "members" or groups is None or look(thing) != then:
                closer.append((look, thing, then))
                continue
            # An optimizer's parameters: the lists, and what is in them.
            check.holders += [Holder(groups, None), *[Holder(g["params"], None) for g in groups]]
            for columns_of, one in (
                (check.spaces, groups), (check.space_names, ["params"] * len(groups)),
                (check.space_values, [group["params"] for group in groups]),
            ):  # fmt: skip
                columns_of.extend(one)
            check.spaces.append(vars(thing))
            check.space_names.append("param_groups")
            check.space_values.append(groups)
        if AnyModule._hooked:  # from the first of them on
            closer.append((hooks_of_every_module, None, self.hooks))
        for number, (thing, state) in self.states.items():
            if number in self.referred or type(thing) is tuple:
                continue
            if isinstance(thing, (list, dict)):
                check.holders.append(Holder(thing, None))
            elif isinstance(thing, AnyModule):
                if thing._has_hooks():  # one may be removed, which is no write
                    check.holders += [Holder(table, None) for table in thing._hook_tables()]
            elif isinstance(thing, (tuple, np.ndarray)):
                closer.append((state_of, thing, state))
            else:
                check.holders.append(Holder(vars(thing), thing))
        closer += [(description, value, self.captured[id(value)][1]) for value in hooked]
        closer += [
            (description_of_grad, cell, about)
            for cell, about in grads
            if about is not None and about[-1] is not None
        ]
        check.closer = Closer(closer) if closer else None
        self.ready = True


class Closer:
    """What has to be looked at in full at each call: arrays, and what has hooks."""

    def __init__(self, tests: list[Any]) -> None:
        self.tests = tests

    def __call__(self) -> bool:
        return all(look(thing) == then for look, thing, then in self.tests)


def hooks_of_every_module(_: Any = None) -> tuple[Any, ...]:
    """Return the hooks that every module has; nn is not imported for it."""
    if not AnyModule._hooked:
        return ()
    from ..nn.hooks import hooks_of_every_module as found

    return found()


def description_of_grad(cell: Any) -> Any:
    return None if cell.grad is None else description(cell.grad)


def columns(rows: list[Any], count: int = 3) -> list[Any]:
    """Return the columns of a table as lists."""
    return [[row[place] for row in rows] for place in range(count)]


def check_of(key: Any, positions: int) -> Check:
    """Return what compares the arguments of a call with those that have a key."""
    modes, _, *pieces = key
    tensors = sum(map(tensors_in, pieces))
    apart = True
    if tensors > 1:
        apart = pieces.pop() is None
    names = [name for name, _ in pieces[positions:]]
    pieces = pieces[:positions] + [piece for _, piece in pieces[positions:]]
    try:
        check = Check(modes, [part_of(piece) for piece in pieces], names)
    except LookupError:
        apart = False
        check = Check(modes, [], [])
    check.usable = apart
    return check


def tensors_in(piece: Any) -> int:
    """Return how many tensors are in a part of a key."""
    if is_tensor(piece):
        return 1
    return sum(map(tensors_in, piece)) if isinstance(piece, tuple) else 0


def is_tensor(piece: Any) -> bool:
    """Say whether a part of a key is a tensor's."""
    return type(piece) is tuple and len(piece) > 4 and isinstance(piece[3], np.dtype)


def part_of(piece: Any) -> Part:
    """Return what compares an argument with a part of a key.

    Raises
    ------
    LookupError
        Where a tensor has hooks, and for an object: then the key itself is compared.
    """
    if isinstance(piece, Same):
        return Part(SAME, None, piece.thing)
    if isinstance(piece, Described):
        raise LookupError
    kind = piece[0]
    if is_tensor(piece):
        part = Part(TENSOR, kind, None)
        has_sink = len(piece) > 8
        if has_sink and piece[9] is not None:
            raise LookupError
        grad = mold_of(piece[8]) if has_sink and piece[8] is not None else None
        part.mold = Mold(*piece[:8], has_sink, grad)
        return part
    if kind in (list, tuple):
        part = Part(SEQUENCE, kind, None)
        part.parts = [part_of(one) for one in piece[1:]]
        return part
    if kind is dict:
        part = Part(TABLE, kind, None)
        part.names = [name for name, _ in piece[1:]]
        part.parts = [part_of(one) for _, one in piece[1:]]
        return part
    return Part(ITEM, kind, plain_of_key(kind, piece[1]))


def plain_of_key(kind: Any, value: Any) -> Any:
    """Return the number that a key holds as its text."""
    return float(value) if kind is float and type(value) is str else value


def mold_of(about: Any) -> Mold:
    """Return a `description` as a mold."""
    shape, strides, dtype, requires, is_leaf, hooks = about
    if hooks is not None:
        raise LookupError
    return Mold(None, shape, strides, dtype, requires, is_leaf, True, False, False, None)


def alike(now: Any, then: Any) -> bool:
    """Say whether a value is the one that it was, or an equal plain one."""
    if now is then:
        return True
    return type(now) is type(then) and isinstance(now, PLAIN) and plain_key(now) == plain_key(then)


def state_of(thing: Any) -> Any:
    """Return what of an object's state a program may depend on, for comparison."""
    if isinstance(thing, AnyModule):
        own = vars(thing)
        return [
            (name, (type(value), plain_key(value)) if isinstance(value, PLAIN)
             else tuple(map(id, value.values()))
             if isinstance(value, dict) else id(value))
            for name, value in own.items()
            if name != "_hooked"
        ]  # fmt: skip
    if isinstance(thing, np.ndarray):
        return (thing.shape, thing.dtype, thing.tobytes())
    if isinstance(thing, (list, tuple)):
        return [
            (type(one), plain_key(one)) if isinstance(one, PLAIN) else id(one) for one in thing
        ]
    items = thing if isinstance(thing, dict) else vars(thing)
    return [
        (name, (type(one), plain_key(one)) if isinstance(one, PLAIN) else id(one))
        for name, one in items.items()
    ]


def parts_of(thing: Any) -> Any:
    """Return the objects that `state_of` names by their ids."""
    if isinstance(thing, np.ndarray):
        return None
    if isinstance(thing, (list, tuple)):
        return list(thing)
    items = thing if isinstance(thing, dict) else vars(thing)
    return [list(one.values()) if isinstance(one, dict) else one for one in items.values()]
