"""A loop whose path depends on the data: the gradient follows the path that was taken."""

import torch


def follow(x, n):
    for _ in range(n):
        if x.sum() > 0:
            x = x * 2
        else:
            x = x + 1
    return x


def slope(values, n):
    """How often the loop doubled, as a factor; in plain numbers."""
    factor = 1.0
    values = list(values)
    for _ in range(n):
        if sum(values) > 0:
            values = [2 * value for value in values]
            factor *= 2
        else:
            values = [value + 1 for value in values]
    return factor, values


for start in ([1.0], [-1.0], [0.0], [-2.5], [0.25, 0.5], [-4.0, 1.0], [-1.0, -2.0, 0.5]):
    for n in (0, 1, 2, 3, 5, 10):
        x = torch.tensor(start, requires_grad=True)
        y = follow(x, n)
        y.sum().backward()
        factor, values = slope(start, n)
        assert y.tolist() == values, (start, n, y)
        assert x.grad.tolist() == [factor] * len(start), (start, n, x.grad)
    print(start, x.grad.tolist(), y.tolist())

# With a gradient given for the output.
x = torch.tensor([-1.0, 0.5], requires_grad=True)
follow(x, 4).backward(torch.tensor([1.0, 10.0]))
print(x.grad)

# The number of rounds may depend on the data too.
for value in (0.3, -0.3, 2.0):
    x = torch.tensor(value, requires_grad=True)
    y = x
    rounds = 0
    while y.abs() < 10:
        y = y * 2
        rounds += 1
    y.backward()
    print(rounds, x.grad.item())
    assert x.grad.item() == 2.0**rounds
