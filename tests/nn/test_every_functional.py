"""Every function of `nn.functional` has samples, or calls here, with every option."""

import inspect
import warnings

import pytest

import retrograd as rg
import retrograd.nn.functional as F

from ..sampling import collect
from .modules import plain
from .parity import check_parity


class Call:
    """A call: numbers stand for arguments that `arguments` makes.

    Parameters
    ----------
    *args, **settings
        A tuple gives a tensor of that shape that requires grad, a list one of integers or
        truths, anything else is given as it is.
    """

    def __init__(self, *args, **settings):
        self.args = args
        self.settings = settings

    def __repr__(self):
        settings = [f"{name}={plain(value)}" for name, value in self.settings.items()]
        return ", ".join([*map(plain, self.args), *settings])

    def program(self, name):
        """Return the program that calls the function and asks for the gradients."""

        def run(t, nn):
            leaves = []

            def convert(given):
                if isinstance(given, tuple) and all(type(one) is int for one in given):
                    count = 1
                    for side in given:
                        count *= side
                    shift = 0.5 + len(leaves)
                    values = (t.arange(count, dtype=t.float64) * 0.7 + shift).sin()
                    leaves.append((2 * values).reshape(given).requires_grad_())
                    return leaves[-1] * 1  # not a leaf: it may be written into
                if callable(given) and not isinstance(given, str):
                    return given(t)
                return t.tensor(given) if isinstance(given, list) else given

            args = [convert(one) for one in self.args]
            settings = {key: convert(one) for key, one in self.settings.items()}
            found = getattr(nn.functional, name)(*args, **settings)
            results = found if isinstance(found, tuple) else (found,)
            results = [one for one in results if one is not None]
            wanted = [one for one in results if one.requires_grad]
            total = 0
            for one in wanted:
                weights = t.arange(1.0, one.numel() + 1, dtype=one.dtype).reshape(one.shape)
                total = total + (one * weights).sum()
            grads = t.autograd.grad(total, leaves, allow_unused=True) if leaves and wanted else ()
            return [one.detach() for one in results], grads

        return run


def both(*args, **settings):
    """Return calls with each reduction."""
    return [Call(*args, **settings, reduction=one) for one in ("mean", "sum", "none")]


def chances(t):
    return t.tensor([[0.2, 0.7, 0.5], [0.9, 0.1, 0.3]], dtype=t.float64)


def labels(t):
    return t.tensor([[0, 1, 1], [1, 0, 0]], dtype=t.float64)


def weights(t):
    return t.tensor([0.5, 2.0, 1.5], dtype=t.float64)


def shares(t):
    return t.full((3, 5), 0.3, dtype=t.float64)


def attention(t):
    """Return the mask of keys to leave out."""
    return t.tensor([[False, False, True], [False, True, False]])


