"""Gradients add up in `.grad` until they are zeroed."""

import torch

x = torch.tensor([1.0], requires_grad=True)
assert x.grad is None

(x**2).backward()
print(x.grad)
assert x.grad.item() == 2.0

(x**3).backward()
print(x.grad)
assert x.grad.item() == 5.0

kept = x.grad
x.grad.zero_()
print(x.grad)
assert x.grad.item() == 0.0
assert x.grad is kept

(x**3).backward()
print(x.grad)
assert kept.item() == 3.0, "later gradients are added in place"

x.grad = None
(x**2).backward()
print(x.grad)
assert kept.item() == 3.0 and x.grad is not kept

# At other points: 2x, then 2x + 3x^2.
for value in (-2.0, -0.5, 0.0, 3.0):
    x = torch.tensor([value], requires_grad=True)
    (x**2).backward()
    assert x.grad.item() == 2 * value
    (x**3).backward()
    assert x.grad.item() == 2 * value + 3 * value**2
    x.grad.zero_()
    assert x.grad.item() == 0.0
