"""The end of a sweep: all jobs' results in one place, whatever became of single jobs."""

import json
import logging
import sys
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
        for status in failed:
            log.error("job %s failed: %s", status["job"], status["error"])
        if failed:
            sys.exit(failed[0]["exit_code"])


def failed_jobs(root: Path) -> list[dict[str, Any]]:
    """Return what the jobs below ``root`` wrote down of their failures, in the order of their folders."""
    statuses = [json.loads(path.read_text()) for path in sorted(root.glob("*/status.json"))]
    return [status for status in statuses if status["exit_code"] != 0]
