"""Time the entrance of a compiled function: ``python tools/time_entrance.py``.

What a call costs before and after the replay itself: finding out what the arguments are, whether
everything else is as it was, and calling the replay.  The model has ten parameters.  The whole
call and the replay alone take turns in short slices; the entrance is the difference of their lower
quartiles, which hold also where other programs want the processor.
"""

from __future__ import annotations

import argparse
import pathlib
import statistics
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "src")]

import retrograd as torch  # noqa: E402
from retrograd._core import engine  # noqa: E402

nn = torch.nn
functional = torch.nn.functional


def network():
    return nn.Sequential(*[layer for _ in range(5) for layer in (nn.Linear(4, 4), nn.Tanh())])


def forward():
    """The model itself, given a tensor."""
    model = network()
    return model, (torch.ones(2, 4),)


def forward_without_grad():
    """The same without gradients."""
    model = network().requires_grad_(False)
    return model, (torch.ones(2, 4),)


def train_on_arguments():
    """A training step that is given its data."""
    model = network()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)

    def step(x, y):
        optimizer.zero_grad()
        loss = functional.mse_loss(model(x), y)
        loss.backward()
        optimizer.step()
        return loss

    return step, (torch.ones(2, 4), torch.ones(2, 4))


def train():
    """A training step without arguments."""
    step, (x, y) = train_on_arguments()
    return lambda: step(x, y), ()


def numbers_and_text():
    """A function of two tensors, a number, a text and a list."""
    table = {"scale": 2.0, "names": ["a", "b"]}

    def scaled(x, y, number, name, *, pair):
        return x * table["scale"] + y * number + len(name) + pair[0] * pair[1]

    return lambda x, y: scaled(x, y, 2.0, "name", pair=[x, y]), (torch.ones(4), torch.ones(4))


CASES = (forward, forward_without_grad, train, train_on_arguments, numbers_and_text)


def seconds(call, args, times):
    now = time.perf_counter
    began = now()
    for _ in range(times):
        call(*args)
    return (now() - began) / times


def root_of(compiled):
    (segment,) = compiled.segments()
    return segment


def measure(case, slices, times):
    """Return what a whole call takes, and its replay alone."""
    function, args = case()
    compiled = torch.compile(function)
    for _ in range(3):
        compiled(*args)
    torch.compiler.lower_next(compiled)
    compiled(*args)
    compiled(*args)
    whole = getattr(compiled, "forward", compiled)
    tensors = [one for one in args if isinstance(one, torch.Tensor)]
    run = root_of(whole).run
    both = [], []
    for _ in range(slices):
        both[0].append(seconds(whole, args, times))
        both[1].append(seconds(lambda: run([], tensors), (), times))
    return [statistics.quantiles(one)[0] for one in both]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--slices", type=int, default=600)
    parser.add_argument("--times", type=int, default=20)
    given = parser.parse_args()
    print(f"the core is {'pure Python' if engine.__file__.endswith('.py') else 'compiled'}")
    print(f"{'microseconds':24}{'call':>8}{'replay':>8}{'entrance':>10}")
    for case in CASES:
        call, replay = (1e6 * one for one in measure(case, given.slices, given.times))
        print(f"{case.__name__:24}{call:8.2f}{replay:8.2f}{call - replay:10.2f}", flush=True)


if __name__ == "__main__":
    main()
