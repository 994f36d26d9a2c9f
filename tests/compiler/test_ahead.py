"""Long loops in the call that records them: most turns are replayed, and nobody can tell."""

from __future__ import annotations

import sys
import warnings

import pytest

import retrograd as rg
from retrograd.compiler import CompiledFunction, ahead
from retrograd.compiler.recorder import Recorder
from retrograd.compiler.states import Walk

from .loops import compare_loops, outcome
from .running import plain


@pytest.fixture
def made(monkeypatch):
    """Count the calls that recorders make, and the states that are taken."""
    found = {"calls": 0, "states": 0}
    call, walk = Recorder._call, Walk.all

    def counted_call(self, *args):
        found["calls"] += 1
        return call(self, *args)

    def counted_walk(self):
        found["states"] += 1
        return walk(self)

    monkeypatch.setattr(Recorder, "_call", counted_call)
    monkeypatch.setattr(Walk, "all", counted_walk)
    return found


@pytest.fixture
def put(monkeypatch):
    """List how many turns were replayed ahead whenever a program goes on behind them."""
    found = []
    real = ahead.Ahead._put

    def noted(self, *args):
        found.append(self.ran_ahead)
        return real(self, *args)

    monkeypatch.setattr(ahead.Ahead, "_put", noted)
    return found


