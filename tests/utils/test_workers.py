"""Loaders with worker processes: the same batches, errors instead of hangs, nothing left over."""

from __future__ import annotations

import multiprocessing
import os
import random
import signal
import sys
import time

import numpy as np
import pytest

import retrograd as own
from retrograd.utils import data as own_data

from ..commands import run_python
from .test_dataset import pairs
from .twins import check_data

pytestmark = pytest.mark.skipif(
    "fork" not in multiprocessing.get_all_start_methods(), reason="these tests fork"
)


def loader(dataset, *args, **settings):
    settings = {"num_workers": 2, "multiprocessing_context": "fork", **settings}
    return own_data.DataLoader(dataset, *args, **settings)


class Faulty(own_data.Dataset):
    """Twelve numbers; something else happens at the fifth."""

    def __init__(self, happens):
        self.happens = happens

    def __len__(self):
        return 12

    def __getitem__(self, index):
        return self.happens() if index == 5 else index


def shares(data, stop):
    class Shares(data.IterableDataset):
        def __iter__(self):
            info = data.get_worker_info()
            return iter(range(info.id, stop, info.num_workers))

    return Shares()


def both(make, **settings):
    """Two passes over a dataset with two workers, in either library."""

    def program(library, data):
        made = data.DataLoader(
            make(library, data), num_workers=2, multiprocessing_context="fork", **settings
        )
        return [list(made), library.rand(1), list(made)]

    return program


PASSES = {
    "batches": both(lambda t, d: pairs(t, d, 11), batch_size=2),
    "shuffled": both(lambda t, d: pairs(t, d, 11), batch_size=2, shuffle=True),
    "items": both(lambda t, d: range(7), batch_size=None),
    "persistent": both(
        lambda t, d: pairs(t, d, 11), batch_size=2, shuffle=True, persistent_workers=True
    ),
    "prefetch": both(lambda t, d: range(9), batch_size=2, prefetch_factor=5),
    "iterable": both(lambda t, d: shares(d, 11), batch_size=2),
    "iterable_dropped": both(lambda t, d: shares(d, 11), batch_size=2, drop_last=True),
    "iterable_persistent": both(lambda t, d: shares(d, 7), batch_size=2, persistent_workers=True),
    "iterable_items": both(lambda t, d: shares(d, 4), batch_size=None),
}


@pytest.mark.parametrize("name", PASSES)
def test_like_torch(name):
    check_data(PASSES[name])


def seeds(library, data):
    class Seeds(data.Dataset):
        def __len__(self):
            return 4

        def __getitem__(self, index):
            info = data.get_worker_info()
            told = [info.id, info.num_workers, info.seed, library.initial_seed()]
            drawn = [random.random(), np.random.rand(), library.rand(1)]
            return [*told, *drawn, library.get_num_threads()]

        def __repr__(self):
            return "Seeds()"

    made = data.DataLoader(
        Seeds(),
        batch_size=None,
        num_workers=2,
        multiprocessing_context="fork",
        worker_init_fn=lambda worker: random.seed(worker) if worker else None,
    )
    return [data.get_worker_info(), *made]


def test_seeds_and_worker_info():
    check_data(seeds)


def test_worker_info_is_fixed():
    info = own_data._worker.WorkerInfo(id=1, seed=2)
    assert repr(info) == "WorkerInfo(id=1, seed=2, rng=None, worker_method='multiprocessing')"
    with pytest.raises(RuntimeError, match="Cannot assign attributes to WorkerInfo objects"):
        info.id = 3


def nobody_left():
    return multiprocessing.active_children() == []


def raise_value():
    raise ValueError("no such item")


def raise_key():
    raise KeyError("no such key")


class NeedsTwo(Exception):
    def __init__(self, one, two):
        super().__init__(one)


def raise_two():
    raise NeedsTwo("first", "second")


def raise_local():
    class Local(Exception):
        pass

    raise Local("from here")


@pytest.mark.parametrize(
    ("happens", "kind", "words"),
    [
        (raise_value, ValueError, "ValueError: no such item"),
        (raise_key, KeyError, "KeyError: 'no such key'"),
        (raise_two, RuntimeError, "NeedsTwo: first"),
        (raise_local, RuntimeError, "Local: from here"),
    ],
)
def test_an_error_comes_with_the_workers_traceback(happens, kind, words):
    with pytest.raises(kind) as caught:
        list(loader(Faulty(happens), 2))
    text = str(caught.value)
    assert text.startswith(f"Caught {words.split(':')[0]} in DataLoader worker process 0.\n")
    assert "Original Traceback (most recent call last):\n" in text
    assert "in __getitem__" in text
    assert words in text
    del caught
    assert nobody_left()


def test_the_pass_goes_on_after_an_error():
    batches = iter(loader(Faulty(raise_value), 2))
    assert [next(batches).tolist() for _ in range(2)] == [[0, 1], [2, 3]]
    with pytest.raises(ValueError, match="Caught ValueError"):
        next(batches)
    assert [one.tolist() for one in batches] == [[6, 7], [8, 9], [10, 11]]


def test_a_batch_that_cannot_be_pickled_is_an_error():
    made = loader(range(4), 2, collate_fn=lambda items: lambda: items)
    with pytest.raises((AttributeError, RuntimeError), match="in DataLoader worker process 0"):
        list(made)


class CannotArrive:
    def __reduce__(self):
        return (int, ("no number",))


def test_a_batch_that_cannot_be_unpickled_is_an_error():
    batches = iter(loader(range(4), 2, collate_fn=lambda items: CannotArrive()))
    with pytest.raises(ValueError, match="no number"):
        next(batches)
    assert list(batches) == []
    assert nobody_left()


