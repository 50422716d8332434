"""The store: one SQLite file a job, written photo by photo, from which everything else is made."""

import fcntl
import hashlib
import json
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields
from itertools import pairwise
from pathlib import Path
from typing import Any

import pandas as pd

from iqbench.errors import DiskError, LockedError, UsageError
from iqbench.interfaces import PhotoFile

FILE_NAME = "results.sqlite"

SCHEMA = """
CREATE TABLE run (key TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE variants (
    position INTEGER PRIMARY KEY, key TEXT UNIQUE NOT NULL, degradation_type TEXT NOT NULL,
    degradation_group TEXT NOT NULL, ladder TEXT NOT NULL, degradation_level TEXT NOT NULL, severity INTEGER NOT NULL,
    amount REAL, unit TEXT NOT NULL
);
CREATE TABLE photos (
    name TEXT PRIMARY KEY, sha256 TEXT, file_bytes INTEGER, width INTEGER, height INTEGER,
    seen_in_training INTEGER NOT NULL, status TEXT NOT NULL, error TEXT NOT NULL, notes TEXT NOT NULL,
    brightness REAL, sharpness REAL, encoded_bytes INTEGER
);
CREATE TABLE pairs (
    photo TEXT NOT NULL, reference TEXT NOT NULL, variant TEXT NOT NULL, forward REAL, backward REAL,
    score_reference REAL, score_variant REAL, input_change REAL, variant_pixels INTEGER, input_change_max REAL,
    variant_brightness REAL, variant_sharpness REAL, variant_bytes INTEGER,
    status TEXT NOT NULL, error TEXT NOT NULL, PRIMARY KEY (photo, reference, variant)
);
CREATE TABLE repeats (
    photo TEXT NOT NULL, variant TEXT NOT NULL, forward REAL NOT NULL, backward REAL NOT NULL,
    PRIMARY KEY (photo, variant)
);
CREATE TABLE exhibits (
    sha256 TEXT NOT NULL, variant TEXT NOT NULL, whole_original BLOB NOT NULL, whole_degraded BLOB NOT NULL,
    detail_original BLOB NOT NULL, detail_degraded BLOB NOT NULL, input_original BLOB, input_degraded BLOB,
    input_about TEXT NOT NULL, PRIMARY KEY (sha256, variant)
);
"""

FORMAT = 2
"""Of the tables; a store of another one is refused."""

ORIGINAL = "original"
"""The reference of the pairs that verdicts are about; other references are the next milder level."""


@dataclass(frozen=True)
class PhotoRow:
    """A photo as it was read, or why it could not be."""

    name: str
    sha256: str | None
    file_bytes: int | None
    width: int | None
    height: int | None
    seen_in_training: bool = False
    status: str = "ok"
    error: str = ""
    notes: str = ""
    brightness: float | None = None
    sharpness: float | None = None
    encoded_bytes: int | None = None


@dataclass(frozen=True)
class PairRow:
    """A model's answers about one pair: margins for ``reference`` first and for it second, and scores."""

    photo: str
    reference: str
    variant: str
    forward: float | None = None
    backward: float | None = None
    score_reference: float | None = None
    score_variant: float | None = None
    input_change: float | None = None
    variant_pixels: int | None = None
    input_change_max: float | None = None
    variant_brightness: float | None = None
    variant_sharpness: float | None = None
    variant_bytes: int | None = None
    status: str = "ok"
    error: str = ""


@dataclass(frozen=True)
class Repeat:
    """A model's margins about a photo and one of its variants when it was asked again."""

    photo: str
    variant: str
    forward: float
    backward: float


