"""The product of two inputs as a Function: each gets the other as its gradient."""

import torch
from torch.autograd import Function


class Multiply(Function):
    @staticmethod
    def forward(ctx, a, b):
        ctx.save_for_backward(a, b)
        return a * b

    @staticmethod
    def backward(ctx, gradient):
        a, b = ctx.saved_tensors
        return gradient * b, gradient * a


class MultiplyInTwoParts(Function):
    """The same with the context set up apart from the computation."""

    @staticmethod
    def forward(a, b):
        return a * b

    @staticmethod
    def setup_context(ctx, inputs, output):
        ctx.save_for_backward(*inputs)

    @staticmethod
    def backward(ctx, gradient):
        a, b = ctx.saved_tensors
        gradient_a = gradient * b if ctx.needs_input_grad[0] else None
        gradient_b = gradient * a if ctx.needs_input_grad[1] else None
        return gradient_a, gradient_b


a_values = torch.tensor([[1.0, -2.0, 3.0], [0.5, 0.0, -4.0]])
b_values = torch.tensor([[5.0, 7.0, -1.5], [2.0, -3.0, 0.25]])
for function in (Multiply, MultiplyInTwoParts):
    a = a_values.clone().requires_grad_()
    b = b_values.clone().requires_grad_()
    product = function.apply(a, b)
    assert torch.equal(product, a_values * b_values)
    product.backward(torch.ones(2, 3))
    print(a.grad)
    print(b.grad)
    assert torch.equal(a.grad, b_values)
    assert torch.equal(b.grad, a_values)

    # Only what asks for a gradient gets one.
    a = a_values.clone().requires_grad_()
    plain = b_values.clone()
    function.apply(a, plain).backward(torch.ones_like(a))
    assert torch.equal(a.grad, b_values) and plain.grad is None

    # The same tensor twice: the two gradients add up.
    a = a_values.clone().requires_grad_()
    function.apply(a, a).backward(torch.ones_like(a))
    assert torch.equal(a.grad, 2 * a_values)

    # Other gradients are passed through.
    a = a_values.clone().requires_grad_()
    b = b_values.clone().requires_grad_()
    weights = torch.arange(6.0).reshape(2, 3)
    function.apply(a, b).backward(weights)
    assert torch.equal(a.grad, weights * b_values)
    assert torch.equal(b.grad, weights * a_values)
