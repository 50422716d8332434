"""One picture of an evaluation: how far each judge agrees with people, and where."""

import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure, SubFigure
from matplotlib.layout_engine import ConstrainedLayoutEngine

from iqbench.reporting.evaluation_table import heading, one_voter
from iqbench.reporting.plot_style import FAINT, INK, LINES, MARKERS, drawable
from iqbench.reporting.text_format import percent

Rows = Mapping[tuple[str, ...], pd.DataFrame]
"""The predictions by data set, split, labels and model."""

CLOUDS, CLOUD_HEIGHT = 4, 2.9
"""So many models' predictions are drawn photo by photo, in panels so many inches high."""

TENTHS, CROWD = 10, 2000
"""Groups of photos in a curve of means; and from how many photos on their density is drawn instead of points."""


def agreement_plot(summary: dict[str, Any], rows: Rows, path: Path) -> None:
    """Write a PNG with a section for each set. The same input gives the same bytes.

    Args:
        summary: As `iqbench.reporting.evaluation_exports` makes it.
        rows: The predictions that it was made from.
        path: The PNG file.
    """
    sets = summary["sets"]
    heights = [_height(found) for found in sets]
    spaced = ConstrainedLayoutEngine(wspace=0.04, hspace=0.06)
    figure = Figure(figsize=(11.5, sum(heights)), dpi=150, layout=spaced, facecolor="white")
    FigureCanvasAgg(figure)
    parts = figure.subfigures(len(sets), 1, height_ratios=heights, squeeze=False).ravel().tolist()
    for part, found in zip(parts, sets, strict=True):
        part.suptitle(drawable(heading(found), 100), x=0.01, ha="left", size=11, color=INK, weight="bold")
        of_set = {name: rows[found["data"], found["split"], found["labels"], name] for name in found["models"]}
        if found["kind"] == "pairs":
            _pair_section(part, found)
        else:
            _vote_section(part, found, of_set)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing from")  # a name may use any script
        figure.savefig(path, format="png", metadata={"Software": None})


def _height(found: dict[str, Any]) -> float:
    rows = len(found["models"]) + len(found["nulls"])
    return float(1.6 + max(2.2, 0.27 * rows)) + (CLOUD_HEIGHT if found["kind"] == "votes" else 0.0)


def _pair_section(part: SubFigure, found: dict[str, Any]) -> None:
    left, right = part.subplots(1, 2, width_ratios=[1.25, 1])
    voter = one_voter(found)
    _dots(left, found, "accuracy", scale=100.0)
    left.set_title("accuracy in %, 95 % interval; a tie is worth half", loc="left", size=9.5, color=INK)
    left.axvline(50, color=FAINT, linewidth=0.8, linestyle=(0, (4, 3)), zorder=0)
    if voter is not None:
        left.axvline(100 * voter["value"], color=FAINT, linewidth=1.2, zorder=0)
        left.set_xlabel(
            f"grey line: one voter agrees with the majority in {percent(voter['value'])} %", size=8, color=FAINT
        )
    for at, (name, model) in enumerate(found["models"].items()):
        bins = [one for one in model["accuracy_by_agreement"] if one["value"] is not None]
        middles = [50 * (one["low"] + one["high"]) + 0.5 * at for one in bins]  # side by side where they are equal
        _curve(right, at, name, middles, [100 * one["value"] for one in bins], [one["interval"] for one in bins])
    right.axhline(50, color=FAINT, linewidth=0.8, linestyle=(0, (4, 3)), zorder=0)
    right.set(xlim=(50, 100), ylim=(0, 103), yticks=[0, 25, 50, 75, 100], xticks=[50, 60, 70, 80, 90, 100])
    right.set_title("accuracy by how many % of people agree", loc="left", size=9.5, color=INK)
    _plain(right, legend=bool(found["models"]))


def _vote_section(part: SubFigure, found: dict[str, Any], rows: Mapping[str, pd.DataFrame]) -> None:
    heights = [_height(found) - CLOUD_HEIGHT, CLOUD_HEIGHT]
    above, below = part.subfigures(2, 1, height_ratios=heights, squeeze=False).ravel().tolist()
    left, right = above.subplots(1, 2, width_ratios=[1.25, 1])
    _dots(left, found, "srcc", scale=1.0)
    left.set_title("Spearman's correlation with people, 95 % interval", loc="left", size=9.5, color=INK)
    left.axvline(0, color=FAINT, linewidth=0.8, linestyle=(0, (4, 3)), zorder=0)
    for at, (name, table) in enumerate(rows.items()):
        places, true, predicted = tenths(table)
        _curve(right, at, name, places.tolist(), true.tolist(), [None] * len(places))
        if found["models"][name]["rmse"]["value"] is not None:  # then predictions are votes too
            right.plot(places, predicted, color=LINES[at % len(LINES)], linewidth=1.2, linestyle=(0, (2, 2)))
    right.set_title("mean vote by tenths of the ranking (dotted: predicted)", loc="left", size=9.5, color=INK)
    right.set(xlim=(0.5, TENTHS + 0.5), xticks=range(1, TENTHS + 1))
    right.set_xlabel("1 = the photos that the model ranks lowest", size=8, color=FAINT)
    _plain(right, legend=bool(rows))
    axes = below.subplots(1, CLOUDS, squeeze=False).ravel().tolist()
    for axis, (name, table) in zip(axes, rows.items(), strict=False):
        _cloud(axis, name, table)
    for axis in axes[len(rows) :]:
        axis.set_axis_off()


