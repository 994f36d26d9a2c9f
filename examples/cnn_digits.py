"""Train a convolutional network with batch normalisation to read handwritten digits.

This is a plain PyTorch script.  Run it under PyTorch or under retrograd:

    python examples/cnn_digits.py
    retrograd run examples/cnn_digits.py

Both print the same losses.
"""

import torch
from digits import HELD_OUT, load_digits, predict, split
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

SEED = 0
EPOCHS = 10
BATCH = 64
PRINTED_STEPS = 20


def make_model():
    return nn.Sequential(
        nn.Unflatten(1, (1, 8, 8)),
        nn.Conv2d(1, 16, kernel_size=3, padding=1, bias=False),
        nn.BatchNorm2d(16),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(16, 32, kernel_size=3, padding=1, bias=False),
        nn.BatchNorm2d(32),
        nn.ReLU(),
        nn.AvgPool2d(2),
        nn.Flatten(),
        nn.Dropout(0.25),
        nn.Linear(32 * 2 * 2, 10),
    )


def train(model, images, labels):
    """Train for EPOCHS epochs, yielding the loss of each step."""
    loader = DataLoader(TensorDataset(images, labels), batch_size=BATCH, shuffle=True)
    loss_function = nn.CrossEntropyLoss(label_smoothing=0.05)
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
    model.train()
    for _ in range(EPOCHS):
        for batch, digits in loader:
            optimizer.zero_grad()
            loss = loss_function(model(batch), digits)
            loss.backward()
            optimizer.step()
            yield loss.item()


def main():
    torch.manual_seed(SEED)
    images, labels, test_images, test_labels = split(*load_digits())
    model = make_model()
    for step, loss in enumerate(train(model, images, labels), start=1):
        if step <= PRINTED_STEPS:
            print(f"step {step:2d}  loss {loss:.4g}")
    correct = (predict(model, test_images) == test_labels).sum().item()
    print(f"at least 97 % of held-out digits are read: {correct >= 0.97 * HELD_OUT}")


if __name__ == "__main__":
    main()
