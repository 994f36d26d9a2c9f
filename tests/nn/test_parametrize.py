"""nn.utils: parametrizations, weight and spectral norm in both forms, functional_call."""

import copy
import pickle
import warnings

import pytest

import retrograd as rg
from retrograd import nn
from retrograd.nn.utils import parametrizations, parametrize, stateless

from .parity import check_parity


def parts(t, nn):
    """Return parametrizations, good and bad, by name."""

    class Symmetric(nn.Module):
        def forward(self, x):
            return x.triu() + x.triu(1).mT

    class Number(nn.Module):
        def forward(self, x):
            return 3

    class Wide(nn.Module):
        def forward(self, x):
            return x.double()

    class Row(nn.Module):
        def forward(self, x):
            return x[:1]

    class Halves(nn.Module):
        def forward(self, a, b):
            return a + b

        def right_inverse(self, w):
            return w / 3, w * 2 / 3

    class Twice(nn.Module):
        def forward(self, x):
            return x * 2

        def right_inverse(self, w):
            return w / 2

    class NumberBack(Twice):
        def right_inverse(self, w):
            return 3

    class WideBack(Twice):
        def right_inverse(self, w):
            return w.double()

    return dict(locals())


def registered(t, nn, *names, layer=None, unsafe=False):
    """Return a layer with parametrizations of its weight."""
    layer = layer or nn.Linear(3, 3)
    for name in names:
        nn.utils.parametrize.register_parametrization(
            layer, "weight", parts(t, nn)[name](), unsafe=unsafe
        )
    return layer


def shown(layer, name="weight"):
    return layer, list(layer.state_dict()), getattr(layer, name), list(layer._parameters)


def gradients(t, nn, layer):
    x = t.arange(6.0, dtype=layer.bias.dtype).reshape(2, 3)
    layer(x).square().sum().backward()
    return [(name, one.grad) for name, one in layer.named_parameters()]


def assigned(layer, value):
    layer.weight = value
    return layer.weight, list(layer.named_parameters())


def removed(nn, layer, **settings):
    back = nn.utils.parametrize.remove_parametrizations(layer, "weight", **settings)
    return (*shown(back), type(back).__name__)


def counted(t, nn, block):
    """Return how often a parametrization runs when its tensor is read twice."""
    calls = []

    class Counting(nn.Module):
        def forward(self, x):
            calls.append(1)
            return x * 1

    layer = nn.Linear(2, 2)
    nn.utils.parametrize.register_parametrization(layer, "weight", Counting())
    calls.clear()
    with block(nn.utils.parametrize):
        same = layer.weight is layer.weight
    return len(calls), same


