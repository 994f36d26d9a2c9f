"""Printed text: literal expectations, then random tensors against PyTorch where installed."""

import math
import random

import numpy as np
import pytest

from retrograd import _format
from retrograd._format import format_scalar, print_options, set_printoptions, tensor_text

NAN = math.nan
INF = math.inf
F4 = np.float32


@pytest.fixture(autouse=True)
def _default_options():
    set_printoptions(profile="default")
    yield
    set_printoptions(profile="default")


@pytest.fixture
def torch():
    torch = pytest.importorskip("torch")
    torch.set_printoptions(profile="default")
    yield torch
    torch.set_printoptions(profile="default")
    torch.set_default_dtype(torch.float32)


NUMBERS = [
    (3.25, F4, "tensor(3.2500)"),
    (-0.0, F4, "tensor(-0.)"),
    (7, np.int64, "tensor(7)"),
    (True, np.bool_, "tensor(True)"),
    (1 + 2j, np.complex64, "tensor(1.+2.j)"),
    (2**63 + 5, np.uint64, "tensor(9223372036854775813, dtype=torch.uint64)"),
    ([1, 2, 3], F4, "tensor([1., 2., 3.])"),
    ([-1, 10, 3], F4, "tensor([-1., 10.,  3.])"),
    ([1.5, 2.25, -3], F4, "tensor([ 1.5000,  2.2500, -3.0000])"),
    ([1.5, 1500], F4, "tensor([   1.5000, 1500.0000])"),
    ([1.5, 1501], F4, "tensor([1.5000e+00, 1.5010e+03])"),
    ([1, 1000], F4, "tensor([   1., 1000.])"),
    ([1, 1001], F4, "tensor([1.0000e+00, 1.0010e+03])"),
    ([1e8], F4, "tensor([100000000.])"),
    ([1e8 + 8], F4, "tensor([1.0000e+08])"),
    ([1e-4], F4, "tensor([1.0000e-04])"),
    ([1e-4], np.float64, "tensor([0.0001], dtype=torch.float64)"),
    ([0, 0], F4, "tensor([0., 0.])"),
    ([NAN, 1], F4, "tensor([nan, 1.])"),
    ([-0.0, 1], F4, "tensor([-0., 1.])"),
    ([INF, -INF], F4, "tensor([inf, -inf])"),
    ([NAN, 1.5, -INF], F4, "tensor([   nan, 1.5000,   -inf])"),
    ([1, 2], np.int32, "tensor([1, 2], dtype=torch.int32)"),
    ([-1, 10], np.int64, "tensor([-1, 10])"),
    ([True, False], np.bool_, "tensor([ True, False])"),
    ([0.5], np.float16, "tensor([0.5000], dtype=torch.float16)"),
    ([1 - 2j, -3 + 4j], np.complex64, "tensor([ 1.-2.j, -3.+4.j])"),
    ([1 + 1j, -5.5 - 100j], np.complex64, "tensor([ 1.0000+1.j, -5.5000-100.j])"),
    ([complex(NAN, INF)], np.complex64, "tensor([nan+infj])"),
    ([1j], np.complex128, "tensor([0.+1.j], dtype=torch.complex128)"),
]


@pytest.mark.parametrize(("values", "dtype", "text"), NUMBERS)
def test_numbers(values, dtype, text):
    assert tensor_text(np.array(values, dtype)) == text


@pytest.mark.parametrize(
    ("shape", "dtype", "text"),
    [
        ((0,), F4, "tensor([])"),
        ((0,), np.int64, "tensor([], dtype=torch.int64)"),
        ((0, 3), F4, "tensor([], size=(0, 3))"),
        ((0, 3), np.bool_, "tensor([], size=(0, 3), dtype=torch.bool)"),
        ((2, 0, 3), np.complex64, "tensor([], size=(2, 0, 3), dtype=torch.complex64)"),
    ],
)
def test_empty(shape, dtype, text):
    assert tensor_text(np.zeros(shape, dtype)) == text


def test_rows_and_blocks():
    array = np.arange(8).reshape(2, 2, 2)
    assert tensor_text(array) == (
        "tensor([[[0, 1],\n         [2, 3]],\n\n        [[4, 5],\n         [6, 7]]])"
    )


def test_continuation_lines_are_indented_by_the_prefix():
    assert tensor_text(np.ones((2, 2), F4), prefix="Sub(") == "Sub([[1., 1.],\n     [1., 1.]])"


