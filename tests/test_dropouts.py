"""Dropouts and `rrelu` of the main namespace: PyTorch's random numbers, checks, in-place forms."""

import math

import pytest

import retrograd as rg

from .nn.parity import check_parity

NAMES = ("dropout", "feature_dropout", "alpha_dropout", "feature_alpha_dropout")


def gradients(t, function, x):
    x.requires_grad_()
    y = function(x)
    (y * t.arange(1.0, y.numel() + 1).reshape(y.shape)).sum().backward()
    return y, x.grad


def in_place(t, function, *args):
    x = t.ones(3, 4)
    leaf = t.ones(3, 4, requires_grad=True)
    inner = leaf * 2
    same = function(inner, *args) is inner, function(x, *args) is x
    inner.sum().backward()
    return same, x, inner, leaf.grad


PROGRAMS = {
    "values": lambda t, f: (f(t.ones(2, 3), 0.3, True), t.rand(1)),
    "of an image": lambda t, f: f(t.ones(2, 3, 2, 2), 0.5, True),
    "of doubles": lambda t, f: f(t.ones(2, 3, dtype=t.float64), 0.5, True),
    "of halves": lambda t, f: f(t.ones(2, 3).half(), 0.5, True),
    "gradient": lambda t, f: gradients(t, lambda x: f(x, 0.5, True), t.ones(3, 4)),
    "all": lambda t, f: (f(t.ones(2, 3), 1.0, True), t.rand(1)),
    "all of infinity": lambda t, f: f(t.tensor([[math.inf, 1.0]]), 1.0, True),
    "all of integers": lambda t, f: f(t.ones(2, 3, dtype=t.int64), 1.0, True),
    "none": lambda t, f: [f(x, 0.0, True) is x for x in [t.ones(2)]],
    "not in training": lambda t, f: [f(x, p=0.5, train=False) is x for x in [t.ones(2)]],
    "of nothing": lambda t, f: f(t.ones(0, 3), 0.5, True),
    "of a vector": lambda t, f: f(t.ones(3), 0.5, True),
    "of integers": lambda t, f: f(t.ones(2, 3, dtype=t.int64), 0.5, True),
    "of complex": lambda t, f: f(t.ones(2, 3, dtype=t.complex64), 0.5, True),
    "above one": lambda t, f: f(t.ones(2), 1.5, True),
    "below zero": lambda t, f: f(t.ones(2), -0.5, False),
    "of a number": lambda t, f: f(3.0, 0.5, True),
    "probability in words": lambda t, f: f(t.ones(2), "a", True),
    "training in words": lambda t, f: f(t.ones(2), 0.5, "a"),
}


@pytest.mark.parametrize("program", PROGRAMS)
@pytest.mark.parametrize("name", NAMES)
def test_dropout_like_torch(name, program):
    check_parity(lambda t, nn: PROGRAMS[program](t, getattr(t, name)))


@pytest.mark.parametrize("p", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("name", NAMES)
def test_in_place_dropout_like_torch(name, p):
    check_parity(lambda t, nn: in_place(t, getattr(t, name + "_"), p, True))


@pytest.mark.parametrize("name", [*NAMES, "rrelu"])
def test_in_place_on_a_leaf(name):
    given = () if name == "rrelu" else (0.5, True)
    check_parity(
        lambda t, nn: getattr(t, name + "_")(t.ones(2, 3, requires_grad=True), *given)
    )


RRELU = {
    "evaluation": lambda t, f: gradients(t, f, t.arange(-3.0, 3.0)),
    "training": lambda t, f: (
        gradients(t, lambda x: f(x, training=True), t.arange(-3.0, 3.0)),
        t.rand(1),
    ),
    "bounds": lambda t, f: f(t.arange(-3.0, 3.0).double(), 0.1, 0.5, True),
    "equal bounds": lambda t, f: f(t.arange(-3.0, 3.0), 0.5, 0.5, True),
    "turned": lambda t, f: f(t.arange(-6.0, 0.0).reshape(2, 3).T, training=True),
    "nan": lambda t, f: gradients(t, lambda x: f(x, training=True), t.tensor([math.nan, -0.0])),
    "bounds turned round": lambda t, f: f(t.ones(2), 0.5, 0.1),
    "bounds without end": lambda t, f: f(t.ones(2), math.nan, 0.1),
    "integers": lambda t, f: f(t.arange(3)),
    "integers in training": lambda t, f: f(t.arange(3), training=True),
    "halves in training": lambda t, f: f(t.ones(3).half(), training=True),
}


@pytest.mark.parametrize("name", RRELU)
def test_rrelu_like_torch(name):
    check_parity(lambda t, nn: RRELU[name](t, t.rrelu))


def test_rrelu_of_a_generator():
    check_parity(
        lambda t, nn: t.rrelu(
            -t.ones(3), training=True, generator=t.Generator().manual_seed(3)
        )
    )


def test_in_place_rrelu_like_torch():
    def program(t, nn):
        x = t.arange(-3.0, 3.0)
        return t.rrelu_(x, training=True) is x, x

    check_parity(program)


@pytest.mark.parametrize("name", ["celu_", "selu_", "threshold_"])
def test_functions_in_place_without_a_method(name):
    def program(t, nn):
        given = (0.5, 2.0) if name == "threshold_" else ()
        x = t.arange(-3.0, 3.0)
        leaf = t.arange(-3.0, 3.0, requires_grad=True)
        inner = leaf * 1
        getattr(t, name)(inner, *given).sum().backward()
        return getattr(t, name)(x, *given) is x, x, leaf.grad

    check_parity(program)


def test_alpha_dropout_keeps_mean_and_variance():
    rg.manual_seed(0)
    y = rg.alpha_dropout(rg.randn(100_000), 0.3, True)
    assert abs(y.mean().item()) < 0.02
    assert abs(y.var().item() - 1) < 0.03


def test_features_are_dropped_whole():
    rg.manual_seed(0)
    y = rg.feature_dropout(rg.ones(20, 5, 3, 4), 0.4, True)
    channels = y.reshape(100, 12)
    assert rg.equal(channels.min(1).values, channels.max(1).values)
    assert 0 < (channels[:, 0] == 0).sum().item() < 100


def test_masks_are_drawn_in_the_order_of_memory():
    def program(t, nn):
        x = t.arange(1.0, 25.0).reshape(2, 3, 4)
        forms = (x, x.transpose(0, 1), x.permute(2, 0, 1), x[:, :, ::2].transpose(1, 2), x[:1].mT)
        return [nn.functional.dropout(one, 0.5) for one in forms], t.rand(2)

    check_parity(program)
