"""What a trace is made of: steps on numbered slots, in segments that end where Python looks.

A slot is an array (or a number) of the traced run.  A step calls a function on slots.  A segment
is a straight run of steps; it ends where the program reads a value, and that value picks the next
segment.  So the segments of one set of guards make a tree, and every path from its root to a leaf
is one way that the program has gone.
"""

from __future__ import annotations

from itertools import pairwise
from operator import itemgetter
from typing import Any

import numpy as np

from .._core.op import Op
from .step import CALL as CALL
from .step import GRAD as GRAD
from .step import HOST as HOST
from .step import TOUCH as TOUCH
from .step import WRITE as WRITE
from .step import Step as Step

TURNS = "turns"  # how a segment ends whose backward comes to the turns of a loop: tapes.py


class Row(tuple):  # type: ignore[type-arg]
    """A tuple whose places have the names of the class's annotations.

    `typing.NamedTuple` makes the same, and takes as long for the classes of this file as importing
    all the rest of it.
    """

    __slots__ = ()
    _fields: tuple[str, ...] = ()

    def __init_subclass__(cls) -> None:
        cls._fields = tuple(cls.__annotations__)
        for place, name in enumerate(cls._fields):
            setattr(cls, name, property(itemgetter(place)))

    def __new__(cls, *values: Any) -> Any:
        return tuple.__new__(cls, values)

    def __repr__(self) -> str:
        return f"{type(self).__name__}{tuple(self)!r}"


class Failing:
    """The answer for the call that raised in the replay: it is made again, and raises again."""


class Ref(Row):
    """A slot, where it stands among the arguments of a step."""

    __slots__ = ()
    number: int


class Slot(Row):
    """What is known of a slot: where it comes from when no step fills it, and its type."""

    __slots__ = ()
    source: Any  # a Source, or None for the result of a step
    shape: tuple[int, ...]
    dtype: Any


class Argument(Row):
    """A slot that is the array of a tensor argument, by its place among them."""

    __slots__ = ()
    place: int


class Captured(Row):
    """A slot that is the array of a tensor from outside the function."""

    __slots__ = ()
    value: Any


class CapturedGrad(Row):
    """A slot that is the array of the `.grad` that a leaf has when the function is called."""

    __slots__ = ()
    cell: Any  # an argument's by the argument's place


class Incoming(Row):
    """A slot that is the gradient of a result, by the result's place: only in a backward."""

    __slots__ = ()
    place: int


class Loop(Row):
    """The end of a segment is as the end of one before it on the path: what follows is the same.

    Attributes
    ----------
    target : Segment
        The earlier segment.
    moves : tuple of (int, int)
        A slot of the path to `target`, and the slot that holds by now what it held then.
    """

    __slots__ = ()
    target: Any
    moves: tuple[tuple[int, int], ...]

    def back(self, slots: list[Any]) -> list[Any]:
        """Return what the slots of the path to `target` hold now."""
        found = slots[: self.target.end]
        for number, source in self.moves:
            found[number] = slots[source]
        return found


