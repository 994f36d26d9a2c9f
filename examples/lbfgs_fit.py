"""Fit a curve to noisy measurements with L-BFGS and its strong Wolfe line search.

This is a plain PyTorch script.  Run it under PyTorch or under retrograd:

    python examples/lbfgs_fit.py
    retrograd run examples/lbfgs_fit.py

Both print the same losses, to the last digit.
"""

import torch

SEED = 0
POINTS = 200
STEPS = 20
NOISE = 0.05


def measure():
    """Two overlapping peaks on a sloping background, with noise."""
    x = torch.linspace(-4, 4, POINTS, dtype=torch.float64)
    clean = 1.5 * torch.exp(-((x + 1) ** 2)) + 0.8 * torch.exp(-(((x - 1.2) / 0.6) ** 2))
    noise = torch.randn(POINTS, dtype=torch.float64)
    return x, clean + 0.1 * x + 0.3 + NOISE * noise


def curve(x, heights, centres, widths, background):
    """The sum of a peak for each height, centre and width, and a line."""
    peaks = heights * torch.exp(-(((x[:, None] - centres) / widths) ** 2))
    return peaks.sum(dim=1) + background[0] + background[1] * x


def main():
    torch.manual_seed(SEED)
    x, y = measure()
    start = torch.tensor([[1.0, 1.0], [-2.0, 2.0], [1.0, 1.0], [0.0, 0.0]], dtype=torch.float64)
    start += 0.1 * torch.randn(4, 2, dtype=torch.float64)
    heights, centres, widths, background = [row.clone().requires_grad_() for row in start]
    parameters = [heights, centres, widths, background]
    optimizer = torch.optim.LBFGS(parameters, max_iter=2, line_search_fn="strong_wolfe")

    def closure():
        optimizer.zero_grad()
        loss = torch.mean((curve(x, *parameters) - y) ** 2)
        loss.backward()
        return loss

    for step in range(1, STEPS + 1):
        print(f"step {step:2d}  loss {optimizer.step(closure).item():.4f}")
    for name, values in zip(("heights", "centres", "widths"), parameters):
        print(f"{name:8s}", " ".join(f"{value:7.4f}" for value in values.tolist()))


if __name__ == "__main__":
    main()
