"""Sets of photos that people judged: label files in, examples to learn from out.

A set is a subclass with one method, `LabelledPhotos.read`. What is the same for all of them is here:
photos that cannot be used are found and left out, splits become examples, and what a model was
trained on is written down.
"""

import logging
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pandas as pd
from lightning import LightningDataModule
from torch.utils.data import DataLoader

from iqbench.datasets.decode_cache import examine
from iqbench.datasets.examples import Examples, Learner, PairExamples, VoteExamples
from iqbench.datasets.folder import sample
from iqbench.errors import UsageError
from iqbench.interfaces import SHA_DIGITS, PhotoFile, PhotoListing, Split
from iqbench.labels import LabelTable, PairTable, joined

log = logging.getLogger(__name__)

SPLITS: tuple[Split, ...] = ("train", "val", "test")


class LabelledPhotos(LightningDataModule, ABC):
    """A labelled set, as a source of photos for the benchmark and of examples for training.

    Args:
        cache: The folder that remembers which photos can be decoded.
        limit: At most so many photos of the test split are benchmarked; null for all.
        seed: Which photos are held out, and which ones a limit takes.
    """

    what: ClassVar[str]
    """The set's name in sentences."""
    evaluated_on: ClassVar[str] = "test"
    """The split that a model is evaluated on if nothing else is said."""

    def __init__(self, cache: str, limit: int | None, seed: int) -> None:
        super().__init__()
        self.cache = Path(cache).expanduser()
        self.limit = limit
        self.seed = seed
        self._learner: Learner | None = None
        self._examples: Examples | None = None

    @abstractmethod
    def read(self) -> Mapping[Split, LabelTable]:
        """Return the labels of each split as the files have them, without opening a photo.

        Raises:
            UsageError: If a file is missing, or a line of it is wrong, with its number.
        """

    @cached_property
    def labels(self) -> Mapping[Split, LabelTable]:
        """The labels as `read` returns them."""
        return self.read()

    @cached_property
    def everything(self) -> LabelTable:
        """The labels of all splits together, and those that are in none."""
        return joined(list(self.labels.values()))

    @cached_property
    def examined(self) -> pd.DataFrame:
        """What became of each photo when it was decoded; see `iqbench.datasets.decode_cache.examine`."""
        return examine(photos_of(list(self.labels.values())), self.cache)

    @cached_property
    def tables(self) -> Mapping[Split, LabelTable]:
        """The labels of the photos that can be used.

        Raises:
            UsageError: If more than half of the photos cannot be used, or nothing is left of a split.
        """
        unusable = self.examined[self.examined["code"] != "ok"]
        if 2 * len(unusable) > len(self.examined):
            codes = ", ".join(f"{count} {code}" for code, count in unusable["code"].value_counts().items())
            example = unusable.iloc[0]
            raise UsageError(
                f"{self.what}: {len(unusable)} of {len(self.examined)} photos cannot be used ({codes}); "
                f"the first is {example.name}: {example['error']}. Is data.root the right folder?"
            )
        names = set(unusable.index)
        tables = {split: table.without(names) for split, table in self.labels.items()}
        for split, table in tables.items():
            if names and len(table) < len(self.labels[split]):
                lost = len(self.labels[split]) - len(table)
                log.info(
                    "%s %s: %d of %d labels left out, their photos cannot be used",
                    self.what,
                    split,
                    lost,
                    len(self.labels[split]),
                )
        return tables

    def photos(self) -> PhotoListing:
        """Return the photos of the test split, which no model of iqbench learns from or is chosen by."""
        labels = self.labels["test"]
        return PhotoListing(sample(photos_of([labels]), self.limit, self.seed), ignored={})

    def teach(self, learner: Learner, examples: Examples) -> None:
        """Say whom the examples are for, and how they are made; before training starts."""
        self._learner, self._examples = learner, examples

    @property
    def trained_on(self) -> dict[str, Any]:
        """What a checkpoint says of its schooling: the set, and the photos it learned from or was chosen by."""
        train, val = self.tables["train"], self.tables["val"]
        shas = self.examined.loc[[photo.name for photo in photos_of([train, val])], "sha256"]
        return {
            "what": f"{self.what}, {len(train)} {train.kind}, chosen by {len(val)} others",
            "labels": train.kind,
            "photos": sorted({sha[:SHA_DIGITS] for sha in shas}),
        }

    def prepare_data(self) -> None:
        """Decode every photo once, so that all processes find the answers in the cache."""
        _ = self.examined

    def setup(self, stage: str) -> None:
        """Make the tables, and tell the model what it is trained on."""
        for split in ("train", "val"):
            if not len(self.tables[split]):
                raise UsageError(f"{self.what}: no labels are left in its {split} split; it needs more photos")
        if self.trainer is not None and stage == "fit":
            model: Any = self.trainer.lightning_module
            model.trained_on = self.trained_on

    def train_dataloader(self) -> DataLoader[Any]:
        """Return the training examples, in an order that depends on the seed and the epoch alone."""
        examples, learner = self._schooling()
        table = self._labels_to_learn("train")
        return examples.training(examples.dataset(table, learner, True), examples.chances(table), self.trainer)

    def val_dataloader(self) -> DataLoader[Any]:
        """Return the validation examples, the same every time."""
        return self._schooling()[0].validation(self.validation_examples, self.trainer)

    @cached_property
    def validation_examples(self) -> PairExamples | VoteExamples:
        """The validation examples; the ``index`` of an example in a batch is its place here."""
        examples, learner = self._schooling()
        return examples.dataset(self._labels_to_learn("val" if examples.overfit is None else "train"), learner, False)

    def _labels_to_learn(self, split: Split) -> LabelTable:
        examples, learner = self._schooling()
        table = examples.labels_for(self.tables[split], learner)
        return table if examples.overfit is None else table.where(np.arange(len(table)) < examples.overfit)

    @property
    def validation_names(self) -> pd.DataFrame:
        """The names of the photos of each validation example: first and second, or photo."""
        table = self.validation_examples.table
        names = np.array([photo.name for photo in table.photos], dtype=object)
        if isinstance(table, PairTable):
            return pd.DataFrame({"first": names[table.first], "second": names[table.second], "series": table.series})
        return pd.DataFrame({"photo": names})

    def _schooling(self) -> tuple[Examples, Learner]:
        if self._examples is None or self._learner is None:
            raise UsageError(f"{self.what}: call teach before training on it")
        return self._examples, self._learner


def photos_of(tables: Sequence[LabelTable]) -> list[PhotoFile]:
    """Return the photos of several tables, each once, sorted by name."""
    by_name = {photo.name: photo for table in tables for photo in table.photos}
    return [by_name[name] for name in sorted(by_name)]
