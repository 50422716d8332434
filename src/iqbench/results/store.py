"""The store: one SQLite file per job, written photo by photo. All exports are made from it."""

import json
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any

from iqbench import photos
from iqbench.errors import DiskError, LockedError, UsageError
from iqbench.inference.failures import NOT_APPLICABLE
from iqbench.interfaces import PhotoFile
from iqbench.io import replace as replace_file
from iqbench.io import sync
from iqbench.results import FILE_NAME
from iqbench.results.growth import IDENTIFYING_COLUMNS, adds_variants, differences, looks_at_results
from iqbench.results.origin import Origin
from iqbench.results.reader import description
from iqbench.results.schema import (
    CROSS_PAIRS,
    FORMAT,
    GALLERY,
    PAIRS,
    PHOTOS,
    REPEATS,
    RUN_TABLE,
    TABLES,
    VARIANTS,
    CrossPairRow,
    GalleryPicture,
    PairRow,
    PhotoRow,
    RepeatRow,
    VariantRow,
    planned_cells,
)
from iqbench.results.store_files import PATIENCE, connect, is_unused, start_journal
from iqbench.results.tables import Table

OF_EXPORTS = ("cluster", "margin")
"""Details that only the exports depend on: another run may change them, and nothing is scored again."""

OF_THE_PAST = ("looks", "batch_sizes")
"""Details about how the results came about, which no new plan may forget."""

CrossKey = tuple[str, str, str]
"""A comparison of two photos: the photo of the copies, the photo of the original, and the sha256 of the latter."""

OR_FRESH = "choose another out=, or set fresh=true, which moves it aside"


