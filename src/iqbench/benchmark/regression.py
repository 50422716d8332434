"""Regressions: two runs of models of the same names, compared on the pairs that both runs judged."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd

from iqbench.benchmark.comparisons import NO_DIFFERENCE
from iqbench.benchmark.tables import CONTROL
from iqbench.errors import UsageError
from iqbench.interfaces import ClusterChoice
from iqbench.results.compatibility import damage_difference
from iqbench.results.summary import PhotoDifference, Summary
from iqbench.statistics.bootstrap import Bootstrap, BootstrapConfig
from iqbench.statistics.estimate import Array
from iqbench.statistics.joined import joined
from iqbench.statistics.paired_tests import paired_differences
from iqbench.statistics.power import Power
from iqbench.statistics.sign_flips import SignFlips

ALL = "all"

FILE = "unified_results.parquet"
"""The export of a run that holds its verdict table."""

VARIANT = ["degradation_type", "ladder", "degradation_level"]

CELL = ["photo_sha256", *VARIANT]
"""The columns that identify a pair in two runs: the photo's content, whatever its name, and the variant."""

CLUSTER = "cluster"
"""The column of clusters. Exports of iqbench before 0.3 lack it; then only photos of equal bytes are one cluster."""

COLUMNS = ["model_name", "original", *CELL, "degradation_group", "correct", "probability", "status"]


class Regression(PhotoDifference):
    """The accuracy of a model now and before, on one type or on ``all``, and the paired difference.

    ``least_fall`` is the fall that these photos show with a power of 80 %, corrected for all comparisons; None
    where they can show no fall. ``clusters`` is the number of clusters of these photos.
    """

    model: str
    type: str
    now: float
    before: float
    least_fall: float | None
    clusters: int
    verdict: str = NO_DIFFERENCE

    def excludes_fall_of(self, points: float) -> bool:
        """Return whether the interval excludes that the accuracy fell by so many percentage points or more."""
        return self.interval is not None and self.interval[0] > -points / 100


def regressions(now: pd.DataFrame, before: pd.DataFrame, seed: int = 0) -> list[Regression]:
    """Return for each model and type, and over all types, the change of its accuracy.

    A model got *worse* where the difference is below 0 and its p, corrected for all comparisons made here
    (sign flips, step-down), is below 5 %; *better* likewise. The difference is paired by photo, and photos of
    equal bytes are one cluster, as are those that share a cluster in either run.

    Args:
        now: The verdict table of a run. Exports of iqbench before 0.3 have no column ``cluster``.
        before: The verdict table of the reference run.
        seed: Seed of the sign flips.

    Raises:
        UsageError: If a model of the reference run is missing, or no pair was judged in both runs.
    """
    now, before = _unique_pairs(now), _unique_pairs(before)
    for name in sorted(set(before["model_name"]) - set(now["model_name"])):
        others = ", ".join(map(repr, sorted(set(now["model_name"]))))
        raise UsageError(
            f"model {name!r} is in the reference run but not in this run, which holds {others or 'none'}; benchmark it "
            f"too, or, to compare two versions of one model, give both runs one name, such as name={name}"
        )
    pairs = before.merge(now, on=["model_name", *CELL], suffixes=("_before", "_now"), how="inner")
    for name in dict.fromkeys(before["model_name"]):
        if not (pairs["model_name"] == name).any():
            raise UsageError(f"model {name!r}: no pair was judged in both runs; are the photos and the suite the same?")
    types = sorted(pairs["degradation_type"].unique())
    pairs = pairs.assign(**{CLUSTER: pairs["photo_sha256"].map(_clusters(pairs))})
    keys = [(name, kind) for name in dict.fromkeys(before["model_name"]) for kind in (ALL, *types)]
    of_keys = {key: rows for key in keys if len(rows := _rows(pairs, *key))}
    return _changes(of_keys, Bootstrap(sorted(pairs[CLUSTER].unique()), BootstrapConfig(seed, resamples=0)))


