"""Convolution of arrays: the correlation itself, its adjoint, and the gradient of the weight.

Sizes: x is (N, C, *S), w is (O, C / groups, *K), the result (N, O, *P).  Padding is done before,
and cut off after, by the callers in `convolution.py`; nothing here pads but with zeros between
rows (see below).

Note [Convolution as products].  Python loops over the places of the kernel, never over the places
of the image; the rest is BLAS.  Ways to lay the product out, with kernels of 3 x 3, float32 and
one thread, in us beside PyTorch's time:

    (N, C, H, O)              (32, 1, 28, 8)  (32, 8, 13, 16)  (32, 16, 32, 16)  (32, 64, 8, 64)
    result      columns, planes      87             221              2530              1590
                columns, lines      101             170              4000              1699
                columns, pixels     480             229              5220              1035
                PyTorch             219             130              1750               825
    weight      flat                133             162              1506              1783
                columns, pixels     582             258              3370              1041
                PyTorch             142             172              1530              1050
    input       flat                200             337              4460              2154
                columns, pixels     427             734              7600              1419
                PyTorch            1004             278              1430               854

*Columns* copies the window of every place into a matrix (im2col), a block of the batch at a time,
so that the block stays in the cache and memory stays bounded.  In *planes* order a run of the copy
is one row of the result; in *pixels* order (channels last) it is one row of the kernel times the
channels, which is longer where there are many channels and small images.  With stride 1 the
elements that meet one place of the kernel are, in an image seen as one line, a single slice: runs
of *lines* order are as long as the image, and compute a little that is cut away.  *Flat* needs no
copy at all: the slice is a view that BLAS takes as it is, when the gradient of the result gets
zeros at the end of each of its rows so that both lines have the same steps.  The gradient of the
input is also a convolution, in lines order, of the padded gradient with the weight turned round;
for long rows of many channels it is the quicker way: 3200 in the third column, with 2880 forward.
"""

from __future__ import annotations

from functools import lru_cache
from itertools import product
from math import prod

import numpy as np

ndarray = np.ndarray

# Columns are made in blocks of about this many bytes.
BLOCK = 1 << 21
# Pixels order pays from this many channels on, for rows of the result up to this length.
_MANY_CHANNELS = 32
_SHORT_ROW = 16
# Lines order pays for short rows, and from this many channels on: a run of it is never as long as
# a power of two, which is what BLAS is slow for (65 us for a line of 1054 numbers, 112 for 1024).
_SOME_CHANNELS = 8
_LARGEST = 1 << 23


