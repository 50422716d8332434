"""The learning rate of each parameter group, as a scalar."""

from typing import Any, final

from lightning import Trainer
from lightning.pytorch.callbacks import LearningRateMonitor


@final
class LearningRates(LearningRateMonitor):
    """Log the learning rates. Lightning's own callback refuses a trainer without a logger; this one does nothing."""

    def on_train_start(self, trainer: Trainer, *args: Any, **kwargs: Any) -> None:
        """Find the names of the rates."""
        if trainer.loggers:
            super().on_train_start(trainer, *args, **kwargs)

    def on_train_batch_start(self, trainer: Trainer, *args: Any, **kwargs: Any) -> None:
        """Log the rates that change with each step."""
        if trainer.loggers:
            super().on_train_batch_start(trainer, *args, **kwargs)

    def on_train_epoch_start(self, trainer: Trainer, *args: Any, **kwargs: Any) -> None:
        """Log the rates that change with each epoch."""
        if trainer.loggers:
            super().on_train_epoch_start(trainer, *args, **kwargs)
