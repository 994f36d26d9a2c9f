"""Kernels that normalise channels: what batch_norm, group_norm and instance_norm compute.

An input is seen as (n, c, m): a channel's numbers lie in n runs of m.  `together` neighbouring
channels share a mean and a deviation (group_norm); weights and shifts are one a channel.
"""

from __future__ import annotations

import numpy as np

from .._core.library import library
from .norm_rows import variance_of, widened
from .row_sums import ones_of, sum_rows

# Runs at least this long are worth a loop of NumPy's each.
_LONG = 256


def channel_sums(x):
    """Sum over all but the channels.  (n, c, m) -> (c,)"""
    count, channels, run = x.shape
    if count != 1:
        x = sum_rows(x.reshape(count, channels * run))
    if run == 1:
        return x.reshape(channels)
    return x.reshape(channels, run).dot(ones_of(run, x.dtype))


def along_runs(v, shape):
    """Return one number a channel as an array that broadcasts to (n, c, m).

    Spread over short runs, so that NumPy's inner loop goes over whole samples.
    """
    count, channels, run = shape
    if run == 1 or run >= _LONG or count == 1:
        return v.reshape(channels, 1)
    return np.repeat(v, run).reshape(channels, run)


def shared(v, together):
    """Sum over neighbouring channels.  (c,) -> (c / together,)"""
    if together == 1:
        return v
    return np.add.reduce(v.reshape(-1, together), axis=1)


def spread(v, together):
    """Repeat for neighbouring channels.  (c / together,) -> (c,)"""
    return v if together == 1 else np.repeat(v, together)


def channel_moments(x, together):
    """Return the mean and the variance of each group of channels.

    (n, c, m) -> (c / together,), (c / together,)
    """
    if x.size >= library.least:
        found = library.run("channel_moments", x, together)
        if found is not None:
            return found
    x = widened(x)
    size = max(x.shape[0] * x.shape[2] * together, 1)
    mean = shared(channel_sums(x), together) / size

    def centred_squares():
        d = x - along_runs(spread(mean, together), x.shape)
        d *= d
        return shared(channel_sums(d), together) / size

    squares = shared(channel_sums(x * x), together) / size
    return mean, variance_of(squares, mean, centred_squares)


def normalise_channels(x, w, b, mean, rstd, together):
    """Return (x - mean) * rstd * w + b.

    (n, c, m), (c,), (c,), (c / together,), (c / together,) -> (n, c, m)
    """
    dtype = x.dtype
    x = widened(x)
    scale = spread(rstd, together)
    if w is not None:
        scale = scale * w
    shift = spread(mean, together) * -scale
    if b is not None:
        shift = shift + b
    if x.size >= library.least:
        found = library.run("normalise_channels", x, scale, shift)
        if found is not None:
            return found if dtype is x.dtype else found.astype(dtype)
    out = x * along_runs(scale, x.shape)
    out += along_runs(shift, x.shape)
    return out if out.dtype is dtype else out.astype(dtype)


def channels_backward(g, x, w, mean, rstd, together, wanted):
    """Return the gradients of x, w and b; an empty array for one that is not wanted.

    (n, c, m), (n, c, m), (c,), (c / together,), (c / together,) -> (n, c, m), (c,), (c,)
    """
    dtype = x.dtype
    g, x = widened(g), widened(x)
    centre, scale = spread(mean, together), spread(rstd, together)
    found = None
    if x.size >= library.least:
        found = library.run("channel_sums", g, x, centre)
    if found is not None:
        sums, slopes = found
    else:
        products = g * x
        sums = channel_sums(g)
        slopes = channel_sums(products)
        slopes -= centre * sums
    dw = slopes * scale
    if not wanted[0]:
        return np.empty(0, g.dtype), dw, sums
    # dx = rstd (g w - level - (x - mean) slope rstd^2), with group means of g w and of g w xhat
    size = max(x.shape[0] * x.shape[2] * together, 1)
    factor = scale if w is None else scale * w
    slope = spread(shared(slopes * factor, together), together) * (scale * scale / size)
    level = spread(shared(sums * factor, together), together) / size
    if found is not None:
        dx = library.run("channels_backward", g, x, factor, slope, centre * slope - level)
        if dx is not None:
            return (dx if dx.dtype is dtype else dx.astype(dtype)), dw, sums
        products = np.empty(x.shape, x.dtype)
    dx = g * along_runs(factor, x.shape)
    np.multiply(x, along_runs(slope, x.shape), out=products)
    dx -= products
    dx += along_runs(centre * slope - level, x.shape)
    return (dx if dx.dtype is dtype else dx.astype(dtype)), dw, sums
