"""z = x^2, y = 2z at x = 2, with the gradient of z kept."""

import torch

x = torch.tensor(2.0, requires_grad=True)
z = x**2
z.retain_grad()
y = 2 * z
y.backward()
print(z.grad, x.grad)
assert z.grad.item() == 2.0
assert x.grad.item() == 8.0

for value in (-1.5, 0.0, 7.0):
    x = torch.tensor(value, requires_grad=True)
    z = x**2
    z.retain_grad()
    z.retain_grad()  # twice is once
    y = 2 * z
    y.backward(retain_graph=True)
    assert (z.grad.item(), x.grad.item()) == (2.0, 4 * value)
    y.backward()
    assert (z.grad.item(), x.grad.item()) == (4.0, 8 * value), "both accumulate"

with torch.no_grad():
    w = x**2
try:
    w.retain_grad()
except RuntimeError as error:
    print(error)
else:
    raise AssertionError("retain_grad without a graph was not refused")
