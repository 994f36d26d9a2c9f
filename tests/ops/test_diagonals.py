"""Diagonals and triangles."""

from ..sampling import Sample, array, read_only

SAME = "diagonal dimensions cannot be identical"

SAMPLES = {
    "tril": [
        Sample(array(3, 4)),
        Sample(array(2, 3, 4), -1),
        Sample(array(4, 3), diagonal=2),
        Sample(array(4, 3).T, 1),
        Sample(array(0, 3)),
        Sample(array(3, 3, dtype="bool")),
        Sample(array(3, 3, dtype="int32")),
        Sample(read_only(array(3, 3))),
        Sample(array(3), raises=RuntimeError, match="tril: input tensor must have at least 2 dim"),
    ],
    "triu": [
        Sample(array(3, 4)),
        Sample(array(2, 3, 4), -1),
        Sample(array(4, 3), diagonal=2),
        Sample(array(3, 3, dtype="bool"), 1),
        Sample(array(3, 3, dtype="uint8")),
        Sample(array(2, 3, 3, dtype="complex128")),
        Sample(array(4, 3).T, 1),
        Sample(array(0, 3)),
        Sample(read_only(array(3, 3))),
        Sample(array(), raises=RuntimeError, match="triu: input tensor must have at least 2 dim"),
    ],
    "diagonal": [
        Sample(array(3, 4)),
        Sample(array(2, 3, 4), 1, 1, 2),
        Sample(array(2, 3, 4), offset=-1, dim1=-1, dim2=0),
        Sample(array(3, 4).T, 1),
        Sample(array(3, 4), 5),
        Sample(array(0, 3)),
        Sample(read_only(array(3, 4))),
        Sample(array(3, 4), 0, 1, 1, raises=RuntimeError, match=SAME + " 1, 1"),
        Sample(array(3), raises=IndexError, match="Dimension out of range"),
    ],
    "diag": [
        Sample(array(3)),
        Sample(array(3), -1),
        Sample(array(3, 4), 1),
        Sample(array(3, 4), diagonal=7),
        Sample(array(0)),
        Sample(array(2, 2, 2), raises=RuntimeError, match="diag(): Supports 1D or 2D tensors. Got"),
    ],
    "diag_embed": [
        Sample(array(3)),
        Sample(array(2, 3), 1),
        Sample(array(2, 3), -1, 0, 2),
        Sample(array(2, 3), offset=1, dim1=2, dim2=0),
        Sample(array(3, dtype="int64")),
        Sample(array(3), 0, 0, 0, raises=RuntimeError, match=SAME + " 0, 0"),
        Sample(array(), raises=IndexError, match="Dimension out of range"),
    ],
    "diagflat": [Sample(array(3)), Sample(array(2, 2), 1), Sample(array())],
    "diagonal_scatter": [
        Sample(array(3, 4), array(3)),
        Sample(array(2, 3, 4), array(2, 2), -1, 1, 2),
        Sample(array(3, 4), array(3), offset=1),
        Sample(
            array(3, 4),
            array(4),
            raises=RuntimeError,
            match="expected src to have a size equal to the slice of self. src size = [4], slice",
        ),
        Sample(array(3, 4), array(4), 0, 1, 1, raises=RuntimeError, match=SAME + " 1, 1"),
    ],
}


def test_diagonal_is_a_writable_view(torch_or_retrograd):
    lib = torch_or_retrograd
    x = lib.zeros(3, 3)
    x.diagonal()[1] = 5
    assert x[1, 1].item() == 5


def test_fill_diagonal(torch_or_retrograd):
    lib = torch_or_retrograd
    tall = lib.zeros(5, 2).fill_diagonal_(3)
    assert tall.tolist() == [[3, 0], [0, 3], [0, 0], [0, 0], [0, 0]]
    wrapped = lib.zeros(5, 2).fill_diagonal_(3, wrap=True)
    assert wrapped.tolist() == [[3, 0], [0, 3], [0, 0], [3, 0], [0, 3]]
    cube = lib.zeros(2, 2, 2).fill_diagonal_(1.5)
    assert cube.tolist() == [[[1.5, 0], [0, 0]], [[0, 0], [0, 1.5]]]
    x = lib.ones(2, 2, requires_grad=True)
    (x * 2).fill_diagonal_(0).sum().backward()
    assert x.grad.tolist() == [[0, 2], [2, 0]]


def test_triangle_indices(torch_or_retrograd):
    lib = torch_or_retrograd
    assert lib.tril_indices(2, 3, 1).tolist() == [[0, 0, 1, 1, 1], [0, 1, 0, 1, 2]]
    assert lib.triu_indices(3, 2, offset=-1).tolist() == [[0, 0, 1, 1, 2], [0, 1, 0, 1, 1]]
    assert lib.triu_indices(2, 2, dtype=lib.int32).dtype == lib.int32