PARAMETRIZE = {
    **{
        name + (" unsafe" if unsafe else ""): lambda t, nn, n=name, u=unsafe: registered(
            t, nn, n, unsafe=u
        )
        for name in ("Symmetric", "Number", "Wide", "Row", "NumberBack", "WideBack")
        for unsafe in (False, True)
    },
    **{
        name + " on top": lambda t, nn, n=name: registered(t, nn, "Symmetric", n)
        for name in ("Number", "Wide", "Row", "NumberBack", "WideBack", "Twice")
    },
    "shown": lambda t, nn: shown(registered(t, nn, "Symmetric")),
    "shown twice": lambda t, nn: shown(registered(t, nn, "Twice", "Symmetric")),
    "shown halves": lambda t, nn: shown(registered(t, nn, "Halves")),
    "gradients": lambda t, nn: gradients(t, nn, registered(t, nn, "Twice", "Symmetric")),
    "gradients of halves": lambda t, nn: gradients(t, nn, registered(t, nn, "Halves")),
    "assigned": lambda t, nn: assigned(registered(t, nn, "Twice"), t.ones(3, 3)),
    "assigned halves": lambda t, nn: assigned(registered(t, nn, "Halves"), t.ones(3, 3)),
    "assigned without": lambda t, nn: assigned(registered(t, nn, "Symmetric"), t.ones(3, 3)),
    "assigned a parameter": lambda t, nn: assigned(
        registered(t, nn, "Twice"), nn.Parameter(t.ones(3, 3))
    ),
    "removed": lambda t, nn: removed(nn, registered(t, nn, "Symmetric")),
    "removed with original": lambda t, nn: removed(
        nn, registered(t, nn, "Symmetric"), leave_parametrized=False
    ),
    "removed halves": lambda t, nn: removed(nn, registered(t, nn, "Halves")),
    "removed halves with originals": lambda t, nn: removed(
        nn, registered(t, nn, "Halves"), leave_parametrized=False
    ),
    "removed from none": lambda t, nn: removed(nn, nn.Linear(3, 3)),
    "no such tensor": lambda t, nn: nn.utils.parametrize.register_parametrization(
        nn.Linear(3, 3), "foo", nn.Identity()
    ),
    "no tensor": lambda t, nn: nn.utils.parametrize.register_parametrization(
        nn.Linear(3, 3), "in_features", nn.Identity()
    ),
    "buffer": lambda t, nn: [
        (n, list(n.state_dict()), n.running)
        for n in [nn.Module()]
        if n.register_buffer("running", t.ones(2)) is None
        and nn.utils.parametrize.register_parametrization(n, "running", parts(t, nn)["Twice"]())
    ],
    "two tensors": lambda t, nn: [
        (nn.utils.parametrize.register_parametrization(n, "bias", parts(t, nn)["Twice"]()), n.bias)
        for n in [registered(t, nn, "Symmetric")]
    ],
    "pickled": lambda t, nn: pickle.dumps(registered(t, nn, "Symmetric")),
    "copied": lambda t, nn: [
        (c, c.weight, c.weight is not layer.weight, type(c).__name__)
        for layer in [registered(t, nn, "Symmetric")]
        for c in [copy.deepcopy(layer)]
    ],
    "asked": lambda t, nn: [
        (p.is_parametrized(n), p.is_parametrized(n, "weight"), p.is_parametrized(n, "bias"))
        for p in [nn.utils.parametrize]
        for n in [registered(t, nn, "Symmetric"), nn.Linear(2, 2)]
    ],
    "former type": lambda t, nn: [
        nn.utils.parametrize.type_before_parametrizations(n).__name__
        for n in [registered(t, nn, "Symmetric"), nn.Linear(2, 2)]
    ],
    "empty list": lambda t, nn: nn.utils.parametrize.ParametrizationList([], t.ones(2)),
    "list": lambda t, nn: [
        (one, one(), one.is_tensor, one.ntensors, one.unsafe)
        for one in [
            nn.utils.parametrize.ParametrizationList([parts(t, nn)["Halves"]()], t.ones(2, 2))
        ]
    ],
    "cached": lambda t, nn: counted(t, nn, lambda p: p.cached()),
    "not cached": lambda t, nn: counted(t, nn, lambda p: warnings.catch_warnings()),
    "transferred": lambda t, nn: [
        shown(
            nn.utils.parametrize.transfer_parametrizations_and_params(
                registered(t, nn, *names), nn.Linear(3, 3)
            )
        )
        for names in (["Symmetric"], ["Twice", "Symmetric"], ["Halves"], [])
    ],
    "loaded": lambda t, nn: [
        (to.load_state_dict(registered(t, nn, "Halves").state_dict()), to.weight)
        for to in [registered(t, nn, "Halves")]
    ],
}


@pytest.mark.parametrize("name", PARAMETRIZE)
def test_parametrize_like_torch(name):
    check_parity(PARAMETRIZE[name])


def trained(t, nn, layer, steps=3):
    """Return results over some steps of training, then in evaluation, and the state."""
    optimizer = t.optim.SGD(layer.parameters(), lr=0.1)
    results = []
    for _ in range(steps):
        optimizer.zero_grad()
        y = layer(t.arange(6.0).reshape(2, 3) / 6)
        y.square().sum().backward()
        optimizer.step()
        results.append(y.detach())
    layer.eval()
    results.append(layer(t.ones(1, 3)).detach())
    return results, [(name, one.detach()) for name, one in layer.state_dict().items()]


