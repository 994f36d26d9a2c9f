"""Builtins of machine code: what they take, what they refuse, and what keeps them alive."""

from __future__ import annotations

import gc
import sys
import threading

import numpy as np
import pytest

from retrograd.compiler import native

pytest.importorskip("numba")
from retrograd.compiler import numba_backend

SOURCE = """
import numpy as np

def kernel(rows, columns, a, flags, scale, shift, count, on, out, state, kept):
    for i in range(columns):
        kept[i] = 0.0
    for i in range(rows):
        for j in range(columns):
            place = np.uint64(i * columns + j)
            value = a[place] * scale + np.float32(shift)
            value = value if flags[place] and on else np.float32(count)
            out[place] = value
            kept[np.uint64(j)] += value
    for j in range(columns):
        state[np.uint64(j)] = state[np.uint64(j)] + kept[np.uint64(j)]
    return np.int64(7 if count == 99 else 0)
"""
SIGNATURE = (
    "float32/in", "boolean/in", "float32", "float64", "int64", "boolean",
    "float32/out", "float64/inout", "float64/scratch",
)  # fmt: skip


@pytest.fixture(scope="module")
def code(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RETROGRAD_CACHE_DIR", str(tmp_path_factory.mktemp("cache")))
        return numba_backend.build(SOURCE, SIGNATURE)


def bound(code, release=False):
    return code.bind((3, 4), (12, 12, 0, 0, 0, 0, 12, 4, 4), release)


def arguments(**changed):
    given = {
        "a": np.arange(12, dtype=np.float32).reshape(3, 4),
        "flags": np.arange(12).reshape(3, 4) % 3 != 0,
        "scale": np.float32(2),
        "shift": 0.5,
        "count": np.int64(-1),
        "on": np.True_,
        "out": np.full((3, 4), -9, np.float32),
        "state": np.ones(4),
    }
    return {**given, **changed}


@pytest.mark.parametrize("release", [False, True], ids=["holding", "releasing"])
def test_it_computes(code, release):
    given = arguments()
    assert bound(code, release)(*given.values()) == 0
    wanted = np.where(given["flags"], given["a"] * 2 + np.float32(0.5), -1)
    np.testing.assert_array_equal(given["out"], wanted)
    np.testing.assert_array_equal(given["state"], 1 + wanted.sum(0))


def test_the_kernels_own_reason(code):
    assert bound(code)(*arguments(count=np.int64(99)).values()) == 7


def swapped(array):
    return array.astype(array.dtype.newbyteorder())


class Sub(np.ndarray):
    pass


wide = np.arange(24, dtype=np.float32).reshape(3, 8)
unaligned = np.zeros(49, np.uint8)[1:].view(np.float32).reshape(3, 4)
read_only = np.zeros((3, 4), np.float32)
read_only.flags.writeable = False
REFUSED = {
    "another dtype": {"a": np.zeros((3, 4))},
    "another dtype of the same size": {"a": np.zeros((3, 4), np.int32)},
    "swapped bytes": {"a": swapped(np.zeros((3, 4), np.float32))},
    "not contiguous": {"a": wide[:, ::2]},
    "transposed": {"a": np.zeros((4, 3), np.float32).T},
    "unaligned": {"a": unaligned},
    "too few": {"a": np.zeros((3, 3), np.float32)},
    "too many": {"a": np.zeros((3, 4, 2), np.float32)},
    "none": {"a": np.zeros((3, 0), np.float32)},
    "no dimension": {"a": np.array(1, np.float32)},
    "a subclass": {"a": np.zeros((3, 4), np.float32).view(Sub)},
    "None": {"a": None},
    "a number for an array": {"a": np.float32(1)},
    "bytes": {"flags": b"123456789012"},
    "unsigned bytes for flags": {"flags": np.ones((3, 4), np.uint8)},
    "an array for a number": {"scale": np.array(2, np.float32)},
    "a wider number": {"scale": np.float64(2)},
    "a Python number for float32": {"scale": 2.0},
    "an int for a float": {"shift": 1},
    "a narrower number": {"shift": np.float32(1)},
    "a Python int": {"count": 3},
    "a Python bool": {"on": True},
    "an output that is read-only": {"out": read_only},
    "a state of another size": {"state": np.ones(5)},
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_not_as_declared_is_refused_untouched(code, name):
    given = arguments(**REFUSED[name])
    before = {key: np.copy(value) for key, value in given.items() if key in ("out", "state")}
    assert bound(code)(*given.values()) == native.NOT_AS_DECLARED
    for key, value in before.items():
        np.testing.assert_array_equal(given[key], value)


def test_another_number_of_arguments_is_refused(code):
    given = list(arguments().values())
    run = bound(code)
    assert run(*given[:-1]) == run(*given, given[0]) == run() == native.NOT_AS_DECLARED
    with pytest.raises(TypeError, match="no keyword arguments"):
        run(a=1)


def test_any_rank_of_the_right_size(code):
    given = arguments()
    wanted = arguments()
    bound(code)(*wanted.values())
    for name in ("a", "flags", "out"):
        given[name] = given[name].reshape(1, 2, 1, 3, 2)
    given["state"] = given["state"].reshape(2, 1, 2)
    assert bound(code)(*given.values()) == 0
    np.testing.assert_array_equal(given["out"].ravel(), wanted["out"].ravel())
    np.testing.assert_array_equal(given["state"].ravel(), wanted["state"])


def test_equal_dtypes_that_are_other_objects(code):
    """NumPy has several numbers for one kind of integer, and dtypes may be copied."""
    given = arguments(count=np.longlong(5), shift=np.float64(0.5))
    kind = np.dtype(np.float32, metadata={"of": "a test"})
    given["a"] = given["a"].astype(kind)
    assert bound(code)(*given.values()) == 0


def test_shared_memory_is_found(tmp_path, monkeypatch):
    monkeypatch.setenv("RETROGRAD_CACHE_DIR", str(tmp_path))
    source = "import numpy as np\ndef kernel(n, a, b, c):\n    return np.int64(0)\n"
    kinds = ("float32/in", "float32/inout", "float32/inout")
    code = numba_backend.build(source, kinds, 1)
    run = code.bind((4,), (4, 4, 4))
    memory = np.zeros(16, np.float32)
    one, other, third = memory[:4], memory[4:8], memory[8:12]
    assert run(one, other, third) == 0
    assert run(third, other, one) == 0
    for wrong in ((one, one, third), (one, memory[1:5], third), (memory[5:9], one, third),
                  (one, third, third), (one, third, memory[11:15])):  # fmt: skip
        assert run(*wrong) == native.OVERLAPS


def test_a_builtin_keeps_its_code_alive(tmp_path, monkeypatch):
    monkeypatch.setenv("RETROGRAD_CACHE_DIR", str(tmp_path))
    source = "import numpy as np\ndef kernel(n, a):\n    a[0] = n\n    return np.int64(0)\n"
    monkeypatch.setattr(numba_backend, "_kernels", {})
    runs = [numba_backend.build(source, ("float64/out",), 1).bind((n,), (1,)) for n in range(5)]
    numba_backend._kernels.clear()
    gc.collect()
    out = np.zeros(1)
    for number, run in enumerate(runs):
        assert run(out) == 0
        assert out[0] == number


def test_calls_leak_nothing(code):
    run = bound(code)
    given = list(arguments().values())
    wrong = list(arguments(**REFUSED["transposed"]).values())
    for _ in range(10_000):
        run(*given)
        run(*wrong)
    assert sys.getrefcount(given[0]) == sys.getrefcount(np.zeros(1)) + 1


def test_threads_share_a_builtin(code):
    run = bound(code, release=True)
    wanted = arguments()
    run(*wanted.values())
    found = []

    def work():
        for _ in range(200):
            given = arguments()
            assert run(*given.values()) == 0
            found.append(np.array_equal(given["out"], wanted["out"]))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert found == [True] * 800


def test_parameters_that_do_not_exist():
    for wrong in ("float16/in", "float32/2", "complex64"):
        with pytest.raises(ValueError, match="no parameter of a kernel"):
            native.parsed((wrong,))


def test_a_kernel_that_allocates_is_refused(tmp_path, monkeypatch):
    """Its code would need numba's memory management, which a second process has not."""
    monkeypatch.setenv("RETROGRAD_CACHE_DIR", str(tmp_path))
    source = "import numpy as np\ndef kernel(n, a):\n    a[0] = np.empty(n).size\n    return 0\n"
    with pytest.raises(Exception, match="empty"):
        numba_backend.build(source, ("float64/out",), 1)


def test_another_layout_of_arrays_is_noticed(monkeypatch):
    native.check_layout()
    monkeypatch.setattr(native, "FLAGS", native.FLAGS - 8)
    with pytest.raises(RuntimeError, match="not laid out as expected"):
        native.check_layout()


def test_shared_memory_among_many(tmp_path, monkeypatch):
    """So many pairs are compared in a loop."""
    monkeypatch.setenv("RETROGRAD_CACHE_DIR", str(tmp_path))
    names = [f"a{place}" for place in range(12)]
    source = f"import numpy as np\ndef kernel({', '.join(names)}):\n    return np.int64(0)\n"
    for read in (0, 3):
        kinds = ("float32/in",) * read + ("float32/inout",) * (12 - read)
        run = numba_backend.build(source, kinds, 0).bind((), (4,) * 12)
        memory = np.zeros(60, np.float32)
        given = [memory[4 * place : 4 * place + 4] for place in range(12)]
        assert (12 - read) * 12 > native.MOST_COMPARED
        assert run(*given) == run(*given[::-1]) == 0
        for one in range(12):
            for other in range(12):
                wrong = list(given)
                wrong[one] = memory[4 * other + 1 : 4 * other + 5]
                clash = [p for p in range(12) if p != one and p in (other, other + 1)]
                fine = not clash or (one < read and all(p < read for p in clash))
                assert run(*wrong) == (0 if fine else native.OVERLAPS)
