"""The store: one SQLite file a job, written photo by photo, from which everything else is made."""

import fcntl
import json
import logging
import os
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import asdict, fields
from itertools import count
from pathlib import Path
from typing import Any

from iqbench import photos
from iqbench.errors import DiskError, LockedError, UsageError
from iqbench.interfaces import PhotoFile
from iqbench.results.reader import description
from iqbench.results.schema import FILE_NAME, FORMAT, LADDER_KEYS, SCHEMA, Exhibit, PairRow, PhotoRow, Repeat, cells

log = logging.getLogger(__name__)

PATIENCE = 60
"""Seconds to wait for another program, such as a SQLite shell, that writes into the store or reads from it."""

OR_FRESH = "choose another out=, or say fresh=true, which moves it aside"


class Store:
    """An open store that this process alone writes to.

    Args:
        folder: Where the file is. A new one is made where there is none.
        identity: What the results depend on. It is written into a new store; an existing one is only
            continued if its own is the same, or if there are only photos, types or levels more than it had.
        details: What a reader wants to know besides; it does not have to agree.
        variants: The suite, as rows of the table ``variants``.

    Raises:
        UsageError: If the store is of another run, or damaged.
        LockedError: If another program holds it open for longer than `PATIENCE`.
    """

    def __init__(
        self, folder: Path, identity: dict[str, Any], details: dict[str, Any], variants: Sequence[dict[str, Any]]
    ) -> None:
        self.path = path = folder / FILE_NAME
        try:
            if not path.exists():
                self._create(identity, details, variants)
            if path.stat().st_size == 0:
                raise UsageError(f"{path}: empty, so not a store of iqbench; {OR_FRESH}")
            self._open(identity, details, variants)
        except (sqlite3.DatabaseError, KeyError, ValueError) as error:
            _raise_if_not_damage(path, error)
            raise UsageError(f"{path}: damaged ({error}); it was left as it is; {OR_FRESH}") from error

    def _create(self, identity: dict[str, Any], details: dict[str, Any], variants: Sequence[dict[str, Any]]) -> None:
        """Make it beside its place and move it there: whenever a run is killed, there is a whole store or none."""
        new = self.path.with_name(f".{FILE_NAME}.new")
        for left in (*self.path.parent.glob(f"{new.name}*"), *self.path.parent.glob(f"{FILE_NAME}-*")):
            left.unlink()  # SQLite would take the log of a store that is gone for this one's
        try:
            with closing(sqlite3.connect(new, isolation_level=None)) as self._database, self._transaction() as database:
                for statement in SCHEMA.split(";"):
                    database.execute(statement)
                _describe(database, identity, details, variants)
            new.replace(self.path)
        finally:
            new.unlink(missing_ok=True)

    def _open(self, identity: dict[str, Any], details: dict[str, Any], variants: Sequence[dict[str, Any]]) -> None:
        self._database = sqlite3.connect(self.path, isolation_level=None, timeout=PATIENCE)
        try:
            there = description(self._database, self.path)["identity"]
            grows = self._check_identity(there, identity, variants)  # before anything is written
            self._database.execute("PRAGMA journal_mode=WAL")
            self._database.execute("PRAGMA synchronous=FULL")
            if grows:
                self._grow(identity, details, variants)
        except BaseException:
            self._database.close()
            raise

    def _check_identity(self, there: dict[str, Any], here: dict[str, Any], variants: Sequence[dict[str, Any]]) -> bool:
        """Return whether this run is more than the one in the store; refuse one that is another, or less."""
        here = json.loads(json.dumps(here))
        differing = {key for key in {*there, *here} if there.get(key) != here.get(key)}
        grown = {"photos"} if set(there.get("photos", [])) <= set(here.get("photos", [])) else set()
        if self._suite_grew(there.get("degradation", {}), here.get("degradation", {}), variants):
            grown.add("degradation")
        if differing - grown:
            raise UsageError(
                f"{self.path.parent}: holds a run that differs in {', '.join(sorted(differing - grown))}; "
                f"nothing was written; {OR_FRESH}"
            )
        return bool(differing)

    def _suite_grew(self, there: dict[str, Any], here: dict[str, Any], variants: Sequence[dict[str, Any]]) -> bool:
        if any(_fixed(settings) != _fixed(here.get(type_)) for type_, settings in there.items()):
            return False
        columns = ("key", "degradation_type", "degradation_group", "ladder", "degradation_level", "amount", "unit")
        stored = self._database.execute(f"SELECT {', '.join(columns)} FROM variants").fetchall()
        return set(stored) <= {tuple(variant[column] for column in columns) for variant in variants}

    def _grow(self, identity: dict[str, Any], details: dict[str, Any], variants: Sequence[dict[str, Any]]) -> None:
        """Write down that more is planned; levels that are no neighbours any more are no longer compared."""
        planned = cells(variants)
        with self._transaction() as database:
            for table in ("run", "variants", "repeats"):  # it is asked again about the new variants, too
                database.execute(f"DELETE FROM {table}")
            _describe(database, identity, details, variants)
            known = database.execute("SELECT DISTINCT reference, variant FROM pairs").fetchall()
            gone = [cell for cell in known if cell not in planned]
            database.executemany("DELETE FROM pairs WHERE reference = ? AND variant = ?", gone)

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        try:
            self._database.execute("BEGIN IMMEDIATE")
            yield self._database
            self._database.execute("COMMIT")
        except BaseException as error:
            if self._database.in_transaction:
                self._database.execute("ROLLBACK")
            _raise_if_not_damage(self.path, error)
            raise

    def unfinished(self, files: Sequence[PhotoFile]) -> list[PhotoFile]:
        """Return the photos that still lack a row, had a failure, or are no longer what was judged."""
        rows = self._database.execute(
            "SELECT name, sha256 FROM photos WHERE status = 'ok' AND NOT EXISTS "
            "(SELECT 1 FROM pairs WHERE photo = name AND status != 'ok')"
        )
        finished = dict(rows.fetchall())
        return [file for file in files if file.name not in finished or _sha256(file) != finished[file.name]]

    def lacking(
        self, files: Sequence[PhotoFile], variants: Sequence[dict[str, Any]]
    ) -> dict[frozenset[tuple[str, str]], list[PhotoFile]]:
        """Return the photos that were finished before more was planned, by the pairs that they lack."""
        planned, found = cells(variants), dict[frozenset[tuple[str, str]], list[PhotoFile]]()
        counts = dict(self._database.execute("SELECT photo, COUNT(*) FROM pairs GROUP BY photo"))
        for file in files:
            if 0 < counts.get(file.name, 0) < len(planned):
                rows = self._database.execute("SELECT reference, variant FROM pairs WHERE photo = ?", [file.name])
                found.setdefault(frozenset(planned.difference(rows)), []).append(file)
        return found

    def add(self, pairs: Sequence[PairRow]) -> None:
        """Write pairs of a photo that is there already; those that it has stay as they are."""
        with self._transaction() as database:
            _insert(database, "pairs", pairs, PairRow)

    def write(self, photo: PhotoRow, pairs: Sequence[PairRow]) -> None:
        """Write everything about one photo, or nothing; earlier rows about it are replaced."""
        with self._transaction() as database:
            for table in ("pairs", "repeats"):
                database.execute(f"DELETE FROM {table} WHERE photo = ?", [photo.name])
            _insert(database, "photos", [photo], PhotoRow)
            _insert(database, "pairs", pairs, PairRow)

    def judged(self) -> set[str]:
        """Return the names of the photos that could be read."""
        return {name for (name,) in self._database.execute("SELECT name FROM photos WHERE status = 'ok'")}

    def repeated(self) -> set[str]:
        """Return the names of the photos that the model was asked about again."""
        return {name for (name,) in self._database.execute("SELECT DISTINCT photo FROM repeats")}

    def repeat(self, answers: Sequence[Repeat]) -> None:
        """Write what was answered the second time."""
        with self._transaction() as database:
            _insert(database, "repeats", answers, Repeat)

    def exhibits(self) -> set[tuple[str, str]]:
        """Return of which photos and variants there are pictures, by sha256 and key."""
        return set(self._database.execute("SELECT sha256, variant FROM exhibits"))

    def exhibit(self, new: Sequence[Exhibit], keep: set[tuple[str, str]]) -> None:
        """Add pictures, and drop all that are not to be kept, in one step."""
        with self._transaction() as database:
            database.executemany(
                "DELETE FROM exhibits WHERE sha256 = ? AND variant = ?", sorted(self.exhibits() - keep)
            )
            _insert(database, "exhibits", new, Exhibit)

    def close(self) -> None:
        """Close it, with the write-ahead log folded into the file unless somebody reads it or the disk is full."""
        with suppress(sqlite3.OperationalError):  # then the log stays beside the file, and is read and folded in later
            self._database.execute("PRAGMA busy_timeout=0")
            self._database.execute("PRAGMA wal_checkpoint(PASSIVE)")
            self._database.execute("PRAGMA journal_mode=DELETE")
        self._database.close()