X, IMAGE, CLASSES = (3, 5), (1, 2, 3, 4), [2, 0, 1, 2, 1]
IN_PLACE = {"inplace": True}
HEADS = (
    (4, 2, 6), (3, 2, 6), (3, 2, 6), 6, 2, (18, 6), (18,), None, None, False, 0.0, (6, 6), (6,),
)  # fmt: skip
CALLS = {
    "adaptive_max_pool1d_with_indices": [Call((2, 3, 7), 3, return_indices=True)],
    "adaptive_max_pool3d_with_indices": [Call((2, 3, 4, 5, 3), 2, return_indices=True)],
    "fractional_max_pool3d_with_indices": [
        Call((1, 2, 6, 5, 7), 2, 3, return_indices=True),
        Call((1, 2, 6, 5, 7), 2, output_ratio=0.6,
             _random_samples=lambda t: t.full((1, 2, 3), 0.4, dtype=t.float64)),
    ],
    "alpha_dropout": [Call(X, 0.3, True), Call(X, p=0.3, training=True, inplace=True), Call(X)],
    "feature_alpha_dropout": [Call((2, 3, 4), 0.3, True), Call((2, 3, 4), 0.3, True, True)],
    "dropout": [Call(X, 0.3), Call(X, 0.3, False), Call(X, p=0.3, training=True, inplace=True)],
    "dropout1d": [Call((2, 3, 4), 0.4), Call((3, 4), 0.4, True, True)],
    "dropout2d": [Call((2, 3, 4, 2), 0.4), Call((2, 3, 4, 2), 0.4, True, True)],
    "dropout3d": [Call((2, 3, 4, 2, 1), 0.4), Call((2, 3, 4, 2, 1), 0.4, True, True)],
    "bilinear": [Call(X, (3, 2), (4, 5, 2)), Call(X, (3, 2), (4, 5, 2), (4,))],
    "binary_cross_entropy": [
        *both(chances, labels),
        Call(chances, labels, weight=weights),
    ],
    "cross_entropy": [
        *both((5, 3), CLASSES),
        Call((5, 3), CLASSES, weight=weights, ignore_index=1, label_smoothing=0.2),
        Call((5, 3), (5, 3), label_smoothing=0.2),
    ],
    "linear_cross_entropy": [Call((5, 4), (3, 4), CLASSES),
                             Call((5, 4), (3, 4), CLASSES, weight=weights, label_smoothing=0.1),
                             *both((5, 4), (3, 4), CLASSES, linear_bias=(3,), ignore_index=2)],
    "nll_loss": [*both((5, 3), CLASSES), Call((5, 3), CLASSES, weight=weights, ignore_index=1)],
    "gaussian_nll_loss": [
        *both(X, X, lambda t: t.full((3, 5), 0.5, dtype=t.float64)),
        Call(X, X, lambda t: t.full((3, 1), 1e-3, dtype=t.float64), full=True, eps=0.1),
    ],
    "huber_loss": [*both(X, X), Call(X, X, delta=0.3), Call(X, X, weight=shares)],
    "l1_loss": [*both(X, X), Call(X, X, weight=shares)],
    "mse_loss": [*both(X, X), Call(X, X, weight=shares)],
    "smooth_l1_loss": [*both(X, X), Call(X, X, beta=0.3)],
    "soft_margin_loss": both(X, lambda t: t.ones(3, 5, dtype=t.float64)),
    "multi_margin_loss": [
        *both((5, 3), CLASSES), Call((5, 3), CLASSES, p=2, margin=0.5, weight=weights),
    ],
    "multilabel_margin_loss": both((2, 3), [[2, 0, -1], [1, -1, 0]]),
    "multilabel_soft_margin_loss": [
        *both((2, 3), labels), Call((2, 3), labels, weight=weights),
    ],
    "triplet_margin_with_distance_loss": [
        *both(X, X, X),
        Call(X, X, X, margin=0.3, swap=True,
             distance_function=lambda t: lambda one, two: (one - two).abs().sum(1)),
    ],
    "celu_": [Call(X), Call(X, alpha=0.5)],
    "elu": [Call(X), Call(X, alpha=0.5, inplace=True)],
    "elu_": [Call(X), Call(X, alpha=0.5)],
    "gelu": [Call(X), Call(X, approximate="tanh")],
    "glu": [Call((3, 4)), Call((4, 3), dim=0)],
    "gumbel_softmax": [
        Call(X), Call(X, tau=0.5, hard=True, dim=0), Call(X, eps=1e-9),
    ],
    "hardsigmoid": [Call(X), Call(X, **IN_PLACE)],
    "hardswish": [Call(X), Call(X, **IN_PLACE)],
    "hardtanh": [Call(X), Call(X, min_val=-0.5, max_val=0.3, inplace=True)],
    "hardtanh_": [Call(X), Call(X, min_val=-0.5, max_val=0.3)],
    "leaky_relu": [Call(X), Call(X, negative_slope=0.3, inplace=True)],
    "leaky_relu_": [Call(X), Call(X, negative_slope=0.3)],
    "logsigmoid": [Call(X)],
    "mish": [Call(X), Call(X, **IN_PLACE)],
    "multi_head_attention_forward": [
        Call(*HEADS),
        Call(*HEADS, training=False, need_weights=False, key_padding_mask=attention),
        Call(*HEADS, average_attn_weights=False,
             attn_mask=lambda t: t.ones(4, 3, dtype=t.float64)),
        Call((3, 2, 6), (3, 2, 6), (3, 2, 6), *HEADS[3:], is_causal=True, need_weights=False,
             attn_mask=lambda t: t.ones(3, 3, dtype=t.bool).triu(1)),
        Call(*HEADS[:7], (1, 1, 6), (1, 1, 6), True, *HEADS[10:]),
        Call(*HEADS[:5], None, *HEADS[6:], use_separate_proj_weight=True, q_proj_weight=(6, 6),
             k_proj_weight=(6, 6), v_proj_weight=(6, 6)),
        Call(*HEADS, static_k=(4, 3, 3), static_v=(4, 3, 3)),
    ],
    "normalize": [Call(X), Call(X, p=1.0, dim=0, eps=0.1)],
    "relu6": [Call(X), Call(X, **IN_PLACE)],
    "relu_": [Call(X)],
    "rrelu": [Call(X), Call(X, lower=0.2, upper=0.6, training=True), Call(X, inplace=True)],
    "rrelu_": [Call(X), Call(X, lower=0.2, upper=0.6, training=True)],
    "selu_": [Call(X)],
    "silu": [Call(X), Call(X, **IN_PLACE)],
    "softmin": [Call(X, dim=0), Call(X, 1, dtype=lambda t: t.float32, _stacklevel=4)],
    "softplus": [Call(X), Call(X, beta=2.0, threshold=1.0)],
    "softshrink": [Call(X), Call(X, lambd=0.2)],
    "softsign": [Call(X)],
    "tanhshrink": [Call(X)],
    "threshold_": [Call(X, threshold=0.2, value=3.0)],
    "upsample": [
        Call(IMAGE, size=lambda t: (5, 7)),
        Call(IMAGE, scale_factor=2, mode="bilinear", align_corners=True),
    ],
    "upsample_bilinear": [Call(IMAGE, size=lambda t: (5, 7)), Call(IMAGE, scale_factor=2)],
    "upsample_nearest": [Call(IMAGE, size=lambda t: (5, 7)), Call(IMAGE, scale_factor=2)],
}  # fmt: skip

