"""What people said about photos, as tables: preferences between two, or votes for one."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from iqbench.interfaces import Labels, PhotoFile

RATINGS = np.arange(1, 11)
"""What the ten columns of votes count."""


@dataclass(frozen=True, eq=False)
class PairTable:
    """Preferences between two photos, a row a pair.

    ``first`` and ``second`` are positions in ``photos``. ``preference`` is the probability that the
    first is better, as in `iqbench.interfaces.Preference`; exactly 0.5 is a pair without a winner.
    ``series`` numbers the groups within which photos were compared: a split never divides one, and
    intervals resample them.
    """

    photos: tuple[PhotoFile, ...]
    first: Int[np.ndarray, "n"]
    second: Int[np.ndarray, "n"]
    preference: Float[np.ndarray, "n"]
    weight: Float[np.ndarray, "n"]
    series: Int[np.ndarray, "n"]

    kind: ClassVar[Labels] = "pairs"

    def __len__(self) -> int:
        return len(self.first)

    def where(self, keep: Bool[np.ndarray, "n"]) -> "PairTable":
        """Return those rows, with only the photos that they speak of, in their old order."""
        first, second = self.first[keep], self.second[keep]
        used, places = np.unique(np.concatenate([first, second]), return_inverse=True)
        return PairTable(
            tuple(self.photos[at] for at in used),
            places[: len(first)],
            places[len(first) :],
            self.preference[keep],
            self.weight[keep],
            self.series[keep],
        )

    def without(self, names: Collection[str]) -> "PairTable":
        """Return the rows that speak of none of those photos."""
        unwanted = _named(self.photos, names)
        return self.where(~(unwanted[self.first] | unwanted[self.second]))


@dataclass(frozen=True, eq=False)
class VoteTable:
    """Votes for single photos, a row a photo: how many gave it 1, 2, ... 10. No row is without votes."""

    photos: tuple[PhotoFile, ...]
    counts: Int[np.ndarray, "n 10"]

    kind: ClassVar[Labels] = "votes"

    def __len__(self) -> int:
        return len(self.photos)

    @property
    def shares(self) -> Float[np.ndarray, "n 10"]:
        """The share of each rating in a photo's votes."""
        shares: np.ndarray[Any, Any] = self.counts / self.counts.sum(axis=1, keepdims=True)
        return shares

    @property
    def means(self) -> Float[np.ndarray, "n"]:
        """Each photo's mean vote, from 1 to 10."""
        means: np.ndarray[Any, Any] = self.shares @ RATINGS
        return means

    def where(self, keep: Bool[np.ndarray, "n"]) -> "VoteTable":
        """Return those rows."""
        kept = np.flatnonzero(keep)
        return VoteTable(tuple(self.photos[at] for at in kept), self.counts[kept])

    def without(self, names: Collection[str]) -> "VoteTable":
        """Return the rows of other photos than those."""
        return self.where(~_named(self.photos, names))


LabelTable = PairTable | VoteTable


def joined(tables: Sequence[LabelTable]) -> LabelTable:
    """Return the rows of several tables of one kind, one after the other; a series' number means the same in all.

    Example:
        >>> from pathlib import Path
        >>> photos = tuple(PhotoFile(f"./{name}.jpg", Path(f"{name}.jpg")) for name in "abcd")
        >>> rows = np.array([[0], [1]]), np.array([0.9]), np.ones(1), np.array([7])
        >>> one, other = (PairTable(some, *rows[0], *rows[1:]) for some in (photos[:2], photos[2:]))
        >>> both = joined([one, other])
        >>> both.first.tolist(), both.second.tolist(), both.photos == photos
        ([0, 2], [1, 3], True)
    """
    photos = tuple(photo for table in tables for photo in table.photos)
    votes = [table.counts for table in tables if isinstance(table, VoteTable)]
    if votes:
        return VoteTable(photos, np.concatenate(votes))
    pairs = [table for table in tables if isinstance(table, PairTable)]
    starts = np.cumsum([0, *(len(table.photos) for table in pairs[:-1])])
    return PairTable(
        photos,
        np.concatenate([table.first + start for table, start in zip(pairs, starts, strict=True)]),
        np.concatenate([table.second + start for table, start in zip(pairs, starts, strict=True)]),
        np.concatenate([table.preference for table in pairs]),
        np.concatenate([table.weight for table in pairs]),
        np.concatenate([table.series for table in pairs]),
    )


