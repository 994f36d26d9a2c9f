"""Joining tensors."""

from ..sampling import Sample, array, read_only

MUST_MATCH = (
    "Sizes of tensors must match except in dimension 0. Expected size 3 but got size 4 for tensor "
    "number 1 in the list."
)

SAMPLES = {
    "cat": [
        Sample([array(2, 3), array(4, 3)]),
        Sample((array(2, 3), array(2, 1)), 1),
        Sample([array(2, 3), array(2, 1)], dim=-1),
        Sample([array(2, 3), array(2, 1)], axis=1),
        Sample([array(3)]),
        Sample([array(3), array(0), array(2)]),
        Sample([array(0), array(2, 3)], 1),
        Sample([array(0), array(0)], 1),
        Sample([array(0, 3), array(2, 3)]),
        Sample([array(3, 2).T, read_only(array(2, 3))]),
        Sample([array(3), array(2, dtype="float32")]),
        Sample([array(3, dtype="int32"), array(2, dtype="float32")]),
        Sample([array(3, dtype="bool"), array(2, dtype="int64")]),
        Sample([array(3, dtype="complex128"), array(2)]),
        Sample([array(2, dtype="float16"), array(2, dtype="int64")]),
        Sample([array(3), array(0, dtype="int64"), array(1)]),
        Sample([array(2, 3), array(2, 4)], raises=RuntimeError, match=MUST_MATCH),
        Sample([array(2, 3), array(2)], raises=RuntimeError, match="Tensors must have same number"),
        Sample([array(3), array(3)], 1, raises=IndexError, match="Dimension out of range"),
        Sample([array(), array()], raises=RuntimeError, match="zero-dimensional tensor (at positi"),
        Sample([array(2), array()], raises=RuntimeError, match="(at position 1) cannot be concate"),
        Sample([], raises=ValueError, match="torch.cat(): expected a non-empty list of Tensors"),
        Sample([array(2), 3], raises=TypeError, match="expected Tensor as element 1 in argument 0"),
        Sample(array(2), raises=TypeError, match="must be tuple of Tensors, not Tensor"),
    ],
    "stack": [
        Sample([array(2, 3), array(2, 3)]),
        Sample([array(2, 3), array(2, 3)], 1),
        Sample((array(2, 3), array(2, 3)), dim=-1),
        Sample([array(2), array(2)], axis=1),
        Sample([array(), array(), array()]),
        Sample([array(0), array(0)], 1),
        Sample([array(3, 2).T, array(2, 3)]),
        Sample([array(2), array(2, dtype="float32"), array(2, dtype="int64")]),
        Sample([array(2), array(3)], raises=RuntimeError, match="stack expects each tensor to be "),
        Sample([array(2)], 2, raises=IndexError, match="Dimension out of range"),
        Sample([], raises=RuntimeError, match="stack expects a non-empty TensorList"),
        Sample(array(2), raises=TypeError, match="must be tuple of Tensors, not Tensor"),
    ],
    "hstack": [
        Sample([array(2, 3), array(2, 1)]),
        Sample([array(3), array()]),
        Sample([array(), array()]),
        Sample([array(2), array(3, dtype="float32")]),
        Sample([], raises=RuntimeError, match="hstack expects a non-empty TensorList"),
    ],
    "vstack": [
        Sample([array(3), array(3)]),
        Sample([array(2, 3), array(3)]),
        Sample([array(), array(1)]),
        Sample([array(2), array(3)], raises=RuntimeError, match="Expected size 2 but got size 3"),
    ],
    "dstack": [Sample([array(3), array(3)]), Sample([array(2, 3), array(2, 3)]), Sample([array()])],
    "column_stack": [
        Sample([array(3), array(3, 2)]),
        Sample([array(), array()]),
        Sample([array(2, 3, 4), array(2, 1, 4)]),
        Sample([array(3), array(2, 2)], raises=RuntimeError, match="must match except in dimensio"),
    ],
    "block_diag": [
        Sample(array(2, 3), array(1, 2)),
        Sample(array(3), array(), array(2, 2)),
        Sample(array(3), array(2, dtype="int64")),
        Sample(array(0, 2), array(2, 0)),
        Sample(
            array(2, 2),
            array(1, 1, 1),
            raises=RuntimeError,
            match="torch.block_diag: Input tensors must have 2 or fewer dimensions. Input 1 has 3",
        ),
    ],
    "cartesian_prod": [
        Sample(array(3), array(2)),
        Sample(array(3), array(2), array(2)),
        Sample(array(0), array(2)),
        # One vector is returned itself, a leaf.
        Sample(array(3), skip=("gradient", "second", "node", "finite", "float32")),
        Sample(array(3), array(2, 2), raises=RuntimeError, match="Expect a 1D vector, but got sha"),
    ],
    "combinations": [
        Sample(array(4)),
        Sample(array(4), 3),
        Sample(array(4), r=2, with_replacement=True),
        Sample(array(4), 1),
        Sample(array(2), 3),
        Sample(array(4, dtype="int64"), 0),
        Sample(array(4), -1, raises=RuntimeError, match="Expect a non-negative number, but got -1"),
        Sample(array(2, 2), raises=RuntimeError, match="Expect a 1D vector, but got shape [2, 2]"),
    ],
}
