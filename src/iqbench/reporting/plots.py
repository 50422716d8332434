"""The accuracy plot of a run: a heatmap by model and degradation type, and curves over severity."""

import io
import math
from pathlib import Path
from typing import Any

from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.patches import Rectangle

from iqbench.reporting.plot_style import FAINT, GRID, INK, LINES, MARKERS, drawable, save_png
from iqbench.reporting.table import accuracies, type_order
from iqbench.reporting.text_format import percent
from iqbench.results.model_summary import BaselineAccuracies, ModelSummary
from iqbench.results.summary import Summary
from iqbench.statistics.estimate import Interval

COLOURS = colormaps["RdBu"]
"""Red below 50 %, white at it, blue above: distinct under every common colour blindness."""

PANELS_PER_ROW = 4
GAP = 0.12
"""Extra space after the column of all pairs, and after that of the mean over types."""

BASELINE_GAP = 0.15
"""Extra space between the rows of the models and those of the baselines."""


def accuracy_heatmap(summary: Summary, path: Path) -> None:
    """Write `accuracy_figure` as a PNG. The same summary gives the same bytes."""
    save_png(accuracy_figure(summary), path)


class NotebookFigure(Figure):
    """A figure that a notebook shows without pyplot."""

    def _repr_png_(self) -> bytes:
        content = io.BytesIO()
        save_png(self, content)
        return content.getvalue()


def accuracy_figure(summary: Summary) -> Figure:
    """Return a figure: the accuracy table in colours, and below it accuracy over severity for each type."""
    types = type_order(summary)
    rows = len(summary.models) + len(summary.baselines)
    panels = max(1, math.ceil(len(types) / PANELS_PER_ROW))
    heights = [1.5 + 0.55 * rows, 0.7 + 2.3 * panels]
    width = max(10.5, 3.2 + 0.95 * (len(types) + 2))
    layout = ConstrainedLayoutEngine(wspace=0.06, hspace=0.04)
    figure = NotebookFigure(figsize=(width, sum(heights)), dpi=150, layout=layout, facecolor="white")
    FigureCanvasAgg(figure)
    upper, lower = figure.subfigures(2, 1, height_ratios=heights, squeeze=False).ravel().tolist()
    _heatmap(upper.subplots(), summary, types)
    axes = lower.subplots(panels, PANELS_PER_ROW, sharey=True, squeeze=False).ravel().tolist()
    title = "Accuracy over severity (1 = mildest), with 95 % intervals over photos"
    lower.suptitle(title, x=0.01, ha="left", size=11, color=INK, weight="bold")
    for axis, kind in zip(axes, types, strict=False):
        _severity_panel(axis, summary, kind)
    for axis in axes[len(types) :]:
        axis.set_axis_off()
    if axes[:1] and summary.models:
        handles, names = _legend(axes, types)
        lower.legend(handles, names, loc="outside lower center", ncols=4, frameon=False, fontsize=9)
    return figure


def _heatmap(axis: Axes, summary: Summary, types: list[str]) -> None:
    models = len(summary.models)
    heights = [at + BASELINE_GAP * (at >= models) for at in range(models + len(summary.baselines))]
    columns = [0.0, 1 + GAP, *(column + 2 + 2 * GAP for column in range(len(types)))]
    entries: list[ModelSummary | BaselineAccuracies] = [*summary.models.values(), *summary.baselines.values()]
    for at, entry in enumerate(entries):
        for column, value in enumerate(accuracies(entry, types)):
            interval = entry.overall.interval if column == 0 and at < models else None
            _tile(axis, columns[column], heights[at], value, interval)
    if summary.baselines and summary.models:
        axis.axhline(models - 0.425, color=FAINT, linewidth=0.8)
    headings = ["all", "macro", *(drawable(kind).replace("_", "\n") for kind in types)]
    axis.set_xticks(columns, headings, size=9.5, color=INK, va="bottom")
    names = [*map(drawable, summary.models), *(f"baseline: {drawable(name)}" for name in summary.baselines)]
    axis.set_yticks(heights, names, size=9.5)
    for at, label in enumerate(axis.get_yticklabels()):
        label.set_color(INK if at < models else FAINT)
    axis.xaxis.tick_top()
    axis.tick_params(length=0)
    axis.spines[:].set_visible(False)
    axis.set_xlim(-0.52, columns[-1] + 0.52)
    axis.set_ylim(len(heights) - 0.5 + BASELINE_GAP * bool(summary.baselines), -0.52)
    title = "Accuracy in % (95 % interval over photos); white is chance"
    axis.set_title(title, loc="left", size=11, color=INK, weight="bold", pad=14)


