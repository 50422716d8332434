"""What remains of a training: one table of all its scalars, and a line to compare it with others by."""

from pathlib import Path
from typing import Any, final

import pandas as pd
from lightning import Callback, LightningModule, Trainer
from lightning.pytorch.callbacks import ModelCheckpoint

from iqbench.callbacks.history import history
from iqbench.callbacks.logging_steps import recording, step_done, tensorboards
from iqbench.callbacks.tables import write_table
from iqbench.errors import UsageError

SETTINGS = ("data", "examples", "seed")
"""What is compared besides the model's hyperparameters, where the model knows its ``recipe``."""


@final
class FinalMetrics(Callback):
    """When a training ends, writes its scalars to ``telemetry.parquet`` and fills TensorBoard's HPARAMS page.

    There stand ``final/...``, the metrics of the last validation, and ``best/...``, what the best
    checkpoint was chosen by, beside the hyperparameters of the model, its data and examples. The
    page shows the first metrics that a run writes, so the logger must have ``default_hp_metric=False``.
    """

    def on_fit_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Sum up."""
        if not recording(trainer):
            return
        for logger in tensorboards(trainer):
            logger.experiment.flush()
            try:
                table = history(Path(logger.log_dir))
            except UsageError:  # nothing was logged: a training of no steps
                continue
            write_table(table, Path(trainer.default_root_dir) / "telemetry.parquet")
            recipe: dict[str, Any] = getattr(pl_module, "recipe", {})
            settings = dict(pl_module.hparams) | {key: recipe[key] for key in SETTINGS if key in recipe}
            metrics = final_metrics(table) | _best(trainer)
            logger.log_hyperparams(settings, metrics, step=step_done(trainer))


def final_metrics(table: pd.DataFrame) -> dict[str, float]:
    """Return the metrics of the last validation and the last training loss, of a table as `history` returns it.

    A metric that was undefined in the last validation is not there, whatever it was before.
    """
    validation = table[table["tag"].str.startswith("val/")]
    last = validation[validation["step"] == validation["step"].max()]
    training = table[table["tag"] == "train/loss"].tail(1)
    rows = pd.concat([training, last])
    return {f"final/{tag}": float(value) for tag, value in zip(rows["tag"], rows["value"], strict=True)}


def _best(trainer: Trainer) -> dict[str, float]:
    kept = [callback for callback in trainer.checkpoint_callbacks if isinstance(callback, ModelCheckpoint)]
    scores = {callback.monitor: callback.best_model_score for callback in kept if callback.monitor is not None}
    return {f"best/{monitor}": float(score) for monitor, score in scores.items() if score is not None}
