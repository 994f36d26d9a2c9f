"""gradcheck and gradgradcheck: what they accept and what they report."""

import pytest


def leaf(torch, *values):
    return torch.tensor(list(values), dtype=torch.float64, requires_grad=True)


def wrong(torch, factor):
    class Wrong(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x * x

        @staticmethod
        def backward(ctx, g):
            return factor * g * ctx.saved_tensors[0]

    return Wrong.apply


def test_right_derivatives(torch):
    x, w = leaf(torch, 0.3, 0.7), leaf(torch, 1.1, -0.4)
    assert torch.autograd.gradcheck(lambda a, b: (a * b).sin(), (x, w))
    assert torch.autograd.gradgradcheck(lambda a, b: (a * b).sin(), (x, w))
    assert torch.autograd.gradcheck(wrong(torch, 2), (x,))
    assert torch.autograd.gradgradcheck(wrong(torch, 2), (x,))


def test_wrong_derivatives(torch):
    x = leaf(torch, 0.3, 0.7)
    kind = RuntimeError
    with pytest.raises(kind, match="Jacobian mismatch for output 0 with respect to input 0"):
        torch.autograd.gradcheck(wrong(torch, 3), (x,))
    assert not torch.autograd.gradcheck(wrong(torch, 3), (x,), raise_exception=False)


def test_several_outputs(torch):
    assert torch.autograd.gradcheck(lambda a: (a * 2, a.exp()), (leaf(torch, 0.3, 0.7),))


def test_an_input_must_require_a_gradient(torch):
    with pytest.raises(ValueError, match="expects at least one input tensor to require gradient"):
        torch.autograd.gradcheck(lambda a: a, (torch.ones(2, dtype=torch.float64),))
