"""nn.init: PyTorch's numbers, gains and complaints."""

import math

import pytest

import retrograd as rg
from retrograd.nn import init

from .parity import check_parity

NUMBERS = {
    "uniform_": lambda t, i: i.uniform_(t.empty(3, 4), -1, 2),
    "uniform_ float64": lambda t, i: i.uniform_(t.empty(3, 4, dtype=t.float64)),
    "normal_": lambda t, i: i.normal_(t.empty(5), 1.0, 2.0),
    "normal_ float64": lambda t, i: i.normal_(t.empty(40, dtype=t.float64), 1.0, 2.0),
    "constant_": lambda t, i: i.constant_(t.empty(2), 0.3),
    "ones_": lambda t, i: i.ones_(t.empty(2)),
    "zeros_": lambda t, i: i.zeros_(t.empty(2)),
    "eye_": lambda t, i: i.eye_(t.empty(2, 3)),
    "dirac_": lambda t, i: i.dirac_(t.empty(4, 3, 3)),
    "dirac_ groups": lambda t, i: i.dirac_(t.empty(4, 2, 2, 3), groups=2),
    "dirac_ 5": lambda t, i: i.dirac_(t.empty(2, 2, 1, 1, 1)),
    "xavier_uniform_": lambda t, i: i.xavier_uniform_(t.empty(3, 4), gain=2.0),
    "xavier_normal_": lambda t, i: i.xavier_normal_(t.empty(3, 2, 2)),
    "kaiming_uniform_": lambda t, i: i.kaiming_uniform_(t.empty(3, 4), a=math.sqrt(5)),
    "kaiming_uniform_ fan_out": lambda t, i: i.kaiming_uniform_(
        t.empty(3, 4, 2), mode="fan_out", nonlinearity="relu"
    ),
    "kaiming_normal_": lambda t, i: i.kaiming_normal_(t.empty(3, 4), nonlinearity="tanh"),
    "orthogonal_ wide": lambda t, i: i.orthogonal_(t.empty(3, 5)),
    "orthogonal_ tall": lambda t, i: i.orthogonal_(t.empty(5, 3), gain=2.0),
    "orthogonal_ three": lambda t, i: i.orthogonal_(t.empty(2, 3, 2)),
    "orthogonal_ empty": lambda t, i: i.orthogonal_(t.empty(0, 2)),
    "sparse_": lambda t, i: i.sparse_(t.empty(5, 4), 0.3),
    "trunc_normal_": lambda t, i: i.trunc_normal_(t.empty(40)),
    "trunc_normal_ narrow": lambda t, i: i.trunc_normal_(t.empty(20), 0.5, 2.0, -0.1, 0.3),
    "trunc_normal_ tail": lambda t, i: i.trunc_normal_(t.empty(20), 0.0, 1.0, 1.0, 2.0),
    "trunc_normal_ far": lambda t, i: i.trunc_normal_(t.empty(8), 0.0, 1.0, 3.0, 4.0),
    "after trunc_normal_": lambda t, i: (i.trunc_normal_(t.empty(20), b=0.1), t.rand(2)),
    "generator": lambda t, i: i.uniform_(t.empty(3), generator=t.Generator().manual_seed(5)),
    "of a parameter": lambda t, i: i.normal_(t.empty(4, requires_grad=True)),
    "one dimension": lambda t, i: i.xavier_uniform_(t.empty(3)),
    "eye_ of a vector": lambda t, i: i.eye_(t.empty(3)),
    "dirac_ of a matrix": lambda t, i: i.dirac_(t.empty(3, 3)),
    "dirac_ of odd groups": lambda t, i: i.dirac_(t.empty(3, 3, 2), groups=2),
    "orthogonal_ of a vector": lambda t, i: i.orthogonal_(t.empty(3)),
    "sparse_ of a vector": lambda t, i: i.sparse_(t.empty(3), 0.1),
    "mode": lambda t, i: i.kaiming_uniform_(t.empty(2, 2), mode="x"),
    "empty uniform": lambda t, i: i.kaiming_uniform_(t.empty(0, 2)),
    "empty normal": lambda t, i: i.kaiming_normal_(t.empty(0, 2)),
    "gain of": lambda t, i: [
        i.calculate_gain(n) for n in ("linear", "conv2d", "sigmoid", "tanh", "relu", "selu")
    ],
    "gain of leaky_relu": lambda t, i: (
        i.calculate_gain("leaky_relu"),
        i.calculate_gain("leaky_relu", 0.2),
    ),
    "gain of True": lambda t, i: i.calculate_gain("leaky_relu", True),
    "gain of gelu": lambda t, i: i.calculate_gain("gelu"),
    "former name": lambda t, i: i.constant(t.empty(2), 3.0),
}


@pytest.mark.parametrize("name", NUMBERS)
def test_init_like_torch(name):
    check_parity(lambda t, nn: NUMBERS[name](t, nn.init))


def test_init_returns_its_argument_and_records_nothing():
    x = rg.empty(3, 3, requires_grad=True)
    assert init.kaiming_uniform_(x) is x
    assert x.is_leaf
    assert x.grad_fn is None


def test_orthogonal_rows_are_orthonormal():
    x = init.orthogonal_(rg.empty(3, 7, dtype=rg.float64))
    assert rg.allclose(x @ x.T, rg.eye(3, dtype=rg.float64), atol=1e-12)


def test_trunc_normal_stays_inside():
    rg.manual_seed(1)
    for low, high in [(-1, 1), (-0.1, 0.2), (1, 2)]:
        x = init.trunc_normal_(rg.empty(500), 0.0, 1.0, low, high)
        assert float(x.min()) >= low
        assert float(x.max()) <= high


def test_sparse_zeroes_its_share_of_each_column():
    rg.manual_seed(0)
    x = init.sparse_(rg.empty(10, 4), 0.25)
    assert (x == 0).sum(dim=0).tolist() == [3, 3, 3, 3]
