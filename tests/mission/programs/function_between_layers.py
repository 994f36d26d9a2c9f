"""A custom Function between nn layers leaves every other gradient as it was."""

import torch
from torch import nn
from torch.autograd import Function


class Identity(Function):
    @staticmethod
    def forward(ctx, x):
        return x.clone()

    @staticmethod
    def backward(ctx, gradient):
        return gradient


class Tanh(Function):
    @staticmethod
    def forward(ctx, x):
        result = x.tanh()
        ctx.save_for_backward(result)
        return result

    @staticmethod
    def backward(ctx, gradient):
        (result,) = ctx.saved_tensors
        return gradient * (1 - result * result)


class Scale(Function):
    """Passes the values on, and k times the gradient."""

    @staticmethod
    def forward(ctx, x, k):
        ctx.k = k
        return x.view_as(x)

    @staticmethod
    def backward(ctx, gradient):
        return ctx.k * gradient, None


class Apply(nn.Module):
    def __init__(self, function, *arguments):
        super().__init__()
        self.function = function
        self.arguments = arguments

    def forward(self, x):
        return self.function.apply(x, *self.arguments)


def gradients(*between):
    """The loss, and the gradients of the inputs and of every parameter."""
    torch.manual_seed(0)
    inputs = torch.randn(5, 4, requires_grad=True)
    targets = torch.randn(5, 2)
    first, second, third = nn.Linear(4, 8), nn.Linear(8, 8), nn.Linear(8, 2)
    model = nn.Sequential(first, nn.Tanh(), second, *between, third)
    loss = nn.MSELoss()(model(inputs), targets)
    loss.backward()
    found = {"inputs": inputs.grad}
    for number, layer in enumerate((first, second, third), start=1):
        found[f"weight {number}"] = layer.weight.grad
        found[f"bias {number}"] = layer.bias.grad
    return loss, found


plain_loss, plain = gradients()
with_loss, with_identity = gradients(Apply(Identity))
assert plain_loss.item() == with_loss.item()
for name, gradient in plain.items():
    assert torch.equal(gradient, with_identity[name]), name
print("identity: all gradients unchanged")

builtin_loss, builtin = gradients(nn.Tanh())
custom_loss, custom = gradients(Apply(Tanh))
assert torch.allclose(builtin_loss, custom_loss, rtol=1e-6, atol=0)
for name, gradient in builtin.items():
    assert torch.allclose(gradient, custom[name], rtol=1e-5, atol=1e-7), name
print("tanh: all gradients as with nn.Tanh")

# What lies before the Function gets its gradient scaled; what lies after is unchanged.
scaled_loss, scaled = gradients(Apply(Scale, 4.0))
assert scaled_loss.item() == plain_loss.item()
for name, gradient in plain.items():
    factor = 1.0 if name.endswith("3") else 4.0
    assert torch.equal(scaled[name], factor * gradient), name
print("scale: only the gradients before it are scaled")
print(f"{plain_loss.item():.4f} {builtin_loss.item():.4f}")
