"""Guards: what has to be as it was when a trace was written, for the trace to be replayed."""

from __future__ import annotations

import functools
import types
from collections import Counter, OrderedDict, defaultdict
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
from .outside import (
    MOST,
    NEAR,
    PLAIN,
    attributes,
    gather,
    items_of,
    joined,
    kept_of,
    narrowed,
    plain_key,
    read_by,
    slots_of,
    state_of,
)
from .reads import Reads
from .saved import hooks_on
from .settings import SettingsRead, has_settings, settings_in
from .sources import Without


def flatten(
    args: Any, settings: Any, names: Any = None, sources: Any = ()
) -> tuple[Any, list[Any]]:
    """Return a key of what the arguments are, and the tensors among them.

    Parameters
    ----------
    names : container of str, optional
        The attributes of objects that count, None for all.
    sources : list of Source
        What they hold counts as further arguments.
    """
    tensors: list[Any] = []
    key: list[Any] = [modes_now(), defaults.floating]
    for one in args:
        key.append(part(one, tensors, None if names is None else Met(names)))
    for name, one in settings.items():
        key.append((name, part(one, tensors, None if names is None else Met(names))))
    for source in sources:
        key.append(("", part(source.value(), tensors)))
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
    """Return which tensors are the same or share memory, and where; None where all are apart."""
    owners = [id(owner_of(one)) for one in tensors]
    if len(set(owners)) == len(owners):
        return None
    ids = [id(one) for one in tensors]
    places = [one.array.ctypes.data - owner_of(one).ctypes.data for one in tensors]
    shared = [place if owners.count(owner) > 1 else 0 for place, owner in zip(places, owners)]
    return tuple(map(ids.index, ids)), tuple(map(owners.index, owners)), tuple(shared)


def owner_of(value: Any) -> Any:
    """Return the array whose memory a tensor lies in: a detached one has that of the other."""
    return value.array if value.base is None else value.base.array


def sharing(captured: dict[int, tuple[Any, Any]]) -> Any:
    """Return which captured tensors lie in the same memory, and where; None where all are apart."""
    arrays = [value.array for value, _ in captured.values()]
    roots = [id(trace.owner_of(array)) for array in arrays]
    if len(set(roots)) == len(roots):
        return None
    owners = [roots.index(one) for one in roots]
    return [(owner, a.ctypes.data - arrays[owner].ctypes.data) for owner, a in zip(owners, arrays)]


def description(value: Any) -> Any:
    array = value.array
    return (
        array.shape, array.strides, array.dtype, value.requires, value.node is None,
        hooks_of(value),
    )  # fmt: skip


