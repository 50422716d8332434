"""Agreement among people on the labels of an evaluation: the yardstick and the ceiling of its judges."""

from typing import Any

import numpy as np
import pandas as pd

from iqbench.evaluation.answers import TRUE_VOTES
from iqbench.metrics.voters import halves, orders_agree, spearman_brown, strangers_agree, voters_agree
from iqbench.results.agreement_summary import CappedEstimate, KnownVotes
from iqbench.statistics.bootstrap import BootstrapConfig
from iqbench.statistics.estimate import Array
from iqbench.statistics.resampled_measures import ONE_PHOTO, PhotoBootstrap, srcc_draws
from iqbench.statistics.unseen import resampled_deviations, resampled_estimate

ONE_VOTER, MAJORITY = "one_voter", "with_majority"
"""Columns of pairs: the probability that a voter agrees with another voter, and with the majority."""

FEW_VOTES = "fewer than two photos have at least two votes"
SAME_VOTES = "the mean votes of half of the voters are all the same"
UNRELATED = "two halves of the voters do not agree"

SPLITS = 20
"""Random splits of the voters into halves."""

SPLIT_PHOTOS, MIN_RESAMPLES = 1_000_000, 200
"""`vote_ceiling` has at most so many resampled photos in each split, but not fewer resamples."""


def with_voters(pairs: pd.DataFrame) -> tuple[pd.DataFrame, KnownVotes]:
    """Return pairs with the columns `ONE_VOTER` and `MAJORITY`, and how far the number of votes is known.

    Where it is ``counted``, a voter is compared with another one. A list of winners counts votes if it has
    whole weights and a pair with votes for both photos; a list without such a pair does not tell how far
    people agree, and ``one_voter`` is NaN. Shares of people, as in PhotoTriage, are taken for those of
    many voters.

    Args:
        pairs: Sorted answers, from `iqbench.evaluation.answers.pair_answers`. A column ``one_voter`` is kept.
    """
    preference, weight = (pairs[name].to_numpy(np.float64) for name in ("preference", "weight"))
    swapped = (pairs["first"] > pairs["second"]).to_numpy(bool)
    sides = [pairs["first"].where(~swapped, pairs["second"]), pairs["second"].where(~swapped, pairs["first"])]
    number = pairs.groupby(sides, sort=False).ngroup().to_numpy(np.intp)
    lower = np.where(swapped, 1 - preference, preference)
    first, votes = (np.bincount(number, column)[number] for column in (weight * lower, weight))
    share = np.divide(first, votes, out=lower.copy(), where=votes > 0)
    pairs = pairs.assign(**{MAJORITY: np.maximum(share, 1 - share)})
    if ONE_VOTER in pairs:
        return pairs, "counted"
    if not np.isin(preference, [0, 1]).all():
        return pairs.assign(**{ONE_VOTER: strangers_agree(share)}), "many"
    if bool((weight % 1 == 0).all()) and bool(((share > 0) & (share < 1)).any()):
        return pairs.assign(**{ONE_VOTER: voters_agree(first, votes)}), "counted"
    return pairs.assign(**{ONE_VOTER: np.nan}), "unknown"


def with_orders(made_pairs: pd.DataFrame, photos: pd.DataFrame) -> pd.DataFrame:
    """Return pairs made from votes with the probability that two voters order the photos alike, as `ONE_VOTER`.

    Args:
        made_pairs: The pairs.
        photos: A row per photo with its counts of votes, ``t1`` to ``t10``.
    """
    counts = photos.set_index("photo")[TRUE_VOTES]
    first, second = (counts.loc[made_pairs[side]].to_numpy(np.int64) for side in ("first", "second"))
    return made_pairs.assign(**{ONE_VOTER: orders_agree(first, second)})


def vote_ceiling(answers: pd.DataFrame, config: BootstrapConfig) -> dict[str, CappedEstimate]:
    """Return ``reliability`` and ``ceiling``: what people and the best possible judge reach as SRCC with mean votes.

    ``reliability`` is the SRCC of the mean votes with those of as many other voters: the SRCC of two random
    halves of each photo's voters, the mean of `SPLITS` splits, corrected to the whole number (Spearman and
    Brown). ``ceiling`` is its square root: a judge that knows the mean vote of all people has no noise of its
    own, so its correlation is higher.

    Args:
        answers: A row per photo with ``photo``, ``status`` and its counts of votes, ``t1`` to ``t10``; optionally
            ``photo_cluster``.
        config: The seed, of the splits too, and the largest number of resamples.

    Reference:
        Spearman (1910), Correlation calculated from faulty data; Brown (1910), Some experimental results in the
        correlation of mental abilities.
    """
    judged = answers[answers["status"] == "ok"].sort_values("photo")
    counts = judged[TRUE_VOTES].to_numpy(np.int64)
    enough = counts.sum(axis=1) >= 2
    counts = counts[enough]
    if (number := len(counts)) < 2:
        undefined = CappedEstimate(value=None, n=number, reason=FEW_VOTES, interval_reason=FEW_VOTES)
        return {"reliability": undefined, "ceiling": undefined}
    resamples = min(config.resamples, max(MIN_RESAMPLES, SPLIT_PHOTOS // number))
    clusters = judged.get("photo_cluster", judged["photo"])[enough].tolist()
    bootstrap = PhotoBootstrap(clusters, BootstrapConfig(config.seed, resamples))
    draws: Array = np.mean(
        [srcc_draws(bootstrap.weights, *split) for split in halves(counts, SPLITS, config.seed)], axis=0
    )
    whole = spearman_brown(draws)
    details: dict[str, Any] = {"n": number, "units": bootstrap.units, "resamples": resamples}
    details["no_interval"] = ONE_PHOTO if bootstrap.units < 2 else ""
    root = np.sqrt(whole, out=np.full(len(whole), np.nan), where=whole >= 0)
    reason = SAME_VOTES if np.isnan(whole[0]) else UNRELATED
    return {
        name: resampled_estimate(
            CappedEstimate,
            values,
            undefined=reason,
            bounds=bounds,
            deviations=resampled_deviations(values, bootstrap.unit_weights, bootstrap.units),
            **details,
        )
        for name, values, bounds in (("reliability", whole, (-1.0, 1.0)), ("ceiling", root, (0.0, 1.0)))
    }
