"""The Lightning trainer that conf/trainer, conf/callbacks and conf/logger describe."""

import logging
import re
from pathlib import Path
from typing import Any

import torch
from lightning import Callback, Trainer
from lightning.fabric.utilities.exceptions import MisconfigurationException
from lightning.pytorch.callbacks import ProgressBar
from lightning.pytorch.loggers import Logger
from omegaconf import DictConfig

from iqbench import config as configuration
from iqbench.errors import UsageError

log = logging.getLogger(__name__)


def make_trainer(config: DictConfig, folder: Path) -> Trainer:
    """Return the trainer, with its callbacks and loggers.

    Raises:
        UsageError: If one of them refuses a setting.
    """
    build_trainer = configuration.build(config.trainer, "trainer")
    if config.trainer.get("accumulate_grad_batches", 1) < 1:  # Lightning does not check this one
        raise UsageError(
            f"trainer.accumulate_grad_batches={config.trainer.accumulate_grad_batches}: must be at least 1"
        )
    callbacks = _callbacks(config.callbacks)
    options: dict[str, Any] = _machine_options(config.trainer)
    if "enable_progress_bar" not in config.trainer:  # Lightning would add one that is not in the config
        options["enable_progress_bar"] = any(isinstance(callback, ProgressBar) for callback in callbacks)
    try:
        trainer: Trainer = build_trainer(
            callbacks=callbacks,
            logger=_loggers(config.logger),
            default_root_dir=folder,
            **options,
        )
    except (MisconfigurationException, ImportError, ValueError, TypeError) as error:
        raise UsageError(f"trainer: {' '.join(str(error).split())[:300]}") from error
    return trainer


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
