"""Windows and as_strided."""

from ..sampling import Sample, array, read_only

# PyTorch 2.13 gives the input the gradient of just those elements that were overwritten.
WRONG_THERE = ("gradient", "second")

SAMPLES = {
    "unfold": [
        Sample(array(7), 0, 3, 2),
        Sample(array(2, 5, 3), 1, 2, 1),
        Sample(array(2, 5), dimension=-1, size=2, step=2),
        Sample(array(5, 3).T, 1, 3, 1),
        Sample(read_only(array(5)), 0, 2, 1),
        Sample(array(3), 0, 0, 1),
        Sample(array(), 0, 1, 1),
        Sample(array(6, dtype="int64"), 0, 2, 3),
        Sample(array(3), 0, 4, 1, raises=RuntimeError, match="maximum size for tensor at dimensio"),
        Sample(array(3), 0, 2, 0, raises=RuntimeError, match="step is 0 but must be > 0"),
        Sample(array(3), 0, -1, 1, raises=RuntimeError, match="size is -1 but must be >= 0"),
        Sample(array(3), 1, 1, 1, raises=IndexError, match="Dimension out of range"),
    ],
    "as_strided": [
        Sample(array(12), (3, 2), (4, 1)),
        Sample(array(3, 4), (2, 2), (1, 1), 1),
        Sample(array(3, 4), size=(2, 2), stride=(0, 3), storage_offset=2),
        Sample(array(3, 4), (), ()),
        Sample(array(4), (0, 2), (1, 1)),
        Sample(array(4), (2, 2), (1,), raises=RuntimeError, match="mismatch in length of strides"),
        Sample(array(4), (2, 2), (1, -1), raises=RuntimeError, match="Negative strides are not su"),
        Sample(
            array(4),
            (2, 2),
            (1, 3),
            raises=RuntimeError,
            match="setStorage: sizes [2, 2], strides [1, 3], storage offset 0, and itemsize 8 "
            "requiring a storage size of 40 are out of bounds for storage of size 32",
        ),
    ],
    "as_strided_scatter": [
        Sample(array(3, 4), array(2, 2), (2, 2), (4, 1), skip=WRONG_THERE),
        Sample(array(3, 4), array(2), (2,), (3,), 1, skip=WRONG_THERE),
        Sample(
            array(4),
            array(3),
            (2,),
            (1,),
            raises=RuntimeError,
            match="expected src to have a size equal to the slice of self. src size = [3], slice",
        ),
    ],
}


def test_as_strided_of_a_transpose(torch_or_retrograd):
    lib = torch_or_retrograd
    x = lib.arange(6.0).reshape(2, 3).requires_grad_()
    y = x.t().as_strided((2, 2), (1, 2))
    assert y.tolist() == [[0, 2], [1, 3]]
    (y * lib.tensor([[1.0, 2.0], [3.0, 4.0]])).sum().backward()
    assert x.grad.tolist() == [[1, 3, 2], [4, 0, 0]]


def test_as_strided_of_a_slice_sees_the_whole_memory(torch_or_retrograd):
    lib = torch_or_retrograd
    x = lib.arange(6.0)
    y = x[2:4]
    assert y.as_strided((2,), (1,)).tolist() == [2, 3]
    assert y.as_strided((2,), (1,), 0).tolist() == [0, 1]
    y.as_strided((3,), (2,), 0).mul_(10)
    assert x.tolist() == [0, 1, 20, 3, 40, 5]


def test_windows_share_memory(torch_or_retrograd):
    lib = torch_or_retrograd
    x = lib.arange(4.0)
    x.unfold(0, 2, 2)[1, 0] = 7
    assert x.tolist() == [0, 1, 7, 3]
