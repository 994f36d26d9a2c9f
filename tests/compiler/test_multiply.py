"""Products in machine code of our own, and the team that shares them."""

from __future__ import annotations

import os
import threading

import numpy as np
import pytest

import retrograd as rg
from retrograd.compiler import multiply, numba_backend, team

from . import plain_kernels
from .running import kernels

pytest.importorskip("llvmlite")

SHAPES = {
    "avx512": "+avx512f,+avx2,+fma",
    "avx2": "+avx2,+fma",
    "neon": "+neon",
    "plain": "",
}


@pytest.fixture(autouse=True)
def own_cache(monkeypatch, tmp_path_factory):
    monkeypatch.setenv("RETROGRAD_CACHE_DIR", str(tmp_path_factory.getbasetemp() / "products"))


def product(a, b):
    """Return a product of matrices, or of stacks of matrices, by `multiply`."""
    lead = a.shape[:-2]
    m, k, n = *a.shape[-2:], b.shape[-1]
    c = np.full((*lead, m, n), np.nan, a.dtype)
    flat = [one if one.flags.c_contiguous else one.swapaxes(-1, -2) for one in (a, b)]
    steps = [tuple(step // a.itemsize for step in one.strides[-2:]) for one in (a, b)]
    count = int(np.prod(lead, dtype=int))
    table = np.array([[i * m * k, i * k * n, i * m * n] for i in range(count)], np.int64)
    common = (*steps[0], *steps[1], m, n, k)
    run = multiply.bind(a.dtype.name, common, table, (a.size, b.size, c.size))
    assert run(*flat, c) == 0
    return c


def numbers(random, shape, dtype, turned):
    made = random.standard_normal(shape[:-2] + shape[:-3:-1] if turned else shape).astype(dtype)
    return made.swapaxes(-1, -2) if turned else made


def check(a, b, c):
    wide_a, wide_b = a.astype(np.float64), b.astype(np.float64)
    bound = np.matmul(abs(wide_a), abs(wide_b)) * a.shape[-1] * np.finfo(a.dtype).eps
    assert np.all(abs(c - np.matmul(wide_a, wide_b)) <= bound)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("way", SHAPES)
def test_products_of_every_size_and_layout(way, dtype, monkeypatch):
    shape = multiply.shape_of(SHAPES[way])
    monkeypatch.setattr(multiply, "shape", lambda: shape)
    monkeypatch.setattr(multiply, "_linked", [])
    random = np.random.default_rng(0)
    for number in range(80):
        m, n, k = random.integers(1, 300 if number % 8 == 0 else 50, 3)
        a = numbers(random, (m, k), dtype, random.random() < 0.5)
        b = numbers(random, (k, n), dtype, random.random() < 0.5)
        check(a, b, product(a, b))


def test_batches():
    random = np.random.default_rng(1)
    for turned in (False, True):
        a = numbers(random, (6, 64, 32), "float32", not turned)
        b = numbers(random, (6, 32, 64), "float32", turned)
        check(a, b, product(a, b))


def test_bits_depend_on_no_threads():
    random = np.random.default_rng(2)
    a, b = numbers(random, (96, 70), "float32", True), numbers(random, (70, 130), "float32", True)
    before = rg.get_num_threads()
    try:
        rg.set_num_threads(1)
        wanted = product(a, b)
        for count in (2, 3, 8):
            rg.set_num_threads(count)
            for _ in range(300):
                np.testing.assert_array_equal(product(a, b), wanted)
    finally:
        rg.set_num_threads(before)


def test_products_of_several_threads_at_once():
    random = np.random.default_rng(3)
    a, b = numbers(random, (64, 80), "float64", False), numbers(random, (80, 96), "float64", True)
    wanted = product(a, b)
    wrong = []

    def work():
        wrong.extend(1 for _ in range(200) if not np.array_equal(product(a, b), wanted))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert not wrong


@pytest.mark.skipif(not hasattr(os, "fork"), reason="forks")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_process_multiplies():
    random = np.random.default_rng(4)
    a = numbers(random, (64, 128), "float32", False)
    b = numbers(random, (128, 128), "float32", True)
    wanted = product(a, b)
    child = os.fork()
    if child == 0:
        os._exit(0 if np.array_equal(product(a, b), wanted) else 1)
    assert os.waitpid(child, 0)[1] == 0


@pytest.mark.skipif(not hasattr(os, "fork"), reason="forks")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_process_forked_in_the_midst_of_work_begins_anew():
    team_ = multiply.linked(shared=False).team
    busy, chunks = team_._word(team.BUSY), team_._word(team.WORK + 16)
    team_.rest()  # a helper that is awake would take it for work
    before = busy.value, chunks.value
    with multiply._lock:
        busy.value, chunks.value = 1, team.CLOSED + 1  # as if a thread were just at it
        child = os.fork()
        if child == 0:
            free = not (busy.value or chunks.value) and multiply._lock.acquire(blocking=False)
            os._exit(0 if free else 1)
        busy.value, chunks.value = before
    team_.resize()
    assert os.waitpid(child, 0)[1] == 0


def test_what_does_not_fit_is_refused():
    table = np.zeros((1, 3), np.int64)
    run = multiply.bind("float32", (4, 1, 5, 1, 3, 5, 4), table, (12, 20, 15))
    a, b, c = np.ones((3, 4), "f4"), np.ones((4, 5), "f4"), np.empty((3, 5), "f4")
    assert run(a, b, c) == 0
    np.testing.assert_array_equal(c, 4)
    for others in ((a.astype("f8"), b, c), (a.T, b, c), (a[:2], b, c), (a, b, c[:, :4])):
        assert run(*others) != 0


def test_the_object_file_is_made_anew_where_it_is_damaged(monkeypatch, tmp_path):
    monkeypatch.setenv("RETROGRAD_CACHE_DIR", str(tmp_path))
    random = np.random.default_rng(5)
    a, b = numbers(random, (9, 8), "float32", False), numbers(random, (8, 7), "float32", False)
    for _ in range(2):
        monkeypatch.setattr(multiply, "_linked", [])
        check(a, b, product(a, b))
        (file,) = (tmp_path / "kernels").glob("products_*" + numba_backend.ENDING)
        file.write_bytes(b"damaged")


def test_a_large_product_and_a_batch_in_a_compiled_function(monkeypatch):
    pytest.importorskip("numba")
    plain_kernels.fuse_at_once(monkeypatch)
    x, w, q = rg.randn(64, 96), rg.randn(80, 96), rg.randn(20, 32, 16)

    def f(x, w, q):
        return x @ w.T, q @ (q.mT * 2)

    compiled = rg.compile(f, backend="numba")
    for _ in range(4):
        compiled(x, w, q)
        numba_backend.finish()
    assert any(": `multiply`" in one for one in kernels(compiled))
    for one, other in zip(compiled(x, w, q), f(x, w, q), strict=True):
        np.testing.assert_allclose(one.numpy(), other.numpy(), rtol=1e-4, atol=1e-4)
