"""Products of vectors, matrices and batches of matrices."""

from ..sampling import Sample, array, read_only

_SINGLE = array(3, 4, dtype="float32")
_LONG = array(3, 4, dtype="int64", low=-5, high=5)
_BOOL = array(3, 3, dtype="bool")
_CANNOT = "mat1 and mat2 shapes cannot be multiplied"

SAMPLES = {
    "matmul": [
        Sample(array(3, 4), array(4, 2)),
        Sample(array(4, 3).T, array(2, 4).T),
        Sample(read_only(array(3, 4)), array(8, 4)[::2].T),
        Sample(array(4), array(4)),
        Sample(array(3, 4), array(4)),
        # One operation here, where PyTorch makes a matrix of the vector and back.
        Sample(array(4), array(4, 3), skip="node"),
        Sample(array(2, 3, 4), array(4), skip="node"),
        Sample(array(4), array(2, 4, 3), skip="node"),
        Sample(array(2, 3, 4), array(2, 4, 5)),
        Sample(array(2, 3, 4), array(4, 5)),
        # One operation here too, where PyTorch folds the batch and copies.
        Sample(array(3, 4), array(2, 4, 5), skip="node"),
        Sample(array(2, 1, 3, 4), array(5, 4, 2)),
        Sample(array(1, 3, 4), array(2, 4, 5), skip="node"),
        Sample(array(0, 4), array(4, 2)),
        Sample(array(3, 0), array(0, 2)),
        Sample(array(0, 3, 4), array(4, 2)),
        Sample(_LONG, _LONG.T),
        Sample(array(3, 4, dtype="float16"), array(4, 3, dtype="float16")),
        Sample(array(3, 4, dtype="complex128"), array(4, 2, dtype="complex128")),
        Sample(array(2, 3, 4, dtype="complex128"), array(2, 4, 2, dtype="complex128")),
        Sample(array(3, 4), array(3, 4), raises=RuntimeError, match=f"{_CANNOT} (3x4 and 3x4)"),
        Sample(array(3), array(4, 3), raises=RuntimeError, match=f"{_CANNOT} (1x3 and 4x3)"),
        Sample(array(2, 3, 4), array(3, 4), raises=RuntimeError, match=f"{_CANNOT} (6x4 and 3x4)"),
        Sample(
            array(2, 3, 4),
            array(3, 4, 5),
            raises=RuntimeError,
            match="The size of tensor a (2) must match the size of tensor b (3) at non-singleton",
        ),
        Sample(
            array(2, 3, 4),
            array(2, 3, 5),
            raises=RuntimeError,
            match="Expected size for first two dimensions of batch2 tensor to be: [2, 4] but got",
        ),
        Sample(array(3, 4), array(3), raises=RuntimeError, match="got input (3), mat (3x4), vec"),
        Sample(array(3), array(4), raises=RuntimeError, match="inconsistent tensor size"),
        Sample(array(), array(3, 4), raises=RuntimeError, match="but they are 0D and 2D"),
        Sample(
            _SINGLE,
            array(4, 2),
            raises=RuntimeError,
            match="expected m1 and m2 to have the same dtype, but got: float != double",
        ),
        Sample(
            array(2, 3, 4, dtype="float32"),
            array(2, 4, 5),
            raises=RuntimeError,
            match="expected scalar type Float but found Double",
        ),
        Sample(_BOOL, _BOOL, raises=NotImplementedError, match="not implemented for 'Bool'"),
        Sample(array(3, 4), [1], raises=TypeError, match="argument 'other' (position 2) must be"),
    ],
    "mm": [
        Sample(array(3, 4), array(4, 2)),
        Sample(array(3, 4), mat2=array(2, 4).T),
        Sample(array(3, 0), array(0, 2)),
        Sample(_LONG, _LONG.T),
        Sample(array(4), array(4, 2), raises=RuntimeError, match="self must be a matrix"),
        Sample(array(3, 4), array(4), raises=RuntimeError, match="mat2 must be a matrix"),
        Sample(array(3, 4), array(3, 4), raises=RuntimeError, match=f"{_CANNOT} (3x4 and 3x4)"),
        Sample(
            _LONG,
            array(4, 3, dtype="float32"),
            raises=RuntimeError,
            match="but got: long int != float",
        ),
    ],
    "bmm": [
        Sample(array(2, 3, 4), array(2, 4, 5)),
        Sample(array(4, 3, 2).T, array(2, 4, 5)),
        Sample(array(2, 3, 4, dtype="float16"), array(2, 4, 5, dtype="float16")),
        Sample(array(0, 3, 4), array(0, 4, 5)),
        Sample(array(3, 4), array(2, 4, 5), raises=RuntimeError, match="batch1 must be a 3D"),
        Sample(array(2, 3, 4), array(4, 5), raises=RuntimeError, match="batch2 must be a 3D"),
        Sample(array(2, 3, 4), array(3, 4, 5), raises=RuntimeError, match="but got: [3, 4]."),
    ],
    "mv": [
        Sample(array(3, 4), array(4)),
        Sample(array(4, 3).T, vec=array(4)),
        Sample(array(3, 0), array(0)),
        Sample(array(3, 4), array(3), raises=RuntimeError, match="size mismatch, got input (3)"),
        Sample(array(4), array(4), raises=RuntimeError, match="expected, got 1, 1, 1"),
        Sample(
            _SINGLE,
            array(4),
            raises=RuntimeError,
            match="same dtype, but got Double, Float, and Double",
        ),
    ],
    "dot": [
        Sample(array(4), array(4)),
        Sample(array(0), array(0)),
        Sample(array(8)[::2], tensor=array(4)),
        Sample(array(4, dtype="complex128"), array(4, dtype="complex128")),
        Sample(array(4, dtype="int64"), array(4, dtype="int64")),
        Sample(array(3, 4), array(4), raises=RuntimeError, match="got 2D and 1D tensors"),
        Sample(array(3), array(4), raises=RuntimeError, match="but got 3 and 4 elements"),
        Sample(array(4, dtype="bool"), array(4, dtype="bool"), raises=NotImplementedError),
        Sample(
            array(4, dtype="float32"), array(4), raises=RuntimeError, match="found Float and Double"
        ),
    ],
    "vdot": [
        Sample(array(4), array(4)),
        Sample(array(4, dtype="complex128"), array(4, dtype="complex128")),
        Sample(array(3), array(4), raises=RuntimeError, match="but got 3 and 4 elements"),
    ],
    # PyTorch reshapes the result once more.
    "inner": [
        Sample(array(4), array(4), skip="node"),
        Sample(array(3, 4), array(2, 4)),
        Sample(array(2, 3, 4), array(4)),
        Sample(array(2, 3, 4), array(5, 4)),
        Sample(array(), array(3, 4)),
        Sample(array(3, 4), array(3), raises=RuntimeError, match="got shapes [3, 4] and [3]"),
        Sample(_SINGLE, array(4), raises=RuntimeError, match="both inputs should have same dtype"),
    ],
    "outer": [
        Sample(array(3), array(4)),
        Sample(array(3), vec2=array(4, dtype="int64")),
        Sample(array(0), array(4)),
        Sample(array(3, 4), array(4), raises=RuntimeError, match="outer: Expected 1-D argument"),
        Sample(array(4), array(3, 4), raises=RuntimeError, match="vec2, but got 2-D"),
    ],
}
