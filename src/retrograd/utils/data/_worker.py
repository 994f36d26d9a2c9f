"""What a loader's worker process does, and what it says of itself."""

from __future__ import annotations

import queue
import sys
import threading
import traceback
from contextlib import suppress

import numpy as np

from ...config import set_num_threads
from ...random import manual_seed
from . import _channel
from ._fetch import fetcher

# What a worker sends beside (task, batch): an iterable dataset is at its end; a new pass begun.
ENDED = "ended"
RESUMED = "resumed"
# What it is told beside (task, indices).
STOP = None
RESUME = "resume"


class WorkerInfo:
    """What `get_worker_info` returns in a worker.

    Attributes
    ----------
    id : int
        From 0 on.
    num_workers : int
    seed : int
        Of this worker: the loader's base seed plus `id`.
    dataset : Dataset
        This process's copy.
    rng : None
    worker_method : str
    """

    def __init__(self, **fields):
        fields = {**fields, "rng": None, "worker_method": "multiprocessing"}
        self.__dict__.update(fields, _names=tuple(fields))

    def __setattr__(self, name, value):
        raise RuntimeError(f"Cannot assign attributes to {type(self).__name__} objects")

    def __repr__(self):
        fields = ", ".join(f"{name}={getattr(self, name)!r}" for name in self._names)
        return f"{type(self).__name__}({fields})"


_worker_info = None


def get_worker_info():
    """Return the `WorkerInfo` of this process, None in the main process."""
    return _worker_info


class CaughtError:
    """An exception of a worker, with its traceback, on its way to the main process.

    Parameters
    ----------
    where : str
        As it is said in the message: ``"in DataLoader worker process 0"``.
    """

    def __init__(self, where):
        kind, error, trace = sys.exc_info()
        text = "".join(traceback.format_exception(kind, error, trace))
        self.kind = kind
        self.message = f"Caught {kind.__name__} {where}.\nOriginal {text}"

    def reraise(self):
        """Raise an exception of the same type, RuntimeError where that cannot be made."""
        message = self.message
        if self.kind is KeyError:
            message = _ReadableText(message)
        try:
            error = self.kind(message)
        except Exception:
            raise RuntimeError(message) from None
        try:
            raise error
        finally:
            del error  # else its traceback would hold it, and the workers, until a collection


class _ReadableText(str):
    """KeyError shows the repr of its argument: here line ends stay line ends."""

    __slots__ = ()

    def __repr__(self):
        return str(self)


def run_worker(job, tasks, results, others):
    """Answer tasks until told to stop, or until the main process is gone.

    Parameters
    ----------
    job : dict
        What `DataLoader` says of the work: dataset, batched, collate_fn, drop_last, base_seed,
        worker_id, num_workers, init_fn.
    tasks, results : multiprocessing.connection.Connection
    others : iterable of Connection
        The main process's ends of pipes, which a forked process has too: they are closed, so
        that a pipe ends when the main process does.
    """
    for other in others:
        other.close()
    # See Note [Who waits for whom] in dataloader.py.
    waiting = queue.SimpleQueue()
    threading.Thread(target=_pass_on, args=(tasks, waiting), daemon=True).start()
    # An interrupt has reached the main process too; a broken pipe means that it is gone.
    with suppress(KeyboardInterrupt, BrokenPipeError, ConnectionResetError):
        _answer(job, waiting, results)


def _pass_on(tasks, waiting):
    try:
        while True:
            waiting.put(_channel.receive(tasks))
    except (EOFError, OSError):
        waiting.put(STOP)


def _answer(job, waiting, results):
    where = f"in DataLoader worker process {job['worker_id']}"
    fetch = None
    failed = None
    try:
        _start(job)
        fetch = _new_fetcher(job)
    except Exception:
        failed = CaughtError(where)
    while (task := waiting.get()) is not STOP:
        if task == RESUME:
            _channel.send(results, (RESUMED, None))
            try:
                fetch = _new_fetcher(job)
            except Exception:
                fetch, failed = None, CaughtError(where)
            continue
        number, indices = task
        if fetch is None and failed is None:
            continue  # an iterable dataset at its end
        try:
            packed = _channel.pack((number, failed or fetch(indices)))
        except StopIteration:
            fetch = None
            packed = _channel.pack((number, ENDED))
        except Exception:
            packed = _pack_error(number, CaughtError(where))
        _channel.send_packed(results, packed)


def _pack_error(number, caught):
    try:
        return _channel.pack((number, caught))
    except Exception:  # a class that only this process can find
        caught.kind = RuntimeError
        return _channel.pack((number, caught))


def _new_fetcher(job):
    return fetcher(job["dataset"], job["batched"], job["collate_fn"], job["drop_last"])


def _start(job):
    """Seed every generator, say who we are, and call the user's function."""
    import random

    global _worker_info
    set_num_threads(1)
    worker, base = job["worker_id"], job["base_seed"]
    seed = base + worker
    random.seed(seed)
    manual_seed(seed)
    entropy = [worker, base & 0xFFFFFFFF, base >> 32, 0]
    np.random.seed(np.random.SeedSequence(entropy).generate_state(4))
    _worker_info = WorkerInfo(
        id=worker, num_workers=job["num_workers"], seed=seed, dataset=job["dataset"]
    )
    if job["init_fn"] is not None:
        job["init_fn"](worker)
