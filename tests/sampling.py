"""Samples: the calls on which the generic checks try every public operation.

A family's test file has a dictionary ``SAMPLES``, from the public name to a list of calls:

    SAMPLES = {
        "sum": [
            Sample(array(3, 4)),
            Sample(array(3, 4), dim=1, keepdim=True),
            Sample(array(3, 4), dim=2, raises=IndexError, match="Dimension out of range"),
        ],
        "nn.functional.relu": [Sample(array(3, 4))],
    }

A name that is only a method (``view``) is called as a method of its first argument.
"""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

import numpy as np

_drawn: dict[str, int] = {}


def array(*shape, dtype="float64", low=-2, high=2, seed=None):
    """Return a reproducible random array, uniform between `low` and `high` (both for integers).

    Without a seed it is the number of arrays that the calling module has drawn so far, so that
    no two arrays of a module are equal.
    """
    if seed is None:
        module = sys._getframe(1).f_globals["__name__"]
        seed = _drawn[module] = _drawn.get(module, 0) + 1
    random = np.random.default_rng(seed)
    dtype = np.dtype(dtype)
    if dtype.kind == "b":
        return np.asarray(random.random(shape) < 0.5)
    if dtype.kind in "iu":
        low = max(low, 0) if dtype.kind == "u" else low
        return np.asarray(random.integers(int(low), int(high) + 1, shape)).astype(dtype)
    values = random.uniform(low, high, shape)
    if dtype.kind == "c":
        values = values + 1j * random.uniform(low, high, shape)
    return np.asarray(values).astype(dtype)


def read_only(given):
    """Return a read-only view of an array."""
    view = given.view()
    view.flags.writeable = False
    return view


class Sample:
    """One call of a public function, for this library and for PyTorch.

    Parameters
    ----------
    *args, **settings
        The arguments.  Arrays, also inside lists, tuples and dictionaries, become tensors of the
        library called, and the floating ones require grad; NumPy dtypes and scalar types
        (``dtype=np.float32``) become its dtype objects.
    raises : type, optional
        The exception that the call raises, here and in PyTorch.
    match : str
        Words that its message holds, here and in PyTorch.
    constant : tuple of int
        Which arrays (counted through all arguments) do not require grad.
    skip : str
        Checks that do not apply, with a comment in the table saying why: some of "torch" (every
        comparison), "value", "gradient", "second", "finite", "node", "method", "inplace",
        "out", "float32".
    tolerance : float, optional
        Relative tolerance of the comparisons with PyTorch, when the usual one does not apply.
    """

    def __init__(
        self, *args, raises=None, match="", constant=(), skip=(), tolerance=None, **settings
    ):
        self.args = args
        self.settings = settings
        self.raises = raises
        self.match = match
        self.constant = constant
        self.skip = tuple(skip.split()) if isinstance(skip, str) else tuple(skip)
        self.tolerance = tolerance
        self.arrays: list[np.ndarray] = []
        _walk((args, settings), self.arrays.append)

    def __repr__(self):
        parts = [_text(arg) for arg in self.args]
        parts += [f"{name}={_text(value)}" for name, value in self.settings.items()]
        return f"({', '.join(parts)})"

    @property
    def differentiable(self):
        """Whether some tensor requires grad."""
        return bool(self.moving())

    def moving(self):
        """Return the places, among the arrays, of those that require grad."""
        return [
            place
            for place, one in enumerate(self.arrays)
            if one.dtype.kind in "fc" and place not in self.constant
        ]

    def build(self, library, arrays=None, grad=True):
        """Return the arguments for a library, and the tensors among them.

        Parameters
        ----------
        library : module
            retrograd or torch.
        arrays : list of numpy.ndarray, optional
            To take instead of the sample's own.
        grad : bool
            Whether floating tensors require grad.

        Returns
        -------
        args : tuple
        settings : dict
        tensors : list
            In the order of ``self.arrays``.
        """
        tensors = []
        moving = set(self.moving()) if grad else ()
        own = library.__name__ == "retrograd"

        def convert(given):
            place = len(tensors)
            if arrays is not None:
                given = arrays[place]
            # Neither library takes negative strides, and PyTorch no read-only memory.
            plain = own and all(stride >= 0 for stride in given.strides)
            tensor = library.from_numpy(given if plain else np.array(given, order="C"))
            if place in moving:
                tensor.requires_grad_(True)
            tensors.append(tensor)
            return tensor

        args, settings = _walk((self.args, self.settings), convert, library)
        return args, settings, tensors


def _walk(given, convert, library=None):
    """Return nested arguments with arrays and dtypes replaced."""
    if isinstance(given, np.ndarray):
        return convert(given)
    if isinstance(given, tuple) and hasattr(given, "_fields"):
        return type(given)(*[_walk(one, convert, library) for one in given])
    if isinstance(given, (list, tuple)):
        return type(given)([_walk(one, convert, library) for one in given])
    if isinstance(given, dict):
        return {name: _walk(one, convert, library) for name, one in given.items()}
    if library is not None and (
        isinstance(given, np.dtype) or (isinstance(given, type) and issubclass(given, np.generic))
    ):
        return getattr(library, np.dtype(given).name)
    return given


