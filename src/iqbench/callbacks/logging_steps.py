"""Logging of callbacks: intervals, step numbers and loggers."""

from collections.abc import Mapping

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


def check_interval(callback: str, every_n_steps: int) -> int:
    """Return ``every_n_steps``, checked.

    Raises:
        UsageError: If it is less than one.
    """
    if every_n_steps < 1:
        raise UsageError(f"callbacks.{callback}.every_n_steps={every_n_steps}: must be at least 1")
    return every_n_steps


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
