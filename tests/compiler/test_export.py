"""Exported functions: what is saved runs again, and a file can do no harm."""

from __future__ import annotations

import contextlib
import io
import json
import random

import numpy as np
import pytest

import retrograd as rg
from retrograd import nn
from retrograd.compiler import export, exported, load
from retrograd.compiler.exported import FUNCTIONS, ExportError
from retrograd.nn import functional as F


def saved(f, *inputs):
    file = io.BytesIO()
    export(f, inputs, file)
    return file.getvalue()


def loaded(data, **settings):
    return load(io.BytesIO(data), **settings)


def same(ours, want):
    if isinstance(want, rg.Tensor):
        assert (ours.dtype, ours.shape) == (want.dtype, want.shape)
        np.testing.assert_array_equal(ours.detach().numpy(), want.detach().numpy())
    elif isinstance(want, (list, tuple)):
        assert len(ours) == len(want)
        for one, other in zip(ours, want, strict=True):
            same(one, other)
    elif isinstance(want, dict):
        assert ours.keys() == want.keys()
        same(list(ours.values()), list(want.values()))
    else:
        assert ours == want


def net():
    rg.manual_seed(0)
    return nn.Sequential(
        nn.Linear(4, 8), nn.LayerNorm(8), nn.Tanh(), nn.BatchNorm1d(8), nn.Linear(8, 3),
        nn.Softmax(-1),
    ).eval()  # fmt: skip


def image_net():
    rg.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(1, 2, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(18, 3)
    )


CASES = {
    "net": (net(), (2, 4)),
    "image net": (image_net(), (2, 1, 8, 8)),
    "encoder": (nn.TransformerEncoderLayer(8, 2, 16, batch_first=True).eval(), (2, 5, 8)),
    "gelu": (F.gelu, (5,)),
    "nest": (lambda x: {"a": [x + 1, (x.sum(), 2, None)], "b": float("inf")}, (3,)),
    "arguments": (lambda x: (x, x.T, x.max(0)), (3, 2)),
    "constants": (lambda x: x * rg.arange(3.0) + rg.tensor([1.0, 2.0, 3.0]), (3,)),
    "in-place": (lambda x: x.clone().mul_(2).add_(1), (3,)),
    "items": (lambda x: x[1:, None] + x[0:2].sort().values.cumsum(0), (3,)),
    "mask": (lambda x: rg.where(x > 0, x, -x).masked_fill(x > 1, 0.5), (4,)),
    "linalg": (lambda x: (rg.linalg.inv(x @ x.T + rg.eye(3)), x.norm()), (3, 3)),
    "dtypes": (lambda x: ((x > 0).long(), x.double(), x.half()), (3,)),
    "loss": (lambda x: F.cross_entropy(x, rg.tensor([0, 1])), (2, 3)),
}


@pytest.mark.parametrize("name", CASES)
def test_what_is_loaded_gives_the_same(name):
    f, shape = CASES[name]
    generator = rg.Generator().manual_seed(1)
    x = rg.randn(shape, generator=generator)
    data = saved(f, x)
    again = loaded(data)
    for one in (x, rg.randn(shape, generator=generator)):
        same(again(one), f(one))
    assert b"retrograd.export" in data[:200]


def test_numpy_alone():
    data = saved(net()[:-1], rg.ones(2, 4))
    again = loaded(data, numpy_only=True)
    assert again.operations == []
    assert "0.weight" in again.arrays
    found = again.run(np.ones((2, 4), np.float32))
    assert type(found) is np.ndarray
    whole = saved(lambda x: F.group_norm(x, 2), rg.ones(3, 4, 5))
    with pytest.raises(ExportError, match=r"calls operations of retrograd: .*moments"):
        loaded(whole, numpy_only=True)


def attention(**settings):
    def f(q, k):
        return F.scaled_dot_product_attention(q, k, k, **settings)

    return f, [(2, 3, 4), (2, 3, 4)]


def biased(q, k):
    return F.scaled_dot_product_attention(q, k, k, attn_mask=q @ k.mT)


def seeing(q, k):
    return F.scaled_dot_product_attention(q, k, k, attn_mask=q @ k.mT > 0.5)