def tenths(table: pd.DataFrame) -> tuple[Float[np.ndarray, "n"], Float[np.ndarray, "n"], Float[np.ndarray, "n"]]:
    """Return, for each tenth of a model's ranking from the lowest, its number, the mean vote and the mean prediction.

    Example:
        >>> rows = pd.DataFrame({"photo": ["b", "a"], "predicted": [0.9, 0.1], "true": [6.0, 3.0], "status": "ok"})
        >>> [values.tolist() for values in tenths(rows)]
        [[1.0, 2.0], [3.0, 6.0], [0.1, 0.9]]
    """
    judged = table[table["status"] == "ok"].sort_values(["predicted", "photo"])
    groups = np.array_split(np.arange(len(judged)), max(1, min(TENTHS, len(judged))))
    groups = [group for group in groups if len(group)]
    true, predicted = (judged[name].to_numpy(np.float64) for name in ("true", "predicted"))
    means = np.array([[true[group].mean(), predicted[group].mean()] for group in groups]).reshape(-1, 2)
    return np.arange(1.0, len(groups) + 1), means[:, 0], means[:, 1]


def _dots(axis: Axes, found: dict[str, Any], measure: str, scale: float) -> None:
    """Draw a measure and its interval, a line a judge, the null models below."""
    rows = [*found["models"].items(), *found["nulls"].items()]
    models = len(found["models"])
    for at, (_, row) in enumerate(rows):
        value, spread = row[measure]["value"], row[measure]["interval"]
        colour = LINES[at % len(LINES)] if at < models else FAINT
        if value is None:
            axis.text(0.01, at, "undefined", transform=axis.get_yaxis_transform(), size=8, va="center", color=FAINT)
            continue
        if spread is not None:
            axis.plot([scale * end for end in spread], [at, at], color=colour, linewidth=2.2, alpha=0.55)
        (dot,) = axis.plot([scale * value], [at], color=colour, markersize=6, linestyle="none", clip_on=False)
        dot.set_marker(MARKERS[at % len(MARKERS)] if at < models else "o")
    names = [drawable(name) if at < models else f"null: {drawable(name)}" for at, (name, _) in enumerate(rows)]
    axis.set_yticks(range(len(rows)), names, size=9)
    for at, tick in enumerate(axis.get_yticklabels()):
        tick.set_color(INK if at < models else FAINT)
    axis.set_ylim(len(rows) - 0.4, -0.6)
    ends = [end for _, row in rows for end in row[measure]["interval"] or [row[measure]["value"] or 0.0]]
    axis.set_xlim((0, 100) if scale > 1 else (min([-0.1, *ends]) - 0.05, 1))
    axis.axhline(models - 0.5, color="#cccccc", linewidth=0.8)
    axis.tick_params(axis="x", labelsize=8, colors=FAINT, length=0)
    axis.tick_params(axis="y", length=0)
    axis.grid(axis="x", color="#e6e6e6", linewidth=0.7)
    axis.set_axisbelow(True)
    axis.spines[:].set_visible(False)


def _curve(
    axis: Axes, at: int, name: str, places: list[float], heights: list[float], spreads: list[list[float] | None]
) -> None:
    """Draw one model's line; where there are intervals, they are shares, and the axis is in %."""
    colour = LINES[at % len(LINES)]
    (line,) = axis.plot(places, heights, label=drawable(name), linewidth=1.8, markersize=4.5, clip_on=False)
    line.set_color(colour)
    line.set_marker(MARKERS[at % len(MARKERS)])
    line.set_in_layout(False)  # without any point it would claim room at the figure's corner
    for place, spread in zip(places, spreads, strict=True):
        if spread is not None:
            axis.plot([place, place], [100 * end for end in spread], color=colour, linewidth=1.2, alpha=0.5)


def _cloud(axis: Axes, name: str, table: pd.DataFrame) -> None:
    """Draw what a model predicts against what people said, photo by photo."""
    judged = table[table["status"] == "ok"]
    predicted, true = (judged[column].to_numpy(np.float64) for column in ("predicted", "true"))
    if len(judged) >= CROWD:
        axis.hexbin(predicted, true, gridsize=40, bins="log", mincnt=1, cmap="Blues", linewidths=0)
    else:
        axis.scatter(predicted, true, s=7, color=LINES[0], alpha=0.45, linewidths=0)
    axis.set_title(drawable(name), loc="left", size=9.5, color=INK)
    axis.set_xlabel("predicted", size=8, color=FAINT)
    axis.set_ylabel("mean vote", size=8, color=FAINT)
    _plain(axis, legend=False)


def _plain(axis: Axes, legend: bool) -> None:
    axis.tick_params(labelsize=8, colors=FAINT, length=0)
    axis.grid(color="#e6e6e6", linewidth=0.7)
    axis.set_axisbelow(True)
    axis.spines[["top", "right", "left"]].set_visible(False)
    axis.spines["bottom"].set_color("#cccccc")
    if legend:
        axis.legend(frameon=False, fontsize=8.5, loc="best")
