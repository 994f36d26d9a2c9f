"""MultiheadAttention and multi_head_attention_forward."""

import math

import numpy as np
import pytest

import retrograd

from .modules import Case, check_complaint, check_module, every
from .parity import check_parity

X = (5, 3, 4)  # length, batch, features
SEEN = np.triu(np.ones((5, 5), bool), 1)
PADDED = np.array([[0, 0, 0, 1, 1], [0, 0, 0, 0, 0], [0, 0, 0, 0, 1]], bool)
PER_HEAD = np.arange(150).reshape(6, 5, 5) % 7 == 3


def itself(shape, **settings):
    """Return a maker of one tensor that is query, key and value."""
    return {"inputs": [shape], "make": lambda library: Itself(library, dict(settings))}


def Itself(library, settings):
    """Return a module that attends from a tensor to itself."""
    call = {name: settings.pop(name) for name in list(settings) if name.startswith("call_")}

    class SelfAttention(library.nn.Module):
        def __init__(self):
            super().__init__()
            self.attention = library.nn.MultiheadAttention(4, 2, **settings)

        def forward(self, x):
            given = {name[5:]: value for name, value in call.items()}
            for name, value in given.items():
                if isinstance(value, np.ndarray):
                    value = library.from_numpy(value.copy())
                    given[name] = value.to(x.dtype) if value.dtype.is_floating_point else value
            return self.attention(x, x, x, **given)

    return SelfAttention()


def numbers(mask):
    return np.where(mask, -math.inf, 0)


CASES = [
    Case("MultiheadAttention", 4, 2, inputs=[X, (6, 3, 4), (6, 3, 4)]),
    Case("MultiheadAttention", 4, 1, bias=False, inputs=[X, (6, 3, 4), (6, 3, 4)]),
    Case("MultiheadAttention", 4, 4, dropout=0.4, inputs=[X, (6, 3, 4), (6, 3, 4)]),
    Case("MultiheadAttention", 4, 2, kdim=3, vdim=5, inputs=[X, (6, 3, 3), (6, 3, 5)]),
    Case("MultiheadAttention", 4, 2, kdim=3, bias=False, inputs=[X, (6, 3, 3), (6, 3, 4)]),
    Case("MultiheadAttention", 4, 2, add_bias_kv=True, inputs=[X, (6, 3, 4), (6, 3, 4)]),
    Case("MultiheadAttention", 4, 2, add_zero_attn=True, inputs=[X, (6, 3, 4), (6, 3, 4)]),
    Case(
        "MultiheadAttention", 4, 2, add_bias_kv=True, add_zero_attn=True, batch_first=True,
        inputs=[(3, 5, 4), (3, 5, 4), (3, 5, 4)],
        keywords={"key_padding_mask": PADDED, "attn_mask": SEEN},
    ),
    Case("MultiheadAttention", 4, 2, batch_first=True, inputs=[(3, 5, 4), (3, 6, 4), (3, 6, 4)]),
    Case("MultiheadAttention", 4, 2, inputs=[(5, 4), (6, 4), (6, 4)]),
    Case("MultiheadAttention", 4, 2, batch_first=True, inputs=[(5, 4), (6, 4), (6, 4)]),
    Case("MultiheadAttention", 4, 2, inputs=[X] * 3, keywords={"key_padding_mask": PADDED}),
    Case("MultiheadAttention", 4, 2, inputs=[X] * 3, keywords={"attn_mask": SEEN}),
    Case("MultiheadAttention", 4, 2, inputs=[X] * 3, keywords={"attn_mask": PER_HEAD}),
    Case("MultiheadAttention", 4, 2, inputs=[X] * 3, keywords={"attn_mask": (5, 5)}, note="added"),
    Case(
        "MultiheadAttention", 4, 2, inputs=[(5, 4)] * 3, note="without a batch",
        keywords={"attn_mask": PER_HEAD[:2], "key_padding_mask": PADDED[0]},
    ),
    Case(
        "MultiheadAttention", 4, 2, inputs=[X] * 3, note="apart",
        keywords={"average_attn_weights": lambda library, dtype: False},
    ),
    Case(
        "MultiheadAttention", 4, 2, dropout=0.3, inputs=[X] * 3, note="no weights",
        keywords={"need_weights": lambda library, dtype: False, "attn_mask": SEEN},
    ),
    Case("Itself", note="plain", **itself(X)),
    Case("Itself", note="batch first", **itself((3, 5, 4), batch_first=True, dropout=0.5)),
    Case("Itself", note="no bias", **itself(X, bias=False, call_need_weights=False)),
    Case("Itself", note="no batch", **itself((5, 4), batch_first=True, call_need_weights=False)),
    Case("Itself", note="masks", **itself(X, call_attn_mask=SEEN, call_key_padding_mask=PADDED)),
    Case(
        "Itself", note="masks without weights",
        **itself(X, call_attn_mask=SEEN, call_key_padding_mask=PADDED, call_need_weights=False),
    ),
    Case("Itself", note="by head", **itself(X, call_attn_mask=PER_HEAD, call_need_weights=False)),
    Case("Itself", note="added", **itself(X, call_attn_mask=numbers(SEEN))),
    Case(
        "Itself", note="causal",
        **itself(X, call_attn_mask=SEEN, call_is_causal=True, call_need_weights=False),
    ),
    Case(
        "Itself", note="causal with dropout", **itself(
            (3, 5, 4), call_attn_mask=SEEN, call_is_causal=True, call_need_weights=False,
            dropout=0.5, batch_first=True,
        ),
    ),
    Case(
        "Itself", note="causal and padded", **itself(
            X, call_attn_mask=numbers(SEEN), call_is_causal=True, call_need_weights=False,
            call_key_padding_mask=numbers(PADDED),
        ),
    ),
    Case("Itself", note="learned key", **itself(X, add_bias_kv=True, call_attn_mask=SEEN)),
]  # fmt: skip


