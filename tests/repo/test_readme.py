"""What README.md shows runs and prints what it says; what it says is missing is missing."""

import re
import runpy

import pytest

from retrograd import cli

from ..commands import run_python
from .documents import blocks, check_document
from .places import ROOT

TEXT = (ROOT / "README.md").read_text(encoding="utf-8")
PROGRAM = "```python title=overwritten.py\n"


def section(title):
    return TEXT.partition(f"\n## {title}\n")[2].partition("\n## ")[0]


def torch_names(text):
    return re.findall(r"`(torch(?:\.\w+)+)`", text)


@pytest.fixture
def is_present():
    return runpy.run_path(str(ROOT / "tools" / "list_missing_names.py"))["is_present"]


def test_the_python_blocks_run(tmp_path):
    before, after = TEXT.split(PROGRAM)
    # That program ends with an error; it has a test of its own.
    file = tmp_path / "README.md"
    file.write_text(before + after.partition("```\n")[2], encoding="utf-8")
    check_document(file, at_least=7)


def test_floating_point_warnings_are_off_and_can_be_had_back():
    code = "import retrograd, numpy as np; print(np.geterr()['divide'])\n"
    undo = [text for _, text, _ in blocks(TEXT) if "np.seterr" in text]
    done = run_python("-c", code + undo[0] + code)
    assert done.stdout.split() == ["ignore", "warn"], done.stderr


def test_the_error_names_both_lines(tmp_path):
    program, rest = TEXT.split(PROGRAM)[1].split("```\n", 1)
    (tmp_path / "overwritten.py").write_text(program, encoding="utf-8")
    done = run_python("overwritten.py", folder=tmp_path)
    language, shown, _ = blocks(rest)[0]
    assert language == "text"
    printed = done.stderr.replace(f"{tmp_path}/", "")
    assert " ".join(shown.split()) in " ".join(printed.split())


def test_the_commands_exist():
    shown = [text for language, text, _ in blocks(TEXT) if language == "console"]
    commands = set(re.findall(r"\bretrograd (\w+)", "\n".join(shown)))
    assert commands >= {"demo", "run"}
    for command in commands:
        with pytest.raises(SystemExit) as ended:
            cli.make_parser().parse_args([command, "--help"])
        assert ended.value.code == 0


def test_ci_runs_the_commands_shown():
    script = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    assert "pip install '.[test]' && pytest\n" in TEXT
    assert "(pip install '.[test]' && pytest)\n" in script
    assert "pip install . && retrograd demo\n" in TEXT
    assert "retrograd demo)\n" in script


def test_what_works_is_there(is_present):
    names = torch_names(section("What works"))
    assert len(names) > 15
    assert [name for name in names if not is_present(name)] == []


def test_what_does_not_work_is_not_there(is_present):
    names = torch_names(section("What does not work yet"))
    assert [name for name in names if is_present(name)] == []


def test_the_links_lead_somewhere():
    links = re.findall(r"\]\((?!https?:)([^)#]+)\)", TEXT)
    assert len(links) > 4
    assert [link for link in links if not (ROOT / link).exists()] == []
