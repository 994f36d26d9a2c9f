"""docs/anatomy.md is a session that runs and shows what it prints; design notes run as well."""

import numpy as np
import pytest

from .documents import run_python_blocks
from .places import ROOT


def test_the_walk_runs():
    assert run_python_blocks(ROOT / "docs" / "anatomy.md") >= 8


NOTES = sorted((ROOT / "docs" / "design").glob("*.md"))


@pytest.mark.parametrize("note", NOTES, ids=lambda path: path.stem)
def test_the_examples_of_design_notes_run(note):
    settings = np.geterr()
    try:
        run_python_blocks(note)
    finally:
        np.seterr(**settings)


def test_a_wrong_output_is_found(tmp_path):
    file = tmp_path / "wrong.md"
    file.write_text("```python\nx = 1\n```\n\n```python\n>>> x\n2\n```\n")
    with pytest.raises(AssertionError, match=r"wrong\.md"):
        run_python_blocks(file)
    file.write_text("```python\n>>> x = 1\n```\n\n```python\n>>> x\n1\n```\n")
    assert run_python_blocks(file) == 2
