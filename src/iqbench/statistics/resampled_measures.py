"""Measures under resampling. Row 0 of all draws is the observed sample, the others are resamples.

A resample is a row of weights, how often each series or photo was drawn. Measures are computed with
these weights, so no data is copied.
"""

from collections.abc import Callable, Sequence
from typing import Literal

import numpy as np
import pandas as pd

from iqbench.statistics.bootstrap import Bootstrap, BootstrapConfig, ratio
from iqbench.statistics.estimate import Array
from iqbench.statistics.joined import joined
from iqbench.statistics.pigeonhole import Integers, Weights, pair_sums, parts

ONE_SERIES = "an interval needs at least two series"
ONE_PHOTO = "an interval needs at least two photos"
FEW_PHOTOS = "an interval over the photos of pairs needs at least ten"

MIN_PHOTOS = 10
"""With fewer photos, too few resamples hold a pair for a percentile to mean anything."""

COPIED_PHOTOS, MIN_RESAMPLES = 10_000_000, 200
"""`copied_draws` stops after so many copied photos, but not before so many resamples (2 s for 20,000 photos)."""


class PairBootstrap:
    """Resamples of pairs: by series, or by photo where series are not independent of each other.

    Series are resampled if no photo is in two of them and none holds most pairs. Series that share a cluster of
    photos, such as near-copies, are one series here. Otherwise, as in a list of connected pairs, clusters of photos
    are drawn, and a pair counts as often as that of its first photo times that of its second (the pigeonhole
    bootstrap), which errs on the wide side; a pair inside a cluster counts as often as this one.

    Args:
        pairs: ``first``, ``second`` and ``series`` of each pair, in an order that depends on nothing else; optionally
            ``first_cluster`` and ``second_cluster``, the clusters of its photos, which otherwise are independent.
        config: The seed and the number of resamples.

    Reference:
        Owen, *The pigeonhole bootstrap*, Annals of Applied Statistics 2007.
    """

    def __init__(self, pairs: pd.DataFrame, config: BootstrapConfig) -> None:
        self._series = np.unique(pairs["series"].to_numpy(str), return_inverse=True)[1]
        sides = np.concatenate([pairs["first"].to_numpy(str), pairs["second"].to_numpy(str)])
        photos, places = np.unique(sides, return_inverse=True)
        self._first, self._second = np.split(places, 2)
        memberships = np.unique(np.stack([np.tile(self._series, 2), places]), axis=1).shape[1]
        self.divided = memberships == len(photos)
        """True if no photo is in two series."""
        keys = [pairs.get(f"{side}_cluster", pairs[side]).to_numpy(str) for side in ("first", "second")]
        clusters, of_sides = np.unique(np.concatenate(keys), return_inverse=True)
        self.unit_of_series = _joined_series(np.tile(self._series, 2), of_sides)
        """The number of the unit of each series: those that share a cluster have the same."""
        unit = self.unit_of_series[self._series]
        self.unit_numbers = (*np.split(of_sides, 2), unit)
        """The cluster of the first photo, that of the second, and the unit of the series of each pair."""
        joined_series = int(self.unit_of_series.max(initial=-1)) + 1
        largest = int(np.bincount(unit, minlength=1).max())
        self.unit: Literal["series", "photo"] = "series" if self.divided and 2 * largest <= len(pairs) else "photo"
        self._of_series = Bootstrap(list(map(str, range(joined_series))) if self.divided else [], config)
        self._of_photos = Bootstrap(clusters.tolist(), config) if self.unit == "photo" else None
        self.units = joined_series if self._of_photos is None else len(clusters)
        self.no_interval = FEW_PHOTOS if self.unit == "photo" and len(clusters) < MIN_PHOTOS else ""
        """The reason why there is no interval, or ""."""

    def means(self, values: Array, weight: Array) -> Array:
        """Return the weighted mean of each column, a row per draw. NaN values are left out.

        Args:
            values: A row per pair, a column per measure.
            weight: The weight of each pair.
        """
        known = ~np.isnan(values)
        table = np.hstack([np.where(known, values, 0.0), known]) * weight[:, None]
        if self._of_photos is None:
            sums = self._by_series(table)
        else:
            first, second, _ = self.unit_numbers
            sums = pair_sums(self._of_photos.weights, first, second, table)
        return ratio(sums[:, : values.shape[1]], sums[:, values.shape[1] :])

    def over_series(self, series: Integers, values: Array) -> Array:
        """Return the mean over series of one value per series, a mean per draw. NaN values are left out."""
        known = ~np.isnan(values)
        weights = self._of_series.weights[:, self.unit_of_series[series[known]]]
        table = np.stack([values[known], np.ones(int(known.sum()))], axis=1)
        sums = _sums(weights, table)
        return ratio(sums[:, 0], sums[:, 1])

    @property
    def numbers(self) -> tuple[Integers, Integers, Integers]:
        """The first photo, second photo and series of each pair, numbered in the order of their names."""
        return self._first, self._second, self._series

    def _by_series(self, table: Array) -> Array:
        count = len(self._of_series.index)
        rows: Array = np.stack([np.bincount(self.unit_numbers[2], column, count) for column in table.T], axis=1)
        return _sums(self._of_series.weights, rows)


def _joined_series(series: Integers, clusters: Integers) -> Integers:
    """Return the number of the unit of each series, from the series and the cluster of each photo of each pair."""
    members = np.unique(np.stack([series, clusters]), axis=1)
    firsts = np.unique(members[0], return_index=True)[1]
    return joined(*members)[firsts]


