"""Samplers: the order in which a loader asks for items."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Generic, TypeVar

import numpy as np

from ...creation import as_tensor
from ...dtypes import float64
from ...random import Generator, default_generator, multinomial, randint, randperm
from ...streams import random as random_words

__all__ = [
    "BatchSampler",
    "RandomSampler",
    "Sampler",
    "SequentialSampler",
    "SubsetRandomSampler",
    "WeightedRandomSampler",
]

_Index = TypeVar("_Index", covariant=True)

# Numbers that a sampler with replacement draws at a time.
_AT_ONCE = 32


def draw_seed(generator):
    """Draw a seed of 63 bits: two words of the generator, as PyTorch does.  -> int"""
    return int(random_words(generator or default_generator, (), np.dtype(np.int64)))


class Sampler(Generic[_Index]):
    """Indices in some order: a subclass has ``__iter__``, and ``__len__`` where it is known."""

    def __iter__(self) -> Iterator[_Index]:
        raise NotImplementedError


class SequentialSampler(Sampler[int]):
    """0, 1, 2, ... up to the length of a dataset."""

    def __init__(self, data_source):
        self.data_source = data_source

    def __iter__(self):
        return iter(range(len(self.data_source)))

    def __len__(self):
        return len(self.data_source)


def _is_count(value):
    return isinstance(value, int) and not isinstance(value, bool) and value > 0


class RandomSampler(Sampler[int]):
    """Indices of a dataset in random order.

    Parameters
    ----------
    data_source : sized
    replacement : bool
        Whether an index may come more than once.
    num_samples : int, optional
        How many indices; by default as many as there are items.
    generator : Generator, optional
        By default each iteration has a stream of its own, with a seed from the default one.

    Raises
    ------
    TypeError, ValueError
        When `replacement` is no bool or `num_samples` no positive integer.
    """

    def __init__(self, data_source, replacement=False, num_samples=None, generator=None):
        self.data_source = data_source
        self.replacement = replacement
        self._num_samples = num_samples
        self.generator = generator
        if not isinstance(replacement, bool):
            raise TypeError(
                f"replacement should be a boolean value, but got replacement={replacement}"
            )
        if not isinstance(self.num_samples, int) or self.num_samples <= 0:
            raise ValueError(
                "num_samples should be a positive integer value, but got "
                f"num_samples={self.num_samples}"
            )

    @property
    def num_samples(self):
        """How many indices there will be."""
        return len(self.data_source) if self._num_samples is None else self._num_samples

    def __iter__(self):
        n = len(self.data_source)
        generator = self.generator
        if generator is None:
            generator = Generator().manual_seed(draw_seed(None))
        wanted = self.num_samples
        if self.replacement:
            for _ in range(wanted // _AT_ONCE):
                yield from randint(n, (_AT_ONCE,), generator=generator).tolist()
            yield from randint(n, (wanted % _AT_ONCE,), generator=generator).tolist()
        else:
            for _ in range(wanted // n):
                yield from randperm(n, generator=generator).tolist()
            # Drawn even where nothing is left over: PyTorch's stream goes on after it.
            yield from randperm(n, generator=generator).tolist()[: wanted % n]

    def __len__(self):
        return self.num_samples


class SubsetRandomSampler(Sampler[int]):
    """Given indices in random order, each once."""

    def __init__(self, indices, generator=None):
        self.indices = indices
        self.generator = generator

    def __iter__(self):
        for place in randperm(len(self.indices), generator=self.generator).tolist():
            yield self.indices[place]

    def __len__(self):
        return len(self.indices)


class WeightedRandomSampler(Sampler[int]):
    """Indices drawn with given weights.

    Parameters
    ----------
    weights : sequence of float
        One a item; they need not sum to 1.
    num_samples : int
    replacement : bool
    generator : Generator, optional

    Raises
    ------
    ValueError
        When `num_samples` is no positive integer, `replacement` no bool or `weights` no row.
    """

    def __init__(self, weights, num_samples, replacement=True, generator=None):
        if not _is_count(num_samples):
            raise ValueError(
                f"num_samples should be a positive integer value, but got num_samples={num_samples}"
            )
        if not isinstance(replacement, bool):
            raise ValueError(
                f"replacement should be a boolean value, but got replacement={replacement}"
            )
        weights = as_tensor(weights, dtype=float64)
        if weights.dim() != 1:
            raise ValueError(
                "weights should be a 1d sequence but given weights have shape "
                f"{tuple(weights.shape)}"
            )
        self.weights = weights
        self.num_samples = num_samples
        self.replacement = replacement
        self.generator = generator

    def __iter__(self):
        drawn = multinomial(
            self.weights, self.num_samples, self.replacement, generator=self.generator
        )
        yield from drawn.tolist()

    def __len__(self):
        return self.num_samples


class BatchSampler(Sampler[list]):
    """The indices of another sampler in lists of `batch_size`.

    Parameters
    ----------
    sampler : iterable
    batch_size : int
    drop_last : bool
        Whether a last list that is not full is left out.

    Raises
    ------
    ValueError
        When `batch_size` is no positive integer or `drop_last` no bool.

    Examples
    --------
    >>> list(BatchSampler(range(5), 2, False))
    [[0, 1], [2, 3], [4]]
    """

    def __init__(self, sampler, batch_size, drop_last):
        if not _is_count(batch_size):
            raise ValueError(
                f"batch_size should be a positive integer value, but got batch_size={batch_size}"
            )
        if not isinstance(drop_last, bool):
            raise ValueError(f"drop_last should be a boolean value, but got drop_last={drop_last}")
        self.sampler = sampler
        self.batch_size = batch_size
        self.drop_last = drop_last

    def __iter__(self):
        indices = iter(self.sampler)
        least = self.batch_size if self.drop_last else 1
        batch = list(itertools.islice(indices, self.batch_size))
        while len(batch) >= least:
            yield batch
            batch = list(itertools.islice(indices, self.batch_size))

    def __len__(self):
        if self.drop_last:
            return len(self.sampler) // self.batch_size
        return (len(self.sampler) + self.batch_size - 1) // self.batch_size
