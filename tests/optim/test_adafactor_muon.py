"""Adafactor and Muon."""

import numpy as np
import pytest

import retrograd as rg
from retrograd.optim import _muon

from ..nn.parity import check_parity
from .twins import Twins, loaded_from_torch, saved_for_torch

ADAFACTOR = [
    {},
    {"lr": 0.5, "beta2_decay": -0.5, "eps": (1e-5, 1e-2), "d": 2.0, "weight_decay": 0.1},
    {"maximize": True, "foreach": True},
    {"lr": 10.0, "eps": (None, 0.5), "maximize": True},
]
MUON = [
    {},
    {"lr": 0.1, "momentum": 0.3, "nesterov": False, "adjust_lr_fn": "match_rms_adamw"},
    {"lr": 0.1, "weight_decay": 0.0, "adjust_lr_fn": "original", "ns_steps": 3},
    {"lr": 0.1, "ns_coefficients": (2.0, -1.5, 0.5), "eps": 1e-3},
]
# No parameter of no numbers: both divide by its size.
SHAPES = [(16, 2), (16,), (2, 3, 4), (1, 16), (1,), (), (120, 100), (5, 4)]
MATRICES = [(16, 2), (3, 16), (1, 16), (7, 1), (4, 3), (5, 4)]


@pytest.mark.parametrize("settings", ADAFACTOR, ids=str)
def test_adafactor_like_torch(settings):
    Twins("Adafactor", settings, shapes=SHAPES).run().check(1e-12)
    Twins("Adafactor", settings, shapes=SHAPES, grouped=True).run(
        10, missing=lambda param, step: (param + step) % 3 == 0
    ).check(1e-12)


@pytest.mark.parametrize("settings", ADAFACTOR, ids=str)
def test_adafactor_float32_like_torch(settings):
    Twins("Adafactor", settings, shapes=SHAPES, dtype=np.float32).run(20).check(2e-5)


@pytest.mark.parametrize("settings", MUON, ids=str)
def test_muon_like_torch(settings):
    # 1e-12 but where sums in another order round to another bfloat16.
    Twins("Muon", settings, shapes=MATRICES).run().check(1e-6)
    Twins("Muon", settings, shapes=MATRICES, grouped=True).run(
        10, missing=lambda param, step: (param + step) % 3 == 0
    ).check(1e-6)


def test_muon_of_larger_matrices_like_torch():
    # Sums in another order round to another bfloat16 now and then, and 8 bits are all there are.
    Twins("Muon", {"lr": 0.1}, shapes=[(20, 30), (64, 20)]).run(5).check(5e-3)


@pytest.mark.parametrize(("name", "shapes"), [("Adafactor", SHAPES), ("Muon", MATRICES)])
def test_states_go_both_ways(name, shapes):
    def between(twins, step):
        if step == 5:
            ours = saved_for_torch(twins.optimizer.state_dict())
            twins.optimizer.load_state_dict(loaded_from_torch(twins.oracle.state_dict()))
            twins.oracle.load_state_dict(ours)

    Twins(name, {}, shapes=shapes).run(10, between=between).check(1e-12)


def _param(t, *shape, dtype="float32"):
    param = t.ones(*shape, dtype=getattr(t, dtype), requires_grad=True)
    param.grad = t.ones(*shape, dtype=param.dtype)
    return param


COMPLAINTS = {
    "Adafactor": lambda t: t.optim.Adafactor([_param(t, 2)]),
    "Adafactor lr": lambda t: t.optim.Adafactor([_param(t, 2)], lr=-1),
    "Adafactor two lr": lambda t: t.optim.Adafactor([_param(t, 2)], lr=t.ones(2)),
    "Adafactor decay": lambda t: t.optim.Adafactor([_param(t, 2)], beta2_decay=1),
    "Adafactor eps": lambda t: t.optim.Adafactor([_param(t, 2)], eps=(-1, 1)),
    "Adafactor eps 2": lambda t: t.optim.Adafactor([_param(t, 2)], eps=(None, -1)),
    "Adafactor d": lambda t: t.optim.Adafactor([_param(t, 2)], d=0.5),
    "Adafactor shrink": lambda t: t.optim.Adafactor([_param(t, 2)], weight_decay=-1),
    "Adafactor complex": lambda t: t.optim.Adafactor([_param(t, 2, dtype="complex64")]).step(),
    "Adafactor closure": lambda t: t.optim.Adafactor([_param(t, 2)]).step(lambda: 3),
    "Adafactor tensor lr": lambda t: _stepped(t, "Adafactor", lr=t.tensor(0.1)),
    "Muon": lambda t: t.optim.Muon([_param(t, 2, 2)]),
    "Muon lr": lambda t: t.optim.Muon([_param(t, 2, 2)], lr=-1),
    "Muon momentum": lambda t: t.optim.Muon([_param(t, 2, 2)], momentum=-1),
    "Muon shrink": lambda t: t.optim.Muon([_param(t, 2, 2)], weight_decay=-1),
    "Muon adjust": lambda t: t.optim.Muon([_param(t, 2, 2)], adjust_lr_fn="none"),
    "Muon vector": lambda t: t.optim.Muon([_param(t, 2)]),
    "Muon complex": lambda t: t.optim.Muon([_param(t, 2, 2, dtype="complex64")]).step(),
    "Muon steps": lambda t: t.optim.Muon([_param(t, 2, 2)], ns_steps=100).step(),
    "Muon coefficients": lambda t: t.optim.Muon([_param(t, 2, 2)], ns_coefficients=(1, 2)).step(),
    "Muon closure": lambda t: t.optim.Muon([_param(t, 2, 2)]).step(lambda: 3),
    "Muon tensor lr": lambda t: _stepped(t, "Muon", lr=t.tensor(0.1)),
}


def _stepped(t, name, **settings):
    param = _param(t, 2, 2)
    getattr(t.optim, name)([param], **settings).step()
    return param


@pytest.mark.parametrize("name", COMPLAINTS)
def test_complaints_like_torch(name):
    check_parity(lambda t, nn: COMPLAINTS[name](t))


def test_muon_steps_are_nearly_orthogonal():
    matrix = np.random.default_rng(0).standard_normal((6, 9))
    found = _muon.orthogonal(matrix, _muon.NEWTON_SCHULZ, 5, 1e-7)
    singular_values = np.linalg.svd(found, compute_uv=False)
    assert 0.6 < singular_values.min() < singular_values.max() < 1.3


def test_bfloat16_rounds_to_nearest_and_ties_to_even():
    given = np.array([1.0, 1 + 2**-9, 1 + 2**-8, 1 + 3 * 2**-8, -1 - 2**-8, np.inf, np.nan])
    found = _muon.as_bfloat16(given)
    expected = [1.0, 1.0, 1.0, 1 + 2**-6, -1.0, np.inf, np.nan]
    np.testing.assert_array_equal(found, np.array(expected, np.float32))


def test_adafactor_keeps_a_row_and_a_column():
    w = rg.ones(3, 4, requires_grad=True)
    optimizer = rg.optim.Adafactor([w], lr=0.5)
    w.grad = rg.ones(3, 4)
    optimizer.step()
    entry = optimizer.state[w]
    assert (entry["row_var"].shape, entry["col_var"].shape) == ((3, 1), (1, 4))
    assert w.detach().numpy() == pytest.approx(0.5)
