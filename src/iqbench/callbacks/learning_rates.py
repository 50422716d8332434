"""The learning rate of each parameter group, as a scalar."""

from typing import Any, final

from lightning import Trainer
from lightning.pytorch.callbacks import LearningRateMonitor


@final
class LearningRates(LearningRateMonitor):
    """Log the learning rates from the first process. Without a logger do nothing, where Lightning raises an error."""

    def on_train_start(self, trainer: Trainer, *args: Any, **kwargs: Any) -> None:
        """Find the names of the rates."""
        if _is_logging(trainer):
            super().on_train_start(trainer, *args, **kwargs)

    def on_train_batch_start(self, trainer: Trainer, *args: Any, **kwargs: Any) -> None:
        """Log the rates that change with each step."""
        if _is_logging(trainer):
            super().on_train_batch_start(trainer, *args, **kwargs)

    def on_train_epoch_start(self, trainer: Trainer, *args: Any, **kwargs: Any) -> None:
        """Log the rates that change with each epoch."""
        if _is_logging(trainer):
            super().on_train_epoch_start(trainer, *args, **kwargs)


def _is_logging(trainer: Trainer) -> bool:
    return bool(trainer.loggers) and trainer.is_global_zero
