"""States: what the program goes on from where Python looks at a value, in a form to compare.

Note [The same state].  What follows is a function of Python's state: the frames from the compiled
function to the one that looks, with the places where they stand and their variables, and the
objects reached from these.  Objects from outside the call do not change (else the trace ends), so
they stand for themselves.  Objects of the call are walked over, numbered in the order in which they
are met; arrays are put down as slots, with their layout and whose memory they have.  Two states
with equal forms differ at most in which slots they hold, and the slots correspond by their places.
"""

from __future__ import annotations

import gc
import inspect
import sys
import types
from collections import OrderedDict, defaultdict, deque
from typing import Any

import numpy as np

from .._core.modes import thread_modes
from .._core.node import AccumulateGrad, GradCell, Node
from .._core.value import Value
from .effects import newborn_objects
from .followed import modes_now, module_of
from .guards import plain_key
from .positions import GENERATORS, calls, code_of, sees
from .readings import Reading, plain_arguments
from .trace import Row, key_of, owner_of

MOST_OBJECTS = 3000  # in one state
_PACKAGE = __file__.replace("\\", "/").rsplit("/compiler/", 1)[0] + "/"
_OWN = tuple(_PACKAGE + part for part in ("compiler/", "_core/", "tensor.py"))
_PLAIN = (bool, int, float, complex, str, bytes, type(None), type(Ellipsis), range, slice)
_SINGLE = (type, types.ModuleType, types.CodeType, np.dtype, np.ufunc)
_FIELDS = {
    "array", "requires", "node", "index", "leaf", "cell", "storage", "base", "view_seen",
    "view_kind", "inference", "known_shape", "known_dtype",
}  # fmt: skip
_ITERATORS = tuple(
    type(iter(one)) for one in ([], (), range(0), reversed([]), zip(), enumerate([]), "")
)


class Unclear(Exception):
    """The state holds something of which it is not known what it is."""


class Place(Row):
    """Where one frame stands.

    Attributes
    ----------
    entry : tuple or None
        The number of the frame's call and how many slots there were then; None for the library's.
    hidden : tuple or None
        What stays on its value stack: for each iterator or `with` block the place of what pushed
        it, when it last moved and how many slots there were then.  None where that is unclear.
    direct : bool
        Whether the frame itself calls the next one, or looks at the value.
    """

    __slots__ = ()
    entry: Any
    hidden: Any
    direct: bool


class State:
    """A state of the program.

    Attributes
    ----------
    form : tuple
        Equal for states that differ in their slots alone.
    slots : list of int
    numbers : list of (int, str, float or int)
        Variables that hold numbers which could be slots too, and are not part of the form: the
        place of the frame, the name, the value.
    places : list of Place
        From the compiled function to the frame that looks.
    since : int
        When the program looked last before.
    nodes : list of Node
        Those made since then that tensors hold.
    brief : Walk or None
        The same state, but of nodes only when in the turn they were made, and which plan they
        have; None where there are none.
    """

    def __init__(self, recorder: Any, frames: list[Any]) -> None:
        walk = Walk(recorder, frames)
        walk.all()
        self.form = tuple(walk.form)
        self.hash = hash(self.form)
        self.slots = list(walk.slots)
        self.numbers = walk.numbers
        self.kept = walk.kept
        self.places = places(recorder, frames)
        self.since = recorder.glance
        self.nodes = walk.nodes
        self.brief: Walk | None = None
        if walk.nodes and recorder.tapes:
            try:
                self.brief = Walk(recorder, frames, True)
                self.brief.all()
            except Unclear:
                self.brief = None


def frames_now(recorder: Any) -> list[Any]:
    """Return the frames from the compiled function to the one that looks at a value."""
    frame: Any = sys._getframe(1)
    while frame is not None and frame.f_code.co_filename.startswith(_OWN):
        if frame.f_code is plain_arguments.__code__:
            raise Unclear  # what it puts into the variables must not be read back
        frame = frame.f_back
    found = []
    while frame is not None:
        code = frame.f_code
        if code.co_filename.startswith(_OWN[0]) and frame.f_locals.get("writer") is recorder:
            return found[::-1]
        found.append(frame)
        frame = frame.f_back
    raise Unclear


