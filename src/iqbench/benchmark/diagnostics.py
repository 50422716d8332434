"""What there is to say of a model beside its accuracy: whether its verdicts can be trusted, and what they rest on."""

from typing import Any

import numpy as np
import pandas as pd

from iqbench.benchmark.baselines import against_nulls, null_accuracies, null_rows
from iqbench.benchmark.monotonicity import ranking_consistency, thresholds
from iqbench.protocol import Protocol
from iqbench.statistics.bootstrap import NO_PAIR, Bootstrap, known, mean_estimate
from iqbench.statistics.calibration import calibrated, confidence, said_and_found

REENCODED = "reencode"
"""The control whose change at the model's own input is the least that counts as visible."""

STRATA = {"brightness": "original_brightness", "sharpness": "original_sharpness", "pixels": "original_pixels"}
"""What originals are divided by, into thirds: on a dark photo one stop more may be no damage at all."""

SAME_INPUT = "the model's inputs have different shapes"


def evidence(
    rows: pd.DataFrame, adjacent: pd.DataFrame, protocol: Protocol, seed: int, resamples: int
) -> tuple[dict[str, dict[str, Any]], dict[str, dict[str, Any]]]:
    """Return what is known of each model by name, and the null models' accuracies; as plain JSON values.

    Args:
        rows: A row per model, photo and variant, as `iqbench.benchmark.verdict_table.verdict_rows` returns them, with
            the ``probability`` of `probabilities`.
        adjacent: A row per model, photo and two neighbouring levels of a ladder.
        protocol: The rule of the verdicts.
        seed: Seed of the resampling of photos and of the random null model.
        resamples: Number of resamples.
    """
    pairs = rows[rows["degradation_group"] != "control"]
    judged = pairs[pairs["status"] == "ok"]
    boot = Bootstrap(sorted(judged["original"].unique()), seed, resamples)
    types = sorted(pairs["degradation_type"].unique())
    nulls = null_rows(rows, protocol, seed)
    thirds = _thirds(judged)
    found = {}
    for name in rows["model_name"].unique():
        ok = judged[judged["model_name"] == name]
        chances = ok["probability"].to_numpy(np.float64)
        steps = adjacent[(adjacent["model_name"] == name) & (adjacent["status"] == "ok")]
        controls = rows[(rows["model_name"] == name) & (rows["degradation_group"] == "control")]
        found[str(name)] = {
            "against_nulls": against_nulls(ok, nulls, boot, types),
            "ranking_consistency": ranking_consistency(ok, steps, types, boot, protocol.tie_margin),
            "thresholds": thresholds(ok, boot),
            "confidence": confidence(ok, chances) | {"by_degradation": said_and_found(ok, chances, types)},
            "visibility": visibility(ok, controls, types, boot),
            "strata": _strata(ok, thirds, boot),
            "repeatability": _repeatability(controls),
        }
    return found, null_accuracies(nulls, boot, types)


def probabilities(rows: pd.DataFrame) -> "pd.Series[float]":
    """Return the calibrated probability that the original is better for each row; NaN for controls and failures."""
    found = pd.Series(np.nan, index=rows.index)
    counting = rows[(rows["degradation_group"] != "control") & (rows["status"] == "ok")]
    for _, ok in counting.groupby("model_name", sort=False):
        found[ok.index] = calibrated(ok)
    return found


def visibility(ok: pd.DataFrame, controls: pd.DataFrame, types: list[str], boot: Bootstrap) -> dict[str, Any]:
    """Return how much of each type's change reaches the model's own input, and the accuracy where it does.

    A change is visible where it alters the input more than saving the same photo as JPEG of quality 95
    does, on the mean: a model that errs below that cannot see it, one that errs above does not mind it.

    Args:
        ok: One model's verdict rows.
        controls: Its rows about controls.
        types: The degradation types.
        boot: The photos' resamples.
    """
    harmless = controls[(controls["degradation_level"] == REENCODED) & (controls["status"] == "ok")]
    least = ok["original"].map(harmless.drop_duplicates("original").set_index("original")["input_change"]).astype(float)
    comparable = ok["input_change"].notna() & least.notna()
    visible = comparable & (ok["input_change"] > least)
    found = {}
    for kind in types:
        own = ok["degradation_type"] == kind
        changes = ok.loc[own & comparable]
        reason = SAME_INPUT if own.any() else NO_PAIR
        found[kind] = (
            known("input_change", _mean(changes["input_change"]), reason)
            | known("input_change_max", _largest(changes["input_change_max"]), reason)
            | known("visible", float(visible[own].sum() / len(changes)) if len(changes) else None, reason)
            | {"accuracy_where_visible": _estimate(ok[own & visible], boot)}
            | {"accuracy_where_invisible": _estimate(ok[own & comparable & ~visible], boot)}
        )
    return found


def _thirds(judged: pd.DataFrame) -> dict[str, "pd.Series[str]"]:
    """Return for each fact the third that each original is in; none for a fact that does not vary."""
    photos = judged.drop_duplicates("original").set_index("original")
    found = {}
    for fact, column in STRATA.items():
        values = photos[column].astype("Float64").dropna()
        if values.nunique() >= 3:
            ranks = values.rank(method="average", pct=True)
            found[fact] = pd.cut(ranks, [0, 1 / 3, 2 / 3, 1], labels=["low", "middle", "high"]).astype(str)
    return found


def _strata(ok: pd.DataFrame, thirds: dict[str, "pd.Series[str]"], boot: Bootstrap) -> dict[str, Any]:
    """Return the accuracy on each ladder in each third of the originals."""
    found: dict[str, Any] = {}
    for fact, third in thirds.items():
        of_row = ok["original"].map(third)
        column = STRATA[fact]
        found[fact] = {}
        for label in ("low", "middle", "high"):
            own = ok[of_row == label]
            if not len(own):
                continue
            values = own[column].astype(float)
            ladders = {str(ladder): _estimate(rows, boot) for ladder, rows in own.groupby("ladder", sort=False)}
            found[fact][label] = {
                "from": float(values.min()),
                "to": float(values.max()),
                "photos": int(own["original"].nunique()),
                "by_ladder": ladders,
            }
    return found


def _repeatability(controls: pd.DataFrame) -> dict[str, Any]:
    """Return how far the answer about a photo and an identical copy, looked at anew, is from the promised 0."""
    same = controls[(controls["degradation_level"] == "identity") & (controls["status"] == "ok")]
    return known("largest_margin", _largest(same["margin"].abs()), NO_PAIR) | {"pairs": len(same)}


def _mean(values: "pd.Series[float]") -> float | None:
    return float(values.mean()) if values.notna().any() else None


def _largest(values: "pd.Series[float]") -> float | None:
    return float(values.max()) if values.notna().any() else None


def _estimate(rows: pd.DataFrame, boot: Bootstrap) -> dict[str, Any]:
    found = mean_estimate("accuracy", rows["original"], rows["correct"].to_numpy(np.float64), boot, NO_PAIR)
    return found | {"pairs": len(rows)}
