"""Diagnostics of one model besides its accuracy: calibration, visibility of changes, and strata of originals."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from iqbench.benchmark.accuracies import tested_accuracies
from iqbench.benchmark.chance import IDENTITY, REENCODE, ChanceTests
from iqbench.benchmark.tables import CONTROL, ModelTables
from iqbench.records import value_or_reason
from iqbench.results.diagnostics_summary import Confidence, Stratum, TypeCalibration, Visibility
from iqbench.statistics.bootstrap import Bootstrap
from iqbench.statistics.calibration import cross_fitted, reliability
from iqbench.statistics.estimate import NO_PAIR, Accuracy, Estimate, Share
from iqbench.statistics.resampled_calibration import auroc_draws

CALIBRATED = "P(original better), calibrated on other photos; each pair in both orders"

FEW_PHOTOS = "calibration needs at least two photos"
ONE_KIND = "all verdicts are right, or all wrong"
ONE_PHOTO = "an interval needs right verdicts and wrong ones on two photos each"
SHAPES_DIFFER = "the model's inputs have different shapes"

STRATA = {"brightness": "original_brightness", "sharpness": "original_sharpness", "pixels": "original_pixels"}
"""Image statistics that divide the originals into thirds: one stop more may be no damage to a dark photo."""

THIRDS = ("low", "middle", "high")


def probabilities(verdicts: pd.DataFrame) -> "pd.Series[float]":
    """Return the calibrated probability of the original for each row; NaN for controls, failures, one cluster.

    Each model is calibrated on its own pairs of other clusters of photos.
    """
    chances = pd.Series(np.nan, index=verdicts.index)
    judged = verdicts[(verdicts["degradation_group"] != CONTROL) & (verdicts["status"] == "ok")]
    for _, rows in judged.groupby("model_name", sort=False):
        ordered = rows.iloc[np.argsort(rows["degraded"].to_numpy(str), kind="stable")]
        clusters = ordered["cluster" if "cluster" in ordered else "original"]
        chances[ordered.index] = cross_fitted(ordered["margin"].to_numpy(np.float64), clusters.to_numpy(str))
    return chances


def confidence(judged: pd.DataFrame, types: list[str], bootstrap: Bootstrap) -> Confidence:
    """Return the reliability of a model's calibrated probabilities, overall and by type.

    ``auroc`` is how well |P - 1/2| separates right verdicts from wrong ones; 0.5 is chance. Its interval counts the
    photos that have wrong verdicts, or right ones, whichever are fewer.

    Args:
        judged: The model's judged rows, with their ``probability``.
        types: The degradation types.
        bootstrap: Resamples of the photos.
    """
    chances = judged["probability"].to_numpy(np.float64)
    correct = judged["correct"].to_numpy(np.float64)
    calibrated = ~np.isnan(chances)
    undefined = FEW_PHOTOS if len(judged) else NO_PAIR
    decided = (correct != 0.5) & calibrated
    clusters = judged["cluster"][decided]
    areas = auroc_draws(bootstrap, clusters, correct[decided] == 1, np.abs(chances[decided] - 0.5))
    units = min(clusters[correct[decided] == worth].nunique() for worth in (0, 1))
    kinds = ONE_KIND if calibrated.any() else undefined
    area = bootstrap.estimate(Estimate, areas, len(clusters), units, kinds, (0.0, 1.0))
    if area.value is not None and units < 2:
        area = area.model_copy(update={"interval_reason": ONE_PHOTO})
    return Confidence(
        **dict(reliability(chances, judged["cluster"], bootstrap, CALIBRATED, undefined)),
        **area.as_fields("auroc"),
        by_degradation={kind: _type_calibration(judged, kind, bootstrap) for kind in types},
    )


def visibility(tables: ModelTables, types: list[str], bootstrap: Bootstrap) -> dict[str, Visibility]:
    """Return how much of each type's change reaches the model's own input, and the accuracy where it does.

    A change is visible where it alters the input more, on the mean, than saving the same photo as JPEG of
    quality 95 does. A model cannot see a change below that; an error above it is the model's judgement.

    Args:
        tables: The rows of the model.
        types: The degradation types.
        bootstrap: Resamples of the photos.
    """
    judged, controls = tables.judged, tables.controls
    reencoded = controls[(controls["degradation_level"] == REENCODE) & (controls["status"] == "ok")]
    reencodings = reencoded.drop_duplicates("original").set_index("original")["input_change"]
    least = judged["original"].map(reencodings).astype(float)
    comparable = judged["input_change"].notna() & least.notna()
    visible = comparable & (judged["input_change"] > least)
    by_type = {}
    for kind in types:
        of_type = judged["degradation_type"] == kind
        rows = judged.loc[of_type & comparable]
        reason = SHAPES_DIFFER if of_type.any() else NO_PAIR
        changes, shown = rows["input_change"].to_numpy(np.float64), np.where(visible[rows.index], 1.0, 0.0)
        by_type[kind] = Visibility(
            **bootstrap.mean(Estimate, rows["cluster"], changes, reason).as_fields("input_change"),
            **value_or_reason("input_change_max", float(rows["input_change_max"].max()), reason),
            **bootstrap.proportion(Share, rows["cluster"], shown, reason).as_fields("visible"),
            accuracy_where_visible=_accuracy(judged[of_type & visible], bootstrap),
            accuracy_where_invisible=_accuracy(judged[of_type & comparable & ~visible], bootstrap),
        )
    return by_type


def thirds(judged: pd.DataFrame) -> dict[str, "pd.Series[str]"]:
    """Return for each image statistic the third of each original; nothing for a statistic that hardly varies.

    Args:
        judged: The judged rows of all models.
    """
    photos = judged.drop_duplicates("original").set_index("original")
    labels = {}
    for statistic, column in STRATA.items():
        values = photos[column].astype("Float64").dropna()
        if values.nunique() >= len(THIRDS):
            ranks = values.rank(method="average", pct=True)
            labels[statistic] = pd.cut(ranks, [0, 1 / 3, 2 / 3, 1], labels=list(THIRDS)).astype(str)
    return labels


def strata(
    tables: ModelTables, labels: Mapping[str, "pd.Series[str]"], bootstrap: Bootstrap, chance: ChanceTests
) -> dict[str, dict[str, Stratum]]:
    """Return a model's accuracy on each ladder in each third of the originals.

    Args:
        tables: The rows of the model.
        labels: The third of each original by image statistic; see `thirds`.
        bootstrap: The clusters of the photos.
        chance: The tests against 50 %.
    """
    by_statistic: dict[str, dict[str, Stratum]] = {}
    for statistic, third in labels.items():
        of_row, column = tables.asked["original"].map(third), STRATA[statistic]
        for label in THIRDS:
            rows = tables.asked[of_row == label]
            if len(rows):
                ladders = rows["ladder"].unique()
                p = [chance.strata.get((tables.name, statistic, label, ladder)) for ladder in ladders]
                codes = pd.Index(ladders).get_indexer(pd.Index(rows["ladder"]))
                by_statistic.setdefault(statistic, {})[label] = Stratum(
                    **{"from": float(rows[column].astype(float).min()), "to": float(rows[column].astype(float).max())},
                    photos=int(rows["original"].nunique()),
                    by_ladder=dict(zip(map(str, ladders), tested_accuracies(rows, codes, p, bootstrap), strict=True)),
                )
    return by_statistic


def largest_identity_margin(controls: pd.DataFrame) -> tuple[float | None, int]:
    """Return the largest margin between a photo and an identical copy, which should be 0, and the number of pairs."""
    identical = controls[(controls["degradation_level"] == IDENTITY) & (controls["status"] == "ok")]
    margins = identical["margin"].abs()
    return (float(margins.max()) if margins.notna().any() else None), len(identical)


def _type_calibration(judged: pd.DataFrame, kind: str, bootstrap: Bootstrap) -> TypeCalibration:
    """Return the mean stated probability and the accuracy on one type.

    One curve is fitted to all types, and may be wrong on each: where more is stated than found, the model
    is overconfident about that type.
    """
    rows = judged[(judged["degradation_type"] == kind) & judged["probability"].notna()]
    stated, found = (rows[column].to_numpy(np.float64) for column in ("probability", "correct"))
    clusters = rows["cluster"]
    fields = bootstrap.mean(Estimate, clusters, stated, FEW_PHOTOS, (0.0, 1.0)).as_fields("stated")
    fields |= bootstrap.proportion(Estimate, clusters, found, FEW_PHOTOS).as_fields("found")
    fields |= bootstrap.mean(Estimate, clusters, stated - found, FEW_PHOTOS, (-1.0, 1.0)).as_fields("overconfidence")
    return TypeCalibration.model_validate(fields)


def _accuracy(rows: pd.DataFrame, bootstrap: Bootstrap) -> Accuracy:
    return bootstrap.proportion(Accuracy, rows["cluster"], rows["correct"].to_numpy(np.float64))
