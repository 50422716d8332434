"""Agreement of a model's answers with people, with intervals. No result depends on the order of the answers."""

from itertools import pairwise
from typing import Literal

import numpy as np
import pandas as pd

from iqbench.evaluation.answers import (
    PREDICTED_VOTES,
    TRUE_VOTES,
    failures,
    has_predicted_votes,
    pair_answers,
    vote_answers,
)
from iqbench.evaluation.measures import NO_SERIES, NO_WINNER, PAIR_MEASURES, VOTE_MEASURES, PairMean, SeriesMean
from iqbench.evaluation.vote_scale import VoteScale
from iqbench.evaluation.voters import with_voters
from iqbench.labels import RATINGS
from iqbench.metrics.pairs import AGREEMENT, agreement_bins
from iqbench.metrics.series import standings
from iqbench.records import value_or_reason
from iqbench.results.evaluation_summary import (
    AgreementBin,
    CappedEstimate,
    ClusterBootstrap,
    PairAgreement,
    PairCounts,
    VoteAgreement,
    VoteCounts,
)
from iqbench.statistics.bootstrap import Bootstrap, BootstrapConfig
from iqbench.statistics.estimate import ALPHA, Array, Estimate
from iqbench.statistics.resampled_measures import ONE_PHOTO, ONE_SERIES, PairBootstrap

SHARED_PHOTOS = "a photo is in more than one series, so nothing is ranked inside them"
NO_VOTES = "the model does not predict votes"
NO_ORDER = "no pair was judged in both orders"


def pair_agreement(answers: pd.DataFrame, config: BootstrapConfig, tie_worth: float = 0.5) -> PairAgreement:
    """Return how well a model agrees with preferences between two photos.

    Args:
        answers: A row per pair: ``first`` and ``second`` (names of photos), ``series``, ``preference``
            and ``weight`` as in `iqbench.labels.PairTable`, ``margin`` (0 for a tie, NaN without an answer)
            and ``status`` (``ok``, or the reason); optionally ``order_consistent``, and ``one_voter``, the
            probability that a voter agrees with another one.
        config: The seed and the number of resamples.
        tie_worth: The accuracy of a tie.
    """
    pairs, votes = with_voters(pair_answers(answers))
    judged = pairs[pairs["status"] == "ok"]
    bootstrap = PairBootstrap(judged, config)
    means, bins = _pair_means(judged, bootstrap, tie_worth)
    series = _series_means(pairs, judged, bootstrap)
    measures = means | series
    consistent = answers["order_consistent"].dropna() if "order_consistent" in answers else pd.Series(dtype=float)
    consistency = float(consistent.astype(float).mean()) if len(consistent) else None
    return PairAgreement.model_validate(
        {
            "counts": _pair_counts(pairs),
            "bootstrap": cluster_bootstrap(bootstrap.unit, bootstrap.units, config),
            **{name: measures[name] for name in PAIR_MEASURES},
            "votes_per_pair": votes,
            "accuracy_by_agreement": bins,
            **value_or_reason("order_consistency", consistency, NO_ORDER),
        }
    )


def vote_agreement(answers: pd.DataFrame, config: BootstrapConfig, scale: VoteScale) -> VoteAgreement:
    """Return how well a model agrees with votes on single photos.

    Args:
        answers: A row per photo: ``photo`` (its name), ``true`` (the mean vote), ``predicted`` (the
            score; NaN without one), ``status`` (``ok``, or the reason); and from models that predict
            votes ``p1`` to ``p10``, with the true ones as ``t1`` to ``t10``: counts or shares.
        config: The seed and the number of resamples; a `CappedEstimate` has fewer where there are many photos.
        scale: What the model predicts of votes.
    """
    photos = vote_answers(answers)
    judged = photos[photos["status"] == "ok"]
    count = len(judged)
    weights = Bootstrap(judged["photo"].tolist(), config).weights
    sides = _vote_sides(judged, scale)
    measures: dict[str, Estimate] = {}
    for name, measure in VOTE_MEASURES.items():
        if measure.of not in sides:
            reason = scale.reason or NO_VOTES
            measures[name] = measure.kind(value=None, reason=reason, interval_reason=reason)
            continue
        draws = measure.draws(weights, *sides[measure.of])
        capped = {"resamples": len(draws) - 1} if issubclass(measure.kind, CappedEstimate) else {}
        alone = ONE_PHOTO if count < 2 else ""
        measures[name] = measure.kind.from_draws(draws, count, count, measure.undefined, alone, **capped)
    return VoteAgreement.model_validate(
        {
            "counts": VoteCounts(photos=len(photos), judged=count, failures=failures(photos)),
            "bootstrap": cluster_bootstrap("photo", count, config),
            **measures,
            "predicts": scale.predicts,
        }
    )