@dataclass(frozen=True)
class Exhibit:
    """Pictures of a photo and one of its variants, as JPEG: small, at 100 %, and as the model saw them.

    ``input_original`` and ``input_degraded`` are None where the model's input is no picture; ``input_about``
    says what it is.
    """

    sha256: str
    variant: str
    whole_original: bytes
    whole_degraded: bytes
    detail_original: bytes
    detail_degraded: bytes
    input_original: bytes | None
    input_degraded: bytes | None
    input_about: str


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
    """

    def __init__(
        self, folder: Path, identity: dict[str, Any], details: dict[str, Any], variants: Sequence[dict[str, Any]]
    ) -> None:
        self.path = path = folder / FILE_NAME
        new = not path.exists()
        if not new and path.stat().st_size == 0:
            raise UsageError(f"{path}: empty, so not a store of iqbench; remove it or choose another out=")
        self._database = sqlite3.connect(path, isolation_level=None)
        try:
            if not new:  # before anything is written
                run = _run(self._database)
                _check_format(path, run)
                grows = self._check_identity(json.loads(run["identity"]), identity, variants)
            self._database.execute("PRAGMA journal_mode=WAL")
            self._database.execute("PRAGMA synchronous=FULL")
            if new:
                self._create(identity, details, variants)
            elif grows:
                self._grow(identity, details, variants)
        except (sqlite3.DatabaseError, KeyError) as error:
            self._database.close()
            _raise_if_disk(path, error)
            raise UsageError(f"{path}: damaged ({error}); it was left as it is. Choose another out=") from error
        except UsageError:
            self._database.close()
            raise

    def _create(self, identity: dict[str, Any], details: dict[str, Any], variants: Sequence[dict[str, Any]]) -> None:
        with self._transaction() as database:  # one for all: a store without an identity must not be left behind
            for statement in SCHEMA.split(";"):
                database.execute(statement)
            _describe(database, identity, details, variants)

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
                "nothing was written. Choose another out=, or remove that folder"
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
        self._database.execute("BEGIN IMMEDIATE")
        try:
            yield self._database
            self._database.execute("COMMIT")
        except BaseException as error:
            if self._database.in_transaction:
                self._database.execute("ROLLBACK")
            _raise_if_disk(self.path, error)
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
        """Fold the write-ahead log into the file and close it."""
        self._database.execute("PRAGMA journal_mode=DELETE")
        self._database.close()


def _raise_if_disk(path: Path, error: BaseException) -> None:
    codes = (sqlite3.SQLITE_FULL, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN)
    if isinstance(error, sqlite3.OperationalError) and error.sqlite_errorcode & 0xFF in codes:  # without the details
        raise DiskError(f"{path}: cannot be written ({error}); what was stored before is intact") from error


def _sha256(file: PhotoFile) -> str | None:
    try:
        return hashlib.sha256(file.path.read_bytes()).hexdigest()
    except OSError:
        return None


def _insert(database: sqlite3.Connection, table: str, rows: Sequence[Any], kind: type) -> None:
    names = [field.name for field in fields(kind)]
    marks = ", ".join(f":{name}" for name in names)
    statement = f"INSERT OR REPLACE INTO {table} ({', '.join(names)}) VALUES ({marks})"
    database.executemany(statement, [asdict(row) for row in rows])


def _run(database: sqlite3.Connection) -> dict[str, str]:
    return dict(database.execute("SELECT key, value FROM run").fetchall())


def _check_format(path: Path, run: dict[str, str]) -> None:
    found = run.get("format", "1") if "identity" in run else str(FORMAT)  # what has no identity is no store at all
    if found != str(FORMAT):
        raise UsageError(
            f"{path}: of another version of iqbench (format {found}, this one reads {FORMAT}); run it again elsewhere"
        )


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


def cells(variants: Sequence[dict[str, Any]]) -> set[tuple[str, str]]:
    """Return the pairs that are planned of a photo: the original and each variant, each level and the next."""
    steps = pairwise(sorted(variants, key=lambda variant: variant["position"]))
    planned = {(ORIGINAL, str(variant["key"])) for variant in variants}
    return planned | {(mild["key"], harsh["key"]) for mild, harsh in steps if mild["ladder"] == harsh["ladder"]}


LADDER_KEYS = {"sigma", "quality", "stops", "edge", "corner", "shape", "share", "keep"}
"""Settings that only choose levels: two runs may hold different ones, since every level has its own name."""


def _fixed(settings: Any) -> Any:
    """Return a degradation's settings without those that only choose levels."""
    return {k: v for k, v in settings.items() if k not in LADDER_KEYS} if isinstance(settings, dict) else settings


def recorded(folder: Path) -> dict[str, Any]:
    """Return what the results in a folder depend on, nothing if there are none or they cannot be read."""
    path = folder / FILE_NAME
    if not path.exists():
        return {}
    try:
        return read_store(path).identity
    except UsageError:  # opening it for writing will say so
        return {}


@dataclass(frozen=True)
class Run:
    """What a store holds, read back."""

    path: Path
    identity: dict[str, Any]
    details: dict[str, Any]
    variants: pd.DataFrame
    photos: pd.DataFrame
    pairs: pd.DataFrame
    repeats: pd.DataFrame
    exhibits: pd.DataFrame

    @property
    def complete(self) -> bool:
        """Whether every planned photo has its rows."""
        return len(self.photos) == len(self.identity["photos"])


def read_store(path: Path) -> Run:
    """Return what a store holds, without changing it.

    Raises:
        UsageError: If it is damaged, or not a store of iqbench.
    """
    try:
        database = sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)
        try:
            run = _run(database)
            _check_format(path, run)
            tables = [
                pd.read_sql_query("SELECT * FROM variants ORDER BY position", database),
                pd.read_sql_query("SELECT * FROM photos ORDER BY name", database),
                pd.read_sql_query("SELECT * FROM pairs ORDER BY photo, reference, variant", database),
                pd.read_sql_query("SELECT * FROM repeats ORDER BY photo, variant", database),
                pd.read_sql_query("SELECT * FROM exhibits ORDER BY sha256, variant", database),
            ]
        finally:
            database.close()
        return Run(path, json.loads(run["identity"]), json.loads(run["details"]), *tables)
    except (sqlite3.DatabaseError, pd.errors.DatabaseError, KeyError) as error:
        raise UsageError(f"{path}: not a store of iqbench, or damaged ({str(error).splitlines()[0]})") from error


@contextmanager
def lock(folder: Path) -> Iterator[None]:
    """Hold ``folder`` for this process; the kernel lets go of it when the process ends.

    Raises:
        LockedError: If another process holds it.
    """
    with (folder / ".lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise LockedError(f"{folder}: another run is writing here; wait for it or choose another out=") from error
        yield
