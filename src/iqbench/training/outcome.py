"""The outcome of a training: its checkpoint, its metrics, and the commands that follow."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from lightning import Trainer
from lightning.pytorch.callbacks import ModelCheckpoint
from pydantic import Field, ValidationError

from iqbench.callbacks.validation_record import Validation
from iqbench.errors import UsageError
from iqbench.io import write_text
from iqbench.records import Record, record_json

OUTCOME_FILE = "outcome.json"
"""In the folder of a training."""


class Outcome(Record):
    """What a training leaves: the checkpoint, and the metrics by which trainings are compared."""

    checkpoint: str | None
    """The best checkpoint; the last one if nothing was validated, None if none was kept."""
    metric: str
    """The name of the ``optimized_metric``."""
    value: float | None
    """Its value, None if it was not logged."""
    epoch: int | None = None
    """The epoch of the best validation, counted from 0."""
    metrics: dict[str, float] = Field(default_factory=dict)
    """``best/...``: the metrics of the best validation; ``final/...``: those of the last one and the training loss."""
    next_commands: list[str] = Field(default_factory=list)
    """The commands that benchmark and evaluate the checkpoint."""

    def write(self, folder: Path) -> None:
        """Write the outcome into the folder of its training."""
        write_text(folder / OUTCOME_FILE, record_json(self))


def read_outcome(folder: Path) -> Outcome:
    """Return the outcome of the training in a folder.

    Raises:
        UsageError: If the file is missing or damaged.
    """
    path = folder / OUTCOME_FILE
    try:
        return Outcome.model_validate_json(path.read_bytes())
    except (OSError, ValidationError) as error:
        raise UsageError(f"{path}: cannot be read ({' '.join(str(error).split())[:120]}); train again") from error


def metric_of(trainer: Trainer, name: str) -> float | None:
    """Return the best value of a metric if a checkpoint callback monitors it, else the last one."""
    for callback in trainer.checkpoint_callbacks:
        if isinstance(callback, ModelCheckpoint) and callback.monitor == name and callback.best_model_score is not None:
            return float(callback.best_model_score)
    value = trainer.callback_metrics.get(name)
    return None if value is None or not value.isfinite() else float(value)


def best_validation(trainer: Trainer, validations: Sequence[Validation]) -> Validation | None:
    """Return the validation of the best checkpoint, by its monitored metric; None without such a metric."""
    for callback in trainer.checkpoint_callbacks:
        if isinstance(callback, ModelCheckpoint) and callback.monitor is not None:
            name, sign = callback.monitor, 1 if callback.mode == "max" else -1
            scored = [validation for validation in validations if name in validation["metrics"]]
            return max(scored, key=lambda validation: sign * validation["metrics"][name], default=None)
    return None


def compared_metrics(trainer: Trainer, validations: Sequence[Validation]) -> dict[str, Any]:
    """Return the fields ``epoch`` and ``metrics`` of an `Outcome`."""
    metrics: dict[str, float] = {}
    best = best_validation(trainer, validations)
    if best is not None:
        metrics |= {f"best/{name}": value for name, value in best["metrics"].items()}
    if validations:
        metrics |= {f"final/{name}": value for name, value in validations[-1]["metrics"].items()}
    if (loss := trainer.callback_metrics.get("train/loss")) is not None and loss.isfinite():
        metrics["final/train/loss"] = float(loss)
    return {"epoch": best and best["epoch"], "metrics": metrics}


def lower_is_better(metric: str) -> bool:
    """Return whether a metric is a loss or an error.

    Example:
        >>> lower_is_better("val/loss"), lower_is_better("val/srcc")
        (True, False)
    """
    return metric.endswith(("loss", "rmse"))
