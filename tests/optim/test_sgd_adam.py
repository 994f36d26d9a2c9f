"""SGD, Adam and AdamW: trajectories, and what happens when state or gradients change."""

import copy
import math

import numpy as np
import pytest

import retrograd as rg

from .twins import Twins, loaded_from_torch

SETTINGS = [
    ("SGD", {"lr": 0.1}),
    ("SGD", {"lr": 0.1, "momentum": 0.9}),
    ("SGD", {"lr": 0.1, "momentum": 0.9, "nesterov": True}),
    ("SGD", {"lr": 0.1, "momentum": 0.9, "dampening": 0.3}),
    ("SGD", {"lr": 0.1, "weight_decay": 0.1}),
    ("SGD", {"lr": 0.1, "weight_decay": 0.1, "momentum": 0.5, "maximize": True}),
    ("Adam", {"lr": 0.1}),
    ("Adam", {"lr": 0.1, "amsgrad": True}),
    ("Adam", {"lr": 0.1, "weight_decay": 0.1}),
    ("Adam", {"lr": 0.1, "maximize": True}),
    ("Adam", {"lr": 0.01, "betas": (0.3, 0.9), "eps": 1e-3}),
    ("Adam", {"lr": 0.1, "betas": (0.0, 0.9), "weight_decay": 0.1, "amsgrad": True}),
    ("Adam", {"lr": 0.1, "weight_decay": 0.1, "decoupled_weight_decay": True}),
    ("AdamW", {"lr": 0.1}),
    ("AdamW", {"lr": 0.1, "amsgrad": True, "weight_decay": 0.2, "maximize": True}),
    ("AdamW", {"lr": 0.01, "betas": (0.3, 0.9), "eps": 1e-3}),
]
SHORT = [SETTINGS[0], SETTINGS[1], SETTINGS[6], SETTINGS[13]]

MISSING = {
    "none": None,
    "some": lambda param, step: (param * 7 + step) % 5 == 0,
    "alternately": lambda param, step: param % 2 == step % 2,
    "from a step on": lambda param, step: param == 2 and step > 10,
    "until a step": lambda param, step: param in (0, 3) and step < 10,
    "always": lambda param, step: param == 1,
}


@pytest.mark.parametrize("missing", MISSING)
@pytest.mark.parametrize(("name", "settings"), SETTINGS)
def test_trajectory_like_torch(name, settings, missing):
    Twins(name, settings).run(missing=MISSING[missing]).check()


@pytest.mark.parametrize(("name", "settings"), SHORT)
def test_groups_like_torch(name, settings):
    Twins(name, settings, grouped=True).run().check()


@pytest.mark.parametrize(("name", "settings"), SETTINGS)
def test_float32_like_torch(name, settings):
    Twins(name, settings, dtype=np.float32).run(20).check(2e-5)


@pytest.mark.parametrize(("name", "settings"), SHORT)
def test_complex_like_torch(name, settings):
    Twins(name, settings, dtype=np.complex128, shapes=[(3, 2), (4,)]).run(10).check()


def _lower_rates(twins, step):
    def change(optimizer, params):
        for group in optimizer.param_groups:
            group["lr"] *= 0.9

    twins.change(change)


def _clear_state(twins, step):
    def change(optimizer, params):
        if step == 20:
            optimizer.state.clear()
        if step == 30:
            del optimizer.state[params[1]]
        if step == 33:
            optimizer.state[params[2]] = {}

    twins.change(change)


def _zero_state(twins, step):
    def change(optimizer, params):
        if step == 20:
            for value in optimizer.state[params[0]].values():
                value.zero_()

    twins.change(change)


def _replace_state(twins, step):
    def change(optimizer, params):
        if step == 20:
            entry = optimizer.state[params[0]]
            for name in entry:
                if name != "step":
                    entry[name] = entry[name].clone() + 1

    twins.change(change)


def _replace_data(twins, step):
    def change(optimizer, params):
        if step == 20:
            params[0].data = params[0].data * 2

    twins.change(change)


def _freeze(twins, step):
    def change(optimizer, params):
        if step == 20:
            optimizer.param_groups[0]["params"] = optimizer.param_groups[0]["params"][:4]

    twins.change(change)


def _other_setting(twins, step):
    def change(optimizer, params):
        if step == 20:
            group = optimizer.param_groups[0]
            group["momentum" if "momentum" in group else "eps"] = 0.5

    twins.change(change)


def _load_from_torch(twins, step):
    if step == 20:
        twins.optimizer.load_state_dict(loaded_from_torch(twins.oracle.state_dict()))
    if step == 30:
        twins.optimizer.load_state_dict(copy.deepcopy(twins.optimizer.state_dict()))


BETWEEN = [
    _lower_rates,
    _clear_state,
    _zero_state,
    _replace_state,
    _replace_data,
    _freeze,
    _other_setting,
    _load_from_torch,
]


