"""Plots of the diagnostics: reliability, agreement of models, and mean margins. The first two return PNG bytes."""

import io
import math

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from iqbench.reporting.plot_style import FAINT, GRID, INK, LINES, MARKERS, drawable, save_figure
from iqbench.reporting.text_format import percent
from iqbench.results.summary import Summary

SHADES = "Blues"
NAMES_PER_COLUMN = 16


def reliability_plot(summary: Summary) -> bytes:
    """Return the reliability diagram: the share of pairs with a better original over the stated probability."""
    columns = math.ceil(len(summary.models) / NAMES_PER_COLUMN)
    figure = _figure(4.6 + 2.2 * columns, 4.4)
    axes = figure.subplots()
    axes.plot([0, 1], [0, 1], color=FAINT, linewidth=0.8, linestyle=(0, (4, 3)))
    for at, (name, model) in enumerate(summary.models.items()):
        stated = [bin_.mean_probability for bin_ in model.confidence.bins]
        observed = [bin_.share_right for bin_ in model.confidence.bins]
        (line,) = axes.plot(stated, observed, label=drawable(name), linewidth=1.6, markersize=4.5)
        line.set(color=LINES[at % len(LINES)], marker=MARKERS[at % len(MARKERS)])
    axes.set(xlim=(0, 1), ylim=(0, 1))
    axes.set_xlabel("stated P(original better)", color=INK)
    axes.set_ylabel("observed share of pairs", color=INK)
    axes.grid(color=GRID, linewidth=0.7)
    axes.spines[["top", "right"]].set_visible(False)
    figure.legend(loc="outside right upper", ncols=columns, frameon=False, fontsize=9)
    return _png(figure)


def agreement_plot(summary: Summary) -> bytes:
    """Return two matrices of models: the share of pairs with at least one right, and with the same verdict."""
    names = list(summary.models)
    either = np.full((len(names), len(names)), np.nan)
    same = np.full((len(names), len(names)), np.nan)
    for at, model in enumerate(summary.models.values()):
        either[at, at] = np.nan if model.overall.value is None else model.overall.value
    for pair in summary.agreement:
        a, b = names.index(pair.a), names.index(pair.b)
        for matrix, value in ((either, pair.either_right.value), (same, pair.same.value)):
            matrix[a, b] = matrix[b, a] = np.nan if value is None else value
    side = 1.5 + 0.62 * len(names)
    figure = _figure(2 * max(side, 3.4), max(side, 3.0))
    left, right = figure.subplots(1, 2)
    _matrix(left, either, names, "at least one is right, %\n(diagonal: accuracy of one model)")
    _matrix(right, same, names, "same verdict, %\n")
    return _png(figure)


def _matrix(axes: Axes, values: np.ndarray, names: list[str], title: str) -> None:
    axes.imshow(np.ma.masked_invalid(values), cmap=SHADES, vmin=0, vmax=1.7)  # pale enough for dark numbers
    for (row, column), value in np.ndenumerate(values):
        if np.isfinite(value):
            axes.text(column, row, percent(float(value)), ha="center", va="center", color=INK, size=9)
    labels = [drawable(name, 16) for name in names]
    axes.set_xticks(range(len(names)), labels, rotation=35, ha="right", size=8.5)
    axes.set_yticks(range(len(names)), labels, size=8.5)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    axes.set_title(title, loc="left", size=9.5, color=INK)


def _figure(width: float, height: float) -> Figure:
    figure = Figure(figsize=(width, height), dpi=130, layout="constrained", facecolor="white")
    FigureCanvasAgg(figure)
    return figure


def _png(figure: Figure) -> bytes:
    file = io.BytesIO()
    save_figure(figure, file)
    return file.getvalue()


def margin_curves(axes: Axes, summary: Summary, name: str) -> None:
    """Draw a model's mean margin over severity, one line per ladder; for a model with a score, the mean score drop."""
    for at, (ladder, steps) in enumerate(summary.models[name].severity.items()):
        curve = [(step.severity, step.avg_margin) for step in steps if step.avg_margin is not None]
        severities, margins = ([point[side] for point in curve] for side in (0, 1))
        style = ("-", "--", ":")[at // len(LINES) % 3]
        axes.plot(severities, margins, style, color=LINES[at % len(LINES)], marker=".", label=drawable(ladder))
    axes.axhline(0, color=FAINT, linewidth=0.8)
    axes.set_title(drawable(name), loc="left", size=10, color=INK)
    axes.set_xlabel("severity", color=INK)
    axes.set_ylabel("mean margin of the original", color=INK)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, fontsize=7)
