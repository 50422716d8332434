"""The L-test: does the preference for the original grow as the damage does, and from which amount on is it there?

Reference:
    Ma et al., *Waterloo Exploration Database: New challenges for image quality assessment models*, IEEE TIP 2017.
"""

from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd

from iqbench.statistics.bootstrap import ONE_PHOTO, Array, Bootstrap, known, mean_estimate, ratio

NOTICED = 0.75
"""A level is noticed where the original is preferred this often: halfway between chance and certainty."""

NO_LADDER = "no ladder of two levels was judged in full"
ALL_TIED = "the model has no opinion about any ladder"
NO_MEASURE = "its levels have no measure"


def ranking_consistency(
    ok: pd.DataFrame, adjacent: pd.DataFrame, types: list[str], boot: Bootstrap, tie_margin: float
) -> dict[str, Any]:
    """Return for each type how far one model's preferences follow the severity.

    ``tau`` is the mean, over photos and ladders, of Kendall's tau-b between severity and the margin of
    the original over each level, with the original itself, of margin 0, as the first: 1 if it is
    preferred the more, the harsher the damage. ``violations`` is the share of neighbouring levels,
    compared directly, of which the harsher one is preferred; a tie is half a violation.

    Args:
        ok: One model's verdict rows.
        adjacent: Its verdict rows about each level against the next harsher one.
        types: The degradation types.
        boot: The photos' resamples.
        tie_margin: Margins that differ by at most this are equal.
    """
    taus = _taus(ok, tie_margin)
    found = {}
    for kind in types:
        own = taus[taus["degradation_type"] == kind]
        steps = adjacent[adjacent["degradation_type"] == kind]
        undefined = ALL_TIED if len(own) else NO_LADDER
        decided, wrong = own.dropna(subset=["tau"]), 1 - steps["correct"].to_numpy(np.float64)
        found[kind] = {
            "tau": mean_estimate("value", decided["original"], decided["tau"].to_numpy(np.float64), boot, undefined),
            "violations": mean_estimate("value", steps["original"], wrong, boot, "no neighbouring levels"),
            "ladders": len(own),
            "without_opinion": int(own["tau"].isna().sum()),
        }
    return found


def thresholds(ok: pd.DataFrame, boot: Bootstrap) -> dict[str, dict[str, Any]]:
    """Return for each ladder the amount of damage from which on one model notices it, with an interval over photos.

    Accuracy over amount is made monotone (isotonic regression), and the threshold is where it crosses
    `NOTICED`, between two levels on a straight line. Where the mildest level is noticed already, the
    threshold is said to be that level, ``at_most``; an end of the interval is None where the crossing
    lies beyond the harshest level.

    Args:
        ok: One model's verdict rows.
        boot: The photos' resamples.
    """
    found = {}
    for ladder, rows in ok.groupby("ladder", sort=False):
        steps = rows.drop_duplicates("severity").sort_values("severity")
        about = {"degradation_type": str(steps["degradation_type"].iloc[0]), "unit": str(steps["unit"].iloc[0])}
        if steps["amount"].isna().any():
            found[str(ladder)] = about | known("amount", None, NO_MEASURE) | {"interval": None}
            continue
        codes = pd.Index(steps["severity"]).get_indexer(pd.Index(rows["severity"]))
        sums = boot.totals(rows["original"], codes, rows["correct"].to_numpy(np.float64), len(steps))
        accuracy = ratio(sums, boot.totals(rows["original"], codes, np.ones(len(rows)), len(steps)))
        amounts = steps["amount"].to_numpy(np.float64)
        crossings = crossing(monotone(accuracy), amounts)
        found[str(ladder)] = about | _threshold(crossings, amounts, rows["original"].nunique())
    return found


