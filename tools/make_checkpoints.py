"""Write tests/data/checkpoints: files saved by PyTorch, which `load` must read.

    python tools/make_checkpoints.py            # write the files (needs PyTorch)
    python tools/make_checkpoints.py --check    # compare the files with PyTorch, write nothing

Each function of `tests/serialization/contents.py` gives one file; some are also saved in PyTorch's
older format, and some need PyTorch to be made at all (bfloat16, pending conjugation).
"""

import argparse
import io
import runpy
import sys
from pathlib import Path

import torch

ROOT = Path(__file__).resolve().parent.parent
TARGET = ROOT / "tests" / "data" / "checkpoints"
CONTENTS = runpy.run_path(str(ROOT / "tests" / "serialization" / "contents.py"))["CONTENTS"]
LEGACY = ("dtypes", "shapes", "views_of_one_memory", "training")


def only_torch():
    """What retrograd has no name for: the reader makes the nearest of it."""
    halves = torch.arange(-4, 4, dtype=torch.float32).to(torch.bfloat16) / 3
    numbers = torch.tensor([1 + 2j, 3 - 4j])
    return {
        "bfloat16": halves,
        "part": halves[2:4],
        "conjugate": numbers.conj(),
        "negative": numbers.clone().conj().imag,
    }


def files():
    """Yield the name and the bytes of each file."""
    for name, content in CONTENTS.items():
        yield f"{name}.pt", saved(content(torch))
    for name in LEGACY:
        yield f"legacy_{name}.pt", saved(CONTENTS[name](torch), legacy=True)
    yield "only_torch.pt", saved(only_torch())
    yield "protocol_5.pt", saved(CONTENTS["containers"](torch), pickle_protocol=5)


def saved(content, legacy=False, **settings):
    """Return a file's bytes."""
    file = io.BytesIO()
    torch.save(content, file, _use_new_zipfile_serialization=not legacy, **settings)
    return file.getvalue()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="compare, write nothing")
    check = parser.parse_args().check
    TARGET.mkdir(parents=True, exist_ok=True)
    different = []
    for name, data in files():
        path = TARGET / name
        if not check:
            path.write_bytes(data)
            print(f"wrote {name}: {len(data)} bytes")
        # The older format has addresses of memory in it, which are others each time.
        elif not name.startswith("legacy") and path.read_bytes() != data:
            different.append(name)
    if different:
        print(f"PyTorch {torch.__version__} writes other bytes for: {', '.join(different)}")
    return 1 if different else 0


if __name__ == "__main__":
    sys.exit(main())
