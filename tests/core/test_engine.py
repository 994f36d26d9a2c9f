"""backward(): what it accumulates, in what order, what it frees, and what it refuses."""

import pytest

pytestmark = pytest.mark.filterwarnings("ignore:Using backward.. with create_graph")


def leaf(torch, *values):
    return torch.tensor(list(values), requires_grad=True)


# -- roots and their gradients --


def test_scalar_root_needs_no_gradient(torch):
    x = leaf(torch, 2.0)
    (3 * x**2).backward()
    assert x.grad.tolist() == [12.0]


def test_root_of_one_element_keeps_its_shape(torch):
    x = torch.ones(1, 1, requires_grad=True)
    (2 * x).backward()
    assert x.grad.tolist() == [[2.0]]


def test_other_roots_need_one(torch):
    x = leaf(torch, 1.0, 2.0)
    with pytest.raises(RuntimeError, match="grad can be implicitly created only for scalar"):
        (2 * x).backward()
    (2 * x).backward(torch.tensor([1.0, 10.0]))
    assert x.grad.tolist() == [2.0, 20.0]


def test_the_gradient_must_have_the_root_s_shape(torch):
    x = leaf(torch, 1.0, 2.0)
    with pytest.raises(RuntimeError, match="Mismatch in shape: grad_output"):
        (2 * x).backward(torch.ones(3))


def test_the_gradient_must_be_a_tensor(torch):
    x = leaf(torch, 1.0)
    with pytest.raises(TypeError, match="gradients can be either Tensors or None, but got"):
        torch.autograd.backward([2 * x], [3.0])


def test_a_root_without_history(torch):
    with pytest.raises(RuntimeError, match="element 0 of tensors does not require grad"):
        torch.ones(1).backward()


def test_a_complex_root_needs_a_gradient(torch):
    x = torch.ones(1, dtype=torch.complex64, requires_grad=True)
    with pytest.raises(RuntimeError, match="implicitly created only for real scalar outputs"):
        (x * 2).backward()


def test_a_leaf_that_is_the_root(torch):
    x = leaf(torch, 5.0)
    x.backward()
    x.backward()
    assert x.grad.tolist() == [2.0]


def test_several_roots_share_a_graph(torch):
    x = leaf(torch, 1.0, 2.0)
    y = x * x
    torch.autograd.backward([y.sum(), (y * 2).sum(), x[0]])
    assert x.grad.tolist() == [7.0, 12.0]


def test_the_same_root_twice(torch):
    x = leaf(torch, 3.0)
    y = x * x
    torch.autograd.backward([y, y], [torch.tensor([1.0]), torch.tensor([10.0])])
    assert x.grad.tolist() == [66.0]


def test_a_root_behind_another_root(torch):
    x = leaf(torch, 3.0)
    y = x * x
    z = y * y
    torch.autograd.backward([y, z])
    assert x.grad.tolist() == [6.0 + 4 * 27.0]


def test_roots_and_gradients_are_paired(torch):
    x = leaf(torch, 3.0)
    with pytest.raises(RuntimeError, match="got 2 tensors and 1 gradients"):
        torch.autograd.backward([x, x], [torch.ones(1)])


# -- accumulation --


def test_accumulation_is_in_place(torch):
    x = leaf(torch, 1.0)
    (2 * x).backward()
    g = x.grad
    (3 * x).backward()
    assert x.grad is g
    assert g.tolist() == [5.0]
    assert g._version > 0


def test_accumulation_of_a_recorded_backward_is_not(torch):
    x = leaf(torch, 1.0)
    (x * x).backward(create_graph=True)
    g = x.grad
    (x * x).backward(create_graph=True)
    assert x.grad is not g
    assert g.tolist() == [2.0]
    assert x.grad.tolist() == [4.0]
    assert x.grad.requires_grad
    x.grad = None  # the gradient and its leaf hold each other


def test_accumulation_into_a_recorded_gradient_keeps_its_history(torch):
    x = leaf(torch, 1.0)
    (x * x).backward(create_graph=True)
    g = x.grad
    (3 * x).backward()
    assert x.grad is g
    assert g.tolist() == [5.0]
    assert g.requires_grad
    x.grad = None


def test_grad_set_by_the_user_is_added_to(torch):
    x = leaf(torch, 1.0, 2.0)
    mine = torch.tensor([10.0, 20.0])
    x.grad = mine
    x.sum().backward()
    assert x.grad is mine
    assert mine.tolist() == [11.0, 21.0]


