"""The end of a sweep: all jobs' results in one place, whatever became of single jobs."""

import json
import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hydra.experimental.callback import Callback
from hydra.utils import get_method
from omegaconf import DictConfig

from iqbench.errors import IqbenchError
from iqbench.launching import Job

log = logging.getLogger(__name__)


class MergeSweep(Callback):
    """A Hydra callback that merges a sweep's jobs when the last one is through, and says if one failed.

    The jobs themselves never raise (see `recorded`), since Hydra would then not call this.

    Args:
        export: The function that makes one report of all jobs below a folder, given those that failed.
        show: The function that prints that report.
    """

    def __init__(self, export: str, show: str) -> None:
        self.export, self.show = export, show

    def on_multirun_end(self, config: DictConfig, **kwargs: Any) -> None:
        """Export everything at the sweep's root and print its table; exit as the first failed job would have."""
        root = Path(config.hydra.sweep.dir)
        failed, exit_code = failed_jobs(root), 0
        try:
            get_method(self.show)(get_method(self.export)(root, failed))
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
        if exit_code:
            sys.exit(exit_code)


@dataclass
class Status:
    """How a job ended, in a file of its folder. Until it has ended, that it did not finish."""

    folder: Path
    exit_code: int = 1
    error: str = "did not finish"

    def write(self) -> None:
        """Write it down, for `failed_jobs` to find."""
        record = {"job": self.folder.name, "exit_code": self.exit_code, "error": self.error}
        (self.folder / STATUS_FILE).write_text(json.dumps(record))


@contextmanager
def recorded(job: Job) -> Iterator[None]:
    """Write down how a job ends; one of a sweep ends here even if it fails, and the next one goes on."""
    status = Status(job.folder)
    status.write()
    try:
        yield
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
    finally:
        status.write()


STATUS_FILE = "status.json"


def failed_jobs(root: Path) -> list[dict[str, Any]]:
    """Return what the jobs below ``root`` wrote down of their failures, in the order they were started.

    A run that is no sweep is no job of its own: how far it came is in its store.
    """
    statuses = [json.loads(path.read_text()) for path in root.rglob(STATUS_FILE) if path.parent != root]
    failed = [status for status in statuses if status["exit_code"] != 0]
    return sorted(failed, key=lambda status: (len(status["job"].split("_")[0]), status["job"]))
