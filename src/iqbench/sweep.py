"""The end of a sweep: all jobs' results in one place, whatever became of single jobs."""

import json
import logging
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hydra.experimental.callback import Callback
from omegaconf import DictConfig

from iqbench.errors import IqbenchError

log = logging.getLogger(__name__)


class MergeSweep(Callback):
    """A Hydra callback that merges a sweep's jobs when the last one is through, and says if one failed.

    The jobs themselves never raise (see `iqbench.bench.job`), since Hydra would then not call this.
    """

    def on_multirun_end(self, config: DictConfig, **kwargs: Any) -> None:
        """Export everything at the sweep's root and print its table; exit as the first failed job would have."""
        from iqbench.reporting.exports import export
        from iqbench.reporting.table import print_table

        root = Path(config.hydra.sweep.dir)
        failed = failed_jobs(root)
        try:
            print_table(export(root, failed))
            log.info("results: %s", root)
        except IqbenchError as error:
            log.error("%s", error)
        if failed:
            log.error("%d jobs failed: %s", len(failed), ", ".join(status["job"] for status in failed))
            sys.exit(failed[0]["exit_code"])


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


STATUS_FILE = "status.json"


def failed_jobs(root: Path) -> list[dict[str, Any]]:
    """Return what the jobs at or below ``root`` wrote down of their failures, in the order they were started."""
    statuses = [json.loads(path.read_text()) for path in root.rglob(STATUS_FILE)]
    failed = [status for status in statuses if status["exit_code"] != 0]
    return sorted(failed, key=lambda status: (len(status["job"].split("_")[0]), status["job"]))
