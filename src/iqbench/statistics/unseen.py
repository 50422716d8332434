"""What clusters could add that were not drawn: the room that every interval of a sample needs.

Resamples of clusters that all agree do not vary, so their interval has no width, however few clusters there are. The
ends of each interval are therefore moved outwards by the share of clusters that may be of a kind that was not drawn.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from iqbench.statistics.estimate import ALPHA, Array, EstimateType, Interval

Weights = NDArray[np.integer[Any]]

PRIOR = 0.5
"""The weight of what was not drawn, in clusters."""

CELLS = 10_000_000
"""Weights that are multiplied at once, so that memory stays small."""

SAME = 1e-12
"""Ends of an interval that are nearer to each other differ by rounding errors only."""

UNBOUNDED = "all photos agree, and nothing limits what others could add"


def unseen_reach(clusters: Array, deviations: Array) -> Array:
    """Return the share of the way to the end of the range that clusters could add which were not drawn.

    With 97.5 % confidence a kind of cluster that was not drawn has a share of at most 1 - 0.025^(1/clusters). The
    more the drawn clusters deviate from each other, the better they tell what clusters do.

    Args:
        clusters: The number of clusters of each column.
        deviations: See `deviation_mass`.

    Example:
        >>> unseen_reach(np.array([50, 50, 50]), np.array([0.0, 0.5, 9.5])).round(4).tolist()
        [0.0711, 0.0356, 0.0036]
    """
    share = 1 - (ALPHA / 2) ** (1 / np.maximum(clusters, 1))
    return np.asarray(share * PRIOR / (PRIOR + deviations), dtype=np.float64)


def deviation_mass(sums: Array, counts: Array) -> Array:
    """Return the absolute deviations of the clusters from their median, in clusters of average size, per column.

    Args:
        sums: The sum of the values in each cluster, values from -1 to 1; clusters x columns.
        counts: The number of rows in each cluster.

    Example:
        >>> sums = np.array([[2.0, 2.0], [2.0, 1.0], [1.0, 0.0], [2.0, 1.0]])
        >>> deviation_mass(sums, np.full((4, 2), 2.0)).tolist()
        [0.5, 1.0]
    """
    present = counts > 0
    means = np.divide(sums, counts, out=np.full_like(sums, np.nan), where=present)
    filled = present.any(axis=0)
    middle = np.zeros(sums.shape[1])
    middle[filled] = np.nanmedian(means[:, filled], axis=0)
    size = counts.sum(axis=0) / np.maximum(present.sum(axis=0), 1)
    mass: Array = np.abs(sums - middle * counts).sum(axis=0) / np.where(size > 0, size, 1.0)
    return mass


def resampled_deviations(draws: Array, weights: Weights, units: int) -> float:
    """Return the deviations of the clusters from each other by a measure that is no mean, in units of that measure.

    The influence of a cluster is the covariance of its weight and the measure over the resamples (the infinitesimal
    jackknife). Of a mean this is about `deviation_mass`.

    Args:
        draws: The measure in the sample (the first) and in each resample.
        weights: How often each cluster was drawn, a row per draw; there may be more rows than draws.
        units: The number of clusters that tell of the measure.

    Example:
        >>> generator = np.random.default_rng(0)
        >>> weights = generator.multinomial(8, np.full(8, 1 / 8), size=4001)
        >>> weights[0] = 1
        >>> round(resampled_deviations(weights @ np.array([1, 0, 1, 0, 1, 0, 1, 0]) / 8, weights, 8), 1)
        4.0

    Reference:
        Efron, *Estimation and accuracy after model selection*, JASA 2014, theorem 1.
    """
    rows = 1 + np.flatnonzero(np.isfinite(draws[1:]))
    if not rows.size:
        return 0.0
    gaps = draws[rows] - draws[rows].mean()
    if np.ptp(gaps) <= SAME:
        return 0.0
    influence, step = np.zeros(weights.shape[1]), max(1, CELLS // max(1, weights.shape[1]))
    for at in range(0, len(rows), step):
        influence += gaps[at : at + step] @ weights[rows[at : at + step]]
    return float(units * np.abs(influence).sum() / len(rows))


def widened(estimate: EstimateType, below: float, above: float, bounds: Interval) -> EstimateType:
    """Return an estimate with the ends of its interval moved outwards by these amounts, but not over the bounds.

    The interval holds the value, which the resamples of a biased measure (such as ECE) may all exceed.
    """
    if estimate.interval is None or estimate.value is None:
        return estimate
    low, high = min(estimate.interval[0], estimate.value), max(estimate.interval[1], estimate.value)
    return estimate.model_copy(update={"interval": (max(bounds[0], low - below), min(bounds[1], high + above))})


def without_zero_width(estimate: EstimateType) -> EstimateType:
    """Return an estimate without bounds; without an interval where all of its resamples agree."""
    if estimate.interval is None or np.ptp(estimate.interval) > SAME * max(1.0, *map(abs, estimate.interval)):
        return estimate
    return estimate.model_copy(update={"interval": None, "interval_reason": UNBOUNDED})


def resampled_estimate(
    kind: type[EstimateType],
    draws: Array,
    n: int,
    units: int,
    undefined: str,
    no_interval: str = "",
    bounds: Interval | None = None,
    deviations: float = 0.0,
    **fields: Any,
) -> EstimateType:
    """Return any measure of resamples with its percentile interval, widened by what was not drawn.

    Args:
        kind: The class of the estimate.
        draws: The measure in the sample (the first) and in each resample.
        n: The number of pairs, series or photos.
        units: The number of clusters that tell of the measure.
        undefined: The reason if the measure is undefined.
        no_interval: The reason why there is no interval, or "".
        bounds: The least and the largest possible value. A measure without bounds whose resamples all agree has no
            interval.
        deviations: The deviations of the clusters from each other, in units of the measure; see
            `resampled_deviations`.
        fields: The other fields of ``kind``.

    Example:
        >>> from iqbench.statistics.estimate import Estimate
        >>> resampled_estimate(Estimate, np.ones(9), 8, 8, "no pair", bounds=(0.0, 1.0)).interval[0].__round__(3)
        0.631
        >>> resampled_estimate(Estimate, np.ones(9), 8, 8, "no pair").interval_reason
        'all photos agree, and nothing limits what others could add'
    """
    estimate = kind.from_draws(draws, n, units, undefined, no_interval, **fields)
    if bounds is None:
        return without_zero_width(estimate)
    if estimate.value is None:
        return estimate
    least, largest = bounds
    reach = unseen_reach(np.array(units), np.array(2 * deviations / (largest - least))).item()
    return widened(estimate, reach * (estimate.value - least), reach * (largest - estimate.value), bounds)
