"""Hooks on tensors, on leaves after accumulation, and on nodes."""

import gc
import weakref

import pytest

pytestmark = pytest.mark.filterwarnings("ignore:Using backward.. with create_graph")


def leaf(torch, *values):
    return torch.tensor(list(values), requires_grad=True)


# -- tensor hooks --


def test_hooks_run_in_order_and_each_may_replace(torch):
    x = leaf(torch, 1.0)
    seen = []
    x.register_hook(lambda g: seen.append(g.item()))
    x.register_hook(lambda g: g * 2)
    x.register_hook(lambda g: seen.append(g.item()))
    x.register_hook(lambda g: g + 1)
    (3 * x).backward()
    assert seen == [3.0, 6.0]
    assert x.grad.tolist() == [7.0]


def test_a_hook_of_an_intermediate_changes_what_goes_on(torch):
    x = leaf(torch, 1.0, 2.0)
    y = x * 2
    y.register_hook(lambda g: g * 10)
    y.sum().backward()
    assert x.grad.tolist() == [20.0, 20.0]


def test_a_hook_sees_the_whole_gradient_once(torch):
    x = leaf(torch, 1.0)
    y = x * 2
    seen = []
    y.register_hook(lambda g: seen.append(g.item()))
    (y + y * 3).backward()
    assert seen == [4.0]


def test_retain_grad_keeps_what_the_hooks_return(torch):
    x = leaf(torch, 1.0, 2.0)
    y = x * 2
    y.retain_grad()
    y.register_hook(lambda g: g * 10)
    y.sum().backward()
    assert y.grad.tolist() == [10.0, 10.0]


def test_a_removed_hook_is_silent(torch):
    x = leaf(torch, 1.0)
    seen = []
    handle = x.register_hook(seen.append)
    (2 * x).backward()
    handle.remove()
    handle.remove()
    (2 * x).backward()
    assert len(seen) == 1


def test_a_handle_is_a_context_manager(torch):
    x = leaf(torch, 1.0)
    with x.register_hook(lambda g: g * 5):
        (2 * x).backward()
    (2 * x).backward()
    assert x.grad.tolist() == [12.0]


def test_a_hook_may_remove_itself(torch):
    x = leaf(torch, 1.0)
    seen = []

    def hook(g):
        seen.append("first")
        handle.remove()

    handle = x.register_hook(hook)
    x.register_hook(lambda g: seen.append("second"))
    (2 * x).backward()
    (2 * x).backward()
    assert seen == ["first", "second", "second"]


def test_hooks_of_several_outputs(torch):
    x = leaf(torch, 1.0, 2.0, 3.0)
    a, b, c = x.unbind()
    seen = []
    c.register_hook(lambda g: seen.append(("c", g)))
    b.register_hook(lambda g: g * 10)
    a.register_hook(lambda g: seen.append(("a", g.item())))
    (a + b).backward()
    assert x.grad.tolist() == [1.0, 10.0, 0.0]
    assert seen == [("c", None), ("a", 1.0)]


def test_hooks_belong_to_the_history_a_tensor_had(torch):
    x = leaf(torch, 1.0)
    y = x * 2
    seen = []
    y.register_hook(lambda g: seen.append(("before", g.item())))
    y.mul_(3)
    y.register_hook(lambda g: seen.append(("after", g.item())))
    y.backward()
    assert seen == [("after", 1.0), ("before", 3.0)]


def test_retain_grad_follows_the_tensor(torch):
    x = leaf(torch, 1.0)
    y = x * 2
    y.retain_grad()
    y.mul_(3)
    assert y.retains_grad
    y.backward()
    assert y.grad.tolist() == [1.0]


def test_retain_grad_twice_is_once(torch):
    x = leaf(torch, 1.0)
    y = x * 2
    y.retain_grad()
    y.retain_grad()
    y.backward(retain_graph=True)
    y.backward()
    assert y.grad.tolist() == [2.0]


def test_retain_grad_of_a_leaf_does_nothing(torch):
    x = leaf(torch, 1.0)
    x.retain_grad()
    assert not x.retains_grad


def test_the_gradient_of_a_recorded_backward_is_recorded(torch):
    x = leaf(torch, 1.0)
    y = x * x
    seen = []
    y.register_hook(lambda g: seen.append(g.requires_grad))
    (y * y).backward(create_graph=True)
    (y * y).backward()
    assert seen == [True, False]
    x.grad = None


def test_a_hook_may_use_the_graph(torch):
    x = leaf(torch, 2.0)
    y = x * x
    y.register_hook(lambda g: g * x)
    (g,) = torch.autograd.grad(y, x, create_graph=True)
    assert g.tolist() == [8.0]
    assert torch.autograd.grad(g, x)[0].tolist() == [8.0]


def test_hooks_run_for_grad_too(torch):
    x = leaf(torch, 1.0)
    y = x * 3
    seen = []
    x.register_hook(lambda g: seen.append("x"))
    y.register_hook(lambda g: seen.append("y"))
    x.register_post_accumulate_grad_hook(lambda p: seen.append("accumulated"))
    torch.autograd.grad(y, x)
    assert seen == ["y", "x"]
    assert x.grad is None


@pytest.mark.parametrize(
    ("hook", "kind", "words"),
    [
        (lambda g: 3, TypeError, "expected Variable, but hook returned 'int'"),
        (lambda g: g.sum(), RuntimeError, "hook '<lambda>' has changed the size of value"),
        (
            lambda g: g.double(),
            RuntimeError,
            r"has changed the type of value \(was torch.FloatTensor got torch.DoubleTensor\)",
        ),
    ],
)
def test_what_a_hook_may_not_return(torch, hook, kind, words):
    x = leaf(torch, 1.0, 2.0)
    x.register_hook(hook)
    with pytest.raises(kind, match=words):
        (2 * x).sum().backward()


