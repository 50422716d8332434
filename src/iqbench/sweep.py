"""The end of a sweep: all jobs' results in one place, whatever became of single jobs."""

import json
import logging
import os
import sys
import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hydra.experimental.callback import Callback
from hydra.utils import get_method
from omegaconf import DictConfig

from iqbench.cli import Job, until_the_end
from iqbench.errors import IqbenchError, TooManyFailures, UsageError, last_word, naming_the_disk
from iqbench.results.schema import FILE_NAME

log = logging.getLogger(__name__)

STATUS_FILE = "status.json"
"""In a job's folder: how it ended."""

SWEEP_FILE = "sweep.json"
"""In a sweep's root: the mark of the last sweep, which its jobs have in their status too."""


class MergeSweep(Callback):
    """A Hydra callback that merges a sweep's jobs when the last one is through, and says if one failed.

    The jobs themselves never raise (see `recorded`), since Hydra would then not call this.

    Args:
        export: The function that makes one report in a folder, given the jobs that failed and the folders with results.
        show: The function that prints that report.
    """

    def __init__(self, export: str, show: str) -> None:
        self.export, self.show = export, show
        self.is_running = False

    def on_multirun_start(self, config: DictConfig, **kwargs: Any) -> None:
        """Hold the root, and give this sweep a mark, by which its jobs are told from those of another one."""
        with last_word(f"iqbench.{config.hydra.job.name}"):  # Hydra would turn an error into a warning
            until_the_end.enter_context(self._running(Path(config.hydra.sweep.dir)))

    def on_multirun_end(self, config: DictConfig, **kwargs: Any) -> None:
        """Export everything at the sweep's root and print its table; exit as the first failed job would have."""
        root = Path(config.hydra.sweep.dir)
        self.is_running = False
        if exit_code := self._merge(root):
            sys.exit(exit_code)

    @contextmanager
    def _running(self, root: Path) -> Iterator[None]:
        from iqbench.results.store import lock

        root.mkdir(parents=True, exist_ok=True)
        with lock(root):
            if (root / FILE_NAME).exists():
                raise UsageError(f"{root}: holds a run that is no sweep; choose another out=")
            mark = uuid.uuid4().hex
            _write(root / SWEEP_FILE, {"mark": mark, "through": False})
            self.is_running = True
            try:
                yield
            except (KeyboardInterrupt, SystemExit):  # Hydra calls nothing then
                if self.is_running:
                    self._merge(root)
                raise
            finally:
                self.is_running = False

    def _merge(self, root: Path) -> int:
        failed: list[dict[str, Any]] = []
        exit_code = 0
        try:
            with naming_the_disk():
                if not self.is_running:
                    _write(root / SWEEP_FILE, {"mark": _mark(root), "through": True})
                failed, sources = jobs(root)
                get_method(self.show)(get_method(self.export)(root, failed, sources))
            log.info("results: %s", root)
        except IqbenchError as error:
            exit_code = error.exit_code
            log.error("%s", error)
        except Exception:  # Hydra would turn it into a warning, and the sweep into a success
            exit_code = 1
            log.exception("%s: the jobs could not be merged", root)
        if failed:
            exit_code = failed[0]["exit_code"]
            log.error("%d jobs failed: %s", len(failed), ", ".join(status["job"] for status in failed))
        return exit_code


@dataclass
class Status:
    """How a job ended, in a file of its folder. Until it has ended, that it did not finish."""

    folder: Path
    sweep: str | None
    """The mark of the sweep that it is a job of."""
    exit_code: int = 1
    error: str = "did not finish"
    has_results: bool = False
    """Whether the results in its folder are this job's, and not those of an earlier one that was there."""

    def write(self) -> None:
        """Write it down, for `jobs` to find."""
        keys = ("sweep", "exit_code", "error", "has_results")
        _write(self.folder / STATUS_FILE, {"job": self.folder.name} | {key: getattr(self, key) for key in keys})

    def holds_results(self) -> None:
        """Write down that what is in the folder belongs to this job, however it ends."""
        self.has_results = True
        self.write()


@contextmanager
def recorded(job: Job) -> Iterator[Status]:
    """Write down how a job ends; one of a sweep ends here even if it fails, and the next one goes on."""
    status = Status(job.folder, _mark(job.root) if job.root else None)
    status.write()
    try:
        with naming_the_disk():
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
        with suppress(OSError):  # then what stands there is that it did not finish
            status.write()


def jobs(folder: Path) -> tuple[list[dict[str, Any]], list[Path]]:
    """Return what is known of jobs that failed, in the order they were started, and the folders that hold results.

    Of a sweep's root these are the jobs of the last sweep; what others left there is named and not mixed in.
    """
    if (folder / FILE_NAME).exists():  # how far a run came is in its store
        return [], [folder]
    places = sorted((path.parent for path in folder.rglob(STATUS_FILE)), key=lambda place: _started(place.name))
    found = {place: _status(place / STATUS_FILE) for place in places if place != folder}
    statuses = {place: status for place, status in found.items() if status}
    mark = _mark(folder)
    if mark is None:
        return _failed(statuses.values()), [folder]
    own = {place: status for place, status in statuses.items() if status["sweep"] in (mark, "unknown")}
    failed = _failed(own.values())
    if not failed and not _read(folder / SWEEP_FILE)["through"]:
        failed = [{"job": folder.name, "exit_code": 1, "error": "the sweep was interrupted"}]
    sources = [place for place, status in own.items() if status["has_results"]]
    others = {path.parent for path in folder.rglob(FILE_NAME)}.difference(sources)
    if others:
        names = ", ".join(sorted(str(place.relative_to(folder)) for place in others))
        log.warning("%s: not merged, for the last sweep did not make it: %s", folder, names)
    return failed, sources


def _failed(statuses: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    failed = [{key: status[key] for key in ("job", "exit_code", "error")} for status in statuses if status["exit_code"]]
    return sorted(failed, key=lambda status: _started(status["job"]))


def _started(job: str) -> tuple[int, str]:
    """Return a sort key by which job 2 comes before job 10."""
    return len(job.split("_")[0]), job


def _mark(root: Path) -> str | None:
    """Return the mark of the last sweep in that root, if there was one."""
    mark = _read(root / SWEEP_FILE).get("mark")
    return mark if isinstance(mark, str) else None


def _status(path: Path) -> dict[str, Any]:
    """Return what a job wrote down: that nothing is known if it is damaged, and nothing if it is another program's."""
    status = _read(path)
    if "damaged" in status:
        error = f"how it ended is not known: its {STATUS_FILE} is damaged"
        return {"job": path.parent.name, "sweep": "unknown", "exit_code": 1, "error": error, "has_results": False}
    kinds = {"job": str, "exit_code": int, "error": str}
    is_ours = all(isinstance(status.get(key), kind) for key, kind in kinds.items())
    return {"sweep": None, "has_results": True} | status if is_ours else {}


def _read(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_bytes())
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        log.warning("%s: cannot be read (%s)", path, " ".join(str(error).split())[:160])
        return {"damaged": True}
    return content if isinstance(content, dict) else {}


def _write(path: Path, content: dict[str, Any]) -> None:
    temporary = path.with_name(f".{path.name}.tmp")
    try:
        with temporary.open("w") as file:
            json.dump(content, file)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
