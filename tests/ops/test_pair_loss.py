"""Samples of the losses of the main namespace that are made of other operations."""

from __future__ import annotations

import numpy as np

from ..sampling import Sample, array

SIGNS = np.array([[1.0, -1.0, 1.0], [-1.0, -1.0, 1.0]])
COUNTS = np.array([[0.0, 1.0, 2.0], [5.0, 3.0, 0.0]])
MISMATCH = "must match the size of tensor"

SAMPLES = {
    "hinge_embedding_loss": [
        Sample(array(2, 3), SIGNS, constant=(1,)),
        Sample(array(2, 3), SIGNS, 0.5, 0, constant=(1,)),
        Sample(array(2, 3), SIGNS, reduction=2, constant=(1,)),
        Sample(array(3, 2).T, SIGNS, margin=2.0, reduction=0, constant=(1,)),
        Sample(array(3), np.array([1.0, 0.0, -1.0]), reduction=0, constant=(1,)),
        Sample(array(), np.array(-1.0), constant=(1,)),
        Sample(array(3, low=1), np.array([1, 0, -1]), reduction=0),
        Sample(array(0, 3), array(0, 3), reduction=2, constant=(1,)),
        Sample(array(3), SIGNS[0, :2], constant=(1,), raises=RuntimeError, match=MISMATCH),
    ],
    "margin_ranking_loss": [
        Sample(array(2, 3), array(2, 3), SIGNS, constant=(2,)),
        Sample(array(2, 3), array(2, 3), SIGNS, 0.5, 0, constant=(2,)),
        Sample(array(2, 3), array(2, 3), SIGNS, 0.5, 2, constant=(2,)),
        Sample(array(2, 3), array(2, 3), SIGNS[:, :1], reduction=0, constant=(2,)),
        Sample(array(), array(), np.array(-1.0), constant=(2,)),
        Sample(array(3), array(2), SIGNS[0], constant=(2,), raises=RuntimeError, match=MISMATCH),
    ],
    "cosine_embedding_loss": [
        Sample(array(3, 4), array(3, 4), np.array([1.0, -1.0, 1.0]), constant=(2,)),
        Sample(array(3, 4), array(3, 4), np.array([1, -1, 0]), 0.2, 0),
        Sample(array(3, 4), array(3, 4), np.array([1, -1, -1]), -0.5, 2),
        Sample(array(4), array(4), np.array(1)),
        Sample(array(3, 4, dtype="float32"), array(3, 4, dtype="float32"), np.array([1, -1, 1])),
        Sample(
            array(3), array(3), np.array([1]), raises=RuntimeError,
            match="1D target tensor expects 2D input tensors, but found inputs with sizes [3] "
            "and [3].",
        ),
        Sample(
            array(3, 2), array(3, 2), np.array([[1]]), raises=RuntimeError,
            match="0D or 1D target tensor expected, multi-target not supported",
        ),
        Sample(array(3, 2), array(3, 4), np.array([1]), raises=RuntimeError, match=MISMATCH),
    ],
    "triplet_margin_loss": [
        Sample(array(3, 4), array(3, 4), array(3, 4), 3.0),
        Sample(array(3, 4), array(3, 4), array(3, 4), 3.0, reduction=0),
        Sample(array(3, 4), array(3, 4), array(3, 4), 3.0, reduction=2, swap=True),
        Sample(array(3, 4), array(3, 4), array(3, 4), 3.0, 1.0, reduction=0),
        Sample(array(3, 4), array(1, 4), array(3, 4), 3.0, 3.0, 1e-3),
        Sample(array(4), array(4), array(4), 5.0),
        Sample(
            array(3, 2), array(3, 2), array(2), raises=RuntimeError,
            match="The anchor, positive, and negative tensors are expected to have the same "
            "number of dimensions, but got: anchor 2D, positive 2D, and negative 1D inputs",
        ),
        Sample(array(3, 2), array(2, 2), array(3, 2), raises=RuntimeError, match=MISMATCH),
    ],
    "poisson_nll_loss": [
        Sample(array(2, 3), COUNTS, True, False, 1e-8, 1, constant=(1,)),
        Sample(array(2, 3), COUNTS, True, True, 1e-8, 0, constant=(1,)),
        Sample(array(2, 3, low=0.5), COUNTS, False, False, 1e-8, 0, constant=(1,)),
        Sample(array(2, 3, low=0.5), COUNTS, False, True, 1e-3, 2, constant=(1,)),
        Sample(array(2, 3), COUNTS[0], True, False, 1e-8, 0, constant=(1,)),
        Sample(array(2, 3), COUNTS.astype("int64"), True, False, 1e-8, 0),
        Sample(array(3), COUNTS[0, :2], True, False, 1e-8, 0, constant=(1,), raises=RuntimeError,
               match=MISMATCH),
    ],
    "kl_div": [
        Sample(array(2, 3), array(2, 3, low=0.1, high=1)),
        Sample(array(2, 3), array(2, 3, low=0.1, high=1), 1),
        Sample(array(2, 3), array(3, low=0.1, high=1), 2),
        Sample(array(2, 3), array(2, 3), log_target=True),
        Sample(array(3), np.array([0.0, -1.0, 1.0]), constant=(1,), skip="finite second"),
        Sample(array(3, dtype="float32"), array(3, low=0.1, high=1, dtype="float32")),
        Sample(array(3), array(3, dtype="int64"), raises=RuntimeError,
               match="kl_div: Integral inputs not supported."),
        Sample(array(3), array(4, low=0.1), raises=RuntimeError, match=MISMATCH),
    ],
    "binary_cross_entropy_with_logits": [
        Sample(array(2, 3), array(2, 3, low=0, high=1)),
        Sample(array(2, 3), array(2, 3, low=0, high=1), reduction=1),
        Sample(array(2, 3), array(2, 3, low=0, high=1), reduction=2, constant=(1,)),
        Sample(array(2, 3), array(2, 3, low=0, high=1), array(3), array(3), 1, constant=(2, 3)),
        Sample(array(2, 3), array(2, 3, low=0, high=1), None, array(2, 1), constant=(2,)),
        Sample(np.array([1e4, -1e4]), np.array([0.0, 1.0]), constant=(1,), skip="finite second"),
        Sample(array(3, dtype="float32"), array(3, low=0, high=1)),
        Sample(array(), array(low=0, high=1)),
        Sample(array(3), array(3), None, array(2), constant=(2,), raises=RuntimeError,
               match="The size of tensor a (2) must match the size of tensor b (3)"),
        Sample(array(3), array(3), array(2), constant=(2,), raises=RuntimeError,
               match="The size of tensor a (3) must match the size of tensor b (2)"),
        Sample(array(3), array(3, dtype="bool"), raises=RuntimeError, match="with two bool"),
        Sample(array(3, dtype="float32"), array(3, dtype="int64"), raises=RuntimeError,
               match="result type Float can't be cast to the desired output type Long"),
        Sample(array(3, dtype="int64"), array(3), raises=NotImplementedError,
               match="\"log_sigmoid_cpu\" not implemented for 'Long'"),
    ],
}  # fmt: skip
