"""What tests of compiled functions share."""

from __future__ import annotations

import pytest

from retrograd.compiler.function import CompiledFunction


@pytest.fixture
def records(monkeypatch):
    """Count how often compiled functions run for real."""
    found = []
    real = CompiledFunction.run

    def counted(self, *args):
        found.append(self.__name__)
        return real(self, *args)

    monkeypatch.setattr(CompiledFunction, "run", counted)
    return found
