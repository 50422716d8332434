"""Self-supervision: training examples from photos and their own degraded copies, without human labels.

This is for a first try on any machine, and the checkpoint says so: a model trained this way sees
these degradations, not people's preferences.
"""

import logging
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

import pandas as pd
import torch
from jaxtyping import Float
from lightning import LightningDataModule
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from iqbench.datasets.contents import SplitContents, digest_of
from iqbench.datasets.decode_check import decode_all
from iqbench.datasets.examples import Examples, Learner, Preprocess, read_pixels
from iqbench.datasets.sampler import SeededRow
from iqbench.degradations.ladder import planned_pairs
from iqbench.errors import UsageError
from iqbench.hash_sampling import hash_order
from iqbench.interfaces import (
    SHA_DIGITS,
    Labels,
    NotApplicable,
    Pairs,
    PhotoContext,
    PhotoFile,
    Preference,
    Split,
    Variant,
    Votes,
)
from iqbench.progress import track
from iqbench.tensor_cache import TensorCache
from iqbench.training_provenance import training_step

log = logging.getLogger(__name__)

PICTURE_BYTES = 64 * 2**20
"""Memory limit for prepared pictures, of each loader process: 440 pictures of 224 x 224 pixels."""


class DegradedPhotos(LightningDataModule):
    """Training and validation examples from photos without labels.

    Whole photos are held out for validation, by their content: no photo, nor a copy of it under
    another name, is on both sides. As pairs, a photo is better than each of its variants, and a
    milder level better than the next harsher one. As votes, the mean falls with the severity.

    Args:
        files: The photos.
        variants: The degradation suite.
        learner: The model to train: on votes if it has a loss for them, else on pairs.
        examples: Batch size, workers, ``overfit`` and seed; the settings for human labels are ignored.
        validation_share: Share of the photos to hold out, at least one photo.
        seed: Seed of the held-out photos.
        votes: Synthetic votes: the mean of ``original`` photos and of the ``harshest`` level, and the
            ``spread`` (standard deviation) of the ten ratings around it.

    Raises:
        UsageError: If there are fewer than two readable photos, or a setting is out of range.
    """

    def __init__(
        self,
        files: Sequence[PhotoFile],
        variants: Sequence[Variant],
        learner: Learner,
        examples: Examples,
        validation_share: float,
        seed: int,
        votes: dict[str, float],
    ) -> None:
        super().__init__()
        if not 0 < validation_share < 1:
            raise UsageError(f"self_supervision.validation_share={validation_share}: must be between 0 and 1")
        for name, low, high in (("original", 1, 10), ("harshest", 1, 10), ("spread", 0.1, 10)):
            if not low <= votes[name] <= high:
                raise UsageError(f"self_supervision.votes.{name}={votes[name]}: must be from {low} to {high}")
        self.variants = variants
        self.learner = learner
        self.examples = examples
        self.votes = votes
        by_content, looks = _readable(files)
        if len(by_content) < 2:
            raise UsageError(f"data: {len(by_content)} readable photos; training needs one, validation another")
        hashes = list(by_content)
        ranked = [hashes[position] for position in hash_order(hashes, seed)]
        held_out = min(max(1, round(validation_share * len(ranked))), len(ranked) - 1)
        shas: dict[Split, list[str]] = {"train": sorted(ranked[held_out:]), "val": sorted(ranked[:held_out])}
        self.training_files, self.validation_files = ([by_content[sha] for sha in part] for part in shas.values())
        self.contents: Mapping[Split, SplitContents] = {
            split: SplitContents(
                frozenset(sha[:SHA_DIGITS] for sha in part), len(self._dataset(files)), self._label_digest()
            )
            for (split, part), files in zip(shas.items(), (self.training_files, self.validation_files), strict=True)
        }
        """The contents of the photos to train and to validate with."""
        what = f"a demo, self-supervised on degraded copies of {len(ranked)} photos without any human label"
        self.trained_on = training_step(what, self.labels, looks.items())

    def _label_digest(self) -> str:
        levels = [f"{variant.key} {variant.ladder} {variant.amount}" for variant in self.variants]
        return digest_of([self.labels, str(sorted(self.votes.items())), *levels])

    @property
    def labels(self) -> Labels:
        """The kind of the synthetic labels."""
        if self.examples.labels != "auto":
            return self.examples.labels
        return "votes" if "votes" in self.learner.losses else "pairs"

    def train_dataloader(self) -> DataLoader[Any]:
        """Return the examples of the training photos, shuffled, and mirrored and swapped at random."""
        return self.examples.training(self._dataset(self.training_files), None, self.trainer)

    def val_dataloader(self) -> DataLoader[Any]:
        """Return the examples of the validation photos, the same every time."""
        return self.examples.validation(self.validation_examples, self.trainer)

    @cached_property
    def validation_examples(self) -> "DegradedPairs | DegradedVotes":
        """The validation examples. The ``row`` of an example in a batch is its index here."""
        return self._dataset(self.validation_files if self.examples.overfit is None else self.training_files)

    @property
    def validation_names(self) -> pd.DataFrame:
        """The names of the photos and variants of each validation example."""
        return pd.DataFrame(self.validation_examples.names())

    def _dataset(self, files: Sequence[PhotoFile]) -> "DegradedPairs | DegradedVotes":
        limit, prepare = self.examples.overfit, self.learner.preprocessing
        if self.labels == "pairs":
            return DegradedPairs(files, self.variants, prepare, limit)
        return DegradedVotes(files, self.variants, prepare, self.votes, limit)


