"""Losses by margins, of pairs, of sequences, of distributions: modules and complaints."""

import numpy as np
import pytest

import retrograd as rg
from retrograd import nn

from .modules import Case, check_complaint, check_module, every
from .parity import check_parity

SIGNS = np.array([[1, -1, 1, 1], [-1, -1, 1, -1], [1, 1, 1, -1]])
LABELS = np.array([[1, 3, -1, 0], [2, -1, 2, 1], [0, 1, 2, 3]])
CLASSES = np.array([3, 0, 1])


def floats(array):
    """Return an input that is a constant of the case's dtype."""
    return lambda library, dtype: library.from_numpy(array.copy()).to(dtype)


def logs(*shape):
    """Return log-probabilities of the case's dtype, a leaf."""

    def make(library, dtype):
        values = np.random.default_rng(0).standard_normal(shape)
        leaf = library.from_numpy(values).to(dtype).requires_grad_()
        return leaf.log_softmax(-1)

    return make


def weights(*values):
    """Return a function of the library that makes a loss with a weight."""

    def make(name, **settings):
        return lambda library: getattr(library.nn, name)(
            weight=library.tensor(list(values)), **settings
        )

    return make


WEIGHTED = weights(0.5, 2.0, 1.0, 3.0)
XY = [(3, 4), floats(SIGNS)]
COUNTS = floats(np.abs(SIGNS) * np.arange(4))
PAIR = [(3, 4), (3, 4), floats(SIGNS)]
VECTORS = [(3, 4), (3, 4), floats(SIGNS[:, 0])]
TRIPLET = [(3, 4), (3, 4), (3, 4)]
TARGETS = np.array([[1, 2, 2], [3, 1, 0]])
LENGTHS = [np.array([7, 5]), np.array([3, 2])]


def manhattan(a, b):
    return (a - b).abs().sum(-1)


