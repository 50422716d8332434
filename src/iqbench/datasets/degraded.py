"""Self-supervision: training examples from photos and their own degraded copies, without human labels.

The checkpoint says so: a model trained this way judges damage, not people's preferences.
"""

import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from pathlib import Path
from typing import Any, cast

import numpy as np
import pandas as pd
import torch
from jaxtyping import Bool, Float
from lightning import LightningDataModule
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from iqbench.datasets.contents import SplitContents, digest_of
from iqbench.datasets.decode_check import DecodeResult, decode_all
from iqbench.datasets.examples import Examples, Learner, Preprocess
from iqbench.datasets.kept_features import FeatureLearner, KeptFeatures, PictureSets
from iqbench.datasets.originals import Original, originals
from iqbench.datasets.sampler import SeededRow
from iqbench.degradations.drawn import Damaged, Kind, all_levels, drawn_variants
from iqbench.degradations.ladder import planned_pairs
from iqbench.errors import UsageError, did_you_mean
from iqbench.hash_sampling import hash_order
from iqbench.interfaces import (
    SHA_DIGITS,
    Labels,
    NotApplicable,
    Pairs,
    Photo,
    PhotoContext,
    PhotoFile,
    Preference,
    Split,
    Votes,
)
from iqbench.progress import track
from iqbench.tensor_cache import TensorCache
from iqbench.training_provenance import training_step
from iqbench.version import iqbench_version

log = logging.getLogger(__name__)

PICTURE_BYTES = 64 * 2**20
"""Memory limit for prepared pictures, of each loader process: 440 pictures of 224 x 224 pixels."""


@dataclass(frozen=True)
class Draw:
    """How many pictures to draw; see `iqbench.degradations.drawn` and `iqbench.datasets.originals`.

    Args:
        parts: Random parts of each photo, made smaller, which are originals too.
        enlarged: Other parts, made larger.
        ladders: Ladders of damage for each original, at random.
        levels: Levels of each ladder, at random severities.
        mixed: Mixtures of several kinds of damage for each original.

    Raises:
        UsageError: If a number is too low.
    """

    parts: int
    enlarged: int
    ladders: int
    levels: int
    mixed: int

    def __post_init__(self) -> None:
        for name, least in (("parts", 0), ("enlarged", 0), ("ladders", 1), ("levels", 1), ("mixed", 0)):
            value = getattr(self, name)
            if not isinstance(value, int) or value < least:
                raise UsageError(f"self_supervision.draw.{name}={value}: must be a whole number, at least {least}")


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