def test_long_rows_are_wrapped_at_the_line_width():
    assert tensor_text(np.arange(20)) == (
        "tensor([ 0,  1,  2,  3,  4,  5,  6,  7,  8,  9, 10, 11, 12, 13, 14, 15, 16, 17,\n"
        "        18, 19])"
    )


def test_summary_of_a_matrix():
    assert tensor_text(np.arange(10000).reshape(100, 100)) == (
        "tensor([[   0,    1,    2,  ...,   97,   98,   99],\n"
        "        [ 100,  101,  102,  ...,  197,  198,  199],\n"
        "        [ 200,  201,  202,  ...,  297,  298,  299],\n"
        "        ...,\n"
        "        [9700, 9701, 9702,  ..., 9797, 9798, 9799],\n"
        "        [9800, 9801, 9802,  ..., 9897, 9898, 9899],\n"
        "        [9900, 9901, 9902,  ..., 9997, 9998, 9999]])"
    )


def test_summary_starts_above_the_threshold():
    assert "..." not in tensor_text(np.arange(1000))
    assert tensor_text(np.arange(1001)) == "tensor([   0,    1,    2,  ...,  998,  999, 1000])"


def test_summary_formats_only_what_it_shows(monkeypatch):
    sizes = []
    cells = _format._cells
    monkeypatch.setattr(_format, "_cells", lambda array: sizes.append(array.size) or cells(array))
    tensor_text(np.ones((1000, 1000)))
    tensor_text(np.ones(1_000_000))
    assert sizes == [36, 6]


def test_suffixes_say_what_the_numbers_do_not():
    array = np.ones(2, F4)
    assert tensor_text(array, requires_grad=True) == "tensor([1., 1.], requires_grad=True)"
    assert tensor_text(array, requires_grad=True, grad_fn="AddBackward0") == (
        "tensor([1., 1.], grad_fn=<AddBackward0>)"
    )
    assert tensor_text(array, device="cuda:0", default_dtype="torch.float64") == (
        "tensor([1., 1.], device='cuda:0', dtype=torch.float32)"
    )
    assert tensor_text(array, dtype="torch.bfloat16", tail=["tangent=tensor([0., 1.])"]) == (
        "tensor([1., 1.], dtype=torch.bfloat16, tangent=tensor([0., 1.]))"
    )


def test_suffix_that_does_not_fit_starts_a_line():
    array = np.full((1, 7), 0.5)
    assert tensor_text(array, grad_fn="MulBackward0") == (
        "tensor([[0.5000, 0.5000, 0.5000, 0.5000, 0.5000, 0.5000, 0.5000]],\n"
        "       dtype=torch.float64, grad_fn=<MulBackward0>)"
    )


def test_default_dtype_makes_its_complex_dtype_implicit():
    array = np.array([1j])
    assert tensor_text(array, default_dtype="torch.float64") == "tensor([0.+1.j])"
    assert tensor_text(array.astype(np.complex64), default_dtype="torch.float64") == (
        "tensor([0.+1.j], dtype=torch.complex64)"
    )


def test_tensor_without_data():
    text = tensor_text(None, shape=(2, 3), dtype="torch.int64", device="meta")
    assert text == "tensor(..., device='meta', size=(2, 3), dtype=torch.int64)"
    with pytest.raises(ValueError, match="without data needs 'shape' and 'dtype'"):
        tensor_text(None, device="meta")


OPTIONS = [
    ({"precision": 2}, [1.25, 2], "tensor([1.25, 2.00])"),
    ({"precision": 0}, [1.5, -3], "tensor([ 2, -3])"),
    ({"profile": "short"}, [3.14159], "tensor([3.14])"),
    ({"profile": "short", "precision": 6}, [3.14159], "tensor([3.141590])"),
    ({"profile": "SHORT"}, [3.14159], "tensor([3.1416])"),
    ({"sci_mode": True}, [1, 2], "tensor([1.0000e+00, 2.0000e+00])"),
    ({"sci_mode": True}, [0, 0], "tensor([0., 0.])"),
    ({"sci_mode": False}, [1e-7], "tensor([0.0000])"),
    ({"threshold": 3, "edgeitems": 1}, [1, 2, 3, 4], "tensor([1.,  ..., 4.])"),
    ({"threshold": 3, "edgeitems": 0}, [1, 2, 3, 4], "tensor([...], size=(4,))"),
    ({"edgeitems": 0}, [1, 2, 3, 4], "tensor([1., 2., 3., 4.], size=(4,))"),
    ({"threshold": 0, "edgeitems": 0}, 2.5, "tensor(2.5000, size=())"),
    ({"linewidth": 5}, [1, 2], "tensor([1.,\n        2.])"),
    ({"linewidth": 20.5}, [1, 2, 3, 4], "tensor([1., 2., 3.,\n        4.])"),
]


