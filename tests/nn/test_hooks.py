"""Hooks of Module: around forward and around backward."""

import pytest

import retrograd as rg
from retrograd import nn
from retrograd.nn import hooks

from .parity import check_parity


def test_forward_hooks_change_input_and_result():
    net = nn.Identity()
    first = net.register_forward_pre_hook(lambda m, args: args[0] + 1)
    second = net.register_forward_hook(lambda m, args, out: out * 10)
    x = rg.ones(1)
    assert net(x).item() == 20
    first.remove()
    assert net(x).item() == 10
    second.remove()
    assert net(x).item() == 1
    assert "_hooked" not in net.__dict__


def test_hook_handle_as_context():
    net = nn.Identity()
    with net.register_forward_hook(lambda m, args, out: out * 10):
        assert net(rg.ones(1)).item() == 10
    assert net(rg.ones(1)).item() == 1


def test_hooks_of_every_module():
    names = []
    handle = hooks.register_module_forward_hook(lambda m, args, out: names.append(type(m).__name__))
    nn.Sequential(nn.Identity(), nn.ReLU())(rg.ones(1))
    handle.remove()
    nn.ReLU()(rg.ones(1))
    assert names == ["Identity", "ReLU", "Sequential"]


def _record(log, name, result=None):
    def hook(*args):
        log.append((name, args[1:]))
        return result

    return hook


def _forward_program(register):
    def program(t, nn):
        log = []
        net = nn.Linear(2, 2)
        register(net, log, t)
        try:
            log.append(net(t.ones(1, 2)))
        finally:
            log.append(net(input=t.ones(1, 2)))
        return log

    return program


FORWARD_HOOKS = {
    "pre": lambda m, log, t: m.register_forward_pre_hook(_record(log, "pre")),
    "pre int": lambda m, log, t: m.register_forward_pre_hook(
        lambda m, args: None if not args else args[0] * 2
    ),
    "pre kwargs": lambda m, log, t: m.register_forward_pre_hook(
        lambda m, a, k: ((), {"input": t.zeros(1, 2)}), with_kwargs=True
    ),
    "pre kwargs int": lambda m, log, t: m.register_forward_pre_hook(
        lambda m, a, k: 3, with_kwargs=True
    ),
    "pre kwargs three": lambda m, log, t: m.register_forward_pre_hook(
        lambda m, a, k: (1, 2, 3), with_kwargs=True
    ),
    "post": lambda m, log, t: m.register_forward_hook(_record(log, "post")),
    "post replaces": lambda m, log, t: m.register_forward_hook(_record(log, "post", t.ones(1))),
    "post kwargs": lambda m, log, t: m.register_forward_hook(
        _record(log, "post"), with_kwargs=True
    ),
    "order": lambda m, log, t: [
        m.register_forward_hook(_record(log, "first")),
        m.register_forward_hook(_record(log, "second"), prepend=True),
    ],
}


@pytest.mark.parametrize("name", FORWARD_HOOKS)
def test_forward_hooks_like_torch(name):
    check_parity(_forward_program(FORWARD_HOOKS[name]))


def test_always_called_hooks_like_torch():
    def program(t, nn):
        log = []

        class Bad(nn.Module):
            def forward(self, x):
                raise ValueError("boom")

        def fail(m, args, out):
            raise KeyError("hook")

        bad = Bad()
        bad.register_forward_hook(_record(log, "plain"))
        bad.register_forward_hook(_record(log, "always"), always_call=True)
        bad.register_forward_hook(fail, always_call=True)
        try:
            bad(3)
        except ValueError as error:
            log.append(str(error))
        good = nn.Identity()
        good.register_forward_hook(_record(log, "once", 5), always_call=True)
        good.register_forward_hook(fail)
        good.register_forward_hook(_record(log, "late"), always_call=True)
        try:
            good(3)
        except KeyError as error:
            log.append(repr(error))
        return log

    check_parity(program)


def _two_inputs(t, nn):
    class Two(nn.Module):
        def forward(self, a, b, c=None):
            return a * 2, b * 3, "text"

    return Two()


def _full_hook_program(register, input_requires_grad=True):
    def program(t, nn):
        log = []
        net = nn.Linear(2, 2)
        register(net, log, t)
        x = t.ones(1, 2, requires_grad=input_requires_grad)
        y = net(x)
        log.append(y.grad_fn.name())
        try:
            y.sum().backward()
        except Exception as error:
            log.append(f"{type(error).__name__}: {error}")
        log.append([p.grad for p in net.parameters()])
        log.append(x.grad)
        return log

    return program


FULL_HOOKS = {
    "looks": lambda m, log, t: m.register_full_backward_hook(_record(log, "back")),
    "replaces": lambda m, log, t: m.register_full_backward_hook(
        _record(log, "back", (t.zeros(1, 2),))
    ),
    "wrong count": lambda m, log, t: m.register_full_backward_hook(
        _record(log, "back", (t.zeros(1, 2), None))
    ),
    "wrong shape": lambda m, log, t: m.register_full_backward_hook(
        _record(log, "back", (t.zeros(3),))
    ),
    "no tensor": lambda m, log, t: m.register_full_backward_hook(_record(log, "back", (3,))),
    "pre looks": lambda m, log, t: m.register_full_backward_pre_hook(_record(log, "pre")),
    "pre replaces": lambda m, log, t: m.register_full_backward_pre_hook(
        _record(log, "pre", (t.zeros(1, 2),))
    ),
    "pre wrong count": lambda m, log, t: m.register_full_backward_pre_hook(
        _record(log, "pre", (t.zeros(1, 2), None))
    ),
    "both": lambda m, log, t: [
        m.register_full_backward_hook(_record(log, "back")),
        m.register_full_backward_pre_hook(_record(log, "pre", (t.full((1, 2), 2.0),))),
    ],
}


@pytest.mark.parametrize("name", FULL_HOOKS)
@pytest.mark.parametrize("wanted", [True, False])
def test_full_backward_hooks_like_torch(name, wanted):
    check_parity(_full_hook_program(FULL_HOOKS[name], wanted))


def test_full_backward_hook_of_several_inputs_and_outputs():
    def program(t, nn):
        log = []
        net = _two_inputs(t, nn)
        net.register_full_backward_hook(_record(log, "back"))
        net.register_full_backward_pre_hook(_record(log, "pre"))
        a, b = t.ones(2, requires_grad=True), t.ones(2, requires_grad=True)
        out = net(a, b, c=3)
        out[0].sum().backward()
        out = net(a, b)
        (out[0] + out[1]).sum().backward()
        return log, a.grad, b.grad, out[2]

    check_parity(program)


def test_full_backward_hook_survives_no_grad_and_dict_results():
    def program(t, nn):
        log = []

        class Named(nn.Module):
            def forward(self, a):
                return {"x": a * 2}

        net = Named()
        net.register_full_backward_hook(_record(log, "back"))
        a = t.ones(2, requires_grad=True)
        net(a)["x"].sum().backward()
        layer = nn.Linear(2, 2)
        layer.register_full_backward_hook(_record(log, "back"))
        with t.no_grad():
            log.append(layer(a).grad_fn)
        return log, a.grad

    check_parity(program)


def test_old_backward_hooks():
    def program(t, nn):
        log = []
        net = nn.ReLU()
        net.register_backward_hook(_record(log, "back"))
        x = t.ones(2, requires_grad=True)
        net(x * 1).sum().backward()
        try:
            net.register_full_backward_hook(_record(log, "full"))
        except RuntimeError as error:
            log.append(str(error))
        return log

    check_parity(program)
