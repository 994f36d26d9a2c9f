"""Padding: `torch.nn.functional.pad`.

A `pad` setting is one pair (before, after) for each axis, first axis first; negative numbers cut.
"""

from __future__ import annotations

import numpy as np

from .._core.op import op
from .._core.public import expect_tensor, public
from ._arguments import number_in
from ._sizes import listed, ndarray

# -- constants ----------------------------------------------------------------------------------


@op(node="ConstantPadNdBackward0")
def pad_constant(x, *, pad, value):
    """`x` with a number around it, or with edges cut off.  (*S) -> (*S + pad)"""
    shape = []
    source = []
    target = []
    for size, (before, after) in zip(x.shape, pad):
        shape.append(size + before + after)
        source.append(slice(max(-before, 0), size + min(after, 0)))
        target.append(slice(max(before, 0), size + before + min(after, 0)))
    if value == 0:
        out = np.zeros(shape, x.dtype) if type(x) is ndarray else np.zeros_like(x, shape=shape)
    else:
        out = np.full_like(x, value, shape=shape)
    out[tuple(target)] = x[tuple(source)]
    return out


@pad_constant.grad("x")
def pad_constant_dx(g, pad):
    return pad_constant(g, pad=tuple([(-a, -b) for a, b in pad]), value=0)


@pad_constant.jvp
def pad_constant_jvp(tangents, x, out, pad, value):
    return pad_constant(tangents[0], pad=pad, value=0)


# -- the input's own elements -------------------------------------------------------------------


def pad_index(size, before, after, mode):
    """Return, for one axis, the number of the input's slice at each place of the result."""
    places = np.arange(-before, size + after)
    if mode == "replicate":
        return np.clip(places, 0, size - 1)
    if mode == "circular":
        # What is cut off does not come round.
        first = max(-before, 0)
        return first + np.remainder(places - first, size + min(after, 0) - first)
    places = np.abs(places)
    return np.where(places < size, places, 2 * (size - 1) - places)


def pad_kernel(x, *, pad, mode):
    """`x` with its own elements around it.  (*S) -> (*S + pad)"""
    for axis, (before, after) in enumerate(pad):
        if before or after:
            x = np.take(x, pad_index(x.shape[axis], before, after, mode), axis)
    return x


def pad_rule(g, x_shape, pad, mode):
    return pad_adjoint(g, shape=tuple(x_shape), pad=pad, mode=mode)


@op(name="pad_adjoint", linear=True)
def pad_adjoint(x, *, shape, pad, mode):
    """Elements added back to where padding took them from: the adjoint of padding."""
    for axis, (before, after) in enumerate(pad):
        if before or after:
            index = pad_index(shape[axis], before, after, mode)
            out = np.zeros_like(x, shape=(*x.shape[:axis], shape[axis], *x.shape[axis + 1 :]))
            add_runs(out, index, axis, x)
            x = out
    return x


def add_runs(out, index, axis, x):
    """Add slices of `x` into `out` at `index`, by runs of neighbours and not one by one."""
    every = (slice(None),) * axis
    # Places where a step is neither +1 throughout nor -1 throughout begin a new run.
    start = 0
    while start < len(index):
        stop = start + 1
        step = index[stop] - index[start] if stop < len(index) else 1
        if step not in (1, -1):
            step = 1
        while stop < len(index) and index[stop] - index[stop - 1] == step:
            stop += 1
        first, last = int(index[start]), int(index[stop - 1])
        if step == 1:
            target = slice(first, last + 1)
        else:
            target = slice(first, last - 1 if last else None, -1)
        out[(*every, target)] += x[(*every, slice(start, stop))]
        start = stop


@pad_adjoint.grad("x")
def pad_adjoint_dx(g, pad, mode):
    return pad_own[mode, 1](g, pad=pad, mode=mode)


def own_op(mode, dims, node):
    made = op(name=f"pad_{mode}_{dims}d", node=node, linear=True)(pad_kernel)
    made.grad("x")(pad_rule)
    return made


# By mode and by how many axes are padded, which PyTorch's node names tell.
pad_own = {}
for _dims in (1, 2, 3):
    pad_own["reflect", _dims] = own_op("reflect", _dims, f"ReflectionPad{_dims}DBackward0")
    pad_own["replicate", _dims] = own_op("replicate", _dims, f"ReplicationPad{_dims}DBackward0")
    pad_own["circular", _dims] = own_op("circular", _dims, "torch::autograd::CopySlices")


# -- the public form ----------------------------------------------------------------------------