CASES = [
    *[
        case
        for reduction in ("mean", "sum", "none")
        for case in (
            Case("PoissonNLLLoss", inputs=[(3, 4), COUNTS], reduction=reduction),
            Case("HingeEmbeddingLoss", 0.5, inputs=XY, reduction=reduction),
            Case("SoftMarginLoss", inputs=XY, reduction=reduction),
            Case("MultiMarginLoss", inputs=[(3, 4), CLASSES], reduction=reduction),
            Case("MultiMarginLoss", 2, 0.7, inputs=[(3, 4), CLASSES], reduction=reduction),
            Case("MultiLabelMarginLoss", inputs=[(3, 4), LABELS], reduction=reduction),
            Case("MultiLabelSoftMarginLoss", inputs=[(3, 4), COUNTS], reduction=reduction),
            Case("MarginRankingLoss", 0.3, inputs=PAIR, reduction=reduction),
            Case("CosineEmbeddingLoss", 0.1, inputs=VECTORS, reduction=reduction),
            Case("TripletMarginLoss", 3.0, inputs=TRIPLET, reduction=reduction),
            Case("TripletMarginWithDistanceLoss", inputs=TRIPLET, reduction=reduction),
            Case("GaussianNLLLoss", inputs=[(3, 4), (3, 4), COUNTS], reduction=reduction),
            Case("CTCLoss", inputs=[logs(7, 2, 4), TARGETS, *LENGTHS], reduction=reduction),
        )
    ],
    Case("PoissonNLLLoss", full=True, inputs=[(3, 4), COUNTS]),
    Case("PoissonNLLLoss", False, eps=1e-2, inputs=[floats(np.abs(SIGNS)), (3, 4)]),
    Case("GaussianNLLLoss", full=True, eps=0.5, inputs=[(3, 4), (3, 4), COUNTS]),
    Case("GaussianNLLLoss", inputs=[(3, 4), (3, 4), 2.0]),
    Case("GaussianNLLLoss", inputs=[(3, 4), (3, 4), floats(np.array([1.0, 2.0, 3.0]))]),
    Case("GaussianNLLLoss", inputs=[(3, 4), (3, 4), floats(np.ones((3, 1)))]),
    Case("MultiMarginLoss", inputs=[(4,), np.array(2)], reduction="none"),
    Case("MultiMarginLoss", inputs=[(4,), np.array([2])], reduction="none"),
    Case("MultiMarginLoss", make=WEIGHTED("MultiMarginLoss"), inputs=[(3, 4), CLASSES]),
    Case("MultiMarginLoss", make=WEIGHTED("MultiMarginLoss", p=2), inputs=[(3, 4), CLASSES]),
    Case("MultiLabelMarginLoss", inputs=[(4,), LABELS[0]], reduction="none"),
    Case("MultiLabelMarginLoss", inputs=[(4,), np.array([1, 1, -1, 0])], note="twice"),
    Case("MultiLabelMarginLoss", inputs=[(4,), np.array([-1, 1, -1, 0])], note="none"),
    Case(
        "MultiLabelSoftMarginLoss",
        make=WEIGHTED("MultiLabelSoftMarginLoss"),
        inputs=[(3, 4), COUNTS],
    ),
    Case("MultiLabelSoftMarginLoss", inputs=[(4,), floats(SIGNS[0])], reduction="none"),
    Case("CosineEmbeddingLoss", inputs=[(4,), (4,), np.array(-1)]),
    Case("TripletMarginLoss", 3.0, 1.0, 1e-3, True, inputs=TRIPLET),
    Case("TripletMarginLoss", 3.0, inputs=[(4,), (4,), (4,)]),
    Case("TripletMarginWithDistanceLoss", margin=3.0, swap=True, inputs=TRIPLET),
    Case(
        "TripletMarginWithDistanceLoss", distance_function=manhattan, margin=9.0, inputs=TRIPLET
    ),
    Case("CTCLoss", 3, inputs=[logs(7, 2, 5), np.array([1, 2, 2, 4, 1]), *LENGTHS]),
    Case("CTCLoss", inputs=[logs(7, 2, 4), TARGETS, [7, 5], [3, 2]]),
    Case("CTCLoss", inputs=[logs(7, 4), TARGETS[0], [7], [3]], reduction="none"),
    Case("CTCLoss", zero_infinity=True, inputs=[logs(2, 2, 4), TARGETS, [2, 2], [3, 2]]),
    Case("PairwiseDistance", inputs=[(3, 4), (3, 4)]),
    Case("PairwiseDistance", 1.0, 1e-2, True, inputs=[(2, 3, 4), (4,)]),
    Case("CosineSimilarity", inputs=[(3, 4), (3, 4)]),
    Case("CosineSimilarity", 0, 1e-2, inputs=[(3, 4), (3, 4)]),
    Case("LinearCrossEntropyLoss", 4, 5, inputs=[(3, 4), CLASSES]),
    Case("LinearCrossEntropyLoss", 4, 5, bias=True, inputs=[(4,), np.array(1)]),
    Case(
        "LinearCrossEntropyLoss", 4, 5, out_features=(2,), bias=True, ignore_index=1,
        label_smoothing=0.1, reduction="sum", inputs=[(3, 4), np.array([[1, 2], [0, 4], [1, 1]])],
    ),
    Case(
        "LinearCrossEntropyLoss", 4, 5, inputs=[(3, 4), floats(np.full((3, 5), 0.2))],
        note="probabilities",
    ),
    Case(
        "AdaptiveLogSoftmaxWithLoss", 8, 10, [2, 5], 2.0,
        inputs=[(6, 8), np.array([0, 9, 3, 4, 1, 7])],
    ),
    Case(
        "AdaptiveLogSoftmaxWithLoss", 8, 10, [4], head_bias=True,
        inputs=[(3, 8), np.array([0, 1, 3])],
    ),
    Case("AdaptiveLogSoftmaxWithLoss", 8, 10, [2, 5], 2.0, inputs=[(8,), np.array(6)]),
]  # fmt: skip


@every(CASES)
def test_like_torch(case, dtype, mode):
    check_module(case, dtype, mode)


