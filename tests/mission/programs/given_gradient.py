"""backward(gradient): y = 2*x0 - x1, starting from 3."""

import torch

x0 = torch.tensor(1.5, requires_grad=True)
x1 = torch.tensor(-4.0, requires_grad=True)
y = 2 * x0 - x1
y.backward(torch.tensor(3.0))
print(y)
print(x0.grad, x1.grad)
assert x0.grad.item() == 6.0
assert x1.grad.item() == -3.0

for start in (-1.0, 0.0, 0.5):
    x0 = torch.tensor(1.5, requires_grad=True)
    x1 = torch.tensor(-4.0, requires_grad=True)
    (2 * x0 - x1).backward(gradient=torch.tensor(start))
    assert (x0.grad.item(), x1.grad.item()) == (2 * start, -start)

x0 = torch.tensor([1.0, 2.0, 3.0], requires_grad=True)
x1 = torch.tensor([4.0, 5.0, 6.0], requires_grad=True)
(2 * x0 - x1).backward(torch.tensor([3.0, 0.0, -1.0]))
print(x0.grad, x1.grad)
assert x0.grad.tolist() == [6.0, 0.0, -2.0]
assert x1.grad.tolist() == [-3.0, 0.0, 1.0]

x = torch.tensor([1.0, 2.0, 3.0], requires_grad=True)
try:
    (2 * x).backward(torch.tensor([1.0, 2.0]))
except RuntimeError as error:
    print(error)
else:
    raise AssertionError("a gradient of another shape was not refused")
