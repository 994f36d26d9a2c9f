"""How a tensor is printed: PyTorch's text, character for character.

The text is made in three steps, one function each: the numbers become strings of one
width (`_cells`), the strings become nested, wrapped and summarised brackets (`_brackets`),
and what the numbers do not show (device, size, dtype, gradient) is appended (`tensor_text`).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

_PROFILES: dict[str, dict[str, Any]] = {
    "default": {"precision": 4, "threshold": 1000, "edgeitems": 3, "linewidth": 80},
    "short": {"precision": 2, "threshold": 1000, "edgeitems": 2, "linewidth": 80},
    "full": {"precision": 4, "threshold": math.inf, "edgeitems": 3, "linewidth": 80},
}


class PrintOptions:
    """The settings of `set_printoptions`; one instance, shared by all threads as in PyTorch."""

    __slots__ = ("edgeitems", "linewidth", "precision", "sci_mode", "threshold")

    precision: int
    threshold: float
    edgeitems: int
    linewidth: float
    sci_mode: bool | None

    def __init__(self) -> None:
        self.sci_mode = None
        self.use_profile("default")

    def use_profile(self, name: str) -> None:
        for option, value in _PROFILES[name].items():
            setattr(self, option, value)


print_options = PrintOptions()


def set_printoptions(
    precision: int | None = None,
    threshold: float | None = None,
    edgeitems: int | None = None,
    linewidth: float | None = None,
    profile: str | None = None,
    sci_mode: bool | None = None,
) -> None:
    """Set how tensors are printed, for the whole process.

    Parameters
    ----------
    precision : int, optional
        Digits after the decimal point (4 at first).
    threshold : int, optional
        Tensors with more elements than this are summarised (1000 at first).
    edgeitems : int, optional
        Elements shown at either end of each summarised dimension (3 at first).
    linewidth : int, optional
        Columns after which a line is broken (80 at first).
    profile : {"default", "short", "full"}, optional
        Settings to start from, the other arguments being applied on top. An unknown
        name is ignored, as in PyTorch.
    sci_mode : bool, optional
        Whether floats are written as ``1.0000e+00``. Unlike the other settings this one
        does not persist: a call that leaves it out lets each tensor decide again.

    Examples
    --------
    >>> import retrograd as torch
    >>> torch.set_printoptions(precision=2)
    >>> torch.tensor([1.12345])
    tensor([1.12])
    >>> torch.set_printoptions(profile="default")
    """
    if isinstance(profile, str) and profile in _PROFILES:
        print_options.use_profile(profile)
    if precision is not None:
        print_options.precision = precision
    if threshold is not None:
        print_options.threshold = threshold
    if edgeitems is not None:
        print_options.edgeitems = edgeitems
    if linewidth is not None:
        print_options.linewidth = linewidth
    print_options.sci_mode = sci_mode


def tensor_text(
    array: np.ndarray | None,
    *,
    prefix: str = "tensor(",
    shape: tuple[int, ...] | None = None,
    dtype: str | None = None,
    default_dtype: str = "torch.float32",
    device: str | None = None,
    requires_grad: bool = False,
    grad_fn: str | None = None,
    tail: Iterable[str] = (),
) -> str:
    """Return what ``repr`` of a tensor shows.

    Parameters
    ----------
    array : numpy.ndarray or None
        The elements, of any shape; None for a tensor without data (device ``meta``),
        whose `shape` and `dtype` must then be given.
    prefix : str
        The opening, ``tensor(`` or the name of a subclass with its bracket.
        Continuation lines are indented by its length.
    shape : tuple of int, optional
        The shape where `array` is None.
    dtype : str, optional
        The dtype's name, ``torch.float64`` for instance; by default that of `array`.
    default_dtype : str
        The name of the current default dtype, which is not printed.
    device : str, optional
        The device where it is to be printed (``cuda:0``), None for the CPU.
    requires_grad : bool
        Whether to say ``requires_grad=True``; `grad_fn` takes its place.
    grad_fn : str, optional
        The name of the node that made the tensor, ``AddBackward0``.
    tail : iterable of str
        Further suffixes, put last: ``tangent=tensor(1.)``.

    Examples
    --------
    >>> tensor_text(np.arange(3.0), grad_fn="MulBackward0")
    'tensor([0., 1., 2.], dtype=torch.float64, grad_fn=<MulBackward0>)'
    """
    if array is None:
        if shape is None or dtype is None:
            raise ValueError("tensor_text: a tensor without data needs 'shape' and 'dtype'")
    else:
        shape = array.shape
        dtype = dtype or f"torch.{array.dtype.name}"
    # What "..." and "[]" do not show, shape and kind of number, has to be said.
    empty = array is not None and array.size == 0
    shown = array is not None and not empty

    suffixes = []
    if device is not None:
        suffixes.append(f"device='{device}'")
    if array is None or (empty and len(shape) != 1) or (shown and print_options.edgeitems <= 0):
        suffixes.append(f"size={tuple(shape)}")
    if not _goes_without_saying(dtype, default_dtype, shown):
        suffixes.append(f"dtype={dtype}")
    if grad_fn is not None:
        suffixes.append(f"grad_fn=<{grad_fn}>")
    elif requires_grad:
        suffixes.append("requires_grad=True")
    suffixes.extend(tail)

    if array is None:
        body = "..."
    elif empty:
        body = "[]"
    else:
        body = _body(array, len(prefix))
    return _append(prefix + body, suffixes, len(prefix)) + ")"


def format_scalar(array: np.ndarray, specification: str) -> str:
    """Format the one element of a 0-d array as Python formats the number: ``f"{loss:.3f}"``.

    PyTorch does so for 0-d tensors of class Tensor itself. Every other tensor (more
    dimensions, Parameter, subclasses) is for ``object.__format__`` to handle, which takes
    no specification and raises TypeError for one. A meta tensor has no element to format.
    """
    return format(_plain(array).item(), specification)


def _goes_without_saying(dtype: str, default_dtype: str, shown: bool) -> bool:
    if dtype == default_dtype:
        return True
    if not shown:
        return False
    default_complex = "torch.complex128" if default_dtype == "torch.float64" else "torch.complex64"
    return dtype in ("torch.int64", "torch.bool", default_complex)


def _append(text: str, suffixes: list[str], indent: int) -> str:
    """Append the suffixes, each on a new line where the last one has no room for it."""
    start = text.rfind("\n") + 1
    finished, line = text[:start], text[start:]
    # PyTorch keeps two columns free behind the numbers' last line, none on lines it adds.
    spare = 2
    for suffix in suffixes:
        longer = f"{line}, {suffix}"
        if len(longer) + spare <= print_options.linewidth:
            line = longer
        else:
            finished += line + ",\n"
            line = " " * indent + suffix
            spare = 0
    return finished + line


def _body(array: np.ndarray, indent: int) -> str:
    """Return the nested brackets of a non-empty array, or the number of a 0-d one."""
    shape = array.shape
    edge = 0
    if array.size > print_options.threshold and array.ndim > 0:
        edge = print_options.edgeitems
        if edge <= 0:
            return "[...]"
        array = _corners(array, edge)
    cells, width = _cells(_plain(array))
    if not shape:
        return cells[0]
    return _brackets(iter(cells), shape, indent, width, edge)


def _corners(array: np.ndarray, edge: int) -> np.ndarray:
    """Return what a summary shows: the first and last `edge` elements of each long axis."""
    # The longest axis goes first, so that little is copied however large the array is.
    for axis in sorted(range(array.ndim), key=array.shape.__getitem__, reverse=True):
        length = array.shape[axis]
        if length > 2 * edge:
            ends = [*range(edge), *range(length - edge, length)]
            array = array[(slice(None),) * axis + (ends,)]
    return array


def _brackets(
    cells: Iterator[str], shape: tuple[int, ...], indent: int, width: int, edge: int
) -> str:
    """Lay out the next cells in this shape, its long axes cut to `edge` at both ends if not 0."""
    length = shape[0]
    cut = 0 < 2 * edge < length
    shown = 2 * edge if cut else length
    newline = " " * (indent + 1)
    if len(shape) == 1:
        row = [next(cells) for _ in range(shown)]
        if cut:
            row.insert(edge, " ...")
        per_line = max(1, math.floor((print_options.linewidth - indent) / (width + 2)))
        lines = [", ".join(row[i : i + per_line]) for i in range(0, len(row), per_line)]
        return "[" + (",\n" + newline).join(lines) + "]"
    blocks = [_brackets(cells, shape[1:], indent + 1, width, edge) for _ in range(shown)]
    if cut:
        blocks.insert(edge, "...")
    return "[" + ("," + "\n" * (len(shape) - 1) + newline).join(blocks) + "]"


def _plain(array: np.ndarray) -> np.ndarray:
    """Return the array in a dtype of NumPy's own (bfloat16 is not one of them)."""
    return array if array.dtype.kind in "biufc" else array.astype(np.float32)


def _cells(array: np.ndarray) -> tuple[list[str], int]:
    """Return each element as padded text, in row-major order, and the width of a column."""
    values = array.ravel().tolist()
    kind = array.dtype.kind
    if kind == "f":
        return _float_cells(values)
    if kind == "c":
        reals, real_width = _float_cells([value.real for value in values])
        imaginaries, imaginary_width = _float_cells([value.imag for value in values])
        cells = [_join_complex(*parts) for parts in zip(reals, imaginaries)]
        return cells, real_width + imaginary_width + 1
    cells = [str(value) for value in values]
    width = max(map(len, cells))
    return [cell.rjust(width) for cell in cells], width


def _join_complex(real: str, imaginary: str) -> str:
    imaginary = imaginary.lstrip()
    sign = "" if imaginary.startswith("-") else "+"
    return f"{real}{sign}{imaginary}j"


def _float_cells(values: list[float]) -> tuple[list[str], int]:
    """Format floats alike: whole (``1.``), fixed (``1.0000``) or scientific (``1.0000e+00``).

    The finite numbers other than zero decide the style and the width; zero, nan and inf
    follow it, and may stick out of their column.
    """
    deciding = [value != 0 and math.isfinite(value) for value in values]
    style, point = _float_style([v for v, decides in zip(values, deciding) if decides])
    cells = [f"{value:{style}}" for value in values]
    if point:
        cells = [cell + point if math.isfinite(v) else cell for cell, v in zip(cells, values)]
    width = max((len(cell) for cell, decides in zip(cells, deciding) if decides), default=1)
    return [cell.rjust(width) for cell in cells], width


def _float_style(deciding: list[float]) -> tuple[str, str]:
    """Return how to write a column whose finite numbers but zero are `deciding`.

    That is a format specification, and the decimal point to put behind its text if any.
    """
    if not deciding:
        return ".0f", "."
    magnitudes = [abs(value) for value in deciding]
    smallest = min(magnitudes)
    largest = max(magnitudes)
    whole = all(value.is_integer() for value in magnitudes)
    scientific = print_options.sci_mode
    if scientific is None:
        scientific = largest / smallest > 1000 or largest > 1e8 or (smallest < 1e-4 and not whole)
    if scientific:
        return f".{print_options.precision}e", ""
    if whole:
        return ".0f", "."
    return f".{print_options.precision}f", ""
