"""How far a model agrees with people, how far judges that look at no picture do, and whether that is a difference."""

from collections.abc import Mapping
from itertools import combinations
from typing import Any

import pandas as pd

from iqbench.evaluation.baselines import null_answers
from iqbench.evaluation.compare import paired_difference
from iqbench.evaluation.measures import pair_measures, vote_measures
from iqbench.evaluation.vote_scale import VoteScale
from iqbench.progress import track
from iqbench.statistics.estimate import ALPHA
from iqbench.statistics.paired_tests import holm

TOO_CLOSE = "too close to call"

HEADLINE = {"pairs": "accuracy", "votes": "srcc"}
"""The measure by which models are compared, for each kind of label."""

VOTE_ERRORS = ("rmse", "emd", "binary_accuracy")
"""Measures on the scale of votes."""


def agreement(
    predictions: pd.DataFrame, made_pairs: pd.DataFrame | None, scale: VoteScale, seed: int, resamples: int
) -> dict[str, Any]:
    """Return how far one judge agrees with people, as plain JSON values.

    Args:
        predictions: A row per label; see `iqbench.evaluation.predictions`.
        made_pairs: Of a set of votes, what the judge says about pairs made from them.
        scale: What the judge predicts of votes.
        seed: Seed of the resampling.
        resamples: Number of resamples.
    """
    if made_pairs is None:
        return pair_measures(predictions, seed, resamples) | _order(predictions)
    found = vote_measures(predictions, seed, resamples, score_is_mean_vote=scale.predicts == "mean")
    for name in VOTE_ERRORS:
        if scale.reason and found[name]["value"] is None:
            found[name] = found[name] | {"reason": scale.reason}
    found["predicts"] = scale.predicts
    return found | {"pairs_from_votes": pair_measures(made_pairs, seed, resamples) | _order(made_pairs)}


def null_agreements(
    predictions: pd.DataFrame, made_pairs: pd.DataFrame | None, photos: pd.DataFrame, seed: int, resamples: int
) -> tuple[dict[str, dict[str, Any]], dict[str, Any]]:
    """Return how far each null model agrees with people on the rows that a model answered, and how the model compares.

    The comparison is with the best of them; a model that beats that one beats them all.
    """
    answers = null_answers(predictions, photos, seed)
    of_pairs = {} if made_pairs is None else null_answers(made_pairs, photos, seed)
    kind = "pairs" if made_pairs is None else "votes"
    nulls: dict[str, dict[str, Any]] = {}
    for name, rows in track(answers.items(), "null models", len(answers)):
        scale = VoteScale("score", "a null model predicts no votes")
        nulls[name] = agreement(rows, of_pairs.get(name), scale, seed, resamples)
    known = {name: null[HEADLINE[kind]]["value"] for name, null in nulls.items()}
    ranked = sorted((name for name, value in known.items() if value is not None), key=lambda name: -known[name])
    if not ranked:
        return nulls, {"null": None, "reason": "no null model has a value", "shown": False, "verdict": TOO_CLOSE}
    best = ranked[0]
    found = paired_difference(predictions, answers[best], seed, resamples)
    shown = found["p"] is not None and found["p"] < ALPHA
    better = shown and found["value"] > 0
    verdict = f"better than {best}, the best null model" if better else f"not shown to be better than {best}"
    if shown and found["value"] < 0:
        verdict = f"worse than {best}, a null model"
    return nulls, {"null": best} | found | {"shown": bool(better), "verdict": verdict}


def differences(predictions: Mapping[str, pd.DataFrame], seed: int, resamples: int) -> list[dict[str, Any]]:
    """Return every two models' difference on the same labels, with p-values corrected for their number (Holm)."""
    found: list[dict[str, Any]] = []
    pairs = list(combinations(predictions, 2))
    if not pairs:
        return []
    for one, other in track(pairs, "differences", len(pairs)):
        difference = paired_difference(predictions[one], predictions[other], seed, resamples)
        found.append({"models": [one, other]} | difference)
    tested = [one for one in found if one["p"] is not None]
    for difference, corrected in zip(tested, holm([one["p"] for one in tested]), strict=True):
        difference["p_holm"] = corrected
    for difference in found:
        p: float | None = difference.setdefault("p_holm", None)
        ahead = difference["models"][0 if (difference["value"] or 0) > 0 else 1]
        shown = p is not None and p < ALPHA
        difference["better"] = ahead if shown else None
        difference["verdict"] = f"{ahead} better" if shown else TOO_CLOSE
        if p is None:
            difference["p_holm_reason"] = difference["p_reason"]
    return found


def _order(pairs: pd.DataFrame) -> dict[str, Any]:
    """Return in how many of the pairs both orders gave the same answer."""
    asked = pairs["order_consistent"].dropna()
    return {"order_consistency": float(asked.astype(float).mean()) if len(asked) else None}
