"""From label tables to batches: sampling, targets, augmentation, and the order of examples.

The order of an epoch and the random parts of each example depend on the seed and the epoch alone, not
on the number of workers or processes. So a killed run resumes in mid-epoch exactly where it was.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol, get_args

import numpy as np
import torch
from jaxtyping import Float
from lightning import Trainer
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from iqbench import photos
from iqbench.datasets.augmentation import Augmentation
from iqbench.datasets.sampler import (
    EpochSampler,
    ResumableLoader,
    SeededRow,
    completed_epochs,
    loader_options,
    process_rank,
)
from iqbench.errors import UsageError
from iqbench.interfaces import Labels, Pairs, Photo, PhotoFile, Votes
from iqbench.labels import PairTable, TrainingLabels, VoteTable, pairs_from_votes

Sampling = Literal["shuffled", "balanced", "by_series"]
Targets = Literal["soft", "hard", "weighted"]

Preprocess = Callable[[Photo], Tensor]
"""A function that prepares a photo for a model. Workers receive a pickled copy, so it must not hold the model."""


class Learner(Protocol):
    """The parts of a model that its training examples depend on."""

    @property
    def losses(self) -> Mapping[Labels, str]:
        """The loss for each kind of label that the model can learn from."""
        ...

    @property
    def preprocessing(self) -> Preprocess:
        """The model's preprocessing, without the model."""
        ...


