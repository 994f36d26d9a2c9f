"""Batches of items: tensors stacked, numbers made tensors, containers gone through."""

from __future__ import annotations

import copy
from collections.abc import Mapping, MutableMapping, MutableSequence, Sequence

import numpy as np

from ..._core.public import functions
from ...creation import as_tensor, tensor
from ...dtypes import float64
from ...tensor import Tensor


def default_convert(data):
    """Return `data` with every NumPy array in it turned into a tensor.

    Mappings and sequences are gone through; anything else stays as it is.
    """
    if isinstance(data, Tensor):
        return data
    if isinstance(data, (np.ndarray, np.generic)):
        return data if _is_text(data) else as_tensor(data)
    if isinstance(data, Mapping):
        return _mapping_like(data, {name: default_convert(value) for name, value in data.items()})
    if isinstance(data, tuple) and hasattr(data, "_fields"):
        return type(data)(*(default_convert(value) for value in data))
    if isinstance(data, tuple):
        return [default_convert(value) for value in data]
    if isinstance(data, Sequence) and not isinstance(data, (str, bytes)):
        return _sequence_like(data, [default_convert(value) for value in data])
    return data


def default_collate(batch):
    """Return a list of items as one batch.

    Tensors and arrays are stacked along a new first axis, numbers become a tensor, text stays a
    list; of mappings, tuples and sequences each part is collated on its own.

    Raises
    ------
    TypeError
        For an item of another type.
    RuntimeError
        When tensors or sequences in a batch differ in size.

    Examples
    --------
    >>> default_collate([(1, "a"), (2, "b")])
    [tensor([1, 2]), ('a', 'b')]
    """
    item = batch[0]
    if isinstance(item, Tensor):
        return functions["stack"](batch, 0)
    if isinstance(item, (np.ndarray, np.generic)) and not isinstance(item, (str, bytes)):
        if _is_text(item):
            raise TypeError(_WRONG_TYPE.format(item.dtype))
        if isinstance(item, np.ndarray):
            return default_collate([as_tensor(one) for one in batch])
        return as_tensor(np.asarray(batch))
    if isinstance(item, float):
        return tensor(batch, dtype=float64)
    if isinstance(item, int):
        return tensor(batch)
    if isinstance(item, (str, bytes)):
        return batch
    if isinstance(item, Mapping):
        made = {name: default_collate([one[name] for one in batch]) for name in item}
        return _mapping_like(item, made)
    if isinstance(item, tuple) and hasattr(item, "_fields"):
        return type(item)(*(default_collate(column) for column in zip(*batch)))
    if isinstance(item, Sequence):
        if any(len(one) != len(item) for one in batch):
            raise RuntimeError("each element in list of batch should be of equal size")
        made = [default_collate(column) for column in zip(*batch)]
        return made if isinstance(item, tuple) else _sequence_like(item, made)
    raise TypeError(_WRONG_TYPE.format(type(item)))


_WRONG_TYPE = (
    "default_collate: batch must contain tensors, numpy arrays, numbers, dicts or lists; found {}"
)


def _is_text(array):
    return array.dtype.kind in "SUO"


def _mapping_like(pattern, made):
    """Return a dict as a mapping of the type of `pattern`, where that can be had."""
    try:
        if isinstance(pattern, MutableMapping):
            # A copy keeps what the type's constructor would ask for: a default factory, say.
            result = copy.copy(pattern)
            result.update(made)
            return result
        return type(pattern)(made)
    except TypeError:
        return made


def _sequence_like(pattern, made):
    """Return a list as a sequence of the type of `pattern`, where that can be had."""
    try:
        if isinstance(pattern, MutableSequence):
            result = copy.copy(pattern)
            for place, value in enumerate(made):
                result[place] = value
            return result
        return type(pattern)(made)
    except TypeError:
        return made
