"""The table, the picture and the files of a resolution test."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from iqbench.errors import UsageError
from iqbench.io import atomic_batch, natural_order
from iqbench.records import record_json
from iqbench.reporting.console import wide_console
from iqbench.reporting.exports import write_csv
from iqbench.reporting.plot_style import FAINT, GRID, INK, LINES, MARKERS, drawable, save_figure
from iqbench.reporting.plots import NotebookFigure
from iqbench.reporting.text_format import bracketed_interval, one_line, percent, points
from iqbench.results.resolution_summary import (
    FILE_NAME,
    FULL,
    ModelResolution,
    ResolutionStep,
    ResolutionSummary,
    read_resolution,
)
from iqbench.results.summary import FailedJob
from iqbench.statistics.estimate import Estimate

ROWS, PICTURE = "resolution.csv", "resolution.png"


def export(folder: Path, summary: ResolutionSummary, rows: pd.DataFrame) -> ResolutionSummary:
    """Write the summary, the answers and the picture into a folder, and return the summary."""
    with atomic_batch(folder) as place:
        write_csv(place / ROWS, rows)
        save_figure(resolution_figure(summary), place / PICTURE)
        (place / FILE_NAME).write_text(record_json(summary), encoding="utf-8", newline="")
    return summary


def check_same(folder: Path, name: str, fingerprint: str) -> None:
    """Refuse to overwrite the results of another model.

    Raises:
        UsageError: If the folder holds them.
    """
    if not (folder / FILE_NAME).exists():
        return
    stored = read_resolution(folder).models
    if set(stored) != {name} or stored[name].fingerprint != fingerprint:
        raise UsageError(f"{folder}: holds the resolution test of another model; choose another out=")


def merge(root: Path, failed: Sequence[FailedJob], sources: Sequence[Path]) -> ResolutionSummary:
    """Write the results of a sweep's jobs into its root, and return their summary.

    A model whose name comes twice gets the start of its fingerprint.

    Raises:
        UsageError: If there are no results, or they have other sizes or another protocol.
    """
    folders = sorted(sources, key=lambda folder: natural_order(Path(folder.name)))
    jobs = [read_resolution(folder) for folder in folders]
    if not jobs:
        raise UsageError(f"{root}: no job has results")
    if any((job.sizes, job.protocol) != (jobs[0].sizes, jobs[0].protocol) for job in jobs):
        raise UsageError(f"{root}: the jobs have other sizes, or another protocol; read each in its own folder")
    named = [(name, model) for job in jobs for name, model in job.models.items()]
    names = [name for name, _ in named]
    labels = [f"{name}@{model.fingerprint[:6]}" if names.count(name) > 1 else name for name, model in named]
    tables = [pd.read_csv(folder / ROWS, keep_default_na=False) for folder in folders]
    summary = jobs[0].model_copy(
        update={
            "models": dict(zip(labels, (model for _, model in named), strict=True)),
            "complete": not failed,
            "failed_jobs": list(failed),
        }
    )
    labelled = [table.assign(model_name=label) for table, label in zip(tables, labels, strict=True)]
    return export(root, summary, pd.concat(labelled, ignore_index=True))


def print_resolution(summary: ResolutionSummary, console: Console | None = None) -> None:
    """Print the finding and the table; in a file or a pipe at least 110 columns wide."""
    console = console or wide_console(110)
    for name, model in summary.models.items():
        console.print(Text(finding(name, model), "bold"), soft_wrap=True)
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1))
    for heading in (
        "model",
        "longest side",
        "photos",
        "accuracy",
        "change",
        "same verdict",
        "larger preferred",
        "score",
    ):
        table.add_column(heading, justify="left" if heading == "model" else "right")
    for name, model in summary.models.items():
        for step in model.steps:
            table.add_row(Text(one_line(name)), *_cells(step))
        table.add_section()
    console.print(table)
    console.print(
        "accuracy: originals preferred to their copies, both at this size, in %; change: in points, of the same pairs "
        "from full size; same verdict: as at full size; larger preferred: a photo in full size against itself at this "
        f"size; score: its change in the model's units; 95 % intervals over {summary.clusters.clusters} clusters of "
        f"{summary.photos} photos. A photo counts at the sizes that it is larger than.",
        soft_wrap=True,
    )


def finding(name: str, model: ModelResolution) -> str:
    """Return the finding about a model in one sentence or two."""
    holds = model.holds
    if holds.value is None:
        return f"{one_line(name)}: no verdict about resolution ({holds.reason})."
    text = f"{one_line(name)}: {percent(holds.value)} %{bracketed_interval(holds)} of the verdicts hold at all sizes."
    preferences = [step for step in model.steps if step.larger_preferred.interval]
    smaller = [step.size for step in preferences if (step.larger_preferred.interval or (0, 1))[1] < 0.5]
    larger = [step.size for step in preferences if (step.larger_preferred.interval or (0, 1))[0] > 0.5]
    if smaller:
        text += f" It prefers the smaller of two copies of one photo (at {', '.join(smaller)} px)."
    if larger:
        text += f" It prefers the larger of two copies of one photo (to {', '.join(larger)} px)."
    return text


def resolution_figure(summary: ResolutionSummary) -> Figure:
    """Return a figure: accuracy, verdicts that hold, and the preference for the larger copy, by size."""
    figure = NotebookFigure(figsize=(10.5, 3.6), dpi=150, layout="constrained", facecolor="white")
    panels: list[Axes] = list(figure.subplots(1, 3, sharey=True))
    titles = ("Accuracy in %", "Verdict as at full size, %", "Full size preferred, %")
    for axis, title, field in zip(panels, titles, ("accuracy", "same_verdict", "larger_preferred"), strict=True):
        for at, (name, model) in enumerate(summary.models.items()):
            _draw(axis, model, field, at, drawable(name), len(summary.models))
        axis.axhline(50, color=FAINT, linewidth=0.8, linestyle=":")
        axis.set_xticks(range(len(summary.sizes)), summary.sizes, size=8.5)
        axis.set_xlim(-0.5, len(summary.sizes) - 0.5)
        axis.set_ylim(-2, 102)
        axis.set_xlabel("longest side, px", size=9, color=INK)
        axis.set_title(title, loc="left", size=10.5, color=INK, weight="bold")
        axis.grid(axis="y", color=GRID, linewidth=0.8)
        axis.spines[["top", "right"]].set_visible(False)
    panels[0].legend(frameon=False, fontsize=8)
    return figure


def _draw(axis: Axes, model: ModelResolution, field: str, at: int, label: str, count: int) -> None:
    shift = 0.12 * (at - (count - 1) / 2)
    estimates: list[tuple[int, Estimate]] = [(x, getattr(step, field)) for x, step in enumerate(model.steps)]
    known = [(x + shift, estimate) for x, estimate in estimates if estimate.value is not None]
    values = [100 * (estimate.value or 0.0) for _, estimate in known]
    colour = LINES[at % len(LINES)]
    axis.plot([x for x, _ in known], values, color=colour, marker=MARKERS[at % len(MARKERS)], label=label)
    for x, estimate in known:
        if estimate.interval:
            low, high = estimate.interval
            axis.vlines(x, 100 * low, 100 * high, color=colour, linewidth=1, alpha=0.6)


def _cells(step: ResolutionStep) -> list[str]:
    change = "" if step.size == FULL else points(step.accuracy_change.value)
    score = step.score_change.value
    return [
        step.size if step.size == FULL else f"{step.size} px",
        f"{step.photos:,}",
        _cell(step.accuracy),
        change,
        *("" if step.size == FULL else _cell(share) for share in (step.same_verdict, step.larger_preferred)),
        "" if score is None else f"{score:+.3g}",
    ]


def _cell(estimate: Estimate) -> str:
    interval = "" if estimate.interval is None else f" {'–'.join(map(percent, estimate.interval))}"
    return f"{percent(estimate.value)}{interval}"
