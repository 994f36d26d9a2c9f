"""Errors, threads, recursion and copies: the state is always the one that eager would leave."""

from __future__ import annotations

import copy
import pickle
import threading
import warnings

import pytest

import retrograd as rg
from retrograd.compiler import CompiledFunction

from .running import plain


def test_a_replay_that_raises_leaves_the_state_of_eager():
    def make():
        rg.manual_seed(0)
        w = rg.ones(2, 2, requires_grad=True)
        total = rg.zeros(2, 2)
        optimizer = rg.optim.SGD([w], lr=0.1, momentum=0.9)

        def step(x):
            optimizer.zero_grad()
            (w * x + rg.rand(2, 2)).sum().backward()
            total.add_(x)
            optimizer.step()
            total.mul_(2)
            inverse = rg.linalg.inv(x)
            total.sub_(1)
            return inverse

        return step, w, total

    def run(compiled):
        step, w, total = make()
        function = CompiledFunction(step) if compiled else step
        seen = []
        for x in (rg.eye(2), rg.eye(2), rg.zeros(2, 2), rg.eye(2) * 3, rg.zeros(2, 2)):
            try:
                seen.append(plain(function(x)))
            except RuntimeError as error:
                seen.append((type(error).__name__, str(error)))
            seen.append(plain([w, total, w.grad, rg.get_rng_state()]))
        return seen

    assert run(True) == run(False)


def test_exceptions_while_recording_leave_no_broken_record():
    def function(x):
        y = x * 2
        if y.sum() > 10:
            raise ValueError("large")
        return y

    compiled = CompiledFunction(function)
    for _ in range(2):
        for k in (5.0, 1.0, 6.0, 1.5):
            x = rg.full((3,), k)
            if k > 4:
                with pytest.raises(ValueError, match="large"):
                    compiled(x)
            else:
                assert compiled(x).tolist() == [2 * k] * 3
    assert not compiled.eager


def test_keyboard_interrupt_in_a_replay():
    stop = []

    class Interrupting(rg.optim.SGD):
        def step(self, closure=None):
            if stop:
                raise KeyboardInterrupt
            return super().step(closure)

    w = rg.ones(2, requires_grad=True)
    optimizer = Interrupting([w], lr=1.0)

    @rg.compile
    def step(x):
        optimizer.zero_grad()
        (w * x).sum().backward()
        optimizer.step()

    step(rg.ones(2))
    step(rg.ones(2))
    stop.append(1)
    with pytest.raises(KeyboardInterrupt):
        step(rg.ones(2))
    assert w.grad.tolist() == [1, 1]
    stop.clear()
    step(rg.ones(2))
    assert w.tolist() == [-2, -2]


def test_fullgraph_raises_with_the_reason():
    log = []

    @rg.compile(fullgraph=True)
    def function(x):
        log.append(1)
        return x * 2

    with pytest.raises(RuntimeError, match=r"fullgraph=True.*append\(\) is called"):
        function(rg.ones(2))


def test_two_threads_at_once():
    w = rg.ones(3)

    @rg.compile
    def function(x):
        y = (x * w).exp()
        if y.sum() > 10:
            y = y / y.sum()
        return y.cumsum(0)

    wrong = []

    def work(seed):
        generator = rg.Generator().manual_seed(seed)
        for _ in range(200):
            x = rg.randn(3, generator=generator) * 2
            if plain(function(x)) != plain(function.function(x)):
                wrong.append(seed)

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(4)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert not wrong


def test_recursion():
    @rg.compile
    def halve(x):
        return x if x.sum() < 1 else halve(x / 2)

    @rg.compile
    def outer(x):
        return halve(x) + halve(x + 1)

    for _ in range(3):
        for k in (0.1, 1.0, 5.0, 9.0):
            x = rg.full((2,), k)
            assert plain(halve(x)) == plain(halve.function(x))
            assert plain(outer(x)) == plain(outer.function(x))


