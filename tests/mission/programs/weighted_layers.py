"""l1 = in*w1, l2 = l1+w2, l3 = l1*w3, loss = mean(l2*l3); which gradients are kept, and how."""

import warnings

import torch


def layers(w1, w2, w3):
    inputs = torch.ones(2, 2)
    if w1.dim():
        inputs = torch.ones(4)
    l1 = inputs * w1
    l2 = l1 + w2
    l3 = l1 * w3
    return l1, l2, l3, (l2 * l3).mean()


def weights(*shape):
    return [torch.full(shape, float(value)).requires_grad_() for value in (2, 3, 4)]


w1, w2, w3 = weights()
l1, l2, l3, loss = layers(w1, w2, w3)
loss.backward()
print(loss)
print(w1.grad, w2.grad, w3.grad)
assert loss.item() == 40.0
assert [w.grad.item() for w in (w1, w2, w3)] == [28.0, 8.0, 10.0]

# The intermediates keep none, and reading it warns.
for part in (l1, l2, l3, loss):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        assert part.grad is None
    (warning,) = caught
    assert warning.category is UserWarning
    assert str(warning.message).startswith(
        "The .grad attribute of a Tensor that is not a leaf Tensor is being accessed. Its .grad "
        "attribute won't be populated during autograd.backward()."
    ), warning.message
    assert "use .retain_grad() on the non-leaf Tensor" in str(warning.message)

# retain_grad delivers them, and reading them is silent.
w1, w2, w3 = weights()
l1, l2, l3, loss = layers(w1, w2, w3)
for part in (l1, l2, l3, loss):
    part.retain_grad()
loss.backward()
with warnings.catch_warnings():
    warnings.simplefilter("error")
    print(l1.grad, l2.grad, l3.grad, loss.grad)
assert l1.grad.tolist() == [[7.0, 7.0], [7.0, 7.0]]
assert l2.grad.tolist() == [[2.0, 2.0], [2.0, 2.0]]
assert l3.grad.tolist() == [[1.25, 1.25], [1.25, 1.25]]
assert loss.grad.item() == 1.0
assert [w.grad.item() for w in (w1, w2, w3)] == [28.0, 8.0, 10.0]

# So do hooks, which may also replace the gradient, and can be taken off.
w1, w2, w3 = weights()
l1, l2, l3, loss = layers(w1, w2, w3)
seen = {}
handles = [
    part.register_hook(lambda gradient, name=name: seen.update({name: gradient.tolist()}))
    for name, part in (("l1", l1), ("l2", l2), ("l3", l3), ("w1", w1))
]
l2.register_hook(lambda gradient: 10 * gradient)
handles[2].remove()
loss.backward()
print(seen)
assert seen == {"l2": [[2.0] * 2] * 2, "l1": [[25.0] * 2] * 2, "w1": 100.0}
assert (w1.grad.item(), w2.grad.item(), w3.grad.item()) == (100.0, 80.0, 10.0)

# With weights of four elements.
w1, w2, w3 = weights(4)
l1, l2, l3, loss = layers(w1, w2, w3)
loss.backward()
print(loss)
print(w1.grad, w2.grad, w3.grad)
assert loss.item() == 40.0
assert w1.grad.tolist() == [7.0] * 4
assert w2.grad.tolist() == [2.0] * 4
assert w3.grad.tolist() == [2.5] * 4
