"""No file of the repository names a folder of somebody's machine."""

import re
import subprocess

import pytest

from .places import ROOT

# Written in two pieces, so that this file is not its own first finding.
TOP_FOLDERS = ("home", "work", "tmp", "root", "Users", "mnt", "opt")
MACHINE_PATH = re.compile(
    r"(?<![\w.$}~*])" + "/" + rf"(?:{'|'.join(TOP_FOLDERS)})" + r"/[\w.-]+"
    rf"|(?<!\w)[A-Z]:\\(?:{'|'.join(TOP_FOLDERS)})\\"
)


def tracked_files():
    """Every file that is in the repository, or would be with the next commit."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    try:
        done = subprocess.run(command, cwd=ROOT, capture_output=True, check=True, text=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("not a checkout of the repository")
    return sorted({ROOT / name for name in done.stdout.split("\0") if name})


def machine_paths(text):
    return [
        (number, found.group())
        for number, line in enumerate(text.splitlines(), start=1)
        for found in MACHINE_PATH.finditer(line)
    ]


def test_no_file_names_a_folder_of_a_machine():
    problems = []
    for path in tracked_files():
        if not path.is_file():
            continue
        try:
            text = path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue  # data
        for number, found in machine_paths(text):
            problems.append(f"{path.relative_to(ROOT)}:{number}: {found}")
    assert problems == []


def test_such_paths_are_found():
    folder = "/" + "home"
    assert machine_paths(f"x\nopen('{folder}/ann/data.npz')") == [(2, f"{folder}/ann")]
    assert machine_paths(f"see docs{folder}/ann, {folder}, https://example.org{folder}/ann") == []
