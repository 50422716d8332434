"""The reader of stores: reads a store without changing it."""

import json
import os
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from iqbench.errors import UsageError
from iqbench.results import FILE_NAME
from iqbench.results.origin import Origin
from iqbench.results.schema import FORMAT, TABLES, planned_cells
from iqbench.results.tables import Table
from iqbench.version import UNKNOWN, iqbench_version


def recorded_identity(folder: Path) -> dict[str, Any]:
    """Return the identity of the run in a folder; empty if there is no store or it cannot be read."""
    path = folder / FILE_NAME
    if not path.exists():
        return {}
    try:
        with opened(path) as database:
            return description(database, path)["identity"]
    except (sqlite3.DatabaseError, KeyError, ValueError, UsageError):  # reported when the store is opened for writing
        return {}


@dataclass(frozen=True)
class Run:
    """The content of a store: the identity and details of its run, and a data frame per table."""

    path: Path
    identity: dict[str, Any]
    details: dict[str, Any]
    variants: pd.DataFrame
    photos: pd.DataFrame
    pairs: pd.DataFrame
    repeats: pd.DataFrame
    cross_pairs: pd.DataFrame
    gallery: pd.DataFrame
    origin: Origin = field(default_factory=Origin)

    @property
    def complete(self) -> bool:
        """True if every planned photo has its rows."""
        return len(self.photos) == len(self.identity["photos"])

    @property
    def planned_cells(self) -> set[tuple[str, str]]:
        """The planned pairs of each photo, as keys of reference and variant."""
        return planned_cells(self.variants["key"].tolist(), self.variants["ladder"].tolist())


def read_store(path: Path) -> Run:
    """Return the content of a store, without changing it.

    Raises:
        UsageError: If the file is damaged, not a store of iqbench, or of another format.
    """
    try:
        with opened(path) as database:
            run = description(database, path)
            frames = {table.name: _frame(database, table) for table in TABLES}
            origin = _origin(database)
        return Run(path, run["identity"], run["details"], **frames, origin=origin)
    except (sqlite3.DatabaseError, pd.errors.DatabaseError, KeyError, ValueError) as error:
        raise UsageError(f"{path}: not a store of iqbench, or damaged ({str(error).splitlines()[0]})") from error


def _origin(database: sqlite3.Connection) -> Origin:
    """Return the origin of a run; an empty one of a store that has none, such as that of an older version."""
    for (value,) in database.execute("SELECT value FROM run WHERE key = 'origin'"):
        return Origin.model_validate_json(value)
    return Origin()


def _frame(database: sqlite3.Connection, table: Table) -> pd.DataFrame:
    names = ", ".join(column.name for column in table.columns)
    query = f"SELECT {names} FROM {table.name} ORDER BY {', '.join(table.key)}"
    return pd.read_sql_query(query, database).astype(table.dtypes)


def description(database: sqlite3.Connection, path: Path) -> dict[str, dict[str, Any]]:
    """Return the ``identity`` and the ``details`` of a store's run.

    Raises:
        UsageError: If the store has another format.
        KeyError: If the identity or the details are missing.
        ValueError: If they are damaged.
    """
    run = dict(database.execute("SELECT key, value FROM run").fetchall())
    stored_format = run.get("format", "1") if "identity" in run else str(FORMAT)  # without identity it is no store
    if stored_format != str(FORMAT):
        version = _version_of(run["identity"])
        raise UsageError(
            f"{path}: written by iqbench {version} (store format {stored_format}); this is iqbench "
            f"{iqbench_version()}, which reads format {FORMAT}: use iqbench {version} for it, or run the benchmark "
            "again in another out="
        )
    content = {key: json.loads(run[key]) for key in ("identity", "details")}
    if not all(isinstance(part, dict) for part in content.values()):
        raise ValueError("identity and details must be JSON objects")
    return content


def _version_of(identity: Any) -> str:
    try:
        return str(json.loads(identity)["versions"]["iqbench"])
    except (ValueError, KeyError, TypeError):
        return UNKNOWN


_CANNOT_WRITE_BESIDE = (sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_FULL)
"""SQLite's errors where it cannot create the index of a log: a read-only folder, or a full disk."""


@contextmanager
def opened(path: Path) -> Iterator[sqlite3.Connection]:
    """Open a store for reading; a copy of it where it has a log and SQLite cannot write its index beside it."""
    path = path.resolve()
    with ExitStack() as stack:
        database = stack.enter_context(closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)))
        try:
            database.execute("SELECT 1 FROM sqlite_master")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF not in _CANNOT_WRITE_BESIDE or not os.access(path, os.R_OK):
                raise
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
            for file in (path, path.with_name(f"{path.name}-wal")):
                if file.exists():
                    shutil.copyfile(file, folder / file.name)
            database = stack.enter_context(closing(sqlite3.connect(folder / path.name)))
        yield database
