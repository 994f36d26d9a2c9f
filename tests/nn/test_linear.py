"""Linear, Bilinear, Identity, Flatten, Unflatten, activations, dropout: values and text."""

import math

import pytest

import retrograd as rg
from retrograd import nn

from .modules import Case, check_module, every
from .parity import check_parity


def _forward_and_gradients(t, layer, *inputs):
    """Return a layer's result and every gradient of its sum of squares."""
    result = layer(*inputs)
    (result * result).sum().backward()
    grads = [p.grad for p in layer.parameters()]
    return result.detach(), grads, [x.grad for x in inputs], list(layer.state_dict())


LAYERS = {
    "Linear": lambda t, nn: _forward_and_gradients(
        t, nn.Linear(3, 4), t.randn(5, 3, requires_grad=True)
    ),
    "Linear of a vector": lambda t, nn: _forward_and_gradients(
        t, nn.Linear(3, 4), t.randn(3, requires_grad=True)
    ),
    "Linear of a batch": lambda t, nn: _forward_and_gradients(
        t, nn.Linear(3, 4), t.randn(2, 5, 3, requires_grad=True)
    ),
    "Linear without bias": lambda t, nn: _forward_and_gradients(
        t, nn.Linear(3, 1, bias=False), t.randn(5, 3, requires_grad=True)
    ),
    "Linear float64": lambda t, nn: _forward_and_gradients(
        t, nn.Linear(3, 4, dtype=t.float64), t.randn(5, 3, dtype=t.float64, requires_grad=True)
    ),
    "Linear of nothing": lambda t, nn: nn.Linear(3, 2)(t.ones(0, 3)),
    "Bilinear": lambda t, nn: _forward_and_gradients(
        t,
        nn.Bilinear(3, 2, 4),
        t.randn(5, 3, requires_grad=True),
        t.randn(5, 2, requires_grad=True),
    ),
    "Bilinear without bias": lambda t, nn: _forward_and_gradients(
        t,
        nn.Bilinear(3, 2, 4, bias=False),
        t.randn(2, 5, 3, requires_grad=True),
        t.randn(2, 5, 2, requires_grad=True),
    ),
    "Bilinear of no features": lambda t, nn: nn.Bilinear(0, 1, 1),
    "Identity": lambda t, nn: (nn.Identity(3, foo=4), nn.Identity()(t.ones(2))),
    "Flatten": lambda t, nn: (nn.Flatten(), nn.Flatten(0, 1)(t.ones(2, 3, 2)).shape),
    "Unflatten": lambda t, nn: (
        nn.Unflatten(1, (2, 3)),
        nn.Unflatten(1, (2, 3))(t.ones(2, 6)).shape,
        nn.Unflatten(-1, [3, -1])(t.ones(2, 6)).shape,
    ),
    "Unflatten of an int": lambda t, nn: nn.Unflatten(1, 3),
    "Unflatten into floats": lambda t, nn: nn.Unflatten(1, (1.0, 2)),
    "mixed": lambda t, nn: nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Dropout(0.1)),
}


@pytest.mark.parametrize("name", LAYERS)
def test_layers_like_torch(name):
    check_parity(LAYERS[name])


def test_linear_draws_within_its_bound():
    layer = nn.Linear(16, 100)
    bound = 1 / math.sqrt(16)
    assert float(layer.weight.abs().max()) <= bound
    assert float(layer.bias.abs().max()) <= bound
    assert float(layer.weight.std()) == pytest.approx(bound / math.sqrt(3), rel=0.05)


def test_linear_from_a_fixed_seed():
    rg.manual_seed(0)
    weight = nn.Linear(2, 2).weight
    expected = rg.tensor([[-0.0053, 0.3793], [-0.5820, -0.5204]])  # printed by torch 2.13.0
    assert rg.allclose(weight, expected, atol=5e-5)


ACTIVATIONS = [
    "ReLU()",
    "ReLU(True)",
    "Tanh()",
    "Sigmoid()",
    "GELU()",
    "GELU('tanh')",
    "LeakyReLU()",
    "LeakyReLU(0.2, True)",
    "ELU()",
    "ELU(2, True)",
    "SiLU()",
    "SiLU(True)",
    "Softplus()",
    "Softplus(2, 3)",
    "Softmax(1)",
    "Softmax(-1)",
    "Softmax()",
    "LogSoftmax(0)",
    "LogSoftmax()",
]


@pytest.mark.parametrize("text", ACTIVATIONS)
def test_activations_like_torch(text):
    def program(t, nn):
        layer = eval(f"nn.{text}", {"nn": nn})
        leaf = (t.arange(12.0).reshape(3, 4) - 5) / 2
        leaf.requires_grad_()
        result = layer(leaf * 1)
        (result * t.arange(12.0).reshape(3, 4)).sum().backward()
        return layer, result.detach(), leaf.grad

    check_parity(program)


def test_relu_is_zero_at_zero():
    x = rg.tensor([-1.0, 0.0, 2.0], requires_grad=True)
    nn.ReLU()(x).sum().backward()
    assert x.grad.tolist() == [0.0, 0.0, 1.0]


def test_dropout_scales_and_is_silent_in_evaluation():
    rg.manual_seed(0)
    layer = nn.Dropout(0.25)
    x = rg.ones(1000, requires_grad=True)
    y = layer(x)
    assert {round(v, 5) for v in y.tolist()} == {0.0, 1.33333}
    assert 0.7 < float((y != 0).float().mean()) < 0.8
    y.sum().backward()
    assert rg.equal(x.grad, y.detach())
    layer.eval()
    assert layer(x) is x


DROPOUT = {
    "values": lambda t, nn: nn.Dropout(0.3)(t.ones(4, 5)),
    "twice": lambda t, nn: (nn.Dropout(0.5)(t.ones(7)), nn.Dropout(0.5)(t.ones(20)), t.rand(3)),
    "none": lambda t, nn: nn.Dropout(0.0)(t.ones(5)),
    "all": lambda t, nn: nn.Dropout(1.0)(t.ones(5)),
    "in place": lambda t, nn: [(nn.Dropout(0.5, inplace=True)(x) is x, x) for x in [t.ones(6)]],
    "gradient": lambda t, nn: [
        (nn.Dropout(0.5)(x).sum().backward(), x.grad) for x in [t.ones(6, requires_grad=True)]
    ],
    "above one": lambda t, nn: nn.Dropout(2),
    "below zero": lambda t, nn: nn.functional.dropout(t.ones(2), -1),
    "text": lambda t, nn: nn.Dropout(0.2, True),
}


@pytest.mark.parametrize("name", DROPOUT)
def test_dropout_like_torch(name):
    check_parity(DROPOUT[name])


CASES = [
    Case("Linear", 3, 4, inputs=[(5, 3)]),
    Case("Linear", 3, 4, inputs=[(3,)]),
    Case("Linear", 7, 1, bias=False, inputs=[(2, 5, 7)]),
    Case("Linear", 3, 2, inputs=[(0, 3)]),
    Case("Bilinear", 3, 2, 5, inputs=[(4, 3), (4, 2)]),
    Case("Bilinear", 3, 2, 1, bias=False, inputs=[(2, 3, 3), (2, 3, 2)]),
    Case("Identity", inputs=[(2, 3)]),
]


@every(CASES)
def test_on_shared_weights(case, dtype, mode):
    check_module(case, dtype, mode)
