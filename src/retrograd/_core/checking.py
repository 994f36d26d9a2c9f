"""Checking: whether a call is like an earlier one, compared by identity, in few nanoseconds.

The guards of a compiled function say in full what has to be as it was.  Nearly always every object
concerned is the very same one, and that is what is asked here: one comparison for each tensor,
global, attribute.  "No" means nothing but that somebody has to look closer.
"""

from __future__ import annotations

from typing import Any, Final

from .modes import switches, thread_modes
from .node import GradCell, Node
from .promotion import defaults
from .value import Value


class Missing:
    """Type of what stands for a name that is not there."""


missing: Final = Missing()
anything: Final = Missing()  # in the place of what is not compared


class Epoch:
    """Counts the changes of things that rarely change, all of them together."""

    def __init__(self) -> None:
        self.count: int = 0
        self.flags: int = 0


# Assignments to attributes of modules: as long as the count stands, no module has changed (but for
# what is written into its ``__dict__`` directly).  Switches between training and evaluation, which
# some programs make at each step, are counted by `flags`.
module_writes: Final = Epoch()


class Mold:
    """What a tensor has to be like: see `Value` for the names."""

    def __init__(
        self,
        kind: Any,
        shape: Any,
        strides: Any,
        dtype: Any,
        requires: bool,
        is_leaf: bool,
        is_base: bool,
        inference: bool,
        has_sink: bool,
        grad: Mold | None,
    ) -> None:
        self.kind: Any = kind
        self.shape: Any = shape
        self.strides: Any = strides
        self.dtype: Any = dtype
        self.requires: bool = requires
        self.is_leaf: bool = is_leaf
        self.is_base: bool = is_base
        self.inference: bool = inference
        self.has_sink: bool = has_sink  # whether it was ever asked for where its gradient goes
        self.grad: Mold | None = grad


def alike(value: Value, mold: Mold) -> bool:
    """Say whether the array of a tensor, and whether it requires grad, are as in a mold."""
    array = value.array
    return (
        value.requires == mold.requires
        and (array.dtype is mold.dtype or array.dtype == mold.dtype)
        and (value.node is None) == mold.is_leaf
        and array.shape == mold.shape
        and array.strides == mold.strides
        and no_hooks(value)
    )


def no_hooks(value: Value) -> bool:
    """Say whether a tensor certainly has no hooks."""
    node: Node | None = value.node
    if node is None:
        node = value.leaf
    return node is None or node.hooks is None


def fits(value: Value, mold: Mold) -> bool:
    """Say whether an argument is as in a mold, and so is its `.grad`."""
    if (
        not alike(value, mold)
        or (value.base is None) != mold.is_base
        or value.inference != mold.inference
    ):
        return False
    cell: GradCell | None = value.cell
    if not mold.has_sink:
        return cell is None and value.leaf is None
    if cell is None and value.leaf is None:
        return False
    expected = mold.grad
    found: Any = None if cell is None else cell.grad
    if expected is None or found is None:
        return expected is None and found is None
    grad: Value = found
    return alike(grad, expected)


# What a `Part` compares.
TENSOR: Final = 0  # a tensor and its mold
SAME: Final = 1  # an object that is equal to itself alone
ITEM: Final = 2  # a number or text: the same object, or an equal one of the same type
SEQUENCE: Final = 3  # a list or tuple, part by part
TABLE: Final = 4  # a dictionary, part by part and in order


class Part:
    """What one argument has to be like."""

    def __init__(self, what: int, kind: Any, value: Any) -> None:
        self.what: int = what
        self.kind: Any = kind
        self.value: Any = value  # for SAME and ITEM
        self.mold: Mold | None = None  # for TENSOR
        self.parts: list[Part] = []  # for SEQUENCE and TABLE
        self.names: list[Any] = []  # for TABLE


def agrees(part: Part, given: Any, tensors: list[Any]) -> bool:
    """Say whether an argument is like a part; add the tensors in it to `tensors`."""
    what = part.what
    if what == TENSOR:
        mold = part.mold
        if mold is None or type(given) is not mold.kind:
            return False
        value: Value = given
        if not fits(value, mold):
            return False
        tensors.append(value)
        return True
    if what == SAME:
        return given is part.value
    if what == ITEM:
        return same(given, part.value)
    if type(given) is not part.kind or len(given) != len(part.parts):
        return False
    if what == SEQUENCE:
        for one, inside in zip(part.parts, given):
            if not agrees(one, inside, tensors):
                return False
        return True
    for place, key in enumerate(given):
        if key != part.names[place] or not agrees(part.parts[place], given[key], tensors):
            return False
    return True


def are_apart(tensors: list[Any]) -> bool:
    """Say whether no two tensors have one array and none is a view."""
    count = len(tensors)
    if count > 12:
        return False
    for place in range(count):
        value: Value = tensors[place]
        if value.base is not None:
            return False
        for other in range(place):
            before: Value = tensors[other]
            if before.array is value.array:
                return False
    return True


class Captured:
    """A tensor from outside the function, as it was."""

    def __init__(self, value: Value) -> None:
        self.value: Value = value
        self.array: Any = value.array
        self.requires: bool = value.requires
        self.node: Node | None = value.node


class CapturedGrad:
    """The `.grad` of a tensor from outside, as it was."""

    def __init__(self, cell: GradCell, mold: Mold | None) -> None:
        self.cell: GradCell = cell
        self.mold: Mold | None = mold


