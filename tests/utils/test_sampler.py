"""Samplers: the same indices, and the same random numbers left, as PyTorch's."""

from __future__ import annotations

import pytest

import retrograd as own
from retrograd.utils import data as own_data

from .twins import check_data


def drawn(make):
    """Draw twice from a sampler without and twice from one with a generator of its own."""

    def program(library, data):
        generator = library.Generator().manual_seed(3)
        seen = []
        for given in (None, generator):
            sampler = make(library, data, given)
            seen.append([len(sampler), list(sampler), list(sampler)])
        return seen, generator.get_state()

    return program


DRAWS = {
    "permutation": lambda t, d, g: d.RandomSampler(range(10), generator=g),
    "fewer": lambda t, d, g: d.RandomSampler(range(10), num_samples=4, generator=g),
    "more": lambda t, d, g: d.RandomSampler(range(10), num_samples=34, generator=g),
    "twice": lambda t, d, g: d.RandomSampler(range(10), num_samples=20, generator=g),
    "replaced": lambda t, d, g: d.RandomSampler(range(10), True, generator=g),
    "replaced_more": lambda t, d, g: d.RandomSampler(range(10), True, 64, generator=g),
    "replaced_rest": lambda t, d, g: d.RandomSampler(range(10), True, 70, generator=g),
    "subset": lambda t, d, g: d.SubsetRandomSampler([3, 5, 8, 9], generator=g),
    "weighted": lambda t, d, g: d.WeightedRandomSampler([0.1, 3, 1], 12, generator=g),
    "weighted_once": lambda t, d, g: d.WeightedRandomSampler([0.1, 3, 1], 3, False, generator=g),
}


@pytest.mark.parametrize("name", DRAWS)
def test_draws_like_torch(name):
    check_data(drawn(DRAWS[name]))


def test_a_shared_generator_is_read_as_the_indices_are_asked_for():
    def program(library, data):
        generator = library.Generator().manual_seed(0)
        sampler = iter(data.RandomSampler(range(5), True, 40, generator=generator))
        seen = [next(sampler), library.rand(1, generator=generator)]
        return [*seen, *sampler]

    check_data(program)


def distributed(**settings):
    def program(library, data):
        seen = []
        for rank in range(3):
            sampler = data.DistributedSampler(range(10), 3, rank, **settings)
            sampler.set_epoch(2)
            seen.append([len(sampler), list(sampler)])
        return seen

    return program


PROGRAMS = {
    "sequential": lambda t, d: [list(d.SequentialSampler("abc")), len(d.SequentialSampler("abc"))],
    "no_bool": lambda t, d: d.RandomSampler(range(3), replacement=1),
    "no_samples": lambda t, d: d.RandomSampler(range(3), num_samples=0),
    "half_a_sample": lambda t, d: d.RandomSampler(range(3), num_samples=2.5),
    "nothing_to_draw": lambda t, d: d.RandomSampler([]),
    "weighted_no_samples": lambda t, d: d.WeightedRandomSampler([1.0], 0),
    "weighted_true": lambda t, d: d.WeightedRandomSampler([1.0], True),
    "weighted_no_bool": lambda t, d: d.WeightedRandomSampler([1.0], 1, replacement=1),
    "weighted_table": lambda t, d: d.WeightedRandomSampler([[1.0, 2.0]], 1),
    "weighted_too_many": lambda t, d: list(d.WeightedRandomSampler([1.0], 2, False)),
    "batches": lambda t, d: [list(d.BatchSampler(range(7), 3, drop)) for drop in (False, True)],
    "batches_even": lambda t, d: [
        list(d.BatchSampler(range(6), 3, drop)) for drop in (False, True)
    ],
    "batches_number": lambda t, d: [len(d.BatchSampler(range(7), 3, b)) for b in (False, True)],
    "batches_of_none": lambda t, d: d.BatchSampler(range(3), 0, False),
    "batches_of_true": lambda t, d: d.BatchSampler(range(3), True, False),
    "batches_no_bool": lambda t, d: d.BatchSampler(range(3), 1, 1),
    "abstract": lambda t, d: iter(d.Sampler()),
    "abstract_length": lambda t, d: len(d.Sampler()),
    "shares": distributed(),
    "shares_in_order": distributed(shuffle=False),
    "shares_seed": distributed(seed=5, drop_last=True),
    "share_wrong": lambda t, d: d.DistributedSampler(range(3), 2, 2),
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_like_torch(name):
    check_data(PROGRAMS[name])


def test_a_permutation_has_every_index_once():
    assert sorted(own_data.RandomSampler(range(50))) == list(range(50))


def test_golden_orders():
    # PyTorch 2.13's, one after the other from seed 0.
    own.manual_seed(0)
    assert list(own_data.RandomSampler(range(8))) == [2, 5, 4, 6, 1, 7, 0, 3]
    assert list(own_data.RandomSampler(range(8), True, 10)) == [2, 3, 5, 6, 5, 5, 7, 5, 0, 4]
    assert list(own_data.WeightedRandomSampler([1.0, 2, 3], 6)) == [1, 2, 2, 2, 1, 1]
    parts = own_data.random_split(range(8), [0.5, 0.5])
    assert [part.indices for part in parts] == [[0, 3, 4, 6], [1, 7, 5, 2]]
    loader = own_data.DataLoader(own_data.TensorDataset(own.arange(8)), 3, shuffle=True)
    assert [batch.tolist() for (batch,) in loader] == [[2, 7, 5], [6, 0, 1], [4, 3]]
    assert own.rand(1).item() == pytest.approx(0.036164820194244385)
