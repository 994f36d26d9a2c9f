"""Training steps of networks of a few layers: forward, loss, backward, Adam.

The learning rate is small so that thousands of steps on one batch change nothing that the time
depends on.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..libraries import Functional
from ..workload import Step, Workload
from . import training

ADAM_RATE = training.ADAM_RATE


@dataclass(frozen=True)
class Transformer:
    """The sizes of a language model made of encoder layers, and of its texts."""

    layers: int
    width: int
    heads: int
    inner: int
    vocabulary: int
    length: int
    batch: int

    def shapes(self) -> list[tuple[int, ...]]:
        """The shapes of the parameters, in the order of ``parameters()``."""
        width, inner, words = self.width, self.inner, self.vocabulary
        ends: list[tuple[int, ...]] = [(words, width), (words,)]
        layer: list[tuple[int, ...]] = [(3 * width, width), (3 * width,), (width, width), (width,)]
        layer += [(inner, width), (inner,), (width, inner), (width,)]
        layer += [(width,)] * 4  # two layer norms
        return [(words, width), (self.length, width), *layer * self.layers, *ends]

    def weights(self) -> list[np.ndarray]:
        """Initial values of the parameters, alike for all libraries."""
        arrays = []
        for place, shape in enumerate(self.shapes()):
            norm_weight = place > 1 and (place - 2) % 12 in (8, 10)
            arrays.append(training.uniform(place, shape) + np.float32(norm_weight))
        return arrays

    def texts(self) -> tuple[np.ndarray, np.ndarray]:
        """Token numbers, and the token that follows each."""
        random = np.random.default_rng(3)
        texts = random.integers(0, self.vocabulary, (self.batch, self.length + 1))
        return np.ascontiguousarray(texts[:, :-1]), texts[:, 1:].reshape(-1)


LARGE = Transformer(4, 128, 4, 512, 256, 64, 8)


def transformer_step(torch: Any, sizes: Transformer, dropout: float) -> Step:
    """A language model of encoder layers with a causal mask."""
    torch.manual_seed(1)
    width, nn = sizes.width, torch.nn
    tokens, places = nn.Embedding(sizes.vocabulary, width), nn.Embedding(sizes.length, width)
    layer = nn.TransformerEncoderLayer(width, sizes.heads, sizes.inner, dropout, batch_first=True)
    encoder = nn.TransformerEncoder(layer, sizes.layers)
    head = nn.Linear(width, sizes.vocabulary)
    mask = nn.Transformer.generate_square_subsequent_mask(sizes.length)
    model = nn.ModuleList([tokens, places, encoder, head])
    training.set_weights(torch, model, sizes.weights())
    loss_function = nn.CrossEntropyLoss()
    optimizer = torch.optim.Adam(model.parameters(), lr=ADAM_RATE)
    given, target = (torch.from_numpy(values) for values in sizes.texts())
    numbers = torch.arange(sizes.length)

    def step() -> Any:
        optimizer.zero_grad()
        features = encoder(tokens(given) + places(numbers), mask=mask, is_causal=True)
        loss = loss_function(head(features).flatten(0, 1), target)
        loss.backward()
        optimizer.step()
        return loss

    return step


def softmax(np_: Any, x: Any) -> Any:
    # no maximum taken off first: these numbers are small, and it is the peers' advantage
    powers = np_.exp(x)
    return powers / np_.sum(powers, axis=-1, keepdims=True)


def layer_norm(np_: Any, x: Any, weight: Any, bias: Any) -> Any:
    away = x - np_.mean(x, axis=-1, keepdims=True)
    variance = np_.mean(away * away, axis=-1, keepdims=True)
    return away / np_.sqrt(variance + 1e-5) * weight + bias


def attention(np_: Any, x: Any, heads: int, mask: Any, weights: Any) -> Any:
    """Self-attention of several heads; ``weights`` as `nn.MultiheadAttention` has them."""
    batch, length, width = x.shape
    in_weight, in_bias, out_weight, out_bias = weights
    three = np_.matmul(x, in_weight.T) + in_bias
    split = np_.reshape(three, (batch, length, 3, heads, width // heads))
    queries, keys, values = (np_.swapaxes(split[:, :, k], 1, 2) for k in range(3))
    scores = np_.matmul(queries, np_.swapaxes(keys, 2, 3)) * (width // heads) ** -0.5
    mixed = np_.matmul(softmax(np_, scores + mask), values)
    joined = np_.reshape(np_.swapaxes(mixed, 1, 2), (batch, length, width))
    return np_.matmul(joined, out_weight.T) + out_bias


def transformer_step_functional(library: Functional, sizes: Transformer) -> Step:
    np_ = library.numpy
    given, target = sizes.texts()
    mask = np.triu(np.full((sizes.length, sizes.length), -np.inf, np.float32), 1)

    def loss(*weights: Any) -> Any:
        x = weights[0][given] + weights[1]
        for k in range(sizes.layers):
            own = weights[2 + 12 * k : 14 + 12 * k]
            x = layer_norm(np_, x + attention(np_, x, sizes.heads, mask, own[:4]), *own[8:10])
            inner = np_.maximum(np_.matmul(x, own[4].T) + own[5], 0)
            x = layer_norm(np_, x + np_.matmul(inner, own[6].T) + own[7], *own[10:12])
        scores = np_.matmul(x, weights[-2].T) + weights[-1]
        return training.cross_entropy(np_, np_.reshape(scores, (-1, sizes.vocabulary)), target)

    return training.functional_step(library, loss, sizes.weights(), training.adam, True)


def convolutional_step(torch: Any) -> Step:
    """Two convolutions with pooling and a linear layer, on 32 grey images of 28x28."""
    torch.manual_seed(1)
    nn = torch.nn
    model = nn.Sequential(
        nn.Conv2d(1, 8, 3),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(8, 16, 3),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(400, 10),
    )
    loss_function = nn.CrossEntropyLoss()
    optimizer = torch.optim.Adam(model.parameters(), lr=ADAM_RATE)
    images = torch.randn(32, 1, 28, 28)
    target = torch.randint(0, 10, (32,))

    def step() -> Any:
        optimizer.zero_grad()
        loss = loss_function(model(images), target)
        loss.backward()
        optimizer.step()
        return loss

    return step


WORKLOADS = (
    Workload("cnn", "CNN on 32x1x28x28, Adam step", convolutional_step, target=1.3),
    Workload(
        "transformer",
        "transformer 4x128, 8x64 tokens, Adam step",
        lambda torch: transformer_step(torch, LARGE, 0.0),
        target=1.3,
    ),
    Workload(
        "transformer-dropout",
        "the same with dropout 0.1",
        lambda torch: transformer_step(torch, LARGE, 0.1),
        target=1.3,
    ),
)
