"""Every elementwise optimizer but SGD and Adam: trajectories, state, options, complaints."""

import copy
import pickle

import numpy as np
import pytest

import retrograd as rg

from ..nn.parity import check_parity
from .twins import Twins, loaded_from_torch, saved_for_torch

SETTINGS = [
    ("Adamax", {}),
    ("Adamax", {"lr": 0.1, "betas": (0.3, 0.9), "eps": 1e-3, "weight_decay": 0.1}),
    ("Adamax", {"lr": 0.1, "maximize": True, "foreach": True}),
    ("NAdam", {}),
    ("NAdam", {"lr": 0.1, "betas": (0.3, 0.9), "eps": 1e-3, "weight_decay": 0.1}),
    ("NAdam", {"lr": 0.1, "weight_decay": 0.1, "decoupled_weight_decay": True}),
    ("NAdam", {"lr": 0.1, "momentum_decay": 0.1, "maximize": True, "foreach": True}),
    ("RAdam", {}),
    ("RAdam", {"lr": 0.1, "betas": (0.3, 0.9), "eps": 1e-3, "weight_decay": 0.1}),
    ("RAdam", {"lr": 0.1, "weight_decay": 0.1, "decoupled_weight_decay": True}),
    ("RAdam", {"lr": 0.1, "betas": (0.9, 0.5), "maximize": True, "foreach": True}),
    ("Adagrad", {}),
    ("Adagrad", {"lr": 0.1, "lr_decay": 0.1, "weight_decay": 0.1, "eps": 1e-3}),
    ("Adagrad", {"lr": 0.1, "initial_accumulator_value": 0.5, "maximize": True}),
    ("Adagrad", {"foreach": True}),
    ("Adadelta", {}),
    ("Adadelta", {"lr": 0.5, "rho": 0.5, "eps": 1e-3, "weight_decay": 0.1}),
    ("Adadelta", {"maximize": True, "foreach": True}),
    ("RMSprop", {}),
    ("RMSprop", {"lr": 0.1, "alpha": 0.3, "eps": 1e-3, "weight_decay": 0.1}),
    ("RMSprop", {"lr": 0.1, "momentum": 0.9}),
    ("RMSprop", {"lr": 0.1, "centered": True, "maximize": True, "eps": 1e-2}),
    ("RMSprop", {"lr": 0.1, "centered": True, "momentum": 0.5, "foreach": True, "eps": 1e-2}),
    ("Rprop", {}),
    ("Rprop", {"lr": 0.1, "etas": (0.3, 1.7), "step_sizes": (1e-2, 0.3)}),
    ("Rprop", {"maximize": True, "foreach": True}),
    ("ASGD", {}),
    ("ASGD", {"lr": 0.1, "lambd": 0.1, "alpha": 0.5, "t0": 10, "weight_decay": 0.1}),
    ("ASGD", {"t0": 0, "maximize": True, "foreach": True}),
]
NAMES = list(dict.fromkeys(name for name, _ in SETTINGS))
FIRST = [next(one for one in SETTINGS if one[0] == name) for name in NAMES]
FUSED = [("SGD", {}), ("Adam", {}), ("AdamW", {}), ("Adagrad", {})]


def tolerance(name, settings):
    """PyTorch's ASGD with foreach multiplies by float32 scalars, here they are Python's."""
    return 1e-7 if name == "ASGD" and settings.get("foreach") else 1e-12


@pytest.mark.parametrize(("name", "settings"), SETTINGS)
def test_trajectory_like_torch(name, settings):
    Twins(name, settings).run().check(tolerance(name, settings))


@pytest.mark.parametrize(("name", "settings"), FIRST)
def test_groups_and_missing_gradients_like_torch(name, settings):
    twins = Twins(name, settings, grouped=True)
    twins.run(missing=lambda param, step: (param * 7 + step) % 5 == 0).check(1e-12)


@pytest.mark.parametrize(("name", "settings"), SETTINGS)
def test_float32_like_torch(name, settings):
    Twins(name, settings, dtype=np.float32).run(20).check(5e-5)


@pytest.mark.parametrize(("name", "settings"), SETTINGS)
def test_complex_like_torch(name, settings):
    twins = Twins(name, settings, dtype=np.complex128, shapes=[(3, 2), (4,)])
    twins.run(10).check(tolerance(name, settings))


@pytest.mark.parametrize(("name", "settings"), FUSED)
def test_fused_like_torch(name, settings):
    # No transposed parameter: PyTorch's fused kernels mix up its numbers.
    Twins(name, {**settings, "fused": True}, shapes=[(3, 2), (120, 100), (4,)]).run(20).check(1e-12)