def pairs_of(pad, ndim):
    """Return PyTorch's flat padding, last axis first, as pairs, first axis first."""
    if len(pad) % 2:
        raise RuntimeError("Padding length must be divisible by 2")
    if len(pad) > 2 * ndim:
        raise RuntimeError(
            f"Padding length should be less than or equal to two times the input dimension but "
            f"got padding length {len(pad)} and input of dimension {ndim}"
        )
    numbers = [n.__index__() for n in pad]
    pairs = list(zip(numbers[::2], numbers[1::2]))
    return ((0, 0),) * (ndim - len(pairs)) + tuple(reversed(pairs))


def expect_own(shape, pad, pairs, mode):
    """Refuse what cannot be padded with its own elements, with PyTorch's words."""
    ndim = len(shape)
    dims = len(pad) // 2
    if not (1 <= dims <= 3 and ndim in (dims + 1, dims + 2)):
        raise NotImplementedError(
            f"Padding size {len(pad)} is not supported for {ndim}D input tensor.\n"
            f"Supported combinations for non-constant padding:\n"
            f"  - 2D or 3D input: padding size = 2 (pads last dimension)\n"
            f"  - 3D or 4D input: padding size = 4 (pads last 2 dimensions)\n"
            f"  - 4D or 5D input: padding size = 6 (pads last 3 dimensions)"
        )
    if mode != "circular" and 0 in shape[ndim - dims - 1 :]:
        raise RuntimeError(
            f"Expected {dims + 1}D or {dims + 2}D (batch mode) tensor with possibly 0 batch size "
            f"and other non-zero dimensions for input, but got: {listed(shape)}"
        )
    for back in range(1, dims + 1):
        axis = ndim - back
        before, after = pairs[axis]
        size = shape[axis]
        if mode == "reflect" and (before >= size or after >= size):
            raise RuntimeError(
                f"Argument #{2 * back + 2}: Padding size should be less than the corresponding "
                f"input dimension, but got: padding ({before}, {after}) at dimension {axis} of "
                f"input {listed(shape)}"
            )
        if mode == "circular":
            expect_round(size, before, after, axis)
    wanted = [n + before + after for n, (before, after) in zip(shape, pairs)]
    if mode != "circular" and max(wanted[-dims:]) < 1:
        names = "DHW"[-dims:]
        have = ", ".join([f"{name}: {n}" for name, n in zip(names, shape[-dims:])])
        found = " ".join([f"{name}: {n}" for name, n in zip(names, wanted[-dims:])])
        raise RuntimeError(f"input ({have}) is too small. Calculated output {found}")
    if min(wanted) < 0:
        raise RuntimeError(
            f"Trying to create tensor with negative dimension {min(wanted)}: {listed(wanted)}"
        )


def expect_round(size, before, after, axis):
    """Refuse circular padding that would need elements twice, or that were cut off."""
    if before > size or after > size:
        raise RuntimeError("Padding value causes wrapping around more than once.")
    if size + before + after < 0:
        raise RuntimeError("Negative padding value is resulting in an empty dimension")
    left = size + min(before, 0) + min(after, 0)
    if max(before, after) > max(left, 0):
        raise RuntimeError(
            f"pad: circular padding ({before}, {after}) at dimension {axis} would have to repeat "
            f"elements that it cuts off: of {size} it leaves {max(left, 0)}. Cut and pad in two "
            f"calls."
        )


@public("pad", method=False, namespace="nn.functional")
def pad_front(input, pad, mode="constant", value=None):
    """Pad the last axes.

    Parameters
    ----------
    pad : tuple of int
        ``(before, after)`` of the last axis, then of the one before it, and so on.  Negative
        numbers cut.
    mode : {"constant", "reflect", "replicate", "circular"}
        With a number; mirrored without repeating the edge; the edge repeated; round and round.
    value : float, optional
        The number of "constant", 0 by default.
    """
    expect_tensor("pad", input)
    shape = input.get_shape()
    pairs = pairs_of(pad, len(shape))
    if mode == "constant":
        number = 0 if value is None else number_in(value, input.get_dtype())
        for size, (before, after) in zip(shape, pairs):
            if size + min(before, 0) + min(after, 0) < 0 or size + before + after < 0:
                raise RuntimeError("narrow(): length must be non-negative.")
        return pad_constant(input, pad=pairs, value=number)
    if value is not None and value != 0:
        raise RuntimeError(f'Padding mode "{mode}" doesn\'t take in value argument')
    if mode not in ("reflect", "replicate", "circular"):
        raise NotImplementedError(f"Unrecognised padding mode {mode}")
    expect_own(shape, pad, pairs, mode)
    return pad_own[mode, len(pad) // 2](input, pad=pairs, mode=mode)