def places(recorder: Any, frames: list[Any]) -> list[Place]:
    found = []
    for number, frame in enumerate(frames):
        known = code_of(frame.f_code)
        place = known.place(frame.f_lasti)
        hidden: Any = known.hidden(place)
        if frame.f_code.co_flags & GENERATORS:
            hidden = None
        if hidden:
            moves = [recorder.moved.get((id(frame), entry)) for entry in hidden]
            hidden = None if None in moves else tuple(zip(hidden, moves))
        if number + 1 < len(frames):
            direct = calls(frame, place, frames[number + 1])
        else:
            direct = sees(frame, place)
        own = not frame.f_code.co_filename.startswith(_PACKAGE)
        entry = recorder.entered.get(id(frame)) if own else None
        found.append(Place(entry, hidden, direct))
    return found


def put_variable(frame: Any, name: str, value: Any) -> None:
    """Give a variable of a running function another value."""
    frame.f_locals[name] = value
    if sys.version_info < (3, 13):
        import ctypes

        ctypes.pythonapi.PyFrame_LocalsToFast(ctypes.py_object(frame), ctypes.c_int(0))


def differences(
    old: Any, new: Any, birth: int | None
) -> tuple[tuple[tuple[int, int], ...], list[Any]] | None:
    """Return what takes the place of what between two states of equal form, and the numbers that
    are others: for each, where its variable is.

    None where what was there before `birth` (see `common`) would have become another.
    """
    if birth is None:
        return None
    moves = tuple((a, b) for a, b in zip(old.slots, new.slots) if a != b)
    if any(number < birth for number, _ in moves):
        return None
    changed = [
        now[:2] for then, now in zip(old.numbers, new.numbers)
        if key_of(then[2]) != key_of(now[2])
    ]  # fmt: skip
    return moves, changed


def common(before: State, now: State) -> int | None:
    """Return from which slot on what was in the earlier state may have become another.

    None where the states, although their forms are equal, may differ in what is hidden: in frames
    that ran in between, and in the C code between frames.  What is older than the innermost frame
    that has not returned since (and than what its value stack holds) may be held by those outside.
    """
    last = -1
    for number, (one, other) in enumerate(zip(before.places, now.places)):
        if one.entry is not None and one.entry == other.entry:
            last = number
    birth = 0
    for number, (one, other) in enumerate(zip(before.places, now.places)):
        if number < last:
            continue
        if not (one.direct and other.direct) or other.hidden is None:
            return None
        if number == last:
            if one.hidden != other.hidden:
                return None
            birth = max([one.entry[1], *[count for _, (_, count) in other.hidden]])
        elif other.hidden:
            return None
    return birth