class Segment:
    """A straight run of steps, and what comes after it.

    Attributes
    ----------
    first : int
        The number of its first slot: those of earlier segments of the path come before.
    parent, key : Segment or None, object
        The segment before, and what Python saw there when this one followed.
    slots : list of Slot
    steps : list of Step
    watched : int or None
        The slot that Python looks at when the segment ends; None for the last of a path.
    kind : str
        How it is looked at: "bool", "item", ...
    children : dict
        The next segment by what Python saw.
    loop : Loop or None
        Where a path goes on that comes back to where it was; then there are no children.
    begins : int or None
        The slot of the tape that begins at its end (`tapes.py`).
    pushes : tuple of int
        Where it is a turn of a loop with a tape: the slots that are pushed at its end.
    turned : bool
        Whether such a loop comes back to its end.
    lifts : list of (int, str)
        Variables of Python's that hold a slot from its end on, no longer a number: the place of
        the frame, counted from the compiled function's, and the name.
    outputs : object
        For the last segment of a path, the result with `Ref` for tensors and numbers.
    backward : Segment or None
        For the last segment of a path, how the gradients of `inputs` follow from those of the
        results that require grad; its `outputs` are one `Ref` or None for each input.
    inputs : list of Value or int
        The tensors that gradients go to: arguments by their place, others themselves.
    saved : list of Saved
        Tensors that others hold and that the backward needs unchanged: arguments by their place,
        results as a `Ref` of their slot, others themselves.
    route : Route
        For the last segment of a path, in which order eager goes through the results' graph.
    eager : str
        Why what follows cannot be replayed; empty when it can.
    source, lines : str, list of int
        The replay as text, and the line where each step begins.
    run : callable
        The replay: ``run(slots_so_far, tensors)``.
    kernels : list of str
        The sources of the kernels in it, once these are used.
    """

    def __init__(self, first: int, parent: Segment | None, key: Any = None) -> None:
        self.first = first
        self.parent = parent
        self.depth: int = 1 if parent is None else parent.depth + 1
        self.key = key
        self.slots: list[Slot] = []
        self.steps: list[Step] = []
        self.watched: int | None = None
        self.kind = ""
        self.children: dict[Any, Segment] = {}
        self.loop: Loop | None = None
        self.lifts: list[tuple[int, str]] = []
        self.begins: int | None = None
        self.pushes: tuple[int, ...] = ()
        self.turned = False
        self.barred = False  # no path may come back to its end
        self.outputs: Any = None
        self.inference: set[int] = set()  # slots of results that are inference tensors
        self.versions: dict[int, int] = {}  # of results that the call wrote into: how often
        self.backward: Segment | None = None
        self.inputs: list[Any] = []
        self.saved: list[Any] = []
        self.route: Any = None
        self.eager = ""
        self.run: Any = None
        self.kernels: list[str] = []
        self.source = ""
        self.warming: Any = None  # decides when it is lowered
        self.plan: Any = None  # the lowered form, once there is one
        self.fuses = ""  # which kernels were asked for
        # By a step's place: how often opening it took for granted what did not hold; those that
        # stay whole for that.
        self.surprises: dict[int, int] = {}
        self.wary: set[int] = set()
        self.lines: list[int] = []  # the line of the source where each step begins

    @property
    def end(self) -> int:
        """The number after its last slot."""
        return self.first + len(self.slots)

    def title(self) -> str:
        """Return a line about where the segment stands and how it ends."""
        text = self.place()
        if self.eager:
            return f"{text}: runs eagerly: {self.eager}"
        end = f"until Python looks at s{self.watched}" if self.watched is not None else "to the end"
        if self.loop is not None:
            end += f", then as at the end of {self.loop.target.place()!r}"
        return f"{text}, {len(self.steps)} steps, {end}"

    def place(self) -> str:
        """Return where on the path it stands."""
        came = [f"{one.kind} is {s.key_text()}" for one, s in pairwise(self.path())]
        return "after " + ", ".join(came) if came else "the beginning"

    def key_text(self) -> str:
        """Return what Python saw when this segment followed."""
        key = self.key
        return repr(key[1]) if isinstance(key, tuple) else "the recorded one"

    def path(self) -> list[Segment]:
        """Return the segments from the root to this one."""
        found: list[Segment] = []
        segment: Segment | None = self
        while segment is not None:
            found.append(segment)
            segment = segment.parent
        return found[::-1]


class OutTensor(Row):
    """A new tensor in the result: its slot."""

    __slots__ = ()
    number: int


class OutLeaf(Row):
    """A new tensor in the result that requires grad and starts a graph: its slot."""

    __slots__ = ()
    number: int


class OutGrad(Row):
    """A new tensor in the result that requires grad: its slot, its place among those."""

    __slots__ = ()
    number: int
    place: int


class OutValue(Row):
    """A tensor from outside in the result: an argument by its place, or the tensor itself."""

    __slots__ = ()
    place: int | None
    value: Any


class OutCell(Row):
    """The `.grad` of a leaf in the result: its cell, an argument's by the argument's place."""

    __slots__ = ()
    cell: Any


class OutHeldGrad(Row):
    """A tensor in the result that was a `.grad` before the call, and is none any more: its slot."""

    __slots__ = ()
    number: int


class OutBase(Row):
    """A tensor that parts in the result are views of, and that is no result itself: its slot."""

    __slots__ = ()
    number: int
    requires: bool


class OutView(Row):
    """A view in the result: its slot, what it is a view of, its `view_kind`."""

    __slots__ = ()
    number: int
    base: Any
    view_kind: int


class OutGradView(Row):
    """A view in the result that requires grad: also its place among those, and its `view_kind`."""

    __slots__ = ()
    number: int
    base: Any
    place: int
    view_kind: int


class OutDetached(Row):
    """A tensor in the result that shares another one's memory, and is no view: `detach` made it."""

    __slots__ = ()
    number: int
    base: Any


class Named(Row):
    """A named tuple in the result."""

    __slots__ = ()
    kind: Any
    parts: tuple[Any, ...]


