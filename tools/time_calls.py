"""Time N calls of what is hard to compile, eager and compiled: ``python tools/time_calls.py``.

What gives another number at each call, is given one, or has an effect.  For programs that compile
well, and other libraries, there is ``python -m benchmarks.steps``.

A compiled function must never have taken much longer than the same function as it is, however
often it was called.  Each run is a process of its own, which makes a model and calls it up to
``--calls`` times; runs of both kinds take turns.  The first table has the ratio of the medians of
the time that the whole process took until N calls were done, imports included; the second counts
from the first call on.  The milliseconds beside a name are eager's for one call.  It is time of the
processor, in which other programs are not seen.
"""

from __future__ import annotations

import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys
import time
import warnings

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "src")]

import retrograd as torch  # noqa: E402

COUNTS = (1, 2, 3, 5, 10, 20, 50, 100, 300, 1000, 3000, 10000)


def tiny_mlp_sgd():
    """Return a training step that takes no arguments."""
    nn = torch.nn
    model = nn.Sequential(nn.Linear(2, 16), nn.Tanh(), nn.Linear(16, 16), nn.Tanh(),
                          nn.Linear(16, 1))  # fmt: skip
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    inputs = torch.randn(32, 2)

    def step():
        optimizer.zero_grad()
        loss = model(inputs).square().mean()
        loss.backward()
        optimizer.step()
        return loss

    return step


def number_of_the_loss():
    """A step that returns ``float(loss)``: another value at every call."""
    step = tiny_mlp_sgd()
    return lambda: float(step())


def number_of_the_step():
    """A step that is given its number: other arguments at every call."""
    step = tiny_mlp_sgd()
    calls = [0]

    def numbered(number):
        return step() * (1 / (1 + number))

    def call(f=numbered):
        calls[0] += 1
        return f(calls[0])

    call.inside = numbered
    return call


def print_now_and_then():
    """A step with an effect: it runs eagerly."""
    step = tiny_mlp_sgd()
    seen = []

    def noted():
        loss = step()
        seen.append(1)
        return loss

    return noted


MODELS = {
    one.__name__: one for one in (number_of_the_loss, number_of_the_step, print_now_and_then)
}


def run(name, compiles, calls, seconds, backend):
    """Return when the calls began, and when those of each of `COUNTS` were done."""
    warnings.simplefilter("ignore")
    now = time.process_time
    torch.manual_seed(0)
    step = MODELS[name]()
    began = now()
    if compiles:
        inside = getattr(step, "inside", None)
        if inside is None:
            step = torch.compile(step, backend=backend)
        else:
            compiled = torch.compile(inside, backend=backend)
            step = lambda made=step: made(compiled)  # noqa: E731
    found = [began]
    done = 0
    for count in COUNTS:
        if count > calls or now() - began > seconds:
            break
        for _ in range(count - done):
            step()
        done = count
        found.append(now())
    return found


def in_a_process(name, compiles, given):
    """Return what `run` returns in a new process."""
    command = [sys.executable, __file__, name, "--one", str(int(compiles)), "--backend",
               given.backend, "--calls", str(given.calls), "--seconds", str(given.seconds)]
    own = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=own)
    return json.loads(done.stdout)


def measure(name, given):
    """Return eager's and compiled's times for each count, whole and from the first call on."""
    both = [], []
    for number in range(given.runs):
        for compiles in (False, True) if number % 2 else (True, False):
            both[compiles].append(in_a_process(name, compiles, given))
    count = min(len(one) for kind in both for one in kind)
    whole = [[statistics.median(one[n] for one in kind) for n in range(1, count)] for kind in both]
    inside = [
        [statistics.median(one[n] - one[0] for one in kind) for n in range(1, count)]
        for kind in both
    ]
    return whole, inside


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("models", nargs="*", help="of these names; all of them")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--calls", type=int, default=1000)
    parser.add_argument("--seconds", type=float, default=5, help="the most for one run")
    parser.add_argument("--backend", default="replay")
    parser.add_argument("--one", type=int, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.one is not None:
        print(run(given.models[0], given.one, given.calls, given.seconds, given.backend))
        return
    names = given.models or [*MODELS]
    found = {name: measure(name, given) for name in names}
    for which, title in enumerate(("whole process", "from the first call on")):
        counts = [count for count in COUNTS if count <= given.calls]
        print(f"{title + ', N =':34}" + "".join(f"{count:>7}" for count in counts))
        for name in names:
            eager, ours = found[name][which]
            since = found[name][1][0]
            each = since[-1] / COUNTS[len(since) - 1]
            ratios = "".join(f"{b / a:7.2f}" for a, b in zip(eager, ours))
            print(f"{name:22} {each * 1e3:8.3f} ms {ratios}", flush=True)


if __name__ == "__main__":
    main()
