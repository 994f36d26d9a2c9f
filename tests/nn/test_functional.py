"""nn.functional: values, gradients, node names, complaints."""

import warnings

import pytest

import retrograd as rg
import retrograd.nn.functional as F

from .parity import check_parity


def gradients(t, function, *leaves, **settings):
    """Return a function's result and the gradients of a weighted sum of it."""
    leaves = [leaf.requires_grad_() if leaf.is_floating_point() else leaf for leaf in leaves]
    result = function(*leaves, **settings)
    weights = t.arange(1.0, result.numel() + 1).reshape(result.shape).to(result.dtype)
    (result * weights).sum().backward()
    return result, [leaf.grad for leaf in leaves if leaf.is_floating_point()]


def steps(t):
    """Return numbers on both sides of every kink."""
    return t.tensor([[-7.0, -3.0, -1.5, -1.0, -0.5], [0.0, 0.25, 0.5, 1.0, 3.0]])


ACTIVATIONS = {
    "relu": {},
    "leaky_relu": {"negative_slope": 0.2},
    "elu": {"alpha": 1.5},
    "celu": {"alpha": 1.5},
    "selu": {},
    "gelu": {},
    "silu": {},
    "mish": {},
    "softplus": {"beta": 2.0, "threshold": 5.0},
    "logsigmoid": {},
    "hardtanh": {"min_val": -1.0, "max_val": 0.5},
    "relu6": {},
    "hardsigmoid": {},
    "hardswish": {},
    "hardshrink": {},
    "softshrink": {},
    "tanhshrink": {},
    "softsign": {},
    "sigmoid": {},
    "tanh": {},
    "threshold": {"threshold": 0.25, "value": 7.0},
    "softmax": {"dim": 1},
    "log_softmax": {"dim": 0},
    "softmin": {"dim": -1},
}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", ACTIVATIONS)
def test_activation_like_torch(name, dtype):
    def program(t, nn):
        function = getattr(nn.functional, name)
        return gradients(t, function, steps(t).to(getattr(t, dtype)), **ACTIVATIONS[name])

    if name == "celu":  # here it is elu with other settings, and its node says so
        check_parity(lambda t, nn: _detached(program(t, nn)))
    else:
        check_parity(program)


def test_approximate_gelu_like_torch():
    check_parity(lambda t, nn: gradients(t, nn.functional.gelu, steps(t), approximate="tanh"))


IN_PLACE = ["relu_", "leaky_relu_", "elu_", "celu_", "selu_", "hardtanh_", "threshold_"]


@pytest.mark.parametrize("name", IN_PLACE)
def test_in_place_activation_like_torch(name):
    def program(t, nn):
        function = getattr(nn.functional, name)
        arguments = (0.25, 7.0) if name == "threshold_" else ()
        x = steps(t)
        same = function(x, *arguments) is x
        leaf = steps(t).requires_grad_()
        inner = leaf * 1
        function(inner, *arguments).sum().backward()
        return same, x, inner.detach(), leaf.grad

    check_parity(program)


@pytest.mark.parametrize("name", sorted(ACTIVATIONS))
@pytest.mark.parametrize("dtype", ["int64", "bool", "complex64"])
def test_activation_of_other_dtypes_like_torch(name, dtype):
    if dtype == "complex64" and name in ("softmax", "log_softmax", "softmin", "threshold"):
        pytest.skip("left to NumPy")
    if (dtype, name) in (("bool", "softmin"), ("bool", "tanhshrink"), ("bool", "threshold")):
        pytest.skip("PyTorch's words name another operation")

    def program(t, nn):
        x = t.tensor([1, -2, 3]).to(getattr(t, dtype))
        settings = {k: 0 if k == "dim" else v for k, v in ACTIVATIONS[name].items()}
        try:
            return getattr(nn.functional, name)(x, **settings)
        except RuntimeError as error:
            return str(error).split("\n")[0]

    check_parity(program)


