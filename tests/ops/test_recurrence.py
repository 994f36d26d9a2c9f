"""Recurrent operations: the fast kernels against their definitions, and finite differences."""

import numpy as np
import pytest

import retrograd
from retrograd.ops.elman import elman_definition, elman_dense, elman_packed
from retrograd.ops.gru import gru_definition, gru_dense, gru_packed
from retrograd.ops.lstm import lstm_definition, lstm_dense, lstm_packed
from retrograd.ops.packing import steps_mask, turned_round
from retrograd.ops.recurrence import previous_states, runs_of

GATES = {"lstm": 4, "gru": 3, "elman": 1, "elman relu": 1}
OPERATIONS = {
    "lstm": (lstm_dense, lstm_packed, lstm_definition),
    "gru": (gru_dense, gru_packed, gru_definition),
    "elman": (elman_dense, elman_packed, elman_definition),
    "elman relu": (elman_dense, elman_packed, elman_definition),
}
LAYOUTS = {
    "dense": ((4, 3, 2), None),
    "one step": ((1, 2, 2), None),
    "one sequence": ((3, 1, 2), None),
    "packed": ((10, 2), (3, 3, 2, 1, 1)),
    "packed, of equal lengths": ((4, 2), (2, 2)),
}


def operands_of(kind, layout, bias=True, projected=False):
    """Return float64 operands that require grad, and the settings."""
    shape, sizes = LAYOUTS[layout]
    random = np.random.default_rng(5)
    batch = shape[1] if sizes is None else sizes[0]
    hidden = 3
    result = 2 if projected else hidden
    rows = GATES[kind] * hidden

    def draw(*shape):
        return retrograd.from_numpy(random.standard_normal(shape) * 0.7).requires_grad_()

    operands = [draw(*shape), draw(batch, result)]
    if kind == "lstm":
        operands.append(draw(batch, hidden))
    operands += [draw(rows, shape[-1]), draw(rows, result)]
    operands += [draw(rows), draw(rows)] if bias else [None, None]
    if kind == "lstm":
        operands.append(draw(result, hidden) if projected else None)
    settings = {"sizes": sizes}
    if kind == "elman relu":
        settings["rectified"] = True
    return operands, settings


def weighted(results, salt):
    """Return a number that depends on every element of some tensors."""
    random = np.random.default_rng(salt)
    total = 0
    for one in results:
        if one is not None:
            total = total + (one * retrograd.from_numpy(random.standard_normal(one.shape))).sum()
    return total


def gradients(call, operands, salt=1, **settings):
    """Return results, first gradients, and gradients of a weighted sum of those."""
    results = call(*operands, **settings)
    leaves = [one for one in operands if one is not None]
    count = 3 if call in OPERATIONS["lstm"] else 2
    total = weighted(results[:count], salt)
    plain = retrograd.autograd.grad(total, leaves, retain_graph=True)
    recorded = retrograd.autograd.grad(total, leaves, create_graph=True)
    second = retrograd.autograd.grad(
        weighted(recorded, salt + 1), leaves, materialize_grads=True
    )
    return results[:count], plain, recorded, second


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize(
    ("kind", "bias", "projected"),
    [(kind, bias, False) for kind in GATES for bias in (True, False)] + [("lstm", True, True)],
)
def test_kernel_and_rule_against_the_definition(kind, layout, bias, projected):
    operands, settings = operands_of(kind, layout, bias, projected)
    dense, packed, definition = OPERATIONS[kind]
    operation = dense if settings["sizes"] is None else packed
    found = gradients(operation, operands, **settings)
    wanted = gradients(definition, operands, **settings)
    for what, ours, theirs in zip(("result", "gradient", "recorded", "second"), found, wanted):
        for mine, other in zip(ours, theirs, strict=True):
            assert mine.shape == other.shape
            np.testing.assert_allclose(
                mine.detach().numpy(), other.detach().numpy(), rtol=1e-9, atol=1e-11, err_msg=what
            )


