"""Every optimizer and schedule, with every option, is in one of this folder's tables."""

import importlib
import inspect
import pkgutil

import pytest

from retrograd import optim
from retrograd.optim import lr_scheduler, swa_utils

from .. import optim as package
from . import test_lr_scheduler, test_swa_utils
from .test_adafactor_muon import ADAFACTOR, MUON
from .test_lbfgs import SETTINGS as LBFGS

# How it is computed, not what: accepted by all, and tried by the tests of that name.
OF_COMPUTING = {"foreach", "fused", "capturable", "differentiable", "params"}


def all_settings():
    """Return the settings that are compared with PyTorch, by the name of the optimizer."""
    found = {"Adafactor": list(ADAFACTOR), "Muon": list(MUON), "LBFGS": list(LBFGS)}
    for file in pkgutil.iter_modules(package.__path__):
        if file.name in ("test_elementwise", "test_sgd_adam"):
            module = importlib.import_module(f"{package.__name__}.{file.name}")
            for name, settings in module.SETTINGS:
                found.setdefault(name, []).append(settings)
    return found


def optimizers():
    """Return the public optimizers."""
    return {
        name: value
        for name, value in vars(optim).items()
        if isinstance(value, type) and issubclass(value, optim.Optimizer) and name != "Optimizer"
    }


def schedules():
    """Return the public schedules."""
    found = {**vars(lr_scheduler), "SWALR": swa_utils.SWALR}
    return {
        name: value
        for name, value in found.items()
        if isinstance(value, type)
        and issubclass(value, (lr_scheduler.LRScheduler, lr_scheduler.ReduceLROnPlateau))
        and name not in ("LRScheduler", "_LRScheduler")
    }


def test_every_optimizer_is_compared():
    assert sorted(optimizers()) == sorted(all_settings())


@pytest.mark.parametrize("name", sorted(optimizers()))
def test_every_option_is_compared(name):
    options = inspect.signature(optimizers()[name]).parameters
    given = {option for settings in all_settings()[name] for option in settings}
    assert not sorted(set(options) - given - OF_COMPUTING)


class Recorder:
    """Stands for `lr_scheduler`: notes the names that a table's entry asks for."""

    def __init__(self):
        self.asked = set()

    def __getattr__(self, name):
        self.asked.add(name)
        return lambda *args, **settings: self


def test_every_schedule_is_compared():
    recorder = Recorder()
    for make in test_lr_scheduler.SCHEDULES.values():
        make(recorder, None)
    others = set()
    if test_lr_scheduler.PLATEAUS:
        others.add("ReduceLROnPlateau")
    if test_swa_utils.SCHEDULES:
        others.add("SWALR")
    assert sorted(schedules()) == sorted(recorder.asked | others)
