"""Keep the ledger of PyTorch's names: tests/data/names_missing.txt.

Usage: `python tools/list_missing_names.py` rewrites the list of the names that retrograd does not
have yet, out of those in tests/data/names.txt; with `--check` it says what differs and writes
nothing.
"""

import argparse
import importlib
import sys
from pathlib import Path
from types import ModuleType

DATA = Path(__file__).resolve().parent.parent / "tests" / "data"
NAMES = DATA / "names.txt"
MISSING = DATA / "names_missing.txt"
HINT = "regenerate it by: python tools/list_missing_names.py"


def read(path: Path) -> list[str]:
    """The names of a list; blank lines and lines that begin with # do not count."""
    lines = path.read_text(encoding="utf-8").splitlines()
    return [line.strip() for line in lines if line.strip() and not line.startswith("#")]


def is_present(name: str) -> bool:
    """Whether retrograd has `torch.a.b` as `retrograd.a.b`."""
    found = importlib.import_module("retrograd")
    for part in name.split(".")[1:]:
        try:
            child = getattr(found, part)
        except AttributeError:
            if not isinstance(found, ModuleType):
                return False
            child = submodule(f"{found.__name__}.{part}")
            if child is None:
                return False
        if isinstance(found, type) and is_from_object(found, part):
            return False
        found = child
    return True


def submodule(name: str) -> ModuleType | None:
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name != name:
            raise
        return None


def is_from_object(kind: type, name: str) -> bool:
    """Whether a class has a method only because every Python object has it."""
    if name == "__hash__":
        return kind.__hash__ is None
    return not any(name in vars(base) for base in kind.__mro__ if base is not object)


def missing_names() -> list[str]:
    """The names of NAMES that retrograd does not have, in that file's order."""
    return [name for name in read(NAMES) if not is_present(name)]


def differences(listed: list[str], missing: list[str]) -> tuple[list[str], list[str]]:
    """Names listed as missing that are there, and names missing that are not listed."""
    return (
        [name for name in listed if name not in missing],
        [name for name in missing if name not in listed],
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="compare, write nothing")
    check = parser.parse_args().check
    missing = missing_names()
    total = len(read(NAMES))
    print(f"{total - len(missing)} of {total} names are there, {len(missing)} are missing")
    if check:
        added, lost = differences(read(MISSING), missing)
        for name in added:
            print(f"listed as missing, but there: {name}")
        for name in lost:
            print(f"missing, but not listed: {name}")
        return 1 if added or lost else 0
    head = (
        "# Names of PyTorch 2.13 (names.txt) that retrograd does not have yet.\n"
        "# Written by: python tools/list_missing_names.py\n"
    )
    MISSING.write_text(head + "".join(f"{name}\n" for name in missing), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
