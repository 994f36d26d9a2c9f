"""Attention of given queries, keys and values."""

import numpy as np
import pytest

import retrograd
from retrograd.ops import attention as ops

from ..sampling import Sample, array

CAUSAL = "Explicit attn_mask should not be set when is_causal=True"
SEEN = np.array([[True, False, True], [True, True, False]])
INF = float("inf")

# PyTorch composes what it has no fused kernel for, which ends in nodes of other names; and its
# fused kernel, for four dimensions without dropout, has no second derivative.
ANY = {"skip": "node"}

SAMPLES = {
    "nn.functional.scaled_dot_product_attention": [
        Sample(array(2, 3), array(4, 3), array(4, 5), **ANY),
        Sample(array(2, 4, 3), array(2, 5, 3), array(2, 5, 2), **ANY),
        Sample(array(2, 2, 4, 3), array(2, 2, 5, 3), array(2, 2, 5, 3)),
        Sample(array(2, 2, 1, 3, 2), array(2, 2, 1, 1, 2), array(2, 2, 1, 1, 2), **ANY),
        Sample(array(1, 2, 4, 3), array(3, 2, 5, 3), array(3, 1, 5, 3), **ANY),
        Sample(array(4, 3), array(2, 5, 3), array(2, 5, 3), **ANY),
        Sample(array(3, 4, 2).T, array(3, 5, 2).T, array(2, 2, 5).swapaxes(1, 2), **ANY),
        Sample(array(2, 4, 3), array(2, 4, 3), array(2, 4, 3), is_causal=True, **ANY),
        Sample(array(2, 4, 3), array(2, 2, 3), array(2, 2, 3), is_causal=True, **ANY),
        Sample(array(2, 2, 3), array(2, 4, 3), array(2, 4, 3), None, 0.0, True, **ANY),
        Sample(array(2, 2, 4), array(2, 3, 4), array(2, 3, 4), SEEN, **ANY),
        Sample(array(2, 2, 4), array(2, 3, 4), array(2, 3, 4), SEEN[:, None], **ANY),
        Sample(array(2, 2, 4), array(2, 3, 4), array(2, 3, 4), SEEN & False, **ANY),
        Sample(array(2, 2, 4), array(2, 3, 4), array(2, 3, 4), array(2, 3), **ANY),
        Sample(array(2, 2, 4), array(2, 3, 4), array(2, 3, 4), array(3), **ANY),
        Sample(array(2, 2, 4), array(2, 3, 4), array(2, 3, 4), array(2, 1, 3), **ANY),
        Sample(
            array(2, 2, 4), array(2, 3, 4), array(2, 3, 4), np.where(SEEN, 0.5, -INF),
            constant=(3,), **ANY,
        ),
        Sample(
            array(2, 2, 4), array(2, 3, 4), array(2, 3, 4), np.full((2, 3), -INF), constant=(3,),
            **ANY,
        ),
        # scores too large for exp without the row's maximum taken off
        Sample(array(2, 2, 4) * 30, array(2, 3, 4), array(2, 3, 4), **ANY),
        Sample(array(2, 2, 4) * 30, array(2, 3, 4), array(2, 3, 4), SEEN, **ANY),
        Sample(array(2, 2, 4) * 30, array(2, 2, 4), array(2, 2, 4), is_causal=True, **ANY),
        Sample(array(2, 2, 4), array(2, 3, 4), array(2, 3, 4), array(2, 3) * 40, **ANY),
        Sample(array(2, 4, 3), array(2, 5, 3), array(2, 5, 2), dropout_p=0.4, **ANY),
        Sample(array(1, 2, 4, 3), array(1, 2, 5, 3), array(1, 2, 5, 3), None, 0.3, **ANY),
        Sample(array(2, 4, 3), array(2, 5, 3), array(2, 5, 2), dropout_p=1.0, **ANY),
        Sample(array(2, 4, 3), array(2, 5, 3), array(2, 5, 2), dropout_p=-1.0, **ANY),
        Sample(array(2, 4, 3), array(2, 5, 3), array(2, 5, 2), scale=2.0, **ANY),
        Sample(array(2, 4, 3), array(2, 5, 3), array(2, 5, 2), scale=-0.5, **ANY),
        Sample(array(2, 4, 3), array(2, 5, 3), array(2, 5, 2), scale=0, **ANY),
        Sample(array(1, 4, 3, 2), array(1, 2, 5, 2), array(1, 2, 5, 2), enable_gqa=True),
        Sample(array(1, 4, 3, 2), array(1, 2, 5, 2), array(1, 1, 5, 2), enable_gqa=True, **ANY),
        Sample(array(2, 0, 3), array(2, 5, 3), array(2, 5, 2), **ANY),
        Sample(array(2, 4, 3), array(2, 0, 3), array(2, 0, 2), **ANY),
        Sample(array(0, 4, 3), array(0, 5, 3), array(0, 5, 2), **ANY),
        Sample(array(2, 4, 0), array(2, 5, 0), array(2, 5, 2), **ANY),
        Sample(array(4, 3), array(5, 3), array(5, 2), constant=(0, 1), **ANY),
        Sample(array(4, 3), array(5, 3), array(5, 2), constant=(2,), **ANY),
        Sample(*[array(2, 4, 3, dtype="float16") for _ in "qkv"], skip="node gradient second"),
        Sample([1], array(2, 3), array(2, 3), raises=TypeError, match="argument 'query' (position"),
        Sample(array(3), array(2, 3), array(2, 3), raises=RuntimeError, match="at least 2 dimensi"),
        Sample(array(2, 3), array(2, 4), array(2, 3), raises=RuntimeError, match="cannot be multi"),
        Sample(
            array(2, 3, 4), array(2, 5, 3), array(2, 5, 4), raises=RuntimeError,
            match="dimensions of batch2 tensor to be: [2, 4] but got: [2, 3].",
        ),
        Sample(
            array(2, 3, 4), array(2, 5, 4), array(2, 6, 4), raises=RuntimeError,
            match="dimensions of batch2 tensor to be: [2, 5] but got: [2, 6].",
        ),
        Sample(
            array(2, 3, 4), array(3, 5, 4), array(3, 5, 4), raises=RuntimeError,
            match="The size of tensor a (2) must match the size of tensor b (3)",
        ),
        Sample(
            array(2, 3), array(2, 3, dtype="float32"), array(2, 3), raises=RuntimeError,
            match="got query.dtype: double key.dtype: float and value.dtype: double instead.",
        ),
        Sample(
            *[array(1, 2, 3, dtype="int64") for _ in "qkv"], raises=RuntimeError,
            match="expected scalar type Float but found Long",
        ),
        Sample(
            *[array(2, 3, dtype="complex64") for _ in "qkv"], raises=NotImplementedError,
            match="\"softmax_lastdim_kernel_impl\" not implemented for 'ComplexFloat'",
        ),
        Sample(
            array(2, 4), array(3, 4), array(3, 4), SEEN.astype("int64"), raises=RuntimeError,
            match="attn_mask.dtype: long int and  query.dtype: double instead.",
        ),
        Sample(
            array(2, 4), array(3, 4), array(3, 4), SEEN, is_causal=True, raises=RuntimeError,
            match=CAUSAL,
        ),
        Sample(
            array(2, 4), array(3, 4), array(3, 4), SEEN[:, :2], raises=RuntimeError,
            match="The size of tensor a (3) must match the size of tensor b (2)",
        ),
        Sample(
            array(2, 4), array(3, 4), array(3, 4), SEEN[None], raises=RuntimeError,
            match="output with shape [2, 3] doesn't match the broadcast shape [1, 2, 3]",
        ),
        Sample(
            array(2, 4), array(3, 4), array(3, 4), dropout_p=2.0, raises=RuntimeError,
            match="dropout probability has to be between 0 and 1, but got 2",
        ),
        Sample(
            array(4, 3, 2), array(3, 5, 2), array(3, 5, 2), enable_gqa=True, raises=RuntimeError,
            match="Number of heads in key and value must divide the number of heads in ",
        ),
        Sample(
            array(3, 2), array(5, 2), array(5, 2), enable_gqa=True, raises=IndexError,
            match="Dimension out of range (expected to be in range of [-2, 1], but got -3)",
        ),
    ],
}  # fmt: skip