@pytest.mark.parametrize(("options", "values", "text"), OPTIONS)
def test_printoptions(options, values, text):
    set_printoptions(**options)
    assert tensor_text(np.array(values, F4)) == text


def test_full_profile_shows_everything():
    set_printoptions(profile="full")
    assert "..." not in tensor_text(np.zeros(5000))


def test_options_persist_but_for_sci_mode():
    set_printoptions(precision=2, linewidth=40, sci_mode=True)
    set_printoptions(edgeitems=1)
    assert (print_options.precision, print_options.linewidth) == (2, 40)
    assert (print_options.edgeitems, print_options.sci_mode) == (1, None)
    set_printoptions(profile="default")
    assert (print_options.precision, print_options.edgeitems) == (4, 3)


@pytest.mark.parametrize(
    ("value", "specification", "text"),
    [
        (F4(1.5), "", "1.5"),
        (F4(1.5), ".3f", "1.500"),
        (F4(0.1), "", "0.10000000149011612"),
        (np.int64(3), "d", "3"),
        (np.bool_(True), "", "True"),
        (np.complex64(1 + 2j), ".1f", "1.0+2.0j"),
    ],
)
def test_format_scalar(value, specification, text):
    assert format_scalar(np.asarray(value), specification) == text


def test_format_scalar_refuses_what_python_refuses():
    with pytest.raises(ValueError, match="Unknown format code 'd' for object of type 'float'"):
        format_scalar(np.array(1.5), "d")


@pytest.mark.parametrize(("values", "dtype", "text"), NUMBERS)
def test_expected_numbers_are_pytorchs(torch, values, dtype, text):
    assert repr(torch.from_numpy(np.array(values, dtype))) == text


@pytest.mark.parametrize(("options", "values", "text"), OPTIONS)
def test_expected_printoptions_are_pytorchs(torch, options, values, text):
    torch.set_printoptions(**options)
    assert repr(torch.from_numpy(np.array(values, F4))) == text


def test_format_scalar_is_pytorchs(torch):
    for value in (F4(0.1), np.float64(-1e-9), np.int64(12), np.bool_(True), np.complex64(1 - 2j)):
        for specification in ("", ".3f", ">12", "+.2e"):
            array = np.asarray(value)
            expected = format(torch.from_numpy(array), specification)
            assert format_scalar(array, specification) == expected


@pytest.mark.filterwarnings("ignore:.*torch.jit.script:DeprecationWarning")
def test_parameter_and_meta_and_tangent_are_pytorchs(torch):
    array = np.ones((2, 3), F4)
    parameter = torch.nn.Parameter(torch.from_numpy(array))
    text = "Parameter containing:\n" + tensor_text(array, requires_grad=True)
    assert repr(parameter) == text

    meta = torch.ones(2, 3, device="meta", requires_grad=True)
    assert repr(meta) == tensor_text(
        None, shape=(2, 3), dtype="torch.float32", device="meta", requires_grad=True
    )

    forward_ad = torch.autograd.forward_ad
    for array in (np.ones(2, F4), np.ones((2, 3))):
        with forward_ad.dual_level():
            primal = torch.from_numpy(array)
            dual = repr(forward_ad.make_dual(primal, primal.clone()))
        assert dual == tensor_text(array, tail=[f"tangent={tensor_text(array)}"])


INTEGERS = ("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64")
FLOATS = ("float16", "bfloat16", "float32", "float64")
DTYPES = ("bool", *INTEGERS, *FLOATS, "complex64", "complex128")
SPECIAL = (0.0, -0.0, 1.0, -1.0, 0.5, 2.5, -300.0, NAN, INF, -INF)
BORDERS = (1e-4, 9.99999e-5, 1e-1, 1.0, 1000.0, 1001.0, 99999.5, 1e5, 1e8, 1e8 + 1, 0.0)
MAX_LENGTH = {1: 40, 2: 14, 3: 9, 4: 7, 5: 4, 6: 3}