class Store:
    """An open store that only this process writes to.

    Args:
        folder: The folder of the file, which is created if it is missing.
        identity: What the results depend on. A store with another identity is refused, unless this run only
            adds photos, types or levels.
        details: Further information for readers. It need not agree with the store's, and replaces it only if its
            ``cluster`` differs: the exports of the same verdicts then have other clusters.
        variants: The variants of the suite.
        origin: When and how the run was started; a store that exists keeps its own, unless the plan grows.

    Raises:
        UsageError: If the store holds another run, or is damaged.
        LockedError: If another program holds it open for longer than `PATIENCE`.
    """

    def __init__(
        self,
        folder: Path,
        identity: dict[str, Any],
        details: dict[str, Any],
        variants: Sequence[VariantRow],
        origin: Origin | None = None,
    ) -> None:
        self.path = path = folder / FILE_NAME
        self._origin = origin or Origin()
        try:
            if not path.exists() or is_unused(path):
                self._create(identity, details, variants)
            self._open(identity, details, variants)
        except (sqlite3.DatabaseError, KeyError, ValueError) as error:
            _raise_if_not_damage(path, error)
            raise UsageError(f"{path}: damaged ({error}); it was left as it is; {OR_FRESH}") from error

    def _create(self, identity: dict[str, Any], details: dict[str, Any], variants: Sequence[VariantRow]) -> None:
        """Create it under another name and move it into place: after a kill there is a whole store or none."""
        new = self.path.with_name(f".{FILE_NAME}.new")
        for left in (*self.path.parent.glob(f"{new.name}*"), *self.path.parent.glob(f"{FILE_NAME}-*")):
            left.unlink()  # SQLite would take the log of a store that is gone for this one's
        try:
            with closing(sqlite3.connect(new, isolation_level=None)) as self._database, self._transaction() as database:
                for statement in (RUN_TABLE, *(table.create for table in TABLES)):
                    database.execute(statement)
                _describe(database, identity, details, variants, self._origin)
            sync(new)
            replace_file(new, self.path)
            sync(self.path.parent)
        finally:
            new.unlink(missing_ok=True)

    def _open(self, identity: dict[str, Any], details: dict[str, Any], variants: Sequence[VariantRow]) -> None:
        self._database = connect(self.path, PATIENCE)
        try:
            run = description(self._database, self.path)
            grows = self._adds(run, identity, variants)  # before anything is written
            self._database = start_journal(self._database, self.path)
            if grows:
                past = _past(run["details"]) | looks_at_results(run, identity, self._judged_photos())
                self._grow(identity, details | past, variants)
            elif any(key in details and details[key] != run["details"].get(key) for key in OF_EXPORTS):
                self._describe_again(details | _past(run["details"]))
        except BaseException:
            self._database.close()
            raise

    def _adds(self, run: dict[str, dict[str, Any]], identity: dict[str, Any], variants: Sequence[VariantRow]) -> bool:
        """Return whether this run adds to the one in the store.

        Raises:
            UsageError: If it is another run, or a smaller one.
        """
        names = ", ".join(IDENTIFYING_COLUMNS)
        keeps_variants = adds_variants(self._database.execute(f"SELECT {names} FROM variants").fetchall(), variants)
        differing, refused = differences(run["identity"], identity, keeps_variants)
        if refused:
            raise UsageError(
                f"{self.path.parent}: holds a run that differs in {', '.join(sorted(refused))}; "
                f"nothing was written; {OR_FRESH}"
            )
        return bool(differing)

    @property
    def batch_size(self) -> int | None:
        """The size to which batches have fallen for want of memory, None if they have not."""
        sizes = description(self._database, self.path)["details"].get("batch_sizes")
        return int(sizes[-1]) if sizes else None

    def record_batch_size(self, before: int, size: int) -> None:
        """Record that batches have fewer pictures from now on, since so many did not fit into memory.

        Args:
            before: The size with which the run was planned.
            size: The size from now on.
        """
        details = description(self._database, self.path)["details"]
        sizes = details.get("batch_sizes", [before])
        if sizes[-1] != size:
            self._describe_again(details | {"batch_sizes": [*sizes, size]})

    def _describe_again(self, details: dict[str, Any]) -> None:
        with self._transaction() as database:
            value = json.dumps(details, sort_keys=True)
            database.execute("UPDATE run SET value = ? WHERE key = 'details'", [value])

    def _judged_photos(self) -> int:
        """Return the number of photos that could be read."""
        (count,) = self._database.execute("SELECT COUNT(*) FROM photos WHERE status = 'ok'").fetchone()
        return int(count)

    def _grow(self, identity: dict[str, Any], details: dict[str, Any], variants: Sequence[VariantRow]) -> None:
        """Store the larger plan, and delete the pairs of levels that are no longer neighbours."""
        planned = _planned_cells(variants)
        with self._transaction() as database:
            for table in ("run", "variants", "repeats"):  # the repeat sample must include the new variants
                database.execute(f"DELETE FROM {table}")
            _describe(database, identity, details, variants, self._origin)
            stored = database.execute("SELECT DISTINCT reference, variant FROM pairs").fetchall()
            obsolete = [cell for cell in stored if cell not in planned]
            database.executemany("DELETE FROM pairs WHERE reference = ? AND variant = ?", obsolete)
            # with more photos it may apply: a background needs another one
            database.execute("DELETE FROM pairs WHERE status = ?", [NOT_APPLICABLE])

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

    def set_series(self, files: Sequence[PhotoFile]) -> None:
        """Store the series of photos that were scored before: a longer list of pairs may have changed them."""
        stored = dict(self._database.execute("SELECT name, series FROM photos"))
        changed = [(file.series, file.name) for file in files if stored.get(file.name, file.series) != file.series]
        if changed:
            with self._transaction() as database:
                database.executemany("UPDATE photos SET series = ? WHERE name = ?", changed)

    def unfinished(self, files: Sequence[PhotoFile]) -> list[PhotoFile]:
        """Return the photos that have no row, a failed pair, or other content than the stored one."""
        rows = self._database.execute(
            "SELECT name, sha256 FROM photos WHERE status = 'ok' AND NOT EXISTS "
            "(SELECT 1 FROM pairs WHERE photo = name AND status NOT IN ('ok', ?))",
            [NOT_APPLICABLE],
        )
        finished = dict(rows.fetchall())
        return [file for file in files if file.name not in finished or _sha256(file) != finished[file.name]]

    def incomplete(
        self, files: Sequence[PhotoFile], variants: Sequence[VariantRow]
    ) -> dict[frozenset[tuple[str, str]], list[PhotoFile]]:
        """Return the photos that were finished before the plan grew, by the pairs that they lack."""
        planned, photos_by_missing = _planned_cells(variants), dict[frozenset[tuple[str, str]], list[PhotoFile]]()
        counts = dict(self._database.execute("SELECT photo, COUNT(*) FROM pairs GROUP BY photo"))
        for file in files:
            if 0 < counts.get(file.name, 0) < len(planned):
                rows = self._database.execute("SELECT reference, variant FROM pairs WHERE photo = ?", [file.name])
                photos_by_missing.setdefault(frozenset(planned.difference(rows)), []).append(file)
        return photos_by_missing

    def add(self, pairs: Sequence[PairRow]) -> None:
        """Add pairs to a stored photo; its other pairs stay as they are."""
        with self._transaction() as database:
            _upsert(database, PAIRS, pairs)

    def write(self, photo: PhotoRow, pairs: Sequence[PairRow]) -> None:
        """Write all rows of one photo in one transaction; earlier rows of the photo are replaced."""
        with self._transaction() as database:
            for table in ("pairs", "repeats", "cross_pairs"):
                database.execute(f"DELETE FROM {table} WHERE photo = ?", [photo.name])
            _upsert(database, PHOTOS, [photo])
            _upsert(database, PAIRS, pairs)

    def readable_photos(self) -> dict[str, str]:
        """Return the sha256 of each photo that could be read, by name."""
        return dict(self._database.execute("SELECT name, sha256 FROM photos WHERE status = 'ok'"))

    def repeated_photos(self) -> set[str]:
        """Return the names of the photos in the repeat sample that have been repeated."""
        return {name for (name,) in self._database.execute("SELECT DISTINCT photo FROM repeats")}

    def write_repeats(self, answers: Sequence[RepeatRow]) -> None:
        """Write answers of the repeat sample."""
        with self._transaction() as database:
            _upsert(database, REPEATS, answers)

    def crossed_photos(self, variants: int) -> set[CrossKey]:
        """Return the keys of the cross-photo comparisons that have an answer about so many variants."""
        query = "SELECT photo, original, original_sha256 FROM cross_pairs GROUP BY 1, 2, 3 HAVING COUNT(*) = ?"
        return set(self._database.execute(query, [variants]))

    def update_cross_pairs(self, pairs: Sequence[CrossPairRow], keep: set[CrossKey]) -> None:
        """Add pairs of different photos, and delete those whose key is not in ``keep``, in one transaction."""
        with self._transaction() as database:
            stored = database.execute("SELECT DISTINCT photo, original, original_sha256 FROM cross_pairs").fetchall()
            obsolete = sorted(set(stored) - keep)
            where = "photo = ? AND original = ? AND original_sha256 = ?"
            database.executemany(f"DELETE FROM cross_pairs WHERE {where}", obsolete)
            _upsert(database, CROSS_PAIRS, pairs)

    def gallery_keys(self) -> set[tuple[str, str]]:
        """Return the keys of the gallery pictures: sha256 and variant."""
        return set(self._database.execute("SELECT sha256, variant FROM gallery"))

    def update_gallery(self, pictures: Sequence[GalleryPicture], keep: set[tuple[str, str]]) -> None:
        """Add gallery pictures, and delete those whose key is not in ``keep``, in one transaction."""
        with self._transaction() as database:
            obsolete = sorted(self.gallery_keys() - keep)
            database.executemany("DELETE FROM gallery WHERE sha256 = ? AND variant = ?", obsolete)
            _upsert(database, GALLERY, pictures)

    def close(self) -> None:
        """Close the store; fold the write-ahead log into the file, unless it is being read or the disk is full."""
        with suppress(sqlite3.OperationalError):  # the log then stays beside the file, and is folded in later
            self._database.execute("PRAGMA busy_timeout=0")
            self._database.execute("PRAGMA wal_checkpoint(PASSIVE)")
            self._database.execute("PRAGMA journal_mode=DELETE")
        self._database.close()


