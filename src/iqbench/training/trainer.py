"""The Lightning trainer that conf/trainer, conf/callbacks and conf/logger describe."""

import logging
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from lightning import Callback, Trainer
from lightning.fabric.utilities.exceptions import MisconfigurationException
from lightning.pytorch.callbacks import Checkpoint, ProgressBar
from lightning.pytorch.loggers import Logger
from lightning.pytorch.profilers import AdvancedProfiler, Profiler, PyTorchProfiler, SimpleProfiler
from omegaconf import DictConfig

from iqbench import config as configuration
from iqbench.errors import UsageError

log = logging.getLogger(__name__)


REPLACED = {
    "callbacks": "choose callbacks by name, such as callbacks=[checkpoints,telemetry,progress]",
    "default_root_dir": "out= is the folder of everything that a training writes",
    "overfit_batches": "use examples.overfit=N, which trains and validates on the same N examples",
    "use_distributed_sampler": "the data modules divide the examples among processes; leave it false",
    "barebones": "it trains without checkpoints and measures speed only; see callbacks/timing in TensorBoard",
}
"""Arguments of Lightning's Trainer that would be ignored or do harm, and what to use instead."""

PROFILERS: dict[str, type[Profiler]] = {
    "simple": SimpleProfiler,
    "advanced": AdvancedProfiler,
    "pytorch": PyTorchProfiler,
}

PRECISIONS = ("64", "64-true", "16-true", "bf16-true")
"""Precisions of Lightning in which the models do not compute."""


def make_trainer(config: DictConfig, folder: Path, recorders: Sequence[Callback] = ()) -> Trainer:
    """Return the trainer, with its callbacks and loggers.

    Args:
        config: The config of the training.
        folder: The folder of everything that the training writes.
        recorders: Callbacks besides those of the config.

    Raises:
        UsageError: If one of them refuses a setting.
    """
    settings = config.trainer
    _check(settings)
    build_trainer = configuration.build(settings, "trainer")
    callbacks = [*recorders, *_callbacks(config.callbacks)]
    if settings.get("enable_progress_bar") is False:
        callbacks = [callback for callback in callbacks if not isinstance(callback, ProgressBar)]
    if settings.get("enable_checkpointing") is False:
        callbacks = [callback for callback in callbacks if not isinstance(callback, Checkpoint)]
    options: dict[str, Any] = _machine_options(settings) | _profiler(settings, folder)
    options["enable_checkpointing"] = any(isinstance(callback, Checkpoint) for callback in callbacks)
    if "enable_progress_bar" not in settings:  # Lightning would add one that is not in the config
        options["enable_progress_bar"] = any(isinstance(callback, ProgressBar) for callback in callbacks)
    try:
        trainer: Trainer = build_trainer(
            callbacks=callbacks,
            logger=[] if settings.get("logger") is False else _loggers(config.logger),
            default_root_dir=folder,
            **options,
        )
    except (MisconfigurationException, ImportError, ValueError, TypeError) as error:
        reason = " ".join(str(error).split())[:300]
        if "backend found" in reason or "accelerator is not available" in reason:
            raise UsageError(
                f"trainer.accelerator={settings.accelerator}: this machine has none that torch can use; leave it out "
                "to use what there is, or give trainer=cpu"
            ) from error
        raise UsageError(f"trainer: {reason}") from error
    return trainer


def _check(settings: DictConfig) -> None:
    """Refuse the arguments of the Trainer that would be ignored, and those that Lightning does not check."""
    for key, advice in REPLACED.items():
        if settings.get(key):
            raise UsageError(f"trainer.{key}={settings[key]}: not used here; {advice}")
    if settings.get("logger") not in (None, True, False):
        raise UsageError(
            f"trainer.logger={settings.logger}: choose loggers by name, such as logger=[tensorboard,csv]; "
            "trainer.logger=false is logger=none"
        )
    if str(settings.get("precision")) in PRECISIONS:
        raise UsageError(
            f"trainer.precision={settings.precision}: the models compute in 32-true, bf16-mixed or 16-mixed"
        )
    if settings.get("accumulate_grad_batches", 1) < 1:
        raise UsageError(f"trainer.accumulate_grad_batches={settings.accumulate_grad_batches}: must be at least 1")


def _profiler(settings: DictConfig, folder: Path) -> dict[str, Profiler]:
    """Return a profiler that writes into the folder, because Lightning's default logs at a level that is hidden."""
    name = settings.get("profiler")
    if name not in PROFILERS:
        return {}
    log.info("trainer.profiler=%s: written to %s at the end", name, folder / "fit-profile.txt")
    return {"profiler": PROFILERS[name](dirpath=folder, filename="profile")}


def _callbacks(nodes: DictConfig) -> list[Callback]:
    try:
        return [configuration.build(nodes[name], f"callbacks.{name}") for name in map(str, nodes)]
    except MisconfigurationException as error:
        raise UsageError(f"callbacks: {' '.join(str(error).split())[:300]}") from error


def _loggers(nodes: DictConfig) -> list[Logger]:
    """Return the loggers; none for ``logger=none``."""
    loggers = []
    for name in map(str, nodes):
        try:
            loggers.append(configuration.build(nodes[name], f"logger.{name}"))
        except UsageError as error:
            cause = error.__cause__ and error.__cause__.__cause__
            if not isinstance(cause, ModuleNotFoundError):
                raise
            package = cause.name or next(iter(re.findall(r"'([\w-]+)", str(cause))), name)
            raise UsageError(f"logger={name} needs the package {package}: pip install {package}") from error
    return loggers


def _machine_options(trainer: DictConfig) -> dict[str, Any]:
    """Return the options that this machine forces: torch synchronises batch statistics on GPUs only."""
    on_gpu = trainer.accelerator in ("gpu", "cuda", "auto") and torch.cuda.is_available()
    if not trainer.get("sync_batchnorm") or on_gpu:
        return {}
    log.info("trainer.sync_batchnorm needs GPUs; with model.batch_statistics=learned each process has its own")
    return {"sync_batchnorm": False}
