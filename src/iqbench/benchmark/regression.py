"""Regressions: two runs of models of the same names, compared on the pairs that both runs judged."""

from dataclasses import asdict
from itertools import product
from pathlib import Path

import pandas as pd

from iqbench.benchmark.comparisons import NO_DIFFERENCE, Comparisons
from iqbench.benchmark.tables import CONTROL
from iqbench.errors import UsageError
from iqbench.results.compatibility import damage_difference
from iqbench.results.summary import PhotoDifference, Summary
from iqbench.statistics.bootstrap import Bootstrap, BootstrapConfig
from iqbench.statistics.paired_tests import with_holm

ALL = "all"

NOW, BEFORE = "now", "before"

VARIANT = ["degradation_type", "ladder", "degradation_level"]

CELL = ["photo_sha256", *VARIANT]
"""The columns that identify a pair in two runs: the photo's content, whatever its name, and the variant."""

COLUMNS = ["model_name", "original", *CELL, "degradation_group", "correct", "probability", "status"]


class Regression(PhotoDifference):
    """The accuracy of a model now and before, on one type or on ``all``, and the paired difference."""

    model: str
    type: str
    before: float
    now: float
    verdict: str = NO_DIFFERENCE


def regressions(now: pd.DataFrame, before: pd.DataFrame, config: BootstrapConfig) -> list[Regression]:
    """Return for each model and type, and over all types, the change of its accuracy.

    A model got *worse* where the difference is below 0 and its p, corrected for all comparisons made here
    (Holm), is below 5 %; *better* likewise. The difference is paired by photo.

    Args:
        now: The verdict table of a run.
        before: The verdict table of the reference run.
        config: Seed and number of resamples of the bootstrap.

    Raises:
        UsageError: If a model of the reference run is missing, or no pair was judged in both runs.
    """
    now, before = _unique_pairs(now), _unique_pairs(before)
    for name in sorted(set(before["model_name"]) - set(now["model_name"])):
        raise UsageError(f"model {name!r} is in the reference run but not in this run; benchmark it too")
    changes = []
    for name in dict.fromkeys(before["model_name"]):
        both = pd.concat(
            [
                now[now["model_name"] == name].assign(run=NOW),
                before[before["model_name"] == name].assign(run=BEFORE),
            ]
        )
        both = both[both.groupby(CELL)["run"].transform("nunique") == 2]
        if not len(both):
            raise UsageError(f"model {name!r}: no pair was judged in both runs; are the photos and the suite the same?")
        changes += _changes(name, both, config)
    return [
        change.model_copy(update={"verdict": "better" if (change.value or 0) > 0 else "worse"})
        if change.shown
        else change
        for change in with_holm(changes)
    ]


def _unique_pairs(table: pd.DataFrame) -> pd.DataFrame:
    return table[judged(table)].drop_duplicates(["model_name", *CELL])


def _changes(name: str, both: pd.DataFrame, config: BootstrapConfig) -> list[Regression]:
    """Return the changes of one model, from the pairs of both runs."""
    both = both.assign(model_name=both["run"], original=both["photo_sha256"])
    types = sorted(both["degradation_type"].unique())
    bootstrap = Bootstrap(sorted(both["original"].unique()), config)
    comparisons = Comparisons(both, [NOW, BEFORE], types, bootstrap)
    changes = []
    for kind in [ALL, *types]:
        accuracy = (both if kind == ALL else both[both["degradation_type"] == kind]).groupby("run")["correct"].mean()
        difference = comparisons.difference(NOW, BEFORE, None if kind == ALL else kind)
        before, now = float(accuracy[BEFORE]), float(accuracy[NOW])
        changes.append(Regression(**dict(difference), model=name, type=kind, before=before, now=now))
    return changes


def new_failures(name: str, now: pd.DataFrame, before: pd.DataFrame) -> dict[str, int]:
    """Return how many pairs a model judged before and fails on now, by reason.

    A photo is identified by its content, or by its name where it could not be read.
    """
    lost: dict[str, int] = {}
    failed = now[(now["model_name"] == name) & (now["status"] != "ok")]
    reference = before[(before["model_name"] == name) & judged(before)]
    for photo, unread in (("photo_sha256", False), ("original", True)):
        cell = [photo, *VARIANT]
        rows = failed[failed["photo_sha256"].isna() == unread].merge(reference[cell].drop_duplicates(), on=cell)
        for status, count in rows["status"].value_counts().items():
            lost[str(status)] = lost.get(str(status), 0) + count
    return lost


def judged(table: pd.DataFrame) -> "pd.Series[bool]":
    """Return which rows hold an answer about a degraded copy."""
    return (table["status"] == "ok") & (table["degradation_group"] != CONTROL)


def read_verdicts(folder: Path) -> pd.DataFrame:
    """Return the exported verdict table of a run.

    Raises:
        UsageError: If it is missing or damaged.
    """
    import pyarrow as pa  # here because it is slow to import

    file = folder / "unified_results.parquet"
    if not file.is_file():
        raise UsageError(f"{folder}: no unified_results.parquet here; is it a run's folder?")
    try:
        table = pd.read_parquet(file)
    except (pa.ArrowException, OSError, ValueError) as error:
        raise UsageError(f"{file}: cannot be read ({' '.join(str(error).split())[:160]})") from error
    if missing := sorted({*COLUMNS} - {*table.columns}):
        raise UsageError(f"{file}: has no column {', '.join(missing)}; give a file that iqbench.bench wrote")
    correct = table["correct"].where(judged(table), 0.0)
    if not pd.api.types.is_numeric_dtype(correct) or not correct.between(0, 1).all():
        raise UsageError(f"{file}: correct is not a number from 0 to 1; give a file that iqbench.bench wrote")
    return table


def rule_difference(now: Summary, before: Summary) -> str:
    """Return the first setting by which two runs have different rules; "" if their verdicts can be compared.

    Args:
        now: The summary of a run.
        before: The summary of the reference run.
    """
    protocol, expected = asdict(now.protocol), asdict(before.protocol)
    for key in sorted(protocol):
        if protocol[key] != expected[key]:
            return f"protocol.{key} ({protocol[key]}, not {expected[key]})"
    pairs = product(now.runs, before.runs)
    differences = (damage_difference(run.identity, reference.identity) for run, reference in pairs)
    return next(filter(None, differences), "")
