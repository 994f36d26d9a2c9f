"""Ways to run a program of `programs/` or of `examples/`: each returns what it printed."""

import contextlib
import io
import re
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

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


def run_here(program: Path, library: str = "torch") -> str:
    """Run the program in this process, every warning an error."""
    printed = io.StringIO()
    with (
        contextlib.redirect_stdout(printed),
        neighbours(program, library),
        warnings.catch_warnings(),
    ):
        warnings.simplefilter("error")
        execute(program, library, {"__name__": "__main__", "__file__": str(program)})
    return printed.getvalue()


def execute(program: Path, library: str, names: dict[str, Any]) -> None:
    source = program.read_text()
    source = with_retrograd(source) if library == "retrograd" else source
    exec(compile(source, str(program), "exec", dont_inherit=True), names)


@contextlib.contextmanager
def neighbours(program: Path, library: str) -> Iterator[None]:
    """Let a program import the files beside it, brought to the same library."""
    loaded = []
    for path in program.parent.glob("*.py"):
        if re.search(rf"^from {path.stem} import ", program.read_text(), re.MULTILINE):
            module = ModuleType(path.stem)
            module.__file__ = str(path)
            execute(path, library, module.__dict__)
            sys.modules[path.stem] = module
            loaded.append(path.stem)
    try:
        yield
    finally:
        for name in loaded:
            del sys.modules[name]
