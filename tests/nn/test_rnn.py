"""Recurrent layers: results, gradients, states, text and complaints."""

import copy
import pickle
import warnings

import numpy as np
import pytest

import retrograd
from retrograd import nn
from retrograd.nn.utils.rnn import PackedSequence, pack_padded_sequence

from .modules import Case, check_complaint, check_module, every


def packed(steps, features, lengths, batch_first=False):
    """Return an input: sequences of these lengths, in this order, packed."""

    def make(library, dtype):
        random = np.random.default_rng(steps)
        shape = (len(lengths), steps, features) if batch_first else (steps, len(lengths), features)
        x = library.from_numpy(random.standard_normal(shape)).to(dtype).requires_grad_()
        pack = library.nn.utils.rnn.pack_padded_sequence
        return pack(x, list(lengths), batch_first=batch_first, enforce_sorted=False)

    return make


def pair(shape, cell_shape=None):
    """Return the two states of an LSTM."""

    def make(library, dtype):
        random = np.random.default_rng(3)
        states = [random.standard_normal(one) for one in (shape, cell_shape or shape)]
        return tuple(library.from_numpy(one).to(dtype).requires_grad_() for one in states)

    return make


X = (5, 2, 3)
CASES = []
for name in ("LSTM", "GRU", "RNN"):
    CASES += [
        Case(name, 3, 4, inputs=[X]),
        Case(name, 1, 1, inputs=[(1, 1, 1)]),
        Case(name, 3, 4, bias=False, inputs=[X]),
        Case(name, 3, 5, 2, batch_first=True, inputs=[(2, 5, 3)]),
        Case(name, 3, 4, bidirectional=True, inputs=[X]),
        Case(name, 3, 4, 3, bidirectional=True, bias=False, batch_first=True, inputs=[(2, 5, 3)]),
        Case(name, 3, 4, 3, dropout=0.4, bidirectional=True, inputs=[X]),
        Case(name, 3, 4, 2, dropout=1.0, inputs=[X]),
        Case(name, 3, 4, inputs=[(5, 3)]),
        Case(name, 3, 4, 2, bidirectional=True, batch_first=True, inputs=[(5, 3)]),
        Case(name, 3, 4, inputs=[(5, 0, 3)]),
        Case(name, 3, 4, inputs=[packed(5, 3, [5, 5])], note="packed, of equal lengths"),
        Case(name, 3, 4, inputs=[packed(5, 3, [2, 5, 1, 2])], note="packed"),
        Case(
            name, 3, 4, 2, bidirectional=True, dropout=0.3, batch_first=True,
            inputs=[packed(6, 3, [2, 5, 6, 2, 1], batch_first=True)], note="packed",
        ),
    ]  # fmt: skip
CASES += [
    Case("RNN", 3, 4, 2, "relu", inputs=[X, (2, 2, 4)]),
    Case("RNN", 3, 4, nonlinearity="relu", bidirectional=True, inputs=[packed(5, 3, [3, 5])]),
    Case("RNN", 3, 4, inputs=[packed(5, 3, [3, 5]), (1, 2, 4)]),
    Case("GRU", 3, 4, 2, bidirectional=True, inputs=[X, (4, 2, 4)]),
    Case("GRU", 3, 4, inputs=[(5, 3), (1, 4)]),
    Case("GRU", 3, 4, 1, True, True, inputs=[(2, 5, 3), (1, 2, 4)]),
    Case("GRU", 3, 4, bidirectional=True, inputs=[packed(5, 3, [3, 5, 1]), (2, 3, 4)]),
    Case("LSTM", 3, 4, 2, bidirectional=True, inputs=[X, pair((4, 2, 4))]),
    Case("LSTM", 3, 4, inputs=[(5, 3), pair((1, 4))]),
    Case("LSTM", 3, 4, inputs=[packed(5, 3, [3, 5, 1]), pair((1, 3, 4))]),
    Case("LSTM", 3, 4, proj_size=2, inputs=[X]),
    Case("LSTM", 3, 4, 2, proj_size=2, bias=False, bidirectional=True, inputs=[X]),
    Case("LSTM", 3, 4, proj_size=1, inputs=[X, pair((1, 2, 1), (1, 2, 4))]),
    Case("LSTM", 3, 4, 2, proj_size=3, bidirectional=True, inputs=[packed(5, 3, [3, 5, 1])]),
]


@every(CASES)
def test_like_torch(case, dtype, mode):
    check_module(case, dtype, mode)


