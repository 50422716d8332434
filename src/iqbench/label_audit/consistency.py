"""Label consistency: repeated pairs, contradicted pairs, and intransitive triads."""

from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Int
from scipy.sparse import coo_array, csr_array

from iqbench.labels import PairTable

MAX_PATHS = 20_000_000
"""Paths of two pairs up to which triads are counted: about a second."""

_EQUAL = 1e-9
"""A lead of at most this size is a rounding error and leaves no winner."""


class Triads(NamedTuple):
    """Triads: three photos of one series, each two of them compared.

    A triad is intransitive if A beats B, B beats C and C beats A. Of coin tosses a quarter would be.
    """

    intransitive: int
    decided: int
    """Triads with a winner in each of their three pairs."""
    example: tuple[int, int, int] | None
    """Three photos of which the first beats the second, the second the third, and the third the first."""


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
    """Return the photos of each pair that is listed with either photo as the winner, lower place first.

    Example:
        >>> first, second, preference = np.array([0, 1, 0]), np.array([1, 0, 2]), np.array([0.9, 0.8, 1.0])
        >>> table = PairTable((), first, second, preference, np.ones(3), np.zeros(3, int))
        >>> contradicted(table).tolist()
        [[0, 1]]
    """
    verdicts = np.unique(_verdicts(table))
    of_lower, of_higher = (verdicts[verdicts % 3 == winner] // 3 for winner in (2, 0))
    return _photos(np.intersect1d(of_lower, of_higher), table)


def triads(table: PairTable) -> Triads | None:
    """Return the number of intransitive triads, counted exactly; None if that would take too long.

    All rows about two photos together decide which one beats the other.

    Example:
        >>> first, second, series = np.array([0, 1, 2]), np.array([1, 2, 0]), np.zeros(3, int)
        >>> triads(PairTable((), first, second, np.ones(3), np.ones(3), series))
        Triads(intransitive=1, decided=1, example=(0, 1, 2))
    """
    count = _places(table)
    series = np.unique(table.series, return_inverse=True)[1].reshape(-1)
    # a photo that is in two series counts as another photo in each
    places, nodes = np.unique(
        np.concatenate([series * count + table.first, series * count + table.second]), return_inverse=True
    )
    first, second = np.split(nodes.reshape(-1), 2)
    beats = _beats(first, second, table.weight * (table.preference - 0.5), len(places))
    compared = beats + beats.T
    if int((compared.sum(axis=0).astype(np.int64) ** 2).sum()) > MAX_PATHS:
        return None
    closed = (beats @ beats).multiply(beats.T)
    decided = int((compared @ compared).multiply(compared).sum()) // 6
    intransitive = int(closed.sum()) // 3
    if not intransitive:
        return Triads(0, decided, None)
    a, b, c = (places[_first_triad(beats, closed)] % count).tolist()
    return Triads(intransitive, decided, (a, b, c))


def _verdicts(table: PairTable) -> Int[np.ndarray, "n"]:
    """Return a number per row: 3 times the pair, plus 0, 1 or 2 if the lower place loses, ties or wins."""
    low, high = np.minimum(table.first, table.second), np.maximum(table.first, table.second)
    lead = np.sign(table.preference - 0.5).astype(np.int64)
    verdicts: np.ndarray[Any, Any] = 3 * (low * _places(table) + high) + 1 + np.where(table.first == low, lead, -lead)
    return verdicts


def _photos(pairs: Int[np.ndarray, "k"], table: PairTable) -> Int[np.ndarray, "k 2"]:
    return np.stack(np.divmod(pairs, _places(table)), axis=1)


def _places(table: PairTable) -> int:
    return max(1, *(int(side.max(initial=0)) + 1 for side in (table.first, table.second)))


def _beats(first: Int[np.ndarray, "n"], second: Int[np.ndarray, "n"], lead: np.ndarray[Any, Any], count: int) -> Any:
    """Return a sparse matrix that is 1 where the photo of the row beats that of the column."""
    leads = csr_array(coo_array((lead, (first, second)), shape=(count, count)))
    beats = csr_array((leads - leads.T) > _EQUAL)
    return beats.astype(np.int64)


def _first_triad(beats: Any, closed: Any) -> list[int]:
    """Return the intransitive triad with the lowest number, starting there."""
    ends = coo_array(closed)
    start = int(ends.row.min())
    last = int(ends.col[ends.row == start].min())
    middle = np.intersect1d(beats[[start]].nonzero()[1], beats.T.tocsr()[[last]].nonzero()[1])
    return [start, int(middle[0]), last]
