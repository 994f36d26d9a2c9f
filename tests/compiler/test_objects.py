"""Objects of the program as arguments: trees, batches, and what changes in them."""

from __future__ import annotations

import collections
import dataclasses
import functools

import pytest

import retrograd as rg
from retrograd.compiler import CompiledFunction

from .running import plain

Pair = collections.namedtuple("Pair", "x scale")


@dataclasses.dataclass
class Batch:
    x: rg.Tensor
    scale: float = 2.0
    names: tuple = ("a",)


class Node:
    def __init__(self, value=None, children=(), parent=None):
        self.value = value
        self.children = list(children)
        self.parent = parent
        for one in self.children:
            one.parent = self

    @property
    def is_leaf(self):
        return not self.children


WEIGHT = rg.ones(3, requires_grad=True)


def encode(node):
    if node.is_leaf:
        return (node.value * WEIGHT).tanh()
    return sum(encode(one) for one in node.children) * 0.5


def tree(*shape):
    return Node(rg.randn(3)) if not shape else Node(None, [tree(*one) for one in shape])


def records(function, calls, monkeypatch):
    """Call compiled and eagerly; return how many of the calls were recorded."""
    count = [0]
    run = CompiledFunction.run

    def counting(self, *args):
        count[0] += 1
        return run(self, *args)

    monkeypatch.setattr(CompiledFunction, "run", counting)
    compiled = CompiledFunction(function)
    found = []
    for make in calls:
        before = count[0]
        given = make()
        WEIGHT.grad = None
        wanted = function(given)
        if wanted.requires_grad:
            wanted.sum().backward()
        slope, WEIGHT.grad = plain(WEIGHT.grad), None
        result = compiled(given)
        if result.requires_grad:
            result.sum().backward()
        assert plain(result) == plain(wanted)
        assert plain(WEIGHT.grad) == slope
        found.append(count[0] - before)
    assert not any(segment.eager for segment in compiled.segments()), compiled.source
    return found


def test_trees_are_recorded_once_for_each_shape(monkeypatch):
    shapes = [((), ()), ((), ((), ())), (((), ()), ((), ())), ((), ())]
    calls = [lambda s=s: tree(*s) for _ in range(3) for s in shapes]
    assert records(encode, calls, monkeypatch) == [1, 1, 1] + [0] * 9


def ordered(x, scale):
    return collections.OrderedDict(x=x, s=scale)


@pytest.mark.parametrize("make", [Pair, Batch, ordered])
def test_batches(make, monkeypatch):
    def function(batch):
        x, scale = tuple(batch.values()) if isinstance(batch, dict) else (batch.x, batch.scale)
        return (x * WEIGHT * scale).exp()

    calls = [lambda s=s: make(rg.randn(3), s) for s in (2.0, 2.0, 3.0, 2.0, 3.0)]
    assert records(function, calls, monkeypatch) == [1, 0, 1, 0, 0]


def test_one_object_whose_contents_change(monkeypatch):
    batch = Batch(rg.ones(3))

    def change(**settings):
        def make():
            vars(batch).update(settings)
            return batch

        return make

    calls = [change(), change(x=rg.zeros(3)), change(scale=3.0), change(x=rg.ones(3)),
             change(x=rg.ones(1)), change(names=("a", "b")), change(x=rg.ones(3))]  # fmt: skip

    def function(batch):
        return batch.x * batch.scale * len(batch.names) * WEIGHT

    assert records(function, calls, monkeypatch) == [1, 0, 1, 0, 1, 1, 1]


def test_one_tensor_in_two_places(monkeypatch):
    def shared():
        leaf = Node(rg.randn(3))
        return Node(None, [leaf, leaf])

    calls = [lambda: tree((), ()), shared, shared, lambda: tree((), ())]
    assert records(encode, calls, monkeypatch) == [1, 1, 0, 0]


def test_writing_into_an_argument_is_an_effect():
    def function(batch):
        batch.scale = batch.scale + 1
        return batch.x * batch.scale

    compiled = CompiledFunction(function)
    with pytest.warns(UserWarning, match="it is assigned to on a Batch"):
        for scale in (1.0, 2.0, 1.0):
            batch = Batch(rg.ones(3), scale)
            assert compiled(batch).tolist() == [scale + 1] * 3
            assert batch.scale == scale + 1


def test_deep_and_round_objects(monkeypatch):
    def chain():
        node = Node(rg.randn(3))
        for _ in range(400):
            node = Node(None, [node])
        return node

    def depth(node):
        count = 0
        while not node.is_leaf:
            node = node.children[0]
            count += 1
        return node.value * count

    compiled = CompiledFunction(depth)
    for _ in range(3):
        given = chain()
        assert plain(compiled(given)) == plain(depth(given))


class Found:
    rate = 2

    def __init__(self, held, extra):
        self.held = held
        self.extra = extra

    def scaled(self):
        return self.held * self.rate + self.extra["given"]


@pytest.mark.parametrize("kind", ["object", "dataclass"])
def test_results_that_the_caller_changes(kind):
    """Objects made in the call are no guards, though methods of theirs ran and read them."""

    def function(x):
        if kind == "object":
            made = Found(x, {"given": x})
            made.extra = {"given": x, "scaled": made.scaled()}
        else:
            made = Batch(x * 2)
            made.scale, made.names = made.scale * 2, {"x": made.x, "given": x}
        return made

    def calls(called):
        for _ in range(4):
            made = called(rg.randn(3))
            assert set(vars(made)) <= {"held", "extra", "x", "scale", "names"}
            for name in vars(made):
                setattr(made, name, None)

    compiled = CompiledFunction(function)
    calls(compiled)
    assert len(list(compiled.segments())) == 1
    assert not compiled.eager and not next(compiled.segments()).eager


def test_what_made_objects_lead_to_is_guarded(monkeypatch):
    """What only an object made in the call leads to, and the class of such an object."""

    @functools.lru_cache
    def limits():
        return Found(rg.ones(2), {"bound": 1.5})

    class Holder:
        def __init__(self):
            self.limits = limits()

        def of(self, x):
            return x * self.limits.extra["bound"]

    def function(x):
        return Holder().of(x) + Found(x, {"given": 0}).scaled()

    limits()
    compiled = CompiledFunction(function)
    x = rg.ones(2)
    assert [compiled(x).tolist() for _ in range(2)] == [[3.5, 3.5]] * 2
    limits().extra["bound"] = 2.5
    assert compiled(x).tolist() == [4.5, 4.5]
    monkeypatch.setattr(Found, "rate", 3)
    assert compiled(x).tolist() == [5.5, 5.5]
    monkeypatch.setattr(Holder, "of", lambda self, x: x)
    assert compiled(x).tolist() == [4, 4]
