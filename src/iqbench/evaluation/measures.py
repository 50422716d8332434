"""From a model's answers about labelled photos to measures with intervals, as plain JSON values.

Each measure is ``{"value", "interval", "n"}``. What is undefined is None, with a ``reason`` (of the
value) or an ``interval_reason`` beside it. Nothing depends on the order of the answers.
"""

from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from iqbench.evaluation.answers import (
    PREDICTED_VOTES,
    TRUE_VOTES,
    failures,
    pair_answers,
    predicts_votes,
    vote_answers,
)
from iqbench.labels import RATINGS
from iqbench.metrics.pairs import AGREEMENT, agreement_bins, agreements, cross_entropies, hits
from iqbench.metrics.series import blind_tops, standings, taus, tops
from iqbench.metrics.votes import GOOD, distances
from iqbench.statistics.bootstrap import Bootstrap, BootstrapConfig
from iqbench.statistics.estimate import ALPHA, Array
from iqbench.statistics.resampled_measures import (
    ONE_PHOTO,
    ONE_SERIES,
    PairDraws,
    estimate,
    krcc_draws,
    mean_draws,
    plcc_draws,
    srcc_draws,
)

NO_PAIR = "no pair was judged"
NO_WINNER = "no pair with a winner was judged"
NO_SERIES = "no series was judged in full"
SHARED_PHOTOS = "a photo is in more than one series, so nothing is ranked inside them"
ALL_TIED = "no series judged in full has an order both for the model and for people"
NO_PHOTO = "no photo was judged"
CONSTANT = "the scores or the votes are all the same, or there are fewer than two"
NO_VOTES = "the model does not predict votes"


def pair_measures(answers: pd.DataFrame, seed: int, resamples: int) -> dict[str, Any]:
    """Return how well a model agrees with preferences between two photos.

    Args:
        answers: A row per pair: ``first`` and ``second`` (names of photos), ``series``, ``preference``
            and ``weight`` as in `iqbench.labels.PairTable`, ``margin`` (NaN where there is none) and
            ``status`` (``ok``, or what went wrong).
        seed: Seed of the resampling.
        resamples: Number of resamples.
    """
    pairs = pair_answers(answers)
    judged = pairs[pairs["status"] == "ok"]
    draws = PairDraws(judged, seed, resamples)
    found = _pair_means(judged, draws)
    edges = pairwise(AGREEMENT)
    return (
        {"kind": "pairs", "counts": _pair_counts(pairs)}
        | {"bootstrap": bootstrap(draws.unit, draws.units, seed, resamples)}
        | {name: measure for name, measure in found.items() if isinstance(name, str)}
        | {"accuracy_by_agreement": [{"low": low, "high": high} | found[at] for at, (low, high) in enumerate(edges)]}
        | _inside_series(pairs, judged, draws)
    )


def vote_measures(answers: pd.DataFrame, seed: int, resamples: int, score_is_mean_vote: bool = False) -> dict[str, Any]:
    """Return how well a model agrees with votes for single photos.

    Args:
        answers: A row per photo: ``photo`` (its name), ``true`` (the mean vote), ``predicted`` (the
            score; NaN where there is none), ``status`` (``ok``, or what went wrong); and from models
            that predict votes ``p1`` to ``p10``, with the true ones as ``t1`` to ``t10``: counts or shares.
        seed: Seed of the resampling.
        resamples: Number of resamples; Kendall's correlation has fewer where there are many photos.
        score_is_mean_vote: Whether the score is on the scale of the votes, so that it can be held
            against their mean even where the model does not predict the share of each rating.
    """
    photos = vote_answers(answers)
    judged = photos[photos["status"] == "ok"]
    weights, count = Bootstrap(judged["photo"].tolist(), BootstrapConfig(seed, resamples)).weights, len(judged)
    predicted, true = (judged[name].to_numpy(np.float64) for name in ("predicted", "true"))
    kendall = krcc_draws(weights, predicted, true)
    draws = {"srcc": srcc_draws(weights, predicted, true), "plcc": plcc_draws(weights, predicted, true)}
    good = mean_draws(weights, np.where(true > GOOD, 1.0, 0.0))
    alone = ONE_PHOTO if count < 2 else ""
    return (
        {"kind": "votes", "counts": {"photos": len(photos), "judged": count, "failures": failures(photos)}}
        | {"bootstrap": bootstrap("photo", count, seed, resamples)}
        | {name: estimate(drawn, count, CONSTANT, alone) for name, drawn in draws.items()}
        | {"krcc": estimate(kendall, count, CONSTANT, alone) | {"resamples": len(kendall) - 1}}
        | _vote_errors(judged, weights, score_is_mean_vote)
        | {"binary_constant_accuracy": estimate(np.maximum(good, 1 - good), count, NO_PHOTO, alone)}
    )


def bootstrap(unit: str, units: int, seed: int, resamples: int) -> dict[str, Any]:
    """Return how intervals were made."""
    return {"unit": unit, "units": units, "confidence": 1 - ALPHA, "resamples": resamples, "seed": seed}


