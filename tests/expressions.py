"""Short expressions and what PyTorch 2.13 says to them, from ``data/tensor_api.json``.

Each is evaluated with ``t`` bound to a library.  Run this file to write down again, with the
PyTorch at hand, the results of the expressions in the file (and of those given on standard input,
as ``family<tab>expression`` lines).
"""

from __future__ import annotations

import builtins
import copy
import json
import operator
import pickle
import sys
import warnings
from pathlib import Path

import numpy as np

FILE = Path(__file__).parent / "data" / "tensor_api.json"


def recorded(family):
    """Return the (expression, result) pairs of a family."""
    return [tuple(pair) for pair in json.loads(FILE.read_text())[family]]


def shown(value):
    """Return a text for a result that is equal where the results are."""
    if isinstance(value, (tuple, list)):
        return f"{type(value).__name__}[{', '.join(shown(part) for part in value)}]"
    if hasattr(value, "requires_grad") and hasattr(value, "stride"):
        numbers = value.detach().tolist()
        return (
            f"{value.dtype} {tuple(value.shape)} {tuple(value.stride())} "
            f"{value.requires_grad} {value.is_leaf} {numbers!r}"
        )
    return repr(value)


def evaluated(expression, library):
    """Return the shown result; an exception as ``!Type: first line of its text``."""
    names = {"t": library, "np": np, "copy": copy, "pickle": pickle}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return shown(eval(expression, names))
        except Exception as error:
            line = str(error).split("\n")[0].strip()
            for kind in type(error).__mro__:
                if kind.__module__ == "builtins":
                    return f"!{kind.__name__}: {line}"
            raise


def raised(expression, library):
    """Return the exception that an expression raises, or None."""
    names = {"t": library, "np": np, "copy": copy, "pickle": pickle}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            eval(expression, names)
        except Exception as error:
            return error
    return None


def check(expression, expected, library):
    """Assert that an expression gives the recorded result, or an error of that kind and text."""
    if not expected.startswith("!"):
        assert evaluated(expression, library) == expected
        return
    kind, _, text = expected[1:].partition(": ")
    error = raised(expression, library)
    if "'numpy.bool' object" in text and numpy_counts_truths():
        assert error is None
        return
    assert isinstance(error, getattr(builtins, kind)), error
    assert str(error).split("\n")[0].strip() == text


def numpy_counts_truths():
    """Say whether NumPy takes its truth values for numbers: it did until 2.2."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return operator.index(np.bool_(True)) == 1
        except TypeError:
            return False


def write(new):
    """Record what PyTorch says to the expressions of the file and to new ones."""
    import torch

    families = json.loads(FILE.read_text()) if FILE.exists() else {}
    for family, expression in new:
        families.setdefault(family, []).append([expression, ""])
    for family, pairs in families.items():
        expressions = dict.fromkeys(pair[0] for pair in pairs)
        families[family] = [[e, evaluated(e, torch)] for e in expressions]
    FILE.write_text(json.dumps(families, indent=0) + "\n")


if __name__ == "__main__":
    given = [] if sys.stdin.isatty() else sys.stdin.read().splitlines()
    write([tuple(line.split("\t", 1)) for line in given if "\t" in line])
