"""Views: shared memory, writes through them and through their base."""

import pytest


def leaf(torch, *values):
    return torch.tensor(list(values), requires_grad=True)


def test_what_is_a_view(torch):
    x = torch.ones(2, 3)
    for view in (x[0], x[:, 1:], x.T, x.view(6), x.reshape(3, 2), x.unsqueeze(0), x.expand(4, 2, 3),
                 x.permute(1, 0), x.unbind()[0], x.split(1)[1], x.narrow(0, 0, 1), x.diagonal(),
                 x.flatten(), x[...], x.squeeze(), x.view_as(x), x.chunk(2)[0]):  # fmt: skip
        assert view._base is x
        assert view._is_view()
    for other in (x.clone(), x + 1, x[[0]], x[x > 0], x.T.reshape(6), x.detach(), x.data):
        assert other._base is None


def test_a_view_of_a_view_has_the_same_base(torch):
    x = torch.ones(2, 3)
    assert x[0][1:].unsqueeze(0)._base is x


def test_writing_through_a_view(torch):
    x = leaf(torch, 1.0, 2.0, 3.0)
    y = x * 1
    y[1:].mul_(10)
    y.sum().backward()
    assert y.tolist() == [1.0, 20.0, 30.0]
    assert x.grad.tolist() == [1.0, 10.0, 10.0]
    assert y.grad_fn.name() == "torch::autograd::CopySlices"


def test_writing_through_a_view_of_a_view(torch):
    x = torch.ones(2, 3, requires_grad=True)
    y = x * 1
    y.T[1:][0].mul_(5)
    y.sum().backward()
    assert x.grad.tolist() == [[1.0, 5.0, 1.0], [1.0, 5.0, 1.0]]


def test_a_view_follows_its_base(torch):
    w = leaf(torch, 2.0, 3.0)
    x = torch.ones(2)
    v = x[1:]
    x.mul_(w)
    assert v.requires_grad
    assert not v.is_leaf
    assert v.grad_fn.name() == "AsStridedBackward0"
    v.backward()
    assert w.grad.tolist() == [0.0, 1.0]


def test_a_view_follows_another_view(torch):
    w = torch.tensor(2.0, requires_grad=True)
    x = torch.ones(3)
    a, b, c = x[:2], x[1:], x[2:]
    a.mul_(w)
    (b.sum() * 10 + c.sum()).backward()
    assert b.tolist() == [2.0, 1.0]
    assert w.grad.item() == 10.0


def test_the_written_view_itself(torch):
    x = leaf(torch, 1.0, 2.0)
    y = x * 1
    v = y[0]
    v.mul_(3)
    v.exp_()
    v.backward()
    assert x.grad.tolist() == pytest.approx([3 * 20.0855369, 0.0])


def test_results_saved_by_a_written_view(torch):
    x = leaf(torch, 0.5, 2.0)
    y = x * 1
    y[:1].tanh_()
    y.sum().backward()
    assert x.grad.tolist() == pytest.approx([0.78644773, 1.0])
    y = x * 1
    y[:1].tanh_()
    y[1:].sigmoid_()  # the version is the whole memory's, so this counts as a change of the first
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        y.sum().backward()


def test_detached_memory(torch):
    x = leaf(torch, 1.0, 2.0)
    y = x * 1
    d = y.detach()
    d[0] = 7
    assert y.tolist() == [7.0, 2.0]
    y.sum().backward()
    assert x.grad.tolist() == [1.0, 1.0]
    assert not d.requires_grad


def test_expanded_operands(torch):
    x = leaf(torch, 2.0)
    (x.expand(3) * torch.tensor([1.0, 2.0, 3.0])).sum().backward()
    assert x.grad.tolist() == [6.0]


def test_a_no_grad_view_of_what_requires_grad(torch):
    x = leaf(torch, 1.0, 2.0)
    with torch.no_grad():
        v = x[0]
    assert v.requires_grad and v.is_leaf and v.grad_fn is None
    (v * 2).backward()
    assert x.grad is None and v.grad is None


def test_a_base_that_requires_grad_later(torch):
    x = torch.ones(2)
    v = x[0]
    x.requires_grad_()
    assert v.requires_grad
    x.requires_grad_(False)
    assert not v.requires_grad


def test_views_and_retained_gradients(torch):
    x = leaf(torch, 1.0, 2.0)
    y = x * 2
    v = y[0]
    v.retain_grad()
    y.retain_grad()
    (v * 3).backward()
    assert v.grad.item() == 3.0
    assert y.grad.tolist() == [3.0, 0.0]


def test_second_derivatives_through_a_written_view(torch):
    x = leaf(torch, 1.0, 2.0)
    y = x * x
    y[1:].mul_(x[:1])
    (g,) = torch.autograd.grad(y.sum(), x, create_graph=True)
    assert g.tolist() == [2.0 + 4.0, 4.0]
    assert torch.autograd.grad(g.sum(), x)[0].tolist() == [2.0 + 4.0, 4.0 + 2.0]