def test_hooks_need_a_gradient(torch):
    x = torch.ones(1)
    words = "cannot register a hook on a tensor that doesn't require gradient"
    with pytest.raises(RuntimeError, match=words):
        x.register_hook(print)
    with pytest.raises(RuntimeError, match=words):
        x.register_post_accumulate_grad_hook(print)
    with pytest.raises(RuntimeError, match="can't retain_grad on Tensor that has requires_grad=F"):
        x.retain_grad()
    with pytest.raises(RuntimeError, match="cannot be registered on non-leaf tensors"):
        (leaf(torch, 1.0) * 2).register_post_accumulate_grad_hook(print)


def test_a_missing_gradient_reaches_hooks_as_none(torch):
    class Nothing(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x * 1

        @staticmethod
        def backward(ctx, g):
            return None

    x = leaf(torch, 1.0)
    y = x * 2
    seen = []
    y.register_hook(seen.append)
    Nothing.apply(y).backward()
    assert seen == [None]
    assert x.grad is None
    y = x * 2
    y.register_hook(lambda g: torch.zeros(1))
    with pytest.raises(RuntimeError, match="can't replace a None gradient with a non-None value"):
        Nothing.apply(y).backward()


# -- after accumulation --


def test_post_accumulate_hooks_see_the_sum(torch):
    x = leaf(torch, 1.0)
    seen = []
    x.register_post_accumulate_grad_hook(lambda p: seen.append((p is x, p.grad.item())))
    (3 * x + 2 * x).backward()
    (3 * x).backward()
    assert seen == [(True, 5.0), (True, 8.0)]


def test_an_optimizer_in_a_hook(torch):
    x = leaf(torch, 1.0)

    def step(p):
        with torch.no_grad():
            p -= 0.5 * p.grad
        p.grad = None

    handle = x.register_post_accumulate_grad_hook(step)
    (4 * x).backward()
    assert x.tolist() == [-1.0]
    assert x.grad is None
    handle.remove()
    (4 * x).backward()
    assert x.grad.tolist() == [4.0]


# -- nodes --


def test_node_hooks_and_prehooks(torch):
    x = leaf(torch, 1.0)
    y = x * 2
    seen = []
    y.grad_fn.register_hook(
        lambda ins, outs: seen.append(("after", ins[0].item(), ins[1], outs[0].item()))
    )
    y.grad_fn.register_prehook(lambda outs: seen.append(("before", outs[0].item())))
    y.register_hook(lambda g: seen.append("tensor"))
    y.backward()
    assert seen == ["tensor", ("before", 1.0), ("after", 2.0, None, 1.0)]


def test_node_hooks_may_replace(torch):
    x, w = leaf(torch, 1.0), leaf(torch, 2.0)
    y = x * w
    y.grad_fn.register_prehook(lambda outs: (outs[0] * 10,))
    handle = y.grad_fn.register_hook(lambda ins, outs: (ins[0] + 1, ins[1]))
    y.backward(retain_graph=True)
    assert (x.grad.item(), w.grad.item()) == (21.0, 10.0)
    handle.remove()
    y.backward()
    assert x.grad.item() == 41.0


@pytest.mark.parametrize(
    ("hook", "kind", "words"),
    [
        (lambda ins, outs: 3, TypeError, "expected tuple, but hook returned 'int'"),
        (lambda ins, outs: (None,), RuntimeError, r"incorrect number of values \(got 1, but exp"),
        (lambda ins, outs: (ins[0].sum(), None), RuntimeError, "has changed the size of value"),
    ],
)
def test_what_a_node_hook_may_not_return(torch, hook, kind, words):
    y = leaf(torch, 1.0, 2.0) * leaf(torch, 3.0, 4.0)
    y.grad_fn.register_hook(hook)
    with pytest.raises(kind, match=words):
        y.sum().backward()


def test_hooks_of_the_accumulating_node(torch):
    x = leaf(torch, 1.0)
    y = x * 2
    sink = y.grad_fn.next_functions[0][0]
    seen = []
    sink.register_prehook(lambda outs: (outs[0] * 3,))
    sink.register_hook(lambda ins, outs: seen.append((ins, outs[0].item(), x.grad.item())))
    y.backward()
    assert x.grad.item() == 6.0
    assert seen == [((), 6.0, 6.0)]


def test_the_accumulating_node_is_one(torch):
    x = leaf(torch, 1.0)
    first, second = x * 1, x * 2
    sink = first.grad_fn.next_functions[0][0]
    assert sink is second.grad_fn.next_functions[0][0]
    assert sink.variable is x
    assert sink.name() == "torch::autograd::AccumulateGrad"


def test_nodes_can_be_held_weakly_and_leave_no_circle():
    import retrograd as torch

    x = leaf(torch, 1.0)
    gc.collect()
    gc.disable()
    try:
        y = x * x
        y.retain_grad()
        y.register_hook(lambda g: g * 2)
        y.grad_fn.metadata["note"] = 1
        reference = weakref.ref(y.grad_fn)
        assert y.grad_fn.metadata == {"note": 1}
        y.backward()
        del y
        assert reference() is None
        assert gc.collect() == 0
    finally:
        gc.enable()


def test_hooks_for_several_tensors(torch):
    from importlib import import_module

    graph = import_module(f"{torch.__name__}.autograd.graph")
    a, b = leaf(torch, 1.0), leaf(torch, 2.0)
    seen = []
    handle = graph.register_multi_grad_hook(
        (a, b), lambda grads: seen.append([None if g is None else g.item() for g in grads])
    )
    (a * b).backward()
    (a * 3).backward()
    handle.remove()
    (a * b).backward()
    assert seen == [[2.0, 1.0], [3.0, None]]
