"""Datasets against PyTorch's, and without it."""

from __future__ import annotations

import pytest

import retrograd as own
from retrograd.utils import data as own_data

from .twins import check_data


def pairs(library, data, count=5):
    return data.TensorDataset(library.arange(2.0 * count).reshape(count, 2), library.arange(count))


def counting(data, stop):
    class Counting(data.IterableDataset):
        def __iter__(self):
            return iter(range(stop))

    return Counting()


PROGRAMS = {
    "tensors": lambda t, d: [pairs(t, d)[1], pairs(t, d)[-1], len(pairs(t, d))],
    "tensors_slice": lambda t, d: pairs(t, d)[1:3],
    "tensors_differ": lambda t, d: d.TensorDataset(t.ones(3), t.ones(2)),
    "tensors_outside": lambda t, d: pairs(t, d)[5],
    "stack": lambda t, d: d.StackDataset(pairs(t, d), range(5))[2],
    "stack_names": lambda t, d: d.StackDataset(a=pairs(t, d), b=range(5))[2],
    "stack_several": lambda t, d: d.StackDataset(pairs(t, d), range(5)).__getitems__([0, 3]),
    "stack_several_names": lambda t, d: d.StackDataset(
        a=d.Subset(range(9), range(5)), b=range(5)
    ).__getitems__([0, 3]),
    "stack_nothing": lambda t, d: d.StackDataset(),
    "stack_differ": lambda t, d: d.StackDataset(range(3), range(2)),
    "stack_names_differ": lambda t, d: d.StackDataset(a=range(3), b=range(2)),
    "stack_both": lambda t, d: d.StackDataset(range(3), a=range(3)),
    "concat": lambda t, d: [(d.ConcatDataset([range(2), range(5, 8)]))[i] for i in range(-5, 5)],
    "concat_size": lambda t, d: [
        len(pairs(t, d) + pairs(t, d)),
        d.ConcatDataset([range(2), range(3)]).cumulative_sizes,
    ],
    "concat_old_name": lambda t, d: d.ConcatDataset([range(2)]).cummulative_sizes,
    "concat_nothing": lambda t, d: d.ConcatDataset([]),
    "concat_iterable": lambda t, d: d.ConcatDataset([counting(d, 2)]),
    "concat_before": lambda t, d: d.ConcatDataset([range(2)])[-3],
    "concat_after": lambda t, d: d.ConcatDataset([range(2)])[2],
    "chain": lambda t, d: list(counting(d, 2) + counting(d, 3)),
    "chain_wrong": lambda t, d: list(d.ChainDataset([range(2)])),
    "chain_length": lambda t, d: len(d.ChainDataset([range(2)])),
    "no_items": lambda t, d: d.Dataset()[0],
    "no_length": lambda t, d: len(d.Dataset()),
    "no_iteration": lambda t, d: d.IterableDataset(),
    "subset": lambda t, d: [d.Subset(pairs(t, d), [3, 1])[0], len(d.Subset(range(9), [3, 1]))],
    "subset_list": lambda t, d: d.Subset(pairs(t, d), [3, 1])[[0, 1]],
    "subset_several": lambda t, d: d.Subset(d.Subset(range(9), [8, 6, 4]), [2, 1]).__getitems__(
        [0, 1]
    ),
    "subset_outside": lambda t, d: d.Subset(range(9), [1])[1],
    "split": lambda t, d: [s.indices for s in d.random_split(range(10), [3, 7])],
    "split_fractions": lambda t, d: [s.indices for s in d.random_split(range(9), [0.5, 0.3, 0.2])],
    "split_empty": lambda t, d: [len(s) for s in d.random_split(range(3), [0.9, 0.05, 0.05])],
    "split_generator": lambda t, d: [
        s.indices for s in d.random_split(range(9), [4, 5], t.Generator().manual_seed(3))
    ],
    "split_wrong": lambda t, d: d.random_split(range(9), [4, 4]),
    "split_wrong_fractions": lambda t, d: d.random_split(range(9), [0.5, 0.6]),
    "split_negative": lambda t, d: d.random_split(range(9), [1.5, -0.5]),
    "subscripted": lambda t, d: [d.Dataset[int], d.Subset[int], d.DataLoader[int]] and 1,
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_like_torch(name):
    check_data(PROGRAMS[name])


def test_a_split_has_every_item_once():
    parts = own_data.random_split(range(100), [0.7, 0.3], own.Generator().manual_seed(0))
    assert [len(part) for part in parts] == [70, 30]
    assert sorted(i for part in parts for i in part) == list(range(100))
