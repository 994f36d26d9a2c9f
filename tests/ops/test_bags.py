"""Bags of embeddings: torch.embedding_bag and torch.nn.functional.embedding_bag."""

import numpy as np
import pytest

import retrograd

from ..sampling import Sample, array

I = np.array([0, 1, 1, 3, 2])
O = np.array([0, 2, 2])
TABLE = np.array([[1, 2], [0, 0]])
RANGE = "Index 3 of input takes value 4 which is not in the valid range [0, 4)"
# PyTorch has one node and no second derivative where a lookup and a product come before.
SAMPLES = {
    "nn.functional.embedding_bag": [
        Sample(I, array(4, 3), O, mode="sum"),
        Sample(I, array(4, 3), O),
        Sample(I, array(4, 3), O, mode="max"),
        Sample(TABLE, array(4, 3)),
        Sample(TABLE, array(4, 3), mode="sum"),
        Sample(TABLE, array(4, 3), mode="max"),
        Sample(np.array([[2, 1, 0], [1, 2, 2]]), np.ones((4, 3)), mode="max", skip="finite second"),
        Sample(I, array(3, 4).T, O),
        Sample(I.astype("int32"), array(4, 3), O.astype("int32")),
        Sample(I, array(4, 3, dtype="float32"), O),
        Sample(I, array(4, 3, dtype="float16"), O, skip="gradient second"),
        Sample(I, array(4, 3), np.array([0, 2, 5]), include_last_offset=True),
        Sample(I, array(4, 3), np.array([0, 2, 5]), mode="max", include_last_offset=True),
        Sample(np.zeros(0, "int64"), array(4, 3), np.array([0, 0])),
        # No bags at all: PyTorch's process dies.
        Sample(np.zeros((0, 2), "int64"), array(4, 3), skip="torch"),
        Sample(I, array(4, 3), np.zeros(0, "int64"), skip="torch"),
        Sample(I, array(4, 3), np.array([0]), include_last_offset=True, skip="torch"),
        Sample(I, array(4, 3), O, padding_idx=1),
        Sample(I, array(4, 3), O, padding_idx=-3, mode="sum"),
        Sample(I, array(4, 3), O, padding_idx=1, mode="max"),
        Sample(TABLE, array(4, 3), padding_idx=0),
        Sample(I, array(4, 3), O, mode="sum", per_sample_weights=array(5)),
        Sample(TABLE, array(4, 3), mode="sum", per_sample_weights=array(2, 2)),
        Sample(I, array(4, 3), O, mode="sum", per_sample_weights=array(5), padding_idx=1),
        Sample(I, array(4, 3), O, mode="sum", sparse=True, skip="gradient second"),
        # PyTorch divides some rows' gradients by another row's count: see the test below.
        Sample(
            I, array(4, 3), O, mode="sum", scale_grad_by_freq=True,
            skip="gradient second finite",
        ),
        Sample(I[None, None], array(4, 3), raises=ValueError, match="input has to be 1D or 2D Ten"),
        Sample(I, array(4), O, raises=ValueError, match="weight has to be a 2D Tensor, but got Te"),
        Sample(TABLE, array(4, 3), O, raises=ValueError, match="if input is 2D, then offsets has "),
        Sample(I, array(4, 3), raises=ValueError, match="offsets has to be a 1D Tensor but got No"),
        Sample(I, array(4, 3), O[None], raises=ValueError, match="offsets has to be a 1D Tensor"),
        Sample(I, array(4, 3), O + 1, raises=RuntimeError, match="offsets[0] has to be 0, i.e., t"),
        Sample(I, array(4, 3), O * 3, raises=RuntimeError, match="offsets[-1] can not be greater "),
        Sample(
            I, array(4, 3), O[:0], include_last_offset=True, raises=RuntimeError,
            match="include_last_offset: number of offset should be at least 1",
        ),
        Sample(I + 1, array(4, 3, dtype="float32"), O, raises=RuntimeError, match=RANGE),
        Sample(I, array(4, 3), O, mode="x", raises=ValueError, match="mode has to be one of sum, "),
        Sample(
            I, array(4, 3), O, mode="max", scale_grad_by_freq=True, raises=ValueError,
            match="max mode does not support scaling the gradient by the frequency",
        ),
        Sample(
            I, array(4, 3), O, mode="max", sparse=True, raises=ValueError,
            match="max mode does not support sparse weights",
        ),
        Sample(
            I, array(4, 3), O, per_sample_weights=array(5), raises=NotImplementedError,
            match="per_sample_weights is only supported for mode='sum' (got mode='mean')",
        ),
        Sample(
            I, array(4, 3), O, mode="sum", per_sample_weights=array(4), raises=ValueError,
            match="then it must have the same shape as the input (torch.Size([5]))",
        ),
        Sample(
            I, array(4, 3), O, mode="sum", per_sample_weights=array(5, dtype="float32"),
            raises=RuntimeError, match="type torch.DoubleTensor does not equal torch.FloatTensor",
        ),
        Sample(
            I, array(4, 3), O, padding_idx=4, raises=RuntimeError,
            match="padding_idx must be within the number of embeddings, -4 through 3, but got 4",
        ),
        Sample(
            I * 1.5, array(4, 3), O, raises=RuntimeError,
            match="argument #1 'indices' to have one of the following scalar types: Long, Int; but",
        ),
        Sample(
            I, array(4, 3, dtype="int64"), O, raises=RuntimeError,
            match="Half, BFloat16, Float, Double; but got torch.LongTensor instead (while",
        ),
        Sample(
            np.zeros((2, 0), "int64"), array(4, 3), raises=RuntimeError,
            match="step must be nonzero",
        ),
    ],
    "embedding_bag": [
        Sample(array(4, 3), I, O),
        Sample(array(4, 3, dtype="float32"), I, O),
        Sample(array(4, 3), I, O, False, 1),
        Sample(array(4, 3), I, O, False, 2),
        Sample(array(4, 3), I, O, False, 0, False, None, False, 1),
        Sample(array(4, 3), I, O, False, 1, False, None, False, 1),
        Sample(array(4, 3), I, O, False, 2, False, None, False, 1),
        Sample(array(4, 3), I, np.array([0, 2, 5]), False, 1, include_last_offset=True),
        Sample(array(4, 3), I, O, mode=0, per_sample_weights=array(5)),
        Sample(array(4, 3), I, O, mode=7, raises=RuntimeError, match="`mode` must be sum, mean"),
        Sample(
            array(4, 3), I, O, False, 1, False, array(5), raises=RuntimeError,
            match="embedding_bag: per_sample_weights only supported with mode='sum'",
        ),
        Sample([1], I, O, raises=TypeError, match="argument 'weight' (position 1) must be Tensor"),
    ],
}  # fmt: skip


