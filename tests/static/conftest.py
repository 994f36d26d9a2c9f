"""Recording and lowering happen when they are due here too."""

from ..compiler.conftest import unlimited_budget as unlimited_budget