DEFINED = {
    "softmax": (lambda x: x.softmax(-1) + x.softmax(0), [(3, 4)]),
    "softmax of large numbers": (lambda x: (x * 500).softmax(1), [(3, 4)]),
    "gelu": (F.gelu, [(3, 4)]),
    "erf": (rg.erf, [(3, 4)]),
    "attention": attention(),
    "causal attention": attention(is_causal=True),
    "attention with a bias": (biased, [(2, 3, 4), (2, 3, 4)]),
    "attention with a mask": (seeing, [(2, 3, 4), (2, 3, 4)]),
    "embedding": (lambda x, w: F.embedding((x > 0).long(), w), [(3, 4), (2, 3)]),
    "gather": (lambda x: x.gather(1, (x > 0).long()), [(3, 4)]),
    "expand and copy": (lambda x: x.expand(2, 3, 4)[:, :, ::2].contiguous(), [(3, 4)]),
    "gru": (None, [(5, 2, 4)]),
    "encoder layer": (None, [(3, 2, 8)]),
}


@pytest.mark.parametrize("name", DEFINED)
def test_definitions(name):
    """What NumPy cannot be given call by call runs by its definition where the library is not."""
    f, shapes = DEFINED[name]
    rg.manual_seed(0)
    if name == "encoder layer":
        f = nn.TransformerEncoderLayer(8, 2, 16, activation="gelu").eval()
    elif name == "gru":
        f = nn.GRU(4, 3).requires_grad_(False)
    for dtype in (rg.float32, rg.float64):
        if isinstance(f, nn.Module):
            f.to(dtype)
        given = [rg.randn(shape, dtype=dtype) for shape in shapes]
        alone = exported.load(io.BytesIO(saved(f, *given)))
        assert alone.operations == []
        given = [rg.randn(shape, dtype=dtype) for shape in shapes]
        found = alone.run(*[one.numpy() for one in given])
        wanted = f(*given)
        pairs = zip(found, wanted) if isinstance(wanted, tuple) else [(found, wanted)]
        for one, other in pairs:
            assert one.dtype == other.numpy(force=True).dtype
            bound = 20 * np.finfo(one.dtype).eps  # some roundings of sums
            np.testing.assert_allclose(one, other.numpy(force=True), bound, bound)


def test_definitions_refuse():
    lookup = exported.load(io.BytesIO(saved(nn.Embedding(3, 2), rg.tensor([0, 2]))))
    with pytest.raises(ExportError, match="index out of range in self"):
        lookup.run(np.array([0, 3]))
    picked = exported.load(io.BytesIO(saved(
        lambda x, i: x.gather(0, i), rg.ones(3), rg.tensor([0, 2])
    )))  # fmt: skip
    with pytest.raises(ExportError, match="index 3 is out of bounds for dimension 0 with size 3"):
        picked.run(np.ones(3, np.float32), np.array([3, 0]))


def test_the_name_stays_a_function():
    for _ in range(2):
        rg.compiler.export(net(), rg.ones(2, 4), io.BytesIO())


def test_a_file_on_disk(tmp_path):
    x = rg.ones(2, 4)
    export(net(), x, tmp_path / "net.rg")
    same(load(tmp_path / "net.rg")(x), net()(x))


def test_wrong_inputs():
    again = loaded(saved(lambda x, y: x + y, rg.ones(3), rg.ones(3)))
    with pytest.raises(TypeError, match="function of 2 inputs got 1"):
        again(rg.ones(3))
    with pytest.raises(ValueError, match=r"input 1 is float32\[4\], and .* for float32\[3\]"):
        again(rg.ones(3), rg.ones(4))
    with pytest.raises(ValueError, match=r"input 0 is int64\[3\]"):
        again(rg.ones(3).long(), rg.ones(3))


