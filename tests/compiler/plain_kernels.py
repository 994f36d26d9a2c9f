"""Kernels run as the Python that they are written in: slow, but nothing has to be compiled.

The checks of the entries are made here too: dtypes, sizes, layouts, shared memory.
"""

from __future__ import annotations

import types

import numpy as np

from retrograd.compiler import (
    backends,
    budget,
    fusion,
    multiply,
    numba_backend,
    stretch_source,
    warming,
)

DTYPES = {
    "float32": np.float32, "float64": np.float64, "int64": np.int64, "boolean": np.bool_,
}  # fmt: skip
_made: dict = {}


def njit(*given, **options):
    return given[0] if given else lambda function: function


def multiplied(a, a0, am, ak, b, b0, bk, bn, c, c0, M, N, K, panels, packs):
    """Compute what the intrinsic of that name does, one term after the other."""
    assert not packs or panels.size >= N * K
    rows, columns, terms = np.arange(M), np.arange(N), np.arange(K)
    left = a[a0 + rows[:, None] * am + terms * ak]
    right = b[b0 + terms[:, None] * bk + columns * bn]
    total = np.zeros((M, N), c.dtype)
    for k in range(K):
        total += left[:, k : k + 1] * right[k]
    c[c0 : c0 + M * N] = total.reshape(-1)


def bind_products(dtype, common, table, sizes):
    """Return what `multiply.bind` does, as Python."""
    am, ak, bk, bn, m, n, k = common

    def run(*arrays):
        for one, size in zip(arrays, sizes, strict=True):
            if type(one) is not np.ndarray or one.dtype != dtype or one.size != size:
                return 16
            if not one.flags.c_contiguous:
                return 16
        a, b, c = (one.reshape(-1) for one in arrays)
        assert not any(np.may_share_memory(one, c) for one in (a, b))
        for a0, b0, c0 in table:
            multiplied(a, a0, am, ak, b, b0, bk, bn, c, c0, m, n, k, c, 0)
        return 0

    return run


class PlainKernel:
    """What stands for machine code."""

    def __init__(self, source: str, signature: tuple[str, ...]) -> None:
        head, body = source.split(stretch_source.HEAD, 1)
        assert not head
        names = {
            "np": np, "numba": types.SimpleNamespace(njit=njit), "inlined": njit,
            "alone": {}, "loops": {}, "apart": lambda: None,
            "add": lambda total, number: total + number,
            "multiply": multiplied,
            "part": lambda array, begin, size: array[begin : begin + size],
            "fetch": lambda array, place: None,
        }  # fmt: skip
        exec(compile(body, "<plain kernel>", "exec"), names)
        self.kernel = names["kernel"]
        self.parameters = [one.partition("/")[::2] for one in signature]

    def bind(self, numbers, sizes, release=False):
        def run(*arrays):
            rest = iter(arrays)
            given, seen = list(numbers), []
            for (dtype, way), size in zip(self.parameters, sizes, strict=True):
                if way == "scratch":
                    given.append(np.full(size, 77, DTYPES[dtype]))
                    continue
                one = next(rest)
                if not way:
                    given.append(DTYPES[dtype](one))
                    continue
                plain = type(one) is np.ndarray and one.dtype == DTYPES[dtype]
                if not plain or one.size != size or not one.flags.c_contiguous:
                    return 16
                flat = one.reshape(-1)
                if way == "in":
                    flat.flags.writeable = False
                seen.append((flat, way))
                given.append(flat)
            for place, (one, way) in enumerate(seen):
                others = [flat for flat, _ in (*seen[:place], *seen[place + 1 :])]
                shared = any(np.may_share_memory(one, other) for other in others)
                assert way != "out" or not shared, "a result lies in the memory of another array"
                if way == "inout" and shared:
                    return 17
            with np.errstate(all="ignore"):
                return int(self.kernel(*given))

        return run


def build(source, signature, numbers=2, symbols=None) -> PlainKernel:
    key = source, signature
    if key not in _made:
        _made[key] = PlainKernel(source, signature)
    return _made[key]


def always_replay(monkeypatch) -> None:
    """Let no call run eagerly, as some do to see how long that takes: a test would see nothing."""
    monkeypatch.setattr(budget, "SAMPLED", ())
    monkeypatch.setattr(budget, "WINDOW", 1 << 30)


def fuse_at_once(monkeypatch) -> None:
    """Lower at the first replay, and fuse even single calls."""
    monkeypatch.setattr(warming, "PATIENCE", 0.0)
    monkeypatch.setattr(fusion, "FEWEST", 1)
    always_replay(monkeypatch)


def use_own_cache(monkeypatch, folder) -> None:
    """Fuse at once, and keep kernels in a folder of the test."""
    fuse_at_once(monkeypatch)
    monkeypatch.setenv("RETROGRAD_CACHE_DIR", str(folder))
    monkeypatch.setattr(numba_backend, "_kernels", {})


def use(monkeypatch) -> None:
    """Run kernels as Python; lower at the first replay, fuse even single calls, at once."""
    monkeypatch.setattr(backends, "available", lambda: True)
    monkeypatch.setattr(numba_backend, "build", build)
    shape = multiply.shape_of("+avx512f")
    monkeypatch.setattr(multiply, "shape", lambda: shape)
    monkeypatch.setattr(multiply, "symbols", lambda shared: {})
    monkeypatch.setattr(multiply, "bind", bind_products)
    monkeypatch.setattr(numba_backend, "submit", lambda job: job())
    monkeypatch.setattr(numba_backend, "finish", lambda: None)
    fuse_at_once(monkeypatch)
    monkeypatch.setenv("RETROGRAD_LOGS", "fusion")
