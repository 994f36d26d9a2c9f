"""Compare random programs, eager and compiled: ``python tools/fuzz_compile.py --count 1000``.

Programs come from tests/compiler/programs.py; a difference prints the program and its seed.
"""

from __future__ import annotations

import argparse
import collections
import pathlib
import sys
import time
import warnings

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "src"), str(ROOT)]

from tests.compiler.programs import compare  # noqa: E402


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0, help="of the first program")
    parser.add_argument("--stop", action="store_true", help="at the first difference")
    given = parser.parse_args()
    warnings.simplefilter("ignore")
    begin = time.perf_counter()
    wrong = []
    reasons: collections.Counter[str] = collections.Counter()
    replayed = 0
    for seed in range(given.seed, given.seed + given.count):
        source, difference, function = compare(seed)
        eager = {segment.eager for segment in function.segments() if segment.eager}
        eager |= {function.eager} - {""}
        replayed += not eager
        reasons.update(why.split(" at <")[0] for why in eager)
        if difference:
            wrong.append(seed)
            print(f"--- program {seed}\n{source}\n{difference}", flush=True)
            if given.stop:
                break
    took = time.perf_counter() - begin
    print(f"{given.count} programs, {replayed} replayed, {len(wrong)} wrong, {took:.0f} s")
    for why, count in reasons.most_common(25):
        print(f"{count:6} {why}")
    if wrong:
        print("wrong:", wrong)
    return bool(wrong)


if __name__ == "__main__":
    sys.exit(main())
