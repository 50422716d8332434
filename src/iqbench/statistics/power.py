"""Power: the difference that a sample of clusters can show, and the clusters that a difference needs."""

from dataclasses import dataclass
from typing import Self

import numpy as np
from scipy import stats

from iqbench.statistics.estimate import ALPHA, Array
from iqbench.statistics.sign_flips import SignFlips, standard_errors
from iqbench.statistics.unseen import deviation_mass, unseen_reach

POWER = 0.8

MOST_CLUSTERS = 10_000_000


@dataclass(frozen=True)
class Power:
    """The power of samples of other sizes, whose clusters vary as those of a pilot do.

    Args:
        quantile: The quantile of the normal distribution that the family's largest statistic exceeds in 5 % of
            the samples without a difference.
        spread: The standard deviation of each column's mean, times the root of the number of clusters.
        deviations: The deviations of the clusters from their median, per column and cluster; see `deviation_mass`.

    Example:
        >>> sums = np.where(np.arange(50)[:, None] % 4 == 0, -1.0, 1.0) * np.arange(1, 3)
        >>> power = Power.of(SignFlips(50), sums, np.full((50, 2), 27.0))
        >>> [round(100 * power.least_difference(clusters), 1) for clusters in (25, 100, 400)]
        [5.8, 1.4, 0.7]
        >>> power.least_difference(power.clusters_for(0.01)) <= 0.01
        True
    """

    quantile: float
    spread: Array
    deviations: Array

    @classmethod
    def of(cls, flips: SignFlips, sums: Array, counts: Array) -> Self:
        """Return the power of a pilot's family of differences.

        Args:
            flips: The signs of the pilot's clusters.
            sums: The sum of the differences in each cluster, clusters x columns.
            counts: The number of pairs in each cluster.
        """
        present = np.maximum((counts > 0).sum(axis=0), 1)
        spread = standard_errors(sums, counts) * np.sqrt(present)
        return cls(flips.family_quantile(sums), spread, deviation_mass(sums, counts) / present)

    def least_difference(self, clusters: int) -> float:
        """Return the difference that so many clusters show with a power of 80 %, after correction for the family.

        It is the median over the columns, and at least what clusters could add that were not drawn; infinite where
        such a sample can show nothing.
        """
        if clusters < 2 or 2.0 ** (1 - clusters) > ALPHA or not np.isfinite(self.quantile) or not self.spread.size:
            return float("inf")
        critical = stats.t.isf(stats.norm.sf(self.quantile), clusters - 1)
        steps = float(critical + stats.t.ppf(POWER, clusters - 1)) / np.sqrt(clusters)
        least = np.maximum(steps * self.spread, unseen_reach(np.array(clusters), self.deviations * clusters))
        least = least[~np.isnan(least)]
        return float(np.median(least)) if least.size else float("inf")

    def clusters_for(self, difference: float) -> int | None:
        """Return the number of clusters that show a difference with a power of 80 %, None if millions do not."""
        if self.least_difference(MOST_CLUSTERS) > difference:
            return None
        low, high = 1, MOST_CLUSTERS
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (low, middle) if self.least_difference(middle) <= difference else (middle, high)
        return high
