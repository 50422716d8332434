"""Pictures on the disk until a model compares them, in one temporary file of limited size."""

import hashlib
import math
import shutil
import tempfile
import threading
import weakref
from collections import deque
from typing import IO, NamedTuple

import numpy as np

from iqbench.errors import Stopped
from iqbench.interfaces import Photo

DIGEST_BYTES = hashlib.sha256().digest_size

SHARE_OF_FREE_SPACE = 0.5
"""Share of the free space of the temporary folder that the file may take."""


class _Place(NamedTuple):
    digest: bytes
    start: int
    shape: tuple[int, ...]

    @property
    def end(self) -> int:
        return self.start + math.prod(self.shape)

    def overlaps(self, other: "_Place") -> bool:
        return self.start < other.end and other.start < self.end


class PictureFile:
    """Pictures in a temporary file, found by their SHA-256.

    The file is written round and round: a picture that would exceed the limit takes the place of the oldest ones. The
    system deletes the file when the process ends, even if it is killed. A copy in another process starts empty.

    Args:
        max_bytes: Size limit of the file; None for `SHARE_OF_FREE_SPACE`.

    Example:
        >>> pictures = PictureFile()
        >>> digest = pictures.put(np.zeros((2, 3, 3), np.uint8))
        >>> pictures.get(digest).shape
        (2, 3, 3)
    """

    def __init__(self, max_bytes: int | None = None) -> None:
        self._given_limit = max_bytes
        self._reset()

    def _reset(self) -> None:
        self._file: IO[bytes] | None = None
        self._limit, self._end = 0, 0
        self._oldest_first = deque[_Place]()
        self._places: dict[bytes, _Place] = {}
        self._lock = threading.Lock()

    def __getstate__(self) -> dict[str, int | None]:
        return {"limit": self._given_limit}

    def __setstate__(self, state: dict[str, int | None]) -> None:
        self._given_limit = state["limit"]
        self._reset()

    def put(self, picture: Photo) -> bytes:
        """Keep a picture, as the newest one, and return its SHA-256.

        Raises:
            Stopped: If the picture alone exceeds the limit.
            OSError: If the disk is full.
        """
        content = np.ascontiguousarray(picture)
        digest = hashlib.sha256(str(content.shape).encode() + content.tobytes()).digest()
        with self._lock:
            file = self._open()
            if content.nbytes > self._limit:
                raise self._too_small()
            place = self._next_place(digest, content)
            file.seek(place.start)
            file.write(content.data)
            file.flush()  # a forked worker must not inherit what is still to be written
        return digest

    def get(self, digest: bytes) -> Photo:
        """Return a picture, in memory of its own.

        Raises:
            Stopped: If newer pictures have taken its place.
        """
        with self._lock:
            place = self._places.get(digest)
            if place is None:
                raise self._too_small()
            file = self._open()
            file.seek(place.start)
            content = bytearray(file.read(place.end - place.start))
        return np.frombuffer(content, np.uint8).reshape(place.shape)

    def _open(self) -> IO[bytes]:
        if self._file is None:
            self._file = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as this object
            weakref.finalize(self, self._file.close)
            free = shutil.disk_usage(tempfile.gettempdir()).free
            self._limit = int(SHARE_OF_FREE_SPACE * free) if self._given_limit is None else self._given_limit
        return self._file

    def _next_place(self, digest: bytes, content: Photo) -> _Place:
        """Return the place behind the newest picture, or at the start, and forget the pictures that it overwrites."""
        wraps = self._end + content.nbytes > self._limit
        place = _Place(digest, 0 if wraps else self._end, content.shape)
        while self._oldest_first and (
            (wraps and self._oldest_first[0].start >= self._end) or self._oldest_first[0].overlaps(place)
        ):
            oldest = self._oldest_first.popleft()
            if self._places.get(oldest.digest) is oldest:
                del self._places[oldest.digest]
        self._end = place.end
        self._oldest_first.append(place)
        self._places[digest] = place
        return place

    def _too_small(self) -> Stopped:
        return Stopped(
            f"stopped: the pictures that wait for a comparison exceed {self._limit / 1e9:.3g} GB, half of the free "
            f"space of {tempfile.gettempdir()}; set TMPDIR to a folder on a larger disk, or show smaller pictures"
        )
