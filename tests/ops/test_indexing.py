"""Square brackets: every kind of index, read and written."""

import contextlib

import numpy as np
import pytest

import retrograd

from ..sampling import Sample, array

with contextlib.suppress(ImportError):
    import torch

I = np.array([2, 0])

SAMPLES = {
    "index_put": [
        Sample(array(3, 4), (I,), array(2, 4)),
        Sample(array(3, 4), [I, I], array(2)),
        Sample(array(3, 4), (I,), array(4)),
        Sample(array(3, 4), indices=(I, I), values=array()),
        Sample(array(3, 4), (np.array([1, 1, 0]),), array(3, 4), accumulate=True),
        Sample(array(3, 4), (np.array([[1, 1], [0, 1]]), np.array([2, 3])), array(2, 2), True),
        Sample(array(64, 8), (np.arange(100) % 41 - 3,), array(100, 8), True),
        Sample(array(3, 4), (np.array([True, False, True]),), array(2, 4)),
        Sample(array(3), (np.array([True, False, True]),), array(1), accumulate=True),
        Sample(array(3, dtype="int64"), (I,), array(2, dtype="int64")),
        Sample(array(3), (I,), array(3), raises=RuntimeError, match="shape mismatch: value tensor"),
        Sample(array(3), (I + 1,), array(2), raises=IndexError, match="index 3 is out of bounds f"),
        Sample(array(3), (I, I), array(2), raises=IndexError, match="too many indices for tensor "),
        Sample(
            array(3),
            (I,),
            array(2, dtype="float32"),
            raises=RuntimeError,
            match="Index put requires the source and destination dtypes match, got Double for the ",
        ),
        Sample(array(3), (I,), 1.0, raises=TypeError, match="argument 'values' (position 3) must "),
        Sample(array(3), (0,), array(), raises=TypeError, match="expected Tensor as element 0 in "),
    ],
}

ALL = slice(None)
MASK = np.array([[True, False, True], [False, True, True]])

# Indices of a tensor of shape (2, 3, 4).  Arrays become tensors, unless they stand in `Raw`.
INDICES = [
    0,
    -1,
    np.int64(1),
    np.array(1),
    slice(1, None),
    slice(0, 5, 2),
    slice(-100, 100),
    slice(3, 1),
    ALL,
    None,
    Ellipsis,
    (),
    (0, 1),
    (0, 1, 2),
    (0, ALL, slice(1, None)),
    (ALL, ALL, 0),
    (Ellipsis, 0),
    (0, Ellipsis),
    (Ellipsis, None, 0),
    (None, Ellipsis, 0),
    (None, 0),
    (0, None),
    (ALL, ALL),
    (ALL, slice(1, None), None),
    (ALL, None, slice(1, None)),
    (None, None),
    (Ellipsis, 0, Ellipsis),
    (Ellipsis, Ellipsis),
    (0, -1, Ellipsis, np.array(2)),
    (np.array(0), -1, 2),
    (np.array(1), np.array(0)),
    [0, 1],
    [1, 0, 1],
    [],
    range(2),
    [True, False],
    [True, 0],
    [1.5],
    np.array([0, -1]),
    np.array([[0, 1], [1, 0]]),
    np.array([0, 1], dtype=np.int32),
    np.zeros((2, 0), np.int64),
    np.array([True, False]),
    MASK,
    (MASK, 0),
    (MASK, [0, 1, 2, 3]),
    (MASK, slice(1, 3)),
    (ALL, MASK[0]),
    (ALL, np.zeros((3, 4), bool)),
    np.ones((2, 3, 4), bool),
    ([0, 1], 0),
    (0, [0, 1]),
    (0, ALL, [0, 1]),
    (0, [0, 1], [0, 1]),
    ([0, 1], ALL, [0, 1]),
    (ALL, [0, 1]),
    (ALL, [[0, 1], [1, 0]], [0, 1]),
    (np.array([[0, 1], [1, 0]]), ALL, np.array([0, 1])),
    (ALL, [0, 1], None),
    (None, [0, 1], ALL, [0, 1]),
    ([0, 1], None, [0, 1]),
    (slice(1, None), [0, 1]),
    (slice(1, None), [0, 1], None, Ellipsis),
    (np.array(1), Ellipsis, [0, 1]),
    (np.array(1), [0, 1]),
    (Ellipsis, [3, 0]),
    ((0, 1), (0, 1)),
    ((0, 1),),
    True,
    False,
    np.array(True),
    (True, 0),
    (0, True),
    (None, True),
    (True, False),
    (Ellipsis, True),
    ([0, 1], True),
    (True, [0, 1]),
    (np.array(0), slice(np.array(0), np.array(2))),
]

