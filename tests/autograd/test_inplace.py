"""In-place operations: what they record, what they refuse."""

import pytest


def leaf(torch, *values):
    return torch.tensor(list(values), requires_grad=True)


LEAF = "a leaf Variable that requires grad is being used in an in-place operation"


# -- refusals --


def assign(x):
    x[0] = 1.0


@pytest.mark.parametrize(
    "write",
    [lambda x: x.add_(1), lambda x: x.zero_(), lambda x: x.copy_(x.detach() + 1),
     lambda x: x.fill_(2), lambda x: x.masked_fill_(x > 0, 1), lambda x: x.tanh_(), assign],
)  # fmt: skip
def test_a_leaf_that_requires_grad(torch, write):
    with pytest.raises(RuntimeError, match=LEAF):
        write(leaf(torch, 1.0, 2.0))


def test_its_views(torch):
    x = leaf(torch, 1.0, 2.0)
    for view in (x[0], x[1:], x.unsqueeze(0), x.view(2, 1)):
        with pytest.raises(RuntimeError, match="a view of " + LEAF):
            view.mul_(2)
    x = torch.ones(2)
    v = x[0].requires_grad_()
    with pytest.raises(RuntimeError, match="a view of " + LEAF):
        v.mul_(2)


def test_no_grad_allows_it(torch):
    x = leaf(torch, 1.0, 2.0)
    with torch.no_grad():
        x.mul_(2)
        x[0] = 5
    assert x.tolist() == [5.0, 4.0]
    assert x.is_leaf and x.requires_grad


def test_one_of_several_views(torch):
    words = "Output 0 of {} is a view and is being modified inplace. This view is the output of a"
    for name, split in (("Unbind", lambda y: y.unbind()), ("Split", lambda y: y.split(1))):
        y = leaf(torch, 1.0, 2.0) * 1
        first, second = split(y)
        with pytest.raises(RuntimeError, match=words.format(name)):
            first.mul_(2)
        y.mul_(2)
        with pytest.raises(RuntimeError, match=r"Output 1 of .* is a view and its base or another"):
            _ = second.grad_fn


def test_a_view_made_in_no_grad_mode(torch):
    y = leaf(torch, 1.0, 2.0) * 1
    with torch.no_grad():
        v = y[:1]
    with pytest.raises(RuntimeError, match="A view was created in no_grad mode and is being modif"):
        v.mul_(2)
    with torch.no_grad():
        v.mul_(2)
    assert y.tolist() == [2.0, 2.0]


def test_the_result_must_fit(torch):
    with pytest.raises(RuntimeError, match=r"output with shape \[2\] doesn't match the broadcast"):
        torch.ones(2).add_(torch.ones(3, 2))
    with pytest.raises(RuntimeError, match="can't be cast to the desired output type"):
        torch.ones(2, dtype=torch.int64).add_(1.5)


def test_expanded_memory(torch):
    with pytest.raises(RuntimeError, match="more than one element of the written-to tensor refers"):
        torch.ones(1).expand(3).add_(1)
    x = torch.ones(1)
    x.expand(1, 1).add_(1)
    assert x.tolist() == [2.0]


def test_partly_overlapping_memory(torch):
    x = torch.tensor([1.0, 2.0, 3.0])
    words = "some elements of the input tensor and the written-to tensor refer to a single memory"
    for write in (lambda: x[1:].copy_(x[:-1]), lambda: x[1:].add_(x[:-1])):
        with pytest.raises(RuntimeError, match=words):
            write()
    x.add_(x)
    assert x.tolist() == [2.0, 4.0, 6.0]


def test_requires_grad_flags(torch):
    y = leaf(torch, 1.0) * 1
    words = "you can only change requires_grad flags of leaf variables"
    with pytest.raises(RuntimeError, match=words):
        y.requires_grad_(False)
    with pytest.raises(RuntimeError, match=words):
        y.requires_grad = False
    assert y.requires_grad_(True) is y
    with pytest.raises(RuntimeError, match="only Tensors of floating point dtype can require gra"):
        torch.ones(1, dtype=torch.int64).requires_grad_()


# -- gradients --


def test_a_non_leaf(torch):
    x = leaf(torch, 1.0, 2.0)
    y = x * 1
    y.mul_(3).add_(1)
    y.sum().backward()
    assert y.tolist() == [4.0, 7.0]
    assert x.grad.tolist() == [3.0, 3.0]


