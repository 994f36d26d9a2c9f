"""Squeeze handwritten digits into eight numbers and unfold them with transposed convolutions.

This is a plain PyTorch script.  Run it under PyTorch or under retrograd:

    python examples/autoencoder_digits.py
    retrograd run examples/autoencoder_digits.py

Both print the same losses.
"""

import torch
from digits import load_digits, split
from torch import nn

SEED = 0
EPOCHS = 25
BATCH = 64
CODE = 8
PRINTED_STEPS = 20


class Autoencoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder = nn.Sequential(
            nn.Unflatten(1, (1, 8, 8)),
            nn.Conv2d(1, 8, 3, stride=2, padding=1),
            nn.ELU(),
            nn.Conv2d(8, 16, 3, stride=2, padding=1),
            nn.ELU(),
            nn.Flatten(),
            nn.Linear(16 * 2 * 2, CODE),
        )
        self.decoder = nn.Sequential(
            nn.Linear(CODE, 16 * 2 * 2),
            nn.ELU(),
            nn.Unflatten(1, (16, 2, 2)),
            nn.ConvTranspose2d(16, 8, 3, stride=2, padding=1, output_padding=1),
            nn.ELU(),
            nn.ConvTranspose2d(8, 1, 4, stride=2, padding=1),
            nn.Sigmoid(),
            nn.Flatten(),
        )

    def forward(self, x):
        return self.decoder(self.encoder(x))


def train(model, images):
    """Train for EPOCHS epochs, yielding the loss of each step."""
    optimizer = torch.optim.RMSprop(model.parameters(), lr=3e-3)
    for _ in range(EPOCHS):
        for batch in torch.randperm(len(images)).split(BATCH):
            optimizer.zero_grad()
            loss = nn.functional.binary_cross_entropy(model(images[batch]), images[batch])
            loss.backward()
            optimizer.step()
            yield loss.item()


def main():
    torch.manual_seed(SEED)
    images, _, test_images, _ = split(*load_digits())
    model = Autoencoder()
    for step, loss in enumerate(train(model, images), start=1):
        if step <= PRINTED_STEPS:
            print(f"step {step:2d}  loss {loss:.4g}")
    model.eval()
    with torch.no_grad():
        restored = model(test_images)
    error = (restored - test_images).square().mean()
    spread = (test_images - images.mean(dim=0)).square().mean()
    print(f"at least 60 % of the variance is kept: {bool(error < 0.4 * spread)}")


if __name__ == "__main__":
    main()