def test_both_softmaxes_agree(monkeypatch):
    random = np.random.default_rng(0)
    q, k = random.standard_normal((2, 3, 5, 4))
    for settings in ({}, {"causal": True}):
        quick = ops.attention_weights(q, k, None, scale=0.5, **settings)
        with monkeypatch.context() as patch:
            patch.setattr(ops, "_SAFE", 0.0)
            careful = ops.attention_weights(q, k, None, scale=0.5, **settings)
        np.testing.assert_allclose(quick, careful, rtol=1e-13)
        np.testing.assert_allclose(quick.sum(axis=-1), 1, rtol=1e-13)


def test_a_nan_stays_in_its_row():
    q = np.eye(3)
    q[1, 1] = np.nan
    weights = ops.attention_weights(q, np.eye(3), None, scale=1.0)
    assert np.isnan(weights[1]).all()
    assert not np.isnan(weights[[0, 2]]).any()


def test_causal_attention_does_not_see_ahead():
    torch = retrograd
    torch.manual_seed(0)
    x = torch.randn(1, 2, 6, 4, requires_grad=True)
    result = torch.nn.functional.scaled_dot_product_attention(x, x, x, is_causal=True)
    result[:, :, 2].sum().backward()
    assert (x.grad[:, :, 3:] == 0).all()
    assert (x.grad[:, :, :3] != 0).all()


@pytest.mark.parametrize("batch_first", [False, True])
def test_heads_split_and_joined(batch_first):
    x = np.arange(48.0).reshape(2, 2, 12)
    parts = ops.split_heads(x, heads=2, batch_first=batch_first)
    assert [one.shape for one in parts] == [(2, 2, 2, 2)] * 3
    np.testing.assert_array_equal(ops.join_heads(*parts, batch_first=batch_first), x)
