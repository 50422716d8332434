"""Sign flips over clusters: the test of a mean of 0, its interval, and what a sample of that size can show."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from scipy import stats

from iqbench.statistics.estimate import ALPHA, Array
from iqbench.statistics.step_down import critical_value, step_down
from iqbench.statistics.unseen import deviation_mass, unseen_reach

EXACT_CLUSTERS = 14
"""Up to this number of clusters all combinations of signs are used."""

FLIPS = 10_000
"""Number of combinations with more clusters, the observed one among them."""

CELLS = 4_000_000
"""Numbers that are computed at once, so that memory stays small."""


@dataclass(frozen=True)
class SignFlips:
    """Combinations of signs of the clusters.

    If a difference is 0, each cluster's difference could as well have the other sign. The statistic of the
    observed signs is compared with that of all combinations, or with a fixed sample of them; two standard errors of
    that sample are added to each p-value. The smallest p-value is 2^(1 - clusters), or 3 in `FLIPS`. Few clusters of
    which a rare one goes strongly the other way make more false claims; the README of the package tells how many.

    Args:
        clusters: Number of clusters.
        seed: Seed of the sample.

    Reference:
        Hemerik, Goeman and Finos, *Robust testing in generalized linear models by sign flipping score
        contributions*, JRSS B 2020; Hartigan, *Using subsample values as typical values*, JASA 1969.
    """

    clusters: int
    seed: int = 0

    @property
    def exact(self) -> bool:
        """True if all combinations are used."""
        return self.clusters <= EXACT_CLUSTERS

    @property
    def count(self) -> int:
        """Number of combinations; two that differ in all signs are one."""
        return int(2 ** max(self.clusters - 1, 0)) if self.exact else FLIPS

    @property
    def smallest_p(self) -> float:
        """The smallest p-value.

        Example:
            >>> SignFlips(8).smallest_p, round(SignFlips(50).smallest_p, 4)
            (0.0078125, 0.0003)
        """
        return float(self._with_allowance(np.array(1 / self.count)))

    @property
    def level(self) -> float:
        """The share of combinations that may exceed a statistic whose p-value is 5 %."""
        if self.exact:
            return ALPHA
        shares = np.arange(self.count) / self.count
        return float(shares[self._with_allowance(shares) <= ALPHA].max())

    def test(self, sums: Array) -> tuple[Array, Array]:
        """Return the p-value of "the mean is 0" of each column, alone and corrected for all columns.

        Args:
            sums: The sum of the differences in each cluster, clusters x columns.

        Example:
            >>> alone, corrected = SignFlips(8).test(np.ones((8, 3)))
            >>> alone.tolist(), corrected.tolist()
            ([0.0078125, 0.0078125, 0.0078125], [0.0078125, 0.0078125, 0.0078125])
        """
        scaled = self._scaled(sums)
        alone, corrected = step_down(np.abs(scaled.sum(axis=0)), lambda: self._null(scaled))
        return self._with_allowance(alone), self._with_allowance(corrected)

    def intervals(self, sums: Array, counts: Array, room: Array | None = None) -> Array:
        """Return the 95 % interval of the mean of each column: the means that `test` alone does not refuse.

        These lie between the means of random halves of the clusters. Each end is moved outwards by what clusters
        could add that were not drawn (`iqbench.statistics.unseen`), but never over 0, so that interval and test agree.

        Args:
            sums: The sum of the differences in each cluster, values from -1 to 1; clusters x columns.
            counts: The number of rows in each cluster.
            room: The amounts by which the low and the high end are moved, a row per column, if they are not those
                of a mean over these clusters.

        Returns:
            A row (low, high) per column; NaN where fewer than two clusters hold a row.
        """
        intervals = np.full((sums.shape[1], 2), np.nan)
        room = _room(sums, counts) if room is None else room
        step = max(1, CELLS // self.count)
        for start in range(0, sums.shape[1], step):
            part = slice(start, start + step)
            intervals[part] = self._intervals(sums[:, part], counts[:, part], room[part])
        return intervals

    def family_intervals(self, sums: Array, counts: Array) -> Array:
        """Return intervals that hold for all columns together in 95 % of samples; see `intervals`.

        The standard error is multiplied by the quantile of the family's largest statistic.
        """
        quantile = self.family_quantile(sums)
        number = counts.sum(axis=0)
        mean = np.divide(sums.sum(axis=0), number, out=np.full(sums.shape[1], np.nan), where=number > 0)
        t = stats.t.isf(stats.norm.sf(quantile), max(self.clusters - 1, 1))
        half, room = t * standard_errors(sums, counts), _room(sums, counts)
        ends = np.stack([mean - half - room[:, 0], mean + half + room[:, 1]], axis=1)
        widest = np.broadcast_to(np.array([-1.0, 1.0]), ends.shape)
        clipped: Array = np.clip(np.where(np.isnan(ends), widest, ends), -1.0, 1.0)
        return clipped

    def family_quantile(self, sums: Array) -> float:
        """Return the two-sided 5 % quantile of the family's largest statistic as one of the normal distribution."""
        scaled = self._scaled(sums)
        if scaled.shape[1] == 0 or self.clusters < 2:
            return float("inf")
        # at most the root of the number of clusters
        root = critical_value(lambda: self._null(scaled), self.level)
        remaining = self.clusters - root**2
        if remaining <= 1e-6:
            return float("inf")
        t = root * np.sqrt((self.clusters - 1) / remaining)
        return float(stats.norm.isf(stats.t.sf(t, self.clusters - 1)))

    def _with_allowance(self, p: Array) -> Array:
        """Return p-values with two standard errors added, where only a sample of the combinations is used."""
        return p if self.exact else np.minimum(1.0, p + 2 * np.sqrt(p * (1 - p) / self.count))

    @staticmethod
    def _scaled(sums: Array) -> Array:
        """Return the columns scaled to length 1: their absolute sum is then a function of Student's t."""
        length = np.sqrt((sums**2).sum(axis=0))
        scaled: Array = np.divide(sums, length, out=np.zeros_like(sums), where=length > 0)
        return scaled

    def _null(self, scaled: Array) -> Iterator[Array]:
        for signs in self._signs(width=scaled.shape[1]):
            yield np.abs(signs @ scaled)

    def _signs(self, width: int) -> Iterator[Array]:
        """Yield all combinations in blocks; the first row of the first block holds the observed signs, all 1."""
        step = max(1, CELLS // max(1, width, self.clusters))
        generator = np.random.default_rng(self.seed)
        for start in range(0, self.count, step):
            numbers = np.arange(start, min(start + step, self.count))
            flipped = np.zeros((len(numbers), self.clusters), dtype=np.float64)
            if self.exact:
                flipped[:] = (numbers[:, None] >> np.arange(self.clusters)) & 1
            else:
                packed = generator.integers(0, 256, (len(numbers), (self.clusters + 7) // 8), dtype=np.uint8)
                flipped[:] = np.unpackbits(packed, axis=1, count=self.clusters)
                flipped[numbers == 0] = 0
            yield 1 - 2 * flipped

    def _intervals(self, sums: Array, counts: Array, room: Array) -> Array:
        total, number = sums.sum(axis=0), counts.sum(axis=0)
        upper, lower = [], []
        for signs in self._signs(width=sums.shape[1]):
            part, rows = (total + signs @ sums) / 2, (number + signs @ counts) / 2
            first = np.divide(part, rows, out=np.full_like(part, np.nan), where=rows > 0)
            second = np.divide(total - part, number - rows, out=np.full_like(part, np.nan), where=number - rows > 0)
            whole = np.isnan(first) | np.isnan(second)
            upper.append(np.where(whole, np.inf, np.fmax(first, second)))
            lower.append(np.where(whole, -np.inf, np.fmin(first, second)))
        skipped = int(self.level * self.count + 1e-6)
        high = np.partition(np.vstack(upper), self.count - 1 - skipped, axis=0)[self.count - 1 - skipped]
        low = np.partition(np.vstack(lower), skipped, axis=0)[skipped]
        enough = (counts > 0).sum(axis=0) >= 2
        wide_low, wide_high = (np.clip(end, -1.0, 1.0) for end in (low - room[:, 0], high + room[:, 1]))
        tiny = np.finfo(np.float64).tiny
        ends = np.stack(
            [
                np.where((low > 0) & (wide_low <= 0), tiny, wide_low),
                np.where((high < 0) & (wide_high >= 0), -tiny, wide_high),
            ],
            axis=1,
        )
        ends[~enough] = np.nan
        return ends


def standard_errors(sums: Array, counts: Array) -> Array:
    """Return the standard error of the mean of each column, from the spread of its clusters; 0 where all are equal.

    Example:
        >>> standard_errors(np.array([[1.0], [0.0], [1.0], [0.0]]), np.ones((4, 1))).round(4).tolist()
        [0.2887]
    """
    clusters, number = (counts > 0).sum(axis=0), counts.sum(axis=0)
    mean = np.divide(sums.sum(axis=0), number, out=np.zeros(sums.shape[1]), where=number > 0)
    squares = ((sums - mean * counts) ** 2).sum(axis=0) * clusters / np.maximum(clusters - 1, 1)
    errors: Array = np.divide(np.sqrt(squares), number, out=np.full(sums.shape[1], np.nan), where=clusters > 1)
    return errors


def _room(sums: Array, counts: Array) -> Array:
    """Return the amounts by which clusters that were not drawn could lower and raise the mean of each column."""
    number = counts.sum(axis=0)
    mean = np.divide(sums.sum(axis=0), number, out=np.full(sums.shape[1], np.nan), where=number > 0)
    reach = unseen_reach((counts > 0).sum(axis=0), deviation_mass(sums, counts))
    return np.stack([reach * (1 + mean), reach * (1 - mean)], axis=1)