class DegradedPhotos(LightningDataModule):
    """Training and validation examples from photos without labels.

    Whole photos are held out for validation, by their content: no photo, nor a copy of it under another name, nor a
    part of it, is on both sides. As pairs, an original is better than each of its degraded copies, and a milder level
    better than the next harsher one. As votes, the mean falls with the severity.

    Args:
        files: The photos.
        kinds: The types of damage.
        learner: The model to train: on votes if it has a loss for them, else on pairs.
        examples: Batch size, workers, ``features``, ``overfit`` and seed; the settings for human labels are ignored.
        validation_share: Share of the photos to hold out, at least one photo.
        seed: Seed of the held-out photos, and of what is drawn.
        votes: Synthetic votes: the mean of ``original`` photos and of the ``harshest`` level, and the
            ``spread`` (standard deviation) of the ten ratings around it.
        draw: The arguments of `Draw`. None: each whole photo with all levels of the kinds.
        hidden: Types of damage to validate with and not to train on: what the model makes of damage that nobody
            taught it.

    Raises:
        UsageError: If there are fewer than two readable photos, or a setting is out of range.
    """

    def __init__(
        self,
        files: Sequence[PhotoFile],
        kinds: Sequence[Kind],
        learner: Learner,
        examples: Examples,
        validation_share: float,
        seed: int,
        votes: dict[str, float],
        draw: Mapping[str, int] | None = None,
        hidden: Sequence[str] = (),
    ) -> None:
        super().__init__()
        if not 0 < validation_share < 1:
            raise UsageError(f"self_supervision.validation_share={validation_share}: must be between 0 and 1")
        for name, low, high in (("original", 1, 10), ("harshest", 1, 10), ("spread", 0.1, 10)):
            if not low <= votes[name] <= high:
                raise UsageError(f"self_supervision.votes.{name}={votes[name]}: must be from {low} to {high}")
        _check_hidden(hidden, [kind.type for kind in kinds])
        self.kinds, self.learner, self.examples, self.votes = kinds, learner, examples, votes
        self.draw, self.hidden, self.seed = _draw(draw), frozenset(hidden), seed
        by_content, facts = _readable(files)
        if len(by_content) < 2:
            raise UsageError(f"data: {len(by_content)} readable photos; training needs one, validation another")
        hashes = list(by_content)
        ranked = [hashes[position] for position in hash_order(hashes, seed)]
        held_out = min(max(1, round(validation_share * len(ranked))), len(ranked) - 1)
        shas: dict[Split, list[str]] = {"train": sorted(ranked[held_out:]), "val": sorted(ranked[:held_out])}
        self.training_files, self.validation_files = ([by_content[sha] for sha in part] for part in shas.values())
        self._copies: dict[Split, list[Copies]] = {
            split: self._drawn([by_content[sha] for sha in part], part, facts) for split, part in shas.items()
        }
        self.contents: Mapping[Split, SplitContents] = {
            split: SplitContents(
                frozenset(sha[:SHA_DIGITS] for sha in part), len(self._dataset(split)), self._label_digest(split)
            )
            for split, part in shas.items()
        }
        """The contents of the photos to train and to validate with."""
        what = f"self-supervised on degraded copies of {len(ranked)} photos without any human label"
        taught = sorted({kind.type for kind in kinds} - self.hidden)
        looks = {sha: fact.look for sha, fact in facts.items()}
        self.trained_on = training_step(what, self.labels, looks.items(), taught)

    def _drawn(
        self, files: Sequence[PhotoFile], shas: Sequence[str], facts: Mapping[str, DecodeResult]
    ) -> list[Copies]:
        """Return the originals that come from some photos, with their degraded copies."""
        if self.draw is None:
            every = [damaged for kind in self.kinds for damaged in all_levels(kind)]
            return [Copies(Original(file, sha), every) for file, sha in zip(files, shas, strict=True)]
        sides = [(facts[sha].width or 0, facts[sha].height or 0) for sha in shas]
        numbers = (self.draw.ladders, self.draw.levels, self.draw.mixed)
        return [
            Copies(original, drawn_variants(self.kinds, *numbers, generator=original.generator(self.seed, purpose=1)))
            for original in originals(files, shas, sides, self.draw.parts, self.draw.enlarged, self.seed)
        ]

    def _label_digest(self, split: Split) -> str:
        rows = [
            f"{copies.original.key} {damaged.variant.key} {damaged.variant.ladder} {damaged.variant.amount}"
            for copies in self._copies[split]
            for damaged in copies.damaged
        ]
        return digest_of([self.labels, str(sorted(self.votes.items())), str(sorted(self.hidden)), *rows])

    @property
    def labels(self) -> Labels:
        """The kind of the synthetic labels."""
        if self.examples.labels != "auto":
            return self.examples.labels
        return "votes" if "votes" in self.learner.losses else "pairs"

    def train_dataloader(self) -> DataLoader[Any]:
        """Return the examples of the training photos, shuffled, and mirrored and swapped at random."""
        return self.examples.training(self._dataset("train", self._features("train")), None, self.trainer)

    def val_dataloader(self) -> DataLoader[Any]:
        """Return the examples of the validation photos, the same every time."""
        split: Split = "val" if self.examples.overfit is None else "train"
        return self.examples.validation(self._dataset(split, self._features(split)), self.trainer)

    @cached_property
    def validation_examples(self) -> "DegradedPairs | DegradedVotes":
        """The validation examples, with their pictures. The ``row`` of an example in a batch is its index here."""
        return self._dataset("val" if self.examples.overfit is None else "train")

    @cached_property
    def validation_names(self) -> pd.DataFrame:
        """The names of the photos and variants of each validation example."""
        return pd.DataFrame(self.validation_examples.names())

    @cached_property
    def validation_groups(self) -> Mapping[str, Bool[np.ndarray, "n"]]:
        """A mask of the validation examples with hidden damage, if there is any; they get metrics of their own."""
        if not self.hidden:
            return {}
        return {"hidden": np.array([bool(types & self.hidden) for types in self.validation_examples.types()])}

    def _dataset(self, split: Split, features: Sequence[Tensor] | None = None) -> "DegradedPairs | DegradedVotes":
        pictures = _Pictures(self._copies[split], self._files(split), self.learner.preprocessing, features)
        hidden: frozenset[str] = self.hidden if split == "train" else frozenset()
        if self.labels == "pairs":
            return DegradedPairs(pictures, hidden, self.examples.overfit)
        return DegradedVotes(pictures, hidden, self.votes, self.examples.overfit)

    def _files(self, split: Split) -> Sequence[PhotoFile]:
        return self.training_files if split == "train" else self.validation_files

    def _features(self, split: Split) -> list[Tensor] | None:
        """Return the kept features of each original and its copies; None if pictures are encoded in every epoch."""
        if self.examples.features is None:
            return None
        made_with = json.dumps(
            [iqbench_version(), *(kind.settings for kind in self.kinds)], sort_keys=True, default=str
        )
        kept = KeptFeatures(Path(self.examples.features), cast(FeatureLearner, self.learner), made_with)
        copies = self._copies[split]
        keys = [" ".join([each.original.key, *(damaged.variant.key for damaged in each.damaged)]) for each in copies]
        pictures = _Pictures(copies, self._files(split), self.learner.preprocessing)
        return kept.of(keys, PictureSets(len(copies), pictures.all_of), self.examples.workers, self.trainer)


