"""A graph is freed by backward; retain_graph=True keeps it."""

import torch


def second_backward_error(loss):
    loss.backward()
    try:
        loss.backward()
    except RuntimeError as error:
        return str(error)
    raise AssertionError("the second backward was not refused")


x = torch.tensor([2.0], requires_grad=True)
for make_loss in (
    lambda: x**2,
    lambda: (x * x * x).sum(),
    lambda: torch.exp(x),
    lambda: torch.tanh(3 * x).mean(),
):
    x.grad = None
    message = second_backward_error(make_loss())
    assert message.startswith("Trying to backward through the graph a second time"), message
    assert "have already been freed" in message, message
    assert "Specify retain_graph=True if you need to backward" in message, message
print("freed, and said so")

x.grad = None
y = x**2
y.backward(retain_graph=True)
print(x.grad)
y.backward()
print(x.grad)
assert x.grad.item() == 8.0
try:
    y.backward()
except RuntimeError as error:
    assert "retain_graph=True" in str(error)
else:
    raise AssertionError("the third backward was not refused")

# torch.autograd.grad frees the graph too.
y = x**2
(gradient,) = torch.autograd.grad(y, x, retain_graph=True)
(again,) = torch.autograd.grad(y, x)
assert gradient.item() == again.item() == 4.0
try:
    torch.autograd.grad(y, x)
except RuntimeError as error:
    assert "retain_graph=True" in str(error)
else:
    raise AssertionError("the third gradient was not refused")

# A graph that has saved nothing may be walked again.
x.grad = None
total = x + x
total.backward()
total.backward()
print(x.grad)
assert x.grad.item() == 4.0
