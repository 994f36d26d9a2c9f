"""Eight small models: each a training step, or a loop, of the kind that Python's overhead rules.

Each has one text for libraries with PyTorch's names, and one for those that differentiate
functions.  Weights come from NumPy, so that every library starts from the same numbers.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..libraries import Functional
from ..workload import Step, Workload
from ..workloads import networks, training

# -- convolutional network ------------------------------------------------------------------------

IMAGES, SIDE, CHANNELS, CLASSES = 8, 12, 4, 10
FLAT = CHANNELS * (SIDE // 2 - 1) ** 2


def cnn_data() -> tuple[list[np.ndarray], np.ndarray, np.ndarray]:
    shapes = [(CHANNELS, 1, 3, 3), (CHANNELS,), (CLASSES, FLAT), (CLASSES,)]
    weights = [training.uniform(seed, shape) for seed, shape in enumerate(shapes)]
    random = np.random.default_rng(5)
    images = random.standard_normal((IMAGES, 1, SIDE, SIDE)).astype(np.float32)
    return weights, images, random.integers(0, CLASSES, IMAGES)


def cnn(torch: Any) -> Step:
    nn = torch.nn
    layers = [nn.Conv2d(1, CHANNELS, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten()]
    model = nn.Sequential(*layers, nn.Linear(FLAT, CLASSES))
    weights, images, classes = cnn_data()
    training.set_weights(torch, model, weights)
    loss_function = nn.CrossEntropyLoss()
    optimizer = torch.optim.Adam(model.parameters(), lr=training.ADAM_RATE)
    x, target = torch.from_numpy(images), torch.from_numpy(classes)

    def step() -> Any:
        optimizer.zero_grad()
        loss = loss_function(model(x), target)
        loss.backward()
        optimizer.step()
        return loss

    return step


def cnn_functional(library: Functional) -> Step:
    np_ = library.numpy
    convolve, pool = library.convolve, library.pool
    if convolve is None or pool is None:
        raise ValueError("the library has no convolution to speak of")
    weights, images, classes = cnn_data()

    def loss(*w: Any) -> Any:
        x = convolve(images, w[0]) + np_.reshape(w[1], (1, CHANNELS, 1, 1))
        x = pool(np_.maximum(x, 0))
        scores = np_.matmul(np_.reshape(x, (IMAGES, FLAT)), w[2].T) + w[3]
        return training.cross_entropy(np_, scores, classes)

    return training.functional_step(library, loss, weights, training.adam, True)


# -- recurrent network ----------------------------------------------------------------------------

TIMES, SEQUENCES, INPUTS, HIDDEN = 12, 4, 8, 16


def gru_data() -> tuple[list[np.ndarray], np.ndarray]:
    shapes = [(3 * HIDDEN, INPUTS), (3 * HIDDEN, HIDDEN), (3 * HIDDEN,), (3 * HIDDEN,)]
    weights = [training.uniform(seed, shape) for seed, shape in enumerate(shapes)]
    random = np.random.default_rng(6)
    return weights, random.standard_normal((TIMES, SEQUENCES, INPUTS)).astype(np.float32)


def gru(torch: Any) -> Step:
    layer = torch.nn.GRU(INPUTS, HIDDEN)
    weights, sequences = gru_data()
    training.set_weights(torch, layer, weights)
    optimizer = torch.optim.Adam(layer.parameters(), lr=training.ADAM_RATE)
    x = torch.from_numpy(sequences)

    def step() -> Any:
        optimizer.zero_grad()
        results, _ = layer(x)
        loss = (results * results).mean()
        loss.backward()
        optimizer.step()
        return loss

    return step


def gru_functional(library: Functional) -> Step:
    np_ = library.numpy
    weights, sequences = gru_data()

    def sigmoid(x: Any) -> Any:
        return 1 / (1 + np_.exp(-x))

    def loss(*w: Any) -> Any:
        def cell(held: Any, a: Any) -> Any:
            state, squares = held
            b = np_.matmul(state, w[1].T) + w[3]
            reset = sigmoid(a[:, :HIDDEN] + b[:, :HIDDEN])
            update = sigmoid(a[:, HIDDEN : 2 * HIDDEN] + b[:, HIDDEN : 2 * HIDDEN])
            new = np_.tanh(a[:, 2 * HIDDEN :] + reset * b[:, 2 * HIDDEN :])
            state = (1 - update) * new + update * state
            return state, squares + np_.sum(state * state)

        arriving = np_.matmul(sequences, w[0].T) + w[2]
        zeros = library.arrays.zeros
        start = zeros((SEQUENCES, HIDDEN), np.float32), zeros((), np.float32)
        _, squares = library.fold(cell, start, arriving)
        return squares / (TIMES * SEQUENCES * HIDDEN)

    return training.functional_step(library, loss, weights, training.adam, True)


# -- a loop that ends when it has converged -------------------------------------------------------

SPEEDS = np.linspace(0.1, 0.3, 8, dtype=np.float32)
CLOSE = 1e-3


def newton(torch: Any) -> Step:
    """Roots of x^3 + x = a by Newton's method; each step has another a, and other iterations."""
    speeds, clock = torch.from_numpy(SPEEDS), torch.zeros(())

    def step() -> Any:
        clock.add_(1)
        a = 5 + 4 * torch.sin(clock * speeds)
        x = torch.ones(8)
        while True:
            x = x.detach().requires_grad_()
            away = x * x * x + x - a
            (slope,) = torch.autograd.grad(away.sum(), x)
            change = (away / slope).detach()
            x = x.detach() - change
            if change.abs().max() < CLOSE:
                return x

    return step


