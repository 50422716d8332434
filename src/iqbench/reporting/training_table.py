"""The table of a sweep of trainings: the swept settings and the metrics of each job, the best one first."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import pandas as pd
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from iqbench.config import overrides_of
from iqbench.io import atomic_write, natural_order
from iqbench.reporting.console import wide_console
from iqbench.reporting.text_format import one_line
from iqbench.results import FILE_NAME
from iqbench.results.summary import FailedJob
from iqbench.training.outcome import OUTCOME_FILE, Outcome, lower_is_better, read_outcome

TABLE_FILE = "trainings.csv"
"""In the root of a sweep of trainings."""


class TrainingSweep(NamedTuple):
    """The trainings of a sweep: a table, and the best outcome."""

    table: pd.DataFrame
    """A row per job, best first, failed jobs last: ``job``, the swept settings, ``value``, ``epoch``, metrics,
    ``status`` (``ok`` or ``failed``), ``error``, ``checkpoint``."""
    settings: list[str]
    """The columns of the swept settings."""
    metric: str
    """The metric in the column ``value``, by which the jobs are compared."""
    best: Outcome | None
    """The outcome of the first row, None if no job has a value."""


def is_for(folder: Path) -> bool:
    """Return whether a folder holds trainings and no benchmark."""
    return bool(_trainings_below(folder)) and next(folder.rglob(FILE_NAME), None) is None


def export(root: Path, failed: Sequence[FailedJob], sources: Sequence[Path]) -> TrainingSweep:
    """Write the table of a sweep's jobs into its root, and return it.

    Args:
        root: The root of the sweep.
        failed: The jobs that failed.
        sources: The folders of the others, or folders above trainings.

    Raises:
        UsageError: If an outcome cannot be read.
    """
    places = [place for source in sources for place in _trainings_below(source)]
    sweep = _compare(root, failed, {place: read_outcome(place) for place in places})
    with atomic_write(root / TABLE_FILE) as temporary:
        sweep.table.to_csv(temporary, index=False, lineterminator="\n", encoding="utf-8", errors="surrogateescape")
    return sweep


def show(sweep: TrainingSweep, console: Console | None = None) -> None:
    """Print the table, the failures, the best checkpoint and the commands that follow.

    In a file or a pipe the table is at least 120 columns wide.
    """
    console = console or wide_console(120)
    jobs = f"{len(sweep.table)} training{'s' * (len(sweep.table) != 1)}"
    title = f"{jobs}, best {sweep.metric} first; metrics at the best epoch, those of the last one in {TABLE_FILE}"
    console.print(Text(title, "bold"), soft_wrap=True)
    console.print(_table(sweep))
    for row in sweep.table[sweep.table["status"] == "failed"].to_dict("records"):
        console.print(Text(f"{one_line(row['job'])} failed: {one_line(row['error'])}"), soft_wrap=True)
    kinds = {tuple(row.notna()) for _, row in sweep.table.filter(regex="^best/").iterrows() if row.notna().any()}
    if len(kinds) > 1:
        console.print(
            f"some jobs have other metrics than others: their {sweep.metric} cannot be compared", soft_wrap=True
        )
    if sweep.best is None:
        return
    job = sweep.table["job"].iloc[0]
    lines = [f"best {sweep.metric}: {sweep.best.value:.4g}, job {job} of {len(sweep.table)}"]
    lines += [f"best checkpoint: {sweep.best.checkpoint}"] * bool(sweep.best.checkpoint)
    for line in (*lines, *sweep.best.next_commands):
        console.out(line, highlight=False)


def _trainings_below(folder: Path) -> list[Path]:
    return sorted((path.parent for path in folder.rglob(OUTCOME_FILE)), key=natural_order)


def _compare(root: Path, failed: Sequence[FailedJob], outcomes: dict[Path, Outcome]) -> TrainingSweep:
    rows = [
        {"job": _name(folder, root), "value": outcome.value, "epoch": outcome.epoch, **outcome.metrics}
        | {"status": "ok", "error": "", "checkpoint": outcome.checkpoint or ""}
        for folder, outcome in outcomes.items()
    ]
    rows += [{"job": job.job, "status": "failed", "error": job.error, "checkpoint": ""} for job in failed]
    folders = [*outcomes, *(root / job.job for job in failed)]
    swept = _swept([overrides_of(folder) for folder in folders])
    metric = next((outcome.metric for outcome in outcomes.values()), "val/loss")
    best_and_final = sorted({name for outcome in outcomes.values() for name in outcome.metrics}, key=_metric_order)
    columns = ["job", *swept, "value", "epoch", *best_and_final, "status", "error", "checkpoint"]
    table = pd.DataFrame(rows).assign(**swept).reindex(columns=columns)
    table["epoch"] = table["epoch"].astype("Int64")
    table["value"] = table["value"].astype("float64")
    table["is_failure"] = table["status"] == "failed"
    ascending = [True, lower_is_better(metric)]
    table = table.sort_values(["is_failure", "value"], ascending=ascending, kind="stable", ignore_index=True)
    best = None
    if len(table) and table["value"].notna().iloc[0]:
        names = {_name(folder, root): outcome for folder, outcome in outcomes.items()}
        best = names[str(table["job"].iloc[0])]
    return TrainingSweep(table.drop(columns="is_failure"), list(swept), metric, best)


def _name(folder: Path, root: Path) -> str:
    return str(folder.relative_to(root)) if folder != root else folder.name


def _swept(overrides: Sequence[dict[str, str]]) -> dict[str, list[str]]:
    """Return the settings in which jobs differ, with their values; "" where a job does not set one."""
    keys = dict.fromkeys(key for job in overrides for key in job if key not in ("out", "hydra.run.dir"))
    columns = {key: [job.get(key, "") for job in overrides] for key in keys}
    return {key: values for key, values in columns.items() if len(set(values)) > 1}


def _metric_order(name: str) -> tuple[bool, bool, str]:
    """Put the best validation before the last one, and the loss before other metrics."""
    return name.startswith("final/"), not name.endswith("/loss"), name


def _table(sweep: TrainingSweep) -> Table:
    """Return the table for the terminal: the metrics of the best validation, and the last training loss."""
    names = [name for name in sweep.table.columns if name.startswith("best/")]
    names += [
        name for name in sweep.table.columns if name == "final/train/loss" or (name[:6] == "final/" and not names)
    ]
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1))
    table.add_column("job", overflow="fold")
    for key in sweep.settings:
        table.add_column(Text("\n.".join(key.rsplit(".", 1))), overflow="fold")
    is_other_metric = f"best/{sweep.metric}" not in names
    for heading in [*([sweep.metric] * is_other_metric), "epoch", *(_heading(name) for name in names)]:
        table.add_column(Text(heading.replace("/", "/\n")), justify="right", vertical="bottom")
    values = ["value"] * is_other_metric + ["epoch", *names]
    for row in sweep.table.to_dict("records"):
        cells = [Text(one_line(str(row[key]))) for key in ["job", *sweep.settings]]
        if row["status"] == "failed":
            table.add_row(*cells, "failed")
            continue
        table.add_row(*cells, *(_number(row[name]) for name in values))
    return table


def _heading(name: str) -> str:
    return name.removeprefix("best/").replace("final/train/loss", "train/loss").replace("final/", "last ")


def _number(value: float | None) -> str:
    if value is None or pd.isna(value):
        return "–"
    return str(value) if isinstance(value, int) else f"{value:.4g}"
