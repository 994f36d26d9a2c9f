"""What a replay's backward needs: changed values are refused, graphs are freed, as when eager."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

import retrograd as rg
from retrograd.compiler import CompiledFunction, lower_next


def both(function, make, use, calls=4):
    """Call eagerly and compiled; return what `use` says of each call's result."""
    found = []
    for compiled in (False, True):
        rg.manual_seed(0)
        state = make()

        def step(x, state=state):
            return function(x, *state)

        called = CompiledFunction(step) if compiled else step
        said = []
        for number in range(calls):
            if compiled and number == 2:
                lower_next(called)
            x = rg.randn(3)
            said.append(use(called(x), x, *state))
        found.append(said)
        if compiled:
            assert not any(segment.eager for segment in called.segments())
    return found


def backward(result, *leaves):
    """Return the gradients of leaves after a backward, or what the backward complained of."""
    try:
        result.backward()
    except RuntimeError as error:
        words = str(error)
        return words[: words.index(", was changed")] + words[words.index("; it is at") :]
    return [None if leaf.grad is None else leaf.grad.tolist() for leaf in leaves]


def leaf():
    return (rg.randn(3, requires_grad=True),)


def changed_parameter(result, x, p):
    with rg.no_grad():
        p.add_(1)
    return backward(result, p)


def changed_argument(result, x, p):
    x.add_(1)
    return backward(result, p)


def changed_result(result, x, p):
    with rg.no_grad():
        result.mul_(2)
    return backward(result.sum(), p)


@pytest.mark.parametrize(
    ("function", "use"),
    [
        (lambda x, p: (x * p * p).sum(), changed_parameter),
        (lambda x, p: (x * p).sum(), changed_argument),
        (lambda x, p: (x * p).exp(), changed_result),
        (lambda x, p: (x + p).sum(), changed_argument),  # nothing is saved
        (lambda x, p: (p.view(3, 1) * p).sum(), changed_parameter),
    ],
)
def test_saved_values_that_were_changed_are_refused(function, use):
    eager, compiled = both(function, leaf, use)
    assert compiled == eager


def test_only_results_that_need_a_changed_value_are_refused():
    def use(results, x, p):
        with rg.no_grad():
            p.add_(1)
        return backward(results[0], p), backward(results[1], p)

    eager, compiled = both(lambda x, p: ((p * 2 + x).sum(), (p * p).sum()), leaf, use)
    assert compiled == eager
    assert isinstance(eager[0][0], list)
    assert "modified by an inplace" in eager[0][1]


def test_results_that_share_nothing_go_back_one_by_one():
    def use(results, x, p):
        return [backward(one, p) for one in results]

    eager, compiled = both(lambda x, p: ((p * p).sum(), (p.exp() * x).sum()), leaf, use)
    assert compiled == eager


def test_results_that_share_a_graph_are_freed_together():
    def use(results, x, p):
        results[0].backward()
        with pytest.raises(RuntimeError, match="backward through the graph a second time"):
            results[1].backward()
        return p.grad.tolist()

    def function(x, p):
        shared = (p * x).exp()
        return shared.sum(), (shared * shared).sum()

    eager, compiled = both(function, leaf, use)
    assert compiled == eager


def test_a_gradient_may_be_returned():
    p = rg.ones(3, requires_grad=True)

    @rg.compile
    def step(x):
        p.grad = None
        (p * x).sum().backward()
        return p.grad

    for number in range(4):
        result = step(rg.full((3,), float(number)))
        assert result is p.grad
        assert result.tolist() == [number] * 3


def test_a_new_leaf_is_not_overwritten_when_lowered():
    compiled = rg.compile(lambda x: (x * 2).exp().requires_grad_())
    given = [rg.full((3,), float(k)) for k in range(5)]
    results = [compiled(one) for one in given[:2]]
    lower_next(compiled)
    results += [compiled(one) for one in given[2:]]
    assert "exp" in compiled.source
    for result, x in zip(results, given, strict=True):
        assert result.is_leaf
        assert result.requires_grad
        np.testing.assert_array_equal(result.detach().numpy(), (x * 2).exp().numpy())


def test_an_argument_that_becomes_a_result_runs_eagerly():
    p = rg.ones(3, requires_grad=True)
    compiled = rg.compile(lambda x: x.copy_(p) * 2)
    for _ in range(3):
        x = rg.zeros(3)
        compiled(x)
        assert x.requires_grad
        assert x.grad_fn is not None
    assert "becomes the result" in next(iter(compiled.segments())).eager


def test_versions_count_a_write_once():
    buffer = rg.zeros(3)

    @rg.compile
    def step(x):
        buffer.add_(x)
        return 1 if x.sum() > 0 else 2

    for number in range(6):
        step(rg.full((3,), (-1.0) ** number))
        assert buffer._version == number + 1


