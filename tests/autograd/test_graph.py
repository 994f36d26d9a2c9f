"""The graph as a program sees it: nodes, edges, what they saved, and saved-tensor hooks."""

from importlib import import_module

import pytest


def leaf(torch, *values):
    return torch.tensor(list(values), requires_grad=True)


def graph_of(torch):
    return import_module(f"{torch.__name__}.autograd.graph")


def tree(node):
    """Return a graph as nested names."""
    if node is None:
        return "None"
    name = node.name().split("::")[-1].replace("AccumulateGrad", "leaf")
    inside = []
    for edge, number in node.next_functions:
        inside.append(tree(edge) + (f"#{number}" if number else ""))
    return f"{name}({', '.join(inside)})" if inside else name


@pytest.mark.parametrize(
    ("build", "expected"),
    [
        (lambda x, w, m: x + 1, "AddBackward0(leaf, None)"),
        (lambda x, w, m: x * w + w, "AddBackward0(MulBackward0(leaf, leaf), leaf)"),
        (lambda x, w, m: x - w.detach(), "SubBackward0(leaf, None)"),
        (lambda x, w, m: x**2, "PowBackward0(leaf)"),
        (lambda x, w, m: x**w, "PowBackward1(leaf, leaf)"),
        (lambda x, w, m: (x / w).sum(), "SumBackward0(DivBackward0(leaf, leaf))"),
        (lambda x, w, m: x.sum(0), "SumBackward1(leaf)"),
        (lambda x, w, m: x.mean().exp(), "ExpBackward0(MeanBackward0(leaf))"),
        (lambda x, w, m: m @ m, "MmBackward0(leaf, leaf)"),
        (lambda x, w, m: m @ x, "MvBackward0(leaf, leaf)"),
        (lambda x, w, m: x @ w, "DotBackward0(leaf, leaf)"),
        (lambda x, w, m: m.T, "PermuteBackward0(leaf)"),
        (lambda x, w, m: m.t(), "TBackward0(leaf)"),
        (lambda x, w, m: m[0], "SelectBackward0(leaf)"),
        (lambda x, w, m: x[1:], "SliceBackward0(leaf)"),
        (lambda x, w, m: m.unbind()[1] * 1, "MulBackward0(UnbindBackward0(leaf)#1, None)"),
        (lambda x, w, m: m.max(0)[0], "MaxBackward0(leaf)"),
        (lambda x, w, m: x.reshape(2, 1), "ViewBackward0(leaf)"),
        (lambda x, w, m: x.clone().relu(), "ReluBackward0(CloneBackward0(leaf))"),
    ],
)  # fmt: skip
def test_names_and_edges(torch, build, expected):
    x, w = leaf(torch, 1.0, 2.0), leaf(torch, 3.0, 4.0)
    m = torch.ones(2, 2, requires_grad=True)
    assert tree(build(x, w, m).grad_fn) == expected


def test_the_type_of_a_node_has_its_name(torch):
    y = leaf(torch, 1.0) * 2
    assert type(y.grad_fn).__name__ == "MulBackward0"
    assert repr(y.grad_fn).startswith("<MulBackward0 object at 0x")
    assert y.grad_fn is y.grad_fn


def test_leaves_have_no_node(torch):
    assert leaf(torch, 1.0).grad_fn is None
    assert torch.ones(1).grad_fn is None


def test_notes_on_a_node(torch):
    y = leaf(torch, 1.0) * 2
    y.grad_fn.metadata["note"] = 1
    assert y.grad_fn.metadata == {"note": 1}


# -- what nodes saved --


def saved(node):
    return sorted(name for name in dir(node) if name.startswith("_saved_"))


