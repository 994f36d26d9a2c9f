"""Shapes: views, reshapes, axes of size one, broadcasting."""

import numpy as np
import pytest

from ..sampling import Sample, array, read_only

# Arrays come to PyTorch contiguous, so these have other nodes there (see the tests below).
T = array(3, 4).T
F = array(2, 3, 4).transpose(0, 2, 1)
BAD_RESHAPE = "shape '[2, 5]' is invalid for input of size 6"

SAMPLES = {
    "view": [
        Sample(array(2, 6), 3, 4),
        Sample(array(2, 6), (4, -1)),
        Sample(array(2, 6), [-1]),
        Sample(array(), 1, 1),
        Sample(array(1), ()),
        Sample(array(0, 3), 3, 0, 2),
        Sample(array(0, 3), -1, 3),
        Sample(array(2, 3, dtype="int64"), 6),
        Sample(read_only(array(2, 3)), 6),
        Sample(F, 2, 2, 2, 3, skip="node"),
        Sample(array(2, 4, dtype="float32"), np.int32),
        Sample(array(2, 4, dtype="float32"), np.float64, skip="float32"),
        Sample(array(2, 3), 2, 5, raises=RuntimeError, match=BAD_RESHAPE),
        Sample(array(2, 3), -1, -1, raises=RuntimeError, match="only one dimension can be inf"),
        Sample(array(2, 3), -2, 3, raises=RuntimeError, match="invalid shape dimension -2 at"),
        Sample(array(0, 3), -1, 0, raises=RuntimeError, match="cannot reshape tensor of 0"),
        Sample(array(3), raises=TypeError, match="view() received an invalid combination of"),
        Sample(
            array(3, dtype="float32"),
            np.float64,
            raises=RuntimeError,
            match="self.size(-1) must be divisible by 2 to view Float as",
        ),
        Sample(
            array(dtype="float32"),
            np.float64,
            raises=RuntimeError,
            match="self.dim() cannot be 0 to view Float as Double",
        ),
    ],
    "view_as": [
        Sample(array(2, 6), array(3, 4), constant=(1,)),
        Sample(array(2, 6), array(3), raises=RuntimeError, match="shape '[3]' is invalid"),
        Sample(array(2, 6), 3, raises=TypeError, match="must be Tensor, not int"),
    ],
    "reshape": [
        Sample(array(2, 6), (3, 4)),
        Sample(array(2, 6), [-1, 4]),
        Sample(T, (6, 2), skip="node"),
        Sample(T, (2, 2, 3), skip="node"),
        Sample(F, (2, 2, 2, 3), skip="node"),
        Sample(array(6)[::2], (3, 1), skip="node"),
        Sample(array(), (1, 1)),
        Sample(array(0, 3), (0,)),
        Sample(array(3, 1, 2)[:, :, ::2], (3,), skip="node"),
        Sample(np.broadcast_to(array(3), (2, 3)), (6,), skip="node"),
        Sample(array(2, 3, dtype="bool"), (6,)),
        Sample(read_only(array(2, 3)), (6,)),
        Sample(array(2, 3), (2, 5), raises=RuntimeError, match=BAD_RESHAPE),
        Sample(array(2, 3), (2, 1.5), raises=TypeError, match="failed to unpack the object at pos"),
        Sample(array(2, 3), None, raises=TypeError, match="must be tuple of ints, not NoneType"),
        Sample(2, (2, 5), raises=TypeError, match="argument 'input' (position 1) must be Tensor"),
    ],
    "reshape_as": [
        Sample(array(4, 3), array(6, 2), constant=(1,)),
        Sample(T, array(6, 2), constant=(1,), skip="node"),
    ],
    "flatten": [
        Sample(array(2, 3, 4)),
        Sample(array(2, 3, 4), 1),
        Sample(array(2, 3, 4), start_dim=0, end_dim=1),
        Sample(array(2, 3, 4), 1, 1),
        Sample(T, skip="node"),
        Sample(array()),
        Sample(array(0, 3)),
        Sample(array(3)),
        Sample(array(2, 3, dtype="int32")),
        Sample(array(2, 3), 1, 0, raises=RuntimeError, match="flatten() has invalid args: start"),
        Sample(array(2, 3), 2, raises=IndexError, match="Dimension out of range"),
    ],
    "unflatten": [
        Sample(array(2, 6), 1, (3, 2)),
        Sample(array(2, 6), -1, (-1, 2)),
        Sample(array(2, 6), dim=0, sizes=[1, 2]),
        Sample(array(2, 6), 1, (4, 2), raises=RuntimeError, match="unflatten: Provided sizes [4"),
        Sample(array(2, 6), 1, (), raises=RuntimeError, match="unflatten: sizes must be non-empty"),
        Sample(array(2, 6), 2, (3,), raises=IndexError, match="Dimension out of range"),
    ],
    "ravel": [
        Sample(array(2, 3)),
        Sample(array(3)),
        Sample(T, skip="node"),
        Sample(array()),
        Sample(array(0, 2)),
    ],
    "contiguous": [
        Sample(array(2, 3)),
        Sample(T, skip="node"),
        Sample(array(6)[::2], skip="node"),
        Sample(array()),
    ],
    "squeeze": [
        Sample(array(1, 3, 1)),
        Sample(array(1, 3, 1), 0),
        Sample(array(1, 3, 1), 1),
        Sample(array(1, 3, 1), -1),
        Sample(array(1, 3, 1), (0, 1, 2)),
        Sample(array(1, 3, 1), [0]),
        Sample(array(1, 3, 1), ()),
        Sample(array(1, 3, 1), dim=0),
        Sample(array(1, 3, 1), axis=0),
        Sample(array()),
        Sample(array(), 0),
        Sample(array(1, 0)),
        Sample(array(1, 3, dtype="bool")),
        Sample(array(1, 3), 2, raises=IndexError, match="Dimension out of range"),
        Sample(array(1, 3), (0, 0), raises=RuntimeError, match="dim 0 appears multiple times"),
        Sample(array(1, 3), None, raises=TypeError, match="squeeze() received an invalid comb"),
    ],
    "unsqueeze": [
        Sample(array(2, 3), 0),
        Sample(array(2, 3), 2),
        Sample(array(2, 3), -1),
        Sample(array(2, 3), dim=-3),
        Sample(array(2, 3), axis=1),
        Sample(array(), 0),
        Sample(T, 1),
        Sample(array(0), 0),
        Sample(array(2, 3), 3, raises=IndexError, match="(expected to be in range of [-3, 2], but"),
    ],
    "expand": [
        Sample(array(3), 2, 3),
        Sample(array(3), (2, -1)),
        Sample(array(3, 1), [3, 4]),
        Sample(array(2, 3), 2, 3),
        Sample(array(), 3),
        Sample(array(), ()),
        Sample(array(3), 0, 3),
        Sample(T[:, :1], -1, 3),
        Sample(array(1, 3, dtype="int64"), 2, 3),
        Sample(
            array(3),
            2,
            4,
            raises=RuntimeError,
            match="The expanded size of the tensor (4) must match the existing size (3) at "
            "non-singleton dimension 1.  Target sizes: [2, 4].  Tensor sizes: [3]",
        ),
        Sample(
            array(2, 3),
            3,
            raises=RuntimeError,
            match="{[2, 3]}, size=[3]): the number of sizes provided (1) must be greater or equal",
        ),
        Sample(
            array(3),
            -1,
            3,
            raises=RuntimeError,
            match="isn't allowed in a leading, non-existing dimension 0",
        ),
    ],
    "expand_as": [Sample(array(3), array(2, 3), constant=(1,))],
    "broadcast_to": [
        Sample(array(3), (2, 3)),
        Sample(array(3, 1), (2, -1, 4)),
        Sample(array(), (2,)),
        Sample(array(3), (2,), raises=RuntimeError, match="The expanded size of the tensor (2)"),
    ],
    "broadcast_tensors": [
        Sample(array(3), array(2, 1), array()),
        Sample(array(2, 3), array(2, 3)),
        Sample(),
        Sample(array(0), array(1)),
        Sample(
            array(3),
            array(2, 4),
            raises=RuntimeError,
            match="The size of tensor a (3) must match the size of tensor b (4) at non-singleton",
        ),
        Sample([array(3)], array(3), raises=TypeError, match="expected Tensor as element 0 in"),
    ],
    "broadcast_shapes": [
        Sample((2, 1), (3,)),
        Sample(2, (3, 1)),
        Sample(),
        Sample((0,), (1,)),
        Sample(
            (2,),
            (3,),
            raises=RuntimeError,
            match="Attempting to broadcast a dimension of length 3 at -1! Mismatching argument at",
        ),
        Sample((-1,), raises=ValueError, match="Attempting to broadcast a dimension with negative"),
    ],
    "meshgrid": [
        Sample(array(3), array(2), indexing="ij"),
        Sample(array(3), array(2), array(), indexing="xy"),
        Sample([array(3), array(2)], indexing="xy"),
        Sample(array(3), indexing="xy"),
        Sample(array(0), array(2), indexing="ij"),
        Sample(indexing="ij", raises=RuntimeError, match="meshgrid expects a non-empty TensorList"),
        Sample(
            array(3),
            array(2),
            indexing="ab",
            raises=RuntimeError,
            match='torch.meshgrid: indexing must be one of "xy" or "ij", but received: ab',
        ),
        Sample(
            array(3),
            array(2, dtype="float32"),
            indexing="ij",
            raises=RuntimeError,
            match="meshgrid expects all tensors to have the same dtype",
        ),
        Sample(
            array(3),
            array(2, 2),
            indexing="ij",
            raises=RuntimeError,
            match="torch.meshgrid: Expected 0D or 1D tensor in the tensor list but got: ",
        ),
    ],
    "atleast_1d": [
        Sample(array()),
        Sample(array(2)),
        Sample(array(), array(3)),
        Sample([array(), array(3)]),
        Sample(3, raises=TypeError, match="atleast_1d() received an invalid combination"),
    ],
    "atleast_2d": [Sample(array()), Sample(array(3)), Sample((array(2, 2), array(3)))],
    "atleast_3d": [
        Sample(array()),
        Sample(array(3)),
        Sample(array(3, 2)),
        Sample(array(3, 2, 2)),
        Sample(array(3), array()),
    ],
}


