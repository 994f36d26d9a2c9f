"""Transforms, constraints and their registries against PyTorch's."""

from __future__ import annotations

import numpy as np
import pytest

from ..nn.parity import check_parity

TRANSFORMS = {
    "exp": (lambda t, D: D.ExpTransform(), (3,)),
    "exp_cached": (lambda t, D: D.ExpTransform(cache_size=1), (3,)),
    "power": (lambda t, D: D.PowerTransform(t.tensor([2.0, -0.5, 1.0])), (2, 3)),
    "sigmoid": (lambda t, D: D.SigmoidTransform(), (3,)),
    "softplus": (lambda t, D: D.SoftplusTransform(), (3,)),
    "tanh": (lambda t, D: D.TanhTransform(), (3,)),
    "abs": (lambda t, D: D.AbsTransform(), (3,)),
    "affine": (lambda t, D: D.AffineTransform(1.0, -2.0), (3,)),
    "affine_event": (lambda t, D: D.AffineTransform(1.0, t.tensor([1.0, 3.0]), 1), (3, 2)),
    "affine_event_number": (lambda t, D: D.AffineTransform(1.0, 3.0, event_dim=1), (3, 2)),
    "softmax": (lambda t, D: D.SoftmaxTransform(), (3, 2)),
    "sticks": (lambda t, D: D.StickBreakingTransform(), (3, 2)),
    "lower_cholesky": (lambda t, D: D.LowerCholeskyTransform(), (2, 3, 3)),
    "positive_definite": (lambda t, D: D.PositiveDefiniteTransform(), (2, 3, 3)),
    "reshape": (lambda t, D: D.ReshapeTransform((2, 3), (6,)), (4, 2, 3)),
    "independent": (lambda t, D: D.IndependentTransform(D.ExpTransform(), 1), (4, 3)),
    "compose": (
        lambda t, D: D.ComposeTransform([D.AffineTransform(1.0, 2.0), D.ExpTransform()]), (3,),
    ),
    "compose_events": (
        lambda t, D: D.ComposeTransform([D.ExpTransform(), D.StickBreakingTransform()]), (2, 3),
    ),
    "compose_cached": (
        lambda t, D: D.ComposeTransform([D.TanhTransform(), D.ExpTransform()], cache_size=1), (3,),
    ),
    "compose_nothing": (lambda t, D: D.ComposeTransform([]), (3,)),
    "inverse": (lambda t, D: D.ComposeTransform([D.ExpTransform()]).inv, (3,)),
    "inverse_exp": (lambda t, D: D.ExpTransform().inv, (3,)),
    "cat": (
        lambda t, D: D.CatTransform([D.ExpTransform(), D.AffineTransform(1.0, 2.0)], 0, [2, 1]),
        (3,),
    ),
    "cat_last": (
        lambda t, D: D.CatTransform([D.ExpTransform(), D.TanhTransform()], -1, [1, 2]), (2, 3),
    ),
    "stack": (lambda t, D: D.StackTransform([D.ExpTransform(), D.TanhTransform()], 1), (3, 2)),
    "distribution": (
        lambda t, D: D.CumulativeDistributionTransform(D.Normal(0.0, 1.0)), (3,),
    ),
}  # fmt: skip


def asked(make, shape):
    def program(t, nn):
        made = make(t, t.distributions)
        x = t.from_numpy(np.random.default_rng(0).uniform(0.1, 1.5, shape)).float()
        x.requires_grad_()
        y = made(x)
        seen = [
            str(made), made.bijective, str(made.domain), str(made.codomain), y,
            made.inv(y.detach()), str(made.inv), made.inv.inv is made, made == made,
            tuple(made.forward_shape(x.shape)), tuple(made.inverse_shape(y.shape)),
        ]  # fmt: skip
        seen += t.autograd.grad(y.sum(), x, retain_graph=True)
        for what in (
            lambda: made.sign, lambda: made.event_dim, lambda: made.log_abs_det_jacobian(x, y),
            lambda: made.inv.log_abs_det_jacobian(y, x), lambda: str(made.with_cache(1)),
        ):  # fmt: skip
            try:
                seen.append(what())
            except Exception as error:
                seen.append(type(error).__name__)
        return seen

    return program


@pytest.mark.parametrize("name", TRANSFORMS)
def test_transforms(name):
    # Float32: inverses amplify the rounding of what they undo.
    check_parity(asked(*TRANSFORMS[name]), tolerance=2e-5)


