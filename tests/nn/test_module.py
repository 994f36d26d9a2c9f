"""Module: registration, walking, conversion, copies."""

import copy
import pickle
import weakref
from collections import OrderedDict

import pytest

import retrograd as rg
from retrograd import nn

from .nets import Net, make_net
from .parity import check_parity

# -- registration -----------------------------------------------------------------------------


def test_attributes_are_registered_and_found():
    net = Net()
    assert [name for name, _ in net.named_parameters()] == ["scale", "layer.weight", "layer.bias"]
    assert [name for name, _ in net.named_buffers()] == ["count", "scratch"]
    assert [name for name, _ in net.named_modules()] == ["", "layer"]
    assert net.scale is net._parameters["scale"]
    assert net.nothing is None


def test_tables_and_attributes_agree_after_direct_writes():
    net = Net()
    other = nn.Linear(3, 2)
    net._modules["layer"] = other
    assert net.layer is other
    param = nn.Parameter(rg.zeros(2))
    net._parameters["scale"] = param
    assert net.scale is param
    del net._parameters["scale"]
    assert not hasattr(net, "scale")
    net._modules.update(extra=other)
    assert net.extra is other
    assert net._modules.pop("extra") is other
    assert not hasattr(net, "extra")
    net._modules = OrderedDict(new=other)
    assert net.new is other
    assert not hasattr(net, "layer")
    net._modules["forward"] = other  # the class's own attribute is found first, as in PyTorch
    assert net.forward is not other


def test_a_name_moves_between_kinds():
    net = Net()
    net.count = nn.Parameter(rg.ones(1))
    assert "count" not in net._buffers
    assert "count" in net._parameters
    net.layer = nn.Parameter(rg.ones(1))
    assert "layer" not in net._modules
    net.plain = 3
    net.plain = nn.ReLU()
    assert "plain" in net._modules
    del net.plain
    assert not hasattr(net, "plain")


def test_modules_are_freed_by_reference_counts():
    net = Net()
    gone = weakref.ref(net)
    inner = weakref.ref(net.layer)
    del net
    assert gone() is None
    assert inner() is None


def test_super_getattr_works_in_wrappers():
    class Wrapper(nn.Module):
        def __init__(self, module):
            super().__init__()
            self.module = module

        def __getattr__(self, name):
            try:
                return super().__getattr__(name)
            except AttributeError:
                return getattr(self.module, name)

    wrapped = Wrapper(Net())
    assert wrapped.scale is wrapped.module.scale
    with pytest.raises(AttributeError, match="'Net' object has no attribute 'missing'"):
        assert wrapped.missing


REGISTRATION = {
    "parameter to int": lambda t, nn, m: setattr(m, "scale", 3),
    "parameter to tensor": lambda t, nn, m: setattr(m, "scale", t.ones(2)),
    "parameter to module": lambda t, nn, m: setattr(m, "scale", nn.ReLU()),
    "module to int": lambda t, nn, m: setattr(m, "layer", 3),
    "module to tensor": lambda t, nn, m: setattr(m, "layer", t.ones(2)),
    "buffer to int": lambda t, nn, m: setattr(m, "count", 3),
    "buffer to None": lambda t, nn, m: (setattr(m, "count", None), m.count, m._buffers["count"]),
    "parameter to None": lambda t, nn, m: (setattr(m, "scale", None), m.scale),
    "buffer over parameter": lambda t, nn, m: m.register_buffer("scale", t.ones(2)),
    "buffer with a dot": lambda t, nn, m: m.register_buffer("a.b", t.ones(2)),
    "buffer without name": lambda t, nn, m: m.register_buffer("", t.ones(2)),
    "buffer named 3": lambda t, nn, m: m.register_buffer(3, t.ones(2)),
    "buffer of int": lambda t, nn, m: m.register_buffer("q", 3),
    "parameter over attribute": lambda t, nn, m: m.register_parameter("training", None),
    "parameter with a dot": lambda t, nn, m: m.register_parameter("a.b", None),
    "parameter without name": lambda t, nn, m: m.register_parameter("", None),
    "parameter named 3": lambda t, nn, m: m.register_parameter(3, None),
    "parameter of tensor": lambda t, nn, m: m.register_parameter("q", t.ones(2)),
    "module over parameter": lambda t, nn, m: m.add_module("scale", nn.ReLU()),
    "module with a dot": lambda t, nn, m: m.add_module("a.b", nn.ReLU()),
    "module without name": lambda t, nn, m: m.add_module("", nn.ReLU()),
    "module named 3": lambda t, nn, m: m.add_module(3, nn.ReLU()),
    "module of int": lambda t, nn, m: m.add_module("q", 3),
    "module of None": lambda t, nn, m: (m.add_module("q", None), m),
    "missing": lambda t, nn, m: m.zzz,
    "delete missing": lambda t, nn, m: delattr(m, "zzz"),
    "delete buffer": lambda t, nn, m: (delattr(m, "scratch"), m._non_persistent_buffers_set),
    "get_parameter": lambda t, nn, m: m.get_parameter("layer.weight"),
    "get_parameter missing": lambda t, nn, m: m.get_parameter("layer.zz"),
    "get_parameter of module": lambda t, nn, m: m.get_parameter("layer"),
    "get_parameter no module": lambda t, nn, m: m.get_parameter("zz.weight"),
    "get_submodule": lambda t, nn, m: m.get_submodule("blocks.1.0"),
    "get_submodule missing": lambda t, nn, m: m.get_submodule("blocks.7"),
    "get_submodule of parameter": lambda t, nn, m: m.get_submodule("scale"),
    "get_buffer": lambda t, nn, m: m.get_buffer("count"),
    "get_buffer of parameter": lambda t, nn, m: m.get_buffer("scale"),
    "get_buffer missing": lambda t, nn, m: m.get_buffer("zz"),
    "set_submodule": lambda t, nn, m: (m.set_submodule("blocks.1.0", nn.Tanh()), m),
    "set_submodule new": lambda t, nn, m: (m.set_submodule("blocks.new", nn.Tanh()), m),
    "set_submodule strict": lambda t, nn, m: m.set_submodule("new", nn.Tanh(), strict=True),
    "set_submodule empty": lambda t, nn, m: m.set_submodule("", nn.Tanh()),
    "set_submodule int": lambda t, nn, m: m.set_submodule("layer", 3),
    "set_submodule parameter": lambda t, nn, m: m.set_submodule("scale", nn.Tanh()),
    "buffer class": lambda t, nn, m: (
        setattr(m, "kept", nn.Buffer(t.ones(1))),
        setattr(m, "lost", nn.Buffer(t.ones(1), persistent=False)),
        m._non_persistent_buffers_set,
        m.kept,
        list(m.state_dict()),
    ),
    "train with int": lambda t, nn, m: m.train(3),
    "to int32": lambda t, nn, m: m.to(t.int32),
    "no forward": lambda t, nn, m: nn.Module()(3),
    "arguments": lambda t, nn, m: nn.Module(3),
    "keyword arguments": lambda t, nn, m: nn.Module(a=3),
    "print": lambda t, nn, m: m,
    "walk": lambda t, nn, m: (
        list(m.named_parameters()),
        list(m.named_buffers(prefix="p", recurse=False)),
        [name for name, _ in m.named_modules(prefix="p")],
        list(m.children()),
        len(list(m.modules())),
    ),
    "dir": lambda t, nn, m: [n for n in dir(m) if n in ("scale", "layer", "count", "forward")],
}


