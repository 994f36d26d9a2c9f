"""What both libraries do with one program, `program(library, data)`, where PyTorch is installed."""

from __future__ import annotations

import importlib
import warnings

from ..nn.parity import check_parity


def check_data(program):
    """Compare results, warnings, errors, and the default stream afterwards."""

    def whole(library, nn):
        data = importlib.import_module(library.__name__ + ".utils.data")
        # Python 3.12 and later warn of forks beside threads, where PyTorch lets them.
        warnings.filterwarnings("ignore", "This process .*multi-threaded", DeprecationWarning)
        result = program(library, data)
        return result, library.rand(1)

    check_parity(whole, tolerance=0)
