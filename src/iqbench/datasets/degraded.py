"""Self-supervision: training examples from photos and their own degraded copies, without human labels.

The checkpoint says so: a model trained this way judges damage, not people's preferences.
"""

import json
import logging
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from pathlib import Path
from typing import Any, cast

import numpy as np
import pandas as pd
from jaxtyping import Bool
from lightning import LightningDataModule
from torch import Tensor
from torch.utils.data import DataLoader

from iqbench.datasets.contents import SplitContents, digest_of
from iqbench.datasets.decode_check import DecodeResult, decode_all
from iqbench.datasets.degraded_examples import Copies, CopyPictures, DegradedPairs, DegradedVotes, ExampleWeights
from iqbench.datasets.examples import Examples, Learner
from iqbench.datasets.kept_features import FeatureLearner, KeptFeatures, PictureSets
from iqbench.datasets.originals import Original, originals
from iqbench.degradations.drawn import MIXED, Kind, all_levels, drawn_variants
from iqbench.errors import UsageError, did_you_mean
from iqbench.hash_sampling import hash_order
from iqbench.interfaces import SHA_DIGITS, Labels, PhotoFile, Split
from iqbench.progress import track
from iqbench.training_provenance import training_step
from iqbench.version import iqbench_version

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Draw:
    """How many pictures to draw; see `iqbench.degradations.drawn` and `iqbench.datasets.originals`.

    Args:
        parts: Random parts of each photo, made smaller, which are originals too; of a large photo more.
        saved: Share of the parts, from 0 to 1, that are saved with loss before they are degraded.
        ladders: Ladders of damage for each original, at random.
        levels: Levels of each ladder, at random severities.
        mixed: Mixtures of several kinds of damage for each original.

    Raises:
        UsageError: If a number is too low.
    """

    parts: int
    saved: float
    ladders: int
    levels: int
    mixed: int

    def __post_init__(self) -> None:
        if isinstance(self.saved, bool) or not isinstance(self.saved, int | float) or not 0 <= self.saved <= 1:
            raise UsageError(f"self_supervision.draw.saved={self.saved}: must be a share from 0 to 1")
        for name, least in (("parts", 0), ("ladders", 1), ("levels", 1), ("mixed", 0)):
            value = getattr(self, name)
            if not isinstance(value, int) or value < least:
                raise UsageError(f"self_supervision.draw.{name}={value}: must be a whole number, at least {least}")


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
        weights: How much examples count in the loss: the weight of a type of damage for pairs with it alone, the weight
            ``mixed`` for pairs with a mixture, and a weight ``original`` for pairs with an original, by which it is
            multiplied. Those that are not named are 1.

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
        draw: Mapping[str, float] | None = None,
        hidden: Sequence[str] = (),
        weights: Mapping[str, float] | None = None,
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
        self.weights = _weights(weights or {}, [kind.type for kind in kinds])
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
            for original in originals(files, shas, sides, self.draw.parts, self.draw.saved, self.seed)
        ]

    def _label_digest(self, split: Split) -> str:
        rows = [
            f"{copies.original.key} {damaged.variant.key} {damaged.variant.ladder} {damaged.variant.amount}"
            for copies in self._copies[split]
            for damaged in copies.damaged
        ]
        return digest_of(
            [self.labels, str(sorted(self.votes.items())), str(sorted(self.hidden)), str(self.weights), *rows]
        )

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
        pictures = CopyPictures(self._copies[split], self._files(split), self.learner.preprocessing, features)
        hidden: frozenset[str] = self.hidden if split == "train" else frozenset()
        if self.labels == "pairs":
            return DegradedPairs(pictures, hidden, self.examples.overfit, self.weights)
        return DegradedVotes(pictures, hidden, self.votes, self.examples.overfit, self.weights)

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
        pictures = CopyPictures(copies, self._files(split), self.learner.preprocessing)
        return kept.of(keys, PictureSets(len(copies), pictures.all_of), self.examples.workers, self.trainer)


def _draw(settings: Mapping[str, Any] | None) -> Draw | None:
    names = [field.name for field in fields(Draw)]
    if settings is not None and sorted(settings) != sorted(names):
        raise UsageError(f"self_supervision.draw: needs {', '.join(names)}, and nothing else; or null")
    return None if settings is None else Draw(**settings)


def _weights(settings: Mapping[str, float], types: Sequence[str]) -> ExampleWeights:
    known = ["original", MIXED, *types]
    for name, weight in settings.items():
        if name not in known:
            hint = did_you_mean(name, known)
            raise UsageError(f"self_supervision.weights.{name}: is not among the types of degradation=.{hint}")
        if not 0 <= weight < math.inf:
            raise UsageError(f"self_supervision.weights.{name}={weight}: must be a number, at least 0")
    of_types = {name: float(weight) for name, weight in settings.items() if name != "original"}
    return ExampleWeights(float(settings.get("original", 1.0)), of_types)


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