def scores(t):
    t.manual_seed(3)
    return t.randn(4, 5, dtype=t.float64)


CLASSES = {
    "mean": {},
    "sum": {"reduction": "sum"},
    "none": {"reduction": "none"},
    "ignored": {"ignore_index": 1},
    "ignored none": {"ignore_index": 1, "reduction": "none"},
}


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("settings", CLASSES)
@pytest.mark.parametrize("name", ["cross_entropy", "nll_loss"])
def test_class_losses_like_torch(name, settings, weighted):
    def program(t, nn):
        weight = t.tensor([0.5, 1.0, 2.0, 0.1, 3.0], dtype=t.float64) if weighted else None
        function = getattr(nn.functional, name)
        target = t.tensor([4, 1, 0, 1])
        return gradients(t, function, scores(t), target, weight=weight, **CLASSES[settings])

    check_parity(program)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("settings", CLASSES)
def test_label_smoothing_like_torch(settings, weighted):
    def program(t, nn):
        weight = t.tensor([0.5, 1.0, 2.0, 0.1, 3.0], dtype=t.float64) if weighted else None
        result, grads = gradients(
            t,
            nn.functional.cross_entropy,
            scores(t),
            t.tensor([4, 1, 0, 1]),
            weight=weight,
            label_smoothing=0.3,
            **CLASSES[settings],
        )
        return result.detach(), grads

    check_parity(program)


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("smoothing", [0.0, 0.2])
@pytest.mark.parametrize("weighted", [False, True])
def test_cross_entropy_of_probabilities_like_torch(reduction, smoothing, weighted):
    def program(t, nn):
        weight = t.tensor([0.5, 1.0, 2.0, 0.1, 3.0], dtype=t.float64) if weighted else None
        target = t.softmax(scores(t) * 2, 1)
        result, grads = gradients(
            t,
            nn.functional.cross_entropy,
            scores(t),
            target.detach(),
            weight=weight,
            reduction=reduction,
            label_smoothing=smoothing,
        )
        return result.detach(), grads

    check_parity(program)


SHAPES = {
    "one row": lambda t, F: F.cross_entropy(t.ones(4), t.tensor(1)),
    "one row none": lambda t, F: F.cross_entropy(t.ones(4), t.tensor(1), reduction="none"),
    "one row listed": lambda t, F: F.nll_loss(t.ones(4), t.tensor([1]), reduction="none"),
    "sequence": lambda t, F: gradients(
        t, F.cross_entropy, t.randn(2, 3, 4), t.tensor([[0, 1, 2, 1], [2, 2, 0, 1]])
    )[1],
    "image": lambda t, F: gradients(
        t, F.nll_loss, t.randn(2, 3, 2, 2), t.ones(2, 2, 2, dtype=t.int64), reduction="none"
    )[1],
    "no rows": lambda t, F: F.cross_entropy(t.ones(0, 3), t.ones(0, dtype=t.int64)),
    "no rows sum": lambda t, F: F.cross_entropy(
        t.ones(0, 3), t.ones(0, dtype=t.int64), reduction="sum"
    ),
    "all ignored": lambda t, F: F.cross_entropy(t.ones(2, 3), t.tensor([-100, -100])),
    "bytes": lambda t, F: F.cross_entropy(t.ones(2, 3), t.tensor([1, 2], dtype=t.uint8)),
}


@pytest.mark.parametrize("name", SHAPES)
def test_class_loss_shapes_like_torch(name):
    check_parity(lambda t, nn: SHAPES[name](t, nn.functional))


