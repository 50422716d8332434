"""Metrics for the ranking of photos within a series, the photos of one scene.

The photos are ranked by the number of pairs won minus the number of pairs lost (Copeland). Ties are
broken by the sum of margins for the model, and by the sum of preference - 1/2 for people.

All functions take one row per pair: ``first`` and ``second`` are the numbers of the photos, ``margin``
is the model's log-odds that the first is better, and ``preference`` people's probability.
"""

from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int

from iqbench.metrics.votes import krcc

DIGITS = 9
"""Digits of a sum, relative to the series' total, that count. Smaller differences come from the order of summation."""


@dataclass(frozen=True, eq=False)
class Standings:
    """The standing of each photo in its series, one row per photo, sorted by the numbers of series and photo.

    A higher standing is better, and equal ones are tied. Standings are comparable within a series only.
    """

    series: Int[np.ndarray, "s"]
    """The number of each series."""
    starts: Int[np.ndarray, "s"]
    """The first row of each series."""
    model: Int[np.ndarray, "m"]
    people: Int[np.ndarray, "m"]


class SeriesMean(NamedTuple):
    """A mean over series, the number of series in it, and the number of series without a value."""

    value: float | None
    series: int
    undefined: int


def top_1(
    first: Int[np.ndarray, "n"],
    second: Int[np.ndarray, "n"],
    margin: Float[np.ndarray, "n"],
    preference: Float[np.ndarray, "n"],
    series: Int[np.ndarray, "n"],
) -> float | None:
    """Return the share of series in which the model's best photo is one of people's best.

    Example:
        >>> first, second, series = np.array([0, 0, 1]), np.array([1, 2, 2]), np.zeros(3, dtype=int)
        >>> top_1(first, second, np.array([1.0, 3.0, 1.0]), np.array([0.8, 0.9, 0.4]), series)
        1.0
    """
    hits = tops(standings(first, second, margin, preference, series))
    return float(hits.mean()) if len(hits) else None


def kendall_in_series(
    first: Int[np.ndarray, "n"],
    second: Int[np.ndarray, "n"],
    margin: Float[np.ndarray, "n"],
    preference: Float[np.ndarray, "n"],
    series: Int[np.ndarray, "n"],
) -> SeriesMean:
    """Return the mean over series of Kendall's tau-b between the model's ranking and people's.

    Example:
        >>> first, second, series = np.array([0, 2, 4]), np.array([1, 3, 5]), np.array([7, 8, 9])
        >>> kendall_in_series(first, second, np.array([1.0, 2.0, 0.0]), np.array([0.8, 0.3, 0.9]), series)
        SeriesMean(value=0.0, series=2, undefined=1)
    """
    correlations = taus(standings(first, second, margin, preference, series))
    defined = correlations[~np.isnan(correlations)]
    mean = float(defined.mean()) if len(defined) else None
    return SeriesMean(mean, len(defined), len(correlations) - len(defined))


def standings(
    first: Int[np.ndarray, "n"],
    second: Int[np.ndarray, "n"],
    margin: Float[np.ndarray, "n"],
    preference: Float[np.ndarray, "n"],
    series: Int[np.ndarray, "n"],
) -> Standings:
    """Return the standing of each photo in its series.

    Raises:
        ValueError: If a margin is NaN or infinite, because a ranking needs all pairs of a series.
    """
    if not np.isfinite(margin).all():
        raise ValueError("the ranking of a series needs finite margins")
    entries = np.stack([np.concatenate([series, series]), np.concatenate([first, second])])
    photos, positions = np.unique(entries, axis=1, return_inverse=True)
    numbers, starts = np.unique(photos[0], return_index=True)
    firsts, seconds = np.split(positions.reshape(-1), 2)
    model = _standing(photos[0], firsts, seconds, margin)
    people = _standing(photos[0], firsts, seconds, preference - 0.5)
    return Standings(numbers, starts, model, people)


def tops(table: Standings) -> Float[np.ndarray, "s"]:
    """Return for each series the probability that a random one of the model's best photos is one of people's best."""
    best = _best(table.model, table.starts)
    both = best & _best(table.people, table.starts)
    hits: Float[np.ndarray, s] = np.add.reduceat(both, table.starts, dtype=float)
    return hits / np.add.reduceat(best, table.starts, dtype=float)


def blind_tops(table: Standings) -> Float[np.ndarray, "s"]:
    """Return for each series the probability that a random one of all its photos is one of people's best."""
    return tops(Standings(table.series, table.starts, np.zeros_like(table.people), table.people))


def taus(table: Standings) -> Float[np.ndarray, "s"]:
    """Return each series' tau-b; NaN if all photos are tied for the model or for people."""
    ends = np.append(table.starts, len(table.model))
    correlations = (krcc(table.model[a:b], table.people[a:b]) for a, b in pairwise(ends.tolist()))
    return np.array([np.nan if tau is None else tau for tau in correlations], dtype=float)


def _best(standing: Int[np.ndarray, "m"], starts: Int[np.ndarray, "s"]) -> Bool[np.ndarray, "m"]:
    sizes = np.diff(np.append(starts, len(standing)))
    best: Bool[np.ndarray, m] = standing == np.repeat(np.maximum.reduceat(standing, starts), sizes)
    return best


def _standing(
    series: Int[np.ndarray, "m"],
    first: Int[np.ndarray, "n"],
    second: Int[np.ndarray, "n"],
    lead: Float[np.ndarray, "n"],
) -> Int[np.ndarray, "m"]:
    """Return whole numbers that order the photos by wins minus losses, then by the sum of their leads."""
    count = len(series)
    wins = np.bincount(first, np.sign(lead), count) - np.bincount(second, np.sign(lead), count)
    sums = np.bincount(first, lead, count) - np.bincount(second, lead, count)
    number = np.unique(series, return_inverse=True)[1].reshape(-1)
    scale = np.bincount(number[first], np.abs(lead), number.max(initial=-1) + 1)[number]
    share = np.round(np.divide(sums, scale, out=np.zeros(count), where=scale > 0), DIGITS)
    return np.unique(np.stack([wins, share]), axis=1, return_inverse=True)[1].reshape(-1)
