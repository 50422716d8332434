"""The store of a ranking: what is known of each photo, written photo by photo, so that a killed run is resumed."""

import json
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from iqbench.errors import DiskError, LockedError, UsageError
from iqbench.interfaces import PhotoFile
from iqbench.results.store_files import PATIENCE, connect, start_journal

FILE_NAME = "ranking.sqlite"

FORMAT = 1

_TABLES = (
    "CREATE TABLE IF NOT EXISTS run (key TEXT PRIMARY KEY, value TEXT)",
    "CREATE TABLE IF NOT EXISTS photos (name TEXT PRIMARY KEY, stamp TEXT, facts TEXT, look BLOB, thumbnail BLOB, "
    "encoding BLOB, mirrored BLOB)",
)


@dataclass(frozen=True)
class Examined:
    """What is known of a photo.

    ``look`` are the bytes of its `iqbench.culling.look.Look`, ``thumbnail`` a JPEG. ``encoding`` is the model's, and
    ``mirrored`` that of its mirror image, for the photos that measure the model's noise.
    """

    status: str = "ok"
    error: str = ""
    notes: str = ""
    width: int | None = None
    height: int | None = None
    taken: float | None = None
    offset: int | None = None
    rating: int | None = None
    sharpness: float | None = None
    subject_sharpness: float | None = None
    subject: str = ""
    look: bytes = b""
    thumbnail: bytes = b""
    encoding: Float[Tensor, "d"] | None = None
    mirrored: Float[Tensor, "d"] | None = None

    def failed(self, status: str, error: str) -> Self:
        """Return it with a failure of the model."""
        return replace(self, status=status, error=error, encoding=None)


_BLOBS = ("look", "thumbnail", "encoding", "mirrored")


class Store:
    """An open store that only this process writes to.

    Args:
        folder: The folder of the file.
        identity: What the stored facts depend on.
        fresh: Whether to start anew, whatever is there.

    Raises:
        UsageError: If it holds a ranking with another identity, or is damaged.
        DiskError: If it cannot be written.
        LockedError: If another program holds it open.
    """

    def __init__(self, folder: Path, identity: Mapping[str, Any], fresh: bool) -> None:
        self.path = folder / FILE_NAME
        if fresh:
            for file in folder.glob(f"{FILE_NAME}*"):
                file.unlink()
        with self._errors():
            self._database = start_journal(connect(self.path, PATIENCE), self.path)
            for statement in _TABLES:
                self._database.execute(statement)
            self._check({"format": FORMAT, **identity})

    def _check(self, identity: Mapping[str, Any]) -> None:
        stored = dict(self._database.execute("SELECT key, value FROM run").fetchall())
        given = {key: json.dumps(value, sort_keys=True) for key, value in identity.items()}
        differing = sorted(key for key in stored.keys() | given.keys() if stored.get(key) != given.get(key))
        if stored and differing:
            self._database.close()
            raise UsageError(
                f"{self.path.parent}: holds a ranking that differs in {', '.join(differing)}; choose another out=, or "
                "set fresh=true, which scores all photos anew"
            )
        if not stored:
            self._database.executemany("INSERT INTO run VALUES (?, ?)", sorted(given.items()))

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.OperationalError as error:
            code = error.sqlite_errorcode & 0xFF
            if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
                raise LockedError(f"{self.path}: another program holds it open ({error})") from error
            raise DiskError(f"{self.path}: cannot be written ({error}); what was stored before is intact") from error
        except sqlite3.DatabaseError as error:
            raise UsageError(f"{self.path}: damaged ({error}); set fresh=true, or choose another out=") from error

    def write(self, file: PhotoFile, examined: Examined) -> None:
        """Write what is known of a photo, in one transaction."""
        values = asdict(replace(examined, encoding=None, mirrored=None))
        facts = {key: value for key, value in values.items() if key not in _BLOBS}
        row: list[object] = [file.name, stamp_of(file.path), json.dumps(facts), examined.look, examined.thumbnail]
        row += [_packed(examined.encoding), _packed(examined.mirrored)]
        with self._errors():
            self._database.execute("INSERT OR REPLACE INTO photos VALUES (?, ?, ?, ?, ?, ?, ?)", row)

    def finished(self, files: Sequence[PhotoFile]) -> dict[str, Examined]:
        """Return what is known of the photos, by name: of those with an answer whose files have not changed since."""
        with self._errors():
            rows = {row[0]: row[1:] for row in self._database.execute("SELECT * FROM photos")}
        known = {}
        for file in files:
            if file.name in rows and rows[file.name][0] == stamp_of(file.path):
                _, facts, look, thumbnail, encoding, mirrored = rows[file.name]
                blobs: dict[str, Any] = {"encoding": _unpacked(encoding), "mirrored": _unpacked(mirrored)}
                known[file.name] = Examined(**json.loads(facts), look=look, thumbnail=thumbnail, **blobs)
        return known

    def close(self) -> None:
        """Close the store."""
        self._database.close()


def stamp_of(path: Path) -> str:
    """Return the size and the time of a file, by which a change is noticed; "" if it is not there."""
    try:
        status = path.stat()
    except OSError:
        return ""
    return f"{status.st_size}:{status.st_mtime_ns}"


def _packed(encoding: Tensor | None) -> bytes | None:
    """Return an encoding in its own precision, with a letter for that in front."""
    if encoding is None:
        return None
    array = encoding.numpy()
    return array.dtype.char.encode() + array.tobytes()


def _unpacked(data: bytes | None) -> Tensor | None:
    return None if data is None else torch.from_numpy(np.frombuffer(data[1:], dtype=data[:1].decode()).copy())