def pairs_from_votes(votes: VoteTable, pairs_per_photo: int, min_difference: float, seed: int) -> PairTable:
    """Return pairs of photos whose mean votes differ, each photo against others drawn at random.

    The preference is the chance that a vote for the first is higher than a vote for the second, a
    draw counting half. Each pair stands in one order or the other by the same lots, so a constant
    answer is right in about half of them. Every photo is a series of its own here: series divide
    nothing, since the votes were given to photos.

    Args:
        votes: The photos and their votes.
        pairs_per_photo: Partners drawn for each photo.
        min_difference: Pairs whose means differ by less are left out.
        seed: Which partners.

    Example:
        >>> from pathlib import Path
        >>> photos = tuple(PhotoFile(name, Path(name)) for name in ("./good.jpg", "./bad.jpg"))
        >>> counts = np.zeros((2, 10), dtype=int)
        >>> counts[0, 8], counts[1, 2] = 5, 5
        >>> pairs = pairs_from_votes(VoteTable(photos, counts), 1, 0.5, seed=0)
        >>> all((pairs.first == 0) == (pairs.preference == 1.0))
        True
    """
    generator, count = np.random.default_rng(seed), len(votes)
    if count < 2:
        return PairTable((), *(np.empty(0, int),) * 2, *(np.empty(0),) * 2, np.empty(0, int))
    one = np.repeat(np.arange(count), pairs_per_photo)
    other = (one + generator.integers(1, count, size=len(one))) % count
    swap = generator.random(len(one)) < 0.5
    first, second = np.where(swap, other, one), np.where(swap, one, other)
    _, distinct = np.unique(np.stack([np.minimum(one, other), np.maximum(one, other)]), axis=1, return_index=True)
    far = np.abs(votes.means[first] - votes.means[second]) >= min_difference
    chosen = np.zeros(len(one), dtype=bool)
    chosen[distinct] = True
    chosen &= far
    shares, ones = votes.shares, np.ones(int(chosen.sum()))
    preference = chance_of_higher_vote(shares[first[chosen]], shares[second[chosen]])
    table = PairTable(votes.photos, first[chosen], second[chosen], preference, ones, first[chosen])
    return table.where(np.ones(len(table), dtype=bool))


def chance_of_higher_vote(
    first: Float[np.ndarray, "n 10"], second: Float[np.ndarray, "n 10"]
) -> Float[np.ndarray, "n"]:
    """Return the chance that a vote drawn from ``first`` is higher than one from ``second``, a draw counting half.

    Example:
        >>> chance_of_higher_vote(np.eye(10)[[4, 4]], np.eye(10)[[3, 4]]).tolist()
        [1.0, 0.5]
    """
    below = np.cumsum(second, axis=1) - second / 2
    chance: np.ndarray[Any, Any] = (first * below).sum(axis=1)
    return chance


def mean_vote(votes: Float[Tensor, "n bins"]) -> Float[Tensor, "n"]:
    """Return the mean of each distribution over ratings 1, 2, ...

    Example:
        >>> mean_vote(torch.eye(10)[:1]).item()
        1.0
    """
    ratings = torch.arange(1, votes.shape[1] + 1, dtype=votes.dtype, device=votes.device)
    return votes @ ratings


def _named(photos: Collection[PhotoFile], names: Collection[str]) -> Bool[np.ndarray, "n"]:
    wanted = set(names)
    return np.array([photo.name in wanted for photo in photos], dtype=bool)
