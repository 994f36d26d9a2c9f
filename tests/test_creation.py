"""Making tensors: what PyTorch answers to each call, and its numbers bit for bit."""

import gc
import weakref

import numpy as np
import pytest

import retrograd as rg

from .expressions import check, evaluated, recorded


@pytest.mark.parametrize("expression, expected", recorded("data"))
def test_data_become_torchs_tensors(expression, expected):
    check(expression, expected, rg)


@pytest.mark.parametrize("expression, expected", recorded("creation"))
def test_shapes_become_torchs_tensors(expression, expected):
    check(expression, expected, rg)


@pytest.mark.parametrize("family", ["data", "creation"])
def test_the_record_is_what_torch_says(family):
    torch = pytest.importorskip("torch")
    if not torch.__version__.startswith("2.13"):
        pytest.skip("the record is of PyTorch 2.13")
    for expression, expected in recorded(family):
        assert evaluated(expression, torch) == expected, expression


def random_bounds(kind, count):
    random = np.random.default_rng(0)
    for number in range(count):
        low, high = random.normal(size=2) * 10.0 ** random.integers(-2, 4)
        if number % 3 == 0:
            low, high = round(low, 1), round(high, 1)
        if kind == "uint8":
            low, high = abs(low) % 50, 50 + abs(high) % 200
        many = number % 5 == 0
        steps = int(random.integers(100, 3000) if many else random.integers(0, 40))
        yield low, high, steps


def assert_same_bits(ours, theirs):
    assert str(ours.dtype) == str(theirs.dtype)
    assert ours.shape == tuple(theirs.shape)
    assert ours.numpy().tobytes() == theirs.numpy().tobytes()


@pytest.mark.parametrize("dtype", ["float32", "float64", "float16", "int64", "uint8", "complex64"])
def test_linspace_has_torchs_bits(dtype):
    torch = pytest.importorskip("torch")
    for low, high, steps in random_bounds(dtype, 150):
        ours = rg.linspace(low, high, steps, dtype=getattr(rg, dtype))
        assert_same_bits(ours, torch.linspace(low, high, steps, dtype=getattr(torch, dtype)))


@pytest.mark.parametrize("dtype", ["float32", "float64", "int32", "uint8"])
def test_arange_has_torchs_bits(dtype):
    torch = pytest.importorskip("torch")
    for low, high, steps in random_bounds(dtype, 150):
        # Whole vectors are filled lane by lane; one chunk for each thread.
        step = (high - low) / max(steps, 1) or 1.0
        ours = rg.arange(low, high, step, dtype=getattr(rg, dtype))
        assert_same_bits(ours, torch.arange(low, high, step, dtype=getattr(torch, dtype)))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_logspace_and_range_have_torchs_bits(dtype):
    torch = pytest.importorskip("torch")
    for low, high, steps in random_bounds(dtype, 60):
        low, high, steps = low % 5, high % 5, steps % 50
        ours = rg.logspace(low, high, steps, dtype=getattr(rg, dtype))
        assert_same_bits(ours, torch.logspace(low, high, steps, dtype=getattr(torch, dtype)))
        low, high = min(low, high), max(low, high)
        ours = rg.range(low, high, 0.25, dtype=getattr(rg, dtype))
        with pytest.warns(UserWarning, match="range is deprecated"):
            theirs = torch.range(low, high, 0.25, dtype=getattr(torch, dtype))
        assert_same_bits(ours, theirs)


def test_literal_spacing():
    assert rg.arange(0, 1, 0.25).tolist() == [0.0, 0.25, 0.5, 0.75]
    assert rg.linspace(0, 1, 5).tolist() == [0.0, 0.25, 0.5, 0.75, 1.0]
    assert rg.linspace(3, 10, 3, dtype=rg.int64).tolist() == [3, 6, 10]
    assert rg.logspace(0, 2, 3).tolist() == [1.0, 10.0, 100.0]
    assert rg.range(1, 2, 0.5).tolist() == [1.0, 1.5, 2.0]


def test_memory_is_shared_where_torch_shares_it():
    array = np.zeros(3, np.float32)
    for made in (rg.from_numpy(array), rg.as_tensor(array), rg.asarray(array),
                 rg.from_dlpack(array), rg.Tensor(array)):  # fmt: skip
        assert np.shares_memory(made.numpy(), array)
    for made in (rg.tensor(array), rg.asarray(array, copy=True), rg.as_tensor(array, rg.float64)):
        assert not np.shares_memory(made.numpy(), array)
    tensor = rg.zeros(3)
    assert rg.as_tensor(tensor) is tensor
    buffer = bytearray(8)
    rg.frombuffer(buffer, dtype=rg.int16).fill_(1)
    assert buffer == b"\1\0" * 4


def test_as_tensor_records_a_cast():
    x = rg.ones(2, requires_grad=True)
    rg.as_tensor(x, dtype=rg.float64).sum().backward()
    assert x.grad.tolist() == [1.0, 1.0]


def test_a_copy_of_a_tensor_warns():
    with pytest.warns(UserWarning, match="To copy construct from a tensor"):
        made = rg.tensor(rg.ones(2, requires_grad=True))
    assert not made.requires_grad


def test_out_is_filled_and_returned():
    out = rg.empty(3, dtype=rg.float64)
    assert rg.arange(3, out=out) is out
    assert out.tolist() == [0.0, 1.0, 2.0]


def test_arrays_are_freed_with_their_tensor():
    tensor = rg.zeros(3)
    seen = weakref.ref(tensor)
    del tensor
    assert seen() is None
    assert gc.isenabled()


BIG = [
    ("t.tensor(2**63)", ValueError, "Overflow when unpacking long long"),
    ("t.tensor([2**64, 1])", ValueError, "Overflow when unpacking long long"),
    ("t.tensor(x for x in [1])", RuntimeError, "Could not infer dtype of generator"),
    ("t.tensor([1, None])", RuntimeError, "Could not infer dtype of NoneType"),
    ("t.tensor([[1, 2], [3]])", ValueError, "expected sequence of length 2 at dim 1"),
    ("t.tensor([1], requires_grad=True)", RuntimeError, "Only Tensors of floating point"),
    ("t.zeros(2, -1)", RuntimeError, "non-negative"),
    ("t.zeros(2, foo=1)", TypeError, "unexpected keyword argument 'foo'"),
    ("t.zeros()", TypeError, "missing 1 required positional arguments"),
]


@pytest.mark.parametrize("expression, kind, words", BIG)
def test_bad_data_are_refused(expression, kind, words):
    with pytest.raises(kind, match=words):
        eval(expression, {"t": rg})
