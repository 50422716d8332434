"""Robustness against agreement with people: a point for each model that was both benchmarked and evaluated."""

import logging
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine

from iqbench.errors import UsageError
from iqbench.io import atomic_batch
from iqbench.reporting.exports import write_csv
from iqbench.reporting.plot_style import FAINT, GRID, INK, LINES, MARKERS, drawable, save_figure
from iqbench.reporting.text_format import one_line
from iqbench.results.agreement_summary import PairAgreement, ScoreAgreement, VoteAgreement
from iqbench.results.evaluation_summary import FILE_NAME, EvaluationSummary, read_evaluation
from iqbench.results.summary import Summary
from iqbench.statistics.estimate import Estimate

log = logging.getLogger(__name__)

NAME = "agreement"
"""The stem of the files."""

COLUMNS = 3
"""Sets side by side."""

ROWS = {"accuracy": "benchmark accuracy in %", "corrected": "benchmark score, corrected"}
"""What stands on the vertical axes, a row of panels for each."""

MEASURES = {"srcc": "SRCC with people", "accuracy": "accuracy on people's pairs in %"}

Set = tuple[str, str, str]
"""The name, the split and the fingerprint of some labels."""


class Point(NamedTuple):
    """A judge on one set of labels, and in the benchmark. Baselines are matched by name and have no fingerprint."""

    model: str
    fingerprint: str
    labels: Set
    measure: str
    agreement: Estimate
    accuracy: Estimate
    corrected: Estimate | None

    @property
    def is_baseline(self) -> bool:
        """True for a judge that sees one image statistic at most."""
        return not self.fingerprint


def read_evaluations(folders: Sequence[Path]) -> list[EvaluationSummary]:
    """Return the evaluations in some folders: of a job, of a sweep, or of any folder above several.

    Raises:
        UsageError: If a folder holds none.
    """
    return [read_evaluation(place) for folder in folders for place in _places(folder)]


def _places(folder: Path) -> list[Path]:
    if (folder / FILE_NAME).is_file():
        return [folder]
    found = sorted(file.parent for file in folder.rglob(FILE_NAME))
    if not found:
        raise UsageError(f"--agreement {folder}: no evaluation here; run iqbench.evaluate, or name its folder")
    return [place for place in found if not any(other in place.parents for other in found)]  # not the jobs of a sweep


def points(summary: Summary, evaluations: Sequence[EvaluationSummary]) -> list[Point]:
    """Return a point for each model of the benchmark and each set that it was evaluated on, then the baselines.

    A model is known by its fingerprint, so another checkpoint of one name is another model.

    Raises:
        UsageError: If no model is in both.
    """
    found = list(_points(summary, evaluations))
    if not any(not point.is_baseline for point in found):
        benchmarked, evaluated = (
            ", ".join(sorted({f"{one_line(name)} {fingerprint}" for name, fingerprint in names}))
            for names in (
                [(name, model.fingerprint) for name, model in summary.models.items()],
                [
                    (name, model.fingerprint)
                    for each in evaluations
                    for s in each.sets
                    for name, model in s.models.items()
                ],
            )
        )
        raise UsageError(
            f"--agreement: no model was both benchmarked ({benchmarked}) and evaluated ({evaluated}); a model is known "
            "by its fingerprint: evaluate the same checkpoint with the same settings"
        )
    return found


def _points(summary: Summary, evaluations: Sequence[EvaluationSummary]) -> Iterator[Point]:
    seen = set[tuple[str, str, Set]]()
    for result in (result for evaluation in evaluations for result in evaluation.sets):
        labels = (result.data, result.split, result.labels)
        by_fingerprint = {model.fingerprint: model for model in reversed(result.models.values())}
        for name, model in summary.models.items():
            evaluated = by_fingerprint.get(model.fingerprint)
            if evaluated is not None and (key := (name, model.fingerprint, labels)) not in seen:
                seen.add(key)
                corrected = model.against_baselines.corrected
                yield Point(*key, *_headline(evaluated), model.overall, corrected)
        for name in (name for name in summary.baselines if name in result.baselines):
            if (key := (name, "", labels)) not in seen:
                seen.add(key)
                yield Point(*key, *_headline(result.baselines[name]), summary.baselines[name].overall, None)


