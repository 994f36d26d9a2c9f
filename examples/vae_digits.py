"""Learn to draw handwritten digits: a variational autoencoder (Kingma and Welling, 2013).

This is a plain PyTorch script.  Run it under PyTorch or under retrograd:

    python examples/vae_digits.py
    retrograd run examples/vae_digits.py

Both print the same losses.
"""

import torch
from digits import load_digits, split
from torch import nn
from torch.nn import functional as F

SEED = 0
EPOCHS = 12
BATCH = 64
HIDDEN = 128
CODE = 6
PRINTED_STEPS = 20
SHADES = " .+@"


class VAE(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(64, HIDDEN), nn.SiLU())
        self.mean = nn.Linear(HIDDEN, CODE)
        self.log_variance = nn.Linear(HIDDEN, CODE)
        self.decoder = nn.Sequential(nn.Linear(CODE, HIDDEN), nn.SiLU(), nn.Linear(HIDDEN, 64))

    def forward(self, x):
        hidden = self.encoder(x)
        mean, log_variance = self.mean(hidden), self.log_variance(hidden)
        code = mean
        if self.training:
            code = mean + torch.randn_like(mean) * torch.exp(0.5 * log_variance)
        return self.decoder(code), mean, log_variance


def loss_of(logits, images, mean, log_variance):
    """The negative evidence lower bound of an image, in nats."""
    restored = F.binary_cross_entropy_with_logits(logits, images, reduction="sum")
    divergence = -0.5 * torch.sum(1 + log_variance - mean.pow(2) - log_variance.exp())
    return (restored + divergence) / len(images)


def train(model, images):
    """Train for EPOCHS epochs, yielding the loss of each step."""
    optimizer = torch.optim.Adam(model.parameters(), lr=4e-3)
    model.train()
    for _ in range(EPOCHS):
        for batch in torch.randperm(len(images)).split(BATCH):
            optimizer.zero_grad()
            logits, mean, log_variance = model(images[batch])
            loss = loss_of(logits, images[batch], mean, log_variance)
            loss.backward()
            optimizer.step()
            yield loss.item()


def drawn(image):
    """An 8 x 8 image as eight lines of text."""
    levels = (image.clamp(0, 1) * (len(SHADES) - 1)).round().int().reshape(8, 8).tolist()
    return ["".join(SHADES[level] * 2 for level in row) for row in levels]


def main():
    torch.manual_seed(SEED)
    images, _, test_images, _ = split(*load_digits())
    model = VAE()
    for step, loss in enumerate(train(model, images), start=1):
        if step <= PRINTED_STEPS:
            print(f"step {step:2d}  loss {loss:.4g}")
    model.eval()
    with torch.no_grad():
        logits, mean, log_variance = model(test_images)
        loss = loss_of(logits, test_images, mean, log_variance)
        print(f"held-out digits take {loss:.2g} nats each")
        print("one of them, and what six numbers keep of it:")
        for left, right in zip(drawn(test_images[0]), drawn(logits[0].sigmoid())):
            print(f"  {left}  {right}".rstrip())


if __name__ == "__main__":
    main()
