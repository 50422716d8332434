"""A store, read back without changing it."""

import json
import os
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from iqbench.errors import UsageError
from iqbench.results.schema import FILE_NAME, FORMAT

ORDERS = {
    "variants": "position",
    "photos": "name",
    "pairs": "photo, reference, variant",
    "repeats": "photo, variant",
    "exhibits": "sha256, variant",
}
"""The tables of a `Run`, and the order of their rows."""


def recorded(folder: Path) -> dict[str, Any]:
    """Return what the results in a folder depend on, nothing if there are none or they cannot be read."""
    path = folder / FILE_NAME
    if not path.exists():
        return {}
    try:
        with opened(path) as database:
            return description(database, path)["identity"]
    except (sqlite3.DatabaseError, KeyError, ValueError, UsageError):  # opening it for writing will say so
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
        with opened(path) as database:
            run = description(database, path)
            tables = [
                pd.read_sql_query(f"SELECT * FROM {table} ORDER BY {order}", database)
                for table, order in ORDERS.items()
            ]
        return Run(path, run["identity"], run["details"], *tables)
    except (sqlite3.DatabaseError, pd.errors.DatabaseError, KeyError, ValueError) as error:
        raise UsageError(f"{path}: not a store of iqbench, or damaged ({str(error).splitlines()[0]})") from error


def description(database: sqlite3.Connection, path: Path) -> dict[str, dict[str, Any]]:
    """Return what a store says of its run: its ``identity`` and its ``details``.

    Raises:
        UsageError: If it is of another version of iqbench.
        KeyError: If it says neither.
        ValueError: If that is damaged.
    """
    run = dict(database.execute("SELECT key, value FROM run").fetchall())
    found = run.get("format", "1") if "identity" in run else str(FORMAT)  # what has no identity is no store at all
    if found != str(FORMAT):
        raise UsageError(
            f"{path}: of another version of iqbench (format {found}, this one reads {FORMAT}); run it again elsewhere"
        )
    said = {key: json.loads(run[key]) for key in ("identity", "details")}
    if not all(isinstance(content, dict) for content in said.values()):
        raise ValueError("its description is not one")
    return said


_NO_PLACE = (sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_FULL)
"""What SQLite says where it cannot make the index of a log: where nothing may be written, or the disk is full."""


@contextmanager
def opened(path: Path) -> Iterator[sqlite3.Connection]:
    """Open a store to read it: a copy of it where its log was left and SQLite may not write beside it."""
    path = path.resolve()
    with ExitStack() as stack:
        database = stack.enter_context(closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)))
        try:
            database.execute("SELECT 1 FROM sqlite_master")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF not in _NO_PLACE or not os.access(path, os.R_OK):
                raise
            place = Path(stack.enter_context(tempfile.TemporaryDirectory()))
            for file in (path, path.with_name(f"{path.name}-wal")):
                if file.exists():
                    shutil.copyfile(file, place / file.name)
            database = stack.enter_context(closing(sqlite3.connect(place / path.name)))
        yield database
