"""Bad input and bad moments: what a compiled function leaves behind is what eager leaves."""

from __future__ import annotations

import asyncio
import cProfile
import multiprocessing
import pickle
import sys
import threading
import warnings

import pytest

import retrograd as rg
from retrograd._core.tracing import tracing
from retrograd.compiler import CompiledFunction

from .running import plain


@pytest.fixture(autouse=True)
def nothing_left_on():
    before = sys.gettrace(), sys.getprofile()
    yield
    assert (sys.gettrace(), sys.getprofile()) == before
    assert tracing.count == 0


class Bomb(rg.autograd.Function):
    """Raises in its n-th call, forward or backward."""

    left = -1
    error = ValueError

    @classmethod
    def tick(cls):
        Bomb.left -= 1
        if Bomb.left == -1:
            raise Bomb.error("bomb")

    @staticmethod
    def forward(ctx, x):
        Bomb.tick()
        return x * 1.0

    @staticmethod
    def backward(ctx, g):
        Bomb.tick()
        return g * 1.0


def trained(compiled, place, time, fuse=None):
    """Train for six calls, with a bomb in one; return what can be seen after each."""
    rg.manual_seed(0)
    net = rg.nn.Sequential(rg.nn.Linear(3, 4), rg.nn.Linear(4, 1))
    optimizer = rg.optim.Adam(net.parameters(), lr=0.1)

    def step(x, y):
        optimizer.zero_grad()
        hidden = rg.nn.functional.dropout(Bomb.apply(net[0](x)), 0.3)
        loss = ((net[1](Bomb.apply(hidden.tanh())) - y) ** 2).mean()
        loss.backward()
        with rg.no_grad():
            net[0].bias.mul_(0.9)
        optimizer.step()
        return loss.item()

    function = CompiledFunction(step) if compiled else step
    seen = []
    for call in range(6):
        Bomb.left = place if call == time else -2
        try:
            seen.append(function(rg.full((5, 3), 0.1 * call), rg.ones(5, 1)))
        except BaseException as error:
            seen.append((type(error).__name__, str(error)))
        assert sys.getprofile() is None or fuse
        parameters = list(net.parameters())
        seen.append(plain([parameters, [one.grad for one in parameters], rg.get_rng_state()]))
        seen.append(plain([list(one.values()) for one in optimizer.state.values()]))
    return seen


@pytest.mark.parametrize("error", [KeyboardInterrupt, ValueError, MemoryError, SystemExit])
@pytest.mark.parametrize("place", range(4))
@pytest.mark.parametrize("time", [0, 1, 3])
def test_raising_midway(error, place, time, monkeypatch):
    monkeypatch.setattr(Bomb, "error", error)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert trained(True, place, time) == trained(False, place, time)


@pytest.mark.parametrize("place", range(4))
def test_a_kernel_that_raises_in_a_lowered_replay(place):
    def make():
        rg.manual_seed(0)
        totals = [rg.zeros(2, 2) for _ in range(3)]
        w = rg.ones(2, 2, requires_grad=True)
        optimizer = rg.optim.SGD([w], 0.1, momentum=0.9)

        def step(x, y):
            def check(now):
                return rg.linalg.inv(y) if now == place else None

            totals[0].add_(x)
            noise = rg.rand(2)
            check(0)  # nobody reads its result
            optimizer.zero_grad()
            loss = (w * x + noise).pow(2).sum()
            check(1)
            loss.backward()
            totals[1].mul_(2).add_(w.grad)
            check(2)
            optimizer.step()
            totals[2].copy_(w.detach())
            check(3)
            return loss.detach()

        return step, totals, w, optimizer

    def run(compiled):
        step, totals, w, optimizer = make()
        function = CompiledFunction(step) if compiled else step
        seen = []
        for call in range(10):
            if compiled and call == 4:
                rg.compiler.lower_next(function)
            y = rg.zeros(2, 2) if call in (1, 5, 7, 8) else rg.eye(2)
            try:
                seen.append(plain(function(rg.full((2, 2), float(call)), y)))
            except RuntimeError as error:
                seen.append(str(error))
            seen.append(plain([totals, w, w.grad, rg.get_rng_state()]))
            seen.append(repr(optimizer.state_dict()))
        return seen

    assert run(True) == run(False)


def test_unused_results_that_raise():
    table = rg.arange(6.0).view(3, 2)

    def function(i):
        table[i]
        table.gather(0, i.view(-1, 1))
        return i * 2

    compiled = CompiledFunction(function)
    for call in range(8):
        if call == 3:
            rg.compiler.lower_next(compiled)
        assert compiled(rg.tensor([0, 2])).tolist() == [0, 4]
        with pytest.raises((IndexError, RuntimeError)):
            compiled(rg.tensor([0, 7]))


def test_too_deep_recursion():
    def deep(x, count):
        return x if count == 0 else deep(x * 1.0, count - 1)

    compiled = CompiledFunction(lambda x: deep(x, 10_000))
    for _ in range(3):
        with pytest.raises(RecursionError):
            compiled(rg.ones(1))
    assert CompiledFunction(deep)(rg.ones(1), 30).item() == 1


