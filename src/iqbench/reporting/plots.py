"""One picture of a run: accuracy by model and kind of damage, and how it changes with severity."""

import math
import warnings
from pathlib import Path
from typing import Any

from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.patches import Rectangle

from iqbench.reporting.table import accuracies, type_order
from iqbench.reporting.wording import one_line, percent

COLOURS = colormaps["RdBu"]
"""Red below 50 %, white at it, blue above: told apart with every common colour blindness."""

LINES = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
"""Okabe & Ito's palette, without its yellow, which is too pale for a line."""

MARKERS = "osD^vPX"
INK, FAINT = "#222222", "#777777"
PANELS_A_ROW = 4
LONGEST_NAME = 28


def accuracy_heatmap(summary: dict[str, Any], path: Path) -> None:
    """Write a PNG: the accuracy table in colours, and below it accuracy over severity for each type.

    The same summary gives the same bytes.

    Args:
        summary: As `iqbench.benchmark.summarize.summarize` returns it, with the null models' entries
            under ``nulls`` if there are any.
        path: The PNG file.
    """
    types = type_order(summary)
    rows = len(summary["models"]) + len(summary.get("nulls", {}))
    panels = max(1, math.ceil(len(types) / PANELS_A_ROW))
    heights = [1.5 + 0.55 * rows, 0.7 + 2.3 * panels]
    width = max(10.5, 3.2 + 0.95 * (len(types) + 2))
    spaced = ConstrainedLayoutEngine(wspace=0.06, hspace=0.04)
    figure = Figure(figsize=(width, sum(heights)), dpi=150, layout=spaced, facecolor="white")
    FigureCanvasAgg(figure)
    above, below = figure.subfigures(2, 1, height_ratios=heights, squeeze=False).ravel().tolist()
    _heatmap(above.subplots(), summary, types)
    axes = below.subplots(panels, PANELS_A_ROW, sharey=True, squeeze=False).ravel().tolist()
    below.suptitle(
        "Accuracy over severity (1 = mildest), with 95 % intervals over photos",
        x=0.01,
        ha="left",
        size=11,
        color=INK,
        weight="bold",
    )
    for axis, kind in zip(axes, types, strict=False):
        _severity_panel(axis, summary, kind)
    for axis in axes[len(types) :]:
        axis.set_axis_off()
    if axes[:1] and summary["models"]:
        handles, names = _legend(axes, types)
        below.legend(handles, names, loc="outside lower center", ncols=4, frameon=False, fontsize=9)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing from")  # a name may use any script
        figure.savefig(path, format="png", metadata={"Software": None})


def drawable(name: str, longest: int = LONGEST_NAME) -> str:
    """Return a name short enough for an axis, with nothing that matplotlib would take for a formula."""
    name = one_line(name)
    name = name if len(name) <= longest else name[: longest - 1] + "…"
    return name.replace("$", r"\$")


def _heatmap(axis: Axes, summary: dict[str, Any], types: list[str]) -> None:
    models, nulls = summary["models"], summary.get("nulls", {})
    rows = [*models.items(), *nulls.items()]
    for at, (_, row) in enumerate(rows):
        for column, value in enumerate(accuracies(row, types)):
            spread = row["overall"].get("interval") if column == 0 and at < len(models) else None
            _tile(
                axis, column + 0.12 * (column > 0) + 0.12 * (column > 1), at + 0.15 * (at >= len(models)), value, spread
            )
    if nulls and models:
        axis.axhline(len(models) - 0.425, color=FAINT, linewidth=0.8)
    columns = [0.0, 1.12, *(column + 2.24 for column in range(len(types)))]
    headings = ["all", "macro", *(drawable(kind).replace("_", "\n") for kind in types)]
    axis.set_xticks(columns, headings, size=9.5, color=INK, va="bottom")
    names = [drawable(name) for name in models] + [f"null: {drawable(name)}" for name in nulls]
    axis.set_yticks([at + 0.15 * (at >= len(models)) for at in range(len(rows))], names, size=9.5)
    for at, label in enumerate(axis.get_yticklabels()):
        label.set_color(INK if at < len(models) else FAINT)
    axis.xaxis.tick_top()
    axis.tick_params(length=0)
    axis.spines[:].set_visible(False)
    axis.set_xlim(-0.52, columns[-1] + 0.52)
    axis.set_ylim(len(rows) - 0.5 + 0.15 * bool(nulls), -0.52)
    note = "Accuracy in % (95 % interval over photos); white is chance"
    axis.set_title(note, loc="left", size=11, color=INK, weight="bold", pad=14)


def _tile(axis: Axes, x: float, y: float, value: float | None, spread: list[float] | None) -> None:
    shade = "#eeeeee" if value is None else COLOURS(Normalize(0.0, 1.0)(value) * 0.9 + 0.05)
    axis.add_patch(Rectangle((x - 0.49, y - 0.46), 0.98, 0.92, facecolor=shade, edgecolor="none"))
    ink = "white" if value is not None and abs(value - 0.5) > 0.36 else INK
    axis.text(x, y - 0.12 * (spread is not None), percent(value), ha="center", va="center", size=10, color=ink)
    if spread is not None:
        axis.text(
            x, y + 0.24, f"{percent(spread[0])}–{percent(spread[1])}", ha="center", va="center", size=7, color=ink
        )


def _severity_panel(axis: Axes, summary: dict[str, Any], kind: str) -> None:
    levels: dict[int, str] = {}
    for at, (name, model) in enumerate(summary["models"].items()):
        steps = [step for step in model["by_severity"].get(kind, []) if step["accuracy"] is not None]
        levels |= {step["severity"]: "\n".join(step["levels"]) for step in steps}
        places = [step["severity"] for step in steps]
        heights = [100 * step["accuracy"] for step in steps]
        clipped = not places  # a line without points that is not would push all else off the picture
        (line,) = axis.plot(places, heights, label=drawable(name), linewidth=1.8, markersize=4.5, clip_on=clipped)
        line.set(color=LINES[at % len(LINES)], marker=MARKERS[at % len(MARKERS)])
        if all(step["interval"] is not None for step in steps):
            low, high = ([100 * step["interval"][end] for step in steps] for end in (0, 1))
            axis.fill_between(places, low, high, color=LINES[at % len(LINES)], alpha=0.15, linewidth=0)
    axis.axhline(50, color=FAINT, linewidth=0.8, linestyle=(0, (4, 3)), zorder=0)
    axis.set_ylim(0, 100)
    axis.set_yticks([0, 25, 50, 75, 100])
    ticks = sorted(levels)
    axis.set_xticks(ticks, [_ticked(severity, levels[severity]) for severity in ticks])
    axis.set_xlim(min(ticks, default=0) - 0.3, max(ticks, default=1) + 0.3)
    axis.set_title(drawable(kind), loc="left", size=9.5, color=INK, pad=8)
    axis.tick_params(labelsize=8, colors=FAINT, length=0)
    axis.grid(axis="y", color="#e6e6e6", linewidth=0.7)
    axis.set_axisbelow(True)
    axis.spines[["top", "right", "left"]].set_visible(False)
    axis.spines["bottom"].set_color("#cccccc")


def _ticked(severity: int, level: str) -> str:
    """Return the severity, and the level under it where all ladders of the type share one short level."""
    return f"{severity}\n{drawable(level)}" if "\n" not in level and len(level) <= 8 else str(severity)


def _legend(axes: list[Axes], types: list[str]) -> tuple[list[Any], list[str]]:
    for axis in axes[: len(types)]:
        handles, names = axis.get_legend_handles_labels()
        if handles:
            return handles, [str(name) for name in names]
    return [], []
