"""Wrong shapes, dtypes and types given to the functions used most: the texts of the errors."""

import pytest

import retrograd as rg
from retrograd.nn import functional as F

A = rg.ones(2, 3)
B = rg.ones(4, 5)

ERRORS = {
    "add of shapes": (
        lambda: rg.add(A, rg.ones(4)), RuntimeError,
        "The size of tensor a (3) must match the size of tensor b (4) at non-singleton dimension 1",
        "while computing add(x: float32[2, 3], y: float32[4])"),
    "mul of shapes": (
        lambda: A * rg.ones(2, 2, dtype=rg.int64), RuntimeError,
        "The size of tensor a (3) must match the size of tensor b (2) at non-singleton dimension 1",
        "float32[2, 3]"),
    "add of a text": (
        lambda: rg.add("a", A), TypeError, "add(): argument 'input' (position 1)", "not str"),
    "exp of a list": (
        lambda: rg.exp([1.0]), TypeError, "exp(): argument 'input' (position 1)", "not list"),
    "matmul of shapes": (
        lambda: A @ B, RuntimeError, "mat1 and mat2 shapes cannot be multiplied (2x3 and 4x5)"),
    "matmul of dtypes": (
        lambda: A @ rg.ones(3, 2).double(), RuntimeError,
        "expected m1 and m2 to have the same dtype, but got: float != double"),
    "matmul of a number": (
        lambda: rg.matmul(A, 3), TypeError, "matmul(): argument 'other' (position 2)", "not int"),
    "cat of shapes": (
        lambda: rg.cat([rg.ones(2), A]), RuntimeError,
        "Tensors must have same number of dimensions: got 1 and 2"),
    "cat of numbers": (
        lambda: rg.cat([1, 2]), TypeError,
        "expected Tensor as element 0 in argument 0, but got int"),
    "cat of nothing": (
        lambda: rg.cat([]), ValueError, "torch.cat(): expected a non-empty list of Tensors"),
    "stack of shapes": (
        lambda: rg.stack([rg.ones(2), rg.ones(3)]), RuntimeError,
        "stack expects each tensor to be equal size, but got [2] at entry 0 and [3] at entry 1"),
    "view": (
        lambda: A.view(4), RuntimeError, "shape '[4]' is invalid for input of size 6"),
    "expand": (
        lambda: rg.ones(2).expand(3), RuntimeError,
        "The expanded size of the tensor (3) must match the existing size (2)",
        "Target sizes: [3].  Tensor sizes: [2]"),
    "sum of a list": (
        lambda: rg.sum([1]), TypeError, "sum(): argument 'input' (position 1)", "not list"),
    "sum over a missing axis": (
        lambda: rg.sum(A, 5), IndexError,
        "Dimension out of range (expected to be in range of [-2, 1], but got 5)"),
    "mean of integers": (
        lambda: rg.mean(rg.tensor([1])), RuntimeError,
        "mean(): could not infer output dtype.", "Got: Long"),
    "index past the end": (
        lambda: A[5], IndexError, "index 5 is out of bounds for dimension 0 with size 2",
        "float32[2, 3]"),
    "index by a fraction": (
        lambda: A[1.5], IndexError, "only integers, slices (`:`), ellipsis", "(got float)"),
    "index by too many": (
        lambda: A[0, 0, 0], IndexError, "too many indices for tensor of dimension 2"),
    "index by a mask of another shape": (
        lambda: A[rg.tensor([True, False, True])], IndexError,
        "The shape of the mask [3] at index 0 does not match the shape of the indexed tensor "
        "[2, 3] at index 0", "x: float32[2, 3], indices: bool[3]"),
    "where of a condition that is none": (
        lambda: rg.where(A, 1, 2), RuntimeError,
        "where expected condition to be a boolean tensor, but got a tensor with dtype Float"),
    "where of shapes": (
        lambda: rg.where(rg.tensor([True]), rg.ones(2), rg.ones(3)), RuntimeError,
        "The size of tensor a (2) must match the size of tensor b (3)",
        "where(condition: bool[1], x: float32[2], y: float32[3])"),
    "linear of shapes": (
        lambda: F.linear(A, B), RuntimeError,
        "mat1 and mat2 shapes cannot be multiplied (2x3 and 5x4)"),
    "linear of a text": (
        lambda: F.linear(A, "w"), TypeError, "linear(): argument 'weight' (position 2)", "not str"),
    "gather of a fraction": (
        lambda: rg.gather(A, 0, rg.tensor([[0.5]])), RuntimeError,
        "gather(): Expected dtype int32/int64 for index"),
    "in-place into another shape": (
        lambda: rg.ones(3).add_(A), RuntimeError,
        "output with shape [3] doesn't match the broadcast shape [2, 3]"),
    "copy_ of shapes": (
        lambda: rg.ones(2).copy_(rg.ones(3)), RuntimeError,
        "The size of tensor a (2) must match the size of tensor b (3)"),
    "integers that require grad": (
        lambda: rg.tensor([1], requires_grad=True), RuntimeError,
        "Only Tensors of floating point and complex dtype can require gradients"),
    "item of two": (
        lambda: rg.ones(2).item(), RuntimeError,
        "a Tensor with 2 elements cannot be converted to Scalar"),
    "bool of two": (
        lambda: bool(rg.ones(2)), RuntimeError,
        "Boolean value of Tensor with more than one value is ambiguous"),
    "bool of none": (
        lambda: bool(rg.ones(0)), RuntimeError,
        "Boolean value of Tensor with no values is ambiguous"),
    "len of a number": (lambda: len(rg.tensor(1)), TypeError, "len() of a 0-d tensor"),
    "iteration over a number": (
        lambda: list(rg.tensor(1)), TypeError, "iteration over a 0-d tensor"),
    "a device that is not there": (
        lambda: rg.ones(2).to("cuda"), NotImplementedError, "'cuda' is not available",
        "device='cpu'"),
    "an unknown name": (
        lambda: rg.tensr, AttributeError, "retrograd does not have `torch.tensr`", "torch.tensor"),
}  # fmt: skip


@pytest.mark.parametrize("name", ERRORS)
def test_the_text_says_what_is_wrong(name):
    run, kind, *words = ERRORS[name]
    with pytest.raises(kind) as raised:
        run()
    for part in words:
        assert part in str(raised.value)


def test_arithmetic_on_empty_tensors_is_silent():
    empty = rg.ones(0, 3)
    assert (empty + empty).shape == (0, 3)
    assert empty.sum().item() == 0
    assert empty.prod().item() == 1
    assert (empty @ rg.ones(3, 2)).shape == (0, 2)
    assert rg.isnan(empty.mean()).item()
    with pytest.raises(RuntimeError, match="max"):
        empty.max()
