"""Where things are in the repository, for the tests of the repository itself."""

from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
PACKAGE = ROOT / "src" / "retrograd"


def sources(folder: Path) -> list[Path]:
    """Every Python file under a folder."""
    return sorted(path for path in folder.rglob("*.py") if "__pycache__" not in path.parts)
