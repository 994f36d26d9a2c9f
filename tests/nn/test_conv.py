"""Convolution layers: values on shared weights, text, initial values, lazy forms, complaints."""

import pytest

import retrograd as rg
from retrograd import nn

from .modules import Case, check_complaint, check_module, every
from .parity import check_parity

MODES = ("zeros", "reflect", "replicate", "circular")

CASES = [
    Case("Conv1d", 3, 4, 2, inputs=[(2, 3, 7)]),
    Case("Conv1d", 3, 4, 2, inputs=[(3, 7)]),
    Case("Conv1d", 4, 6, 3, 2, 1, 2, 2, False, inputs=[(3, 4, 9)]),
    Case("Conv1d", 3, 4, 4, padding="same", dilation=3, inputs=[(2, 3, 7)]),
    Case("Conv1d", 1, 1, 1, inputs=[(1, 1, 1)]),
    Case("Conv2d", 1, 8, 3, inputs=[(5, 1, 9, 7)]),
    Case("Conv2d", 3, 4, (3, 2), inputs=[(3, 6, 5)]),
    Case("Conv2d", 6, 9, (3, 5), (2, 1), (1, 2), (1, 2), 3, inputs=[(2, 6, 11, 13)]),
    Case("Conv2d", 5, 5, 3, padding=1, groups=5, inputs=[(2, 5, 6, 7)]),
    Case("Conv2d", 33, 5, 3, padding=1, inputs=[(3, 33, 7, 5)]),
    Case("Conv2d", 33, 5, 3, 2, 1, inputs=[(2, 33, 7, 5)]),
    Case("Conv2d", 3, 7, 1, inputs=[(2, 3, 5, 4)]),
    Case("Conv2d", 3, 7, 1, 2, inputs=[(2, 3, 5, 4)]),
    Case("Conv2d", 3, 2, 3, padding="valid", inputs=[(2, 3, 5, 4)]),
    Case("Conv2d", 3, 2, 3, inputs=[(0, 3, 5, 4)]),
    *[
        Case("Conv2d", 2, 3, (3, 4), padding=pad, padding_mode=mode, inputs=[(2, 2, 6, 5)])
        for pad in ((2, 1), "same", "valid")
        for mode in MODES[1:]
    ],
    *[Case("Conv1d", 2, 3, 3, padding=2, padding_mode=m, inputs=[(2, 5)]) for m in MODES[1:]],
    Case("Conv3d", 2, 3, (2, 3, 1), inputs=[(2, 2, 4, 5, 3)]),
    Case("Conv3d", 2, 4, 3, 2, 1, groups=2, inputs=[(2, 5, 4, 7)]),
    Case("Conv3d", 1, 2, 2, padding=1, padding_mode="circular", inputs=[(2, 1, 3, 2, 4)]),
    Case("ConvTranspose1d", 3, 4, 2, inputs=[(2, 3, 7)]),
    Case("ConvTranspose1d", 4, 6, 3, 3, 1, 2, 2, False, 2, inputs=[(4, 5)]),
    Case("ConvTranspose1d", 1, 1, 3, stride=2, inputs=[(2, 1, 3)], keywords={"output_size": [8]}),
    Case("ConvTranspose2d", 3, 4, 3, inputs=[(2, 3, 5, 4)]),
    Case("ConvTranspose2d", 6, 9, (3, 2), (2, 3), (1, 0), (0, 2), 3, inputs=[(2, 6, 3, 5)]),
    Case("ConvTranspose2d", 3, 2, 3, 1, 1, 1, 1, True, 2, inputs=[(2, 3, 3, 4)]),
    Case(
        "ConvTranspose2d", 3, 2, 3, stride=2, padding=1, inputs=[(2, 3, 3, 4)],
        keywords={"output_size": [2, 2, 6, 7]},
    ),
    Case("ConvTranspose2d", 3, 40, 3, 2, 1, 1, inputs=[(2, 3, 3, 4)]),
    Case("ConvTranspose3d", 2, 3, (2, 3, 1), inputs=[(2, 2, 2, 3, 3)]),
    Case("ConvTranspose3d", 2, 4, 2, 2, 1, 1, 2, inputs=[(2, 3, 2, 3)]),
]  # fmt: skip


@every(CASES)
def test_on_shared_weights(case, dtype, mode):
    check_module(case, dtype, mode)


def _lazily(name, shape, *args, **settings):
    def program(t, nn):
        layer = getattr(nn, name)(*args, **settings)
        before = repr(layer)
        result = layer(t.ones(shape)).detach()
        return before, layer, result, layer.in_channels, list(layer.state_dict()), t.rand(1)

    return program