@pytest.mark.parametrize(("name", "settings"), FIRST)
def test_a_tensor_rate_and_changes_between_steps_like_torch(name, settings):
    def between(twins, step):
        def change(optimizer, params):
            library = rg if params is twins.ours else twins.torch
            group = optimizer.param_groups[0]
            if step == 5:
                group["lr"] = library.tensor(0.05, dtype=library.float64)
            if step > 5:
                group["lr"] *= 0.9
            if step == 10:
                del optimizer.state[params[1]]
            if step == 12:
                for entry in optimizer.state[params[0]].values():
                    entry.add_(1)

        twins.change(change)

    Twins(name, settings).run(20, between=between).check(1e-12)


@pytest.mark.parametrize(("name", "settings"), SETTINGS)
def test_state_dicts_go_both_ways(name, settings):
    def between(twins, step):
        if step == 5:
            ours = saved_for_torch(twins.optimizer.state_dict())
            twins.optimizer.load_state_dict(loaded_from_torch(twins.oracle.state_dict()))
            twins.oracle.load_state_dict(ours)

    Twins(name, settings).run(10, between=between).check(tolerance(name, settings))


@pytest.mark.parametrize(("name", "settings"), FIRST)
def test_copies_go_on_alike(name, settings):
    params = [rg.ones(3, requires_grad=True), rg.ones(2, requires_grad=True)]
    optimizer = getattr(rg.optim, name)(params, **settings)
    twins = []
    for number in range(6):
        if number == 3:
            twins = [copy.deepcopy(optimizer), pickle.loads(pickle.dumps(optimizer))]
        for one in (optimizer, *twins):
            for param in one.param_groups[0]["params"]:
                param.grad = (param.detach() * (number + 1)).cos()
            one.step()
    for twin in twins:
        for param, other in zip(twin.param_groups[0]["params"], params, strict=True):
            assert param is not other
            assert param.tolist() == other.tolist()


@pytest.mark.parametrize("name", NAMES)
def test_a_bowl_is_descended(name):
    w = rg.tensor([1.0, -2.0, 0.5], requires_grad=True)
    optimizer = getattr(rg.optim, name)([w], lr=5.0 if name == "Adadelta" else 0.1)

    def closure():
        optimizer.zero_grad()
        loss = (w * w).sum()
        loss.backward()
        return loss

    first = optimizer.step(closure).item()
    for _ in range(60):
        last = optimizer.step(closure).item()
    assert first == 5.25
    assert last < 0.3 * first


def _param(t, dtype="float32"):
    return t.ones(2, dtype=getattr(t, dtype), requires_grad=True)


def _stepped(t, name, dtype="float32", **settings):
    param = _param(t, dtype)
    optimizer = getattr(t.optim, name)([param], **settings)
    param.grad = t.ones(2, dtype=param.dtype)
    optimizer.step()
    return param.detach(), optimizer, optimizer.state_dict()


REFUSED = [
    {"lr": -1.0},
    {"lr": float("nan")},
    {"eps": -1.0},
    {"betas": (1.0, 0.9)},
    {"betas": (0.9, 1.0)},
    {"weight_decay": -1.0},
    {"momentum_decay": -1.0},
    {"lr_decay": -1.0},
    {"initial_accumulator_value": -1.0},
    {"rho": 1.5},
    {"momentum": -1.0},
    {"alpha": -1.0},
    {"etas": (0.5, 0.9)},
    {"foreach": True, "fused": True},
    {"differentiable": True, "fused": True},
    {"nonsense": 3},
]


@pytest.mark.parametrize("settings", REFUSED, ids=str)
@pytest.mark.parametrize("name", NAMES)
def test_refused_settings_like_torch(name, settings):
    check_parity(lambda t, nn: getattr(t.optim, name)([_param(t)], **settings))


@pytest.mark.parametrize("name", [*NAMES, "SGD", "Adam"])
def test_a_rate_of_two_elements_is_refused_like_torch(name):
    check_parity(lambda t, nn: getattr(t.optim, name)([_param(t)], lr=t.ones(2)))


@pytest.mark.parametrize("name", [*NAMES, "Adam", "AdamW"])
def test_capturable_like_torch(name):
    check_parity(lambda t, nn: getattr(t.optim, name)([_param(t)], capturable=True))
    check_parity(lambda t, nn: _stepped(t, name, capturable=True))


@pytest.mark.parametrize("name", ["SGD", "Adam", "AdamW", "Adagrad"])
def test_fused_takes_no_complex_parameters_like_torch(name):
    check_parity(lambda t, nn: _stepped(t, name, "complex64", fused=True))


@pytest.mark.parametrize("name", NAMES)
def test_state_of_double_default_like_torch(name):
    def program(t, nn):
        t.set_default_dtype(t.float64)
        try:
            return _stepped(t, name)
        finally:
            t.set_default_dtype(t.float32)

    check_parity(program)