def test_frequencies_divide_the_gradient_of_their_own_row():
    # PyTorch 2.13 takes the count of another row where an earlier row is looked up twice.
    table = retrograd.ones(4, 3, requires_grad=True)
    bags = retrograd.nn.functional.embedding_bag(
        retrograd.from_numpy(I), table, retrograd.from_numpy(O), mode="sum", scale_grad_by_freq=True
    )
    bags.sum().backward()
    assert (table.grad == 1).all()


def test_bags_renormalize_the_rows_they_read():
    table = retrograd.full((3, 4), 2.0, requires_grad=True)
    bags = retrograd.nn.functional.embedding_bag(retrograd.tensor([[0, 1]]), table, max_norm=1.0)
    assert bags.norm().item() == pytest.approx(1, abs=1e-5)
    assert table.norm(dim=1).tolist() == pytest.approx([1, 1, 4], abs=1e-5)


def test_former_argument_order_warns():
    table, offsets = retrograd.ones(4, 3), retrograd.from_numpy(O)
    indices = retrograd.from_numpy(I)
    wanted = retrograd.nn.functional.embedding_bag(indices, table, offsets)
    with pytest.warns(UserWarning, match="Argument order of nn.functional.embedding_bag was chan"):
        found = retrograd.nn.functional.embedding_bag(table, indices, offsets)
    assert retrograd.equal(found, wanted)


def test_offsets_that_decrease_are_refused():
    with pytest.raises(RuntimeError, match=r"offsets must not decrease, but got \[0, 3, 2\]"):
        retrograd.nn.functional.embedding_bag(
            retrograd.from_numpy(I), retrograd.ones(4, 3), retrograd.tensor([0, 3, 2])
        )
