"""Padding."""

import numpy as np
import pytest

import retrograd

from ..sampling import Sample, array

COMBINATIONS = "is not supported for"

SAMPLES = {
    "nn.functional.pad": [
        Sample(array(2, 3), (1, 2)),
        Sample(array(2, 3), (1, 2), value=1.5),
        Sample(array(2, 3), [0, 1, 2, 0], "constant", -1),
        Sample(array(2, 3), (-1, 1)),
        Sample(array(2, 3), (-2, -1)),
        Sample(array(2, 3), (0, 0)),
        Sample(array(), ()),
        Sample(array(0, 3), (1, 1)),
        Sample(array(0, 3), (1, 1, 2, 0)),
        Sample(array(3, 2).T, (1, 1)),
        Sample(array(3, dtype="int64"), (1, 1), value=2.7),
        Sample(array(3, dtype="bool"), (1, 1), value=True),
        Sample(array(2, 5), (2, 3), "reflect"),
        Sample(array(2, 3, 4), (1, 2), "reflect"),
        Sample(array(2, 3, 4), (1, 2, 2, 0), "reflect"),
        Sample(array(1, 2, 3, 4), (3, 3, 2, 2), "reflect"),
        Sample(array(1, 2, 3, 4), (1, 1, 1, 2, 1, 0), "reflect"),
        Sample(array(2, 5), (-1, 2), "reflect"),
        Sample(array(2, 5), (-1, -2), "reflect"),
        Sample(array(2, 3), (2, 3), mode="replicate"),
        Sample(array(2, 3, 4), (1, 2, 2, 5), "replicate"),
        Sample(array(1, 2, 3, 4), (1, 1, 1, 2, 1, 0), "replicate"),
        Sample(array(2, 4), (-1, 1), "replicate"),
        Sample(array(2, 3), (2, 3), "circular"),
        Sample(array(1, 2, 3, 4), (1, 2, 3, 0), "circular"),
        Sample(array(1, 2, 3, 4), (1, 1, 1, 2, 1, 0), "circular"),
        Sample(array(2, 4), (-1, 1), "circular"),
        Sample(array(2, 4), (-1, -1), "circular"),
        Sample(np.array([[1, 2, 3]]), (2, 1), "reflect"),
        Sample(array(2, 3), (1,), raises=RuntimeError, match="Padding length must be divisible by"),
        Sample(array(3), (1, 1, 1, 1), raises=RuntimeError, match="Padding length should be less "),
        Sample(array(3), (-2, -2), raises=RuntimeError, match="narrow(): length must be non-negat"),
        Sample(array(2, 3), (1, 1), "mirror", raises=NotImplementedError, match="Unrecognised pad"),
        Sample(array(2, 3), (1, 1), "reflect", 2.0, raises=RuntimeError, match="doesn't take in v"),
        Sample(array(2, 3), (3, 1), "reflect", raises=RuntimeError, match="Argument #4: Padding s"),
        Sample(
            array(2, 3, 4),
            (1, 1, 3, 1),
            "reflect",
            raises=RuntimeError,
            match="Argument #6: Padding size should be less than the correspo",
        ),
        Sample(array(3), (1, 1), "reflect", raises=NotImplementedError, match=COMBINATIONS),
        Sample(array(2, 3), (4, 1), "circular", raises=RuntimeError, match="wrapping around more "),
        Sample(array(2, 4), (-3, 2), "reflect"),
        Sample(array(2, 3, 4), (-2, -2, 1, 0), "replicate"),
        Sample(array(2, 4), (-2, 2), "circular"),
        Sample(array(2, 4), (2, -2), "circular"),
        Sample(
            array(2, 3), (-2, -2), "circular", raises=RuntimeError, match="in an empty dimension"
        ),
        Sample(
            array(2, 3, 4),
            (-2, -3, 0, 0),
            "replicate",
            raises=RuntimeError,
            match="Trying to create tensor with negative dimension -1: [2, 3, -1]",
        ),
        Sample(
            array(2, 3, 4),
            (-2, -3, -3, 0),
            "reflect",
            raises=RuntimeError,
            match="input (H: 3, W: 4) is too small. Calculated output H: 0 W: -1",
        ),
        Sample(array(2, 3), (-2, 0), value=1.0),
        Sample(array(2, 3), (-2, -1), "replicate", raises=RuntimeError, match="input (W: 3) is to"),
    ],
}


def test_circular_padding_of_what_it_cuts_off_is_refused():
    # PyTorch copies memory here that it has not written yet.
    x = retrograd.zeros(2, 3)
    with pytest.raises(RuntimeError, match="would have to repeat elements that it cuts off: of 3"):
        retrograd.nn.functional.pad(x, (3, -2), "circular")