class _Pictures:
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


class DegradedPairs(Dataset[Pairs]):
    """Pairs of an original and each copy, and of each level and the next harsher one.

    The better picture stands first in half of the pairs, so a constant answer is right in half of
    them: at random in training, in turn in validation.

    Args:
        pictures: The pictures.
        hidden: Types of damage of which there are no examples.
        limit: Number of examples, None for all.
    """

    def __init__(self, pictures: _Pictures, hidden: frozenset[str] = frozenset(), limit: int | None = None) -> None:
        self.pictures = pictures
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
        weight = torch.tensor(1.0)
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
    """

    def __init__(
        self, pictures: _Pictures, hidden: frozenset[str], votes: dict[str, float], limit: int | None = None
    ) -> None:
        self.pictures, self.votes = pictures, votes
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
        return Votes(picture, self.histogram(strength), torch.tensor(1.0), torch.tensor(row))

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


def _draw(settings: Mapping[str, int] | None) -> Draw | None:
    names = [field.name for field in fields(Draw)]
    if settings is not None and sorted(settings) != sorted(names):
        raise UsageError(f"self_supervision.draw: needs {', '.join(names)}, and nothing else; or null")
    return None if settings is None else Draw(**settings)


def _check_hidden(hidden: Sequence[str], types: Sequence[str]) -> None:
    for name in hidden:
        if name not in types:
            raise UsageError(
                f"self_supervision.hidden: {name} is not among the types of degradation=.{did_you_mean(name, types)}"
            )
    if types and set(types) <= set(hidden):
        raise UsageError("self_supervision.hidden: all types of damage are hidden; leave some to train on")


def _readable(files: Sequence[PhotoFile]) -> tuple[dict[str, PhotoFile], dict[str, DecodeResult]]:
    """Return the distinct readable photos and the facts about them by sha256, and log the unreadable photos."""
    results = dict(track(decode_all([file.path for file in files]), "decoding photos", len(files)))
    by_content: dict[str, PhotoFile] = {}
    facts: dict[str, DecodeResult] = {}
    for position, file in enumerate(files):
        sha = results[position].sha256
        if sha is None:
            log.warning("%s: left out of training: %s", file.name, results[position].error)
        else:
            by_content.setdefault(sha, file)
            facts[sha] = results[position]
    return by_content, facts