DIFFERENCES = {
    "mse_loss": {},
    "l1_loss": {},
    "smooth_l1_loss": {"beta": 0.7},
    "huber_loss": {"delta": 0.7},
    "kl_div": {},
    "binary_cross_entropy_with_logits": {},
}


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("name", DIFFERENCES)
def test_difference_losses_like_torch(name, reduction):
    def program(t, nn):
        x = scores(t)
        y = t.sigmoid(scores(t).flip(0))
        function = getattr(nn.functional, name)
        result, grads = gradients(t, function, x, y, reduction=reduction, **DIFFERENCES[name])
        return result.detach() if name == "kl_div" else result, grads

    if name == "binary_cross_entropy_with_logits":
        check_parity(lambda t, nn: _detached(program(t, nn)))
    else:
        check_parity(program)


def _detached(pair):
    return pair[0].detach(), pair[1]


WEIGHTED = {
    "mse_loss": {"weight": lambda t: t.sigmoid(scores(t))},
    "l1_loss": {"weight": lambda t: t.sigmoid(scores(t))},
    "huber_loss": {"weight": lambda t: t.sigmoid(scores(t))},
    "binary_cross_entropy": {"weight": lambda t: t.arange(1.0, 6.0, dtype=t.float64)},
    "binary_cross_entropy_with_logits": {
        "weight": lambda t: t.arange(1.0, 6.0, dtype=t.float64),
        "pos_weight": lambda t: t.arange(2.0, 7.0, dtype=t.float64),
    },
}


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("name", WEIGHTED)
def test_weighted_losses_like_torch(name, reduction):
    def program(t, nn):
        x = t.sigmoid(scores(t)) if name == "binary_cross_entropy" else scores(t)
        y = t.sigmoid(scores(t).flip(0))
        weights = {key: make(t) for key, make in WEIGHTED[name].items()}
        function = getattr(nn.functional, name)
        return _detached(gradients(t, function, x.detach(), y, reduction=reduction, **weights))

    check_parity(program)


def test_kl_div_variants_like_torch():
    def program(t, nn):
        x, y = scores(t), t.sigmoid(scores(t).flip(0))
        F = nn.functional
        return (
            F.kl_div(x, y, reduction="batchmean"),
            F.kl_div(x, y.log(), log_target=True, reduction="sum"),
            F.kl_div(x, y),
        )

    check_parity(program)


