"""Classes that are made in functions: what their methods read, and the methods themselves."""

from __future__ import annotations

import pytest

import retrograd as torch
from retrograd import nn
from retrograd.compiler import CompiledFunction


def programs(kind):
    """Return programs of one factor, and what sets that; no code names what reads it."""
    table, factor = {"factor": 2.0}, 2.0

    def times(x):
        return x * (table["factor"] if kind == "table" else factor)

    class Net(nn.Module):
        def forward(self, x):
            return x * (table["factor"] if kind == "table" else factor)

    class Times(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x * (table["factor"] if kind == "table" else factor)

        @staticmethod
        def backward(ctx, g):
            return g * (table["factor"] if kind == "table" else factor)

    class Operator:
        def __call__(this, x):
            return times(x)

        def __add__(self, x):
            return x * (table["factor"] if kind == "table" else factor)

        def __getitem__(self, x):
            return x * (table["factor"] if kind == "table" else factor)

        @property
        def factor(self):
            return table["factor"] if kind == "table" else factor

    def set_factor(value):
        nonlocal factor
        factor = table["factor"] = value

    net, operator = Net(), Operator()
    return set_factor, {
        "module": lambda x: net(x),
        "compiled module": net,
        "autograd function": lambda x: Times.apply(x),
        "called": lambda x: operator(x),
        "added": lambda x: operator + x,
        "indexed": lambda x: operator[x],
        "property": lambda x: x * operator.factor,
        "made and called": lambda x: Operator()(x),
        "made and added": lambda x: Operator() + x,
        "made, property": lambda x: x * Operator().factor,
    }


@pytest.mark.parametrize("kind", ["table", "variable"])
@pytest.mark.parametrize("name", list(programs("table")[1]))
def test_variables_around_a_class(name, kind):
    set_factor, found = programs(kind)
    compiled = CompiledFunction(found[name])
    x = torch.ones(2, requires_grad=True)
    for value in (2.0, 2.0, 3.0, 3.0, 2.0, 4.0):
        set_factor(value)
        x.grad = None
        y = compiled(x)
        y.sum().backward()
        assert y.tolist() == x.grad.tolist() == [value] * 2


def test_a_record_holds_where_nothing_changed():
    _, found = programs("table")
    for function in found.values():
        compiled = CompiledFunction(function)
        for _ in range(3):
            compiled(torch.ones(2))
        assert len(list(compiled.segments())) == 1
        assert not compiled.eager and not next(compiled.segments()).eager


@pytest.mark.parametrize("name", ["__add__", "__call__", "__getitem__", "__lt__"])
@pytest.mark.parametrize("where", ["outside", "made", "inherited"])
def test_operators_that_are_replaced(name, where):
    class Operator:
        pass

    class Inheriting(Operator):
        pass

    uses = {
        "__add__": lambda one, x: one + x, "__call__": lambda one, x: one(x),
        "__getitem__": lambda one, x: one[x], "__lt__": lambda one, x: one < x,
    }  # fmt: skip
    setattr(Operator, name, lambda self, x: x * 2)
    kind = Inheriting if where == "inherited" else Operator
    outside = kind()
    compiled = CompiledFunction(
        lambda x: uses[name](kind() if where == "made" else outside, x) * 1.0
    )
    x = torch.ones(2)
    for owner in (Operator, Operator, kind):
        for _ in range(2):
            wanted = (uses[name](kind(), x) * 1.0).tolist()
            assert compiled(x).tolist() == wanted
        before = getattr(owner, name)
        setattr(owner, name, lambda this, x, before=before: before(this, x) + 1)
    assert compiled(x).tolist() == [5, 5]


def test_a_forward_that_is_replaced():
    class Times(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x * 2

        @staticmethod
        def backward(ctx, g):
            return g * 2

    compiled = CompiledFunction(lambda x: Times.apply(x))
    x = torch.ones(2)
    assert [compiled(x).tolist() for _ in range(2)] == [[2, 2]] * 2
    Times.forward = staticmethod(lambda ctx, x: x * 3)
    assert compiled(x).tolist() == [3, 3]