@every(CASES)
def test_like_torch(case, dtype, mode):
    check_module(case, dtype, mode)


def attend(library, query=X, key=None, value=None, **settings):
    """Call the function on random operands."""
    q = library.randn(query)
    k = q if key is None else library.randn(key)
    v = k if value is None else library.randn(value)
    given = {
        "embed_dim_to_check": 4,
        "num_heads": 2,
        "in_proj_weight": library.randn(12, 4),
        "in_proj_bias": library.randn(12),
        "bias_k": None,
        "bias_v": None,
        "add_zero_attn": False,
        "dropout_p": 0.0,
        "out_proj_weight": library.randn(4, 4),
        "out_proj_bias": library.randn(4),
    }
    for name, one in settings.items():
        if isinstance(one, np.ndarray):
            one = library.from_numpy(one.copy())
            one = one.float() if one.dtype.is_floating_point else one
        given[name] = library.randn(one) if isinstance(one, tuple) else one
    return library.nn.functional.multi_head_attention_forward(q, k, v, **given)


SEPARATE = {
    "use_separate_proj_weight": True,
    "in_proj_weight": None,
    "q_proj_weight": (4, 4),
    "k_proj_weight": (4, 3),
    "v_proj_weight": (4, 5),
}

CALLS = {
    "static": {"static_k": (6, 7, 2), "static_v": (6, 7, 2)},
    "static keys": {"static_k": (6, 5, 2)},
    "separate": {"key": (6, 3, 3), "value": (6, 3, 5), **SEPARATE},
    "not training": {"dropout_p": 0.5, "training": False},
    "dropout": {"dropout_p": 0.5},
    "no bias": {"in_proj_bias": None, "out_proj_bias": None},
    "nothing seen": {"attn_mask": SEEN | True},
    "nothing seen, no weights": {"attn_mask": SEEN | True, "need_weights": False},
    "two kinds of masks": {"attn_mask": numbers(SEEN), "key_padding_mask": PADDED},
    "float padding": {"key_padding_mask": numbers(PADDED)},
}


