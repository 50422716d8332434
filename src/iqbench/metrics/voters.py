"""Agreement among people: the yardstick and the ceiling of a judge.

A voter is compared with *another* voter. Compared with the majority of all votes, a voter is compared with
itself in part: with three votes, 80 % where a fourth voter would agree with that majority in 63 %.
"""

from collections.abc import Iterator

import numpy as np
from jaxtyping import Float, Int, Num

RATING_COUNT = 10


def voters_agree(first: Num[np.ndarray, "n"], votes: Num[np.ndarray, "n"]) -> Float[np.ndarray, "n"]:
    """Return the probability that two different voters of a pair agree; NaN for a pair with fewer than two votes.

    Args:
        first: The number of votes for the first photo.
        votes: The number of votes.

    Example:
        >>> voters_agree(np.array([2, 3, 1]), np.array([3, 3, 1])).round(3).tolist()
        [0.333, 1.0, nan]
    """
    second = votes - first
    both = first * (first - 1) + second * (second - 1)
    return _ratio(both, votes * (votes - 1))


def strangers_agree(preference: Float[np.ndarray, "n"]) -> Float[np.ndarray, "n"]:
    """Return the probability that two voters of many agree, from the share of voters who prefer the first photo.

    Example:
        >>> strangers_agree(np.array([0.5, 0.9, 1.0])).round(3).tolist()
        [0.5, 0.82, 1.0]
    """
    probability: Float[np.ndarray, n] = preference**2 + (1 - preference) ** 2
    return probability


def orders_agree(first: Int[np.ndarray, "n 10"], second: Int[np.ndarray, "n 10"]) -> Float[np.ndarray, "n"]:
    """Return the probability that two different voters order two photos alike, from the counts of their ratings.

    Each voter gives a vote to both photos; no vote is used twice. An order with equal votes counts half. NaN
    where a photo has fewer than two votes.

    Example:
        >>> votes = np.zeros((2, 10), dtype=int)
        >>> votes[0, 6:8] = 1  # 7 and 8
        >>> votes[1, [6, 8]] = 1  # 7 and 9
        >>> orders_agree(votes[:1], votes[1:]).tolist()  # (7, 7) and (8, 9): half; (7, 9) and (8, 7): opposite
        [0.25]
    """
    sign = np.sign(np.arange(RATING_COUNT)[:, None] - np.arange(RATING_COUNT))
    first, second = first.astype(np.float64), second.astype(np.float64)
    lead, loss = second @ sign.T, first @ sign  # of each rating over all votes for the other photo
    total, decided = (first * lead).sum(axis=1), first.sum(axis=1) * second.sum(axis=1) - (first * second).sum(axis=1)
    shared = (first * lead**2).sum(axis=1) + (second * loss**2).sum(axis=1) - decided  # products with a vote in common
    ways = np.prod([count * (count - 1) for count in (first.sum(axis=1), second.sum(axis=1))], axis=0)
    return 0.5 + 0.5 * _ratio(total**2 - shared, ways)


def halves(
    counts: Int[np.ndarray, "n 10"], splits: int, seed: int
) -> Iterator[tuple[Float[np.ndarray, "n"], Float[np.ndarray, "n"]]]:
    """Yield the mean votes of two random halves of the voters of each photo, for each split.

    Votes are drawn without replacement. Every photo needs at least two votes.

    Example:
        >>> counts = np.array([[0, 0, 1, 0, 0, 0, 1, 0, 0, 0]])
        >>> sorted({(a.item(), b.item()) for a, b in halves(counts, 20, seed=0)})
        [(3.0, 7.0), (7.0, 3.0)]
    """
    generator, ratings = np.random.default_rng(seed), np.arange(1, RATING_COUNT + 1)
    totals = counts.sum(axis=1)
    for _ in range(splits):
        drawn, left, wanted = np.zeros_like(counts), totals.copy(), totals // 2
        for rating in range(RATING_COUNT):
            left -= counts[:, rating]
            drawn[:, rating] = generator.hypergeometric(counts[:, rating], left, wanted)
            wanted -= drawn[:, rating]
        yield drawn @ ratings / (totals // 2), (counts - drawn) @ ratings / (totals - totals // 2)


def spearman_brown(correlation: Float[np.ndarray, "n"]) -> Float[np.ndarray, "n"]:
    """Return the correlation of two whole panels of voters from that of two half ones.

    Example:
        >>> spearman_brown(np.array([0.5, 1.0])).round(3).tolist()
        [0.667, 1.0]
    """
    return _ratio(2 * correlation, 1 + correlation)


def _ratio(part: Num[np.ndarray, "n"], whole: Num[np.ndarray, "n"]) -> Float[np.ndarray, "n"]:
    """Return the quotient, NaN where the denominator is 0 or less."""
    quotient = np.full(len(whole), np.nan)
    np.divide(part, whole, out=quotient, where=whole > 0)
    return quotient
