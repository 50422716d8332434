"""Jobs of a sweep that are held back until all are known, so that those which share their photos can run together.

Only Hydra's own launcher, which runs one job after the other in this process, lets jobs wait. Under any other
launcher each job runs at once, in a process of its own.
"""

from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from hydra._internal.core_plugins.basic_launcher import BasicLauncherConf
from hydra.core.hydra_config import HydraConfig
from hydra.core.utils import configure_log
from omegaconf import DictConfig, OmegaConf

Start = Callable[[], Iterator[Any]]
"""A function that starts a job, which is then an iterator over its work."""


@dataclass(frozen=True)
class _HeldJob:
    start: Start
    shared: str
    hydra: DictConfig
    """Hydra's part of the job's config: what ``${hydra:...}`` refers to, and where its log goes."""

    def steps(self) -> Generator[Any, None, None]:
        """Run the job step by step as Hydra would, with its own config and log."""
        steps: Any = self.start()
        error: BaseException | None = None
        while True:
            try:
                with self._is_current():
                    work = next(steps) if error is None else steps.throw(error)
            except StopIteration:
                return
            error = None
            try:
                yield work
            except BaseException as stop:  # noqa: BLE001 - thrown into the job
                error = stop

    @contextmanager
    def _is_current(self) -> Iterator[None]:
        instance: Any = HydraConfig.instance()
        before = instance.cfg
        instance.cfg = self.hydra
        configure_log(self.hydra.hydra.job_logging, self.hydra.hydra.verbose)
        try:
            yield
        finally:
            instance.cfg = before


_held: list[_HeldJob] = []


def are_held() -> bool:
    """Return whether the sweep's launcher lets jobs wait, and the sweep's callback runs them in the end."""
    config = HydraConfig.get()
    is_local = config.launcher._target_ == BasicLauncherConf._target_
    return bool(is_local and OmegaConf.select(DictConfig(config.callbacks), "merge.run"))


def hold(start: Start, shared: str) -> None:
    """Hold back the job that Hydra runs.

    Args:
        start: Starts it.
        shared: Jobs of which this is equal can run together; "" for a job that runs alone.
    """
    config: Any = HydraConfig.instance().cfg
    _held.append(_HeldJob(start, shared, config))


def forget() -> None:
    """Forget what an interrupted sweep of this process has held back."""
    _held.clear()


def release() -> list[list[Start]]:
    """Return the jobs that were held back, those together that can run together, in the order of their first jobs."""
    groups: dict[object, list[Start]] = {}
    for number, job in enumerate(_held):
        groups.setdefault(job.shared or number, []).append(job.steps)
    _held.clear()
    return list(groups.values())
