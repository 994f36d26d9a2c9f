"""The printed table, the JSON file and the table in README.md."""

from __future__ import annotations

import datetime
import platform
import statistics
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from .turns import Comparison
from .workload import Workload

README = Path(__file__).with_name("README.md")
IMPORT_TARGET = 0.06  # seconds beyond NumPy's own import
WIDE = 59  # the longest title
HEADER = (
    f"{'workload':{WIDE}} {'peer':8} {'ratio':>6}  {'quartiles':14} {'subject':>8} {'peer':>8}"
    "  target"
)
# the tables of README.md, by what is between their marks
COMPILE = "compile"


@dataclass(frozen=True)
class Row:
    """A workload timed against one peer, or alone where ``peer`` is None; it took ``took`` s."""

    name: str
    title: str
    peer: str | None
    result: Comparison
    target: str = ""
    met: bool | None = None
    threads: int = 1
    table: str = "core"
    took: float = 0.0

    @property
    def verdict(self) -> str:
        if self.met is None:
            return ""
        return f"{self.target}: {'met' if self.met else 'missed'}"


def judged(workload: Workload, peer: str | None, result: Comparison, threads: int = 1) -> Row:
    """The row of a workload; a target is a ratio, and depends on peer and build."""
    facts = result.facts.get("subject", {})
    target = None
    if result.ratios and "compiled" in facts:
        with_core = {"torch": workload.target, "jax-jit": workload.target_jit}
        without = {"torch": workload.target_pure}
        target = (with_core if facts["compiled"] else without).get(peer or "")
    row = Row(workload.name, workload.title, peer, result, threads=threads, table=workload.table)
    if target is None:
        return row
    return replace(row, target=f"<= {target:g}", met=result.ratio <= target)


def judged_import(subject: str, peer: str | None, result: Comparison, threads: int = 1) -> Row:
    """The row of import time, whose target is in seconds."""
    row = Row("import", "import, beyond NumPy's own", peer, result, threads=threads)
    if subject != "retrograd" or not result.ratios:
        return row
    met = statistics.median(result.subject) <= IMPORT_TARGET
    return replace(row, target=f"<= {IMPORT_TARGET:g} s", met=met)


def readable(seconds: float) -> str:
    for unit, size in (("s", 1.0), ("ms", 1e-3)):
        if seconds >= size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds / 1e-6:.3g} us"


def ratio_text(ratio: float) -> str:
    """Two or three figures: 0.0031, 0.31, 3.10, 31."""
    if abs(ratio) < 0.1:
        return f"{ratio:#.2g}"
    return f"{ratio:.2f}" if abs(ratio) < 10 else f"{ratio:.0f}"


def spread_text(result: Comparison) -> str:
    return "-".join(ratio_text(ratio) for ratio in result.spread)


def line(row: Row) -> str:
    """One line of the printed table."""
    result = row.result
    start = f"{row.title:{WIDE}} {row.peer or '(alone)':8} "
    if not result.ratios or result.problem:
        return start + (result.problem or "nothing measured")
    subject, peer = (readable(statistics.median(times)) for times in (result.subject, result.peer))
    if row.peer is None:
        return f"{start} {'':6} {'':14} {subject:>8} {'':8}  {row.verdict}".rstrip()
    ratio = ratio_text(result.ratio)
    spread = spread_text(result)
    return f"{start}{ratio:>6}  {spread:14} {subject:>8} {peer:>8}  {row.verdict}".rstrip()


def context(rows: list[Row]) -> dict[str, Any]:
    """What has to be known beside the ratios."""
    versions = {"python": platform.python_version()}
    compiled = None
    for row in rows:
        facts = row.result.facts
        if not facts:
            continue
        compiled = facts["subject"].get("compiled", compiled)
        for library in ("numpy", "numba"):
            if library in facts["subject"]:
                versions[library] = facts["subject"][library]
        versions[facts["subject"]["library"]] = facts["subject"]["version"]
        peer = facts["peer"]["library"].removesuffix("-jit")
        versions[peer] = facts["peer"]["version"]
    return {
        "date": datetime.date.today().isoformat(),
        "build": {True: "compiled", False: "pure", None: "unknown"}[compiled],
        "threads": sorted({row.threads for row in rows}),
        "minutes": round(sum(row.took for row in rows) / 60, 1),
        "versions": versions,
    }


def described(about: dict[str, Any]) -> str:
    versions = ", ".join(f"{name} {version}" for name, version in about["versions"].items())
    threads = " or ".join(map(str, about["threads"]))
    minutes = f"{about['minutes']:g}"
    return f"{about['build']} build; threads: {threads}; {versions}; measured in {minutes} min"


def as_json(rows: list[Row], options: dict[str, Any]) -> dict[str, Any]:
    measured = []
    for row in rows:
        entry = asdict(row)
        if row.result.ratios:
            entry["ratio"], entry["spread"] = row.result.ratio, row.result.spread
        measured.append(entry)
    asked = {name: value for name, value in options.items() if not isinstance(value, Path)}
    return {"context": context(rows), "options": asked, "rows": measured}


def markdown(rows: list[Row]) -> str:
    """A table of README.md: workloads down, peers across, ratios only."""
    about = context(rows)
    peers = list(dict.fromkeys(row.peer for row in rows if row.peer))
    lines = [
        f"{about['date']}; {described(about)}.",
        "",
        f"| workload | {' | '.join(peers)} | target |",
        f"|---|{'---|' * len(peers)}---|",
    ]
    for name, title in dict.fromkeys((row.name, row.title) for row in rows):
        found = {row.peer: row for row in rows if row.name == name}
        cells = [cell(found.get(peer)) for peer in peers]
        lines.append(f"| {title} | {' | '.join(cells)} | {verdicts(found)} |")
    return "\n".join(lines)


def verdicts(found: dict[str | None, Row]) -> str:
    """What the rows of one workload are held to; import's target is the same for every peer."""
    said = [(peer, row.verdict) for peer, row in found.items() if row.verdict]
    if "import" in {row.name for row in found.values()}:
        return said[0][1] if said else ""
    return ", ".join(f"{peer} {verdict}" for peer, verdict in said)


def cell(row: Row | None) -> str:
    if row is None:
        return ""
    if row.result.problem or not row.result.ratios:
        return "failed"
    return f"{ratio_text(row.result.ratio)} ({spread_text(row.result)})"


def write(rows: list[Row], readme: Path = README) -> list[str]:
    """Replace the tables that were measured; returns what is between which marks."""
    written = []
    text = readme.read_text(encoding="utf-8")
    for table in dict.fromkeys(row.table for row in rows):
        own = [row for row in rows if row.table == table]
        build = str(context(own)["build"])
        name = table if (table, build) == (COMPILE, "compiled") else f"{build} build"
        begin, end = f"<!-- {name}: begin -->\n", f"<!-- {name}: end -->"
        if (table == COMPILE and name != COMPILE) or begin not in text or end not in text:
            raise SystemExit(f"{readme.name} has no table of {table}, {name}: nothing written")
        before, rest = text.split(begin)
        text = before + begin + markdown(own) + "\n" + end + rest.split(end)[1]
        written.append(name)
    readme.write_text(text, encoding="utf-8")
    return written