def test_leaves_made_inside_have_gradients_of_their_own():
    @rg.compile
    def slope(x):
        leaf = rg.ones(3, requires_grad=True)
        (leaf * x).sum().backward()
        if x.sum() > 1:
            return leaf.grad * 2
        return leaf.grad * 3

    for scale in (1.0, -1.0, 1.0, -1.0, 2.0):
        x = rg.full((3,), scale)
        assert slope(x).tolist() == (x * (2 if scale > 0.5 else 3)).tolist()


def test_a_gradient_that_is_replaced_is_guarded_as_it_was():
    rg.manual_seed(0)
    p = rg.randn(3, requires_grad=True)
    optimizer = rg.optim.SGD([p], lr=0.1)

    @rg.compile
    def step(x):
        (p * x).sum().backward()
        total = p.grad.sum()
        optimizer.zero_grad()
        return total

    for number in range(4):
        p.grad = rg.ones(3) if number % 2 else None
        assert step(rg.ones(3)).item() == (6.0 if number % 2 else 3.0)


@pytest.mark.parametrize("kind", ["RNN", "GRU", "LSTM"])
@pytest.mark.parametrize("bias", [True, False])
def test_recurrent_modules_lowered(kind, bias):
    rg.manual_seed(0)
    module = getattr(rg.nn, kind)(3, 4, bias=bias)
    compiled = CompiledFunction(lambda x: module(x)[0])

    def gradients(function, x):
        module.zero_grad()
        result = function(x)
        (result * result).sum().backward()
        return [result.detach().numpy().copy(), *(p.grad.numpy() for p in module.parameters())]

    for number in range(5):
        x = rg.randn(2, 3, 3)
        if number == 2:
            lower_next(compiled)
        ours = gradients(compiled, x)
        for one, other in zip(ours, gradients(lambda x: module(x)[0], x), strict=True):
            np.testing.assert_array_equal(one, other)


def test_a_view_from_before_an_optimizers_step_is_brought_up_to_date():
    def run(compiled):
        rg.manual_seed(0)
        p = rg.nn.Parameter(rg.randn(3, 4))
        optimizer = rg.optim.SGD([p], lr=0.1)

        def step(x):
            view = p.unfold(1, 4, 1)[:, 0]
            optimizer.step()
            loss = (view * p * x).sum()
            loss.backward()
            return loss * 1 if (x > 0).all() else loss * 2

        called = rg.compile(step) if compiled else step
        return [called(rg.full((3, 4), scale)).item() for scale in (1.0, 2.0, -1.0, 1.0, -2.0)]

    assert run(True) == run(False)


@pytest.mark.parametrize("settings", [{"momentum": 0.5}, {"momentum": 0.5, "foreach": False}])
def test_state_that_begins_before_something_eager(settings):
    def run(compiled):
        rg.manual_seed(0)
        p = rg.nn.Parameter(rg.randn(3, 4))
        optimizer = rg.optim.SGD([p], lr=0.1, **settings)
        said = []

        def step(x):
            optimizer.zero_grad()
            (p * x).sum().backward()
            optimizer.step()
            if x.sum() > 0:
                said.append(1)

        called = rg.compile(step) if compiled else step
        for scale in (1.0, 2.0, -1.0, 1.0):
            called(rg.full((3, 4), scale))
        return p.tolist(), said

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert run(True) == run(False)


@pytest.mark.parametrize("requires", [False, True])
def test_one_new_tensor_may_stand_twice_in_the_result(requires):
    def function(x):
        y = x * 2
        return {"a": y, "b": [y, y + 1]}, y.detach() + 3, y

    compiled = CompiledFunction(function)
    for number in range(4):
        if number == 2:
            lower_next(compiled)
        x = rg.ones(3, requires_grad=requires)
        first, _, last = compiled(x)
        assert first["a"] is first["b"][0] is last
        assert last.tolist() == [2.0] * 3
        if requires:
            (last.sum() + first["b"][1].sum()).backward()
            assert x.grad.tolist() == [4.0] * 3
    assert not any(segment.eager for segment in compiled.segments())


VIEWS = {
    "t": lambda x: x.t(),
    "row": lambda x: x[1],
    "chunk": lambda x: x.chunk(2, 1),
    "of a view": lambda x: x.t()[1:],
    "with a value": lambda x: (x.view(-1), (x * x).sum()),
    "detached": lambda x: (x.detach(), x * 2),
    "detached result": lambda x: [(y := x * 2), y.detach()],
}