CONSTRAINTS = {
    "boolean": [0.0, 1.0, 0.5],
    "one_hot": [[0.0, 1.0], [1.0, 1.0], [0.5, 0.5]],
    "nonnegative_integer": [-1.0, 0.0, 1.5],
    "positive_integer": [0.0, 1.0, 1.5],
    "real": [0.0, float("nan"), float("inf")],
    "real_vector": [[0.0, float("nan")], [1.0, 2.0]],
    "positive": [0.0, 1.0, -1.0],
    "nonnegative": [0.0, 1.0, -1.0],
    "unit_interval": [0.0, 1.0, 1.5],
    "simplex": [[0.5, 0.5], [0.6, 0.5], [-0.5, 1.5]],
    "lower_triangular": [[[1.0, 0.0], [2.0, -3.0]], [[1.0, 2.0], [0.0, 1.0]]],
    "lower_cholesky": [[[1.0, 0.0], [2.0, -3.0]], [[1.0, 0.0], [2.0, 3.0]]],
    "corr_cholesky": [[[1.0, 0.0], [0.6, 0.8]], [[1.0, 0.0], [2.0, 3.0]]],
    "square": [[[1.0, 0.0], [2.0, -3.0]]],
    "symmetric": [[[1.0, 2.0], [2.0, 3.0]], [[1.0, 2.0], [0.0, 3.0]]],
    "positive_semidefinite": [[[1.0, 1.0], [1.0, 1.0]], [[1.0, 2.0], [2.0, 1.0]]],
    "positive_definite": [[[2.0, 1.0], [1.0, 1.0]], [[1.0, 2.0], [2.0, 1.0]]],
}


def told(make, values):
    def program(t, nn):
        made = make(t.distributions.constraints)
        value = t.tensor(values)
        return [repr(made), made.is_discrete, made.event_dim, made.check(value)]

    return program


@pytest.mark.parametrize("name", CONSTRAINTS)
def test_constraints(name):
    check_parity(told(lambda c: getattr(c, name), CONSTRAINTS[name]))


MADE = [
    (lambda c: c.interval(-1, 2.5), [-2.0, -1.0, 2.5, 3.0]),
    (lambda c: c.half_open_interval(-1, 2.5), [-2.0, -1.0, 2.5, 3.0]),
    (lambda c: c.integer_interval(0, 2), [-1.0, 0.0, 0.5, 2.0, 3.0]),
    (lambda c: c.greater_than(1), [1.0, 2.0]),
    (lambda c: c.greater_than_eq(1), [1.0, 0.0]),
    (lambda c: c.less_than(1), [1.0, 0.0]),
    (lambda c: c.multinomial(3), [[1.0, 2.0], [2.0, 2.0], [-1.0, 2.0]]),
    (lambda c: c.independent(c.positive, 1), [[1.0, 2.0], [2.0, -2.0]]),
    (lambda c: c.independent(c.positive, 2), [1.0, 2.0]),
    (lambda c: c.cat([c.positive, c.real], 0, [2, 1]), [-1.0, 2.0, -3.0]),
    (lambda c: c.stack([c.positive, c.unit_interval], -1), [[1.0, 2.0], [-2.0, 0.5]]),
    (lambda c: c.MixtureSameFamilyConstraint(c.positive), [1.0, -1.0]),
    (lambda c: c.dependent, [1.0]),
    (lambda c: c.dependent(is_discrete=True, event_dim=1), [1.0]),
]


@pytest.mark.parametrize("number", range(len(MADE)))
def test_made_constraints(number):
    make, values = MADE[number]

    def checked(t):
        return make(t.distributions.constraints).check(t.tensor(values))

    check_parity(
        lambda t, nn: [attempt(lambda: told(make, values)(t, nn)), attempt(lambda: checked(t))]
    )


def attempt(call):
    try:
        return call()
    except Exception as error:
        return f"{type(error).__name__}: {error}"


REGISTERED = [
    "c.real", "c.positive", "c.nonnegative", "c.greater_than(1.0)", "c.less_than(1.0)",
    "c.interval(1.0, 3.0)", "c.half_open_interval(0.0, 1.0)", "c.unit_interval", "c.simplex",
    "c.lower_cholesky", "c.positive_definite", "c.positive_semidefinite",
    "c.independent(c.positive, 1)", "c.cat([c.positive, c.real], 0, [1, 1])",
    "c.stack([c.positive, c.real], 0)", "c.boolean", "c.dependent", "'text'",
]  # fmt: skip


@pytest.mark.parametrize("text", REGISTERED)
def test_registries(text):
    def program(t, nn):
        given = eval(text, {"c": t.distributions.constraints})
        seen = []
        for registry in (t.distributions.biject_to, t.distributions.transform_to):
            seen.append(attempt(lambda registry=registry: str(registry(given))))
        return seen

    check_parity(program)


COMPLAINTS = [
    lambda D: D.ExpTransform(cache_size=2),
    lambda D: D.Transform()(1),
    lambda D: D.ReshapeTransform((2,), (3,)),
    lambda D: D.SoftmaxTransform().log_abs_det_jacobian(1, 1),
    lambda D: D.biject_to.register("text", 1),
    lambda D: D.TransformedDistribution(D.Normal(0.0, 1.0), 3),
    lambda D: D.TransformedDistribution(D.Normal(0.0, 1.0), [3]),
    lambda D: D.TransformedDistribution(D.Normal(0.0, 1.0), [D.SoftmaxTransform()]),
]


@pytest.mark.parametrize("number", range(len(COMPLAINTS)))
def test_complaints(number):
    check_parity(lambda t, nn: COMPLAINTS[number](t.distributions))


def test_a_cache_gives_back_the_very_tensor():
    import retrograd as torch

    made = torch.distributions.TanhTransform(cache_size=1)
    x = torch.tensor([20.0])
    y = made(x)
    assert made.inv(y) is x
    assert made(x) is y
