"""The losses of classes, differences and probabilities, with every option."""

import itertools
import math

import pytest

import retrograd as rg

from .parity import check_parity

REDUCTIONS = ("mean", "sum", "none")


def scores(t):
    return t.arange(12.0, dtype=t.float64).reshape(3, 4).sin()


def shares(t):
    return t.arange(12.0, dtype=t.float64).reshape(3, 4).cos().softmax(1)


def weights(t):
    return t.tensor([0.5, 2.0, 1.0, 3.0], dtype=t.float64)


def gradients(t, loss, *inputs):
    """Return a loss and the gradients of a weighted sum of it."""
    leaves = [one.clone().requires_grad_() for one in inputs]
    result = loss(*leaves)
    factors = t.arange(1.0, result.numel() + 1, dtype=result.dtype)
    (result * factors.reshape(result.shape)).sum().backward()
    return result.detach(), [leaf.grad for leaf in leaves]


def image(x):
    """Give rows of classes two dimensions more."""
    return x[:, :, None, None].expand(*x.shape, 2, 2)


def entropy(t, F, shape, soft, **settings):
    """Return the cross entropy of one row, of rows or of an image, and its gradients."""
    form = {"row": lambda x: x[0], "rows": lambda x: x, "image": image}[shape]
    if soft:
        return gradients(
            t, lambda x, p: F.cross_entropy(form(x), form(p), **settings), scores(t), shares(t)
        )
    target = t.tensor([3, 0, 1])
    if shape == "image":
        target = t.tensor([[[0, 1], [2, 3]], [[1, 1], [0, 2]], [[3, 3], [3, 0]]])
    target = target[0] if shape == "row" else target
    return gradients(t, lambda x: F.cross_entropy(form(x), target, **settings), scores(t))


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("soft", [False, True])
@pytest.mark.parametrize("shape", ["row", "rows", "image"])
def test_cross_entropy_like_torch(shape, soft, reduction):
    def program(t, nn):
        results = []
        for smoothing, weighted, ignored in itertools.product((0.0, 0.1), (0, 1), (None, 0)):
            settings = {"reduction": reduction, "label_smoothing": smoothing}
            if weighted:
                settings["weight"] = weights(t)
            if ignored is not None and not soft:
                settings["ignore_index"] = ignored
            results.append(entropy(t, nn.functional, shape, soft, **settings))
        return results

    check_parity(program)


OPTIONS = {
    "kl": lambda t, F, r: gradients(
        t, lambda x, p: F.kl_div(x.log_softmax(1), p, reduction=r), scores(t), shares(t)
    ),
    "kl of logarithms": lambda t, F, r: gradients(
        t,
        lambda x, p: F.kl_div(x.log_softmax(1), p.log(), reduction=r, log_target=True),
        scores(t),
        shares(t),
    ),
    "kl of zeros": lambda t, F, r: gradients(
        t,
        lambda x: F.kl_div(x, t.tensor([0.0, 1.0, -0.5, 0.0], dtype=t.float64), reduction=r),
        scores(t),
    ),
    "bce": lambda t, F, r: gradients(
        t,
        lambda x, p: F.binary_cross_entropy(x.sigmoid(), p, weights(t), reduction=r),
        scores(t),
        shares(t),
    ),
    "bce of scores": lambda t, F, r: gradients(
        t,
        lambda x, p: F.binary_cross_entropy_with_logits(
            x, p, weights(t), reduction=r, pos_weight=weights(t)
        ),
        scores(t),
        shares(t),
    ),
    "smooth": lambda t, F, r: gradients(
        t, lambda x, p: F.smooth_l1_loss(x, p, reduction=r, beta=0.3), scores(t), shares(t)
    ),
    "nll of an image": lambda t, F, r: gradients(
        t,
        lambda x: F.nll_loss(
            image(x), t.ones(3, 2, 2, dtype=t.int64), weights(t), reduction=r, ignore_index=2
        ),
        scores(t),
    ),
    **{
        f"weighted {name}": lambda t, F, r, n=name: gradients(
            t,
            lambda x, p: getattr(F, n)(x, p, reduction=r, weight=shares(t)),
            scores(t),
            shares(t),
        )
        for name in ("mse_loss", "l1_loss", "huber_loss")
    },
}


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("name", OPTIONS)
def test_options_like_torch(name, reduction):
    check_parity(lambda t, nn: OPTIONS[name](t, nn.functional, reduction))


def o(t, *shape):
    return t.ones(*shape)


def i(t, *shape):
    return t.ones(*shape, dtype=t.int64)