def result_sizes(sizes, kernel, stride, dilation):
    """Return the spatial sizes of a convolution of padded `sizes`."""
    return tuple(
        [(n - d * (k - 1) - 1) // s + 1 for n, k, s, d in zip(sizes, kernel, stride, dilation)]
    )


def is_pixels(channels, out, kernel, groups):
    """Say whether pixels order is the faster one."""
    return (
        groups == 1
        and channels >= _MANY_CHANNELS
        and out[-1] <= _SHORT_ROW
        and prod(kernel) > 1
    )


def fits_lines(inputs, kernel, sizes, itemsize):
    """Say whether the columns of one group of one image may be made at once, as lines."""
    return inputs * prod(kernel) * prod(sizes) * itemsize <= _LARGEST


def padded(x, padding):
    """Return `x` with zeros around its spatial axes."""
    if not any(padding):
        return x
    sizes = [n + 2 * p for n, p in zip(x.shape[2:], padding)]
    out = np.zeros((*x.shape[:2], *sizes), x.dtype)
    inside = [slice(p, p + n) for n, p in zip(x.shape[2:], padding)]
    out[(slice(None), slice(None), *inside)] = x
    return out


def blocks(count, rows, row_bytes):
    """Yield (images, rows) as slices whose columns take about BLOCK bytes."""
    each = max(rows * row_bytes, 1)
    if each <= BLOCK:
        step = max(BLOCK // each, 1)
        every = slice(0, rows)
        for start in range(0, count, step):
            yield slice(start, min(start + step, count)), every
        return
    step = max(BLOCK // row_bytes, 1)
    for image in range(count):
        for start in range(0, rows, step):
            yield slice(image, image + 1), slice(start, min(start + step, rows))


def windows_of(x, kernel, out, stride, dilation):
    """Return a view of contiguous `x` with an axis for each place of the kernel.

    (N, C, *S) -> (N, C, *K, *P)
    """
    steps = x.strides[2:]
    taps = [step * d for step, d in zip(steps, dilation)]
    moves = [step * s for step, s in zip(steps, stride)]
    strides = (*x.strides[:2], *taps, *moves)
    return ndarray((*x.shape[:2], *kernel, *out), x.dtype, x, 0, strides)


def pixel_windows(x, kernel, out, stride, dilation):
    """Return the windows of `x` with the channels last.  (N, C, *S) -> (N, *P, *K, C)"""
    last = np.ascontiguousarray(np.moveaxis(x, 1, -1))
    item = x.itemsize
    steps = [item * x.shape[1]]
    for size in x.shape[:1:-1]:
        steps.insert(0, steps[0] * size)
    taps = [step * d for step, d in zip(steps[1:], dilation)]
    moves = [step * s for step, s in zip(steps[1:], stride)]
    shape = (x.shape[0], *out, *kernel, x.shape[1])
    return ndarray(shape, x.dtype, last, 0, (steps[0], *moves, *taps, item))


def tap_slices(kernel, out, stride, dilation):
    """Yield each place of the kernel and the slices of the image that it meets."""
    for tap in product(*[range(k) for k in kernel]):
        yield (
            tap,
            tuple(
                [
                    slice(t * d, t * d + (n - 1) * s + 1, s)
                    for t, d, n, s in zip(tap, dilation, out, stride)
                ]
            ),
        )


# -- the convolution ------------------------------------------------------------------------------


def correlate(x, w, b, stride, dilation, groups):
    """Convolve padded `x` with `w`, and add `b` unless it is None."""
    kernel = w.shape[2:]
    count, channels = x.shape[:2]
    out = result_sizes(x.shape[2:], kernel, stride, dilation)
    outputs = w.shape[0]
    x = np.ascontiguousarray(x)
    if is_pixels(channels, out, kernel, groups):
        return correlate_pixels(x, w, b, out, stride, dilation)
    if max(stride) == 1 and prod(kernel) > 1:
        inputs = channels // groups
        many = groups > 1 or inputs >= _SOME_CHANNELS or out[-1] <= _SHORT_ROW
        if many and fits_lines(inputs, kernel, x.shape[2:], x.itemsize):
            return correlate_flat(x, w, b, out, dilation, groups)
    places = prod(out)
    rows = channels // groups * prod(kernel)
    windows = windows_of(x, kernel, out, stride, dilation)
    if groups == 1:
        matrix = w.reshape(outputs, rows)
        front = ()
    else:
        matrix = w.reshape(groups, outputs // groups, rows)
        front = (groups,)
    if b is not None:
        b = b.reshape(*front, -1, 1)
    if count * channels * prod(kernel) * places * x.itemsize <= BLOCK or prod(kernel) == 1:
        result = np.matmul(matrix, windows.reshape(count, *front, rows, places))
        if b is not None:
            result += b
        return result.reshape(count, outputs, *out)
    result = np.empty((count, *front, outputs // groups, out[0], prod(out[1:])), x.dtype)
    line = prod(out[1:])
    every = (slice(None),) * (1 + len(kernel))
    for images, lines in blocks(count, out[0], channels * prod(kernel) * line * x.itemsize):
        some = windows[(images, *every, lines)]
        columns = some.reshape(some.shape[0], *front, rows, -1)
        part = np.matmul(matrix, columns)
        if b is not None:
            part += b
        result[images, ..., lines, :] = part.reshape(*part.shape[:-1], -1, line)
    return result.reshape(count, outputs, *out)


def correlate_pixels(x, w, b, out, stride, dilation):
    """Convolve in pixels order."""
    kernel = w.shape[2:]
    outputs = w.shape[0]
    windows = pixel_windows(x, kernel, out, stride, dilation)
    matrix = np.moveaxis(w, 0, -1)
    matrix = np.moveaxis(matrix, 0, -2).reshape(-1, outputs)
    result = np.empty((x.shape[0], outputs, *out), x.dtype)
    bytes_ = prod(out[1:]) * matrix.shape[0] * x.itemsize
    for images, lines in blocks(x.shape[0], out[0], bytes_):
        some = windows[images, lines]
        part = some.reshape(-1, matrix.shape[0]).dot(matrix)
        if b is not None:
            part += b
        result[images, :, lines] = np.moveaxis(part.reshape(*some.shape[: len(out) + 1], -1), -1, 1)
    return result


def correlate_flat(x, w, b, out, dilation, groups):
    """Convolve whole lines: short rows are copied in one run, with what lies between them."""
    count, channels = x.shape[:2]
    outputs = w.shape[0]
    sizes, kernel = x.shape[2:], w.shape[2:]
    length, _ = flat_places(sizes, out, kernel, dilation)
    steps = x.strides[2:]
    strides = (*x.strides[:2], *[step * d for step, d in zip(steps, dilation)], x.itemsize)
    windows = ndarray((count, channels, *kernel, length), x.dtype, x, 0, strides)
    inputs, made = channels // groups, outputs // groups
    rows = inputs * prod(kernel)
    matrix = w.reshape(groups, made, rows)
    result = np.empty((count, outputs, *out), x.dtype)
    line = length * x.itemsize
    for images, chosen in blocks(count, groups, rows * line):
        some = windows[images, chosen.start * inputs : chosen.stop * inputs]
        columns = some.reshape(len(some), -1, rows, length)
        lines = np.matmul(matrix[chosen], columns)
        # The results without what lies between the rows.
        wide = lines.shape[1] * made
        part = ndarray((len(some), wide, *out), x.dtype, lines, 0, (wide * line, line, *steps))
        place = slice(chosen.start * made, chosen.stop * made)
        if b is None:
            result[images, place] = part
        else:
            np.add(part, b[place].reshape(-1, *[1] * len(out)), out=result[images, place])
    return result


# -- its adjoint in the input --------------------------------------------------------------------


def spread(g, w, sizes, stride, dilation, groups):
    """Return the adjoint of `correlate` in the image, of padded `sizes`."""
    kernel = w.shape[2:]
    out = g.shape[2:]
    count, outputs = g.shape[:2]
    inputs = w.shape[1]
    channels = inputs * groups
    one_stride = max(stride) == 1
    if prod(kernel) == 1 and one_stride and out == sizes:
        front = () if groups == 1 else (groups,)
        matrix = np.swapaxes(w.reshape(*front, outputs // groups, inputs), -1, -2)
        lines = g.reshape(count, *front, outputs // groups, prod(out))
        return np.matmul(matrix, lines).reshape(count, channels, *sizes)
    if is_pixels(inputs, out, kernel, groups):
        return spread_pixels(g, w, sizes, stride, dilation)
    if one_stride and prod(kernel) > 1:
        many = groups > 1 or (inputs >= _SOME_CHANNELS and out[-1] > _SHORT_ROW)
        if many and fits_lines(outputs // groups, kernel, sizes, g.itemsize):
            return spread_turned(g, w, sizes, dilation, groups)
    front = () if groups == 1 else (groups,)
    matrix = np.swapaxes(w.reshape(*front, outputs // groups, inputs * prod(kernel)), -1, -2)
    result = np.zeros((count, *front, inputs, *sizes), g.dtype)
    depth = channels * prod(kernel) * g.itemsize
    if one_stride:
        length, taps = flat_places(sizes, out, kernel, dilation)
        lines = flat_lines(g, sizes, front, length)
        flat = result.reshape(count, *front, inputs, prod(sizes))
        for images, run in blocks(count, length, depth):
            part = np.matmul(matrix, lines[images, ..., run])
            part = part.reshape(*part.shape[:-2], inputs, prod(kernel), -1)
            for number, start in enumerate(taps):
                place = flat[images, ..., start + run.start : start + run.stop]
                place += part[..., number, :]
        return result.reshape(count, channels, *sizes)
    lines = g.reshape(count, *front, outputs // groups, *out)
    line = prod(out[1:])
    for images, rows in blocks(count, out[0], depth * line):
        height = rows.stop - rows.start
        some = lines[(images, ..., rows, *[slice(None)] * (len(out) - 1))]
        some = some.reshape(*some.shape[: len(front) + 2], -1)
        part = np.matmul(matrix, some)
        part = part.reshape(*part.shape[:-2], inputs, *kernel, height, *out[1:])
        shift = rows.start * stride[0]
        for tap, (first, *rest) in tap_slices(kernel, (height, *out[1:]), stride, dilation):
            first = slice(first.start + shift, first.stop + shift, first.step)
            place = result[(images, ..., first, *rest)]
            place += part[(..., *tap, *[slice(None)] * len(out))]
    return result.reshape(count, channels, *sizes)


def spread_turned(g, w, sizes, dilation, groups):
    """Return the adjoint as a convolution with the weight turned round: for a stride of 1."""
    outputs, inputs = w.shape[:2]
    kernel = w.shape[2:]
    g = padded(g, [d * (k - 1) for d, k in zip(dilation, kernel)])
    turned = w.reshape(groups, outputs // groups, inputs, *kernel)
    turned = np.swapaxes(turned, 1, 2)[(..., *[slice(None, None, -1)] * len(kernel))]
    # BLAS takes no steps back.
    turned = np.ascontiguousarray(turned).reshape(groups * inputs, outputs // groups, *kernel)
    return correlate_flat(g, turned, None, sizes, dilation, groups)


@lru_cache(maxsize=512)
def flat_places(sizes, out, kernel, dilation):
    """Return how long the line of a result is, and where each place of the kernel starts.

    A result has rows as long as the image's, whose line is that of `sizes`.
    """
    steps = [1]
    for size in sizes[:0:-1]:
        steps.insert(0, steps[0] * size)
    length = sum([(n - 1) * step for n, step in zip(out, steps)]) + 1
    taps = [
        sum([t * d * step for t, d, step in zip(tap, dilation, steps)])
        for tap in product(*[range(k) for k in kernel])
    ]
    return length, taps


def flat_lines(g, sizes, front, length):
    """Return the gradient as lines, with zeros at the ends of rows up to the image's row length.

    (N, O, *P) -> (N, *front, O / groups, length)
    """
    count, outputs = g.shape[:2]
    out = g.shape[2:]
    wide = (out[0], *sizes[1:])
    if wide != out:
        padded = np.zeros((count, outputs, *wide), g.dtype)
        padded[(slice(None), slice(None), *[slice(0, n) for n in out])] = g
        g = padded
    return g.reshape(count, *front, outputs // prod(front), prod(wide))[..., :length]


def spread_pixels(g, w, sizes, stride, dilation):
    """Return the adjoint of `correlate` in pixels order."""
    kernel = w.shape[2:]
    out = g.shape[2:]
    outputs, channels = w.shape[:2]
    matrix = np.moveaxis(w, 1, -1).reshape(outputs, -1)
    last = np.ascontiguousarray(np.moveaxis(g, 1, -1))
    result = np.zeros((g.shape[0], *sizes, channels), g.dtype)
    bytes_ = prod(out[1:]) * matrix.shape[1] * g.itemsize
    for images, rows in blocks(g.shape[0], out[0], bytes_):
        height = rows.stop - rows.start
        some = last[images, rows]
        part = some.reshape(-1, outputs).dot(matrix)
        part = part.reshape(*some.shape[:-1], *kernel, channels)
        shift = rows.start * stride[0]
        for tap, (first, *rest) in tap_slices(kernel, (height, *out[1:]), stride, dilation):
            first = slice(first.start + shift, first.stop + shift, first.step)
            place = result[(images, first, *rest)]
            place += part[(..., *tap, slice(None))]
    return np.ascontiguousarray(np.moveaxis(result, -1, 1))


# -- its adjoint in the weight -------------------------------------------------------------------


def weigh(x, g, kernel, stride, dilation, groups):
    """Return the adjoint of `correlate` in the weight: the gradient of `w` for `g`."""
    out = g.shape[2:]
    count, channels = x.shape[:2]
    outputs = g.shape[1]
    inputs = channels // groups
    if count == 0:
        return np.zeros((outputs, inputs, *kernel), x.dtype)
    x = np.ascontiguousarray(x)
    if is_pixels(channels, out, kernel, groups):
        return weigh_pixels(x, g, kernel, stride, dilation)
    front = () if groups == 1 else (groups,)
    total = None
    if max(stride) == 1:
        length, taps = flat_places(x.shape[2:], out, kernel, dilation)
        lines = np.swapaxes(flat_lines(g, x.shape[2:], front, length), -1, -2)
        flat = x.reshape(count, *front, inputs, prod(x.shape[2:]))
        if inputs == 1 and groups > 1 and x.dtype.kind == "f":
            # Every channel alone: a dot product of two lines for each place of the kernel.
            dots = [
                np.add.reduce(np.vecdot(flat[..., t : t + length], lines.swapaxes(-1, -2)), axis=0)
                for t in taps
            ]
            return np.stack(dots, -1).reshape(outputs, 1, *kernel)
        # The products of all images and places are kept until they are summed.
        bytes_ = channels * outputs // groups * len(taps) * x.itemsize
        for images, _ in blocks(count, 1, bytes_):
            views = tap_views(flat[images], kernel, dilation, x.strides[2:], length)
            products = np.matmul(views, lines[images])
            total = added(total, np.add.reduce(products, axis=len(kernel)))
        # (*K, *front, C / groups, O / groups)
        moved = np.swapaxes(total, -1, -2).reshape(*kernel, outputs, inputs)
        dims = len(kernel)
        return np.ascontiguousarray(moved.transpose(dims, dims + 1, *range(dims)))
    windows = windows_of(x, kernel, out, stride, dilation)
    rows = inputs * prod(kernel)
    lines = np.swapaxes(g.reshape(count, *front, outputs // groups, out[0] * prod(out[1:])), -1, -2)
    line = prod(out[1:])
    every = (slice(None),) * (1 + len(kernel))
    for images, place in blocks(count, out[0], channels * prod(kernel) * line * x.itemsize):
        some = windows[(images, *every, place)]
        columns = some.reshape(some.shape[0], *front, rows, -1)
        met = lines[images, ..., place.start * line : place.stop * line, :]
        total = added(total, np.add.reduce(np.matmul(columns, met), axis=0))
    return np.ascontiguousarray(np.swapaxes(total, -1, -2)).reshape(outputs, inputs, *kernel)


def added(total, part):
    """Return the sum of the blocks so far and one more."""
    return part if total is None else total + part


def tap_views(flat, kernel, dilation, steps, length):
    """Return the slice of the flat images that each place of the kernel meets, as one view.

    (N, *front, C / groups, prod(S)) -> (*K, N, *front, C / groups, length)
    """
    steps = [step * d for step, d in zip(steps, dilation)]
    shape = (*kernel, *flat.shape[:-1], length)
    return ndarray(shape, flat.dtype, flat, 0, (*steps, *flat.strides))


def weigh_pixels(x, g, kernel, stride, dilation):
    """Return the gradient of the weight in pixels order."""
    out = g.shape[2:]
    channels, outputs = x.shape[1], g.shape[1]
    windows = pixel_windows(x, kernel, out, stride, dilation)
    last = np.ascontiguousarray(np.moveaxis(g, 1, -1))
    rows = channels * prod(kernel)
    total = None
    for images, lines in blocks(x.shape[0], out[0], prod(out[1:]) * rows * x.itemsize):
        met = last[images, lines].reshape(-1, outputs)
        total = added(total, met.T.dot(windows[images, lines].reshape(-1, rows)))
    return np.ascontiguousarray(np.moveaxis(total.reshape(outputs, *kernel, channels), -1, 1))
