"""Tanh as a Function that saves its output."""

import torch
from torch.autograd import Function


class Tanh(Function):
    @staticmethod
    def forward(ctx, x):
        result = torch.tanh(x)
        ctx.save_for_backward(result)
        return result

    @staticmethod
    def backward(ctx, gradient):
        (result,) = ctx.saved_tensors
        return gradient * (1 - result**2)


x = torch.tensor([2.0, -0.5], requires_grad=True)
y = Tanh.apply(x)
assert y.grad_fn.name() == "TanhBackward"
loss = torch.sum(5 * y)
loss.backward()
print(y)
print(loss)
print(x.grad)

expected = 5 * (1 - torch.tanh(x.detach()) ** 2)
assert torch.allclose(x.grad, expected, rtol=1e-6, atol=0)

# The built-in tanh gives the same.
builtin = torch.tensor([2.0, -0.5], requires_grad=True)
torch.sum(5 * torch.tanh(builtin)).backward()
assert torch.allclose(x.grad, builtin.grad, rtol=1e-6, atol=0)

# So does a matrix, and double precision, where finite differences can check it.
points = torch.linspace(-3, 3, 12, dtype=torch.float64).reshape(3, 4).requires_grad_()
assert torch.autograd.gradcheck(Tanh.apply, (points,))
assert torch.autograd.gradgradcheck(Tanh.apply, (points,))
print("gradcheck passed")
