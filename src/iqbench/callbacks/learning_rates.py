"""Learning rate of each parameter group, as a scalar."""

from typing import Any, final

from lightning import Trainer
from lightning.pytorch.callbacks import LearningRateMonitor

from iqbench.callbacks.logging_steps import should_log


@final
class LearningRates(LearningRateMonitor):
    """Logs the learning rates. Unlike Lightning's callback it accepts a trainer without a logger."""

    def on_train_start(self, trainer: Trainer, *args: Any, **kwargs: Any) -> None:
        """Find the names of the rates."""
        if trainer.loggers and should_log(trainer):
            super().on_train_start(trainer, *args, **kwargs)

    def on_train_batch_start(self, trainer: Trainer, *args: Any, **kwargs: Any) -> None:
        """Log the rates that change with each step."""
        if trainer.loggers and should_log(trainer):
            super().on_train_batch_start(trainer, *args, **kwargs)

    def on_train_epoch_start(self, trainer: Trainer, *args: Any, **kwargs: Any) -> None:
        """Log the rates that change with each epoch."""
        if trainer.loggers and should_log(trainer):
            super().on_train_epoch_start(trainer, *args, **kwargs)