def first_calls(function, *inputs):
    """Compare what eager and new compiled functions do with inputs; return the last of these."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for given in inputs:
            compiled = CompiledFunction(function)
            for turn in range(3):
                mine, other = given(), given()
                rg.manual_seed(turn)
                expected = plain([outcome(function, mine), rg.rand(2)])
                rg.manual_seed(turn)
                assert plain([outcome(compiled, other), rg.rand(2)]) == expected
                assert plain(mine) == plain(other)
    return compiled


def test_most_turns_are_not_watched(made):
    def down(x):
        while x > 0:
            x = x - 1
        return x

    compiled = CompiledFunction(down)
    assert compiled(rg.tensor(1000.0)).item() == 0
    assert made["calls"] < 30
    assert made["states"] < 8
    assert len(list(compiled.segments())) == 4
    first_calls(down, *[lambda n=n: (rg.tensor(float(n)),) for n in range(12)])


def test_counters_are_not_watched_either(made):
    def down(x):
        turns, share = 0, 1.0
        while x > 0:
            x = x - 1
            turns += 1
            share = share * 0.5
        return x, turns, share

    compiled = CompiledFunction(down)
    assert compiled(rg.tensor(1000.0))[1:] == (1000, 0.5**1000)
    assert made["calls"] < 30
    assert made["states"] < 10


def test_a_loop_that_ends_takes_no_state(made):
    def down(x):
        while x > 0:
            x = x - 1
        return x

    CompiledFunction(down)(rg.tensor(2.0))
    assert made["states"] == (3 if sys.version_info >= (3, 11) else 2)


def test_what_the_loop_leaves_is_eagers(put):
    def mixed(x):
        kept = [x * 1, {"turn": x}]
        y, k = x * 2, 0
        front = y[:1]
        while (y.sum() > 1 or k < 7) and k < 40:
            y, front = y * 0.8, y[1:]
            front.mul_(0.9)
            kept = [y, {"turn": kept[0]}]
            k += 1
            if (y > 3).any():
                y = y - rg.rand(3)
        return y, front * 1, kept[0], kept[1]["turn"], k, y is kept[0]

    inputs = [lambda v=v: (rg.tensor([v, 2.0, 0.5]),) for v in (0.1, 30.0, 1e4, 1e7)]
    compiled = first_calls(mixed, *inputs)
    assert rg.compiler.explain(compiled).loops
    assert len(put) >= 3


def test_nested_loops(made):
    def nested(t, u):
        while t.sum() > 1:
            v = u
            while v.sum() > 0.5:
                v = v * 0.95
            t = t - v * 0.1
        return t, v

    compiled = CompiledFunction(nested)
    args = rg.full((2,), 9.0), rg.full((2,), 50.0)
    assert plain(compiled(*args)) == plain(nested(*args))
    assert made["calls"] < 1500  # of some 30000
    first_calls(nested, *[lambda v=v: (rg.full((2,), v), rg.full((2,), 5.0)) for v in (1.0, 3.0)])


@pytest.mark.parametrize("kind", ["SGD", "momentum", "Adam"])
def test_training_in_a_loop(kind, put):
    x = rg.randn(8, 3, generator=rg.Generator().manual_seed(1))
    y = x.sum(1, keepdim=True)
    found = []
    for compiling in (False, True):
        rg.manual_seed(0)
        model = rg.nn.Linear(3, 1)
        optimizer = {
            "SGD": lambda p: rg.optim.SGD(p, lr=0.05),
            "momentum": lambda p: rg.optim.SGD(p, lr=0.02, momentum=0.5),
            "Adam": lambda p: rg.optim.Adam(p, lr=0.05),
        }[kind](model.parameters())

        def fit(bound, model=model, optimizer=optimizer):
            loss = rg.nn.functional.mse_loss(model(x), y)
            turns = 0
            while loss > bound:
                optimizer.zero_grad()
                loss.backward()
                grad = model.weight.grad
                optimizer.step()
                loss = rg.nn.functional.mse_loss(model(x), y)
                turns += 1
            same = grad is model.weight.grad
            optimizer.zero_grad()
            loss.backward()  # of values that the last turn saved
            return turns, same, grad, loss.detach()

        function = CompiledFunction(fit) if compiling else fit
        result = [function(rg.tensor(bound)) for bound in (0.05, 0.001)]
        result += model.parameters()
        result += [p.grad for p in model.parameters()]
        result += [value for held in optimizer.state.values() for value in held.values()]
        found.append(plain(result))
    assert found[0] == found[1]
    assert put[-1] > 10
    assert rg.compiler.explain(function).loops


def test_gradients_of_carried_tensors(made):
    def descend(x, turns):
        while turns > 0:
            x = x.detach().requires_grad_()
            (slope,) = rg.autograd.grad((x * x * x).sum(), x)
            x = x.detach() - 0.001 * slope
            turns = turns - 1
        return x, slope

    compiled = CompiledFunction(descend)
    args = rg.ones(3), rg.tensor(300.0)
    assert plain(compiled(*args)) == plain(descend(*args))
    assert made["calls"] < 150


def test_an_error_in_a_later_turn(put):
    kept = rg.zeros(2)

    def walk(x, rate):
        turns = 0
        try:
            while x.sum() > 0:
                x = x - rate * rg.eye(2)
                kept.add_(rg.rand(2))
                root = rg.linalg.cholesky(x)
                turns += 1
        except rg.linalg.LinAlgError:
            return x, turns
        return root, turns

    for rate in (0.01, 0.03, 0.06, 0.2):
        states = []
        for function in (walk, CompiledFunction(walk)):
            kept.zero_()
            rg.manual_seed(0)
            given = rg.eye(2) + 0.2, rg.tensor(rate)
            states.append(plain([outcome(function, given), kept, rg.rand(2)]))
        assert states[0] == states[1]
    assert len(put) == 4


def effects():
    held, box, module = [], {"last": None}, rg.nn.Module()
    module.register_buffer("last", rg.zeros(2))

    def appended(x):
        while x.sum() > 1:
            x = x * 0.9
            held.append(x)
        return len(held), held[-1] * 1

    def stored(x):
        while x.sum() > 1:
            x = x * 0.9
            box["last"] = x
        return box["last"] * 1

    def assigned(x):
        while x.sum() > 1:
            x = x * 0.9
            module.last = x
        return module.last * 1

    def counted(x):
        while x.sum() > 1:
            x = x * 0.9
            box["count"] = box.get("count", 0) + 1
        return x, box["count"]

    def late(x):
        turns = 0
        while x.sum() > 1:
            x = x * 0.9
            turns += 1
            if turns == 20:
                box["last"] = x
        return x, box["last"] * 1

    def clear():
        held.clear()
        box.clear()
        box["last"] = rg.zeros(2)
        module.last = rg.zeros(2)

    return (appended, stored, assigned, counted, late), clear


@pytest.mark.parametrize("which", range(5))
def test_effects_end_it(which):
    functions, clear = effects()
    function = functions[which]
    compiled = CompiledFunction(function)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for value in (30.0, 9.0, 50.0):
            clear()
            expected = plain(function(rg.tensor([value, 1.0])))
            clear()
            assert plain(compiled(rg.tensor([value, 1.0]))) == expected


def test_arrays_that_something_else_holds():
    """A float that was read, in a list: it is no tensor's."""

    def read(x):
        seen = [0.0, x]
        while x.sum() > 1:
            x = x * 0.9
            seen = [x.sum().item(), seen[1]]
        return x, seen[0]

    first_calls(read, lambda: (rg.tensor([9.0, 1.0]),))


def test_writes_into_tensors_from_outside_and_views_of_them(put):
    kept = rg.zeros(4)
    weight = rg.nn.Parameter(rg.ones(4))

    def walk(x):
        front = kept[:2]
        loss = (weight * x).sum()
        while loss > 0.1:
            with rg.no_grad():
                weight.mul_(0.9)
            kept.add_(1)
            front = kept[1:3]
            loss = (weight * x).sum()
        front.add_(1)
        loss.backward()
        return front * 1, loss.detach()

    found = []
    for function in (walk, CompiledFunction(walk)):
        with rg.no_grad():
            weight.fill_(1)
        weight.grad = None
        kept.zero_()
        result = [function(rg.full((4,), 2.0)), kept, weight, weight.grad]
        found.append(plain(result))
    assert found[0] == found[1]
    assert put


@pytest.mark.parametrize("block", range(4))
def test_random_loops(block):
    for seed in range(500 + block * 5, 505 + block * 5):
        difference, text, _ = compare_loops(seed)
        assert not difference, f"{text}\nseed {seed}: {difference}"
