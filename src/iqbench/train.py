"""Train a model: ``python -m iqbench.train model=siamese data=phototriage``."""

import logging
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

from omegaconf import DictConfig

from iqbench import cli
from iqbench import config as configuration
from iqbench.errors import UsageError
from iqbench.job import Job
from iqbench.sweep import Status, recorded
from iqbench.training.processes import is_main_process

if TYPE_CHECKING:
    from lightning import Trainer

    from iqbench.models.learned import Learned
    from iqbench.training.outcome import Outcome

log = logging.getLogger(__name__)


def main() -> None:
    """Start training from the command line."""
    cli.launch(job, "train", interrupted="the same command resumes it")


def job(config: DictConfig) -> float | None:
    """Run one training: alone, or as a job of a sweep, where a failure is recorded and the next job starts.

    Returns:
        The value of ``optimized_metric``, for a search; None after a failure, which Optuna counts as a failed trial.
    """
    current = Job.current()
    value: float | None = None
    with _recorded(current):
        cli.prepare(config, current, "train")
        with alone_in(current.folder):
            outcome = train(config, current)
            if is_main_process():
                outcome.write(current.folder)
        if not current.is_sweep:  # a sweep shows those of its best job
            for command in outcome.next_commands:
                log.info("%s", command)
        check_metric(outcome, current)
        value = outcome.value
    return value


def _recorded(current: Job) -> AbstractContextManager[Status | None]:
    return recorded(current) if is_main_process() else nullcontext()


def alone_in(folder: Path) -> AbstractContextManager[None]:
    """Lock the folder for this training. Its other processes, here or on other nodes, share the lock."""
    from iqbench.io import lock

    return lock(folder) if is_main_process() else nullcontext()


def train(config: DictConfig, current: Job) -> "Outcome":
    """Train the model, and return its best checkpoint and its metrics. A ``fast_dev_run`` keeps no checkpoint.

    Raises:
        UsageError: If the model or the data cannot be trained with, or the checkpoint to resume cannot be used.
    """
    import lightning

    from iqbench.callbacks.validation_record import ValidationRecord
    from iqbench.models.learned import Learned
    from iqbench.training.datamodules import datamodule_for
    from iqbench.training.fit import fit, silence_lightning
    from iqbench.training.next_commands import next_commands
    from iqbench.training.outcome import Outcome, compared_metrics, metric_of
    from iqbench.training.resume import checkpoint_to_resume, recipe
    from iqbench.training.same_data import SameData
    from iqbench.training.trainer import make_trainer

    silence_lightning()
    lightning.seed_everything(config.seed, workers=True, verbose=False)
    if not configuration.describes(config.model, "model", Learned):
        raise UsageError(f"model={config.name}: follows rules, there is nothing to train; train siamese or ava")
    resumed = checkpoint_to_resume(config, current.folder)
    model: Learned = configuration.build(config.model, "model")
    if resumed is not None:
        model.load_weights(str(resumed.path))  # refuses another family or architecture before Lightning resumes
    model.recipe = recipe(config)
    record = ValidationRecord()
    trainer = make_trainer(
        config, current.folder, [SameData(model, resumed), record]
    )  # before the data: its mistakes are found in a second
    datamodule = datamodule_for(config, model)
    fit(trainer, model, datamodule, resumed.path if resumed else None)
    checkpoint = kept_checkpoint(trainer, model, current.folder)
    commands = next_commands(config, current.choices, str(checkpoint), current.config_dirs) if checkpoint else []
    return Outcome(
        checkpoint=str(checkpoint) if checkpoint else None,
        metric=config.optimized_metric,
        value=metric_of(trainer, config.optimized_metric),
        next_commands=commands,
        **compared_metrics(trainer, record.validations),
    )


def kept_checkpoint(trainer: "Trainer", model: "Learned", folder: Path) -> Path | None:
    """Return the best checkpoint; the last one if nothing was validated, None if callbacks or a trial keep none.

    If only a head on the packaged backbone was trained, export the head beside it.

    Raises:
        UsageError: If no step was taken.
    """
    from iqbench.models.checkpoint import export_head, read_weights
    from iqbench.training.checkpoints import find_checkpoint

    found = find_checkpoint(trainer, folder)
    log.info("%s", found)
    if found.path and model.is_head_on_packaged_backbone and trainer.is_global_zero:
        export_head(found.path.with_name("head.safetensors"), read_weights(found.path))
    return found.path


def check_metric(outcome: "Outcome", current: Job) -> None:
    """Refuse a metric that the training has not logged: a sweep needs it, a single training does not.

    Raises:
        UsageError: In a sweep.
    """
    if outcome.value is None:
        message = f"optimized_metric={outcome.metric}: not logged, or undefined; val/loss is in every validation"
        if current.is_sweep:
            raise UsageError(message)
        log.warning("%s", message)


if __name__ == "__main__":
    main()
