"""Sweeps: record how each job ends, and merge the results of all jobs."""

import json
import logging
import sys
import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hydra.experimental.callback import Callback
from hydra.utils import get_method
from omegaconf import DictConfig
from pydantic import StrictInt, ValidationError

from iqbench import held_jobs
from iqbench.cli import until_the_end
from iqbench.errors import IqbenchError, TooManyFailures, UsageError, as_disk_error, exit_on_error
from iqbench.io import natural_order, write_text
from iqbench.job import Job
from iqbench.records import Record
from iqbench.results import FILE_NAME

if TYPE_CHECKING:
    from iqbench.results.summary import FailedJob

log = logging.getLogger(__name__)

UNKNOWN = "unknown"
"""The sweep of a job whose status file is damaged."""

STATUS_FILE = "status.json"
"""In a job's folder: its exit code and error."""

SWEEP_FILE = "sweep.json"
"""In a sweep's root: the id of the last sweep, which its jobs repeat in their status."""


class MergeSweep(Callback):
    """A Hydra callback that merges the results of a sweep after its last job, and reports failed jobs.

    A job never raises (see `recorded`), since Hydra would then skip this callback.

    Args:
        export: The function that merges results in a folder, given the failed jobs and the folders with results.
        show: The function that prints the merged results.
        run: The function that runs the jobs that were held back until all were known; see `iqbench.held_jobs`.
    """

    def __init__(self, export: str, show: str, run: str | None = None) -> None:
        self.export, self.show, self.run = export, show, run
        self.root = Path()
        self.is_running = False

    def on_multirun_start(self, config: DictConfig, **kwargs: Any) -> None:
        """Lock the root, and write the id of this sweep, by which its jobs are recognised."""
        with exit_on_error(f"iqbench.{config.hydra.job.name}"):  # Hydra would turn an error into a warning
            self.root = Path(config.hydra.sweep.dir)
            held_jobs.forget()
            until_the_end.enter_context(self._running(self.root))

    def on_multirun_end(self, config: DictConfig, **kwargs: Any) -> None:
        """Run what was held back, merge and print the results; exit with the code of the first failed job."""
        exit_code = 0
        try:
            if self.run is not None:
                get_method(self.run)()
            self.is_running = False
        except Exception:  # Hydra would turn it into a warning; jobs that have not begun leave no status
            exit_code = 1
            log.exception("%s: the jobs could not be run together", self.root)
        exit_code = self._merge(self.root) or exit_code
        self.is_running = False
        if exit_code:
            sys.exit(exit_code)

    @contextmanager
    def _running(self, root: Path) -> Iterator[None]:
        with started(root):
            self.is_running = True
            try:
                yield
            except (KeyboardInterrupt, SystemExit):  # Hydra then skips on_multirun_end
                if self.is_running:
                    self._merge(root)
                raise
            finally:
                self.is_running = False

    def _merge(self, root: Path) -> int:
        failed: list[FailedJob] = []
        exit_code = 0
        try:
            with as_disk_error():
                if not self.is_running:
                    finish(root)
                failed, sources = jobs(root)
                get_method(self.show)(get_method(self.export)(root, failed, sources))
            log.info("results: %s", root)
        except IqbenchError as error:
            exit_code = error.exit_code
            log.error("%s", error)
        except Exception:  # Hydra would turn it into a warning and exit with 0
            exit_code = 1
            log.exception("%s: the jobs could not be merged", root)
        if failed:
            exit_code = failed[0].exit_code
            log.error("%d jobs failed: %s", len(failed), ", ".join(job.job for job in failed))
        return exit_code


@contextmanager
def started(root: Path) -> Iterator[None]:
    """Lock the root of a sweep, and write the id of this sweep, by which its jobs are recognised.

    Raises:
        LockedError: If another run is writing there.
        UsageError: If the folder holds a single run.
    """
    from iqbench.io import lock

    root.mkdir(parents=True, exist_ok=True)
    with lock(root):
        if (root / FILE_NAME).exists():
            raise UsageError(f"{root}: holds a single run, not a sweep; choose another out=")
        write_text(root / SWEEP_FILE, json.dumps({"mark": uuid.uuid4().hex, "through": False}))
        yield


def finish(root: Path) -> None:
    """Record that the last job of a sweep has ended."""
    write_text(root / SWEEP_FILE, json.dumps({"mark": _mark(root), "through": True}))


class JobStatus(Record):
    """The content of a status file: the sweep's id, and how the job ended."""

    job: str
    exit_code: StrictInt
    error: str
    sweep: str | None = None
    has_results: bool = True


