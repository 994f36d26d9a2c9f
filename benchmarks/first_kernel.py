"""How long a program waits for its first kernel: ``python -m benchmarks.first_kernel``.

For some training steps, from `torch.compile(step, backend="numba")` to the first replay that runs
on kernels, and until all of its kernels are in use: in a process with an empty cache, where Numba
compiles in the background while the steps go on, and in later ones that load what the first has
stored.  Imports of Numba or llvmlite in the background count, that of the library does not.
"""

from __future__ import annotations

import argparse
import importlib
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from time import perf_counter

from .workloads import WORKLOADS

STEPS = {"tiny": "mlp-tiny", "small": "mlp-small", "transformer": "transformer"}
TARGETS = {"tiny": (3.0, 0.3), "transformer": (20.0, None)}
LATER = 3  # processes that find the cache filled
PATIENCE = 120.0


def measure(name: str) -> str:
    """Time one step in this process; return the seconds as text, and whether Numba was loaded."""
    torch = importlib.import_module("retrograd")
    background = importlib.import_module("retrograd.compiler.numba_backend")
    step = WORKLOADS[STEPS[name]].torch(torch)
    began = perf_counter()
    fast = torch.compile(step, backend="numba")
    while not any(segment.kernels for segment in fast.segments()):
        fast()
        if perf_counter() - began > PATIENCE:
            raise SystemExit("no kernel was made")
    first = perf_counter() - began
    background.finish()
    fast()
    return f"{first:.3f} {perf_counter() - began:.3f} {'numba' in sys.modules}"


def child(name: str, folder: str) -> tuple[float, float, bool]:
    """Time one step in a process of its own, with its kernels in a folder."""
    environment = {**os.environ, "RETROGRAD_CACHE_DIR": folder}
    words = [sys.executable, "-m", "benchmarks.first_kernel", "--child", name]
    found = subprocess.run(words, env=environment, capture_output=True, text=True, check=True)
    first, every, numba = found.stdout.split()
    return float(first), float(every), numba == "True"


def main(words: list[str] | None = None) -> int:
    """Print a line for each step and process."""
    parser = argparse.ArgumentParser(prog="benchmarks.first_kernel", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="STEP", help=", ".join(STEPS))
    parser.add_argument("--child", help=argparse.SUPPRESS)
    given = parser.parse_args(words)
    if given.child:
        print(measure(given.child))
        return 0
    print(f"{'step':12} {'cache':7} {'first kernel':>13} {'target':>7} {'all':>8}  numba loaded")
    for name in given.names or STEPS:
        with tempfile.TemporaryDirectory() as folder:
            for number in range(1 + LATER):
                first, every, numba = child(name, folder)
                target = TARGETS.get(name, (None, None))[min(number, 1)]
                print(
                    f"{name:12} {'filled' if number else 'empty':7} {first:11.2f} s "
                    f"{'' if target is None else f'{target} s':>7} {every:6.2f} s  {numba}",
                    flush=True,
                )
            size = sum(path.stat().st_size for path in Path(folder).rglob("*") if path.is_file())
        print(f"{name:12} {size / 1e3:.0f} kB of kernels")
    return 0


if __name__ == "__main__":
    sys.exit(main())
