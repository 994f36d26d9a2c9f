"""nn.utils: gradient clipping, parameters as one vector."""

import math

import pytest

import retrograd as rg
from retrograd import nn
from retrograd.nn import utils

from .parity import check_parity


def _params(t, nn):
    first, second = nn.Parameter(t.ones(2)), nn.Parameter(t.zeros(2, 2))
    first.grad = t.tensor([3.0, 4.0])
    second.grad = t.full((2, 2), -6.0)
    return [first, second, nn.Parameter(t.ones(1))]


def _clipped(t, nn, clip):
    params = _params(t, nn)
    return clip(nn.utils, params), [p.grad for p in params]


CLIPPED = {
    "norm": lambda t, nn: _clipped(t, nn, lambda u, p: u.clip_grad_norm_(p, 1.0)),
    "norm of one": lambda t, nn: _clipped(t, nn, lambda u, p: u.clip_grad_norm_(p[0], 1.0)),
    "large norm": lambda t, nn: _clipped(t, nn, lambda u, p: u.clip_grad_norm_(p, 100.0)),
    "norm 1": lambda t, nn: _clipped(t, nn, lambda u, p: u.clip_grad_norm_(p, 1.0, 1)),
    "norm 0": lambda t, nn: _clipped(t, nn, lambda u, p: u.clip_grad_norm_(p, 1.0, 0)),
    "norm 3": lambda t, nn: _clipped(t, nn, lambda u, p: u.clip_grad_norm_(p, 1.0, 3.0)),
    "norm inf": lambda t, nn: _clipped(t, nn, lambda u, p: u.clip_grad_norm_(p, 1.0, float("inf"))),
    "norm of a generator": lambda t, nn: _clipped(
        t, nn, lambda u, p: u.clip_grad_norm_((q for q in p), 1.0)
    ),
    "norm of nothing": lambda t, nn: nn.utils.clip_grad_norm_([], 1.0),
    "norm of an empty generator": lambda t, nn: nn.utils.clip_grad_norm_((p for p in []), 1.0),
    "norm of an int": lambda t, nn: nn.utils.clip_grad_norm_(3, 1.0),
    "norm limit": lambda t, nn: _clipped(t, nn, lambda u, p: u.clip_grad_norm_(p, "a")),
    "former name": lambda t, nn: _clipped(t, nn, lambda u, p: u.clip_grad_norm(p, 1.0)),
    "value": lambda t, nn: _clipped(t, nn, lambda u, p: u.clip_grad_value_(p, 3.5)),
    "total": lambda t, nn: nn.utils.get_total_norm([t.ones(2), t.ones(3)]),
    "total float64": lambda t, nn: nn.utils.get_total_norm([t.ones(2, dtype=t.float64)]),
    "with norm": lambda t, nn: _clipped(
        t, nn, lambda u, p: u.clip_grads_with_norm_(p, 1.0, t.tensor(4.0))
    ),
}


@pytest.mark.parametrize("name", CLIPPED)
def test_clipping_like_torch(name):
    check_parity(CLIPPED[name])


def test_a_norm_that_is_not_finite():
    w = nn.Parameter(rg.ones(2))
    w.grad = rg.tensor([math.nan, 1.0])
    with pytest.raises(RuntimeError, match=r"The total norm of order 2\.0 .* is non-finite"):
        utils.clip_grad_norm_([w], 1.0, error_if_nonfinite=True)
    assert math.isnan(utils.clip_grad_norm_([w], 1.0).item())


def test_parameters_to_a_vector_and_back():
    net = nn.Linear(2, 3)
    vector = utils.parameters_to_vector(net.parameters())
    assert vector.shape == (9,)
    assert vector.requires_grad
    new = rg.arange(9.0)
    utils.vector_to_parameters(new, net.parameters())
    assert net.weight.tolist() == [[0.0, 1.0], [2.0, 3.0], [4.0, 5.0]]
    assert net.bias.tolist() == [6.0, 7.0, 8.0]
    new[8] = -1.0
    assert net.bias[2].item() == -1.0  # a view of the vector, as in PyTorch
    with pytest.raises(TypeError, match=r"expected torch\.Tensor, but got: int"):
        utils.vector_to_parameters(3, net.parameters())
