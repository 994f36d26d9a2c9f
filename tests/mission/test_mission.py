"""The programs of the mission and the examples, under retrograd in two ways and under PyTorch."""

from pathlib import Path

import pytest

from tests.commands import run_command

from .running import EXAMPLES, HERE, PROGRAMS, expected_text, run_here, with_retrograd

every_program = pytest.mark.parametrize(
    "program", (*PROGRAMS, *EXAMPLES), ids=lambda program: program.stem
)


@every_program
def test_through_the_command(program):
    ran = run_command("run", str(program))
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout == expected_text(program)
    assert ran.stderr == ""


@every_program
def test_through_an_import_of_retrograd(program):
    assert run_here(program, "retrograd") == expected_text(program)


@every_program
def test_under_pytorch(program):
    torch = pytest.importorskip("torch")
    assert "retrograd" not in torch.__name__
    assert run_here(program) == expected_text(program)


def test_every_program_has_its_expected_text():
    texts = {path.stem for path in (HERE / "expected").glob("*.txt")}
    stems = [program.stem for program in (*PROGRAMS, *EXAMPLES)]
    assert sorted(texts) == sorted(stems)
    assert len(PROGRAMS) == 18
    assert "digits" in stems


def test_digits_are_learnt():
    # Twenty losses, then the accuracy; what PyTorch prints, so the test above covers retrograd.
    *losses, accuracy = expected_text(Path("digits.py")).splitlines()
    assert len(losses) == 20
    assert float(accuracy.partition("(")[2].partition(" %")[0]) > 97


def test_imports_are_rewritten():
    source = (
        "import torch\nimport torch.nn.functional as F\nfrom torch import nn\n"
        "from torch.autograd import Function\n    import torch\nimport torchlike\n"
    )
    assert with_retrograd(source) == (
        "import retrograd as torch\nimport retrograd.nn.functional as F\nfrom retrograd import nn\n"
        "from retrograd.autograd import Function\n    import retrograd as torch\nimport torchlike\n"
    )
    with pytest.raises(ValueError, match=r"do not know how to rewrite 'import torch\.nn'"):
        with_retrograd("import torch.nn\n")