@dataclass(frozen=True)
class Examples:
    """Settings that turn labels into training and validation examples.

    Args:
        batch_size: Examples per training step, over all processes together.
        workers: Worker processes that read and prepare photos, for each training process.
        labels: ``pairs``, ``votes``, or ``auto``: the data set's own kind if the model has a loss for it.
        targets: Targets of pairs. ``soft``: the probability that people prefer the first. ``hard``: 1, 0,
            or 1/2 without a winner. ``weighted``: hard, with each pair weighted by people's agreement.
        label_smoothing: Share of each training target that is replaced by a uniform target.
        sampling: ``shuffled``: each example once an epoch. ``balanced``: every kind of label equally
            often. ``by_series``: every series equally often, whatever its number of pairs.
        pairs_per_photo: Partners of each photo when votes are turned into pairs.
        min_difference: Minimum difference of the mean votes in such a pair.
        augmentation: Arguments of `iqbench.datasets.augmentation.Augmentation`.
        overfit: Number of examples to train on and to validate with; None for all.
        seed: Seed of everything random here.
        features: Folder in which the features of a frozen backbone are kept. Each picture is then encoded once, and
            not mirrored. None encodes pictures in every epoch.

    Raises:
        UsageError: If a setting is out of range.
    """

    batch_size: int
    workers: int
    labels: Labels | Literal["auto"]
    targets: Targets
    label_smoothing: float
    sampling: Sampling
    pairs_per_photo: int
    min_difference: float
    augmentation: dict[str, float]
    overfit: int | None
    seed: int
    features: str | None = None

    def __post_init__(self) -> None:
        _check_choice("labels", self.labels, ("auto", *get_args(Labels)))
        _check_choice("targets", self.targets, get_args(Targets))
        _check_choice("sampling", self.sampling, get_args(Sampling))
        for name, minimum in (("batch_size", 1), ("workers", 0), ("pairs_per_photo", 1)):
            value = getattr(self, name)
            if not isinstance(value, int) or value < minimum:
                raise UsageError(f"examples.{name}={value}: must be a whole number, at least {minimum}")
        if self.overfit is not None and self.overfit < 1:
            raise UsageError(f"examples.overfit={self.overfit}: must be a number of examples, at least 1, or null")
        if not 0 <= self.label_smoothing < 1:
            raise UsageError(f"examples.label_smoothing={self.label_smoothing}: must be at least 0 and below 1")
        if not 0 <= self.min_difference < 9:
            raise UsageError(f"examples.min_difference={self.min_difference}: must be from 0 to below 9 votes")
        if Augmentation(**self.augmentation).keep < 1 and self.features is not None:
            raise UsageError(
                "examples.features: features are kept of whole photos, not of crops; use examples.augmentation.keep=1"
            )

    def labels_for(self, table: TrainingLabels, learner: Learner) -> TrainingLabels:
        """Return the labels in the form that the model learns from.

        Raises:
            UsageError: If the model cannot learn from them.
        """
        wanted = self.labels if self.labels != "auto" else table.kind if table.kind in learner.losses else "pairs"
        if wanted not in learner.losses:
            raise UsageError(f"examples.labels={wanted}: the model has no loss for {wanted}; set model.losses.{wanted}")
        if wanted == table.kind:
            return table
        if isinstance(table, PairTable):
            raise UsageError("examples.labels=votes: this data set has preferences, which cannot be turned into votes")
        return pairs_from_votes(table, self.pairs_per_photo, self.min_difference, self.seed)

    def training(
        self, dataset: Dataset[Any], probabilities: Float[np.ndarray, "n"] | None, trainer: Trainer | None
    ) -> "ResumableLoader":
        """Return the loader of one process's training batches.

        Args:
            dataset: Examples by `SeededRow`.
            probabilities: Probability of each row in each draw; None takes each row once. See
                `sampling_probabilities`.
            trainer: The trainer, which knows the rank of this process.
        """
        rank, processes = process_rank(trainer)
        if self.batch_size % processes:
            raise UsageError(f"examples.batch_size={self.batch_size}: must be divisible by the {processes} processes")
        sampler = EpochSampler(len(dataset), probabilities, self.seed, rank, processes)  # type: ignore[arg-type]
        if trainer is not None:
            sampler.set_epoch(completed_epochs(trainer))  # Lightning calls set_epoch for later epochs only
        return ResumableLoader(
            dataset,
            sampler,
            trainer,
            batch_size=self.batch_size // processes,
            num_workers=self._loader_workers,
            **loader_options(),
        )

    def validation(self, dataset: Dataset[Any], trainer: Trainer | None) -> DataLoader[Any]:
        """Return the loader of one process's validation batches, the same every time."""
        rank, processes = process_rank(trainer)
        rows = list(range(rank, len(dataset), processes))  # type: ignore[arg-type]
        batch_size = max(1, self.batch_size // processes)
        return DataLoader(dataset, batch_size, sampler=rows, num_workers=self._loader_workers, **loader_options())

    @property
    def _loader_workers(self) -> int:
        """Processes that make batches; there is nothing to make of kept features."""
        return self.workers if self.features is None else 0

    def dataset(
        self, table: TrainingLabels, learner: Learner, training: bool, features: Sequence[Tensor] | None = None
    ) -> "PairExamples | VoteExamples":
        """Return a table's examples. Swapping, augmentation and smoothing apply to training only.

        Args:
            table: The labels.
            learner: The model to train.
            training: Whether they are for training.
            features: The kept features of each photo of the table, used in place of the photo; None if none are kept.
        """
        augmentation = Augmentation(**self.augmentation) if training else None
        smoothing = self.label_smoothing if training else 0.0
        if isinstance(table, PairTable):
            targets, weights = preference_targets(table, self.targets)
            targets = targets * (1 - smoothing) + smoothing / 2
            return PairExamples(table, targets, weights, learner.preprocessing, augmentation, features)
        shares = table.shares * (1 - smoothing) + smoothing / 10
        return VoteExamples(table, shares, learner.preprocessing, augmentation, features)

    def sampling_probabilities(self, table: TrainingLabels) -> Float[np.ndarray, "n"] | None:
        """Return the probability of each row in each draw; None if each row is taken once."""
        if self.sampling == "shuffled":
            return None
        if self.sampling == "balanced":
            groups = np.sign(table.preference - 0.5) if isinstance(table, PairTable) else np.round(2 * table.means)
        elif isinstance(table, PairTable):
            groups = table.series
        else:
            raise UsageError("examples.sampling=by_series: this data set has votes for single photos, and no series")
        _, group, counts = np.unique(groups, return_inverse=True, return_counts=True)
        probabilities: np.ndarray[Any, Any] = 1 / counts[group] / len(counts)
        return probabilities


def preference_targets(table: PairTable, targets: Targets) -> tuple[Float[np.ndarray, "n"], Float[np.ndarray, "n"]]:
    """Return each pair's target probability and its weight. The mean weight stays that of the table.

    Example:
        >>> pairs = PairTable((), *np.zeros((2, 2), int), np.array([0.9, 0.4]), np.ones(2), np.arange(2))
        >>> [values.round(2).tolist() for values in preference_targets(pairs, "weighted")]
        [[1.0, 0.0], [1.6, 0.4]]
    """
    if targets == "soft":
        return table.preference, table.weight
    winner = (np.sign(table.preference - 0.5) + 1) / 2
    if targets == "hard":
        return winner, table.weight
    agreement = 2 * np.abs(table.preference - 0.5)
    mean = agreement.mean() if len(agreement) else 1.0
    return winner, table.weight * (agreement / mean if mean > 0 else 1.0)


class PairExamples(Dataset[Pairs]):
    """Prepared pairs of photos with their targets. In training, half of them are swapped at random."""

    def __init__(
        self,
        table: PairTable,
        targets: Float[np.ndarray, "n"],
        weights: Float[np.ndarray, "n"],
        prepare: Preprocess,
        augmentation: Augmentation | None,
        features: Sequence[Tensor] | None = None,
    ) -> None:
        self.table, self.targets, self.weights = table, targets, weights
        self.prepare, self.augmentation, self.features = prepare, augmentation, features

    def __len__(self) -> int:
        return len(self.table)

    def __getitem__(self, index: SeededRow | int) -> Pairs:
        row, seed = index if isinstance(index, tuple) else (index, 0)
        target = float(self.targets[row])
        first, second = self._pictures(row, seed)
        if self.augmentation is not None and seed % 2:
            first, second, target = second, first, 1 - target
        preference, weight = (torch.tensor(number, dtype=torch.float32) for number in (target, self.weights[row]))
        return Pairs(first, second, preference, weight, torch.tensor(row))

    def _pictures(self, row: int, seed: int) -> tuple[Tensor, Tensor]:
        """Return the prepared photos of a pair, or the features of these."""
        places = (int(self.table.first[row]), int(self.table.second[row]))
        if self.features is not None:
            return self.features[places[0]], self.features[places[1]]
        both = tuple(read_pixels(self.table.photos[at]) for at in places)
        if self.augmentation is not None:
            both = self.augmentation(*both, seed=seed)
        return self.prepare(both[0]), self.prepare(both[1])


class VoteExamples(Dataset[Votes]):
    """Prepared photos with their votes."""

    def __init__(
        self,
        table: VoteTable,
        targets: Float[np.ndarray, "n 10"],
        prepare: Preprocess,
        augmentation: Augmentation | None,
        features: Sequence[Tensor] | None = None,
    ) -> None:
        self.table, self.targets, self.prepare, self.augmentation = table, targets, prepare, augmentation
        self.features = features

    def __len__(self) -> int:
        return len(self.table)

    def __getitem__(self, index: SeededRow | int) -> Votes:
        row, seed = index if isinstance(index, tuple) else (index, 0)
        votes = torch.as_tensor(self.targets[row], dtype=torch.float32)
        return Votes(self._picture(row, seed), votes, torch.tensor(1.0), torch.tensor(row))

    def _picture(self, row: int, seed: int) -> Tensor:
        """Return the prepared photo of a row, or its features."""
        if self.features is not None:
            return self.features[row]
        pixels = read_pixels(self.table.photos[row])
        if self.augmentation is not None:
            (pixels,) = self.augmentation(pixels, seed=seed)
        return self.prepare(pixels)


def read_pixels(file: PhotoFile) -> Photo:
    """Return the pixels of a photo that was readable before training began.

    Raises:
        UsageError: If it can no longer be read.
    """
    try:
        return photos.read(file.path).pixels
    except photos.PhotoError as error:
        raise UsageError(f"{file.path}: could be read when training began, but not now: {error}") from error


def _check_choice(name: str, value: object, choices: tuple[str, ...]) -> None:
    if value not in choices:
        raise UsageError(f"examples.{name}={value}: must be one of {', '.join(choices)}")
