"""Looking up and adding at an index inside of kernels: the same numbers, the same errors."""

from __future__ import annotations

import numpy as np
import pytest

import retrograd as rg
from retrograd.compiler import numba_backend
from retrograd.compiler.indexed import counts_rows

from . import plain_kernels
from .running import complaint, kernels

F = rg.nn.functional


@pytest.fixture(autouse=True)
def plain(monkeypatch):
    plain_kernels.use(monkeypatch)


def numbers(*shape, seed=1, dtype=rg.float32):
    rg.manual_seed(seed)
    return rg.randn(*shape, dtype=dtype)


def places(shape, size, kind=np.int64, seed=2, low=0):
    return rg.tensor(np.random.default_rng(seed).integers(low, size, shape).astype(kind))


def close(found, wanted, ulps):
    assert found.dtype == wanted.dtype
    assert found.shape == wanted.shape
    if ulps == 0:
        assert found.tobytes() == wanted.tobytes()
        return
    eps = np.finfo(wanted.dtype).eps
    scale = float(np.abs(wanted[np.isfinite(wanted)]).max(initial=0.0))
    np.testing.assert_allclose(found, wanted, rtol=ulps * eps, atol=ulps * eps * scale)


def same(function, *calls, ulps=0, fused=True):
    """Compare what calls give eagerly and with kernels, bit for bit where `ulps` is 0."""
    compiled = rg.compile(function, backend="numba")
    for _ in range(4):
        compiled(*calls[0])
    numba_backend.finish()
    compiled(*calls[0])
    assert bool(kernels(compiled)) == fused
    for args in calls:
        wanted, found = function(*args), compiled(*args)
        if isinstance(wanted, rg.Tensor):
            wanted, found = (wanted,), (found,)
        for one, other in zip(found, wanted, strict=True):
            close(one.detach().numpy(), other.detach().numpy(), ulps)
    return compiled


def gradient(function, leaf):
    """Return a function that gives a result and the gradient of a leaf for a seed of its shape."""

    def step(*args):
        leaf.grad = None
        out = function(leaf, *args)
        (out * out).sum().backward()
        return out, leaf.grad

    return step


LOOKUPS = {
    "embedding": (lambda x, i: F.embedding(i, x) * 2, (11, 5), ((3, 4), 11)),
    "rows": (lambda x, i: x[i] * 2 + 1, (11, 5), ((7,), 11)),
    "rows of several dimensions": (lambda x, i: x[i] * 2 + 1, (6, 2, 3), ((4, 2), 6)),
    "numbers": (lambda x, i: x[i] * 2 + 1, (9,), ((4, 5), 9)),
    "one column": (lambda x, i: x[i] * 2 + 1, (9, 1), ((6,), 9)),
    "take": (lambda x, i: rg.take(x, i) * 2 + 1, (4, 5), ((3, 3), 20)),
    "index_select": (lambda x, i: x.index_select(0, i) * 2, (8, 3), ((5,), 8)),
    "gather": (lambda x, i: rg.gather(x * 2 + 1, 1, i) * 3, (6, 7), ((6, 1), 7)),
    "gather of three dimensions": (
        lambda x, i: rg.gather(x * 2 + 1, -1, i) * 3, (2, 3, 7), ((2, 3, 1), 7)
    ),
    "take_along_dim": (lambda x, i: rg.take_along_dim(x * 2 + 1, i, 1) * 3, (6, 7), ((6, 1), 7)),
    "a pick": (lambda x, i: (x * 2)[rg.arange(6), i] * 3, (6, 7), ((6,), 7)),
    "index_add": (
        lambda x, i: (x * 2).index_add(0, i, x[i] * 3) * 2, (6, 4), ((9,), 6)
    ),
}  # fmt: skip


@pytest.mark.usefixtures("never_by_numpy")
@pytest.mark.parametrize("name", LOOKUPS)
def test_forward_and_gradient(name):
    """With places that repeat; the order in which they are added is NumPy's, so are the bits."""
    function, shape, (size, count) = LOOKUPS[name]
    for dtype in (rg.float32, rg.float64):
        leaf = numbers(*shape, dtype=dtype).requires_grad_()
        step = gradient(function, leaf)
        same(step, *[(places(size, count, seed=seed),) for seed in range(3)])


@pytest.mark.usefixtures("never_by_numpy")
@pytest.mark.parametrize("name", ["embedding", "index_select", "rows"])
def test_indices_of_32_bits(name):
    function, shape, (size, count) = LOOKUPS[name]
    leaf = numbers(*shape).requires_grad_()
    same(gradient(function, leaf), (places(size, count, np.int32),))