COMPLAINTS = {
    "dropout above one": lambda t: t.nn.LSTM(3, 4, 2, dropout=1.5),
    "dropout of True": lambda t: t.nn.LSTM(3, 4, 2, dropout=True),
    "dropout of text": lambda t: t.nn.LSTM(3, 4, 2, dropout="a"),
    "no layers": lambda t: t.nn.LSTM(3, 4, 0),
    "no hidden units": lambda t: t.nn.GRU(3, 0),
    "no inputs": lambda t: t.nn.RNN(0, 4),
    "a projection too large": lambda t: t.nn.LSTM(3, 4, proj_size=4),
    "a projection below zero": lambda t: t.nn.LSTM(3, 4, proj_size=-1),
    "a projected GRU": lambda t: t.nn.GRU(3, 4, proj_size=2),
    "a projected RNN": lambda t: t.nn.RNN(3, 4, proj_size=2),
    "an unknown nonlinearity": lambda t: t.nn.RNN(3, 4, nonlinearity="abc"),
    "no size": lambda t: t.nn.LSTM(3),
    "a float as a size": lambda t: t.nn.LSTM(3, 4.5),
    "a float as a number of layers": lambda t: t.nn.LSTM(3, 4, 1.5),
    "an int as a bool": lambda t: t.nn.LSTM(3, 4, batch_first=1),
    "an int as bias": lambda t: t.nn.LSTM(3, 4, bias=1),
    "an unknown argument": lambda t: t.nn.LSTM(3, 4, foo=1),
    "an unknown mode": lambda t: t.nn.RNNBase("abc", 3, 4),
    "the base class": lambda t: t.nn.RNNBase("LSTM", 3, 4)(t.zeros(5, 2, 3)),
    "another input size": lambda t: t.nn.LSTM(3, 4)(t.zeros(5, 2, 4)),
    "four dimensions": lambda t: t.nn.LSTM(3, 4)(t.zeros(5, 2, 3, 1)),
    "one dimension": lambda t: t.nn.GRU(3, 4)(t.zeros(5)),
    "one dimension, RNN": lambda t: t.nn.RNN(3, 4)(t.zeros(5)),
    "one state of two": lambda t: t.nn.LSTM(3, 4)(t.zeros(5, 2, 3), t.zeros(1, 2, 4)),
    "hidden size": lambda t: t.nn.LSTM(3, 4)(
        t.zeros(5, 2, 3), (t.zeros(1, 3, 4), t.zeros(1, 2, 4))
    ),
    "cell size": lambda t: t.nn.LSTM(3, 4)(
        t.zeros(5, 2, 3), (t.zeros(1, 2, 4), t.zeros(1, 3, 4))
    ),
    "unbatched states": lambda t: t.nn.LSTM(3, 4)(
        t.zeros(5, 2, 3), (t.zeros(2, 4), t.zeros(2, 4))
    ),
    "batched states": lambda t: t.nn.LSTM(3, 4)(
        t.zeros(5, 3), (t.zeros(1, 1, 4), t.zeros(1, 1, 4))
    ),
    "an unbatched state": lambda t: t.nn.GRU(3, 4)(t.zeros(5, 2, 3), t.zeros(2, 4)),
    "a batched state": lambda t: t.nn.GRU(3, 4)(t.zeros(5, 3), t.zeros(1, 2, 4)),
    "layers of the state": lambda t: t.nn.RNN(3, 4)(t.zeros(5, 3), t.zeros(2, 4)),
    "another dtype": lambda t: t.nn.GRU(3, 4)(t.zeros(5, 2, 3, dtype=t.float64)),
    "another dtype of the state": lambda t: t.nn.GRU(3, 4)(
        t.zeros(5, 2, 3), t.zeros(1, 2, 4, dtype=t.float64)
    ),
    "no time": lambda t: t.nn.LSTM(3, 4)(t.zeros(0, 2, 3)),
    "a list": lambda t: t.nn.GRU(3, 4)([1, 2]),
    "packed, another input size": lambda t: t.nn.GRU(3, 4)(
        t.nn.utils.rnn.pack_padded_sequence(t.zeros(5, 2, 4), [5, 3])
    ),
    "packed, an unbatched state": lambda t: t.nn.RNN(3, 4)(
        t.nn.utils.rnn.pack_padded_sequence(t.zeros(5, 2, 3), [5, 3]), t.zeros(2, 4)
    ),
}


@pytest.mark.parametrize("name", [n for n in COMPLAINTS if n != "packed, an unbatched state"])
def test_complaints(name):
    check_complaint(COMPLAINTS[name])


def test_dropout_of_one_layer_warns():
    with pytest.warns(UserWarning, match="non-zero dropout expects num_layers greater than 1, but"):
        nn.LSTM(3, 4, dropout=0.5)


def test_states_by_name():
    layer = nn.LSTM(3, 4, 2, proj_size=2, bidirectional=True)
    names = list(layer.state_dict())
    assert names[:5] == [
        "weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0", "weight_hr_l0",
    ]  # fmt: skip
    assert names[5] == "weight_ih_l0_reverse"
    assert [len(one) for one in layer.all_weights] == [5, 5, 5, 5]
    assert layer.all_weights[3][0] is layer.weight_ih_l1_reverse
    assert layer._flat_weights[0] is layer.weight_ih_l0
    assert layer.flatten_parameters() is None


