"""Readers of a training's records: its scalars and its validation predictions, as tables."""

from pathlib import Path

import numpy as np
import pandas as pd
from tensorboard.backend.event_processing.event_accumulator import (
    COMPRESSED_HISTOGRAMS,
    HISTOGRAMS,
    IMAGES,
    SCALARS,
    TENSORS,
    EventAccumulator,
)

from iqbench.callbacks.validation_table import lead
from iqbench.errors import UsageError

KEPT = {SCALARS: 0, IMAGES: 1, HISTOGRAMS: 1, COMPRESSED_HISTOGRAMS: 1, TENSORS: 1}
"""Number of events of each kind to keep in memory: all scalars (0), and as few of the others as possible."""


def history(folder: Path) -> pd.DataFrame:
    """Return all scalars of a training, one row per value, sorted by tag and step.

    Columns: ``step``; ``epoch``, from the next logged epoch at or after that step, or else the last
    one, null if no epoch was logged; ``tag``; ``value``; ``wall_time`` in UTC. If a resumed run logged
    a step again, the later value counts.

    Args:
        folder: The training's folder, or a sub-folder with its event files.

    Raises:
        UsageError: If the folder has no scalars, or those of several trainings.
    """
    files = sorted(folder.rglob("events.out.tfevents.*"))
    folders = sorted({file.parent for file in files})
    if len(folders) > 1:
        raise UsageError(f"{folder}: holds {len(folders)} trainings, such as {folders[0]}; name one of them")
    rows = [row for file in files for row in _scalars(file)]
    if not rows:
        raise UsageError(f"{folder}: no scalars found; give the output folder of a training")
    table = pd.DataFrame(rows, columns=["step", "tag", "value", "wall_time"])
    table = table.sort_values("wall_time", kind="stable").drop_duplicates(["tag", "step"], keep="last")
    epochs = table.loc[table["tag"] == "epoch", ["step", "value"]].sort_values("step")
    table = table[table["tag"] != "epoch"].sort_values(["tag", "step"], ignore_index=True)
    table.insert(1, "epoch", _epochs(table["step"], epochs))
    types = {"step": "int64", "tag": "str", "value": "float64"}
    return table.astype(types).assign(wall_time=pd.to_datetime(table["wall_time"], unit="s", utc=True))


def predictions(folder: Path) -> pd.DataFrame:
    """Return the validation predictions of all epochs, written by `iqbench.callbacks.predictions.Predictions`.

    Args:
        folder: The training's folder.

    Raises:
        UsageError: If the folder has no predictions.
    """
    files = sorted((folder / "predictions").glob("epoch_*.parquet"))
    if not files:
        raise UsageError(f"{folder}: no predictions found; give the output folder of a training")
    return pd.concat([pd.read_parquet(file) for file in files], ignore_index=True).sort_values(
        ["epoch", "index"], ignore_index=True
    )


def leads_by_epoch(answers: pd.DataFrame) -> pd.DataFrame:
    """Return the lead of each prediction, one row per example, one column per epoch.

    The lead of a pair is the margin with the sign of people's preference: above 0 if it is right, NaN
    if they have none. The lead of a vote is minus the error of the mean vote, at best 0.

    Args:
        answers: A table from `predictions`.

    Example:
        >>> columns = {"epoch": [0, 0, 1, 1], "index": [0, 1, 0, 1], "predicted": [0.5, 1.0, 2.0, -1.0]}
        >>> leads_by_epoch(pd.DataFrame(columns | {"true": [1.0, 0.2, 1.0, 0.2]})).to_numpy().tolist()
        [[0.5, 2.0], [-1.0, 1.0]]
    """
    predicted, true = (answers[name].to_numpy() for name in ("predicted", "true"))
    of_pairs = "photo" not in answers and bool((true <= 1).all())  # not all mean votes are 1
    leads = lead(predicted, true) if of_pairs else -np.abs(predicted - true)
    return answers.assign(lead=leads).pivot(index="index", columns="epoch", values="lead")


def _scalars(file: Path) -> list[tuple[int, str, float, float]]:
    # A file cut short by a kill is read up to the cut. Purging is off, because it guesses where a run restarted.
    events = EventAccumulator(str(file), size_guidance=KEPT, purge_orphaned_data=False).Reload()
    return [
        (event.step, tag, event.value, event.wall_time)
        for tag in events.Tags()[SCALARS]
        for event in events.Scalars(tag)
    ]


def _epochs(steps: pd.Series, logged: pd.DataFrame) -> pd.Series:
    """Return the epoch of each step: that of the next log, since the last log of an epoch is at its end."""
    position = logged["step"].searchsorted(steps).clip(max=len(logged) - 1)
    values = logged["value"].astype("Int64").to_numpy() if len(logged) else None
    return pd.Series(values[position] if values is not None else pd.NA, index=steps.index, dtype="Int64")
