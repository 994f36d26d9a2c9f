"""What tensors that are part of a graph print."""

import torch

x = torch.ones(2, 2, requires_grad=True)
print(x)
y = x + 2
print(y)
assert repr(x) == "tensor([[1., 1.],\n        [1., 1.]], requires_grad=True)"
assert repr(y) == "tensor([[3., 3.],\n        [3., 3.]], grad_fn=<AddBackward0>)"
assert str(x) == repr(x)
print(x.grad_fn)
assert y.grad_fn.name() == "AddBackward0"

z = y * y * 3
out = z.mean()
print(z)
print(out)
out.backward()
print(x.grad)

print(y.detach())
print(x.requires_grad, y.requires_grad, y.detach().requires_grad)

a = torch.ones(2, 2, requires_grad=True)
for result in (
    a - 1,
    2 * a,
    a / 2,
    -a,
    a**2,
    a @ a,
    a.sum(),
    a.mean(),
    a.exp(),
    a.T,
    a[0],
    a.reshape(4),
    a.view(4),
    torch.relu(a),
    torch.tanh(a),
    torch.sigmoid(a),
    a.clone(),
):
    print(result)
print(torch.ones(2, dtype=torch.float64, requires_grad=True))
print(torch.tensor([1, 2, 3]), torch.tensor(True), torch.tensor([]))
