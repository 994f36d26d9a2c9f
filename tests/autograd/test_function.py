"""autograd.Function: recording a call, what backward is given, what it may return."""

import gc
from importlib import import_module

import pytest

pytestmark = pytest.mark.filterwarnings("ignore:Using backward.. with create_graph")


def leaf(torch, *values):
    return torch.tensor(list(values), requires_grad=True)


def function(torch, forward, backward=None, setup=None):
    """Return a Function made of the given functions."""
    parts = {"forward": staticmethod(forward)}
    if backward is not None:
        parts["backward"] = staticmethod(backward)
    if setup is not None:
        parts["setup_context"] = staticmethod(setup)
    return type("Made", (torch.autograd.Function,), parts)


def product(torch):
    def forward(ctx, a, b):
        ctx.save_for_backward(a, b, None)
        return a * b

    def backward(ctx, g):
        a, b, nothing = ctx.saved_tensors
        assert nothing is None
        return g * b, g * a

    return function(torch, forward, backward)


def identity(torch):
    return function(torch, lambda ctx, a: a, lambda ctx, g: g * 5)


# -- one output --


def test_product(torch):
    x, w = leaf(torch, 1.0, 2.0), leaf(torch, 3.0, 4.0)
    y = product(torch).apply(x, w)
    assert y.grad_fn.name() == "MadeBackward"
    assert y.grad_fn.next_functions[0][0].variable is x
    y.sum().backward()
    assert x.grad.tolist() == [3.0, 4.0]
    assert w.grad.tolist() == [1.0, 2.0]


def test_second_derivatives_through_saved_inputs(torch):
    x, w = leaf(torch, 1.0, 2.0), leaf(torch, 3.0, 4.0)
    y = product(torch).apply(x, w).sum()
    (g,) = torch.autograd.grad(y, x, create_graph=True)
    assert torch.autograd.grad((g * g).sum(), w)[0].tolist() == [6.0, 8.0]


def test_a_saved_output_has_its_history(torch):
    def forward(ctx, a):
        e = a.exp()
        ctx.save_for_backward(e)
        return e

    exp = function(torch, forward, lambda ctx, g: g * ctx.saved_tensors[0])
    x = leaf(torch, 0.0)
    y = exp.apply(x)
    assert y.grad_fn.saved_tensors[0].grad_fn is y.grad_fn
    for _ in range(3):
        (y,) = torch.autograd.grad(y, x, create_graph=True)
        assert y.item() == 1.0


def test_a_saved_intermediate_has_none(torch):
    def forward(ctx, a):
        square = a * a
        ctx.save_for_backward(square)
        return square * a

    cube = function(torch, forward, lambda ctx, g: 3 * g * ctx.saved_tensors[0])
    x = leaf(torch, 2.0)
    (g,) = torch.autograd.grad(cube.apply(x), x, create_graph=True)
    assert g.item() == 12.0
    assert not g.requires_grad


def test_setup_context(torch):
    def setup(ctx, inputs, output):
        x, factor = inputs
        ctx.factor = factor
        ctx.save_for_backward(x, output)

    scale = function(
        torch, lambda x, factor: x * factor, lambda ctx, g: (g * ctx.factor, None), setup
    )
    x = leaf(torch, 1.0, 2.0)
    y = scale.apply(x, 4.0)
    assert y.grad_fn.factor == 4.0
    assert [t.tolist() for t in y.grad_fn.saved_tensors] == [[1.0, 2.0], [4.0, 8.0]]
    y.sum().backward()
    assert x.grad.tolist() == [4.0, 4.0]


def test_an_unknown_attribute_of_the_node(torch):
    y = product(torch).apply(leaf(torch, 1.0), leaf(torch, 2.0))
    with pytest.raises(AttributeError, match="object has no attribute 'nothing'"):
        _ = y.grad_fn.nothing