def o(t, *shape):
    return t.ones(*shape)


def i(t, *shape):
    return t.ones(*shape, dtype=t.int64)


COMPLAINTS = {
    "multi_margin target": lambda t, F: F.multi_margin_loss(o(t, 3, 4), i(t, 2)),
    "multi_margin p": lambda t, F: F.multi_margin_loss(o(t, 3, 4), i(t, 3), p=3),
    "multi_margin weight": lambda t, F: F.multi_margin_loss(o(t, 3, 4), i(t, 3), weight=o(t, 3)),
    "multi_margin matrix": lambda t, F: F.multi_margin_loss(
        o(t, 3, 4), i(t, 3), weight=o(t, 3, 4)
    ),
    "multi_margin range": lambda t, F: F.multi_margin_loss(o(t, 3, 4), i(t, 3) * 9),
    "multi_margin input": lambda t, F: F.multi_margin_loss(o(t, 2, 4, 2), i(t, 2)),
    "multi_margin no class": lambda t, F: F.multi_margin_loss(o(t, 2, 0), i(t, 2)),
    "multi_margin floats": lambda t, F: F.multi_margin_loss(o(t, 3, 4), o(t, 3)),
    "multi_margin integers": lambda t, F: F.multi_margin_loss(i(t, 3, 4), i(t, 3)),
    "multilabel_margin target": lambda t, F: F.multilabel_margin_loss(o(t, 3, 4), i(t, 3, 3)),
    "multilabel_margin input": lambda t, F: F.multilabel_margin_loss(o(t, 4, 2, 2), i(t, 4)),
    "multilabel_margin above": lambda t, F: F.multilabel_margin_loss(o(t, 4), i(t, 4) * 7),
    "multilabel_margin below": lambda t, F: F.multilabel_margin_loss(o(t, 4), i(t, 4) * -2),
    "multilabel_margin floats": lambda t, F: F.multilabel_margin_loss(o(t, 4), o(t, 4)),
    "multilabel_margin integers": lambda t, F: F.multilabel_margin_loss(i(t, 4), i(t, 4)),
    "soft_margin shapes": lambda t, F: F.soft_margin_loss(o(t, 3), o(t, 4)),
    "soft_margin larger": lambda t, F: F.soft_margin_loss(o(t, 3), o(t, 2, 3)),
    "soft_margin integers": lambda t, F: F.soft_margin_loss(i(t, 3), i(t, 3)),
    "multilabel_soft shapes": lambda t, F: F.multilabel_soft_margin_loss(o(t, 3, 4), o(t, 3)),
    "multilabel_soft 0-d": lambda t, F: F.multilabel_soft_margin_loss(t.tensor(1.0), t.tensor(1.0)),
    "multilabel_soft reduction": lambda t, F: F.multilabel_soft_margin_loss(
        o(t, 2), o(t, 2), reduction="x"
    ),
    "hinge shapes": lambda t, F: F.hinge_embedding_loss(o(t, 3), o(t, 4)),
    "hinge reduction": lambda t, F: F.hinge_embedding_loss(o(t, 3), o(t, 3), reduction="x"),
    "ranking dimensions": lambda t, F: F.margin_ranking_loss(o(t, 3), o(t, 3, 1), o(t, 3)),
    "ranking shapes": lambda t, F: F.margin_ranking_loss(o(t, 3), o(t, 2), o(t, 3)),
    "cosine target": lambda t, F: F.cosine_embedding_loss(o(t, 3, 2), o(t, 3, 2), o(t, 3, 1)),
    "cosine input": lambda t, F: F.cosine_embedding_loss(o(t, 3), o(t, 3), o(t, 1)),
    "cosine shapes": lambda t, F: F.cosine_embedding_loss(o(t, 3, 2), o(t, 3, 3), o(t, 3)),
    "triplet dimensions": lambda t, F: F.triplet_margin_loss(o(t, 3, 2), o(t, 3, 2), o(t, 2)),
    "triplet margin": lambda t, F: F.triplet_margin_loss(*[o(t, 3, 2)] * 3, margin=-1),
    "triplet shapes": lambda t, F: F.triplet_margin_loss(o(t, 3, 2), o(t, 2, 2), o(t, 3, 2)),
    "triplet distance": lambda t, F: F.triplet_margin_with_distance_loss(
        o(t, 3, 2), o(t, 3, 2), o(t, 2)
    ),
    "triplet distance margin": lambda t, F: F.triplet_margin_with_distance_loss(
        *[o(t, 3, 2)] * 3, margin=0
    ),
    "triplet distance reduction": lambda t, F: F.triplet_margin_with_distance_loss(
        *[o(t, 3, 2)] * 3, reduction="x"
    ),
    "gaussian variance": lambda t, F: F.gaussian_nll_loss(o(t, 3, 2), o(t, 3, 2), o(t, 4)),
    "gaussian two ones": lambda t, F: F.gaussian_nll_loss(o(t, 3, 2), o(t, 3, 2), o(t, 1, 1)),
    "gaussian below": lambda t, F: F.gaussian_nll_loss(o(t, 3, 2), o(t, 3, 2), -o(t, 3, 2)),
    "gaussian number below": lambda t, F: F.gaussian_nll_loss(o(t, 3), o(t, 3), -1.0),
    "gaussian reduction": lambda t, F: F.gaussian_nll_loss(
        o(t, 3), o(t, 3), o(t, 3), reduction="x"
    ),
    "gaussian shapes": lambda t, F: F.gaussian_nll_loss(o(t, 3, 2), o(t, 3), o(t, 3, 2)),
    "poisson reduction": lambda t, F: F.poisson_nll_loss(o(t, 3), o(t, 3), reduction="x"),
    "poisson shapes": lambda t, F: F.poisson_nll_loss(o(t, 3, 2), o(t, 3)),
    "ctc reduction": lambda t, F: F.ctc_loss(
        o(t, 2, 2, 2), i(t, 2, 2), (2, 2), (1, 1), reduction="x"
    ),
    "TripletMarginLoss": lambda t, F: t.nn.TripletMarginLoss(margin=-1),
    "TripletMarginWithDistanceLoss": lambda t, F: t.nn.TripletMarginWithDistanceLoss(margin=-1),
    "MultiMarginLoss p": lambda t, F: t.nn.MultiMarginLoss(p=3),
    "MultiMarginLoss weight": lambda t, F: t.nn.MultiMarginLoss(weight=o(t, 2, 2)),
    "adaptive without cutoffs": lambda t, F: t.nn.AdaptiveLogSoftmaxWithLoss(8, 10, []),
    "adaptive unsorted": lambda t, F: t.nn.AdaptiveLogSoftmaxWithLoss(8, 10, [3, 2]),
    "adaptive cutoff": lambda t, F: t.nn.AdaptiveLogSoftmaxWithLoss(8, 10, [2, 10]),
    "adaptive target": lambda t, F: adaptive(t)(o(t, 3, 8), i(t, 3, 1)),
    "adaptive batch": lambda t, F: adaptive(t)(o(t, 3, 8), i(t, 2)),
    "adaptive 0-d": lambda t, F: adaptive(t)(o(t, 2, 8), t.tensor(1)),
    "adaptive range": lambda t, F: adaptive(t)(o(t, 3, 8), t.tensor([1, 10, 2])),
    "linear weight": lambda t, F: F.linear_cross_entropy(o(t, 3, 4), o(t, 4), i(t, 3)),
    "linear input": lambda t, F: F.linear_cross_entropy(o(t, 2, 3, 4), o(t, 5, 4), i(t, 3)),
    "linear features": lambda t, F: F.linear_cross_entropy(o(t, 3, 4), o(t, 5, 3), i(t, 3)),
    "linear unbatched": lambda t, F: F.linear_cross_entropy(o(t, 4), o(t, 5, 2, 4), i(t, 2)),
    "linear bias": lambda t, F: F.linear_cross_entropy(
        o(t, 3, 4), o(t, 5, 2, 4), i(t, 3, 2), linear_bias=o(t, 5)
    ),
    "linear ignored": lambda t, F: F.linear_cross_entropy(
        o(t, 3, 4), o(t, 5, 4), o(t, 3, 5), ignore_index=1
    ),
    "LinearCrossEntropyLoss": lambda t, F: t.nn.LinearCrossEntropyLoss(4, 5, weight=o(t, 4)),
    "options size": lambda t, F: t.nn.LinearCrossEntropyOptions(batch_chunk_size=0),
    "options policy": lambda t, F: t.nn.LinearCrossEntropyOptions(acc_policy="x"),
    "options method": lambda t, F: t.nn.LinearCrossEntropyOptions(chunking_method="aspect_ratio:0"),
    "options dtype": lambda t, F: t.nn.LinearCrossEntropyOptions(acc_dtype=t.int64),
}