@pytest.mark.parametrize("name", sorted(VIEWS))
@pytest.mark.parametrize("kind", ["leaf", "node", "plain"])
def test_views_of_what_requires_grad_may_be_returned(name, kind):
    function = VIEWS[name]

    def run(called, number):
        leaf = (rg.arange(12.0).reshape(3, 4) * (number + 1)).requires_grad_(kind != "plain")
        x = leaf * 1 if kind == "node" else leaf
        results = called(x)
        results = results if isinstance(results, (list, tuple)) else (results,)
        said = [(one.tolist(), one.requires_grad, one.is_leaf, one._is_view()) for one in results]
        for one in results:
            if one.requires_grad:
                (one * one).sum().backward(retain_graph=True)
        said.append(None if leaf.grad is None else leaf.grad.tolist())
        with rg.no_grad():
            try:
                results[0].mul_(3)
            except RuntimeError as error:
                said.append(str(error))
        said += [x.tolist(), x._version, [one._version for one in results]]
        if name == "t" and kind != "leaf":
            x.add_(1)  # the view follows, and so does its gradient
            said.append(results[0].tolist())
            if kind == "node":
                results[0].sum().backward()
                said.append(leaf.grad.tolist())
        return said

    compiled = CompiledFunction(function)
    for number in range(5):
        if number == 2:
            lower_next(compiled)
        assert run(compiled, number) == run(function, number)
    assert not any(segment.eager for segment in compiled.segments())


DRAWS = {
    "rand_like": rg.rand_like,
    "randn_like": rg.randn_like,
    "randint_like": lambda x: rg.randint_like(x, 100),
    "bernoulli": lambda x: rg.bernoulli(x.abs().clamp(max=1)),
    "normal": lambda x: rg.normal(x, 1.0),
    "dropout": lambda x: rg.nn.functional.dropout(x, 0.5),
    "normal_": lambda x: x.clone().normal_(),
    "multinomial": lambda x: rg.multinomial(x.abs() + 0.1, 2),
    "empty_like": lambda x: rg.empty_like(x).uniform_(),
}


@pytest.mark.parametrize("name", sorted(DRAWS))
def test_draws_into_arrays_that_are_not_contiguous_are_drawn_anew(name):
    compiled = CompiledFunction(DRAWS[name])
    x = rg.randn(4, 3, generator=rg.Generator().manual_seed(1)).t()
    rg.manual_seed(0)
    eager = [DRAWS[name](x).tolist() for _ in range(4)]
    rg.manual_seed(0)
    assert [compiled(x).tolist() for _ in range(4)] == eager
    assert eager[0] != eager[1]
    assert not any(segment.eager for segment in compiled.segments())


def test_gradients_stop_at_what_was_made_before_the_call():
    def run(compiled):
        p = rg.ones(3, requires_grad=True)
        called = rg.compile(lambda x: (x * p).sum()) if compiled else (lambda x: (x * p).sum())
        said = []
        for number in range(4):
            p.grad = None
            called(p * (number + 1)).backward()
            said.append(p.grad.tolist())
        return said

    assert run(True) == run(False)


@pytest.mark.parametrize("inside", ["backward", "grad"])
def test_a_backward_that_leaves_the_call_is_not_replayed(inside):
    def function(x, p):
        if inside == "backward":
            (x * 2).sum().backward()
            return None
        return rg.autograd.grad((x * 2).sum(), [x, p], retain_graph=True)

    def run(called):
        p = rg.ones(3, requires_grad=True)
        said = []
        for number in range(4):
            p.grad = None
            result = called(p * (number + 1), p)
            said.append([p.grad.tolist()] if result is None else [one.tolist() for one in result])
        return said

    compiled = CompiledFunction(function)
    assert run(compiled) == run(function)
    assert "from before the call" in next(iter(compiled.segments())).eager


def test_a_gradient_towards_an_intermediate_argument_is_replayed():
    compiled = CompiledFunction(lambda x: rg.autograd.grad((x * x).sum(), x)[0])
    p = rg.ones(3, requires_grad=True)
    for number in range(4):
        assert compiled(p * (number + 1)).tolist() == [2.0 * (number + 1)] * 3
    assert not any(segment.eager for segment in compiled.segments())


def test_a_result_gives_no_gradients_to_what_it_does_not_depend_on():
    compiled = CompiledFunction(lambda x, y: (x.sum(), (y * y).sum(), (x * y).sum()))
    for number in range(4):
        if number == 2:
            lower_next(compiled)
        leaf = rg.ones(3, requires_grad=True)
        y = rg.ones(3, requires_grad=True)
        first, second, third = compiled(leaf * 2, y)
        second.backward()
        assert leaf.grad is None
        assert y.grad.tolist() == [2.0] * 3
        first.backward()
        assert leaf.grad.tolist() == [2.0] * 3
        assert y.grad.tolist() == [2.0] * 3
        with pytest.raises(RuntimeError, match="second time"):  # of what made the argument
            third.backward()


