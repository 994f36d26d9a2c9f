"""detach and no_grad: nothing is recorded; a detached tensor shares its storage."""

import torch

x = torch.tensor([1.0, 2.0, 3.0], requires_grad=True)

# detach
y = x * 2
d = y.detach()
assert y.requires_grad and not d.requires_grad
assert d.grad_fn is None and d.is_leaf
assert d.data_ptr() == y.data_ptr()
d[0] = 50.0
print(y)
print(d)
assert y[0].item() == 50.0, "a detached tensor shares its storage"
leaf = x.detach()
leaf[1] = -2.0
print(x)
assert x.tolist() == [1.0, -2.0, 3.0]
assert x.data_ptr() == leaf.data_ptr() == x.data.data_ptr()

# The gradient stops there.
x = torch.tensor([1.0, 2.0, 3.0], requires_grad=True)
(x * x.detach()).sum().backward()
print(x.grad)
assert x.grad.tolist() == [1.0, 2.0, 3.0]
try:
    x.detach().sum().backward()
except RuntimeError as error:
    print(error)
else:
    raise AssertionError("backward without a graph was not refused")

# A saved value that is changed through a detached tensor is noticed.
x = torch.tensor([1.0, 2.0, 3.0], requires_grad=True)
y = x.exp()
y.detach().zero_()
try:
    y.sum().backward()
except RuntimeError as error:
    assert "modified by an inplace operation" in str(error), error
else:
    raise AssertionError("the change of a saved value went unnoticed")

# no_grad, as a context and as a decorator
x = torch.tensor([1.0, 2.0, 3.0], requires_grad=True)
with torch.no_grad():
    assert not torch.is_grad_enabled()
    y = x * 2
    assert not y.requires_grad and y.grad_fn is None
    with torch.enable_grad():
        assert (x * 2).requires_grad
    x -= 0.5  # allowed here on a leaf
assert torch.is_grad_enabled()
assert (x * 2).requires_grad and x.requires_grad
print(x, y)


@torch.no_grad()
def double(t):
    return 2 * t


assert not double(x).requires_grad and torch.is_grad_enabled()
try:
    with torch.no_grad():
        raise ValueError("passes through")
except ValueError:
    assert torch.is_grad_enabled()

# Outside of no_grad the same update is refused.
try:
    x -= 0.5
except RuntimeError as error:
    print(error)
else:
    raise AssertionError("an in-place change of a leaf was not refused")
try:
    x.numpy()
except RuntimeError as error:
    print(error)
else:
    raise AssertionError("numpy() on a tensor that requires grad was not refused")
shared = x.detach().numpy()
shared[0] = 9.0
assert x[0].item() == 9.0
