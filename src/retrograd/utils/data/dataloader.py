"""`DataLoader`: the batches of a dataset, made in this process or by workers."""

from __future__ import annotations

import itertools
import warnings
from typing import Generic, TypeVar

from ...config import processors
from ._collate import default_collate as default_collate
from ._collate import default_convert as default_convert
from ._fetch import fetcher
from ._worker import get_worker_info as get_worker_info
from .dataset import IterableDataset
from .sampler import BatchSampler, RandomSampler, SequentialSampler, draw_seed

_Batch = TypeVar("_Batch", covariant=True)
_FIXED = ("batch_size", "batch_sampler", "sampler", "drop_last", "dataset", "persistent_workers")


class _Forever:
    """The sampler of an iterable dataset: its indices say nothing."""

    def __iter__(self):
        return itertools.repeat(None)


class DataLoader(Generic[_Batch]):
    """The batches of a dataset.

    Parameters
    ----------
    dataset : Dataset or IterableDataset
    batch_size : int or None
        None: items one by one, not collated.
    shuffle : bool, optional
    sampler : iterable, optional
        Of indices, instead of `shuffle`.
    batch_sampler : iterable, optional
        Of lists of indices, instead of `batch_size`, `shuffle`, `sampler` and `drop_last`.
    num_workers : int
        How many processes make batches; with 0 this one does.
    collate_fn : callable, optional
        From a list of items to a batch: `default_collate`; `default_convert` of one item where
        `batch_size` is None.
    pin_memory, pin_memory_device
        Accepted; there is no accelerator to pin memory for.
    drop_last : bool
        Whether a last batch that is not full is left out.
    timeout : float
        Seconds to wait for a batch of the workers; 0 waits as long as they live.
    worker_init_fn : callable, optional
        Called in each worker with its number, after seeding.
    multiprocessing_context : str or context, optional
        How workers are started: "fork", "spawn", "forkserver".
    generator : Generator, optional
        Of the order and of the workers' seeds.
    prefetch_factor : int, optional
        How many batches a worker is asked for in advance: 2.
    persistent_workers : bool
        Whether the workers stay for the next pass.
    in_order : bool
        Whether batches of workers come in the sampler's order, else as they are ready.

    Raises
    ------
    ValueError, TypeError
        For settings that contradict each other.
    RuntimeError
        While iterating, when a worker dies or the timeout is over.

    Notes
    -----
    From one seed the batches are PyTorch's, and so is every number drawn after them: a pass
    draws a seed for its workers (also where there are none), a shuffled one without a generator
    another for its order.
    """

    dataset = None
    _guarded = False

    def __init__(
        self,
        dataset,
        batch_size=1,
        shuffle=None,
        sampler=None,
        batch_sampler=None,
        num_workers=0,
        collate_fn=None,
        pin_memory=False,
        drop_last=False,
        timeout=0,
        worker_init_fn=None,
        multiprocessing_context=None,
        generator=None,
        *,
        prefetch_factor=None,
        persistent_workers=False,
        pin_memory_device="",
        in_order=True,
    ):
        if num_workers < 0:
            raise ValueError(
                "num_workers option should be non-negative; "
                "use num_workers=0 to disable multiprocessing."
            )
        if timeout < 0:
            raise ValueError("timeout option should be non-negative")
        if num_workers == 0 and prefetch_factor is not None:
            raise ValueError(
                "prefetch_factor option could only be specified in multiprocessing."
                "let num_workers > 0 to enable multiprocessing, otherwise set prefetch_factor "
                "to None."
            )
        if num_workers > 0 and prefetch_factor is None:
            prefetch_factor = 2
        elif prefetch_factor is not None and prefetch_factor < 0:
            raise ValueError("prefetch_factor option should be non-negative")
        if persistent_workers and num_workers == 0:
            raise ValueError("persistent_workers option needs num_workers > 0")
        self.dataset = dataset
        self.num_workers = num_workers
        self.prefetch_factor = prefetch_factor
        self.pin_memory = pin_memory
        self.pin_memory_device = pin_memory_device
        self.timeout = timeout
        self.worker_init_fn = worker_init_fn
        self.multiprocessing_context = multiprocessing_context
        self.in_order = in_order
        iterable = isinstance(dataset, IterableDataset)
        if iterable:
            _refuse_order(shuffle, sampler, batch_sampler)
        shuffle = bool(shuffle)
        if sampler is not None and shuffle:
            raise ValueError("sampler option is mutually exclusive with shuffle")
        if batch_sampler is not None:
            if batch_size != 1 or shuffle or sampler is not None or drop_last:
                raise ValueError(
                    "batch_sampler option is mutually exclusive with batch_size, shuffle, "
                    "sampler, and drop_last"
                )
            batch_size = None
            drop_last = False
        elif batch_size is None and drop_last:
            raise ValueError(
                "batch_size=None option disables auto-batching and is mutually exclusive with "
                "drop_last"
            )
        if sampler is None:
            if iterable:
                sampler = _Forever()
            elif shuffle:
                sampler = RandomSampler(dataset, generator=generator)
            else:
                sampler = SequentialSampler(dataset)
        if batch_size is not None and batch_sampler is None:
            batch_sampler = BatchSampler(sampler, batch_size, drop_last)
        self.batch_size = batch_size
        self.drop_last = drop_last
        self.sampler = sampler
        self.batch_sampler = batch_sampler
        self.generator = generator
        if collate_fn is None:
            collate_fn = default_convert if batch_sampler is None else default_collate
        self.collate_fn = collate_fn
        self.persistent_workers = persistent_workers
        self._guarded = True
        self._length_told = None
        self._iterator = None
        self.check_worker_number_rationality()

    def __setattr__(self, name, value):
        if self._guarded and name in _FIXED:
            raise ValueError(
                f"{name} attribute should not be set after {type(self).__name__} is initialized"
            )
        super().__setattr__(name, value)

    @property
    def multiprocessing_context(self):
        """How workers are started: a context of `multiprocessing`, or None for its default."""
        return self._context

    @multiprocessing_context.setter
    def multiprocessing_context(self, context):
        if context is not None:
            context = _checked_context(context, self.num_workers)
        self._context = context

    @property
    def _index_sampler(self):
        return self.sampler if self.batch_sampler is None else self.batch_sampler

    def _get_iterator(self):
        if self.num_workers == 0:
            return _SingleProcessDataLoaderIter(self)
        from ._workers import _MultiProcessingDataLoaderIter  # here: loads much

        self.check_worker_number_rationality()
        return _MultiProcessingDataLoaderIter(self)

    def __iter__(self):
        if not (self.persistent_workers and self.num_workers > 0):
            return self._get_iterator()
        if self._iterator is None:
            self._iterator = self._get_iterator()
        else:
            self._iterator._reset(self)
        return self._iterator

    def __len__(self):
        if not isinstance(self.dataset, IterableDataset):
            return len(self._index_sampler)
        length = self._length_told = len(self.dataset)
        if self.batch_size is None:
            return length
        return length // self.batch_size if self.drop_last else -(-length // self.batch_size)

    def check_worker_number_rationality(self):
        """Warn when there are more workers than processors."""
        if self.num_workers == 0:
            return
        count = processors()
        if self.num_workers <= count:
            return
        warnings.warn(
            f"This DataLoader will create {self.num_workers} worker processes in total. Our "
            f"suggested max number of worker in current system is {count}, which is smaller "
            "than what this DataLoader is going to create. Please be aware that excessive worker "
            "creation might get DataLoader running slow or even freeze, lower the worker number "
            "to avoid potential slowness/freeze if necessary.",
            stacklevel=3,
        )


