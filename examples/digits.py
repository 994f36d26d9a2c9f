"""Train a small network to read handwritten digits.

This is a plain PyTorch script.  Run it under PyTorch or under retrograd:

    python examples/digits.py
    retrograd run examples/digits.py

Both print the same losses, to the last digit.
"""

import importlib.util
from pathlib import Path

import numpy as np
import torch
from torch import nn

SEED = 0
HELD_OUT = 360
HIDDEN = 192
EPOCHS = 20
BATCH = 32
LEARNING_RATE = 3e-3


def find_data():
    """The path of digits.npz in this checkout or in an installed retrograd, or None."""
    here = Path(__file__).resolve().parent
    folders = [here.parent / "src" / "retrograd", here.parent]
    installed = importlib.util.find_spec("retrograd")
    if installed is not None and installed.submodule_search_locations:
        folders.extend(Path(folder) for folder in installed.submodule_search_locations)
    for folder in folders:
        path = folder / "data" / "digits.npz"
        if path.is_file():
            return path
    return None


def load_digits():
    """All 1797 images as rows of 64 numbers from 0 to 1, and the digit that each one shows."""
    path = find_data()
    if path is not None:
        with np.load(path) as data:
            images, labels = data["images"], data["labels"]
    else:
        from sklearn.datasets import load_digits as load_from_sklearn

        images, labels = load_from_sklearn(return_X_y=True)
    pixels = images.reshape(-1, 64).astype(np.float32) / 16
    return torch.from_numpy(pixels), torch.from_numpy(labels.astype(np.int64))


def split(images, labels):
    """Training images and labels, then those held out, drawn at random."""
    order = torch.randperm(len(images))
    held_out, training = order[:HELD_OUT], order[HELD_OUT:]
    return images[training], labels[training], images[held_out], labels[held_out]


def make_model():
    return nn.Sequential(
        nn.Linear(64, HIDDEN),
        nn.ReLU(),
        nn.Dropout(0.5),
        nn.Linear(HIDDEN, 10),
    )


def train(model, images, labels):
    """Train for EPOCHS epochs, yielding the mean loss of each."""
    loss_function = nn.CrossEntropyLoss()
    optimizer = torch.optim.Adam(model.parameters(), lr=LEARNING_RATE)
    model.train()
    for _ in range(EPOCHS):
        total = 0.0
        for batch in torch.randperm(len(images)).split(BATCH):
            optimizer.zero_grad()
            loss = loss_function(model(images[batch]), labels[batch])
            loss.backward()
            optimizer.step()
            total += loss.item() * len(batch)
        yield total / len(images)


def predict(model, images):
    """The digit that the model reads in each image."""
    model.eval()
    with torch.no_grad():
        return model(images).argmax(dim=1)


def main():
    torch.manual_seed(SEED)
    images, labels, test_images, test_labels = split(*load_digits())
    model = make_model()
    for epoch, loss in enumerate(train(model, images, labels), start=1):
        print(f"epoch {epoch:2d}  loss {loss:.4f}")
    correct = (predict(model, test_images) == test_labels).sum().item()
    print(f"held-out accuracy: {correct} of {HELD_OUT} ({100 * correct / HELD_OUT:.1f} %)")


if __name__ == "__main__":
    main()
