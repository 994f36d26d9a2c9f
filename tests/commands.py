"""Run Python or the command `retrograd` in a process of its own, with the same retrograd."""

import os
import subprocess
import sys
from pathlib import Path

import retrograd


def run_command(*arguments: str, **options) -> subprocess.CompletedProcess[str]:
    """Run `python -m retrograd ...`; the options are those of `run_python`."""
    return run_python("-m", "retrograd", *arguments, **options)


def run_python(
    *arguments: str, folder: Path | None = None, **variables: str
) -> subprocess.CompletedProcess[str]:
    """Run `python -W error ...` in a folder, with variables added to the environment."""
    own_folder = str(Path(retrograd.__file__).resolve().parent.parent)
    others = os.environ.get("PYTHONPATH")
    path = own_folder + (os.pathsep + others if others else "")
    return subprocess.run(
        [sys.executable, "-W", "error", *arguments],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": path, **variables},
        cwd=folder,
        timeout=300,
    )
