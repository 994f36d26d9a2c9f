"""Averaged models, and the schedule that goes with them."""

import copy

import numpy as np
import pytest

import retrograd as rg

from ..nn.parity import check_parity, compare, plain

AVERAGES = {
    "mean": lambda s: {},
    "own": lambda s: {"avg_fn": lambda old, new, count: old * 0.5 + new / (count + 2)},
    "swa": lambda s: {"avg_fn": s.get_swa_avg_fn()},
    "swa lists": lambda s: {"multi_avg_fn": s.get_swa_multi_avg_fn()},
    "ema": lambda s: {"avg_fn": s.get_ema_avg_fn()},
    "ema 0.5": lambda s: {"avg_fn": s.get_ema_avg_fn(0.5)},
    "ema lists": lambda s: {"multi_avg_fn": s.get_ema_multi_avg_fn(0.9)},
}


def _model(t, nn):
    model = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 2).to(t.float64))
    model.register_buffer("scale", t.ones(2))
    return model


def _averaged(t, nn, average, steps=5, **settings):
    """Average a model that changes."""
    model = _model(t, nn)
    averaged = t.optim.swa_utils.AveragedModel(model, **settings, **average(t.optim.swa_utils))
    for number in range(steps):
        with t.no_grad():
            for param in (*model.parameters(), *model.buffers()):
                param.mul_(0.9).add_(number * 0.1)
        averaged.update_parameters(model)
    return averaged


@pytest.mark.parametrize("use_buffers", [False, True])
@pytest.mark.parametrize("average", AVERAGES)
def test_averages_like_torch(average, use_buffers):
    def program(t, nn):
        averaged = _averaged(t, nn, AVERAGES[average], use_buffers=use_buffers)
        return averaged, averaged.state_dict()

    check_parity(program)


@pytest.mark.parametrize("average", AVERAGES)
def test_integer_buffers_like_torch(average):
    def program(t, nn):
        model = nn.Sequential(nn.Linear(1, 1))
        model.register_buffer("count", t.tensor([3, 5]))
        settings = AVERAGES[average](t.optim.swa_utils)
        averaged = t.optim.swa_utils.AveragedModel(model, use_buffers=True, **settings)
        for _ in range(3):
            model.count += 2
            averaged.update_parameters(model)
        return averaged.state_dict()

    check_parity(program)


def test_states_of_averaged_models_load_both_ways():
    torch = pytest.importorskip("torch")
    ours = _averaged(rg, rg.nn, AVERAGES["mean"])
    theirs = _averaged(torch, torch.nn, AVERAGES["mean"], steps=2)
    state = {k: torch.tensor(v.numpy()) for k, v in ours.state_dict().items()}
    theirs.load_state_dict(state)
    compare(plain(ours.state_dict(), rg), plain(theirs.state_dict(), torch), 0)
    back = _averaged(rg, rg.nn, AVERAGES["mean"], steps=1)
    back.load_state_dict({k: rg.tensor(v.numpy()) for k, v in theirs.state_dict().items()})
    compare(plain(back.state_dict(), rg), plain(theirs.state_dict(), torch), 0)


def test_averaged_models_are_called_and_copied_like_torch():
    def program(t, nn):
        averaged = _averaged(t, nn, AVERAGES["ema"])
        averaged.module = averaged.module[:1]
        twin = copy.deepcopy(averaged)
        inputs = t.arange(6.0).reshape(2, 3)
        return averaged(inputs).detach(), twin(inputs).detach(), averaged.training

    check_parity(program)


SCHEDULES = {
    "cos": {"swa_lr": 0.01},
    "linear": {"swa_lr": 0.01, "anneal_strategy": "linear", "anneal_epochs": 17},
    "lists": {"swa_lr": [0.5, 0.01], "anneal_epochs": 3},
    "at once": {"swa_lr": 0.01, "anneal_epochs": 0},
}


def _optimizer(t):
    params = [{"params": t.ones(1, requires_grad=True), "lr": lr} for lr in (0.3, 0.07)]
    return t.optim.SGD(params, momentum=0.9)


@pytest.mark.parametrize("settings", SCHEDULES)
def test_the_very_rates_of_torch(settings):
    def program(t, nn):
        optimizer = _optimizer(t)
        schedule = t.optim.swa_utils.SWALR(optimizer, **SCHEDULES[settings])
        rates = []
        for number in range(60):
            optimizer.step()
            schedule.step()
            rates.append(schedule.get_last_lr())
            if number == 8:
                state = schedule.state_dict()
                schedule = t.optim.swa_utils.SWALR(optimizer, **SCHEDULES[settings])
                schedule.load_state_dict(state)
        return repr(rates), schedule.state_dict()

    check_parity(program, 0)


COMPLAINTS = {
    "both": lambda t, s: s.AveragedModel(t.nn.Linear(1, 1), avg_fn=abs, multi_avg_fn=abs),
    "decay": lambda t, s: s.get_ema_avg_fn(1.5),
    "decay of lists": lambda t, s: s.get_ema_multi_avg_fn(-1),
    "strategy": lambda t, s: s.SWALR(_optimizer(t), 0.1, anneal_strategy="square"),
    "epochs": lambda t, s: s.SWALR(_optimizer(t), 0.1, anneal_epochs=-1),
    "three rates": lambda t, s: s.SWALR(_optimizer(t), [1, 2, 3]),
    "get_lr": lambda t, s: s.SWALR(_optimizer(t), 0.1).get_lr(),
    "nothing to normalise": lambda t, s: s.update_bn([t.ones(1)], t.nn.Linear(1, 1)),
}


@pytest.mark.parametrize("name", COMPLAINTS)
def test_complaints_like_torch(name):
    check_parity(lambda t, nn: COMPLAINTS[name](t, t.optim.swa_utils))


def test_update_bn_like_torch():
    def program(t, nn):
        model = nn.Sequential(nn.BatchNorm1d(3), nn.Sequential(nn.BatchNorm1d(3, momentum=0.7)))
        model.eval()
        data = [t.arange(12.0).reshape(4, 3) * scale for scale in (1, 2, 5)]
        t.optim.swa_utils.update_bn(data, model)
        first = copy.deepcopy(model.state_dict())
        t.optim.swa_utils.update_bn([(batch, 0) for batch in data[:2]], model, "cpu")
        return first, model.state_dict(), model.training, model[1][0].momentum

    check_parity(program)


def test_the_mean_by_hand():
    model = rg.nn.Linear(1, 1, bias=False)
    averaged = rg.optim.swa_utils.AveragedModel(model)
    for value in (1.0, 2.0, 6.0):
        rg.nn.init.constant_(model.weight, value)
        averaged.update_parameters(model)
    assert averaged.module.weight.item() == 3.0
    assert model.weight.item() == 6.0
    assert averaged.n_averaged.item() == 3
    assert np.array_equal(averaged(rg.ones(1, 1)).detach().numpy(), [[3.0]])
