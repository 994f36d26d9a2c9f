"""No file is longer than a reader can hold: 700 lines, and no file is called utils or helpers."""

import pytest

from .places import PACKAGE, ROOT, sources

LONGEST = 700
FOLDERS = [PACKAGE, ROOT / "tests", ROOT / "benchmarks", ROOT / "tools"]
# PyTorch's own names.
UTILS = {"distributions/utils", "nn/utils", "utils"}


def too_long(files, root):
    lengths = {path: len(path.read_text(encoding="utf-8").splitlines()) for path in files}
    return [
        f"{path.relative_to(root)}: {length} lines, {LONGEST} at most"
        for path, length in lengths.items()
        if length > LONGEST
    ]


@pytest.mark.parametrize("folder", [f for f in FOLDERS if f.is_dir()], ids=lambda f: f.name)
def test_no_file_is_too_long(folder):
    assert too_long(sources(folder), ROOT) == []


def test_a_long_file_is_found(tmp_path):
    file = tmp_path / "long.py"
    file.write_text("\n" * (LONGEST + 1))
    assert too_long([file], tmp_path) == ["long.py: 701 lines, 700 at most"]


@pytest.mark.skipif(not PACKAGE.is_dir(), reason="src/ is only in the repository")
def test_no_file_has_a_name_that_says_nothing():
    empty_names = {"utils", "util", "misc", "helpers", "common"}
    found = []
    for path in sources(PACKAGE):
        name = path.parent if path.stem == "__init__" else path.with_suffix("")
        if name.name in empty_names and name.relative_to(PACKAGE).as_posix() not in UTILS:
            found.append(path.relative_to(PACKAGE).as_posix())
    assert found == []
