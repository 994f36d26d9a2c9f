"""Whole training steps: forward, loss, backward, optimiser.

The learning rates are small so that thousands of steps on one batch change nothing that the time
depends on (a fitted model's gradients end as denormal numbers, which are slow).
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np

from ..libraries import Functional
from ..workload import Step, Workload

SGD_RATE, ADAM_RATE = 1e-4, 1e-6
State = tuple[Any, ...]


def uniform(seed: int, shape: tuple[int, ...]) -> np.ndarray:
    """Numbers of the size that layers start with: the last dimension counts the inputs."""
    bound = shape[-1] ** -0.5
    return np.random.default_rng(seed).uniform(-bound, bound, shape).astype(np.float32)


def initial_weights(sizes: tuple[int, ...]) -> list[np.ndarray]:
    """Weight and bias of each layer, in the order of ``parameters()``, alike for all libraries."""
    random = np.random.default_rng(1)
    arrays = []
    for inputs, outputs in pairwise(sizes):
        bound = inputs**-0.5
        arrays.append(random.uniform(-bound, bound, (outputs, inputs)).astype(np.float32))
        arrays.append(random.uniform(-bound, bound, outputs).astype(np.float32))
    return arrays


def set_weights(torch: Any, model: Any, arrays: list[np.ndarray]) -> None:
    """Copy arrays into a model's parameters."""
    with torch.no_grad():
        for parameter, values in zip(model.parameters(), arrays, strict=True):
            parameter.copy_(torch.from_numpy(values))


def data(sizes: tuple[int, ...], rows: int) -> tuple[np.ndarray, np.ndarray]:
    """Inputs and targets: one number a row, or a class where there are several outputs."""
    random = np.random.default_rng(2)
    x = random.standard_normal((rows, sizes[0])).astype(np.float32)
    if sizes[-1] == 1:
        return x, x[:, :1] * x[:, 1:2]
    return x, random.integers(0, sizes[-1], rows)


def training_step(torch: Any, sizes: tuple[int, ...], rows: int) -> Step:
    regression = sizes[-1] == 1
    layers = []
    for inputs, outputs in pairwise(sizes):
        layers.append(torch.nn.Linear(inputs, outputs))
        layers.append(torch.nn.Tanh() if regression else torch.nn.ReLU())
    model = torch.nn.Sequential(*layers[:-1])
    set_weights(torch, model, initial_weights(sizes))
    if regression:
        loss_function = torch.nn.MSELoss()
        optimizer = torch.optim.SGD(model.parameters(), lr=SGD_RATE)
    else:
        loss_function = torch.nn.CrossEntropyLoss()
        optimizer = torch.optim.Adam(model.parameters(), lr=ADAM_RATE)
    x, target = (torch.from_numpy(values) for values in data(sizes, rows))

    def step() -> Any:
        optimizer.zero_grad()
        loss = loss_function(model(x), target)
        loss.backward()
        optimizer.step()
        return loss

    return step


def sgd(arrays: Any, state: State, gradients: Any) -> State:
    return tuple(w - SGD_RATE * g for w, g in zip(state, gradients))


def adam(arrays: Any, state: State, gradients: Any) -> State:
    """Adam on (step number, weights, first moments, second moments) laid end to end."""
    count = len(gradients)
    turn = state[0] + 1
    first_scale, second_scale = 1 - 0.9**turn, 1 - 0.999**turn
    weights, first, second = [], [], []
    for k, g in enumerate(gradients):
        m = 0.9 * state[1 + count + k] + 0.1 * g
        v = 0.999 * state[1 + 2 * count + k] + 0.001 * (g * g)
        change = (m / first_scale) / (arrays.sqrt(v / second_scale) + 1e-8)
        weights.append(state[1 + k] - ADAM_RATE * change)
        first.append(m)
        second.append(v)
    return (turn, *weights, *first, *second)


def cross_entropy(np_: Any, scores: Any, target: np.ndarray) -> Any:
    # no maximum taken off first: these outputs are small, and it is the peers' advantage
    every_row = np.arange(len(target))
    return np_.mean(np_.log(np_.sum(np_.exp(scores), axis=1)) - scores[every_row, target])


def functional_step(
    library: Functional,
    loss: Callable[..., Any],
    values: list[np.ndarray],
    update: Callable[[Any, State, Any], State],
    moments: bool,
) -> Step:
    """A training step as one function of a state: the weights, and what `adam` adds to them.

    ``moments`` says whether the update needs that.
    """
    count = len(values)
    weights_from = 1 if moments else 0
    gradient = library.differentiate(loss, count)

    def train(*state: Any) -> tuple[Any, State]:
        value, gradients = gradient(*state[weights_from : weights_from + count])
        return value, update(library.arrays, state, gradients)

    run = library.compile(train)
    start: list[Any] = list(values)
    if moments:
        start = [np.float32(0), *values, *map(np.zeros_like, values + values)]
    state = tuple(library.arrays.asarray(array) for array in start)

    def step() -> Any:
        nonlocal state
        value, state = library.wait(run(*state))
        return value

    return step


def training_step_functional(library: Functional, sizes: tuple[int, ...], rows: int) -> Step:
    np_ = library.numpy
    regression = sizes[-1] == 1
    values = initial_weights(sizes)
    x, target = data(sizes, rows)

    def loss(*weights: Any) -> Any:
        y = x
        for k in range(0, len(values), 2):
            y = np_.matmul(y, weights[k].T) + weights[k + 1]
            if k + 2 < len(values):
                y = np_.tanh(y) if regression else np_.maximum(y, 0)
        return np_.mean((y - target) ** 2) if regression else cross_entropy(np_, y, target)

    return functional_step(
        library, loss, values, sgd if regression else adam, moments=not regression
    )


def workload(
    name: str, title: str, sizes: tuple[int, ...], rows: int, target: float | None = None
) -> Workload:
    return Workload(
        name,
        title,
        lambda torch: training_step(torch, sizes, rows),
        lambda library: training_step_functional(library, sizes, rows),
        target,
    )


WORKLOADS = (
    workload("mlp-tiny", "MLP 2-16-16-1, batch 32, SGD step", (2, 16, 16, 1), 32, target=0.35),
    workload(
        "mlp-small",
        "MLP 64-128-128-10, batch 64, Adam step",
        (64, 128, 128, 10),
        64,
        target=0.4,
    ),
    workload(
        "mlp-mnist", "MLP 784-128-10, batch 64, Adam step", (784, 128, 10), 64, target=1.0
    ),
)
