"""Rounding, fractions, nan and inf, neighbours, signs and steps."""

from __future__ import annotations

import numpy as np
import pytest

import retrograd

from ..sampling import Sample, array, one_operand, two_operands

HALVES = np.array([-2.5, -1.5, -0.5, -0.0, 0.5, 1.5, 2.5, np.inf, np.nan])
NO_NUMBERS = np.array([np.nan, np.inf, -np.inf, 1.0, 0.0])


def refused(name, dtype="bool", torch_name="Bool"):
    """Return the sample of a dtype that PyTorch has no kernel for."""
    return Sample(
        array(3, dtype=dtype), raises=NotImplementedError,
        match=f"\"{name}\" not implemented for '{torch_name}'",
    )  # fmt: skip


SAMPLES = {
    # Differences see the jumps of these functions.
    "floor": [*one_operand(array, bools=False), Sample(HALVES, skip="finite"),
              refused("floor_vml_cpu")],
    "ceil": [*one_operand(array, bools=False), Sample(HALVES, skip="finite"),
             refused("ceil_vml_cpu")],
    "trunc": [*one_operand(array, bools=False), Sample(HALVES, skip="finite"),
              refused("trunc_vml_cpu"),
              Sample(array(3, dtype="complex64"), raises=NotImplementedError,
                     match="trunc is not supported for complex inputs")],
    "round": [
        *one_operand(array, bools=False),
        Sample(HALVES, skip="finite"),
        Sample(np.array([1.255, 2.5, -3.5]), decimals=2, skip="finite"),
        Sample(np.array([155.0, 25.0, -14.0]), decimals=-1, skip="finite"),
        Sample(array(3, dtype="float32"), decimals=3),
        Sample(array(3, dtype="float16"), decimals=1),
        Sample(array(3), decimals=0),
        refused("round_vml_cpu"),
        Sample(array(3, dtype="int64"), decimals=1, raises=NotImplementedError,
               match="\"round_cpu\" not implemented for 'Long'"),
    ],
    "special.round": [Sample(array(3)), Sample(array(3), decimals=1)],
    "frac": [*one_operand(array, bools=False, integers=False), Sample(HALVES, skip="finite"),
             refused("frac_cpu", "int64", "Long")],
    "nan_to_num": [
        *one_operand(array),
        Sample(NO_NUMBERS),
        Sample(NO_NUMBERS.astype("float32")),
        Sample(NO_NUMBERS.astype("float16")),
        Sample(NO_NUMBERS, 1.5),
        Sample(NO_NUMBERS, nan=1.0, posinf=2.0, neginf=-3.0),
        Sample(array(3, dtype="int64"), nan=2.0),
        Sample(array(3, dtype="complex128"), constant=(0,)),  # PyTorch has no gradient of these
    ],
    "nextafter": [
        *two_operands(array, integers=False, bools=False),
        Sample(np.array([1.0, 2.0, 3.0]), np.array([2.0, 2.0, np.inf]), skip="finite"),
        Sample(array(3, dtype="int64"), array(3, dtype="int64"), raises=NotImplementedError,
               match="\"nextafter_cpu\" not implemented for 'Long'"),
    ],
    "signbit": [*one_operand(array), Sample(NO_NUMBERS), Sample(np.array([0.0, -0.0]))],
    # It has no gradient in PyTorch either: backward raises, which a test below checks.
    "heaviside": [
        *[Sample(array(*shape), array(*other), skip="gradient second finite float32")
          for shape, other in (((3, 4), (3, 4)), ((3, 4), (4,)), ((), (2,)), ((0, 3), (3,)))],
        Sample(np.array([-1.0, 0.0, -0.0, 1.0, np.nan]), np.array(0.5), constant=(0, 1)),
        Sample(np.array([-1, 0, 1]), np.array([5, 6, 7])),
        Sample(array(3, dtype="bool"), array(3, dtype="bool")),
        Sample(array(3), array(3, dtype="float32"), raises=RuntimeError,
               match="heaviside is not yet implemented for tensors with different dtypes."),
        Sample(array(3, dtype="complex64"), array(3, dtype="complex64"), raises=RuntimeError,
               match="heaviside is not yet implemented for complex tensors."),
    ],
}  # fmt: skip


@pytest.mark.parametrize("name", ["heaviside", "floor_divide"])
def test_no_gradient(name, torch_or_retrograd):
    torch = torch_or_retrograd
    x = torch.tensor([1.0, -1.0], requires_grad=True)
    y = getattr(torch, name)(x, torch.tensor([2.0, 3.0]))
    assert y.requires_grad
    with pytest.raises(RuntimeError, match=f"derivative for aten::{name} is not implemented"):
        y.sum().backward()


def test_rounding_integers_copies():
    x = retrograd.tensor([1, 2])
    y = retrograd.floor(x)
    y[0] = 5
    assert x.tolist() == [1, 2]
