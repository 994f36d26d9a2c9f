"""Covariances and correlations of variables given by rows."""

from __future__ import annotations

import warnings

import numpy as np

from .._core.promotion import defaults
from .._core.public import expect_tensor, public
from .._core.tracing import all_true, run
from .._core.value import Value
from .copying import cast
from .linear_algebra import adjoint, mm
from .reduction import sum as sum_over
from .selection import clamp_numbers
from .shape import reshaped


def _expect_no_negatives(function, name, array):
    if np.any(array < 0):
        raise RuntimeError(f"{function}(): {name} cannot be negative")


def _weights(function, input, fweights, aweights, count):
    """Return the product of frequency and reliability weights, None without any."""
    if fweights is not None:
        if fweights.array.ndim > 1 or fweights.get_shape() != (count,):
            raise RuntimeError(
                f"{function}(): expected fweights to have one or fewer dimensions, as many "
                "elements as there are observations"
            )
        if fweights.get_dtype().kind not in "iu":
            raise RuntimeError(f"{function}(): expected fweights to have integral dtype")
        run(_expect_no_negatives, function, "fweights", fweights.array)
    if aweights is not None:
        if aweights.get_shape() != (count,):
            raise RuntimeError(
                f"{function}(): expected aweights to have as many elements as there are "
                "observations"
            )
        run(_expect_no_negatives, function, "aweights", aweights.array)
    dtype = input.get_dtype()
    if fweights is None:
        return aweights
    if aweights is None:
        return cast(fweights, dtype=dtype)
    return cast(fweights, dtype=dtype) * aweights


@public("cov")
def cov(input, *, correction=1, fweights=None, aweights=None):
    """Covariances of variables given by rows, observations by columns.

    Parameters
    ----------
    input : Tensor
        (n, m), or (m,) for the variance of one variable.
    correction : int
        What is taken from the number of observations before dividing by it.
    fweights, aweights : Tensor, optional
        (m,): how often each observation occurred (integers), and how much it counts.
    """
    shape = expect_tensor("cov", input).get_shape()
    if len(shape) > 2:
        raise RuntimeError(
            "cov(): expected input to have two or fewer dimensions but got an input with "
            f"{len(shape)} dimensions"
        )
    if input.get_dtype().kind == "b":
        raise RuntimeError("cov(): bool dtype is not supported for input")
    if input.get_dtype().kind in "iu":
        input = cast(input, dtype=defaults.floating)
    rows = input if len(shape) == 2 else reshaped(input, (1, -1))
    count = rows.get_shape()[1]
    weights = _weights("cov", rows, fweights, aweights, count)
    apart, total = _apart(rows, weights, count)
    weighted = apart if weights is None else apart * weights
    if weights is None:
        norm = count - correction
    elif correction == 0 or aweights is None:
        norm = total - correction
    else:
        norm = total - correction * sum_over(weights * aweights) / total
    if not (all_true(run(np.greater, norm.array, 0)) if isinstance(norm, Value) else norm > 0):
        warnings.warn(
            "cov(): degrees of freedom is <= 0. Correction should be strictly less than the "
            "number of observations.",
            UserWarning,
            stacklevel=2,
        )
        norm = 0.0
    found = mm(weighted, adjoint(apart)) / norm
    return found if len(shape) == 2 else reshaped(found, ())


def _apart(rows, weights, count):
    """Return the rows less their means, and the sum of the weights."""
    if weights is None:
        return rows - sum_over(rows, axis=(1,), keepdims=True) / (count or 1), count
    total = sum_over(weights)
    return rows - sum_over(rows * weights, axis=(1,), keepdims=True) / total, total


@public("corrcoef")
def corrcoef(input):
    """Correlation coefficients of variables given by rows, observations by columns."""
    shape = expect_tensor("corrcoef", input).get_shape()
    if len(shape) > 2:
        raise RuntimeError(
            "corrcoef(): expected input to have two or fewer dimensions but got an input with "
            f"{len(shape)} dimensions"
        )
    found = cov(input)
    if found.array.ndim == 0:
        return found / found
    variances = np.diagonal(found)
    deviations = np.sqrt(np.real(variances) if found.get_dtype().kind == "c" else variances)
    found = found / reshaped(deviations, (-1, 1)) / deviations
    return found if found.get_dtype().kind == "c" else clamp_numbers(found, low=-1, high=1)