@pytest.mark.parametrize("name", CALLS)
def test_function_like_torch(name):
    def program(t, nn):
        result, weights = attend(t, **CALLS[name])
        return (
            result.nan_to_num(7.0), None if weights is None else weights.nan_to_num(7.0)
        )  # fmt: skip

    check_parity(program, tolerance=2e-5)


COMPLAINTS = {
    "one dimension": {"query": (4,)},
    "four dimensions": {"query": (1, 5, 3, 4)},
    "key without batch": {"key": (5, 4)},
    "key with batch": {"query": (5, 4), "key": (5, 3, 4)},
    "another size": {"embed_dim_to_check": 5},
    "heads": {"num_heads": 3},
    "value length": {"key": (6, 3, 4), "value": (7, 3, 4)},
    "key size": {"key": (6, 3, 5)},
    "separate sizes": {"key": (6, 3, 3), "value": (6, 3, 5), **SEPARATE, "v_proj_weight": (4, 6)},
    "separate lengths": {"key": (6, 3, 3), "value": (7, 3, 5), **SEPARATE},
    "separate without": {**SEPARATE, "k_proj_weight": None},
    "no weight": {"in_proj_weight": None},
    "mask shape": {"attn_mask": np.zeros((4, 5))},
    "mask by head shape": {"attn_mask": np.zeros((3, 5, 5))},
    "mask of four": {"attn_mask": np.zeros((1, 6, 5, 5))},
    "mask of one": {"attn_mask": np.zeros(5)},
    "mask of integers": {"attn_mask": np.zeros((5, 5), int)},
    "padding of integers": {"key_padding_mask": np.zeros((3, 5), int)},
    "padding length": {"key_padding_mask": PADDED[:, :4]},
    "padding batch": {"key_padding_mask": PADDED[:2]},
    "padding of one": {"key_padding_mask": PADDED[0]},
    "padding of two, no batch": {"query": (5, 4), "key_padding_mask": PADDED},
    "mask by head, no batch": {"query": (5, 4), "attn_mask": PER_HEAD},
    "mask of four, no batch": {"query": (5, 4), "attn_mask": np.zeros((1, 2, 5, 5))},
    "causal without mask": {"is_causal": True},
    "causal without mask or weights": {"is_causal": True, "need_weights": False},
    "one bias": {"bias_k": (1, 1, 4)},
    "another bias": {"bias_v": (1, 1, 4)},
    "static batch": {"static_k": (5, 7, 2), "static_v": (6, 7, 2)},
    "static size": {"static_k": (6, 7, 3), "static_v": (6, 7, 2)},
    "static value batch": {"static_k": (6, 7, 2), "static_v": (5, 7, 2)},
    "static and bias": {"static_k": (6, 7, 2), "bias_k": (1, 1, 4), "bias_v": (1, 1, 4)},
    "static value and bias": {"static_v": (6, 7, 2), "bias_k": (1, 1, 4), "bias_v": (1, 1, 4)},
}


@pytest.mark.parametrize("name", COMPLAINTS)
def test_complaints(name):
    check_complaint(lambda library: attend(library, **COMPLAINTS[name]))


@pytest.mark.parametrize("arguments", [(5, 2), (0, 2), (4, 0), (-4, 2)])
def test_sizes_that_do_not_go(arguments):
    check_complaint(lambda library: library.nn.MultiheadAttention(*arguments))


def test_weights_are_a_distribution_over_what_is_seen():
    attention = retrograd.nn.MultiheadAttention(4, 2, batch_first=True)
    x = retrograd.randn(3, 5, 4)
    _, weights = attention(x, x, x, attn_mask=retrograd.from_numpy(SEEN))
    assert retrograd.allclose(weights.sum(-1), retrograd.ones(3, 5))
    assert (weights.triu(1) == 0).all()
