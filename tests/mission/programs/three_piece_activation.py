"""Three pieces, split at -5 and 5 by boolean masks; gradcheck finds a wrong sign."""

import torch
from torch.autograd import Function, gradcheck


def pieces(x):
    return x < -5, (x >= -5) & (x <= 5), x > 5


class Activation(Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        low, middle, high = pieces(x)
        result = torch.zeros_like(x)
        result[low] = -torch.sigmoid(-x[low] - 5)
        result[middle] = 0.1 * x[middle]
        result[high] = torch.sigmoid(x[high] - 5)
        return result

    @staticmethod
    def backward(ctx, gradient):
        (x,) = ctx.saved_tensors
        low, middle, high = pieces(x)
        slope = torch.zeros_like(x)
        below = torch.sigmoid(-x[low] - 5)
        above = torch.sigmoid(x[high] - 5)
        slope[low] = below * (1 - below)
        slope[middle] = 0.1
        slope[high] = above * (1 - above)
        return gradient * slope


class WrongSign(Activation):
    @staticmethod
    def backward(ctx, gradient):
        (x,) = ctx.saved_tensors
        result = Activation.backward(ctx, gradient)
        result[x < -5] *= -1
        return result


values = [-10.0, -6.0, -3.0, 0.0, 2.0, 4.0, 6.0, 10.0]
x = torch.tensor(values, requires_grad=True)
y = Activation.apply(x)
print(y)
y.sum().backward()
print(x.grad)

expected = torch.tensor([-0.9933, -0.7311, -0.3, 0.0, 0.2, 0.4, 0.7311, 0.9933])
assert torch.allclose(y.detach(), expected, rtol=0, atol=5e-5)
slopes = torch.tensor([0.0066, 0.1966, 0.1, 0.1, 0.1, 0.1, 0.1966, 0.0066])
assert torch.allclose(x.grad, slopes, rtol=0, atol=5e-5)

# Recorded operation by operation, without a rule of its own, it has the same gradient.
recorded = torch.tensor(values, requires_grad=True)
low, middle, high = pieces(recorded)
result = torch.zeros_like(recorded)
result[low] = -torch.sigmoid(-recorded[low] - 5)
result[middle] = 0.1 * recorded[middle]
result[high] = torch.sigmoid(recorded[high] - 5)
result.sum().backward()
assert torch.allclose(recorded.grad, x.grad, rtol=1e-6, atol=0)

precise = torch.tensor(values, dtype=torch.float64, requires_grad=True)
assert gradcheck(Activation.apply, (precise,))
print("gradcheck passed")

assert gradcheck(WrongSign.apply, (precise,), raise_exception=False) is False
try:
    gradcheck(WrongSign.apply, (precise,))
except RuntimeError as error:
    print(type(error).__name__)
    print(str(error).rstrip())
else:
    raise AssertionError("gradcheck did not see the wrong sign")

# Whole numbers have no gradient.
whole = [int(value) for value in values]
for refused in (
    lambda: torch.tensor(whole, requires_grad=True),
    lambda: torch.tensor(whole).requires_grad_(),
    lambda: setattr(torch.tensor(whole), "requires_grad", True),
):
    try:
        refused()
    except RuntimeError as error:
        print(error)
    else:
        raise AssertionError("integers with requires_grad=True were not refused")
