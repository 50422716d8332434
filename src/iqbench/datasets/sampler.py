"""In which order examples come: a function of seed and epoch, shared among processes, resumed in mid-epoch."""

from collections.abc import Iterator
from typing import Any

import cv2
import numpy as np
import torch
from jaxtyping import Float
from lightning import Trainer
from torch.utils.data import DataLoader, Dataset, Sampler

Draw = tuple[int, int]
"""A row of the table, and the seed of what is random in it."""


class EpochOrder(Sampler[Draw]):
    """The order of an epoch for one of several processes, each row with a lot of its own.

    The processes take turns, so that their batches together are the one batch that a single process
    would have had. What cannot be divided among them is left out, at most one row fewer than there are processes.

    Args:
        count: Rows of the table.
        chances: How likely each row is to be drawn each time; None draws each once.
        seed: With the epoch, decides everything.
        rank: This process.
        processes: How many there are.
    """

    def __init__(
        self, count: int, chances: Float[np.ndarray, "n"] | None, seed: int, rank: int = 0, processes: int = 1
    ) -> None:
        self.count, self.chances, self.seed = count, chances, seed
        self.rank, self.processes = rank, processes
        self.epoch = 0
        self.skip = 0
        """Rows of this process that a run before had already learned from in this epoch; used once."""

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch; Lightning calls this."""
        self.epoch = epoch

    def __len__(self) -> int:
        return self.count // self.processes

    def __iter__(self) -> Iterator[Draw]:
        generator = np.random.default_rng([self.seed, self.epoch])
        if self.chances is None:
            rows = generator.permutation(self.count)
        else:
            rows = generator.choice(self.count, self.count, p=self.chances)
        lots = generator.integers(2**31, size=self.count)
        usable = len(self) * self.processes
        start, self.skip = self.rank + self.skip * self.processes, 0
        for at in range(start, usable, self.processes):
            yield int(rows[at]), int(lots[at])


class ResumableLoader(DataLoader[Any]):
    """A loader that a resumed training continues in mid-epoch, by Lightning's own hooks for that."""

    def __init__(self, dataset: Dataset[Any], draws: EpochOrder, trainer: Trainer | None, **options: Any) -> None:
        super().__init__(dataset, sampler=draws, **options)
        self.__dict__["draws"], self.__dict__["trainer"] = draws, trainer

    def state_dict(self) -> dict[str, int]:
        """Return how many batches of this epoch have been learned from."""
        return {"batches": _batches_done(self.__dict__["trainer"])}

    def load_state_dict(self, state: dict[str, int]) -> None:
        """Leave out the batches that were learned from; none after a whole epoch."""
        batches = state["batches"] % len(self) if len(self) else 0
        self.__dict__["draws"].skip = batches * (self.batch_size or 1)


def start_worker(index: int) -> None:
    """Keep a worker to one thread: there are several of them."""
    cv2.setNumThreads(0)
    torch.set_num_threads(1)


def habits() -> dict[str, Any]:
    """Return what all loaders are made with."""
    # a generator of its own, or making the loader would draw from the one that dropout draws from
    own = torch.Generator()
    return {"worker_init_fn": start_worker, "pin_memory": torch.cuda.is_available(), "generator": own}


def place(trainer: Trainer | None) -> tuple[int, int]:
    """Return which process this is, and how many there are."""
    return (trainer.global_rank, trainer.world_size) if trainer is not None else (0, 1)


def epochs_done(trainer: Trainer) -> int:
    """Return how many epochs are through; a run that goes on has this before Lightning tells its samplers."""
    progress: Any = trainer.fit_loop.epoch_progress.current
    return int(progress.processed)


def _batches_done(trainer: Trainer | None) -> int:
    progress: Any = trainer.fit_loop.epoch_loop.batch_progress.current if trainer else None
    return int(progress.processed) if progress else 0