ERRORS = [
    (2, IndexError),
    (-3, IndexError),
    ((0, 3), IndexError),
    ((0, [0, 3]), IndexError),
    ((0, 0, 0, 0), IndexError),
    ((1, Ellipsis, 0, 0, 0), IndexError),
    ((ALL, ALL, ALL, ALL), IndexError),
    ([0, 2], IndexError),
    (([0], [0], [0], [0]), IndexError),
    (([0, 1], [0, 1, 2]), IndexError),
    ((MASK, [0, 1, 2]), IndexError),
    (np.array([True, False, True]), IndexError),
    ((ALL, np.array([True, False])), IndexError),
    (np.array([[True]]), IndexError),
    (np.array([0.0]), IndexError),
    (np.array([0], dtype=np.int16), IndexError),
    (1.5, IndexError),
    (1j, IndexError),
    ({}, IndexError),
    (np.float64(1), IndexError),
    (np.bool_(True), IndexError),
    ("a", TypeError),
    (slice(None, None, -1), ValueError),
    (slice(None, None, 0), ValueError),
    (slice(0, 1.5), TypeError),
]


def as_index(index, lib):
    """Return an index with the arrays in it as tensors of a library."""
    if isinstance(index, np.ndarray):
        return lib.from_numpy(index.copy()) if index.ndim else lib.tensor(index.item())
    if isinstance(index, slice):
        return slice(*[as_index(n, lib) for n in (index.start, index.stop, index.step)])
    if isinstance(index, tuple):
        return tuple([as_index(part, lib) for part in index])
    return index


def text(index):
    return repr(index).replace("\n", "")


def base(lib):
    return lib.arange(24.0, dtype=lib.float64).reshape(2, 3, 4).requires_grad_()


@pytest.fixture(autouse=True)
def _needs_torch():
    pytest.importorskip("torch")  # the samples above mean something without it


ignore_deprecated = pytest.mark.filterwarnings("ignore::UserWarning")


def names_of(tensor):
    found = []
    node = tensor.grad_fn
    while node is not None and "AccumulateGrad" not in node.name():
        found.append(node.name())
        node = node.next_functions[0][0]
    return found


@ignore_deprecated
@pytest.mark.parametrize("index", INDICES, ids=text)
def test_reading(index):
    ours, theirs = base(retrograd), base(torch)
    mine = ours[as_index(index, retrograd)]
    other = theirs[as_index(index, torch)]
    assert tuple(mine.shape) == tuple(other.shape)
    np.testing.assert_array_equal(mine.detach().numpy(), other.detach().numpy())
    weights = np.random.default_rng(0).standard_normal(tuple(other.shape))
    (mine * retrograd.from_numpy(weights)).sum().backward()
    (other * torch.from_numpy(weights)).sum().backward()
    np.testing.assert_allclose(ours.grad.numpy(), theirs.grad.numpy(), rtol=1e-15)


@ignore_deprecated
@pytest.mark.parametrize("index", INDICES, ids=text)
def test_last_node(index):
    mine = base(retrograd)[as_index(index, retrograd)]
    other = base(torch)[as_index(index, torch)]
    assert mine.grad_fn.name() == other.grad_fn.name()


@ignore_deprecated
@pytest.mark.parametrize("index", INDICES, ids=text)
def test_views_are_views(index):
    ours, theirs = base(retrograd).detach(), base(torch).detach()
    ours[as_index(index, retrograd)] += 1
    theirs[as_index(index, torch)] += 1
    np.testing.assert_array_equal(ours.numpy(), theirs.numpy())
    assert ours[as_index(index, retrograd)]._is_view() == theirs[as_index(index, torch)]._is_view()


