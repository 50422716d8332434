"""The frame of a job that judges photos with one model, and writes its results at the end.

`iqbench.bench` has a frame of its own: its jobs are resumed, and run together.
"""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from omegaconf import DictConfig, OmegaConf

from iqbench import cli
from iqbench import config as configuration
from iqbench.errors import TooManyFailures
from iqbench.job import Job
from iqbench.sweep import recorded

if TYPE_CHECKING:
    from jaxtyping import Shaped
    from torch import Tensor

    from iqbench.inference.engine_config import EngineConfig
    from iqbench.interfaces import PhotoFile, QualityModel

log = logging.getLogger(__name__)

Summary = TypeVar("Summary")


def run_job(
    config: DictConfig,
    program: str,
    judge: Callable[[DictConfig, Path], Summary],
    show: Callable[[Summary], None],
    failures: Callable[[Summary], Mapping[str, int]],
    table: str,
) -> None:
    """Run one job. In a sweep its failure is recorded, and the next job starts.

    Args:
        config: The config of the job.
        program: The name of the program, such as ``evaluate``.
        judge: Writes the results into a folder, and returns their summary.
        show: Prints the summary.
        failures: Returns the rows without an answer, by status.
        table: The file of the rows.
    """
    current = Job.current()
    with recorded(current):
        cli.prepare(config, current, program)
        summary = judge(config, current.folder)
        if not current.is_sweep:
            show(summary)
            log.info("results: %s", current.folder)
        check_failures(failures(summary), config.max_failures, table)


def check_failures(failures: Mapping[str, int], max_failures: int, table: str) -> None:
    """Raise if more rows failed than ``max_failures``.

    Raises:
        TooManyFailures: With the number of failures by status. The results are complete nevertheless.

    Example:
        >>> check_failures({"corrupt": 2}, 2, "a.csv")
        >>> check_failures({"corrupt": 2, "timeout": 1}, 2, "a.csv")
        Traceback (most recent call last):
        ...
        iqbench.errors.TooManyFailures: finished, but rows failed: 2 corrupt, 1 timeout; see status and error in a.csv
    """
    if sum(failures.values()) > max_failures:
        counts = ", ".join(f"{count} {status}" for status, count in sorted(failures.items()))
        raise TooManyFailures(f"finished, but rows failed: {counts}; see status and error in {table}")


def built_model(config: DictConfig) -> "tuple[QualityModel, str]":
    """Return the model of a job, and its fingerprint from before it is used, as in the benchmark.

    Raises:
        UsageError: If the config cannot be used.
    """
    import torch

    from iqbench.provenance import fingerprint

    torch.manual_seed(config.seed)  # the random weights of an untrained network are those of the benchmark
    model = configuration.build(config.model, "model")
    settings: Any = OmegaConf.to_container(config.model, resolve=True)
    return model, fingerprint(model, settings)


@dataclass(frozen=True)
class ReadyModel:
    """A model on its device.

    Args:
        model: The model.
        engine: The engine config, tuned for it.
        picture: A prepared photo, None if no photo can be read.
    """

    model: "QualityModel"
    engine: "EngineConfig"
    picture: "Shaped[Tensor, '...'] | None"


def ready_model(
    model: "QualityModel", engine: "EngineConfig", files: "Sequence[PhotoFile]", is_rehearsed: bool = True
) -> ReadyModel:
    """Return a model on its device, rehearsed, with the engine config tuned for it.

    Args:
        model: The model.
        engine: The engine config.
        files: The photos of the job.
        is_rehearsed: Whether it judges some of them first.

    Raises:
        UsageError: If it gives no answer about any of them.
    """
    from iqbench.inference.autotuning import autotune
    from iqbench.inference.rehearsal import rehearse_model

    placed = engine.place(model)
    engine = engine.for_model(placed)
    picture = rehearse_model(placed, engine, files) if is_rehearsed else None
    return ReadyModel(placed, autotune(engine, placed, picture), picture)
