"""The base Optimizer: groups, complaints, hooks, checkpoints, text."""

import copy
import pickle

import pytest

import retrograd as rg
from retrograd.optim import optimizer as optimizer_module

from ..nn.parity import check_parity


def _param(t, *shape):
    return t.nn.Parameter(t.ones(*shape or (2,)))


def _added(optimizer, group):
    optimizer.add_param_group(group)
    return optimizer


MADE = {
    "SGD": lambda t, p: t.optim.SGD([p(), p()], lr=0.1, momentum=0.9),
    "Adam": lambda t, p: t.optim.Adam([p()]),
    "AdamW": lambda t, p: t.optim.AdamW([{"params": p()}, {"params": [p()], "lr": 1.0}]),
    "nothing": lambda t, p: t.optim.SGD([]),
    "a tensor": lambda t, p: t.optim.SGD(p()),
    "an int": lambda t, p: t.optim.SGD([3]),
    "a non-leaf": lambda t, p: t.optim.SGD([p() * 2]),
    "a set": lambda t, p: t.optim.SGD([{"params": {p()}}]),
    "no params": lambda t, p: t.optim.SGD([{"lr": 3}]),
    "twice": lambda t, p: [t.optim.SGD([q, q]) for q in [p()]],
    "in two groups": lambda t, p: [t.optim.SGD([{"params": [q]}, {"params": [q]}]) for q in [p()]],
    "named": lambda t, p: t.optim.SGD([("w", p()), ("v", p())]).state_dict(),
    "half named": lambda t, p: t.optim.SGD([("w", p()), p()]),
    "lr below 0": lambda t, p: t.optim.SGD([p()], lr=-1),
    "momentum below 0": lambda t, p: t.optim.SGD([p()], momentum=-1),
    "weight_decay below 0": lambda t, p: t.optim.SGD([p()], weight_decay=-1),
    "nesterov alone": lambda t, p: t.optim.SGD([p()], nesterov=True),
    "lr tensor": lambda t, p: t.optim.SGD([p()], lr=t.tensor(0.5)),
    "lr of two": lambda t, p: t.optim.SGD([p()], lr=t.ones(2)),
    "fused and foreach": lambda t, p: t.optim.SGD([p()], fused=True, foreach=True),
    "fused": lambda t, p: t.optim.SGD([p()], fused=True),
    "foreach": lambda t, p: t.optim.Adam([p()], foreach=True),
    "capturable": lambda t, p: t.optim.Adam([p()], capturable=True),
    "fused and differentiable": lambda t, p: t.optim.Adam([p()], fused=True, differentiable=True),
    "adam lr below 0": lambda t, p: t.optim.Adam([p()], lr=-1),
    "eps below 0": lambda t, p: t.optim.Adam([p()], eps=-1),
    "beta of 1": lambda t, p: t.optim.Adam([p()], betas=(1, 0.9)),
    "second beta of 1": lambda t, p: t.optim.Adam([p()], betas=(0.9, 1)),
    "adam weight_decay below 0": lambda t, p: t.optim.Adam([p()], weight_decay=-1),
    "lr tensor and foreach": lambda t, p: t.optim.Adam([p()], lr=t.tensor(0.1), foreach=True),
    "mixed betas": lambda t, p: t.optim.Adam([p()], betas=(t.tensor(0.9), 0.9)),
    "added": lambda t, p: _added(t.optim.SGD([p()]), {"params": p(), "lr": 2.0}),
    "added int": lambda t, p: _added(t.optim.SGD([p()]), 3),
    "added unnamed": lambda t, p: _added(t.optim.SGD([("w", p())]), {"params": p()}),
    "added named": lambda t, p: _added(t.optim.SGD([p()]), {"params": [("w", p())]}),
    "own": lambda t, p: type("Own", (t.optim.Optimizer,), {})([p()], {"a": None, "b": 3}),
    "own step": lambda t, p: type("Own", (t.optim.Optimizer,), {})([p()], {}).step(),
    "too few groups": lambda t, p: t.optim.SGD([{"params": p()}, {"params": p()}]).load_state_dict(
        t.optim.SGD([p()]).state_dict()
    ),
    "too few params": lambda t, p: t.optim.SGD([p(), p()]).load_state_dict(
        t.optim.SGD([p()]).state_dict()
    ),
    "closure": lambda t, p: t.optim.SGD([p()]).step(lambda: (t.is_grad_enabled(), 4)),
}


@pytest.mark.parametrize("name", MADE)
def test_making_optimizers_like_torch(name):
    check_parity(lambda t, nn: MADE[name](t, lambda *shape: _param(t, *shape)))


def test_zero_grad():
    w = rg.ones(2, requires_grad=True)
    optimizer = rg.optim.SGD([w])
    (w * w).sum().backward()
    optimizer.zero_grad(set_to_none=False)
    assert w.grad.tolist() == [0.0, 0.0]
    optimizer.zero_grad()
    assert w.grad is None


