"""Buffers: memory that is used again never shows in what a program keeps."""

from __future__ import annotations

import threading

import numpy as np
import pytest

import retrograd as torch
from retrograd.compiler import CompiledFunction, explain, lower_next


def lowered(function, *args):
    compiled = CompiledFunction(function)
    compiled(*args)
    for _ in range(4):  # every way that these arguments go
        lower_next(compiled)
        compiled(*args)
    return compiled


def chain(x):
    a = torch.tanh(x) * 2
    b = (a + 1) * (a - 1)
    return (b * b).exp().sum(0)


def test_results_of_earlier_calls_stay():
    x = torch.randn(4, 3)
    compiled = lowered(chain, x)
    xs = [torch.randn(4, 3) for _ in range(5)]
    results = [compiled(one) for one in xs]
    for one, result in zip(xs, results, strict=True):
        assert torch.equal(result, chain(one))


def test_buffers_are_fewer_than_results():
    report = explain(lowered(chain, torch.randn(50, 50)))
    before, after = report.memory
    assert report.lowered == 1
    assert after < before / 2


def test_views_of_results_stay():
    def halves(x):
        y = (torch.tanh(x) + 1) * 3
        return y[0]

    x = torch.randn(2, 3)
    compiled = lowered(halves, x)
    first = compiled(x)
    kept = first.clone()
    compiled(x * 2)
    assert torch.equal(first, kept)


def test_gradients_of_earlier_steps_stay():
    w = torch.ones(3, requires_grad=True)

    def step(x):
        w.grad = None
        ((w * x).tanh() * 2).sum().backward()

    x = torch.randn(3)
    compiled = lowered(step, x)
    compiled(x)
    first = w.grad
    kept = first.clone()
    compiled(x * 3)
    assert w.grad is not first
    assert torch.equal(first, kept)


def test_two_graphs_of_one_function_live_side_by_side():
    w = torch.randn(3, requires_grad=True)

    def function(x):
        return ((w * x).tanh() * (w + 1)).exp()

    x = torch.randn(3)
    compiled = lowered(function, x)
    ones, others = compiled(x), compiled(x * 2)
    found = torch.autograd.grad(ones.sum(), w)[0], torch.autograd.grad(others.sum(), w)[0]
    want = [torch.autograd.grad(function(x * k).sum(), w)[0] for k in (1, 2)]
    for one, other in zip(found, want, strict=True):
        assert torch.equal(one, other)


def test_a_parameter_that_gets_another_array():
    w = torch.randn(3, 3)

    def function(x):
        return (x @ w.T).tanh() + 1

    x = torch.randn(2, 3)
    compiled = lowered(function, x)
    w.data = torch.randn(3, 3)
    assert torch.equal(compiled(x), function(x))
    assert torch.equal(compiled(x), function(x))


def test_an_error_midway_leaves_what_eager_leaves():
    w = torch.ones(3, requires_grad=True)
    classes = torch.randn(3, 4)

    def step(x, target):
        w.grad = None
        y = (torch.tanh(x * w) * 2 + 1) @ classes
        counted.add_(1)
        loss = torch.nn.functional.cross_entropy(y, target)
        loss.backward()
        counted.add_(1)
        return loss

    counted = torch.zeros(1)
    x, target = torch.randn(2, 3), torch.tensor([1, 3])
    compiled = lowered(step, x, target)
    for function in (step, compiled):
        counted.zero_()
        function(x, target)
        with pytest.raises(IndexError, match="Target 9 is out of bounds"):
            function(x, torch.tensor([1, 9]))
        assert counted.item() == 3
        assert w.grad is None
    assert torch.equal(compiled(x, target), step(x, target))


def test_a_kernel_goes_another_way_than_on_the_example():
    def loss(x, target):
        return torch.nn.functional.cross_entropy(x, target, ignore_index=2) * 2

    x = torch.randn(3, 4)
    compiled = lowered(loss, x, torch.tensor([0, 1, 3]))
    for target in ([0, 2, 1], [2, 2, 1], [0, 1, 1], [2, 1, 0], [0, 0, 2], [2, 1, 1]):
        given = torch.tensor(target)
        assert torch.equal(compiled(x, given), loss(x, given))


def test_a_call_during_a_call_runs_eagerly():
    x = torch.randn(4, 3)
    compiled = lowered(chain, x)
    with compiled.lock:  # as a step of the replay that calls the function again finds it
        assert torch.equal(compiled(x * 2), chain(x * 2))


def test_threads():
    x = torch.randn(20, 20)
    compiled = lowered(chain, x)
    wrong = []

    def work(number):
        for k in range(50):
            given = x * (number + k / 50)
            if not torch.equal(compiled(given), chain(given)):
                wrong.append((number, k))

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_layouts_other_than_rows_first():
    def function(x):
        return (x.t() * 2 + 1).tanh().sum(0) + (x.t() - 1).exp().sum(0)

    x = torch.randn(3, 4)
    compiled = lowered(function, x)
    assert np.array_equal(compiled(x).numpy(), function(x).numpy())
