"""The bootstrap over clusters: units that are drawn with replacement, each with all of its rows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from iqbench.statistics.estimate import NO_PAIR, Array, EstimateType, Interval
from iqbench.statistics.proportions import cluster_intervals
from iqbench.statistics.unseen import (
    deviation_mass,
    resampled_deviations,
    resampled_estimate,
    unseen_reach,
    widened,
    without_zero_width,
)

Columns = NDArray[np.integer[Any]]

CELLS = 10_000_000
"""Weights that are multiplied at once, so that memory stays small."""

DRAWS = 100_000
"""Clusters that are drawn at once: few enough for the cache of a core."""


@dataclass(frozen=True)
class BootstrapConfig:
    """The seed and the number of resamples. Both are fixed, so that a second report is identical to the first.

    Args:
        seed: Seed of the random numbers.
        resamples: Number of resamples.
    """

    seed: int = 0
    resamples: int = 2000


class Bootstrap:
    """Resamples of clusters, drawn once and shared by all statistics.

    Row 0 of every result is the observed sample; the other rows are resamples.

    Args:
        clusters: The names of the clusters, in an order that does not depend on the rows.
        config: The seed and the number of resamples.
        unit: The noun for a cluster in reasons.
    """

    def __init__(self, clusters: Sequence[str], config: BootstrapConfig, unit: str = "photo") -> None:
        generator, count = np.random.default_rng(config.seed), len(clusters)
        self.config, self.unit = config, unit
        self.index = pd.Index(clusters)
        # uint8: 2,000 resamples of 255,000 clusters take 0.5 GB
        self.weights = np.ones((config.resamples + 1, count), dtype=np.uint8)
        step = max(1, DRAWS // max(1, count))
        for start in range(1, len(self.weights), step) if count else ():
            part = self.weights[start : start + step]
            cells = generator.integers(count, size=part.shape) + count * np.arange(len(part))[:, None]
            part[:] = np.bincount(cells.ravel(), minlength=part.size).reshape(part.shape)

    def sums(self, clusters: "pd.Series[str]", columns: Columns, values: Array, width: int) -> Array:
        """Return the sum of ``values`` in each cluster and column.

        Args:
            clusters: The cluster of each value.
            columns: The column of each value, from 0 to ``width - 1``.
            values: The values.
            width: The number of columns.
        """
        cells = self.index.get_indexer(pd.Index(clusters)) * width + columns
        table = np.bincount(cells, weights=values, minlength=len(self.index) * width)
        return table.reshape(len(self.index), width).astype(np.float64)

    def totals(self, clusters: "pd.Series[str]", columns: Columns, values: Array, width: int) -> Array:
        """Return the sum of ``values`` per column, a row per resample; see `sums`."""
        return self.drawn(self.sums(clusters, columns, values, width))

    def drawn(self, table: Array) -> Array:
        """Return the sum of each column over the clusters of each resample, from its sum in each cluster."""
        step = max(1, CELLS // max(1, len(self.index)))
        return np.vstack([self.weights[at : at + step] @ table for at in range(0, len(self.weights), step)])

    def column_means(self, clusters: "pd.Series[str]", columns: Columns, values: Array, width: int) -> Array:
        """Return the mean of ``values`` per column, a row per resample; NaN where a column has no value."""
        sums = self.totals(clusters, columns, values, width)
        return ratio(sums, self.totals(clusters, columns, np.ones(len(values)), width))

    def mean_draws(self, clusters: "pd.Series[str]", values: Array) -> Array:
        """Return the mean of ``values`` in the sample and in each resample."""
        return self.column_means(clusters, np.zeros(len(values), dtype=np.intp), values, 1)[:, 0]

    def mean(
        self,
        kind: type[EstimateType],
        clusters: "pd.Series[str]",
        values: Array,
        undefined: str = NO_PAIR,
        bounds: Interval | None = None,
    ) -> EstimateType:
        """Return the mean of ``values`` with its percentile interval; proportions have `proportion`.

        Args:
            kind: The class of the estimate.
            clusters: The cluster of each value.
            values: The values.
            undefined: The reason if there are no values.
            bounds: The least and the largest possible value, None if there are none.
        """
        one_column = np.zeros(len(values), dtype=np.intp)
        sums, counts = (self.sums(clusters, one_column, column, 1) for column in (values, np.ones(len(values))))
        (estimate,) = self.means_of(kind, sums, counts, undefined, bounds)
        return estimate

    def means_of(
        self, kind: type[EstimateType], sums: Array, counts: Array, undefined: str, bounds: Interval | None = None
    ) -> list[EstimateType]:
        """Return the mean of each column from the sums and counts in each cluster, with its percentile interval.

        Of values with bounds each end is moved outwards by what clusters could add that were not drawn, so that equal
        values have an interval of some width; see `iqbench.statistics.unseen`. Equal values without bounds have none.
        """
        draws, units = ratio(self.drawn(sums), self.drawn(counts)), (counts > 0).sum(axis=0)
        estimates = [
            kind.from_draws(draws[:, at], int(number), int(clusters), undefined, self.too_few(int(clusters)))
            for at, (number, clusters) in enumerate(zip(counts.sum(axis=0), units, strict=True))
        ]
        if bounds is None:
            return [without_zero_width(estimate) for estimate in estimates]
        least, largest = bounds
        reaches = unseen_reach(units, deviation_mass(2 * sums / (largest - least), counts))
        return [
            estimate
            if estimate.value is None
            else widened(estimate, reach * (estimate.value - least), reach * (largest - estimate.value), bounds)
            for estimate, reach in zip(estimates, reaches.tolist(), strict=True)
        ]

    def estimate(
        self,
        kind: type[EstimateType],
        draws: Array,
        n: int,
        units: int,
        undefined: str = NO_PAIR,
        bounds: Interval | None = None,
        deviations: float | None = None,
    ) -> EstimateType:
        """Return any measure of the resamples with its interval; see `iqbench.statistics.unseen.resampled_estimate`.

        Args:
            kind: The class of the estimate.
            draws: The measure in the sample (the first) and in each resample.
            n: The number of pairs.
            units: The number of clusters that tell of the measure.
            undefined: The reason if the measure is undefined.
            bounds: The least and the largest possible value, None if there are none.
            deviations: The deviations of the clusters from each other, by default those of a smooth measure.
        """
        if deviations is None:
            deviations = 0.0 if bounds is None else resampled_deviations(draws, self.weights, units)
        return resampled_estimate(kind, draws, n, units, undefined, self.too_few(units), bounds, deviations)

    def proportion(
        self,
        kind: type[EstimateType],
        clusters: "pd.Series[str]",
        values: Array,
        undefined: str = NO_PAIR,
        **fields: Any,
    ) -> EstimateType:
        """Return the mean of ``values`` from 0 to 1 with its interval; see `cluster_intervals`.

        Args:
            kind: The class of the estimate.
            clusters: The cluster of each value.
            values: The values.
            undefined: The reason if there are no values.
            fields: The other fields of ``kind``.
        """
        (estimate,) = self.proportions(
            kind, clusters, np.zeros(len(values), dtype=np.intp), values, [fields], undefined
        )
        return estimate

    def proportions(
        self,
        kind: type[EstimateType],
        clusters: "pd.Series[str]",
        columns: Columns,
        values: Array,
        fields: Sequence[Mapping[str, Any]],
        undefined: str = NO_PAIR,
    ) -> list[EstimateType]:
        """Return the proportion of each column with its interval; ``fields`` has the other fields of each."""
        sums = self.sums(clusters, columns, values, len(fields))
        counts = self.sums(clusters, columns, np.ones(len(values)), len(fields))
        return self.proportions_of(kind, sums, counts, fields, undefined)

    def proportions_of(
        self,
        kind: type[EstimateType],
        sums: Array,
        counts: Array,
        fields: Sequence[Mapping[str, Any]],
        undefined: str = NO_PAIR,
    ) -> list[EstimateType]:
        """Return the proportion of each column from the sums and counts in each cluster."""
        means = ratio(sums.sum(axis=0), counts.sum(axis=0))
        present, intervals = (counts > 0).sum(axis=0), cluster_intervals(sums, counts)
        return [
            kind.with_interval(
                float(means[at]),
                None if np.isnan(low) else (float(low), float(high)),
                int(counts[:, at].sum()),
                undefined,
                self.too_few(int(present[at])),
                **fields[at],
            )
            for at, (low, high) in enumerate(intervals)
        ]

    def too_few(self, clusters: int) -> str:
        """Return the reason why so many clusters have no interval, or "".

        Example:
            >>> Bootstrap(["a", "b"], BootstrapConfig(resamples=1)).too_few(1)
            'an interval needs at least two photos'
        """
        return f"an interval needs at least two {self.unit}s" if clusters < 2 else ""


def ratio(sums: Array, counts: Array) -> Array:
    """Return each sum divided by its count, NaN where the count is 0.

    Example:
        >>> ratio(np.array([1.0, 0.0]), np.array([2.0, 0.0]))
        array([0.5, nan])
    """
    quotient = np.full(sums.shape, np.nan)
    np.divide(sums, counts, out=quotient, where=counts > 0)
    return quotient