def _headline(judge: PairAgreement | VoteAgreement | ScoreAgreement) -> tuple[str, Estimate]:
    """Return the name and the value of the measure by which judges are compared."""
    return ("accuracy", judge.accuracy) if isinstance(judge, PairAgreement) else ("srcc", judge.srcc)


def unmatched(summary: Summary, found: Sequence[Point]) -> list[str]:
    """Return the models of the benchmark that no evaluation knows."""
    fingerprints = {point.fingerprint for point in found}
    return [name for name, model in summary.models.items() if model.fingerprint not in fingerprints]


def write_agreement(summary: Summary, evaluations: Sequence[EvaluationSummary], folder: Path) -> list[Path]:
    """Write ``agreement.png``, ``agreement.svg`` and ``agreement.csv`` into a folder, and return their paths.

    Raises:
        UsageError: If no model is in both.
    """
    found = points(summary, evaluations)
    if missing := unmatched(summary, found):
        log.warning("not evaluated, so not in agreement.png: %s", ", ".join(map(one_line, missing)))
    with atomic_batch(folder) as place:
        write_csv(place / f"{NAME}.csv", table(found))
        figure = picture(found)
        save_figure(figure, place / f"{NAME}.png")
        save_figure(figure, place / f"{NAME}.svg", "svg")
        return [folder / path.name for path in sorted(place.iterdir())]


def table(found: Sequence[Point]) -> pd.DataFrame:
    """Return a row for each point, with the ends of the intervals and the reasons for what is missing."""
    rows = []
    for point in found:
        data, split, labels = point.labels
        row: dict[str, Any] = {"model": point.model, "model_fingerprint": point.fingerprint}
        row |= {"data": data, "split": split, "labels": labels, "measure": point.measure}
        for name in ("agreement", *ROWS):
            row |= _columns(name, getattr(point, name))
        rows.append(row)
    return pd.DataFrame(rows).sort_values(["data", "split", "labels"], kind="stable", ignore_index=True)


def _columns(name: str, estimate: Estimate | None) -> dict[str, Any]:
    estimate = Estimate(value=None, reason="a baseline") if estimate is None else estimate
    low, high = estimate.interval or (None, None)
    return {
        name: estimate.value,
        f"{name}_low": low,
        f"{name}_high": high,
        f"{name}_n": estimate.n,
        f"{name}_reason": estimate.reason or estimate.interval_reason or "",
    }