LAZY = {
    "LazyConv1d": _lazily("LazyConv1d", (2, 4, 6), 6, 3, 2, 1, 1, 2),
    "LazyConv2d": _lazily("LazyConv2d", (4, 6, 5), 6, (3, 2), padding_mode="reflect", padding=1),
    "LazyConv3d": _lazily("LazyConv3d", (1, 2, 3, 4, 5), 6, 2, bias=False),
    "LazyConvTranspose1d": _lazily("LazyConvTranspose1d", (2, 4, 6), 6, 3, 2, 1, 1, 2),
    "LazyConvTranspose2d": _lazily("LazyConvTranspose2d", (4, 6, 5), 6, (3, 2), dilation=2),
    "LazyConvTranspose3d": _lazily("LazyConvTranspose3d", (1, 2, 3, 4, 5), 6, 2, bias=False),
    "channels that do not divide": _lazily("LazyConv2d", (1, 4, 6, 5), 6, 3, groups=3),
    "axes": _lazily("LazyConv2d", (1, 1, 4, 6, 5), 6, 3),
    "two axes": _lazily("LazyConvTranspose1d", (6,), 6, 3),
    "loaded": lambda t, nn: [
        (layer.load_state_dict({"weight": t.ones(3, 5, 2, 2), "bias": t.ones(3)}), layer,
         layer(t.ones(1, 5, 2, 2)).detach(), layer)
        for layer in [nn.LazyConv2d(3, 2)]
    ],
    "with an output size": lambda t, nn: nn.LazyConvTranspose2d(2, 3, 2)(
        t.ones(1, 3, 4, 4), output_size=(10, 9)
    ).shape,
}  # fmt: skip


@pytest.mark.parametrize("name", LAZY)
def test_lazy_layers_like_torch(name):
    check_parity(LAZY[name])


ATTRIBUTES = (
    "in_channels", "out_channels", "kernel_size", "stride", "padding", "dilation", "transposed",
    "output_padding", "groups", "padding_mode", "_reversed_padding_repeated_twice",
)  # fmt: skip


@pytest.mark.parametrize(
    "made",
    [
        lambda nn: nn.Conv2d(4, 6, (3, 5), 2, (1, 2), 1, 2),
        lambda nn: nn.Conv2d(4, 6, [3, 4], padding="same", dilation=(1, 3)),
        lambda nn: nn.ConvTranspose1d(4, 6, 3, 2, 1, 1),
    ],
)
def test_attributes_like_torch(made):
    check_parity(lambda t, nn: [getattr(made(nn), name) for name in ATTRIBUTES])


def _after(make, *shape, **keywords):
    return lambda t: make(t.nn)(t.ones(shape), **keywords)


COMPLAINTS = {
    "no groups": lambda t: t.nn.Conv2d(4, 6, 3, groups=0),
    "channels": lambda t: t.nn.Conv2d(4, 6, 3, groups=3),
    "result channels": lambda t: t.nn.Conv2d(4, 6, 3, groups=4),
    "padding": lambda t: t.nn.Conv2d(4, 6, 3, padding="foo"),
    "strided same": lambda t: t.nn.Conv1d(4, 6, 3, padding="same", stride=2),
    "padding mode": lambda t: t.nn.Conv2d(4, 6, 3, padding_mode="foo"),
    "transposed padding mode": lambda t: t.nn.ConvTranspose1d(4, 6, 3, padding_mode="reflect"),
    "wrong channels": _after(lambda nn: nn.Conv2d(4, 6, 3), 2, 3, 5, 5),
    "wrong axes": _after(lambda nn: nn.Conv2d(4, 6, 3), 3, 5),
    "too small": _after(lambda nn: nn.Conv1d(4, 6, 3), 4, 2),
    "output size": _after(lambda nn: nn.ConvTranspose2d(4, 6, 3, 2), 4, 5, 5, output_size=(8, 8)),
    "output size of three": _after(
        lambda nn: nn.ConvTranspose2d(4, 6, 3, 2), 1, 4, 5, 5, output_size=(8, 8, 9)
    ),
    "dtype": lambda t: t.nn.Conv2d(4, 6, 3)(t.ones(1, 4, 5, 5, dtype=t.float64)),
}


@pytest.mark.parametrize("name", COMPLAINTS)
def test_complaints_like_torch(name):
    if "padding" in name and "transposed" not in name:
        # The words name a set, whose order changes from run to run.
        with pytest.raises(ValueError, match=r"should be one of|must be one of"):
            COMPLAINTS[name](rg)
        return
    check_complaint(COMPLAINTS[name])


def test_a_convolution_learns():
    rg.manual_seed(0)
    layer = nn.Conv2d(1, 1, 3, padding=1)
    optimizer = rg.optim.Adam(layer.parameters(), lr=0.05)
    x = rg.randn(8, 1, 6, 6)
    # A step down and right.
    y = nn.functional.pad(x, (1, 0, 1, 0))[..., :6, :6]
    for _ in range(200):
        optimizer.zero_grad()
        loss = nn.functional.mse_loss(layer(x), y)
        loss.backward()
        optimizer.step()
    assert loss.item() < 1e-3
    assert layer.weight[0, 0, 0, 0].item() == pytest.approx(1, abs=0.02)


def test_initial_values_are_within_their_bound():
    layer = nn.Conv2d(4, 50, 3, groups=2)
    bound = (2 * 9) ** -0.5
    assert 0.95 * bound < float(layer.weight.abs().max()) <= bound
    assert float(layer.bias.abs().max()) <= bound
