"""A pass over a loader by worker processes."""

# Note [Who waits for whom]
# Each worker has two pipes, tasks to it and results from it. A thread of the worker reads the
# tasks as they come, so the main process never waits for long in writing one. A worker waits in
# writing a result until the main process reads it; the main process reads whatever is ready
# whenever it wants a batch. So neither waits for the other at the same time. Waiting for a
# result is waiting for any of the pipes or for the end of any of the processes: a worker that
# dies is noticed at once, and cannot leave a lock behind.

from __future__ import annotations

import itertools
import multiprocessing
import os
import time
import warnings
import weakref
from contextlib import suppress
from multiprocessing.connection import wait

from . import _channel
from ._worker import ENDED, RESUME, RESUMED, STOP, CaughtError, run_worker
from .dataloader import _BaseDataLoaderIter
from .dataset import IterableDataset

# Seconds: how often workers are looked after while they are silent, and what they get to stop.
_LOOK = 5.0
_STOPPING = 5.0

# This process's ends of all pipes to workers; a forked worker closes its copies.
_own_ends = weakref.WeakSet()


class _Worker:
    """A process and this side of its pipes.

    Attributes
    ----------
    active : bool
        Whether it takes tasks: an iterable dataset may be at its end.
    asked : int
        How many tasks it has not answered.
    """

    def __init__(self, context, job, number):
        their_tasks, self.tasks = context.Pipe(duplex=False)
        self.results, their_results = context.Pipe()  # a socket: faster for large arrays
        _own_ends.update((self.tasks, self.results))
        others = list(_own_ends) if context.get_start_method() == "fork" else []
        self.process = context.Process(
            target=run_worker,
            args=({**job, "worker_id": number}, their_tasks, their_results, others),
            daemon=True,
        )
        with warnings.catch_warnings():
            # Python 3.12 and later warn of a fork beside threads, such as those of NumPy's BLAS,
            # which stops them for the time of the fork.
            warnings.filterwarnings("ignore", "This process .*multi-threaded", DeprecationWarning)
            self.process.start()
        their_tasks.close()
        their_results.close()
        self.active = True
        self.asked = 0

    def tell(self, message):
        with suppress(OSError):  # it is gone: found out where its result is waited for
            _channel.send(self.tasks, message)

    def close(self):
        self.tasks.close()
        self.results.close()