@dataclass
class Status:
    """The status of a running job, in a file of its folder. It counts as failed until it ends."""

    folder: Path
    sweep: str | None
    """The id of the sweep that the job belongs to."""
    exit_code: int = 1
    error: str = "did not finish"
    has_results: bool = False
    """True if the results in the folder are those of this job, and not of an earlier one."""

    def write(self) -> None:
        """Write the status file."""
        status = JobStatus(
            job=self.folder.name,
            exit_code=self.exit_code,
            error=self.error,
            sweep=self.sweep,
            has_results=self.has_results,
        )
        write_text(self.folder / STATUS_FILE, json.dumps(status.model_dump()))

    def holds_results(self) -> None:
        """Record that the results in the folder are those of this job, however it ends."""
        self.has_results = True
        self.write()


@contextmanager
def recorded(job: Job) -> Iterator[Status]:
    """Record how a job ends. The error of a sweep's job is logged and ends here, so that the next job starts."""
    status = Status(job.folder, _mark(job.root) if job.root else None)
    status.write()
    try:
        with as_disk_error():
            yield status
        status.exit_code, status.error = 0, ""
    except IqbenchError as error:
        status.exit_code, status.error = error.exit_code, str(error)
        if not job.is_sweep:
            raise
        log.error("%s: %s", job.folder.name, error)
    except Exception as error:
        status.error = f"{type(error).__name__}: {error}"
        if not job.is_sweep:
            raise
        log.exception("%s: failed", job.folder.name)
    except BaseException as stop:
        status.exit_code = stop.code if isinstance(stop, SystemExit) and isinstance(stop.code, int) else 130
        status.error = "interrupted"
        raise
    finally:
        status.has_results |= status.exit_code in (0, TooManyFailures.exit_code)
        with suppress(OSError):  # the file then still says "did not finish"
            status.write()


def jobs(folder: Path) -> tuple[list["FailedJob"], list[Path]]:
    """Return the failed jobs, in the order of their numbers, and the folders that hold results.

    In the root of a sweep these are the jobs of the last sweep. Results of other sweeps are logged, but not merged.
    """
    if (folder / FILE_NAME).exists():  # a single run: its store knows how far it came
        return [], [folder]
    places = sorted((path.parent for path in folder.rglob(STATUS_FILE)), key=natural_order)
    statuses = {place: _status(place / STATUS_FILE) for place in places if place != folder}
    mark = _mark(folder)
    if mark is None:
        return _failed(statuses.values()), [folder]
    of_sweep = {place: status for place, status in statuses.items() if status and status.sweep in (mark, UNKNOWN)}
    failed = _failed(of_sweep.values())
    if not failed and not _read(folder / SWEEP_FILE)["through"]:
        failed = _failed([JobStatus(job=folder.name, exit_code=1, error="the sweep was interrupted")])
    sources = [place for place, status in of_sweep.items() if status.has_results]
    others = {path.parent for path in folder.rglob(FILE_NAME)}.difference(sources)
    if others:
        names = ", ".join(sorted(str(place.relative_to(folder)) for place in others))
        log.warning("%s: not merged, since they are not of the last sweep: %s", folder, names)
    return failed, sources


def _failed(statuses: Iterable[JobStatus | None]) -> list["FailedJob"]:
    from iqbench.results.summary import FailedJob  # deferred: it imports pandas

    failed = [status for status in statuses if status and status.exit_code]
    failed.sort(key=lambda status: natural_order(Path(status.job)))
    return [FailedJob(job=status.job, exit_code=status.exit_code, error=status.error) for status in failed]


def _mark(root: Path) -> str | None:
    """Return the id of the last sweep in a root, None if there was none."""
    mark = _read(root / SWEEP_FILE).get("mark")
    return mark if isinstance(mark, str) else None


def _status(path: Path) -> JobStatus | None:
    """Return a job's status; a failure if the file is damaged, None if it belongs to another program."""
    status = _read(path)
    if "damaged" in status:
        error = f"unknown: its {STATUS_FILE} is damaged"
        return JobStatus(job=path.parent.name, exit_code=1, error=error, sweep=UNKNOWN, has_results=False)
    try:
        return JobStatus.model_validate(status)
    except ValidationError:
        return None


def _read(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_bytes())
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        log.warning("%s: cannot be read (%s)", path, " ".join(str(error).split())[:160])
        return {"damaged": True}
    return content if isinstance(content, dict) else {}
