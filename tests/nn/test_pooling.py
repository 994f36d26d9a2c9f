"""Pooling modules."""

import pytest

import retrograd

from .modules import Case, check_complaint, check_module, every

_INPUTS = {1: (2, 3, 9), 2: (2, 3, 6, 7), 3: (2, 3, 5, 4, 6)}


def _cases(dims):
    inputs = [_INPUTS[dims]]
    one = [_INPUTS[dims][1:]]
    each = (2, 3, 1)[:dims]
    return [
        Case(f"MaxPool{dims}d", 2, inputs=inputs),
        Case(f"MaxPool{dims}d", each, inputs=one),
        Case(f"MaxPool{dims}d", 3, 2, 1, return_indices=True, ceil_mode=True, inputs=inputs),
        Case(f"MaxPool{dims}d", 2, 1, dilation=2, inputs=inputs),
        Case(f"AvgPool{dims}d", 2, inputs=inputs),
        Case(f"AvgPool{dims}d", each, inputs=one),
        Case(f"AvgPool{dims}d", 3, 2, 1, True, False, inputs=inputs),
        Case(f"AdaptiveAvgPool{dims}d", 1, inputs=inputs),
        Case(f"AdaptiveAvgPool{dims}d", 4, inputs=one),
        Case(f"AdaptiveMaxPool{dims}d", 1, inputs=inputs),
        Case(f"AdaptiveMaxPool{dims}d", 4, True, inputs=one),
        Case(f"LPPool{dims}d", 2, 2, inputs=inputs),
        Case(f"LPPool{dims}d", 2.0, 3, 1, ceil_mode=True, inputs=one),
    ]


CASES = [
    *_cases(1),
    *_cases(2),
    *_cases(3),
    Case("AvgPool2d", 2, divisor_override=3, inputs=[(2, 3, 6, 7)]),
    Case("AdaptiveAvgPool2d", (None, 2), inputs=[(2, 3, 6, 7)]),
    Case("AdaptiveMaxPool3d", (None, 2, 3), inputs=[(2, 3, 6, 7, 4)]),
    Case("FractionalMaxPool2d", 2, 3, inputs=[(2, 3, 6, 7)]),
    Case("FractionalMaxPool2d", (3, 2), output_ratio=(0.5, 0.4), inputs=[(3, 6, 7)]),
    Case("FractionalMaxPool3d", 2, output_ratio=0.5, return_indices=True, inputs=[_INPUTS[3]]),
    Case("MaxUnpool1d", 2, inputs=[(2, 3, 4), lambda t, dtype: _numbers(t, 4, 8)]),
    Case("MaxUnpool2d", 2, 2, inputs=[(2, 3, 2, 2), lambda t, dtype: _numbers(t, 4, 16, 2, 2)]),
    Case("MaxUnpool2d", 2, inputs=[(2, 3, 2, 2), lambda t, dtype: _numbers(t, 4, 16, 2, 2)],
         keywords={"output_size": lambda t, dtype: t.Size((5, 5))}),
    Case("MaxUnpool3d", (1, 2, 2), inputs=[
        (2, 3, 2, 2, 2), lambda t, dtype: _numbers(t, 8, 32, 2, 2, 2)
    ]),
]  # fmt: skip


def _numbers(library, count, size, *shape):
    """Return different places for the elements of each of six planes."""
    places = library.arange(count) * (size // count)
    return (places + library.zeros(2, 3, 1, dtype=library.int64)).reshape(2, 3, *shape or (count,))


@every(CASES)
def test_like_torch(case, dtype, mode):
    check_module(case, dtype, mode)


COMPLAINTS = {
    "no size": lambda t: t.nn.FractionalMaxPool2d(2),
    "both": lambda t: t.nn.FractionalMaxPool3d(2, output_size=2, output_ratio=0.5),
    "ratio": lambda t: t.nn.FractionalMaxPool2d(2, output_ratio=1.5),
    "ratios": lambda t: t.nn.FractionalMaxPool3d(2, output_ratio=(0.5, 0.5, 1)),
    "small": lambda t: t.nn.MaxPool2d(5)(t.ones(1, 4, 4)),
    "small average": lambda t: t.nn.AvgPool2d(5)(t.ones(1, 4, 4)),
    "small sequence": lambda t: t.nn.MaxPool1d(5)(t.ones(1, 4)),
    "adaptive": lambda t: t.nn.AdaptiveAvgPool2d((2, 2, 2))(t.ones(1, 2, 4, 4)),
    "unpool": lambda t: t.nn.MaxUnpool2d(2)(
        t.ones(1, 1, 2, 2), t.zeros(1, 1, 2, 2, dtype=t.int64), [7, 7]
    ),
}


@pytest.mark.parametrize("name", COMPLAINTS)
def test_complaints(name):
    check_complaint(COMPLAINTS[name])


def test_pooling_in_a_network():
    nn = retrograd.nn
    retrograd.manual_seed(0)
    net = nn.Sequential(nn.MaxPool2d(2), nn.ReLU(inplace=True), nn.AdaptiveAvgPool2d(1))
    x = retrograd.randn(2, 3, 8, 8, requires_grad=True)
    y = net(x)
    assert y.shape == (2, 3, 1, 1)
    y.sum().backward()
    assert x.grad.sum().item() == pytest.approx((net[0](x) > 0).sum().item() / 16, rel=1e-5)