def nodes(tensor):
    """Return the names of the nodes back to the leaf."""
    found = []
    node = tensor.grad_fn
    while node is not None and node.next_functions:
        found.append(node.name())
        node = node.next_functions[0][0]
    return found


CALLS = [
    lambda x: x.transpose(0, 1).reshape(6, 4),
    lambda x: x.transpose(0, 1).reshape(3, 2, 4),
    lambda x: x.transpose(0, 1).reshape(3, 2, 2, 2),
    lambda x: x.transpose(0, 2).flatten(),
    lambda x: x.transpose(0, 2).flatten(1),
    lambda x: x[:, :2].reshape(2, 8),
    lambda x: x[:, :2].flatten(0, 1),
    lambda x: x[:, :, ::2].reshape(2, 3, 2, 1),
    lambda x: x[0].expand(2, 3, 4).reshape(6, 4),
    lambda x: x[0].expand(2, 3, 4).reshape(2, 12),
    lambda x: x[0][:1].expand(3, 4).reshape(12),
    lambda x: x.transpose(0, 2).ravel(),
    lambda x: x[0].ravel(),
    lambda x: x.transpose(0, 1).contiguous(),
    lambda x: x.permute(2, 0, 1).unflatten(1, (2, 1)),
    lambda x: x[:, 1].squeeze(0).unsqueeze(1),
    lambda x: x.mT.reshape_as(x),
]