def test_an_exit_of_the_dataset_is_a_dead_worker():
    with pytest.raises(RuntimeError, match="exited unexpectedly"):
        list(loader(Faulty(lambda: sys.exit(0)), 2))


def test_a_pass_left_open_at_the_end_of_a_program():
    program = (
        "import retrograd as torch\n"
        "from retrograd.utils.data import DataLoader, TensorDataset\n"
        "data = TensorDataset(torch.arange(10))\n"
        "kept = [iter(DataLoader(data, num_workers=2, multiprocessing_context='fork'))]\n"
        "print(next(kept[0]))\n"
    )
    done = run_python("-W", "error", "-c", program)
    assert (done.returncode, done.stdout, done.stderr) == (0, "[tensor([0])]\n", "")


def test_an_error_of_the_init_function():
    def refuse(worker):
        raise OSError("no disk")

    batches = iter(loader(range(8), 2, worker_init_fn=refuse))
    for worker in (0, 1, 0):
        with pytest.raises(OSError, match=f"Caught OSError in DataLoader worker process {worker}"):
            next(batches)


@pytest.mark.parametrize("timeout", [0, 60])
@pytest.mark.parametrize(
    ("happens", "cause"),
    [
        (lambda: os._exit(3), r"exited unexpectedly with exit code 3\. Details are lost"),
        (lambda: os.kill(os.getpid(), signal.SIGKILL), r"is killed by signal: Killed\. "),
    ],
    ids=["exit", "kill"],
)
def test_a_dead_worker_is_an_error(happens, cause, timeout):
    with pytest.raises(
        RuntimeError, match=r"^DataLoader worker \(pid\(s\) \d+\) exited "
    ) as caught:
        list(loader(Faulty(happens), 2, timeout=timeout))
    assert str(caught.value).endswith("exited unexpectedly")
    with pytest.raises(RuntimeError, match=cause):
        raise caught.value.__cause__
    del caught
    assert nobody_left()


def test_a_worker_killed_while_it_is_not_waited_for():
    batches = iter(loader(range(100), 1, num_workers=1))
    next(batches)
    batches._workers[0].process.kill()
    with pytest.raises(RuntimeError, match="exited unexpectedly"):
        list(batches)


def test_a_worker_killed_in_the_middle_of_a_batch():
    # A batch of 8 MB does not fit the pipe: the worker waits for us in the middle of it.
    batches = iter(loader(own.ones(8, 1_000_000), 2, num_workers=1))
    time.sleep(0.5)
    batches._workers[0].process.kill()
    with pytest.raises(RuntimeError, match="exited unexpectedly"):
        next(batches)


def test_after_a_death_a_pass_is_over_and_the_next_has_new_workers(tmp_path):
    once = tmp_path / "dead"

    def die_once():
        if not once.exists():
            once.touch()
            os._exit(1)
        return 5

    made = loader(Faulty(die_once), 2, persistent_workers=True)
    batches = iter(made)
    with pytest.raises(RuntimeError, match="exited unexpectedly"):
        list(batches)
    assert list(batches) == []
    assert [one for batch in made for one in batch.tolist()] == list(range(12))


def test_timeout():
    with pytest.raises(RuntimeError, match=r"^DataLoader timed out after 0\.2 seconds$"):
        list(loader(Faulty(lambda: time.sleep(2)), 2, timeout=0.2))
    assert nobody_left()


def test_leaving_a_loop_stops_the_workers():
    for _ in loader(own.ones(64, 100_000), 8):
        break
    assert nobody_left()


def test_an_interrupt_stops_the_workers():
    def interrupt(batches):
        for _ in batches:
            os.kill(os.getpid(), signal.SIGINT)

    # A shell may have started the tests with interrupts ignored.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt) as caught:
            interrupt(loader(own.ones(64, 1000), 8))
    finally:
        signal.signal(signal.SIGINT, before)
    del caught
    assert nobody_left()


def test_persistent_workers_are_the_same_processes():
    class Process(own_data.Dataset):
        def __len__(self):
            return 6

        def __getitem__(self, index):
            return os.getpid()

    made = loader(Process(), 1, persistent_workers=True)
    first = [one.item() for one in made]
    assert [one.item() for one in made] == first
    for _ in made:
        break  # what was asked for and not taken is not in the next pass
    assert [one.item() for one in made] == first
    assert len(set(first)) == 2
    del made
    assert nobody_left()


def test_out_of_order():
    class Slow(own_data.Dataset):
        def __len__(self):
            return 6

        def __getitem__(self, index):
            time.sleep(0.5 if index == 0 else 0)
            return index

    found = [one.item() for one in loader(Slow(), 1, in_order=False)]
    assert sorted(found) == list(range(6))
    assert found[0] == 1


def test_large_and_small_arrays_arrive_whole():
    class Arrays(own_data.Dataset):
        def __len__(self):
            return 6

        def __getitem__(self, index):
            return {
                "large": np.full((300, 200), index, np.float32),
                "turned": own.arange(60_000.0).reshape(200, 300).T + index,
                "small": own.tensor(index),
                "empty": np.zeros((0, 3)),
            }

    for index, item in enumerate(loader(Arrays(), batch_size=None, collate_fn=lambda item: item)):
        assert (item["large"] == index).all()
        assert item["turned"].equal(own.arange(60_000.0).reshape(200, 300).T + index)
        assert item["small"].item() == index
        assert item["empty"].shape == (0, 3)
        item["large"][0] = 1  # writable
        item["turned"].zero_()


def test_spawned_workers():
    dataset = own_data.TensorDataset(own.arange(6.0))
    batches = loader(dataset, 2, num_workers=1, multiprocessing_context="spawn")
    assert [one.tolist() for (one,) in batches] == [[0, 1], [2, 3], [4, 5]]
    assert nobody_left()