@pytest.mark.parametrize("name", REGISTRATION)
def test_registration_like_torch(name):
    check_parity(lambda t, nn: REGISTRATION[name](t, nn, make_net(t, nn)))


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: nn.Linear(1, 1), "cannot assign module before Module.__init__() call"),
        (
            lambda: nn.Parameter(rg.ones(1)),
            "cannot assign parameters before Module.__init__() call",
        ),
        (lambda: nn.Buffer(rg.ones(1)), "cannot assign buffer before Module.__init__() call"),
    ],
)
def test_assigning_before_init(make, words):
    class Early(nn.Module):
        def __init__(self):
            self.x = make()

    with pytest.raises(AttributeError) as caught:
        Early()
    assert str(caught.value) == words


def test_shared_members_are_listed_once():
    def program(t, nn):
        layer = nn.Linear(2, 2)
        net = nn.Sequential(layer, nn.ReLU(), layer)
        names = [n for n, _ in net.named_parameters()]
        every = [n for n, _ in net.named_parameters(remove_duplicate=False)]
        modules = [n for n, _ in net.named_modules(remove_duplicate=False)]
        return names, every, modules, list(net.state_dict()), net

    check_parity(program)


# -- switching and converting -------------------------------------------------------------------


def test_train_eval_apply():
    net = nn.Sequential(nn.Linear(1, 1), nn.Sequential(nn.ReLU()))
    assert net.eval() is net
    assert not any(m.training for m in net.modules())
    net.train()
    assert all(m.training for m in net.modules())
    order = []
    assert net.apply(lambda m: order.append(type(m).__name__)) is net
    assert order == ["Linear", "ReLU", "Sequential", "Sequential"]


def test_conversion_keeps_parameters_and_converts_gradients():
    net = Net()
    weight = net.layer.weight
    net(rg.ones(1, 3)).sum().backward()
    assert net.double() is net
    assert net.layer.weight is weight
    assert weight.dtype is rg.float64
    assert weight.grad.dtype is rg.float64
    assert net.count.dtype is rg.float64
    net.to(rg.float32)
    assert weight.dtype is rg.float32
    net.register_buffer("whole", rg.zeros(1, dtype=rg.int64))
    net.half()
    assert net.whole.dtype is rg.int64
    assert net.scale.dtype is rg.float16
    net.to(rg.zeros(1, dtype=rg.float64))
    assert net.scale.dtype is rg.float64
    net.to("cpu", rg.float32)
    net.type(rg.float64)
    assert net.scale.dtype is rg.float64
    assert net.scale.requires_grad
    assert net.scale.is_leaf


def test_zero_grad_and_requires_grad():
    net = Net()
    net(rg.ones(1, 3)).sum().backward()
    net.zero_grad(set_to_none=False)
    assert net.scale.grad.tolist() == [0.0, 0.0]
    net.zero_grad()
    assert net.scale.grad is None
    net.requires_grad_(False)
    assert not net(rg.ones(1, 3)).requires_grad


# -- copies ---------------------------------------------------------------------------------------


def test_deepcopy_is_independent():
    net = Net()
    net.scale.grad = rg.ones(2)
    twin = copy.deepcopy(net)
    assert isinstance(twin.scale, nn.Parameter)
    assert twin.scale.requires_grad
    assert twin.scale.grad is None
    with rg.no_grad():
        twin.scale.fill_(7)
    assert net.scale.tolist() == [1.0, 1.0]
    twin._parameters["scale"] = None
    assert twin.scale is None
    assert net.scale is not None


def test_pickle_and_shallow_copy():
    net = Net()
    again = pickle.loads(pickle.dumps(net))
    assert repr(again) == repr(net)
    assert rg.equal(again.layer.weight, net.layer.weight)
    again.layer = nn.Linear(1, 1)
    assert again.layer.in_features == 1
    again._modules["layer"] = net.layer
    assert again.layer is net.layer
    alias = copy.copy(net)
    assert alias.scale is net.scale
