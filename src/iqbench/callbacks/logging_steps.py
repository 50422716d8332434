"""When a callback has something to record, under which step, and where to."""

from collections.abc import Mapping

from lightning import Trainer
from lightning.pytorch.loggers import TensorBoardLogger
from lightning.pytorch.trainer.states import TrainerFn
from torch.utils.tensorboard import SummaryWriter

from iqbench.errors import UsageError


def recording(trainer: Trainer) -> bool:
    """Tell whether this is the process that writes, in a fit and after its sanity check."""
    return trainer.is_global_zero and trainer.state.fn == TrainerFn.FITTING and not trainer.sanity_checking


def interval(callback: str, every_n_steps: int) -> int:
    """Return how many steps pass from one report to the next.

    Raises:
        UsageError: If it is less than one.
    """
    if every_n_steps < 1:
        raise UsageError(f"callbacks.{callback}.every_n_steps={every_n_steps}: must be at least 1")
    return every_n_steps


def due(trainer: Trainer, batch_index: int, every: int) -> bool:
    """Tell whether to report after this batch: every so many of an epoch, or once where it has fewer."""
    done = batch_index + 1
    return done % every == 0 or (trainer.is_last_batch and done < every)


def step_done(trainer: Trainer) -> int:
    """Return the number of the last step, as Lightning counts in its own logs: the first one is 0."""
    return max(0, trainer.global_step - 1)


def record(trainer: Trainer, values: Mapping[str, float], step: int) -> None:
    """Hand numbers to all of the trainer's loggers."""
    for logger in trainer.loggers:
        logger.log_metrics(dict(values), step=step)


def tensorboards(trainer: Trainer) -> list[TensorBoardLogger]:
    """Return the trainer's TensorBoard loggers: for what other loggers cannot keep."""
    return [logger for logger in trainer.loggers if isinstance(logger, TensorBoardLogger)]


def writers(trainer: Trainer) -> list[SummaryWriter]:
    """Return what writes TensorBoard's files."""
    return [logger.experiment for logger in tensorboards(trainer)]
