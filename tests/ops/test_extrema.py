"""Largest and smallest elements and where they are."""

import numpy as np

from ..sampling import Sample, array

_NAN = np.array([[1.0, np.nan, 3.0], [4.0, 0.5, 2.0], [np.nan, 7.0, np.nan]])
# Finite differences do not see how ties share.
_TIES = np.array([[1.0, 3.0, 3.0], [2.0, 2.0, 2.0]])
_LONG = array(2, 3, dtype="int64", low=-5, high=5)
_BOOL = array(3, 4, dtype="bool")
_EMPTY = array(0, 3)

_ALL = [
    Sample(array(3, 4)),
    Sample(array()),
    Sample(array(4, 3).T),
    Sample(_NAN, skip="finite"),
    Sample(_TIES, skip="finite"),
    Sample(_LONG),
    Sample(_BOOL),
]
_ALONG = [
    Sample(array(3, 4), dim=1),
    Sample(array(2, 3, 4), dim=-2, keepdim=True),
    Sample(array(), dim=0),
    Sample(array(), dim=-1, keepdim=True),
    Sample(_NAN, dim=1, skip="finite"),
    Sample(_TIES, dim=1, skip="finite"),
    Sample(_LONG, dim=0),
    Sample(_EMPTY, dim=1),
    Sample(array(4, 3).T, dim=0),
    Sample(array(3, 4), dim=2, raises=IndexError, match="Dimension out of range"),
]


def _empty(function):
    return [
        Sample(_EMPTY, raises=RuntimeError, match=f"{function}(): Expected reduction dim to be"),
        Sample(_EMPTY, dim=0, raises=IndexError, match=f"{function}(): Expected reduction dim 0"),
    ]


_OTHER = [
    Sample(array(3, 4), array(4)),
    Sample(array(3, 4), other=array(3, 1)),
    Sample(array(3, 4), array(3), raises=RuntimeError, match="must match the size of tensor b"),
]
_INDICES = [
    Sample(array(3, 4)),
    Sample(array(3, 4), dim=1),
    Sample(array(3, 4), dim=-2, keepdim=True),
    Sample(array(3, 4), keepdim=True),
    Sample(array()),
    Sample(array(), dim=0),
    Sample(_NAN),
    Sample(_NAN, dim=1),
    Sample(_TIES, dim=1),
    Sample(_LONG),
    Sample(_EMPTY, dim=1),
    Sample(array(3, 4), dim=2, raises=IndexError, match="Dimension out of range"),
    Sample(_BOOL, raises=RuntimeError, match="does not support bool input"),
    Sample(_EMPTY, raises=IndexError, match="Expected reduction dim to be specified"),
    Sample(_EMPTY, dim=0, raises=IndexError, match="Expected reduction dim 0 to have non-zero"),
]

SAMPLES = {
    "amax": [
        *_ALL,
        *_ALONG,
        *_empty("amax"),
        Sample(array(2, 3, 4), dim=(0, 2)),
        Sample(array(2, 3, 4), (0, 1), True),
    ],
    "amin": [
        *_ALL,
        *_ALONG,
        *_empty("amin"),
        Sample(array(2, 3, 4), dim=(0, 2), keepdim=True),
    ],
    "aminmax": [
        *_ALL,
        *_ALONG,
        Sample(_EMPTY, raises=RuntimeError, match="cannot compute aminmax over an empty"),
        Sample(_EMPTY, dim=0, raises=IndexError, match="aminmax: Expected reduction dim 0"),
    ],
    "max": [*_ALL, *_ALONG, *_empty("max"), *_OTHER],
    "min": [*_ALL, *_ALONG, *_empty("min"), *_OTHER],
    "argmax": _INDICES,
    "argmin": _INDICES,
}


def test_named_tuple_prints_as_in_pytorch():
    import retrograd as torch

    found = torch.tensor([[1.0, 2.0], [4.0, 3.0]]).max(dim=1)
    assert repr(found) == (
        "torch.return_types.max(\nvalues=tensor([2., 4.]),\nindices=tensor([1, 0]))"
    )
    assert found.values is found[0]
    assert found.indices is found[1]
    values, indices = found
    assert values.tolist() == [2.0, 4.0]
    assert indices.tolist() == [1, 0]