class Walk:
    """Writes the form of a state."""

    def __init__(self, recorder: Any, frames: list[Any], brief: bool = False) -> None:
        self.recorder = recorder
        self.frames = frames
        self.brief = brief
        self.nodes: list[Any] = []
        self.form: list[Any] = []
        self.slots: dict[int, int] = {}
        self.numbers: list[tuple[int, str, Any]] = []
        self.seen: dict[int, int] = {}
        self.kept: list[Any] = []  # what the form names by ids, kept so that they stay taken
        self.waiting: deque[Any] = deque()
        self.times: list[tuple[int, Any]] = []
        self.newborn: set[int] | None = None
        # Where slots and times are held, for whoever wants to put others there.
        self.held: list[tuple[Value, int]] = []
        self.saved: list[tuple[Node, int, int]] = []
        self.loose: set[int] = set()  # slots that something else holds
        self.timed: list[tuple[int, Any, str]] = []
        note_owners(recorder)

    def all(self) -> None:
        modes = thread_modes()
        if modes.run is not None:
            raise Unclear
        self.form += [
            modes_now(), modes.asked, modes.check_nan, id(modes.pack), id(modes.unpack),
            modes.saving_disabled, modes.towards,
        ]  # fmt: skip
        for number, frame in enumerate(self.frames):
            self.frame(frame, number)
        for number, cell in sorted(self.recorder.places.items()):
            if number not in self.recorder.own_cells:
                if isinstance(cell, int):
                    cell = self.recorder.tensors[cell].get_cell()
                self.form.append(number)
                self.ref(cell.grad)
        while self.waiting:
            if len(self.seen) > MOST_OBJECTS:
                raise Unclear
            self.object(self.waiting.popleft())
        self.rank()

    def rank(self) -> None:
        """Put down in which order nodes were recorded and memory was written."""
        ranks: dict[int, list[Any]] = {}
        for time, mark in self.times:
            if time > 0:
                ranks.setdefault(time, []).append(mark)
        self.form.append(tuple(tuple(ranks[time]) for time in sorted(ranks)))

    def frame(self, frame: Any, number: int) -> None:
        code = frame.f_code
        if not code.co_flags & inspect.CO_OPTIMIZED:
            raise Unclear
        self.single(code)
        known = code_of(code)
        self.form.append(known.place(frame.f_lasti))
        held = frame.f_locals
        for name in (*code.co_varnames, *code.co_cellvars, *code.co_freevars):
            if name in held:
                self.form.append(name)
                one = held[name]
                if type(one) in (int, float) and known.counts(name, type(one)):
                    self.form.append(type(one))
                    self.numbers.append((number, name, one))
                else:
                    self.ref(one)

    def single(self, thing: Any) -> None:
        """Put an object down as itself."""
        self.kept.append(thing)
        self.form.append(id(thing))

    def ref(self, thing: Any) -> None:
        """Put an object down where it is held."""
        kind = type(thing)
        if kind is Reading:
            self.form += ["reading", type(thing.plain)]
            self.slot(thing.number)
        elif kind in _PLAIN:
            if kind is slice:
                self.refs((thing.start, thing.stop, thing.step))
                return
            self.form += [kind, plain_key(thing)]
            if kind is float and id(thing) in self.recorder.numbers:
                self.loose.add(self.recorder.numbers[id(thing)])
                self.slot(self.recorder.numbers[id(thing)])
        elif isinstance(thing, np.generic):
            self.form += [kind, thing.tobytes()]
        elif isinstance(thing, _SINGLE) or is_free(thing):
            self.single(thing)
        elif kind is np.ndarray:
            number = self.array(thing)
            if number is not None:
                self.loose.add(number)
        else:
            number = self.seen.get(id(thing))
            if number is None:
                number = self.seen[id(thing)] = len(self.seen)
                self.waiting.append(thing)
                self.kept.append(thing)
            self.form += ["object", number]

    def refs(self, things: Any) -> None:
        self.form.append(len(things))
        for one in things:
            self.ref(one)

    def slot(self, number: int) -> None:
        self.form += ["slot", self.slots.setdefault(number, len(self.slots))]

    def array(self, array: Any) -> int | None:
        """Put an array down; return its slot, None where it is from outside."""
        recorder = self.recorder
        number = recorder.numbers.get(id(array))
        if number is None:
            number = recorder._same_memory(array)
            if number is None:
                if self.is_outside(array):
                    self.single(array)
                    return None
                raise Unclear
        if number in recorder.given:
            held = recorder.values[number]
            self.single(held)
            return None
        first = number not in self.slots
        self.slot(number)
        if first:
            owner = owner_of(array)
            self.form += [array.shape, array.strides, array.dtype, array.flags.writeable]
            if id(owner) in recorder.owners:
                self.single(owner)
            else:
                self.form.append(self.seen.setdefault(id(owner), len(self.seen)))
            if isinstance(owner, np.ndarray):
                self.form.append(address(array) - address(owner))
        found: int = number
        return found

    def is_outside(self, thing: Any) -> bool:
        """Say whether an object was there before the call."""
        recorder = self.recorder
        if isinstance(thing, np.ndarray):
            return any(one.array is thing for one in recorder.known.values())
        if isinstance(thing, Value):
            return id(thing) not in recorder.newborn
        if id(thing) in recorder.outsiders:
            return True
        if self.newborn is None:
            self.newborn = newborn_objects()
        if id(thing) in self.newborn or not gc.is_tracked(thing):
            return False
        recorder.outsiders[id(thing)] = thing
        return True

    def object(self, thing: Any) -> None:
        """Put down what an object is, once."""
        kind = type(thing)
        self.form.append(kind)
        if isinstance(thing, tuple):
            self.refs(thing)
            self.mapping(getattr(thing, "__dict__", {}))
        elif kind is frozenset:
            self.plain_set(thing)
        elif self.is_outside(thing):
            self.single(thing)
        elif isinstance(thing, Value):
            self.value(thing)
        elif isinstance(thing, Node):
            self.node(thing)
        elif kind is GradCell:
            self.ref(thing.grad)
        elif kind in _CONTAINERS:
            _CONTAINERS[kind](self, thing)
        elif kind is types.FunctionType:
            self.function(thing)
        elif kind is types.CellType:
            self.form.append("cell")
            try:
                self.ref(thing.cell_contents)
            except ValueError:
                self.form.append("empty")
        elif kind is types.MethodType:
            self.refs((thing.__self__, thing.__func__))
        elif kind is types.BuiltinMethodType:
            self.form.append(thing.__name__)
            self.ref(thing.__self__)
        elif kind in _ITERATORS:
            self.refs(thing.__reduce__())
        else:
            self.instance(thing)

    def plain_set(self, thing: Any) -> None:
        if not all(type(one) in (bool, int, str, bytes, float, type(None)) for one in thing):
            raise Unclear
        self.form.append(frozenset((type(one), one) for one in thing))

    def mapping(self, thing: Any) -> None:
        self.form.append(len(thing))
        for key, value in thing.items():
            self.ref(key)
            self.ref(value)
        if isinstance(thing, defaultdict):
            self.ref(thing.default_factory)

    def queue(self, thing: Any) -> None:
        self.form.append(thing.maxlen)
        self.refs(list(thing))

    def function(self, thing: Any) -> None:
        for name in thing.__code__.co_freevars:
            for frame in self.frames:
                # Whether a cell is this frame's own or one of an earlier call cannot be seen.
                code = frame.f_code
                if name in code.co_cellvars and self.recorder.entries.get(code, 0) > 1:
                    raise Unclear
        self.single(thing.__code__)
        self.single(thing.__globals__)
        self.ref(thing.__defaults__)
        self.ref(thing.__kwdefaults__)
        self.refs(thing.__closure__ or ())
        self.mapping(thing.__dict__)

    def value(self, thing: Any) -> None:
        self.form += [
            thing.requires, thing.inference, thing.index, thing.view_kind, thing.storage is None,
        ]  # fmt: skip
        if type(thing.array) is np.ndarray:
            number = self.array(thing.array)
            if number is not None:
                self.held.append((thing, number))
        else:
            self.ref(thing.array)
        self.ref(thing.base)
        self.made_by(thing.node)
        self.ref(None if thing.cell is None else thing.cell.grad)
        if thing.leaf is not None and (thing.leaf.hooks is not None or thing.leaf.keep is not None):
            raise Unclear
        mark = self.seen[id(thing)]
        if thing.base is not None:
            self.times.append((thing.view_seen, ("view", mark)))
            self.timed.append((thing.view_seen, thing, "view_seen"))
        self.storage(thing.storage)
        own = getattr(thing, "__dict__", {})
        for name in sorted(own.keys() - _FIELDS):
            self.form.append(name)
            self.ref(own[name])

    def made_by(self, node: Any) -> None:
        """Put down the node of a tensor."""
        made = node is not None and node.seq > self.recorder.glance
        if made:
            self.nodes.append(node)
        if not self.brief or node is None or isinstance(node, AccumulateGrad):
            self.ref(node)
        elif made:
            self.form += ["made", node.seq - self.recorder.glance, id(node.plan)]
        else:
            self.single(node)

    def storage(self, storage: Any) -> None:
        """Put down which values share a count of writes, and when the last one was."""
        if storage is None:
            return
        first = id(storage) not in self.seen
        mark = self.seen.setdefault(id(storage), len(self.seen))
        self.kept.append(storage)
        self.form += ["storage", mark]
        if first:
            self.times.append((storage.written, ("written", mark)))
            self.timed.append((storage.written, storage, "written"))

    def node(self, node: Any) -> None:
        if node.hooks is not None or node.unpack is not None or self.brief:
            raise Unclear
        if isinstance(node, AccumulateGrad):
            leaf = node.leaf()
            if node.keep is not None:
                raise Unclear
            self.form.append(node.state)
            self.ref(leaf)
            if leaf is None:
                self.ref(node.cell)
            return
        if type(node) is not Node or getattr(node, "__dict__", {}).get("_metadata"):
            raise Unclear
        self.times.append((node.seq, ("node", self.seen[id(node)])))
        self.timed.append((node.seq, node, "seq"))
        self.single(node.plan)
        self.form += [node.outputs, node.freed is None, node.saved is None]
        for part in (node.indices, node.shapes, node.like, node.edges):
            self.ref(part)
        self.form.append(len(node.saved or ()))
        for place, one in enumerate(node.saved or ()):
            number = self.array(one) if type(one) is np.ndarray else self.ref(one)
            if number is not None:
                self.saved.append((node, place, number))
        for storage in node.storages or ():
            self.storage(storage)

    def instance(self, thing: Any) -> None:
        """Put down an object of a class of the program's: its attributes are all that it has."""
        for kind in type(thing).__mro__:
            if kind is object:
                continue
            if not kind.__flags__ & _HEAP or module_of(kind).startswith(_HIDING):
                raise Unclear
            for name, member in vars(kind).items():
                if is_c_of(member, kind):
                    raise Unclear
                if isinstance(member, types.MemberDescriptorType):
                    self.form.append(name)
                    if hasattr(thing, name):
                        self.ref(getattr(thing, name))
                elif isinstance(member, types.GetSetDescriptorType) and name not in _USUAL:
                    raise Unclear
        self.single(type(thing))
        self.mapping(vars(thing) if hasattr(thing, "__dict__") else {})


