"""Sampler and loader of training examples: reproducible, shared among processes, resumable within an epoch."""

from collections.abc import Iterator
from typing import Any

import cv2
import numpy as np
import torch
from jaxtyping import Float
from lightning import Trainer
from torch.utils.data import DataLoader, Dataset, Sampler

SeededRow = tuple[int, int]
"""A row of the label table, and the seed for everything random in its example."""


class EpochSampler(Sampler[SeededRow]):
    """Yields one process's rows of an epoch, each with its own seed.

    The processes take turns, so their batches together equal the batch of a single process. Rows that
    cannot be divided evenly are dropped: fewer than there are processes.

    Args:
        count: Number of rows in the table.
        probabilities: Probability of each row in each draw, with replacement; None takes each row once.
        seed: Determines, with the epoch, the order and the seeds.
        rank: Number of this process.
        processes: Number of processes.
    """

    def __init__(
        self, count: int, probabilities: Float[np.ndarray, "n"] | None, seed: int, rank: int = 0, processes: int = 1
    ) -> None:
        self.count, self.probabilities, self.seed = count, probabilities, seed
        self.rank, self.processes = rank, processes
        self.epoch = 0
        self.skip = 0
        """Rows of this process that an interrupted run has already used in this epoch; reset after one epoch."""

    def set_epoch(self, epoch: int) -> None:
        """Set the epoch. Lightning calls this before each one."""
        self.epoch = epoch

    def __len__(self) -> int:
        return self.count // self.processes

    def __iter__(self) -> Iterator[SeededRow]:
        generator = np.random.default_rng([self.seed, self.epoch])
        if self.probabilities is None:
            rows = generator.permutation(self.count)
        else:
            rows = generator.choice(self.count, self.count, p=self.probabilities)
        seeds = generator.integers(2**31, size=self.count)
        usable = len(self) * self.processes
        start, self.skip = self.rank + self.skip * self.processes, 0
        for position in range(start, usable, self.processes):
            yield int(rows[position]), int(seeds[position])


class ResumableLoader(DataLoader[Any]):
    """A loader that saves and restores its position within an epoch, through Lightning's state hooks."""

    def __init__(self, dataset: Dataset[Any], sampler: EpochSampler, trainer: Trainer | None, **options: Any) -> None:
        super().__init__(dataset, sampler=sampler, **options)
        self.trainer = trainer
        self.epoch_sampler = sampler

    def state_dict(self) -> dict[str, int]:
        """Return the number of batches used in this epoch."""
        return {"batches": _completed_batches(self.trainer)}

    def load_state_dict(self, state: dict[str, int]) -> None:
        """Skip the batches that were used; a completed epoch skips none."""
        batches = state["batches"] % len(self) if len(self) else 0
        self.epoch_sampler.skip = batches * (self.batch_size or 1)


def start_worker(index: int) -> None:
    """Limit a worker to one thread, because there is a worker for each core."""
    cv2.setNumThreads(0)
    torch.set_num_threads(1)


def loader_options() -> dict[str, Any]:
    """Return the options that all loaders share."""
    # A separate generator: by default a loader draws its seed from the global one and so would change dropout.
    return {
        "worker_init_fn": start_worker,
        "pin_memory": torch.cuda.is_available(),
        "generator": torch.Generator(),
    }


def process_rank(trainer: Trainer | None) -> tuple[int, int]:
    """Return the number of this process, and the number of processes."""
    return (trainer.global_rank, trainer.world_size) if trainer is not None else (0, 1)


def completed_epochs(trainer: Trainer) -> int:
    """Return the number of completed epochs. In a resumed run it is known before Lightning calls `set_epoch`."""
    progress: Any = trainer.fit_loop.epoch_progress.current
    return int(progress.processed)


def _completed_batches(trainer: Trainer | None) -> int:
    progress: Any = trainer.fit_loop.epoch_loop.batch_progress.current if trainer else None
    return int(progress.processed) if progress else 0