def monotone(accuracy: Array) -> Array:
    """Return the non-decreasing rows nearest to these (isotonic regression with equal weights).

    Example:
        >>> monotone(np.array([[0.5, 0.9, 0.7, 1.0]])).round(2).tolist()
        [[0.5, 0.8, 0.8, 1.0]]
    """
    width = accuracy.shape[1]
    sums = np.cumsum(np.hstack([np.zeros((len(accuracy), 1)), accuracy]), axis=1)
    means = np.full((len(accuracy), width, width), np.inf)  # of the steps from the second index to the third
    for first in range(width):
        for last in range(first, width):
            means[:, first, last] = (sums[:, last + 1] - sums[:, first]) / (last + 1 - first)
    least = np.minimum.accumulate(means[:, :, ::-1], axis=2)[:, :, ::-1]
    fitted: Array = np.stack([least[:, : at + 1, at].max(axis=1) for at in range(width)], axis=1)
    return fitted


def crossing(accuracy: Array, amounts: Array) -> Array:
    """Return where each row of non-decreasing accuracies first reaches `NOTICED`, infinite where it does not.

    Example:
        >>> crossing(np.array([[0.5, 0.5, 1.0], [0.8, 0.9, 1.0], [0.5, 0.6, 0.7]]), np.array([0.0, 1.0, 3.0])).tolist()
        [2.0, 0.0, inf]
    """
    reached = accuracy >= NOTICED
    at = np.maximum(reached.argmax(axis=1), 1) if accuracy.shape[1] > 1 else reached.argmax(axis=1)
    rows = np.arange(len(accuracy))
    low, high = accuracy[rows, at - 1], accuracy[rows, at]
    share = np.divide(NOTICED - low, high - low, out=np.ones(len(at)), where=high > low)
    where = amounts[at - 1] + share * (amounts[at] - amounts[at - 1])
    return np.where(reached[:, 0], amounts[0], np.where(reached.any(axis=1), where, np.inf))


def _threshold(crossings: Array, amounts: Array, photos: int) -> dict[str, Any]:
    # measured in damage, so that more is harsher on every ladder
    sign = 1.0 if amounts[-1] >= amounts[0] else -1.0
    damage = np.where(np.isinf(crossings), np.inf, sign * crossings)
    value = None if np.isinf(damage[0]) else float(crossings[0])
    beyond = f"{100 * NOTICED:.0f} % is not reached at {amounts[-1]:g}"
    found = known("amount", value, beyond) | {"at_most": value is not None and value == float(amounts[0])}
    if photos < 2:
        return found | {"interval": None, "interval_reason": ONE_PHOTO}
    low, high = np.nanquantile(damage[1:], [0.025, 0.975], method="nearest")
    return found | {"interval": [None if np.isinf(end) else float(sign * end) for end in (low, high)]}


def _taus(ok: pd.DataFrame, tie_margin: float) -> pd.DataFrame:
    """Return Kendall's tau-b of each photo and ladder that has every level of the ladder, NaN where all is tied."""
    found = []
    for ladder, rows in ok.groupby("ladder", sort=False):
        margins = rows.pivot(index="original", columns="severity", values="margin").dropna()
        if margins.shape[1] < 2 or margins.empty:
            continue
        values = np.hstack([np.zeros((len(margins), 1)), margins.to_numpy(np.float64)])
        pairs = list(combinations(range(values.shape[1]), 2))
        growth = np.stack([values[:, harsh] - values[:, mild] for mild, harsh in pairs], axis=1)
        signs = np.where(np.abs(growth) <= tie_margin, 0.0, np.sign(growth))
        untied = np.abs(signs).sum(axis=1)
        scale = np.sqrt(untied * len(pairs))
        tau = np.divide(signs.sum(axis=1), scale, out=np.full(len(values), np.nan), where=scale > 0)
        kind = rows["degradation_type"].iloc[0]
        found.append(pd.DataFrame({"original": margins.index, "ladder": ladder, "degradation_type": kind, "tau": tau}))
    columns = {"original": str, "ladder": str, "degradation_type": str, "tau": float}
    return pd.concat(found, ignore_index=True) if found else pd.DataFrame(columns=list(columns)).astype(columns)
