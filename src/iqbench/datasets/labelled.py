"""Data sets of labelled photos: label files in, training examples out.

A data set is a subclass with one method, `LabelledPhotos.read`. The base class does the rest: it leaves
out photos that cannot be decoded, turns splits into examples, and records a model's training provenance.
"""

import logging
import os
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar, cast

import numpy as np
import pandas as pd
from lightning import LightningDataModule
from torch import Tensor
from torch.utils.data import DataLoader

from iqbench.datasets.cluster_choice import cluster_choice
from iqbench.datasets.contents import SplitContents, contents_of
from iqbench.datasets.decode_cache import examine
from iqbench.datasets.examples import Examples, Learner, PairExamples, Preprocess, VoteExamples, read_pixels
from iqbench.datasets.kept_features import FeatureLearner, KeptFeatures, PictureSets
from iqbench.datasets.passed_over import PassedOver
from iqbench.datasets.sampling import usable_sample
from iqbench.errors import UsageError
from iqbench.interfaces import ClusterChoice, PhotoFile, PhotoListing, Split
from iqbench.labels import LabelTable, PairTable, TrainingLabels, concatenate, for_training
from iqbench.paths import absolute
from iqbench.training_provenance import joined_provenance, training_step
from iqbench.version import iqbench_version

log = logging.getLogger(__name__)

SPLITS: tuple[Split, ...] = ("train", "val", "test")


class LabelledPhotos(LightningDataModule, ABC):
    """A labelled data set: a source of photos for the benchmark and of examples for training.

    Args:
        cache: Folder of the decode cache; null for none.
        limit: Maximum number of test photos to benchmark; null for all.
        seed: Seed of the splits and of the photos that a limit keeps.
        cluster: What makes photos one cluster.

    Raises:
        UsageError: If ``cluster`` is no choice, or ``series`` and the photos have none.
    """

    title: ClassVar[str]
    """The data set's name in messages and reports."""
    evaluated_on: ClassVar[str] = "test"
    """The split that a model is evaluated on by default."""
    has_series: ClassVar[bool] = False
    """True if each photo has a `PhotoFile.series`."""

    def __init__(self, cache: str | None, limit: int | None, seed: int, cluster: ClusterChoice = "look") -> None:
        super().__init__()
        self.cache = None if cache is None else absolute(cache, "data.cache")
        self.limit = limit
        self.seed = seed
        self.cluster = cluster_choice(cluster, self.has_series)
        self._learner: Learner | None = None
        self._examples: Examples | None = None

    @abstractmethod
    def read(self) -> Mapping[Split, LabelTable]:
        """Return the labels of each split as in the files, without opening a photo.

        Raises:
            UsageError: If a file is missing or has wrong lines, with their numbers.
        """

    @cached_property
    def labels(self) -> Mapping[Split, LabelTable]:
        """The labels of each split; see `read`."""
        return self.read()

    @cached_property
    def all_labels(self) -> LabelTable:
        """The labels of all splits together."""
        return concatenate(list(self.labels.values()))

    @cached_property
    def examined(self) -> pd.DataFrame:
        """The decode result of each photo; see `iqbench.datasets.decode_cache.examine`."""
        return examine(photos_of(list(self.labels.values())), self.cache)

    @cached_property
    def tables(self) -> Mapping[Split, TrainingLabels]:
        """The labels to train with: those of the photos that can be decoded.

        Raises:
            UsageError: If more than half of the photos cannot be decoded, or no model learns from these labels.
        """
        unusable = self.examined[self.examined["code"] != "ok"]
        if 2 * len(unusable) > len(self.examined):
            codes = ", ".join(f"{count} {code}" for code, count in unusable["code"].value_counts().items())
            example = unusable.iloc[0]
            raise UsageError(
                f"{self.title}: {len(unusable)} of {len(self.examined)} photos cannot be used ({codes}); "
                f"the first is {example.name}: {example['error']}. Is data.root the right folder?"
            )
        names = set(unusable.index)
        tables = {split: for_training(table.without(names)) for split, table in self.labels.items()}
        for split, table in tables.items():
            total = len(self.labels[split])
            if len(table) < total:
                text = "%s %s: %d of %d labels left out, their photos cannot be used"
                log.info(text, self.title, split, total - len(table), total)
        return tables

    def photos(self) -> PhotoListing:
        """Return the photos of the test split, which iqbench uses neither for training nor to choose a checkpoint."""
        passed_over = PassedOver()
        photos = photos_of([self.labels["test"]])
        files = usable_sample(photos, self.limit, self.seed, self.cache, passed_over)
        return PhotoListing(files, passed_over.counts, self.cluster, passed_over.examples)

    def configure_examples(self, learner: Learner, examples: Examples) -> None:
        """Set the model and the example settings. Required before training."""
        self._learner, self._examples = learner, examples

    @property
    def trained_on(self) -> dict[str, Any]:
        """The training provenance for the checkpoint: the data set, and the photos to train on and to validate with."""
        train, val = self.tables["train"], self.tables["val"]
        photos = self.examined.loc[[photo.name for photo in photos_of([train, val])], ["sha256", "look"]]
        what = f"{self.title}, {len(train)} {train.kind}, chosen by {len(val)} others"
        return training_step(what, train.kind, photos.itertuples(index=False, name=None))

    @property
    def contents(self) -> Mapping[Split, SplitContents]:
        """The contents of the splits to train and to validate with."""
        sha256: dict[Any, str] = self.examined["sha256"].to_dict()
        return {split: contents_of(self.tables[split], sha256) for split in SPLITS if split != "test"}

    def prepare_data(self) -> None:
        """Decode every photo once, so that all processes read the results from the cache."""
        _ = self.examined

    def setup(self, stage: str) -> None:
        """Build the tables, and record the training provenance in the model.

        Raises:
            UsageError: If a split to train or validate with is empty.
        """
        for split in ("train", "val"):
            if not len(self.tables[split]):
                raise UsageError(f"{self.title}: no labels are left in its {split} split; add photos")
        if self.trainer is not None and stage == "fit":
            model: Any = self.trainer.lightning_module
            model.trained_on = joined_provenance(model.trained_on, self.trained_on)

    def train_dataloader(self) -> DataLoader[Any]:
        """Return the training examples, in an order that depends on the seed and the epoch alone."""
        examples, learner = self._example_settings()
        table = self._example_labels("train")
        dataset = examples.dataset(table, learner, True, self._features(table))
        return examples.training(dataset, examples.sampling_probabilities(table), self.trainer)

    def val_dataloader(self) -> DataLoader[Any]:
        """Return the validation examples, the same every time."""
        examples, learner = self._example_settings()
        table = self._validation_labels
        return examples.validation(examples.dataset(table, learner, False, self._features(table)), self.trainer)

    @cached_property
    def validation_examples(self) -> PairExamples | VoteExamples:
        """The validation examples, with their photos. The ``row`` of an example in a batch is its index here."""
        examples, learner = self._example_settings()
        return examples.dataset(self._validation_labels, learner, training=False)

    @cached_property
    def _validation_labels(self) -> TrainingLabels:
        examples, _ = self._example_settings()
        return self._example_labels("val" if examples.overfit is None else "train")

    def _features(self, table: TrainingLabels) -> list[Tensor] | None:
        """Return the kept features of each photo of a table; None if photos are encoded in every epoch."""
        examples, learner = self._example_settings()
        if examples.features is None:
            return None
        kept = KeptFeatures(Path(examples.features), cast(FeatureLearner, learner), made_with=iqbench_version())
        keys = self.examined.loc[[photo.name for photo in table.photos], "sha256"].tolist()
        pictures = PictureSets(len(table.photos), _OnePicture(table.photos, learner.preprocessing))
        return [features[0] for features in kept.of(keys, pictures, examples.workers, self.trainer)]

    def _example_labels(self, split: Split) -> TrainingLabels:
        examples, learner = self._example_settings()
        table = examples.labels_for(self.tables[split], learner)
        return table if examples.overfit is None else table.where(np.arange(len(table)) < examples.overfit)

    @property
    def validation_names(self) -> pd.DataFrame:
        """The photo names of each validation example, in the columns first and second, or photo."""
        table = self.validation_examples.table
        names = np.array([photo.name for photo in table.photos], dtype=object)
        if isinstance(table, PairTable):
            return pd.DataFrame({"first": names[table.first], "second": names[table.second], "series": table.series})
        return pd.DataFrame({"photo": names})

    def _example_settings(self) -> tuple[Examples, Learner]:
        if self._examples is None or self._learner is None:
            raise UsageError(f"{self.title}: call configure_examples before training")
        return self._examples, self._learner


