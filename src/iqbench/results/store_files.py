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
