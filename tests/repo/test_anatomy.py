"""The walks in docs/ are sessions that run and show what they print; design notes run as well."""

import pytest

from .documents import check_document
from .places import ROOT

NOTES = sorted((ROOT / "docs" / "design").glob("*.md"))


def test_the_walk_runs():
    check_document(ROOT / "docs" / "anatomy.md", at_least=8)


def test_the_tour_of_static_graphs_runs():
    check_document(ROOT / "docs" / "static.md", at_least=7)


def test_the_tour_of_compile_runs():
    check_document(ROOT / "docs" / "compile.md", at_least=6)


@pytest.mark.parametrize("note", NOTES, ids=lambda path: path.stem)
def test_the_examples_of_design_notes_run(note):
    check_document(note, at_least=0)


def test_a_wrong_output_is_found(tmp_path):
    file = tmp_path / "session.md"
    file.write_text("```python\nx = 1\n```\n\n```python\n>>> x\n2\n```\n")
    with pytest.raises(AssertionError, match=r"Expected:\s+2\s+Got:\s+1"):
        check_document(file, at_least=2)
    file.write_text("```python\n>>> x = 1\n```\n\n```python\n>>> x\n1\n```\n")
    check_document(file, at_least=2)
    with pytest.raises(AssertionError, match="blocks: 2"):
        check_document(file, at_least=3)
    file.write_text("```python\nraise ValueError(3)\n```\n")
    with pytest.raises(AssertionError, match=r"ValueError: 3"):
        check_document(file, at_least=1)
