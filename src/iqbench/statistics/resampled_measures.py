"""Resampled measures. Row or value 0 of all draws is the sample as observed, the others are resamples.

Resamples are weights, how often each series or photo was drawn, so every measure is computed with
weights and nothing is ever copied.
"""

from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from iqbench.metrics.votes import krcc
from iqbench.statistics.bootstrap import Bootstrap, BootstrapConfig, ratio
from iqbench.statistics.estimate import Array, percentile_interval

Integers = NDArray[np.integer[Any]]

ONE_SERIES = "an interval needs at least two series"
ONE_PHOTO = "an interval needs at least two photos"
FEW_PHOTOS = "an interval over the photos of pairs needs at least ten"
NO_DRAW = "no resample defines it"

FEWEST_PHOTOS = 10
"""Of fewer photos too few draws are left with a pair for a percentile to mean anything."""

CELLS = 4_000_000
"""How many numbers are worked on at once, so that memory stays small."""

KENDALL_CELLS, KENDALL_DRAWS = 10_000_000, 200
"""Kendall's tau is resampled until so many photos were drawn, but at least so many times (2 s for 20,000 photos)."""


class PairDraws:
    """Resamples of pairs: by series, or by photos where series are not independent of each other.

    Series are resampled where they divide the photos and none holds most pairs. Else, as in a list of
    pairs that hang together, photos are drawn and a pair counts as often as its first photo times its
    second (the pigeonhole bootstrap), which errs on the wide side.

    Args:
        pairs: ``first``, ``second`` and ``series`` of each pair, in an order that depends on nothing else.
        seed: Seed of the draws.
        resamples: Number of draws.

    Reference:
        Owen, *The pigeonhole bootstrap*, Annals of Applied Statistics 2007.
    """

    def __init__(self, pairs: pd.DataFrame, seed: int, resamples: int) -> None:
        series, self._series = np.unique(pairs["series"].to_numpy(str), return_inverse=True)
        both = np.concatenate([pairs["first"].to_numpy(str), pairs["second"].to_numpy(str)])
        photos, places = np.unique(both, return_inverse=True)
        self._first, self._second = np.split(places, 2)
        homes = np.unique(np.stack([np.tile(self._series, 2), places]), axis=1).shape[1]
        self.divided = homes == len(photos)
        """Whether no photo is in two series."""
        largest = int(np.bincount(self._series, minlength=1).max())
        self.unit: Literal["series", "photo"] = "series" if self.divided and 2 * largest <= len(pairs) else "photo"
        self._of_series = Bootstrap(series.tolist() if self.divided else [], BootstrapConfig(seed, resamples))
        self._of_photos = Bootstrap(photos.tolist(), BootstrapConfig(seed, resamples)) if self.unit == "photo" else None
        self.units = len(series) if self._of_photos is None else len(photos)
        self.reason = FEW_PHOTOS if self.unit == "photo" and len(photos) < FEWEST_PHOTOS else ""
        """Why there is no interval, or nothing."""

    def means(self, values: Array, weight: Array) -> Array:
        """Return the weighted mean of each column (pairs, columns), NaN values left out, a row per draw."""
        known = ~np.isnan(values)
        table = np.hstack([np.where(known, values, 0.0), known]) * weight[:, None]
        sums = self._by_series(table) if self._of_photos is None else self._by_photos(table, self._of_photos.weights)
        return ratio(sums[:, : values.shape[1]], sums[:, values.shape[1] :])

    def over_series(self, series: Integers, values: Array) -> Array:
        """Return the mean of ``values``, one for each of those series, NaN values left out; one mean per draw."""
        known = ~np.isnan(values)
        weights = self._of_series.weights[:, series[known]]
        table = np.stack([values[known], np.ones(int(known.sum()))], axis=1)
        sums = _sums(weights, table)
        return ratio(sums[:, 0], sums[:, 1])

    @property
    def numbers(self) -> tuple[Integers, Integers, Integers]:
        """Each pair's first photo, second photo and series, numbered in the order of their names."""
        return self._first, self._second, self._series

    def _by_series(self, table: Array) -> Array:
        count = len(self._of_series.index)
        rows: Array = np.stack([np.bincount(self._series, column, count) for column in table.T], axis=1)
        return _sums(self._of_series.weights, rows)

    def _by_photos(self, table: Array, weights: NDArray[np.uint8]) -> Array:
        found = []
        for part in _parts(len(weights), len(table)):
            drawn = weights[part].astype(np.float64)
            found.append((drawn[:, self._first] * drawn[:, self._second]) @ table)
        return np.vstack(found)


