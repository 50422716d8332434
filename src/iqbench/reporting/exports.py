"""What a run leaves for people and programs, made from the stores alone and the same every time."""

import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

import pandas as pd

from iqbench.benchmark.summarize import summarize_runs
from iqbench.benchmark.verdict_table import read_runs
from iqbench.config import MARK
from iqbench.errors import DiskError, TooManyFailures, UsageError
from iqbench.reporting.html import report
from iqbench.reporting.plots import accuracy_heatmap
from iqbench.reporting.takeaways import takeaways
from iqbench.results.reader import Run
from iqbench.results.schema import FILE_NAME, Exhibit
from iqbench.results.summary import FailedJob, Summary
from iqbench.statistics.bootstrap import BootstrapConfig

COLUMNS = [
    "model_name",
    "model_type",
    "original",
    "degraded",
    "degradation_type",
    "degradation_level",
    "prediction",
    "confidence",
    "score_original",
    "score_degraded",
    "correct",
    "degradation_group",
    "ladder",
    "severity",
    "margin",
    "probability",
    "legacy_confidence",
    "order_consistent",
    "input_change",
    "input_change_max",
    "status",
    "error",
    "model_fingerprint",
    "photo_sha256",
]
"""The columns of unified_results, those that the predecessor's users know first."""

SEED = 0
RESAMPLES = 2000
"""Of the bootstrap; fixed, so that a report made again is the same to the byte."""


def export(folder: Path, failed_jobs: Sequence[FailedJob] = (), sources: Sequence[Path] | None = None) -> Summary:
    """Write all exports of some runs into ``folder``, and return the summary.

    Args:
        folder: A run's folder, or a sweep's root.
        failed_jobs: What is known of jobs that left no complete results.
        sources: The folders of the runs, or folders above them; ``folder`` itself if it is not said.

    Raises:
        UsageError: If there are no results, or they do not belong together.
    """
    failed_jobs = [job for job in failed_jobs if job.exit_code != FINISHED]
    if sources is not None and not sources:
        raise UsageError(f"{folder}: no job has results")
    runs = read_runs([folder] if sources is None else sources)
    _make(folder, runs)
    results = summarize_runs(runs, failed_jobs, BootstrapConfig(SEED, RESAMPLES))
    summary, table = results.summary, results.table[COLUMNS]
    with together(folder) as place:
        write_csv(place / "unified_results.csv", table)
        table.to_parquet(place / "unified_results.parquet", index=False)
        write_csv(place / "manifest.csv", _manifest(runs))
        (place / "summary.json").write_text(summary.model_dump_json(indent=2) + "\n", encoding="utf-8")
        (place / "KEY_TAKEAWAYS.md").write_text(takeaways(summary), encoding="utf-8")
        accuracy_heatmap(summary, place / "accuracy.png")
        page = report(summary, place / "accuracy.png", exhibits(runs))
        (place / "report.html").write_text(page, encoding="utf-8")
    return summary


def _make(folder: Path, runs: Sequence[Run]) -> None:
    """Make the folder for the exports if it is not there; refuse one that holds a run that they are not about."""
    if (folder / FILE_NAME).exists() and (folder / FILE_NAME).resolve() not in [run.path.resolve() for run in runs]:
        raise UsageError(f"{folder}: holds another run, whose exports would be lost; choose another folder")
    roots = {run.details["config"]["data"].get("root") for run in runs} - {None}
    if folder.resolve() in [Path(root).expanduser().resolve() for root in roots]:
        raise UsageError(f"{folder}: is the photos' own folder; choose one in it or beside it")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / MARK).touch()
    except OSError as error:
        raise DiskError(f"{folder}: cannot be made ({error.strerror}); choose another folder") from error


FINISHED = TooManyFailures.exit_code
"""Of a job that is through, with more failed rows than were allowed."""


def exhibits(runs: Sequence[Run]) -> dict[tuple[str, str, str], Exhibit]:
    """Return the pictures of all runs by model fingerprint, photo sha256 and variant."""
    return {
        (run.identity["model_fingerprint"], exhibit.sha256, exhibit.variant): exhibit
        for run in runs
        for exhibit in (
            Exhibit(**{str(key): value for key, value in row.items()}) for row in run.exhibits.to_dict("records")
        )
    }


def _manifest(runs: Sequence[Run]) -> pd.DataFrame:
    photos = pd.concat([run.photos for run in runs]).drop(columns="seen_in_training")
    photos = photos.drop_duplicates(["name", "sha256"]).sort_values(["name", "sha256"])
    for column in ("file_bytes", "width", "height", "encoded_bytes"):
        photos[column] = photos[column].astype("Int64")
    return photos


@contextmanager
def together(folder: Path) -> Iterator[Path]:
    """Give a place for files, and move all of them into ``folder`` when the last one is written.

    So nobody ever sees half a file, and a disk that is full leaves the files of before.
    """
    with tempfile.TemporaryDirectory(prefix=".exports-", dir=folder) as place:
        yield Path(place)
        files = sorted(Path(place).iterdir())
        for file in files:
            with file.open("rb+") as written:
                os.fsync(written.fileno())
        for file in files:
            file.replace(folder / file.name)


def write_text(path: Path, text: str) -> None:
    """Write a text file as `together` does several."""
    with together(path.parent) as place:
        (place / path.name).write_text(text, encoding="utf-8")


def write_csv(path: Path, table: pd.DataFrame) -> None:
    """Write a table, a line feed after each row, of which every name can be read back as it is."""
    with path.open("w", encoding="utf-8", newline="") as file:
        table.to_csv(_LineFeeds(file), index=False, lineterminator="\r\n")  # type: ignore[call-overload]


class _LineFeeds:
    """Ends rows with a line feed; csv itself is told otherwise, or it would not quote a carriage return in a name."""

    def __init__(self, file: TextIO) -> None:
        self._file = file

    def write(self, row: str) -> None:
        self._file.write(row.removesuffix("\r\n") + "\n")
