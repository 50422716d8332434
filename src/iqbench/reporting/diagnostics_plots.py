"""Pictures of what lies behind the accuracies: confidence, and what models would catch together. Each as a PNG."""

import io
import math
import warnings
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from iqbench.reporting.plots import FAINT, INK, LINES, MARKERS, drawable
from iqbench.reporting.wording import percent

SHADES = "Blues"
NAMES_A_COLUMN = 16


def reliability(summary: dict[str, Any]) -> bytes:
    """Return how often the original is better where a model says so with a certain probability."""
    columns = math.ceil(len(summary["models"]) / NAMES_A_COLUMN)
    figure = _figure(4.6 + 2.2 * columns, 4.4)
    axes = figure.subplots()
    axes.plot([0, 1], [0, 1], color=FAINT, linewidth=0.8, linestyle=(0, (4, 3)))
    for at, (name, model) in enumerate(summary["models"].items()):
        bins = model["confidence"]["bins"]
        said, right = ([one[key] for one in bins] for key in ("mean_probability", "share_right"))
        (line,) = axes.plot(said, right, label=drawable(name), linewidth=1.6, markersize=4.5)
        line.set(color=LINES[at % len(LINES)], marker=MARKERS[at % len(MARKERS)])
    axes.set(xlim=(0, 1), ylim=(0, 1))
    axes.set_xlabel("said: P(original better)", color=INK)
    axes.set_ylabel("found: share of pairs", color=INK)
    axes.grid(color="#e6e6e6", linewidth=0.7)
    axes.spines[["top", "right"]].set_visible(False)
    figure.legend(loc="outside right upper", ncols=columns, frameon=False, fontsize=9)
    return _png(figure)


def together(summary: dict[str, Any]) -> bytes:
    """Return two matrices of models: where at least one of two is right, and where both give the same verdict."""
    names = list(summary["models"])
    either = np.full((len(names), len(names)), np.nan)
    same = np.full((len(names), len(names)), np.nan)
    for at, name in enumerate(names):
        alone = summary["models"][name]["overall"]["accuracy"]
        either[at, at] = np.nan if alone is None else alone
    for one in summary["agreement"]:
        a, b = names.index(one["a"]), names.index(one["b"])
        for matrix, value in ((either, one["either_right"]["share"]), (same, one["same"])):
            matrix[a, b] = matrix[b, a] = np.nan if value is None else value
    side = 1.5 + 0.62 * len(names)
    figure = _figure(2 * max(side, 3.4), max(side, 3.0))
    left, right = figure.subplots(1, 2)
    _matrix(left, either, names, "at least one is right, %\n(diagonal: accuracy alone)")
    _matrix(right, same, names, "same verdict, %\n")
    return _png(figure)


def _matrix(axes: Axes, values: np.ndarray, names: list[str], title: str) -> None:
    axes.imshow(np.ma.masked_invalid(values), cmap=SHADES, vmin=0, vmax=1.7)  # so that ink can be read on it
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
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing from")  # a name may use any script
        figure.savefig(file, format="png", metadata={"Software": None})
    return file.getvalue()


def margin_curves(axes: Axes, summary: dict[str, Any], name: str) -> None:
    """Draw a model's mean margin over severity, a line a ladder: of a model with a score, how far the score drops.

    Args:
        axes: Where to.
        summary: As `iqbench.reporting.exports` makes it.
        name: The model.
    """
    for at, (ladder, steps) in enumerate(summary["models"][name]["severity"].items()):
        told = [step for step in steps if step["avg_margin"] is not None]
        style = ("-", "--", ":")[at // len(LINES) % 3]
        places, heights = ([step[key] for step in told] for key in ("severity", "avg_margin"))
        axes.plot(places, heights, style, color=LINES[at % len(LINES)], marker=".", label=drawable(ladder))
    axes.axhline(0, color=FAINT, linewidth=0.8)
    axes.set_title(drawable(name), loc="left", size=10, color=INK)
    axes.set_xlabel("severity", color=INK)
    axes.set_ylabel("mean margin of the original", color=INK)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, fontsize=7)
