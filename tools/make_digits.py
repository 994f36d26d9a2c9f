"""Write src/retrograd/data/digits.npz from the copy of the data that scikit-learn ships.

Usage: `python tools/make_digits.py` writes the file; with `--check` it compares the file with
scikit-learn's data and writes nothing.
"""

import argparse
import sys
from pathlib import Path

import numpy as np
from sklearn.datasets import load_digits

TARGET = Path(__file__).resolve().parent.parent / "src" / "retrograd" / "data" / "digits.npz"


def read_digits() -> dict[str, np.ndarray]:
    """The images, (1797, 8, 8) with pixels 0 to 16, and the labels, (1797,), as small integers."""
    pixels, labels = load_digits(return_X_y=True)
    images = pixels.reshape(-1, 8, 8).astype(np.uint8)
    if not np.array_equal(images.reshape(pixels.shape), pixels):
        raise ValueError("the pixels are not whole numbers from 0 to 255")
    return {"images": images, "labels": labels.astype(np.uint8)}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="compare, write nothing")
    check = parser.parse_args().check
    digits = read_digits()
    if not check:
        TARGET.parent.mkdir(parents=True, exist_ok=True)
        np.savez_compressed(TARGET, **digits)
        print(f"wrote {TARGET.name}: {TARGET.stat().st_size} bytes")
        return 0
    with np.load(TARGET) as stored:
        different = [name for name in digits if not np.array_equal(stored[name], digits[name])]
    if different:
        print(f"{TARGET.name} differs from scikit-learn's data in: {', '.join(different)}")
        return 1
    print(f"{TARGET.name} holds scikit-learn's data")
    return 0


if __name__ == "__main__":
    sys.exit(main())
