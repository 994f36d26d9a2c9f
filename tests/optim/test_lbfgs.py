"""LBFGS: trajectories, evaluations, state and complaints like PyTorch's."""

import copy

import numpy as np
import pytest

import retrograd as rg

from ..nn.parity import check_parity
from .twins import converted

SETTINGS = [
    {},
    {"lr": 0.1, "max_iter": 4},
    {"line_search_fn": "strong_wolfe"},
    {"line_search_fn": "strong_wolfe", "lr": 0.3, "max_iter": 5, "history_size": 3},
    {"line_search_fn": "strong_wolfe", "max_eval": 4},
    {"line_search_fn": "strong_wolfe", "max_eval": 1},
    {"line_search_fn": "strong_wolfe", "lr": 100.0},
    {"line_search_fn": "strong_wolfe", "lr": 1e-4},
    {"max_iter": 1, "lr": 0.5},
    {"tolerance_grad": 0.5},
    {"tolerance_change": 0.1, "line_search_fn": "strong_wolfe"},
]


def rosenbrock(t, params):
    x, y = params
    return (100 * (y[:2] - x[:, 0] ** 2) ** 2 + (1 - x[:, 0]) ** 2).sum() + (x[:, 1] ** 4).sum()


def wavy(t, params):
    x, y = params
    return (x.sin() * x * 3).sum() + (x**2).sum() / 5 + (y - x.mean()).cos().exp().sum()


def convex(t, params):
    x, y = params
    return (x * 3 - 1).exp().sum() + (x**2).sum() + ((y - x.sum()) ** 2).sum() + (y**4).sum()


def fit(t, params):
    x, y = params
    inputs = t.linspace(-1, 1, 30, dtype=x.dtype)
    found = t.tanh(inputs[:, None] * x[0] + x[1]) @ y[:2] + y[2]
    return ((found - (3 * inputs).sin()) ** 2).mean()


# For how many evaluations both go the same way: all, where rounding is not magnified.
LOSSES = {"convex": (convex, 1000), "rosenbrock": (rosenbrock, 12), "wavy": (wavy, 8)}
LOSSES["fit"] = (fit, 12)


def _params(t, dtype="float64"):
    x = t.tensor([[-1.2, 1.0], [0.7, 0.3]], dtype=getattr(t, dtype), requires_grad=True)
    y = t.tensor([1.0, -1.0, 0.5], dtype=getattr(t, dtype), requires_grad=True)
    return [x, y]


def _closure(t, optimizer, params, loss, log=None):
    def closure():
        optimizer.zero_grad()
        value = loss(t, params)
        value.backward()
        if log is not None:
            log.append(value.item())
        return value

    return closure


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("settings", SETTINGS, ids=str)
def test_trajectories_like_torch(settings, loss):
    function, compared = LOSSES[loss]

    def program(t, nn):
        params = _params(t)
        optimizer = t.optim.LBFGS(params, **settings)
        log = []
        closure = _closure(t, optimizer, params, function, log)
        # A tiny first step takes long, and then stops by rounding.
        steps = 3 if settings.get("lr") == 1e-4 else 50 // settings.get("max_iter", 10) + 1
        for _ in range(steps):
            optimizer.step(closure)
        log = t.tensor(log[:compared], dtype=t.float64)
        if loss != "convex":
            return log
        # As many evaluations: so the line searches went the same way.
        return log, [p.detach() for p in params], optimizer.state[params[0]]["func_evals"]

    check_parity(program, 1e-6)


@pytest.mark.parametrize("settings", SETTINGS, ids=str)
def test_float32_like_torch(settings):
    def program(t, nn):
        params = _params(t, "float32")
        optimizer = t.optim.LBFGS(params, **settings)
        log = []
        optimizer.step(_closure(t, optimizer, params, convex, log))
        return t.tensor(log[:6], dtype=t.float64)

    check_parity(program, 1e-4)


@pytest.mark.parametrize("settings", SETTINGS, ids=str)
def test_state_like_torch(settings):
    def program(t, nn):
        params = _params(t)
        optimizer = t.optim.LBFGS(params, **settings)
        for _ in range(2):
            optimizer.step(_closure(t, optimizer, params, convex))
        state = optimizer.state_dict()
        entry = state["state"][0]
        entry["type of prev_loss"] = type(entry["prev_loss"])
        entry["prev_loss"] = t.tensor(entry["prev_loss"])
        if isinstance(entry["t"], float):
            entry["t"] = t.tensor(entry["t"])
        return state, optimizer

    check_parity(program, 1e-5)