class _Pictures:
    """The prepared pictures of photos and their variants. They do not change, so they are kept while memory allows."""

    def __init__(self, files: Sequence[PhotoFile], prepare: Preprocess) -> None:
        self.files, self.prepare = files, prepare
        self._cache = TensorCache(PICTURE_BYTES)

    def __call__(self, photo: int, variant: Variant | None) -> Tensor:
        """Return the picture of a variant of a photo, given by its index; of the photo itself for None."""

        def prepared() -> Tensor:
            pixels = read_pixels(self.files[photo])
            if variant is None:
                return self.prepare(pixels)
            try:
                picture = variant.picture(pixels, PhotoContext(self.files[photo], self.files))
            except NotApplicable as reason:
                raise UsageError(
                    f"degradation {variant.key}: cannot be made of {self.files[photo].name} ({reason}); "
                    "train without it"
                ) from reason
            return self.prepare(picture)

        return self._cache.get((photo, variant and variant.key), prepared)


class DegradedPairs(Dataset[Pairs]):
    """Pairs of a photo and each variant, and of each level and the next harsher one.

    The better picture stands first in half of the pairs, so a constant answer is right in half of
    them: at random in training, in turn in validation.
    """

    def __init__(
        self, files: Sequence[PhotoFile], variants: Sequence[Variant], prepare: Preprocess, limit: int | None = None
    ) -> None:
        self.limit = limit
        self.files, self.pictures = files, _Pictures(files, prepare)
        self.contests: list[tuple[Variant | None, Variant]] = [
            (variants[milder - 1] if milder else None, variants[harsher - 1])
            for milder, harsher in planned_pairs([variant.ladder for variant in variants])
        ]

    def __len__(self) -> int:
        return len(range(len(self.files) * len(self.contests))[: self.limit])

    def __getitem__(self, index: SeededRow | int) -> Pairs:
        row, seed = index if isinstance(index, tuple) else (index, None)
        milder, harsher = self.contests[row % len(self.contests)]
        better, worse = (self.pictures(row // len(self.contests), variant) for variant in (milder, harsher))
        if seed is not None and seed // 2 % 2:
            better, worse = better.flip(-1), worse.flip(-1)
        weight = torch.tensor(1.0)
        if self._better_first(index):
            return Pairs(better, worse, torch.tensor(Preference.FIRST.value), weight, torch.tensor(row))
        return Pairs(worse, better, torch.tensor(Preference.SECOND.value), weight, torch.tensor(row))

    def names(self) -> dict[str, list[str]]:
        """Return the names of each example's first and second picture."""
        names: dict[str, list[str]] = {"first": [], "second": []}
        for row in range(len(self)):
            file, contest = self.files[row // len(self.contests)], self.contests[row % len(self.contests)]
            both = [_name(file, variant) for variant in contest]
            for column, name in zip(names.values(), both if self._better_first(row) else both[::-1], strict=True):
                column.append(name)
        return names

    @staticmethod
    def _better_first(index: SeededRow | int) -> bool:
        return (index[1] if isinstance(index, tuple) else index) % 2 == 0


class DegradedVotes(Dataset[Votes]):
    """Photos and variants with synthetic votes, each photo once per ladder."""

    def __init__(
        self,
        files: Sequence[PhotoFile],
        variants: Sequence[Variant],
        prepare: Preprocess,
        votes: dict[str, float],
        limit: int | None = None,
    ) -> None:
        self.limit = limit
        self.files, self.pictures = files, _Pictures(files, prepare)
        harshest = {variant.ladder: variant.severity for variant in variants}
        drop = votes["original"] - votes["harshest"]
        self.voted: list[tuple[Variant | None, Tensor]] = [
            (None, vote_histogram(votes["original"], votes["spread"])) for _ in harshest
        ] + [
            (v, vote_histogram(votes["original"] - drop * v.severity / harshest[v.ladder], votes["spread"]))
            for v in variants
        ]

    def __len__(self) -> int:
        return len(range(len(self.files) * len(self.voted))[: self.limit])

    def __getitem__(self, index: SeededRow | int) -> Votes:
        row, seed = index if isinstance(index, tuple) else (index, 0)
        variant, histogram = self.voted[row % len(self.voted)]
        picture = self.pictures(row // len(self.voted), variant)
        picture = picture.flip(-1) if seed % 2 else picture
        return Votes(picture, histogram, torch.tensor(1.0), torch.tensor(row))

    def names(self) -> dict[str, list[str]]:
        """Return the name of each example's picture."""
        names = [_name(file, variant) for file in self.files for variant, _ in self.voted]
        return {"photo": names[: self.limit]}


def vote_histogram(mean: float, spread: float) -> Float[Tensor, "10"]:
    """Return the shares of the ratings 1 to 10 for votes that are normally distributed around ``mean``.

    Example:
        >>> vote_histogram(5.5, 1.4).argmax().item() + 1 in (5, 6)
        True
    """
    ratings = torch.arange(1, 11, dtype=torch.float32)
    weight = torch.exp(-(((ratings - mean) / spread) ** 2) / 2)
    return weight / weight.sum()


def _name(file: PhotoFile, variant: Variant | None) -> str:
    return f"{file.name} {variant.key}" if variant else file.name


def _readable(files: Sequence[PhotoFile]) -> tuple[dict[str, PhotoFile], dict[str, str | None]]:
    """Return the distinct readable photos and their perceptual hashes by sha256, and log the unreadable photos."""
    results = dict(track(decode_all([file.path for file in files]), "decoding photos", len(files)))
    by_content: dict[str, PhotoFile] = {}
    looks: dict[str, str | None] = {}
    for position, file in enumerate(files):
        sha = results[position].sha256
        if sha is None:
            log.warning("%s: left out of training: %s", file.name, results[position].error)
        else:
            by_content.setdefault(sha, file)
            looks[sha] = results[position].look
    return by_content, looks
