"""Labels without people: photos compared with their own degraded copies.

This is self-supervision for a first try on any machine, and it is said so wherever its results are:
a model that learns from it learns to see these damages, not what people prefer.
"""

import hashlib
import logging
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

import torch
from jaxtyping import Float, Shaped
from lightning import LightningDataModule
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from iqbench import photos
from iqbench.errors import UsageError
from iqbench.interfaces import SHA_DIGITS, Labels, Pairs, Photo, PhotoFile, Preference, Variant, Votes

log = logging.getLogger(__name__)

Prepare = Callable[[Photo], Shaped[Tensor, "..."]]


class DegradedPhotos(LightningDataModule):
    """Training and validation examples made from photos without labels.

    Whole photos are held out for validation, by their content: no photo, nor a copy of it under
    another name, is on both sides. As pairs, a photo is better than each of its variants, and a
    milder level better than the next harsher one; as votes, the mean falls with the severity.

    Args:
        files: The photos.
        variants: The suite to degrade them by.
        prepare: The model's own preprocessing.
        labels: Which kind of label the model learns from.
        validation_share: Share of the photos held out, at least one.
        batch_size: Examples that are learned from together.
        workers: Processes that prepare examples.
        seed: Which photos are held out.
        votes: Made-up votes: the mean of ``original`` photos and of the ``harshest`` level, and the
            ``spread`` (standard deviation) of the ten ratings around it.

    Raises:
        UsageError: If there are fewer than two readable photos.
    """

    def __init__(
        self,
        files: Sequence[PhotoFile],
        variants: Sequence[Variant],
        prepare: Prepare,
        labels: Labels,
        validation_share: float,
        batch_size: int,
        workers: int,
        seed: int,
        votes: dict[str, float],
    ) -> None:
        super().__init__()
        if not 0 < validation_share < 1:
            raise UsageError(f"self_supervision.validation_share={validation_share}: must be between 0 and 1")
        self.variants = variants
        self.prepare_photo = prepare
        self.labels = labels
        self.batch_size = batch_size
        self.workers = workers
        self.votes = votes
        by_content = _readable(files)
        if len(by_content) < 2:
            raise UsageError(f"data: {len(by_content)} readable photos; training needs one, validation another")
        ranked = sorted(by_content, key=lambda sha: hashlib.sha256(f"{seed}:{sha}".encode()).digest())
        held_out = min(max(1, round(validation_share * len(ranked))), len(ranked) - 1)
        self.validation_files = [by_content[sha] for sha in sorted(ranked[:held_out])]
        self.training_files = [by_content[sha] for sha in sorted(ranked[held_out:])]
        self.trained_on = {
            "what": f"a demo, self-supervised on degraded copies of {len(ranked)} photos without any human label",
            "photos": sorted(sha[:SHA_DIGITS] for sha in ranked),
        }

    def train_dataloader(self) -> DataLoader[Any]:
        """Return shuffled examples of the training photos, flipped and ordered at random."""
        return DataLoader(
            self._examples(self.training_files, random=True),
            batch_size=self.batch_size,
            shuffle=True,
            num_workers=self.workers,
            persistent_workers=self.workers > 0,
        )

    def val_dataloader(self) -> DataLoader[Any]:
        """Return the examples of the validation photos, the same every time."""
        dataset = self._examples(self.validation_files, random=False)
        return DataLoader(
            dataset, batch_size=self.batch_size, num_workers=self.workers, persistent_workers=self.workers > 0
        )

    def _examples(self, files: Sequence[PhotoFile], random: bool) -> Dataset[Any]:
        if self.labels == "pairs":
            return DegradedPairs(files, self.variants, self.prepare_photo, random)
        return DegradedVotes(files, self.variants, self.prepare_photo, random, self.votes)


class DegradedPairs(Dataset[Pairs]):
    """A photo against each variant, and each level against the next harsher one.

    The better picture stands first in half of the pairs, so that a constant answer is right in half
    of them: by a coin where ``random``, else in turn.
    """

    def __init__(self, files: Sequence[PhotoFile], variants: Sequence[Variant], prepare: Prepare, random: bool) -> None:
        self.files, self.prepare, self.random = files, prepare, random
        steps = [(a, b) for a, b in pairwise(variants) if a.ladder == b.ladder]
        self.contests: list[tuple[Variant | None, Variant]] = [(None, variant) for variant in variants] + list(steps)

    def __len__(self) -> int:
        return len(self.files) * len(self.contests)

    def __getitem__(self, index: int) -> Pairs:
        file, (milder, harsher) = self.files[index // len(self.contests)], self.contests[index % len(self.contests)]
        pixels = photos.read(file.path).pixels
        better = self.prepare(milder.apply(pixels) if milder else pixels)
        worse = self.prepare(harsher.apply(pixels))
        if self.random and _coin():
            better, worse = better.flip(-1), worse.flip(-1)
        better_first = _coin() if self.random else index % 2 == 0
        if better_first:
            return Pairs(better, worse, torch.tensor(Preference.FIRST.value))
        return Pairs(worse, better, torch.tensor(Preference.SECOND.value))


class DegradedVotes(Dataset[Votes]):
    """Each photo and each variant with made-up votes, the photo once for every ladder."""

    def __init__(
        self,
        files: Sequence[PhotoFile],
        variants: Sequence[Variant],
        prepare: Prepare,
        random: bool,
        votes: dict[str, float],
    ) -> None:
        self.files, self.prepare, self.random = files, prepare, random
        harshest = {variant.ladder: variant.severity for variant in variants}
        fall = votes["original"] - votes["harshest"]
        self.pictures: list[tuple[Variant | None, Tensor]] = [
            (None, vote_histogram(votes["original"], votes["spread"])) for _ in harshest
        ] + [
            (v, vote_histogram(votes["original"] - fall * v.severity / harshest[v.ladder], votes["spread"]))
            for v in variants
        ]

    def __len__(self) -> int:
        return len(self.files) * len(self.pictures)

    def __getitem__(self, index: int) -> Votes:
        file, (variant, histogram) = self.files[index // len(self.pictures)], self.pictures[index % len(self.pictures)]
        pixels = photos.read(file.path).pixels
        picture = self.prepare(variant.apply(pixels) if variant else pixels)
        return Votes(picture.flip(-1) if self.random and _coin() else picture, histogram)


def vote_histogram(mean: float, spread: float) -> Float[Tensor, "10"]:
    """Return shares of the ratings 1 to 10, normally distributed around ``mean``.

    Example:
        >>> vote_histogram(5.5, 1.4).argmax().item() + 1 in (5, 6)
        True
    """
    ratings = torch.arange(1, 11, dtype=torch.float32)
    weight = torch.exp(-(((ratings - mean) / spread) ** 2) / 2)
    return weight / weight.sum()


def _coin() -> bool:
    return bool(torch.rand(()) < 0.5)


def _readable(files: Sequence[PhotoFile]) -> dict[str, PhotoFile]:
    """Return one file for each content, and log what cannot be read."""
    by_content: dict[str, PhotoFile] = {}
    for file in files:
        try:
            by_content.setdefault(photos.read(file.path).sha256, file)
        except photos.PhotoError as error:
            log.warning("%s: left out of training: %s", file.name, error)
    return by_content