@ignore_deprecated
@pytest.mark.parametrize("index", INDICES, ids=text)
@pytest.mark.parametrize("kind", ["number", "tensor", "row"])
def test_writing(index, kind):
    results = []
    for lib in (retrograd, torch):
        leaf = base(lib)
        x = leaf * 1
        where = as_index(index, lib)
        shape = tuple(x[where].shape)
        random = np.random.default_rng(1)
        value = lib.tensor(random.standard_normal(shape if kind == "tensor" else shape[-1:]))
        value.requires_grad_()
        x[where] = 2.5 if kind == "number" else value
        weights = np.random.default_rng(2).standard_normal((2, 3, 4))
        (x * lib.from_numpy(weights)).sum().backward()
        # Where nothing is written PyTorch leaves None for zeros.
        grad = np.zeros(tuple(value.shape)) if value.grad is None else value.grad.numpy()
        results.append((x.detach().numpy(), leaf.grad.numpy(), grad))
    for mine, other in zip(*results):
        np.testing.assert_allclose(mine, other, rtol=1e-15)


@ignore_deprecated
@pytest.mark.parametrize("index", INDICES, ids=text)
def test_second_order(index):
    results = []
    for lib in (retrograd, torch):
        x = base(lib)
        y = x[as_index(index, lib)]
        (first,) = lib.autograd.grad((y * y * y).sum(), x, create_graph=True)
        (second,) = lib.autograd.grad((first * first).sum(), x)
        results.append((first.detach().numpy(), second.numpy()))
    for mine, other in zip(*results):
        np.testing.assert_allclose(mine, other, rtol=1e-14)


@ignore_deprecated
@pytest.mark.parametrize(("index", "kind"), ERRORS, ids=text)
def test_errors(index, kind):
    with pytest.raises(kind) as theirs:
        base(torch)[as_index(index, torch)]
    with pytest.raises(kind) as ours:
        base(retrograd)[as_index(index, retrograd)]
    assert str(theirs.value) in str(ours.value)


@pytest.mark.parametrize("index", [0, ALL, [0], (0, 0)], ids=text)
def test_errors_of_zero_dim(index):
    with pytest.raises(IndexError) as theirs:
        torch.tensor(1.0)[index]
    with pytest.raises(IndexError) as ours:
        retrograd.tensor(1.0)[index]
    assert str(theirs.value) in str(ours.value)


def test_bytes_are_masks_with_a_warning():
    mask = np.array([0, 1], dtype=np.uint8)
    with pytest.warns(UserWarning, match="indexing with dtype torch.uint8 is now deprecated"):
        found = base(retrograd)[retrograd.from_numpy(mask)]
    assert tuple(found.shape) == (1, 3, 4)


def test_nested_lists_are_tuples_with_a_warning():
    with pytest.warns(UserWarning, match="Using a non-tuple sequence for multidimensional"):
        found = base(retrograd)[[[0, 1], [1, 0]]]
    assert tuple(found.shape) == (2, 4)


def test_numpy_arrays_index_too():
    x = base(retrograd)
    np.testing.assert_array_equal(x[MASK].detach().numpy(), x.detach().numpy()[MASK])
    assert tuple(x[np.array([1, 0])].shape) == (2, 3, 4)


def test_repeated_rows_add_up(torch_or_retrograd):
    lib = torch_or_retrograd
    x = lib.zeros(5, 30, 7, requires_grad=True)
    rows = lib.tensor([[3, -2, 0], [3, 3, 4]])
    weights = lib.arange(30.0 * 6 * 7).reshape(2, 3, 30, 7)
    (x[rows] * weights).sum().backward()
    flat = weights.reshape(6, 30, 7)
    np.testing.assert_allclose(x.grad[3].numpy(), flat[[0, 1, 3, 4]].sum(0).numpy())
    columns = lib.zeros(5, 30, 7, requires_grad=True)
    picked = columns[:, rows]
    (picked * lib.arange(5.0 * 6 * 7).reshape(5, 2, 3, 7)).sum().backward()
    expected = lib.arange(5.0 * 6 * 7).reshape(5, 6, 7)
    np.testing.assert_allclose(columns.grad[:, 3].numpy(), expected[:, [0, 3, 4]].sum(1).numpy())
    np.testing.assert_allclose(columns.grad[:, 28].numpy(), expected[:, 1].numpy())


def test_an_index_changed_before_backward_is_refused(torch_or_retrograd):
    lib = torch_or_retrograd
    x = lib.zeros(3, requires_grad=True)
    index = lib.tensor([0, 1])
    y = x[index]
    index += 1
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        y.sum().backward()
