"""Local response normalisation over neighbouring channels: sums of windows, CrossMapLRN2d."""

from __future__ import annotations

import numpy as np

from .._core.op import op


@op(name="neighbour_sums", linear=True)
def neighbour_sums(x, *, before, after):
    """Sums over neighbouring channels, as far as there are any.  (n, c, *S) -> (n, c, *S)"""
    out = np.copy(x)
    channels = x.shape[1]
    for distance in range(1, min(before, channels - 1) + 1):
        out[:, distance:] += x[:, :-distance]
    for distance in range(1, min(after, channels - 1) + 1):
        out[:, :-distance] += x[:, distance:]
    return out


@neighbour_sums.grad("x")
def neighbour_sums_dx(g, before, after):
    return neighbour_sums(g, before=after, after=before)


@op(node="CrossMapLRN2dBackward")
def cross_map_norm(x, *, half, alpha, beta, k):
    """x / (k + alpha s)^beta, s summing squares of `half` channels on either side.  -> (*S)"""
    return x * (k + alpha * neighbour_sums(x * x, before=half, after=half)) ** -beta


@cross_map_norm.grad("x")
def cross_map_norm_dx(g, x, half, alpha, beta, k):
    scale = k + alpha * neighbour_sums(x * x, before=half, after=half)
    slopes = neighbour_sums(g * x * scale ** (-beta - 1), before=half, after=half)
    return g * scale**-beta - (2 * alpha * beta) * x * slopes