def _refuse_order(shuffle, sampler, batch_sampler):
    """Refuse what would order an iterable dataset."""
    if shuffle not in {False, None}:
        name, value = "shuffle", shuffle
    elif sampler is not None:
        name, value = "sampler", sampler
    elif batch_sampler is not None:
        name, value = "batch_sampler", batch_sampler
    else:
        return
    raise ValueError(
        f"DataLoader with IterableDataset: expected unspecified {name} option, "
        f"but got {name}={value}"
    )


def _checked_context(context, num_workers):
    if num_workers == 0:
        raise ValueError(
            "multiprocessing_context can only be used with multi-process loading "
            f"(num_workers > 0), but got num_workers={num_workers}"
        )
    import multiprocessing  # here: loaders without workers do without

    if isinstance(context, str):
        methods = multiprocessing.get_all_start_methods()
        if context not in methods:
            raise ValueError(
                "multiprocessing_context option should specify a valid start method in "
                f"{methods!r}, but got multiprocessing_context={context!r}"
            )
        return multiprocessing.get_context(context)
    if not isinstance(context, multiprocessing.context.BaseContext):
        raise TypeError(
            "multiprocessing_context option should be a valid context object or a string "
            f"specifying the start method, but got multiprocessing_context={context}"
        )
    return context


class _BaseDataLoaderIter:
    """One pass over a loader: `_next_data` returns the next batch."""

    # No reference to the loader: it has one to the iterator of persistent workers, and those are
    # to stop when the loader goes.

    def __init__(self, loader):
        self._dataset = loader.dataset
        self._batched = loader.batch_sampler is not None
        self._index_sampler = loader._index_sampler
        self._num_workers = loader.num_workers
        self._base_seed = None
        self._reset(loader)
        if loader.pin_memory:
            warnings.warn(
                "'pin_memory' argument is set as true but no accelerator is found, then device "
                "pinned memory won't be used.",
                stacklevel=4,
            )

    def _reset(self, loader):
        self._sampler_iter = iter(self._index_sampler)
        if self._base_seed is None:
            self._base_seed = draw_seed(loader.generator)
        self._num_yielded = 0
        self._length_told = loader._length_told

    def __iter__(self):
        return self

    def __next__(self):
        data = self._next_data()
        self._num_yielded += 1
        if self._length_told is not None and self._num_yielded > self._length_told:
            self._warn_of_length()
        return data

    def _warn_of_length(self):
        text = (
            f"Length of IterableDataset {self._dataset} was reported to be {self._length_told}"
            f"(when accessing len(dataloader)), but {self._num_yielded} samples have been "
            "fetched. "
        )
        if self._num_workers > 0:
            text += (
                "For multiprocessing data-loading, this could be caused by not properly "
                "configuring the IterableDataset replica at each worker. Please see "
                "https://pytorch.org/docs/stable/data.html#torch.utils.data.IterableDataset "
                "for examples."
            )
        warnings.warn(text, stacklevel=3)

    def __len__(self):
        return len(self._index_sampler)


class _SingleProcessDataLoaderIter(_BaseDataLoaderIter):
    """A pass in this process."""

    def __init__(self, loader):
        super().__init__(loader)
        self._fetch = fetcher(self._dataset, self._batched, loader.collate_fn, loader.drop_last)

    def _next_data(self):
        return self._fetch(next(self._sampler_iter))
