"""The curves as small multiples, in SVG.  Matplotlib is needed here only (`retrograd[bench]`)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from .ways import WAYS

INK, FAINT, PAPER = "#1f2328", "#d9dde2", "#ffffff"
STYLE: dict[Any, Any] = {
    "svg.fonttype": "none",  # text stays text
    "svg.hashsalt": "retrograd",  # the same names of parts in every run
    "font.family": "sans-serif",
    "font.size": 10.5,
    "text.color": INK,
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "axes.titlesize": 10,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.linewidth": 0.8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "xtick.color": INK,
    "ytick.color": INK,
    "figure.facecolor": PAPER,  # its own paper: a page behind it may be dark
    "savefig.facecolor": PAPER,
}
ACROSS = 4


def time_label(exponent: int) -> str:
    """10^-6 is 1 us, 10^-5 is 10 us, and so on."""
    if exponent >= 0:
        return f"{10**exponent:,} s"
    for unit, lowest in (("ms", -3), ("us", -6), ("ns", -9)):
        if exponent >= lowest:
            return f"{10 ** (exponent - lowest)} {unit}"
    return f"1e{exponent} s"


def draw(results: dict[str, Any], path: Path, with_import: bool = False) -> None:
    """Draw every model's curves; dashed where they go on without having been measured."""
    import matplotlib

    matplotlib.use("svg")
    from matplotlib import pyplot
    from matplotlib.lines import Line2D

    models = list(results["models"].values())
    rows = -(-len(models) // ACROSS)
    ways = [way for way in WAYS if any(way.name in model["ways"] for model in models)]
    with pyplot.rc_context(STYLE):
        across = min(ACROSS, len(models))
        figure, grid = pyplot.subplots(
            rows, across, figsize=(3.25 * across + 0.4, 3.1 * rows + 1.1), squeeze=False,
            sharex=True, sharey=True, layout="constrained",
        )  # fmt: skip
        panels = list(grid.flat)
        for panel, model in zip(panels, models):
            fill(panel, model, results["steps"], ways, with_import)
        for panel in panels[len(models) :]:
            panel.set_axis_off()
        for panel in grid[-1]:
            panel.set_xlabel("steps")
        label = "time from the start of the process" if with_import else "time to finish them"
        for panel in grid[:, 0]:
            panel.set_ylabel(label)
        handles = [Line2D([], [], color=way.color, linewidth=way.line + 0.6) for way in ways]
        labels = [way.label for way in ways]
        handles.append(Line2D([], [], color=INK, linewidth=1.3, linestyle=(0, (3, 2))))
        labels.append("not measured: goes on straight")
        figure.legend(
            handles, labels, loc="outside upper left", ncols=5, frameon=False, handlelength=2.0,
            columnspacing=1.6,
        )  # fmt: skip
        figure.savefig(path, format="svg", metadata={"Date": None, "Creator": None})
        pyplot.close(figure)
    # No blank at a line's end: a file in a repository.
    lines = [line.rstrip() for line in path.read_text(encoding="utf-8").splitlines()]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def fill(panel: Any, model: dict[str, Any], steps: list[int], ways: Any, with_import: bool) -> None:
    """One model's panel."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter, NullLocator

    panel.set_title(model["title"])
    panel.set_xscale("log")
    panel.set_yscale("log")
    for order, way in enumerate(reversed(ways)):  # retrograd's lie on top
        found = model["ways"].get(way.name)
        if found is None:
            continue
        more = found["before"] if with_import else 0.0
        seconds = [value + more for value in found["seconds"]]
        whole = sum(number <= found["measured_to"] for number in steps)
        style = {"color": way.color, "linewidth": way.line, "zorder": 2 + order}
        panel.plot(steps[:whole], seconds[:whole], solid_capstyle="round", **style)
        if whole < len(steps):
            start = max(whole - 1, 0)
            panel.plot(steps[start:], seconds[start:], linestyle=(0, (3, 2)), **style)
    panel.xaxis.set_major_locator(LogLocator(10, numticks=12))
    panel.xaxis.set_major_formatter(FuncFormatter(lambda value, _: short(value)))
    panel.yaxis.set_major_locator(LogLocator(10, numticks=14))
    panel.yaxis.set_major_formatter(
        FuncFormatter(lambda value, _: time_label(round(exponent_of(value))))
    )
    for axis in (panel.xaxis, panel.yaxis):
        axis.set_minor_locator(NullLocator())
        axis.set_minor_formatter(NullFormatter())
    panel.grid(color=FAINT, linewidth=0.6)
    panel.set_axisbelow(True)
    panel.margins(x=0.02, y=0.04)


def exponent_of(value: float) -> float:
    from math import log10

    return log10(value) if value > 0 else 0.0


def short(value: float) -> str:
    return f"{value / 1000:g}k" if value >= 1000 else f"{value:g}"