def adaptive(t):
    return t.nn.AdaptiveLogSoftmaxWithLoss(8, 10, [2, 5], 2.0)


@pytest.mark.parametrize("name", COMPLAINTS)
def test_complaints_like_torch(name):
    check_complaint(lambda t: COMPLAINTS[name](t, t.nn.functional))


OUTCOMES = {
    "former arguments": lambda t, F: (
        F.hinge_embedding_loss(o(t, 2), o(t, 2), reduce=False),
        F.poisson_nll_loss(o(t, 2), o(t, 2), size_average=False),
        F.soft_margin_loss(o(t, 2), o(t, 2), size_average=True),
        F.multilabel_soft_margin_loss(o(t, 2), o(t, 2), size_average=False),
        t.nn.HingeEmbeddingLoss(size_average=False).reduction,
    ),
    "former class": lambda t, F: t.nn.NLLLoss2d(o(t, 3), ignore_index=2),
    "ignored options": lambda t, F: F.linear_cross_entropy(
        o(t, 3, 4), o(t, 5, 4), o(t, 3, 5), options=t.nn.LinearCrossEntropyOptions()
    ),
    "options": lambda t, F: F.linear_cross_entropy(
        o(t, 3, 4), o(t, 5, 4), i(t, 3), options=t.nn.LinearCrossEntropyOptions()
    ),
    "printed options": lambda t, F: t.nn.LinearCrossEntropyOptions(acc_policy="compact"),
    "variance below eps": lambda t, F: F.gaussian_nll_loss(
        o(t, 3, 2), o(t, 3, 2) * 2, t.zeros(3, 1), reduction="none"
    ),
    "adaptive": lambda t, F: [
        (net.log_prob(x).detach(), net.predict(x)) for net, x in [(adaptive(t), t.randn(9, 8))]
    ],
    "large soft margin": lambda t, F: F.soft_margin_loss(t.tensor([1e3, -1e3]), o(t, 2)),
}


@pytest.mark.parametrize("name", OUTCOMES)
def test_outcomes_like_torch(name):
    check_parity(lambda t, nn: OUTCOMES[name](t, nn.functional))


def test_adaptive_probabilities_add_up_to_one():
    rg.manual_seed(0)
    net = nn.AdaptiveLogSoftmaxWithLoss(8, 10, [2, 5], 2.0)
    x = rg.randn(7, 8)
    logs = net.log_prob(x)
    assert rg.allclose(logs.exp().sum(1), rg.ones(7))
    target = rg.tensor([0, 9, 4, 2, 1, 5, 3])
    output, loss = net(x, target)
    assert rg.allclose(output, logs.gather(1, target[:, None])[:, 0])
    assert rg.allclose(loss, -output.mean())


def test_a_triplet_that_keeps_its_margin_costs_nothing():
    x = rg.zeros(1, 2)
    assert nn.TripletMarginLoss(1.0)(x, x, x + 10).item() == 0
    assert nn.TripletMarginLoss(1.0)(x, x + 10, x).item() == pytest.approx(1 + 10 * 2**0.5)
