"""Answers of models behind endpoints, kept on the disk so that nothing is asked and paid twice."""

import os
import sqlite3
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from iqbench.errors import DiskError
from iqbench.models.adapters.budget import Usage
from iqbench.models.adapters.replies import Reply

FILE_NAME = "answers.sqlite"

PATIENCE = 60
"""Seconds to wait for another program that writes an answer into the same file."""

_TABLES = """
CREATE TABLE IF NOT EXISTS answers (key TEXT PRIMARY KEY, reply TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS usage (
    model TEXT PRIMARY KEY, replies INTEGER NOT NULL, tokens_in INTEGER NOT NULL, tokens_out INTEGER NOT NULL
);
"""


class AnswerCache:
    """Answers by a key of the question, and the tokens that were ever billed, in one SQLite file.

    Each answer is one transaction, so a kill loses at most the answers that are on their way. Several programs may use
    the file at once. A copy in another process opens it anew.

    Args:
        folder: The folder of the file, created if it is missing; None keeps the answers in memory.
    """

    def __init__(self, folder: Path | None) -> None:
        self.folder, self.hits = folder, 0
        self._database: sqlite3.Connection | None = None

    def __getstate__(self) -> dict[str, Path | None]:
        return {"folder": self.folder}

    def __setstate__(self, state: dict[str, Path | None]) -> None:
        self.folder, self.hits, self._database = state["folder"], 0, None

    def get(self, key: str) -> Reply | None:
        """Return the answer to a question, None if it was never asked.

        Raises:
            DiskError: If the file cannot be read.
        """
        with self._open() as database:
            row = database.execute("SELECT reply FROM answers WHERE key = ?", (key,)).fetchone()
        if row is None:
            return None
        self.hits += 1
        return Reply.from_json(row[0])

    def keep(self, model: str, reply: Reply, key: str | None) -> None:
        """Count a reply, and keep it as the answer to a question.

        Args:
            model: Whose answer it is, in words, for the count.
            reply: The reply.
            key: The question; None where the reply is no answer that can be used.

        Raises:
            DiskError: If the file cannot be written.
        """
        with self._open() as database:
            if key is not None:
                database.execute("INSERT OR REPLACE INTO answers VALUES (?, ?)", (key, reply.as_json()))
            database.execute(
                "INSERT INTO usage VALUES (?, 1, ?, ?) ON CONFLICT (model) DO UPDATE SET replies = replies + 1, "
                "tokens_in = tokens_in + excluded.tokens_in, tokens_out = tokens_out + excluded.tokens_out",
                (model, reply.tokens_in, reply.tokens_out),
            )

    def usage(self) -> dict[str, Usage]:
        """Return what was ever billed, by model.

        Raises:
            DiskError: If the file cannot be read.
        """
        with self._open() as database:
            rows = database.execute("SELECT model, replies, tokens_in, tokens_out FROM usage ORDER BY model").fetchall()
        return {model: Usage(*numbers) for model, *numbers in rows}

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        """Yield the database in a transaction."""
        place = ":memory:" if self.folder is None else self.folder / FILE_NAME
        try:
            if self._database is None:
                if self.folder is not None:
                    self.folder.mkdir(parents=True, exist_ok=True)
                self._database = sqlite3.connect(place, timeout=PATIENCE, check_same_thread=False)
                weakref.finalize(self, _close, self._database, os.getpid()).atexit = False
                self._database.executescript(_TABLES)
            with self._database:
                yield self._database
        except (sqlite3.Error, OSError) as error:
            raise DiskError(
                f"{place}: the answers of models cannot be kept here ({error}); move the file away, or choose another "
                "folder with model.cache=DIR"
            ) from error


def _close(database: sqlite3.Connection, process: int) -> None:
    if os.getpid() == process:  # a forked worker must not touch it
        database.close()
