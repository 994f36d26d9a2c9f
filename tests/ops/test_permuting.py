"""Axes and elements in another order."""

from ..sampling import Sample, array, read_only

OUT_OF_RANGE = {"raises": IndexError, "match": "Dimension out of range (expected to be in range of"}

SAMPLES = {
    "transpose": [
        Sample(array(2, 3, 4), 0, 1),
        Sample(array(2, 3, 4), dim0=-1, dim1=0),
        Sample(array(2, 3), 1, 1),
        Sample(array(), 0, -1),
        Sample(array(3), 0, 0),
        Sample(array(0, 3), 0, 1),
        Sample(array(3, 4).T, 0, 1),
        Sample(read_only(array(3, 4)), 0, 1),
        Sample(array(2, 3, dtype="int64"), 0, 1),
        Sample(array(2, 3), 0, 2, **OUT_OF_RANGE),
    ],
    "swapaxes": [Sample(array(2, 3, 4), 0, 1), Sample(array(2, 3, 4), axis0=0, axis1=2)],
    "swapdims": [Sample(array(2, 3, 4), 0, 1), Sample(array(2, 3, 4), dim0=0, dim1=2)],
    "t": [
        Sample(array(2, 3)),
        Sample(array(3)),
        Sample(array()),
        Sample(array(1, 2, 3), raises=RuntimeError, match="t() expects a tensor with <= 2 dimens"),
    ],
    "permute": [
        Sample(array(2, 3, 4), (2, 0, 1)),
        Sample(array(2, 3, 4), [-1, 0, 1]),
        Sample(array(2, 3, 4), dims=(0, 2, 1)),
        Sample(array(), ()),
        Sample(array(0, 2), (1, 0)),
        Sample(array(2, 3), (0,), raises=RuntimeError, match="input.dim() = 2 is not equal to len"),
        Sample(array(2, 3), (0, 0), raises=RuntimeError, match="duplicate dims are not allowed."),
        Sample(array(2, 3), (0, 2), **OUT_OF_RANGE),
    ],
    "movedim": [
        Sample(array(2, 3, 4), 0, 2),
        Sample(array(2, 3, 4), -1, 0),
        Sample(array(2, 3, 4), (0, 1), (1, 2)),
        Sample(array(2, 3, 4), [2, 0], [0, 1]),
        Sample(array(2, 3, 4), source=1, destination=1),
        Sample(array(), 0, 0),
        Sample(array(2, 3), 0, 5, **OUT_OF_RANGE),
        Sample(
            array(2, 3), (0, 1), (1,),
            raises=RuntimeError, match="movedim: Invalid source or destination dims: source ([0, 1",
        ),
        Sample(
            array(2, 3), (0, 0), (1, 0),
            raises=RuntimeError, match="movedim: repeated dim in `source` ([0, 0])",
        ),
        Sample(
            array(2, 3), (0, 1), (1, 1),
            raises=RuntimeError, match="movedim: repeated dim in `destination` ([1, 1])",
        ),
        Sample(array(2, 3), 0, (1,), raises=TypeError, match="movedim() received an invalid comb"),
    ],
    "adjoint": [
        Sample(array(2, 3)),
        Sample(array(2, 3, 4)),
        Sample(array(2, 3, dtype="complex128"), skip="node"),  # conjugates are real here, not lazy
        Sample(array(3), raises=RuntimeError, match="adjoint() is only supported on matrices or"),
    ],
    "flip": [
        Sample(array(2, 3, 4), (0,)),
        Sample(array(2, 3, 4), [0, -1]),
        Sample(array(2, 3), dims=(1,)),
        Sample(array(2, 3), ()),
        Sample(array(), (0,)),
        Sample(array(0, 3), (0,)),
        Sample(array(3, 4).T, (0,)),
        Sample(array(3, dtype="bool"), (0,)),
        Sample(array(2, 3), (0, 0), raises=RuntimeError, match="dim 0 appears multiple times in"),
        Sample(array(2, 3), (2,), **OUT_OF_RANGE),
        Sample(array(2, 3), 0, raises=TypeError, match="'dims' (position 2) must be tuple of ints"),
    ],
    "fliplr": [
        Sample(array(2, 3)),
        Sample(array(3), raises=RuntimeError, match="Input must be >= 2-d."),
    ],
    "flipud": [
        Sample(array(2, 3)),
        Sample(array(3)),
        Sample(array(), raises=RuntimeError, match="Input must be >= 1-d."),
    ],
    "roll": [
        Sample(array(2, 3, 4), 1),
        Sample(array(2, 3, 4), 1, 0),
        Sample(array(2, 3, 4), -7, -1),
        Sample(array(2, 3, 4), (1, 2), (0, 2)),
        Sample(array(2, 3, 4), (1, 1), (0, 0)),
        Sample(array(2, 3), shifts=2, dims=1),
        Sample(array(3, 4).T, 1, 1),
        Sample(array(), 1),
        Sample(array(0, 3), 1, 0),
        Sample(array(5, dtype="int32"), 2, 0),
        Sample(
            array(2, 3), (1, 2), 0,
            raises=RuntimeError, match="shifts and dimensions must align. shifts: 2, dims:1",
        ),
        Sample(array(2, 3), (), raises=RuntimeError, match="`shifts` required"),
        Sample(array(2, 3), 1, 2, **OUT_OF_RANGE),
        Sample(array(), 1, 0, raises=IndexError, match="Dimension specified as 0 but tensor has"),
    ],
    "rot90": [
        Sample(array(2, 3, 4)),
        Sample(array(2, 3, 4), 2),
        Sample(array(2, 3, 4), -1, (1, 2)),
        Sample(array(2, 3), k=0, dims=[1, 0]),
        Sample(array(2, 3), 3),
        Sample(array(3), raises=RuntimeError, match="expected total dims >= 2, but got total dims"),
        Sample(
            array(2, 3), 1, (0, 0),
            raises=RuntimeError, match="expected rotation dims to be different, but got dim0 = 0",
        ),
        Sample(
            array(2, 3), 1, (0, 1, 1),
            raises=RuntimeError, match="expected total rotation dims == 2, but got dims = 3",
        ),
    ],
}
