"""The accuracy plot of a run: a heatmap by model and degradation type, and a panel per ladder."""

import io
from pathlib import Path

from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.patches import Rectangle

from iqbench.reporting.degradation_types import MOST_COLUMNS, type_order
from iqbench.reporting.ladder_panels import draw_ladders, panel_rows
from iqbench.reporting.plot_style import FAINT, INK, FigureKind, drawable, save_figure
from iqbench.reporting.table import accuracies
from iqbench.reporting.text_format import percent
from iqbench.results.model_summary import BaselineAccuracies, ModelSummary
from iqbench.results.summary import Summary
from iqbench.statistics.estimate import Interval

COLOURS = colormaps["RdBu"]
"""Red below 50 %, white at it, blue above: distinct under every common colour blindness."""

LEAST_WIDTH = 10.5
"""In inches."""

GAP = 0.12
"""Extra space after the column of all pairs, and after that of the mean over types."""

BASELINE_GAP = 0.15
"""Extra space between the rows of the models and those of the baselines."""


class NotebookFigure(Figure):
    """A figure that a notebook shows without pyplot."""

    def _repr_png_(self) -> bytes:
        content = io.BytesIO()
        save_figure(self, content)
        return content.getvalue()


def accuracy_figure(summary: Summary) -> Figure:
    """Return a figure: the accuracy table in colours, and below it the accuracy along each ladder."""
    width, upper_height = _table_size(summary)
    heights = [upper_height, _ladders_height(summary)]
    figure = _figure(width, sum(heights))
    upper, lower = figure.subfigures(2, 1, height_ratios=heights, squeeze=False).ravel().tolist()
    _draw_table(upper.subplots(), summary, type_order(summary))
    draw_ladders(lower, summary)
    return figure


def accuracy_plot(summary: Summary, path: Path) -> None:
    """Write `accuracy_figure` as a PNG. The same summary gives the same bytes."""
    save_figure(accuracy_figure(summary), path)


def save_accuracy_table(summary: Summary, path: Path, kind: FigureKind) -> None:
    """Write the accuracy table in colours as a figure of its own."""
    figure = _figure(*_table_size(summary))
    _draw_table(figure.subplots(), summary, type_order(summary))
    save_figure(figure, path, kind)


def save_ladders(summary: Summary, path: Path, kind: FigureKind) -> None:
    """Write the accuracy along each ladder as a figure of its own."""
    figure = _figure(LEAST_WIDTH, _ladders_height(summary))
    draw_ladders(figure, summary)
    save_figure(figure, path, kind)


def _figure(width: float, height: float) -> Figure:
    layout = ConstrainedLayoutEngine(wspace=0.06, hspace=0.04)
    figure = NotebookFigure(figsize=(width, height), dpi=150, layout=layout, facecolor="white")
    FigureCanvasAgg(figure)
    return figure


def _table_size(summary: Summary) -> tuple[float, float]:
    """Return width and height of the accuracy table, in inches."""
    entries, types = len(summary.models) + len(summary.baselines), len(type_order(summary))
    if types > MOST_COLUMNS:
        return max(LEAST_WIDTH, 2.2 + 1.1 * entries), 1.7 + 0.45 * (types + 2)
    return max(LEAST_WIDTH, 3.2 + 0.95 * (types + 2)), 1.5 + 0.55 * entries


def _ladders_height(summary: Summary) -> float:
    return 0.7 + 2.3 * panel_rows(summary)


def _draw_table(axis: Axes, summary: Summary, types: list[str]) -> None:
    """Draw a row for each model and baseline, and a column for each type; of many types the other way round."""
    turned = len(types) > MOST_COLUMNS
    models = len(summary.models)
    heights = [at + BASELINE_GAP * (at >= models) for at in range(models + len(summary.baselines))]
    columns = [0.0, 1 + GAP, *(column + 2 + 2 * GAP for column in range(len(types)))]
    entries: list[ModelSummary | BaselineAccuracies] = [*summary.models.values(), *summary.baselines.values()]
    for at, entry in enumerate(entries):
        for column, value in enumerate(accuracies(entry, types)):
            interval = entry.overall.interval if column == 0 and at < models else None
            x, y = (heights[at], columns[column]) if turned else (columns[column], heights[at])
            _tile(axis, x, y, value, interval)
    if summary.baselines and summary.models:
        (axis.axvline if turned else axis.axhline)(models - 0.425, color=FAINT, linewidth=0.8)
    headings = ["all", "macro", *map(drawable, types)]
    names = [*map(drawable, summary.models), *(f"baseline: {drawable(name)}" for name in summary.baselines)]
    across, down = (heights, columns) if turned else (columns, heights)
    stacked = [_stacked(text) for text in (names if turned else headings)]
    axis.set_xticks(across, stacked, size=9.5, color=INK, va="bottom")
    axis.set_yticks(down, headings if turned else names, size=9.5, color=INK)
    for at, label in enumerate(axis.get_xticklabels() if turned else axis.get_yticklabels()):
        label.set_color(INK if at < models else FAINT)
    axis.xaxis.tick_top()
    axis.tick_params(length=0)
    axis.spines[:].set_visible(False)
    axis.set_xlim(-0.52, across[-1] + 0.52)
    axis.set_ylim(down[-1] + 0.52, -0.52)
    title = "Accuracy in % (95 % interval over photos); white is chance"
    axis.set_title(title, loc="left", size=11, color=INK, weight="bold", pad=14)


def _stacked(heading: str) -> str:
    r"""Return a heading with a line for each of its words.

    Example:
        >>> _stacked("crop_edge"), _stacked("baseline: larger file")
        ('crop\nedge', 'baseline:\nlarger\nfile')
    """
    return heading.replace("_", "\n").replace(" ", "\n")


def _tile(axis: Axes, x: float, y: float, value: float | None, interval: Interval | None) -> None:
    shade = "#eeeeee" if value is None else COLOURS(Normalize(0.0, 1.0)(value) * 0.9 + 0.05)
    axis.add_patch(Rectangle((x - 0.49, y - 0.46), 0.98, 0.92, facecolor=shade, edgecolor="none"))
    ink = "white" if value is not None and abs(value - 0.5) > 0.36 else INK
    lift = 0.0 if interval is None else 0.12
    axis.text(x, y - lift, percent(value), ha="center", va="center", size=10, color=ink)
    if interval is not None:
        text = "–".join(map(percent, interval))
        axis.text(x, y + 0.24, text, ha="center", va="center", size=7, color=ink)
