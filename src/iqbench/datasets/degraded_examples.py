"""Training examples of originals and their degraded copies: pairs, or pictures with made-up votes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import torch
from jaxtyping import Float
from torch import Tensor
from torch.utils.data import Dataset

from iqbench.datasets.examples import Preprocess
from iqbench.datasets.originals import Original
from iqbench.datasets.sampler import SeededRow
from iqbench.degradations.drawn import Damaged
from iqbench.degradations.ladder import planned_pairs
from iqbench.errors import UsageError
from iqbench.interfaces import NotApplicable, Pairs, Photo, PhotoContext, PhotoFile, Preference, Votes
from iqbench.tensor_cache import TensorCache

PICTURE_BYTES = 64 * 2**20
"""Memory limit for prepared pictures, of each loader process: 440 pictures of 224 x 224 pixels."""


@dataclass(frozen=True)
class Copies:
    """An original and its degraded copies."""

    original: Original
    damaged: Sequence[Damaged]

    @property
    def names(self) -> list[str]:
        """The names of the original and of each copy."""
        return [self.original.name, *(f"{self.original.name} {damaged.variant.key}" for damaged in self.damaged)]

    @property
    def contests(self) -> list[tuple[int, int]]:
        """The better and the worse picture of each pair: 0 is the original, i + 1 the copy i."""
        return planned_pairs([damaged.variant.ladder for damaged in self.damaged])

    def picture(self, number: int, original: Photo, files: Sequence[PhotoFile]) -> Photo:
        """Return a picture of the set: 0 is the original, i + 1 the copy i.

        Raises:
            UsageError: If the damage cannot be made of this photo.
        """
        if number == 0:
            return original
        variant = self.damaged[number - 1].variant
        try:
            return variant.picture(original, PhotoContext(self.original.file, files))
        except NotApplicable as reason:
            raise UsageError(
                f"degradation {variant.key}: cannot be made of {self.original.name} ({reason}); train without it"
            ) from reason


class CopyPictures:
    """The prepared pictures of originals and their degraded copies, or the features of these.

    They do not change, so prepared pictures are kept while memory allows.
    """

    def __init__(
        self,
        copies: Sequence[Copies],
        files: Sequence[PhotoFile],
        prepare: Preprocess,
        features: Sequence[Tensor] | None = None,
    ) -> None:
        self.copies, self.files, self.prepare, self.features = copies, files, prepare, features
        self._cache = TensorCache(PICTURE_BYTES)

    def __call__(self, at: int, number: int) -> Tensor:
        """Return a picture of an original, given by its index: 0 is the original itself, i + 1 the copy i."""
        if self.features is not None:
            return self.features[at][number]

        def prepared() -> Tensor:
            copies = self.copies[at]
            return self.prepare(copies.picture(number, copies.original.pixels(), self.files))

        return self._cache.get((at, number), prepared)

    def mirrored(self, at: int, number: int) -> Tensor:
        """Return the mirror image of a picture; features are those of the picture itself."""
        picture = self(at, number)
        return picture if self.features is not None else picture.flip(-1)

    def all_of(self, at: int) -> list[Tensor]:
        """Return the pictures of an original: itself, then every copy."""
        copies = self.copies[at]
        original = copies.original.pixels()
        numbers = range(len(copies.damaged) + 1)
        return [self.prepare(copies.picture(number, original, self.files)) for number in numbers]


@dataclass(frozen=True)
class ExampleWeights:
    """How much examples count in the loss.

    Args:
        original: Examples with an original.
        types: Examples with a type of damage, alone; those with a mixture have the type ``mixed``.
    """

    original: float = 1.0
    types: Mapping[str, float] = field(default_factory=dict)

    def of(self, damaged: Damaged | None, with_original: bool) -> Float[Tensor, ""]:
        """Return the weight of an example with some damage."""
        of_type = 1.0 if damaged is None else self.types.get(damaged.variant.type, 1.0)
        return torch.tensor(of_type * (self.original if with_original else 1.0))


EQUAL = ExampleWeights()
"""All examples count alike."""


class DegradedPairs(Dataset[Pairs]):
    """Pairs of an original and each copy, and of each level and the next harsher one.

    The better picture stands first in half of the pairs, so a constant answer is right in half of
    them: at random in training, in turn in validation.

    Args:
        pictures: The pictures.
        hidden: Types of damage of which there are no examples.
        limit: Number of examples, None for all.
        weights: How much they count.
    """

    def __init__(
        self,
        pictures: CopyPictures,
        hidden: frozenset[str] = frozenset(),
        limit: int | None = None,
        weights: ExampleWeights = EQUAL,
    ) -> None:
        self.pictures, self.weights = pictures, weights
        every = (
            (at, better, worse)
            for at, copies in enumerate(pictures.copies)
            for better, worse in copies.contests
            if hidden.isdisjoint(copies.damaged[worse - 1].types)
        )
        self.contests: list[tuple[int, int, int]] = list(every)[:limit]
        """The index of the original, and the numbers of the better and the worse picture."""

    def __len__(self) -> int:
        return len(self.contests)

    def __getitem__(self, index: SeededRow | int) -> Pairs:
        row, seed = index if isinstance(index, tuple) else (index, None)
        at, milder, harsher = self.contests[row]
        picture = self.pictures.mirrored if seed is not None and seed // 2 % 2 else self.pictures
        better, worse = picture(at, milder), picture(at, harsher)
        weight = self.weights.of(self.pictures.copies[at].damaged[harsher - 1], with_original=milder == 0)
        if self._better_first(index):
            return Pairs(better, worse, torch.tensor(Preference.FIRST.value), weight, torch.tensor(row))
        return Pairs(worse, better, torch.tensor(Preference.SECOND.value), weight, torch.tensor(row))

    def names(self) -> dict[str, list[str]]:
        """Return the names of each example's first and second picture."""
        names: dict[str, list[str]] = {"first": [], "second": []}
        for row, (at, *contest) in enumerate(self.contests):
            both = [self.pictures.copies[at].names[number] for number in contest]
            for column, name in zip(names.values(), both if self._better_first(row) else both[::-1], strict=True):
                column.append(name)
        return names

    def types(self) -> list[frozenset[str]]:
        """Return the types of damage in each example."""
        return [frozenset(self.pictures.copies[at].damaged[worse - 1].types) for at, _, worse in self.contests]

    @staticmethod
    def _better_first(index: SeededRow | int) -> bool:
        return (index[1] if isinstance(index, tuple) else index) % 2 == 0


