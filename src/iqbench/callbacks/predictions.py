"""Validation predictions of every epoch, in Parquet files."""

from pathlib import Path
from typing import final

from lightning import Callback, LightningModule, Trainer

from iqbench.callbacks.logging_steps import should_log
from iqbench.callbacks.validation_table import validation_table
from iqbench.io import atomic_write


@final
class Predictions(Callback):
    """Writes the predictions of each validation to ``predictions/epoch_000.parquet`` in the run's folder.

    Columns: epoch, index, the photo names if the data module has them, predicted, true, loss. The last
    validation of an epoch counts. `iqbench.callbacks.history.predictions` reads all files.
    """

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Write the epoch's file."""
        if not should_log(trainer):
            return
        table = validation_table(trainer, pl_module)
        if table is not None:
            table.insert(0, "epoch", trainer.current_epoch)
            folder = Path(trainer.default_root_dir) / "predictions"
            folder.mkdir(exist_ok=True)
            with atomic_write(folder / f"epoch_{trainer.current_epoch:03d}.parquet") as temporary:
                temporary.write_bytes(table.to_parquet(index=False))
