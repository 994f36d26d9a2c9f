"""Run the Python of a Markdown document: its blocks share one namespace, as one session.

`python -m tests.repo.documents FILE` does it in a process where nothing else has happened.
"""

import doctest
import re
import sys
from pathlib import Path

from ..commands import run_python
from .places import ROOT

FENCE = re.compile(r"^```(\w*)[^\n]*\n(.*?)^```\s*$", re.MULTILINE | re.DOTALL)


def blocks(text: str) -> list[tuple[str, str, int]]:
    """Return (language, text, line of the first line) of every fenced block."""
    return [
        (found[1], found[2], text.count("\n", 0, found.start(2)) + 1)
        for found in FENCE.finditer(text)
    ]


def check_document(path: Path, at_least: int) -> None:
    """Run a document's Python in a fresh process and fail unless it says what it prints."""
    done = run_python("-m", "tests.repo.documents", str(path), folder=ROOT)
    assert done.returncode == 0, done.stdout + done.stderr
    assert int(done.stdout.split()[-1]) >= at_least, done.stdout


def run_python_blocks(path: Path) -> tuple[int, str]:
    """Run the blocks marked python in order; return how many there were, and what was wrong.

    Blocks of a session (``>>>``) are checked against the output they show, others are run.
    """
    names: dict[str, object] = {"__name__": "__main__"}
    report: list[str] = []
    parser = doctest.DocTestParser()
    flags = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
    runner = doctest.DocTestRunner(optionflags=flags, verbose=False)
    count = 0
    for language, text, line in blocks(path.read_text(encoding="utf-8")):
        if language != "python":
            continue
        count += 1
        if text.lstrip().startswith(">>>"):
            # A name of its own for each block: errors that quote source lines find them by it.
            test = parser.get_doctest(text, {}, f"{path.name}:{line}", str(path), line - 1)
            test.globs = names  # all blocks in one dictionary; doctest would make a copy of it
            runner.run(test, out=report.append, clear_globs=False)
        else:
            exec(compile("\n" * (line - 1) + text, str(path), "exec", dont_inherit=True), names)
    return count, "".join(report)


def main() -> int:
    count, wrong = run_python_blocks(Path(sys.argv[1]))
    print(f"{wrong}blocks: {count}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