def newton_functional(library: Functional) -> Step:
    np_ = library.numpy

    def away(x: Any, a: Any) -> Any:
        return x * x * x + x - a

    slope = library.differentiate(lambda x, a: np_.sum(away(x, a)), 1)

    def body(state: Any) -> Any:
        x, _, a = state
        change = away(x, a) / slope(x, a)[1][0]
        return x - change, change, a

    def goes_on(state: Any) -> Any:
        return library.arrays.max(library.arrays.abs(state[1])) >= CLOSE

    def solve(clock: Any) -> Any:
        arrays = library.arrays
        a = 5 + 4 * arrays.sin(clock * SPEEDS)
        ones = arrays.ones(8, np.float32)
        return library.loop(goes_on, body, (ones, ones, a))[0]

    run = library.compile(solve)
    clock = np.float32(0)

    def step() -> Any:
        nonlocal clock
        clock = np.float32(clock + 1)
        return library.wait(run(clock))

    return step


# -- physics --------------------------------------------------------------------------------------

INSTANTS, TIME_STEP = 20, 0.1
PHYSICS_RATE = 1e-6


def measured() -> np.ndarray:
    """The places of four oscillators at each instant, as they would be observed."""
    instants = TIME_STEP * np.arange(1, INSTANTS + 1, dtype=np.float32)[:, None]
    waves = np.cos(1.3 * instants + np.arange(4, dtype=np.float32)) * np.exp(-0.1 * instants)
    return np.asarray(waves, np.float32)


def instant(places: Any, speeds: Any, stiffness: Any, damping: Any) -> Any:
    """Places and speeds, one instant later."""
    speeds = speeds - TIME_STEP * (stiffness * places + damping * speeds)
    return places + TIME_STEP * speeds, speeds


STARTS = [np.cos(np.arange(4, dtype=np.float32)), np.float32(1.0), np.float32(0.2)]


def physics(torch: Any) -> Step:
    """Fit an oscillator's start, stiffness and damping through the steps of its simulation."""
    parameters = [torch.tensor(value, requires_grad=True) for value in STARTS]
    optimizer = torch.optim.SGD(parameters, lr=PHYSICS_RATE)
    observed = torch.from_numpy(measured())

    def step() -> Any:
        optimizer.zero_grad()
        places, stiffness, damping = parameters
        speeds = torch.zeros(4)
        loss = torch.zeros(())
        for row in observed:
            places, speeds = instant(places, speeds, stiffness, damping)
            loss = loss + ((places - row) ** 2).sum()
        loss.backward()
        optimizer.step()
        return loss

    return step


def physics_functional(library: Functional) -> Step:
    np_ = library.numpy
    observed = measured()

    def loss(start: Any, stiffness: Any, damping: Any) -> Any:
        def body(state: Any, row: Any) -> Any:
            places, speeds, squares = state
            places, speeds = instant(places, speeds, stiffness, damping)
            return places, speeds, squares + np_.sum((places - row) ** 2)

        zeros = library.arrays.zeros
        state = start, zeros(4, np.float32), zeros((), np.float32)
        return library.fold(body, state, observed)[2]

    def update(arrays: Any, state: Any, gradients: Any) -> Any:
        return tuple(w - np.float32(PHYSICS_RATE) * g for w, g in zip(state, gradients))

    return training.functional_step(library, loss, [*map(np.asarray, STARTS)], update, False)


# -- reinforcement learning -----------------------------------------------------------------------

SIGHTS, UNITS, ACTIONS, MOMENTS = 4, 32, 2, 16
MOST_NORM = 0.5


