"""The Tensor class outside autograd: what PyTorch answers to each method and operator."""

import copy
import pickle
import random
import warnings
import weakref

import numpy as np
import pytest

import retrograd as rg

from .expressions import check, evaluated, recorded


@pytest.mark.parametrize("expression, expected", recorded("tensor"))
def test_methods_answer_as_torchs(expression, expected):
    check(expression, expected, rg)


@pytest.mark.parametrize("expression, expected", recorded("types"))
def test_types_and_copies_are_torchs(expression, expected):
    check(expression, expected, rg)


@pytest.mark.parametrize("family", ["tensor", "types"])
def test_the_record_is_what_torch_says(family):
    torch = pytest.importorskip("torch")
    if not torch.__version__.startswith("2.13"):
        pytest.skip("the record is of PyTorch 2.13")
    for expression, expected in recorded(family):
        assert evaluated(expression, torch) == expected, expression


def drawn(random_numbers):
    shape = [random_numbers.randint(0, 4) for _ in range(random_numbers.randint(0, 3))]
    dtype = random_numbers.choice(["f4", "f8", "i8", "?", "c8", "f2", "u1"])
    scale = 10.0 ** random_numbers.randint(-6, 8)
    values = np.random.default_rng(random_numbers.randint(0, 10**6)).normal(size=shape) * scale
    if random_numbers.random() < 0.2 and values.size:
        values.flat[0] = random_numbers.choice([np.nan, np.inf, -np.inf, -0.0])
    if dtype in ("i8", "u1"):
        values = np.nan_to_num(np.abs(values) % 100)
    with np.errstate(all="ignore"):
        return np.asarray(values).astype(dtype)


def test_random_tensors_print_as_torchs():
    torch = pytest.importorskip("torch")
    numbers = random.Random(0)
    for _ in range(400):
        array = drawn(numbers)
        ours, theirs = rg.tensor(array), torch.tensor(array)
        if array.dtype.kind == "f" and numbers.random() < 0.5:
            ours, theirs = ours.requires_grad_(), theirs.requires_grad_()
            if numbers.random() < 0.5:
                ours, theirs = ours * 2, theirs * 2
        assert repr(ours) == repr(theirs)
        assert f"{ours}" == f"{theirs}"
        if array.ndim == 0:
            assert ours.item() == theirs.item() or array != array


def test_print_options_reach_repr():
    rg.set_printoptions(precision=2)
    try:
        assert repr(rg.tensor([1.23456])) == "tensor([1.23])"
    finally:
        rg.set_printoptions(profile="default")
    assert repr(rg.tensor([1.23456])) == "tensor([1.2346])"


def test_weak_references_and_attributes():
    x = rg.ones(2)
    x.note = {"a": 1}
    seen = weakref.ref(x)
    assert seen() is x
    assert x.note == {"a": 1}
    del x
    assert seen() is None


def test_numpy_shares_memory():
    x = rg.zeros(3)
    x.numpy()[0] = 5
    assert x.tolist() == [5.0, 0.0, 0.0]
    assert np.shares_memory(np.asarray(x), x.numpy())
    assert np.asarray(x[1:]).ctypes.data == x.data_ptr() + 4
    with pytest.raises(RuntimeError, match=r"Use tensor.detach\(\).numpy\(\) instead"):
        rg.ones(2, requires_grad=True).numpy()


def test_deepcopy_keeps_what_was_shared():
    x = rg.ones(4, requires_grad=True)
    x.sum().backward()
    x.note = [1]
    part = x.detach()[1:3]
    one, other, again = copy.deepcopy([x, part, x])
    assert one is again
    assert one.requires_grad
    assert one.grad.tolist() == [1.0] * 4
    assert one.grad is not x.grad
    assert one.note == [1]
    assert one.note is not x.note
    other.fill_(7)
    assert one.tolist() == [1.0, 7.0, 7.0, 1.0]
    assert x.tolist() == [1.0] * 4


def test_deepcopy_of_a_result_is_refused():
    with pytest.raises(RuntimeError, match="Only Tensors created explicitly by the user"):
        copy.deepcopy(rg.ones(2, requires_grad=True) * 2)


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_pickles(protocol):
    x = rg.arange(6.0).reshape(2, 3).T.requires_grad_()
    x.note = "kept"
    back = pickle.loads(pickle.dumps(x, protocol))
    assert back.tolist() == x.tolist()
    assert (back.requires_grad, back.is_leaf, back.note) == (True, True, "kept")


def test_a_parameter_pickles_as_one():
    from retrograd import nn

    parameter = nn.Parameter(rg.ones(2))
    assert type(pickle.loads(pickle.dumps(parameter))) is nn.Parameter
    assert type(copy.deepcopy(parameter)) is nn.Parameter


def test_real_and_imag_are_views():
    z = rg.tensor([1 + 2j, 3 + 4j])
    z.real.fill_(9)
    z.imag = 0
    assert z.tolist() == [9 + 0j, 9 + 0j]
    w = rg.tensor([1 + 2j], requires_grad=True)
    (w.real * 3).sum().backward()
    assert w.grad.tolist() == [3 + 0j]


def test_sum_to_size_and_conversions_are_recorded():
    x = rg.ones(2, 3, requires_grad=True)
    x.sum_to_size(1, 3).sum().backward()
    assert x.grad.tolist() == [[1.0] * 3] * 2
    y = rg.ones(2, requires_grad=True)
    y.to(rg.float64).clone(memory_format=rg.contiguous_format).sum().backward()
    assert y.grad.dtype is rg.float32


def test_functions_that_are_methods():
    x = rg.tensor([-1.0, 2.0])
    assert rg.relu_(x) is x
    assert x.tolist() == [0.0, 2.0]
    assert rg.numel(x) == 2
    assert rg.clone(x).tolist() == x.tolist()
    assert not rg.detach(x.requires_grad_()).requires_grad
    with pytest.raises(TypeError, match=r"exp_\(\): argument 'input' \(position 1\)"):
        rg.exp_([1.0])


class Other:
    """A type with operators of its own."""

    def __radd__(self, tensor):
        return "added"

    def __rmatmul__(self, tensor):
        return "multiplied"

    def __rpow__(self, tensor):
        return "raised"


def test_operators_leave_their_turn_to_other_types():
    x = rg.ones(2)
    assert x + Other() == "added"
    assert x @ Other() == "multiplied"
    assert x**Other() == "raised"
    assert (x == "a") is False
    assert (x != None) is True  # noqa: E711
    with pytest.raises(TypeError, match=r"unsupported operand type\(s\) for \+: 'Tensor' and"):
        x + "a"


def test_T_of_other_than_matrices_warns():
    with pytest.warns(UserWarning, match="Consider `x.mT`"):
        assert rg.ones(2, 3, 4).T.shape == (4, 3, 2)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert rg.ones(2, 3).T.shape == (3, 2)