def test_step_hooks_like_torch():
    def program(t, nn):
        log = []
        optimizer = t.optim.SGD([_param(t)], lr=0.1)
        optimizer.register_step_pre_hook(lambda o, args, kw: log.append(("pre", len(args), kw)))
        handle = optimizer.register_step_post_hook(
            lambda o, args, kw: log.append(("post", o is optimizer, len(args), list(kw)))
        )
        log.append(optimizer.step())
        log.append(optimizer.step(lambda: 4.0))
        log.append(optimizer.step(closure=lambda: 5.0))
        handle.remove()
        optimizer.register_step_pre_hook(lambda o, args, kw: ((o, lambda: 6.0), kw))
        log.append(optimizer.step())
        optimizer.register_step_pre_hook(lambda o, args, kw: 3)
        try:
            optimizer.step()
        except RuntimeError as error:
            log.append(str(error).split(" must ")[1])
        return log

    check_parity(program)


def test_state_dict_hooks_like_torch():
    def program(t, nn):
        log = []
        optimizer = t.optim.SGD([_param(t)], lr=0.1)
        optimizer.register_state_dict_pre_hook(lambda o: log.append("saving"))
        optimizer.register_state_dict_post_hook(lambda o, state: {**state, "more": 1})
        optimizer.register_load_state_dict_pre_hook(lambda o, state: log.append(list(state)))
        optimizer.register_load_state_dict_post_hook(lambda o: log.append("loaded"))
        state = optimizer.state_dict()
        optimizer.load_state_dict(state)
        return log, state

    check_parity(program)


def test_hooks_of_every_optimizer():
    log = []
    handle = optimizer_module.register_optimizer_step_post_hook(
        lambda o, args, kwargs: log.append(type(o).__name__)
    )
    rg.optim.SGD([rg.ones(1, requires_grad=True)]).step()
    handle.remove()
    rg.optim.Adam([rg.ones(1, requires_grad=True)]).step()
    assert log == ["SGD"]


def test_hooks_run_once_around_a_subclass_that_calls_its_parent():
    class Own(rg.optim.SGD):
        def step(self, closure=None):
            return super().step(closure)

    log = []
    optimizer = Own([rg.ones(1, requires_grad=True)])
    optimizer.register_step_pre_hook(lambda o, args, kwargs: log.append("pre"))
    optimizer.step()
    optimizer.step()
    assert log == ["pre", "pre"]


def test_required_settings():
    class Own(rg.optim.Optimizer):
        pass

    with pytest.raises(ValueError, match="didn't specify a value of required optimization"):
        Own([rg.ones(1, requires_grad=True)], {"lr": optimizer_module.required})


def test_user_optimizer_trains():
    class Signs(rg.optim.Optimizer):
        def __init__(self, params, lr):
            super().__init__(params, {"lr": lr})

        @rg.no_grad()
        def step(self, closure=None):
            for group in self.param_groups:
                for param in group["params"]:
                    self.state[param]["count"] = self.state[param].get("count", 0) + 1
                    param.add_(param.grad.sign(), alpha=-group["lr"])

    w = rg.tensor([1.0, -1.0], requires_grad=True)
    optimizer = Signs([w], 0.25)
    for _ in range(4):
        optimizer.zero_grad()
        (w * w).sum().backward()
        optimizer.step()
    assert w.tolist() == [0.0, 0.0]
    assert optimizer.state_dict()["state"] == {0: {"count": 4}}


def test_copies_go_on_alike():
    w, v = rg.ones(3, requires_grad=True), rg.ones(2, requires_grad=True)
    optimizer = rg.optim.Adam([w, v], lr=0.1)
    w.grad, v.grad = rg.ones(3), rg.ones(2)
    optimizer.step()
    for twin in (copy.deepcopy(optimizer), pickle.loads(pickle.dumps(optimizer))):
        param, other = twin.param_groups[0]["params"]
        assert param is not w
        param.grad, other.grad = rg.ones(3), rg.ones(2)
        twin.step()
        assert twin.state[param]["step"].item() == 2.0
        assert optimizer.state[w]["step"].item() == 1.0
        assert param.tolist() == pytest.approx([0.8] * 3, abs=1e-5)


def test_loading_brings_state_to_the_parameters_dtype():
    w = rg.ones(2, requires_grad=True)
    optimizer = rg.optim.Adam([w], lr=0.1)
    w.grad = rg.ones(2)
    optimizer.step()
    other = rg.ones(2, dtype=rg.float64, requires_grad=True)
    loaded = rg.optim.Adam([other])
    loaded.load_state_dict(optimizer.state_dict())
    assert loaded.param_groups[0]["lr"] == 0.1
    assert loaded.state[other]["exp_avg"].dtype is rg.float64
    assert loaded.state[other]["step"].dtype is rg.float32
