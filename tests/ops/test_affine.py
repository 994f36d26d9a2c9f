"""The linear layer."""

from ..sampling import Sample, array

_W = array(5, 4)
_B = array(5)
_CANNOT = "mat1 and mat2 shapes cannot be multiplied"

SAMPLES = {
    "nn.functional.linear": [
        Sample(array(3, 4), _W, _B),
        Sample(array(3, 4), _W),
        Sample(array(3, 4), array(4, 5).T, _B),
        Sample(array(4, 3).T, _W, bias=_B),
        # One operation for any number of dimensions, where PyTorch reshapes there and back.
        Sample(array(2, 3, 4), _W, _B, skip="node"),
        Sample(array(2, 3, 4), _W, skip="node"),
        Sample(array(2, 2, 3, 4), _W, _B, skip="node"),
        Sample(array(3, 2, 4).transpose(1, 0, 2), _W, _B, skip="node"),
        Sample(array(4), _W, _B, skip="node"),
        Sample(array(4), _W, skip="node"),
        Sample(array(0, 4), _W, _B),
        Sample(array(3, 4), array(0, 4), array(0)),
        Sample(array(3, 4), _W, array(1)),
        Sample(array(3, 4), _W, array()),
        Sample(array(3, 4), _W, array(3, 5)),
        Sample(array(3, 4), array(4)),
        Sample(array(2, 3, 4), array(4), skip="node"),
        Sample(array(3, 4), array(4), array(1), raises=RuntimeError, match="mat2 must be a matrix"),
        Sample(array(6, 4, dtype="float16"), array(5, 4, dtype="float16")),
        Sample(array(6, 4, dtype="complex128"), array(5, 4, dtype="complex128")),
        Sample(array(3, 4), array(5, 3), raises=RuntimeError, match=f"{_CANNOT} (3x4 and 3x5)"),
        Sample(array(2, 3, 4), array(5, 3), _B, raises=RuntimeError, match="(6x4 and 3x5)"),
        Sample(array(4), array(5, 3), raises=RuntimeError, match="(1x4 and 3x5)"),
        Sample(
            array(3, 4),
            _W,
            array(4),
            raises=RuntimeError,
            match="must match the existing size (4) at non-singleton dimension 1.  Target sizes",
        ),
        Sample(
            array(3, 4, dtype="float32"),
            _W,
            raises=RuntimeError,
            match="expected m1 and m2 to have the same dtype, but got: float != double",
        ),
        Sample(
            array(3, 4, dtype="float32"),
            _W,
            _B,
            raises=RuntimeError,
            match="mat1 and mat2 must have the same dtype, but got Float and Double",
        ),
        Sample(
            array(3, 4),
            _W,
            array(5, dtype="float32"),
            raises=RuntimeError,
            match="self and mat2 must have the same dtype, but got Float and Double",
        ),
        Sample(array(), _W, raises=RuntimeError, match="but they are 0D and 2D"),
        Sample(array(3, 4), array(2, 5, 4), raises=RuntimeError, match="but self is 3D"),
        Sample([1.0], _W, raises=TypeError, match="argument 'input' (position 1) must be Tensor"),
    ],
}