@pytest.mark.usefixtures("never_by_numpy")
@pytest.mark.parametrize("name", ["rows", "numbers", "a pick", "take"])
def test_negative_places_count_from_the_end(name):
    function, shape, (size, count) = LOOKUPS[name]
    leaf = numbers(*shape).requires_grad_()
    step = gradient(function, leaf)
    same(step, (places(size, count),), (places(size, count, low=-count),))


def training(function, leaf, buffer):
    """Return a step that writes before a look-up, between it and the gradient, and after."""

    def step(index):
        leaf.grad = None
        buffer.add_(1)
        out = function(leaf, index)
        buffer.mul_(2)
        out.sum().backward()
        with rg.no_grad():
            leaf.sub_(leaf.grad * 0.1)
        return out

    return step


def failing(function, shape, right, wrong, compiled):
    """Return what a call with a wrong index raises, and what it leaves behind."""
    leaf, buffer = numbers(*shape).requires_grad_(), rg.zeros(3)
    step = training(function, leaf, buffer)
    if compiled:
        step = rg.compile(step, backend="numba")
    for _ in range(5):
        step(right)
    assert not compiled or kernels(step)
    with pytest.raises((IndexError, RuntimeError)) as caught:
        step(wrong)
    left = [buffer.numpy().copy(), leaf.detach().numpy().copy()]
    assert leaf.grad is None
    return complaint(caught.value), [*left, step(right).detach().numpy(), leaf.grad.numpy()]


# take_along_dim counts on from the beginning, as PyTorch does.
@pytest.mark.parametrize("name", sorted(LOOKUPS.keys() - {"take_along_dim"}))
def test_out_of_range_raises_what_eager_raises_and_leaves_the_same(name):
    function, shape, (size, count) = LOOKUPS[name]
    right = places(size, count)
    for wrong_number in (count, -count - 1, 10**15):
        wrong = right.clone()
        wrong.view(-1)[-1] = wrong_number
        words, left = failing(function, shape, right, wrong, False)
        found_words, found = failing(function, shape, right, wrong, True)
        assert found_words == words
        for one, other in zip(found, left, strict=True):
            close(one, other, 8)


def test_nothing_to_look_up():
    leaf = numbers(5, 4).requires_grad_()
    step = gradient(lambda x, i: x[i] * 2 + 1, leaf)
    same(step, (places((0,), 5),), fused=False)


def test_masks_stay_outside():
    leaf = numbers(5, 4).requires_grad_()
    mask = rg.tensor([True, False, True, True, False])
    same(gradient(lambda x, m: ((x * 2 + 1).tanh() * 3)[m] * 2, leaf), (mask,), ulps=8)


def test_an_index_that_is_written_into_is_checked_again():
    x, index = numbers(6, 4), places((5,), 6)

    def function(number):
        first = x[index] * 2 + 1
        index.fill_(number)
        return first, x[index] * 3 + 1, x[index] * 4

    compiled = same(function, (3,))
    index.fill_(0)
    with pytest.raises(IndexError, match="index 6 is out of bounds"):
        rg.compile(function, backend="numba")(6)
    index.fill_(7)
    with pytest.raises(IndexError, match="index 7 is out of bounds"):
        compiled(3)


@pytest.mark.usefixtures("never_by_numpy")
def test_an_index_that_is_made_in_the_function():
    leaf = numbers(6, 4).requires_grad_()
    step = gradient(lambda x: x[rg.arange(4)] * 2 + x[rg.tensor([5, 5, -6, 0])], leaf)
    compiled = same(step, ())
    assert "take" not in compiled.source
    same(gradient(lambda x, i: F.embedding(i, x) * x[rg.arange(5)], leaf), (places((5,), 6),))


def test_what_nobody_reads_raises_too():
    x, index = numbers(6, 4), places((5,), 6)

    def function(i):
        x[i] * 2
        return ((x * 2 + 1).tanh() * 3)[i.view(5)] * 2 + 1

    compiled = same(function, (index,), (places((5,), 6, low=-6),), ulps=8)
    index[2] = -7
    with pytest.raises(IndexError, match="index -7 is out of bounds"):
        compiled(index)

    def unread(i):
        x[i] * 2
        return (x * 2 + 1).tanh() * 3

    index[2] = 0
    compiled = same(unread, (index,), ulps=8)
    index[2] = 6
    with pytest.raises(IndexError, match="index 6 is out of bounds"):
        compiled(index)


def test_an_index_that_is_another_view_of_what_was_checked():
    x, index = numbers(6, 4), places((2, 6), 6)
    compiled = same(lambda i: x[i.view(-1)] * 2 + 1, (index,))
    index[1, 2] = 6
    with pytest.raises(IndexError, match="index 6 is out of bounds"):
        compiled(index)