def srcc_draws(weights: NDArray[np.uint8], predicted: Array, true: Array) -> Array:
    """Return Spearman's correlation under each row of weights, NaN where a side is constant.

    The photos are sorted once: a photo's rank in a resample is how many were drawn below it, plus half
    of those drawn that equal it.

    Example:
        >>> srcc_draws(np.array([[1, 1, 1], [2, 1, 0]], dtype=np.uint8), np.array([1., 3., 2.]), np.array([1., 2., 3.]))
        array([0.5, 1. ])
    """
    found = []
    for part in _parts(*weights.shape):
        drawn = weights[part].astype(np.float64)
        one, other = _centred_ranks(drawn, predicted), _centred_ranks(drawn, true)
        found.append(
            _correlation(*((drawn * a * b).sum(axis=1) for a, b in ((one, other), (one, one), (other, other))))
        )
    return np.concatenate(found)


def plcc_draws(weights: NDArray[np.uint8], predicted: Array, true: Array) -> Array:
    """Return Pearson's correlation under each row of weights, NaN where a side is constant."""
    x, y = (_standard(side) for side in (predicted, true))
    table = np.stack([np.ones_like(x), x, y, x * y, x * x, y * y], axis=1)
    count, x_sum, y_sum, product, x_square, y_square = _sums(weights, table).T
    count = np.maximum(count, 1)  # without a photo there is nothing to divide, and no correlation
    squares = _less(x_square, x_sum**2 / count), _less(y_square, y_sum**2 / count)
    return _correlation(product - x_sum * y_sum / count, *squares)


def krcc_draws(weights: NDArray[np.uint8], predicted: Array, true: Array) -> Array:
    """Return Kendall's tau-b under the first rows of weights, as many as `KENDALL_CELLS` says."""
    most = max(KENDALL_DRAWS, KENDALL_CELLS // max(1, len(true)))
    found = []
    for row in weights[: most + 1]:
        drawn = np.repeat(np.arange(len(true)), row)
        found.append(krcc(predicted[drawn], true[drawn]))
    return np.array([np.nan if tau is None else tau for tau in found], dtype=np.float64)


def mean_draws(weights: NDArray[np.uint8], values: Array) -> Array:
    """Return the mean of one value per photo under each row of weights, NaN where there is no photo."""
    table = np.stack([values, np.ones(len(values))], axis=1)
    sums = _sums(weights, table)
    return ratio(sums[:, 0], sums[:, 1])


def estimate(draws: Array, count: int, undefined: str, no_interval: str) -> dict[str, Any]:
    """Return a measure as plain JSON values: ``value``, ``interval``, ``n``, and a reason for each that is None.

    Args:
        draws: The measure in the sample and in its resamples.
        count: The number of pairs, series or photos that it is over.
        undefined: Why the value is None, where it is.
        no_interval: Why there is no interval, or nothing.

    Example:
        >>> estimate(np.array([0.5, 0.5, 0.5]), 4, "no pair", "")
        {'value': 0.5, 'interval': [0.5, 0.5], 'n': 4}
        >>> estimate(np.array([np.nan]), 0, "no pair", "")
        {'value': None, 'interval': None, 'n': 0, 'reason': 'no pair'}
    """
    value = float(draws[0])
    if not np.isfinite(value):
        return {"value": None, "interval": None, "n": count, "reason": undefined}
    why = no_interval or ("" if np.isfinite(draws[1:]).any() else NO_DRAW)
    if why:
        return {"value": value, "interval": None, "n": count, "interval_reason": why}
    return {"value": value, "interval": list(percentile_interval(draws)), "n": count}


def _sums(weights: NDArray[np.uint8], table: Array) -> Array:
    sums: Array = np.vstack([weights[part] @ table for part in _parts(*weights.shape)])
    return sums


def _parts(rows: int, width: int) -> list[slice]:
    """Return slices of the rows, each of at most `CELLS` cells (but a row at least)."""
    step = max(1, CELLS // max(1, width))
    return [slice(at, at + step) for at in range(0, rows, step)]


def _centred_ranks(weights: Array, values: Array) -> Array:
    """Return each photo's midrank among the drawn ones, less the mean rank; rows of weights are draws."""
    distinct, group = np.unique(values, return_inverse=True)
    order = np.argsort(group, kind="stable")
    starts = np.searchsorted(group[order], np.arange(len(distinct)))
    drawn: Array = np.add.reduceat(weights[:, order], starts, axis=1)
    middle: Array = np.cumsum(drawn, axis=1) - (drawn + weights.sum(axis=1, keepdims=True)) / 2
    return middle[:, group]


def _correlation(product: Array, one: Array, other: Array) -> Array:
    """Return the correlation from sums of products and squares of deviations, NaN where a square is 0."""
    defined = (one > 0) & (other > 0)
    found = np.full(len(product), np.nan)
    found[defined] = np.clip(product[defined] / np.sqrt(one[defined] * other[defined]), -1, 1)
    return found


def _less(square: Array, mean: Array) -> Array:
    """Return the difference, or 0 where it is but a rounding error."""
    rest = square - mean
    return np.where(rest > 1e-12 * square, rest, 0.0)


def _standard(side: Array) -> Array:
    spread = side.max() - side.min() if len(side) else 0.0
    return (side - side.mean()) / spread if spread > 0 else np.zeros_like(side)
