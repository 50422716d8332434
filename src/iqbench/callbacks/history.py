"""A training's records, read back as tables."""

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

from iqbench.callbacks.answers import lead
from iqbench.errors import UsageError

KEPT = {SCALARS: 0, IMAGES: 1, HISTOGRAMS: 1, COMPRESSED_HISTOGRAMS: 1, TENSORS: 1}
"""How many events of a kind are held in memory: all scalars, and of the rest as few as can be."""


def history(folder: Path) -> pd.DataFrame:
    """Return all scalars that a training logged, a row a value, sorted by tag and step.

    Columns: ``step``; ``epoch``, as the next log at or after that step says, else the last one, null
    where none does; ``tag``; ``value``; ``wall_time`` in UTC. What a killed run logged and the one that
    went on from before logged again counts once: the later value.

    Args:
        folder: The training's folder, or one inside that holds its event files.

    Raises:
        UsageError: If no scalars are there, or several trainings.
    """
    files = sorted(folder.rglob("events.out.tfevents.*"))
    homes = sorted({file.parent for file in files})
    if len(homes) > 1:
        raise UsageError(f"{folder}: holds {len(homes)} trainings, such as {homes[0]}; name one of them")
    rows = [row for file in files for row in _scalars(file)]
    if not rows:
        raise UsageError(f"{folder}: no scalars of a training are there; is it the folder that train said?")
    table = pd.DataFrame(rows, columns=["step", "tag", "value", "wall_time"])
    table = table.sort_values("wall_time", kind="stable").drop_duplicates(["tag", "step"], keep="last")
    epochs = table.loc[table["tag"] == "epoch", ["step", "value"]].sort_values("step")
    table = table[table["tag"] != "epoch"].sort_values(["tag", "step"], ignore_index=True)
    table.insert(1, "epoch", _epochs(table["step"], epochs))
    types = {"step": "int64", "tag": "str", "value": "float64"}
    return table.astype(types).assign(wall_time=pd.to_datetime(table["wall_time"], unit="s", utc=True))


def predictions(folder: Path) -> pd.DataFrame:
    """Return the validation answers of all epochs, as `iqbench.callbacks.predictions.Predictions` wrote them.

    Args:
        folder: The training's folder.

    Raises:
        UsageError: If there are none.
    """
    files = sorted((folder / "predictions").glob("epoch_*.parquet"))
    if not files:
        raise UsageError(f"{folder}: no predictions of a training are there; is it the folder that train said?")
    return pd.concat([pd.read_parquet(file) for file in files], ignore_index=True).sort_values(
        ["epoch", "index"], ignore_index=True
    )


def leads_by_epoch(answers: pd.DataFrame) -> pd.DataFrame:
    """Return how far each answer is on people's side, a row an example, a column an epoch.

    Of a pair that is the margin as seen from people's choice (NaN where they chose neither), above 0 if
    it is right; of votes minus the error of the mean vote, 0 at best.

    Args:
        answers: As `predictions` returns them.

    Example:
        >>> columns = {"epoch": [0, 0, 1, 1], "index": [0, 1, 0, 1], "predicted": [0.5, 1.0, 2.0, -1.0]}
        >>> leads_by_epoch(pd.DataFrame(columns | {"true": [1.0, 0.2, 1.0, 0.2]})).to_numpy().tolist()
        [[0.5, 2.0], [-1.0, 1.0]]
    """
    predicted, true = (answers[name].to_numpy() for name in ("predicted", "true"))
    of_pairs = "photo" not in answers and bool((true <= 1).all())  # a mean vote of 1 is nobody's
    leads = lead(predicted, true) if of_pairs else -np.abs(predicted - true)
    return answers.assign(lead=leads).pivot(index="index", columns="epoch", values="lead")


def _scalars(file: Path) -> list[tuple[int, str, float, float]]:
    # a file that a kill cut short is read up to there; nothing is purged, because that guesses at restarts
    events = EventAccumulator(str(file), size_guidance=KEPT, purge_orphaned_data=False).Reload()
    return [
        (event.step, tag, event.value, event.wall_time)
        for tag in events.Tags()[SCALARS]
        for event in events.Scalars(tag)
    ]


def _epochs(steps: pd.Series, logged: pd.DataFrame) -> pd.Series:
    """Return the epoch of each step. An epoch's last log is at its end, so the next one knows, not the nearest."""
    at = logged["step"].searchsorted(steps).clip(max=len(logged) - 1)
    values = logged["value"].astype("Int64").to_numpy() if len(logged) else None
    return pd.Series(values[at] if values is not None else pd.NA, index=steps.index, dtype="Int64")
