"""States of random streams, and checkpoints, which put them back: replayed as draws are."""

from __future__ import annotations

import warnings

import pytest

import retrograd as rg
from retrograd.compiler import CompiledFunction, lower_next
from retrograd.utils.checkpoint import checkpoint, checkpoint_sequential

from .running import plain

F = rg.nn.functional
STREAM = rg.Generator()
LAYER = rg.nn.Linear(3, 3)
NORM = rg.nn.BatchNorm1d(3)
LAYERS = rg.nn.Sequential(LAYER, rg.nn.Tanh(), rg.nn.Dropout(0.5), rg.nn.Linear(3, 3))


def put_back(x, p):
    state = rg.get_rng_state()
    first = rg.rand(2)
    rg.set_rng_state(state)
    return first, rg.rand(2), state


def seeded(x, p):
    rg.manual_seed(3)
    STREAM.manual_seed(4)
    return rg.rand(2) + rg.randn(2, generator=STREAM)


def kept(x, p):
    return checkpoint(lambda a: (a * p).sin() * a.exp(), x, use_reentrant=False)


def dropped(x, p):
    return checkpoint(lambda a: F.dropout((a * p).sin(), 0.5) * p, x, use_reentrant=False)


def drawn_anew(x, p):
    return checkpoint(
        lambda a: F.dropout(a * p, 0.5) * p, x, use_reentrant=False, preserve_rng_state=False
    )


def reentrant(x, p):
    return checkpoint(lambda a: F.dropout((a * p).sin(), 0.5) * p, x * p, use_reentrant=True)


def counted(x, p):
    return checkpoint(lambda a: NORM(a * p).sin(), x, use_reentrant=False)


def sequence(x, p):
    return checkpoint_sequential(LAYERS, 2, x * p, use_reentrant=False)


def stacked(x, p):
    for _ in range(3):
        x = checkpoint(lambda a: LAYER(a).tanh(), x, use_reentrant=False)
    return x


def nested(x, p):
    def outer(a):
        return checkpoint(lambda b: (b * p).sin(), a * p, use_reentrant=False).exp()

    return checkpoint(outer, x, use_reentrant=False)


def branching(x, p):
    return checkpoint(lambda a: a.sin() * p if a.sum() > 2 else a * p, x, use_reentrant=False)


def run(called, compiled):
    """Call a function five times; return all that was seen."""
    rg.manual_seed(0)
    STREAM.manual_seed(1)
    NORM.reset_running_stats()
    p = rg.tensor([1.0, 2.0, 3.0], requires_grad=True)
    for one in (*LAYERS.parameters(), *NORM.parameters()):
        one.grad = None
    said = []
    for number in range(5):
        if compiled and number == 3:
            lower_next(called)
        result = called(rg.tensor([[1.0, 0.5 * number, -1.0], [2.0, -3.0, number]]), p)
        one = result[0] if isinstance(result, tuple) else result
        if one.requires_grad:
            one.sum().backward()
        grads = [one.grad for one in (p, *LAYERS.parameters(), *NORM.parameters())]
        said.append(plain([result, grads, list(NORM.buffers()), rg.rand(1)]))
    return said


def reasons(compiled):
    return [segment.eager for segment in compiled.segments() if segment.eager]


@pytest.mark.parametrize("function", [put_back, seeded], ids=lambda one: one.__name__)
def test_states_of_streams(function):
    compiled = CompiledFunction(function)
    assert run(compiled, True) == run(function, False)
    assert not reasons(compiled)


CHECKPOINTED = [
    kept, dropped, drawn_anew, reentrant, counted, sequence, stacked, nested, branching
]  # fmt: skip


@pytest.mark.parametrize("function", CHECKPOINTED, ids=lambda one: one.__name__)
def test_checkpoints_whose_backward_is_inside(function):
    def step(x, p):
        loss = function(x, p).pow(2).sum()
        loss.backward()
        return loss.detach()

    compiled = CompiledFunction(step)
    assert run(compiled, True) == run(step, False)
    assert not reasons(compiled)


@pytest.mark.parametrize("function", CHECKPOINTED, ids=lambda one: one.__name__)
def test_checkpoints_whose_backward_is_outside_run_eagerly(function):
    compiled = CompiledFunction(function)
    assert run(compiled, True) == run(function, False)
    assert reasons(compiled)


def test_a_new_stream_runs_eagerly():
    def function(x, p):
        return rg.rand(2, generator=rg.Generator()) + rg.rand(2)

    compiled = CompiledFunction(function)
    assert run(compiled, True) == run(function, False)
    assert "makes a Generator" in reasons(compiled)[0]


CALLS: list = []


class Noting(rg.autograd.Function):
    """Its backward has effects."""

    @staticmethod
    def forward(ctx, x, effect):
        ctx.effect = effect
        return x * 2

    @staticmethod
    def backward(ctx, g):
        if ctx.effect == "draws":
            return g * rg.rand(1), None
        if ctx.effect == "notes":
            CALLS.append(1)
        return g * 2, None


@pytest.mark.parametrize("effect", ["draws", "notes", "none"])
def test_backwards_of_the_program_that_have_effects_run_eagerly(effect):
    def function(x, p):
        return Noting.apply(x * p, effect)

    compiled = CompiledFunction(function)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        ours = run(compiled, True)
    assert ours == run(function, False)
    assert bool(reasons(compiled)) == (effect != "none")
