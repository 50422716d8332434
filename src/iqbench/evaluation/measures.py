"""The measures of agreement with people.

To add a measure, write a function in `iqbench.metrics` and a line in `PAIR_MEASURES`, `VOTE_MEASURES` or
`SCORE_MEASURES`: the summary and the terminal table pick it up.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Literal

import numpy as np

from iqbench.evaluation.voters import MAJORITY, ONE_VOTER
from iqbench.metrics.logistic import fit_logistic
from iqbench.metrics.pairs import agreements, cross_entropies, hits
from iqbench.metrics.series import Standings, blind_tops, taus, tops
from iqbench.metrics.voters import RATING_COUNT
from iqbench.metrics.votes import GOOD, distances, krcc
from iqbench.results.agreement_summary import CappedEstimate, SeriesCorrelation, TopOne
from iqbench.statistics.estimate import Array, Estimate, Interval
from iqbench.statistics.pigeonhole import Weights
from iqbench.statistics.resampled_measures import copied_draws, mean_draws, plcc_draws, srcc_draws

NO_PAIR = "no pair was judged"
NO_WINNER = "no pair with a winner was judged"
NO_TWO_VOTES = "the labels do not tell how far people agree"
NO_SERIES = "no series was judged in full"
ALL_TIED = "no series judged in full has an order both for the model and for people"
NO_PHOTO = "no photo was judged"
NO_CURVE = "the scores or the opinions are all the same, or there are fewer than five"
NO_ANSWER = "no photo has an answer"
CONSTANT = "the scores or the votes are all the same, or there are fewer than two"

CORRELATIONS = (-1.0, 1.0)
DISTANCES = (0.0, float(np.sqrt(1 - 1 / RATING_COUNT)))
"""The least and the largest earth mover's distance: all votes on one rating, or on the two furthest apart."""

Unit = Literal["percent", "number"]
Draws = Callable[[Weights, Array, Array], Array]
"""From weights, predictions and truth to the measure in the sample and in each resample."""


@dataclass(frozen=True)
class PairMean:
    """A measure that is the weighted mean of one value per pair.

    Args:
        values: The value of each pair from (margin, preference), or the column of the pairs that holds it (see
            `iqbench.evaluation.voters.with_voters`); NaN leaves the pair out.
        heading: The column of the terminal table, "" for no column.
        unit: How the table shows it.
        undefined: The reason if no pair has a value.
        proportion: Whether values are from 0 to 1.
        constant: Whether it is that of the better one of two constant answers: the mean, or 1 - mean.
        scores_ties: Whether ``values`` takes ``tie_worth`` as well.
        answered_only: Whether pairs that the model owes an answer are left out; otherwise they are ties.
    """

    values: Callable[..., Array] | str
    heading: str = ""
    unit: Unit = "percent"
    undefined: str = NO_PAIR
    proportion: bool = True
    constant: bool = False
    scores_ties: bool = False
    answered_only: bool = False


@dataclass(frozen=True)
class SeriesMean:
    """A measure that is the mean of one value per series of which every pair was judged.

    Args:
        values: The value of each series from its standings; NaN leaves the series out.
        heading: The column of the terminal table, "" for no column.
        unit: How the table shows it.
        undefined: The reason if there are series, but none has a value.
        kind: The class of the estimate.
        details: Its other fields, from the standings and the values.
        proportion: Whether values are from 0 to 1.
        bounds: The least and the largest value, None if there are none.
    """

    values: Callable[[Standings], Array]
    heading: str = ""
    unit: Unit = "percent"
    undefined: str = NO_SERIES
    kind: type[Estimate] = Estimate
    details: Callable[[Standings, Array], dict[str, float | None]] = lambda *_: {}
    proportion: bool = False
    bounds: Interval | None = None


@dataclass(frozen=True)
class VoteProportion:
    """A measure that is the share of photos with votes that a model gets right.

    Args:
        values: The value of each photo, from predictions and truth.
        of: As for `VoteMeasure`.
        heading: The column of the terminal table, "" for no column.
        constant: Whether it is that of the better one of two constant answers: the mean, or 1 - mean.
        unit: How the table shows it.
        undefined: The reason if it has no value.
        kind: The class of the estimate.
    """

    values: Callable[[Array, Array], Array]
    of: Literal["score", "mean", "shares"] = "mean"
    heading: str = ""
    constant: bool = False
    unit: Unit = "percent"
    undefined: str = NO_PHOTO
    kind: type[Estimate] = Estimate