def test_no_grad_shares_memory_with_another(torch):
    x = torch.ones(3, requires_grad=True)
    w = torch.ones(3, requires_grad=True)
    (x + w).sum().backward()
    x.grad.mul_(5)
    assert w.grad.tolist() == [1.0, 1.0, 1.0]


def test_the_gradient_passed_in_is_neither_kept_nor_changed():
    import retrograd as torch  # PyTorch hands the very tensor on to `.grad` after an addition

    x = torch.ones(2, 3, requires_grad=True)
    for build in (lambda: x * 1, lambda: x + 0, lambda: x.reshape(3, 2), lambda: x.T):
        x.grad = None
        y = build()
        given = torch.ones(y.shape)
        y.backward(given)
        y = build()
        y.backward(given)
        assert given.tolist() == torch.ones(y.shape).tolist()
        x.grad.mul_(7)
        assert given.tolist() == torch.ones(y.shape).tolist()


def test_the_gradient_given_to_a_leaf_is_copied():
    import retrograd as torch

    x = torch.ones(2, requires_grad=True)
    given = torch.ones(2)
    x.backward(given)
    x.grad.mul_(7)
    assert given.tolist() == [1.0, 1.0]


def test_what_a_hook_saw_is_not_changed_later(torch):
    x = torch.ones(3, requires_grad=True)
    seen = []
    x.register_hook(seen.append)
    (x + x * 2).sum().backward()
    x.grad.mul_(100)
    (x + x).sum().backward()
    assert seen[0].tolist() == [3.0, 3.0, 3.0]


def test_gradients_meet_from_several_ways(torch):
    x = torch.ones(3, requires_grad=True)
    y = x * 2
    (y + y * y + y.sum() + y[0]).sum().backward()
    assert x.grad.tolist() == [2 * (1 + 4 + 3 + 3), 2 * (1 + 4 + 3), 2 * (1 + 4 + 3)]


def test_broadcast_operands(torch):
    x = torch.ones(2, 1, 3, requires_grad=True)
    w = torch.ones(4, 1, requires_grad=True)
    b = torch.tensor(2.0, requires_grad=True)
    (x * w + b).sum().backward()
    assert x.grad.shape == (2, 1, 3) and float(x.grad.sum()) == 24.0
    assert w.grad.shape == (4, 1) and float(w.grad.sum()) == 24.0
    assert b.grad.shape == () and float(b.grad) == 24.0


def test_requires_grad_switched_off_after_recording(torch):
    x = leaf(torch, 1.0)
    y = x * 2
    x.requires_grad_(False)
    y.backward()
    assert x.grad is None


def test_a_leaf_that_got_a_history(torch):
    x = leaf(torch, 1.0)
    y = x * 2
    x.requires_grad_(False)
    x.mul_(leaf(torch, 3.0))
    with pytest.raises(RuntimeError, match="leaf variable has been moved into the graph interior"):
        y.backward()


# -- inputs= --


def test_inputs_restrict_the_accumulation(torch):
    x, w = leaf(torch, 2.0), leaf(torch, 3.0)
    (x * w).backward(inputs=[w])
    assert x.grad is None
    assert w.grad.tolist() == [2.0]
    (x * w).backward(inputs=w)
    assert w.grad.tolist() == [4.0]


def test_inputs_may_be_intermediates(torch):
    x = leaf(torch, 2.0)
    y = x * x
    z = y * 3
    z.backward(inputs=[y], retain_graph=True)
    assert y.grad.tolist() == [3.0]
    assert y.retains_grad
    assert x.grad is None
    z.backward()
    assert y.grad.tolist() == [6.0]
    assert x.grad.tolist() == [12.0]


def test_an_input_that_is_the_root(torch):
    x = leaf(torch, 2.0)
    y = x * x
    y.retain_grad()
    y.backward(inputs=[y, x])
    assert y.grad.tolist() == [1.0]
    assert x.grad.tolist() == [4.0]


def test_inputs_cannot_be_empty(torch):
    x = leaf(torch, 2.0)
    with pytest.raises(RuntimeError, match=r"inputs.* argument to .?backward.* cannot be empty"):
        (x * x).backward(inputs=[])


# -- freeing --


def test_backward_twice(torch):
    x = leaf(torch, 2.0)
    y = x**2
    y.backward()
    with pytest.raises(RuntimeError, match="Trying to backward through the graph a second time"):
        y.backward()
    assert x.grad.tolist() == [4.0]


def test_backward_twice_with_retain_graph(torch):
    x = leaf(torch, 2.0)
    y = x**2
    y.backward(retain_graph=True)
    y.backward()
    assert x.grad.tolist() == [8.0]
    with pytest.raises(RuntimeError, match="Specify retain_graph=True"):
        y.backward()