def test_needs_input_grad(torch):
    seen = []

    def forward(ctx, a, b, c):
        seen.append(ctx.needs_input_grad)
        return a * 1

    def backward(ctx, g):
        seen.append(ctx.needs_input_grad)
        return g, g, None

    function(torch, forward, backward).apply(leaf(torch, 1.0), torch.ones(1), 3).backward()
    assert seen == [(True, False, False)] * 2


def test_grad_mode_inside(torch):
    seen = []

    def forward(ctx, a):
        seen.append(torch.is_grad_enabled())
        return a * 1

    def backward(ctx, g):
        seen.append((torch.is_grad_enabled(), g.requires_grad))
        return g

    made = function(torch, forward, backward)
    x = leaf(torch, 1.0)
    made.apply(x).backward()
    torch.autograd.grad(made.apply(x) * x, x, create_graph=True)
    assert seen == [False, (False, False), False, (True, True)]
    assert torch.is_grad_enabled()


def test_a_none_gradient(torch):
    made = function(torch, lambda ctx, a, b: a * b, lambda ctx, g: (None, g))
    x, w = leaf(torch, 1.0), leaf(torch, 2.0)
    made.apply(x, w).backward()
    assert x.grad is None
    assert w.grad.tolist() == [1.0]


def test_a_gradient_is_cast_and_summed_to_its_input(torch):
    made = function(torch, lambda ctx, a: a * 1, lambda ctx, g: g.double().expand(3, 2))
    x = leaf(torch, 1.0, 2.0)
    made.apply(x).sum().backward()
    assert x.grad.tolist() == [3.0, 3.0]
    assert x.grad.dtype == torch.float32


def test_the_same_input_twice(torch):
    x = leaf(torch, 3.0)
    assert torch.autograd.grad(product(torch).apply(x, x), x)[0].item() == 6.0


def test_a_function_inside_a_forward(torch):
    inner = product(torch)
    outer = function(torch, lambda ctx, a: inner.apply(a, a), lambda ctx, g: g)
    assert torch.autograd.grad(outer.apply(leaf(torch, 3.0)).sum(), leaf(torch, 1.0),
                               allow_unused=True) == (None,)  # fmt: skip


def test_backward_inside_a_backward(torch):
    def backward(ctx, g):
        with torch.enable_grad():
            (x * x).sum().backward()
        return g

    x = leaf(torch, 3.0)
    function(torch, lambda ctx, a: a * 1, backward).apply(x).backward()
    assert x.grad.tolist() == [7.0]


# -- errors --


@pytest.mark.parametrize(
    ("found", "kind", "words"),
    [
        (lambda g: g, RuntimeError, r"incorrect number of gradients \(expected 2, got 1\)"),
        (lambda g: (g, g, g), RuntimeError, r"incorrect number of gradients \(expected 2, got 3"),
        (lambda g: [g, g], RuntimeError, r"incorrect number of gradients \(expected 2, got 1\)"),
        (lambda g: (1.0, g), RuntimeError, r"expected Variable or None \(got float\)"),
        (
            lambda g: (g[:1].expand(3), g),
            RuntimeError,
            r"invalid gradient at index 0 - got \[3\] but expected shape compatible with \[2\]",
        ),
    ],
)
def test_what_backward_may_not_return(torch, found, kind, words):
    made = function(torch, lambda ctx, a, b: a * b, lambda ctx, g: found(g))
    with pytest.raises(kind, match=words):
        made.apply(leaf(torch, 1.0, 2.0), leaf(torch, 3.0, 4.0)).sum().backward()


def test_surplus_nones_are_dropped(torch):
    x = leaf(torch, 1.0)
    function(torch, lambda ctx, a: a * 1, lambda ctx, g: (g, None, None)).apply(x).backward()
    assert x.grad.tolist() == [1.0]


def test_a_gradient_for_a_number(torch):
    made = function(torch, lambda ctx, a, k: a * k, lambda ctx, g: (g, g))
    with pytest.raises(RuntimeError, match="gradient different than None at position 2, but the"):
        made.apply(leaf(torch, 1.0), 2).backward()


