"""`DataLoader` in one process, against PyTorch's and without it."""

from __future__ import annotations

import numpy as np
import pytest

import retrograd as own
from retrograd.utils import data as own_data

from .test_dataset import counting, pairs
from .twins import check_data


def loaded(**settings):
    """Pass twice over a loader of eleven pairs; say its length and the generator's state too."""

    def program(library, data):
        given = {
            name: value(library, data) if callable(value) else value
            for name, value in settings.items()
            if name != "generator"
        }
        if "generator" in settings:
            given["generator"] = library.Generator().manual_seed(settings["generator"])
        loader = data.DataLoader(pairs(library, data, 11), **given)
        seen = [len(loader), list(loader), library.rand(1), list(loader)]
        return seen, given["generator"].get_state() if "generator" in given else None

    return program


LOADED = {
    "plain": loaded(),
    "batches": loaded(batch_size=4),
    "dropped": loaded(batch_size=4, drop_last=True),
    "shuffled": loaded(batch_size=4, shuffle=True),
    "shuffled_generator": loaded(batch_size=4, shuffle=True, generator=5),
    "generator_alone": loaded(batch_size=4, generator=5),
    "items": loaded(batch_size=None),
    "items_shuffled": loaded(batch_size=None, shuffle=True),
    "sampler": loaded(batch_size=4, sampler=[3, 1, -1]),
    "sampler_of_tensors": loaded(
        batch_size=2, sampler=lambda t, d: [t.tensor(1), t.tensor(3), t.tensor(0)]
    ),
    "sampler_outside": loaded(batch_size=2, sampler=[1, 11]),
    "sampler_mixed": loaded(batch_size=3, sampler=[1, np.int64(2), 4]),
    "batch_sampler": loaded(batch_sampler=[[1, 2], [], [5]][::2]),
    "weighted": loaded(batch_size=3, sampler=lambda t, d: d.WeightedRandomSampler(np.ones(11), 8)),
    "shuffle_false": loaded(shuffle=False),
    "pinned": loaded(batch_size=6, pin_memory=True),
}


@pytest.mark.parametrize("name", LOADED)
def test_batches(name):
    check_data(LOADED[name])


def of_other_datasets(library, data):
    generator = library.Generator().manual_seed(0)
    whole = pairs(library, data, 11)
    gradient = library.ones(4, 2, requires_grad=True)
    datasets = [
        data.Subset(whole, [3, 2, 1]),
        data.ConcatDataset([whole, whole]),
        data.StackDataset(a=whole, b=range(11)),
        range(7),
        [np.ones(2), np.zeros(2)],
        [{"x": 1, "name": "one"}, {"x": 2, "name": "two"}],
        data.TensorDataset(gradient),
        data.TensorDataset(library.nn.Parameter(gradient.detach())),
    ]
    return [list(data.DataLoader(one, 3, True, generator=generator)) for one in datasets]


def of_iterables(library, data):
    return [
        list(data.DataLoader(counting(data, 5), **settings))
        for settings in (
            {},
            {"batch_size": 2},
            {"batch_size": 2, "drop_last": True},
            {"batch_size": None},
            {"batch_size": 5},
            {"batch_size": 2, "collate_fn": sum},
        )
    ]


def length_that_is_wrong(library, data):
    class Wrong(data.IterableDataset):
        def __iter__(self):
            return iter(range(9))

        def __len__(self):
            return 3

        def __repr__(self):
            return "Wrong()"

    loader = data.DataLoader(Wrong(), batch_size=2)
    lengths = [len(data.DataLoader(Wrong(), batch_size=2, drop_last=True)), len(loader)]
    return lengths, list(loader)


def broken_off(library, data):
    seen = []
    loader = data.DataLoader(range(9), batch_size=2, shuffle=True)
    for batch in loader:
        seen.append(batch)
        break
    return seen, list(loader)


def eager_sampler(library, data):
    class Eager(data.Sampler):
        def __iter__(self):
            return iter(library.randperm(7).tolist())

    seen = []
    for size in (2, None):
        generator = library.Generator().manual_seed(4)
        loader = data.DataLoader(range(7), size, sampler=Eager(), generator=generator)
        passes = iter(loader), iter(loader)
        seen.append([library.rand(1), list(passes[1]), list(passes[0]), library.rand(1)])
        loader = data.DataLoader(range(7), size, sampler=Eager())
        seen.append([*loader, library.rand(1)])
    return seen


@pytest.mark.parametrize(
    "program",
    [eager_sampler, of_other_datasets, of_iterables, length_that_is_wrong, broken_off],
)
def test_like_torch(program):
    check_data(program)


def with_settings(**settings):
    return lambda t, d: d.DataLoader(range(5), **settings)


WRONG = {
    "workers": with_settings(num_workers=-1),
    "timeout": with_settings(timeout=-1),
    "prefetch": with_settings(prefetch_factor=2),
    "prefetch_negative": with_settings(num_workers=1, prefetch_factor=-1),
    "persistent": with_settings(persistent_workers=True),
    "sampler": with_settings(sampler=[1], shuffle=True),
    "batch_sampler_shuffle": with_settings(batch_sampler=[[1]], shuffle=True),
    "batch_sampler_size": with_settings(batch_sampler=[[1]], batch_size=2),
    "batch_sampler_drop": with_settings(batch_sampler=[[1]], drop_last=True),
    "drop": with_settings(batch_size=None, drop_last=True),
    "size_zero": with_settings(batch_size=0),
    "size_half": with_settings(batch_size=2.5),
    "context": with_settings(multiprocessing_context="fork"),
    "context_name": with_settings(num_workers=1, multiprocessing_context="boil"),
    "context_number": with_settings(num_workers=1, multiprocessing_context=3),
    "too_many": lambda t, d: d.DataLoader(range(5), num_workers=1000) and None,
    "iterable_shuffle": lambda t, d: d.DataLoader(counting(d, 2), shuffle=True),
    "iterable_sampler": lambda t, d: d.DataLoader(counting(d, 2), sampler=[1]),
    "iterable_batch_sampler": lambda t, d: d.DataLoader(counting(d, 2), batch_sampler=[1]),
    "iterable_length": lambda t, d: len(d.DataLoader(counting(d, 2))),
    "set_size": lambda t, d: setattr(d.DataLoader(range(3)), "batch_size", 2),
    "set_dataset": lambda t, d: setattr(d.DataLoader(range(3)), "dataset", 2),
    "empty_shuffled": lambda t, d: d.DataLoader([], shuffle=True),
    "empty": lambda t, d: list(d.DataLoader([])),
}


@pytest.mark.parametrize("name", WRONG)
def test_complaints(name):
    check_data(WRONG[name])


def test_rows_looked_up_together_are_the_rows_stacked():
    random = np.random.default_rng(0)
    tensors = [
        own.from_numpy(random.standard_normal((20, 3, 2))).transpose(1, 2),
        own.from_numpy(random.integers(0, 9, 40)[::2].copy()),
    ]
    fast = own_data.DataLoader(own_data.TensorDataset(*tensors), 7, True)
    slow = own_data.DataLoader(
        own_data.TensorDataset(*tensors), 7, True, collate_fn=lambda b: own_data.default_collate(b)
    )
    own.manual_seed(0)
    one = list(fast)
    own.manual_seed(0)
    for batch, expected in zip(one, slow, strict=True):
        for found, wanted in zip(batch, expected, strict=True):
            assert found.equal(wanted)
            assert found.is_contiguous()
            assert found.dtype is wanted.dtype
        batch[0].zero_()  # a batch is a copy: the dataset stays as it was
    assert not any((tensor == 0).all() for tensor in tensors)
