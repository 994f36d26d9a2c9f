"""Variance and standard deviation; median, mode, order statistics and quantiles."""

import warnings

import numpy as np
import pytest

from ..sampling import Sample, array

_NAN = np.array([[1.0, np.nan, 3.0, 2.0], [4.0, 0.5, 2.0, 1.0], [np.nan, 7.0, np.nan, np.nan]])
_LONG = array(2, 3, dtype="int64", low=-5, high=5)
_EMPTY = array(0, 3)

_SPREAD = [
    Sample(array(3, 4)),
    Sample(array(3, 4), dim=1),
    Sample(array(2, 3, 4), dim=(0, 2), keepdim=True),
    Sample(array(3, 4), False),
    Sample(array(3, 4), 1, False),
    Sample(array(3, 4), 0, True, True),
    Sample(array(3, 4), unbiased=False),
    Sample(array(3, 4), correction=0),
    Sample(array(3, 4), dim=1, correction=2),
    Sample(array(3, 4), dim=1, correction=0.5),
    Sample(array(4, 3).T, dim=0),
    Sample(array(3, 4) + 1000),
    Sample(array(30, 4, dtype="float32") + 100, dim=0, tolerance=1e-4),
    Sample(_LONG, raises=RuntimeError, match="only support floating point and complex dtypes"),
    Sample(array(3, 4), dim=3, raises=IndexError, match="Dimension out of range"),
]
_CONSTANT = np.ones((2, 3))
_ORDER = [
    Sample(array(3, 5)),
    Sample(array(3, 4)),
    Sample(array()),
    Sample(array(3, 4), dim=1),
    Sample(array(3, 5), dim=0, keepdim=True),
    Sample(array(), dim=0),
    Sample(_NAN, skip="finite"),
    Sample(_NAN, dim=1, skip="finite"),
    Sample(_LONG, dim=1),
    # The gradient of the cotangent is 0 / 0 in PyTorch.
    Sample(_EMPTY, skip="finite"),
    Sample(_EMPTY, dim=1),
    Sample(_EMPTY, dim=0, raises=IndexError, match="Expected reduction dim 0 to have non-zero"),
    Sample(array(3, 4, dtype="bool"), raises=NotImplementedError, match="for 'Bool'"),
]
# PyTorch ends with a squeeze, which is another node.
_QUANTILES = [
    Sample(array(3, 4), 0.3, skip="node"),
    Sample(array(3, 4), 0.3, 1, skip="node"),
    Sample(array(3, 4), 0.5, dim=0, keepdim=True, skip="node"),
    Sample(array(3, 4), np.array([0.1, 0.5, 0.95]), constant=(1,), skip="node"),
    Sample(array(3, 4), np.array([0.1, 0.5]), dim=1, constant=(1,), skip="node"),
    Sample(array(2, 3, 4), np.array([0.1, 0.5]), dim=1, keepdim=True, constant=(1,), skip="node"),
    Sample(array(3, 4), np.array(0.25), constant=(1,), skip="node"),
    Sample(array(3, 4), 0.3, keepdim=True, skip="node"),
    Sample(array(3, 4), 0.0, skip="node"),
    Sample(array(3, 4), 1.0, skip="node"),
    Sample(array(), 0.5, skip="node"),
    Sample(array(5), 0.4, interpolation="lower", skip="node"),
    Sample(array(5), 0.4, interpolation="higher", skip="node"),
    Sample(array(6), 0.5, interpolation="nearest", skip="node"),
    Sample(array(5), 0.4, interpolation="midpoint", skip="node"),
    Sample(_NAN, 0.4, skip=("finite", "node")),
    Sample(_NAN, 0.4, dim=1, skip=("finite", "node")),
    Sample(array(7, dtype="float32"), 0.4, skip="node"),
    Sample(array(3, 4), 2.0, raises=RuntimeError, match="q must be in the range [0, 1] but got 2"),
    Sample(
        array(3, 4),
        np.array([0.5], dtype="float32"),
        raises=RuntimeError,
        match="q tensor must be same dtype as the input tensor",
    ),
    Sample(_LONG, 0.5, raises=RuntimeError, match="must be either float or double dtype"),
    Sample(_EMPTY, 0.5, raises=RuntimeError, match="input tensor must be non-empty"),
    Sample(
        array(3, 4),
        np.array([[0.5]]),
        raises=RuntimeError,
        match="q must be a scalar or 1D tensor",
    ),
    Sample(
        array(3, 4),
        0.5,
        interpolation="cubic",
        raises=RuntimeError,
        match="interpolation must be one of linear, lower, higher, midpoint or nearest",
    ),
]

SAMPLES = {
    "var": [*_SPREAD, Sample(array(3, 4, dtype="complex128"), dim=1)],
    # At 0 the slope is one-sided.
    "std": [*_SPREAD, Sample(_CONSTANT, skip=("finite", "second"))],
    "var_mean": _SPREAD,
    "std_mean": _SPREAD,
    "median": _ORDER,
    "nanmedian": _ORDER,
    "mode": [
        Sample(array(3, 4)),
        Sample(np.array([3.0, 1.0, 1.0, 3.0, 2.0]), skip="finite"),
        Sample(array(3, 6, dtype="int64", low=0, high=2), dim=0),
        Sample(array(3, 6, dtype="int64", low=0, high=2), dim=1, keepdim=True),
        Sample(array()),
        Sample(_EMPTY, dim=1),
        Sample(_EMPTY, dim=0, raises=IndexError, match="mode(): Expected reduction dim 0"),
    ],
    "kthvalue": [
        Sample(array(3, 4), 2),
        Sample(array(3, 4), 3, dim=0, keepdim=True),
        Sample(array(), 1),
        Sample(np.array([[5, -3, 4], [2, 0, 9]]), 1),
        Sample(np.array([1.0, np.nan, 3.0]), 3, skip="finite"),
        Sample(_EMPTY, 1),
        Sample(array(3, 4), 0, raises=RuntimeError, match="selected number k out of range"),
        Sample(array(3, 4), 5, raises=RuntimeError, match="out of range for dimension 1"),
        Sample(_EMPTY, 1, 0, raises=IndexError, match="kthvalue(): Expected reduction dim 0"),
    ],
    "quantile": _QUANTILES,
    "nanquantile": _QUANTILES,
}


@pytest.mark.parametrize("name", ["var", "std"])
def test_no_degrees_of_freedom_warns(name):
    import retrograd as torch

    with pytest.warns(UserWarning, match=rf"{name}\(\): degrees of freedom is <= 0"):
        assert getattr(torch, name)(torch.ones(1)).isnan()
    with pytest.warns(UserWarning, match="degrees of freedom"):
        found = torch.var(torch.tensor([1.0, 2.0]), correction=3)
    assert found.item() == float("inf")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        torch.var(torch.ones(1), correction=0)


def test_both_spellings_of_the_correction_are_refused():
    import retrograd as torch

    with pytest.raises(TypeError, match="unbiased and correction say the same thing"):
        torch.ones(3).var(0, unbiased=False, correction=1)