def test_a_forward_that_is_not_static(torch):
    class Old(torch.autograd.Function):
        def forward(self, x):
            return x * 2

    with pytest.warns(DeprecationWarning, match="should not be instantiated"):
        old = Old()
    with pytest.raises(RuntimeError, match="Legacy autograd function with non-static forward"):
        old(leaf(torch, 1.0))


def test_a_missing_backward(torch):
    y = function(torch, lambda ctx, a: a * 2).apply(leaf(torch, 1.0))
    with pytest.raises(NotImplementedError, match="must implement either the backward or vjp"):
        y.backward()


def test_a_missing_forward(torch):
    with pytest.raises(NotImplementedError, match="must implement the forward function for cust"):
        type("Empty", (torch.autograd.Function,), {}).apply(leaf(torch, 1.0))


def test_a_forward_that_raises(torch):
    made = function(torch, lambda ctx, a: a.no_such_method())
    with pytest.raises(AttributeError):
        made.apply(leaf(torch, 1.0))
    assert torch.is_grad_enabled()


def test_a_backward_that_raises_leaves_the_graph_usable(torch):
    fail = [True]

    def backward(ctx, g):
        if fail[0]:
            raise ValueError("inside")
        return g * ctx.saved_tensors[0]

    def forward(ctx, a):
        ctx.save_for_backward(a)
        return a * 1

    x = leaf(torch, 2.0)
    y = function(torch, forward, backward).apply(x) * 3
    for _ in range(2):
        with pytest.raises(ValueError, match="inside"):
            y.backward(retain_graph=True)
    fail[0] = False
    y.backward()
    assert x.grad.tolist() == [6.0]


def test_saving_something_else_than_a_tensor(torch):
    def forward(ctx, a):
        ctx.save_for_backward(3)
        return a * 1

    with pytest.raises(TypeError, match="save_for_backward can only save variables, but argument"):
        function(torch, forward, lambda ctx, g: g).apply(leaf(torch, 1.0)).backward()


def test_reading_saved_tensors_after_freeing(torch):
    y = product(torch).apply(leaf(torch, 1.0), leaf(torch, 2.0))
    node = y.grad_fn
    assert len(node.saved_tensors) == 3
    y.backward()
    with pytest.raises(RuntimeError, match="backward through the graph a second time"):
        _ = node.saved_tensors
    with pytest.raises(RuntimeError, match="backward through the graph a second time"):
        y.backward()


def test_a_saved_tensor_that_was_changed(torch):
    x, w = leaf(torch, 1.0), leaf(torch, 2.0)
    z = x * 1
    y = product(torch).apply(z, w)
    z.mul_(2)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        y.backward()


def test_once_differentiable(torch):
    once = import_module(f"{torch.__name__}.autograd.function").once_differentiable

    def forward(ctx, a):
        ctx.save_for_backward(a)
        return a * a

    made = function(torch, forward, once(lambda ctx, g: 2 * g * ctx.saved_tensors[0]))
    x = leaf(torch, 3.0)
    (g,) = torch.autograd.grad(made.apply(x) * x, x, create_graph=True)
    assert g.item() == 27.0
    assert g.requires_grad
    with pytest.raises(RuntimeError, match="marked with @once_differentiable"):
        g.backward()


# -- several outputs --


def two(torch, seen, prepare=lambda ctx: None):
    def forward(ctx, a):
        prepare(ctx)
        return a * 2, a * 3

    def backward(ctx, g, h):
        seen.append((None if g is None else g.tolist(), None if h is None else h.tolist()))
        return g * 2 if h is None else g * 2 + h * 3

    return function(torch, forward, backward)


def test_an_unused_output_gets_zeros(torch):
    seen = []
    x = leaf(torch, 1.0)
    a, b = two(torch, seen).apply(x)
    assert (a.output_nr, b.output_nr) == (0, 1)
    assert a.grad_fn is b.grad_fn
    a.backward()
    assert seen == [([1.0], [0.0])]
    assert x.grad.tolist() == [2.0]


