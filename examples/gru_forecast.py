"""Train a GRU to forecast a noisy series.

This is a plain PyTorch script.  Run it under PyTorch or under retrograd:

    python examples/gru_forecast.py
    retrograd run examples/gru_forecast.py

Both print the same losses.  The series is a wave whose height swells and falls, with noise; the
network reads 32 values and says the next one.
"""

import math

import torch
from torch import nn

SEED = 0
LENGTH = 1200
HELD_OUT = 200
WINDOW = 32
HIDDEN = 32
BATCH = 32
LEARNING_RATE = 5e-3
STEPS_SHOWN = 20
STEPS = 150


def make_series(length):
    """A wave of period 20 whose height follows a wave of period 90, and noise."""
    time = torch.arange(float(length))
    wave = torch.sin(time * (2 * math.pi / 20))
    height = 1 + 0.5 * torch.sin(time * (2 * math.pi / 90))
    return wave * height + 0.1 * torch.randn(length)


def windows_of(series):
    """Every window of the series, and the value that follows each."""
    windows = series.unfold(0, WINDOW + 1, 1)
    return windows[:, :-1].unsqueeze(2), windows[:, -1:]


class Forecaster(nn.Module):
    """Two layers of GRU, with dropout between them, and a linear map of the last result."""

    def __init__(self):
        super().__init__()
        self.gru = nn.GRU(1, HIDDEN, num_layers=2, batch_first=True, dropout=0.1)
        self.head = nn.Linear(HIDDEN, 1)

    def forward(self, windows):
        results, _ = self.gru(windows)
        return self.head(results[:, -1])


def train(model, windows, following, steps):
    """Train on batches drawn at random, yielding the loss of each."""
    loss_function = nn.MSELoss()
    optimizer = torch.optim.Adam(model.parameters(), lr=LEARNING_RATE)
    model.train()
    for _ in range(steps):
        batch = torch.randint(0, len(windows), (BATCH,))
        optimizer.zero_grad()
        loss = loss_function(model(windows[batch]), following[batch])
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        yield loss.item()


@torch.no_grad()
def errors(model, windows, following):
    """Mean squared errors of the forecasts, and of saying the last value again."""
    model.eval()
    forecast = (model(windows) - following).square().mean()
    repeated = (windows[:, -1] - following).square().mean()
    return forecast.item(), repeated.item()


def main():
    torch.manual_seed(SEED)
    windows, following = windows_of(make_series(LENGTH))
    model = Forecaster()
    losses = train(model, windows[:-HELD_OUT], following[:-HELD_OUT], STEPS)
    for step, loss in enumerate(losses, start=1):
        if step <= STEPS_SHOWN:
            print(f"step {step:2d}  loss {loss:.4g}")
    forecast, repeated = errors(model, windows[-HELD_OUT:], following[-HELD_OUT:])
    print(f"held out: mean squared error {forecast:.2f}; of the last value again, {repeated:.2f}")


if __name__ == "__main__":
    main()
