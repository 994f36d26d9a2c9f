"""Linear interpolation, products and quotients added to a tensor."""

from __future__ import annotations

import numpy as np

from ..sampling import Sample, array

SAMPLES = {
    "lerp": [
        Sample(array(3, 4), array(3, 4), 0.3),
        Sample(array(3, 4), array(4), 0.7),
        Sample(array(3, 4), array(3, 1), array(4)),
        Sample(array(3, 4).T, array(4, 3), array(4, 3)),
        Sample(array(), array(), 0.5),
        Sample(array(0, 3), array(3), 0.5),
        Sample(array(3), array(3), array()),
        Sample(array(3, dtype="float32"), array(3, dtype="float32"), 2),
        Sample(array(3, dtype="float32"), array(3, dtype="float32"), np.float64(0.3)),
        Sample(array(3, dtype="float16"), array(3, dtype="float16"), 0.25),
        Sample(array(3), array(3, dtype="float32"), 0.5, raises=RuntimeError,
               match="expected dtype double for `end` but got dtype float"),
        Sample(array(3), array(3), array(3, dtype="float32"), raises=RuntimeError,
               match="expected dtype double for `weight` but got dtype float"),
        Sample(array(3, dtype="int64"), array(3, dtype="int64"), 0.5, raises=NotImplementedError,
               match="\"lerp_kernel_scalar\" not implemented for 'Long'"),
    ],
    "addcmul": [
        Sample(array(3, 4), array(3, 4), array(3, 4)),
        Sample(array(3, 4), array(4), array(3, 1), value=-0.5),
        Sample(array(4), array(3, 4), array()),
        Sample(array(), array(), array(), value=2),
        Sample(array(3, dtype="float32"), array(3, dtype="float32"), array(3, dtype="float32")),
        Sample(array(3, dtype="float32"), array(3), array(3, dtype="int64"), value=2),
        Sample(array(3, dtype="int64"), array(3, dtype="int64"), array(3, dtype="int64"), value=2),
        Sample(array(3, dtype="complex128"), array(3, dtype="complex128"), array(3)),
        Sample(array(3), 2, array(3), raises=TypeError, match="must be Tensor, not int",
               skip="torch"),  # PyTorch still takes a deprecated order of arguments
    ],
    "addcdiv": [
        Sample(array(3, 4), array(3, 4), array(3, 4, low=1)),
        Sample(array(3, 4), array(4), array(3, 1, low=1), value=-0.5),
        Sample(array(), array(), array(low=1), value=2),
        Sample(array(3, dtype="float32"), array(3, dtype="float32"), array(3, dtype="float32")),
        Sample(array(3), array(3, dtype="int64"), array(3, low=1)),
        Sample(array(3), array(3, dtype="int64"), array(3, dtype="int64"), raises=RuntimeError,
               match="Integer division with addcdiv is no longer supported"),
    ],
}  # fmt: skip