def test_or_none_when_asked(torch):
    seen = []
    a, _ = two(torch, seen, lambda ctx: ctx.set_materialize_grads(False)).apply(leaf(torch, 1.0))
    a.backward()
    assert seen == [([1.0], None)]


def test_outputs_without_gradients(torch):
    def forward(ctx, a):
        double, mask = a * 2, a > 1
        ctx.mark_non_differentiable(double)
        return double, a * 3, mask

    seen = []

    def backward(ctx, g, h, m):
        seen.append((g.tolist(), m.tolist()))
        return h * 3

    x = leaf(torch, 1.0, 2.0)
    double, triple, mask = function(torch, forward, backward).apply(x)
    assert [t.requires_grad for t in (double, triple, mask)] == [False, True, False]
    triple.sum().backward()
    assert seen == [([0.0, 0.0], [False, False])]
    assert x.grad.tolist() == [3.0, 3.0]


def test_outputs_that_are_no_tensors(torch):
    seen = []

    def backward(ctx, g, *rest):
        seen.append(rest)
        return g

    made = function(torch, lambda ctx, a: (a * 2, "text", None, 3), backward)
    y, *rest = made.apply(leaf(torch, 1.0))
    assert rest == ["text", None, 3]
    y.backward()
    assert seen == [(None, None, None)]


# -- inputs given back, views, dirty inputs --


def test_an_input_returned_as_is(torch):
    x = leaf(torch, 1.0)
    y = identity(torch).apply(x)
    assert y is not x
    assert y._base is x
    y.backward()
    assert x.grad.tolist() == [5.0]
    with torch.no_grad():
        assert not identity(torch).apply(x).requires_grad
    with pytest.raises(RuntimeError, match="created inside a custom Function"):
        identity(torch).apply(x * 1).mul_(2)


def test_a_view_of_an_input(torch):
    made = function(torch, lambda ctx, a: a.view(2, 1), lambda ctx, g: g.view(2) * 5)
    x = leaf(torch, 1.0, 2.0)
    y = made.apply(x)
    assert y._base is x
    y.sum().backward()
    assert x.grad.tolist() == [5.0, 5.0]
    with pytest.raises(RuntimeError, match="created inside a custom Function"):
        made.apply(x * 1).mul_(2)


def triple_in_place(torch):
    def forward(ctx, a):
        a.mul_(3)
        ctx.mark_dirty(a)
        return a

    return function(torch, forward, lambda ctx, g: g * 3)


def test_a_dirty_input(torch):
    x = leaf(torch, 1.0, 2.0)
    y = x * 1
    z = triple_in_place(torch).apply(y)
    assert z is y
    assert y.tolist() == [3.0, 6.0]
    y.sum().backward()
    assert x.grad.tolist() == [3.0, 3.0]


def test_a_dirty_view(torch):
    x = leaf(torch, 1.0, 2.0)
    y = x * 1
    triple_in_place(torch).apply(y[:1])
    y.sum().backward()
    assert x.grad.tolist() == [3.0, 1.0]


def test_a_dirty_leaf(torch):
    with pytest.raises(RuntimeError, match="a leaf Variable that requires grad has been used in"):
        triple_in_place(torch).apply(leaf(torch, 1.0))


def test_a_dirty_input_must_be_returned(torch):
    def forward(ctx, a):
        ctx.mark_dirty(a)
        return a * 1

    with pytest.raises(RuntimeError, match="Some elements marked as dirty during the forward"):
        function(torch, forward, lambda ctx, g: g).apply(leaf(torch, 1.0) * 1)


def test_a_call_leaves_no_circle():
    import retrograd as torch

    made = product(torch)
    gc.collect()
    gc.disable()
    try:
        for keep in (False, True):
            y = made.apply(leaf(torch, 1.0), leaf(torch, 2.0))
            y.backward(retain_graph=keep)
            del y
        assert gc.collect() == 0
    finally:
        gc.enable()