@pytest.mark.parametrize("kind", GATES)
@pytest.mark.parametrize("layout", ["dense", "packed"])
def test_finite_differences(kind, layout):
    operands, settings = operands_of(kind, layout)
    dense, packed, _ = OPERATIONS[kind]
    operation = dense if settings["sizes"] is None else packed
    leaves = [one for one in operands if one is not None]
    count = 3 if kind == "lstm" else 2

    def first(*given):
        given = iter(given)
        return operation(
            *[None if one is None else next(given) for one in operands], **settings
        )[:count]

    assert retrograd.autograd.gradcheck(first, leaves)


@pytest.mark.parametrize("kind", ["lstm", "gru", "elman"])
def test_second_derivatives_by_finite_differences(kind):
    operands, settings = operands_of(kind, "one sequence")
    operation = OPERATIONS[kind][0]
    leaves = [one for one in operands if one is not None]
    random = np.random.default_rng(9)
    directions = [retrograd.from_numpy(random.standard_normal(one.shape)) for one in leaves]

    def first_at(step):
        moved = [
            (one.detach() + step * way).requires_grad_() for one, way in zip(leaves, directions)
        ]
        given = iter(moved)
        results = operation(
            *[None if one is None else next(given) for one in operands], **settings
        )[: 3 if kind == "lstm" else 2]
        return retrograd.autograd.grad(weighted(results, 1), moved)

    wanted = [(p - m) / 2e-5 for p, m in zip(first_at(1e-5), first_at(-1e-5))]
    results = operation(*operands, **settings)[: 3 if kind == "lstm" else 2]
    first = retrograd.autograd.grad(weighted(results, 1), leaves, create_graph=True)
    total = sum((one * way).sum() for one, way in zip(first, directions))
    for mine, other in zip(retrograd.autograd.grad(total, leaves), wanted):
        np.testing.assert_allclose(mine.numpy(), other.numpy(), rtol=1e-5, atol=1e-7)


def test_third_derivatives_close():
    operands, settings = operands_of("gru", "one step")
    leaves = [one for one in operands if one is not None]
    total = weighted(gru_dense(*operands, **settings)[:2], 1)
    for order in range(3):
        grads = retrograd.autograd.grad(total, leaves, create_graph=True, allow_unused=True)
        total = weighted([g for g in grads if g is not None], order)
    assert np.isfinite(float(total))


def test_backward_leaves_the_gradients_it_is_given_alone():
    operands, settings = operands_of("elman", "dense")
    results = elman_dense(*operands, **settings)
    given = [retrograd.ones_like(one) for one in results]
    retrograd.autograd.grad(results, operands, given, retain_graph=True)
    assert all((one == 1).all() for one in given)


def test_backward_twice_gives_the_same():
    for kind in GATES:
        operands, settings = operands_of(kind, "dense")
        leaves = [one for one in operands if one is not None]
        total = OPERATIONS[kind][0](*operands, **settings)[0].sum()
        once = retrograd.autograd.grad(total, leaves, retain_graph=True)
        again = retrograd.autograd.grad(total, leaves)
        assert all(retrograd.equal(a, b) for a, b in zip(once, again))


def test_an_extreme_sigmoid_does_not_overflow():
    operands, settings = operands_of("lstm", "dense")
    with retrograd.no_grad():
        operands[0].mul_(1e4)
    out, _, cell, _ = lstm_dense(*operands, **settings)
    assert out.isfinite().all()
    assert cell.isfinite().all()
    out.sum().backward()
    assert all(one.grad.isfinite().all() for one in operands if one is not None)


def test_rows_in_time():
    assert runs_of((5, 2, 3), None) == [(5, 2)]
    assert runs_of((10, 2), (3, 3, 2, 1, 1)) == [(2, 3), (1, 2), (2, 1)]
    assert steps_mask((3, 1), 3).tolist() == [[True] * 3, [True, False, False]]
    # Sequences a, b of lengths 3 and 2: a0 b0 a1 b1 a2 turned round is a2 b1 a1 b0 a0.
    assert turned_round((2, 2, 1)).tolist() == [4, 3, 2, 1, 0]
    assert turned_round((2, 1, 1)).tolist() == [3, 1, 2, 0]
    out = np.arange(5.0)[:, None]
    first = np.array([[-1.0], [-2.0]])
    before = previous_states(out, first, runs_of((5, 1), (2, 2, 1)))
    assert before[:, 0].tolist() == [-1, -2, 0, 1, 2]