def _tile(axis: Axes, x: float, y: float, value: float | None, interval: Interval | None) -> None:
    shade = "#eeeeee" if value is None else COLOURS(Normalize(0.0, 1.0)(value) * 0.9 + 0.05)
    axis.add_patch(Rectangle((x - 0.49, y - 0.46), 0.98, 0.92, facecolor=shade, edgecolor="none"))
    ink = "white" if value is not None and abs(value - 0.5) > 0.36 else INK
    lift = 0.0 if interval is None else 0.12
    axis.text(x, y - lift, percent(value), ha="center", va="center", size=10, color=ink)
    if interval is not None:
        text = "–".join(map(percent, interval))
        axis.text(x, y + 0.24, text, ha="center", va="center", size=7, color=ink)


def _severity_panel(axis: Axes, summary: Summary, kind: str) -> None:
    levels: dict[int, str] = {}
    for at, (name, model) in enumerate(summary.models.items()):
        steps = [step for step in model.by_severity.get(kind, []) if step.value is not None]
        levels |= {step.severity: "\n".join(step.levels) for step in steps}
        severities = [step.severity for step in steps]
        heights = [100 * step.value for step in steps if step.value is not None]
        clipped = not steps  # an unclipped line without points would widen the layout without bound
        (line,) = axis.plot(severities, heights, label=drawable(name), linewidth=1.8, markersize=4.5, clip_on=clipped)
        line.set(color=LINES[at % len(LINES)], marker=MARKERS[at % len(MARKERS)])
        intervals = [step.interval for step in steps if step.interval is not None]
        if len(intervals) == len(steps):
            low, high = ([100 * interval[end] for interval in intervals] for end in (0, 1))
            axis.fill_between(severities, low, high, color=LINES[at % len(LINES)], alpha=0.15, linewidth=0)
    axis.axhline(50, color=FAINT, linewidth=0.8, linestyle=(0, (4, 3)), zorder=0)
    axis.set_ylim(0, 100)
    axis.set_yticks([0, 25, 50, 75, 100])
    ticks = sorted(levels)
    axis.set_xticks(ticks, [_tick_label(severity, levels[severity]) for severity in ticks])
    axis.set_xlim(min(ticks, default=0) - 0.3, max(ticks, default=1) + 0.3)
    axis.set_title(drawable(kind), loc="left", size=9.5, color=INK, pad=8)
    axis.tick_params(labelsize=8, colors=FAINT, length=0)
    axis.grid(axis="y", color=GRID, linewidth=0.7)
    axis.set_axisbelow(True)
    axis.spines[["top", "right", "left"]].set_visible(False)
    axis.spines["bottom"].set_color("#cccccc")


def _tick_label(severity: int, level: str) -> str:
    """Return the severity, and the level under it where all ladders of the type share one short level."""
    return f"{severity}\n{drawable(level)}" if "\n" not in level and len(level) <= 8 else str(severity)


def _legend(axes: list[Axes], types: list[str]) -> tuple[list[Any], list[str]]:
    for axis in axes[: len(types)]:
        handles, names = axis.get_legend_handles_labels()
        if handles:
            return handles, [str(name) for name in names]
    return [], []