@dataclass(frozen=True)
class VoteMeasure:
    """A measure over photos with votes.

    Args:
        draws: The measure under each row of weights.
        of: What is compared with people: the ``score``, the predicted ``mean`` vote, or the predicted ``shares``.
        heading: The column of the terminal table, "" for no column.
        unit: How the table shows it.
        undefined: The reason if it has no value.
        kind: The class of the estimate; of a `CappedEstimate` the number of resamples is recorded.
        bounds: The least and the largest value, None if there are none.
    """

    draws: Draws
    of: Literal["score", "mean", "shares"] = "score"
    heading: str = ""
    unit: Unit = "number"
    undefined: str = CONSTANT
    kind: type[Estimate] = Estimate
    bounds: Interval | None = None


def _mean_of(values: Callable[[Array, Array], Array]) -> Draws:
    return lambda weights, predicted, true: mean_draws(weights, values(predicted, true))


def _root_mean_square(weights: Weights, predicted: Array, true: Array) -> Array:
    return np.sqrt(mean_draws(weights, (predicted - true) ** 2))


def _logistic_plcc(weights: Weights, predicted: Array, true: Array) -> Array:
    """Return Pearson's correlation of opinions with those of the curve; negative where the curve falls.

    The curve of the sample is kept in the resamples: refitted curves would follow photos that were drawn twice.
    """
    curve = fit_logistic(predicted, true)
    if curve is None:
        return np.full(len(weights), np.nan)
    return plcc_draws(weights, curve(predicted), true) * (1 if curve.rises else -1)


def _logistic_rmse(weights: Weights, predicted: Array, true: Array) -> Array:
    curve = fit_logistic(predicted, true)
    return np.full(len(weights), np.nan) if curve is None else _root_mean_square(weights, curve(predicted), true)


def _good(means: Array) -> Array:
    return np.where(means > GOOD, 1.0, 0.0)


def _chance(ranked: Standings, _: Array) -> dict[str, float | None]:
    chances = blind_tops(ranked)
    return {"chance": float(chances.mean()) if len(chances) else None}


PAIR_MEASURES: dict[str, PairMean | SeriesMean] = {
    "accuracy": PairMean(hits, "accuracy", undefined=NO_WINNER, scores_ties=True),
    "constant_accuracy": PairMean(
        lambda margin, preference: hits(np.ones_like(margin), preference), undefined=NO_WINNER, constant=True
    ),
    "voter_agreement": PairMean(agreements, "voters\nagree"),
    "one_voter_agreement": PairMean(ONE_VOTER, undefined=NO_TWO_VOTES),
    "best_voter_agreement": PairMean(MAJORITY),
    "cross_entropy": PairMean(cross_entropies, unit="number", proportion=False),
    "top_1": SeriesMean(tops, "top 1", kind=TopOne, details=_chance, proportion=True),
    "kendall_in_series": SeriesMean(
        taus,
        "tau in\nseries",
        "number",
        ALL_TIED,
        SeriesCorrelation,
        lambda ranked, values: {"undefined_series": int(np.isnan(values).sum())},
        bounds=CORRELATIONS,
    ),
    "tie_rate": PairMean(lambda margin, preference: np.where(margin == 0, 1.0, 0.0), "ties", answered_only=True),
}
"""The measures of agreement with preferences, in the order of the table."""

VOTE_MEASURES: dict[str, VoteMeasure | VoteProportion] = {
    "srcc": VoteMeasure(srcc_draws, heading="SRCC", bounds=CORRELATIONS),
    "plcc": VoteMeasure(plcc_draws, heading="PLCC", bounds=CORRELATIONS),
    "krcc": VoteMeasure(partial(copied_draws, krcc), heading="KRCC", kind=CappedEstimate, bounds=CORRELATIONS),
    "rmse": VoteMeasure(_root_mean_square, "mean", "RMSE", undefined=NO_PHOTO),
    "emd": VoteMeasure(_mean_of(distances), "shares", "EMD", undefined=NO_PHOTO, bounds=DISTANCES),
    "binary_accuracy": VoteProportion(
        lambda mean, true: np.where(_good(mean) == _good(true), 1.0, 0.0), heading="good\nor bad"
    ),
    "binary_constant_accuracy": VoteProportion(lambda _, true: _good(true), "score", constant=True),
}
"""The measures of agreement with votes, in the order of the table."""

SCORE_MEASURES: dict[str, VoteMeasure | VoteProportion] = {
    "srcc": VOTE_MEASURES["srcc"],
    "plcc": VOTE_MEASURES["plcc"],
    "plcc_logistic": VoteMeasure(_logistic_plcc, heading="PLCC,\nlogistic", undefined=NO_CURVE, bounds=CORRELATIONS),
    "krcc": VOTE_MEASURES["krcc"],
    "rmse_logistic": VoteMeasure(_logistic_rmse, heading="RMSE,\nlogistic", undefined=NO_CURVE),
}
"""The measures of agreement with mean opinions, in the order of the table."""