# Options of all functions that no call gives: old ones, which test_every_module.py tries.
WITHOUT = {"size_average", "reduce"}
WITHOUT_OPTIONS = {
    "linear_cross_entropy": {"options"},  # how much memory it takes
    "normalize": {"out"},  # takes no tensors that require grad
    "rrelu_": {"generator"},
}

SAMPLES_OF_OPS = collect()[0]


def sampled(name):
    return name in SAMPLES_OF_OPS or f"nn.functional.{name}" in SAMPLES_OF_OPS


@pytest.mark.parametrize(
    ("name", "call"), [(name, call) for name, calls in CALLS.items() for call in calls], ids=repr
)
def test_like_torch(name, call):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        call.program(name)(rg, rg.nn)  # complains of nothing
    check_parity(call.program(name))


def test_every_function_is_called():
    names = [name for name, f in vars(F).items() if callable(f) and name[0] != "_"]
    functions = [name for name in names if not isinstance(getattr(F, name), type)]
    assert not [name for name in functions if name not in CALLS and not sampled(name)]
    assert not [name for name in CALLS if name not in functions or sampled(name)]


@pytest.mark.parametrize("name", CALLS)
def test_every_option_is_given(name):
    try:
        parameters = list(inspect.signature(getattr(F, name)).parameters.values())
    except ValueError:  # a NumPy ufunc has no signature
        return
    given = set()
    for call in CALLS[name]:
        given |= {one.name for one in parameters[: len(call.args)]} | set(call.settings)
    kinds = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    wanted = {one.name for one in parameters if one.kind not in kinds}
    assert not sorted(wanted - given - WITHOUT - WITHOUT_OPTIONS.get(name, set()))
