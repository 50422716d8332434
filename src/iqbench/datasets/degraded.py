"""Labels without people: photos compared with their own degraded copies.

This is self-supervision for a first try on any machine, and it is said so wherever its results are:
a model that learns from it learns to see these damages, not what people prefer.
"""

import logging
from collections.abc import Callable, Sequence
from functools import cached_property
from itertools import pairwise
from typing import Any

import pandas as pd
import torch
from jaxtyping import Float, Shaped
from lightning import LightningDataModule
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from iqbench.datasets.decode_check import inspect
from iqbench.datasets.examples import Examples, Learner, pixels_of
from iqbench.datasets.sampler import Draw
from iqbench.errors import UsageError
from iqbench.hash_sampling import hash_order
from iqbench.interfaces import SHA_DIGITS, Labels, Pairs, Photo, PhotoFile, Preference, Variant, Votes
from iqbench.progress import track

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
        learner: The model that learns: from votes if it can, else from pairs.
        examples: Batches, workers, and what is drawn by lot; what is said there of people's labels has no use here.
        validation_share: Share of the photos held out, at least one.
        seed: Which photos are held out.
        votes: Made-up votes: the mean of ``original`` photos and of the ``harshest`` level, and the
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
        by_content = _readable(files)
        if len(by_content) < 2:
            raise UsageError(f"data: {len(by_content)} readable photos; training needs one, validation another")
        contents = list(by_content)
        ranked = [contents[at] for at in hash_order(contents, seed)]
        held_out = min(max(1, round(validation_share * len(ranked))), len(ranked) - 1)
        self.validation_files = [by_content[sha] for sha in sorted(ranked[:held_out])]
        self.training_files = [by_content[sha] for sha in sorted(ranked[held_out:])]
        self.trained_on = {
            "what": f"a demo, self-supervised on degraded copies of {len(ranked)} photos without any human label",
            "labels": self.labels,
            "photos": sorted(sha[:SHA_DIGITS] for sha in ranked),
        }

    @property
    def labels(self) -> Labels:
        """The kind of label that is made up."""
        if self.examples.labels != "auto":
            return self.examples.labels
        return "votes" if "votes" in self.learner.losses else "pairs"

    def train_dataloader(self) -> DataLoader[Any]:
        """Return shuffled examples of the training photos, flipped and ordered at random."""
        return self.examples.training(self._dataset(self.training_files), None, self.trainer)

    def val_dataloader(self) -> DataLoader[Any]:
        """Return the examples of the validation photos, the same every time."""
        return self.examples.validation(self.validation_examples, self.trainer)

    @cached_property
    def validation_examples(self) -> "DegradedPairs | DegradedVotes":
        """The validation examples; the ``index`` of an example in a batch is its place here."""
        return self._dataset(self.validation_files if self.examples.overfit is None else self.training_files)

    @property
    def validation_names(self) -> pd.DataFrame:
        """What each validation example shows: photos and variants."""
        return pd.DataFrame(self.validation_examples.names())

    def _dataset(self, files: Sequence[PhotoFile]) -> "DegradedPairs | DegradedVotes":
        few = self.examples.overfit
        if self.labels == "pairs":
            return DegradedPairs(files, self.variants, self.learner.prepare, few)
        return DegradedVotes(files, self.variants, self.learner.prepare, self.votes, few)


