import hashlib
import os
import shutil
import socket
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest

from fixtures.systems import needs_pipes
from iqbench.errors import DiskError, LockedError, UsageError
from iqbench.interfaces import PhotoFile
from iqbench.io import lock
from iqbench.results import store_files
from iqbench.results.reader import read_store, recorded_identity
from iqbench.results.schema import FILE_NAME, ORIGINAL, PairRow, PhotoRow, VariantRow
from iqbench.results.store import Store
from iqbench.results.store_files import set_aside

IDENTITY = {"model_name": "m", "model_fingerprint": "f", "photos": ["./a.png", "./b.png"], "versions": {"torch": "1"}}
VARIANTS = [
    VariantRow(at, f"blur/{level}", "blur", "technical", "blur", level, at + 1, float(level), "px", f"digest {level}")
    for at, level in enumerate(["1.0", "2.0"])
]


def opened(folder: Path, **changes: Any) -> Store:
    return Store(folder, {**IDENTITY, **changes}, {"model_type": "rules"}, VARIANTS)


def photo_row(name: str = "./a.png", sha256: str = "00") -> PhotoRow:
    return PhotoRow(name, sha256, 10, 40, 30)


def pair_rows(name: str = "./a.png", **changes: Any) -> list[PairRow]:
    rows = [PairRow(name, ORIGINAL, f"blur/{level}", 0.5, -0.5, None, None, 1.5) for level in ("1.0", "2.0")]
    return [replace(row, **changes) for row in rows]


def names(folder: Path) -> list[str]:
    return read_store(folder / FILE_NAME).photos["name"].tolist()


def digest(folder: Path) -> dict[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.iterdir()}


def test_what_is_written_is_read_back(tmp_path: Path) -> None:
    store = opened(tmp_path)
    store.write(replace(photo_row(), seen_in_training=True, notes="broken EXIF"), pair_rows())
    store.close()
    run = read_store(tmp_path / FILE_NAME)
    assert (run.identity, run.details) == (IDENTITY, {"model_type": "rules"})
    assert run.variants.to_dict("records") == [asdict(variant) for variant in VARIANTS]
    (photo,) = run.photos.to_dict("records")
    assert (photo["name"], photo["sha256"], photo["seen_in_training"], photo["notes"]) == (
        "./a.png",
        "00",
        1,
        "broken EXIF",
    )
    assert run.pairs["forward"].tolist() == [0.5, 0.5]
    assert run.pairs["score_variant"].isna().all()
    assert not run.complete


def test_a_run_is_complete_when_every_planned_photo_has_its_row(tmp_path: Path) -> None:
    store = opened(tmp_path)
    for name in IDENTITY["photos"]:
        assert not read_store(tmp_path / FILE_NAME).complete
        store.write(photo_row(name), pair_rows(name))
    assert read_store(tmp_path / FILE_NAME).complete
    store.close()


class Interrupted(BaseException):
    """Such as Ctrl-C."""


@pytest.mark.parametrize("kind", [RuntimeError, Interrupted])
def test_a_photo_is_written_whole_or_not_at_all(tmp_path: Path, kind: type[BaseException]) -> None:
    store = opened(tmp_path)
    store.write(photo_row("./a.png"), pair_rows("./a.png"))

    def breaking_off() -> Iterator[PairRow]:
        yield pair_rows("./b.png")[0]
        raise kind("in the middle")

    with pytest.raises(kind):
        store.write(photo_row("./b.png"), breaking_off())
    with pytest.raises(kind):  # nor are the rows lost that were there before
        store.write(photo_row("./a.png"), breaking_off())
    store.write(photo_row("./c.png"), pair_rows("./c.png"))  # and it goes on
    store.close()
    run = read_store(tmp_path / FILE_NAME)
    assert run.photos["name"].tolist() == ["./a.png", "./c.png"]
    assert run.pairs["photo"].tolist() == ["./a.png"] * 2 + ["./c.png"] * 2


