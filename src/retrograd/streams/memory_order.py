"""Draws into arrays that are not contiguous: in the order of their memory, as PyTorch's are.

PyTorch's loops run over the elements of a tensor as they lie in memory, not by their indices: a
transposed tensor gets the numbers that the tensor itself would get, transposed.
"""

from __future__ import annotations

import numpy as np

from .._core.tracing import run


def axes_in_memory(shape, strides):
    """Return the axes from the slowest in memory to the fastest, as PyTorch orders its loops.

    Axes of one element are left where they are; an axis of stride 0 stays where it is among
    those beside it.
    """
    order = [axis for axis in range(len(shape) - 1, -1, -1) if shape[axis] != 1]
    for place in range(1, len(order)):
        one = place
        for other in range(place - 1, -1, -1):
            inner, outer = strides[order[other]], strides[order[one]]
            if inner == 0 or outer == 0:
                continue
            if inner < outer:
                break
            if inner > outer or shape[order[other]] > shape[order[one]]:
                order[other], order[one] = order[one], order[other]
                one = other
    return [axis for axis in range(len(shape)) if shape[axis] == 1] + order[::-1]


def in_memory_order(array, draw):
    """Draw numbers for each place of an array, the first ones for the first places in memory.

    Parameters
    ----------
    array : numpy.ndarray
        Only its shape and strides are looked at.
    draw : callable
        ``draw(shape)`` returns a contiguous array of numbers.

    Returns
    -------
    numpy.ndarray
        Of the shape of `array`, its axes in the same order in memory.
    """
    if array.flags.c_contiguous or array.ndim < 2:
        return draw(array.shape)
    order = axes_in_memory(array.shape, array.strides)
    drawn = draw(tuple([array.shape[axis] for axis in order]))
    back = sorted(range(len(order)), key=order.__getitem__)
    return run(np.transpose, drawn, back)