@pytest.mark.parametrize(
    ("build", "names"),
    [
        (lambda x, w: x * w, ["_saved_other", "_saved_self"]),
        (lambda x, w: x**w, ["_saved_exponent", "_saved_result", "_saved_self"]),
        (lambda x, w: x.exp(), ["_saved_result"]),
        (lambda x, w: x.log(), ["_saved_self"]),
        (lambda x, w: x.sum(0), ["_saved_dim", "_saved_keepdim", "_saved_self_sym_sizes"]),
        (lambda x, w: x.softmax(0), ["_saved_dim", "_saved_result"]),
        (lambda x, w: x.clamp(0.0, 1.0), ["_saved_max", "_saved_min", "_saved_self"]),
    ],
)
def test_saved_names(torch, build, names):
    found = saved(build(leaf(torch, 1.0, 2.0), leaf(torch, 3.0, 4.0)).grad_fn)
    assert found == names


def test_saved_operands_are_the_tensors(torch):
    x, w = leaf(torch, 1.0), leaf(torch, 3.0)
    v = w * 1
    y = x * v
    assert y.grad_fn._saved_self is x
    assert y.grad_fn._saved_other.grad_fn is v.grad_fn
    z = x.exp()
    assert z.grad_fn._saved_result.grad_fn is z.grad_fn
    assert z.grad_fn._saved_result.tolist() == z.tolist()
    assert x.sum(0).grad_fn._saved_self_sym_sizes == (1,)


def test_saved_operands_after_freeing_or_writing(torch):
    x = leaf(torch, 1.0)
    y = x * x
    y.backward()
    with pytest.raises(RuntimeError, match="directly access saved tensors after they have alread"):
        _ = y.grad_fn._saved_self
    z = x * 1
    y = z * z
    z.add_(1)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        _ = y.grad_fn._saved_self


def test_unknown_attributes(torch):
    with pytest.raises(AttributeError, match="'MulBackward0' object has no attribute 'nothing'"):
        _ = (leaf(torch, 1.0) * 2).grad_fn.nothing


# -- saved-tensor hooks --


def test_packing_and_unpacking(torch):
    graph = graph_of(torch)
    x, w = leaf(torch, 2.0), leaf(torch, 3.0)
    packed, unpacked = [], []

    def pack(t):
        packed.append(t.tolist())
        return [t.tolist()]

    def unpack(token):
        unpacked.append(token)
        return torch.tensor(token[0])

    with graph.saved_tensors_hooks(pack, unpack):
        y = x * w
        z = y.exp()
    z.backward()
    assert sorted(packed[:2]) == [[2.0], [3.0]]
    assert len(packed) == len(unpacked) == 3
    assert x.grad.item() == pytest.approx(3 * 403.428793)


def test_outside_nothing_is_packed(torch):
    packed = []
    x = leaf(torch, 2.0)
    with graph_of(torch).saved_tensors_hooks(lambda t: packed.append(1) or t, lambda t: t):
        pass
    (x * x).backward()
    assert packed == []


def test_hooks_of_a_function_s_saved_tensors(torch):
    class Square(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x * x

        @staticmethod
        def backward(ctx, g):
            return 2 * g * ctx.saved_tensors[0]

    x = leaf(torch, 3.0)
    with graph_of(torch).saved_tensors_hooks(lambda t: t.detach() * 10, lambda t: t):
        y = Square.apply(x)
    y.backward()
    assert x.grad.item() == 60.0


def test_disabling_the_hooks(torch):
    graph = graph_of(torch)
    with graph.disable_saved_tensors_hooks("not here"):
        (leaf(torch, 1.0) * leaf(torch, 2.0)).backward()
        with (
            pytest.raises(RuntimeError, match="not here"),
            graph.saved_tensors_hooks(lambda t: t, lambda t: t),
        ):
            pass


def test_save_on_cpu(torch):
    x = leaf(torch, 3.0)
    with graph_of(torch).save_on_cpu():
        y = x * x
    y.backward()
    assert x.grad.item() == 6.0


def test_gradient_edges(torch):
    graph = graph_of(torch)
    x = leaf(torch, 1.0, 2.0)
    a, b = x.unbind()
    edge = graph.get_gradient_edge(b)
    assert edge.node is b.grad_fn
    assert edge.output_nr == 1
    assert graph.get_gradient_edge(x).node.variable is x
    with pytest.raises(RuntimeError, match="for a Tensor that does not require gradients"):
        graph.get_gradient_edge(torch.ones(1))
    del a
