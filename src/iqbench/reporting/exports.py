"""Write the exports of runs from their stores: tables, summary, takeaways, plot and report. Repeatable to the byte."""

from collections import ChainMap
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TextIO

import pandas as pd

from iqbench.benchmark.comparison_pictures import Catalogue, comparison_pictures
from iqbench.benchmark.summarize import summarize_runs
from iqbench.benchmark.verdict_table import read_runs
from iqbench.errors import DiskError, TooManyFailures, UsageError
from iqbench.io import atomic_batch
from iqbench.outputs import MARK
from iqbench.paths import absolute
from iqbench.records import record_json
from iqbench.reporting.gallery import stored_pictures
from iqbench.reporting.html import report_page
from iqbench.reporting.html_sections import ReportContent
from iqbench.reporting.plots import accuracy_plot
from iqbench.reporting.takeaways import takeaways
from iqbench.results import FILE_NAME
from iqbench.results.comparison_pictures import FILE_NAME as COMPARISONS
from iqbench.results.comparison_pictures import ComparisonPicture, read_comparison_pictures, write_comparison_pictures
from iqbench.results.reader import Run
from iqbench.results.schema import EXPORTED_COLUMNS, MANIFEST_COLUMNS
from iqbench.results.summary import FailedJob, Summary
from iqbench.statistics.bootstrap import BootstrapConfig

SEED = 0
"""Seed of the bootstrap. It is fixed, so that a report made twice has the same bytes."""

RESAMPLES = 2000
"""Number of bootstrap resamples."""


def export(
    folder: Path,
    failed_jobs: Sequence[FailedJob] = (),
    sources: Sequence[Path] | None = None,
    kept: Sequence[Path] = (),
    catalogue: Callable[[], Catalogue] | None = None,
) -> Summary:
    """Write all exports of some runs into ``folder``, and return their summary.

    Args:
        folder: A run's folder, or a sweep's root.
        failed_jobs: The jobs of a sweep that left no complete results.
        sources: The folders of the runs, or folders above them; by default ``folder`` itself.
        kept: Folders of earlier exports, whose pictures of compared photos are used again, besides ``folder``.
        catalogue: Returns the photos that missing pictures are made from, if they are known.

    Raises:
        UsageError: If there are no results, or they do not belong together.
    """
    if sources is not None and not sources:
        raise UsageError(f"{folder}: no job has results")
    runs = read_runs([folder] if sources is None else sources)
    _prepare_folder(folder, runs)
    jobs = [job for job in failed_jobs if job.exit_code != FINISHED]
    results = summarize_runs(runs, jobs, BootstrapConfig(SEED, RESAMPLES))
    summary, table = results.summary, results.table[EXPORTED_COLUMNS]
    pictures: list[ComparisonPicture] = []
    if any(len(run.gallery) for run in runs):  # else the runs keep no pictures: gallery=0
        earlier = ChainMap(*(dict(read_comparison_pictures(place)) for place in (folder, *kept)))
        pictures = comparison_pictures(summary.agreement, earlier, catalogue)
    with atomic_batch(folder) as place:
        write_csv(place / "unified_results.csv", table)
        (place / "unified_results.parquet").write_bytes(table.to_parquet(index=False))
        write_csv(place / "manifest.csv", _manifest_table(runs))
        (place / "summary.json").write_text(record_json(summary), encoding="utf-8", newline="\n")
        (place / "KEY_TAKEAWAYS.md").write_text(takeaways(summary), encoding="utf-8", newline="\n")
        accuracy_plot(summary, place / "accuracy.png")
        if pictures:
            write_comparison_pictures(place / COMPARISONS, pictures)
        compared = {picture.key: picture for picture in pictures}
        origins = [(str(run.identity["model_name"]), run.origin) for run in runs]
        content = ReportContent(summary, place / "accuracy.png", stored_pictures(runs), compared, origins)
        page = report_page(content)
        (place / "report.html").write_text(page, encoding="utf-8", newline="\n")
    return summary


def _prepare_folder(folder: Path, runs: Sequence[Run]) -> None:
    """Create the folder of the exports; refuse the folder of another run, whose exports would be overwritten."""
    if (folder / FILE_NAME).exists() and (folder / FILE_NAME).resolve() not in [run.path.resolve() for run in runs]:
        raise UsageError(f"{folder}: holds another run, whose exports would be lost; choose another folder")
    if folder.resolve() in _photo_folders(runs):
        raise UsageError(f"{folder}: is the photos' own folder; choose one in it or beside it")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / MARK).touch()
    except OSError as error:
        raise DiskError(f"{folder}: cannot be created ({error.strerror}); choose another folder") from error


def _photo_folders(runs: Sequence[Run]) -> set[Path]:
    """Return the folders that the photos were read from, as far as this user has them."""
    folders = set()
    for root in {run.details["config"]["data"].get("root") for run in runs} - {None}:
        with suppress(UsageError):  # another user's home folder
            folders.add(absolute(root, "data.root").resolve())
    return folders


FINISHED = TooManyFailures.exit_code
"""Exit code of a job with complete results but more failed rows than ``max_failures``."""


def _manifest_table(runs: Sequence[Run]) -> pd.DataFrame:
    """Return one row per photo of the runs, with its size and content hash."""
    photos = pd.concat([run.photos for run in runs])[MANIFEST_COLUMNS]
    return photos.drop_duplicates(["name", "sha256"]).sort_values(["name", "sha256"])


def write_csv(path: Path, table: pd.DataFrame) -> None:
    """Write a table as CSV with a line feed after each row. Every name is read back unchanged."""
    with path.open("w", encoding="utf-8", newline="") as file:
        table.to_csv(_LineFeeds(file), index=False, lineterminator="\r\n")  # type: ignore[call-overload]


class _LineFeeds:
    """Write a line feed after each row. With it as csv's own terminator, csv would not quote a carriage return."""

    def __init__(self, file: TextIO) -> None:
        self._file = file

    def write(self, row: str) -> None:
        self._file.write(row.removesuffix("\r\n") + "\n")