class _MultiProcessingDataLoaderIter(_BaseDataLoaderIter):
    """A pass by worker processes, which get tasks in turn.

    Tasks are numbered in the sampler's order. `_owner` has the worker of each task that has not
    been handed out, `_ready` the results that came before their turn.
    """

    def __init__(self, loader):
        self._workers = []
        self._pid = os.getpid()
        self._timeout = loader.timeout
        self._prefetch_factor = loader.prefetch_factor
        self._persistent_workers = loader.persistent_workers
        self._in_order = loader.in_order
        self._iterable = isinstance(loader.dataset, IterableDataset)
        super().__init__(loader)

    def _reset(self, loader):
        super()._reset(loader)
        if self._workers:
            self._resume()
        else:
            self._start(loader)
        self._begin()

    def _start(self, loader):
        context = loader.multiprocessing_context or multiprocessing.get_context()
        job = {
            "dataset": self._dataset,
            "batched": self._batched,
            "collate_fn": loader.collate_fn,
            "drop_last": loader.drop_last,
            "base_seed": self._base_seed,
            "num_workers": loader.num_workers,
            "init_fn": loader.worker_init_fn,
        }
        for number in range(loader.num_workers):
            self._workers.append(_Worker(context, job, number))

    def _resume(self):
        """Begin a new pass with the workers of the last one."""
        for worker in self._workers:
            worker.tell(RESUME)
        resumed = 0
        while resumed < len(self._workers):
            # Answers to tasks of the last pass come before it, and are left.
            _, number, _ = self._receive()
            resumed += number == RESUMED

    def _begin(self):
        self._sent = 0  # the number of the next task
        self._wanted = 0  # the number of the next batch
        self._owner = {}
        self._ready = {}
        self._turns = itertools.cycle(self._workers)
        for worker in self._workers:
            worker.active = True
            worker.asked = 0
        for _ in range(self._prefetch_factor * len(self._workers)):
            self._ask()

    def _ask(self):
        """Give the next task to the next worker, if there are both."""
        try:
            indices = next(self._sampler_iter)
        except StopIteration:
            return
        candidates = [next(self._turns) for _ in self._workers]
        candidates = [worker for worker in candidates if worker.active]
        if not candidates:
            return
        if self._in_order:
            worker = candidates[0]
            while next(self._turns) is not worker:
                pass
        else:
            worker = min(candidates, key=lambda one: one.asked)
        self._owner[self._sent] = worker
        worker.asked += 1
        worker.tell((self._sent, indices))
        self._sent += 1

    def _next_data(self):
        while True:
            number = self._next_number()
            if number is None or not self._workers:
                if not self._persistent_workers:
                    self._shutdown_workers()
                raise StopIteration
            if number in self._ready:
                return self._hand_out(number, self._ready.pop(number))
            worker, answered, data = self._receive()
            if self._iterable and isinstance(data, str) and data == ENDED:
                worker.active = False
                self._ask()
            elif answered == number or not self._in_order:
                return self._hand_out(answered, data)
            else:
                self._ready[answered] = data

    def _next_number(self):
        """Return the number of the next batch that will come, None when none will."""
        while self._wanted < self._sent:
            owner = self._owner.get(self._wanted)
            if owner is not None and (owner.active or self._wanted in self._ready):
                return self._wanted
            self._owner.pop(self._wanted, None)
            self._wanted += 1
        return None

    def _hand_out(self, number, data):
        del self._owner[number]
        if number == self._wanted:
            self._wanted += 1
        self._ask()
        if isinstance(data, CaughtError):
            data.reraise()
        return data

    def _receive(self):
        """Return (worker, number of the task, result) of whichever worker answers next."""
        timeout = self._timeout
        until = time.monotonic() + timeout if timeout > 0 else None
        by_connection = {worker.results: worker for worker in self._workers}
        ends = {worker.process.sentinel: worker for worker in self._workers}
        while True:
            left = _LOOK if until is None else max(until - time.monotonic(), 0)
            found = wait([*by_connection, *ends], min(left, _LOOK))
            for one in found:
                if one in by_connection:
                    worker = by_connection[one]
                    try:
                        number, data = _channel.receive(one)
                    except (EOFError, OSError):
                        self._fail([worker])
                    except Exception:  # it was sent, but cannot be made again here
                        self._shutdown_workers()
                        raise
                    worker.asked -= 1
                    return worker, number, data
            dead = [worker for worker in self._workers if not worker.process.is_alive()]
            if dead and not wait(list(by_connection), 0):
                self._fail(dead)
            if until is not None and time.monotonic() >= until:
                self._shutdown_workers()
                raise RuntimeError(f"DataLoader timed out after {timeout} seconds")

    def _fail(self, dead):
        """Stop everything and say which workers died of what."""
        for worker in dead:
            worker.process.join(_STOPPING)
        pids = ", ".join(str(worker.process.pid) for worker in dead)
        cause = RuntimeError(_cause_of_death(dead[0].process))
        self._shutdown_workers()
        raise RuntimeError(f"DataLoader worker (pid(s) {pids}) exited unexpectedly") from cause

    def _shutdown_workers(self):
        workers, self._workers = self._workers, []
        if not workers or os.getpid() != self._pid:
            return
        for worker in workers:
            worker.tell(STOP)
            worker.close()
        until = time.monotonic() + _STOPPING
        for worker in workers:
            worker.process.join(max(until - time.monotonic(), 0))
        for worker in workers:
            if worker.process.is_alive():
                worker.process.terminate()
                worker.process.join()

    def __del__(self):
        self._shutdown_workers()


def _cause_of_death(process):
    code = process.exitcode
    if code is not None and code < 0:
        import signal

        name = signal.strsignal(-code)
        return f"DataLoader worker (pid {process.pid}) is killed by signal: {name}. "
    return (
        f"DataLoader worker (pid {process.pid}) exited unexpectedly with exit code {code}. "
        "Details are lost due to multiprocessing. Rerunning with num_workers=0 may give better "
        "error trace."
    )