def test_node_names():
    pytest.importorskip("torch")
    import torch

    for dtype, options in (
        ("float32", {}),
        ("float64", {}),
        ("float32", {"proj_size": 2}),
        ("float32", {"bidirectional": True}),
        ("float32", {"batch_first": True}),
    ):
        seen = []
        for library in (retrograd, torch):
            layer = library.nn.LSTM(3, 4, **options).to(getattr(library, dtype))
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                out, (h, c) = layer(library.zeros(5, 2, 3, dtype=getattr(library, dtype)))
            seen.append([one.grad_fn.name() for one in (out, h, c)])
        assert seen[0] == seen[1], (dtype, options)


def test_half_precision_is_computed_in_single():
    layer = nn.LSTM(3, 4)
    x = retrograd.ones(5, 2, 3)
    wanted = layer(x)[0]
    out, (h, _) = layer.half()(x.half())
    assert out.dtype == h.dtype == retrograd.float16
    assert retrograd.allclose(out.float(), wanted, atol=2e-3)


def test_a_new_parameter_is_used():
    layer = nn.GRU(3, 4)
    for name in layer.state_dict():
        setattr(layer, name, nn.Parameter(retrograd.zeros_like(getattr(layer, name))))
    assert not layer(retrograd.ones(5, 2, 3))[0].any()


def test_copies_and_pickles():
    layer = nn.LSTM(3, 4, 2)
    x = retrograd.ones(5, 2, 3)
    for other in (copy.deepcopy(layer), pickle.loads(pickle.dumps(layer))):
        assert retrograd.equal(other(x)[0], layer(x)[0])
        assert other.weight_ih_l0 is not layer.weight_ih_l0


@pytest.mark.parametrize("name", ["LSTM", "GRU", "RNN"])
def test_packed_as_each_alone(name):
    # Each sequence of a packed batch gives what it gives alone, in both directions.
    layer = getattr(nn, name)(3, 4, 2, bidirectional=True)
    x = retrograd.randn(6, 4, 3)
    lengths = [3, 6, 1, 3]
    out, state = layer(pack_padded_sequence(x, lengths, enforce_sorted=False))
    assert isinstance(out, PackedSequence)
    padded, found = nn.utils.rnn.pad_packed_sequence(out)
    assert found.tolist() == lengths
    hidden = state[0] if name == "LSTM" else state
    for number, length in enumerate(lengths):
        alone, alone_state = layer(x[:length, number])
        assert retrograd.allclose(padded[:length, number], alone, atol=1e-6)
        alone_hidden = alone_state[0] if name == "LSTM" else alone_state
        assert retrograd.allclose(hidden[:, number], alone_hidden, atol=1e-6)


def test_a_changed_weight_is_noticed():
    layer = nn.LSTM(3, 4)
    out, _ = layer(retrograd.ones(5, 2, 3))
    with retrograd.no_grad():
        layer.weight_hh_l0.mul_(2)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        out.sum().backward()


def test_tied_weights_get_both_gradients():
    # One parameter in two places: recorded backward and plain backward agree.
    layer = nn.RNN(4, 4, dtype=retrograd.float64)
    layer.weight_hh_l0 = layer.weight_ih_l0
    x = retrograd.randn(5, 2, 4, dtype=retrograd.float64)
    results = [
        retrograd.autograd.grad(layer(x)[0].sum(), layer.weight_ih_l0, create_graph=again)[0]
        for again in (False, True)
    ]
    assert retrograd.allclose(*results)


def _frozen(t, layer, x):
    for name in ("weight_hh_l0", "bias_ih_l1"):
        getattr(layer, name).requires_grad_(False)
    return layer(x.detach())[0].square().sum()


def _final_state(t, layer, x):
    state = layer(x)[1]
    return (state[1] if isinstance(state, tuple) else state).square().sum()


def _with_saved_hooks(t, layer, x):
    with t.autograd.graph.saved_tensors_hooks(lambda saved: saved, lambda saved: saved):
        return layer(x)[0].square().sum()


def _of_gradients(t, layer, x):
    total = layer(x)[0].square().sum()
    grads = t.autograd.grad(total, [x, *layer.parameters()], create_graph=True)
    return sum((one * one).sum() for one in grads)


LOSSES = {
    "some weights frozen": _frozen,
    "the input alone": lambda t, layer, x: layer.requires_grad_(False)(x)[0].square().sum(),
    "the final state alone": _final_state,
    "hooks on what is saved": _with_saved_hooks,
    "of gradients": _of_gradients,
}


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize("kind", ["LSTM", "GRU", "RNN"])
def test_gradients_like_torch(kind, name):
    torch = pytest.importorskip("torch")
    seen = []
    for t in (retrograd, torch):
        t.manual_seed(0)
        layer = getattr(t.nn, kind)(3, 4, 2, bidirectional=True, dtype=t.float64)
        x = t.rand(5, 2, 3, dtype=t.float64, requires_grad=True)
        LOSSES[name](t, layer, x).backward()
        seen.append([None if one.grad is None else one.grad for one in (x, *layer.parameters())])
    for ours, theirs in zip(*seen, strict=True):
        assert (ours is None) == (theirs is None)
        if ours is not None:
            np.testing.assert_allclose(
                ours.detach().numpy(), theirs.detach().numpy(), rtol=1e-8, atol=1e-10
            )