@pytest.mark.parametrize("call", CALLS)
def test_layouts(call):
    torch = pytest.importorskip("torch")
    retrograd = pytest.importorskip("retrograd")
    results = []
    for lib in (retrograd, torch):
        x = lib.arange(24.0).reshape(2, 3, 4).requires_grad_()
        y = call(x)
        y.backward(lib.arange(float(y.numel())).reshape(tuple(y.shape)))
        shared = y.data_ptr() == x.data_ptr() or y._is_view()
        results.append((nodes(y), y._is_view(), shared, y.tolist(), x.grad.tolist()))
    assert results[0] == results[1]


@pytest.mark.parametrize(
    "call",
    [
        lambda x: x.transpose(0, 1).view(6, 4),
        lambda x: x.transpose(0, 1).view(-1),
        lambda x: x[:, :2].view(16),
        lambda x: x[..., :3].view(2, 9),
        lambda x: x[0].expand(2, 3, 4).view(6, 4),
    ],
)
def test_shapes_that_need_a_copy_are_no_views(torch_or_retrograd, call):
    x = torch_or_retrograd.arange(24.0).reshape(2, 3, 4)
    with pytest.raises(RuntimeError, match="view size is not compatible with input tensor's size"):
        call(x)


def test_the_same_tensor_is_returned(torch_or_retrograd):
    lib = torch_or_retrograd
    x = lib.ones(2, 3)
    assert x.contiguous() is x
    assert x.flatten(1) is x
    assert lib.atleast_2d(x) is x
    assert lib.broadcast_tensors(x, lib.ones(3))[0] is x
    assert x.expand(2, 3) is not x
    assert x.reshape(2, 3) is not x


def test_views_see_writes(torch_or_retrograd):
    lib = torch_or_retrograd
    x = lib.zeros(2, 3)
    for number, view in enumerate([x.view(6), x.reshape(3, 2), x.squeeze(), x.unsqueeze(0)]):
        view.fill_(float(number))
        assert x.sum().item() == 6 * number
    x.transpose(0, 1).reshape(6).fill_(9.0)  # a copy
    assert x.sum().item() == 18


def test_expanded_memory_is_not_written(torch_or_retrograd):
    lib = torch_or_retrograd
    x = lib.zeros(3)
    with pytest.raises(RuntimeError):
        x.expand(2, 3).add_(1)
    x.expand(1, 3).add_(1)
    assert x.tolist() == [1, 1, 1]
