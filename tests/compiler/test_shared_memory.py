"""Tensors from outside that share memory when a function is recorded, or come to share it."""

from __future__ import annotations

import pytest

import retrograd as torch
from retrograd.compiler import CompiledFunction, explain, warming


def told(make, compiled):
    """Return what calls of a program return and leave, with its changes in between."""
    function, changes, see = make()
    called = CompiledFunction(function) if compiled else function
    found = []
    for change in changes:
        change()
        for _ in range(2):
            results = called(torch.arange(2.0))
            found.append([one.tolist() for one in (*results, *see())])
    return found, called


def agree(make, monkeypatch):
    monkeypatch.setattr(warming, "PATIENCE", 0)
    wanted, _ = told(make, False)
    found, compiled = told(make, True)
    assert found == wanted
    return compiled


def nothing():
    pass


def test_detached_self_of_a_parameter(monkeypatch):
    """Its `.data` is another's memory then; the detached tensor keeps the old one."""

    def make():
        w = torch.nn.Parameter(torch.ones(2))
        view = w.detach()

        def give():
            w.data = torch.full((2,), 7.0)

        def give_to_the_view():
            view.data = torch.full((2,), 9.0)

        def function(x):
            return x * w.detach(), view * 1

        changes = [nothing, lambda: w.data.mul_(2), give, lambda: view.fill_(3), give_to_the_view]
        return function, changes, lambda: (w, view)

    assert not explain(agree(make, monkeypatch)).eager


def test_memory_that_is_written_and_read_by_the_other_name(monkeypatch):
    def make():
        memory = torch.zeros(2)
        view = memory.detach()

        def give():
            memory.data = torch.full((2,), 10.0)

        def function(x):
            memory.add_(x)
            return view * 1, memory * 2

        return function, [nothing, give], lambda: (memory, view)

    agree(make, monkeypatch)


@pytest.mark.parametrize("part", [slice(None), slice(1, 3)])
def test_memory_that_comes_to_be_shared(part, monkeypatch):
    """What was computed once for two places is computed twice, with a write between."""

    def make():
        a, b, apart = torch.ones(4), torch.zeros(4)[part], torch.zeros(4)[part]

        def share():
            b.data = a.data[part]

        def part_again():
            b.data = apart.data

        def function(x):
            first = a * 2
            b.add_(x[1])
            return first, a * 2

        return function, [nothing, nothing, share, part_again], lambda: (a, b)

    agree(make, monkeypatch)


@pytest.mark.parametrize("detached", [False, True])
@pytest.mark.parametrize("grad_first", [False, True])
def test_grads_with_another_name(grad_first, detached, monkeypatch):
    def make():
        w = torch.ones(2, requires_grad=True)
        w.grad = torch.zeros(2)
        kept = w.grad.detach() if detached else w.grad

        def renew():
            w.grad = torch.zeros(2)

        def put_back():
            w.grad = kept

        def function(x):
            before = None if grad_first else kept * 1
            (w * x).sum().backward()
            after = w.grad * 2
            return kept * 1 if before is None else before, after, kept * 3

        return function, [nothing, nothing, renew, renew, put_back], lambda: (w.grad, kept)

    agree(make, monkeypatch)