def picture(found: Sequence[Point]) -> Figure:
    """Return the picture: a column for each set of labels, accuracy above, the corrected score below."""
    sets = list(dict.fromkeys(point.labels for point in found))
    names = list(dict.fromkeys(point.model for point in found if not point.is_baseline))
    rows = [row for row in ROWS if any(_value(getattr(point, row)) is not None for point in found)]
    columns = min(COLUMNS, len(sets))
    height = -(-len(sets) // columns) * len(rows)
    layout = ConstrainedLayoutEngine(wspace=0.06, hspace=0.06)
    figure = Figure(figsize=(max(6.5, 4.6 * columns), 0.5 + 3.9 * height), dpi=150, layout=layout, facecolor="white")
    FigureCanvasAgg(figure)
    axes = figure.subplots(height, columns, squeeze=False)
    for axis in axes.ravel():
        axis.set_axis_off()
    for at, labels in enumerate(sets):
        of_set = [point for point in found if point.labels == labels]
        for below, row in enumerate(rows):
            axis = axes[at // columns * len(rows) + below, at % columns]
            axis.set_axis_on()
            _panel(axis, of_set, row, names)
            if not below:
                title = f"{labels[0]} {labels[1]}"
                axis.set_title(drawable(title, 40), loc="left", size=10.5, color=INK, weight="bold")
    dots = {dot.get_label(): dot for axis in axes.ravel() for dot in axis.get_lines() if dot.get_label()[:1] != "_"}
    legend = [dots[name] for name in map(drawable, names) if name in dots]
    figure.legend(handles=legend, loc="outside lower left", ncols=2 * columns + 1, frameon=False, fontsize=8.5)
    figure.suptitle(
        "Robustness against agreement with people (95 % intervals; grey: baselines)",
        x=0.01,
        ha="left",
        size=11,
        color=INK,
    )
    return figure


def _panel(axis: Axes, found: Sequence[Point], row: str, names: Sequence[str]) -> None:
    measure = found[0].measure
    scale = 100 if measure == "accuracy" else 1
    low, high = _range(found, scale)
    for point in sorted(found, key=lambda point: not point.is_baseline):
        estimate: Estimate | None = getattr(point, row)
        x, y = _value(point.agreement), _value(estimate)
        if x is None or y is None or estimate is None:
            continue
        at = 0 if point.is_baseline else names.index(point.model)
        colour = FAINT if point.is_baseline else LINES[at % len(LINES)]
        faint = 0.35 if point.is_baseline else 0.6
        if point.agreement.interval is not None:
            ends = [scale * end for end in point.agreement.interval]
            axis.plot(ends, [100 * y] * 2, color=colour, linewidth=1.3, alpha=faint)
        if estimate.interval is not None:
            ends = [100 * end for end in estimate.interval]
            axis.plot([scale * x] * 2, ends, color=colour, linewidth=1.3, alpha=faint)
        (dot,) = axis.plot(
            [scale * x], [100 * y], color=colour, linestyle="none", markersize=4 if point.is_baseline else 7
        )
        dot.set_marker("o" if point.is_baseline else MARKERS[at % len(MARKERS)])
        if point.is_baseline:
            left = scale * x < (low + high) / 2
            text, place = drawable(point.model), (scale * x, 100 * y)
            side = "left" if left else "right"
            offset = (5 if left else -5, 4)
            axis.annotate(text, place, offset, textcoords="offset points", ha=side, size=7, color=FAINT)
        else:
            dot.set_label(drawable(point.model))
    axis.axvline(50 if measure == "accuracy" else 0, color=FAINT, linewidth=0.8, linestyle=(0, (4, 3)), zorder=0)
    axis.axhline(50 if row == "accuracy" else 0, color=FAINT, linewidth=0.8, linestyle=(0, (4, 3)), zorder=0)
    axis.set_xlabel(MEASURES[measure], size=8.5, color=FAINT)
    axis.set_ylabel(ROWS[row], size=8.5, color=FAINT)
    axis.margins(y=0.12)
    axis.set_xlim(low, high)
    undrawn = [point.model for point in found if not point.is_baseline and _value(point.agreement) is None]
    if undrawn:
        text = f"without a value: {', '.join(drawable(name) for name in undrawn)}"
        axis.text(0.01, 0.01, text, transform=axis.transAxes, size=7.5, color=FAINT)
    axis.tick_params(labelsize=8, colors=FAINT, length=0)
    axis.grid(color=GRID, linewidth=0.7)
    axis.set_axisbelow(True)
    axis.spines[:].set_visible(False)


def _range(found: Sequence[Point], scale: float) -> tuple[float, float]:
    """Return the ends of the horizontal axis, the same for all panels of a set."""
    estimates = [point.agreement for point in found if point.agreement.value is not None]
    ends = [scale * end for one in estimates for end in (one.interval or (one.value or 0.0,))] or [0.0, scale]
    room = 0.08 * (max(ends) - min(ends)) or 0.1 * scale
    return min(ends) - room, max(ends) + room


def _value(estimate: Estimate | None) -> float | None:
    return None if estimate is None else estimate.value
