"""The checkpoint that a training leaves."""

from pathlib import Path
from typing import NamedTuple

from lightning import Trainer
from lightning.pytorch.callbacks import Checkpoint, ModelCheckpoint

from iqbench.errors import UsageError


class KeptCheckpoint(NamedTuple):
    """A checkpoint, and the words that say which one it is, or why there is none."""

    path: Path | None
    description: str

    def __str__(self) -> str:
        return f"{self.description}: {self.path}" if self.path else self.description


def find_checkpoint(trainer: Trainer, folder: Path) -> KeptCheckpoint:
    """Return the best checkpoint of a finished training, or else its last one.

    Raises:
        UsageError: If no step was taken, so that there is none.
    """
    if trainer.fast_dev_run:  # type: ignore[attr-defined]
        return KeptCheckpoint(None, "a trial of one batch: no checkpoint was kept")
    if not any(isinstance(callback, Checkpoint) for callback in trainer.checkpoint_callbacks):
        return KeptCheckpoint(None, "no checkpoint was kept: callbacks=[checkpoints,...] keeps them")
    if not trainer.global_step:
        raise UsageError(
            f"{folder}: no checkpoint was written, since no step was taken; are trainer.max_epochs, "
            "trainer.max_steps and trainer.limit_train_batches above 0?"
        )
    callbacks = [callback for callback in trainer.checkpoint_callbacks if isinstance(callback, ModelCheckpoint)]
    for callback in callbacks:
        if callback.monitor is not None and Path(callback.best_model_path or folder).is_file():
            return KeptCheckpoint(Path(callback.best_model_path), "best checkpoint")
    for callback in callbacks:
        path = Path(callback.last_model_path or callback.best_model_path or folder)
        if path.is_file():
            monitored = any(callback.monitor is not None for callback in callbacks)
            reason = "nothing was validated" if monitored else "callbacks.best is left out"
            return KeptCheckpoint(path, f"last checkpoint ({reason}, so that no epoch is the best)")
    raise UsageError(f"{folder}: no checkpoint was written; is the folder writable?")