def test_state_dict_copies_and_pickles_of_modules():
    model = rg.nn.Sequential(rg.nn.Linear(2, 3), rg.nn.ReLU())
    compiled = rg.compile(model)
    x = rg.ones(4, 2)
    assert list(compiled.state_dict()) == ["_orig_mod.0.weight", "_orig_mod.0.bias"]
    assert plain(compiled(x)) == plain(model(x))
    other = copy.deepcopy(compiled)
    with rg.no_grad():
        other._orig_mod[0].weight.zero_()
        other._orig_mod[0].bias.fill_(2.0)
    for _ in range(3):
        assert other(x).tolist() == [[2.0] * 3] * 4
        assert plain(compiled(x)) == plain(model(x))
    again = pickle.loads(pickle.dumps(compiled))
    assert plain(again(x)) == plain(model(x))
    model.load_state_dict({k.removeprefix("_orig_mod."): v
                           for k, v in other.state_dict().items()})  # fmt: skip
    assert compiled(x).tolist() == [[2.0] * 3] * 4


def test_disable_reset_and_is_compiling():
    seen = []

    @rg.compiler.disable
    def aside(x):
        seen.append(rg.compiler.is_compiling())
        return x + 1

    @rg.compile
    def function(x):
        return aside(x * 2) * 3

    for _ in range(3):
        assert function(rg.ones(1)).item() == 9
    assert seen == [False] * 3
    assert "disable" in next(function.segments()).eager

    flags = rg.compile(lambda x: x * (2 if rg.compiler.is_compiling() else 1))
    assert not rg.compiler.is_compiling()
    flags(rg.ones(1))
    assert list(flags.segments())
    rg.compiler.reset()
    assert not list(flags.segments())


def test_methods():
    class Scale:
        def __init__(self, factor):
            self.factor = factor

        @rg.compile
        def apply(self, x):
            return x * self.factor

    one, other = Scale(2.0), Scale(3.0)
    for _ in range(3):
        assert one.apply(rg.ones(1)).item() == one.factor
        assert other.apply(rg.ones(1)).item() == 3
        one.factor += 1


def test_arguments_of_compile():
    with pytest.raises(RuntimeError, match="Unrecognized mode=fast, should be one of: default"):
        rg.compile(lambda x: x, mode="fast")
    with pytest.raises(RuntimeError, match="Either mode or options can be specified"):
        rg.compile(lambda x: x, mode="default", options={})
    plain_function = lambda x: x  # noqa: E731
    assert rg.compile(plain_function, disable=True) is plain_function
    assert rg.compile(mode="default", dynamic=True)(plain_function)(rg.ones(1)).item() == 1


@pytest.mark.parametrize("name", ["script", "trace"])
def test_jit_is_compile(name):
    model = rg.nn.Linear(2, 2)
    with pytest.warns(UserWarning, match=f"torch.jit.{name} is an alias of torch.compile"):
        compiled = getattr(rg.jit, name)(model, rg.ones(1, 2))
    assert plain(compiled(rg.ones(1, 2))) == plain(model(rg.ones(1, 2)))
    assert not rg.jit.is_scripting()


def test_a_loss_that_has_gone_backward_may_be_returned():
    w = rg.ones(2, requires_grad=True)

    @rg.compile
    def step(x):
        w.grad = None
        loss = (w * x).exp().sum()
        loss.backward()
        return loss

    for k in range(3):
        loss = step(rg.full((2,), float(k)))
        assert loss.requires_grad
        assert w.grad.tolist() == (rg.full((2,), float(k)) * rg.full((2,), float(k)).exp()).tolist()
        with pytest.raises(RuntimeError, match="backward through the graph a second time"):
            loss.backward()
    assert not any(segment.eager for segment in step.segments())


def test_an_unfinished_record_is_not_replayed():
    calls = []

    class Odd:
        def __init__(self):
            calls.append(1)
            if len(calls) == 1:
                raise TypeError("first")

    def function(x):
        Odd()
        return x * 2

    compiled = CompiledFunction(function)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with pytest.raises(TypeError):
            compiled(rg.ones(1))
        for _ in range(3):
            assert compiled(rg.ones(1)).item() == 2
    assert len(calls) == 4
