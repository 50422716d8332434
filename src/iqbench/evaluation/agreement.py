"""Agreement of a model's answers with people, with intervals. No result depends on the order of the answers."""

from collections.abc import Mapping
from itertools import pairwise
from typing import Any, Literal

import numpy as np
import pandas as pd

from iqbench.evaluation.answers import (
    PREDICTED_VOTES,
    TRUE_VOTES,
    failures,
    has_predicted_votes,
    pair_answers,
    unanswered,
    vote_answers,
    with_average_answers,
)
from iqbench.evaluation.measures import (
    NO_ANSWER,
    NO_SERIES,
    NO_WINNER,
    PAIR_MEASURES,
    SCORE_MEASURES,
    VOTE_MEASURES,
    PairMean,
    SeriesMean,
    VoteMeasure,
    VoteProportion,
)
from iqbench.evaluation.vote_scale import VoteScale
from iqbench.evaluation.voters import with_voters
from iqbench.labels import RATINGS
from iqbench.metrics.pairs import AGREEMENT, agreement_bins
from iqbench.metrics.series import standings
from iqbench.results.agreement_summary import (
    AgreementBin,
    CappedEstimate,
    ClusterBootstrap,
    PairAgreement,
    PairCounts,
    ScoreAgreement,
    VoteAgreement,
    VoteCounts,
)
from iqbench.statistics.bootstrap import BootstrapConfig
from iqbench.statistics.estimate import ALPHA, Array, Estimate
from iqbench.statistics.pair_proportions import pair_proportions
from iqbench.statistics.proportions import cluster_interval
from iqbench.statistics.resampled_measures import ONE_PHOTO, ONE_SERIES, PairBootstrap, PhotoBootstrap
from iqbench.statistics.unseen import deviation_mass, resampled_deviations, resampled_estimate

SHARED_PHOTOS = "a photo is in more than one series, so nothing is ranked inside them"
NO_VOTES = "the model does not predict votes"
NO_ORDER = "no pair was judged in both orders"


def pair_agreement(answers: pd.DataFrame, config: BootstrapConfig, tie_worth: float = 0.5) -> PairAgreement:
    """Return how well a model agrees with preferences between two photos.

    A pair that the model owes an answer, though its photos can be read, counts as a tie in the means over pairs
    (and in ``unanswered``), so it does not pay to refuse difficult pairs. Other failures are left out.

    Args:
        answers: A row per pair: ``first`` and ``second`` (names of photos), ``series``, ``preference``
            and ``weight`` as in `iqbench.labels.PairTable`, ``margin`` (0 for a tie, NaN without an answer)
            and ``status`` (``ok``, or the reason); optionally ``order_consistent``, ``one_voter``, the
            probability that a voter agrees with another one, and the clusters of the photos (`with_clusters`).
        config: The seed and the number of resamples.
        tie_worth: The accuracy of a tie.
    """
    pairs, votes = with_voters(pair_answers(answers))
    asked = pairs[(pairs["status"] == "ok") | unanswered(pairs)]
    bootstrap = PairBootstrap(asked, config)
    means, bins = _pair_means(asked, bootstrap, tie_worth)
    measures = means | _series_means(pairs, asked, bootstrap)
    return PairAgreement.model_validate(
        {
            "counts": _pair_counts(pairs),
            "bootstrap": cluster_bootstrap(bootstrap.unit, bootstrap.units, config),
            **{name: measures[name] for name in PAIR_MEASURES},
            "votes_per_pair": votes,
            "accuracy_by_agreement": bins,
            "order_consistency": _order_consistency(asked, bootstrap),
        }
    )


def vote_agreement(answers: pd.DataFrame, config: BootstrapConfig, scale: VoteScale) -> VoteAgreement:
    """Return how well a model agrees with votes on single photos.

    A photo that the model owes a score, though it can be read, counts with the model's average answer (and in
    ``unanswered``), so it does not pay to refuse difficult photos. Other failures are left out.

    Args:
        answers: A row per photo: ``photo`` (its name), ``true`` (the mean vote), ``predicted`` (the
            score; NaN without one), ``status`` (``ok``, or the reason); and from models that predict
            votes ``p1`` to ``p10``, with the true ones as ``t1`` to ``t10``: counts or shares; optionally the
            clusters of the photos (`with_clusters`).
        config: The seed and the number of resamples; a `CappedEstimate` has fewer where there are many photos.
        scale: What the model predicts of votes.
    """
    return VoteAgreement.model_validate(_photo_agreement(answers, VOTE_MEASURES, config, scale))


def score_agreement(answers: pd.DataFrame, config: BootstrapConfig, scale: VoteScale) -> ScoreAgreement:
    """Return how well a model agrees with mean opinions of single photos, whatever their scale.

    Args:
        answers: As for `vote_agreement`; ``true`` is the mean opinion, and there are no votes.
        config: See `vote_agreement`.
        scale: Whether the model has a score, or only prefers.
    """
    return ScoreAgreement.model_validate(_photo_agreement(answers, SCORE_MEASURES, config, scale))


