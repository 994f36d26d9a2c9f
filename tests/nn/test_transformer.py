"""Transformer layers, their stacks, and the whole."""

import copy
import math

import numpy as np
import pytest

import retrograd
from retrograd import nn

from .modules import Case, check_complaint, check_module, every
from .parity import check_parity

X = (5, 3, 4)  # length, batch, features
FIRST = (3, 5, 4)
HIDDEN = np.triu(np.ones((5, 5), bool), 1)
PADDED = np.array([[0, 0, 0, 1, 1], [0, 0, 0, 0, 0], [0, 0, 0, 0, 1]], bool)
ENCODER = "TransformerEncoderLayer"
DECODER = "TransformerDecoderLayer"


def causal(library, dtype):
    return library.nn.Transformer.generate_square_subsequent_mask(5, dtype=dtype)


def true(library, dtype):
    return True


def false(library, dtype):
    return False


def encoder(count, norm=False, **settings):
    """Return a maker of a stack of encoder layers."""

    def make(library):
        layer = library.nn.TransformerEncoderLayer(4, 2, 6, batch_first=True, **settings)
        end = library.nn.LayerNorm(4) if norm else None
        return library.nn.TransformerEncoder(layer, count, end)

    return make


def decoder(count):
    def make(library):
        layer = library.nn.TransformerDecoderLayer(4, 2, 6, batch_first=True)
        return library.nn.TransformerDecoder(layer, count, library.nn.LayerNorm(4))

    return make


def unnested(**settings):
    """Return a maker of a whole transformer without the warning of its stacks."""

    def make(library):
        import warnings

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return library.nn.Transformer(4, 2, 1, 2, 6, **settings)

    return make


CASES = [
    Case(ENCODER, 4, 2, 6, inputs=[X]),
    Case(ENCODER, 4, 1, 3, 0.0, "gelu", inputs=[X]),
    Case(ENCODER, 4, 2, 6, norm_first=True, bias=False, inputs=[X]),
    Case(ENCODER, 4, 2, 6, batch_first=True, dropout=0.3, layer_norm_eps=0.1, inputs=[FIRST]),
    Case(ENCODER, 4, 2, 6, batch_first=True, norm_first=True, inputs=[FIRST]),
    Case(ENCODER, 4, 2, 6, batch_first=True, inputs=[(5, 4)]),
    Case(ENCODER, 4, 2, 6, inputs=[X, HIDDEN], keywords={"src_key_padding_mask": PADDED}),
    Case(ENCODER, 4, 2, 6, inputs=[X, causal], keywords={"is_causal": true}, note="causal"),
    Case(
        ENCODER, 4, 2, 6, inputs=[X], note="callable activation",
        make=lambda library: library.nn.TransformerEncoderLayer(4, 2, 6, activation=library.tanh),
    ),
    Case(
        ENCODER, 4, 2, 6, inputs=[X], note="activation module",
        make=lambda library: library.nn.TransformerEncoderLayer(
            4, 2, 6, activation=library.nn.ELU()
        ),
    ),
    Case(DECODER, 4, 2, 6, inputs=[X, (6, 3, 4)]),
    Case(DECODER, 4, 2, 6, 0.2, "gelu", batch_first=True, inputs=[FIRST, (3, 6, 4)]),
    Case(DECODER, 4, 2, 6, norm_first=True, bias=False, inputs=[X, (6, 3, 4)]),
    Case(DECODER, 4, 2, 6, inputs=[(5, 4), (6, 4)]),
    Case(
        DECODER, 4, 2, 6, inputs=[X, X], note="masks",
        keywords={
            "tgt_mask": HIDDEN, "memory_mask": (5, 5), "tgt_key_padding_mask": PADDED,
        },
    ),
    Case(
        DECODER, 4, 2, 6, inputs=[X, X], note="causal",
        keywords={
            "tgt_mask": causal, "tgt_is_causal": true, "memory_key_padding_mask": PADDED,
        },
    ),
    Case("Encoder", inputs=[FIRST], make=encoder(2)),
    Case("Encoder", inputs=[FIRST, causal], make=encoder(2, norm=True, activation="gelu")),
    Case("Encoder", inputs=[FIRST, HIDDEN], make=encoder(1), note="hidden"),
    Case(
        "Encoder", inputs=[FIRST, causal], make=encoder(1), note="called causal",
        keywords={"is_causal": true},
    ),
    Case(
        "Encoder", inputs=[FIRST, causal], make=encoder(1), note="called not causal",
        keywords={"is_causal": false},
    ),
    Case(
        "Encoder", inputs=[FIRST], make=encoder(2), note="padded",
        keywords={"src_key_padding_mask": PADDED},
    ),
    Case("Decoder", inputs=[FIRST, (3, 6, 4)], make=decoder(2)),
    Case("Decoder", inputs=[FIRST, FIRST], make=decoder(1), keywords={"tgt_mask": causal}),
    Case("Transformer", inputs=[X, (6, 3, 4)], make=unnested()),
    Case("Transformer", inputs=[FIRST, (3, 6, 4)], make=unnested(batch_first=True)),
    Case("Transformer", inputs=[(5, 4), (6, 4)], make=unnested(norm_first=True, bias=False)),
    Case(
        "Transformer", inputs=[X, X], make=unnested(activation="gelu"), note="masks",
        keywords={
            "src_mask": HIDDEN, "tgt_mask": causal, "src_key_padding_mask": PADDED,
            "memory_key_padding_mask": PADDED,
        },
    ),
]  # fmt: skip


