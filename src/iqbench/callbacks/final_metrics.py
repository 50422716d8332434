"""The results of a training: a table of all its scalars, and its row on TensorBoard's HPARAMS page."""

from pathlib import Path
from typing import Any, final

import pandas as pd
from lightning import Callback, LightningModule, Trainer
from lightning.pytorch.callbacks import ModelCheckpoint

from iqbench.callbacks.history import history
from iqbench.callbacks.logging_steps import last_step, should_log, tensorboard_loggers
from iqbench.errors import UsageError
from iqbench.io import atomic_write

SETTINGS = ("data", "examples", "seed")
"""Parts of the model's ``recipe`` that are logged beside its hyperparameters."""


@final
class FinalMetrics(Callback):
    """Writes the scalars to ``telemetry.parquet`` and fills TensorBoard's HPARAMS page at the end of a training.

    The page shows ``final/...``, the metrics of the last validation, and ``best/...``, the monitored
    metric of the best checkpoint, beside the hyperparameters of model, data and examples. It shows the
    first metrics that a run writes, so the logger must have ``default_hp_metric=False``.
    """

    def on_fit_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Write the table and the row."""
        if not should_log(trainer):
            return
        for logger in tensorboard_loggers(trainer):
            logger.experiment.flush()
            try:
                table = history(Path(logger.log_dir))
            except UsageError:  # a training without steps logs nothing
                continue
            with atomic_write(Path(trainer.default_root_dir) / "telemetry.parquet") as temporary:
                temporary.write_bytes(table.to_parquet(index=False))
            recipe: dict[str, Any] = getattr(pl_module, "recipe", {})
            settings = dict(pl_module.hparams) | {key: recipe[key] for key in SETTINGS if key in recipe}
            metrics = final_metrics(table) | _best(trainer)
            logger.log_hyperparams(settings, metrics, step=last_step(trainer))


def final_metrics(table: pd.DataFrame) -> dict[str, float]:
    """Return the metrics of the last validation and the last training loss, from a table of `history`.

    A metric that was undefined in the last validation is left out, even if an earlier one defined it.
    """
    validation = table[table["tag"].str.startswith("val/")]
    last = validation[validation["step"] == validation["step"].max()]
    training = table[table["tag"] == "train/loss"].tail(1)
    rows = pd.concat([training, last])
    return {f"final/{tag}": float(value) for tag, value in zip(rows["tag"], rows["value"], strict=True)}


def _best(trainer: Trainer) -> dict[str, float]:
    callbacks = [callback for callback in trainer.checkpoint_callbacks if isinstance(callback, ModelCheckpoint)]
    scores = {callback.monitor: callback.best_model_score for callback in callbacks if callback.monitor is not None}
    return {f"best/{monitor}": float(score) for monitor, score in scores.items() if score is not None}
