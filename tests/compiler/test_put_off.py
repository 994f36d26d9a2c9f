"""Long functions in a process that has just started: recording them waits until it costs little."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

import retrograd as torch
from retrograd.compiler import warming
from retrograd.compiler.budget import budget, recording


@pytest.fixture
def hurried(monkeypatch):
    """A process that can afford nothing: what is long is put off after ten steps."""
    monkeypatch.setattr(warming, "LONG", 10)
    monkeypatch.setattr(budget, "spent", 1e9)
    return monkeypatch


def long(x):
    for _ in range(12):
        x = x * 1.5 - 0.25
    return x


def training(optimizer, compiled):
    """Return a training step, and what it changes."""
    torch.manual_seed(3)
    model = torch.nn.Sequential(
        torch.nn.Linear(3, 4), torch.nn.Dropout(0.25), torch.nn.Tanh(), torch.nn.Linear(4, 2)
    )
    stepper = getattr(torch.optim, optimizer)(model.parameters(), lr=0.1)
    data = torch.arange(12.0).reshape(4, 3) / 7

    def step():
        stepper.zero_grad()
        loss = (model(data) ** 2).mean()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 0.5)
        stepper.step()
        return loss

    return (torch.compile(step) if compiled else step), model, stepper


def held(model, stepper):
    arrays = [one.detach().numpy().copy() for one in model.parameters()]
    arrays += [one.grad.numpy().copy() for one in model.parameters()]
    for state in stepper.state_dict()["state"].values():
        arrays += [np.array(one) for one in state.values()]
    return [*arrays, torch.get_rng_state().numpy()]


@pytest.mark.parametrize("optimizer", ["SGD", "Adam", "Adagrad"])
def test_a_step_may_be_put_off_anywhere(hurried, optimizer):
    count = 1
    while True:
        hurried.setattr(warming, "LONG", count)
        eager, *mine = training(optimizer, False)
        compiled, *other = training(optimizer, True)
        for turn in range(4):
            state = torch.get_rng_state()
            first = eager()
            torch.set_rng_state(state)
            assert compiled().item() == first.item()
            assert all(map(np.array_equal, held(*mine), held(*other)))
            if turn == 1:
                compiled.account.hurry()
        assert compiled.graph  # the third call was recorded
        if not compiled.account.eager_calls:
            break  # the first was
        count += 1
    assert count > 30


def test_it_is_recorded_when_that_costs_little(hurried):
    compiled = torch.compile(long)
    for _ in range(40):
        assert torch.equal(compiled(torch.ones(2)), long(torch.ones(2)))
    assert not compiled.trees[next(iter(compiled.trees))]
    assert "put off" in compiled.account.describe()
    hurried.setattr(budget, "spent", -1e9)
    for _ in range(40):
        assert torch.equal(compiled(torch.ones(2)), long(torch.ones(2)))
    assert len(compiled.graph) == 24 and not compiled.account.describe()


def test_what_it_will_cost_is_known_from_how_long_the_call_was(hurried):
    """Not from how long it took, which may have been the products of matrices."""
    compiled = torch.compile(long)
    compiled(torch.ones(2))
    assert compiled.account.put_off == pytest.approx(recording(24), rel=0.2)


def test_the_call_after_a_question_is_recorded(hurried):
    for ask in (
        torch.compiler.explain, torch.compiler.lower_next, lambda f: f.graph, lambda f: f.source
    ):  # fmt: skip
        compiled = torch.compile(long)
        compiled(torch.ones(2))
        assert "put off" in compiled.account.describe()
        ask(compiled)
        compiled(torch.ones(2))
        assert len(compiled.graph) == 24


def test_explain_says_so(hurried):
    compiled = torch.compile(long)
    compiled(torch.ones(2))
    assert "put off" in str(torch.compiler.explain(compiled))


def test_small_functions_are_recorded_in_the_first_call(hurried):
    compiled = torch.compile(lambda x: x * 2 + 1)
    compiled(torch.ones(2))
    assert len(compiled.graph) == 2


def test_where_one_record_is_asked_for_it_is_made(hurried):
    compiled = torch.compile(long, fullgraph=True)
    compiled(torch.ones(2))
    assert len(compiled.graph) == 24


def test_other_arguments_of_a_recorded_function_are_recorded_at_once(hurried):
    compiled = torch.compile(lambda x: x * 2 if x.dim() == 1 else long(x))
    compiled(torch.ones(2))
    compiled(torch.ones(2, 2))
    assert len(compiled.graph) == 25


def test_effects_are_told_when_it_is_recorded(hurried, capsys):
    def function(x):
        x = long(x)
        print("here")
        return x

    compiled = torch.compile(function)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        compiled(torch.ones(2))
    compiled.account.hurry()
    with pytest.warns(UserWarning, match="print"):
        compiled(torch.ones(2))
    compiled(torch.ones(2))
    assert capsys.readouterr().out == "here\n" * 3


def test_what_raises_behind_the_place_raises(hurried):
    def function(x):
        return long(x) @ torch.ones(3, 3)

    compiled = torch.compile(function)
    for _ in range(2):
        with pytest.raises(RuntimeError, match="mat1 and mat2"):
            compiled(torch.ones(2, 2))
        compiled.account.hurry()


def test_inner_functions_are_not_recorded_by_themselves(hurried):
    inner = torch.compile(lambda x: x + 1)
    compiled = torch.compile(lambda x: inner(long(x)))
    compiled(torch.ones(2))
    assert not list(inner.segments())


def test_numbers_that_were_read_let_it_go_on(hurried):
    compiled = torch.compile(lambda x: long(x * x.sum().item()))
    compiled(torch.ones(2))
    assert len(compiled.graph) > 24


def test_the_budget_counts_what_was_thrown_away(hurried):
    before = budget.spent
    torch.compile(long)(torch.ones(2))
    assert budget.spent > before
