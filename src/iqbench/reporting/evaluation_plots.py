"""The picture of an evaluation: how well each judge agrees with people, and where."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure, SubFigure
from matplotlib.layout_engine import ConstrainedLayoutEngine

from iqbench.reporting.evaluation_table import heading
from iqbench.reporting.plot_style import FAINT, INK, LINES, MARKERS, drawable, save_figure
from iqbench.reporting.text_format import percent
from iqbench.reporting.voter_lines import voters
from iqbench.results.evaluation_summary import EvaluatedSet, EvaluationSummary, PairModel, VoteModel
from iqbench.statistics.estimate import Interval

Rows = Mapping[tuple[str, ...], pd.DataFrame]
"""The predictions by data set, split, labels and model."""

CLOUDS, CLOUD_HEIGHT = 4, 2.9
"""Number of models whose predictions are drawn photo by photo, and the height of their panels in inches."""

TENTHS, CROWD = 10, 2000
"""Groups of photos in a curve of means; number of photos from which on density is drawn instead of points."""


def agreement_plot(summary: EvaluationSummary, rows: Rows, path: Path) -> None:
    """Write a PNG with a section for each set. The same input gives the same bytes.

    Args:
        summary: The summary.
        rows: The predictions that it is computed from.
        path: The PNG file.
    """
    heights = [_height(result) for result in summary.sets]
    spaced = ConstrainedLayoutEngine(wspace=0.04, hspace=0.06)
    figure = Figure(figsize=(11.5, sum(heights)), dpi=150, layout=spaced, facecolor="white")
    FigureCanvasAgg(figure)
    parts = figure.subfigures(len(heights), 1, height_ratios=heights, squeeze=False).ravel().tolist()
    for part, result in zip(parts, summary.sets, strict=True):
        part.suptitle(drawable(heading(result), 100), x=0.01, ha="left", size=11, color=INK, weight="bold")
        if result.kind == "pairs":
            _pair_section(part, result)
        else:
            tables = {name: rows[result.data, result.split, result.labels, name] for name in result.models}
            _vote_section(part, result, tables)
    save_figure(figure, path)


def _height(result: EvaluatedSet) -> float:
    rows = len(result.models) + len(result.baselines)
    return float(1.6 + max(2.2, 0.27 * rows)) + (0.0 if result.kind == "pairs" else CLOUD_HEIGHT)


def _pair_section(part: SubFigure, result: EvaluatedSet) -> None:
    left, right = part.subplots(1, 2, width_ratios=[1.25, 1])
    _dots(left, result, "accuracy", scale=100.0)
    left.set_title("accuracy in %, 95 % interval", loc="left", size=9.5, color=INK)
    left.axvline(50, color=FAINT, linewidth=0.8, linestyle=(0, (4, 3)), zorder=0)
    if (people := voters(result)) is not None and people.one_voter_agreement is not None:
        another, majority = people.one_voter_agreement.value, people.best_voter_agreement.value
        for share, style in ((another, "dotted"), (majority, "solid")):
            left.axvline(100 * (share or 0.0), color=FAINT, linewidth=1.2, linestyle=style, zorder=0)
        text = f"one voter agrees with another in {percent(another)} % (dotted), with the majority in "
        left.set_xlabel(f"{text}{percent(majority)} % (solid)", size=8, color=FAINT)
    for at, (name, model) in enumerate(result.models.items()):
        assert isinstance(model, PairModel)
        levels = [level for level in model.accuracy_by_agreement if level.value is not None]
        middles = [50 * (level.low + level.high) + 0.5 * at for level in levels]  # side by side where they are equal
        heights = [100 * (level.value or 0.0) for level in levels]
        _curve(right, at, name, middles, heights, [level.interval for level in levels])
    right.axhline(50, color=FAINT, linewidth=0.8, linestyle=(0, (4, 3)), zorder=0)
    right.set(xlim=(50, 100), ylim=(0, 103), yticks=[0, 25, 50, 75, 100], xticks=[50, 60, 70, 80, 90, 100])
    right.set_title("accuracy by how many % of people agree", loc="left", size=9.5, color=INK)
    _plain(right, legend=bool(result.models))


def _vote_section(part: SubFigure, result: EvaluatedSet, tables: Mapping[str, pd.DataFrame]) -> None:
    heights = [_height(result) - CLOUD_HEIGHT, CLOUD_HEIGHT]
    above, below = part.subfigures(2, 1, height_ratios=heights, squeeze=False).ravel().tolist()
    left, right = above.subplots(1, 2, width_ratios=[1.25, 1])
    _dots(left, result, "srcc", scale=1.0)
    left.set_title("Spearman's correlation with people, 95 % interval", loc="left", size=9.5, color=INK)
    ceiling = result.first_model.ceiling if isinstance(result.first_model, VoteModel) else None
    if ceiling is not None and ceiling.value is not None:
        left.axvline(ceiling.value, color=FAINT, linewidth=1.2, zorder=0)
        left.set_xlabel(f"grey line: {ceiling.value:.3f}, the best possible judge (the ceiling)", size=8, color=FAINT)
    left.axvline(0, color=FAINT, linewidth=0.8, linestyle=(0, (4, 3)), zorder=0)
    for at, (name, table) in enumerate(tables.items()):
        places, true, predicted = tenths(table)
        _curve(right, at, name, places.tolist(), true.tolist(), [None] * len(places))
        model = result.models[name]
        if isinstance(model, VoteModel) and model.rmse.value is not None:  # then predictions are votes too
            right.plot(places, predicted, color=LINES[at % len(LINES)], linewidth=1.2, linestyle=(0, (2, 2)))
    what, dotted = ("mean vote", " (dotted: predicted)") if result.kind == "votes" else ("mean opinion", "")
    right.set_title(f"{what} by tenths of the ranking{dotted}", loc="left", size=9.5, color=INK)
    right.set(xlim=(0.5, TENTHS + 0.5), xticks=range(1, TENTHS + 1))
    right.set_xlabel("1 = the photos that the model ranks lowest", size=8, color=FAINT)
    _plain(right, legend=bool(tables))
    axes = below.subplots(1, CLOUDS, squeeze=False).ravel().tolist()
    for axis, (name, table) in zip(axes, tables.items(), strict=False):
        _cloud(axis, name, table, what)
    for axis in axes[len(tables) :]:
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


def _dots(axis: Axes, result: EvaluatedSet, measure: str, scale: float) -> None:
    """Draw a measure and its interval, a line per judge, the baselines below."""
    judges = [*result.models.items(), *result.baselines.items()]
    estimates = [judge.measures[measure] for _, judge in judges]
    models = len(result.models)
    for at, estimate in enumerate(estimates):
        colour = LINES[at % len(LINES)] if at < models else FAINT
        if estimate.value is None:
            axis.text(0.01, at, "undefined", transform=axis.get_yaxis_transform(), size=8, va="center", color=FAINT)
            continue
        if estimate.interval is not None:
            ends = [scale * end for end in estimate.interval]
            axis.plot(ends, [at, at], color=colour, linewidth=2.2, alpha=0.55)
        (dot,) = axis.plot([scale * estimate.value], [at], color=colour, markersize=6, linestyle="none", clip_on=False)
        dot.set_marker(MARKERS[at % len(MARKERS)] if at < models else "o")
    names = [drawable(name) if at < models else f"baseline: {drawable(name)}" for at, (name, _) in enumerate(judges)]
    axis.set_yticks(range(len(judges)), names, size=9)
    for at, tick in enumerate(axis.get_yticklabels()):
        tick.set_color(INK if at < models else FAINT)
    axis.set_ylim(len(judges) - 0.4, -0.6)
    ends = [end for estimate in estimates for end in estimate.interval or [estimate.value or 0.0]]
    axis.set_xlim((0, 100) if scale > 1 else (min([-0.1, *ends]) - 0.05, 1))
    axis.axhline(models - 0.5, color="#cccccc", linewidth=0.8)
    axis.tick_params(axis="x", labelsize=8, colors=FAINT, length=0)
    axis.tick_params(axis="y", length=0)
    axis.grid(axis="x", color="#e6e6e6", linewidth=0.7)
    axis.set_axisbelow(True)
    axis.spines[:].set_visible(False)


def _curve(
    axis: Axes,
    at: int,
    name: str,
    places: Sequence[float],
    heights: Sequence[float],
    intervals: Sequence[Interval | None],
) -> None:
    """Draw the line of model number ``at``; intervals are shares, on an axis in %."""
    colour = LINES[at % len(LINES)]
    (line,) = axis.plot(places, heights, label=drawable(name), linewidth=1.8, markersize=4.5, clip_on=False)
    line.set_color(colour)
    line.set_marker(MARKERS[at % len(MARKERS)])
    line.set_in_layout(False)  # without a point it would claim room at the figure's corner
    for place, interval in zip(places, intervals, strict=True):
        if interval is not None:
            axis.plot([place, place], [100 * end for end in interval], color=colour, linewidth=1.2, alpha=0.5)


def _cloud(axis: Axes, name: str, table: pd.DataFrame, what: str) -> None:
    """Draw predictions against what people say, photo by photo."""
    judged = table[table["status"] == "ok"]
    predicted, true = (judged[column].to_numpy(np.float64) for column in ("predicted", "true"))
    if len(judged) >= CROWD:
        axis.hexbin(predicted, true, gridsize=40, bins="log", mincnt=1, cmap="Blues", linewidths=0)
    else:
        axis.scatter(predicted, true, s=7, color=LINES[0], alpha=0.45, linewidths=0)
    axis.set_title(drawable(name), loc="left", size=9.5, color=INK)
    axis.set_xlabel("predicted", size=8, color=FAINT)
    axis.set_ylabel(what, size=8, color=FAINT)
    _plain(axis, legend=False)


def _plain(axis: Axes, legend: bool) -> None:
    """Remove ticks and frame from an axis."""
    axis.tick_params(labelsize=8, colors=FAINT, length=0)
    axis.grid(color="#e6e6e6", linewidth=0.7)
    axis.set_axisbelow(True)
    axis.spines[["top", "right", "left"]].set_visible(False)
    axis.spines["bottom"].set_color("#cccccc")
    if legend:
        axis.legend(frameon=False, fontsize=8.5, loc="best")