def d(t, *shape):
    return t.ones(*shape, dtype=t.float64)


CE, NLL, BCE = "cross_entropy", "nll_loss", "binary_cross_entropy"
BCEL, KL = "binary_cross_entropy_with_logits", "kl_div"
OUTCOMES = {
    "batchmean": lambda t: (KL, (o(t, 2, 3), o(t, 3)), {"reduction": "batchmean"}),
    "batchmean of a number": lambda t: (
        KL, (t.tensor(1.0), t.tensor(1.0)), {"reduction": "batchmean"},
    ),
    "kl reduction": lambda t: (KL, (o(t, 3), o(t, 3)), {"reduction": "x"}),
    "kl integers": lambda t: (KL, (o(t, 3), i(t, 3)), {"reduction": "sum"}),
    "kl former": lambda t: (KL, (o(t, 3), o(t, 3)), {"size_average": False}),
    "ce batch": lambda t: (CE, (o(t, 3, 4), i(t, 2)), {}),
    "ce floats": lambda t: (CE, (o(t, 3, 4), o(t, 3)), {}),
    "ce places": lambda t: (CE, (o(t, 3, 4, 2), i(t, 3, 3)), {}),
    "ce above": lambda t: (CE, (o(t, 3, 4), i(t, 3) * 7), {}),
    "ce below": lambda t: (CE, (o(t, 3, 4), -i(t, 3)), {}),
    "ce weight": lambda t: (CE, (o(t, 3, 4), i(t, 3), o(t, 3)), {}),
    "ce weight dtype": lambda t: (CE, (o(t, 3, 4), i(t, 3), d(t, 4)), {}),
    "ce smoothing above": lambda t: (CE, (o(t, 3, 4), i(t, 3)), {"label_smoothing": 2.0}),
    "ce smoothing below": lambda t: (CE, (o(t, 3, 4), i(t, 3)), {"label_smoothing": -0.1}),
    "ce reduction": lambda t: (CE, (o(t, 3, 4), i(t, 3)), {"reduction": "x"}),
    "ce shares": lambda t: (CE, (o(t, 3, 4), o(t, 3, 5)), {}),
    "ce shares ignored": lambda t: (CE, (o(t, 3, 4), o(t, 3, 4)), {"ignore_index": 1}),
    "ce shares weight": lambda t: (CE, (o(t, 3, 4), o(t, 3, 4), o(t, 3)), {}),
    "ce shares of doubles": lambda t: (CE, (o(t, 3, 4), d(t, 3, 4)), {}),
    "ce integers": lambda t: (CE, (i(t, 3, 4), i(t, 3)), {}),
    "ce nothing": lambda t: (CE, (o(t, 0, 4), i(t, 0)), {}),
    "ce all ignored": lambda t: (CE, (o(t, 2, 4), i(t, 2)), {"ignore_index": 1}),
    "ce int32": lambda t: (CE, (o(t, 2, 4), t.ones(2, dtype=t.int32)), {}),
    "ce bytes": lambda t: (CE, (o(t, 2, 4), t.ones(2, dtype=t.uint8)), {"label_smoothing": 0.1}),
    "ce bools": lambda t: (CE, (o(t, 2, 4), t.ones(2, dtype=t.bool)), {}),
    "ce former": lambda t: (CE, (o(t, 2, 4), i(t, 2)), {"reduce": False}),
    "ce of a list": lambda t: (CE, ([1.0], i(t, 1)), {}),
    "nll of a number": lambda t: (NLL, (t.tensor(1.0), t.tensor(0)), {}),
    "nll matrix": lambda t: (NLL, (o(t, 3, 4), i(t, 3, 4)), {}),
    "nll places": lambda t: (NLL, (o(t, 3, 4, 2, 2), i(t, 3, 2, 3)), {}),
    "nll integers": lambda t: (NLL, (i(t, 3, 4), i(t, 3)), {}),
    "nll integer places": lambda t: (NLL, (i(t, 3, 4, 2), i(t, 3, 2)), {}),
    "nll above": lambda t: (NLL, (o(t, 3, 4), i(t, 3) * 4), {}),
    "bce above": lambda t: (BCE, (o(t, 3) * 2, o(t, 3)), {}),
    "bce target": lambda t: (BCE, (o(t, 3), o(t, 3) * 2), {}),
    "bce nan": lambda t: (BCE, (o(t, 3) * math.nan, o(t, 3)), {}),
    "bce shapes": lambda t: (BCE, (o(t, 3), o(t, 2)), {}),
    "bce dtypes": lambda t: (BCE, (o(t, 3), d(t, 3)), {}),
    "bce integers": lambda t: (BCE, (i(t, 3), i(t, 3)), {}),
    "bce weight": lambda t: (BCE, (o(t, 3) / 2, o(t, 3), o(t, 2)), {}),
    "bce bounds": lambda t: (
        BCE, (t.tensor([0.0, 1.0, 0.0, 1.0]), t.tensor([0.0, 1.0, 1.0, 0.0])),
        {"reduction": "none"},
    ),
    "bce of scores, shapes": lambda t: (BCEL, (o(t, 3), o(t, 2)), {}),
    "bce of scores, bools": lambda t: (BCEL, (o(t, 3), t.ones(3, dtype=t.bool)), {}),
    "bce of scores, integer target": lambda t: (BCEL, (o(t, 3), i(t, 3)), {}),
    "bce of scores, integers": lambda t: (BCEL, (i(t, 3), i(t, 3)), {}),
    "bce of scores, doubles": lambda t: (BCEL, (o(t, 3), d(t, 3)), {}),
    "bce of scores, of doubles": lambda t: (BCEL, (d(t, 3), o(t, 3)), {}),
    "mse wider": lambda t: ("mse_loss", (o(t, 3), o(t, 2, 3)), {}),
    "mse integer target": lambda t: ("mse_loss", (o(t, 3), i(t, 3) * 3), {}),
    "mse integers": lambda t: ("mse_loss", (i(t, 3), i(t, 3)), {}),
    "mse doubles": lambda t: ("mse_loss", (o(t, 3), d(t, 3) * 3), {}),
    "mse nothing": lambda t: ("mse_loss", (o(t, 0), o(t, 0)), {}),
    "mse weight": lambda t: ("mse_loss", (o(t, 3), o(t, 3)), {"weight": o(t, 2)}),
    "l1 integers": lambda t: ("l1_loss", (i(t, 3), i(t, 3) * 3), {"reduction": "sum"}),
    "l1 mean of integers": lambda t: ("l1_loss", (i(t, 3), i(t, 3)), {}),
    "smooth beta": lambda t: ("smooth_l1_loss", (o(t, 3), o(t, 3)), {"beta": -1}),
    "smooth without": lambda t: ("smooth_l1_loss", (o(t, 3), o(t, 3) * 2), {"beta": 0}),
    "smooth integers": lambda t: ("smooth_l1_loss", (i(t, 3), i(t, 3)), {}),
    "smooth integer target": lambda t: ("smooth_l1_loss", (o(t, 3), i(t, 3) * 3), {}),
    "huber delta": lambda t: ("huber_loss", (o(t, 3), o(t, 3)), {"delta": 0}),
    "huber integers": lambda t: ("huber_loss", (i(t, 3), i(t, 3)), {}),
    "huber integer target": lambda t: ("huber_loss", (o(t, 3), i(t, 3) * 3), {}),
    "huber doubles": lambda t: ("huber_loss", (o(t, 3), d(t, 3) * 3), {}),
}  # fmt: skip


