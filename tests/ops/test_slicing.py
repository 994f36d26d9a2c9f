"""Parts along one axis by name."""

import numpy as np

from ..sampling import Sample, array

EQUAL = "expected src to have a size equal to the slice of self. src size ="

SAMPLES = {
    "select": [
        Sample(array(2, 3), 0, 1),
        Sample(array(2, 3), dim=-1, index=-1),
        Sample(array(3), 0, 2),
        Sample(array(2, 3), 0, 2, raises=IndexError, match="select(): index 2 out of range for te"),
        Sample(array(2, 3), 2, 0, raises=IndexError, match="Dimension out of range"),
        Sample(array(), 0, 0, raises=IndexError, match="select() cannot be applied to a 0-dim ten"),
    ],
    "narrow": [
        Sample(array(2, 4), 1, 1, 2),
        Sample(array(2, 4), dim=-1, start=-3, length=0),
        Sample(array(2, 4), 1, np.array(2), 2),
        Sample(array(2, 4), 1, 3, 2, raises=RuntimeError, match="start (3) + length (2) exceeds d"),
        Sample(array(2, 4), 1, 5, 0, raises=IndexError, match="start out of range (expected to be"),
        Sample(array(2, 4), 1, 0, -1, raises=RuntimeError, match="narrow(): length must be non-ne"),
        Sample(array(), 0, 0, 1, raises=RuntimeError, match="narrow() cannot be applied to a 0-di"),
    ],
    "narrow_copy": [Sample(array(2, 4), 1, 1, 2), Sample(array(2, 4), 0, 2, 0)],
    "select_scatter": [
        Sample(array(2, 3), array(3), 0, 1),
        Sample(array(2, 3), array(2), -1, -1),
        Sample(array(2, 3), array(2), 0, 1, raises=RuntimeError, match=EQUAL),
        Sample(array(2, 3), array(3), 0, 2, raises=IndexError, match="select(): index 2 out of ra"),
    ],
    "slice_scatter": [
        Sample(array(2, 4), array(2, 2), 1, 1, 3),
        Sample(array(2, 4), array(2, 2), 1, None, None, 2),
        Sample(array(2, 4), array(2, 2), dim=1, start=-2, end=99),
        Sample(array(2, 4), array(2, 4)),
        Sample(array(2, 4), array(2, 2), 1, raises=RuntimeError, match=EQUAL),
        Sample(array(2), array(2), 0, 0, 2, -1, raises=RuntimeError, match="slice step must be po"),
    ],
}
