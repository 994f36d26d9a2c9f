"""autograd.grad()."""

import pytest


def pair(torch):
    x = torch.tensor([1.0, 2.0], requires_grad=True)
    w = torch.tensor([3.0, 4.0], requires_grad=True)
    return x, w


def lists(found):
    return [None if g is None else g.tolist() for g in found]


def test_it_touches_no_grad(torch):
    x, w = pair(torch)
    assert lists(torch.autograd.grad((x * w).sum(), [x, w])) == [[3.0, 4.0], [1.0, 2.0]]
    assert x.grad is None and w.grad is None


def test_several_outputs(torch):
    x, w = pair(torch)
    found = torch.autograd.grad([x.sum(), x * w], (x, w), [None, torch.tensor([1.0, 10.0])])
    assert lists(found) == [[4.0, 41.0], [1.0, 20.0]]


def test_outputs_that_share_a_graph(torch):
    x, _ = pair(torch)
    y = x * x
    found = torch.autograd.grad([y.sum(), (y * y).sum()], x)
    assert lists(found) == [[2 + 4.0, 4 + 32.0]]


def test_the_number_of_gradients(torch):
    x, _ = pair(torch)
    with pytest.raises(RuntimeError, match="got 2 tensors and 1 gradients"):
        torch.autograd.grad([x * 1, x * 2], x, [torch.ones(2)])


def test_unused_inputs(torch):
    x, w = pair(torch)
    with pytest.raises(RuntimeError, match="Tensor at index 1 appears to not have been used in th"):
        torch.autograd.grad((x * 2).sum(), [x, w])
    found = torch.autograd.grad((x * 2).sum(), [x, w], allow_unused=True)
    assert lists(found) == [[2.0, 2.0], None]
    found = torch.autograd.grad((x * 2).sum(), [x, w], materialize_grads=True)
    assert lists(found) == [[2.0, 2.0], [0.0, 0.0]]
    with pytest.raises(ValueError, match="Expected allow_unused to be True or not passed when mat"):
        torch.autograd.grad(
            (x * 2).sum(), [x, w], materialize_grads=True, allow_unused=False
        )  # fmt: skip


def test_what_inputs_may_be(torch):
    x, _ = pair(torch)
    with pytest.raises(RuntimeError, match="One of the differentiated Tensors does not require gr"):
        torch.autograd.grad(x.sum(), torch.ones(1))
    with pytest.raises(RuntimeError, match="`inputs` argument to `grad\\(\\)` cannot be empty"):
        torch.autograd.grad(x.sum(), [])
    with pytest.raises(RuntimeError, match="grad can be implicitly created only for scalar outpu"):
        torch.autograd.grad(x * 2, x)


def test_intermediates_and_roots(torch):
    x, w = pair(torch)
    y = x * w
    z = (y * 2).sum()
    assert lists(torch.autograd.grad(z, [y, x], retain_graph=True)) == [[2.0, 2.0], [6.0, 8.0]]
    assert lists(torch.autograd.grad(z, [y, y])) == [[2.0, 2.0], [2.0, 2.0]]
    assert lists(torch.autograd.grad(y, y, torch.ones(2))) == [[1.0, 1.0]]
    assert lists(torch.autograd.grad(x, x, torch.ones(2))) == [[1.0, 1.0]]


def test_only_what_leads_to_the_inputs_runs(torch):
    x, w = pair(torch)
    seen = []
    a = x * 2
    b = w * 2
    a.register_hook(lambda g: seen.append("a"))
    b.register_hook(lambda g: seen.append("b"))
    torch.autograd.grad((a * b).sum(), x)
    assert seen == ["a"]


def test_a_part_that_did_not_run_is_not_freed(torch):
    x, w = pair(torch)
    e = w.exp()
    y = x * 2
    z = (y + e).sum()
    torch.autograd.grad(z, x)
    e.sum().backward()
    with pytest.raises(RuntimeError, match="second time"):
        y.sum().backward()


def test_create_graph(torch):
    x, _ = pair(torch)
    (g,) = torch.autograd.grad((x**3).sum(), x, create_graph=True)
    assert g.requires_grad
    (h,) = torch.autograd.grad(g.sum(), x)
    assert h.tolist() == [6.0, 12.0]
    assert not h.requires_grad


def test_mixed_partial_derivatives(torch):
    x = torch.tensor(2.0, requires_grad=True)
    y = torch.tensor(3.0, requires_grad=True)
    f = x**2 * y**3
    fx, fy = torch.autograd.grad(f, (x, y), create_graph=True)
    (fxy,) = torch.autograd.grad(fx, y, retain_graph=True)
    (fyx,) = torch.autograd.grad(fy, x)
    assert fxy.item() == fyx.item() == 2 * 2 * 3 * 9


def test_batched_gradients(torch):
    x, w = pair(torch)
    jacobian = torch.autograd.grad(x * w, (x, w), torch.eye(2), is_grads_batched=True)
    assert lists(jacobian) == [[[3.0, 0.0], [0.0, 4.0]], [[1.0, 0.0], [0.0, 2.0]]]
    found = torch.autograd.grad(
        x * 2, [x, w], torch.eye(2), is_grads_batched=True, allow_unused=True
    )
    assert lists(found) == [[[2.0, 0.0], [0.0, 2.0]], None]
    (g,) = torch.autograd.grad(
        x**2, x, torch.eye(2), is_grads_batched=True, create_graph=True
    )  # fmt: skip
    assert torch.autograd.grad(g.sum(), x)[0].tolist() == [2.0, 2.0]
