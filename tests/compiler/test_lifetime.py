"""Threads, memory, and what compiling may cost."""

from __future__ import annotations

import gc
import threading
import weakref

import numpy as np
import pytest

import retrograd as rg
from retrograd.compiler import CompiledFunction
from retrograd.compiler.budget import FREE_TRIES, Account, Budget, key_weight, weight_of

X = rg.tensor([1.0, 2.0])


# -- threads ---------------------------------------------------------------------------------------


def in_threads(*functions):
    """Call functions at the same time; return what each returned."""
    found = [None] * len(functions)
    start = threading.Barrier(len(functions))

    def run(place, function):
        start.wait()
        try:
            found[place] = function()
        except Exception as error:
            found[place] = error

    threads = [threading.Thread(target=run, args=one) for one in enumerate(functions)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    return found


def test_recorded_in_a_thread_and_replayed_in_another():
    compiled = CompiledFunction(lambda x: (x * 2).sum())
    assert in_threads(lambda: compiled(X).item()) == [6.0]
    assert in_threads(lambda: compiled(X + 1).item(), lambda: compiled(X + 2).item()) == [10, 14]
    assert compiled(X).item() == 6
    assert len(list(compiled.segments())) == 1


def test_two_threads_at_once_get_what_is_theirs():
    weight = rg.tensor([[2.0, 0.0], [0.0, 3.0]], requires_grad=True)

    def function(x):
        y = (x @ weight).tanh()
        return y * y

    compiled = CompiledFunction(function)

    def many(k):
        def run():
            wrong = 0
            for n in range(200):
                x = rg.full((3, 2), (k + n) / 100.0)
                wrong += not rg.equal(compiled(x), function(x))
            return wrong

        return run

    assert in_threads(*[many(k) for k in range(4)]) == [0, 0, 0, 0]
    rg.compiler.lower_next(compiled)
    assert in_threads(*[many(k) for k in range(4)]) == [0, 0, 0, 0]


def test_gradients_in_two_threads():
    def function(x):
        return (x.exp() * x).sum()

    compiled = CompiledFunction(function)

    def run():
        found = []
        for n in range(50):
            x = rg.tensor([float(n) / 50, 1.0], requires_grad=True)
            compiled(x).backward()
            y = x.detach().clone().requires_grad_()
            function(y).backward()
            found.append(rg.equal(x.grad, y.grad))
        return all(found)

    assert in_threads(run, run, run) == [True, True, True]


def test_a_call_that_finds_the_function_busy_is_eager_and_later_ones_are_replayed():
    calls = []

    class Noting(rg.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x * 2

    compiled = CompiledFunction(Noting.apply)
    replay = compiled.replay
    compiled.replay = lambda *args: calls.append("replay") or replay(*args)
    compiled(X)
    with compiled.lock:  # as another thread does
        for _ in range(3):
            assert in_threads(lambda: compiled(X).tolist()) == [[2, 4]]
    assert not calls
    for _ in range(3):
        assert in_threads(lambda: compiled(X).tolist()) == [[2, 4]]
    assert len(calls) == 3
    assert not compiled.lock.locked()


def test_modes_are_the_threads_own():
    compiled = CompiledFunction(lambda x: x * 2)
    w = rg.ones(2, requires_grad=True)
    for _ in range(3):
        assert compiled(w).requires_grad
        with rg.no_grad():
            assert not compiled(w).requires_grad
            assert in_threads(lambda: compiled(w).requires_grad) == [True]


# -- memory ----------------------------------------------------------------------------------------


def test_a_compiled_function_and_what_it_captured_are_freed():
    def make():
        weight = rg.ones(3, requires_grad=True)
        net = rg.nn.Linear(3, 3)
        compiled = rg.compile(lambda x: net(x * weight).sum())
        for _ in range(3):
            compiled(rg.ones(3)).backward()
        rg.compiler.lower_next(compiled)
        compiled(rg.ones(3)).backward()
        compiled(rg.ones(3)).backward()
        return [weakref.ref(one) for one in (compiled, weight, net, net.weight)]

    left = make()
    gc.collect()
    assert [one() for one in left] == [None] * 4


def test_arguments_are_not_kept():
    compiled = CompiledFunction(lambda x, y: x * y)
    left = []
    for n in range(4):
        x, y = rg.full((2,), float(n)), rg.ones(2)
        left += [weakref.ref(x), weakref.ref(y), weakref.ref(x.array)]
        compiled(x, y)
    del x, y
    gc.collect()
    assert [one() for one in left] == [None] * 12


def test_modules_compiled_in_place_are_freed():
    net = rg.nn.Linear(2, 2)
    net.compile()
    for _ in range(3):
        net(X)
    left = weakref.ref(net)
    del net
    gc.collect()
    assert left() is None


def objects():
    gc.collect()
    return len(gc.get_objects())


def test_calls_leave_nothing_behind():
    net = rg.nn.Sequential(rg.nn.Linear(2, 4), rg.nn.Tanh(), rg.nn.Linear(4, 1))
    optimizer = rg.optim.SGD(net.parameters(), lr=0.01)

    @rg.compile
    def step(x):
        optimizer.zero_grad()
        loss = net(x).square().mean()
        loss.backward()
        optimizer.step()
        return loss

    def run(count):
        for _ in range(count):
            step(rg.ones(5, 2))

    run(300)
    rg.compiler.lower_next(step)
    run(20)
    before = objects()
    run(10_000)
    assert objects() - before < 50


def test_recording_again_leaves_nothing_behind():
    def run(count):
        for n in range(count):
            compiled = rg.compile(lambda x, n=n: x * n)
            compiled(X)
            compiled(X)

    run(20)
    before = objects()
    run(300)
    assert objects() - before < 50


def test_ever_new_values_end_the_growth_of_the_tree():
    compiled = CompiledFunction(lambda x: float(x.sum()))
    for n in range(200):
        assert compiled(rg.full((2,), n / 8)) == n / 4
    count = len(list(compiled.segments()))
    for n in range(200):
        assert compiled(rg.full((2,), n / 8 + 100)) == n / 4 + 200
    assert len(list(compiled.segments())) - count <= 4
    assert count < 40


# -- what it may cost ------------------------------------------------------------------------------


def test_first_tries_are_always_made():
    account = Account()
    for _ in range(FREE_TRIES):
        assert account.may_record()
        account.note_record(1.0, 1)
    assert account.rests and not account.may_record()


def test_a_function_that_waits_may_try_again():
    account = Account()
    for _ in range(FREE_TRIES):
        account.note_record(0.1, 1)
    calls = 0
    while account.rests:
        account.note_eager(0.01)
        calls += 1
        assert calls < 100_000
    behind = account.took - account.calls * 0.01
    assert behind + 0.1 <= 0.05 * 0.01 * (account.calls + account.eager_calls) * (1 + 1e-9)


def test_a_replay_gives_a_try_back():
    account = Account()
    for _ in range(3 * FREE_TRIES):
        account.note_record(1.0, 1)
        account.note_replay(0.1)
        account.rests = False
    assert account.may_record()


def test_replays_that_are_slower_than_eager_calls_end():
    account = Account()
    rested = 0
    for _ in range(400):
        if account.rests:
            account.note_eager(0.01)
            rested += 1
        else:
            account.note_replay(0.02)
    assert rested > 200
    assert not Account().rests


def test_a_function_that_is_ahead_is_timed_no_more():
    account = Account()
    for _ in range(100):
        if account.rests:
            account.note_eager(0.02)
        else:
            account.note_replay(0.01)
    assert not account.timed
    account.note_record(0.1, 1)
    assert account.timed


def test_numbers_that_hardly_come_twice_weigh_more():
    assert weight_of((float, 0.5)) > weight_of((int, 3)) > weight_of((bool, True)) == 1
    numbers = [(None, "float32", (kind, value)) for kind, value in ((int, 1), (int, 2))]
    assert key_weight(numbers[1], numbers[0]) > key_weight(numbers[0], None) == 1
    assert key_weight((None, 1, (str, "a")), (None, 1, (str, "b"))) == 1


def test_lowering_waits_for_the_process(monkeypatch):
    budget = Budget()
    monkeypatch.setattr(budget, "began", budget.began - 1000)
    assert budget.allows(10) and not budget.allows(100)
    budget.spent += 40
    assert not budget.allows(10)


def test_a_function_with_effects_on_what_it_reads_is_not_recorded_for_ever():
    seen = []

    def function(x):
        seen.append(len(seen))
        return x * 2

    compiled = CompiledFunction(function)
    with pytest.warns(UserWarning, match=r"append\(\) is called on a list"):
        for _ in range(50):
            compiled(X)
    assert seen == list(range(50))
    assert compiled.account.records <= 5
    assert "recordings took" in str(rg.compiler.explain(compiled))


def test_advice_where_a_number_decides():
    compiled = CompiledFunction(lambda x: int(x.sum()))
    for n in range(40):
        compiled.account = Account()
        assert compiled(np.float32(n) * X) == 3 * n
    reasons = "\n".join(rg.compiler.explain(compiled).eager)
    assert "different values were seen at one place; where a number is only returned" in reasons
    assert "t.item() needs no branch" in reasons