_CONTAINERS: dict[type, Any] = {
    list: Walk.refs, dict: Walk.mapping, OrderedDict: Walk.mapping,
    defaultdict: Walk.mapping, set: Walk.plain_set, deque: Walk.queue,
}  # fmt: skip
_HEAP = 1 << 9  # a class that Python code made, or one of C's, since Python 3.12 nearly all
_OF_C = (types.WrapperDescriptorType, types.MethodDescriptorType, types.ClassMethodDescriptorType)
_HIDING = ("retrograd._core", "retrograd.tensor", "retrograd.generator", "retrograd.compiler")
_USUAL = ("__dict__", "__weakref__")


def is_c_of(member: Any, kind: type) -> bool:
    """Say whether a class has this as its own and in C, so that its objects may hide something."""
    if isinstance(member, _OF_C):
        return member.__objclass__ is kind
    return isinstance(member, types.BuiltinFunctionType) and member.__self__ is kind


def is_free(thing: Any) -> bool:
    """Say whether something is a built-in function that is nobody's method."""
    return type(thing) is types.BuiltinFunctionType and isinstance(thing.__self__, types.ModuleType)


def note_owners(recorder: Any) -> None:
    """Note whose memory the tensors from outside have that are known by now."""
    for one in recorder.known.values():
        owner = owner_of(one.array)
        recorder.owners[id(owner)] = owner


def address(array: Any) -> int:
    found: int = array.__array_interface__["data"][0]
    return found