def _clusters(pairs: pd.DataFrame) -> "pd.Series[int]":
    """Return the number of the cluster of each photo, by its sha256."""
    columns = ["photo_sha256", "cluster_before", "cluster_now"]
    photos = pairs[columns].drop_duplicates().sort_values(columns, ignore_index=True)
    numbers = pd.Series(joined(*(photos[name] for name in columns)), index=photos["photo_sha256"])
    return numbers[~numbers.index.duplicated()]


def _rows(pairs: pd.DataFrame, name: str, kind: str) -> pd.DataFrame:
    of_model = pairs["model_name"] == name
    return pairs[of_model if kind == ALL else of_model & (pairs["degradation_type"] == kind)]


def _unique_pairs(table: pd.DataFrame) -> pd.DataFrame:
    table = table if CLUSTER in table else table.assign(**{CLUSTER: None})
    return table[judged(table)].drop_duplicates(["model_name", *CELL])


def _changes(of_keys: dict[tuple[str, str], pd.DataFrame], clusters: Bootstrap) -> list[Regression]:
    """Return the changes of all models and types, corrected for their number."""
    sums, counts, fields, reasons = list[Array](), list[Array](), list[dict[str, object]](), list[str]()
    for (name, kind), rows in of_keys.items():
        zeros, gap = np.zeros(len(rows), dtype=np.intp), rows["correct_now"] - rows["correct_before"]
        sums.append(clusters.sums(rows[CLUSTER], zeros, gap.to_numpy(np.float64), 1)[:, 0])
        counts.append(clusters.sums(rows[CLUSTER], zeros, np.ones(len(rows)), 1)[:, 0])
        means = {when: float(rows[f"correct_{when}"].mean()) for when in ("now", "before")}
        sizes = {"photos": int(rows["photo_sha256"].nunique()), "clusters": int(rows[CLUSTER].nunique())}
        reasons.append(clusters.too_few(sizes["clusters"]))
        fields.append({"model": name, "type": kind, **sizes, **means})
    flips = SignFlips(len(clusters.index), clusters.config.seed)
    table, rows_of = np.stack(sums, axis=1), np.stack(counts, axis=1)
    quantile = flips.family_quantile(table)
    for at, field in enumerate(fields):
        one = table[:, [at]], rows_of[:, [at]]
        least = replace(Power.of(flips, *one), quantile=quantile).least_difference(flips.clusters)
        field["least_fall"] = least if least <= 1 else None
    return [
        change.model_copy(update={"verdict": "better" if (change.value or 0) > 0 else "worse"})
        if change.shown
        else change
        for change in paired_differences(Regression, flips, table, rows_of, fields, reasons)
    ]


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

    file = folder / FILE
    if not file.is_file():
        raise UsageError(f"{folder}: no {FILE} here; is it a run's folder?")
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


def cluster_lines(runs: Mapping[Path, pd.DataFrame], choices: Sequence[ClusterChoice]) -> list[str]:
    """Return what a reader must know of the clusters: that there are none, or that the runs differ in them.

    Args:
        runs: The verdict table of each folder.
        choices: What makes photos one cluster in the runs that have a summary.
    """
    if not any(CLUSTER in table for table in runs.values()):
        files = " and ".join(f"{folder / FILE}" for folder in runs)
        return [f"{files}: no column {CLUSTER}, so near-copies count as independent; export again with iqbench.report"]
    if len(set(choices)) > 1:
        return [f"the runs differ in data.cluster ({', '.join(choices)}): photos that either joins count as one"]
    return []


def rule_difference(now: Summary, before: Summary) -> str:
    """Return the first setting by which two runs have different rules; "" if their verdicts can be compared.

    Args:
        now: The summary of a run.
        before: The summary of the reference run.
    """
    protocol, expected = asdict(now.protocol), asdict(before.protocol)
    for key in sorted(protocol.keys() - {"margin"}):
        if protocol[key] != expected[key]:
            return f"protocol.{key} ({protocol[key]}, not {expected[key]})"
    pairs = product(now.runs, before.runs)
    differences = (damage_difference(run.identity, reference.identity) for run, reference in pairs)
    return next(filter(None, differences), "")
