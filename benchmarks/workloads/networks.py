"""Training steps of networks of a few layers: forward, loss, backward, Adam.

Layers start from the seed alone, which gives both libraries the same numbers.  The learning rate
is small so that thousands of steps on one batch change nothing that the time depends on.
"""

from __future__ import annotations

from typing import Any

from ..workload import Step, Workload

ADAM_RATE = 1e-6
VOCABULARY, LENGTH, BATCH = 256, 64, 8


def transformer_step(torch: Any, dropout: float) -> Step:
    """A language model of four encoder layers, 128 wide, on 8 texts of 64 tokens."""
    torch.manual_seed(1)
    width, heads, inner, layers = 128, 4, 512, 4
    nn = torch.nn
    tokens, places = nn.Embedding(VOCABULARY, width), nn.Embedding(LENGTH, width)
    layer = nn.TransformerEncoderLayer(width, heads, inner, dropout, batch_first=True)
    encoder = nn.TransformerEncoder(layer, layers)
    head = nn.Linear(width, VOCABULARY)
    mask = nn.Transformer.generate_square_subsequent_mask(LENGTH)
    model = nn.ModuleList([tokens, places, encoder, head])
    loss_function = nn.CrossEntropyLoss()
    optimizer = torch.optim.Adam(model.parameters(), lr=ADAM_RATE)
    texts = torch.randint(0, VOCABULARY, (BATCH, LENGTH + 1))
    given, target = texts[:, :-1].contiguous(), texts[:, 1:].flatten()
    numbers = torch.arange(LENGTH)

    def step() -> Any:
        optimizer.zero_grad()
        features = encoder(tokens(given) + places(numbers), mask=mask, is_causal=True)
        loss = loss_function(head(features).flatten(0, 1), target)
        loss.backward()
        optimizer.step()
        return loss

    return step


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
        lambda torch: transformer_step(torch, 0.0),
        target=1.3,
    ),
    Workload(
        "transformer-dropout",
        "the same with dropout 0.1",
        lambda torch: transformer_step(torch, 0.1),
        target=1.3,
    ),
)
