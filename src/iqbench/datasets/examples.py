"""From tables of labels to batches: who is drawn how often, which targets, in which order.

The order of an epoch and what is random in each example depend on the seed and the epoch alone, not
on the number of workers or processes, so a run that was killed in mid-epoch goes on exactly where it was.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, Protocol, get_args

import numpy as np
import torch
from jaxtyping import Float, Shaped
from lightning import Trainer
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from iqbench import photos
from iqbench.datasets.augmentation import Augmentation
from iqbench.datasets.sampler import Draw, EpochOrder, ResumableLoader, epochs_done, habits, place
from iqbench.errors import UsageError
from iqbench.interfaces import Labels, Pairs, Photo, PhotoFile, Votes
from iqbench.labels import LabelTable, PairTable, VoteTable, pairs_from_votes

Sampling = Literal["shuffled", "balanced", "by_series"]
Targets = Literal["soft", "hard", "weighted"]


class Learner(Protocol):
    """What examples must know of the model that learns from them."""

    @property
    def losses(self) -> Mapping[Labels, str]:
        """The loss for each kind of label that the model can learn from."""
        ...

    def prepare(self, photo: Photo) -> Shaped[Tensor, "..."]:
        """Return the model's own view of a photo."""
        ...


@dataclass(frozen=True)
class Examples:
    """How labels become examples.

    Args:
        batch_size: Examples that are learned from together, by all processes of a training together.
        workers: Processes that read and prepare photos, for each training process.
        labels: ``pairs``, ``votes``, or ``auto``: the set's own kind if the model has a loss for it.
        targets: Of pairs. ``soft``: the probability that people prefer the first. ``hard``: 1, 0, or
            1/2 without a winner. ``weighted``: hard, each pair weighing as much as people agree.
        label_smoothing: Share of each training target that is replaced by "no opinion".
        sampling: ``shuffled``: each example once an epoch. ``balanced``: every kind of label equally
            often. ``by_series``: every series equally often, however many pairs it has.
        pairs_per_photo: Partners that each photo gets where votes are turned into pairs.
        min_difference: Mean votes of such pairs differ by at least this.
        augmentation: See `iqbench.datasets.augmentation.Augmentation`.
        overfit: Train on so many examples only, and validate with the very same; None for all.
        seed: Of all that is random here.

    Raises:
        UsageError: If a setting is none of these.
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

    def __post_init__(self) -> None:
        _one_of("labels", self.labels, ("auto", *get_args(Labels)))
        _one_of("targets", self.targets, get_args(Targets))
        _one_of("sampling", self.sampling, get_args(Sampling))
        for name, least in (("batch_size", 1), ("workers", 0), ("pairs_per_photo", 1)):
            value = getattr(self, name)
            if not isinstance(value, int) or value < least:
                raise UsageError(f"examples.{name}={value}: must be a whole number, at least {least}")
        if self.overfit is not None and self.overfit < 1:
            raise UsageError(f"examples.overfit={self.overfit}: a number of examples, at least 1, or null")
        if not 0 <= self.label_smoothing < 1:
            raise UsageError(f"examples.label_smoothing={self.label_smoothing}: must be at least 0 and below 1")
        if not 0 <= self.min_difference < 9:
            raise UsageError(f"examples.min_difference={self.min_difference}: mean votes differ by 0 to 9")
        Augmentation(**self.augmentation)

    def labels_for(self, table: LabelTable, learner: Learner) -> LabelTable:
        """Return the labels in the form that the model learns from.

        Raises:
            UsageError: If the model cannot learn from them.
        """
        wanted = self.labels if self.labels != "auto" else table.kind if table.kind in learner.losses else "pairs"
        if wanted not in learner.losses:
            raise UsageError(f"examples.labels={wanted}: the model has no loss for {wanted} (model.losses)")
        if wanted == table.kind:
            return table
        if isinstance(table, PairTable):
            raise UsageError("examples.labels=votes: this set has preferences, and no votes can be had from them")
        return pairs_from_votes(table, self.pairs_per_photo, self.min_difference, self.seed)

    def training(
        self, dataset: Dataset[Any], chances: Float[np.ndarray, "n"] | None, trainer: Trainer | None
    ) -> "ResumableLoader":
        """Return the training batches of one process.

        Args:
            dataset: Examples by `Draw`.
            chances: How likely each is to be drawn; None draws each once. See `chances`.
            trainer: Who tells this process from others.
        """
        rank, processes = place(trainer)
        if self.batch_size % processes:
            raise UsageError(f"examples.batch_size={self.batch_size}: must be divisible by the {processes} processes")
        order = EpochOrder(len(dataset), chances, self.seed, rank, processes)  # type: ignore[arg-type]
        if trainer is not None:
            order.set_epoch(epochs_done(trainer))  # Lightning does so only for later ones
        return ResumableLoader(
            dataset, order, trainer, batch_size=self.batch_size // processes, num_workers=self.workers, **habits()
        )

    def validation(self, dataset: Dataset[Any], trainer: Trainer | None) -> DataLoader[Any]:
        """Return one process's share of the validation batches, the same every time."""
        rank, processes = place(trainer)
        mine = list(range(rank, len(dataset), processes))  # type: ignore[arg-type]
        batch_size = max(1, self.batch_size // processes)
        return DataLoader(dataset, batch_size, sampler=mine, num_workers=self.workers, **habits())

    def dataset(self, table: LabelTable, learner: Learner, training: bool) -> "PairExamples | VoteExamples":
        """Return a table's examples; lots, augmentation and smoothing are for training only."""
        augmentation = Augmentation(**self.augmentation) if training else None
        smoothing = self.label_smoothing if training else 0.0
        if isinstance(table, PairTable):
            targets, weights = preference_targets(table, self.targets)
            targets = targets * (1 - smoothing) + smoothing / 2
            return PairExamples(table, targets, weights, learner.prepare, augmentation)
        return VoteExamples(table, table.shares * (1 - smoothing) + smoothing / 10, learner.prepare, augmentation)

    def chances(self, table: LabelTable) -> Float[np.ndarray, "n"] | None:
        """Return how likely each row is to be drawn; None where each is, once."""
        if self.sampling == "shuffled":
            return None
        if self.sampling == "balanced":
            kinds = np.sign(table.preference - 0.5) if isinstance(table, PairTable) else np.round(2 * table.means)
        elif isinstance(table, PairTable):
            kinds = table.series
        else:
            raise UsageError("examples.sampling=by_series: votes are given to single photos; there are no series")
        _, kind, counts = np.unique(kinds, return_inverse=True, return_counts=True)
        chances: np.ndarray[Any, Any] = 1 / counts[kind] / len(counts)
        return chances


def preference_targets(table: PairTable, targets: Targets) -> tuple[Float[np.ndarray, "n"], Float[np.ndarray, "n"]]:
    """Return the probability to learn for each pair, and how much the pair weighs; the mean weight is that of the set.

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
    """Pairs of photos as the model sees them. In training, a lot decides which stands first."""

    def __init__(
        self,
        table: PairTable,
        targets: Float[np.ndarray, "n"],
        weights: Float[np.ndarray, "n"],
        prepare: Callable[[Photo], Tensor],
        augmentation: Augmentation | None,
    ) -> None:
        self.table, self.targets, self.weights = table, targets, weights
        self.prepare, self.augmentation = prepare, augmentation

    def __len__(self) -> int:
        return len(self.table)

    def __getitem__(self, draw: Draw | int) -> Pairs:
        row, lot = draw if isinstance(draw, tuple) else (draw, 0)
        both = tuple(pixels_of(self.table.photos[at]) for at in (self.table.first[row], self.table.second[row]))
        target = float(self.targets[row])
        if self.augmentation is not None:
            both = self.augmentation(*both, seed=lot)
            if lot % 2:
                both, target = both[::-1], 1 - target
        first, second = (self.prepare(photo) for photo in both)
        preference, weight = (torch.tensor(number, dtype=torch.float32) for number in (target, self.weights[row]))
        return Pairs(first, second, preference, weight, torch.tensor(row))


class VoteExamples(Dataset[Votes]):
    """Photos as the model sees them, with their votes."""

    def __init__(
        self,
        table: VoteTable,
        targets: Float[np.ndarray, "n 10"],
        prepare: Callable[[Photo], Tensor],
        augmentation: Augmentation | None,
    ) -> None:
        self.table, self.targets, self.prepare, self.augmentation = table, targets, prepare, augmentation

    def __len__(self) -> int:
        return len(self.table)

    def __getitem__(self, draw: Draw | int) -> Votes:
        row, lot = draw if isinstance(draw, tuple) else (draw, 0)
        pixels = pixels_of(self.table.photos[row])
        if self.augmentation is not None:
            (pixels,) = self.augmentation(pixels, seed=lot)
        votes = torch.as_tensor(self.targets[row], dtype=torch.float32)
        return Votes(self.prepare(pixels), votes, torch.tensor(1.0), torch.tensor(row))


def pixels_of(file: PhotoFile) -> Photo:
    """Return the pixels of a photo that could be read before training began.

    Raises:
        UsageError: If it cannot be read any more.
    """
    try:
        return photos.read(file.path).pixels
    except photos.PhotoError as error:
        raise UsageError(f"{file.path}: could be read when training began, but not now: {error}") from error


def _one_of(name: str, value: object, known: tuple[str, ...]) -> None:
    if value not in known:
        raise UsageError(f"examples.{name}={value}: must be one of {', '.join(known)}")
