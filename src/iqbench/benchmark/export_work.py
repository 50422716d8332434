"""The work of exporting a job: in this process, or for several jobs of a sweep at once in workers."""

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from iqbench.benchmark.task import BenchmarkTask
from iqbench.inference.calls_in_workers import in_workers
from iqbench.progress import track
from iqbench.results.summary import Summary

Export = Callable[[Path], Summary]
"""Writes the exports of the results in a folder, and returns their summary."""

ROW_BYTES = 5_000
"""Memory that an export takes for each row, with room to spare: 2,800 bytes were measured at 232,000 rows."""

MEGABYTE = 1_000_000


class Exporting:
    """The exports of a job whose photos are scored.

    Args:
        task: The work of the run.
        folder: The folder of the results.
        export: Writes them.
    """

    def __init__(self, task: BenchmarkTask, folder: Path, export: Export) -> None:
        self.task, self.folder, self.export = task, folder, export
        self._summaries: list[Summary] = []

    def put(self, summary: Summary) -> None:
        """Take the summary of exports that were written in a worker."""
        self._summaries = [summary]

    def alone(self) -> None:
        """Write the exports, if that is not done.

        Raises:
            IqbenchError: If they cannot be written.
        """
        if not self._summaries:
            self.put(self.export(self.folder))

    @property
    def summary(self) -> Summary:
        """The summary of the exports, which are written if that is not done."""
        self.alone()
        return self._summaries[0]


def share_exports(jobs: Sequence[Exporting]) -> None:
    """Write the exports of several jobs in workers, as many at once as cores and ``engine.sweep_memory`` allow.

    What cannot be written so is left to each job, which says why.
    """
    engine = jobs[0].task.engine
    bytes_each = ROW_BYTES * max(len(job.task.files) * len(job.task.variants) for job in jobs)
    workers = min(engine.worker_count, len(jobs), int(engine.sweep_memory * MEGABYTE // bytes_each))
    if workers < 2:
        return
    calls = [partial(_written, job.export, job.folder) for job in jobs]
    for job, summary in zip(jobs, track(in_workers(calls, workers), "exports", len(jobs)), strict=True):
        if summary is not None:
            job.put(summary)


def _written(export: Export, folder: Path) -> Summary | None:
    """Return the summary of exports, None if they cannot be written."""
    try:
        return export(folder)
    except Exception:  # noqa: BLE001 - the job meets it again alone
        return None
