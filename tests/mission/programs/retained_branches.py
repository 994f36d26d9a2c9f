"""A graph that branches and joins, its intermediate gradients kept by retain_grad."""

import torch

x = torch.tensor(-2.0, requires_grad=True)
z = 2 * x
y1 = z + 5
y2 = torch.relu(z * z) + x + 3
loss = y1 - y2 + y2 * x
for part in (z, y1, y2):
    part.retain_grad()
loss.backward()
print(loss)
print(x.grad, z.grad, y1.grad, y2.grad)
assert loss.item() == -50.0
assert x.grad.item() == 64.0
assert z.grad.item() == 25.0
assert y1.grad.item() == 1.0
assert y2.grad.item() == -3.0
assert z.retains_grad and not x.retains_grad

# The same at other points, against the derivative by hand:
# loss = (2x + 5) + (x - 1) * (relu(4x^2) + x + 3)
for value in (-3.0, -1.0, 0.5, 2.0):
    x = torch.tensor(value, requires_grad=True)
    z = 2 * x
    y1 = z + 5
    y2 = torch.relu(z * z) + x + 3
    loss = y1 - y2 + y2 * x
    for part in (z, y1, y2):
        part.retain_grad()
    loss.backward()
    y2_value = 4 * value**2 + value + 3
    assert loss.item() == 2 * value + 5 + (value - 1) * y2_value
    assert y1.grad.item() == 1.0
    assert y2.grad.item() == value - 1
    assert z.grad.item() == 1 + (value - 1) * 4 * value
    assert x.grad.item() == 2 * z.grad.item() + (value - 1) + y2_value
    print(value, x.grad.item(), z.grad.item(), y2.grad.item())
