"""The bootstrap test of a family of differences: p-values alone and corrected, and intervals that agree with them."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy import stats

from iqbench.statistics.estimate import ALPHA, Array
from iqbench.statistics.step_down import SAME, critical_value, step_down

POWER = 0.8

NO_SPREAD = 1e-12
"""Differences whose standard deviation is smaller differ by rounding errors only."""


@dataclass(frozen=True)
class BootstrapTest:
    """Differences of judges in the same resamples, for statistics that are no sums over independent clusters.

    The statistic of a difference is its absolute value in standard deviations of its resamples. Under the null
    hypothesis it varies as the resamples do around the difference. With few clusters resamples vary too little and
    their spread is uncertain, so quantiles are moved outwards from those of the normal distribution to those of
    Student's t, as in `iqbench.statistics.estimate.expanded_tail`, and no p-value is below 2^(1 - clusters), that of
    as many signs which all agree. A resample in which a difference is undefined counts against it.

    Args:
        draws: Each difference in the sample (row 0) and in each resample; NaN where it is undefined.
        units: For each difference, the number of clusters that were resampled, at least 2.

    Example:
        >>> resamples = 0.25 + 0.1 * np.random.default_rng(0).normal(size=(999, 1))
        >>> test = BootstrapTest(np.vstack([[[0.25]], resamples]), units=np.array([30]))
        >>> alone, corrected = test.test()
        >>> alone.round(3).tolist(), corrected.round(3).tolist()
        ([0.024], [0.024])
        >>> test.intervals(bound=1.0).round(2).tolist()
        [[0.05, 0.45]]

    Reference:
        Romano and Wolf, *Exact and approximate stepdown methods for multiple hypothesis testing*, JASA 2005;
        Hesterberg, *What teachers should know about the bootstrap*, The American Statistician 2015, 3.4.
    """

    draws: Array
    units: Array

    def test(self) -> tuple[Array, Array]:
        """Return the p-value of "no difference" of each column, alone and corrected for all columns."""
        alone, corrected = step_down(self._observed, lambda: [self._observed[None], self._null])
        alone = np.maximum(alone + (~self._defined).sum(axis=0) / len(self.draws), 2.0 ** (1 - self.units))
        return alone, np.maximum(corrected, alone)

    def intervals(self, bound: float, reach: Array | None = None) -> Array:
        """Return the 95 % interval of each difference. It excludes 0 exactly where p alone is below 5 %.

        Args:
            bound: The largest possible difference.
            reach: The share of the way to the bound by which each end is moved outwards, but never over 0.

        Returns:
            A row (low, high) per column.
        """
        allowed = int(np.ceil(ALPHA * len(self.draws) - SAME)) - 1  # with the observed sample
        null = np.where(self._defined, self._null, np.inf)
        quantile = np.full(null.shape[1], np.inf)
        if 0 < allowed <= len(null):
            quantile = np.partition(null, len(null) - allowed, axis=0)[len(null) - allowed]
        endless = np.isinf(quantile)
        half = np.where(endless, np.inf, self._widened(np.where(endless, 0.0, quantile) + SAME) * self._spread)
        value, outwards = self.draws[0], np.zeros(len(half)) if reach is None else reach
        low = np.clip(value - half - outwards * (bound + value), -bound, bound)
        high = np.clip(value + half + outwards * (bound - value), -bound, bound)
        shown, tiny = self.test()[0] < ALPHA, np.finfo(np.float64).tiny
        low = np.where(shown & (value > 0), np.maximum(low, tiny), np.where(shown, low, np.minimum(low, 0.0)))
        high = np.where(shown & (value < 0), np.minimum(high, -tiny), np.where(shown, high, np.maximum(high, 0.0)))
        return np.stack([low, high], axis=1)

    def least_difference(self) -> Array:
        """Return the difference that such a sample shows with a power of 80 %, after correction for all columns.

        NaN for a difference that is the same in all resamples, which tells nothing about that.
        """
        family = critical_value(lambda: [self._null])
        power = stats.t.ppf(POWER, self.units - 1) * np.sqrt(self.units / (self.units - 1))
        steps = self._widened(np.full(len(self._spread), family)) + power
        return np.where(self._spread > 0, steps * self._spread, np.nan)

    @cached_property
    def _defined(self) -> "np.ndarray[tuple[int, int], np.dtype[np.bool_]]":
        return np.isfinite(self.draws[1:])

    @cached_property
    def _spread(self) -> Array:
        """The standard deviation of the resamples, 0 where they are all the same."""
        number = np.maximum(self._defined.sum(axis=0), 1)
        gaps = np.where(self._defined, self.draws[1:] - self.draws[0], 0.0)
        square = (gaps**2).sum(axis=0) / number - (gaps.sum(axis=0) / number) ** 2
        spread = np.sqrt(np.maximum(square, 0.0))
        return np.where(spread > NO_SPREAD, spread, 0.0)

    @cached_property
    def _null(self) -> Array:
        """The statistics of the resamples, 0 where they are undefined."""
        gaps = np.where(self._defined, np.abs(self.draws[1:] - self.draws[0]), 0.0)
        return np.divide(gaps, self._spread, out=np.zeros_like(gaps), where=self._spread > 0)

    @cached_property
    def _observed(self) -> Array:
        """The statistics of the sample, on the scale of the normal distribution; infinite without a spread."""
        size = np.abs(self.draws[0])
        steps = np.divide(size, self._spread, out=np.full(len(size), np.inf), where=self._spread > 0)
        steps = np.where(size > NO_SPREAD, steps, 0.0)
        narrowed: Array = stats.norm.isf(stats.t.sf(steps * np.sqrt((self.units - 1) / self.units), self.units - 1))
        return narrowed

    def _widened(self, steps: Array) -> Array:
        """Return steps of the normal distribution as standard deviations of the resamples; undoes `_observed`."""
        wide: Array = stats.t.isf(stats.norm.sf(steps), self.units - 1) * np.sqrt(self.units / (self.units - 1))
        return wide