@pytest.mark.parametrize("name", OUTCOMES)
def test_outcomes_like_torch(name):
    def program(t, nn):
        function, args, settings = OUTCOMES[name](t)
        return getattr(nn.functional, function)(*args, **settings)

    check_parity(program)


@pytest.mark.parametrize(
    "name", ["L1Loss", "MSELoss", "SmoothL1Loss", "KLDivLoss", "NLLLoss", "BCELoss"]
)
def test_former_arguments_of_modules(name):
    check_parity(lambda t, nn: getattr(nn, name)(size_average=False).reduction)


def test_mismatched_shapes_name_both():
    losses = rg.nn.functional
    for name in (BCE, BCEL):
        with pytest.raises(ValueError, match=r"torch\.Size\(\[2\]\).*torch\.Size\(\[3\]\)"):
            getattr(losses, name)(rg.ones(3), rg.ones(2))
    with pytest.raises(ValueError, match=r"batch_size \(3\) to match target batch_size \(2\)"):
        losses.cross_entropy(rg.ones(3, 4), rg.ones(2, dtype=rg.int64))
    with (
        pytest.warns(UserWarning, match=r"torch\.Size\(\[4\]\).*torch\.Size\(\[3\]\)"),
        pytest.raises(RuntimeError, match=r"tensor a \(3\) must match .* tensor b \(4\)"),
    ):
        losses.mse_loss(rg.ones(3), rg.ones(4))
