"""Schedules of learning rates: their steps inside a compiled function, and what code reads of them.

A step of a schedule is a call of the replay; settings that the program itself reads are guarded.
"""

from __future__ import annotations

import pytest

import retrograd as rg
from retrograd.compiler import CompiledFunction, lower_next

from .running import plain

rates = rg.optim.lr_scheduler
SCHEDULES = {
    "StepLR": lambda o: rates.StepLR(o, 2),
    "LambdaLR": lambda o: rates.LambdaLR(o, lambda epoch: 0.9**epoch),
    "ExponentialLR": lambda o: rates.ExponentialLR(o, 0.9),
    "CosineAnnealingLR": lambda o: rates.CosineAnnealingLR(o, 5),
    "CosineAnnealingWarmRestarts": lambda o: rates.CosineAnnealingWarmRestarts(o, 3, 2),
    "OneCycleLR": lambda o: rates.OneCycleLR(o, 0.1, total_steps=20),
    "CyclicLR": lambda o: rates.CyclicLR(o, 0.01, 0.1, 3, cycle_momentum=False),
    "SequentialLR": lambda o: rates.SequentialLR(
        o, [rates.LinearLR(o, 0.1, total_iters=3), rates.ExponentialLR(o, 0.5)], [3]
    ),
    "ChainedScheduler": lambda o: rates.ChainedScheduler(
        [rates.StepLR(o, 2), rates.ExponentialLR(o, 0.9)]
    ),
    "ReduceLROnPlateau": lambda o: rates.ReduceLROnPlateau(o, patience=1, threshold=0.2),
    "SWALR": lambda o: rg.optim.swa_utils.SWALR(o, 0.01, anneal_epochs=4),
}
OPTIMIZERS = {
    "SGD": lambda ps: rg.optim.SGD(ps, lr=0.1, momentum=0.9),
    "Adam": lambda ps: rg.optim.Adam(ps, lr=0.1),
}


def trained(make_schedule, make_optimizer, compiled, step_of, calls=8):
    """Train a small model; return what every call showed, and the function."""
    rg.manual_seed(0)
    model = rg.nn.Linear(3, 2)
    optimizer = make_optimizer(model.parameters())
    schedule = make_schedule(optimizer)
    step = step_of(model, optimizer, schedule)
    called = CompiledFunction(step) if compiled else step
    said = []
    for number in range(calls):
        if compiled and number == 4:
            lower_next(called)
        try:
            said.append(plain(called(rg.randn(4, 3) * (1 + number % 3))))
        except ValueError as error:
            said.append(str(error))
        state = {k: v for k, v in schedule.state_dict().items() if "lambda" not in k}
        said.append(plain([list(model.parameters()), optimizer.param_groups[0]["lr"]]))
        said.append(str({k: v for k, v in state.items() if "object at" not in str(v)}))
    return said, called


def whole_step(model, optimizer, schedule):
    def step(x):
        optimizer.zero_grad()
        loss = model(x).pow(2).mean()
        loss.backward()
        optimizer.step()
        if isinstance(schedule, rates.ReduceLROnPlateau):
            schedule.step(loss)
        else:
            schedule.step()
        return loss

    return step


def reasons(called):
    return [one.eager for one in called.segments() if one.eager]


@pytest.mark.parametrize("optimizer", sorted(OPTIMIZERS))
@pytest.mark.parametrize("name", sorted(SCHEDULES))
def test_steps_inside_are_replayed(name, optimizer):
    given = SCHEDULES[name], OPTIMIZERS[optimizer]
    eager, _ = trained(*given, False, whole_step)
    ours, called = trained(*given, True, whole_step)
    assert ours == eager
    assert not reasons(called)
    assert len(list(called.segments())) == 1


def test_a_step_that_raises_leaves_what_eager_leaves():
    def short(optimizer):
        return rates.OneCycleLR(optimizer, 0.1, total_steps=5)

    given = short, OPTIMIZERS["SGD"]
    eager, _ = trained(*given, False, whole_step)
    ours, _ = trained(*given, True, whole_step)
    assert ours == eager
    assert any("Tried to step" in str(one) for one in eager)


def test_a_measure_that_was_read_and_a_step_on_a_condition():
    def step_of(model, optimizer, schedule):
        def step(x):
            optimizer.zero_grad()
            loss = model(x).pow(2).mean()
            loss.backward()
            optimizer.step()
            if x.sum() > 0:
                schedule.step(loss.item())
            return loss.item()

        return step

    given = SCHEDULES["ReduceLROnPlateau"], OPTIMIZERS["SGD"]
    eager, _ = trained(*given, False, step_of)
    ours, called = trained(*given, True, step_of)
    assert ours == eager
    assert not reasons(called)


READS = {
    "a group's": lambda x, o, s: x * o.param_groups[0]["lr"],
    "in a loop": lambda x, o, s: [group["lr"] for group in o.param_groups],
    "the last": lambda x, o, s: x * s.get_last_lr()[0],
    "the epoch": lambda x, o, s: x if s.last_epoch > 2 else x * 2,
    "a state dict": lambda x, o, s: x * s.state_dict()["last_epoch"],
    "an optimizer's state dict": lambda x, o, s: o.state_dict()["param_groups"][0]["lr"],
}


@pytest.mark.parametrize("name", sorted(READS))
def test_settings_that_code_reads_are_guarded(name):
    read = READS[name]
    optimizer = OPTIMIZERS["SGD"]([rg.ones(2, requires_grad=True)])
    schedule = rates.StepLR(optimizer, 1, 0.5)
    optimizer.step()
    compiled = CompiledFunction(lambda x: read(x, optimizer, schedule))
    x = rg.ones(2)
    for _ in range(4):
        for _ in range(2):
            assert plain(compiled(x)) == plain(read(x, optimizer, schedule))
        schedule.step()
    assert len(list(compiled.segments())) == 4
    assert not reasons(compiled)


class Trainer:
    """Holds everything that a step needs."""

    def __init__(self, model, optimizer, schedule):
        self.model, self.optimizer, self.schedule = model, optimizer, schedule

    def step(self, x):
        rate = self.optimizer.param_groups[0]["lr"]
        self.optimizer.zero_grad()
        loss = self.model(x).pow(2).mean()
        loss.backward()
        self.optimizer.step()
        self.schedule.step()
        return loss, rate


def test_reading_what_its_own_step_changes_runs_eagerly():
    def step_of(*given):
        return Trainer(*given).step

    given = SCHEDULES["StepLR"], OPTIMIZERS["SGD"]
    eager, _ = trained(*given, False, step_of)
    ours, called = trained(*given, True, step_of)
    assert ours == eager
    assert "it reads what a step of its StepLR changes" in reasons(called)[0]


def test_a_schedule_made_inside_runs_eagerly():
    parameter = rg.ones(2, requires_grad=True)
    optimizer = OPTIMIZERS["SGD"]([parameter])

    def function(x):
        schedule = rates.StepLR(optimizer, 1, 0.5)
        return x * len(schedule.base_lrs)

    compiled = CompiledFunction(function)
    for _ in range(3):
        compiled(rg.ones(2))
    assert "makes a schedule" in reasons(compiled)[0]
