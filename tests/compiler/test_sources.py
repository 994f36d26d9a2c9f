"""Arguments and variables that are the same tensor, share memory, or hold another one each time."""

from __future__ import annotations

import numpy as np
import pytest

import retrograd as rg


def filled(value, **settings):
    return rg.full((2,), float(value), **settings)


def test_an_argument_that_the_function_reads_itself():
    w = filled(1)
    f = rg.compile(lambda x: (x * w).sum())
    assert [f(one).item() for one in (w, w, w * 2, w, w * 3)] == [2, 2, 4, 2, 6]
    g = rg.compile(lambda x: (x * w).sum())
    assert [g(one).item() for one in (w * 2, w * 2, w, w * 3)] == [4, 4, 2, 6]


@pytest.mark.parametrize("of", [lambda w: w.detach(), lambda w: w.data, lambda w: w[:]])
def test_an_argument_that_shares_memory_with_what_is_read(of):
    w = filled(1, requires_grad=True)
    f = rg.compile(lambda x: x * w)
    with rg.no_grad():
        found = [f(one).tolist()[0] for one in (of(w), of(w), filled(2), of(w), filled(3))]
    assert found == [1, 1, 2, 1, 3]


def test_gradients_of_one_tensor_twice():
    w = filled(1, requires_grad=True)

    def function(x):
        (x * w * w).sum().backward()

    compiled = rg.compile(function)
    for given in (filled(2, requires_grad=True), filled(2, requires_grad=True), w, w, filled(3)):
        seen = []
        for call in (function, compiled):
            w.grad = given.grad = None
            call(given)
            seen.append([None if one.grad is None else one.grad.tolist() for one in (w, given)])
        assert seen[0] == seen[1]


def test_written_through_another_name():
    whole = rg.zeros(2, 2)

    def function(x):
        return x.add_(1) + whole

    compiled = rg.compile(function)
    for row in (None, None, 0, 1, 0, None):
        seen = []
        for call in (function, compiled):
            whole.copy_(rg.arange(4.0).reshape(2, 2))
            given = rg.ones(2) if row is None else whole[row]
            seen.append((call(given).tolist(), whole.tolist()))
        assert seen[0] == seen[1]


def test_arguments_that_share_memory():
    f = rg.compile(lambda a, b: a * b)
    x = filled(1)
    assert [f(x, x.detach()).tolist()[0] for _ in range(2)] == [1, 1]
    assert f(filled(2), filled(3)).tolist() == [6, 6]
    g = rg.compile(lambda a, b: a.mul_(2) + b)
    rows = rg.ones(3, 2)
    assert g(rows[0], rows[1]).tolist() == [3, 3]
    assert g(rows[1], rows[2]).tolist() == [3, 3]
    assert g(rows[2], rows[2]).tolist() == [4, 4]


@pytest.mark.parametrize("second", [lambda x: x, lambda x: x.detach()], ids=["same", "detached"])
def test_a_new_way_with_one_argument_in_two_places(second):
    def function(a, b):
        t = a * 1
        b.add_(1)
        return t.sin() if t.sum() > 0 else t.cos()

    compiled = rg.compile(function)
    for value in (1, 1, -5, -5):
        seen = []
        for call in (function, compiled):
            x = filled(value)
            seen.append((call(x, second(x)).tolist(), x.tolist()))
        assert seen[0] == seen[1]


class Held:
    """Holds a batch."""


HELD = Held()
X = Y = filled(0)


def test_variables_that_hold_other_tensors(records):
    """As at a notebook's top level: the loop binds what the step reads."""
    global X, Y
    w = rg.nn.Parameter(rg.ones(2))
    local = filled(0)

    @rg.compile
    def step():
        loss = (X * w * HELD.batch - Y * local).sum()
        loss.backward()
        return loss

    def wanted():
        return (X * w * HELD.batch - Y * local).sum().item(), (X * HELD.batch).tolist()

    for turn in range(6):
        X, Y, HELD.batch, local = (filled(turn + one) for one in range(4))
        w.grad = None
        assert (step().item(), w.grad.tolist()) == wanted()
        HELD.log = turn
    assert len(records) == 2
    X = rg.tensor(3.0)  # of another shape
    w.grad = None
    assert step().item() == wanted()[0]
    X = Y
    w.grad = None
    assert (step().item(), w.grad.tolist()) == wanted()
    X = np.float32(2)
    assert step().item() == wanted()[0]


def test_a_variable_that_is_compared_with_another():
    global X, Y
    Y = filled(1)

    @rg.compile
    def function(x):
        return x + (1 if X is Y else 2)

    for X in (Y, Y, filled(1), filled(2), Y, filled(1)):
        assert function(rg.zeros(1)).item() == (1 if X is Y else 2)


@pytest.mark.parametrize(
    "function",
    [lambda x, w, d: x * d - w, lambda x, w, d: x * w - d, lambda x, w, d: d * x * w * w],
)
def test_a_leaf_and_its_detached_self_are_both_read(function):
    w = rg.tensor([2.0, 3.0], requires_grad=True)
    detached = w.detach()
    compiled = rg.compile(lambda x: function(x, w, detached))
    function(filled(1), w, detached).sum().backward()
    wanted, w.grad = w.grad.tolist(), None
    for _ in range(4):
        compiled(filled(1)).sum().backward()
        assert w.grad.tolist() == wanted
        w.grad = None
