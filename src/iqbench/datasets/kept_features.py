"""Features of a frozen backbone, encoded once and kept in files, so that an epoch of the head takes seconds."""

import hashlib
import io
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from jaxtyping import Float, UInt8
from lightning import Trainer
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Subset

from iqbench.datasets.sampler import loader_options, process_rank
from iqbench.errors import UsageError
from iqbench.io import atomic_write
from iqbench.progress import track

CHUNK = 8
"""Pictures that are encoded together."""


class FeatureLearner(Protocol):
    """A model whose features can be kept."""

    @property
    def keeps_features(self) -> bool:
        """True if training never changes the features of a picture."""
        ...

    @property
    def features_digest(self) -> str:
        """A digest of all that the features of a prepared picture depend on."""
        ...

    def kept_features(self, pictures: UInt8[Tensor, "n ..."]) -> Float[Tensor, "n d"]:
        """Return the features of prepared pictures, on the CPU, in the form that the head's functions accept too."""
        ...


class KeptFeatures:
    """The features of sets of pictures, in a folder with one file for each set.

    Trainings that need the same pictures of the same backbone share a folder: a sweep over settings of the head
    encodes once, and an interrupted training goes on where it stopped.

    Args:
        folder: Where folders of features are, such as the ``examples.features`` of a config.
        learner: The model.
        made_with: What the pictures depend on besides the keys of their sets.

    Raises:
        UsageError: If the model's features change while it learns.
    """

    def __init__(self, folder: Path, learner: FeatureLearner, made_with: str) -> None:
        if not learner.keeps_features:
            raise UsageError(
                "examples.features: only a frozen backbone has features to keep; use model.frozen=true "
                "model.unfreeze_every=null, or examples.features=null"
            )
        self.learner = learner
        self.folder = folder / digest(learner.features_digest + made_with)

    def of(
        self, keys: Sequence[str], pictures: Dataset[Tensor], workers: int, trainer: Trainer | None
    ) -> list[Float[Tensor, "k d"]]:
        """Return the features of each set of pictures. Those that are not in the folder are encoded first.

        Several processes of one training divide the work.

        Args:
            keys: What each set of pictures depends on.
            pictures: The sets: prepared pictures, (k, ...).
            workers: Processes that make pictures.
            trainer: The trainer, which knows the other processes.

        Raises:
            UsageError: If the folder cannot be written.
        """
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UsageError(f"examples.features={self.folder.parent}: cannot be made ({error.strerror})") from error
        files = [self.folder / f"{digest(key)}.npy" for key in keys]
        missing = [at for at, file in enumerate(files) if not file.is_file()]
        rank, processes = process_rank(trainer)
        self._encode(
            [files[at] for at in missing[rank::processes]], Subset(pictures, missing[rank::processes]), workers
        )
        if trainer is not None and processes > 1:
            trainer.strategy.barrier("features")
        damaged = [at for at, file in enumerate(files) if not _is_whole(file)]  # or on the disk of another node
        self._encode([files[at] for at in damaged], Subset(pictures, damaged), workers)
        return [torch.from_numpy(np.load(file)) for file in files]

    def _encode(self, files: Sequence[Path], pictures: Dataset[Tensor], workers: int) -> None:
        """Encode sets of pictures and write a file for each."""
        if not files:
            return
        loader = DataLoader(pictures, batch_size=None, num_workers=workers, **loader_options())
        for file, made in zip(files, track(loader, "encoding pictures once", len(files)), strict=True):
            features = torch.cat([self.learner.kept_features(chunk) for chunk in made.split(CHUNK)])
            content = io.BytesIO()
            np.save(content, features.numpy())
            with atomic_write(file, shared=True) as temporary:
                temporary.write_bytes(content.getvalue())


class PictureSets(Dataset[Tensor]):
    """Sets of prepared pictures, each made when it is asked for.

    Args:
        count: Number of sets.
        make: A function that returns the pictures of a set, given by its index.
    """

    def __init__(self, count: int, make: Callable[[int], Sequence[Tensor]]) -> None:
        self.count, self.make = count, make

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int) -> UInt8[Tensor, "k ..."]:
        return torch.stack(list(self.make(index)))


def digest(text: str) -> str:
    """Return 16 hex digits that stand for a text."""
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _is_whole(file: Path) -> bool:
    """Return whether a file of features can be read."""
    try:
        return bool(np.isfinite(np.load(file)).all())
    except (OSError, ValueError, EOFError):
        return False
