"""Exports of several jobs: each in a worker, those that fail there again in this process, within the memory allowed."""

import multiprocessing
import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from iqbench.benchmark.export_work import ROW_BYTES, Exporting, share_exports
from iqbench.errors import DiskError

HERE = os.getpid()


def written(folder: Path) -> Any:
    """Write which process exports, as an export would its files."""
    folder.mkdir(exist_ok=True)
    (folder / "by").write_text(str(os.getpid()))
    return folder.name


def fails_in_a_worker(folder: Path) -> Any:
    if multiprocessing.parent_process() is not None:
        raise DiskError(f"{folder}: no room")
    return written(folder)


def kills_its_worker(folder: Path) -> Any:
    if multiprocessing.parent_process() is not None:
        os._exit(9)
    return written(folder)


def fails(folder: Path) -> Any:
    raise DiskError(f"{folder.name}: no room")


def exporting(folder: Path, export: Any = written, rows: int = 6, megabytes: int = 2000, workers: int = 2) -> Any:
    """An export of photos with three variants each."""
    engine = SimpleNamespace(worker_count=workers, sweep_memory=megabytes)
    task: Any = SimpleNamespace(engine=engine, files=["photo"] * (rows // 3), variants=["variant"] * 3)
    return Exporting(task, folder, export)


def exporter(folder: Path) -> int:
    return int((folder / "by").read_text())


def test_exports_are_written_in_workers_and_their_summaries_come_back_in_order(tmp_path: Path) -> None:
    jobs = [exporting(tmp_path / name) for name in "abcde"]
    share_exports(jobs)
    assert HERE not in [exporter(tmp_path / name) for name in "abcde"]
    assert [job.summary for job in jobs] == list("abcde")
    assert HERE not in [exporter(tmp_path / name) for name in "abcde"]  # not written a second time


@pytest.mark.parametrize("export", [fails_in_a_worker, kills_its_worker])
def test_an_export_that_fails_in_a_worker_is_written_in_this_process(tmp_path: Path, export: Any) -> None:
    jobs = [exporting(tmp_path / "a"), exporting(tmp_path / "b", export), exporting(tmp_path / "c")]
    share_exports(jobs)
    assert [job.summary for job in jobs] == ["a", "b", "c"]
    assert exporter(tmp_path / "b") == HERE
    assert HERE not in (exporter(tmp_path / "a"), exporter(tmp_path / "c"))


def test_the_error_of_an_export_is_the_job_s_and_does_not_touch_the_others(tmp_path: Path) -> None:
    jobs = [exporting(tmp_path / "a"), exporting(tmp_path / "b", fails)]
    share_exports(jobs)
    assert jobs[0].summary == "a"
    with pytest.raises(DiskError, match="b: no room"):
        jobs[1].alone()


@pytest.mark.parametrize(
    ("rows", "workers", "shared"),
    [
        (1_000_000 * 10 // ROW_BYTES // 3 * 3, 2, True),  # two of 10 MB in 20 MB
        (1_000_000 * 11 // ROW_BYTES // 3 * 3, 2, False),
        (6, 1, False),
        (6, 0, False),
    ],
)
def test_only_as_many_exports_run_at_once_as_cores_and_memory_allow(
    tmp_path: Path, rows: int, workers: int, shared: bool
) -> None:
    jobs = [exporting(tmp_path / name, rows=rows, megabytes=20, workers=workers) for name in "ab"]
    share_exports(jobs)
    assert (tmp_path / "a").exists() == (tmp_path / "b").exists() == shared
    assert [job.summary for job in jobs] == ["a", "b"]