@pytest.mark.parametrize(
    ("write", "expected"),
    [
        (lambda y, w: y.mul_(w), ([3.0, 4.0], [1.0, 2.0])),
        (lambda y, w: y.div_(w), ([1 / 3, 0.25], [-1 / 9, -0.125])),
        (lambda y, w: y.copy_(w), ([0.0, 0.0], [1.0, 1.0])),
        (lambda y, w: y.add_(w, alpha=2), ([1.0, 1.0], [2.0, 2.0])),
        (lambda y, w: y.zero_().add_(w), ([0.0, 0.0], [1.0, 1.0])),
        (lambda y, w: y.addcmul_(w, w), ([1.0, 1.0], [6.0, 8.0])),
        (lambda y, w: y.mul_(w).mul_(w), ([9.0, 16.0], [6.0, 16.0])),
        (lambda y, w: y.pow_(2).add_(w), ([2.0, 4.0], [1.0, 1.0])),
        (lambda y, w: y.masked_fill_(y > 1.5, 0).add_(w), ([1.0, 0.0], [1.0, 1.0])),
    ],
)
def test_what_is_overwritten_is_saved(torch, write, expected):
    x, w = leaf(torch, 1.0, 2.0), leaf(torch, 3.0, 4.0)
    y = x * 1
    write(y, w)
    y.sum().backward()
    assert x.grad.tolist() == pytest.approx(expected[0])
    assert w.grad.tolist() == pytest.approx(expected[1])


def test_an_operand_that_is_the_tensor_itself(torch):
    y = leaf(torch, 1.0, 2.0) * 1
    y.mul_(y)
    assert y.tolist() == [1.0, 4.0]
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        y.sum().backward()


def test_a_plain_tensor_becomes_part_of_the_graph(torch):
    w = leaf(torch, 3.0, 4.0)
    y = torch.ones(2)
    y.mul_(w)
    assert y.requires_grad and not y.is_leaf
    y.sum().backward()
    assert w.grad.tolist() == [1.0, 1.0]


def test_assignment(torch):
    x, s = leaf(torch, 1.0, 2.0, 3.0), torch.tensor(5.0, requires_grad=True)
    y = x * 2
    y[0] = s
    y[1:2] = s * 3
    y[2] += s
    (y * y).sum().backward()
    assert y.tolist() == [5.0, 15.0, 11.0]
    assert x.grad.tolist() == [0.0, 0.0, 44.0]
    assert s.grad.item() == 2 * 5 + 2 * 15 * 3 + 2 * 11


def test_assignment_through_masks_and_indices(torch):
    x, s = leaf(torch, 1.0, 2.0, 3.0), torch.tensor(5.0, requires_grad=True)
    y = x * 2
    y[y > 5] = s
    y[[0, 1]] = torch.stack([s * 2, s * 3])
    y.sum().backward()
    assert y.tolist() == [10.0, 15.0, 5.0]
    assert x.grad.tolist() == [0.0, 0.0, 0.0]
    assert s.grad.item() == 6.0


def test_writing_a_loss_into_a_buffer(torch):
    w = leaf(torch, 1.0, 2.0)
    losses = torch.zeros(3)
    for number in range(3):
        losses[number] = (w * number).sum()
    losses.sum().backward()
    assert w.grad.tolist() == [3.0, 3.0]


def test_second_derivatives_through_writes(torch):
    x = leaf(torch, 2.0, 3.0)
    y = x * x
    y[0] = y[0].clone() * x[1]
    (g,) = torch.autograd.grad(y.sum(), x, create_graph=True)
    assert g.tolist() == [2 * 2 * 3.0, 2 * 2.0 + 2 * 3]
    assert torch.autograd.grad(g.sum(), x)[0].tolist() == [2 * 3 + 2 * 2.0, 2 * 2 + 2.0]


# -- detach_ --


def test_detach_in_place(torch):
    x = leaf(torch, 1.0)
    y = x * 2
    assert y.detach_() is y
    assert y.is_leaf and not y.requires_grad and y.grad_fn is None
    with pytest.raises(RuntimeError, match="Can't detach views in-place"):
        (x * torch.ones(2))[0].detach_()


def test_metadata_in_place(torch):
    x = leaf(torch, 1.0, 2.0)
    y = x * 1
    y.unsqueeze_(0)
    assert y.shape == (1, 2)
    (y * 3).sum().backward()
    assert x.grad.tolist() == [3.0, 3.0]
