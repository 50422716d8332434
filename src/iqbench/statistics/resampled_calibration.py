"""Calibration measures under resampling. Row 0 of all draws is the observed sample, the others are resamples.

A resample is a row of weights, how often each cluster (photo) was drawn. No data is copied.
"""

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from iqbench.statistics.bootstrap import Bootstrap, ratio
from iqbench.statistics.estimate import Array
from iqbench.statistics.unseen import deviation_mass

BINS = 10
"""Bins of stated probabilities, of equal width."""

CELLS = 4_000_000
"""Numbers that are computed at once, so that memory stays small."""

WEIGHED_PAIRS, MIN_RESAMPLES = 40_000_000, 200
"""`auroc_draws` stops after so many weights, but not before so many resamples (about a second for 100,000 pairs)."""

SIMULATIONS = 200
"""Simulated judges in `expected_error`."""


def bins_of(stated: Array) -> NDArray[np.intp]:
    """Return the number of each probability's bin; the last bin includes 1.

    Example:
        >>> bins_of(np.array([0.0, 0.55, 1.0])).tolist()
        [0, 5, 9]
    """
    numbers: NDArray[np.intp] = np.minimum((stated * BINS).astype(np.intp), BINS - 1)
    return numbers


def error_draws(bootstrap: Bootstrap, clusters: "pd.Series[str]", probabilities: Array) -> tuple[Array, float]:
    """Return the expected calibration error of the better side's probabilities, and how far clusters deviate in it.

    Each pair enters in both orders. The error is no smooth function of the clusters where it is near 0, so their
    deviations are those of what is stated minus what is right, summed over the bins.

    Args:
        bootstrap: Resamples of the clusters.
        clusters: The cluster of each pair.
        probabilities: The stated probability that the better side is better.
    """
    both = np.concatenate([probabilities, 1 - probabilities])
    excess = np.concatenate([probabilities - 1, 1 - probabilities])  # stated minus right
    sums = bootstrap.sums(pd.concat([clusters, clusters]), bins_of(both), excess, BINS)
    pairs = bootstrap.sums(clusters, np.zeros(len(clusters), dtype=np.intp), np.ones(len(clusters)), 1)
    errors = ratio(np.abs(bootstrap.drawn(sums)).sum(axis=1), 2 * bootstrap.drawn(pairs)[:, 0])
    return errors, float(deviation_mass(sums / 2, np.broadcast_to(pairs, sums.shape)).sum())


def expected_error(probabilities: Array, seed: int) -> float | None:
    """Return the mean expected calibration error of a perfectly calibrated judge with these probabilities.

    The error of a finite sample is above 0 even for such a judge. Outcomes are drawn from the stated
    probabilities, independently within a cluster too: where the pairs of a cluster are right or
    wrong together, the true value is larger.

    Args:
        probabilities: The stated probabilities of the better side; their complements give the same result.
        seed: Seed of the outcomes.

    Example:
        >>> expected_error(np.full(8, 0.5), seed=0), expected_error(np.ones(8), seed=0)
        (0.0, 0.0)
    """
    if not probabilities.size:
        return None
    stated = np.maximum(probabilities, 1 - probabilities)  # of the chosen side
    bins, mirrored = bins_of(stated), bins_of(1 - stated)
    generator, errors = np.random.default_rng(seed), []
    for _ in range(SIMULATIONS):
        excess = stated - (generator.random(stated.size) < stated)
        sums = np.bincount(bins, excess, BINS) - np.bincount(mirrored, excess, BINS)
        errors.append(np.abs(sums).sum() / (2 * stated.size))
    return float(np.mean(errors))


def auroc_draws(bootstrap: Bootstrap, clusters: "pd.Series[str]", right: NDArray[np.bool_], confidence: Array) -> Array:
    """Return how well confidence separates right verdicts from wrong ones; NaN where all are of one kind.

    The verdicts are sorted once: a right one counts the drawn wrong ones below it, plus half of those that
    equal it. `WEIGHED_PAIRS` limits the number of draws.

    Args:
        bootstrap: Resamples of the clusters.
        clusters: The cluster of each verdict.
        right: Whether each verdict is right.
        confidence: The confidence of each verdict.
    """
    draws = min(len(bootstrap.weights), 1 + max(MIN_RESAMPLES, WEIGHED_PAIRS // max(1, right.size)))
    if not right.size:
        return np.full(draws, np.nan)
    order = np.argsort(confidence, kind="stable")
    ranked = confidence[order]
    starts = np.flatnonzero(np.concatenate([[True], ranked[1:] > ranked[:-1]]))
    places, is_right = bootstrap.index.get_indexer(pd.Index(clusters))[order], right[order]
    step, areas = max(1, CELLS // right.size), []
    for at in range(0, draws, step):
        weights = bootstrap.weights[at : min(at + step, draws), places].astype(np.float64)
        areas.append(_areas(weights * is_right, weights * ~is_right, starts))
    return np.concatenate(areas)


def _areas(right: Array, wrong: Array, starts: NDArray[Any]) -> Array:
    """Return the area under each row's curve, from weights in the order of confidence; ``starts`` begin equal ones."""
    right, wrong = (np.add.reduceat(weights, starts, axis=1) for weights in (right, wrong))
    below = np.cumsum(wrong, axis=1) - wrong / 2
    return ratio((right * below).sum(axis=1), right.sum(axis=1) * wrong.sum(axis=1))