@every(CASES)
def test_like_torch(case, dtype, mode):
    check_module(case, dtype, mode)


def layer_of(t, **settings):
    return t.nn.TransformerEncoderLayer(4, 2, 6, **settings)


def unlike(layer):
    layer.norm1.eps = 1.0
    return layer


# What a stack warns of, several reasons at once included: the first counts.
WARNINGS = {
    "fast": lambda t, nn: nn.TransformerEncoder(layer_of(t, batch_first=True), 1),
    "length first": lambda t, nn: nn.TransformerEncoder(layer_of(t, bias=False), 1),
    "norm first": lambda t, nn: nn.TransformerEncoder(layer_of(t, norm_first=True), 1),
    "no bias": lambda t, nn: nn.TransformerEncoder(
        layer_of(t, batch_first=True, bias=False, activation=t.tanh), 1
    ),
    "activation": lambda t, nn: nn.TransformerEncoder(
        unlike(layer_of(t, batch_first=True, activation=nn.Tanh())), 1
    ),
    "activation modules": lambda t, nn: [
        nn.TransformerEncoder(layer_of(t, batch_first=True, activation=one()), 1)
        for one in (nn.ReLU, nn.GELU)
    ],
    "eps": lambda t, nn: nn.TransformerEncoder(
        unlike(nn.TransformerEncoderLayer(3, 1, 2, batch_first=True)), 1
    ),
    "odd heads": lambda t, nn: nn.TransformerEncoder(
        nn.TransformerEncoderLayer(3, 1, 2, batch_first=True), 1
    ),
    "another layer": lambda t, nn: nn.TransformerEncoder(nn.Linear(2, 2), 2),
    "not enabled": lambda t, nn: nn.TransformerEncoder(layer_of(t), 1, enable_nested_tensor=False),
    "whole": lambda t, nn: nn.Transformer(4, 2, 1, 1, 6),
    "masks of two kinds": lambda t, nn: layer_of(t, dropout=0.0)(
        t.ones(5, 3, 4), t.zeros(5, 5), t.from_numpy(PADDED)
    ),
    "masks of two kinds in a stack": lambda t, nn: nn.TransformerEncoder(
        layer_of(t, dropout=0.0, batch_first=True), 2
    )(t.ones(3, 5, 4), t.zeros(5, 5), t.from_numpy(PADDED)),
}


@pytest.mark.parametrize("name", WARNINGS)
def test_warnings_like_torch(name):
    check_parity(WARNINGS[name], tolerance=2e-5)


def padded_away(t, nn, mask_type=bool, norm=False):
    """Evaluate without gradients, where PyTorch leaves padding out."""
    stack = encoder(2, norm)(t).eval()
    padding = t.from_numpy(PADDED)
    if mask_type is float:
        padding = t.zeros(3, 5).masked_fill(padding, -math.inf)
    with t.no_grad():
        return [stack(t.randn(FIRST), src_key_padding_mask=padding), *stack.state_dict()]