def _photo_agreement(
    answers: pd.DataFrame,
    definitions: Mapping[str, VoteMeasure | VoteProportion],
    config: BootstrapConfig,
    scale: VoteScale,
) -> dict[str, Any]:
    """Return the fields of the agreement on single photos."""
    photos = vote_answers(answers)
    asked = with_average_answers(photos)
    judged = asked[asked["status"] == "ok"]
    count, owed = len(judged), int(asked["owed"].sum())
    bootstrap = PhotoBootstrap(judged["photo_cluster"].tolist(), config)
    sides = _vote_sides(judged, scale)
    measures: dict[str, Estimate] = {}
    for name, measure in definitions.items():
        if measure.of not in sides:
            reason = scale.reason or NO_VOTES
            measures[name] = measure.kind(value=None, reason=reason, interval_reason=reason)
            continue
        if isinstance(measure, VoteProportion):
            measures[name] = _vote_proportion(measure, measure.values(*sides[measure.of]), bootstrap)
            continue
        draws = measure.draws(bootstrap.weights, *sides[measure.of])
        capped = {"resamples": len(draws) - 1} if issubclass(measure.kind, CappedEstimate) else {}
        units = bootstrap.units
        alone = ONE_PHOTO if units < 2 else ""
        undefined = measure.undefined if count else NO_ANSWER
        deviations = resampled_deviations(draws, bootstrap.unit_weights, units)
        measures[name] = resampled_estimate(
            measure.kind, draws, count, units, undefined, alone, measure.bounds, deviations, **capped
        )
    return {
        "counts": VoteCounts(photos=len(photos), judged=count - owed, unanswered=owed, failures=failures(photos)),
        "bootstrap": cluster_bootstrap("photo", bootstrap.units, config),
        **measures,
        "predicts": scale.predicts,
    }


def cluster_bootstrap(unit: Literal["photo", "series"], units: int, config: BootstrapConfig) -> ClusterBootstrap:
    """Return how intervals were computed, for the summary."""
    return ClusterBootstrap(unit=unit, units=units, confidence=1 - ALPHA, resamples=config.resamples, seed=config.seed)


def _pair_means(
    asked: pd.DataFrame, bootstrap: PairBootstrap, tie_worth: float
) -> tuple[dict[str, Estimate], list[AgreementBin]]:
    """Return the measures that are means over pairs, and the accuracy in each bin of `AGREEMENT`.

    All means are computed at once, since the products of weights take longest.
    """
    answered = (asked["status"] == "ok").to_numpy(bool)
    margin, preference, weight = (asked[name].to_numpy(np.float64) for name in ("margin", "preference", "weight"))
    margin = np.where(answered, margin, 0.0)
    measures = {name: measure for name, measure in PAIR_MEASURES.items() if isinstance(measure, PairMean)}
    values = {}
    for name, measure in measures.items():
        if isinstance(measure.values, str):
            column = asked[measure.values].to_numpy(np.float64)
        else:
            column = measure.values(margin, preference, **({"tie_worth": tie_worth} if measure.scores_ties else {}))
        column = np.where(answered, column, np.nan) if measure.answered_only else column
        values[name] = _better_constant(column, weight) if measure.constant else column
    inside, edges = agreement_bins(preference), list(pairwise(AGREEMENT))
    binned = [np.where(inside == at, values["accuracy"], np.nan) for at in range(len(edges))]
    table = np.stack([*values.values(), *binned], axis=1)
    draws = bootstrap.means(table, weight)
    shares = pair_proportions(bootstrap, table, weight, draws)
    estimates = {}
    for at, (name, measure) in enumerate(measures.items()):
        estimate = shares.estimate(at, Estimate, measure.undefined)
        if not measure.proportion:
            means, count = draws[:, at], shares.counts[at]
            few = bootstrap.no_interval
            estimate = resampled_estimate(Estimate, means, count, bootstrap.units, measure.undefined, few)
        estimates[name] = _at_least_half(estimate) if measure.constant else estimate
    bins = [
        shares.estimate(at, AgreementBin, NO_WINNER, low=low, high=high)
        for at, (low, high) in enumerate(edges, start=len(values))
    ]
    return estimates, bins


def _order_consistency(asked: pd.DataFrame, bootstrap: PairBootstrap) -> Estimate:
    """Return the share of pairs, whatever their weight, of which both orders have the same answer."""
    if "order_consistent" not in asked or asked["order_consistent"].isna().all():
        return Estimate(value=None, reason=NO_ORDER, interval_reason=NO_ORDER)
    table, ones = asked[["order_consistent"]].to_numpy(np.float64), np.ones(len(asked))
    shares = pair_proportions(bootstrap, table, ones, bootstrap.means(table, ones))
    return shares.estimate(0, Estimate, NO_ORDER)


