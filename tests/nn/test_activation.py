"""Activations and dropouts as modules, and their random functions."""

import pytest

import retrograd as rg
from retrograd import nn

from .modules import Case, check_complaint, check_module, every
from .parity import check_parity

IMAGE = (2, 3, 4, 5)


def twice(library, dtype):
    """Return a tensor that may be written into, of a leaf."""
    leaf = library.arange(-6.0, 6.0, dtype=dtype).reshape(3, 4).requires_grad_()
    return leaf * 0.5


CASES = [
    *[
        Case(name, *args, inputs=[(3, 4)])
        for name, *args in (
            ("CELU", 1.5), ("ELU", 0.5), ("GELU",), ("GELU", "tanh"), ("Hardshrink", 0.3),
            ("Hardswish",), ("Hardtanh", -0.5, 0.7), ("LeakyReLU", 0.2),
            ("LogSigmoid",), ("Mish",), ("PReLU",), ("PReLU", 4, 0.1), ("RReLU",),
            ("RReLU", 0.1, 0.5), ("ReLU",), ("ReLU6",), ("SELU",), ("SiLU",), ("Sigmoid",),
            ("Softplus", 2.0, 1.0), ("Softshrink", 0.3), ("Softsign",), ("Tanh",),
            ("Tanhshrink",), ("Threshold", 0.1, 3.0), ("GLU",), ("GLU", 1), ("LogSoftmax", 1),
            ("Softmax", 0), ("Softmin", 1), ("Dropout", 0.3), ("AlphaDropout", 0.3),
            ("FeatureAlphaDropout", 0.3), ("Dropout1d", 0.3), ("Identity",),
        )
    ],
    *[
        Case(name, *args, inplace=True, inputs=[twice])
        for name, *args in (
            ("CELU",), ("ELU", 2.0), ("Hardswish",), ("Hardtanh",),
            ("LeakyReLU",), ("Mish",), ("RReLU",), ("ReLU",), ("ReLU6",), ("SELU",), ("SiLU",),
            ("Threshold", 0.1, 3.0), ("Dropout", 0.3), ("Dropout1d", 0.3),
            ("FeatureAlphaDropout", 0.3), ("AlphaDropout", 0.3),
        )
    ],
    # PyTorch's slope is 1/6 as a float32 number, in float64 too.
    Case("Hardsigmoid", inputs=[(3, 4)], tolerance=5e-7),
    Case("PReLU", 3, inputs=[IMAGE]),
    Case("Softmax2d", inputs=[IMAGE]),
    Case("Softmax2d", inputs=[(3, 4, 5)]),
    Case("GLU", 2, inputs=[IMAGE]),
    Case("Dropout1d", 0.4, inputs=[(2, 3, 4)]),
    Case("Dropout2d", 0.4, inputs=[IMAGE]),
    Case("Dropout3d", 0.4, inputs=[(2, 3, 2, 2, 3)]),
    Case("Dropout3d", 0.4, inputs=[IMAGE], note="without batch"),
    Case("Dropout3d", 0.4, inplace=True, inputs=[lambda t, dtype: t.ones(3, 2, 2, 2, dtype=dtype)]),
    Case("FeatureAlphaDropout", 0.4, inputs=[IMAGE]),
    Case("Dropout2d", 0.0, inputs=[IMAGE]),
    Case("Dropout2d", 1.0, inputs=[IMAGE]),
    Case("AlphaDropout", 1.0, inputs=[(3, 4)]),
]  # fmt: skip


@every(CASES)
def test_like_torch(case, dtype, mode):
    check_module(case, dtype, mode)


COMPLAINTS = {
    "1d of a vector": lambda t, F: F.dropout1d(t.ones(3)),
    "1d of an image": lambda t, F: F.dropout1d(t.ones(2, 3, 2, 2)),
    "2d above one": lambda t, F: F.dropout2d(t.ones(2, 3, 2, 2), 1.5),
    "3d below zero": lambda t, F: F.dropout3d(t.ones(2, 3, 2, 2), -0.5),
    "alpha above one": lambda t, F: F.alpha_dropout(t.ones(2), 1.5, True),
    "of integers": lambda t, F: F.dropout2d(t.ones(2, 2, 2, 2, dtype=t.int64), 0.5),
    "alpha of a vector": lambda t, F: F.feature_alpha_dropout(t.ones(2), 0.5, True),
    "module": lambda t, F: t.nn.Dropout2d(2),
    "rrelu": lambda t, F: F.rrelu(t.ones(2), 0.5, 0.1),
    "gumbel of integers": lambda t, F: F.gumbel_softmax(t.arange(4)),
    "glu of a number": lambda t, F: F.glu(t.tensor(1.0)),
    "glu of an odd size": lambda t, F: F.glu(t.ones(2, 3)),
    "softmax2d": lambda t, F: t.nn.Softmax2d()(t.ones(2, 3)),
}


@pytest.mark.parametrize("name", COMPLAINTS)
def test_complaints_like_torch(name):
    check_complaint(lambda t: COMPLAINTS[name](t, t.nn.functional))


OUTCOMES = {
    **{
        f"dropout{n}d of {dims} dimensions": lambda t, F, n=n, d=dims: (
            getattr(F, f"dropout{n}d")(t.ones(*[2] * d), 0.5)
        )
        for n, dims in ((2, 2), (2, 3), (2, 5), (3, 1), (3, 2), (3, 3), (3, 6))
    },
    "not in training": lambda t, F: [F.dropout2d(x, 0.5, False) is x for x in [t.ones(1, 2, 3, 3)]],
    "gumbel": lambda t, F: (F.gumbel_softmax(t.arange(4.0)), t.rand(1)),
    "gumbel hard": lambda t, F: F.gumbel_softmax(t.arange(4.0), hard=True),
    "gumbel cooler": lambda t, F: F.gumbel_softmax(
        t.arange(6.0).double().reshape(2, 3), tau=0.5, dim=0
    ),
    "gumbel eps": lambda t, F: F.gumbel_softmax(t.arange(4.0), eps=0.1),
    "gumbel gradient": lambda t, F: [
        (x.grad, (F.gumbel_softmax(x, hard=True) * t.arange(4.0)).sum().backward(), x.grad)
        for x in [t.arange(4.0, requires_grad=True)]
    ],
}


@pytest.mark.parametrize("name", OUTCOMES)
def test_outcomes_like_torch(name):
    check_parity(lambda t, nn: OUTCOMES[name](t, nn.functional))


def test_hard_draws_are_one_hot_with_soft_gradients():
    rg.manual_seed(0)
    x = rg.randn(5, 7, requires_grad=True)
    y = nn.functional.gumbel_softmax(x, hard=True)
    assert rg.allclose(y.sum(1), rg.ones(5))
    assert rg.equal(y.max(1).values.round(), rg.ones(5))
    (y * rg.arange(7.0)).sum().backward()
    assert (x.grad != 0).all()


def test_rrelu_slopes_lie_within_their_bounds():
    rg.manual_seed(0)
    y = nn.RReLU(0.2, 0.4)(-rg.ones(1000))
    assert -0.4 <= y.min().item() < y.max().item() <= -0.2
    assert rg.allclose(nn.RReLU(0.2, 0.4).eval()(-rg.ones(3)), rg.full((3,), -0.3))