def test_an_index_that_is_computed():
    x, index = numbers(6, 4), places((5,), 3)
    same(lambda i: x[i * 2] * 2 + 1, (index,), (places((5,), 3, seed=5),))
    compiled = rg.compile(lambda i: x[i * 2] * 2 + 1, backend="numba")
    for _ in range(4):
        compiled(index)
    with pytest.raises(IndexError, match="index 6 is out of bounds"):
        compiled(rg.full((5,), 3))


LOSSES = {
    "mean": {},
    "sum": {"reduction": "sum"},
    "none": {"reduction": "none"},
    "weights": {"weight": rg.linspace(0.5, 2.0, 5)},
    "smoothing": {"label_smoothing": 0.1},
}


@pytest.mark.parametrize("name", LOSSES)
def test_cross_entropy(name):
    leaf = numbers(9, 5).requires_grad_()

    def step(target):
        leaf.grad = None
        loss = F.cross_entropy(leaf * 2, target, **LOSSES[name])
        loss.sum().backward()
        return loss, leaf.grad

    same(step, *[(places((9,), 5, seed=seed),) for seed in range(3)], ulps=16)


def test_targets_that_are_ignored_go_another_way():
    leaf = numbers(9, 5).requires_grad_()

    def step(target):
        leaf.grad = None
        loss = F.cross_entropy(leaf * 2, target)
        loss.backward()
        return loss, leaf.grad

    target = places((9,), 5)
    ignored = target.clone()
    ignored[3] = -100
    same(step, (target,), (ignored,), (target,), (ignored,), (target,), ulps=16)
    same(step, (ignored,), (target,), ulps=16)
    wrong = target.clone()
    wrong[2] = 5
    compiled = same(step, (target,), ulps=16)
    for function in (step, compiled):
        with pytest.raises(IndexError, match="Target 5 is out of bounds"):
            function(wrong)


@pytest.mark.parametrize("padding", [None, 2])
def test_a_language_model_is_few_kernels(padding):
    def run(compiled):
        rg.manual_seed(0)
        table = rg.nn.Embedding(7, 7, padding_idx=padding)
        optimizer = rg.optim.AdamW(table.parameters(), lr=0.1)
        x, y = places((4, 3), 7, seed=3), places((4, 3), 7, seed=4)

        def step():
            loss = F.cross_entropy(table(x).view(12, 7), y.view(12))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            return loss

        function = rg.compile(step, backend="numba") if compiled else step
        for _ in range(9):
            loss = function()
        return function, [one.detach().numpy() for one in (loss, table.weight, table.weight.grad)]

    compiled, found = run(True)
    if padding is None:
        assert len(kernels(compiled)) == 1
    for one, other in zip(found, run(False)[1], strict=True):
        close(one, other, 64)


def test_the_backward_of_a_compiled_module():
    model = rg.nn.Sequential(rg.nn.Embedding(7, 5), rg.nn.Tanh(), rg.nn.Linear(5, 3))
    compiled = rg.compile(model, backend="numba")
    index = places((4, 3), 7)
    found = []
    for function in (model, compiled):
        for _ in range(5):
            model.zero_grad()
            out = function(index)
            (out * out).sum().backward()
        found.append([p.grad.numpy().copy() for p in model.parameters()])
    for one, other in zip(*found, strict=True):
        close(one, other, 16)


def test_which_keys_count_the_rows():
    rows = np.arange(4)
    assert counts_rows((rows,), (4,), 1)
    assert counts_rows((rows[:, None],), (4,), 2)
    assert counts_rows((rows[:, None, None], np.arange(3)[:, None]), (4, 3), 3)
    assert not counts_rows((rows,), (4,), 2)
    assert not counts_rows((rows[::-1],), (4,), 1)
    assert not counts_rows((rows,), (5,), 1)
    assert not counts_rows((np.arange(3)[:, None], rows[:, None, None]), (3, 4), 3)


def test_a_target_out_of_range_says_so_each_time():
    leaf, target = numbers(9, 5), places((9,), 5)
    compiled = same(lambda t: F.nll_loss(leaf * 2, t, reduction="none") + 1, (target,))
    wrong = target.clone()
    wrong[2] = 5
    for _ in range(5):
        with pytest.raises(IndexError, match="Target 5 is out of bounds"):
            compiled(wrong)
        wanted = F.nll_loss(leaf * 2, target, reduction="none") + 1
        close(compiled(target).numpy(), wanted.numpy(), 0)