def _better_constant(first: Array, weight: Array) -> Array:
    """Return for each pair whether the better one of two constant answers is right, from the values of one of them."""
    known = ~np.isnan(first)
    lead = float(weight[known] @ (first[known] - 0.5))
    return first if lead >= 0 else 1 - first


def _at_least_half(estimate: Estimate) -> Estimate:
    """Return the accuracy of the better one of two constant answers with an interval from 50 % on."""
    if estimate.interval is None:
        return estimate
    low, high = estimate.interval
    return estimate.model_copy(update={"interval": (max(low, 0.5), high)})


def _vote_proportion(measure: VoteProportion, values: Array, bootstrap: PhotoBootstrap) -> Estimate:
    """Return the share of photos that are right; clusters of photos are independent."""
    ones, count = np.ones(len(values)), len(values)
    if not count:
        return measure.kind(value=None, reason=measure.undefined, interval_reason=measure.undefined)
    values = _better_constant(values, ones) if measure.constant else values
    alone = ONE_PHOTO if bootstrap.units < 2 else ""
    interval = cluster_interval(bootstrap.sums(values), bootstrap.sums(ones))
    estimate = measure.kind.with_interval(float(values.mean()), interval, count, measure.undefined, alone)
    return _at_least_half(estimate) if measure.constant else estimate


def _pair_counts(pairs: pd.DataFrame) -> PairCounts:
    judged = pairs["status"] == "ok"
    return PairCounts(
        pairs=len(pairs),
        without_winner=int((pairs["preference"] == 0.5).sum()),
        series=int(pairs["series"].nunique()),
        photos=int(pd.concat([pairs["first"], pairs["second"]]).nunique()),
        judged=int(judged.sum()),
        judged_without_winner=int((judged & (pairs["preference"] == 0.5)).sum()),
        unanswered=int(unanswered(pairs).sum()),
        ties=int((judged & (pairs["margin"] == 0)).sum()),
        incomplete_series=int(pairs["series"][~judged].nunique()),
        failures=failures(pairs),
    )


def _series_means(pairs: pd.DataFrame, asked: pd.DataFrame, bootstrap: PairBootstrap) -> dict[str, Estimate]:
    """Return the measures of the rankings inside the series of which every pair was judged."""
    measures = {name: measure for name, measure in PAIR_MEASURES.items() if isinstance(measure, SeriesMean)}
    if not bootstrap.divided:
        undefined = Estimate(value=None, reason=SHARED_PHOTOS, interval_reason=SHARED_PHOTOS)
        return {name: measure.kind(**dict(undefined)) for name, measure in measures.items()}
    whole = ~asked["series"].isin(pairs["series"][pairs["status"] != "ok"]).to_numpy(bool)
    first, second, series = (number[whole] for number in bootstrap.numbers)
    margin, preference = (asked[name].to_numpy(np.float64)[whole] for name in ("margin", "preference"))
    ranked = standings(first, second, margin, preference, series)
    estimates = {}
    for name, measure in measures.items():
        values = measure.values(ranked)
        known = values[~np.isnan(values)]
        undefined_reason = measure.undefined if len(values) else NO_SERIES
        units = bootstrap.unit_of_series[ranked.series[~np.isnan(values)]]
        number = len(np.unique(units))
        alone = ONE_SERIES if number < 2 else ""
        details = measure.details(ranked, values)
        sums, counts = (np.bincount(units, column).astype(np.float64) for column in (known, np.ones(len(known))))
        if measure.proportion and len(known):
            interval = cluster_interval(sums, counts)
            estimates[name] = measure.kind.with_interval(
                float(known.mean()), interval, len(known), undefined_reason, alone, **details
            )
            continue
        draws = bootstrap.over_series(ranked.series, values)
        deviations = deviation_mass(sums[:, None], counts[:, None]).item()
        estimates[name] = resampled_estimate(
            measure.kind, draws, len(known), number, undefined_reason, alone, measure.bounds, deviations, **details
        )
    return estimates


def _vote_sides(judged: pd.DataFrame, scale: VoteScale) -> dict[str, tuple[Array, Array]]:
    """Return what each kind of measure compares: predictions and truth, for the kinds that the model allows."""
    predicted, true = (judged[name].to_numpy(np.float64) for name in ("predicted", "true"))
    sides = {"score": (predicted, true)}
    if has_predicted_votes(judged):
        shares, people = (_shares(judged[columns]) for columns in (PREDICTED_VOTES, TRUE_VOTES))
        return sides | {"mean": (shares @ RATINGS, true), "shares": (shares, people)}
    return sides | ({"mean": (predicted, true)} if scale.predicts == "mean" else {})


def _shares(votes: pd.DataFrame) -> Array:
    counts = votes.to_numpy(np.float64)
    shares: Array = counts / counts.sum(axis=1, keepdims=True)
    return shares
