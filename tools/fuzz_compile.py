"""Compare random programs, eager and compiled: ``python tools/fuzz_compile.py --count 1000``.

Programs come from tests/compiler: the narrow ones (programs.py) compute on tensors of one shape,
the wide ones (wide.py) have modules, hooks, errors and Python state, the stateful ones
(stateful.py) what training scripts keep from step to step.  A difference prints the program and
its seed.  Recorded and lowered replays have to be eager bit for bit; with kernels
(``--tier numba``, ``plain``) numbers may be 1e-4 of the largest of their array apart.
"""

from __future__ import annotations

import argparse
import collections
import os
import pathlib
import sys
import tempfile
import time
import types
import warnings

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "src"), str(ROOT)]

from tests.compiler import plain_kernels, programs, stateful, wide  # noqa: E402
from tests.compiler.running import compare_runs  # noqa: E402

import retrograd as rg  # noqa: E402
from retrograd.compiler import backends, fusion, warming  # noqa: E402

MAKERS = {
    "narrow": (programs.Program, programs.calls),
    "wide": (wide.Wide, wide.calls),
    "stateful": (stateful.Stateful, stateful.calls),
}


def settle_tier(tier: str) -> None:
    """Let replays be of one tier from the start.

    Parameters
    ----------
    tier : {"mixed", "recorded", "lowered", "numba", "plain"}
        Lowered when it pays, as users have it; never; at the first replay; then with kernels,
        single calls included; with kernels that run as the Python that they are written in, which
        need not be compiled, in double precision, so that programs make nothing of roundings.
    """
    warming.LONG = 0
    warming.AT_ONCE = 10**9
    if tier == "plain":
        rg.set_default_dtype(rg.float64)
        plain_kernels.use(types.SimpleNamespace(setattr=setattr, setenv=os.environ.__setitem__))
    if tier == "recorded":
        warming.PATIENCE = float("inf")
    elif tier != "mixed":
        warming.PATIENCE = 0.0
    if tier == "numba":
        if not backends.available():
            sys.exit("--tier numba: numba is not installed")
        fusion.FEWEST = 1
        os.environ.setdefault("RETROGRAD_CACHE_DIR", tempfile.mkdtemp())


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0, help="of the first program")
    parser.add_argument("--kind", choices=sorted(MAKERS), default="wide")
    parser.add_argument(
        "--tier", choices=["mixed", "recorded", "lowered", "numba", "plain"], default="mixed"
    )
    parser.add_argument("--stop", action="store_true", help="at the first difference")
    given = parser.parse_args()
    warnings.simplefilter("ignore")
    settle_tier(given.tier)
    make, calls = MAKERS[given.kind]
    begin = time.perf_counter()
    wrong = []
    reasons: collections.Counter[str] = collections.Counter()
    replayed = 0
    for seed in range(given.seed, given.seed + given.count):
        source = make(seed).source
        if given.tier == "plain":
            source = source.replace("float32", "float64")
        tier = "numba" if given.tier in ("numba", "plain") else "replay"
        difference, function = compare_runs(source, seed, calls, tier)
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
    print(
        f"{given.count} {given.kind} programs, {given.tier}: {replayed} replayed as a whole, "
        f"{len(wrong)} wrong, {took:.0f} s"
    )
    for why, count in reasons.most_common(25):
        print(f"{count:6} {why}")
    if wrong:
        print("wrong:", wrong)
    return bool(wrong)


if __name__ == "__main__":
    sys.exit(main())
