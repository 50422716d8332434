"""The validation answers of every epoch, kept."""

from pathlib import Path
from typing import final

from lightning import Callback, LightningModule, Trainer

from iqbench.callbacks.answers import answers_of
from iqbench.callbacks.logging_steps import recording
from iqbench.callbacks.tables import write_table


@final
class Predictions(Callback):
    """Writes what the model answered in each validation to ``predictions/epoch_000.parquet`` in the run's folder.

    Columns: epoch, index, the names of the photos if they are known, predicted, true, loss. Of several
    validations in one epoch the last is kept. `iqbench.callbacks.history.predictions` reads them all.
    """

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Write the epoch's file."""
        if not recording(trainer):
            return
        table = answers_of(trainer, pl_module)
        if table is not None:
            table.insert(0, "epoch", trainer.current_epoch)
            folder = Path(trainer.default_root_dir) / "predictions"
            write_table(table, folder / f"epoch_{trainer.current_epoch:03d}.parquet")
