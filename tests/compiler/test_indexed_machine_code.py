"""Looking up and adding at an index, in kernels that are compiled: the bits of NumPy's order."""

from __future__ import annotations

import threading

import numpy as np
import pytest

import retrograd as rg
from retrograd.compiler import blocks, fusion, launching, numba_backend

from .plain_kernels import use_own_cache
from .running import kernels
from .test_indexed import LOOKUPS, F, close, gradient, numbers, places, same

pytest.importorskip("numba")


@pytest.fixture(autouse=True)
def eager_to_fuse(monkeypatch, tmp_path):
    use_own_cache(monkeypatch, tmp_path)


@pytest.mark.parametrize("kind", [np.int64, np.int32])
@pytest.mark.parametrize("name", ["embedding", "rows", "index_add"])
def test_lookups(name, kind):
    function, shape, (size, count) = LOOKUPS[name]
    leaf = numbers(*shape).requires_grad_()
    index = places(size, count, kind)
    if name != "rows":
        same(gradient(function, leaf), (index,))
        return
    step = gradient(function, leaf)
    compiled = same(step, (index,), (places(size, count, kind, low=-count),))
    index[0] = count
    with pytest.raises(IndexError, match=f"index {count} is out of bounds"):
        compiled(index)


@pytest.mark.parametrize("dtype", [rg.float32, rg.float64])
def test_cross_entropy_and_lookup_in_one_step(dtype):
    leaf = numbers(13, 9, dtype=dtype).requires_grad_()

    def step(index, target):
        leaf.grad = None
        loss = F.cross_entropy(leaf[index] * 2, target)
        loss.backward()
        return loss, leaf.grad

    given = [(places((21,), 13, seed=n), places((21,), 9, seed=n + 9)) for n in range(3)]
    assert len(kernels(same(step, *given, ulps=16))) == 1


def test_additions_of_many_rows_have_the_bits_of_numpys_order():
    leaf = numbers(3, 37).requires_grad_()
    same(gradient(lambda x, i: x[i] * 1.7, leaf), (places((2000,), 3),))


def test_blocks_on_several_threads(monkeypatch):
    """A look-up is cut into blocks; rows that are added are not."""
    monkeypatch.setattr(blocks, "SMALLEST", 1000)
    monkeypatch.setattr(blocks, "BLOCK", 256)
    monkeypatch.setattr(fusion, "LARGEST_SCATTERED", 1000)
    leaf = numbers(40, 33).requires_grad_()
    for count in (1, 3):
        monkeypatch.setattr(blocks, "get_num_threads", lambda count=count: count)
        same(gradient(lambda x, i: x[i] * 1.7, leaf), (places((100,), 40),))


def test_an_index_that_another_thread_writes_into_stays_inside(monkeypatch):
    """A kernel whose index is changed after it was checked reads its own memory all the same."""
    from retrograd.compiler import checks

    monkeypatch.setattr(checks, "checker", lambda entry, refused: lambda array: None)
    monkeypatch.setattr(
        launching, "by_numpy", lambda stretch: lambda *arrays: pytest.fail("no kernel was run")
    )
    table = numbers(5, 64)
    index = places((1000,), 5)
    compiled = rg.compile(lambda i: table[i] * 2 + 1, backend="numba")
    for _ in range(4):
        compiled(index)
    numba_backend.finish()
    compiled(index)
    assert kernels(compiled)
    index[::2] = 10**14
    index[1::2] = -(10**14)
    wanted = (table[0] * 2 + 1).numpy()
    assert all((row == wanted).all() for row in compiled(index).numpy())


def test_threads():
    leaf = numbers(50, 16)

    def function(index):
        return (leaf[index] * 2).tanh() + 1

    compiled = rg.compile(function, backend="numba")
    for _ in range(4):
        compiled(places((300,), 50))
    numba_backend.finish()
    compiled(places((300,), 50))
    assert kernels(compiled)
    wrong = []

    def run(seed):
        index = places((300,), 50, seed=seed)
        wanted = function(index).numpy()
        for _ in range(30):
            try:
                close(compiled(index).numpy(), wanted, 8)
            except AssertionError as error:
                wrong.append(error)

    threads = [threading.Thread(target=run, args=(seed,)) for seed in range(4)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert not wrong