@pytest.mark.parametrize("name", NAMES)
def test_signature_and_text_like_torch(name):
    check_parity(lambda t, nn: _stepped(t, name))


@pytest.mark.parametrize("name", ["Adamax", "ASGD", "NAdam"])
def test_old_checkpoints_count_in_plain_numbers(name):
    def program(t, nn):
        _, optimizer, state = _stepped(t, name)
        for key in ("step", "eta", "mu", "mu_product"):
            if key in state["state"][0]:
                state["state"][0][key] = 3.0
        for key in ("foreach", "maximize", "differentiable", "capturable"):
            del state["param_groups"][0][key]
        optimizer.load_state_dict(state)
        optimizer.step()
        return optimizer.state_dict()

    check_parity(program)


DIFFERENTIABLE = [
    ("SGD", {"lr": 0.1, "momentum": 0.9, "weight_decay": 0.1}),
    ("SGD", {"lr": 0.1, "momentum": 0.9, "nesterov": True, "maximize": True}),
    ("SGD", {"lr": "tensor"}),
    ("Adam", {"lr": 0.1}),
    ("Adam", {"lr": "tensor", "weight_decay": 0.1}),
    ("AdamW", {"lr": 0.1}),
    *FIRST,
    ("RMSprop", {"momentum": 0.9, "eps": 1e-2, "weight_decay": 0.1}),
    ("ASGD", {"t0": 0}),
    ("RAdam", {"betas": (0.9, 0.5), "weight_decay": 0.1, "decoupled_weight_decay": True}),
    ("Adam", {"lr": 0.1, "amsgrad": True}),
    ("RMSprop", {"centered": True, "eps": 1e-2}),
]
# PyTorch changes values in place that its own backward needs from the second step on.
ONE_STEP = ("Adamax", "Rprop")


@pytest.mark.parametrize("dtype", ["float64", "complex128"])
@pytest.mark.parametrize(("name", "settings"), DIFFERENTIABLE)
def test_differentiable_like_torch(name, settings, dtype):
    one_step = name in ONE_STEP or "amsgrad" in settings or "centered" in settings

    def program(t, nn):
        start = t.tensor([1.0, -2.0, 0.5], dtype=getattr(t, dtype))
        if start.is_complex():
            start = start * (1 + 0.3j)
        start.requires_grad_()
        scale = t.tensor(2.0, dtype=t.float64, requires_grad=True)
        rate = t.tensor(0.1, dtype=t.float64, requires_grad=True)
        given = {k: rate if v == "tensor" else v for k, v in settings.items()}
        param = start.clone()
        optimizer = getattr(t.optim, name)([param], differentiable=True, **given)
        for number in range(1 if one_step else 8):
            param.grad = (param.clone() * scale + number).sin()
            optimizer.step()
        seen = (param * param.conj()).sum().real
        return param.detach(), t.autograd.grad(seen, [start, scale, rate], allow_unused=True)

    # PyTorch computes 1 - 0.999**step in float32 here, of which the first steps leave 4 digits.
    check_parity(program, 1e-4)


def test_differentiable_with_finite_differences():
    def program(rate):
        param = rg.tensor([1.0, -2.0], dtype=rg.float64, requires_grad=True).clone()
        optimizer = rg.optim.Adam([param], lr=rate, amsgrad=True, differentiable=True)
        for number in range(4):
            param.grad = (param.clone() * 2 + number).sin()
            optimizer.step()
        return (param * param).sum()

    rate = rg.tensor(0.1, dtype=rg.float64, requires_grad=True)
    assert rg.autograd.gradcheck(program, rate)


@pytest.mark.parametrize("name", ["SGD", "Adam", *NAMES])
def test_differentiable_complaints_like_torch(name):
    check_parity(lambda t, nn: _stepped(t, name, differentiable=True))
    if name != "SGD":  # which has a foreach form that is differentiable
        check_parity(lambda t, nn: _stepped(t, name, differentiable=True, foreach=True))


def test_a_group_may_become_differentiable_later_like_torch():
    def program(t, nn):
        starts = [t.ones(2, dtype=t.float64, requires_grad=True) for _ in range(2)]
        params = [start.clone() for start in starts]
        optimizer = t.optim.SGD(params, lr=0.1, differentiable=True)
        values = []
        for recorded in (False, False, True, True):
            optimizer.param_groups[0]["differentiable"] = recorded
            optimizer.defaults["differentiable"] = recorded
            for param in params:
                param.grad = param.clone().sin() if recorded else t.ones(2, dtype=t.float64)
            optimizer.step()
            values.append([param.detach().clone() for param in params])
        return values

    check_parity(program, 1e-12)
