"""From indices to a batch: the one place that calls the dataset and the collate function."""

from __future__ import annotations

import itertools

from ...autograd import is_grad_enabled
from ...tensor import Tensor, wrap
from ._collate import default_collate
from .dataset import IterableDataset, TensorDataset


def fetcher(dataset, batched, collate_fn, drop_last):
    """Return the function from indices to a batch.

    Parameters
    ----------
    dataset : Dataset
    batched : bool
        Whether it is given a list of indices, else one.
    collate_fn : callable
    drop_last : bool
        Whether an iterable dataset's last batch is left out when it is not full.

    Returns
    -------
    callable
        It raises StopIteration where an iterable dataset has no more.
    """
    if isinstance(dataset, IterableDataset):
        return _next_items(iter(dataset), batched, collate_fn, drop_last)
    if not batched:
        return lambda index: collate_fn(dataset[index])
    if type(dataset) is TensorDataset and collate_fn is default_collate:
        return lambda indices: _rows(dataset, indices)
    return lambda indices: collate_fn(_items(dataset, indices))


def _items(dataset, indices):
    together = getattr(dataset, "__getitems__", None)
    if together:
        return together(indices)
    return [dataset[index] for index in indices]


def _rows(dataset, indices):
    """Return the collated rows of a TensorDataset: one lookup a tensor, where that is the same.

    It is not for indices that are no ints, for tensors of another class, and where the graph
    would show how a batch was made.
    """
    if set(map(type, indices)) == {int}:
        found = []
        for tensor in dataset.tensors:
            if type(tensor) is not Tensor or (tensor.requires and is_grad_enabled()):
                break
            try:
                found.append(wrap(tensor.array.take(indices, 0)))
            except (IndexError, OverflowError):
                break  # the tensor's own error is raised below
        else:
            return found
    return default_collate(_items(dataset, indices))


def _next_items(items, batched, collate_fn, drop_last):
    if not batched:
        return lambda index: collate_fn(next(items))
    ended = False

    def fetch(indices):
        nonlocal ended
        if ended:
            raise StopIteration
        found = list(itertools.islice(items, len(indices)))
        ended = len(found) < len(indices)
        if not found or (drop_last and ended):
            raise StopIteration
        return collate_fn(found)

    return fetch
