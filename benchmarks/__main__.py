"""``python -m benchmarks``: time retrograd and its peers in turn and print ratios."""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from . import report
from .libraries import MODULES, TORCH_STYLE, found, installed
from .turns import Timing, compare, compare_imports
from .workload import Workload
from .workloads import WORKLOADS

NAMES = (*WORKLOADS, "import")
TABLES = ("core", "compile")  # each names all of its workloads
PEERS = ("torch", "jax", "jax-jit", "autograd", "mygrad")


def arguments(words: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser("python -m benchmarks", description=__doc__)
    add = parser.add_argument
    known = f"all unless named: {', '.join(NAMES)}; or all of one table: {', '.join(TABLES)}"
    add("workloads", nargs="*", metavar="WORKLOAD", help=known)
    add("--peers", default=",".join(PEERS), help="comma-separated, may be empty (default: all)")
    add("--subject", default="retrograd", choices=MODULES, help="time another library instead")
    add("--seconds", type=float, default=3.0, help="measured, per side and workload (default 3)")
    add("--threads", type=int, help="threads per worker (default: 1; 2 for compiled steps)")
    add("--mode", choices=("installed", "pure"), default="installed", help="retrograd's core")
    add("--quick", action="store_true", help="one short round: does it run? no numbers to quote")
    add("--json", type=Path, metavar="FILE", help="write everything measured")
    add("--write", action="store_true", help="rewrite the tables in benchmarks/README.md")
    options = parser.parse_args(words)
    options.peers = [name for name in options.peers.split(",") if name]
    unknown = [name for name in options.workloads if name not in (*NAMES, *TABLES)]
    unknown += [name for name in options.peers if name not in MODULES]
    if unknown:
        known = ", ".join((*NAMES, *TABLES, *MODULES))
        parser.error(f"unknown: {', '.join(unknown)}; there are {known}")
    if options.write and (options.subject != "retrograd" or options.quick):
        parser.error("--write records full runs of retrograd only")
    if options.write and not set(options.workloads) <= set(TABLES):
        parser.error(f"--write records whole tables only: {', '.join(TABLES)}")
    return options


def timing_from(options: argparse.Namespace, threads: int) -> Timing:
    pure = options.mode == "pure"
    if options.quick:
        return Timing(0.05, 0.0, rounds=1, pairs=1, threads=threads, pure=pure)
    # Short turns: beside two processes that came and went, 18 rounds of 0.1 s strayed 2 % from
    # 1.00 (torch against torch) where 6 of 0.3 s strayed 7 %.  But a thread pool spins for a while
    # after its work, and has to have gone to sleep before the other's turn.
    slice_seconds, pause = (0.1, 0.02) if threads == 1 else (0.3, 0.25)
    pairs = 2
    rounds = max(1, round(options.seconds / slice_seconds / pairs))
    return Timing(slice_seconds, pause, rounds, pairs, threads, pure)


def available(options: argparse.Namespace) -> list[str | None]:
    """The installed peers; [None], the subject alone, where there are none."""
    if not installed(options.subject):
        raise SystemExit(f"{options.subject} cannot be imported here: run `pip install .` first")
    present: list[str | None] = []
    for peer in options.peers:
        if installed(peer):
            present.append(peer)
        else:
            print(f"{peer} is not installed: skipped")
    return present or [None]


def is_compared(workload: Workload, peer: str | None) -> bool:
    if peer is None:
        return True
    if workload.peers is not None:
        return peer in workload.peers
    return workload.functional is not None or peer in TORCH_STYLE


def chosen(options: argparse.Namespace) -> list[str]:
    """The workloads that were named; all, less compiled steps where the core is plain Python."""
    everything = TABLES[:1] if options.mode == "pure" else TABLES
    names: list[str] = []
    for word in options.workloads or everything:
        if word not in TABLES:
            names.append(word)
            continue
        names += [name for name, one in WORKLOADS.items() if one.table == word]
        if word == "core":
            names.append("import")
    return names


def measure(options: argparse.Namespace) -> Iterator[report.Row]:
    """A row for each workload and peer, as soon as it is known."""
    peers = available(options)
    print(report.HEADER, flush=True)
    for name in chosen(options):
        if name == "import":
            timing = timing_from(options, options.threads or 1)
            for peer in peers:
                if peer != "jax-jit":  # the same import as jax's
                    module = MODULES[peer] if peer else None
                    result = compare_imports(MODULES[options.subject], module, timing)
                    yield report.judged_import(options.subject, peer, result, timing.threads)
            continue
        workload = WORKLOADS[name]
        if workload.needs and options.subject == "retrograd" and not found(workload.needs):
            print(f"{workload.title}: {workload.needs} is not installed: skipped")
            continue
        timing = timing_from(options, options.threads or workload.threads)
        for peer in peers:
            if is_compared(workload, peer):
                result = compare(name, options.subject, peer, timing)
                yield report.judged(workload, peer, result, timing.threads)


def main(words: list[str] | None = None) -> int:
    options = arguments(words)
    rows = []
    began = time.monotonic()
    for row in measure(options):
        ended = time.monotonic()
        rows.append(replace(row, took=ended - began))
        began = ended
        print(report.line(row), flush=True)
    about = report.context(rows)
    print(f"{options.subject} / peer; {report.described(about)}")
    if options.mode == "pure" and about["build"] == "compiled":
        print("note: the pure-Python core was asked for, and the compiled one was loaded")
    if options.json:
        options.json.write_text(json.dumps(report.as_json(rows, vars(options)), indent=1) + "\n")
    if options.write:
        for table in report.write(rows):
            print(f"README.md: table of {table} rewritten")
    return 1 if any(row.result.problem for row in rows) else 0


if __name__ == "__main__":
    raise SystemExit(main())
