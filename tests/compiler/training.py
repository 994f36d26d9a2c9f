"""Small trainings, eager and compiled, and what compares them to the bit."""

from __future__ import annotations

import retrograd as rg


class Training:
    """A model, its optimizer, and a step: as it is, or compiled."""

    def __init__(self, compiled, optimizer="Adam", settings=None, make=None, body=None):
        rg.manual_seed(3)
        self.model = rg.nn.Sequential(rg.nn.Linear(3, 4), rg.nn.Tanh(), rg.nn.Linear(4, 2))
        params = self.model.parameters()
        if optimizer == "Muon":
            params = [one for one in params if one.ndim == 2]
        made = getattr(rg.optim, optimizer) if isinstance(optimizer, str) else optimizer
        self.optimizer = made(params, **(settings or {})) if make is None else make(self.model)
        self.x, self.y = rg.randn(5, 3), rg.randn(5, 2)
        model, chosen, x, y = self.model, self.optimizer, self.x, self.y

        def step():
            chosen.zero_grad()
            loss = rg.nn.functional.mse_loss(model(x), y)
            loss.backward()
            chosen.step()
            return loss

        step = step if body is None else body(self)
        self.compiled = compiled
        self.step = rg.compile(step) if compiled else step

    def replay_fast(self):
        if self.compiled:
            rg.compiler.lower_next(self.step)


def bits(value):
    array = value.detach().numpy()
    return array.dtype, array.shape, array.tobytes()


def compare(one, other):
    """Fail unless two trainings are in one state, to the bit."""
    for p, q in zip(one.model.parameters(), other.model.parameters(), strict=True):
        assert bits(p) == bits(q)
        assert (p.grad is None) == (q.grad is None)
        if p.grad is not None:
            assert bits(p.grad) == bits(q.grad)
    compare_optimizers(one.optimizer, other.optimizer)


def compare_optimizers(one, other):
    mine, theirs = one.state_dict(), other.state_dict()
    assert mine["param_groups"] == theirs["param_groups"]
    # Sorted: after `state.clear()` an eager step goes over gathered parameters first.
    assert sorted(mine["state"]) == sorted(theirs["state"])
    for key, entry in mine["state"].items():
        assert list(entry) == list(theirs["state"][key])
        for name, value in entry.items():
            expected = theirs["state"][key][name]
            assert type(value) is type(expected)
            if isinstance(value, rg.Tensor):
                assert bits(value) == bits(expected), name
            else:
                assert value == expected


def pair(*args, **settings):
    return Training(True, *args, **settings), Training(False, *args, **settings)


def run(ours, eager, count, lower_at=4):
    for number in range(count):
        if number == lower_at:
            ours.replay_fast()
        assert bits(ours.step()) == bits(eager.step())
        compare(ours, eager)


def opened(step):
    """Say whether a compiled function's steps of an optimizer are open."""
    return "begin()" in step.source