def _raise_if_not_damage(path: Path, error: BaseException) -> None:
    if not isinstance(error, sqlite3.OperationalError):
        return
    code = error.sqlite_errorcode & 0xFF  # without the details
    if code in (sqlite3.SQLITE_FULL, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN):
        raise DiskError(f"{path}: cannot be written ({error}); what was stored before is intact") from error
    if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        raise LockedError(f"{path}: another program holds it open ({error}); close it there and go on") from error


def _sha256(file: PhotoFile) -> str | None:
    try:
        return photos.sha256_of(file.path)
    except (photos.PhotoError, OSError):
        return None


def _insert(database: sqlite3.Connection, table: str, rows: Sequence[Any], kind: type) -> None:
    names = [field.name for field in fields(kind)]
    marks = ", ".join(f":{name}" for name in names)
    statement = f"INSERT OR REPLACE INTO {table} ({', '.join(names)}) VALUES ({marks})"
    database.executemany(statement, [asdict(row) for row in rows])


def _describe(
    database: sqlite3.Connection, identity: dict[str, Any], details: dict[str, Any], variants: Sequence[dict[str, Any]]
) -> None:
    settings = {"format": FORMAT, "identity": identity, "details": details}
    database.executemany(
        "INSERT INTO run VALUES (?, ?)", [(k, json.dumps(v, sort_keys=True)) for k, v in settings.items()]
    )
    database.executemany(
        "INSERT INTO variants VALUES (:position, :key, :degradation_type, :degradation_group, "
        ":ladder, :degradation_level, :severity, :amount, :unit)",
        variants,
    )


