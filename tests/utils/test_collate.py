"""`default_collate` and `default_convert` against PyTorch's."""

from __future__ import annotations

import collections
import types

import numpy as np
import pytest

from retrograd.utils import data as own_data

from .twins import check_data

Point = collections.namedtuple("Point", "x y")

BATCHES = {
    "integers": [1, 2],
    "large_integers": [2**40, 1],
    "floats": [1.5, 2],
    "integer_then_float": [1, 2.5],
    "bools": [True, False],
    "text": ["a", "b"],
    "bytes": [b"a", b"b"],
    "named": [Point(1, 2.0), Point(3, 4.0)],
    "tuples": [(1, "a"), (2, "b")],
    "lists": [[1, 2], [3, 4]],
    "dicts": [{"a": 1, "b": [1, 2]}, {"a": 2, "b": [3, 4]}],
    "ordered": [collections.OrderedDict(a=1), collections.OrderedDict(a=2)],
    "default_dicts": [collections.defaultdict(int, a=1)],
    "read_only_dicts": [types.MappingProxyType({"a": 1})],
    "deques": [collections.deque([1]), collections.deque([2])],
    "byte_arrays": [bytearray(b"ab"), bytearray(b"cd")],
    "ranges": [range(2), range(2)],
    "scalars": [np.float32(1), np.float32(2)],
    "scalar_int8": [np.int8(3)],
    "scalar_bool": [np.bool_(True)],
    "scalar_float64": [np.float64(2.5), 1.5],
    "arrays": [np.ones(2), np.zeros(2)],
    "arrays_0d": [np.array(1), np.array(2)],
    "text_array": [np.array(["a"])],
    "text_scalar": [np.str_("a"), np.str_("b")],
    "none": [None],
    "none_second": [1, None],
    "set": [{1, 2}],
    "complex": [1j],
    "uneven": [[1], [1, 2]],
    "other_key": [{"a": 1}, {"b": 1}],
    "nothing": [],
}


@pytest.mark.parametrize("name", BATCHES)
def test_collate(name):
    check_data(lambda library, data: data.default_collate(BATCHES[name]))


@pytest.mark.parametrize(
    "make",
    [
        lambda t: [t.ones(2), t.zeros(2)],
        lambda t: [t.tensor(1), t.tensor(2)],
        lambda t: [t.ones(2, requires_grad=True), t.ones(2)],
        lambda t: [t.nn.Parameter(t.ones(1))],
        lambda t: [t.ones(2), t.ones(3)],
        lambda t: [t.ones(2), 1],
        lambda t: [{"a": (t.ones(1), 2)}, {"a": (t.zeros(1), 3)}],
    ],
)
def test_collate_tensors(make):
    check_data(lambda library, data: data.default_collate(make(library)))


ITEMS = {
    "number": 1,
    "text": "a",
    "array": np.ones(2),
    "scalar": np.float32(1),
    "list": [np.ones(2), 1],
    "dict": {"a": np.ones(2)},
    "named": Point(np.ones(1), 2),
    "tuple": (1, np.array(["a"])),
    "default_dict": collections.defaultdict(int, a=np.ones(1)),
    "range": range(2),
    "none": None,
}


@pytest.mark.parametrize("name", ITEMS)
def test_convert(name):
    check_data(lambda library, data: data.default_convert(ITEMS[name]))


def test_collate_of_lists_without_torch():
    made = own_data.default_collate([{"a": (1.0, [2])}, {"a": (3.0, [4])}])
    assert made["a"][0].tolist() == [1.0, 3.0]
    assert made["a"][1][0].tolist() == [2, 4]
