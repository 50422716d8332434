"""Pairs that share photos under the pigeonhole bootstrap: a pair counts as often as both of its photos were drawn.

Row 0 of all draws is the observed sample, the others are resamples.

Reference:
    Owen, *The pigeonhole bootstrap*, Annals of Applied Statistics 2007.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from iqbench.statistics.estimate import Array

Integers = NDArray[np.integer[Any]]
Weights = NDArray[np.uint8]

CELLS = 4_000_000
"""Numbers that are computed at once, so that memory stays small."""


def parts(rows: int, width: int) -> list[slice]:
    """Return slices of the rows, each of at most `CELLS` cells, but at least one row."""
    step = max(1, CELLS // max(1, width))
    return [slice(at, at + step) for at in range(0, rows, step)]


def pair_sums(weights: Weights, first: Integers, second: Integers, table: Array) -> Array:
    """Return the sum of each column over pairs, a row per draw. A pair inside a cluster counts as often as this one.

    Args:
        weights: How often each photo or cluster was drawn, a row per draw.
        first: The column in ``weights`` of each pair's first photo.
        second: That of its second photo.
        table: A row per pair.

    Example:
        >>> pair_sums(np.array([[1, 1, 1], [2, 0, 1]], np.uint8), np.array([0, 0]), np.array([1, 2]), np.ones((2, 1)))
        array([[2.],
               [2.]])
    """
    apart, sums = first != second, []
    for part in parts(len(weights), len(table)):
        drawn = weights[part].astype(np.float64)
        sums.append((drawn[:, first] * np.where(apart, drawn[:, second], 1.0)) @ table)
    return np.vstack(sums)


def score_wins(weights: Weights, units: Integers, first: Array, second: Array, tie_margin: float) -> Array:
    """Return how often a first score is above a second one, over all pairs of two rows, a number per draw.

    A difference of at most ``tie_margin`` counts half. The second scores are sorted once, so the pairs need not be
    listed; a row's own pair is one of them.

    Args:
        weights: How often each cluster was drawn, a row per draw.
        units: The column in ``weights`` of each row.
        first: The first score of each row.
        second: The second score of each row.
        tie_margin: The largest difference that is a tie.

    Example:
        >>> once = np.ones((1, 2), np.uint8)
        >>> score_wins(once, np.array([0, 1]), np.array([3.0, 1.0]), np.array([2.0, 1.05]), 0.1)
        array([2.5])
    """
    order = np.argsort(second, kind="stable")
    below, not_above = _places(first, second[order], tie_margin)
    wins = []
    for part in parts(len(weights), len(first)):
        drawn = weights[part].astype(np.float64)[:, units]
        counts = np.cumsum(np.pad(drawn[:, order], ((0, 0), (1, 0))), axis=1)
        wins.append((drawn * (counts[:, below] + counts[:, not_above]) / 2).sum(axis=1))
    return np.concatenate(wins)


def row_wins(first: Array, second: Array, tie_margin: float) -> Array:
    """Return how many second scores each first score is above; a tie counts half.

    Example:
        >>> row_wins(np.array([3.0, 1.0]), np.array([2.0, 1.05]), 0.1)
        array([2. , 0.5])
    """
    below, not_above = _places(first, np.sort(second), tie_margin)
    wins: Array = (below + not_above) / 2
    return wins


def _places(first: Array, ranked: Array, tie_margin: float) -> tuple[Integers, Integers]:
    """Return how many of the sorted second scores lie below each first score, and how many do not lie above it."""
    below = np.searchsorted(ranked, first - tie_margin, "left")
    return below, np.searchsorted(ranked, first + tie_margin, "right")
