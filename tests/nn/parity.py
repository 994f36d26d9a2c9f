"""Run one program on retrograd and on PyTorch and compare what a user would see."""

from __future__ import annotations

import re
import warnings

import numpy as np
import pytest

import retrograd

_PATHS = re.compile(r"(torch|retrograd)(\.\w+)*\.(?=\w+[>' ])")
_NOTES = re.compile(r"\nwhile computing .*")  # ours alone
_ADDRESSES = re.compile(r"0x[0-9a-f]+")


def plain(value, library):
    """Return a program's result as lists, texts and (description, array) pairs for tensors."""
    if isinstance(value, library.Tensor):
        node = value.grad_fn.name() if value.grad_fn is not None else None
        about = f"{type(value).__name__} {value.dtype} {value.requires_grad} {node}"
        return about, value.detach().numpy()
    if isinstance(value, (list, tuple)) and not hasattr(value, "_fields"):
        return [type(value).__name__, *[plain(v, library) for v in value]]
    if isinstance(value, dict):
        return ["dict", *[[str(k), plain(v, library)] for k, v in value.items()]]
    text = str(value) if isinstance(value, str) else repr(value)
    return _ADDRESSES.sub("0x", _PATHS.sub("", text))


def seen(program, library):
    """Return a program's result, or its error, and its warnings, in plain form."""
    library.manual_seed(0)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            result = program(library, library.nn)
        except Exception as error:  # the error is the result
            result = _NOTES.sub("", f"{type(error).__name__}: {error}")
        result = plain(result, library)
    return [result, *[f"{w.category.__name__}: {w.message}" for w in caught]]


def compare(ours, theirs, tolerance):
    """Compare two plain results; numbers may differ by a relative and absolute tolerance."""
    if isinstance(theirs, tuple) and isinstance(theirs[1], np.ndarray):
        assert isinstance(ours, tuple), f"{ours}, but PyTorch has {theirs}"
        assert ours[0] == theirs[0]
        assert ours[1].shape == theirs[1].shape
        np.testing.assert_allclose(ours[1], theirs[1], rtol=tolerance, atol=tolerance)
    elif isinstance(theirs, list):
        assert isinstance(ours, list), f"{ours}, but PyTorch has {theirs}"
        assert len(ours) == len(theirs), f"{ours}, but PyTorch has {theirs}"
        for one, other in zip(ours, theirs, strict=True):
            compare(one, other, tolerance)
    else:
        assert ours == theirs, f"{ours}, but PyTorch has {theirs}"


def check_parity(program, tolerance=2e-6):
    """Compare a program's visible outcome on both libraries, where PyTorch is installed."""
    torch = pytest.importorskip("torch")
    compare(seen(program, retrograd), seen(program, torch), tolerance)