class PhotoBootstrap:
    """Resamples of photos, in whole clusters.

    Args:
        clusters: The cluster of each photo, in an order that depends on nothing else.
        config: The seed and the number of resamples.

    Example:
        >>> bootstrap = PhotoBootstrap(["a", "a", "b"], BootstrapConfig(seed=0, resamples=2))
        >>> bootstrap.units, bootstrap.weights.tolist()
        (2, [[1, 1, 1], [0, 0, 2], [1, 1, 1]])
    """

    def __init__(self, clusters: Sequence[str], config: BootstrapConfig) -> None:
        names, self._cluster = np.unique(np.array(clusters, dtype=str), return_inverse=True)
        self.units = len(names)
        """The number of clusters."""
        self.unit_weights: Weights = Bootstrap(names.tolist(), config).weights
        """The number of times that each cluster was drawn, a row for the sample and each resample."""
        alone = np.array_equal(self._cluster, np.arange(self.units))
        self.weights: Weights = self.unit_weights if alone else self.unit_weights[:, self._cluster]
        """The number of times that each photo was drawn, a row for the sample and each resample."""

    def sums(self, values: Array) -> Array:
        """Return the sum of one value per photo in each cluster."""
        sums: Array = np.bincount(self._cluster, values, self.units).astype(np.float64)
        return sums


def srcc_draws(weights: Weights, predicted: Array, true: Array) -> Array:
    """Return Spearman's correlation under each row of weights, NaN where a side is constant.

    The photos are sorted once: the rank of a photo in a resample is the number of drawn photos below it,
    plus half of the drawn photos that equal it.

    Example:
        >>> srcc_draws(np.array([[1, 1, 1], [2, 1, 0]], dtype=np.uint8), np.array([1., 3., 2.]), np.array([1., 2., 3.]))
        array([0.5, 1. ])
    """
    correlations = []
    for part in parts(*weights.shape):
        drawn = weights[part].astype(np.float64)
        x, y = _centred_ranks(drawn, predicted), _centred_ranks(drawn, true)
        correlations.append(_correlation(*((drawn * a * b).sum(axis=1) for a, b in ((x, y), (x, x), (y, y)))))
    return np.concatenate(correlations)


def plcc_draws(weights: Weights, predicted: Array, true: Array) -> Array:
    """Return Pearson's correlation under each row of weights, NaN where a side is constant."""
    x, y = (_standard(side) for side in (predicted, true))
    table = np.stack([np.ones_like(x), x, y, x * y, x * x, y * y], axis=1)
    count, x_sum, y_sum, product, x_square, y_square = _sums(weights, table).T
    count = np.maximum(count, 1)  # no division by 0 in a draw without a photo, which has no correlation
    squares = _less(x_square, x_sum**2 / count), _less(y_square, y_sum**2 / count)
    return _correlation(product - x_sum * y_sum / count, *squares)


def copied_draws(
    measure: Callable[[Array, Array], float | None], weights: Weights, predicted: Array, true: Array
) -> Array:
    """Return any measure of two columns under the first rows of weights, NaN where it is undefined.

    Each draw copies the photos as often as they were drawn. `COPIED_PHOTOS` limits the number of draws.

    Example:
        >>> weights = np.array([[1, 1], [2, 0]], dtype=np.uint8)
        >>> copied_draws(lambda x, y: float((x - y).max()), weights, np.array([1., 5.]), np.ones(2))
        array([4., 0.])
    """
    limit = max(MIN_RESAMPLES, COPIED_PHOTOS // max(1, len(true)))
    values = []
    for row in weights[: limit + 1]:
        drawn = np.repeat(np.arange(len(true)), row)
        values.append(measure(predicted[drawn], true[drawn]))
    return np.array([np.nan if value is None else value for value in values], dtype=np.float64)


def mean_draws(weights: Weights, values: Array) -> Array:
    """Return the mean of one value per photo under each row of weights, NaN where there is no photo."""
    table = np.stack([values, np.ones(len(values))], axis=1)
    sums = _sums(weights, table)
    return ratio(sums[:, 0], sums[:, 1])


def _sums(weights: Weights, table: Array) -> Array:
    sums: Array = np.vstack([weights[part] @ table for part in parts(*weights.shape)])
    return sums


def _centred_ranks(weights: Array, values: Array) -> Array:
    """Return the midrank of each photo among the drawn photos, minus the mean rank; a row per draw."""
    distinct, group = np.unique(values, return_inverse=True)
    order = np.argsort(group, kind="stable")
    starts = np.searchsorted(group[order], np.arange(len(distinct)))
    drawn: Array = np.add.reduceat(weights[:, order], starts, axis=1)
    middle: Array = np.cumsum(drawn, axis=1) - (drawn + weights.sum(axis=1, keepdims=True)) / 2
    return middle[:, group]


def _correlation(product: Array, x_square: Array, y_square: Array) -> Array:
    """Return the correlation from sums of products and squares of deviations, NaN where a square is 0."""
    defined = (x_square > 0) & (y_square > 0)
    correlation = np.full(len(product), np.nan)
    correlation[defined] = np.clip(product[defined] / np.sqrt(x_square[defined] * y_square[defined]), -1, 1)
    return correlation


def _less(square: Array, mean: Array) -> Array:
    """Return the difference of two sums, or 0 where it is only a rounding error."""
    rest = square - mean
    return np.where(rest > 1e-12 * square, rest, 0.0)


def _standard(side: Array) -> Array:
    """Return the side centred and scaled by its range, zeros for a constant side."""
    spread = side.max() - side.min() if len(side) else 0.0
    return (side - side.mean()) / spread if spread > 0 else np.zeros_like(side)