def _fixed(settings: Any) -> Any:
    """Return a degradation's settings without those that only choose levels."""
    return {k: v for k, v in settings.items() if k not in LADDER_KEYS} if isinstance(settings, dict) else settings


def set_aside(folder: Path) -> None:
    """Give the store in ``folder``, if there is one, another name that is free: a run there starts anew."""
    path = folder / FILE_NAME
    if not path.exists():
        return
    names = (f"{FILE_NAME}.old{f'-{number}' if number > 1 else ''}" for number in count(1))
    aside = next(folder / name for name in names if not (folder / name).exists())
    path.replace(aside)
    for file in folder.glob(f"{FILE_NAME}-*"):  # its log
        file.replace(folder / f"{aside.name}{file.name.removeprefix(FILE_NAME)}")
    log.info("%s: moved aside to %s", path, aside.name)


@contextmanager
def lock(folder: Path) -> Iterator[None]:
    """Hold ``folder`` for this process; the kernel lets go of it when the process ends.

    Raises:
        LockedError: If another process holds it.
    """
    with (folder / ".lock").open("w") as file:
        os.register_at_fork(after_in_child=file.close)  # or workers would hold it after a kill of this process alone
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise LockedError(f"{folder}: another run is writing here; wait for it or choose another out=") from error
        yield
