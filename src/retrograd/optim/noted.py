"""An update noted call by call: what stands for its arrays while a trace is written.

An update is written once, as NumPy calls that write into arrays.  Given these in place of arrays,
each call goes through a recorder: what writes into a parameter or a state array is noted as that,
and what is only worked with gets a new array at each call.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..inplace import write_ufunc


class Noted:
    """Stands for an array to work in, or for what is only read.

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

    def part(self, params: Parts, place: int) -> Any:
        """Return what it holds of one of some parameters."""
        piece = self.recorder.part(self.array, params.places[place])
        shape = params.arrays[place].shape
        if piece.shape == shape:
            return piece
        return self.recorder.function(np.ndarray.reshape, (piece, shape), {})

    def take(self, ufunc: Any, inputs: Any) -> None:
        """Hold what a call gives."""
        self.array = self.recorder.function(ufunc, tuple(map(value_of, inputs)), {})

    def copy(self, value: Any) -> None:
        """Hold another value; it is not written into."""
        self.array = value

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, out: Any = None) -> Any:
        target = Noted(self.recorder, None) if out is None else out[0]
        target.take(ufunc, inputs)
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
        target.copy(value)


class Number(Noted):
    """Stands for a number of the settings, which is in an array.

    Parameters
    ----------
    recorder : Recorder
    numbers : ndarray
    place : int
    """

    __slots__ = ("numbers", "place")

    def __init__(self, recorder: Any, numbers: Any, place: int) -> None:
        super().__init__(recorder, None)
        self.numbers = numbers
        self.place = place

    def value(self) -> Any:
        if self.array is None:
            self.array = self.recorder.part(self.numbers, (self.place, ...))
        return self.array

    def part(self, params: Parts, place: int) -> Any:
        return self.value()


class Written(Noted):
    """Stands for an array that others see: what is computed is written into it."""

    __slots__ = ()

    def take(self, ufunc: Any, inputs: Any) -> None:
        self.recorder.write(write_ufunc, self.array, (ufunc, *map(value_of, inputs)))

    def copy(self, value: Any) -> None:
        self.recorder.write(np.copyto, self.array, (value,))


class Parts(Noted):
    """Stands for parameters that are gathered: each is written into by itself.

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

    def part(self, params: Parts, place: int) -> Any:
        return self.arrays[place]

    def take(self, ufunc: Any, inputs: Any) -> None:
        for place, array in enumerate(self.arrays):
            given = [one.part(self, place) if isinstance(one, Noted) else one for one in inputs]
            self.recorder.write(write_ufunc, array, (ufunc, *given))
        self.array = None


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
