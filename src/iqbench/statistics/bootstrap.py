"""Resampling of photos: intervals, p-values, and their correction for the number of comparisons."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

ALPHA = 0.05
"""Intervals hold ``1 - ALPHA``; a difference is shown when its Holm-corrected p is below ``ALPHA``."""

NO_PAIR = "no pair judged"
ONE_PHOTO = "an interval needs at least two photos"

Array = NDArray[np.float64]


class Bootstrap:
    """Resamples of the photos, drawn once and shared by all models.

    Row 0 of everything it returns is the sample as it was observed; the other rows are resamples.

    Args:
        photos: The names of the photos, in an order that does not depend on the rows.
        seed: Seed of the only random numbers in this module.
        resamples: Number of times that the photos are drawn anew, with replacement.
    """

    def __init__(self, photos: Sequence[str], seed: int, resamples: int) -> None:
        generator, count = np.random.default_rng(seed), len(photos)
        self.index = pd.Index(photos)
        self.weights = np.ones((resamples + 1, count), dtype=np.uint8)  # small: 255,000 photos must fit
        for draw in self.weights[1:] if count else ():
            draw[:] = np.bincount(generator.integers(count, size=count), minlength=count)

    def totals(self, photos: "pd.Series[str]", columns: NDArray[np.integer[Any]], values: Array, width: int) -> Array:
        """Return the sum of ``values`` per column (one of ``width``), a row per resample."""
        cells = self.index.get_indexer(pd.Index(photos)) * width + columns
        table = np.bincount(cells, weights=values, minlength=len(self.index) * width).reshape(len(self.index), width)
        step = max(1, 10_000_000 // max(1, len(self.index)))
        return np.vstack([self.weights[at : at + step] @ table for at in range(0, len(self.weights), step)])


def interval(draws: Array) -> list[float]:
    """Return the 95 % percentile interval of the resamples, which are all of ``draws`` but the first.

    Example:
        >>> interval(np.array([0.5, 0.0, 0.25, 0.5, 0.75, 1.0]))
        [0.025, 0.975]
    """
    low, high = np.nanpercentile(draws[1:], [50 * ALPHA, 100 - 50 * ALPHA])
    return [float(low), float(high)]


def two_sided_p(draws: Array, photos: int) -> float:
    """Return the p-value of "no difference" from resampled differences.

    Twice the share of resamples on the rarer side of 0, where one more is counted on each side so that p
    is never 0 (Davison & Hinkley 1997, 4.2). Resamples of few photos are too narrow, so p is widened as the
    expanded percentile interval is (Hesterberg 2015, 3.4). It is at least 2^(1 - photos), the least that a
    sign test can say about so few photos: resamples of three that agree never cross 0, however many are drawn.

    Example:
        >>> round(two_sided_p(np.array([0.1, 0.1, 0.2, -0.1, 0.2]), photos=50), 3)
        0.803
        >>> two_sided_p(np.full(2001, 0.1), photos=3)
        0.25
    """
    drawn = draws[1:][~np.isnan(draws[1:])]
    rarer = min(int((drawn <= 0).sum()), int((drawn >= 0).sum()))
    p = min(1.0, 2.0 * (rarer + 1) / (len(drawn) + 1))
    widened = 2 * stats.t.cdf(stats.norm.ppf(p / 2) * np.sqrt((photos - 1) / photos), df=photos - 1)
    return float(max(widened, 2.0 ** (1 - photos)))


def holm(p_values: Sequence[float]) -> list[float]:
    """Return p-values corrected for their number, in the order given (Holm 1979).

    Example:
        >>> holm([0.01, 0.04, 0.03])
        [0.03, 0.06, 0.06]
    """
    count, corrected, highest = len(p_values), [0.0] * len(p_values), 0.0
    for rank, at in enumerate(np.argsort(p_values, kind="stable")):
        highest = max(highest, min(1.0, (count - rank) * p_values[at]))
        corrected[at] = highest
    return corrected


def ratio(sums: Array, counts: Array) -> Array:
    """Return the ratio of each sum to its count, NaN where there is none."""
    quotient = np.full(sums.shape, np.nan)
    np.divide(sums, counts, out=quotient, where=counts > 0)
    return quotient


def mean_draws(photos: "pd.Series[str]", values: Array, boot: Bootstrap) -> Array:
    """Return the mean of one value per row, in the sample and in its resamples of photos."""
    codes = np.zeros(len(values), dtype=np.intp)
    sums, counts = (boot.totals(photos, codes, column, 1)[:, 0] for column in (values, np.ones(len(values))))
    return ratio(sums, counts)


def mean_estimate(key: str, photos: "pd.Series[str]", values: Array, boot: Bootstrap, undefined: str) -> dict[str, Any]:
    """Return that mean under ``key`` with its interval, as plain JSON values, and a reason for each that is None."""
    draws = mean_draws(photos, values, boot)
    found = known(key, float(draws[0]), undefined)
    count = photos.nunique()
    if count < 2:
        return found | {"interval": None, "interval_reason": ONE_PHOTO if count else undefined}
    return found | {"interval": interval(draws)}


def known(key: str, value: float | None, reason: str) -> dict[str, Any]:
    """Return ``value`` under ``key``, or nothing known and why."""
    return {key: value} if value is not None and np.isfinite(value) else {key: None, f"{key}_reason": reason}