def _text(given):
    if isinstance(given, np.ndarray):
        return f"{given.dtype}{list(given.shape)}"
    if isinstance(given, (list, tuple)):
        inside = ", ".join(_text(one) for one in given)
        return f"[{inside}]" if isinstance(given, list) else f"({inside})"
    return repr(given)


def collect():
    """Return the samples of every test module, and the modules that could not be imported.

    Returns
    -------
    samples : dict of str to list of Sample
    broken : dict of str to Exception
    """
    here = Path(__file__).parent
    samples: dict[str, list[Sample]] = {}
    broken: dict[str, Exception] = {}
    for folder in ("ops", "nn"):
        for file in sorted(here.glob(f"{folder}/test_*.py")):
            if "SAMPLES" not in file.read_text(encoding="utf-8"):
                continue
            name = f"{__package__}.{folder}.{file.stem}"
            try:
                module = importlib.import_module(name)
            except Exception as error:
                broken[name] = error
                continue
            for public_name, calls in getattr(module, "SAMPLES", {}).items():
                samples.setdefault(public_name, []).extend(calls)
    return samples, broken


def find(library, name):
    """Return what a public name means in a library: a function, or a method or property."""
    place = library
    for part in name.split("."):
        place = getattr(place, part, None)
    if callable(place):
        return place
    found = getattr(library.Tensor, name)
    if callable(found):
        return found
    return lambda tensor: getattr(tensor, name)


def one_operand(draw, *, integers=True, bools=True, halves=True, complexes=False):
    """Return samples of a one-operand elementwise function: layouts and dtypes.

    Parameters
    ----------
    draw : callable
        ``draw(*shape, dtype="float64")``: an array in the function's domain.
    integers, bools, halves, complexes : bool
        Which dtypes the function takes besides float32 and float64.
    """
    samples = [
        Sample(draw(3, 4)),
        Sample(draw()),
        Sample(draw(0, 3)),
        Sample(draw(4, 3).T),
        Sample(draw(6)[::-2]),
        Sample(read_only(draw(2, 1, 3))),
        Sample(draw(5, dtype="float32")),
    ]
    if halves:
        samples.append(Sample(draw(5, dtype="float16"), skip="gradient second"))
    if integers:
        samples.append(Sample(draw(5, dtype="int64")))
        samples.append(Sample(draw(5, dtype="uint8")))
        samples.append(Sample(draw(dtype="int32")))
    if bools:
        samples.append(Sample(draw(5, dtype="bool")))
    if complexes:
        samples.append(Sample(draw(3, dtype="complex128")))
        samples.append(Sample(draw(3, dtype="complex64")))
    return samples


def two_operands(draw, other=None, *, integers=True, bools=True, halves=True, complexes=False):
    """Return samples of a two-operand elementwise function: broadcasts, layouts, dtypes.

    Parameters
    ----------
    draw, other : callable
        ``draw(*shape, dtype="float64")``: an array in the domain of the first operand and of
        the second, by default the same.
    """
    other = other or draw
    samples = [
        Sample(draw(3, 4), other(3, 4)),
        Sample(draw(3, 4), other(4)),
        Sample(draw(1, 4), other(3, 1)),
        Sample(draw(), other(2, 3)),
        Sample(draw(), other()),
        Sample(draw(0, 3), other(3)),
        Sample(draw(4, 3).T, other(4)[::-1]),
        Sample(read_only(draw(3)), read_only(other(3))),
        Sample(draw(3), other(3), constant=(0,)),
        Sample(draw(3), other(3), constant=(1,)),
        Sample(draw(3, dtype="float32"), other(3)),
        Sample(draw(3, dtype="float32"), other()),
        Sample(
            draw(2, 3), other(4), raises=RuntimeError,
            match="The size of tensor a (3) must match the size of tensor b (4) at "
            "non-singleton dimension 1",
        ),
    ]  # fmt: skip
    if halves:
        samples.append(Sample(draw(3, dtype="float16"), other(3, dtype="float32")))
        samples.append(Sample(draw(3, dtype="float16"), other(3, dtype="float16")))
    if integers:
        samples.append(Sample(draw(3, dtype="int64"), other(3, dtype="int64")))
        samples.append(Sample(draw(3, dtype="uint8"), other(3, dtype="int8")))
        samples.append(Sample(draw(3, dtype="int32"), other(dtype="int64")))
        samples.append(Sample(draw(3, dtype="int64"), other(3)))
    if bools:
        samples.append(Sample(draw(3, dtype="bool"), other(3, dtype="bool")))
        samples.append(Sample(draw(3, dtype="bool"), other(3, dtype="float32")))
    if complexes:
        samples.append(Sample(draw(3, dtype="complex128"), other(3, dtype="complex128")))
        samples.append(Sample(draw(3, dtype="complex128"), other(3)))
    return samples


def with_numbers(draw, *numbers, reverse=()):
    """Return samples of a function whose second (or first) operand is a number."""
    samples = []
    for number in numbers:
        samples.append(Sample(draw(3, 2), number))
        samples.append(Sample(draw(3, dtype="float32"), number))
        samples.append(Sample(draw(3, dtype="int64"), number))
        samples.append(Sample(draw(), number))
    for number in reverse:
        samples.append(Sample(number, draw(3, 2)))
        samples.append(Sample(number, draw(3, dtype="int64")))
    return samples
