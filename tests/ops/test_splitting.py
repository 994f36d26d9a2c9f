"""Splitting tensors."""

import numpy as np
import pytest

from ..sampling import Sample, array, read_only

OUT_OF_RANGE = {"raises": IndexError, "match": "Dimension out of range"}

SAMPLES = {
    "split": [
        Sample(array(5, 2), 2),
        Sample(array(2, 5), 2, 1),
        Sample(array(2, 5), (1, 4), dim=-1),
        Sample(array(2, 5), [1, 0, 4], 1),
        Sample(array(3), 7),
        Sample(array(0, 2), 0),
        Sample(array(0, 2), 3),
        Sample(array(3, 4).T, 3),
        Sample(read_only(array(4)), 2),
        Sample(array(4, dtype="bool"), 3),
        Sample(array(3), 0, raises=RuntimeError, match="split_size can only be 0 if dimension siz"),
        Sample(array(3), -1, raises=RuntimeError, match="split expects split_size be non-negative"),
        Sample(array(3), [1, 1], raises=RuntimeError, match="split_with_sizes expects split_sizes"),
        Sample(array(3), 1, 1, **OUT_OF_RANGE),
        Sample(array(), 1, raises=RuntimeError, match="split expects at least a 1-dimensional ten"),
        Sample(array(3), 1.0, raises=TypeError, match="must be tuple of ints, not float"),
    ],
    "split_with_sizes": [
        Sample(array(5), [2, 3]),
        Sample(array(2, 5), (5,), 1),
        Sample(array(3), [4, -1], raises=RuntimeError, match="have only non-negative entries, but"),
    ],
    "chunk": [
        Sample(array(5, 2), 2),
        Sample(array(2, 5), 3, 1),
        Sample(array(2, 5), chunks=4, dim=-1),
        Sample(array(3), 5),
        Sample(array(0, 2), 3),
        Sample(array(3), 0, raises=RuntimeError, match="chunk expects `chunks` to be greater than"),
        Sample(array(), 1, raises=RuntimeError, match="chunk expects at least a 1-dimensional ten"),
    ],
    "unsafe_split": [Sample(array(5, 2), 2), Sample(array(2, 5), 2, 1)],
    "unsafe_split_with_sizes": [Sample(array(5, 2), [2, 3]), Sample(array(2, 5), (1, 4), 1)],
    "unsafe_chunk": [Sample(array(5, 2), 2), Sample(array(2, 5), 3, 1)],
    "tensor_split": [
        Sample(array(5, 2), 3),
        Sample(array(2, 5), 3, 1),
        Sample(array(2, 5), (1, 3), dim=1),
        Sample(array(2, 5), (4, 1, -1, 9), dim=1),
        Sample(array(3), 5),
        Sample(array(5), np.array([1, 3])),
        Sample(array(5), np.array(2)),
        Sample(array(2, 5), sections=2, dim=1),
        Sample(array(2, 5), indices=[2], dim=1),
        Sample(array(3), 0, raises=RuntimeError, match="number of sections must be larger than 0"),
        Sample(array(), 1, raises=RuntimeError, match="expected at least a 1-dimensional tensor"),
        Sample(
            array(5),
            np.array([1.0]),
            constant=(1,),
            raises=RuntimeError,
            match="to have dtype of long, but got Double",
        ),
    ],
    "hsplit": [
        Sample(array(2, 4), 2),
        Sample(array(4), (1, 3)),
        Sample(array(2, 4, 2), [1]),
        Sample(array(2, 3), 2, raises=RuntimeError, match="torch.hsplit attempted to split along"),
        Sample(array(), 2, raises=RuntimeError, match="torch.hsplit requires a tensor with at lea"),
    ],
    "vsplit": [
        Sample(array(4, 2), 2),
        Sample(array(4, 2), (1, 3)),
        Sample(array(4), 2, raises=RuntimeError, match="torch.vsplit requires a tensor with at le"),
    ],
    "dsplit": [
        Sample(array(2, 1, 4), 2),
        Sample(array(2, 1, 4), (1, 3)),
        Sample(array(2, 1, 3), 2, raises=RuntimeError, match="the size of the dimension 3 is not "),
    ],
    "unbind": [
        Sample(array(2, 3)),
        Sample(array(2, 3), 1),
        Sample(array(2, 3), dim=-1),
        Sample(array(0, 3)),
        Sample(array(2, 0)),
        Sample(array(3)),
        Sample(array(3, 2).T),
        Sample(array(), raises=IndexError, match="Dimension specified as 0 but tensor has no dime"),
        Sample(array(2), 1, **OUT_OF_RANGE),
    ],
}


def test_parts_are_views(torch_or_retrograd):
    lib = torch_or_retrograd
    x = lib.zeros(4)
    with lib.no_grad():
        for part in (x.split(2)[0], x.chunk(2)[1], x.unbind()[3], x.tensor_split(4)[1]):
            part += 1
    assert x.tolist() == [1, 2, 1, 2]


def test_writing_into_one_of_several_views_is_refused(torch_or_retrograd):
    lib = torch_or_retrograd
    x = lib.zeros(4, requires_grad=True) * 1
    part = x.split(2)[0]
    with pytest.raises(RuntimeError, match="is a view and is being modified inplace"):
        part += 1
