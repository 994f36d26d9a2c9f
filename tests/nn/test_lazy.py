"""Lazy modules: shapes from the first input, state_dicts before and after, refusals."""

import copy
import pickle

import pytest

import retrograd as rg
from retrograd import nn
from retrograd.nn.lazy import LazyModuleMixin
from retrograd.nn.parameter import is_lazy

from .modules import check_complaint
from .parity import check_parity


def _of_loaded(t, nn):
    layer = nn.LazyLinear(3)
    layer.load_state_dict({"weight": t.ones(3, 5), "bias": t.ones(3)})
    before = str(layer)
    return before, layer.in_features, layer(t.ones(2, 5)).detach(), layer, type(layer).__name__


def _drawn(t, nn, *args, **settings):
    layer = nn.LazyLinear(*args, **settings)
    result = layer(t.ones(2, 4)).detach()
    return layer, result, layer.weight, list(layer.state_dict()), t.rand(1)


PROGRAMS = {
    "text": lambda t, nn: (nn.LazyLinear(3), nn.LazyLinear(3, bias=False)),
    "drawn": lambda t, nn: _drawn(t, nn, 3),
    "without bias": lambda t, nn: _drawn(t, nn, 3, False),
    "loaded": _of_loaded,
    "state": lambda t, nn: [
        (name, str(value)) for name, value in nn.LazyLinear(3).state_dict().items()
    ],
    "members": lambda t, nn: (
        str(list(nn.LazyLinear(3).parameters())),
        str(nn.UninitializedParameter()),
        str(nn.UninitializedBuffer()),
        nn.UninitializedParameter().size(),
        nn.UninitializedParameter().data,
        nn.LazyLinear(1).has_uninitialized_params(),
    ),
    "conversion": lambda t, nn: (
        str(nn.LazyLinear(3).double().weight),
        str(nn.LazyLinear(3).double().weight.dtype),
        str(nn.LazyLinear(3).half()(t.ones(2, 2).half()).dtype),
        str(nn.UninitializedParameter(dtype=t.float64).float().dtype),
        str(nn.UninitializedBuffer().double()),
    ),
    "of another lazy module": lambda t, nn: [
        (layer.load_state_dict(nn.LazyLinear(3).state_dict()), layer)
        for layer in [nn.LazyLinear(3)]
    ],
    "shared memory": lambda t, nn: nn.LazyLinear(3).share_memory(),
    "shape": lambda t, nn: nn.LazyLinear(3).weight.shape,
    "into an ordinary module": lambda t, nn: nn.Linear(4, 3).load_state_dict(
        nn.LazyLinear(3).state_dict()
    ),
    "partly loaded": lambda t, nn: nn.LazyLinear(3).load_state_dict({"weight": t.ones(3, 5)}),
}  # fmt: skip


@pytest.mark.parametrize("name", PROGRAMS)
def test_like_torch(name):
    check_parity(PROGRAMS[name])


def test_becomes_the_ordinary_module():
    layer = nn.LazyLinear(3)
    before = layer.weight
    assert layer(rg.ones(2, 4)).shape == (2, 3)
    assert type(layer) is nn.Linear
    assert layer.weight is before
    assert type(before) is nn.Parameter
    assert not layer._forward_pre_hooks
    assert not layer._load_state_dict_pre_hooks


def test_trains_after_its_first_call():
    network = nn.Sequential(nn.LazyLinear(3), nn.ReLU(), nn.LazyLinear(1))
    optimizer = rg.optim.SGD(network.parameters(), lr=0.1)
    network(rg.ones(2, 4)).sum().backward()
    before = network[2].bias.detach().clone()
    optimizer.step()
    assert network[2].bias.item() == pytest.approx(before.item() - 0.2)


@pytest.mark.parametrize("use", [lambda p: p + 1, lambda p: rg.exp(p), lambda p: p.numel(), len])
def test_uses_are_refused(use):
    for unset in (nn.UninitializedParameter(), nn.UninitializedBuffer()):
        with pytest.raises(ValueError, match="Attempted to use an uninitialized parameter in "):
            use(unset)


def test_values_are_refused():
    with pytest.raises(ValueError, match="uninitialized parameter in copy_"):
        nn.UninitializedBuffer().copy_(rg.ones(2))


@pytest.mark.parametrize("made", [nn.UninitializedParameter, nn.UninitializedBuffer])
@pytest.mark.parametrize("again", [copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))])
def test_copies(made, again):
    found = again(made(False, dtype=rg.float64))
    assert type(found) is made
    assert found.dtype is rg.float64
    assert not found.requires_grad


def test_materialized():
    weight = nn.UninitializedParameter(False)
    assert is_lazy(weight)
    weight.materialize((2, 3), dtype=rg.float64)
    assert (type(weight), weight.shape, weight.dtype) == (nn.Parameter, (2, 3), rg.float64)
    assert not weight.requires_grad
    buffer = nn.UninitializedBuffer()
    buffer.materialize((2,), dtype=rg.int64)
    assert (type(buffer), buffer.dtype) == (rg.Tensor, rg.int64)
    assert not is_lazy(buffer)


class Scaled(LazyModuleMixin, nn.Module):
    """A module of the user's own, with a parameter and a buffer."""

    def __init__(self):
        super().__init__()
        self.scale = nn.UninitializedParameter()
        self.register_buffer("shift", nn.UninitializedBuffer())
        self.register_buffer("hidden", nn.UninitializedBuffer(), persistent=False)

    def initialize_parameters(self, x, offset=0.0):
        for member in (self.scale, self.shift, self.hidden):
            member.materialize(x.shape[-1:])
        nn.init.ones_(self.scale)
        self.shift.fill_(offset)

    def forward(self, x, offset=0.0):
        return x * self.scale + self.shift


def test_own_module():
    made = Scaled()
    assert list(made.state_dict()) == ["scale", "shift"]
    assert is_lazy(made.double().shift)
    assert made.shift.dtype is rg.float64
    assert made(rg.ones(2, 3, dtype=rg.float64), offset=2.0).tolist() == [[3.0] * 3] * 2
    assert type(made) is Scaled
    assert not made.has_uninitialized_params()


def _mixin(library):
    if library is rg:
        return LazyModuleMixin
    return library.nn.modules.lazy.LazyModuleMixin


def _own(library, **members):
    def set_up(self):
        super(made, self).__init__()
        self.p = library.nn.UninitializedParameter()

    bases = (_mixin(library), library.nn.Module)
    made = type("Own", bases, {"__init__": set_up, "forward": lambda self, x: x, **members})
    return made()


COMPLAINTS = {
    "nothing to initialize with": lambda t: _own(t)(t.ones(1)),
    "not initialized": lambda t: _own(t, initialize_parameters=lambda self, x: None)(t.ones(1)),
}


@pytest.mark.parametrize("name", COMPLAINTS)
def test_complaints_like_torch(name):
    check_complaint(COMPLAINTS[name])
