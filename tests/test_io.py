import errno
import os
import re
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from fixtures.kill_points import count_steps, killed_at
from iqbench import io
from iqbench.errors import DiskError, as_disk_error
from iqbench.io import atomic_batch, atomic_write, lock, write_text


def contents(folder: Path) -> dict[str, str]:
    return {path.name: path.read_text() for path in folder.iterdir() if path.is_file()}


def batch(folder: Path) -> None:
    with atomic_batch(folder) as draft_folder:
        for name in "ab":
            (draft_folder / name).write_text("new")


WRITERS: dict[str, Callable[[Path], None]] = {"text": lambda folder: write_text(folder / "a", "new"), "batch": batch}


@pytest.mark.parametrize("writer", WRITERS)
def test_a_kill_at_any_step_leaves_whole_files_and_the_next_write_clears_up(tmp_path: Path, writer: str) -> None:
    write = WRITERS[writer]
    steps = count_steps(tmp_path / "counted", lambda: ((tmp_path / "counted").mkdir(), write(tmp_path / "counted")))
    assert {"fsync", "synced"} < set(steps)
    texts = set()
    for deadly in range(len(steps)):
        folder = tmp_path / f"killed-{deadly}"
        folder.mkdir()
        (folder / "a").write_text("old")
        if killed_at(deadly, folder, lambda: write(folder)) == 0:  # noqa: B023
            break
        texts.add((folder / "a").read_text())
        assert {text for name, text in contents(folder).items() if not name.startswith(".")} <= {"old", "new"}
        write(folder)
        assert set(contents(folder)) == ({"a"} if writer == "text" else {"a", "b"})
        assert set(contents(folder).values()) == {"new"}
        assert not [path for path in folder.iterdir() if path.is_dir()]
    assert texts == {"old", "new"}


def test_an_error_in_the_block_leaves_the_old_file_and_no_other(tmp_path: Path) -> None:
    write_text(tmp_path / "a", "old")

    def fail() -> None:
        with atomic_write(tmp_path / "a") as temporary:
            temporary.write_text("half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    assert contents(tmp_path) == {"a": "old"}


def test_an_error_in_a_batch_leaves_all_old_files_and_no_other(tmp_path: Path) -> None:
    for name in "ab":
        write_text(tmp_path / name, "old")

    def fail() -> None:
        with atomic_batch(tmp_path) as draft_folder:
            (draft_folder / "a").write_text("new")
            (draft_folder / "b").write_text("ne")
            raise OSError(errno.ENOSPC, "full")

    with pytest.raises(OSError, match="full"):
        fail()
    assert contents(tmp_path) == {"a": "old", "b": "old"}
    assert len(list(tmp_path.iterdir())) == 2


def test_all_files_of_a_batch_are_on_the_disk_before_the_first_is_moved(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[str] = []
    monkeypatch.setattr("os.fsync", lambda number: done.append("synced"))
    move = Path.replace
    monkeypatch.setattr(Path, "replace", lambda source, target: (done.append("moved"), move(source, target)))
    batch(tmp_path)
    assert done == ["synced", "synced", "moved", "moved", "synced"]  # the last one is the folder
    assert contents(tmp_path) == {"a": "new", "b": "new"}


def test_text_is_written_as_it_is_on_every_system(tmp_path: Path) -> None:
    write_text(tmp_path / "a", "é\n\r\n")
    assert (tmp_path / "a").read_bytes() == b"\xc3\xa9\n\r\n"


def test_programs_that_share_a_file_use_temporary_files_of_their_own(tmp_path: Path) -> None:
    old, young = tmp_path / ".a.1.tmp", tmp_path / ".a.2.tmp"
    for path in (old, young):
        path.write_text("another program's")
    os.utime(old, (0, 0))
    with atomic_write(tmp_path / "a", shared=True) as temporary:
        assert temporary not in (old, young)
        temporary.write_text("new")
    assert contents(tmp_path) == {"a": "new", young.name: "another program's"}


def test_windows_cannot_sync_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "O_DIRECTORY")
    synced: list[int] = []
    monkeypatch.setattr(os, "fsync", synced.append)
    write_text(tmp_path / "a", "new")
    assert len(synced) == 1
    assert contents(tmp_path) == {"a": "new"}


@pytest.mark.parametrize(("failures", "system"), [(1, "nt"), (99, "nt"), (1, "posix")])
def test_a_file_that_somebody_reads_on_windows_is_replaced_as_soon_as_it_is_closed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failures: int, system: str
) -> None:
    tries: list[Path] = []

    def busy(source: Path, target: Path) -> None:
        tries.append(source)
        if len(tries) <= failures:
            raise PermissionError(13, "used by another process")

    monkeypatch.setattr(Path, "replace", busy)
    monkeypatch.setattr(time, "sleep", lambda seconds: None)
    monkeypatch.setattr(io.os, "name", system)
    try:
        io.replace(tmp_path / "a", tmp_path / "b")
    except PermissionError:
        failed = True
    else:
        failed = False
    finally:
        monkeypatch.undo()
    assert (failed, len(tries)) == {(1, "nt"): (False, 2), (99, "nt"): (True, 10), (1, "posix"): (True, 1)}[
        failures, system
    ]


@pytest.mark.parametrize("number", [errno.ENOLCK, errno.ENOTSUP, errno.EINVAL, errno.EIO, errno.EACCES])
def test_a_file_system_that_cannot_lock_is_refused_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr("iqbench.io.FileLock.acquire", refuse)
    with pytest.raises(DiskError, match="cannot be locked"), lock(tmp_path):
        pass


@pytest.mark.parametrize("number", [errno.EINVAL, errno.ENOTSUP, errno.EIO])
def test_a_file_that_cannot_be_synced_is_named_and_the_old_one_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    def refuse(_: int) -> None:
        raise OSError(number, os.strerror(number))

    write_text(tmp_path / "a", "old")
    monkeypatch.setattr(os, "fsync", refuse)
    with (
        pytest.raises(DiskError, match=rf"\.a\.tmp: cannot be used \({re.escape(os.strerror(number))}"),
        as_disk_error(),
    ):
        write_text(tmp_path / "a", "new")
    assert contents(tmp_path) == {"a": "old"}


@pytest.mark.parametrize("number", [errno.EINVAL, errno.ENOTSUP, errno.ENOSYS])
def test_a_folder_that_cannot_be_synced_is_written_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    real = os.fsync

    def refuse(descriptor: int) -> None:
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            raise OSError(number, os.strerror(number))
        real(descriptor)

    monkeypatch.setattr(os, "fsync", refuse)
    write_text(tmp_path / "a", "new")
    assert contents(tmp_path) == {"a": "new"}


HOLD = "import sys; from pathlib import Path; from iqbench.io import lock; l = lock(Path(sys.argv[1])); l.__enter__();"


def test_a_lock_ends_with_its_program_however_it_ends(tmp_path: Path) -> None:
    command = [sys.executable, "-c", HOLD + "print(flush=True); sys.stdin.read()", tmp_path]
    for end in (signal.SIGKILL, signal.SIGTERM):
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
            assert holder.stdout is not None
            holder.stdout.readline()
            holder.send_signal(end)
            holder.wait()
        with lock(tmp_path):
            pass


def test_a_folder_that_was_removed_is_not_created_again(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        write_text(tmp_path / "removed" / "status.json", "{}")
    assert not (tmp_path / "removed").exists()
