"""Where preferences contradict each other: the same two photos with either as the winner, or winners in a circle."""

from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Int
from scipy.sparse import coo_array, csr_array

from iqbench.labels import PairTable

MOST_PATHS = 20_000_000
"""Circles are counted where at most so many paths of two pairs have to be followed: about a second."""

_EQUAL = 1e-9
"""Preferences that cancel out but for rounding leave no winner."""


class Circles(NamedTuple):
    """How many threes of photos, all of them compared inside one series, have winners that go round in a circle."""

    circular: int
    decided: int
    """Threes with a winner in each of their three pairs. Of coin tosses a quarter would be circular."""
    example: tuple[int, int, int] | None
    """Places of photos of which the first beats the second, that one the third, and that one the first."""


def repeated(table: PairTable) -> Int[np.ndarray, "k 2"]:
    """Return the photos of each pair that is listed more than once with the same winner, lower place first.

    Example:
        >>> first, second, preference = np.array([0, 1, 0]), np.array([1, 0, 2]), np.array([0.9, 0.2, 1.0])
        >>> table = PairTable((), first, second, preference, np.ones(3), np.zeros(3, int))
        >>> repeated(table).tolist()
        [[0, 1]]
    """
    verdicts, counts = np.unique(_verdicts(table), return_counts=True)
    return _photos(np.unique(verdicts[counts > 1] // 3), table)


def contradicted(table: PairTable) -> Int[np.ndarray, "k 2"]:
    """Return the photos of each pair of which either is somewhere listed as the winner, lower place first.

    Example:
        >>> first, second, preference = np.array([0, 1, 0]), np.array([1, 0, 2]), np.array([0.9, 0.8, 1.0])
        >>> table = PairTable((), first, second, preference, np.ones(3), np.zeros(3, int))
        >>> contradicted(table).tolist()
        [[0, 1]]
    """
    verdicts = np.unique(_verdicts(table))
    of_lower, of_higher = (verdicts[verdicts % 3 == winner] // 3 for winner in (2, 0))
    return _photos(np.intersect1d(of_lower, of_higher), table)


def circles(table: PairTable) -> Circles | None:
    """Return how often winners go round in a circle, counted exactly; None if that would take too long.

    A photo beats another if the preferences of all rows about the two, taken together, say so.

    Example:
        >>> first, second, series = np.array([0, 1, 2]), np.array([1, 2, 0]), np.zeros(3, int)
        >>> circles(PairTable((), first, second, np.ones(3), np.ones(3), series))
        Circles(circular=1, decided=1, example=(0, 1, 2))
    """
    count = _places(table)
    number = np.unique(table.series, return_inverse=True)[1].reshape(-1)
    # a photo that is in two series is another one in each
    places, nodes = np.unique(
        np.concatenate([number * count + table.first, number * count + table.second]), return_inverse=True
    )
    one, other = np.split(nodes.reshape(-1), 2)
    beats = _beats(one, other, table.weight * (table.preference - 0.5), len(places))
    compared = beats + beats.T
    if int((compared.sum(axis=0).astype(np.int64) ** 2).sum()) > MOST_PATHS:
        return None
    closed = (beats @ beats).multiply(beats.T)
    decided = int((compared @ compared).multiply(compared).sum()) // 6
    circular = int(closed.sum()) // 3
    if not circular:
        return Circles(0, decided, None)
    first, second, third = (places[_circle(beats, closed)] % count).tolist()
    return Circles(circular, decided, (first, second, third))


def _verdicts(table: PairTable) -> Int[np.ndarray, "n"]:
    """Return a number for each row: a third of it is the pair; 0, 1, 2 remain if the lower place loses, ties, wins."""
    low, high = np.minimum(table.first, table.second), np.maximum(table.first, table.second)
    lead = np.sign(table.preference - 0.5).astype(np.int64)
    verdicts: np.ndarray[Any, Any] = 3 * (low * _places(table) + high) + 1 + np.where(table.first == low, lead, -lead)
    return verdicts


def _photos(pairs: Int[np.ndarray, "k"], table: PairTable) -> Int[np.ndarray, "k 2"]:
    return np.stack(np.divmod(pairs, _places(table)), axis=1)


def _places(table: PairTable) -> int:
    return max(1, *(int(side.max(initial=0)) + 1 for side in (table.first, table.second)))


def _beats(one: Int[np.ndarray, "n"], other: Int[np.ndarray, "n"], lead: np.ndarray[Any, Any], count: int) -> Any:
    """Return a sparse matrix that is 1 where the row's photo beats the column's."""
    leads = csr_array(coo_array((lead, (one, other)), shape=(count, count)))
    beats = csr_array((leads - leads.T) > _EQUAL)
    return beats.astype(np.int64)


def _circle(beats: Any, closed: Any) -> list[int]:
    """Return the first circle: of its three starts the one with the lowest number."""
    ends = coo_array(closed)
    start = int(ends.row.min())
    last = int(ends.col[ends.row == start].min())
    middle = np.intersect1d(beats[[start]].nonzero()[1], beats.T.tocsr()[[last]].nonzero()[1])
    return [start, int(middle[0]), last]