def _raise_if_not_damage(path: Path, error: BaseException) -> None:
    if not isinstance(error, sqlite3.OperationalError):
        return
    code = error.sqlite_errorcode & 0xFF  # the primary code
    if code in (sqlite3.SQLITE_FULL, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN):
        raise DiskError(f"{path}: cannot be written ({error}); what was stored before is intact") from error
    if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        raise LockedError(f"{path}: another program holds it open, or this disk has no locks ({error})") from error


def _sha256(file: PhotoFile) -> str | None:
    try:
        return photos.sha256_of(file.path)
    except (photos.PhotoError, OSError):
        return None


def _past(details: dict[str, Any]) -> dict[str, Any]:
    return {key: details[key] for key in OF_THE_PAST if key in details}


def _upsert(database: sqlite3.Connection, table: Table, rows: Sequence[Any]) -> None:
    database.executemany(table.upsert, [table.values(row) for row in rows])


def _describe(
    database: sqlite3.Connection,
    identity: dict[str, Any],
    details: dict[str, Any],
    variants: Sequence[VariantRow],
    origin: Origin,
) -> None:
    content = {"format": FORMAT, "identity": identity, "details": details, "origin": origin.model_dump()}
    database.executemany(
        "INSERT INTO run VALUES (?, ?)", [(key, json.dumps(value, sort_keys=True)) for key, value in content.items()]
    )
    database.executemany(VARIANTS.insert, [VARIANTS.values(variant) for variant in variants])


def _planned_cells(variants: Sequence[VariantRow]) -> set[tuple[str, str]]:
    return planned_cells([variant.key for variant in variants], [variant.ladder for variant in variants])