def midway(x, p, q):
    """Return a result whose last nodes send gradients to q alone."""
    return (x * p).sin().sum() + q.sum()


def freed_before(x, p, q):
    loss = (x * p).sin().sum()
    loss.backward(retain_graph=True)
    loss.backward()
    return loss * 2 + q.sum()


def all_freed(x, p, q):
    loss = (x * p).sin().sum()
    loss.backward()
    return loss


def twice(result, x, *leaves):
    return [backward_words(result, leaves) for _ in range(3)]


def changed_between(result, x, *leaves):
    with rg.no_grad():
        x.add_(1)
    return twice(result, x, *leaves)


def kept_and_changed(result, x, *leaves):
    said = [backward_words(result, leaves, True)]
    with rg.no_grad():
        x.add_(1)
    return [*said, backward_words(result, leaves, True), *twice(result, x, *leaves)]


def backward_words(result, leaves, keep=False):
    """Return how a backward ended, and the gradients of leaves then."""
    try:
        result.backward(retain_graph=keep)
        said = ""
    except RuntimeError as error:
        said = type(error).__name__
    return said, [None if leaf.grad is None else leaf.grad.tolist() for leaf in leaves]


@pytest.mark.parametrize("use", [twice, changed_between, kept_and_changed])
@pytest.mark.parametrize("function", [midway, freed_before, all_freed])
def test_a_backward_refused_midway_leaves_what_was_done_until_then(function, use):
    def make():
        return (rg.randn(3, requires_grad=True), rg.randn(3, requires_grad=True))

    eager, compiled = both(function, make, use)
    assert eager == compiled
    assert any("Error" in str(one) for one in eager)


@pytest.mark.parametrize("requires", [False, True])
def test_parts_of_one_tensor_are_views_and_refuse_writes_as_eager_parts_do(requires):
    def function(x, w):
        parts = (x * w).tanh().unbind(0)
        return *parts, parts[0]

    def use(result, x, w):
        said = [result[0] is result[3], result[0]._is_view(), result[0]._base is result[1]._base]
        for write in (lambda: result[0].mul_(2), lambda: rg.no_grad()(result[0].mul_)(2),
                      lambda: result[1].sum().backward()):  # fmt: skip
            try:
                write()
                said.append([one._version for one in result])
            except RuntimeError as error:
                said.append(str(error).partition(" is a view")[2] or str(error)[:20])
        return said

    eager, compiled = both(function, lambda: (rg.randn(3, requires_grad=requires),), use)
    assert eager == compiled
    assert any("multiple views" in str(one) for one in eager[0]) == requires


def test_sums_of_gradients_keep_the_layout_of_the_first():
    """As they do when they are added in place."""

    def make():
        return rg.randn(3, 4, requires_grad=True), rg.randn(4, 4, requires_grad=True)

    def function(x, p, q):
        q.grad = None
        value = (rg.einsum("ij,jk->ik", p, q) * p).sum() + (p @ q).tanh().mean()
        (slope,) = rg.autograd.grad(value, p, create_graph=True)
        (slope**2).sum().backward()

    eager, compiled = both(function, make, lambda result, x, p, q: q.grad.stride())
    assert eager == compiled == [(1, 4)] * 4


def test_a_result_whose_graph_leads_to_nothing_outside():
    def function(x):
        inside = rg.zeros(3, requires_grad=True)
        return (inside * x + 1) * 2

    eager, compiled = both(function, tuple, lambda result, x: backward(result.sum()))
    assert eager == compiled == [[]] * 4


def test_a_detached_tensor_from_outside_counts_writes_with_it():
    def function(x, buffer):
        return buffer.detach(), x * 2

    def use(result, x, buffer):
        result[0].add_(1)
        return buffer._version, result[0]._version, buffer.tolist()

    eager, compiled = both(function, lambda: (rg.zeros(3),), use)
    assert eager == compiled


def test_results_count_the_writes_of_the_call():
    def function(x, p):
        first = x.clone().add_(1)
        first[0] = 3
        parts = (x * 2).add_(1).split([1, 2])
        return first, first.detach(), (p * x).mul_(2), p.view(3, 1), *parts, x * 1

    def use(result, x, p):
        before = [one._version for one in result]
        with rg.no_grad():
            result[0].add_(1)
        return before, [one._version for one in result]

    eager, compiled = both(function, leaf, use)
    assert eager == compiled
    assert eager[0][0] == [2, 2, 1, 0, 1, 1, 0]
