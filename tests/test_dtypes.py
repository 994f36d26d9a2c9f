"""dtype objects, devices, sizes, limits: what they are, print and pickle to."""

import copy
import pickle

import numpy as np
import pytest

import retrograd as rg

NAMES = [
    "bool", "uint8", "int8", "int16", "int32", "int64", "uint16", "uint32", "uint64", "float16",
    "float32", "float64", "complex64", "complex128",
]  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_a_dtype_prints_pickles_and_copies_as_itself(name):
    dtype = getattr(rg, name)
    assert repr(dtype) == str(dtype) == f"torch.{name}"
    assert pickle.loads(pickle.dumps(dtype)) is dtype
    assert copy.deepcopy(dtype) is copy.copy(dtype) is dtype
    assert isinstance(dtype, rg.dtype)
    assert dtype != name
    assert {dtype: 1}[getattr(rg, name)] == 1


@pytest.mark.parametrize("name", NAMES)
def test_attributes_are_torchs(name):
    torch = pytest.importorskip("torch")
    ours, theirs = getattr(rg, name), getattr(torch, name)
    for attribute in ("itemsize", "is_floating_point", "is_complex", "is_signed"):
        assert getattr(ours, attribute) == getattr(theirs, attribute)
    assert str(ours.to_real()) == str(theirs.to_real())


def test_other_names():
    pairs = [
        (rg.float, rg.float32), (rg.double, rg.float64), (rg.half, rg.float16),
        (rg.int, rg.int32), (rg.long, rg.int64), (rg.short, rg.int16),
        (rg.cfloat, rg.complex64), (rg.cdouble, rg.complex128),
    ]  # fmt: skip
    for one, other in pairs:
        assert one is other


def test_to_complex():
    assert rg.float64.to_complex() is rg.complex128
    with pytest.raises(RuntimeError, match="Unknown Complex ScalarType for Long"):
        rg.int64.to_complex()


def test_can_cast_counts_kinds_only():
    assert rg.can_cast(rg.float64, rg.float16)
    assert rg.can_cast(rg.int64, rg.uint8)
    assert not rg.can_cast(rg.float32, rg.int64)
    assert not rg.can_cast(rg.int64, rg.bool)


@pytest.mark.parametrize("name", ["promote_types", "can_cast"])
def test_tables_take_dtypes_only(name):
    with pytest.raises(TypeError, match=rf"{name}\(\): argument .* must be torch.dtype, not int"):
        getattr(rg, name)(1, 2)


LIMITS = [
    (lambda: rg.finfo(rg.float32),
     "finfo(resolution=1e-06, min=-3.40282e+38, max=3.40282e+38, eps=1.19209e-07, "
     "smallest_normal=1.17549e-38, tiny=1.17549e-38, dtype=float32)"),
    (lambda: rg.finfo(rg.float16),
     "finfo(resolution=0.001, min=-65504, max=65504, eps=0.000976562, "
     "smallest_normal=6.10352e-05, tiny=6.10352e-05, dtype=float16)"),
    (lambda: rg.iinfo(rg.uint8), "iinfo(min=0, max=255, dtype=uint8)"),
    (lambda: rg.iinfo(rg.int64), "iinfo(min=-9.22337e+18, max=9.22337e+18, dtype=int64)"),
]  # fmt: skip


@pytest.mark.parametrize("number", range(len(LIMITS)))
def test_limits_print_as_torchs(number):
    run, expected = LIMITS[number]
    assert repr(run()) == expected


def test_limits():
    info = rg.finfo(rg.float64)
    assert (info.bits, info.eps, info.tiny) == (64, 2.0**-52, 2.0**-1022)
    assert rg.finfo().dtype == "float32"
    assert rg.finfo(rg.float32) == rg.finfo(rg.complex64)
    assert rg.iinfo(rg.int16).min == -(2**15)
    with pytest.raises(TypeError, match="requires a floating point input type"):
        rg.finfo(rg.int64)
    with pytest.raises(TypeError, match="requires an integer input type"):
        rg.iinfo(rg.float32)
    with pytest.raises(TypeError, match=r"bool is not supported by torch\.iinfo"):
        rg.iinfo(rg.bool)