COMPLAINTS = {
    "softmax without dim": lambda t, F: F.softmax(t.ones(2, 2)),
    "log_softmax without dim": lambda t, F: F.log_softmax(t.ones(2, 2, 2)),
    "softmax dim": lambda t, F: F.softmax(t.ones(2, 2), 5),
    "softmax in float64": lambda t, F: F.softmax(t.tensor([1, 2]), 0, dtype=t.float64),
    "softmax of a scalar": lambda t, F: F.softmax(t.tensor(3.0), 0),
    "relu of an int": lambda t, F: F.relu(3),
    "gelu approximate": lambda t, F: F.gelu(t.ones(2), approximate="q"),
    "softshrink below 0": lambda t, F: F.softshrink(t.ones(2), -1.0),
    "batch sizes": lambda t, F: F.cross_entropy(t.ones(3, 4), t.tensor([0, 1])),
    "float targets": lambda t, F: F.cross_entropy(t.ones(3, 4), t.ones(3)),
    "int32 targets": lambda t, F: F.cross_entropy(t.ones(3, 4), t.ones(3, dtype=t.int32)),
    "class out of range": lambda t, F: F.cross_entropy(t.ones(2, 4), t.tensor([0, 9])),
    "class below 0": lambda t, F: F.nll_loss(t.ones(2, 4), t.tensor([0, -1])),
    "reduction": lambda t, F: F.cross_entropy(t.ones(2, 4), t.tensor([0, 1]), reduction="q"),
    "smoothing": lambda t, F: F.cross_entropy(t.ones(2, 4), t.tensor([0, 1]), label_smoothing=2),
    "several targets": lambda t, F: F.cross_entropy(t.ones(3, 4), t.ones(3, 2)),
    "class weights": lambda t, F: F.cross_entropy(t.ones(2, 4), t.tensor([0, 1]), weight=t.ones(3)),
    "class weights dtype": lambda t, F: F.cross_entropy(
        t.ones(2, 4), t.tensor([0, 1]), weight=t.ones(4, dtype=t.float64)
    ),
    "probability weights": lambda t, F: F.cross_entropy(
        t.ones(2, 4), t.ones(2, 4), weight=t.ones(3)
    ),
    "target int": lambda t, F: F.cross_entropy(t.ones(2, 4), 3),
    "scalar scores": lambda t, F: F.nll_loss(t.tensor(1.0), t.tensor(0)),
    "sequence sizes": lambda t, F: F.nll_loss(t.ones(2, 3, 4), t.ones(2, 5, dtype=t.int64)),
    "sequence dims": lambda t, F: F.nll_loss(t.ones(2, 3, 4), t.ones(2, 4, 2, dtype=t.int64)),
    "image sizes": lambda t, F: F.nll_loss(t.ones(2, 3, 4, 4), t.ones(2, 4, 5, dtype=t.int64)),
    "whole probabilities": lambda t, F: F.cross_entropy(t.ones(2, 2), t.ones(2, 2, dtype=t.int64)),
    "ignored probabilities": lambda t, F: F.cross_entropy(
        t.ones(2, 2), t.ones(2, 2), ignore_index=1
    ),
    "broadcast mse": lambda t, F: F.mse_loss(t.ones(3, 4), t.ones(4)),
    "broadcast l1": lambda t, F: F.l1_loss(t.ones(3, 4), t.zeros(3, 1)),
    "mse shapes": lambda t, F: F.mse_loss(t.ones(3, 4), t.ones(2, 4)),
    "mse of ints": lambda t, F: F.mse_loss(t.tensor([1]), t.tensor([1])),
    "mse of nothing": lambda t, F: F.mse_loss(t.ones(0), t.ones(0)),
    "mse weights": lambda t, F: F.mse_loss(t.ones(3, 4), t.ones(3, 4), weight=t.ones(4)),
    "mse dtypes": lambda t, F: F.mse_loss(t.ones(2), t.zeros(2, dtype=t.float64)),
    "size_average": lambda t, F: F.l1_loss(t.ones(2), t.zeros(2), size_average=False),
    "beta below 0": lambda t, F: F.smooth_l1_loss(t.ones(2), t.ones(2), beta=-1),
    "beta of 0": lambda t, F: F.smooth_l1_loss(t.ones(2), t.zeros(2), beta=0),
    "delta of 0": lambda t, F: F.huber_loss(t.ones(2), t.ones(2), delta=0),
    "bce sizes": lambda t, F: F.binary_cross_entropy(t.ones(3, 4), t.ones(4)),
    "bce range": lambda t, F: F.binary_cross_entropy(t.full((2,), 1.5), t.ones(2)),
    "bce target range": lambda t, F: F.binary_cross_entropy(t.ones(2), t.full((2,), -1.0)),
    "bce dtype": lambda t, F: F.binary_cross_entropy(t.ones(2), t.ones(2, dtype=t.float64)),
    "bce of ints": lambda t, F: F.binary_cross_entropy(t.tensor([1]), t.tensor([1])),
    "logits sizes": lambda t, F: F.binary_cross_entropy_with_logits(t.ones(3, 4), t.ones(4)),
    "logits of bools": lambda t, F: F.binary_cross_entropy_with_logits(t.ones(2), t.ones(2) > 0),
    "one_hot": lambda t, F: F.one_hot(t.tensor([1, 0, 2])),
    "pad": lambda t, F: F.pad(t.ones(2, 2), (1, 0), value=3.0),
    "bilinear sizes": lambda t, F: F.bilinear(t.ones(3, 4), t.ones(3, 4), t.ones(2, 4, 3)),
    "bilinear batches": lambda t, F: F.bilinear(t.ones(3, 4), t.ones(2, 4), t.ones(2, 4, 4)),
    "bilinear bias": lambda t, F: F.bilinear(
        t.ones(3, 4), t.ones(3, 4), t.ones(2, 4, 4), t.ones(3)
    ),
    "linear sizes": lambda t, F: F.linear(t.ones(3, 4), t.ones(2, 3)),
    "prelu channels": lambda t, F: F.prelu(t.ones(3, 4), t.ones(3)),
    "glu odd": lambda t, F: F.glu(t.ones(3, 3)),
    "glu scalar": lambda t, F: F.glu(t.tensor(1.0)),
}


