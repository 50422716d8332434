"""Label tables: people's preferences between two photos, their votes for single photos, or mean opinions of these."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from iqbench.errors import UsageError
from iqbench.interfaces import Labels, PhotoFile

RATINGS = np.arange(1, 11)
"""The ratings that the ten columns of votes count."""


@dataclass(frozen=True, eq=False)
class PairTable:
    """Preferences between two photos, one row per pair.

    ``first`` and ``second`` are positions in ``photos``. ``preference`` is the probability that the
    first is better, as in `iqbench.interfaces.Preference`; exactly 0.5 is a pair without a winner.
    ``series`` numbers the groups within which photos were compared. A split never divides a series,
    and the bootstrap resamples whole series.
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
        """Return the rows of a mask, with only the photos they use, in the same order."""
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
        """Return the rows that use none of the named photos."""
        excluded = _is_named(self.photos, names)
        return self.where(~(excluded[self.first] | excluded[self.second]))


@dataclass(frozen=True, eq=False)
class VoteTable:
    """Votes for single photos, one row per photo: the counts of the ratings 1 to 10. Every row has votes."""

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
        """Return the rows of a mask."""
        kept = np.flatnonzero(keep)
        return VoteTable(tuple(self.photos[at] for at in kept), self.counts[kept])

    def without(self, names: Collection[str]) -> "VoteTable":
        """Return the rows of all but the named photos."""
        return self.where(~_is_named(self.photos, names))


@dataclass(frozen=True, eq=False)
class ScoreTable:
    """Mean opinions of single photos, one row per photo, on the scale of their set; higher is better.

    ``sd`` is the standard deviation of the opinions about a photo, on the scale of ``means``; NaN where it is unknown.
    """

    photos: tuple[PhotoFile, ...]
    means: Float[np.ndarray, "n"]
    sd: Float[np.ndarray, "n"]

    kind: ClassVar[Literal["scores"]] = "scores"

    def __len__(self) -> int:
        return len(self.photos)

    def where(self, keep: Bool[np.ndarray, "n"]) -> "ScoreTable":
        """Return the rows of a mask."""
        kept = np.flatnonzero(keep)
        return ScoreTable(tuple(self.photos[at] for at in kept), self.means[kept], self.sd[kept])

    def without(self, names: Collection[str]) -> "ScoreTable":
        """Return the rows of all but the named photos."""
        return self.where(~_is_named(self.photos, names))


TrainingLabels = PairTable | VoteTable
LabelTable = TrainingLabels | ScoreTable


def for_training(table: LabelTable) -> TrainingLabels:
    """Return the labels if a model can learn from them.

    Raises:
        UsageError: If they are mean opinions.
    """
    if isinstance(table, ScoreTable):
        raise UsageError(
            "no loss of iqbench learns from mean opinions; evaluate models on this set, and train on data=phototriage, "
            "data=pairs or data=ava"
        )
    return table


def concatenate(tables: Sequence[LabelTable]) -> LabelTable:
    """Return the rows of several tables of one kind, one after the other. They must share the numbers of series.

    Example:
        >>> from pathlib import Path
        >>> photos = tuple(PhotoFile(f"./{name}.jpg", Path(f"{name}.jpg")) for name in "abcd")
        >>> columns = np.array([0]), np.array([1]), np.array([0.9]), np.ones(1), np.array([7])
        >>> both = concatenate([PairTable(photos[:2], *columns), PairTable(photos[2:], *columns)])
        >>> both.first.tolist(), both.second.tolist(), both.photos == photos
        ([0, 2], [1, 3], True)
    """
    photos = tuple(photo for table in tables for photo in table.photos)
    votes = [table.counts for table in tables if isinstance(table, VoteTable)]
    if votes:
        return VoteTable(photos, np.concatenate(votes))
    scores = [table for table in tables if isinstance(table, ScoreTable)]
    if scores:
        columns = [np.concatenate([getattr(table, name) for table in scores]) for name in ("means", "sd")]
        return ScoreTable(photos, *columns)
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
    """Return pairs of photos whose mean votes differ, each photo with randomly drawn partners.

    The preference is the probability that a vote for the first is higher than a vote for the second;
    equal votes count half. The order within a pair is random, so a constant answer is right in about
    half of them. Each photo is its own series, because the votes were given to single photos.

    Args:
        votes: The photos and their votes.
        pairs_per_photo: Number of partners drawn for each photo.
        min_difference: Minimum difference of the two mean votes.
        seed: Seed of the partners and of the order within pairs.

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
    photo = np.repeat(np.arange(count), pairs_per_photo)
    partner = (photo + generator.integers(1, count, size=len(photo))) % count
    swap = generator.random(len(photo)) < 0.5
    first, second = np.where(swap, partner, photo), np.where(swap, photo, partner)
    ordered = np.stack([np.minimum(photo, partner), np.maximum(photo, partner)])
    _, distinct = np.unique(ordered, axis=1, return_index=True)
    chosen = np.zeros(len(photo), dtype=bool)
    chosen[distinct] = True
    chosen &= np.abs(votes.means[first] - votes.means[second]) >= min_difference
    shares, ones = votes.shares, np.ones(int(chosen.sum()))
    preference = probability_of_higher_vote(shares[first[chosen]], shares[second[chosen]])
    table = PairTable(votes.photos, first[chosen], second[chosen], preference, ones, first[chosen])
    return table.where(np.ones(len(table), dtype=bool))


def probability_of_higher_vote(
    first: Float[np.ndarray, "n 10"], second: Float[np.ndarray, "n 10"]
) -> Float[np.ndarray, "n"]:
    """Return the probability that a vote from ``first`` is higher than one from ``second``; equal votes count half.

    Example:
        >>> probability_of_higher_vote(np.eye(10)[[4, 4]], np.eye(10)[[3, 4]]).tolist()
        [1.0, 0.5]
    """
    below = np.cumsum(second, axis=1) - second / 2
    probability: np.ndarray[Any, Any] = (first * below).sum(axis=1)
    return probability


def mean_vote(votes: Float[Tensor, "n bins"]) -> Float[Tensor, "n"]:
    """Return the mean of each distribution over ratings 1, 2, ...

    Example:
        >>> mean_vote(torch.eye(10)[:1]).item()
        1.0
    """
    ratings = torch.arange(1, votes.shape[1] + 1, dtype=votes.dtype, device=votes.device)
    return votes @ ratings


def _is_named(photos: Collection[PhotoFile], names: Collection[str]) -> Bool[np.ndarray, "n"]:
    distinct = set(names)
    return np.array([photo.name in distinct for photo in photos], dtype=bool)
