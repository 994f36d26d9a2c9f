"""Ways to run a program of `programs/` or of `examples/`: each returns what it printed."""

import contextlib
import io
import re
import warnings
from pathlib import Path

HERE = Path(__file__).resolve().parent
PROGRAMS = sorted((HERE / "programs").glob("*.py"))
EXAMPLES = sorted((HERE.parent.parent / "examples").glob("*.py"))

# `import torch.x` alone is not among them: it binds `torch`, which no import of retrograd's does.
IMPORTS = (
    (re.compile(r"^(\s*)import torch$", re.MULTILINE), r"\1import retrograd as torch"),
    (re.compile(r"^(\s*)import torch(\.[\w.]+ as \w+)$", re.MULTILINE), r"\1import retrograd\2"),
    (
        re.compile(r"^(\s*)from torch((?:\.\w+)*) import ", re.MULTILINE),
        r"\1from retrograd\2 import ",
    ),
)


def expected_text(program: Path) -> str:
    """What the program prints under PyTorch; written by write_expected.py."""
    return (HERE / "expected" / f"{program.stem}.txt").read_text()


def with_retrograd(source: str) -> str:
    """The program with each `import torch` turned into an import of retrograd."""
    for pattern, replacement in IMPORTS:
        source = pattern.sub(replacement, source)
    left = re.search(r"^\s*(import|from) torch\b.*", source, re.MULTILINE)
    if left:
        raise ValueError(f"do not know how to rewrite {left.group()!r}")
    return source


def run_here(source: str, program: Path) -> str:
    """Run the source in this process, every warning an error."""
    printed = io.StringIO()
    names = {"__name__": "__main__", "__file__": str(program)}
    code = compile(source, str(program), "exec", dont_inherit=True)
    with contextlib.redirect_stdout(printed), warnings.catch_warnings():
        warnings.simplefilter("error")
        exec(code, names)
    return printed.getvalue()