def test_a_run_that_was_killed_has_lost_nothing_and_can_be_continued(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    store = opened(tmp_path / "run")
    store.write(photo_row(), pair_rows())
    shutil.copytree(tmp_path / "run", tmp_path / "killed")  # what lies on the disk while it runs
    store.close()
    assert names(tmp_path / "killed") == ["./a.png"]
    continued_store = opened(tmp_path / "killed")
    continued_store.write(photo_row("./b.png"), pair_rows("./b.png"))
    continued_store.close()
    assert names(tmp_path / "killed") == ["./a.png", "./b.png"]
    assert [path.name for path in (tmp_path / "killed").iterdir()] == [FILE_NAME]


def test_a_new_store_that_fails_leaves_none(tmp_path: Path) -> None:
    with pytest.raises(UsageError):
        Store(tmp_path, IDENTITY, {}, [replace(VARIANTS[0], position=at) for at in range(2)])  # the key must be unique
    assert list(tmp_path.iterdir()) == []


KILLED = """
import os, sys
from pathlib import Path
from iqbench.results.store import Store

Path.replace = lambda *_: os.kill(os.getpid(), 9)
Store(Path(sys.argv[1]), {}, {}, [])
"""


def test_a_run_that_is_killed_while_it_makes_its_store_simply_starts_again(tmp_path: Path) -> None:
    ended = subprocess.run([sys.executable, "-c", KILLED, tmp_path])
    assert ended.returncode == -9
    (tmp_path / f".{FILE_NAME}.new-journal").write_bytes(b"half a page")
    opened(tmp_path).close()
    assert [path.name for path in tmp_path.iterdir()] == [FILE_NAME]
    assert read_store(tmp_path / FILE_NAME).identity == IDENTITY


def test_the_log_of_a_store_that_is_gone_is_not_taken_for_the_new_ones(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "again").mkdir()
    store = opened(tmp_path / "run")
    store.write(photo_row(), pair_rows())
    shutil.copy(tmp_path / "run" / f"{FILE_NAME}-wal", tmp_path / "again")
    store.close()
    opened(tmp_path / "again").close()
    assert names(tmp_path / "again") == []


def test_a_store_that_is_set_aside_keeps_its_rows_under_a_name_that_is_free(tmp_path: Path) -> None:
    set_aside(tmp_path)  # there is none
    for number in ("", "-2"):
        (tmp_path / "run").mkdir()
        store = opened(tmp_path / "run")
        store.write(photo_row(f"./{number}.png"), pair_rows(f"./{number}.png"))
        for file in (tmp_path / "run").iterdir():  # with its log, as if it had been killed
            shutil.copy(file, tmp_path)
        store.close()
        shutil.rmtree(tmp_path / "run")
        set_aside(tmp_path)
        assert not list(tmp_path.glob(f"{FILE_NAME}-*"))
        assert read_store(tmp_path / f"{FILE_NAME}.old{number}").photos["name"].tolist() == [f"./{number}.png"]
    assert not (tmp_path / FILE_NAME).exists()


@pytest.mark.parametrize("key", ["identity", "details"])
@pytest.mark.parametrize("value", ["{", "", "[]", "3", b"\xff"])
def test_a_description_that_is_damaged_is_refused_as_any_damage(tmp_path: Path, key: str, value: str | bytes) -> None:
    opened(tmp_path).close()
    with closing(sqlite3.connect(tmp_path / FILE_NAME, isolation_level=None)) as database:
        database.execute("UPDATE run SET value = ? WHERE key = ?", [value, key])
    original_digests = digest(tmp_path)
    assert recorded_identity(tmp_path) == {}
    with pytest.raises(UsageError, match="damaged"):
        read_store(tmp_path / FILE_NAME)
    with pytest.raises(UsageError, match=r"damaged .* or set fresh=true, which moves it aside"):
        opened(tmp_path)
    assert digest(tmp_path) == original_digests


def test_opening_it_again_goes_on_where_it_was(tmp_path: Path) -> None:
    for name in ("./a.png", "./b.png"):
        store = opened(tmp_path)
        store.write(photo_row(name), pair_rows(name))
        store.close()
    assert names(tmp_path) == ["./a.png", "./b.png"]


def test_writing_a_photo_again_replaces_all_its_rows(tmp_path: Path) -> None:
    store = opened(tmp_path)
    store.write(photo_row(), pair_rows(status="model_error"))
    store.write(photo_row(), pair_rows(forward=2.0)[:1])
    store.close()
    pairs = read_store(tmp_path / FILE_NAME).pairs
    assert pairs[["forward", "status"]].to_dict("records") == [{"forward": 2.0, "status": "ok"}]


@pytest.mark.parametrize(
    ("change", "key"),
    [
        ({"model_fingerprint": "other"}, "model_fingerprint"),
        ({"photos": ["./a.png"]}, "photos"),
        ({"versions": {"torch": "2"}}, "versions"),
        ({"new": 1}, "new"),
    ],
)
def test_another_run_is_refused_by_what_differs_and_nothing_is_written(
    tmp_path: Path, change: dict[str, Any], key: str
) -> None:
    store = opened(tmp_path)
    store.write(photo_row(), pair_rows())
    store.close()
    original_digests = digest(tmp_path)
    with pytest.raises(UsageError, match=f"holds a run that differs in {key}; nothing was written"):
        opened(tmp_path, **change)
    run = read_store(tmp_path / FILE_NAME)
    assert (run.identity, len(run.pairs)) == (IDENTITY, 2)
    assert digest(tmp_path) == original_digests


def test_a_difference_only_in_how_json_writes_it_is_none(tmp_path: Path) -> None:
    opened(tmp_path, photos=("./a.png",), numbers={"x": 1.0}).close()
    opened(tmp_path, photos=["./a.png"], numbers={"x": 1}).close()
    assert read_store(tmp_path / FILE_NAME).identity["photos"] == ["./a.png"]


def test_details_need_not_agree(tmp_path: Path) -> None:
    opened(tmp_path).close()
    Store(tmp_path, IDENTITY, {"model_type": "other"}, VARIANTS).close()
    assert read_store(tmp_path / FILE_NAME).details == {"model_type": "rules"}


def test_another_choice_of_clusters_replaces_the_details(tmp_path: Path) -> None:
    details = {"cluster": "look", "config": {"data": {"cluster": "look"}}}
    Store(tmp_path, IDENTITY, details, VARIANTS).close()
    Store(tmp_path, IDENTITY, details | {"config": {}}, VARIANTS).close()
    assert read_store(tmp_path / FILE_NAME).details == details
    now = {"cluster": "series", "config": {"data": {"cluster": "series"}}}
    Store(tmp_path, IDENTITY, now, VARIANTS).close()
    assert read_store(tmp_path / FILE_NAME).details == now


def test_the_series_of_stored_photos_follow_those_of_their_files(tmp_path: Path) -> None:
    with closing(opened(tmp_path)) as store:
        store.write(replace(photo_row("./a.png"), series="1", look="0f"), pair_rows("./a.png"))
        store.write(replace(photo_row("./b.png"), series="2"), pair_rows("./b.png"))
        files = [PhotoFile(f"./{name}.png", tmp_path, series="1") for name in "abc"]
        store.set_series(files)
    run = read_store(tmp_path / FILE_NAME)
    assert run.photos[["name", "series"]].values.tolist() == [["./a.png", "1"], ["./b.png", "1"]]
    assert run.photos["look"].tolist()[0] == "0f"
    assert len(run.pairs) == 4


@pytest.mark.parametrize("content", [b"not a database" * 100, b"SQLite format 3\0" + bytes(4000)])
def test_a_file_that_is_no_store_is_refused_and_left_as_it_is(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / FILE_NAME
    path.write_bytes(content)
    with pytest.raises(UsageError, match=FILE_NAME):
        opened(tmp_path)
    with pytest.raises(UsageError, match=FILE_NAME):
        read_store(path)
    assert path.read_bytes() == content
    assert [entry.name for entry in tmp_path.iterdir()] == [FILE_NAME]


@pytest.mark.parametrize("remnant", ["nothing", "header", "tables"])
def test_a_store_that_was_killed_before_it_held_anything_is_a_new_one(tmp_path: Path, remnant: str) -> None:
    path = tmp_path / FILE_NAME
    if remnant == "tables":
        opened(tmp_path).close()
    with closing(sqlite3.connect(path, isolation_level=None)) as database:
        if remnant == "nothing":
            path.touch()
        elif remnant == "header":
            database.execute("PRAGMA journal_mode=WAL")
        else:
            for table in ("run", "variants"):
                database.execute(f"DELETE FROM {table}")
    assert path.is_file()
    opened(tmp_path).close()
    assert read_store(path).identity == IDENTITY
    assert [entry.name for entry in tmp_path.iterdir()] == [FILE_NAME]


def test_a_truncated_store_is_refused(tmp_path: Path) -> None:
    store = opened(tmp_path)
    store.write(photo_row(), pair_rows())
    store.close()
    path = tmp_path / FILE_NAME
    cut = path.read_bytes()[:5000]
    path.write_bytes(cut)
    with pytest.raises(UsageError, match="damaged"):
        opened(tmp_path)
    with pytest.raises(UsageError, match="damaged"):
        read_store(path)
    assert path.read_bytes() == cut


def test_another_programs_database_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / FILE_NAME
    database = sqlite3.connect(path)
    database.execute("CREATE TABLE diary (day TEXT)")
    database.commit()
    database.close()
    original_digests = digest(tmp_path)
    with pytest.raises(UsageError, match=FILE_NAME):
        opened(tmp_path)
    with pytest.raises(UsageError, match="not a store of iqbench, or damaged"):
        read_store(path)
    assert digest(tmp_path) == original_digests


def test_reading_alters_nothing(tmp_path: Path) -> None:
    store = opened(tmp_path)
    store.write(photo_row(), pair_rows())
    store.close()
    original_digests = digest(tmp_path)
    read_store(tmp_path / FILE_NAME)
    assert digest(tmp_path) == original_digests
    assert list(original_digests) == [FILE_NAME]


def test_a_missing_store_is_refused_and_not_made(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=FILE_NAME):
        read_store(tmp_path / FILE_NAME)
    assert list(tmp_path.iterdir()) == []


def test_unfinished_are_the_photos_without_rows_with_failures_or_with_new_content(tmp_path: Path) -> None:
    files = []
    for name in "abcd":
        (tmp_path / f"{name}.png").write_bytes(name.encode())
        files.append(PhotoFile(f"./{name}.png", tmp_path / f"{name}.png"))
    shas = [hashlib.sha256(name.encode()).hexdigest() for name in "abcd"]
    (tmp_path / "run").mkdir()
    store = opened(tmp_path / "run")
    assert store.unfinished(files) == files
    store.write(photo_row("./a.png", shas[0]), pair_rows("./a.png"))
    store.write(photo_row("./b.png", shas[1]), pair_rows("./b.png", status="model_error"))
    store.write(photo_row("./c.png", shas[2]), pair_rows("./c.png"))
    store.write(replace(photo_row("./d.png"), sha256=None, status="corrupt"), pair_rows("./d.png", status="corrupt"))
    assert [file.name for file in store.unfinished(files)] == ["./b.png", "./d.png"]
    store.write(photo_row("./b.png", shas[1]), pair_rows("./b.png", status="not_applicable", error="no clear subject"))
    assert [file.name for file in store.unfinished(files)] == ["./d.png"]
    store.write(photo_row("./b.png", shas[1]), pair_rows("./b.png", status="model_error"))
    (tmp_path / "c.png").write_bytes(b"another picture")
    (tmp_path / "a.png").unlink()
    assert [file.name for file in store.unfinished(files)] == ["./a.png", "./b.png", "./c.png", "./d.png"]
    store.close()


@needs_pipes
def test_what_is_no_file_any_more_is_judged_again_and_never_waited_for(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    store = opened(tmp_path / "run")
    store.write(photo_row("./a.png"), pair_rows("./a.png"))
    os.mkfifo(tmp_path / "a.png")  # nobody will ever write into it
    pipe = PhotoFile("./a.png", tmp_path / "a.png")
    assert store.unfinished([pipe]) == [pipe]
    store.close()


def test_a_locked_folder_is_refused_to_a_second_run(tmp_path: Path) -> None:
    with lock(tmp_path), pytest.raises(LockedError, match="another run is writing here"), lock(tmp_path):
        pass
    with lock(tmp_path):
        pass


def test_a_worker_that_outlives_its_run_does_not_hold_the_folder(tmp_path: Path) -> None:
    parent_end, child_end = socket.socketpair()
    with lock(tmp_path):
        worker = os.fork()
        if worker == 0:
            child_end.send(b"started")
            child_end.recv(1)  # until the test is through
            os._exit(0)
    try:
        assert parent_end.recv(7) == b"started"
        with lock(tmp_path):
            pass
    finally:
        parent_end.send(b"!")
        os.waitpid(worker, 0)
        parent_end.close()
        child_end.close()


def test_an_error_under_the_lock_frees_it(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError), lock(tmp_path):
        raise RuntimeError
    with lock(tmp_path):
        pass


TRY_LOCK = "import fcntl, sys; fcntl.flock(open(sys.argv[1], 'w'), fcntl.LOCK_EX | fcntl.LOCK_NB)"
HOLD_LOCK = f"{TRY_LOCK.replace('open(', 'file := open(')}; print(flush=True); sys.stdin.read()"


def is_free_elsewhere(folder: Path) -> bool:
    """Whether another process can lock the folder."""
    return subprocess.run([sys.executable, "-c", TRY_LOCK, folder / ".lock"], capture_output=True).returncode == 0


def test_another_process_finds_the_folder_locked_and_so_does_this_one_until_that_is_killed(tmp_path: Path) -> None:
    with lock(tmp_path):
        assert not is_free_elsewhere(tmp_path)
    assert is_free_elsewhere(tmp_path)
    command = [sys.executable, "-c", HOLD_LOCK, tmp_path / ".lock"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        other.stdout.readline()
        with pytest.raises(LockedError), lock(tmp_path):
            pass
        other.kill()
        other.wait()
        with lock(tmp_path):
            pass


def test_an_open_store_survives_a_power_cut_and_does_not_keep_readers_waiting(tmp_path: Path) -> None:
    store = opened(tmp_path)
    pragmas = [store._database.execute(f"PRAGMA {name}").fetchone()[0] for name in ("journal_mode", "synchronous")]
    store.close()
    assert pragmas == ["wal", 2]  # 2 is FULL


def test_a_store_that_somebody_reads_is_closed_and_stays_readable(tmp_path: Path) -> None:
    store = opened(tmp_path)
    store.write(photo_row(), pair_rows())
    with closing(sqlite3.connect(f"{(tmp_path / FILE_NAME).as_uri()}?mode=ro", uri=True)) as reader:
        reader.execute("SELECT * FROM pairs").fetchone()  # the others are not fetched yet
        store.close()
        assert names(tmp_path) == ["./a.png"]
    assert names(tmp_path) == ["./a.png"]
    reopened_store = opened(tmp_path)
    reopened_store.write(photo_row("./b.png"), pair_rows("./b.png"))
    reopened_store.close()
    assert [path.name for path in tmp_path.iterdir()] == [FILE_NAME]
    assert names(tmp_path) == ["./a.png", "./b.png"]


@pytest.fixture
def public() -> Iterator[Path]:
    """A folder that any user can reach, unlike pytest's own."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


@contextmanager
def read_only(folder: Path) -> Iterator[None]:
    """Let this process write nothing into the folder, even if root runs it."""
    folder.chmod(0o555)
    user = os.geteuid()
    if user == 0:
        os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(user)
        folder.chmod(0o755)


@pytest.mark.parametrize("lost", [(), ("-shm",), ("-shm", "-wal")])
def test_a_store_that_kept_its_log_is_read_where_nothing_may_be_written(public: Path, lost: tuple[str, ...]) -> None:
    (public / "run").mkdir()
    store = opened(public / "run")
    store.write(photo_row(), pair_rows())
    if "-wal" in lost:
        store._database.execute("PRAGMA wal_checkpoint(FULL)")
    shutil.copytree(public / "run", public / "left")
    store.close()
    for ending in lost:
        (public / "left" / f"{FILE_NAME}{ending}").unlink()
    original_digests = digest(public / "left")
    with read_only(public / "left"):
        assert names(public / "left") == ["./a.png"]
    assert digest(public / "left") == original_digests


def test_another_program_that_writes_is_said_to_hold_the_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("iqbench.results.store.PATIENCE", 0)
    opened(tmp_path).close()
    with closing(sqlite3.connect(tmp_path / FILE_NAME, isolation_level=None)) as shell:
        shell.execute("BEGIN IMMEDIATE")
        with pytest.raises(LockedError, match=r"results\.sqlite: another program holds it open"):
            opened(tmp_path)
    opened(tmp_path).close()


def test_a_full_disk_is_said_and_loses_nothing(tmp_path: Path) -> None:
    store = opened(tmp_path)
    store.write(photo_row(), pair_rows())
    (pages,) = store._database.execute("PRAGMA page_count").fetchone()
    store._database.execute(f"PRAGMA max_page_count={pages}")
    with pytest.raises(DiskError, match=r"results\.sqlite: cannot be written"):
        store.write(photo_row("./b.png"), pair_rows("./b.png", error="x" * 100_000))
    store.close()
    assert names(tmp_path) == ["./a.png"]


# File systems without shared memory: SQLite cannot map the index of a write-ahead log there


@pytest.fixture
def _no_shared_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    def can_be_read(database: sqlite3.Connection) -> bool:
        return bool(database.execute("PRAGMA journal_mode").fetchone()[0] != "wal")

    monkeypatch.setattr(store_files, "_can_be_read", can_be_read)


@pytest.mark.usefixtures("_no_shared_memory")
def test_without_shared_memory_the_older_journal_is_used_and_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    store = opened(tmp_path)
    store.write(photo_row(), pair_rows())
    assert not list(tmp_path.glob("*-wal"))
    assert names(tmp_path) == ["./a.png"]  # while it is open
    store.close()
    assert caplog.text.count("no shared memory on this file system; using SQLite's older journal") == 1
    opened(tmp_path).close()
    assert names(tmp_path) == ["./a.png"]


def test_a_log_that_comes_to_a_disk_without_shared_memory_is_folded_in(
    tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    (tmp_path / "local").mkdir()
    store = opened(tmp_path / "local")
    store.write(photo_row(), pair_rows())
    shutil.copytree(tmp_path / "local", tmp_path / "network")  # as after a kill: the log is not folded in
    store.close()
    assert (tmp_path / "network" / f"{FILE_NAME}-wal").stat().st_size
    request.getfixturevalue("_no_shared_memory")
    resumed = opened(tmp_path / "network")
    resumed.write(photo_row("./b.png"), pair_rows("./b.png"))
    resumed.close()
    assert names(tmp_path / "network") == ["./a.png", "./b.png"]


def test_an_error_of_sqlite_about_shared_memory_is_known(tmp_path: Path) -> None:
    class Refusing:
        def execute(self, _: str) -> None:
            error = sqlite3.OperationalError("disk I/O error")
            error.sqlite_errorcode = self.code
            raise error

        def close(self) -> None:
            pass

    database: Any = Refusing()
    for code in (sqlite3.SQLITE_IOERR_SHMMAP, sqlite3.SQLITE_IOERR_SHMOPEN, sqlite3.SQLITE_IOERR_SHMLOCK):
        database.code = code
        assert not store_files._can_be_read(database)
    database.code = sqlite3.SQLITE_IOERR_READ
    with pytest.raises(sqlite3.OperationalError):
        store_files._can_be_read(database)
