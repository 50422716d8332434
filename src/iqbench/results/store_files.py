"""The file of a store: whether it holds anything, and how it is moved out of the way."""

import logging
import sqlite3
from contextlib import closing
from itertools import count
from pathlib import Path

from iqbench.results import FILE_NAME

log = logging.getLogger(__name__)

PATIENCE = 60
"""Seconds to wait for another program that holds the store open, such as a SQLite shell."""


_NO_SHARED_MEMORY = (
    sqlite3.SQLITE_IOERR_SHMOPEN,
    sqlite3.SQLITE_IOERR_SHMSIZE,
    sqlite3.SQLITE_IOERR_SHMLOCK,
    sqlite3.SQLITE_IOERR_SHMMAP,
)
"""SQLite's errors where the index of a write-ahead log cannot be mapped, as on many network file systems."""


def connect(path: Path, patience: float) -> sqlite3.Connection:
    """Open a store for writing, also one with a write-ahead log that came to a disk without shared memory.

    Args:
        path: The file.
        patience: Seconds to wait for another program that holds it open.

    Raises:
        sqlite3.DatabaseError: If it cannot be opened.
    """
    database = sqlite3.connect(path, isolation_level=None, timeout=patience)
    return database if _can_be_read(database) else _without_log(database, path)


def start_journal(database: sqlite3.Connection, path: Path) -> sqlite3.Connection:
    """Return the connection with a write-ahead log, or with the older journal where a log cannot be shared.

    Both survive a kill at any moment. With the older one a reader waits while a photo is written.

    Raises:
        sqlite3.DatabaseError: If the store cannot be written.
    """
    database.execute("PRAGMA journal_mode=WAL")
    if not _can_be_read(database):
        database = _without_log(database, path)
        log.warning("%s: no shared memory on this file system; using SQLite's older journal", path)
    database.execute("PRAGMA synchronous=FULL")
    return database


def _can_be_read(database: sqlite3.Connection) -> bool:
    """Return whether a database can be read; False if it has a write-ahead log that cannot be shared."""
    try:
        database.execute("SELECT 1 FROM sqlite_master").fetchall()
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode in _NO_SHARED_MEMORY:
            return False
        database.close()
        raise
    return True


def _without_log(database: sqlite3.Connection, path: Path) -> sqlite3.Connection:
    """Return a new connection, after the write-ahead log was folded in: a log of one process needs no shared memory."""
    database.close()
    database = sqlite3.connect(path, isolation_level=None, timeout=PATIENCE)
    for mode in ("locking_mode=EXCLUSIVE", "journal_mode=DELETE", "locking_mode=NORMAL"):
        database.execute(f"PRAGMA {mode}").fetchall()
    database.execute("SELECT 1 FROM sqlite_master").fetchall()  # gives the lock back
    return database


def is_unused(path: Path) -> bool:
    """Return whether a file is what a run leaves that is killed before it stores anything.

    Raises:
        sqlite3.DatabaseError: If it is no database.
    """
    with closing(sqlite3.connect(path, timeout=PATIENCE)) as database:
        tables = {name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        is_ours = not tables or {"run", "photos"} <= tables
        if not is_ours or any(database.execute(f"SELECT 1 FROM {table} LIMIT 1").fetchone() for table in tables):
            return False
    log.warning("%s: empty; starting a new store", path)
    return True


def set_aside(folder: Path) -> None:
    """Rename the store in ``folder``, if there is one, so that a run there starts from the beginning."""
    path = folder / FILE_NAME
    if not path.exists():
        return
    names = (f"{FILE_NAME}.old{f'-{number}' if number > 1 else ''}" for number in count(1))
    aside = next(folder / name for name in names if not (folder / name).exists())
    path.replace(aside)
    for file in folder.glob(f"{FILE_NAME}-*"):  # the write-ahead log
        file.replace(folder / f"{aside.name}{file.name.removeprefix(FILE_NAME)}")
    log.info("%s: moved aside to %s", path, aside.name)