@pytest.mark.parametrize("name", COMPLAINTS)
def test_complaints_like_torch(name):
    check_parity(lambda t, nn: COMPLAINTS[name](t, nn.functional))


OTHERS = {
    "normalize": lambda t, F: gradients(t, F.normalize, scores(t)),
    "normalize p dim": lambda t, F: gradients(t, F.normalize, scores(t), p=1, dim=0),
    "normalize zeros": lambda t, F: F.normalize(t.zeros(2, 2)),
    "prelu": lambda t, F: gradients(t, F.prelu, steps(t), t.tensor([0.1])),
    "prelu channels": lambda t, F: gradients(
        t, F.prelu, steps(t), t.tensor([0.1, 0.2, 0.3, 0.4, 0.5])
    ),
    "glu": lambda t, F: gradients(t, F.glu, scores(t)[:, :4].clone())[1],
    "dropout": lambda t, F: gradients(t, F.dropout, t.ones(3, 7), p=0.4),
    "dropout all": lambda t, F: gradients(t, F.dropout, t.ones(3), p=1.0),
    "dropout off": lambda t, F: [F.dropout(x, 0.5, training=False) is x for x in [t.ones(3)]],
    "dropout in place": lambda t, F: F.dropout(t.ones(9), 0.5, inplace=True),
    "bilinear": lambda t, F: gradients(
        t, F.bilinear, t.randn(3, 2), t.randn(3, 4), t.randn(5, 2, 4), t.randn(5)
    )[1],
}


@pytest.mark.parametrize("name", OTHERS)
def test_others_like_torch(name):
    check_parity(lambda t, nn: OTHERS[name](t, nn.functional))


# -- without PyTorch ------------------------------------------------------------------------------


def test_cross_entropy_by_hand():
    x = rg.tensor([[0.0, 0.0], [0.0, 0.0]], requires_grad=True)
    loss = F.cross_entropy(x, rg.tensor([0, 1]))
    loss.backward()
    assert loss.item() == pytest.approx(0.6931472)
    assert x.grad.tolist() == [[-0.25, 0.25], [0.25, -0.25]]


def test_second_derivative_of_losses():
    x = rg.tensor([0.3, -0.7, 1.2], dtype=rg.float64, requires_grad=True)
    y = rg.tensor([0.0, 1.0, 0.5], dtype=rg.float64)
    for loss in (F.mse_loss, F.binary_cross_entropy_with_logits, F.huber_loss):
        assert rg.autograd.gradgradcheck(lambda v, loss=loss: loss(v, y), (x,))
    rows = rg.tensor([[0.3, -0.7, 1.2], [0.1, 0.2, -1.0]], dtype=rg.float64, requires_grad=True)
    target = rg.tensor([2, 0])
    assert rg.autograd.gradcheck(lambda v: F.cross_entropy(v, target), (rows,))
    assert rg.autograd.gradgradcheck(lambda v: F.cross_entropy(v, target), (rows,))


def test_a_mismatched_loss_names_both_shapes():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with pytest.raises(RuntimeError, match=r"tensor a \(3\).*tensor b \(2\)"):
            F.mse_loss(rg.ones(3, 4), rg.ones(2, 4))


def test_implicit_softmax_dim_warns_at_the_caller():
    with pytest.warns(UserWarning, match="Implicit dimension choice for softmax") as caught:
        F.softmax(rg.ones(2, 2))
    assert caught[0].filename == __file__
