"""Run one program on retrograd and on PyTorch and compare what a user would see."""

from __future__ import annotations

import re
import warnings

import pytest

import retrograd

_PATHS = re.compile(r"(torch|retrograd)(\.\w+)*\.(?=\w+[>' ])")
_ADDRESSES = re.compile(r"0x[0-9a-f]+")


def seen(program, library):
    """Return the text of a program's result, or of its error, and of its warnings."""
    library.manual_seed(0)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            text = repr(program(library, library.nn))
        except Exception as error:  # the error is the result
            text = f"{type(error).__name__}: {error}"
    texts = [text, *[f"{w.category.__name__}: {w.message}" for w in caught]]
    return [_ADDRESSES.sub("0x", _PATHS.sub("", text)) for text in texts]


def check_parity(program):
    """Compare a program's visible outcome on both libraries, where PyTorch is installed."""
    torch = pytest.importorskip("torch")
    ours, theirs = seen(program, retrograd), seen(program, torch)
    assert ours == theirs, "\n".join(["retrograd:", *ours, "torch:", *theirs])