class DegradedVotes(Dataset[Votes]):
    """Originals and copies with synthetic votes, each original once per ladder.

    Args:
        pictures: The pictures.
        hidden: Types of damage of which there are no examples.
        votes: See `DegradedPhotos`.
        limit: Number of examples, None for all.
        weights: How much they count.
    """

    def __init__(
        self,
        pictures: CopyPictures,
        hidden: frozenset[str],
        votes: dict[str, float],
        limit: int | None = None,
        weights: ExampleWeights = EQUAL,
    ) -> None:
        self.pictures, self.votes, self.weights = pictures, votes, weights
        voted: list[tuple[int, int, float]] = []
        for at, copies in enumerate(pictures.copies):
            numbered = [
                (number, damaged)
                for number, damaged in enumerate(copies.damaged, start=1)
                if hidden.isdisjoint(damaged.types)
            ]
            voted += [(at, 0, 0.0) for _ in {damaged.variant.ladder for _, damaged in numbered}]
            voted += [(at, number, damaged.strength) for number, damaged in numbered]
        self.voted = voted[:limit]
        """The index of the original, the number of the picture, and the strength of its damage."""

    def __len__(self) -> int:
        return len(self.voted)

    def __getitem__(self, index: SeededRow | int) -> Votes:
        row, seed = index if isinstance(index, tuple) else (index, 0)
        at, number, strength = self.voted[row]
        picture = self.pictures.mirrored(at, number) if seed % 2 else self.pictures(at, number)
        damaged = self.pictures.copies[at].damaged[number - 1] if number else None
        weight = self.weights.of(damaged, with_original=damaged is None)
        return Votes(picture, self.histogram(strength), weight, torch.tensor(row))

    def histogram(self, strength: float) -> Float[Tensor, "10"]:
        """Return the votes for a picture with damage of a strength from 0 to 1."""
        drop = self.votes["original"] - self.votes["harshest"]
        return vote_histogram(self.votes["original"] - drop * strength, self.votes["spread"])

    def names(self) -> dict[str, list[str]]:
        """Return the name of each example's picture."""
        return {"photo": [self.pictures.copies[at].names[number] for at, number, _ in self.voted]}

    def types(self) -> list[frozenset[str]]:
        """Return the types of damage in each example."""
        damaged = [self.pictures.copies[at].damaged[number - 1] if number else None for at, number, _ in self.voted]
        return [frozenset(each.types) if each else frozenset() for each in damaged]


def vote_histogram(mean: float, spread: float) -> Float[Tensor, "10"]:
    """Return the shares of the ratings 1 to 10 for votes that are normally distributed around ``mean``.

    Example:
        >>> vote_histogram(5.5, 1.4).argmax().item() + 1 in (5, 6)
        True
    """
    ratings = torch.arange(1, 11, dtype=torch.float32)
    weight = torch.exp(-(((ratings - mean) / spread) ** 2) / 2)
    return weight / weight.sum()
