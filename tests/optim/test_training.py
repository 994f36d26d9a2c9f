"""Whole training loops print PyTorch's losses from the same seed."""

import pytest

import retrograd

OPTIMIZERS = {
    "SGD": {"lr": 0.05, "momentum": 0.9},
    "Adam": {"lr": 1e-2},
    "AdamW": {"lr": 1e-2},
}


def losses(torch, name):
    """Train a small classifier with dropout and label smoothing; return its printed losses."""
    nn = torch.nn
    torch.manual_seed(0)
    inputs = torch.randn(256, 20)
    classes = (inputs @ torch.randn(20, 4)).argmax(1)
    model = nn.Sequential(
        nn.Linear(20, 64),
        nn.ReLU(),
        nn.Dropout(0.2),
        nn.Linear(64, 64),
        nn.GELU(),
        nn.Linear(64, 4),
    )
    optimizer = getattr(torch.optim, name)(model.parameters(), **OPTIMIZERS[name])
    criterion = nn.CrossEntropyLoss(label_smoothing=0.1)
    printed = []
    for _ in range(5):
        order = torch.randperm(256)
        for start in range(0, 256, 64):
            chosen = order[start : start + 64]
            optimizer.zero_grad()
            loss = criterion(model(inputs[chosen]), classes[chosen])
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            printed.append(f"{loss.item():.4f}")
    return printed


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_losses_like_torch(name):
    torch = pytest.importorskip("torch")
    ours = [float(text) for text in losses(retrograd, name)]
    theirs = [float(text) for text in losses(torch, name)]
    # The same to the last printed digit, give or take where rounding falls.
    assert ours == pytest.approx(theirs, abs=1.01e-4)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_losses_fall(name):
    found = [float(text) for text in losses(retrograd, name)]
    assert found[-1] < found[0]
    assert losses(retrograd, name) == [f"{value:.4f}" for value in found]
