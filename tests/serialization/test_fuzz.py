"""Some hundred damaged and hostile files; `tools/fuzz_checkpoints.py` alone tries thousands."""

import pytest

from ..commands import run_python
from ..repo.places import ROOT

TOOL = ROOT / "tools" / "fuzz_checkpoints.py"


@pytest.mark.skipif(not TOOL.is_file(), reason="tools/ is only in the repository")
@pytest.mark.parametrize("seed", [1, 2])
def test_each_file_is_refused_or_right(seed):
    done = run_python(str(TOOL), "--count", "400", "--seed", str(seed))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "400 files" in done.stdout
    assert "0 failures" in done.stdout
