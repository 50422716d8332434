"""The results of a training: a table of all its scalars, and its row on TensorBoard's HPARAMS page."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, final

import pandas as pd
from lightning import Callback, LightningModule, Trainer
from lightning.pytorch.callbacks import ModelCheckpoint

from iqbench.callbacks.history import history
from iqbench.callbacks.logging_steps import last_step, should_log, tensorboard_loggers
from iqbench.config import overrides_of
from iqbench.errors import UsageError
from iqbench.io import atomic_write

COLUMNS = (
    "model.backbone",
    "model.frozen",
    "model.optimizer.name",
    "model.optimizer.lr",
    "model.optimizer.backbone_lr",
    "examples.batch_size",
    "seed",
)
"""Settings that the HPARAMS page always shows."""

NO_COLUMNS = ("out", "print_config", "ckpt_path", "hydra", "callbacks", "logger", "paths", "examples.workers")
"""Settings, with all below them, that it never shows, since they do not change the result."""


@final
class FinalMetrics(Callback):
    """Writes the scalars to ``telemetry.parquet`` and fills TensorBoard's HPARAMS page at the end of a training.

    The page shows ``final/...``, the metrics of the last validation, and ``best/...``, the monitored
    metric of the best checkpoint, beside `COLUMNS` and every setting that was given on the command line, so
    that the columns of a sweep are the swept settings. It shows the first metrics that a run writes, so the
    logger must have ``default_hp_metric=False``.
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
            recipe = {"model": dict(pl_module.hparams), **getattr(pl_module, "recipe", {})}
            settings = shown_settings(recipe, overrides_of(Path(trainer.default_root_dir)))
            metrics = final_metrics(table) | _best(trainer)
            logger.log_hyperparams(settings, metrics, step=last_step(trainer))


def shown_settings(recipe: Mapping[str, Any], overrides: Mapping[str, str]) -> dict[str, Any]:
    """Return the columns of the HPARAMS page: `COLUMNS`, then what the command line sets.

    Args:
        recipe: The parts of the config that decide the result.
        overrides: The command line, by key.

    Example:
        >>> recipe = {"model": {"backbone": "tiny", "dropout": 0.5, "losses": {"pairs": "a"}}, "seed": 3}
        >>> shown_settings(recipe, {"model": "siamese", "model.dropout": "5e-1", "trainer.max_epochs": "2", "out": "x"})
        {'model.backbone': 'tiny', 'seed': 3, 'model': 'siamese', 'model.dropout': 0.5, 'trainer.max_epochs': '2'}
    """
    hidden = [key for key in overrides if any(f"{key}.".startswith(f"{name}.") for name in NO_COLUMNS)]
    columns: dict[str, Any] = {}
    for key in dict.fromkeys([*COLUMNS, *(key for key in overrides if key not in hidden)]):
        value: Any = recipe
        for part in key.split("."):
            value = value.get(part) if isinstance(value, Mapping) else None
        if value is None or isinstance(value, Mapping):  # no part of the recipe, or a whole group
            value = overrides.get(key)
        if value is not None:
            columns[key] = value if isinstance(value, bool | int | float | str) else str(value)
    return columns


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
