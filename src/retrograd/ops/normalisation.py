"""Normalisation: batch_norm, group_norm, instance_norm, layer_norm, rms_norm.

All compute (x - mean) / sqrt(variance + eps) * w + b and differ in which numbers share a mean
and which a weight: a `Layout` says it.  Each is three parts.  The moments are computed first and
handed to the operation, so that its node keeps them and not its result, which the next layer may
overwrite.  The operation's adjoint is an operation too (PyTorch's ``..._backward``), whose rule
is written out below once for all of them.

Note [The second derivative].  With P(z) = rstd (z - mean(z) - xhat mean(z xhat)), means taken over
what shares a deviation, the gradient of x is P(w g).  P is symmetric, so the derivative of
<u, P(w g)> for w g is P(u), and for x it is
-rstd (xhat mean(u P(w g)) + mean(u xhat) P(w g) + mean(w g xhat) P(u)).
rms_norm has the same formulas without mean(z).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from .._core.op import op
from .norm_channels import channels_backward, normalise_channels
from .norm_rows import normalise_rows, rows_backward
from .row_sums import sum_rows


class Layout(NamedTuple):
    """Which numbers share a mean and which a weight.

    Attributes
    ----------
    shape : tuple of int
        The input's, with axes joined or split.
    shared : tuple of int
        The axes of `shape` over which means are taken.
    weights : tuple of int
        The shape of the weights, as it broadcasts to `shape`.
    summed : tuple of int
        The axes over which they do.
    runs : tuple of int
        The shape in which the kernels take the input.
    """

    shape: tuple
    shared: tuple
    weights: tuple
    summed: tuple
    runs: tuple


def product(sizes):
    """Return the product of some sizes."""
    found = 1
    for size in sizes:
        found *= size
    return found


def batch_layout(shape):
    """Return the layout of batch_norm: a channel shares a mean and a weight.  (n, c, *S)"""
    count, channels = shape[:2]
    run = product(shape[2:])
    return Layout(
        (count, channels, 1, run), (0, 2, 3), (1, channels, 1, 1), (0, 2, 3), (count, channels, run)
    )


def group_layout(shape, groups):
    """Return the layout of group_norm: some channels of a sample share a mean.  (n, c, *S)"""
    count, channels = shape[:2]
    run = product(shape[2:])
    together = channels // groups
    return Layout(
        (count, groups, together, run),
        (2, 3),
        (1, groups, together, 1),
        (0, 3),
        (1, count * channels, run),
    )


def row_layout(shape, own):
    """Return the layout of layer_norm: the last `own` axes share a mean.  (*S, *own)"""
    edge = len(shape) - own
    rows, size = product(shape[:edge]), product(shape[edge:])
    return Layout((rows, size), (1,), (1, size), (0,), (rows, size))


def shaped(found, shape):
    """Return an array in a shape that it mostly has."""
    return found if found.shape == shape else np.reshape(found, shape)


# -- kernels ------------------------------------------------------------------------------------


def tiled(w, layout):
    """Return weights as a vector with an entry for each channel of the kernel's form."""
    if w is None:
        return None
    if len(w.shape) != 1:
        w = w.reshape(-1)
    channels = layout.runs[1]
    return w if len(w) == channels or not len(w) else np.tile(w, channels // len(w))


def apply_channels(x, w, b, mean, rstd, layout):
    together = layout.shape[2] if layout.shared == (2, 3) else 1
    w, b = tiled(w, layout), tiled(b, layout)
    return normalise_channels(x.reshape(layout.runs), w, b, mean, rstd, together).reshape(x.shape)


def back_through_channels(dy, x, w, mean, rstd, layout, wanted):
    g, runs = dy.reshape(layout.runs), x.reshape(layout.runs)
    together = layout.shape[2] if layout.shared == (2, 3) else 1
    dx, dw, db = channels_backward(g, runs, tiled(w, layout), mean, rstd, together, wanted)
    channels = layout.weights[1] * layout.weights[2]
    if len(dw) != channels:
        dw = sum_rows(dw.reshape(-1, channels))
        db = sum_rows(db.reshape(-1, channels))
    return dx.reshape(x.shape) if wanted[0] else dx, dw, db


def apply_rows(x, w, b, mean, rstd, layout):
    w, b = tiled(w, layout), tiled(b, layout)
    return normalise_rows(x.reshape(layout.runs), w, b, mean, rstd).reshape(x.shape)


def back_through_rows(dy, x, w, mean, rstd, layout, wanted):
    g, rows = dy.reshape(layout.runs), x.reshape(layout.runs)
    dx, dw, db = rows_backward(g, rows, tiled(w, layout), mean, rstd, wanted)
    return dx.reshape(x.shape) if wanted[0] else dx, dw, db


# -- the operations -----------------------------------------------------------------------------

_ONLY_X = (True, False, False)


def normalisation(name, node, apply, back):
    """Define a normalisation and its adjoint."""

    def kernel(x, w, b, mean, rstd, *, layout, eps):
        return apply(x, w, b, mean, rstd, layout)

    def adjoint_kernel(dy, x, w, mean, rstd, *, layout, eps, wanted):
        return back(dy, x, w, mean, rstd, layout, wanted)

    forward = op(name=name, node=node)(kernel)
    adjoint = op(name=name + "_backward", node=node[:-1] + "Backward0")(adjoint_kernel)

    @forward.grads("x", "w", "b")
    def forward_d(g, x, w, mean, rstd, w_shape, b_shape, layout, eps, needs):
        wanted = needs[:3]
        dx, dw, db = adjoint(g, x, w, mean, rstd, layout=layout, eps=eps, wanted=wanted)
        return (
            dx if wanted[0] else None,
            shaped(dw, w_shape) if wanted[1] else None,
            shaped(db, b_shape) if wanted[2] else None,
        )

    @adjoint.grads("dy", "x", "w")
    def adjoint_d(g, dy, x, w, mean, rstd, dy_shape, w_shape, layout, eps, wanted, needs):
        """See Note [The second derivative]."""
        shape, shared, weights, summed, _ = layout
        given = {"layout": layout, "eps": eps}
        only_x = {**given, "wanted": _ONLY_X}
        ddy = dx = dw = None
        if wanted[0]:
            u, v = np.reshape(g[0], shape), np.reshape(dy, shape)
            pu = np.reshape(adjoint(g[0], x, None, mean, rstd, **only_x)[0], shape)
            scale = 1 if w is None else np.reshape(w, weights)
            ddy = pu * scale
            if needs[2]:
                dw = np.add.reduce(pu * v, axis=summed)
            if needs[1]:
                pv = np.reshape(adjoint(dy, x, w, mean, rstd, **only_x)[0], shape)
                xhat = np.reshape(forward(x, None, None, mean, rstd, **given), shape)
                deviation = inverse_deviation(x, mean is not None, eps, layout)
                size = product([shape[axis] for axis in shared])

                def means(z):
                    return np.add.reduce(z, axis=shared, keepdims=True) / size

                dx = -deviation * (
                    xhat * means(u * pv)
                    + means(u * xhat) * pv
                    + means(v * scale * xhat) * pu
                )  # fmt: skip
        if wanted[1]:
            uw, ub = g[1], g[2] if wanted[2] else None
            more = np.reshape(forward(x, uw, ub, mean, rstd, **given), shape)
            ddy = more if ddy is None else ddy + more
            if needs[1]:
                more = np.reshape(adjoint(dy, x, uw, mean, rstd, **only_x)[0], shape)
                dx = more if dx is None else dx + more
        elif wanted[2]:
            more = np.reshape(g[2], weights)
            ddy = np.broadcast_to(more, shape) if ddy is None else ddy + more
        return (
            np.reshape(ddy, dy_shape),
            None if dx is None else np.reshape(dx, dy_shape),
            None if dw is None else np.reshape(dw, w_shape),
        )

    return forward


def inverse_deviation(x, centred, eps, layout):
    """Return 1 / sqrt(variance + eps) as a function of `x`, which has derivatives too."""
    x = np.reshape(x, layout.shape)
    size = product([layout.shape[axis] for axis in layout.shared])
    if centred:
        x = x - np.add.reduce(x, axis=layout.shared, keepdims=True) / size
    return 1 / np.sqrt(np.add.reduce(x * x, axis=layout.shared, keepdims=True) / size + eps)


normalise_batch = normalisation(
    "batch_norm", "NativeBatchNormBackward0", apply_channels, back_through_channels
)
normalise_groups = normalisation(
    "group_norm", "NativeGroupNormBackward0", apply_channels, back_through_channels
)
# PyTorch sees a sample's channels as channels of one batch of 1, and back: its node is a view.
normalise_instances = normalisation(
    "instance_norm", "ViewBackward0", apply_channels, back_through_channels
)
normalise_layer = normalisation(
    "layer_norm", "NativeLayerNormBackward0", apply_rows, back_through_rows
)
# PyTorch computes it as a product.
normalise_by_root_mean_square = normalisation(
    "rms_norm", "MulBackward0", apply_rows, back_through_rows
)


# -- by moments that are given ------------------------------------------------------------------


def one_each(v, layout):
    """Return moments in the shape in which they broadcast to the layout's."""
    sizes = [1 if n in layout.shared else size for n, size in enumerate(layout.shape)]
    return np.reshape(v, sizes)


def fixed_normalisation(name, node):
    """Define the normalisation whose mean and deviation are constants: in evaluation."""

    def kernel(x, w, b, mean, rstd, *, layout):
        return apply_channels(x, w, b, mean, rstd, layout)

    made = op(name=name, node=node)(kernel)

    @made.grad("x")
    def kernel_dx(g, w, rstd, layout):
        scale = one_each(rstd, layout)
        if w is not None:
            scale = scale * np.reshape(w, layout.weights)
        return np.reshape(np.reshape(g, layout.shape) * scale, g.shape)

    @made.grad("w")
    def kernel_dw(g, x, w_shape, mean, rstd, layout):
        xhat = (np.reshape(x, layout.shape) - one_each(mean, layout)) * one_each(rstd, layout)
        found = np.add.reduce(np.reshape(g, layout.shape) * xhat, axis=layout.summed)
        return np.reshape(found, w_shape)

    @made.grad("b")
    def kernel_db(g, b_shape, layout):
        return np.reshape(np.add.reduce(np.reshape(g, layout.shape), axis=layout.summed), b_shape)

    return made


normalise_by_running = fixed_normalisation("batch_norm_fixed", "NativeBatchNormBackward0")
normalise_instances_by_running = fixed_normalisation("instance_norm_fixed", "ViewBackward0")
