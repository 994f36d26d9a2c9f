"""x = [2.], y = x**2, z = 3y: the chain rule gives 12."""

import torch

x = torch.tensor([2.0], requires_grad=True)
y = x**2
z = 3 * y
print(y, z)
z.backward()
print(x.grad)
assert x.grad.tolist() == [12.0]
assert y.requires_grad and not y.is_leaf and x.is_leaf

# The same for other values and through other spellings of the square.
for value in (-3.0, 0.0, 0.5, 10.0):
    for square in (lambda t: t**2, lambda t: t * t, lambda t: t.pow(2), torch.square):
        x = torch.tensor([value], requires_grad=True)
        (3 * square(x)).backward()
        assert x.grad.tolist() == [6 * value], (value, x.grad)
        assert x.grad.dtype == torch.float32 and x.grad.shape == (1,)

# Several elements need a sum, or a gradient, before backward.
x = torch.tensor([1.0, 2.0, 3.0], requires_grad=True)
(3 * x**2).sum().backward()
print(x.grad)
try:
    (3 * x**2).backward()
except RuntimeError as error:
    print(error)
else:
    raise AssertionError("backward on a vector was not refused")
