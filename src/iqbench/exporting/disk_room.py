"""The disk space of an export, estimated from some photos before the first file is written."""

import shutil
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import numpy as np

from iqbench import photos
from iqbench.errors import DiskError
from iqbench.exporting.picture_files import encoded_picture
from iqbench.inference.failures import Failure
from iqbench.inference.worker import pictures_of
from iqbench.interfaces import Photo, PhotoContext, PhotoFile, Variant
from iqbench.progress import track

SAMPLED_PHOTOS = 4
"""Photos that are sampled, spread over all."""

CUT_SIDE = 512
"""Side in pixels of the centre of a photo that is encoded for the estimate."""


def estimated_bytes(files: Sequence[PhotoFile], variants: Sequence[Variant], source_files: Sequence[PhotoFile]) -> int:
    """Return about how many bytes the pictures of the photos take; 0 if no sampled photo can be read.

    The centres of some photos are degraded and encoded; the bytes of a picture are taken to grow with its pixels, and
    those of the photos that are not sampled with the bytes of their files.

    Args:
        files: The photos.
        variants: The variants of each.
        source_files: All photos of the source.
    """
    tried = files[:: max(1, -(-len(files) // SAMPLED_PHOTOS))]
    ratios = [_bytes_per_byte(file, variants, source_files) for file in track(tried, "disk space", len(tried))]
    known = [ratio for ratio in ratios if ratio]
    return round(float(np.mean(known)) * sum(map(_size, files))) if known else 0


def check_room(folder: Path, needed: int) -> int:
    """Return the number of free bytes on the disk of a folder.

    Raises:
        DiskError: If fewer are free than needed.
    """
    free = shutil.disk_usage(folder).free
    if needed > free:
        raise DiskError(
            f"{folder}: the pictures need about {in_units(needed)}, and {in_units(free)} are free; export fewer photos "
            "(data.limit=50), less damage (degradation=blur), a part (shards=4 shard=0), or to another disk (out=)"
        )
    return free


def in_units(size: int) -> str:
    """Return a number of bytes for people.

    Example:
        >>> in_units(1_234_567), in_units(98_765_432_100), in_units(512)
        ('1.2 MB', '98.8 GB', '1 kB')
    """
    for factor, unit in ((10**12, "TB"), (10**9, "GB"), (10**6, "MB")):
        if size >= factor:
            return f"{size / factor:.1f} {unit}"
    return f"{round(size / 1000)} kB"


def _bytes_per_byte(file: PhotoFile, variants: Sequence[Variant], source_files: Sequence[PhotoFile]) -> float:
    """Return the bytes of a photo's pictures over those of its file; 0 if it cannot be read."""
    try:
        decoded = photos.read(file.path, file.limits)
    except photos.PhotoError:
        return 0.0
    centre = _centre(decoded.pixels)
    total = 0
    for _, picture in pictures_of(centre, variants, PhotoContext(file, source_files)):
        if not isinstance(picture, Failure) and not isinstance(encoded := encoded_picture(picture), Failure):
            total += len(encoded)
    return total * decoded.pixels.size / centre.size / decoded.file_bytes


def _centre(photo: Photo) -> Photo:
    top, left = (max(0, (side - CUT_SIDE) // 2) for side in photo.shape[:2])
    return photo[top : top + CUT_SIDE, left : left + CUT_SIDE]


def _size(file: PhotoFile) -> int:
    with suppress(OSError):
        return file.path.stat().st_size
    return 0
