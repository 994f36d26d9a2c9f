"""Parameter and Buffer."""

import copy
import pickle
import weakref

import pytest

import retrograd as rg
from retrograd import nn

from .parity import check_parity

PARAMETER = {
    "print": lambda t, nn: nn.Parameter(t.ones(2)),
    "empty": lambda t, nn: nn.Parameter(),
    "whole without grad": lambda t, nn: nn.Parameter(t.tensor([1, 2]), requires_grad=False),
    "whole": lambda t, nn: nn.Parameter(t.tensor([1, 2])),
    "of parameter": lambda t, nn: nn.Parameter(nn.Parameter(t.ones(1))),
    "kinds": lambda t, nn: [
        type(v).__name__
        for p in [nn.Parameter(t.ones(2))]
        for v in (p * 2, p.data, p.detach(), p.clone(), p.view(2), p[0], copy.deepcopy(p))
    ],
    "leaf": lambda t, nn: [
        (p.is_leaf, p.requires_grad, p.grad_fn) for p in [nn.Parameter(t.ones(2) * 2)]
    ],
    "pickle": lambda t, nn: pickle.loads(pickle.dumps(nn.Parameter(t.ones(2)))),
    "isinstance": lambda t, nn: (
        isinstance(t.ones(1), nn.Parameter),
        isinstance(nn.Parameter(t.ones(1)), t.Tensor),
        isinstance(nn.Buffer(t.ones(1)), nn.Buffer),
        isinstance(t.ones(1), nn.Buffer),
    ),
    "buffer": lambda t, nn: (nn.Buffer(t.ones(2)), nn.Buffer(t.ones(2)).requires_grad),
}


@pytest.mark.parametrize("name", PARAMETER)
def test_parameter_like_torch(name):
    check_parity(PARAMETER[name])


def test_parameter_text():
    param = nn.Parameter(rg.ones(2))
    text = "Parameter containing:\ntensor([1., 1.], requires_grad=True)"
    assert repr(param) == str(param) == f"{param}" == text
    assert repr([nn.Parameter()]) == "[Parameter containing:\ntensor([], requires_grad=True)]"
    assert repr(nn.Buffer(rg.ones(1))) == "tensor([1.])"


def test_parameter_shares_memory_and_keeps_attributes():
    data = rg.ones(2)
    param = nn.Parameter(data)
    param.note = "kept"
    data.fill_(3)
    assert param.tolist() == [3.0, 3.0]
    assert pickle.loads(pickle.dumps(param)).note == "kept"
    assert weakref.ref(param)() is param


def test_parameter_of_a_list_is_refused():
    with pytest.raises(TypeError, match=r"argument 'data' must be Tensor, not list"):
        nn.Parameter([1.0])
