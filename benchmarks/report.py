"""The printed table, the JSON file and the table in README.md."""

from __future__ import annotations

import datetime
import platform
import statistics
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from .turns import Comparison, Timing
from .workload import Workload

README = Path(__file__).with_name("README.md")
IMPORT_TARGET = 0.06  # seconds beyond NumPy's own import
HEADER = (
    f"{'workload':41} {'peer':9} {'ratio':>6}  {'quartiles':14} {'subject':>8} {'peer':>8}  target"
)


@dataclass(frozen=True)
class Row:
    """A workload timed against one peer, or alone where ``peer`` is None."""

    name: str
    title: str
    peer: str | None
    result: Comparison
    target: str = ""
    met: bool | None = None

    @property
    def verdict(self) -> str:
        if self.met is None:
            return ""
        return f"{self.target}: {'met' if self.met else 'missed'}"


def judged(workload: Workload, peer: str | None, result: Comparison) -> Row:
    """The row of a workload; a target is a ratio to PyTorch and depends on the build."""
    facts = result.facts.get("subject", {})
    target = None
    if peer == "torch" and result.ratios and "compiled" in facts:
        target = workload.target if facts["compiled"] else workload.target_pure
    if target is None:
        return Row(workload.name, workload.title, peer, result)
    met = result.ratio <= target
    return Row(workload.name, workload.title, peer, result, f"<= {target:g}", met)


def judged_import(subject: str, peer: str | None, result: Comparison) -> Row:
    """The row of import time, whose target is in seconds."""
    title = "import, beyond NumPy's own"
    if subject != "retrograd" or not result.ratios:
        return Row("import", title, peer, result)
    met = statistics.median(result.subject) <= IMPORT_TARGET
    return Row("import", title, peer, result, f"<= {IMPORT_TARGET:g} s", met)


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
    start = f"{row.title:41} {row.peer or '(alone)':9} "
    if not result.ratios or result.problem:
        return start + (result.problem or "nothing measured")
    subject, peer = (readable(statistics.median(times)) for times in (result.subject, result.peer))
    if row.peer is None:
        return f"{start} {'':6} {'':14} {subject:>8} {'':8}  {row.verdict}".rstrip()
    ratio = ratio_text(result.ratio)
    spread = spread_text(result)
    return f"{start}{ratio:>6}  {spread:14} {subject:>8} {peer:>8}  {row.verdict}".rstrip()


def context(rows: list[Row], timing: Timing) -> dict[str, Any]:
    """What has to be known beside the ratios."""
    versions = {"python": platform.python_version()}
    compiled = None
    for row in rows:
        facts = row.result.facts
        if not facts:
            continue
        compiled = facts["subject"].get("compiled", compiled)
        versions["numpy"] = facts["subject"]["numpy"]
        versions[facts["subject"]["library"]] = facts["subject"]["version"]
        versions[facts["peer"]["library"]] = facts["peer"]["version"]
    return {
        "date": datetime.date.today().isoformat(),
        "build": {True: "compiled", False: "pure", None: "unknown"}[compiled],
        "threads": timing.threads,
        "versions": versions,
    }


def as_json(rows: list[Row], timing: Timing) -> dict[str, Any]:
    measured = []
    for row in rows:
        entry = asdict(row)
        if row.result.ratios:
            entry["ratio"], entry["spread"] = row.result.ratio, row.result.spread
        measured.append(entry)
    return {"context": context(rows, timing), "timing": asdict(timing), "rows": measured}


def markdown(rows: list[Row], timing: Timing) -> str:
    """The README's table: workloads down, peers across, ratios only."""
    about = context(rows, timing)
    peers = list(dict.fromkeys(row.peer for row in rows if row.peer))
    versions = ", ".join(f"{name} {version}" for name, version in about["versions"].items())
    lines = [
        f"{about['date']}, {about['build']} build, threads: {about['threads']}; {versions}.",
        "",
        f"| workload | {' | '.join(peers)} | target (torch) |",
        f"|---|{'---|' * len(peers)}---|",
    ]
    for name, title in dict.fromkeys((row.name, row.title) for row in rows):
        found = {row.peer: row for row in rows if row.name == name}
        cells = [cell(found.get(peer)) for peer in peers]
        verdict = next((row.verdict for row in found.values() if row.verdict), "")
        lines.append(f"| {title} | {' | '.join(cells)} | {verdict} |")
    return "\n".join(lines)


def cell(row: Row | None) -> str:
    if row is None:
        return ""
    if row.result.problem or not row.result.ratios:
        return "failed"
    return f"{ratio_text(row.result.ratio)} ({spread_text(row.result)})"


def write(rows: list[Row], timing: Timing, readme: Path = README) -> str:
    """Replace the table of the build that was measured; returns that build's name."""
    build = str(context(rows, timing)["build"])
    begin, end = f"<!-- {build} build: begin -->\n", f"<!-- {build} build: end -->"
    text = readme.read_text(encoding="utf-8")
    if begin not in text or end not in text:
        raise SystemExit(f"{readme.name} has no table for the {build} build: nothing written")
    before, rest = text.split(begin)
    after = rest.split(end)[1]
    readme.write_text(before + begin + markdown(rows, timing) + "\n" + end + after, "utf-8")
    return build