class OutNumber(Row):
    """A number in the result: its slot."""

    __slots__ = ()
    number: int


def plain_of(key: Any) -> Any:
    """Return the value that `key_of` made a key of."""
    return float(key[1]) if key[0] is float else key[1]


def key_of(plain: Any) -> Any:
    """Return what tells a value that Python saw from others: nan is equal to itself here."""
    if isinstance(plain, float) and (plain != plain or plain == 0):
        return (float, repr(plain))  # -0.0 is another number
    return (type(plain), plain)


class Held:
    """A constant array: the same one whenever the trace comes to this place."""

    def __init__(self, array: Any) -> None:
        self.array = np.array(array)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Held)

    __hash__ = None  # type: ignore[assignment]


def copied(held: Held) -> Any:
    """Return a copy of a constant."""
    return held.array.copy(order="K")


# What a step reads and fills.


def refs_in(given: Any) -> list[int]:
    """Return the slots in an argument."""
    found: list[int] = []
    add_refs((given,), found)
    return found


def add_refs(several: Any, found: list[int]) -> None:
    """Add the slots in some arguments to a list; every pass asks for them often."""
    for one in several:
        kind = type(one)
        if kind is Ref:
            found.append(one[0])
        elif kind is tuple or kind is list:
            add_refs(one, found)
        elif kind is dict:
            add_refs(one.values(), found)


def outs_of(step: Step) -> list[int]:
    """Return the slots that a step fills."""
    if step.outs is None:
        return []
    if isinstance(step.outs, tuple):
        return [one for one in step.outs if one is not None]
    return [step.outs]


def reads_of(step: Step) -> list[int]:
    """Return the slots that a step is given."""
    found: list[int] = []
    add_refs(step.args, found)
    if step.settings:
        add_refs(step.settings.values(), found)
    return found


def numbers_of(step: Step) -> list[int]:
    """Return every slot that a step names."""
    return reads_of(step) + outs_of(step)


def put_in(given: Any, slot: Any) -> Any:
    """Return an argument with ``slot(number)`` in the place of each slot."""
    kind = type(given)
    if kind is Ref:
        return slot(given[0])
    if kind is tuple or kind is list:
        return kind([put_in(one, slot) for one in given])
    if kind is dict:
        return {key: put_in(one, slot) for key, one in given.items()}
    return given


def made_by(step: Step, slot: Any) -> list[tuple[int, Any]]:
    """Make the call of a step; return the slots that it fills, and what with.

    Parameters
    ----------
    step : Step
    slot : callable
        ``slot(number)`` returns what a slot holds.
    """
    made = step.function(*put_in(step.args, slot), **put_in(step.settings, slot))
    if step.outs is None:
        return []
    pairs = zip(step.outs, made) if isinstance(step.outs, tuple) else [(step.outs, made)]
    return [(n, np.asarray(one) if step.wrap else one) for n, one in pairs if n is not None]


# What steps of lowered segments call, beside NumPy's functions.

NAMED_OUT = (np.maximum, np.minimum)  # NumPy wants their third argument named


def getitem(array: Any, key: Any) -> Any:
    """Return ``array[key]``."""
    return array[key]


def setitem(array: Any, key: Any, value: Any) -> None:
    """Do ``array[key] = value``."""
    array[key] = value


def transposed(array: Any) -> Any:
    """Return ``array.T``."""
    return array.T


def into_out(target: Any, function: Any, *args: Any, **settings: Any) -> None:
    """Call a ufunc that puts its result into an array."""
    function(*args, out=target, **settings)


def slot_name(number: int) -> str:
    """Return what the source calls a slot."""
    return f"s{number}" if number >= 0 else f"v{-number}"


def owner_of(array: Any) -> Any:
    """Return the object that owns an array's memory."""
    while True:
        base = getattr(array, "base", None)
        if base is None:
            return array
        array = base


def is_single(function: Any) -> bool:
    """Say whether a function is one call of NumPy already."""
    if isinstance(function, (np.ufunc, type(np.ndarray.dot))):
        return True
    owner = getattr(function, "__self__", None)
    if isinstance(owner, np.ufunc):
        return True
    return (getattr(function, "__module__", None) or "").startswith("numpy")


def is_pure(function: Any) -> bool:
    """Say whether a function is one of the library's kernels, rules, or sums of gradients."""
    if getattr(function, "whole", False):
        return False
    if isinstance(function, Op):
        return True
    module = getattr(function, "__module__", None) or ""
    return module.startswith(("retrograd.ops", "retrograd._core"))
