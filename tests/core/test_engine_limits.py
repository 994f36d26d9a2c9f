"""Threads, deep graphs and memory."""

import gc
import os
import threading
import weakref

import numpy as np
import pytest


def leaf(torch, *values):
    return torch.tensor(list(values), requires_grad=True)


# -- threads --


@pytest.mark.parametrize("size", [1, 100_000])
def test_threads_share_leaves(torch, size):
    w = torch.ones(size, requires_grad=True)
    failures = []

    def work():
        try:
            for _ in range(30):
                (w * 2 + w.tanh() * 0).sum().backward()
        except Exception as error:
            failures.append(error)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    assert float(w.grad.min()) == float(w.grad.max()) == 4 * 30 * 2


# -- depth and memory --


def chain(x, length):
    y = x
    for _ in range(length):
        y = y + 1
    return y


def test_a_deep_chain_runs_and_is_freed(torch):
    x = leaf(torch, 1.0)
    y = chain(x, 100_000)
    y.backward()
    assert x.grad.tolist() == [1.0]
    del y


def test_a_deep_chain_is_freed_without_a_backward(torch):
    x = leaf(torch, 1.0)
    y = chain(x * x, 100_000)
    del y


def test_a_deep_chain_of_saved_values():
    import retrograd as torch

    x = torch.tensor([1.0], requires_grad=True)
    y = x
    for _ in range(50_000):
        y = y * y
    reference = weakref.ref(y.grad_fn)
    y.backward()
    del y
    assert reference() is None


def step(torch, w, b):
    x = torch.ones(8, 4)
    h = torch.tanh(x @ w + b)
    loss = ((h - 0.5) ** 2).mean()
    loss.backward()
    with torch.no_grad():
        for p in (w, b):
            p -= 0.1 * p.grad
            p.grad = None


def test_a_step_leaves_nothing_to_the_collector(torch):
    w, b = torch.ones(4, 3, requires_grad=True), torch.zeros(3, requires_grad=True)
    step(torch, w, b)
    gc.collect()
    gc.disable()
    try:
        step(torch, w, b)
        assert gc.collect() == 0
    finally:
        gc.enable()


def resident():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * 4096


@pytest.mark.skipif(not os.path.exists("/proc/self/statm"), reason="needs /proc")
def test_memory_is_flat():
    import retrograd as torch

    w, b = torch.ones(4, 3, requires_grad=True), torch.zeros(3, requires_grad=True)
    gc.collect()
    gc.disable()
    try:
        for _ in range(500):
            step(torch, w, b)
        before = resident()
        for _ in range(10_000):
            step(torch, w, b)
        assert resident() - before < 2_000_000
    finally:
        gc.enable()
    assert np.isfinite(w.detach().numpy()).all()
