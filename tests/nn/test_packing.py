"""Packed and padded sequences: values, gradients, conversions, complaints."""

import copy
import pickle

import pytest

import retrograd
from retrograd.nn.utils import rnn

from .modules import check_complaint
from .parity import check_parity


def _x(t):
    return t.arange(30.0).reshape(5, 2, 3)


def _lists(t):
    return [t.arange(3.0), t.arange(5.0) + 10, t.arange(1.0) + 20]


def _gradient(t, call):
    x = _x(t).requires_grad_()
    result = call(x)
    result = result[0] if isinstance(result, tuple) else result
    (result * t.arange(1.0, result.numel() + 1).reshape(result.shape)).sum().backward()
    return result.detach(), x.grad, result.grad_fn.name()


PROGRAMS = {
    "packed": lambda t, u: tuple(u.pack_padded_sequence(_x(t), [5, 3])),
    "packed by a tensor": lambda t, u: tuple(u.pack_padded_sequence(_x(t), t.tensor([4, 3]))),
    "packed by int32": lambda t, u: tuple(
        u.pack_padded_sequence(_x(t), t.tensor([5, 3], dtype=t.int32))
    ),
    "packed by floats": lambda t, u: tuple(u.pack_padded_sequence(_x(t), t.tensor([5.0, 3.0]))),
    "packed unsorted": lambda t, u: tuple(
        u.pack_padded_sequence(_x(t), [3, 5], enforce_sorted=False)
    ),
    "packed batch first": lambda t, u: tuple(
        u.pack_padded_sequence(_x(t).transpose(0, 1), (5, 3), batch_first=True)
    ),
    "packed without features": lambda t, u: tuple(u.pack_padded_sequence(t.ones(5, 1), [5])),
    "packed text": lambda t, u: repr(u.pack_padded_sequence(_x(t), [3, 5], enforce_sorted=False)),
    "packed gradient": lambda t, u: _gradient(t, lambda x: u.pack_padded_sequence(x, [5, 3]).data),
    "padded": lambda t, u: u.pad_packed_sequence(u.pack_padded_sequence(_x(t), [5, 3])),
    "padded, all arguments": lambda t, u: u.pad_packed_sequence(
        u.pack_padded_sequence(_x(t), [3, 5], enforce_sorted=False), True, -1.0, 7
    ),
    "padded gradient": lambda t, u: _gradient(
        t, lambda x: u.pad_packed_sequence(u.pack_padded_sequence(x, [5, 3]), total_length=6)
    ),
    "padded gradient, unsorted": lambda t, u: _gradient(
        t,
        lambda x: u.pad_packed_sequence(u.pack_padded_sequence(x, [2, 4], enforce_sorted=False)),
    ),
    "padded gradient, batch first": lambda t, u: _gradient(
        t, lambda x: u.pad_packed_sequence(u.pack_padded_sequence(x, [5, 3]), batch_first=True)
    ),
    "pad": lambda t, u: u.pad_sequence(_lists(t)),
    "pad batch first": lambda t, u: u.pad_sequence(_lists(t), True, -1),
    "pad on the left": lambda t, u: u.pad_sequence(_lists(t), True, 0.5, "left"),
    "pad of features": lambda t, u: u.pad_sequence([t.ones(3, 2), t.ones(1, 2)], padding_value=7),
    "pad of one tensor": lambda t, u: u.pad_sequence(t.ones(2, 3)),
    "pad of a generator": lambda t, u: u.pad_sequence(one for one in _lists(t)),
    "pad of two dtypes": lambda t, u: (
        u.pad_sequence([t.ones(2), t.ones(3, dtype=t.int64)]),
        u.pad_sequence([t.ones(2, dtype=t.int64), t.ones(3)], padding_value=1.5),
    ),
    "pad gradient": lambda t, u: _gradient(
        t, lambda x: u.pad_sequence([x[:3, 0], x[:, 1], x[:1, 0]], padding_side="left")
    ),
    "pack": lambda t, u: tuple(u.pack_sequence([t.ones(3), t.ones(1)])),
    "pack unsorted": lambda t, u: tuple(u.pack_sequence(_lists(t), enforce_sorted=False)),
    "unpack": lambda t, u: u.unpack_sequence(u.pack_sequence(_lists(t), enforce_sorted=False)),
    "unpad": lambda t, u: u.unpad_sequence(_x(t), t.tensor([3, 5])),
    "unpad batch first": lambda t, u: u.unpad_sequence(_x(t), t.tensor([1, 2, 1, 1, 2]), True),
    "unpad gradient": lambda t, u: _gradient(
        t, lambda x: u.unpad_sequence(x * 1, t.tensor([3, 5]))[0]
    ),
    "inverse": lambda t, u: (
        u.invert_permutation(t.tensor([2, 0, 1])),
        u.invert_permutation(None),
    ),
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_like_torch(name):
    check_parity(lambda t, nn: PROGRAMS[name](t, nn.utils.rnn))


SEQUENCES = {
    "double": lambda t, p: p.double().data,
    "half": lambda t, p: p.half().data,
    "long": lambda t, p: p.long().data,
    "int": lambda t, p: p.int().data,
    "short": lambda t, p: p.short().data,
    "char": lambda t, p: p.char().data,
    "byte": lambda t, p: p.byte().data,
    "float": lambda t, p: p.float() is p,
    "to a dtype": lambda t, p: tuple(p.to(t.float64)),
    "to nothing new": lambda t, p: (p.to("cpu") is p, p.cpu() is p, p.to(p.data) is p),
    "where": lambda t, p: (p.is_cuda, p.is_pinned()),
    "fields": lambda t, p: (p._fields, len(p), p[1], p.sorted_indices, p.unsorted_indices),
    "of a pair": lambda t, p: repr(type(p)((t.ones(3), t.tensor([2, 1])))),
    "with an order": lambda t, p: tuple(type(p)(p.data, p.batch_sizes, t.tensor([1, 0]))),
}


@pytest.mark.parametrize("name", SEQUENCES)
def test_packed_sequence_like_torch(name):
    def program(t, nn):
        packed = nn.utils.rnn.pack_padded_sequence(_x(t), [3, 5], enforce_sorted=False)
        return SEQUENCES[name](t, packed)

    check_parity(program)


COMPLAINTS = {
    "not sorted": lambda t, u: u.pack_padded_sequence(_x(t), [3, 5]),
    "too many lengths": lambda t, u: u.pack_padded_sequence(_x(t), [5, 3, 2]),
    "a length of zero": lambda t, u: u.pack_padded_sequence(_x(t), [5, 0]),
    "a matrix of lengths": lambda t, u: u.pack_padded_sequence(_x(t), t.tensor([[5, 3]])),
    "one length": lambda t, u: u.pack_padded_sequence(_x(t), 5),
    "batch first": lambda t, u: u.pack_padded_sequence(_x(t), (5, 3), batch_first=True),
    "a vector": lambda t, u: u.pack_padded_sequence(t.zeros(5), [5]),
    "nothing": lambda t, u: u.pack_padded_sequence(t.zeros(5, 0, 3), []),
    "a list": lambda t, u: u.pack_padded_sequence([1], [5]),
    "too short": lambda t, u: u.pad_packed_sequence(
        u.pack_padded_sequence(_x(t), [5, 3]), total_length=3
    ),
    "a tensor": lambda t, u: u.pad_packed_sequence(_x(t)),
    "an unknown side": lambda t, u: u.pad_sequence(_lists(t), True, -1, "middle"),
    "other features": lambda t, u: u.pad_sequence([t.ones(3, 2), t.ones(1, 3)]),
    "no sequences": lambda t, u: u.pad_sequence([]),
    "a number": lambda t, u: u.pad_sequence(5),
    "numbers": lambda t, u: u.pad_sequence([1, 2]),
    "scalars": lambda t, u: u.pad_sequence([t.tensor(1.0)]),
    "unsorted sequences": lambda t, u: u.pack_sequence(_lists(t)),
    "no pair": lambda t, u: u.PackedSequence(t.ones(3)),
    "a list of sizes": lambda t, u: u.PackedSequence(t.ones(3), [2, 1]),
    "a copy": lambda t, u: u.pack_padded_sequence(_x(t), [5, 3]).to(t.float32, copy=True),
}


@pytest.mark.parametrize("name", COMPLAINTS)
def test_complaints(name):
    check_complaint(lambda library: COMPLAINTS[name](library, library.nn.utils.rnn))


def test_a_length_beyond_the_end_is_refused():
    # PyTorch packs sizes that do not go with its data.
    with pytest.raises(RuntimeError, match="a length of 6, but the sequences have 5 steps"):
        rnn.pack_padded_sequence(retrograd.zeros(5, 2, 3), [6, 5])


def test_unpad_leaves_its_input_alone():
    # PyTorch transposes it in place.
    x = _x(retrograd)
    rnn.unpad_sequence(x, retrograd.tensor([3, 5]))
    assert x.shape == (5, 2, 3)


def test_there_and_back():
    lists = _lists(retrograd)
    back = rnn.unpack_sequence(rnn.pack_sequence(lists, enforce_sorted=False))
    assert all(retrograd.equal(a, b) for a, b in zip(lists, back, strict=True))


def test_copies_and_pickles():
    packed = rnn.pack_sequence(_lists(retrograd), enforce_sorted=False)
    for other in (copy.deepcopy(packed), pickle.loads(pickle.dumps(packed))):
        assert type(other) is rnn.PackedSequence
        assert retrograd.equal(other.data, packed.data)
        assert retrograd.equal(other.unsorted_indices, packed.unsorted_indices)


@pytest.mark.parametrize("name", ["pad", "packed"])
def test_second_derivatives(name):
    x = _x(retrograd).double().requires_grad_()

    def call(x):
        if name == "pad":
            return rnn.pad_sequence([x[:3, 0] ** 2, x[:, 1]])
        packed = rnn.pack_padded_sequence(x**2, [2, 4], enforce_sorted=False)
        return rnn.pad_packed_sequence(packed)[0]

    (first,) = retrograd.autograd.grad(call(x).sum(), x, create_graph=True)
    (second,) = retrograd.autograd.grad(first.sum(), x)
    assert set(second.flatten().tolist()) == {0.0, 2.0}
