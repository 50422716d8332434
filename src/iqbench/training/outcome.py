"""The outcome of a training, and the best outcome of a sweep."""

import logging
from collections.abc import Sequence
from pathlib import Path

from lightning import Trainer
from lightning.pytorch.callbacks import ModelCheckpoint

from iqbench.io import write_text
from iqbench.records import Record

log = logging.getLogger(__name__)

OUTCOME_FILE = "outcome.json"
"""In the folder of a training."""


class Outcome(Record):
    """The best checkpoint of a training, and the value of its ``optimized_metric``; None if it was not logged."""

    checkpoint: str | None
    metric: str
    value: float | None

    def write(self, folder: Path) -> None:
        """Write the outcome into the folder of its training."""
        write_text(folder / OUTCOME_FILE, self.model_dump_json(indent=2))


def metric_of(trainer: Trainer, name: str) -> float | None:
    """Return the best value of a metric if a checkpoint callback monitors it, else the last one."""
    for callback in trainer.checkpoint_callbacks:
        if isinstance(callback, ModelCheckpoint) and callback.monitor == name and callback.best_model_score is not None:
            return float(callback.best_model_score)
    value = trainer.callback_metrics.get(name)
    return None if value is None or not value.isfinite() else float(value)


def collect(root: Path, failed: Sequence[object], sources: Sequence[Path]) -> list[tuple[Path, Outcome]]:
    """Return the outcomes of a sweep's jobs."""
    return [(folder, Outcome.model_validate_json((folder / OUTCOME_FILE).read_bytes())) for folder in sources]


def log_best(outcomes: Sequence[tuple[Path, Outcome]]) -> None:
    """Log the job with the best metric, and its checkpoint."""
    values = {folder: outcome for folder, outcome in outcomes if outcome.value is not None}
    if not values:
        return
    metric = next(iter(values.values())).metric
    folder, outcome = best(values, metric)
    log.info("best %s: %.4g, job %s of %d", metric, outcome.value, folder.name, len(outcomes))
    log.info("best checkpoint: %s", outcome.checkpoint)


def best(outcomes: dict[Path, Outcome], metric: str) -> tuple[Path, Outcome]:
    """Return the job with the lowest loss or error, or the highest value of any other metric.

    Example:
        >>> values = {"0_siamese": 0.61, "1_ava": 0.75}
        >>> jobs = {Path(job): Outcome(checkpoint=None, metric="val/srcc", value=values[job]) for job in values}
        >>> best(jobs, "val/srcc")[0].name, best(jobs, "val/loss")[0].name
        ('1_ava', '0_siamese')
    """
    sign = -1 if metric.endswith(("loss", "rmse")) else 1
    return max(outcomes.items(), key=lambda item: sign * (item[1].value or 0.0))
