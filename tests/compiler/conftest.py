"""Recording and lowering happen when they are due here, however long that takes."""

from __future__ import annotations

import pytest

from retrograd.compiler.budget import budget


@pytest.fixture(autouse=True)
def unlimited_budget(monkeypatch):
    monkeypatch.setattr(budget, "limited", False)
