"""Teach a network to scatter points on a ring: a generative adversarial pair in the plane.

This is a plain PyTorch script.  Run it under PyTorch or under retrograd:

    python examples/gan_ring.py
    retrograd run examples/gan_ring.py

Both print the same losses.
"""

import math

import torch
from torch import nn

SEED = 0
STEPS = 800
BATCH = 128
NOISE = 4
HIDDEN = 48
PRINTED_STEPS = 20


def points_on_ring(count):
    """Points near the circle of radius 1."""
    angle = 2 * math.pi * torch.rand(count)
    ring = torch.stack([torch.cos(angle), torch.sin(angle)], dim=1)
    return ring + 0.05 * torch.randn(count, 2)


def make_generator():
    return nn.Sequential(
        nn.Linear(NOISE, HIDDEN),
        nn.LeakyReLU(0.2),
        nn.Linear(HIDDEN, HIDDEN),
        nn.LeakyReLU(0.2),
        nn.Linear(HIDDEN, 2),
    )


def make_discriminator():
    spectral_norm = nn.utils.parametrizations.spectral_norm
    return nn.Sequential(
        nn.Linear(2, HIDDEN),
        nn.LeakyReLU(0.2),
        spectral_norm(nn.Linear(HIDDEN, HIDDEN)),
        nn.LeakyReLU(0.2),
        nn.Linear(HIDDEN, 1),
    )


def train(generator, discriminator):
    """Train both in turn, yielding their losses at each step."""
    loss_function = nn.BCEWithLogitsLoss()
    of_generator = torch.optim.Adam(generator.parameters(), lr=1e-3, betas=(0.5, 0.999))
    of_discriminator = torch.optim.Adam(discriminator.parameters(), lr=2e-3, betas=(0.5, 0.999))
    real, fake = torch.ones(BATCH, 1), torch.zeros(BATCH, 1)
    for _ in range(STEPS):
        made = generator(torch.randn(BATCH, NOISE))
        of_discriminator.zero_grad()
        on_real = loss_function(discriminator(points_on_ring(BATCH)), real)
        on_fake = loss_function(discriminator(made.detach()), fake)
        (on_real + on_fake).backward()
        of_discriminator.step()
        of_generator.zero_grad()
        fooled = loss_function(discriminator(made), real)
        fooled.backward()
        of_generator.step()
        yield (on_real + on_fake).item(), fooled.item()


def main():
    torch.manual_seed(SEED)
    generator, discriminator = make_generator(), make_discriminator()
    losses = train(generator, discriminator)
    for step, (discriminating, generating) in enumerate(losses, start=1):
        if step <= PRINTED_STEPS:
            print(
                f"step {step:2d}  discriminator loss {discriminating:.4g}"
                f"  generator loss {generating:.4g}"
            )
    with torch.no_grad():
        made = generator(torch.randn(2000, NOISE))
    radius = made.norm(dim=1)
    quarters = torch.unique((made > 0).int() @ torch.tensor([1, 2], dtype=torch.int32))
    near = ((radius - 1).abs() < 0.25).double().mean().item()
    print(f"points in all four quarters: {len(quarters) == 4}")
    print(f"most points near the ring: {near > 0.6}")


if __name__ == "__main__":
    main()