def test_create_graph_retains(torch):
    x = leaf(torch, 2.0)
    y = x**2
    y.backward(create_graph=True)
    y.backward()
    assert x.grad.tolist() == [8.0]
    x.grad = None


@pytest.mark.parametrize(
    ("build", "twice"),
    [
        (lambda x: x + 1, True),
        (lambda x: x - x, True),
        (lambda x: -x, True),
        (lambda x: x.sum(), True),
        (lambda x: x.reshape(1, 1), True),
        (lambda x: x.clone(), True),
        (lambda x: x * 2, False),
        (lambda x: x / 2, False),
        (lambda x: x * x, False),
        (lambda x: x.exp(), False),
    ],
)
def test_only_nodes_that_saved_something_are_freed(torch, build, twice):
    x = leaf(torch, 2.0)
    y = build(x)
    y.backward()
    if twice:
        y.backward()
    else:
        with pytest.raises(RuntimeError, match="second time"):
            y.backward()


def test_a_shared_part_is_freed_by_the_first_backward(torch):
    x = leaf(torch, 2.0)
    y = x * x
    (y * 3).sum().backward()
    with pytest.raises(RuntimeError, match="second time"):
        (y + 1).sum().backward()


def test_both_calls_are_named():
    import retrograd as torch

    x = leaf(torch, 2.0)
    y = x.exp()
    y.backward()  # the first
    with pytest.raises(RuntimeError) as error:
        y.backward()  # the second
    text = str(error.value)
    assert "ExpBackward0" in text
    assert "`y = x.exp()`" in text
    assert "`y.backward()  # the first`" in text
    assert "`y.backward()  # the second`" in text


# -- order and failure --


def test_the_node_recorded_last_runs_first(torch):
    order = []
    x = leaf(torch, 1.0)
    early = x * 2
    late = x * 3
    later = x * 5
    for name, tensor in (("early", early), ("late", late), ("later", later)):
        tensor.register_hook(lambda g, name=name: order.append(name))
    (later + early + late).backward()
    assert order == ["later", "late", "early"]


def test_a_failing_hook_leaves_the_graph_usable(torch):
    x = leaf(torch, 2.0)
    y = x * x
    fail = True

    def hook(g):
        if fail:
            raise ValueError("from the hook")

    y.register_hook(hook)
    z = (y * 3).sum()
    for _ in range(2):
        with pytest.raises(ValueError, match="from the hook"):
            z.backward(retain_graph=True)
    fail = False
    z.backward()
    assert x.grad.tolist() == [12.0]


def test_backward_in_no_grad_mode(torch):
    x = leaf(torch, 2.0)
    y = x * x
    with torch.no_grad():
        y.backward(create_graph=True)
        assert not torch.is_grad_enabled()
    assert x.grad.requires_grad
    x.grad = None


def test_backward_inside_a_hook(torch):
    x, w = leaf(torch, 2.0), leaf(torch, 3.0)
    y = x * x

    def hook(g):
        with torch.enable_grad():
            (w * w + x).backward()

    y.register_hook(hook)
    (y * 3).backward()
    assert w.grad.tolist() == [6.0]
    assert x.grad.tolist() == [13.0]


def test_backward_of_the_same_graph_inside_a_hook(torch):
    x = leaf(torch, 2.0)
    y = x * x
    z = y * 3
    depth = []

    def hook(g):
        if len(depth) < 3:
            depth.append(1)
            z.backward(retain_graph=True)

    y.register_hook(hook)
    z.backward(retain_graph=True)
    assert x.grad.tolist() == [48.0]


def test_gradients_that_never_arrive(torch):
    x = torch.ones(4, requires_grad=True)
    first, second = x.split(2)
    first.sum().backward()
    assert x.grad.tolist() == [1.0, 1.0, 0.0, 0.0]
    del second


# -- higher derivatives --


def test_derivatives_up_to_the_fourth(torch):
    x = torch.tensor(2.0, requires_grad=True)
    y = x**5
    for expected in (80.0, 160.0, 240.0, 240.0):
        (y,) = torch.autograd.grad(y, x, create_graph=True)
        assert y.item() == expected


def test_gradient_penalty(torch):
    w = leaf(torch, 1.0, 2.0)
    x = leaf(torch, 3.0, 4.0)
    loss = (w * x * x).sum()
    (g,) = torch.autograd.grad(loss, x, create_graph=True)
    (g * g).sum().backward()
    assert w.grad.tolist() == [2 * 4 * 9.0 * 1, 2 * 4 * 16.0 * 2]
