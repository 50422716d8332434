"""Confidence on one scale: how likely the original is better, learned from the margins of other photos."""

from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Float
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import GroupKFold

from iqbench.statistics.bootstrap import NO_PAIR, known

FOLDS = 5
BINS = 10
WEAK = 1e3
"""How little the slope is held back: enough that a model without a mistake keeps a finite one."""

FEW = "calibration needs at least two photos"


def calibrated(ok: pd.DataFrame) -> Float[np.ndarray, "n"]:
    """Return the probability that the original is better for each of one model's pairs, NaN where that is unknown.

    A logistic curve through 1/2 at margin 0 is fitted to the pairs of other photos (cross-fitted, so that
    no photo calibrates itself), each pair in both orders: whoever is sure of everything and wrong half
    of the time ends at 1/2.

    Args:
        ok: One model's verdict rows that are ok: ``original``, ``degraded`` and ``margin``.
    """
    order = np.argsort(ok["degraded"].to_numpy(str), kind="stable")  # sums depend on the order of the rows
    photos = ok["original"].to_numpy(str)[order]
    folds = min(FOLDS, len(np.unique(photos)))
    chances = np.full(len(ok), np.nan)
    if folds < 2:
        return chances
    margin = ok["margin"].to_numpy(np.float64)[order]
    scale = float(np.sqrt(np.mean(margin**2))) or 1.0
    for others, own in GroupKFold(folds).split(margin, groups=photos):
        chances[order[own]] = _fitted(margin[others] / scale, margin[own] / scale)
    return chances


def confidence(ok: pd.DataFrame, chances: Float[np.ndarray, "n"]) -> dict[str, Any]:
    """Return how good the calibrated probabilities are: `reliability`, and how well they tell right from wrong.

    ``auroc`` is how well |P - 1/2| tells right verdicts from wrong ones: 0.5 is not at all.

    Args:
        ok: One model's verdict rows that are ok.
        chances: As `calibrated` returns them.
    """
    if not len(ok) or np.isnan(chances).all():
        reason = NO_PAIR if not len(ok) else FEW
        unknown = known("brier", None, reason) | known("ece", None, reason) | known("auroc", None, reason)
        return {"of": OF} | unknown | {"bins": []}
    decided = (ok["correct"] != 0.5).to_numpy(bool) & ~np.isnan(chances)
    verdicts, sure = ok["correct"].to_numpy(np.float64)[decided] == 1, np.abs(chances[decided] - 0.5)
    auroc = float(roc_auc_score(verdicts, sure)) if 0 < verdicts.sum() < verdicts.size else None
    told = known("auroc", auroc, "all verdicts are right, or all wrong")
    return {"of": OF} | reliability(chances[~np.isnan(chances)]) | told


def reliability(chances: Float[np.ndarray, "n"]) -> dict[str, Any]:
    """Return Brier score, expected calibration error and reliability curve of the probabilities of the original.

    Every pair enters in both orders, P against 1 and 1 - P against 0: the original is always the better
    one, and with labels that are all 1 the error would be 1 - mean(P) whatever the model knows.

    Example:
        >>> found = reliability(np.array([0.75, 0.75, 0.75, 0.25]))
        >>> found["brier"], found["ece"]
        (0.1875, 0.0)
    """
    if not chances.size:
        return known("brier", None, NO_PAIR) | known("ece", None, NO_PAIR) | {"bins": []}
    stated = np.concatenate([chances, 1 - chances])
    right = np.concatenate([np.ones(chances.size), np.zeros(chances.size)])
    bins = np.minimum((stated * BINS).astype(np.intp), BINS - 1)
    count, said, true = (np.bincount(bins, weights=w, minlength=BINS) for w in (np.ones(stated.size), stated, right))
    curve = [
        {"low": at / BINS, "high": (at + 1) / BINS, "count": int(count[at])}
        | {"mean_probability": float(said[at] / count[at]), "share_right": float(true[at] / count[at])}
        for at in np.flatnonzero(count).tolist()
    ]
    error = float(np.abs(said - true).sum() / stated.size)
    return {"brier": float(np.mean((chances - 1) ** 2)), "ece": error, "bins": curve}


def said_and_found(ok: pd.DataFrame, chances: Float[np.ndarray, "n"], types: list[str]) -> dict[str, Any]:
    """Return for each type the mean probability that was said, and the accuracy that was found.

    One curve fits all types on the whole and may be wrong on each: where more is said than found, a model is
    surer of that kind of damage than it may be.

    Args:
        ok: One model's verdict rows that are ok.
        chances: As `calibrated` returns them.
        types: The degradation types.
    """
    found = {}
    for kind in types:
        own = (ok["degradation_type"] == kind).to_numpy(bool) & ~np.isnan(chances)
        both = (chances, ok["correct"].to_numpy(np.float64))
        said, right = (float(values[own].mean()) if own.any() else None for values in both)
        found[kind] = known("said", said, FEW) | known("found", right, FEW)
    return found


OF = "P(original better), calibrated on other photos; each pair in both orders"


def _fitted(margin: Float[np.ndarray, "n"], asked: Float[np.ndarray, "m"]) -> Float[np.ndarray, "m"]:
    both = np.concatenate([margin, -margin])[:, None]
    better = np.repeat([1, 0], len(margin))
    if not np.abs(both).any():
        return np.full(len(asked), 0.5)
    curve = LogisticRegression(C=WEAK, fit_intercept=False).fit(both, better)
    chances: Float[np.ndarray, m] = curve.predict_proba(asked[:, None])[:, 1]
    return chances
