"""Agreement inside a series: does the model put the photos of one scene in the order that people do?

A series' photos are ranked by how many of their pairs they win less how many they lose (Copeland), and
where that is equal by how clearly: the sum of margins for the model, of preference - 1/2 for people.

All functions take a row per pair: ``first`` and ``second`` number the photos, ``margin`` is the
log-odds that the first is better as the model sees them, ``preference`` the probability as people do.
"""

from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int

from iqbench.metrics.votes import krcc

CLOSE = 9
"""Sums that differ by less than so many digits of their series' total are equal: they are sums in another order."""


@dataclass(frozen=True, eq=False)
class Standings:
    """Where the photos of each series stand, a row a photo: series after series, in the order of their numbers.

    A higher standing is better, and equal ones are tied; they compare inside a series only.
    """

    series: Int[np.ndarray, "s"]
    """The series' own numbers."""
    starts: Int[np.ndarray, "s"]
    """Each series' first row."""
    model: Int[np.ndarray, "m"]
    people: Int[np.ndarray, "m"]


class SeriesMean(NamedTuple):
    """A mean over series, how many went into it, and how many have no value and were left out."""

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
    """Return the share of series in which the photo that the model ranks first is one that people rank first.

    Example:
        >>> first, second, series = np.array([0, 0, 1]), np.array([1, 2, 2]), np.zeros(3, dtype=int)
        >>> top_1(first, second, np.array([1.0, 3.0, 1.0]), np.array([0.8, 0.9, 0.4]), series)
        1.0
    """
    found = tops(standings(first, second, margin, preference, series))
    return float(found.mean()) if len(found) else None


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
    found = taus(standings(first, second, margin, preference, series))
    known = found[~np.isnan(found)]
    return SeriesMean(float(known.mean()) if len(known) else None, len(known), len(found) - len(known))


def standings(
    first: Int[np.ndarray, "n"],
    second: Int[np.ndarray, "n"],
    margin: Float[np.ndarray, "n"],
    preference: Float[np.ndarray, "n"],
    series: Int[np.ndarray, "n"],
) -> Standings:
    """Return where each photo stands in its series.

    Raises:
        ValueError: If a margin is NaN or infinite: a series is ranked from all of its pairs.
    """
    if not np.isfinite(margin).all():
        raise ValueError("a series is ranked from finite margins")
    entries = np.stack([np.concatenate([series, series]), np.concatenate([first, second])])
    photos, places = np.unique(entries, axis=1, return_inverse=True)
    own, starts = np.unique(photos[0], return_index=True)
    one, other = np.split(places.reshape(-1), 2)
    return Standings(
        own, starts, _standing(photos[0], one, other, margin), _standing(photos[0], one, other, preference - 0.5)
    )


def tops(found: Standings) -> Float[np.ndarray, "s"]:
    """Return for each series the chance that a photo drawn from the model's best is one of people's best."""
    best = _best(found.model, found.starts)
    both = best & _best(found.people, found.starts)
    hit: Float[np.ndarray, s] = np.add.reduceat(both, found.starts, dtype=float)
    return hit / np.add.reduceat(best, found.starts, dtype=float)


def blind_tops(found: Standings) -> Float[np.ndarray, "s"]:
    """Return for each series the chance that a photo drawn from all of it is one of people's best."""
    return tops(Standings(found.series, found.starts, np.zeros_like(found.people), found.people))


def taus(found: Standings) -> Float[np.ndarray, "s"]:
    """Return each series' tau-b, NaN where the model or people have all of its photos tied."""
    ends = np.append(found.starts, len(found.model))
    correlations = (krcc(found.model[a:b], found.people[a:b]) for a, b in pairwise(ends.tolist()))
    return np.array([np.nan if tau is None else tau for tau in correlations], dtype=float)


def _best(standing: Int[np.ndarray, "m"], starts: Int[np.ndarray, "s"]) -> Bool[np.ndarray, "m"]:
    sizes = np.diff(np.append(starts, len(standing)))
    best: Bool[np.ndarray, m] = standing == np.repeat(np.maximum.reduceat(standing, starts), sizes)
    return best


def _standing(
    series: Int[np.ndarray, "m"], one: Int[np.ndarray, "n"], other: Int[np.ndarray, "n"], lead: Float[np.ndarray, "n"]
) -> Int[np.ndarray, "m"]:
    """Return whole numbers that order the photos of a series by wins, then by the sum of their leads."""
    count = len(series)
    wins = np.bincount(one, np.sign(lead), count) - np.bincount(other, np.sign(lead), count)
    sums = np.bincount(one, lead, count) - np.bincount(other, lead, count)
    number = np.unique(series, return_inverse=True)[1].reshape(-1)
    scale = np.bincount(number[one], np.abs(lead), number.max(initial=-1) + 1)[number]
    share = np.round(np.divide(sums, scale, out=np.zeros(count), where=scale > 0), CLOSE)
    return np.unique(np.stack([wins, share]), axis=1, return_inverse=True)[1].reshape(-1)
