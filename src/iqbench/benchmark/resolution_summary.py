"""From the answers of a resolution test to its summary: accuracy by size, verdicts that hold, drift of scores."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from iqbench.benchmark.resolution import SMALLER
from iqbench.interfaces import ClusterChoice
from iqbench.protocol import Protocol
from iqbench.results.cluster_summary import Clusters
from iqbench.results.resolution_summary import FULL, ModelResolution, ResolutionStep, ResolutionSummary
from iqbench.statistics.bootstrap import Bootstrap, BootstrapConfig
from iqbench.statistics.estimate import Accuracy, Estimate, Share
from iqbench.version import iqbench_version

NO_SCORES = "the model has no scores"
IS_FULL = "this is the full size"
NO_PHOTO = "no photo is larger, or no pair was judged"

PAIR = ["photo", "type", "level"]
"""The columns that name a pair of a photo and its copy, at whatever size."""


def summarize_resolution(
    rows: pd.DataFrame, names: tuple[str, str], sizes: Sequence[str], protocol: Protocol, cluster: ClusterChoice
) -> ResolutionSummary:
    """Return the summary of one model.

    Args:
        rows: The answers; see `iqbench.benchmark.resolution.resolution_rows`.
        names: The model's name and its fingerprint.
        sizes: The sizes, small to large, then ``full``.
        protocol: The rule of verdicts.
        cluster: What makes photos one cluster.
    """
    photos = rows[["photo", "cluster"]].drop_duplicates()
    bootstrap = Bootstrap(sorted(set(photos["cluster"])), BootstrapConfig())
    answered = rows[rows["status"] == "ok"].assign(verdict=lambda table: np.sign(table["margin"]))
    answered["verdict"] = answered["verdict"].where(answered["prediction"].notna(), 0.0)
    pairs = answered[answered["type"] != SMALLER]
    full = pairs[pairs["size"] == FULL].set_index(PAIR)[["verdict", "correct", "score_reference"]].add_suffix("_full")
    with_full = pairs.join(full, on=PAIR, how="inner")
    holds = _holds(pairs)
    types = list(dict.fromkeys(pairs["type"]))
    failed = rows[~rows["status"].isin(["ok", "not_applicable"])]
    model = ModelResolution(
        fingerprint=names[1],
        holds=_share(bootstrap, holds, "holds", "no pair was judged at two sizes"),
        holds_by_type={
            kind: _share(bootstrap, holds[holds["type"] == kind], "holds", "no pair was judged at two sizes")
            for kind in types
        },
        steps=[_step(bootstrap, pairs, with_full, answered[answered["type"] == SMALLER], size) for size in sizes],
        failures={str(status): int(count) for status, count in failed["status"].value_counts().sort_index().items()},
    )
    return ResolutionSummary(
        iqbench=iqbench_version(),
        protocol=protocol,
        sizes=list(sizes),
        photos=len(photos),
        clusters=Clusters.of(photos, cluster),
        models={names[0]: model},
    )


def _step(
    bootstrap: Bootstrap, pairs: pd.DataFrame, with_full: pd.DataFrame, smaller: pd.DataFrame, size: str
) -> ResolutionStep:
    here, both, own = (table[table["size"] == size] for table in (pairs, with_full, smaller))
    is_full = size == FULL
    own = own.assign(larger=(1 + own["verdict"]) / 2)
    originals = both.drop_duplicates("photo").dropna(subset=["score_reference"])
    drift = (originals["score_reference"] - originals["score_reference_full"]).to_numpy(np.float64)
    gain = (both["correct"] - both["correct_full"]).to_numpy(np.float64)
    same = both.assign(same=(both["verdict"] == both["verdict_full"]).astype(np.float64))
    not_full = Estimate(value=None, reason=IS_FULL, interval_reason=IS_FULL)
    no_share = Share(share=None, share_reason=IS_FULL, interval_reason=IS_FULL)
    return ResolutionStep(
        size=size,
        photos=int(here["photo"].nunique()),
        accuracy=_accuracy(bootstrap, here),
        accuracy_change=not_full
        if is_full
        else bootstrap.mean(Estimate, both["cluster"], gain, NO_PHOTO, bounds=(-1.0, 1.0)),
        same_verdict=no_share if is_full else _share(bootstrap, same, "same", NO_PHOTO),
        larger_preferred=no_share if is_full else _share(bootstrap, own, "larger", NO_PHOTO),
        score_change=not_full
        if is_full
        else bootstrap.mean(Estimate, originals["cluster"], drift, NO_PHOTO if both.empty else NO_SCORES),
        by_type={kind: _accuracy(bootstrap, here[here["type"] == kind]) for kind in dict.fromkeys(pairs["type"])},
    )


def _holds(pairs: pd.DataFrame) -> pd.DataFrame:
    """Return a row per pair that was judged at two sizes or more, with 1 where all verdicts are one."""
    grouped = pairs.groupby(PAIR, sort=False)
    table = grouped.agg(
        cluster=("cluster", "first"), sizes=("verdict", "size"), verdicts=("verdict", "nunique")
    ).reset_index()
    table = table[table["sizes"] > 1]
    return table.assign(holds=(table["verdicts"] == 1).astype(np.float64))


def _accuracy(bootstrap: Bootstrap, rows: pd.DataFrame) -> Accuracy:
    return bootstrap.proportion(Accuracy, rows["cluster"], rows["correct"].to_numpy(np.float64), NO_PHOTO)


def _share(bootstrap: Bootstrap, rows: pd.DataFrame, column: str, undefined: str) -> Share:
    return bootstrap.proportion(Share, rows["cluster"], rows[column].to_numpy(np.float64), undefined)
