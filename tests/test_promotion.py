"""Type promotion: literal rules, then every pair of dtypes and strengths against PyTorch."""

import operator
import warnings

import numpy as np
import pytest

import retrograd as rg

DTYPES = [
    "bool", "uint8", "int8", "int16", "int32", "int64", "float16", "float32", "float64",
    "complex64", "complex128",
]  # fmt: skip
NUMBERS = {"bool": True, "int": 3, "float": 1.5, "complex": 1 + 2j, "negative": -2, "large": 300}
OPERATORS = {
    name: getattr(operator, name)
    for name in (
        "add", "sub", "mul", "truediv", "floordiv", "mod", "pow", "eq", "lt", "and_", "or_", "xor",
        "lshift", "rshift",
    )
}  # fmt: skip
FUNCTIONS = ("maximum", "atan2", "hypot", "logical_and", "result_type")
IN_PLACE = (
    "add_", "sub_", "mul_", "div_", "floor_divide_", "remainder_", "pow_", "bitwise_and_", "copy_",
    "eq_",
)  # fmt: skip


def made(library, kind, name):
    if kind == "number":
        return NUMBERS[name]
    dtype = getattr(library, name)
    return library.tensor([1, 2, 3] if kind == "dimensioned" else 2, dtype=dtype)


def outcome(library, run, first, second):
    """Return dtype, shape and values, or the exception's class."""
    try:
        result = run(library, made(library, *first), made(library, *second))
    except Exception as error:
        return error
    if isinstance(result, (bool, int, float, complex)):
        return result
    if not hasattr(result, "shape"):
        return str(result)
    return str(result.dtype), tuple(result.shape), result.tolist()


def same(ours, theirs):
    if isinstance(theirs, Exception):
        # Where PyTorch only lacks a kernel, ours may answer.
        if isinstance(theirs, NotImplementedError):
            return True
        if type(theirs) is TypeError and "invalid combination" in str(theirs):
            return True  # a Python number as first argument of a function
        return isinstance(ours, (type(theirs), NotImplementedError))
    if isinstance(ours, Exception):
        return False
    if "torch.complex32" in (theirs, theirs[0] if isinstance(theirs, tuple) else None):
        return True  # a dtype that NumPy does not have: complex64 here
    if not isinstance(theirs, tuple):
        return ours == theirs
    if ours[:2] != theirs[:2]:
        return False
    close = 1e-2 if "16" in theirs[0] else 1e-5
    return np.allclose(ours[2], theirs[2], rtol=close, equal_nan=True)


TENSORS = [(kind, name) for kind in ("dimensioned", "0-d") for name in DTYPES]
PLAIN = [("number", name) for name in NUMBERS]


def pairs(reverse):
    for first in TENSORS:
        for second in TENSORS + PLAIN:
            yield first, second
            if reverse and second in PLAIN:
                yield second, first


def compare(run, reverse):
    torch = pytest.importorskip("torch")
    different = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for first, second in pairs(reverse):
            theirs = outcome(torch, run, first, second)
            ours = outcome(rg, run, first, second)
            if not same(ours, theirs):
                different.append((first, second, ours, theirs))
    assert not different, different[:5]


@pytest.mark.parametrize("name", OPERATORS)
def test_operators_promote_like_torch(name):
    compare(lambda library, x, y: OPERATORS[name](x, y), reverse=True)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions_promote_like_torch(name):
    compare(lambda library, x, y: getattr(library, name)(x, y), reverse=False)


@pytest.mark.parametrize("name", IN_PLACE)
def test_in_place_forms_promote_and_refuse_like_torch(name):
    compare(lambda library, x, y: getattr(x, name)(y), reverse=False)


def test_where_promotes_like_torch():
    def run(library, x, y):
        return library.where(library.tensor([True, False, True]), x, y)

    torch = pytest.importorskip("torch")
    for first, second in pairs(reverse=False):
        if second[1] == "large":
            continue  # PyTorch refuses 300 for uint8, here it wraps
        ours, theirs = outcome(rg, run, first, second), outcome(torch, run, first, second)
        assert same(ours, theirs), (first, second, ours, theirs)


