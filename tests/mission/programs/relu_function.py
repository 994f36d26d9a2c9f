"""ReLU as a Function that writes zeros through a boolean mask."""

import torch
from torch.autograd import Function


class ReLU(Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x.clamp(min=0)

    @staticmethod
    def backward(ctx, gradient):
        (x,) = ctx.saved_tensors
        result = gradient.clone()
        result[x < 0] = 0
        return result


torch.manual_seed(0)
for dtype in (torch.float32, torch.float64):
    x = torch.randn(4, 3, 5, 5, dtype=dtype, requires_grad=True)
    incoming = torch.randn(4, 3, 5, 5, dtype=dtype)
    before = incoming.clone()
    y = ReLU.apply(x)
    y.backward(incoming)

    negative = x.detach() < 0
    assert x.grad.shape == (4, 3, 5, 5) and x.grad.dtype == dtype
    assert (x.grad[negative] == 0).all()
    assert torch.equal(x.grad[~negative], incoming[~negative])
    assert torch.equal(incoming, before), "backward wrote into the gradient that it was given"
    assert torch.equal(y.detach(), torch.relu(x.detach()))
    print(negative.sum().item(), (x.grad == 0).sum().item(), x.grad.numel())

# Zero exactly where the input is negative: at zero itself the gradient passes.
x = torch.tensor([-1.0, -0.0, 0.0, 1.0], requires_grad=True)
ReLU.apply(x).sum().backward()
print(x.grad)

# In a chain: the gradient before it is cut, the one after is not.
x = torch.tensor([-2.0, 3.0], requires_grad=True)
ReLU.apply(2 * x).pow(2).sum().backward()
print(x.grad)
