"""torch.nn.modules: names by PyTorch's files; hooks on registrations; what is refused."""

import pytest

import retrograd as rg
from retrograd import nn

from .parity import check_parity


def registered(nn, kind, act):
    """Return what a hook sees of the registrations that `act` makes."""
    log = []
    register = getattr(nn.modules.module, f"register_module_{kind}_registration_hook")
    handle = register(lambda module, name, value: log.append((name, type(value).__name__)))
    try:
        act()
    finally:
        handle.remove()
    act()
    return log


def modules(t, nn):
    net = nn.Sequential(nn.ReLU())
    net.x = nn.ReLU()
    net.add_module("y", None)
    net.x = nn.Tanh()
    net.x = None
    nn.ModuleList([nn.ReLU()])
    nn.ModuleDict({"a": nn.ReLU()})


def parameters(t, nn):
    layer = nn.Linear(2, 2, bias=False)
    layer.register_parameter("q", None)
    layer.weight = nn.Parameter(t.ones(1))
    layer.q = nn.Parameter(t.ones(2))
    layer.q = None


def buffers(t, nn):
    net = nn.Module()
    net.register_buffer("b", None)
    net.b = t.ones(1)
    net.c = nn.Buffer(t.ones(1))
    net.b = None


def replaced(t, nn):
    hooks = nn.modules.module
    handles = [
        hooks.register_module_parameter_registration_hook(
            lambda module, name, value: nn.Parameter(t.zeros(2, 2)) if name == "weight" else None
        ),
        hooks.register_module_module_registration_hook(lambda module, name, value: nn.Tanh()),
    ]
    try:
        net = nn.Module()
        net.weight = nn.Parameter(t.ones(1))
        net.sub = nn.ReLU()
        return net.weight, net
    finally:
        for handle in handles:
            handle.remove()


def around_calls(t, nn):
    hooks = nn.modules.module
    log = []
    handles = [
        hooks.register_module_forward_pre_hook(lambda m, args: log.append("before")),
        hooks.register_module_forward_hook(lambda m, args, y: log.append(type(m).__name__)),
        hooks.register_module_full_backward_pre_hook(lambda m, g: log.append("backward")),
        hooks.register_module_full_backward_hook(lambda m, i, o: log.append("done")),
    ]
    try:
        net = nn.Sequential(nn.Linear(2, 1))
        net(t.ones(1, 2, requires_grad=True)).sum().backward()
    finally:
        for handle in handles:
            handle.remove()
    net(t.ones(1, 2))
    return log


PROGRAMS = {
    "modules": lambda t, nn: registered(nn, "module", lambda: modules(t, nn)),
    "parameters": lambda t, nn: registered(nn, "parameter", lambda: parameters(t, nn)),
    "buffers": lambda t, nn: registered(nn, "buffer", lambda: buffers(t, nn)),
    "replaced": replaced,
    "around calls": around_calls,
    "names": lambda t, nn: [
        nn.modules.Linear is nn.Linear,
        nn.modules.module.Module is nn.Module,
        nn.modules.loss.MSELoss is nn.MSELoss,
        nn.modules.container.Sequential is nn.Sequential,
        issubclass(nn.MSELoss, nn.modules.loss._Loss),
        issubclass(nn.Dropout, nn.modules.dropout._DropoutNd),
        nn.modules.utils._pair(3),
        nn.modules.utils._triple([1, 2, 3]),
        nn.modules.utils._ntuple(2)("ab"),
        hasattr(nn.modules.loss, "Foo"),
    ],
    "entries sorted": lambda t, nn: [
        d.update({"z": t.ones(1), "c": t.ones(2)}) or d for d in [nn.ParameterDict()]
    ],
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_like_torch(name):
    check_parity(PROGRAMS[name])


def test_files_can_be_imported():
    from retrograd.nn.modules.loss import _WeightedLoss

    from retrograd.nn.modules.module import Module

    assert issubclass(nn.CrossEntropyLoss, _WeightedLoss)
    assert Module is nn.Module


def test_what_is_not_there_says_so():
    with pytest.raises(NotImplementedError, match=r"does not have torch\.bfloat16 \(yet\)"):
        nn.Linear(2, 2).bfloat16()
    with pytest.raises(NotImplementedError, match="device 'cuda' is not available"):
        nn.Linear(2, 2).cuda()
    with pytest.raises(AttributeError, match=r"torch\.nn\.modules\.conv\._Nothing"):
        _ = rg.nn.modules.conv._Nothing
