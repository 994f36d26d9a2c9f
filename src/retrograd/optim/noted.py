"""An update noted call by call: what stands for its arrays while a trace is written.

An update is written once, as NumPy calls that write into arrays.  Given these in place of arrays,
each call goes through a recorder and gives a new array; what was written into holds it from then
on.  So a trace sees values that are computed and, at the end, what is written where.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np


class Noted:
    """Stands for an array in `ElementwiseOptimizer.update`, or for a number.

    Attributes
    ----------
    recorder : Recorder
    array : ndarray or float
        Its value by now.
    """

    __slots__ = ("array", "recorder")

    def __init__(self, recorder: Any, array: Any) -> None:
        self.recorder = recorder
        self.array = array

    def value(self) -> Any:
        """Return what it holds as one array."""
        return self.array

    def part(self, where: slice, shape: Any) -> Any:
        """Return what it holds of one parameter; of a number, the number."""
        array = self.array
        if array.ndim == 0:
            return array
        piece = self.recorder.part(array, where)
        return self.recorder.function(np.ndarray.reshape, (piece, shape), {})

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, out: Any = None) -> Any:
        target = None if out is None else out[0]
        if isinstance(target, Parts):
            return target.become(ufunc, inputs)
        given = tuple(value_of(one) for one in inputs)
        made = self.recorder.function(ufunc, given, {})
        if target is None:
            return Noted(self.recorder, made)
        target.array = made
        return target

    def __array_function__(self, function: Any, types: Any, args: Any, settings: Any) -> Any:
        if function is not np.copyto:
            return NotImplemented
        target, source = args
        value = value_of(source)
        where = settings.get("where")
        if where is not None:
            given = (where.array, value, target.array)
            value = self.recorder.function(np.where, given, {})
        target.array = value


class Parts(Noted):
    """Stands for parameters that are gathered: each keeps its own array.

    Parameters
    ----------
    recorder : Recorder
    arrays : list of ndarray
    """

    __slots__ = ("arrays", "places")

    def __init__(self, recorder: Any, arrays: list[Any]) -> None:
        super().__init__(recorder, None)
        self.arrays = arrays
        self.places: list[slice] = []
        start = 0
        for array in arrays:
            stop = start + math.prod(array.shape)
            self.places.append(slice(start, stop))
            start = stop

    def value(self) -> Any:
        if self.array is None:
            self.array = gathered(self.recorder, self.arrays)
        return self.array

    def become(self, ufunc: Any, inputs: Any) -> Parts:
        """Compute new values, for each parameter by itself."""
        made = []
        for place, array, where in zip(range(len(self.arrays)), self.arrays, self.places):
            given = []
            for one in inputs:
                if isinstance(one, Parts):
                    given.append(one.arrays[place])
                else:
                    given.append(one.part(where, array.shape) if isinstance(one, Noted) else one)
            made.append(self.recorder.function(ufunc, tuple(given), {}))
        self.arrays = made
        self.array = None
        return self


def value_of(given: Any) -> Any:
    """Return the array of what stands for one, anything else as it is."""
    return given.value() if isinstance(given, Noted) else given


def gathered(recorder: Any, arrays: list[Any]) -> Any:
    """Return arrays one after the other, flat."""
    flat = [
        one if one.ndim == 1 else recorder.function(np.ndarray.reshape, (one, -1), {})
        for one in arrays
    ]
    return recorder.function(np.concatenate, (flat,), {})