ORTHOGONAL = {
    f"{kind} {shape} {trivial}": lambda t, nn, k=kind, s=shape, u=trivial: [
        (shown(n), gradients(t, nn, n))
        for n in [
            nn.utils.parametrizations.orthogonal(
                nn.Linear(3, s, dtype=t.float64), orthogonal_map=k, use_trivialization=u
            )
        ]
    ]
    for kind in (None, "matrix_exp", "cayley", "householder")
    for shape in (2, 3, 5)
    for trivial in (True, False)
}
NORMS = {
    **ORTHOGONAL,
    "orthogonal assigned": lambda t, nn: assigned(
        nn.utils.parametrizations.orthogonal(nn.Linear(2, 3)), t.eye(3)[:, :2]
    ),
    "householder assigned": lambda t, nn: assigned(
        nn.utils.parametrizations.orthogonal(
            nn.Linear(2, 3), orthogonal_map="householder", use_trivialization=False
        ),
        t.eye(3)[:, :2],
    ),
    "cayley assigned": lambda t, nn: assigned(
        nn.utils.parametrizations.orthogonal(
            nn.Linear(2, 3), orthogonal_map="cayley", use_trivialization=False
        ),
        t.eye(3)[:, :2],
    ),
    "orthogonal of another shape": lambda t, nn: assigned(
        nn.utils.parametrizations.orthogonal(nn.Linear(2, 3)), t.ones(2, 2)
    ),
    "orthogonal vector": lambda t, nn: nn.utils.parametrizations.orthogonal(
        nn.Linear(3, 2), "bias"
    ),
    "orthogonal of nothing": lambda t, nn: nn.utils.parametrizations.orthogonal(
        nn.Linear(3, 2), "foo"
    ),
    "orthogonal map": lambda t, nn: nn.utils.parametrizations.orthogonal(
        nn.Linear(3, 2), orthogonal_map="x"
    ),
    "orthogonal trained": lambda t, nn: trained(
        t, nn, nn.utils.parametrizations.orthogonal(nn.Linear(3, 3))
    ),
    **{
        f"weight_norm {dim}": lambda t, nn, d=dim: [
            (shown(n), gradients(t, nn, n))
            for n in [nn.utils.parametrizations.weight_norm(nn.Linear(3, 2), dim=d)]
        ]
        for dim in (0, 1, None)
    },
    "weight_norm trained": lambda t, nn: trained(
        t, nn, nn.utils.parametrizations.weight_norm(nn.Linear(3, 2))
    ),
    "weight_norm loads the former": lambda t, nn: [
        (to.load_state_dict(nn.utils.weight_norm(nn.Linear(3, 2)).state_dict()), to.weight)
        for to in [nn.utils.parametrizations.weight_norm(nn.Linear(3, 2))]
    ],
    "spectral_norm": lambda t, nn: [
        (shown(n), gradients(t, nn, n), list(n.buffers()))
        for n in [nn.utils.parametrizations.spectral_norm(nn.Linear(3, 2))]
    ],
    "spectral_norm trained": lambda t, nn: trained(
        t, nn, nn.utils.parametrizations.spectral_norm(nn.Linear(3, 2), n_power_iterations=2)
    ),
    "spectral_norm dim": lambda t, nn: shown(
        nn.utils.parametrizations.spectral_norm(nn.Linear(3, 2), dim=1)
    ),
    "spectral_norm of a vector": lambda t, nn: shown(
        nn.utils.parametrizations.spectral_norm(nn.Linear(3, 2), "bias"), "bias"
    ),
    "spectral_norm of nothing": lambda t, nn: nn.utils.parametrizations.spectral_norm(
        nn.Linear(3, 2, bias=False), "bias"
    ),
    "spectral_norm iterations": lambda t, nn: nn.utils.parametrizations.spectral_norm(
        nn.Linear(3, 2), n_power_iterations=0
    ),
    "spectral_norm no such dim": lambda t, nn: nn.utils.parametrizations.spectral_norm(
        nn.Linear(3, 2), dim=3
    ),
    **{
        f"former weight_norm {dim}": lambda t, nn, d=dim: [
            (shown(n), gradients(t, nn, n), len(n._forward_pre_hooks))
            for n in [nn.utils.weight_norm(nn.Linear(3, 2), dim=d)]
        ]
        for dim in (0, 1, None)
    },
    "former weight_norm trained": lambda t, nn: trained(
        t, nn, nn.utils.weight_norm(nn.Linear(3, 2))
    ),
    "former weight_norm twice": lambda t, nn: nn.utils.weight_norm(
        nn.utils.weight_norm(nn.Linear(3, 2))
    ),
    "former weight_norm of bias": lambda t, nn: shown(
        nn.utils.weight_norm(nn.Linear(3, 2), "bias"), "bias"
    ),
    "former weight_norm of nothing": lambda t, nn: nn.utils.weight_norm(nn.Linear(3, 2), "foo"),
    "former weight_norm removed": lambda t, nn: shown(
        nn.utils.remove_weight_norm(nn.utils.weight_norm(nn.Linear(3, 2)))
    ),
    "former weight_norm not there": lambda t, nn: nn.utils.remove_weight_norm(nn.Linear(3, 2)),
    "former spectral_norm": lambda t, nn: [
        (shown(n), n.state_dict()._metadata, gradients(t, nn, n), n.weight_u, n.weight)
        for n in [nn.utils.spectral_norm(nn.Linear(3, 2))]
    ],
    "former spectral_norm trained": lambda t, nn: trained(
        t, nn, nn.utils.spectral_norm(nn.Linear(3, 2), n_power_iterations=2, dim=1)
    ),
    "former spectral_norm twice": lambda t, nn: nn.utils.spectral_norm(
        nn.utils.spectral_norm(nn.Linear(3, 2))
    ),
    "former spectral_norm iterations": lambda t, nn: nn.utils.spectral_norm(
        nn.Linear(3, 2), n_power_iterations=0
    ),
    "former spectral_norm of nothing": lambda t, nn: nn.utils.spectral_norm(
        nn.Linear(3, 2), "foo"
    ),
    "former spectral_norm of none": lambda t, nn: nn.utils.spectral_norm(
        nn.Linear(3, 2, bias=False), "bias"
    ),
    "former spectral_norm removed": lambda t, nn: [
        (shown(n), n.state_dict()._metadata)
        for n in [nn.utils.remove_spectral_norm(nn.utils.spectral_norm(nn.Linear(3, 2)))]
    ],
    "former spectral_norm not there": lambda t, nn: nn.utils.remove_spectral_norm(nn.Linear(3, 2)),
    "former spectral_norm loaded": lambda t, nn: [
        (to.load_state_dict(nn.utils.spectral_norm(nn.Linear(3, 2)).state_dict()), to.weight_v)
        for to in [nn.utils.spectral_norm(nn.Linear(3, 2))]
    ],
}