class DegradedPairs(Dataset[Pairs]):
    """A photo against each variant, and each level against the next harsher one.

    The better picture stands first in half of the pairs, so that a constant answer is right in half
    of them: by lot where there is one, else in turn.
    """

    def __init__(
        self, files: Sequence[PhotoFile], variants: Sequence[Variant], prepare: Prepare, few: int | None = None
    ) -> None:
        self.files, self.prepare, self.few = files, prepare, few
        steps = [(a, b) for a, b in pairwise(variants) if a.ladder == b.ladder]
        self.contests: list[tuple[Variant | None, Variant]] = [(None, variant) for variant in variants] + list(steps)

    def __len__(self) -> int:
        return len(range(len(self.files) * len(self.contests))[: self.few])

    def __getitem__(self, draw: Draw | int) -> Pairs:
        index, lot = draw if isinstance(draw, tuple) else (draw, None)
        file, (milder, harsher) = self.files[index // len(self.contests)], self.contests[index % len(self.contests)]
        pixels = pixels_of(file)
        better = self.prepare(milder.apply(pixels) if milder else pixels)
        worse = self.prepare(harsher.apply(pixels))
        if lot is not None and lot // 2 % 2:
            better, worse = better.flip(-1), worse.flip(-1)
        rest = (torch.tensor(1.0), torch.tensor(index))
        if self._better_first(draw):
            return Pairs(better, worse, torch.tensor(Preference.FIRST.value), *rest)
        return Pairs(worse, better, torch.tensor(Preference.SECOND.value), *rest)

    def names(self) -> dict[str, list[str]]:
        """Return the name of each example's first and second picture."""
        names: dict[str, list[str]] = {"first": [], "second": []}
        for index in range(len(self)):
            file, contest = self.files[index // len(self.contests)], self.contests[index % len(self.contests)]
            both = [_name(file, variant) for variant in contest]
            for place, name in zip(names.values(), both if self._better_first(index) else both[::-1], strict=True):
                place.append(name)
        return names

    @staticmethod
    def _better_first(draw: Draw | int) -> bool:
        return (draw[1] if isinstance(draw, tuple) else draw) % 2 == 0


class DegradedVotes(Dataset[Votes]):
    """Each photo and each variant with made-up votes, the photo once for every ladder."""

    def __init__(
        self,
        files: Sequence[PhotoFile],
        variants: Sequence[Variant],
        prepare: Prepare,
        votes: dict[str, float],
        few: int | None = None,
    ) -> None:
        self.files, self.prepare, self.few = files, prepare, few
        harshest = {variant.ladder: variant.severity for variant in variants}
        fall = votes["original"] - votes["harshest"]
        self.pictures: list[tuple[Variant | None, Tensor]] = [
            (None, vote_histogram(votes["original"], votes["spread"])) for _ in harshest
        ] + [
            (v, vote_histogram(votes["original"] - fall * v.severity / harshest[v.ladder], votes["spread"]))
            for v in variants
        ]

    def __len__(self) -> int:
        return len(range(len(self.files) * len(self.pictures))[: self.few])

    def __getitem__(self, draw: Draw | int) -> Votes:
        index, lot = draw if isinstance(draw, tuple) else (draw, 0)
        file, (variant, histogram) = self.files[index // len(self.pictures)], self.pictures[index % len(self.pictures)]
        pixels = pixels_of(file)
        picture = self.prepare(variant.apply(pixels) if variant else pixels)
        picture = picture.flip(-1) if lot % 2 else picture
        return Votes(picture, histogram, torch.tensor(1.0), torch.tensor(index))

    def names(self) -> dict[str, list[str]]:
        """Return the name of each example's picture."""
        names = [_name(file, variant) for file in self.files for variant, _ in self.pictures]
        return {"photo": names[: self.few]}


def vote_histogram(mean: float, spread: float) -> Float[Tensor, "10"]:
    """Return shares of the ratings 1 to 10, normally distributed around ``mean``.

    Example:
        >>> vote_histogram(5.5, 1.4).argmax().item() + 1 in (5, 6)
        True
    """
    ratings = torch.arange(1, 11, dtype=torch.float32)
    weight = torch.exp(-(((ratings - mean) / spread) ** 2) / 2)
    return weight / weight.sum()


def _name(file: PhotoFile, variant: Variant | None) -> str:
    return f"{file.name} {variant.key}" if variant else file.name


def _readable(files: Sequence[PhotoFile]) -> dict[str, PhotoFile]:
    """Return one file for each content, and log what cannot be read."""
    findings = dict(track(inspect([file.path for file in files]), "decoding photos", len(files)))
    by_content: dict[str, PhotoFile] = {}
    for place, file in enumerate(files):
        sha = findings[place].sha256
        if sha is None:
            log.warning("%s: left out of training: %s", file.name, findings[place].error)
        else:
            by_content.setdefault(sha, file)
    return by_content