def test_warnings_of_the_program():
    def function(x):
        warnings.warn("old", stacklevel=1)
        return x * 2

    compiled = CompiledFunction(function)
    for _ in range(3):
        with pytest.raises(UserWarning, match="old"):
            compiled(rg.ones(1))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for _ in range(3):
            assert compiled(rg.ones(1)).item() == 2
    assert [str(one.message) for one in caught].count("old") == 3


def test_a_profiler_at_the_same_time():
    compiled = CompiledFunction(lambda x: (x * 2).exp() if x.sum() > 0 else x)
    profiler = cProfile.Profile()
    profiler.enable()
    try:
        first = compiled(rg.ones(2))
        # From Python 3.12 on it is no `sys.setprofile`, and both see all.
        assert bool(list(compiled.segments())) is (sys.version_info >= (3, 12))
    finally:
        profiler.disable()
    assert profiler.getstats()
    assert plain(compiled(rg.ones(2))) == plain(first)
    assert list(compiled.segments())
    profiler.enable()
    try:
        assert plain(compiled(rg.ones(2))) == plain(first)
        assert compiled(-rg.ones(2)).tolist() == [-1, -1]
    finally:
        profiler.disable()
    assert compiled(-rg.ones(2)).tolist() == [-1, -1]
    assert not any(segment.eager for segment in compiled.segments())


def test_a_new_way_under_a_debugger_repeats_nothing():
    total = rg.zeros(2)

    def function(x):
        total.add_(1)
        noise = rg.rand(2)
        if x.sum() > 0:
            return total * 2 + noise
        return total * 3 + noise

    compiled = CompiledFunction(function)
    for _ in range(3):
        compiled(rg.ones(2))
    rg.manual_seed(1)
    before = sys.gettrace()
    sys.settrace(lambda frame, event, arg: None)
    try:
        found = compiled(-rg.ones(2))
    finally:
        sys.settrace(before)
    rg.manual_seed(1)
    assert total.tolist() == [4, 4]
    assert plain(found) == plain(total * 3 + rg.rand(2))


def test_inference_mode():
    w = rg.ones(2, requires_grad=True)
    compiled = CompiledFunction(lambda x: x * w)
    for _ in range(4):
        assert compiled(rg.ones(2)).requires_grad
        with rg.no_grad():
            found = compiled(rg.ones(2))
            assert not found.requires_grad
            assert not found.is_inference()
        with rg.inference_mode():
            assert compiled(rg.ones(2)).is_inference()


def test_generators_and_coroutines_run():
    def steps(x):
        for i in range(3):
            yield x * i

    async def later(x):
        return x * 2

    compiled, awaited = CompiledFunction(steps), CompiledFunction(later)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for _ in range(3):
            assert [one.item() for one in compiled(rg.ones(1))] == [0, 1, 2]
            assert asyncio.run(awaited(rg.ones(1))).item() == 2


def test_threads_with_gradients():
    w = rg.ones(3, requires_grad=True)
    compiled = CompiledFunction(lambda x: (x * w).sin().sum())
    wrong = []

    def work(start):
        for call in range(100):
            x = rg.full((3,), float(start + call), requires_grad=True)
            (found,) = rg.autograd.grad(compiled(x), x)
            (wanted,) = rg.autograd.grad(compiled.function(x), x)
            if plain(found) != plain(wanted):
                wrong.append(start)

    threads = [threading.Thread(target=work, args=(start,)) for start in range(4)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert not wrong


def triple(x):
    return x * 3


def child(queue, function):
    queue.put([function(rg.full((3,), float(k))).tolist() for k in range(4)])
    queue.put(function(rg.ones(2)).tolist())


@pytest.mark.skipif(not hasattr(__import__("os"), "fork"), reason="this system does not fork")
def test_forked_processes():
    compiled = CompiledFunction(triple)
    for _ in range(3):
        compiled(rg.ones(3))
    context = multiprocessing.get_context("fork")
    queue = context.Queue()
    process = context.Process(target=child, args=(queue, compiled))
    process.start()
    assert queue.get(timeout=60) == [[3.0 * k] * 3 for k in range(4)]
    assert queue.get(timeout=60) == [3, 3]
    process.join()


def test_pickled_functions():
    compiled = CompiledFunction(triple)
    compiled(rg.ones(1))
    again = pickle.loads(pickle.dumps(compiled))
    assert [again(rg.ones(1)).item() for _ in range(3)] == [3] * 3


def test_captured_tensors_that_change():
    holder = {"w": rg.ones(3)}
    compiled = CompiledFunction(lambda x: x * holder["w"])
    for change in (
        lambda w: None, lambda w: setattr(w, "data", rg.ones(2, 3)), lambda w: w.t_(),
        lambda w: setattr(w, "data", rg.ones(3, dtype=rg.float64)), lambda w: w.unsqueeze_(0),
        lambda w: w.requires_grad_(), lambda w: holder.update(w=rg.zeros(3)),
    ):  # fmt: skip
        change(holder["w"])
        for _ in range(3):
            x = rg.rand(1)
            assert plain(compiled(x)) == plain(x * holder["w"])