@pytest.mark.parametrize("mask_type", [bool, float])
@pytest.mark.parametrize("norm", [False, True])
@pytest.mark.filterwarnings("ignore:The PyTorch API of nested tensors")
def test_evaluation_without_gradients_is_zero_at_padding(mask_type, norm):
    import warnings

    torch = pytest.importorskip("torch")
    ours, theirs = [], []
    for library, seen in ((retrograd, ours), (torch, theirs)):
        library.manual_seed(0)
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "The PyTorch API of nested tensors")
            seen += padded_away(library, library.nn, mask_type, norm)
    np.testing.assert_allclose(ours[0].numpy(), theirs[0].numpy(), rtol=2e-5, atol=2e-5)
    assert ours[1:] == theirs[1:]
    if not norm:
        assert (ours[0].numpy()[PADDED] == 0).all()


COMPLAINTS = {
    "activation": lambda t: layer_of(t, activation="tanh"),
    "decoder activation": lambda t: t.nn.TransformerDecoderLayer(4, 2, 6, activation="x"),
    "causal without mask": lambda t: layer_of(t)(t.ones(X), is_causal=True),
    "mask of integers": lambda t: layer_of(t)(t.ones(X), t.zeros(5, 5, dtype=t.int64)),
    "padding of integers": lambda t: layer_of(t)(t.ones(X), None, t.zeros(3, 5, dtype=t.int64)),
    "stack's mask of integers": lambda t: encoder(1)(t)(
        t.ones(FIRST), t.zeros(5, 5, dtype=t.int64)
    ),
    "memory causal": lambda t: decoder(1)(t)(t.ones(FIRST), t.ones(FIRST), memory_is_causal=True),
    "batches": lambda t: unnested()(t)(t.ones(5, 3, 4), t.ones(5, 2, 4)),
    "batches first": lambda t: unnested(batch_first=True)(t)(t.ones(3, 5, 4), t.ones(2, 5, 4)),
    "features": lambda t: unnested()(t)(t.ones(5, 3, 4), t.ones(5, 3, 3)),
    "one without batch": lambda t: unnested()(t)(t.ones(5, 4), t.ones(5, 2, 4)),
}


@pytest.mark.parametrize("name", COMPLAINTS)
def test_complaints(name):
    check_complaint(COMPLAINTS[name])


def test_causal_masks_like_torch():
    check_parity(
        lambda t, nn: [
            nn.Transformer.generate_square_subsequent_mask(3),
            nn.Transformer.generate_square_subsequent_mask(0),
            nn.Transformer.generate_square_subsequent_mask(2, dtype=t.float64),
        ]
    )


def test_layers_of_a_stack_start_equal_and_apart():
    layer = nn.TransformerEncoderLayer(4, 2, 6, batch_first=True)
    stack = nn.TransformerEncoder(layer, 2)
    first, second = stack.layers
    for one, two, own in zip(first.parameters(), second.parameters(), layer.parameters()):
        assert retrograd.equal(one, two)
        assert one is not two
        assert one is not own
    assert copy.deepcopy(first).activation is first.activation


def test_later_tokens_change_nothing_before_them():
    retrograd.manual_seed(0)
    stack = encoder(2)(retrograd)
    mask = nn.Transformer.generate_square_subsequent_mask(5)
    stack.eval()
    x = retrograd.randn(FIRST)
    changed = x.clone()
    changed[:, 3:] += 1.0
    before, after = stack(x, mask), stack(changed, mask)
    assert retrograd.allclose(before[:, :3], after[:, :3])
    assert not retrograd.allclose(before[:, 3:], after[:, 3:])


QUICK = {
    "layer": lambda t: layer_of(t, batch_first=True),
    "gelu, norm first": lambda t: layer_of(
        t, batch_first=True, norm_first=True, activation="gelu"
    ),
    "length first": lambda t: layer_of(t),
    "stack": encoder(2, True),
}


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("name", QUICK)
def test_evaluation_without_gradients_like_torch(name, masked):
    # PyTorch has a kernel of its own for this.
    def program(t, nn):
        model = QUICK[name](t).eval()
        x = t.randn(FIRST if name != "length first" else X)
        with t.no_grad():
            return model(x, t.from_numpy(HIDDEN)) if masked else model(x)

    check_parity(program, tolerance=2e-5)