def draw_shape(draw):
    ndim = draw.choice((0, 1, 1, 2, 2, 2, 3, 3, 4, 5, 6))
    if ndim == 1 and draw.random() < 0.1:
        return (draw.randint(990, 1010),)
    smallest = 0 if draw.random() < 0.15 else 1
    return tuple(draw.randint(smallest, MAX_LENGTH[ndim]) for _ in range(ndim))


def draw_floats(draw, size):
    scale = 10.0 ** draw.uniform(-6, 9)
    largest = 10 ** draw.choice((1, 2, 3, 5, 9, 12))
    make = draw.choice(
        (
            lambda: draw.gauss(0, 1),
            lambda: scale * draw.uniform(0.5, 2),
            lambda: draw.choice((1, -1)) * 10.0 ** draw.uniform(-8, 10),
            lambda: float(draw.randint(-largest, 1000)),
            lambda: draw.choice(SPECIAL),
            lambda: draw.choice(BORDERS),
        )
    )
    values = [make() for _ in range(size)]
    if values and draw.random() < 0.2:
        values[draw.randrange(size)] = draw.choice((*SPECIAL, 1e300, 1e-300))
    return np.array(values, np.float64)


def draw_array(draw, dtype):
    shape = draw_shape(draw)
    size = math.prod(shape)
    if dtype.kind == "b":
        flat = np.array([draw.random() < 0.5 for _ in range(size)], dtype)
    elif dtype.kind in "iu":
        limits = np.iinfo(dtype)
        bound = draw.choice((10, 1000, 2**64))
        low, high = max(limits.min, -bound), min(limits.max, bound)
        flat = np.array([draw.randint(low, high) for _ in range(size)], dtype)
    else:
        flat = np.empty(size, dtype)
        with np.errstate(over="ignore", under="ignore"):
            flat.real = draw_floats(draw, size)
            if dtype.kind == "c":
                flat.imag = draw_floats(draw, size)
    array = flat.reshape(shape)
    return array.T if draw.random() < 0.3 else array


def draw_options(draw):
    if draw.random() < 0.4:
        return {"profile": "default"}
    choices = {
        "precision": range(10),
        "threshold": (0, 1, 5, 20, 100, 1000, INF),
        "edgeitems": (0, 1, 2, 3, 4),
        "linewidth": (1, 10, 20, 33.5, 40, 60, 79, 80, 100, 120),
        "profile": ("default", "short", "full", "SHORT", "unknown"),
        "sci_mode": (True, False, None),
    }
    return {name: draw.choice(values) for name, values in choices.items() if draw.random() < 0.4}


def draw_tensor(draw, torch, name):
    """Return a tensor of the named dtype and its elements as an array that prints alike."""
    array = draw_array(draw, np.dtype("float32" if name == "bfloat16" else name))
    tensor = torch.from_numpy(array)
    if name == "bfloat16":
        tensor = tensor.bfloat16()
        array = tensor.float().numpy()
    if tensor.is_floating_point() or tensor.is_complex():
        tensor.requires_grad_(draw.random() < 0.6)
        if draw.random() < 0.5:
            tensor = tensor.clone() if draw.random() < 0.5 else tensor.view_as(tensor)
    return tensor, array


@pytest.mark.parametrize("seed", range(40))
def test_random_tensors_print_as_in_pytorch(torch, seed):
    draw = random.Random(seed)
    subclass = type("Named", (torch.Tensor,), {})
    for _ in range(25):
        # Options are not reset in between: what persists has to persist on both sides.
        options = draw_options(draw)
        torch.set_printoptions(**options)
        set_printoptions(**options)
        default = draw.choice(("float32", "float32", "float64", "float16", "bfloat16"))
        torch.set_default_dtype(getattr(torch, default))
        name = draw.choice(draw.choice((DTYPES, FLOATS)))
        tensor, array = draw_tensor(draw, torch, name)
        prefix = "tensor("
        if draw.random() < 0.1:
            tensor = tensor.as_subclass(subclass)
            prefix = "Named("
        text = tensor_text(
            array,
            prefix=prefix,
            dtype=f"torch.{name}",
            default_dtype=f"torch.{default}",
            requires_grad=tensor.requires_grad,
            grad_fn=type(tensor.grad_fn).__name__ if tensor.grad_fn is not None else None,
        )
        assert text == repr(tensor), f"{name}{array.shape}, {options}, default {default}"
