"""What a camera and other programs wrote into a photo: when it was taken, and somebody's rating."""

from datetime import datetime
from typing import NamedTuple

from PIL import ExifTags, Image

from iqbench import photos
from iqbench.culling.sidecars import STARS, BrokenXmp, rating_in

Tag = ExifTags.Base

RATING = 0x4746
"""The EXIF tag of a rating, by Microsoft."""


class Metadata(NamedTuple):
    """When a photo was taken, and its rating.

    ``taken`` is the camera's clock in seconds since 1970, None if the photo does not tell; ``offset`` is that of the
    clock from UTC, in seconds, None if the photo does not tell. ``rating`` is None for a photo that nobody rated.
    """

    taken: float | None = None
    offset: int | None = None
    rating: int | None = None


def metadata(data: bytes) -> Metadata:
    """Return the metadata in a file's bytes. What is broken counts as missing; the time of the file says nothing."""
    exif, packet = photos.embedded(data)
    details = exif.get_ifd(ExifTags.IFD.Exif)
    taken = _seconds(details.get(Tag.DateTimeOriginal), details.get(Tag.SubsecTimeOriginal))
    return Metadata(taken, _offset(details.get(Tag.OffsetTimeOriginal)), _rating(exif, packet))


def _seconds(time: object, fraction: object) -> float | None:
    """Return an EXIF time in seconds.

    Example:
        >>> _seconds("1970:01:01 00:01:00", "25"), _seconds("0000:00:00 00:00:00", None)
        (60.25, None)
    """
    try:
        moment = datetime.strptime(str(time).strip("\0 "), "%Y:%m:%d %H:%M:%S")
        seconds = (moment - datetime(1970, 1, 1)).total_seconds()
    except ValueError:
        return None
    digits = str(fraction or "").strip("\0 ")
    return seconds + (float(f"0.{digits}") if digits.isascii() and digits.isdigit() else 0.0)


def _offset(text: object) -> int | None:
    """Return an offset from UTC in seconds.

    Example:
        >>> _offset("+02:00"), _offset("-03:30"), _offset("Z"), _offset("   :  ")
        (7200, -12600, 0, None)
    """
    plain = str(text or "").strip("\0 ")
    if plain == "Z":
        return 0
    try:
        offset = datetime.strptime(plain, "%z").utcoffset()
    except ValueError:
        return None
    return None if offset is None else round(offset.total_seconds())


def _rating(exif: Image.Exif, packet: bytes) -> int | None:
    """Return the rating in EXIF or XMP; 0 is no rating, which cameras write into every photo."""
    stars = exif.get(RATING)
    if isinstance(stars, int) and stars in STARS and stars:
        return stars
    try:
        return rating_in(packet) if packet else None
    except BrokenXmp:
        return None