def test_states_go_both_ways():
    torch = pytest.importorskip("torch")
    made = []
    for t in (rg, torch):
        params = _params(t)
        optimizer = t.optim.LBFGS(params, max_iter=3, line_search_fn="strong_wolfe")
        optimizer.step(_closure(t, optimizer, params, fit))
        made.append((t, params, optimizer))
    states = [converted(o.state_dict(), t, {rg: torch, torch: rg}[t]) for t, _, o in made]
    for (t, params, optimizer), state in zip(made, reversed(states), strict=True):
        optimizer.load_state_dict(state)
        for _ in range(3):
            optimizer.step(_closure(t, optimizer, params, fit))
    for ours, theirs in zip(made[0][1], made[1][1], strict=True):
        np.testing.assert_allclose(ours.detach().numpy(), theirs.detach().numpy(), atol=1e-9)


def test_complex_and_missing_gradients_like_torch():
    def program(t, nn):
        z = t.tensor([1 + 2j, 0.7 - 0.5j], dtype=t.complex128, requires_grad=True)
        unused = t.ones(2, 2, dtype=t.float64, requires_grad=True)
        used = t.ones(2, 3, dtype=t.float64, requires_grad=True)
        params = [z, unused, used]
        optimizer = t.optim.LBFGS(params, line_search_fn="strong_wolfe")

        def loss(t, params):
            return ((z * z - 1).abs() ** 2).sum() + ((used - 3) ** 4).sum()

        for _ in range(2):
            optimizer.step(_closure(t, optimizer, params, loss))
        return [p.detach() for p in params]

    check_parity(program, 1e-6)


COMPLAINTS = {
    "lr below 0": lambda t, p: t.optim.LBFGS(p, lr=-1),
    "two lr": lambda t, p: t.optim.LBFGS(p, lr=t.ones(2)),
    "groups": lambda t, p: t.optim.LBFGS([{"params": p[:1]}, {"params": p[1:]}]),
    "another search": lambda t, p: t.optim.LBFGS(p, line_search_fn="golden").step(
        lambda: _closure(t, t.optim.SGD(p), p, fit)()
    ),
    "no closure": lambda t, p: t.optim.LBFGS(p).step(),
    "text": lambda t, p: t.optim.LBFGS(p),
    "tensor lr": lambda t, p: t.optim.LBFGS(p, lr=t.tensor(0.5)).step(
        lambda: _closure(t, t.optim.SGD(p), p, fit)()
    ),
}


@pytest.mark.parametrize("name", COMPLAINTS)
def test_complaints_like_torch(name):
    check_parity(lambda t, nn: COMPLAINTS[name](t, _params(t)))


def test_a_bowl_takes_one_step():
    w = rg.tensor([3.0, -2.0], dtype=rg.float64, requires_grad=True)
    optimizer = rg.optim.LBFGS([w], line_search_fn="strong_wolfe")
    optimizer.step(_closure(rg, optimizer, [w], lambda t, params: (params[0] ** 2).sum()))
    assert w.tolist() == pytest.approx([0.0, 0.0], abs=1e-9)
    assert optimizer.state[w]["n_iter"] <= 3


def test_the_closure_records_even_under_no_grad():
    w = rg.tensor([3.0], requires_grad=True)
    optimizer = rg.optim.LBFGS([w])
    with rg.no_grad():
        loss = optimizer.step(
            _closure(rg, optimizer, [w], lambda t, params: (params[0] ** 2).sum())
        )
    assert loss.item() == 9.0
    assert abs(w.item()) < 1e-3


def test_copies_go_on():
    w = rg.tensor([3.0, 1.0], requires_grad=True)
    optimizer = rg.optim.LBFGS([w], max_iter=2)
    optimizer.step(_closure(rg, optimizer, [w], lambda t, params: (params[0] ** 4).sum()))
    twin = copy.deepcopy(optimizer)
    (param,) = twin.param_groups[0]["params"]
    for one, p in ((optimizer, w), (twin, param)):
        one.step(_closure(rg, one, [p], lambda t, params: (params[0] ** 4).sum()))
    assert param.tolist() == w.tolist()