class Holder:
    """A list, dictionary or object from outside whose items or attributes are as they were.

    Of a dictionary only the items with `counting` names are compared, where these are given.
    """

    def __init__(self, thing: Any, owner: Any, counting: Any = None) -> None:
        self.thing: Any = thing  # a list, or a dictionary
        self.owner: Any = owner  # the object whose attributes these are, or None
        self.names: list[Any] = list(thing) if isinstance(thing, dict) else []
        self.values: list[Any] = list(thing.values() if isinstance(thing, dict) else thing)
        if counting is not None:
            for place, name in enumerate(self.names):
                if name not in counting:
                    self.values[place] = anything


def unchanged(holder: Holder) -> bool:
    """Say whether a holder holds what it held."""
    values = holder.values
    thing: Any = holder.thing
    if len(thing) != len(values):
        return False
    if isinstance(thing, list):
        items: list[Any] = thing
        for item, value in zip(items, values):
            if item is not value and not same(item, value):
                return False
        return True
    if holder.owner is not None and holder.owner.__dict__ is not thing:
        return False
    names = holder.names
    for place, (key, item) in enumerate(thing.items()):
        value = values[place]
        if item is not value and value is not anything and not same(item, value):
            return False
        if key is not names[place] and not same(key, names[place]):
            return False
    return True


_PLAIN: Final = (int, float, str, complex, bytes)


def same(now: Any, then: Any) -> bool:
    """Say whether an object is the one that it was, or certainly an equal number or text.

    Zero is left to who looks closer: -0.0 is another number.
    """
    if now is then:
        return True
    kind = type(now)
    return kind is type(then) and kind in _PLAIN and bool(now == then) and bool(now)


class Check:
    """Everything that one set of guards compares before a replay.

    Attributes
    ----------
    modes : object
        The thread's modes as `modes_now` gives them: None where each has its default.
    parts, names : list
        What the arguments are like, and the names of those given by keyword.
    """

    def __init__(self, modes: Any, parts: list[Part], names: list[str]) -> None:
        self.modes: Any = modes
        self.floating: Any = defaults.floating
        self.parts: list[Part] = parts
        self.names: list[str] = names
        self.positions: int = len(parts) - len(names)
        self.usable: bool = True  # whether the arguments can be compared here at all
        self.writes: int = 0
        self.flags: int = 0
        self.modules: list[Any] = []  # whose `training` is as in the next list
        self.training: list[Any] = []
        self.captured: list[Captured] = []
        self.grads: list[CapturedGrad] = []
        self.spaces: list[Any] = []  # namespaces, and in the next two lists name and value
        self.space_names: list[Any] = []
        self.space_values: list[Any] = []
        self.closures: list[Any] = []
        self.contents: list[Any] = []
        self.owners: list[Any] = []  # classes and modules of the program's, likewise
        self.owner_names: list[Any] = []
        self.owner_values: list[Any] = []
        self.holders: list[Holder] = []
        self.outside: set[int] = set()  # ids of the arrays of what is no argument
        self.closer: Any = None  # what identity cannot say: called without arguments

    def enter(self, args: Any, settings: Any) -> Any:
        """Return the tensors among the arguments of a call like the recorded one, else None."""
        if not self.usable or defaults.floating is not self.floating:
            return None
        given: tuple[Any, ...] = args
        named: dict[str, Any] = settings
        if len(given) != self.positions or len(named) != len(self.names):
            return None
        if switches.special == 0:
            if self.modes is not None:
                return None
        elif modes_now() != self.modes:
            return None
        tensors: list[Any] = []
        place = 0
        for one in given:
            if not agrees(self.parts[place], one, tensors):
                return None
            place += 1
        if named:
            for name, one in named.items():
                if name != self.names[place - self.positions]:
                    return None
                if not agrees(self.parts[place], one, tensors):
                    return None
                place += 1
        if len(tensors) > 1 and not are_apart(tensors):
            return None
        for one in tensors:
            value: Value = one
            if id(value.array) in self.outside:
                return None
        return tensors if self.holds() else None

    def holds(self) -> bool:
        """Say whether everything beside the arguments is certainly as it was."""
        if module_writes.count != self.writes:
            return False
        if module_writes.flags != self.flags:
            for module, mode in zip(self.modules, self.training):
                if module.training is not mode:
                    return False
            self.flags = module_writes.flags
        for tensor in self.captured:
            value = tensor.value
            node = tensor.node
            if (
                value.array is not tensor.array
                or value.node is not node
                or value.requires != tensor.requires
            ):
                return False
            if node is None:
                node = value.leaf
            if node is not None and node.hooks is not None:
                return False
        for one in self.grads:
            grad: Any = one.cell.grad
            mold = one.mold
            if mold is None or grad is None:
                if mold is not None or grad is not None:
                    return False
            elif not alike(grad, mold):
                return False
        for space, name, held in zip(self.spaces, self.space_names, self.space_values):
            table: dict[str, Any] = space
            found: Any = table.get(name, missing)
            if found is not held and not same(found, held):
                return False
        for cell, held in zip(self.closures, self.contents):
            found = contents(cell)
            if found is not held and not same(found, held):
                return False
        for owner, name, held in zip(self.owners, self.owner_names, self.owner_values):
            found = getattr(owner, name, missing)
            if found is not held and not same(found, held):
                return False
        for holder in self.holders:
            if not unchanged(holder):
                return False
        return self.closer is None or bool(self.closer())


def contents(cell: Any) -> Any:
    """Return what is in the cell of a closure."""
    try:
        return cell.cell_contents
    except ValueError:
        return missing


def modes_now() -> Any:
    """Return the thread's modes, None where each has its default."""
    if switches.special == 0:
        return None
    modes = thread_modes()
    if modes.is_default():
        return None
    return (modes.grad, modes.inference, modes.anomaly, modes.pack is None)