def experience() -> dict[str, np.ndarray]:
    """What an agent saw, did and got: a batch of 16 moments."""
    random = np.random.default_rng(7)
    return {
        "seen": random.standard_normal((MOMENTS, SIGHTS)).astype(np.float32),
        "done": random.integers(0, ACTIONS, MOMENTS),
        "advantage": random.standard_normal(MOMENTS).astype(np.float32),
        "returned": random.standard_normal(MOMENTS).astype(np.float32),
    }


def agent_weights() -> list[np.ndarray]:
    shapes: list[tuple[int, ...]] = [(UNITS, SIGHTS), (UNITS,), (ACTIONS, UNITS), (ACTIONS,)]
    shapes += [(1, UNITS), (1,)]
    return [training.uniform(seed, shape) for seed, shape in enumerate(shapes)]


def actor_critic(torch: Any) -> Step:
    """A policy and a value on one body; gradients are clipped by their norm."""
    nn, functional = torch.nn, torch.nn.functional
    body = nn.Sequential(nn.Linear(SIGHTS, UNITS), nn.Tanh())
    policy, value = nn.Linear(UNITS, ACTIONS), nn.Linear(UNITS, 1)
    model = nn.ModuleList([body, policy, value])
    training.set_weights(torch, model, agent_weights())
    optimizer = torch.optim.Adam(model.parameters(), lr=training.ADAM_RATE)
    batch = {name: torch.from_numpy(values) for name, values in experience().items()}
    done = batch["done"].unsqueeze(1)

    def step() -> Any:
        features = body(batch["seen"])
        chances = functional.log_softmax(policy(features), -1)
        taken = chances.gather(1, done).squeeze(1)
        entropy = -(chances.exp() * chances).sum(-1).mean()
        missed = functional.mse_loss(value(features).squeeze(1), batch["returned"])
        loss = -(taken * batch["advantage"]).mean() + 0.5 * missed - 0.01 * entropy
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), MOST_NORM)
        optimizer.step()
        return loss

    return step


def actor_critic_functional(library: Functional) -> Step:
    np_ = library.numpy
    batch, moments = experience(), np.arange(MOMENTS)

    def loss(*w: Any) -> Any:
        features = np_.tanh(np_.matmul(batch["seen"], w[0].T) + w[1])
        scores = np_.matmul(features, w[2].T) + w[3]
        chances = scores - np_.log(np_.sum(np_.exp(scores), axis=1, keepdims=True))
        taken = chances[moments, batch["done"]]
        entropy = -np_.mean(np_.sum(np_.exp(chances) * chances, axis=1))
        value = np_.reshape(np_.matmul(features, w[4].T) + w[5], (MOMENTS,))
        missed = np_.mean((value - batch["returned"]) ** 2)
        return -np_.mean(taken * batch["advantage"]) + 0.5 * missed - 0.01 * entropy

    def update(arrays: Any, state: Any, gradients: Any) -> Any:
        norm = arrays.sqrt(sum(arrays.sum(g * g) for g in gradients))
        scale = arrays.minimum(MOST_NORM / (norm + 1e-6), 1.0)
        return training.adam(arrays, state, [scale * g for g in gradients])

    return training.functional_step(library, loss, agent_weights(), update, True)


# -- all ------------------------------------------------------------------------------------------

TRANSFORMER = networks.Transformer(1, 32, 2, 64, 32, 16, 4)
EIGHT = (
    Workload(
        "mlp-tiny",
        "MLP 2-16-16-1, SGD",
        lambda torch: training.training_step(torch, (2, 16, 16, 1), 32),
        lambda library: training.training_step_functional(library, (2, 16, 16, 1), 32),
    ),
    Workload(
        "mlp-small",
        "MLP 64-128-128-10, Adam",
        lambda torch: training.training_step(torch, (64, 128, 128, 10), 64),
        lambda library: training.training_step_functional(library, (64, 128, 128, 10), 64),
    ),
    Workload(
        "cnn",
        "CNN on 8 images of 12x12, Adam",
        cnn,
        cnn_functional,
        peers=("torch", "jax", "jax-jit", "mygrad"),  # autograd has no convolution to speak of
    ),
    Workload("gru", "GRU 8-16 over 12 instants, Adam", gru, gru_functional),
    Workload(
        "transformer",
        "transformer of one layer, Adam",
        lambda torch: networks.transformer_step(torch, TRANSFORMER, 0.0),
        lambda library: networks.transformer_step_functional(library, TRANSFORMER),
    ),
    Workload("newton", "Newton's method, a while loop", newton, newton_functional),
    Workload("physics", "fit of a simulated oscillator, SGD", physics, physics_functional),
    Workload("actor-critic", "actor-critic 4-32, Adam", actor_critic, actor_critic_functional),
)
MODELS: dict[str, Workload] = {model.name: model for model in EIGHT}
