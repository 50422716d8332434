"""Decode photos in worker processes, so that a photo that kills or hangs its process costs nothing else."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from iqbench import photos
from iqbench.inference.perceptual_hash import perceptual_hash
from iqbench.inference.worker_pool import WorkerPool, available_cores
from iqbench.interfaces import STANDARD_LIMITS, Limits

TIMEOUT_SECONDS = 300
"""Time limit for decoding one photo, in seconds."""


class DecodeResult(NamedTuple):
    """The facts of a decoded photo, or the reason why it cannot be decoded.

    ``code`` is ``ok``, the code of a `PhotoError`, ``process_died`` or ``timeout``. ``look`` is the perceptual hash,
    None for a photo without one.
    """

    sha256: str | None
    file_bytes: int | None
    width: int | None
    height: int | None
    code: str
    error: str
    look: str | None = None


DIED = DecodeResult(None, None, None, None, "process_died", "the process that decoded it was killed, twice")
HUNG = DecodeResult(None, None, None, None, "timeout", "it was not decoded in time, twice")


def decode(path: Path, limits: Limits = STANDARD_LIMITS) -> DecodeResult:
    """Decode a photo within the limits and return its facts.

    Raises:
        OSError: If the machine is at fault, for instance its disk.
    """
    try:
        decoded = photos.read(path, limits)
    except photos.PhotoError as error:
        return DecodeResult(None, None, None, None, error.code, str(error))
    height, width = decoded.pixels.shape[:2]
    return DecodeResult(decoded.sha256, decoded.file_bytes, width, height, "ok", "", perceptual_hash(decoded.pixels))


def decode_all(
    paths: Sequence[Path], decode: Callable[[Path], DecodeResult] = decode
) -> Iterator[tuple[int, DecodeResult]]:
    """Yield the result of each photo with its index in ``paths``, as they are finished.

    Args:
        paths: The photos.
        decode: The function to call on each, which other processes can import.
    """
    yield from WorkerPool(available_cores(), TIMEOUT_SECONDS).as_finished(_DecodedPhotos(paths, decode))


@dataclass(frozen=True)
class _DecodedPhotos:
    paths: Sequence[Path]
    decode: Callable[[Path], DecodeResult]

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index: int) -> DecodeResult:
        return self.decode(self.paths[index])

    def substitute(self, index: int, code: str, error: str) -> DecodeResult:
        """Return the result of a photo that killed or hung two workers."""
        return HUNG if code == "timeout" else DIED
