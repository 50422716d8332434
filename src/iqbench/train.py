"""Train a model: ``python -m iqbench.train model=siamese data=phototriage``."""

import logging
import shlex
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

from omegaconf import DictConfig

from iqbench import cli
from iqbench import config as configuration
from iqbench.errors import UsageError
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
    current = cli.Job.current()
    value: float | None = None
    with _recorded(current):
        cli.prepare(config, current, "train")
        with alone_in(current.folder):
            outcome = train(config, current.folder)
            if is_main_process():
                outcome.write(current.folder)
        if outcome.checkpoint is None:
            log.info("a trial of one batch: no checkpoint was kept")
        else:
            log.info("best checkpoint: %s", outcome.checkpoint)
            for command in what_next(config, current, outcome.checkpoint):
                log.info("%s", command)
        check_metric(outcome, current)
        value = outcome.value
    return value


def _recorded(current: cli.Job) -> AbstractContextManager[Status | None]:
    return recorded(current) if is_main_process() else nullcontext()


def alone_in(folder: Path) -> AbstractContextManager[None]:
    """Lock the folder for this training. Its other processes, here or on other nodes, share the lock."""
    from iqbench.io import lock

    return lock(folder) if is_main_process() else nullcontext()


def train(config: DictConfig, folder: Path) -> "Outcome":
    """Train the model, and return its best checkpoint and metric. A ``fast_dev_run`` keeps no checkpoint.

    Raises:
        UsageError: If the model or the data cannot be trained with, or the checkpoint to resume cannot be used.
    """
    import lightning

    from iqbench.models.learned import Learned
    from iqbench.training.datamodules import datamodule_for
    from iqbench.training.fit import fit, silence_lightning
    from iqbench.training.outcome import Outcome, metric_of
    from iqbench.training.resume import checkpoint_to_resume, recipe
    from iqbench.training.trainer import make_trainer

    silence_lightning()
    lightning.seed_everything(config.seed, workers=True, verbose=False)
    if not configuration.describes(config.model, "model", Learned):
        raise UsageError(f"model={config.name}: follows rules, there is nothing to train; train siamese or ava")
    resume_from = checkpoint_to_resume(config, folder)
    model: Learned = configuration.build(config.model, "model")
    if resume_from is not None:
        model.load_weights(str(resume_from))  # refuses another family or architecture before Lightning resumes
    model.recipe = recipe(config)
    trainer = make_trainer(config, folder)  # before the data: its mistakes are found in a second
    datamodule = datamodule_for(config, model)
    fit(trainer, model, datamodule, resume_from)
    is_trial = config.trainer.get("fast_dev_run", False)
    return Outcome(
        checkpoint=None if is_trial else str(best_checkpoint(trainer, model, folder)),
        metric=config.optimized_metric,
        value=metric_of(trainer, config.optimized_metric),
    )


def best_checkpoint(trainer: "Trainer", model: "Learned", folder: Path) -> Path:
    """Return the best checkpoint. If only a head on the packaged backbone was trained, export the head beside it.

    Raises:
        UsageError: If no checkpoint was written.
    """
    from iqbench.models.checkpoint import export_head, read_weights

    best = Path(getattr(trainer.checkpoint_callback, "best_model_path", ""))
    if not best.is_file():
        raise UsageError(
            f"{folder}: no checkpoint was written; is the folder writable, and trainer.max_epochs above 0?"
        )
    if model.is_head_on_packaged_backbone and trainer.is_global_zero:
        export_head(best.with_name("head.safetensors"), read_weights(best))
    return best


def what_next(config: DictConfig, current: cli.Job, checkpoint: str) -> list[str]:
    """Return the commands that benchmark and evaluate a checkpoint."""
    from iqbench.datasets.labelled import LabelledPhotos

    choice, data = current.choices["model"], current.choices["data"]
    model = [f"model={choice}", f"model.checkpoint={checkpoint}"]
    commands = [["bench", *model]]
    if configuration.describes(config.data, "data", LabelledPhotos):
        files = configuration.compose("train", [f"model={choice}", f"data={data}"], current.config_dirs)
        changed = [key for key in config.data if key != "seed" and config.data[key] != files.data[key]]
        place = [f"data={data}", *(f"data.{key}={config.data[key]}" for key in changed)]
        seed = [f"seed={config.seed}"] if config.seed != files.seed else []
        commands.append(["evaluate", *model, *place, *seed])
    return [f"python -m iqbench.{shlex.join(command)}" for command in commands]


def check_metric(outcome: "Outcome", current: cli.Job) -> None:
    """Refuse a metric that the training has not logged: a sweep needs it, a single training does not.

    Raises:
        UsageError: In a sweep.
    """
    if outcome.value is None:
        message = f"optimized_metric={outcome.metric}: not logged, or undefined; val/loss always is"
        if current.is_sweep:
            raise UsageError(message)
        log.warning("%s", message)


if __name__ == "__main__":
    main()