@dataclass(frozen=True)
class _OnePicture:
    """Makes the set of pictures of a labelled photo, which is the photo alone."""

    photos: Sequence[PhotoFile]
    prepare: Preprocess

    def __call__(self, at: int) -> list[Tensor]:
        return [self.prepare(read_pixels(self.photos[at]))]


def photos_of(tables: Sequence[LabelTable]) -> list[PhotoFile]:
    """Return the distinct photos of several tables, sorted by name."""
    by_name = {photo.name: photo for table in tables for photo in table.photos}
    return [by_name[name] for name in sorted(by_name)]


def check_present(title: str, files: Sequence[PhotoFile]) -> None:
    """Tell how many photos of a set are not on this disk, with the first names.

    Args:
        title: The data set.
        files: Its photos.

    Raises:
        UsageError: If more than half of them are not there.
    """
    absent = [file for file in files if not file.path.exists()]
    if 2 * len(absent) > len(files):
        path = absent[0].path
        near = _similar_name(path)
        raise UsageError(
            f"{title}: {len(absent):,} of {len(files):,} photos are not there; the first is {_shown(str(path))}. "
            + (f"Its folder holds {near}: names must be the same." if near else "Is data.root the right folder?")
        )
    if absent:
        names = ", ".join(_shown(file.name) for file in absent[:3]) + ", ..." * (len(absent) > 3)
        log.warning("%s: %s of %s photos are not there: %s", title, f"{len(absent):,}", f"{len(files):,}", names)


def _shown(name: str) -> str:
    """Return a name on one line, quoted where a blank at its end or a line break would not be seen."""
    return name if name.isprintable() and name == name.strip() else repr(name)


def _similar_name(path: Path) -> str:
    """Return the name of a file beside a path that differs in case, in blanks or in its ending; "" if there is none."""
    wanted = path.name.strip().casefold()
    for name in sorted(os.listdir(path.parent)) if path.parent.is_dir() else []:  # noqa: PTH208 - names are enough
        if name.casefold() == wanted or name.casefold().rpartition(".")[0] == wanted:
            return _shown(name)
    return ""
