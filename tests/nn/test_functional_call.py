"""`torch.func.functional_call`: a module with other parameters."""

import pytest

import retrograd as rg

from .modules import check_complaint


def test_calls_with_the_given_and_keeps_its_own():
    layer = rg.nn.Linear(2, 1)
    weight, bias = rg.ones(1, 2, requires_grad=True), rg.ones(1)
    for given in ({"weight": weight, "bias": bias}, [{"weight": weight}, {"bias": bias}]):
        y = rg.func.functional_call(layer, given, rg.ones(2))
        assert y.tolist() == [3.0]
    (g,) = rg.autograd.grad(y, weight)
    assert g.tolist() == [[1.0, 1.0]]
    assert layer.weight is not weight
    assert layer.weight.grad is None


def _given(make):
    def call(library):
        layer = library.nn.Linear(2, 1)
        library.func.functional_call(layer, make(library), library.ones(2))

    return call


@pytest.mark.parametrize(
    "make",
    [
        lambda library: ({"weight": library.ones(1, 2)}, {"weight": library.ones(1, 2)}),
        lambda library: 3,
        lambda library: ({}, 3),
    ],
)
def test_complaints_are_those_of_torch(make):
    check_complaint(_given(make))