@pytest.mark.parametrize("name", NORMS)
def test_norms_like_torch(name):
    # The matrix exponential and the products of reflections are summed in another order.
    check_parity(NORMS[name], 2e-5)


def test_a_state_without_the_second_vector_is_completed():
    def program(t, nn):
        layer = nn.utils.spectral_norm(nn.Linear(3, 2))
        layer(t.ones(1, 3))
        state = layer.state_dict()
        del state["weight_v"]
        state["weight"] = layer.weight.detach()
        del state._metadata[""]["spectral_norm"]
        fresh = nn.utils.spectral_norm(nn.Linear(3, 2))
        found = fresh.load_state_dict(state)
        fresh.eval()
        return found, fresh(t.ones(1, 3)).detach()

    check_parity(program, 1e-4)


def call(t, nn, given, *args, shared=False, **settings):
    layer = nn.Linear(2, 2)
    net = nn.Sequential(layer, layer) if shared else layer
    before = [one.detach().clone() for one in net.parameters()]
    result = nn.utils.stateless.functional_call(net, given, *args, **settings)
    # PyTorch does not give a layer that stands in two places its own tensors back.
    return result, before, [] if shared else list(net.parameters())


CALLS = {
    "weight": lambda t, nn: call(t, nn, {"weight": t.ones(2, 2)}, t.ones(1, 2)),
    "nothing": lambda t, nn: call(t, nn, {}, (t.ones(1, 2),)),
    "by name": lambda t, nn: call(t, nn, {}, kwargs={"input": t.ones(1, 2)}),
    "without arguments": lambda t, nn: call(t, nn, {}),
    "unexpected": lambda t, nn: call(t, nn, {"foo": t.ones(2)}, t.ones(1, 2)),
    "strict": lambda t, nn: call(t, nn, {"foo": t.ones(2)}, t.ones(1, 2), strict=True),
    "strict missing": lambda t, nn: call(
        t, nn, {"weight": t.ones(2, 2)}, t.ones(1, 2), strict=True
    ),
    "no tensor": lambda t, nn: call(t, nn, {"weight": 3}, t.ones(1, 2)),
    "shared": lambda t, nn: call(t, nn, {"0.weight": t.zeros(2, 2)}, t.ones(1, 2), shared=True),
    "shared twice": lambda t, nn: call(
        t, nn, {"0.weight": t.zeros(2, 2), "1.weight": t.ones(2, 2)}, t.ones(1, 2), shared=True
    ),
}