def test_what_cannot_be_exported():
    x = rg.ones(3)
    buffer = rg.zeros(3)
    seen = []
    with pytest.raises(ExportError, match=r"looks at a value \(bool\)"):
        saved(lambda x: x * 2 if x.sum() > 0 else x, x)
    with pytest.raises(ExportError, match="draws random numbers"):
        saved(lambda x: x + rg.rand(3), x)
    with pytest.raises(ExportError, match="draws random numbers"):
        saved(lambda x: F.dropout(x, 0.5), x)
    with pytest.raises(ExportError, match="changes a tensor from outside"):
        saved(lambda x: buffer.add_(x), x)
    with pytest.raises(ExportError, match="changes a tensor from outside"):
        saved(lambda x: x.add_(1), x)
    with pytest.raises(ExportError, match=r"append\(\) is called"):
        saved(lambda x: seen.append(1) or x, x)
    with pytest.raises(TypeError, match="example inputs are tensors, got int"):
        saved(lambda x: x, 3)
    with pytest.raises(TypeError, match="expected a function or a module, got int"):
        saved(3, x)


# -- damaged and hostile files --------------------------------------------------------------------


def parts(data):
    length = int.from_bytes(data[:8], "little")
    return json.loads(data[8 : 8 + length]), data[8 + length :]


def joined(header, rest):
    text = json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + rest


def changed(data, change):
    header, rest = parts(data)
    change(header)
    return joined(header, rest)


GOOD = saved(net(), rg.ones(2, 4))


def put(**settings):
    return lambda header: header["steps"][0].update(settings)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda h: h.update(format="other"), "does not say"),
        (lambda h: h.update(version=2), "has version 2"),
        (lambda h: h.pop("steps"), "KeyError"),
        (lambda h: h.update(steps=3), "TypeError"),
        (put(call="os.system"), "'os.system', which is not among those allowed"),
        (put(call="numpy.load"), "not among"),
        (put(call="numpy.fromfile"), "not among"),
        (put(call="ndarray.tofile"), "not among"),
        (put(call="op.nothing"), "not among"),
        (put(call=["numpy.add"]), "without a name"),
        (put(args=[{"slot": 999}]), "slot 999 is read too soon"),
        (put(args=[{"slot": [0]}]), "is read too soon"),
        (put(args=[{"eval": "1"}]), "the argument"),
        (put(args=[{"call": "builtins.eval"}]), "not among"),
        (put(args=[{"dtype": "object"}]), "dtype 'object' is unknown"),
        (put(args=[{"array": "missing"}]), "KeyError"),
        (put(outs="x"), "no number"),
        (lambda h: h["arrays"]["0.weight"].update(offsets=[0, 10**15]), "outside of the file"),
        (lambda h: h["arrays"]["0.weight"].update(shape=[2**40, 2**40]), "outside of the file"),
        (lambda h: h["arrays"]["0.weight"].update(shape=[-1]), "shape"),
        (lambda h: h["arrays"]["0.weight"].update(dtype="O"), "unknown"),
        (lambda h: h["inputs"][0].update(dtype="V8"), "unknown"),
    ],
)
def test_hostile_headers(change, words):
    with pytest.raises(ExportError, match=words):
        loaded(changed(GOOD, change))


def test_cut_off_files():
    for length in [*range(0, 400, 7), len(GOOD) // 2, len(GOOD) - 1]:
        with pytest.raises(ExportError, match="is no exported function"):
            loaded(GOOD[:length])
    deep = b'{"a":' * 100_000
    with pytest.raises(ExportError, match="is no JSON"):
        loaded(len(deep).to_bytes(8, "little") + deep)
    with pytest.raises(ExportError, match="is no exported function"):
        loaded(b"PK\x03\x04 something else altogether")


def test_a_step_that_fails_is_named():
    data = changed(GOOD, put(call="numpy.linalg.inv"))
    with pytest.raises(ExportError, match=r"step 0 \(numpy.linalg.inv\) failed"):
        loaded(data)(rg.ones(2, 4))


def test_random_damage():
    chance = random.Random(0)
    x = rg.ones(2, 4)
    for _ in range(300):
        data = bytearray(GOOD)
        for _ in range(chance.randint(1, 4)):
            data[chance.randrange(min(len(data), 3000))] = chance.randrange(256)
        with contextlib.suppress(ExportError, TypeError, ValueError):
            loaded(bytes(data))(x)


def test_only_harmless_functions_are_allowed():
    words = ("load", "save", "file", "vectorize", "frompyfunc", "apply", "mem", "strided", "dump")
    assert not [name for name in FUNCTIONS if any(word in name for word in words)]
    assert all(callable(function) for function in FUNCTIONS.values())