def test_size():
    size = rg.Size([2, 3])
    assert repr(size) == "torch.Size([2, 3])"
    assert size == (2, 3)
    assert hash(size) == hash((2, 3))
    assert size.numel() == 6
    for made, expected in (
        (size + (4,), (2, 3, 4)), ((4,) + size, (4, 2, 3)), (size * 2, (2, 3, 2, 3)),
        (2 * size, (2, 3, 2, 3)), (size[1:], (3,)), (rg.Size(), ()),
    ):  # fmt: skip
        assert type(made) is rg.Size
        assert made == expected
    assert type(rg.zeros(2, 3).shape) is rg.Size
    assert pickle.loads(pickle.dumps(size)) == size
    assert type(rg.Size([rg.tensor(2)])[0]) is int
    with pytest.raises(TypeError, match=r"takes an iterable of 'int' \(item 0 is 'float'\)"):
        rg.Size([2.5])
    with pytest.raises(TypeError, match="can only concatenate tuple"):
        size + [1]


def test_device():
    assert repr(rg.device("cpu")) == "device(type='cpu')"
    assert repr(rg.device("cuda:1")) == "device(type='cuda', index=1)"
    assert str(rg.device("cpu", 0)) == "cpu:0"
    assert rg.device("cpu") == rg.device(type="cpu")
    assert rg.device("cpu") != rg.device("cpu:0")
    assert rg.device("cpu") != "cpu"
    assert pickle.loads(pickle.dumps(rg.device("cpu"))) == rg.zeros(1).device
    assert rg.get_default_device() == rg.device("cpu")
    for text in ("cpu:", "cpu:a", "cpu:-1", "cpu:01"):
        with pytest.raises(RuntimeError, match=f"Invalid device string: '{text}'"):
            rg.device(text)
    with pytest.raises(RuntimeError, match="at start of device string: foo"):
        rg.device("foo")
    with pytest.raises(NotImplementedError, match="leave it out"):
        rg.zeros(2, device="cuda")


def test_layouts_and_memory_formats():
    assert repr(rg.strided) == "torch.strided"
    assert rg.zeros(2).layout is rg.strided
    for name in ("contiguous_format", "preserve_format", "channels_last", "channels_last_3d"):
        found = getattr(rg, name)
        assert repr(found) == f"torch.{name}"
        assert isinstance(found, rg.memory_format)
    images = rg.zeros(1, 2, 3, 4).contiguous(memory_format=rg.channels_last)
    assert images.shape == (1, 2, 3, 4)
    assert images.is_contiguous(memory_format=rg.channels_last)
    assert not images.is_contiguous()
    assert rg.zeros(2, 3).T.clone(memory_format=rg.contiguous_format).stride() == (2, 1)


def test_old_constructors():
    assert repr(rg.FloatTensor) == "<class 'torch.FloatTensor'>"
    assert rg.LongTensor([1.5, 2]).tolist() == [1, 2]
    assert rg.DoubleTensor(2, 3).shape == (2, 3)
    assert isinstance(rg.ones(2), rg.FloatTensor)
    assert not isinstance(rg.ones(2), rg.LongTensor)
    assert not isinstance(3, rg.LongTensor)
    assert type(rg.FloatTensor([1])) is rg.Tensor
    assert rg.ones(2).type(rg.LongTensor).dtype is rg.int64
    assert rg.ones(2).type("torch.HalfTensor").dtype is rg.float16
    assert rg.ones(2).type() == "torch.FloatTensor"
    assert pickle.loads(pickle.dumps(rg.IntTensor)) is rg.IntTensor
    assert rg.Tensor([1, 2]).dtype is rg.float32
    assert rg.Tensor(2, 3).shape == (2, 3)
    assert rg.Tensor(rg.Size([2, 3])).shape == (2, 3)
    assert rg.Tensor(np.ones(2)).dtype is rg.float32
    assert rg.Tensor().shape == (0,)
    with pytest.raises(TypeError, match="data must be a sequence"):
        rg.Tensor(2.5)
    with pytest.raises(ValueError, match=r"invalid type: 'torch\.FooTensor'"):
        rg.ones(2).type("torch.FooTensor")
    with pytest.raises(TypeError, match=r"use tensor.to\(torch.int64\)"):
        rg.LongTensor(rg.ones(2))


def test_numpy_dtypes_without_a_tensor_dtype_are_refused():
    for odd in (np.array(["a"]), np.array([None]), np.array([1], "M8[s]")):
        with pytest.raises(TypeError, match="The only supported types are: float64"):
            rg.from_numpy(odd)
