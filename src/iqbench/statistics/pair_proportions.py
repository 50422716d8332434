"""Proportions of pairs, such as accuracies, with intervals over series, or over photos where series share them."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from iqbench.statistics.estimate import Array, EstimateType, percentile_interval
from iqbench.statistics.proportions import cluster_intervals, independent_intervals
from iqbench.statistics.resampled_measures import ONE_SERIES, PairBootstrap

Flags = NDArray[np.bool_]


class PairProportions(NamedTuple):
    """Proportions of several columns: values, intervals (NaN for none), numbers of pairs, reasons for no interval."""

    values: Array
    intervals: Array
    counts: Sequence[int]
    no_interval: Sequence[str]

    def estimate(self, at: int, kind: type[EstimateType], undefined: str, **fields: Any) -> EstimateType:
        """Return the estimate of a column.

        Args:
            at: The column.
            kind: The class of the estimate.
            undefined: The reason if no pair has a value.
            fields: The other fields of ``kind``.
        """
        low, high = self.intervals[at].tolist()
        interval = None if np.isnan(low) else (low, high)
        return kind.with_interval(
            float(self.values[at]), interval, self.counts[at], undefined, self.no_interval[at], **fields
        )


def pair_proportions(bootstrap: PairBootstrap, values: Array, weight: Array, draws: Array) -> PairProportions:
    """Return the weighted mean of each column of values from 0 to 1, with its interval.

    If series are independent, it is that of `iqbench.statistics.proportions.cluster_intervals`. Where photos are
    shared, it is the expanded percentile interval of the resamples, which shrinks to nothing where all pairs are
    alike; so it covers Jeffreys' interval of half as many independent pairs as there are photos as well: n photos
    hold at most n / 2 pairs that share none, and the other pairs may repeat what these tell.

    Args:
        bootstrap: The resamples of the pairs.
        values: A row per pair, a column per proportion; NaN leaves the pair out.
        weight: The weight of each pair.
        draws: The means in the sample and in each resample, from `PairBootstrap.means`.
    """
    known = ~np.isnan(values) & (weight > 0)[:, None]
    counts = known.sum(axis=0).tolist()
    if bootstrap.unit == "series":
        intervals = _over_series(bootstrap, np.where(known, values, 0.0), known * weight[:, None], known)
    else:
        intervals = _over_photos(bootstrap, known, draws)
    reasons = [bootstrap.no_interval or (ONE_SERIES if np.isnan(low) else "") for low in intervals[:, 0]]
    return PairProportions(draws[0], intervals, counts, reasons)


def series_table(bootstrap: PairBootstrap, table: Array) -> Array:
    """Return the sum of each column in each series, or in several that share photos."""
    series, width = bootstrap.unit_numbers[2], bootstrap.units
    sums = [np.bincount(series, column, minlength=width) for column in table.T]
    return np.stack(sums, axis=1) if sums else np.zeros((width, 0))


def photos_of_columns(bootstrap: PairBootstrap, known: Flags) -> list[int]:
    """Return the number of photos, or clusters of photos, in the pairs of each column."""
    first, second, _ = bootstrap.unit_numbers
    return [len(np.union1d(first[rows], second[rows])) for rows in known.T]


def _over_series(bootstrap: PairBootstrap, values: Array, weights: Array, known: Flags) -> Array:
    counts = series_table(bootstrap, weights)
    # series that share photos may be copies of each other, so they count no more rows than one of them
    rows = series_table(bootstrap, known.astype(np.float64)) / np.bincount(bootstrap.unit_of_series)[:, None]
    return cluster_intervals(series_table(bootstrap, values * weights), counts, rows)


def _over_photos(bootstrap: PairBootstrap, known: Flags, draws: Array) -> Array:
    intervals = np.full((draws.shape[1], 2), np.nan)
    for at, count in enumerate(photos_of_columns(bootstrap, known)):
        if count < 2 or bootstrap.no_interval:
            continue
        (low, high), *_ = independent_intervals(draws[:1, at], np.array([count / 2])).tolist()
        if np.isfinite(draws[1:, at]).any():
            ends = percentile_interval(draws[:, at], count)
            low, high = min(low, ends[0]), max(high, ends[1])
        intervals[at] = low, high
    return intervals
