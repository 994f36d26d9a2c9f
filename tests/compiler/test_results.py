"""Results that are objects of the program's: a replay makes a new one each time."""

from __future__ import annotations

import collections
import dataclasses

import pytest

import retrograd as rg
from retrograd.compiler import CompiledFunction, lower_next

from .running import plain

P = rg.tensor([1.0, 2.0, 3.0], requires_grad=True)


@dataclasses.dataclass
class Output:
    loss: object
    logits: object = None
    count: int = 0

    def __post_init__(self):
        self.doubled = self.loss * 2


@dataclasses.dataclass(frozen=True)
class Frozen:
    first: object
    second: object


@dataclasses.dataclass(slots=True)
class Slotted:
    value: object


class Plain:
    def __init__(self, value):
        self.values = [value, value * 2]
        self.number = value.sum().item()


KEPT = Frozen(1, 2)


def with_history(x):
    y = P * x
    return Output(y.sum(), y)


def nested(x):
    return [Output(x * 2, Output(x * 3, x)), {"a": Frozen(x, (1, "b"))}, 3]


def more_attributes(x):
    made = Output(x, x * 1)
    made.extra = x * 5
    made.count += 3
    return made


def local_class(x):
    class Local:
        def __init__(self, value):
            self.value = value

    return Local(x * 2)


def twice(x):
    made = Frozen(x * 1, 2)
    return [made, made]


def in_itself(x):
    made = Plain(x)
    made.own = made
    return made


REPLAYED = {
    "a dataclass": with_history,
    "a frozen one": lambda x: Frozen(x * 2, (x + 1, "a")),
    "an object": lambda x: Plain(x * 2),
    "nested": nested,
    "more attributes": more_attributes,
    "an ordered dictionary": lambda x: collections.OrderedDict(b=x * 2, a=(P * x).sum()),
    "a deque": lambda x: collections.deque([x, x * 2], maxlen=2),
}
EAGER = {
    "with slots": lambda x: Slotted(x * 2),
    "from outside": lambda x: [KEPT, x * 2],
    "of a class of the call's": local_class,
    "twice": twice,
    "in itself": in_itself,
}


def looks(given, seen=()):
    """Return what can be compared of a result."""
    if id(given) in seen:
        return "itself"
    seen = (*seen, id(given))
    name = type(given).__name__
    if isinstance(given, (list, tuple, collections.deque)):
        return [name, getattr(given, "maxlen", None), *[looks(one, seen) for one in given]]
    if isinstance(given, dict):
        return [name, *[(key, looks(one, seen)) for key, one in given.items()]]
    if dataclasses.is_dataclass(given) or hasattr(given, "__dict__"):
        if isinstance(given, rg.Tensor):
            return plain(given)
        names = getattr(type(given), "__slots__", None) or list(vars(given))
        return [name, *[(key, looks(getattr(given, key), seen)) for key in names]]
    return plain(given)


@pytest.mark.parametrize("name", [*REPLAYED, *EAGER])
def test_objects(name):
    function = {**REPLAYED, **EAGER}[name]
    compiled = CompiledFunction(function)
    kept = []
    for number in range(5):
        if number == 3:
            lower_next(compiled)
        x = rg.tensor([1.0, 0.5 * number, -1.0])
        ours, eager = compiled(x), function(x)
        assert looks(ours) == looks(eager)
        if name == "twice":
            assert ours[0] is ours[1]
        kept.append(ours)
    # New ones each time, but for those that the program has.
    first = [one[0] if isinstance(one, list) else one for one in kept]
    assert len(set(map(id, first))) == (1 if name == "from outside" else 5)
    reasons = [segment.eager for segment in compiled.segments() if segment.eager]
    assert bool(reasons) == (name in EAGER), reasons


def test_gradients_of_a_part():
    compiled = CompiledFunction(with_history)
    found = []
    for called in (with_history, compiled):
        for number in range(4):
            P.grad = None
            called(rg.tensor([1.0, 2.0, number])).loss.backward()
            found.append(P.grad.tolist())
    P.grad = None
    assert found[:4] == found[4:]


def test_a_caller_may_change_what_it_got():
    compiled = CompiledFunction(REPLAYED["an object"])
    x = rg.ones(3)
    compiled(x)
    for _ in range(3):
        found = compiled(x)
        assert found.number == 6.0
        assert len(found.values) == 2
        found.number = 7
        found.values.append(1)
