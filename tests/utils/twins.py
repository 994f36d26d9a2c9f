"""What both libraries do with one program, `program(library, data)`, where PyTorch is installed."""

from __future__ import annotations

import importlib

from ..nn.parity import check_parity


def check_data(program):
    """Compare results, warnings, errors, and the default stream afterwards."""

    def whole(library, nn):
        data = importlib.import_module(library.__name__ + ".utils.data")
        result = program(library, data)
        return result, library.rand(1)

    check_parity(whole, tolerance=0)
