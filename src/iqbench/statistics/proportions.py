"""Intervals of proportions over clusters: accuracies, shares, and means of them."""

from typing import Any

import numpy as np
from scipy import stats

from iqbench.statistics.estimate import ALPHA, Array, Interval

PRIOR = 0.5
"""Both parameters of Jeffreys' prior of a proportion; also the weight of the largest design effect, in clusters."""


def cluster_intervals(sums: Array, counts: Array, rows: Array | None = None) -> Array:
    """Return the 95 % interval of the proportion in each column: Jeffreys' interval for the effective number of rows.

    The rows of a cluster are not independent, so their number is divided by the design effect, the variance
    between clusters over that of independent rows. It is estimated, and estimated badly where errors are few: it is
    averaged with its largest value, that of clusters whose rows are all alike, which has the weight of half a
    cluster; the estimate has that of as many clusters as the errors would fill. As in Korn and Graubard's interval,
    few clusters (t instead of z) lower the effective number. A proportion of 1 so has an interval below it, and a
    row that is copied in its cluster adds nothing.

    Args:
        sums: The sum of the values in each cluster, values from 0 to 1; clusters x columns.
        counts: The sum of the weights in each cluster (the number of rows where all weights are 1).
        rows: The number of rows in each cluster, if it is not ``counts``.

    Returns:
        A row (low, high) per column; NaN where fewer than two clusters hold a row.

    Example:
        >>> all_right = np.full((8, 1), 27.0)
        >>> cluster_intervals(all_right, all_right).round(3).tolist()
        [[0.647, 1.0]]
        >>> cluster_intervals(np.array([[4.0], [3.0], [4.0], [1.0]]), np.full((4, 1), 4.0)).round(3).tolist()
        [[0.154, 0.988]]

    Reference:
        Brown, Cai and DasGupta, *Interval estimation for a binomial proportion*, Statistical Science 2001;
        Korn and Graubard, *Confidence intervals for proportions with small expected number of positive counts
        estimated from survey data*, Survey Methodology 1998.
    """
    rows = counts if rows is None else rows
    clusters = (counts > 0).sum(axis=0)
    defined = clusters >= 2
    intervals = np.full((counts.shape[1], 2), np.nan)
    if defined.any():
        sums, counts, rows, clusters = sums[:, defined], counts[:, defined], rows[:, defined], clusters[defined]
        proportion = np.clip(sums.sum(axis=0) / counts.sum(axis=0), 0.0, 1.0)
        effective = _effective_rows(sums, counts, rows, proportion)
        effective = effective * (stats.norm.ppf(ALPHA / 2) / stats.t.ppf(ALPHA / 2, clusters - 1)) ** 2
        intervals[defined] = _jeffreys(proportion, effective)
    return intervals


def cluster_interval(sums: Array, counts: Array) -> Interval | None:
    """Return the interval of one proportion, None with fewer than two clusters; see `cluster_intervals`."""
    low, high = cluster_intervals(sums[:, None], counts[:, None])[0].tolist()
    return None if np.isnan(low) else (low, high)


def _effective_rows(sums: Array, counts: Array, rows: Array, proportion: Array) -> Array:
    """Return the number of independent rows that would be as precise, from the number of clusters to that of rows."""
    total, clusters, number = counts.sum(axis=0), (counts > 0).sum(axis=0), rows.sum(axis=0)
    largest = number * (counts**2).sum(axis=0) / total**2
    between = clusters / (clusters - 1) * ((sums - proportion * counts) ** 2).sum(axis=0) / total**2
    independent = proportion * (1 - proportion) / number
    effect = np.divide(between, independent, out=largest.copy(), where=independent > 1e-12)
    errors = np.where(proportion > 0.5, counts - sums, sums)
    imperfect = (errors > 1e-9).sum(axis=0)
    known = np.minimum(imperfect, errors.sum(axis=0) / (total / clusters))
    weight = PRIOR / (PRIOR + known)
    effect = (1 - weight) * np.clip(effect, 1.0, np.maximum(largest, 1.0)) + weight * largest
    effective: Array = number / np.maximum(effect, 1.0)
    return effective


def _jeffreys(proportion: Array, effective: Array) -> Array:
    right, wrong = proportion * effective + PRIOR, (1 - proportion) * effective + PRIOR
    low: Any = np.where(proportion <= 0, 0.0, stats.beta.ppf(ALPHA / 2, right, wrong))
    high: Any = np.where(proportion >= 1, 1.0, stats.beta.ppf(1 - ALPHA / 2, right, wrong))
    return np.stack([np.minimum(low, proportion), np.maximum(high, proportion)], axis=1)


def independent_intervals(proportion: Array, number: Array) -> Array:
    """Return Jeffreys' 95 % interval of each proportion of independent rows; ``number`` need not be whole.

    Example:
        >>> independent_intervals(np.array([1.0, 0.5]), np.array([5.0, 8.0])).round(3).tolist()
        [[0.621, 1.0], [0.199, 0.801]]
    """
    return _jeffreys(proportion, number)
