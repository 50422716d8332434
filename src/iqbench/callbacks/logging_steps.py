"""Logging of callbacks: intervals, step numbers and loggers."""

from collections.abc import Mapping
from typing import Literal

from lightning import Trainer
from lightning.pytorch.loggers import TensorBoardLogger
from lightning.pytorch.trainer.states import TrainerFn
from torch.utils.tensorboard import SummaryWriter

from iqbench.errors import UsageError


def should_log(trainer: Trainer) -> bool:
    """Return whether this process logs: the first one, while fitting, after the sanity check."""
    return trainer.is_global_zero and trainer.state.fn == TrainerFn.FITTING and not trainer.sanity_checking


def should_report(trainer: Trainer, batch_index: int, interval: int) -> bool:
    """Return whether to report after this batch: at each interval, or at the end of a shorter epoch."""
    batches = batch_index + 1
    return batches % interval == 0 or (trainer.is_last_batch and batches < interval)


Interval = int | Literal["auto"]
"""Steps between two reports; ``auto``: about `REPORTS` in a training, at most `LONGEST` steps apart."""

REPORTS = 30
LONGEST = 50


def check_interval(callback: str, every_n_steps: Interval) -> Interval:
    """Return ``every_n_steps``, checked.

    Raises:
        UsageError: If it is neither ``auto`` nor a whole number from one.
    """
    if every_n_steps != "auto" and (not isinstance(every_n_steps, int) or every_n_steps < 1):
        raise UsageError(f"callbacks.{callback}.every_n_steps={every_n_steps}: must be at least 1, or auto")
    return every_n_steps


def steps_between(interval: Interval, total: float) -> int:
    """Return the steps between two reports in a training of ``total`` steps, which may be infinite.

    Example:
        >>> steps_between("auto", 33), steps_between("auto", 165), steps_between("auto", 1e6), steps_between(7, 33)
        (1, 5, 50, 7)
    """
    return max(1, int(min(total / REPORTS, LONGEST))) if interval == "auto" else interval


def total_batches(trainer: Trainer) -> float:
    """Return the batches of the whole training in this process, infinite if only time limits it."""
    return float(trainer.estimated_stepping_batches) * trainer.accumulate_grad_batches


def last_step(trainer: Trainer) -> int:
    """Return the number of the last completed step. The first one is 0, as in Lightning's own logs."""
    return max(0, trainer.global_step - 1)


def log_metrics(trainer: Trainer, values: Mapping[str, float], step: int) -> None:
    """Log numbers to all of the trainer's loggers."""
    for logger in trainer.loggers:
        logger.log_metrics(dict(values), step=step)


def tensorboard_loggers(trainer: Trainer) -> list[TensorBoardLogger]:
    """Return the trainer's TensorBoard loggers, for pictures and tables that other loggers cannot store."""
    return [logger for logger in trainer.loggers if isinstance(logger, TensorBoardLogger)]


def summary_writers(trainer: Trainer) -> list[SummaryWriter]:
    """Return the writers of the trainer's TensorBoard files."""
    return [logger.experiment for logger in tensorboard_loggers(trainer)]