@pytest.mark.parametrize("between", BETWEEN)
@pytest.mark.parametrize(("name", "settings"), SHORT)
def test_changes_between_steps_like_torch(name, settings, between):
    stateless = name == "SGD" and "momentum" not in settings
    if stateless and between in (_clear_state, _zero_state, _replace_state):
        pytest.skip("there is no state to change")
    Twins(name, settings).run(between=between).check(state=between is not _freeze)
    Twins(name, settings).run(between=between, missing=MISSING["some"]).check(
        state=between is not _freeze
    )


def test_sgd_by_hand():
    w = rg.tensor([1.0, -2.0], requires_grad=True)
    v = rg.tensor([[3.0]], requires_grad=True)
    optimizer = rg.optim.SGD([w, v], lr=0.5, momentum=0.5)
    for _ in range(2):
        optimizer.zero_grad()
        (2 * w).sum().backward()
        v.sum().backward()
        optimizer.step()
    assert w.tolist() == [1.0 - 1.0 - 1.5, -2.0 - 1.0 - 1.5]
    assert v.tolist() == [[3.0 - 0.5 - 0.75]]


def test_adam_first_step_is_the_learning_rate():
    w = rg.tensor([1.0, 1.0, 1.0], requires_grad=True)
    v = rg.tensor(0.0, requires_grad=True)
    optimizer = rg.optim.Adam([w, v], lr=0.1)
    ((w * rg.tensor([5.0, -0.01, 100.0])).sum() + v).backward()
    optimizer.step()
    assert w.tolist() == pytest.approx([0.9, 1.1, 0.9], abs=1e-6)
    assert v.item() == pytest.approx(-0.1, abs=1e-6)
    assert optimizer.state[w]["step"].item() == 1.0
    assert optimizer.state[w]["exp_avg"].shape == w.shape


def test_adamw_shrinks_the_parameters():
    w = rg.tensor([2.0], requires_grad=True)
    optimizer = rg.optim.AdamW([w], lr=0.1, weight_decay=0.5)
    w.grad = rg.zeros(1)
    optimizer.step()
    assert w.item() == pytest.approx(2.0 * (1 - 0.1 * 0.5))


def test_parameters_keep_their_memory_and_views():
    w = rg.ones(4, requires_grad=True)
    v = rg.ones(2, requires_grad=True)
    array, view = w.detach().numpy(), w.detach()[:2]
    optimizer = rg.optim.SGD([w, v], lr=1.0)
    (w.sum() + v.sum()).backward()
    optimizer.step()
    assert array.tolist() == [0.0] * 4
    assert view.tolist() == [0.0, 0.0]


def test_gradients_are_not_changed():
    w, v = rg.ones(3, requires_grad=True), rg.ones(2, requires_grad=True)
    optimizer = rg.optim.SGD([w, v], lr=0.1, weight_decay=0.1, momentum=0.9, maximize=True)
    w.grad, v.grad = rg.full((3,), 2.0), rg.full((2,), 3.0)
    for _ in range(3):
        optimizer.step()
    assert w.grad.tolist() == [2.0] * 3
    assert v.grad.tolist() == [3.0] * 2


def test_a_step_counts_as_a_write():
    w, v = rg.ones(2, requires_grad=True), rg.ones(2, requires_grad=True)
    optimizer = rg.optim.SGD([w, v], lr=0.1)
    loss = (w * w * v).sum()
    loss.backward(retain_graph=True)
    version = w._version
    optimizer.step()
    assert w._version == version + 1
    with pytest.raises(RuntimeError, match=r"SGD\.step"):
        loss.backward()


def test_one_state_loaded_into_two_optimizers():
    def fresh():
        w, v = rg.ones(3, requires_grad=True), rg.ones(2, requires_grad=True)
        optimizer = rg.optim.Adam([w, v], lr=0.1)
        w.grad, v.grad = rg.ones(3), rg.ones(2)
        return optimizer, w

    first, _ = fresh()
    first.step()
    saved = copy.deepcopy(first.state_dict())
    results = []
    for _ in range(2):
        optimizer, w = fresh()
        optimizer.load_state_dict(copy.deepcopy(saved))
        optimizer.step()
        optimizer.step()
        results.append(w.tolist())
    assert results[0] == results[1]
    assert first.state_dict()["state"][0]["step"].item() == 1.0


def test_many_small_and_one_large_parameter():
    small = [rg.ones(3, requires_grad=True) for _ in range(50)]
    large = rg.ones(300, 300, requires_grad=True)
    optimizer = rg.optim.Adam([*small, large], lr=0.1)
    for _ in range(3):
        for param in (*small, large):
            param.grad = rg.ones(param.shape)
        optimizer.step()
    values = {round(v, 6) for p in small for v in p.tolist()}
    assert values == {round(float(large[17, 5]), 6)}
    assert math.isclose(values.pop(), 0.7, abs_tol=1e-5)


def test_learning_rate_tensor():
    rate = rg.tensor(0.5)
    w = rg.ones(2, requires_grad=True)
    optimizer = rg.optim.SGD([w], lr=rate)
    w.grad = rg.ones(2)
    optimizer.step()
    rate.fill_(0.25)
    optimizer.step()
    assert w.tolist() == [0.25, 0.25]