class Guards:
    """The guards of one tree beside its key."""

    def __init__(self, key: Any, positions: int, sources: Any = ()) -> None:
        self.check = check_of(key, positions)
        if sources:  # not compared with the arguments
            self.check.usable = False
        self.sources = list(sources)
        self.hidden = {source.key() for source in sources}
        self.ready = False  # whether `check` knows what is outside
        self.reads = Reads()
        self.captured: dict[int, tuple[Any, Any]] = {}
        self.sharing: Any = None  # which of these share memory
        self.cells: dict[int, tuple[Any, Any]] = {}
        self.states: dict[int, tuple[Any, Any]] = {}
        self.whole: set[int] = set()  # of which states have all attributes
        self.kept: list[Any] = []  # what states name by its id, kept so that ids stay taken
        self.pinned: dict[int, Any] | None = None  # arguments that are from outside, too
        self.given: set[int] = set()  # ids of containers that are arguments
        self.mixed = False  # whether new segments have others of these than the earlier ones
        self.unguarded = ""  # why it cannot be told whether everything is as it was
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
            if isinstance(one, (list, tuple, dict)):
                self.given.add(id(one))
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
        for number, thing in gather(list(self.reads.things.values()), deepest=NEAR).items():
            if has_settings(thing):
                if number not in self.settings_then:
                    self.settings_then[number] = (thing, settings_in(thing))
            elif number not in self.states and number not in self.described:
                self.states[number] = (thing, state_of(thing))
                self.whole.add(number)
                self.kept.append(kept_of(thing))

    def choose(self, found: dict[int, Any]) -> None:
        """Guard these objects, as far as the program may read them, and no others."""
        if len(found) > MOST:
            self.unguarded = f"it can reach more than {MOST} objects from outside the function"
        before = self.states
        self.states = {}
        for number, thing in found.items():
            if number in self.described or has_settings(thing):
                continue
            if number not in before:
                self.kept.append(kept_of(thing))
                state = state_of(thing, self.counting(thing))
            elif number in self.whole:
                state = narrowed(thing, before[number][1], self.counting(thing))
            else:
                state = joined(before[number][1], state_of(thing, self.counting(thing)))
            self.states[number] = (thing, state)
        self.whole = set()

    def counting(self, thing: Any) -> Any:
        """Return the names of an object's attributes that are compared, None for all."""
        names = self.reads.counting()
        hidden = {name for owner, name in self.hidden if owner == id(thing)}
        return Without(names, hidden) if hidden else names

    def attributes_of_tensors(self, found: dict[int, Any], arguments: Any) -> None:
        """Guard what the program itself has put on tensors, where it has names that are read."""
        odd = {name for name in self.reads.names if not hasattr(Value, name)} - {"array"}
        if not odd:
            return
        values = [*self.reads.tensors(found), *[value for value, _ in self.captured.values()]]
        for value in (*values, *arguments):
            for name, held in attributes(value):
                if name in odd and not hasattr(type(value), name):
                    self.reads.attributes[(id(value), name)] = (value, name, held)
                    if any(value is one for one in arguments):
                        self.unguarded = f"the attribute {name} of an argument is read"

    def add(self, writer: Any) -> None:
        """Guard what the new segments took from outside."""
        found = self.reads.classes()
        self.choose(found)
        # A `.grad` that was there before the call, though another may have come in its place.
        grads = {number: writer.known[held] for held, number in writer.grads.items()}
        # What the function changed of a tensor counts as it was before.
        read: list[tuple[Any, Any]] = []  # `.grad` from before the call, with their cells
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
                    if number in grads:
                        read.append((source.cell, grads[number]))
        self.attributes_of_tensors(found, writer.tensors)
        self.names_of_memory(found, read)
        self.pin(found, writer.tensors)
        self.conditions.update(writer.conditions)
        for number, (thing, then) in self.settings_then.items():
            look = SettingsRead(thing, self.reads.names)
            if look.read:
                self.conditions[number, "settings"] = (look, thing, look.part_of(then))
        self.check.writes = -1
        self.ready = False

    def names_of_memory(self, found: dict[int, Any], read: list[tuple[Any, Any]]) -> None:
        """Guard which tensors lie in the memory of captured ones, and which are a `.grad`, too.

        A trace tells them apart by their arrays, so that it may take one for the other.
        """
        values = [value for value, _ in self.captured.values()] + [grad for _, grad in read]
        roots = {id(trace.owner_of(value.array)) for value in values}
        held = [one for one in self.reads.tensors(found) if id(trace.owner_of(one.array)) in roots]
        for one in held:
            self.captured.setdefault(id(one), (one, description(one)))
        self.sharing = sharing(self.captured)
        roots = {id(trace.owner_of(one.array)) for one in held}
        for cell, grad in read:
            if id(trace.owner_of(grad.array)) in roots:
                self.kept.append(grad)
                self.conditions[id(cell), "grad"] = (id_of_grad, cell, id(grad))

    def pin(self, found: dict[int, Any], arguments: list[Any]) -> None:
        """Note which arguments are tensors from outside, too, or share memory with such.

        ``f(w)`` of a function that reads w itself: the trace takes one for the other.
        """
        owners = {id(owner_of(one)) for one in arguments}
        near = [*self.reads.tensors(found), *[value for value, _ in self.captured.values()]]
        pinned: dict[int, Any] = {}
        self.check.outside = self.outside()
        if arguments and any(id(owner_of(one)) in owners for one in near):
            pinned = pinned_among(arguments, self.tensors_outside())
            self.kept.append([(arguments[place], owner_of(arguments[place])) for place in pinned])
        if self.pinned is None:
            self.pinned = pinned
        self.mixed = self.pinned.keys() != pinned.keys() or not self.are_pinned(arguments)
        if pinned:
            self.check.usable = False

    def outside(self) -> set[int]:
        """Return the ids of the arrays that tensors from outside have, or are views of."""
        values = [value for _, _, value in self.globals()] + [held for _, held in self.closures()]
        values += [value for value, _ in self.captured.values()]
        return {id(owner_of(value)) for value in values if isinstance(value, Value)}

    def tensors_outside(self) -> list[Any]:
        """Return the tensors that the program can reach without its arguments."""
        reads = self.reads
        roots = [
            one for number, one in reads.things.items()
            if number not in self.described and number not in self.given
        ]  # fmt: skip
        held = [value for _, _, value in self.globals()] + [value for _, value in self.closures()]
        held += reads.defaults + [value for _, _, value in reads.attributes.values()]
        held += [value for value, _ in self.captured.values()]
        for thing in gather(roots, reads.counting()).values():
            if isinstance(thing, AnyModule):
                held += [*thing._parameters.values(), *thing._buffers.values()]
            names = read_by(thing, self.counting(thing))
            held += [one for _, one in items_of(thing)]
            held += [one for name, one in attributes(thing) if names is None or name in names]
        return [one for one in held if isinstance(one, Value)]

    def are_pinned(self, tensors: list[Any]) -> bool:
        """Say whether the same arguments are tensors from outside as when this was written."""
        outside = self.outside() if tensors else ()
        for place, one in enumerate(tensors):
            pin = None if self.pinned is None else self.pinned.get(place)
            if pin is None:
                if id(owner_of(one)) in outside:
                    return False
            elif pin != pin_of(one, pin[0]):
                return False
        return True

    def hold(self, tensors: list[Any]) -> bool:
        """Say whether everything is as it was, for arguments that have these tensors."""
        if not self.are_pinned(tensors):
            return False
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

    def globals(self) -> list[Any]:
        """Return the globals that are compared, as (namespace, name, value)."""
        found = self.reads.globals
        return [row for key, row in found.items() if key not in self.hidden]

    def closures(self) -> list[Any]:
        """Return the closures' variables that are compared, as (cell, contents)."""
        found = self.reads.cells
        return [row for key, row in found.items() if (key, "") not in self.hidden]

    def hold_in_full(self) -> bool:
        if hooks_of_every_module() != self.hooks or settings() != self.settings:
            return False
        for value, about in self.captured.values():
            if description(value) != about:
                return False
        if sharing(self.captured) != self.sharing:
            return False
        for cell, about in self.cells.values():
            grad = cell.grad
            if (None if grad is None else description(grad)) != about:
                return False
        for owner, name, value in self.reads.attributes.values():
            if not alike(getattr(owner, name, missing), value):
                return False
        for space, name, value in self.globals():
            if not alike(space.get(name, missing), value):
                return False
        for cell, held in self.closures():
            if not alike(contents(cell), held):
                return False
        if any(look(thing) != then for look, thing, then in self.conditions.values()):
            return False
        return all(
            number in self.referred or state_of(thing, self.counting(thing)) == state
            for number, (thing, state) in self.states.items()
        )

    def refresh(self) -> None:
        """Let `check` be true as long as nothing changes from now on.

        It asks whether objects are the same ones, where `hold_in_full` asks what they are like.
        """
        check = self.check
        check.writes = module_writes.count
        check.outside = self.outside()
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
        check.spaces, check.space_names, check.space_values = columns(self.globals())
        check.closures, check.contents = columns(self.closures(), 2)
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
            if number not in self.referred:
                self.watch(thing, state, closer)
        closer += [(description, value, self.captured[id(value)][1]) for value in hooked]
        closer += [
            (description_of_grad, cell, about)
            for cell, about in grads
            if about is not None and about[-1] is not None
        ]
        check.closer = Closer(closer) if closer else None
        self.ready = True

    def watch(self, thing: Any, state: Any, closer: list[Any]) -> None:
        """Let `check` compare one object from outside."""
        check = self.check
        if isinstance(thing, AnyModule):
            if thing._has_hooks():  # one may be removed, which is no write
                check.holders += [Holder(table, None) for table in thing._hook_tables()]
        elif type(thing) in HELD:
            check.holders.append(Holder(thing, None))
        elif isinstance(thing, types.FunctionType):
            if vars(thing) or self.reads.every:
                check.holders.append(Holder(vars(thing), thing))
        elif isinstance(state, dict):
            names = read_by(thing, self.counting(thing))
            if type(getattr(thing, "__dict__", None)) is dict:
                check.holders.append(Holder(vars(thing), thing, names))
            slots = slots_of(type(thing))
            self.compare(thing, [one for one in slots if names is None or one in names])
        elif type(thing) not in UNCHANGING and state is not None:
            closer.append((state_of, thing, state))

    def compare(self, thing: Any, names: Any) -> None:
        """Let `check` compare attributes of an object."""
        for name in names:
            self.check.owners.append(thing)
            self.check.owner_names.append(name)
            self.check.owner_values.append(getattr(thing, name, missing))


HELD = (list, dict, OrderedDict, defaultdict, Counter)
UNCHANGING = (
    tuple, frozenset, types.MethodType, types.BuiltinMethodType, functools.partial,
)  # fmt: skip


def pin_of(value: Any, same: bool) -> Any:
    """Return what tells a tensor from others: which it is, or where it lies in which memory."""
    return same, id(value) if same else (id(owner_of(value)), value.array.ctypes.data)


def pinned_among(arguments: list[Any], outside: list[Any]) -> dict[int, Any]:
    """Return what tells the arguments that are from outside, by their places."""
    selves = {id(one) for one in outside}
    owners = {id(owner_of(one)) for one in outside}
    return {
        place: pin_of(one, id(one) in selves)
        for place, one in enumerate(arguments)
        if id(owner_of(one)) in owners
    }


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


def id_of_grad(cell: Any) -> int:
    return id(cell.grad)


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