def cluster_bootstrap(unit: Literal["photo", "series"], units: int, config: BootstrapConfig) -> ClusterBootstrap:
    """Return how intervals were computed, for the summary."""
    return ClusterBootstrap(unit=unit, units=units, confidence=1 - ALPHA, resamples=config.resamples, seed=config.seed)


def _pair_means(
    judged: pd.DataFrame, bootstrap: PairBootstrap, tie_worth: float
) -> tuple[dict[str, Estimate], list[AgreementBin]]:
    """Return the measures that are means over pairs, and the accuracy in each bin of `AGREEMENT`.

    All means are computed at once, since the products of weights take longest.
    """
    margin, preference, weight = (judged[name].to_numpy(np.float64) for name in ("margin", "preference", "weight"))
    measures = {name: measure for name, measure in PAIR_MEASURES.items() if isinstance(measure, PairMean)}
    ties = {"tie_worth": tie_worth}
    values = {
        name: judged[measure.values].to_numpy(np.float64)
        if isinstance(measure.values, str)
        else measure.values(margin, preference, **(ties if measure.scores_ties else {}))
        for name, measure in measures.items()
    }
    inside, edges = agreement_bins(preference), list(pairwise(AGREEMENT))
    binned = [np.where(inside == at, values["accuracy"], np.nan) for at in range(len(edges))]
    table = np.stack([*values.values(), *binned], axis=1)
    means = bootstrap.means(table, weight).T
    counts = (~np.isnan(table) & (weight > 0)[:, None]).sum(axis=0).tolist()
    estimates = {
        name: Estimate.from_draws(
            measure.finish(draws) if measure.finish else draws,
            count,
            bootstrap.units,
            measure.undefined,
            bootstrap.no_interval,
        )
        for (name, measure), draws, count in zip(measures.items(), means, counts, strict=False)
    }
    bins = [
        AgreementBin.from_draws(draws, count, bootstrap.units, NO_WINNER, bootstrap.no_interval, low=low, high=high)
        for (low, high), draws, count in zip(edges, means[len(values) :], counts[len(values) :], strict=True)
    ]
    return estimates, bins


def _pair_counts(pairs: pd.DataFrame) -> PairCounts:
    judged = pairs["status"] == "ok"
    return PairCounts(
        pairs=len(pairs),
        without_winner=int((pairs["preference"] == 0.5).sum()),
        series=int(pairs["series"].nunique()),
        photos=int(pd.concat([pairs["first"], pairs["second"]]).nunique()),
        judged=int(judged.sum()),
        judged_without_winner=int((judged & (pairs["preference"] == 0.5)).sum()),
        ties=int((judged & (pairs["margin"] == 0)).sum()),
        incomplete_series=int(pairs["series"][~judged].nunique()),
        failures=failures(pairs),
    )


def _series_means(pairs: pd.DataFrame, judged: pd.DataFrame, bootstrap: PairBootstrap) -> dict[str, Estimate]:
    """Return the measures of the rankings inside the series of which every pair was judged."""
    measures = {name: measure for name, measure in PAIR_MEASURES.items() if isinstance(measure, SeriesMean)}
    if not bootstrap.divided:
        undefined = Estimate(value=None, reason=SHARED_PHOTOS, interval_reason=SHARED_PHOTOS)
        return {name: measure.kind(**dict(undefined)) for name, measure in measures.items()}
    whole = ~judged["series"].isin(pairs["series"][pairs["status"] != "ok"]).to_numpy(bool)
    first, second, series = (number[whole] for number in bootstrap.numbers)
    margin, preference = (judged[name].to_numpy(np.float64)[whole] for name in ("margin", "preference"))
    ranked = standings(first, second, margin, preference, series)
    estimates = {}
    for name, measure in measures.items():
        values = measure.values(ranked)
        count = int((~np.isnan(values)).sum())
        estimates[name] = measure.kind.from_draws(
            bootstrap.over_series(ranked.series, values),
            count,
            count,
            measure.undefined if len(values) else NO_SERIES,
            ONE_SERIES if count < 2 else "",
            **measure.details(ranked, values),
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