@pytest.mark.parametrize("table", ["promote_types", "can_cast"])
def test_tables_of_dtypes_are_torchs(table):
    torch = pytest.importorskip("torch")
    for first in DTYPES:
        for second in DTYPES:
            ours = getattr(rg, table)(getattr(rg, first), getattr(rg, second))
            theirs = getattr(torch, table)(getattr(torch, first), getattr(torch, second))
            if str(theirs) != "torch.complex32" and {first, second} != {"float16", "complex64"}:
                assert str(ours) == str(theirs), (first, second)


RULES = [
    (lambda: rg.tensor([1]) + 2.5, "torch.float32"),
    (lambda: rg.tensor([1]) + True, "torch.int64"),
    (lambda: rg.tensor([True]) + 1, "torch.int64"),
    (lambda: rg.tensor([1.0]) + 1j, "torch.complex64"),
    (lambda: rg.tensor([1], dtype=rg.int8) + 300, "torch.int8"),
    (lambda: rg.tensor([1.0]) + rg.tensor(1.0, dtype=rg.float64), "torch.float32"),
    (lambda: rg.tensor([1]) + rg.tensor(1.0, dtype=rg.float64), "torch.float64"),
    (lambda: rg.tensor(1) + rg.tensor(1, dtype=rg.int8), "torch.int64"),
    (lambda: rg.tensor([1], dtype=rg.int8) + rg.tensor(1), "torch.int8"),
    (lambda: rg.tensor([1], dtype=rg.uint8) + rg.tensor([1], dtype=rg.int8), "torch.int16"),
    (lambda: rg.tensor([1.0], dtype=rg.float16) + rg.tensor([1]), "torch.float16"),
    (lambda: rg.tensor([1]) / 2, "torch.float32"),
    (lambda: rg.tensor([1]) // 2, "torch.int64"),
    (lambda: rg.tensor([1]) == 1.5, "torch.bool"),
    (lambda: rg.sqrt(rg.tensor([4])), "torch.float32"),
    (lambda: rg.tensor([True]).sum(), "torch.int64"),
]


@pytest.mark.parametrize("number", range(len(RULES)))
def test_rules(number):
    run, expected = RULES[number]
    assert str(run().dtype) == expected


def test_integers_that_do_not_fit_wrap():
    byte = rg.tensor([250], dtype=rg.uint8)
    assert (byte + 300).tolist() == [38]
    assert (byte + 10).tolist() == [4]
    assert (byte + -1).tolist() == [249]
    assert (-1 + byte).tolist() == [249]
    assert (byte * -1).tolist() == [6]
    assert (byte == -1).tolist() == [False]
    assert (rg.tensor([100], dtype=rg.int8) + 1000).tolist() == [76]


@pytest.mark.parametrize("name", ["float64", "float16"])
def test_default_dtype(name):
    default = getattr(rg, name)
    rg.set_default_dtype(default)
    try:
        assert rg.get_default_dtype() is default
        assert rg.tensor(1.5).dtype is default
        assert rg.zeros(2).dtype is default
        assert (rg.tensor([1]) / 2).dtype is default
        assert (rg.tensor([1]) + 2.5).dtype is default
        assert rg.arange(0, 1, 0.5).dtype is default
        assert rg.tensor([1.0], dtype=rg.float32).sum().dtype is rg.float32
    finally:
        rg.set_default_dtype(rg.float32)
    assert rg.tensor(1.5).dtype is rg.float32


def test_default_complex_dtype_follows():
    rg.set_default_dtype(rg.float64)
    try:
        assert rg.tensor(1j).dtype is rg.complex128
    finally:
        rg.set_default_dtype(rg.float32)
    assert rg.tensor(1j).dtype is rg.complex64


def test_default_dtype_must_be_floating():
    with pytest.raises(TypeError, match="only floating-point types are supported"):
        rg.set_default_dtype(rg.int64)


def test_in_place_refuses_a_higher_category():
    with pytest.raises(RuntimeError, match="result type Float can't be cast to the desired output"):
        rg.tensor([1]).add_(1.5)
    with pytest.raises(RuntimeError, match="output type Float"):
        rg.tensor([1.0]).add_(1j)


def test_bools_are_not_subtracted():
    mask = rg.tensor([True])
    with pytest.raises(RuntimeError, match="with two bool tensors is not supported"):
        mask - mask
    for run in (lambda: mask - 1, lambda: rg.tensor([1]) - True, lambda: 1 - mask):
        with pytest.raises(RuntimeError, match="with a bool tensor is not supported"):
            run()
    with pytest.raises(RuntimeError, match="Negation, the `-` operator, on a bool tensor"):
        mask.__neg__()