def _pair_means(judged: pd.DataFrame, draws: PairDraws) -> dict[str | int, dict[str, Any]]:
    """Return the measures that are means over pairs, and by number the accuracy in each bin of `AGREEMENT`."""
    margin, preference, weight = (judged[name].to_numpy(np.float64) for name in ("margin", "preference", "weight"))
    right, bins = hits(margin, preference), agreement_bins(preference)
    of_all: dict[str | int, Array] = {
        "voter_agreement": agreements(margin, preference),
        "best_voter_agreement": np.maximum(preference, 1 - preference),
        "cross_entropy": cross_entropies(margin, preference),
        "tie_rate": np.where(margin == 0, 1.0, 0.0),
    }
    of_winners: dict[str | int, Array] = {
        "accuracy": right,
        "constant_accuracy": hits(np.ones(len(judged)), preference),
    } | {at: np.where(bins == at, right, np.nan) for at in range(len(AGREEMENT) - 1)}
    columns = of_winners | of_all
    table = np.stack(list(columns.values()), axis=1)
    means = dict(zip(columns, draws.means(table, weight).T, strict=True))
    means["constant_accuracy"] = np.maximum(means["constant_accuracy"], 1 - means["constant_accuracy"])
    counts = (~np.isnan(table) & (weight > 0)[:, None]).sum(axis=0).tolist()
    return {
        name: estimate(means[name], count, NO_PAIR if name in of_all else NO_WINNER, draws.reason)
        for name, count in zip(columns, counts, strict=True)
    }


def _pair_counts(pairs: pd.DataFrame) -> dict[str, Any]:
    judged = pairs["status"] == "ok"
    return {
        "pairs": len(pairs),
        "without_winner": int((pairs["preference"] == 0.5).sum()),
        "series": int(pairs["series"].nunique()),
        "photos": int(pd.concat([pairs["first"], pairs["second"]]).nunique()),
        "judged": int(judged.sum()),
        "judged_without_winner": int((judged & (pairs["preference"] == 0.5)).sum()),
        "ties": int((judged & (pairs["margin"] == 0)).sum()),
        "incomplete_series": int(pairs["series"][~judged].nunique()),
        "failures": failures(pairs),
    }


def _inside_series(pairs: pd.DataFrame, judged: pd.DataFrame, draws: PairDraws) -> dict[str, Any]:
    """Return the measures of the rankings inside the series of which every pair was judged."""
    if not draws.divided:
        nothing = {"value": None, "interval": None, "n": 0, "reason": SHARED_PHOTOS}
        return {"top_1": nothing | {"chance": None}, "kendall_in_series": nothing | {"undefined": 0}}
    whole = ~judged["series"].isin(pairs["series"][pairs["status"] != "ok"]).to_numpy(bool)
    first, second, series = (number[whole] for number in draws.numbers)
    margin, preference = (judged[name].to_numpy(np.float64)[whole] for name in ("margin", "preference"))
    ranked = standings(first, second, margin, preference, series)
    best, chance, order = tops(ranked), blind_tops(ranked), taus(ranked)
    top, tau = (draws.over_series(ranked.series, values) for values in (best, order))
    ordered = int((~np.isnan(order)).sum())
    unranked = ALL_TIED if len(order) else NO_SERIES
    return {
        "top_1": estimate(top, len(best), NO_SERIES, ONE_SERIES if len(best) < 2 else "")
        | {"chance": float(chance.mean()) if len(chance) else None},
        "kendall_in_series": estimate(tau, ordered, unranked, ONE_SERIES if ordered < 2 else "")
        | {"undefined": len(order) - ordered},
    }


def _vote_errors(judged: pd.DataFrame, weights: NDArray[np.uint8], score_is_mean_vote: bool) -> dict[str, Any]:
    """Return the measures on the scale of the votes."""
    count, alone = len(judged), ONE_PHOTO if len(judged) < 2 else ""
    true, mean = (judged[name].to_numpy(np.float64) for name in ("true", "predicted"))
    unknown = estimate(np.array([np.nan]), 0, NO_VOTES, "")
    found = {"rmse": unknown, "emd": unknown, "binary_accuracy": unknown}
    if predicts_votes(judged):
        shares, people = (_shares(judged[columns]) for columns in (PREDICTED_VOTES, TRUE_VOTES))
        mean = shares @ RATINGS
        found["emd"] = estimate(mean_draws(weights, distances(shares, people)), count, NO_PHOTO, alone)
    elif not score_is_mean_vote:
        return found
    found["rmse"] = estimate(np.sqrt(mean_draws(weights, (mean - true) ** 2)), count, NO_PHOTO, alone)
    agree = np.where((mean > GOOD) == (true > GOOD), 1.0, 0.0)
    return found | {"binary_accuracy": estimate(mean_draws(weights, agree), count, NO_PHOTO, alone)}


def _shares(votes: pd.DataFrame) -> Array:
    counts = votes.to_numpy(np.float64)
    shares: Array = counts / counts.sum(axis=1, keepdims=True)
    return shares
