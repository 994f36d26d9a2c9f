"""Embedding and EmbeddingBag as modules."""

import numpy as np
import pytest

import retrograd

from .modules import Case, check_complaint, check_module, every
from .parity import check_parity

I = np.array([[0, 1, 1], [3, 2, 1]])
FLAT = np.array([0, 1, 1, 3, 2])
STARTS = np.array([0, 2, 2])

CASES = [
    Case("Embedding", 4, 3, inputs=[I]),
    Case("Embedding", 4, 1, inputs=[I[0]]),
    Case("Embedding", 4, 3, inputs=[np.array(2)]),
    Case("Embedding", 4, 3, inputs=[I[:0]]),
    Case("Embedding", 4, 3, padding_idx=1, inputs=[I]),
    Case("Embedding", 4, 3, padding_idx=-1, inputs=[I]),
    Case("Embedding", 4, 3, max_norm=1.0, inputs=[I]),
    Case("Embedding", 4, 3, max_norm=1.0, norm_type=1.0, inputs=[I]),
    Case("Embedding", 4, 3, scale_grad_by_freq=True, inputs=[I]),
    Case("Embedding", 4, 3, 1, None, 2.0, True, inputs=[I.astype("int32")]),
    Case("EmbeddingBag", 4, 3, inputs=[I]),
    Case("EmbeddingBag", 4, 3, mode="sum", inputs=[FLAT, STARTS]),
    Case("EmbeddingBag", 4, 1, mode="max", inputs=[FLAT, STARTS]),
    Case("EmbeddingBag", 4, 3, mode="max", padding_idx=1, inputs=[FLAT, STARTS]),
    Case("EmbeddingBag", 4, 3, padding_idx=-3, inputs=[FLAT, STARTS]),
    Case("EmbeddingBag", 4, 3, max_norm=1.0, norm_type=3.0, inputs=[I]),
    Case("EmbeddingBag", 4, 3, mode="sum", inputs=[I], keywords={"per_sample_weights": (2, 3)}),
    Case("EmbeddingBag", 4, 3, include_last_offset=True, inputs=[FLAT, np.array([0, 2, 5])]),
]


@every(CASES)
def test_like_torch(case, dtype, mode):
    check_module(case, dtype, mode)


TEXTS = {
    "sparse": lambda t, nn: nn.Embedding(4, 3, max_norm=1, norm_type=1.0, sparse=True),
    "bag of maxima": lambda t, nn: nn.EmbeddingBag(4, 3, mode="max", include_last_offset=True),
    "bag": lambda t, nn: nn.EmbeddingBag(4, 3, 2.0, 1, True, padding_idx=-1),
    "nothing": lambda t, nn: nn.Embedding(0, 3),
    "pretrained": lambda t, nn: [
        (made, made.weight, made.padding_idx)
        for made in [nn.Embedding.from_pretrained(t.ones(2, 3), padding_idx=-1)]
    ],
    "pretrained and trained": lambda t, nn: nn.Embedding.from_pretrained(
        t.ones(2, 3), False, 1, 0.5, 1.0, True
    ).weight,
    "pretrained bag": lambda t, nn: [
        (made, made.weight) for made in [nn.EmbeddingBag.from_pretrained(t.ones(2, 3), mode="sum")]
    ],
    "pretrained bag, trained": lambda t, nn: nn.EmbeddingBag.from_pretrained(
        t.ones(2, 3), freeze=False, padding_idx=1, max_norm=0.5
    ).weight,
    "attributes": lambda t, nn: [
        sorted({*vars(made)} - {*made._parameters} - {*vars(nn.Module())})
        for made in (nn.Embedding(4, 3), nn.EmbeddingBag(4, 3))
    ],
    "given weight": lambda t, nn: nn.Embedding(2, 3, _weight=t.ones(2, 3))(t.tensor([1])),
}


@pytest.mark.parametrize("name", TEXTS)
def test_texts_like_torch(name):
    check_parity(TEXTS[name])


COMPLAINTS = {
    "padding too large": lambda t: t.nn.Embedding(4, 3, padding_idx=4),
    "padding too small": lambda t: t.nn.Embedding(4, 3, padding_idx=-5),
    "bag padding": lambda t: t.nn.EmbeddingBag(4, 3, padding_idx=4),
    "negative": lambda t: t.nn.Embedding(-1, 3),
    "weight": lambda t: t.nn.Embedding(2, 3, _weight=t.ones(3, 3)),
    "bag weight": lambda t: t.nn.EmbeddingBag(2, 3, _weight=t.ones(3, 3)),
    "vector": lambda t: t.nn.Embedding.from_pretrained(t.ones(3)),
    "bag vector": lambda t: t.nn.EmbeddingBag.from_pretrained(t.ones(3)),
    "mode": lambda t: t.nn.EmbeddingBag(4, 3, mode="product")(t.tensor([[0]])),
    "index": lambda t: t.nn.Embedding(4, 3)(t.tensor([4])),
}


@pytest.mark.parametrize("name", COMPLAINTS)
def test_complaints(name):
    check_complaint(COMPLAINTS[name])


def test_padding_row_is_zero_and_stays():
    table = retrograd.nn.Embedding(4, 3, padding_idx=2)
    assert (table.weight[2] == 0).all()
    table(retrograd.tensor([2, 2, 1])).sum().backward()
    assert table.weight.grad.sum(1).tolist() == [0, 3, 0, 0]


def test_a_bag_is_the_sum_of_its_embeddings():
    table = retrograd.randn(6, 3)
    single = retrograd.nn.Embedding.from_pretrained(table)
    bags = retrograd.nn.EmbeddingBag.from_pretrained(table, mode="sum")
    index = retrograd.tensor([[0, 5, 5], [1, 2, 3]])
    assert retrograd.allclose(bags(index), single(index).sum(1))
