"""What tests of compiled functions share."""

from __future__ import annotations

import pytest

from retrograd.compiler import launching, warming
from retrograd.compiler.function import CompiledFunction


@pytest.fixture(autouse=True)
def recorded_at_once(monkeypatch):
    """Let long functions be recorded in the first call, whatever share of the time that is.

    And replayed from the second on.
    """
    monkeypatch.setattr(warming, "LONG", 0)
    monkeypatch.setattr(warming, "AT_ONCE", 10**9)


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


@pytest.fixture
def never_by_numpy(monkeypatch):
    """Let no kernel hand its work back."""

    def by_numpy(stretch):
        def again(*arrays):
            raise AssertionError("a kernel was not run")

        return again

    monkeypatch.setattr(launching, "by_numpy", by_numpy)