@pytest.mark.parametrize("name", CALLS)
def test_functional_call_like_torch(name):
    check_parity(CALLS[name])


def test_functional_call_gives_shared_tensors_back():
    layer = nn.Linear(2, 2)
    weight = layer.weight
    net = nn.Sequential(layer, layer)
    with pytest.warns(FutureWarning):
        stateless.functional_call(net, {"0.weight": rg.zeros(2, 2)}, rg.ones(2))
    assert layer.weight is weight


def test_functional_call_has_gradients_of_what_it_is_given():
    layer = nn.Linear(2, 2)
    weight = rg.ones(2, 2, requires_grad=True)
    with pytest.warns(FutureWarning, match="is deprecated as of PyTorch"):
        y = stateless.functional_call(layer, {"weight": weight}, rg.ones(3, 2))
    y.sum().backward()
    assert rg.equal(weight.grad, rg.full((2, 2), 3.0))
    assert layer.weight.grad is None


SKIPPED = {
    "numbers": lambda t, nn: (nn.utils.skip_init(nn.Linear, 3, 2), t.rand(2)),
    "no device": lambda t, nn: nn.utils.skip_init(nn.ReLU),
    "no class": lambda t, nn: nn.utils.skip_init(3),
}


@pytest.mark.parametrize("name", SKIPPED)
def test_skip_init_like_torch(name):
    check_parity(SKIPPED[name])


def test_orthogonal_stays_orthogonal():
    rg.manual_seed(0)
    layer = parametrizations.orthogonal(nn.Linear(5, 3, dtype=rg.float64))
    optimizer = rg.optim.SGD(layer.parameters(), lr=0.5)
    for _ in range(5):
        optimizer.zero_grad()
        layer(rg.randn(4, 5, dtype=rg.float64)).square().sum().backward()
        optimizer.step()
    weight = layer.weight
    assert rg.allclose(weight @ weight.T, rg.eye(3, dtype=rg.float64), atol=1e-12)


def test_the_largest_singular_value_is_one():
    rg.manual_seed(0)
    layer = parametrizations.spectral_norm(nn.Linear(6, 4), n_power_iterations=20)
    largest = rg.linalg.svdvals(layer.weight.detach())[0]
    assert abs(largest.item() - 1) < 1e-4


def test_weight_norm_gradients():
    v = rg.randn(3, 4, dtype=rg.float64, requires_grad=True)
    g = rg.randn(3, 1, dtype=rg.float64, requires_grad=True)
    compute = parametrizations._WeightNorm(0)
    assert rg.autograd.gradcheck(compute, (g, v))
    assert rg.autograd.gradgradcheck(compute, (g, v))


def test_parameters_stay_the_ones_an_optimizer_has():
    layer = nn.Linear(3, 3)
    weight = layer.weight
    parametrize.register_parametrization(layer, "weight", nn.Identity())
    assert layer.parametrizations.weight.original is weight
    parametrize.remove_parametrizations(layer, "weight")
    assert layer.weight is weight
